//! What days are compared with: others of the same household, or the average user of the site.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use wmbus::Decimal;

use crate::consumption::{Average, Metered, Period, of_dwelling, of_site};
use crate::registry::{DwellingId, Site};
use crate::store::Store;

use super::consumption::{Figure, Report, kinds, range_problem};
use super::json::{Number, exact};
use super::meters::PointName;
use super::problem::Problem;

/// What days are compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Compare {
    /// As many days just before; as many whole months when they are whole months.
    Previous,
    /// The same days a year before.
    YearAgo,
    /// The average user of the site in the same days.
    Site,
}

/// What the average user of the site used, by habitable surface.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct KindAverage {
    /// `hot_water`, `cold_water`, `heating` …
    #[schema(example = "hot_water")]
    kind: &'static str,
    /// The unit.
    #[schema(example = "m3")]
    unit: &'static str,
    /// How many dwellings the average is made of: five at least.
    dwellings: usize,
    /// For each square metre, with four decimals; of heating, the rated units.
    per_m2: Number,
    /// In a dwelling of this one's surface, with two decimals; null when its surface is not known.
    for_this_surface: Option<Number>,
    /// The worst quality of the figures that it is made of.
    #[schema(example = "interpolated")]
    quality: &'static str,
}

impl KindAverage {
    /// The averages of a site, as one dwelling sees them.
    pub(super) fn all(
        store: &dyn Store,
        (dwelling, site): (DwellingId, &Site),
        whole: &Period,
        now: Timestamp,
    ) -> Result<Vec<Self>, Problem> {
        let surface = store
            .dwelling(dwelling)?
            .and_then(|dwelling| dwelling.surface)
            .map(i64::from);
        let averages = of_site(store, site.id, whole.start, whole.end, now)?;
        Ok(averages
            .iter()
            .filter_map(|average| Self::of(average, surface))
            .collect())
    }

    fn of(average: &Average, surface: Option<i64>) -> Option<Self> {
        let (unit, shift) = average.unit.symbol();
        let read = |value: Decimal| Some(Decimal::new(value.mantissa, value.exponent.checked_sub(shift)?));
        let rounded = |surface, places: i8| {
            let value = average.for_surface(surface, places.checked_sub(shift)?)?;
            read(value)
        };
        Some(Self {
            kind: average.kind.name(),
            unit,
            dwellings: average.dwellings,
            per_m2: exact(rounded(SQUARE_METRE, 4)?),
            for_this_surface: surface.and_then(|surface| rounded(surface, 2)).map(Number),
            quality: average.quality.name(),
        })
    }

    /// Whether it is of that kind and unit.
    pub(super) fn is_of(&self, kind: &str, unit: &str) -> bool {
        self.kind == kind && self.unit == unit
    }
}

impl Compare {
    /// The days that others are compared with; `None` for the average user, and beyond the calendar.
    fn days(self, from: Date, to: Date) -> Option<(Date, Date)> {
        match self {
            Self::Previous if from.day() == 1 && to.day() == 1 => {
                let months = from.until((jiff::Unit::Month, to)).ok()?;
                Some((from.checked_sub(months).ok()?, from))
            }
            Self::Previous => Some((from.checked_sub(from.until(to).ok()?).ok()?, from)),
            Self::YearAgo => Some((from.checked_sub(1.year()).ok()?, to.checked_sub(1.year()).ok()?)),
            Self::Site => None,
        }
    }
}

impl Report {
    /// Adds what its days are compared with; `may` says which days may be seen.
    pub(super) fn compare(
        &mut self,
        store: &dyn Store,
        (dwelling, site): (DwellingId, &Site),
        compare: Compare,
        now: Timestamp,
        may: impl Fn((Date, Date)) -> bool,
    ) -> Result<(), Problem> {
        let zone = site.zone();
        let (from, to) = self.days;
        if compare == Compare::Site {
            let whole = Period::new(from, to, &zone).map_err(|error| range_problem(&error))?;
            self.site_average = Some(KindAverage::all(store, (dwelling, site), &whole, now)?);
            // On all meters of the site.
            self.rests = None;
            return Ok(());
        }
        let Some((from, to)) = compare.days(from, to).filter(|days| may(*days)) else {
            return Ok(());
        };
        let whole = Period::new(from, to, &zone).map_err(|error| range_problem(&error))?;
        let metered = of_dwelling(store, dwelling, whole.start, whole.end, now)?;
        self.compared = Some(Compared::of(&metered, &whole));
        if let Some(rests) = &mut self.rests {
            rests.settled = rests.settled.max(whole.end);
            rests
                .on
                .extend(metered.into_iter().flat_map(|metered| metered.rests_on));
        }
        Ok(())
    }
}

/// What was used in the days that others are compared with.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Compared {
    /// First day.
    #[schema(format = Date, example = "2025-01-01")]
    from: String,
    /// The day after the last one.
    #[schema(format = Date, example = "2025-02-01")]
    to: String,
    /// What was used of each kind.
    kinds: Vec<ComparedKind>,
}

/// What was used of one kind in the days that others are compared with.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ComparedKind {
    /// `hot_water`, `cold_water`, `heating` …
    #[schema(example = "hot_water")]
    kind: &'static str,
    /// The unit.
    #[schema(example = "m3")]
    unit: &'static str,
    /// Over the whole time.
    total: Figure,
    /// Point by point.
    points: Vec<ComparedPoint>,
}

/// What was used at one point in the days that others are compared with.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ComparedPoint {
    /// The point.
    point: PointName,
    /// Over the whole time.
    total: Figure,
}

impl Compared {
    pub(super) fn of(metered: &[Metered], whole: &Period) -> Self {
        let kinds = kinds(metered, whole, &[], &TimeZone::UTC);
        Self {
            from: whole.from.to_string(),
            to: whole.to.to_string(),
            kinds: kinds
                .into_iter()
                .map(|kind| ComparedKind {
                    kind: kind.kind,
                    unit: kind.unit,
                    total: kind.total,
                    points: kind
                        .points
                        .into_iter()
                        .map(|point| ComparedPoint {
                            point: point.point,
                            total: point.total,
                        })
                        .collect(),
                })
                .collect(),
        }
    }
}

/// In hundredths of a square metre.
const SQUARE_METRE: i64 = 100;
