//! IMST iU891A-XL and its relatives: messages in SLIP.
//!
//! ```text
//! C0  access point  id  payload  CRC, 2  C0         C0 inside: DB DC, DB inside: DB DD
//!     01 device management                          CRC: X-25 over all before it, low octet first
//!     09 wM-Bus gateway                             the payload of every answer begins with a status, 0 is good
//! ```
//!
//! A telegram is message 20 of the gateway: time 4, decryption 2, format and mode 1, dBm 1, then the telegram from L
//! on. Every C0 both ends the message so far and begins the next, so that a lost one costs no more than its message.

use std::sync::Arc;
use std::time::Duration;

use super::session::{Device, Head, Taken, Todo};
use super::{Modes, Wanted, x25};
use crate::{Check, LinkMode, Telegram};

const END: u8 = 0xC0;
const ESCAPE: u8 = 0xDB;
const MANAGEMENT: u8 = 0x01;
const GATEWAY: u8 = 0x09;
const TELEGRAM: u8 = 0x20;
/// Longest message, unescaped; escaped it may be twice that.
const MAX_MESSAGE: usize = 300;

const PATIENCE: Duration = Duration::from_secs(1);
const ATTEMPTS: u32 = 3;
const QUIET: Duration = Duration::from_millis(500);
/// The interface sleeps; so many ends of nothing wake it.
const WAKE: usize = 30;
const AWAKE: Duration = Duration::from_millis(50);

const MODES: Modes = &[
    (&[LinkMode::S], 1),
    (&[LinkMode::T], 2),
    (&[LinkMode::C], 5),
    (&[LinkMode::C, LinkMode::T], 3),
];

/// One stick.
pub(super) struct Iu891a {
    radio: Arc<str>,
    wanted: Wanted,
    stage: Stage,
    identity: String,
}

enum Stage {
    Asleep,
    Waking,
    /// Device information.
    Information,
    /// Firmware information.
    Firmware,
    /// What it is set to.
    Configuration,
    /// The same with our link mode, telegrams reported, no address filter; in RAM.
    Setting(Vec<u8>),
    Ready,
    Failed(String),
}

/// A message from the stick, unescaped, without its CRC.
#[derive(Debug)]
pub(super) struct Message {
    access_point: u8,
    id: u8,
    payload: Vec<u8>,
}

impl Iu891a {
    pub(super) fn new(radio: Arc<str>, wanted: Wanted) -> Self {
        Self {
            radio,
            wanted,
            stage: Stage::Asleep,
            identity: String::new(),
        }
    }

    fn information(&mut self, payload: &[u8]) -> Stage {
        let [module, i0, i1, i2, i3, ..] = payload else {
            return Stage::Failed("its device information is too short".to_owned());
        };
        let name = match module {
            0x6E => "iU891A-XL",
            0x6D => "iM891A-XL",
            0xA3 => "iM881A-XL",
            0x71 => "iU893A-XL",
            other => return Stage::Failed(format!("module type {other:02X} is no wireless M-Bus gateway")),
        };
        let number = u32::from_le_bytes([*i0, *i1, *i2, *i3]);
        self.identity = format!("{name}, {number:08X}");
        Stage::Firmware
    }

    fn firmware(&mut self, payload: &[u8]) -> Stage {
        if let [minor, major, ..] = payload {
            self.identity += &format!(", firmware {major}.{minor}");
        }
        Stage::Configuration
    }

    /// What it is set to, with what we want in it; as many octets as came.
    fn configuration(&self, payload: &[u8]) -> Stage {
        let mut configuration = payload.to_vec();
        let [mode, options, _, ..] = configuration.as_mut_slice() else {
            return Stage::Failed("its configuration is too short".to_owned());
        };
        match self.wanted.code("an iU891A", MODES) {
            Ok(code) => *mode = code,
            Err(reason) => return Stage::Failed(reason),
        }
        // Bit 0: address filter; bit 1: report what is received.
        *options = (*options & !1) | 2;
        Stage::Setting(configuration)
    }

    fn telegram(&self, payload: &[u8]) -> Option<Telegram> {
        let [_, _, _, _, _, _, information, dbm, octets @ ..] = payload else {
            return None;
        };
        let length = usize::from(*octets.first()?);
        (octets.len() == length + 1).then(|| Telegram {
            // From 20 on frame format B, which only mode C has.
            link_mode: (*information >= 20).then_some(LinkMode::C),
            rssi_dbm: Some(i16::from(dbm.cast_signed())),
            ..Telegram::new(octets.to_vec(), Check::Receiver, self.radio.clone())
        })
    }
}

impl Device for Iu891a {
    type Message = Message;

    fn head(&self, octets: &[u8], _: bool) -> Head<Message> {
        let escaped = octets.iter().take_while(|octet| **octet != END).count();
        if escaped == octets.len() {
            // No message is longer, so its end was lost.
            return if escaped > 2 * MAX_MESSAGE {
                Head::Noise(escaped)
            } else {
                Head::More
            };
        }
        if escaped == 0 {
            return Head::Filler(1);
        }
        let message = octets.get(..escaped).and_then(unescaped);
        match message.as_deref().and_then(x25::checked) {
            Some([access_point, id, payload @ ..]) => Head::Message(
                // The end may be the beginning of the next.
                escaped,
                Message {
                    access_point: *access_point,
                    id: *id,
                    payload: payload.to_vec(),
                },
            ),
            _ => Head::Noise(escaped),
        }
    }

    fn quiet(&self) -> Duration {
        QUIET
    }

    fn next(&mut self) -> Todo {
        let ask = |access_point, id, payload: &[u8]| Todo::Ask {
            octets: message(access_point, id, payload),
            patience: PATIENCE,
            attempts: ATTEMPTS,
        };
        match &self.stage {
            Stage::Asleep => {
                self.stage = Stage::Waking;
                Todo::Tell(vec![END; WAKE])
            }
            Stage::Waking => {
                self.stage = Stage::Information;
                Todo::Pause(AWAKE)
            }
            Stage::Information => ask(MANAGEMENT, 0x03, &[]),
            Stage::Firmware => ask(MANAGEMENT, 0x05, &[]),
            Stage::Configuration => ask(GATEWAY, 0x01, &[]),
            Stage::Setting(configuration) => ask(GATEWAY, 0x03, configuration),
            Stage::Ready => Todo::Ready(self.identity.clone()),
            Stage::Failed(reason) => Todo::Fail(reason.clone()),
        }
    }

    fn take(&mut self, message: Message) -> Taken {
        if (message.access_point, message.id) == (GATEWAY, TELEGRAM) {
            return self
                .telegram(&message.payload)
                .map_or(Taken::Damaged, Taken::Telegram);
        }
        let expected = match &self.stage {
            Stage::Information => (MANAGEMENT, 0x04),
            Stage::Firmware => (MANAGEMENT, 0x06),
            Stage::Configuration => (GATEWAY, 0x02),
            Stage::Setting(_) => (GATEWAY, 0x04),
            Stage::Asleep | Stage::Waking | Stage::Ready | Stage::Failed(_) => return Taken::Other,
        };
        if (message.access_point, message.id) != expected {
            return Taken::Other;
        }
        let Some((status, payload)) = message.payload.split_first() else {
            return Taken::Other;
        };
        self.stage = match (&self.stage, status) {
            (Stage::Information, 0) => self.information(payload),
            (Stage::Firmware, 0) => self.firmware(payload),
            (Stage::Configuration, 0) => self.configuration(payload),
            (_, 0) => Stage::Ready,
            (_, status) => Stage::Failed(format!(
                "it refuses request {:02X} with status {status}",
                expected.1 - 1
            )),
        };
        Taken::Answer
    }
}

/// A request, escaped and between its ends.
pub(super) fn message(access_point: u8, id: u8, payload: &[u8]) -> Vec<u8> {
    let mut plain = vec![access_point, id];
    plain.extend_from_slice(payload);
    plain.extend_from_slice(&x25::crc(&plain).to_le_bytes());
    let mut octets = vec![END];
    for octet in plain {
        match octet {
            END => octets.extend_from_slice(&[ESCAPE, 0xDC]),
            ESCAPE => octets.extend_from_slice(&[ESCAPE, 0xDD]),
            octet => octets.push(octet),
        }
    }
    octets.push(END);
    octets
}

/// A message without its escapes; `None` when one is wrong or the message is too long.
pub(super) fn unescaped(octets: &[u8]) -> Option<Vec<u8>> {
    let mut message = Vec::with_capacity(octets.len());
    let mut octets = octets.iter();
    while let Some(octet) = octets.next() {
        message.push(match octet {
            &ESCAPE => match octets.next()? {
                0xDC => END,
                0xDD => ESCAPE,
                _ => return None,
            },
            octet => *octet,
        });
    }
    (message.len() <= MAX_MESSAGE).then_some(message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_escaped_is_unescaped() {
        let request = message(GATEWAY, 0x03, &[END, ESCAPE, 0xDC, 0xDD, 0x00]);
        assert_eq!(request.iter().filter(|octet| **octet == END).count(), 2);
        let message = unescaped(&request[1..request.len() - 1]).unwrap();
        let data = x25::checked(&message).unwrap();
        assert_eq!(data, [GATEWAY, 0x03, END, ESCAPE, 0xDC, 0xDD, 0x00]);
        assert_eq!(unescaped(&[ESCAPE]), None);
        assert_eq!(unescaped(&[ESCAPE, 0x00]), None);
        assert_eq!(unescaped(&[0; MAX_MESSAGE + 1]), None);
    }
}
