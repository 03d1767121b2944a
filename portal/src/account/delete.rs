//! Deleting an account with its data: what it sees at the service ends today, and everything here goes.

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::Response;
use jiff::tz::TimeZone;
use maud::html;

use super::{overview, proves};
use crate::app::App;
use crate::failure::Failure;
use crate::guard::{Form, Resident, log_out_cookie};
use crate::layout::{self, Frame, Notice};
use crate::mail::{self, Letter};
use crate::query::{self, Change, ProblemKind, Query};

/// Why it was not deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Obstacle {
    Password,
    Unavailable,
}

pub(super) async fn show(resident: Resident) -> Response {
    page(&resident, None)
}

pub(super) async fn delete(
    State(app): State<App>,
    resident: Resident,
    form: Form,
) -> Result<Response, Failure> {
    if !proves(&app, &resident, &form).await? {
        return Ok(page(&resident, Some(Obstacle::Password)));
    }
    let service = app.query.of_client(&resident.visitor.alias());
    let today = app.now().to_zoned_datetime(TimeZone::UTC).date();
    for occupancy in &resident.occupancies {
        let withdrawn = Change {
            keeps_hourly: Some(false),
            ..Change::default()
        };
        let ended = Change {
            until: Some(today.max(occupancy.from)),
            ..Change::default()
        };
        for change in [withdrawn, ended] {
            // Where the service fails halfway nothing here is gone, and all of it can be done again.
            if let Err(failure) = end(&service, occupancy.id, &change).await {
                if failure.unavailable().is_some() {
                    return Ok(page(&resident, Some(Obstacle::Unavailable)));
                }
                return Err(Failure::internal(&failure));
            }
        }
    }
    let (account, now) = (resident.account(), app.now());
    app.ask(move |accounts| accounts.delete(account, now)).await?;
    if let Some(address) = mail::address(resident.email()) {
        app.post.send(&Letter::deleted(address, resident.language()));
    }
    let mut response = layout::see_other("/login?told=deleted");
    response
        .headers_mut()
        .append(header::SET_COOKIE, log_out_cookie(&app));
    Ok(response)
}

/// Changes an occupancy; one that has ended already, or is not known any more, needs nothing.
async fn end(service: &Query, occupancy: i64, change: &Change) -> Result<(), query::Failure> {
    match service.change_occupancy(occupancy, change).await {
        Ok(_) => Ok(()),
        Err(failure) => match failure.kind() {
            Some(ProblemKind::NotFound | ProblemKind::InvalidBody) => Ok(()),
            _ => Err(failure),
        },
    }
}

fn page(resident: &Resident, obstacle: Option<Obstacle>) -> Response {
    let language = resident.language();
    let title = language.of("Supprimer mon compte", "Delete my account");
    let status = match obstacle {
        None => StatusCode::OK,
        Some(Obstacle::Password) => StatusCode::UNPROCESSABLE_ENTITY,
        Some(Obstacle::Unavailable) => StatusCode::SERVICE_UNAVAILABLE,
    };
    let wrong = (obstacle == Some(Obstacle::Password)).then_some(overview::wrong(language));
    layout::page(
        &Frame::for_resident(resident, title).status(status),
        html! {
            h1 { (title) }
            @if obstacle == Some(Obstacle::Unavailable) { (layout::unavailable(language)) }
            (layout::notice(Notice::Plain, html! {
                p { (language.of(
                    "Votre compte, vos connexions et tout ce que nous gardons de vous seront supprimés tout de suite et pour toujours. Vous ne verrez plus vos consommations. Pensez à les télécharger avant.",
                    "Your account, your sessions and all that we keep of you will be deleted at once and for good. You will not see your consumption any more. Think of downloading it first.",
                )) }
                p { a href="/account/export" download { (language.of("Télécharger mes données", "Download my data")) } }
            }))
            (layout::form(&resident.visitor, "/account/delete", html! {
                (layout::own_password(language, "current-password", wrong))
                button type="submit" class="danger" { (language.of("Supprimer définitivement", "Delete for good")) }
            }))
            p { a href="/account" { (language.of("Garder mon compte", "Keep my account")) } }
        },
    )
}
