//! The value of a record in words: exact numbers in handy units, dates, text made harmless.

use decoders::reading::Stamp;
use wmbus::apl::{Coding, DaylightSaving, Moment, Quantity, Record, Unit, Value};
use wmbus::{Address, Decimal, Manufacturer};

use super::page::{Ink, hex};

/// The value of a record, and whether it is one.
pub(super) fn value(record: &Record<'_>) -> (String, Ink) {
    let unit = record.vib.unit;
    let text = match record.value() {
        _ if is_secret(record) => return ("not shown".into(), Ink::Dim),
        Value::NoData => return ("no data".into(), Ink::Dim),
        Value::Invalid => return ("no value".into(), Ink::Warning),
        Value::Number(number) => quantity(number, unit),
        Value::Approximate(number) => format!("≈ {}", quantity(number, unit)),
        Value::Bits(octets) => format!("0x{}", most_significant_first(octets)),
        Value::Moment(moment) => self::moment(&moment),
        value @ (Value::Digits(_) | Value::Text(_)) => quoted(value.characters()),
        Value::Octets(octets) => return octets_of(record, octets),
    };
    (text, Ink::Value)
}

/// An access code, a password, a key: its octets are shown to nobody.
pub(super) fn is_secret(record: &Record<'_>) -> bool {
    record.vib.quantity == Quantity::Secret
}

/// A number with its unit; thousands of units that people read in thousands have a prefix.
pub(super) fn quantity(number: Decimal, unit: Unit) -> String {
    let prefixed = matches!(
        unit,
        Unit::WattHour
            | Unit::Joule
            | Unit::Calorie
            | Unit::Watt
            | Unit::JoulePerHour
            | Unit::VarHour
            | Unit::Var
            | Unit::VoltAmpereHour
            | Unit::VoltAmpere
    );
    let (prefix, power) = match number.exponent {
        9.. if prefixed => ("G", 9),
        6.. if prefixed => ("M", 6),
        3.. if prefixed => ("k", 3),
        _ => ("", 0),
    };
    let exponent = number.exponent - power;
    let number = Decimal { exponent, ..number };
    format!("{number} {prefix}{unit}").trim_end().to_owned()
}

/// A date or time as a stamp where it is one.
pub(super) fn moment(moment: &Moment) -> String {
    let mut text = Stamp::of(*moment).map_or_else(|| moment.to_string(), |stamp| stamp.to_string());
    if let Moment::DateTime {
        invalid, summer_time, ..
    } = moment
    {
        for (set, words) in [(*summer_time, ", summer time"), (*invalid, ", clock not trusted")] {
            if set {
                text.push_str(words);
            }
        }
    }
    text
}

/// Characters that would move a cursor or make no sense are shown as dots.
pub(super) fn quoted(characters: impl Iterator<Item = char>) -> String {
    let harmless = |c: char| if c.is_control() { '·' } else { c };
    format!("\"{}\"", characters.map(harmless).collect::<String>())
}

/// Octets that have a meaning of their own, or none that this program knows.
fn octets_of(record: &Record<'_>, octets: &[u8]) -> (String, Ink) {
    match (record.vib.quantity, record.vib.coding, octets) {
        (Quantity::Manufacturer, _, [low, high]) => {
            let manufacturer = Manufacturer::from_octets([*low, *high]);
            (manufacturer.to_string(), Ink::Value)
        }
        (Quantity::DaylightSaving, _, [a, b, c, d]) => {
            let rule = DaylightSaving::parse([*a, *b, *c, *d]);
            (rule.to_string(), Ink::Value)
        }
        (Quantity::Identification, _, _) if octets.len() == 8 => {
            let address = octets.try_into().map(Address::from_transport_octets);
            (
                address.map(|address| address.to_string()).unwrap_or_default(),
                Ink::Value,
            )
        }
        (_, Coding::Identifier, _) => (quoted(most_significant_first(octets).chars()), Ink::Value),
        // They stand in the octets' column.
        _ => (String::new(), Ink::Value),
    }
}

fn most_significant_first(octets: &[u8]) -> String {
    let mut octets = octets.to_vec();
    octets.reverse();
    hex(&octets)
}
