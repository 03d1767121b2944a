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
        let digits = RawValue::from_string(digits(self.0)).map_err(S::Error::custom)?;
        digits.serialize(serializer)
    }
}

/// As a decimal is printed, without a formatter.
fn digits(number: Decimal) -> String {
    let places = usize::from(number.exponent.unsigned_abs());
    if number.exponent >= 0 || places > MOST_PLACES {
        return number.to_string();
    }
    let digits = number.mantissa.unsigned_abs().to_string();
    let mut text = String::with_capacity(digits.len() + places + 3);
    if number.mantissa < 0 {
        text.push('-');
    }
    match digits.len().checked_sub(places).filter(|whole| *whole > 0) {
        Some(whole) => {
            let (whole, rest) = digits.split_at(whole);
            text.push_str(whole);
            text.push('.');
            text.push_str(rest);
        }
        None => {
            text.push_str("0.");
            text.extend(std::iter::repeat_n('0', places - digits.len()));
            text.push_str(&digits);
        }
    }
    text
}

/// Places behind the point that occur.
const MOST_PLACES: usize = 18;

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
