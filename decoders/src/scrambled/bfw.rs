//! BFW 240 radio: a block of the maker's own where records should be, with eighteen month ends of twelve bits.
//!
//! ```text
//! 2F 2F  h ?  S S  C C  k k  (b0 b1 b2)×9  D M Y
//!             S   units of the closed period, high octet first     C   units now, high octet first
//!             two month ends in three octets, oldest first: b1 high nibble ‖ b0, then b1 low nibble ‖ b2
//! ```
//!
//! Source: observed.

use wmbus::Decimal;
use wmbus::apl::Date;

use crate::dating::month_end;
use crate::decoded::Decoded;
use crate::reading::{Quantity, Reading, Register, Stamp};
use crate::speak::{Spoken, at_resolution};

const LENGTH: usize = 38;
const MONTHS: u16 = 18;

/// Reads the application data, check octets included.
pub(crate) fn read(octets: &[u8], decoded: &mut Decoded) -> bool {
    let octets = octets.strip_prefix(&[0x2F, 0x2F]).unwrap_or(octets);
    let Some(block) = octets.first_chunk::<LENGTH>() else {
        return false;
    };
    let [_, _, s0, s1, c0, c1, _, _, months @ .., day, month, year] = block;
    let decimal =
        |octet: u8| (octet >> 4 <= 9 && octet & 15 <= 9).then_some((octet >> 4) * 10 + (octet & 15));
    let today = decimal(*day).zip(decimal(*month)).zip(decimal(*year));
    let Some(today) = today.and_then(|((day, month), year)| Date::new(2000 + u16::from(year), month, day))
    else {
        return false;
    };
    decoded.device_time = Some(Stamp::date(today));
    let states = months.chunks_exact(3).flat_map(|triple| match *triple {
        [b0, b1, b2] => [
            u16::from(b1 >> 4) << 8 | u16::from(b0),
            u16::from(b1 & 15) << 8 | u16::from(b2),
        ],
        _ => [0, 0],
    });
    let states: Vec<u16> = states.collect();
    let closed = u16::from_be_bytes([*s0, *s1]);
    let units = |value: u16| Decimal::new(i64::from(value), 0);
    decoded.readings.push(Reading::new(
        Quantity::HeatCost,
        units(u16::from_be_bytes([*c0, *c1])),
    ));
    // The due date is not sent: it is the month end with the closed period's value, before the counter starts again.
    let newest_first = || (1..).zip(states.iter().rev());
    let due = newest_first().find(|(n, state)| {
        let newer = newest_first().find(|(m, _)| m + 1 == *n).map(|(_, newer)| *newer);
        **state == closed && newer.is_none_or(|newer| newer < closed)
    });
    let at = due
        .filter(|_| closed > 0)
        .and_then(|(n, _)| month_end(today, n))
        .map(Stamp::date);
    let set_date = Reading {
        register: Register::SetDate,
        at,
        ..Reading::new(Quantity::HeatCost, units(closed))
    };
    decoded.readings.push(set_date);
    for (n, state) in newest_first() {
        let at = month_end(today, n).map(Stamp::date);
        let register = Register::History(n);
        decoded.readings.push(Reading {
            register,
            at,
            ..Reading::new(Quantity::HeatCost, units(*state))
        });
    }
    true
}

/// The block with check octets in front.
pub(crate) fn write(spoken: &Spoken) -> Option<Vec<u8>> {
    let units = |register| {
        let value = spoken.value(Quantity::HeatCost, register)?;
        u16::try_from(at_resolution(value, 0)?).ok()
    };
    let today = spoken.device_time?.day()?;
    let mut octets = vec![0x2F, 0x2F, 0x00, 0x1F];
    octets.extend(units(Register::SetDate).unwrap_or(0).to_be_bytes());
    octets.extend(units(Register::Current)?.to_be_bytes());
    octets.extend([0xB3, 0x1B]);
    for pair in 0..MONTHS / 2 {
        let n = MONTHS - 2 * pair;
        let state = |n| units(Register::History(n)).unwrap_or(0);
        let ([older_high, older_low], [newer_high, newer_low]) =
            (state(n).to_be_bytes(), state(n - 1).to_be_bytes());
        if older_high > 15 || newer_high > 15 {
            return None;
        }
        octets.extend([older_low, (older_high << 4) | newer_high, newer_low]);
    }
    let digits = |value: u16| u8::try_from(((value / 10 % 10) << 4) | (value % 10)).unwrap_or(0);
    octets.extend([
        digits(today.day.into()),
        digits(today.month.into()),
        digits(today.year % 100),
    ]);
    Some(octets)
}
