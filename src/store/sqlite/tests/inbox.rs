//! What is heard waits, and takes its place later: the same rows as if it had not waited, whatever comes between.

use std::fs;
use std::sync::{Arc, Mutex, Weak};

use proptest::prelude::*;

use super::ingest::anything;
use super::packs::{archive, foreign, heard, sealed, series};
use super::*;
use crate::store::sqlite::Options;
use crate::store::sqlite::open::beside;
use crate::store::{
    By, Changed, Erase, KeyProof, LearntLayout, ReadingQuery, Redecoded, TelegramKey, Watcher,
};

fn rows(path: &Path, query: &str) -> i64 {
    let connection = Connection::open(path).unwrap();
    connection.query_row(query, [], |row| row.get(0)).unwrap()
}

/// Telegrams and sightings in the files behind the place that was settled.
fn waiting(path: &Path) -> i64 {
    let connection = Connection::open(path).unwrap();
    super::super::inbox::items_waiting(&connection, path)
}

/// The files in which what is heard waits, in their order.
fn files(path: &Path) -> Vec<PathBuf> {
    let prefix = beside(path, "-heard-");
    let mut found: Vec<PathBuf> = fs::read_dir(path.parent().unwrap())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.to_string_lossy().starts_with(&*prefix.to_string_lossy()))
        .collect();
    found.sort();
    found
}

fn everything(meter: i64) -> ReadingQuery {
    ReadingQuery {
        meter: MeterId(meter),
        channel: None,
        from: Timestamp::MIN,
        until: Timestamp::MAX,
        source: None,
        after: None,
        limit: 1000,
    }
}

#[test]
fn what_is_heard_counts_when_somebody_is_about_to_ask() {
    let (scratch, store) = store(2);
    assert!(store.is_caught_up());
    store
        .hear(&[live(1, 100, 7), live(2, 101, 8), sighting(9, 102)])
        .unwrap();
    assert_eq!(waiting(&scratch.path()), 3);
    assert!(!store.is_caught_up());
    assert_eq!(store.readings(&everything(1)).unwrap(), []);
    store.catch_up();
    assert_eq!(waiting(&scratch.path()), 0);
    assert!(store.is_caught_up());
    assert_eq!(store.readings(&everything(1)).unwrap().len(), 1);
    assert_eq!(store.heard(10).unwrap().len(), 1);
    // Who asks again at once is not told more: each time would be written each time.
    store.hear(&[live(1, 200, 9)]).unwrap();
    store.catch_up();
    assert_eq!(waiting(&scratch.path()), 1);
    assert_eq!(store.settle().unwrap().readings, 1);
    assert_eq!(store.readings(&everything(1)).unwrap().len(), 2);
}

#[test]
fn answers_may_lag_as_far_as_the_operator_says() {
    let (_scratch, store) = store(1);
    store.may_lag(3600);
    // The first who asks is told everything.
    store.hear(&[live(1, 100, 7)]).unwrap();
    store.catch_up();
    assert_eq!(store.readings(&everything(1)).unwrap().len(), 1);
    store.hear(&[live(1, 200, 8)]).unwrap();
    store.catch_up();
    assert!(store.is_caught_up());
    assert_eq!(store.readings(&everything(1)).unwrap().len(), 1);
    store.may_lag(0);
    store.catch_up();
    assert_eq!(store.readings(&everything(1)).unwrap().len(), 2);
}

#[test]
fn who_opens_the_store_finds_everything_that_was_heard() {
    let (scratch, store) = store(2);
    store.hear(&[live(1, 100, 7)]).unwrap();
    let other = SqliteStore::open(&scratch.path()).unwrap();
    assert_eq!(other.readings(&everything(1)).unwrap().len(), 1);
    // And the one who heard it has nothing left to do.
    assert_eq!(store.settle().unwrap().readings, 0);
    store.hear(&[live(1, 200, 8)]).unwrap();
    store.settle().unwrap();
    assert_eq!(other.readings(&everything(1)).unwrap().len(), 2);
}

#[test]
fn who_opens_the_store_by_a_link_finds_it_too() {
    let (scratch, store) = store(1);
    store.hear(&[live(1, 100, 7)]).unwrap();
    let link = beside(&scratch.path(), ".link");
    std::os::unix::fs::symlink(scratch.path(), &link).unwrap();
    let other = SqliteStore::open(&link).unwrap();
    assert_eq!(other.readings(&everything(1)).unwrap().len(), 1);
}

#[test]
fn a_copy_has_what_was_heard() {
    let (scratch, store) = store(1);
    store.hear(&[live(1, 100, 7)]).unwrap();
    store.settle().unwrap();
    store.hear(&[live(1, 200, 8)]).unwrap();
    let copy = beside(&scratch.path(), "-copy");
    store.backup(&copy).unwrap();
    let copied = SqliteStore::open(&copy).unwrap();
    assert_eq!(copied.readings(&everything(1)).unwrap().len(), 2);
}

#[test]
fn what_can_not_wait_brings_everything_before_it_to_its_place() {
    let (scratch, store) = store(1);
    let mut unread = telegram(1, 100, 5, Vec::new());
    unread.outcome = "fragment_missing".into();
    store.hear(&[Ingest::Telegram(unread)]).unwrap();
    let again = Redecoded {
        key: TelegramKey {
            received_at: at(100),
            meter: MeterId(1),
            digest: 5,
        },
        outcome: READ,
        evidence: None,
        facts: Facts::default(),
        readings: vec![reading(at(100), Source::Live, 7)],
    };
    let key = store.registry().unwrap().keys[0].clone();
    let proof = KeyProof {
        key,
        at: at(100),
        telegrams: 2,
    };
    let layout = LearntLayout {
        headers: vec![0x02, 0xFF],
        at: at(100),
    };
    store
        .hear(&[Ingest::Again(again), Ingest::Proof(proof), Ingest::Layout(layout)])
        .unwrap();
    assert_eq!(waiting(&scratch.path()), 0);
    assert_eq!(store.readings(&everything(1)).unwrap().len(), 1);
    assert_eq!(store.layouts().unwrap().len(), 1);
    // A key never waits in clear.
    assert_eq!(store.directory().unwrap()[0].proven, 1);
}

#[test]
fn a_batch_of_a_hundred_meters_is_written_once_and_the_store_is_left_alone() {
    let (scratch, store) = store(100);
    let log = beside(&scratch.path(), "-wal");
    let second = |round: u8| -> Vec<Ingest> {
        let of = |meter: i64| {
            let at_once = NOON + i64::from(round) * 40;
            let index = 123_000 + u32::from(round) * 3;
            // The first two meters have a key.
            let mode = if meter < 3 { 5 } else { 0 };
            let mut telegram = heard(meter, at_once, sealed(meter, round, index, mode), index.into());
            telegram
                .readings
                .extend((1..=13).map(|month| {
                    reading(at(NOON - month * 2_600_000), Source::History, meter * 900 - month)
                }));
            telegram.facts.opened = true;
            telegram.facts.more = vec![("decoder".into(), "a-family".into()), ("mode".into(), "5".into())];
            Ingest::Telegram(telegram)
        };
        (1..=100).map(of).collect()
    };
    store.hear(&second(0)).unwrap();
    store.settle().unwrap();
    let (in_log, [file]) = (fs::metadata(&log).unwrap().len(), &*files(&scratch.path())) else {
        panic!("{:?}", files(&scratch.path()));
    };
    let length = || fs::metadata(file).unwrap().len();
    let before = length();
    // What each meter says otherwise than before needs something to compare with.
    store.hear(&second(1)).unwrap();
    assert!(length() - before <= 3 * 4096, "{} octets", length() - before);
    let before = length();
    for round in 2..=11 {
        store.hear(&second(round)).unwrap();
    }
    assert_eq!(fs::metadata(&log).unwrap().len(), in_log);
    assert_eq!(length() - before, 10 * 4096, "a page each");
    assert_eq!(store.settle().unwrap().readings, 1100);
    // A file that is done is written over in place.
    store.hear(&second(12)).unwrap();
    let [next] = &*files(&scratch.path()) else {
        panic!("{:?}", files(&scratch.path()));
    };
    assert_ne!(next, file);
    assert_eq!(fs::metadata(next).unwrap().len(), before + 10 * 4096);
    assert_eq!(waiting(&scratch.path()), 100);
    store.settle().unwrap();
    drop(store);
    for run in 1..=5_u8 {
        let store = SqliteStore::open(&scratch.path()).unwrap();
        for round in 0..4 {
            store.hear(&second(13 + run * 4 + round)).unwrap();
        }
        // Whoever finds it finds nothing else in it than what was heard since.
        assert_eq!(waiting(&scratch.path()), 400);
        drop(store);
        let store = SqliteStore::open(&scratch.path()).unwrap();
        assert_eq!(store.counts().unwrap().telegrams, 1300 + u64::from(run) * 400);
        assert_eq!(store.unreadable().unwrap(), 0);
    }
    let found = files(&scratch.path());
    assert!(found.len() <= 2, "{found:?}");
    let lengths: Vec<u64> = found
        .iter()
        .map(|path| fs::metadata(path).unwrap().len())
        .collect();
    assert!(lengths.contains(&(before + 10 * 4096)), "{lengths:?}");
}

#[test]
fn what_is_heard_comes_back_octet_for_octet() {
    let (_scratch, store) = store(3);
    let (_other, plain) = super::store(3);
    let mut all = [series(1, 9, 5), series(2, 9, 5), series(3, 9, 0)].concat();
    // One that nobody can open, and one without the first of its octets.
    all.push(foreign());
    let mut cut = heard(2, NOON + 11, sealed(2, 201, 5, 5), 5);
    cut.octets.remove(0);
    all.push(cut);
    all.sort_by_key(|telegram| telegram.received_at);
    for batch in all.chunks(7) {
        let items: Vec<Ingest> = batch.iter().cloned().map(Ingest::Telegram).collect();
        store.hear(&items).unwrap();
        plain.ingest(&items).unwrap();
    }
    store.settle().unwrap();
    let found = archive(&store);
    assert_eq!(found.len(), 29);
    assert_eq!(found, archive(&plain));
    assert_eq!(store.unreadable().unwrap(), 0);
}

#[test]
fn what_rests_on_a_batch_that_is_lost_is_kept_as_it_is_and_the_rest_takes_its_place() {
    let (scratch, store) = store(3);
    let [first, second, third] = [1, 2, 3].map(|meter| series(meter, 6, if meter < 3 { 5 } else { 0 }));
    let hear = |telegrams: &[Telegram]| {
        let items: Vec<Ingest> = telegrams.iter().cloned().map(Ingest::Telegram).collect();
        store.hear(&items).unwrap();
    };
    hear(&first[..1]);
    hear(&second[..2]);
    hear(&first[1..3]);
    hear(&[&first[3..4], &second[2..4], &third[..2]].concat());
    let [file] = &*files(&scratch.path()) else {
        panic!("{:?}", files(&scratch.path()));
    };
    let mut octets = fs::read(file).unwrap();
    octets[4096 + 100] ^= 1;
    fs::write(file, octets).unwrap();
    store.settle().unwrap();
    let told = |meter| store.readings(&everything(meter)).unwrap().len();
    assert_eq!((told(1), told(2), told(3)), (4, 0, 2));
    // The batch itself, and the one that rests on it with two of its telegrams.
    assert_eq!(
        rows(
            &scratch.path(),
            "SELECT count(*) FROM inbox WHERE refused IS NOT NULL"
        ),
        2
    );
    assert_eq!(store.unreadable().unwrap(), 3);
    // From the settling on nothing rests on it any more.
    hear(&second[4..]);
    store.settle().unwrap();
    assert_eq!(store.readings(&everything(2)).unwrap().len(), 2);
}

#[test]
fn a_batch_that_can_not_be_read_stays_and_keeps_nothing_else_from_its_place() {
    let (scratch, store) = store(1);
    let stored_register = |second| {
        let values = vec![reading(at(NOON), Source::History, 5)];
        Ingest::Telegram(telegram(1, second, second.unsigned_abs(), values))
    };
    store.hear(&[stored_register(100)]).unwrap();
    store.hear(&[live(1, 200, 8)]).unwrap();
    let [file] = &*files(&scratch.path()) else {
        panic!("{:?}", files(&scratch.path()));
    };
    let mut octets = fs::read(file).unwrap();
    octets[30] ^= 1;
    fs::write(file, octets).unwrap();
    assert_eq!(store.settle().unwrap().readings, 1);
    let refused = |path: &Path| rows(path, "SELECT count(*) FROM inbox WHERE refused IS NOT NULL");
    assert_eq!(refused(&scratch.path()), 1);
    assert_eq!(store.unreadable().unwrap(), 1);
    // What it said is news when it is said again.
    store.hear(&[stored_register(300)]).unwrap();
    assert_eq!(store.settle().unwrap().readings, 1);
    // Nobody knows whose it is: an erasure takes it along.
    let by = By {
        who: "test",
        at: at(NOON),
    };
    store.erase(Erase::Dwelling(DwellingId(1)), true, by).unwrap();
    assert_eq!(refused(&scratch.path()), 1);
    store.erase(Erase::Dwelling(DwellingId(1)), false, by).unwrap();
    assert_eq!(refused(&scratch.path()), 0);
}

/// A sighting of form 1: address, second 100, receiver, no strength.
fn of_an_earlier_release() -> Vec<u8> {
    let octets = [1, 1, 2, 3, 4, 5, 6, 7, 8, 0xC8, 0x01, 0, 1, b'x', 0, 0];
    let mut packed = vec![1];
    let mut encoder = flate2::write::DeflateEncoder::new(&mut packed, flate2::Compression::fast());
    std::io::Write::write_all(&mut encoder, &octets).unwrap();
    encoder.finish().unwrap();
    packed
}

#[test]
fn what_an_earlier_release_left_in_a_file_takes_its_place_once() {
    let (scratch, store) = store(1);
    drop(store);
    let packed = of_an_earlier_release();
    let numbers = [
        1_u32.to_le_bytes(),
        u32::try_from(packed.len()).unwrap().to_le_bytes(),
    ]
    .concat();
    let mut crc = flate2::Crc::new();
    crc.update(&numbers);
    crc.update(&packed);
    let entry = [&b"RHE1"[..], &numbers, &crc.sum().to_le_bytes(), &packed].concat();
    fs::write(beside(&scratch.path(), "-heard-1"), entry.repeat(300)).unwrap();
    assert_eq!(waiting(&scratch.path()), 300);
    let store = SqliteStore::open(&scratch.path()).unwrap();
    assert_eq!(store.heard(10).unwrap().len(), 1);
    assert_eq!(waiting(&scratch.path()), 0);
    // The file is the next one by now.
    store.hear(&[live(1, 200, 8)]).unwrap();
    drop(store);
    assert_eq!(waiting(&scratch.path()), 1);
    let store = SqliteStore::open(&scratch.path()).unwrap();
    assert_eq!(store.readings(&everything(1)).unwrap().len(), 1);
    assert_eq!(store.unreadable().unwrap(), 0);
}

#[test]
fn what_an_earlier_release_left_in_the_table_takes_its_place() {
    let (scratch, store) = store(1);
    drop(store);
    let packed = of_an_earlier_release();
    let meddler = Connection::open(scratch.path()).unwrap();
    let mut add = meddler
        .prepare("INSERT INTO inbox (items, batch) VALUES (1, ?1)")
        .unwrap();
    add.execute([packed]).unwrap();
    add.execute([vec![1, 0]]).unwrap();
    let store = SqliteStore::open(&scratch.path()).unwrap();
    assert_eq!(store.heard(10).unwrap().len(), 1);
    assert_eq!(store.unreadable().unwrap(), 1);
    assert_eq!(rows(&scratch.path(), "SELECT count(*) FROM inbox"), 1);
}

#[test]
fn an_end_that_a_power_cut_has_torn_is_passed_over_and_what_comes_later_is_read() {
    let (scratch, store) = store(1);
    store.hear(&[live(1, 100, 7)]).unwrap();
    store.hear(&[live(1, 200, 8)]).unwrap();
    drop(store);
    // As it lay when the power went, in a store that did not settle it.
    let [file] = &*files(&scratch.path()) else {
        panic!("{:?}", files(&scratch.path()));
    };
    for cut in [1, 5, 20] {
        let (other, store) = super::store(1);
        drop(store);
        let mut octets = fs::read(file).unwrap();
        // Behind what it says there are zeros up to the page's end.
        let end = octets.iter().rposition(|octet| *octet != 0).unwrap() + 1;
        octets.truncate(end - cut);
        fs::write(beside(&other.path(), "-heard-1"), octets).unwrap();
        let store = SqliteStore::open(&other.path()).unwrap();
        assert_eq!(store.readings(&everything(1)).unwrap().len(), 1);
        store.hear(&[live(1, 300, 9)]).unwrap();
        drop(store);
        let store = SqliteStore::open(&other.path()).unwrap();
        assert_eq!(store.readings(&everything(1)).unwrap().len(), 2);
        assert_eq!(store.unreadable().unwrap(), 0);
    }
}

#[test]
fn what_only_has_the_name_of_such_a_file_is_left_alone() {
    let (scratch, store) = store(1);
    let folder = beside(&scratch.path(), "-heard-7");
    fs::create_dir(&folder).unwrap();
    std::os::unix::fs::symlink(scratch.path(), beside(&scratch.path(), "-heard-8")).unwrap();
    store.hear(&[live(1, 100, 7)]).unwrap();
    assert_eq!(store.settle().unwrap().readings, 1);
    assert!(folder.is_dir());
    assert_eq!(store.unreadable().unwrap(), 0);
}

#[test]
fn two_that_hear_lose_nothing_of_each_other() {
    let (scratch, store) = store(2);
    let other = SqliteStore::open(&scratch.path()).unwrap();
    for round in 0..6 {
        store.hear(&[live(1, round * 100, round + 1)]).unwrap();
        other.hear(&[live(2, round * 100, round + 1)]).unwrap();
        match round % 3 {
            0 => drop(store.settle().unwrap()),
            1 => drop(other.settle().unwrap()),
            _ => drop(SqliteStore::open(&scratch.path()).unwrap()),
        }
    }
    store.settle().unwrap();
    assert_eq!(store.readings(&everything(1)).unwrap().len(), 6);
    assert_eq!(store.readings(&everything(2)).unwrap().len(), 6);
    assert!(files(&scratch.path()).len() <= 2, "{:?}", files(&scratch.path()));
}

#[test]
fn a_file_is_not_written_over_before_what_was_made_of_it_is_on_the_disk() {
    let (scratch, store) = store(1);
    for round in 0..10 {
        store.hear(&[live(1, round * 100, round + 1)]).unwrap();
    }
    let [file] = &*files(&scratch.path()) else {
        panic!("{:?}", files(&scratch.path()));
    };
    let heard = fs::read(file).unwrap();
    // A replay commits without waiting for the disk.
    let replay = SqliteStore::open_with(&scratch.path(), Options::bulk()).unwrap();
    assert_eq!(waiting(&scratch.path()), 0);
    store.hear(&[live(1, 2000, 20)]).unwrap();
    assert_eq!(fs::read(file).unwrap(), heard);
    // When it is, the file is done.
    replay.settle().unwrap();
    store.settle().unwrap();
    store.hear(&[live(1, 3000, 30)]).unwrap();
    store.settle().unwrap();
    assert_eq!(files(&scratch.path()).len(), 1);
    assert_eq!(store.readings(&everything(1)).unwrap().len(), 12);
}

#[test]
fn a_store_that_was_put_back_is_told_what_was_heard_since_and_nobody_elses() {
    let (scratch, store) = store(2);
    store.hear(&[live(1, 100, 7)]).unwrap();
    store.settle().unwrap();
    let copy = beside(&scratch.path(), "-copy");
    store.backup(&copy).unwrap();
    store.hear(&[live(1, 200, 8), live(2, 200, 9)]).unwrap();
    store.settle().unwrap();
    store.hear(&[live(1, 300, 10)]).unwrap();
    drop(store);
    // In the copy the second meter has another address, as in the copy of another building.
    Connection::open(&copy)
        .unwrap()
        .execute("UPDATE meter SET identification = 77 WHERE id = 2", [])
        .unwrap();
    let by = By {
        who: "test",
        at: at(NOON),
    };
    SqliteStore::restore(&copy, &scratch.path(), true, None, by).unwrap();
    let restored = SqliteStore::open(&scratch.path()).unwrap();
    assert_eq!(restored.readings(&everything(1)).unwrap().len(), 3);
    assert_eq!(restored.readings(&everything(2)).unwrap(), []);
}

#[test]
fn a_meter_whose_address_is_corrected_keeps_what_was_heard_before_and_after() {
    let (scratch, store) = store(1);
    let other = SqliteStore::open(&scratch.path()).unwrap();
    let correct = |store: &SqliteStore, number: u32| {
        let mut meter = store.registry().unwrap().meters[0].clone();
        meter.address.identification_number = wmbus::IdentificationNumber(number);
        let version = store.registry_version().unwrap();
        let by = By {
            who: "test",
            at: at(NOON),
        };
        store.apply_by(version, &[Change::Meter(meter)], by).unwrap();
    };
    store.hear(&[live(1, 100, 7)]).unwrap();
    correct(&store, 0x7700_0001);
    store.hear(&[live(1, 200, 8)]).unwrap();
    correct(&other, 0x7700_0002);
    store.hear(&[live(1, 300, 9)]).unwrap();
    store.settle().unwrap();
    assert_eq!(store.readings(&everything(1)).unwrap().len(), 3);
}

#[test]
fn what_waits_is_erased_with_the_rest() {
    let (scratch, store) = store(1);
    store.hear(&[live(1, NOON, 7)]).unwrap();
    let by = By {
        who: "test",
        at: at(NOON + 100),
    };
    let receipt = store.erase(Erase::Dwelling(DwellingId(1)), false, by).unwrap();
    assert_eq!((receipt.deleted.readings, receipt.deleted.telegrams), (1, 1));
    assert_eq!(files(&scratch.path()), [] as [PathBuf; 0]);
    // Nor does it wait when it is heard once more.
    store.hear(&[live(1, NOON, 7)]).unwrap();
    assert_eq!(files(&scratch.path()), [] as [PathBuf; 0]);
    assert_eq!(store.readings(&everything(1)).unwrap(), []);
}

#[test]
fn a_stored_register_of_a_telegram_that_is_not_taken_is_news_the_next_time() {
    let (_scratch, store) = store(1);
    // A recording, and within half a minute the same octets as if they were none.
    let mut recorded = telegram(1, NOON, 5, Vec::new());
    recorded.outcome = "replayed".into();
    let history = vec![reading(at(NOON - 86_400), Source::History, 4)];
    store.hear(&[Ingest::Telegram(recorded)]).unwrap();
    store
        .hear(&[Ingest::Telegram(telegram(1, NOON + 5, 5, history.clone()))])
        .unwrap();
    assert_eq!(store.settle().unwrap().readings, 0);
    store
        .hear(&[Ingest::Telegram(telegram(1, NOON + 900, 6, history))])
        .unwrap();
    assert_eq!(store.settle().unwrap().readings, 1);
}

#[test]
fn a_full_inbox_settles_by_itself() {
    let (scratch, store) = store(1);
    let strangers: Vec<Ingest> = (0..20_000).map(|number| sighting(number, 100)).collect();
    for _ in 0..9 {
        store.hear(&strangers).unwrap();
        assert!(waiting(&scratch.path()) > 0);
    }
    store.hear(&strangers).unwrap();
    assert_eq!(waiting(&scratch.path()), 0);
    assert!(!store.heard(10).unwrap().is_empty());
}

#[test]
fn whoever_watches_is_told_when_it_counts() {
    #[derive(Default)]
    struct Told(Mutex<Vec<i64>>);
    impl Watcher for Told {
        fn committed(&self, changed: Changed<'_>) {
            if let Changed::Readings(stretches) = changed {
                self.0
                    .lock()
                    .unwrap()
                    .extend(stretches.iter().map(|stretch| stretch.meter.0));
            }
        }
    }
    let (_scratch, store) = store(2);
    let told = Arc::new(Told::default());
    let weak: Weak<Told> = Arc::downgrade(&told);
    store.watch(weak);
    store.hear(&[live(2, 100, 7)]).unwrap();
    assert_eq!(*told.0.lock().unwrap(), [] as [i64; 0]);
    store.settle().unwrap();
    assert_eq!(*told.0.lock().unwrap(), [2]);
}

/// What happens to a store between two batches.
#[derive(Clone, Debug)]
enum Between {
    Nothing,
    Settles,
    /// Killed, and opened again.
    Opened,
    /// Another process puts the batch as a replay would, before the daemon hears it.
    Replayed,
}

fn between() -> impl Strategy<Value = Between> {
    prop_oneof![
        3 => Just(Between::Nothing),
        1 => Just(Between::Settles),
        1 => Just(Between::Opened),
        1 => Just(Between::Replayed),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn waiting_changes_nothing(
        batches in prop::collection::vec((prop::collection::vec(anything(), 1..12), between()), 1..8),
    ) {
        let (scratch, mut heard) = store(3);
        let (straight, ingested) = store(3);
        for (telegrams, between) in batches {
            let batch: Vec<Ingest> = telegrams.into_iter().map(Ingest::Telegram).collect();
            ingested.ingest(&batch).unwrap();
            if matches!(between, Between::Replayed) {
                heard.settle().unwrap();
                heard.ingest(&batch).unwrap();
            }
            heard.hear(&batch).unwrap();
            match between {
                Between::Settles => { heard.settle().unwrap(); }
                Between::Opened => {
                    drop(heard);
                    heard = SqliteStore::open(&scratch.path()).unwrap();
                }
                Between::Nothing | Between::Replayed => {}
            }
        }
        heard.settle().unwrap();
        prop_assert_eq!(meaning(&scratch.path()), meaning(&straight.path()));
        prop_assert_eq!(waiting(&scratch.path()), 0);
    }
}

/// An hour of the day that the generator's telegrams are of.
const NOON: i64 = 1_767_009_600;
