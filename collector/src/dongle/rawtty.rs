//! Bare telegrams, stripped, back to back, from something that takes no commands.
//!
//! ```text
//! L C M M A A A A A A CI …   L C …
//! ```
//!
//! Nothing protects them. Out of step, octets are skipped until an L and a C may begin a telegram; a wrong L costs
//! the telegrams it swallows, at most 256 octets, and less when the line falls silent.

use std::sync::Arc;
use std::time::Duration;

use super::bare;
use super::session::{Device, Head, Taken, Todo};
use crate::{Check, Telegram};

/// Wire time of the longest telegram at 9600 baud, and as long again.
const QUIET: Duration = Duration::from_millis(1000);

/// Something that only talks.
pub(super) struct Rawtty {
    radio: Arc<str>,
}

impl Rawtty {
    pub(super) fn new(radio: Arc<str>) -> Self {
        Self { radio }
    }
}

impl Device for Rawtty {
    type Message = Vec<u8>;

    fn head(&self, octets: &[u8], _: bool) -> Head<Vec<u8>> {
        let [length, control, ..] = octets else {
            return Head::More;
        };
        if !bare::may_begin(*length, *control) {
            return Head::Noise(1);
        }
        let count = usize::from(*length) + 1;
        octets
            .get(..count)
            .map_or(Head::More, |telegram| Head::Message(count, telegram.to_vec()))
    }

    fn quiet(&self) -> Duration {
        QUIET
    }

    fn next(&mut self) -> Todo {
        Todo::Ready("bare telegrams, from whatever it is".to_owned())
    }

    fn take(&mut self, octets: Vec<u8>) -> Taken {
        Taken::Telegram(Telegram::new(octets, Check::Nobody, self.radio.clone()))
    }
}
