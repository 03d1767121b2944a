//! A value of which only a page says what it is: its VIF is the maker's, or says too little.

use wmbus::Decimal;
use wmbus::apl::{Item, Record, Records, Value};

use crate::reading::{Quantity, Reading};
use crate::rule::RecordSpec;
use crate::standard::{self, Said};

/// The reading of a record whose quantity a page gives. Behind a maker's VIF an integer is as wide as its data; digits and
/// floating point are what the DIF says.
pub(crate) fn reading(record: &Record<'_>, spec: &RecordSpec, quantity: Quantity) -> Said<Reading> {
    if spec.absent.iter().any(|octets| octets == record.data) {
        return Said::Absent;
    }
    let said = |value: Decimal, approximate: bool| {
        let (register, subunit) = standard::place(record);
        let reading = Reading {
            register,
            subunit,
            tariff: record.dib.tariff,
            ..Reading::new(quantity, value)
        };
        Said::Reading(reading, approximate)
    };
    let octets = match record.value() {
        Value::Number(value) => {
            let value = spec.scale.map_or(value, |exponent| Decimal { exponent, ..value });
            return said(value, false);
        }
        Value::Approximate(value) => {
            let exponent = spec.scale.map_or(value.exponent, |scale| {
                value
                    .exponent
                    .saturating_sub(record.vib.exponent)
                    .saturating_add(scale)
            });
            return said(Decimal { exponent, ..value }, true);
        }
        Value::Octets(octets) | Value::Bits(octets) => octets,
        Value::Invalid | Value::NoData => return Said::Absent,
        _ => return Said::Nothing,
    };
    let scale = spec.scale.unwrap_or(0);
    let scaled = |value: Decimal| Decimal {
        exponent: value.exponent.saturating_add(scale),
        ..value
    };
    if record.dib.is_bcd() || record.dib.data_field == REAL {
        return match as_the_dif_says(record) {
            Some(Value::Number(value)) => said(scaled(value), false),
            Some(Value::Approximate(value)) => said(scaled(value), true),
            _ => Said::Absent,
        };
    }
    let empty = octets.iter().all(|octet| *octet == 0xFF)
        || matches!(octets.split_last(), Some((0x80, rest)) if rest.iter().all(|octet| *octet == 0));
    if empty && octets.len() > 1 {
        return Said::Absent;
    }
    let mut wide = [0; 8];
    let Some(()) = wide
        .get_mut(..octets.len())
        .map(|part| part.copy_from_slice(octets))
    else {
        return Said::Nothing;
    };
    match i64::try_from(u64::from_le_bytes(wide)) {
        Ok(mantissa) => said(Decimal::new(mantissa, scale), false),
        Err(_) => Said::Absent,
    }
}

/// The number that the data are when nobody asks what it measures.
fn as_the_dif_says<'a>(record: &Record<'a>) -> Option<Value<'a>> {
    let dif = record.dib_octets().first()? & 0x0F;
    let mut octets = [0; 16];
    let end = HEAD + record.data.len();
    let [place, rest @ ..] = &mut octets;
    *place = dif;
    rest.get_mut(..2)?.copy_from_slice(&DIMENSIONLESS);
    rest.get_mut(2..end - 1)?.copy_from_slice(record.data);
    match Records::new(octets.get(..end)?, 0).next() {
        Some(Item::Record(plain)) => match plain.value() {
            Value::Number(value) => Some(Value::Number(value)),
            Value::Approximate(value) => Some(Value::Approximate(value)),
            _ => None,
        },
        _ => None,
    }
}

/// The data field of 32 bits floating point.
const REAL: u8 = 5;
/// VIF FD 3A: a number and nothing else.
const DIMENSIONLESS: [u8; 2] = [0xFD, 0x3A];
/// DIF and VIF.
const HEAD: usize = 3;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::page::Page;
    use crate::reading::Register;

    /// Register, subunit, value and whether it is approximate, of a record that a page calls energy.
    fn energy(more: &str, octets: &[u8]) -> Option<(Register, u16, Decimal, bool)> {
        let Some(Item::Record(record)) = Records::new(octets, 0).next() else {
            panic!("no record");
        };
        let sends: String = record
            .header()
            .iter()
            .map(|octet| format!("{octet:02X}"))
            .collect();
        let text = format!(
            "name = \"acme\"\nabout = \"Acme\"\nanswers_for = [\"ACM 01 02\"]\n\n[[record]]\nsends = \"{sends}\"\nis = \"energy\"\nmeans = \"A.\"\n{more}"
        );
        let page = Page::parse("acme.toml", &text).unwrap();
        let spec = RecordSpec::new(page.record[0].get_ref()).unwrap();
        match reading(&record, &spec, Quantity::Energy) {
            Said::Reading(reading, approximate) => {
                Some((reading.register, reading.subunit, reading.value, approximate))
            }
            Said::Absent | Said::Nothing => None,
        }
    }

    #[test]
    fn behind_a_maker_s_vif_the_dif_says_what_the_data_are() {
        let now = |mantissa, exponent, approximate| {
            Some((
                Register::Current,
                0,
                Decimal::new(mantissa, exponent),
                approximate,
            ))
        };
        assert_eq!(
            energy("scale = 1", &[0x02, 0xFF, 0x52, 0x39, 0x30]),
            now(12_345, 1, false)
        );
        assert_eq!(
            energy("scale = 1", &[0x0A, 0xFF, 0x52, 0x45, 0x23]),
            now(2345, 1, false)
        );
        assert_eq!(energy("", &[0x05, 0xFF, 0x0B, 0, 0, 0x48, 0x42]), now(5, 1, true));
        assert_eq!(
            energy("scale = 3", &[0x05, 0xFF, 0x0B, 0, 0, 0x48, 0x42]),
            now(5, 4, true)
        );
        assert_eq!(energy("", &[0x0A, 0xFF, 0x52, 0x4A, 0x23]), None);
        assert_eq!(energy("", &[0x02, 0xFF, 0x52, 0xFF, 0xFF]), None);
        assert_eq!(energy("absent = [\"0100\"]", &[0x02, 0xFF, 0x52, 1, 0]), None);
    }

    #[test]
    fn a_known_vif_keeps_its_power_of_ten() {
        let subunit =
            |mantissa, exponent| Some((Register::SetDate, 1, Decimal::new(mantissa, exponent), false));
        assert_eq!(energy("", &[0xC2, 0x40, 0x2B, 7, 0]), subunit(7, 0));
        assert_eq!(energy("", &[0xC2, 0x40, 0xAE, 0xFF, 0x01, 7, 0]), subunit(7, 3));
        assert_eq!(
            energy("scale = 2", &[0xC2, 0x40, 0xAE, 0xFF, 0x01, 7, 0]),
            subunit(7, 2)
        );
    }
}
