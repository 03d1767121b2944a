//! Apator OP-041A: registers behind DIF 0F.
//!
//! ```text
//! 60  x x x x                      unknown
//! 08  x x x x                      unknown
//! Fn  T T T T  (I I I I)×(n+1)     end of the last month (type F), then indexes in litres, newest first
//! ```
//!
//! Source: observed; the newest index lies just below the current one.

use wmbus::Decimal;
use wmbus::apl::date::{to_type_f, type_f};

use crate::dating::month_end;
use crate::decoded::Decoded;
use crate::reading::{Quantity, Reading, Register, Stamp};
use crate::speak::{Spoken, at_resolution};

/// Reads what follows DIF 0F.
pub(crate) fn read(octets: &[u8], decoded: &mut Decoded) -> bool {
    let mut rest = octets;
    loop {
        match rest {
            [0x60 | 0x08, _, _, _, _, behind @ ..] => rest = behind,
            [mark @ 0xF0..=0xFF, behind @ ..] => {
                let Some((time, values)) = behind.split_first_chunk::<4>() else {
                    return true;
                };
                let newest = type_f(*time).and_then(Stamp::of);
                months(usize::from(mark & 0x0F) + 1, newest, values, decoded);
                return true;
            }
            [] | [0x2F, ..] => return true,
            _ => {
                decoded.remark("not_read", "an unknown register stands before the months");
                return true;
            }
        }
    }
}

fn months(count: usize, newest: Option<Stamp>, values: &[u8], decoded: &mut Decoded) {
    let Some(day) = newest.and_then(|stamp| stamp.day()) else {
        decoded.remark("absent", "the months have no date yet");
        return;
    };
    for (n, octets) in (1..).zip(values.chunks_exact(4).take(count)) {
        let Some(octets) = octets.first_chunk::<4>() else {
            return;
        };
        let at = if n == 1 {
            newest
        } else {
            month_end(day, n - 1).map(Stamp::date)
        };
        decoded.readings.push(Reading {
            register: Register::History(n),
            at,
            ..Reading::new(
                Quantity::Volume,
                Decimal::new(i64::from(u32::from_le_bytes(*octets)), -3),
            )
        });
    }
}

/// The registers for the month ends there are, four at most.
pub(crate) fn write(spoken: &Spoken) -> Option<Vec<u8>> {
    let mut octets = vec![0x60, 0, 0, 0, 0, 0x08, 0, 0, 0, 0];
    let states: Vec<u32> = (1..=4)
        .map_while(|n| spoken.value(Quantity::Volume, Register::History(n)))
        .map(|value| u32::try_from(at_resolution(value, -3)?).ok())
        .collect::<Option<_>>()?;
    let day = spoken.date(Register::History(1)).and_then(|stamp| stamp.day());
    if let (Some(day), Some(more)) = (day, states.len().checked_sub(1)) {
        octets.push(0xF0 | u8::try_from(more).ok()?);
        octets.extend(to_type_f(day, 23, 59)?);
        octets.extend(states.iter().flat_map(|state| state.to_le_bytes()));
    }
    Some(octets)
}

#[cfg(test)]
mod tests {
    use super::*;
    use wmbus::apl::Date;

    #[test]
    fn what_is_written_is_read() {
        let month = |n, litres, at| Reading {
            register: Register::History(n),
            at: Some(at),
            ..Reading::new(Quantity::Volume, Decimal::new(litres, -3))
        };
        let day = |month, day| Stamp::date(Date::new(2025, month, day).unwrap());
        let spoken = Spoken {
            readings: vec![month(1, 812, day(4, 30)), month(2, 300, day(3, 31))],
            ..Spoken::default()
        };
        let octets = write(&spoken).unwrap();
        let address = wmbus::Address::from_link_octets([0; 8]);
        let mut decoded = Decoded::new(address, address, "test".into());
        assert!(read(&octets, &mut decoded));
        assert_eq!(decoded.readings[1], spoken.readings[1]);
        assert_eq!(decoded.readings[0].at.unwrap().to_string(), "2025-04-30T23:59");
        assert_eq!(decoded.readings[0].value, spoken.readings[0].value);
        assert!(read(&[0x60, 1, 2], &mut decoded));
        assert_eq!(decoded.readings.len(), 2);
    }
}
