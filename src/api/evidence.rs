//! The readings behind a figure: both ends of every part that it is the sum of, so that a bill can be proved.

use axum::extract::State;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use wmbus::Decimal;

use crate::consumption::{self, Edge, Metered, Period, Used};
use crate::registry::{self, DwellingId, OccupancyId, Site};
use crate::store::{Placement, Store};

use super::Context;
use super::consumption::{days, range_problem};
use super::dwellings::{self, Dwelling};
use super::json::{Json, Number, exact, local};
use super::meters::{Name, PointName};
use super::occupancies::{Window, household, today};
use super::problem::Problem;
use super::query::{Asked, Day, Segment};

/// What the figures of some days rest on.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Evidence)]
pub(super) struct Proof {
    /// The dwelling.
    dwelling: Dwelling,
    /// First day.
    #[schema(format = Date, example = "2026-01-01")]
    from: String,
    /// The day after the last one.
    #[schema(format = Date, example = "2026-02-01")]
    to: String,
    /// Point by point.
    points: Vec<PointProof>,
}

/// What the figure of one metering point rests on.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct PointProof {
    /// The point.
    point: PointName,
    /// The unit of its registers, and of what is counted.
    #[schema(example = "m3")]
    unit: &'static str,
    /// The parts that add up to the figure: a new one with each meter and each rating factor.
    parts: Vec<Part>,
}

/// What one meter counted under one rating factor.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Part {
    /// The meter.
    meter: Name,
    /// The instant at which it begins, with the site's offset.
    start: String,
    /// The instant at which it ends.
    end: String,
    /// What the count is multiplied by.
    factor: Number,
    /// What was counted between the ends, as the display counts; null when an end is not known. A counter that broke off in
    /// between counts nothing.
    counted: Option<Number>,
    /// What it began with; null when nothing is known.
    first: Option<End>,
    /// What it ended with.
    last: Option<End>,
}

/// The index at an end, and where it is known from.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct End {
    /// `measured`, `interpolated` or `estimated`.
    #[schema(example = "measured")]
    quality: &'static str,
    /// Seconds to the farthest reading used.
    age_seconds: i64,
    /// The readings: one, or the two between which the end lies. Those from outside an occupancy are left out.
    readings: Vec<Behind>,
}

/// A reading that a figure rests on; `GET /v1/meters/{serial}/readings` has it with all its marks.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Behind {
    /// The instant that it stands for.
    at: String,
    /// Where it came from: `live`, `set_date`, `history`, `manual` or `estimate`.
    #[schema(example = "live")]
    source: &'static str,
    /// What the register showed.
    value: Number,
}

/// Which days.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct DaysQuery {
    /// First day; as for the consumption when left out.
    #[param(value_type = Option<String>, format = Date, example = "2026-01-01")]
    from: Option<Day>,
    /// The day after the last one.
    #[param(value_type = Option<String>, format = Date, example = "2026-02-01")]
    to: Option<Day>,
}

/// Show the readings behind a dwelling's figures.
#[utoipa::path(
    get,
    path = "/v1/dwellings/{id}/evidence",
    tag = "consumption",
    params(("id" = i64, Path, description = "The dwelling's id"), DaysQuery),
    responses((status = 200, description = "What the figures rest on", body = Proof), Problem),
    security(("token" = ["operator"]))
)]
pub(super) async fn of_dwelling(
    State(context): State<Context>,
    id: Segment,
    Asked(asked): Asked<DaysQuery>,
) -> Result<Json<Proof>, Problem> {
    let id = DwellingId(id.id("id")?);
    let now = context.now();
    context
        .ask(move |store| {
            let (dwelling, site) = dwellings::named(store, id)?;
            let days = days(asked.from, asked.to, today(&site, now))?;
            proof(store, (dwelling, &site), (days, None), now)
        })
        .await
        .map(Json)
}

/// Show the readings behind a household's figures; days outside the occupancy are cut off.
#[utoipa::path(
    get,
    path = "/v1/occupancies/{id}/evidence",
    tag = "occupancies",
    params(("id" = i64, Path, description = "The occupancy's id"), DaysQuery),
    responses((status = 200, description = "What the figures rest on", body = Proof), Problem),
    security(("token" = ["portal", "operator"]))
)]
pub(super) async fn of_occupancy(
    State(context): State<Context>,
    id: Segment,
    Asked(asked): Asked<DaysQuery>,
) -> Result<Json<Proof>, Problem> {
    let id = OccupancyId(id.id("id")?);
    let now = context.now();
    context
        .ask(move |store| {
            let home = household(store, id, now)?;
            let days = home.window.asked(asked.from, asked.to, home.today)?;
            proof(store, (home.dwelling, &home.site), (days, Some(home.window)), now)
        })
        .await
        .map(Json)
}

fn proof(
    store: &dyn Store,
    (dwelling, site): (registry::Dwelling, &Site),
    ((from, to), window): ((Date, Date), Option<Window>),
    now: Timestamp,
) -> Result<Proof, Problem> {
    let zone = site.zone();
    let may = match window {
        // What the meter showed before they moved in tells of others.
        Some(window) => {
            let theirs = Period::new(window.from, window.to, &zone).map_err(|error| range_problem(&error))?;
            (theirs.start, theirs.end)
        }
        None => (Timestamp::MIN, Timestamp::MAX),
    };
    let whole = Period::new(from, to, &zone).map_err(|error| range_problem(&error))?;
    let metered = consumption::of_dwelling(store, dwelling.id, whole.start, whole.end, now)?;
    Ok(Proof {
        dwelling: Dwelling::of(dwelling, site),
        from: from.to_string(),
        to: to.to_string(),
        points: metered
            .iter()
            .map(|metered| PointProof::of(metered, &whole, may, &zone))
            .filter(|point| !point.parts.is_empty())
            .collect(),
    })
}

impl PointProof {
    fn of(metered: &Metered, whole: &Period, may: (Timestamp, Timestamp), zone: &TimeZone) -> Self {
        let (unit, shift) = metered.unit.symbol();
        Self {
            point: PointName::of(&metered.point),
            unit,
            parts: metered
                .place
                .evidence(whole.start, whole.end)
                .iter()
                .filter_map(|part| {
                    let placement = metered.placements.get(part.service)?;
                    Some(Part::of(placement, part, (shift, may), zone))
                })
                .collect(),
        }
    }
}

impl Part {
    fn of(
        placement: &Placement,
        part: &consumption::Evidence,
        (shift, may): (i8, (Timestamp, Timestamp)),
        zone: &TimeZone,
    ) -> Self {
        let read = |value: i64| {
            let exponent = part.exponent.checked_sub(shift)?;
            Some(exact(Decimal::new(value, exponent)))
        };
        let end = |edge: Option<Edge>| edge.map(|edge| End::of(&edge, may, zone, read));
        Self {
            meter: Name::of(&placement.meter),
            start: local(part.start, zone),
            end: local(part.end, zone),
            factor: exact(part.factor),
            counted: part.counted.and_then(read),
            first: end(part.from),
            last: end(part.to),
        }
    }
}

impl End {
    fn of(
        edge: &Edge,
        (first, last): (Timestamp, Timestamp),
        zone: &TimeZone,
        read: impl Fn(i64) -> Option<Number>,
    ) -> Self {
        let behind = |used: Used| {
            Some(Behind {
                at: local(used.at, zone),
                source: used.source.name(),
                value: read(used.raw)?,
            })
        };
        Self {
            quality: edge.quality.name(),
            age_seconds: edge.age,
            readings: [Some(edge.used), edge.and]
                .into_iter()
                .flatten()
                .filter(|used| (first..=last).contains(&used.at))
                .filter_map(behind)
                .collect(),
        }
    }
}
