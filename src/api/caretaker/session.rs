//! Sessions of people in front of a browser: given for an operator's token, in memory only, as hashes.
//!
//! A session ends by logout, after two hours without a click, twelve hours after it began, with the process, and at
//! once when its token is removed.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use jiff::{SignedDuration, Timestamp};
use sha2::{Digest, Sha256};

use super::super::auth::{self, Scope};
use super::super::problem::Problem;
use super::LOGIN;
use crate::api::Context;

/// Who looks at a page.
#[derive(Clone)]
pub(super) struct Visitor {
    /// The name of the token that they gave.
    pub(super) name: String,
    /// What their forms must send back; `None` for whoever sends the token with every request and has no session.
    pub(super) form: Option<String>,
}

/// A random text: of a session, or of a form.
pub(super) struct Ticket(String);

/// The sessions that are open.
#[derive(Default)]
pub(super) struct Sessions(Mutex<HashMap<[u8; 32], Session>>);

struct Session {
    /// The hash of the token that it stands for, as the store keeps it.
    token: [u8; 32],
    /// What its forms must send back.
    form: String,
    begun: Timestamp,
    used: Timestamp,
}

impl Ticket {
    /// 256 bits from the operating system.
    pub(super) fn new() -> Result<Self, Problem> {
        let mut octets = [0; 32];
        getrandom::fill(&mut octets).map_err(|error| {
            tracing::error!(event = "caretaker.unseeded", %error, "the system gives no randomness");
            Problem::Internal
        })?;
        Ok(Self(octets.iter().map(|octet| format!("{octet:02x}")).collect()))
    }

    /// One that a browser sent back; `None` for what we never gave.
    pub(super) fn sent(text: &str) -> Option<Self> {
        (text.len() == 64 && text.bytes().all(|octet| octet.is_ascii_hexdigit()))
            .then(|| Self(text.to_owned()))
    }

    /// To be sent to its owner.
    pub(super) fn reveal(&self) -> &str {
        &self.0
    }

    fn hash(&self) -> [u8; 32] {
        Sha256::digest(self.0.as_bytes()).into()
    }
}

impl Sessions {
    /// A new session for the one who gave a token.
    pub(super) fn begin(&self, token: [u8; 32], now: Timestamp) -> Result<Ticket, Problem> {
        let (ticket, form) = (Ticket::new()?, Ticket::new()?);
        let mut sessions = self.open(now);
        if sessions.len() >= MOST
            && let Some(oldest) = sessions
                .iter()
                .min_by_key(|(_, session)| session.used)
                .map(|(hash, _)| *hash)
        {
            sessions.remove(&oldest);
        }
        sessions.insert(
            ticket.hash(),
            Session {
                token,
                form: form.0,
                begun: now,
                used: now,
            },
        );
        Ok(ticket)
    }

    /// The token and the form of a session; `None` when it is over. `click`: somebody did something.
    fn find(&self, ticket: &Ticket, click: bool, now: Timestamp) -> Option<([u8; 32], String)> {
        let mut sessions = self.open(now);
        let session = sessions.get_mut(&ticket.hash())?;
        if click {
            session.used = now;
        }
        Some((session.token, session.form.clone()))
    }

    /// Ends a session.
    pub(super) fn end(&self, ticket: &Ticket) {
        self.lock().remove(&ticket.hash());
    }

    /// Those that are not over.
    fn open(&self, now: Timestamp) -> MutexGuard<'_, HashMap<[u8; 32], Session>> {
        let mut sessions = self.lock();
        // A clock that was set back ends them too.
        let lasts = |since: Timestamp, most: SignedDuration| now.duration_since(since).abs() < most;
        sessions.retain(|_, session| lasts(session.begun, LONGEST) && lasts(session.used, IDLE));
        sessions
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<[u8; 32], Session>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Sessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Sessions").field(&self.lock().len()).finish()
    }
}

/// Lets those pass who have a session, or an operator's token in the header; sends the others to the login.
pub(super) async fn require(State(context): State<Context>, mut request: Request, next: Next) -> Response {
    let visitor = match visitor(&context, request.headers()).await {
        Ok(Some(visitor)) => visitor,
        Ok(None) => return to_login(&request),
        Err(problem) => return problem.into_response(),
    };
    request.extensions_mut().insert(visitor);
    next.run(request).await
}

async fn visitor(context: &Context, headers: &HeaderMap) -> Result<Option<Visitor>, Problem> {
    if headers.contains_key(header::AUTHORIZATION) {
        let caller = auth::admit(context, headers, &[Scope::Operator]).await?;
        return Ok(Some(Visitor {
            name: caller.name,
            form: None,
        }));
    }
    let Some(ticket) = ticket(headers) else {
        return Ok(None);
    };
    // A page that fetches itself is nobody's click.
    let click = !headers.contains_key(BY_ITSELF);
    let Some((token, form)) = context.desk().sessions.find(&ticket, click, context.now()) else {
        return Ok(None);
    };
    match auth::known(context, token, &[Scope::Operator]).await {
        Ok(caller) => Ok(Some(Visitor {
            name: caller.name,
            form: Some(form),
        })),
        // The token was removed, or lost its scope.
        Err(Problem::Unauthenticated { .. } | Problem::Forbidden { .. }) => {
            context.desk().sessions.end(&ticket);
            Ok(None)
        }
        Err(other) => Err(other),
    }
}

/// To the login, and from there back to the page.
fn to_login(request: &Request) -> Response {
    let back = match (request.method(), request.uri().path_and_query()) {
        (&Method::GET, Some(page)) => page.as_str(),
        _ => return Redirect::to(LOGIN).into_response(),
    };
    let query: String = form_urlencoded::Serializer::new(String::new())
        .append_pair("to", back)
        .finish();
    Redirect::to(&format!("{LOGIN}?{query}")).into_response()
}

/// The session that a browser says it has.
pub(super) fn ticket(headers: &HeaderMap) -> Option<Ticket> {
    cookie(headers, COOKIE).and_then(Ticket::sent)
}

/// The value of a cookie.
pub(super) fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find_map(|(known, value)| (known == name).then_some(value))
}

/// The cookie of a session.
pub(super) const COOKIE: &str = "releve_caretaker";

/// The header by which our script says that it fetches a page again by itself.
const BY_ITSELF: &str = "releve-refresh";

/// Sessions at once; the one that was used longest ago makes room.
const MOST: usize = 100;

/// A session ends after so long without a click …
const IDLE: SignedDuration = SignedDuration::from_hours(2);

/// … and after so long in any case.
const LONGEST: SignedDuration = SignedDuration::from_hours(12);

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::ToSpan;

    #[test]
    fn a_session_lasts_as_long_as_it_is_used_and_half_a_day_at_most() {
        let sessions = Sessions::default();
        let start = Timestamp::UNIX_EPOCH + 1_000_000.hours();
        let ticket = sessions.begin([7; 32], start).unwrap();
        let found = |hours: i64, click| sessions.find(&ticket, click, start + hours.hours()).is_some();
        for hours in 1..=11 {
            assert!(found(hours, true), "{hours}");
        }
        assert!(!found(12, true));
        assert!(!found(1, true), "it does not come back with the clock");

        let ticket = sessions.begin([7; 32], start).unwrap();
        assert!(sessions.find(&ticket, false, start + 1.hours()).is_some());
        assert!(
            sessions.find(&ticket, false, start + 2.hours()).is_none(),
            "a page that fetches itself keeps nobody logged in"
        );
        let ticket = sessions.begin([7; 32], start).unwrap();
        sessions.end(&ticket);
        assert!(sessions.find(&ticket, true, start).is_none());
        assert!(!format!("{sessions:?}").contains(ticket.reveal()));
    }

    #[test]
    fn there_are_never_more_than_a_hundred() {
        let sessions = Sessions::default();
        let start = Timestamp::UNIX_EPOCH;
        let first = sessions.begin([0; 32], start).unwrap();
        for second in 1..=150 {
            sessions.begin([0; 32], start + second.seconds()).unwrap();
        }
        assert_eq!(sessions.lock().len(), MOST);
        assert!(sessions.find(&first, true, start + 151.seconds()).is_none());
    }

    #[test]
    fn cookies_are_found_among_others() {
        let mut headers = HeaderMap::new();
        headers.append(header::COOKIE, "a=1; releve_language=fr".parse().unwrap());
        headers.append(header::COOKIE, "b=2".parse().unwrap());
        assert_eq!(cookie(&headers, "releve_language"), Some("fr"));
        assert_eq!(cookie(&headers, "b"), Some("2"));
        assert_eq!(cookie(&headers, "language"), None);
        assert!(Ticket::sent("zz").is_none());
    }
}
