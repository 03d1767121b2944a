//! Occupancies: who may see a dwelling's figures, and from which day to which. A number; no name, no address.

use axum::extract::{Extension, State};
use axum::http::HeaderMap;
use axum::response::Response;
use jiff::civil::Date;
use jiff::{Timestamp, ToSpan};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use utoipa::{IntoParams, ToSchema};

use crate::registry::{self, DwellingId, NewOccupancy, OccupancyChange, OccupancyId, Role, Site};
use crate::store::{By, Once, Store, StoreError};

use super::Context;
use super::auth::Caller;
use super::body::Sent;
use super::compare::Compare;
use super::consumption::{self, Of, Question, Report, StepName};
use super::dwellings;
use super::format::Wanted;
use super::json::{Created, Json};
use super::meters::Nothing;
use super::problem::Problem;
use super::query::{Asked, Day, Segment};

/// Someone who lives in a dwelling, and the days that they may see.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Occupancy)]
pub(super) struct Shown {
    /// Its id.
    id: i64,
    /// The dwelling's id.
    dwelling: i64,
    /// `tenant` or `owner_occupier`.
    #[schema(example = "tenant")]
    role: &'static str,
    /// First day.
    #[schema(format = Date, example = "2026-03-01")]
    from: String,
    /// Last day; null while it lasts.
    #[schema(format = Date)]
    until: Option<String>,
    /// Whether the household agrees that hourly values are kept for good.
    keeps_hourly: bool,
}

/// A household that moves in.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct MoveIn {
    /// The dwelling's id.
    dwelling: i64,
    /// `tenant` or `owner`.
    #[schema(value_type = String, example = "tenant")]
    role: RoleName,
    /// Whether the one who asks lives there. An owner who does not sees nothing: the figures are the tenant's.
    lives_there: bool,
    /// First day, between the first day of the latest occupancy and today.
    #[schema(value_type = String, format = Date, example = "2026-03-01")]
    move_in: Day,
    /// That all of this is true.
    certified: bool,
    /// Whether the household agrees that hourly values are kept for good.
    #[serde(default)]
    keeps_hourly: bool,
}

/// What is to change; what is left out stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Changed {
    /// Its last day.
    #[schema(value_type = Option<String>, format = Date, example = "2026-03-31")]
    until: Option<Day>,
    /// Whether the household agrees that hourly values are kept for good.
    keeps_hourly: Option<bool>,
}

/// Which days of an occupancy, how they are cut, and what with they are compared.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct OccupancyQuery {
    /// First day; the first of the occupancy, or eleven months before the last month, when left out.
    #[param(value_type = Option<String>, format = Date, example = "2026-01-01")]
    from: Option<Day>,
    /// The day after the last one; tomorrow, or the end of the occupancy, when left out.
    #[param(value_type = Option<String>, format = Date, example = "2026-02-01")]
    to: Option<Day>,
    /// `hour` (when the household agreed to it), `day`, `week`, `month`, `season` (July to June) or `year`.
    #[serde(default)]
    #[param(value_type = Option<String>, example = "day", default = "month")]
    step: StepName,
    /// `previous` (as many days just before), `year_ago` (the same days a year before) or `site` (the average user).
    #[param(value_type = Option<String>, example = "previous")]
    compare: Option<Compare>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum RoleName {
    Tenant,
    Owner,
}

/// Register that a household moves in: the one before ends on the day before. With an `Idempotency-Key` it may be sent again when
/// its answer was lost: it is done once, and answered alike.
#[utoipa::path(
    post,
    path = "/v1/occupancies",
    tag = "occupancies",
    params(("Idempotency-Key" = Option<String>, Header, description = "1 to 255 letters, digits and signs, in quotes or without; remembered for a week. With another body it is refused (422)")),
    request_body = MoveIn,
    responses((status = 201, description = "It is registered; `Location` names it", body = Shown), Problem),
    security(("token" = ["portal", "operator"]))
)]
pub(super) async fn create(
    State(context): State<Context>,
    Extension(caller): Extension<Caller>,
    _: Asked<Nothing>,
    headers: HeaderMap,
    Sent(new): Sent<MoveIn>,
) -> Result<Created<Shown>, Problem> {
    let now = context.now();
    let once = once(&headers, &caller.name, &new)?;
    context
        .ask_as_it_is(move |store| {
            let (dwelling, site) = dwellings::named(store, DwellingId(new.dwelling))?;
            if !new.lives_there {
                return Err(Problem::NotResident);
            }
            if !new.certified {
                return Err(Problem::invalid_body(
                    "certified",
                    "has to be true: the household vouches for it",
                ));
            }
            let from = new.move_in.0;
            if from > today(&site, now) {
                return Err(Problem::MoveInOutside);
            }
            let household = NewOccupancy {
                dwelling: dwelling.id,
                role: match new.role {
                    RoleName::Tenant => Role::Tenant,
                    RoleName::Owner => Role::OwnerOccupier,
                },
                from,
                keeps_hourly: new.keeps_hourly,
            };
            let by = By {
                who: &caller.name,
                at: now,
            };
            let occupancy = match &once {
                Some(once) => store.add_occupancy_once(&household, once, by),
                None => store.add_occupancy(&household, by),
            };
            match occupancy {
                Ok(occupancy) => Ok(Shown::of(&occupancy)),
                // When the one before began is nobody's business.
                Err(StoreError::MoveInTooEarly { .. }) => Err(Problem::MoveInOutside),
                Err(StoreError::KeyReused) => Err(Problem::KeyReused),
                Err(error) => Err(error.into()),
            }
        })
        .await
        .map(|shown| Created {
            location: format!("/v1/occupancies/{}", shown.id),
            body: shown,
        })
}

/// What makes a request one that may be sent twice: its key (draft-ietf-httpapi-idempotency-key-header), of whoever chose it,
/// and all that it asks.
fn once(headers: &HeaderMap, caller: &str, new: &MoveIn) -> Result<Option<Once>, Problem> {
    let mut keys = headers.get_all(KEY).iter();
    let Some(key) = keys.next() else {
        return Ok(None);
    };
    let key = key.to_str().unwrap_or_default();
    let quoted = key.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    let key = quoted.unwrap_or(key);
    let is_plain = |octet: u8| octet.is_ascii_graphic() && octet != b'"' && octet != b'\\';
    if keys.next().is_some() || !(1..=255).contains(&key.len()) || !key.bytes().all(is_plain) {
        return Err(Problem::invalid(
            "Idempotency-Key",
            "send it once, with 1 to 255 letters, digits and signs other than quotes and backslashes",
        ));
    }
    let request = format!(
        "{} {:?} {} {} {} {}",
        new.dwelling, new.role, new.lives_there, new.move_in.0, new.certified, new.keeps_hourly
    );
    Ok(Some(Once {
        // No header has a line feed, so no two of them are the same text.
        key: Sha256::digest(format!("{key}\n{caller}")).into(),
        request: Sha256::digest(request).into(),
    }))
}

/// The header for it.
const KEY: &str = "idempotency-key";

/// Show an occupancy.
#[utoipa::path(
    get,
    path = "/v1/occupancies/{id}",
    tag = "occupancies",
    params(("id" = i64, Path, description = "The occupancy's id")),
    responses((status = 200, description = "The occupancy", body = Shown), Problem),
    security(("token" = ["portal", "operator"]))
)]
pub(super) async fn show(
    State(context): State<Context>,
    id: Segment,
    _: Asked<Nothing>,
) -> Result<Json<Shown>, Problem> {
    let id = OccupancyId(id.id("id")?);
    context
        .ask_as_it_is(move |store| named(store, id).map(|occupancy| Shown::of(&occupancy)))
        .await
        .map(Json)
}

/// End an occupancy, or change what the household agrees to. A last day that is recorded moves to earlier days only.
#[utoipa::path(
    patch,
    path = "/v1/occupancies/{id}",
    tag = "occupancies",
    params(("id" = i64, Path, description = "The occupancy's id")),
    request_body = Changed,
    responses((status = 200, description = "The occupancy as it is now", body = Shown), Problem),
    security(("token" = ["portal", "operator"]))
)]
pub(super) async fn change(
    State(context): State<Context>,
    Extension(caller): Extension<Caller>,
    id: Segment,
    _: Asked<Nothing>,
    Sent(changed): Sent<Changed>,
) -> Result<Json<Shown>, Problem> {
    let now = context.now();
    let id = OccupancyId(id.id("id")?);
    context
        .ask_as_it_is(move |store| {
            let change = OccupancyChange {
                until: changed.until.map(|day| day.0),
                may_extend: false,
                keeps_hourly: changed.keeps_hourly,
            };
            match store.change_occupancy(id, &change, By { who: &caller.name, at: now }) {
                Ok(Some(occupancy)) => Ok(Shown::of(&occupancy)),
                Ok(None) => Err(missing(id)),
                Err(StoreError::EndOutside) => Err(Problem::invalid_body(
                    "until",
                    "lies before the first day, after the last day that is recorded, or in the time of the next household",
                )),
                Err(error) => Err(error.into()),
            }
        })
        .await
        .map(Json)
}

/// Answer for what a household used: never a day before it moved in, or after it left.
#[utoipa::path(
    get,
    path = "/v1/occupancies/{id}/consumption",
    tag = "occupancies",
    params(("id" = i64, Path, description = "The occupancy's id"), OccupancyQuery),
    responses((status = 200, description = "What was used; days outside the occupancy are cut off", content(
        (Report = "application/json"),
        (String = "text/csv"),
        (String = "application/x-ndjson"),
    )), Problem),
    security(("token" = ["portal", "operator"]))
)]
pub(super) async fn used(
    State(context): State<Context>,
    wanted: Wanted,
    id: Segment,
    Asked(asked): Asked<OccupancyQuery>,
) -> Result<Response, Problem> {
    let id = OccupancyId(id.id("id")?);
    let now = context.now();
    let question = Question {
        of: Of::Occupancy(id),
        days: (asked.from, asked.to),
        step: asked.step,
        compare: asked.compare,
        format: wanted.format(),
    };
    context
        .figures(question, now, wanted, move |store| {
            let Household {
                dwelling,
                site,
                window,
                today,
            } = household(store, id, now)?;
            let place = dwelling.id;
            let (from, to) = window.asked(asked.from, asked.to, today)?;
            let mut report = consumption::report(store, (dwelling, &site), (from, to), asked.step, now)?;
            if let Some(compare) = asked.compare {
                // A part of a time compared with a whole one would mislead.
                let theirs = |(from, to)| window.cut(from, to) == Some((from, to));
                report.compare(store, (place, &site), compare, now, theirs)?;
            }
            Ok(report)
        })
        .await
}

/// A household: where it lives, and which days it may see.
pub(super) struct Household {
    pub(super) dwelling: registry::Dwelling,
    pub(super) site: Site,
    pub(super) window: Window,
    pub(super) today: Date,
}

/// The household of an occupancy.
pub(super) fn household(store: &dyn Store, id: OccupancyId, now: Timestamp) -> Result<Household, Problem> {
    let occupancy = named(store, id)?;
    let (dwelling, site) = dwellings::named(store, occupancy.dwelling)?;
    let today = today(&site, now);
    Ok(Household {
        window: Window::of(&occupancy, today)?,
        dwelling,
        site,
        today,
    })
}

/// The days that an occupancy may see: its first, and the one after its last.
#[derive(Clone, Copy, Debug)]
pub(super) struct Window {
    pub(super) from: Date,
    pub(super) to: Date,
}

impl Window {
    fn of(occupancy: &registry::Occupancy, today: Date) -> Result<Self, Problem> {
        let outside = |_| Problem::OutsideOccupancy;
        let tomorrow = today.tomorrow().map_err(outside)?;
        let end = match occupancy.until {
            Some(last) => last.tomorrow().map_err(outside)?,
            None => tomorrow,
        };
        Ok(Self {
            from: occupancy.from,
            to: end.min(tomorrow),
        })
    }

    /// The days of a range that was asked for that lie inside, with the defaults of what was left out.
    pub(super) fn asked(
        self,
        from: Option<Day>,
        to: Option<Day>,
        today: Date,
    ) -> Result<(Date, Date), Problem> {
        let whole = Some(Day(self.from)).filter(|_| to.is_none() && self.is_short());
        let (from, to) = consumption::days(from.or(whole), to.or(Some(Day(self.to))), today)?;
        if from >= to {
            return Err(Problem::invalid("to", "does not lie behind from"));
        }
        self.cut(from, to).ok_or(Problem::OutsideOccupancy)
    }

    /// The days of a range that lie inside.
    pub(super) fn cut(self, from: Date, to: Date) -> Option<(Date, Date)> {
        let (from, to) = (from.max(self.from), to.min(self.to));
        (from < to).then_some((from, to))
    }

    /// Whether all of it fits into a year.
    fn is_short(self) -> bool {
        self.from.checked_add(1.year()).is_ok_and(|year| self.to <= year)
    }
}

pub(super) fn today(site: &Site, now: Timestamp) -> Date {
    now.to_zoned_datetime(site.zone()).date()
}

fn named(store: &dyn Store, id: OccupancyId) -> Result<registry::Occupancy, Problem> {
    store.occupancy(id)?.ok_or_else(|| missing(id))
}

fn missing(id: OccupancyId) -> Problem {
    Problem::not_found(format!("no occupancy has the id {id}"))
}

impl Shown {
    fn of(occupancy: &registry::Occupancy) -> Self {
        Self {
            id: occupancy.id.0,
            dwelling: occupancy.dwelling.0,
            role: occupancy.role.name(),
            from: occupancy.from.to_string(),
            until: occupancy.until.map(|day| day.to_string()),
            keeps_hourly: occupancy.keeps_hourly,
        }
    }
}
