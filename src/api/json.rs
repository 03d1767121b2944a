//! Answers as JSON: exact numbers, instants, and the tag that tells a client it has this answer already.

use std::ops::Deref;
use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::{HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::{Serialize, Serializer};
use sha2::{Digest, Sha256};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema, SchemaType, Type};
use utoipa::{PartialSchema, ToSchema};
use wmbus::Decimal;

pub(super) use crate::json::Number;

use super::problem::{self, Problem};

/// An answer's body.
#[derive(Debug)]
pub(super) struct Json<T>(pub(super) T);

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        match serde_json::to_vec(&self.0) {
            Ok(body) => {
                let mut response = Body::from(body).into_response();
                let json = HeaderValue::from_static("application/json");
                response.headers_mut().insert(header::CONTENT_TYPE, json);
                response
            }
            Err(error) => {
                tracing::error!(event = "api.unwritten", error = %error, "an answer could not be written as JSON");
                Problem::Internal.into_response()
            }
        }
    }
}

/// Something that was made: where it is, and what it is.
#[derive(Debug)]
pub(super) struct Created<T> {
    /// Its address.
    pub(super) location: String,
    /// The answer's body.
    pub(super) body: T,
}

impl<T: Serialize> IntoResponse for Created<T> {
    fn into_response(self) -> Response {
        let mut response = Json(self.body).into_response();
        if let Ok(location) = HeaderValue::from_str(&self.location) {
            problem::created(&mut response, location);
        }
        response
    }
}

/// A number without trailing zeros.
pub(super) fn exact(value: Decimal) -> Number {
    Number(value.normalised())
}

/// A number rounded half up to two decimals, as residents are shown; `None` when it does not fit.
pub(super) fn shown(value: Decimal) -> Option<Number> {
    if let Some(mantissa) = value.rescale(-2) {
        return Some(Number(Decimal::new(mantissa, -2)));
    }
    let places = u32::try_from(-2 - i32::from(value.exponent)).ok()?;
    let mantissa = match 10_i128.checked_pow(places).and_then(|step| step.checked_mul(2)) {
        Some(twice) => (i128::from(value.mantissa) * 2 + twice / 2).div_euclid(twice),
        // So many places that nothing is left of it.
        None => 0,
    };
    Some(Number(Decimal::new(i64::try_from(mantissa).ok()?, -2)))
}

impl PartialSchema for Number {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(SchemaType::Type(Type::Number))
            .description(Some(
                "An exact decimal number. Read it with a decimal type, not with binary floats, where digits matter.",
            ))
            .into()
    }
}

impl ToSchema for Number {
    fn name() -> std::borrow::Cow<'static, str> {
        "Number".into()
    }
}

/// A text that stands in an answer many times.
#[derive(Clone, Debug)]
pub(super) struct Text(Arc<str>);

impl From<String> for Text {
    fn from(text: String) -> Self {
        Self(text.into())
    }
}

impl Deref for Text {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl Serialize for Text {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self)
    }
}

/// An instant with the offset of a zone: `2026-03-29T00:00:00+01:00`.
pub(super) fn local(instant: Timestamp, zone: &TimeZone) -> String {
    let offset = zone.to_offset(instant);
    instant.display_with_offset(offset).to_string()
}

/// Gives each answer a weak `ETag` of its octets; answers `304` without a body to a client that has it already.
pub(super) async fn tag(request: Request, next: Next) -> Response {
    let known = request.headers().get(header::IF_NONE_MATCH).cloned();
    let get = request.method() == Method::GET;
    let response = next.run(request).await;
    if !get || !problem::is_answer(&response) {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let (tag, body) = match parts.extensions.remove::<Tag>() {
        Some(tag) => (tag, body),
        None => {
            // Our own answers are in memory already.
            let Ok(octets) = to_bytes(body, usize::MAX).await else {
                return Problem::Internal.into_response();
            };
            (Tag::of(&octets), Body::from(octets))
        }
    };
    let has_it = known.is_some_and(|known| {
        let pair = known.to_str().ok().zip(tag.0.to_str().ok());
        pair.is_some_and(|(known, tag)| matches(known, tag))
    });
    parts.headers.insert(header::ETAG, tag.0);
    parts.headers.insert(
        header::CACHE_CONTROL,
        HeaderValue::from_static("private, no-cache"),
    );
    if has_it {
        let mut response = problem::not_modified();
        parts.headers.remove(header::CONTENT_TYPE);
        parts.headers.remove(header::CONTENT_LENGTH);
        *response.headers_mut() = parts.headers;
        return response;
    }
    Response::from_parts(parts, body)
}

/// The tag of a body; among an answer's extensions where it is known already.
#[derive(Clone, Debug)]
pub(super) struct Tag(HeaderValue);

impl Tag {
    pub(super) fn of(octets: &[u8]) -> Self {
        let mut tag = String::with_capacity(36);
        tag.push_str("W/\"");
        for octet in Sha256::digest(octets).iter().take(16) {
            for digit in [octet >> 4, octet & 0xF] {
                tag.extend(char::from_digit(u32::from(digit), 16));
            }
        }
        tag.push('"');
        // Digits are always a value; without them nothing would agree with it.
        Self(HeaderValue::from_str(&tag).unwrap_or(HeaderValue::from_static("W/\"\"")))
    }
}

/// Weak comparison, as `If-None-Match` asks for.
fn matches(known: &str, tag: &str) -> bool {
    let opaque = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
    known.trim() == "*" || known.split(',').any(|known| opaque(known) == opaque(tag))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(number: impl Serialize) -> String {
        serde_json::to_string(&number).unwrap()
    }

    #[test]
    fn numbers_keep_their_digits() {
        assert_eq!(text(Number(Decimal::new(123_529, -3))), "123.529");
        assert_eq!(text(exact(Decimal::new(2_850_000, -6))), "2.85");
        assert_eq!(text(exact(Decimal::new(i64::MAX, -3))), "9223372036854775.807");
        assert_eq!(text(exact(Decimal::new(0, -6))), "0");
        assert_eq!(text(exact(Decimal::new(-5, 2))), "-500");
    }

    #[test]
    fn shown_numbers_are_rounded_half_up() {
        for (value, wanted) in [
            (Decimal::new(2_845_000, -6), "2.85"),
            (Decimal::new(2_844_999, -6), "2.84"),
            (Decimal::new(-2_845_000, -6), "-2.84"),
            (Decimal::new(1_082_631, -3), "1082.63"),
            (Decimal::new(7, 0), "7.00"),
            (Decimal::new(0, -6), "0.00"),
            (Decimal::new(1, -60), "0.00"),
            (Decimal::new(i64::MAX, -3), "9223372036854775.81"),
        ] {
            assert_eq!(text(shown(value)), wanted, "{value}");
        }
        assert_eq!(shown(Decimal::new(i64::MAX, 0)), None);
    }

    #[test]
    fn instants_carry_the_offset_of_their_site() {
        let paris = TimeZone::get("Europe/Paris").unwrap();
        let winter = "2025-12-31T23:00:00Z".parse().unwrap();
        assert_eq!(local(winter, &paris), "2026-01-01T00:00:00+01:00");
        let summer = "2026-06-30T22:00:00Z".parse().unwrap();
        assert_eq!(local(summer, &paris), "2026-07-01T00:00:00+02:00");
    }

    #[test]
    fn known_tags_match_weakly() {
        assert!(matches("\"a\", W/\"b\"", "W/\"b\""));
        assert!(matches("\"b\"", "W/\"b\""));
        assert!(matches("*", "W/\"b\""));
        assert!(!matches("W/\"a\"", "W/\"b\""));
    }
}
