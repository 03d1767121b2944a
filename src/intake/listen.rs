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

/// How long a telegram that can't be heard again waits for room, when there was room for the one before.
const FULL: Duration = Duration::from_secs(2);

/// What waits between receivers and pipeline.
pub(super) enum Item {
    /// A telegram was heard.
    Telegram(Telegram),
    /// For telegrams of this receiver there was no room, until now.
    Missed(Arc<str>),
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
            overflows: false,
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
    /// For the latest telegram there was no room.
    overflows: bool,
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
                    if !self.hand_over(telegram) {
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
                Event::Overrun(datagrams) => self.drop_some(datagrams),
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
        let health = Item::Health(self.radio.clone(), health);
        if self.receiver.silence().is_none() {
            return self.wait_for_room(health, None);
        }
        match self.queue.try_send(health) {
            Ok(()) => true,
            Err(TrySendError::Disconnected(_)) => false,
            Err(TrySendError::Full(_)) => {
                // Not worth a telegram that comes meanwhile; it is said as soon as there is room.
                self.told = None;
                true
            }
        }
    }

    /// Puts a telegram into the queue; false when there is nobody left to take it.
    fn hand_over(&mut self, telegram: Telegram) -> bool {
        if self.receiver.silence().is_none() {
            return self.wait_for_room(Item::Telegram(telegram), None);
        }
        // What a dongle hears goes on coming while one waits: better to lose whole telegrams, and say how many. So the first
        // waits, and those behind it don't: while they waited the dongle would lose others, and nobody would count them.
        if self.overflows {
            match self.queue.try_send(Item::Missed(self.radio.clone())) {
                Ok(()) => self.overflows = false,
                Err(TrySendError::Disconnected(_)) => return false,
                Err(TrySendError::Full(_)) => {
                    self.drop_one();
                    return true;
                }
            }
        }
        self.wait_for_room(Item::Telegram(telegram), Some(FULL))
    }

    /// Puts something into the queue as soon as there is room, for so long; what finds none until then is dropped. False
    /// when there is nobody left to take it.
    fn wait_for_room(&mut self, item: Item, patience: Option<Duration>) -> bool {
        let until = patience.map(|patience| Instant::now() + patience);
        let mut waiting = item;
        loop {
            match self.queue.try_send(waiting) {
                Ok(()) => return true,
                Err(TrySendError::Disconnected(_)) => return false,
                Err(TrySendError::Full(item)) => {
                    if self.stop.load(Ordering::Relaxed) {
                        return false;
                    }
                    if until.is_some_and(|until| Instant::now() >= until) {
                        self.overflows = true;
                        self.drop_one();
                        return true;
                    }
                    waiting = item;
                    thread::sleep(Duration::from_millis(5));
                }
            }
        }
    }

    /// Counts a telegram for which there is no room.
    fn drop_one(&self) {
        self.drop_some(1);
    }

    /// Counts what is lost for want of room; each power of ten is said.
    fn drop_some(&self, more: u64) {
        let dropped = self.keeping.dropped(more);
        let before = dropped.saturating_sub(more);
        if dropped > 0 && before < 10_u64.pow(dropped.ilog10()) {
            warn!(event = "intake.dropped", radio = %self.radio, dropped, "no room for what is heard, it is lost");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::sync::Mutex;
    use std::sync::mpsc::{Receiver as Queue, sync_channel};

    use collector::Check;
    use collector::serial::Silence;

    use super::*;

    /// What happens, in this order, while the receiver is asked.
    enum Step {
        /// A telegram with this octet comes.
        Hears(u8),
        /// It is unplugged.
        Lost,
        /// Nothing comes.
        Idle,
        /// The intake takes what waits.
        Taken,
    }

    /// A dongle, and what its intake does: both in one thread, so that nothing depends on who is faster.
    struct Script {
        radio: Arc<str>,
        steps: VecDeque<Step>,
        queue: Arc<Mutex<Queue<Item>>>,
        taken: Arc<Mutex<Vec<String>>>,
    }

    impl Receiver for Script {
        fn radio(&self) -> &Arc<str> {
            &self.radio
        }

        fn next(&mut self, _: Duration) -> Event {
            while let Some(step) = self.steps.pop_front() {
                match step {
                    Step::Hears(octet) => {
                        let radio = self.radio.clone();
                        return Event::Telegram(Telegram::new(vec![octet], Check::Receiver, radio));
                    }
                    Step::Lost => return Event::Lost("unplugged".to_owned()),
                    Step::Idle => return Event::Idle,
                    Step::Taken => take(&self.queue, &self.taken),
                }
            }
            Event::Ended
        }

        fn silence(&self) -> Option<Silence> {
            Some(Silence::new(Duration::ZERO))
        }
    }

    fn take(queue: &Mutex<Queue<Item>>, taken: &Mutex<Vec<String>>) {
        let queue = queue.lock().unwrap();
        let words = queue.try_iter().map(|item| match item {
            Item::Telegram(telegram) => telegram.octets[0].to_string(),
            Item::Missed(_) => "missed".to_owned(),
            Item::Health(_, health) => format!("{} after {}", health.condition.name(), health.telegrams),
            Item::Setup(..) => "setup".to_owned(),
        });
        taken.lock().unwrap().extend(words);
    }

    /// What was taken, and how many were dropped, of a dongle with room for so many items.
    fn played(room: usize, steps: impl IntoIterator<Item = Step>) -> (Vec<String>, u64) {
        let (sender, queue) = sync_channel(room);
        let (queue, taken) = (Arc::new(Mutex::new(queue)), Arc::default());
        let script = Script {
            radio: "attic".into(),
            steps: steps.into_iter().collect(),
            queue: Arc::clone(&queue),
            taken: Arc::clone(&taken),
        };
        let keeping = Arc::new(Keeping::default());
        let listening = listen(Box::new(script), sender, Arc::default(), Arc::clone(&keeping));
        listening.join().unwrap();
        take(&queue, &taken);
        let taken = taken.lock().unwrap().clone();
        (taken, keeping.now().dropped)
    }

    #[test]
    fn a_dongle_that_finds_no_room_drops_counts_and_goes_on_when_there_is_room() {
        use Step::{Hears, Idle, Lost, Taken};
        // Thousands behind the first: would each of them wait as it did, this took hours.
        let steps = [Hears(1), Hears(2), Hears(3)]
            .into_iter()
            .chain((0..5000).map(|_| Hears(4)))
            .chain([Lost, Taken, Idle, Hears(5), Taken, Idle]);
        let (taken, dropped) = played(3, steps);
        assert_eq!(
            taken.join(", "),
            "1, listening after 1, 2, lost after 5003, missed, 5, listening after 5004, listening after 5004"
        );
        assert_eq!(dropped, 5001);
    }
}
