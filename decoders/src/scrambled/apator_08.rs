//! Apator AT-WMBUS-08 and 17-2: indexes in thirds of a litre, shown in millilitres.
//!
//! ```text
//! I I I I  …  05 FF m  I I I I                short: index, then that at the end of month m
//! I I I I  …  06 FF m  (I I I I)×12           long: a ring of month ends, January to December, m the newest
//! ```
//!
//! Source: observed; the ring is consistent on three captures.

use wmbus::Decimal;
use wmbus::apl::Date;

use crate::Context;
use crate::decoded::Decoded;
use crate::reading::{Quantity, Reading, Register, Stamp};
use crate::speak::{Spoken, at_resolution};

/// Reads the application data after CI A0.
pub(crate) fn read(octets: &[u8], context: &Context, decoded: &mut Decoded) -> bool {
    let Some((index, rest)) = octets.split_first_chunk::<4>() else {
        return false;
    };
    decoded
        .readings
        .push(Reading::new(Quantity::Volume, thirds(*index)));
    let mark = |kind: u8| {
        rest.windows(3)
            .position(|window| matches!(window, [k, 0xFF, 1..=12] if *k == kind))
    };
    if let Some(at) = mark(0x05) {
        let month = rest.get(at + 2).copied().unwrap_or(1);
        if let Some(octets) = rest.get(at + 3..).and_then(|octets| octets.first_chunk::<4>()) {
            push(1, month, thirds(*octets), context, decoded);
        }
    } else if let Some(at) = mark(0x06) {
        let newest = rest.get(at + 2).copied().unwrap_or(1);
        let ring: Vec<_> = rest
            .get(at + 3..)
            .unwrap_or_default()
            .chunks_exact(4)
            .take(12)
            .collect();
        for n in 0..u8::try_from(ring.len()).unwrap_or(0) {
            let month = (newest + 11 - n) % 12 + 1;
            let octets = ring
                .get(usize::from(month - 1))
                .and_then(|octets| octets.first_chunk::<4>());
            if let Some(octets) = octets {
                push(u16::from(n) + 1, month, thirds(*octets), context, decoded);
            }
        }
    }
    true
}

/// A short telegram: index, and that of the last month end.
pub(crate) fn write(spoken: &Spoken) -> Option<Vec<u8>> {
    let thirds = |register| {
        let value = spoken.value(Quantity::Volume, register)?;
        u32::try_from(at_resolution(value, -6)?.checked_mul(3)?.checked_add(500)? / 1000).ok()
    };
    let mut octets = thirds(Register::Current)?.to_le_bytes().to_vec();
    octets.extend([0, 0, 0]);
    let last = spoken
        .date(Register::History(1))
        .and_then(|at| at.day())
        .zip(thirds(Register::History(1)));
    if let Some((day, value)) = last {
        octets.extend([0x05, 0xFF, day.month]);
        octets.extend(value.to_le_bytes());
    }
    Some(octets)
}

/// Thirds of a litre in thousandths of a litre, rounded to the nearest.
fn thirds(octets: [u8; 4]) -> Decimal {
    Decimal::new((i64::from(u32::from_le_bytes(octets)) * 1000 + 1) / 3, -6)
}

/// A month end, dated when the day of reception says the year.
fn push(n: u16, month: u8, value: Decimal, context: &Context, decoded: &mut Decoded) {
    let at = context.received.and_then(|today| {
        let of_year = |year| Date::new(year, month, 1).map(Date::end_of_month);
        of_year(today.year)
            .filter(|day| *day < today)
            .or_else(|| of_year(today.year - 1))
    });
    let register = Register::History(n);
    decoded.readings.push(Reading {
        register,
        at: at.map(Stamp::date),
        ..Reading::new(Quantity::Volume, value)
    });
}
