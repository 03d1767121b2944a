//! What the dwellings of a site use for each square metre of habitable surface: the average user of a building.

use jiff::Timestamp;
use wmbus::Decimal;

use super::gather::of_dwelling;
use super::place::Consumption;
use super::quality::{Flag, Quality};
use crate::registry::{DwellingId, Kind, SiteId};
use crate::store::{Result, Store};
use decoders::reading::Unit;

/// The average user of a site, for one kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Average {
    /// What was counted.
    pub kind: Kind,
    /// The unit of the amounts.
    pub unit: Unit,
    /// How many dwellings it is made of: never fewer than [`FEWEST`].
    pub dwellings: usize,
    /// Their habitable surface, in hundredths of a square metre.
    pub surface: i64,
    /// What they used together, rated.
    pub total: Decimal,
    /// The worst quality of their figures.
    pub quality: Quality,
}

/// Fewer dwellings would tell what a neighbour used.
pub const FEWEST: usize = 5;

/// The averages of a site over a time, kind by kind; kinds of which too few dwellings are known are left out.
///
/// A dwelling contributes to a kind with a habitable surface, and a meter at each of its points for the whole time, each
/// with a figure.
///
/// # Errors
/// The store's.
pub fn of_site(
    store: &dyn Store,
    site: SiteId,
    start: Timestamp,
    end: Timestamp,
    now: Timestamp,
) -> Result<Vec<Average>> {
    let mut sums: Vec<Average> = Vec::new();
    let mut after: Option<DwellingId> = None;
    loop {
        let page = store.dwellings(site, after, PAGE)?;
        for dwelling in &page {
            let Some(surface) = dwelling.surface.filter(|surface| *surface > 0) else {
                continue;
            };
            let metered = of_dwelling(store, dwelling.id, start, end, now)?;
            for points in metered.chunk_by(|a, b| a.point.kind == b.point.kind && a.unit == b.unit) {
                let Some(first) = points.first() else { continue };
                let all: Vec<_> = points
                    .iter()
                    .map(|point| point.place.over(start, end))
                    .filter(|figure| figure.served)
                    .collect();
                let sum = Consumption::sum(&all);
                let partial = sum.flags.has(Flag::Unmetered);
                if let Some(amount) = sum.amount.filter(|_| !partial) {
                    let known = sums
                        .iter_mut()
                        .find(|sum| sum.kind == first.point.kind && sum.unit == first.unit);
                    let surface = i64::from(surface);
                    match known {
                        // What does not fit is no amount of a building.
                        Some(known) => {
                            if let Some(total) = known.total.checked_add(amount.rated) {
                                known.total = total;
                                known.surface = known.surface.saturating_add(surface);
                                known.dwellings += 1;
                                known.quality = known.quality.and(sum.quality);
                            }
                        }
                        None => sums.push(Average {
                            kind: first.point.kind,
                            unit: first.unit,
                            dwellings: 1,
                            surface,
                            total: amount.rated,
                            quality: sum.quality,
                        }),
                    }
                }
            }
        }
        match page.last() {
            Some(last) if page.len() == PAGE => after = Some(last.id),
            _ => break,
        }
    }
    sums.retain(|sum| sum.dwellings >= FEWEST);
    sums.sort_by_key(|sum| sum.kind);
    Ok(sums)
}

impl Average {
    /// What the average user uses in a dwelling of that surface, in hundredths of a square metre; rounded half up to
    /// `places` decimals of the unit that amounts are in. `None` when it does not fit.
    pub fn for_surface(&self, surface: i64, places: i8) -> Option<Decimal> {
        // total × surface ÷ all surface, in one division.
        let exponent = places.checked_neg()?;
        let power = i32::from(self.total.exponent) - i32::from(exponent);
        let mut upper = i128::from(self.total.mantissa).checked_mul(i128::from(surface))?;
        let mut lower = i128::from(self.surface);
        let step = 10_i128.checked_pow(power.unsigned_abs())?;
        if power < 0 {
            lower = lower.checked_mul(step)?;
        } else {
            upper = upper.checked_mul(step)?;
        }
        if lower <= 0 {
            return None;
        }
        let rounded = upper
            .checked_mul(2)?
            .checked_add(lower)?
            .div_euclid(lower.checked_mul(2)?);
        Some(Decimal::new(i64::try_from(rounded).ok()?, exponent))
    }
}

const PAGE: usize = 200;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn average(total: Decimal, surface: i64) -> Average {
        Average {
            kind: Kind::HotWater,
            unit: Unit::CubicMetre,
            dwellings: FEWEST,
            surface,
            total,
            quality: Quality::Measured,
        }
    }

    #[test]
    fn the_average_user_uses_by_the_square_metre() {
        // 12 m³ on 300 m²: 0.04 m³ a square metre, 2.18 m³ in 54.5 m².
        let average = average(Decimal::new(12_000_000, -6), 30_000);
        assert_eq!(average.for_surface(100, 4).unwrap().to_string(), "0.0400");
        assert_eq!(average.for_surface(5450, 2).unwrap().to_string(), "2.18");
        assert_eq!(average.for_surface(0, 2).unwrap().to_string(), "0.00");
    }

    #[test]
    fn a_surface_of_nothing_has_no_average() {
        assert_eq!(average(Decimal::new(1, 0), 0).for_surface(100, 2), None);
        assert_eq!(average(Decimal::new(i64::MAX, 9), 1).for_surface(100, 2), None);
    }

    proptest! {
        #[test]
        fn rounding_is_off_by_half_a_step_at_most(total in 0_i64..1_000_000_000, all in 1_i64..1_000_000, one in 0_i64..100_000) {
            let rounded = average(Decimal::new(total, -3), all).for_surface(one, 2).unwrap();
            let exact = i128::from(total) * i128::from(one);
            let given = i128::from(rounded.mantissa) * 10 * i128::from(all);
            prop_assert!((exact - given).abs() * 2 <= 10 * i128::from(all));
        }
    }
}
