//! APL, application layer: data records (EN 13757-3).
//!
//! ```text
//! DIF [DIFE…]  VIF [VIFE…]  [LVAR]  data
//! ```
//!
//! Length first, meaning second: where a record ends follows from DIF, LVAR and extension bits alone, so that a code
//! nobody knows never loses the rest of a telegram.

pub mod compact;
pub mod date;
mod dif;
mod encode;
pub mod fixed;
pub mod profile;
mod quantity;
mod value;
mod vif;
mod vife;

pub use date::{Date, Moment};
pub use dif::{Dib, Function};
pub use encode::{Data, RecordPlan};
pub use quantity::{Coding, Quantity, Unit};
pub use value::Value;
pub use vif::{Table, Vib};
pub use vife::{Event, ProfileKind, Qualifier};

/// The items of an application payload, one after the other, without allocating.
#[derive(Clone, Debug)]
pub struct Records<'a> {
    payload: &'a [u8],
    position: usize,
    base: usize,
    index: usize,
    ended: bool,
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
        }
    }

    fn record(&self, rest: &'a [u8]) -> Result<Record<'a>, TrailingReason> {
        let (dib, dib_length) = Dib::parse(rest)?;
        let vib = Vib::parse(rest.get(dib_length..).unwrap_or_default())?;
        let head = dib_length + vib.octets.len();
        let length = match dib.data_length() {
            Some(length) => length,
            None => {
                let lvar = *rest.get(head).ok_or(TrailingReason::Truncated)?;
                1 + dif::variable_length(lvar).ok_or(TrailingReason::ReservedLvar)?
            }
        };
        let octets = rest.get(..head + length).ok_or(TrailingReason::Truncated)?;
        let data = octets.get(head..).unwrap_or_default();
        Ok(Record {
            index: self.index,
            at: self.base + self.position,
            octets,
            dib,
            vib,
            data,
        })
    }

    fn end(&mut self, item: Item<'a>) -> Option<Item<'a>> {
        self.ended = true;
        self.position = self.payload.len();
        Some(item)
    }
}

impl<'a> Iterator for Records<'a> {
    type Item = Item<'a>;

    fn next(&mut self) -> Option<Item<'a>> {
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
        let at = self.base + self.position;
        let trailing = |reason| Item::Trailing {
            at,
            octets: rest,
            reason,
        };
        if rest.len() >= 2 && rest.iter().all(|octet| *octet == 0) {
            return self.end(trailing(TrailingReason::ZeroPadding));
        }
        match rest.split_first() {
            Some((dif @ (0x0F | 0x1F), octets)) => {
                let more_follows = *dif == 0x1F;
                return self.end(Item::Manufacturer {
                    at,
                    octets,
                    more_follows,
                });
            }
            Some((dif, _)) if dif & 0x0F == 0x0F => return self.end(trailing(TrailingReason::ReservedDif)),
            _ => {}
        }
        if self.index >= MAX_RECORDS {
            return self.end(trailing(TrailingReason::TooManyRecords));
        }
        match self.record(rest) {
            Ok(record) => {
                self.position += record.octets.len();
                self.index += 1;
                Some(Item::Record(record))
            }
            Err(reason) => self.end(trailing(reason)),
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
    pub fn is_suspect(&self) -> bool {
        value::is_suspect(&self.dib, &self.vib, self.data)
    }

    /// True when the value may be used as a reading at all: no error, no maker's qualifier, nothing unknown.
    pub fn is_usable(&self) -> bool {
        self.dib.function != Function::ErrorState
            && self.vib.error.is_none()
            && !self.vib.manufacturer_qualified
            && !self.vib.unknown
            && !self.is_suspect()
    }

    /// True for a date or time that dates the other values of its storage number.
    pub fn is_date(&self) -> bool {
        self.dib.function == Function::Instantaneous
            && matches!(self.vib.quantity, Quantity::Date | Quantity::DateTime)
            && self.vib.is_plain()
    }
}

/// The date record of a storage number: preferably with the same tariff and subunit, else any.
pub fn date_of<'a>(records: &[Record<'a>], dib: &Dib) -> Option<Record<'a>> {
    let same_storage = |record: &&Record<'a>| record.is_date() && record.dib.storage == dib.storage;
    let same_place =
        |record: &&Record<'a>| record.dib.tariff == dib.tariff && record.dib.subunit == dib.subunit;
    records
        .iter()
        .filter(same_storage)
        .find(same_place)
        .or_else(|| records.iter().find(same_storage))
        .copied()
}

/// More than 64 KiB of two-octet records would be nonsense.
const MAX_RECORDS: usize = 4096;
