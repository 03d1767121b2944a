//! Words, numbers and stamps as they stand in JSON, appended to a buffer in as few steps as they can be.

use std::sync::LazyLock;

use decoders::reading::{Quantity, Stamp, Unit};

use crate::json::PAIRS;
pub(super) use crate::json::{decimal, number};

/// As it is: our own words, which have nothing that JSON would escape.
#[inline(always)]
pub(super) fn put(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(text.as_bytes());
}

/// A text of whatever characters.
pub(super) fn text(out: &mut Vec<u8>, text: &str) {
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

/// A text that is shorter than its room: all of the room is copied at once, and what is behind the text given back. That
/// is quicker than copying as many octets as there are.
struct Word<const ROOM: usize> {
    room: [u8; ROOM],
    length: usize,
}

impl<const ROOM: usize> Word<ROOM> {
    /// What does not fit is not kept, so that it is said in the usual way.
    fn new(text: &str) -> Option<Self> {
        let mut room = [b' '; ROOM];
        room.get_mut(..text.len())?.copy_from_slice(text.as_bytes());
        let length = text.len();
        Some(Self { room, length })
    }

    #[inline(always)]
    fn put(&self, out: &mut Vec<u8>) {
        let end = out.len() + self.length;
        out.extend_from_slice(&self.room);
        out.truncate(end);
    }
}

/// What readings begin with.
pub(super) struct Words {
    /// By quantity, until its unit.
    quantities: Vec<Option<Word<48>>>,
    /// By unit, until the value.
    units: Vec<Option<Word<16>>>,
    /// By quantity, until the value: with the unit that it mostly comes in.
    usual: Vec<Option<(Unit, Word<64>)>>,
}

impl Words {
    /// Made once.
    pub(super) fn get() -> &'static Self {
        static WORDS: LazyLock<Words> = LazyLock::new(Words::new);
        &WORDS
    }

    fn new() -> Self {
        // At the place that its discriminant says, whatever the order of the list.
        let place = |at: usize| Quantity::ALL.iter().find(|quantity| **quantity as usize == at);
        let until_unit =
            |quantity: &Quantity| Word::new(&format!("{{\"quantity\":\"{}\",\"unit\":\"", quantity.name()));
        let quantities = (0..Quantity::ALL.len())
            .map(|at| place(at).and_then(until_unit))
            .collect();
        let whole = |quantity: &Quantity| {
            let (name, unit) = (quantity.name(), quantity.unit());
            let word = format!(
                "{{\"quantity\":\"{name}\",\"unit\":\"{}\",\"value\":",
                unit.symbol().0
            );
            Some((unit, Word::new(&word)?))
        };
        let usual = (0..Quantity::ALL.len())
            .map(|at| place(at).and_then(whole))
            .collect();
        let place = |at: usize| Unit::ALL.iter().find(|unit| **unit as usize == at);
        let until_value = |unit: &Unit| Word::new(&format!("{}\",\"value\":", unit.symbol().0));
        let units = (0..Unit::ALL.len())
            .map(|at| place(at).and_then(until_value))
            .collect();
        Self {
            quantities,
            units,
            usual,
        }
    }

    /// Appends what stands in front of a value.
    pub(super) fn begin(&self, out: &mut Vec<u8>, quantity: Quantity, unit: Unit) {
        if let Some(Some((usual, word))) = self.usual.get(quantity as usize)
            && *usual == unit
        {
            word.put(out);
            return;
        }
        match self.quantities.get(quantity as usize) {
            Some(Some(word)) => word.put(out),
            _ => {
                put(out, "{\"quantity\":\"");
                put(out, quantity.name());
                put(out, "\",\"unit\":\"");
            }
        }
        match self.units.get(unit as usize) {
            Some(Some(word)) => word.put(out),
            _ => {
                put(out, unit.symbol().0);
                put(out, "\",\"value\":");
            }
        }
    }
}

/// As [`Stamp`] is displayed.
pub(super) fn stamp(out: &mut Vec<u8>, stamp: Stamp) {
    let pair = |value: u8| PAIRS.get(usize::from(value)).copied();
    let century = |year: u16| PAIRS.get(usize::from(year / 100)).copied();
    let of_century = |year: u16| PAIRS.get(usize::from(year % 100)).copied();
    let mut usual = || match stamp {
        Stamp::Date { year, month, day } => {
            let ([a, b], [c, d]) = (century(year)?, of_century(year)?);
            let ([e, f], [g, h]) = (pair(month)?, pair(day)?);
            out.extend_from_slice(&[b'"', a, b, c, d, b'-', e, f, b'-', g, h, b'"']);
            Some(())
        }
        Stamp::DateTime {
            year,
            month,
            day,
            hour,
            minute,
            second: None,
        } => {
            let ([a, b], [c, d]) = (century(year)?, of_century(year)?);
            let ([e, f], [g, h]) = (pair(month)?, pair(day)?);
            let ([i, j], [k, l]) = (pair(hour)?, pair(minute)?);
            out.extend_from_slice(&[
                b'"', a, b, c, d, b'-', e, f, b'-', g, h, b'T', i, j, b':', k, l, b'"',
            ]);
            Some(())
        }
        _ => None,
    };
    if usual().is_none() {
        put(out, "\"");
        put(out, &stamp.to_string());
        put(out, "\"");
    }
}

pub(super) fn hexadecimal<const N: usize>(out: &mut Vec<u8>, octets: [u8; N]) {
    let digit = |nibble: u8| {
        if nibble < 10 {
            b'0' + nibble
        } else {
            b'A' - 10 + nibble
        }
    };
    let pairs = octets.map(|octet| [digit(octet >> 4), digit(octet & 0x0F)]);
    out.extend_from_slice(pairs.as_flattened());
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use wmbus::Decimal;

    use super::*;

    fn written(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn every_word_fits_its_room() {
        let words = Words::get();
        assert!(words.quantities.iter().all(Option::is_some));
        assert!(words.units.iter().all(Option::is_some));
        assert!(words.usual.iter().all(Option::is_some));
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
            prop_assert_eq!(written(|out| hexadecimal(out, octets)), digits);
        }

        #[test]
        fn stamps_are_written_as_they_are_displayed(
            year in 0_u16..20_000, month in 1_u8..13, day in 1_u8..32, hour in 0_u8..24, minute in 0_u8..60,
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
