//! Records of a page written: each with the value, the date or the constant that it is sent with.

use wmbus::apl::{Coding, Data, Date, Dib, Function, Item, Quantity as Vif, Record, RecordPlan, Records};
use wmbus::{Decimal, Error, Version};

use crate::dating::{half_month_end, month_end};
use crate::family::Family;
use crate::reading::{Kind, Quantity, Reading, Register, Stamp};
use crate::rule::{Dated, RecordSpec, Role, Step};
use crate::speak::{Spoken, at_resolution, unencodable};
use crate::standard::{self, Said};

impl Family {
    /// The records of a telegram, and the blocks among and behind them.
    pub(crate) fn records(&self, version: Version, spoken: &Spoken, status: u8) -> Result<Vec<u8>, Error> {
        let mut payload = Vec::with_capacity(128);
        let sent = |spec: &&RecordSpec| !spec.heard_only && spec.telegram == spoken.telegram;
        for spec in self.records.iter().filter(sent) {
            for index in 0..spec.repeat {
                self.record(spec, index, spoken, status, &mut payload)?;
            }
        }
        if spoken.telegram.is_none() {
            for block in self.blocks.iter().filter(|block| block.follows_0f(version)) {
                payload.push(0x0F);
                payload.extend(block.write(spoken, status).ok_or_else(does_not_fit)?);
            }
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
        let record = specimen(&octets).ok_or_else(|| unencodable("the record's header is none"))?;
        let dib = Dib {
            storage: spec.storage_at(index),
            ..record.dib
        };
        let block = self.blocks.iter().find(|block| block.inside(&record));
        let data = if let Some(block) = block {
            Data::Variable(block.write(spoken, status).ok_or_else(does_not_fit)?)
        } else if self.flags.iter().any(|flags| flags.header == spec.header) {
            let width = record.data.len();
            let here = self.flags.iter().filter(|flags| flags.header == spec.header);
            let octets = here
                .fold(0, |bits, flags| bits | flags.write(&spoken.status))
                .to_le_bytes();
            Data::Octets(octets.get(..width).unwrap_or(&octets).to_vec())
        } else if matches!(spec.role, Role::Ignored | Role::Fact(_)) {
            constant(&record, &spec.value)
        } else if let Some((head, elements)) = spec.profile {
            let base = self.register_of(dib.storage, spoken.telegram.as_deref());
            let base = base.map(|(register, _)| register);
            Data::Variable(profile(&record, spec, base, (head, elements), spoken)?)
        } else if matches!(record.vib.quantity, Vif::Date | Vif::DateTime) {
            self.moment(&record, dib, spoken)
        } else {
            value(&record, spec, index, spoken)?
        };
        let vib = record.vib.octets.to_vec();
        RecordPlan { dib, vib, data }.encode(payload)
    }

    /// A date record: the clock, or the date of whatever is kept under the same storage number.
    fn moment(&self, record: &Record<'_>, dib: Dib, spoken: &Spoken) -> Data {
        let stamp = if dib.storage == 0 {
            let clock = record.dib.function == Function::Instantaneous;
            spoken.device_time.filter(|_| clock)
        } else {
            self.register_of(dib.storage, spoken.telegram.as_deref())
                .and_then(|(register, halves)| match (register, spoken.today()) {
                    // Whoever counts in half months has as many slots, whatever others have.
                    (Register::History(n), Some(today)) if halves => {
                        half_month_end(today, n).map(Stamp::date)
                    }
                    // Months before the meter was there still have their ends.
                    (Register::History(n), Some(today)) => spoken
                        .date(register)
                        .or_else(|| month_end(today, n).map(Stamp::date)),
                    _ => spoken.date(register),
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
                None => Data::Octets(vec![0xFF; width]),
            },
            (Some(stamp), 4) => {
                let end_of = |date| Data::DateTime(date, 23, 59);
                stamp.day().map_or(Data::Octets(vec![0xFF; 4]), end_of)
            }
            (Some(Stamp::EveryYear { month, day }), 2) => Data::EveryYear { month, day },
            (Some(stamp), 2) => stamp.day().map_or(Data::InvalidDate, Data::Date),
            (_, 2) => Data::InvalidDate,
            (_, width) => Data::Octets(vec![0xFF; width]),
        }
    }

    /// The register that a storage number holds in a telegram of this page, and whether it is one of half months.
    fn register_of(&self, storage: u64, telegram: Option<&str>) -> Option<(Register, bool)> {
        let kept = |spec: &&RecordSpec| {
            spec.role == Role::Reading && spec.profile.is_none() && spec.telegram.as_deref() == telegram
        };
        self.records.iter().filter(kept).find_map(|spec| {
            let octets = [&spec.header[..], &[0; 80]].concat();
            let record = specimen(&octets)?;
            let value = matches!(standard::reading(&record), Said::Reading(..) | Said::Absent);
            let dated = matches!(
                spec.dated,
                Dated::Record | Dated::RecordOrMonthStart | Dated::FromFirst(_)
            );
            let index = (0..spec.repeat).find(|index| spec.storage_at(*index) == storage)?;
            let halves = matches!(spec.dated, Dated::FromFirst(Step::HalfMonths(_)));
            (value && dated).then(|| (register(spec, index, &record), halves))
        })
    }
}

/// The record that a header and zeros make.
fn specimen(octets: &[u8]) -> Option<Record<'_>> {
    match Records::new(octets, 0).next() {
        Some(Item::Record(record)) => Some(record),
        _ => None,
    }
}

/// The register that a record of a page holds.
fn register(spec: &RecordSpec, index: u16, record: &Record<'_>) -> Register {
    let by_storage = || match record.dib.storage {
        0 => Register::Current,
        1 => Register::SetDate,
        storage => {
            let n = u16::try_from(storage - 1).unwrap_or(u16::MAX);
            Register::History(n.saturating_add(index))
        }
    };
    spec.register_at(index)
        .map_or_else(by_storage, |(register, _)| register)
}

/// A number, or the pattern that says that there is none.
fn value(record: &Record<'_>, spec: &RecordSpec, index: u16, spoken: &Spoken) -> Result<Data, Error> {
    let width = record.data.len();
    let real = record.dib.data_field == 5;
    let absent = match spec.absent.first() {
        _ if !spec.value.is_empty() => constant(record, &spec.value),
        Some(octets) if octets.len() == width => Data::Octets(octets.clone()),
        _ if record.dib.is_bcd() => Data::InvalidBcd(width),
        _ if real => Data::Real(f32::NAN),
        _ if record.vib.coding == Coding::Bits => Data::Octets(vec![0; width]),
        _ if record.vib.coding == Coding::Unsigned => Data::Octets(vec![0xFF; width]),
        _ => Data::InvalidInteger(width),
    };
    let like = match (&spec.role, standard::reading(record)) {
        (Role::Quantity(quantity), _) => Reading {
            register: standard::place(record).0,
            tariff: record.dib.tariff,
            subunit: record.dib.subunit,
            ..Reading::new(*quantity, Decimal::new(0, 0))
        },
        (_, Said::Reading(like, _)) => like,
        _ => return Ok(absent),
    };
    let register = match like.register {
        Register::Max | Register::Min | Register::Average => like.register,
        _ => register(spec, index, record),
    };
    let direction = spec.direction.unwrap_or(like.direction);
    let tariff = spec.tariff.unwrap_or(like.tariff);
    let subunit = spec.subunit.unwrap_or(like.subunit);
    let unit = spec.unit.unwrap_or(like.unit);
    let there = |reading: &&Reading| {
        (reading.quantity, reading.register, reading.direction) == (like.quantity, register, direction)
            && (reading.tariff, reading.subunit, reading.unit) == (tariff, subunit, unit)
            && reading.kind == Kind::Absolute
    };
    let said = spoken.readings.iter().find(there).map(|reading| reading.value);
    let said = match (spec.kind, register) {
        (Kind::Increment, Register::History(n)) if !spec.differences || index > 0 => {
            spoken.gained(like.quantity, n)
        }
        _ => said,
    };
    let Some(said) = said else { return Ok(absent) };
    let exponent = match spec.role {
        Role::Quantity(_) => spec.scale.unwrap_or(record.vib.exponent),
        _ => record.vib.exponent,
    };
    if real {
        let shifted = Decimal {
            exponent: said.exponent.saturating_sub(exponent),
            ..said
        };
        let real = format!("{}e{}", shifted.mantissa, shifted.exponent).parse();
        return real.map(Data::Real).map_err(|_| does_not_fit());
    }
    let mantissa = at_resolution(said, exponent).ok_or_else(does_not_fit)?;
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
            let two = |octet: &u8| i64::from(octet >> 4) * 10 + i64::from(octet & 15);
            let digits = octets.iter().rev().fold(0_i64, |n, octet| n * 100 + two(octet));
            Data::Bcd(digits, width)
        }
        _ => Data::Octets(octets),
    }
}

/// A compact profile: control, spacing and elements, of the history behind or before its base.
fn profile(
    record: &Record<'_>,
    spec: &RecordSpec,
    base: Option<Register>,
    ([control, spacing], elements): ([u8; 2], u16),
    spoken: &Spoken,
) -> Result<Vec<u8>, Error> {
    let quantity = match record.vib.quantity {
        Vif::Volume => Quantity::Volume,
        Vif::HeatCost => Quantity::HeatCost,
        _ => Quantity::Energy,
    };
    let cut = |value: Decimal| at_resolution(value, record.vib.exponent);
    let state = |n: u16| spoken.value(quantity, Register::History(n)).and_then(cut);
    let inverse = record.vib.profile == Some(wmbus::apl::ProfileKind::Inverse);
    let newest = match spec.register_at(0) {
        Some((Register::History(n), false)) => n,
        _ if inverse => 2,
        _ => 1,
    };
    // A row that begins at the due date has its slots where the calendar puts them.
    let due = base.filter(|base| *base == Register::SetDate && spacing == EVERY_MONTH);
    let due = due.and_then(|base| spoken.date(base)).and_then(|at| at.day());
    let slot_at = |k: u16| {
        let day = due?.add_months(i32::from(k))?;
        spoken.readings.iter().find_map(|reading| match reading.register {
            Register::History(n) if reading.quantity == quantity => {
                (reading.at.and_then(|at| at.day()) == Some(day)).then_some(n)
            }
            _ => None,
        })
    };
    let mut octets = vec![control, spacing];
    for k in 1..=elements {
        let n = match due {
            Some(_) => slot_at(k).unwrap_or(u16::MAX),
            None => newest + if inverse { k - 1 } else { elements - k },
        };
        let element = match control >> 6 {
            0 => state(n),
            // An allocator restarts at its due date; others count on from their base.
            1 if quantity == Quantity::HeatCost => {
                spoken.gained(quantity, n).and_then(cut).or(state(n).map(|_| 0))
            }
            1 => {
                let base = || base.and_then(|base| spoken.value(quantity, base)).and_then(cut);
                let before = state(n.saturating_add(1)).filter(|_| k > 1).or_else(base);
                let gained = state(n).zip(before).map(|(now, before)| now - before);
                gained.filter(|gained| *gained >= 0).or(state(n).map(|_| 0))
            }
            _ => match (state(n), state(n.saturating_sub(1)), inverse) {
                (Some(now), Some(newer), true) => Some(newer - now),
                (Some(now), _, false) => state(n.saturating_add(1)).map(|before| now - before),
                _ => None,
            },
        };
        octets.extend(element_octets(control, element)?);
    }
    Ok(octets)
}

fn element_octets(control: u8, element: Option<i64>) -> Result<Vec<u8>, Error> {
    let coding = control & 0x0F;
    let (width, bcd) = match coding {
        1..=4 => (usize::from(coding), false),
        0x9..=0xC => (usize::from(coding - 8), true),
        _ => return Err(unencodable("a profile's elements have another coding")),
    };
    let Some(element) = element else {
        return Ok(vec![0xFF; width]);
    };
    let data = if bcd {
        Data::Bcd(element, width)
    } else if let (1 | 2, Ok(element)) = (control >> 6, u64::try_from(element)) {
        // Increments and decrements are never negative.
        Data::Unsigned(element, width)
    } else {
        Data::Signed(element, width)
    };
    data.octets()
}

/// The spacing octet for one month.
const EVERY_MONTH: u8 = 0xFE;

fn does_not_fit() -> Error {
    unencodable("a value does not fit the maker's layout")
}
