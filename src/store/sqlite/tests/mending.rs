//! Mending: what becomes of a store whose pages say what can't be.

use rusqlite::Connection;

use super::{Scratch, building, instant, live};
use crate::store::sqlite::SqliteStore;
use crate::store::sqlite::mend::Reader;
use crate::store::sqlite::open::beside;
use crate::store::{MeterId, Store};

const NOON: i64 = 1_700_000_000;

/// Nobody has the telegrams any more.
struct Nobody;

impl Reader for Nobody {
    fn is_whole(&self, _: &[u8], _: u64) -> bool {
        true
    }

    fn read_again(&self, _: &SqliteStore) {}
}

/// A store with four readings, spoilt by these statements of SQL, and put together anew.
fn mended(spoil: &str) -> (Scratch, SqliteStore, Option<u64>) {
    mended_after(spoil, |store, number| {
        store
            .ingest(&[live(1, NOON + number * 60, 1000 + number)])
            .unwrap();
    })
}

/// The same, where the four came in some way.
fn mended_after(spoil: &str, take: impl Fn(&SqliteStore, i64)) -> (Scratch, SqliteStore, Option<u64>) {
    let scratch = Scratch::new();
    let path = scratch.path();
    let store = SqliteStore::create(&path).unwrap();
    building(&store, 1);
    for number in 0..4 {
        take(&store, number);
    }
    drop(store);
    let connection = Connection::open(&path).unwrap();
    connection.pragma_update(None, "foreign_keys", false).unwrap();
    connection.execute_batch(spoil).unwrap();
    drop(connection);
    SqliteStore::suspect(&path, "the test says so").unwrap();
    let now = instant("2026-11-20T10:00:00Z");
    let (store, mended) = SqliteStore::open_or_mend(&path, &beside(&path, ".backups"), now, &Nobody).unwrap();
    let mended = mended.expect("it is damaged");
    assert!(mended.aside.exists());
    let lost = mended.salvaged.lost_readings;
    assert_eq!(store.mended().unwrap(), Some((now, lost)), "it remembers");
    assert_eq!(store.contradictions().unwrap(), Vec::<String>::new());
    (scratch, store, lost)
}

fn values(store: &SqliteStore) -> Vec<i64> {
    let rows = store.changes(0, 10).unwrap();
    assert!(rows.iter().all(|row| row.meter == MeterId(1)));
    rows.iter().map(|row| row.reading.value).collect()
}

/// Puts what its table would never take into a place of a reading: as if an octet of its pages had been turned over.
fn unchecked(table: &str, statement: &str) -> String {
    let schema = |old: &str, new: &str| {
        format!("UPDATE sqlite_schema SET sql = replace(sql, '{old}', '{new}') WHERE name = '{table}';")
    };
    format!(
        "PRAGMA writable_schema = RESET; PRAGMA writable_schema = ON; {} PRAGMA writable_schema = RESET; {statement};
         PRAGMA writable_schema = ON; {} PRAGMA writable_schema = RESET;",
        schema("STRICT, WITHOUT ROWID", "WITHOUT ROWID"),
        schema("WITHOUT ROWID", "STRICT, WITHOUT ROWID"),
    )
}

#[test]
fn an_index_that_names_no_numbers_can_not_be_counted_from_and_the_rest_is_kept() {
    let spoil = unchecked("reading", "UPDATE reading SET at = 'noon' WHERE value = 1002");
    let (_scratch, store, lost) = mended(&spoil);
    assert_eq!(lost, None, "nobody can tell what was there");
    assert_eq!(values(&store), [1000, 1001, 1003]);
}

#[test]
fn a_reading_that_can_not_be_and_whose_place_is_known_is_counted() {
    let spoil = unchecked("reading", "UPDATE reading SET value = 'much' WHERE value = 1002");
    let (_scratch, store, lost) = mended(&spoil);
    assert_eq!(lost, Some(1));
    assert_eq!(values(&store), [1000, 1001, 1003]);
}

#[test]
fn readings_whose_meter_is_lost_are_counted() {
    let (_scratch, store, lost) = mended("DELETE FROM meter WHERE id = 1");
    assert_eq!(lost, Some(4));
    assert_eq!(values(&store), Vec::<i64>::new());
}

#[test]
fn what_was_heard_lately_comes_back_from_beside_a_damaged_store() {
    // Neither the readings nor the telegrams that gave them are left.
    let spoil = unchecked(
        "recent",
        "DELETE FROM telegram; UPDATE recent SET value = 'much' WHERE value IN (1001, 1002)",
    );
    let (_scratch, store, lost) = mended_after(&spoil, hear_and_settle);
    assert_eq!(lost, Some(0));
    assert_eq!(values(&store), [1000, 1001, 1002, 1003]);
}

#[test]
fn a_reading_of_the_last_hours_that_can_not_be_is_counted_and_the_rest_is_kept() {
    let spoil = unchecked("recent", "UPDATE recent SET value = 'much' WHERE value = 1002");
    let (_scratch, store, lost) = mended_after(&spoil, hear_and_settle);
    assert_eq!(lost, Some(1));
    assert_eq!(values(&store), [1000, 1001, 1003]);
}

#[test]
fn every_value_of_a_damaged_store_comes_back_or_is_counted() {
    let hear = |store: &SqliteStore, number: i64| {
        let from = NOON - NOON.rem_euclid(3600) + number * 3600;
        let said: Vec<_> = (0..60)
            .map(|minute| live(1, from + minute * 60, number * 100 + minute))
            .collect();
        store.hear(&said).unwrap();
        store.settle().unwrap();
    };
    let all = |store: &SqliteStore| store.changes(0, 1000).unwrap().len();
    // Something else is the matter.
    let spoil = "UPDATE counter SET value = 0 WHERE name = 'change'";
    let (_scratch, store, lost) = mended_after(spoil, hear);
    assert_eq!((all(&store), lost), (240, Some(0)));
    let dense = |store: &SqliteStore| {
        let connection = Connection::open(store.file().unwrap()).unwrap();
        connection.query_row("SELECT count(*) FROM dense", [], |row| row.get::<_, i64>(0))
    };
    assert_eq!(dense(&store), Ok(0), "they are readings like all others");
    let spoil = "UPDATE dense SET octets = zeroblob(9) WHERE change = (SELECT min(change) FROM dense)";
    let (_scratch, store, lost) = mended_after(spoil, hear);
    assert_eq!((all(&store), lost), (240 - 58, Some(58)));
}

fn hear_and_settle(store: &SqliteStore, number: i64) {
    store.hear(&[live(1, NOON + number * 60, 1000 + number)]).unwrap();
    store.settle().unwrap();
    let connection = Connection::open(store.file().unwrap()).unwrap();
    let there = connection.query_row("SELECT count(*) FROM recent", [], |row| row.get(0));
    assert_eq!(there, Ok(number + 1));
}
