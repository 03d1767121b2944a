//! Exact decimal numbers: an integer and a power of ten.

use core::cmp::Ordering;
use core::fmt;

/// A number as a meter sends it: `mantissa × 10^exponent`, never a binary float.
///
/// The exponent is kept as sent, since it is the resolution of the register: `46596e-2` is 465.96, not 465.960.
/// `==` compares both parts; [`Decimal::compare`] compares the numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Decimal {
    /// The integer.
    pub mantissa: i64,
    /// The power of ten it is multiplied by.
    pub exponent: i8,
}

impl Decimal {
    /// `mantissa × 10^exponent`.
    pub const fn new(mantissa: i64, exponent: i8) -> Self {
        Self { mantissa, exponent }
    }

    /// The mantissa that this number has with another exponent, or `None` when it has none
    /// (digits would be lost, or it does not fit).
    pub fn rescale(self, exponent: i8) -> Option<i64> {
        let shift = i32::from(self.exponent) - i32::from(exponent);
        if self.mantissa == 0 {
            return Some(0);
        }
        let power = 10_i64.checked_pow(shift.unsigned_abs())?;
        if shift >= 0 {
            self.mantissa.checked_mul(power)
        } else if self.mantissa % power == 0 {
            Some(self.mantissa / power)
        } else {
            None
        }
    }

    /// Sum, with the finer of the two resolutions; `None` when it does not fit.
    pub fn checked_add(self, other: Self) -> Option<Self> {
        let exponent = self.exponent.min(other.exponent);
        let mantissa = self.rescale(exponent)?.checked_add(other.rescale(exponent)?)?;
        Some(Self { mantissa, exponent })
    }

    /// Difference, with the finer of the two resolutions; `None` when it does not fit.
    pub fn checked_sub(self, other: Self) -> Option<Self> {
        self.checked_add(Self {
            mantissa: other.mantissa.checked_neg()?,
            exponent: other.exponent,
        })
    }

    /// The same number with the trailing zeros of the mantissa moved into the exponent; zero is `0e0`.
    pub fn normalised(self) -> Self {
        let Self {
            mut mantissa,
            mut exponent,
        } = self;
        if mantissa == 0 {
            return Self::new(0, 0);
        }
        while mantissa % 10 == 0 && exponent < i8::MAX {
            mantissa /= 10;
            exponent += 1;
        }
        Self { mantissa, exponent }
    }

    /// Compares the numbers, whatever their resolution.
    pub fn compare(self, other: Self) -> Ordering {
        let (a, b) = (self.normalised(), other.normalised());
        let signs = a.mantissa.signum().cmp(&b.mantissa.signum());
        if signs != Ordering::Equal || a == b {
            return signs;
        }
        // Same sign, neither is zero: bring both to the smaller exponent; one that does not fit is the larger.
        let exponent = a.exponent.min(b.exponent);
        let wide = |n: Self| {
            let shift = u32::try_from(i32::from(n.exponent) - i32::from(exponent)).unwrap_or(0);
            10_i128
                .checked_pow(shift)
                .and_then(|power| i128::from(n.mantissa).checked_mul(power))
        };
        let magnitude = match (wide(a), wide(b)) {
            (Some(a), Some(b)) => return a.cmp(&b),
            (None, _) => Ordering::Greater,
            (_, None) => Ordering::Less,
        };
        if a.mantissa < 0 {
            magnitude.reverse()
        } else {
            magnitude
        }
    }
}

impl fmt::Display for Decimal {
    /// Plain digits with a point where needed: no exponent, no separators (`22e-3` is `0.022`).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.mantissa < 0 { "-" } else { "" };
        let digits = self.mantissa.unsigned_abs();
        if self.exponent >= 0 {
            let zeros = if digits == 0 {
                0
            } else {
                usize::from(self.exponent.unsigned_abs())
            };
            return write!(f, "{sign}{digits}{:0<zeros$}", "");
        }
        let places = usize::from(self.exponent.unsigned_abs());
        match 10_u64.checked_pow(u32::from(self.exponent.unsigned_abs())) {
            Some(power) => write!(f, "{sign}{}.{:0places$}", digits / power, digits % power),
            None => write!(f, "{sign}0.{digits:0places$}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn prints_every_digit_and_no_other() {
        for (decimal, text) in [
            (Decimal::new(51667, -3), "51.667"),
            (Decimal::new(22, -3), "0.022"),
            (Decimal::new(-22, -3), "-0.022"),
            (Decimal::new(46596, -2), "465.96"),
            (Decimal::new(517, 3), "517000"),
            (Decimal::new(0, 3), "0"),
            (Decimal::new(0, -3), "0.000"),
            (Decimal::new(i64::MIN, -1), "-922337203685477580.8"),
            (Decimal::new(1, -25), "0.0000000000000000000000001"),
        ] {
            assert_eq!(decimal.to_string(), text);
        }
    }

    #[test]
    fn rescales_only_what_stays_exact() {
        assert_eq!(Decimal::new(51667, -3).rescale(-6), Some(51_667_000));
        assert_eq!(Decimal::new(51660, -3).rescale(-2), Some(5166));
        assert_eq!(Decimal::new(51667, -3).rescale(-2), None);
        assert_eq!(Decimal::new(i64::MAX, 0).rescale(-1), None);
        assert_eq!(Decimal::new(0, 100).rescale(-100), Some(0));
    }

    #[test]
    fn compares_numbers_and_not_digits() {
        assert_eq!(Decimal::new(10, -1).compare(Decimal::new(1, 0)), Ordering::Equal);
        assert_eq!(
            Decimal::new(-1, 100).compare(Decimal::new(-1, -100)),
            Ordering::Less
        );
        assert_eq!(
            Decimal::new(1, 100).compare(Decimal::new(i64::MAX, 0)),
            Ordering::Greater
        );
        assert_eq!(Decimal::new(0, 9).compare(Decimal::new(0, -9)), Ordering::Equal);
        assert_eq!(
            Decimal::new(5, -1)
                .checked_sub(Decimal::new(50, -2))
                .map(Decimal::normalised),
            Some(Decimal::new(0, 0))
        );
    }
}
