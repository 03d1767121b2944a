//! A record under the standard's meaning: which reading it is when no page says otherwise.

use wmbus::Decimal;
use wmbus::apl::fixed::FixedData;
use wmbus::apl::{Function, Qualifier, Quantity as Vif, Record, Unit as VifUnit, Value};

use crate::reading::{Direction, Kind, Quantity, Reading, Register, Unit};

/// What a record says as a reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Said<R> {
    /// A value; true when it was sent as binary floating point.
    Reading(R, bool),
    /// A reading's place without a value: the meter says that there is none.
    Absent,
    /// No reading: a date, a fact, something nobody knows.
    Nothing,
}

/// Reads a record; `at` is left to the caller, and so is the number of a history slot.
pub(crate) fn reading(record: &Record<'_>) -> Said<Reading> {
    let meaning = match (record.vib.quantity, record.vib.code) {
        // Carbon dioxide; what else may be in the air has no name here yet.
        (Vif::Environment, 0x10 | 0x11) => Some((Quantity::CarbonDioxide, Unit::PartsPerMillion, 1)),
        (vif, _) => quantity(vif, record.vib.unit),
    };
    let Some((quantity, unit, factor)) = meaning else {
        return Said::Nothing;
    };
    let Some((direction, phase)) = qualifiers(record, quantity) else {
        return Said::Nothing;
    };
    // A duration during an error says how long it lasted; any other value is none.
    let in_error = record.dib.function == Function::ErrorState;
    let quantity = match quantity {
        Quantity::Duration | Quantity::OnTime | Quantity::OperatingTime if in_error => {
            Quantity::ErrorDuration
        }
        quantity => quantity,
    };
    if in_error && quantity != Quantity::ErrorDuration || record.vib.error.is_some() || record.vib.unknown {
        return Said::Nothing;
    }
    let (value, approximate) = match record.value() {
        _ if record.is_suspect() => return Said::Absent,
        Value::Number(value) => (value, false),
        Value::Approximate(value) => (value, true),
        Value::Invalid | Value::NoData => return Said::Absent,
        _ => return Said::Nothing,
    };
    let Some(mantissa) = value.mantissa.checked_mul(factor) else {
        return Said::Nothing;
    };
    let (register, subunit) = place(record);
    let subunit = match (subunit, phase) {
        (0, phase) | (phase, 0) => phase,
        (subunit, phase) => subunit.saturating_mul(PHASES).saturating_add(phase),
    };
    let value = Decimal { mantissa, ..value };
    let tariff = record.dib.tariff;
    let kind = Kind::Absolute;
    Said::Reading(
        Reading {
            quantity,
            unit,
            value,
            register,
            kind,
            direction,
            tariff,
            subunit,
            at: None,
        },
        approximate,
    )
}

/// Where the DIF says that a value is kept, and of which subunit it is.
pub(crate) fn place(record: &Record<'_>) -> (Register, u16) {
    let register = match (record.dib.function, record.dib.storage) {
        _ if record.vib.has(Qualifier::AVERAGE) => Register::Average,
        (Function::Maximum, _) => Register::Max,
        (Function::Minimum, _) => Register::Min,
        (_, 0) => Register::Current,
        (_, 1) => Register::SetDate,
        (_, storage) => Register::History(u16::try_from(storage - 1).unwrap_or(u16::MAX)),
    };
    (register, record.dib.subunit)
}

/// The two counters of the fixed structure, which the oldest wired meters send: now, and stored at a fixed date.
pub(crate) fn counters(data: &FixedData) -> impl Iterator<Item = Reading> {
    data.counters().into_iter().flatten().filter_map(|counter| {
        let (quantity, unit, factor) = quantity(counter.quantity, counter.unit)?;
        let mantissa = counter.value.mantissa.checked_mul(factor)?;
        let value = Decimal {
            mantissa,
            ..counter.value
        };
        let register = if counter.stored {
            Register::SetDate
        } else {
            Register::Current
        };
        Some(Reading {
            unit,
            register,
            ..Reading::new(quantity, value)
        })
    })
}

/// Quantity, unit and the whole number that brings the value into it.
fn quantity(vif: Vif, unit: VifUnit) -> Option<(Quantity, Unit, i64)> {
    let duration = |quantity| {
        let unit = match unit {
            VifUnit::Second => Unit::Second,
            VifUnit::Minute => Unit::Minute,
            VifUnit::Hour => Unit::Hour,
            VifUnit::Day => Unit::Day,
            VifUnit::Month => Unit::Month,
            VifUnit::Year => Unit::Year,
            _ => return None,
        };
        Some((quantity, unit, 1))
    };
    Some(match (vif, unit) {
        (Vif::Energy, VifUnit::WattHour) => (Quantity::Energy, Unit::WattHour, 1),
        (Vif::Energy, VifUnit::Joule) => (Quantity::Energy, Unit::Joule, 1),
        (Vif::Volume, VifUnit::CubicMetre) => (Quantity::Volume, Unit::CubicMetre, 1),
        (Vif::Mass, _) => (Quantity::Mass, Unit::Kilogram, 1),
        (Vif::Power | Vif::MaximumPower, VifUnit::Watt) => (Quantity::Power, Unit::Watt, 1),
        (Vif::VolumeFlow, VifUnit::CubicMetrePerHour) => (Quantity::Flow, Unit::CubicMetrePerHour, 1),
        (Vif::VolumeFlow, VifUnit::CubicMetrePerMinute) => (Quantity::Flow, Unit::CubicMetrePerHour, 60),
        (Vif::VolumeFlow, VifUnit::CubicMetrePerSecond) => (Quantity::Flow, Unit::CubicMetrePerHour, 3600),
        (Vif::FlowTemperature, VifUnit::Celsius) => (Quantity::Temperature, Unit::DegreeCelsius, 1),
        (Vif::ReturnTemperature, VifUnit::Celsius) => (Quantity::ReturnTemperature, Unit::DegreeCelsius, 1),
        (Vif::TemperatureDifference, VifUnit::Kelvin) => (Quantity::TemperatureDifference, Unit::Kelvin, 1),
        (Vif::ExternalTemperature, VifUnit::Celsius) => {
            (Quantity::AmbientTemperature, Unit::DegreeCelsius, 1)
        }
        (Vif::Pressure, _) => (Quantity::Pressure, Unit::Bar, 1),
        (Vif::HeatCost, _) => (Quantity::HeatCost, Unit::AllocationUnit, 1),
        (Vif::Humidity, _) => (Quantity::Humidity, Unit::Percent, 1),
        (Vif::Voltage, _) => (Quantity::Voltage, Unit::Volt, 1),
        (Vif::Current, _) => (Quantity::Current, Unit::Ampere, 1),
        (Vif::Frequency, _) => (Quantity::Frequency, Unit::Hertz, 1),
        (Vif::ReactiveEnergy, _) => (Quantity::Reactive, Unit::VarHour, 1),
        (Vif::ReactivePower, _) => (Quantity::Reactive, Unit::Var, 1),
        (Vif::ApparentEnergy, _) => (Quantity::Apparent, Unit::VoltAmpereHour, 1),
        (Vif::ApparentPower, _) => (Quantity::Apparent, Unit::VoltAmpere, 1),
        (Vif::RfLevel, _) => (Quantity::SignalStrength, Unit::Dbm, 1),
        (Vif::OnTime, _) => return duration(Quantity::OnTime),
        (Vif::OperatingTime, _) => return duration(Quantity::OperatingTime),
        (Vif::ActualityDuration, _) => return duration(Quantity::Age),
        (
            Vif::SinceReadout
            | Vif::SinceCumulation
            | Vif::TariffDuration
            | Vif::BatteryOperatingTime
            | Vif::TransmissionPeriod,
            _,
        ) => return duration(Quantity::Duration),
        (Vif::RemainingBattery, _) => return duration(Quantity::Battery),
        (Vif::Dimensionless | Vif::ResetCounter | Vif::CumulationCounter | Vif::StopCount, _) => {
            (Quantity::Count, Unit::One, 1)
        }
        _ => return None,
    })
}

/// Direction and phase that the VIFEs say; `None` when they make it another value.
fn qualifiers(record: &Record<'_>, quantity: Quantity) -> Option<(Direction, u16)> {
    let (mut direction, mut phase) = (Direction::Net, 0);
    for qualifier in record.vib.qualifiers() {
        match qualifier {
            Qualifier::FORWARD => direction = Direction::Forward,
            Qualifier::BACKWARD => direction = Direction::Reverse,
            // The place says it.
            Qualifier::AVERAGE => {}
            // A network's phases stand where another meter has its inputs; 4 is its neutral, 5 to 7 are from one to another.
            Qualifier {
                second_table: true,
                code: code @ 1..=7,
            } => phase = u16::from(code),
            // The maker's index behind a quantity: for display, never for a bill. It stands there too.
            Qualifier {
                second_table: false,
                code: 0x7F,
            } if !matches!(quantity, Quantity::Volume | Quantity::HeatCost | Quantity::Energy) => {
                phase = record
                    .vib
                    .octets
                    .last()
                    .map_or(0, |octet| u16::from(octet & 0x7F));
            }
            qualifier if qualifier.is_neutral() => {}
            _ => return None,
        }
    }
    Some((direction, phase))
}

/// Phase 2 of subunit 1 is subunit 102.
const PHASES: u16 = 100;

#[cfg(test)]
mod tests {
    use super::*;
    use wmbus::apl::{Item, Records};

    #[test]
    fn two_counters_of_the_oldest_kind() {
        // Water: 5070 m³, and 4800 m³ at the due date.
        let octets = [
            0x01, 0x23, 0x45, 0x67, 0x17, 0x00, 0xEC, 0x7E, 0x70, 0x50, 0, 0, 0x00, 0x48, 0, 0,
        ];
        let data = FixedData::parse(&octets, 0).unwrap();
        let readings: Vec<_> = counters(&data)
            .map(|reading| (reading.quantity, reading.register, reading.value))
            .collect();
        assert_eq!(
            readings,
            [
                (Quantity::Volume, Register::Current, Decimal::new(5070, 0)),
                (Quantity::Volume, Register::SetDate, Decimal::new(4800, 0)),
            ]
        );
    }

    fn of(octets: &[u8]) -> Option<(Quantity, Unit, Register, u16)> {
        let Some(Item::Record(record)) = Records::new(octets, 0).next() else {
            panic!("no record");
        };
        match reading(&record) {
            Said::Reading(reading, _) => {
                Some((reading.quantity, reading.unit, reading.register, reading.subunit))
            }
            Said::Absent | Said::Nothing => None,
        }
    }

    #[test]
    fn phases_stand_where_another_meter_has_its_inputs() {
        let current = |quantity, unit, subunit| Some((quantity, unit, Register::Current, subunit));
        let volt = |subunit| current(Quantity::Voltage, Unit::Volt, subunit);
        let watt = |subunit| current(Quantity::Power, Unit::Watt, subunit);
        assert_eq!(of(&[0x02, 0xFD, 0xC8, 0xFC, 0x02, 1, 0]), volt(2));
        assert_eq!(of(&[0x02, 0xFD, 0xC8, 0xFC, 0x05, 1, 0]), volt(5));
        assert_eq!(of(&[0x02, 0xAB, 0xFF, 0x03, 1, 0]), watt(3));
        assert_eq!(of(&[0x82, 0x40, 0xAB, 0xFF, 0x03, 1, 0]), watt(103));
        assert_eq!(of(&[0x82, 0x40, 0x2B, 1, 0]), watt(1));
        // A maker's index behind what bills are made of makes it something else.
        assert_eq!(of(&[0x04, 0x83, 0xFF, 0x01, 1, 0, 0, 0]), None);
    }

    #[test]
    fn carbon_dioxide_and_no_other_gas() {
        let co2 = (
            Quantity::CarbonDioxide,
            Unit::PartsPerMillion,
            Register::Current,
            0,
        );
        assert_eq!(of(&[0x02, 0xFD, 0xFD, 0x10, 1, 0]), Some(co2));
        assert_eq!(of(&[0x02, 0xFD, 0xFD, 0x12, 1, 0]), None);
    }
}
