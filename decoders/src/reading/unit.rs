//! Units, as pages write them and as people read them.

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
    /// Parts per million.
    PartsPerMillion,
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
            Self::PartsPerMillion => ("ppm", 0),
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
        Self::PartsPerMillion,
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
