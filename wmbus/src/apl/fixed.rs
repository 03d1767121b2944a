//! The fixed data structure of the oldest wired meters: two counters in sixteen octets (EN 13757-3, CI 73 wired).
//!
//! ```text
//! I I I I  ACC  STS  m1 m2  counter 1 ×4  counter 2 ×4
//! ```

use super::quantity::{Quantity, Unit};
use super::value::{bcd, signed};
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
    /// Medium as a device type where there is one.
    pub medium: DeviceType,
    /// The two counters; `None` where the digits are none or the unit is not used.
    pub counters: [Option<Counter>; 2],
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
    /// Reads the sixteen octets after the CI-field, which begin at offset `at`.
    ///
    /// Fails with `Truncated` when there are fewer.
    pub fn parse(octets: &[u8], at: usize) -> Result<Self, Error> {
        let mut cursor = Cursor::new(octets, at, Layer::Application);
        let identification_number = IdentificationNumber::from_octets(cursor.array()?);
        let (access_number, status) = (cursor.u8()?, cursor.u8()?);
        let [m1, m2] = cursor.array()?;
        let codes = [m1 & 0x3F, m2 & 0x3F];
        let counters = [cursor.array::<4>()?, cursor.array::<4>()?];
        let [first, second] = codes;
        let mut read = [None; 2];
        for ((slot, octets), code) in read.iter_mut().zip(counters).zip(codes) {
            let historic = code == HISTORIC;
            let code = if historic {
                if first == HISTORIC { second } else { first }
            } else {
                code
            };
            let mantissa = if status & 1 == 0 {
                bcd(&octets)
            } else {
                signed(&octets)
            };
            *slot = unit(code)
                .zip(mantissa)
                .map(|((quantity, unit, exponent), mantissa)| Counter {
                    quantity,
                    unit,
                    value: Decimal { mantissa, exponent },
                    stored: historic || status & 2 != 0,
                });
        }
        let medium = DeviceType(
            MEDIA
                .get(usize::from(m2 >> 6 << 2 | m1 >> 6))
                .copied()
                .unwrap_or(0x0F),
        );
        Ok(Self {
            identification_number,
            access_number,
            status,
            medium,
            counters: read,
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
    0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0x0F, 0x03, 0x04, 0x06, 0x07, 0x08, 0x0F,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_historic_counter_has_the_unit_of_the_other() {
        // Invented: water, 1234 m³ now, 1100 m³ then.
        let octets = [
            0x21, 0x43, 0x65, 0x87, 0x17, 0x00, 0xEC, 0x7E, 0x34, 0x12, 0, 0, 0x00, 0x11, 0, 0,
        ];
        let data = FixedData::parse(&octets, 0).unwrap();
        assert_eq!(
            (data.identification_number.0, data.medium),
            (0x8765_4321, DeviceType::WATER)
        );
        let [now, then] = data.counters.map(Option::unwrap);
        assert_eq!((now.value, now.stored), (Decimal::new(1234, 0), false));
        assert_eq!(
            (then.value, then.stored, then.unit),
            (Decimal::new(1100, 0), true, Unit::CubicMetre)
        );
        let mut binary = octets;
        binary[5] = 1;
        assert_eq!(
            FixedData::parse(&binary, 0).unwrap().counters[0].unwrap().value,
            Decimal::new(4660, 0)
        );
        assert!(FixedData::parse(&octets[..15], 0).is_err());
    }
}
