//! What clients may send: JSON of a known shape, small, each mistake named by its place.

use axum::body::to_bytes;
use axum::extract::{FromRequest, Request};
use axum::http::header;
use serde::de::DeserializeOwned;

use super::problem::Problem;

/// The body of a request, as its struct (which has `deny_unknown_fields`).
#[derive(Debug)]
pub(super) struct Sent<T>(pub(super) T);

/// Larger than anything that is asked for.
const LARGEST: usize = 16 * 1024;

impl<T: DeserializeOwned, S: Sync> FromRequest<S> for Sent<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let kind = request.headers().get(header::CONTENT_TYPE);
        let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        let kind = kind.split(';').next().unwrap_or_default().trim();
        if !kind.eq_ignore_ascii_case("application/json") {
            return Err(Problem::UnsupportedBody);
        }
        let body = to_bytes(request.into_body(), LARGEST)
            .await
            .map_err(|_| Problem::BodyTooLarge("16 kB"))?;
        let mut json = serde_json::Deserializer::from_slice(&body);
        let value = serde_path_to_error::deserialize(&mut json).map_err(|error| {
            let at = error.path().to_string();
            Problem::invalid_body(&at, &error.into_inner().to_string())
        })?;
        json.end()
            .map_err(|_| Problem::invalid_body(".", "something stands behind the JSON value"))?;
        Ok(Self(value))
    }
}
