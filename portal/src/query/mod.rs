//! Asking the query API: typed questions, exact numbers, a time limit, and failures that tell a service that is down from one that
//! refuses.
//!
//! `address` where it listens, `token` what it is shown, `problem` what it answers when it does not answer; `places`, `figures` and
//! `notes` what its answers are.

mod address;
mod decimal;
mod figures;
mod notes;
mod places;
mod problem;
#[cfg(test)]
mod tests;
mod token;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use form_urlencoded::Serializer;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use hyper::{Method, Request, Response};
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use jiff::civil::Date;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use address::Connector;
use places::Page;

pub use address::{Address, NotAddress};
pub use decimal::{Decimal, NotDecimal};
pub use figures::{
    Average, Compare, Compared, ComparedKind, ComparedPoint, Consumption, Figure, Kind, KindName, Period,
    Point, PointName, Quality, Step,
};
pub use notes::{
    Alert, Amount, Days, End, Evaluation, Evidence, Explanation, Household, KindEvaluation, KindNote,
    MeterName, Part, PointEvaluation, PointEvidence, Reading, YearlyNote,
};
pub use places::{Change, Dwelling, DwellingBy, MoveIn, Occupancy, Role, Site};
pub use problem::{Failure, Kind as ProblemKind, Problem, Unavailable};
pub use token::Token;

/// Where the service is, what it is shown, and how long it may take.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where it listens.
    pub address: Address,
    /// A token of the scope `portal`.
    pub token: Token,
    /// How long one question may take, connecting included.
    pub limit: Duration,
}

/// Which days, and how they are cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// First day.
    pub from: Date,
    /// The day after the last one.
    pub to: Date,
    /// How they are cut.
    pub step: Step,
    /// What with they are compared.
    pub compare: Option<Compare>,
}

/// The service, ready to be asked; copies share its connections.
#[derive(Clone)]
pub struct Query {
    shared: Arc<Shared>,
    client: Option<HeaderValue>,
    /// Under which a request may be sent twice.
    key: Option<HeaderValue>,
}

struct Shared {
    http: Client<Connector, Full<Bytes>>,
    origin: String,
    authorization: Option<HeaderValue>,
    address: Address,
    limit: Duration,
}

impl Query {
    /// Nothing is connected before the first question.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        let mut builder = Client::builder(TokioExecutor::new());
        builder
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(Duration::from_secs(20))
            .pool_max_idle_per_host(16)
            .http1_max_buf_size(64 * 1024);
        Self {
            shared: Arc::new(Shared {
                http: builder.build(Connector(settings.address.clone())),
                origin: settings.address.origin(),
                authorization: settings.token.header(),
                address: settings.address,
                limit: settings.limit,
            }),
            client: None,
            key: None,
        }
    }

    /// The same service, asked for one resident: the text tells them apart where guesses are counted (a hash of the session, at most
    /// 128 characters; never a name).
    #[must_use]
    pub fn of_client(&self, client: &str) -> Self {
        let client: String = client.chars().filter(char::is_ascii_graphic).take(128).collect();
        Self {
            shared: Arc::clone(&self.shared),
            client: HeaderValue::from_str(&client).ok().filter(|_| !client.is_empty()),
            key: None,
        }
    }

    /// Whether the service answers at all.
    ///
    /// # Errors
    /// [`Failure`], as of all questions.
    pub async fn alive(&self) -> Result<(), Failure> {
        self.exchange(Method::GET, "/healthz".to_owned(), None)
            .await
            .map(|_| ())
    }

    /// The site with this code, however it is typed.
    ///
    /// # Errors
    /// [`Failure`]; a text that is no code is a problem of the kind `invalid-parameter`.
    pub async fn site_by_code(&self, code: &str) -> Result<Option<Site>, Failure> {
        let page: Page<Site> = self.get("/v1/sites", &[("code", code)]).await?;
        Ok(page.items.into_iter().next())
    }

    /// Sites in whose name or address every one of these words begins a word; at most 20.
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn sites_by_address(&self, words: &str) -> Result<Vec<Site>, Failure> {
        let page: Page<Site> = self
            .get("/v1/sites", &[("address", words), ("limit", "20")])
            .await?;
        Ok(page.items)
    }

    /// The dwellings of a site with that name.
    ///
    /// # Errors
    /// [`Failure`]; a serial that may mean meters of several dwellings is a problem of the kind `ambiguous-serial`.
    pub async fn dwellings(&self, site: &str, by: DwellingBy<'_>) -> Result<Vec<Dwelling>, Failure> {
        let path = format!("/v1/sites/{}/dwellings", escaped(site));
        let page: Page<Dwelling> = self.get(&path, &[by.pair()]).await?;
        Ok(page.items)
    }

    /// Registers that a household moves in.
    ///
    /// # Errors
    /// [`Failure`]; a date that can't be chosen is `move-in-outside`, a landlord `not-resident`.
    ///
    /// Sent again with the same key, when its answer was lost, it is done once; the key is of letters, digits, `-` and `_`.
    pub async fn move_in(&self, new: &MoveIn, key: &str) -> Result<Occupancy, Failure> {
        let asked = Self {
            shared: Arc::clone(&self.shared),
            client: self.client.clone(),
            key: HeaderValue::from_str(&format!("\"{key}\"")).ok(),
        };
        asked.write(Method::POST, "/v1/occupancies", new).await
    }

    /// An occupancy as it is now.
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn occupancy(&self, id: i64) -> Result<Occupancy, Failure> {
        self.get(&format!("/v1/occupancies/{id}"), &[]).await
    }

    /// Ends an occupancy, or changes what the household agrees to.
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn change_occupancy(&self, id: i64, change: &Change) -> Result<Occupancy, Failure> {
        self.write(Method::PATCH, &format!("/v1/occupancies/{id}"), change)
            .await
    }

    /// What a household used.
    ///
    /// # Errors
    /// [`Failure`]; days that are not theirs are `outside-occupancy`, hours without consent `no-consent`.
    pub async fn consumption(&self, occupancy: i64, span: &Span) -> Result<Consumption, Failure> {
        let (from, to) = (span.from.to_string(), span.to.to_string());
        let mut pairs = vec![("from", from.as_str()), ("to", &to), ("step", span.step.name())];
        if let Some(compare) = span.compare {
            pairs.push(("compare", compare.name()));
        }
        self.get(&format!("/v1/occupancies/{occupancy}/consumption"), &pairs)
            .await
    }

    /// The evaluation of a month, named by any of its days; of the last one that has ended when none is given.
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn evaluation(&self, occupancy: i64, month: Option<Date>) -> Result<Evaluation, Failure> {
        let month = month.map(|day| format!("{:04}-{:02}", day.year(), day.month()));
        let pairs: Vec<(&str, &str)> = month.iter().map(|month| ("month", month.as_str())).collect();
        self.get(&format!("/v1/occupancies/{occupancy}/evaluation"), &pairs)
            .await
    }

    /// The note of a year; of the last one that has ended when none is given.
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn yearly_note(&self, occupancy: i64, year: Option<i16>) -> Result<YearlyNote, Failure> {
        let year = year.map(|year| year.to_string());
        let pairs: Vec<(&str, &str)> = year.iter().map(|year| ("year", year.as_str())).collect();
        self.get(&format!("/v1/occupancies/{occupancy}/yearly-note"), &pairs)
            .await
    }

    /// The readings behind the figures of some days.
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn evidence(&self, occupancy: i64, from: Date, to: Date) -> Result<Evidence, Failure> {
        let (from, to) = (from.to_string(), to.to_string());
        self.get(
            &format!("/v1/occupancies/{occupancy}/evidence"),
            &[("from", &from), ("to", &to)],
        )
        .await
    }

    /// What a household should know of its meters now, and which days it may see.
    ///
    /// # Errors
    /// [`Failure`]; before the first day of an occupancy `outside-occupancy`.
    pub async fn household(&self, occupancy: i64) -> Result<Household, Failure> {
        self.get(&format!("/v1/occupancies/{occupancy}/alerts"), &[])
            .await
    }

    async fn get<T: DeserializeOwned>(&self, path: &str, pairs: &[(&str, &str)]) -> Result<T, Failure> {
        let mut target = path.to_owned();
        if !pairs.is_empty() {
            target.push('?');
            target.push_str(&Serializer::new(String::new()).extend_pairs(pairs).finish());
        }
        let body = self.exchange(Method::GET, target, None).await?;
        read(&body)
    }

    async fn write<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T, Failure> {
        let body = serde_json::to_vec(body).map_err(|error| Failure::Garbled(error.to_string()))?;
        let body = self.exchange(method, path.to_owned(), Some(body)).await?;
        read(&body)
    }

    /// One question and its answer, in time or not at all.
    async fn exchange(
        &self,
        method: Method,
        target: String,
        body: Option<Vec<u8>>,
    ) -> Result<Bytes, Failure> {
        let started = tokio::time::Instant::now();
        let answer = tokio::time::timeout(self.shared.limit, self.ask(method, &target, body)).await;
        let answer = answer.unwrap_or(Err(Failure::Slow));
        if let Err(failure) = &answer
            && failure.unavailable().is_some()
        {
            // The path may hold an id, never what a resident typed.
            let path = target.split('?').next().unwrap_or_default();
            let took = started.elapsed().as_millis();
            tracing::warn!(event = "service.unanswered", path, milliseconds = took, reason = %failure, "a question to the query service has no answer");
        }
        answer
    }

    async fn ask(&self, method: Method, target: &str, body: Option<Vec<u8>>) -> Result<Bytes, Failure> {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}{target}", self.shared.origin))
            .header(ACCEPT, "application/json");
        if let Some(authorization) = &self.shared.authorization {
            request = request.header(AUTHORIZATION, authorization);
        }
        if let Some(client) = &self.client {
            request = request.header("Releve-Client", client);
        }
        if let Some(key) = &self.key {
            request = request.header("Idempotency-Key", key);
        }
        if body.is_some() {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        let request = request
            .body(Full::from(body.unwrap_or_default()))
            .map_err(|error| Failure::Garbled(error.to_string()))?;
        let answer = self.shared.http.request(request).await;
        let answer = answer.map_err(|error| Failure::Down(reason(&error)))?;
        collect(answer).await
    }
}

impl fmt::Debug for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Query")
            .field("address", &self.shared.address)
            .field("limit", &self.shared.limit)
            .finish_non_exhaustive()
    }
}

/// The body of an answer, or the problem that it is.
async fn collect(answer: Response<hyper::body::Incoming>) -> Result<Bytes, Failure> {
    let status = answer.status();
    let retry_after = answer
        .headers()
        .get(RETRY_AFTER)
        .and_then(|value| value.to_str().ok()?.parse().ok());
    let body = Limited::new(answer.into_body(), LARGEST).collect().await;
    let body = body.map_err(|error| {
        if error.is::<http_body_util::LengthLimitError>() {
            Failure::Garbled(format!("it is larger than {LARGEST} octets"))
        } else {
            Failure::Down("the answer broke off".to_owned())
        }
    })?;
    let body = body.to_bytes();
    if status.is_success() {
        Ok(body)
    } else {
        Err(Failure::Problem(Problem::read(
            status.as_u16(),
            retry_after,
            &body,
        )))
    }
}

fn read<'de, T: Deserialize<'de>>(body: &'de [u8]) -> Result<T, Failure> {
    // Where it stands, not what: an answer may hold what is nobody's business in a log.
    serde_json::from_slice(body).map_err(|error| {
        let what = match error.classify() {
            serde_json::error::Category::Eof => "it is cut off",
            serde_json::error::Category::Data => "it has another form",
            _ => "it is no JSON",
        };
        Failure::Garbled(format!("{what}, line {} column {}", error.line(), error.column()))
    })
}

/// The innermost reason of a broken connection, in the system's words.
fn reason(error: &dyn std::error::Error) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string().chars().take(200).collect()
}

/// A text as one part of a path.
fn escaped(text: &str) -> String {
    use fmt::Write;

    let mut path = String::new();
    for octet in text.bytes() {
        if octet.is_ascii_alphanumeric() {
            path.push(char::from(octet));
        } else {
            let _ = write!(path, "%{octet:02X}");
        }
    }
    path
}

/// A year of hours of a large dwelling is some hundred kilobytes.
const LARGEST: usize = 8 * 1024 * 1024;
