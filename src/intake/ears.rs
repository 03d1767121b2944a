//! Receivers heard together, for whoever only listens: no pipeline, no store.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver as Queue, RecvTimeoutError, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use collector::{Receiver, Telegram};

use super::listen::{Item, listen};

/// Some receivers, each in its own thread.
pub struct Ears {
    queue: Queue<Item>,
    threads: Vec<JoinHandle<()>>,
    stop: Arc<AtomicBool>,
}

/// What was heard.
#[derive(Debug)]
pub enum Heard {
    /// A telegram.
    Telegram(Telegram),
    /// Nothing in the time that was waited.
    Nothing,
    /// Nothing, and nothing will come: all receivers are at their end, or were stopped.
    End,
}

/// Telegrams that wait; more than that, and the receivers wait.
const QUEUE: usize = 1024;

impl Ears {
    /// Begins to listen; `stop` ends it.
    pub fn new(receivers: Vec<Box<dyn Receiver>>, stop: &Arc<AtomicBool>) -> Self {
        let (sender, queue) = sync_channel(QUEUE);
        let threads = receivers
            .into_iter()
            .map(|receiver| listen(receiver, sender.clone(), Arc::clone(stop), Arc::default()))
            .collect();
        Self {
            queue,
            threads,
            stop: Arc::clone(stop),
        }
    }

    /// What is heard next, waiting for at most so long.
    pub fn next(&self, patience: Duration) -> Heard {
        let until = Instant::now() + patience;
        loop {
            match self
                .queue
                .recv_timeout(until.saturating_duration_since(Instant::now()))
            {
                Ok(Item::Telegram(telegram)) => return Heard::Telegram(telegram),
                Ok(Item::Missed(_) | Item::Health(..) | Item::Setup(..)) => {}
                Err(RecvTimeoutError::Timeout) if self.stop.load(Ordering::Relaxed) => return Heard::End,
                Err(RecvTimeoutError::Timeout) => return Heard::Nothing,
                Err(RecvTimeoutError::Disconnected) => return Heard::End,
            }
        }
    }
}

impl Drop for Ears {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        // Whoever waits for room in the queue looks at the flag.
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}
