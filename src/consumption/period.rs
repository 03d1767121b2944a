//! Hours, days, ISO weeks, months, heating seasons and years in a site's time zone.
//!
//! A period is half open: it begins at the midnight of its first day and ends at the midnight after its last one.
//! Midnights are those of the site, so a day may have 23 or 25 hours, and where a clock change skips midnight the
//! day begins at the first instant that its calendar has.

use std::fmt;

use jiff::civil::{Date, Weekday};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

use crate::store::Grain;

/// How a range of days is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Step {
    /// An hour, counted from the midnight of its day: those of a clock change are hours like others.
    Hour,
    /// One local day.
    Day,
    /// Monday to Sunday, as ISO 8601 counts weeks.
    Week,
    /// A calendar month.
    Month,
    /// A heating season with the summer before it: 1 July to 30 June, so that a winter lies in one piece.
    Season,
    /// A calendar year.
    Year,
}

/// Some local days, without a gap, and the instants between which they lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Period {
    /// The first day; of an hour, the day it lies in.
    pub from: Date,
    /// The day after the last one.
    pub to: Date,
    /// The instant at which the first day begins.
    pub start: Timestamp,
    /// The instant at which the last day ends.
    pub end: Timestamp,
}

/// Why a range of days can't be cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PeriodError {
    /// The range ends before, or on the day, it begins.
    Empty,
    /// More periods than the limit.
    TooMany(usize),
    /// A day outside the years that calendars agree on.
    OutOfRange,
}

impl Step {
    /// All of them, finest first.
    pub const ALL: [Self; 6] = [
        Self::Hour,
        Self::Day,
        Self::Week,
        Self::Month,
        Self::Season,
        Self::Year,
    ];

    /// How fine the readings are that its periods are made of.
    pub const fn grain(self) -> Grain {
        match self {
            Self::Hour => Grain::Hours,
            Self::Day | Self::Week | Self::Month | Self::Season | Self::Year => Grain::Days,
        }
    }

    /// The word, as queries write it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Hour => "hour",
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
            Self::Season => "season",
            Self::Year => "year",
        }
    }

    /// The step with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|step| step.name() == name)
    }

    /// The first day of the next day, week, month or year.
    fn next(self, date: Date) -> Result<Date, jiff::Error> {
        match self {
            Self::Hour | Self::Day => date.tomorrow(),
            Self::Week => date.nth_weekday(1, Weekday::Monday),
            Self::Month => date.first_of_month().checked_add(1.month()),
            Self::Season => {
                // As many months on as it takes to the next July: 12 in July, 1 in June.
                let months = (18 - i32::from(date.month())) % 12 + 1;
                date.first_of_month().checked_add(months.months())
            }
            Self::Year => date.first_of_year().checked_add(1.year()),
        }
    }
}

impl Period {
    /// The days from `from` up to, but without, `to`.
    ///
    /// # Errors
    /// The range is empty, or lies outside the calendar.
    pub fn new(from: Date, to: Date, zone: &TimeZone) -> Result<Self, PeriodError> {
        if to <= from {
            return Err(PeriodError::Empty);
        }
        Ok(Self {
            from,
            to,
            start: midnight(from, zone)?,
            end: midnight(to, zone)?,
        })
    }

    /// The same days cut at the borders of the calendar; the first and the last piece may be a part of a step.
    ///
    /// # Errors
    /// More than `limit` pieces, or outside the calendar.
    pub fn cut(&self, step: Step, zone: &TimeZone, limit: usize) -> Result<Vec<Self>, PeriodError> {
        let mut pieces = Vec::new();
        let (mut from, mut start) = (self.from, self.start);
        while from < self.to {
            if pieces.len() == limit {
                return Err(PeriodError::TooMany(limit));
            }
            let to = step.next(from).map_err(|_| PeriodError::OutOfRange)?.min(self.to);
            let end = midnight(to, zone)?;
            if step == Step::Hour {
                while let Some(next) = start.checked_add(1.hour()).ok().filter(|next| *next < end) {
                    if pieces.len() == limit {
                        return Err(PeriodError::TooMany(limit));
                    }
                    pieces.push(Self {
                        from,
                        to,
                        start,
                        end: next,
                    });
                    start = next;
                }
                if pieces.len() == limit {
                    return Err(PeriodError::TooMany(limit));
                }
            }
            pieces.push(Self { from, to, start, end });
            (from, start) = (to, end);
        }
        Ok(pieces)
    }
}

/// The first instant of a day in a zone.
///
/// # Errors
/// A day at the very ends of the calendar (years −9999 and 9999).
pub fn midnight(date: Date, zone: &TimeZone) -> Result<Timestamp, PeriodError> {
    date.to_zoned_datetime(zone.clone())
        .and_then(|instant| instant.start_of_day())
        .map(|instant| instant.timestamp())
        .map_err(|_| PeriodError::OutOfRange)
}

impl fmt::Display for PeriodError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("the range has no day: it must end after the day it begins"),
            Self::TooMany(limit) => write!(
                f,
                "the range has more than {limit} periods: ask for a shorter one, or a longer step"
            ),
            Self::OutOfRange => f.write_str("the range leaves the calendar"),
        }
    }
}

impl std::error::Error for PeriodError {}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;
    use proptest::prelude::*;

    fn paris() -> TimeZone {
        TimeZone::get("Europe/Paris").unwrap()
    }

    fn hours(period: &Period) -> i64 {
        (period.end.as_second() - period.start.as_second()) / 3600
    }

    #[test]
    fn clock_changes_make_days_of_23_and_25_hours() {
        let year = Period::new(date(2026, 1, 1), date(2027, 1, 1), &paris()).unwrap();
        let days = year.cut(Step::Day, &paris(), 400).unwrap();
        assert_eq!(days.len(), 365);
        for day in &days {
            let expected = match (day.from.month(), day.from.day()) {
                (3, 29) => 23,
                (10, 25) => 25,
                _ => 24,
            };
            assert_eq!(hours(day), expected, "{}", day.from);
        }
        assert_eq!(days[0].start, "2025-12-31T23:00:00Z".parse().unwrap());
    }

    #[test]
    fn the_hours_of_a_day_are_those_that_pass() {
        let range = Period::new(date(2026, 3, 28), date(2026, 3, 30), &paris()).unwrap();
        let hours = range.cut(Step::Hour, &paris(), 100).unwrap();
        assert_eq!(hours.len(), 24 + 23);
        assert!(
            hours
                .iter()
                .all(|hour| hour.end.duration_since(hour.start).as_hours() == 1)
        );
        assert_eq!(
            (hours[24].from, hours[24].to),
            (date(2026, 3, 29), date(2026, 3, 30))
        );
        assert_eq!(range.cut(Step::Hour, &paris(), 46), Err(PeriodError::TooMany(46)));
    }

    #[test]
    fn where_midnight_is_skipped_the_day_begins_when_it_can() {
        // Beirut moved its clocks from 00:00 to 01:00.
        let zone = TimeZone::get("Asia/Beirut").unwrap();
        let day = Period::new(date(2024, 3, 31), date(2024, 4, 1), &zone).unwrap();
        assert_eq!(hours(&day), 23);
    }

    #[test]
    fn weeks_begin_on_monday_and_the_ends_may_be_parts() {
        let range = Period::new(date(2026, 1, 1), date(2026, 1, 15), &paris()).unwrap();
        let weeks: Vec<_> = range
            .cut(Step::Week, &paris(), 10)
            .unwrap()
            .iter()
            .map(|week| (week.from.day(), week.to.day()))
            .collect();
        assert_eq!(weeks, [(1, 5), (5, 12), (12, 15)]);
        let months = Period::new(date(2024, 1, 31), date(2024, 3, 1), &paris())
            .unwrap()
            .cut(Step::Month, &paris(), 10)
            .unwrap();
        assert_eq!(months.len(), 2);
        assert_eq!(months[1].from, date(2024, 2, 1));
    }

    #[test]
    fn a_heating_season_holds_one_winter() {
        let range = Period::new(date(2024, 10, 15), date(2026, 8, 1), &paris()).unwrap();
        let seasons = range.cut(Step::Season, &paris(), 10).unwrap();
        let ends: Vec<_> = seasons.iter().map(|season| season.to).collect();
        assert_eq!(ends, [date(2025, 7, 1), date(2026, 7, 1), date(2026, 8, 1)]);
        for month in 1..=12 {
            let next = Step::Season.next(date(2025, month, 17)).unwrap();
            let year = if month < 7 { 2025 } else { 2026 };
            assert_eq!(next, date(year, 7, 1), "{month}");
        }
    }

    #[test]
    fn refuses_what_is_empty_or_too_long() {
        let day = date(2026, 1, 1);
        assert_eq!(Period::new(day, day, &paris()), Err(PeriodError::Empty));
        let range = Period::new(day, date(2026, 1, 4), &paris()).unwrap();
        assert_eq!(range.cut(Step::Day, &paris(), 3).map(|days| days.len()), Ok(3));
        assert_eq!(range.cut(Step::Day, &paris(), 2), Err(PeriodError::TooMany(2)));
        assert!(Period::new(day, Date::MAX, &paris()).is_err() || Date::MAX.tomorrow().is_err());
    }

    proptest! {
        #[test]
        fn pieces_cover_the_range_without_gap_or_overlap(
            first in 0_i32..20_000, length in 1_i32..800, step in 0_usize..6, zone in 0_usize..4,
        ) {
            let zone = TimeZone::get(
                ["Europe/Paris", "America/Sao_Paulo", "Indian/Reunion", "Asia/Beirut"][zone]
            ).unwrap();
            let from = date(1990, 1, 1).checked_add(first.days()).unwrap();
            let to = from.checked_add(length.days()).unwrap();
            let range = Period::new(from, to, &zone).unwrap();
            let pieces = range.cut(Step::ALL[step], &zone, 20_000).unwrap();
            prop_assert_eq!(pieces[0].start, range.start);
            prop_assert_eq!(pieces[pieces.len() - 1].end, range.end);
            for pair in pieces.windows(2) {
                prop_assert_eq!(pair[0].end, pair[1].start);
                prop_assert!(pair[0].to == pair[1].from || Step::ALL[step] == Step::Hour);
                prop_assert!(pair[0].start < pair[0].end);
            }
        }
    }
}
