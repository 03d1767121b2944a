//! Meters' keys at rest: sealed under a master key that does not lie in the store, so that a copy of the store opens no
//! telegram.
//!
//! ```text
//! sealed: 52 53 01 | 4 octets: which master key | 13 octets: nonce | AES-256-CCM of the key, 16 octets of tag
//! ```
//!
//! Bound to its meter (associated data), so that rows can't be exchanged. The nonce follows from master key, meter and key:
//! the same key of the same meter is sealed to the same octets, which keeps look-ups what they were; no two plaintexts share
//! one.

use std::fmt;
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use aes::Aes256Enc;
use ccm::KeyInit;
use ccm::aead::AeadInOut;
use ccm::consts::{U13, U16};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::open::{beside, refused_by_system};
use crate::store::{Result, StoreError};
use crate::systemd::credential;

/// What keys are sealed with, and opened.
#[derive(Clone, Default)]
pub(super) struct Vault {
    master: Option<Arc<Zeroizing<[u8; 32]>>>,
}

/// A sealed key that can't be opened: no master key, or another.
#[derive(Debug)]
pub(super) struct Sealed;

impl fmt::Display for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key is sealed under a master key that is not here")
    }
}

impl std::error::Error for Sealed {}

/// Where the master key of a store is looked for: what systemd passed, what the environment names, the file beside it.
pub fn master_path(store: &Path) -> PathBuf {
    credential("master-key")
        .or_else(|| std::env::var_os("RELEVE_MASTER_KEY_FILE").map(PathBuf::from))
        .unwrap_or_else(|| beside(store, ".master"))
}

impl Vault {
    /// With the master key of a store, when there is one.
    pub(super) fn of(store: &Path) -> Result<Self> {
        let path = master_path(store);
        let text = match fs::read_to_string(&path) {
            Ok(text) => Zeroizing::new(text),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => return Err(refused_by_system(&path, &error)),
        };
        let mode = fs::metadata(&path).map_or(0, |data| data.permissions().mode());
        let passed = credential("master-key").is_some();
        // The service manager's own folder is nobody else's.
        if mode & 0o077 != 0 && !passed {
            return Err(StoreError::Master {
                path,
                detail: "can be read by others: give it to its owner alone (chmod 600)",
            });
        }
        match parse(text.trim()) {
            Some(master) => Ok(Self {
                master: Some(Arc::new(master)),
            }),
            None => Err(StoreError::Master {
                path,
                detail: "is no master key: 64 hexadecimal digits, as `releve keys seal` makes them",
            }),
        }
    }

    /// Whether there is a master key.
    pub(super) fn is_locked(&self) -> bool {
        self.master.is_some()
    }

    /// A key as it is kept: sealed when there is a master key.
    pub(super) fn put(&self, meter: i64, key: &[u8]) -> Zeroizing<Vec<u8>> {
        let sealed = self.master.as_ref().and_then(|master| seal(master, meter, key));
        Zeroizing::new(sealed.unwrap_or_else(|| key.to_vec()))
    }

    /// A key from what is kept.
    pub(super) fn take(&self, meter: i64, kept: &[u8]) -> std::result::Result<Zeroizing<Vec<u8>>, Sealed> {
        let Some(rest) = kept.strip_prefix(MARK) else {
            return Ok(Zeroizing::new(kept.to_vec()));
        };
        let master = self.master.as_ref().ok_or(Sealed)?;
        let (which, rest) = rest.split_at_checked(4).ok_or(Sealed)?;
        let (nonce, sealed) = rest.split_first_chunk::<13>().ok_or(Sealed)?;
        if which != name(master) {
            return Err(Sealed);
        }
        let mut buffer = Zeroizing::new(sealed.to_vec());
        Cipher::new((&***master).into())
            .decrypt_in_place(nonce.into(), &meter.to_be_bytes(), &mut *buffer)
            .map_err(|_| Sealed)?;
        Ok(buffer)
    }
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_locked() {
            "Vault(locked)"
        } else {
            "Vault(open)"
        })
    }
}

type Cipher = ccm::Ccm<Aes256Enc, U16, U13>;

fn seal(master: &[u8; 32], meter: i64, key: &[u8]) -> Option<Vec<u8>> {
    let mut hash = Sha256::new();
    hash.update(b"releve nonce");
    hash.update(master);
    hash.update(meter.to_be_bytes());
    hash.update(key);
    let digest = hash.finalize();
    let nonce: &[u8; 13] = digest.first_chunk()?;
    let mut buffer = Zeroizing::new(key.to_vec());
    Cipher::new(master.into())
        .encrypt_in_place(nonce.into(), &meter.to_be_bytes(), &mut *buffer)
        .ok()?;
    let mut sealed = MARK.to_vec();
    sealed.extend(name(master));
    sealed.extend(nonce);
    sealed.extend(buffer.iter());
    Some(sealed)
}

/// Tells master keys apart without telling anything of them.
fn name(master: &[u8; 32]) -> [u8; 4] {
    let mut hash = Sha256::new();
    hash.update(b"releve master");
    hash.update(master);
    let digest = hash.finalize();
    digest.first_chunk().copied().unwrap_or_default()
}

fn parse(text: &str) -> Option<Zeroizing<[u8; 32]>> {
    if text.len() != 64 {
        return None;
    }
    let mut master = Zeroizing::new([0; 32]);
    for (octet, digits) in master.iter_mut().zip(text.as_bytes().chunks(2)) {
        for digit in digits {
            let value = char::from(*digit).to_digit(16)?;
            *octet = *octet << 4 | u8::try_from(value).ok()?;
        }
    }
    Some(master)
}

/// What sealed keys begin with. A key in clear has 8 or 16 octets; a sealed one has more than 36.
const MARK: &[u8] = &[0x52, 0x53, 0x01];

#[cfg(test)]
mod tests {
    use super::*;

    fn vault(octet: u8) -> Vault {
        Vault {
            master: Some(Arc::new(Zeroizing::new([octet; 32]))),
        }
    }

    #[test]
    fn what_is_sealed_is_opened_by_its_own_master_and_for_its_own_meter_alone() {
        let key = [7; 16];
        let sealed = vault(1).put(5, &key);
        assert_eq!(sealed.len(), 3 + 4 + 13 + 16 + 16);
        assert!(!sealed.windows(4).any(|part| part == &key[..4]));
        assert_eq!(*vault(1).take(5, &sealed).unwrap(), key);
        // The same again is the same, another meter's is not.
        assert_eq!(*sealed, *vault(1).put(5, &key));
        assert_ne!(sealed[7..], vault(1).put(6, &key)[7..]);
        assert!(vault(1).take(6, &sealed).is_err());
        assert!(vault(2).take(5, &sealed).is_err());
        assert!(Vault::default().take(5, &sealed).is_err());
        for cut in 3..sealed.len() {
            assert!(vault(1).take(5, &sealed[..cut]).is_err(), "{cut}");
        }
        for at in 3..sealed.len() {
            let mut changed = sealed.to_vec();
            changed[at] ^= 1;
            assert!(vault(1).take(5, &changed).is_err(), "{at}");
        }
        // What lies in clear is taken as it is, with a master key or without.
        assert_eq!(*vault(1).take(5, &key).unwrap(), key);
        assert_eq!(*Vault::default().put(5, &key), key);
    }

    #[test]
    fn a_master_key_is_sixty_four_digits() {
        assert_eq!(parse(&"a5".repeat(32)).unwrap()[31], 0xA5);
        for wrong in ["", "a5", &"g5".repeat(32), &"a5".repeat(33)] {
            assert!(parse(wrong).is_none());
        }
    }
}
