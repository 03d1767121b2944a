//! A page read backwards: the application data that say given readings. So do simulators speak as a meter.

use wmbus::apl::{Data, Date, Dib, Item, Quantity as Vif, Record, RecordPlan, Records};
use wmbus::{Address, Decimal, Error, ErrorKind, Layer, Version};

use crate::block::Place;
use crate::family::{Dated, Family, RecordSpec, Role};
use crate::page::HeaderSize;
use crate::quirks;
use crate::reading::{Direction, Kind, Quantity, Reading, Register, Stamp, Status};
use crate::scrambled::Scheme;
use crate::standard::{self, Said};
use crate::table::month_end;

/// What a meter has to say. A family's page takes what its telegram has room for.
#[derive(Clone, Debug, Default)]
pub struct Spoken {
    /// Values of all registers.
    pub readings: Vec<Reading>,
    /// The meter's clock.
    pub device_time: Option<Stamp>,
    /// Conditions.
    pub status: Vec<Status>,
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

    fn find(&self, quantity: Quantity, register: Register) -> Option<&Reading> {
        self.readings.iter().find(|reading| {
            reading.quantity == quantity
                && reading.register == register
                && reading.kind == Kind::Absolute
                && reading.direction == Direction::Net
                && reading.tariff == 0
                && reading.subunit == 0
        })
    }

    fn today(&self) -> Option<Date> {
        self.device_time.and_then(|stamp| stamp.day())
    }
}

impl Family {
    /// The application data with which the meter at `address` says what it has to say.
    ///
    /// # Errors
    /// `Unencodable` when a value does not fit its field, or the page describes nothing that can be sent.
    pub fn speak(&self, address: Address, spoken: &Spoken) -> Result<Speech, Error> {
        let status = self.status.write(&spoken.status);
        if let Some(scheme) = self.scheme {
            // Only PRIOS bends the address.
            let sender = if scheme == Scheme::Prios {
                quirks::swapped_back(address)
            } else {
                address
            };
            let (ci, payload) = scheme
                .write(spoken, sender.link_octets())
                .ok_or_else(|| unencodable("a value does not fit the maker's layout"))?;
            return Ok(Speech {
                sender,
                ci,
                status,
                payload,
            });
        }
        let alone = self.blocks.iter().find_map(|block| match block.place {
            Place::Ci(ci) if block.follows_ci(ci, address.version) => Some((ci, block)),
            _ => None,
        });
        if let Some((ci, block)) = alone {
            let payload = block
                .write(spoken, status)
                .ok_or_else(|| unencodable("a value does not fit the maker's layout"))?;
            return Ok(Speech {
                sender: address,
                ci,
                status,
                payload,
            });
        }
        let ci = match self.header {
            HeaderSize::None => 0x78,
            HeaderSize::Short => 0x7A,
            HeaderSize::Long => 0x72,
        };
        let payload = self.records(address.version, spoken, status)?;
        if payload.is_empty() {
            return Err(unencodable("the page describes nothing that can be sent"));
        }
        Ok(Speech {
            sender: address,
            ci,
            status,
            payload,
        })
    }

    fn records(&self, version: Version, spoken: &Spoken, status: u8) -> Result<Vec<u8>, Error> {
        let mut payload = Vec::with_capacity(128);
        for spec in &self.records {
            for index in 0..spec.repeat {
                self.record(spec, index, spoken, status, &mut payload)?;
            }
        }
        for block in self.blocks.iter().filter(|block| block.follows_0f(version)) {
            payload.push(0x0F);
            payload.extend(
                block
                    .write(spoken, status)
                    .ok_or_else(|| unencodable("a value does not fit the maker's layout"))?,
            );
        }
        Ok(payload)
    }

    fn record(
        &self,
        spec: &RecordSpec,
        index: u16,
        spoken: &Spoken,
        status: u8,
        payload: &mut Vec<u8>,
    ) -> Result<(), Error> {
        let octets = [&spec.header[..], &[0; 80]].concat();
        let Some(Item::Record(record)) = Records::new(&octets, 0).next() else {
            return Err(unencodable("the record's header is none"));
        };
        let storage = record.dib.storage + u64::from(index) * u64::from(spec.step);
        let dib = Dib {
            storage,
            ..record.dib
        };
        let block = self.blocks.iter().find(|block| block.inside(&record));
        let data = if let Some(block) = block {
            let octets = block.write(spoken, status);
            Data::Variable(octets.ok_or_else(|| unencodable("a value does not fit the maker's layout"))?)
        } else if let Some(flags) = self.flags.iter().find(|flags| flags.header == spec.header) {
            let width = record.data.len();
            let octets = flags.write(&spoken.status).to_le_bytes();
            Data::Octets(octets.get(..width).unwrap_or(&octets).to_vec())
        } else if spec.role != Role::Reading {
            constant(&record, &spec.value)
        } else if let Some((head, elements)) = spec.profile {
            Data::Variable(profile(&record, head, elements, spoken)?)
        } else if matches!(record.vib.quantity, Vif::Date | Vif::DateTime) {
            self.moment(&record, dib, spoken)
        } else {
            value(&record, spec, index, spoken)?
        };
        RecordPlan {
            dib,
            vib: record.vib.octets.to_vec(),
            data,
        }
        .encode(payload)
    }

    /// A date record: the clock, or the date of whatever is kept under the same storage number.
    fn moment(&self, record: &Record<'_>, dib: Dib, spoken: &Spoken) -> Data {
        let stamp = if dib.storage == 0 {
            spoken
                .device_time
                .filter(|_| record.dib.function == wmbus::apl::Function::Instantaneous)
        } else {
            self.register_of(dib.storage).and_then(|(register, base)| {
                base.or_else(|| spoken.date(register)).or_else(|| {
                    // Months before the meter was there still have their ends.
                    match register {
                        Register::History(n) => spoken
                            .today()
                            .and_then(|today| month_end(today, n))
                            .map(Stamp::date),
                        _ => None,
                    }
                })
            })
        };
        let width = record.data.len();
        match (stamp, width) {
            (
                Some(Stamp::DateTime {
                    year,
                    month,
                    day,
                    hour,
                    minute,
                    second,
                }),
                4 | 6,
            ) => match Date::new(year, month, day) {
                Some(date) if width == 4 => Data::DateTime(date, hour, minute),
                Some(date) => Data::DateTimeSecond(date, hour, minute, second.unwrap_or(0)),
                None => Data::InvalidDate,
            },
            (Some(stamp), 4) => stamp
                .day()
                .map_or(Data::Octets(vec![0xFF; 4]), |date| Data::DateTime(date, 23, 59)),
            (Some(Stamp::EveryYear { month, day }), 2) => Data::EveryYear { month, day },
            (Some(stamp), 2) => stamp.day().map_or(Data::InvalidDate, Data::Date),
            (_, 2) => Data::InvalidDate,
            (_, width) => Data::Octets(vec![0xFF; width]),
        }
    }

    /// The register that a storage number holds on this page.
    fn register_of(&self, storage: u64) -> Option<(Register, Option<Stamp>)> {
        self.records
            .iter()
            .filter(|spec| spec.role == Role::Reading && spec.profile.is_none())
            .find_map(|spec| {
                (0..spec.repeat).find_map(|index| {
                    let here = spec.dib.storage + u64::from(index) * u64::from(spec.step) == storage;
                    let octets = [&spec.header[..], &[0; 80]].concat();
                    let Some(Item::Record(record)) = Records::new(&octets, 0).next() else {
                        return None;
                    };
                    let dated = matches!(standard::reading(&record), Said::Reading(..) | Said::Absent);
                    (here && dated && spec.dated == Dated::Record)
                        .then(|| (register(spec, index, &record), None))
                })
            })
    }
}

/// The register that a record of a page holds.
fn register(spec: &RecordSpec, index: u16, record: &Record<'_>) -> Register {
    spec.register_at(index).map_or(
        match record.dib.storage {
            0 => Register::Current,
            1 => Register::SetDate,
            storage => Register::History(
                u16::try_from(storage - 1)
                    .unwrap_or(u16::MAX)
                    .saturating_add(index),
            ),
        },
        |(register, _)| register,
    )
}

/// A number, or the pattern that says that there is none.
fn value(record: &Record<'_>, spec: &RecordSpec, index: u16, spoken: &Spoken) -> Result<Data, Error> {
    let width = record.data.len();
    let absent = if record.dib.is_bcd() {
        Data::InvalidBcd(width)
    } else {
        Data::InvalidInteger(width)
    };
    let Said::Reading(like, _) = standard::reading(record) else {
        return Ok(absent);
    };
    let register = match like.register {
        Register::Max | Register::Min | Register::Average => like.register,
        _ => register(spec, index, record),
    };
    let said = spoken.readings.iter().find(|reading| {
        reading.quantity == like.quantity
            && reading.register == register
            && reading.direction == like.direction
            && reading.tariff == like.tariff
            && reading.subunit == like.subunit
    });
    let Some(said) = said else { return Ok(absent) };
    let mantissa = said
        .value
        .rescale(record.vib.exponent)
        .ok_or_else(|| unencodable("a value has more digits than the record's power of ten"))?;
    Ok(if record.dib.is_bcd() {
        Data::Bcd(mantissa, width)
    } else {
        Data::Signed(mantissa, width)
    })
}

/// The octets that a page gives for a record without a reading; zeros otherwise.
fn constant(record: &Record<'_>, value: &[u8]) -> Data {
    if record.dib.data_field == 0xD {
        return Data::Variable(value.to_vec());
    }
    let mut octets = value.to_vec();
    octets.resize(record.data.len(), 0);
    match record.data.len() {
        0 => Data::Nothing,
        width if record.dib.is_bcd() => {
            let digits = octets
                .iter()
                .rev()
                .fold(0_i64, |n, o| n * 100 + i64::from(o >> 4) * 10 + i64::from(o & 15));
            Data::Bcd(digits, width)
        }
        _ => Data::Octets(octets),
    }
}

/// A compact profile: control, spacing and elements, of the history behind or before its base.
fn profile(record: &Record<'_>, head: [u8; 2], elements: u16, spoken: &Spoken) -> Result<Vec<u8>, Error> {
    let [control, spacing] = head;
    let quantity = match record.vib.quantity {
        Vif::Volume => Quantity::Volume,
        Vif::HeatCost => Quantity::HeatCost,
        _ => Quantity::Energy,
    };
    let state = |n: u16| {
        spoken
            .value(quantity, Register::History(n))
            .and_then(|value| value.rescale(record.vib.exponent))
    };
    let inverse = record.vib.profile == Some(wmbus::apl::ProfileKind::Inverse);
    let mut octets = vec![control, spacing];
    for k in 1..=elements {
        let n = if inverse { k + 1 } else { elements - k + 1 };
        let element = match control >> 6 {
            0 => state(n),
            // What was gained in the slot that ends there; after a restart all of the new count.
            1 => state(n).map(|now| match state(n + 1) {
                Some(before) if before <= now => now - before,
                Some(_) => now,
                None => 0,
            }),
            _ => match (state(n), state(n - 1), inverse) {
                (Some(now), Some(newer), true) => Some(newer - now),
                (Some(now), _, false) => state(n + 1).map(|before| now - before),
                _ => None,
            },
        };
        octets.extend(element_octets(control & 0x0F, element)?);
    }
    Ok(octets)
}

fn element_octets(coding: u8, element: Option<i64>) -> Result<Vec<u8>, Error> {
    let (width, bcd) = match coding {
        1..=4 => (usize::from(coding), false),
        0x9..=0xC => (usize::from(coding - 8), true),
        _ => return Err(unencodable("a profile's elements have another coding")),
    };
    let Some(element) = element else {
        return Ok(vec![0xFF; width]);
    };
    let plan = RecordPlan {
        dib: Dib::new(0),
        vib: Vec::new(),
        data: if bcd {
            Data::Bcd(element, width)
        } else {
            Data::Signed(element, width)
        },
    };
    let mut octets = Vec::new();
    plan.encode(&mut octets)?;
    // The DIF is not part of an element.
    octets.remove(0);
    Ok(octets)
}

fn unencodable(reason: &'static str) -> Error {
    Error {
        layer: Layer::Application,
        at: 0,
        kind: ErrorKind::Unencodable { reason },
    }
}
