//! Physical layer: from what a receiver delivers to stripped link octets, and back.

pub mod burst;
pub mod crc;
pub mod format_a;
pub mod format_b;
pub mod hunt;
pub mod manchester;
pub mod three_out_of_six;

use alloc::borrow::Cow;
use alloc::vec::Vec;

use crate::error::{Error, ErrorKind, ForeignSystem, Layer};

/// How the link octets were framed when they came to us.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FrameFormat {
    /// Frame format A, with its CRCs.
    A,
    /// Frame format B, with its CRCs (or with an L that still counts CRCs removed by the receiver).
    B,
    /// Without CRCs: a receiver has checked and removed them.
    Stripped,
}

/// A telegram without link CRCs: the first octet is L and counts exactly the others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stripped<'a> {
    /// The octets, borrowed when nothing had to be removed or corrected.
    pub octets: Cow<'a, [u8]>,
    /// How they came.
    pub format: FrameFormat,
    /// What followed the telegram: RSSI, quality, another telegram.
    pub metadata: &'a [u8],
    /// L still counted link CRCs that somebody had removed, and was corrected.
    pub length_corrected: bool,
}

/// Finds out what a buffer of unknown origin holds, checks CRCs where there are any and removes them.
///
/// A damaged frame of format B can't be told from a stripped one: when the receiver is known to keep the CRCs, call
/// [`strip_as`]. Fails with `TooShort`, `NotWireless`, `InvalidLength`, `LengthMismatch` or `BlockCrc`, in this order.
pub fn strip(octets: &[u8]) -> Result<Stripped<'_>, Error> {
    let length = check_start(octets)?;
    let count = octets.len();
    let size_a = format_a::size(length).unwrap_or(usize::MAX);
    let size_b = usize::from(length) + 1;
    if count != size_b {
        // A good first block says format A; so does a good later one, when the first is damaged. The damage may be in L
        // itself: full blocks count wherever L says the frame ends.
        let damaged_a = || {
            octets.get(..size_a).is_some_and(format_a::a_later_block_is_good)
                || format_a::a_full_later_block_is_good(octets)
        };
        if format_a::first_block_is_good(octets) || damaged_a() {
            return strip_as(octets, FrameFormat::A);
        }
    }
    if format_b::length_is_possible(length) && octets.get(..size_b).is_some_and(format_b::first_crc_is_good) {
        return strip_as(octets, FrameFormat::B);
    }
    if let Some((telegram, metadata)) = octets.split_at_checked(size_b) {
        return Ok(Stripped {
            octets: telegram.into(),
            format: FrameFormat::Stripped,
            metadata,
            length_corrected: false,
        });
    }
    if count + 1 == usize::from(length) || (count + 3 == usize::from(length) && length >= 130) {
        // Format B whose CRCs somebody removed without correcting L.
        let mut telegram = octets.to_vec();
        correct_length(&mut telegram);
        return Ok(Stripped {
            octets: telegram.into(),
            format: FrameFormat::B,
            metadata: &[],
            length_corrected: true,
        });
    }
    Err(mismatch(size_b, count))
}

/// Takes a buffer for what its source says it is.
///
/// Fails as [`strip`] does.
pub fn strip_as(octets: &[u8], format: FrameFormat) -> Result<Stripped<'_>, Error> {
    let length = check_start(octets)?;
    let possible = format != FrameFormat::B || format_b::length_is_possible(length);
    let size = match format {
        FrameFormat::A => format_a::size(length),
        FrameFormat::B | FrameFormat::Stripped => Some(usize::from(length) + 1),
    };
    let size = size
        .filter(|_| possible)
        .ok_or_else(|| link_error(ErrorKind::InvalidLength { length }))?;
    let (telegram, metadata) = octets
        .split_at_checked(size)
        .ok_or_else(|| mismatch(size, octets.len()))?;
    let octets = match format {
        FrameFormat::A => format_a::strip(telegram)?.into(),
        FrameFormat::B => format_b::strip(telegram)?.into(),
        FrameFormat::Stripped => telegram.into(),
    };
    Ok(Stripped {
        octets,
        format,
        metadata,
        length_corrected: false,
    })
}

/// Stripped octets in a frame format; the inverse of [`strip_as`].
///
/// Fails with `InvalidLength` when the format can't carry so many octets.
pub fn frame(stripped: &[u8], format: FrameFormat) -> Result<Vec<u8>, Error> {
    match format {
        FrameFormat::A => format_a::add(stripped),
        FrameFormat::B => format_b::add(stripped),
        FrameFormat::Stripped => Ok(stripped.to_vec()),
    }
}

/// The user data of a wired long frame, `68 L L 68 … CS 16`, from its C-field on; `None` when it is none.
///
/// All conditions are needed, since a wireless telegram may begin with 68 too.
pub fn wired_user_data(octets: &[u8]) -> Option<&[u8]> {
    let [0x68, length, repeated, 0x68, rest @ ..] = octets else {
        return None;
    };
    let (data, end) = rest.split_at_checked(usize::from(*length))?;
    let [checksum, 0x16, ..] = end else { return None };
    let sum = data.iter().fold(0_u8, |sum, octet| sum.wrapping_add(*octet));
    (length == repeated && sum == *checksum).then_some(data)
}

/// The checks that no telegram gets past, in the order that names the error.
fn check_start(octets: &[u8]) -> Result<u8, Error> {
    let [length, _, m0, m1, ..] = octets else {
        return Err(link_error(ErrorKind::TooShort {
            have: octets.len(),
            need: 10,
        }));
    };
    if octets.len() < 10 {
        return Err(link_error(ErrorKind::TooShort {
            have: octets.len(),
            need: 10,
        }));
    }
    let foreign = |system| Err(link_error(ErrorKind::NotWireless { system }));
    if wired_user_data(octets).is_some() {
        return foreign(ForeignSystem::WiredMBus);
    }
    // KNX-RF shares mode S and format A; its control octets stand where the manufacturer would.
    if [*m0, *m1] == [0xFF, 0x03] {
        return foreign(ForeignSystem::KnxRf);
    }
    if *length < 9 {
        return Err(link_error(ErrorKind::InvalidLength { length: *length }));
    }
    Ok(*length)
}

fn correct_length(stripped: &mut [u8]) {
    let count = stripped.len();
    if let (Some(length), Ok(count)) = (stripped.first_mut(), u8::try_from(count.saturating_sub(1))) {
        *length = count;
    }
}

/// A block without its CRC, and the CRC sent.
fn split_crc(block: &[u8], at: usize) -> Result<(&[u8], u16), Error> {
    match block.split_last_chunk::<2>() {
        Some((data, crc)) => Ok((data, u16::from_be_bytes(*crc))),
        None => Err(Error {
            layer: Layer::Link,
            at,
            kind: ErrorKind::Truncated {
                need: 2,
                have: block.len(),
            },
        }),
    }
}

fn block_error(at: usize, block: usize, got: u16, want: u16) -> Error {
    Error {
        layer: Layer::Link,
        at,
        kind: ErrorKind::BlockCrc { block, got, want },
    }
}

fn mismatch(expected: usize, have: usize) -> Error {
    link_error(ErrorKind::LengthMismatch { expected, have })
}

fn link_error(kind: ErrorKind) -> Error {
    Error {
        layer: Layer::Link,
        at: 0,
        kind,
    }
}
