//! Records backwards: from a value to octets, for simulators, fixtures and tests (EN 13757-3).

use alloc::vec::Vec;

use super::date::{Date, to_type_f, to_type_i};
use super::dif::Dib;
use crate::error::{Error, ErrorKind, Layer};

/// A record to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordPlan {
    /// Where the value is kept; its data field is that of `data`.
    pub dib: Dib,
    /// VIF and VIFEs as they are to be sent, text included.
    pub vib: Vec<u8>,
    /// The value.
    pub data: Data,
}

/// A value and the width it is sent with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Data {
    /// Nothing (data field 0).
    Nothing,
    /// Two's complement in 1, 2, 3, 4, 6 or 8 octets; the most negative number is refused, it means "invalid".
    Signed(i64, usize),
    /// Unsigned in 1, 2, 3, 4, 6 or 8 octets; all ones are refused, they mean "invalid".
    Unsigned(u64, usize),
    /// The invalid pattern of a signed integer.
    InvalidInteger(usize),
    /// Decimal digits in 1, 2, 3, 4 or 6 octets, with sign.
    Bcd(i64, usize),
    /// All digits F.
    InvalidBcd(usize),
    /// Type G.
    Date(Date),
    /// A recurring date, every year.
    EveryYear {
        /// Month, 1 to 12.
        month: u8,
        /// Day, 1 to 31.
        day: u8,
    },
    /// Type G, not available.
    InvalidDate,
    /// Type F.
    DateTime(Date, u8, u8),
    /// Type I.
    DateTimeSecond(Date, u8, u8, u8),
    /// Octets with an integer's data field of this width (1, 2, 3, 4, 6, 8).
    Octets(Vec<u8>),
    /// Text of at most 191 characters of ISO 8859-1.
    Text(Vec<u8>),
    /// Variable-length octets, at most 191, in the order given (profiles, makers' blocks).
    Variable(Vec<u8>),
}

impl RecordPlan {
    /// Appends the record.
    ///
    /// Fails with `Unencodable` when value, storage number, tariff or subunit do not fit.
    pub fn encode(&self, octets: &mut Vec<u8>) -> Result<(), Error> {
        let (data_field, data) = self.data.encode()?;
        let dib = Dib {
            data_field,
            ..self.dib
        };
        dib.encode(octets)
            .ok_or_else(|| unencodable("storage number, tariff or subunit is too large"))?;
        octets.extend_from_slice(&self.vib);
        octets.extend(data);
        Ok(())
    }
}

impl Data {
    /// Data field and octets.
    fn encode(&self) -> Result<(u8, Vec<u8>), Error> {
        Ok(match self {
            Self::Nothing => (0, Vec::new()),
            Self::Signed(value, width) => {
                let octets = truncated(value.to_le_bytes(), *width)?;
                let fits = super::value::signed(&octets) == Some(*value);
                let invalid = octets == invalid_integer(*width);
                if !fits || invalid {
                    return Err(unencodable("the number does not fit the integer's width"));
                }
                (integer_field(*width)?, octets)
            }
            Self::Unsigned(value, width) => {
                let octets = truncated(value.to_le_bytes(), *width)?;
                let mut back = [0; 8];
                if let Some(part) = back.get_mut(..octets.len()) {
                    part.copy_from_slice(&octets);
                }
                if u64::from_le_bytes(back) != *value || octets.iter().all(|octet| *octet == 0xFF) {
                    return Err(unencodable("the number does not fit the integer's width"));
                }
                (integer_field(*width)?, octets)
            }
            Self::InvalidInteger(width) => (integer_field(*width)?, invalid_integer(*width)),
            Self::Bcd(value, width) => (bcd_field(*width)?, bcd(*value, *width)?),
            Self::InvalidBcd(width) => (bcd_field(*width)?, [0xFF].repeat(*width)),
            Self::Date(date) => {
                let octets = date
                    .to_type_g()
                    .ok_or_else(|| unencodable("the year does not fit a date"))?;
                (2, octets.to_vec())
            }
            Self::EveryYear { month, day } => (2, [day | 0xE0, month | 0xF0].to_vec()),
            Self::InvalidDate => (2, [0xFF; 2].to_vec()),
            Self::DateTime(date, hour, minute) => {
                let octets = to_type_f(*date, *hour, *minute);
                (
                    4,
                    octets
                        .ok_or_else(|| unencodable("the year or time does not fit a date and time"))?
                        .to_vec(),
                )
            }
            Self::DateTimeSecond(date, hour, minute, second) => {
                let octets = to_type_i(*date, *hour, *minute, *second);
                (
                    6,
                    octets
                        .ok_or_else(|| unencodable("the year or time does not fit a date and time"))?
                        .to_vec(),
                )
            }
            Self::Octets(octets) => (integer_field(octets.len())?, octets.clone()),
            Self::Text(text) => (0xD, variable(text.iter().rev().copied())?),
            Self::Variable(octets) => (0xD, variable(octets.iter().copied())?),
        })
    }
}

fn integer_field(width: usize) -> Result<u8, Error> {
    match width {
        1 => Ok(1),
        2 => Ok(2),
        3 => Ok(3),
        4 => Ok(4),
        6 => Ok(6),
        8 => Ok(7),
        _ => Err(unencodable("an integer has 1, 2, 3, 4, 6 or 8 octets")),
    }
}

fn bcd_field(width: usize) -> Result<u8, Error> {
    match width {
        1 => Ok(0x9),
        2 => Ok(0xA),
        3 => Ok(0xB),
        4 => Ok(0xC),
        6 => Ok(0xE),
        _ => Err(unencodable("digits have 1, 2, 3, 4 or 6 octets")),
    }
}

/// Decimal digits, last two first; a negative number takes the first digit for its sign.
fn bcd(value: i64, width: usize) -> Result<Vec<u8>, Error> {
    let mut rest = value.unsigned_abs();
    let mut octets = Vec::with_capacity(width);
    for _ in 0..width {
        let pair = u8::try_from(rest % 100).unwrap_or(0);
        octets.push(((pair / 10) << 4) | (pair % 10));
        rest /= 100;
    }
    let sign = octets.last_mut().filter(|_| value < 0);
    let occupied = sign.as_ref().is_some_and(|last| **last >> 4 != 0);
    if rest != 0 || occupied {
        return Err(unencodable("the number has more digits than the field"));
    }
    if let Some(last) = sign {
        *last |= 0xF0;
    }
    Ok(octets)
}

fn invalid_integer(width: usize) -> Vec<u8> {
    let mut octets = [0].repeat(width);
    if let Some(last) = octets.last_mut() {
        *last = 0x80;
    }
    octets
}

fn truncated(octets: [u8; 8], width: usize) -> Result<Vec<u8>, Error> {
    integer_field(width)?;
    octets
        .get(..width)
        .map(<[u8]>::to_vec)
        .ok_or_else(|| unencodable("an integer has at most 8 octets"))
}

fn variable(octets: impl ExactSizeIterator<Item = u8>) -> Result<Vec<u8>, Error> {
    let length = u8::try_from(octets.len()).ok().filter(|length| *length <= 0xBF);
    let length = length.ok_or_else(|| unencodable("variable data have at most 191 octets"))?;
    Ok(core::iter::once(length).chain(octets).collect())
}

fn unencodable(reason: &'static str) -> Error {
    Error {
        layer: Layer::Application,
        at: 0,
        kind: ErrorKind::Unencodable { reason },
    }
}
