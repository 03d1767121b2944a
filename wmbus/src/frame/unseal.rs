//! The security modes of the transport layer, and the MAC around them: from octets as sent to application data.

use alloc::borrow::Cow;
use alloc::vec::Vec;

use super::Frame;
use super::keying::{self, Keying};
use crate::address::Address;
use crate::error::{Error, ErrorKind, Layer};
use crate::notes::{Note, Notes};
use crate::security::{Key, cbc, ccm, cmac, initialisation_vector};
use crate::tpl::Fields;

/// A message that may be sealed, and what may open it.
pub(super) struct Sealed<'f, 'a> {
    frame: &'f Frame<'a>,
    meter: Address,
    keys: &'f [Key],
    notes: Notes,
}

/// Application data in clear, and how they became so.
pub(super) struct Opened<'a> {
    pub(super) payload: Cow<'a, [u8]>,
    pub(super) payload_at: usize,
    /// How many octets at the end of the payload were sent in clear behind encrypted ones.
    pub(super) clear_octets: usize,
    pub(super) key: Option<usize>,
    pub(super) authenticated: bool,
    pub(super) notes: Notes,
}

/// How many octets after the header the configuration field says are encrypted.
///
/// Mode 5 and 7: 15 blocks is all the field can say, and then all whole blocks there are. 0 for modes not read here.
pub(super) fn announced_octets(fields: &Fields, body: usize) -> usize {
    let configuration = fields.configuration;
    match configuration.mode() {
        5 | 7 if configuration.blocks() == MOST_BLOCKS => (body - body % 16).max(MOST_BLOCKS * 16),
        5 | 7 => configuration.blocks() * 16,
        2 => usize::from(configuration.octets()),
        10 => body,
        _ => 0,
    }
}

impl<'f, 'a> Sealed<'f, 'a> {
    pub(super) fn new(frame: &'f Frame<'a>, meter: Address, keys: &'f [Key]) -> Self {
        Self {
            frame,
            meter,
            keys,
            notes: Notes::NONE,
        }
    }

    /// The order of the checks is that of the errors: structure, key missing, MAC, wrong key.
    pub(super) fn open(mut self) -> Result<Opened<'a>, Error> {
        let layers = &self.frame.layers;
        let Some(fields) = layers.tpl.and_then(|tpl| tpl.fields) else {
            return self.in_clear(None);
        };
        let mode = fields.configuration.mode();
        let need = announced_octets(&fields, self.frame.body().len());
        match mode {
            0 => self.in_clear(Some(&fields)),
            2 | 5 | 7 if need == 0 => self.in_clear(Some(&fields)),
            10 => self.open_ccm(&fields),
            2 | 5 | 7 => match self.open_cbc(&fields, need) {
                // Somebody decrypted it and left the configuration field as it was.
                Err(_) if self.frame.body().starts_with(&cbc::CHECK) => {
                    self.notes.insert(Note::OpenedUpstream);
                    if layers.afl.is_some_and(|afl| afl.mac.is_some()) {
                        self.notes.insert(Note::MacNotChecked);
                    }
                    Ok(self.as_it_is(cbc::CHECK.len(), None))
                }
                outcome => outcome,
            },
            mode => Err(self.error(ErrorKind::UnsupportedSecurityMode { mode })),
        }
    }

    /// Nothing is encrypted; a MAC may be there nevertheless.
    fn in_clear(mut self, fields: Option<&Fields>) -> Result<Opened<'a>, Error> {
        let prover = self.check_mac(fields)?;
        Ok(self.as_it_is(0, prover))
    }

    fn as_it_is(&self, skip: usize, prover: Option<usize>) -> Opened<'a> {
        let payload_at = self.frame.layers.body_at + skip;
        Opened {
            payload: self.frame.tail(payload_at),
            payload_at,
            clear_octets: 0,
            key: prover,
            authenticated: prover.is_some(),
            notes: self.notes,
        }
    }

    /// Modes 2, 5 and 7: CBC in whole blocks, check octets first, octets in clear behind.
    fn open_cbc(&mut self, fields: &Fields, need: usize) -> Result<Opened<'a>, Error> {
        let mode = fields.configuration.mode();
        let keying = match mode {
            7 => Some(self.keying(Some(fields))?),
            _ => None,
        };
        let usable = |key: &Key| {
            if mode == 2 {
                key.as_des().is_some()
            } else {
                key.as_aes().is_some()
            }
        };
        if !self.keys.iter().any(usable) {
            return Err(self.error(ErrorKind::KeyMissing { mode: Some(mode) }));
        }
        let prover = self.check_mac(Some(fields))?;
        let (mut body, meter) = (self.frame.body(), self.meter);
        let block = if mode == 2 { 8 } else { 16 };
        if need > body.len() {
            // What is left of a block that did not come whole is ciphertext, and no record.
            body = body.get(..body.len() - body.len() % block).unwrap_or(body);
        }
        let have = self.frame.body().len();
        let count = need.min(body.len());
        let decrypt = |key: &Key| match (&keying, key.as_aes(), key.as_des()) {
            (Some(keying), Some(key), _) => cbc::open_aes(&keying.encryption(key), &[0; 16], body, count),
            (None, Some(key), _) if mode == 5 => {
                let iv = initialisation_vector(meter, fields.access_number);
                cbc::open_aes(key, &iv, body, count)
            }
            (_, _, Some(key)) if mode == 2 => cbc::open_des(key, body, count),
            _ => None,
        };
        // The key that proved the MAC first: the check octets of another one might fit by chance.
        for index in prover.into_iter().chain(0..self.keys.len()) {
            let Some(payload) = self.keys.get(index).and_then(decrypt) else {
                continue;
            };
            if need > have {
                self.notes.insert(Note::EncryptedLengthOverrun);
            }
            return Ok(Opened {
                payload: payload.into(),
                payload_at: self.frame.layers.body_at + cbc::CHECK.len(),
                clear_octets: body.len() - (count - count % block),
                key: Some(index),
                authenticated: prover.is_some(),
                notes: self.notes,
            });
        }
        let overrun = ErrorKind::EncryptedLengthOverrun { need, have };
        Err(self.error(if need > have { overrun } else { ErrorKind::WrongKey }))
    }

    /// Mode 10: encryption and tag at once.
    fn open_ccm(mut self, fields: &Fields) -> Result<Opened<'a>, Error> {
        let layers = &self.frame.layers;
        let body = self.frame.body();
        let tag_size = fields.extension.tag_size();
        let Some(text) = body.len().checked_sub(tag_size) else {
            let (need, have) = (tag_size, body.len());
            return Err(self.error(ErrorKind::Truncated { need, have }));
        };
        let announced = fields.configuration.octets();
        if announced != ALL_OCTETS && usize::from(announced) != text {
            // Nobody has published how a part that stays in clear enters the tag.
            return Err(self.error(ErrorKind::UnsupportedSecurityMode { mode: 10 }));
        }
        let keying = self.keying(Some(fields))?;
        let counter = keying::counter(Some(fields), layers.afl.as_ref());
        let counter = counter.ok_or_else(|| self.error(ErrorKind::CounterMissing))?;
        if !self.keys.iter().any(|key| key.as_aes().is_some()) {
            return Err(self.error(ErrorKind::KeyMissing { mode: Some(10) }));
        }
        self.check_mac(Some(fields))?;
        let nonce = ccm::nonce(self.meter, counter);
        let counter_octets = if fields.extension.counter.is_some() { 4 } else { 0 };
        let header = layers.tpl_at..layers.body_at - counter_octets;
        let associated = self.frame.octets.get(header).unwrap_or_default();
        for (index, key) in self.keys.iter().enumerate() {
            let Some(key) = key.as_aes() else { continue };
            if let Some(plain) = ccm::open(&keying.encryption(key), &nonce, associated, body, tag_size) {
                return Ok(Opened {
                    payload: plain.into(),
                    payload_at: layers.body_at,
                    clear_octets: 0,
                    key: Some(index),
                    authenticated: true,
                    notes: self.notes,
                });
            }
        }
        Err(self.error(ErrorKind::MacMismatch))
    }

    /// The index of the key that proves the MAC of the authentication layer; `None` when there is none to be checked.
    fn check_mac(&mut self, fields: Option<&Fields>) -> Result<Option<usize>, Error> {
        let layers = &self.frame.layers;
        let mac = layers
            .afl
            .and_then(|afl| afl.mac)
            .filter(|mac| !mac.octets().is_empty());
        let Some(afl) = layers.afl.filter(|_| mac.is_some()) else {
            if fields.is_some_and(|fields| fields.configuration.mode() == 7) {
                self.notes.insert(Note::MacMissing);
            }
            return Ok(None);
        };
        let keys = self.keys;
        let aes_keys = || {
            keys.iter()
                .enumerate()
                .filter_map(|(index, key)| Some((index, key.as_aes()?)))
        };
        let mac = afl.verifiable_mac().filter(|_| aes_keys().next().is_some());
        let (Some(mac), Ok(keying)) = (mac, self.keying(fields)) else {
            self.notes.insert(Note::MacNotChecked);
            return Ok(None);
        };
        let prefix = afl.mac_prefix();
        let message = self.frame.octets.get(layers.tpl_at..).unwrap_or_default();
        let proves = |key| cmac::matches(&keying.mac(key), &[prefix.as_slice(), message], mac.octets());
        match aes_keys().find(|(_, key)| proves(key)) {
            Some((index, _)) => Ok(Some(index)),
            None => Err(Error {
                layer: Layer::Authentication,
                at: layers.afl_at,
                kind: ErrorKind::MacMismatch,
            }),
        }
    }

    fn keying(&self, fields: Option<&Fields>) -> Result<Keying, Error> {
        let afl = self.frame.layers.afl.as_ref();
        Keying::new(self.frame.link.control, self.meter, fields, afl).map_err(|kind| self.error(kind))
    }

    fn error(&self, kind: ErrorKind) -> Error {
        Error {
            layer: Layer::Transport,
            at: self.frame.layers.body_at,
            kind,
        }
    }
}

impl<'a> Frame<'a> {
    /// The octets from an offset on: borrowed where the telegram is.
    fn tail(&self, at: usize) -> Cow<'a, [u8]> {
        match &self.octets {
            Cow::Borrowed(octets) => Cow::Borrowed(octets.get(at..).unwrap_or_default()),
            Cow::Owned(octets) => Cow::Owned(octets.get(at..).map(Vec::from).unwrap_or_default()),
        }
    }
}

/// What the four bits for encrypted blocks can say.
const MOST_BLOCKS: usize = 15;
/// Mode 10: all octets are encrypted.
pub(super) const ALL_OCTETS: u8 = 0xFF;
