//! Qundis walk-by telegrams: a block in a record that may be sealed by itself, with the key of the meter.
//!
//! ```text
//! 0D FF 5F 35   00 82  N S  E  ×48          N: running number   E: 35 sealed, 00 in clear
//!               E: AES-CBC over the 48 octets, IV = link address ‖ N × 8
//! ```
//!
//! One right octet in a wrong plaintext is cheap, so all that is constant is asked for, and all digits. Source: published
//! with two owners' keys.

use wmbus::apl::Item;
use wmbus::security::aes_cbc_open;
use wmbus::{Content, Key, Message};

/// Opens the block of a message with the first key that fits; the message as it was when there is none, or no such block.
pub(crate) fn open<'a>(message: Message<'a>, keys: &[Key]) -> Message<'a> {
    let Some(at) = sealed_at(&message) else {
        return message;
    };
    let sender = message.link.sender.link_octets();
    let opened = keys.iter().enumerate().find_map(|(index, key)| {
        let mut payload = message.payload.to_vec();
        let block = payload.get_mut(at..at + LENGTH)?;
        open_block(key.reveal().try_into().ok()?, sender, block).then_some((index, payload))
    });
    let Some((index, payload)) = opened else {
        return message;
    };
    let payload_at = message.payload_at;
    let mut message = message.with_payload(Content::Records, payload, payload_at);
    message.key = Some(index);
    message
}

/// True when a message still holds a sealed block.
pub(crate) fn is_sealed(message: &Message<'_>) -> bool {
    sealed_at(message).is_some()
}

/// Seals a block in clear.
#[cfg(test)]
pub(crate) fn seal_block(key: &[u8; 16], sender: [u8; 8], block: &mut [u8]) {
    let iv = iv(sender, block);
    if let Some((head, body)) = block.split_at_mut_checked(HEAD) {
        wmbus::security::aes_cbc_seal(key, &iv, body);
        if let Some(octet) = head.last_mut() {
            *octet = SEALED;
        }
    }
}

/// Opens a sealed block in place; false, and nonsense in it, when the key does not fit.
fn open_block(key: &[u8; 16], sender: [u8; 8], block: &mut [u8]) -> bool {
    let iv = iv(sender, block);
    let Some((head, body)) = block.split_at_mut_checked(HEAD) else {
        return false;
    };
    aes_cbc_open(key, &iv, body);
    if let Some(octet) = head.last_mut() {
        *octet = 0;
    }
    is_block(block)
}

/// True for a block in clear: constants, a VIF that belongs to its kind of device, digits where there should be some.
fn is_block(block: &[u8]) -> bool {
    let constants = matches!(block, [0x00, 0x82, _, _, 0x00, _, _, 0x07, 0xB0, 0x6E, ..])
        || matches!(block, [0x00, 0x82, _, _, 0x00, _, _, 0x07, 0xC0, 0x00..=0x0F, ..])
        || matches!(block, [0x00, 0x82, _, _, 0x00, _, _, 0x07, 0xC1, 0x10..=0x17, ..]);
    let digits = |at: usize| {
        let octets = block.get(at..at + 4).unwrap_or_default();
        octets.iter().all(|octet| octet >> 4 <= 9 && octet & 15 <= 9)
    };
    constants && block.last() == Some(&0x2F) && [12, 18, 24].into_iter().all(digits)
}

/// Where the sealed block begins in the payload.
fn sealed_at(message: &Message<'_>) -> Option<usize> {
    if message.ci() != Some(0x78) {
        return None;
    }
    message.records().find_map(|item| match item {
        Item::Record(record) if record.header() == HEADER => {
            let sealed = matches!(record.data, [LVAR, 0x00, 0x82, _, _, SEALED, ..]);
            sealed.then_some(record.at - message.payload_at + HEADER.len() + 1)
        }
        _ => None,
    })
}

fn iv(sender: [u8; 8], block: &[u8]) -> [u8; 16] {
    let number = block.get(2).copied().unwrap_or(0);
    let mut iv = [number; 16];
    for (octet, address) in iv.iter_mut().zip(sender) {
        *octet = address;
    }
    iv
}

const HEADER: [u8; 3] = [0x0D, 0xFF, 0x5F];
const LVAR: u8 = 0x35;
const LENGTH: usize = 53;
/// Octets in clear in front of the sealed ones.
const HEAD: usize = 5;
/// Mode 5, three blocks.
const SEALED: u8 = 0x35;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sealed_block_opens_with_its_key_alone() {
        let mut clear = [0; LENGTH];
        clear[..10].copy_from_slice(&[0, 0x82, 0x5A, 0, 0, 15, 0, 7, 0xB0, 0x6E]);
        clear[12..16].copy_from_slice(&[0x34, 0x12, 0, 0]);
        clear[52] = 0x2F;
        let sender = [0x93, 0x44, 1, 2, 3, 4, 0x36, 8];
        let mut block = clear;
        seal_block(&[7; 16], sender, &mut block);
        assert_eq!(block[..5], [0, 0x82, 0x5A, 0, SEALED]);
        let mut other = block;
        assert!(!open_block(&[8; 16], sender, &mut other));
        assert!(open_block(&[7; 16], sender, &mut block));
        assert_eq!(block, clear);
        clear[18] = 0xFA;
        assert!(!is_block(&clear));
    }
}
