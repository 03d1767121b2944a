//! Channel: which series of a meter a value belongs to, and the unit its integers are kept in.

use decoders::reading::{Direction, Kind, Quantity, Reading, Register, Unit};
use wmbus::Decimal;

/// One series of values of a meter: everything about a reading that stays the same from telegram to telegram.
///
/// A stored value `v` means `v × 10^exponent` of `unit`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Channel {
    /// What is measured.
    pub quantity: Quantity,
    /// The unit of the stored integer, before `exponent`.
    pub unit: Unit,
    /// The power of ten of the stored integer: −6 for volumes (millilitres), −3 for most others.
    pub exponent: i8,
    /// Forward or reverse part, when it is not the whole.
    pub direction: Direction,
    /// Tariff, 0 for none.
    pub tariff: u32,
    /// Subunit, 0 for the meter itself.
    pub subunit: u16,
    /// The value itself, or an extreme of it.
    pub aspect: Aspect,
    /// A counter state, or a gain.
    pub kind: Kind,
}

/// Which view of a quantity: itself, or its extremes and mean over a period of the meter's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Aspect {
    /// The value: a counter's index, a temperature now.
    #[default]
    Index,
    /// The largest of a period.
    Max,
    /// The smallest of a period.
    Min,
    /// The mean of a period.
    Average,
}

/// A reading's value in its channel's unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Measured {
    /// The series it belongs to.
    pub channel: Channel,
    /// The integer, in units of `10^channel.exponent channel.unit`.
    pub value: i64,
    /// The resolution of the meter's register, as a power of ten of `channel.unit`: −3 for litres.
    pub resolution: i8,
}

impl Channel {
    /// The channel and the exact integer of a reading.
    ///
    /// The stored unit is the standard one of the reading's unit (see [`standard`]) unless the register is finer than
    /// it can hold, or the number does not fit: such values keep the unit and exponent they were sent with. This
    /// depends on the register's exponent and not on the digits, so that a series does not fall in two.
    pub fn of(reading: &Reading) -> Measured {
        let Decimal { mantissa, exponent } = reading.value;
        let (unit, stored, value, resolution) = standard(reading.unit)
            .and_then(|standard| standard.hold(reading.value))
            .unwrap_or((reading.unit, exponent, mantissa, exponent));
        let channel = Self {
            quantity: reading.quantity,
            unit,
            exponent: stored,
            direction: reading.direction,
            tariff: reading.tariff,
            subunit: reading.subunit,
            aspect: Aspect::of(reading.register),
            kind: reading.kind,
        };
        Measured {
            channel,
            value,
            resolution,
        }
    }

    /// The plain index of a quantity in its standard unit: no tariff, no subunit, no direction.
    pub fn index(quantity: Quantity, unit: Unit) -> Self {
        let exponent = standard(unit).map_or(0, |standard| standard.exponent);
        Self {
            quantity,
            unit,
            exponent,
            direction: Direction::Net,
            tariff: 0,
            subunit: 0,
            aspect: Aspect::Index,
            kind: Kind::Absolute,
        }
    }

    /// A stored integer as the number it means.
    pub const fn decimal(&self, value: i64) -> Decimal {
        Decimal::new(value, self.exponent)
    }
}

impl Aspect {
    /// The aspect of a register: set dates and history keep the index itself.
    pub const fn of(register: Register) -> Self {
        match register {
            Register::Current | Register::SetDate | Register::History(_) => Self::Index,
            Register::Max => Self::Max,
            Register::Min => Self::Min,
            Register::Average => Self::Average,
        }
    }
}

/// How values of a unit are kept: `factor` units of `unit` each, in steps of `10^exponent`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standard {
    /// The unit stored.
    pub unit: Unit,
    /// The power of ten stored.
    pub exponent: i8,
    /// How many of `unit` make one of the unit sent: 3600 for an hour.
    pub factor: u32,
}

/// The standard form of a unit; `None` for one that has none and is kept as sent.
///
/// Millilitres for m³, thousandths of allocation units, mWh, J, mL/h, mW, m°C, mK; durations in seconds. Months and
/// years are no fixed number of seconds and stay what they are.
pub const fn standard(unit: Unit) -> Option<Standard> {
    let (stored, exponent, factor) = match unit {
        Unit::CubicMetre | Unit::CubicMetrePerHour | Unit::Bar => (unit, -6, 1),
        Unit::Joule | Unit::Dbm | Unit::One | Unit::PartsPerMillion | Unit::Month | Unit::Year => {
            (unit, 0, 1)
        }
        Unit::Percent => (unit, -2, 1),
        Unit::Second => (Unit::Second, 0, 1),
        Unit::Minute => (Unit::Second, 0, 60),
        Unit::Hour => (Unit::Second, 0, 3600),
        Unit::Day => (Unit::Second, 0, 86_400),
        Unit::AllocationUnit
        | Unit::WattHour
        | Unit::Watt
        | Unit::DegreeCelsius
        | Unit::Kelvin
        | Unit::Volt
        | Unit::Ampere
        | Unit::Hertz
        | Unit::VarHour
        | Unit::Var
        | Unit::VoltAmpereHour
        | Unit::VoltAmpere
        | Unit::CubicMetreDegree
        | Unit::Kilogram => (unit, -3, 1),
        _ => return None,
    };
    Some(Standard {
        unit: stored,
        exponent,
        factor,
    })
}

impl Standard {
    /// Unit, exponent, integer and resolution, when this form holds every number of the register exactly.
    fn hold(self, sent: Decimal) -> Option<(Unit, i8, i64, i8)> {
        let shift = i32::from(sent.exponent) - i32::from(self.exponent);
        let power = 10_i64.checked_pow(shift.unsigned_abs())?;
        let factor = i64::from(self.factor);
        // One step of the register, in steps of the stored unit; it has to be whole.
        let step = if shift >= 0 {
            factor.checked_mul(power)?
        } else if factor % power == 0 {
            factor / power
        } else {
            return None;
        };
        let value = sent.mantissa.checked_mul(step)?;
        // Steps of 60 or 3600 seconds are no powers of ten: the resolution kept is the next finer one.
        let resolution = if self.factor == 1 {
            sent.exponent
        } else {
            self.exponent
        };
        Some((self.unit, self.exponent, value, resolution))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(quantity: Quantity, unit: Unit, value: Decimal, register: Register) -> Reading {
        Reading {
            quantity,
            unit,
            value,
            register,
            kind: Kind::Absolute,
            direction: Direction::Net,
            tariff: 0,
            subunit: 0,
            at: None,
        }
    }

    fn stored(unit: Unit, mantissa: i64, exponent: i8) -> (Unit, i8, i64, i8) {
        let sent = reading(
            Quantity::Volume,
            unit,
            Decimal::new(mantissa, exponent),
            Register::Current,
        );
        let measured = Channel::of(&sent);
        let channel = measured.channel;
        (
            channel.unit,
            channel.exponent,
            measured.value,
            measured.resolution,
        )
    }

    #[test]
    fn values_are_kept_exactly_in_the_standard_unit() {
        assert_eq!(
            stored(Unit::CubicMetre, 51_667, -3),
            (Unit::CubicMetre, -6, 51_667_000, -3)
        );
        assert_eq!(
            stored(Unit::AllocationUnit, 127, 0),
            (Unit::AllocationUnit, -3, 127_000, 0)
        );
        assert_eq!(stored(Unit::WattHour, 12, 3), (Unit::WattHour, -3, 12_000_000, 3));
        assert_eq!(stored(Unit::Joule, 7, 6), (Unit::Joule, 0, 7_000_000, 6));
        assert_eq!(
            stored(Unit::DegreeCelsius, 2155, -2),
            (Unit::DegreeCelsius, -3, 21_550, -2)
        );
        assert_eq!(stored(Unit::Day, 3, 0), (Unit::Second, 0, 259_200, 0));
        assert_eq!(stored(Unit::Hour, 15, -1), (Unit::Second, 0, 5400, 0));
        assert_eq!(stored(Unit::Month, 15, 0), (Unit::Month, 0, 15, 0));
    }

    #[test]
    fn what_the_standard_unit_cannot_hold_keeps_its_own_whatever_its_digits() {
        assert_eq!(stored(Unit::CubicMetre, 15, -7), (Unit::CubicMetre, -7, 15, -7));
        assert_eq!(stored(Unit::CubicMetre, 10, -7), (Unit::CubicMetre, -7, 10, -7));
        assert_eq!(stored(Unit::Hour, 1, -3), (Unit::Hour, -3, 1, -3));
        assert_eq!(
            stored(Unit::CubicMetre, i64::MAX, 0),
            (Unit::CubicMetre, 0, i64::MAX, 0)
        );
        assert_eq!(stored(Unit::CubicMetre, 1, 127), (Unit::CubicMetre, 127, 1, 127));
        assert_eq!(stored(Unit::Joule, 0, -1), (Unit::Joule, -1, 0, -1));
    }

    #[test]
    fn set_date_and_history_belong_to_the_series_of_the_current_value() {
        let index = |register| {
            Channel::of(&reading(
                Quantity::HeatCost,
                Unit::AllocationUnit,
                Decimal::new(1, 0),
                register,
            ))
            .channel
        };
        let live = index(Register::Current);
        assert_eq!(live, Channel::index(Quantity::HeatCost, Unit::AllocationUnit));
        assert_eq!(index(Register::SetDate), live);
        assert_eq!(index(Register::History(7)), live);
        assert_ne!(index(Register::Max), live);
        assert_eq!(live.decimal(127_000).to_string(), "127.000");
    }
}
