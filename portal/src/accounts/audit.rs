//! What happened: who logged in, failed to, activated, changed, exported, deleted. Numbers and words, never a secret.

use jiff::Timestamp;
use rusqlite::{Connection, params};

use super::{AccountId, Accounts, Result, instant, seconds};

/// What is remembered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Event {
    /// Logged in.
    Login,
    /// A wrong password, or an address without an account.
    LoginFailed,
    /// Logged out.
    Logout,
    /// Somebody came to the end of the guide.
    ActivationAsked,
    /// The link of the guide was followed: there is an account with that dwelling.
    Activated,
    /// A link for a forgotten password was asked for.
    PasswordForgotten,
    /// There is another password; all sessions ended.
    PasswordChanged,
    /// Another address is wanted.
    EmailAsked,
    /// Another address counts.
    EmailChanged,
    /// The data were downloaded.
    Exported,
    /// The account was deleted with its data.
    Deleted,
}

impl Event {
    /// The word in the file and in an export.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Login => "login",
            Self::LoginFailed => "login-failed",
            Self::Logout => "logout",
            Self::ActivationAsked => "activation-asked",
            Self::Activated => "activated",
            Self::PasswordForgotten => "password-forgotten",
            Self::PasswordChanged => "password-changed",
            Self::EmailAsked => "email-asked",
            Self::EmailChanged => "email-changed",
            Self::Exported => "exported",
            Self::Deleted => "deleted",
        }
    }
}

impl Accounts {
    /// Remembers that something happened.
    pub(crate) fn note(&self, event: Event, account: Option<AccountId>, now: Timestamp) -> Result<()> {
        self.write(|transaction| note(transaction, event, account, now))
    }
}

/// What happened to an account, the latest first: when, and the word for it.
pub(super) fn of(connection: &Connection, account: AccountId) -> Result<Vec<(Timestamp, String)>> {
    let mut statement =
        connection.prepare_cached("SELECT at, event FROM audit WHERE account = ?1 ORDER BY id DESC")?;
    let rows = statement.query_map([account.0], |row| Ok((instant(row.get(0)?), row.get(1)?)))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
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
