//! CUL and nanoCUL: lines of text.
//!
//! ```text
//! V        what are you?                    V 1.67 nanoCUL868
//! X21      report telegrams, with LQI and RSSI at their ends; no answer
//! brc      hear C and T: CMODE              brt: TMODE    brs: SMODE    anything it does not know: OFF
//!          a telegram                       b[Y]HEX[LQI RSSI]
//! ```
//!
//! The first line after opening is often answered by `? (… is unknown)`, since garbage stands in front of it.

use std::sync::Arc;
use std::time::Duration;

use super::session::{Device, Head, Taken, Todo};
use super::{Modes, Wanted};
use crate::LinkMode;
use crate::capture::{Origin, cul};

/// The longest telegram with its CRCs, LQI and RSSI is 588 characters.
const MAX_LINE: usize = 700;
const PATIENCE: Duration = Duration::from_millis(700);
const ATTEMPTS: u32 = 3;
/// The longest line takes 140 ms at 38 400 baud.
const QUIET: Duration = Duration::from_millis(1000);

/// The letter behind `br`. Mode C hears T as well.
const MODES: Modes = &[
    (&[LinkMode::S], b's'),
    (&[LinkMode::T], b't'),
    (&[LinkMode::C], b'c'),
    (&[LinkMode::C, LinkMode::T], b'c'),
];

/// One stick.
pub(super) struct Cul {
    origin: Origin,
    wanted: Wanted,
    stage: Stage,
    identity: String,
}

enum Stage {
    Version,
    Reports,
    Mode(u8),
    Ready,
    Failed(String),
}

impl Cul {
    pub(super) fn new(radio: Arc<str>, wanted: Wanted) -> Self {
        Self {
            origin: Origin::new(&radio),
            wanted,
            stage: Stage::Version,
            identity: String::new(),
        }
    }

    /// What an answer means for the set-up; `None` when it is none.
    fn answered(&mut self, line: &str) -> Option<Stage> {
        match self.stage {
            Stage::Version => {
                let version = line
                    .strip_prefix("V ")
                    .filter(|version| version.contains("CUL"))?;
                self.identity = version.trim().to_owned();
                Some(Stage::Reports)
            }
            Stage::Mode(mode) => {
                let word = match mode {
                    b's' => "SMODE",
                    b't' => "TMODE",
                    _ => "CMODE",
                };
                match line {
                    line if line == word => Some(Stage::Ready),
                    "OFF" => Some(Stage::Failed(format!(
                        "{}, can't hear {}: its firmware does not know that mode",
                        self.identity,
                        char::from(mode.to_ascii_uppercase())
                    ))),
                    _ => None,
                }
            }
            Stage::Reports | Stage::Ready | Stage::Failed(_) => None,
        }
    }
}

impl Device for Cul {
    type Message = String;

    fn head(&self, octets: &[u8], is_quiet: bool) -> Head<String> {
        // A lost CR or LF leaves the other.
        let Some(end) = octets.iter().position(|octet| matches!(octet, b'\r' | b'\n')) else {
            return if is_quiet || octets.len() > MAX_LINE {
                Head::Noise(octets.len())
            } else {
                Head::More
            };
        };
        let line = octets.get(..end).unwrap_or_default();
        match std::str::from_utf8(line) {
            Ok("") => Head::Filler(end + 1),
            Ok(line) if end <= MAX_LINE && line.bytes().all(|octet| (b' '..=b'~').contains(&octet)) => {
                Head::Message(end + 1, line.to_owned())
            }
            _ => Head::Noise(end + 1),
        }
    }

    fn quiet(&self) -> Duration {
        QUIET
    }

    fn next(&mut self) -> Todo {
        let ask = |text: String| Todo::Ask {
            octets: text.into_bytes(),
            patience: PATIENCE,
            attempts: ATTEMPTS,
        };
        match &self.stage {
            Stage::Version => ask("V\r\n".to_owned()),
            Stage::Reports => {
                self.stage = match self.wanted.code("a CUL", MODES) {
                    Ok(mode) => Stage::Mode(mode),
                    Err(reason) => Stage::Failed(reason),
                };
                Todo::Tell(b"X21\r\n".to_vec())
            }
            Stage::Mode(mode) => ask(format!("br{}\r\n", char::from(*mode))),
            Stage::Ready => Todo::Ready(self.identity.clone()),
            Stage::Failed(reason) => Todo::Fail(reason.clone()),
        }
    }

    fn take(&mut self, line: String) -> Taken {
        if cul::is_meant(&line) {
            // Lost characters show as lengths and CRCs that are wrong.
            return cul::parse(&line, &self.origin).map_or(Taken::Damaged, Taken::Telegram);
        }
        self.answered(&line).map_or(Taken::Other, |stage| {
            self.stage = stage;
            Taken::Answer
        })
    }
}
