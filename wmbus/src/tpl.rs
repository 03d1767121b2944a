//! TPL, transport layer: which application follows, of which meter, sealed how (EN 13757-7).
//!
//! ```text
//! CI                                                  no header
//! CI  ACC STS CF CF  [CFE …]                          short header
//! CI  I I I I M M V T  ACC STS CF CF  [CFE …]         long header
//! ```

use alloc::vec::Vec;

use crate::address::Address;
use crate::cursor::Cursor;
use crate::error::Error;

/// The transport header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// The CI-field.
    pub ci: u8,
    /// The meter's address, with a long header.
    pub address: Option<Address>,
    /// What a short or long header has besides; `None` without header.
    pub fields: Option<Fields>,
}

/// The fields of a short header; the long one has them too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fields {
    /// ACC: counts messages, wraps at 255; enters the initialisation vector of mode 5.
    pub access_number: u8,
    /// STS: status of the meter; in telegrams to a meter it means something else.
    pub status: u8,
    /// CF: security mode and what belongs to it.
    pub configuration: Configuration,
    /// What follows CF in modes 7 and 10.
    pub extension: Extension,
}

/// CF, configuration field. Bits 12–8 are the security mode; the others depend on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Configuration(pub u16);

/// Fields between CF and the application data.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Extension {
    /// CFE: one octet in mode 7, two in mode 10.
    pub configuration: Option<u16>,
    /// Message counter of the transport layer.
    pub counter: Option<u32>,
    /// Key version.
    pub key_version: Option<u8>,
}

/// What follows the transport header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Content {
    /// Data records.
    Records,
    /// Values of a layout known from elsewhere.
    Compact,
    /// A layout without values.
    Format,
    /// What the maker likes.
    Manufacturer,
    /// One octet saying what went wrong.
    ApplicationError,
    /// One octet of alarm.
    Alarm,
    /// Nothing: the telegram ends after the header.
    Nothing,
    /// A command, a selection, network management: not for a reader of meters.
    Management,
    /// Known, and not read here: DLMS, OBIS, TLS.
    Unsupported,
}

/// How long the header is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Size {
    None,
    Short,
    Long,
}

impl Header {
    /// `cursor` stands after the CI-field, which [`content`] knows.
    pub(crate) fn parse(ci: u8, cursor: &mut Cursor<'_>) -> Result<Self, Error> {
        let Some((size, _)) = lookup(ci) else {
            return Err(cursor.error(crate::ErrorKind::UnknownCi { ci }));
        };
        let address = match size {
            Size::Long => Some(Address::from_transport_octets(cursor.array()?)),
            Size::Short | Size::None => None,
        };
        let fields = match size {
            Size::None => None,
            Size::Short | Size::Long => Some(Fields::parse(cursor)?),
        };
        Ok(Self { ci, address, fields })
    }

    /// The CI-field and the header's octets.
    pub(crate) fn encode(&self, octets: &mut Vec<u8>) {
        octets.push(self.ci);
        octets.extend(self.address.iter().flat_map(|address| address.transport_octets()));
        if let Some(fields) = &self.fields {
            fields.encode(octets);
        }
    }

    /// The security mode; 0 without header.
    pub fn mode(&self) -> u8 {
        self.fields.map_or(0, |fields| fields.configuration.mode())
    }

    /// What follows the header.
    pub fn content(&self) -> Content {
        content(self.ci).unwrap_or(Content::Unsupported)
    }
}

impl Fields {
    fn parse(cursor: &mut Cursor<'_>) -> Result<Self, Error> {
        let access_number = cursor.u8()?;
        let status = cursor.u8()?;
        let configuration = Configuration(cursor.u16_le()?);
        let extension = Extension::parse(configuration, cursor)?;
        Ok(Self {
            access_number,
            status,
            configuration,
            extension,
        })
    }

    fn encode(&self, octets: &mut Vec<u8>) {
        octets.extend([self.access_number, self.status]);
        octets.extend(self.configuration.0.to_le_bytes());
        self.extension.encode(self.configuration, octets);
    }
}

impl Configuration {
    /// The security mode, 0 to 31. 16 and above are reserved; Diehl uses them.
    pub fn mode(self) -> u8 {
        (self.0 >> 8 & 0x1F) as u8
    }

    /// Encrypted blocks of 16 octets, in modes 5 and 7.
    pub fn blocks(self) -> usize {
        usize::from(self.0 >> 4 & 0x0F)
    }

    /// Encrypted octets, in modes 2, 3 and 10 (there FF means all).
    pub fn octets(self) -> u8 {
        (self.0 & 0xFF) as u8
    }

    /// Z: a message counter stands in the extension, in modes 7 and 10.
    pub fn has_counter(self) -> bool {
        self.0 & 0x2000 != 0
    }

    /// S: sent at a predictable instant, in modes 0 and 5.
    pub fn synchronous(self) -> bool {
        self.0 & 0x2000 != 0
    }

    /// The same with this many encrypted blocks (at most 15).
    pub fn with_blocks(self, blocks: u8) -> Self {
        Self(self.0 & 0xFF0F | u16::from(blocks & 0x0F) << 4)
    }
}

impl Extension {
    fn parse(configuration: Configuration, cursor: &mut Cursor<'_>) -> Result<Self, Error> {
        let field = match configuration.mode() {
            7 => u16::from(cursor.u8()?),
            10 => cursor.u16_le()?,
            _ => return Ok(Self::default()),
        };
        let mut extension = Self {
            configuration: Some(field),
            ..Self::default()
        };
        let counter =
            |cursor: &mut Cursor<'_>| configuration.has_counter().then(|| cursor.u32_le()).transpose();
        // With both present their order is unverified; each mode follows the one description there is.
        if configuration.mode() == 7 {
            extension.counter = counter(cursor)?;
        }
        if field & KEY_VERSION_FOLLOWS != 0 {
            extension.key_version = Some(cursor.u8()?);
        }
        if configuration.mode() == 10 {
            extension.counter = counter(cursor)?;
        }
        Ok(extension)
    }

    fn encode(&self, configuration: Configuration, octets: &mut Vec<u8>) {
        let [low, high] = self.configuration.unwrap_or(0).to_le_bytes();
        let counter = self.counter.filter(|_| configuration.has_counter());
        match configuration.mode() {
            7 => {
                octets.push(low);
                octets.extend(counter.iter().flat_map(|counter| counter.to_le_bytes()));
                octets.extend(self.key_version);
            }
            10 => {
                octets.extend([low, high]);
                octets.extend(self.key_version);
                octets.extend(counter.iter().flat_map(|counter| counter.to_le_bytes()));
            }
            _ => {}
        }
    }

    /// Key derivation: 0 the persistent key itself, 1 derivation A, 2 and 3 reserved.
    pub fn key_derivation(&self) -> u8 {
        (self.configuration.unwrap_or(0) >> 4 & 3) as u8
    }

    /// Octets of the authentication tag of mode 10.
    pub fn tag_size(&self) -> usize {
        4 + 4 * usize::from(self.configuration.unwrap_or(0) >> 8 & 3)
    }
}

/// What a CI-field announces; `None` when it is reserved, or no transport layer.
pub fn content(ci: u8) -> Option<Content> {
    lookup(ci).map(|(_, content)| content)
}

/// EN 13757-7, CI-field: header and content of each value of the transport layer.
fn lookup(ci: u8) -> Option<(Size, Content)> {
    use Content::{
        Alarm, ApplicationError, Compact, Format, Management, Manufacturer, Nothing, Records, Unsupported,
    };
    Some(match ci {
        0x00..=0x1F => (Size::None, Unsupported),
        0x50 | 0x52 | 0x54 | 0x5C | 0x66 | 0x83 | 0x89 | 0xB8..=0xBF => (Size::None, Management),
        0x51 => (Size::None, Records),
        0x53 | 0x55 | 0x68 | 0x6C | 0x6D | 0x82 | 0x84 | 0x85 | 0x87 | 0xC0 | 0xC2 | 0xC3 | 0xC5 => {
            (Size::Long, Management)
        }
        0x67 | 0x88 | 0xC1 | 0xC4 => (Size::Short, Management),
        0x5A => (Size::Short, Records),
        0x5B => (Size::Long, Records),
        0x5F | 0x60 | 0x64 | 0x7C | 0x7E | 0x9F => (Size::Long, Unsupported),
        0x61 | 0x65 | 0x7D | 0x7F | 0x9E => (Size::Short, Unsupported),
        0x69 => (Size::None, Format),
        0x6A => (Size::Short, Format),
        0x6B => (Size::Long, Format),
        0x6E => (Size::Short, ApplicationError),
        0x6F => (Size::Long, ApplicationError),
        0x70 => (Size::None, ApplicationError),
        0x71 => (Size::None, Alarm),
        0x72 => (Size::Long, Records),
        0x73 => (Size::Long, Compact),
        0x74 => (Size::Short, Alarm),
        0x75 => (Size::Long, Alarm),
        0x78 => (Size::None, Records),
        0x79 => (Size::None, Compact),
        0x7A => (Size::Short, Records),
        0x7B => (Size::Short, Compact),
        0x80 | 0x8B => (Size::Long, Nothing),
        0x8A => (Size::Short, Nothing),
        0xA0..=0xB7 => (Size::None, Manufacturer),
        _ => return None,
    })
}

const KEY_VERSION_FOLLOWS: u16 = 0x40;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Layer;

    #[test]
    fn headers_there_and_back() {
        let address = Address::from_link_octets([0x93, 0x15, 0x78, 0x56, 0x34, 0x12, 0x33, 0x03]);
        let extension = Extension {
            configuration: Some(0x50),
            counter: Some(9),
            key_version: Some(2),
        };
        for (ci, address) in [(0x7A, None), (0x72, Some(address)), (0x78, None)] {
            for (configuration, extension) in [
                (0x2520, Extension::default()),
                (0x0000, Extension::default()),
                (0x2720, extension),
                (
                    0x2AFF,
                    Extension {
                        configuration: Some(0x0150),
                        ..extension
                    },
                ),
            ] {
                let fields = Fields {
                    access_number: 42,
                    status: 4,
                    configuration: Configuration(configuration),
                    extension,
                };
                let header = Header {
                    ci,
                    address,
                    fields: (ci != 0x78).then_some(fields),
                };
                let mut octets = Vec::new();
                header.encode(&mut octets);
                let mut cursor = Cursor::new(&octets[1..], 11, Layer::Transport);
                assert_eq!(Header::parse(ci, &mut cursor), Ok(header));
                assert_eq!(cursor.left(), 0);
            }
        }
    }

    #[test]
    fn diehl_modes_are_not_taken_for_mode_five() {
        assert_eq!(Configuration(0x7545).mode(), 21);
        assert_eq!(Configuration(0x2590).blocks(), 9);
        assert_eq!(Configuration(0x2500).with_blocks(9), Configuration(0x2590));
    }
}
