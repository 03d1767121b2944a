//! A telegram out of its seal and back, octet for octet: for whoever keeps telegrams and packs them.
//!
//! Sealed octets are noise. In clear a meter's telegrams differ in a few octets only, and can be packed well.
//!
//! ```text
//! take_off    link CRCs removed, what was encrypted in clear in its place, as many octets as before
//! put_on      the same way backwards
//! ```
//!
//! What can be computed from the rest is computed again: link CRCs, the payload CRC of the extended link layer, the tag
//! of mode 10. A MAC of the authentication layer stays as it was sent.
//!
//! Sources: EN 13757-4 (frame formats, extended link layer), EN 13757-7 and OMS Vol. 2 (security modes).

use alloc::vec::Vec;
use core::ops::Range;
use core::slice;

use super::keying::{self, Keying};
use super::unseal::{ALL_OCTETS, announced_octets};
use super::{Frame, Seal};
use crate::address::Address;
use crate::ell;
use crate::phy::{self, FrameFormat};
use crate::security::{Key, cbc, ccm, ctr, initialisation_vector};
use crate::tpl::Fields;

/// A telegram out of its seal, and what is needed to make it again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bare {
    /// How it was framed and sealed, for [`put_on`]: a number that means the same in every release.
    ///
    /// ```text
    /// 0 0 0  t t  e  f f      f: frame format A, B, stripped; e: extended link layer encrypted;
    ///                         t: transport layer as it stands, sealed with the meter's address, with the sender's
    /// ```
    pub way: u8,
    /// The link octets without CRCs, L first, with what was encrypted in clear in its place.
    ///
    /// As many as were sent without CRCs. The payload CRC of the extended link layer is that of the octets here, the tag
    /// of mode 10 is zeros.
    pub octets: Vec<u8>,
    /// Which of the keys opened it; `None` when nothing was sealed.
    pub key: Option<usize>,
}

/// Takes a telegram out of its seal: nothing sealed, AES-CTR of the extended link layer, security modes 2, 5, 7 and 10,
/// and AES-CTR around these when one key opens both.
///
/// The telegram may be framed in more than one way ([`Frame::parse`], or stripped). `is_it` gets its canonical octets
/// ([`Frame::canonical`]) for each, and says which is meant.
///
/// `None` when it is none of these, for a fragment or a fault in the layers, when no key opens it, or when [`put_on`]
/// would not give back exactly `octets` (something stands behind the telegram, L was corrected): then keep it as it is.
pub fn take_off(octets: &[u8], keys: &[Key], mut is_it: impl FnMut(&[u8]) -> bool) -> Option<Bare> {
    let guessed = Frame::parse(octets).ok();
    let known_stripped = guessed
        .as_ref()
        .is_some_and(|frame| frame.format == FrameFormat::Stripped);
    let bare = guessed.filter(|frame| is_it(&frame.canonical()));
    let bare = bare.and_then(|frame| undress(octets, &frame, keys));
    if bare.is_some() || known_stripped {
        return bare;
    }
    let stripped = Frame::parse_as(octets, FrameFormat::Stripped).ok()?;
    if is_it(&stripped.canonical()) {
        undress(octets, &stripped, keys)
    } else {
        None
    }
}

/// Makes a telegram again as it was received, from [`Bare::way`], [`Bare::octets`] and the key of [`Bare::key`].
///
/// `None` when the octets can't have come from [`take_off`], or when the key is missing or of the wrong size. Another key
/// of the right size, or octets changed since, give another telegram.
pub fn put_on(way: u8, octets: &[u8], key: Option<&Key>) -> Option<Vec<u8>> {
    let way = Way::from_number(way)?;
    let frame = Frame::parse_as(octets, FrameFormat::Stripped).ok()?;
    if !frame.metadata.is_empty() || !is_readable(&frame) {
        return None;
    }
    let mut sealed = octets.to_vec();
    match way.transport {
        None => {
            // What a seal announces has to be sealed.
            if frame.seal().is_some() {
                return None;
            }
        }
        Some(whose) => {
            turn(&frame, &mut sealed, key?, whose.address(&frame), Turn::Seal)?;
            renew_payload_crc(&frame, &mut sealed);
        }
    }
    if way.link {
        let ell = frame.layers.ell?;
        let block = ell.counter_block(frame.link.sender)?;
        // 1 is AES-CTR.
        if ell.session?.encryption() != 1 {
            return None;
        }
        ctr::apply(key?.as_aes()?, &block, sealed.get_mut(payload_crc_at(&ell)..)?);
    }
    let framed = phy::frame(&sealed, way.format).ok()?;
    // What looks like a wired frame was never taken for a telegram.
    phy::wired_user_data(&framed).is_none().then_some(framed)
}

/// The canonical octets ([`Frame::canonical`]) of a telegram as it was received, framed as `way` says; `None` when it
/// isn't, or when something stands behind it.
pub fn canonical(way: u8, octets: &[u8]) -> Option<Vec<u8>> {
    let format = Way::from_number(way)?.format;
    let frame = Frame::parse_as(octets, format).ok()?;
    frame.metadata.is_empty().then(|| frame.canonical().into_owned())
}

/// How a telegram was framed and sealed.
#[derive(Clone, Copy)]
struct Way {
    format: FrameFormat,
    /// The extended link layer was encrypted.
    link: bool,
    /// Whose address is behind the seal of the transport layer; `None` when there was none.
    transport: Option<Whose>,
}

/// Whose address enters initialisation vector, nonce or derived key.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Whose {
    /// That of the metering point, as the standard has it.
    Meter,
    /// That of the sender where it is another one: some adapters seal with their own.
    Sender,
}

impl Way {
    /// These numbers stand on disks: what they mean must not change.
    fn number(self) -> u8 {
        let format = match self.format {
            FrameFormat::A => 0,
            FrameFormat::B => 1,
            FrameFormat::Stripped => 2,
        };
        let transport = match self.transport {
            None => 0,
            Some(Whose::Meter) => 1,
            Some(Whose::Sender) => 2,
        };
        format | u8::from(self.link) << 2 | transport << 3
    }

    fn from_number(number: u8) -> Option<Self> {
        let format = match number & 3 {
            0 => FrameFormat::A,
            1 => FrameFormat::B,
            2 => FrameFormat::Stripped,
            _ => return None,
        };
        let transport = match number >> 3 {
            0 => None,
            1 => Some(Whose::Meter),
            2 => Some(Whose::Sender),
            _ => return None,
        };
        Some(Self {
            format,
            link: number & 4 != 0,
            transport,
        })
    }
}

impl Whose {
    fn address(self, frame: &Frame<'_>) -> Address {
        match self {
            Self::Meter => frame.meter(),
            Self::Sender => frame.link.sender,
        }
    }
}

/// What is to be done with the application data.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Turn {
    Open,
    Seal,
}

/// Nothing is given out that could not be made again.
fn undress(received: &[u8], frame: &Frame<'_>, keys: &[Key]) -> Option<Bare> {
    let proven = |bare: &Bare| {
        let key = bare.key.and_then(|index| keys.get(index));
        put_on(bare.way, &bare.octets, key).as_deref() == Some(received)
    };
    if frame.seal().is_none() {
        let bare = Bare {
            way: Way {
                format: frame.format,
                link: false,
                transport: None,
            }
            .number(),
            octets: frame.octets.to_vec(),
            key: None,
        };
        return Some(bare).filter(proven);
    }
    keys.iter()
        .enumerate()
        .find_map(|(index, key)| opened_by(frame, key, index).filter(proven))
}

/// What one key makes of a sealed telegram.
fn opened_by(frame: &Frame<'_>, key: &Key, index: usize) -> Option<Bare> {
    let link = frame.layers.ell_sealed;
    let (inner, _) = frame.open_link(slice::from_ref(key)).ok()?;
    if !is_readable(&inner) {
        return None;
    }
    let bare = |transport, octets| Bare {
        way: Way {
            format: frame.format,
            link,
            transport,
        }
        .number(),
        octets,
        key: Some(index),
    };
    match inner.seal() {
        None => Some(bare(None, inner.octets.to_vec())),
        // Not behind itself.
        Some(Seal::ExtendedLink) => None,
        Some(Seal::Transport { .. }) => {
            let sender = Some(Whose::Sender).filter(|_| inner.meter() != inner.link.sender);
            [Some(Whose::Meter), sender]
                .into_iter()
                .flatten()
                .find_map(|whose| {
                    let mut octets = inner.octets.to_vec();
                    turn(&inner, &mut octets, key, whose.address(&inner), Turn::Open)?;
                    renew_payload_crc(&inner, &mut octets);
                    Some(bare(Some(whose), octets))
                })
        }
    }
}

/// Whether all layers are there and understood, and the message is whole.
fn is_readable(frame: &Frame<'_>) -> bool {
    let layers = &frame.layers;
    layers.fault.is_none() && !layers.afl.is_some_and(|afl| afl.is_fragment())
}

/// Opens or seals in place what the transport layer seals; `None` when the key is not of its kind, or the octets in clear
/// don't look as they must. The headers of `frame` are those of `octets`.
fn turn(frame: &Frame<'_>, octets: &mut [u8], key: &Key, meter: Address, turn: Turn) -> Option<()> {
    let fields = frame.layers.tpl?.fields?;
    let afl = frame.layers.afl.as_ref();
    let keying = || Keying::new(frame.link.control, meter, Some(&fields), afl).ok();
    let mode = fields.configuration.mode();
    if mode == 10 {
        let key = keying()?.encryption(key.as_aes()?);
        return turn_ccm(frame, octets, &fields, &key, meter, turn);
    }
    let range = encrypted_blocks(frame, &fields)?;
    let blocks = octets.get_mut(range)?;
    // They prove that it is the right key: with another one there would be nothing to pack.
    if turn == Turn::Seal && !blocks.starts_with(&cbc::CHECK) {
        return None;
    }
    match (mode, turn) {
        (5, Turn::Open) => {
            let iv = initialisation_vector(meter, fields.access_number);
            cbc::aes_cbc_open(key.as_aes()?, &iv, blocks);
        }
        (5, Turn::Seal) => {
            let iv = initialisation_vector(meter, fields.access_number);
            cbc::aes_cbc_seal(key.as_aes()?, &iv, blocks);
        }
        (7, Turn::Open) => cbc::aes_cbc_open(&keying()?.encryption(key.as_aes()?), &[0; 16], blocks),
        (7, Turn::Seal) => cbc::aes_cbc_seal(&keying()?.encryption(key.as_aes()?), &[0; 16], blocks),
        (2, Turn::Open) => cbc::decrypt_des(key.as_des()?, blocks),
        (2, Turn::Seal) => cbc::encrypt_des(key.as_des()?, blocks),
        _ => return None,
    }
    (turn == Turn::Seal || blocks.starts_with(&cbc::CHECK)).then_some(())
}

/// Where the whole blocks stand that modes 2, 5 and 7 encrypt; `None` for other modes, and when there are none.
fn encrypted_blocks(frame: &Frame<'_>, fields: &Fields) -> Option<Range<usize>> {
    let block = match fields.configuration.mode() {
        2 => 8,
        5 | 7 => 16,
        _ => return None,
    };
    let have = frame.body().len();
    let count = announced_octets(fields, have).min(have);
    let count = count - count % block;
    let at = frame.layers.body_at;
    (count > 0).then_some(at..at + count)
}

/// Mode 10, where the tag is a function of all the rest.
fn turn_ccm(
    frame: &Frame<'_>,
    octets: &mut [u8],
    fields: &Fields,
    key: &[u8; 16],
    meter: Address,
    turn: Turn,
) -> Option<()> {
    let counter = keying::counter(Some(fields), frame.layers.afl.as_ref())?;
    let nonce = ccm::nonce(meter, counter);
    let tag_size = fields.extension.tag_size();
    let (header, body) = octets.split_at_mut_checked(frame.layers.body_at)?;
    let text_size = body.len().checked_sub(tag_size)?;
    let announced = fields.configuration.octets();
    if announced != ALL_OCTETS && usize::from(announced) != text_size {
        return None;
    }
    let counter_octets = if fields.extension.counter.is_some() { 4 } else { 0 };
    let end = header.len().checked_sub(counter_octets)?;
    let associated = header.get(frame.layers.tpl_at..end)?;
    match turn {
        Turn::Open => {
            let plain = ccm::open(key, &nonce, associated, body, tag_size)?;
            let (text, tag) = body.split_at_mut_checked(text_size)?;
            tag.fill(0);
            (plain.len() == text.len()).then(|| text.copy_from_slice(&plain))
        }
        Turn::Seal => {
            let (text, tag) = body.split_at_checked(text_size)?;
            if tag.iter().any(|octet| *octet != 0) {
                return None;
            }
            let sealed = ccm::seal(key, &nonce, associated, text, tag_size)?;
            (sealed.len() == body.len()).then(|| body.copy_from_slice(&sealed))
        }
    }
}

/// Makes the payload CRC of the extended link layer, if there is one, that of the octets behind it.
fn renew_payload_crc(frame: &Frame<'_>, octets: &mut [u8]) {
    let ell = frame.layers.ell.filter(|ell| ell.session.is_some());
    if let Some(payload) = ell.and_then(|ell| octets.get_mut(payload_crc_at(&ell)..)) {
        ell::set_payload_crc(payload);
    }
}

/// Offset of what an extended link layer with a session encrypts. Its CI-field stands behind the sender's address.
fn payload_crc_at(ell: &ell::Header) -> usize {
    10 + ell.size()
}
