//! The way backwards: from application data to a telegram on the air, for simulators, fixtures and tests.

use alloc::vec::Vec;

use super::keying::{self, Keying, metering_point};
use super::set_length;
use crate::address::Address;
use crate::error::{Error, ErrorKind, Layer};
use crate::phy::{self, FrameFormat};
use crate::security::{Key, cbc, ccm, cmac, ctr, initialisation_vector};
use crate::tpl::Fields;
use crate::{afl, dll, ell, tpl};

/// A telegram to be sent.
///
/// Lengths, block counts, CRCs and MACs are computed; what the headers hold there is overwritten.
#[derive(Clone, Debug)]
pub struct Plan {
    /// C-field and sender.
    pub link: dll::Header,
    /// Extended link layer; its session number says whether to encrypt.
    pub extended_link: Option<ell::Header>,
    /// Authentication layer; a MAC is computed when its authentication type asks for one.
    pub authentication: Option<afl::Header>,
    /// Transport layer; its configuration field says how to encrypt. Without it there are no application data.
    pub transport: Option<tpl::Header>,
    /// Application data, to be encrypted.
    pub payload: Vec<u8>,
    /// Application data that stay in clear behind the encrypted ones (modes 2, 5 and 7).
    pub clear: Vec<u8>,
    /// The meter's key, for whatever encrypts.
    pub key: Option<Key>,
    /// The key of the extended link layer, when it is another one.
    pub link_key: Option<Key>,
}

impl Plan {
    /// A telegram of two layers in clear; the other fields can be filled in.
    pub fn new(link: dll::Header, transport: tpl::Header, payload: Vec<u8>) -> Self {
        Self {
            link,
            extended_link: None,
            authentication: None,
            transport: Some(transport),
            payload,
            clear: Vec::new(),
            key: None,
            link_key: None,
        }
    }

    /// The stripped telegram: L first, no link CRCs.
    ///
    /// Fails with `KeyMissing`, `CounterMissing` or `UnsupportedKdf`, with `UnsupportedSecurityMode`, or with
    /// `Unencodable` when headers contradict each other or it gets too long.
    pub fn encode(&self) -> Result<Vec<u8>, Error> {
        let message = self.message()?;
        let afl = self
            .authentication
            .map(|afl| self.authenticated(afl, &message))
            .transpose()?;
        self.wrap(self.extended_link, afl.as_ref(), &message)
    }

    /// The telegram in a frame format, with its CRCs.
    ///
    /// Fails as [`Plan::encode`] does, or with `InvalidLength` when the format can't carry it.
    pub fn encode_as(&self, format: FrameFormat) -> Result<Vec<u8>, Error> {
        phy::frame(&self.encode()?, format)
    }

    /// The message in several stripped telegrams: `sizes` are the octets of the message in each, the last size serving
    /// for all that follow.
    ///
    /// Access and session numbers of the extended link layer go up by one from telegram to telegram. Fails as
    /// [`Plan::encode`] does, or with `Unencodable` without an authentication layer, or with more than 255 fragments.
    pub fn encode_fragments(&self, sizes: &[usize]) -> Result<Vec<Vec<u8>>, Error> {
        let unencodable = |reason| unencodable(Layer::Authentication, reason);
        let Some(mut afl) = self.authentication else {
            return Err(unencodable("fragments need an authentication layer"));
        };
        let message = self.message()?;
        afl.message_length = Some(0);
        afl.message_control = Some(afl.message_control.unwrap_or(0) | afl::HAS_LENGTH);
        let whole = self.authenticated(afl, &message)?;
        let mut telegrams = Vec::new();
        let mut sizes = sizes
            .iter()
            .copied()
            .chain(sizes.last().copied().into_iter().cycle());
        let mut rest = message.as_slice();
        while !rest.is_empty() {
            let size = sizes.next().filter(|size| *size > 0).unwrap_or(rest.len());
            let (part, behind) = rest.split_at_checked(size).unwrap_or((rest, &[]));
            let number = u8::try_from(telegrams.len() + 1);
            let fragment = number.map_err(|_| unencodable("more than 255 fragments"))?;
            let (first, last) = (fragment == 1, behind.is_empty());
            let header = afl::Header {
                fragment,
                more_fragments: !last,
                message_control: whole.message_control.filter(|_| first),
                key_information: whole.key_information.filter(|_| first),
                message_counter: whole.message_counter.filter(|_| first),
                message_length: whole.message_length.filter(|_| first),
                mac: whole.mac.filter(|_| last),
            };
            let ell = self.extended_link.map(|ell| ell.advanced(fragment - 1));
            telegrams.push(self.wrap(ell, Some(&header), part)?);
            rest = behind;
        }
        Ok(telegrams)
    }

    /// What the layers below the transport layer carry: its header and the application data, sealed.
    fn message(&self) -> Result<Vec<u8>, Error> {
        let Some(mut transport) = self.transport else {
            return if self.payload.is_empty() && self.clear.is_empty() {
                Ok(Vec::new())
            } else {
                Err(unencodable(
                    Layer::Transport,
                    "application data without a CI-field",
                ))
            };
        };
        transport.fields = transport.fields.map(Fields::with_flags);
        let mut message = Vec::with_capacity(32 + self.payload.len() + self.clear.len());
        let mode = transport.mode();
        let Some(fields) = transport.fields.as_mut().filter(|_| mode != 0) else {
            transport.encode(&mut message)?;
            message.extend_from_slice(&self.payload);
            message.extend_from_slice(&self.clear);
            return Ok(message);
        };
        if mode == 10 {
            fields.configuration = fields.configuration.with_octets(0xFF);
            let fields = *fields;
            transport.encode(&mut message)?;
            let sealed = self.seal_ccm(&fields, &message)?;
            message.extend(sealed);
        } else {
            let sealed = self.seal_cbc(fields)?;
            transport.encode(&mut message)?;
            message.extend(sealed);
            message.extend_from_slice(&self.clear);
        }
        Ok(message)
    }

    /// Modes 2, 5 and 7; sets the count of what is encrypted.
    fn seal_cbc(&self, fields: &mut Fields) -> Result<Vec<u8>, Error> {
        let mode = fields.configuration.mode();
        let too_long = |reason| unencodable(Layer::Transport, reason);
        match mode {
            2 => {
                let mut octets = cbc::padded(&self.payload, 8);
                let count = u8::try_from(octets.len());
                let count = count.map_err(|_| too_long("more than 255 octets to encrypt"))?;
                fields.configuration = fields.configuration.with_octets(count);
                let key = self.key.as_ref().and_then(Key::as_des);
                let key = key.ok_or_else(|| key_missing(Layer::Transport, Some(2)))?;
                cbc::encrypt_des(key, &mut octets);
                Ok(octets)
            }
            5 | 7 => {
                let mut octets = cbc::padded(&self.payload, 16);
                let blocks = u8::try_from(octets.len() / 16)
                    .ok()
                    .filter(|blocks| *blocks <= 15);
                let blocks = blocks.ok_or_else(|| too_long("more than 15 blocks of 16 octets to encrypt"))?;
                if blocks == 15 && self.clear.len() >= 16 {
                    // A receiver takes 15 for "all whole blocks there are".
                    return Err(too_long("a block in clear behind 15 encrypted ones"));
                }
                fields.configuration = fields.configuration.with_blocks(blocks);
                let keying = match mode {
                    7 => Some(self.keying(Some(fields))?),
                    _ => None,
                };
                let key = self.aes_key(Some(mode))?;
                match keying {
                    Some(keying) => cbc::aes_cbc_seal(&keying.encryption(key), &[0; 16], &mut octets),
                    None => {
                        let iv = initialisation_vector(self.meter(), fields.access_number);
                        cbc::aes_cbc_seal(key, &iv, &mut octets);
                    }
                }
                Ok(octets)
            }
            mode => Err(Error {
                layer: Layer::Transport,
                at: 0,
                kind: ErrorKind::UnsupportedSecurityMode { mode },
            }),
        }
    }

    /// Mode 10; the tag covers the header, which must be complete.
    fn seal_ccm(&self, fields: &Fields, header: &[u8]) -> Result<Vec<u8>, Error> {
        if !self.clear.is_empty() {
            return Err(unencodable(Layer::Transport, "mode 10 leaves nothing in clear"));
        }
        let keying = self.keying(Some(fields))?;
        let counter = keying::counter(Some(fields), self.authentication.as_ref());
        let counter = counter.ok_or_else(|| transport_error(ErrorKind::CounterMissing))?;
        let key = keying.encryption(self.aes_key(Some(10))?);
        let counter_octets = if fields.extension.counter.is_some() { 4 } else { 0 };
        let associated = header.get(..header.len() - counter_octets).unwrap_or(header);
        let nonce = ccm::nonce(self.meter(), counter);
        ccm::seal(
            &key,
            &nonce,
            associated,
            &self.payload,
            fields.extension.tag_size(),
        )
        .ok_or_else(|| unencodable(Layer::Transport, "too long for AES-CCM"))
    }

    /// The authentication header with message length and MAC of this message.
    fn authenticated(&self, mut afl: afl::Header, message: &[u8]) -> Result<afl::Header, Error> {
        let unencodable = |reason| unencodable(Layer::Authentication, reason);
        if afl.is_fragment() || afl.more_fragments {
            return Err(unencodable("fragments are numbered when the message is cut"));
        }
        if afl.message_length.is_some() {
            let length = u16::try_from(message.len());
            afl.message_length = Some(length.map_err(|_| unencodable("the message is too long"))?);
        }
        afl.mac = match afl.authentication_type() {
            // None, or one whose method is not named.
            0 => afl.mac,
            kind => {
                let size = afl::cmac_size(kind)
                    .ok_or_else(|| unencodable("the authentication type is no AES-CMAC"))?;
                let fields = self.transport.and_then(|transport| transport.fields);
                let keying = self.keying(fields.as_ref())?;
                let mode = self.transport.map(|transport| transport.mode());
                let key = keying.mac(self.aes_key(mode)?);
                let mac = cmac::cmac(&key, &[&afl.mac_prefix(), message]);
                afl::Mac::new(mac.get(..size).unwrap_or(&mac))
            }
        };
        Ok(afl)
    }

    /// Link and extended link layer around what stands above them.
    fn wrap(
        &self,
        ell: Option<ell::Header>,
        afl: Option<&afl::Header>,
        message: &[u8],
    ) -> Result<Vec<u8>, Error> {
        let mut octets = Vec::with_capacity(64 + message.len());
        self.link.encode(&mut octets);
        if let Some(ell) = &ell {
            ell.encode(&mut octets);
        }
        let session = ell.and_then(|ell| ell.session);
        let sealed_at = octets.len();
        if session.is_some() {
            octets.extend([0; 2]);
        }
        if let Some(afl) = afl {
            afl.encode(&mut octets);
        }
        octets.extend_from_slice(message);
        if octets.len() > 256 {
            return Err(unencodable(
                Layer::Link,
                "a telegram has at most 256 octets: fragment the message",
            ));
        }
        set_length(&mut octets);
        if let (Some(session), Some(sealed)) = (session, octets.get_mut(sealed_at..)) {
            ell::set_payload_crc(sealed);
            match session.encryption() {
                0 => {}
                1 => {
                    let block = ell.and_then(|ell| ell.counter_block(self.link.sender));
                    let key = self.link_key.as_ref().or(self.key.as_ref()).and_then(Key::as_aes);
                    let key = key.ok_or_else(|| key_missing(Layer::ExtendedLink, None))?;
                    ctr::apply(key, &block.unwrap_or_default(), sealed);
                }
                _ => {
                    let reason = "the encryption of the session number is reserved";
                    return Err(unencodable(Layer::ExtendedLink, reason));
                }
            }
        }
        Ok(octets)
    }

    fn meter(&self) -> Address {
        metering_point(&self.link, self.extended_link.as_ref(), self.transport.as_ref())
    }

    fn keying(&self, fields: Option<&Fields>) -> Result<Keying, Error> {
        Keying::new(
            self.link.control,
            self.meter(),
            fields,
            self.authentication.as_ref(),
        )
        .map_err(transport_error)
    }

    fn aes_key(&self, mode: Option<u8>) -> Result<&[u8; 16], Error> {
        let key = self.key.as_ref().and_then(Key::as_aes);
        key.ok_or_else(|| key_missing(Layer::Transport, mode))
    }
}

fn transport_error(kind: ErrorKind) -> Error {
    Error {
        layer: Layer::Transport,
        at: 0,
        kind,
    }
}

fn key_missing(layer: Layer, mode: Option<u8>) -> Error {
    Error {
        layer,
        at: 0,
        kind: ErrorKind::KeyMissing { mode },
    }
}

fn unencodable(layer: Layer, reason: &'static str) -> Error {
    Error {
        layer,
        at: 0,
        kind: ErrorKind::Unencodable { reason },
    }
}
