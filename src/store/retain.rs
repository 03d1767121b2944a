//! Retention: what the store lets go of, and when.

/// How long things are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// Days that raw telegrams are kept.
    pub raw_days: u32,
    /// Days that every live reading is kept, unless it was left out when it was settled; after that the first and the last of
    /// each local hour. A day that has just ended is kept in any case.
    pub every_value_days: u32,
    /// Days that the hours are kept; after that the first and the last reading of each local day.
    pub live_days: u32,
    /// Days that an unregistered meter is remembered after it was last heard.
    pub heard_days: u32,
    /// Days that a time in which nobody listened is remembered after it ended: as long as it may explain a figure.
    pub outage_days: u32,
    /// At most so many rows are looked at in one call; what only goes from one place to another counts a tenth.
    pub rows: usize,
}

impl Default for Retention {
    fn default() -> Self {
        Self {
            raw_days: 30,
            every_value_days: 0,
            live_days: 7,
            heard_days: 7,
            outage_days: 1100,
            rows: 50_000,
        }
    }
}

/// What one call let go of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RetainReport {
    /// Raw telegrams removed.
    pub telegrams: u64,
    /// Live readings removed.
    pub readings: u64,
    /// Unregistered meters forgotten.
    pub heard: u64,
    /// Outages forgotten.
    pub outages: u64,
    /// There is more to do: call again.
    pub more: bool,
}
