//! A transmission in chips: preamble, synchronisation word, coded frame (EN 13757-4, one header for each link mode).
//!
//! For raw recordings and for simulators; radio modules hide all of it.
//!
//! ```text
//! 01 01 01 … 01   000111011010010110   data            S, and R2 with another length of preamble
//! 01 01 01 … 01   0000111101           data            T
//! 01 01 01 … 01   543D  54CD | 543D    data            C, frame format A | B
//! 01 01 01 … 01   F68D  | F672         data            N and F, frame format A | B
//! ```

use alloc::vec::Vec;

use super::{FrameFormat, manchester, three_out_of_six};

/// What a transmission begins with, which says how its data are coded and framed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Burst {
    /// Modes S1-m and S2, and T2 to a meter: Manchester behind a short header.
    S,
    /// Mode S1: Manchester behind a long header.
    S1,
    /// Mode R2: Manchester.
    R2,
    /// Mode T from a meter: 3-of-6.
    T,
    /// Mode C: NRZ, frame format A.
    CFormatA,
    /// Mode C: NRZ, frame format B.
    CFormatB,
    /// Mode N: NRZ, frame format A.
    NFormatA,
    /// Mode N: NRZ, frame format B.
    NFormatB,
    /// Mode F: NRZ, frame format A. Its synchronisation word is that of mode N (unverified).
    FFormatA,
    /// Mode F: NRZ, frame format B. Its synchronisation word is that of mode N (unverified).
    FFormatB,
}

/// How octets become chips.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LineCode {
    /// Sixteen chips an octet.
    Manchester,
    /// Twelve chips an octet.
    ThreeOutOfSix,
    /// Eight chips an octet: a chip is a bit.
    Nrz,
}

impl Burst {
    /// Preamble, synchronisation word and coded frame octets, packed most significant chip first.
    ///
    /// The postamble is left out; what is left of the last octet is filled with alternating chips, as a postamble would.
    pub fn encode(self, frame: &[u8]) -> Vec<u8> {
        let (pairs, word, length) = self.header();
        let mut chips = Packer::default();
        for _ in 0..pairs {
            chips.push(0b01, 2);
        }
        chips.push(word, length);
        let data = match self.line_code() {
            LineCode::Manchester => manchester::encode(frame),
            LineCode::ThreeOutOfSix => three_out_of_six::encode(frame),
            LineCode::Nrz => frame.to_vec(),
        };
        for octet in data {
            chips.push(u32::from(octet), 8);
        }
        chips.finish()
    }

    /// How its data are coded.
    pub const fn line_code(self) -> LineCode {
        match self {
            Self::S | Self::S1 | Self::R2 => LineCode::Manchester,
            Self::T => LineCode::ThreeOutOfSix,
            _ => LineCode::Nrz,
        }
    }

    /// The frame format that its header announces.
    pub const fn frame_format(self) -> FrameFormat {
        match self {
            Self::CFormatB | Self::NFormatB | Self::FFormatB => FrameFormat::B,
            _ => FrameFormat::A,
        }
    }

    /// Pairs `01` of the preamble, synchronisation word, and its length in chips.
    const fn header(self) -> (usize, u32, u32) {
        match self {
            Self::S => (15, SYNC_S, 18),
            Self::S1 => (279, SYNC_S, 18),
            Self::R2 => (39, SYNC_S, 18),
            Self::T => (19, SYNC_T, 10),
            Self::CFormatA => (16, SYNC_C << 16 | SYNC_C_A, 32),
            Self::CFormatB => (16, SYNC_C << 16 | SYNC_C, 32),
            Self::NFormatA => (8, SYNC_N_A, 16),
            Self::NFormatB => (8, SYNC_N_B, 16),
            Self::FFormatA => (39, SYNC_N_A, 16),
            Self::FFormatB => (39, SYNC_N_B, 16),
        }
    }
}

/// Chips in writing order, packed.
#[derive(Default)]
struct Packer {
    octets: Vec<u8>,
    /// Chips that fill no octet yet.
    pending: u64,
    count: u32,
}

impl Packer {
    fn push(&mut self, chips: u32, count: u32) {
        self.pending = self.pending << count | u64::from(chips);
        self.count += count;
        while self.count >= 8 {
            self.count -= 8;
            self.octets.push((self.pending >> self.count) as u8);
            self.pending &= (1 << self.count) - 1;
        }
    }

    fn finish(mut self) -> Vec<u8> {
        if self.count > 0 {
            let missing = 8 - self.count;
            self.push(0x55 & ((1 << missing) - 1), missing);
        }
        self.octets
    }
}

/// Contains runs of three, which Manchester code never does.
pub(super) const SYNC_S: u32 = 0b00_0111_0110_1001_0110;
const SYNC_T: u32 = 0b00_0011_1101;
/// Three pairs of preamble and the word of mode T; also the first half of mode C's word.
pub(super) const SYNC_C: u32 = 0x543D;
pub(super) const SYNC_C_A: u32 = 0x54CD;
pub(super) const SYNC_N_A: u32 = 0xF68D;
pub(super) const SYNC_N_B: u32 = 0xF672;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_have_the_lengths_of_the_standard() {
        let octets = |burst: Burst| burst.encode(&[]);
        assert_eq!(octets(Burst::S), [0x55, 0x55, 0x55, 0x54, 0x76, 0x96]);
        assert_eq!(octets(Burst::S1).len() * 8, 576);
        assert!(octets(Burst::S1).ends_with(&[0x55, 0x54, 0x76, 0x96]));
        assert_eq!(octets(Burst::R2).len() * 8, 96);
        assert_eq!(octets(Burst::T), [0x55, 0x55, 0x55, 0x55, 0x54, 0x3D]);
        assert_eq!(octets(Burst::CFormatA)[4..], [0x54, 0x3D, 0x54, 0xCD]);
        assert_eq!(octets(Burst::CFormatB)[4..], [0x54, 0x3D, 0x54, 0x3D]);
        assert_eq!(octets(Burst::NFormatA), [0x55, 0x55, 0xF6, 0x8D]);
        assert_eq!(octets(Burst::NFormatB), [0x55, 0x55, 0xF6, 0x72]);
        // 94 chips, and two to fill the octet.
        assert_eq!(octets(Burst::FFormatA).len(), 12);
    }
}
