//! Frame format B: one CRC at the end, two when the frame is longer than 128 octets (EN 13757-4, frame format B).
//!
//! ```text
//! block 1    L  C  M M  A A A A A A                  10 octets, no CRC of its own
//! block 2    CI + data, up to 116 octets       CRC CRC     over blocks 1 and 2 together
//! block 3    up to 126 octets                  CRC CRC     only if blocks 1 and 2 are full
//! ```
//!
//! L counts every octet after itself including the CRCs; the stripped form has it corrected.

use alloc::vec::Vec;

use super::crc::{block_is_good, crc};
use crate::error::{Error, ErrorKind, Layer};

/// Where the second CRC block begins.
const THIRD_BLOCK: usize = 128;

/// True for an L-field that a frame of this format can have.
pub fn length_is_possible(length: u8) -> bool {
    length >= 11 && !(128..=129).contains(&length)
}

/// True when the first CRC is good, which names the format.
pub fn first_crc_is_good(frame: &[u8]) -> bool {
    block_is_good(blocks(frame).0)
}

/// The octets without CRCs and with L corrected. `frame` has exactly L + 1 octets.
///
/// Fails with `BlockCrc` and the index of the bad CRC.
pub fn strip(frame: &[u8]) -> Result<Vec<u8>, Error> {
    let (first, second) = blocks(frame);
    let mut stripped = Vec::with_capacity(frame.len());
    let mut at = 0;
    for (index, block) in [first, second]
        .into_iter()
        .filter(|block| !block.is_empty())
        .enumerate()
    {
        let (data, sent) = super::split_crc(block, at)?;
        let want = crc(data);
        if sent != want {
            return Err(super::block_error(at, index, sent, want));
        }
        stripped.extend_from_slice(data);
        at += block.len();
    }
    super::correct_length(&mut stripped);
    Ok(stripped)
}

/// The frame of stripped octets, with its CRCs and L counting them.
///
/// Fails with `InvalidLength` when there are fewer than 10 octets or more than 252.
pub fn add(stripped: &[u8]) -> Result<Vec<u8>, Error> {
    let crcs = if stripped.len() > THIRD_BLOCK - 2 { 4 } else { 2 };
    let on_air = u8::try_from(stripped.len() + crcs - 1)
        .ok()
        .filter(|length| length_is_possible(*length));
    let Some(length) = on_air else {
        let length = stripped.first().copied().unwrap_or(0);
        return Err(Error {
            layer: Layer::Link,
            at: 0,
            kind: ErrorKind::InvalidLength { length },
        });
    };
    let mut frame = Vec::with_capacity(stripped.len() + crcs);
    frame.push(length);
    frame.extend(stripped.iter().skip(1).take(THIRD_BLOCK - 3));
    frame.extend(crc(&frame).to_be_bytes());
    if let Some(rest) = stripped.get(THIRD_BLOCK - 2..).filter(|rest| !rest.is_empty()) {
        frame.extend_from_slice(rest);
        frame.extend(crc(rest).to_be_bytes());
    }
    Ok(frame)
}

fn blocks(frame: &[u8]) -> (&[u8], &[u8]) {
    frame.split_at_checked(THIRD_BLOCK).unwrap_or((frame, &[]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_added_can_be_stripped() {
        for count in 10..=252_u8 {
            let mut stripped: Vec<u8> = (0..count).collect();
            stripped[0] = count - 1;
            let frame = add(&stripped).unwrap();
            assert_eq!(frame.len(), usize::from(frame[0]) + 1);
            assert!(first_crc_is_good(&frame));
            assert_eq!(strip(&frame).as_deref(), Ok(&stripped[..]));
        }
        assert!(add(&[0; 253]).is_err());
        assert!(add(&[0; 9]).is_err());
    }
}
