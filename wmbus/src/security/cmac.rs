//! AES-CMAC (RFC 4493), the MAC of the authentication layer and the engine of key derivation.

use aes::Aes128Enc;
use cmac::{Cmac, KeyInit, Mac};

/// The CMAC over the parts, one after the other.
pub(crate) fn cmac(key: &[u8; 16], parts: &[&[u8]]) -> [u8; 16] {
    authenticator(key, parts).finalize().into_bytes().into()
}

/// True when `mac` is the beginning of the CMAC, compared in constant time.
pub(crate) fn matches(key: &[u8; 16], parts: &[&[u8]], mac: &[u8]) -> bool {
    // An empty beginning would fit any message.
    !mac.is_empty() && authenticator(key, parts).verify_truncated_left(mac).is_ok()
}

fn authenticator(key: &[u8; 16], parts: &[&[u8]]) -> Cmac<Aes128Enc> {
    let mut authenticator = <Cmac<Aes128Enc> as KeyInit>::new(key.into());
    for part in parts {
        authenticator.update(part);
    }
    authenticator
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_examples_of_the_rfc() {
        // RFC 4493, section 4: no message, and one of a single block.
        let key = [
            0x2B, 0x7E, 0x15, 0x16, 0x28, 0xAE, 0xD2, 0xA6, 0xAB, 0xF7, 0x15, 0x88, 0x09, 0xCF, 0x4F, 0x3C,
        ];
        let block = [
            0x6B, 0xC1, 0xBE, 0xE2, 0x2E, 0x40, 0x9F, 0x96, 0xE9, 0x3D, 0x7E, 0x11, 0x73, 0x93, 0x17, 0x2A,
        ];
        let none = 0xBB1D_6929_E959_3728_7FA3_7D12_9B75_6746_u128;
        let one = 0x070A_16B4_6B4D_4144_F79B_DD9D_D04A_287C_u128;
        assert_eq!(cmac(&key, &[]), none.to_be_bytes());
        assert_eq!(cmac(&key, &[&block[..5], &block[5..]]), one.to_be_bytes());
    }

    #[test]
    fn the_self_test_of_the_specification() {
        extern crate std;
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/specs/protocol.md");
        let Ok(text) = std::fs::read_to_string(path) else {
            std::eprintln!("skipped: {path} is not there");
            return;
        };
        let quoted = |text: &str, n: usize| text.split('`').nth(n).map(std::string::String::from).unwrap();
        let hex = |text: &str| -> std::vec::Vec<u8> {
            (0..text.len() / 2)
                .map(|i| u8::from_str_radix(&text[2 * i..2 * i + 2], 16).unwrap())
                .collect()
        };
        let key = quoted(text.split("self test (RFC 4493), key ").nth(1).unwrap(), 1);
        let key: [u8; 16] = hex(&key).try_into().unwrap();
        for id in ["K-1", "K-2", "K-3", "K-4"] {
            let row = text
                .lines()
                .find(|line| line.starts_with(&std::format!("| {id} |")))
                .unwrap();
            let (message, mac) = (quoted(row, 1), quoted(row, 3));
            let message = if message == "(empty)" {
                std::vec::Vec::new()
            } else {
                hex(&message)
            };
            assert_eq!(cmac(&key, &[&message]).to_vec(), hex(&mac), "{id}");
        }
    }

    #[test]
    fn an_empty_mac_proves_nothing() {
        assert!(!matches(&[0; 16], &[b"message"], &[]));
        let mac = cmac(&[0; 16], &[b"mess", b"age"]);
        assert!(matches(&[0; 16], &[b"message"], &mac[..8]));
        assert!(!matches(&[0; 16], &[b"message"], &[0; 8]));
        assert!(!matches(&[1; 16], &[b"message"], &mac));
    }
}
