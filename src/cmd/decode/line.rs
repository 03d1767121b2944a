//! A line of `releve decode --json`, written straight into a buffer: no text of its own is made for each value.

use decoders::reading::{Direction, Kind, Reading, Register};
use decoders::{Decoded, Fact};
use wmbus::{Address, Error};

use super::pen::{Words, decimal, hexadecimal, number, put, stamp, text};

/// A code for machines and a sentence for people.
#[derive(Debug, Clone)]
pub(super) struct Failure {
    /// Stable for machines.
    pub(super) code: &'static str,
    /// What is wrong, where, and what to do.
    pub(super) message: String,
}

/// What is said of a telegram that was read, or not.
#[derive(Debug)]
pub(super) struct Line {
    outcome: Result<Decoded, (Option<Address>, Failure)>,
    also: Vec<Self>,
}

impl Line {
    /// What a telegram says, or why it can't be read, with as much of its address as is known.
    pub(super) fn of(meter: Option<Address>, read: Result<Decoded, Error>) -> Self {
        let failure = |error: Error| Failure {
            code: error.kind.code(),
            message: error.to_string(),
        };
        Self {
            outcome: read.map_err(|error| (meter, failure(error))),
            also: Vec::new(),
        }
    }

    /// What is no telegram at all.
    pub(super) const fn refused(failure: Failure) -> Self {
        Self {
            outcome: Err((None, failure)),
            also: Vec::new(),
        }
    }

    /// One line for a transmission that held several telegrams: of one meter's the latest that can be read, which has the
    /// newest values, and the others in `also`.
    pub(super) fn of_several(mut first: Self, mut others: Vec<Self>) -> Self {
        let meter_of = |line: &Self| line.outcome.as_ref().ok().map(|read| read.meter);
        let Some(meter) = meter_of(&first) else {
            return first;
        };
        match others.iter().rposition(|line| meter_of(line) == Some(meter)) {
            Some(latest) => {
                let mut line = others.remove(latest);
                others.insert(0, first);
                line.also = others;
                line
            }
            None => {
                first.also = others;
                first
            }
        }
    }

    pub(super) const fn is_read(&self) -> bool {
        self.outcome.is_ok()
    }

    /// Appends it as a JSON object, without the end of the line.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        match &self.outcome {
            Ok(decoded) => telegram(out, decoded, &self.also),
            Err((at, failure)) => {
                put(out, "{");
                if let Some(at) = at {
                    put(out, "\"meter\":");
                    meter(out, *at);
                    put(out, ",");
                }
                put(out, "\"error\":{\"code\":\"");
                put(out, failure.code);
                put(out, "\",\"message\":");
                text(out, &failure.message);
                put(out, "}}");
            }
        }
    }
}

/// Appends what a telegram says, and in `also` the others of its transmission, as a JSON object.
pub(super) fn telegram(out: &mut Vec<u8>, decoded: &Decoded, also: &[Line]) {
    put(out, "{\"meter\":");
    meter(out, decoded.meter);
    if decoded.sender != decoded.meter {
        put(out, ",\"sender\":");
        meter(out, decoded.sender);
    }
    // The name of a family is lower case, digits and dashes.
    put(out, ",\"decoder\":\"");
    put(out, &decoded.decoder);
    put(out, "\",\"mode\":");
    number(out, decoded.mode.into());
    put(out, ",\"authenticated\":");
    put(out, if decoded.authenticated { "true" } else { "false" });
    put(out, ",\"status\":");
    list(out, &decoded.status, |out, status| {
        put(out, "\"");
        put(out, status.word.name());
        put(out, if status.past { " past\"" } else { "\"" });
    });
    put(out, ",\"device_time\":");
    match decoded.device_time {
        None => put(out, "null"),
        Some(at) => stamp(out, at),
    }
    put(out, ",\"readings\":");
    let words = Words::get();
    list(out, &decoded.readings, |out, one| reading(out, words, one));
    if !decoded.facts.is_empty() {
        put(out, ",\"facts\":");
        facts(out, &decoded.facts);
    }
    if !decoded.remarks.is_empty() {
        put(out, ",\"remarks\":");
        list(out, &decoded.remarks, |out, remark| {
            put(out, "{\"code\":\"");
            put(out, remark.code);
            put(out, "\",\"message\":");
            text(out, &remark.text);
            put(out, "}");
        });
    }
    if !also.is_empty() {
        put(out, ",\"also\":");
        list(out, also, |out, line| line.write(out));
    }
    put(out, "}");
}

/// A meter's address.
fn meter(out: &mut Vec<u8>, address: Address) {
    put(out, "{\"manufacturer\":\"");
    for letter in address.manufacturer.letters() {
        // Of the characters that five bits can say, one has a meaning in JSON.
        if letter == '\\' {
            put(out, "\\");
        }
        out.push(u8::try_from(letter).unwrap_or(b'?'));
    }
    put(out, "\",\"id\":\"");
    hexadecimal(out, address.identification_number.0.to_be_bytes());
    put(out, "\",\"version\":\"");
    hexadecimal(out, [address.version.0]);
    put(out, "\",\"medium\":\"");
    put(out, address.device_type.name());
    put(out, "\"}");
}

fn reading(out: &mut Vec<u8>, words: &Words, reading: &Reading) {
    words.begin(out, reading.quantity, reading.unit);
    decimal(out, reading.shown().0);
    match reading.register {
        Register::Current => put(out, ",\"register\":\"current\""),
        Register::History(n) => {
            put(out, ",\"register\":\"history\",\"n\":");
            number(out, n.into());
        }
        other => {
            put(out, ",\"register\":\"");
            put(out, other.name());
            put(out, "\"");
        }
    }
    if reading.kind != Kind::Absolute {
        put(out, ",\"kind\":\"");
        put(out, reading.kind.name());
        put(out, "\"");
    }
    if reading.direction != Direction::Net {
        put(out, ",\"direction\":\"");
        put(out, reading.direction.name());
        put(out, "\"");
    }
    if reading.tariff != 0 {
        put(out, ",\"tariff\":");
        number(out, reading.tariff.into());
    }
    if reading.subunit != 0 {
        put(out, ",\"subunit\":");
        number(out, reading.subunit.into());
    }
    if let Some(at) = reading.at {
        put(out, ",\"at\":");
        stamp(out, at);
    }
    put(out, "}");
}

/// By name; of several with one name the last counts.
fn facts(out: &mut Vec<u8>, facts: &[Fact]) {
    let mut facts: Vec<&Fact> = facts.iter().collect();
    facts.sort_by(|one, other| one.name.cmp(&other.name));
    put(out, "{");
    let by_name = facts.chunk_by(|one, other| one.name == other.name);
    for (place, fact) in by_name.filter_map(<[&Fact]>::last).enumerate() {
        if place > 0 {
            put(out, ",");
        }
        text(out, &fact.name);
        put(out, ":");
        text(out, &fact.value);
    }
    put(out, "}");
}

fn list<T>(out: &mut Vec<u8>, items: &[T], write: impl Fn(&mut Vec<u8>, &T)) {
    put(out, "[");
    for (place, item) in items.iter().enumerate() {
        if place > 0 {
            put(out, ",");
        }
        write(out, item);
    }
    put(out, "]");
}

#[cfg(test)]
mod tests {
    use decoders::reading::{Quantity, Stamp, Unit};
    use proptest::prelude::*;
    use proptest::sample::select;
    use wmbus::Decimal;

    use super::*;

    fn read(write: impl FnOnce(&mut Vec<u8>)) -> serde_json::Value {
        let mut out = Vec::new();
        write(&mut out);
        serde_json::from_slice(&out).unwrap()
    }

    proptest! {
        #[test]
        fn any_address_is_an_object(octets: [u8; 8]) {
            let address = Address::from_link_octets(octets);
            let read = read(|out| meter(out, address));
            prop_assert_eq!(&read["manufacturer"], &address.manufacturer.to_string());
            prop_assert_eq!(&read["id"], &address.identification_number.to_string());
            prop_assert_eq!(&read["version"], &address.version.to_string());
            prop_assert_eq!(&read["medium"], address.device_type.name());
        }

        #[test]
        fn any_reading_is_an_object(
            quantity in select(Quantity::ALL), unit in select(Unit::ALL), mantissa in -999_999_i64..999_999,
            register in select(&[
                Register::Current, Register::SetDate, Register::History(7), Register::Max, Register::Min,
                Register::Average,
            ]),
            gained: bool, direction in select(&[Direction::Net, Direction::Forward, Direction::Reverse]),
            tariff in 0_u32..3, subunit in 0_u16..3, month in proptest::option::of(1_u8..13),
        ) {
            let one = Reading {
                unit,
                register,
                kind: if gained { Kind::Increment } else { Kind::Absolute },
                direction,
                tariff,
                subunit,
                at: month.map(|month| Stamp::Date { year: 2026, month, day: 9 }),
                ..Reading::new(quantity, Decimal::new(mantissa, 3))
            };
            let read = read(|out| reading(out, Words::get(), &one));
            let (value, symbol) = one.shown();
            let mut expected = serde_json::json!({
                "quantity": quantity.name(),
                "unit": symbol,
                "value": value.to_string().parse::<serde_json::Number>().unwrap(),
                "register": register.name(),
            });
            if register == Register::History(7) {
                expected["n"] = 7.into();
            }
            if gained {
                expected["kind"] = "increment".into();
            }
            if direction != Direction::Net {
                expected["direction"] = direction.name().into();
            }
            if tariff > 0 {
                expected["tariff"] = tariff.into();
            }
            if subunit > 0 {
                expected["subunit"] = subunit.into();
            }
            if let Some(at) = one.at {
                expected["at"] = at.to_string().into();
            }
            prop_assert_eq!(read, expected);
        }
    }
}
