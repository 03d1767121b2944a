//! Dates that nobody sends: month ends counted back from the meter's clock, and history slots numbered by their dates.

use std::cmp::Ordering;

use smallvec::SmallVec;
use wmbus::apl::Date;

use crate::reading::{Quantity, Reading, Register, Stamp};

/// The n-th month end before a day; n = 1 is the end of the month before.
pub(crate) fn month_end(today: Date, n: u16) -> Option<Date> {
    first_of(today).add_months(-i32::from(n)).map(Date::end_of_month)
}

/// The n-th first of a month not after a day; n = 1 is that of its own month.
pub(crate) fn month_start(today: Date, n: u16) -> Option<Date> {
    first_of(today).add_months(1 - i32::from(n))
}

/// The n-th end of a half month (15th, last day) before a day.
pub(crate) fn half_month_end(today: Date, n: u16) -> Option<Date> {
    let last = if today.day > 15 {
        Date { day: 15, ..today }
    } else {
        month_end(today, 1)?
    };
    half_months(last, 1 - i32::from(n))
}

/// This many half months from the 15th or the last day of a month; `None` from other days.
pub(crate) fn half_months(day: Date, count: i32) -> Option<Date> {
    let at_end = match day {
        Date { day: 15, .. } => 0,
        day if day.is_end_of_month() => 1,
        _ => return None,
    };
    let halves = at_end + count;
    let month = first_of(day).add_months(halves.div_euclid(2))?;
    Some(if halves.rem_euclid(2) == 0 {
        Date { day: 15, ..month }
    } else {
        month.end_of_month()
    })
}

/// Numbers dated history slots by their dates: 1 is the newest. Slots of one quantity and date share a number.
pub(crate) fn rank(readings: &mut [Reading], by_date: &[usize]) {
    if !by_date.is_empty() && !rank_in_order(readings, by_date) {
        rank_all(readings, by_date);
    }
}

fn rank_all(readings: &mut [Reading], by_date: &[usize]) {
    let mut days: SmallVec<[(Quantity, Date); 24]> = by_date
        .iter()
        .filter_map(|index| readings.get(*index))
        .filter_map(|reading| Some((reading.quantity, reading.at?.day()?)))
        .collect();
    days.sort_unstable_by(|a, b| b.cmp(a));
    days.dedup();
    for index in by_date {
        let Some(reading) = readings.get_mut(*index) else {
            continue;
        };
        let Some(day) = reading.at.and_then(|at| at.day()) else {
            continue;
        };
        // The newest first, each quantity's together: newer ones stand between its first and it.
        let first = days.partition_point(|(quantity, _)| *quantity > reading.quantity);
        let at = days.partition_point(|one| *one > (reading.quantity, day));
        reading.register = Register::History(slot(at - first + 1));
    }
}

/// Numbers the slots of one quantity that come as most meters send them, the newest or the oldest first, each day once;
/// false, and nothing is numbered, when they come otherwise.
fn rank_in_order(readings: &mut [Reading], by_date: &[usize]) -> bool {
    let mut latest: Option<(Quantity, Stamp)> = None;
    let mut order = None;
    for index in by_date {
        let Some(reading) = readings.get(*index) else {
            return false;
        };
        let Some(at @ Stamp::Date { .. }) = reading.at else {
            return false;
        };
        if at.day().is_none() {
            return false;
        }
        if let Some((quantity, before)) = latest {
            let step = at.cmp(&before);
            let goes_on = step != Ordering::Equal && *order.get_or_insert(step) == step;
            if quantity != reading.quantity || !goes_on {
                return false;
            }
        }
        latest = Some((reading.quantity, at));
    }
    let count = by_date.len();
    for (place, index) in by_date.iter().enumerate() {
        let number = match order {
            Some(Ordering::Greater) => count - place,
            _ => place + 1,
        };
        if let Some(reading) = readings.get_mut(*index) {
            reading.register = Register::History(slot(number));
        }
    }
    true
}

/// A count as the number of a history slot.
pub(crate) fn slot(number: usize) -> u16 {
    u16::try_from(number).unwrap_or(u16::MAX)
}

fn first_of(day: Date) -> Date {
    Date { day: 1, ..day }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;
    use wmbus::Decimal;

    use super::*;

    fn day(year: u16, month: u8, day: u8) -> Date {
        Date::new(year, month, day).unwrap()
    }

    proptest! {
        #[test]
        fn what_comes_in_order_is_numbered_as_anything_else(
            sorted: bool,
            oldest_first: bool,
            slots in vec((1_u8..13, 1_u8..32, any::<bool>(), any::<bool>()), 0..9),
        ) {
            let mut readings: Vec<Reading> = slots
                .into_iter()
                .map(|(month, day, energy, timed)| {
                    let quantity = if energy && !sorted { Quantity::Energy } else { Quantity::Volume };
                    let mut reading = Reading::new(quantity, Decimal::new(1, 0));
                    let (year, hour, minute, second) = (2025, 3, 4, None);
                    reading.at = Some(match timed && !sorted {
                        false => Stamp::Date { year, month, day },
                        true => Stamp::DateTime { year, month, day, hour, minute, second },
                    });
                    reading
                })
                .collect();
            if sorted {
                readings.sort_by_key(|reading| std::cmp::Reverse(reading.at));
            }
            if oldest_first {
                readings.reverse();
            }
            let by_date: Vec<usize> = (0..readings.len()).collect();
            let mut expected = readings.clone();
            rank_all(&mut expected, &by_date);
            rank(&mut readings, &by_date);
            prop_assert_eq!(readings, expected);
        }
    }

    #[test]
    fn months_are_counted_from_the_clock_s_own() {
        let today = day(2024, 3, 31);
        assert_eq!(month_end(today, 1), Some(day(2024, 2, 29)));
        assert_eq!(month_end(today, 3), Some(day(2023, 12, 31)));
        assert_eq!(month_start(today, 1), Some(day(2024, 3, 1)));
        assert_eq!(month_start(day(2024, 3, 1), 2), Some(day(2024, 2, 1)));
    }

    #[test]
    fn half_months_end_on_the_fifteenth_and_on_the_last_day() {
        assert_eq!(half_month_end(day(2024, 3, 16), 1), Some(day(2024, 3, 15)));
        assert_eq!(half_month_end(day(2024, 3, 15), 1), Some(day(2024, 2, 29)));
        assert_eq!(half_month_end(day(2024, 3, 15), 2), Some(day(2024, 2, 15)));
        assert_eq!(half_months(day(2025, 2, 15), 29), Some(day(2026, 4, 30)));
        assert_eq!(half_months(day(2025, 2, 14), 1), None);
    }
}
