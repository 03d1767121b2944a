//! The portal as a whole: what its pages share, and which path leads where.

use std::sync::Arc;

use axum::Router;
use axum::middleware;
use axum::routing::get;
use jiff::Timestamp;

use crate::accounts::{Accounts, AccountsError};
use crate::config::Settings;
use crate::failure::Failure;
use crate::guard::{self, Limiter};
use crate::secret::{HashFailed, Hasher, Key};
use crate::{account, assets, home};

/// The portal, ready to answer. Cheap to clone.
#[derive(Clone)]
pub struct App(Arc<Inner>);

/// What the portal's pages share.
pub struct Inner {
    pub(crate) settings: Settings,
    pub(crate) accounts: Arc<Accounts>,
    pub(crate) key: Key,
    pub(crate) hasher: Hasher,
    pub(crate) limiter: Limiter,
    clock: Clock,
}

/// What time it is: the system's, or a test's.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// The portal could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// Its database.
    #[error(transparent)]
    Accounts(#[from] AccountsError),
    /// No randomness, or no memory, to hash with.
    #[error("the system has no randomness")]
    Random,
}

impl From<HashFailed> for AppError {
    fn from(_: HashFailed) -> Self {
        Self::Random
    }
}

impl App {
    /// Opens the portal's database and makes everything ready.
    ///
    /// # Errors
    /// The database can't be opened, the sender of mails is no address, or the system has no randomness.
    pub fn open(settings: Settings) -> Result<Self, AppError> {
        Self::at(settings, Arc::new(Timestamp::now))
    }

    /// The same with a clock of one's own, for tests.
    ///
    /// # Errors
    /// As [`App::open`].
    pub fn at(settings: Settings, clock: Clock) -> Result<Self, AppError> {
        let accounts = Accounts::open(&settings.store)?;
        Ok(Self(Arc::new(Inner {
            key: accounts.key()?,
            hasher: Hasher::new()?,
            limiter: Limiter::default(),
            accounts: Arc::new(accounts),
            settings,
            clock,
        })))
    }

    /// What time it is.
    pub(crate) fn now(&self) -> Timestamp {
        (self.0.clock)()
    }

    /// Asks the database, away from the threads that answer.
    pub(crate) async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&Accounts) -> Result<T, AccountsError> + Send + 'static,
    ) -> Result<T, Failure> {
        let accounts = Arc::clone(&self.0.accounts);
        let answer = tokio::task::spawn_blocking(move || question(&accounts)).await;
        match answer {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => Err(Failure::internal(&error)),
            Err(error) => Err(Failure::internal(&error)),
        }
    }

    /// Ends what is over: sessions, links, what nobody confirmed.
    pub(crate) async fn sweep(&self) {
        let now = self.now();
        // What went wrong is in the log already, and it is tried again soon.
        let _ = self.ask(move |accounts| accounts.sweep(now)).await;
    }

    /// Every page, behind every guard.
    pub fn router(&self) -> Router {
        Router::new()
            .route("/", get(home::show))
            .route("/language/{code}", get(home::choose_language))
            .merge(account::routes())
            .merge(assets::routes())
            .fallback(|| async { Failure::NotFound })
            .method_not_allowed_fallback(|| async { Failure::MethodNotAllowed })
            .layer(middleware::from_fn_with_state(self.clone(), guard::attach))
            .layer(middleware::from_fn_with_state(self.clone(), guard::protect))
            .with_state(self.clone())
    }
}

impl std::ops::Deref for App {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.0
    }
}
