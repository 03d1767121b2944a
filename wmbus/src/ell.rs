//! ELL, extended link layer: link control, link access number, receiver, session and its AES-CTR (EN 13757-4).
//!
//! ```text
//! 8C   CC ACC
//! 8D   CC ACC SN SN SN SN | CRC CRC …
//! 8E   CC ACC M2 M2 A2×6
//! 8F   CC ACC M2 M2 A2×6 SN SN SN SN | CRC CRC …
//! ```
//!
//! What stands after the bar is encrypted together when the session number says so. M2/A2 name the *receiver*.

use alloc::vec::Vec;

use crate::address::Address;
use crate::cursor::Cursor;
use crate::error::{Error, ErrorKind};
use crate::phy::crc::crc;
use crate::tpl::Access;

/// The header without the payload CRC, which belongs to what may be encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// CC.
    pub control: CommunicationControl,
    /// ACC of the link; not the transport layer's.
    pub access_number: u8,
    /// M2 and A2: who this telegram is for.
    pub receiver: Option<Address>,
    /// SN; with it comes a payload CRC.
    pub session: Option<SessionNumber>,
}

impl Header {
    pub(crate) fn parse(ci: u8, cursor: &mut Cursor<'_>) -> Result<Self, Error> {
        let control = CommunicationControl(cursor.u8()?);
        let access_number = cursor.u8()?;
        let receiver = match ci {
            0x8E | 0x8F => Some(Address::from_link_octets(cursor.array()?)),
            _ => None,
        };
        let session = match ci {
            0x8D | 0x8F => Some(SessionNumber(cursor.u32_le()?)),
            _ => None,
        };
        Ok(Self {
            control,
            access_number,
            receiver,
            session,
        })
    }

    /// The CI-field and the header's octets.
    pub(crate) fn encode(&self, octets: &mut Vec<u8>) {
        octets.extend([self.ci(), self.control.0, self.access_number]);
        octets.extend(self.receiver.iter().flat_map(|receiver| receiver.link_octets()));
        octets.extend(self.session.iter().flat_map(|session| session.0.to_le_bytes()));
    }

    /// The CI-field that announces this header.
    pub fn ci(&self) -> u8 {
        match (self.receiver.is_some(), self.session.is_some()) {
            (false, false) => 0x8C,
            (false, true) => 0x8D,
            (true, false) => 0x8E,
            (true, true) => 0x8F,
        }
    }

    /// Octets of the header with its CI-field.
    pub(crate) fn size(&self) -> usize {
        let receiver = if self.receiver.is_some() { 8 } else { 0 };
        let session = if self.session.is_some() { 4 } else { 0 };
        3 + receiver + session
    }

    /// The header of a telegram sent some telegrams later: access number and session number have moved on.
    pub(crate) fn advanced(mut self, telegrams: u8) -> Self {
        self.access_number = self.access_number.wrapping_add(telegrams);
        self.session = self.session.map(|session| session.advanced(u32::from(telegrams)));
        self
    }

    /// The counter block of the first 16 octets of key stream, for a sender.
    ///
    /// ```text
    /// M M  A A A A V T  CC  SN SN SN SN  FN FN  BC        CC with H and R cleared, FN = BC = 0
    /// ```
    pub(crate) fn counter_block(&self, sender: Address) -> Option<[u8; 16]> {
        let mut block = [0; 16];
        let session = self.session?.0.to_le_bytes();
        let fields = sender
            .link_octets()
            .into_iter()
            .chain([self.control.unrepeated().0])
            .chain(session);
        for (octet, field) in block.iter_mut().zip(fields) {
            *octet = field;
        }
        Some(block)
    }
}

/// CC: how the meter can be reached, and whether this copy was repeated.
///
/// ```text
/// B D S H P A R X
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CommunicationControl(pub u8);

impl CommunicationControl {
    /// B and A: when the meter can be reached (that reading of A is unverified).
    pub const fn access(self) -> Access {
        Access::from_bits(self.0 & 0x80 != 0, self.0 & 0x04 != 0)
    }

    /// D and X: how long after an answer may be sent.
    pub const fn delay(self) -> Delay {
        match (self.0 & 0x40 != 0, self.0 & 0x01 != 0) {
            (false, false) => Delay::Slow,
            (true, false) => Delay::Fast,
            (false, true) => Delay::Extended,
            (true, true) => Delay::Reserved,
        }
    }

    /// S: sent at a predictable instant.
    pub const fn synchronous(self) -> bool {
        self.0 & 0x20 != 0
    }

    /// H: this copy has been repeated.
    pub const fn repeated(self) -> bool {
        self.0 & 0x10 != 0
    }

    /// P: sent with priority.
    pub const fn priority(self) -> bool {
        self.0 & 0x08 != 0
    }

    /// As the meter itself sent it: H and R, which repeaters set without knowing the key, cleared.
    pub const fn unrepeated(self) -> Self {
        Self(self.0 & REPEATERS_BITS_CLEARED)
    }
}

/// The time a partner has to leave before it answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Delay {
    /// Slow response.
    Slow,
    /// Fast response.
    Fast,
    /// Extended delay.
    Extended,
    /// Both bits set.
    Reserved,
}

/// SN: session (bits 3–0), minute counter (28–4) and encryption (31–29).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SessionNumber(pub u32);

impl SessionNumber {
    /// A session number.
    pub fn new(encryption: u8, minutes: u32, session: u8) -> Self {
        Self(u32::from(encryption & 7) << 29 | (minutes & 0x1FF_FFFF) << 4 | u32::from(session & 0x0F))
    }

    /// The session number of another telegram: the same encryption, the time and session `steps` further.
    pub(crate) fn advanced(self, steps: u32) -> Self {
        let low = 0x1FFF_FFFF;
        Self(self.0 & !low | self.0.wrapping_add(steps) & low)
    }

    /// 0 none, 1 AES-CTR, others reserved.
    pub fn encryption(self) -> u8 {
        (self.0 >> 29) as u8
    }

    /// The minute counter.
    pub fn minutes(self) -> u32 {
        self.0 >> 4 & 0x1FF_FFFF
    }

    /// The number of the session at that time.
    pub fn session(self) -> u8 {
        (self.0 & 0x0F) as u8
    }
}

/// The time to the next synchronous telegram, in 2048ths of the meter's nominal interval (unverified formula:
/// descriptions of EN 13757-4 and OMS).
///
/// `access_number` is the ELL's if there is one, else the TPL's.
pub fn synchronous_interval(access_number: u8) -> u32 {
    2048 + u32::from(access_number.abs_diff(128)) - 64
}

/// Writes the payload CRC into the first two octets, over all behind them: low octet first.
pub(crate) fn set_payload_crc(octets: &mut [u8]) {
    if let Some((field, payload)) = octets.split_first_chunk_mut::<2>() {
        *field = crc(payload).to_le_bytes();
    }
}

/// Splits off the payload CRC and checks it.
pub(crate) fn check_payload(octets: &[u8]) -> Result<&[u8], ErrorKind> {
    let Some((sent, payload)) = octets.split_first_chunk::<2>() else {
        return Err(ErrorKind::Truncated {
            need: 2,
            have: octets.len(),
        });
    };
    let (got, want) = (u16::from_le_bytes(*sent), crc(payload));
    if got == want {
        Ok(payload)
    } else {
        Err(ErrorKind::PayloadCrc { got, want })
    }
}

/// CC without H (bit 4) and R (bit 1).
pub(crate) const REPEATERS_BITS_CLEARED: u8 = 0xED;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Layer;

    #[test]
    fn each_variant_there_and_back() {
        let receiver = Address::from_link_octets([0x2D, 0x2C, 1, 2, 3, 4, 5, 6]);
        for receiver in [None, Some(receiver)] {
            for session in [None, Some(SessionNumber::new(1, 0x1D_69C2, 3))] {
                let header = Header {
                    control: CommunicationControl(0x20),
                    access_number: 7,
                    receiver,
                    session,
                };
                let mut octets = Vec::new();
                header.encode(&mut octets);
                assert_eq!(octets.len(), header.size());
                let mut cursor = Cursor::new(&octets[1..], 11, Layer::ExtendedLink);
                assert_eq!(Header::parse(octets[0], &mut cursor), Ok(header));
                assert_eq!(cursor.left(), 0);
            }
        }
    }

    #[test]
    fn control_bits() {
        let control = CommunicationControl(0b1011_0110);
        assert_eq!((control.access(), control.delay()), (Access::Always, Delay::Slow));
        assert!(control.synchronous() && control.repeated() && !control.priority());
        assert_eq!(control.unrepeated(), CommunicationControl(0b1010_0100));
        assert_eq!(CommunicationControl(0x41).delay(), Delay::Reserved);
    }

    #[test]
    fn intervals_at_the_edges() {
        assert_eq!(synchronous_interval(0), 2112);
        assert_eq!(synchronous_interval(64), 2048);
        assert_eq!(synchronous_interval(128), 1984);
        assert_eq!(synchronous_interval(255), 2111);
    }

    #[test]
    fn session_number_fields() {
        let session = SessionNumber(0x21D6_9C20);
        assert_eq!(
            (session.encryption(), session.minutes(), session.session()),
            (1, 0x1D_69C2, 0)
        );
        assert_eq!(SessionNumber::new(1, 0x1D_69C2, 0), session);
        assert_eq!(session.advanced(16), SessionNumber::new(1, 0x1D_69C3, 0));
        assert_eq!(SessionNumber(0x3FFF_FFFF).advanced(1), SessionNumber(0x2000_0000));
    }
}
