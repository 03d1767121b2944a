//! The files in which what is heard waits: what is written to them and over them, what is torn, spoilt, or of another release.

use std::fs;

use super::inbox::{files, rows, waiting};
use super::packs::{NOON, archive, foreign, heard, sealed, series};
use super::*;
use crate::store::sqlite::Options;
use crate::store::sqlite::open::beside;
use crate::store::{By, Erase};

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
pub(super) fn of_an_earlier_release() -> Vec<u8> {
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
