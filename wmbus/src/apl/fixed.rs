//! The fixed data structure of the oldest wired meters: two counters in sixteen octets (EN 13757-3, CI 73 wired).
//!
//! ```text
//! I I I I  ACC  STS  m1 m2  counter 1 ×4  counter 2 ×4        m: MM UUUUUU, two bits of the medium and a unit
//! ```
//!
//! CI 77 says that numbers come most significant octet first, CI 73 least significant first.

use super::quantity::{Quantity, Unit};
use super::value::{bcd, is_most_negative, signed};
use crate::address::{DeviceType, IdentificationNumber};
use crate::cursor::Cursor;
use crate::decimal::Decimal;
use crate::error::{Error, Layer};

/// What such a meter says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FixedData {
    /// Identification number.
    pub identification_number: IdentificationNumber,
    /// Access number.
    pub access_number: u8,
    /// Status: bit 0 says how counters are coded, bit 1 that they were stored at a fixed date.
    pub status: u8,
    /// Medium, four bits; see [`FixedData::device_type`].
    pub medium: u8,
    /// Unit codes of the two counters, six bits each.
    pub units: [u8; 2],
    /// The two counters as sent, least significant octet first.
    pub raw: [[u8; 4]; 2],
}

/// One counter.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Counter {
    /// What it counts.
    pub quantity: Quantity,
    /// Its unit.
    pub unit: Unit,
    /// Its state.
    pub value: Decimal,
    /// A state of the past: storage 1.
    pub stored: bool,
}

impl FixedData {
    /// Reads the sixteen octets after CI 73, which begin at offset `at`.
    ///
    /// Fails with `Truncated` when there are fewer.
    pub fn parse(octets: &[u8], at: usize) -> Result<Self, Error> {
        let mut cursor = Cursor::new(octets, at, Layer::Application);
        let identification_number = IdentificationNumber::from_octets(cursor.array()?);
        let (access_number, status) = (cursor.u8()?, cursor.u8()?);
        let [m1, m2] = cursor.array()?;
        Ok(Self {
            identification_number,
            access_number,
            status,
            medium: m2 >> 6 << 2 | m1 >> 6,
            units: [m1 & 0x3F, m2 & 0x3F],
            raw: [cursor.array()?, cursor.array()?],
        })
    }

    /// Reads the sixteen octets after CI 77: numbers most significant octet first.
    ///
    /// Fails with `Truncated` when there are fewer.
    pub fn parse_most_significant_first(octets: &[u8], at: usize) -> Result<Self, Error> {
        let mut cursor = Cursor::new(octets, at, Layer::Application);
        let octets = Self::turned(cursor.array()?);
        Self::parse(&octets, at)
    }

    /// The octets after CI 73.
    pub fn to_octets(&self) -> [u8; 16] {
        let [i0, i1, i2, i3] = self.identification_number.0.to_le_bytes();
        let [[a0, a1, a2, a3], [b0, b1, b2, b3]] = self.raw;
        let [unit1, unit2] = self.units;
        let m1 = (self.medium & 3) << 6 | unit1 & 0x3F;
        let m2 = (self.medium >> 2 & 3) << 6 | unit2 & 0x3F;
        [
            i0,
            i1,
            i2,
            i3,
            self.access_number,
            self.status,
            m1,
            m2,
            a0,
            a1,
            a2,
            a3,
            b0,
            b1,
            b2,
            b3,
        ]
    }

    /// The octets after CI 77.
    pub fn to_octets_most_significant_first(&self) -> [u8; 16] {
        Self::turned(self.to_octets())
    }

    /// Every field of more than one octet the other way round.
    fn turned(octets: [u8; 16]) -> [u8; 16] {
        let [i0, i1, i2, i3, acc, sts, m1, m2, a0, a1, a2, a3, b0, b1, b2, b3] = octets;
        [i3, i2, i1, i0, acc, sts, m2, m1, a3, a2, a1, a0, b3, b2, b1, b0]
    }

    /// The medium as a device type of the variable structure; reserved for those that are.
    pub fn device_type(&self) -> DeviceType {
        DeviceType(MEDIA.get(usize::from(self.medium)).copied().unwrap_or(RESERVED))
    }

    /// The two counters; `None` where there is no number, or the unit is none that counts.
    pub fn counters(&self) -> [Option<Counter>; 2] {
        let [unit1, unit2] = self.units;
        let [raw1, raw2] = self.raw;
        [self.counter(raw1, unit1, unit2), self.counter(raw2, unit2, unit1)]
    }

    fn counter(&self, raw: [u8; 4], code: u8, other: u8) -> Option<Counter> {
        let historic = code == HISTORIC;
        let (quantity, unit, exponent) = unit(if historic { other } else { code })?;
        let mantissa = if self.status & 1 == 0 {
            bcd(&raw)
        } else {
            signed(&raw).filter(|_| !is_most_negative(&raw))
        }?;
        Some(Counter {
            quantity,
            unit,
            value: Decimal { mantissa, exponent },
            stored: historic || self.status & 2 != 0,
        })
    }
}

/// Quantity, unit and power of ten of a unit code.
fn unit(code: u8) -> Option<(Quantity, Unit, i8)> {
    let row = |first: u8, quantity, unit, exponent: i8| {
        i8::try_from(code - first)
            .ok()
            .map(|step| (quantity, unit, exponent + step))
    };
    match code {
        0x02..=0x0A => row(0x02, Quantity::Energy, Unit::WattHour, 0),
        0x0B..=0x13 => row(0x0B, Quantity::Energy, Unit::Joule, 3),
        0x14..=0x1C => row(0x14, Quantity::Power, Unit::Watt, 0),
        0x1D..=0x25 => row(0x1D, Quantity::Power, Unit::JoulePerHour, 3),
        0x26..=0x2E => row(0x26, Quantity::Volume, Unit::CubicMetre, -6),
        0x2F..=0x37 => row(0x2F, Quantity::VolumeFlow, Unit::CubicMetrePerHour, -6),
        0x38 => row(0x38, Quantity::FlowTemperature, Unit::Celsius, -3),
        0x39 => row(0x39, Quantity::HeatCost, Unit::None, 0),
        _ => None,
    }
}

const HISTORIC: u8 = 0x3E;

/// Device types of the sixteen media; the "mode 2" ones count as their counterparts.
const MEDIA: [u8; 16] = [
    0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, RESERVED, 0x03, 0x04, 0x06, 0x07, 0x08, RESERVED,
];

/// "Unknown medium" of the variable structure.
const RESERVED: u8 = 0x0F;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_historic_counter_has_the_unit_of_the_other() {
        // Water, 5070 m³ now, 4800 m³ then.
        let octets = [
            0x01, 0x23, 0x45, 0x67, 0x17, 0x00, 0xEC, 0x7E, 0x70, 0x50, 0, 0, 0x00, 0x48, 0, 0,
        ];
        let data = FixedData::parse(&octets, 0).unwrap();
        assert_eq!(
            (data.identification_number.0, data.device_type()),
            (0x6745_2301, DeviceType::WATER)
        );
        let [now, then] = data.counters().map(Option::unwrap);
        assert_eq!((now.value, now.stored), (Decimal::new(5070, 0), false));
        assert_eq!(
            (then.value, then.stored, then.unit),
            (Decimal::new(4800, 0), true, Unit::CubicMetre)
        );
        let binary = FixedData { status: 1, ..data };
        assert_eq!(binary.counters()[0].unwrap().value, Decimal::new(0x5070, 0));
        let stored = FixedData { status: 2, ..data };
        assert!(stored.counters()[0].unwrap().stored);
        assert!(FixedData::parse(&octets[..15], 0).is_err());
    }

    #[test]
    fn what_is_read_is_written_in_both_orders() {
        let octets: [u8; 16] = core::array::from_fn(|at| 17 * at as u8);
        let data = FixedData::parse(&octets, 0).unwrap();
        assert_eq!(data.to_octets(), octets);
        let turned = data.to_octets_most_significant_first();
        assert_eq!(turned[..4], [51, 34, 17, 0]);
        assert_eq!(FixedData::parse_most_significant_first(&turned, 0), Ok(data));
    }

    #[test]
    fn patterns_and_units_without_a_number() {
        let data = FixedData {
            identification_number: IdentificationNumber(0x1234_5678),
            access_number: 1,
            status: 1,
            medium: 4,
            units: [0x05, HISTORIC],
            raw: [[0, 0, 0, 0x80], [1, 0, 0, 0]],
        };
        let [invalid, then] = data.counters();
        assert_eq!((invalid, then.unwrap().value), (None, Decimal::new(1, 3)));
        let none = FixedData {
            units: [HISTORIC, HISTORIC],
            ..data
        };
        assert_eq!(none.counters(), [None, None]);
        // Hours, dates, reserved codes, none.
        for code in [0x00, 0x01, 0x3A, 0x3D, 0x3F] {
            assert_eq!(unit(code), None);
        }
        for (code, expected) in [
            (0x04, (Quantity::Energy, Unit::WattHour, 2)),
            (0x0D, (Quantity::Energy, Unit::Joule, 5)),
            (0x13, (Quantity::Energy, Unit::Joule, 11)),
            (0x1A, (Quantity::Power, Unit::Watt, 6)),
            (0x2C, (Quantity::Volume, Unit::CubicMetre, 0)),
            (0x35, (Quantity::VolumeFlow, Unit::CubicMetrePerHour, 0)),
        ] {
            assert_eq!(unit(code), Some(expected));
        }
    }
}
