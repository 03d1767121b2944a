//! What all dongles have in common: a buffer with noise in it, questions with their patience, a set-up that ends.

use std::collections::VecDeque;
use std::time::Duration;

use super::{Framer, Step};
use crate::Telegram;

/// Most octets that wait for the rest of their message; more is noise. No message of any model is longer.
const BUFFER: usize = 4096;

/// What one model looks like on the line, and how it is set up.
pub(super) trait Device: Send {
    /// A whole message from the dongle.
    type Message;

    /// What stands at the head of the buffer, which is not empty. `is_quiet` when nothing came for [`Self::quiet`].
    fn head(&self, octets: &[u8], is_quiet: bool) -> Head<Self::Message>;

    /// After this long without octets, what is incomplete stays so.
    fn quiet(&self) -> Duration;

    /// What to do next in setting it up. Asked again after each answer, each pause and each order.
    fn next(&mut self) -> Todo;

    /// What a message means, now.
    fn take(&mut self, message: Self::Message) -> Taken;

    /// The question that [`Self::next`] gave last stays without an answer: another way, when there is one.
    fn unanswered(&mut self) -> Option<()> {
        None
    }
}

/// What stands at the head of the buffer.
#[derive(Debug)]
pub(super) enum Head<M> {
    /// The beginning of a message, so far.
    More,
    /// So many octets of nothing.
    Noise(usize),
    /// So many octets between messages, as they should be.
    Filler(usize),
    /// A message of so many octets.
    Message(usize, M),
}

/// The next thing to do in setting a dongle up.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Todo {
    /// A question: sent up to `attempts` times, each with `patience`.
    Ask {
        octets: Vec<u8>,
        patience: Duration,
        attempts: u32,
    },
    /// An order that has no answer.
    Tell(Vec<u8>),
    /// Silence.
    Pause(Duration),
    /// Nothing: it is set up, and who it is.
    Ready(String),
    /// Nothing: it can't be used, and why.
    Fail(String),
}

/// What a message was.
#[derive(Debug)]
pub(super) enum Taken {
    /// A telegram.
    Telegram(Telegram),
    /// The answer to the question that is open.
    Answer,
    /// Something else: a late answer, a notice.
    Other,
    /// A telegram once, before octets of it were lost.
    Damaged,
}

/// A device and where it stands.
pub(super) struct Session<D> {
    device: D,
    buffer: Vec<u8>,
    /// Octets of the buffer that are dealt with.
    done: usize,
    /// When octets came last.
    arrived: Duration,
    noise: u64,
    telegrams: VecDeque<Telegram>,
    state: State,
}

#[derive(Debug)]
enum State {
    /// The device is to be asked what is next.
    Open,
    /// A question waits for its answer until then.
    Asking {
        octets: Vec<u8>,
        patience: Duration,
        attempts: u32,
        until: Duration,
    },
    Pausing {
        until: Duration,
    },
    /// Set up, or failed.
    Settled,
}

impl<D: Device> Session<D> {
    pub(super) fn new(device: D) -> Self {
        Self {
            device,
            buffer: Vec::new(),
            done: 0,
            arrived: Duration::ZERO,
            noise: 0,
            telegrams: VecDeque::new(),
            state: State::Open,
        }
    }

    /// Takes whole messages off the buffer.
    fn parse(&mut self, is_quiet: bool) {
        while let Some(octets @ [_, ..]) = self.buffer.get(self.done..) {
            let left = octets.len();
            let count = match self.device.head(octets, is_quiet) {
                Head::Message(count, message) => {
                    match self.device.take(message) {
                        Taken::Telegram(telegram) => self.telegrams.push_back(telegram),
                        Taken::Answer if matches!(self.state, State::Asking { .. }) => {
                            self.state = State::Open
                        }
                        Taken::Answer | Taken::Other => {}
                        Taken::Damaged => self.noise += count as u64,
                    }
                    count
                }
                Head::Filler(count) => count,
                Head::Noise(count) => {
                    self.noise += count as u64;
                    count
                }
                // Whatever has begun will not be finished any more; something whole may stand behind its start.
                Head::More if is_quiet || left >= BUFFER => {
                    self.noise += 1;
                    1
                }
                Head::More => break,
            };
            self.done += count.clamp(1, left);
        }
        self.buffer.drain(..self.done);
        self.done = 0;
    }

    /// One step of setting up; `None` when there is none right now.
    fn set_up(&mut self, now: Duration) -> Option<Step> {
        loop {
            match &mut self.state {
                State::Open => match self.device.next() {
                    Todo::Ask {
                        octets,
                        patience,
                        attempts,
                    } => {
                        self.state = State::Asking {
                            octets: octets.clone(),
                            patience,
                            attempts: attempts.saturating_sub(1),
                            until: now + patience,
                        };
                        return Some(Step::Send(octets));
                    }
                    Todo::Tell(octets) => return Some(Step::Send(octets)),
                    Todo::Pause(pause) => self.state = State::Pausing { until: now + pause },
                    Todo::Ready(identity) => {
                        self.state = State::Settled;
                        return Some(Step::Ready(identity));
                    }
                    Todo::Fail(reason) => {
                        self.state = State::Settled;
                        return Some(Step::Failed(reason));
                    }
                },
                State::Asking {
                    octets,
                    patience,
                    attempts,
                    until,
                } if *until <= now => {
                    if *attempts > 0 {
                        *attempts -= 1;
                        *until = now + *patience;
                        return Some(Step::Send(octets.clone()));
                    }
                    if self.device.unanswered().is_none() {
                        self.state = State::Settled;
                        return Some(Step::Failed(
                            "no answer: not plugged in, another model, or another speed".to_owned(),
                        ));
                    }
                    self.state = State::Open;
                }
                State::Pausing { until } if *until <= now => self.state = State::Open,
                State::Asking { .. } | State::Pausing { .. } | State::Settled => return None,
            }
        }
    }
}

impl<D: Device> Framer for Session<D> {
    fn push(&mut self, octets: &[u8], now: Duration) {
        self.look_back(now);
        for piece in octets.chunks(BUFFER / 2) {
            self.buffer.extend_from_slice(piece);
            self.parse(false);
        }
        if !octets.is_empty() {
            self.arrived = now;
        }
    }

    fn next(&mut self, now: Duration) -> Step {
        self.look_back(now);
        if let Some(telegram) = self.telegrams.pop_front() {
            return Step::Telegram(telegram);
        }
        if let Some(step) = self.set_up(now) {
            return step;
        }
        let question = match self.state {
            State::Asking { until, .. } | State::Pausing { until } => Some(until),
            State::Open | State::Settled => None,
        };
        let rest = (!self.buffer.is_empty()).then(|| self.arrived + self.device.quiet());
        let earliest = question.into_iter().chain(rest).min();
        Step::Wait(earliest.map(|until| until.saturating_sub(now)))
    }

    fn noise(&self) -> u64 {
        self.noise
    }
}

impl<D: Device> Session<D> {
    /// Gives up what is incomplete and has been for too long.
    fn look_back(&mut self, now: Duration) {
        if !self.buffer.is_empty() && now >= self.arrived + self.device.quiet() {
            self.parse(true);
        }
    }
}
