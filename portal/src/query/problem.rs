//! What the service answers when it does not answer: RFC 9457 details with stable types; and when nothing comes at all.

use serde::Deserialize;

/// Why a question has no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// The service can't be reached, or the connection broke.
    #[error("the query service can't be reached: {0}")]
    Down(String),
    /// No answer within the time limit.
    #[error("the query service did not answer in time")]
    Slow,
    /// It answered that it can't or won't.
    #[error("the query service answered: {0}")]
    Problem(Problem),
    /// What came is not what the contract says: cut off, too long, another form.
    #[error("the answer of the query service can't be understood: {0}")]
    Garbled(String),
}

/// Why nobody's question would be answered now, in the resident's terms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unavailable {
    /// Broken, stopped, or not set up for this portal.
    Down,
    /// Up, but with too much to do.
    Slow,
}

impl Failure {
    /// Whether the service is out of reach, whatever is asked; `None` when it was this question that is refused.
    #[must_use]
    pub fn unavailable(&self) -> Option<Unavailable> {
        match self {
            Self::Down(_) | Self::Garbled(_) => Some(Unavailable::Down),
            Self::Slow => Some(Unavailable::Slow),
            Self::Problem(problem) => match problem.kind {
                Kind::Busy | Kind::TimedOut => Some(Unavailable::Slow),
                Kind::Unauthenticated
                | Kind::Forbidden
                | Kind::NoSuchRoute
                | Kind::MethodNotAllowed
                | Kind::UnknownParameter
                | Kind::NotStoring
                | Kind::Internal => Some(Unavailable::Down),
                _ => None,
            },
        }
    }

    /// The type of the problem, when it is one.
    #[must_use]
    pub fn kind(&self) -> Option<&Kind> {
        match self {
            Self::Problem(problem) => Some(&problem.kind),
            _ => None,
        }
    }
}

/// A problem as the service describes it. `detail` is written for whoever runs the portal: pages say it in their own words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Which.
    pub kind: Kind,
    /// The HTTP status.
    pub status: u16,
    /// What was wrong this time; may be empty.
    pub detail: String,
    /// The parameter or the field it is about.
    pub parameter: Option<String>,
    /// How many dwellings an ambiguous serial may mean.
    pub count: Option<u64>,
    /// Seconds after which to ask again.
    pub retry_after: Option<u64>,
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ({}): {}", self.kind.name(), self.status, self.detail)
    }
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)*) => {
        /// The type of a problem: the part behind `urn:releve:problem:`.
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub enum Kind {
            $($(#[$doc])* $name,)*
            /// One that a later release of the service has, or something between it and us.
            Other(String),
        }

        impl Kind {
            /// From the name behind `urn:releve:problem:`.
            #[must_use]
            pub fn from_name(name: &str) -> Self {
                match name {
                    $($text => Self::$name,)*
                    other => Self::Other(other.chars().take(80).collect()),
                }
            }

            /// The name behind `urn:releve:problem:`.
            #[must_use]
            pub fn name(&self) -> &str {
                match self {
                    $(Self::$name => $text,)*
                    Self::Other(name) => name,
                }
            }
        }
    };
}

kinds! {
    /// The portal's token is none, or not known there.
    Unauthenticated = "unauthenticated",
    /// The token's scope is another.
    Forbidden = "forbidden",
    /// A parameter of ours that this release does not have.
    UnknownParameter = "unknown-parameter",
    /// A value that can't be understood, such as a code that is none.
    InvalidParameter = "invalid-parameter",
    /// No such form of the answer.
    NotAcceptable = "not-acceptable",
    /// No such form of the question.
    UnsupportedBody = "unsupported-body",
    /// The question is too large.
    BodyTooLarge = "body-too-large",
    /// A field of the question can't be understood.
    InvalidBody = "invalid-body",
    /// An owner who does not live there.
    NotResident = "not-resident",
    /// A move-in date that can't be chosen.
    MoveInOutside = "move-in-outside",
    /// Days that the occupancy may not see.
    OutsideOccupancy = "outside-occupancy",
    /// Hours of a household that did not agree.
    NoConsent = "no-consent",
    /// Nothing has this name.
    NotFound = "not-found",
    /// A serial that may mean several meters or dwellings.
    AmbiguousSerial = "ambiguous-serial",
    /// The service has no such route.
    NoSuchRoute = "no-such-route",
    /// The route does not do that.
    MethodNotAllowed = "method-not-allowed",
    /// Too many guesses that led nowhere.
    TooManyAttempts = "too-many-attempts",
    /// Too many questions at once.
    Busy = "busy",
    /// The service is up, its store is not.
    NotStoring = "not-storing",
    /// The answer took the service too long.
    TimedOut = "timed-out",
    /// The service failed.
    Internal = "internal",
}

/// The details as they are sent.
#[derive(Deserialize)]
struct Details {
    #[serde(rename = "type", default)]
    kind: String,
    #[serde(default)]
    detail: String,
    #[serde(default)]
    parameter: Option<String>,
    #[serde(default)]
    count: Option<u64>,
}

/// The prefix of all types.
const URN: &str = "urn:releve:problem:";

impl Problem {
    /// From an answer that is none; a body that is no problem (of a proxy, say) is known by its status alone.
    pub(super) fn read(status: u16, retry_after: Option<u64>, body: &[u8]) -> Self {
        let details: Option<Details> = serde_json::from_slice(body).ok();
        let plain = |kind| Self {
            kind,
            status,
            detail: String::new(),
            parameter: None,
            count: None,
            retry_after,
        };
        let Some(details) = details else {
            return plain(match status {
                502 | 503 => Kind::Internal,
                504 => Kind::TimedOut,
                _ => Kind::Other(format!("status-{status}")),
            });
        };
        Self {
            detail: details.detail.chars().take(400).collect(),
            parameter: details.parameter,
            count: details.count,
            ..plain(Kind::from_name(
                details.kind.strip_prefix(URN).unwrap_or(&details.kind),
            ))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_known_and_unknown_ones_kept() {
        let known = Problem::read(
            409,
            None,
            br#"{"type":"urn:releve:problem:ambiguous-serial","title":"x","status":409,"detail":"two","count":2}"#,
        );
        assert_eq!(
            (known.kind, known.status, known.count, known.detail.as_str()),
            (Kind::AmbiguousSerial, 409, Some(2), "two")
        );
        let unknown = Problem::read(418, Some(3), br#"{"type":"urn:releve:problem:teapot"}"#);
        assert_eq!((unknown.kind.name(), unknown.retry_after), ("teapot", Some(3)));
        assert_eq!(Problem::read(503, None, b"<html>").kind, Kind::Internal);
        assert_eq!(Problem::read(504, None, b"").kind, Kind::TimedOut);
    }

    #[test]
    fn down_slow_and_refused_are_told_apart() {
        let problem = |name: &str| {
            Failure::Problem(Problem::read(
                400,
                None,
                format!(r#"{{"type":"{name}"}}"#).as_bytes(),
            ))
        };
        assert_eq!(Failure::Slow.unavailable(), Some(Unavailable::Slow));
        assert_eq!(problem("busy").unavailable(), Some(Unavailable::Slow));
        assert_eq!(problem("forbidden").unavailable(), Some(Unavailable::Down));
        assert_eq!(problem("move-in-outside").unavailable(), None);
        assert_eq!(problem("teapot").unavailable(), None);
        assert_eq!(
            Failure::Down(String::new()).unavailable(),
            Some(Unavailable::Down)
        );
    }
}
