//! The way backwards: from application data to a telegram on the air, for simulators, fixtures and tests.

use alloc::vec::Vec;

use super::open::{ccm_nonce, initialisation_vector};
use super::{CHECK, set_length};
use crate::address::Address;
use crate::error::{Error, ErrorKind, Layer};
use crate::phy::{self, FrameFormat};
use crate::security::cipher::{aes_cbc_encrypt, aes_ccm_seal, aes_cmac, aes_ctr, des_cbc_encrypt};
use crate::security::{DerivedKey, Key, derive};
use crate::tpl::Fields;
use crate::{afl, dll, ell, tpl};

/// A telegram to be sent by a meter.
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
    /// Transport layer; its configuration field says how to encrypt.
    pub transport: tpl::Header,
    /// Application data, to be encrypted.
    pub payload: Vec<u8>,
    /// Application data that stay in clear behind the encrypted ones (modes 2, 5 and 7).
    pub clear: Vec<u8>,
    /// The meter's key, for whatever encrypts.
    pub key: Option<Key>,
}

impl Plan {
    /// The stripped telegram: L first, no link CRCs.
    ///
    /// Fails with `KeyMissing`, with `UnsupportedSecurityMode`, or with `Unencodable` when it gets too long.
    pub fn encode(&self) -> Result<Vec<u8>, Error> {
        let mut transport = self.transport;
        let body = self.seal(&mut transport)?;
        let mut message = Vec::with_capacity(16 + body.len());
        transport.encode(&mut message);
        if let Some(body) = body.ccm {
            // The tag covers the header, which must be complete first.
            message.extend(self.seal_ccm(&transport, &message, &body)?);
        }
        message.extend(body.octets);

        let mut octets = Vec::with_capacity(32 + message.len());
        self.link.encode(&mut octets);
        let mut sealed_at = None;
        if let Some(ell) = &self.extended_link {
            ell.encode(&mut octets);
            sealed_at = ell.session.map(|session| (octets.len(), session.encryption()));
        }
        let mut upper = Vec::with_capacity(32 + message.len());
        if let Some(afl) = &self.authentication {
            self.authenticate(*afl, &transport, &message)?.encode(&mut upper);
        }
        upper.extend(message);
        if let Some((at, encryption)) = sealed_at {
            octets.extend(ell::payload_crc(&upper));
            octets.extend(upper);
            if encryption != 0 {
                let block = self
                    .extended_link
                    .and_then(|ell| ell.counter_block(self.link.sender));
                let key = self.aes_key(Layer::ExtendedLink, None)?;
                aes_ctr(
                    key,
                    &block.unwrap_or_default(),
                    octets.get_mut(at..).unwrap_or_default(),
                );
            }
        } else {
            octets.extend(upper);
        }
        if octets.len() > 256 {
            return Err(unencodable(
                Layer::Link,
                "a telegram has at most 256 octets: fragment the message",
            ));
        }
        set_length(&mut octets);
        Ok(octets)
    }

    /// The telegram in a frame format, with its CRCs.
    ///
    /// Fails as [`Plan::encode`] does, or with `InvalidLength` when the format can't carry it.
    pub fn encode_as(&self, format: FrameFormat) -> Result<Vec<u8>, Error> {
        phy::frame(&self.encode()?, format)
    }

    fn meter(&self) -> Address {
        self.transport.address.unwrap_or(self.link.sender)
    }

    /// The application data as the configuration field wants them, whose length fields are set.
    fn seal(&self, transport: &mut tpl::Header) -> Result<Body, Error> {
        let plain = || Body {
            octets: [&self.payload[..], &self.clear[..]].concat(),
            ccm: None,
        };
        let Some(fields) = &mut transport.fields else {
            return Ok(plain());
        };
        match fields.configuration.mode() {
            0 => Ok(plain()),
            mode @ (5 | 7) => {
                let mut octets = self.padded(16);
                let blocks = u8::try_from(octets.len() / 16)
                    .ok()
                    .filter(|blocks| *blocks <= 15);
                let blocks = blocks.ok_or_else(|| {
                    unencodable(Layer::Transport, "more than 15 blocks of 16 octets to encrypt")
                })?;
                fields.configuration = fields.configuration.with_blocks(blocks);
                let key = self.aes_key(Layer::Transport, Some(mode))?;
                if mode == 5 {
                    let iv = initialisation_vector(self.meter(), fields.access_number);
                    aes_cbc_encrypt(key, &iv, &mut octets);
                } else {
                    let key = self.derived(key, fields, DerivedKey::MeterEncryption)?;
                    aes_cbc_encrypt(&key, &[0; 16], &mut octets);
                }
                octets.extend_from_slice(&self.clear);
                Ok(Body { octets, ccm: None })
            }
            2 => {
                let mut octets = self.padded(8);
                let count = u8::try_from(octets.len())
                    .map_err(|_| unencodable(Layer::Transport, "more than 255 octets to encrypt"))?;
                fields.configuration = tpl::Configuration(fields.configuration.0 & 0xFF00 | u16::from(count));
                let key = self.key.as_ref().and_then(Key::as_des);
                let key = key.ok_or_else(|| key_missing(Layer::Transport, Some(2)))?;
                des_cbc_encrypt(key, &[0; 8], &mut octets);
                octets.extend_from_slice(&self.clear);
                Ok(Body { octets, ccm: None })
            }
            10 => Ok(Body {
                octets: Vec::new(),
                ccm: Some(self.payload.clone()),
            }),
            mode => Err(Error {
                layer: Layer::Transport,
                at: 0,
                kind: ErrorKind::UnsupportedSecurityMode { mode },
            }),
        }
    }

    /// Check octets, application data and idle fillers up to a multiple of the block size.
    fn padded(&self, block: usize) -> Vec<u8> {
        let mut octets = [&CHECK[..], &self.payload[..]].concat();
        octets.resize(octets.len().next_multiple_of(block), 0x2F);
        octets
    }

    fn seal_ccm(&self, transport: &tpl::Header, header: &[u8], payload: &[u8]) -> Result<Vec<u8>, Error> {
        let Some(fields) = transport.fields else {
            return Ok(payload.to_vec());
        };
        let key = self.derived(
            self.aes_key(Layer::Transport, Some(10))?,
            &fields,
            DerivedKey::MeterEncryption,
        )?;
        let counter_octets = if fields.extension.counter.is_some() { 4 } else { 0 };
        let associated = header.get(..header.len() - counter_octets).unwrap_or(header);
        let nonce = ccm_nonce(self.meter(), fields);
        aes_ccm_seal(&key, &nonce, associated, payload, fields.extension.tag_size())
            .ok_or_else(|| unencodable(Layer::Transport, "too long for AES-CCM"))
    }

    /// The authentication header with message length and MAC of this message.
    fn authenticate(
        &self,
        mut afl: afl::Header,
        transport: &tpl::Header,
        message: &[u8],
    ) -> Result<afl::Header, Error> {
        if afl.message_length.is_some() {
            let length = u16::try_from(message.len());
            afl.message_length =
                Some(length.map_err(|_| unencodable(Layer::Authentication, "the message is too long"))?);
        }
        afl.mac = None;
        let size = afl::mac_size(afl.authentication_type())
            .ok_or_else(|| unencodable(Layer::Authentication, "the authentication type is reserved"))?;
        if size > 0 {
            let key = self.aes_key(Layer::Authentication, Some(transport.mode()))?;
            let key = match &transport.fields {
                Some(fields) => self.derived(key, fields, DerivedKey::MeterMac)?,
                None => *key,
            };
            let mac = aes_cmac(&key, &[&afl.mac_prefix(), message]);
            afl.mac = afl::Mac::new(mac.get(..size).unwrap_or(&mac));
        }
        Ok(afl)
    }

    fn derived(&self, master: &[u8; 16], fields: &Fields, purpose: DerivedKey) -> Result<[u8; 16], Error> {
        let counter = fields
            .extension
            .counter
            .or(self.authentication.and_then(|afl| afl.message_counter));
        match (fields.extension.key_derivation(), counter) {
            (0, _) => Ok(*master),
            (1, Some(counter)) => Ok(derive(
                master,
                purpose,
                counter,
                self.meter().identification_number,
            )),
            (1, None) => Err(unencodable(
                Layer::Transport,
                "a key must be derived, but there is no message counter",
            )),
            _ => Err(unencodable(Layer::Transport, "the key derivation is reserved")),
        }
    }

    fn aes_key(&self, layer: Layer, mode: Option<u8>) -> Result<&[u8; 16], Error> {
        self.key
            .as_ref()
            .and_then(Key::as_aes)
            .ok_or_else(|| key_missing(layer, mode))
    }
}

/// Application data ready to be sent, or to be sealed once the header is complete.
struct Body {
    octets: Vec<u8>,
    ccm: Option<Vec<u8>>,
}

impl Body {
    fn len(&self) -> usize {
        self.octets.len() + self.ccm.as_ref().map_or(0, Vec::len)
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
