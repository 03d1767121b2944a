//! Somebody who is logged in: what pages with figures ask for.

use axum::extract::FromRequestParts;
use axum::http::Method;
use axum::http::request::Parts;

use super::Visitor;
use crate::Language;
use crate::accounts::{AccountId, Occupancy};
use crate::app::App;
use crate::failure::Failure;

/// A resident who is logged in. A page that takes one as an argument sends everybody else to the login and back.
#[derive(Clone)]
pub(crate) struct Resident {
    /// Their name, as they wrote it.
    pub(crate) name: String,
    /// Their dwellings, the latest first. What is not among them does not exist for this resident.
    pub(crate) occupancies: Vec<Occupancy>,
    /// Language, form token, path.
    pub(crate) visitor: Visitor,
    account: AccountId,
    email: String,
}

impl Resident {
    /// The language of their pages.
    pub(crate) fn language(&self) -> Language {
        self.visitor.language
    }

    /// One of their own dwellings, by the service's number for the occupancy.
    pub(crate) fn occupancy(&self, id: i64) -> Option<&Occupancy> {
        self.occupancies.iter().find(|occupancy| occupancy.id == id)
    }

    pub(crate) fn email(&self) -> &str {
        &self.email
    }

    pub(crate) fn account(&self) -> AccountId {
        self.account
    }
}

impl FromRequestParts<App> for Resident {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Failure> {
        let visitor = Visitor::from_request_parts(parts, app).await?;
        let needed = || Failure::LoginNeeded {
            // A form that was sent can't be sent again.
            next: if parts.method == Method::GET {
                visitor.path.to_string()
            } else {
                "/".to_owned()
            },
        };
        let account = visitor
            .session()
            .and_then(|session| session.account)
            .ok_or_else(needed)?;
        let found = app
            .ask(move |accounts| Ok((accounts.account(account)?, accounts.occupancies(account)?)))
            .await?;
        let (Some(person), occupancies) = found else {
            return Err(needed());
        };
        Ok(Self {
            name: person.name,
            email: person.email,
            occupancies,
            account,
            visitor,
        })
    }
}
