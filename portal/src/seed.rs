//! An account that is confirmed already, for a demonstration or a test: without the guide and without a mail.

use jiff::civil::Date;

use crate::Language;
use crate::account::rules;
use crate::accounts::{Accounts, Activation};
use crate::app::App;
use crate::mail;
use crate::query::Role;
use crate::secret::Hidden;

/// Whose account it is, and which occupancy of the service it sees.
#[derive(Clone)]
pub struct Seed {
    /// The address to log in with; an account that has it gets the password and the dwelling.
    pub email: String,
    /// What they are called.
    pub name: String,
    /// The password to log in with; as strong as any.
    pub password: Hidden,
    /// The language of their mails.
    pub language: Language,
    /// The service's number for the occupancy, which has to be registered there.
    pub occupancy: i64,
    /// The service's number for the dwelling.
    pub dwelling: i64,
    /// The dwelling, as people say: `Les Lilas, lot 12`.
    pub label: String,
    /// Tenant or owner.
    pub role: Role,
    /// First day of the occupancy.
    pub from: Date,
    /// Whether the household agreed to hourly figures.
    pub keeps_hourly: bool,
}

/// An account could not be made.
#[derive(Debug, thiserror::Error)]
pub enum SeedError {
    /// No mail could be sent there.
    #[error("{0:?} is no e-mail address: write one like ada@example.org")]
    Email(String),
    /// A password that would be guessed.
    #[error("{0}")]
    Password(&'static str),
    /// The portal's database, or no memory to hash with; the log says which.
    #[error("the account could not be kept: the log says why")]
    Kept,
}

impl App {
    /// Makes the account.
    ///
    /// # Errors
    /// The address is none, the password is weak, or the database refuses.
    pub async fn seed(&self, seed: &Seed) -> Result<(), SeedError> {
        let address = mail::address(&seed.email).ok_or_else(|| SeedError::Email(seed.email.clone()))?;
        rules::judge(&seed.password, &seed.email, &seed.name)
            .await
            .map_err(|weak| SeedError::Password(weak.sentence(Language::English)))?;
        let password = self
            .hasher
            .hash(&seed.password)
            .await
            .map_err(|_| SeedError::Kept)?;
        let asked = Activation {
            email: address.to_string(),
            name: seed.name.clone(),
            password,
            language: seed.language,
            dwelling: seed.dwelling,
            label: seed.label.clone(),
            role: word(seed.role).to_owned(),
            from: seed.from,
            keeps_hourly: seed.keeps_hourly,
        };
        let (occupancy, now) = (seed.occupancy, self.now());
        let kept = self.ask(move |accounts: &Accounts| accounts.seed(&asked, occupancy, now));
        kept.await.map(|_| ()).map_err(|_| SeedError::Kept)
    }
}

/// A role as the portal keeps it.
pub(crate) const fn word(role: Role) -> &'static str {
    match role {
        Role::Tenant => "tenant",
        Role::Owner => "owner",
    }
}
