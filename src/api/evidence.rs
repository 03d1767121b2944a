//! The readings behind a figure: both ends of every part that it is the sum of, so that a bill can be proved.

use axum::extract::State;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
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
    pub(super) dwelling: Dwelling,
    /// First day.
    #[schema(format = Date, example = "2026-01-01")]
    pub(super) from: String,
    /// The day after the last one.
    #[schema(format = Date, example = "2026-02-01")]
    pub(super) to: String,
    /// Point by point.
    pub(super) points: Vec<PointProof>,
}

/// What the figure of one metering point rests on.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct PointProof {
    /// The point.
    pub(super) point: PointName,
    /// The unit of its registers, and of what is counted.
    #[schema(example = "m3")]
    pub(super) unit: &'static str,
    /// The parts that add up to the figure: a new one with each meter, with each rating factor, and where a heat cost
    /// allocator began anew at its set date.
    pub(super) parts: Vec<Part>,
}

/// What one meter counted under one rating factor.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Part {
    /// The meter.
    pub(super) meter: Name,
    /// The instant at which it begins, with the site's offset.
    pub(super) start: String,
    /// The instant at which it ends.
    pub(super) end: String,
    /// Whether the counter began anew at 0 at the very instant at which it begins.
    pub(super) restarted: bool,
    /// What the count is multiplied by.
    pub(super) factor: Number,
    /// What was counted between the ends, as the display counts; null when an end is not known. A counter that broke off in
    /// between counts nothing.
    pub(super) counted: Option<Number>,
    /// What it began with; null when nothing is known.
    pub(super) first: Option<End>,
    /// What it ended with.
    pub(super) last: Option<End>,
}

/// The index at an end, and where it is known from.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct End {
    /// What the register showed at that end, as far as it is known: of an interpolated end on the line between its two
    /// readings, of an estimated one the reading itself, and 0 where the counter began anew. `last` less `first` is what was
    /// counted, but for a register that went over its end in between.
    pub(super) index: Option<Number>,
    /// `measured`, `interpolated` or `estimated`.
    #[schema(example = "measured")]
    pub(super) quality: &'static str,
    /// Seconds to the farthest reading used.
    pub(super) age_seconds: i64,
    /// The readings: one, or the two between which the end lies. Those from outside an occupancy are left out, and so is what
    /// was frozen for the household before when the counter began anew as this one moved in.
    pub(super) readings: Vec<Behind>,
}

/// A reading that a figure rests on; `GET /v1/meters/{serial}/readings` has it with all its marks.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Behind {
    /// The instant that it stands for.
    pub(super) at: String,
    /// Where it came from: `live`, `set_date`, `history`, `manual` or `estimate`.
    #[schema(example = "live")]
    pub(super) source: &'static str,
    /// What the register showed.
    pub(super) value: Number,
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

/// What the figures of a dwelling's days rest on; of a household no reading from outside its window.
pub(super) fn proof(
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
        let end = |edge: Option<Edge>, shows: Option<i64>, may| {
            edge.map(|edge| End::of(&edge, shows.and_then(read), may, zone, read))
        };
        let (first, last) = may;
        // What was frozen then tells how much was used in the year before.
        let after = if part.anew {
            first.checked_add(1.second()).unwrap_or(first)
        } else {
            first
        };
        Self {
            meter: Name::of(&placement.meter),
            start: local(part.start, zone),
            end: local(part.end, zone),
            restarted: part.anew,
            factor: exact(part.factor),
            counted: part.counted.and_then(read),
            first: end(part.from, part.shows_first, (after, last)),
            last: end(part.to, part.shows_last, may),
        }
    }
}

impl End {
    fn of(
        edge: &Edge,
        index: Option<Number>,
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
            index,
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
