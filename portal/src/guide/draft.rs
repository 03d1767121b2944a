//! What the guide knows so far, as the session keeps it.

use axum::response::Response;
use serde::{Deserialize, Serialize};

use super::Step;
use crate::app::App;
use crate::failure::Failure;
use crate::guard::Visitor;
use crate::layout;
use crate::query::Role;

/// What was found so far.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Draft {
    /// As what they live there.
    pub(super) role: Option<Role>,
    pub(super) residence: Option<Residence>,
    pub(super) home: Option<Home>,
    /// Whether the last step was sent.
    pub(super) sent: bool,
}

/// The residence that was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Residence {
    pub(super) code: String,
    pub(super) label: String,
    /// IANA name: what day it is there.
    pub(super) zone: String,
}

/// The dwelling that was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Home {
    /// The service's number for it.
    pub(super) id: i64,
    pub(super) label: String,
}

impl Draft {
    /// That of a visitor; empty when there is none, or one of an older portal.
    pub(super) fn of(visitor: &Visitor) -> Self {
        visitor
            .session()
            .and_then(|session| session.guide.as_deref())
            .and_then(|guide| serde_json::from_str(guide).ok())
            .unwrap_or_default()
    }

    /// As the session keeps it.
    pub(super) fn text(&self) -> Result<String, Failure> {
        serde_json::to_string(self).map_err(|error| Failure::internal(&error))
    }

    /// Keeps it with the visitor's session.
    pub(super) async fn keep(&self, app: &App, visitor: &Visitor) -> Result<(), Failure> {
        let (token, text, now) = (visitor.token().hash(), self.text()?, app.now());
        app.ask(move |accounts| accounts.keep_guide(token, &text, now))
            .await
    }

    /// The first step that is still to do.
    fn next(&self) -> Step {
        if self.role.is_none() {
            Step::Who
        } else if self.residence.is_none() {
            Step::Residence
        } else if self.home.is_none() {
            Step::Dwelling
        } else {
            Step::You
        }
    }

    /// Sends somebody who has skipped a step back to it.
    pub(super) fn reaches(&self, step: Step) -> Result<(), Box<Response>> {
        if self.next().number() >= step.number() {
            Ok(())
        } else {
            Err(Box::new(layout::see_other(self.next().path())))
        }
    }
}
