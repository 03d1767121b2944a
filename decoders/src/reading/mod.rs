//! Reading, quantity, register, status: the words that store, consumption and API also speak.
//!
//! Names and codes here are a promise to whoever reads our data: add, never rename.

mod stamp;
mod status;
mod unit;

use wmbus::Decimal;

pub use stamp::Stamp;
pub use status::{Status, StatusWord};
pub use unit::Unit;

/// One exact value of one quantity of one meter, as a telegram says it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reading {
    /// What was measured.
    pub quantity: Quantity,
    /// The unit of `value`.
    pub unit: Unit,
    /// The value with the resolution of the meter's register.
    pub value: Decimal,
    /// Where the meter keeps it.
    pub register: Register,
    /// A counter state, or what was gained inside one closed slot.
    pub kind: Kind,
    /// Forward or reverse part, when the value is not the whole.
    pub direction: Direction,
    /// Tariff, 0 for none.
    pub tariff: u32,
    /// Subunit (a second device inside the meter, a pulse input), 0 for the meter itself.
    pub subunit: u16,
    /// The meter's own stamp for a stored value, as sent; `None` for a current value (it holds when it was received)
    /// and for a stored value that nobody dated.
    pub at: Option<Stamp>,
}

/// What a value is a measure of. Directions, tariffs and registers stand beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Quantity {
    /// Volume of water (or gas); stored in millilitres.
    Volume,
    /// Units of a heat cost allocator, raw as displayed; stored in thousandths.
    HeatCost,
    /// Thermal or electric energy; stored in mWh, or in J from a meter that speaks joules.
    Energy,
    /// Volume flow; stored in mL/h.
    Flow,
    /// Power; stored in mW.
    Power,
    /// Temperature of the water, the supply or the radiator; stored in m°C.
    Temperature,
    /// Temperature of the return.
    ReturnTemperature,
    /// Temperature difference, in kelvin.
    TemperatureDifference,
    /// Temperature of the room or outside.
    AmbientTemperature,
    /// Relative humidity.
    Humidity,
    /// A duration: operating time, time in error …; stored in seconds.
    Duration,
    /// What is left in the battery: time, voltage or percent.
    Battery,
    /// Voltage of a network or an input.
    Voltage,
    /// Electric current.
    Current,
    /// Frequency.
    Frequency,
    /// Reactive energy or power.
    Reactive,
    /// Apparent energy or power.
    Apparent,
    /// Pressure.
    Pressure,
    /// Volume times temperature (E8, E9 of Kamstrup heat meters).
    VolumeTemperature,
    /// Mass.
    Mass,
    /// Strength of a radio signal.
    SignalStrength,
    /// A number of something.
    Count,
    /// Active power by apparent power; `count` without a unit would not say so.
    PowerFactor,
    /// Carbon dioxide in the air of a room.
    CarbonDioxide,
    /// How long there was an error, or the device was away from its place; stored in seconds.
    ErrorDuration,
    /// How long the device has been on (VIF 20 to 23).
    OnTime,
    /// How long the device has been working (VIF 24 to 27).
    OperatingTime,
    /// How old the values are, or the time since something else (VIF 74 to 77).
    Age,
}

/// Where a meter keeps a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Register {
    /// Now.
    Current,
    /// Frozen at the due date.
    SetDate,
    /// Frozen at the end of a closed slot; 1 is the most recent one.
    History(u16),
    /// The largest value of a period.
    Max,
    /// The smallest value of a period.
    Min,
    /// The mean over a period.
    Average,
}

/// Whether a value is a counter state or a gain.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A counter state: an index, or simply the value.
    #[default]
    Absolute,
    /// Gained inside one closed slot, which ends at the reading's stamp.
    Increment,
}

/// Which way something flowed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Direction {
    /// No distinction.
    #[default]
    Net,
    /// Forward only (VIFE 3B).
    Forward,
    /// Backward only (VIFE 3C).
    Reverse,
}

impl Quantity {
    /// The name, stable for machines.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Volume => "volume",
            Self::HeatCost => "heat_cost",
            Self::Energy => "energy",
            Self::Flow => "flow",
            Self::Power => "power",
            Self::Temperature => "temperature",
            Self::ReturnTemperature => "temperature_return",
            Self::TemperatureDifference => "temperature_difference",
            Self::AmbientTemperature => "temperature_ambient",
            Self::Humidity => "humidity",
            Self::Duration => "duration",
            Self::Battery => "battery",
            Self::Voltage => "voltage",
            Self::Current => "current",
            Self::Frequency => "frequency",
            Self::Reactive => "reactive",
            Self::Apparent => "apparent",
            Self::Pressure => "pressure",
            Self::VolumeTemperature => "volume_temperature",
            Self::Mass => "mass",
            Self::SignalStrength => "signal_strength",
            Self::Count => "count",
            Self::PowerFactor => "power_factor",
            Self::CarbonDioxide => "co2",
            Self::ErrorDuration => "duration_error",
            Self::OnTime => "duration_on",
            Self::OperatingTime => "duration_operating",
            Self::Age => "duration_age",
        }
    }
}

impl Quantity {
    /// All of them.
    pub const ALL: &'static [Self] = &[
        Self::Volume,
        Self::HeatCost,
        Self::Energy,
        Self::Flow,
        Self::Power,
        Self::Temperature,
        Self::ReturnTemperature,
        Self::TemperatureDifference,
        Self::AmbientTemperature,
        Self::Humidity,
        Self::Duration,
        Self::Battery,
        Self::Voltage,
        Self::Current,
        Self::Frequency,
        Self::Reactive,
        Self::Apparent,
        Self::Pressure,
        Self::VolumeTemperature,
        Self::Mass,
        Self::SignalStrength,
        Self::Count,
        Self::PowerFactor,
        Self::CarbonDioxide,
        Self::ErrorDuration,
        Self::OnTime,
        Self::OperatingTime,
        Self::Age,
    ];

    /// The one with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|quantity| quantity.name() == name)
    }

    /// The unit its readings usually have.
    pub const fn unit(self) -> Unit {
        match self {
            Self::Volume => Unit::CubicMetre,
            Self::HeatCost => Unit::AllocationUnit,
            Self::Energy => Unit::WattHour,
            Self::Flow => Unit::CubicMetrePerHour,
            Self::Power => Unit::Watt,
            Self::Temperature | Self::ReturnTemperature | Self::AmbientTemperature => Unit::DegreeCelsius,
            Self::TemperatureDifference => Unit::Kelvin,
            Self::Humidity => Unit::Percent,
            Self::Duration | Self::ErrorDuration | Self::OnTime | Self::OperatingTime | Self::Age => {
                Unit::Second
            }
            Self::Battery => Unit::Day,
            Self::Voltage => Unit::Volt,
            Self::Current => Unit::Ampere,
            Self::Frequency => Unit::Hertz,
            Self::Reactive => Unit::VarHour,
            Self::Apparent => Unit::VoltAmpereHour,
            Self::Pressure => Unit::Bar,
            Self::VolumeTemperature => Unit::CubicMetreDegree,
            Self::Mass => Unit::Kilogram,
            Self::SignalStrength => Unit::Dbm,
            Self::Count | Self::PowerFactor => Unit::One,
            Self::CarbonDioxide => Unit::PartsPerMillion,
        }
    }
}

impl Register {
    /// The name without its number, stable for machines.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Current => "current",
            Self::SetDate => "set_date",
            Self::History(_) => "history",
            Self::Max => "max",
            Self::Min => "min",
            Self::Average => "average",
        }
    }
}

impl Kind {
    /// The name, stable for machines.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Absolute => "absolute",
            Self::Increment => "increment",
        }
    }
}

impl Direction {
    /// The name, stable for machines.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Net => "net",
            Self::Forward => "forward",
            Self::Reverse => "reverse",
        }
    }
}

impl Reading {
    /// The current value of a quantity in its usual unit; what differs is set by the caller.
    pub const fn new(quantity: Quantity, value: Decimal) -> Self {
        Self {
            quantity,
            unit: quantity.unit(),
            value,
            register: Register::Current,
            kind: Kind::Absolute,
            direction: Direction::Net,
            tariff: 0,
            subunit: 0,
            at: None,
        }
    }

    /// The value in the unit that people read, exactly, and that unit's symbol.
    pub fn shown(&self) -> (Decimal, &'static str) {
        let (symbol, power) = self.unit.symbol();
        let exponent = self.value.exponent.saturating_sub(power);
        (
            Decimal {
                exponent,
                ..self.value
            },
            symbol,
        )
    }
}
