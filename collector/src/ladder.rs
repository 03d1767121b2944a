//! The ladder of help for a receiver that answers and hears nothing: each step once, then a long rest.
//!
//! ```text
//! silent for too long ─► set up again ─► reset ─► closed and opened ─► its USB port reset ─► said that it wants a hand
//! ```
//!
//! Pure: instants go in, steps come out. A telegram ends it at any time.

use std::time::{Duration, Instant};

/// What to do next for a silent receiver.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Help {
    /// Ask it, and set its modes again.
    SetUp,
    /// Its own reset command.
    Reset,
    /// Close its port and open it again.
    Reopen,
    /// Take its USB port's power of speech for a moment.
    ResetUsb,
    /// Nothing helped: somebody has to go there.
    Report,
}

/// Where on the ladder a receiver stands.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ladder {
    /// The latest telegram, or the first time that it was set up.
    heard: Option<Instant>,
    climbed: Option<Help>,
    /// Before this no further step is taken.
    not_before: Option<Instant>,
    /// How long the latest step is given to show whether it has helped, once it is set up again.
    trial: Duration,
}

/// Before the ladder is climbed again, when nothing helped.
const REST: Duration = Duration::from_secs(2 * 3600);

impl Ladder {
    /// It gave a telegram.
    pub(crate) fn heard(&mut self, now: Instant) {
        *self = Self {
            heard: Some(now),
            ..Self::default()
        };
    }

    /// It was set up: from now on it can be silent, unless it has been all the time.
    pub(crate) fn ready(&mut self, now: Instant) {
        self.heard.get_or_insert(now);
        if matches!(self.climbed, Some(climbed) if climbed != Help::Report) {
            self.not_before = now.checked_add(self.trial);
        }
    }

    /// It is gone for another reason than silence: begins anew when it comes back.
    pub(crate) fn gone(&mut self) {
        *self = Self::default();
    }

    /// Whether it is being helped.
    pub(crate) fn is_climbing(&self) -> bool {
        self.climbed.is_some()
    }

    /// The step that is due, given how long a silence is normal.
    pub(crate) fn due(&mut self, normal: Duration, now: Instant) -> Option<Help> {
        let silent = now.checked_duration_since(self.heard?)?;
        if silent < normal || self.not_before.is_some_and(|instant| now < instant) {
            return None;
        }
        let next = match self.climbed {
            None | Some(Help::Report) => Help::SetUp,
            Some(Help::SetUp) => Help::Reset,
            Some(Help::Reset) => Help::Reopen,
            Some(Help::Reopen) => Help::ResetUsb,
            Some(Help::ResetUsb) => Help::Report,
        };
        self.climbed = Some(next);
        // Ten usual gaps make a silence; two or three show whether a step has helped.
        self.trial = normal / 4;
        self.not_before = now.checked_add(if next == Help::Report { REST } else { self.trial });
        Some(next)
    }

    /// The step could not be taken, for the dongle knows none of its kind: the next one at once.
    pub(crate) fn skip(&mut self) {
        self.not_before = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_step_once_then_a_rest_and_a_telegram_ends_it() {
        let normal = Duration::from_secs(900);
        let start = Instant::now();
        let mut ladder = Ladder::default();
        assert_eq!(ladder.due(normal, start + normal), None, "never set up");
        ladder.ready(start);
        let mut steps = Vec::new();
        for second in 0..4 * 3600 {
            let now = start + Duration::from_secs(second);
            if let Some(step) = ladder.due(normal, now) {
                steps.push((second, step));
                // It is opened and set up again and again meanwhile.
                ladder.ready(now);
            }
        }
        let first: Vec<_> = steps.iter().take(6).copied().collect();
        assert_eq!(
            first,
            [
                (900, Help::SetUp),
                (1125, Help::Reset),
                (1350, Help::Reopen),
                (1575, Help::ResetUsb),
                (1800, Help::Report),
                (1800 + 7200, Help::SetUp),
            ]
        );
        assert_eq!(steps.len(), 10, "in four hours, twice");
        let now = start + Duration::from_secs(4 * 3600);
        ladder.heard(now);
        assert!(!ladder.is_climbing());
        assert_eq!(ladder.due(normal, now + normal / 2), None);
        assert_eq!(ladder.due(normal, now + normal), Some(Help::SetUp));
    }
}
