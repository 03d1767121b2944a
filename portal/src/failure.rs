//! What goes wrong, each with its status and a plain sentence that says what to do next.

use std::fmt;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use maud::html;

use crate::Language;
use crate::guard::Visitor;
use crate::layout::{self, Frame};

/// Why a page was not shown as asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Failure {
    /// No such page, or nothing of that name that is this resident's: nobody is told which.
    NotFound,
    /// The page does not do that.
    MethodNotAllowed,
    /// Somebody has to log in first; then they come back to this path.
    LoginNeeded { next: String },
    /// A form that was not sent from one of our pages, or from one of an older session.
    Forged,
    /// A form that can't be read.
    Unreadable,
    /// More than any form has.
    TooLarge,
    /// Too often; some of it is forgotten after so many seconds.
    TooMany { seconds: u64 },
    /// The service that has the figures does not answer.
    Unavailable,
    /// It took too long here.
    TimedOut,
    /// Ours; the log says which.
    Internal,
}

impl Failure {
    /// Something that should not happen: it goes to the log, and a plain sentence to the resident.
    pub(crate) fn internal(error: &dyn fmt::Display) -> Self {
        tracing::error!(event = "page.failed", error = %error, "a page could not be made");
        Self::Internal
    }

    pub(crate) const fn status(&self) -> StatusCode {
        match self {
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::LoginNeeded { .. } => StatusCode::SEE_OTHER,
            Self::Forged => StatusCode::FORBIDDEN,
            Self::Unreadable => StatusCode::BAD_REQUEST,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::TooMany { .. } => StatusCode::TOO_MANY_REQUESTS,
            Self::Unavailable | Self::TimedOut => StatusCode::SERVICE_UNAVAILABLE,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// What has happened, in a few words.
    pub(crate) const fn title(&self, language: Language) -> &'static str {
        match self {
            Self::NotFound => language.of("Cette page n'existe pas", "There is no such page"),
            Self::MethodNotAllowed => language.of(
                "Cette page ne s'utilise pas ainsi",
                "This page can't be used like that",
            ),
            Self::LoginNeeded { .. } => language.of("Connectez-vous", "Log in"),
            Self::Forged => language.of("Ce formulaire a expiré", "This form has expired"),
            Self::Unreadable => language.of("Ce formulaire est illisible", "This form can't be read"),
            Self::TooLarge => language.of("C'est trop long", "That is too long"),
            Self::TooMany { .. } => language.of("Trop d'essais", "Too many attempts"),
            Self::Unavailable | Self::TimedOut => language.of(
                "Le service ne répond pas pour le moment",
                "The service does not answer at the moment",
            ),
            Self::Internal => language.of("Une erreur est survenue", "Something went wrong"),
        }
    }

    /// What to do next.
    pub(crate) fn advice(&self, language: Language) -> String {
        match self {
            Self::NotFound | Self::MethodNotAllowed => language
                .of(
                    "Vérifiez l'adresse, ou revenez à l'accueil.",
                    "Check the address, or go back to the first page.",
                )
                .to_owned(),
            Self::LoginNeeded { .. } => String::new(),
            Self::Forged => language
                .of(
                    "Revenez à la page précédente, rechargez-la et recommencez. Votre navigateur doit accepter les cookies de ce site.",
                    "Go back to the page before, reload it and try again. Your browser has to accept this site's cookies.",
                )
                .to_owned(),
            Self::Unreadable => language
                .of(
                    "Revenez à la page précédente et recommencez.",
                    "Go back to the page before and try again.",
                )
                .to_owned(),
            Self::TooLarge => language
                .of(
                    "Revenez à la page précédente et raccourcissez ce que vous avez écrit.",
                    "Go back to the page before and shorten what you wrote.",
                )
                .to_owned(),
            Self::TooMany { seconds } => {
                let minutes = seconds.div_ceil(60).max(1);
                match language {
                    Language::French => format!("Réessayez dans {minutes} min."),
                    Language::English => format!("Try again in {minutes} min."),
                }
            }
            Self::Unavailable | Self::TimedOut => language
                .of(
                    "Vos données ne sont pas perdues. Réessayez dans quelques minutes.",
                    "Your data are not lost. Try again in a few minutes.",
                )
                .to_owned(),
            Self::Internal => language
                .of(
                    "Ce n'est pas de votre fait. Réessayez ; si cela se répète, prévenez votre gestionnaire.",
                    "It is not your fault. Try again; if it happens again, tell your housing operator.",
                )
                .to_owned(),
        }
    }

    /// The page that says so.
    pub(crate) fn page(&self, visitor: &Visitor) -> Response {
        let language = visitor.language;
        let title = self.title(language);
        let frame = Frame::for_visitor(visitor, title).status(self.status());
        let mut response = layout::page(
            &frame,
            html! {
                h1 { (title) }
                p { (self.advice(language)) }
                p { a href="/" { (language.of("Retour à l'accueil", "Back to the first page")) } }
            },
        );
        if let Self::TooMany { seconds } = self {
            response
                .headers_mut()
                .insert(header::RETRY_AFTER, HeaderValue::from(*seconds));
        }
        response
    }
}

impl IntoResponse for Failure {
    /// The guard around all pages makes a page of it, in the visitor's language.
    fn into_response(self) -> Response {
        let mut response = self.status().into_response();
        if let Self::LoginNeeded { next } = &self {
            return layout::see_other(&format!("/login?next={}", escape(next)));
        }
        response.extensions_mut().insert(self);
        response
    }
}

/// For a query's value.
fn escape(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect()
}
