//! A batch as one octet string: short, since it is written to flash at once, and read once.
//!
//! ```text
//! form (3) | chapter | how many bases it has before this batch | items, each with its length
//!
//! item   the number of a text or a channel, and what it is: before it is first spoken of in this batch
//!        a sighting
//!        a telegram, as a whole: then it is a base, with a number       what it says, out of its seal where that can be
//!        a telegram, as what differs from a base                        put on again (`wmbus::bare`)
//!        what became of a telegram that was heard before: fragments wait for the rest of their message
//! ```
//!
//! Batches of a file follow each other in chapters. A telegram of a meter that has sent one of the same length in this
//! chapter is some ten octets. Meters stand with their addresses: a batch says the same whatever became of the store's numbers
//! for them since. Of a batch that is lost, telegrams that differ from its bases are lost as well, up to the chapter's end, and nothing
//! else.
//!
//! Integers and differences are as in [`octets`](crate::store::sqlite::octets).
//!
//! Earlier forms, all of them deflated: 1 was a row of the table `inbox`, with the store's numbers for meters and channels; 2 stood in
//! a file, each text and channel in words where it came first.

mod chapter;
mod read;
#[cfg(test)]
mod tests;
mod write;

pub(super) use chapter::Chapter;
pub(super) use read::{Before, Names, Read, items};
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
/// With addresses and words: of earlier releases.
const NAMED: u8 = 2;
/// With what differs from batches before.
const CHAPTERS: u8 = 3;
/// No batch is longer when it is unpacked.
const LARGEST: u64 = 16 << 20;
/// No more items are in a batch of a chapter.
pub(super) const MOST: usize = 500;
/// No telegram says more, with its readings.
const LONGEST: usize = 1 << 16;
/// So many texts, channels and bases are in a chapter at most.
const NAMES: usize = 1 << 14;

const TELEGRAM: u64 = 0;
const STRANGER: u64 = 1;
/// Kinds of items of a chapter: with bits for what a telegram or a sighting may have.
const TEXT: u64 = 2;
const CHANNEL: u64 = 3;
const KIND: u64 = 3;
/// Its strength was measured.
const STRENGTH: u64 = 1 << 2;
/// Its octets are out of their seal.
const BARE: u64 = 1 << 3;
/// It is a base for later ones.
const BASE: u64 = 1 << 4;
/// It differs from a base.
const DIFFERS: u64 = 1 << 5;
/// It is no telegram, but what became of one.
const AGAIN: u64 = 1 << 6;
/// No bit beyond has a meaning.
const KINDS: u64 = 1 << 7;

/// Bits of what a telegram may have or be.
const ASSUMED: u64 = 1;
const RSSI: u64 = 1 << 1;
const EVIDENCE: u64 = 1 << 2;
const OPENED: u64 = 1 << 3;
const DEVICE_TIME: u64 = 1 << 4;
const COUNTER: u64 = 1 << 5;

/// What is kept of a digest that can be made again, to tell that it was.
#[allow(clippy::cast_possible_truncation, reason = "a part of it")]
pub(super) const fn mark(digest: u64) -> u16 {
    digest as u16
}
