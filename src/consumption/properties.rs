//! What must hold for any readings at all.

use decoders::reading::Quantity;
use jiff::civil::date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use proptest::prelude::*;
use wmbus::Decimal;

use super::rules::{join_all, plain};
use super::tests::{NOW, at, heat, service, water};
use super::*;

/// Readings of an allocator: hours since the last one, gained, and whether it is heard, remembered or both.
pub(super) fn steps() -> impl Strategy<Value = Vec<(i64, i64, u8)>> {
    prop::collection::vec((1_i64..60, 0_i64..40_000, 0_u8..8), 1..200)
}

/// What such an allocator would be heard to say, restarting every 1 January, with `jitter` for damage.
pub(super) fn heard(steps: &[(i64, i64, u8)], restarts: bool, damage: i64) -> Vec<Sample> {
    let mut clock = at("2025-09-01T00:00:00Z");
    let due = at("2026-01-01T00:00:00Z");
    let mut value = 0;
    let mut samples = Vec::new();
    for (hours, gained, kind) in steps {
        let next = clock + hours.hours();
        value += gained;
        if restarts && clock < due && next >= due {
            samples.push(Sample {
                at: due,
                value,
                source: Source::SetDate,
                doubtful: false,
            });
            value = 0;
        }
        clock = next;
        let source = match kind {
            0 => Source::History,
            1 => Source::Manual,
            2 => Source::Estimate,
            _ => Source::Live,
        };
        let wrong = if *kind == 7 { damage } else { 0 };
        samples.push(Sample {
            at: clock,
            value: value + wrong,
            source,
            doubtful: false,
        });
    }
    samples
}

proptest! {
    #[test]
    fn a_month_is_the_sum_of_its_days_and_a_dwelling_of_its_points(
        radiators in prop::collection::vec((steps(), 0_i64..5000, -90_000_i64..90_000), 1..4),
        first in 0_i64..120, length in 1_i64..90, change in 0_i64..150,
    ) {
        let zone = TimeZone::get("Europe/Paris").unwrap();
        let from = date(2025, 9, 1).checked_add(first.days()).unwrap();
        let range = Period::new(from, from.checked_add(length.days()).unwrap(), &zone).unwrap();
        let days = range.cut(Step::Day, &zone, 400).unwrap();
        let change = at("2025-09-01T05:00:00Z") + (change * 24).hours();
        let places: Vec<_> = radiators
            .iter()
            .map(|(steps, factor, damage)| {
                let samples = heard(steps, true, *damage);
                let mut radiator = service(samples);
                radiator.factors = vec![(None, Decimal::new(*factor, -3)), (Some(change), Decimal::new(17, -1))];
                Place::new([radiator], at(NOW))
            })
            .collect();
        let over = |period: &Period| -> Vec<Consumption> {
            places.iter().map(|place| place.over(period.start, period.end)).collect()
        };
        let whole = over(&range);
        let by_day: Vec<_> = days.iter().map(over).collect();
        for (point, whole) in whole.iter().enumerate() {
            let parts: Vec<_> = by_day.iter().map(|day| day[point]).collect();
            if parts.iter().all(|part| part.amount.is_some()) {
                let sum = Consumption::sum(&parts);
                prop_assert_eq!(
                    whole.amount.map(|a| (a.raw.normalised(), a.rated.normalised())),
                    sum.amount.map(|a| (a.raw.normalised(), a.rated.normalised()))
                );
                prop_assert!(whole.quality <= sum.quality);
            }
        }
        // And the dwelling by day is the sum of its points by day.
        let dwelling = Consumption::sum(&whole);
        let dwelling_by_day: Vec<_> = by_day.iter().map(Consumption::sum).collect();
        if dwelling_by_day.iter().all(|day| day.amount.is_some()) {
            let sum = Consumption::sum(&dwelling_by_day);
            prop_assert_eq!(
                dwelling.amount.map(|a| a.rated.normalised()),
                sum.amount.map(|a| a.rated.normalised())
            );
        }
    }

    #[test]
    fn an_undamaged_allocator_loses_nothing_at_its_set_date(steps in steps()) {
        let samples: Vec<_> = heard(&steps, true, 0)
            .into_iter()
            .filter(|sample| sample.source != Source::Estimate)
            .collect();
        let truth: i64 = heard(&steps, false, 0).last().map_or(0, |last| last.value);
        let (Some(first), Some(last)) = (samples.first(), samples.last()) else { return Ok(()) };
        let gain = heat(samples.clone()).gain(first.at, last.at);
        // The first value was gained before the first reading.
        let before = first.value;
        if first.at < at("2026-01-01T00:00:00Z") && last.source == Source::Live {
            prop_assert_eq!(gain.value, Some(truth_until(&steps, last.at) - before));
        }
        prop_assert!(truth >= gain.value.unwrap_or(0));
    }

    #[test]
    fn nothing_makes_it_panic(
        samples in prop::collection::vec((any::<i32>(), any::<i64>(), 0_u8..5), 0..60),
        from in any::<i32>(), length in any::<u16>(), restarts in any::<bool>(),
    ) {
        let samples: Vec<_> = samples
            .into_iter()
            .map(|(at, value, source)| Sample {
                at: Timestamp::from_second(i64::from(at)).unwrap(),
                value,
                source: [Source::Live, Source::Manual, Source::SetDate, Source::History, Source::Estimate]
                    [usize::from(source)],
                doubtful: value % 3 == 0,
            })
            .collect();
        let from = Timestamp::from_second(i64::from(from)).unwrap();
        let to = from + (i64::from(length) + 1).seconds();
        let index = if restarts { heat(samples) } else { water(samples) };
        let gain = index.gain(from, to);
        prop_assert_eq!(gain.value.is_none(), gain.quality == Quality::Missing);
    }
}

/// The true count at an instant of `heard`'s allocator.
fn truth_until(steps: &[(i64, i64, u8)], until: Timestamp) -> i64 {
    let mut clock = at("2025-09-01T00:00:00Z");
    steps
        .iter()
        .take_while(|(hours, ..)| {
            clock += hours.hours();
            clock <= until
        })
        .map(|(_, gained, _)| gained)
        .sum()
}

proptest! {
    #[test]
    fn what_is_its_own_chain_is_the_chain_that_all_rules_make(
        steps in prop::collection::vec(
            (
                prop_oneof![20 => 0_i64..200_000, 1 => 0_i64..40_000_000],
                prop_oneof![30 => 0_i64..3_000, 1 => -50_i64..9_000_000],
            ),
            0..40,
        ),
        restarts in any::<bool>(),
        others in prop::collection::vec(0_usize..40, 0..2),
    ) {
        let (quantity, exponent) = if restarts { (Quantity::HeatCost, -3) } else { (Quantity::Volume, -6) };
        let counter = Counter::of(quantity, exponent).unwrap();
        let (mut second, mut value) = (1_700_000_000, 5_000);
        let mut samples = Vec::new();
        for (place, (seconds, gained)) in steps.into_iter().enumerate() {
            (second, value) = (second + seconds, value + gained);
            samples.push(Sample {
                at: Timestamp::from_second(second).unwrap(),
                value,
                source: if others.contains(&place) { Source::History } else { Source::Live },
                doubtful: false,
            });
        }
        if let Some(chain) = plain(&counter, &samples) {
            let all = join_all(&counter, &samples);
            prop_assert_eq!(chain.links, all.links);
            prop_assert_eq!(chain.events, all.events);
        }
    }
}

#[test]
fn a_month_that_only_grows_is_its_own_chain_and_one_with_a_month_end_is_judged() {
    let counter = Counter::of(Quantity::Volume, -6).unwrap();
    let sample = |day: i64, source| Sample {
        at: Timestamp::from_second(1_700_000_000 + day * 86_400).unwrap(),
        value: day * 1000,
        source,
        doubtful: false,
    };
    let mut samples: Vec<Sample> = (0..30).map(|day| sample(day, Source::Live)).collect();
    assert!(plain(&counter, &samples).is_some());
    samples.push(sample(30, Source::History));
    assert!(plain(&counter, &samples).is_none());
}
