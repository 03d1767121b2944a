//! Words and numbers as they stand in the tables: a promise to every later release.

use decoders::reading::{Direction, Kind, Quantity, Stamp, Status, StatusWord, Unit};
use jiff::Timestamp;
use rusqlite::Row;
use rusqlite::types::Type;

use crate::store::{Aspect, Channel, Source};

/// The instant in a column.
pub(super) fn instant(row: &Row<'_>, column: usize) -> rusqlite::Result<Timestamp> {
    to_instant(row.get(column)?, column)
}

/// The instant in a column that may be empty.
pub(super) fn instant_or_none(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<Timestamp>> {
    row.get::<_, Option<i64>>(column)?
        .map(|second| to_instant(second, column))
        .transpose()
}

fn to_instant(second: i64, column: usize) -> rusqlite::Result<Timestamp> {
    Timestamp::from_second(second).map_err(|error| invalid(column, Type::Integer, error))
}

/// A value that no release writes.
pub(super) fn invalid(
    column: usize,
    kind: Type,
    error: impl Into<Box<dyn std::error::Error + Send + Sync>>,
) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, kind, error.into())
}

/// The word in a column, by a table of words.
pub(super) fn word<T>(
    row: &Row<'_>,
    column: usize,
    from: impl FnOnce(&str) -> Option<T>,
) -> rusqlite::Result<T> {
    let text = row.get_ref(column)?.as_str()?;
    from(text).ok_or_else(|| invalid(column, Type::Text, format!("{text:?} is no word known here")))
}

/// Eight octets and digests as the signed numbers that columns hold.
pub(super) const fn signed(number: u64) -> i64 {
    i64::from_be_bytes(number.to_be_bytes())
}

/// And back.
pub(super) const fn unsigned(number: i64) -> u64 {
    u64::from_be_bytes(number.to_be_bytes())
}

/// A stamp as its digits run together: 20181231, 201902201132, 20190220113205, 1231.
pub(super) fn stamp_number(stamp: Stamp) -> i64 {
    let date =
        |year: u16, month: u8, day: u8| i64::from(year) * 10_000 + i64::from(month) * 100 + i64::from(day);
    match stamp {
        Stamp::EveryYear { month, day } => date(0, month, day),
        Stamp::Date { year, month, day } => date(year, month, day),
        Stamp::DateTime {
            year,
            month,
            day,
            hour,
            minute,
            second,
        } => {
            let minutes = date(year, month, day) * 10_000 + i64::from(hour) * 100 + i64::from(minute);
            second.map_or(minutes, |second| minutes * 100 + i64::from(second))
        }
    }
}

/// A stamp from its digits; `None` for numbers that are none.
pub(super) fn stamp(number: i64) -> Option<Stamp> {
    let two = |number: i64, power: i64| u8::try_from(number / power % 100).ok();
    let year = |number: i64| u16::try_from(number).ok();
    Some(match number {
        101..=1231 => Stamp::EveryYear {
            month: two(number, 100)?,
            day: two(number, 1)?,
        },
        10_000_000..=99_999_999 => Stamp::Date {
            year: year(number / 10_000)?,
            month: two(number, 100)?,
            day: two(number, 1)?,
        },
        100_000_000_000..=999_999_999_999 => Stamp::DateTime {
            year: year(number / 100_000_000)?,
            month: two(number, 1_000_000)?,
            day: two(number, 10_000)?,
            hour: two(number, 100)?,
            minute: two(number, 1)?,
            second: None,
        },
        10_000_000_000_000..=99_999_999_999_999 => Stamp::DateTime {
            year: year(number / 10_000_000_000)?,
            month: two(number, 100_000_000)?,
            day: two(number, 1_000_000)?,
            hour: two(number, 10_000)?,
            minute: two(number, 100)?,
            second: Some(two(number, 1)?),
        },
        _ => return None,
    })
}

/// Conditions as words, `past:` before those that are over: `battery_low past:leak`.
pub(super) fn status_text(status: &[Status]) -> String {
    let mut sorted = status.to_vec();
    sorted.sort_unstable();
    sorted.dedup();
    let words: Vec<_> = sorted
        .iter()
        .map(|status| {
            let tense = if status.past { "past:" } else { "" };
            format!("{tense}{}", status.word.name())
        })
        .collect();
    words.join(" ")
}

/// Conditions from words; those of a later release are left out.
pub(super) fn status(text: &str) -> Vec<Status> {
    text.split_whitespace()
        .filter_map(|text| {
            let (past, word) = match text.strip_prefix("past:") {
                Some(word) => (true, word),
                None => (false, text),
            };
            StatusWord::from_name(word).map(|word| Status { word, past })
        })
        .collect()
}

/// A source's number.
pub(super) fn source(row: &Row<'_>, column: usize) -> rusqlite::Result<Source> {
    let number: i64 = row.get(column)?;
    // Each has the number of its place.
    usize::try_from(number)
        .ok()
        .and_then(|number| Source::ALL.get(number).copied())
        .ok_or_else(|| invalid(column, Type::Integer, "no source has this number"))
}

/// The eight columns of a channel from `quantity` on; `None` when this build has no word for one of them.
pub(super) fn channel_words(channel: &Channel) -> Option<ChannelWords<'static>> {
    Some(ChannelWords {
        quantity: name_of(QUANTITIES, channel.quantity)?,
        unit: name_of(UNITS, channel.unit)?,
        direction: name_of(DIRECTIONS, channel.direction)?,
        aspect: name_of(ASPECTS, channel.aspect)?,
        kind: name_of(KINDS, channel.kind)?,
    })
}

/// The words among what a channel is.
#[derive(Clone, Copy)]
pub(super) struct ChannelWords<'a> {
    pub(super) quantity: &'a str,
    pub(super) unit: &'a str,
    pub(super) direction: &'a str,
    pub(super) aspect: &'a str,
    pub(super) kind: &'a str,
}

/// A channel from its words and numbers, unless a word is of a later release.
pub(super) fn channel_of(
    words: &ChannelWords<'_>,
    exponent: i8,
    tariff: u32,
    subunit: u16,
) -> Option<Channel> {
    Some(Channel {
        quantity: named(QUANTITIES, words.quantity)?,
        unit: named(UNITS, words.unit)?,
        exponent,
        direction: named(DIRECTIONS, words.direction)?,
        tariff,
        subunit,
        aspect: named(ASPECTS, words.aspect)?,
        kind: named(KINDS, words.kind)?,
    })
}

/// A channel from its columns: quantity, unit, exponent, direction, tariff, subunit, aspect, kind.
pub(super) fn channel(row: &Row<'_>, first: usize) -> rusqlite::Result<Channel> {
    Ok(Channel {
        quantity: word(row, first, |text| named(QUANTITIES, text))?,
        unit: word(row, first + 1, |text| named(UNITS, text))?,
        exponent: row.get(first + 2)?,
        direction: word(row, first + 3, |text| named(DIRECTIONS, text))?,
        tariff: row.get(first + 4)?,
        subunit: row.get(first + 5)?,
        aspect: word(row, first + 6, |text| named(ASPECTS, text))?,
        kind: word(row, first + 7, |text| named(KINDS, text))?,
    })
}

fn name_of<T: Copy + PartialEq>(table: &[(T, &'static str)], value: T) -> Option<&'static str> {
    table
        .iter()
        .find(|(entry, _)| *entry == value)
        .map(|(_, name)| *name)
}

fn named<T: Copy>(table: &[(T, &'static str)], name: &str) -> Option<T> {
    table
        .iter()
        .find(|(_, entry)| *entry == name)
        .map(|(value, _)| *value)
}

const QUANTITIES: &[(Quantity, &str)] = &[
    (Quantity::Volume, "volume"),
    (Quantity::HeatCost, "heat_cost"),
    (Quantity::Energy, "energy"),
    (Quantity::Flow, "flow"),
    (Quantity::Power, "power"),
    (Quantity::Temperature, "temperature"),
    (Quantity::ReturnTemperature, "temperature_return"),
    (Quantity::TemperatureDifference, "temperature_difference"),
    (Quantity::AmbientTemperature, "temperature_ambient"),
    (Quantity::Humidity, "humidity"),
    (Quantity::Duration, "duration"),
    (Quantity::Battery, "battery"),
    (Quantity::Voltage, "voltage"),
    (Quantity::Current, "current"),
    (Quantity::Frequency, "frequency"),
    (Quantity::Reactive, "reactive"),
    (Quantity::Apparent, "apparent"),
    (Quantity::Pressure, "pressure"),
    (Quantity::VolumeTemperature, "volume_temperature"),
    (Quantity::Mass, "mass"),
    (Quantity::SignalStrength, "signal_strength"),
    (Quantity::Count, "count"),
    (Quantity::PowerFactor, "power_factor"),
    (Quantity::CarbonDioxide, "co2"),
    (Quantity::ErrorDuration, "duration_error"),
    (Quantity::OnTime, "duration_on"),
    (Quantity::OperatingTime, "duration_operating"),
    (Quantity::Age, "duration_age"),
];

const UNITS: &[(Unit, &str)] = &[
    (Unit::CubicMetre, "m3"),
    (Unit::AllocationUnit, "U"),
    (Unit::WattHour, "Wh"),
    (Unit::Joule, "J"),
    (Unit::CubicMetrePerHour, "m3/h"),
    (Unit::Watt, "W"),
    (Unit::DegreeCelsius, "degC"),
    (Unit::Kelvin, "K"),
    (Unit::Percent, "%"),
    (Unit::Second, "s"),
    (Unit::Minute, "min"),
    (Unit::Hour, "h"),
    (Unit::Day, "d"),
    (Unit::Month, "month"),
    (Unit::Year, "year"),
    (Unit::Volt, "V"),
    (Unit::Ampere, "A"),
    (Unit::Hertz, "Hz"),
    (Unit::VarHour, "varh"),
    (Unit::Var, "var"),
    (Unit::VoltAmpereHour, "VAh"),
    (Unit::VoltAmpere, "VA"),
    (Unit::Bar, "bar"),
    (Unit::CubicMetreDegree, "m3*degC"),
    (Unit::Kilogram, "kg"),
    (Unit::Dbm, "dBm"),
    (Unit::One, "1"),
    (Unit::PartsPerMillion, "ppm"),
];

const DIRECTIONS: &[(Direction, &str)] = &[
    (Direction::Net, "net"),
    (Direction::Forward, "forward"),
    (Direction::Reverse, "reverse"),
];

const ASPECTS: &[(Aspect, &str)] = &[
    (Aspect::Index, "index"),
    (Aspect::Max, "max"),
    (Aspect::Min, "min"),
    (Aspect::Average, "average"),
];

const KINDS: &[(Kind, &str)] = &[(Kind::Absolute, "absolute"), (Kind::Increment, "increment")];

#[cfg(test)]
mod tests {
    use super::*;

    fn distinct<T: Copy + PartialEq>(table: &[(T, &'static str)]) {
        for (value, name) in table {
            assert_eq!(name_of(table, *value), Some(*name));
            assert!(named(table, name) == Some(*value), "{name}");
        }
    }

    #[test]
    fn every_word_has_one_meaning() {
        distinct(QUANTITIES);
        distinct(UNITS);
        distinct(DIRECTIONS);
        distinct(ASPECTS);
        distinct(KINDS);
        // The vocabulary's own names and these are the same promise.
        for (quantity, name) in QUANTITIES {
            assert_eq!(quantity.name(), *name);
        }
    }

    #[test]
    fn stamps_survive_as_numbers() {
        for written in [
            Stamp::Date {
                year: 2018,
                month: 12,
                day: 31,
            },
            Stamp::EveryYear { month: 1, day: 1 },
            Stamp::EveryYear { month: 12, day: 31 },
            Stamp::DateTime {
                year: 1900,
                month: 1,
                day: 1,
                hour: 0,
                minute: 0,
                second: None,
            },
            Stamp::DateTime {
                year: 2299,
                month: 12,
                day: 31,
                hour: 23,
                minute: 59,
                second: Some(59),
            },
            Stamp::DateTime {
                year: 2019,
                month: 2,
                day: 20,
                hour: 0,
                minute: 0,
                second: Some(0),
            },
        ] {
            assert_eq!(stamp(stamp_number(written)), Some(written));
        }
        assert_eq!(
            stamp_number(Stamp::Date {
                year: 2018,
                month: 12,
                day: 31
            }),
            20_181_231
        );
        assert_eq!(stamp(7), None);
        assert_eq!(stamp(i64::MIN), None);
        assert_eq!(stamp(i64::MAX), None);
    }

    #[test]
    fn conditions_survive_as_words() {
        let written = [
            Status {
                word: StatusWord::Leak,
                past: true,
            },
            Status {
                word: StatusWord::BatteryLow,
                past: false,
            },
            Status {
                word: StatusWord::Leak,
                past: true,
            },
        ];
        let text = status_text(&written);
        assert_eq!(text, "battery_low past:leak");
        assert_eq!(status(&text).len(), 2);
        assert_eq!(status_text(&status(&text)), text);
        assert_eq!(status("a_word_of_next_year leak").len(), 1);
    }

    #[test]
    fn octets_survive_as_signed_numbers() {
        for number in [0, 1, u64::MAX, 1 << 63] {
            assert_eq!(unsigned(signed(number)), number);
        }
    }
}
