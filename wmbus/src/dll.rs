//! DLL, data link layer: who sends, and what kind of telegram (EN 13757-4).
//!
//! ```text
//! L   C   M M   A A A A  V  T        stripped: L counts all octets after itself
//! ```

use alloc::vec::Vec;
use core::fmt;

use crate::address::Address;
use crate::cursor::Cursor;
use crate::error::Error;

/// The link header without its length, which the telegram has by being as long as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// C-field.
    pub control: Control,
    /// M- and A-field: the *sender*, which may be an adapter in front of the meter.
    pub sender: Address,
}

impl Header {
    pub(crate) fn parse(cursor: &mut Cursor<'_>) -> Result<Self, Error> {
        cursor.u8()?;
        let control = Control(cursor.u8()?);
        let sender = Address::from_link_octets(cursor.array()?);
        Ok(Self { control, sender })
    }

    /// The ten octets with an L of 0, to be set when the telegram is complete.
    pub(crate) fn encode(&self, octets: &mut Vec<u8>) {
        octets.extend([0, self.control.0]);
        octets.extend(self.sender.link_octets());
    }
}

/// The C-field: what kind of telegram it is. Unknown values are kept.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Control(pub u8);

/// Which way a telegram goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Flow {
    /// From a meter (or its adapter).
    FromMeter,
    /// To a meter.
    ToMeter,
    /// Both sides send it.
    Either,
}

impl Control {
    /// Send, no reply: a meter's periodic telegram.
    pub const SND_NR: Self = Self(0x44);
    /// Installation request; several makers send ordinary data with it.
    pub const SND_IR: Self = Self(0x46);

    /// The name in the standard, `unknown` for others.
    pub fn name(self) -> &'static str {
        match self.0 {
            0x44 => "SND-NR",
            0x46 => "SND-IR",
            0x47 => "ACC-NR",
            0x48 => "ACC-DMD",
            0x08 | 0x18 | 0x28 | 0x38 => "RSP-UD",
            0x00 | 0x10 | 0x20 | 0x30 => "ACK",
            0x01 | 0x11 | 0x21 | 0x31 => "NACK",
            0x40 => "SND-NKE",
            0x43 => "SND-UD2",
            0x45 => "SND-UD3",
            0x53 | 0x73 => "SND-UD",
            0x5A | 0x7A => "REQ-UD1",
            0x5B | 0x7B => "REQ-UD2",
            0x06 => "CNF-IR",
            _ => UNKNOWN,
        }
    }

    /// True for a value of the standard.
    pub fn is_known(self) -> bool {
        self.name() != UNKNOWN
    }

    /// Which way it goes. PRM (bit 6) does not tell: SND-NR from a meter has it set.
    pub fn flow(self) -> Flow {
        match self.0 {
            0x44 | 0x46 | 0x47 | 0x48 | 0x08 | 0x18 | 0x28 | 0x38 => Flow::FromMeter,
            0x40 | 0x43 | 0x45 | 0x53 | 0x73 | 0x5A | 0x7A | 0x5B | 0x7B | 0x06 => Flow::ToMeter,
            _ => Flow::Either,
        }
    }
}

impl fmt::Display for Control {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02X}", self.0)
    }
}

impl fmt::Debug for Control {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}({})", self.name())
    }
}

const UNKNOWN: &str = "unknown";

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn direction_is_not_the_primary_bit() {
        assert_eq!(Control::SND_NR.flow(), Flow::FromMeter);
        assert_eq!(Control(0x08).flow(), Flow::FromMeter);
        assert_eq!(Control(0x5B).flow(), Flow::ToMeter);
        assert_eq!(Control(0x00).flow(), Flow::Either);
        assert_eq!(
            (Control(0x7B).name(), Control(0x5B).name()),
            ("REQ-UD2", "REQ-UD2")
        );
        assert!(!Control(0xFF).is_known() && Control(0x30).is_known());
    }

    #[test]
    fn header_there_and_back() {
        let octets = [0, 0x44, 0x2D, 0x2C, 0x78, 0x56, 0x34, 0x12, 0x1B, 0x16];
        let header = Header::parse(&mut Cursor::new(&octets, 0, crate::Layer::Link)).unwrap();
        assert_eq!(header.sender.to_string(), "KAM 12345678 1B 16");
        let mut again = Vec::new();
        header.encode(&mut again);
        assert_eq!(again, octets);
    }
}
