//! Ingest: once, exactly, in any order, and whole.

use proptest::prelude::*;

use super::{
    Scratch, at, building, content, instant, live, meaning, reading, sighting, store, telegram, water,
};
use crate::store::sqlite::{Options, SqliteStore};
use crate::store::{
    ArchiveQuery, Channel, Facts, Flags, Ingest, IngestReport, MeterId, READ, ReadingKey, Redecoded, Source,
    Store, StoreError, StoredReading, Telegram,
};

const NOON: i64 = 1_700_000_000;

#[test]
fn a_telegram_heard_twice_adds_nothing_the_second_time() {
    let (scratch, store) = store(2);
    let first = telegram(1, NOON, 7, vec![reading(at(NOON), Source::Live, 1000)]);
    let mut repeated = telegram(1, NOON + 30, 7, vec![reading(at(NOON + 30), Source::Live, 1000)]);
    repeated.radio = "attic".into();
    let report = store
        .ingest(&[Ingest::Telegram(first.clone()), Ingest::Telegram(repeated)])
        .unwrap();
    assert_eq!((report.telegrams, report.duplicates, report.readings), (1, 1, 1));
    let before = content(&scratch.path());
    let report = store.ingest(&[Ingest::Telegram(first)]).unwrap();
    assert_eq!((report.telegrams, report.duplicates, report.readings), (0, 1, 0));
    assert_eq!(content(&scratch.path()), before);
    // Later than half a minute, or of another meter, it is another one.
    let report = store.ingest(&[
        Ingest::Telegram(telegram(1, NOON + 31, 7, vec![])),
        Ingest::Telegram(telegram(2, NOON, 7, vec![])),
    ]);
    assert_eq!(report.unwrap().telegrams, 2);
}

#[test]
fn another_value_for_the_same_instant_never_takes_the_place_of_the_first() {
    let (_scratch, store) = store(1);
    let set_date = at(NOON - NOON % 86_400);
    let says = |digest: u64, value| {
        let at = NOON + i64::try_from(digest).unwrap() * 60;
        Ingest::Telegram(telegram(
            1,
            at,
            digest,
            vec![reading(set_date, Source::SetDate, value)],
        ))
    };
    assert_eq!(store.ingest(&[says(1, 500)]).unwrap().readings, 1);
    let cursor = store.last_change().unwrap();
    assert_eq!(store.ingest(&[says(2, 500)]).unwrap().known, 1);
    assert_eq!(
        store.last_change().unwrap(),
        cursor,
        "the same value is no change"
    );
    assert_eq!(store.ingest(&[says(3, 700)]).unwrap().conflicts, 1);
    // Said again, it is no new conflict.
    let report = store.ingest(&[says(4, 700)]).unwrap();
    assert_eq!((report.conflicts, report.known), (0, 1));
    assert_eq!(store.ingest(&[says(5, 500), says(6, 900)]).unwrap().conflicts, 1);
    let (id, channel) = store.channels(MeterId(1)).unwrap()[0];
    assert_eq!(channel, water());
    let rows = store.changes(cursor, 10).unwrap();
    assert_eq!(rows.len(), 1, "the flag is news");
    assert_eq!(rows[0].reading.value, 500);
    assert_eq!(rows[0].reading.flags, Flags::CONFLICT);
    let key = ReadingKey {
        channel: id,
        at: set_date,
        source: Source::SetDate,
    };
    assert_eq!(store.conflicts(MeterId(1), key).unwrap(), [700, 900]);
    assert!(store.set_flags(MeterId(1), key, Flags::NONE).unwrap());
    assert!(!store.set_flags(MeterId(1), key, Flags::NONE).unwrap());
}

#[test]
fn a_batch_with_an_unknown_meter_is_refused_whole() {
    for options in [Options::default(), Options::bulk()] {
        let (scratch, store) = store(1);
        drop(store);
        let store = SqliteStore::open_with(&scratch.path(), options).unwrap();
        let before = content(&scratch.path());
        let other = Channel { tariff: 3, ..water() };
        let mut strange = reading(at(NOON), Source::Live, 5);
        strange.channel = other;
        let batch = [
            Ingest::Telegram(Telegram {
                radio: "attic".into(),
                outcome: "wrong_key".into(),
                ..telegram(1, NOON, 1, vec![strange])
            }),
            live(99, NOON, 1000),
        ];
        let error = store.ingest(&batch).unwrap_err();
        assert!(
            matches!(&error, StoreError::Refused(why) if why.contains("registered")),
            "{error}"
        );
        assert_eq!(content(&scratch.path()), before);
        // What the batch had made on its way is not remembered either.
        assert_eq!(store.ingest(&batch[..1]).unwrap().readings, 1);
        assert_eq!(store.channels(MeterId(1)).unwrap()[0].1, other);
    }
}

#[test]
fn an_unread_telegram_is_read_when_the_key_comes() {
    let (scratch, store) = store(1);
    let sealed = Telegram {
        outcome: "no_key".into(),
        evidence: Some("mode 5".to_owned()),
        facts: Facts::default(),
        ..telegram(1, NOON, 7, vec![])
    };
    let opened = telegram(1, NOON, 7, vec![reading(at(NOON), Source::Live, 1000)]);
    store.ingest(&[Ingest::Telegram(sealed.clone())]).unwrap();
    let query = ArchiveQuery {
        outcomes: &["no_key", "wrong_key"],
        limit: 10,
        ..ArchiveQuery::default()
    };
    let unread = store.archive(&query).unwrap();
    assert_eq!(unread.len(), 1);
    assert_eq!(unread[0].evidence.as_deref(), Some("mode 5"));
    let redecoded = Redecoded {
        key: unread[0].key,
        outcome: READ.into(),
        evidence: None,
        facts: opened.facts.clone(),
        readings: opened.readings.clone(),
    };
    let report = store.redecoded(std::slice::from_ref(&redecoded)).unwrap();
    assert_eq!(report.readings, 1);
    assert!(store.archive(&query).unwrap().is_empty());
    let after = content(&scratch.path());
    assert_eq!(store.redecoded(&[redecoded]).unwrap().known, 1);
    assert_eq!(
        content(&scratch.path()),
        after,
        "reading it once more changes nothing"
    );

    // A replay with the key says the same as redecoding, and as if the key had been there from the start.
    let (late, early) = (Scratch::new(), Scratch::new());
    let replayed = SqliteStore::create(&late.path()).unwrap();
    building(&replayed, 1);
    replayed.ingest(&[Ingest::Telegram(sealed)]).unwrap();
    let report = replayed.ingest(&[Ingest::Telegram(opened.clone())]).unwrap();
    assert_eq!((report.recovered, report.readings), (1, 1));
    assert_eq!(meaning(&late.path()), meaning(&scratch.path()));
    let undisturbed = SqliteStore::create(&early.path()).unwrap();
    building(&undisturbed, 1);
    undisturbed.ingest(&[Ingest::Telegram(opened)]).unwrap();
    assert_eq!(meaning(&early.path()), meaning(&scratch.path()));
}

#[test]
fn a_later_copy_that_could_be_read_is_filed_under_the_instant_of_the_kept_one() {
    let (_scratch, store) = store(1);
    let sealed = Telegram {
        outcome: "no_key".into(),
        facts: Facts::default(),
        ..telegram(1, NOON, 7, vec![])
    };
    // What its own clock says does not move with the instant at which it is heard.
    let stamped = StoredReading {
        stamp: Some(decoders::reading::Stamp::Date {
            year: 2023,
            month: 11,
            day: 14,
        }),
        ..reading(at(NOON - 180), Source::Live, 990)
    };
    let said = |second| vec![reading(at(second), Source::Live, 1000), stamped];
    let repeated = telegram(1, NOON + 20, 7, said(NOON + 20));
    store.ingest(&[Ingest::Telegram(sealed)]).unwrap();
    let report = store.ingest(&[Ingest::Telegram(repeated)]).unwrap();
    assert_eq!((report.recovered, report.telegrams, report.readings), (1, 0, 2));
    let instants = || {
        let rows = store.changes(0, 10).unwrap();
        rows.iter().map(|row| row.reading.at).collect::<Vec<_>>()
    };
    assert_eq!(instants(), [at(NOON), at(NOON - 180)]);
    // Read again from the archive, it says what is there already.
    let kept = store
        .archive(&ArchiveQuery {
            limit: 10,
            ..ArchiveQuery::default()
        })
        .unwrap();
    assert_eq!(kept.len(), 1);
    assert_eq!(
        (kept[0].key.received_at, kept[0].outcome.as_str()),
        (at(NOON), READ)
    );
    let again = Redecoded {
        key: kept[0].key,
        outcome: READ.into(),
        evidence: None,
        facts: Facts::default(),
        readings: said(NOON),
    };
    let report = store.redecoded(&[again]).unwrap();
    assert_eq!((report.known, report.readings, report.conflicts), (2, 0, 0));
    assert_eq!(instants(), [at(NOON), at(NOON - 180)]);
}

#[test]
fn the_feed_shows_every_reading_once_in_pages() {
    let (_scratch, store) = store(3);
    for number in 0..50 {
        store
            .ingest(&[live(1 + number % 3, NOON + number * 60, number * 1000)])
            .unwrap();
    }
    let mut seen = Vec::new();
    let mut cursor = 0;
    loop {
        let page = store.changes(cursor, 7).unwrap();
        let Some(last) = page.last() else { break };
        cursor = last.change;
        seen.extend(page.iter().map(|row| row.reading.value / 1000));
    }
    assert_eq!(seen, (0..50).collect::<Vec<_>>());
    assert_eq!(cursor, store.last_change().unwrap());
    assert!(store.changes(u64::MAX, 7).unwrap().is_empty());
}

#[test]
fn strangers_are_counted_once_an_instant() {
    let (scratch, store) = store(1);
    let batch = [sighting(77, NOON), sighting(77, NOON + 10), sighting(78, NOON)];
    assert_eq!(store.ingest(&batch).unwrap().strangers, 3);
    let before = content(&scratch.path());
    store.ingest(&batch).unwrap();
    assert_eq!(content(&scratch.path()), before);
    let heard = store.heard(10).unwrap();
    assert_eq!(heard.len(), 2);
    assert_eq!((heard[0].address, heard[0].telegrams), (super::address(77), 2));
    assert_eq!(store.counts().unwrap().telegrams, 0, "and not looked into");
}

#[test]
fn readings_by_hand_are_kept_as_exactly() {
    let (_scratch, store) = store(1);
    let by_hand = reading(instant("2024-01-31T23:00:00Z"), Source::Manual, 1_234_567);
    assert_eq!(
        store
            .add_readings(MeterId(1), &[by_hand, by_hand])
            .unwrap()
            .readings,
        1
    );
    let twisted = crate::store::StoredReading { value: 1, ..by_hand };
    assert_eq!(store.add_readings(MeterId(1), &[twisted]).unwrap().conflicts, 1);
    assert!(store.add_readings(MeterId(9), &[by_hand]).is_err());
}

/// One telegram of a small world in which values depend on nothing but meter, instant and source.
pub(super) fn anything() -> impl Strategy<Value = Telegram> {
    // Instants a minute apart, so that repeats are exact; nearer ones depend on which came first.
    (1_i64..4, 0_i64..12, 0_u64..3, 0_usize..3).prop_map(|(meter, minute, digest, readings)| {
        let received_at = NOON + minute * 60;
        let history = |n: i64| reading(at(NOON - n * 86_400), Source::History, meter * 1_000_000 - n);
        let mut values = vec![reading(at(received_at), Source::Live, meter * 1_000_000 + minute)];
        values.extend((1..=3).map(history).take(readings));
        let mut telegram = telegram(meter, received_at, digest, values);
        telegram.octets = vec![u8::try_from(digest).unwrap_or(0)];
        // Everything follows from meter, instant and digest: equal ones are equal altogether.
        telegram.radio = if digest == 0 {
            "attic".into()
        } else {
            "cellar".into()
        };
        telegram.rssi_dbm = Some(-50 - i16::try_from(minute).unwrap_or(0));
        telegram.facts.more = vec![("firmware".into(), format!("{}", minute / 4).into())];
        if digest == 2 {
            telegram.outcome = "wrong_key".into();
            telegram.readings.clear();
            telegram.facts = Facts::default();
        }
        telegram
    })
}

fn stored(batches: &[&[Telegram]]) -> (Scratch, IngestReport) {
    let (scratch, store) = store(3);
    let mut sum = IngestReport::default();
    for batch in batches {
        let batch: Vec<_> = batch.iter().cloned().map(Ingest::Telegram).collect();
        sum.add(store.ingest(&batch).unwrap());
    }
    (scratch, sum)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn any_order_and_any_repetition_give_the_same_rows(
        telegrams in prop::collection::vec(anything(), 1..30),
        order in prop::collection::vec(any::<prop::sample::Index>(), 0..60),
        batch in 1_usize..9,
    ) {
        // The number of readings differs between telegrams that are otherwise equal: settle on one of them.
        let mut once = telegrams.clone();
        once.sort_by_key(|telegram| (telegram.meter, telegram.received_at, telegram.digest));
        once.dedup_by_key(|telegram| (telegram.meter, telegram.received_at, telegram.digest));
        let mut shuffled: Vec<Telegram> = order.iter().map(|index| index.get(&once).clone()).collect();
        shuffled.extend(once.iter().rev().cloned());
        let (straight, sum) = stored(&[&once]);
        let (twisted, other) = stored(&shuffled.chunks(batch).collect::<Vec<_>>());
        prop_assert_eq!(meaning(&straight.path()), meaning(&twisted.path()));
        prop_assert_eq!(sum.telegrams, other.telegrams);
        prop_assert_eq!(sum.readings, other.readings);
        prop_assert_eq!(other.telegrams + other.duplicates, shuffled.len() as u64);
    }

    #[test]
    fn an_interrupted_replay_begun_again_equals_an_undisturbed_one(
        telegrams in prop::collection::vec(anything(), 1..40),
        killed_after in prop::collection::vec(0_usize..8, 0..4),
        batch in 1_usize..9,
    ) {
        let batches: Vec<&[Telegram]> = telegrams.chunks(batch).collect();
        let (undisturbed, _) = stored(&batches);
        let mut runs = Vec::new();
        for killed_after in killed_after {
            runs.extend(batches.iter().take(killed_after));
        }
        runs.extend(&batches);
        let (killed, _) = stored(&runs);
        // Down to the last number: nothing tells the two apart.
        prop_assert_eq!(content(&undisturbed.path()), content(&killed.path()));
    }
}
