//! Which household a page is about: one of the account's own, with the days that it may see now.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use jiff::civil::Date;
use maud::{Markup, html};

use crate::Language;
use crate::accounts::Occupancy;
use crate::app::App;
use crate::failure::Failure;
use crate::guard::Resident;
use crate::layout::{self, Frame};
use crate::query::{self, Alert, ProblemKind, Query, Unavailable};

use super::asked::{Asked, Wrong};
use super::view::Window;

/// A household of the account, as the service knows it now.
pub(super) struct Household<'r> {
    pub(super) resident: &'r Resident,
    pub(super) chosen: &'r Occupancy,
    pub(super) query: Query,
    /// The days that it may see.
    pub(super) window: Window,
    /// Today, in the residence's zone; the last day of one that has left.
    pub(super) last: Date,
    /// Whether it lives there still.
    pub(super) lasts: bool,
    pub(super) keeps_hourly: bool,
    pub(super) alerts: Vec<Alert>,
}

/// Why a page is not shown.
pub(super) enum Refused {
    /// What was asked for can't be.
    Wrong(Wrong),
    /// The account has no dwelling.
    NoHome,
    /// Hours, and the household did not agree to them.
    NoConsent(i64),
    /// The service is out of reach.
    Unavailable(Unavailable),
    /// Anything else.
    Failure(Failure),
}

/// The occupancy that was asked for, if it is one of the account's own; its latest when none was.
pub(super) fn chosen(resident: &Resident, asked: Option<i64>) -> Result<&Occupancy, Refused> {
    match asked {
        None => resident.occupancies.first().ok_or(Refused::NoHome),
        Some(id) => resident
            .occupancies
            .iter()
            .find(|occupancy| occupancy.id == id)
            .ok_or(Refused::Failure(Failure::NotFound)),
    }
}

impl<'r> Household<'r> {
    /// Asks the service about the household that was asked for.
    pub(super) async fn find(app: &App, resident: &'r Resident, asked: &Asked) -> Result<Self, Refused> {
        let chosen = chosen(resident, asked.home)?;
        let query = app.query.clone();
        let (occupancy, household) = tokio::join!(query.occupancy(chosen.id), query.household(chosen.id));
        let (occupancy, household) = (occupancy?, household?);
        let window = Window {
            from: household.from,
            to: household.to,
        };
        Ok(Self {
            last: window.to.yesterday().unwrap_or(window.from),
            lasts: occupancy.until.is_none_or(|until| until >= window.to),
            keeps_hourly: occupancy.keeps_hourly,
            alerts: household.items,
            resident,
            chosen,
            query,
            window,
        })
    }

    pub(super) fn language(&self) -> Language {
        self.resident.language()
    }

    /// The address of a page about this household.
    pub(super) fn link(&self, path: &str, pairs: &[(&str, &str)]) -> String {
        link(path, self.chosen.id, pairs)
    }

    /// Which dwelling it is; with several, a choice among them.
    pub(super) fn choice(&self, path: &str) -> Markup {
        let language = self.language();
        html! {
            @if self.resident.occupancies.len() > 1 {
                nav class="homes" aria-label=(language.of("Logement", "Dwelling")) {
                    ul {
                        @for home in &self.resident.occupancies {
                            li {
                                a href=(link(path, home.id, &[])) aria-current=[(home.id == self.chosen.id).then_some("true")] {
                                    (home.label)
                                }
                            }
                        }
                    }
                }
            } @else {
                p class="home" { (self.chosen.label) }
            }
        }
    }
}

/// The address of a page about an occupancy.
pub(super) fn link(path: &str, home: i64, pairs: &[(&str, &str)]) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.append_pair("home", &home.to_string()).extend_pairs(pairs);
    format!("{path}?{}", query.finish())
}

impl From<query::Failure> for Refused {
    fn from(failure: query::Failure) -> Self {
        if let Some(unavailable) = failure.unavailable() {
            return Self::Unavailable(unavailable);
        }
        match failure.kind() {
            // It was removed there, or has not begun: for this resident it is not there.
            Some(ProblemKind::NotFound | ProblemKind::OutsideOccupancy) => Self::Failure(Failure::NotFound),
            _ => Self::Failure(Failure::internal(&failure)),
        }
    }
}

impl From<Wrong> for Refused {
    fn from(wrong: Wrong) -> Self {
        match wrong {
            // Nobody is told whether it is another's.
            Wrong::Home => Self::Failure(Failure::NotFound),
            wrong => Self::Wrong(wrong),
        }
    }
}

impl Refused {
    /// The page that says so, and where to go from there.
    pub(super) fn page(self, resident: &Resident) -> Response {
        let language = resident.language();
        let back = html! {
            p class="actions" {
                a class="button" href="/consumption" { (language.of("Revenir à ma consommation", "Back to my consumption")) }
            }
        };
        match self {
            Self::Failure(failure) => failure.into_response(),
            Self::NoConsent(home) => layout::see_other(&link(super::HOURS, home, &[])),
            Self::Wrong(wrong) => {
                let title = language.of("Cette page ne peut pas être affichée", "This page can't be shown");
                let body = html! {
                    h1 { (title) }
                    p { (wrong.sentence(language)) }
                    (back)
                };
                layout::page(
                    &Frame::for_resident(resident, title).status(StatusCode::BAD_REQUEST),
                    body,
                )
            }
            Self::NoHome => {
                let title = language.of("Aucun logement", "No dwelling");
                let body = html! {
                    h1 { (title) }
                    p { (language.of(
                        "Votre compte n'est relié à aucun logement. Reliez-le avec le numéro d'un de vos compteurs.",
                        "Your account belongs to no dwelling. Join it to one with the number of one of your meters.",
                    )) }
                    p class="actions" {
                        a class="button" href="/activation" { (language.of("Relier un logement", "Join a dwelling")) }
                    }
                };
                layout::page(&Frame::for_resident(resident, title), body)
            }
            Self::Unavailable(unavailable) => {
                let title = language.of(
                    "Vos chiffres ne sont pas disponibles",
                    "Your figures are not available",
                );
                let why = match unavailable {
                    Unavailable::Down => language.of(
                        "Le service des compteurs ne répond pas pour le moment.",
                        "The meter service does not answer at the moment.",
                    ),
                    Unavailable::Slow => language.of(
                        "Le service des compteurs met trop de temps à répondre pour le moment.",
                        "The meter service takes too long to answer at the moment.",
                    ),
                };
                let body = html! {
                    h1 { (title) }
                    p { (why) " " (language.of(
                        "Rien n'est perdu : vos compteurs continuent de compter. Réessayez dans quelques minutes.",
                        "Nothing is lost: your meters go on counting. Try again in a few minutes.",
                    )) }
                    p class="actions" {
                        a class="button" href=(resident.visitor.path) { (language.of("Réessayer", "Try again")) }
                    }
                };
                let frame = Frame::for_resident(resident, title).status(StatusCode::SERVICE_UNAVAILABLE);
                layout::page(&frame, body)
            }
        }
    }
}
