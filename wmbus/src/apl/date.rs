//! Dates and times of meters: types G, F, I and J (EN 13757-3). Local, of unknown zone, with the meter's own flags.
//!
//! ```text
//! G   y y y D D D D D   Y Y Y Y M M M M                                  day, month, year (low three bits first)
//! F   I . m m m m m m   S h h H H H H H   (G)                            minute, hour, hundred years
//! I   L S s s s s s s   I . m m m m m m   W W W H H H H H   (G)  week    second, minute, hour, weekday
//! J   second, minute, hour
//! ```

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

/// What a date or time field says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Moment {
    /// A day.
    Date(Date),
    /// A minute or second of a day.
    DateTime {
        /// The day.
        date: Date,
        /// Hour, 0 to 23.
        hour: u8,
        /// Minute, 0 to 59.
        minute: u8,
        /// Second, 0 to 59, in type I.
        second: Option<u8>,
        /// IV: the meter says that its clock is not to be trusted.
        invalid: bool,
        /// The meter's clock is on summer time.
        summer_time: bool,
    },
    /// A time of day.
    Time {
        /// Hour, 0 to 23; `None` for every hour.
        hour: Option<u8>,
        /// Minute; `None` for every minute.
        minute: Option<u8>,
        /// Second; `None` for every second.
        second: Option<u8>,
    },
    /// A day with something left open: every year, every month, every day.
    Pattern {
        /// The year, `None` for every.
        year: Option<u16>,
        /// The month, `None` for every.
        month: Option<u8>,
        /// The day, `None` for every.
        day: Option<u8>,
    },
    /// All zeros: never set.
    NotSet,
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
        self == self.end_of_month()
    }

    /// This many months later or earlier: the same day, or the month's last if it has no such day. From the last day of
    /// a month always to the last day.
    pub fn add_months(self, months: i32) -> Option<Self> {
        let count = i32::from(self.year) * 12 + i32::from(self.month) - 1 + months;
        let year = u16::try_from(count.div_euclid(12))
            .ok()
            .filter(|year| (1900..2400).contains(year))?;
        let month = u8::try_from(count.rem_euclid(12) + 1).ok()?;
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

/// Type G, two octets; `None` when it is invalid.
pub fn type_g(octets: [u8; 2]) -> Option<Moment> {
    if octets == [0xFF, 0xFF] {
        return None;
    }
    let (year, month, day) = fields_g(octets);
    if (month, day) == (0, 0) {
        return Some(Moment::NotSet);
    }
    if matches!(month, 0 | 13 | 14) {
        return None;
    }
    let open_year = year == 127;
    let year_number = if open_year { None } else { Some(window(year)?) };
    match (year_number, month, day) {
        (Some(year), 1..=12, 1..) => Date::new(year, month, day).map(Moment::Date),
        (year, month, day) => {
            let month = (month <= 12).then_some(month);
            let day = (day > 0).then_some(day);
            // A leap year has every day that any year has.
            let possible = day.is_none_or(|day| day <= month.map_or(31, |month| days_in_month(2000, month)));
            possible.then_some(Moment::Pattern { year, month, day })
        }
    }
}

/// Type F, four octets; `None` when it is invalid.
pub fn type_f(octets: [u8; 4]) -> Option<Moment> {
    let [minutes, hours, low, high] = octets;
    if octets == [0xFF; 4] {
        return None;
    }
    let (year, month, day) = fields_g([low, high]);
    if (month, day) == (0, 0) {
        return Some(Moment::NotSet);
    }
    let (minute, hour, century) = (minutes & 0x3F, hours & 0x1F, u16::from(hours >> 5 & 3));
    let year = if century > 0 && year <= 99 {
        1900 + 100 * century + u16::from(year)
    } else {
        window(year)?
    };
    let date = Date::new(year, month, day)?;
    (minute < 60 && hour < 24).then_some(Moment::DateTime {
        date,
        hour,
        minute,
        second: None,
        invalid: minutes & 0x80 != 0,
        summer_time: hours & 0x80 != 0,
    })
}

/// Type I, six octets; `None` when it is invalid.
pub fn type_i(octets: [u8; 6]) -> Option<Moment> {
    let [seconds, minutes, hours, low, high, _] = octets;
    if octets == [0xFF; 6] {
        return None;
    }
    let (year, month, day) = fields_g([low, high]);
    if (month, day) == (0, 0) {
        return Some(Moment::NotSet);
    }
    let (second, minute, hour) = (seconds & 0x3F, minutes & 0x3F, hours & 0x1F);
    let date = Date::new(window(year)?, month, day)?;
    (second < 60 && minute < 60 && hour < 24).then_some(Moment::DateTime {
        date,
        hour,
        minute,
        second: Some(second),
        invalid: minutes & 0x80 != 0,
        summer_time: seconds & 0x40 != 0,
    })
}

/// Type J, three octets; `None` when it is invalid.
pub fn type_j(octets: [u8; 3]) -> Option<Moment> {
    let [second, minute, hour] = octets;
    if octets == [0xFF; 3] {
        return None;
    }
    let field = |value: u8, every: u8, limit: u8| match value {
        value if value == every => Some(None),
        value if value < limit => Some(Some(value)),
        _ => None,
    };
    Some(Moment::Time {
        second: field(second & 0x3F, 63, 60)?,
        minute: field(minute & 0x3F, 63, 60)?,
        hour: field(hour & 0x1F, 31, 24)?,
    })
}

/// Octets of type F for a minute; `None` outside 1900 to 2299. Written as newer meters do, with the hundred years.
pub fn to_type_f(date: Date, hour: u8, minute: u8) -> Option<[u8; 4]> {
    let since = date.year.checked_sub(1900)?;
    let century = u8::try_from(since / 100).ok().filter(|century| *century <= 3)?;
    let year = u8::try_from(since % 100).ok()?;
    // Year 19xx has a century of 0, which older meters use for 20xx as well.
    (century > 0 && hour < 24 && minute < 60).then_some([
        minute,
        hour | century << 5,
        date.day | year << 5,
        date.month | (year >> 3) << 4,
    ])
}

/// Octets of type I for a second; `None` outside 2000 to 2080. Weekday and week are left open.
pub fn to_type_i(date: Date, hour: u8, minute: u8, second: u8) -> Option<[u8; 6]> {
    let [low, high] = date.to_type_g()?;
    (hour < 24 && minute < 60 && second < 60).then_some([second, minute, hour, low, high, 0])
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

impl fmt::Display for Moment {
    /// ISO 8601 where there is a form for it; `*` for what is left open.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let open = |f: &mut fmt::Formatter<'_>, value: Option<u16>, width: usize| match value {
            Some(value) => write!(f, "{value:0width$}"),
            None => f.write_str("*"),
        };
        match *self {
            Self::Date(date) => date.fmt(f),
            Self::DateTime {
                date,
                hour,
                minute,
                second,
                ..
            } => {
                write!(f, "{date}T{hour:02}:{minute:02}")?;
                second.map_or(Ok(()), |second| write!(f, ":{second:02}"))
            }
            Self::Time { hour, minute, second } => {
                open(f, hour.map(u16::from), 2)?;
                f.write_str(":")?;
                open(f, minute.map(u16::from), 2)?;
                f.write_str(":")?;
                open(f, second.map(u16::from), 2)
            }
            Self::Pattern { year, month, day } => {
                open(f, year, 4)?;
                f.write_str("-")?;
                open(f, month.map(u16::from), 2)?;
                f.write_str("-")?;
                open(f, day.map(u16::from), 2)
            }
            Self::NotSet => f.write_str("not set"),
        }
    }
}

/// Year, month and day bits of a type G field.
fn fields_g([low, high]: [u8; 2]) -> (u8, u8, u8) {
    ((high >> 4) << 3 | low >> 5, high & 0x0F, low & 0x1F)
}

/// The year of a two-digit field: 0–80 are 2000 and after, 81–99 before.
fn window(year: u8) -> Option<u16> {
    match year {
        0..=80 => Some(2000 + u16::from(year)),
        81..=99 => Some(1900 + u16::from(year)),
        _ => None,
    }
}

fn days_in_month(year: u16, month: u8) -> u8 {
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    fn date(year: u16, month: u8, day: u8) -> Date {
        Date::new(year, month, day).unwrap()
    }

    #[test]
    fn open_and_invalid_dates_are_no_days() {
        assert_eq!(type_g([0xFF, 0xFF]), None);
        assert_eq!(type_g([0, 0]), Some(Moment::NotSet));
        assert_eq!(type_g([0xE1, 0xF1]).unwrap().to_string(), "*-01-01");
        assert_eq!(type_g([0xDF, 0x2C]).unwrap().to_string(), "2022-12-31");
        // 30 February, month 13.
        assert_eq!(type_g([0xDE, 0x22]), None);
        assert_eq!(type_g([0xC1, 0x2D]), None);
        assert_eq!(type_f([0x00, 0x20, 0x00, 0x00]), Some(Moment::NotSet));
        assert_eq!(type_j([63, 30, 31]).unwrap().to_string(), "*:30:*");
    }

    #[test]
    fn months_end_where_they_end() {
        let base = date(2019, 10, 31);
        assert_eq!(base.add_months(4), Some(date(2020, 2, 29)));
        assert_eq!(base.add_months(-8), Some(date(2019, 2, 28)));
        assert_eq!(date(2020, 1, 30).add_months(1), Some(date(2020, 2, 29)));
        assert_eq!(date(2019, 9, 1).add_months(14), Some(date(2020, 11, 1)));
        assert_eq!(date(2399, 12, 1).add_months(1), None);
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

    #[test]
    fn what_is_written_is_read() {
        let day = date(2026, 11, 25);
        assert_eq!(type_g(day.to_type_g().unwrap()), Some(Moment::Date(day)));
        assert_eq!(
            type_f(to_type_f(day, 23, 59).unwrap()).unwrap().to_string(),
            "2026-11-25T23:59"
        );
        assert_eq!(
            type_i(to_type_i(day, 7, 8, 9).unwrap()).unwrap().to_string(),
            "2026-11-25T07:08:09"
        );
    }
}
