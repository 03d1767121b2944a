//! Dates and times of meters: types G, F, I and J (EN 13757-3). Local, of unknown zone, with the meter's own flags.
//!
//! ```text
//! G   y y y D D D D D   Y Y Y Y M M M M                                  day, month, year (low three bits first)
//! F   I . m m m m m m   S h h H H H H H   (G)                            minute, hour, hundred years
//! I   L S s s s s s s   I + m m m m m m   W W W H H H H H   (G)  week    second, minute, hour, weekday
//! J   second, minute, hour
//! ```
//!
//! A field of all ones means "every". What has no instant is a pattern, never the year 2127.

use core::fmt;

mod calendar;
mod read;
mod write;

pub use calendar::Date;
pub use read::{CalendarNotes, calendar_notes, type_f, type_g, type_i, type_j};
pub use write::{to_type_f, to_type_f_without_century, to_type_i, to_type_j};

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
    /// A day and time with something left open.
    TimePattern {
        /// The year, `None` for every.
        year: Option<u16>,
        /// The month, `None` for every.
        month: Option<u8>,
        /// The day, `None` for every.
        day: Option<u8>,
        /// The hour, `None` for every.
        hour: Option<u8>,
        /// The minute, `None` for every.
        minute: Option<u8>,
        /// The second in type I, `None` for every, and in type F.
        second: Option<u8>,
        /// IV: the meter says that its clock is not to be trusted.
        invalid: bool,
    },
    /// All zeros: never set.
    NotSet,
}

impl Moment {
    /// True when this is later than `other`: by days when one of the two is only a day. False for patterns.
    pub fn is_after(&self, other: &Self) -> bool {
        let (Some((day, time)), Some((other_day, other_time))) = (self.when(), other.when()) else {
            return false;
        };
        day > other_day || day == other_day && time.zip(other_time).is_some_and(|(a, b)| a > b)
    }

    /// The day and the second of that day.
    fn when(&self) -> Option<(Date, Option<u32>)> {
        match *self {
            Self::Date(date) => Some((date, None)),
            Self::DateTime {
                date,
                hour,
                minute,
                second,
                ..
            } => {
                let second = u32::from(second.unwrap_or(0));
                let time = u32::from(hour) * 3600 + u32::from(minute) * 60 + second;
                Some((date, Some(time)))
            }
            _ => None,
        }
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
            Self::TimePattern {
                year,
                month,
                day,
                hour,
                minute,
                second,
                ..
            } => {
                write!(f, "{}T", Self::Pattern { year, month, day })?;
                open(f, hour.map(u16::from), 2)?;
                f.write_str(":")?;
                open(f, minute.map(u16::from), 2)?;
                second.map_or(Ok(()), |second| write!(f, ":{second:02}"))
            }
            Self::NotSet => f.write_str("not set"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn later_by_days_unless_both_know_the_time() {
        let day = Moment::Date(Date::new(2024, 5, 2).unwrap());
        let at = |hour| type_f([0, hour, 0x02, 0x35]).unwrap();
        assert!(!day.is_after(&at(3)) && !at(3).is_after(&day));
        assert!(at(4).is_after(&at(3)) && !at(3).is_after(&at(3)));
        assert!(Moment::Date(Date::new(2024, 5, 3).unwrap()).is_after(&at(23)));
        assert!(!Moment::NotSet.is_after(&day));
    }
}
