//! What a figure is traced to: parts whose registers subtract.

use proptest::prelude::*;
use wmbus::Decimal;

use super::properties::{heard, steps};
use super::tests::{NOW, at, live, sample, service};
use super::*;
use decoders::reading::Quantity;

/// Part by part: what the register showed at its ends, and what was counted.
fn shows(place: &Place, from: &str, to: &str) -> Vec<(Option<i64>, Option<i64>, Option<i64>)> {
    let parts = place.evidence(at(from), at(to));
    let shows = |part: &Evidence| (part.shows_first, part.shows_last, part.counted);
    parts.iter().map(shows).collect()
}

#[test]
fn a_restart_divides_what_is_traced_and_each_part_subtracts() {
    let place = Place::new(
        [service(vec![
            live("2025-12-30T00:00:00Z", 980_000),
            live("2025-12-31T12:00:00Z", 1_001_000),
            sample("2026-01-01T00:00:00Z", 1_003_000, Source::SetDate),
            live("2026-01-01T12:00:00Z", 8_000),
            live("2026-01-03T00:00:00Z", 45_000),
        ])],
        at(NOW),
    );
    // Over it: the old count up to what was frozen, the new one from 0.
    assert_eq!(
        shows(&place, "2025-12-30T00:00:00Z", "2026-01-03T00:00:00Z"),
        [
            (Some(980_000), Some(1_003_000), Some(23_000)),
            (Some(0), Some(45_000), Some(45_000)),
        ]
    );
    // From it on: what was frozen is of the count before.
    let parts = place.evidence(at("2026-01-01T00:00:00Z"), at("2026-01-03T00:00:00Z"));
    assert!(parts[0].anew);
    assert_eq!((parts.len(), parts[0].shows_first), (1, Some(0)));
    // Up to it, and between what was frozen and what was heard next: a quarter of the way to 8 000.
    assert_eq!(
        shows(&place, "2025-12-30T00:00:00Z", "2026-01-01T00:00:00Z"),
        [(Some(980_000), Some(1_003_000), Some(23_000))]
    );
    assert_eq!(
        shows(&place, "2026-01-01T03:00:00Z", "2026-01-03T00:00:00Z"),
        [(Some(2_000), Some(45_000), Some(43_000))]
    );
}

#[test]
fn a_register_that_went_over_its_end_shows_what_it_showed() {
    let mut meter = service(vec![
        live("2026-03-01T00:00:00Z", 99_999_000_000),
        live("2026-03-02T00:00:00Z", 1_000_000),
        live("2026-03-03T00:00:00Z", 1_350_000),
    ]);
    (meter.exponent, meter.counter) = (-6, Counter::of(Quantity::Volume, -6));
    let place = Place::new([meter], at(NOW));
    assert_eq!(
        shows(&place, "2026-03-01T00:00:00Z", "2026-03-03T00:00:00Z"),
        [(Some(99_999_000_000), Some(1_350_000), Some(2_350_000))]
    );
    // Between the two readings around its turn, before and after it.
    let edge = |hour: &str| shows(&place, hour, "2026-03-03T00:00:00Z")[0].0;
    assert_eq!(edge("2026-03-01T06:00:00Z"), Some(99_999_500_000));
    assert_eq!(edge("2026-03-01T18:00:00Z"), Some(500_000));
}

proptest! {
    #[test]
    fn an_allocator_s_parts_subtract_and_add_up_to_its_figure(
        steps in steps(), first in 0_i64..200, length in 1_i64..200,
    ) {
        let place = Place::new([service(heard(&steps, true, 0))], at(NOW));
        let from = at("2025-08-30T00:00:00Z") + jiff::SignedDuration::from_hours(24 * first);
        let to = from + jiff::SignedDuration::from_hours(24 * length);
        let parts = place.evidence(from, to);
        for part in &parts {
            if let Some(((first, last), counted)) = part.shows_first.zip(part.shows_last).zip(part.counted) {
                prop_assert_eq!(last - first, counted, "{:?}", part);
            }
        }
        if let Some(amount) = place.over(from, to).amount {
            let counted: i64 = parts.iter().map(|part| part.counted.unwrap()).sum();
            prop_assert_eq!(amount.raw.normalised(), Decimal::new(counted, -3).normalised());
        }
    }
}
