//! APL, application layer: data records (EN 13757-3).
//!
//! ```text
//! DIF [DIFE…]  VIF [VIFE…]  [LVAR]  data
//! ```
//!
//! Length first, meaning second: where a record ends follows from DIF, LVAR and extension bits alone, so that a code
//! nobody knows never loses the rest of a telegram.

use core::fmt;

mod codes;
pub mod compact;
pub mod date;
mod daylight;
mod dif;
mod encode;
pub mod fixed;
mod names;
pub mod profile;
mod quality;
mod quantity;
mod spacing;
mod storage;
mod value;
mod vif;
mod vife;

pub use date::{Date, Moment};
pub use daylight::DaylightSaving;
pub use dif::{Dib, Function};
pub use encode::{Data, ProfilePlan, RecordPlan, TextOrder, fill, text_vib, vib};
pub use quality::Quality;
pub use quantity::{Coding, Quantity, Unit};
pub use spacing::Spacing;
pub use storage::{Dating, clock_of, date_of, dating, series_date};
pub use value::Value;
pub use vif::{Table, Vib};
pub use vife::{Event, ProfileKind, Qualifier, Qualifiers};

/// The items of an application payload, one after the other, without allocating.
#[derive(Clone, Debug)]
pub struct Records<'a> {
    payload: &'a [u8],
    position: usize,
    base: usize,
    index: usize,
    ended: bool,
    /// Where the zeros begin that the payload ends with.
    zeros: usize,
}

/// What stands in an application payload.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Item<'a> {
    /// A data record.
    Record(Record<'a>),
    /// The rest, as the maker likes it (DIF 0F or 1F).
    Manufacturer {
        /// Offset of the DIF in the telegram.
        at: usize,
        /// The octets after the DIF.
        octets: &'a [u8],
        /// More records follow in the next telegram (DIF 1F).
        more_follows: bool,
    },
    /// The rest, which is no record.
    Trailing {
        /// Offset in the telegram.
        at: usize,
        /// All that was left.
        octets: &'a [u8],
        /// Why it is no record.
        reason: TrailingReason,
    },
}

/// Why octets at the end of a payload are no record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TrailingReason {
    /// A record runs past the end.
    Truncated,
    /// More than ten DIFEs.
    TooManyDife,
    /// More than ten VIFEs.
    TooManyVife,
    /// A DIF that is reserved: often the link CRC that a receiver left behind.
    ReservedDif,
    /// A length of variable data that is reserved.
    ReservedLvar,
    /// Zeros that fill up the telegram.
    ZeroPadding,
    /// More records than any telegram has.
    TooManyRecords,
}

/// A data record: where the meter keeps a value, what it is, and its octets.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Record<'a> {
    /// Its place among the records of the telegram, from 0.
    pub index: usize,
    /// Offset of its DIF in the telegram.
    pub at: usize,
    /// All its octets.
    pub octets: &'a [u8],
    /// How and where the value is kept.
    pub dib: Dib,
    /// What the value is.
    pub vib: Vib<'a>,
    /// The data, with the LVAR in front of variable ones.
    pub data: &'a [u8],
}

impl<'a> Records<'a> {
    /// The items of a payload that begins at offset `base` of its telegram.
    pub fn new(payload: &'a [u8], base: usize) -> Self {
        Self {
            payload,
            position: 0,
            base,
            index: 0,
            ended: false,
            zeros: payload
                .iter()
                .rposition(|octet| *octet != 0)
                .map_or(0, |last| last + 1),
        }
    }

    /// The next item when one look is enough to see that it is a record, and where it ends, as with most; `None` leaves it
    /// to [`Records::next`], whatever it is.
    ///
    /// For whoever reads many telegrams: what comes from here is written straight where it is kept, and copying a record
    /// takes longer than reading it.
    #[inline(always)]
    pub fn next_plain(&mut self) -> Option<Record<'a>> {
        let rest = self.payload.get(self.position..)?;
        let special = *rest.first()? & 0x0F == 0x0F;
        if special || self.position >= self.zeros || self.index >= MAX_RECORDS {
            return None;
        }
        let (dib, head) = Dib::parse(rest).ok()?;
        let vib = Vib::unextended(rest.get(head..)?)?;
        let octets = rest.get(..head + 1 + dib.data_length()?)?;
        Some(self.record(octets, dib, vib, head + 1))
    }

    /// A filler and what is behind it, a record that takes more than a look, or what is none.
    fn other(&mut self) -> Option<Item<'a>> {
        if self.ended {
            return None;
        }
        let rest = loop {
            let rest = self.payload.get(self.position..).unwrap_or_default();
            match rest.first() {
                None => return None,
                Some(0x2F) => self.position += 1,
                Some(_) => break rest,
            }
        };
        if rest.len() >= 2 && self.position >= self.zeros {
            return self.trailing(rest, TrailingReason::ZeroPadding);
        }
        match rest.split_first() {
            Some((dif @ (0x0F | 0x1F), octets)) => {
                let (at, more_follows) = (self.base + self.position, *dif == 0x1F);
                return self.end(Item::Manufacturer {
                    at,
                    octets,
                    more_follows,
                });
            }
            Some((dif, _)) if dif & 0x0F == 0x0F => return self.trailing(rest, TrailingReason::ReservedDif),
            _ => {}
        }
        if self.index >= MAX_RECORDS {
            return self.trailing(rest, TrailingReason::TooManyRecords);
        }
        match Dib::parse(rest) {
            Ok((dib, head)) => self.extended(rest, dib, head),
            Err(reason) => self.trailing(rest, reason),
        }
    }

    /// A record whatever its VIB and length, or the reason why there is none.
    fn extended(&mut self, rest: &'a [u8], dib: Dib, head: usize) -> Option<Item<'a>> {
        let vib = match Vib::parse(rest.get(head..).unwrap_or_default()) {
            Ok(vib) => vib,
            Err(reason) => return self.trailing(rest, reason),
        };
        let head = head + vib.octets.len();
        let length = match (dib.data_length(), rest.get(head)) {
            (Some(length), _) => length,
            (None, None) => return self.trailing(rest, TrailingReason::Truncated),
            (None, Some(lvar)) => match dif::variable_length(*lvar) {
                Some(length) => 1 + length,
                None => return self.trailing(rest, TrailingReason::ReservedLvar),
            },
        };
        match rest.get(..head + length) {
            Some(octets) => Some(Item::Record(self.record(octets, dib, vib, head))),
            None => self.trailing(rest, TrailingReason::Truncated),
        }
    }

    #[inline(always)]
    fn record(&mut self, octets: &'a [u8], dib: Dib, vib: Vib<'a>, head: usize) -> Record<'a> {
        let at = self.base + self.position;
        let index = self.index;
        self.position += octets.len();
        self.index += 1;
        Record {
            index,
            at,
            octets,
            dib,
            vib,
            data: octets.get(head..).unwrap_or_default(),
        }
    }

    fn trailing(&mut self, octets: &'a [u8], reason: TrailingReason) -> Option<Item<'a>> {
        let at = self.base + self.position;
        self.end(Item::Trailing { at, octets, reason })
    }

    fn end(&mut self, item: Item<'a>) -> Option<Item<'a>> {
        self.ended = true;
        self.position = self.payload.len();
        Some(item)
    }
}

impl<'a> Iterator for Records<'a> {
    type Item = Item<'a>;

    #[inline]
    fn next(&mut self) -> Option<Item<'a>> {
        match self.next_plain() {
            Some(record) => Some(Item::Record(record)),
            None => self.other(),
        }
    }
}

impl<'a> Record<'a> {
    /// What the data say.
    pub fn value(&self) -> Value<'a> {
        Value::read(&self.dib, &self.vib, self.data)
    }

    /// DIB and VIB octets: what a compact frame leaves out.
    pub fn header(&self) -> &'a [u8] {
        self.octets
            .get(..self.octets.len() - self.data.len())
            .unwrap_or_default()
    }

    /// DIB octets.
    pub fn dib_octets(&self) -> &'a [u8] {
        let header = self.header();
        header
            .get(..header.len() - self.vib.octets.len())
            .unwrap_or_default()
    }

    /// True when the number looks like a value and is none: an empty slot, a maker's sentinel.
    #[inline]
    pub fn is_suspect(&self) -> bool {
        value::is_suspect(&self.dib, &self.vib, self.data)
    }

    /// True when the value may be used as a reading at all: no error, nothing of the maker's, nothing unknown. What the
    /// other records of the telegram say against it is told by [`Quality::of`].
    #[inline]
    pub fn is_usable(&self) -> bool {
        self.dib.function != Function::ErrorState
            && self.vib.error.is_none()
            && !self.vib.manufacturer_qualified
            && !self.vib.unknown
            && self.vib.quantity != Quantity::ManufacturerSpecific
            && !self.is_suspect()
    }

    /// True when two records have the same name: all but the data and how they are coded.
    pub fn same_key(&self, other: &Record<'_>) -> bool {
        self.vib.octets == other.vib.octets && self.dib.same_place(&other.dib)
    }
}

impl fmt::Display for TrailingReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Truncated => "a record runs past the end",
            Self::TooManyDife => "more than ten DIFEs",
            Self::TooManyVife => "more than ten VIFEs",
            Self::ReservedDif => "a reserved DIF",
            Self::ReservedLvar => "a reserved length of variable data",
            Self::ZeroPadding => "zeros that fill up the telegram",
            Self::TooManyRecords => "more records than any telegram has",
        })
    }
}

/// What the octet of an application error says (CI 70 and its relatives); no octet is code 0.
pub const fn application_error(code: u8) -> &'static str {
    match code {
        0 => "unspecified error",
        1 => "unimplemented CI-field",
        2 => "buffer too long",
        3 => "too many records",
        4 => "premature end of a record",
        5 => "more than ten DIFEs",
        6 => "more than ten VIFEs",
        8 => "application too busy",
        9 => "too many readouts",
        _ => "reserved error code",
    }
}

/// More than 64 KiB of two-octet records would be nonsense.
const MAX_RECORDS: usize = 4096;

#[cfg(test)]
mod tests;
