//! Mails that wait: kept until they are handed over or given up, tried again after waits that grow, and never without end.

use jiff::{SignedDuration, Timestamp};
use rusqlite::{Connection, OptionalExtension, params};

use super::people::email_key;
use super::{AccountId, Accounts, Result, instant, seconds};

/// A mail to be kept. No `Debug`: it may have a link.
pub(crate) struct NewMail {
    /// Random, in hexadecimal digits.
    pub(crate) name: String,
    /// What it is about, in a word.
    pub(crate) kind: &'static str,
    /// Whether those of the same kind to the same address are of no use any more.
    pub(crate) replaces: bool,
    pub(crate) email: String,
    pub(crate) subject: String,
    pub(crate) text: String,
    /// How long it is of use.
    pub(crate) life: SignedDuration,
}

/// A mail whose turn it is. No `Debug`: it may have a link.
pub(crate) struct WaitingMail {
    pub(crate) id: i64,
    pub(crate) name: String,
    pub(crate) kind: String,
    pub(crate) email: String,
    pub(crate) subject: String,
    pub(crate) text: String,
    pub(crate) created: Timestamp,
    /// How often it was tried, this time included.
    pub(crate) tries: u32,
}

/// What is to be done now.
#[derive(Default)]
pub(crate) struct Due {
    /// What each mail was about that was given up: it was of no use any more.
    pub(crate) given_up: Vec<String>,
    /// The mail whose turn it is.
    pub(crate) mail: Option<WaitingMail>,
}

/// No mail waits longer, whatever its link.
const LONGEST: SignedDuration = SignedDuration::from_hours(24);

/// Behind each try; the last one again and again.
const WAITS: [SignedDuration; 8] = [
    SignedDuration::from_secs(30),
    SignedDuration::from_mins(2),
    SignedDuration::from_mins(5),
    SignedDuration::from_mins(15),
    SignedDuration::from_mins(30),
    SignedDuration::from_hours(1),
    SignedDuration::from_hours(2),
    SignedDuration::from_hours(4),
];

/// More than a building writes in a day; beyond it nothing is taken in.
const MOST: i64 = 1000;

impl Accounts {
    /// Keeps a mail, whose turn it is at once; false when too many wait already.
    pub(crate) fn keep_mail(&self, mail: &NewMail, now: Timestamp) -> Result<bool> {
        self.write(|transaction| {
            let key = email_key(&mail.email);
            if mail.replaces {
                transaction.execute(
                    "DELETE FROM outbox WHERE email_key = ?1 AND kind = ?2",
                    params![key, mail.kind],
                )?;
            }
            let waiting: i64 = transaction.query_row("SELECT count(*) FROM outbox", [], |row| row.get(0))?;
            if waiting >= MOST {
                return Ok(false);
            }
            transaction.execute(
                "INSERT INTO outbox (name, kind, email, email_key, subject, text, created_at, ends_at, tries, next_at)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, 0, ?7)",
                params![
                    mail.name,
                    mail.kind,
                    mail.email,
                    key,
                    mail.subject,
                    mail.text,
                    seconds(now),
                    seconds(now + mail.life.min(LONGEST)),
                ],
            )?;
            Ok(true)
        })
    }

    /// Gives up what is of no use any more, and takes the mail whose turn it is. When its next turn is, is written before it
    /// is handed over: whatever happens then, it is not tried without a pause.
    pub(crate) fn due_mail(&self, now: Timestamp) -> Result<Due> {
        let idle = self.read(|connection| {
            let sql = "SELECT NOT EXISTS (SELECT 1 FROM outbox WHERE next_at <= ?1 OR ends_at <= ?1)";
            Ok(connection
                .prepare_cached(sql)?
                .query_row([seconds(now)], |row| row.get(0))?)
        })?;
        if idle {
            return Ok(Due::default());
        }
        self.write(|transaction| {
            let mut statement =
                transaction.prepare_cached("DELETE FROM outbox WHERE ends_at <= ?1 RETURNING kind")?;
            let given_up = statement
                .query_map([seconds(now)], |row| row.get(0))?
                .collect::<rusqlite::Result<_>>()?;
            let mail = next(transaction, now)?;
            if let Some(mail) = &mail {
                let tried = usize::try_from(mail.tries).unwrap_or(usize::MAX);
                let [.., last] = WAITS;
                let wait = WAITS.get(tried.saturating_sub(1)).copied().unwrap_or(last);
                transaction.execute(
                    "UPDATE outbox SET tries = ?2, next_at = ?3 WHERE id = ?1",
                    params![mail.id, mail.tries, seconds(now + wait)],
                )?;
            }
            Ok(Due { given_up, mail })
        })
    }

    /// A mail was handed over.
    pub(crate) fn mail_left(&self, id: i64) -> Result<()> {
        self.write(|transaction| {
            transaction.execute("DELETE FROM outbox WHERE id = ?1", [id])?;
            Ok(())
        })
    }

    /// It is the turn of every mail, as after a start: what kept them may be over. How many wait.
    pub(crate) fn all_mails_due(&self, now: Timestamp) -> Result<usize> {
        self.write(|transaction| Ok(transaction.execute("UPDATE outbox SET next_at = ?1", [seconds(now)])?))
    }
}

/// The mail whose turn it is, counted as tried once more.
fn next(connection: &Connection, now: Timestamp) -> Result<Option<WaitingMail>> {
    Ok(connection
        .prepare_cached(
            "SELECT id, name, kind, email, subject, text, created_at, tries FROM outbox
             WHERE next_at <= ?1 ORDER BY next_at, id LIMIT 1",
        )?
        .query_row([seconds(now)], |row| {
            Ok(WaitingMail {
                id: row.get(0)?,
                name: row.get(1)?,
                kind: row.get(2)?,
                email: row.get(3)?,
                subject: row.get(4)?,
                text: row.get(5)?,
                created: instant(row.get(6)?),
                tries: row.get::<_, u32>(7)?.saturating_add(1),
            })
        })
        .optional()?)
}

/// Forgets what waits for an account: mails to its address, and to one that it wanted.
pub(super) fn forget(connection: &Connection, account: AccountId) -> Result<()> {
    connection.execute(
        "DELETE FROM outbox WHERE email_key = (SELECT email_key FROM account WHERE id = ?1)",
        [account.0],
    )?;
    let mut statement =
        connection.prepare_cached("SELECT email FROM link WHERE account = ?1 AND email IS NOT NULL")?;
    let wanted: Vec<String> = statement
        .query_map([account.0], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    for email in wanted {
        connection.execute("DELETE FROM outbox WHERE email_key = ?1", [email_key(&email)])?;
    }
    Ok(())
}

/// When each mail to an account that still waits was written, and what it is about; for an export.
pub(super) fn of(connection: &Connection, account: AccountId) -> Result<Vec<(Timestamp, String)>> {
    let mut statement = connection.prepare_cached(
        "SELECT created_at, subject FROM outbox
         WHERE email_key = (SELECT email_key FROM account WHERE id = ?1) ORDER BY id",
    )?;
    let rows = statement.query_map([account.0], |row| Ok((instant(row.get(0)?), row.get(1)?)))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}
