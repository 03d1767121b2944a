//! The rules by example.

use decoders::reading::Quantity;
use jiff::{Timestamp, ToSpan};
use wmbus::Decimal;

use super::*;

pub(super) fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

pub(super) fn sample(text: &str, value: i64, source: Source) -> Sample {
    Sample {
        at: at(text),
        value,
        source,
        doubtful: false,
    }
}

pub(super) fn live(text: &str, value: i64) -> Sample {
    sample(text, value, Source::Live)
}

pub(super) fn water(samples: Vec<Sample>) -> Index {
    Index::new(&Counter::of(Quantity::Volume, -6).unwrap(), samples)
}

pub(super) fn heat(samples: Vec<Sample>) -> Index {
    Index::new(&Counter::of(Quantity::HeatCost, -3).unwrap(), samples)
}

fn day(index: &Index, text: &str) -> Gain {
    let start = at(text);
    index.gain(start, start + 24.hours())
}

/// A radiator's meter that has always served, its factor 1.
pub(super) fn service(samples: Vec<Sample>) -> Service {
    Service {
        from: None,
        until: None,
        factors: Vec::new(),
        start_index: None,
        end_index: None,
        exponent: -3,
        counter: Counter::of(Quantity::HeatCost, -3),
        samples,
    }
}

pub(super) const NOW: &str = "2026-11-25T00:00:00Z";

#[test]
fn the_boundary_takes_the_best_reading_there_is() {
    let index = water(vec![
        live("2026-02-27T12:00:00Z", 10_000_000),
        live("2026-02-28T23:50:00Z", 10_600_000),
        sample("2026-03-01T00:00:00Z", 10_599_000, Source::History),
        live("2026-03-02T00:10:00Z", 10_900_000),
        live("2026-03-04T00:10:00Z", 11_100_001),
        live("2026-03-20T00:00:00Z", 12_000_000),
    ]);
    let edge = |text: &str| {
        index
            .at(at(text))
            .map(|edge| (edge.value, edge.quality, edge.age))
    };
    // Stored by the meter for that instant, though a live one is ten minutes away.
    assert_eq!(
        edge("2026-03-01T00:00:00Z"),
        Some((10_599_000, Quality::Measured, 0))
    );
    // Heard within minutes.
    assert_eq!(
        edge("2026-03-02T00:00:00Z"),
        Some((10_900_000, Quality::Measured, 600))
    );
    // On the line between two 48 hours apart, rounded down: 10 900 000 + 200 001 × 85 800 / 172 800 = 10 999 306.05….
    assert_eq!(
        edge("2026-03-03T00:00:00Z"),
        Some((
            10_900_000 + 200_001 * 85_800 / 172_800,
            Quality::Interpolated,
            87_000
        ))
    );
    // No line over sixteen days: the nearest, up to a week, then nothing.
    assert_eq!(
        edge("2026-03-10T00:00:00Z"),
        Some((11_100_001, Quality::Estimated, 517_800))
    );
    assert_eq!(edge("2026-03-12T00:00:00Z"), None);
    assert_eq!(
        edge("2026-03-14T00:00:00Z"),
        Some((12_000_000, Quality::Estimated, 518_400))
    );
    // Nothing is extrapolated beyond a week.
    assert_eq!(edge("2026-03-27T00:00:01Z"), None);
    assert_eq!(edge("2026-02-20T11:59:59Z"), None);
}

#[test]
fn a_person_s_reading_counts_and_an_estimate_stays_one() {
    let index = water(vec![
        sample("2026-03-01T00:00:00Z", 5_000_000, Source::Estimate),
        sample("2026-03-02T00:05:00Z", 6_000_000, Source::Manual),
    ]);
    let gain = day(&index, "2026-03-01T00:00:00Z");
    assert_eq!((gain.value, gain.quality), (Some(1_000_000), Quality::Estimated));
}

#[test]
fn a_closed_radiator_measures_zero_and_a_silent_one_nothing() {
    let index = heat(vec![
        live("2026-01-10T00:00:00Z", 7_000),
        live("2026-01-11T00:00:00Z", 7_000),
    ]);
    let zero = day(&index, "2026-01-10T00:00:00Z");
    assert_eq!((zero.value, zero.quality), (Some(0), Quality::Measured));
    let silence = day(&index, "2026-03-10T00:00:00Z");
    assert_eq!(
        (silence.value, silence.quality, silence.age),
        (None, Quality::Missing, None)
    );
}

#[test]
fn the_set_date_closes_the_old_count_and_the_new_one_starts_at_zero() {
    let index = heat(vec![
        live("2025-12-31T00:00:00Z", 980_000),
        live("2025-12-31T22:00:00Z", 1_000_000),
        sample("2026-01-01T00:00:00Z", 1_003_000, Source::SetDate),
        sample("2026-01-01T00:00:00Z", 1_003_000, Source::History),
        live("2026-01-01T02:00:00Z", 2_000),
        live("2026-01-02T00:00:00Z", 25_000),
    ]);
    let old = day(&index, "2025-12-31T00:00:00Z");
    assert_eq!((old.value, old.quality), (Some(23_000), Quality::Measured));
    let new = day(&index, "2026-01-01T00:00:00Z");
    assert_eq!((new.value, new.quality), (Some(25_000), Quality::Measured));
    assert!(old.flags.has(Flag::Restart));
    assert!(!new.flags.has(Flag::Restart));
    let both = index.gain(at("2025-12-31T00:00:00Z"), at("2026-01-02T00:00:00Z"));
    assert_eq!(both.value, Some(48_000));
}

#[test]
fn a_reading_at_the_very_instant_belongs_to_the_count_it_shows() {
    for heard in [0, 1_003_000] {
        let index = heat(vec![
            live("2025-12-31T00:00:00Z", 980_000),
            sample("2026-01-01T00:00:00Z", 1_003_000, Source::SetDate),
            live("2026-01-01T00:00:00Z", heard),
            live("2026-01-02T00:00:00Z", 25_000),
        ]);
        assert_eq!(day(&index, "2025-12-31T00:00:00Z").value, Some(23_000), "{heard}");
        assert_eq!(day(&index, "2026-01-01T00:00:00Z").value, Some(25_000), "{heard}");
    }
}

#[test]
fn a_clock_that_is_hours_off_at_the_set_date_counts_nothing_twice() {
    // Late: the old count is still on the air three hours after the stamp.
    let late = heat(vec![
        live("2025-12-31T00:00:00Z", 980_000),
        sample("2026-01-01T00:00:00Z", 1_003_000, Source::SetDate),
        live("2026-01-01T01:00:00Z", 1_002_000),
        live("2026-01-01T03:00:00Z", 1_003_000),
        live("2026-01-01T05:00:00Z", 1_000),
        live("2026-01-02T00:00:00Z", 25_000),
    ]);
    // Early: the new count is on the air two hours before.
    let early = heat(vec![
        live("2025-12-31T00:00:00Z", 980_000),
        live("2025-12-31T21:00:00Z", 1_002_000),
        live("2025-12-31T22:30:00Z", 1_000),
        live("2025-12-31T23:30:00Z", 2_000),
        sample("2026-01-01T00:00:00Z", 1_003_000, Source::SetDate),
        live("2026-01-02T00:00:00Z", 25_000),
    ]);
    for index in [late, early] {
        assert_eq!(day(&index, "2025-12-31T00:00:00Z").value, Some(23_000));
        assert_eq!(day(&index, "2026-01-01T00:00:00Z").value, Some(25_000));
    }
}

#[test]
fn a_restart_whose_frozen_value_never_came_is_missing_and_heals_when_it_comes() {
    let mut samples = vec![
        live("2025-12-30T00:00:00Z", 970_000),
        live("2025-12-31T00:00:00Z", 980_000),
        live("2026-01-02T00:00:00Z", 25_000),
        live("2026-01-03T00:00:00Z", 26_000),
    ];
    let broken = heat(samples.clone());
    assert_eq!(day(&broken, "2025-12-30T00:00:00Z").value, Some(10_000));
    assert_eq!(day(&broken, "2026-01-02T00:00:00Z").value, Some(1_000));
    let across = broken.gain(at("2025-12-31T00:00:00Z"), at("2026-01-02T00:00:00Z"));
    assert_eq!((across.value, across.quality), (None, Quality::Missing));
    assert!(across.flags.has(Flag::Break));
    samples.push(sample("2026-01-01T00:00:00Z", 1_003_000, Source::SetDate));
    let healed = heat(samples);
    assert_eq!(
        healed
            .gain(at("2025-12-31T00:00:00Z"), at("2026-01-02T00:00:00Z"))
            .value,
        Some(48_000)
    );
}

#[test]
fn a_set_date_that_nobody_saw_is_not_counted_over() {
    // A year and a half of silence hides a restart, though the count happens to be higher after it.
    let silent = heat(vec![
        live("2024-06-01T00:00:00Z", 100_000),
        sample("2026-01-01T00:00:00Z", 700_000, Source::SetDate),
        live("2026-01-02T00:00:00Z", 5_000),
    ]);
    assert_eq!(
        silent
            .gain(at("2024-06-01T00:00:00Z"), at("2026-01-01T00:00:00Z"))
            .value,
        None
    );
    assert_eq!(day(&silent, "2026-01-01T00:00:00Z").value, Some(5_000));
    // The set date was 1 January; the next one lies in a month of silence.
    let month = heat(vec![
        sample("2025-01-01T00:00:00Z", 700_000, Source::SetDate),
        live("2025-12-20T00:00:00Z", 5_000),
        live("2026-01-20T00:00:00Z", 30_000),
    ]);
    assert_eq!(
        month
            .gain(at("2025-12-20T00:00:00Z"), at("2026-01-20T00:00:00Z"))
            .value,
        None
    );
}

#[test]
fn a_frozen_value_below_what_was_heard_closes_nothing() {
    let index = heat(vec![
        live("2025-12-30T00:00:00Z", 970_000),
        live("2025-12-31T00:00:00Z", 980_000),
        // Last year's value under this year's date.
        sample("2026-01-01T00:00:00Z", 410_000, Source::SetDate),
        live("2026-01-02T00:00:00Z", 25_000),
        live("2026-01-03T00:00:00Z", 26_000),
    ]);
    assert_eq!(
        index
            .gain(at("2025-12-31T00:00:00Z"), at("2026-01-02T00:00:00Z"))
            .value,
        None
    );
    assert_eq!(day(&index, "2025-12-30T00:00:00Z").value, Some(10_000));
    assert_eq!(day(&index, "2026-01-02T00:00:00Z").value, Some(1_000));
}

#[test]
fn month_ends_from_the_meter_s_memory_bridge_an_outage() {
    let index = heat(vec![
        live("2025-10-31T12:00:00Z", 40_000),
        sample("2025-12-01T00:00:00Z", 300_000, Source::History),
        sample("2026-01-01T00:00:00Z", 700_000, Source::SetDate),
        sample("2026-02-01T00:00:00Z", 450_000, Source::History),
        live("2026-02-20T00:00:00Z", 600_000),
    ]);
    let month = |from: &str, to: &str| index.gain(at(from), at(to));
    let december = month("2025-12-01T00:00:00Z", "2026-01-01T00:00:00Z");
    assert_eq!(
        (december.value, december.quality),
        (Some(400_000), Quality::Measured)
    );
    assert_eq!(
        month("2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z").value,
        Some(450_000)
    );
    assert_eq!(
        month("2026-02-01T00:00:00Z", "2026-02-20T00:00:00Z").value,
        Some(150_000)
    );
}

#[test]
fn a_month_end_closes_the_count_where_the_counter_was_heard_to_fall_and_no_set_date_is_sent() {
    let mut samples = vec![
        live("2025-12-31T16:00:00Z", 902_000),
        live("2025-12-31T22:00:00Z", 906_000),
        sample("2026-01-01T00:00:00Z", 907_000, Source::History),
        live("2026-01-01T04:00:00Z", 1_000),
        live("2026-01-02T00:00:00Z", 15_000),
        sample("2026-02-01T00:00:00Z", 398_000, Source::History),
        live("2026-02-01T06:00:00Z", 400_000),
    ];
    let index = heat(samples.clone());
    let first = day(&index, "2026-01-01T00:00:00Z");
    assert_eq!((first.value, first.quality), (Some(15_000), Quality::Measured));
    let january = index.gain(at("2026-01-01T00:00:00Z"), at("2026-02-01T00:00:00Z"));
    assert_eq!(january.value, Some(398_000));
    let across = index.gain(at("2025-12-31T22:00:00Z"), at("2026-01-02T00:00:00Z"));
    assert_eq!(across.value, Some(16_000));
    assert!(across.flags.has(Flag::Restart));
    // Without the fall a month end is a month end, and a fall without a stored value is nobody's to explain.
    samples.remove(2);
    let broken = heat(samples).gain(at("2025-12-31T22:00:00Z"), at("2026-01-02T00:00:00Z"));
    assert_eq!(broken.value, None);
}

#[test]
fn one_fall_closes_one_count() {
    // First heard 30 hours after the set date; a value stored ten hours later sees the same fall. And before it, one
    // that was stored 30 hours ahead, by a meter that began anew seven hours early.
    let index = heat(vec![
        sample("2025-12-30T18:00:00Z", 700_000, Source::History),
        live("2025-12-31T00:00:00Z", 700_000),
        live("2025-12-31T17:00:00Z", 0),
        sample("2026-01-01T00:00:00Z", 700_000, Source::SetDate),
        live("2026-01-02T00:00:00Z", 9_000),
    ]);
    let start = at("2025-12-31T00:00:00Z");
    assert_eq!(index.gain(start, at("2026-01-02T00:00:00Z")).value, Some(9_000));
    let index = heat(vec![
        live("2025-12-31T00:00:00Z", 690_000),
        sample("2026-01-01T00:00:00Z", 700_000, Source::SetDate),
        live("2026-01-02T06:00:00Z", 9_000),
        sample("2026-01-02T16:00:00Z", 12_000, Source::History),
        live("2026-01-03T00:00:00Z", 15_000),
    ]);
    assert_eq!(index.gain(start, at("2026-01-03T00:00:00Z")).value, Some(25_000));
}

#[test]
fn one_wrong_value_near_the_set_date_is_no_restart() {
    let index = heat(vec![
        live("2026-01-31T20:00:00Z", 300_000),
        sample("2026-02-01T00:00:00Z", 301_000, Source::History),
        live("2026-02-01T02:00:00Z", 17_000),
        live("2026-02-01T08:00:00Z", 302_000),
        live("2026-02-02T00:00:00Z", 305_000),
    ]);
    let gain = day(&index, "2026-02-01T00:00:00Z");
    assert_eq!(gain.value, Some(4_000));
    assert!(!gain.flags.has(Flag::Restart));
}

#[test]
fn a_remembered_value_that_contradicts_what_was_heard_is_left_out() {
    let mut samples: Vec<_> = (0..10_i64)
        .map(|hours| Sample {
            at: at("2026-02-27T00:00:00Z") + (hours * 12).hours(),
            value: 10_000_000 + hours * 100_000,
            source: Source::Live,
            doubtful: false,
        })
        .collect();
    let boundary = at("2026-03-01T00:00:00Z");
    let heard = water(samples.clone()).at(boundary).unwrap();
    assert_eq!(heard.value, 10_400_000);
    // Half a month's gain mistaken for an index.
    samples.push(sample("2026-03-01T00:00:00Z", 1_700_000, Source::History));
    assert_eq!(water(samples.clone()).at(boundary), Some(heard));
    // One hour of winter time late is no contradiction, and what a bill will use.
    samples.pop();
    samples.push(sample("2026-03-01T00:00:00Z", 10_450_000, Source::History));
    assert_eq!(water(samples).at(boundary).unwrap().value, 10_450_000);
}

#[test]
fn a_register_rolls_over_at_its_width_and_other_falls_break() {
    let index = water(vec![
        live("2026-03-01T00:00:00Z", 99_999_900_000),
        live("2026-03-02T00:00:00Z", 250_000),
        live("2026-03-03T00:00:00Z", 350_000),
    ]);
    let over = day(&index, "2026-03-01T00:00:00Z");
    assert_eq!(over.value, Some(350_000));
    assert!(over.flags.has(Flag::Rollover));
    assert_eq!(day(&index, "2026-03-02T00:00:00Z").value, Some(100_000));
    let reset = water(vec![
        live("2026-03-01T00:00:00Z", 50_000_000),
        live("2026-03-02T00:00:00Z", 250_000),
        live("2026-03-03T00:00:00Z", 350_000),
    ]);
    assert_eq!(day(&reset, "2026-03-01T00:00:00Z").value, None);
    assert_eq!(day(&reset, "2026-03-02T00:00:00Z").value, Some(100_000));
}

#[test]
fn little_backward_flow_is_negative_and_says_so() {
    let index = water(vec![
        live("2026-03-01T00:00:00Z", 5_010_000),
        live("2026-03-02T00:00:00Z", 5_000_000),
    ]);
    let gain = day(&index, "2026-03-01T00:00:00Z");
    assert_eq!(gain.value, Some(-10_000));
    assert!(gain.flags.has(Flag::Reverse));
}

#[test]
fn one_value_that_both_neighbours_contradict_is_left_out() {
    for wrong in [88_888_000_000, 17] {
        let index = water(vec![
            live("2026-03-01T00:00:00Z", 5_000_000),
            live("2026-03-01T12:00:00Z", wrong),
            live("2026-03-02T00:00:00Z", 5_100_000),
            live("2026-03-03T00:00:00Z", 5_300_000),
        ]);
        assert_eq!(day(&index, "2026-03-01T00:00:00Z").value, Some(100_000));
        assert_eq!(day(&index, "2026-03-02T00:00:00Z").value, Some(200_000));
    }
}

#[test]
fn a_replacement_sums_what_both_meters_counted_each_with_its_factor() {
    let mut old = service(vec![
        live("2026-03-01T00:00:00Z", 100_000),
        live("2026-03-10T08:00:00Z", 190_000),
        // Taken home by the fitter, still on the air.
        live("2026-03-20T00:00:00Z", 999_000),
    ]);
    old.until = Some(at("2026-03-10T09:00:00Z"));
    old.end_index = Some(200_000);
    old.factors = vec![(None, Decimal::new(1500, -3))];
    let mut new = service(vec![
        live("2026-03-10T10:00:00Z", 1_000),
        live("2026-04-01T00:00:00Z", 51_000),
    ]);
    new.from = Some(at("2026-03-10T09:00:00Z"));
    new.start_index = Some(1_000);
    new.factors = vec![(None, Decimal::new(12, -1))];
    let place = Place::new(vec![new, old], at(NOW));
    let march = place.over(at("2026-03-01T00:00:00Z"), at("2026-04-01T00:00:00Z"));
    let amount = march.amount.unwrap();
    assert_eq!(amount.raw.to_string(), "150.000");
    // 100 × 1.5 + 50 × 1.2
    assert_eq!(amount.rated.normalised().to_string(), "210");
    assert_eq!(march.quality, Quality::Measured);
    assert!(march.flags.has(Flag::Replacement));
    assert!(!march.flags.has(Flag::Unmetered));
}

#[test]
fn a_change_of_factor_splits_the_count_at_its_instant_and_loses_nothing() {
    let samples = vec![
        live("2026-03-01T00:00:00Z", 100_000),
        live("2026-03-09T22:00:00Z", 190_000),
        live("2026-03-10T02:00:00Z", 194_000),
        live("2026-04-01T00:00:00Z", 250_000),
    ];
    let mut changed = service(samples);
    changed.factors = vec![
        (None, Decimal::new(1, 0)),
        (Some(at("2026-03-10T00:00:00Z")), Decimal::new(2, 0)),
    ];
    let place = Place::new([changed], at(NOW));
    let march = place.over(at("2026-03-01T00:00:00Z"), at("2026-04-01T00:00:00Z"));
    let amount = march.amount.unwrap();
    assert_eq!(amount.raw.to_string(), "150.000");
    // 92 × 1 + 58 × 2
    assert_eq!(amount.rated.to_string(), "208.000");
    assert_eq!(march.quality, Quality::Interpolated);
    assert!(march.flags.has(Flag::FactorChange));
    assert!(!march.flags.has(Flag::Replacement));
}

#[test]
fn before_the_first_meter_there_is_nothing_and_the_dwelling_is_not_blamed_for_it() {
    let mut late = service(vec![
        live("2026-03-10T00:00:00Z", 0),
        live("2026-04-01T00:00:00Z", 50_000),
    ]);
    late.from = Some(at("2026-03-10T00:00:00Z"));
    let late = Place::new(vec![late], at(NOW));
    let other = Place::new(
        vec![service(vec![
            live("2026-02-01T00:00:00Z", 0),
            live("2026-03-01T00:00:00Z", 30_000),
            live("2026-04-01T00:00:00Z", 70_000),
        ])],
        at(NOW),
    );
    let month = |place: &Place, from: &str, to: &str| place.over(at(from), at(to));
    let february = month(&late, "2026-02-01T00:00:00Z", "2026-03-01T00:00:00Z");
    assert!(!february.served && february.amount.is_none());
    assert_eq!(february.quality, Quality::Missing);
    let sum = Consumption::sum([
        &february,
        &month(&other, "2026-02-01T00:00:00Z", "2026-03-01T00:00:00Z"),
    ]);
    assert_eq!(sum.amount.unwrap().raw.normalised().to_string(), "30");
    assert_eq!(sum.quality, Quality::Measured);
    let march = month(&late, "2026-03-01T00:00:00Z", "2026-04-01T00:00:00Z");
    assert!(march.served && march.flags.has(Flag::Unmetered));
    assert_eq!(march.amount.unwrap().raw.normalised().to_string(), "50");
    assert!(!Consumption::sum([&february]).served);
    // A silent meter is another matter.
    let silent = Place::new(vec![service(vec![])], at(NOW));
    let missing = month(&silent, "2026-03-01T00:00:00Z", "2026-04-01T00:00:00Z");
    assert!(missing.served && missing.amount.is_none());
    assert_eq!(Consumption::sum([&march, &missing]).amount, None);
}

#[test]
fn a_month_that_has_not_ended_goes_as_far_as_today() {
    let place = Place::new(
        vec![service(vec![
            live("2026-11-01T00:00:00Z", 10_000),
            live("2026-11-10T11:58:00Z", 25_000),
        ])],
        at("2026-11-10T12:00:00Z"),
    );
    let month = place.over(at("2026-11-01T00:00:00Z"), at("2026-12-01T00:00:00Z"));
    assert_eq!(month.amount.unwrap().raw.to_string(), "15.000");
    assert_eq!((month.quality, month.age), (Quality::Measured, Some(120)));
    assert!(month.flags.has(Flag::Running));
    let next = place.over(at("2026-12-01T00:00:00Z"), at("2027-01-01T00:00:00Z"));
    assert_eq!((next.amount, next.quality), (None, Quality::Missing));
}

#[test]
fn what_grows_faster_than_q4_waits_for_a_second_value() {
    let mut samples = vec![
        live("2026-03-01T00:00:00Z", 5_000_000),
        live("2026-03-02T00:00:00Z", 5_100_000),
        // 80 m³ in a day: more than 75, which is what Q4 lets through.
        live("2026-03-03T00:00:00Z", 85_100_000),
    ];
    let index = water(samples.clone());
    assert_eq!(day(&index, "2026-03-01T00:00:00Z").value, Some(100_000));
    // The last one stays out: what is there for the boundary is the day before.
    let edge = index.at(at("2026-03-03T00:00:00Z")).unwrap();
    assert_eq!((edge.value, edge.quality), (5_100_000, Quality::Estimated));
    // A second one agrees: another meter under the same number, and nothing is subtracted across.
    samples.push(live("2026-03-04T00:00:00Z", 85_300_000));
    let index = water(samples);
    let across = day(&index, "2026-03-02T00:00:00Z");
    assert_eq!(across.value, None);
    assert!(across.flags.has(Flag::Break));
    assert_eq!(day(&index, "2026-03-03T00:00:00Z").value, Some(200_000));
}

#[test]
fn a_date_that_may_be_wrong_does_not_measure() {
    let misdated = Sample {
        doubtful: true,
        ..sample("2026-03-01T00:00:00Z", 10_400_000, Source::History)
    };
    let index = water(vec![
        live("2026-02-20T00:00:00Z", 10_000_000),
        misdated,
        live("2026-03-10T00:00:00Z", 11_000_000),
    ]);
    let edge = index.at(at("2026-03-01T00:00:00Z")).unwrap();
    assert_eq!((edge.value, edge.quality), (10_400_000, Quality::Estimated));
    // One that was heard within minutes is better.
    let index = water(vec![
        live("2026-02-28T23:55:00Z", 10_450_000),
        misdated,
        live("2026-03-10T00:00:00Z", 11_000_000),
    ]);
    let edge = index.at(at("2026-03-01T00:00:00Z")).unwrap();
    assert_eq!((edge.value, edge.quality), (10_450_000, Quality::Measured));
}

#[test]
fn a_clock_that_is_days_off_at_the_set_date_closes_nothing() {
    // Three days early, and three days late.
    for (fall, first) in [("2025-12-29T00:00:00Z", 1_000), ("2026-01-04T00:00:00Z", 1_000)] {
        let turn = at(fall);
        let mut samples: Vec<_> = (-12..12_i64)
            .map(|day| {
                let instant = turn + (day * 24).hours();
                let value = if day < 0 {
                    1_000_000 + day * 10_000
                } else {
                    first + day * 10_000
                };
                Sample {
                    at: instant,
                    value,
                    source: Source::Live,
                    doubtful: false,
                }
            })
            .collect();
        samples.push(sample("2026-01-01T00:00:00Z", 1_000_000, Source::SetDate));
        let index = heat(samples);
        let across = index.gain(turn - 48.hours(), turn + 48.hours());
        assert_eq!(across.value, None, "{fall}");
        assert!(across.flags.has(Flag::Break), "{fall}");
        let after = index.gain(turn + 24.hours(), turn + 96.hours());
        assert_eq!(after.value, Some(30_000), "{fall}");
        let before = index.gain(turn - 96.hours(), turn - 24.hours());
        assert_eq!(before.value, Some(30_000), "{fall}");
    }
}

#[test]
fn a_figure_names_the_readings_behind_it() {
    let mut changed = service(vec![
        live("2025-12-31T00:00:00Z", 980_000),
        sample("2026-01-01T00:00:00Z", 1_003_000, Source::SetDate),
        live("2026-01-02T00:10:00Z", 25_000),
        live("2026-01-03T00:00:00Z", 45_000),
        live("2026-01-04T00:00:00Z", 65_000),
    ]);
    changed.factors = vec![(Some(at("2026-01-03T12:00:00Z")), Decimal::new(15, -1))];
    let place = Place::new([changed], at(NOW));
    let (start, end) = (at("2026-01-01T00:00:00Z"), at("2026-01-04T00:00:00Z"));
    let parts = place.evidence(start, end);
    let said: Vec<_> = parts
        .iter()
        .map(|part| {
            let (from, to) = (part.from.unwrap(), part.to.unwrap());
            (
                from.used.raw,
                from.used.source,
                to.used.raw,
                to.and.map(|and| and.raw),
                part.factor.to_string(),
            )
        })
        .collect();
    assert_eq!(
        said,
        [
            (1_003_000, Source::SetDate, 45_000, Some(65_000), "1".to_owned()),
            (45_000, Source::Live, 65_000, None, "1.5".to_owned()),
        ]
    );
    // The figure is the sum of its parts' differences, each times its factor.
    let rated: Decimal = parts
        .iter()
        .map(|part| {
            let gain = part.to.unwrap().value - part.from.unwrap().value;
            Decimal::new(gain * part.factor.mantissa, part.factor.exponent - 3)
        })
        .reduce(|a, b| a.checked_add(b).unwrap())
        .unwrap();
    let figure = place.over(start, end);
    assert!(figure.amount.unwrap().rated.compare(rated).is_eq());
}
