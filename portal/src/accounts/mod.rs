//! What the portal keeps of its own: accounts, sessions, links, which occupancies are whose, mails that wait, what happened.
//!
//! One SQLite file. The only room with SQL. What is deleted is overwritten (`secure_delete`).

mod activation;
mod audit;
mod links;
mod open;
mod outbox;
mod people;
mod sessions;
#[cfg(test)]
mod testing;

use std::path::Path;
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;
use rusqlite::{Connection, Transaction, TransactionBehavior};

use crate::secret::Key;

pub(crate) use activation::{ACTIVATION_LIFE, Activation, Asked};
pub(crate) use audit::Event;
pub(crate) use links::{Moved, Purpose};
pub(crate) use outbox::{Due, NewMail, WaitingMail};
pub(crate) use people::{Account, AccountId, Occupancy};
pub(crate) use sessions::Session;

/// The portal's database.
pub(crate) struct Accounts {
    connection: Mutex<Connection>,
}

/// The database did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum AccountsError {
    /// SQLite refused.
    #[error("the portal's database refused: {0}")]
    Sqlite(#[from] rusqlite::Error),
    /// A file of a newer portal.
    #[error(
        "the portal's database has version {found}, this portal knows up to {known}: run the newer portal, or restore the older file"
    )]
    Newer {
        /// The file's version.
        found: i64,
        /// The newest one known here.
        known: i64,
    },
    /// Something in the file that can't be.
    #[error("the portal's database has a row that can't be: {0}")]
    Damaged(&'static str),
    /// No randomness for the portal's key.
    #[error("the system has no randomness: {0}")]
    Random(#[from] getrandom::Error),
}

type Result<T, E = AccountsError> = std::result::Result<T, E>;

impl Accounts {
    /// Opens the file, makes it when it is not there, and brings it up to date.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let connection = open::open(path)?;
        Ok(Self {
            connection: Mutex::new(connection),
        })
    }

    /// The portal's key: the same one for as long as the file lives.
    pub(crate) fn key(&self) -> Result<Key> {
        self.write(|transaction| {
            let fresh = Key::generate()?;
            transaction.execute(
                "INSERT INTO setting (name, value) VALUES ('key', ?1) ON CONFLICT (name) DO NOTHING",
                [fresh.octets()],
            )?;
            let octets: Vec<u8> =
                transaction.query_row("SELECT value FROM setting WHERE name = 'key'", [], |row| {
                    row.get(0)
                })?;
            Key::from_octets(&octets).ok_or(AccountsError::Damaged("setting.key"))
        })
    }

    /// Empties the write-ahead log into the file.
    pub(crate) fn checkpoint(&self) -> Result<()> {
        self.read(|connection| {
            connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
            Ok(())
        })
    }

    /// All or nothing.
    fn write<T>(&self, work: impl FnOnce(&Transaction<'_>) -> Result<T>) -> Result<T> {
        let mut connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let result = work(&transaction)?;
        transaction.commit()?;
        Ok(result)
    }

    fn read<T>(&self, work: impl FnOnce(&Connection) -> Result<T>) -> Result<T> {
        let connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        work(&connection)
    }
}

/// An instant as the file has it.
fn seconds(at: Timestamp) -> i64 {
    at.as_second()
}

/// An instant from the file.
fn instant(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).unwrap_or_default()
}
