//! Radiocrafts RC1180-MBUS: bare telegrams, and a state of its own for being asked.
//!
//! ```text
//! listening      [L  C …  [RSSI]  [CRC, 2]]     L counts what follows it; any octet written to it begins a
//!                                               transmission, save 00, which leads to
//! configuration  one command at a time, each answered by its values and the prompt 3E; deaf meanwhile
//!                30 list of 256 octets   59 a read a   4D then a v … FF write flash   47 m mode   49 f filter
//!                58 back to listening, without a prompt
//! ```
//!
//! L is one larger with RSSI (memory 05 is 1), two larger with CRC (memory 36 is 8). Nothing else checks a telegram.

use std::sync::Arc;
use std::time::Duration;

use wmbus::phy::crc::crc;

use super::session::{Device, Head, Taken, Todo};
use super::{Modes, Wanted, bare};
use crate::{Check, LinkMode, Telegram};

const PROMPT: u8 = 0x3E;
const ENTER: u8 = 0x00;
const LIST: u8 = 0x30;
const READ: u8 = 0x59;
const WRITE: u8 = 0x4D;
const MODE: u8 = 0x47;
const FILTER: u8 = 0x49;
const LEAVE: u8 = 0x58;
const RSSI_MODE: u8 = 0x05;
const DATA_INTERFACE: u8 = 0x36;

/// The module forgets an unfinished packet after 2 s, in which 00 would be taken as a part of it.
const SILENCE: Duration = Duration::from_millis(2500);
const PROMPT_PATIENCE: Duration = Duration::from_millis(200);
/// For the list and for flash.
const LONG_PATIENCE: Duration = Duration::from_millis(500);
const AFTER_LEAVE: Duration = Duration::from_millis(100);
/// A lone 3E is a prompt when so long nothing follows; the next octet of a telegram takes half a millisecond.
const QUIET_PROMPT: Duration = Duration::from_millis(50);
const QUIET: Duration = Duration::from_millis(1000);

/// Those of the MBUS3 generation; MBUS1 calls S and T the same.
const MODES: Modes = &[
    (&[LinkMode::S], 0x00),
    (&[LinkMode::T], 0x01),
    (&[LinkMode::C], 0x09),
    (&[LinkMode::C, LinkMode::T], 0x0A),
];

/// One module.
pub(super) struct Rc1180 {
    radio: Arc<str>,
    wanted: Wanted,
    stage: Stage,
    identity: String,
    has_rssi: bool,
    has_crc: bool,
}

#[derive(Clone, Debug)]
enum Stage {
    /// Silence first, since nobody knows what was written before.
    Silence {
        tries: u32,
    },
    /// The prompt did not come: perhaps it is in configuration already, where 58 leads out.
    Leave,
    AfterLeave,
    Enter {
        tries: u32,
    },
    List,
    ReadRssi,
    ReadInterface,
    Write,
    WriteRssi,
    Mode,
    Filter,
    Back,
    Ready,
    Failed(String),
}

/// What comes from the module.
#[derive(Debug)]
pub(super) enum Message {
    /// What stands in front of the prompt.
    Answer(Vec<u8>),
    /// All that L counts, without L.
    Telegram(Vec<u8>),
}

impl Rc1180 {
    pub(super) fn new(radio: Arc<str>, wanted: Wanted) -> Self {
        Self {
            radio,
            wanted,
            stage: Stage::Silence { tries: 0 },
            identity: String::new(),
            has_rssi: false,
            has_crc: false,
        }
    }

    /// Octets in front of the prompt that the open question asks for; `None` where none is open.
    fn expected(&self) -> Option<usize> {
        match self.stage {
            Stage::Enter { .. } | Stage::Write | Stage::WriteRssi | Stage::Mode | Stage::Filter => Some(0),
            Stage::ReadRssi | Stage::ReadInterface => Some(1),
            Stage::List => Some(256),
            _ => None,
        }
    }

    fn answered(&mut self, values: &[u8]) -> Stage {
        match (&self.stage, values) {
            (Stage::Enter { .. }, _) => Stage::List,
            (Stage::List, memory) => self.listed(memory),
            (Stage::ReadRssi, [mode]) => {
                self.has_rssi = *mode == 1;
                Stage::ReadInterface
            }
            (Stage::ReadInterface, [interface @ (0 | 8)]) => {
                self.has_crc = *interface == 8;
                if !self.has_rssi && self.wanted.may_write_flash {
                    Stage::Write
                } else {
                    Stage::Mode
                }
            }
            (Stage::ReadInterface, _) => Stage::Failed(
                "its telegrams come without their header (memory 36): set DATA_INTERFACE to 0".to_owned(),
            ),
            (Stage::Write, _) => Stage::WriteRssi,
            (Stage::WriteRssi, _) => {
                self.has_rssi = true;
                Stage::Mode
            }
            (Stage::Mode, _) => Stage::Filter,
            (Stage::Filter, _) => Stage::Back,
            (stage, _) => stage.clone(),
        }
    }

    /// Finds the part number in the list; an old generation says that it can't hear C.
    fn listed(&mut self, memory: &[u8]) -> Stage {
        let Some(at) = memory.windows(3).position(|part| part == b"RC1") else {
            return Stage::Failed("its memory names no part number of Radiocrafts".to_owned());
        };
        let part: String = memory
            .iter()
            .skip(at)
            .map(|octet| char::from(*octet))
            .take_while(char::is_ascii_graphic)
            .take(40)
            .collect();
        self.identity = format!("Radiocrafts {part}");
        if part.contains("MBUS1") && self.wanted.modes.contains(&LinkMode::C) {
            return Stage::Failed(format!("{}, can't hear C: it can hear S, or T", self.identity));
        }
        Stage::ReadRssi
    }

    fn telegram(&self, octets: &[u8]) -> Option<Telegram> {
        let mut octets = octets;
        if self.has_crc {
            let (checked, sent) = octets.split_last_chunk::<2>()?;
            // Over L as it would be without the CRC, and all up to it.
            let length = u8::try_from(checked.len()).ok()?;
            if crc(&[&[length], checked].concat()) != u16::from_le_bytes(*sent) {
                return None;
            }
            octets = checked;
        }
        let mut rssi_dbm = None;
        if self.has_rssi {
            let (raw, rest) = octets.split_last()?;
            rssi_dbm = Some(-i16::from(*raw) / 2);
            octets = rest;
        }
        let length = u8::try_from(octets.len()).ok()?;
        Some(Telegram {
            rssi_dbm,
            ..Telegram::new([&[length], octets].concat(), Check::Receiver, self.radio.clone())
        })
    }

    fn is_listening(&self) -> bool {
        matches!(self.stage, Stage::Ready)
    }
}

impl Device for Rc1180 {
    type Message = Message;

    fn head(&self, octets: &[u8], is_quiet: bool) -> Head<Message> {
        if self.is_listening() {
            let [length, control, ..] = octets else {
                return Head::More;
            };
            if !bare::may_begin(*length, *control) {
                return Head::Noise(1);
            }
            let count = 1 + usize::from(*length);
            return octets.get(1..count).map_or(Head::More, |telegram| {
                // With a CRC, a wrong L is noticed, and what it would swallow is not lost.
                if self.has_crc && self.telegram(telegram).is_none() {
                    Head::Noise(1)
                } else {
                    Head::Message(count, Message::Telegram(telegram.to_vec()))
                }
            });
        }
        let Some(expected) = self.expected() else {
            return Head::Noise(octets.len());
        };
        match self.stage {
            // Telegrams may come until it enters, and theirs may be 3E too: a prompt is the last thing it says.
            Stage::Enter { .. } => match octets {
                [PROMPT] if is_quiet => Head::Message(1, Message::Answer(Vec::new())),
                [_] if !is_quiet => Head::More,
                _ => Head::Noise(1),
            },
            // Then only answers come, and how long they are is known.
            _ => match octets.get(..=expected) {
                Some([values @ .., PROMPT]) => Head::Message(expected + 1, Message::Answer(values.to_vec())),
                Some(_) => Head::Noise(1),
                None => Head::More,
            },
        }
    }

    fn quiet(&self) -> Duration {
        match self.stage {
            Stage::Enter { .. } => QUIET_PROMPT,
            _ => QUIET,
        }
    }

    fn next(&mut self) -> Todo {
        let ask = |octets: &[u8], patience| Todo::Ask {
            octets: octets.to_vec(),
            patience,
            // A second command before the first one's prompt would be its argument.
            attempts: 1,
        };
        match self.stage.clone() {
            Stage::Silence { tries } => {
                if let Err(reason) = self.wanted.code("an RC1180", MODES) {
                    return Todo::Fail(reason);
                }
                self.stage = Stage::Enter { tries };
                Todo::Pause(SILENCE)
            }
            Stage::Leave => {
                self.stage = Stage::AfterLeave;
                Todo::Tell(vec![LEAVE])
            }
            Stage::AfterLeave => {
                self.stage = Stage::Enter { tries: 1 };
                Todo::Pause(AFTER_LEAVE)
            }
            Stage::Enter { .. } => ask(&[ENTER], PROMPT_PATIENCE),
            Stage::List => ask(&[LIST], LONG_PATIENCE),
            Stage::ReadRssi => ask(&[READ, RSSI_MODE], PROMPT_PATIENCE),
            Stage::ReadInterface => ask(&[READ, DATA_INTERFACE], PROMPT_PATIENCE),
            Stage::Write => ask(&[WRITE], PROMPT_PATIENCE),
            Stage::WriteRssi => ask(&[RSSI_MODE, 1, 0xFF], LONG_PATIENCE),
            Stage::Mode => match self.wanted.code("an RC1180", MODES) {
                Ok(mode) => ask(&[MODE, mode], PROMPT_PATIENCE),
                Err(reason) => Todo::Fail(reason),
            },
            // All meters, not only those that were installed with it.
            Stage::Filter => ask(&[FILTER, 2], PROMPT_PATIENCE),
            Stage::Back => {
                self.stage = Stage::Ready;
                Todo::Tell(vec![LEAVE])
            }
            Stage::Ready => Todo::Ready(self.identity.clone()),
            Stage::Failed(reason) => Todo::Fail(reason),
        }
    }

    fn take(&mut self, message: Message) -> Taken {
        match message {
            Message::Telegram(octets) => self.telegram(&octets).map_or(Taken::Other, Taken::Telegram),
            Message::Answer(values) => {
                self.stage = self.answered(&values);
                Taken::Answer
            }
        }
    }

    fn unanswered(&mut self) -> Option<()> {
        self.stage = match self.stage {
            Stage::Enter { tries: 0 } => Stage::Leave,
            Stage::Enter { tries: 1 } => Stage::Silence { tries: 2 },
            _ => return None,
        };
        Some(())
    }
}
