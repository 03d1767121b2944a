//! Security: keys, their derivation, and the ciphers behind the security modes of TPL and ELL.

pub(crate) mod cipher;
pub(crate) mod kdf;
mod key;

pub use cipher::{aes_cbc_decrypt as aes_cbc_open, aes_cbc_encrypt as aes_cbc_seal};
pub use kdf::{DerivedKey, derive};
pub use key::{InvalidKey, Key};
