//! The two notes that a household is owed: the monthly evaluation and the yearly note. Ready answers of the same engine.

use axum::extract::State;
use jiff::civil::Date;
use jiff::{Timestamp, ToSpan};
use serde::{Deserialize, Serialize, de};
use utoipa::{IntoParams, ToSchema};

use crate::consumption::{Period, Step, of_dwelling};
use crate::registry::{self, OccupancyId, Site};
use crate::store::Store;

use super::Context;
use super::compare::KindAverage;
use super::consumption::{Figure, KindReport, PeriodFigure, PointReport, kinds, range_problem};
use super::dwellings::Dwelling;
use super::json::Json;
use super::meters::PointName;
use super::occupancies::{Window, household};
use super::problem::Problem;
use super::query::{Asked, Day, Segment};

/// What a household used since the evaluation before, and since 1 January.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Evaluation {
    /// The dwelling.
    dwelling: Dwelling,
    /// The month that is evaluated.
    #[schema(example = "2026-02")]
    month: String,
    /// The days since the evaluation before: those of the month in which the household was there.
    since_last: Days,
    /// The days since 1 January in which the household was there.
    since_january: Days,
    /// Kind by kind.
    kinds: Vec<KindEvaluation>,
}

/// Some days.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Days {
    /// First day.
    #[schema(format = Date, example = "2026-02-01")]
    from: String,
    /// The day after the last one.
    #[schema(format = Date, example = "2026-03-01")]
    to: String,
}

/// The evaluation of one kind.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct KindEvaluation {
    /// `hot_water`, `cold_water`, `heating` …
    #[schema(example = "hot_water")]
    kind: &'static str,
    /// The unit.
    #[schema(example = "m3")]
    unit: &'static str,
    /// Since the evaluation before.
    since_last: Figure,
    /// Since 1 January.
    since_january: Figure,
    /// In the month before; null when the household was not there for all of it.
    month_before: Option<Figure>,
    /// Point by point.
    points: Vec<PointEvaluation>,
}

/// The evaluation of one metering point.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct PointEvaluation {
    /// The point.
    point: PointName,
    /// What stands on the housings of its meters in that time.
    meters: Vec<String>,
    /// Since the evaluation before.
    since_last: Figure,
    /// Since 1 January.
    since_january: Figure,
}

/// What a household used in a year, beside the year before and the average user of the building.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct YearlyNote {
    /// The dwelling.
    dwelling: Dwelling,
    /// The year.
    #[schema(example = 2025)]
    year: i16,
    /// First day in which the household was there.
    #[schema(format = Date, example = "2025-01-01")]
    from: String,
    /// The day after the last one.
    #[schema(format = Date, example = "2026-01-01")]
    to: String,
    /// Kind by kind.
    kinds: Vec<KindNote>,
}

/// The yearly note of one kind.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct KindNote {
    /// `hot_water`, `cold_water`, `heating` …
    #[schema(example = "heating")]
    kind: &'static str,
    /// The unit.
    #[schema(example = "U")]
    unit: &'static str,
    /// In the year.
    total: Figure,
    /// In the same days a year before; null when the household was not there for all of them.
    year_before: Option<Figure>,
    /// The average user of the building in these days; null when fewer than five dwellings are known.
    average: Option<KindAverage>,
    /// Month by month.
    months: Vec<PeriodFigure>,
}

/// Which month.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct MonthQuery {
    /// The month that is evaluated; the last one that has ended when left out.
    #[param(value_type = Option<String>, example = "2026-02")]
    month: Option<Month>,
}

/// Which year.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct YearQuery {
    /// The year; the last one that has ended when left out, or this one for a household that moved in since.
    #[param(value_type = Option<i16>, minimum = 1970, maximum = 2200, example = 2025)]
    year: Option<Year>,
}

/// Evaluate a month of a household: since the evaluation before, and since 1 January.
#[utoipa::path(
    get,
    path = "/v1/occupancies/{id}/evaluation",
    tag = "occupancies",
    params(("id" = i64, Path, description = "The occupancy's id"), MonthQuery),
    responses((status = 200, description = "The evaluation; days outside the occupancy are cut off", body = Evaluation), Problem),
    security(("token" = ["portal", "operator"]))
)]
pub(super) async fn monthly(
    State(context): State<Context>,
    id: Segment,
    Asked(asked): Asked<MonthQuery>,
) -> Result<Json<Evaluation>, Problem> {
    let id = OccupancyId(id.id("id")?);
    let now = context.now();
    context
        .ask(move |store| {
            let home = household(store, id, now)?;
            let first = match asked.month {
                Some(Month(first)) => first,
                None => last_month(home.window, home.today)?,
            };
            evaluate(store, (home.dwelling, &home.site), home.window, first, now)
        })
        .await
        .map(Json)
}

/// Compare a household's year with the year before, and with the average user of the building.
#[utoipa::path(
    get,
    path = "/v1/occupancies/{id}/yearly-note",
    tag = "occupancies",
    params(("id" = i64, Path, description = "The occupancy's id"), YearQuery),
    responses((status = 200, description = "The note; days outside the occupancy are cut off", body = YearlyNote), Problem),
    security(("token" = ["portal", "operator"]))
)]
pub(super) async fn yearly(
    State(context): State<Context>,
    id: Segment,
    Asked(asked): Asked<YearQuery>,
) -> Result<Json<YearlyNote>, Problem> {
    let id = OccupancyId(id.id("id")?);
    let now = context.now();
    context
        .ask(move |store| {
            let home = household(store, id, now)?;
            let year = match asked.year {
                Some(Year(year)) => year,
                None => (home.today.year() - 1).max(home.window.from.year()),
            };
            note(store, (home.dwelling, &home.site), home.window, year, now)
        })
        .await
        .map(Json)
}

/// The first day of the last month that has ended and in which the household was there; of the one that runs for a
/// household that came in it.
fn last_month(window: Window, today: Date) -> Result<Date, Problem> {
    let outside = |_| Problem::OutsideOccupancy;
    let ended = today.first_of_month().checked_sub(1.month()).map_err(outside)?;
    let latest = window.to.yesterday().map_err(outside)?.first_of_month();
    Ok(ended.min(latest).max(window.from.first_of_month()))
}

fn evaluate(
    store: &dyn Store,
    (dwelling, site): (registry::Dwelling, &Site),
    window: Window,
    first: Date,
    now: Timestamp,
) -> Result<Evaluation, Problem> {
    let zone = site.zone();
    let outside = |_| Problem::OutsideOccupancy;
    let next = first.checked_add(1.month()).map_err(outside)?;
    let before = first.checked_sub(1.month()).map_err(outside)?;
    let (from, to) = window.cut(first, next).ok_or(Problem::OutsideOccupancy)?;
    let (january, _) = window
        .cut(first.first_of_year(), next)
        .ok_or(Problem::OutsideOccupancy)?;
    let period = |from, to| Period::new(from, to, &zone).map_err(|error| range_problem(&error));
    let (month, year) = (period(from, to)?, period(january, to)?);
    // The household has to have been there for all of it.
    let seen = window.cut(before, first) == Some((before, first));
    let mut periods = vec![month, year];
    if seen {
        periods.push(period(before, first)?);
    }
    let start = periods
        .iter()
        .map(|period| period.start)
        .min()
        .unwrap_or(year.start);
    let metered = of_dwelling(store, dwelling.id, start, year.end, now)?;
    let kinds = kinds(&metered, &year, &periods, &zone);
    Ok(Evaluation {
        dwelling: Dwelling::of(dwelling, site),
        month: format!("{:04}-{:02}", first.year(), first.month()),
        since_last: Days::of(&month),
        since_january: Days::of(&year),
        kinds: kinds
            .into_iter()
            .filter_map(|kind| KindEvaluation::of(kind, seen))
            .collect(),
    })
}

fn note(
    store: &dyn Store,
    (dwelling, site): (registry::Dwelling, &Site),
    window: Window,
    year: i16,
    now: Timestamp,
) -> Result<YearlyNote, Problem> {
    let zone = site.zone();
    let outside = |_| Problem::OutsideOccupancy;
    let first = Date::new(year, 1, 1).map_err(outside)?;
    let next = first.checked_add(1.year()).map_err(outside)?;
    let (from, to) = window.cut(first, next).ok_or(Problem::OutsideOccupancy)?;
    let period = |from, to| Period::new(from, to, &zone).map_err(|error| range_problem(&error));
    let whole = period(from, to)?;
    let months = whole
        .cut(Step::Month, &zone, 12)
        .map_err(|error| range_problem(&error))?;
    let metered = of_dwelling(store, dwelling.id, whole.start, whole.end, now)?;
    let reports = kinds(&metered, &whole, &months, &zone);
    let same_days = |date: Date| date.checked_sub(1.year()).map_err(outside);
    let earlier = (same_days(from)?, same_days(to)?);
    let before = if window.cut(earlier.0, earlier.1) == Some(earlier) {
        let earlier = period(earlier.0, earlier.1)?;
        let metered = of_dwelling(store, dwelling.id, earlier.start, earlier.end, now)?;
        kinds(&metered, &earlier, &[], &zone)
    } else {
        Vec::new()
    };
    let mut before: Vec<Option<KindReport>> = before.into_iter().map(Some).collect();
    let averages = KindAverage::all(store, (dwelling.id, site), &whole, now)?;
    let mut averages: Vec<Option<KindAverage>> = averages.into_iter().map(Some).collect();
    Ok(YearlyNote {
        dwelling: Dwelling::of(dwelling, site),
        year,
        from: from.to_string(),
        to: to.to_string(),
        kinds: reports
            .into_iter()
            .map(|kind| KindNote {
                year_before: taken(&mut before, |earlier| {
                    earlier.kind == kind.kind && earlier.unit == kind.unit
                })
                .map(|earlier| earlier.total),
                average: taken(&mut averages, |average| average.is_of(kind.kind, kind.unit)),
                kind: kind.kind,
                unit: kind.unit,
                total: kind.total,
                months: kind.periods,
            })
            .collect(),
    })
}

/// The first that fits, taken out.
fn taken<T>(all: &mut [Option<T>], fits: impl Fn(&T) -> bool) -> Option<T> {
    all.iter_mut().find(|one| one.as_ref().is_some_and(&fits))?.take()
}

impl Days {
    fn of(period: &Period) -> Self {
        Self {
            from: period.from.to_string(),
            to: period.to.to_string(),
        }
    }
}

impl KindEvaluation {
    /// From a report cut into the month, the year, and the month before when the household was there.
    fn of(kind: KindReport, seen: bool) -> Option<Self> {
        let mut figures = kind.periods.into_iter().map(|period| period.figure);
        let (since_last, since_january) = (figures.next()?, figures.next()?);
        Some(Self {
            kind: kind.kind,
            unit: kind.unit,
            since_last,
            since_january,
            month_before: figures.next().filter(|_| seen),
            points: kind.points.into_iter().filter_map(PointEvaluation::of).collect(),
        })
    }
}

impl PointEvaluation {
    fn of(point: PointReport) -> Option<Self> {
        let mut figures = point.periods.into_iter().map(|period| period.figure);
        Some(Self {
            point: point.point,
            meters: point.meters,
            since_last: figures.next()?,
            since_january: figures.next()?,
        })
    }
}

/// A month, `2026-02`, as its first day.
#[derive(Clone, Copy, Debug)]
struct Month(Date);

impl<'de> Deserialize<'de> for Month {
    fn deserialize<D: de::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let wrong = || {
            de::Error::custom(format!(
                "{text:?} is no month: write year and month such as 2026-02"
            ))
        };
        if text.len() != 7 {
            return Err(wrong());
        }
        Day::read(&format!("{text}-01"))
            .map(|Day(first)| Self(first))
            .ok_or_else(wrong)
    }
}

/// A year that calendars agree on.
#[derive(Clone, Copy, Debug)]
struct Year(i16);

impl<'de> Deserialize<'de> for Year {
    fn deserialize<D: de::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        match text.parse() {
            Ok(year @ 1970..=2200) => Ok(Self(year)),
            _ => Err(de::Error::custom(format!(
                "{text:?} is no year: write one from 1970 to 2200"
            ))),
        }
    }
}
