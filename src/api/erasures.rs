//! Erasure: a dwelling's data deleted on request, and the receipts of what was.

use axum::extract::{Extension, State};
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::store::{By, DwellingId, Erase, Erasure, OccupancyId, StoreError};

use super::Context;
use super::auth::Caller;
use super::dwellings;
use super::format::{Entry, Wanted};
use super::json::Json;
use super::page::{Cursor, Limit, List, Page};
use super::problem::Problem;
use super::query::{Asked, Segment};
use super::registry::Flag;

/// The receipt of an erasure: how many rows of what, of which meters and days; nothing of what stood in them.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Erasure)]
pub(super) struct Receipt {
    /// Its name, the same wherever the erasure is carried out again.
    name: String,
    /// When.
    at: String,
    /// A token's name, or the command line and its user.
    who: String,
    /// Code of the site.
    site: String,
    /// The dwelling's lot.
    lot: String,
    /// First day whose data are gone; null for all from the beginning.
    first_day: Option<String>,
    /// The last one.
    last_day: String,
    /// Which instants of which meters are gone: whoever keeps a copy deletes them there.
    meters: Vec<Gone>,
    /// First days of the households that are gone.
    households: Vec<String>,
    /// How many rows.
    deleted: Rows,
    /// SHA-256 of the receipt; each one holds that of the one before.
    seal: String,
}

/// What is gone of a meter.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ErasedMeter)]
pub(super) struct Gone {
    /// Maker, number, version and medium.
    #[schema(example = "KAM 12345678 1B 16")]
    meter: String,
    /// Readings after this instant; null for all from the beginning.
    since: Option<String>,
    /// And before this one.
    until: String,
}

/// How many rows of what were deleted.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ErasedRows)]
pub(super) struct Rows {
    /// Readings.
    readings: u64,
    /// Other values that were reported for them.
    conflicts: u64,
    /// Raw telegrams.
    telegrams: u64,
    /// Alerts.
    alerts: u64,
    /// Households that had left.
    households: u64,
    /// Lines of the registry's history that told of them.
    history: u64,
}

/// What was done.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ErasureOutcome)]
pub(super) struct Done {
    /// The receipt; of a rehearsal what it would say.
    receipt: Receipt,
    /// False when it was a rehearsal.
    done: bool,
    /// Whether no octet of it is left in the store's file; false: ask again, it will be written anew.
    purged: bool,
}

/// What to erase of a dwelling.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct EraseQuery {
    /// Only the days of this household, which has left; without it all that was measured so far, and all households that
    /// have left.
    occupancy: Option<i64>,
    /// `true`: say what would be deleted, and delete nothing.
    #[serde(default)]
    #[param(value_type = Option<bool>, default = false)]
    dry_run: Flag,
}

/// Which receipts.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ErasuresQuery {
    /// Where the page before ended.
    cursor: Option<String>,
    /// How many, 1 to 1000.
    #[serde(default)]
    #[param(value_type = u16, minimum = 1, maximum = 1000, default = 100, required = false)]
    limit: Limit,
}

/// Erase what was measured in a dwelling, for good. Meters, points and who lives there now stay registered.
#[utoipa::path(
    delete,
    path = "/v1/dwellings/{id}/data",
    tag = "dwellings",
    params(("id" = i64, Path, description = "The dwelling's id"), EraseQuery),
    responses((status = 200, description = "What was deleted, or would be", body = Done), Problem),
    security(("token" = ["operator"]))
)]
pub(super) async fn erase(
    State(context): State<Context>,
    Extension(caller): Extension<Caller>,
    id: Segment,
    Asked(asked): Asked<EraseQuery>,
) -> Result<Json<Done>, Problem> {
    let id = DwellingId(id.id("id")?);
    let now = context.now();
    context
        .ask(move |store| {
            dwellings::named(store, id)?;
            let wanted = match asked.occupancy.map(OccupancyId) {
                None => Erase::Dwelling(id),
                Some(household) => {
                    let known = store.occupancy(household)?;
                    if known.is_none_or(|known| known.dwelling != id) {
                        return Err(Problem::not_found("no occupancy of this dwelling has that id"));
                    }
                    Erase::Household(household)
                }
            };
            let by = By {
                who: &caller.name,
                at: now,
            };
            let rehearsed = asked.dry_run == Flag::True;
            let receipt = store.erase(wanted, rehearsed, by).map_err(|error| match error {
                StoreError::Refused(sentence) => Problem::NotErased { detail: sentence },
                other => other.into(),
            })?;
            let purged = !rehearsed
                && store
                    .purge()
                    .inspect_err(
                        |error| tracing::warn!(event = "store.unpurged", %error, "erased rows are still to be taken out of the file"),
                    )
                    .is_ok();
            Ok(Done {
                receipt: receipt.into(),
                done: !rehearsed,
                purged,
            })
        })
        .await
        .map(Json)
}

/// List what was erased, in the order in which it was: a portal that keeps a copy of readings deletes the same in it.
#[utoipa::path(
    get,
    path = "/v1/erasures",
    tag = "dwellings",
    params(ErasuresQuery),
    responses((status = 200, description = "The receipts", content(
        (Page<Receipt> = "application/json"),
        (String = "text/csv"),
        (String = "application/x-ndjson"),
    )), Problem),
    security(("token" = ["portal", "operator"]))
)]
pub(super) async fn list(
    State(context): State<Context>,
    wanted: Wanted,
    Asked(asked): Asked<ErasuresQuery>,
) -> Result<Response, Problem> {
    context
        .ask(move |store| {
            let after = asked
                .cursor
                .as_deref()
                .map(|cursor| Cursor::key::<1>(cursor, List::Erasures, "cursor"))
                .transpose()?
                .map(|[id]| id);
            let limit = asked.limit.0;
            let rows = store.erasures(after, limit + 1)?;
            Page::cut(
                rows,
                limit,
                |(id, _)| Cursor::new(List::Erasures, [*id]),
                |(_, receipt)| Ok(Receipt::from(receipt)),
            )
        })
        .await
        .map(|answer| wanted.answer(answer))
}

impl Entry for Receipt {
    const COLUMNS: &'static [&'static str] = &[
        "name",
        "at",
        "who",
        "site",
        "lot",
        "first_day",
        "last_day",
        "meters",
        "households",
        "deleted.readings",
        "deleted.conflicts",
        "deleted.telegrams",
        "deleted.alerts",
        "deleted.households",
        "deleted.history",
        "seal",
    ];
}

impl From<Erasure> for Receipt {
    fn from(erasure: Erasure) -> Self {
        let gone = erasure.meters.into_iter().map(|meter| Gone {
            meter: meter.meter,
            since: meter.since.map(|since| since.to_string()),
            until: meter.until.to_string(),
        });
        let deleted = erasure.deleted;
        Self {
            name: erasure.name,
            at: erasure.at.to_string(),
            who: erasure.who,
            site: erasure.site,
            lot: erasure.lot,
            first_day: erasure.first_day.map(|day| day.to_string()),
            last_day: erasure.last_day.to_string(),
            meters: gone.collect(),
            households: erasure.households.iter().map(|day| day.to_string()).collect(),
            deleted: Rows {
                readings: deleted.readings,
                conflicts: deleted.conflicts,
                telegrams: deleted.telegrams,
                alerts: deleted.alerts,
                households: deleted.households,
                history: deleted.history,
            },
            seal: erasure.seal,
        }
    }
}
