//! How storing goes: told by whoever stores, read by whoever is asked for it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::StoreError;

/// The capture beside a store in which a daemon that ends leaves what it could not store; the next one reads and removes it.
pub fn held_path(store: &Path) -> PathBuf {
    let mut name = store.as_os_str().to_owned();
    name.push("-held.txt");
    PathBuf::from(name)
}

/// What is known of the storing of a daemon that runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Kept {
    /// The store has refused every batch since then, and why (as [`StoreError::code`]); `None` while all is well.
    pub refusing: Option<(Timestamp, &'static str)>,
    /// When the latest batch was stored; `None` before the first.
    pub stored: Option<Timestamp>,
    /// Batches that were refused since the daemon began; each is tried again until it is stored.
    pub refusals: u64,
    /// Telegrams that wait in memory until the store takes them.
    pub waiting: u64,
    /// Telegrams that were heard while no memory was left for them, and are lost.
    pub dropped: u64,
    /// When the store was last put together anew after damage, and how many readings were lost then as far as that is known.
    pub mended: Option<(Timestamp, Option<u64>)>,
}

/// What [`StoreError::code`] says of damage.
const DAMAGED: &str = "damaged";

/// [`Kept`], shared by threads.
#[derive(Debug, Default)]
pub struct Keeping(Mutex<Inside>);

#[derive(Debug, Default)]
struct Inside {
    kept: Kept,
    heard: BTreeMap<&'static str, u64>,
    /// A batch is on its way to the disk since then.
    begun: Option<(Timestamp, Instant)>,
}

/// A batch that takes longer than this counts as refused until it is stored: the disk is stuck, or as good as.
const SLOW: Duration = Duration::from_secs(20);

impl Keeping {
    /// How it is now.
    pub fn now(&self) -> Kept {
        self.at(Instant::now())
    }

    fn at(&self, now: Instant) -> Kept {
        let inside = self.lock();
        let mut kept = inside.kept;
        if let Some((since, _)) = inside
            .begun
            .filter(|(_, begun)| now.saturating_duration_since(*begun) >= SLOW)
        {
            kept.refusing.get_or_insert((since, "slow"));
        }
        kept
    }

    /// A batch is on its way to the disk.
    pub fn storing(&self, now: Timestamp) {
        self.lock().begun = Some((now, Instant::now()));
    }

    /// A batch was stored. Since when none had been, if that is so: for whoever tells that it is over.
    pub fn stored(&self, now: Timestamp) -> Option<Timestamp> {
        let mut inside = self.lock();
        inside.begun = None;
        let kept = &mut inside.kept;
        kept.stored = Some(now);
        kept.waiting = 0;
        kept.refusing.take().map(|(since, _)| since)
    }

    /// A batch was refused, and so many telegrams wait.
    pub fn refused(&self, error: &StoreError, waiting: usize, now: Timestamp) {
        let mut inside = self.lock();
        inside.begun = None;
        let kept = &mut inside.kept;
        let since = kept.refusing.map_or(now, |(since, _)| since);
        kept.refusing = Some((since, error.code()));
        kept.refusals += 1;
        kept.waiting = waiting as u64;
    }

    /// The store was found damaged: nothing more is stored until it is put together anew.
    pub fn damaged(&self, now: Timestamp) {
        let kept = &mut self.lock().kept;
        let since = kept.refusing.map_or(now, |(since, _)| since);
        kept.refusing = Some((since, DAMAGED));
    }

    /// When the store was last mended.
    pub fn mended(&self, mended: Option<(Timestamp, Option<u64>)>) {
        self.lock().kept.mended = mended;
    }

    /// So many telegrams were heard since the daemon began, by what became of them.
    pub fn heard(&self, outcomes: &BTreeMap<&'static str, u64>) {
        self.lock().heard.clone_from(outcomes);
    }

    /// How many telegrams were heard since the daemon began, by what became of them (a stable code).
    pub fn outcomes(&self) -> BTreeMap<&'static str, u64> {
        self.lock().heard.clone()
    }

    /// So many telegrams were heard for which there was no room. How many it were so far.
    pub fn dropped(&self, more: u64) -> u64 {
        let kept = &mut self.lock().kept;
        kept.dropped = kept.dropped.saturating_add(more);
        kept.dropped
    }

    fn lock(&self) -> MutexGuard<'_, Inside> {
        // Plain numbers: whoever fell over while holding it left nothing half done.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_that_does_not_reach_the_disk_counts_as_refused_until_it_does() {
        let keeping = Keeping::default();
        let since = Timestamp::from_second(10).unwrap();
        keeping.storing(since);
        assert_eq!(keeping.now().refusing, None);
        assert_eq!(keeping.at(Instant::now() + SLOW).refusing, Some((since, "slow")));
        assert_eq!(keeping.stored(since), None);
        assert_eq!(keeping.at(Instant::now() + SLOW).refusing, None);
    }

    #[test]
    fn refusing_lasts_from_the_first_refusal_to_the_next_batch() {
        let keeping = Keeping::default();
        let at = |second| Timestamp::from_second(second).unwrap();
        keeping.refused(&StoreError::Full(PathBuf::from("a")), 3, at(10));
        keeping.refused(&StoreError::ReadOnly(PathBuf::from("a")), 5, at(20));
        keeping.dropped(1);
        let kept = keeping.now();
        assert_eq!(kept.refusing, Some((at(10), "read_only")));
        assert_eq!((kept.refusals, kept.waiting, kept.dropped), (2, 5, 1));
        assert_eq!(kept.stored, None);
        assert_eq!(keeping.stored(at(30)), Some(at(10)));
        assert_eq!(keeping.stored(at(40)), None);
        let kept = keeping.now();
        assert_eq!((kept.refusing, kept.refusals, kept.waiting), (None, 2, 0));
        assert_eq!(kept.stored, Some(at(40)));
    }
}
