//! Meters: who they are, where they hang, how they are.

use axum::extract::State;
use axum::response::Response;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::registry::{self, MeterId};
use crate::store::{Placement, Store};

use super::Context;
use super::finding;
use super::format::{Entry, Wanted};
use super::json::{Json, Number, local};
use super::page::{Cursor, Limit, List, Page};
use super::problem::Problem;
use super::query::{Asked, Segment};
use super::readings::Value;

/// Who a meter is.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = MeterName)]
pub(super) struct Name {
    /// What stands on its housing, or its identification number when the registry knows no printed serial.
    pub(super) serial: String,
    /// The maker's three letters.
    #[schema(example = "KAM")]
    pub(super) manufacturer: String,
    /// The identification number on the air, eight hexadecimal digits.
    #[schema(example = "12345678")]
    pub(super) id: String,
    /// The maker's generation, two hexadecimal digits; null when the registry leaves it open.
    pub(super) version: Option<String>,
    /// What it measures, by its device type; null when the registry leaves it open.
    #[schema(example = "warm_water")]
    pub(super) medium: Option<String>,
}

/// A meter and where it hangs now.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct MeterEntry {
    #[serde(flatten)]
    pub(super) name: Name,
    /// Where it hangs now; null while it is installed nowhere.
    pub(super) installed: Option<Installed>,
}

impl Entry for MeterEntry {
    const COLUMNS: &'static [&'static str] = &[
        "serial",
        "manufacturer",
        "id",
        "version",
        "medium",
        "installed.site",
        "installed.dwelling",
        "installed.lot",
        "installed.point.id",
        "installed.point.kind",
        "installed.point.room",
        "installed.point.number",
        "installed.from",
        "installed.until",
        "installed.start_index",
        "installed.end_index",
        "installed.factors",
    ];
}

/// A meter's place for a while.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Installed {
    /// Code of the site.
    pub(super) site: String,
    /// Id of the dwelling.
    pub(super) dwelling: i64,
    /// Lot number of the dwelling.
    pub(super) lot: String,
    /// The metering point.
    pub(super) point: PointName,
    #[serde(flatten)]
    pub(super) service: ServiceTime,
}

/// A metering point.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct PointName {
    /// Its id.
    pub(super) id: i64,
    /// What is counted there.
    #[schema(example = "heating")]
    pub(super) kind: &'static str,
    /// The room; may be empty.
    pub(super) room: String,
    /// 1, or more when a room has several of a kind.
    pub(super) number: u16,
}

/// From when to when a meter served, and how its count is rated.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ServiceTime {
    /// Mounted at; null: before anyone kept count.
    pub(super) from: Option<String>,
    /// Taken off at; null: still there.
    pub(super) until: Option<String>,
    /// What it showed when it was mounted.
    pub(super) start_index: Option<Number>,
    /// What it showed when it was taken off.
    pub(super) end_index: Option<Number>,
    /// The rating factors, oldest first; empty for a factor of 1.
    pub(super) factors: Vec<FactorSince>,
}

/// A rating factor and since when it is valid.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct FactorSince {
    /// Null: since it was mounted.
    pub(super) from: Option<String>,
    /// What raw counts are multiplied by.
    pub(super) factor: Number,
}

/// Everything about one meter.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct MeterDetails {
    #[serde(flatten)]
    pub(super) name: Name,
    /// The rule by which the number that was asked for led to this meter.
    #[schema(example = "printed_serial")]
    pub(super) found_by: &'static str,
    /// Where it hangs and hung, oldest first.
    pub(super) installations: Vec<Installed>,
    /// How it was last heard; null when never.
    pub(super) heard: Option<MeterHeard>,
    /// What became of its telegrams.
    pub(super) outcomes: Vec<OutcomeEntry>,
    /// What it said of itself: firmware, fabrication number …
    pub(super) facts: Vec<Fact>,
    /// The latest value of each of its series.
    pub(super) latest: Vec<Value>,
}

/// How a meter was last heard.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct MeterHeard {
    /// First telegram kept.
    pub(super) first_heard: String,
    /// Latest telegram.
    pub(super) last_heard: String,
    /// Strength of the latest, in dBm.
    pub(super) rssi_dbm: Option<i16>,
    /// Receiver of the latest.
    pub(super) radio: String,
    /// What became of the latest.
    #[schema(example = "read")]
    pub(super) outcome: String,
    /// Why the latest gave nothing, in a sentence; null when it was read, or is no longer kept.
    #[schema(example = "wrong_key: none of the keys opens it")]
    pub(super) evidence: Option<String>,
    /// Telegrams kept, each counted once.
    pub(super) telegrams: u64,
    /// The meter's own clock, as sent, in the latest telegram that could be opened.
    pub(super) device_time: Option<String>,
    /// The conditions that it told then.
    pub(super) status: Vec<StatusEntry>,
}

/// A condition of a meter.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct StatusEntry {
    /// What is the matter.
    #[schema(example = "battery_low")]
    pub(super) word: &'static str,
    /// True when it was so and is no longer.
    pub(super) past: bool,
}

/// How many telegrams ended in one way.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct OutcomeEntry {
    /// The outcome's code.
    #[schema(example = "read")]
    pub(super) outcome: String,
    /// How many.
    pub(super) telegrams: u64,
    /// The latest of them.
    pub(super) last_at: String,
}

/// Something a meter said of itself.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Fact {
    /// What about.
    #[schema(example = "fabrication_no")]
    pub(super) name: String,
    /// As said.
    pub(super) value: String,
    /// When it was received.
    pub(super) at: String,
}

/// Which meters.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct MetersQuery {
    /// Where the page before ended.
    cursor: Option<String>,
    /// How many, 1 to 1000.
    #[serde(default)]
    #[param(value_type = u16, minimum = 1, maximum = 1000, default = 100, required = false)]
    limit: Limit,
}

/// A route without parameters.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Nothing {}

/// List the registered meters.
#[utoipa::path(
    get,
    path = "/v1/meters",
    tag = "meters",
    params(MetersQuery),
    responses((status = 200, description = "The meters in the order of their registration", content(
        (Page<MeterEntry> = "application/json"),
        (String = "text/csv"),
        (String = "application/x-ndjson"),
    )), Problem),
    security(("token" = ["operator"]))
)]
pub(super) async fn list(
    State(context): State<Context>,
    wanted: Wanted,
    Asked(asked): Asked<MetersQuery>,
) -> Result<Response, Problem> {
    let now = context.now();
    context
        .ask(move |store| {
            let after = asked
                .cursor
                .as_deref()
                .map(|cursor| Cursor::key::<1>(cursor, List::Meters, "cursor"))
                .transpose()?
                .map(|[id]| MeterId(id));
            let limit = asked.limit.0;
            Page::cut(
                store.meters(after, limit + 1)?,
                limit,
                |meter| Cursor::new(List::Meters, [meter.id.0]),
                |meter| {
                    let placements = store.placements_of_meter(meter.id)?;
                    let current = placements
                        .iter()
                        .find(|placement| placement.installation.covers(now));
                    Ok(MeterEntry {
                        installed: current.map(|current| installed(store, current)).transpose()?,
                        name: Name::of(&meter),
                    })
                },
            )
        })
        .await
        .map(|answer| wanted.answer(answer))
}

/// Show one meter: where it hangs, how it was last heard, its latest values.
#[utoipa::path(
    get,
    path = "/v1/meters/{serial}",
    tag = "meters",
    params(("serial" = String, Path, description = "What stands on its housing, however it is typed, or its address such as KAM-12345678-1B-16")),
    responses((status = 200, description = "The meter", body = MeterDetails), Problem),
    security(("token" = ["operator"]))
)]
pub(super) async fn show(
    State(context): State<Context>,
    serial: Segment,
    _: Asked<Nothing>,
) -> Result<Json<MeterDetails>, Problem> {
    let computed = context.computed;
    context
        .ask(move |store| {
            let (rule, meter) = finding::one(store, &serial.0, computed)?;
            details(store, &meter, rule)
        })
        .await
        .map(Json)
}

/// Everything about a meter.
pub(super) fn details(
    store: &dyn Store,
    meter: &registry::Meter,
    rule: &'static str,
) -> Result<MeterDetails, Problem> {
    let placements = store.placements_of_meter(meter.id)?;
    Ok(MeterDetails {
        found_by: rule,
        installations: placements
            .iter()
            .map(|placement| installed(store, placement))
            .collect::<Result<_, _>>()?,
        heard: store.meter_state(meter.id)?.map(MeterHeard::from),
        outcomes: store
            .outcomes(meter.id)?
            .into_iter()
            .map(|count| OutcomeEntry {
                outcome: count.outcome,
                telegrams: count.telegrams,
                last_at: count.last_at.to_string(),
            })
            .collect(),
        facts: store
            .facts(meter.id)?
            .into_iter()
            .map(|fact| Fact {
                name: fact.name,
                value: fact.value,
                at: fact.at.to_string(),
            })
            .collect(),
        latest: store.latest(&[meter.id])?.iter().map(Value::of).collect(),
        name: Name::of(meter),
    })
}

/// A placement with the names of everything around it.
pub(super) fn installed(store: &dyn Store, placement: &Placement) -> Result<Installed, Problem> {
    let dwelling = store.dwelling(placement.point.dwelling)?;
    let site = match &dwelling {
        Some(dwelling) => store.site(dwelling.site)?,
        None => None,
    };
    let zone = site.as_ref().map_or(TimeZone::UTC, registry::Site::zone);
    Ok(Installed {
        site: site.map(|site| site.code.to_string()).unwrap_or_default(),
        dwelling: placement.point.dwelling.0,
        lot: dwelling.map(|dwelling| dwelling.lot).unwrap_or_default(),
        point: PointName::of(&placement.point),
        service: ServiceTime::of(placement, &zone),
    })
}

impl Name {
    pub(super) fn of(meter: &registry::Meter) -> Self {
        let id = meter.address.identification_number.to_string();
        Self {
            serial: meter.printed_serial.clone().unwrap_or_else(|| id.clone()),
            manufacturer: meter.address.manufacturer.to_string(),
            version: meter.address.version.map(|version| version.to_string()),
            medium: meter.address.device_type.map(|kind| kind.name().to_owned()),
            id,
        }
    }
}

impl PointName {
    pub(super) fn of(point: &registry::Point) -> Self {
        Self {
            id: point.id.0,
            kind: point.kind.name(),
            room: point.room.clone(),
            number: point.number,
        }
    }
}

impl ServiceTime {
    pub(super) fn of(placement: &Placement, zone: &TimeZone) -> Self {
        let instant = |at: Option<Timestamp>| at.map(|at| local(at, zone));
        let installation = &placement.installation;
        Self {
            from: instant(installation.from),
            until: instant(installation.until),
            start_index: installation.start_index.map(Number),
            end_index: installation.end_index.map(Number),
            factors: placement
                .factors
                .iter()
                .map(|factor| FactorSince {
                    from: instant(factor.from),
                    factor: Number(factor.value),
                })
                .collect(),
        }
    }
}

impl From<crate::store::MeterState> for MeterHeard {
    fn from(state: crate::store::MeterState) -> Self {
        Self {
            first_heard: state.first_heard.to_string(),
            last_heard: state.last_heard.to_string(),
            rssi_dbm: state.rssi_dbm,
            radio: state.radio,
            outcome: state.outcome,
            evidence: state.evidence,
            telegrams: state.telegrams,
            device_time: state.device_time.map(|stamp| stamp.to_string()),
            status: state
                .status
                .iter()
                .map(|status| StatusEntry {
                    word: status.word.name(),
                    past: status.past,
                })
                .collect(),
        }
    }
}
