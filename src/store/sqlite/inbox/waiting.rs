//! How much waits, who waits for it, and when it is time.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::{Segments, Turn};

/// So many telegrams and readings wait at most: settling them takes some seconds, in which whoever asks waits.
const MOST: usize = 200_000;
/// So long they wait at most, while others come.
const LONGEST: Duration = Duration::from_secs(3600);
/// What could not be settled is not tried again before, however many ask.
const RETRY: Duration = Duration::from_secs(5);
/// So long whoever asks waits for a settling, from its beginning.
const PATIENCE: Duration = Duration::from_secs(10);

/// How much waits, as far as this process put it there: nobody else does while it runs.
pub(in super::super) struct Inbox {
    /// One at a time hears or settles.
    turn: Mutex<Turn>,
    waiting: Mutex<Waiting>,
    /// A settling that somebody waits for has ended.
    ended: Condvar,
    /// Whoever asks again within so many seconds need not be told what came meanwhile.
    lag: AtomicU32,
}

#[derive(Clone, Copy, Default)]
struct Waiting {
    /// Telegrams, sightings and readings, and when the first came.
    items: usize,
    since: Option<Instant>,
    settled: Option<Instant>,
    /// It could not be settled.
    failed: Option<Instant>,
    /// Somebody who asks has it settled since then.
    settling: Option<Instant>,
}

impl Waiting {
    fn is_fresh(&self, lag: Duration) -> bool {
        let within = |since: Option<Instant>, time| since.is_some_and(|since| since.elapsed() < time);
        self.items == 0
            || within(self.settled, lag)
            || within(self.failed, RETRY)
            || self.settling.is_some_and(|since| since.elapsed() >= PATIENCE)
    }
}

impl Inbox {
    pub(in super::super) fn new(segments: Segments) -> Self {
        Self {
            turn: Mutex::new(Turn::new(segments)),
            waiting: Mutex::default(),
            ended: Condvar::new(),
            lag: AtomicU32::new(1),
        }
    }

    /// From now on answers may leave out what came within so many seconds before them.
    pub(in super::super) fn may_lag(&self, seconds: u32) {
        self.lag.store(seconds, Ordering::Relaxed);
    }

    /// Whoever holds it hears or settles.
    pub(in super::super) fn turn(&self) -> MutexGuard<'_, Turn> {
        self.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether it is time to settle, whoever asks or not.
    pub(in super::super) fn is_due(&self) -> bool {
        let waiting = self.waiting();
        let due = waiting.items >= MOST || waiting.since.is_some_and(|since| since.elapsed() >= LONGEST);
        // What was refused a moment ago is not tried again with each batch.
        due && waiting.failed.is_none_or(|since| since.elapsed() >= RETRY)
    }

    /// Whether so much waits that no more may.
    pub(in super::super) fn is_overfull(&self) -> bool {
        self.waiting().items >= 2 * MOST
    }

    /// Whether all counts that was heard until a moment ago, as far as that can be had.
    pub(in super::super) fn is_fresh(&self) -> bool {
        self.waiting()
            .is_fresh(Duration::from_secs(self.lag.load(Ordering::Relaxed).into()))
    }

    /// So many more wait.
    pub(in super::super) fn heard(&self, items: usize) {
        let mut waiting = self.waiting();
        waiting.items += items;
        waiting.since.get_or_insert_with(Instant::now);
    }

    /// Nothing waits any more.
    pub(in super::super) fn settled(&self) {
        let mut waiting = self.waiting();
        let some = waiting.items > 0;
        *waiting = Waiting {
            settled: some.then(Instant::now).or(waiting.settled),
            settling: waiting.settling,
            ..Waiting::default()
        };
    }

    /// It could not be settled: whoever asks need not try again at once.
    pub(in super::super) fn failed(&self) {
        self.waiting().failed = Some(Instant::now());
    }

    /// Whether it is for the caller to have it settled; until [`Inbox::ends`] it is nobody else's.
    pub(in super::super) fn begins(&self) -> bool {
        let mut waiting = self.waiting();
        let begins = waiting.settling.is_none();
        waiting.settling.get_or_insert_with(Instant::now);
        begins
    }

    /// The settling that others wait for has ended.
    pub(in super::super) fn ends(&self) {
        self.waiting().settling = None;
        self.ended.notify_all();
    }

    /// Waits for the settling that was begun, but not for a disk that is stuck.
    pub(in super::super) fn wait(&self) {
        let mut waiting = self.waiting();
        while let Some(since) = waiting.settling {
            let left = PATIENCE.saturating_sub(since.elapsed());
            if left.is_zero() {
                return;
            }
            (waiting, _) = self
                .ended
                .wait_timeout(waiting, left)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
