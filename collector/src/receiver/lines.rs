//! From lines to events, with the time of reception that their receiver goes by.

use std::collections::VecDeque;

use jiff::Timestamp;

use super::Event;
use crate::capture::{Content, Line};

/// Where the time of reception comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Clock {
    /// The lines say it, or nobody does: for recordings.
    Recorded,
    /// The lines say it, and where they don't, it is now: for files that grow, which may lie there for a while.
    RecordedOrNow,
    /// It is now, whatever the lines say: for what is heard live, since other clocks may be wrong.
    Now,
}

/// Events that wait to be asked for.
#[derive(Debug)]
pub(super) struct Lines {
    clock: Clock,
    waiting: VecDeque<Event>,
}

impl Lines {
    pub(super) fn new(clock: Clock) -> Self {
        Self {
            clock,
            waiting: VecDeque::new(),
        }
    }

    /// Takes what a line says.
    pub(super) fn push(&mut self, line: Line) {
        match line.content {
            Content::Telegrams(telegrams) => {
                for mut telegram in telegrams {
                    telegram.received_at = match self.clock {
                        Clock::Recorded => telegram.received_at,
                        Clock::RecordedOrNow => telegram.received_at.or_else(|| Some(Timestamp::now())),
                        Clock::Now => Some(Timestamp::now()),
                    };
                    self.waiting.push_back(Event::Telegram(telegram));
                }
            }
            Content::Rejected(rejection) => self.waiting.push_back(Event::Rejected {
                line: line.number,
                rejection,
            }),
            Content::Skipped(_) => {}
        }
    }

    /// The next event in the order of the lines.
    pub(super) fn pop(&mut self) -> Option<Event> {
        self.waiting.pop_front()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::{Origin, Reader};

    const TEXT: &str = "0F440102785634120107744778001122\n\
                        T1;1;1;2025-02-02 14:09:37;;;;0x0F440102785634120107744778001122\nnoise\n\n";

    fn times(clock: Clock) -> Vec<Option<Timestamp>> {
        let mut lines = Lines::new(clock);
        for line in Reader::new(TEXT.as_bytes(), Origin::new("x")) {
            lines.push(line.unwrap());
        }
        let mut times = Vec::new();
        while let Some(event) = lines.pop() {
            match event {
                Event::Telegram(telegram) => times.push(telegram.received_at),
                event => assert!(matches!(event, Event::Rejected { line: 3, .. }), "{event:?}"),
            }
        }
        times
    }

    #[test]
    fn who_says_when() {
        let before = Timestamp::now();
        let recorded = Some("2025-02-02T14:09:37Z".parse().unwrap());
        assert_eq!(times(Clock::Recorded), [None, recorded]);
        let [first, second] = times(Clock::RecordedOrNow)[..] else {
            panic!("two telegrams");
        };
        assert!(first.unwrap() >= before);
        assert_eq!(second, recorded);
        assert!(times(Clock::Now).into_iter().all(|time| time.unwrap() >= before));
    }
}
