//! Telling of commits: our own by what their batch notes, those of other processes by the engine's `data_version`.
//!
//! ```text
//!            BEGIN IMMEDIATE       COMMIT          told
//! phase  Apart ──────► Writing ──────► Ending ──────► Apart
//! others   may commit    can't           may             may
//! ```
//!
//! Nobody else commits while we hold the engine's lock to write, so in that time all is told that was found when it was
//! taken. At other times the engine is asked. While a commit is under way, or the connection is in use for what is no
//! transaction, nobody can say: those who keep something ask the store instead.

use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, Weak};

use jiff::Timestamp;
use rusqlite::Connection;

use super::packed::Stale;
use crate::hash::Map;
use crate::store::{Changed, ChannelId, MeterId, Stretch, Watcher};

/// Who is told, and how far a transaction is.
#[derive(Default)]
pub(super) struct Teller {
    phase: AtomicU8,
    watchers: Mutex<Vec<Weak<dyn Watcher>>>,
    /// One at a time asks the engine: who finds the connection taken then knows that it is a writer who has it.
    asking: Mutex<()>,
}

const APART: u8 = 0;
const WRITING: u8 = 1;
const ENDING: u8 = 2;

impl Teller {
    pub(super) fn watch(&self, watcher: Weak<dyn Watcher>) {
        let mut watchers = lock(&self.watchers);
        watchers.retain(|watcher| watcher.strong_count() > 0);
        watchers.push(watcher);
    }

    /// Whether anybody wants to be told.
    pub(super) fn is_watched(&self) -> bool {
        lock(&self.watchers)
            .iter()
            .any(|watcher| watcher.strong_count() > 0)
    }

    pub(super) fn tell(&self, changed: Changed<'_>) {
        let watchers: Vec<_> = lock(&self.watchers).iter().filter_map(Weak::upgrade).collect();
        for watcher in watchers {
            watcher.committed(changed);
        }
    }

    /// From here on the engine lets nobody else commit.
    pub(super) fn writing(&self) -> Transacting<'_> {
        self.phase.store(WRITING, Ordering::SeqCst);
        Transacting(self)
    }

    /// Whether somebody holds the engine's lock for us, who has been told of all before it.
    pub(super) fn is_writing(&self) -> bool {
        self.phase.load(Ordering::SeqCst) == WRITING
    }

    pub(super) fn asking(&self) -> MutexGuard<'_, ()> {
        lock(&self.asking)
    }
}

/// A transaction of ours. When this goes others may commit: so it has to go before the transaction does.
pub(super) struct Transacting<'a>(&'a Teller);

impl Transacting<'_> {
    /// The commit begins.
    pub(super) fn ending(&self) {
        self.0.phase.store(ENDING, Ordering::SeqCst);
    }
}

impl Drop for Transacting<'_> {
    fn drop(&mut self) {
        self.0.phase.store(APART, Ordering::SeqCst);
    }
}

/// Other processes' commits, as a connection that writes sees them: a number that changes with them and not with its own.
pub(super) fn data_version(connection: &Connection) -> rusqlite::Result<i64> {
    connection
        .prepare_cached("PRAGMA data_version")?
        .query_row([], |row| row.get(0))
}

/// What a batch has changed so far, for whoever watches and for what is packed.
pub(super) struct Noted {
    told: Told,
    pub(super) stale: Stale,
}

enum Told {
    /// Nobody wanted to know when it began.
    Unwatched,
    /// The first and the last instant of each series, by meter and channel.
    Readings(Map<(i64, i64), (i64, i64)>),
    /// More than that.
    Anything,
}

impl Noted {
    pub(super) fn new(connection: &Connection, is_watched: bool) -> rusqlite::Result<Self> {
        Ok(Self {
            told: if is_watched {
                Told::Readings(Map::default())
            } else {
                Told::Unwatched
            },
            stale: Stale::new(connection)?,
        })
    }

    /// Readings of a series changed, at these instants or between them: came, went, or have another value or other flags. Also
    /// where nobody watches.
    pub(super) fn readings(&mut self, (meter, channel): (i64, i64), first: i64, last: i64) {
        self.stale.readings((meter, channel), first, last);
        let Told::Readings(series) = &mut self.told else {
            return;
        };
        let noted = series.entry((meter, channel)).or_insert((first, last));
        *noted = (noted.0.min(first), noted.1.max(last));
    }

    /// More than readings changed.
    pub(super) fn anything(&mut self) {
        if let Told::Readings(_) = self.told {
            self.told = Told::Anything;
        }
    }

    pub(super) fn tell(&self, teller: &Teller) {
        match &self.told {
            // Whoever came meanwhile knows nothing of what was not noted.
            Told::Unwatched | Told::Anything => teller.tell(Changed::Anything),
            Told::Readings(series) if series.is_empty() => {}
            Told::Readings(series) => {
                let stretches: Vec<Stretch> = series
                    .iter()
                    .map(|((meter, channel), (first, last))| Stretch {
                        meter: MeterId(*meter),
                        channel: ChannelId(*channel),
                        first: Timestamp::from_second(*first).unwrap_or(Timestamp::MIN),
                        last: Timestamp::from_second(*last).unwrap_or(Timestamp::MAX),
                    })
                    .collect();
                teller.tell(Changed::Readings(&stretches));
            }
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
