//! One transmission as it was received.

use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;

/// What a receiver hands upwards: octets, when, how strong, by whom. Nothing here knows what they mean.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Telegram {
    /// The octets from the L-field on, as the receiver gave them: with link CRCs or without.
    pub octets: Vec<u8>,
    /// Who has checked the link CRCs.
    pub check: Check,
    /// The link mode, when the receiver says so.
    pub link_mode: Option<LinkMode>,
    /// Instant of reception; `None` when the source has no time (a pasted telegram).
    pub received_at: Option<Timestamp>,
    /// Received signal strength in dBm; `None` when the source has none (relative magnitudes are none).
    pub rssi_dbm: Option<i16>,
    /// Configured name of the receiver, or the file it came from.
    pub radio: Arc<str>,
}

/// Who has verified the link CRCs of a telegram.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Check {
    /// The device or the program in front of us did (or we on its word for the frame format), and removed them.
    Receiver,
    /// Nobody yet: the octets may still hold the CRCs.
    Nobody,
}

/// How a telegram was modulated (EN 13757-4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LinkMode {
    /// Stationary, 868.3 MHz, Manchester.
    S,
    /// Frequent transmit, 868.95 MHz, 3-of-6.
    T,
    /// Compact, 868.95 MHz, NRZ.
    C,
    /// Frequent receive.
    R,
    /// Narrowband, 169 MHz.
    N,
    /// 433 MHz.
    F,
}

impl Telegram {
    /// Octets of which nothing else is known.
    pub fn new(octets: Vec<u8>, check: Check, radio: Arc<str>) -> Self {
        Self {
            octets,
            check,
            link_mode: None,
            received_at: None,
            rssi_dbm: None,
            radio,
        }
    }
}

impl LinkMode {
    /// The mode that receivers write as `T`, `T1`, `t1`, `C1`, `Cb`, `N2g`; `None` for other words.
    pub fn from_name(name: &str) -> Option<Self> {
        let mut characters = name.chars();
        let mode = match characters.next()?.to_ascii_uppercase() {
            'S' => Self::S,
            'T' => Self::T,
            'C' => Self::C,
            'R' => Self::R,
            'N' => Self::N,
            'F' => Self::F,
            _ => return None,
        };
        // What may follow: the direction (1, 2) and a variant (a to g).
        let variant = characters.as_str();
        let known = variant.len() <= 2 && variant.chars().all(|c| matches!(c, '1' | '2' | 'a'..='g' | 'm'));
        known.then_some(mode)
    }
}

impl fmt::Display for LinkMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::S => "S",
            Self::T => "T",
            Self::C => "C",
            Self::R => "R",
            Self::N => "N",
            Self::F => "F",
        })
    }
}
