//! Apator AT-WMBUS-16-2: registers, one after the other, each with a number that says how long it is.
//!
//! ```text
//! C C C C  F F F   id data  id data  …  FF FF …  T T
//!                  10  I I I I              index, litres
//!                  7k  01  (I I I I)×(k+1)  month ends, newest first
//!
//! C   minute of day: high bits of the second octet × 256 + first; day; month; weekday; year
//! ```
//!
//! Source: observed on sixteen captures, whose weekdays agree.

use wmbus::Decimal;
use wmbus::apl::Date;

use crate::dating::month_end;
use crate::decoded::Decoded;
use crate::reading::{Quantity, Reading, Register, Stamp};
use crate::speak::{Spoken, at_resolution};

/// Reads what follows DIF 0F.
pub(crate) fn read(octets: &[u8], decoded: &mut Decoded) -> bool {
    let Some((clock, rest)) = octets.split_first_chunk::<4>() else {
        return false;
    };
    let Some((faults, mut rest)) = rest.split_first_chunk::<3>() else {
        return false;
    };
    let clock = read_clock(*clock);
    decoded.device_time = clock;
    if faults.iter().any(|octet| *octet != 0) {
        let [a, b, c] = faults;
        decoded.fact("faults", format!("{c:02X}{b:02X}{a:02X}"));
    }
    let litres = |octets: &[u8]| {
        octets
            .first_chunk::<4>()
            .map(|octets| Decimal::new(i64::from(u32::from_le_bytes(*octets)), -3))
    };
    let mut found = false;
    while let Some((id, after)) = rest.split_first().filter(|(id, _)| **id != 0xFF) {
        let Some((data, next)) = length(*id).and_then(|length| after.split_at_checked(length)) else {
            decoded.remark(
                "trailing",
                format!("register {id:02X} is not known: what follows it was not read"),
            );
            break;
        };
        rest = next;
        match id {
            0x10 => {
                if let Some(value) = litres(data) {
                    decoded.readings.push(Reading::new(Quantity::Volume, value));
                    found = true;
                }
            }
            0x71..=0x7C => {
                let months = data.get(1..).unwrap_or_default().chunks_exact(4).map(litres);
                for (n, value) in (1..).zip(months) {
                    // Slots before the meter was there hold zeros.
                    let Some(value) = value.filter(|value| value.mantissa != 0) else {
                        continue;
                    };
                    let at = clock
                        .and_then(|at| at.day())
                        .and_then(|day| month_end(day, n))
                        .map(Stamp::date);
                    let register = Register::History(n);
                    decoded.readings.push(Reading {
                        register,
                        at,
                        ..Reading::new(Quantity::Volume, value)
                    });
                }
            }
            0x43 => {
                if let [low, high] = data {
                    decoded.fact("days_of_life", u16::from_le_bytes([*low, *high]).to_string());
                }
            }
            _ => {}
        }
    }
    found
}

/// `0F`, clock, no faults, index and three month ends, padding, trailer.
pub(crate) fn write(spoken: &Spoken) -> Option<Vec<u8>> {
    let litres = |register| {
        let value = spoken.value(Quantity::Volume, register)?;
        u32::try_from(at_resolution(value, -3)?).ok()
    };
    let mut octets = write_clock(spoken.device_time?)?.to_vec();
    octets.extend([0, 0, 0, 0x10]);
    octets.extend(litres(Register::Current)?.to_le_bytes());
    octets.extend([0x72, 0x01]);
    for n in 1..=3 {
        octets.extend(litres(Register::History(n)).unwrap_or(0).to_le_bytes());
    }
    octets.extend([0xFF; 4]);
    Some(octets)
}

fn read_clock([minute, day, month, year]: [u8; 4]) -> Option<Stamp> {
    let of_day = u16::from(day >> 5) * 256 + u16::from(minute);
    let date = Date::new(2000 + u16::from(year & 0x7F), month & 0x0F, day & 0x1F)?;
    let Date { year, month, day } = date;
    let (hour, minute) = (u8::try_from(of_day / 60).ok()?, u8::try_from(of_day % 60).ok()?);
    (hour < 24).then_some(Stamp::DateTime {
        year,
        month,
        day,
        hour,
        minute,
        second: None,
    })
}

fn write_clock(stamp: Stamp) -> Option<[u8; 4]> {
    let date = stamp.day()?;
    let (hour, minute) = match stamp {
        Stamp::DateTime { hour, minute, .. } => (hour, minute),
        _ => (0, 0),
    };
    let of_day = u16::from(hour) * 60 + u16::from(minute);
    let [low, high] = of_day.to_le_bytes();
    // 1 March of the year 0 was a Wednesday.
    let weekday = u8::try_from((date.day_number() + 2).rem_euclid(7)).ok()? + 1;
    let year = u8::try_from(date.year.checked_sub(2000)?).ok()?;
    Some([low, date.day | high << 5, date.month | weekday << 5, year])
}

/// Octets of a register's data.
fn length(id: u8) -> Option<usize> {
    Some(match id {
        0x00 | 0x10 | 0x42 | 0xA0 | 0xA1 | 0xA4 | 0xF0 => 4,
        0x01 | 0x44 | 0xA6 | 0xB6..=0xBF | 0xC0..=0xC7 | 0xD0 | 0xD3 => 3,
        0x11 | 0x41 | 0x43 | 0xA7 | 0xA8 | 0xAA..=0xAD | 0xB4 => 2,
        0xA2 | 0xA5 | 0xA9 | 0xAF => 1,
        0x71..=0x7C => 1 + 4 * (usize::from(id - 0x70) + 1),
        0x80..=0x84 | 0x86 | 0x87 => 10,
        0x85 | 0x88 | 0x8F => 11,
        0x8A => 9,
        0x8B | 0x8C | 0x40 => 6,
        0x8E | 0xA3 => 7,
        0xB0 => 5,
        0xB1 | 0xB3 => 8,
        0xB2 | 0xB5 => 16,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_there_and_back() {
        let stamp = Stamp::DateTime {
            year: 2026,
            month: 11,
            day: 25,
            hour: 23,
            minute: 59,
            second: None,
        };
        let octets = write_clock(stamp).unwrap();
        assert_eq!(read_clock(octets), Some(stamp));
        // 25 November 2026 is a Wednesday.
        assert_eq!(octets[2] >> 5, 3);
        assert_eq!(read_clock([0, 0, 0, 0]), None);
        assert_eq!(read_clock([0xFF; 4]), None);
    }
}
