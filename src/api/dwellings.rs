//! Dwellings: identify one by a serial that a resident typed, a lot number or a client reference.

use axum::extract::State;
use axum::response::Response;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use wmbus::Decimal;

use crate::registry::serial::AddressOfSerial;
use crate::registry::{self, DwellingId};
use crate::store::Store;

use super::Context;
use super::attempts::Guest;
use super::finding;
use super::format::{Entry, Wanted};
use super::json::{Json, Number, exact};
use super::meters::{Name, Nothing, PointName, ServiceTime};
use super::page::{Cursor, Limit, List, Page};
use super::problem::Problem;
use super::query::{Asked, Segment};
use super::sites;

/// An apartment.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Dwelling {
    /// Its id.
    id: i64,
    /// Code of its site.
    #[schema(example = "AB123")]
    site: String,
    /// Lot number.
    lot: String,
    /// The operator's reference of its client.
    client_ref: Option<String>,
    /// Habitable surface in m².
    surface_m2: Option<Number>,
}

/// A dwelling that was found, and through which meter.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct DwellingEntry {
    #[serde(flatten)]
    dwelling: Dwelling,
    /// The meter that led here, when a serial was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    found: Option<Found>,
}

/// The meter that a typed serial meant.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Found {
    /// Which meter.
    meter: Name,
    /// The rule by which the number led to it.
    #[schema(example = "printed_serial")]
    by: &'static str,
    /// False when it hung here once and does no longer.
    installed: bool,
}

/// A dwelling with its metering points and the meters that serve or served them.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct DwellingDetails {
    #[serde(flatten)]
    dwelling: Dwelling,
    /// Its metering points.
    points: Vec<PointDetails>,
}

/// A metering point with its meters.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct PointDetails {
    #[serde(flatten)]
    point: PointName,
    /// The meters that served it, oldest first.
    meters: Vec<Serving>,
}

/// A meter at a point.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Serving {
    /// Which.
    meter: Name,
    #[serde(flatten)]
    service: ServiceTime,
}

/// Which dwellings of the site: at most one of the three, or all.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct DwellingsQuery {
    /// A number from the housing of one of its meters, however it is typed.
    serial: Option<String>,
    /// Its lot number; case, blanks and dashes don't count.
    lot: Option<String>,
    /// The operator's reference of its client; case, blanks and dashes don't count.
    client_ref: Option<String>,
    /// Where the page before ended.
    cursor: Option<String>,
    /// How many, 1 to 1000.
    #[serde(default)]
    #[param(value_type = u16, minimum = 1, maximum = 1000, default = 100, required = false)]
    limit: Limit,
}

impl Entry for DwellingEntry {
    const COLUMNS: &'static [&'static str] = &[
        "id",
        "site",
        "lot",
        "client_ref",
        "surface_m2",
        "found.meter.serial",
        "found.meter.manufacturer",
        "found.meter.id",
        "found.meter.version",
        "found.meter.medium",
        "found.by",
        "found.installed",
    ];
}

/// Identify a dwelling of a site, or list them all.
#[utoipa::path(
    get,
    path = "/v1/sites/{code}/dwellings",
    tag = "dwellings",
    params(
        ("code" = String, Path, description = "The site's code, such as AB123"),
        DwellingsQuery,
        ("Releve-Client" = Option<String>, Header, description = "Tells a portal's residents apart where guesses are counted: any text of up to 128 characters, such as a hash of the session"),
    ),
    responses((status = 200, description = "The dwellings that match", content(
        (Page<DwellingEntry> = "application/json"),
        (String = "text/csv"),
        (String = "application/x-ndjson"),
    )), Problem),
    security(("token" = ["portal", "operator"]))
)]
pub(super) async fn list(
    State(context): State<Context>,
    wanted: Wanted,
    guest: Guest,
    code: Segment,
    Asked(asked): Asked<DwellingsQuery>,
) -> Result<Response, Problem> {
    let given = [&asked.serial, &asked.lot, &asked.client_ref];
    if given.iter().filter(|name| name.is_some()).count() > 1 {
        return Err(Problem::invalid(
            "serial",
            "give one of serial, lot and client_ref at a time",
        ));
    }
    let (now, computed) = (context.now(), context.computed);
    let guesses = given.iter().any(|name| name.is_some());
    if guesses {
        context.attempts.admit(&guest, now)?;
    }
    let answer = context
        .ask(move |store| {
            let site = sites::named(store, &code.0)?;
            let entry = |dwelling: registry::Dwelling| DwellingEntry {
                dwelling: Dwelling::of(dwelling, &site),
                found: None,
            };
            if let Some(lot) = &asked.lot {
                let dwellings = store.dwellings_by_lot(site.id, lot)?;
                return Ok(Page::whole(dwellings.into_iter().map(entry).collect()));
            }
            if let Some(reference) = &asked.client_ref {
                let dwellings = store.dwellings_by_client_ref(site.id, reference)?;
                return Ok(Page::whole(dwellings.into_iter().map(entry).collect()));
            }
            if let Some(serial) = &asked.serial {
                return by_serial(store, &site, serial, computed, now).map(Page::whole);
            }
            let after = asked
                .cursor
                .as_deref()
                .map(|cursor| Cursor::key::<2>(cursor, List::Dwellings, "cursor"))
                .transpose()?;
            if after.is_some_and(|[of, _]| of != site.id.0) {
                return Err(Problem::invalid("cursor", "it belongs to another site's list"));
            }
            let limit = asked.limit.0;
            Page::cut(
                store.dwellings(site.id, after.map(|[_, id]| DwellingId(id)), limit + 1)?,
                limit,
                |dwelling| Cursor::new(List::Dwellings, [site.id.0, dwelling.id.0]),
                |dwelling| Ok(entry(dwelling)),
            )
        })
        .await;
    let led_nowhere = match &answer {
        Ok(page) => page.items.is_empty(),
        Err(problem) => matches!(problem, Problem::AmbiguousDwelling(_) | Problem::NotFound { .. }),
    };
    if guesses && led_nowhere {
        context.attempts.failed(&guest, now);
    }
    answer.map(|answer| wanted.answer(answer))
}

/// Show a dwelling, its metering points and their meters.
#[utoipa::path(
    get,
    path = "/v1/dwellings/{id}",
    tag = "dwellings",
    params(("id" = i64, Path, description = "The dwelling's id")),
    responses((status = 200, description = "The dwelling", body = DwellingDetails), Problem),
    security(("token" = ["portal", "operator"]))
)]
pub(super) async fn show(
    State(context): State<Context>,
    id: Segment,
    _: Asked<Nothing>,
) -> Result<Json<DwellingDetails>, Problem> {
    let id = DwellingId(id.id("id")?);
    context
        .ask_as_it_is(move |store| {
            let (dwelling, site) = named(store, id)?;
            let zone = site.zone();
            let placements = store.placements(id)?;
            let points = store.points(id)?;
            Ok(DwellingDetails {
                points: points
                    .iter()
                    .map(|point| PointDetails {
                        point: PointName::of(point),
                        meters: placements
                            .iter()
                            .filter(|placement| placement.point.id == point.id)
                            .map(|placement| Serving {
                                meter: Name::of(&placement.meter),
                                service: ServiceTime::of(placement, &zone),
                            })
                            .collect(),
                    })
                    .collect(),
                dwelling: Dwelling::of(dwelling, &site),
            })
        })
        .await
        .map(Json)
}

/// A dwelling and its site.
pub(super) fn named(
    store: &dyn Store,
    id: DwellingId,
) -> Result<(registry::Dwelling, registry::Site), Problem> {
    let missing = || Problem::not_found(format!("no dwelling has the id {id}"));
    let dwelling = store.dwelling(id)?.ok_or_else(missing)?;
    let site = store.site(dwelling.site)?.ok_or_else(missing)?;
    Ok((dwelling, site))
}

/// The dwelling of a site in which a meter with that number hangs, or hung when it hangs nowhere any more.
///
/// When several may be meant nobody is told which: whoever types a number could look through the neighbours'.
fn by_serial(
    store: &dyn Store,
    site: &registry::Site,
    serial: &str,
    computed: Option<AddressOfSerial>,
    now: Timestamp,
) -> Result<Vec<DwellingEntry>, Problem> {
    let mut entries: Vec<DwellingEntry> = Vec::new();
    let belongs = |meter: &registry::Meter| -> Result<bool, Problem> {
        for placement in store.placements_of_meter(meter.id)? {
            let dwelling = store.dwelling(placement.point.dwelling)?;
            if dwelling.is_some_and(|dwelling| dwelling.site == site.id) {
                return Ok(true);
            }
        }
        Ok(false)
    };
    let Some((rule, meters)) = finding::all(store, serial, computed, belongs)? else {
        return Ok(entries);
    };
    for meter in meters {
        for placement in store.placements_of_meter(meter.id)? {
            let dwelling = store.dwelling(placement.point.dwelling)?;
            let Some(dwelling) = dwelling.filter(|dwelling| dwelling.site == site.id) else {
                continue;
            };
            let installed = placement.installation.covers(now);
            let known = entries
                .iter_mut()
                .find(|entry| entry.dwelling.id == dwelling.id.0)
                .and_then(|entry| entry.found.as_mut());
            if let Some(found) = known {
                found.installed |= installed;
                continue;
            }
            entries.push(DwellingEntry {
                dwelling: Dwelling::of(dwelling, site),
                found: Some(Found {
                    meter: Name::of(&meter),
                    by: rule,
                    installed,
                }),
            });
        }
    }
    // Where it hangs now is meant, not where it hung before.
    if entries.iter().any(DwellingEntry::is_installed) {
        entries.retain(DwellingEntry::is_installed);
    }
    if entries.len() > 1 {
        return Err(Problem::AmbiguousDwelling(entries.len()));
    }
    Ok(entries)
}

impl DwellingEntry {
    fn is_installed(&self) -> bool {
        self.found.as_ref().is_some_and(|found| found.installed)
    }
}

impl Dwelling {
    pub(super) fn of(dwelling: registry::Dwelling, site: &registry::Site) -> Self {
        Self {
            id: dwelling.id.0,
            site: site.code.to_string(),
            lot: dwelling.lot,
            client_ref: dwelling.client_ref,
            surface_m2: dwelling
                .surface
                .map(|hundredths| exact(Decimal::new(i64::from(hundredths), -2))),
        }
    }
}
