//! What a meter has to say, and the application data that say it: a page read backwards. So do simulators speak.

use wmbus::apl::Date;
use wmbus::{Address, Decimal, Error, ErrorKind, Layer};

use crate::block::Place;
use crate::family::Family;
use crate::page::HeaderSize;
use crate::quirks;
use crate::reading::{Direction, Kind, Quantity, Reading, Register, Stamp, Status, Unit};
use crate::scrambled::{self, Scheme, prios, rfm_tx1};

/// What a meter has to say. A family's page takes what its telegram has room for.
#[derive(Clone, Debug, Default)]
pub struct Spoken {
    /// Values of all registers.
    pub readings: Vec<Reading>,
    /// The meter's clock.
    pub device_time: Option<Stamp>,
    /// Conditions.
    pub status: Vec<Status>,
    /// Which of the page's telegrams; `None` for the usual one.
    pub telegram: Option<String>,
}

/// What is to be put into a telegram.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Speech {
    /// The sender's address as it goes on the air.
    pub sender: Address,
    /// The CI-field.
    pub ci: u8,
    /// The status octet of the transport header, where there is one.
    pub status: u8,
    /// Access number and configuration field, where the maker's scrambling depends on them: no other will do.
    pub fixed: Option<(u8, u16)>,
    /// The application data.
    pub payload: Vec<u8>,
}

impl Spoken {
    /// The value of a register.
    pub(crate) fn value(&self, quantity: Quantity, register: Register) -> Option<Decimal> {
        self.find(quantity, register).map(|reading| reading.value)
    }

    /// The date of a register.
    pub(crate) fn date(&self, register: Register) -> Option<Stamp> {
        self.readings
            .iter()
            .filter(|reading| reading.register == register)
            .find_map(|reading| reading.at)
    }

    /// The value of a register in a unit, of what flowed one way.
    pub(crate) fn in_direction(
        &self,
        quantity: Quantity,
        register: Register,
        direction: Direction,
        unit: Unit,
    ) -> Option<Decimal> {
        let there = |reading: &&Reading| {
            (
                reading.quantity,
                reading.register,
                reading.direction,
                reading.unit,
            ) == (quantity, register, direction, unit)
                && reading.kind == Kind::Absolute
        };
        self.readings.iter().find(there).map(|reading| reading.value)
    }

    /// What was gained in the slot that `history n` closes: as said, else from the states at its two ends. Where a
    /// counter has restarted in between, all of the new count.
    pub(crate) fn gained(&self, quantity: Quantity, n: u16) -> Option<Decimal> {
        let said = |reading: &&Reading| {
            (reading.quantity, reading.register, reading.kind)
                == (quantity, Register::History(n), Kind::Increment)
        };
        if let Some(reading) = self.readings.iter().find(said) {
            return Some(reading.value);
        }
        let now = self.find(quantity, Register::History(n))?;
        let before = self.find(quantity, Register::History(n.checked_add(1)?))?;
        let restarted = quantity == Quantity::HeatCost
            && before.at.is_some()
            && self.date(Register::SetDate).and_then(|at| at.day()) == before.at.and_then(|at| at.day());
        if restarted {
            return Some(now.value);
        }
        let gain = now.value.checked_sub(before.value)?;
        Some(if gain.mantissa < 0 { now.value } else { gain })
    }

    fn find(&self, quantity: Quantity, register: Register) -> Option<&Reading> {
        self.readings.iter().find(|reading| {
            reading.quantity == quantity
                && reading.register == register
                && reading.unit == quantity.unit()
                && reading.kind == Kind::Absolute
                && reading.direction == Direction::Net
                && reading.tariff == 0
                && reading.subunit == 0
        })
    }

    /// The day it is: by the clock, else the one that the current value carries.
    pub(crate) fn today(&self) -> Option<Date> {
        let stamp = self.device_time.or_else(|| self.date(Register::Current));
        stamp.and_then(|stamp| stamp.day())
    }
}

impl Family {
    /// The application data with which the meter at `address` says what it has to say.
    ///
    /// # Errors
    /// `Unencodable` when a value does not fit its field, or the page describes nothing that can be sent.
    pub fn speak(&self, address: Address, spoken: &Spoken) -> Result<Speech, Error> {
        let status = self.status.write(&spoken.status);
        let does_not_fit = || unencodable("a value does not fit the maker's layout");
        // Only Diehl bends the address.
        let sender = match self.scheme {
            Some(Scheme::Prios | Scheme::RealData) => quirks::swapped_back(address),
            _ => address,
        };
        let speech = |ci: u8, payload: Vec<u8>| Speech {
            sender,
            ci,
            status,
            fixed: None,
            payload,
        };
        if let Some(scheme) = self.scheme.filter(|scheme| scheme.speaks_alone()) {
            let (ci, payload) = scheme.write(spoken, sender).ok_or_else(does_not_fit)?;
            return Ok(speech(ci, payload));
        }
        let alone = self.blocks.iter().find_map(|block| match block.place {
            Place::Ci(ci) if block.follows_ci(ci, address.version) => Some((ci, block)),
            _ => None,
        });
        if let Some((ci, block)) = alone {
            let payload = block.write(spoken, status).ok_or_else(does_not_fit)?;
            return Ok(speech(ci, payload));
        }
        let mut payload = self.records(address.version, spoken, status)?;
        let after_0f = |scheme: &Scheme| scheme.place() == scrambled::Place::After0F;
        if let Some(scheme) = self.scheme.filter(after_0f) {
            let (_, octets) = scheme.write(spoken, sender).ok_or_else(does_not_fit)?;
            payload.push(0x0F);
            payload.extend(octets);
        }
        if payload.is_empty() {
            return Err(unencodable("the page describes nothing that can be sent"));
        }
        let ci = match self.header_of(spoken.telegram.as_deref()) {
            HeaderSize::None => 0x78,
            HeaderSize::Short => 0x7A,
            HeaderSize::Long => 0x72,
        };
        Ok(match self.scheme {
            Some(Scheme::RealData) => Speech {
                fixed: Some(prios::hide_real_data(sender, ACCESS_NUMBER, status, &mut payload)),
                ..speech(0x7A, payload)
            },
            Some(Scheme::RfmTx1) => {
                rfm_tx1::uncover(ACCESS_NUMBER, &mut payload);
                Speech {
                    fixed: Some((ACCESS_NUMBER, rfm_tx1::CONFIGURATION)),
                    ..speech(0x7A, payload)
                }
            }
            _ => speech(ci, payload),
        })
    }
}

/// Where scrambling depends on the access number, all of a family's telegrams have this one.
const ACCESS_NUMBER: u8 = 0x2A;

/// The mantissa of a value at a register's resolution, cut as a meter cuts: what does not fill a step is not shown.
pub(crate) fn at_resolution(value: Decimal, exponent: i8) -> Option<i64> {
    if let Some(mantissa) = value.rescale(exponent) {
        return Some(mantissa);
    }
    let digits = i32::from(exponent) - i32::from(value.exponent);
    let step = 10_i64.checked_pow(u32::try_from(digits).ok()?)?;
    Some(value.mantissa.div_euclid(step))
}

pub(crate) fn unencodable(reason: &'static str) -> Error {
    Error {
        layer: Layer::Application,
        at: 0,
        kind: ErrorKind::Unencodable { reason },
    }
}
