//! A batch as one octet string: short, since it is written to flash at once, and read once.
//!
//! ```text
//! form (2)   deflated: items, each   0 telegram | 1 stranger   and its fields
//! ```
//!
//! Integers are seven bits an octet, the low ones first; those that may be negative have their sign in the lowest bit.
//! A text is the number of an earlier one of this batch, or 0 and the text itself; a channel likewise, in words. Meters
//! stand with their addresses: a batch says the same whatever became of the store's numbers for them since.
//!
//! Form 1 was a row of the table `inbox`, with the store's numbers for meters and channels.

mod read;
#[cfg(test)]
mod tests;
mod write;

pub(super) use read::{Names, items};
pub(super) use write::Form;

/// Why octets are no batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum FormError {
    /// Of a later release.
    #[error("its form is {0}, which is not known here")]
    Form(u8),
    /// The packing does not end well.
    #[error("it can't be unpacked")]
    Packed,
    /// It ends too early, or says what no item says.
    #[error("item {0} makes no sense")]
    Item(usize),
}

/// With the store's numbers for meters and channels: of earlier releases.
const NUMBERED: u8 = 1;
/// With addresses and words.
const NAMED: u8 = 2;
/// No batch is longer when it is unpacked.
const LARGEST: u64 = 16 << 20;

const TELEGRAM: u64 = 0;
const STRANGER: u64 = 1;

/// Bits of what a telegram may have or be.
const ASSUMED: u64 = 1;
const RSSI: u64 = 1 << 1;
const EVIDENCE: u64 = 1 << 2;
const OPENED: u64 = 1 << 3;
const DEVICE_TIME: u64 = 1 << 4;
const COUNTER: u64 = 1 << 5;
