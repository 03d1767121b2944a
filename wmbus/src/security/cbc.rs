//! CBC, the block cipher mode of security modes 2 (DES), 5 and 7 (AES): `2F 2F` first, idle fillers last, and octets
//! behind the encrypted blocks in clear.
//!
//! ```text
//! 2F 2F  records …  2F 2F 2F | more records in clear
//! ```

use aes::cipher::{Array, BlockModeDecrypt, BlockModeEncrypt, BlockSizeUser, KeyIvInit, typenum::Unsigned};
use aes::{Aes128Dec, Aes128Enc};
use alloc::vec::Vec;
use des::Des;

use crate::address::Address;

/// What the plaintext begins with; it proves the key with a chance of error of one in 65 536.
pub(crate) const CHECK: [u8; 2] = [0x2F, 0x2F];

/// What fills the last block: records skip it.
const FILLER: u8 = 0x2F;

/// The initialisation vector of mode 5, from the *meter's* address and the access number of the transport layer.
///
/// ```text
/// M M  A A A A  V  T  ACC × 8          address in the order of the link layer
/// ```
///
/// Octet by octet it enters the first block only: with another number of the same maker the check octets still fit, and
/// the first record becomes nonsense.
pub fn initialisation_vector(meter: Address, access_number: u8) -> [u8; 16] {
    let [m0, m1, a0, a1, a2, a3, version, device_type] = meter.link_octets();
    let acc = access_number;
    [
        m0,
        m1,
        a0,
        a1,
        a2,
        a3,
        version,
        device_type,
        acc,
        acc,
        acc,
        acc,
        acc,
        acc,
        acc,
        acc,
    ]
}

/// Decrypts the whole blocks of 16 in place by AES-128-CBC, for makers who encrypt a block of their own; octets after the
/// last whole block stay as they are.
pub fn aes_cbc_open(key: &[u8; 16], iv: &[u8; 16], octets: &mut [u8]) {
    run_decryption(&mut aes_decryptor(key, iv), octets);
}

/// Encrypts the whole blocks of 16 in place; the inverse of [`aes_cbc_open`].
pub fn aes_cbc_seal(key: &[u8; 16], iv: &[u8; 16], octets: &mut [u8]) {
    let (blocks, _) = Array::slice_as_chunks_mut(octets);
    cbc::Encryptor::<Aes128Enc>::new(key.into(), iv.into()).encrypt_blocks(blocks);
}

/// What stands in the first `count` octets of `body` (their whole blocks) without check octets, and the clear rest.
///
/// `None` when the check octets are not there: not the key. Nothing is allocated in that case, and one block tried.
pub(crate) fn open_aes(key: &[u8; 16], iv: &[u8; 16], body: &[u8], count: usize) -> Option<Vec<u8>> {
    open(&mut aes_decryptor(key, iv), body, count)
}

/// The same for DES with an initialisation vector of zeros.
pub(crate) fn open_des(key: &[u8; 8], body: &[u8], count: usize) -> Option<Vec<u8>> {
    let mut decryptor = cbc::Decryptor::<Des>::new(key.into(), &Array::default());
    open(&mut decryptor, body, count)
}

/// Check octets, application data and fillers up to whole blocks.
pub(crate) fn padded(payload: &[u8], block: usize) -> Vec<u8> {
    let mut octets = Vec::with_capacity((CHECK.len() + payload.len()).next_multiple_of(block));
    octets.extend(CHECK);
    octets.extend_from_slice(payload);
    octets.resize(octets.len().next_multiple_of(block), FILLER);
    octets
}

/// DES with an initialisation vector of zeros, whole blocks in place.
pub(crate) fn encrypt_des(key: &[u8; 8], octets: &mut [u8]) {
    let (blocks, _) = Array::slice_as_chunks_mut(octets);
    cbc::Encryptor::<Des>::new(key.into(), &Array::default()).encrypt_blocks(blocks);
}

/// The inverse of [`encrypt_des`].
pub(crate) fn decrypt_des(key: &[u8; 8], octets: &mut [u8]) {
    run_decryption(
        &mut cbc::Decryptor::<Des>::new(key.into(), &Array::default()),
        octets,
    );
}

fn aes_decryptor(key: &[u8; 16], iv: &[u8; 16]) -> cbc::Decryptor<Aes128Dec> {
    cbc::Decryptor::new(key.into(), iv.into())
}

fn open<D: BlockModeDecrypt>(decryptor: &mut D, body: &[u8], count: usize) -> Option<Vec<u8>> {
    let size = <D as BlockSizeUser>::BlockSize::USIZE;
    let (first, rest) = body.split_at_checked(size)?;
    // How much of the rest is sealed too.
    let sealed = (count - count % size).checked_sub(size)?;
    rest.get(..sealed)?;
    let mut block = Array::<u8, D::BlockSize>::try_from(first).ok()?;
    decryptor.decrypt_block(&mut block);
    let begin = block.strip_prefix(&CHECK)?;
    let mut octets = Vec::with_capacity(body.len() - CHECK.len());
    octets.extend_from_slice(begin);
    octets.extend_from_slice(rest);
    run_decryption(decryptor, octets.get_mut(begin.len()..begin.len() + sealed)?);
    Some(octets)
}

fn run_decryption<D: BlockModeDecrypt>(decryptor: &mut D, octets: &mut [u8]) {
    let (blocks, _) = Array::slice_as_chunks_mut(octets);
    decryptor.decrypt_blocks(blocks);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sealed_can_be_opened_by_its_key_alone() {
        let (key, iv) = ([1; 16], [2; 16]);
        for length in [0, 13, 14, 15, 100] {
            let payload: Vec<u8> = (0..length).collect();
            let mut sealed = padded(&payload, 16);
            aes_cbc_seal(&key, &iv, &mut sealed);
            let count = sealed.len();
            sealed.extend(b"clear");
            let opened = open_aes(&key, &iv, &sealed, count).unwrap();
            assert!(opened.starts_with(&payload) && opened.ends_with(b"clear"));
            assert_eq!(opened.len(), sealed.len() - 2);
            assert_eq!(open_aes(&[3; 16], &iv, &sealed, count), None);
            assert_eq!(open_aes(&key, &[3; 16], &sealed, count), None);
        }
    }

    #[test]
    fn des_too() {
        let mut sealed = padded(b"records", 8);
        encrypt_des(&[1; 8], &mut sealed);
        let opened = open_des(&[1; 8], &sealed, sealed.len()).unwrap();
        assert_eq!(opened, b"records\x2F\x2F\x2F\x2F\x2F\x2F\x2F");
        assert_eq!(open_des(&[9; 8], &sealed, sealed.len()), None);
    }

    #[test]
    fn nothing_to_open_is_no_proof_of_a_key() {
        assert_eq!(open_aes(&[0; 16], &[0; 16], &[0x2F; 15], 15), None);
        assert_eq!(open_aes(&[0; 16], &[0; 16], &[0x2F; 15], 16), None);
        assert_eq!(open_aes(&[0; 16], &[0; 16], &[], 0), None);
    }

    #[test]
    fn a_block_of_a_maker_there_and_back() {
        let mut octets = *b"forty octets of a maker's own block ....";
        aes_cbc_seal(&[5; 16], &[6; 16], &mut octets);
        assert_ne!(&octets[..32], b"forty octets of a maker's own bl");
        assert_eq!(&octets[32..], b"ock ....", "no whole block");
        aes_cbc_open(&[5; 16], &[6; 16], &mut octets);
        assert_eq!(&octets, b"forty octets of a maker's own block ....");
    }
}
