//! Exact decimal numbers, as the service writes them: a whole number and how many of its digits stand behind the point.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use serde::de::{self, Deserialize, Deserializer};
use serde_json::value::RawValue;

/// A number without rounding: `mantissa` divided by ten `places` times. No binary float ever stands between the service and a page.
#[derive(Debug, Clone, Copy)]
pub struct Decimal {
    mantissa: i64,
    places: u8,
}

/// A text that is no decimal number, or has more digits than one of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no decimal number of at most 18 digits")]
pub struct NotDecimal;

impl Decimal {
    /// Nothing at all.
    pub const ZERO: Self = Self::new(0, 0);

    /// `mantissa` with so many of its digits behind the point (at most 18 are kept apart).
    #[must_use]
    pub const fn new(mantissa: i64, places: u8) -> Self {
        Self { mantissa, places }
    }

    /// The number times ten `places` times, rounded half up: of `2.845` with two places 285.
    #[must_use]
    pub fn scaled(self, places: u8) -> i128 {
        let mantissa = i128::from(self.mantissa);
        if places >= self.places {
            return mantissa.saturating_mul(power(places - self.places));
        }
        let step = power(self.places - places);
        mantissa.saturating_add(step / 2).div_euclid(step)
    }

    /// The same with so many places, rounded half up; `None` when it does not fit.
    #[must_use]
    pub fn rounded(self, places: u8) -> Option<Self> {
        let mantissa = i64::try_from(self.scaled(places)).ok()?;
        Some(Self { mantissa, places })
    }

    /// This much more than another; `None` when it does not fit.
    #[must_use]
    pub fn minus(self, other: Self) -> Option<Self> {
        let places = self.places.max(other.places);
        let mantissa = self.scaled(places).checked_sub(other.scaled(places))?;
        Some(Self {
            mantissa: i64::try_from(mantissa).ok()?,
            places,
        })
    }

    /// Together with another; `None` when it does not fit.
    #[must_use]
    pub fn plus(self, other: Self) -> Option<Self> {
        let places = self.places.max(other.places);
        let mantissa = self.scaled(places).checked_add(other.scaled(places))?;
        Some(Self {
            mantissa: i64::try_from(mantissa).ok()?,
            places,
        })
    }

    /// So many times another, exactly; `None` when it does not fit.
    #[must_use]
    pub fn times(self, other: Self) -> Option<Self> {
        Some(Self {
            mantissa: self.mantissa.checked_mul(other.mantissa)?,
            places: self.places.checked_add(other.places)?,
        })
    }

    /// How many digits behind the point it takes to write it: of `2.80` one.
    #[must_use]
    pub fn digits_behind(self) -> u8 {
        (0..self.places)
            .find(|places| self.rounded(*places) == Some(self))
            .unwrap_or(self.places)
    }

    /// Whether it is 0.
    #[must_use]
    pub const fn is_zero(self) -> bool {
        self.mantissa == 0
    }

    /// Whether it is below 0.
    #[must_use]
    pub const fn is_negative(self) -> bool {
        self.mantissa < 0
    }
}

/// `10^places`; beyond what an `i128` holds, the largest there is.
fn power(places: u8) -> i128 {
    10_i128.checked_pow(u32::from(places)).unwrap_or(i128::MAX)
}

impl PartialEq for Decimal {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Decimal {}

impl PartialOrd for Decimal {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Decimal {
    /// By value: `2.8` is `2.80`.
    fn cmp(&self, other: &Self) -> Ordering {
        let places = self.places.max(other.places);
        self.scaled(places).cmp(&other.scaled(places))
    }
}

impl FromStr for Decimal {
    type Err = NotDecimal;

    /// The plain form: a sign, digits, a point and digits. No exponent, as the service sends none.
    fn from_str(text: &str) -> Result<Self, NotDecimal> {
        let (sign, digits) = match text.strip_prefix('-') {
            Some(digits) => (-1, digits),
            None => (1, text),
        };
        let (whole, part) = digits.split_once('.').unwrap_or((digits, "0"));
        let plain = |text: &str| !text.is_empty() && text.bytes().all(|octet| octet.is_ascii_digit());
        let part_given = digits.contains('.');
        if !plain(whole) || !plain(part) || part.len() > 18 {
            return Err(NotDecimal);
        }
        let places = if part_given { part.len() } else { 0 };
        let part = if part_given { part } else { "" };
        let mantissa: i64 = format!("{whole}{part}").parse().map_err(|_| NotDecimal)?;
        Ok(Self {
            mantissa: sign * mantissa,
            places: u8::try_from(places).map_err(|_| NotDecimal)?,
        })
    }
}

impl fmt::Display for Decimal {
    /// With a point and all its places: for machines. Pages write numbers in the words of their language.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.mantissa < 0 { "-" } else { "" };
        let step = power(self.places);
        let size = i128::from(self.mantissa).abs();
        write!(f, "{sign}{}", size / step)?;
        if self.places > 0 {
            let width = usize::from(self.places);
            write!(f, ".{:0width$}", size % step)?;
        }
        Ok(())
    }
}

impl<'de> Deserialize<'de> for Decimal {
    /// From the digits of the JSON number themselves.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = <&RawValue>::deserialize(deserializer)?;
        raw.get().parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn number(text: &str) -> Decimal {
        text.parse().unwrap()
    }

    #[test]
    fn digits_stay_as_they_were_written() {
        for text in ["0", "2.80", "-500", "123.530", "9223372036854775.807", "-0.05"] {
            assert_eq!(number(text).to_string(), text);
        }
        let read: Vec<Option<Decimal>> = serde_json::from_str("[0.1, null, 9007199254740993]").unwrap();
        assert_eq!(
            read,
            [
                Some(Decimal::new(1, 1)),
                None,
                Some(Decimal::new(9_007_199_254_740_993, 0))
            ]
        );
    }

    #[test]
    fn anything_else_is_refused() {
        for text in [
            "",
            "-",
            ".",
            "1.",
            ".5",
            "1e3",
            "+1",
            "1,5",
            "NaN",
            "0x1",
            "--1",
            "1.2.3",
            " 1",
            "99999999999999999999",
            "0.1234567890123456789",
        ] {
            assert_eq!(text.parse::<Decimal>(), Err(NotDecimal), "{text}");
        }
        assert!(serde_json::from_str::<Decimal>("\"1\"").is_err());
        assert!(serde_json::from_str::<Decimal>("[1]").is_err());
    }

    #[test]
    fn rounding_is_half_up_as_the_service_rounds() {
        for (text, wanted) in [
            ("2.845", "2.85"),
            ("2.844999", "2.84"),
            ("-2.845", "-2.84"),
            ("7", "7.00"),
        ] {
            assert_eq!(number(text).rounded(2).unwrap().to_string(), wanted);
        }
    }

    #[test]
    fn products_are_exact_and_zeros_at_the_end_are_no_digits() {
        for (a, b, product, digits) in [
            ("68", "1.063", "72.284", 3),
            ("2.80", "1", "2.8", 1),
            ("-0.5", "0.2", "-0.1", 1),
            ("0.00", "7", "0", 0),
            ("1200", "0.5", "600", 0),
        ] {
            let found = number(a).times(number(b)).unwrap();
            assert_eq!(found, number(product));
            assert_eq!(found.digits_behind(), digits, "{a} × {b}");
        }
        assert!(number("9223372036854775807").times(number("2")).is_none());
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(mantissa in -999_999_999_999_999_999_i64..=999_999_999_999_999_999, places in 0_u8..=18) {
            let decimal = Decimal::new(mantissa, places);
            let read: Decimal = decimal.to_string().parse().unwrap();
            prop_assert_eq!((read.mantissa, read.places), (mantissa, places));
        }

        #[test]
        fn no_text_makes_it_panic(text in "[-+.0-9eE]{0,40}") {
            if let Ok(decimal) = text.parse::<Decimal>() {
                let again: Decimal = decimal.to_string().parse().unwrap();
                prop_assert_eq!(again, decimal);
            }
        }

        #[test]
        fn differences_undo_sums(a in -1_000_000_000_i64..1_000_000_000, b in -1_000_000_000_i64..1_000_000_000, p in 0_u8..6, q in 0_u8..6) {
            let (a, b) = (Decimal::new(a, p), Decimal::new(b, q));
            prop_assert_eq!(a.plus(b).unwrap().minus(b).unwrap(), a);
            prop_assert_eq!(a < b, a.minus(b).unwrap().is_negative());
        }
    }
}
