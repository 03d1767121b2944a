//! A site's zone, and the midnights in it that were asked for: meters name the same days in telegram after telegram.

use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;

use crate::hash::Map;

/// A zone by its name.
#[derive(Debug)]
pub(super) struct Zone {
    zone: TimeZone,
    midnights: Mutex<Map<Date, Option<Timestamp>>>,
}

/// Midnights that are remembered: those of some years.
const MOST: usize = 2000;

impl Zone {
    /// The zone of this name; UTC for a name that nobody knows.
    pub(super) fn named(name: &str) -> Self {
        Self {
            zone: TimeZone::get(name).unwrap_or(TimeZone::UTC),
            midnights: Mutex::default(),
        }
    }

    /// The local day of an instant.
    pub(super) fn day(&self, at: Timestamp) -> Date {
        at.to_zoned_datetime(self.zone.clone()).date()
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
        time.to_zoned_datetime(self.zone.clone())
            .ok()
            .map(|time| time.timestamp())
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

    #[test]
    fn a_zone_that_nobody_knows_is_utc() {
        let zone = Zone::named("Mond/Krater");
        let day = Date::constant(2026, 1, 15);
        assert_eq!(zone.midnight(day).unwrap().to_string(), "2026-01-15T00:00:00Z");
    }
}
