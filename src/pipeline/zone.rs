//! A site's zone, and the midnights in it that were asked for: meters name the same days in telegram after telegram.

use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

use crate::hash::Map;

/// A zone by its name.
#[derive(Debug)]
pub(super) struct Zone {
    zone: TimeZone,
    midnights: Mutex<Map<Date, Option<Timestamp>>>,
    /// The latest day that was asked for, when it has one offset from its beginning to its end.
    latest: Mutex<Option<Day>>,
}

/// A day, and from and until when it is.
#[derive(Debug)]
struct Day {
    date: Date,
    instants: Range<Timestamp>,
}

/// Midnights that are remembered: those of some years.
const MOST: usize = 2000;

impl Zone {
    /// The zone of this name; UTC for a name that nobody knows.
    pub(super) fn named(name: &str) -> Self {
        Self {
            zone: TimeZone::get(name).unwrap_or(TimeZone::UTC),
            midnights: Mutex::default(),
            latest: Mutex::default(),
        }
    }

    /// The local day of an instant.
    pub(super) fn day(&self, at: Timestamp) -> Date {
        let mut latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(day) = latest.as_ref().filter(|day| day.instants.contains(&at)) {
            return day.date;
        }
        let date = self.zone.to_datetime(at).date();
        *latest = self.whole(date);
        date
    }

    /// A day on which no clock is put forward or back; of another, midnights don't say all.
    fn whole(&self, date: Date) -> Option<Day> {
        let (begin, end) = (self.midnight(date)?, self.midnight(date.tomorrow().ok()?)?);
        let last = end.checked_sub(1.second()).ok()?;
        let day = Day {
            date,
            instants: begin..end,
        };
        (self.zone.to_offset(begin) == self.zone.to_offset(last)).then_some(day)
    }

    /// The instant at which a day begins.
    pub(super) fn midnight(&self, day: Date) -> Option<Timestamp> {
        let mut midnights = self.midnights.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = midnights.get(&day) {
            return *known;
        }
        if midnights.len() >= MOST {
            midnights.clear();
        }
        let begins = self.instant(day.to_datetime(jiff::civil::Time::midnight()));
        midnights.insert(day, begins);
        begins
    }

    /// The instant of a local time.
    pub(super) fn instant(&self, time: DateTime) -> Option<Timestamp> {
        self.zone.to_timestamp(time).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_midnight_is_the_same_however_often_it_is_asked_for() {
        let zone = Zone::named("Europe/Paris");
        let first = Date::constant(2019, 1, 1);
        // More than are remembered, twice, over all changes of the clock.
        for _ in 0..2 {
            for day in first.series(jiff::Span::new().days(1)).take(MOST + 500) {
                let expected = day
                    .to_zoned_datetime(TimeZone::get("Europe/Paris").unwrap())
                    .unwrap()
                    .timestamp();
                assert_eq!(zone.midnight(day), Some(expected), "{day}");
                assert_eq!(zone.day(expected), day);
            }
        }
    }

    /// Clocks change in the night, at midnight, over midnight, by half an hour, and once a whole day was left out.
    #[test]
    fn the_day_of_an_instant_is_the_same_whatever_was_asked_before() {
        for name in [
            "UTC",
            "Europe/Paris",
            "America/Sao_Paulo",
            "America/Havana",
            "Australia/Lord_Howe",
            "Pacific/Apia",
            "Asia/Beirut",
        ] {
            let zone = Zone::named(name);
            let jiff = TimeZone::get(name).unwrap();
            let first: Timestamp = "2010-10-01T00:00:00Z".parse().unwrap();
            // Quarters of an hour over two years, and back again in longer steps.
            let forth = (0..70_000).map(|step| step * 900);
            let back = (0..7_000).rev().map(|step| step * 9_001);
            for seconds in forth.chain(back) {
                let at = first + jiff::SignedDuration::from_secs(seconds);
                assert_eq!(zone.day(at), jiff.to_datetime(at).date(), "{name}: {at}");
            }
        }
    }

    #[test]
    fn a_zone_that_nobody_knows_is_utc() {
        let zone = Zone::named("Mond/Krater");
        let day = Date::constant(2026, 1, 15);
        assert_eq!(zone.midnight(day).unwrap().to_string(), "2026-01-15T00:00:00Z");
    }
}
