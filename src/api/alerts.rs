//! What a caretaker should know: each alert with its state, how much, and what to do.

use axum::extract::State;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use wmbus::Decimal;

use crate::alerts::{self, Kind, explain};
use crate::store::{AlertQuery, AlertRow, Store};

use super::Context;
use super::finding;
use super::format::{Entry, Wanted};
use super::json::{Number, exact};
use super::meters::{Installed, Name, installed};
use super::page::{Cursor, Limit, List, Page};
use super::problem::Problem;
use super::query::Asked;

/// Something a caretaker should know.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Alert {
    /// Its number; later ones are larger.
    id: i64,
    /// What is the matter: `leak`, `silent`, `battery_low`, `tamper`, `reverse_flow`, `jump`, `frozen`, `wrong_key` or
    /// `clock_off`.
    #[schema(example = "leak")]
    kind: String,
    /// `raised` (in the latest look), `still_there` or `cleared`.
    #[schema(example = "still_there")]
    state: &'static str,
    /// The meter.
    meter: Name,
    /// Where it hangs now; null while it is installed nowhere.
    installed: Option<Installed>,
    /// How much; null where there is no measure.
    amount: Option<Measure>,
    /// When it was first found.
    raised_at: String,
    /// The latest look at which it was so.
    seen_at: String,
    /// When it was first found to be so no longer; null while it is open.
    cleared_at: Option<String>,
    /// What it means and what to do.
    explanation: Words,
}

impl Entry for Alert {
    const COLUMNS: &'static [&'static str] = &[
        "id",
        "kind",
        "state",
        "meter.serial",
        "meter.manufacturer",
        "meter.id",
        "meter.version",
        "meter.medium",
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
        "amount.value",
        "amount.unit",
        "raised_at",
        "seen_at",
        "cleared_at",
        "explanation.fr",
        "explanation.en",
    ];
}

/// How much.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AlertAmount)]
pub(super) struct Measure {
    /// The number.
    pub(super) value: Number,
    /// Its unit: `l/h`, `l`, `s`, `d`.
    #[schema(example = "l/h")]
    pub(super) unit: &'static str,
}

/// One text in two languages.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AlertExplanation)]
pub(super) struct Words {
    /// French.
    pub(super) fr: String,
    /// English.
    pub(super) en: String,
}

/// Which alerts.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct AlertsQuery {
    /// `open` (the default), or `all` for those that are over too.
    #[serde(default)]
    #[param(value_type = Option<String>)]
    state: Which,
    /// Only of this meter: its serial, however it is typed.
    meter: Option<String>,
    /// Where the page before ended.
    cursor: Option<String>,
    /// How many, 1 to 1000.
    #[serde(default)]
    #[param(value_type = u16, minimum = 1, maximum = 1000, default = 100, required = false)]
    limit: Limit,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Which {
    #[default]
    Open,
    All,
}

/// List what a caretaker should know, in the order in which it was found.
#[utoipa::path(
    get,
    path = "/v1/alerts",
    tag = "alerts",
    params(AlertsQuery),
    responses((status = 200, description = "The alerts", content(
        (Page<Alert> = "application/json"),
        (String = "text/csv"),
        (String = "application/x-ndjson"),
    )), Problem),
    security(("token" = ["operator"]))
)]
pub(super) async fn list(
    State(context): State<Context>,
    wanted: Wanted,
    Asked(asked): Asked<AlertsQuery>,
) -> Result<Response, Problem> {
    let now = context.now();
    let computed = context.computed;
    context
        .ask(move |store| {
            let after = asked
                .cursor
                .as_deref()
                .map(|cursor| Cursor::key::<1>(cursor, List::Alerts, "cursor"))
                .transpose()?
                .map(|[id]| id);
            let meter = asked
                .meter
                .as_deref()
                .map(|serial| finding::one(store, serial, computed))
                .transpose()?
                .map(|(_, meter)| meter.id);
            let limit = asked.limit.0;
            let rows = store.alerts(&AlertQuery {
                meter,
                cleared: asked.state == Which::All,
                after,
                limit: limit + 1,
            })?;
            Page::cut(
                rows,
                limit,
                |row| Cursor::new(List::Alerts, [row.id]),
                |row| alert(store, &row, now),
            )
        })
        .await
        .map(|answer| wanted.answer(answer))
}

fn alert(store: &dyn Store, row: &AlertRow, now: jiff::Timestamp) -> Result<Alert, Problem> {
    let meter = store.meter(row.meter)?.ok_or(Problem::Internal)?;
    let placements = store.placements_of_meter(row.meter)?;
    let current = placements
        .iter()
        .find(|placement| placement.installation.covers(now));
    // One that a later release found is shown without words.
    let kind = Kind::from_name(&row.kind);
    let words = kind.map(|kind| explain(kind, row.amount));
    Ok(Alert {
        id: row.id,
        kind: row.kind.clone(),
        state: alerts::State::of(row).name(),
        meter: Name::of(&meter),
        installed: current.map(|current| installed(store, current)).transpose()?,
        amount: kind
            .zip(row.amount)
            .and_then(|(kind, amount)| measure(kind, amount)),
        raised_at: row.raised.to_string(),
        seen_at: row.seen.to_string(),
        cleared_at: row.cleared.map(|cleared| cleared.to_string()),
        explanation: words.map_or_else(
            || Words {
                fr: String::new(),
                en: String::new(),
            },
            |words| Words {
                fr: words.fr,
                en: words.en,
            },
        ),
    })
}

pub(super) fn measure(kind: Kind, amount: i64) -> Option<Measure> {
    let (exponent, unit) = match kind {
        Kind::Leak => (-3, "l/h"),
        Kind::ReverseFlow => (-3, "l"),
        Kind::Silent | Kind::ClockOff => (0, "s"),
        Kind::Frozen => (0, "d"),
        Kind::Jump | Kind::BatteryLow | Kind::Tamper | Kind::WrongKey => return None,
    };
    Some(Measure {
        value: exact(Decimal::new(amount, exponent)),
        unit,
    })
}
