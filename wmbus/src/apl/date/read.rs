//! Date and time fields of telegrams read: types G, F, I and J.

use super::calendar::days_in_month;
use super::{Date, Moment};

/// What type I says about a date beside the date: redundant, often wrong, never used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CalendarNotes {
    /// The meter says that it is a leap year.
    pub leap_year: bool,
    /// Day of the week, 1 for Monday to 7; `None` when not given.
    pub day_of_week: Option<u8>,
    /// Week, 1 to 53; `None` when not given.
    pub week: Option<u8>,
    /// Hours by which the clock deviates for daylight saving.
    pub deviation: i8,
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
            is_possible(year, month, day).then_some(Moment::Pattern { year, month, day })
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
    let year = match (hours >> 5 & 3, year) {
        (_, 127) => None,
        // Older meters leave the hundred years at 0, which then mean 20xx as well.
        (0, year) => Some(window(year)?),
        (century, 0..=99) => Some(1900 + 100 * u16::from(century) + u16::from(year)),
        _ => return None,
    };
    let clock = Clock {
        hour: field(hours & 0x1F, 31, 24)?,
        minute: field(minutes & 0x3F, 63, 60)?,
        second: None,
        invalid: minutes & 0x80 != 0,
        summer_time: hours & 0x80 != 0,
    };
    // Month 15 is every month, and day 0 every day.
    let month = field(month, 15, 13).filter(|month| *month != Some(0))?;
    clock.at(year, month, (day > 0).then_some(day), false)
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
    let year = if year == 127 { None } else { Some(window(year)?) };
    let clock = Clock {
        hour: field(hours & 0x1F, 31, 24)?,
        minute: field(minutes & 0x3F, 63, 60)?,
        second: field(seconds & 0x3F, 63, 60)?,
        invalid: minutes & 0x80 != 0,
        summer_time: seconds & 0x40 != 0,
    };
    // Here a month of 0 is one that is not given.
    let month = match month {
        0 => None,
        1..=12 => Some(month),
        _ => return None,
    };
    clock.at(year, month, (day > 0).then_some(day), true)
}

/// What type I says beside the date.
pub fn calendar_notes(octets: [u8; 6]) -> CalendarNotes {
    let [seconds, minutes, hours, _, _, weeks] = octets;
    let hours_off = (weeks >> 6).cast_signed();
    CalendarNotes {
        leap_year: seconds & 0x80 != 0,
        day_of_week: Some(hours >> 5).filter(|day| *day != 0),
        week: Some(weeks & 0x3F).filter(|week| (1..=53).contains(week)),
        deviation: if minutes & 0x40 != 0 {
            hours_off
        } else {
            -hours_off
        },
    }
}

/// Type J, three octets; `None` when it is invalid.
pub fn type_j(octets: [u8; 3]) -> Option<Moment> {
    let [second, minute, hour] = octets;
    if octets == [0xFF; 3] {
        return None;
    }
    Some(Moment::Time {
        second: field(second & 0x3F, 63, 60)?,
        minute: field(minute & 0x3F, 63, 60)?,
        hour: field(hour & 0x1F, 31, 24)?,
    })
}

/// The time fields of types F and I, on their way to a moment.
struct Clock {
    hour: Option<u8>,
    minute: Option<u8>,
    second: Option<u8>,
    invalid: bool,
    summer_time: bool,
}

impl Clock {
    /// An instant when nothing is open, else a pattern; `None` for a day that no calendar has.
    #[inline]
    fn at(self, year: Option<u16>, month: Option<u8>, day: Option<u8>, seconds: bool) -> Option<Moment> {
        let Self {
            hour,
            minute,
            second,
            invalid,
            summer_time,
        } = self;
        if let (Some(year), Some(month), Some(day), Some(hour), Some(minute)) =
            (year, month, day, hour, minute)
            && second.is_some() == seconds
        {
            return Date::new(year, month, day).map(|date| Moment::DateTime {
                date,
                hour,
                minute,
                second,
                invalid,
                summer_time,
            });
        }
        is_possible(year, month, day).then_some(Moment::TimePattern {
            year,
            month,
            day,
            hour,
            minute,
            second,
            invalid,
        })
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

/// A field where one value means "every"; `None` for one that is neither that nor below the limit.
fn field(value: u8, every: u8, limit: u8) -> Option<Option<u8>> {
    match value {
        value if value == every => Some(None),
        value if value < limit => Some(Some(value)),
        _ => None,
    }
}

/// Whether there is such a day in some year: in an open one, 29 February is.
fn is_possible(year: Option<u16>, month: Option<u8>, day: Option<u8>) -> bool {
    let last = month.map_or(31, |month| days_in_month(year.unwrap_or(2000), month));
    day.is_none_or(|day| day <= last)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn open_and_invalid_dates_are_no_days() {
        assert_eq!(type_g([0xFF, 0xFF]), None);
        assert_eq!(type_g([0, 0]), Some(Moment::NotSet));
        assert_eq!(type_g([0xE1, 0xF1]).unwrap().to_string(), "*-01-01");
        assert_eq!(type_g([0x44, 0x37]).unwrap().to_string(), "2026-07-04");
        // 30 February, month 13.
        assert_eq!(type_g([0xDE, 0x22]), None);
        assert_eq!(type_g([0xC1, 0x2D]), None);
        assert_eq!(type_f([0x00, 0x20, 0x00, 0x00]), Some(Moment::NotSet));
        assert_eq!(type_j([63, 30, 31]).unwrap().to_string(), "*:30:*");
        assert_eq!(type_j([60, 0, 0]), None);
        assert_eq!(type_j([0xFF; 3]), None);
        // Every year, the 1st of every month; 30 February of every year.
        assert_eq!(type_g([0xE1, 0xFF]).unwrap().to_string(), "*-*-01");
        assert_eq!(type_g([0xFE, 0xF2]), None);
    }

    #[test]
    fn times_with_open_fields_are_patterns() {
        let text = |octets| type_f(octets).map(|moment| moment.to_string());
        assert_eq!(text([0x00, 0x00, 0xE1, 0xF7]).as_deref(), Some("*-07-01T00:00"));
        assert_eq!(text([0x3F, 0x1F, 0x01, 0x31]).as_deref(), Some("2024-01-01T*:*"));
        assert_eq!(text([0x00, 0x00, 0x00, 0x31]).as_deref(), Some("2024-01-*T00:00"));
        assert_eq!(
            text([0x2D, 0x26, 0x4C, 0x39]).as_deref(),
            Some("2026-09-12T06:45")
        );
        // Hour 24, minute 60, month 13, year 100, 31 February, all ones.
        for octets in [
            [0, 24, 0x01, 0x31],
            [60, 0, 0x01, 0x31],
            [0, 0, 0x01, 0x3D],
            [0, 0, 0x81, 0xC1],
            [0, 0, 0x1F, 0x32],
            [0xFF; 4],
        ] {
            assert_eq!(text(octets), None, "{octets:02X?}");
        }
        let text = |octets| type_i(octets).map(|moment| moment.to_string());
        assert_eq!(
            text([9, 14, 2, 0x44, 0x37, 5]).as_deref(),
            Some("2026-07-04T02:14:09")
        );
        assert_eq!(
            text([63, 14, 2, 0x44, 0x37, 5]).as_deref(),
            Some("2026-07-04T02:14")
        );
        assert_eq!(
            text([9, 14, 2, 0xE2, 0xF2, 5]).as_deref(),
            Some("*-02-02T02:14:09")
        );
        assert_eq!(text([0; 6]).as_deref(), Some("not set"));
        assert_eq!(text([0xFF; 6]), None);
    }

    #[test]
    fn type_i_repeats_itself() {
        let notes = calendar_notes([0xC1, 0x42, 0x03, 0x44, 0x37, 0x80]);
        assert_eq!(
            (notes.leap_year, notes.day_of_week, notes.week, notes.deviation),
            (true, None, None, 2)
        );
        let notes = calendar_notes([0x01, 0x02, 0x83, 0x44, 0x37, 0x35]);
        assert_eq!(
            (notes.leap_year, notes.day_of_week, notes.week, notes.deviation),
            (false, Some(4), Some(53), 0)
        );
    }
}
