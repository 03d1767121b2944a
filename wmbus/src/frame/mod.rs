//! A telegram, layer by layer: the only files that know the order of the layers.
//!
//! ```text
//! Frame::parse     link octets → headers in clear; what is sealed stays sealed
//! Frame::open      key → Message, which alone has records
//! Plan::encode     the same way backwards
//! ```

pub mod bare;
mod encode;
mod keying;
mod open;
mod unseal;
mod walk;
mod wired;

pub use encode::Plan;

use alloc::borrow::Cow;

use self::walk::Layers;
use crate::address::Address;
use crate::ci::Content;
use crate::cursor::Cursor;
use crate::dll::Flow;
use crate::error::{Error, Layer};
use crate::notes::{Note, Notes};
use crate::phy::{self, FrameFormat, Stripped};
use crate::security::cbc;
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
    notes: Notes,
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
        let frame: Self = phy::strip(octets)?.try_into()?;
        // The last octets of one stripped telegram in 65 536 look like the CRC of format B. Taking them off would leave a
        // piece of a block, and that is seen where blocks are announced.
        if frame.format == FrameFormat::B
            && frame.lacks_announced_octets()
            && let Ok(whole) = Self::parse_as(octets, FrameFormat::Stripped)
            && !whole.lacks_announced_octets()
        {
            return Ok(whole);
        }
        Ok(frame)
    }

    /// Whether the configuration field announces more encrypted octets than there are.
    fn lacks_announced_octets(&self) -> bool {
        let fields = self.layers.tpl.and_then(|tpl| tpl.fields);
        fields.is_some_and(|fields| {
            matches!(fields.configuration.mode(), 2 | 5 | 7)
                && unseal::announced_octets(&fields, self.body().len()) > self.body().len()
        })
    }

    /// Reads a buffer whose source is known: stripped by a radio module, or with the CRCs of a frame format.
    ///
    /// Fails with the errors of [`phy::strip_as`].
    pub fn parse_as(octets: &'a [u8], format: FrameFormat) -> Result<Self, Error> {
        phy::strip_as(octets, format)?.try_into()
    }

    /// The telegram behind this one, when the buffer held two: some gateways send a full and a compact frame at once.
    ///
    /// `None` when what follows is no telegram of its own.
    pub fn following(&self) -> Option<Frame<'a>> {
        // Header and CI-field: shorter ones are receivers' additions.
        let octets = Some(self.metadata).filter(|metadata| metadata.len() > 10)?;
        Frame::parse(octets)
            .ok()
            .filter(|frame| frame.fault().is_none() && frame.link.control.is_known())
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

    /// What is worth knowing about how the telegram came.
    pub fn notes(&self) -> Notes {
        self.notes
    }

    /// What the transport layer carries; `None` when it can't be seen.
    pub fn content(&self) -> Option<Content> {
        self.layers.content
    }

    /// The address of the metering point, as far as headers tell (a record `07 79` may name another one).
    ///
    /// From a meter: that of a long transport header, else the sender's. To a meter: that of a long transport header,
    /// else the receiver's of the ELL, else the sender's for want of a better one.
    pub fn meter(&self) -> Address {
        keying::metering_point(&self.link, self.layers.ell.as_ref(), self.layers.tpl.as_ref())
    }

    /// False only for telegrams that partners send to meters.
    pub fn is_from_meter(&self) -> bool {
        self.link.control.flow() != Flow::ToMeter
    }

    /// Security mode of the transport layer; `None` when it can't be seen.
    pub fn mode(&self) -> Option<u8> {
        self.layers.tpl.map(|tpl| tpl.mode())
    }

    /// Access number: the transport layer's, else the extended link layer's.
    pub fn access_number(&self) -> Option<u8> {
        let fields = self.layers.tpl.and_then(|tpl| tpl.fields);
        fields
            .map(|fields| fields.access_number)
            .or_else(|| self.layers.ell.map(|ell| ell.access_number))
    }

    /// What has to be opened before records can be read; `None` when all is in clear (or was opened upstream).
    pub fn seal(&self) -> Option<Seal> {
        if self.layers.ell_sealed {
            return Some(Seal::ExtendedLink);
        }
        let fields = self.layers.tpl?.fields?;
        let mode = fields.configuration.mode();
        let body = self.body();
        let in_clear = match mode {
            0 => true,
            2 | 5 | 7 => unseal::announced_octets(&fields, body.len()) == 0 || body.starts_with(&cbc::CHECK),
            _ => false,
        };
        (!in_clear).then_some(Seal::Transport { mode })
    }

    /// The same telegram with the layers above the link layer read from another offset on: behind a block that a maker
    /// put in front of the CI-field.
    pub fn resumed_at(&self, at: usize) -> Frame<'_> {
        let mut layers = Layers::default();
        layers.walk(&self.octets, at);
        Frame {
            octets: Cow::Borrowed(&self.octets),
            format: self.format,
            metadata: self.metadata,
            link: self.link,
            layers,
            notes: self.notes,
        }
    }

    /// The octets with what repeaters change masked: two copies of one transmission have the same.
    ///
    /// Hop count and repeated access in the CC of the ELL; the same two bits in the CF of modes 0 and 5.
    pub fn canonical(&self) -> Cow<'_, [u8]> {
        let mut masks = [(0_usize, 0xFF_u8); 2];
        let [ell_mask, tpl_mask] = &mut masks;
        if self.layers.ell.is_some() {
            // CI at offset 10, CC behind it.
            *ell_mask = (11, ell::REPEATERS_BITS_CLEARED);
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

    /// The same frame, owning its octets, for whoever keeps it. What followed the telegram is left behind.
    pub fn to_static(&self) -> Frame<'static> {
        Frame {
            octets: self.octets.to_vec().into(),
            format: self.format,
            metadata: &[],
            link: self.link,
            layers: self.layers.clone(),
            notes: self.notes,
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
        layers.walk(&octets, at);
        Frame {
            octets: octets.into(),
            format: self.format,
            metadata: &[],
            link: self.link,
            layers,
            notes: self.notes,
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
            length_corrected,
        } = stripped;
        let mut cursor = Cursor::new(&octets, 0, Layer::Link);
        let link = dll::Header::parse(&mut cursor)?;
        let at = cursor.at();
        let mut notes = Notes::NONE;
        for (note, applies) in [
            (Note::MetadataRemoved, !metadata.is_empty()),
            (Note::LengthCorrected, length_corrected),
            (Note::UnknownControl, !link.control.is_known()),
            (Note::LocalAddress, link.sender.manufacturer.is_local()),
        ] {
            if applies {
                notes.insert(note);
            }
        }
        let mut frame = Self {
            octets,
            format,
            metadata,
            link,
            layers: Layers::default(),
            notes,
        };
        frame.layers.walk(&frame.octets, at);
        Ok(frame)
    }
}

/// Sets L to the number of octets after it; 255 when there are more, as in messages put together from fragments.
fn set_length(octets: &mut [u8]) {
    let count = u8::try_from(octets.len().saturating_sub(1)).unwrap_or(u8::MAX);
    if let Some(length) = octets.first_mut() {
        *length = count;
    }
}
