//! The store looked after while the daemon works: examined once a day, copied once a week. What an examination costs is one
//! reading of the file; a copy costs writing what is kept of it, and takes its room.
//!
//! When damage is found, the daemon ends: the next start puts the store together anew (`store/sqlite/mend.rs`).

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use tracing::{error, info, warn};

use crate::store::{Keeping, Result, SqliteStore, StoreError};

/// How a store is looked after.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Care {
    /// All pages are looked at after this long; never when it is zero.
    pub check_every: Duration,
    /// A copy is made after this long; never when it is zero.
    pub copy_every: SignedDuration,
    /// So many copies are kept.
    pub copies: usize,
    /// Where they lie.
    pub folder: PathBuf,
}

impl Care {
    /// Where copies of a store lie by default: beside it.
    pub fn folder_of(store: &Path) -> PathBuf {
        let mut name = store.as_os_str().to_owned();
        name.push(".backups");
        PathBuf::from(name)
    }
}

/// How often it is asked whether there is something to do.
const TURN: Duration = Duration::from_millis(500);
/// What was suspected and found sound is not looked at again before.
const PATIENCE: Duration = Duration::from_secs(600);
/// A copy that could not be made is tried again after this long.
const RETRY: Duration = Duration::from_secs(3600);

/// Looks after a store until told to stop; true when it is damaged and the daemon has to end.
pub fn look_after(
    store: &SqliteStore,
    care: &Care,
    keeping: &Keeping,
    stop: &AtomicBool,
    sane: &AtomicBool,
) -> bool {
    // A small store soon; a large one when all else has begun: a second a megabyte, a quarter of an hour at most.
    let size = fs::metadata(store.path()).map_or(0, |data| data.len()) >> 20;
    let mut check_at = Instant::now() + Duration::from_secs(size.clamp(1, 900));
    let mut copy_at = check_at;
    let mut suspected = None;
    while !stop.load(Ordering::Relaxed) {
        thread::sleep(TURN);
        let now = Instant::now();
        let said = store.is_suspected() && suspected.is_none_or(|at| now >= at);
        let due = !care.check_every.is_zero() && now >= check_at;
        if said || due {
            match examined(store) {
                Some(reason) => {
                    error!(event = "store.damaged", %reason, "the store is damaged: ending, the next start puts it together anew");
                    keeping.damaged(Timestamp::now());
                    if let Err(error) = SqliteStore::suspect(store.path(), &reason) {
                        error!(event = "store.damaged", %error, "that could not be noted beside it");
                    }
                    return true;
                }
                None => {
                    check_at = Instant::now() + care.check_every.max(TURN);
                    suspected = Some(Instant::now() + PATIENCE);
                }
            }
        }
        if care.copies > 0 && Instant::now() >= copy_at {
            // A copy's age can't be told by a clock that is wrong.
            let made = sane
                .load(Ordering::Relaxed)
                .then(|| copy(store, care, Timestamp::now()));
            copy_at = match made {
                Some(Ok(wait)) => Instant::now() + wait,
                Some(Err(error)) => {
                    warn!(event = "backup.failed", %error, "no copy of the store could be made");
                    Instant::now() + RETRY
                }
                None => Instant::now() + RETRY,
            };
        }
    }
    false
}

/// What is wrong with the store, if anything.
fn examined(store: &SqliteStore) -> Option<String> {
    let begun = Instant::now();
    match store.contradictions() {
        Ok(found) => match found.into_iter().next() {
            Some(reason) => Some(reason),
            None => {
                info!(
                    event = "store.sound",
                    seconds = begun.elapsed().as_secs(),
                    "the store was examined and is sound"
                );
                None
            }
        },
        Err(error @ (StoreError::Damaged { .. } | StoreError::NotADatabase(_))) => Some(error.to_string()),
        Err(error) => {
            warn!(event = "store.unexamined", %error, "the store could not be examined");
            None
        }
    }
}

/// Makes a copy when the latest is old enough, and removes those that are too many; how long until the next.
fn copy(store: &SqliteStore, care: &Care, now: Timestamp) -> Result<Duration> {
    if care.copy_every.is_zero() {
        return Ok(RETRY);
    }
    let age = store
        .copies(&care.folder)
        .first()
        .and_then(|(at, _)| *at)
        .map(|at| now.duration_since(at));
    // One from the future was made by a clock that was wrong.
    if let Some(age) = age.filter(|age| !age.is_negative() && *age < care.copy_every) {
        let left = care.copy_every - age;
        return Ok(Duration::try_from(left).unwrap_or(RETRY).min(RETRY));
    }
    let made = store.copy_to(&care.folder, now)?;
    info!(event = "backup.made", copy = %made.display(), "the store was copied");
    for (_, old) in store.copies(&care.folder).into_iter().skip(care.copies) {
        if let Err(error) = fs::remove_file(&old) {
            warn!(event = "backup.unremoved", copy = %old.display(), %error, "an old copy could not be removed");
        }
    }
    Ok(RETRY)
}

/// Runs [`look_after`] in a thread; `ends` is called when the daemon has to.
///
/// # Errors
/// The system has no thread left.
pub fn begin(
    store: Arc<SqliteStore>,
    care: Care,
    keeping: Arc<Keeping>,
    stop: Arc<AtomicBool>,
    sane: Arc<AtomicBool>,
    ends: impl FnOnce() + Send + 'static,
) -> std::io::Result<thread::JoinHandle<bool>> {
    thread::Builder::new().name("care".to_owned()).spawn(move || {
        let damaged = look_after(&store, &care, &keeping, &stop, &sane);
        if damaged {
            ends();
        }
        damaged
    })
}
