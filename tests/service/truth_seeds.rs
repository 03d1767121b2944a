//! Seeds against the truth: buildings in which everything goes wrong, heard, stored, asked, and held against what happened.
//!
//! Exactly what the meters showed where the quality is `measured`; between the readings around it where `interpolated`;
//! never a number where `missing`; and parts that add up in integers. The full form (50 seeds, two years) is run by
//! `cargo test --release --test service fifty_seeds -- --ignored --nocapture`.

use std::collections::{BTreeMap, HashMap};

use decoders::Families;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use releve::consumption::{Consumption, Edge, Flag, Metered, Period, Quality, Step, Used, of_dwelling};
use releve::pipeline::Pipeline;
use releve::redecode::{Scope, redecode};
use releve::registry::import::{self, Format};
use releve::registry::{Directory, Site};
use releve::simulate::{Building, Events, Heard, Plan, Point, registry_list};
use releve::store::{Ingest, Source, SqliteStore, Store};
use wmbus::Decimal;

use crate::harness::Folder;

/// How often what was seen.
#[derive(Default, Debug)]
struct Tally {
    events: BTreeMap<&'static str, u32>,
    by_quality: BTreeMap<&'static str, u64>,
    /// Measured at the very instants of both ends.
    exact: u64,
    /// Sums of days that were held against their month, and so on.
    sums: u64,
    flags: BTreeMap<&'static str, u64>,
    telegrams: u64,
    /// Estimates that are off by no more than the whole units that their gains were cut to.
    estimates_off_by_units: u64,
    /// Figures that are not what happened.
    wrong: Vec<String>,
}

fn plan(seed: u64, days: u32, dwellings: u32, every_minutes: u32) -> Plan {
    let zones = [
        "Europe/Paris",
        "Europe/Paris",
        "Indian/Reunion",
        "America/Martinique",
    ];
    Plan {
        seed,
        from: "2023-09-12".parse().unwrap(),
        days,
        dwellings,
        every_minutes,
        lost_per_mille: 40,
        time_zone: zones[usize::try_from(seed % 4).unwrap()].to_owned(),
        events: Events::Many,
    }
}

/// A store that knows the building's list, and nothing else.
fn registered(building: &Building, folder: &Folder, name: &str) -> SqliteStore {
    let store = SqliteStore::create(&folder.path(name)).unwrap();
    let mut list = Vec::new();
    registry_list(building, &mut list).unwrap();
    let plan = import::plan(&store.registry().unwrap(), "list.csv", &list, Format::Csv, None);
    assert!(plan.faults.is_empty(), "{:?}", plan.faults);
    store.apply(plan.version, &plan.changes).unwrap();
    store
}

/// Takes telegrams the whole way into the store.
fn hear<'a>(store: &SqliteStore, families: &Families, heard: impl Iterator<Item = Heard<'a>>) -> u64 {
    let mut pipeline = Pipeline::new(families.clone(), Directory::new(store.directory().unwrap()));
    let mut batch: Vec<Ingest> = Vec::new();
    let mut count = 0;
    for heard in heard {
        count += 1;
        batch.extend(
            pipeline
                .take(&heard.telegram, Timestamp::UNIX_EPOCH)
                .into_ingest(),
        );
        if batch.len() >= 5000 {
            store.ingest(&batch).unwrap();
            batch.clear();
        }
    }
    store.ingest(&batch).unwrap();
    count
}

/// Everything the store can say of the building's points over a range.
fn points(store: &SqliteStore, building: &Building, range: &Period) -> Vec<Metered> {
    let site: Site = store
        .site_by_code(building.code.parse().unwrap())
        .unwrap()
        .unwrap();
    store
        .dwellings(site.id, None, 1000)
        .unwrap()
        .iter()
        .flat_map(|dwelling| of_dwelling(store, dwelling.id, range.start, range.end, range.end).unwrap())
        .collect()
}

fn span(plan: &Plan) -> (TimeZone, Period) {
    let zone = TimeZone::get(&plan.time_zone).unwrap();
    let end: Date = plan.from.checked_add(i64::from(plan.days).days()).unwrap();
    let range = Period::new(plan.from, end, &zone).unwrap();
    (zone, range)
}

/// What a reading must have shown, on the index that never restarts.
fn truth(point: &Point, used: &Used) -> i64 {
    let index = match used.source {
        Source::SetDate | Source::History => point.frozen_index(used.at),
        _ => point.index(used.at),
    };
    i64::try_from(index).unwrap()
}

/// The least and the most that the index can be at an end.
fn bounds(point: &Point, edge: &Edge) -> (i64, i64) {
    let low = truth(point, &edge.used);
    (low, edge.and.map_or(low, |and| truth(point, &and)))
}

/// Holds one figure against the truth.
fn judge(
    metered: &Metered,
    devices: &HashMap<&str, &Point>,
    period: &Period,
    tally: &mut Tally,
) -> Consumption {
    let figure = metered.place.over(period.start, period.end);
    *tally.by_quality.entry(figure.quality.name()).or_default() += 1;
    for flag in figure.flags.iter() {
        *tally.flags.entry(flag.name()).or_default() += 1;
    }
    let Some(amount) = figure.amount else {
        assert_eq!(figure.quality, Quality::Missing, "{figure:?}");
        assert_eq!(figure.age, None);
        return figure;
    };
    assert_ne!(
        figure.quality,
        Quality::Missing,
        "a number where it is missing: {figure:?}"
    );
    let evidence = metered.place.evidence(period.start, period.end);
    assert!(!evidence.is_empty());
    let (mut least, mut most) = (0, 0);
    let mut rated = Decimal::new(0, 0);
    let mut at_the_instants = true;
    for part in &evidence {
        let serial = metered.placements[part.service]
            .meter
            .printed_serial
            .as_deref()
            .unwrap();
        let device = devices[serial];
        let (from, to) = (part.from.unwrap(), part.to.unwrap());
        for (edge, instant) in [(&from, part.start), (&to, part.end)] {
            let off = (edge.used.at.as_second() - instant.as_second()).abs();
            match edge.quality {
                Quality::Measured => assert!(off <= 900 && edge.and.is_none(), "{edge:?}"),
                Quality::Interpolated => assert!(edge.and.is_some() && off <= 48 * 3600),
                _ => assert!(off <= 7 * 86_400),
            }
            at_the_instants &= off == 0 && edge.used.at == instant;
        }
        let (a, b) = (bounds(device, &from), bounds(device, &to));
        least += b.0 - a.1;
        most += b.1 - a.0;
        let factor = i64::from(device.factor_at(part.start));
        assert_eq!(
            part.factor.rescale(-3).unwrap_or(0),
            factor,
            "the factor of its time"
        );
        rated = rated
            .checked_add(Decimal::new((b.0 - a.0) * factor, metered_exponent(metered) - 3))
            .unwrap();
    }
    let raw = amount.raw.rescale(metered_exponent(metered)).unwrap();
    let said = || {
        format!(
            "{} {}..{}: {raw} is not within {least}..={most}: {} {:?}",
            metered.placements[0].meter.address,
            period.from,
            period.to,
            figure.quality.name(),
            evidence
                .iter()
                .map(|part| (part.from, part.to))
                .collect::<Vec<_>>(),
        )
    };
    // An index that was counted back from gains in closed slots is an estimate: each gain is cut to a whole unit, so that it
    // may be one off at each end. What is measured or interpolated has no such room.
    let counted_back = evidence
        .iter()
        .flat_map(|part| [part.from, part.to])
        .flatten()
        .filter(|edge| edge.quality == Quality::Estimated && edge.used.source == Source::History)
        .count();
    let room = match (metered.point.kind, i64::try_from(counted_back)) {
        (releve::registry::Kind::Heating, Ok(ends)) if figure.quality == Quality::Estimated => 1000 * ends,
        _ => 0,
    };
    let (least, most) = (least.min(most), most.max(least));
    if !(least..=most).contains(&raw) && (least - room..=most + room).contains(&raw) {
        tally.estimates_off_by_units += 1;
    } else if !(least..=most).contains(&raw) {
        tally.wrong.push(said());
    } else if figure.quality == Quality::Measured {
        assert!(least == most, "{}", said());
        assert!(
            amount.rated.compare(rated).is_eq(),
            "{} is not {rated}",
            amount.rated
        );
        // With a clock that is right, what was measured at the instants is what truly went through.
        let clocks_right = evidence.iter().all(|part| {
            let serial = metered.placements[part.service]
                .meter
                .printed_serial
                .as_deref()
                .unwrap();
            let device = devices[serial];
            device.index(part.end) == device.frozen_index(part.end)
        });
        if at_the_instants && clocks_right {
            let true_amount: i64 = evidence
                .iter()
                .map(|part| {
                    let serial = metered.placements[part.service]
                        .meter
                        .printed_serial
                        .as_deref()
                        .unwrap();
                    let device = devices[serial];
                    i64::try_from(device.index(part.end)).unwrap()
                        - i64::try_from(device.index(part.start)).unwrap()
                })
                .sum();
            if evidence.iter().all(|part| {
                let serial = metered.placements[part.service]
                    .meter
                    .printed_serial
                    .as_deref()
                    .unwrap();
                devices[serial].index(part.start) == devices[serial].frozen_index(part.start)
            }) {
                assert_eq!(raw, true_amount, "{}", said());
                tally.exact += 1;
            }
        }
    }
    figure
}

fn metered_exponent(metered: &Metered) -> i8 {
    match metered.point.kind {
        releve::registry::Kind::Heating => -3,
        _ => -6,
    }
}

fn sum_is_whole(parts: &[Consumption], whole: &Consumption, tally: &mut Tally) {
    if parts.is_empty() || parts.iter().any(|part| part.amount.is_none()) {
        return;
    }
    let sum = Consumption::sum(parts);
    let said = |of: &Consumption| of.amount.map(|a| (a.raw.normalised(), a.rated.normalised()));
    assert_eq!(said(&sum), said(whole));
    tally.sums += 1;
}

fn run(plan: &Plan, tally: &mut Tally) {
    let families = Families::embedded().unwrap();
    let building = Building::new(plan).unwrap();
    let folder = Folder::new();
    let store = registered(&building, &folder, "truth.db");
    let heard = building
        .on_the_air(plan, &families)
        .flat_map(|turn| turn.unwrap());
    tally.telegrams += hear(&store, &families, heard);
    for event in &building.happened {
        *tally.events.entry(event.event).or_default() += 1;
    }
    let devices: HashMap<&str, &Point> = building
        .points()
        .map(|point| (point.printed_serial.as_str(), point))
        .collect();
    let (zone, range) = span(plan);
    let metered = points(&store, &building, &range);
    let mut by_year = Vec::new();
    for metered in &metered {
        for year in range.cut(Step::Year, &zone, 10).unwrap() {
            let mut months = Vec::new();
            for month in year.cut(Step::Month, &zone, 20).unwrap() {
                let days: Vec<_> = month
                    .cut(Step::Day, &zone, 40)
                    .unwrap()
                    .iter()
                    .map(|day| judge(metered, &devices, day, tally))
                    .collect();
                let whole = judge(metered, &devices, &month, tally);
                sum_is_whole(&days, &whole, tally);
                months.push(whole);
            }
            let whole = judge(metered, &devices, &year, tally);
            sum_is_whole(&months, &whole, tally);
            by_year.push(whole);
        }
        for step in [Step::Week, Step::Season] {
            for period in range.cut(step, &zone, 200).unwrap() {
                judge(metered, &devices, &period, tally);
            }
        }
    }
    let restarts = by_year
        .iter()
        .filter(|year| year.flags.has(Flag::Restart))
        .count();
    *tally.events.entry("restart").or_default() += u32::try_from(restarts).unwrap();
}

#[test]
fn what_consumption_says_is_what_happened() {
    let mut tally = Tally::default();
    for seed in 1..=3 {
        run(&plan(seed, 500, 2, 720), &mut tally);
    }
    assert!(
        tally.wrong.is_empty(),
        "{} wrong: {:#?}",
        tally.wrong.len(),
        tally.wrong.get(..3)
    );
    assert!(tally.by_quality["measured"] > 100, "{tally:?}");
    assert!(tally.by_quality["missing"] > 100, "{tally:?}");
    assert!(tally.exact > 20 && tally.sums > 100, "{tally:?}");
}

/// The full form: some minutes in a release build.
#[test]
#[ignore = "50 seeds of two years take minutes"]
fn fifty_seeds_of_two_years() {
    let mut tally = Tally::default();
    for seed in 1..=50 {
        run(&plan(seed, 730, 4, 360), &mut tally);
    }
    println!("{tally:#?}");
    assert!(tally.wrong.is_empty(), "{} wrong", tally.wrong.len());
    for event in [
        "leak",
        "holiday",
        "closed_radiator",
        "replacement",
        "factor_change",
        "rollover",
        "dead_battery",
        "radio_loss",
        "gateway_outage",
        "wrong_clock",
        "restart",
    ] {
        assert!(
            tally.events.get(event).is_some_and(|count| *count >= 20),
            "{event}: {tally:?}"
        );
    }
}

type Turn = fn(&mut Vec<Heard<'_>>);

/// Late, out of order, or last year's capture into a live store: the answer is one of the set of telegrams.
#[test]
fn the_order_of_the_telegrams_changes_no_answer() {
    let plan = plan(9, 150, 2, 720);
    let families = Families::embedded().unwrap();
    let building = Building::new(&plan).unwrap();
    let folder = Folder::new();
    // Of two receivers' copies the one that comes first gives the instant, to the second: one receiver here.
    let all = || {
        building
            .on_the_air(&plan, &families)
            .flat_map(|turn| turn.unwrap())
            .filter(|heard| &*heard.telegram.radio == "cellar")
    };
    let (zone, range) = span(&plan);
    let answers = |store: &SqliteStore| -> Vec<Consumption> {
        let days = range.cut(Step::Day, &zone, 400).unwrap();
        points(store, &building, &range)
            .iter()
            .flat_map(|metered| days.iter().map(|day| metered.place.over(day.start, day.end)))
            .collect()
    };
    let in_order = registered(&building, &folder, "order.db");
    hear(&in_order, &families, all());
    let wanted = answers(&in_order);
    assert!(wanted.iter().filter(|day| day.amount.is_some()).count() > 500);
    let turns: [(&str, Turn); 3] = [
        ("reversed.db", |all| all.reverse()),
        // The older half comes when the newer one is there.
        ("backfilled.db", |all| {
            let half = all.len() / 2;
            all.rotate_left(half);
        }),
        ("shuffled.db", |all| {
            let mut state = 12_345_u64;
            for index in (1..all.len()).rev() {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                let other = usize::try_from(state >> 33).unwrap() % (index + 1);
                all.swap(index, other);
            }
        }),
    ];
    for (name, turn) in turns {
        let store = registered(&building, &folder, name);
        let mut telegrams: Vec<_> = all().collect();
        turn(&mut telegrams);
        hear(&store, &families, telegrams.into_iter());
        // Compact telegrams that came before their layout wait in the archive.
        let pipeline = Pipeline::new(families.clone(), Directory::new(store.directory().unwrap()));
        let scope = Scope {
            meter: None,
            outcomes: Vec::new(),
        };
        redecode(&store, pipeline, &scope, |_| {}).unwrap();
        for (number, (got, wanted)) in answers(&store).iter().zip(&wanted).enumerate() {
            assert_eq!(got, wanted, "{name}, figure {number}");
        }
    }
}
