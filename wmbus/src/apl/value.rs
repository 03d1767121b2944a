//! What the data of a record say (EN 13757-3, data types A to J). Exact: a number is an integer and a power of ten.

use core::fmt::{self, Write};

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
            _ if vib.coding == Coding::Raw => Self::Octets(data),
            1..=4 | 6 | 7 => Self::read_integer(vib, data),
            // No date has digits or a floating point.
            _ if vib.coding == Coding::Moment => Self::Octets(data),
            5 => real(data, vib),
            _ if vib.coding == Coding::Identifier => Self::digits(data),
            _ => bcd(data).map_or(Self::Invalid, |mantissa| number(mantissa, vib)),
        }
    }

    fn read_integer(vib: &Vib<'_>, data: &'a [u8]) -> Self {
        match vib.coding {
            Coding::Signed if is_most_negative(data) => Self::Invalid,
            Coding::Signed => signed(data).map_or(Self::Octets(data), |mantissa| number(mantissa, vib)),
            Coding::Moment => moment(vib, data),
            Coding::Bits => Self::Bits(data),
            Coding::Identifier | Coding::Raw => Self::Octets(data),
            // FD 08 counts through all values, FF included.
            Coding::Unsigned if is_all_ones(data) && vib.quantity != Quantity::AccessNumber => Self::Invalid,
            Coding::Unsigned => unsigned(data).map_or(Self::Octets(data), |mantissa| number(mantissa, vib)),
        }
    }

    fn read_variable(vib: &Vib<'_>, data: &'a [u8]) -> Self {
        let Some((lvar, content)) = data.split_first() else {
            return Self::NoData;
        };
        let raw = vib.profile.is_some()
            || vib.coding == Coding::Moment
            || matches!(vib.quantity, Quantity::ManufacturerSpecific | Quantity::Container);
        match lvar {
            _ if raw => Self::Octets(content),
            0x00..=0xBF => Self::Text(content),
            0xC0 | 0xD0 | 0xE0 => Self::NoData,
            0xC0..=0xC9 if vib.coding == Coding::Identifier => Self::digits(content),
            0xC0..=0xC9 => digits(content).map_or(Self::Invalid, |mantissa| number(mantissa, vib)),
            0xD0..=0xD9 => digits(content).map_or(Self::Invalid, |mantissa| number(-mantissa, vib)),
            0xE1..=0xF0 => match vib.coding {
                Coding::Bits => Self::Bits(content),
                Coding::Identifier | Coding::Raw => Self::Octets(content),
                _ if is_most_negative(content) => Self::Invalid,
                _ => signed(content).map_or(Self::Octets(content), |mantissa| number(mantissa, vib)),
            },
            0xF8 => real(content, vib),
            _ => Self::Octets(content),
        }
    }

    /// Digits that are a name; one that is no decimal digit makes the whole field invalid.
    fn digits(data: &'a [u8]) -> Self {
        if data.iter().all(|octet| is_decimal(*octet)) {
            Self::Digits(data)
        } else {
            Self::Invalid
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
#[inline]
pub(super) fn is_suspect(dib: &Dib, vib: &Vib<'_>, data: &[u8]) -> bool {
    let Some(last) = data.last() else { return false };
    // Cheap for all values but those that end like one of the patterns.
    match last {
        0xFF => {
            // Empty history slots read as −1.
            let signed = dib.is_integer() && vib.coding == Coding::Signed;
            signed && dib.storage > 0 && data.len() >= 2 && is_counter(vib) && is_all_ones(data)
        }
        0xFE => {
            let filled = data.iter().all(|octet| *octet == 0xFE);
            dib.function == Function::ErrorState && dib.data_field != 0xD && filled
        }
        // The binary "invalid" in a field of decimal digits.
        0x80 => dib.is_bcd() && vib.coding != Coding::Identifier && is_leaked_invalid(data),
        // −100.00 °C: a dry ultrasonic meter.
        0xD8 => dib.data_field == 2 && is_dry(vib, data),
        _ => false,
    }
}

/// A quantity that counts up from 0 and that bills are made of.
pub(super) fn is_counter(vib: &Vib<'_>) -> bool {
    matches!(
        vib.quantity,
        Quantity::Volume | Quantity::Energy | Quantity::HeatCost
    )
}

/// `00 … 80` of two octets or more.
pub(super) fn is_leaked_invalid(data: &[u8]) -> bool {
    data.len() >= 2 && is_most_negative(data)
}

fn is_dry(vib: &Vib<'_>, data: &[u8]) -> bool {
    vib.unit == Unit::Celsius && vib.exponent == -2 && data == [0xF0, 0xD8]
}

/// The invalid pattern of a signed integer.
pub(super) fn is_most_negative(data: &[u8]) -> bool {
    matches!(data.split_last(), Some((0x80, rest)) if rest.iter().all(|octet| *octet == 0))
}

/// The invalid pattern of an unsigned integer.
pub(super) fn is_all_ones(data: &[u8]) -> bool {
    data.iter().all(|octet| *octet == 0xFF)
}

/// Type A: sign nibble F allowed, any other digit above 9 makes the field invalid.
pub(super) fn bcd(data: &[u8]) -> Option<i64> {
    let (last, rest) = data.split_last()?;
    if last >> 4 != 0x0F {
        return digits(data);
    }
    let first = i64::from(last & 0x0F);
    let scale = 100_i64.checked_pow(u32::try_from(rest.len()).ok()?)?;
    let magnitude = first.checked_mul(scale)?.checked_add(digits(rest)?)?;
    (first <= 9).then_some(-magnitude)
}

/// Decimal digits, last two first; `None` when one is none, or for more than 18 of them.
fn digits(data: &[u8]) -> Option<i64> {
    if data.len() > 9 {
        return None;
    }
    data.iter().rev().try_fold(0_i64, |number, octet| {
        let (high, low) = (octet >> 4, octet & 0x0F);
        (high <= 9 && low <= 9).then(|| number * 100 + i64::from(high) * 10 + i64::from(low))
    })
}

fn is_decimal(octet: u8) -> bool {
    octet >> 4 <= 9 && octet & 0x0F <= 9
}

/// Two's complement, least significant octet first; `None` when the number does not fit 64 bits.
pub(super) fn signed(data: &[u8]) -> Option<i64> {
    // The widths that are sent most.
    match *data {
        [a, b] => return Some(i16::from_le_bytes([a, b]).into()),
        [a, b, c, d] => return Some(i32::from_le_bytes([a, b, c, d]).into()),
        _ => {}
    }
    let fill = if data.last()? & 0x80 == 0 { 0 } else { -1 };
    let (low, high) = data.split_at_checked(8).unwrap_or((data, &[]));
    let number = low.iter().rev().fold(fill, |n, octet| n << 8 | i64::from(*octet));
    // More octets must repeat the sign.
    let repeated = high.iter().all(|octet| i64::from(octet.cast_signed()) == fill);
    (high.is_empty() || repeated && (number < 0) == (fill < 0)).then_some(number)
}

/// Unsigned, least significant octet first; `None` when the number does not fit 63 bits.
pub(super) fn unsigned(data: &[u8]) -> Option<i64> {
    let (low, high) = data.split_at_checked(8).unwrap_or((data, &[]));
    let number = low
        .iter()
        .rev()
        .fold(0_u64, |n, octet| n << 8 | u64::from(*octet));
    let fits = high.iter().all(|octet| *octet == 0);
    i64::try_from(number).ok().filter(|_| fits)
}

/// The number under the power of ten and the constant of the VIB.
pub(super) fn scaled(mantissa: i64, vib: &Vib<'_>) -> Option<Decimal> {
    let number = Decimal::new(mantissa, vib.exponent);
    if !vib.additive {
        return Some(number);
    }
    match vib.addend() {
        None => Some(number),
        Some(constant) => number.checked_add(constant),
    }
}

fn number<'a>(mantissa: i64, vib: &Vib<'_>) -> Value<'a> {
    scaled(mantissa, vib).map_or(Value::Invalid, Value::Number)
}

/// Types G, J, F and I by width; a width that the VIF does not have means nothing.
fn moment<'a>(vib: &Vib<'_>, data: &'a [u8]) -> Value<'a> {
    let by_vife = vib.event.is_some();
    let (is_date, is_time) = (
        !by_vife && vib.quantity == Quantity::Date,
        !by_vife && vib.quantity == Quantity::DateTime,
    );
    let read = match *data {
        [a, b] if !is_time => type_g([a, b]),
        [a, b, c] if by_vife || is_time => type_j([a, b, c]),
        [a, b, c, d] if !is_date => type_f([a, b, c, d]),
        [a, b, c, d, e, f] if !is_date => type_i([a, b, c, d, e, f]),
        _ => return Value::Octets(data),
    };
    read.map_or(Value::Invalid, Value::Moment)
}

fn real<'a>(data: &[u8], vib: &Vib<'_>) -> Value<'a> {
    real_number(data)
        .and_then(|number| {
            let exponent = number.exponent.checked_add(vib.exponent)?;
            let number = Decimal { exponent, ..number };
            vib.addend()
                .map_or(Some(number), |constant| number.checked_add(constant))
        })
        .map_or(Value::Invalid, Value::Approximate)
}

/// Type H: through the shortest decimal that reads back to the same single-precision number; `None` for what is none.
pub(super) fn real_number(data: &[u8]) -> Option<Decimal> {
    let real = f32::from_le_bytes(*data.first_chunk::<4>().filter(|_| data.len() == 4)?);
    if !real.is_finite() {
        return None;
    }
    let mut digits = Shortest::default();
    write!(digits, "{real:e}").ok()?;
    let exponent = digits.power.checked_sub(digits.places)?;
    let mantissa = if digits.negative {
        -digits.mantissa
    } else {
        digits.mantissa
    };
    Some(Decimal { mantissa, exponent })
}

/// Takes up what the standard library prints for a float, `-1.25e-7`, without allocating.
#[derive(Default)]
struct Shortest {
    mantissa: i64,
    negative: bool,
    /// Digits after the point.
    places: i8,
    power: i8,
    negative_power: bool,
    part: Part,
}

#[derive(Default, PartialEq)]
enum Part {
    #[default]
    Whole,
    Fraction,
    Power,
}

impl fmt::Write for Shortest {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for octet in text.bytes() {
            match (octet, &self.part) {
                (b'-', Part::Power) => self.negative_power = true,
                (b'-', _) => self.negative = true,
                (b'.', _) => self.part = Part::Fraction,
                (b'e', _) => self.part = Part::Power,
                (b'0'..=b'9', Part::Power) => {
                    let digit = (octet - b'0').cast_signed();
                    let digit = if self.negative_power { -digit } else { digit };
                    self.power = self
                        .power
                        .checked_mul(10)
                        .and_then(|n| n.checked_add(digit))
                        .ok_or(fmt::Error)?;
                }
                (b'0'..=b'9', part) => {
                    self.places += i8::from(*part == Part::Fraction);
                    let digit = i64::from(octet - b'0');
                    let mantissa = self.mantissa.checked_mul(10).and_then(|n| n.checked_add(digit));
                    self.mantissa = mantissa.ok_or(fmt::Error)?;
                }
                _ => return Err(fmt::Error),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimal_digits() {
        assert_eq!(bcd(&[0x05, 0xF7]), Some(-705));
        assert_eq!(bcd(&[0x40, 0x00, 0x00, 0xF0]), Some(-40));
        assert_eq!(bcd(&[0x90, 0x78, 0x01, 0x00]), Some(17890));
        assert_eq!(bcd(&[0xFF, 0xFF, 0xFF]), None);
        assert_eq!(bcd(&[0x1B, 0x40]), None);
        assert_eq!(bcd(&[0x31, 0xFC]), None);
    }

    #[test]
    fn reals_become_the_shortest_decimal() {
        let read = |real: f32| real_number(&real.to_le_bytes());
        assert_eq!(read(0.1), Some(Decimal::new(1, -1)));
        assert_eq!(read(20.062_5), Some(Decimal::new(200_625, -4)));
        assert_eq!(read(-0.170_720_8), Some(Decimal::new(-1_707_208, -7)));
        assert_eq!(read(-0.0), Some(Decimal::new(0, 0)));
        assert_eq!(read(f32::MAX), Some(Decimal::new(34_028_235, 31)));
        assert_eq!(read(f32::from_bits(1)), Some(Decimal::new(1, -45)));
        for none in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            assert_eq!(read(none), None);
        }
    }

    #[test]
    fn integers_of_any_width() {
        assert_eq!(signed(&[0x18, 0xFC]), Some(-1000));
        assert_eq!(signed(&[0xFF, 0xFF, 0x7F]), Some(0x7F_FFFF));
        assert_eq!(unsigned(&[0xFF, 0xFF]), Some(0xFFFF));
        assert_eq!(unsigned(&[0xFF; 8]), None);
        assert_eq!(unsigned(&[1, 2, 0, 0, 0, 0, 0, 0, 0, 0]), Some(0x201));
        assert_eq!(unsigned(&[1, 2, 0, 0, 0, 0, 0, 0, 0, 1]), None);
        assert_eq!(unsigned(&i64::MAX.to_le_bytes()), Some(i64::MAX));
        assert_eq!(unsigned(&[]), Some(0));
        assert_eq!(signed(&[1, 0, 0, 0, 0, 0, 0, 0, 0]), Some(1));
        assert_eq!(signed(&[0xFE; 16]), None);
        assert_eq!(signed(&[0xFF; 16]), Some(-1));
        assert_eq!(signed(&[0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0]), None);
        assert_eq!(signed(&i64::MIN.to_le_bytes()), Some(i64::MIN));
        assert_eq!(signed(&[]), None);
    }
}
