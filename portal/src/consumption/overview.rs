//! The first page of a resident: today and this month in large digits, against a year ago; what is worth a look; and where to go on.

use axum::extract::State;
use axum::http::Uri;
use axum::response::Response;
use jiff::ToSpan;
use jiff::civil::Date;
use maud::{Markup, html};

use crate::Language;
use crate::app::App;
use crate::guard::Resident;
use crate::layout::{self, Frame};
use crate::query::{Compare, Consumption, Figure, Kind, Span, Step};

use super::asked::Asked;
use super::household::{Household, Refused};
use super::view::{Range, View};
use super::{HISTORY, HOME, HOURS, hints, parts, words};

pub(super) async fn show(State(app): State<App>, resident: Resident, uri: Uri) -> Response {
    match answer(&app, &resident, &uri).await {
        Ok(response) => response,
        Err(refused) => refused.page(&resident),
    }
}

/// What the month so far is held against.
struct Before {
    days: Range,
    used: Consumption,
}

async fn answer(app: &App, resident: &Resident, uri: &Uri) -> Result<Response, Refused> {
    let asked = Asked::read(uri.query().unwrap_or_default())?;
    let household = Household::find(app, resident, &asked).await?;
    let language = resident.language();
    let (month, before, recent) = figures(&household).await?;
    let title = language.of("Ma consommation", "My consumption");
    let mut worth = hints::found(&household.alerts, language);
    if let Some(recent) = &recent {
        worth.extend(hints::closed(recent, household.last, language));
    }
    let mut kinds: Vec<&Kind> = month.kinds.iter().collect();
    kinds.sort_by_key(|kind| kind.kind.clone());
    kinds.sort_by_key(|kind| rank(kind));
    let body = html! {
        h1 { (title) }
        (household.choice(HOME))
        @if !household.lasts {
            p class="notice" {
                @match language {
                    Language::French => {
                        "Vous avez quitté ce logement : vous voyez vos propres jours, jusqu'au " (words::day(household.last, language)) "."
                    }
                    Language::English => {
                        "You have left this dwelling: you see your own days, up to " (words::day(household.last, language)) "."
                    }
                }
            }
        }
        (parts::hints(&worth, language))
        @if kinds.is_empty() {
            p class="notice" { (language.of(
                "Aucun compteur n'a encore été relevé dans ce logement. Les premiers chiffres arrivent en général en un jour.",
                "No meter of this dwelling has been read yet. The first figures mostly come within a day.",
            )) }
        }
        div class="tiles" {
            @for kind in &kinds {
                (tiles(&household, kind, before.as_ref(), language))
            }
        }
        nav class="beside" aria-label=(language.of("Aller plus loin", "Go on")) {
            ul {
                @for (view, text) in [
                    (View::Week, language.of("Cette semaine, jour par jour", "This week, day by day")),
                    (View::Month, language.of("Ce mois-ci, jour par jour", "This month, day by day")),
                    (View::Year, language.of("Cette année, mois par mois", "This year, month by month")),
                    (View::Years, language.of("Toutes vos années", "All your years")),
                ] {
                    li { a href=(household.link(HISTORY, &[("view", view.name())])) { (text) } }
                }
                @for (path, text) in super::notes(&household, language) {
                    li { a href=(path) { (text) } }
                }
                li { a href=(household.link(HOURS, &[])) { (language.of("Chiffres heure par heure", "Figures hour by hour")) } }
            }
        }
    };
    Ok(layout::page(&Frame::for_resident(resident, title), body))
}

fn rank(kind: &Kind) -> u8 {
    match kind.kind.name() {
        "hot_water" => 0,
        "heating" => 1,
        _ => 2,
    }
}

/// The month so far day by day, as many days of the best that it can be held against, and the last thirty days of the radiators.
async fn figures(
    household: &Household<'_>,
) -> Result<(Consumption, Option<Before>, Option<Consumption>), Refused> {
    let (window, id, query) = (household.window, household.chosen.id, &household.query);
    let whole = Range {
        from: household.last.first_of_month(),
        to: household
            .last
            .first_of_month()
            .checked_add(1.month())
            .unwrap_or(window.to),
    };
    let days = window.cut(whole).unwrap_or(Range {
        from: household.last,
        to: window.to,
    });
    // They were there for all of it, or it would be no comparison.
    let against = [Compare::YearAgo, Compare::Previous]
        .into_iter()
        .filter_map(|compare| View::Month.compared(compare, whole, window))
        .find(|range| days.from == whole.from && window.cut(*range) == Some(*range));
    let span = |days: Range, step| Span {
        from: days.from,
        to: days.to,
        step,
        compare: None,
    };
    let (month, recent) = (
        span(days, Step::Day),
        thirty_days(household).map(|days| span(days, Step::Year)),
    );
    let before = async {
        match against {
            Some(days) => {
                let used = query.consumption(id, &span(days, Step::Year)).await?;
                Ok(Some(Before { days, used }))
            }
            None => Ok(None),
        }
    };
    let recent = async {
        match &recent {
            // A hint that can't be had is no reason to show nothing.
            Some(span) => query.consumption(id, span).await.ok(),
            None => None,
        }
    };
    let (month, before, recent) = tokio::join!(query.consumption(id, &month), before, recent);
    let before: Option<Before> = before.map_err(|failure: crate::query::Failure| Refused::from(failure))?;
    Ok((month?, before, recent))
}

/// The thirty days before today, of a household that lives there and was there for all of them.
fn thirty_days(household: &Household<'_>) -> Option<Range> {
    let from = household.last.checked_sub(30.days()).ok()?;
    let range = Range {
        from,
        to: household.last,
    };
    household
        .window
        .cut(range)
        .filter(|cut| household.lasts && *cut == range)
}

fn tiles(household: &Household<'_>, kind: &Kind, before: Option<&Before>, language: Language) -> Markup {
    let today = kind
        .periods
        .iter()
        .find(|period| period.from == household.last)
        .map(|period| &period.figure);
    let month_name = words::month_of_year(household.last, language);
    let heading = format!("tile-{}-{}", kind.kind.name(), kind.unit);
    let day = household.last.to_string();
    html! {
        section class={ "tile " (kind.kind.name()) } aria-labelledby=(heading) {
            h2 id=(heading) { (words::kind(&kind.kind, language)) }
            div class="pair" {
                div class="main" {
                    h3 {
                        @if household.lasts { (language.of("Ce mois-ci", "This month")) } @else { (words::capitalised(&month_name)) }
                    }
                    (parts::big(kind.total.shown, &kind.unit, language))
                    (parts::how_known(&kind.total, language))
                    (parts::known(kind.points.iter().map(|point| &point.total), &kind.unit, language))
                    @if let Some((was, when)) = before.and_then(|before| against(before, kind, language)) {
                        (parts::comparison(&kind.total, was, &kind.unit, &when, language))
                    }
                }
                div class="side" {
                    h3 {
                        @if household.lasts { (language.of("Aujourd'hui", "Today")) } @else { (words::day(household.last, language)) }
                    }
                    (parts::big(today.and_then(|figure| figure.shown), &kind.unit, language))
                    @if household.lasts {
                        p class="quality" { (language.of("jusqu'à maintenant", "so far")) }
                    }
                }
            }
            p class="more" {
                a href=(household.link(HISTORY, &[("view", View::Month.name()), ("day", &day)])) {
                    (language.of("Voir le détail", "See the details"))
                    span class="hidden" { " · " (words::kind(&kind.kind, language)) }
                }
            }
        }
    }
}

/// The figure of the days compared with, and which they are in words.
fn against<'a>(before: &'a Before, kind: &Kind, language: Language) -> Option<(&'a Figure, String)> {
    let same = before
        .used
        .kinds
        .iter()
        .find(|other| other.kind == kind.kind && other.unit == kind.unit)?;
    let last: Date = before.days.to.yesterday().ok()?;
    Some((&same.total, words::range(before.days.from, last, language)))
}
