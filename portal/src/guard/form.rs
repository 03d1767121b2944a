//! Forms: read within bounds, and only those that one of our own pages sent.

use axum::extract::{FromRequest, Request};
use axum::http::header;

use super::Visitor;
use crate::app::App;
use crate::failure::Failure;
use crate::secret;

/// The fields of a form that this visitor sent from one of our pages. There is no other way to a body.
pub(crate) struct Form(Vec<(String, String)>);

impl Form {
    /// A field, without blanks around it; empty when it was not sent.
    pub(crate) fn get(&self, name: &str) -> &str {
        self.raw(name).trim()
    }

    /// A field as it was sent: for passwords, whose blanks count.
    pub(crate) fn raw(&self, name: &str) -> &str {
        self.0
            .iter()
            .find(|(key, _)| key == name)
            .map_or("", |(_, value)| value)
    }
}

impl FromRequest<App> for Form {
    type Rejection = Failure;

    async fn from_request(request: Request, _: &App) -> Result<Self, Failure> {
        let visitor = Visitor::of(&request)?;
        let is_form = request
            .headers()
            .get(header::CONTENT_TYPE)
            .and_then(|kind| kind.to_str().ok())
            .and_then(|kind| kind.split(';').next())
            .is_some_and(|kind| {
                kind.trim()
                    .eq_ignore_ascii_case("application/x-www-form-urlencoded")
            });
        if !is_form {
            return Err(Failure::Unreadable);
        }
        let octets = axum::body::to_bytes(request.into_body(), MOST_OCTETS)
            .await
            .map_err(|_| Failure::TooLarge)?;
        let fields: Vec<(String, String)> = form_urlencoded::parse(&octets)
            .take(MOST_FIELDS)
            .map(|(name, value)| (name.into_owned(), value.into_owned()))
            .collect();
        let form = Self(fields);
        if !secret::same(form.get("csrf"), visitor.csrf()) {
            return Err(Failure::Forged);
        }
        Ok(form)
    }
}

/// No form of ours is longer.
pub(super) const MOST_OCTETS: usize = 16 * 1024;

/// No form of ours has more fields.
const MOST_FIELDS: usize = 64;
