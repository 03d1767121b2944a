//! Hours: what they tell, and the household's own decision whether they are kept and shown.

use axum::extract::State;
use axum::http::Uri;
use axum::response::Response;
use maud::html;

use crate::app::App;
use crate::guard::{Form, Resident};
use crate::layout::{self, Frame};
use crate::query::Change;

use super::asked::{Asked, Wrong};
use super::household::{self, Household, Refused};
use super::view::View;
use super::{HISTORY, HOME, HOURS};

pub(super) async fn show(State(app): State<App>, resident: Resident, uri: Uri) -> Response {
    match page(&app, &resident, &uri).await {
        Ok(response) => response,
        Err(refused) => refused.page(&resident),
    }
}

pub(super) async fn decide(State(app): State<App>, resident: Resident, form: Form) -> Response {
    match record(&app, &resident, &form).await {
        Ok(response) => response,
        Err(refused) => refused.page(&resident),
    }
}

async fn page(app: &App, resident: &Resident, uri: &Uri) -> Result<Response, Refused> {
    let asked = Asked::read(uri.query().unwrap_or_default())?;
    let household = Household::find(app, resident, &asked).await?;
    let language = resident.language();
    let title = language.of("Chiffres heure par heure", "Figures hour by hour");
    let home = household.chosen.id.to_string();
    let day = household.last.to_string();
    let agrees = household.keeps_hourly;
    let body = html! {
        h1 { (title) }
        (household.choice(HOURS))
        @if agrees {
            p { strong { (language.of(
                "Vous avez accepté que vos chiffres soient gardés et montrés heure par heure.",
                "You agreed that your figures are kept and shown hour by hour.",
            )) } }
            p class="actions" {
                a class="button" href=(household.link(HISTORY, &[("view", View::Day.name()), ("day", &day)])) {
                    (language.of("Voir les heures", "See the hours"))
                }
            }
        } @else {
            p { strong { (language.of(
                "Vos chiffres sont montrés par jour. Les heures ne sont gardées que si vous l'acceptez.",
                "Your figures are shown by day. Hours are kept only if you agree.",
            )) } }
        }
        p { (language.of(
            "Heure par heure, on peut deviner quand vous vous levez, quand vous prenez une douche ou quand vous êtes absent. En échange, \
             vous repérez plus vite une fuite ou une mauvaise habitude. Vous seul voyez ces chiffres, et vous pouvez changer d'avis à tout \
             moment ; rien d'autre ne change pour vous.",
            "Hour by hour one can guess when you get up, when you take a shower or when you are away. In return you find a leak or a bad \
             habit sooner. You alone see these figures, and you can change your mind at any time; nothing else changes for you.",
        )) }
        @if household.lasts {
            (layout::form(&resident.visitor, HOURS, html! {
                input type="hidden" name="home" value=(home);
                input type="hidden" name="agree" value=(if agrees { "no" } else { "yes" });
                button type="submit" class=[agrees.then_some("secondary")] {
                    @if agrees {
                        (language.of("Ne plus garder mes heures", "Keep my hours no longer"))
                    } @else {
                        (language.of("J'accepte que mes heures soient gardées", "I agree that my hours are kept"))
                    }
                }
            }))
        } @else {
            p { (language.of(
                "Vous avez quitté ce logement : ce choix ne peut plus être changé.",
                "You have left this dwelling: this choice can't be changed any more.",
            )) }
        }
        p { a href=(household.link(HOME, &[])) { (language.of("Revenir à ma consommation", "Back to my consumption")) } }
    };
    Ok(layout::page(&Frame::for_resident(resident, title), body))
}

async fn record(app: &App, resident: &Resident, form: &Form) -> Result<Response, Refused> {
    let query = form_urlencoded::Serializer::new(String::new())
        .append_pair("home", form.get("home"))
        .finish();
    let asked = Asked::read(&query)?;
    let household = Household::find(app, resident, &asked).await?;
    let agrees = match form.get("agree") {
        "yes" => true,
        "no" => false,
        _ => return Err(Refused::Failure(crate::failure::Failure::Unreadable)),
    };
    if !household.lasts {
        return Err(Wrong::Outside(household.window).into());
    }
    let change = Change {
        keeps_hourly: Some(agrees),
        until: None,
    };
    household
        .query
        .change_occupancy(household.chosen.id, &change)
        .await?;
    // The account's own page shows the same choice.
    let (account, id) = (resident.account(), household.chosen.id);
    app.ask(move |accounts| accounts.set_hourly(account, id, agrees))
        .await
        .map_err(Refused::Failure)?;
    Ok(layout::see_other(&household::link(
        HOURS,
        household.chosen.id,
        &[],
    )))
}
