//! Where a figure of a meter's place comes from: the index at both ends of each part, how it is known, and the sum.
//!
//! The same answer as `/v1/dwellings/{id}/evidence`.

use axum::extract::State;
use axum::response::Response;
use jiff::tz::TimeZone;
use maud::{Markup, html};
use serde::Deserialize;
use wmbus::Decimal;

use super::super::consumption::days;
use super::super::dwellings;
use super::super::evidence::{self, End, Part, PointProof};
use super::super::problem::Problem;
use super::super::query::{Asked, Day, Segment};
use super::census::{Census, Member};
use super::layout::{self, Look, Section};
use super::meter::text_instant;
use super::{Language, words};
use crate::api::Context;
use crate::registry::MeterId;

/// Which days.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DaysQuery {
    from: Option<Day>,
    to: Option<Day>,
    #[serde(rename = "lang")]
    _lang: Option<String>,
}

/// Show what the figure of a meter's place rests on.
pub(super) async fn show(
    State(context): State<Context>,
    look: Look,
    id: Segment,
    Asked(asked): Asked<DaysQuery>,
) -> Result<Response, Problem> {
    let id = MeterId(id.id("id")?);
    let (now, desk) = (context.now(), context.desk().clone());
    let (name, zone, proof, (from, to)) = context
        .ask(move |store| {
            store
                .meter(id)?
                .ok_or_else(|| Problem::not_found("no meter has this number"))?;
            let census = Census::take(store, &desk.census, now)?;
            let member = census.meter(id);
            let spot = member.and_then(Member::spot).cloned().ok_or_else(|| {
                Problem::not_found("this meter hangs nowhere, so that nothing is counted with it")
            })?;
            let (dwelling, site) = dwellings::named(store, spot.dwelling)?;
            let zone = site.zone();
            let today = now.to_zoned_datetime(zone.clone()).date();
            let range = days(asked.from, asked.to, today)?;
            let proof = evidence::proof(store, (dwelling, &site), (range, None), now)?;
            let point = proof
                .points
                .into_iter()
                .find(|point| point.point.id == spot.point.0);
            let serial = member
                .map(|member| member.name().serial.clone())
                .unwrap_or_default();
            Ok((serial, zone, point, range))
        })
        .await?;
    let l = look.language;
    let title = l.of("D’où vient ce chiffre", "Where this figure comes from");
    let last = to.yesterday().map_err(|_| Problem::Internal)?;
    let body = html! {
        p .crumbs {
            a href="/caretaker/meters" { (Section::Meters.name(l)) } " · "
            a href={ "/caretaker/meters/" (id.0) } { (l.of("Compteur", "Meter")) " " (name) }
        }
        h1 { (title) }
        p { (day(l, from)) @if last > from { " – " (day(l, last)) } }
        @match &proof {
            Some(point) => { (parts(l, point, &zone)) }
            None => {
                p .notice { (l.of("Aucun compteur n’a compté ici ces jours-là.", "No meter counted here in these days.")) }
            }
        }
    };
    Ok(layout::answer(layout::page(
        &look,
        Some(Section::Meters),
        title,
        body,
    )))
}

fn day(l: Language, day: jiff::civil::Date) -> String {
    format!("{} {} {}", day.day(), words::month(l, day.month()), day.year())
}

fn parts(l: Language, point: &PointProof, zone: &TimeZone) -> Markup {
    let is_heating = point.unit == "U";
    let rated: Option<Vec<Decimal>> = point.parts.iter().map(rated).collect();
    let sum = rated
        .as_ref()
        .filter(|rated| !rated.is_empty())
        .and_then(|rated| {
            let mut sum = Decimal::new(0, 0);
            for part in rated {
                sum = sum.checked_add(*part)?;
            }
            Some(sum.normalised())
        });
    html! {
        @for (number, part) in point.parts.iter().enumerate() {
            section aria-labelledby={ "part-" (number) } {
                h2 id={ "part-" (number) } { (number + 1) ". " (l.of("Compteur", "Meter")) " " (part.meter.serial) }
                @if part.restarted {
                    p { (l.of(
                        "Reparti de zéro à sa date de relevé, au début de cette partie.",
                        "Began anew at zero on its set date, at the beginning of this part.",
                    )) }
                }
                table .figures {
                    caption .sr { (l.of("La somme", "The sum")) " " (number + 1) }
                    tbody {
                        (end(l, (l.of("À la fin", "At the end"), &part.end), part.last.as_ref(), (point.unit, zone)))
                        (end(l, (l.of("− au début", "− at the beginning"), &part.start), part.first.as_ref(), (point.unit, zone)))
                        tr {
                            th scope="row" { "= " (l.of("compté", "counted")) }
                            td .number data-figure="counted" { (number_or_none(l, part.counted.as_ref().map(|number| number.0), point.unit)) }
                        }
                        tr {
                            th scope="row" { "× " (l.of("coefficient", "rating factor")) }
                            td .number { (words::number(l, part.factor.0)) }
                        }
                        @if is_heating || point.parts.len() > 1 {
                            tr {
                                th scope="row" { "= " (l.of("consommation", "consumption")) }
                                td .number data-figure="rated" {
                                    (number_or_none(l, self::rated(part).map(Decimal::normalised), point.unit))
                                }
                            }
                        }
                    }
                }
            }
        }
        p {
            (l.of("Consommation, exacte : ", "Consumption, exactly: "))
            strong data-figure="sum" { (number_or_none(l, sum, point.unit)) }
        }
    }
}

/// What was counted times the factor; `None` when it is not known, or has too many digits.
fn rated(part: &Part) -> Option<Decimal> {
    let (counted, factor) = (part.counted.as_ref()?.0, part.factor.0);
    Some(Decimal::new(
        counted.mantissa.checked_mul(factor.mantissa)?,
        counted.exponent.checked_add(factor.exponent)?,
    ))
}

fn number_or_none(l: Language, value: Option<Decimal>, unit: &str) -> String {
    value.map_or_else(
        || l.of("manquant", "missing").to_owned(),
        |value| format!("{} {}", words::number(l, value), words::unit(unit)),
    )
}

fn end(
    l: Language,
    (name, instant): (&str, &str),
    end: Option<&End>,
    (unit, zone): (&str, &TimeZone),
) -> Markup {
    html! {
        tr {
            th scope="row" {
                (name) " · " (text_instant(l, instant, zone))
                @match end {
                    Some(end) => {
                        br; span .quiet { (words::quality(l, end.quality)) }
                        @for reading in &end.readings {
                            br;
                            span .quiet {
                                (words::number(l, reading.value.0)) " " (words::unit(unit)) " · " (words::source(l, reading.source))
                                " · " (text_instant(l, &reading.at, zone))
                            }
                        }
                    }
                    None => {
                        br; span .quiet { (l.of("aucun relevé à moins de sept jours", "no reading within seven days")) }
                    }
                }
            }
            td .number data-figure="end" {
                @match end.and_then(|end| end.index.as_ref()) {
                    Some(index) => { (words::number(l, index.0)) " " (words::unit(unit)) }
                    None => { "–" }
                }
            }
        }
    }
}
