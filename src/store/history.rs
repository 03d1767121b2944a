//! The history of the registry, as the store tells it.

use jiff::Timestamp;

use crate::registry::difference::FieldChange;

/// Who changes something, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct By<'a> {
    /// A token's name, or the command line and its user.
    pub who: &'a str,
    /// When.
    pub at: Timestamp,
}

/// That a request may come twice, since its answer may be lost: it is done once, and answered alike both times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Once {
    /// SHA-256 of who asks and of the key that they chose.
    pub key: [u8; 32],
    /// SHA-256 of what they ask.
    pub request: [u8; 32],
}

/// Which changes to list.
#[derive(Clone, Copy, Debug, Default)]
pub struct HistoryQuery<'a> {
    /// Only of this kind of row.
    pub noun: Option<&'a str>,
    /// Before this one: the last of the page before.
    pub before: Option<i64>,
    /// At most so many.
    pub limit: usize,
}

/// A change of one row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistoryRow {
    /// Its number; later ones are larger.
    pub id: i64,
    /// The version of the registry that it led to.
    pub version: u64,
    /// When.
    pub at: Timestamp,
    /// A token's name, or the command line and its user.
    pub who: String,
    /// What kind of row: `site`, `dwelling`, `point`, `meter`, `installation`, `factor`, `occupancy`, `key`, `erasure`.
    pub noun: String,
    /// The row's id.
    pub row: i64,
    /// What people call it.
    pub name: String,
    /// Whether the row was new.
    pub added: bool,
    /// What changed in it.
    pub fields: Vec<FieldChange>,
}
