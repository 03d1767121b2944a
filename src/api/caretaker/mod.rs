//! The caretaker's pages: the building at a glance, for people, in a browser.
//!
//! Made on the server from the same answers as the JSON routes; they work without JavaScript, which only fetches the
//! same page again from time to time. Whoever may look has an operator's token and gives it once ([`login`]), for a
//! session ([`session`]). Nothing here changes what the service knows: the only two forms are those of login and logout.
//! No page is part of the contract (`/openapi.json`): they are for eyes and may change.

mod air;
mod alerts;
mod assets;
mod census;
mod chart;
mod language;
mod layout;
mod login;
mod meter;
mod meters;
mod overview;
mod radios;
mod session;
mod traced;
mod trouble;
mod words;

use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request};
use axum::http::{HeaderValue, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{any, get, post};

use super::Context;
use super::problem::Problem;

pub(super) use language::Language;

/// What the pages share.
#[derive(Debug, Default)]
pub(super) struct Desk {
    sessions: session::Sessions,
    census: census::Memory,
}

/// All pages, with their own way of saying that something went wrong.
pub(super) fn router(context: Context) -> Router {
    let guarded = Router::new()
        .route(HOME, get(overview::show))
        .route("/caretaker/alerts", get(alerts::show))
        .route("/caretaker/meters", get(meters::show))
        .route("/caretaker/meters/{id}", get(meter::show))
        .route("/caretaker/meters/{id}/evidence", get(traced::show))
        .route("/caretaker/air", get(air::show))
        .route("/caretaker/radios", get(radios::show))
        .route("/caretaker/logout", post(login::leave))
        .route_layer(middleware::from_fn_with_state(context.clone(), session::require));
    let open = Router::new()
        .route(LOGIN, get(login::show).post(login::enter))
        .route("/caretaker/style.css", get(assets::style))
        .route("/caretaker/script.js", get(assets::script))
        .route("/caretaker/icon.svg", get(assets::icon))
        .route("/caretaker/", get(|| async { Redirect::to(HOME) }))
        .route(
            "/caretaker/{*rest}",
            any(|request: Request| async move {
                Problem::NoSuchRoute {
                    path: request.uri().path().chars().take(100).collect(),
                    nearest: None,
                }
            }),
        );
    guarded
        .merge(open)
        .method_not_allowed_fallback(|| async { Problem::MethodNotAllowed })
        .layer(DefaultBodyLimit::max(LARGEST_FORM))
        .layer(middleware::from_fn(trouble::dress))
        .layer(middleware::from_fn(language::choose))
        .layer(middleware::from_fn(harden))
        .with_state(context)
}

/// What every answer says to the browser: nothing from elsewhere, nothing inline, nothing kept.
async fn harden(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "no-referrer"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers
        .entry(header::CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    response
}

/// To the first page.
pub(super) fn home() -> Response {
    Redirect::to(HOME).into_response()
}

impl Context {
    /// What the pages share.
    fn desk(&self) -> &Arc<Desk> {
        &self.desk
    }
}

/// The first page.
const HOME: &str = "/caretaker";

/// Where a token is asked for.
const LOGIN: &str = "/caretaker/login";

/// No form of ours is longer.
const LARGEST_FORM: usize = 4096;

/// Everything from here, nothing inline, in no frame.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; \
                      form-action 'self'; base-uri 'none'; frame-ancestors 'none'";
