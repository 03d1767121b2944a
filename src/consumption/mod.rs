//! From dated readings to consumption: what was used at a place between two midnights, and how far to trust it.
//!
//! ```text
//! readings ─► rules ─► Index: I(t) ─┐ one meter
//!               restarts, falls     ├─► Place: all meters of a metering point, × rating factor ─► Consumption
//!             period: midnights ────┘                                           sum: a dwelling
//! ```
//!
//! Integers from end to end. Consumption over [a, b) is I(b) − I(a), where I is a function of the instant alone: a
//! month is the sum of its days and a dwelling the sum of its points to the last digit, whatever the quality. What
//! is not known is [`Quality::Missing`], never guessed. `docs/consumption.md` lists the rules. This room knows no SQL, no HTTP and no telegram.

mod average;
mod gather;
mod index;
mod period;
mod place;
mod quality;
mod reach;
mod restart;
mod rules;
mod share;
mod slots;

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod traced;

use jiff::Timestamp;

use crate::store::Source;

pub use average::{Average, FEWEST, of_site};
pub use gather::{Metered, index_channel, index_of, of_dwelling, of_dwelling_by, whole_index};
pub use index::{Edge, Gain, Index, Used};
pub use period::{Period, PeriodError, Step, midnight};
pub use place::{Amount, Consumption, Evidence, Place, Service};
pub use quality::{Flag, Flags, Quality};
pub use reach::Reach;
pub use rules::{Counter, contradicted};
pub use share::shown;
pub use slots::indexes;

/// One reading of a counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample {
    /// The instant it holds for.
    pub at: Timestamp,
    /// The counter, in the integers its channel is stored in.
    pub value: i64,
    /// Where it came from.
    pub source: Source,
    /// The meter's date for it may be wrong (a clock that is off, a stamp that leaves the day open), or it was computed
    /// from what was gained in slots: good for an estimate only.
    pub doubtful: bool,
}
