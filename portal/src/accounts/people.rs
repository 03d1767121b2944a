//! Accounts and the occupancies that are theirs.

use jiff::Timestamp;
use jiff::civil::Date;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::{Accounts, AccountsError, Activation, Event, Result, audit, instant, outbox, seconds};
use crate::Language;

/// An account's number, never used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct AccountId(pub(crate) i64);

/// Somebody who has an account. No `Debug`: it has the hash of a password.
pub(crate) struct Account {
    pub(crate) id: AccountId,
    /// As typed; mail goes there.
    pub(crate) email: String,
    pub(crate) name: String,
    /// A PHC string.
    pub(crate) password: String,
    pub(crate) language: Language,
}

/// A dwelling that an account may look at, by the service's number for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Occupancy {
    /// The service's number for the occupancy.
    pub(crate) id: i64,
    /// The service's number for the dwelling.
    pub(crate) dwelling: i64,
    /// The dwelling, as people say: `Les Lilas, lot 12`.
    pub(crate) label: String,
    /// `tenant` or `owner`.
    pub(crate) role: String,
    /// First day.
    pub(crate) from: Date,
    /// Whether the household agreed to hourly figures.
    pub(crate) keeps_hourly: bool,
}

/// Everything that is kept of an account.
pub(crate) struct Kept {
    pub(crate) account: Account,
    pub(crate) created: Timestamp,
    pub(crate) consented: Timestamp,
    /// When each open session began, and when it was last used.
    pub(crate) sessions: Vec<(Timestamp, Timestamp)>,
    /// When what happened.
    pub(crate) events: Vec<(Timestamp, String)>,
    /// Mails that wait: when each was written, and its subject.
    pub(crate) mails: Vec<(Timestamp, String)>,
}

impl Accounts {
    /// Everything that is kept of an account, for its export, which is noted.
    pub(crate) fn export(&self, id: AccountId, now: Timestamp) -> Result<Option<Kept>> {
        self.write(|transaction| {
            let Some(account) = account(transaction, id)? else {
                return Ok(None);
            };
            audit::note(transaction, Event::Exported, Some(id), now)?;
            let (created, consented) = transaction.query_row(
                "SELECT created_at, consented_at FROM account WHERE id = ?1",
                [id.0],
                |row| Ok((instant(row.get(0)?), instant(row.get(1)?))),
            )?;
            let mut statement = transaction
                .prepare("SELECT created_at, seen_at FROM session WHERE account = ?1 ORDER BY created_at")?;
            let sessions = statement
                .query_map([id.0], |row| Ok((instant(row.get(0)?), instant(row.get(1)?))))?
                .collect::<rusqlite::Result<_>>()?;
            Ok(Some(Kept {
                account,
                created,
                consented,
                sessions,
                events: audit::of(transaction, id)?,
                mails: outbox::of(transaction, id)?,
            }))
        })
    }

    /// Deletes an account and all that is its own: sessions, links, dwellings, what it still waited for, mails that have not left.
    pub(crate) fn delete(&self, id: AccountId, now: Timestamp) -> Result<()> {
        self.write(|transaction| {
            transaction.execute(
                "DELETE FROM activation WHERE email_key = (SELECT email_key FROM account WHERE id = ?1)",
                [id.0],
            )?;
            outbox::forget(transaction, id)?;
            transaction.execute("DELETE FROM account WHERE id = ?1", [id.0])?;
            audit::note(transaction, Event::Deleted, Some(id), now)
        })
    }

    /// An account that is confirmed already, with a dwelling: for a demonstration. One with that address gets the
    /// password and the dwelling.
    pub(crate) fn seed(&self, asked: &Activation, occupancy: i64, now: Timestamp) -> Result<AccountId> {
        self.write(|transaction| {
            let account = match by_email(transaction, &asked.email)? {
                Some(account) => {
                    transaction.execute(
                        "UPDATE account SET password = ?2 WHERE id = ?1",
                        params![account.id.0, asked.password],
                    )?;
                    account.id
                }
                None => insert(transaction, asked, now)?,
            };
            add_occupancy(transaction, account, occupancy, asked.from, asked, now)?;
            Ok(account)
        })
    }

    /// The account of an address, however it is typed.
    pub(crate) fn account_by_email(&self, email: &str) -> Result<Option<Account>> {
        self.read(|connection| by_email(connection, email))
    }

    /// The account of a number.
    pub(crate) fn account(&self, id: AccountId) -> Result<Option<Account>> {
        self.read(|connection| account(connection, id))
    }

    /// The dwellings of an account, the latest first.
    pub(crate) fn occupancies(&self, account: AccountId) -> Result<Vec<Occupancy>> {
        self.read(|connection| occupancies(connection, account))
    }

    /// What the household agreed to.
    pub(crate) fn set_hourly(&self, account: AccountId, occupancy: i64, keeps_hourly: bool) -> Result<()> {
        self.write(|transaction| {
            transaction.execute(
                "UPDATE occupancy SET keeps_hourly = ?3 WHERE id = ?1 AND account = ?2",
                params![occupancy, account.0, keeps_hourly],
            )?;
            Ok(())
        })
    }

    /// The language of the pages and mails that this account gets.
    pub(crate) fn set_language(&self, account: AccountId, language: Language) -> Result<()> {
        self.write(|transaction| {
            transaction.execute(
                "UPDATE account SET language = ?2 WHERE id = ?1",
                params![account.0, language.code()],
            )?;
            Ok(())
        })
    }
}

pub(super) fn account(connection: &Connection, id: AccountId) -> Result<Option<Account>> {
    Ok(connection
        .prepare_cached("SELECT id, email, name, password, language FROM account WHERE id = ?1")?
        .query_row([id.0], read)
        .optional()?)
}

pub(super) fn by_email(connection: &Connection, email: &str) -> Result<Option<Account>> {
    Ok(connection
        .prepare_cached("SELECT id, email, name, password, language FROM account WHERE email_key = ?1")?
        .query_row([email_key(email)], read)
        .optional()?)
}

pub(super) fn occupancies(connection: &Connection, account: AccountId) -> Result<Vec<Occupancy>> {
    let mut statement = connection.prepare_cached(
        "SELECT id, dwelling, label, role, first_day, keeps_hourly FROM occupancy WHERE account = ?1 ORDER BY first_day DESC, id DESC",
    )?;
    let rows = statement.query_map([account.0], |row| {
        Ok((
            row.get(0)?,
            row.get(1)?,
            row.get(2)?,
            row.get(3)?,
            row.get::<_, String>(4)?,
            row.get(5)?,
        ))
    })?;
    rows.map(|row| {
        let (id, dwelling, label, role, from, keeps_hourly) = row?;
        Ok(Occupancy {
            id,
            dwelling,
            label,
            role,
            from: from
                .parse()
                .map_err(|_| AccountsError::Damaged("occupancy.first_day"))?,
            keeps_hourly,
        })
    })
    .collect()
}

/// A new account, as it was asked for.
pub(super) fn insert(connection: &Connection, asked: &Activation, now: Timestamp) -> Result<AccountId> {
    connection.execute(
        "INSERT INTO account (email, email_key, name, password, language, created_at, consented_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6)",
        params![
            asked.email,
            email_key(&asked.email),
            asked.name,
            asked.password,
            asked.language.code(),
            seconds(now)
        ],
    )?;
    Ok(AccountId(connection.last_insert_rowid()))
}

/// A dwelling for an account, by the service's number.
pub(super) fn add_occupancy(
    connection: &Connection,
    account: AccountId,
    occupancy: i64,
    from: Date,
    asked: &Activation,
    now: Timestamp,
) -> Result<()> {
    // A number that the service has just given out can be nobody's: it has begun afresh, and what we knew was of its
    // former life. Nobody may see through it what is another's now.
    connection.execute("DELETE FROM occupancy WHERE id = ?1", [occupancy])?;
    connection.execute(
        "INSERT INTO occupancy (id, account, dwelling, label, role, first_day, keeps_hourly, added_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        params![
            occupancy,
            account.0,
            asked.dwelling,
            asked.label,
            asked.role,
            from.to_string(),
            asked.keeps_hourly,
            seconds(now)
        ],
    )?;
    Ok(())
}

/// What two addresses have in common that are one: no mailbox in use tells capitals apart.
pub(super) fn email_key(email: &str) -> String {
    email.trim().to_lowercase()
}

fn read(row: &Row<'_>) -> rusqlite::Result<Account> {
    Ok(Account {
        id: AccountId(row.get(0)?),
        email: row.get(1)?,
        name: row.get(2)?,
        password: row.get(3)?,
        language: Language::from_code(&row.get::<_, String>(4)?).unwrap_or_default(),
    })
}
