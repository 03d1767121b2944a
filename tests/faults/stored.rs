//! What a store holds, for comparison.

use std::path::Path;

use rusqlite::types::Value;
use rusqlite::{Connection, OpenFlags};

/// Readings and archived telegrams of a store that is sound, as sorted rows.
pub(crate) fn stored(db: &Path) -> Vec<String> {
    let connection = Connection::open_with_flags(db, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    let verdict: String = connection
        .query_row("PRAGMA integrity_check", [], |row| row.get(0))
        .unwrap();
    assert_eq!(verdict, "ok", "{}", db.display());
    let mut rows = Vec::new();
    for query in [
        "SELECT 'reading', meter, channel, at, source, value FROM reading",
        "SELECT 'telegram', meter, received_at, digest FROM telegram",
    ] {
        let mut statement = connection.prepare(query).unwrap();
        let columns = statement.column_count();
        let found = statement
            .query_map([], |row| {
                let values = (0..columns).map(|column| row.get::<_, Value>(column));
                Ok(format!("{:?}", values.collect::<Result<Vec<_>, _>>()?))
            })
            .unwrap();
        rows.extend(found.map(Result::unwrap));
    }
    rows.sort();
    rows
}

/// How many of such rows are readings.
pub(crate) fn readings(rows: &[String]) -> u64 {
    rows.iter().filter(|row| row.contains("reading")).count() as u64
}
