//! Techem radio 3: half months of what was gained, newest first, and the older layout of its water meters.
//!
//! ```text
//! allocators   … H H H …            one octet each: units of a closed half month (1st–15th, 16th–last)
//! water        r H H …              tenths of a cubic metre; r is the half month that still runs
//! TCH 50       ? ? D D I I I  (f l h)×12     date of the index, index, then per month, newest first: two half months
//! ```
//!
//! An allocator's row is believed when it adds up: the half months closed since the due date to the units now, or the
//! first twenty-four to those of the closed period, when the row still shows the year before. Source: observed.

use wmbus::apl::Date;
use wmbus::{Decimal, Version};

use crate::dating::{half_month_end, month_end};
use crate::decoded::Decoded;
use crate::reading::{Kind, Quantity, Reading, Register, Stamp};
use crate::speak::{Spoken, at_resolution};

/// Adds an allocator's half months to what its page has read.
pub(crate) fn allocator(version: Version, octets: &[u8], decoded: &mut Decoded) {
    let row = octets.get(row_at(version)..).unwrap_or_default();
    let find = |register| {
        decoded
            .readings
            .iter()
            .find(|reading| (reading.quantity, reading.register) == (Quantity::HeatCost, register))
    };
    let (Some(current), Some(set_date)) = (find(Register::Current), find(Register::SetDate)) else {
        return;
    };
    let (now, closed) = (current.value.mantissa, set_date.value.mantissa);
    let day = |reading: &Reading| reading.at.and_then(|at| at.day());
    let (Some(today), Some(due)) = (day(current), day(set_date)) else {
        return;
    };
    let since = (1..=24)
        .take_while(|n| half_month_end(today, *n).is_some_and(|end| end > due))
        .count();
    let sum = |count: usize| row.iter().take(count).map(|octet| i64::from(*octet)).sum::<i64>();
    let (newest, count) = if row.len() >= since && since > 0 && sum(since) == now {
        (today, since)
    } else if row.len() >= 24 && closed > 0 && sum(24) == closed {
        // The newest slot is the one that the due date closed.
        match due.add_days(1) {
            Some(day) => (day, 24),
            None => return,
        }
    } else {
        decoded.remark("not_read", "half months that do not add up are left out");
        return;
    };
    push(Quantity::HeatCost, 0, row, count, newest, decoded);
}

/// Adds a water meter's half months to what its page has read.
pub(crate) fn water(octets: &[u8], decoded: &mut Decoded) {
    let row = octets.get(WATER_ROW_AT..).unwrap_or_default();
    let current = decoded
        .readings
        .iter()
        .find(|reading| (reading.quantity, reading.register) == (Quantity::Volume, Register::Current));
    let Some((today, index)) = current.and_then(|reading| Some((reading.at?.day()?, reading.value))) else {
        return;
    };
    // Trailing zeros stand for the time before the meter.
    let count = row
        .iter()
        .rposition(|octet| *octet != 0)
        .map_or(0, |last| last + 1)
        .min(26);
    let sum: i64 = row.iter().take(count).map(|octet| i64::from(*octet)).sum();
    if Decimal::new(sum, -1).compare(index).is_le() {
        push(Quantity::Volume, -1, row, count, today, decoded);
    } else {
        decoded.remark("not_read", "half months that exceed the index are left out");
    }
}

fn push(quantity: Quantity, scale: i8, row: &[u8], count: usize, today: Date, decoded: &mut Decoded) {
    for (n, octet) in (1..).zip(row.iter().take(count)) {
        decoded.readings.push(Reading {
            register: Register::History(n),
            kind: Kind::Increment,
            at: half_month_end(today, n).map(Stamp::date),
            ..Reading::new(quantity, Decimal::new(i64::from(*octet), scale))
        });
    }
}

/// Where the row of an allocator's half months begins.
fn row_at(version: Version) -> usize {
    match version.0 {
        0x69 => 16,
        0x94 => 17,
        _ => 12,
    }
}

/// Reads the older layout of water meters, CI A2.
pub(crate) fn old_water(octets: &[u8], decoded: &mut Decoded) -> bool {
    let Some((head, rows)) = octets.split_first_chunk::<7>() else {
        return false;
    };
    let [_, _, d0, d1, a, b, c] = *head;
    let word = u16::from_le_bytes([d0, d1]);
    let small = |value: u16| u8::try_from(value).unwrap_or(0);
    let (year, month, day) = (2000 + (word >> 9), small(word >> 5 & 15), small(word & 31));
    let Some(today) = Date::new(year, month, day).filter(|_| rows.len() >= 3 * OLD_MONTHS) else {
        return false;
    };
    let index = Decimal::new(i64::from(u32::from_le_bytes([a, b, c, 0])), -1);
    decoded.readings.push(Reading {
        at: Some(Stamp::date(today)),
        ..Reading::new(Quantity::Volume, index)
    });
    let gained = |row: &[u8]| match row {
        [_, low, high] => Decimal::new(i64::from(*low) + i64::from(*high), -1),
        _ => Decimal::new(0, -1),
    };
    let mut rows = rows.chunks_exact(3).take(OLD_MONTHS).map(gained);
    if let Some(running) = rows.next() {
        decoded.readings.push(Reading {
            kind: Kind::Increment,
            at: Some(Stamp::date(today)),
            ..Reading::new(Quantity::Volume, running)
        });
    }
    for (n, value) in (1..).zip(rows) {
        decoded.readings.push(Reading {
            register: Register::History(n),
            kind: Kind::Increment,
            at: month_end(today, n).map(Stamp::date),
            ..Reading::new(Quantity::Volume, value)
        });
    }
    true
}

/// The older layout: index and months.
pub(crate) fn write_old_water(spoken: &Spoken) -> Option<Vec<u8>> {
    let today = spoken.today()?;
    let year = today.year.checked_sub(2000)?;
    let date = u16::from(today.day) | u16::from(today.month) << 5 | year << 9;
    let index = at_resolution(spoken.value(Quantity::Volume, Register::Current)?, -1)?;
    let [a, b, c, 0] = u32::try_from(index).ok()?.to_le_bytes() else {
        return None;
    };
    let [d0, d1] = date.to_le_bytes();
    let mut octets = vec![0x0C, 0x00, d0, d1, a, b, c, 0, 0, 0];
    for n in 1..u16::try_from(OLD_MONTHS).ok()? {
        let gained = spoken
            .gained(Quantity::Volume, n)
            .and_then(|value| at_resolution(value, -1));
        // Two half months of at most 25.5 m³ each.
        let gained = u16::try_from(gained.unwrap_or(0)).ok()?;
        let half = gained / 2;
        octets.extend([0, u8::try_from(half).ok()?, u8::try_from(gained - half).ok()?]);
    }
    Some(octets)
}

const WATER_ROW_AT: usize = 12;
/// Months of the older layout, the running one included.
const OLD_MONTHS: usize = 12;

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(now: i64, today: Date, closed: i64, due: Date) -> Decoded {
        let address = wmbus::Address::from_link_octets([0; 8]);
        let mut decoded = Decoded::new(address, address, "test".into());
        let reading = |register, value, day| Reading {
            register,
            at: Some(Stamp::date(day)),
            ..Reading::new(Quantity::HeatCost, Decimal::new(value, 0))
        };
        decoded.readings.push(reading(Register::Current, now, today));
        decoded.readings.push(reading(Register::SetDate, closed, due));
        decoded
    }

    fn day(year: u16, month: u8, day: u8) -> Date {
        Date::new(year, month, day).unwrap()
    }

    #[test]
    fn a_row_that_adds_up_is_believed_and_any_other_is_not() {
        // Three half months have closed between 31 December and 20 February.
        let mut octets = vec![0; 40];
        octets[16..19].copy_from_slice(&[4, 7, 9]);
        octets[19] = 30;
        let mut good = decoded(20, day(2026, 2, 20), 55, day(2025, 12, 31));
        allocator(Version(0x69), &octets, &mut good);
        let rows: Vec<_> = good.readings[2..]
            .iter()
            .map(|r| (r.value.mantissa, r.at.unwrap().to_string()))
            .collect();
        assert_eq!(
            rows,
            [
                (4, "2026-02-15".into()),
                (7, "2026-01-31".into()),
                (9, "2026-01-15".into())
            ]
        );
        let mut bad = decoded(21, day(2026, 2, 20), 55, day(2025, 12, 31));
        allocator(Version(0x69), &octets, &mut bad);
        assert_eq!(bad.readings.len(), 2);
        // The row may still show the closed year.
        let mut year_before = decoded(3, day(2026, 1, 5), 50, day(2025, 12, 31));
        allocator(Version(0x69), &octets, &mut year_before);
        assert_eq!(year_before.readings[2].at.unwrap().to_string(), "2025-12-31");
        assert_eq!(year_before.readings.len(), 26);
    }

    #[test]
    fn the_older_layout_there_and_back() {
        let history = |n: u16, tenths| Reading {
            register: Register::History(n),
            at: month_end(day(2025, 6, 9), n).map(Stamp::date),
            ..Reading::new(Quantity::Volume, Decimal::new(tenths, -1))
        };
        let spoken = Spoken {
            readings: vec![
                Reading::new(Quantity::Volume, Decimal::new(9_876, -1)),
                history(1, 9_800),
                history(2, 9_711),
            ],
            device_time: Some(Stamp::date(day(2025, 6, 9))),
            ..Spoken::default()
        };
        let octets = write_old_water(&spoken).unwrap();
        let address = wmbus::Address::from_link_octets([0; 8]);
        let mut decoded = Decoded::new(address, address, "test".into());
        assert!(old_water(&octets, &mut decoded));
        assert_eq!(decoded.readings[0].value, Decimal::new(9_876, -1));
        assert_eq!(decoded.readings[2].value, Decimal::new(89, -1));
        assert_eq!(decoded.readings[2].at.unwrap().to_string(), "2025-05-31");
    }
}
