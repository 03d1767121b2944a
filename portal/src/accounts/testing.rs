//! Rows for tests of pages that begin when somebody has an account already.

use jiff::Timestamp;
use jiff::civil::Date;
use rusqlite::params;

use super::{AccountId, Accounts, Result, seconds};
use crate::secret::Hash;

impl Accounts {
    /// An account with these occupancies, by id, dwelling, name and first day; nobody knows its password.
    pub(crate) fn put(&self, id: AccountId, homes: &[(i64, i64, &str, Date)], now: Timestamp) -> Result<()> {
        self.write(|transaction| {
            transaction.execute(
                "INSERT INTO account (id, email, email_key, name, password, language, created_at, consented_at)
                 VALUES (?1, ?2, ?2, 'Ada Exemple', '-', 'fr', ?3, ?3)",
                params![id.0, format!("{}@example.org", id.0), seconds(now)],
            )?;
            for (home, dwelling, label, first) in homes {
                transaction.execute(
                    "INSERT INTO occupancy (id, account, dwelling, label, role, first_day, keeps_hourly, added_at)
                     VALUES (?1, ?2, ?3, ?4, 'tenant', ?5, 0, ?6)",
                    params![home, id.0, dwelling, label, first.to_string(), seconds(now)],
                )?;
            }
            Ok(())
        })
    }

    /// A session of an account.
    pub(crate) fn put_session(&self, id: AccountId, token: Hash, now: Timestamp) -> Result<()> {
        self.log_in(id, Hash([0; 32]), token, now)
    }
}
