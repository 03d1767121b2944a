//! Who asks: their session by its cookie, their language, where they come from. Runs before every page.
//!
//! A visitor without a session gets a random token as soon as a page has a form for them; a row in the database comes only
//! with something to keep. At login there is a new token.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::extract::{FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::form::MOST_OCTETS;
use crate::Language;
use crate::accounts::Session;
use crate::app::App;
use crate::failure::Failure;
use crate::secret::{Hash, Token};

/// Where a connection comes from. The server puts it on each request.
#[derive(Debug, Clone, Copy)]
pub struct Peer(pub IpAddr);

/// Somebody who looks at a page, logged in or not. No `Debug`: it has the session's token.
#[derive(Clone)]
pub(crate) struct Visitor {
    /// The language of their pages.
    pub(crate) language: Language,
    /// Path and query of the page.
    pub(crate) path: Arc<str>,
    token: Arc<Token>,
    csrf: Arc<str>,
    /// Whether the page has a form, so that the browser has to keep the token.
    asked: Arc<AtomicBool>,
    session: Option<Arc<Session>>,
    client: Arc<str>,
}

impl Visitor {
    /// What each form has to bring along in a hidden field `csrf`; [`layout::form`](crate::layout::form) puts it there.
    pub(crate) fn csrf(&self) -> &str {
        self.asked.store(true, Ordering::Relaxed);
        &self.csrf
    }

    pub(crate) fn token(&self) -> &Token {
        &self.token
    }

    pub(crate) fn session(&self) -> Option<&Session> {
        self.session.as_deref()
    }

    /// Whether somebody is logged in.
    pub(crate) fn is_resident(&self) -> bool {
        self.session().is_some_and(|session| session.account.is_some())
    }

    /// What tells this session from others without giving it away: the service counts guesses by it.
    pub(crate) fn alias(&self) -> String {
        Hash::of(&self.token.hash().0).text()
    }

    /// Where they come from, as limits count it: an IPv4 address, or the network of an IPv6 address.
    pub(crate) fn client(&self) -> &str {
        &self.client
    }

    pub(super) fn of(request: &Request) -> Result<Self, Failure> {
        request
            .extensions()
            .get::<Self>()
            .cloned()
            .ok_or(Failure::Internal)
    }
}

impl FromRequestParts<App> for Visitor {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, Failure> {
        parts.extensions.get::<Self>().cloned().ok_or(Failure::Internal)
    }
}

/// Finds out who asks, lets the page answer, and makes a page of what went wrong.
pub(crate) async fn attach(State(app): State<App>, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    let (visitor, is_new) = match visitor(&app, &parts).await {
        Ok(found) => found,
        Err(failure) => return failure.status().into_response(),
    };
    parts.extensions.insert(visitor.clone());
    let admissible = admissible(&app, &parts);
    let request = Request::from_parts(parts, body);
    let mut response = match admissible {
        // A task of its own: what has begun ends whole, also when the client is gone.
        Ok(()) => match tokio::time::timeout(PATIENCE, tokio::spawn(next.run(request))).await {
            Ok(Ok(response)) => response,
            Ok(Err(error)) => Failure::internal(&error).into_response(),
            Err(_) => Failure::TimedOut.into_response(),
        },
        Err(failure) => failure.into_response(),
    };
    if let Some(failure) = response.extensions_mut().remove::<Failure>() {
        response = failure.page(&visitor);
    }
    let has_cookie = response.headers().contains_key(header::SET_COOKIE);
    if is_new && visitor.asked.load(Ordering::Relaxed) && !has_cookie {
        response
            .headers_mut()
            .append(header::SET_COOKIE, session_cookie(&app, &visitor.token));
    }
    response
}

async fn visitor(app: &App, parts: &Parts) -> Result<(Visitor, bool), Failure> {
    let headers = &parts.headers;
    let given = cookie(headers, app.cookie_name(SESSION)).and_then(Token::parse);
    let session = match &given {
        Some(token) => {
            let (hash, now) = (token.hash(), app.now());
            app.ask(move |accounts| accounts.session(hash, now)).await?
        }
        None => None,
    };
    let is_new = given.is_none();
    let token = match given {
        Some(token) => token,
        None => Token::generate().map_err(|error| Failure::internal(&error))?,
    };
    let chosen = cookie(headers, app.cookie_name(LANGUAGE)).and_then(Language::from_code);
    let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
    let visitor = Visitor {
        language: chosen.unwrap_or_default(),
        path: path.into(),
        csrf: app.key.csrf(&token).into(),
        token: Arc::new(token),
        asked: Arc::default(),
        session: session.map(Arc::new),
        client: client(app, parts).into(),
    };
    Ok((visitor, is_new))
}

/// Whether a request may reach a page at all: not too long, and when it changes something, from one of our own pages.
fn admissible(app: &App, parts: &Parts) -> Result<(), Failure> {
    let headers = &parts.headers;
    let length = text(headers, header::CONTENT_LENGTH.as_str()).and_then(|length| length.parse::<u64>().ok());
    if length.is_some_and(|length| length > MOST_OCTETS as u64) {
        return Err(Failure::TooLarge);
    }
    if parts.method.is_safe() {
        return Ok(());
    }
    if let Some(site) = text(headers, "sec-fetch-site")
        && !matches!(site, "same-origin" | "none")
    {
        return Err(Failure::Forged);
    }
    if let Some(origin) = headers.get(header::ORIGIN) {
        let origin = origin.to_str().unwrap_or_default();
        let host = text(headers, header::HOST.as_str());
        let own = host.is_some_and(|host| origin.split_once("://").is_some_and(|(_, rest)| rest == host));
        if origin != app.settings.public && !own {
            return Err(Failure::Forged);
        }
    }
    Ok(())
}

/// The client's address: the connection's, or what our own proxy says of it.
fn client(app: &App, parts: &Parts) -> String {
    let peer = parts.extensions.get::<Peer>().map(|peer| peer.0);
    let forwarded = app
        .settings
        .behind_proxy
        .then(|| text(&parts.headers, "x-forwarded-for"))
        .flatten()
        // The last one is our proxy's; those before are whatever the client wrote.
        .and_then(|list| list.rsplit(',').next())
        .and_then(|address| address.trim().parse().ok());
    match forwarded.or(peer) {
        Some(IpAddr::V4(address)) => address.to_string(),
        Some(IpAddr::V6(address)) => {
            // A household has a whole /64 of its own.
            let [a, b, c, d, ..] = address.segments();
            format!("{a:x}:{b:x}:{c:x}:{d:x}")
        }
        None => "unknown".to_owned(),
    }
}

fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|cookies| cookies.to_str().ok())
        .flat_map(|cookies| cookies.split(';'))
        .filter_map(|cookie| cookie.trim().split_once('='))
        .find(|(key, _)| *key == name)
        .map(|(_, value)| value)
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// The cookie of a session that has just begun.
pub(crate) fn log_in_cookie(app: &App, token: &Token) -> HeaderValue {
    session_cookie(app, token)
}

/// Takes the session's cookie away.
pub(crate) fn log_out_cookie(app: &App) -> HeaderValue {
    value(&format!(
        "{}=; {}; Max-Age=0",
        app.cookie_name(SESSION),
        attributes(app)
    ))
}

/// The cookie of a chosen language: a year.
pub(crate) fn language_cookie(app: &App, language: Language) -> HeaderValue {
    value(&format!(
        "{}={language}; {}; Max-Age=31536000",
        app.cookie_name(LANGUAGE),
        attributes(app)
    ))
}

/// Gone with the browser's own session; the server's limits hold besides.
fn session_cookie(app: &App, token: &Token) -> HeaderValue {
    let mut cookie = value(&format!(
        "{}={}; {}",
        app.cookie_name(SESSION),
        *token.reveal(),
        attributes(app)
    ));
    cookie.set_sensitive(true);
    cookie
}

/// `Lax` and not `Strict`: whoever follows a link in a mail stays logged in. Forms are guarded besides.
fn attributes(app: &App) -> &'static str {
    if app.is_secure() {
        "Path=/; HttpOnly; SameSite=Lax; Secure"
    } else {
        "Path=/; HttpOnly; SameSite=Lax"
    }
}

fn value(cookie: &str) -> HeaderValue {
    // Our own words, digits and base64: always a header's value.
    HeaderValue::from_str(cookie).unwrap_or_else(|_| HeaderValue::from_static(""))
}

impl App {
    /// Whether residents come over TLS.
    pub(crate) fn is_secure(&self) -> bool {
        self.settings.public.starts_with("https://")
    }

    /// Over TLS with the prefix that keeps other sites of the domain from setting it.
    fn cookie_name(&self, names: [&'static str; 2]) -> &'static str {
        let [plain, secure] = names;
        if self.is_secure() { secure } else { plain }
    }
}

/// The session's cookie, in clear and over TLS.
const SESSION: [&str; 2] = ["session", "__Host-session"];

/// The chosen language's.
const LANGUAGE: [&str; 2] = ["language", "__Host-language"];

/// A page that takes longer is given up; longer than two answers of the service.
const PATIENCE: Duration = Duration::from_secs(65);
