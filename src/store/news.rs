//! What a commit changed, told to whoever keeps something that was made of what is stored.

use jiff::Timestamp;

use super::{ChannelId, MeterId};

/// Instants of a series at which readings came, went or became others: the first and the last of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stretch {
    /// Whose.
    pub meter: MeterId,
    /// Which series.
    pub channel: ChannelId,
    /// The first.
    pub first: Timestamp,
    /// The last; the same as the first where there is one alone.
    pub last: Timestamp,
}

/// What a commit changed, as far as answers depend on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Changed<'a> {
    /// Readings in these stretches, and neither another reading nor the registry nor a token.
    Readings(&'a [Stretch]),
    /// Anything: more than readings, or another process wrote.
    Anything,
}

/// Who wants to be told.
///
/// Told is after a commit is durable and before [`super::Store::told`] says so, by the thread that wrote or that found out.
/// What is done here holds up who writes: it should be little, and ask the store nothing.
pub trait Watcher: Send + Sync {
    /// Something was committed.
    fn committed(&self, changed: Changed<'_>);
}
