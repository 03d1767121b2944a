//! How a household draws hot water and heats its rooms: true counters, hour by hour.
//!
//! A counter is a sum of whole numbers in the store's own unit (millilitres; thousandths of an allocation unit), so that
//! the truth is as exact as what is held against it. Between two full hours it grows linearly.

use jiff::civil::Weekday;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

use super::chance::Chance;

/// What one meter has truly counted, for any instant of the simulated time.
#[derive(Debug, Clone)]
pub(crate) struct Counter {
    start: i64,
    /// The sum at each full hour since the start, the start itself first.
    sums: Vec<u64>,
}

/// A family's ways.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Household {
    /// How many live here, 1 to 5.
    pub(crate) people: u64,
    /// First day of two weeks away in summer, counted from 1 January.
    pub(crate) away_from: i16,
}

/// How a radiator is used.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Radiator {
    /// Allocation units of a cold winter day.
    pub(crate) winter_units: u64,
    /// The valve is closed all year: it counts nothing, which is not the same as being silent.
    pub(crate) closed: bool,
}

/// The simulated time: from an instant, for some days, in a zone.
#[derive(Debug, Clone)]
pub(crate) struct Span {
    /// First instant.
    pub(crate) start: Timestamp,
    /// How many hours follow.
    pub(crate) hours: u32,
    /// The site's zone.
    pub(crate) zone: TimeZone,
}

impl Counter {
    /// What the counter shows at an instant: before the start its first value, after the end its last.
    pub(crate) fn at(&self, instant: Timestamp) -> u64 {
        let seconds = u64::try_from(instant.as_second().saturating_sub(self.start)).unwrap_or(0);
        let hour = usize::try_from(seconds / 3600).unwrap_or(usize::MAX);
        let last = self.sums.last().copied().unwrap_or(0);
        let from = self.sums.get(hour).copied().unwrap_or(last);
        let to = self.sums.get(hour.saturating_add(1)).copied().unwrap_or(last);
        from + to.saturating_sub(from) * (seconds % 3600) / 3600
    }

    /// Whether it never counted anything.
    pub(crate) fn stands_still(&self) -> bool {
        self.sums.first() == self.sums.last()
    }

    /// Counts `first` at the start and then what each hour adds.
    fn new(span: &Span, first: u64, mut adds: impl FnMut(&jiff::ZonedDateTime, u64) -> u64) -> Self {
        let mut sum = first;
        let mut sums = Vec::with_capacity(usize::try_from(span.hours).unwrap_or(0) + 1);
        sums.push(sum);
        for hour in 0..span.hours {
            let instant = span
                .start
                .saturating_add(i64::from(hour).hours())
                .unwrap_or(span.start);
            sum += adds(&instant.to_zoned_datetime(span.zone.clone()), u64::from(hour));
            sums.push(sum);
        }
        Self {
            start: span.start.as_second(),
            sums,
        }
    }
}

impl Household {
    /// Hot water in millilitres, on top of `first`.
    pub(crate) fn hot_water(
        self,
        span: &Span,
        first: u64,
        chance: Chance,
        leak: Option<(Timestamp, Timestamp, u64)>,
    ) -> Counter {
        Counter::new(span, first, |time, hour| {
            let now = time.timestamp();
            let leaks = leak
                .filter(|(from, until, _)| *from <= now && now < *until)
                .map_or(0, |(_, _, rate)| rate);
            let day = time.day_of_year();
            if (self.away_from..self.away_from + 14).contains(&day) {
                return leaks;
            }
            let weekend = matches!(time.weekday(), Weekday::Saturday | Weekday::Sunday);
            // Chances out of 100 that one person draws water in this hour.
            let draws = match (time.hour(), weekend) {
                (6..=8, false) | (8..=10, true) => 60,
                (18..=21, _) => 45,
                (11..=14, _) => 20,
                (0..=5, _) => 1,
                _ => 8,
            };
            (0..self.people)
                .map(|person| chance.at(hour).at(person))
                .filter(|place| place.hits(draws, 100))
                .map(|place| place.at(1).range(1500, 19_000))
                .sum::<u64>()
                + leaks
        })
    }

    /// When nobody is at home, as far as it lies in the simulated time.
    pub(crate) fn holidays(self, span: &Span) -> Vec<(Timestamp, Timestamp)> {
        let first = span.start.to_zoned_datetime(span.zone.clone()).date();
        let end = span.start.saturating_add(i64::from(span.hours).hours());
        let end = end.unwrap_or(Timestamp::MAX);
        (0..=i32::try_from(span.hours / 8760 + 1).unwrap_or(1))
            .filter_map(|years| {
                let new_year = first.first_of_year().checked_add(years.years()).ok()?;
                let away = new_year
                    .checked_add((i32::from(self.away_from) - 1).days())
                    .ok()?;
                let instant = |date: jiff::civil::Date| {
                    let midnight = date.to_zoned_datetime(span.zone.clone()).ok()?;
                    Some(midnight.timestamp())
                };
                Some((instant(away)?, instant(away.checked_add(14.days()).ok()?)?))
            })
            .filter(|(from, until)| *from >= span.start && *until <= end)
            .collect()
    }
}

impl Radiator {
    /// Raw allocation units in thousandths, on top of `first`.
    pub(crate) fn heat(self, span: &Span, first: u64, chance: Chance) -> Counter {
        Counter::new(span, first, |time, hour| {
            let cold = coldness(time);
            if self.closed || cold == 0 {
                return 0;
            }
            // Percent of the day's mean: lower at night, some unrest.
            let usual = if (6..=22).contains(&time.hour()) { 115 } else { 65 };
            let unrest = chance.at(hour).range(60, 140);
            // units/day × 1000 ÷ 24 hours × cold % × usual % × unrest %
            self.winter_units * 1000 * cold * usual * unrest / (24 * 100 * 100 * 100)
        })
    }
}

/// How cold a day is, in percent of a cold winter day; heating is off from mid-May to the end of September.
fn coldness(time: &jiff::ZonedDateTime) -> u64 {
    match (time.month(), time.day()) {
        (1, _) => 100,
        (2, _) => 92,
        (3, _) => 65,
        (4, _) => 38,
        (5, ..=15) => 15,
        (10, ..=15) => 18,
        (10, _) => 35,
        (11, _) => 68,
        (12, _) => 95,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn year() -> Span {
        Span {
            start: "2025-10-01T00:00:00+02:00".parse().unwrap(),
            hours: 365 * 24,
            zone: TimeZone::get("Europe/Paris").unwrap(),
        }
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn a_family_of_three_uses_what_such_families_use_and_nothing_on_holiday() {
        let family = Household {
            people: 3,
            away_from: 210,
        };
        let counter = family.hot_water(&year(), 1_000_000, Chance::new(1), None);
        assert_eq!(counter.at(at("2025-10-01T00:00:00+02:00")), 1_000_000);
        let used = counter.at(at("2026-10-01T00:00:00+02:00")) - 1_000_000;
        assert!((20_000_000..90_000_000).contains(&used), "{used} ml a year");
        assert_eq!(
            counter.at(at("2026-07-29T00:00:00+02:00")),
            counter.at(at("2026-08-11T23:00:00+02:00"))
        );
    }

    #[test]
    fn a_closed_radiator_stands_still_and_an_open_one_sleeps_in_summer() {
        let closed = Radiator {
            winter_units: 12,
            closed: true,
        }
        .heat(&year(), 5000, Chance::new(2));
        assert_eq!(closed.at(at("2026-09-30T00:00:00+02:00")), 5000);
        let open = Radiator {
            winter_units: 12,
            closed: false,
        }
        .heat(&year(), 0, Chance::new(2));
        let summer = open.at(at("2026-06-01T00:00:00+02:00"));
        assert_eq!(summer, open.at(at("2026-09-30T00:00:00+02:00")));
        assert!(
            (800_000..3_000_000).contains(&summer),
            "{summer} thousandths a year"
        );
    }

    #[test]
    fn counters_only_ever_grow_and_can_be_asked_for_any_second() {
        let counter = Household {
            people: 2,
            away_from: 200,
        }
        .hot_water(&year(), 0, Chance::new(3), None);
        let start = year().start;
        let mut before = 0;
        for step in 0..5000_i64 {
            let now = counter.at(start + (step * 617).seconds());
            assert!(now >= before);
            before = now;
        }
        assert_eq!(counter.at(start - 1.hours()), 0);
    }
}
