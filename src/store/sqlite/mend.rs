//! A damaged store made good again: set aside, put together anew from the latest good copy and from what can still be read.
//!
//! ```text
//! latest good copy, or an empty store ─┐
//! rows that can be read ───────────────┴─► STORE.mended ─► STORE        the damaged one ─► STORE.damaged-TIME
//! ```
//!
//! The damaged file is read and renamed, never written or removed. Whoever is stopped half way begins again.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use rusqlite::Connection;
use rusqlite::config::DbConfig;
use tracing::{error, info, warn};

use super::SqliteStore;
use super::backup::{discard, erase_in, examine, in_use, put, write_copy};
use super::erasures::known_at;
use super::error::explain;
use super::open::{Options, READ_ONLY, beside, look, refused_by_system};
use super::salvage::{Salvaged, salvage, salvage_readings};
use super::vault::Vault;
use super::wal::lost_batches;
use crate::store::{By, Result};

/// What was done to a damaged store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mended {
    /// What was wrong.
    pub reason: String,
    /// Where the damaged file, or its log, lies now.
    pub aside: PathBuf,
    /// The copy that the new store began with.
    pub copy: Option<PathBuf>,
    /// What was taken from the damaged file.
    pub salvaged: Salvaged,
    /// Batches that stood in the log behind a spoilt place.
    pub lost_batches: u64,
}

impl SqliteStore {
    /// Opens the store of a daemon, or makes it; one that is damaged is made good first.
    ///
    /// Damage is looked for where it costs little: in the header, in what opening reads, in the log. All pages are looked at
    /// when [`SqliteStore::suspect`] was said of it.
    ///
    /// # Errors
    /// As [`SqliteStore::create`]; damage only where the file shows no sign of having been ours.
    pub fn open_or_mend(
        path: &Path,
        copies: &Path,
        now: Timestamp,
        reader: &dyn Reader,
    ) -> Result<(Self, Option<Mended>)> {
        finish(path, now)?;
        let suspicion = fs::read_to_string(beside(path, SUSPECT)).ok();
        let log = beside(path, "-wal");
        let lost = lost_batches(&log).unwrap_or(None);
        let aside = beside(path, &format!(".damaged-{}", now.strftime("%Y%m%dT%H%M%SZ")));
        if lost.is_some() {
            // The engine will cut it off at the spoilt place.
            fs::copy(&log, beside(&aside, "-wal")).map_err(|error| refused_by_system(&log, &error))?;
        }
        let reason = match Self::create(path) {
            Ok(store) if suspicion.is_none() && lost.is_none() => return Ok((store, None)),
            Ok(store) => match store.contradictions() {
                Ok(found) if found.is_empty() => {
                    let _ = fs::remove_file(beside(path, SUSPECT));
                    let mended = lost.map(|batches| Mended {
                        reason: "a spoilt place in the log".to_owned(),
                        aside: beside(&aside, "-wal"),
                        copy: None,
                        salvaged: Salvaged::default(),
                        lost_batches: batches,
                    });
                    if let Some(mended) = &mended {
                        note(&store, now, mended)?;
                    }
                    return Ok((store, mended));
                }
                Ok(found) => found.into_iter().next().unwrap_or_default(),
                Err(error) if error.is_damage() => error.to_string(),
                Err(error) => return Err(error),
            },
            Err(error) if error.is_damage() && is_ours(path, copies) => error.to_string(),
            Err(error) => return Err(error),
        };
        let reason = suspicion.filter(|said| !said.trim().is_empty()).unwrap_or(reason);
        error!(event = "store.damaged", store = %path.display(), %reason, "the store is damaged and is put together anew");
        let mut mended = mend(path, copies, &aside, reader, now)?;
        mended.reason = reason;
        mended.lost_batches = lost.unwrap_or(0);
        let store = Self::open(path)?;
        note(&store, now, &mended)?;
        Ok((store, Some(mended)))
    }

    /// Says that the store is damaged, and why: it is looked at wholly, and mended, when a daemon opens it next.
    ///
    /// # Errors
    /// The note beside it can't be written.
    pub fn suspect(path: &Path, reason: &str) -> Result<()> {
        let note = beside(path, SUSPECT);
        fs::write(&note, reason).map_err(|error| refused_by_system(&note, &error))
    }

    /// When the store was last mended, and how many readings were known to be lost then; `None` when never, and for the
    /// number when it could not be told.
    ///
    /// # Errors
    /// The store can't be read.
    pub fn mended(&self) -> Result<Option<(Timestamp, Option<u64>)>> {
        self.read(|connection| {
            let at = super::write::counter(connection, MENDED_AT)?;
            let lost = super::write::counter(connection, MENDED_LOST)?;
            Ok(at
                .and_then(|at| Timestamp::from_second(at).ok())
                .map(|at| (at, lost.and_then(|lost| u64::try_from(lost).ok()))))
        })
    }
}

/// What the store itself can't know of telegrams.
pub trait Reader {
    /// Whether octets are those that a digest was made of.
    fn is_whole(&self, octets: &[u8], digest: u64) -> bool;
    /// Reads the archive of a store again: what it says comes before what a damaged file says.
    fn read_again(&self, store: &SqliteStore);
}

/// Only a store of ours has had a daemon or a copy.
fn is_ours(path: &Path, copies: &Path) -> bool {
    beside(path, "-daemon").exists() && look(path, false).is_ok() || !self::copies(copies).is_empty()
}

/// The copies in a folder that the daemon made, the latest first.
pub(super) fn copies(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut found: Vec<PathBuf> = entries
        .map(|entry| entry.path())
        .filter(|path| {
            let name = path.file_name().map(|name| name.to_string_lossy());
            name.is_some_and(|name| name.starts_with(COPY) && name.ends_with(".db"))
        })
        .collect();
    found.sort();
    found.reverse();
    found
}

/// What the name of a copy begins with; the time follows.
pub(super) const COPY: &str = "releve-";

/// Suffix of the note that a store is to be looked at wholly.
const SUSPECT: &str = "-damaged";
/// Suffix of a store that was put together and has not taken its place yet.
const READY: &str = ".mended";
const MENDED_AT: &str = "mended_at";
const MENDED_LOST: &str = "mended_lost";

/// Ends what an earlier run began: a store that is ready takes its place.
fn finish(path: &Path, now: Timestamp) -> Result<()> {
    let ready = beside(path, READY);
    if !ready.exists() {
        return Ok(());
    }
    let aside = beside(path, &format!(".damaged-{}", now.strftime("%Y%m%dT%H%M%SZ")));
    take_place(path, &ready, &aside)
}

/// The damaged file goes, the new one comes; what lies aside already stays where it is.
fn take_place(path: &Path, ready: &Path, aside: &Path) -> Result<()> {
    for part in ["-wal", "-shm", ""] {
        let from = beside(path, part);
        if from.exists() && !beside(aside, part).exists() {
            fs::rename(&from, beside(aside, part)).map_err(|error| refused_by_system(&from, &error))?;
        } else if from.exists() && !part.is_empty() {
            // A copy of the log was made before the engine touched it.
            fs::remove_file(&from).map_err(|error| refused_by_system(&from, &error))?;
        }
    }
    put(ready, path)?;
    let _ = fs::remove_file(beside(path, SUSPECT));
    Ok(())
}

fn mend(path: &Path, copies: &Path, aside: &Path, reader: &dyn Reader, now: Timestamp) -> Result<Mended> {
    in_use(path)?;
    let partial = beside(path, ".mending");
    discard(&partial);
    let copy = self::copies(copies).into_iter().find(|copy| {
        look(copy, false)
            .and_then(|_| examine(copy))
            .inspect_err(|error| warn!(event = "backup.no_good", copy = %copy.display(), %error, "a copy is no good and passed over"))
            .is_ok()
    });
    if let Some(copy) = &copy {
        write_copy(copy, &partial)?;
    }
    // Brings an older copy to this release.
    drop(SqliteStore::create(&partial)?);
    let salvaged = fill(path, &partial, reader)?;
    // Neither the copy nor spoilt pages bring back what was erased.
    let by = By {
        who: "releve",
        at: now,
    };
    erase_in(&partial, &known_at(path)?, by)?;
    examine(&partial)?;
    File::open(&partial)
        .and_then(|file| file.sync_all())
        .map_err(|error| refused_by_system(&partial, &error))?;
    let ready = beside(path, READY);
    put(&partial, &ready)?;
    discard(&partial);
    take_place(path, &ready, aside)?;
    info!(event = "store.aside", store = %path.display(), aside = %aside.display(), "the damaged store is set aside, the new one is in its place");
    Ok(Mended {
        reason: String::new(),
        aside: aside.to_owned(),
        copy,
        salvaged,
        lost_batches: 0,
    })
}

/// Puts into a good store what is said elsewhere: by the damaged file, and before its readings by the archive.
fn fill(path: &Path, partial: &Path, reader: &dyn Reader) -> Result<Salvaged> {
    let explained = |error| explain(partial, error);
    let damaged = match open_damaged(path) {
        Ok(damaged) => damaged,
        // Not even its first page can be read.
        Err(error) => {
            warn!(event = "store.unreadable", %error, "nothing can be read of the damaged file");
            return Ok(Salvaged {
                readings: examine(partial)?.readings,
                torn_tables: 1,
                ..Salvaged::default()
            });
        }
    };
    let good = Connection::open(partial).map_err(explained)?;
    let is_whole = |octets: &[u8], digest| reader.is_whole(octets, digest);
    let mut salvaged = salvage(&damaged, &good, &is_whole).map_err(explained)?;
    close(good, partial)?;
    // It has the damaged one's keys, and with them their seal.
    let store = SqliteStore::open_under(partial, Options::default(), Vault::of(path)?)?;
    // What was heard last, whether it had its place in the damaged file or not.
    store.pen.settle_from(path);
    reader.read_again(&store);
    drop(store);
    let good = Connection::open(partial).map_err(explained)?;
    salvage_readings(&damaged, &good, &mut salvaged).map_err(explained)?;
    close(good, partial)?;
    Ok(salvaged)
}

fn close(connection: Connection, path: &Path) -> Result<()> {
    connection.close().map_err(|(_, error)| explain(path, error))
}

/// Opens what is damaged for reading, and leaves its log where it is.
fn open_damaged(path: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open_with_flags(path, READ_ONLY)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    // Sizes of cells are believed by nobody.
    connection.pragma_update(None, "cell_size_check", true)?;
    connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| {
        row.get::<_, i64>(0)
    })?;
    Ok(connection)
}

/// Keeps that it was mended, for whoever asks later.
fn note(store: &SqliteStore, now: Timestamp, mended: &Mended) -> Result<()> {
    // What nobody could count is told from nothing.
    let lost = mended
        .salvaged
        .lost_readings
        .filter(|_| mended.lost_batches == 0)
        .and_then(|lost| i64::try_from(lost).ok())
        .unwrap_or(-1);
    store.pen.write(|open| {
        super::write::set_counter(open.transaction, MENDED_AT, now.as_second())?;
        super::write::set_counter(open.transaction, MENDED_LOST, lost)?;
        Ok(())
    })
}
