//! Storage numbers: which date stands for a value that the meter has kept (EN 13757-3, storage number).
//!
//! All values with one storage number belong to one point in time, and a date record with that number names it. It may
//! stand anywhere in the telegram, so all records are collected before any is dated.

use core::cmp::Ordering;

use super::date::Moment;
use super::dif::{Dib, Function};
use super::quantity::{Quantity, Unit};
use super::{Qualifier, Record, Spacing, Value};
use crate::decimal::Decimal;

/// When a value stands for, as far as its telegram says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Dating {
    /// No record dates this storage number.
    Undated,
    /// A record dates it and says that there is no date yet: the slot has never been filled.
    NoDate,
    /// The meter's stamp; a pattern for a date of every year.
    At(Moment),
}

impl Record<'_> {
    /// True for a date or time that dates the other values of its storage number.
    pub fn is_date(&self) -> bool {
        let width = match self.vib.quantity {
            Quantity::Date => self.dib.data_field == 2,
            // A time of day alone (type J) dates nothing.
            Quantity::DateTime => matches!(self.dib.data_field, 4 | 6),
            _ => false,
        };
        width && self.dib.function == Function::Instantaneous && self.vib.is_plain()
    }
}

/// The date record of a storage number: preferably with the same tariff and subunit, else any.
pub fn date_of<'a>(records: &[Record<'a>], dib: &Dib) -> Option<Record<'a>> {
    let same_storage = |record: &&Record<'a>| record.dib.storage == dib.storage && record.is_date();
    let same_place =
        |record: &&Record<'a>| record.dib.tariff == dib.tariff && record.dib.subunit == dib.subunit;
    records
        .iter()
        .filter(same_storage)
        .find(same_place)
        .or_else(|| records.iter().find(same_storage))
        .copied()
}

/// When the values of a storage number stand for.
///
/// With storage 0 this is the meter's clock, or a due date: it dates nothing by itself.
pub fn dating(records: &[Record<'_>], dib: &Dib) -> Dating {
    match date_of(records, dib).map(|record| record.value()) {
        None => Dating::Undated,
        Some(Value::Moment(Moment::NotSet)) => Dating::NoDate,
        Some(Value::Moment(moment)) => Dating::At(moment),
        Some(_) => Dating::NoDate,
    }
}

/// The meter's clock, where it has one that it trusts: date and time of storage 0, without the IV bit.
pub fn clock_of(records: &[Record<'_>]) -> Option<Moment> {
    records
        .iter()
        .filter(|record| record.vib.quantity == Quantity::DateTime && record.is_date())
        .filter(|record| record.dib.storage == 0)
        .filter_map(|record| record.value().moment())
        .find(|moment| matches!(moment, Moment::DateTime { invalid: false, .. }))
}

/// When a value of a plain series stands for: one interval record (FD 24 to 29) and one date at its first storage
/// number, the others spaced by the interval.
///
/// No standard says whether a higher number is older. The values do: a counter that only counts up falls with rising
/// age. `None` where there is no such series, or its values do not tell (all equal, or up and down).
pub fn series_date(records: &[Record<'_>], record: &Record<'_>) -> Option<Moment> {
    let storage = record.dib.storage;
    let interval = records
        .iter()
        .filter(|other| other.vib.quantity == Quantity::StorageInterval && other.vib.is_plain())
        .filter(|other| other.dib.function == Function::Instantaneous && other.dib.storage < storage)
        .max_by_key(|other| other.dib.storage)?;
    let first = interval.dib.storage;
    let Dating::At(base) = dating(records, &interval.dib) else {
        return None;
    };
    let spacing = spacing(interval)?;
    let steps = storage - first;
    // One pass, one array: a hostile telegram has no say in how long this takes.
    let mut row: [Option<Option<Decimal>>; MAX_SERIES] = [None; MAX_SERIES];
    for other in records {
        let number = other.dib.storage.checked_sub(first);
        let slot = number.and_then(|number| row.get_mut(usize::try_from(number).ok()?));
        let same = other.dib.same_place(&Dib {
            storage: other.dib.storage,
            ..record.dib
        });
        if let Some(slot @ None) = slot.filter(|_| same && other.vib.octets == record.vib.octets) {
            *slot = Some(other.value().number().filter(|_| !other.is_suspect()));
        }
    }
    let length = row.iter().take_while(|slot| slot.is_some()).count();
    if usize::try_from(steps).ok()? >= length {
        return None;
    }
    let values = row.iter().take(length).flatten().flatten();
    let steps = i64::try_from(steps).ok()?;
    spacing.step(base, if falls(values)? { -steps } else { steps })
}

/// True when a row never rises, false when it never falls; `None` when it does neither or both.
fn falls<'a>(mut row: impl Iterator<Item = &'a Decimal>) -> Option<bool> {
    let mut before = *row.next()?;
    let mut falls = None;
    for value in row {
        let order = value.compare(before);
        before = *value;
        if order == Ordering::Equal {
            continue;
        }
        let down = order == Ordering::Less;
        if falls.is_some_and(|falls| falls != down) {
            return None;
        }
        falls = Some(down);
    }
    falls
}

fn spacing(interval: &Record<'_>) -> Option<Spacing> {
    let count = interval
        .value()
        .number()?
        .rescale(0)
        .and_then(|count| u32::try_from(count).ok())
        .filter(|count| (1..=MAX_INTERVAL).contains(count))?;
    Some(match interval.vib.unit {
        Unit::Second => Spacing::Seconds(count),
        Unit::Minute => Spacing::Seconds(count * 60),
        Unit::Hour => Spacing::Seconds(count * 3600),
        Unit::Day => Spacing::Days(u16::try_from(count).ok()?),
        Unit::Month => Spacing::Months(u8::try_from(count).ok()?),
        Unit::Year => Spacing::Months(u8::try_from(count * 12).ok()?),
        _ => return None,
    })
}

impl Qualifier {
    /// True for the three VIFEs that make a compact profile of a record.
    pub fn is_profile(self) -> bool {
        self.profile().is_some()
    }
}

/// Hours in a century, so that no product overflows.
const MAX_INTERVAL: u32 = 876_600;

/// Longer series are not known: five years of months.
const MAX_SERIES: usize = 64;
