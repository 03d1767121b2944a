//! Reading, quantity, register, status: the words that store, consumption and API also speak.
//!
//! Names and codes here are a promise to whoever reads our data: add, never rename.

use std::fmt;

use wmbus::Decimal;
use wmbus::apl::{Date, Moment};

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
}

/// Units as the API prints them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Unit {
    /// Cubic metre.
    CubicMetre,
    /// Allocation unit of a heat cost allocator.
    AllocationUnit,
    /// Watt-hour.
    WattHour,
    /// Joule.
    Joule,
    /// Cubic metre per hour.
    CubicMetrePerHour,
    /// Watt.
    Watt,
    /// Degree Celsius.
    DegreeCelsius,
    /// Kelvin.
    Kelvin,
    /// Percent.
    Percent,
    /// Second.
    Second,
    /// Minute.
    Minute,
    /// Hour.
    Hour,
    /// Day.
    Day,
    /// Month.
    Month,
    /// Year.
    Year,
    /// Volt.
    Volt,
    /// Ampere.
    Ampere,
    /// Hertz.
    Hertz,
    /// Reactive energy.
    VarHour,
    /// Reactive power.
    Var,
    /// Apparent energy.
    VoltAmpereHour,
    /// Apparent power.
    VoltAmpere,
    /// Bar.
    Bar,
    /// Cubic metre times degree Celsius.
    CubicMetreDegree,
    /// Kilogram.
    Kilogram,
    /// Decibel milliwatt.
    Dbm,
    /// None: a plain number.
    One,
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

/// A date or a time as a meter sends it: local, of unknown zone, with the precision it was sent with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stamp {
    /// A day.
    Date {
        /// Year, 1981 to 2080.
        year: u16,
        /// Month, 1 to 12.
        month: u8,
        /// Day of the month, 1 to 31.
        day: u8,
    },
    /// A minute or a second.
    DateTime {
        /// Year, 1900 to 2299.
        year: u16,
        /// Month, 1 to 12.
        month: u8,
        /// Day of the month, 1 to 31.
        day: u8,
        /// Hour, 0 to 23.
        hour: u8,
        /// Minute, 0 to 59.
        minute: u8,
        /// Second, 0 to 59, when sent.
        second: Option<u8>,
    },
    /// The same day of every year: a recurring due date.
    EveryYear {
        /// Month, 1 to 12.
        month: u8,
        /// Day of the month, 1 to 31.
        day: u8,
    },
}

/// One word of a meter's condition, with the time it speaks of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Status {
    /// What is the matter.
    pub word: StatusWord,
    /// True when it was so and is no longer ("was leaking").
    pub past: bool,
}

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$item:meta])* $variant:ident = $text:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum $name { $($(#[$item])* $variant,)* }

        impl $name {
            /// All of them, in order.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The word, stable for machines.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }

            /// The one with this name.
            pub fn from_name(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|word| word.name() == name)
            }
        }
    };
}

words! {
    /// One list for every maker's status bits (`manufacturer_bits` for those nobody named).
    StatusWord {
        /// Application busy.
        Busy = "busy",
        /// Any application error.
        ApplicationError = "application_error",
        /// Abnormal condition.
        Alarm = "alarm",
        /// Power low, end of battery approaching.
        BatteryLow = "battery_low",
        /// Permanent error.
        PermanentError = "permanent_error",
        /// Temporary error.
        TemporaryError = "temporary_error",
        /// Set bits that are not named, or not known to be a fault.
        ManufacturerBits = "manufacturer_bits",
        /// Battery exhausted.
        BatteryEnd = "battery_end",
        /// Planned years of service used up.
        EndOfLife = "end_of_life",
        /// Continuous small flow.
        Leak = "leak",
        /// High flow for a short time: a broken pipe.
        Burst = "burst",
        /// No water, air in the tube.
        Dry = "dry",
        /// Backward flow seen.
        ReverseFlow = "reverse_flow",
        /// Jammed, or no consumption for a long time.
        Blocked = "blocked",
        /// No consumption in the period.
        NoFlow = "no_flow",
        /// Flow above the limit.
        Overflow = "overflow",
        /// Flow below the limit.
        Underflow = "underflow",
        /// Magnet, light, opened housing, broken seal.
        Tamper = "tamper",
        /// Taken off the radiator or the meter body.
        Removed = "removed",
        /// Radio module under water.
        Flooded = "flooded",
        /// Frost risk.
        LowTemperature = "low_temperature",
        /// Hot water in a cold meter.
        HighTemperature = "high_temperature",
        /// Sensor break, short, out of range.
        SensorFault = "sensor_fault",
        /// Checksum, CRC, memory.
        MemoryFault = "memory_fault",
        /// Electronics, software.
        HardwareFault = "hardware_fault",
        /// Clock lost or marked wrong.
        ClockInvalid = "clock_invalid",
        /// The device restarted.
        Reset = "reset",
        /// Installation mode.
        InstallMode = "install_mode",
        /// A remote sensor is connected.
        RemoteSensor = "remote_sensor",
    }
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
            Self::Duration => Unit::Second,
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
            Self::Count => Unit::One,
        }
    }
}

impl Unit {
    /// The symbol that people read, and the power of ten between it and this unit: `(kWh, 3)` for watt-hours.
    pub const fn symbol(self) -> (&'static str, i8) {
        match self {
            Self::CubicMetre => ("m3", 0),
            Self::AllocationUnit => ("U", 0),
            Self::WattHour => ("kWh", 3),
            Self::Joule => ("MJ", 6),
            Self::CubicMetrePerHour => ("m3/h", 0),
            Self::Watt => ("kW", 3),
            Self::DegreeCelsius => ("degC", 0),
            Self::Kelvin => ("K", 0),
            Self::Percent => ("%", 0),
            Self::Second => ("s", 0),
            Self::Minute => ("min", 0),
            Self::Hour => ("h", 0),
            Self::Day => ("d", 0),
            Self::Month => ("month", 0),
            Self::Year => ("year", 0),
            Self::Volt => ("V", 0),
            Self::Ampere => ("A", 0),
            Self::Hertz => ("Hz", 0),
            Self::VarHour => ("kvarh", 3),
            Self::Var => ("kvar", 3),
            Self::VoltAmpereHour => ("kVAh", 3),
            Self::VoltAmpere => ("kVA", 3),
            Self::Bar => ("bar", 0),
            Self::CubicMetreDegree => ("m3c", 0),
            Self::Kilogram => ("kg", 0),
            Self::Dbm => ("dBm", 0),
            Self::One => ("", 0),
        }
    }
}

impl Unit {
    /// All of them.
    pub const ALL: &'static [Self] = &[
        Self::CubicMetre,
        Self::AllocationUnit,
        Self::WattHour,
        Self::Joule,
        Self::CubicMetrePerHour,
        Self::Watt,
        Self::DegreeCelsius,
        Self::Kelvin,
        Self::Percent,
        Self::Second,
        Self::Minute,
        Self::Hour,
        Self::Day,
        Self::Month,
        Self::Year,
        Self::Volt,
        Self::Ampere,
        Self::Hertz,
        Self::VarHour,
        Self::Var,
        Self::VoltAmpereHour,
        Self::VoltAmpere,
        Self::Bar,
        Self::CubicMetreDegree,
        Self::Kilogram,
        Self::Dbm,
        Self::One,
    ];

    /// The symbol of the unit itself, without the power of ten that people are used to: how pages write it.
    pub const fn base_symbol(self) -> &'static str {
        match self {
            Self::WattHour => "Wh",
            Self::Joule => "J",
            Self::Watt => "W",
            Self::VarHour => "varh",
            Self::Var => "var",
            Self::VoltAmpereHour => "VAh",
            Self::VoltAmpere => "VA",
            other => other.symbol().0,
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

impl Stamp {
    /// The stamp of a meter's date or time field; `None` when it is not set, a time of day alone, or open in other ways
    /// than "every year".
    pub fn of(moment: Moment) -> Option<Self> {
        match moment {
            Moment::Date(date) => Some(Self::date(date)),
            Moment::DateTime {
                date,
                hour,
                minute,
                second,
                ..
            } => {
                let Date { year, month, day } = date;
                Some(Self::DateTime {
                    year,
                    month,
                    day,
                    hour,
                    minute,
                    second,
                })
            }
            Moment::Pattern {
                year: None,
                month: Some(month),
                day: Some(day),
            }
            | Moment::TimePattern {
                year: None,
                month: Some(month),
                day: Some(day),
                ..
            } => Some(Self::EveryYear { month, day }),
            Moment::Pattern { .. } | Moment::TimePattern { .. } | Moment::Time { .. } | Moment::NotSet => {
                None
            }
        }
    }

    /// A day.
    pub const fn date(date: Date) -> Self {
        Self::Date {
            year: date.year,
            month: date.month,
            day: date.day,
        }
    }

    /// The day it falls on; `None` when it is a day of every year.
    pub fn day(&self) -> Option<Date> {
        match *self {
            Self::Date { year, month, day } | Self::DateTime { year, month, day, .. } => {
                Date::new(year, month, day)
            }
            Self::EveryYear { .. } => None,
        }
    }

    /// A day of every year as the last such day that is not after `today`; others as they are.
    pub fn resolved(self, today: Date) -> Self {
        let Self::EveryYear { month, day } = self else {
            return self;
        };
        let of_year = |year| Date::new(year, month, day);
        let last = of_year(today.year)
            .filter(|date| *date <= today)
            .or_else(|| of_year(today.year - 1));
        last.map_or(self, Self::date)
    }
}

impl fmt::Display for Stamp {
    /// ISO 8601: `2018-12-31`, `2019-02-20T11:32`, `--12-31` for every year.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Date { year, month, day } => write!(f, "{year:04}-{month:02}-{day:02}"),
            Self::DateTime {
                year,
                month,
                day,
                hour,
                minute,
                second,
            } => {
                write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}")?;
                second.map_or(Ok(()), |second| write!(f, ":{second:02}"))
            }
            Self::EveryYear { month, day } => write!(f, "--{month:02}-{day:02}"),
        }
    }
}
