//! Numbers as JSON: exact decimals, never binary floats.

use serde::{Serialize, Serializer};
use serde_json::value::RawValue;
use wmbus::Decimal;

/// A decimal number with all its digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Number(pub Decimal);

impl Serialize for Number {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        RawValue::from_string(self.0.to_string())
            .map_err(serde::ser::Error::custom)?
            .serialize(serializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_digit_reaches_the_reader() {
        let number = Number(Decimal::new(123_456_789_012_345_678, -9));
        assert_eq!(serde_json::to_string(&number).unwrap(), "123456789.012345678");
    }
}
