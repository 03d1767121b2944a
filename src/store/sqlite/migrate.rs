//! Migrations: each file once, all pending ones in one transaction, the version kept in the database.

use std::collections::BTreeMap;

use rusqlite::{Connection, TransactionBehavior};

/// What the file's header says it is: the letters RELV.
pub(super) const APPLICATION_ID: u32 = 0x5245_4C56;

/// The migrations; a database of version n has had the first n.
const MIGRATIONS: &[&str] = &[
    include_str!("migrations/0001_tables.sql"),
    include_str!("migrations/0002_assumed.sql"),
    include_str!("migrations/0003_alerts.sql"),
    include_str!("migrations/0004_receivers.sql"),
    include_str!("migrations/0005_counters.sql"),
    include_str!("migrations/0006_asked.sql"),
    include_str!("migrations/0007_layouts.sql"),
    include_str!("migrations/0008_rhythm.sql"),
    include_str!("migrations/0009_history.sql"),
    include_str!("migrations/0010_hours.sql"),
    include_str!("migrations/0011_erasures.sql"),
    include_str!("migrations/0012_once.sql"),
    include_str!("migrations/0013_inbox.sql"),
    include_str!("migrations/0014_packed.sql"),
    include_str!("migrations/0015_heard.sql"),
    include_str!("migrations/0016_hourly.sql"),
    include_str!("migrations/0017_packs.sql"),
    include_str!("migrations/0018_bare.sql"),
    include_str!("migrations/0019_recent.sql"),
];

/// The newest version known here.
pub(super) fn newest() -> u32 {
    u32::try_from(MIGRATIONS.len()).unwrap_or(u32::MAX)
}

/// What a database turned out to be, seen from inside a transaction.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// Ours, and now of the newest version.
    Ours,
    /// Another program's.
    Foreign(u32),
    /// Ours, of a version not known here.
    Newer(u32),
}

/// Brings a database to the newest version. One of another program or of a newer release is left as it is.
pub(super) fn migrate(connection: &mut Connection) -> rusqlite::Result<Found> {
    migrate_to(connection, newest())
}

/// As [`migrate`], but stops at a version: for tests of upgrades.
pub(super) fn migrate_to(connection: &mut Connection, target: u32) -> rusqlite::Result<Found> {
    if let (APPLICATION_ID, version) = identify(connection)?
        && version == target
    {
        return Ok(Found::Ours);
    }
    // Looked at again behind the write lock: another process may be migrating at this moment.
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let (application_id, version) = identify(&transaction)?;
    let empty = application_id == 0
        && transaction.query_row("SELECT count(*) = 0 FROM sqlite_schema", [], |row| row.get(0))?;
    if application_id != APPLICATION_ID && !empty {
        return Ok(Found::Foreign(application_id));
    }
    if version > target {
        return Ok(Found::Newer(version));
    }
    let pending = MIGRATIONS
        .iter()
        .zip(1_u32..)
        .filter(|(_, number)| (version + 1..=target).contains(number));
    for (migration, _) in pending {
        transaction.execute_batch(migration)?;
    }
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.pragma_update(None, "user_version", target)?;
    transaction.commit()?;
    Ok(Found::Ours)
}

/// The first table, index, trigger or view that no release of ours has made, or has made otherwise: of a file that came from
/// elsewhere.
pub(super) fn foreign_object(connection: &Connection) -> rusqlite::Result<Option<String>> {
    let (_, version) = identify(connection)?;
    let mut ours = Connection::open_in_memory()?;
    migrate_to(&mut ours, version)?;
    let expected = objects(&ours)?;
    let found = objects(connection)?;
    let differs = |(name, sql): &(String, String)| expected.get(name) != Some(sql);
    let strange = found.clone().into_iter().find(differs).map(|(name, _)| name);
    Ok(strange.or_else(|| expected.into_keys().find(|name| !found.contains_key(name))))
}

/// Everything that a schema defines: its kind and name, and how it was made.
fn objects(connection: &Connection) -> rusqlite::Result<BTreeMap<String, String>> {
    connection
        .prepare("SELECT type || ' ' || name, ifnull(sql, '') FROM sqlite_schema WHERE name NOT LIKE 'sqlite\\_%' ESCAPE '\\'")?
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect()
}

/// Application id and version.
pub(super) fn identify(connection: &Connection) -> rusqlite::Result<(u32, u32)> {
    let number = |name| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    // The header holds signed numbers.
    let unsigned = |number: i64| u32::try_from(number & 0xFFFF_FFFF).unwrap_or(u32::MAX);
    Ok((
        unsigned(number("application_id")?),
        unsigned(number("user_version")?),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schema(connection: &Connection) -> Vec<String> {
        let mut statement = connection
            .prepare("SELECT type || ' ' || name || ' ' || ifnull(sql, '') FROM sqlite_schema ORDER BY 1")
            .unwrap();
        let rows = statement.query_map([], |row| row.get(0)).unwrap();
        rows.collect::<rusqlite::Result<_>>().unwrap()
    }

    #[test]
    fn every_older_version_becomes_the_newest() {
        let mut fresh = Connection::open_in_memory().unwrap();
        assert_eq!(migrate(&mut fresh).unwrap(), Found::Ours);
        for version in 0..=newest() {
            let mut old = Connection::open_in_memory().unwrap();
            if version > 0 {
                assert_eq!(migrate_to(&mut old, version).unwrap(), Found::Ours);
                assert_eq!(identify(&old).unwrap(), (APPLICATION_ID, version));
            }
            assert_eq!(migrate(&mut old).unwrap(), Found::Ours);
            assert_eq!(identify(&old).unwrap(), (APPLICATION_ID, newest()));
            assert_eq!(schema(&old), schema(&fresh));
        }
    }

    #[test]
    fn every_table_is_strict() {
        let mut connection = Connection::open_in_memory().unwrap();
        migrate(&mut connection).unwrap();
        let loose: i64 = connection
            .query_row(
                "SELECT count(*) FROM pragma_table_list WHERE schema = 'main' AND type = 'table' AND strict = 0 AND name NOT LIKE 'sqlite_%'",
                [],
                |row| row.get(0),
            )
            .unwrap();
        assert_eq!(loose, 0);
    }

    #[test]
    fn a_migration_that_fails_leaves_nothing() {
        let mut connection = Connection::open_in_memory().unwrap();
        connection.pragma_update(None, "max_page_count", 4).unwrap();
        assert!(migrate(&mut connection).is_err());
        assert_eq!(schema(&connection), Vec::<String>::new());
        assert_eq!(identify(&connection).unwrap(), (0, 0));
    }
}
