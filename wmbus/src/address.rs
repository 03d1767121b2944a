//! Who a meter is: manufacturer, identification number, version and device type.

use core::fmt;
use core::str::FromStr;

/// The M-field: three capital letters, five bits each, and a flag (EN 13757-4, M-field).
///
/// Bit 15 set means that the address is unique in the local installation only. Keys and initialisation vectors use
/// the two octets as sent, so the flag is kept; `Display` and `==` on [`Manufacturer::letters`] leave it out.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Manufacturer(pub u16);

impl Manufacturer {
    /// From the two octets as sent, least significant first.
    pub const fn from_octets(octets: [u8; 2]) -> Self {
        Self(u16::from_le_bytes(octets))
    }

    /// The two octets as sent.
    pub const fn octets(self) -> [u8; 2] {
        self.0.to_le_bytes()
    }

    /// The three letters. Five-bit groups outside A–Z give the characters `@ [ \ ] ^ _`.
    pub fn letters(self) -> [char; 3] {
        [10, 5, 0].map(|shift| char::from(64 + ((self.0 >> shift) & 0x1F) as u8))
    }

    /// True when the address is unique in the local installation only (bit 15).
    pub const fn is_local(self) -> bool {
        self.0 & 0x8000 != 0
    }

    /// The same manufacturer without the flag, for comparison.
    pub const fn without_flag(self) -> Self {
        Self(self.0 & 0x7FFF)
    }
}

impl FromStr for Manufacturer {
    type Err = InvalidAddress;

    /// From three letters, upper or lower case.
    fn from_str(text: &str) -> Result<Self, InvalidAddress> {
        let mut value = 0;
        let mut count = 0;
        for letter in text.bytes() {
            if !letter.is_ascii_alphabetic() || count == 3 {
                return Err(InvalidAddress("a manufacturer is three letters, such as KAM"));
            }
            value = value << 5 | u16::from(letter.to_ascii_uppercase() - 64);
            count += 1;
        }
        if count == 3 {
            Ok(Self(value))
        } else {
            Err(InvalidAddress("a manufacturer is three letters, such as KAM"))
        }
    }
}

impl fmt::Display for Manufacturer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c] = self.letters();
        write!(f, "{a}{b}{c}")
    }
}

impl fmt::Debug for Manufacturer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}({:04X})", self.0)
    }
}

/// The identification number: eight hexadecimal digits, decimal with nearly all meters (EN 13757-4, A-field).
///
/// Kept as the number that its digits spell in hexadecimal, so that `0x12345678` prints `12345678`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IdentificationNumber(pub u32);

impl IdentificationNumber {
    /// From the four octets as sent, last digits first.
    pub const fn from_octets(octets: [u8; 4]) -> Self {
        Self(u32::from_le_bytes(octets))
    }

    /// The four octets as sent.
    pub const fn octets(self) -> [u8; 4] {
        self.0.to_le_bytes()
    }
}

impl FromStr for IdentificationNumber {
    type Err = InvalidAddress;

    /// From one to eight hexadecimal digits; missing leading zeros are added.
    fn from_str(text: &str) -> Result<Self, InvalidAddress> {
        if text.is_empty() || text.len() > 8 || !text.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return Err(InvalidAddress(
                "an identification number is up to eight digits, such as 12345678",
            ));
        }
        u32::from_str_radix(text, 16)
            .map(Self)
            .map_err(|_| InvalidAddress("an identification number is up to eight digits, such as 12345678"))
    }
}

impl fmt::Display for IdentificationNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08X}", self.0)
    }
}

impl fmt::Debug for IdentificationNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The version octet: the maker's generation of the device; it has no other meaning here.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version(pub u8);

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02X}", self.0)
    }
}

impl fmt::Debug for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The device type octet, formerly "medium" (EN 13757-7, device types). Unknown values are kept.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeviceType(pub u8);

impl DeviceType {
    /// Warm water, 30 °C to 90 °C: what a dwelling calls hot water.
    pub const WARM_WATER: Self = Self(0x06);
    /// Water, unspecified.
    pub const WATER: Self = Self(0x07);
    /// Heat cost allocator.
    pub const HEAT_COST_ALLOCATOR: Self = Self(0x08);
    /// Hot water, 90 °C and above.
    pub const HOT_WATER: Self = Self(0x15);
    /// Cold water.
    pub const COLD_WATER: Self = Self(0x16);

    /// The name in `snake_case`, stable for machines; `reserved` for values without one.
    pub fn name(self) -> &'static str {
        match self.0 {
            0x00 => "other",
            0x01 => "oil",
            0x02 => "electricity",
            0x03 => "gas",
            0x04 => "heat_outlet",
            0x05 => "steam",
            0x06 => "warm_water",
            0x07 => "water",
            0x08 => "heat_cost_allocator",
            0x09 => "compressed_air",
            0x0A => "cooling_outlet",
            0x0B => "cooling_inlet",
            0x0C => "heat_inlet",
            0x0D => "heat_cooling",
            0x0E => "bus",
            0x0F => "unknown",
            0x10 => "irrigation_water",
            0x11 => "water_data_logger",
            0x12 => "gas_data_logger",
            0x13 => "gas_converter",
            0x14 => "calorific_value",
            0x15 => "hot_water",
            0x16 => "cold_water",
            0x17 => "dual_water",
            0x18 => "pressure",
            0x19 => "ad_converter",
            0x1A => "smoke_detector",
            0x1B => "room_sensor",
            0x1C => "gas_detector",
            0x1F => "sensor",
            0x20 => "breaker",
            0x21 => "valve",
            0x25 => "customer_unit",
            0x28 => "waste_water",
            0x29 => "garbage",
            0x2A => "carbon_dioxide",
            0x30 => "service_tool",
            0x31 => "communication_controller",
            0x32 => "unidirectional_repeater",
            0x33 => "bidirectional_repeater",
            0x36 => "radio_converter_system",
            0x37 => "radio_converter_meter",
            0x38 => "bus_converter_meter",
            _ => "reserved",
        }
    }
}

impl fmt::Display for DeviceType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02X}", self.0)
    }
}

impl fmt::Debug for DeviceType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}({})", self.name())
    }
}

/// The address of a device: eight octets that no other device of its maker has.
///
/// ```text
/// MM MM  II II II II  VV  TT      link layer order
/// II II II II  MM MM  VV  TT      transport layer order
/// ```
///
/// Source: EN 13757-4, M- and A-field; EN 13757-7, long header.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address {
    /// The maker.
    pub manufacturer: Manufacturer,
    /// The maker's number for this device.
    pub identification_number: IdentificationNumber,
    /// The maker's generation of the device.
    pub version: Version,
    /// What it measures.
    pub device_type: DeviceType,
}

impl Address {
    /// From eight octets in the order of the link layer: manufacturer first.
    pub const fn from_link_octets(octets: [u8; 8]) -> Self {
        let [m0, m1, a0, a1, a2, a3, version, device_type] = octets;
        Self {
            manufacturer: Manufacturer::from_octets([m0, m1]),
            identification_number: IdentificationNumber::from_octets([a0, a1, a2, a3]),
            version: Version(version),
            device_type: DeviceType(device_type),
        }
    }

    /// Eight octets in the order of the link layer.
    pub const fn link_octets(self) -> [u8; 8] {
        let [m0, m1] = self.manufacturer.octets();
        let [a0, a1, a2, a3] = self.identification_number.octets();
        [m0, m1, a0, a1, a2, a3, self.version.0, self.device_type.0]
    }

    /// From eight octets in the order of the transport layer: identification number first.
    pub const fn from_transport_octets(octets: [u8; 8]) -> Self {
        let [a0, a1, a2, a3, m0, m1, version, device_type] = octets;
        Self::from_link_octets([m0, m1, a0, a1, a2, a3, version, device_type])
    }

    /// Eight octets in the order of the transport layer.
    pub const fn transport_octets(self) -> [u8; 8] {
        let [m0, m1, a0, a1, a2, a3, version, device_type] = self.link_octets();
        [a0, a1, a2, a3, m0, m1, version, device_type]
    }
}

impl fmt::Display for Address {
    /// `KAM 12345678 1B 16`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            manufacturer,
            identification_number,
            version,
            device_type,
        } = self;
        write!(
            f,
            "{manufacturer} {identification_number} {version} {device_type}"
        )
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Text that is no part of an address; says what it should look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidAddress(&'static str);

impl fmt::Display for InvalidAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl core::error::Error for InvalidAddress {}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn letters_survive_the_way_there_and_back() {
        let kamstrup = Manufacturer::from_octets([0x2D, 0x2C]);
        assert_eq!(kamstrup.to_string(), "KAM");
        assert_eq!("kam".parse(), Ok(kamstrup));
        assert_eq!("ELS".parse::<Manufacturer>().unwrap().octets(), [0x93, 0x15]);
        assert!("KA".parse::<Manufacturer>().is_err());
        assert!("KAMS".parse::<Manufacturer>().is_err());
        assert!("K4M".parse::<Manufacturer>().is_err());
        assert!(Manufacturer(0x8614).is_local());
        assert_eq!(Manufacturer(0x8614).without_flag().to_string(), "APT");
    }

    #[test]
    fn two_orders_of_one_address() {
        let link = [0x93, 0x15, 0x78, 0x56, 0x34, 0x12, 0x33, 0x03];
        let address = Address::from_link_octets(link);
        assert_eq!(address.to_string(), "ELS 12345678 33 03");
        assert_eq!(address.link_octets(), link);
        assert_eq!(
            Address::from_transport_octets(address.transport_octets()),
            address
        );
        assert_eq!(
            "123".parse::<IdentificationNumber>().unwrap().to_string(),
            "00000123"
        );
        assert!("".parse::<IdentificationNumber>().is_err());
        assert!("123456789".parse::<IdentificationNumber>().is_err());
        assert!("+1234567".parse::<IdentificationNumber>().is_err());
    }
}
