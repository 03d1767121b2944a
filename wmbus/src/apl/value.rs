//! What the data of a record say (EN 13757-3, data types A to J). Exact: a number is an integer and a power of ten.

use alloc::format;

use super::date::{Moment, type_f, type_g, type_i, type_j};
use super::dif::{Dib, Function};
use super::quantity::{Coding, Quantity, Unit};
use super::vif::Vib;
use crate::decimal::Decimal;

/// The value of a record.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value<'a> {
    /// The data field has no data.
    NoData,
    /// A pattern that says "there is no value".
    Invalid,
    /// A number in the record's unit.
    Number(Decimal),
    /// A number that was sent as binary floating point: for display only.
    Approximate(Decimal),
    /// Bits, least significant octet first.
    Bits(&'a [u8]),
    /// A date or a time.
    Moment(Moment),
    /// Decimal digits that are a name, last two first.
    Digits(&'a [u8]),
    /// Text, last character first, ISO 8859-1.
    Text(&'a [u8]),
    /// Octets that are understood by whoever knows them, in the order sent.
    Octets(&'a [u8]),
}

impl<'a> Value<'a> {
    /// Reads the data of a record; with a data field D they begin with the LVAR.
    pub(super) fn read(dib: &Dib, vib: &Vib<'_>, data: &'a [u8]) -> Self {
        match dib.data_field {
            0 | 8 => Self::NoData,
            0xD => Self::read_variable(vib, data),
            5 => real(data, vib.exponent),
            _ if dib.is_bcd() => match vib.coding {
                Coding::Identifier if data.iter().all(|octet| is_decimal(*octet)) => Self::Digits(data),
                Coding::Identifier => Self::Octets(data),
                _ => bcd(data).map_or(Self::Invalid, |mantissa| number(mantissa, vib.exponent)),
            },
            _ => Self::read_integer(vib, data),
        }
    }

    fn read_integer(vib: &Vib<'_>, data: &'a [u8]) -> Self {
        match vib.coding {
            Coding::Moment => moment(vib, data),
            Coding::Bits => Self::Bits(data),
            Coding::Identifier | Coding::Raw => Self::Octets(data),
            // FD 08 counts through all values, FF included.
            Coding::Unsigned if vib.quantity == Quantity::AccessNumber => {
                unsigned(data).map_or(Self::Octets(data), |mantissa| number(mantissa, vib.exponent))
            }
            Coding::Unsigned if data.iter().all(|octet| *octet == 0xFF) => Self::Invalid,
            Coding::Unsigned => {
                unsigned(data).map_or(Self::Octets(data), |mantissa| number(mantissa, vib.exponent))
            }
            Coding::Signed => match data.split_last() {
                Some((0x80, rest)) if rest.iter().all(|octet| *octet == 0) => Self::Invalid,
                _ => signed(data).map_or(Self::Octets(data), |mantissa| number(mantissa, vib.exponent)),
            },
        }
    }

    fn read_variable(vib: &Vib<'_>, data: &'a [u8]) -> Self {
        let Some((lvar, content)) = data.split_first() else {
            return Self::NoData;
        };
        let raw = vib.profile.is_some()
            || matches!(vib.quantity, Quantity::ManufacturerSpecific | Quantity::Container);
        let negative = (0xD0..=0xD9).contains(lvar);
        match lvar {
            0x00..=0xBF if raw || vib.coding == Coding::Moment => Self::Octets(content),
            0x00..=0xBF => Self::Text(content),
            0xC0..=0xC9 | 0xD0..=0xD9 if content.iter().all(|octet| is_decimal(*octet)) => {
                if vib.coding == Coding::Identifier && !negative {
                    return Self::Digits(content);
                }
                digits(content).map_or(Self::Octets(content), |mantissa| {
                    number(if negative { -mantissa } else { mantissa }, vib.exponent)
                })
            }
            0xC0..=0xC9 | 0xD0..=0xD9 => Self::Invalid,
            0xE0 => Self::NoData,
            0xE1..=0xE8 => {
                signed(content).map_or(Self::Octets(content), |mantissa| number(mantissa, vib.exponent))
            }
            0xF8 => real(content, vib.exponent),
            _ => Self::Octets(content),
        }
    }

    /// The number, unless it is only approximate or there is none.
    pub fn number(&self) -> Option<Decimal> {
        match self {
            Self::Number(number) => Some(*number),
            _ => None,
        }
    }

    /// The date or time, if it is one.
    pub fn moment(&self) -> Option<Moment> {
        match self {
            Self::Moment(moment) => Some(*moment),
            _ => None,
        }
    }

    /// Characters of digits or text, in reading order.
    pub fn characters(&self) -> impl Iterator<Item = char> + use<'a> {
        let (digits, text): (&'a [u8], &'a [u8]) = match *self {
            Self::Digits(digits) => (digits, &[]),
            Self::Text(text) => (&[], text),
            _ => (&[], &[]),
        };
        let digits = digits.iter().rev().flat_map(|octet| [octet >> 4, octet & 0x0F]);
        let digits = digits.filter_map(|digit| char::from_digit(u32::from(digit), 16));
        digits.chain(text.iter().rev().map(|octet| char::from(*octet)))
    }
}

/// True when a number that looks valid is not to be billed: see each rule.
pub(super) fn is_suspect(dib: &Dib, vib: &Vib<'_>, data: &[u8]) -> bool {
    let billed = matches!(
        vib.quantity,
        Quantity::Volume | Quantity::Energy | Quantity::HeatCost
    );
    let stored_integer = dib.is_integer() && data.len() >= 2 && dib.storage > 0;
    // Empty history slots read as −1.
    let all_ones = stored_integer && billed && data.iter().all(|octet| *octet == 0xFF);
    let error_fill =
        dib.function == Function::ErrorState && data.len() >= 2 && data.iter().all(|octet| *octet == 0xFE);
    // The binary "invalid" in a field of decimal digits.
    let leaked = dib.is_bcd()
        && data.len() >= 2
        && data
            .split_last()
            .is_some_and(|(last, rest)| *last == 0x80 && rest.iter().all(|octet| *octet == 0));
    // −100.00 °C: a dry ultrasonic meter.
    let dry = vib.unit == Unit::Celsius && vib.exponent == -2 && data == [0xF0, 0xD8];
    all_ones || error_fill || leaked || dry
}

/// Type A: sign nibble F allowed, any other digit above 9 makes the field invalid.
pub(super) fn bcd(data: &[u8]) -> Option<i64> {
    let (last, rest) = data.split_last()?;
    if last >> 4 == 0x0F {
        let first = i64::from(last & 0x0F);
        if first > 9 {
            return None;
        }
        let magnitude = digits(rest)?;
        let scale = 10_i64.checked_pow(u32::try_from(2 * rest.len()).ok()?)?;
        return Some(-(first.checked_mul(scale)?.checked_add(magnitude)?));
    }
    digits(data)
}

/// Decimal digits, last two first; `None` when one is none, or for more than 18 of them.
fn digits(data: &[u8]) -> Option<i64> {
    data.iter().rev().try_fold(0_i64, |number, octet| {
        is_decimal(*octet).then_some(())?;
        number
            .checked_mul(100)?
            .checked_add(i64::from(octet >> 4) * 10 + i64::from(octet & 0x0F))
    })
}

fn is_decimal(octet: u8) -> bool {
    octet >> 4 <= 9 && octet & 0x0F <= 9
}

/// Two's complement, least significant octet first, of at most eight octets.
pub(super) fn signed(data: &[u8]) -> Option<i64> {
    let fill = if data.last()? & 0x80 == 0 { 0 } else { 0xFF };
    let mut octets = [fill; 8];
    octets.get_mut(..data.len())?.copy_from_slice(data);
    Some(i64::from_le_bytes(octets))
}

/// Unsigned, least significant octet first, of at most 63 bits.
pub(super) fn unsigned(data: &[u8]) -> Option<i64> {
    let mut octets = [0; 8];
    octets.get_mut(..data.len())?.copy_from_slice(data);
    i64::try_from(u64::from_le_bytes(octets)).ok()
}

fn number<'a>(mantissa: i64, exponent: i8) -> Value<'a> {
    Value::Number(Decimal { mantissa, exponent })
}

fn moment<'a>(vib: &Vib<'_>, data: &'a [u8]) -> Value<'a> {
    let by_vif = vib.event.is_none() && matches!(vib.quantity, Quantity::Date | Quantity::DateTime);
    let read = match *data {
        [a, b] if !(by_vif && vib.quantity == Quantity::DateTime) => type_g([a, b]),
        [a, b, c] if !(by_vif && vib.quantity == Quantity::Date) => type_j([a, b, c]),
        [a, b, c, d] if !(by_vif && vib.quantity == Quantity::Date) => type_f([a, b, c, d]),
        [a, b, c, d, e, f] if !(by_vif && vib.quantity == Quantity::Date) => type_i([a, b, c, d, e, f]),
        // This width has no meaning for a date.
        _ => return Value::Octets(data),
    };
    read.map_or(Value::Invalid, Value::Moment)
}

/// Type H: through the shortest decimal that reads back to the same single-precision number.
fn real<'a>(data: &[u8], exponent: i8) -> Value<'a> {
    let Some(octets) = data.first_chunk::<4>() else {
        return Value::Invalid;
    };
    let real = f32::from_le_bytes(*octets);
    if !real.is_finite() {
        return Value::Invalid;
    }
    let text = format!("{real:e}");
    let Some((digits, power)) = text.split_once('e') else {
        return Value::Invalid;
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let mantissa = format!("{whole}{fraction}").parse::<i64>().ok();
    let power = power.parse::<i32>().ok();
    let places = i32::try_from(fraction.len()).ok();
    let exponent = power
        .zip(places)
        .and_then(|(power, places)| i8::try_from(i32::from(exponent) + power - places).ok());
    match mantissa.zip(exponent) {
        Some((mantissa, exponent)) => Value::Approximate(Decimal { mantissa, exponent }),
        None => Value::Invalid,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimal_digits() {
        assert_eq!(bcd(&[0x21, 0xF3]), Some(-321));
        assert_eq!(bcd(&[0x22, 0x00, 0x00, 0xF0]), Some(-22));
        assert_eq!(bcd(&[0x67, 0x16, 0x05, 0x00]), Some(51667));
        assert_eq!(bcd(&[0xFF, 0xFF, 0xFF]), None);
        assert_eq!(bcd(&[0x4A, 0x12]), None);
        assert_eq!(bcd(&[0x12, 0xFA]), None);
    }

    #[test]
    fn reals_become_the_shortest_decimal() {
        assert_eq!(
            real(&0.1_f32.to_le_bytes(), 0),
            Value::Approximate(Decimal::new(1, -1))
        );
        assert_eq!(
            real(&[0xB8, 0x2D, 0xF9, 0x41], 0),
            Value::Approximate(Decimal::new(31_147_324, -6))
        );
        assert_eq!(real(&f32::NAN.to_le_bytes(), 0), Value::Invalid);
        assert_eq!(
            real(&0_f32.to_le_bytes(), 3),
            Value::Approximate(Decimal::new(0, 3))
        );
    }

    #[test]
    fn integers_of_any_width() {
        assert_eq!(signed(&[0xB1, 0xFE]), Some(-335));
        assert_eq!(signed(&[0xFF, 0xFF, 0x7F]), Some(0x7F_FFFF));
        assert_eq!(unsigned(&[0xFF, 0xFF]), Some(0xFFFF));
        assert_eq!(unsigned(&[0xFF; 8]), None);
        assert_eq!(signed(&[0; 9]), None);
        assert_eq!(signed(&[]), None);
    }
}
