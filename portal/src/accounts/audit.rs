//! What happened: who logged in, failed to, activated, changed, exported, deleted. Numbers and words, never a secret.

use jiff::Timestamp;
use rusqlite::{Connection, params};

use super::{AccountId, Accounts, Result, seconds};

/// What is remembered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Event {
    /// Logged in.
    Login,
    /// A wrong password, or an address without an account.
    LoginFailed,
    /// Logged out.
    Logout,
}

impl Event {
    /// The word in the file and in an export.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Login => "login",
            Self::LoginFailed => "login-failed",
            Self::Logout => "logout",
        }
    }
}

impl Accounts {
    /// Remembers that something happened.
    pub(crate) fn note(&self, event: Event, account: Option<AccountId>, now: Timestamp) -> Result<()> {
        self.write(|transaction| note(transaction, event, account, now))
    }
}

pub(super) fn note(
    connection: &Connection,
    event: Event,
    account: Option<AccountId>,
    now: Timestamp,
) -> Result<()> {
    connection.execute(
        "INSERT INTO audit (at, event, account) VALUES (?1, ?2, ?3)",
        params![seconds(now), event.name(), account.map(|account| account.0)],
    )?;
    Ok(())
}
