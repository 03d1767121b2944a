//! Numbers as JSON: exact decimals, never binary floats.

use serde::ser::Error as _;
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;
use wmbus::Decimal;

/// A decimal number with all its digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Number(pub Decimal);

impl Serialize for Number {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.0.exponent == 0 {
            return serializer.serialize_i64(self.0.mantissa);
        }
        let mut digits = Vec::with_capacity(24);
        decimal(&mut digits, self.0);
        let digits = String::from_utf8(digits).map_err(S::Error::custom)?;
        let digits = RawValue::from_string(digits).map_err(S::Error::custom)?;
        digits.serialize(serializer)
    }
}

/// Appends a number as [`Decimal`] is displayed: all its digits and no exponent.
pub(crate) fn decimal(out: &mut Vec<u8>, value: Decimal) {
    match (u32::try_from(value.mantissa), value.exponent) {
        (Ok(mantissa), -4..=0) => short(out, mantissa, value.exponent.unsigned_abs()),
        _ => long(out, value),
    }
}

/// A number as meters send most: ten digits at most, of which few stand behind the point.
fn short(out: &mut Vec<u8>, mantissa: u32, places: u8) {
    // From its end, in a register: the digit in front goes lowest. Then all of it is copied, and given back what is too much.
    let (mut text, mut length, mut rest) = (0_u128, 0, mantissa);
    let mut put = |octet: u32| {
        text = text << 8 | u128::from(octet);
        length += 1;
    };
    if places > 0 {
        for _ in 0..places {
            put(u32::from(b'0') + rest % 10);
            rest /= 10;
        }
        put(u32::from(b'.'));
    }
    loop {
        put(u32::from(b'0') + rest % 10);
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    let end = out.len() + length;
    out.extend_from_slice(&text.to_le_bytes());
    out.truncate(end);
}

/// Any number.
fn long(out: &mut Vec<u8>, value: Decimal) {
    let places = usize::from(value.exponent.unsigned_abs());
    let (digits, count) = digits(value.mantissa.unsigned_abs());
    if value.mantissa < 0 {
        out.push(b'-');
    }
    let last = |count: usize| digits.len().saturating_sub(count);
    if value.exponent >= 0 {
        out.extend_from_slice(digits.get(last(count.max(1))..).unwrap_or_default());
        if count != 0 {
            out.extend(std::iter::repeat_n(b'0', places));
        }
    } else if places < digits.len() {
        let point = last(places);
        out.extend_from_slice(digits.get(last(count.max(places + 1))..point).unwrap_or_default());
        out.push(b'.');
        out.extend_from_slice(digits.get(point..).unwrap_or_default());
    } else {
        out.extend_from_slice(b"0.");
        out.extend(std::iter::repeat_n(b'0', places - digits.len()));
        out.extend_from_slice(&digits);
    }
}

/// Appends a whole number.
pub(crate) fn number(out: &mut Vec<u8>, value: u64) {
    if let (true, Ok(digit)) = (value < 10, u8::try_from(value)) {
        out.push(b'0' + digit);
        return;
    }
    let (digits, count) = digits(value);
    out.extend_from_slice(digits.get(digits.len() - count..).unwrap_or_default());
}

/// The digits of a number behind zeros, and how many it has: none for zero.
fn digits(value: u64) -> ([u8; 20], usize) {
    // The largest has twenty digits.
    let mut digits = [b'0'; 20];
    let (mut rest, mut count) = (value, 0);
    let (pairs, _) = digits.as_chunks_mut::<2>();
    for pair in pairs.iter_mut().rev() {
        if rest == 0 {
            break;
        }
        *pair = two(rest % 100);
        count += if rest < 10 { 1 } else { 2 };
        rest /= 100;
    }
    (digits, count)
}

fn two(value: u64) -> [u8; 2] {
    let place = usize::try_from(value).unwrap_or(0);
    PAIRS.get(place).copied().unwrap_or_default()
}

/// The digits of the numbers below a hundred.
pub(crate) static PAIRS: [[u8; 2]; 100] = {
    let mut pairs = [[b'0'; 2]; 100];
    let mut rest: &mut [[u8; 2]] = &mut pairs;
    let mut value = 0_u8;
    while let Some((pair, behind)) = rest.split_first_mut() {
        *pair = [b'0' + value / 10, b'0' + value % 10];
        value += 1;
        rest = behind;
    }
    pairs
};

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_digit_reaches_the_reader() {
        let number = Number(Decimal::new(123_456_789_012_345_678, -9));
        assert_eq!(serde_json::to_string(&number).unwrap(), "123456789.012345678");
        let raw = serde_json::value::to_raw_value(&[number]).unwrap();
        assert_eq!(raw.get(), "[123456789.012345678]");
        let value = serde_json::to_value(Number(Decimal::new(-25, -1))).unwrap();
        assert_eq!(value, serde_json::json!(-2.5));
    }

    proptest! {
        #[test]
        fn a_number_is_written_as_it_is_printed(mantissa in any::<i64>(), small in any::<i16>(), exponent in -25_i8..25) {
            for mantissa in [mantissa, small.into(), 0, i64::MIN] {
                let decimal = Decimal::new(mantissa, exponent);
                prop_assert_eq!(serde_json::to_string(&Number(decimal)).unwrap(), decimal.to_string());
            }
        }
    }
}
