//! Telegrams that are packed are those that were heard: octet for octet, with all that is said of them later.

use std::fs;

use proptest::prelude::*;

use wmbus::{Key, Plan, dll, tpl};

use super::{address, at, dump, reading, store, telegram};
use crate::store::sqlite::SqliteStore;
use crate::store::{
    ArchiveQuery, ArchivedTelegram, By, DwellingId, Erase, Facts, Ingest, MeterId, NO_VALUE, READ, Redecoded,
    Retention, Source, Store, Telegram, digest_of,
};

/// 2025-12-29, noon in London.
pub(super) const NOON: i64 = 1_767_009_600;
/// That of the first two meters (`super::building`).
const KEY: [u8; 16] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15];

/// What a meter sends: its index, sealed in mode 5, or in clear.
pub(super) fn sealed(meter: i64, access_number: u8, index: u32, mode: u8) -> Vec<u8> {
    let mut payload = vec![0x04, 0x13];
    payload.extend(index.to_le_bytes());
    payload.extend([
        0x42, 0x6C, 0x7F, 0x2C, 0x44, 0x13, 0x10, 0x27, 0x00, 0x00, 0x02, 0xFD, 0x17, 0x00, 0x00,
    ]);
    let link = dll::Header {
        control: dll::Control::SND_NR,
        sender: address(u32::try_from(meter).unwrap()),
    };
    let transport = tpl::Header {
        ci: 0x7A,
        address: None,
        fields: Some(tpl::Fields::sealed(access_number, 0, mode)),
    };
    let plan = Plan {
        key: Some(Key::aes(KEY)),
        ..Plan::new(link, transport, payload)
    };
    plan.encode().unwrap()
}

/// A telegram as the pipeline hands it on.
pub(super) fn heard(meter: i64, second: i64, octets: Vec<u8>, index: i64) -> Telegram {
    let digest = digest_of(&wmbus::bare::canonical(2, &octets).unwrap());
    let mut telegram = telegram(
        meter,
        second,
        digest,
        vec![reading(at(second), Source::Live, index)],
    );
    telegram.octets = octets;
    telegram
}

/// Every forty seconds, with some litres more each time.
pub(super) fn series(meter: i64, count: u8, mode: u8) -> Vec<Telegram> {
    (0..count)
        .map(|number| {
            let index = 123_000 + u32::from(number) * 3;
            let octets = sealed(meter, number, index, mode);
            heard(meter, NOON + i64::from(number) * 40, octets, index.into())
        })
        .collect()
}

fn items(telegrams: &[Telegram]) -> Vec<Ingest> {
    telegrams.iter().cloned().map(Ingest::Telegram).collect()
}

/// One whose seal nobody opens.
pub(super) fn foreign() -> Telegram {
    let mut foreign = heard(1, NOON + 7, sealed(1, 200, 5, 5), 5);
    foreign.outcome = "wrong_key".into();
    foreign.readings.clear();
    foreign.evidence = Some("wrong_key: …".to_owned());
    foreign
}

pub(super) fn archive(store: &SqliteStore) -> Vec<ArchivedTelegram> {
    let query = ArchiveQuery {
        limit: 10_000,
        ..ArchiveQuery::default()
    };
    store.archive(&query).unwrap()
}

/// Packs, the octets in them, and rows.
fn kept(path: &std::path::Path) -> (i64, i64, i64) {
    let connection = rusqlite::Connection::open(path).unwrap();
    let sql =
        "SELECT count(*), ifnull(sum(length(octets)), 0), (SELECT count(*) FROM telegram) FROM telegram_pack";
    connection
        .query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .unwrap()
}

#[test]
fn what_is_settled_is_packed_and_comes_back_octet_for_octet() {
    let (scratch, store) = store(3);
    let (other, plain) = super::store(3);
    // Two with keys, one in clear, and one whose seal nobody opens.
    let mut telegrams = [series(1, 60, 5), series(2, 60, 5), series(3, 60, 0)].concat();
    telegrams.push(foreign());
    store.hear(&items(&telegrams)).unwrap();
    store.settle().unwrap();
    plain.ingest(&items(&telegrams)).unwrap();
    assert_eq!(archive(&store), archive(&plain));
    assert_eq!(store.counts().unwrap(), plain.counts().unwrap());
    let (packs, octets, rows) = kept(&scratch.path());
    assert_eq!((packs, rows), (3, 1));
    assert!(octets < 180 * 14, "{octets} octets for 180 telegrams");
    assert_eq!(kept(&other.path()), (0, 0, 181));
    // What the octets say is nowhere to be read: neither sealed nor in clear.
    let file = fs::read(scratch.path()).unwrap();
    let said = [0x42, 0x6C, 0x7F, 0x2C, 0x44, 0x13, 0x10, 0x27];
    assert!(!file.windows(said.len()).any(|window| window == said));
    assert_eq!(store.contradictions().unwrap(), Vec::<String>::new());
    // A page at a time, of one meter, of one outcome.
    let all = archive(&plain);
    let mut pages = Vec::new();
    loop {
        let query = ArchiveQuery {
            after: pages.last().map(|last: &ArchivedTelegram| last.key),
            limit: 7,
            ..ArchiveQuery::default()
        };
        let page = store.archive(&query).unwrap();
        if page.is_empty() {
            break;
        }
        pages.extend(page);
    }
    assert_eq!(pages, all);
    for outcomes in [&["wrong_key"][..], &[NO_VALUE], &[READ, "wrong_key"]] {
        let query = ArchiveQuery {
            meter: Some(MeterId(1)),
            outcomes,
            limit: 50,
            ..ArchiveQuery::default()
        };
        assert_eq!(store.archive(&query).unwrap(), plain.archive(&query).unwrap());
    }
}

#[test]
fn telegrams_of_one_second_are_walked_one_by_one_and_none_is_passed_over() {
    let (_scratch, store) = store(1);
    let telegrams: Vec<Telegram> = (0..24)
        .map(|number| heard(1, NOON, sealed(1, number, number.into(), 5), number.into()))
        .collect();
    // Some are rows, some are packed, and digests lie on both sides of what a number with a sign can hold.
    store.ingest(&items(&telegrams[..8])).unwrap();
    store.hear(&items(&telegrams[8..])).unwrap();
    store.settle().unwrap();
    let mut walked: Vec<ArchivedTelegram> = Vec::new();
    loop {
        let query = ArchiveQuery {
            after: walked.last().map(|last| last.key),
            limit: 1,
            ..ArchiveQuery::default()
        };
        let page = store.archive(&query).unwrap();
        let Some(next) = page.first() else { break };
        walked.push(next.clone());
    }
    assert_eq!(walked, archive(&store));
    assert_eq!(walked.len(), 24);
}

#[test]
fn what_is_packed_is_known_when_it_comes_again() {
    let (scratch, store) = store(2);
    let telegrams = series(1, 30, 5);
    store.hear(&items(&telegrams)).unwrap();
    store.settle().unwrap();
    let before = archive(&store);
    // Once more in the same way, at once, and by somebody who stood nearer.
    store.hear(&items(&telegrams)).unwrap();
    store.settle().unwrap();
    assert_eq!(store.ingest(&items(&telegrams)).unwrap().duplicates, 30);
    assert_eq!(archive(&store), before);
    assert_eq!(kept(&scratch.path()).0, 1);
    let mut louder = telegrams[4].clone();
    louder.received_at = at(louder.received_at.as_second() + 1);
    louder.rssi_dbm = Some(-40);
    store.hear(&[Ingest::Telegram(louder.clone())]).unwrap();
    store.settle().unwrap();
    let now = archive(&store);
    assert_eq!(now.len(), 30);
    assert_eq!(now[4].rssi_dbm, Some(-40));
    assert_eq!(now[4].octets, before[4].octets);
    assert_eq!(
        kept(&scratch.path()).2,
        1,
        "more is said of it than of the others"
    );
    // Both at once.
    let mut pair = series(2, 1, 5);
    let mut nearer = pair[0].clone();
    nearer.rssi_dbm = Some(-30);
    pair.push(nearer);
    store.hear(&items(&pair)).unwrap();
    store.settle().unwrap();
    let last = archive(&store)
        .into_iter()
        .find(|kept| kept.key.meter == MeterId(2))
        .unwrap();
    assert_eq!(last.rssi_dbm, Some(-30));
    assert_eq!(kept(&scratch.path()).2, 1);
}

#[test]
fn what_is_packed_can_be_judged_anew() {
    let (_scratch, store) = store(2);
    let mut telegrams = series(1, 10, 5);
    for telegram in &mut telegrams {
        telegram.outcome = NO_VALUE.into();
        telegram.readings.clear();
    }
    store.hear(&items(&telegrams)).unwrap();
    store.settle().unwrap();
    let before = archive(&store);
    assert!(before.iter().all(|telegram| telegram.outcome == NO_VALUE));
    let again = Redecoded {
        key: before[3].key,
        outcome: READ.into(),
        evidence: None,
        facts: Facts::default(),
        readings: vec![reading(at(NOON + 120), Source::Live, 7)],
    };
    let report = store.redecoded(&[again]).unwrap();
    assert_eq!((report.readings, report.expired), (1, 0));
    let now = archive(&store);
    assert_eq!(now.iter().filter(|telegram| telegram.outcome == READ).count(), 1);
    assert_eq!(now[3].octets, before[3].octets);
    // And when the same is heard again, read this time.
    let mut read = telegrams[5].clone();
    read.outcome = READ.into();
    assert_eq!(store.ingest(&[Ingest::Telegram(read)]).unwrap().recovered, 1);
    assert_eq!(
        archive(&store)
            .iter()
            .filter(|telegram| telegram.outcome == READ)
            .count(),
        2
    );
    let counted = store.outcome_totals().unwrap();
    let of = |code: &str| {
        counted
            .iter()
            .find(|count| count.outcome == code)
            .map(|count| count.telegrams)
    };
    assert_eq!((of(READ), of(NO_VALUE)), (Some(2), Some(8)));
}

#[test]
fn what_is_packed_goes_when_its_time_is_over_and_when_somebody_asks() {
    let (scratch, store) = store(2);
    let telegrams = [series(1, 200, 5), series(2, 200, 5)].concat();
    store.hear(&items(&telegrams)).unwrap();
    store.settle().unwrap();
    assert_eq!(kept(&scratch.path()).0, 6);
    let retention = Retention {
        rows: 150,
        ..Retention::default()
    };
    let mut gone = 0;
    // An hour stays until all of it is old enough.
    for _ in 0..9 {
        gone += store
            .retain(at(NOON + 30 * 86_400 + 2 * 3600 - 1), &retention)
            .unwrap()
            .telegrams;
    }
    assert_eq!(gone, 180);
    assert_eq!(archive(&store).len(), 220);
    let by = By {
        who: "test",
        at: at(NOON + 86_400),
    };
    let erasure = store.erase(Erase::Dwelling(DwellingId(1)), false, by).unwrap();
    assert_eq!(erasure.deleted.telegrams, 220);
    assert_eq!(archive(&store), []);
    assert_eq!(
        dump(&scratch.path(), &["SELECT * FROM telegram_pack"]),
        Vec::<String>::new()
    );
}

#[test]
fn of_an_hour_that_two_households_share_each_has_its_own_erased() {
    let (_scratch, store) = store(2);
    let telegrams = series(1, 80, 5);
    store.hear(&items(&telegrams)).unwrap();
    store.settle().unwrap();
    let before = archive(&store);
    let erased = store
        .pen
        .write(|open| open.erase_packed(1, NOON + 400, NOON + 800))
        .unwrap();
    assert_eq!(erased, 10);
    let left: Vec<_> = before
        .into_iter()
        .filter(|kept| !(NOON + 400..NOON + 800).contains(&kept.key.received_at.as_second()))
        .collect();
    assert_eq!(archive(&store), left);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    /// However it comes, what the archive says in the end is what it says when every telegram has a row.
    #[test]
    fn packed_or_not_the_same_is_kept(
        said in prop::collection::vec((1_i64..4, 0_u8..60, 0_i64..3, -90_i16..-40), 1..80),
        settled in prop::collection::btree_set(1_usize..80, 0..5),
    ) {
        let (_scratch, packed) = store(3);
        let (_other, plain) = super::store(3);
        let telegrams: Vec<Telegram> = said
            .iter()
            .map(|(meter, number, late, rssi_dbm)| {
                let mode = if *meter == 3 { 0 } else { 5 };
                let index = u32::from(*number) * 3;
                let second = NOON + i64::from(*number) * 400 + late * 11;
                let mut telegram = heard(*meter, second, sealed(*meter, *number, index, mode), index.into());
                telegram.rssi_dbm = Some(*rssi_dbm);
                telegram.radio = if *late == 0 { "cellar".into() } else { "attic".into() };
                telegram
            })
            .collect();
        let mut begin = 0;
        for end in settled.into_iter().filter(|end| *end < telegrams.len()).chain([telegrams.len()]) {
            packed.hear(&items(&telegrams[begin..end])).unwrap();
            packed.settle().unwrap();
            plain.ingest(&items(&telegrams[begin..end])).unwrap();
            begin = end;
        }
        prop_assert_eq!(archive(&packed), archive(&plain));
        for meter in 1..4 {
            prop_assert_eq!(
                packed.meter_state(MeterId(meter)).unwrap(),
                plain.meter_state(MeterId(meter)).unwrap()
            );
        }
    }
}
