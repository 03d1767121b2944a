//! Security: keys, their derivation, and the ciphers behind the security modes of TPL and ELL.
//!
//! | mode | cipher | initialisation | proof of the right key |
//! | --- | --- | --- | --- |
//! | 2 | DES-CBC | zeros | check octets 2F 2F |
//! | 5 | AES-128-CBC | [`initialisation_vector`] | check octets 2F 2F |
//! | 7 | AES-128-CBC, derived key | zeros | MAC of the AFL, check octets 2F 2F |
//! | 10 | AES-128-CCM, derived key | address and counter | tag |
//! | ELL | AES-128-CTR | address, CC and session number | payload CRC |
//!
//! Modes 1, 3, 4, 6, 8, 9 and 11 to 31 are not read here.

pub(crate) mod cbc;
pub(crate) mod ccm;
pub(crate) mod cmac;
pub(crate) mod ctr;
mod kdf;
mod key;

pub use cbc::{aes_cbc_open, aes_cbc_seal, initialisation_vector};
pub use kdf::{Purpose, derive};
pub use key::{InvalidKey, Key};

pub(crate) use kdf::derive_octets;
