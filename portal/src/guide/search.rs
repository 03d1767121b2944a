//! Looking for a residence and a dwelling: guesses that lead nowhere are counted here, and by the service besides.

use crate::app::App;
use crate::failure::Failure;
use crate::guard::{Kind, Visitor};
use crate::query::{self, ProblemKind, Query};

/// Why nothing was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Miss {
    /// Wrong, strange, or not known: nobody is told which.
    Unknown,
    /// More than one dwelling may be meant.
    Ambiguous,
    /// The service does not answer.
    Unavailable,
}

/// A question to the service in the name of a visitor, which tells residents apart without knowing them.
pub(super) fn service(app: &App, visitor: &Visitor) -> Query {
    app.query.of_client(&visitor.alias())
}

/// Refuses who has guessed too often.
pub(super) fn admit(app: &App, visitor: &Visitor) -> Result<(), Failure> {
    let (limits, now) = (&app.settings.limits, app.now());
    let session = visitor.alias();
    app.limiter
        .admit(Kind::SearchOfSession, &session, limits.search_session, now)?;
    app.limiter.admit(
        Kind::SearchFromClient,
        visitor.client(),
        limits.search_client,
        now,
    )
}

/// Counts a guess that led nowhere.
pub(super) fn missed(app: &App, visitor: &Visitor) {
    let now = app.now();
    app.limiter.count(Kind::SearchOfSession, &visitor.alias(), now);
    app.limiter.count(Kind::SearchFromClient, visitor.client(), now);
}

/// What a question that has no answer means to somebody who looks for something.
pub(super) fn miss(failure: &query::Failure) -> Result<Miss, Failure> {
    if failure.unavailable().is_some() {
        return Ok(Miss::Unavailable);
    }
    match failure.kind() {
        Some(ProblemKind::AmbiguousSerial) => Ok(Miss::Ambiguous),
        Some(ProblemKind::InvalidParameter | ProblemKind::NotFound) => Ok(Miss::Unknown),
        Some(ProblemKind::TooManyAttempts) => Err(Failure::TooMany {
            seconds: match failure {
                query::Failure::Problem(problem) => problem.retry_after.unwrap_or(600),
                _ => 600,
            },
        }),
        _ => Err(Failure::internal(failure)),
    }
}
