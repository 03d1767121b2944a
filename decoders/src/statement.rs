//! A reading as a line of text, and back: how pages write what an example says.
//!
//! ```text
//! volume current 123.529 m3
//! heat_cost history 3 increment 12 U @2025-11-30
//! volume set_date reverse tariff 1 0.004 m3 @2025-12-31
//! ```

use std::fmt::Write;

use wmbus::Decimal;
use wmbus::apl::Date;

use crate::reading::{Direction, Kind, Quantity, Reading, Register, Stamp, Status, StatusWord, Unit};

/// The line of a reading.
pub fn write(reading: &Reading) -> String {
    let (value, symbol) = reading.shown();
    let mut line = format!("{} {}", reading.quantity.name(), reading.register.name());
    let mut add = |text: std::fmt::Arguments<'_>| line.write_fmt(text).unwrap_or_default();
    if let Register::History(n) = reading.register {
        add(format_args!(" {n}"));
    }
    if reading.direction != Direction::Net {
        add(format_args!(" {}", reading.direction.name()));
    }
    if reading.tariff != 0 {
        add(format_args!(" tariff {}", reading.tariff));
    }
    if reading.subunit != 0 {
        add(format_args!(" subunit {}", reading.subunit));
    }
    if reading.kind == Kind::Increment {
        add(format_args!(" increment"));
    }
    add(format_args!(" {value}"));
    if !symbol.is_empty() {
        add(format_args!(" {symbol}"));
    }
    if let Some(at) = reading.at {
        add(format_args!(" @{at}"));
    }
    line
}

/// The reading of a line.
///
/// # Errors
/// What is wrong in it, and what to write.
pub fn parse(line: &str) -> Result<Reading, String> {
    let wrong = |what: &str| format!("{line:?}: {what}");
    let (line_before, at) = match line.split_once(" @") {
        Some((before, at)) => (
            before,
            Some(stamp(at).ok_or_else(|| wrong("write a date such as @2025-12-31"))?),
        ),
        None => (line, None),
    };
    let mut words = line_before.split_whitespace().peekable();
    let quantity = words
        .next()
        .and_then(Quantity::from_name)
        .ok_or_else(|| wrong("begins with no quantity, such as volume"))?;
    let register = match words.next() {
        Some("current") => Register::Current,
        Some("set_date") => Register::SetDate,
        Some("max") => Register::Max,
        Some("min") => Register::Min,
        Some("average") => Register::Average,
        Some("history") => Register::History(
            words
                .next()
                .and_then(|n| n.parse().ok())
                .ok_or_else(|| wrong("history has a number behind it"))?,
        ),
        _ => return Err(wrong("has no register, such as current, behind its quantity")),
    };
    let mut reading = Reading {
        register,
        at,
        ..Reading::new(quantity, Decimal::new(0, 0))
    };
    let value = loop {
        let word = words.next().ok_or_else(|| wrong("has no value"))?;
        let mut number = || {
            words
                .next()
                .and_then(|n| n.parse::<u16>().ok())
                .ok_or_else(|| wrong("a number is missing"))
        };
        match word {
            "forward" => reading.direction = Direction::Forward,
            "reverse" => reading.direction = Direction::Reverse,
            "increment" => reading.kind = Kind::Increment,
            "tariff" => reading.tariff = number()?.into(),
            "subunit" => reading.subunit = number()?,
            value => break value,
        }
    };
    let symbol = words.next().unwrap_or("");
    let unit = Unit::ALL.iter().copied().find(|unit| unit.symbol().0 == symbol);
    reading.unit = unit.ok_or_else(|| wrong("ends with no unit, such as m3"))?;
    let shown = decimal(value).ok_or_else(|| wrong("its value is no decimal number"))?;
    reading.value = Decimal {
        exponent: shown.exponent.saturating_add(reading.unit.symbol().1),
        ..shown
    };
    Ok(reading)
}

/// The word of a condition: `leak`, or `leak past`.
pub fn write_status(status: &Status) -> String {
    let past = if status.past { " past" } else { "" };
    format!("{}{past}", status.word.name())
}

/// The condition of a word.
pub fn parse_status(text: &str) -> Option<Status> {
    let (name, past) = text
        .strip_suffix(" past")
        .map_or((text, false), |name| (name, true));
    StatusWord::from_name(name).map(|word| Status { word, past })
}

/// A date or time as ISO 8601 has it; `--12-31` for every year.
pub fn stamp(text: &str) -> Option<Stamp> {
    let small = |text: &str| text.parse::<u8>().ok();
    if let Some(day) = text.strip_prefix("--") {
        let (month, day) = day.split_once('-')?;
        return Some(Stamp::EveryYear {
            month: small(month)?,
            day: small(day)?,
        });
    }
    let (day, time) = text
        .split_once('T')
        .map_or((text, None), |(day, time)| (day, Some(time)));
    let mut parts = day.splitn(3, '-');
    let year = parts.next()?.parse().ok()?;
    let date = Date::new(year, small(parts.next()?)?, small(parts.next()?)?)?;
    let Some(time) = time else {
        return Some(Stamp::date(date));
    };
    let mut parts = time.splitn(3, ':');
    let (hour, minute) = (small(parts.next()?)?, small(parts.next()?)?);
    let second = match parts.next() {
        Some(second) => Some(small(second)?),
        None => None,
    };
    (hour < 24 && minute < 60).then_some(Stamp::DateTime {
        year,
        month: date.month,
        day: date.day,
        hour,
        minute,
        second,
    })
}

/// A decimal number with as many places as it was written with.
fn decimal(text: &str) -> Option<Decimal> {
    let (whole, places) = text.split_once('.').unwrap_or((text, ""));
    let good = |text: &str| text.bytes().all(|octet| octet.is_ascii_digit());
    if !good(whole.strip_prefix('-').unwrap_or(whole)) || !good(places) {
        return None;
    }
    let mantissa = format!("{whole}{places}").parse().ok()?;
    Some(Decimal::new(mantissa, -i8::try_from(places.len()).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_there_and_back() {
        for line in [
            "volume current 123.529 m3",
            "heat_cost history 3 increment 12 U @2025-11-30",
            "volume set_date reverse tariff 1 0.004 m3 @2025-12-31",
            "energy history 1 subunit 2 -0.5 kWh @2025-12-31T23:59",
            "count current 7",
            "heat_cost set_date 102 U @--07-01",
            "temperature min 12.25 degC",
        ] {
            assert_eq!(write(&parse(line).unwrap()), line);
        }
        // Whole kilowatt-hours stay whole, though the unit is the watt-hour.
        assert_eq!(parse("energy current 5 kWh").unwrap().value, Decimal::new(5, 3));
    }

    #[test]
    fn a_wrong_line_says_what_is_missing() {
        for (line, what) in [
            ("volumes current 1 m3", "quantity"),
            ("volume now 1 m3", "register"),
            ("volume history 1.5 m3", "number"),
            ("volume current", "value"),
            ("volume current x m3", "decimal"),
            ("volume current 1 litre", "unit"),
            ("volume current 1 m3 @2025-02-30", "date"),
        ] {
            assert!(parse(line).unwrap_err().contains(what), "{line}");
        }
        assert_eq!(
            parse_status("leak past").map(|s| write_status(&s)),
            Some("leak past".into())
        );
        assert_eq!(parse_status("fine"), None);
    }
}
