//! The link in the mail: it makes the account and registers the household at the service, once.
//!
//! Opening it does nothing yet, since mail programs open links too; the button does. Only when the service has registered
//! the household is the link used up, so that whatever fails before can be tried again.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use maud::html;

use super::search;
use super::you::day;
use crate::accounts::Activation;
use crate::app::App;
use crate::failure::Failure;
use crate::guard::{Form, Visitor};
use crate::layout::{self, Field, Frame};
use crate::query::{MoveIn, ProblemKind, Role};
use crate::secret::{Hash, Token};

/// What kept the household from being registered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Obstacle {
    /// The date can't be chosen.
    Date,
    /// The service does not answer.
    Unavailable,
    /// The service does not know the dwelling any more.
    Gone,
}

pub(super) async fn show(
    State(app): State<App>,
    visitor: Visitor,
    Path(token): Path<String>,
) -> Result<Response, Failure> {
    match waiting(&app, &token).await? {
        Some((_, asked)) => Ok(page(&visitor, &token, &asked, "", None)),
        None => Ok(dead(&visitor)),
    }
}

pub(super) async fn activate(
    State(app): State<App>,
    visitor: Visitor,
    Path(token): Path<String>,
    form: Form,
) -> Result<Response, Failure> {
    let Some((hash, _)) = waiting(&app, &token).await? else {
        return Ok(dead(&visitor));
    };
    // One at a time for one link: the second of two clicks finds it used.
    let _turn = app.turn(hash).await;
    let Some((hash, asked)) = waiting(&app, &token).await? else {
        return Ok(dead(&visitor));
    };
    let typed = form.get("move_in");
    let from = match typed {
        "" => asked.from,
        typed => match day(typed) {
            Some(day) => day,
            None => return Ok(page(&visitor, &token, &asked, typed, Some(Obstacle::Date))),
        },
    };
    let (done, now) = (layout::see_other("/login?told=activated"), app.now());
    if has_already(&app, &visitor, &asked).await? {
        app.ask(move |accounts| accounts.forgo(hash, now)).await?;
        return Ok(done);
    }
    // A refused date tells something of the household before: not for as often as one likes.
    search::admit(&app, &visitor)?;
    // When the answer is lost, the same is asked again with the same key, from whichever page.
    app.ask(move |accounts| accounts.choose_first_day(hash, from))
        .await?;
    let new = MoveIn {
        dwelling: asked.dwelling,
        role: if asked.role == "owner" {
            Role::Owner
        } else {
            Role::Tenant
        },
        lives_there: true,
        move_in: from,
        certified: true,
        keeps_hourly: asked.keeps_hourly,
    };
    // A hash of the hash: the service need not know what the portal looks links up by.
    let key = Hash::of(&hash.0).text();
    let registered = search::service(&app, &visitor).move_in(&new, &key).await;
    let obstacle = match registered {
        Ok(occupancy) => {
            let account = app
                .ask(move |accounts| accounts.activate(hash, occupancy.id, from, now))
                .await?;
            return Ok(if account.is_some() { done } else { dead(&visitor) });
        }
        Err(failure) if failure.unavailable().is_some() => Obstacle::Unavailable,
        Err(failure) => match failure.kind() {
            Some(ProblemKind::MoveInOutside) => {
                search::missed(&app, &visitor);
                Obstacle::Date
            }
            Some(ProblemKind::NotFound) => Obstacle::Gone,
            _ => return Err(Failure::internal(&failure)),
        },
    };
    Ok(page(&visitor, &token, &asked, typed, Some(obstacle)))
}

/// Whether the account of that address has that dwelling already, so that a second mail of the same person does not
/// register them twice.
async fn has_already(app: &App, visitor: &Visitor, asked: &Activation) -> Result<bool, Failure> {
    let (email, dwelling) = (asked.email.clone(), asked.dwelling);
    let held = app
        .ask(move |accounts| match accounts.account_by_email(&email)? {
            Some(account) => accounts.occupancies(account.id),
            None => Ok(Vec::new()),
        })
        .await?;
    for occupancy in held.iter().filter(|held| held.dwelling == dwelling) {
        // One that has ended is a former time in the same dwelling.
        if let Ok(known) = search::service(app, visitor).occupancy(occupancy.id).await
            && known.until.is_none()
        {
            return Ok(true);
        }
    }
    Ok(false)
}

async fn waiting(app: &App, token: &str) -> Result<Option<(Hash, Activation)>, Failure> {
    let Some(hash) = Token::parse(token).map(|token| token.hash()) else {
        return Ok(None);
    };
    let now = app.now();
    let found = app.ask(move |accounts| accounts.activation(hash, now)).await?;
    Ok(found.map(|asked| (hash, asked)))
}

fn page(
    visitor: &Visitor,
    token: &str,
    asked: &Activation,
    typed: &str,
    obstacle: Option<Obstacle>,
) -> Response {
    let language = visitor.language;
    let title = language.of("Confirmez votre adresse e-mail", "Confirm your e-mail address");
    let status = match obstacle {
        None => StatusCode::OK,
        Some(Obstacle::Unavailable) => StatusCode::SERVICE_UNAVAILABLE,
        Some(_) => StatusCode::UNPROCESSABLE_ENTITY,
    };
    let chosen = asked.from.to_string();
    let value = if typed.is_empty() { &chosen } else { typed };
    layout::page(
        &Frame::for_visitor(visitor, title).status(status),
        html! {
            h1 { (title) }
            @match obstacle {
                Some(Obstacle::Gone) => {
                    (layout::notice(layout::Notice::Bad, html! {
                        p { (language.of(
                            "Ce logement n'est plus connu du système de relevé. Prévenez votre gestionnaire.",
                            "The metering system does not know this home any more. Tell your housing operator.",
                        )) }
                    }))
                    p { a href="/activation" { (language.of("Recommencer le guide", "Begin the guide again")) } }
                }
                _ => {
                    @if obstacle == Some(Obstacle::Unavailable) { (layout::unavailable(language)) }
                    p { (language.of("Logement : ", "Home: ")) strong { (asked.label) } }
                    (layout::form(visitor, &format!("/confirm/{token}"), html! {
                        @if obstacle == Some(Obstacle::Date) {
                            (layout::field(&Field {
                                name: "move_in",
                                label: language.of("Date d'emménagement", "Move-in date"),
                                kind: "date",
                                value,
                                error: Some(language.of(
                                    "Cette date ne peut pas être choisie : elle est à venir, ou avant l'emménagement de l'occupant précédent. Choisissez un jour plus proche.",
                                    "This date can't be chosen: it lies ahead, or before the household before you moved in. Choose a day in between.",
                                )),
                                autocomplete: "off",
                                longest: 10,
                                ..Field::default()
                            }))
                        } @else if !typed.is_empty() {
                            input type="hidden" name="move_in" value=(typed);
                        }
                        button type="submit" { (language.of("Confirmer et activer", "Confirm and activate")) }
                    }))
                }
            }
        },
    )
}

/// A link that does not work: used, too old, or none. Nobody is told which.
fn dead(visitor: &Visitor) -> Response {
    let language = visitor.language;
    let title = language.of("Ce lien ne fonctionne plus", "This link does not work any more");
    layout::page(
        &Frame::for_visitor(visitor, title).status(StatusCode::GONE),
        html! {
            h1 { (title) }
            p {
                (language.of(
                    "Il a déjà servi, ou il est trop ancien. S'il a servi, votre espace est prêt.",
                    "It was used before, or it is too old. If it was used, your account is ready.",
                ))
            }
            p class="actions" {
                a class="button" href="/login" { (language.of("Se connecter", "Log in")) } " "
                a class="button secondary" href="/activation" { (language.of("Recommencer le guide", "Begin the guide again")) }
            }
        },
    )
}
