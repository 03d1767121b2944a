//! What a household should know of its own meters, in its own terms.

use axum::extract::State;
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use crate::alerts::{Kind, explain_to_resident};
use crate::consumption::midnight;
use crate::registry::OccupancyId;
use crate::store::{AlertQuery, Placement, Store};

use super::Context;
use super::alerts::{Measure, Words, measure};
use super::dwellings::Dwelling;
use super::json::{Json, local};
use super::meters::{Nothing, PointName};
use super::occupancies::{Household, household};
use super::problem::Problem;
use super::query::Asked;
use super::query::Segment;

/// What a household should know of its meters now.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct HouseholdAlerts {
    /// The dwelling.
    dwelling: Dwelling,
    /// First day that the household may see.
    #[schema(format = Date, example = "2026-03-01")]
    from: String,
    /// The day after the last one.
    #[schema(format = Date)]
    to: String,
    /// What is the matter now, oldest first; empty for a household that has left.
    items: Vec<HouseholdAlert>,
}

/// Something that a household should know of one of its meters.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct HouseholdAlert {
    /// What is the matter: `leak`, `silent`, `reverse_flow` or `frozen`.
    #[schema(example = "leak")]
    kind: &'static str,
    /// Where.
    point: PointName,
    /// What stands on the meter's housing.
    meter: String,
    /// How much; null where there is no measure.
    amount: Option<Measure>,
    /// Since when, with the site's offset: never before the household moved in, or before the meter hung there.
    since: String,
    /// What it means and what to do.
    explanation: Words,
}

/// List what a household should know of its meters now, in the resident's terms.
///
/// Only of meters that hang in its dwelling, and only while it lives there; what is the caretaker's business alone (a battery, a
/// key, a clock, tampering) is left out.
#[utoipa::path(
    get,
    path = "/v1/occupancies/{id}/alerts",
    tag = "occupancies",
    params(("id" = i64, Path, description = "The occupancy's id")),
    responses((status = 200, description = "What is the matter now", body = HouseholdAlerts), Problem),
    security(("token" = ["portal", "operator"]))
)]
pub(super) async fn list(
    State(context): State<Context>,
    id: Segment,
    _: Asked<Nothing>,
) -> Result<Json<HouseholdAlerts>, Problem> {
    let id = OccupancyId(id.id("id")?);
    let now = context.now();
    context
        .ask(move |store| {
            let home = household(store, id, now)?;
            let items = if home.window.to > home.today {
                open(store, &home, now)?
            } else {
                Vec::new()
            };
            Ok(HouseholdAlerts {
                from: home.window.from.to_string(),
                to: home.window.to.to_string(),
                items,
                dwelling: Dwelling::of(home.dwelling, &home.site),
            })
        })
        .await
        .map(Json)
}

/// What is the matter with the meters that hang in a household's dwelling now.
fn open(store: &dyn Store, home: &Household, now: Timestamp) -> Result<Vec<HouseholdAlert>, Problem> {
    let zone = home.site.zone();
    let moved_in = midnight(home.window.from, &zone).map_err(|_| Problem::OutsideOccupancy)?;
    let mut found: Vec<(Timestamp, HouseholdAlert)> = Vec::new();
    for placement in store.placements(home.dwelling.id)? {
        if !placement.installation.covers(now) {
            continue;
        }
        let alerts = store.alerts(&AlertQuery {
            meter: Some(placement.meter.id),
            cleared: false,
            after: None,
            limit: MOST,
        })?;
        for alert in alerts {
            let Some(kind) = Kind::from_name(&alert.kind) else {
                continue;
            };
            let Some(words) = explain_to_resident(kind, alert.amount) else {
                continue;
            };
            let since = placement
                .installation
                .from
                .map_or(moved_in, |from| from.max(moved_in));
            let since = since.max(alert.raised);
            found.push((
                since,
                HouseholdAlert {
                    kind: kind.name(),
                    point: PointName::of(&placement.point),
                    meter: printed(&placement),
                    amount: alert.amount.and_then(|amount| measure(kind, amount)),
                    since: local(since, &zone),
                    explanation: Words {
                        fr: words.fr,
                        en: words.en,
                    },
                },
            ));
        }
    }
    found.sort_by_key(|(since, _)| *since);
    Ok(found.into_iter().map(|(_, alert)| alert).collect())
}

/// What stands on the housing.
fn printed(placement: &Placement) -> String {
    let meter = &placement.meter;
    meter
        .printed_serial
        .clone()
        .unwrap_or_else(|| meter.address.identification_number.to_string())
}

/// A meter has one open alert of a kind.
const MOST: usize = 100;
