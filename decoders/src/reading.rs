//! Reading, quantity, register, status: the words that store, consumption and API also speak.
//!
//! Names and codes here are a promise to whoever reads our data: add, never rename.

use core::fmt;

use wmbus::Decimal;

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

/// A reading of a telegram together with everything else it said about its meter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// The meter's clock.
    pub device_time: Option<Stamp>,
    /// Conditions, sorted, each once.
    pub status: Vec<Status>,
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
