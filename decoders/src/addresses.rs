//! Which family answers for an address, found in one look: every telegram is looked up twice.

use wmbus::{DeviceType, Manufacturer, Version};

/// Families by maker, version and device type.
#[derive(Clone, Debug, Default)]
pub(crate) struct Addresses {
    /// A place for each address, found by its hash, or the next one that is free. A power of two of them, at least half of
    /// which are free.
    places: Vec<Option<(u32, usize)>>,
    count: usize,
}

impl Addresses {
    /// Notes whose an address is, which nobody has yet.
    pub(crate) fn insert(&mut self, key: u32, family: usize) {
        if self.places.len() <= 2 * self.count {
            let wider = vec![None; (2 * self.places.len()).max(64)];
            let known = std::mem::replace(&mut self.places, wider);
            self.count = 0;
            for (key, family) in known.into_iter().flatten() {
                self.insert(key, family);
            }
        }
        if let Some(place) = self.place(key).and_then(|place| self.places.get_mut(place)) {
            *place = Some((key, family));
            self.count += 1;
        }
    }

    /// Whose an address is.
    #[inline]
    pub(crate) fn get(&self, key: u32) -> Option<usize> {
        let (_, family) = (*self.places.get(self.place(key)?)?)?;
        Some(family)
    }

    /// Where an address stands, or would stand; `None` while there is no room at all.
    #[inline]
    fn place(&self, key: u32) -> Option<usize> {
        let last = self.places.len().checked_sub(1)?;
        // Fibonacci's: the upper bits depend on all of the key.
        let hash = u64::from(key).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40;
        let mut place = usize::try_from(hash).ok()? & last;
        // At least half of the places are free, so it ends.
        while let Some(Some((other, _))) = self.places.get(place) {
            if *other == key {
                break;
            }
            place = (place + 1) & last;
        }
        Some(place)
    }
}

/// An address without its number, as one number.
pub(crate) fn key(manufacturer: Manufacturer, version: Version, device_type: DeviceType) -> u32 {
    u32::from(manufacturer.without_flag().0) << 16 | u32::from(version.0) << 8 | u32::from(device_type.0)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_was_noted_is_found_and_nothing_else(
            noted in prop::collection::btree_map(0_u32..2000, 0_usize..99, 0..400),
        ) {
            let mut addresses = Addresses::default();
            for (key, family) in &noted {
                prop_assert_eq!(addresses.get(*key), None);
                addresses.insert(*key, *family);
            }
            let found: BTreeMap<u32, usize> = (0..2000)
                .filter_map(|key| Some((key, addresses.get(key)?)))
                .collect();
            prop_assert_eq!(found, noted);
        }
    }
}
