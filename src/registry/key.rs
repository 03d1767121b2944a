//! Keys of meters: read from a list, wiped from memory, printed by nobody.

use wmbus::Key;

use super::MeterId;

/// A key that a meter's telegrams may be opened with. A meter can have several, tried in their order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MeterKey {
    /// Whose telegrams.
    pub meter: MeterId,
    /// The key; its `Debug` shows nothing.
    pub key: Key,
}
