//! Techem compact V and vario heat meters: energy in two parts, and a date whose bits stand apart.
//!
//! ```text
//! compact V   m  D D  P P P  t  C C C  d d     D: due date   P: up to the due date, C: since then, kWh
//!             t bits 3–6 month, bit 7 lowest bit of the year; d bits 7–11 day
//! vario       m  D D  P P  T T  C C            the same in thousandths of a GJ; T: day bits 4–8, month bits 9–12
//! ```
//!
//! Source: observed; month, day and lowest bit of the year on five captures of compact V, vario not verified.

use wmbus::apl::Date;
use wmbus::{Decimal, Version};

use crate::decoded::Decoded;
use crate::reading::{Kind, Quantity, Reading, Register, Stamp, Unit};
use crate::speak::{Spoken, at_resolution};

/// Reads the application data after CI A0, A1 or A2.
pub(crate) fn read(version: Version, octets: &[u8], decoded: &mut Decoded) -> bool {
    let small = |value: u16| u8::try_from(value).unwrap_or(0);
    let (due, previous, current, day_month, unit, scale) = match *octets {
        [_, d0, d1, p0, p1, t0, t1, c0, c1, ..] if version.0 == VARIO => {
            let word = u16::from_le_bytes([t0, t1]);
            let day_month = (small(word >> 9 & 15), small(word >> 4 & 31));
            let wide = |low, high| i64::from(u16::from_le_bytes([low, high]));
            ([d0, d1], wide(p0, p1), wide(c0, c1), day_month, Unit::Joule, 6)
        }
        [_, d0, d1, p0, p1, p2, t, c0, c1, c2, e0, e1, ..] => {
            let day = u16::from_le_bytes([e0, e1]) >> 7 & 31;
            let day_month = (t >> 3 & 15, small(day));
            let wide = |octets: [u8; 3]| {
                let [a, b, c] = octets;
                i64::from(u32::from_le_bytes([a, b, c, 0]))
            };
            (
                [d0, d1],
                wide([p0, p1, p2]),
                wide([c0, c1, c2]),
                day_month,
                Unit::WattHour,
                3,
            )
        }
        _ => return false,
    };
    let word = u16::from_le_bytes(due);
    let due = Date::new(2000 + (word >> 9), small(word >> 5 & 15), small(word & 31));
    let reading = |value: i64, register, at: Option<Date>| Reading {
        unit,
        register,
        at: at.map(Stamp::date),
        ..Reading::new(Quantity::Energy, Decimal::new(value, scale))
    };
    let (month, day) = day_month;
    let today = due.and_then(|due| {
        let later = (month, day) > (due.month, due.day);
        Date::new(if later { due.year } else { due.year + 1 }, month, day)
    });
    let Some(total) = previous.checked_add(current) else {
        return false;
    };
    decoded.readings.push(reading(total, Register::Current, today));
    // What has been counted since the due date is sent as such.
    decoded.readings.push(Reading {
        kind: Kind::Increment,
        ..reading(current, Register::Current, today)
    });
    match due {
        Some(due) => decoded
            .readings
            .push(reading(previous, Register::SetDate, Some(due))),
        None => decoded.remark("absent", "there was no due date yet"),
    }
    true
}

/// The application data of compact V for index and due date.
pub(crate) fn write(spoken: &Spoken) -> Option<Vec<u8>> {
    let kwh = |register| at_resolution(spoken.value(Quantity::Energy, register)?, 3);
    let today = spoken.today()?;
    let due = spoken.date(Register::SetDate)?.day()?;
    let (total, previous) = (kwh(Register::Current)?, kwh(Register::SetDate)?);
    let [p0, p1, p2, 0] = u32::try_from(previous).ok()?.to_le_bytes() else {
        return None;
    };
    let [c0, c1, c2, 0] = u32::try_from(total - previous).ok()?.to_le_bytes() else {
        return None;
    };
    let year = due.year.checked_sub(2000)?;
    let [d0, d1] = (u16::from(due.day) | u16::from(due.month) << 5 | year << 9).to_le_bytes();
    let odd = u8::from(today.year % 2 == 1);
    let [e0, e1] = (u16::from(today.day) << 7).to_le_bytes();
    let mut octets = vec![
        0x10,
        d0,
        d1,
        p0,
        p1,
        p2,
        today.month << 3 | odd << 7,
        c0,
        c1,
        c2,
        e0,
        e1,
    ];
    octets.resize(LENGTH, 0);
    Some(octets)
}

/// The version whose energy is in megajoules.
const VARIO: u8 = 0x27;
const LENGTH: usize = 44;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let day = |year, month, day| Stamp::date(Date::new(year, month, day).unwrap());
        let spoken = Spoken {
            readings: vec![
                Reading::new(Quantity::Energy, Decimal::new(61_234, 3)),
                Reading {
                    register: Register::SetDate,
                    at: Some(day(2025, 12, 31)),
                    ..Reading::new(Quantity::Energy, Decimal::new(60_000, 3))
                },
            ],
            device_time: Some(day(2026, 3, 7)),
            ..Spoken::default()
        };
        let octets = write(&spoken).unwrap();
        let address = wmbus::Address::from_link_octets([0; 8]);
        let mut decoded = Decoded::new(address, address, "test".into());
        assert!(read(Version(0x45), &octets, &mut decoded));
        assert_eq!(decoded.readings[0].value, Decimal::new(61_234, 3));
        assert_eq!(decoded.readings[0].at, Some(day(2026, 3, 7)));
        assert_eq!(decoded.readings[2], spoken.readings[1]);
        assert!(!read(Version(0x45), &octets[..9], &mut decoded));
    }
}
