//! From the end of the guide to the account: what was asked for waits until the link in the mail is followed, once.

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use rusqlite::{Connection, OptionalExtension, params};

use super::people::{self, email_key};
use super::{AccountId, Accounts, AccountsError, Event, Result, audit, seconds};
use crate::Language;
use crate::secret::Hash;

/// What somebody asked for. No `Debug`: it has the hash of a password.
#[derive(Clone)]
pub(crate) struct Activation {
    pub(crate) email: String,
    pub(crate) name: String,
    /// A PHC string; counts only where the address has no account yet.
    pub(crate) password: String,
    pub(crate) language: Language,
    /// The service's number for the dwelling.
    pub(crate) dwelling: i64,
    /// The dwelling, as people say.
    pub(crate) label: String,
    /// `tenant` or `owner`.
    pub(crate) role: String,
    /// First day.
    pub(crate) from: Date,
    pub(crate) keeps_hourly: bool,
}

/// Whether what was asked for waits now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asked {
    /// It waits.
    Waits,
    /// The guide has moved on since this form was shown: it was sent before.
    SentBefore,
}

/// A link in a mail lives so long.
pub(crate) const ACTIVATION_LIFE: SignedDuration = SignedDuration::from_hours(48);

/// Of one address at once; the oldest makes room.
const MOST_OF_ONE: i64 = 5;

impl Accounts {
    /// Keeps what was asked for, and moves the guide of that session from `before` to `after`: only one of several
    /// submissions of the same form finds it where it was.
    pub(crate) fn ask_activation(
        &self,
        (session, before, after): (Hash, &str, &str),
        token: Hash,
        asked: &Activation,
        now: Timestamp,
    ) -> Result<Asked> {
        self.write(|transaction| {
            let moved = transaction.execute(
                "UPDATE session SET guide = ?3, seen_at = ?4 WHERE token = ?1 AND guide = ?2",
                params![session.0, before, after, seconds(now)],
            )?;
            if moved == 0 {
                return Ok(Asked::SentBefore);
            }
            let key = email_key(&asked.email);
            transaction.execute(
                "DELETE FROM activation WHERE token IN (
                     SELECT token FROM activation WHERE email_key = ?1 ORDER BY created_at DESC LIMIT -1 OFFSET ?2)",
                params![key, MOST_OF_ONE - 1],
            )?;
            transaction.execute(
                "INSERT INTO activation (token, email, email_key, name, password, language, dwelling, label, role,
                                         first_day, keeps_hourly, created_at, expires_at)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
                params![
                    token.0,
                    asked.email,
                    key,
                    asked.name,
                    asked.password,
                    asked.language.code(),
                    asked.dwelling,
                    asked.label,
                    asked.role,
                    asked.from.to_string(),
                    asked.keeps_hourly,
                    seconds(now),
                    seconds(now + ACTIVATION_LIFE),
                ],
            )?;
            audit::note(transaction, Event::ActivationAsked, None, now)?;
            Ok(Asked::Waits)
        })
    }

    /// What a link stands for; `None` when it is used, too old, or none.
    pub(crate) fn activation(&self, token: Hash, now: Timestamp) -> Result<Option<Activation>> {
        self.read(|connection| waiting(connection, token, now))
    }

    /// Keeps the first day that is about to be asked for.
    pub(crate) fn choose_first_day(&self, token: Hash, from: Date) -> Result<()> {
        self.write(|transaction| {
            transaction.execute(
                "UPDATE activation SET first_day = ?2 WHERE token = ?1 AND used_at IS NULL",
                params![token.0, from.to_string()],
            )?;
            Ok(())
        })
    }

    /// Makes the account, or adds to the one that is there, and uses the link up, all at once. `None` when the link was
    /// used meanwhile.
    pub(crate) fn activate(
        &self,
        token: Hash,
        occupancy: i64,
        from: Date,
        now: Timestamp,
    ) -> Result<Option<AccountId>> {
        self.write(|transaction| {
            let Some(asked) = waiting(transaction, token, now)? else {
                return Ok(None);
            };
            use_up(transaction, token, now)?;
            let account = match people::by_email(transaction, &asked.email)? {
                Some(account) => account.id,
                None => {
                    let account = people::insert(transaction, &asked, now)?;
                    // They agreed when they sent the form, not when they followed the link.
                    transaction.execute(
                        "UPDATE account SET consented_at = (SELECT created_at FROM activation WHERE token = ?2) WHERE id = ?1",
                        params![account.0, token.0],
                    )?;
                    account
                }
            };
            people::add_occupancy(transaction, account, occupancy, from, &asked, now)?;
            audit::note(transaction, Event::Activated, Some(account), now)?;
            Ok(Some(account))
        })
    }
}

impl Accounts {
    /// Uses a link up whose dwelling the account has already. `None` when the link was used meanwhile.
    pub(crate) fn forgo(&self, token: Hash, now: Timestamp) -> Result<Option<()>> {
        self.write(|transaction| {
            if waiting(transaction, token, now)?.is_none() {
                return Ok(None);
            }
            use_up(transaction, token, now).map(Some)
        })
    }
}

fn use_up(connection: &Connection, token: Hash, now: Timestamp) -> Result<()> {
    connection.execute(
        "UPDATE activation SET used_at = ?2, password = '' WHERE token = ?1",
        params![token.0, seconds(now)],
    )?;
    Ok(())
}

fn waiting(connection: &Connection, token: Hash, now: Timestamp) -> Result<Option<Activation>> {
    let row = connection
        .prepare_cached(
            "SELECT email, name, password, language, dwelling, label, role, first_day, keeps_hourly
             FROM activation WHERE token = ?1 AND used_at IS NULL AND expires_at > ?2",
        )?
        .query_row(params![token.0, seconds(now)], |row| {
            let day: String = row.get(7)?;
            let asked = Activation {
                email: row.get(0)?,
                name: row.get(1)?,
                password: row.get(2)?,
                language: Language::from_code(&row.get::<_, String>(3)?).unwrap_or_default(),
                dwelling: row.get(4)?,
                label: row.get(5)?,
                role: row.get(6)?,
                from: Date::default(),
                keeps_hourly: row.get(8)?,
            };
            Ok((asked, day))
        })
        .optional()?;
    row.map(|(asked, day)| {
        let from = day
            .parse()
            .map_err(|_| AccountsError::Damaged("activation.first_day"))?;
        Ok(Activation { from, ..asked })
    })
    .transpose()
}
