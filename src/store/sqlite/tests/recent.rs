//! Wherever readings lie, among the rows, among the last hours or between the ends of an hour: every question is answered alike.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use rusqlite::Connection;

use super::{Scratch, at, everything, live, meaning, reading, said, store, telegram};
use crate::store::sqlite::SqliteStore;
use crate::store::{
    By, ChannelId, DwellingId, Erase, Flags, Grain, Ingest, MeterId, ReadingKey, ReadingQuery, ReadingRow,
    Retention, Side, Source, Store,
};

/// Noon of a day in November, in Paris an hour later.
const NOON: i64 = 1_700_049_600;
const DAY: i64 = 86_400;
const METERS: i64 = 3;

/// What happens to a store that hears.
#[derive(Clone, Debug)]
enum Event {
    /// Telegrams are heard: of a meter, at a second, as far beside what the meter shows then; flagged or not.
    Hears(Vec<(i64, i64, i64, bool)>),
    /// A meter speaks every half minute for so long, from a second on.
    Speaks(i64, i64, i64),
    /// Somebody asks, so that it is settled.
    Settles,
    /// The same comes from a file: it takes its place at once.
    Replays(Vec<(i64, i64, i64, bool)>),
    /// A reading is said to be doubtful, or no longer.
    Flags(i64, prop::sample::Index, bool),
    /// What is old goes among the rows, in pieces of so many; of a store that keeps every value nothing else goes.
    Keeps(i64, usize),
}

/// Mostly one in which a meter that speaks each half minute does.
fn second() -> impl Strategy<Value = i64> {
    prop_oneof![3 => (0..3 * DAY / 30).prop_map(|step| step * 30), 1 => 0..3 * DAY]
}

fn said_once() -> impl Strategy<Value = Vec<(i64, i64, i64, bool)>> {
    let one = (
        1..=METERS,
        second(),
        prop_oneof![6 => Just(0_i64), 1 => 1..3_i64],
        prop::bool::weighted(0.1),
    );
    prop::collection::vec(one, 1..8)
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        2 => said_once().prop_map(Event::Hears),
        4 => (1..=METERS, second(), 1..10_000_i64).prop_map(|(meter, from, long)| Event::Speaks(meter, from, long)),
        4 => Just(Event::Settles),
        1 => said_once().prop_map(Event::Replays),
        1 => (1..=METERS, any::<prop::sample::Index>(), any::<bool>())
            .prop_map(|(meter, which, set)| Event::Flags(meter, which, set)),
        2 => (0..5 * DAY, 1..4000_usize).prop_map(|(second, rows)| Event::Keeps(second, rows)),
    ]
}

/// What a meter says at a second.
fn heard(meter: i64, second: i64, beside: i64, flagged: bool) -> Ingest {
    let mut reading = reading(at(NOON + second), Source::Live, second / 40 + beside);
    if flagged {
        reading.flags = Flags::IMPLAUSIBLE;
    }
    let digest = (second * 8 + beside).unsigned_abs();
    Ingest::Telegram(telegram(meter, NOON + second, digest, vec![reading]))
}

fn batch(said: &[(i64, i64, i64, bool)]) -> Vec<Ingest> {
    let heard =
        |(meter, second, beside, flagged): &(i64, i64, i64, bool)| heard(*meter, *second, *beside, *flagged);
    said.iter().map(heard).collect()
}

/// The series of a meter, when it has said anything.
fn series(store: &SqliteStore, meter: i64) -> Option<(MeterId, ChannelId)> {
    let channels = store.channels(MeterId(meter)).unwrap();
    channels.first().map(|(id, _)| (MeterId(meter), *id))
}

/// All that is asked for, as text without the places in the feed, which follow the order in which things were done.
fn asked(store: &SqliteStore, from: i64, until: i64) -> Vec<String> {
    let mut answers = Vec::new();
    let text = |row: &ReadingRow| format!("{:?} {:?} {:?}", row.meter, row.channel_id, row.reading);
    let mut say = |of: &str, rows: &[ReadingRow]| {
        answers.push(format!("{of} {:?}", rows.iter().map(text).collect::<Vec<_>>()));
    };
    let meters: Vec<MeterId> = (1..=METERS).map(MeterId).collect();
    say("latest", &store.latest(&meters).unwrap());
    let (from, until) = (at(from), at(until));
    for meter in 1..=METERS {
        for limit in [1, 7, 100_000] {
            let mut query = ReadingQuery {
                from,
                until,
                limit,
                ..everything(meter)
            };
            let mut pages = Vec::new();
            loop {
                let page = store.readings(&query).unwrap();
                let Some(last) = page.last() else { break };
                query.after = Some(ReadingKey {
                    channel: last.channel_id,
                    at: last.reading.at,
                    source: last.reading.source,
                });
                pages.extend(page);
                if limit == 1 && pages.len() > 30 {
                    break;
                }
            }
            say("readings", &pages);
        }
        let Some((meter, channel)) = series(store, meter) else {
            continue;
        };
        say("series", &store.series(meter, channel, from, until).unwrap());
        for side in [Side::AtOrBefore, Side::AtOrAfter] {
            for instant in [from, until] {
                for without in [Flags::NONE, Flags::IMPLAUSIBLE] {
                    let nearest = store.nearest(meter, channel, instant, side, without).unwrap();
                    say("nearest", &nearest.into_iter().collect::<Vec<_>>());
                }
            }
        }
    }
    answers
}

/// What sums are made of: all but what lies between the ends of an hour.
fn ends(store: &SqliteStore, (from, until): (i64, i64)) -> Vec<String> {
    let mut answers = Vec::new();
    for meter in 1..=METERS {
        let Some((meter, channel)) = series(store, meter) else {
            continue;
        };
        for grain in [Grain::Days, Grain::Hours] {
            let shown = store.shown(meter, channel, at(from), at(until), grain).unwrap();
            let hours: BTreeSet<i64> = shown
                .iter()
                .map(|shown| shown.at.as_second().div_euclid(3600))
                .collect();
            for hour in hours {
                let within = shown
                    .iter()
                    .filter(|shown| shown.at.as_second().div_euclid(3600) == hour);
                let sound: Vec<_> = within.filter(|shown| shown.flags == Flags::NONE).collect();
                answers.push(format!("{grain:?} {hour} {:?} {:?}", sound.first(), sound.last()));
            }
        }
        let step = SignedDuration::from_hours(1);
        let spoken = store
            .spoken(&[(meter, channel)], at(from), at(until), step, Flags::NONE)
            .unwrap();
        answers.push(format!("{:?} {:?}", !spoken.is_empty(), spoken.last()));
    }
    answers
}

/// Where the readings of a store lie: among the rows, among the last hours, between the ends of hours.
fn places(scratch: &Scratch) -> [i64; 3] {
    let connection = Connection::open(scratch.path()).unwrap();
    [
        "SELECT count(*) FROM reading",
        "SELECT count(*) FROM recent",
        "SELECT ifnull(sum(readings), 0) FROM dense",
    ]
    .map(|query| connection.query_row(query, [], |row| row.get(0)).unwrap())
}

fn keep(store: &SqliteStore, second: i64, rows: usize) {
    let all = Retention {
        every_value_days: 3650,
        live_days: 3650,
        raw_days: 3650,
        heard_days: 3650,
        rows,
        ..Retention::default()
    };
    while store.retain(at(NOON + second), &all).unwrap().more {}
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn wherever_readings_lie_every_question_is_answered_alike(
        events in prop::collection::vec(event(), 1..14),
        times in prop::collection::vec((-DAY..4 * DAY, 0..DAY), 4),
    ) {
        let (scratch, lying) = store(METERS);
        let (other, rows) = store(METERS);
        for event in events {
            match event {
                Event::Hears(said) => {
                    lying.hear(&batch(&said)).unwrap();
                    rows.ingest(&batch(&said)).unwrap();
                }
                Event::Speaks(meter, from, long) => {
                    let said: Vec<_> = (from..from + long).step_by(30).map(|second| (meter, second, 0, false)).collect();
                    lying.hear(&batch(&said)).unwrap();
                    rows.ingest(&batch(&said)).unwrap();
                }
                Event::Settles => {
                    lying.settle().unwrap();
                }
                Event::Replays(said) => {
                    lying.settle().unwrap();
                    lying.ingest(&batch(&said)).unwrap();
                    rows.ingest(&batch(&said)).unwrap();
                }
                Event::Flags(meter, which, set) => {
                    lying.settle().unwrap();
                    let all = rows.readings(&everything(meter)).unwrap();
                    if all.is_empty() {
                        continue;
                    }
                    let row = which.get(&all);
                    let flags = if set { Flags::IMPLAUSIBLE } else { Flags::NONE };
                    let key = ReadingKey { channel: row.channel_id, at: row.reading.at, source: row.reading.source };
                    let changed = rows.set_flags(row.meter, key, flags).unwrap();
                    prop_assert_eq!(lying.set_flags(row.meter, key, flags).unwrap(), changed);
                }
                Event::Keeps(second, at_once) => {
                    lying.settle().unwrap();
                    keep(&lying, second, at_once);
                    keep(&rows, second, 100_000);
                }
            }
        }
        lying.settle().unwrap();
        prop_assert!(matches!(places(&other), [_, 0, 0]));
        prop_assert_eq!(meaning(&scratch.path()), meaning(&other.path()));
        prop_assert_eq!(lying.counts().unwrap().readings, rows.counts().unwrap().readings);
        prop_assert_eq!(lying.contradictions().unwrap(), Vec::<String>::new());
        for (from, long) in times {
            let (from, until) = (NOON + from, NOON + from + long);
            prop_assert_eq!(asked(&lying, from, until), asked(&rows, from, until));
// Sums are made of the ends of hours, and so of whole ones.
            let hours = (from - from.rem_euclid(3600), until - until.rem_euclid(3600));
            prop_assert_eq!(ends(&lying, hours), ends(&rows, hours));
        }
        // The feed in pages, each change once and in its order.
        let all = lying.changes(0, 1_000_000).unwrap();
        let mut paged = Vec::new();
        let mut after = 0;
        loop {
            let page = lying.changes(after, 37).unwrap();
            let Some(last) = page.last() else { break };
            prop_assert!(page.is_sorted_by_key(|row| row.change));
            after = last.change;
            paged.extend(page);
        }
        prop_assert_eq!(format!("{paged:?}"), format!("{all:?}"));
        // What is erased is gone, wherever it lay.
        for store in [&lying, &rows] {
            let by = By { who: "test", at: at(NOON + 30 * DAY) };
            store.erase(Erase::Dwelling(DwellingId(1)), false, by).unwrap();
        }
        prop_assert_eq!(said(&scratch.path()), said(&other.path()));
    }
}

/// Half a minute after the other.
fn every_half_minute(meter: i64, from: i64, count: i64) -> Vec<Ingest> {
    (0..count)
        .map(|step| live(meter, from + 30 * step, from + step))
        .collect()
}

#[test]
fn what_is_settled_lies_among_the_last_hours_and_goes_among_the_rows_a_day_later() {
    let (scratch, store) = store(METERS);
    store.keep_hours_only(true).unwrap();
    for hour in 0..30 {
        for meter in 1..=METERS {
            store
                .hear(&every_half_minute(meter, NOON + hour * 3600, 120))
                .unwrap();
        }
        store.settle().unwrap();
    }
    assert_eq!(places(&scratch), [0, 30 * 2 * METERS, 0]);
    let before = said(&scratch.path());
    // Nothing is a day old yet.
    keep(&store, 23 * 3600, 100);
    assert_eq!(places(&scratch)[0], 0);
    // In pieces: a meter at a time, all that is over.
    let all = Retention {
        rows: 1,
        ..Retention::default()
    };
    let now = at(NOON + 30 * 3600);
    let mut pieces = 0;
    while store.retain(now, &all).unwrap().more {
        pieces += 1;
        assert_eq!(said(&scratch.path()), before);
        assert_eq!(places(&scratch).iter().sum::<i64>(), 30 * 2 * METERS);
    }
    assert!(pieces >= METERS);
    // 12 to 18 h of the next day is not over.
    let left = places(&scratch);
    assert_eq!(left, [24 * 2 * METERS, 6 * 2 * METERS, 0]);
    assert_eq!(said(&scratch.path()), before);
    // What comes late for an hour that was taken over goes there.
    store.hear(&[live(1, NOON + 3_600 + 15, 7)]).unwrap();
    store.hear(&[live(1, NOON + 3_600 - 15, 7)]).unwrap();
    store.settle().unwrap();
    assert_eq!(places(&scratch), [24 * 2 * METERS, left[1], 0]);
}

#[test]
fn a_clock_that_was_ahead_is_forgotten() {
    let (scratch, store) = store(1);
    let heard = |second: i64| {
        store.hear(&[live(1, NOON + second, second)]).unwrap();
        store.settle().unwrap();
        places(&scratch)
    };
    let years = 4 * 365 * DAY;
    assert_eq!(heard(0), [0, 1, 0]);
    assert_eq!(heard(years), [0, 2, 0]);
    keep(&store, years + 2 * DAY, 100);
    assert_eq!(places(&scratch), [2, 0, 0]);
    // What is of before goes among the rows, until somebody has looked at a clock that is right.
    assert_eq!(heard(3600), [3, 0, 0]);
    keep(&store, 3700, 100);
    assert_eq!(heard(7200), [3, 1, 0]);
    assert_eq!(
        store.latest(&[MeterId(1)]).unwrap()[0].reading.at,
        at(NOON + years)
    );
}

#[test]
fn every_value_takes_three_octets_and_goes_when_its_days_are_over() {
    let (scratch, store) = store(1);
    store.hear(&every_half_minute(1, NOON, 240)).unwrap();
    store.settle().unwrap();
    assert_eq!(places(&scratch), [0, 4, 236]);
    let connection = Connection::open(scratch.path()).unwrap();
    let octets: i64 = connection
        .query_row("SELECT sum(length(octets)) FROM dense", [], |row| row.get(0))
        .unwrap();
    assert!(octets < 236 * 3, "{octets}");
    let week = |days: i64| {
        let retention = Retention {
            every_value_days: 7,
            live_days: 30,
            ..Retention::default()
        };
        while store.retain(at(NOON + days * DAY), &retention).unwrap().more {}
        places(&scratch)
    };
    assert_eq!(week(6), [4, 0, 236]);
    assert_eq!(week(9), [4, 0, 0]);
}

#[test]
fn a_value_that_contradicts_one_of_an_hour_is_told_beside_it() {
    let (scratch, store) = store(1);
    store.hear(&every_half_minute(1, NOON, 120)).unwrap();
    store.settle().unwrap();
    assert_eq!(places(&scratch), [0, 2, 118]);
    let mut again = telegram(1, NOON + 90, 5, vec![reading(at(NOON + 90), Source::Live, 77)]);
    again.rssi_dbm = None;
    store.hear(&[Ingest::Telegram(again)]).unwrap();
    assert_eq!(store.settle().unwrap().conflicts, 1);
    // They are readings like all others now.
    assert_eq!(places(&scratch), [118, 2, 0]);
    let flagged: Vec<ReadingRow> = store
        .readings(&everything(1))
        .unwrap()
        .into_iter()
        .filter(|row| row.reading.flags == Flags::CONFLICT)
        .collect();
    assert_eq!(flagged.len(), 1);
    assert_eq!(flagged[0].reading.at, at(NOON + 90));
    assert_eq!(flagged[0].reading.value, NOON + 3);
}

#[test]
fn readings_that_are_not_as_they_were_written_are_named_and_nothing_else_is_lost() {
    let (scratch, store) = store(2);
    for meter in 1..=2 {
        store.hear(&every_half_minute(meter, NOON, 120)).unwrap();
    }
    store.settle().unwrap();
    let connection = Connection::open(scratch.path()).unwrap();
    connection
        .execute("UPDATE dense SET last = last + 1 WHERE meter = 1", [])
        .unwrap();
    let found = store.contradictions().unwrap();
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].contains("meter 1"), "{found:?}");
    assert_eq!(store.readings(&everything(2)).unwrap().len(), 120);
    assert!(store.readings(&everything(1)).is_err());
    assert_eq!(store.latest(&[MeterId(1)]).unwrap().len(), 1);
}

#[test]
fn an_hour_of_many_meters_is_few_pages_in_a_store_of_any_age() {
    let (scratch, store) = store(60);
    // A page a meter, and more.
    for meter in 1..=60 {
        let readings: Vec<_> = (0..400)
            .map(|half| reading(at(NOON - (400 - half) * 1800), Source::Live, half))
            .collect();
        store.add_readings(MeterId(meter), &readings).unwrap();
    }
    let pages = || {
        let connection = Connection::open(scratch.path()).unwrap();
        connection
            .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
            .unwrap();
        let octets = std::fs::read(scratch.path()).unwrap();
        octets.chunks(4096).map(<[u8]>::to_vec).collect::<Vec<_>>()
    };
    let differ = |before: &[Vec<u8>], after: &[Vec<u8>]| {
        after
            .iter()
            .zip(before)
            .filter(|(one, other)| one != other)
            .count()
            + after.len()
            - before.len()
    };
    let before = pages();
    for meter in 1..=60 {
        store
            .hear(&[live(meter, NOON + 60, 1000), live(meter, NOON + 120, 1001)])
            .unwrap();
    }
    store.settle().unwrap();
    let heard = pages();
    let changed = differ(&before, &heard);
    assert!(changed < 40, "{changed} pages for sixty meters");
    // As a replay does it: the test would find a page a meter.
    let replayed: Vec<Ingest> = (1..=60).map(|meter| live(meter, NOON + 180, 1002)).collect();
    store.ingest(&replayed).unwrap();
    assert!(differ(&heard, &pages()) >= 60);
}

#[test]
fn times_without_sense_stop_nothing() {
    let (_scratch, store) = store(1);
    store.hear(&every_half_minute(1, NOON, 120)).unwrap();
    store.settle().unwrap();
    let (meter, channel) = series(&store, 1).unwrap();
    for instant in [Timestamp::MIN, Timestamp::MAX] {
        for side in [Side::AtOrBefore, Side::AtOrAfter] {
            store.nearest(meter, channel, instant, side, Flags::NONE).unwrap();
        }
        assert!(
            store
                .series(meter, channel, instant, Timestamp::MIN)
                .unwrap()
                .len()
                <= 1
        );
    }
    assert_eq!(
        store
            .series(meter, channel, Timestamp::MIN, Timestamp::MAX)
            .unwrap()
            .len(),
        120
    );
}
