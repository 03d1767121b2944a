//! One thread a receiver: its telegrams and how it is, into the queue; what is news, into the log, once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Sender, SyncSender, TrySendError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use collector::{Condition, Event, Health, Receiver, Telegram};
use tracing::{info, warn};

use super::{Changed, Setup};
use crate::logging::Often;
use crate::store::Keeping;

/// How long a receiver is asked before it is told to stop.
pub(super) const PATIENCE: Duration = Duration::from_millis(200);
/// How often it is said how a receiver is when nothing but its counters changes.
const HEALTH_EVERY: Duration = Duration::from_secs(10);

/// How long a telegram that can't be heard again waits for room.
const FULL: Duration = Duration::from_secs(2);

/// What waits between receivers and pipeline.
pub(super) enum Item {
    /// A telegram was heard.
    Telegram(Telegram),
    /// How the receiver of this name is.
    Health(Arc<str>, Health),
    /// From now on it is done in this way; whoever asked is told what came of it.
    Setup(Box<Setup>, Sender<Changed>),
}

/// A thread that asks one receiver until it is told to stop.
pub(super) fn listen(
    receiver: Box<dyn Receiver>,
    queue: SyncSender<Item>,
    stop: Arc<AtomicBool>,
    keeping: Arc<Keeping>,
) -> JoinHandle<()> {
    thread::spawn(move || {
        let radio = receiver.radio().clone();
        Listening {
            health: Health::new(radio.to_string()),
            radio,
            receiver,
            queue,
            stop,
            told: None,
            rejected: 0,
            healed: Often::new(),
            lost: Often::new(),
            keeping,
        }
        .run();
    })
}

struct Listening {
    radio: Arc<str>,
    receiver: Box<dyn Receiver>,
    queue: SyncSender<Item>,
    stop: Arc<AtomicBool>,
    /// Of a receiver that keeps none itself.
    health: Health,
    /// What was told last, and when.
    told: Option<(Health, Instant)>,
    rejected: u64,
    healed: Often,
    lost: Often,
    keeping: Arc<Keeping>,
}

impl Listening {
    fn run(mut self) {
        let radio = self.radio.clone();
        info!(event = "receiver.listening", %radio, "listening");
        while !self.stop.load(Ordering::Relaxed) {
            let event = self.receiver.next(PATIENCE);
            self.follow(&event);
            match event {
                Event::Telegram(telegram) => {
                    if !self.hand_over(Item::Telegram(telegram)) {
                        return;
                    }
                }
                Event::Rejected { line, rejection } => {
                    self.rejected += 1;
                    // The first, the tenth, the hundredth …: a flood of noise must not become a flood of log.
                    if self.rejected == 10_u64.pow(self.rejected.ilog10()) {
                        let rejected = self.rejected;
                        warn!(event = "receiver.line", %radio, line, rejected, %rejection, "a line that is no telegram");
                    }
                }
                Event::Ready(identity) => {
                    info!(event = "receiver.ready", %radio, %identity, "receiver set up")
                }
                // A plug that hangs loose may do this all day.
                Event::Healing(step) => {
                    if let Some(times) = self.healed.again() {
                        warn!(event = "receiver.healing", %radio, %step, times, "receiver in need of help");
                    }
                }
                Event::Lost(reason) => {
                    if let Some(times) = self.lost.again() {
                        warn!(event = "receiver.lost", %radio, %reason, times, "receiver lost, trying to get it back");
                    }
                }
                Event::Idle => {}
                Event::Ended => {
                    info!(event = "receiver.ended", %radio, "read to its end");
                    self.tell(true);
                    return;
                }
            }
            if !self.tell(false) {
                return;
            }
        }
        self.tell(true);
    }

    /// What an event says of a receiver that keeps no health itself.
    fn follow(&mut self, event: &Event) {
        let name = || self.radio.to_string();
        match event {
            Event::Telegram(_) => {
                self.health.listening(name());
                self.health.telegram();
            }
            Event::Rejected { .. } | Event::Idle if self.health.condition == Condition::Opening => {
                self.health.listening(name());
            }
            Event::Lost(reason) => self.health.lost(reason.clone()),
            _ => {}
        }
    }

    /// Says how the receiver is, when that is news or was said long ago; false when there is nobody left to hear it.
    fn tell(&mut self, always: bool) -> bool {
        let health = self.receiver.health().unwrap_or_else(|| self.health.clone());
        let is_news = match &self.told {
            None => true,
            Some((told, at)) => {
                let same = Health {
                    telegrams: told.telegrams,
                    noise: told.noise,
                    ..health.clone()
                } == *told;
                !same || at.elapsed() >= HEALTH_EVERY
            }
        };
        if !is_news && !always {
            return true;
        }
        self.told = Some((health.clone(), Instant::now()));
        self.hand_over(Item::Health(self.radio.clone(), health))
    }

    /// Puts something into the queue, waiting while it is full; false when there is nobody left to take it.
    fn hand_over(&self, item: Item) -> bool {
        // What a dongle hears goes on coming while it waits: better to lose whole telegrams, and say how many.
        let mut patience = (self.receiver.silence().is_some() && matches!(item, Item::Telegram(_)))
            .then(|| Instant::now() + FULL);
        let mut waiting = item;
        loop {
            match self.queue.try_send(waiting) {
                Ok(()) => return true,
                Err(TrySendError::Disconnected(_)) => return false,
                Err(TrySendError::Full(item)) => {
                    if self.stop.load(Ordering::Relaxed) {
                        return false;
                    }
                    if patience.take_if(|until| Instant::now() >= *until).is_some() {
                        let dropped = self.keeping.dropped();
                        if dropped == 10_u64.pow(dropped.ilog10()) {
                            warn!(event = "intake.dropped", radio = %self.radio, dropped, "no room for what is heard, it is lost");
                        }
                        return true;
                    }
                    waiting = item;
                    thread::sleep(Duration::from_millis(5));
                }
            }
        }
    }
}
