//! Links in mails to those who have an account: a forgotten password, another address. Each works once, and not for long.

use jiff::{SignedDuration, Timestamp};
use rusqlite::{Connection, OptionalExtension, params};

use super::people::{self, email_key};
use super::{Account, AccountId, Accounts, Event, Result, audit, seconds};
use crate::secret::Hash;

/// What a link is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// To choose a new password.
    Password,
    /// To use another address.
    Email,
}

impl Purpose {
    const fn name(self) -> &'static str {
        match self {
            Self::Password => "password",
            Self::Email => "email",
        }
    }

    /// How long a link works.
    pub(crate) const fn life(self) -> SignedDuration {
        match self {
            // Whoever reads the mail of somebody who left it open has little time; another link is asked for in a moment.
            Self::Password => SignedDuration::from_mins(10),
            Self::Email => SignedDuration::from_hours(24),
        }
    }
}

/// What came of a link to another address.
pub(crate) enum Moved {
    /// The address counts now; the account as it was before.
    From(Account),
    /// Somebody else has that address by now.
    Taken,
    /// The link is used, too old, or none.
    Dead,
}

impl Accounts {
    /// Makes a link; those before it with the same purpose are dead.
    pub(crate) fn add_link(
        &self,
        account: AccountId,
        purpose: Purpose,
        email: Option<&str>,
        token: Hash,
        now: Timestamp,
    ) -> Result<()> {
        self.write(|transaction| {
            transaction.execute(
                "DELETE FROM link WHERE account = ?1 AND purpose = ?2",
                params![account.0, purpose.name()],
            )?;
            transaction.execute(
                "INSERT INTO link (token, account, purpose, email, created_at, expires_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                params![
                    token.0,
                    account.0,
                    purpose.name(),
                    email,
                    seconds(now),
                    seconds(now + purpose.life())
                ],
            )?;
            let event = match purpose {
                Purpose::Password => Event::PasswordForgotten,
                Purpose::Email => Event::EmailAsked,
            };
            audit::note(transaction, event, Some(account), now)
        })
    }

    /// Whose link it is, when it still works.
    pub(crate) fn link(&self, purpose: Purpose, token: Hash, now: Timestamp) -> Result<Option<Account>> {
        self.read(|connection| match alive(connection, purpose, token, now)? {
            Some((account, _)) => people::account(connection, account),
            None => Ok(None),
        })
    }

    /// Uses a link up for a new password, and ends all sessions. `None` when it does not work any more.
    pub(crate) fn reset_password(
        &self,
        token: Hash,
        password: &str,
        now: Timestamp,
    ) -> Result<Option<Account>> {
        self.write(|transaction| {
            let Some((account, _)) = alive(transaction, Purpose::Password, token, now)? else {
                return Ok(None);
            };
            set_password(transaction, account, password, now)?;
            people::account(transaction, account)
        })
    }

    /// Another password for somebody who is logged in: all their sessions end.
    pub(crate) fn change_password(&self, account: AccountId, password: &str, now: Timestamp) -> Result<()> {
        self.write(|transaction| set_password(transaction, account, password, now))
    }

    /// Uses a link up for another address.
    pub(crate) fn change_email(&self, token: Hash, now: Timestamp) -> Result<Moved> {
        self.write(|transaction| {
            let Some((account, Some(email))) = alive(transaction, Purpose::Email, token, now)? else {
                return Ok(Moved::Dead);
            };
            let Some(before) = people::account(transaction, account)? else {
                return Ok(Moved::Dead);
            };
            transaction.execute("DELETE FROM link WHERE account = ?1", [account.0])?;
            if people::by_email(transaction, &email)?.is_some_and(|other| other.id != account) {
                return Ok(Moved::Taken);
            }
            transaction.execute(
                "UPDATE account SET email = ?2, email_key = ?3 WHERE id = ?1",
                params![account.0, email, email_key(&email)],
            )?;
            audit::note(transaction, Event::EmailChanged, Some(account), now)?;
            Ok(Moved::From(before))
        })
    }
}

fn set_password(connection: &Connection, account: AccountId, password: &str, now: Timestamp) -> Result<()> {
    connection.execute(
        "UPDATE account SET password = ?2 WHERE id = ?1",
        params![account.0, password],
    )?;
    connection.execute("DELETE FROM session WHERE account = ?1", [account.0])?;
    connection.execute("DELETE FROM link WHERE account = ?1", [account.0])?;
    audit::note(connection, Event::PasswordChanged, Some(account), now)
}

fn alive(
    connection: &Connection,
    purpose: Purpose,
    token: Hash,
    now: Timestamp,
) -> Result<Option<(AccountId, Option<String>)>> {
    Ok(connection
        .prepare_cached(
            "SELECT account, email FROM link WHERE token = ?1 AND purpose = ?2 AND expires_at > ?3",
        )?
        .query_row(params![token.0, purpose.name(), seconds(now)], |row| {
            Ok((AccountId(row.get(0)?), row.get(1)?))
        })
        .optional()?)
}
