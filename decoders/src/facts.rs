//! What records say about the meter besides values: its clock, its conditions, its names.

use wmbus::Address;
use wmbus::apl::{Function, Moment, Qualifier, Quantity as Vif, Record, Unit, Value};

use crate::decoded::Decoded;
use crate::family::Family;
use crate::reading::{Stamp, StatusWord};
use crate::rule::{RecordSpec, Role};
use crate::status::Flags;
use crate::table::digits;
use crate::{events, status};

/// Reads what a record says about the meter, if it says anything: most are values, of which this looks at no more than
/// what they are a value of.
#[inline]
pub(crate) fn read(
    record: &Record<'_>,
    rule: Option<&RecordSpec>,
    family: Option<&Family>,
    decoded: &mut Decoded,
) {
    let flags = family.map_or(&[][..], |family| &family.flags);
    if !flags.is_empty() && is_flags(flags, record, decoded) {
        return;
    }
    match rule.map(|spec| &spec.role) {
        Some(Role::Ignored | Role::Quantity(_)) => {}
        Some(Role::Fact(name)) => fact(name, record, family, decoded),
        Some(Role::Reading) | None if is_value(record) => {}
        Some(Role::Reading) | None => standard(record, decoded),
    }
}

/// True for a record of flags, which the page names, and which are read.
fn is_flags(all: &[Flags], record: &Record<'_>, decoded: &mut Decoded) -> bool {
    let header = record.header();
    let flags = || all.iter().filter(|flags| flags.header == header);
    if flags().next().is_none() {
        return false;
    }
    let raw = status::raw(record);
    let unnamed = flags().fold(raw, |rest, flags| flags.read(rest, &mut decoded.status));
    if unnamed != 0 {
        status::add(&mut decoded.status, StatusWord::ManufacturerBits, false);
    }
    raw_flags(record, decoded);
    true
}

/// True for what is sent most, of which [`standard`] has nothing to say.
fn is_value(record: &Record<'_>) -> bool {
    let of_most = matches!(
        record.vib.quantity,
        Vif::Volume
            | Vif::Energy
            | Vif::HeatCost
            | Vif::Power
            | Vif::VolumeFlow
            | Vif::FlowTemperature
            | Vif::ReturnTemperature
            | Vif::ExternalTemperature
            | Vif::TemperatureDifference
    );
    of_most && record.vib.event.is_none()
}

/// A fact that a page names; a date that says "never" is none.
fn fact(name: &str, record: &Record<'_>, family: Option<&Family>, decoded: &mut Decoded) {
    if let Value::Moment(moment) = record.value() {
        let day = Stamp::of(moment).and_then(|stamp| stamp.day());
        let unset = day.filter(|day| family.is_some_and(|family| family.unset_dates.contains(day)));
        if let Some(day) = unset {
            decoded.remark("absent", format!("{name} is {day}, which says never"));
        }
        if unset.is_some() || Stamp::of(moment).is_none() {
            return;
        }
    }
    let value = text(record);
    if !value.is_empty() {
        decoded.fact(name, value);
    }
}

/// The standard's meaning.
fn standard(record: &Record<'_>, decoded: &mut Decoded) {
    let now = record.dib.storage == 0 && record.dib.tariff == 0 && record.dib.subunit == 0;
    let instantaneous = record.dib.function == Function::Instantaneous;
    let stamp = || record.value().moment().and_then(Stamp::of);
    match record.vib.quantity {
        Vif::DateTime if now && instantaneous && record.vib.is_plain() && decoded.device_time.is_none() => {
            if let Value::Moment(moment) = record.value() {
                if matches!(moment, Moment::DateTime { invalid: true, .. }) {
                    status::add(&mut decoded.status, StatusWord::ClockInvalid, false);
                }
                decoded.device_time = Stamp::of(moment);
            }
        }
        Vif::Date | Vif::DateTime if record.dib.function == Function::ErrorState => {
            if let Some(stamp) = stamp() {
                decoded.fact("error_date", stamp.to_string());
            }
        }
        Vif::Date if record.vib.has(Qualifier::FUTURE) => {
            if let Some(stamp) = stamp() {
                decoded.fact("set_date_next", stamp.to_string());
            }
        }
        Vif::Date if now && instantaneous && record.vib.is_plain() => {
            if let Some(stamp) = stamp() {
                decoded.fact("device_date", stamp.to_string());
            }
        }
        Vif::ErrorFlags if instantaneous && record.vib.error.is_none() => {
            raw_flags(record, decoded);
            if status::raw(record) != 0 && now {
                status::add(&mut decoded.status, StatusWord::ManufacturerBits, false);
            }
        }
        // The meter's own address, behind a radio converter.
        Vif::Identification if record.data.len() == 8 => {
            if let Ok(octets) = record.data.try_into() {
                decoded.meter = Address::from_transport_octets(octets);
            }
        }
        Vif::ActualityDuration if now && instantaneous && record.vib.is_plain() => {
            let factor = match record.vib.unit {
                Unit::Second => 1,
                Unit::Minute => 60,
                Unit::Hour => 3600,
                _ => 86_400,
            };
            decoded.age_seconds = record
                .value()
                .number()
                .and_then(|number| number.mantissa.checked_mul(factor))
                // A week-old value is no reading of now; such numbers are something else.
                .filter(|age| (0..=7 * 86_400).contains(age));
        }
        _ if record.vib.event.is_some() => {
            if let Some((name, value)) = events::read(record) {
                decoded.fact(&name, value);
            }
        }
        quantity => {
            let Some(name) = name(quantity) else { return };
            let value = text(record);
            if !value.is_empty() {
                decoded.fact(name, value);
            }
        }
    }
}

/// The bits as they came, beside the words.
fn raw_flags(record: &Record<'_>, decoded: &mut Decoded) {
    let digits = record.data.len() * 2;
    let text = match digits {
        // As many as the number holds, most significant first: without a formatter, for many a meter sends some.
        2..=16 => backwards(record.data),
        _ => format!("{:0digits$X}", status::raw(record)),
    };
    decoded.fact("error_flags", text);
}

/// The fact that a quantity is the name of.
fn name(quantity: Vif) -> Option<&'static str> {
    Some(match quantity {
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
        Vif::DigitalInput => "digital_input",
        Vif::DigitalOutput => "digital_output",
        _ => return None,
    })
}

/// Characters, digits or octets of a record that is a name.
fn text(record: &Record<'_>) -> String {
    match record.value() {
        Value::Digits(octets) => backwards(octets),
        value @ Value::Text(_) => clean(value.characters()),
        Value::Number(number) => number.to_string(),
        Value::Moment(moment) => moment.to_string(),
        // Text behind a maker's VIF.
        Value::Octets(octets)
            if matches!(
                (record.dib.data_field, record.data.first()),
                (0xD, Some(0..=0xBF))
            ) =>
        {
            clean(octets.iter().rev().map(|octet| char::from(*octet)))
        }
        Value::Octets(octets) | Value::Bits(octets) => backwards(octets),
        // Digits that are none are shown as they are, unless nothing was ever written there.
        Value::Invalid if record.data.iter().any(|octet| *octet != 0xFF) => backwards(record.data),
        _ => String::new(),
    }
}

/// The digits of octets, the last octet first.
fn backwards(octets: &[u8]) -> String {
    let mut text = String::with_capacity(2 * octets.len());
    octets
        .iter()
        .rev()
        .for_each(|octet| text.push_str(digits(*octet)));
    text
}

/// Characters that may be shown anywhere.
fn clean(characters: impl Iterator<Item = char>) -> String {
    let shown: String = characters
        .map(|c| if c.is_control() { '\u{FFFD}' } else { c })
        .collect();
    shown.trim().to_owned()
}
