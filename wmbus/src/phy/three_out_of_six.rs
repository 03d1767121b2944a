//! Three-out-of-six line code of mode T: each nibble becomes six chips with exactly three ones (EN 13757-4, mode T).

use alloc::vec::Vec;

use crate::error::{Error, ErrorKind, Layer};

/// Octets from chips packed most significant bit first, `count` octets of them.
///
/// Fails with `ThreeOfSix` at the first word that is no symbol (four words of weight three are none either), or with
/// `Truncated` when there are fewer chips than `count` octets need.
pub fn decode(chips: &[u8], count: usize) -> Result<Vec<u8>, Error> {
    let mut octets = Vec::with_capacity(count.min(chips.len()));
    for index in 0..count {
        let high = nibble(chips, 2 * index)?;
        let low = nibble(chips, 2 * index + 1)?;
        octets.push(high << 4 | low);
    }
    Ok(octets)
}

/// Chips packed most significant bit first; the rest of the last octet is filled with alternating chips.
pub fn encode(octets: &[u8]) -> Vec<u8> {
    let mut chips = Vec::with_capacity(octets.len() + octets.len() / 2 + 1);
    let (mut word, mut bits) = (0_u32, 0);
    for octet in octets {
        for nibble in [octet >> 4, octet & 0x0F] {
            word = word << 6 | u32::from(SYMBOLS.get(usize::from(nibble)).copied().unwrap_or(0));
            bits += 6;
            while bits >= 8 {
                bits -= 8;
                chips.push((word >> bits) as u8);
            }
        }
    }
    if bits > 0 {
        chips.push(((word << (8 - bits)) as u8) | (0x55 & (0xFF >> bits)));
    }
    chips
}

fn nibble(chips: &[u8], symbol: usize) -> Result<u8, Error> {
    let bit = symbol * 6;
    let (at, shift) = (bit / 8, bit % 8);
    let pair = [chips.get(at), chips.get(at + 1)].map(|octet| u16::from(octet.copied().unwrap_or(0)));
    if bit + 6 > chips.len() * 8 {
        let kind = ErrorKind::Truncated {
            need: bit + 6,
            have: chips.len() * 8,
        };
        return Err(Error {
            layer: Layer::Physical,
            at,
            kind,
        });
    }
    let [high, low] = pair;
    let word = ((high << 8 | low) >> (10 - shift)) & 0x3F;
    NIBBLES
        .get(usize::from(word))
        .copied()
        .filter(|nibble| *nibble != NONE)
        .ok_or(Error {
            layer: Layer::Physical,
            at,
            kind: ErrorKind::ThreeOfSix { symbol },
        })
}

/// The symbol of each nibble.
const SYMBOLS: [u8; 16] = [
    0x16, 0x0D, 0x0E, 0x0B, 0x1C, 0x19, 0x1A, 0x13, 0x2C, 0x25, 0x26, 0x23, 0x34, 0x31, 0x32, 0x29,
];

/// The nibble of each word of six chips.
const NIBBLES: [u8; 64] = {
    let mut nibbles = [NONE; 64];
    let mut nibble = 0;
    while nibble < SYMBOLS.len() {
        #[allow(clippy::indexing_slicing)] // Evaluated by the compiler: outside would not compile.
        {
            nibbles[SYMBOLS[nibble] as usize] = nibble as u8;
        }
        nibble += 1;
    }
    nibbles
};

/// No symbol.
const NONE: u8 = 0xFF;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_octet_there_and_back() {
        let octets: Vec<u8> = (0..=255).collect();
        let chips = encode(&octets);
        assert_eq!(chips.len(), 384);
        assert_eq!(decode(&chips, 256), Ok(octets));
        assert_eq!(
            decode(&encode(&[0x12, 0x34, 0x56]), 3),
            Ok([0x12, 0x34, 0x56].to_vec())
        );
    }

    #[test]
    fn weight_three_alone_is_no_symbol() {
        // 001101 000111 …: the second word has three ones and is not in the table.
        let error = decode(&[0b0011_0100, 0b0111_0000], 1).unwrap_err();
        assert_eq!(error.kind, ErrorKind::ThreeOfSix { symbol: 1 });
        assert!(matches!(
            decode(&[0x35], 1).unwrap_err().kind,
            ErrorKind::Truncated { .. }
        ));
    }
}
