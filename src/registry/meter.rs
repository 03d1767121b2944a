//! Meter: a device with an address, as far as the registry knows it.

use std::fmt;

use wmbus::{Address, DeviceType, IdentificationNumber, Manufacturer, Version};

use super::MeterId;

/// A registered meter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Meter {
    /// Its short name in this registry.
    pub id: MeterId,
    /// Its address on the air.
    pub address: MeterAddress,
    /// What stands on its housing, as printed.
    pub printed_serial: Option<String>,
}

/// The address of a registered meter: lists from the field often lack version and device type.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MeterAddress {
    /// The maker; without the flag for locally unique addresses.
    pub manufacturer: Manufacturer,
    /// The maker's number.
    pub identification_number: IdentificationNumber,
    /// The maker's generation; `None` for any.
    pub version: Option<Version>,
    /// What it measures; `None` for any.
    pub device_type: Option<DeviceType>,
}

impl MeterAddress {
    /// Whether a telegram's address is this meter's.
    pub fn matches(&self, heard: &Address) -> bool {
        self.manufacturer == heard.manufacturer.without_flag()
            && self.identification_number == heard.identification_number
            && self.version.is_none_or(|version| version == heard.version)
            && self.device_type.is_none_or(|kind| kind == heard.device_type)
    }
}

impl From<Address> for MeterAddress {
    fn from(address: Address) -> Self {
        Self {
            manufacturer: address.manufacturer.without_flag(),
            identification_number: address.identification_number,
            version: Some(address.version),
            device_type: Some(address.device_type),
        }
    }
}

impl fmt::Display for MeterAddress {
    /// `KAM 12345678 1B 16`, with `*` for what may be anything.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.manufacturer, self.identification_number)?;
        match self.version {
            Some(version) => write!(f, " {version}")?,
            None => f.write_str(" *")?,
        }
        match self.device_type {
            Some(device_type) => write!(f, " {device_type}"),
            None => f.write_str(" *"),
        }
    }
}

impl fmt::Debug for MeterAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_list_leaves_open_matches_anything() {
        let heard = Address::from_link_octets([0x2D, 0xAC, 0x78, 0x56, 0x34, 0x12, 0x1B, 0x16]);
        let exact = MeterAddress::from(heard);
        assert_eq!(exact.to_string(), "KAM 12345678 1B 16");
        assert!(exact.matches(&heard));
        let open = MeterAddress {
            version: None,
            device_type: None,
            ..exact
        };
        assert_eq!(open.to_string(), "KAM 12345678 * *");
        assert!(open.matches(&heard));
        let other = MeterAddress {
            version: Some(Version(0x1C)),
            ..open
        };
        assert!(!other.matches(&heard));
    }
}
