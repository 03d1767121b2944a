//! Compact profiles: a row of equally spaced values in one record (EN 13757-3, VIFE 13, 1E and 1F).
//!
//! ```text
//! LVAR  control  spacing  e1 e2 … en        control: MM increment mode, UU spacing unit, CCCC element coding
//! ```
//!
//! Base value and base time are other records with the same storage number, anywhere in the telegram; the row is counted
//! from them. Expanded entries never replace records: where the telegram has both, the record wins.

use alloc::vec::Vec;

use super::Record;
use super::date::Moment;
use super::dif::Function;
use super::quality::Quality;
use super::quantity::{Coding, Quantity};
use super::spacing::Spacing;
use super::storage::{Dating, clock_of, dating};
use super::value::{
    self, Value, bcd, is_all_ones, is_counter, is_leaked_invalid, real_number, signed, unsigned,
};
use super::vif::Vib;
use super::vife::ProfileKind;
use crate::decimal::Decimal;

/// One element of a profile, put back into time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Entry {
    /// Its place in the row, from 1.
    pub k: usize,
    /// The storage number it belongs to: that of the profile plus `k`.
    pub storage: u64,
    /// When it stands for; `None` when the base has no date or the spacing none.
    pub at: Option<Moment>,
    /// Seconds before the telegram for which it stands, where no date does; from one source.
    pub age: Option<i64>,
    /// The element as sent; `None` for an invalid one.
    pub element: Option<Decimal>,
    /// The state of the counter; `None` when it can't be known.
    pub value: Option<Decimal>,
    /// The element is an empty slot or a sentinel: the number is kept, the row has no value there.
    pub suspect: bool,
    /// The slot lies after the meter's own clock: it has not been filled.
    pub future: bool,
}

/// A profile record and its elements.
#[derive(Clone, Debug, PartialEq)]
pub struct Profile {
    /// Direction in time.
    pub kind: ProfileKind,
    /// What the elements are.
    pub mode: Mode,
    /// How far they are apart.
    pub spacing: Spacing,
    /// The elements came as binary floating point.
    pub approximate: bool,
    /// There is no value to count from: elements of an incremental row are differences only.
    pub base_missing: bool,
    /// The elements in the order sent.
    pub entries: Vec<Entry>,
    /// Octets after the last whole element.
    pub rest: usize,
}

/// What the elements of a profile are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mode {
    /// Counter states.
    Absolute,
    /// What was gained, never negative.
    Increments,
    /// What was lost, never negative.
    Decrements,
    /// Younger minus older, with sign.
    Differences,
}

/// The most entries that are expanded from one telegram.
pub const MAX_ENTRIES: usize = 4096;

/// Expands all profiles of a telegram, each with the place of its record among `records`; none when they have more than
/// [`MAX_ENTRIES`] together.
pub fn expand_all(records: &[Record<'_>]) -> Vec<(usize, Profile)> {
    let mut profiles = Vec::new();
    let mut entries = 0;
    for (place, record) in records.iter().enumerate() {
        let Some(profile) = Profile::expand(record, records) else {
            continue;
        };
        entries += profile.entries.len();
        if entries > MAX_ENTRIES {
            return Vec::new();
        }
        profiles.push((place, profile));
    }
    profiles
}

impl Profile {
    /// Expands a profile record with the other records of its telegram; `None` for records that are no profile, or whose
    /// elements have a coding that is not defined.
    pub fn expand(record: &Record<'_>, records: &[Record<'_>]) -> Option<Self> {
        let kind = record.vib.profile?;
        let [lvar @ ..=0xBF, control, spacing, elements @ ..] = record.data else {
            return None;
        };
        if usize::from(*lvar) != elements.len() + 2 {
            return None;
        }
        let mode = Mode::of(*control);
        let coding = ElementCoding::of(control & 0x0F, mode, &record.vib)?;
        let spacing = Spacing::parse(control >> 4 & 3, *spacing);
        let base = match dating(records, &record.dib) {
            Dating::At(moment) => Some(moment),
            Dating::Undated | Dating::NoDate => None,
        };
        let base_age = base_age(record, records).filter(|_| base.is_none());
        let clock = clock_of(records);
        let base_value = base_value(record, records);
        let mut running = base_value;
        let entries = elements
            .chunks_exact(coding.size)
            .zip(1_i64..)
            .map(|(octets, k)| {
                let element = coding
                    .read(octets)
                    .and_then(|element| element.scaled(&record.vib));
                let suspect = coding.is_suspect(octets);
                let usable = element.filter(|_| !suspect);
                let value = match mode {
                    Mode::Absolute => usable,
                    _ => {
                        running = running
                            .zip(usable)
                            .and_then(|(value, element)| mode.next(kind, value, element));
                        running
                    }
                };
                let steps = if kind == ProfileKind::Inverse { -k } else { k };
                let at = base.and_then(|base| spacing.step(base, steps));
                Entry {
                    k: usize::try_from(k).unwrap_or(usize::MAX),
                    storage: record.dib.storage.saturating_add(k.unsigned_abs()),
                    at,
                    age: base_age.and_then(|age| age.checked_sub(spacing.seconds(steps)?)),
                    element,
                    value,
                    suspect,
                    future: at.zip(clock).is_some_and(|(at, clock)| at.is_after(&clock)),
                }
            })
            .collect();
        Some(Self {
            kind,
            mode,
            spacing,
            approximate: coding.field == 5,
            base_missing: mode != Mode::Absolute && base_value.is_none(),
            entries,
            rest: elements.len() % coding.size,
        })
    }

    /// What speaks against an entry: what speaks against its record, and what its slot says.
    pub fn quality(&self, entry: &Entry, record: &Record<'_>, records: &[Record<'_>]) -> Quality {
        Quality {
            invalid: entry.element.is_none(),
            suspect: entry.suspect,
            approximate: self.approximate,
            future: entry.future,
            no_date: dating(records, &record.dib) == Dating::NoDate,
            time_invalid: matches!(entry.at, Some(Moment::DateTime { invalid: true, .. })),
            // A record of its own with that storage number wins.
            duplicate_key: records.iter().any(|other| {
                let same = record.dib.function == other.dib.function
                    && (record.dib.tariff, record.dib.subunit) == (other.dib.tariff, other.dib.subunit);
                other.dib.storage == entry.storage && same && other.vib.is_base_of(&record.vib)
            }),
            ..Quality::of(record, &[])
        }
    }
}

impl Mode {
    fn of(control: u8) -> Self {
        match control >> 6 {
            0 => Self::Absolute,
            1 => Self::Increments,
            2 => Self::Decrements,
            _ => Self::Differences,
        }
    }

    pub(super) fn bits(self) -> u8 {
        match self {
            Self::Absolute => 0,
            Self::Increments => 1,
            Self::Decrements => 2,
            Self::Differences => 3,
        }
    }

    /// The value after the one before it in the row.
    fn next(self, kind: ProfileKind, value: Decimal, element: Decimal) -> Option<Decimal> {
        let backward = kind == ProfileKind::Inverse;
        if (self == Self::Decrements) == backward {
            value.checked_add(element)
        } else {
            value.checked_sub(element)
        }
    }
}

/// How the elements of a row are to be read.
#[derive(Clone, Copy)]
struct ElementCoding {
    /// As the data field of a DIF.
    field: u8,
    size: usize,
    /// Negative numbers are possible: all but what was gained or lost.
    negative: bool,
    unsigned: bool,
    /// −1 is an empty slot, as in a history of single records.
    empty_slots: bool,
}

/// An element's number before and after its scale.
enum Element {
    Integer(i64),
    Real(Decimal),
}

impl ElementCoding {
    fn of(field: u8, mode: Mode, vib: &Vib<'_>) -> Option<Self> {
        let size = match field {
            1..=4 => usize::from(field),
            5 if mode == Mode::Absolute => 4,
            6 | 0xE => 6,
            7 => 8,
            9 => 1,
            0xA => 2,
            0xB => 3,
            0xC => 4,
            _ => return None,
        };
        // A row of dates or names has no numbers.
        if !matches!(vib.coding, Coding::Signed | Coding::Unsigned | Coding::Bits) {
            return None;
        }
        let gained = matches!(mode, Mode::Increments | Mode::Decrements);
        Some(Self {
            field,
            size,
            negative: !gained,
            unsigned: gained || mode == Mode::Absolute && vib.coding != Coding::Signed,
            empty_slots: mode == Mode::Absolute && is_counter(vib),
        })
    }

    /// The number of an element; `None` for an invalid one.
    fn read(self, octets: &[u8]) -> Option<Element> {
        let integer = match self.field {
            5 => return real_number(octets).map(Element::Real),
            9.. => bcd(octets).filter(|number| self.negative || *number >= 0)?,
            _ if self.unsigned => unsigned(octets).filter(|_| !is_all_ones(octets))?,
            _ => signed(octets).filter(|_| !value::is_most_negative(octets))?,
        };
        Some(Element::Integer(integer))
    }

    /// The patterns of single records that look like numbers and are none.
    fn is_suspect(self, octets: &[u8]) -> bool {
        let integer = self.field < 9 && self.field != 5 && !self.unsigned;
        let empty = self.empty_slots && integer && octets.len() >= 2 && is_all_ones(octets);
        empty || self.field >= 9 && is_leaked_invalid(octets)
    }
}

impl Element {
    fn scaled(self, vib: &Vib<'_>) -> Option<Decimal> {
        match self {
            Self::Integer(mantissa) => value::scaled(mantissa, vib),
            Self::Real(number) => Some(Decimal {
                exponent: number.exponent.checked_add(vib.exponent)?,
                ..number
            }),
        }
    }
}

/// The value that an incremental row is counted from: the record with the same name but for the profile VIFE.
fn base_value(profile: &Record<'_>, records: &[Record<'_>]) -> Option<Decimal> {
    let base = records.iter().find(|record| {
        record.dib.data_field != 0xD
            && record.dib.same_place(&profile.dib)
            && record.vib.is_base_of(&profile.vib)
    })?;
    match base.value() {
        Value::Number(number) if !base.is_suspect() => Some(number),
        _ => None,
    }
}

/// How old the base is, by an actuality duration of the same storage number.
fn base_age(profile: &Record<'_>, records: &[Record<'_>]) -> Option<i64> {
    if profile.vib.profile != Some(ProfileKind::Inverse) {
        return None;
    }
    let age = records.iter().find(|record| {
        record.vib.quantity == Quantity::ActualityDuration
            && record.vib.is_plain()
            && record.dib.function == Function::Instantaneous
            && record.dib.storage == profile.dib.storage
    })?;
    let factor = match age.vib.unit {
        super::Unit::Second => 1,
        super::Unit::Minute => 60,
        super::Unit::Hour => 3600,
        super::Unit::Day => 86_400,
        _ => return None,
    };
    age.value().number()?.rescale(0)?.checked_mul(factor)
}
