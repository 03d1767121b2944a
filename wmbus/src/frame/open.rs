//! Opening: keys in, a message out. Extended link layer first, then what the transport layer sealed.

use super::unseal::Sealed;
use super::{Frame, Layers};
use crate::address::Address;
use crate::ci::{Announces, Content, announces};
use crate::ell;
use crate::error::{Error, ErrorKind, Layer};
use crate::message::Message;
use crate::notes::Note;
use crate::security::{Key, ctr};

impl<'a> Frame<'a> {
    /// Opens the telegram with the first of `keys` whose check values are right; without keys only what is in clear.
    ///
    /// What looks decrypted although its headers say otherwise is accepted with [`Note::OpenedUpstream`] when no key
    /// opens it; whoever must not be told stories looks for that note.
    ///
    /// Fails with the [`Frame::fault`] there is, or with `KeyMissing`, `WrongKey`, `MacMismatch`, `FragmentPending`
    /// (a fragment: see [`crate::Reassembler`]), `UnsupportedSecurityMode` and what else the security modes say.
    pub fn open(&self, keys: &[Key]) -> Result<Message<'a>, Error> {
        self.open_for(None, keys)
    }

    /// The same for a meter whose address the headers don't tell, or tell in a maker's own order: initialisation
    /// vector, derived keys and message are those of `meter`.
    pub fn open_as(&self, meter: Address, keys: &[Key]) -> Result<Message<'a>, Error> {
        self.open_for(Some(meter), keys)
    }

    /// Removes the encryption of the extended link layer, if there is any, and tells which key did it.
    ///
    /// For fragments, whose layer of authentication stands behind it. Fails with `KeyMissing` or `WrongKey`.
    pub fn open_link(&self, keys: &[Key]) -> Result<(Frame<'a>, Option<usize>), Error> {
        if self.layers.ell_sealed {
            let (frame, key) = self.decrypt_link(keys)?;
            Ok((frame, Some(key)))
        } else {
            Ok((self.clone(), None))
        }
    }

    fn open_for(&self, meter: Option<Address>, keys: &[Key]) -> Result<Message<'a>, Error> {
        if self.layers.ell_sealed {
            // What was decrypted is a copy that borrows nothing. The same key usually serves both layers.
            let (inner, key) = self.decrypt_link(keys)?;
            inner.open_upper(meter, keys, Some(key))
        } else {
            self.open_upper(meter, keys, None)
        }
    }

    fn decrypt_link(&self, keys: &[Key]) -> Result<(Frame<'static>, usize), Error> {
        let at = self.layers.body_at;
        let block = self
            .layers
            .ell
            .and_then(|ell| ell.counter_block(self.link.sender))
            .unwrap_or_default();
        let mut tried = false;
        let mut octets = self.octets.to_vec();
        for (index, key) in keys.iter().enumerate() {
            let Some(key) = key.as_aes() else { continue };
            if tried {
                octets.copy_from_slice(&self.octets);
            }
            tried = true;
            let plain = octets.get_mut(at..).unwrap_or_default();
            ctr::apply(key, &block, plain);
            // Two octets of CRC let one wrong key in 65 536 through: the CI after them must be known as well.
            let known = plain.get(2).is_some_and(|ci| may_follow(*ci));
            if known && ell::check_payload(plain).is_ok() {
                let mut layers = Layers {
                    ell: self.layers.ell,
                    ..Layers::default()
                };
                layers.walk(&octets, at + 2);
                let frame = Frame {
                    octets: octets.into(),
                    format: self.format,
                    metadata: &[],
                    link: self.link,
                    layers,
                    notes: self.notes,
                };
                return Ok((frame, index));
            }
        }
        let missing = ErrorKind::KeyMissing { mode: None };
        Err(Error {
            layer: Layer::ExtendedLink,
            at,
            kind: if tried { ErrorKind::WrongKey } else { missing },
        })
    }

    fn open_upper(
        &self,
        meter: Option<Address>,
        keys: &[Key],
        link_key: Option<usize>,
    ) -> Result<Message<'a>, Error> {
        let layers = &self.layers;
        if let Some(fault) = &layers.fault {
            return Err(fault.clone());
        }
        let fragment = layers.afl.map_or(0, |afl| afl.fragment);
        if fragment != 0 {
            return Err(Error {
                layer: Layer::Authentication,
                at: layers.afl_at,
                kind: ErrorKind::FragmentPending { fragment },
            });
        }
        let unreadable = |kind| Error {
            layer: Layer::Transport,
            at: layers.tpl_at,
            kind,
        };
        let content = layers.content.unwrap_or(Content::Nothing);
        match content {
            Content::Unsupported => {
                let ci = layers.tpl.map_or(0, |tpl| tpl.ci);
                return Err(unreadable(ErrorKind::UnsupportedCi { ci }));
            }
            Content::Tls => return Err(unreadable(ErrorKind::UnsupportedSecurityMode { mode: 13 })),
            _ => {}
        }
        let meter = meter.unwrap_or_else(|| self.meter());
        let opened = Sealed::new(self, meter, keys).open()?;
        let mut notes = self.notes.and(opened.notes);
        if layers.ell_opened_upstream {
            notes.insert(Note::OpenedUpstream);
        }
        let key = opened.key.or(link_key);
        if key.is_none() && !keys.is_empty() && !notes.contains(Note::OpenedUpstream) {
            notes.insert(Note::KeyNotNeeded);
        }
        Ok(Message {
            link: self.link,
            extended_link: layers.ell,
            authentication: layers.afl,
            transport: layers.tpl,
            meter,
            content,
            payload: opened.payload,
            payload_at: opened.payload_at,
            clear_octets: opened.clear_octets,
            key,
            authenticated: opened.authenticated,
            notes,
        })
    }
}

/// True for a CI-field that can stand behind an extended link layer that was encrypted.
fn may_follow(ci: u8) -> bool {
    match announces(ci) {
        Announces::Authentication => true,
        Announces::Transport(_, content) => content != Content::Unsupported,
        _ => false,
    }
}
