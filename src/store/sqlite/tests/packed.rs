//! What is packed says what the rows say, whatever became of them.

use jiff::Timestamp;
use jiff::civil::date;
use proptest::prelude::*;
use rusqlite::Connection;

use super::{Scratch, at, building, instant, live, reading, store, telegram, water};
use crate::registry::{NewOccupancy, Role};
use crate::store::sqlite::SqliteStore;
use crate::store::sqlite::mend::Reader;
use crate::store::sqlite::open::beside;
use crate::store::{
    By, DwellingId, Erase, Flags, Grain, Ingest, MeterId, ReadingKey, Retention, Shown, Source, Store,
    StoredReading,
};

const DAY: i64 = 86_400;

/// 2023-10-01 in Paris.
const BEGIN: i64 = 1_696_111_200;

const BY: By<'static> = By {
    who: "test",
    at: Timestamp::UNIX_EPOCH,
};

fn retain_all(store: &SqliteStore, day: i64, rows: usize) {
    let retention = Retention {
        rows,
        ..Retention::default()
    };
    while store.retain(at(BEGIN + day * DAY), &retention).unwrap().more {}
}

/// The rows of a meter, with those put aside where they are asked for.
fn rows(scratch: &Scratch, meter: i64, grain: Grain) -> Vec<Shown> {
    let table = match grain {
        Grain::Days => {
            "(SELECT meter, channel, at, source, value, flags FROM reading
              UNION ALL SELECT meter, channel, at, 0, value, 0 FROM recent)"
        }
        Grain::Hours => "every_reading",
    };
    let connection = Connection::open(scratch.path()).unwrap();
    let mut statement = connection
        .prepare(&format!(
            "SELECT at, source, value, flags FROM {table} JOIN channel ON channel.id = channel
             WHERE meter = ?1 AND quantity = 'volume' ORDER BY at, source"
        ))
        .unwrap();
    let rows = statement.query_map([meter], |row| {
        Ok(Shown {
            at: at(row.get(0)?),
            source: Source::ALL[usize::from(row.get::<_, u8>(1)?)],
            value: row.get(2)?,
            flags: Flags(row.get(3)?),
        })
    });
    rows.unwrap().map(Result::unwrap).collect()
}

/// What a question for these rows must show: all from the last instant before on, to the first one behind. What was put aside
/// is shown inside the time alone.
fn wanted(days: &[Shown], aside: &[Shown], (from, until): (i64, i64)) -> Vec<Shown> {
    let (from, until) = (at(from), at(until));
    let before = days.iter().map(|row| row.at).filter(|at| *at < from).max();
    let behind = days.iter().map(|row| row.at).filter(|at| *at >= until).min();
    let (first, last) = (before.unwrap_or(from), behind.unwrap_or(until));
    let shown = days.iter().filter(|row| (first..=last).contains(&row.at));
    let aside = aside.iter().filter(|row| from <= row.at && row.at < until);
    let mut shown: Vec<Shown> = shown.chain(aside).copied().collect();
    shown.sort_by_key(|row| (row.at, row.source));
    shown
}

fn count(scratch: &Scratch) -> i64 {
    let connection = Connection::open(scratch.path()).unwrap();
    connection
        .query_row("SELECT count(*) FROM packed", [], |row| row.get(0))
        .unwrap()
}

/// Asks for all kinds of times, and compares with the rows.
fn compare(scratch: &Scratch, store: &SqliteStore, luck: i64) {
    let asked = [
        (-40, 200),
        (3, 9),
        (20, 51),
        (31, 33),
        (40, 47),
        (64, 96),
        (90, 130),
        (300, 310),
    ];
    for meter in [1, 2] {
        let days = rows(scratch, meter, Grain::Days);
        let mut aside = rows(scratch, meter, Grain::Hours);
        aside.retain(|row| !days.contains(row));
        let channels = store.channels(MeterId(meter)).unwrap();
        let Some((channel, _)) = channels.iter().find(|(_, channel)| *channel == water()) else {
            assert_eq!(days, []);
            continue;
        };
        for (first, last) in asked {
            let shift = luck.rem_euclid(9) * 7000;
            let (from, until) = (BEGIN + first * DAY + shift, BEGIN + last * DAY - shift);
            for (grain, aside) in [(Grain::Days, &[][..]), (Grain::Hours, &aside)] {
                let shown = store
                    .shown(MeterId(meter), *channel, at(from), at(until), grain)
                    .unwrap();
                assert_eq!(
                    shown,
                    wanted(&days, aside, (from, until)),
                    "meter {meter}, days {first} to {last}, {grain:?}"
                );
            }
        }
    }
}

/// Something that befalls a store.
#[derive(Clone, Debug)]
enum Event {
    /// Telegrams of a meter, each hours after the one before, from a day on.
    Heard(i64, i64, Vec<(i64, i64)>),
    /// Readings by hand or out of a meter's memory.
    Said(i64, i64, i64, u8, u32),
    /// Another value in the place of one that is there.
    Contradicted(usize, i64),
    Flagged(usize, u32),
    /// A day on which the daemon tidies up, some rows at a time.
    Retained(i64, usize),
    Erased(i64),
    Reopened,
}

fn event() -> impl Strategy<Value = Event> {
    let meter = 1_i64..3;
    prop_oneof![
        5 => (meter.clone(), 0_i64..110, prop::collection::vec((1_i64..30, -5_i64..400), 1..40))
            .prop_map(|(meter, day, steps)| Event::Heard(meter, day, steps)),
        2 => (meter.clone(), -20_i64..120, any::<i64>(), 0_u8..5, 0_u32..128)
            .prop_map(|(meter, day, value, source, flags)| Event::Said(meter, day, value, source, flags)),
        2 => (0_usize..500, any::<i64>()).prop_map(|(place, value)| Event::Contradicted(place, value)),
        2 => (0_usize..500, 0_u32..128).prop_map(|(place, flags)| Event::Flagged(place, flags)),
        5 => (10_i64..140, prop_oneof![Just(3_usize), Just(10_000)])
            .prop_map(|(day, rows)| Event::Retained(day, rows)),
        1 => (0_i64..100).prop_map(Event::Erased),
        1 => Just(Event::Reopened),
    ]
}

fn befall(scratch: &Scratch, store: &mut SqliteStore, event: Event) {
    // All readings there are, and whose.
    let all = |store: &SqliteStore| store.changes(0, 100_000).unwrap();
    match event {
        Event::Heard(meter, day, steps) => {
            let (mut second, mut value) = (BEGIN + day * DAY, day * 1000);
            let mut batch = Vec::new();
            for (hours, gained) in steps {
                second += hours * 3600;
                value += gained;
                batch.push(live(meter, second, value));
            }
            store.hear(&batch).unwrap();
            store.settle().unwrap();
        }
        Event::Said(meter, day, value, source, flags) => {
            let mut said = reading(at(BEGIN + day * DAY), Source::ALL[usize::from(source)], value);
            said.flags = Flags(flags);
            store.add_readings(MeterId(meter), &[said]).unwrap();
        }
        Event::Contradicted(place, value) => {
            let rows = all(store);
            if let Some(row) = rows.get(place % rows.len().max(1)) {
                let other = StoredReading { value, ..row.reading };
                store.add_readings(row.meter, &[other]).unwrap();
            }
        }
        Event::Flagged(place, flags) => {
            let rows = all(store);
            if let Some(row) = rows.get(place % rows.len().max(1)) {
                let key = ReadingKey {
                    channel: row.channel_id,
                    at: row.reading.at,
                    source: row.reading.source,
                };
                store.set_flags(row.meter, key, Flags(flags)).unwrap();
            }
        }
        Event::Retained(day, rows) => retain_all(store, day, rows),
        Event::Erased(day) => {
            let by = By {
                at: at(BEGIN + day * DAY),
                ..BY
            };
            store.erase(Erase::Dwelling(DwellingId(1)), false, by).unwrap();
        }
        Event::Reopened => *store = SqliteStore::open(&scratch.path()).unwrap(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn packed_or_not_the_same_is_shown(events in prop::collection::vec(event(), 2..14)) {
        let (scratch, mut store) = store(2);
        let household = NewOccupancy {
            dwelling: DwellingId(1),
            role: Role::Tenant,
            from: date(2023, 11, 5),
            keeps_hourly: true,
        };
        store.add_occupancy(&household, BY).unwrap();
        for (luck, event) in (0..).zip(events) {
            befall(&scratch, &mut store, event);
            compare(&scratch, &store, luck);
        }
        // And when all is packed that can be.
        retain_all(&store, 150, 10_000);
        compare(&scratch, &store, 4);
    }
}

/// Twice a day from the beginning on.
fn heard(meter: i64, days: i64) -> Vec<Ingest> {
    (0..2 * days)
        .map(|half| live(meter, BEGIN + half * DAY / 2 + 420, 1000 + half * 40))
        .collect()
}

#[test]
fn what_is_old_is_packed_once_and_anew_where_it_changed() {
    let (scratch, store) = store(2);
    store.ingest(&heard(1, 130)).unwrap();
    assert_eq!(count(&scratch), 0);
    retain_all(&store, 130, 10_000);
    // The first stretch begins before the readings do, the last one that is over ends a week ago at the latest.
    let whole = count(&scratch);
    assert!((7..=8).contains(&whole), "{whole}");
    compare(&scratch, &store, 0);

    // A late reading out of the meter's memory takes the row of its time away, and that one alone.
    let late = reading(at(BEGIN + 40 * DAY), Source::History, 4711);
    store.add_readings(MeterId(1), &[late]).unwrap();
    assert_eq!(count(&scratch), whole - 1);
    compare(&scratch, &store, 1);
    retain_all(&store, 130, 10_000);
    assert_eq!(count(&scratch), whole);
    compare(&scratch, &store, 2);

    // One that is known already changes nothing.
    store.add_readings(MeterId(1), &[late]).unwrap();
    assert_eq!(count(&scratch), whole);

    // Another process knows of it too, and so does one that only fills a store.
    let bulk = SqliteStore::open_with(&scratch.path(), crate::store::sqlite::Options::bulk()).unwrap();
    let telegram = telegram(
        1,
        BEGIN + 41 * DAY,
        1,
        vec![reading(at(BEGIN + 41 * DAY), Source::Live, 5000)],
    );
    bulk.ingest(&[Ingest::Telegram(telegram)]).unwrap();
    drop(bulk);
    assert_eq!(count(&scratch), whole - 1);
    compare(&scratch, &store, 3);
}

#[test]
fn a_question_reads_packed_rows_where_there_are_some() {
    let (scratch, store) = store(1);
    store.ingest(&heard(1, 130)).unwrap();
    retain_all(&store, 130, 10_000);
    let ask = || {
        let channel = store.channels(MeterId(1)).unwrap()[0].0;
        let (from, until) = (at(BEGIN + 20 * DAY), at(BEGIN + 50 * DAY));
        store
            .shown(MeterId(1), channel, from, until, Grain::Days)
            .unwrap()
    };
    let before = ask();
    // As no release would do it: a row of the table leaves, and nobody says so.
    let connection = Connection::open(scratch.path()).unwrap();
    let at = BEGIN + 30 * DAY + 420;
    assert_eq!(
        connection
            .execute("DELETE FROM reading WHERE at = ?1", [at])
            .unwrap(),
        1
    );
    assert_eq!(ask(), before);
    // What is not as we write it counts as nothing.
    connection
        .execute("UPDATE packed SET points = x'07'", [])
        .unwrap();
    assert_eq!(ask().len(), before.len() - 1);
    connection
        .execute("UPDATE packed SET points = x'0180'", [])
        .unwrap();
    assert_eq!(ask().len(), before.len() - 1);
    connection.execute("DELETE FROM packed", []).unwrap();
    assert_eq!(ask().len(), before.len() - 1);
}

#[test]
fn nothing_that_is_erased_stays_packed() {
    let (scratch, store) = store(2);
    store.ingest(&heard(1, 130)).unwrap();
    store.ingest(&heard(2, 130)).unwrap();
    retain_all(&store, 130, 10_000);
    let whole = count(&scratch);
    let by = By {
        at: at(BEGIN + 130 * DAY),
        ..BY
    };
    store.erase(Erase::Dwelling(DwellingId(1)), true, by).unwrap();
    assert_eq!(count(&scratch), whole, "it was a rehearsal");
    store.erase(Erase::Dwelling(DwellingId(1)), false, by).unwrap();
    assert_eq!(count(&scratch), 0);
    compare(&scratch, &store, 0);
}

/// Nobody has the telegrams any more.
struct Nobody;

impl Reader for Nobody {
    fn is_whole(&self, _: &[u8], _: u64) -> bool {
        true
    }

    fn read_again(&self, _: &SqliteStore) {}
}

#[test]
fn a_store_that_was_mended_begins_without() {
    let scratch = Scratch::new();
    let path = scratch.path();
    let store = SqliteStore::create(&path).unwrap();
    building(&store, 2);
    store.ingest(&heard(1, 130)).unwrap();
    retain_all(&store, 130, 10_000);
    assert!(count(&scratch) > 0);
    drop(store);
    SqliteStore::suspect(&path, "the test says so").unwrap();
    let connection = Connection::open(&path).unwrap();
    connection.pragma_update(None, "foreign_keys", false).unwrap();
    // Spoilt: a reading of a meter that nobody knows.
    connection
        .execute("UPDATE reading SET meter = 99 WHERE at = ?1", [BEGIN + 420])
        .unwrap();
    drop(connection);
    let now = instant("2024-02-20T10:00:00Z");
    let (store, mended) = SqliteStore::open_or_mend(&path, &beside(&path, ".backups"), now, &Nobody).unwrap();
    assert!(mended.is_some());
    assert_eq!(count(&scratch), 0);
    retain_all(&store, 130, 10_000);
    assert!(count(&scratch) > 0);
    compare(&scratch, &store, 0);
}

#[test]
fn what_is_packed_and_not_true_is_found_and_taken_away() {
    let (scratch, store) = store(2);
    store.ingest(&heard(1, 130)).unwrap();
    store.ingest(&heard(2, 130)).unwrap();
    retain_all(&store, 130, 10_000);
    let whole = count(&scratch);
    assert_eq!(store.compare_packed().unwrap(), []);
    assert_eq!(count(&scratch), whole);
    // As no release would do it: another value, and nobody says so.
    let changed = Connection::open(scratch.path()).unwrap().execute(
        "UPDATE reading SET value = value + 7 WHERE meter = 2 AND at = ?1",
        [BEGIN + 30 * DAY + 420],
    );
    assert_eq!(changed.unwrap(), 1);
    assert_eq!(store.compare_packed().unwrap(), [MeterId(2)]);
    assert_eq!(count(&scratch), whole - 1);
    compare(&scratch, &store, 0);
    assert_eq!(store.compare_packed().unwrap(), []);
    retain_all(&store, 130, 10_000);
    assert_eq!(count(&scratch), whole);
    compare(&scratch, &store, 1);
}
