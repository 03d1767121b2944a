//! Hot water and heating: the pages with figures.
//!
//! ```text
//! ? ─► asked ─► household (one of the account's own) ─► query ─► model ─► chart, words, parts ─► page
//! ```
//!
//! `view` knows the calendar, `words` both languages, `chart` draws, `csv` writes files, `hints` says what is worth a look. Each page is
//! a file: `overview`, `history`, `file`, `readings` (with `steps` and `ends`), `statement`, `hours`. An occupancy is never taken from an address: the address chooses among
//! the account's own.

mod asked;
mod chart;
mod csv;
mod ends;
mod file;
mod hints;
mod history;
mod hours;
mod household;
mod model;
mod overview;
mod parts;
mod readings;
mod statement;
mod steps;
#[cfg(test)]
mod tests;
mod view;
mod words;

use axum::Router;
use axum::routing::get;

use crate::Language;
use crate::app::App;

use household::Household;

/// The pages with figures, each for residents only.
pub(crate) fn routes() -> Router<App> {
    Router::new()
        .route(HOME, get(overview::show))
        .route(HISTORY, get(history::show))
        .route(FILE, get(file::show))
        .route(READINGS, get(readings::show))
        .route(STATEMENT, get(statement::monthly))
        .route(YEAR_NOTE, get(statement::yearly))
        .route(HOURS, get(hours::show).post(hours::decide))
}

/// Where the papers are that can be printed.
fn notes(household: &Household<'_>, language: Language) -> [(String, &'static str); 2] {
    [
        (
            household.link(STATEMENT, &[]),
            language.of("Relevé mensuel à imprimer", "Monthly statement to print"),
        ),
        (
            household.link(YEAR_NOTE, &[]),
            language.of("Note annuelle à imprimer", "Yearly note to print"),
        ),
    ]
}

const HOME: &str = "/consumption";
const HISTORY: &str = "/consumption/history";
const FILE: &str = "/consumption/file";
const READINGS: &str = "/consumption/readings";
const STATEMENT: &str = "/consumption/statement";
const YEAR_NOTE: &str = "/consumption/year-note";
const HOURS: &str = "/consumption/hours";
