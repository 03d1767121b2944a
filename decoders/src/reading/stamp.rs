//! Dates and times as meters send them: local, of unknown zone.

use std::fmt;

use wmbus::apl::{Date, Moment};

/// A date or a time as a meter sends it: local, of unknown zone, with the precision it was sent with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stamp {
    /// A day.
    Date {
        /// Year, 1981 to 2080.
        year: u16,
        /// Month, 1 to 12.
        month: u8,
        /// Day of the month, 1 to 31.
        day: u8,
    },
    /// A minute or a second.
    DateTime {
        /// Year, 1900 to 2299.
        year: u16,
        /// Month, 1 to 12.
        month: u8,
        /// Day of the month, 1 to 31.
        day: u8,
        /// Hour, 0 to 23.
        hour: u8,
        /// Minute, 0 to 59.
        minute: u8,
        /// Second, 0 to 59, when sent.
        second: Option<u8>,
    },
    /// The same day of every year: a recurring due date.
    EveryYear {
        /// Month, 1 to 12.
        month: u8,
        /// Day of the month, 1 to 31.
        day: u8,
    },
}

impl Stamp {
    /// The stamp of a meter's date or time field; `None` when it is not set, a time of day alone, or open in other ways
    /// than "every year".
    pub fn of(moment: Moment) -> Option<Self> {
        match moment {
            Moment::Date(date) => Some(Self::date(date)),
            Moment::DateTime {
                date,
                hour,
                minute,
                second,
                ..
            } => {
                let Date { year, month, day } = date;
                Some(Self::DateTime {
                    year,
                    month,
                    day,
                    hour,
                    minute,
                    second,
                })
            }
            Moment::Pattern {
                year: None,
                month: Some(month),
                day: Some(day),
            }
            | Moment::TimePattern {
                year: None,
                month: Some(month),
                day: Some(day),
                ..
            } => Some(Self::EveryYear { month, day }),
            Moment::Pattern { .. } | Moment::TimePattern { .. } | Moment::Time { .. } | Moment::NotSet => {
                None
            }
        }
    }

    /// A day.
    pub const fn date(date: Date) -> Self {
        Self::Date {
            year: date.year,
            month: date.month,
            day: date.day,
        }
    }

    /// The day it falls on; `None` when it is a day of every year.
    pub fn day(&self) -> Option<Date> {
        match *self {
            Self::Date { year, month, day } | Self::DateTime { year, month, day, .. } => {
                Date::new(year, month, day)
            }
            Self::EveryYear { .. } => None,
        }
    }

    /// A day of every year as the last such day that is not after `today`; others as they are.
    pub fn resolved(self, today: Date) -> Self {
        let Self::EveryYear { month, day } = self else {
            return self;
        };
        let of_year = |year| Date::new(year, month, day);
        let last = of_year(today.year)
            .filter(|date| *date <= today)
            .or_else(|| of_year(today.year - 1));
        last.map_or(self, Self::date)
    }
}

impl fmt::Display for Stamp {
    /// ISO 8601: `2018-12-31`, `2019-02-20T11:32`, `--12-31` for every year.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Date { year, month, day } => write!(f, "{year:04}-{month:02}-{day:02}"),
            Self::DateTime {
                year,
                month,
                day,
                hour,
                minute,
                second,
            } => {
                write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}")?;
                second.map_or(Ok(()), |second| write!(f, ":{second:02}"))
            }
            Self::EveryYear { month, day } => write!(f, "--{month:02}-{day:02}"),
        }
    }
}
