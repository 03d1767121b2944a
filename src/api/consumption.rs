//! Consumption of a dwelling: by kind, by metering point, by period, each figure with its quality.

use axum::extract::State;
use axum::response::Response;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use serde::{Deserialize, Serialize, de};
use serde_json::value::{RawValue, to_raw_value};
use utoipa::{IntoParams, ToSchema};
use wmbus::Decimal;

use crate::consumption::{Consumption, Metered, Period, PeriodError, Step, of_dwelling_by};
use crate::registry::{self, DwellingId, OccupancyId, Site};
use crate::store::Store;

use super::Context;
use super::by_hand;
use super::compare::{Compare, Compared, KindAverage};
use super::dwellings::{self, Dwelling};
use super::format::{Format, Lines, Wanted};
use super::json::{Number, Text, exact, local, shown};
use super::memory::Rests;
use super::meters::PointName;
use super::problem::Problem;
use super::query::{Asked, Day, Segment};

/// What a dwelling used, from the midnight of one day to the midnight of a later one.
///
/// Figures add up exactly: a kind is the sum of its points, and the total the sum of the periods, in their exact
/// values (rounded values need not).
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Consumption)]
pub(super) struct Report {
    /// The dwelling.
    pub(super) dwelling: Dwelling,
    /// First day.
    #[schema(format = Date, example = "2026-01-01")]
    pub(super) from: String,
    /// The day after the last one.
    #[schema(format = Date, example = "2026-02-01")]
    pub(super) to: String,
    /// How the days are cut: `hour`, `day`, `week` (from Monday), `month` or `year`. First and last may be parts.
    #[schema(example = "day")]
    pub(super) step: &'static str,
    /// The zone whose midnights count.
    #[schema(example = "Europe/Paris")]
    pub(super) time_zone: String,
    /// What is counted here, kind by kind.
    pub(super) kinds: Vec<KindReport>,
    /// The days that were asked to be compared with; null when the household was not there for all of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) compared: Option<Compared>,
    /// The average user of the site in the same days, when that was asked for; kinds of which fewer than five dwellings
    /// are known are left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) site_average: Option<Vec<KindAverage>>,
    /// The same as `from` and `to`.
    #[serde(skip)]
    #[schema(ignore)]
    pub(super) days: (Date, Date),
    /// What its figures rest on; `None` when that is more than the readings of some meters.
    #[serde(skip)]
    #[schema(ignore)]
    pub(super) rests: Option<Rests>,
}

/// A question for figures: as it is asked, so that one that is asked again is recognised.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Question {
    /// Of whom.
    pub(super) of: Of,
    /// First day and the day after the last one, as far as they were said.
    pub(super) days: (Option<Day>, Option<Day>),
    pub(super) step: StepName,
    pub(super) compare: Option<Compare>,
    pub(super) format: Format,
}

/// Whose figures: these are others, also where it is the same dwelling.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Of {
    Dwelling(DwellingId),
    Occupancy(OccupancyId),
}

/// What a dwelling used of one kind.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct KindReport {
    /// `hot_water`, `cold_water`, `heating` …
    #[schema(example = "hot_water")]
    pub(super) kind: &'static str,
    /// The unit of all its figures.
    #[schema(example = "m3")]
    pub(super) unit: &'static str,
    /// Over the whole time.
    pub(super) total: Figure,
    /// Period by period.
    pub(super) periods: Vec<PeriodFigure>,
    /// Point by point; points that no meter served at that time are left out.
    pub(super) points: Vec<PointReport>,
}

/// What was used at one metering point.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct PointReport {
    /// The point.
    pub(super) point: PointName,
    /// What stands on the housings of the meters that served it at that time, oldest first.
    pub(super) meters: Vec<String>,
    /// Over the whole time.
    pub(super) total: Figure,
    /// Period by period.
    pub(super) periods: Vec<PeriodFigure>,
}

/// A figure of one period.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct PeriodFigure {
    /// First day.
    #[schema(value_type = String, format = Date, example = "2026-01-01")]
    pub(super) from: Text,
    /// The day after the last one.
    #[schema(value_type = String, format = Date, example = "2026-01-02")]
    pub(super) to: Text,
    /// The instant at which it begins, with the site's offset.
    #[schema(value_type = String)]
    pub(super) start: Text,
    /// The instant at which it ends.
    #[schema(value_type = String)]
    pub(super) end: Text,
    #[serde(flatten)]
    pub(super) figure: Figure,
}

/// How much, and how far to trust it.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Figure {
    #[serde(flatten)]
    pub(super) amount: Amounts,
    /// `measured`, `interpolated`, `estimated` or `missing`: the worst of all ends that the figure is made of.
    #[schema(example = "measured")]
    pub(super) quality: &'static str,
    /// Seconds between an end of the period and the farthest reading used for it; null when the figure is missing.
    pub(super) age_seconds: Option<i64>,
    /// What happened in the period: `restart`, `replacement`, `rollover`, `factor_change`, `reverse`, `unmetered`,
    /// `running`, `break`.
    pub(super) flags: Vec<&'static str>,
}

/// The amounts of a figure; null when it is missing.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
pub(super) enum Amounts {
    /// Of heat cost allocators.
    Units(Units),
    /// Of all other meters.
    Plain(Plain),
}

/// What allocators counted.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Units {
    /// The count of the displays times the rating factors, exact.
    #[schema(required = true)]
    pub(super) rated: Option<Number>,
    /// The same with two decimals, as residents are shown.
    #[schema(required = true)]
    pub(super) rated_shown: Option<Number>,
    /// The count of the displays, exact.
    #[schema(required = true)]
    pub(super) raw: Option<Number>,
    /// The same with two decimals.
    #[schema(required = true)]
    pub(super) raw_shown: Option<Number>,
}

/// What meters counted.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Plain {
    /// Exact.
    #[schema(required = true)]
    pub(super) value: Option<Number>,
    /// With two decimals, as residents are shown.
    #[schema(required = true)]
    pub(super) shown: Option<Number>,
}

/// A point and a period of a report, as a line.
#[derive(Serialize)]
struct Line<'a> {
    kind: &'a str,
    point: i64,
    room: &'a str,
    number: u16,
    meters: &'a [String],
    unit: &'a str,
    from: &'a str,
    to: &'a str,
    start: &'a str,
    end: &'a str,
    value: Option<Number>,
    shown: Option<Number>,
    raw: Option<Number>,
    quality: &'a str,
    age_seconds: Option<i64>,
    flags: &'a [&'static str],
}

impl Lines for Report {
    const COLUMNS: &'static [&'static str] = &[
        "kind",
        "point",
        "room",
        "number",
        "meters",
        "unit",
        "from",
        "to",
        "start",
        "end",
        "value",
        "shown",
        "raw",
        "quality",
        "age_seconds",
        "flags",
    ];

    fn json(&self) -> serde_json::Result<Vec<u8>> {
        by_hand::write(self)
    }

    /// Of heating `value` is rated; `raw` is the count of the display.
    fn lines(&self) -> serde_json::Result<Vec<Box<RawValue>>> {
        let mut lines = Vec::new();
        for kind in &self.kinds {
            for point in &kind.points {
                for period in &point.periods {
                    let figure = &period.figure;
                    let (value, shown, raw) = match &figure.amount {
                        Amounts::Units(units) => (units.rated, units.rated_shown, units.raw),
                        Amounts::Plain(plain) => (plain.value, plain.shown, None),
                    };
                    lines.push(to_raw_value(&Line {
                        kind: kind.kind,
                        point: point.point.id,
                        room: &point.point.room,
                        number: point.point.number,
                        meters: &point.meters,
                        unit: kind.unit,
                        from: &period.from,
                        to: &period.to,
                        start: &period.start,
                        end: &period.end,
                        value,
                        shown,
                        raw,
                        quality: figure.quality,
                        age_seconds: figure.age_seconds,
                        flags: &figure.flags,
                    })?);
                }
            }
        }
        Ok(lines)
    }
}

/// Which days, and how they are cut.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ConsumptionQuery {
    /// First day, from its midnight at the site; eleven months before the month of the last day when left out.
    #[param(value_type = Option<String>, format = Date, example = "2026-01-01")]
    from: Option<Day>,
    /// The day after the last one: the time ends at its midnight. Tomorrow when left out.
    #[param(value_type = Option<String>, format = Date, example = "2026-02-01")]
    to: Option<Day>,
    /// `hour` (for days of households that agreed to it), `day`, `week`, `month`, `season` (July to June) or `year`.
    #[serde(default)]
    #[param(value_type = Option<String>, example = "day", default = "month")]
    step: StepName,
    /// `previous` (as many days just before), `year_ago` (the same days a year before) or `site` (the average user).
    #[param(value_type = Option<String>, example = "previous")]
    compare: Option<Compare>,
}

/// Answer for what a dwelling used, by kind, point and period.
#[utoipa::path(
    get,
    path = "/v1/dwellings/{id}/consumption",
    tag = "consumption",
    params(("id" = i64, Path, description = "The dwelling's id"), ConsumptionQuery),
    responses((status = 200, description = "What was used", content(
        (Report = "application/json"),
        (String = "text/csv"),
        (String = "application/x-ndjson"),
    )), Problem),
    security(("token" = ["operator"]))
)]
pub(super) async fn show(
    State(context): State<Context>,
    wanted: Wanted,
    id: Segment,
    Asked(asked): Asked<ConsumptionQuery>,
) -> Result<Response, Problem> {
    let id = DwellingId(id.id("id")?);
    let now = context.now();
    let question = Question {
        of: Of::Dwelling(id),
        days: (asked.from, asked.to),
        step: asked.step,
        compare: asked.compare,
        format: wanted.format(),
    };
    context
        .figures(question, now, wanted, move |store| {
            let (dwelling, site) = dwellings::named(store, id)?;
            let today = now.to_zoned_datetime(site.zone()).date();
            let days = days(asked.from, asked.to, today)?;
            let mut report = report(store, (dwelling, &site), days, asked.step, now)?;
            if let Some(compare) = asked.compare {
                report.compare(store, (id, &site), compare, now, |_| true)?;
            }
            Ok(report)
        })
        .await
}

/// What a dwelling used from the midnight of one day to that of another.
pub(super) fn report(
    store: &dyn Store,
    (dwelling, site): (registry::Dwelling, &Site),
    (from, to): (Date, Date),
    StepName(step): StepName,
    now: Timestamp,
) -> Result<Report, Problem> {
    let zone = site.zone();
    let whole = Period::new(from, to, &zone).map_err(|error| range_problem(&error))?;
    if step == Step::Hour && !agreed(store, dwelling.id, (from, to))? {
        return Err(Problem::NoConsent);
    }
    let periods = whole
        .cut(step, &zone, MOST_PERIODS)
        .map_err(|error| range_problem(&error))?;
    let metered = of_dwelling_by(store, dwelling.id, (whole.start, whole.end), step.grain(), now)?;
    Ok(Report {
        from: from.to_string(),
        to: to.to_string(),
        step: step.name(),
        time_zone: site.time_zone.clone(),
        kinds: kinds(&metered, &whole, &periods, &zone),
        dwelling: Dwelling::of(dwelling, site),
        compared: None,
        site_average: None,
        days: (from, to),
        rests: Some(Rests {
            settled: whole.end,
            on: metered.into_iter().flat_map(|metered| metered.rests_on).collect(),
        }),
    })
}

/// Whether a household agreed, for each of these days, to be shown by the hour.
fn agreed(store: &dyn Store, dwelling: DwellingId, (from, to): (Date, Date)) -> Result<bool, Problem> {
    let mut covered = from;
    for occupancy in store.occupancies(dwelling)? {
        let ended = occupancy.until.is_some_and(|last| last < covered);
        if ended || occupancy.from >= to {
            continue;
        }
        if !occupancy.keeps_hourly || occupancy.from > covered {
            return Ok(false);
        }
        covered = match occupancy.until.map(Date::tomorrow) {
            Some(Ok(next)) => covered.max(next),
            _ => to,
        };
    }
    Ok(covered >= to)
}

/// The days asked for, with the defaults of those that were not.
pub(super) fn days(from: Option<Day>, to: Option<Day>, today: Date) -> Result<(Date, Date), Problem> {
    let outside = |_| Problem::invalid("from", "leaves the calendar");
    let to = match to {
        Some(Day(to)) => to,
        None => today.tomorrow().map_err(outside)?,
    };
    let from = match from {
        Some(Day(from)) => from,
        None => to
            .yesterday()
            .map_err(outside)?
            .first_of_month()
            .checked_sub(11.months())
            .map_err(outside)?,
    };
    Ok((from, to))
}

pub(super) fn range_problem(error: &PeriodError) -> Problem {
    let name = match error {
        PeriodError::Empty => "to",
        PeriodError::TooMany(_) => "step",
        PeriodError::OutOfRange => "from",
    };
    Problem::invalid(name, error.to_string())
}

/// Points of one kind and unit together, in the order in which they come.
pub(super) fn kinds(
    metered: &[Metered],
    whole: &Period,
    periods: &[Period],
    zone: &TimeZone,
) -> Vec<KindReport> {
    let ends: Vec<Ends> = periods.iter().map(|period| Ends::of(period, zone)).collect();
    metered
        .chunk_by(|a, b| a.point.kind == b.point.kind && a.unit == b.unit)
        .map(|points| kind(points, whole, periods, &ends))
        .collect()
}

fn kind(metered: &[Metered], whole: &Period, periods: &[Period], ends: &[Ends]) -> KindReport {
    let unit = metered.first().map(|metered| metered.unit);
    let (name, shift) = unit.map_or(("", 0), decoders::reading::Unit::symbol);
    let is_heating = unit == Some(decoders::reading::Unit::AllocationUnit);
    let figure = |consumption: &Consumption| Figure::of(consumption, is_heating, shift);
    let mut totals = Vec::with_capacity(metered.len());
    let mut by_period: Vec<Vec<Consumption>> = vec![Vec::with_capacity(metered.len()); periods.len()];
    let mut points = Vec::with_capacity(metered.len());
    for metered in metered {
        let total = metered.place.over(whole.start, whole.end);
        if !total.served {
            continue;
        }
        let mut figures = Vec::with_capacity(periods.len());
        for ((period, ends), all) in periods.iter().zip(ends).zip(&mut by_period) {
            let consumption = metered.place.over(period.start, period.end);
            figures.push(PeriodFigure::of(ends, figure(&consumption)));
            all.push(consumption);
        }
        points.push(PointReport {
            point: PointName::of(&metered.point),
            meters: serials(metered, whole),
            total: figure(&total),
            periods: figures,
        });
        totals.push(total);
    }
    KindReport {
        kind: metered.first().map_or("", |metered| metered.point.kind.name()),
        unit: name,
        total: figure(&Consumption::sum(&totals)),
        periods: ends
            .iter()
            .zip(&by_period)
            .map(|(ends, all)| PeriodFigure::of(ends, figure(&Consumption::sum(all))))
            .collect(),
        points,
    }
}

/// The serials of the meters that served a point in a time.
fn serials(metered: &Metered, whole: &Period) -> Vec<String> {
    metered
        .placements
        .iter()
        .filter(|placement| {
            let installation = &placement.installation;
            installation.from.is_none_or(|from| from < whole.end)
                && installation.until.is_none_or(|until| until > whole.start)
        })
        .map(|placement| {
            let meter = &placement.meter;
            meter
                .printed_serial
                .clone()
                .unwrap_or_else(|| meter.address.identification_number.to_string())
        })
        .collect()
}

/// The ends of a period as they are written: once, for all points.
struct Ends {
    days: [Text; 2],
    instants: [Text; 2],
}

impl Ends {
    fn of(period: &Period, zone: &TimeZone) -> Self {
        Self {
            days: [period.from.to_string().into(), period.to.to_string().into()],
            instants: [local(period.start, zone).into(), local(period.end, zone).into()],
        }
    }
}

impl PeriodFigure {
    fn of(ends: &Ends, figure: Figure) -> Self {
        let [from, to] = ends.days.clone();
        let [start, end] = ends.instants.clone();
        Self {
            from,
            to,
            start,
            end,
            figure,
        }
    }
}

impl Figure {
    /// `shift`: the power of ten between the unit of amounts and the one people read.
    fn of(consumption: &Consumption, is_heating: bool, shift: i8) -> Self {
        let read = |value: Decimal| {
            let exponent = value.exponent.checked_sub(shift)?;
            Some(Decimal::new(value.mantissa, exponent))
        };
        let rated = consumption.amount.and_then(|amount| read(amount.rated));
        let raw = consumption.amount.and_then(|amount| read(amount.raw));
        let amount = if is_heating {
            Amounts::Units(Units {
                rated: rated.map(exact),
                rated_shown: rated.and_then(shown),
                raw: raw.map(exact),
                raw_shown: raw.and_then(shown),
            })
        } else {
            Amounts::Plain(Plain {
                value: rated.map(exact),
                shown: rated.and_then(shown),
            })
        };
        Self {
            amount,
            quality: consumption.quality.name(),
            age_seconds: consumption.age,
            flags: consumption.flags.iter().map(|flag| flag.name()).collect(),
        }
    }
}

/// A step by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct StepName(Step);

impl From<Step> for StepName {
    fn from(step: Step) -> Self {
        Self(step)
    }
}

impl Default for StepName {
    fn default() -> Self {
        Self(Step::Month)
    }
}

impl<'de> Deserialize<'de> for StepName {
    fn deserialize<D: de::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Step::from_name(&text).map(Self).ok_or_else(|| {
            let known = Step::ALL.map(Step::name).join(", ");
            de::Error::custom(format!("{text:?} is no step: write one of {known}"))
        })
    }
}

/// Ten years of days, and a little.
const MOST_PERIODS: usize = 3700;
