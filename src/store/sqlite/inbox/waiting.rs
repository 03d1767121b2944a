//! How much waits, who waits for it, and when it is time.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::{Segments, Turn};

/// So many telegrams and readings wait at most: an hour of fifty telegrams a second has fewer.
const MOST: usize = if cfg!(test) { 200_000 } else { 600_000 };
/// Nor do more wait than could be settled in this time, as far as the latest settling tells: whoever asks waits for it.
const LONG: Duration = Duration::from_secs(3);
/// A settling of fewer tells nothing.
const TELLING: usize = 10_000;
/// So long they wait at most, while others come.
const LONGEST: Duration = Duration::from_secs(3600);
/// An hour that is over is settled, but not before this: it may be an old one, of a file.
const LATELY: Duration = Duration::from_secs(60);
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
    /// In which hour it was received, as far as it is known.
    hour: Option<i64>,
    settled: Option<Instant>,
    /// It could not be settled.
    failed: Option<Instant>,
    /// Somebody who asks has it settled since then.
    settling: Option<Instant>,
    /// How long one of them took to be settled.
    pace: Duration,
}

impl Waiting {
    fn is_full(&self) -> bool {
        let items = u32::try_from(self.items).unwrap_or(u32::MAX);
        self.items >= MOST || (self.items >= TELLING && self.pace.saturating_mul(items) >= LONG)
    }

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
        let due = waiting.is_full() || waiting.since.is_some_and(|since| since.elapsed() >= LONGEST);
        // What was refused a moment ago is not tried again with each batch.
        due && waiting.failed.is_none_or(|since| since.elapsed() >= RETRY)
    }

    /// Whether so much waits that no more may.
    pub(in super::super) fn is_overfull(&self) -> bool {
        self.waiting().items >= 2 * MOST
    }

    /// So far answers may lag behind.
    pub(in super::super) fn lag(&self) -> Duration {
        Duration::from_secs(self.lag.load(Ordering::Relaxed).into())
    }

    /// Whether all counts that was heard until so long ago, as far as that can be had.
    pub(in super::super) fn is_fresh(&self, lag: Duration) -> bool {
        self.waiting().is_fresh(lag)
    }

    /// Whether what waits is of an hour that is over, now that something of this one comes: settled at its end, what each
    /// meter sent in it becomes one row of the archive.
    pub(in super::super) fn is_over(&self, hour: Option<i64>) -> bool {
        let waiting = self.waiting();
        let differs = waiting.hour.zip(hour).is_some_and(|(one, other)| one != other);
        differs
            && waiting.since.is_some_and(|since| since.elapsed() >= LATELY)
            && waiting.failed.is_none_or(|since| since.elapsed() >= RETRY)
    }

    /// So many more wait, received in this hour.
    pub(in super::super) fn heard(&self, items: usize, hour: Option<i64>) {
        let mut waiting = self.waiting();
        waiting.items += items;
        waiting.since.get_or_insert_with(Instant::now);
        waiting.hour = waiting.hour.or(hour);
    }

    /// Nothing waits any more; settling it took so long.
    pub(in super::super) fn settled(&self, took: Duration) {
        let mut waiting = self.waiting();
        let items = u32::try_from(waiting.items).unwrap_or(u32::MAX);
        let tells = waiting.items >= TELLING;
        *waiting = Waiting {
            settled: (items > 0).then(Instant::now).or(waiting.settled),
            settling: waiting.settling,
            pace: if tells { took / items } else { waiting.pace },
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn less_waits_where_settling_takes_long() {
        let slow = Waiting {
            pace: LONG / 50_000,
            ..Waiting::default()
        };
        let full = |items| Waiting { items, ..slow }.is_full();
        assert!(full(50_000) && !full(49_000));
        // A pace that some other work has spoilt is measured anew.
        let pace = LONG;
        let full = |items| Waiting { items, pace, ..slow }.is_full();
        assert!(full(TELLING) && !full(TELLING - 1));
        // Nothing was measured yet.
        let full = |items| {
            Waiting {
                items,
                ..Waiting::default()
            }
            .is_full()
        };
        assert!(full(MOST) && !full(MOST - 1));
    }

    #[test]
    fn an_hour_that_is_over_is_settled_unless_it_came_a_moment_ago() {
        let inbox = Inbox::new(Segments::of("store".as_ref()));
        assert!(!inbox.is_over(Some(8)));
        // What became of a telegram has no hour of its own.
        inbox.heard(1, None);
        inbox.heard(1, Some(7));
        assert!(!inbox.is_over(Some(8)));
        inbox.waiting().since = Instant::now().checked_sub(LATELY);
        assert!(inbox.is_over(Some(8)) && !inbox.is_over(Some(7)) && !inbox.is_over(None));
        // What comes later changes nothing.
        inbox.heard(1, Some(8));
        assert!(inbox.is_over(Some(8)));
        inbox.failed();
        assert!(!inbox.is_over(Some(8)));
        inbox.settled(Duration::ZERO);
        assert!(!inbox.is_over(Some(8)));
    }

    #[test]
    fn a_settling_of_much_tells_the_pace() {
        let inbox = Inbox::new(Segments::of("store".as_ref()));
        inbox.heard(TELLING, Some(0));
        inbox.settled(LONG);
        assert_eq!(inbox.waiting().pace, LONG / u32::try_from(TELLING).unwrap());
        inbox.heard(TELLING - 1, Some(0));
        inbox.settled(Duration::ZERO);
        assert!(!inbox.waiting().pace.is_zero());
        inbox.heard(TELLING, Some(0));
        assert!(inbox.is_due());
        inbox.settled(Duration::ZERO);
        assert!(inbox.waiting().pace.is_zero());
        inbox.heard(TELLING, Some(0));
        assert!(!inbox.is_due());
    }
}
