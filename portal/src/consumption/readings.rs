//! Where the figures of some days come from, meter by meter: what each showed at the beginning and at the end, how that is known, what
//! happened in between, and the sum that makes the figure.

use axum::extract::State;
use axum::http::Uri;
use axum::response::Response;
use jiff::tz::TimeZone;
use maud::{Markup, html};

use crate::Language;
use crate::app::App;
use crate::guard::Resident;
use crate::layout::{self, Frame};
use crate::query::{Consumption, Decimal, Evidence, Kind, Point, Span, Step};

use super::asked::{Asked, Wrong};
use super::ends::Words;
use super::household::{Household, Refused};
use super::view::Range;
use super::{HOME, READINGS, hints, model, parts, steps, words};

pub(super) async fn show(State(app): State<App>, resident: Resident, uri: Uri) -> Response {
    match answer(&app, &resident, &uri).await {
        Ok(response) => response,
        Err(refused) => refused.page(&resident),
    }
}

/// The address of the page about a household's days, or about one metering point of them.
pub(super) fn link(household: &Household<'_>, days: Range, point: Option<i64>) -> String {
    let last = days.to.yesterday().unwrap_or(days.from).to_string();
    let first = days.from.to_string();
    let point = point.map(|point| point.to_string());
    let mut pairs = vec![("first", first.as_str()), ("last", last.as_str())];
    pairs.extend(point.as_deref().map(|point| ("point", point)));
    household.link(READINGS, &pairs)
}

/// A figure in a table that leads to where it comes from; `of` says which it is to those who do not see the table.
pub(super) fn cell(figure: &str, of: &str, link: &str, language: Language) -> Markup {
    let says = format!(
        "{figure}, {of}\u{A0}: {}",
        language.of("d'où vient ce chiffre", "where this figure comes from")
    );
    html! { a href=(link) aria-label=(says) { (figure) } }
}

/// That such figures can be opened.
pub(super) fn hint(language: Language) -> Markup {
    html! {
        p class="fine no-print" { (language.of(
            "Chaque chiffre souligné mène aux relevés dont il vient.",
            "Each underlined figure leads to the readings that it comes from.",
        )) }
    }
}

async fn answer(app: &App, resident: &Resident, uri: &Uri) -> Result<Response, Refused> {
    let asked = Asked::read(uri.query().unwrap_or_default())?;
    let household = Household::find(app, resident, &asked).await?;
    let language = resident.language();
    let days = days(&asked, &household)?;
    let span = Span {
        from: days.from,
        to: days.to,
        step: Step::Year,
        compare: None,
    };
    let (query, id) = (&household.query, household.chosen.id);
    let (used, behind) = tokio::join!(
        query.consumption(id, &span),
        query.evidence(id, days.from, days.to)
    );
    let (used, behind) = (used?, behind?);
    let shown = points(&used, asked.point);
    if shown.is_empty() && asked.point.is_some() {
        return Err(Wrong::Point.into());
    }
    let last = days.to.yesterday().unwrap_or(days.from);
    let title = language.of("D'où viennent ces chiffres", "Where these figures come from");
    let body = html! {
        h1 { (title) }
        (household.choice(READINGS))
        p { strong { (words::capitalised(&words::range(days.from, last, language))) } }
        p { (language.of(
            "Un compteur ne montre qu'un nombre, son index, qui augmente quand on consomme. Votre consommation est l'index de la fin \
             moins celui du début.",
            "A meter shows one number, its index, which grows with use. What you used is the index at the end less the index at the \
             beginning.",
        )) }
        @if shown.is_empty() {
            p class="notice" { (language.of(
                "Aucun compteur n'a été relevé dans ce logement pendant cette période.",
                "No meter of this dwelling was read in this time.",
            )) }
        }
        div class="kinds" {
            @for (kind, point) in &shown {
                (traced(kind, point, (&used, &behind), language))
            }
        }
        (parts::legend(shown.iter().map(|(_, point)| point.total.quality), language))
        (beside(&household, days, asked.point, language))
    };
    Ok(layout::page(&Frame::for_resident(resident, title), body))
}

/// The days that were asked for, as far as they are the household's: from the first of the month, and to the last that it may see, where
/// nothing was said.
fn days(asked: &Asked, household: &Household<'_>) -> Result<Range, Refused> {
    let last = asked.last.unwrap_or(household.last);
    let first = asked.first.unwrap_or_else(|| last.first_of_month());
    if last < first {
        return Err(Wrong::Backwards.into());
    }
    let whole = Range {
        from: first,
        to: last.tomorrow().map_err(|_| Wrong::Day)?,
    };
    let days = household.window.cut(whole);
    Ok(days.ok_or(Wrong::Outside(household.window))?)
}

/// All points in the order of the other pages, or the one that was asked for.
fn points(used: &Consumption, point: Option<i64>) -> Vec<(&Kind, &Point)> {
    let mut kinds: Vec<&Kind> = used.kinds.iter().collect();
    kinds.sort_by(|a, b| model::rank(a).cmp(&model::rank(b)));
    kinds
        .into_iter()
        .flat_map(|kind| kind.points.iter().map(move |point| (kind, point)))
        .filter(|(_, shown)| point.is_none_or(|point| point == shown.point.id))
        .collect()
}

/// One metering point.
fn traced(
    kind: &Kind,
    point: &Point,
    (used, behind): (&Consumption, &Evidence),
    language: Language,
) -> Markup {
    let zone = TimeZone::get(&used.time_zone).unwrap_or(TimeZone::UTC);
    let name = &point.point;
    let heading = format!("point-{}", name.id);
    let found = behind.points.iter().find(|other| other.point.id == name.id);
    let words = Words {
        language,
        zone: &zone,
        unit: found.map_or(kind.unit.as_str(), |found| found.unit.as_str()),
    };
    let made = found.map(|found| found.parts.as_slice()).unwrap_or_default();
    let sum = steps::sum(made);
    // What runs grows between two questions: the page shows what it adds up.
    let shown = sum
        .filter(|_| point.total.is_running())
        .and_then(|sum| sum.rounded(2))
        .or(point.total.shown);
    html! {
        section class={ "kind " (kind.kind.name()) } aria-labelledby=(heading) {
            h2 id=(heading) { (hints::place(&name.kind, &name.room, name.number, language)) }
            (parts::big(shown, &kind.unit, language))
            (parts::how_known(&point.total, language))
            @if made.is_empty() {
                p class="notice" { (language.of(
                    "Aucun compteur n'a compté ici pendant cette période.",
                    "No meter counted here in this time.",
                )) }
            }
            (steps::parts(made, kind, words))
            (rounding(sum, shown, kind, language))
            @if point.total.flags.iter().any(|flag| flag == "unmetered") {
                p class="quality" { (language.of(
                    "Pendant une partie de cette période, aucun compteur n'était posé ici.",
                    "For a part of this time no meter was mounted here.",
                )) }
            }
        }
    }
}

/// From the exact sum to what all pages show.
fn rounding(sum: Option<Decimal>, shown: Option<Decimal>, kind: &Kind, language: Language) -> Markup {
    html! {
        @if let Some(shown) = shown.filter(|shown| Some(*shown) != sum && sum.is_some()) {
            p class="quality" {
                (language.of("Arrondi à deux décimales, comme sur toutes les pages\u{A0}: ", "Rounded to two decimals, as on all pages: "))
                strong { (words::amount(Some(shown), &kind.unit, language)) }
            }
        }
    }
}

fn beside(household: &Household<'_>, days: Range, point: Option<i64>, language: Language) -> Markup {
    let mut links = Vec::new();
    if point.is_some() {
        links.push((
            link(household, days, None),
            language.of("Tous les compteurs de cette période", "All meters of this time"),
        ));
    }
    links.push((
        household.link(HOME, &[]),
        language.of("Revenir à ma consommation", "Back to my consumption"),
    ));
    parts::beside(&links, language)
}
