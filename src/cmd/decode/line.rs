//! A line of `releve decode --json`, written straight into a buffer: no text of its own is made for each value.

use decoders::reading::{Direction, Kind, Reading, Register, Stamp};
use decoders::{Decoded, Fact};
use wmbus::{Address, Decimal, Error};

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
    put(out, ",\"decoder\":");
    text(out, &decoded.decoder);
    put(out, ",\"mode\":");
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
    list(out, &decoded.readings, reading);
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
    hexadecimal(out, &address.identification_number.0.to_be_bytes());
    put(out, "\",\"version\":\"");
    hexadecimal(out, &[address.version.0]);
    put(out, "\",\"medium\":\"");
    put(out, address.device_type.name());
    put(out, "\"}");
}

fn reading(out: &mut Vec<u8>, reading: &Reading) {
    let (value, unit) = reading.shown();
    put(out, "{\"quantity\":\"");
    put(out, reading.quantity.name());
    put(out, "\",\"unit\":\"");
    put(out, unit);
    put(out, "\",\"value\":");
    decimal(out, value);
    put(out, ",\"register\":\"");
    put(out, reading.register.name());
    put(out, "\"");
    if let Register::History(n) = reading.register {
        put(out, ",\"n\":");
        number(out, n.into());
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
    let by_name: Vec<&Fact> = facts
        .chunk_by(|one, other| one.name == other.name)
        .filter_map(|same| same.last().copied())
        .collect();
    put(out, "{");
    for (place, fact) in by_name.iter().enumerate() {
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

/// As it is: our own words, which have nothing that JSON would escape.
fn put(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(text.as_bytes());
}

/// A text of whatever characters.
fn text(out: &mut Vec<u8>, text: &str) {
    // All are looked at, several at a time.
    let special = |octet: u8| octet < b' ' || octet == b'"' || octet == b'\\';
    if !text.bytes().fold(false, |any, octet| any | special(octet)) {
        put(out, "\"");
        put(out, text);
        put(out, "\"");
    } else if serde_json::to_writer(&mut *out, text).is_err() {
        // Writing a text into memory has no way to fail.
        put(out, "null");
    }
}

/// As [`Stamp`] is displayed.
fn stamp(out: &mut Vec<u8>, stamp: Stamp) {
    let day = |out: &mut Vec<u8>, year: Option<u16>, month: u8, day: u8| {
        match year {
            Some(year) => padded(out, year.into(), 4),
            None => put(out, "-"),
        }
        put(out, "-");
        padded(out, month.into(), 2);
        put(out, "-");
        padded(out, day.into(), 2);
    };
    put(out, "\"");
    match stamp {
        Stamp::Date { year, month, day: d } => day(out, Some(year), month, d),
        Stamp::EveryYear { month, day: d } => day(out, None, month, d),
        Stamp::DateTime {
            year,
            month,
            day: d,
            hour,
            minute,
            second,
        } => {
            day(out, Some(year), month, d);
            put(out, "T");
            padded(out, hour.into(), 2);
            put(out, ":");
            padded(out, minute.into(), 2);
            if let Some(second) = second {
                put(out, ":");
                padded(out, second.into(), 2);
            }
        }
    }
    put(out, "\"");
}

/// As [`Decimal`] is displayed: all its digits and no exponent.
fn decimal(out: &mut Vec<u8>, value: Decimal) {
    let digits = value.mantissa.unsigned_abs();
    let places = usize::from(value.exponent.unsigned_abs());
    if value.mantissa < 0 {
        put(out, "-");
    }
    if value.exponent >= 0 {
        number(out, digits);
        if digits != 0 {
            out.extend(std::iter::repeat_n(b'0', places));
        }
        return;
    }
    match 10_u64.checked_pow(u32::from(value.exponent.unsigned_abs())) {
        Some(power) => {
            number(out, digits / power);
            put(out, ".");
            padded(out, digits % power, places);
        }
        None => {
            put(out, "0.");
            padded(out, digits, places);
        }
    }
}

fn number(out: &mut Vec<u8>, value: u64) {
    padded(out, value, 1);
}

/// With zeros in front, until it has so many digits.
fn padded(out: &mut Vec<u8>, value: u64, least: usize) {
    // The largest has twenty digits.
    let mut digits = [b'0'; 20];
    let (mut rest, mut count) = (value, 0_usize);
    for digit in digits.iter_mut().rev() {
        if rest == 0 {
            break;
        }
        *digit = b'0' + u8::try_from(rest % 10).unwrap_or(0);
        rest /= 10;
        count += 1;
    }
    let count = least.min(20).max(count);
    out.extend(std::iter::repeat_n(b'0', least.saturating_sub(20)));
    out.extend_from_slice(digits.get(20 - count..).unwrap_or_default());
}

fn hexadecimal(out: &mut Vec<u8>, octets: &[u8]) {
    let digit = |nibble: u8| {
        if nibble < 10 {
            b'0' + nibble
        } else {
            b'A' - 10 + nibble
        }
    };
    for octet in octets {
        out.extend([digit(octet >> 4), digit(octet & 0x0F)]);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn written(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).unwrap()
    }

    proptest! {
        #[test]
        fn decimals_are_written_as_they_are_displayed(mantissa: i64, exponent in -40_i8..40) {
            let value = Decimal::new(mantissa, exponent);
            prop_assert_eq!(written(|out| decimal(out, value)), value.to_string());
        }

        #[test]
        fn numbers_and_texts_are_what_json_takes_them_for(value: u64, said in ".*", octets: [u8; 4]) {
            prop_assert_eq!(written(|out| number(out, value)), value.to_string());
            let read: String = serde_json::from_str(&written(|out| text(out, &said))).unwrap();
            prop_assert_eq!(read, said);
            let digits = format!("{:08X}", u32::from_be_bytes(octets));
            prop_assert_eq!(written(|out| hexadecimal(out, &octets)), digits);
        }

        #[test]
        fn any_address_is_an_object(octets: [u8; 8]) {
            let address = Address::from_link_octets(octets);
            let read: serde_json::Value = serde_json::from_str(&written(|out| meter(out, address))).unwrap();
            prop_assert_eq!(&read["manufacturer"], &address.manufacturer.to_string());
            prop_assert_eq!(&read["id"], &address.identification_number.to_string());
            prop_assert_eq!(&read["version"], &address.version.to_string());
            prop_assert_eq!(&read["medium"], address.device_type.name());
        }

        #[test]
        fn stamps_are_written_as_they_are_displayed(
            year in 0_u16..10_000, month in 1_u8..13, day in 1_u8..32, hour in 0_u8..24, minute in 0_u8..60,
            second in proptest::option::of(0_u8..60)
        ) {
            for at in [
                Stamp::Date { year, month, day },
                Stamp::EveryYear { month, day },
                Stamp::DateTime { year, month, day, hour, minute, second },
            ] {
                prop_assert_eq!(written(|out| stamp(out, at)), format!("\"{at}\""));
            }
        }
    }
}
