//! Readings: the exact values behind a figure, and the feed of what is new.

use std::collections::HashMap;

use axum::extract::State;
use axum::response::Response;
use decoders::reading::{Direction, Kind};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize, de};
use serde_json::value::{RawValue, to_raw_value};
use utoipa::{IntoParams, ToSchema};

use crate::registry::{MeterId, Site};
use crate::store::{Aspect, Channel, ChannelId, ReadingKey, ReadingQuery, ReadingRow, Source, Store};
use wmbus::Decimal;

use super::Context;
use super::finding;
use super::format::{Entry, Lines, Wanted};
use super::json::Number;
use super::meters::Name;
use super::page::{Cursor, Limit, List, Page};
use super::problem::Problem;
use super::query::{Asked, Moment, Segment};

/// One exact value of one quantity at an instant.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Reading)]
pub(super) struct Value {
    /// What was measured.
    #[schema(example = "volume")]
    pub(super) quantity: String,
    /// Its unit.
    #[schema(example = "m3")]
    pub(super) unit: &'static str,
    /// The value, with the digits that the meter's register has.
    pub(super) value: Number,
    /// The instant that it stands for.
    #[schema(example = "2026-03-29T12:00:00Z")]
    pub(super) at: String,
    /// Where it came from: `live`, `set_date`, `history`, `manual` or `estimate`.
    pub(super) source: &'static str,
    /// Where the meter keeps it: `current`, `set_date`, `history`, `max`, `min` or `average`; null for a value that no
    /// meter sent.
    pub(super) register: Option<&'static str>,
    /// `forward` or `reverse`, for a value that is only that part.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) direction: Option<&'static str>,
    /// The tariff, when it counts only that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) tariff: Option<u32>,
    /// The subunit: a second device inside the meter, a pulse input.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) subunit: Option<u16>,
    /// True for what was gained inside one closed slot, which ends at `at`.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(super) increment: bool,
    /// The meter's own stamp, as it was sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) stamp: Option<String>,
    /// What is doubtful about it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) flags: Vec<&'static str>,
}

/// A change of the feed: a reading that was added, or whose flags changed.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Change {
    /// Whose it is.
    meter: Name,
    #[serde(flatten)]
    reading: Value,
}

/// Some of the feed, and where to go on, now or later.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Changes {
    /// The changes, oldest first.
    items: Vec<Change>,
    /// What to pass as `after` next time, also when there is nothing more now.
    next: String,
    /// Whether there is more right now.
    more: bool,
}

impl Entry for Value {
    const COLUMNS: &'static [&'static str] = &[
        "quantity",
        "unit",
        "value",
        "at",
        "source",
        "register",
        "direction",
        "tariff",
        "subunit",
        "increment",
        "stamp",
        "flags",
    ];
}

impl Lines for Changes {
    const COLUMNS: &'static [&'static str] = &[
        "meter.serial",
        "meter.manufacturer",
        "meter.id",
        "meter.version",
        "meter.medium",
        "quantity",
        "unit",
        "value",
        "at",
        "source",
        "register",
        "direction",
        "tariff",
        "subunit",
        "increment",
        "stamp",
        "flags",
    ];

    fn lines(&self) -> serde_json::Result<Vec<Box<RawValue>>> {
        self.items.iter().map(to_raw_value).collect()
    }

    fn next(&self) -> Option<(&'static str, &str)> {
        Some(("after", &self.next))
    }
}

/// Which readings of the meter.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ReadingsQuery {
    /// Only this quantity: `volume`, `heat_cost`, `energy`, `temperature` …
    quantity: Option<String>,
    /// From this day (its midnight at the site) or instant on.
    #[param(value_type = Option<String>, example = "2026-01-01")]
    from: Option<Moment>,
    /// Up to, but without, this day or instant.
    #[param(value_type = Option<String>, example = "2026-02-01T00:00:00Z")]
    to: Option<Moment>,
    /// Only from this source: `live`, `set_date`, `history`, `manual`, `estimate`.
    #[param(value_type = Option<String>)]
    source: Option<SourceName>,
    /// Only what the meter keeps there: `current`, `set_date`, `history`, `max`, `min`, `average`.
    #[param(value_type = Option<String>)]
    register: Option<RegisterName>,
    /// Where the page before ended.
    cursor: Option<String>,
    /// How many, 1 to 1000.
    #[serde(default)]
    #[param(value_type = u16, minimum = 1, maximum = 1000, default = 100, required = false)]
    limit: Limit,
}

/// Where in the feed.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ChangesQuery {
    /// `next` of the page before; left out for everything from the beginning.
    after: Option<String>,
    /// How many, 1 to 1000.
    #[serde(default)]
    #[param(value_type = u16, minimum = 1, maximum = 1000, default = 100, required = false)]
    limit: Limit,
}

/// List the readings of a meter, series after series, each in the order of time.
#[utoipa::path(
    get,
    path = "/v1/meters/{serial}/readings",
    tag = "readings",
    params(("serial" = String, Path, description = "What stands on its housing, however it is typed, or its address such as KAM-12345678-1B-16"), ReadingsQuery),
    responses((status = 200, description = "The readings that match", content(
        (Page<Value> = "application/json"),
        (String = "text/csv"),
        (String = "application/x-ndjson"),
    )), Problem),
    security(("token" = ["operator"]))
)]
pub(super) async fn list(
    State(context): State<Context>,
    wanted: Wanted,
    serial: Segment,
    Asked(asked): Asked<ReadingsQuery>,
) -> Result<Response, Problem> {
    let computed = context.computed;
    context
        .ask(move |store| {
            let (_, meter) = finding::one(store, &serial.0, computed)?;
            let after = asked
                .cursor
                .as_deref()
                .map(|cursor| Cursor::key::<4>(cursor, List::Readings, "cursor"))
                .transpose()?;
            if after.is_some_and(|[of, ..]| of != meter.id.0) {
                return Err(Problem::invalid("cursor", "it belongs to another meter's list"));
            }
            let after = after
                .map(|[_, channel, at, source]| reading_key(channel, at, source))
                .transpose()?;
            let zone = zone_of(store, meter.id)?;
            let instant = |moment: Option<Moment>, name: &str, otherwise: Timestamp| {
                moment.map_or(Ok(otherwise), |moment| moment.instant(&zone, name))
            };
            let query = ReadingQuery {
                meter: meter.id,
                channel: None,
                from: instant(asked.from, "from", Timestamp::MIN)?,
                until: instant(asked.to, "to", Timestamp::MAX)?,
                source: asked.source.map(|name| name.0),
                after,
                limit: asked.limit.0 + 1,
            };
            if query.until <= query.from {
                return Err(Problem::invalid("to", "must lie after `from`"));
            }
            let channels = matching(store, meter.id, &asked)?;
            let rows = collect(store, &channels, &query, asked.register)?;
            let items: Vec<Value> = rows.iter().map(Value::of).collect();
            Page::cut(
                rows.into_iter().zip(items).collect(),
                asked.limit.0,
                |(row, _)| {
                    let (channel, at) = (row.channel_id.0, row.reading.at.as_second());
                    Cursor::new(
                        List::Readings,
                        [meter.id.0, channel, at, row.reading.source as i64],
                    )
                },
                |(_, value)| Ok(value),
            )
        })
        .await
        .map(|answer| wanted.answer(answer))
}

/// Follow what is new: every reading that was added or changed since a cursor, none left out.
#[utoipa::path(
    get,
    path = "/v1/readings",
    tag = "readings",
    params(ChangesQuery),
    responses((status = 200, description = "The changes behind the cursor", content(
        (Changes = "application/json"),
        (String = "text/csv"),
        (String = "application/x-ndjson"),
    )), Problem),
    security(("token" = ["portal", "operator"]))
)]
pub(super) async fn changes(
    State(context): State<Context>,
    wanted: Wanted,
    Asked(asked): Asked<ChangesQuery>,
) -> Result<Response, Problem> {
    context
        .ask(move |store| {
            let after = match &asked.after {
                Some(after) => {
                    let [change] = Cursor::key::<1>(after, List::Changes, "after")?;
                    u64::try_from(change)
                        .map_err(|_| Problem::invalid("after", "not a cursor of this list"))?
                }
                None => 0,
            };
            let limit = asked.limit.0;
            let mut rows = store.changes(after, limit + 1)?;
            let more = rows.len() > limit;
            rows.truncate(limit);
            let last = rows.last().map_or(after, |row| row.change);
            let mut names: HashMap<MeterId, Name> = HashMap::new();
            let mut items = Vec::with_capacity(rows.len());
            for row in &rows {
                if !names.contains_key(&row.meter)
                    && let Some(meter) = store.meter(row.meter)?
                {
                    names.insert(row.meter, Name::of(&meter));
                }
                if let Some(meter) = names.get(&row.meter).cloned() {
                    items.push(Change {
                        meter,
                        reading: Value::of(row),
                    });
                }
            }
            let cursor = i64::try_from(last).map_err(|_| Problem::Internal)?;
            Ok(Changes {
                items,
                next: Cursor::new(List::Changes, [cursor]).to_text(),
                more,
            })
        })
        .await
        .map(|answer| wanted.answer(answer))
}

/// The channels that a query may mean, in the order of their ids.
fn matching(store: &dyn Store, meter: MeterId, asked: &ReadingsQuery) -> Result<Vec<ChannelId>, Problem> {
    let mut channels = store.channels(meter)?;
    channels.sort_by_key(|(id, _)| *id);
    if let Some(quantity) = &asked.quantity {
        let known: Vec<&str> = channels
            .iter()
            .map(|(_, channel)| channel.quantity.name())
            .collect();
        if !known.contains(&quantity.as_str()) {
            let mut known = known;
            known.sort_unstable();
            known.dedup();
            return Err(Problem::invalid(
                "quantity",
                match known.as_slice() {
                    [] => "this meter has no readings yet".to_owned(),
                    known => format!("this meter has none of {quantity:?}: it has {}", known.join(", ")),
                },
            ));
        }
    }
    Ok(channels
        .into_iter()
        .filter(|(_, channel)| {
            asked
                .quantity
                .as_deref()
                .is_none_or(|quantity| quantity == channel.quantity.name())
        })
        .filter(|(_, channel)| {
            asked
                .register
                .is_none_or(|register| register.aspect() == channel.aspect)
        })
        .map(|(id, _)| id)
        .collect())
}

/// A page over several channels, one after the other.
fn collect(
    store: &dyn Store,
    channels: &[ChannelId],
    query: &ReadingQuery,
    register: Option<RegisterName>,
) -> Result<Vec<ReadingRow>, Problem> {
    let source = match (register.and_then(RegisterName::source), query.source) {
        (Some(kept), Some(asked)) if kept != asked => return Ok(Vec::new()),
        (kept, asked) => kept.or(asked),
    };
    let mut rows = Vec::new();
    for channel in channels {
        let after = match query.after {
            Some(after) if *channel < after.channel => continue,
            Some(after) if *channel == after.channel => Some(after),
            _ => None,
        };
        rows.extend(store.readings(&ReadingQuery {
            channel: Some(*channel),
            source,
            after,
            limit: query.limit - rows.len(),
            ..*query
        })?);
        if rows.len() >= query.limit {
            break;
        }
    }
    Ok(rows)
}

impl Value {
    pub(super) fn of(row: &ReadingRow) -> Self {
        let reading = &row.reading;
        let channel = &reading.channel;
        let (unit, shift) = channel.unit.symbol();
        Self {
            quantity: channel.quantity.name().to_owned(),
            unit,
            value: Number(digits(channel, reading.value, reading.resolution, shift)),
            at: reading.at.to_string(),
            source: reading.source.name(),
            register: register_of(channel.aspect, reading.source),
            direction: match channel.direction {
                Direction::Net => None,
                Direction::Forward => Some("forward"),
                Direction::Reverse => Some("reverse"),
            },
            tariff: (channel.tariff != 0).then_some(channel.tariff),
            subunit: (channel.subunit != 0).then_some(channel.subunit),
            increment: channel.kind == Kind::Increment,
            stamp: reading.stamp.map(|stamp| stamp.to_string()),
            flags: reading.flags.names().collect(),
        }
    }
}

/// The value in the unit that people read, with the digits of the meter's register: no more, no fewer.
fn digits(channel: &Channel, value: i64, resolution: i8, shift: i8) -> Decimal {
    let stored = channel.decimal(value);
    let sent = stored
        .rescale(resolution)
        .map_or(stored, |mantissa| Decimal::new(mantissa, resolution));
    let shifted = |number: Decimal| {
        let exponent = number.exponent.checked_sub(shift)?;
        Some(Decimal::new(number.mantissa, exponent))
    };
    shifted(sent).unwrap_or(stored)
}

fn register_of(aspect: Aspect, source: Source) -> Option<&'static str> {
    match (aspect, source) {
        (_, Source::Manual | Source::Estimate) => None,
        (Aspect::Max, _) => Some("max"),
        (Aspect::Min, _) => Some("min"),
        (Aspect::Average, _) => Some("average"),
        (Aspect::Index, Source::Live) => Some("current"),
        (Aspect::Index, Source::SetDate) => Some("set_date"),
        (Aspect::Index, Source::History) => Some("history"),
    }
}

/// The zone of the site that a meter hangs in; the default one for a meter that hangs nowhere.
fn zone_of(store: &dyn Store, meter: MeterId) -> Result<TimeZone, Problem> {
    let dwelling = match store.placements_of_meter(meter)?.last() {
        Some(placement) => store.dwelling(placement.point.dwelling)?,
        None => None,
    };
    let site = match dwelling {
        Some(dwelling) => store.site(dwelling.site)?,
        None => None,
    };
    Ok(site.map_or_else(
        || TimeZone::get(Site::DEFAULT_TIME_ZONE).unwrap_or(TimeZone::UTC),
        |site| site.zone(),
    ))
}

fn reading_key(channel: i64, at: i64, source: i64) -> Result<ReadingKey, Problem> {
    let foreign = || Problem::invalid("cursor", "not a cursor of this list");
    Ok(ReadingKey {
        channel: ChannelId(channel),
        at: Timestamp::from_second(at).map_err(|_| foreign())?,
        source: Source::ALL
            .into_iter()
            .find(|known| *known as i64 == source)
            .ok_or_else(foreign)?,
    })
}

/// A source by its name.
#[derive(Clone, Copy, Debug)]
struct SourceName(Source);

impl<'de> Deserialize<'de> for SourceName {
    fn deserialize<D: de::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Source::from_name(&text).map(Self).ok_or_else(|| {
            let known = Source::ALL.map(Source::name).join(", ");
            de::Error::custom(format!("{text:?} is no source: write one of {known}"))
        })
    }
}

/// A register by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum RegisterName {
    Current,
    SetDate,
    History,
    Max,
    Min,
    Average,
}

impl RegisterName {
    const ALL: [(Self, &'static str); 6] = [
        (Self::Current, "current"),
        (Self::SetDate, "set_date"),
        (Self::History, "history"),
        (Self::Max, "max"),
        (Self::Min, "min"),
        (Self::Average, "average"),
    ];

    fn aspect(self) -> Aspect {
        match self {
            Self::Current | Self::SetDate | Self::History => Aspect::Index,
            Self::Max => Aspect::Max,
            Self::Min => Aspect::Min,
            Self::Average => Aspect::Average,
        }
    }

    fn source(self) -> Option<Source> {
        match self {
            Self::Current => Some(Source::Live),
            Self::SetDate => Some(Source::SetDate),
            Self::History => Some(Source::History),
            Self::Max | Self::Min | Self::Average => None,
        }
    }
}

impl<'de> Deserialize<'de> for RegisterName {
    fn deserialize<D: de::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::ALL
            .into_iter()
            .find(|(_, name)| *name == text)
            .map(|(register, _)| register)
            .ok_or_else(|| {
                let known = Self::ALL.map(|(_, name)| name).join(", ");
                de::Error::custom(format!("{text:?} is no register: write one of {known}"))
            })
    }
}
