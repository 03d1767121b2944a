//! Apator NA-1: one block behind CI A0 or A1, encrypted with a key of zeros.
//!
//! ```text
//! ACC  STS  E×16                     E: AES-CBC, IV = link address ‖ ACC × 8
//! 2F  V V V V  S S S S  A  a d  d d d  s s
//!     V   index: 4 low bits, 4 bits of scale, then 24 high bits       S   seconds since 2000
//!     A a age of the stored index in hours     d   index minus the stored one     s   conditions now, then
//! ```
//!
//! Source: observed.

use wmbus::Message;
use wmbus::apl::Date;
use wmbus::security::aes_cbc_open;
use wmbus::{Decimal, security::aes_cbc_seal};

use crate::decoded::Decoded;
use crate::reading::{Quantity, Reading, Register, Stamp, Status, StatusWord};
use crate::speak::{Spoken, at_resolution};
use crate::status::add;

/// Reads the application data after the CI-field.
pub(crate) fn read(message: &Message<'_>, octets: &[u8], decoded: &mut Decoded) -> bool {
    let [access_number, frame_status, sealed @ ..] = octets else {
        return false;
    };
    let Some(sealed) = sealed.first_chunk::<16>() else {
        return false;
    };
    let mut plain = *sealed;
    aes_cbc_open(
        &[0; 16],
        &iv(message.link.sender.link_octets(), *access_number),
        &mut plain,
    );
    let [
        0x2F,
        v0,
        v1,
        v2,
        v3,
        s0,
        s1,
        s2,
        s3,
        age_low,
        d0,
        d1,
        d2,
        d3,
        now,
        then,
    ] = plain
    else {
        return false;
    };
    let scale = i8::try_from(v0 >> 4 & 3).unwrap_or(0) - 3;
    let index = i64::from(v3) << 20 | i64::from(v2) << 12 | i64::from(v1) << 4 | i64::from(v0 & 0x0F);
    let delta = i64::from(d3) << 18 | i64::from(d2) << 10 | i64::from(d1) << 2 | i64::from(d0 & 3);
    let age = i64::from(age_low) + 256 * i64::from(d0 >> 2);
    let clock = i64::from(u32::from_le_bytes([s0, s1, s2, s3]));
    decoded.device_time = stamp(clock);
    decoded
        .readings
        .push(Reading::new(Quantity::Volume, Decimal::new(index, scale)));
    decoded.readings.push(Reading {
        register: Register::History(1),
        at: stamp(clock - age * 3600),
        ..Reading::new(Quantity::Volume, Decimal::new(index - delta, scale))
    });
    decoded.readings.push(Reading {
        unit: crate::reading::Unit::Hour,
        ..Reading::new(Quantity::Age, Decimal::new(age, 0))
    });
    for (octet, past) in [(now, false), (then, true)] {
        for (bit, word) in CONDITIONS {
            if octet & bit != 0 {
                add(&mut decoded.status, word, past);
            }
        }
    }
    if frame_status & 0x20 != 0 {
        add(&mut decoded.status, StatusWord::InstallMode, false);
    }
    true
}

/// One block with index, clock and the index of the last month end.
pub(crate) fn write(spoken: &Spoken, sender: [u8; 8]) -> Option<Vec<u8>> {
    let litres = |register| at_resolution(spoken.value(Quantity::Volume, register)?, -3);
    let index = litres(Register::Current).filter(|index| (0..1 << 28).contains(index))?;
    let clock = seconds(spoken.device_time?)?;
    let stored =
        litres(Register::History(1)).zip(spoken.date(Register::History(1)).and_then(|at| match at {
            Stamp::DateTime { .. } => seconds(at),
            // The end of a day is the beginning of the next.
            _ => seconds(Stamp::date(at.day()?.add_days(1)?)),
        }));
    let (delta, age) = stored.map_or((0, 0), |(value, at)| (index - value, (clock - at) / 3600));
    let low = |value: i64, shift: u32| u8::try_from(value >> shift & 0xFF).unwrap_or(0);
    if !(0..1 << 26).contains(&delta) || !(0..1 << 14).contains(&age) {
        return None;
    }
    let said = |word| spoken.status.contains(&Status { word, past: false });
    let now = CONDITIONS
        .iter()
        .filter(|(_, word)| said(*word))
        .fold(0, |octet, (bit, _)| octet | bit);
    let [s0, s1, s2, s3] = u32::try_from(clock).ok()?.to_le_bytes();
    let mut block = [
        0x2F,
        low(index, 0) & 0x0F,
        low(index, 4),
        low(index, 12),
        low(index, 20),
        s0,
        s1,
        s2,
        s3,
        low(age, 0),
        (low(age, 8) << 2) | (low(delta, 0) & 3),
        low(delta, 2),
        low(delta, 10),
        low(delta, 18),
        now,
        0,
    ];
    aes_cbc_seal(&[0; 16], &iv(sender, 0), &mut block);
    Some([&[0, 0][..], &block].concat())
}

fn iv(link: [u8; 8], access_number: u8) -> [u8; 16] {
    let mut iv = [access_number; 16];
    for (octet, field) in iv.iter_mut().zip(link) {
        *octet = field;
    }
    iv
}

const EPOCH: Date = Date {
    year: 2000,
    month: 1,
    day: 1,
};

/// A stamp of seconds since 2000.
fn stamp(seconds: i64) -> Option<Stamp> {
    let Date { year, month, day } = EPOCH.add_days(seconds.div_euclid(86_400))?;
    let of_day = seconds.rem_euclid(86_400);
    let field = |value: i64| u8::try_from(value).unwrap_or(0);
    let (hour, minute, second) = (
        field(of_day / 3600),
        field(of_day / 60 % 60),
        Some(field(of_day % 60)),
    );
    Some(Stamp::DateTime {
        year,
        month,
        day,
        hour,
        minute,
        second,
    })
}

fn seconds(stamp: Stamp) -> Option<i64> {
    let days = stamp.day()?.day_number() - EPOCH.day_number();
    let of_day = match stamp {
        Stamp::DateTime {
            hour, minute, second, ..
        } => i64::from(hour) * 3600 + i64::from(minute) * 60 + i64::from(second.unwrap_or(0)),
        _ => 0,
    };
    Some(days * 86_400 + of_day)
}

const CONDITIONS: [(u8, StatusWord); 8] = [
    (0x80, StatusWord::ManufacturerBits),
    (0x40, StatusWord::Overflow),
    (0x20, StatusWord::ReverseFlow),
    (0x10, StatusWord::NoFlow),
    (0x08, StatusWord::Leak),
    (0x04, StatusWord::Removed),
    (0x02, StatusWord::Tamper),
    (0x01, StatusWord::BatteryLow),
];
