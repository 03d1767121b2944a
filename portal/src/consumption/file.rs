//! The figures of a page as a file for a spreadsheet.

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderValue, Uri, header};
use axum::response::{IntoResponse, Response};

use crate::Language;
use crate::app::App;
use crate::guard::Resident;
use crate::query::{Period, Point};

use super::csv::{Csv, Field};
use super::history::Part;
use super::words;

pub(super) async fn show(State(app): State<App>, resident: Resident, uri: Uri) -> Response {
    match Part::find(&app, &resident, &uri).await {
        Ok(part) => answer(&part),
        Err(refused) => refused.page(&resident),
    }
}

fn answer(part: &Part<'_>) -> Response {
    let language = part.household.language();
    let last = part.now.to.yesterday().unwrap_or(part.now.to);
    let name = format!(
        "{}-{}-{last}.csv",
        language.of("consommation", "consumption"),
        part.now.from
    );
    let mut response = Body::from(text(part, language)).into_response();
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/csv; charset=utf-8"),
    );
    if let Ok(disposition) = HeaderValue::from_str(&format!("attachment; filename=\"{name}\"")) {
        headers.insert(header::CONTENT_DISPOSITION, disposition);
    }
    response
}

/// One line for each meter and each period: from the first day to the last one, the figure as pages show it, and with all its digits.
fn text(part: &Part<'_>, language: Language) -> String {
    let mut csv = Csv::new(
        language,
        &language.of(
            [
                "Type",
                "Pièce",
                "Numéro",
                "Premier jour",
                "Dernier jour",
                "Début",
                "Consommation",
                "Valeur exacte",
                "Unité",
                "Qualité",
            ],
            [
                "Kind",
                "Room",
                "Number",
                "First day",
                "Last day",
                "Start",
                "Consumption",
                "Exact value",
                "Unit",
                "Quality",
            ],
        ),
    );
    for shown in part.kinds() {
        let kind = words::kind(&shown.kind.kind, language);
        for point in &shown.kind.points {
            for period in &point.periods {
                line(
                    &mut csv,
                    (&kind, &shown.kind.unit),
                    point,
                    (period, &part.now.time_zone),
                    language,
                );
            }
        }
    }
    csv.finish()
}

fn line(
    csv: &mut Csv,
    (kind, unit): (&str, &str),
    point: &Point,
    (period, zone): (&Period, &str),
    language: Language,
) {
    let last = period.to.yesterday().unwrap_or(period.to).max(period.from);
    let start = jiff::tz::TimeZone::get(zone)
        .map(|zone| {
            period
                .start
                .to_zoned_datetime(zone)
                .strftime("%Y-%m-%d %H:%M")
                .to_string()
        })
        .unwrap_or_default();
    csv.line(&[
        Field::Text(kind),
        Field::Text(&point.point.room),
        Field::Text(&point.meters.join(" ")),
        Field::Text(&period.from.to_string()),
        Field::Text(&last.to_string()),
        Field::Text(&start),
        Field::Number(period.figure.shown.and_then(|shown| shown.rounded(2))),
        Field::Number(period.figure.value),
        Field::Text(words::unit(unit)),
        Field::Text(words::quality(period.figure.quality, language)),
    ]);
}
