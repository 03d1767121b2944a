//! A telegram, layer by layer: the only files that know the order of the layers.
//!
//! ```text
//! Frame::parse     link octets → headers in clear; what is sealed stays sealed
//! Frame::open      key → Message, which alone has records
//! Plan::encode     the same way backwards
//! ```

mod encode;
mod open;

pub use encode::Plan;

use alloc::borrow::Cow;
use alloc::vec::Vec;

use crate::address::Address;
use crate::cursor::Cursor;
use crate::error::{Error, ErrorKind, Layer};
use crate::phy::{self, FrameFormat, Stripped};
use crate::tpl::Content;
use crate::{afl, dll, ell, tpl};

/// A telegram without link CRCs, with every header that can be read without a key.
///
/// Only link faults make parsing fail. A fault further up is kept (see [`Frame::fault`]), so that address, access number
/// and security mode of a telegram that can't be read to its end are still known.
#[derive(Clone, Debug)]
pub struct Frame<'a> {
    octets: Cow<'a, [u8]>,
    format: FrameFormat,
    metadata: &'a [u8],
    link: dll::Header,
    layers: Layers,
}

/// The headers above the link layer, and where they stand.
#[derive(Clone, Debug, Default)]
struct Layers {
    ell: Option<ell::Header>,
    /// From `body_at` on (the payload CRC) all is encrypted by the ELL.
    ell_sealed: bool,
    /// Encrypted according to the session number, but the payload CRC is right as it is.
    ell_opened_upstream: bool,
    afl: Option<afl::Header>,
    /// Offset of the CI-field of the AFL.
    afl_at: usize,
    tpl: Option<tpl::Header>,
    /// Offset of the CI-field of the TPL: where the message begins that a MAC covers.
    tpl_at: usize,
    /// Offset of what follows the last header read.
    body_at: usize,
    fault: Option<Error>,
}

/// What a telegram is sealed with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Seal {
    /// AES-CTR of the extended link layer.
    ExtendedLink,
    /// A security mode of the transport layer.
    Transport {
        /// Its number.
        mode: u8,
    },
}

impl<'a> Frame<'a> {
    /// Reads a buffer of unknown origin: frame format A or B with CRCs, or already stripped.
    ///
    /// Fails with the errors of [`phy::strip`].
    pub fn parse(octets: &'a [u8]) -> Result<Self, Error> {
        phy::strip(octets)?.try_into()
    }

    /// Reads a buffer whose source is known.
    ///
    /// Fails with the errors of [`phy::strip_as`].
    pub fn parse_as(octets: &'a [u8], format: FrameFormat) -> Result<Self, Error> {
        phy::strip_as(octets, format)?.try_into()
    }

    /// Reads the user data of a wired long frame (see [`phy::wired_user_data`]) as if it had come by radio: the address
    /// is that of the long transport header, which such frames have.
    ///
    /// For pasted telegrams. Fails with `Truncated` when there is no CI-field.
    pub fn from_wired(user_data: &[u8]) -> Result<Frame<'static>, Error> {
        let mut cursor = Cursor::new(user_data, 4, Layer::Link);
        let control = dll::Control(cursor.u8()?);
        // One octet of bus address, which names a place on the wire and no meter.
        cursor.u8()?;
        let upper = cursor.rest();
        let mut octets = Vec::with_capacity(user_data.len() + 8);
        let meter = upper
            .get(1..9)
            .and_then(|address| address.try_into().ok())
            .unwrap_or_default();
        let sender = Address::from_transport_octets(meter);
        dll::Header { control, sender }.encode(&mut octets);
        octets.extend_from_slice(upper);
        set_length(&mut octets);
        Stripped {
            octets: octets.into(),
            format: FrameFormat::Stripped,
            metadata: &[],
        }
        .try_into()
    }

    /// The stripped octets: L first.
    pub fn octets(&self) -> &[u8] {
        &self.octets
    }

    /// How the octets came.
    pub fn format(&self) -> FrameFormat {
        self.format
    }

    /// What the receiver put behind the telegram.
    pub fn metadata(&self) -> &'a [u8] {
        self.metadata
    }

    /// C-field and sender.
    pub fn link(&self) -> dll::Header {
        self.link
    }

    /// The extended link layer, if there is one.
    pub fn extended_link(&self) -> Option<&ell::Header> {
        self.layers.ell.as_ref()
    }

    /// The authentication and fragmentation layer, if there is one and it can be seen.
    pub fn authentication(&self) -> Option<&afl::Header> {
        self.layers.afl.as_ref()
    }

    /// The transport layer, if it can be seen.
    pub fn transport(&self) -> Option<&tpl::Header> {
        self.layers.tpl.as_ref()
    }

    /// Offset of the first octet after the headers that can be seen.
    pub fn body_at(&self) -> usize {
        self.layers.body_at
    }

    /// The octets after the headers that can be seen.
    pub fn body(&self) -> &[u8] {
        self.octets.get(self.layers.body_at..).unwrap_or_default()
    }

    /// What can't be read above the link layer, if anything.
    pub fn fault(&self) -> Option<&Error> {
        self.layers.fault.as_ref()
    }

    /// The address of the metering point, as far as headers tell (a record `07 79` may name another one).
    ///
    /// From a meter: that of a long transport header, else the sender's. To a meter: that of a long transport header,
    /// else the receiver's of the ELL, else the sender's for want of a better one.
    pub fn meter(&self) -> Address {
        let receiver = self.layers.ell.and_then(|ell| ell.receiver);
        self.layers
            .tpl
            .and_then(|tpl| tpl.address)
            .or(receiver.filter(|_| !self.is_from_meter()))
            .unwrap_or(self.link.sender)
    }

    /// False only for telegrams that partners send to meters.
    pub fn is_from_meter(&self) -> bool {
        self.link.control.flow() != dll::Flow::ToMeter
    }

    /// What has to be opened before records can be read; `None` when all is in clear (or was opened upstream).
    pub fn seal(&self) -> Option<Seal> {
        if self.layers.ell_sealed {
            return Some(Seal::ExtendedLink);
        }
        let fields = self.layers.tpl?.fields?;
        let mode = fields.configuration.mode();
        let in_clear = match mode {
            0 => true,
            5 | 7 => fields.configuration.blocks() == 0 || self.body().starts_with(&CHECK),
            2 | 3 => fields.configuration.octets() == 0 || self.body().starts_with(&CHECK),
            _ => false,
        };
        (!in_clear).then_some(Seal::Transport { mode })
    }

    /// The octets with what repeaters change masked: two copies of one transmission have the same.
    ///
    /// Hop count and repeated access in the CC of the ELL; the same two bits in the CF of modes 0 and 5.
    pub fn canonical(&self) -> Cow<'_, [u8]> {
        let mut masks = [(0_usize, 0xFF_u8); 2];
        let [ell_mask, tpl_mask] = &mut masks;
        if self.layers.ell.is_some() {
            // CI at offset 10, CC behind it.
            *ell_mask = (11, 0xED);
        }
        if let Some(tpl) = self
            .layers
            .tpl
            .filter(|tpl| tpl.fields.is_some() && matches!(tpl.mode(), 0 | 5))
        {
            let address = if tpl.address.is_some() { 8 } else { 0 };
            *tpl_mask = (self.layers.tpl_at + 1 + address + 2, 0xFC);
        }
        let changes =
            |(at, mask): &(usize, u8)| self.octets.get(*at).is_some_and(|octet| octet & mask != *octet);
        if !masks.iter().any(changes) {
            return Cow::Borrowed(&self.octets);
        }
        let mut octets = self.octets.to_vec();
        for (at, mask) in masks {
            if let Some(octet) = octets.get_mut(at) {
                *octet &= mask;
            }
        }
        Cow::Owned(octets)
    }

    /// Offset of the message that the authentication layer carries: the CI-field of the transport layer, or what
    /// continues an earlier fragment.
    pub(crate) fn message_at(&self) -> usize {
        if self.layers.tpl.is_some() {
            self.layers.tpl_at
        } else {
            self.layers.body_at
        }
    }

    /// The same frame, owning its octets.
    pub(crate) fn to_static(&self) -> Frame<'static> {
        Frame {
            octets: self.octets.to_vec().into(),
            format: self.format,
            metadata: &[],
            link: self.link,
            layers: self.layers.clone(),
        }
    }

    /// A message put together from fragments, behind the link and extended link headers of the first one.
    pub(crate) fn assemble(&self, afl: &afl::Header, message: &[u8]) -> Frame<'static> {
        let mut octets = self.octets.get(..self.layers.afl_at).unwrap_or_default().to_vec();
        let mut layers = Layers {
            ell: self.layers.ell,
            afl: Some(*afl),
            afl_at: octets.len(),
            ..Layers::default()
        };
        afl.encode(&mut octets);
        let at = octets.len();
        octets.extend_from_slice(message);
        walk(&octets, at, &mut layers);
        Frame {
            octets: octets.into(),
            format: self.format,
            metadata: &[],
            link: self.link,
            layers,
        }
    }
}

impl<'a> TryFrom<Stripped<'a>> for Frame<'a> {
    type Error = Error;

    fn try_from(stripped: Stripped<'a>) -> Result<Self, Error> {
        let Stripped {
            octets,
            format,
            metadata,
        } = stripped;
        let mut cursor = Cursor::new(&octets, 0, Layer::Link);
        let link = dll::Header::parse(&mut cursor)?;
        let at = cursor.at();
        let mut layers = Layers::default();
        walk(&octets, at, &mut layers);
        Ok(Self {
            octets,
            format,
            metadata,
            link,
            layers,
        })
    }
}

/// Reads CI after CI until the transport layer, a seal, a fragment, the end or a fault.
fn walk(octets: &[u8], at: usize, layers: &mut Layers) {
    let mut cursor = Cursor::new(octets.get(at..).unwrap_or_default(), at, Layer::Link);
    layers.body_at = at;
    layers.fault = step(&mut cursor, layers).err();
    if layers.fault.is_none() {
        layers.body_at = cursor.at();
    }
}

fn step(cursor: &mut Cursor<'_>, layers: &mut Layers) -> Result<(), Error> {
    while let Some(ci) = cursor.peek() {
        let at = cursor.at();
        layers.body_at = at;
        match ci {
            0x8C..=0x8F => {
                cursor.enter(Layer::ExtendedLink);
                if layers.ell.is_some() || layers.afl.is_some() {
                    return Err(cursor.error(ErrorKind::LayerOrder { ci }));
                }
                cursor.u8()?;
                let header = ell::Header::parse(ci, cursor)?;
                layers.ell = Some(header);
                let Some(session) = header.session else { continue };
                match (ell::check_payload(cursor.rest()), session.encryption()) {
                    (Ok(_), encryption) => {
                        layers.ell_opened_upstream = encryption != 0;
                        cursor.take(2)?;
                    }
                    (Err(kind), 0) => return Err(cursor.error(kind)),
                    (Err(_), 1) => {
                        layers.ell_sealed = true;
                        return Ok(());
                    }
                    (Err(_), value) => return Err(cursor.error(ErrorKind::EllReservedSecurity { value })),
                }
            }
            0x81 | 0x86 => {
                cursor.enter(if ci == 0x81 {
                    Layer::Network
                } else {
                    Layer::ExtendedLink
                });
                return Err(cursor.error(ErrorKind::UnsupportedLayer { ci }));
            }
            afl::CI => {
                cursor.enter(Layer::Authentication);
                if layers.afl.is_some() {
                    return Err(cursor.error(ErrorKind::LayerOrder { ci }));
                }
                cursor.u8()?;
                layers.afl_at = at;
                let header = afl::Header::parse(cursor)?;
                layers.afl = Some(header);
                // Only the first fragment begins with a CI-field.
                if header.fragment > 1 {
                    return Ok(());
                }
            }
            _ => {
                cursor.enter(Layer::Transport);
                if tpl::content(ci).is_none() {
                    return Err(cursor.error(ErrorKind::UnknownCi { ci }));
                }
                cursor.u8()?;
                layers.tpl_at = at;
                layers.tpl = Some(tpl::Header::parse(ci, cursor)?);
                return Ok(());
            }
        }
    }
    Ok(())
}

/// Sets L to the number of octets after it; 255 when there are more, as in messages put together from fragments.
fn set_length(octets: &mut [u8]) {
    let count = u8::try_from(octets.len().saturating_sub(1)).unwrap_or(u8::MAX);
    if let Some(length) = octets.first_mut() {
        *length = count;
    }
}

/// What every plaintext of modes 2, 3, 5 and 7 begins with.
const CHECK: [u8; 2] = [0x2F, 0x2F];

/// The content a telegram without a transport layer has.
const NO_CONTENT: Content = Content::Nothing;
