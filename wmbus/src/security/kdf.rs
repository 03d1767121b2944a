//! Key derivation A: a key for one message counter and one purpose (OMS Vol. 2; EN 13757-7).
//!
//! ```text
//! derived = AES-CMAC(master, DC  C C C C  I I I I  07 07 07 07 07 07 07)
//! ```

use zeroize::Zeroizing;

use super::Key;
use super::cmac::cmac;
use crate::address::IdentificationNumber;

/// What a derived key is for; its number is the derivation constant DC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// Encryption of what a meter sends.
    MeterEncryption = 0x00,
    /// MAC of what a meter sends.
    MeterMac = 0x01,
    /// Encryption of what its partner sends.
    PartnerEncryption = 0x10,
    /// MAC of what its partner sends.
    PartnerMac = 0x11,
}

/// The key of a purpose, from the master key, the message counter and the number of the *meter* (not of an adapter).
///
/// `None` when the master key is no AES key.
pub fn derive(master: &Key, purpose: Purpose, counter: u32, meter: IdentificationNumber) -> Option<Key> {
    let octets = derive_octets(master.as_aes()?, purpose, counter, meter);
    Some(Key::aes(*octets))
}

pub(crate) fn derive_octets(
    master: &[u8; 16],
    purpose: Purpose,
    counter: u32,
    meter: IdentificationNumber,
) -> Zeroizing<[u8; 16]> {
    let parts: [&[u8]; 4] = [&[purpose as u8], &counter.to_le_bytes(), &meter.octets(), &[7; 7]];
    Zeroizing::new(cmac(master, &parts))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_purpose_and_each_counter_has_its_own_key() {
        let (master, meter) = (Key::aes([1; 16]), IdentificationNumber(0x1234_5678));
        let mut keys = alloc::vec::Vec::new();
        for purpose in [
            Purpose::MeterEncryption,
            Purpose::MeterMac,
            Purpose::PartnerEncryption,
            Purpose::PartnerMac,
        ] {
            for counter in [0, 1] {
                let key = derive(&master, purpose, counter, meter).unwrap();
                assert!(!keys.contains(&key));
                keys.push(key);
            }
        }
        assert_eq!(derive(&Key::des([0; 8]), Purpose::MeterMac, 0, meter), None);
    }
}
