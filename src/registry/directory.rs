//! Directory: whose telegram is it. Found in one step, however many meters are registered.

use wmbus::Address;

use crate::hash::Map;
use crate::store::DirectoryEntry;

/// All registered meters, by the part of the address that every list has: maker and number.
#[derive(Debug, Default)]
pub struct Directory {
    entries: Vec<DirectoryEntry>,
    by_number: Map<(u16, u32), Vec<usize>>,
}

impl Directory {
    /// A directory of these meters.
    pub fn new(entries: Vec<DirectoryEntry>) -> Self {
        let mut by_number: Map<_, Vec<usize>> =
            Map::with_capacity_and_hasher(entries.len(), Default::default());
        for (index, entry) in entries.iter().enumerate() {
            let address = entry.meter.address;
            by_number
                .entry((address.manufacturer.0, address.identification_number.0))
                .or_default()
                .push(index);
        }
        Self { entries, by_number }
    }

    /// The meter with an address heard; one whose version and device type are registered comes before one that leaves
    /// them open.
    pub fn find(&self, heard: &Address) -> Option<&DirectoryEntry> {
        let key = (heard.manufacturer.without_flag().0, heard.identification_number.0);
        self.by_number
            .get(&key)?
            .iter()
            .filter_map(|index| self.entries.get(*index))
            .filter(|entry| entry.meter.address.matches(heard))
            .max_by_key(|entry| {
                (
                    entry.meter.address.version.is_some(),
                    entry.meter.address.device_type.is_some(),
                )
            })
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &DirectoryEntry> {
        self.entries.iter()
    }

    /// How many meters there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// True when nothing is registered.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::{Meter, MeterAddress, MeterId};

    fn entry(id: i64, address: MeterAddress) -> DirectoryEntry {
        let meter = Meter {
            id: MeterId(id),
            address,
            printed_serial: None,
        };
        DirectoryEntry {
            meter,
            keys: Vec::new(),
            proven: 0,
            time_zone: "Europe/Paris".to_owned(),
            kind: None,
            counter: None,
        }
    }

    #[test]
    fn the_exact_address_comes_before_the_open_one() {
        let heard = Address::from_link_octets([0x2D, 0xAC, 0x78, 0x56, 0x34, 0x12, 0x1B, 0x16]);
        let exact = MeterAddress::from(heard);
        let open = MeterAddress {
            version: None,
            device_type: None,
            ..exact
        };
        let directory = Directory::new(vec![entry(1, open), entry(2, exact)]);
        assert_eq!(
            directory.find(&heard).map(|entry| entry.meter.id),
            Some(MeterId(2))
        );
        let other = Address {
            version: wmbus::Version(0x1C),
            ..heard
        };
        assert_eq!(
            directory.find(&other).map(|entry| entry.meter.id),
            Some(MeterId(1))
        );
        let stranger = Address {
            identification_number: wmbus::IdentificationNumber(1),
            ..heard
        };
        assert!(directory.find(&stranger).is_none());
        assert_eq!((directory.len(), directory.is_empty()), (2, false));
    }
}
