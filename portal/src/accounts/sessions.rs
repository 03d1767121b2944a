//! Sessions: who is logged in, and what somebody on the way through the guide has typed.

use jiff::{SignedDuration, Timestamp};
use rusqlite::{OptionalExtension, params};

use super::{AccountId, Accounts, Result, audit, instant, seconds};
use crate::secret::Hash;

/// A session that is alive. No `Debug`: it has what somebody typed.
#[derive(Clone)]
pub(crate) struct Session {
    pub(crate) account: Option<AccountId>,
    /// What was typed in the guide so far, as JSON.
    pub(crate) guide: Option<String>,
}

/// A session that nobody used for so long is over.
pub(crate) const IDLE: SignedDuration = SignedDuration::from_hours(2);

/// And after so long in any case.
pub(crate) const ABSOLUTE: SignedDuration = SignedDuration::from_hours(12);

/// What happened is remembered so long.
const AUDIT: SignedDuration = SignedDuration::from_hours(365 * 24);

/// Guides at once; the one that was idle longest makes room.
const MOST_GUIDES: i64 = 5000;

impl Accounts {
    /// The session of a token, when it is alive; it is seen now.
    pub(crate) fn session(&self, token: Hash, now: Timestamp) -> Result<Option<Session>> {
        self.write(|transaction| {
            let row = transaction
                .prepare_cached("SELECT account, guide, created_at, seen_at FROM session WHERE token = ?1")?
                .query_row([token.0], |row| {
                    Ok((
                        row.get::<_, Option<i64>>(0)?,
                        row.get(1)?,
                        instant(row.get(2)?),
                        instant(row.get(3)?),
                    ))
                })
                .optional()?;
            let Some((account, guide, created, seen)) = row else {
                return Ok(None);
            };
            if now.duration_since(seen) >= IDLE || now.duration_since(created) >= ABSOLUTE {
                transaction.execute("DELETE FROM session WHERE token = ?1", [token.0])?;
                return Ok(None);
            }
            // Once a minute is enough, and spares the disk.
            if now.duration_since(seen) >= SignedDuration::from_mins(1) {
                transaction
                    .prepare_cached("UPDATE session SET seen_at = ?2 WHERE token = ?1")?
                    .execute(params![token.0, seconds(now)])?;
            }
            Ok(Some(Session {
                account: account.map(AccountId),
                guide,
            }))
        })
    }

    /// Begins the session of somebody who has just shown who they are; the one before ends.
    pub(crate) fn log_in(&self, account: AccountId, before: Hash, token: Hash, now: Timestamp) -> Result<()> {
        self.write(|transaction| {
            transaction.execute("DELETE FROM session WHERE token = ?1", [before.0])?;
            transaction.execute(
                "INSERT INTO session (token, account, created_at, seen_at) VALUES (?1, ?2, ?3, ?3)",
                params![token.0, account.0, seconds(now)],
            )?;
            audit::note(transaction, audit::Event::Login, Some(account), now)
        })
    }

    /// Ends what is over: sessions, links, what nobody confirmed, and what happened more than a year ago.
    pub(crate) fn sweep(&self, now: Timestamp) -> Result<()> {
        self.write(|transaction| {
            transaction.execute(
                "DELETE FROM session WHERE seen_at <= ?1 OR created_at <= ?2",
                params![seconds(now - IDLE), seconds(now - ABSOLUTE)],
            )?;
            let now_seconds = seconds(now);
            transaction.execute("DELETE FROM link WHERE expires_at <= ?1", [now_seconds])?;
            transaction.execute("DELETE FROM activation WHERE expires_at <= ?1", [now_seconds])?;
            transaction.execute("DELETE FROM audit WHERE at <= ?1", [seconds(now - AUDIT)])?;
            Ok(())
        })
    }

    /// Ends a session.
    pub(crate) fn log_out(&self, token: Hash, account: AccountId, now: Timestamp) -> Result<()> {
        self.write(|transaction| {
            transaction.execute("DELETE FROM session WHERE token = ?1", [token.0])?;
            audit::note(transaction, audit::Event::Logout, Some(account), now)
        })
    }

    /// Keeps what was typed in the guide, in the session of somebody who is not logged in.
    pub(crate) fn keep_guide(&self, token: Hash, guide: &str, now: Timestamp) -> Result<()> {
        self.write(|transaction| {
            let kept = transaction.execute(
                "UPDATE session SET guide = ?2, seen_at = ?3 WHERE token = ?1",
                params![token.0, guide, seconds(now)],
            )?;
            if kept > 0 {
                return Ok(());
            }
            transaction.execute(
                "DELETE FROM session WHERE token IN (
                     SELECT token FROM session WHERE account IS NULL ORDER BY seen_at DESC LIMIT -1 OFFSET ?1)",
                [MOST_GUIDES - 1],
            )?;
            transaction.execute(
                "INSERT INTO session (token, guide, created_at, seen_at) VALUES (?1, ?2, ?3, ?3)",
                params![token.0, guide, seconds(now)],
            )?;
            Ok(())
        })
    }
}
