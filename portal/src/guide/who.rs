//! Step 1: owner or tenant. Only those who live in a dwelling see its figures.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use maud::{Markup, html};

use super::draft::Draft;
use super::{Step, steps};
use crate::app::App;
use crate::failure::Failure;
use crate::guard::{Form, Visitor};
use crate::layout::{self, Frame, Notice};
use crate::query::Role;

pub(super) async fn show(visitor: Visitor) -> Response {
    page(&visitor, Draft::of(&visitor).role, false)
}

pub(super) async fn choose(
    State(app): State<App>,
    visitor: Visitor,
    form: Form,
) -> Result<Response, Failure> {
    let role = match form.get("role") {
        "tenant" => Role::Tenant,
        "owner" => Role::Owner,
        "landlord" => {
            Draft::default().keep(&app, &visitor).await?;
            return Ok(layout::see_other("/activation/landlord"));
        }
        _ => return Ok(page(&visitor, None, true)),
    };
    let before = Draft::of(&visitor);
    let draft = if before.sent { Draft::default() } else { before };
    Draft {
        role: Some(role),
        ..draft
    }
    .keep(&app, &visitor)
    .await?;
    Ok(layout::see_other(Step::Residence.path()))
}

/// The end of the way for an owner who does not live there.
pub(super) async fn landlord(visitor: Visitor) -> Response {
    let language = visitor.language;
    let title = language.of(
        "Votre locataire a accès, pas vous",
        "Your tenant has access, not you",
    );
    layout::page(
        &Frame::for_visitor(&visitor, title),
        html! {
            h1 { (title) }
            p {
                (language.of(
                    "Les consommations disent comment on vit dans un logement. Seule la personne qui y habite peut les voir : votre locataire peut activer cet espace, avec le même guide.",
                    "Figures of consumption tell how people live in a home. Only who lives there may see them: your tenant can activate this account, with the same guide.",
                ))
            }
            p {
                (language.of(
                    "Si le logement est vide, ou si vous y emménagez, revenez quand vous y habiterez. Pour un décompte de charges, adressez-vous à votre gestionnaire. Merci de votre visite.",
                    "If the home is empty, or if you are about to move in, come back when you live there. For a statement of charges, ask your housing operator. Thank you for your visit.",
                ))
            }
            p { a href="/activation" { (language.of("Je me suis trompé : revenir au choix", "That was a mistake: back to the choice")) } }
        },
    )
}

fn page(visitor: &Visitor, chosen: Option<Role>, missing: bool) -> Response {
    let language = visitor.language;
    let title = Step::Who.title(language);
    let choice = |value: &str, text: &str, hint: &str, checked: bool| -> Markup {
        html! {
            div class="choice" {
                input type="radio" id={ "role-" (value) } name="role" value=(value) required checked[checked]
                    aria-describedby={ "role-" (value) "-hint" };
                label for={ "role-" (value) } { (text) }
                p class="hint" id={ "role-" (value) "-hint" } { (hint) }
            }
        }
    };
    let status = if missing {
        StatusCode::UNPROCESSABLE_ENTITY
    } else {
        StatusCode::OK
    };
    layout::page(
        &Frame::for_visitor(visitor, title).status(status),
        html! {
            (steps(Step::Who, language))
            h1 { (title) }
            @if missing {
                (layout::notice(Notice::Bad, html! {
                    p { (language.of("Choisissez l'une des trois réponses.", "Choose one of the three answers.")) }
                }))
            }
            (layout::form(visitor, Step::Who.path(), html! {
                fieldset {
                    legend { (language.of("Ce logement, c'est…", "This home is…")) }
                    (choice(
                        "tenant",
                        language.of("Celui que je loue", "The one I rent"),
                        language.of("Vous êtes locataire et vous y habitez.", "You are the tenant and live there."),
                        chosen == Some(Role::Tenant),
                    ))
                    (choice(
                        "owner",
                        language.of("Le mien, et j'y habite", "Mine, and I live there"),
                        language.of("Vous êtes propriétaire occupant.", "You own it and live in it."),
                        chosen == Some(Role::Owner),
                    ))
                    (choice(
                        "landlord",
                        language.of("Le mien, mais je n'y habite pas", "Mine, but I do not live there"),
                        language.of("Vous le louez, ou il est vide.", "You let it, or it is empty."),
                        false,
                    ))
                }
                button type="submit" { (language.of("Continuer", "Continue")) }
            }))
            p {
                (language.of("Vous avez déjà un espace ? ", "You have an account already? "))
                a href="/login" { (language.of("Connectez-vous", "Log in")) } "."
            }
        },
    )
}
