//! Alerts as the store keeps them: raised, still there, cleared.

use jiff::Timestamp;

use super::MeterId;

/// Something a caretaker should know about a meter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlertRow {
    /// Its number in this store; later ones are larger.
    pub id: i64,
    /// Whose.
    pub meter: MeterId,
    /// What is the matter: a name of `alerts::Kind`.
    pub kind: String,
    /// How much, in the unit of the kind.
    pub amount: Option<i64>,
    /// When it was first found.
    pub raised: Timestamp,
    /// The latest look at which it was so.
    pub seen: Timestamp,
    /// When it was first found to be so no longer.
    pub cleared: Option<Timestamp>,
}

/// What one look found out about one meter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlertFound {
    /// Whose.
    pub meter: MeterId,
    /// What about.
    pub kind: &'static str,
    /// Whether it is so; what can't be told is not reported, and leaves an open alert open.
    pub is: bool,
    /// How much, where it is so.
    pub amount: Option<i64>,
}

/// What a look changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AlertReport {
    /// Alerts that are new.
    pub raised: u64,
    /// Alerts that were there before and still are.
    pub still: u64,
    /// Alerts that are over.
    pub cleared: u64,
}

/// Which alerts to list.
#[derive(Clone, Copy, Debug)]
pub struct AlertQuery {
    /// Only those of this meter.
    pub meter: Option<MeterId>,
    /// Also those that are over.
    pub cleared: bool,
    /// Behind this one.
    pub after: Option<i64>,
    /// At most so many.
    pub limit: usize,
}
