//! Key derivation A: a key for one message counter and one purpose (OMS Vol. 2; EN 13757-7).
//!
//! ```text
//! derived = AES-CMAC(master, DC  C C C C  I I I I  07 07 07 07 07 07 07)
//! ```

use super::cipher::aes_cmac;
use crate::address::IdentificationNumber;

/// What a derived key is for; its number is the derivation constant DC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DerivedKey {
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
pub fn derive(master: &[u8; 16], purpose: DerivedKey, counter: u32, meter: IdentificationNumber) -> [u8; 16] {
    aes_cmac(
        master,
        &[&[purpose as u8], &counter.to_le_bytes(), &meter.octets(), &[7; 7]],
    )
}
