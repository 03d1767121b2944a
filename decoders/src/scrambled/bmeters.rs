//! B Meters Hydrodigit, IWM-TX5 and RFM-TX1: a block behind DIF 0F whose first octet says which fields follow.
//!
//! ```text
//! version 05, 13, 15   bit 0 B   1 K D D D   7 Y M D   2 R R R R   3 s m h d M y   4 (I I I)×12 d
//! version 17, 1E       bit 0 B   1 R R R R   2 D M Y   3 D M Y     4 D M Y         7 (I I I)×12 d
//! version 18           bit 0 R R R R         3 y m d   2 (I I I)×12 d
//!     B   battery, low four bits        R   what flowed backward, litres      I   index at the end of a month
//!     K   kind of fraud                 d   day of the month ends, 0 for the last
//! ```
//!
//! Month ends stand in a ring, January to December, in steps ten times coarser than the index. Bits 5 and 6 of the second
//! kind are values of unknown width: what follows them is not read.
//! Source: observed; a vendor's manual as quoted in public.

use wmbus::apl::Date;
use wmbus::{Decimal, Version};

use crate::Context;
use crate::decoded::Decoded;
use crate::reading::{Direction, Quantity, Reading, Register, Stamp, StatusWord, Unit};
use crate::speak::{Spoken, at_resolution};
use crate::status::add;
use crate::table::today;

/// What a bit of the contents octet announces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Battery,
    Fraud,
    Reverse,
    Clock,
    /// Day, month, year as digits.
    DayMonthYear(&'static str),
    /// Year, month, day as digits.
    YearMonthDay(&'static str),
    /// Year, month, day as numbers.
    Binary(&'static str),
    Months,
}

/// The parts of a version's block in the order they come, with the bit that announces each.
fn parts(version: Version) -> &'static [(u8, Part)] {
    match version.0 {
        0x17 | 0x1E => &[
            (0x01, Part::Battery),
            (0x02, Part::Reverse),
            (0x04, Part::DayMonthYear("fraud_date")),
            (0x08, Part::DayMonthYear("leak_date")),
            (0x10, Part::DayMonthYear("burst_date")),
            (0x80, Part::Months),
        ],
        0x18 => &[
            (0x01, Part::Reverse),
            (0x08, Part::Binary("event_date")),
            (0x04, Part::Months),
        ],
        _ => &[
            (0x01, Part::Battery),
            (0x02, Part::Fraud),
            (0x80, Part::YearMonthDay("leak_date")),
            (0x04, Part::Reverse),
            (0x08, Part::Clock),
            (0x10, Part::Months),
        ],
    }
}

/// Reads what follows DIF 0F; the index stands in a record before it.
pub(crate) fn read(version: Version, octets: &[u8], context: &Context, decoded: &mut Decoded) -> bool {
    let Some((contents, mut rest)) = octets.split_first() else {
        return false;
    };
    let parts = parts(version);
    let mut months = None;
    for (bit, part) in parts {
        if contents & bit == 0 {
            continue;
        }
        // Unknown values stand before the months.
        let known = parts.iter().fold(0, |known, (bit, _)| known | bit);
        if *part == Part::Months && contents & !known != 0 {
            decoded.remark("not_read", "fields of unknown width stand before the months");
            break;
        }
        let Some((octets, behind)) = rest.split_at_checked(part.width()) else {
            decoded.remark("not_read", "the maker's block ends before its fields do");
            break;
        };
        rest = behind;
        if *part == Part::Months {
            months = Some(octets);
        } else {
            part.read(octets, decoded);
        }
    }
    // The ring needs the clock, which may stand in the block itself.
    if let Some(octets) = months {
        ring(octets, today(context, decoded), decoded);
    }
    true
}

/// The block that says what flowed backward and the month ends.
pub(crate) fn write(version: Version, spoken: &Spoken) -> Option<Vec<u8>> {
    let mut octets = vec![0];
    for (bit, part) in parts(version) {
        let written = match part {
            Part::Battery => Some(vec![0x0E]),
            Part::Reverse => {
                let cubic_metre = Quantity::Volume.unit();
                let value = spoken.in_direction(
                    Quantity::Volume,
                    Register::Current,
                    Direction::Reverse,
                    cubic_metre,
                );
                let litres = value.and_then(|value| at_resolution(value, -3));
                litres.map_or(Some(vec![0; 4]), |litres| {
                    Some(u32::try_from(litres).ok()?.to_le_bytes().to_vec())
                })
            }
            // The others have a record for it.
            Part::Clock if version.0 == 0x05 => write_clock(spoken),
            Part::Months => write_ring(spoken),
            _ => None,
        };
        if let (Some(written), Some(contents)) = (written, octets.first_mut()) {
            *contents |= bit;
            octets.extend(written);
        }
    }
    Some(octets)
}

impl Part {
    fn width(self) -> usize {
        match self {
            Self::Battery => 1,
            Self::DayMonthYear(_) | Self::YearMonthDay(_) | Self::Binary(_) => 3,
            Self::Fraud | Self::Reverse => 4,
            Self::Clock => 6,
            Self::Months => MONTHS_WIDTH,
        }
    }

    fn read(self, octets: &[u8], decoded: &mut Decoded) {
        let digits = |octet: u8| {
            let (high, low) = (octet >> 4, octet & 15);
            (high <= 9 && low <= 9).then_some(high * 10 + low)
        };
        let date = |year: Option<u8>, month: Option<u8>, day: Option<u8>| {
            Date::new(2000 + u16::from(year?), month?, day?)
        };
        match (self, octets) {
            (Self::Battery, [octet]) => {
                let volts = usize::from(octet & 0x0F)
                    .checked_sub(1)
                    .and_then(|at| VOLTS.get(at));
                decoded.readings.push(Reading {
                    unit: Unit::Volt,
                    ..Reading::new(Quantity::Battery, Decimal::new(*volts.unwrap_or(&370), -2))
                });
            }
            (Self::Reverse, _) => {
                let Some(octets) = octets.first_chunk::<4>() else {
                    return;
                };
                decoded.readings.push(Reading {
                    direction: Direction::Reverse,
                    ..Reading::new(
                        Quantity::Volume,
                        Decimal::new(i64::from(u32::from_le_bytes(*octets)), -3),
                    )
                });
            }
            (Self::Fraud, [kind, year, month, day]) => {
                for (bit, word) in [
                    (0x80, StatusWord::Tamper),
                    (0x40, StatusWord::SensorFault),
                    (0x20, StatusWord::Removed),
                ] {
                    if kind & bit != 0 {
                        add(&mut decoded.status, word, true);
                    }
                }
                if let Some(date) = date(digits(*year), digits(*month), digits(*day)) {
                    decoded.fact("fraud_date", date.to_string());
                }
            }
            // The high digit of the month says more than a month: a reversed or overrun flow.
            (Self::DayMonthYear(name), [day, month, year]) => {
                if let Some(date) = date(digits(*year), digits(month & 0x1F), digits(*day)) {
                    decoded.fact(name, date.to_string());
                }
            }
            (Self::YearMonthDay(name), [year, month, day]) => {
                if let Some(date) = date(digits(*year), digits(*month), digits(*day)) {
                    decoded.fact(name, date.to_string());
                }
            }
            (Self::Binary(name), [year, month, day]) => {
                if let Some(date) = date(Some(*year), Some(*month), Some(*day)) {
                    decoded.fact(name, date.to_string());
                }
            }
            (Self::Clock, [second, minute, hour, day, month, year]) => {
                let date = date(digits(*year), digits(*month), digits(*day));
                let time = digits(*hour).zip(digits(*minute)).zip(digits(*second));
                if let (Some(Date { year, month, day }), Some(((hour, minute), second)), None) =
                    (date, time, decoded.device_time)
                {
                    decoded.device_time = Some(Stamp::DateTime {
                        year,
                        month,
                        day,
                        hour,
                        minute,
                        second: Some(second),
                    });
                }
            }
            _ => {}
        }
    }
}

/// Reads the ring of month ends, walking back from the newest one that has passed.
fn ring(octets: &[u8], today: Option<Date>, decoded: &mut Decoded) {
    let Some((day, ring)) = octets.split_last() else {
        return;
    };
    let index = decoded
        .readings
        .iter()
        .find(|reading| (reading.quantity, reading.register) == (Quantity::Volume, Register::Current));
    let (Some(today), Some(index)) = (today, index.map(|index| index.value)) else {
        decoded.remark(
            "undated",
            "months in a ring, and no clock to say which is the newest",
        );
        return;
    };
    let exponent = index.exponent.saturating_add(1);
    let mut rows = Vec::with_capacity(12);
    let mut newer = index;
    for n in 1..=12 {
        let Some(end) = month_day(today, n, *day) else {
            return;
        };
        let at = usize::from(end.month - 1) * 3;
        let Some([a, b, c]) = ring.get(at..at + 3) else {
            return;
        };
        if [*a, *b, *c] == [0xFF; 3] {
            continue;
        }
        let value = Decimal::new(i64::from(u32::from_le_bytes([*a, *b, *c, 0])), exponent);
        // An index only grows; a ring that does not is another meter's, or dated wrongly.
        if value.compare(newer).is_gt() {
            decoded.remark("undated", "months in a ring that do not grow towards the present");
            return;
        }
        newer = value;
        rows.push(Reading {
            register: Register::History(n),
            at: Some(Stamp::date(end)),
            ..Reading::new(Quantity::Volume, value)
        });
    }
    decoded.readings.extend(rows);
}

fn write_clock(spoken: &Spoken) -> Option<Vec<u8>> {
    let stamp = spoken.device_time?;
    let date = stamp.day()?;
    let (hour, minute, second) = match stamp {
        Stamp::DateTime {
            hour, minute, second, ..
        } => (hour, minute, second.unwrap_or(0)),
        _ => (0, 0, 0),
    };
    let year = u8::try_from(date.year.checked_sub(2000)?).ok()?;
    let digits = |number: u8| (number / 10) << 4 | (number % 10);
    Some(
        [second, minute, hour, date.day, date.month, year]
            .map(digits)
            .to_vec(),
    )
}

fn write_ring(spoken: &Spoken) -> Option<Vec<u8>> {
    let today = spoken.today()?;
    let mut octets = [0xFF; MONTHS_WIDTH];
    for n in 1..=12 {
        let end = month_day(today, n, 0)?;
        let Some(value) = spoken.value(Quantity::Volume, Register::History(n)) else {
            continue;
        };
        let steps = u32::try_from(at_resolution(value, -2)?).ok()?.to_le_bytes();
        let at = usize::from(end.month - 1) * 3;
        octets.get_mut(at..at + 3)?.copy_from_slice(steps.get(..3)?);
    }
    *octets.last_mut()? = 0;
    Some(octets.to_vec())
}

/// The n-th of the days before `today` on which a month is read: this day of each month, or its last for 0.
fn month_day(today: Date, n: u16, day: u8) -> Option<Date> {
    let this_month = (1..today.day).contains(&day);
    let back = i32::from(n) - i32::from(this_month);
    let month = Date { day: 1, ..today }.add_months(-back)?;
    let end = month.end_of_month();
    Some(if day == 0 || day >= end.day {
        end
    } else {
        Date { day, ..month }
    })
}

/// Twelve indexes of three octets and a day.
const MONTHS_WIDTH: usize = 37;

/// Hundredths of a volt for the values 1 to 13; others mean a fresh battery.
const VOLTS: [i64; 13] = [190, 210, 220, 230, 240, 250, 265, 280, 290, 305, 320, 335, 350];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ring_is_walked_back_from_the_clock() {
        let today = Date::new(2025, 3, 10).unwrap();
        assert_eq!(month_day(today, 1, 0), Date::new(2025, 2, 28));
        assert_eq!(month_day(today, 3, 0), Date::new(2024, 12, 31));
        assert_eq!(month_day(today, 1, 5), Date::new(2025, 3, 5));
        assert_eq!(month_day(today, 1, 10), Date::new(2025, 2, 10));
        assert_eq!(month_day(today, 1, 31), Date::new(2025, 2, 28));
    }

    #[test]
    fn what_is_written_is_read() {
        let day = |year, month, day| Some(Stamp::date(Date::new(year, month, day).unwrap()));
        let month = |n, litres, at| Reading {
            register: Register::History(n),
            at,
            ..Reading::new(Quantity::Volume, Decimal::new(litres, -2))
        };
        let spoken = Spoken {
            readings: vec![
                Reading::new(Quantity::Volume, Decimal::new(54_321, -3)),
                month(1, 5_211, day(2025, 2, 28)),
                month(2, 4_800, day(2025, 1, 31)),
                month(3, 17, day(2024, 12, 31)),
            ],
            device_time: day(2025, 3, 10),
            ..Spoken::default()
        };
        for version in [0x13, 0x17, 0x18] {
            let octets = write(Version(version), &spoken).unwrap();
            let address = wmbus::Address::from_link_octets([0; 8]);
            let mut decoded = Decoded::new(address, address, "test".into());
            decoded.device_time = spoken.device_time;
            decoded.readings.push(spoken.readings[0].clone());
            assert!(read(Version(version), &octets, &Context::default(), &mut decoded));
            let history: Vec<_> = decoded
                .readings
                .iter()
                .filter(|reading| matches!(reading.register, Register::History(_)))
                .cloned()
                .collect();
            assert_eq!(history, spoken.readings[1..], "version {version:02X}");
        }
    }
}
