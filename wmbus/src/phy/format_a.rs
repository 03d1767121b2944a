//! Frame format A: a CRC after the first 10 octets and after each further 16 (EN 13757-4, frame format A).
//!
//! ```text
//! block 1    L  C  M M  A A A A A A   CRC CRC        10 octets + 2
//! block 2    CI + data, 16 octets               CRC CRC
//! block n    CI/data, 1 to 16 octets            CRC CRC
//! ```
//!
//! L counts every octet after itself except the CRCs.

use alloc::vec::Vec;

use super::crc::{block_is_good, crc};
use crate::error::{Error, ErrorKind, Layer};

/// Octets on the air of a frame with this L-field, or `None` for an L below 9.
pub fn size(length: u8) -> Option<usize> {
    let data = usize::from(length) + 1;
    let behind_first = data.checked_sub(10)?;
    Some(data + 2 * (1 + behind_first.div_ceil(16)))
}

/// True when the first block is good, which names the format.
pub fn first_block_is_good(octets: &[u8]) -> bool {
    octets.get(..12).is_some_and(block_is_good)
}

/// True when any block after the first is good.
pub fn a_later_block_is_good(frame: &[u8]) -> bool {
    blocks(frame).skip(1).any(block_is_good)
}

/// The octets without CRCs. `frame` has exactly the [`size`] of its L-field.
///
/// Fails with `BlockCrc` and the index of the first bad block.
pub fn strip(frame: &[u8]) -> Result<Vec<u8>, Error> {
    let mut stripped = Vec::with_capacity(frame.len());
    let mut at = 0;
    for (index, block) in blocks(frame).enumerate() {
        let (data, sent) = super::split_crc(block, at)?;
        let want = crc(data);
        if sent != want {
            return Err(super::block_error(at, index, sent, want));
        }
        stripped.extend_from_slice(data);
        at += block.len();
    }
    Ok(stripped)
}

/// The frame of stripped octets, with its CRCs.
///
/// Fails with `InvalidLength` when the L-field is not the number of octets after it, or below 9.
pub fn add(stripped: &[u8]) -> Result<Vec<u8>, Error> {
    let length = stripped.first().copied().unwrap_or(0);
    let size = size(length)
        .filter(|_| stripped.len() == usize::from(length) + 1)
        .ok_or(Error {
            layer: Layer::Link,
            at: 0,
            kind: ErrorKind::InvalidLength { length },
        })?;
    let mut frame = Vec::with_capacity(size);
    let (first, rest) = stripped.split_at_checked(10).unwrap_or((stripped, &[]));
    for block in core::iter::once(first).chain(rest.chunks(16)) {
        frame.extend_from_slice(block);
        frame.extend_from_slice(&crc(block).to_be_bytes());
    }
    Ok(frame)
}

/// True when any full block after the first is good, whatever L says.
pub fn a_full_later_block_is_good(octets: &[u8]) -> bool {
    blocks(octets)
        .skip(1)
        .any(|block| block.len() == 18 && block_is_good(block))
}

fn blocks(frame: &[u8]) -> impl Iterator<Item = &[u8]> {
    let (first, rest) = frame.split_at_checked(12).unwrap_or((frame, &[]));
    core::iter::once(first).chain(rest.chunks(18))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_at_the_edges() {
        assert_eq!(size(8), None);
        assert_eq!(size(9), Some(12));
        assert_eq!(size(10), Some(15));
        assert_eq!(size(25), Some(30));
        assert_eq!(size(26), Some(33));
        assert_eq!(size(255), Some(290));
    }

    #[test]
    fn what_is_added_can_be_stripped() {
        for length in 9..=255_u8 {
            let mut stripped: Vec<u8> = (0..=length).collect();
            stripped[0] = length;
            let frame = add(&stripped).unwrap();
            assert_eq!(Some(frame.len()), size(length));
            assert_eq!(strip(&frame).as_deref(), Ok(&stripped[..]));
        }
    }

    #[test]
    fn a_damaged_length_is_damage_and_no_stripped_telegram() {
        let mut stripped: Vec<u8> = (0..=60).collect();
        stripped[0] = 60;
        let frame = add(&stripped).unwrap();
        for bit in 0..8 {
            let mut damaged = frame.clone();
            damaged[0] ^= 1 << bit;
            assert!(super::super::strip(&damaged).is_err(), "bit {bit}");
        }
    }
}
