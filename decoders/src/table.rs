//! A page applied to records: which reading each record is, from when, and what it says about the meter.

use wmbus::apl::profile::{Mode, Profile};
use wmbus::apl::{
    Date, Function, Item, Moment, ProfileKind, Qualifier, Quantity as Vif, Record, Value, date_of,
};
use wmbus::{Address, Message};

use crate::Context;
use crate::decoded::Decoded;
use crate::family::{Dated, Family, RecordSpec, Role};
use crate::reading::{Kind, Quantity, Reading, Register, Stamp, StatusWord};
use crate::scrambled::Place;
use crate::standard::{self, Said};
use crate::status;

/// Reads the records of a message under a family's page, or under the standard's meanings without one.
pub(crate) fn read(message: &Message<'_>, family: Option<&Family>, context: &Context, decoded: &mut Decoded) {
    let mut table = Table {
        family,
        records: Vec::with_capacity(24),
        by_date: Vec::new(),
        decoded,
    };
    let mut rest: &[u8] = &[];
    for item in message.records() {
        match item {
            Item::Record(record) => table.records.push(record),
            Item::Manufacturer { octets, .. } => rest = octets,
            Item::Trailing { octets, reason, at } => {
                let text = format!("{} octets at {at} are no record ({reason:?})", octets.len());
                table.decoded.remark("trailing", text);
            }
        }
    }
    table.facts();
    let today = context
        .received
        .or(table.decoded.device_time.and_then(|stamp| stamp.day()));
    table.readings(today);
    let Table { by_date, records, .. } = table;
    rank(&mut decoded.readings, &by_date);
    if let Some(family) = family {
        if let Some(scheme) = family
            .scheme
            .filter(|scheme| scheme.place() == Place::After0F && !rest.is_empty())
        {
            scheme.read(message, rest, context, decoded);
        }
        for block in family
            .blocks
            .iter()
            .filter(|block| block.follows_0f(message.meter.version))
        {
            block.read(rest, decoded);
        }
        for record in &records {
            for block in family.blocks.iter().filter(|block| block.inside(record)) {
                block.read(record.data.get(1..).unwrap_or_default(), decoded);
            }
        }
    }
    if let Some(today) = today {
        for reading in &mut decoded.readings {
            reading.at = reading.at.map(|at| at.resolved(today));
        }
    }
}

struct Table<'a, 'd> {
    family: Option<&'a Family>,
    records: Vec<Record<'a>>,
    /// Indexes of readings whose history number follows from their dates.
    by_date: Vec<usize>,
    decoded: &'d mut Decoded,
}

impl<'a> Table<'a, '_> {
    /// Clock, conditions and names.
    fn facts(&mut self) {
        for record in self.records.clone() {
            let rule = self.rule(&record);
            if let Some(flags) = self
                .family
                .and_then(|family| family.flags.iter().find(|f| f.header == record.header()))
            {
                flags.read(&record, &mut self.decoded.status);
                continue;
            }
            match rule.map(|(spec, _)| spec.role.clone()) {
                Some(Role::Ignored) => continue,
                Some(Role::Fact(name)) => {
                    let value = text(&record);
                    self.decoded.fact(&name, value);
                    continue;
                }
                _ => {}
            }
            self.fact(&record);
        }
    }

    fn fact(&mut self, record: &Record<'a>) {
        let value = record.value();
        let now = record.dib.storage == 0 && record.dib.tariff == 0 && record.dib.subunit == 0;
        let instantaneous = record.dib.function == Function::Instantaneous;
        match record.vib.quantity {
            Vif::DateTime
                if now && instantaneous && record.vib.is_plain() && self.decoded.device_time.is_none() =>
            {
                if let Value::Moment(moment) = value {
                    if matches!(moment, Moment::DateTime { invalid: true, .. }) {
                        status::add(&mut self.decoded.status, StatusWord::ClockInvalid, false);
                    }
                    self.decoded.device_time = Stamp::of(moment);
                }
            }
            Vif::Date | Vif::DateTime if record.dib.function == Function::ErrorState => {
                if let Some(stamp) = value.moment().and_then(Stamp::of) {
                    self.decoded.fact("error_date", stamp.to_string());
                }
            }
            Vif::Date if record.vib.has(Qualifier::FUTURE) => {
                if let Some(stamp) = value.moment().and_then(Stamp::of) {
                    self.decoded.fact("set_date_next", stamp.to_string());
                }
            }
            Vif::Date if now && instantaneous && record.vib.is_plain() => {
                if let Some(stamp) = value.moment().and_then(Stamp::of) {
                    self.decoded.fact("device_date", stamp.to_string());
                }
            }
            Vif::ErrorFlags if instantaneous && record.vib.error.is_none() => {
                let flags = status::raw(record);
                let digits = record.data.len() * 2;
                self.decoded.fact("error_flags", format!("{flags:0digits$X}"));
                if flags != 0 && now {
                    status::add(&mut self.decoded.status, StatusWord::ManufacturerBits, false);
                }
            }
            // The meter's own address, behind a radio converter.
            Vif::Identification if record.data.len() == 8 => {
                if let Ok(octets) = record.data.try_into() {
                    self.decoded.meter = Address::from_transport_octets(octets);
                }
            }
            Vif::ActualityDuration if now && instantaneous && record.vib.is_plain() => {
                let factor = match record.vib.unit {
                    wmbus::apl::Unit::Second => 1,
                    wmbus::apl::Unit::Minute => 60,
                    wmbus::apl::Unit::Hour => 3600,
                    _ => 86_400,
                };
                self.decoded.age_seconds = value
                    .number()
                    .and_then(|number| number.mantissa.checked_mul(factor))
                    // A week-old value is no reading of now; such numbers are something else.
                    .filter(|age| (0..=7 * 86_400).contains(age));
            }
            quantity => {
                let name = match quantity {
                    Vif::FabricationNumber => "fabrication_no",
                    Vif::Identification => "identification",
                    Vif::Model => "model",
                    Vif::HardwareVersion => "hardware",
                    Vif::FirmwareVersion => "firmware",
                    Vif::SoftwareVersion => "software",
                    Vif::ParameterSet => "parameter_set",
                    Vif::CustomerLocation => "customer_location",
                    Vif::Customer => "customer",
                    Vif::BatteryChange => "battery_change",
                    _ => return,
                };
                let value = text(record);
                if !value.is_empty() {
                    self.decoded.fact(name, value);
                }
            }
        }
    }

    fn readings(&mut self, today: Option<Date>) {
        for record in self.records.clone() {
            let rule = self.rule(&record);
            if rule.is_some_and(|(spec, _)| spec.role != Role::Reading) {
                continue;
            }
            if record.vib.profile.is_some() {
                self.profile(&record, rule);
                continue;
            }
            match standard::reading(&record) {
                Said::Reading(reading, approximate) => {
                    self.reading(&record, rule, reading, approximate, today)
                }
                Said::Absent => {
                    let text = format!("record {} has no value", Hex(record.header()));
                    self.decoded.remark("absent", text);
                }
                Said::Nothing => {}
            }
        }
    }

    fn reading(
        &mut self,
        record: &Record<'a>,
        rule: Option<(&'a RecordSpec, u16)>,
        mut reading: Reading,
        approximate: bool,
        today: Option<Date>,
    ) {
        let mut dated = Dated::Record;
        let mut by_date = matches!(reading.register, Register::History(_));
        if let Some((spec, index)) = rule {
            if let Some((register, ranked)) = spec.register_at(index) {
                (reading.register, by_date) = (register, ranked);
            }
            (dated, reading.kind) = (spec.dated, spec.kind);
            reading.unit = spec.unit.unwrap_or(reading.unit);
        }
        match (dated, reading.register) {
            (Dated::MonthEnd, Register::History(n)) => {
                reading.at = today.and_then(|today| month_end(today, n)).map(Stamp::date);
            }
            (Dated::Record, _) if record.dib.storage > 0 => match date_of(&self.records, &record.dib) {
                Some(date) => match date.value().moment().and_then(Stamp::of) {
                    Some(stamp) => reading.at = Some(stamp),
                    None => {
                        // The slot has never been filled: whatever number stands there is none.
                        let text = format!("record {} has no date yet", Hex(record.header()));
                        self.decoded.remark("absent", text);
                        return;
                    }
                },
                None => by_date = false,
            },
            _ => {}
        }
        if approximate {
            let text = format!(
                "record {} is binary floating point: for display only",
                Hex(record.header())
            );
            self.decoded.remark("approximate", text);
        }
        // A second value under the same name is another one, and nobody says which: the first counts.
        let same = |other: &Reading| {
            (
                other.quantity,
                other.register,
                other.direction,
                other.tariff,
                other.subunit,
                other.at,
            ) == (
                reading.quantity,
                reading.register,
                reading.direction,
                reading.tariff,
                reading.subunit,
                reading.at,
            ) && !matches!(
                other.quantity,
                Quantity::Duration | Quantity::Battery | Quantity::Count
            )
        };
        if self.decoded.readings.iter().any(same) {
            let text = format!(
                "record {} repeats an earlier one with value {}",
                Hex(record.header()),
                reading.value
            );
            self.decoded.remark("repeated", text);
            return;
        }
        if by_date {
            self.by_date.push(self.decoded.readings.len());
        }
        self.decoded.readings.push(reading);
    }

    /// The elements of a compact profile: history slots, the newest of them number 1.
    fn profile(&mut self, record: &Record<'a>, rule: Option<(&'a RecordSpec, u16)>) {
        let Some(profile) = Profile::expand(record, &self.records) else {
            return;
        };
        let plain = record.vib.qualifiers().all(|q| q.is_neutral() || is_profile(q));
        let quantity = match (record.vib.quantity, plain) {
            (Vif::Volume, true) => Quantity::Volume,
            (Vif::HeatCost, true) => Quantity::HeatCost,
            (Vif::Energy, true) => Quantity::Energy,
            _ => return,
        };
        // An allocator restarts at its due date: what was gained can't be added up across it.
        let increments = profile.mode != Mode::Absolute && quantity == Quantity::HeatCost;
        let all_zero = profile
            .entries
            .iter()
            .all(|entry| entry.value.is_none_or(|value| value.mantissa == 0));
        if quantity == Quantity::HeatCost
            && profile.mode == Mode::Absolute
            && all_zero
            && profile.entries.len() > 1
        {
            let set_date = self.decoded.readings.iter().any(|reading| {
                reading.register == Register::SetDate
                    && reading.quantity == quantity
                    && reading.value.mantissa != 0
            });
            if set_date {
                self.decoded.remark(
                    "absent",
                    "the history is all zero beside a due date's value: not provided",
                );
                return;
            }
        }
        let clock = self.decoded.device_time.and_then(|stamp| stamp.day());
        let explicit = rule
            .and_then(|(spec, _)| spec.register_at(0))
            .filter(|(_, by_date)| !by_date);
        let count = profile.entries.len();
        for entry in &profile.entries {
            let value = if increments { entry.element } else { entry.value };
            let Some(value) = value else { continue };
            let at = entry.at.and_then(Stamp::of);
            let future = at
                .and_then(|at| at.day())
                .zip(clock)
                .is_some_and(|(day, clock)| day > clock);
            if future {
                continue;
            }
            let number = match (profile.kind, explicit) {
                (ProfileKind::Inverse, Some((Register::History(n), _))) => {
                    n.saturating_add(slot(entry.k) - 1)
                }
                (ProfileKind::Inverse, _) => slot(entry.k + 1),
                (_, Some((Register::History(n), _))) => n.saturating_add(slot(count - entry.k)),
                _ => slot(count - entry.k + 1),
            };
            let kind = if increments {
                Kind::Increment
            } else {
                Kind::Absolute
            };
            let unit = match record.vib.unit {
                wmbus::apl::Unit::Joule => crate::reading::Unit::Joule,
                _ => quantity.unit(),
            };
            let reading = Reading {
                unit,
                register: Register::History(number),
                kind,
                at,
                ..Reading::new(quantity, value)
            };
            // An explicit record of the same slot wins.
            let stands = self.decoded.readings.iter().any(|other| {
                other.quantity == quantity
                    && other.at == at
                    && at.is_some()
                    && other.kind == kind
                    && matches!(other.register, Register::History(_))
            });
            if !stands {
                if at.is_some() && explicit.is_none() {
                    self.by_date.push(self.decoded.readings.len());
                }
                self.decoded.readings.push(reading);
            }
        }
    }

    fn rule(&self, record: &Record<'a>) -> Option<(&'a RecordSpec, u16)> {
        self.family.and_then(|family| family.rule(record))
    }
}

/// Numbers dated history slots by their dates: 1 is the newest. Slots of one quantity and date share a number.
fn rank(readings: &mut [Reading], by_date: &[usize]) {
    let mut days: Vec<(Quantity, Date)> = by_date
        .iter()
        .filter_map(|index| readings.get(*index))
        .filter_map(|reading| Some((reading.quantity, reading.at?.day()?)))
        .collect();
    days.sort_unstable_by(|a, b| b.cmp(a));
    days.dedup();
    for index in by_date {
        let Some(reading) = readings.get_mut(*index) else {
            continue;
        };
        let Some(day) = reading.at.and_then(|at| at.day()) else {
            continue;
        };
        let newer = days
            .iter()
            .filter(|(quantity, other)| *quantity == reading.quantity && *other > day)
            .count();
        reading.register = Register::History(slot(newer + 1));
    }
}

/// The n-th month end before a day; n = 1 is the end of the month before.
pub(crate) fn month_end(today: Date, n: u16) -> Option<Date> {
    let first = Date { day: 1, ..today };
    first.add_months(-i32::from(n)).map(Date::end_of_month)
}

fn slot(number: usize) -> u16 {
    u16::try_from(number).unwrap_or(u16::MAX)
}

fn is_profile(qualifier: Qualifier) -> bool {
    !qualifier.second_table && matches!(qualifier.code, 0x13 | 0x1E | 0x1F)
}

/// Characters, digits or octets of a record that is a name.
fn text(record: &Record<'_>) -> String {
    match record.value() {
        value @ (Value::Digits(_) | Value::Text(_)) => value
            .characters()
            .map(|c| if c.is_control() { '\u{FFFD}' } else { c })
            .collect::<String>()
            .trim()
            .to_owned(),
        Value::Number(number) => number.to_string(),
        Value::Moment(moment) => moment.to_string(),
        Value::Octets(octets) | Value::Bits(octets) => {
            let most_significant_first: Vec<u8> = octets.iter().rev().copied().collect();
            Hex(&most_significant_first).to_string()
        }
        _ => String::new(),
    }
}

/// Octets as hexadecimal digits.
pub(crate) struct Hex<'a>(pub(crate) &'a [u8]);

impl std::fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|octet| write!(f, "{octet:02X}"))
    }
}
