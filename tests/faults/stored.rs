//! What a store holds, for comparison.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use releve::store::{ArchiveQuery, ArchivedTelegram, ReadingRow, SqliteStore, Store};
use rusqlite::{Connection, OpenFlags};

/// Readings and archived telegrams of a store that is sound, as sorted rows.
pub(crate) fn stored(db: &Path) -> Vec<String> {
    let connection = Connection::open_with_flags(db, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    let verdict: String = connection
        .query_row("PRAGMA integrity_check", [], |row| row.get(0))
        .unwrap();
    assert_eq!(verdict, "ok", "{}", db.display());
    let mut rows: Vec<String> = said(db)
        .iter()
        .map(|ReadingRow { meter, reading, .. }| {
            let (channel, at, source, value) = (&reading.channel, reading.at, reading.source, reading.value);
            format!("reading {meter:?} {channel:?} {at} {source:?} {value}")
        })
        .collect();
    rows.extend(
        archive(db)
            .iter()
            .map(|telegram| format!("telegram {:?}", telegram.key)),
    );
    rows.sort();
    rows
}

/// The archive of a store as it lies, whether its telegrams are packed or not: nothing that waits beside it is read.
pub(crate) fn archive(db: &Path) -> Vec<ArchivedTelegram> {
    let query = ArchiveQuery {
        limit: usize::MAX >> 1,
        ..ArchiveQuery::default()
    };
    copied(db, |store| store.archive(&query).unwrap())
}

/// The readings of a store as they lie, in the order of their changes.
pub(crate) fn said(db: &Path) -> Vec<ReadingRow> {
    copied(db, |store| store.changes(0, usize::MAX >> 1).unwrap())
}

/// What is asked of a copy of a store.
fn copied<T>(db: &Path, ask: impl FnOnce(&SqliteStore) -> T) -> T {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let copy = db.with_extension(format!("copy-{}", NEXT.fetch_add(1, Ordering::Relaxed)));
    Connection::open_with_flags(db, OpenFlags::SQLITE_OPEN_READ_ONLY)
        .unwrap()
        .execute("VACUUM INTO ?1", [copy.to_str().unwrap()])
        .unwrap();
    let store = SqliteStore::open(&copy).unwrap();
    let answer = ask(&store);
    drop(store);
    remove(&copy);
    answer
}

/// How many telegrams the archive has, packed or not.
pub(crate) const TELEGRAMS: &str =
    "SELECT (SELECT count(*) FROM telegram) + (SELECT ifnull(sum(telegrams), 0) FROM telegram_pack)";

/// How many of such rows are readings.
pub(crate) fn readings(rows: &[String]) -> u64 {
    rows.iter().filter(|row| row.contains("reading")).count() as u64
}

/// The files of a store: its own, and those beside it whose names go on with a dash.
pub(crate) fn files_of(db: &Path) -> Vec<PathBuf> {
    let name = db.file_name().unwrap().to_string_lossy().into_owned();
    let is_part = |path: &PathBuf| {
        let other = path.file_name().unwrap().to_string_lossy();
        other
            .strip_prefix(&name)
            .is_some_and(|suffix| suffix.is_empty() || suffix.starts_with('-'))
    };
    let entries = fs::read_dir(db.parent().unwrap()).unwrap();
    entries
        .map(|entry| entry.unwrap().path())
        .filter(is_part)
        .collect()
}

/// Removes a store.
pub(crate) fn remove(db: &Path) {
    for path in files_of(db) {
        let _ = fs::remove_file(path);
    }
}

/// How many telegrams and sightings wait beside a store for their places among the rows.
pub(crate) fn waiting(db: &Path) -> u64 {
    let settled: i64 = Connection::open_with_flags(db, OpenFlags::SQLITE_OPEN_READ_ONLY)
        .unwrap()
        .query_row(
            "SELECT ifnull(max(value), 0) FROM counter WHERE name = 'heard'",
            [],
            |row| row.get(0),
        )
        .unwrap();
    let (segment, offset) = (settled >> 32, usize::try_from(settled & 0xFFFF_FFFF).unwrap());
    let mut waiting = 0;
    for path in files_of(db) {
        let name = path.to_string_lossy();
        let Some(number) = name
            .rsplit_once("-heard-")
            .map(|(_, number)| number.parse::<i64>().unwrap())
        else {
            continue;
        };
        let octets = fs::read(&path).unwrap_or_default();
        let mut at = match number - segment {
            ..0 => continue,
            0 => offset,
            1.. => 0,
        };
        // What lies behind them is of a file that had this one's place before.
        while let Some(header) = octets.get(at..at + 20) {
            let word = |from: usize| u32::from_le_bytes(header[from..from + 4].try_into().unwrap());
            if &header[..4] != b"RHE2" || i64::from(word(4)) != number {
                break;
            }
            waiting += u64::from(word(8));
            at += (20 + word(12) as usize).next_multiple_of(4096);
        }
    }
    waiting
}
