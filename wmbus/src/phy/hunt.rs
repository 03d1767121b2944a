//! Looks for transmissions in a stream of chips that begins anywhere and has noise between them.
//!
//! ```text
//! noise  preamble  word  data   noise …   →   word found → L → size → frame, then on behind it
//! ```
//!
//! Which modes are looked for is said beforehand: modes N and F share their words, S and R2 too.

use alloc::vec::Vec;

use super::burst::{Burst, LineCode, SYNC_C, SYNC_C_A, SYNC_N_A, SYNC_N_B, SYNC_S};
use super::{FrameFormat, format_a, format_b, manchester, three_out_of_six};
use crate::dll::Control;
use crate::error::{Error, ErrorKind, Layer};

/// Which words to look for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Listening {
    /// Mode S (R2 is received as S).
    S,
    /// Modes T and C at once.
    TAndC,
    /// Modes N and F (F is received as N).
    N,
}

/// A frame that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heard {
    /// Its kind of transmission.
    pub burst: Burst,
    /// Its octets, with link CRCs, which are not checked here.
    pub frame: Vec<u8>,
    /// Where its data begin, in chips from the start of the stream.
    pub at: usize,
    /// The front end delivers chips upside down.
    pub inverted: bool,
}

/// The frames in a stream of chips, one after the other.
///
/// A word behind which nothing sensible follows gives an error (`InvalidLength`, `ThreeOfSix`, `Manchester`, or
/// `Truncated` when the stream ends inside the frame), and the hunt goes on behind the word.
#[derive(Clone, Debug)]
pub struct Hunt<'a> {
    chips: Chips<'a>,
    listening: Listening,
    position: usize,
}

impl<'a> Hunt<'a> {
    /// Chips are packed most significant first. Both polarities are looked for.
    pub fn new(chips: &'a [u8], listening: Listening) -> Self {
        Self {
            chips: Chips { octets: chips },
            listening,
            position: 0,
        }
    }

    /// The next word: kind of transmission, where the data begin, polarity.
    fn word(&mut self) -> Option<(Burst, usize, bool)> {
        let (length, words): (u32, &[(u32, Burst)]) = match self.listening {
            Listening::S => (18, &[(SYNC_S, Burst::S)]),
            Listening::TAndC => (16, &[(SYNC_C, Burst::T)]),
            Listening::N => (16, &[(SYNC_N_A, Burst::NFormatA), (SYNC_N_B, Burst::NFormatB)]),
        };
        let mask = (1 << length) - 1;
        let (mut register, mut seen) = (0_u32, 0);
        while self.position < self.chips.count() {
            register = (register << 1 | self.chips.get(self.position)) & mask;
            self.position += 1;
            seen += 1;
            if seen < length {
                continue;
            }
            for (word, burst) in words {
                let inverted = register == !word & mask;
                if inverted || register == *word {
                    return Some(self.narrowed(*burst, inverted));
                }
            }
        }
        None
    }

    /// What `543D` was: the word of mode T, or the first half of mode C's.
    fn narrowed(&mut self, burst: Burst, inverted: bool) -> (Burst, usize, bool) {
        if burst == Burst::T {
            let second = self.chips.word(self.position, 16, inverted);
            for (half, burst) in [(SYNC_C_A, Burst::CFormatA), (SYNC_C, Burst::CFormatB)] {
                if second == Some(half) {
                    self.position += 16;
                    return (burst, self.position, inverted);
                }
            }
        }
        (burst, self.position, inverted)
    }

    fn frame(&self, burst: Burst, at: usize, inverted: bool) -> Result<Heard, Error> {
        let code = burst.line_code();
        let length = self.octets(code, at, 1, inverted)?.first().copied().unwrap_or(0);
        let size = match burst.frame_format() {
            FrameFormat::B => Some(usize::from(length) + 1).filter(|_| format_b::length_is_possible(length)),
            _ => format_a::size(length),
        };
        let size = size.ok_or(Error {
            layer: Layer::Link,
            at: 0,
            kind: ErrorKind::InvalidLength { length },
        })?;
        let frame = self.octets(code, at, size, inverted)?;
        Ok(Heard {
            burst,
            frame,
            at,
            inverted,
        })
    }

    fn octets(&self, code: LineCode, at: usize, count: usize, inverted: bool) -> Result<Vec<u8>, Error> {
        let chips = self.chips.packed(at, count * code.chips(), inverted)?;
        match code {
            LineCode::Manchester => manchester::decode(&chips),
            LineCode::ThreeOutOfSix => three_out_of_six::decode(&chips, count),
            LineCode::Nrz => Ok(chips),
        }
    }

    /// When the hunt caught the second half of mode C's word, the data that follow are no 3-of-6 code, or give a bad
    /// first block: then they must make a good frame of format B to be taken for one.
    fn second_half(&self, at: usize, inverted: bool) -> Option<Heard> {
        let heard = self.frame(Burst::CFormatB, at, inverted).ok()?;
        let known = heard
            .frame
            .get(1)
            .is_some_and(|control| Control(*control).is_known());
        (known && format_b::first_crc_is_good(&heard.frame)).then_some(heard)
    }
}

impl Iterator for Hunt<'_> {
    type Item = Result<Heard, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        let (burst, at, inverted) = self.word()?;
        let mut heard = self.frame(burst, at, inverted);
        let sound = |heard: &Heard| format_a::first_block_is_good(&heard.frame);
        if burst == Burst::T
            && !heard.as_ref().is_ok_and(sound)
            && let Some(second) = self.second_half(at, inverted)
        {
            heard = Ok(second);
        }
        if let Ok(Heard { burst, frame, .. }) = &heard {
            self.position = at + frame.len() * burst.line_code().chips();
        }
        Some(heard)
    }
}

impl LineCode {
    /// Chips of one octet.
    const fn chips(self) -> usize {
        match self {
            Self::Manchester => 16,
            Self::ThreeOutOfSix => 12,
            Self::Nrz => 8,
        }
    }
}

#[derive(Clone, Copy, Debug)]
struct Chips<'a> {
    octets: &'a [u8],
}

impl Chips<'_> {
    fn count(&self) -> usize {
        self.octets.len() * 8
    }

    /// Chip 0 or 1; 0 behind the end.
    fn get(&self, at: usize) -> u32 {
        let octet = self.octets.get(at / 8).copied().unwrap_or(0);
        u32::from(octet >> (7 - at % 8) & 1)
    }

    fn word(&self, at: usize, length: usize, inverted: bool) -> Option<u32> {
        if at + length > self.count() {
            return None;
        }
        let word = (at..at + length).fold(0, |word, at| word << 1 | self.get(at));
        Some(if inverted {
            !word & ((1 << length) - 1)
        } else {
            word
        })
    }

    /// Chips from any place on, packed anew; the rest of the last octet is 0.
    fn packed(&self, at: usize, count: usize, inverted: bool) -> Result<Vec<u8>, Error> {
        if at + count > self.count() {
            let have = self.count().saturating_sub(at);
            return Err(Error {
                layer: Layer::Physical,
                at: at / 8,
                kind: ErrorKind::Truncated { need: count, have },
            });
        }
        let flip = if inverted { 0xFF } else { 0 };
        let octet = |at: usize| u16::from(self.octets.get(at).copied().unwrap_or(0) ^ flip);
        Ok((0..count.div_ceil(8))
            .map(|index| {
                let (first, shift) = (at / 8 + index, at % 8);
                ((octet(first) << 8 | octet(first + 1)) >> (8 - shift)) as u8
            })
            .collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::phy;

    const BURSTS: [(Burst, Listening); 6] = [
        (Burst::S, Listening::S),
        (Burst::T, Listening::TAndC),
        (Burst::CFormatA, Listening::TAndC),
        (Burst::CFormatB, Listening::TAndC),
        (Burst::NFormatA, Listening::N),
        (Burst::NFormatB, Listening::N),
    ];

    fn frame(burst: Burst, length: u8) -> Vec<u8> {
        let mut stripped: Vec<u8> = (0..=length).map(|octet| octet.wrapping_mul(29)).collect();
        (stripped[0], stripped[1]) = (length, 0x44);
        phy::frame(&stripped, burst.frame_format()).unwrap()
    }

    /// The chips `shift` places later, behind noise.
    fn shifted(chips: &[u8], shift: usize, noise: u8) -> Vec<u8> {
        let mut bits: Vec<u8> = (0..shift).map(|at| noise >> (at % 8) & 1).collect();
        bits.extend(
            chips
                .iter()
                .flat_map(|octet| (0..8).rev().map(move |bit| octet >> bit & 1)),
        );
        bits.resize(bits.len().next_multiple_of(8), 0);
        bits.chunks(8)
            .map(|bits| bits.iter().fold(0, |octet, bit| octet << 1 | bit))
            .collect()
    }

    #[test]
    fn each_burst_is_found_wherever_it_begins_and_however_the_chips_stand() {
        for (burst, listening) in BURSTS {
            let frame = frame(burst, 40);
            for shift in 0..24 {
                let mut chips = shifted(&burst.encode(&frame), shift, 0b1100_1001);
                for inverted in [false, true] {
                    let heard: Vec<_> = Hunt::new(&chips, listening).collect();
                    let Some(Ok(heard)) = heard.first() else {
                        panic!("{burst:?} shifted by {shift}: {heard:?}");
                    };
                    assert_eq!(
                        (heard.burst, &heard.frame, heard.inverted),
                        (burst, &frame, inverted)
                    );
                    chips.iter_mut().for_each(|octet| *octet = !*octet);
                }
            }
        }
    }

    #[test]
    fn one_follows_the_other_without_silence() {
        let (t, c) = (frame(Burst::T, 25), frame(Burst::CFormatB, 200));
        let chips = [
            Burst::T.encode(&t),
            Burst::CFormatB.encode(&c),
            Burst::T.encode(&t),
        ]
        .concat();
        let heard: Vec<_> = Hunt::new(&chips, Listening::TAndC)
            .map(|heard| heard.unwrap().frame)
            .collect();
        assert_eq!(heard, [t.clone(), c, t]);
    }

    #[test]
    fn a_lost_preamble_does_not_matter() {
        let frame = frame(Burst::CFormatB, 30);
        let chips = Burst::CFormatB.encode(&frame);
        // Even the first half of the word may be lost.
        for lost in [4, 6] {
            let heard = Hunt::new(&chips[lost..], Listening::TAndC)
                .next()
                .unwrap()
                .unwrap();
            assert_eq!(
                (heard.burst, &heard.frame),
                (Burst::CFormatB, &frame),
                "{lost} octets"
            );
        }
    }

    #[test]
    fn what_follows_no_word_of_ours_is_an_error_and_the_hunt_goes_on() {
        let good = frame(Burst::T, 20);
        let mut chips = [0x54, 0x3D, 0xFF, 0xFF, 0xFF].to_vec();
        chips.extend(Burst::T.encode(&good));
        chips.extend(&Burst::T.encode(&good)[..20]);
        let heard: Vec<_> = Hunt::new(&chips, Listening::TAndC).collect();
        assert!(matches!(
            heard[0],
            Err(Error {
                kind: ErrorKind::ThreeOfSix { symbol: 0 },
                ..
            })
        ));
        assert_eq!(heard[1].as_ref().unwrap().frame, good);
        assert!(matches!(
            heard[2],
            Err(Error {
                kind: ErrorKind::Truncated { .. },
                ..
            })
        ));
        assert_eq!(heard.len(), 3);
    }
}
