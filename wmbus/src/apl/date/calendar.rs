//! Days of the calendar, and what lies months or days from them.

use core::fmt;

/// A day of the calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Date {
    /// Year, 1900 to 2299.
    pub year: u16,
    /// Month, 1 to 12.
    pub month: u8,
    /// Day of the month, 1 to 31.
    pub day: u8,
}

impl Date {
    /// A day, if the calendar has it.
    pub fn new(year: u16, month: u8, day: u8) -> Option<Self> {
        ((1..=12).contains(&month) && (1..=days_in_month(year, month)).contains(&day)).then_some(Self {
            year,
            month,
            day,
        })
    }

    /// The last day of its month.
    pub fn end_of_month(self) -> Self {
        Self {
            day: days_in_month(self.year, self.month),
            ..self
        }
    }

    /// True on the last day of a month.
    pub fn is_end_of_month(self) -> bool {
        self.day >= 28 && self == self.end_of_month()
    }

    /// This many months later or earlier: the same day, or the month's last if it has no such day. From the last day of
    /// a month always to the last day.
    pub fn add_months(self, months: i32) -> Option<Self> {
        let count = (i32::from(self.year) * 12 + i32::from(self.month) - 1).checked_add(months)?;
        // Without a sign, since that is divided in fewer steps; before the year 0 there is no date of ours.
        let count = u32::try_from(count).ok()?;
        let year = u16::try_from(count / 12)
            .ok()
            .filter(|year| (1900..2400).contains(year))?;
        let month = u8::try_from(count % 12 + 1).ok()?;
        let last = days_in_month(year, month);
        let day = if self.is_end_of_month() {
            last
        } else {
            self.day.min(last)
        };
        Some(Self { year, month, day })
    }

    /// This many days later or earlier, within 1900 to 2399.
    pub fn add_days(self, days: i64) -> Option<Self> {
        Self::from_day_number(self.day_number().checked_add(days)?)
    }

    /// Days since 1 March of the year 0.
    pub fn day_number(self) -> i64 {
        let (year, month) = (i64::from(self.year), i64::from(self.month));
        let (year, month) = if month < 3 {
            (year - 1, month + 9)
        } else {
            (year, month - 3)
        };
        365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + i64::from(self.day) - 1
    }

    fn from_day_number(number: i64) -> Option<Self> {
        // A thousand years, so that nothing below overflows.
        if !(600_000..1_000_000).contains(&number) {
            return None;
        }
        let mut year = u16::try_from((10_000 * number + 14_780) / 3_652_425).ok()?;
        let first = |year: u16| {
            Self {
                year,
                month: 3,
                day: 1,
            }
            .day_number()
        };
        if first(year) > number {
            year = year.checked_sub(1)?;
        }
        let rest = number - first(year);
        let shifted = (100 * rest + 52) / 3060;
        let day = u8::try_from(rest - (shifted * 306 + 5) / 10 + 1).ok()?;
        let month = u8::try_from((shifted + 2) % 12 + 1).ok()?;
        let year = if month < 3 { year + 1 } else { year };
        Self::new(year, month, day).filter(|date| (1900..2400).contains(&date.year))
    }

    /// Type G octets; `None` outside 2000 to 2080.
    pub fn to_type_g(self) -> Option<[u8; 2]> {
        let year = u8::try_from(self.year.checked_sub(2000)?)
            .ok()
            .filter(|year| *year <= 80)?;
        Some([self.day | year << 5, self.month | (year >> 3) << 4])
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

pub(super) fn days_in_month(year: u16, month: u8) -> u8 {
    let is_leap = || year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    match month {
        2 if is_leap() => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn date(year: u16, month: u8, day: u8) -> Date {
        Date::new(year, month, day).unwrap()
    }

    #[test]
    fn months_end_where_they_end() {
        let base = date(2019, 10, 31);
        assert_eq!(base.add_months(4), Some(date(2020, 2, 29)));
        assert_eq!(base.add_months(-8), Some(date(2019, 2, 28)));
        assert_eq!(date(2020, 1, 30).add_months(1), Some(date(2020, 2, 29)));
        assert_eq!(date(2019, 9, 1).add_months(14), Some(date(2020, 11, 1)));
        assert_eq!(date(2399, 12, 1).add_months(1), None);
        assert_eq!(date(2024, 1, 1).add_months(i32::MAX), None);
        assert_eq!(date(2024, 1, 1).add_days(i64::MAX / 2), None);
    }

    #[test]
    fn days_are_counted_as_the_calendar_does() {
        let mut day = date(1900, 1, 1);
        let mut count = 0;
        while let Some(next) = day.add_days(1) {
            assert_eq!(next.day_number(), day.day_number() + 1);
            assert!(next > day);
            day = next;
            count += 1;
        }
        assert_eq!(day, date(2399, 12, 31));
        assert_eq!(count, 500 * 365 + 121 - 1);
        assert_eq!(date(2024, 2, 28).add_days(2), Some(date(2024, 3, 1)));
    }
}
