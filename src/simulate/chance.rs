//! Chance that can be repeated: numbers that depend on a seed and a place alone, on every machine and for ever.
//!
//! A generator with a state would make every number depend on all drawn before it; here a new radiator changes nothing
//! for the others. The mixing function is SplitMix64, which is published for this purpose; it is no cryptography.

/// A place to draw numbers from: a seed, narrowed down by names and counters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Chance(u64);

impl Chance {
    /// The root of everything drawn for a seed.
    pub(crate) fn new(seed: u64) -> Self {
        Self(mix(seed ^ 0x5265_6C65_76C3_A900))
    }

    /// A place of its own below this one.
    pub(crate) fn at(self, index: u64) -> Self {
        Self(mix(
            self.0.rotate_left(17) ^ mix(index.wrapping_add(0x9E37_79B9_7F4A_7C15))
        ))
    }

    /// A place of its own below this one, by name.
    pub(crate) fn of(self, name: &str) -> Self {
        name.bytes().fold(self, |place, octet| place.at(u64::from(octet)))
    }

    /// A number from `low` to `high`, both included; `low` when they are the wrong way round.
    pub(crate) fn range(self, low: u64, high: u64) -> u64 {
        let span = high.saturating_sub(low).saturating_add(1);
        // The bias of a 64-bit remainder over spans of thousands is beyond noticing.
        low + mix(self.0) % span.max(1)
    }

    /// True `count` times out of `of`.
    pub(crate) fn hits(self, count: u64, of: u64) -> bool {
        mix(self.0) % of.max(1) < count
    }

    /// Sixteen octets: a key.
    pub(crate) fn octets16(self) -> [u8; 16] {
        let mut octets = [0; 16];
        let words = [mix(self.at(1).0), mix(self.at(2).0)];
        for (octet, value) in octets
            .iter_mut()
            .zip(words.iter().flat_map(|word| word.to_le_bytes()))
        {
            *octet = value;
        }
        octets
    }
}

fn mix(mut z: u64) -> u64 {
    z = z.wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_place_gives_the_same_number_for_ever() {
        // Pinned: a release that changes these makes everybody's simulated buildings other buildings.
        let place = Chance::new(7).of("meter").at(3);
        assert_eq!(place, Chance::new(7).of("meter").at(3));
        assert_eq!(mix(0), 0xE220_A839_7B1D_CDAF);
        assert_ne!(place.at(0), place.at(1));
    }

    #[test]
    fn ranges_are_met_and_kept() {
        let place = Chance::new(1);
        let drawn: Vec<_> = (0..1000).map(|n| place.at(n).range(3, 6)).collect();
        assert!((3..=6).all(|n| drawn.contains(&n)));
        assert!(drawn.iter().all(|n| (3..=6).contains(n)));
        assert_eq!(place.range(9, 9), 9);
        let hits = (0..1000).filter(|n| place.at(*n).hits(1, 10)).count();
        assert!((50..200).contains(&hits), "{hits} of 1000");
    }
}
