//! Of what a meter says live the ends of each hour stay, however it came.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::date;
use proptest::prelude::*;

use super::packs::NOON;
use super::{at, everything, instant, live, reading, store, telegram};
use crate::registry::{Change, NewOccupancy, Role, Site};
use crate::store::sqlite::SqliteStore;
use crate::store::{By, DwellingId, Flags, Grain, Ingest, MeterId, Retention, Source, Store};

/// What a meter's live readings are, by instant: value and flags.
fn readings(store: &SqliteStore, meter: i64) -> Vec<(i64, i64, u32)> {
    let rows = store.readings(&everything(meter)).unwrap();
    rows.iter()
        .map(|row| (row.reading.at.as_second(), row.reading.value, row.reading.flags.0))
        .collect()
}

/// Everything that two days later is let go of hours.
fn retain(store: &SqliteStore, every_value_days: u32) -> u64 {
    let retention = Retention {
        every_value_days,
        live_days: 3650,
        raw_days: 3650,
        ..Retention::default()
    };
    store.retain(at(NOON + 3 * 86_400), &retention).unwrap().readings
}

/// Every half minute from noon on, each second worth a litre.
fn every_half_minute(meter: i64, from: i64, until: i64) -> Vec<Ingest> {
    (from..until)
        .map(|half| live(meter, NOON + half * 30, half * 30))
        .collect()
}

#[test]
fn of_what_is_settled_the_first_and_the_last_of_each_hour_stay() {
    let (_scratch, store) = store(1);
    store.keep_hours_only(true).unwrap();
    // Somebody asks after twenty minutes, after two hours and a half, and at the end.
    let mut thinned = 0;
    for (from, until) in [(0, 40), (40, 300), (300, 360)] {
        store.hear(&every_half_minute(1, from, until)).unwrap();
        thinned += store.settle().unwrap().thinned;
    }
    let hours = [0, 3570, 3600, 7170, 7200, 10_770];
    let expected: Vec<_> = hours.iter().map(|second| (NOON + second, *second, 0)).collect();
    assert_eq!(readings(&store, 1), expected);
    // Those that ended what was heard so far were there for a time.
    assert_eq!(thinned, 360 - 6 - 2);
    // Nothing is left for retention, and nothing comes back when it is heard again.
    assert_eq!(retain(&store, 0), 0);
    store.hear(&every_half_minute(1, 0, 360)).unwrap();
    store.settle().unwrap();
    assert_eq!(readings(&store, 1), expected);
    let (channel, _) = store.channels(MeterId(1)).unwrap()[0];
    let shown = store.shown(MeterId(1), channel, at(NOON), at(NOON + 10_800), Grain::Hours);
    assert_eq!(shown.unwrap().len(), 6);
}

#[test]
fn every_value_stays_for_as_many_days_as_the_operator_says() {
    let (_scratch, store) = store(1);
    store.hear(&every_half_minute(1, 0, 240)).unwrap();
    assert_eq!(store.settle().unwrap().thinned, 0);
    assert_eq!(retain(&store, 7), 0);
    assert_eq!(readings(&store, 1).len(), 240);
    // And then goes as if it had never been there.
    assert_eq!(retain(&store, 0), 236);
    assert_eq!(readings(&store, 1).len(), 4);
}

#[test]
fn what_is_doubtful_stays_between_the_ends_of_its_hour() {
    let (_scratch, store) = store(1);
    store.keep_hours_only(true).unwrap();
    let said = |second: i64, flags| {
        let mut reading = reading(at(NOON + second), Source::Live, second);
        reading.flags = flags;
        Ingest::Telegram(telegram(1, NOON + second, second.unsigned_abs(), vec![reading]))
    };
    let batch = [
        said(0, Flags::IMPLAUSIBLE),
        said(60, Flags::NONE),
        said(120, Flags::NONE),
        said(180, Flags::KEY_UNPROVEN),
        said(240, Flags::NONE),
        said(300, Flags::CLOCK_DOUBTFUL),
    ];
    store.hear(&batch).unwrap();
    store.settle().unwrap();
    let seconds: Vec<_> = readings(&store, 1).iter().map(|(at, ..)| at - NOON).collect();
    assert_eq!(seconds, [0, 60, 180, 240, 300]);
}

#[test]
fn a_household_that_keeps_its_hours_keeps_no_more_than_that() {
    let (scratch, store) = store(1);
    store.ingest(&every_half_minute(1, 0, 5 * 120)).unwrap();
    let household = NewOccupancy {
        dwelling: DwellingId(1),
        role: Role::Tenant,
        from: date(2023, 1, 1),
        keeps_hourly: true,
    };
    let by = By {
        who: "portal",
        at: jiff::Timestamp::UNIX_EPOCH,
    };
    store.add_occupancy(&household, by).unwrap();
    // An earlier release put everything aside.
    let all = Retention {
        every_value_days: 3650,
        ..Retention::default()
    };
    let later = at(NOON + 30 * 86_400);
    store.retain(later, &all).unwrap();
    assert_eq!(readings(&store, 1).len(), 5 * 120);
    let connection = rusqlite::Connection::open(scratch.path()).unwrap();
    let migration = include_str!("../migrations/0016_hourly.sql")
        .rsplit_once("UPDATE")
        .unwrap()
        .1;
    connection.execute_batch(&format!("UPDATE{migration}")).unwrap();
    let report = store.retain(later, &Retention::default()).unwrap();
    assert_eq!(report.readings, 5 * 118);
    assert_eq!(readings(&store, 1).len(), 10);
}

#[test]
fn hours_are_those_of_the_place() {
    let (_scratch, store) = store(1);
    let registry = store.registry().unwrap();
    let site = Site {
        time_zone: "Asia/Kolkata".to_owned(),
        ..registry.sites[0].clone()
    };
    let version = store.registry_version().unwrap();
    store.apply(version, &[Change::Site(site)]).unwrap();
    store.keep_hours_only(true).unwrap();
    let from = instant("2023-11-10T12:00:00Z").as_second();
    let batch: Vec<_> = (0..60)
        .map(|minute| live(1, from + minute * 60, minute))
        .collect();
    store.hear(&batch).unwrap();
    store.settle().unwrap();
    let minutes: Vec<_> = readings(&store, 1).iter().map(|(_, value, _)| *value).collect();
    assert_eq!(minutes, [0, 29, 30, 59]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    /// Whatever is heard in whatever order, and whenever somebody asks: what stays is what would be made of all of it at once.
    #[test]
    fn what_stays_does_not_depend_on_who_asks_when(
        said in prop::collection::vec((1_i64..3, 0_i64..20_000, prop::bool::weighted(0.1)), 1..120),
        asked in prop::collection::btree_set(1_usize..120, 0..6),
    ) {
        let (_scratch, settled) = store(2);
        let (_other, at_once) = store(2);
        settled.keep_hours_only(true).unwrap();
        // A meter shows one value in a second.
        let mut doubtful = BTreeMap::new();
        let items: Vec<Ingest> = said
            .iter()
            .map(|(meter, second, is)| {
                let is = *doubtful.entry((*meter, *second)).or_insert(*is);
                let mut reading = reading(at(NOON + second), Source::Live, second / 7);
                if is {
                    reading.flags = Flags::IMPLAUSIBLE;
                }
                Ingest::Telegram(telegram(*meter, NOON + second, second.unsigned_abs(), vec![reading]))
            })
            .collect();
        let mut begin = 0;
        for end in asked.into_iter().filter(|end| *end < items.len()).chain([items.len()]) {
            settled.hear(&items[begin..end]).unwrap();
            settled.settle().unwrap();
            begin = end;
        }
        at_once.ingest(&items).unwrap();
        retain(&at_once, 0);
        for meter in 1..3 {
            let (got, wanted) = (readings(&settled, meter), readings(&at_once, meter));
            prop_assert_eq!(&got, &wanted);
            // By hand: the ends of each hour in Paris, which are those of the world, and what is doubtful.
            let mut hours: BTreeMap<i64, BTreeSet<i64>> = BTreeMap::new();
            for ((of, second), is) in &doubtful {
                if *of == meter && !is {
                    hours.entry((NOON + second).div_euclid(3600)).or_default().insert(*second);
                }
            }
            let mut expected: BTreeSet<i64> =
                hours.values().flat_map(|hour| [hour.first(), hour.last()]).flatten().copied().collect();
            expected.extend(doubtful.iter().filter(|((of, _), is)| *of == meter && **is).map(|((_, second), _)| second));
            let got: BTreeSet<i64> = got.iter().map(|(at, ..)| at - NOON).collect();
            prop_assert_eq!(got, expected);
        }
    }
}
