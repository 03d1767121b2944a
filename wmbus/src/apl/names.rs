//! Names for people: of quantities, of units, of codes that share a quantity.

use core::fmt;

use super::quantity::{Quantity, Unit};
use super::vif::{Table, Vib};

impl Vib<'_> {
    /// What the value is about, more exactly than its quantity where codes share one. A plain text unit has its own
    /// [`Vib::label`].
    pub fn name(&self) -> &'static str {
        match (self.table, self.quantity, self.code) {
            (Table::SecondLevel, Quantity::Environment, code) => environment(code),
            (_, Quantity::RatingFactor, code) => rating_factor(code),
            (_, Quantity::PhaseAngle, 0x2A) => "phase angle U–U",
            (_, Quantity::PhaseAngle, _) => "phase angle U–I",
            (_, quantity, _) => quantity.name(),
        }
    }
}

impl Quantity {
    /// Its name in the words of the standard.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Energy => "energy",
            Self::Volume => "volume",
            Self::Mass => "mass",
            Self::OnTime => "on time",
            Self::OperatingTime => "operating time",
            Self::Power => "power",
            Self::VolumeFlow => "volume flow",
            Self::MassFlow => "mass flow",
            Self::FlowTemperature => "flow temperature",
            Self::ReturnTemperature => "return temperature",
            Self::TemperatureDifference => "temperature difference",
            Self::ExternalTemperature => "external temperature",
            Self::Pressure => "pressure",
            Self::Date => "date",
            Self::DateTime => "date and time",
            Self::HeatCost => "heat cost allocation",
            Self::AveragingDuration => "averaging duration",
            Self::ActualityDuration => "age of the values",
            Self::FabricationNumber => "fabrication number",
            Self::Identification => "identification",
            Self::BusAddress => "bus address",
            Self::ReactiveEnergy => "reactive energy",
            Self::ApparentEnergy => "apparent energy",
            Self::ReactivePower => "reactive power",
            Self::ApparentPower => "apparent power",
            Self::PhaseAngle => "phase angle",
            Self::Frequency => "frequency",
            Self::Humidity => "relative humidity",
            Self::TemperatureLimit => "temperature limit",
            Self::MaximumPower => "cumulative maximum of power",
            Self::RatingFactor => "rating factor",
            Self::PerformanceCoefficient => "coefficient of performance",
            Self::Credit => "credit",
            Self::Debit => "debit",
            Self::AccessNumber => "access number",
            Self::DeviceType => "device type",
            Self::Manufacturer => "manufacturer",
            Self::ParameterSet => "parameter set",
            Self::Model => "model",
            Self::HardwareVersion => "hardware version",
            Self::FirmwareVersion => "firmware version",
            Self::SoftwareVersion => "software version",
            Self::CustomerLocation => "customer location",
            Self::Customer => "customer",
            Self::Secret => "secret",
            Self::ErrorFlags => "error flags",
            Self::ErrorMask => "error mask",
            Self::DigitalOutput => "digital output",
            Self::DigitalInput => "digital input",
            Self::BaudRate => "baud rate",
            Self::ResponseDelay => "response delay",
            Self::Retry => "retries",
            Self::RemoteControl => "remote control",
            Self::FirstStorage => "first storage number",
            Self::LastStorage => "last storage number",
            Self::StorageBlockSize => "size of a storage block",
            Self::TariffDescriptor => "tariff and subunit descriptor",
            Self::StorageInterval => "storage interval",
            Self::OperatorData => "operator's data",
            Self::TimePointSecond => "second of the time point",
            Self::SinceReadout => "time since last readout",
            Self::TariffStart => "start of tariff",
            Self::TariffDuration => "duration of tariff",
            Self::TariffPeriod => "period of tariff",
            Self::Dimensionless => "number",
            Self::Container => "container",
            Self::TransmissionPeriod => "transmission period",
            Self::Voltage => "voltage",
            Self::Current => "current",
            Self::ResetCounter => "reset counter",
            Self::CumulationCounter => "cumulation counter",
            Self::ControlSignal => "control signal",
            Self::DayOfWeek => "day of week",
            Self::WeekNumber => "week number",
            Self::DayChange => "time of day change",
            Self::ParameterActivation => "state of parameter activation",
            Self::SupplierInformation => "supplier information",
            Self::SinceCumulation => "time since last cumulation",
            Self::BatteryOperatingTime => "operating time of battery",
            Self::BatteryChange => "battery change",
            Self::RfLevel => "radio level",
            Self::DaylightSaving => "daylight saving",
            Self::ListeningWindow => "listening window",
            Self::RemainingBattery => "remaining battery",
            Self::StopCount => "number of stops",
            Self::SelectedApplication => "selected application",
            Self::Environment => "environment",
            Self::PlainText => "unit in plain text",
            Self::ManufacturerSpecific => "maker's own",
            Self::Unknown => "unknown",
        }
    }
}

impl Unit {
    /// Its symbol; empty for values without a unit.
    pub const fn symbol(self) -> &'static str {
        match self {
            Self::None => "",
            Self::WattHour => "Wh",
            Self::Joule => "J",
            Self::Calorie => "cal",
            Self::CubicMetre => "m³",
            Self::CubicFoot => "ft³",
            Self::UsGallon => "US gal",
            Self::Kilogram => "kg",
            Self::Watt => "W",
            Self::JoulePerHour => "J/h",
            Self::CubicMetrePerHour => "m³/h",
            Self::CubicMetrePerMinute => "m³/min",
            Self::CubicMetrePerSecond => "m³/s",
            Self::UsGallonPerMinute => "US gal/min",
            Self::UsGallonPerHour => "US gal/h",
            Self::KilogramPerHour => "kg/h",
            Self::Celsius => "°C",
            Self::Fahrenheit => "°F",
            Self::Kelvin => "K",
            Self::Bar => "bar",
            Self::Second => "s",
            Self::Minute => "min",
            Self::Hour => "h",
            Self::Day => "d",
            Self::Month => "months",
            Self::Year => "years",
            Self::Volt => "V",
            Self::Ampere => "A",
            Self::Hertz => "Hz",
            Self::VarHour => "varh",
            Self::Var => "var",
            Self::VoltAmpereHour => "VAh",
            Self::VoltAmpere => "VA",
            Self::Percent => "%",
            Self::Degree => "°",
            Self::Baud => "Bd",
            Self::BitTime => "bit times",
            Self::Dbm => "dBm",
            Self::Btu => "BTU",
            Self::BtuPerSecond => "BTU/s",
            Self::PartsPerMillion => "ppm",
            Self::PartsPerBillion => "ppb",
            Self::MicrogramPerCubicMetre => "µg/m³",
            Self::PerCubicMetre => "/m³",
            Self::Lux => "lx",
            Self::Candela => "cd",
            Self::WattPerSquareMetre => "W/m²",
            Self::KilometrePerHour => "km/h",
            Self::Decibel => "dB(A)",
            Self::Fnu => "FNU",
            Self::Millimetre => "mm",
        }
    }
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.symbol())
    }
}

/// FB 68 to 6E.
const fn rating_factor(code: u8) -> &'static str {
    match code {
        0x68 => "resulting rating factor K",
        0x69 => "thermal output rating factor KQ",
        0x6A => "thermal coupling rating factor KC",
        0x6B => "room side coupling factor KCR",
        0x6C => "heater side coupling factor KCH",
        0x6D => "low temperature rating factor KT",
        _ => "display scaling factor KD",
    }
}

/// FD FD 04 to 44 (2025 edition, from one source).
const fn environment(code: u8) -> &'static str {
    match code {
        0x04 => "communication credit, local",
        0x05 => "communication credit, radio",
        0x08 => "installation conditions",
        0x10 | 0x11 => "carbon dioxide",
        0x12 | 0x13 => "carbon monoxide",
        0x14..=0x16 => "volatile organic compounds",
        0x17 => "particle mass",
        0x18 => "particle mass PM1",
        0x19 => "particle mass PM2.5",
        0x1A => "particle mass PM10",
        0x1B => "particle count",
        0x1C => "particle count PM1",
        0x1D => "particle count PM2.5",
        0x1E => "particle count PM10",
        0x1F => "illuminance",
        0x20 => "luminous intensity",
        0x21 => "irradiance",
        0x22 => "wind speed",
        0x23 => "rainfall",
        0x24 => "noise",
        0x25 => "turbidity",
        0x27 => "pH",
        0x2C => "number of dismounts",
        0x2D => "test button count",
        0x2E => "alarm count",
        0x2F => "alarm mute count",
        0x30 => "obstacle detections",
        0x31 => "smoke inlet blocked",
        0x32 => "smoke chamber defect",
        0x33 => "self-test failed",
        0x34 => "sounder defect",
        0x35 => "carbon monoxide alarm, low",
        0x36 => "carbon monoxide alarm, medium",
        0x37 => "carbon monoxide alarm, high",
        0x38 => "battery status",
        0x39 => "chamber pollution",
        0x3A | 0x3B => "distance",
        0x3E => "moisture",
        0x3F => "type of approval",
        0x40 => "pressure status",
        0x41 => "smoke status",
        0x42 => "carbon monoxide status",
        0x43 => "heat status",
        0x44 => "door status",
        _ => "environment",
    }
}
