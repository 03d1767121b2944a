//! One transmission as it was received.

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
    /// The device or the program in front of us did, and removed them.
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
