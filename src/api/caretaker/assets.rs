//! Style sheet, script and icon, from inside the program.

use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};

pub(super) async fn style() -> Response {
    asset(include_str!("assets/style.css"), "text/css; charset=utf-8")
}

pub(super) async fn script() -> Response {
    asset(include_str!("assets/script.js"), "text/javascript; charset=utf-8")
}

pub(super) async fn icon() -> Response {
    asset(include_str!("assets/icon.svg"), "image/svg+xml")
}

fn asset(text: &'static str, kind: &'static str) -> Response {
    let mut response = text.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    // A few kilobytes: asked for again after an hour, so that an update of the program shows.
    headers.insert(
        header::CACHE_CONTROL,
        HeaderValue::from_static("public, max-age=3600"),
    );
    response
}
