//! The account at a glance: what is known, and a form for each thing that can be changed.

use axum::extract::{Path, State};
use axum::http::{StatusCode, Uri};
use axum::response::Response;
use maud::{Markup, html};

use crate::Language;
use crate::accounts::Occupancy;
use crate::app::App;
use crate::failure::Failure;
use crate::guard::{Form, Resident};
use crate::home;
use crate::layout::{self, Field, Frame, Notice};
use crate::query::{Change, ProblemKind};

/// What was wrong with one of the forms.
#[derive(Default, Clone, Copy)]
pub(super) struct Errors {
    /// The present password, of the form for another one.
    pub(super) password_current: Option<&'static str>,
    /// The new password.
    pub(super) password: Option<&'static str>,
    /// The present password, of the form for another address.
    pub(super) email_current: Option<&'static str>,
    /// The new address.
    pub(super) email: Option<&'static str>,
    /// The service does not answer.
    pub(super) unavailable: bool,
}

impl Errors {
    fn status(self) -> StatusCode {
        if self.unavailable {
            StatusCode::SERVICE_UNAVAILABLE
        } else if self
            .password_current
            .or(self.password)
            .or(self.email_current)
            .or(self.email)
            .is_some()
        {
            StatusCode::UNPROCESSABLE_ENTITY
        } else {
            StatusCode::OK
        }
    }
}

/// What to say of a wrong password of who is logged in.
pub(super) const fn wrong(language: Language) -> &'static str {
    language.of(
        "Ce mot de passe n'est pas le vôtre.",
        "This is not your password.",
    )
}

pub(super) async fn show(resident: Resident, uri: Uri) -> Response {
    page(&resident, home::told(&uri), Errors::default(), "")
}

/// Agrees to hourly figures of one of one's own dwellings, or withdraws it.
pub(super) async fn set_hourly(
    State(app): State<App>,
    resident: Resident,
    Path(occupancy): Path<i64>,
    form: Form,
) -> Result<Response, Failure> {
    let own = resident.occupancy(occupancy).ok_or(Failure::NotFound)?.id;
    let keeps_hourly = form.get("hourly") == "yes";
    let change = Change {
        keeps_hourly: Some(keeps_hourly),
        ..Change::default()
    };
    let service = app.query.of_client(&resident.visitor.alias());
    match service.change_occupancy(own, &change).await {
        Ok(_) => {}
        Err(failure) if failure.unavailable().is_some() => {
            let errors = Errors {
                unavailable: true,
                ..Errors::default()
            };
            return Ok(page(&resident, None, errors, ""));
        }
        Err(failure) if failure.kind() == Some(&ProblemKind::NotFound) => return Err(Failure::NotFound),
        Err(failure) => return Err(Failure::internal(&failure)),
    }
    let account = resident.account();
    app.ask(move |accounts| accounts.set_hourly(account, own, keeps_hourly))
        .await?;
    Ok(layout::see_other("/account?told=hourly"))
}

pub(super) fn page(resident: &Resident, told: Option<&str>, errors: Errors, email: &str) -> Response {
    let language = resident.language();
    let visitor = &resident.visitor;
    let title = language.of("Mon compte", "My account");
    layout::page(
        &Frame::for_resident(resident, title).status(errors.status()),
        html! {
            h1 { (title) }
            @if let Some(sentence) = told.and_then(|told| sentence(told, language)) {
                (layout::notice(Notice::Good, html! { p { (sentence) } }))
            }
            @if errors.unavailable { (layout::unavailable(language)) }
            dl {
                dt { (language.of("Nom", "Name")) } dd { (resident.name) }
                dt { (language.of("Adresse e-mail", "E-mail address")) } dd { (resident.email()) }
            }
            section aria-labelledby="homes" {
                h2 id="homes" { (language.of("Mes logements", "My homes")) }
                @if resident.occupancies.is_empty() {
                    p { (language.of("Aucun logement.", "No home.")) }
                }
                @for occupancy in &resident.occupancies { (home_form(resident, occupancy)) }
                p {
                    a href="/activation" { (language.of("Ajouter un logement", "Add a home")) }
                }
            }
            section aria-labelledby="change-password" {
                h2 id="change-password" { (language.of("Changer de mot de passe", "Change the password")) }
                p { (language.of(
                    "Toutes vos connexions seront fermées ; vous vous reconnecterez avec le nouveau.",
                    "All your sessions will be ended; you log in again with the new one.",
                )) }
                (layout::form(visitor, "/account/password", html! {
                    (layout::own_password(language, "password-current", errors.password_current))
                    (layout::new_password(language, errors.password))
                    button type="submit" { (language.of("Changer le mot de passe", "Change the password")) }
                }))
            }
            section aria-labelledby="change-email" {
                h2 id="change-email" { (language.of("Changer d'adresse e-mail", "Change the e-mail address")) }
                (layout::form(visitor, "/account/email", html! {
                    (layout::own_password(language, "email-current", errors.email_current))
                    (layout::field(&Field {
                        name: "email",
                        label: language.of("Nouvelle adresse e-mail", "New e-mail address"),
                        hint: Some(language.of(
                            "Nous y envoyons un lien ; elle compte dès que vous l'ouvrez.",
                            "We send a link there; it counts as soon as you open it.",
                        )),
                        kind: "email",
                        value: email,
                        error: errors.email,
                        autocomplete: "email",
                        ..Field::default()
                    }))
                    button type="submit" { (language.of("Envoyer le lien", "Send the link")) }
                }))
            }
            section aria-labelledby="data" {
                h2 id="data" { (language.of("Mes données", "My data")) }
                p {
                    a href="/account/export" download { (language.of(
                        "Télécharger toutes mes données (JSON)",
                        "Download all my data (JSON)",
                    )) }
                }
                p { a href="/account/delete" { (language.of("Supprimer mon compte", "Delete my account")) } }
            }
        },
    )
}

fn home_form(resident: &Resident, occupancy: &Occupancy) -> Markup {
    let language = resident.language();
    let (action, id) = (
        format!("/account/hourly/{}", occupancy.id),
        format!("hourly-{}", occupancy.id),
    );
    html! {
        article {
            h3 { (occupancy.label) }
            p { (language.of("Depuis le ", "Since ")) time datetime=(occupancy.from) { (language.day(occupancy.from)) } }
            (layout::form(&resident.visitor, &action, html! {
                div class="choice" {
                    input type="checkbox" id=(id) name="hourly" value="yes" checked[occupancy.keeps_hourly];
                    label for=(id) { (language.of(
                        "J'accepte que mes consommations soient gardées et montrées heure par heure",
                        "I agree that my consumption is kept and shown hour by hour",
                    )) }
                }
                button type="submit" class="secondary" { (language.of("Enregistrer", "Save")) }
            }))
        }
    }
}

/// What was done, by its code in the address.
fn sentence(told: &str, language: Language) -> Option<&'static str> {
    match told {
        "hourly" => Some(language.of("C'est enregistré.", "It is saved.")),
        "email-sent" => Some(language.of(
            "Un message part vers la nouvelle adresse. Ouvrez son lien dans les 24 heures.",
            "A mail is on its way to the new address. Open its link within 24 hours.",
        )),
        _ => None,
    }
}
