//! AFL, authentication and fragmentation layer: message counter, MAC, fragments (EN 13757-7; OMS Vol. 2).
//!
//! ```text
//! 90 AFLL  FCL FCL  [MCL]  [KI KI]  [MCR×4]  [MAC×n]  [ML ML]
//! ```
//!
//! AFLL counts the octets after itself. Which fields are there stands in FCL.

use alloc::vec::Vec;

use crate::cursor::Cursor;
use crate::error::{Error, ErrorKind, Layer};

/// The header of an unfragmented message or of one fragment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Header {
    /// Fragment number: 0 for a message that is not fragmented, else 1 to 255.
    pub fragment: u8,
    /// More fragments follow.
    pub more_fragments: bool,
    /// MCL, message control: authentication type (bits 3–0) and what the whole message has.
    pub message_control: Option<u8>,
    /// KI: key version (high octet) and key id.
    pub key_information: Option<u16>,
    /// MCR: message counter.
    pub message_counter: Option<u32>,
    /// MAC, in the order it was sent.
    pub mac: Option<Mac>,
    /// ML: octets of the whole message.
    pub message_length: Option<u16>,
}

/// A truncated CMAC of 2 to 16 octets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mac {
    octets: [u8; 16],
    count: u8,
}

impl Mac {
    /// The first octets of a CMAC; `None` for more than 16.
    pub fn new(octets: &[u8]) -> Option<Self> {
        let mut mac = [0; 16];
        mac.get_mut(..octets.len())?.copy_from_slice(octets);
        Some(Self {
            octets: mac,
            count: u8::try_from(octets.len()).ok()?,
        })
    }

    /// The octets sent.
    pub fn octets(&self) -> &[u8] {
        self.octets.get(..usize::from(self.count)).unwrap_or(&self.octets)
    }
}

impl Header {
    /// `cursor` stands after the CI-field.
    ///
    /// Fails with `AflInconsistent` when lengths and flags contradict each other, in whatever way.
    pub(crate) fn parse(cursor: &mut Cursor<'_>) -> Result<Self, Error> {
        let at = cursor.at();
        let length = usize::from(cursor.u8()?);
        let inconsistent = |reason| Error {
            layer: Layer::Authentication,
            at,
            kind: ErrorKind::AflInconsistent { reason },
        };
        if length > cursor.left() {
            return Err(inconsistent("the AFL is longer than the telegram"));
        }
        let mut fields = Cursor::new(cursor.take(length)?, at + 1, Layer::Authentication);
        let header = Self::parse_fields(&mut fields).map_err(inconsistent)?;
        if fields.left() > 0 {
            return Err(inconsistent(NOT_FILLED));
        }
        Ok(header)
    }

    fn parse_fields(fields: &mut Cursor<'_>) -> Result<Self, &'static str> {
        let not_filled = |_| NOT_FILLED;
        let control = fields.u16_le().map_err(not_filled)?;
        let has = |bit: u16| control & 1 << bit != 0;
        let fragment = (control & 0xFF) as u8;
        let more_fragments = has(MORE_FRAGMENTS);
        if fragment == 0 && more_fragments {
            return Err("more fragments follow a message that is not fragmented");
        }
        if more_fragments && has(MAC_PRESENT) {
            return Err("a MAC before the last fragment");
        }
        let message_control = has(MCL_PRESENT).then(|| fields.u8()).transpose();
        let message_control = message_control.map_err(not_filled)?;
        let announced = match message_control.map(|control| mac_size(control & 0x0F)) {
            Some(None) => return Err("the authentication type is reserved"),
            announced => announced.flatten(),
        };
        let key_information = has(KI_PRESENT).then(|| fields.u16_le()).transpose();
        let key_information = key_information.map_err(not_filled)?;
        let message_counter = has(MCR_PRESENT).then(|| fields.u32_le()).transpose();
        let message_counter = message_counter.map_err(not_filled)?;
        let mac = if has(MAC_PRESENT) {
            // MCL may be missing in the fragment that carries the MAC: then the MAC is what the others leave.
            let behind = if has(ML_PRESENT) { 2 } else { 0 };
            let left = fields.left().checked_sub(behind).ok_or(NOT_FILLED)?;
            if announced.is_some_and(|size| size != left) {
                return Err("the MAC has another size than its authentication type");
            }
            let octets = fields.take(left).map_err(not_filled)?;
            Some(Mac::new(octets).ok_or("the MAC is longer than 16 octets")?)
        } else {
            None
        };
        let message_length = has(ML_PRESENT).then(|| fields.u16_le()).transpose();
        let message_length = message_length.map_err(not_filled)?;
        Ok(Self {
            fragment,
            more_fragments,
            message_control,
            key_information,
            message_counter,
            mac,
            message_length,
        })
    }

    /// The CI-field 90 and the header's octets.
    pub(crate) fn encode(&self, octets: &mut Vec<u8>) {
        let flag = |bit: u16, present: bool| if present { 1 << bit } else { 0 };
        let control = u16::from(self.fragment)
            | flag(MORE_FRAGMENTS, self.more_fragments)
            | flag(MCL_PRESENT, self.message_control.is_some())
            | flag(KI_PRESENT, self.key_information.is_some())
            | flag(MCR_PRESENT, self.message_counter.is_some())
            | flag(MAC_PRESENT, self.mac.is_some())
            | flag(ML_PRESENT, self.message_length.is_some());
        let mut fields = Vec::with_capacity(27);
        fields.extend(control.to_le_bytes());
        fields.extend(self.message_control);
        fields.extend(self.key_information.iter().flat_map(|field| field.to_le_bytes()));
        fields.extend(self.message_counter.iter().flat_map(|field| field.to_le_bytes()));
        fields.extend(self.mac.iter().flat_map(Mac::octets));
        fields.extend(self.message_length.iter().flat_map(|field| field.to_le_bytes()));
        // At most 2 + 1 + 2 + 4 + 16 + 2 octets.
        octets.extend([CI, u8::try_from(fields.len()).unwrap_or(u8::MAX)]);
        octets.extend(fields);
    }

    /// Authentication type; 0 for none.
    pub fn authentication_type(&self) -> u8 {
        self.message_control.unwrap_or(0) & 0x0F
    }

    /// The MAC, when its method is one that can be checked: AES-CMAC.
    pub(crate) fn verifiable_mac(&self) -> Option<Mac> {
        self.mac
            .filter(|_| cmac_size(self.authentication_type()).is_some())
    }

    /// Key derivation according to KI: 0 the persistent key itself, 1 derivation A, 2 and 3 reserved; `None` without KI.
    pub fn key_derivation(&self) -> Option<u8> {
        self.key_information.map(|field| (field >> 4 & 3) as u8)
    }

    /// True for a part of a longer message.
    pub fn is_fragment(&self) -> bool {
        self.fragment != 0
    }

    /// What the MAC is computed over, in front of the message itself: all these fields as sent.
    pub(crate) fn mac_prefix(&self) -> Vec<u8> {
        let mut prefix = Vec::with_capacity(9);
        prefix.extend(self.message_control);
        prefix.extend(self.key_information.iter().flat_map(|field| field.to_le_bytes()));
        prefix.extend(self.message_counter.iter().flat_map(|field| field.to_le_bytes()));
        prefix.extend(self.message_length.iter().flat_map(|field| field.to_le_bytes()));
        prefix
    }
}

/// Octets of a MAC by authentication type; `None` for reserved types.
pub fn mac_size(authentication_type: u8) -> Option<usize> {
    match authentication_type {
        0 => Some(0),
        // AES-GMAC, known by name only.
        8 => Some(12),
        9 => Some(16),
        other => cmac_size(other),
    }
}

/// Octets of an AES-CMAC by authentication type; `None` for other methods.
pub fn cmac_size(authentication_type: u8) -> Option<usize> {
    match authentication_type {
        3 => Some(2),
        4 => Some(4),
        5 => Some(8),
        6 => Some(12),
        7 => Some(16),
        _ => None,
    }
}

pub(crate) const CI: u8 = 0x90;

const NOT_FILLED: &str = "the fields announced do not fill the AFL";

/// MLMP in MCL: the message has an ML-field.
pub(crate) const HAS_LENGTH: u8 = 0x40;

const MORE_FRAGMENTS: u16 = 14;
const MCL_PRESENT: u16 = 13;
const ML_PRESENT: u16 = 12;
const MCR_PRESENT: u16 = 11;
const MAC_PRESENT: u16 = 10;
const KI_PRESENT: u16 = 9;

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(octets: &[u8]) -> Result<Header, Error> {
        Header::parse(&mut Cursor::new(octets, 11, Layer::Authentication))
    }

    #[test]
    fn headers_there_and_back() {
        let header = Header {
            message_control: Some(0x25),
            message_counter: Some(0x0AB3),
            mac: Mac::new(&[1, 2, 3, 4, 5, 6, 7, 8]),
            ..Header::default()
        };
        let mut octets = Vec::new();
        header.encode(&mut octets);
        assert_eq!(octets[..9], [0x90, 0x0F, 0x00, 0x2C, 0x25, 0xB3, 0x0A, 0, 0]);
        assert_eq!(parse(&octets[1..]), Ok(header));
        let last = Header {
            fragment: 3,
            mac: Mac::new(&[9; 8]),
            ..Header::default()
        };
        octets.clear();
        last.encode(&mut octets);
        assert_eq!(parse(&octets[1..]), Ok(last));
    }

    #[test]
    fn contradictions_are_named() {
        let reason = |octets: &[u8]| match parse(octets).unwrap_err().kind {
            ErrorKind::AflInconsistent { reason } => reason,
            other => panic!("{other:?}"),
        };
        assert!(reason(&[0x20, 0, 0]).contains("longer than the telegram"));
        assert!(reason(&[0x02, 0x00, 0x40]).contains("not fragmented"));
        assert!(reason(&[0x03, 0x00, 0x00, 0xFF]).contains("do not fill"));
        assert!(reason(&[0x01, 0x00]).contains("do not fill"));
        assert!(reason(&[0x03, 0x00, 0x08, 0xFF]).contains("do not fill"));
        assert!(reason(&[0x03, 0x00, 0x20, 0x21]).contains("reserved"));
        assert!(reason(&[0x0A, 0x01, 0x44, 1, 2, 3, 4, 5, 6, 7, 8]).contains("before the last"));
        let long_mac = [&[0x13, 0x00, 0x04][..], &[1; 17]].concat();
        assert!(reason(&long_mac).contains("16 octets"));
        assert!(reason(&[0x04, 0x00, 0x24, 0x21, 0xFF]).contains("reserved"));
        assert!(reason(&[0x04, 0x00, 0x24, 0x25, 0xFF]).contains("another size"));
    }
}
