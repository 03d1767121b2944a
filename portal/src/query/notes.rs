//! The monthly evaluation, the yearly note, the readings behind a figure, and what a household should know of its meters.

use jiff::Timestamp;
use jiff::civil::Date;
use serde::Deserialize;

use super::figures::{Average, Figure, KindName, Period, PointName, Quality};
use super::{Decimal, Dwelling};

/// What a household used in a month, and since 1 January.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Evaluation {
    /// The dwelling.
    pub dwelling: Dwelling,
    /// The month, `2026-02`.
    pub month: String,
    /// The days of the month in which the household was there.
    pub since_last: Days,
    /// Its days since 1 January.
    pub since_january: Days,
    /// Kind by kind.
    pub kinds: Vec<KindEvaluation>,
}

/// Some days.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct Days {
    /// First day.
    pub from: Date,
    /// The day after the last one.
    pub to: Date,
}

/// The evaluation of one kind.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct KindEvaluation {
    /// Which.
    pub kind: KindName,
    /// The unit.
    pub unit: String,
    /// In the month.
    pub since_last: Figure,
    /// Since 1 January.
    pub since_january: Figure,
    /// In the month before; `None` when the household was not there for all of it.
    pub month_before: Option<Figure>,
    /// Point by point.
    pub points: Vec<PointEvaluation>,
}

/// The evaluation of one metering point.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct PointEvaluation {
    /// Which.
    pub point: PointName,
    /// What stands on the housings of its meters in that time.
    pub meters: Vec<String>,
    /// In the month.
    pub since_last: Figure,
    /// Since 1 January.
    pub since_january: Figure,
}

/// A year beside the year before and the average user of the building.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct YearlyNote {
    /// The dwelling.
    pub dwelling: Dwelling,
    /// The year.
    pub year: i16,
    /// First day in which the household was there.
    pub from: Date,
    /// The day after the last one.
    pub to: Date,
    /// Kind by kind.
    pub kinds: Vec<KindNote>,
}

/// The yearly note of one kind.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct KindNote {
    /// Which.
    pub kind: KindName,
    /// The unit.
    pub unit: String,
    /// In the year.
    pub total: Figure,
    /// In the same days a year before; `None` when the household was not there for all of them.
    pub year_before: Option<Figure>,
    /// The average user of the building; `None` when fewer than five dwellings are known.
    pub average: Option<Average>,
    /// Month by month.
    pub months: Vec<Period>,
}

/// What the figures of some days rest on.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Evidence {
    /// First day.
    pub from: Date,
    /// The day after the last one.
    pub to: Date,
    /// Point by point.
    pub points: Vec<PointEvidence>,
}

/// What the figure of one point rests on.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct PointEvidence {
    /// Which.
    pub point: PointName,
    /// The unit of its registers.
    pub unit: String,
    /// The parts that add up to the figure.
    pub parts: Vec<Part>,
}

/// What one meter counted under one rating factor.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Part {
    /// The meter.
    pub meter: MeterName,
    /// The instant at which it begins.
    pub start: Timestamp,
    /// The instant at which it ends.
    pub end: Timestamp,
    /// Whether the counter began anew at 0 at the very instant at which it begins.
    #[serde(default)]
    pub restarted: bool,
    /// What the count is multiplied by.
    pub factor: Decimal,
    /// What was counted; `None` when an end is not known.
    pub counted: Option<Decimal>,
    /// What it began with.
    pub first: Option<End>,
    /// What it ended with.
    pub last: Option<End>,
}

/// A meter, as its housing names it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct MeterName {
    /// What stands on the housing.
    pub serial: String,
}

/// The index at an end of a part.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct End {
    /// What the register showed then, as far as it is known.
    #[serde(default)]
    pub index: Option<Decimal>,
    /// How well it is known.
    pub quality: Quality,
    /// The readings it is known from; those from outside the occupancy are left out.
    pub readings: Vec<Reading>,
}

/// A reading.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Reading {
    /// The instant that it stands for.
    pub at: Timestamp,
    /// `live`, `set_date`, `history`, `manual` or `estimate`.
    pub source: String,
    /// What the register showed.
    pub value: Decimal,
}

/// What a household should know of its meters now, and which days it may see.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Household {
    /// The dwelling.
    pub dwelling: Dwelling,
    /// First day that it may see.
    pub from: Date,
    /// The day after the last one: tomorrow, in the residence's zone, while it lives there.
    pub to: Date,
    /// What is the matter now.
    pub items: Vec<Alert>,
}

/// Something that a household should know of one of its meters.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Alert {
    /// `leak`, `reverse_flow`, `frozen` or `silent`.
    pub kind: String,
    /// Where.
    pub point: PointName,
    /// What stands on the housing of the meter.
    pub meter: String,
    /// How much; `None` where there is no measure.
    pub amount: Option<Amount>,
    /// Since when, at the earliest from the move-in on.
    pub since: Timestamp,
    /// What it means and what to do.
    pub explanation: Explanation,
}

/// How much.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Amount {
    /// The number.
    pub value: Decimal,
    /// `l/h`, `l`, `s`, `d`.
    pub unit: String,
}

/// One text in two languages.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Explanation {
    /// French.
    pub fr: String,
    /// English.
    pub en: String,
}
