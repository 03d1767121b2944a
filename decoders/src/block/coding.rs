//! How octets of a maker's layout make a number or a date, and back.

use wmbus::apl::Date;
use wmbus::apl::date::{to_type_f, to_type_i, type_f, type_g, type_i};

use crate::reading::Stamp;

/// The coding of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Coding {
    Unsigned(usize),
    UnsignedBig(usize),
    Signed(usize),
    Bcd(usize),
    /// Sixteen bits, of which eight are 256ths: exact, as steps of 10⁻⁸.
    Fixed8,
    DateG,
    /// Day bits 0–4, month bits 5–8, year bits 9–15.
    DateP,
    /// Day bits 0–4, month bits 5–8: every year.
    DayP,
    /// Day bits 4–8, month bits 9–12; the year follows from the due date.
    DateT,
    /// As P, but day and month count from zero.
    DateP0,
    /// Day, month and year of the century, as digits.
    DateDigits,
    DateTimeF,
    DateTimeI,
}

/// A date, or a day and month whose year follows from elsewhere.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Partial {
    Whole(Stamp),
    NoYear { month: u8, day: u8 },
}

impl Coding {
    pub(crate) fn new(text: &str) -> Result<Self, String> {
        let found = NAMES.iter().find(|(name, _)| *name == text);
        found.map(|(_, coding)| *coding).ok_or_else(|| {
            let known: Vec<_> = NAMES.iter().map(|(name, _)| *name).collect();
            format!("type = {text:?}: write one of {}", known.join(", "))
        })
    }

    /// Octets it takes.
    pub(crate) fn width(self) -> usize {
        match self {
            Self::Unsigned(width) | Self::UnsignedBig(width) | Self::Signed(width) | Self::Bcd(width) => {
                width
            }
            Self::Fixed8 | Self::DateG | Self::DateP | Self::DayP | Self::DateT | Self::DateP0 => 2,
            Self::DateDigits => 3,
            Self::DateTimeF => 4,
            Self::DateTimeI => 6,
        }
    }

    pub(crate) fn is_date(self) -> bool {
        !matches!(
            self,
            Self::Unsigned(_) | Self::UnsignedBig(_) | Self::Signed(_) | Self::Bcd(_) | Self::Fixed8
        )
    }

    /// The number; `None` for digits that are none, and for dates.
    pub(crate) fn number(self, octets: &[u8]) -> Option<i64> {
        let mut wide = [0; 8];
        match self {
            Self::Unsigned(width) => {
                wide.get_mut(..width)?.copy_from_slice(octets);
                i64::try_from(u64::from_le_bytes(wide)).ok()
            }
            Self::UnsignedBig(width) => {
                wide.get_mut(8 - width..)?.copy_from_slice(octets);
                i64::try_from(u64::from_be_bytes(wide)).ok()
            }
            Self::Signed(width) => {
                let negative = octets.last()? & 0x80 != 0;
                wide = [if negative { 0xFF } else { 0 }; 8];
                wide.get_mut(..width)?.copy_from_slice(octets);
                Some(i64::from_le_bytes(wide))
            }
            Self::Fixed8 => octets
                .first_chunk()
                .map(|octets| i64::from(u16::from_le_bytes(*octets)) * STEP_256),
            Self::Bcd(_) => octets.iter().rev().try_fold(0_i64, |number, octet| {
                Some(number * 100 + i64::from(digits(*octet)?))
            }),
            _ => None,
        }
    }

    /// The octets of a number; `None` when it does not fit.
    pub(crate) fn write(self, value: i64) -> Option<Vec<u8>> {
        let octets = match self {
            Self::Unsigned(width) => u64::try_from(value).ok()?.to_le_bytes().get(..width)?.to_vec(),
            Self::UnsignedBig(width) => u64::try_from(value)
                .ok()?
                .to_be_bytes()
                .get(8 - width..)?
                .to_vec(),
            Self::Signed(width) => value.to_le_bytes().get(..width)?.to_vec(),
            Self::Fixed8 => return Some(u16::try_from(value / STEP_256).ok()?.to_le_bytes().to_vec()),
            Self::Bcd(width) => {
                let mut rest = u64::try_from(value).ok()?;
                let mut octets = Vec::with_capacity(width);
                for _ in 0..width {
                    octets.push(two_digits(u8::try_from(rest % 100).ok()?));
                    rest /= 100;
                }
                octets
            }
            _ => return None,
        };
        (self.number(&octets) == Some(value)).then_some(octets)
    }

    /// The date; `None` for one that is not set or impossible, and for numbers.
    pub(crate) fn stamp(self, octets: &[u8]) -> Option<Partial> {
        let word = octets.first_chunk().map(|octets| u16::from_le_bytes(*octets));
        let small = |value: u16| u8::try_from(value).unwrap_or(0);
        let day =
            |year, month, day| Date::new(year, month, day).map(|date| Partial::Whole(Stamp::date(date)));
        let moment = match self {
            Self::DateG => type_g(*octets.first_chunk()?),
            Self::DateTimeF => type_f(*octets.first_chunk()?),
            Self::DateTimeI => type_i(*octets.first_chunk()?),
            Self::DateP => {
                let value = word?;
                return day(2000 + (value >> 9), small(value >> 5 & 15), small(value & 31));
            }
            Self::DateP0 => {
                let value = word.filter(|value| *value != 0)?;
                return day(
                    2000 + (value >> 9),
                    small(value >> 5 & 15) + 1,
                    small(value & 31) + 1,
                );
            }
            Self::DateDigits => {
                let [d, m, y] = *octets.first_chunk()?;
                return day(2000 + u16::from(digits(y)?), digits(m)?, digits(d)?);
            }
            Self::DayP => {
                let value = word?;
                let (month, day) = (small(value >> 5 & 15), small(value & 31));
                return Date::new(2000, month, day).map(|_| Partial::Whole(Stamp::EveryYear { month, day }));
            }
            Self::DateT => {
                let value = word?;
                let (month, day) = (small(value >> 9 & 15), small(value >> 4 & 31));
                return (month > 0 && day > 0).then_some(Partial::NoYear { month, day });
            }
            _ => None,
        };
        moment.and_then(Stamp::of).map(Partial::Whole)
    }

    /// The octets of a date; `None` when the coding can't hold it.
    pub(crate) fn write_date(self, stamp: Stamp) -> Option<Vec<u8>> {
        if let (Self::DayP, Stamp::EveryYear { month, day }) = (self, stamp) {
            return Some((u16::from(day) | u16::from(month) << 5).to_le_bytes().to_vec());
        }
        let date = stamp.day()?;
        let (day, month) = (u16::from(date.day), u16::from(date.month));
        let year = || date.year.checked_sub(2000).filter(|year| *year < 100);
        let (hour, minute, second) = match stamp {
            Stamp::DateTime {
                hour, minute, second, ..
            } => (hour, minute, second.unwrap_or(0)),
            _ => (0, 0, 0),
        };
        Some(match self {
            Self::DateG => date.to_type_g()?.to_vec(),
            Self::DateP => (day | month << 5 | year()? << 9).to_le_bytes().to_vec(),
            Self::DateP0 => ((day - 1) | (month - 1) << 5 | year()? << 9)
                .to_le_bytes()
                .to_vec(),
            Self::DateDigits => [date.day, date.month, u8::try_from(year()?).ok()?]
                .map(two_digits)
                .to_vec(),
            Self::DayP => (day | month << 5).to_le_bytes().to_vec(),
            Self::DateT => (day << 4 | month << 9 | (date.year & 1) << 13)
                .to_le_bytes()
                .to_vec(),
            Self::DateTimeF => to_type_f(date, hour, minute)?.to_vec(),
            Self::DateTimeI => to_type_i(date, hour, minute, second)?.to_vec(),
            _ => return None,
        })
    }
}

/// The number of two decimal digits.
fn digits(octet: u8) -> Option<u8> {
    let (high, low) = (octet >> 4, octet & 15);
    (high <= 9 && low <= 9).then_some(high * 10 + low)
}

/// Two decimal digits of a number below 100.
fn two_digits(number: u8) -> u8 {
    (number / 10) << 4 | (number % 10)
}

/// A 256th in steps of 10⁻⁸.
const STEP_256: i64 = 390_625;

/// As pages write them.
const NAMES: [(&str, Coding); 27] = [
    ("u8", Coding::Unsigned(1)),
    ("u16", Coding::Unsigned(2)),
    ("u24", Coding::Unsigned(3)),
    ("u32", Coding::Unsigned(4)),
    ("u48", Coding::Unsigned(6)),
    ("u16be", Coding::UnsignedBig(2)),
    ("u24be", Coding::UnsignedBig(3)),
    ("u32be", Coding::UnsignedBig(4)),
    ("i8", Coding::Signed(1)),
    ("i16", Coding::Signed(2)),
    ("i24", Coding::Signed(3)),
    ("i32", Coding::Signed(4)),
    ("u8.8", Coding::Fixed8),
    ("bcd1", Coding::Bcd(1)),
    ("bcd2", Coding::Bcd(2)),
    ("bcd3", Coding::Bcd(3)),
    ("bcd4", Coding::Bcd(4)),
    ("bcd5", Coding::Bcd(5)),
    ("bcd6", Coding::Bcd(6)),
    ("date_g", Coding::DateG),
    ("date_p", Coding::DateP),
    ("date_p0", Coding::DateP0),
    ("date_t", Coding::DateT),
    ("date_dmy", Coding::DateDigits),
    ("day_p", Coding::DayP),
    ("datetime_f", Coding::DateTimeF),
    ("datetime_i", Coding::DateTimeI),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_there_and_back() {
        for (name, coding) in NAMES.iter().filter(|(_, coding)| !coding.is_date()) {
            for value in [0, 1, 42] {
                let value = if *coding == Coding::Fixed8 {
                    value * STEP_256
                } else {
                    value
                };
                let octets = coding.write(value).unwrap();
                assert_eq!(octets.len(), coding.width(), "{name}");
                assert_eq!(coding.number(&octets), Some(value), "{name}");
            }
        }
        assert_eq!(Coding::Signed(2).number(&[0xFE, 0xFF]), Some(-2));
        assert_eq!(Coding::Unsigned(1).write(256), None);
        assert_eq!(Coding::Bcd(1).number(&[0x1A]), None);
    }

    #[test]
    fn dates_there_and_back() {
        let stamp = Stamp::date(Date::new(2026, 11, 25).unwrap());
        for (name, coding) in NAMES.iter().filter(|(_, coding)| coding.is_date()) {
            let octets = coding.write_date(stamp).unwrap();
            assert_eq!(octets.len(), coding.width(), "{name}");
            match coding.stamp(&octets) {
                Some(Partial::Whole(read)) => {
                    assert!(read.day() == stamp.day() || read == Stamp::EveryYear { month: 11, day: 25 });
                }
                Some(Partial::NoYear { month, day }) => assert_eq!((month, day), (11, 25)),
                None => panic!("{name}"),
            }
        }
        assert!(Coding::DateG.stamp(&[0xFF, 0xFF]).is_none());
        assert!(Coding::DateP0.stamp(&[0, 0]).is_none());
    }
}
