//! What goes wrong with a request, as RFC 9457 problem details. The only file that knows status codes.
//!
//! `type` is stable and for machines, `title` is the same for all of a type, `detail` says what to do next. What
//! clients may not know (paths, engine messages) goes to the log.

use std::collections::BTreeMap;

use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::openapi::{Content, Ref, RefOr, ResponseBuilder, response::Response as Described};
use utoipa::{IntoResponses, ToSchema};

use crate::logging::Often;
use crate::store::StoreError;

use super::auth::Scope;
use super::registry::Refused;

/// Why a request was not answered as asked.
#[derive(Debug)]
pub(super) enum Problem {
    /// No token, or one that is not known.
    Unauthenticated { given: bool },
    /// A token of another scope.
    Forbidden { has: Scope, needs: &'static [Scope] },
    /// A query parameter that the route does not have.
    UnknownParameter {
        name: String,
        nearest: Option<String>,
        known: Vec<String>,
    },
    /// A parameter, of the path or the query, that can't be understood.
    InvalidParameter { name: String, detail: String },
    /// None of the forms that the client accepts is one of ours.
    NotAcceptable,
    /// A body that is not JSON by its own account.
    UnsupportedBody,
    /// A body that is none of the forms of a list.
    UnsupportedList,
    /// A body larger than any that is asked for: how large one may be.
    BodyTooLarge(&'static str),
    /// A list of which some entries are wrong.
    ListRefused(Vec<Refused>),
    /// A body of the wrong shape, or a value in it that can't be.
    InvalidBody { field: String, detail: String },
    /// A landlord who does not live in the dwelling.
    NotResident,
    /// A move-in date that can't be: after today, or before the latest occupancy began.
    MoveInOutside,
    /// The key of a request was used for another one.
    KeyReused,
    /// Days that an occupancy may not see.
    OutsideOccupancy,
    /// Hours of a household that did not agree to be shown by the hour.
    NoConsent,
    /// What can't be erased, and why.
    NotErased { detail: String },
    /// Nothing has this name.
    NotFound { detail: String },
    /// More than one meter has this number.
    Ambiguous { detail: String, candidates: Vec<String> },
    /// A serial that may mean meters of so many dwellings.
    AmbiguousDwelling(usize),
    /// No such route.
    NoSuchRoute { path: String, nearest: Option<String> },
    /// The route does not do that.
    MethodNotAllowed,
    /// A form that was not one of this session's pages, or of a session that is over.
    StaleForm,
    /// Too many guesses that led nowhere; some of them are forgotten after so many seconds.
    TooManyAttempts { seconds: u64 },
    /// Too many requests at once, or the store is busy: later.
    Busy,
    /// The store refuses what is heard, since when and why.
    NotStoring {
        since: jiff::Timestamp,
        reason: &'static str,
    },
    /// It took too long.
    TimedOut,
    /// Ours; the log says which.
    Internal,
}

/// The body of an answer that is no answer (RFC 9457).
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Problem)]
pub(super) struct ProblemDetails {
    /// Which problem, stable: `urn:releve:problem:` and a name.
    #[serde(rename = "type")]
    #[schema(example = "urn:releve:problem:unknown-parameter")]
    kind: String,
    /// The problem in a few words, the same for all of this type.
    title: &'static str,
    /// The HTTP status.
    status: u16,
    /// What was wrong this time, and what to write instead.
    detail: String,
    /// The parameter it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    parameter: Option<String>,
    /// The valid name nearest to the one that is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    nearest: Option<String>,
    /// What an ambiguous number may mean.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    candidates: Vec<String>,
    /// How many dwellings an ambiguous serial may mean.
    #[serde(skip_serializing_if = "Option::is_none")]
    count: Option<usize>,
    /// What is wrong with a list, entry by entry.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    faults: Vec<Refused>,
}

impl Problem {
    /// A parameter that can't be understood.
    pub(super) fn invalid(name: &str, detail: impl Into<String>) -> Self {
        Self::InvalidParameter {
            name: name.to_owned(),
            detail: detail.into(),
        }
    }

    /// Something in a body that can't be understood: where, as `points[0].room`.
    pub(super) fn invalid_body(field: &str, detail: &str) -> Self {
        Self::InvalidBody {
            field: field.to_owned(),
            detail: detail.to_owned(),
        }
    }

    /// Nothing of that name.
    pub(super) fn not_found(detail: impl Into<String>) -> Self {
        Self::NotFound {
            detail: detail.into(),
        }
    }

    /// What is wrong, in a sentence.
    pub(super) fn sentence(self) -> String {
        let details = self.details();
        format!("{}: {}", details.title, details.detail)
    }

    /// Name, status and title of each.
    fn head(&self) -> (&'static str, StatusCode, &'static str) {
        match self {
            Self::Unauthenticated { .. } => (
                "unauthenticated",
                StatusCode::UNAUTHORIZED,
                "A valid token is needed",
            ),
            Self::Forbidden { .. } => ("forbidden", StatusCode::FORBIDDEN, "This token may not do that"),
            Self::UnknownParameter { .. } => (
                "unknown-parameter",
                StatusCode::BAD_REQUEST,
                "A query parameter is not known",
            ),
            Self::InvalidParameter { .. } => (
                "invalid-parameter",
                StatusCode::BAD_REQUEST,
                "A parameter can't be understood",
            ),
            Self::NotAcceptable => (
                "not-acceptable",
                StatusCode::NOT_ACCEPTABLE,
                "The answer has no such form",
            ),
            Self::UnsupportedBody | Self::UnsupportedList => (
                "unsupported-body",
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "The body has another form",
            ),
            Self::BodyTooLarge(_) => (
                "body-too-large",
                StatusCode::PAYLOAD_TOO_LARGE,
                "The body is too large",
            ),
            Self::ListRefused(_) => (
                "list-refused",
                StatusCode::UNPROCESSABLE_ENTITY,
                "Some entries of the list are wrong",
            ),
            Self::InvalidBody { .. } => (
                "invalid-body",
                StatusCode::UNPROCESSABLE_ENTITY,
                "The body can't be understood",
            ),
            Self::NotResident => (
                "not-resident",
                StatusCode::FORBIDDEN,
                "Only those who live in a dwelling may see its figures",
            ),
            Self::MoveInOutside => (
                "move-in-outside",
                StatusCode::UNPROCESSABLE_ENTITY,
                "This move-in date can't be chosen",
            ),
            Self::KeyReused => (
                "idempotency-key-reused",
                StatusCode::UNPROCESSABLE_ENTITY,
                "This key was used for another request",
            ),
            Self::OutsideOccupancy => (
                "outside-occupancy",
                StatusCode::UNPROCESSABLE_ENTITY,
                "These days are not those of the occupancy",
            ),
            Self::NoConsent => (
                "no-consent",
                StatusCode::FORBIDDEN,
                "The household did not agree to hourly figures",
            ),
            Self::NotErased { .. } => ("not-erased", StatusCode::CONFLICT, "This can't be erased"),
            Self::NotFound { .. } => ("not-found", StatusCode::NOT_FOUND, "Nothing has this name"),
            Self::Ambiguous { .. } | Self::AmbiguousDwelling(_) => (
                "ambiguous-serial",
                StatusCode::CONFLICT,
                "Several meters have this number",
            ),
            Self::NoSuchRoute { .. } => ("no-such-route", StatusCode::NOT_FOUND, "There is no such route"),
            Self::MethodNotAllowed => (
                "method-not-allowed",
                StatusCode::METHOD_NOT_ALLOWED,
                "The route does not do that",
            ),
            Self::StaleForm => ("stale-form", StatusCode::FORBIDDEN, "This form is no longer good"),
            Self::TooManyAttempts { .. } => (
                "too-many-attempts",
                StatusCode::TOO_MANY_REQUESTS,
                "Too many attempts that led nowhere",
            ),
            Self::Busy => ("busy", StatusCode::SERVICE_UNAVAILABLE, "Busy: try again shortly"),
            Self::NotStoring { .. } => (
                "not-storing",
                StatusCode::SERVICE_UNAVAILABLE,
                "Nothing that is heard is stored",
            ),
            Self::TimedOut => (
                "timed-out",
                StatusCode::SERVICE_UNAVAILABLE,
                "The answer took too long",
            ),
            Self::Internal => (
                "internal",
                StatusCode::INTERNAL_SERVER_ERROR,
                "The service failed",
            ),
        }
    }

    fn details(self) -> ProblemDetails {
        let (name, status, title) = self.head();
        let mut details = ProblemDetails {
            kind: format!("urn:releve:problem:{name}"),
            title,
            status: status.as_u16(),
            detail: String::new(),
            parameter: None,
            nearest: None,
            candidates: Vec::new(),
            count: None,
            faults: Vec::new(),
        };
        details.detail = match self {
            Self::Unauthenticated { given: false } => {
                "send `Authorization: Bearer TOKEN`; `releve token add` makes one".to_owned()
            }
            Self::Unauthenticated { given: true } => {
                "the token is not known here: it was removed, or belongs to another gateway".to_owned()
            }
            Self::Forbidden { has, needs } => format!(
                "the scope of this token is {}, and the route needs {}",
                has.name(),
                needs
                    .iter()
                    .map(|scope| scope.name())
                    .collect::<Vec<_>>()
                    .join(" or ")
            ),
            Self::UnknownParameter { name, nearest, known } => {
                let detail = match (&nearest, known.as_slice()) {
                    (Some(nearest), _) => {
                        format!("{name:?} is not a parameter of this route: did you mean {nearest:?}?")
                    }
                    (None, []) => format!("{name:?} is not a parameter of this route: it has none"),
                    (None, known) => format!(
                        "{name:?} is not a parameter of this route: it has {}",
                        known.join(", ")
                    ),
                };
                details.parameter = Some(name);
                details.nearest = nearest;
                detail
            }
            Self::InvalidParameter { name, detail } => {
                let detail = format!("{name}: {detail}");
                details.parameter = Some(name);
                detail
            }
            Self::NotAcceptable => "accept application/json, text/csv or application/x-ndjson".to_owned(),
            Self::UnsupportedBody => "send `Content-Type: application/json`".to_owned(),
            Self::UnsupportedList => {
                "send `Content-Type: application/json`, `text/csv` or `application/toml`".to_owned()
            }
            Self::BodyTooLarge(most) => format!("send at most {most}"),
            Self::ListRefused(faults) => {
                let detail = format!(
                    "nothing was done: correct the {} named in `faults`, or send `keep_going=true`",
                    if faults.len() == 1 { "entry" } else { "entries" }
                );
                details.faults = faults;
                detail
            }
            Self::InvalidBody { field, detail } => {
                let detail = format!("{field}: {detail}");
                details.parameter = Some(field);
                detail
            }
            Self::NotResident => {
                "an owner who does not live there has no account of it: the tenant has".to_owned()
            }
            Self::MoveInOutside => {
                "choose a day between the day on which the household before moved in and today".to_owned()
            }
            Self::KeyReused => {
                details.parameter = Some("Idempotency-Key".to_owned());
                "choose a new Idempotency-Key for each request, and send it again with the same body only"
                    .to_owned()
            }
            Self::OutsideOccupancy => {
                "ask for days from the move-in on, until today or the last day".to_owned()
            }
            Self::NoConsent => {
                "ask for days, or set `keeps_hourly` of the occupancy when the household agrees".to_owned()
            }
            Self::NotErased { detail } | Self::NotFound { detail } => detail,
            Self::Ambiguous { detail, candidates } => {
                details.candidates = candidates;
                detail
            }
            Self::AmbiguousDwelling(count) => {
                details.count = Some(count);
                format!(
                    "it may mean meters of {count} dwellings: type all of the number, or that of another meter"
                )
            }
            Self::NoSuchRoute { path, nearest } => {
                let detail = match &nearest {
                    Some(nearest) => format!("{path}: did you mean {nearest}?"),
                    None => format!("{path}: /openapi.json lists all there are"),
                };
                details.nearest = nearest;
                detail
            }
            Self::MethodNotAllowed => "`Allow` lists what the route does".to_owned(),
            Self::StaleForm => "open the page anew and send it once more".to_owned(),
            Self::TooManyAttempts { seconds } => format!("try again in {seconds} seconds"),
            Self::Busy => "the store has more to do than it can at once".to_owned(),
            Self::NotStoring { since, reason } => {
                format!(
                    "since {since}: {reason}; it waits in memory and is tried again: `releve check` says what to do"
                )
            }
            Self::TimedOut => "ask for less: a shorter range, a smaller page".to_owned(),
            Self::Internal => "the log of the service says why".to_owned(),
        };
        details
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        if let StoreError::Busy(_) = error {
            return Self::Busy;
        }
        // Clients ask as often as they like; a store that fails must not fill the log as well.
        if let Some(times) = UNANSWERED.again() {
            tracing::error!(event = "api.store", %error, times, "the store did not answer a request");
        }
        Self::Internal
    }
}

/// Requests that the store did not answer.
static UNANSWERED: Often = Often::new();

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let (_, status, _) = self.head();
        let challenge = match &self {
            Self::Unauthenticated { given: false } => Some(r#"Bearer realm="releve""#),
            Self::Unauthenticated { given: true } => Some(r#"Bearer realm="releve", error="invalid_token""#),
            Self::Forbidden { .. } => Some(r#"Bearer realm="releve", error="insufficient_scope""#),
            _ => None,
        };
        let retry = match &self {
            Self::Busy => Some(HeaderValue::from(1_u16)),
            Self::TooManyAttempts { seconds } => Some(HeaderValue::from(*seconds)),
            _ => None,
        };
        let body = serde_json::to_vec(&self.details()).unwrap_or_default();
        let mut response = (status, Body::from(body)).into_response();
        let mut set = |name: HeaderName, value: Option<&'static str>| {
            if let Some(value) = value {
                response
                    .headers_mut()
                    .insert(name, HeaderValue::from_static(value));
            }
        };
        set(header::CONTENT_TYPE, Some("application/problem+json"));
        set(header::CACHE_CONTROL, Some("no-store"));
        set(header::WWW_AUTHENTICATE, challenge);
        if let Some(seconds) = retry {
            response.headers_mut().insert(header::RETRY_AFTER, seconds);
        }
        response
    }
}

impl IntoResponses for Problem {
    /// Every route may answer with one, so the contract says it once, as the default.
    fn responses() -> BTreeMap<String, RefOr<Described>> {
        let body = Content::new(Some(Ref::from_schema_name("Problem")));
        let response = ResponseBuilder::new()
            .description("What was wrong, as RFC 9457 problem details")
            .content("application/problem+json", body)
            .build();
        BTreeMap::from([("default".to_owned(), response.into())])
    }
}

/// The client has this already; the headers that tell it so are added by the caller.
pub(super) fn not_modified() -> Response {
    StatusCode::NOT_MODIFIED.into_response()
}

/// Says of an answer that something was made, and where it is.
pub(super) fn created(response: &mut Response, location: HeaderValue) {
    *response.status_mut() = StatusCode::CREATED;
    response.headers_mut().insert(header::LOCATION, location);
}

/// Whether an answer is one.
pub(super) fn is_answer(response: &Response) -> bool {
    response.status() == StatusCode::OK
}
