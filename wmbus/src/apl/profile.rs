//! Compact profiles: a row of equally spaced values in one record (EN 13757-3, VIFE 13, 1E and 1F).
//!
//! ```text
//! LVAR  control  spacing  e1 e2 … en        control: MM increment mode, UU spacing unit, CCCC element coding
//! ```
//!
//! Base value and base time are other records with the same storage number; the row is counted from them.

use alloc::vec::Vec;

use super::date::Moment;
use super::dif::Function;
use super::value::{bcd, signed, unsigned};
use super::vife::ProfileKind;
use super::{Record, date_of};
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
    /// The element as sent; `None` for an invalid one.
    pub element: Option<Decimal>,
    /// The state of the counter; `None` when it can't be known.
    pub value: Option<Decimal>,
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

/// How far two elements are apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Spacing {
    /// Columns of an array, not apart in time.
    Columns,
    /// Seconds.
    Seconds(u32),
    /// Days.
    Days(u16),
    /// Months.
    Months(u8),
    /// Half months.
    HalfMonths,
    /// A reserved value: elements can be read, but not dated.
    Reserved,
}

impl Profile {
    /// Expands a profile record with the other records of its telegram; `None` for records that are no profile, or whose
    /// elements have a coding that is not defined.
    pub fn expand(record: &Record<'_>, records: &[Record<'_>]) -> Option<Self> {
        let kind = record.vib.profile?;
        let (lvar, content) = record.data.split_first()?;
        let [control, spacing, elements @ ..] = content else {
            return None;
        };
        if *lvar > 0xBF {
            return None;
        }
        let mode = match control >> 6 {
            0 => Mode::Absolute,
            1 => Mode::Increments,
            2 => Mode::Decrements,
            _ => Mode::Differences,
        };
        let coding = control & 0x0F;
        let size = match coding {
            1..=4 => usize::from(coding),
            6 | 0xE => 6,
            7 => 8,
            9 => 1,
            0xA => 2,
            0xB => 3,
            0xC => 4,
            _ => return None,
        };
        let spacing = Spacing::read(control >> 4 & 3, *spacing);
        let base_value = base_value(record, records);
        let base_time = date_of(records, &record.dib).and_then(|record| record.value().moment());
        let mut running = if mode == Mode::Absolute { None } else { base_value };
        let exponent = record.vib.exponent;
        let entries = elements
            .chunks_exact(size)
            .zip(1..)
            .map(|(octets, k)| {
                let element = element(octets, coding, mode).map(|mantissa| Decimal { mantissa, exponent });
                let value = match (mode, element) {
                    (Mode::Absolute, element) => element,
                    (_, None) => {
                        running = None;
                        None
                    }
                    (mode, Some(element)) => {
                        let backward = kind == ProfileKind::Inverse;
                        let adds = (mode == Mode::Decrements) == backward;
                        running = running.and_then(|value| {
                            if adds {
                                value.checked_add(element)
                            } else {
                                value.checked_sub(element)
                            }
                        });
                        running
                    }
                };
                let at = base_time.and_then(|base| spacing.from(base, k, kind));
                let storage = record
                    .dib
                    .storage
                    .saturating_add(u64::try_from(k).unwrap_or(u64::MAX));
                Entry {
                    k,
                    storage,
                    at,
                    element,
                    value,
                }
            })
            .collect();
        Some(Self {
            kind,
            mode,
            spacing,
            entries,
            rest: elements.len() % size,
        })
    }
}

impl Spacing {
    fn read(unit: u8, value: u8) -> Self {
        match (unit, value) {
            (_, 0) => Self::Columns,
            (0, 1..=250) => Self::Seconds(u32::from(value)),
            (1, 1..=250) => Self::Seconds(u32::from(value) * 60),
            (2, 1..=250) => Self::Seconds(u32::from(value) * 3600),
            (_, 1..=250) => Self::Days(u16::from(value)),
            (3, 253) => Self::HalfMonths,
            (3, 254) => Self::Months(1),
            (2, 254) => Self::Months(3),
            (1, 254) => Self::Months(6),
            _ => Self::Reserved,
        }
    }

    /// The time of element `k`, always counted from the base and never from its neighbour.
    fn from(self, base: Moment, k: usize, kind: ProfileKind) -> Option<Moment> {
        let steps = i64::try_from(k).ok()?;
        let steps = if kind == ProfileKind::Inverse {
            -steps
        } else {
            steps
        };
        let shift = |date: super::Date| match self {
            Self::Days(days) => date.add_days(steps.checked_mul(i64::from(days))?),
            Self::Months(months) => {
                date.add_months(i32::try_from(steps.checked_mul(i64::from(months))?).ok()?)
            }
            Self::HalfMonths => half_months(date, i32::try_from(steps).ok()?),
            Self::Columns | Self::Reserved | Self::Seconds(_) => None,
        };
        match (self, base) {
            (Self::Seconds(seconds), base) => add_seconds(base, steps.checked_mul(i64::from(seconds))?),
            (_, Moment::Date(date)) => shift(date).map(Moment::Date),
            (
                _,
                Moment::DateTime {
                    date,
                    hour,
                    minute,
                    second,
                    invalid,
                    summer_time,
                },
            ) => {
                let date = shift(date)?;
                Some(Moment::DateTime {
                    date,
                    hour,
                    minute,
                    second,
                    invalid,
                    summer_time,
                })
            }
            _ => None,
        }
    }
}

/// The record that an incremental row is counted from: all the same but the coding.
fn base_value(profile: &Record<'_>, records: &[Record<'_>]) -> Option<Decimal> {
    let same_place = |record: &&Record<'_>| {
        let (a, b) = (record.dib, profile.dib);
        record.vib.profile.is_none()
            && (a.storage, a.tariff, a.subunit, a.function) == (b.storage, b.tariff, b.subunit, b.function)
            && (record.vib.table, record.vib.quantity, record.vib.unit)
                == (profile.vib.table, profile.vib.quantity, profile.vib.unit)
            && record
                .vib
                .qualifiers()
                .eq(profile.vib.qualifiers().filter(|other| other.profile().is_none()))
    };
    records
        .iter()
        .filter(same_place)
        .find(|record| record.dib.function != Function::ErrorState)
        .and_then(|record| record.value().number())
}

/// An element's integer; increments and decrements are never negative, so that all ones mean "no value".
fn element(octets: &[u8], coding: u8, mode: Mode) -> Option<i64> {
    if coding >= 9 {
        return bcd(octets)
            .filter(|number| *number >= 0 || matches!(mode, Mode::Absolute | Mode::Differences))
            .filter(|_| !is_leaked_invalid(octets));
    }
    match mode {
        Mode::Increments | Mode::Decrements if octets.iter().all(|octet| *octet == 0xFF) => None,
        Mode::Increments | Mode::Decrements => unsigned(octets),
        Mode::Absolute | Mode::Differences => {
            let all_ones = octets.len() >= 2 && octets.iter().all(|octet| *octet == 0xFF);
            // An absolute −1 is an empty slot; a difference of −1 is a difference.
            let empty = all_ones && mode == Mode::Absolute;
            (!is_leaked_invalid(octets) && !empty)
                .then(|| signed(octets))
                .flatten()
        }
    }
}

/// `00 … 80`: the invalid pattern of a signed integer, which leaks into digits as well.
fn is_leaked_invalid(octets: &[u8]) -> bool {
    octets
        .split_last()
        .is_some_and(|(last, rest)| *last == 0x80 && rest.iter().all(|octet| *octet == 0))
}

/// Half months end on the 15th and on the last day, or begin on the 1st and 16th (unverified beyond those).
fn half_months(date: super::Date, count: i32) -> Option<super::Date> {
    let (whole, odd) = (count.div_euclid(2), count.rem_euclid(2) == 1);
    if date.day == 15 || date.is_end_of_month() {
        // Count half-month ends: the 15th is an odd one.
        let position = whole_position(date) + count;
        let month = super::Date { day: 1, ..date }.add_months(position.div_euclid(2))?;
        return Some(if position.rem_euclid(2) == 0 {
            super::Date { day: 15, ..month }
        } else {
            month.end_of_month()
        });
    }
    let month = super::Date { day: 1, ..date }.add_months(whole)?;
    let day = match (date.day, odd) {
        (16.., true) => {
            let next = month.add_months(1)?;
            return super::Date::new(next.year, next.month, date.day - 15).or(Some(next.end_of_month()));
        }
        (day, true) => day + 15,
        (day, false) => day,
    };
    super::Date::new(month.year, month.month, day).or(Some(month.end_of_month()))
}

/// 0 for the 15th, 1 for the end of the month.
fn whole_position(date: super::Date) -> i32 {
    i32::from(date.day != 15)
}

fn add_seconds(base: Moment, seconds: i64) -> Option<Moment> {
    let (date, hour, minute, second, invalid, summer_time) = match base {
        Moment::Date(date) => (date, 0, 0, None, false, false),
        Moment::DateTime {
            date,
            hour,
            minute,
            second,
            invalid,
            summer_time,
        } => (date, hour, minute, second, invalid, summer_time),
        _ => return None,
    };
    let of_day = i64::from(hour) * 3600 + i64::from(minute) * 60 + i64::from(second.unwrap_or(0));
    let total = of_day.checked_add(seconds)?;
    let date = date.add_days(total.div_euclid(86_400))?;
    let of_day = u32::try_from(total.rem_euclid(86_400)).ok()?;
    let field = |value: u32| u8::try_from(value).unwrap_or(0);
    let second_now = field(of_day % 60);
    Some(Moment::DateTime {
        date,
        hour: field(of_day / 3600),
        minute: field(of_day / 60 % 60),
        second: (second.is_some() || second_now != 0).then_some(second_now),
        invalid,
        summer_time,
    })
}
