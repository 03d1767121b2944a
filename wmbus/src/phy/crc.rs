//! CRC-16/EN-13757: polynomial 3D65, initial 0000, not reflected, final XOR FFFF (EN 13757-4).
//!
//! One CRC serves link blocks (sent high octet first) and ELL payload, format signature and full frame (low octet first).

/// The CRC over `octets`. Of nothing, or of zeros only, it is `FFFF`.
pub fn crc(octets: &[u8]) -> u16 {
    !octets.iter().fold(0, |crc, octet| {
        (crc << 8) ^ table(usize::from((crc >> 8) as u8 ^ octet))
    })
}

/// True when the last two octets are the CRC, high octet first, of those before them.
pub fn block_is_good(block: &[u8]) -> bool {
    crc(block) == RESIDUE && block.len() > 2
}

/// What the CRC gives over any block that ends with its own CRC, high octet first.
pub const RESIDUE: u16 = 0x5C99;

const POLYNOMIAL: u16 = 0x3D65;

fn table(index: usize) -> u16 {
    // The index comes from an octet: it always lies inside.
    TABLE.get(index).copied().unwrap_or(0)
}

static TABLE: [u16; 256] = {
    let mut table = [0_u16; 256];
    let mut index = 0;
    while index < 256 {
        let mut crc = (index as u16) << 8;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 0x8000 == 0 {
                crc << 1
            } else {
                (crc << 1) ^ POLYNOMIAL
            };
            bit += 1;
        }
        #[allow(clippy::indexing_slicing)] // Evaluated by the compiler: outside would not compile.
        {
            table[index] = crc;
        }
        index += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn check_value_of_the_catalogue() {
        assert_eq!(crc(b"123456789"), 0xC2B7);
        assert_eq!(crc(&[]), 0xFFFF);
        assert_eq!(crc(&[0; 7]), 0xFFFF);
    }

    #[test]
    fn a_block_with_its_crc_leaves_the_residue() {
        let mut block = b"any octets".to_vec();
        block.extend(crc(&block).to_be_bytes());
        assert!(block_is_good(&block));
        block[3] ^= 1;
        assert!(!block_is_good(&block));
        assert!(!block_is_good(&[]));
    }
}
