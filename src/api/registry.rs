//! The registry for operators: all of it, changes to it by lists, and who changed what when.

use std::collections::BTreeMap;

use axum::body::to_bytes;
use axum::extract::{Extension, FromRequest, Request, State};
use axum::http::header;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};
use utoipa::{IntoParams, ToSchema};

use crate::registry::difference::{Difference, FieldChange, differences};
use crate::registry::export;
use crate::registry::import::{self, Fault, Format, Tally};
use crate::store::{By, HistoryQuery, HistoryRow, StoreError};

use super::Context;
use super::auth::Caller;
use super::format::{Entry, Lines, Wanted};
use super::json::Json;
use super::meters::Nothing;
use super::page::{Cursor, Limit, List, Page};
use super::problem::Problem;
use super::query::Asked;

/// All that is registered, as a list that `POST /v1/registry` takes back.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Registry)]
pub(super) struct Whole {
    /// Grows by one with every change.
    version: u64,
    /// One entry an installation and rating factor; then meters that hang nowhere, and points, dwellings and sites that
    /// hold nothing. Keys are never among them.
    meter: Vec<BTreeMap<&'static str, String>>,
}

/// How a list is to be taken.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct TakeQuery {
    /// `true`: say what would be done, and do nothing.
    #[serde(default)]
    #[param(value_type = Option<bool>, default = false)]
    dry_run: Flag,
    /// `true`: take the good entries of a list in which others are wrong.
    #[serde(default)]
    #[param(value_type = Option<bool>, default = false)]
    keep_going: Flag,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Flag {
    True,
    #[default]
    False,
}

/// A list: JSON as `GET /v1/registry` gives it (`{"meter": […]}`), CSV, or TOML.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = RegistryList)]
pub(super) struct ListBody {
    /// One object a meter, point, dwelling or site: names and meanings as `releve registry import --help` lists them.
    #[expect(dead_code, reason = "read by the import itself; here for the contract")]
    meter: Vec<BTreeMap<String, String>>,
}

/// What became of a list.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RegistryOutcome)]
pub(super) struct Outcome {
    /// The version of the registry now.
    version: u64,
    /// False when it was a rehearsal.
    applied: bool,
    /// Entries that the list has.
    rows: u64,
    /// How many rows of what kind were new, changed, or the same.
    counts: BTreeMap<&'static str, Counted>,
    /// What changes, the first 1000.
    differences: Vec<Changed>,
    /// Entries that were left out, with `keep_going` or in a rehearsal.
    faults: Vec<Refused>,
}

/// How many were new, said something else than was known, or said the same.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Counted {
    /// Not known before.
    added: u64,
    /// Known, and now different.
    changed: u64,
    /// Known, and the same.
    unchanged: u64,
}

/// What happens to a row.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RegistryDifference)]
pub(super) struct Changed {
    /// `site`, `dwelling`, `point`, `meter`, `installation`, `factor`, `occupancy` or `key`.
    #[schema(example = "installation")]
    kind: &'static str,
    /// What people call it.
    name: String,
    /// Whether it is new.
    added: bool,
    /// What changes in it.
    fields: Vec<Field>,
}

/// What happens to a field.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RegistryField)]
pub(super) struct Field {
    /// Its name in lists.
    name: String,
    /// What it said.
    before: Option<String>,
    /// What it says now.
    after: Option<String>,
}

/// What is wrong with an entry of a list.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Refused {
    /// The line of a text, the entry of a JSON list, from 1; 0 for all of it.
    line: u64,
    /// The column.
    column: Option<&'static str>,
    /// What is wrong and what to write instead; never a key.
    message: String,
}

/// A change of the registry that was made.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RegistryChange)]
pub(super) struct Past {
    /// Its number; later ones are larger.
    id: i64,
    /// The version of the registry that it led to.
    version: u64,
    /// When.
    at: String,
    /// A token's name, or the command line and its user.
    who: String,
    /// `site`, `dwelling`, `point`, `meter`, `installation`, `factor`, `occupancy`, `key` or `erasure`.
    #[schema(example = "installation")]
    kind: String,
    /// What people call it.
    name: String,
    /// Whether it was new.
    added: bool,
    /// What changed in it.
    fields: Vec<Field>,
}

/// Which changes.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct HistoryParameters {
    /// Only of `site`, `dwelling`, `point`, `meter`, `installation`, `factor`, `occupancy`, `key` or `erasure`.
    kind: Option<String>,
    /// Where the page before ended.
    cursor: Option<String>,
    /// How many, 1 to 1000.
    #[serde(default)]
    #[param(value_type = u16, minimum = 1, maximum = 1000, default = 100, required = false)]
    limit: Limit,
}

/// Export the registry.
#[utoipa::path(
    get,
    path = "/v1/registry",
    tag = "registry",
    responses((status = 200, description = "All that is registered, without keys", content(
        (Whole = "application/json"),
        (String = "text/csv"),
        (String = "application/x-ndjson"),
    )), Problem),
    security(("token" = ["operator"]))
)]
pub(super) async fn show(
    State(context): State<Context>,
    wanted: Wanted,
    _: Asked<Nothing>,
) -> Result<Response, Problem> {
    context
        .ask_as_it_is(move |store| {
            let registry = store.registry()?;
            Ok(Whole {
                version: registry.version,
                meter: export::rows(&registry)
                    .into_iter()
                    .map(|row| {
                        row.into_iter()
                            .map(|(column, text)| (column.name(), text))
                            .collect()
                    })
                    .collect(),
            })
        })
        .await
        .map(|answer| wanted.answer(answer))
}

/// Change the registry by a list of what is to be registered: all of it or, when an entry is wrong, nothing.
#[utoipa::path(
    post,
    path = "/v1/registry",
    tag = "registry",
    params(TakeQuery),
    request_body(content(
        (ListBody = "application/json"),
        (String = "text/csv"),
        (String = "application/toml"),
    )),
    responses((status = 200, description = "What was done, or would be", body = Outcome), Problem),
    security(("token" = ["operator"]))
)]
pub(super) async fn take(
    State(context): State<Context>,
    Extension(caller): Extension<Caller>,
    Asked(asked): Asked<TakeQuery>,
    SentList(format, octets): SentList,
) -> Result<Json<Outcome>, Problem> {
    let computed = context.computed;
    let now = context.now();
    context
        .ask_as_it_is(move |store| {
            for _ in 0..ATTEMPTS {
                let registry = store.registry()?;
                let plan = import::plan(&registry, "body", &octets, format, computed);
                let rehearsed = asked.dry_run == Flag::True;
                if !rehearsed && !plan.faults.is_empty() && asked.keep_going == Flag::False {
                    return Err(Problem::ListRefused(refused(plan.faults)));
                }
                let differences = differences(&registry, &plan.changes);
                let applied = !rehearsed && !plan.changes.is_empty();
                if applied {
                    let by = By {
                        who: &caller.name,
                        at: now,
                    };
                    match store.apply_by(plan.version, &plan.changes, by) {
                        // Somebody else changed it in between: plan on what there is now.
                        Err(StoreError::Stale) => continue,
                        done => done?,
                    }
                }
                return Ok(Outcome {
                    version: store.registry_version()?,
                    applied: !rehearsed,
                    rows: plan.rows,
                    counts: counts(&plan.report),
                    differences: differences
                        .into_iter()
                        .take(MOST_SHOWN)
                        .map(Changed::from)
                        .collect(),
                    faults: refused(plan.faults),
                });
            }
            Err(Problem::Busy)
        })
        .await
        .map(Json)
}

/// Tell who changed what in the registry, the newest first.
#[utoipa::path(
    get,
    path = "/v1/registry/history",
    tag = "registry",
    params(HistoryParameters),
    responses((status = 200, description = "The changes", content(
        (Page<Past> = "application/json"),
        (String = "text/csv"),
        (String = "application/x-ndjson"),
    )), Problem),
    security(("token" = ["operator"]))
)]
pub(super) async fn history(
    State(context): State<Context>,
    wanted: Wanted,
    Asked(asked): Asked<HistoryParameters>,
) -> Result<Response, Problem> {
    if let Some(kind) = &asked.kind
        && !NOUNS.contains(&kind.as_str())
    {
        let known = NOUNS.join(", ");
        return Err(Problem::invalid(
            "kind",
            format!("{kind:?} is nothing that is registered: write one of {known}"),
        ));
    }
    context
        .ask_as_it_is(move |store| {
            let before = asked
                .cursor
                .as_deref()
                .map(|cursor| Cursor::key::<1>(cursor, List::History, "cursor"))
                .transpose()?
                .map(|[id]| id);
            let limit = asked.limit.0;
            let rows = store.history(&HistoryQuery {
                noun: asked.kind.as_deref(),
                before,
                limit: limit + 1,
            })?;
            Page::cut(
                rows,
                limit,
                |row| Cursor::new(List::History, [row.id]),
                |row| Ok(Past::from(row)),
            )
        })
        .await
        .map(|answer| wanted.answer(answer))
}

impl Lines for Whole {
    const COLUMNS: &'static [&'static str] = &[
        "site",
        "site_name",
        "address",
        "time_zone",
        "lot",
        "client_ref",
        "surface_m2",
        "kind",
        "room",
        "point_number",
        "manufacturer",
        "id",
        "version",
        "type",
        "printed_serial",
        "rating_factor",
        "factor_from",
        "from",
        "to",
        "start_index",
        "end_index",
        "occupant",
        "move_in",
        "move_out",
        "keeps_hourly",
    ];

    fn lines(&self) -> serde_json::Result<Vec<Box<RawValue>>> {
        self.meter.iter().map(to_raw_value).collect()
    }
}

impl Entry for Past {
    const COLUMNS: &'static [&'static str] =
        &["id", "version", "at", "who", "kind", "name", "added", "fields"];
}

impl From<Difference> for Changed {
    fn from(difference: Difference) -> Self {
        Self {
            kind: difference.noun,
            name: difference.name,
            added: difference.added,
            fields: difference.fields.into_iter().map(Field::from).collect(),
        }
    }
}

impl From<FieldChange> for Field {
    fn from(field: FieldChange) -> Self {
        Self {
            name: field.name,
            before: field.before,
            after: field.after,
        }
    }
}

impl From<HistoryRow> for Past {
    fn from(row: HistoryRow) -> Self {
        Self {
            id: row.id,
            version: row.version,
            at: row.at.to_string(),
            who: row.who,
            kind: row.noun,
            name: row.name,
            added: row.added,
            fields: row.fields.into_iter().map(Field::from).collect(),
        }
    }
}

fn refused(faults: Vec<Fault>) -> Vec<Refused> {
    faults
        .into_iter()
        .take(MOST_SHOWN)
        .map(|fault| Refused {
            line: fault.line,
            column: fault.column,
            message: fault.message,
        })
        .collect()
}

fn counts(report: &import::Report) -> BTreeMap<&'static str, Counted> {
    let counted = |tally: Tally| Counted {
        added: tally.added,
        changed: tally.changed,
        unchanged: tally.unchanged,
    };
    BTreeMap::from([
        ("sites", counted(report.sites)),
        ("dwellings", counted(report.dwellings)),
        ("points", counted(report.points)),
        ("meters", counted(report.meters)),
        ("installations", counted(report.installations)),
        ("factors", counted(report.factors)),
        ("occupancies", counted(report.occupancies)),
        ("keys", counted(report.keys)),
    ])
}

/// The octets of a list, and how it is written.
#[derive(Debug)]
pub(super) struct SentList(Format, axum::body::Bytes);

impl<S: Sync> FromRequest<S> for SentList {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let kind = request.headers().get(header::CONTENT_TYPE);
        let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        let kind = kind.split(';').next().unwrap_or_default().trim();
        let format = match kind.to_ascii_lowercase().as_str() {
            "application/json" => Format::Json,
            "text/csv" => Format::Csv,
            "application/toml" => Format::Toml,
            _ => return Err(Problem::UnsupportedList),
        };
        let octets = to_bytes(request.into_body(), LARGEST)
            .await
            .map_err(|_| Problem::BodyTooLarge("8 MB"))?;
        Ok(Self(format, octets))
    }
}

/// What the history speaks of.
const NOUNS: [&str; 9] = [
    "site",
    "dwelling",
    "point",
    "meter",
    "installation",
    "factor",
    "occupancy",
    "key",
    "erasure",
];

/// No building's list is larger.
const LARGEST: usize = 8 << 20;

/// So many differences, and so many faults, are shown.
const MOST_SHOWN: usize = 1000;

/// How often a list is planned anew when somebody else changes the registry.
const ATTEMPTS: usize = 5;
