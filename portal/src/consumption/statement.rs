//! The monthly statement and the yearly note that a household is owed, made to be printed on A4.

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
use crate::query::{
    Average, Days, Evaluation, Figure, KindEvaluation, KindNote, PointName, Quality, YearlyNote,
};

use super::asked::{Asked, Wrong};
use super::household::{Household, Refused};
use super::view::Range;
use super::{HOME, STATEMENT, YEAR_NOTE, hints, parts, readings, words};

pub(super) async fn monthly(State(app): State<App>, resident: Resident, uri: Uri) -> Response {
    match month(&app, &resident, &uri).await {
        Ok(response) => response,
        Err(refused) => refused.page(&resident),
    }
}

pub(super) async fn yearly(State(app): State<App>, resident: Resident, uri: Uri) -> Response {
    match year(&app, &resident, &uri).await {
        Ok(response) => response,
        Err(refused) => refused.page(&resident),
    }
}

async fn month(app: &App, resident: &Resident, uri: &Uri) -> Result<Response, Refused> {
    let asked = Asked::read(uri.query().unwrap_or_default())?;
    let household = Household::find(app, resident, &asked).await?;
    let language = resident.language();
    if let Some(first) = asked.month {
        let to = first.checked_add(1.month()).map_err(|_| Wrong::Month)?;
        household
            .window
            .cut(Range { from: first, to })
            .ok_or(Wrong::Outside(household.window))?;
    }
    let evaluation = household
        .query
        .evaluation(household.chosen.id, asked.month)
        .await?;
    let first: Date = format!("{}-01", evaluation.month)
        .parse()
        .unwrap_or(evaluation.since_last.from);
    let name = words::month_of_year(first, language);
    let title = match language {
        Language::French if name.starts_with(['a', 'o']) => format!("Relevé d'{name}"),
        Language::French => format!("Relevé de {name}"),
        Language::English => format!("Statement of {name}"),
    };
    let body = html! {
        article class="sheet" {
            h1 { (title) }
            (household.choice(STATEMENT))
            (place(&household, &evaluation.dwelling.site, &evaluation.dwelling.lot, language))
            (months(&household, first, language))
            @for kind in &evaluation.kinds {
                (evaluated(&household, kind, &evaluation, language))
            }
            (parts::legend(evaluation.kinds.iter().flat_map(qualities), language))
            (foot(language))
        }
        (back(&household, language))
    };
    Ok(layout::page(&Frame::for_resident(resident, &title), body))
}

/// For whom, and what about.
fn place(household: &Household<'_>, site: &str, lot: &str, language: Language) -> Markup {
    html! {
        p class="place" {
            strong { (household.resident.name) } br;
            (household.chosen.label) br;
            (language.of("Résidence", "Residence")) " " (site) " · " (language.of("lot", "lot")) " " (lot)
        }
    }
}

fn months(household: &Household<'_>, first: Date, language: Language) -> Markup {
    let before = first.yesterday().ok().filter(|_| first > household.window.from);
    let behind = first
        .checked_add(1.month())
        .ok()
        .filter(|next| *next < household.window.to);
    let link = |day: Date| {
        household.link(
            STATEMENT,
            &[("month", &format!("{:04}-{:02}", day.year(), day.month()))],
        )
    };
    neighbours(
        before.map(|day| (link(day), words::month_of_year(day, language))),
        behind.map(|day| (link(day), words::month_of_year(day, language))),
        language,
    )
}

fn neighbours(
    before: Option<(String, String)>,
    behind: Option<(String, String)>,
    language: Language,
) -> Markup {
    html! {
        nav class="neighbours no-print" aria-label=(language.of("Autres relevés", "Other statements")) {
            @if let Some((path, name)) = before { a rel="prev" href=(path) { "‹ " (words::capitalised(&name)) } } @else { span {} }
            @if let Some((path, name)) = behind { a rel="next" href=(path) { (words::capitalised(&name)) " ›" } }
        }
    }
}

fn evaluated(
    household: &Household<'_>,
    kind: &KindEvaluation,
    evaluation: &Evaluation,
    language: Language,
) -> Markup {
    let traced = |figure: &Figure, point: &PointName, days: Days| {
        let days = Range {
            from: days.from,
            to: days.to,
        };
        let name = hints::place(&point.kind, &point.room, point.number, language);
        let link = readings::link(household, days, Some(point.id));
        readings::cell(&parts::cell(figure, language), &name, &link, language)
    };
    let last = |to: Date| to.yesterday().unwrap_or(to);
    let since_last = words::range(
        evaluation.since_last.from,
        last(evaluation.since_last.to),
        language,
    );
    let since_january = words::range(
        evaluation.since_january.from,
        last(evaluation.since_january.to),
        language,
    );
    let heading = format!("kind-{}-{}", kind.kind.name(), kind.unit);
    html! {
        section class={ "kind " (kind.kind.name()) } aria-labelledby=(heading) {
            h2 id=(heading) { (words::kind(&kind.kind, language)) }
            div class="scroll" tabindex="0" role="region" aria-label=(parts::table_of(&kind.kind, language)) {
                table {
                    thead {
                        tr {
                            th scope="col" { (language.of("Compteur", "Meter")) }
                            th scope="col" { (language.of("Numéro", "Number")) }
                            th scope="col" class="number" { (words::capitalised(&since_last)) br; (words::unit(&kind.unit)) }
                            th scope="col" class="number" { (words::capitalised(&since_january)) br; (words::unit(&kind.unit)) }
                            th scope="col" { (language.of("Qualité", "Quality")) }
                        }
                    }
                    tbody {
                        @for point in &kind.points {
                            tr {
                                th scope="row" { (hints::place(&point.point.kind, &point.point.room, point.point.number, language)) }
                                td { (point.meters.join(", ")) }
                                td class="number" { (traced(&point.since_last, &point.point, evaluation.since_last)) }
                                td class="number" { (traced(&point.since_january, &point.point, evaluation.since_january)) }
                                td { (words::quality(point.since_last.quality, language)) }
                            }
                        }
                    }
                    tfoot {
                        tr {
                            th scope="row" colspan="2" { "Total" }
                            td class="number" { (words::amount(kind.since_last.shown, &kind.unit, language)) }
                            td class="number" { (words::amount(kind.since_january.shown, &kind.unit, language)) }
                            td { (words::quality(kind.since_last.quality, language)) }
                        }
                    }
                }
            }
            (readings::hint(language))
            (parts::known(kind.points.iter().map(|point| &point.since_last), &kind.unit, language))
            @if let Some(before) = &kind.month_before {
                (parts::comparison(
                    &kind.since_last,
                    before,
                    &kind.unit,
                    language.of("le mois d'avant", "the month before"),
                    language,
                ))
            }
        }
    }
}

fn qualities(kind: &KindEvaluation) -> impl Iterator<Item = Quality> + '_ {
    let points = kind.points.iter().map(|point| point.since_last.quality);
    points.chain([kind.since_last.quality])
}

async fn year(app: &App, resident: &Resident, uri: &Uri) -> Result<Response, Refused> {
    let asked = Asked::read(uri.query().unwrap_or_default())?;
    let household = Household::find(app, resident, &asked).await?;
    let language = resident.language();
    if let Some(year) = asked.year {
        let from = Date::new(year, 1, 1).map_err(|_| Wrong::Year)?;
        let to = from.checked_add(1.year()).map_err(|_| Wrong::Year)?;
        household
            .window
            .cut(Range { from, to })
            .ok_or(Wrong::Outside(household.window))?;
    }
    let note = household
        .query
        .yearly_note(household.chosen.id, asked.year)
        .await?;
    let title = match language {
        Language::French => format!("Note annuelle {}", note.year),
        Language::English => format!("Yearly note {}", note.year),
    };
    let last = note.to.yesterday().unwrap_or(note.to);
    let body = html! {
        article class="sheet" {
            h1 { (title) }
            (household.choice(YEAR_NOTE))
            (place(&household, &note.dwelling.site, &note.dwelling.lot, language))
            p { (words::capitalised(&words::range(note.from, last, language))) "." }
            (years(&household, note.year, language))
            @for kind in &note.kinds {
                (noted(kind, &note, language))
            }
            (parts::legend(note.kinds.iter().flat_map(|kind| {
                kind.months.iter().map(|month| month.figure.quality).chain([kind.total.quality])
            }), language))
            (foot(language))
        }
        (back(&household, language))
    };
    Ok(layout::page(&Frame::for_resident(resident, &title), body))
}

fn years(household: &Household<'_>, year: i16, language: Language) -> Markup {
    let link = |year: i16| {
        let text = year.to_string();
        (household.link(YEAR_NOTE, &[("year", &text)]), text)
    };
    let before = (year > household.window.from.year()).then(|| link(year - 1));
    let behind = (year < household.last.year()).then(|| link(year + 1));
    neighbours(before, behind, language)
}

fn noted(kind: &KindNote, note: &YearlyNote, language: Language) -> Markup {
    let heading = format!("kind-{}-{}", kind.kind.name(), kind.unit);
    let before = match language {
        Language::French => format!("aux mêmes dates en {}", note.year - 1),
        Language::English => format!("the same dates in {}", note.year - 1),
    };
    html! {
        section class={ "kind " (kind.kind.name()) } aria-labelledby=(heading) {
            h2 id=(heading) { (words::kind(&kind.kind, language)) }
            (parts::big(kind.total.shown, &kind.unit, language))
            (parts::how_known(&kind.total, language))
            @if let Some(was) = &kind.year_before {
                (parts::comparison(&kind.total, was, &kind.unit, &before, language))
            }
            @if let Some(average) = &kind.average {
                (average_user(&kind.total, average, language))
            }
            div class="scroll" tabindex="0" role="region" aria-label=(parts::table_of(&kind.kind, language)) {
                table {
                    caption { (language.of("Mois par mois", "Month by month")) }
                    thead {
                        tr {
                            th scope="col" { (language.of("Mois", "Month")) }
                            th scope="col" class="number" { (words::unit(&kind.unit)) }
                            th scope="col" { (language.of("Qualité", "Quality")) }
                        }
                    }
                    tbody {
                        @for month in &kind.months {
                            tr {
                                th scope="row" { (words::capitalised(words::month(month.from, language))) }
                                td class="number" { (parts::cell(&month.figure, language)) }
                                td { (words::quality(month.figure.quality, language)) }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// Beside the average user of the building.
fn average_user(total: &Figure, average: &Average, language: Language) -> Markup {
    let Some(value) = average.for_this_surface else {
        return html! {
            p class="average" { (language.of(
                "La moyenne de l'immeuble ne peut pas être donnée : la surface de votre logement n'est pas connue.",
                "The average of the building can't be given: the surface of your dwelling is not known.",
            )) }
        };
    };
    let of_average = Figure {
        value: Some(value),
        shown: Some(value),
        raw_shown: None,
        quality: average.quality,
        flags: Vec::new(),
    };
    let when = match language {
        Language::French => format!(
            "l'utilisateur moyen de l'immeuble, pour votre surface, sur {} logements",
            average.dwellings
        ),
        Language::English => format!(
            "the average user of the building, for your surface, of {} dwellings",
            average.dwellings
        ),
    };
    parts::comparison(total, &of_average, &average.unit, &when, language)
}

/// Only a script can print: without one there is the browser's own menu.
fn foot(language: Language) -> Markup {
    html! {
        p class="no-print" {
            button type="button" class="secondary" data-print hidden { (language.of("Imprimer", "Print")) }
        }
        p class="fine" { (language.of(
            "Les chiffres sont ceux de vos compteurs, arrondis à deux décimales. Les totaux sont calculés sur les valeurs exactes. \
             « U » : unités de répartition, déjà multipliées par le coefficient de chaque radiateur.",
            "The figures are those of your meters, rounded to two decimals. Totals are made of the exact values. “U”: allocation units, \
             already multiplied by each radiator's factor.",
        )) }
    }
}

fn back(household: &Household<'_>, language: Language) -> Markup {
    html! {
        p class="no-print" { a href=(household.link(HOME, &[])) { (language.of("Revenir à ma consommation", "Back to my consumption")) } }
    }
}
