//! Long frames of the wired M-Bus, which people paste from readers on a cable. The radio path never sees them.

use alloc::vec::Vec;

use super::{Frame, Layers};
use crate::address::{Address, DeviceType, IdentificationNumber, Manufacturer, Version};
use crate::ci::{Announces, Content, HeaderSize, announces};
use crate::cursor::Cursor;
use crate::dll;
use crate::error::{Error, Layer};
use crate::notes::Notes;
use crate::phy::FrameFormat;
use crate::tpl;

impl Frame<'_> {
    /// Reads the user data of a wired long frame (see [`crate::phy::wired_user_data`]) as if it had come by radio.
    ///
    /// The address is that of the long transport header; a frame without one has an address of zeros. Fails with
    /// `Truncated` when there is no CI-field.
    pub fn from_wired(user_data: &[u8]) -> Result<Frame<'static>, Error> {
        let mut cursor = Cursor::new(user_data, 4, Layer::Link);
        let control = dll::Control(cursor.u8()?);
        // One octet of bus address, which names a place on the wire and no meter.
        cursor.u8()?;
        let upper = cursor.rest();
        let ci = cursor.u8()?;
        let fixed = is_fixed_structure(ci, user_data.len());
        let sender = match announces(ci) {
            _ if fixed => fixed_address(&mut cursor)?,
            Announces::Transport(HeaderSize::Long, _) => Address::from_transport_octets(cursor.array()?),
            _ => NOBODY,
        };
        let link = dll::Header { control, sender };
        let mut octets = Vec::with_capacity(user_data.len() + 8);
        link.encode(&mut octets);
        let at = octets.len();
        octets.extend_from_slice(upper);
        super::set_length(&mut octets);
        let mut layers = Layers::default();
        if fixed {
            layers.tpl = Some(tpl::Header::none(ci));
            layers.content = Some(Content::FixedStructure);
            (layers.tpl_at, layers.body_at) = (at, at + 1);
        } else {
            layers.walk(&octets, at);
        }
        Ok(Frame {
            octets: octets.into(),
            format: FrameFormat::Stripped,
            metadata: &[],
            link,
            layers,
            notes: Notes::NONE,
        })
    }
}

/// CI 73 announces a compact frame, but on the wire, and with exactly this length, two counters of the oldest kind.
fn is_fixed_structure(ci: u8, length: usize) -> bool {
    ci == 0x73 && length == 3 + FIXED_STRUCTURE
}

/// Such meters send their number and nothing else of an address.
fn fixed_address(cursor: &mut Cursor<'_>) -> Result<Address, Error> {
    Ok(Address {
        identification_number: IdentificationNumber::from_octets(cursor.array()?),
        ..NOBODY
    })
}

const NOBODY: Address = Address {
    manufacturer: Manufacturer(0),
    identification_number: IdentificationNumber(0),
    version: Version(0),
    device_type: DeviceType(0),
};

/// Octets of the fixed data structure.
const FIXED_STRUCTURE: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::phy::wired_user_data;

    fn long_frame(user_data: &[u8]) -> Vec<u8> {
        let length = user_data.len() as u8;
        let mut frame = [&[0x68, length, length, 0x68], user_data].concat();
        frame.push(user_data.iter().fold(0_u8, |sum, octet| sum.wrapping_add(*octet)));
        frame.push(0x16);
        frame
    }

    #[test]
    fn a_long_header_names_the_meter() {
        let user_data = [
            &[0x08, 0x05, 0x72][..],
            &[0x78, 0x56, 0x34, 0x12, 0x2D, 0x2C, 0x01, 0x04],
            &[0x09, 0x00, 0x00, 0x00],
            &[0x01, 0xFD, 0x17, 0x00],
        ]
        .concat();
        let frame = long_frame(&user_data);
        let frame = Frame::from_wired(wired_user_data(&frame).unwrap()).unwrap();
        assert_eq!(alloc::format!("{}", frame.meter()), "KAM 12345678 01 04");
        let message = frame.open(&[]).unwrap();
        assert_eq!(message.payload[..], [0x01, 0xFD, 0x17, 0x00]);
        assert_eq!(message.content, Content::Records);
    }

    #[test]
    fn two_counters_of_the_oldest_kind_are_no_compact_frame() {
        let mut user_data = [0x08, 0x05, 0x73].to_vec();
        user_data.extend([
            0x78, 0x56, 0x34, 0x12, 0x0A, 0x00, 0xE9, 0x7E, 1, 0, 0, 0, 0x35, 1, 0, 0,
        ]);
        let frame = Frame::from_wired(&user_data).unwrap();
        assert_eq!(frame.meter().identification_number.to_string(), "12345678");
        let message = frame.open(&[]).unwrap();
        assert_eq!(
            (message.content, message.payload.len()),
            (Content::FixedStructure, 16)
        );
        user_data.push(0);
        let frame = Frame::from_wired(&user_data).unwrap();
        assert_eq!(frame.content(), Some(Content::Compact));
    }

    #[test]
    fn without_long_header_nobody_is_named() {
        let frame = Frame::from_wired(&[0x08, 0x05, 0x78, 0x01, 0xFD, 0x17, 0x00]).unwrap();
        assert_eq!(frame.meter(), NOBODY);
        assert_eq!(frame.open(&[]).unwrap().payload[..], [0x01, 0xFD, 0x17, 0x00]);
        assert!(Frame::from_wired(&[0x08, 0x05]).is_err());
    }

    use alloc::string::ToString;
}
