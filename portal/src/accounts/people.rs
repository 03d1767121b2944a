//! Accounts and the occupancies that are theirs.

use jiff::civil::Date;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::{Accounts, AccountsError, Result};
use crate::Language;

/// An account's number, never used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct AccountId(pub(crate) i64);

/// Somebody who has an account. No `Debug`: it has the hash of a password.
pub(crate) struct Account {
    pub(crate) id: AccountId,
    pub(crate) name: String,
    /// A PHC string.
    pub(crate) password: String,
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

impl Accounts {
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
        .prepare_cached("SELECT id, name, password FROM account WHERE id = ?1")?
        .query_row([id.0], read)
        .optional()?)
}

pub(super) fn by_email(connection: &Connection, email: &str) -> Result<Option<Account>> {
    Ok(connection
        .prepare_cached("SELECT id, name, password FROM account WHERE email_key = ?1")?
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

/// What two addresses have in common that are one: no mailbox in use tells capitals apart.
pub(super) fn email_key(email: &str) -> String {
    email.trim().to_lowercase()
}

fn read(row: &Row<'_>) -> rusqlite::Result<Account> {
    Ok(Account {
        id: AccountId(row.get(0)?),
        name: row.get(1)?,
        password: row.get(2)?,
    })
}
