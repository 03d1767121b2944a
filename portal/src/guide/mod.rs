//! The guide to an account, in four steps: who, which residence, which dwelling, you. Then a mail, whose link makes the account.
//!
//! What was found so far stays on the server, in the session of somebody who is not logged in; a form holds nothing that
//! could be forged. Names and addresses are not kept before the last step.

mod confirm;
mod draft;
mod drawing;
mod dwelling;
mod residence;
mod search;
mod who;
mod you;

use axum::Router;
use axum::routing::get;
use maud::{Markup, html};

use crate::Language;
use crate::app::App;

pub(crate) fn routes() -> Router<App> {
    Router::new()
        .route("/activation", get(who::show).post(who::choose))
        .route("/activation/landlord", get(who::landlord))
        .route(
            "/activation/residence",
            get(residence::show).post(residence::find),
        )
        .route("/activation/dwelling", get(dwelling::show).post(dwelling::find))
        .route("/activation/you", get(you::show).post(you::ask))
        .route("/activation/sent", get(you::sent))
        .route("/confirm/{token}", get(confirm::show).post(confirm::activate))
}

/// Where somebody is on the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Who,
    Residence,
    Dwelling,
    You,
}

impl Step {
    const ALL: [Self; 4] = [Self::Who, Self::Residence, Self::Dwelling, Self::You];

    const fn number(self) -> usize {
        match self {
            Self::Who => 1,
            Self::Residence => 2,
            Self::Dwelling => 3,
            Self::You => 4,
        }
    }

    const fn path(self) -> &'static str {
        match self {
            Self::Who => "/activation",
            Self::Residence => "/activation/residence",
            Self::Dwelling => "/activation/dwelling",
            Self::You => "/activation/you",
        }
    }

    const fn name(self, language: Language) -> &'static str {
        match self {
            Self::Who => language.of("Vous êtes", "You are"),
            Self::Residence => language.of("Résidence", "Residence"),
            Self::Dwelling => language.of("Logement", "Home"),
            Self::You => language.of("Vos coordonnées", "Your details"),
        }
    }

    const fn title(self, language: Language) -> &'static str {
        match self {
            Self::Who => language.of("Étape 1 sur 4 : vous êtes", "Step 1 of 4: you are"),
            Self::Residence => language.of("Étape 2 sur 4 : votre résidence", "Step 2 of 4: your residence"),
            Self::Dwelling => language.of("Étape 3 sur 4 : votre logement", "Step 3 of 4: your home"),
            Self::You => language.of("Étape 4 sur 4 : vos coordonnées", "Step 4 of 4: your details"),
        }
    }
}

/// The four steps as a list; those that are done can be gone back to.
fn steps(here: Step, language: Language) -> Markup {
    html! {
        nav aria-label=(language.of("Étapes", "Steps")) {
            ol class="steps" {
                @for step in Step::ALL {
                    li aria-current=[(step == here).then_some("step")] class=[(step.number() < here.number()).then_some("done")] {
                        @if step.number() < here.number() {
                            a href=(step.path()) { (step.name(language)) }
                        } @else {
                            (step.name(language))
                        }
                    }
                }
            }
        }
    }
}
