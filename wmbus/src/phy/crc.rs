//! CRC-16/EN-13757: polynomial 3D65, initial 0000, not reflected, final XOR FFFF (EN 13757-4).
//!
//! One CRC serves link blocks (sent high octet first) and ELL payload, format signature and full frame (low octet first).

/// The CRC over `octets`. Of nothing, or of zeros only, it is `FFFF`.
pub fn crc(octets: &[u8]) -> u16 {
    // Eight octets at a step: each goes through the table of how far it stands from the end of the step.
    let [t0, t1, t2, t3, t4, t5, t6, t7] = &TABLES;
    let (steps, rest) = octets.as_chunks::<8>();
    let crc = steps.iter().fold(0_u16, |crc, [a, b, c, d, e, f, g, h]| {
        let [high, low] = crc.to_be_bytes();
        at(t7, a ^ high)
            ^ at(t6, b ^ low)
            ^ at(t5, *c)
            ^ at(t4, *d)
            ^ at(t3, *e)
            ^ at(t2, *f)
            ^ at(t1, *g)
            ^ at(t0, *h)
    });
    !rest.iter().fold(crc, |crc, octet| {
        let [high, low] = crc.to_be_bytes();
        u16::from_be_bytes([low, 0]) ^ at(t0, octet ^ high)
    })
}

/// True when the last two octets are the CRC, high octet first, of those before them.
pub fn block_is_good(block: &[u8]) -> bool {
    crc(block) == RESIDUE && block.len() > 2
}

/// What the CRC gives over any block that ends with its own CRC, high octet first.
pub const RESIDUE: u16 = 0x5C99;

const POLYNOMIAL: u16 = 0x3D65;

fn at(table: &[u16; 256], octet: u8) -> u16 {
    // An octet always lies inside.
    table.get(usize::from(octet)).copied().unwrap_or(0)
}

/// In table `n`: what an octet contributes that is followed by `n` octets of the same step.
static TABLES: [[u16; 256]; 8] = {
    let mut tables = [[0; 256]; 8];
    let mut distance = 0;
    while distance < tables.len() {
        let mut octet = 0;
        while octet < 256 {
            let mut crc = (octet as u16) << 8;
            let mut bit = 0;
            while bit < 8 * (distance + 1) {
                crc = if crc & 0x8000 == 0 {
                    crc << 1
                } else {
                    (crc << 1) ^ POLYNOMIAL
                };
                bit += 1;
            }
            #[allow(clippy::indexing_slicing)] // Evaluated by the compiler: outside would not compile.
            {
                tables[distance][octet] = crc;
            }
            octet += 1;
        }
        distance += 1;
    }
    tables
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
    fn bit_by_bit_it_is_the_same() {
        let octets: alloc::vec::Vec<u8> = (0..=255_u8).map(|octet| octet.wrapping_mul(37)).collect();
        for length in 0..=octets.len() {
            let slow = octets[..length].iter().fold(0_u16, |crc, octet| {
                (0..8).rev().fold(crc, |crc, bit| {
                    let feedback = crc >> 15 ^ u16::from(octet >> bit & 1);
                    (crc << 1) ^ (feedback * POLYNOMIAL)
                })
            });
            assert_eq!(crc(&octets[..length]), !slow, "{length} octets");
        }
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
