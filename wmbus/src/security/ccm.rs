//! AES-CCM, the cipher of security mode 10: encryption and a tag at once (RFC 3610; OMS Vol. 2).
//!
//! ```text
//! nonce             M M  A A A A  V  T  00  counter ×4, high octet first
//! associated data   CI … CFE without the counter
//! ```

use aes::Aes128Enc;
use alloc::vec::Vec;
use ccm::KeyInit;
use ccm::aead::AeadInOut;
use ccm::consts::{U4, U8, U12, U13, U16};

use crate::address::Address;

/// The nonce of a meter's message.
pub(crate) fn nonce(meter: Address, counter: u32) -> [u8; 13] {
    let [m0, m1, a0, a1, a2, a3, version, device_type] = meter.link_octets();
    let [c0, c1, c2, c3] = counter.to_be_bytes();
    // The ninth octet is 0 in all telegrams known; perhaps it names the direction.
    [m0, m1, a0, a1, a2, a3, version, device_type, 0, c0, c1, c2, c3]
}

/// Plaintext of a ciphertext that ends with its tag of 4, 8, 12 or 16 octets; `None` when the tag is wrong.
pub(crate) fn open(
    key: &[u8; 16],
    nonce: &[u8; 13],
    associated: &[u8],
    sealed: &[u8],
    tag_size: usize,
) -> Option<Vec<u8>> {
    run(
        key,
        tag_size,
        Job {
            nonce,
            associated,
            octets: sealed,
            seal: false,
        },
    )
}

/// Ciphertext and tag; `None` when the text is longer than the mode allows.
pub(crate) fn seal(
    key: &[u8; 16],
    nonce: &[u8; 13],
    associated: &[u8],
    plain: &[u8],
    tag_size: usize,
) -> Option<Vec<u8>> {
    run(
        key,
        tag_size,
        Job {
            nonce,
            associated,
            octets: plain,
            seal: true,
        },
    )
}

struct Job<'a> {
    nonce: &'a [u8; 13],
    associated: &'a [u8],
    octets: &'a [u8],
    seal: bool,
}

impl Job<'_> {
    fn with<C: AeadInOut<NonceSize = U13>>(self, cipher: &C) -> Option<Vec<u8>> {
        let mut buffer = self.octets.to_vec();
        let nonce = self.nonce.into();
        if self.seal {
            cipher.encrypt_in_place(nonce, self.associated, &mut buffer)
        } else {
            cipher.decrypt_in_place(nonce, self.associated, &mut buffer)
        }
        .ok()
        .map(|()| buffer)
    }
}

/// The size of the tag is part of the cipher's type.
fn run(key: &[u8; 16], tag_size: usize, job: Job<'_>) -> Option<Vec<u8>> {
    match tag_size {
        4 => job.with(&ccm::Ccm::<Aes128Enc, U4, U13>::new(key.into())),
        8 => job.with(&ccm::Ccm::<Aes128Enc, U8, U13>::new(key.into())),
        12 => job.with(&ccm::Ccm::<Aes128Enc, U12, U13>::new(key.into())),
        _ => job.with(&ccm::Ccm::<Aes128Enc, U16, U13>::new(key.into())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sealed_can_be_opened_and_a_changed_tag_can_not() {
        let (key, nonce) = ([7; 16], [9; 13]);
        for size in [4, 8, 12, 16] {
            let mut sealed = seal(&key, &nonce, b"head", b"records", size).unwrap();
            assert_eq!(sealed.len(), 7 + size);
            assert_eq!(
                open(&key, &nonce, b"head", &sealed, size).as_deref(),
                Some(&b"records"[..])
            );
            assert_eq!(open(&key, &nonce, b"heat", &sealed, size), None);
            *sealed.last_mut().unwrap() ^= 1;
            assert_eq!(open(&key, &nonce, b"head", &sealed, size), None);
            assert_eq!(open(&key, &nonce, b"head", b"ab", size), None);
        }
    }
}
