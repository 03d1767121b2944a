//! The ciphers, in the few shapes that wireless M-Bus asks for. The arithmetic is RustCrypto's.

use aes::Aes128;
use aes::cipher::{Array, BlockModeDecrypt, BlockModeEncrypt, KeyIvInit, StreamCipher};
use alloc::vec::Vec;
use ccm::aead::AeadInOut;
use ccm::consts::{U4, U8, U12, U13, U16};
use cmac::{KeyInit, Mac};

/// Decrypts whole blocks in place; octets after the last whole block stay as they are.
pub fn aes_cbc_decrypt(key: &[u8; 16], iv: &[u8; 16], octets: &mut [u8]) {
    let (blocks, _) = Array::slice_as_chunks_mut(octets);
    cbc::Decryptor::<Aes128>::new(key.into(), iv.into()).decrypt_blocks(blocks);
}

/// Encrypts whole blocks in place.
pub fn aes_cbc_encrypt(key: &[u8; 16], iv: &[u8; 16], octets: &mut [u8]) {
    let (blocks, _) = Array::slice_as_chunks_mut(octets);
    cbc::Encryptor::<Aes128>::new(key.into(), iv.into()).encrypt_blocks(blocks);
}

/// Encrypts or decrypts in place: the operation is its own inverse.
pub(crate) fn aes_ctr(key: &[u8; 16], counter_block: &[u8; 16], octets: &mut [u8]) {
    ctr::Ctr128BE::<Aes128>::new(key.into(), counter_block.into()).apply_keystream(octets);
}

/// DES-CBC, decrypting whole blocks in place (security mode 2).
pub(crate) fn des_cbc_decrypt(key: &[u8; 8], iv: &[u8; 8], octets: &mut [u8]) {
    let (blocks, _) = Array::slice_as_chunks_mut(octets);
    cbc::Decryptor::<des::Des>::new(key.into(), iv.into()).decrypt_blocks(blocks);
}

/// DES-CBC, encrypting whole blocks in place.
pub(crate) fn des_cbc_encrypt(key: &[u8; 8], iv: &[u8; 8], octets: &mut [u8]) {
    let (blocks, _) = Array::slice_as_chunks_mut(octets);
    cbc::Encryptor::<des::Des>::new(key.into(), iv.into()).encrypt_blocks(blocks);
}

/// AES-CMAC (RFC 4493) over the parts, one after the other.
pub(crate) fn aes_cmac(key: &[u8; 16], parts: &[&[u8]]) -> [u8; 16] {
    authenticator(key, parts).finalize().into_bytes().into()
}

/// True when `mac` is the beginning of the CMAC, compared in constant time.
pub(crate) fn aes_cmac_matches(key: &[u8; 16], parts: &[&[u8]], mac: &[u8]) -> bool {
    !mac.is_empty() && authenticator(key, parts).verify_truncated_left(mac).is_ok()
}

fn authenticator(key: &[u8; 16], parts: &[&[u8]]) -> cmac::Cmac<Aes128> {
    let mut authenticator = <cmac::Cmac<Aes128> as KeyInit>::new(key.into());
    for part in parts {
        authenticator.update(part);
    }
    authenticator
}

/// AES-CCM: plaintext of a ciphertext that ends with its tag of 4, 8, 12 or 16 octets; `None` when the tag is wrong.
pub(crate) fn aes_ccm_open(
    key: &[u8; 16],
    nonce: &[u8; 13],
    associated: &[u8],
    sealed: &[u8],
    tag_size: usize,
) -> Option<Vec<u8>> {
    let mut buffer = sealed.to_vec();
    let result = match tag_size {
        4 => ccm::Ccm::<Aes128, U4, U13>::new(key.into()).decrypt_in_place(
            nonce.into(),
            associated,
            &mut buffer,
        ),
        8 => ccm::Ccm::<Aes128, U8, U13>::new(key.into()).decrypt_in_place(
            nonce.into(),
            associated,
            &mut buffer,
        ),
        12 => ccm::Ccm::<Aes128, U12, U13>::new(key.into()).decrypt_in_place(
            nonce.into(),
            associated,
            &mut buffer,
        ),
        _ => ccm::Ccm::<Aes128, U16, U13>::new(key.into()).decrypt_in_place(
            nonce.into(),
            associated,
            &mut buffer,
        ),
    };
    result.ok().map(|()| buffer)
}

/// AES-CCM: ciphertext and tag; `None` when the text is longer than the mode allows.
pub(crate) fn aes_ccm_seal(
    key: &[u8; 16],
    nonce: &[u8; 13],
    associated: &[u8],
    plain: &[u8],
    tag_size: usize,
) -> Option<Vec<u8>> {
    let mut buffer = plain.to_vec();
    let result = match tag_size {
        4 => ccm::Ccm::<Aes128, U4, U13>::new(key.into()).encrypt_in_place(
            nonce.into(),
            associated,
            &mut buffer,
        ),
        8 => ccm::Ccm::<Aes128, U8, U13>::new(key.into()).encrypt_in_place(
            nonce.into(),
            associated,
            &mut buffer,
        ),
        12 => ccm::Ccm::<Aes128, U12, U13>::new(key.into()).encrypt_in_place(
            nonce.into(),
            associated,
            &mut buffer,
        ),
        _ => ccm::Ccm::<Aes128, U16, U13>::new(key.into()).encrypt_in_place(
            nonce.into(),
            associated,
            &mut buffer,
        ),
    };
    result.ok().map(|()| buffer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sealed_can_be_opened_and_a_changed_tag_can_not() {
        let (key, nonce) = ([7; 16], [9; 13]);
        for size in [4, 8, 12, 16] {
            let mut sealed = aes_ccm_seal(&key, &nonce, b"head", b"records", size).unwrap();
            assert_eq!(sealed.len(), 7 + size);
            assert_eq!(
                aes_ccm_open(&key, &nonce, b"head", &sealed, size).as_deref(),
                Some(&b"records"[..])
            );
            *sealed.last_mut().unwrap() ^= 1;
            assert_eq!(aes_ccm_open(&key, &nonce, b"head", &sealed, size), None);
            assert_eq!(aes_ccm_open(&key, &nonce, b"head", b"ab", size), None);
        }
    }

    #[test]
    fn the_cmac_of_the_specification_s_self_test() {
        extern crate std;
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/specs/protocol.md");
        let Ok(text) = std::fs::read_to_string(path) else {
            std::eprintln!("skipped: {path} is not there");
            return;
        };
        let hex = |text: &str| -> Vec<u8> {
            (0..text.len() / 2)
                .map(|i| u8::from_str_radix(&text[2 * i..2 * i + 2], 16).unwrap())
                .collect()
        };
        let key = text
            .split("self test (RFC 4493), key `")
            .nth(1)
            .unwrap()
            .split('`')
            .next()
            .unwrap();
        for id in ["K-1", "K-2", "K-3", "K-4"] {
            let row: Vec<_> = text
                .split(&std::format!("| {id} |"))
                .nth(1)
                .unwrap()
                .lines()
                .next()
                .unwrap()
                .split('`')
                .collect();
            let message = if row[1] == "(empty)" {
                Vec::new()
            } else {
                hex(row[1])
            };
            let mac = aes_cmac(&hex(key).try_into().unwrap(), &[&message]);
            assert_eq!(mac.to_vec(), hex(row[3]), "{id}");
        }
    }

    #[test]
    fn an_empty_mac_proves_nothing() {
        assert!(!aes_cmac_matches(&[0; 16], &[b"message"], &[]));
        let mac = aes_cmac(&[0; 16], &[b"mess", b"age"]);
        assert!(aes_cmac_matches(&[0; 16], &[b"message"], &mac[..8]));
        assert!(!aes_cmac_matches(&[0; 16], &[b"message"], &[0; 8]));
    }
}
