//! Opening: keys in, records out. Extended link layer first, then MAC, then the security mode of the transport layer.

use alloc::borrow::Cow;
use alloc::vec::Vec;

use super::{CHECK, Frame, Layers, NO_CONTENT, walk};
use crate::address::{Address, IdentificationNumber};
use crate::error::{Error, ErrorKind, Layer};
use crate::message::{Message, Note};
use crate::security::cipher::{aes_cbc_decrypt, aes_ccm_open, aes_cmac_matches, aes_ctr, des_cbc_decrypt};
use crate::security::{DerivedKey, Key, derive};
use crate::tpl::{Content, Fields};
use crate::{dll, ell, tpl};

/// Application data in clear, and how they became so.
struct Opened<'a> {
    payload: Cow<'a, [u8]>,
    payload_at: usize,
    key: Option<usize>,
    authenticated: bool,
}

impl<'a> Frame<'a> {
    /// Opens the telegram with the first of `keys` whose check values are right; without keys only what is in clear.
    ///
    /// Fails with the [`Frame::fault`] there is, or with `KeyMissing`, `WrongKey`, `MacMismatch`, `FragmentPending`
    /// (a fragment: see [`crate::Reassembler`]), `UnsupportedSecurityMode` and what else the security modes say.
    pub fn open(&self, keys: &[Key]) -> Result<Message<'a>, Error> {
        let mut notes = Vec::new();
        if self.layers.ell_opened_upstream {
            notes.push(Note::OpenedUpstream);
        }
        if !self.layers.ell_sealed {
            return self.open_upper(keys, None, notes);
        }
        let (inner, key) = self.open_link(keys)?;
        // The same key usually serves both layers; a second one may be needed for the upper.
        let message = inner.open_upper(keys, Some(key), notes)?;
        // What was decrypted is a copy that borrows nothing.
        Ok(message)
    }

    /// Removes the encryption of the extended link layer.
    fn open_link(&self, keys: &[Key]) -> Result<(Frame<'static>, usize), Error> {
        let at = self.layers.body_at;
        let error = |kind| Error {
            layer: Layer::ExtendedLink,
            at,
            kind,
        };
        let block = self
            .layers
            .ell
            .and_then(|ell| ell.counter_block(self.link.sender));
        let (head, sealed) = self.octets.split_at_checked(at).unwrap_or((&self.octets, &[]));
        let mut tried = false;
        for (index, key) in keys.iter().enumerate() {
            let (Some(key), Some(block)) = (key.as_aes(), block) else {
                continue;
            };
            tried = true;
            let mut octets = Vec::with_capacity(self.octets.len());
            octets.extend_from_slice(head);
            octets.extend_from_slice(sealed);
            aes_ctr(key, &block, octets.get_mut(at..).unwrap_or_default());
            let plain = octets.get(at..).unwrap_or_default();
            // Two octets of CRC let one wrong key in 65 536 through: the CI after them must be known as well.
            let ci = plain.get(2).copied();
            let known = ci.is_some_and(|ci| ci == crate::afl::CI || tpl::content(ci).is_some());
            if known && ell::check_payload(plain).is_ok() {
                let mut layers = Layers {
                    ell: self.layers.ell,
                    ..Layers::default()
                };
                walk(&octets, at + 2, &mut layers);
                let (format, link) = (self.format, self.link);
                let frame = Frame {
                    octets: octets.into(),
                    format,
                    metadata: &[],
                    link,
                    layers,
                };
                return Ok((frame, index));
            }
        }
        Err(error(if tried {
            ErrorKind::WrongKey
        } else {
            ErrorKind::KeyMissing { mode: None }
        }))
    }

    fn open_upper(
        &self,
        keys: &[Key],
        link_key: Option<usize>,
        mut notes: Vec<Note>,
    ) -> Result<Message<'a>, Error> {
        if let Some(fault) = &self.layers.fault {
            return Err(fault.clone());
        }
        let fragment = self.layers.afl.map_or(0, |afl| afl.fragment);
        if fragment != 0 {
            let kind = ErrorKind::FragmentPending { fragment };
            return Err(Error {
                layer: Layer::Authentication,
                at: self.layers.afl_at,
                kind,
            });
        }
        let content = self.layers.tpl.map_or(NO_CONTENT, |tpl| tpl.content());
        if content == Content::Unsupported {
            let kind = ErrorKind::UnsupportedCi {
                ci: self.layers.tpl.map_or(0, |tpl| tpl.ci),
            };
            return Err(Error {
                layer: Layer::Transport,
                at: self.layers.tpl_at,
                kind,
            });
        }
        let opened = self.unseal(keys, &mut notes)?;
        if opened.key.is_none() && link_key.is_none() && !keys.is_empty() && notes.is_empty() {
            notes.push(Note::KeyNotNeeded);
        }
        Ok(Message {
            link: self.link,
            extended_link: self.layers.ell,
            authentication: self.layers.afl,
            transport: self.layers.tpl,
            meter: self.meter(),
            content,
            payload: opened.payload,
            payload_at: opened.payload_at,
            key: opened.key.or(link_key),
            authenticated: opened.authenticated,
            notes,
        })
    }

    /// Removes the encryption of the transport layer.
    fn unseal(&self, keys: &[Key], notes: &mut Vec<Note>) -> Result<Opened<'a>, Error> {
        let at = self.layers.body_at;
        let in_clear = |payload_at| Opened {
            payload: self.tail(payload_at),
            payload_at,
            key: None,
            authenticated: false,
        };
        let Some(fields) = self.layers.tpl.and_then(|tpl| tpl.fields) else {
            return Ok(in_clear(at));
        };
        let configuration = fields.configuration;
        match configuration.mode() {
            0 => Ok(in_clear(at)),
            5 | 7 if configuration.blocks() == 0 => Ok(in_clear(at)),
            2 if configuration.octets() == 0 => Ok(in_clear(at)),
            mode @ (2 | 5 | 7) => {
                let outcome = match mode {
                    2 => self.unseal_des(fields, keys),
                    5 => self.unseal_mode_5(fields, keys, notes),
                    _ => self.unseal_mode_7(fields, keys, notes),
                };
                match outcome {
                    Err(error)
                        if error.kind != ErrorKind::CounterMissing && self.body().starts_with(&CHECK) =>
                    {
                        // Somebody decrypted it and left the configuration field as it was.
                        notes.push(Note::OpenedUpstream);
                        if self.layers.afl.is_some_and(|afl| afl.mac.is_some()) {
                            notes.push(Note::MacNotChecked);
                        }
                        Ok(in_clear(at + CHECK.len()))
                    }
                    outcome => outcome,
                }
            }
            10 => self.unseal_mode_10(fields, keys),
            mode => Err(self.transport_error(ErrorKind::UnsupportedSecurityMode { mode })),
        }
    }

    fn unseal_mode_5(
        &self,
        fields: Fields,
        keys: &[Key],
        notes: &mut Vec<Note>,
    ) -> Result<Opened<'a>, Error> {
        let iv = initialisation_vector(self.meter(), fields.access_number);
        self.try_keys(fields, keys, false, notes, |key| Some((*key, iv)))
    }

    fn unseal_mode_7(
        &self,
        fields: Fields,
        keys: &[Key],
        notes: &mut Vec<Note>,
    ) -> Result<Opened<'a>, Error> {
        let usable: Vec<_> = keys
            .iter()
            .enumerate()
            .filter_map(|(index, key)| Some((index, key.as_aes()?)))
            .collect();
        if usable.is_empty() {
            return Err(self.transport_error(ErrorKind::KeyMissing { mode: Some(7) }));
        }
        let mac = self
            .layers
            .afl
            .filter(|afl| afl.authentication_type() != 0)
            .and_then(|afl| afl.mac);
        let Some(mac) = mac else {
            notes.push(Note::MacMissing);
            // Derivation may fail for a reason that no other key changes.
            self.derived(fields, &[0; 16], DerivedKey::MeterEncryption)?;
            return self.try_keys(fields, keys, false, notes, |key| {
                Some((self.derived(fields, key, self.purpose(false)).ok()?, [0; 16]))
            });
        };
        let prefix = self.layers.afl.map(|afl| afl.mac_prefix()).unwrap_or_default();
        let message = self.octets.get(self.layers.tpl_at..).unwrap_or_default();
        for (index, key) in usable {
            let mac_key = self.derived(fields, key, self.purpose(true))?;
            if aes_cmac_matches(&mac_key, &[&prefix, message], mac.octets()) {
                let key = self.derived(fields, key, self.purpose(false))?;
                let mut opened =
                    self.try_keys(fields, &[Key::aes(key)], true, notes, |key| Some((*key, [0; 16])))?;
                opened.key = Some(index);
                return Ok(opened);
            }
        }
        Err(Error {
            layer: Layer::Authentication,
            at: self.layers.afl_at,
            kind: ErrorKind::MacMismatch,
        })
    }

    /// AES-CBC with the first key that gives the check octets; clear records behind the encrypted blocks are kept.
    fn try_keys(
        &self,
        fields: Fields,
        keys: &[Key],
        authenticated: bool,
        notes: &mut Vec<Note>,
        cipher: impl Fn(&[u8; 16]) -> Option<([u8; 16], [u8; 16])>,
    ) -> Result<Opened<'a>, Error> {
        let body = self.body();
        let blocks = fields.configuration.blocks();
        let have = body.len() / 16;
        // Fifteen is all the field can say: longer messages are encrypted in all their whole blocks.
        let count = if blocks == 15 { have } else { blocks.min(have) };
        let overrun = blocks > have;
        let mut tried = false;
        for (index, key) in keys.iter().enumerate() {
            let Some((key, iv)) = key.as_aes().and_then(&cipher) else {
                continue;
            };
            tried = true;
            let mut octets = body.to_vec();
            let sealed = octets.get_mut(..count * 16).unwrap_or_default();
            aes_cbc_decrypt(&key, &iv, sealed);
            if octets.starts_with(&CHECK) {
                if overrun {
                    notes.push(Note::EncryptedLengthOverrun);
                }
                octets.drain(..CHECK.len());
                let payload_at = self.layers.body_at + CHECK.len();
                return Ok(Opened {
                    payload: octets.into(),
                    payload_at,
                    key: Some(index),
                    authenticated,
                });
            }
        }
        let mode = fields.configuration.mode();
        Err(self.transport_error(match (tried, overrun) {
            (false, _) => ErrorKind::KeyMissing { mode: Some(mode) },
            (true, false) => ErrorKind::WrongKey,
            (true, true) => ErrorKind::EncryptedLengthOverrun {
                need: blocks * 16,
                have: body.len(),
            },
        }))
    }

    fn unseal_des(&self, fields: Fields, keys: &[Key]) -> Result<Opened<'a>, Error> {
        let body = self.body();
        let need = usize::from(fields.configuration.octets());
        let mut tried = false;
        for (index, key) in keys.iter().enumerate() {
            let Some(key) = key.as_des() else { continue };
            tried = true;
            let mut octets = body.to_vec();
            let Some(sealed) = octets.get_mut(..need) else {
                let kind = ErrorKind::EncryptedLengthOverrun {
                    need,
                    have: body.len(),
                };
                return Err(self.transport_error(kind));
            };
            des_cbc_decrypt(key, &[0; 8], sealed);
            if octets.starts_with(&CHECK) {
                octets.drain(..CHECK.len());
                let payload_at = self.layers.body_at + CHECK.len();
                return Ok(Opened {
                    payload: octets.into(),
                    payload_at,
                    key: Some(index),
                    authenticated: false,
                });
            }
        }
        let mode = Some(fields.configuration.mode());
        Err(self.transport_error(if tried {
            ErrorKind::WrongKey
        } else {
            ErrorKind::KeyMissing { mode }
        }))
    }

    fn unseal_mode_10(&self, fields: Fields, keys: &[Key]) -> Result<Opened<'a>, Error> {
        let body = self.body();
        let tag_size = fields.extension.tag_size();
        let text = body.len().checked_sub(tag_size).ok_or_else(|| {
            self.transport_error(ErrorKind::Truncated {
                need: tag_size,
                have: body.len(),
            })
        })?;
        let announced = fields.configuration.octets();
        if announced != 0xFF && usize::from(announced) != text {
            // Nobody has published how a part that stays in clear enters the tag.
            return Err(self.transport_error(ErrorKind::UnsupportedSecurityMode { mode: 10 }));
        }
        let nonce = ccm_nonce(self.meter(), fields);
        let counter_octets = if fields.extension.counter.is_some() { 4 } else { 0 };
        let associated = self
            .octets
            .get(self.layers.tpl_at..self.layers.body_at - counter_octets)
            .unwrap_or_default();
        let mut tried = false;
        for (index, key) in keys.iter().enumerate() {
            let Some(key) = key.as_aes() else { continue };
            tried = true;
            let key = self.derived(fields, key, self.purpose(false))?;
            if let Some(plain) = aes_ccm_open(&key, &nonce, associated, body, tag_size) {
                return Ok(Opened {
                    payload: plain.into(),
                    payload_at: self.layers.body_at,
                    key: Some(index),
                    authenticated: true,
                });
            }
        }
        let missing = ErrorKind::KeyMissing { mode: Some(10) };
        Err(self.transport_error(if tried { ErrorKind::MacMismatch } else { missing }))
    }

    /// The key for a purpose, as the configuration field extension asks.
    fn derived(&self, fields: Fields, master: &[u8; 16], purpose: DerivedKey) -> Result<[u8; 16], Error> {
        match fields.extension.key_derivation() {
            0 => Ok(*master),
            1 => {
                let counter = fields
                    .extension
                    .counter
                    .or(self.layers.afl.and_then(|afl| afl.message_counter));
                let counter = counter.ok_or_else(|| self.transport_error(ErrorKind::CounterMissing))?;
                Ok(derive(master, purpose, counter, self.numbered()))
            }
            selection => Err(self.transport_error(ErrorKind::UnsupportedKdf { selection })),
        }
    }

    fn purpose(&self, mac: bool) -> DerivedKey {
        match (self.link.control.flow() == dll::Flow::ToMeter, mac) {
            (false, false) => DerivedKey::MeterEncryption,
            (false, true) => DerivedKey::MeterMac,
            (true, false) => DerivedKey::PartnerEncryption,
            (true, true) => DerivedKey::PartnerMac,
        }
    }

    /// The number of the meter, which enters the derivation also in telegrams to it.
    fn numbered(&self) -> IdentificationNumber {
        self.meter().identification_number
    }

    /// The octets from an offset on: borrowed where the telegram is.
    fn tail(&self, at: usize) -> Cow<'a, [u8]> {
        match &self.octets {
            Cow::Borrowed(octets) => Cow::Borrowed(octets.get(at..).unwrap_or_default()),
            Cow::Owned(octets) => Cow::Owned(octets.get(at..).unwrap_or_default().to_vec()),
        }
    }

    fn transport_error(&self, kind: ErrorKind) -> Error {
        Error {
            layer: Layer::Transport,
            at: self.layers.body_at,
            kind,
        }
    }
}

/// Mode 5: `M M  A A A A V T  ACC × 8`, of the meter, in the order of the link layer.
pub(super) fn initialisation_vector(meter: Address, access_number: u8) -> [u8; 16] {
    let mut iv = [access_number; 16];
    for (octet, field) in iv.iter_mut().zip(meter.link_octets()) {
        *octet = field;
    }
    iv
}

/// Mode 10: `M M  A A A A V T  00  counter × 4, high octet first`.
pub(super) fn ccm_nonce(meter: Address, fields: Fields) -> [u8; 13] {
    let mut nonce = [0; 13];
    let counter = fields.extension.counter.unwrap_or(0).to_be_bytes();
    for (octet, field) in nonce
        .iter_mut()
        .zip(meter.link_octets().into_iter().chain([0]).chain(counter))
    {
        *octet = field;
    }
    nonce
}
