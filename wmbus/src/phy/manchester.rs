//! Manchester line code of modes S and R: bit 0 is sent as chips `10`, bit 1 as `01` (EN 13757-4, mode S).

use alloc::vec::Vec;

use crate::error::{Error, ErrorKind, Layer};

/// Octets from chips packed most significant bit first.
///
/// Fails with `Manchester` at the first pair of equal chips. An odd octet at the end is left out.
pub fn decode(chips: &[u8]) -> Result<Vec<u8>, Error> {
    let mut octets = Vec::with_capacity(chips.len() / 2);
    for (index, pair) in chips.chunks_exact(2).enumerate() {
        let mut octet = 0;
        for (bit, chips) in pair
            .iter()
            .flat_map(|chips| [6, 4, 2, 0].map(|shift| chips >> shift & 3))
            .enumerate()
        {
            octet = octet << 1
                | match chips {
                    0b10 => 0,
                    0b01 => 1,
                    _ => {
                        let kind = ErrorKind::Manchester { bit: index * 8 + bit };
                        return Err(Error {
                            layer: Layer::Physical,
                            at: index,
                            kind,
                        });
                    }
                };
        }
        octets.push(octet);
    }
    Ok(octets)
}

/// Chips packed most significant bit first.
pub fn encode(octets: &[u8]) -> Vec<u8> {
    octets
        .iter()
        .flat_map(|octet| {
            let chips = (0..8).rev().fold(0_u16, |chips, bit| {
                chips << 2 | if octet >> bit & 1 == 0 { 0b10 } else { 0b01 }
            });
            chips.to_be_bytes()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_octet_there_and_back() {
        let octets: Vec<u8> = (0..=255).collect();
        assert_eq!(decode(&encode(&octets)), Ok(octets));
        assert_eq!(encode(&[0x0F]), [0xAA, 0x55]);
    }

    #[test]
    fn equal_chips_name_their_bit() {
        let error = decode(&[0b0110_1110, 0b1001_1001]).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Manchester { bit: 2 });
    }
}
