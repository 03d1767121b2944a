//! Consumption: by kind, by metering point, by period, each figure with its quality.

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Deserializer};

use super::{Decimal, Dwelling};

/// How days are cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Step {
    /// Hours; only of households that agreed to it.
    Hour,
    /// Days.
    Day,
    /// Weeks from Monday.
    Week,
    /// Months.
    Month,
    /// Calendar years.
    Year,
}

impl Step {
    /// The name in a question.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Hour => "hour",
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
            Self::Year => "year",
        }
    }
}

/// What some days are compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Compare {
    /// As many days, or whole months, just before.
    Previous,
    /// The same days a year before.
    YearAgo,
    /// The average user of the building, by habitable surface.
    Site,
}

impl Compare {
    /// The name in a question.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Previous => "previous",
            Self::YearAgo => "year_ago",
            Self::Site => "site",
        }
    }
}

/// What was used in some days. Days outside the occupancy are cut off by the service.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Consumption {
    /// The dwelling.
    pub dwelling: Dwelling,
    /// First day.
    pub from: Date,
    /// The day after the last one.
    pub to: Date,
    /// The zone whose midnights count.
    pub time_zone: String,
    /// Kind by kind.
    pub kinds: Vec<Kind>,
    /// The days compared with; `None` when not asked for, or when the household was not there for all of them.
    #[serde(default)]
    pub compared: Option<Compared>,
    /// The average user of the building in the same days; kinds of which fewer than five dwellings are known are left out.
    #[serde(default)]
    pub site_average: Option<Vec<Average>>,
}

/// What was used of one kind.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Kind {
    /// Which.
    pub kind: KindName,
    /// The unit of all its figures: `m3`, `U`, `kWh`.
    pub unit: String,
    /// Over the whole time.
    pub total: Figure,
    /// Period by period.
    pub periods: Vec<Period>,
    /// Point by point.
    pub points: Vec<Point>,
}

/// What was used at one metering point.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Point {
    /// Which.
    pub point: PointName,
    /// What stands on the housings of its meters in that time, oldest first.
    pub meters: Vec<String>,
    /// Over the whole time.
    pub total: Figure,
    /// Period by period.
    pub periods: Vec<Period>,
}

/// A metering point.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct PointName {
    /// Its id at the service.
    pub id: i64,
    /// What is counted there.
    pub kind: KindName,
    /// The room; may be empty.
    pub room: String,
    /// 1, or more when a room has several of a kind.
    pub number: u16,
}

/// What is counted.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum KindName {
    /// Hot water.
    HotWater,
    /// Cold water.
    ColdWater,
    /// Heating by allocators, or by heat meters in kWh.
    Heating,
    /// Anything else, by the service's name of it.
    Other(String),
}

impl KindName {
    /// The service's name of it.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::HotWater => "hot_water",
            Self::ColdWater => "cold_water",
            Self::Heating => "heating",
            Self::Other(name) => name,
        }
    }
}

impl<'de> Deserialize<'de> for KindName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        Ok(match name.as_str() {
            "hot_water" => Self::HotWater,
            "cold_water" => Self::ColdWater,
            "heating" => Self::Heating,
            _ => Self::Other(name),
        })
    }
}

/// A figure of one period.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Period {
    /// First day.
    pub from: Date,
    /// The day after the last one; the same day for an hour.
    pub to: Date,
    /// The instant at which it begins.
    pub start: Timestamp,
    /// The instant at which it ends.
    pub end: Timestamp,
    /// How much.
    pub figure: Figure,
}

/// How much, and how far to trust it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Figure {
    /// Exact; of allocators times their rating factors. `None` when it is missing, which is never 0.
    pub value: Option<Decimal>,
    /// The same with two decimals, as the service rounds it for residents.
    pub shown: Option<Decimal>,
    /// Of allocators: the count of the displays, with two decimals.
    pub raw_shown: Option<Decimal>,
    /// The worst of its ends.
    pub quality: Quality,
    /// What happened in that time.
    pub flags: Vec<String>,
}

impl Figure {
    /// Whether the time has not ended yet.
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.flags.iter().any(|flag| flag == "running")
    }
}

/// How a figure is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Quality {
    /// Read at both ends.
    Measured,
    /// Between two readings.
    Interpolated,
    /// From the nearest reading.
    Estimated,
    /// Not known.
    Missing,
    /// A word of a later release of the service.
    #[serde(other)]
    Unknown,
}

/// What was used in the days compared with.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Compared {
    /// First day.
    pub from: Date,
    /// The day after the last one.
    pub to: Date,
    /// Kind by kind.
    pub kinds: Vec<ComparedKind>,
}

/// What was used of one kind in the days compared with.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct ComparedKind {
    /// Which.
    pub kind: KindName,
    /// The unit.
    pub unit: String,
    /// Over the whole time.
    pub total: Figure,
    /// Point by point.
    pub points: Vec<ComparedPoint>,
}

/// What was used at one point in the days compared with.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct ComparedPoint {
    /// Which.
    pub point: PointName,
    /// Over the whole time.
    pub total: Figure,
}

/// The average user of the building.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Average {
    /// Which.
    pub kind: KindName,
    /// The unit.
    pub unit: String,
    /// How many dwellings it is made of: five at least.
    pub dwellings: u32,
    /// In a dwelling of this one's surface, with two decimals; `None` when its surface is not known.
    pub for_this_surface: Option<Decimal>,
    /// The worst quality of what it is made of.
    pub quality: Quality,
}

/// All fields that a figure may have, flat as they are sent: of allocators `rated` and `raw`, of others `value`.
#[derive(Deserialize)]
struct Fields {
    value: Option<Decimal>,
    shown: Option<Decimal>,
    rated: Option<Decimal>,
    rated_shown: Option<Decimal>,
    raw_shown: Option<Decimal>,
    quality: Quality,
    #[serde(default)]
    flags: Vec<String>,
    from: Option<Date>,
    to: Option<Date>,
    start: Option<Timestamp>,
    end: Option<Timestamp>,
}

impl<'de> Deserialize<'de> for Figure {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Fields::deserialize(deserializer).map(Self::from)
    }
}

impl From<Fields> for Figure {
    fn from(fields: Fields) -> Self {
        Self {
            value: fields.value.or(fields.rated),
            shown: fields.shown.or(fields.rated_shown),
            raw_shown: fields.raw_shown,
            quality: fields.quality,
            flags: fields.flags,
        }
    }
}

impl<'de> Deserialize<'de> for Period {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let missing = serde::de::Error::missing_field;
        let fields = Fields::deserialize(deserializer)?;
        Ok(Self {
            from: fields.from.ok_or_else(|| missing("from"))?,
            to: fields.to.ok_or_else(|| missing("to"))?,
            start: fields.start.ok_or_else(|| missing("start"))?,
            end: fields.end.ok_or_else(|| missing("end"))?,
            figure: fields.into(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_of_both_forms_keep_their_digits() {
        let water: Figure = serde_json::from_str(
            r#"{"value":8.835031,"shown":8.84,"quality":"measured","age_seconds":12,"flags":["running"]}"#,
        )
        .unwrap();
        assert_eq!(water.value.unwrap().to_string(), "8.835031");
        assert_eq!(water.shown.unwrap().to_string(), "8.84");
        assert!(water.is_running());
        let heating: Period = serde_json::from_str(
            r#"{"from":"2026-01-01","to":"2026-01-02","start":"2026-01-01T00:00:00+01:00","end":"2026-01-02T00:00:00+01:00",
                "rated":10.2005,"rated_shown":10.20,"raw":7,"raw_shown":7.00,"quality":"interpolated","age_seconds":9,"flags":[]}"#,
        )
        .unwrap();
        assert_eq!(heating.figure.shown.unwrap().to_string(), "10.20");
        assert_eq!(heating.figure.raw_shown.unwrap().to_string(), "7.00");
        let missing: Figure = serde_json::from_str(
            r#"{"value":null,"shown":null,"quality":"missing","age_seconds":null,"flags":[]}"#,
        )
        .unwrap();
        assert_eq!((missing.shown, missing.quality), (None, Quality::Missing));
        let later: Figure =
            serde_json::from_str(r#"{"value":1,"shown":1.00,"quality":"guessed","flags":[]}"#).unwrap();
        assert_eq!(later.quality, Quality::Unknown);
    }
}
