//! Login with an operator's token, and logout: the only two forms.
//!
//! The login form sends back what its page put into a cookie, which no other site can read or set; a logout sends back
//! what the session's pages hold. Attempts that fail are counted by the same rules as guesses for a dwelling.

use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};
use serde::Deserialize;
use subtle::ConstantTimeEq;

use super::super::attempts::Guest;
use super::super::auth::{self, Scope};
use super::super::problem::Problem;
use super::super::query::Asked;
use super::layout::{self, Look};
use super::session::{self, Ticket, cookie};
use super::{HOME, LOGIN, trouble};
use crate::api::Context;

/// Where to go afterwards.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LoginQuery {
    to: Option<String>,
    #[serde(rename = "lang")]
    _lang: Option<String>,
}

/// What the login form sends.
#[derive(Deserialize)]
struct LoginForm {
    token: String,
    form: String,
    to: Option<String>,
}

/// What the logout form sends.
#[derive(Deserialize)]
struct LogoutForm {
    form: String,
}

/// Ask for a token.
pub(super) async fn show(
    look: Look,
    headers: HeaderMap,
    asked: Asked<LoginQuery>,
) -> Result<Response, Problem> {
    form(&look, &headers, asked.0.to.as_deref(), None)
}

/// Take a token, give a session.
pub(super) async fn enter(
    State(context): State<Context>,
    look: Look,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Problem> {
    let body = body.map_err(too_large)?;
    let sent: LoginForm = match serde_urlencoded::from_bytes(&body) {
        Ok(sent) => sent,
        Err(_) => return form(&look, &headers, None, Some(Problem::StaleForm)),
    };
    let to = sent.to.as_deref();
    let browser = cookie(&headers, FORM_COOKIE).and_then(Ticket::sent);
    let same = browser
        .as_ref()
        .is_some_and(|browser| bool::from(browser.reveal().as_bytes().ct_eq(sent.form.as_bytes())));
    if !same || from_elsewhere(&headers) {
        return form(&look, &headers, to, Some(Problem::StaleForm));
    }
    let guest = Guest::at_login(browser.as_ref().map(Ticket::reveal));
    let now = context.now();
    if let Err(problem) = context.attempts.admit(&guest, now) {
        return form(&look, &headers, to, Some(problem));
    }
    let token = auth::hash(sent.token.trim());
    let problem = match auth::known(&context, token, &[Scope::Operator]).await {
        Ok(caller) => {
            let ticket = context.desk().sessions.begin(token, now)?;
            tracing::info!(event = "caretaker.login", token = %caller.name, "a caretaker's session began");
            let mut response = Redirect::to(own_page(to)).into_response();
            put(&mut response, &headers, session::COOKIE, Some(ticket.reveal()));
            put(&mut response, &headers, FORM_COOKIE, None);
            return Ok(response);
        }
        Err(problem @ (Problem::Unauthenticated { .. } | Problem::Forbidden { .. })) => {
            context.attempts.failed(&guest, now);
            problem
        }
        Err(problem) => problem,
    };
    form(&look, &headers, to, Some(problem))
}

/// End the session.
pub(super) async fn leave(
    State(context): State<Context>,
    look: Look,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Problem> {
    let body = body.map_err(too_large)?;
    let expected = look.visitor.as_ref().and_then(|visitor| visitor.form.as_deref());
    let sent: Option<LogoutForm> = serde_urlencoded::from_bytes(&body).ok();
    let good = expected
        .zip(sent.as_ref())
        .is_some_and(|(expected, sent)| bool::from(expected.as_bytes().ct_eq(sent.form.as_bytes())));
    if !good || from_elsewhere(&headers) {
        return Err(Problem::StaleForm);
    }
    if let Some(ticket) = session::ticket(&headers) {
        context.desk().sessions.end(&ticket);
    }
    let mut response = Redirect::to(LOGIN).into_response();
    put(&mut response, &headers, session::COOKIE, None);
    Ok(response)
}

fn too_large(_: BytesRejection) -> Problem {
    Problem::BodyTooLarge("4 kB")
}

/// The login page, with what was wrong the last time.
fn form(
    look: &Look,
    headers: &HeaderMap,
    to: Option<&str>,
    wrong: Option<Problem>,
) -> Result<Response, Problem> {
    let ticket = match cookie(headers, FORM_COOKIE).and_then(Ticket::sent) {
        Some(ticket) => ticket,
        None => Ticket::new()?,
    };
    let page = page(look, ticket.reveal(), own_page(to), wrong.as_ref());
    let mut response = match wrong {
        Some(problem) => trouble::in_its_place(problem, page),
        None => layout::answer(page),
    };
    put(&mut response, headers, FORM_COOKIE, Some(ticket.reveal()));
    Ok(response)
}

fn page(look: &Look, ticket: &str, to: &str, wrong: Option<&Problem>) -> Markup {
    let l = look.language;
    let body = html! {
        h1 { (l.of("Connexion", "Log in")) }
        @if let Some(problem) = wrong {
            p #wrong .notice.bad role="alert" { (sentence(look, problem)) }
        }
        form .card.login method="post" action=(LOGIN) {
            label for="token" { (l.of("Jeton d’exploitant", "Operator’s token")) }
            p #hint .quiet {
                (l.of(
                    "Il commence en général par « releve_ ». Sur la passerelle, on en crée un avec :",
                    "It mostly begins with “releve_”. On the gateway, this makes one:",
                ))
                br;
                code { "releve token add NAME --scope operator" }
            }
            input #token type="password" name="token" required maxlength="256" autocomplete="current-password"
                autocapitalize="off" spellcheck="false" aria-describedby=(if wrong.is_some() { "wrong hint" } else { "hint" })
                aria-invalid=[wrong.map(|_| "true")] autofocus;
            input type="hidden" name="form" value=(ticket);
            input type="hidden" name="to" value=(to);
            button type="submit" { (l.of("Se connecter", "Log in")) }
        }
    };
    layout::page(look, None, l.of("Connexion", "Log in"), body)
}

/// What was wrong, and what to do.
fn sentence(look: &Look, problem: &Problem) -> String {
    let l = look.language;
    match problem {
        Problem::Unauthenticated { .. } => l
            .of(
                "Ce jeton n’est pas connu ici. Copiez-le en entier ; il a peut-être été supprimé, ou appartient à une autre \
                 passerelle.",
                "This token is not known here. Copy all of it; it may have been removed, or belong to another gateway.",
            )
            .to_owned(),
        Problem::Forbidden { has, .. } => {
            let has = has.name();
            match l {
                super::Language::French => format!(
                    "Ce jeton est de portée « {has} » : ces pages demandent un jeton d’exploitant (operator)."
                ),
                super::Language::English => {
                    format!("The scope of this token is “{has}”: these pages need an operator’s token.")
                }
            }
        }
        Problem::TooManyAttempts { seconds } => {
            let minutes = seconds.div_ceil(60);
            match l {
                super::Language::French => format!("Trop d’essais. Réessayez dans {minutes} min."),
                super::Language::English => format!("Too many attempts. Try again in {minutes} min."),
            }
        }
        Problem::StaleForm => l
            .of(
                "La page était ouverte depuis trop longtemps, ou le navigateur refuse les cookies. Veuillez réessayer.",
                "The page had been open for too long, or the browser refuses cookies. Please try once more.",
            )
            .to_owned(),
        _ => l
            .of(
                "Le service n’a pas pu répondre. Réessayez dans un instant.",
                "The service could not answer. Try again in a moment.",
            )
            .to_owned(),
    }
}

/// A page of ours to go to, whatever is asked for.
fn own_page(to: Option<&str>) -> &str {
    to.filter(|to| {
        let ours = to
            .strip_prefix(HOME)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '?']));
        let plain = to.bytes().all(|octet| octet.is_ascii_graphic() && octet != b'\\');
        ours && plain && to.len() <= 500 && !to.contains("//") && !to.starts_with(LOGIN)
    })
    .unwrap_or(HOME)
}

/// Whether the browser says that another site sent this.
fn from_elsewhere(headers: &HeaderMap) -> bool {
    headers
        .get("sec-fetch-site")
        .is_some_and(|site| !matches!(site.as_bytes(), b"same-origin" | b"none"))
}

/// Sets a cookie for our pages; without a value it is taken away.
fn put(response: &mut Response, headers: &HeaderMap, name: &str, value: Option<&str>) {
    // A browser keeps such a cookie only where the proxy in front of us has a certificate.
    let secure = headers
        .get("x-forwarded-proto")
        .is_some_and(|scheme| scheme.as_bytes().eq_ignore_ascii_case(b"https"));
    let text = format!(
        "{name}={}; Path={HOME}; HttpOnly; SameSite=Strict{}{}",
        value.unwrap_or_default(),
        if value.is_none() { "; Max-Age=0" } else { "" },
        if secure { "; Secure" } else { "" },
    );
    if let Ok(value) = HeaderValue::from_str(&text) {
        response.headers_mut().append(header::SET_COOKIE, value);
    }
}

/// The cookie that the login form sends back.
const FORM_COOKIE: &str = "releve_form";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_led_to_our_own_pages_only() {
        for good in ["/caretaker", "/caretaker/meters?q=a%20b", "/caretaker?lang=fr"] {
            assert_eq!(own_page(Some(good)), good);
        }
        for bad in [
            "https://example.org",
            "//example.org",
            "/caretakers",
            "/caretaker/..//example.org",
            "/caretaker/\\example.org",
            "/caretaker/\r\nSet-Cookie: a=b",
            "/caretaker/login?to=x",
            "/v1/meters",
            "",
        ] {
            assert_eq!(own_page(Some(bad)), HOME, "{bad:?}");
        }
    }
}
