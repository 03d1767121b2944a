//! TPL, transport layer: which application follows, of which meter, sealed how (EN 13757-7).
//!
//! ```text
//! CI                                                  no header
//! CI  ACC STS CF CF  [CFE …]                          short header
//! CI  I I I I M M V T  ACC STS CF CF  [CFE …]         long header
//! ```

mod configuration;

pub use configuration::{Access, Configuration, Extension};

use alloc::vec::Vec;

use crate::address::Address;
use crate::ci::{Announces, HeaderSize, announces};
use crate::cursor::Cursor;
use crate::error::{Error, ErrorKind, Layer};

pub use crate::ci::{Content, content};

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

impl Header {
    /// No header: application data behind the CI-field (78, 79, 69, A0…).
    pub const fn none(ci: u8) -> Self {
        Self {
            ci,
            address: None,
            fields: None,
        }
    }

    /// A short header (7A, 7B, 8A…).
    pub const fn short(ci: u8, fields: Fields) -> Self {
        Self {
            ci,
            address: None,
            fields: Some(fields),
        }
    }

    /// A long header (72, 73, 8B…).
    pub const fn long(ci: u8, address: Address, fields: Fields) -> Self {
        Self {
            ci,
            address: Some(address),
            fields: Some(fields),
        }
    }

    /// `cursor` stands after the CI-field. Fails with `UnknownCi` when it announces no transport layer.
    pub(crate) fn parse(ci: u8, cursor: &mut Cursor<'_>) -> Result<Self, Error> {
        let Announces::Transport(size, _) = announces(ci) else {
            return Err(cursor.error(ErrorKind::UnknownCi { ci }));
        };
        Ok(match size {
            HeaderSize::None => Self::none(ci),
            HeaderSize::Short => Self::short(ci, Fields::parse(cursor)?),
            HeaderSize::Long => {
                let address = Address::from_transport_octets(cursor.array()?);
                Self::long(ci, address, Fields::parse(cursor)?)
            }
        })
    }

    /// The CI-field and the header's octets. Fails with `Unencodable` when the CI-field announces another header.
    pub(crate) fn encode(&self, octets: &mut Vec<u8>) -> Result<(), Error> {
        let size = match (self.address, self.fields) {
            (None, None) => Some(HeaderSize::None),
            (None, Some(_)) => Some(HeaderSize::Short),
            (Some(_), Some(_)) => Some(HeaderSize::Long),
            (Some(_), None) => None,
        };
        if !matches!(announces(self.ci), Announces::Transport(announced, _) if Some(announced) == size) {
            return Err(Error {
                layer: Layer::Transport,
                at: 0,
                kind: ErrorKind::Unencodable {
                    reason: "the CI-field announces another header",
                },
            });
        }
        octets.push(self.ci);
        octets.extend(self.address.iter().flat_map(|address| address.transport_octets()));
        if let Some(fields) = &self.fields {
            fields.encode(octets);
        }
        Ok(())
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
    /// Fields of a message in clear.
    pub const fn plain(access_number: u8, status: u8) -> Self {
        Self::sealed(access_number, status, 0)
    }

    /// Fields of a message with a security mode that needs no extension; lengths are set when it is encoded.
    pub const fn sealed(access_number: u8, status: u8, mode: u8) -> Self {
        Self {
            access_number,
            status,
            configuration: Configuration((mode as u16 & 0x1F) << 8),
            extension: Extension {
                configuration: None,
                counter: None,
                key_version: None,
            },
        }
    }

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

    /// The same with the flags that announce what the extension holds.
    pub(crate) fn with_flags(mut self) -> Self {
        (self.configuration, self.extension) = self.extension.with_flags(self.configuration);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_there_and_back() {
        let address = Address::from_link_octets([0x93, 0x15, 0x78, 0x56, 0x34, 0x12, 0x33, 0x03]);
        let extension = Extension {
            configuration: Some(0x10),
            counter: Some(9),
            key_version: Some(2),
        };
        let with = |configuration, extension| {
            Fields {
                access_number: 42,
                status: 4,
                configuration: Configuration(configuration),
                extension,
            }
            .with_flags()
        };
        for fields in [
            with(0x2520, Extension::default()),
            with(0x0000, Extension::default()),
            with(0x0720, extension),
            with(
                0x0AFF,
                Extension {
                    configuration: Some(0x0110),
                    ..extension
                },
            ),
        ] {
            for header in [
                Header::short(0x7A, fields),
                Header::long(0x72, address, fields),
                Header::none(0x78),
            ] {
                let mut octets = Vec::new();
                header.encode(&mut octets).unwrap();
                let mut cursor = Cursor::new(&octets[1..], 11, Layer::Transport);
                assert_eq!(Header::parse(header.ci, &mut cursor), Ok(header));
                assert_eq!(cursor.left(), 0);
            }
        }
    }

    #[test]
    fn a_header_that_its_ci_does_not_announce_is_refused() {
        for header in [
            Header::none(0x7A),
            Header::short(0x72, Fields::plain(1, 0)),
            Header::none(0x8C),
        ] {
            let error = header.encode(&mut Vec::new()).unwrap_err();
            assert_eq!(error.kind.code(), "unencodable");
        }
    }
}
