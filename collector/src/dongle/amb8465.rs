//! Amber (Würth) AMB8425, 8426, 8465, 8626, 8665 (Metis): commands in frames, telegrams in frames or bare.
//!
//! ```text
//! FF  command  n  payload (n)  XOR of all before     the answer to a command is command + 80
//! FF  03       n  C …  [RSSI]  XOR                   a telegram, when address 05 of the memory is 1
//!              n  C …  [RSSI]                        a telegram, when it is 0
//!                                                    n is L, or L + 1 with RSSI, when address 45 is 1
//! ```
//!
//! Both addresses are in flash. They are read at each start, and written only when they are wrong and we may; without
//! them telegrams come bare and without RSSI, which works too.

use std::sync::Arc;
use std::time::Duration;

use super::session::{Device, Head, Taken, Todo};
use super::{Modes, Wanted, bare};
use crate::capture::half_steps_dbm;
use crate::{Check, LinkMode, Telegram};

const START: u8 = 0xFF;
const TELEGRAM: u8 = 0x03;
/// An answer has this bit, and the rest of its question.
const ANSWER: u8 = 0x80;

const PATIENCE: Duration = Duration::from_millis(500);
const ATTEMPTS: u32 = 3;
/// Wire time of the longest frame at 9600 baud is 267 ms.
const QUIET: Duration = Duration::from_millis(1000);
const AFTER_WRITE: Duration = Duration::from_millis(50);
const AFTER_RESET: Duration = Duration::from_millis(1000);

const MODES: Modes = &[
    (&[LinkMode::S], 0x03),
    (&[LinkMode::T], 0x08),
    (&[LinkMode::C], 0x0E),
    (&[LinkMode::C, LinkMode::T], 0x09),
];

/// A place in the module's flash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Setting {
    address: u8,
    /// What it should hold.
    right: u8,
}

/// Telegrams come in frames.
const FRAMES: Setting = Setting {
    address: 0x05,
    right: 1,
};
/// RSSI is appended.
const RSSI: Setting = Setting {
    address: 0x45,
    right: 1,
};
/// The module never sleeps.
const SLEEP: Setting = Setting {
    address: 0x3F,
    right: 0,
};
const SETTINGS: [Setting; 3] = [FRAMES, RSSI, SLEEP];

/// One module.
pub(super) struct Amb8465 {
    radio: Arc<str>,
    wanted: Wanted,
    stage: Stage,
    identity: String,
    /// What was read of [`SETTINGS`], in their order.
    found: Vec<u8>,
    /// Flash was written; it is not written twice.
    was_written: bool,
}

enum Stage {
    Firmware,
    Serial,
    /// Reads the next setting that is not in `found`.
    Read,
    /// Writes what is wrong, one after the other.
    Write(Vec<Setting>),
    Written(Vec<Setting>),
    Reset,
    AfterReset,
    Mode,
    Ready,
    Failed(String),
}

/// What comes from the module.
#[derive(Debug)]
pub(super) enum Message {
    /// An answer, by the command it answers.
    Answer { command: u8, payload: Vec<u8> },
    /// A telegram from C on, with the RSSI behind it where that is on.
    Telegram(Vec<u8>),
}

impl Amb8465 {
    pub(super) fn new(radio: Arc<str>, wanted: Wanted) -> Self {
        Self {
            radio,
            wanted,
            stage: Stage::Firmware,
            identity: String::new(),
            found: Vec::new(),
            was_written: false,
        }
    }

    /// Whether a setting is right; `None` before it was read.
    fn is_right(&self, setting: Setting) -> Option<bool> {
        let at = SETTINGS.iter().position(|known| *known == setting)?;
        Some(*self.found.get(at)? == setting.right)
    }

    /// What to do once all settings are read.
    fn settings_read(&mut self) -> Stage {
        let wrong: Vec<Setting> = SETTINGS
            .into_iter()
            .filter(|setting| self.is_right(*setting) != Some(true))
            .collect();
        if wrong.is_empty() || self.was_written || !self.wanted.may_write_flash {
            return match self.is_right(SLEEP) {
                Some(true) => Stage::Mode,
                _ => Stage::Failed(
                    "it is set to fall asleep (memory 3F): allow its flash to be written, or set that to 0"
                        .to_owned(),
                ),
            };
        }
        self.was_written = true;
        Stage::Write(wrong)
    }

    fn answered(&mut self, payload: &[u8]) -> Option<Stage> {
        let status = |then: Stage, what: &str| match payload {
            [0] => then,
            _ => Stage::Failed(format!("it refuses {what}")),
        };
        Some(match (&mut self.stage, payload) {
            (Stage::Firmware, [major, minor, patch]) => {
                self.identity = format!("Amber, firmware {major}.{minor}.{patch}");
                Stage::Serial
            }
            (Stage::Serial, [s0, s1, s2, s3]) => {
                self.identity += &format!(", {:08X}", u32::from_be_bytes([*s0, *s1, *s2, *s3]));
                Stage::Read
            }
            (Stage::Read, [address, 1, value]) => {
                let expected = SETTINGS.get(self.found.len())?;
                if *address != expected.address {
                    return None;
                }
                self.found.push(*value);
                if self.found.len() < SETTINGS.len() {
                    Stage::Read
                } else {
                    self.settings_read()
                }
            }
            (Stage::Write(left), _) => status(
                Stage::Written(std::mem::take(left)),
                "to keep a setting in its flash",
            ),
            (Stage::Reset, _) => status(Stage::AfterReset, "to start again"),
            (Stage::Mode, _) => status(Stage::Ready, "its link mode"),
            _ => return None,
        })
    }

    /// The command whose answer is waited for.
    fn question(&self) -> Option<(u8, Vec<u8>)> {
        Some(match &self.stage {
            Stage::Firmware => (0x0C, vec![]),
            Stage::Serial => (0x0B, vec![]),
            Stage::Read => (0x0A, vec![SETTINGS.get(self.found.len())?.address, 1]),
            Stage::Write(left) => {
                let setting = left.first()?;
                (0x09, vec![setting.address, 1, setting.right])
            }
            Stage::Reset => (0x05, vec![]),
            Stage::Mode => (0x04, vec![self.wanted.code("an AMB8465", MODES).ok()?]),
            Stage::Written(_) | Stage::AfterReset | Stage::Ready | Stage::Failed(_) => return None,
        })
    }

    fn telegram(&self, octets: &[u8]) -> Option<Telegram> {
        // Before these are read, nobody knows where a telegram ends.
        let has_rssi = self.is_right(RSSI)?;
        let (octets, rssi) = match octets.split_last() {
            Some((rssi, octets)) if has_rssi => (octets, Some(*rssi)),
            _ => (octets, None),
        };
        let length = u8::try_from(octets.len()).ok()?;
        Some(Telegram {
            rssi_dbm: rssi.map(half_steps_dbm),
            ..Telegram::new([&[length], octets].concat(), Check::Receiver, self.radio.clone())
        })
    }
}

impl Device for Amb8465 {
    type Message = Message;

    fn head(&self, octets: &[u8], _: bool) -> Head<Message> {
        match octets {
            [START, command, ..] if is_known(*command) => {
                let Some(length) = octets.get(2) else {
                    return Head::More;
                };
                let count = 4 + usize::from(*length);
                let Some(frame) = octets.get(..count) else {
                    return Head::More;
                };
                if frame.iter().fold(0, |xor, octet| xor ^ octet) != 0 {
                    return Head::Noise(1);
                }
                let payload = frame.get(3..count - 1).unwrap_or_default().to_vec();
                Head::Message(
                    count,
                    match *command {
                        TELEGRAM => Message::Telegram(payload),
                        answer => Message::Answer {
                            command: answer & !ANSWER,
                            payload,
                        },
                    },
                )
            }
            // Bare telegrams, only once it is known that they are bare.
            [length, control, ..]
                if self.is_right(FRAMES) == Some(false) && bare::may_begin(*length, *control) =>
            {
                let count = 1 + usize::from(*length);
                octets.get(1..count).map_or(Head::More, |telegram| {
                    Head::Message(count, Message::Telegram(telegram.to_vec()))
                })
            }
            [_] => Head::More,
            _ => Head::Noise(1),
        }
    }

    fn quiet(&self) -> Duration {
        QUIET
    }

    fn next(&mut self) -> Todo {
        match &mut self.stage {
            Stage::Written(left) => {
                left.remove(0);
                self.stage = match left.as_slice() {
                    [] => Stage::Reset,
                    _ => Stage::Write(std::mem::take(left)),
                };
                return Todo::Pause(AFTER_WRITE);
            }
            Stage::AfterReset => {
                self.found.clear();
                self.stage = Stage::Read;
                return Todo::Pause(AFTER_RESET);
            }
            Stage::Ready => return Todo::Ready(self.identity.clone()),
            Stage::Failed(reason) => return Todo::Fail(reason.clone()),
            Stage::Firmware | Stage::Mode => {
                if let Err(reason) = self.wanted.code("an AMB8465", MODES) {
                    return Todo::Fail(reason);
                }
            }
            Stage::Serial | Stage::Read | Stage::Write(_) | Stage::Reset => {}
        }
        self.question().map_or_else(
            || Todo::Fail("it has nothing left to be asked".to_owned()),
            |(command, payload)| Todo::Ask {
                octets: frame(command, &payload),
                patience: PATIENCE,
                attempts: ATTEMPTS,
            },
        )
    }

    fn take(&mut self, message: Message) -> Taken {
        match message {
            Message::Telegram(octets) => self.telegram(&octets).map_or(Taken::Other, Taken::Telegram),
            Message::Answer { command, payload } => {
                if self.question().is_none_or(|(asked, _)| asked != command) {
                    return Taken::Other;
                }
                self.answered(&payload).map_or(Taken::Other, |stage| {
                    self.stage = stage;
                    Taken::Answer
                })
            }
        }
    }
}

pub(super) fn frame(command: u8, payload: &[u8]) -> Vec<u8> {
    let length = u8::try_from(payload.len()).unwrap_or(u8::MAX);
    let mut octets = vec![START, command, length];
    octets.extend_from_slice(payload);
    octets.push(octets.iter().fold(0, |xor, octet| xor ^ octet));
    octets
}

/// A telegram, or the answer to a command that exists.
fn is_known(command: u8) -> bool {
    matches!(command, TELEGRAM | 0x80 | 0x82 | 0x84..=0x86 | 0x89..=0x8D | 0x90 | 0x91 | 0xB0 | 0xB1 | 0xD0..=0xD2)
}
