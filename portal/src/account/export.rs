//! Everything that is known of a resident, as one JSON file: what the portal keeps, and their consumption by the day.

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use jiff::ToSpan;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde_json::{Value, json};

use crate::accounts::Occupancy;
use crate::app::App;
use crate::failure::Failure;
use crate::guard::Resident;
use crate::query::{self, Figure, Period, ProblemKind, Query, Span, Step};

pub(super) async fn download(State(app): State<App>, resident: Resident) -> Result<Response, Failure> {
    let (account, now) = (resident.account(), app.now());
    let service = app.query.of_client(&resident.visitor.alias());
    let tomorrow = now
        .to_zoned_datetime(TimeZone::UTC)
        .date()
        .saturating_add(1.day());
    let mut homes = Vec::new();
    for occupancy in &resident.occupancies {
        let consumption = consumption(&service, occupancy, tomorrow)
            .await
            .map_err(|failure| {
                if failure.unavailable().is_some() {
                    Failure::Unavailable
                } else {
                    Failure::internal(&failure)
                }
            })?;
        homes.push(json!({
            "occupancy": occupancy.id,
            "dwelling": occupancy.dwelling,
            "label": occupancy.label,
            "role": occupancy.role,
            "from": occupancy.from.to_string(),
            "keeps_hourly": occupancy.keeps_hourly,
            "consumption_by_day": consumption,
        }));
    }
    let kept = app
        .ask(move |accounts| accounts.export(account, now))
        .await?
        .ok_or(Failure::NotFound)?;
    let body = json!({
        "exported_at": now.to_string(),
        "account": {
            "name": kept.account.name,
            "email": kept.account.email,
            "language": kept.account.language.code(),
            "created_at": kept.created.to_string(),
            "consented_at": kept.consented.to_string(),
        },
        "homes": homes,
        "sessions": kept.sessions.iter().map(|(begun, used)| json!({
            "begun_at": begun.to_string(),
            "last_used_at": used.to_string(),
        })).collect::<Vec<_>>(),
        "events": kept.events.iter().map(|(at, event)| json!({
            "at": at.to_string(),
            "event": event,
        })).collect::<Vec<_>>(),
        "mails_waiting": kept.mails.iter().map(|(at, subject)| json!({
            "at": at.to_string(),
            "subject": subject,
        })).collect::<Vec<_>>(),
    });
    let text = serde_json::to_vec_pretty(&body).map_err(|error| Failure::internal(&error))?;
    let mut response = Body::from(text).into_response();
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json; charset=utf-8"),
    );
    headers.insert(
        header::CONTENT_DISPOSITION,
        HeaderValue::from_static("attachment; filename=\"releve-export.json\""),
    );
    Ok(response)
}

/// What a household used, point by point and day by day; asked for a year at a time. Exact decimals, as texts.
async fn consumption(
    service: &Query,
    occupancy: &Occupancy,
    end: Date,
) -> Result<Vec<Value>, query::Failure> {
    let mut years = Vec::new();
    let mut from = occupancy.from;
    while from < end {
        let to = from.saturating_add(1.year()).min(end);
        let span = Span {
            from,
            to,
            step: Step::Day,
            compare: None,
        };
        from = to;
        let used = match service.consumption(occupancy.id, &span).await {
            Ok(used) => used,
            // A year after the last day.
            Err(failure) if failure.kind() == Some(&ProblemKind::OutsideOccupancy) => continue,
            // The service does not know the household any more: there is nothing to export.
            Err(failure) if failure.kind() == Some(&ProblemKind::NotFound) => break,
            Err(failure) => return Err(failure),
        };
        for kind in used.kinds {
            for point in kind.points {
                years.push(json!({
                    "kind": kind.kind.name(),
                    "unit": kind.unit,
                    "room": point.point.room,
                    "number": point.point.number,
                    "meters": point.meters,
                    "days": point.periods.iter().map(day).collect::<Vec<_>>(),
                }));
            }
        }
    }
    Ok(years)
}

fn day(period: &Period) -> Value {
    let Figure {
        value,
        quality,
        flags,
        ..
    } = &period.figure;
    json!({
        "day": period.from.to_string(),
        "value": value.as_ref().map(ToString::to_string),
        "quality": format!("{quality:?}").to_lowercase(),
        "flags": flags,
    })
}
