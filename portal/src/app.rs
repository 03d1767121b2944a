//! The portal as a whole: what its pages share, and which path leads where.

use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::middleware;
use axum::routing::get;
use jiff::Timestamp;
use tokio::task::JoinSet;

use crate::accounts::{Accounts, AccountsError};
use crate::config::{ConfigError, Settings};
use crate::failure::Failure;
use crate::guard::{self, Kind, Limiter};
use crate::mail::Post;
use crate::query::Query;
use crate::secret::{Hash, HashFailed, Hasher, Key, Token};
use crate::{account, assets, consumption, guide, home, privacy};

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
    pub(crate) post: Post,
    /// The service that has the figures.
    pub(crate) query: Query,
    /// What goes on after an answer.
    tasks: Mutex<JoinSet<()>>,
    /// One link at a time; which of them by the first octet of its hash.
    turns: [tokio::sync::Mutex<()>; 16],
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
    /// What it was told.
    #[error(transparent)]
    Config(#[from] ConfigError),
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
        let accounts = Arc::new(Accounts::open(&settings.store)?);
        Ok(Self(Arc::new(Inner {
            key: accounts.key()?,
            hasher: Hasher::new()?,
            limiter: Limiter::default(),
            post: Post::open(&settings.mail, Arc::clone(&accounts), Arc::clone(&clock))?,
            query: Query::new(settings.service.clone()),
            tasks: Mutex::default(),
            turns: Default::default(),
            accounts,
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

    /// Does something after the answer, which need not wait for it and must not tell of it.
    pub(crate) fn later(&self, task: impl Future<Output = ()> + Send + 'static) {
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        while tasks.try_join_next().is_some() {}
        tasks.spawn(task);
    }

    /// Waits until everything that went on after answers is done, and every mail is kept and has been tried once.
    pub async fn settle(&self) {
        let tasks = std::mem::take(&mut *self.tasks.lock().unwrap_or_else(PoisonError::into_inner));
        tasks.join_all().await;
        self.post.settle().await;
    }

    /// Hands over the mails whose turn it is.
    pub async fn carry_mails(&self) {
        self.post.carry().await;
    }

    /// Hands over all mails that wait, as after a start.
    pub async fn carry_all_mails(&self) {
        self.post.carry_all().await;
    }

    /// Whether an address may get another mail now; it is counted.
    pub(crate) fn may_mail(&self, address: &str) -> bool {
        let (key, now) = (address.to_lowercase(), self.now());
        let most = self.settings.limits.mail_address;
        if self.limiter.admit(Kind::MailToAddress, &key, most, now).is_err() {
            tracing::warn!(
                event = "mail.limited",
                "an address got as many mails as it may; one was not sent"
            );
            return false;
        }
        self.limiter.count(Kind::MailToAddress, &key, now);
        true
    }

    /// The address of a link in a mail.
    pub(crate) fn link(&self, path: &str, token: &Token) -> String {
        format!("{}/{path}/{}", self.settings.public, *token.reveal())
    }

    /// Waits for one's turn with a link, so that what follows happens once.
    pub(crate) async fn turn(&self, link: Hash) -> tokio::sync::MutexGuard<'_, ()> {
        let [first, ..] = link.0;
        let [lane, ..] = &self.turns;
        self.turns
            .get(usize::from(first) % self.turns.len())
            .unwrap_or(lane)
            .lock()
            .await
    }

    /// Ends what is over: sessions, links, what nobody confirmed.
    pub async fn sweep(&self) {
        let now = self.now();
        // What went wrong is in the log already, and it is tried again soon.
        let _ = self.ask(move |accounts| accounts.sweep(now)).await;
    }

    /// Writes what is still in the database's log into its file, and empties the log: what was deleted is gone from both.
    pub async fn checkpoint(&self) {
        let _ = self.ask(Accounts::checkpoint).await;
    }

    /// Every page, behind every guard.
    pub fn router(&self) -> Router {
        Router::new()
            .route("/", get(home::show))
            .route("/language/{code}", get(home::choose_language))
            .route("/privacy", get(privacy::show))
            .merge(account::routes())
            .merge(guide::routes())
            .merge(consumption::routes())
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
