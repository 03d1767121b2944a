//! Headers in front of the data: preamble and synchronisation word, by link mode (EN 13757-4).
//!
//! For raw recordings and for simulators; radio modules hide all of it.

use alloc::vec::Vec;

use super::{FrameFormat, format_a, manchester, three_out_of_six};
use crate::error::{Error, ErrorKind, Layer};

/// A burst's line code and what names its frame format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Burst {
    /// Mode S with the short header: Manchester, frame format A.
    S,
    /// Mode T from a meter: 3-of-6, frame format A.
    T,
    /// Mode C, frame format A: NRZ.
    CFormatA,
    /// Mode C, frame format B: NRZ.
    CFormatB,
}

impl Burst {
    /// The frame octets, with CRCs, of a burst that begins with its preamble on an octet boundary.
    ///
    /// Fails with `UnknownSync` when no known header stands in front, or as the line code does.
    pub fn decode(chips: &[u8]) -> Result<(Self, Vec<u8>), Error> {
        for (burst, header) in HEADERS {
            let Some(data) = after(chips, header) else {
                continue;
            };
            let octets = match burst {
                Self::S => manchester::decode(data)?,
                Self::T => {
                    let length = three_out_of_six::decode(data, 1)?.first().copied().unwrap_or(0);
                    let size = format_a::size(length).ok_or(Error {
                        layer: Layer::Link,
                        at: 0,
                        kind: ErrorKind::InvalidLength { length },
                    })?;
                    three_out_of_six::decode(data, size)?
                }
                Self::CFormatA | Self::CFormatB => data.to_vec(),
            };
            return Ok((burst, octets));
        }
        Err(Error {
            layer: Layer::Physical,
            at: 0,
            kind: ErrorKind::UnknownSync,
        })
    }

    /// Preamble, synchronisation word and coded frame octets (the postamble is left out).
    pub fn encode(self, frame: &[u8]) -> Vec<u8> {
        let mut chips: Vec<u8> = HEADERS
            .iter()
            .find(|(burst, _)| *burst == self)
            .map(|(_, header)| header.to_vec())
            .unwrap_or_default();
        chips.extend(match self {
            Self::S => manchester::encode(frame),
            Self::T => three_out_of_six::encode(frame),
            Self::CFormatA | Self::CFormatB => frame.to_vec(),
        });
        chips
    }

    /// The frame format that the header announces.
    pub fn frame_format(self) -> FrameFormat {
        if self == Self::CFormatB {
            FrameFormat::B
        } else {
            FrameFormat::A
        }
    }
}

/// What follows the header, however many octets of its alternating preamble were lost.
fn after<'a>(chips: &'a [u8], header: &[u8]) -> Option<&'a [u8]> {
    let preamble = header.iter().take_while(|octet| **octet == 0x55).count();
    let heard = chips.iter().take_while(|octet| **octet == 0x55).count();
    chips.get(heard..)?.strip_prefix(header.get(preamble..)?)
}

/// C before T: its header begins like that of T.
const HEADERS: [(Burst, &[u8]); 4] = [
    (Burst::CFormatA, &[0x55, 0x55, 0x55, 0x55, 0x54, 0x3D, 0x54, 0xCD]),
    (Burst::CFormatB, &[0x55, 0x55, 0x55, 0x55, 0x54, 0x3D, 0x54, 0x3D]),
    (Burst::T, &[0x55, 0x55, 0x55, 0x55, 0x54, 0x3D]),
    (Burst::S, &[0x55, 0x55, 0x55, 0x54, 0x76, 0x96]),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bursts_survive_the_air() {
        let stripped = [0x0C, 0x44, 1, 2, 3, 4, 5, 6, 7, 8, 0x78, 0x2F, 0x2F];
        for burst in [Burst::S, Burst::T, Burst::CFormatA, Burst::CFormatB] {
            let frame = super::super::frame(&stripped, burst.frame_format()).unwrap();
            let (heard, octets) = Burst::decode(&burst.encode(&frame)).unwrap();
            assert_eq!((heard, &octets[..frame.len()]), (burst, &frame[..]));
        }
        assert_eq!(
            Burst::decode(&[0x55, 0x55, 0x12]).unwrap_err().kind,
            ErrorKind::UnknownSync
        );
    }
}
