//! Records backwards: from a value to octets, for simulators, fixtures and tests (EN 13757-3).

use alloc::vec::Vec;

use super::Record;
use super::date::{Date, to_type_f, to_type_f_without_century, to_type_i, to_type_j};
use super::daylight::DaylightSaving;
use super::dif::{Dib, variable_length};
use super::vif::Vib;
use crate::error::{Error, ErrorKind, Layer};

mod profile;
mod vib;

pub use profile::ProfilePlan;
pub use vib::{TextOrder, text_vib, vib};

/// A record to be sent.
#[derive(Clone, Debug, PartialEq)]
pub struct RecordPlan {
    /// Where the value is kept; its data field is that of `data`.
    pub dib: Dib,
    /// VIF and VIFEs as they are to be sent, text included: see [`vib`] and [`text_vib`].
    pub vib: Vec<u8>,
    /// The value.
    pub data: Data,
}

/// A value and the width it is sent with.
#[derive(Clone, Debug, PartialEq)]
pub enum Data {
    /// Nothing (data field 0).
    Nothing,
    /// Two's complement in 1, 2, 3, 4, 6 or 8 octets; the most negative number is refused, it means "invalid".
    Signed(i64, usize),
    /// Unsigned in 1, 2, 3, 4, 6 or 8 octets; all ones are refused, they mean "invalid".
    Unsigned(u64, usize),
    /// The invalid pattern of a signed integer.
    InvalidInteger(usize),
    /// Single-precision floating point; one that is not finite means "invalid".
    Real(f32),
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
    /// Type F of a meter that leaves the hundred years at 0.
    OldDateTime(Date, u8, u8),
    /// Type I.
    DateTimeSecond(Date, u8, u8, u8),
    /// Type J: hour, minute, second, each open for "every".
    Time(Option<u8>, Option<u8>, Option<u8>),
    /// Type K.
    DaylightSaving(DaylightSaving),
    /// Octets with an integer's data field of this width (1, 2, 3, 4, 6, 8): bits, makers' values.
    Octets(Vec<u8>),
    /// Text of at most 191 characters of ISO 8859-1, in reading order.
    Text(Vec<u8>),
    /// Variable-length octets, at most 191, in the order given (makers' blocks).
    Variable(Vec<u8>),
    /// Digits of variable length, at most 9 octets of them.
    VariableBcd(i64, usize),
    /// A binary number of variable length, least significant octet first: 0 to 16, 20, 24, 28, 32, 48 or 64 octets.
    VariableBinary(Vec<u8>),
    /// A compact profile; the VIB has to say so.
    Profile(ProfilePlan),
    /// Data as they were read, with their data field, and with the LVAR of variable ones.
    AsRead(u8, Vec<u8>),
}

impl RecordPlan {
    /// Appends the record.
    ///
    /// Fails with `Unencodable` when value, storage number, tariff or subunit do not fit, or the VIB is none.
    pub fn encode(&self, octets: &mut Vec<u8>) -> Result<(), Error> {
        let (data_field, data) = self.data.encode()?;
        let whole = Vib::parse(&self.vib).is_ok_and(|vib| vib.octets == self.vib);
        if !whole {
            return Err(unencodable("the VIF and VIFEs are not one block"));
        }
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

impl From<&Record<'_>> for RecordPlan {
    /// The plan that gives the record again, with its DIFEs in their shortest form.
    fn from(record: &Record<'_>) -> Self {
        Self {
            dib: record.dib,
            vib: record.vib.octets.to_vec(),
            data: Data::AsRead(record.dib.data_field, record.data.to_vec()),
        }
    }
}

/// Appends fillers up to a whole number of cipher blocks.
pub fn fill(payload: &mut Vec<u8>) {
    payload.resize(payload.len().next_multiple_of(16), 0x2F);
}

impl Data {
    /// The octets of the value alone.
    ///
    /// Fails with `Unencodable` when it does not fit.
    pub fn octets(&self) -> Result<Vec<u8>, Error> {
        self.encode().map(|(_, octets)| octets)
    }

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
            Self::Real(real) => (5, real.to_le_bytes().to_vec()),
            Self::Date(date) => (2, moment(date.to_type_g())?),
            Self::EveryYear { month, day } => {
                // A leap year has every day that any year has.
                Date::new(2000, *month, *day).ok_or_else(|| unencodable("no year has that day"))?;
                (2, [day | 0xE0, month | 0xF0].to_vec())
            }
            Self::InvalidDate => (2, [0xFF; 2].to_vec()),
            Self::DateTime(date, hour, minute) => (4, moment(to_type_f(*date, *hour, *minute))?),
            Self::OldDateTime(date, hour, minute) => {
                (4, moment(to_type_f_without_century(*date, *hour, *minute))?)
            }
            Self::DateTimeSecond(date, hour, minute, second) => {
                (6, moment(to_type_i(*date, *hour, *minute, *second))?)
            }
            Self::Time(hour, minute, second) => (3, moment(to_type_j(*hour, *minute, *second))?),
            Self::DaylightSaving(rule) => (4, moment(rule.to_octets())?),
            Self::Octets(octets) => (integer_field(octets.len())?, octets.clone()),
            Self::Text(text) => (0xD, variable(text.iter().rev().copied())?),
            Self::Variable(octets) => (0xD, variable(octets.iter().copied())?),
            Self::VariableBcd(value, width) => (0xD, variable_bcd(*value, *width)?),
            Self::VariableBinary(octets) => (0xD, variable_binary(octets)?),
            Self::Profile(plan) => (0xD, variable(plan.octets()?.into_iter())?),
            Self::AsRead(data_field, octets) => (*data_field, as_read(*data_field, octets)?),
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
        return Err(unencodable(TOO_MANY_DIGITS));
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

/// C0 and D0 are followed by unsigned digits; the sign is in the LVAR.
fn variable_bcd(value: i64, width: usize) -> Result<Vec<u8>, Error> {
    let width_octet = u8::try_from(width).ok().filter(|width| (1..=9).contains(width));
    let width_octet = width_octet.ok_or_else(|| unencodable("variable digits have 1 to 9 octets"))?;
    let lvar = if value < 0 { 0xD0 } else { 0xC0 } | width_octet;
    let magnitude = value.checked_abs().ok_or_else(|| unencodable(TOO_MANY_DIGITS))?;
    let mut octets = bcd(magnitude, width)?;
    octets.insert(0, lvar);
    Ok(octets)
}

fn variable_binary(octets: &[u8]) -> Result<Vec<u8>, Error> {
    let lvar = (0xE0..=0xF6).find(|lvar| variable_length(*lvar) == Some(octets.len()));
    let lvar = lvar.ok_or_else(|| unencodable("a variable binary number has no such length"))?;
    Ok(core::iter::once(lvar).chain(octets.iter().copied()).collect())
}

fn as_read(data_field: u8, octets: &[u8]) -> Result<Vec<u8>, Error> {
    let length = match (data_field, octets.first()) {
        (0xD, Some(lvar)) => variable_length(*lvar).map(|length| 1 + length),
        (0xD, None) => None,
        _ => Dib::new(data_field).data_length(),
    };
    (length == Some(octets.len()))
        .then(|| octets.to_vec())
        .ok_or_else(|| unencodable("the data do not have the length that their data field says"))
}

fn moment<const N: usize>(octets: Option<[u8; N]>) -> Result<Vec<u8>, Error> {
    octets
        .map(|octets| octets.to_vec())
        .ok_or_else(|| unencodable("a date or time has no such year, day, hour or minute"))
}

const TOO_MANY_DIGITS: &str = "the number has more digits than the field";

fn unencodable(reason: &'static str) -> Error {
    Error {
        layer: Layer::Application,
        at: 0,
        kind: ErrorKind::Unencodable { reason },
    }
}
