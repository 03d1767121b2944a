//! The query API: routes, and what all of them share.
//!
//! One file per resource; `auth` who may ask, `query` what may be written behind the `?`, `page` lists and cursors,
//! `json` exact numbers and tags, `problem` everything that goes wrong (and the only file that knows status codes),
//! `routes` where each answers, `serve` sockets. No SQL here and no telegram: the store is asked through its trait, on blocking threads.

mod alerts;
mod attempts;
mod auth;
mod body;
mod by_hand;
mod caretaker;
mod compare;
mod consumption;
mod dwellings;
mod erasures;
mod evaluation;
mod evidence;
mod finding;
mod format;
mod health;
mod household_alerts;
mod json;
mod memory;
mod meters;
mod metrics;
mod occupancies;
mod page;
mod problem;
mod query;
mod radio;
mod readings;
mod registry;
mod routes;
mod serve;
mod sites;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::{Arc, Weak};
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::http::header;
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use jiff::civil::Date;
use serde::Serialize;
use tokio::sync::Semaphore;
use tower_http::compression::CompressionLayer;

use crate::config;
use crate::consumption::Step;
use crate::logging::Often;
use crate::registry::serial::AddressOfSerial;
use crate::registry::{Dwelling, Site};
use crate::store::{Keeping, ReadingRow, Store, Watcher};

pub use auth::{Scope, Secret};
pub use serve::{Listener, serve};

use format::{Wanted, Written};
use memory::Memory;
use problem::Problem;

/// A reading as the API shows it: for whoever answers elsewhere with the same words.
pub fn reading(row: &ReadingRow) -> impl Serialize + use<> {
    readings::Value::of(row)
}

/// A number as residents are shown it, with two decimals; `None` when it does not fit.
pub fn shown(value: wmbus::Decimal) -> Option<wmbus::Decimal> {
    json::shown(value).map(|number| number.0)
}

/// What a dwelling used, as the API answers it.
///
/// # Errors
/// The store's, or what is wrong with the range, in a sentence.
pub fn consumption(
    store: &dyn Store,
    dwelling: (Dwelling, &Site),
    days: (Date, Date),
    step: Step,
    now: Timestamp,
) -> Result<impl Serialize + use<>, String> {
    consumption::report(store, dwelling, days, step.into(), now).map_err(Problem::sentence)
}

/// What all routes share: the store, the clock, and how much may be asked at once.
#[derive(Clone)]
pub struct Context {
    store: Arc<dyn Store>,
    memory: Arc<Memory>,
    clock: Arc<dyn Fn() -> Timestamp + Send + Sync>,
    computed: Option<AddressOfSerial>,
    /// As many questions as the store can work on; others wait.
    turns: Arc<Semaphore>,
    attempts: Arc<attempts::Attempts>,
    keeping: Arc<Keeping>,
    desk: Arc<caretaker::Desk>,
}

impl Context {
    /// Answers from a store, with the system's clock.
    pub fn new(store: Arc<dyn Store>) -> Self {
        let memory = Arc::new(Memory::default());
        let watcher: Weak<Memory> = Arc::downgrade(&memory);
        store.watch(watcher as Weak<dyn Watcher>);
        Self {
            store,
            memory,
            clock: Arc::new(Timestamp::now),
            computed: None,
            turns: Arc::new(Semaphore::new(TURNS)),
            attempts: Arc::default(),
            keeping: Arc::default(),
            desk: Arc::default(),
        }
    }

    /// With another clock: what it says is now, and where a period that has not ended is cut.
    #[must_use]
    pub fn with_clock(self, clock: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        Self {
            clock: Arc::new(clock),
            ..self
        }
    }

    /// With the makers' rules that turn printed serials into addresses.
    #[must_use]
    pub fn with_serials(self, computed: AddressOfSerial) -> Self {
        Self {
            computed: Some(computed),
            ..self
        }
    }

    /// With what is known of the storing beside it.
    #[must_use]
    pub fn with_keeping(self, keeping: Arc<Keeping>) -> Self {
        Self { keeping, ..self }
    }

    fn now(&self) -> Timestamp {
        (self.clock)()
    }

    /// Answers for figures: from memory where the question was answered before and nothing has changed what it rests on, else
    /// by working it out, and remembers that.
    async fn figures(
        &self,
        question: consumption::Question,
        now: Timestamp,
        wanted: Wanted,
        work_out: impl FnOnce(&dyn Store) -> Result<consumption::Report, Problem> + Send + 'static,
    ) -> Result<Response, Problem> {
        if let Some(written) = self.memory.answer(&*self.store, &question, now) {
            return Ok(written.into_response());
        }
        let memory = Arc::clone(&self.memory);
        self.ask(move |store| {
            let begun = memory.begin();
            let (mut work_out, mut report) = (Some(work_out), None);
            store.in_one_state(&mut || report = work_out.take().map(|work_out| work_out(store)))?;
            let report = report.ok_or(Problem::Internal)??;
            let written = wanted.write(&report)?;
            if let Some(rests) = report.rests {
                memory.keep(begun, (question, now), &written, rests);
            }
            Ok(written)
        })
        .await
        .map(Written::into_response)
    }

    /// Asks the store on a thread that may block, with all that was heard until a moment ago.
    async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&dyn Store) -> Result<T, Problem> + Send + 'static,
    ) -> Result<T, Problem> {
        self.ask_as_it_is(|store| {
            store.catch_up();
            question(store)
        })
        .await
    }

    /// As [`Context::ask`], where it need not count what was heard lately: whoever asks all day long must not make the daemon
    /// write each time.
    async fn ask_as_it_is<T: Send + 'static>(
        &self,
        question: impl FnOnce(&dyn Store) -> Result<T, Problem> + Send + 'static,
    ) -> Result<T, Problem> {
        let turn = Arc::clone(&self.turns)
            .acquire_owned()
            .await
            .map_err(|_| Problem::Busy)?;
        let store = Arc::clone(&self.store);
        let answer = tokio::task::spawn_blocking(move || {
            // Held until the thread is done, also when the client has left.
            let _turn = turn;
            question(&*store)
        });
        answer.await.unwrap_or_else(|error| {
            if let Some(times) = UNANSWERED.again() {
                tracing::error!(event = "api.unanswered", %error, times, "a question was not answered");
            }
            Err(Problem::Internal)
        })
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context").finish_non_exhaustive()
    }
}

/// The whole API as a service, for a server or a test.
pub fn router(context: Context) -> Router {
    let (router, known) = routes::all(&context);
    let known: Arc<[String]> = known.into();
    router
        .fallback(move |request: Request| async move { nowhere(&request, &known) })
        .method_not_allowed_fallback(|| async { Problem::MethodNotAllowed })
        .with_state(context.clone())
        .layer(middleware::from_fn(json::tag))
        .merge(caretaker::router(context))
        .layer(middleware::from_fn(in_time))
        .layer(CompressionLayer::new())
}

/// What stands on no route. A person who opens the bare address in a browser is shown the pages.
fn nowhere(request: &Request, known: &[String]) -> Response {
    let path: String = request.uri().path().chars().take(100).collect();
    let accepts = request.headers().get(header::ACCEPT);
    if path == "/"
        && accepts.is_some_and(|accepts| {
            accepts
                .to_str()
                .is_ok_and(|accepts| accepts.contains("text/html"))
        })
    {
        return caretaker::home();
    }
    let nearest = config::nearest(&path, known.iter().map(String::as_str)).map(str::to_owned);
    Problem::NoSuchRoute { path, nearest }.into_response()
}

/// Ends what takes too long; the store's thread finishes in its own time.
async fn in_time(request: Request, next: Next) -> Response {
    tokio::time::timeout(LONGEST, next.run(request))
        .await
        .unwrap_or_else(|_| Problem::TimedOut.into_response())
}

/// Questions that ended in an error of the program.
static UNANSWERED: Often = Often::new();

/// Questions that the store works on at once.
const TURNS: usize = 32;

/// An answer that takes longer is none.
const LONGEST: Duration = Duration::from_secs(30);
