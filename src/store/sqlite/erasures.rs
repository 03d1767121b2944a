//! Carrying an erasure through: rows, then the octets that they leave in file and log, then the list beside the store, which
//! tells a restore what an older copy may not bring back.

use std::fs;
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use rusqlite::Connection;

use super::SqliteStore;
use super::backup::put;
use super::erase;
use super::error::explain;
use super::inbox;
use super::open::{READ_ONLY, beside, refused_by_system};
use crate::store::{By, Deleted, Erase, Erasure, Result, StoreError, held_path};

impl SqliteStore {
    /// Deletes, remembers, and lists beside the store; the octets are still to be taken out with `purge`.
    pub(super) fn erase_rows(&self, wanted: Erase, rehearse: bool, by: By<'_>) -> Result<Erasure> {
        let held = held_path(&self.path);
        if !rehearse && held.exists() {
            return Err(StoreError::Refused(format!(
                "what an earlier daemon heard and could not store waits in {} beside the store, and may be of this dwelling: \
                 start the daemon again, which reads it, or stop it and run `releve erase`",
                held.file_name().unwrap_or_default().to_string_lossy()
            )));
        }
        let overwriting = |on: bool| {
            self.pen.writer.outside(&self.path, |connection| {
                connection.pragma_update(None, "secure_delete", on)
            })
        };
        // Pages are wiped as rows leave them, in case that nobody comes to write the file anew.
        overwriting(true)?;
        // What waits may be of this dwelling.
        let receipt = self.pen.write_settled(!rehearse, |open| {
            if !rehearse {
                inbox::remove_refused(open.transaction)?;
            }
            erase::erase(open, wanted, rehearse, &by)
        });
        overwriting(false)?;
        let (receipt, removed) = receipt?;
        if !rehearse {
            self.list_beside()?;
            // What lies in files that stay is not erased.
            removed?;
        }
        Ok(receipt)
    }

    /// Carries out again what the list names and this store does not know of.
    pub(super) fn erase_again(&self, receipts: &[Erasure], by: By<'_>) -> Result<Vec<(Erasure, Deleted)>> {
        let mut done = Vec::new();
        for receipt in receipts {
            let deleted = self.pen.write(|open| erase::erase_again(open, receipt, &by))?;
            done.extend(deleted.map(|deleted| (receipt.clone(), deleted)));
        }
        Ok(done)
    }

    /// All receipts.
    pub(super) fn all_erasures(&self) -> Result<Vec<Erasure>> {
        let rows = self.read(|connection| erase::list(connection, None, usize::MAX >> 1))?;
        Ok(rows.into_iter().map(|(_, receipt)| receipt).collect())
    }

    /// [`crate::store::Store::purge`]: not through the writer, so that whoever waits for it is refused and tries again.
    pub(super) fn rewrite(&self) -> Result<()> {
        let connection = Connection::open(&self.path).map_err(|error| explain(&self.path, error))?;
        let rewritten = connection
            .busy_timeout(PATIENCE)
            .and_then(|()| connection.pragma_update(None, "trusted_schema", false))
            .and_then(|()| connection.execute_batch("VACUUM"));
        rewritten.map_err(|error| explain(&self.path, error))?;
        for _ in 0..ATTEMPTS {
            let busy: bool = connection
                .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))
                .map_err(|error| explain(&self.path, error))?;
            if !busy {
                return Ok(());
            }
            thread::sleep(PAUSE);
        }
        Err(StoreError::Busy(self.path.clone()))
    }

    /// Brings the list beside the store up to what is in it.
    fn list_beside(&self) -> Result<()> {
        let path = erasures_path(&self.path);
        let mut receipts = listed(&path)?;
        let known = receipts.len();
        for receipt in self.all_erasures()? {
            if !receipts.iter().any(|listed| listed.name == receipt.name) {
                receipts.push(receipt);
            }
        }
        if receipts.len() == known {
            return Ok(());
        }
        let partial = beside(&path, ".partial");
        let refused = |error: io::Error| refused_by_system(&partial, &error);
        // Never through a link that somebody put there.
        let _ = fs::remove_file(&partial);
        let mut file = fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&partial)
            .map_err(refused)?;
        for receipt in &receipts {
            let line =
                serde_json::to_string(receipt).map_err(|error| StoreError::Refused(error.to_string()))?;
            file.write_all(format!("{line}\n").as_bytes()).map_err(refused)?;
        }
        put(&partial, &path)
    }
}

/// The list of erasures beside a store.
pub fn erasures_path(store: &Path) -> PathBuf {
    beside(store, ".erasures")
}

/// What a list names; nothing where there is none.
///
/// # Errors
/// It can't be read, or a line of it is no receipt.
pub fn listed(path: &Path) -> Result<Vec<Erasure>> {
    let mut text = String::new();
    match fs::File::open(path) {
        Ok(file) => file
            .take(LARGEST)
            .read_to_string(&mut text)
            .map_err(|error| refused_by_system(path, &error))?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(refused_by_system(path, &error)),
    };
    text.lines()
        .enumerate()
        .filter(|(_, line)| !line.trim().is_empty())
        .map(|(number, line)| {
            let receipt: Erasure = serde_json::from_str(line).map_err(|error| StoreError::Io {
                path: path.to_owned(),
                detail: format!(
                    "line {}: is no receipt of an erasure ({error}): put the list back as it was, so that nothing that was erased comes back",
                    number + 1
                ),
            })?;
            Ok(receipt)
        })
        .collect()
}

/// What a store that lies there, and the list beside it, know of erasures. A store that can't be read any more has no say.
pub(super) fn known_at(store: &Path) -> Result<Vec<Erasure>> {
    let mut receipts = listed(&erasures_path(store))?;
    let inside = Connection::open_with_flags(store, READ_ONLY)
        .and_then(|connection| erase::list(&connection, None, usize::MAX >> 1));
    for (_, receipt) in inside.unwrap_or_default() {
        if !receipts.iter().any(|listed| listed.name == receipt.name) {
            receipts.push(receipt);
        }
    }
    Ok(receipts)
}

/// So long another process may write before it is too long.
const PATIENCE: Duration = Duration::from_secs(30);

/// So often the log is tried, with a pause in between, while others read.
const ATTEMPTS: u32 = 100;

const PAUSE: Duration = Duration::from_millis(100);

/// No list is longer.
const LARGEST: u64 = 64 << 20;
