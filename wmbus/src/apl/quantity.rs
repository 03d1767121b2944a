//! What a VIF can say: quantities, units and the tables of codes (EN 13757-3, VIF and its extensions).
//!
//! A row covers a range of codes. Its exponent is that of the first code; each further code multiplies by ten, or takes
//! the next of second, minute, hour and day.

/// What a record is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[allow(missing_docs)] // The names are those of the standard's tables.
pub enum Quantity {
    Energy,
    Volume,
    Mass,
    OnTime,
    OperatingTime,
    Power,
    VolumeFlow,
    MassFlow,
    FlowTemperature,
    ReturnTemperature,
    TemperatureDifference,
    ExternalTemperature,
    Pressure,
    Date,
    DateTime,
    HeatCost,
    AveragingDuration,
    ActualityDuration,
    FabricationNumber,
    Identification,
    BusAddress,
    ReactiveEnergy,
    ApparentEnergy,
    ReactivePower,
    ApparentPower,
    PhaseAngle,
    Frequency,
    Humidity,
    TemperatureLimit,
    MaximumPower,
    RatingFactor,
    PerformanceCoefficient,
    Credit,
    Debit,
    AccessNumber,
    DeviceType,
    Manufacturer,
    ParameterSet,
    Model,
    HardwareVersion,
    FirmwareVersion,
    SoftwareVersion,
    CustomerLocation,
    Customer,
    /// Access codes, passwords and security keys: never to be logged.
    Secret,
    ErrorFlags,
    ErrorMask,
    DigitalOutput,
    DigitalInput,
    BaudRate,
    ResponseDelay,
    Retry,
    RemoteControl,
    FirstStorage,
    LastStorage,
    StorageBlockSize,
    TariffDescriptor,
    StorageInterval,
    OperatorData,
    TimePointSecond,
    SinceReadout,
    TariffStart,
    TariffDuration,
    TariffPeriod,
    Dimensionless,
    Container,
    TransmissionPeriod,
    Voltage,
    Current,
    ResetCounter,
    CumulationCounter,
    ControlSignal,
    DayOfWeek,
    WeekNumber,
    DayChange,
    ParameterActivation,
    SupplierInformation,
    SinceCumulation,
    BatteryOperatingTime,
    BatteryChange,
    RfLevel,
    DaylightSaving,
    ListeningWindow,
    RemainingBattery,
    StopCount,
    SelectedApplication,
    /// Named in the second level of the main extension only: gases, particles, light, alarms (names unverified).
    Environment,
    /// A unit given as text.
    PlainText,
    /// VIF 7F: the maker's.
    ManufacturerSpecific,
    /// Reserved, or a wildcard.
    Unknown,
}

/// The unit of a record's value after its exponent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[allow(missing_docs)]
pub enum Unit {
    None,
    WattHour,
    Joule,
    Calorie,
    CubicMetre,
    CubicFoot,
    UsGallon,
    Kilogram,
    Watt,
    JoulePerHour,
    CubicMetrePerHour,
    CubicMetrePerMinute,
    CubicMetrePerSecond,
    UsGallonPerMinute,
    UsGallonPerHour,
    KilogramPerHour,
    Celsius,
    Fahrenheit,
    Kelvin,
    Bar,
    Second,
    Minute,
    Hour,
    Day,
    Month,
    Year,
    Volt,
    Ampere,
    Hertz,
    VarHour,
    Var,
    VoltAmpereHour,
    VoltAmpere,
    Percent,
    Degree,
    Baud,
    Dbm,
}

/// How the data of a quantity are coded when they are an integer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Coding {
    /// Type B: two's complement.
    Signed,
    /// Type C: all ones is invalid.
    Unsigned,
    /// Type D: bits.
    Bits,
    /// A number that is a name: digits, text, leading zeros count.
    Identifier,
    /// Types F, G, I, J, by width.
    Moment,
    /// Octets that mean something only to whoever knows.
    Raw,
}

/// One range of codes.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) first: u8,
    pub(super) last: u8,
    pub(super) quantity: Quantity,
    pub(super) unit: Unit,
    pub(super) scale: Scale,
    pub(super) coding: Coding,
}

/// How codes of a range differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scale {
    /// 10 to this power at the first code, ten times more at each further one.
    Power(i8),
    /// Second, minute, hour, day; the first code begins at this one.
    Time(usize),
    /// Month, year.
    Calendar,
}

impl Row {
    /// Unit and exponent of one code of the range.
    pub(super) fn at(&self, code: u8) -> (Unit, i8) {
        let step = code.saturating_sub(self.first);
        match self.scale {
            Scale::Power(first) => (
                self.unit,
                first.saturating_add(i8::try_from(step).unwrap_or(i8::MAX)),
            ),
            Scale::Time(first) => {
                let unit = TIMES
                    .get(first + usize::from(step))
                    .copied()
                    .unwrap_or(Unit::None);
                (unit, 0)
            }
            Scale::Calendar => (if step == 0 { Unit::Month } else { Unit::Year }, 0),
        }
    }
}

/// Units of a duration by its two bits.
pub(super) const TIMES: [Unit; 4] = [Unit::Second, Unit::Minute, Unit::Hour, Unit::Day];

pub(super) fn find(table: &'static [Row], code: u8) -> Option<&'static Row> {
    table.iter().find(|row| (row.first..=row.last).contains(&code))
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

const fn time(first: u8, last: u8, quantity: Quantity, coding: Coding) -> Row {
    row(first, last, quantity, Unit::None, Scale::Time(0), coding)
}

const fn calendar(first: u8, last: u8, quantity: Quantity, coding: Coding) -> Row {
    row(first, last, quantity, Unit::None, Scale::Calendar, coding)
}

const fn plain(code: u8, quantity: Quantity, coding: Coding) -> Row {
    row(code, code, quantity, Unit::None, Scale::Power(0), coding)
}

use Coding::{Bits, Identifier, Moment, Raw, Signed, Unsigned};
use Quantity as Q;

/// The primary VIF, without its extension bit.
pub(super) static PRIMARY: &[Row] = &[
    power(0x00, 0x07, Q::Energy, Unit::WattHour, -3),
    power(0x08, 0x0F, Q::Energy, Unit::Joule, 0),
    power(0x10, 0x17, Q::Volume, Unit::CubicMetre, -6),
    power(0x18, 0x1F, Q::Mass, Unit::Kilogram, -3),
    time(0x20, 0x23, Q::OnTime, Signed),
    time(0x24, 0x27, Q::OperatingTime, Signed),
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
    time(0x70, 0x73, Q::AveragingDuration, Signed),
    time(0x74, 0x77, Q::ActualityDuration, Signed),
    plain(0x78, Q::FabricationNumber, Identifier),
    plain(0x79, Q::Identification, Identifier),
    plain(0x7A, Q::BusAddress, Unsigned),
    plain(0x7F, Q::ManufacturerSpecific, Raw),
];

/// After FD: the main extension.
pub(super) static MAIN: &[Row] = &[
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
    row(0x12, 0x16, Q::Secret, Unit::None, Scale::Power(0), Raw),
    plain(0x17, Q::ErrorFlags, Bits),
    plain(0x18, Q::ErrorMask, Unsigned),
    plain(0x19, Q::Secret, Raw),
    plain(0x1A, Q::DigitalOutput, Bits),
    plain(0x1B, Q::DigitalInput, Bits),
    row(0x1C, 0x1C, Q::BaudRate, Unit::Baud, Scale::Power(0), Unsigned),
    plain(0x1D, Q::ResponseDelay, Unsigned),
    plain(0x1E, Q::Retry, Signed),
    plain(0x1F, Q::RemoteControl, Bits),
    plain(0x20, Q::FirstStorage, Unsigned),
    plain(0x21, Q::LastStorage, Unsigned),
    plain(0x22, Q::StorageBlockSize, Unsigned),
    plain(0x23, Q::TariffDescriptor, Unsigned),
    time(0x24, 0x27, Q::StorageInterval, Signed),
    calendar(0x28, 0x29, Q::StorageInterval, Signed),
    plain(0x2A, Q::OperatorData, Raw),
    plain(0x2B, Q::TimePointSecond, Unsigned),
    time(0x2C, 0x2F, Q::SinceReadout, Unsigned),
    plain(0x30, Q::TariffStart, Moment),
    row(
        0x31,
        0x33,
        Q::TariffDuration,
        Unit::None,
        Scale::Time(1),
        Unsigned,
    ),
    time(0x34, 0x37, Q::TariffPeriod, Unsigned),
    calendar(0x38, 0x39, Q::TariffPeriod, Unsigned),
    plain(0x3A, Q::Dimensionless, Signed),
    plain(0x3B, Q::Container, Raw),
    time(0x3C, 0x3F, Q::TransmissionPeriod, Unsigned),
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
    row(
        0x68,
        0x69,
        Q::SinceCumulation,
        Unit::None,
        Scale::Time(2),
        Unsigned,
    ),
    calendar(0x6A, 0x6B, Q::SinceCumulation, Unsigned),
    row(
        0x6C,
        0x6D,
        Q::BatteryOperatingTime,
        Unit::None,
        Scale::Time(2),
        Signed,
    ),
    calendar(0x6E, 0x6F, Q::BatteryOperatingTime, Signed),
    plain(0x70, Q::BatteryChange, Moment),
    row(0x71, 0x71, Q::RfLevel, Unit::Dbm, Scale::Power(0), Signed),
    plain(0x72, Q::DaylightSaving, Raw),
    plain(0x73, Q::ListeningWindow, Raw),
    row(
        0x74,
        0x74,
        Q::RemainingBattery,
        Unit::Day,
        Scale::Power(0),
        Unsigned,
    ),
    plain(0x75, Q::StopCount, Unsigned),
    row(0x76, 0x77, Q::Container, Unit::None, Scale::Power(0), Raw),
];

/// After FD FD: the second level of the main extension.
pub(super) static SECOND_LEVEL: &[Row] = &[
    plain(0x00, Q::SelectedApplication, Unsigned),
    plain(0x01, Q::DeviceType, Identifier),
    calendar(0x02, 0x03, Q::RemainingBattery, Unsigned),
    row(0x04, 0x44, Q::Environment, Unit::None, Scale::Power(0), Raw),
];

/// After FB: the alternate extension.
pub(super) static ALTERNATE: &[Row] = &[
    power(0x00, 0x01, Q::Energy, Unit::WattHour, 5),
    power(0x02, 0x03, Q::ReactiveEnergy, Unit::VarHour, 3),
    power(0x04, 0x05, Q::ApparentEnergy, Unit::VoltAmpereHour, 3),
    power(0x06, 0x06, Q::PerformanceCoefficient, Unit::None, -1),
    power(0x08, 0x09, Q::Energy, Unit::Joule, 8),
    power(0x0C, 0x0F, Q::Energy, Unit::Calorie, 5),
    power(0x10, 0x11, Q::Volume, Unit::CubicMetre, 2),
    power(0x14, 0x17, Q::ReactivePower, Unit::Var, 0),
    row(0x18, 0x19, Q::Mass, Unit::Kilogram, Scale::Power(5), Unsigned),
    row(0x1A, 0x1B, Q::Humidity, Unit::Percent, Scale::Power(-1), Unsigned),
    power(0x20, 0x20, Q::Volume, Unit::CubicFoot, 0),
    power(0x21, 0x21, Q::Volume, Unit::CubicFoot, -1),
    power(0x22, 0x23, Q::Volume, Unit::UsGallon, -1),
    power(0x24, 0x24, Q::VolumeFlow, Unit::UsGallonPerMinute, -3),
    power(0x25, 0x25, Q::VolumeFlow, Unit::UsGallonPerMinute, 0),
    power(0x26, 0x26, Q::VolumeFlow, Unit::UsGallonPerHour, 0),
    power(0x28, 0x29, Q::Power, Unit::Watt, 5),
    power(0x2A, 0x2A, Q::PhaseAngle, Unit::Degree, -1),
    power(0x2B, 0x2B, Q::PhaseAngle, Unit::Degree, -1),
    power(0x2C, 0x2F, Q::Frequency, Unit::Hertz, -3),
    power(0x30, 0x31, Q::Power, Unit::JoulePerHour, 8),
    power(0x34, 0x37, Q::ApparentPower, Unit::VoltAmpere, 0),
    power(0x58, 0x5B, Q::FlowTemperature, Unit::Fahrenheit, -3),
    power(0x5C, 0x5F, Q::ReturnTemperature, Unit::Fahrenheit, -3),
    power(0x60, 0x63, Q::TemperatureDifference, Unit::Fahrenheit, -3),
    power(0x64, 0x67, Q::ExternalTemperature, Unit::Fahrenheit, -3),
    // The scale of 68–6E is unverified: the integer alone is exposed.
    row(0x68, 0x68, Q::RatingFactor, Unit::None, Scale::Power(0), Unsigned),
    row(0x69, 0x69, Q::RatingFactor, Unit::None, Scale::Power(0), Unsigned),
    row(0x6A, 0x6A, Q::RatingFactor, Unit::None, Scale::Power(0), Unsigned),
    row(0x6B, 0x6B, Q::RatingFactor, Unit::None, Scale::Power(0), Unsigned),
    row(0x6C, 0x6C, Q::RatingFactor, Unit::None, Scale::Power(0), Unsigned),
    row(0x6D, 0x6D, Q::RatingFactor, Unit::None, Scale::Power(0), Unsigned),
    row(0x6E, 0x6E, Q::RatingFactor, Unit::None, Scale::Power(0), Unsigned),
    power(0x70, 0x73, Q::TemperatureLimit, Unit::Fahrenheit, -3),
    power(0x74, 0x77, Q::TemperatureLimit, Unit::Celsius, -3),
    power(0x78, 0x7F, Q::MaximumPower, Unit::Watt, -3),
];
