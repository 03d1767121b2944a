//! Copies of a store, and whether its pages still agree with each other.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode};
use tracing::warn;

use super::SqliteStore;
use super::archive;
use super::dense;
use super::erasures::{known_at, listed};
use super::error::explain;
use super::mend::{COPY, copies};
use super::migrate;
use super::open::{READ_ONLY, beside, look, make, refused_by_system};
use super::write::{counter, set_counter};
use crate::store::{By, Deleted, Erasure, Result, StoreError};

/// What a copy turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Copied {
    /// Size of the copy, in octets.
    pub octets: u64,
    /// Readings in it.
    pub readings: u64,
}

/// What putting a copy back did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restored {
    /// The name that the store has now which was there before.
    pub aside: Option<PathBuf>,
    /// What was erased after the copy was made, and is now erased in it as well.
    pub erased_again: Vec<(Erasure, Deleted)>,
}

impl SqliteStore {
    /// Writes a copy of the store as it is at this moment; a daemon may go on writing meanwhile. The copy is complete,
    /// examined and on the disk when this returns, and nothing stands under `target` before.
    ///
    /// # Errors
    /// `target` is there already, its folder is not, the disk is full, or the store is damaged.
    pub fn backup(&self, target: &Path) -> Result<Copied> {
        if target.exists() {
            return Err(StoreError::Exists(target.to_owned()));
        }
        // The copy has what waits, unless nothing can be stored: then it has what is stored.
        if let Err(error) = self.pen.settle() {
            warn!(event = "backup.without_inbox", %error, "what was heard last is not in the copy");
        }
        let partial = beside(target, ".partial");
        discard(&partial);
        make(&partial)?;
        let copied = self
            .copy_into(&partial)
            .and_then(|()| examine(&partial))
            .and_then(|copied| put(&partial, target).map(|()| copied));
        if copied.is_err() {
            discard(&partial);
        }
        copied
    }

    /// Notes that a copy was made.
    ///
    /// # Errors
    /// The store can't be written.
    pub fn note_backup(&self, now: Timestamp) -> Result<()> {
        self.pen
            .write(|open| Ok(set_counter(open.transaction, BACKUP, now.as_second())?))
    }

    /// When a copy was made last.
    ///
    /// # Errors
    /// The store can't be read.
    pub fn last_backup(&self) -> Result<Option<Timestamp>> {
        let second = self.read(|connection| counter(connection, BACKUP))?;
        Ok(second.and_then(|second| Timestamp::from_second(second).ok()))
    }

    /// The copies that [`SqliteStore::copy_to`] made in a folder, the latest first, each with the time in its name.
    pub fn copies(&self, folder: &Path) -> Vec<(Option<Timestamp>, PathBuf)> {
        let time = |path: &Path| {
            let name = path.file_stem()?.to_string_lossy();
            let text = name.strip_prefix(COPY)?;
            Timestamp::strptime("%Y%m%dT%H%M%S%z", text.replace('Z', "+0000")).ok()
        };
        let found = copies(folder).into_iter();
        found.map(|path| (time(&path), path)).collect()
    }

    /// Makes a copy under a name with the time, in a folder that is made when it is not there; only where it would leave as
    /// much room again.
    ///
    /// # Errors
    /// As [`SqliteStore::backup`], or there is not enough room.
    pub fn copy_to(&self, folder: &Path, now: Timestamp) -> Result<PathBuf> {
        let refused = |error: io::Error| refused_by_system(folder, &error);
        if !folder.exists() {
            fs::DirBuilder::new()
                .mode(0o700)
                .create(folder)
                .map_err(refused)?;
        }
        let size = fs::metadata(&self.path).map_err(refused)?.len();
        if let Ok(system) = rustix::fs::statvfs(folder) {
            let free = system.f_bavail.saturating_mul(system.f_frsize);
            // The daemon needs room more than the copy does.
            if free < size.saturating_mul(2) {
                return Err(StoreError::Full(folder.to_owned()));
            }
        }
        let target = folder.join(format!("{COPY}{}.db", now.strftime("%Y%m%dT%H%M%SZ")));
        self.backup(&target)?;
        self.note_backup(now)?;
        Ok(target)
    }

    /// One transaction of a reader: the copy is of one moment, and without the gaps of the original.
    fn copy_into(&self, partial: &Path) -> Result<()> {
        let connection =
            Connection::open_with_flags(&self.path, READ_ONLY).map_err(|error| explain(&self.path, error))?;
        connection
            .pragma_update(None, "cache_size", -IN_PASSING_KIB)
            .and_then(|()| connection.execute("VACUUM INTO ?1", [partial.to_string_lossy().as_ref()]))
            .map_err(|error| explain(&self.path, error))?;
        Ok(())
    }

    /// Puts a copy in the place of a store. What was there is set aside under a name with the time, never removed;
    /// gives that name. What the store, the list beside it or another list (`erasures`) knows to be erased since the copy
    /// was made is erased in the copy first.
    ///
    /// # Errors
    /// The copy is not a store of ours or is damaged, another process holds the store, or `replace` is not said and
    /// there is one.
    pub fn restore(
        copy: &Path,
        target: &Path,
        replace: bool,
        erasures: Option<&Path>,
        by: By<'_>,
    ) -> Result<Restored> {
        look(copy, false)?;
        examine(copy)?;
        let mut erased = known_at(target)?;
        if let Some(list) = erasures {
            if !list.exists() {
                return Err(StoreError::Missing(list.to_owned()));
            }
            erased.extend(listed(list)?);
        }
        if target.exists() && !replace {
            return Err(StoreError::Exists(target.to_owned()));
        }
        let partial = beside(target, ".partial");
        discard(&partial);
        make(&partial)?;
        let restored = write_copy(copy, &partial).and_then(|()| {
            let erased_again = erase_in(&partial, &erased, by)?;
            let aside = target.exists().then(|| set_aside(target, by.at)).transpose()?;
            put(&partial, target)?;
            Ok(Restored { aside, erased_again })
        });
        if restored.is_err() {
            discard(&partial);
        }
        restored
    }

    /// Reads every page and every reference, and says what does not agree: empty when all is well. Takes as long as
    /// reading the whole file; at most a hundred sentences.
    ///
    /// # Errors
    /// The file can't be read at all.
    pub fn contradictions(&self) -> Result<Vec<String>> {
        let connection = wary(&self.path).map_err(|error| explain(&self.path, error))?;
        contradictions(&connection).map_err(|error| explain(&self.path, error))
    }
}

/// Erases in a copy what was erased since it was made.
pub(super) fn erase_in(copy: &Path, erased: &[Erasure], by: By<'_>) -> Result<Vec<(Erasure, Deleted)>> {
    if erased.is_empty() {
        return Ok(Vec::new());
    }
    let store = SqliteStore::open(copy)?;
    let done = store.erase_again(erased, by)?;
    if !done.is_empty() {
        store.rewrite()?;
    }
    Ok(done)
}

/// Pages, references, the feed, packed telegrams. A file so damaged that a question can't be answered says so itself.
fn contradictions(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    let mut found = Vec::new();
    for question in [pages, references, feed, packs] {
        match question(connection) {
            Ok(sentences) => found.extend(sentences),
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseCorrupt) => {
                found.push(error.to_string());
            }
            Err(error) => return Err(error),
        }
    }
    found.truncate(SENTENCES);
    Ok(found)
}

/// The counter that holds the second of the latest copy.
const BACKUP: &str = "backup";

/// Memory for pages, in KiB, of a connection that goes through a whole file once: what it has seen it needs no more, and what it
/// took would stay with the process. A copy has as much again for the file that it writes.
const IN_PASSING_KIB: i32 = 512;

/// At most so many contradictions are listed.
const SENTENCES: usize = 100;

/// Packed telegrams that are not as they were written.
fn packs(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    let mut statement =
        connection.prepare("SELECT hour, meter, octets FROM telegram_pack ORDER BY hour, meter, number")?;
    let mut rows = statement.query([])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        if !archive::is_sound(row.get_ref(2)?.as_blob().unwrap_or_default()) {
            let (hour, meter): (i64, i64) = (row.get(0)?, row.get(1)?);
            let hour = Timestamp::from_second(hour.saturating_mul(3600)).unwrap_or_default();
            found.push(format!(
                "telegrams of meter {meter} in the hour from {hour} on can't be read back"
            ));
        }
    }
    found.extend(dense::spoilt(connection)?.into_iter().map(|(meter, first)| {
        let first = Timestamp::from_second(first).unwrap_or_default();
        format!("readings of meter {meter} in the hour from {first} on can't be read back")
    }));
    Ok(found)
}

fn pages(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    let mut statement = connection.prepare("PRAGMA integrity_check(100)")?;
    let sentences = statement.query_map([], |row| row.get::<_, String>(0))?;
    sentences
        .filter(|sentence| !sentence.as_ref().is_ok_and(|sentence| sentence == "ok"))
        .collect()
}

fn references(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    let mut statement = connection.prepare("PRAGMA foreign_key_check")?;
    let sentences = statement.query_map([], |row| {
        let (table, parent): (String, String) = (row.get(0)?, row.get(2)?);
        Ok(format!("a row of {table} speaks of a {parent} that is not there"))
    })?;
    sentences.take(SENTENCES).collect()
}

/// Nothing may stand behind the end of the change feed: a portal would never see it.
fn feed(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    let beyond: i64 = connection.query_row(
        "SELECT (SELECT count(*) FROM every_reading WHERE change > feed.value)
              + (SELECT count(*) FROM dense WHERE change + readings - 1 > feed.value)
         FROM counter AS feed WHERE name = 'change'",
        [],
        |row| row.get(0),
    )?;
    Ok((beyond > 0)
        .then(|| format!("{beyond} readings stand behind the end of the change feed"))
        .into_iter()
        .collect())
}

/// Looks at a copy that nobody else has open, and that may be anybody's: what its schema says is not acted upon.
pub(super) fn examine(copy: &Path) -> Result<Copied> {
    let explained = |error| explain(copy, error);
    let connection = wary(copy).map_err(explained)?;
    if let Some(name) = migrate::foreign_object(&connection).map_err(explained)? {
        return Err(StoreError::Damaged {
            path: copy.to_owned(),
            detail: format!("{name} is not as a release of releve makes it"),
        });
    }
    if let Some(first) = contradictions(&connection).map_err(explained)?.into_iter().next() {
        return Err(StoreError::Damaged {
            path: copy.to_owned(),
            detail: first,
        });
    }
    let readings: i64 = connection
        .query_row("SELECT count(*) FROM every_reading", [], |row| row.get(0))
        .map_err(explained)?;
    let octets = fs::metadata(copy)
        .map_err(|error| refused_by_system(copy, &error))?
        .len();
    let dense = dense::count(&connection).map_err(explained)?;
    Ok(Copied {
        octets,
        readings: readings.unsigned_abs() + dense,
    })
}

/// A connection that reads and believes nothing.
fn wary(path: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open_with_flags(path, READ_ONLY)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false)?;
    connection.pragma_update(None, "trusted_schema", false)?;
    connection.pragma_update(None, "cell_size_check", true)?;
    connection.pragma_update(None, "cache_size", -IN_PASSING_KIB)?;
    Ok(connection)
}

/// The octets of a copy in a file that is there, and that its owner alone can read.
pub(super) fn write_copy(copy: &Path, partial: &Path) -> Result<()> {
    fs::copy(copy, partial)
        .and_then(|_| fs::set_permissions(partial, fs::Permissions::from_mode(0o600)))
        .and_then(|()| File::open(partial)?.sync_all())
        .map_err(|error| refused_by_system(partial, &error))
}

/// Gives a finished file its name, and makes both durable.
pub(super) fn put(partial: &Path, target: &Path) -> Result<()> {
    let refused = |error: io::Error| refused_by_system(target, &error);
    File::open(partial)
        .and_then(|file| file.sync_all())
        .map_err(refused)?;
    fs::rename(partial, target).map_err(refused)?;
    let folder = match target.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(refused)
}

/// Moves a store out of the way with the log beside it, under a name with the time.
fn set_aside(target: &Path, now: Timestamp) -> Result<PathBuf> {
    // Whoever holds the store would go on writing to the file that was moved.
    in_use(target)?;
    let suffix = format!(".before-{}", now.strftime("%Y%m%dT%H%M%SZ"));
    let aside = beside(target, &suffix);
    if aside.exists() {
        return Err(StoreError::Exists(aside));
    }
    for part in ["", "-wal", "-shm"] {
        let from = beside(target, part);
        if part.is_empty() || from.exists() {
            fs::rename(&from, beside(&aside, part)).map_err(|error| refused_by_system(&from, &error))?;
        }
    }
    Ok(aside)
}

/// Busy when another process has the store open; a damaged one can't be asked and counts as free.
pub(super) fn in_use(path: &Path) -> Result<()> {
    let Ok(connection) = Connection::open(path) else {
        return Ok(());
    };
    let exclusive = connection
        .pragma_update(None, "locking_mode", "EXCLUSIVE")
        .and_then(|()| connection.execute_batch("BEGIN EXCLUSIVE; ROLLBACK"));
    match exclusive.map_err(|error| explain(path, error)) {
        Err(error @ StoreError::Busy(_)) => Err(error),
        _ => Ok(()),
    }
}

pub(super) fn discard(partial: &Path) {
    for part in ["", "-wal", "-shm", "-journal"] {
        // What is not there need not be removed.
        let _ = fs::remove_file(beside(partial, part));
    }
}
