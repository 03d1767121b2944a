//! The tables of VIF codes (EN 13757-3, VIF and its extensions): what each code says about a value.
//!
//! A row covers a range of codes. Its power of ten is that of the first code; each further code multiplies by ten, or
//! takes the next of second, minute, hour and day. The rows are spread into one array per table when the crate is
//! built, so that looking up a code is one step.

use super::quantity::{Coding, Quantity, Unit};
use Coding::{Bits, Identifier, Moment, Raw, Signed, Unsigned};
use Quantity as Q;

/// What one code says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Meaning {
    pub(super) quantity: Quantity,
    pub(super) unit: Unit,
    /// Power of ten of the value in that unit.
    pub(super) exponent: i8,
    pub(super) coding: Coding,
}

/// Meanings by code.
pub(super) type Codes = [Meaning; 128];

/// The primary VIF, without its extension bit.
pub(super) static PRIMARY: Codes = spread(PRIMARY_ROWS);
/// After FD: the main extension.
pub(super) static MAIN: Codes = spread(MAIN_ROWS);
/// After FD FD: the second level of the main extension.
pub(super) static SECOND_LEVEL: Codes = spread(SECOND_LEVEL_ROWS);
/// After FB: the alternate extension.
pub(super) static ALTERNATE: Codes = spread(ALTERNATE_ROWS);

/// Units of a duration by its two bits.
pub(super) const TIMES: [Unit; 4] = [Unit::Second, Unit::Minute, Unit::Hour, Unit::Day];

impl Meaning {
    /// A reserved code: the integer is shown, and means nothing.
    pub(super) const UNKNOWN: Self = Self {
        quantity: Q::Unknown,
        unit: Unit::None,
        exponent: 0,
        coding: Signed,
    };
}

/// One range of codes.
struct Row {
    first: u8,
    last: u8,
    quantity: Quantity,
    unit: Unit,
    scale: Scale,
    coding: Coding,
}

/// How the codes of a range differ.
#[derive(Clone, Copy)]
enum Scale {
    /// 10 to this power at the first code, ten times more at each further one.
    Power(i8),
    /// Second, minute, hour, day; the first code begins at this one.
    Time(u8),
    /// Month, year.
    Calendar,
    /// The same for all.
    Flat,
}

#[allow(
    clippy::indexing_slicing,
    reason = "evaluated by the compiler only: a wrong index does not build"
)]
const fn spread(rows: &[Row]) -> Codes {
    let mut codes = [Meaning::UNKNOWN; 128];
    let mut at = 0;
    while at < rows.len() {
        let row = &rows[at];
        let mut code = row.first;
        while code <= row.last {
            let step = code - row.first;
            let (unit, exponent) = match row.scale {
                Scale::Power(first) => (row.unit, first + step as i8),
                Scale::Time(first) => (TIMES[(first + step) as usize], 0),
                Scale::Calendar if step == 0 => (Unit::Month, 0),
                Scale::Calendar => (Unit::Year, 0),
                Scale::Flat => (row.unit, 0),
            };
            codes[code as usize] = Meaning {
                quantity: row.quantity,
                unit,
                exponent,
                coding: row.coding,
            };
            code += 1;
        }
        at += 1;
    }
    codes
}

const fn row(first: u8, last: u8, quantity: Quantity, unit: Unit, scale: Scale, coding: Coding) -> Row {
    Row {
        first,
        last,
        quantity,
        unit,
        scale,
        coding,
    }
}

/// Powers of ten of a unit.
const fn power(first: u8, last: u8, quantity: Quantity, unit: Unit, exponent: i8) -> Row {
    row(
        first,
        last,
        quantity,
        unit,
        Scale::Power(exponent),
        Coding::Signed,
    )
}

/// Seconds, minutes, hours, days; `from` says at which of them the range begins.
const fn time(first: u8, last: u8, quantity: Quantity, from: u8, coding: Coding) -> Row {
    row(first, last, quantity, Unit::None, Scale::Time(from), coding)
}

/// Months, years.
const fn calendar(first: u8, last: u8, quantity: Quantity, coding: Coding) -> Row {
    row(first, last, quantity, Unit::None, Scale::Calendar, coding)
}

/// One code with a unit of its own, or none.
const fn one(code: u8, quantity: Quantity, unit: Unit, coding: Coding) -> Row {
    row(code, code, quantity, unit, Scale::Power(0), coding)
}

/// Codes that differ in meaning only.
const fn flat(first: u8, last: u8, quantity: Quantity, coding: Coding) -> Row {
    row(first, last, quantity, Unit::None, Scale::Flat, coding)
}

const fn plain(code: u8, quantity: Quantity, coding: Coding) -> Row {
    one(code, quantity, Unit::None, coding)
}

const PRIMARY_ROWS: &[Row] = &[
    power(0x00, 0x07, Q::Energy, Unit::WattHour, -3),
    power(0x08, 0x0F, Q::Energy, Unit::Joule, 0),
    power(0x10, 0x17, Q::Volume, Unit::CubicMetre, -6),
    power(0x18, 0x1F, Q::Mass, Unit::Kilogram, -3),
    time(0x20, 0x23, Q::OnTime, 0, Signed),
    time(0x24, 0x27, Q::OperatingTime, 0, Signed),
    power(0x28, 0x2F, Q::Power, Unit::Watt, -3),
    power(0x30, 0x37, Q::Power, Unit::JoulePerHour, 0),
    power(0x38, 0x3F, Q::VolumeFlow, Unit::CubicMetrePerHour, -6),
    power(0x40, 0x47, Q::VolumeFlow, Unit::CubicMetrePerMinute, -7),
    power(0x48, 0x4F, Q::VolumeFlow, Unit::CubicMetrePerSecond, -9),
    power(0x50, 0x57, Q::MassFlow, Unit::KilogramPerHour, -3),
    power(0x58, 0x5B, Q::FlowTemperature, Unit::Celsius, -3),
    power(0x5C, 0x5F, Q::ReturnTemperature, Unit::Celsius, -3),
    power(0x60, 0x63, Q::TemperatureDifference, Unit::Kelvin, -3),
    power(0x64, 0x67, Q::ExternalTemperature, Unit::Celsius, -3),
    power(0x68, 0x6B, Q::Pressure, Unit::Bar, -3),
    plain(0x6C, Q::Date, Moment),
    plain(0x6D, Q::DateTime, Moment),
    plain(0x6E, Q::HeatCost, Signed),
    time(0x70, 0x73, Q::AveragingDuration, 0, Signed),
    time(0x74, 0x77, Q::ActualityDuration, 0, Signed),
    plain(0x78, Q::FabricationNumber, Identifier),
    plain(0x79, Q::Identification, Identifier),
    plain(0x7A, Q::BusAddress, Unsigned),
    plain(0x7C, Q::PlainText, Signed),
    plain(0x7F, Q::ManufacturerSpecific, Raw),
];

const MAIN_ROWS: &[Row] = &[
    power(0x00, 0x03, Q::Credit, Unit::None, -3),
    power(0x04, 0x07, Q::Debit, Unit::None, -3),
    plain(0x08, Q::AccessNumber, Unsigned),
    plain(0x09, Q::DeviceType, Identifier),
    plain(0x0A, Q::Manufacturer, Identifier),
    plain(0x0B, Q::ParameterSet, Identifier),
    plain(0x0C, Q::Model, Identifier),
    plain(0x0D, Q::HardwareVersion, Identifier),
    plain(0x0E, Q::FirmwareVersion, Identifier),
    plain(0x0F, Q::SoftwareVersion, Identifier),
    plain(0x10, Q::CustomerLocation, Identifier),
    plain(0x11, Q::Customer, Identifier),
    // Four access codes and the password.
    flat(0x12, 0x16, Q::Secret, Raw),
    plain(0x17, Q::ErrorFlags, Bits),
    plain(0x18, Q::ErrorMask, Unsigned),
    plain(0x19, Q::Secret, Raw),
    plain(0x1A, Q::DigitalOutput, Bits),
    plain(0x1B, Q::DigitalInput, Bits),
    one(0x1C, Q::BaudRate, Unit::Baud, Unsigned),
    one(0x1D, Q::ResponseDelay, Unit::BitTime, Unsigned),
    plain(0x1E, Q::Retry, Signed),
    plain(0x1F, Q::RemoteControl, Bits),
    plain(0x20, Q::FirstStorage, Unsigned),
    plain(0x21, Q::LastStorage, Unsigned),
    plain(0x22, Q::StorageBlockSize, Unsigned),
    plain(0x23, Q::TariffDescriptor, Unsigned),
    time(0x24, 0x27, Q::StorageInterval, 0, Signed),
    calendar(0x28, 0x29, Q::StorageInterval, Signed),
    plain(0x2A, Q::OperatorData, Raw),
    one(0x2B, Q::TimePointSecond, Unit::Second, Unsigned),
    time(0x2C, 0x2F, Q::SinceReadout, 0, Unsigned),
    plain(0x30, Q::TariffStart, Moment),
    time(0x31, 0x33, Q::TariffDuration, 1, Unsigned),
    time(0x34, 0x37, Q::TariffPeriod, 0, Unsigned),
    calendar(0x38, 0x39, Q::TariffPeriod, Unsigned),
    plain(0x3A, Q::Dimensionless, Signed),
    plain(0x3B, Q::Container, Raw),
    time(0x3C, 0x3F, Q::TransmissionPeriod, 0, Unsigned),
    power(0x40, 0x4F, Q::Voltage, Unit::Volt, -9),
    power(0x50, 0x5F, Q::Current, Unit::Ampere, -12),
    plain(0x60, Q::ResetCounter, Signed),
    plain(0x61, Q::CumulationCounter, Signed),
    plain(0x62, Q::ControlSignal, Signed),
    plain(0x63, Q::DayOfWeek, Unsigned),
    plain(0x64, Q::WeekNumber, Unsigned),
    plain(0x65, Q::DayChange, Raw),
    plain(0x66, Q::ParameterActivation, Unsigned),
    plain(0x67, Q::SupplierInformation, Raw),
    time(0x68, 0x69, Q::SinceCumulation, 2, Unsigned),
    calendar(0x6A, 0x6B, Q::SinceCumulation, Unsigned),
    time(0x6C, 0x6D, Q::BatteryOperatingTime, 2, Signed),
    calendar(0x6E, 0x6F, Q::BatteryOperatingTime, Signed),
    plain(0x70, Q::BatteryChange, Moment),
    // Unverified: one library maps the octet n to 2n − 130.
    one(0x71, Q::RfLevel, Unit::Dbm, Signed),
    plain(0x72, Q::DaylightSaving, Raw),
    plain(0x73, Q::ListeningWindow, Raw),
    one(0x74, Q::RemainingBattery, Unit::Day, Unsigned),
    plain(0x75, Q::StopCount, Unsigned),
    // Of the maker, of upper layers.
    flat(0x76, 0x77, Q::Container, Raw),
];

/// From 04 on of the 2025 edition, known from one source: to be shown, never to be billed. Their names are in
/// [`super::names`].
const SECOND_LEVEL_ROWS: &[Row] = &[
    plain(0x00, Q::SelectedApplication, Unsigned),
    plain(0x01, Q::DeviceType, Identifier),
    calendar(0x02, 0x03, Q::RemainingBattery, Unsigned),
    plain(0x04, Q::Environment, Signed),
    plain(0x05, Q::Environment, Signed),
    plain(0x08, Q::Environment, Signed),
    power(0x10, 0x11, Q::Environment, Unit::PartsPerMillion, 0),
    power(0x12, 0x13, Q::Environment, Unit::PartsPerMillion, 0),
    power(0x14, 0x15, Q::Environment, Unit::PartsPerBillion, 0),
    one(0x16, Q::Environment, Unit::MicrogramPerCubicMetre, Signed),
    // Of particles of any size, PM1, PM2.5, PM10: mass, then count.
    one(0x17, Q::Environment, Unit::MicrogramPerCubicMetre, Signed),
    one(0x18, Q::Environment, Unit::MicrogramPerCubicMetre, Signed),
    one(0x19, Q::Environment, Unit::MicrogramPerCubicMetre, Signed),
    one(0x1A, Q::Environment, Unit::MicrogramPerCubicMetre, Signed),
    power(0x1B, 0x1B, Q::Environment, Unit::PerCubicMetre, 6),
    power(0x1C, 0x1C, Q::Environment, Unit::PerCubicMetre, 6),
    power(0x1D, 0x1D, Q::Environment, Unit::PerCubicMetre, 6),
    power(0x1E, 0x1E, Q::Environment, Unit::PerCubicMetre, 6),
    one(0x1F, Q::Environment, Unit::Lux, Signed),
    one(0x20, Q::Environment, Unit::Candela, Signed),
    one(0x21, Q::Environment, Unit::WattPerSquareMetre, Signed),
    one(0x22, Q::Environment, Unit::KilometrePerHour, Signed),
    plain(0x23, Q::Environment, Signed),
    one(0x24, Q::Environment, Unit::Decibel, Signed),
    one(0x25, Q::Environment, Unit::Fnu, Signed),
    power(0x27, 0x27, Q::Environment, Unit::None, -1),
    flat(0x2C, 0x39, Q::Environment, Signed),
    power(0x3A, 0x3B, Q::Environment, Unit::Millimetre, 0),
    one(0x3E, Q::Environment, Unit::Percent, Signed),
    plain(0x3F, Q::Environment, Signed),
    flat(0x40, 0x44, Q::Environment, Bits),
];

const ALTERNATE_ROWS: &[Row] = &[
    power(0x00, 0x01, Q::Energy, Unit::WattHour, 5),
    power(0x02, 0x03, Q::ReactiveEnergy, Unit::VarHour, 3),
    power(0x04, 0x05, Q::ApparentEnergy, Unit::VoltAmpereHour, 3),
    // Unverified.
    power(0x06, 0x06, Q::PerformanceCoefficient, Unit::None, -1),
    power(0x08, 0x09, Q::Energy, Unit::Joule, 8),
    power(0x0C, 0x0F, Q::Energy, Unit::Calorie, 5),
    power(0x10, 0x11, Q::Volume, Unit::CubicMetre, 2),
    power(0x14, 0x17, Q::ReactivePower, Unit::Var, 0),
    row(0x18, 0x19, Q::Mass, Unit::Kilogram, Scale::Power(5), Unsigned),
    row(0x1A, 0x1B, Q::Humidity, Unit::Percent, Scale::Power(-1), Unsigned),
    // 20 to 26, 58 to 67 and 70 to 73 have been retired, and are still on walls.
    power(0x20, 0x20, Q::Volume, Unit::CubicFoot, 0),
    power(0x21, 0x21, Q::Volume, Unit::CubicFoot, -1),
    power(0x22, 0x23, Q::Volume, Unit::UsGallon, -1),
    power(0x24, 0x24, Q::VolumeFlow, Unit::UsGallonPerMinute, -3),
    power(0x25, 0x25, Q::VolumeFlow, Unit::UsGallonPerMinute, 0),
    power(0x26, 0x26, Q::VolumeFlow, Unit::UsGallonPerHour, 0),
    power(0x28, 0x29, Q::Power, Unit::Watt, 5),
    // Between two voltages, between voltage and current.
    power(0x2A, 0x2A, Q::PhaseAngle, Unit::Degree, -1),
    power(0x2B, 0x2B, Q::PhaseAngle, Unit::Degree, -1),
    power(0x2C, 0x2F, Q::Frequency, Unit::Hertz, -3),
    power(0x30, 0x31, Q::Power, Unit::JoulePerHour, 8),
    power(0x34, 0x37, Q::ApparentPower, Unit::VoltAmpere, 0),
    power(0x58, 0x5B, Q::FlowTemperature, Unit::Fahrenheit, -3),
    power(0x5C, 0x5F, Q::ReturnTemperature, Unit::Fahrenheit, -3),
    power(0x60, 0x63, Q::TemperatureDifference, Unit::Fahrenheit, -3),
    power(0x64, 0x67, Q::ExternalTemperature, Unit::Fahrenheit, -3),
    // K, KQ, KC, KCR, KCH, KT, KD: sources scale them differently, so the integer alone is shown.
    flat(0x68, 0x6E, Q::RatingFactor, Unsigned),
    power(0x70, 0x73, Q::TemperatureLimit, Unit::Fahrenheit, -3),
    power(0x74, 0x77, Q::TemperatureLimit, Unit::Celsius, -3),
    power(0x78, 0x7F, Q::MaximumPower, Unit::Watt, -3),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn count(rows: &[Row]) -> usize {
        rows.iter().map(|row| usize::from(row.last - row.first) + 1).sum()
    }

    #[test]
    fn no_code_is_explained_twice() {
        for (rows, codes) in [
            (PRIMARY_ROWS, &PRIMARY),
            (MAIN_ROWS, &MAIN),
            (SECOND_LEVEL_ROWS, &SECOND_LEVEL),
            (ALTERNATE_ROWS, &ALTERNATE),
        ] {
            let known = codes
                .iter()
                .filter(|meaning| **meaning != Meaning::UNKNOWN)
                .count();
            assert_eq!(count(rows), known);
        }
    }

    #[test]
    fn a_code_is_ten_times_its_neighbour_or_the_next_unit() {
        let at = |codes: &Codes, code: usize| (codes[code].unit, codes[code].exponent);
        assert_eq!(at(&PRIMARY, 0x13), (Unit::CubicMetre, -3));
        assert_eq!(at(&PRIMARY, 0x17), (Unit::CubicMetre, 1));
        assert_eq!(at(&PRIMARY, 0x27), (Unit::Day, 0));
        assert_eq!(at(&MAIN, 0x31), (Unit::Minute, 0));
        assert_eq!(at(&MAIN, 0x6D), (Unit::Day, 0));
        assert_eq!(at(&MAIN, 0x6F), (Unit::Year, 0));
        assert_eq!(at(&ALTERNATE, 0x01), (Unit::WattHour, 6));
        assert_eq!(at(&ALTERNATE, 0x09), (Unit::Joule, 9));
        assert_eq!(PRIMARY[0x6F], Meaning::UNKNOWN);
    }
}
