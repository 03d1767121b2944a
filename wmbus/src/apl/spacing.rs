//! How far two values of a row are apart: spacing of compact profiles and storage intervals (EN 13757-3).

use super::date::{Date, Moment};

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

impl Spacing {
    /// Reads the spacing octet under the unit bits of the control octet.
    pub(super) fn parse(unit: u8, value: u8) -> Self {
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

    /// Unit bits and spacing octet; `None` for what no profile can say.
    pub(super) fn encode(self) -> Option<(u8, u8)> {
        let octet = |value: u32| u8::try_from(value).ok().filter(|value| (1..=250).contains(value));
        match self {
            Self::Columns => Some((0, 0)),
            Self::Seconds(seconds) => [(0, 1), (1, 60), (2, 3600)]
                .into_iter()
                .filter(|(_, unit)| seconds.is_multiple_of(*unit))
                .find_map(|(bits, unit)| Some((bits, octet(seconds / unit)?))),
            Self::Days(days) => Some((3, octet(u32::from(days))?)),
            Self::Months(1) => Some((3, 254)),
            Self::Months(3) => Some((2, 254)),
            Self::Months(6) => Some((1, 254)),
            Self::HalfMonths => Some((3, 253)),
            Self::Months(_) | Self::Reserved => None,
        }
    }

    /// The time that is `steps` spacings after a base (before it when negative): always counted from the base, never
    /// from a neighbour. `None` for bases that are no instant, and for spacings that are none in time.
    pub fn step(self, base: Moment, steps: i64) -> Option<Moment> {
        let shift = |date: Date| match self {
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
            ) => shift(date).map(|date| Moment::DateTime {
                date,
                hour,
                minute,
                second,
                invalid,
                summer_time,
            }),
            _ => None,
        }
    }

    /// Seconds of so many spacings; `None` where months are of different length.
    pub fn seconds(self, steps: i64) -> Option<i64> {
        match self {
            Self::Seconds(seconds) => steps.checked_mul(i64::from(seconds)),
            Self::Days(days) => steps.checked_mul(i64::from(days) * 86_400),
            _ => None,
        }
    }
}

/// Half months lie between the 1st and the 16th, or end on the 15th and on the last day; from any other day it is
/// fifteen days into the month, but not beyond it. Unverified but for the second row.
fn half_months(date: Date, count: i32) -> Option<Date> {
    let (first, second) = match date.day {
        1 | 16 => (1, 16),
        15 => (15, 31),
        _ if date.is_end_of_month() => (15, 31),
        day => (day, day + 15),
    };
    // Halves since the first half of the base's month.
    let in_second = date.day >= second || (second == 31 && date.is_end_of_month());
    let half = count.checked_add(i32::from(in_second))?;
    let month = Date { day: 1, ..date }.add_months(half.div_euclid(2))?;
    let day = if half.rem_euclid(2) == 0 { first } else { second };
    Some(Date {
        day: day.min(month.end_of_month().day),
        ..month
    })
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

#[cfg(test)]
mod tests {
    use super::*;

    fn days(base: (u16, u8, u8), spacing: Spacing, steps: &[i64]) -> alloc::vec::Vec<(u16, u8, u8)> {
        let base = Moment::Date(Date::new(base.0, base.1, base.2).unwrap());
        let day = |step: &i64| match spacing.step(base, *step) {
            Some(Moment::Date(date)) => (date.year, date.month, date.day),
            other => panic!("{other:?}"),
        };
        steps.iter().map(day).collect()
    }

    #[test]
    fn half_months_keep_their_row() {
        assert_eq!(
            days((2025, 1, 1), Spacing::HalfMonths, &[-2, -1, 1, 2, 3]),
            [
                (2024, 12, 1),
                (2024, 12, 16),
                (2025, 1, 16),
                (2025, 2, 1),
                (2025, 2, 16)
            ]
        );
        assert_eq!(
            days((2025, 2, 15), Spacing::HalfMonths, &[-1, 1, 2, 3]),
            [(2025, 1, 31), (2025, 2, 28), (2025, 3, 15), (2025, 3, 31)]
        );
        assert_eq!(
            days((2025, 2, 28), Spacing::HalfMonths, &[-1, 1, 2]),
            [(2025, 2, 15), (2025, 3, 15), (2025, 3, 31)]
        );
        assert_eq!(
            days((2025, 1, 14), Spacing::HalfMonths, &[1, 2, 3, -1]),
            [(2025, 1, 29), (2025, 2, 14), (2025, 2, 28), (2024, 12, 29)]
        );
        assert_eq!(
            days((2025, 1, 16), Spacing::HalfMonths, &[1, -1]),
            [(2025, 2, 1), (2025, 1, 1)]
        );
    }

    #[test]
    fn months_days_and_hours() {
        assert_eq!(
            days((2019, 10, 31), Spacing::Months(1), &[1, 4, -1]),
            [(2019, 11, 30), (2020, 2, 29), (2019, 9, 30)]
        );
        assert_eq!(
            days((2020, 1, 30), Spacing::Months(3), &[1, 2]),
            [(2020, 4, 30), (2020, 7, 30)]
        );
        assert_eq!(
            days((2024, 2, 28), Spacing::Days(2), &[1, -1]),
            [(2024, 3, 1), (2024, 2, 26)]
        );
        let base = Moment::Date(Date::new(2024, 12, 31).unwrap());
        let later = Spacing::Seconds(3600).step(base, 25).unwrap();
        assert_eq!(alloc::string::ToString::to_string(&later), "2025-01-01T01:00");
        assert_eq!(Spacing::Columns.step(base, 1), None);
        assert_eq!(Spacing::Days(250).step(base, i64::MAX), None);
        assert_eq!(Spacing::Months(1).step(base, i64::MAX), None);
    }

    #[test]
    fn what_is_written_is_read() {
        for unit in 0..4 {
            for value in 0..=255 {
                let spacing = Spacing::parse(unit, value);
                let Some((unit, value)) = spacing.encode() else {
                    assert_eq!(spacing, Spacing::Reserved);
                    continue;
                };
                assert_eq!(Spacing::parse(unit, value), spacing);
            }
        }
        assert_eq!(Spacing::Seconds(251).encode(), None);
        assert_eq!(Spacing::Seconds(300).encode(), Some((1, 5)));
    }
}
