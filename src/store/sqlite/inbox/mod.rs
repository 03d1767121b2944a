//! The inbox: what the daemon hears becomes durable at little cost, and takes its place among the rows later, together.
//!
//! ```text
//! hear ─► a row of `inbox` (three pages for a hundred telegrams)      settle ─► the same rows as `ingest` makes
//!                                                                              when somebody asks, or it is full, or an hour old
//! ```
//!
//! A hundred meters are a hundred pages of readings, and each page that a commit touches is written to flash twice, whole. In
//! an hour each of them says so much that a page is worth it. Settling is a transaction like any other: what it makes of a
//! row, and that the row is gone, is stored together or not at all.

mod form;

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rusqlite::{Connection, Transaction, params};

use super::codes;
use super::ingest;
use super::state::Gathered;
use super::write::{Batch, Fault, counter, set_counter};
use crate::hash::Map;
use crate::store::{Channel, Ingest, StoreError};
use form::{Form, Placed};

/// So many telegrams and readings wait at most: settling them takes a second or two, in which whoever asks waits, and some
/// megabytes.
const MOST: usize = 80_000;
/// So long they wait at most, while others come.
const LONGEST: Duration = Duration::from_secs(3600);
/// Whoever asks again within this time need not be told what came meanwhile.
const LAG: Duration = Duration::from_secs(1);

/// What could not be settled is not tried again before, however many ask.
const RETRY: Duration = Duration::from_secs(5);
/// So long whoever asks waits for a settling, from its beginning.
const PATIENCE: Duration = Duration::from_secs(10);

/// Items of a row at most, so that one can be looked at without much memory.
const ROW: usize = 500;
/// Items that are settled together: the archive around them is looked through once for repeats.
const TOGETHER: usize = 1000;
/// Unregistered meters that are remembered until they are written.
const STRANGERS: usize = 2000;

/// How much waits, as far as this process put it there: nobody else does while it runs.
#[derive(Default)]
pub(super) struct Inbox {
    /// One at a time hears or settles.
    turn: Mutex<()>,
    waiting: Mutex<Waiting>,
    /// A settling that somebody waits for has ended.
    ended: Condvar,
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
    fn is_fresh(&self) -> bool {
        let within = |since: Option<Instant>, time| since.is_some_and(|since| since.elapsed() < time);
        self.items == 0
            || within(self.settled, LAG)
            || within(self.failed, RETRY)
            || self.settling.is_some_and(|since| since.elapsed() >= PATIENCE)
    }
}

impl Inbox {
    /// Whoever holds it hears or settles.
    pub(super) fn turn(&self) -> MutexGuard<'_, ()> {
        self.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether it is time to settle, whoever asks or not.
    pub(super) fn is_due(&self) -> bool {
        let waiting = self.waiting();
        let due = waiting.items >= MOST || waiting.since.is_some_and(|since| since.elapsed() >= LONGEST);
        // What was refused a moment ago is not tried again with each batch.
        due && waiting.failed.is_none_or(|since| since.elapsed() >= RETRY)
    }

    /// Whether so much waits that no more may.
    pub(super) fn is_overfull(&self) -> bool {
        self.waiting().items >= 2 * MOST
    }

    /// Whether all counts that was heard until a moment ago, as far as that can be had.
    pub(super) fn is_fresh(&self) -> bool {
        self.waiting().is_fresh()
    }

    /// So many more wait.
    pub(super) fn heard(&self, items: usize) {
        let mut waiting = self.waiting();
        waiting.items += items;
        waiting.since.get_or_insert_with(Instant::now);
    }

    /// Nothing waits any more.
    pub(super) fn settled(&self) {
        let mut waiting = self.waiting();
        *waiting = Waiting {
            settled: Some(Instant::now()),
            settling: waiting.settling,
            ..Waiting::default()
        };
    }

    /// It could not be settled: whoever asks need not try again at once.
    pub(super) fn failed(&self) {
        self.waiting().failed = Some(Instant::now());
    }

    /// Whether it is for the caller to have it settled; until [`Inbox::ends`] it is nobody else's.
    pub(super) fn begins(&self) -> bool {
        let mut waiting = self.waiting();
        let begins = waiting.settling.is_none();
        waiting.settling.get_or_insert_with(Instant::now);
        begins
    }

    /// The settling that others wait for has ended.
    pub(super) fn ends(&self) {
        self.waiting().settling = None;
        self.ended.notify_all();
    }

    /// Waits for the settling that was begun, but not for a disk that is stuck.
    pub(super) fn wait(&self) {
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

/// Whether a batch can wait: what is said of telegrams that came before it, and keys, can't.
pub(super) fn can_wait(items: &[Ingest]) -> bool {
    items
        .iter()
        .all(|item| matches!(item, Ingest::Telegram(_) | Ingest::Stranger(_)))
}

/// Puts a batch that can wait; how many telegrams, sightings and readings of it do.
pub(super) fn put(batch: &mut Batch<'_>, items: &[Ingest]) -> Result<usize, Fault> {
    let moved = counter(batch.transaction, COUNTER)?.unwrap_or(0);
    let latest: Option<i64> = batch
        .transaction
        .prepare_cached("SELECT max(id) FROM inbox")?
        .query_row([], |row| row.get(0))?;
    let mut id = latest.unwrap_or(0).max(moved);
    let mut waiting = 0;
    for items in items.chunks(ROW) {
        let mut form = Form::default();
        let mut count: u32 = 0;
        for item in items {
            match item {
                Ingest::Telegram(telegram) => {
                    let at = telegram.received_at.as_second();
                    if batch.memory.erased.telegram(telegram.meter.0, at) {
                        continue;
                    }
                    batch.known(telegram.meter.0)?;
                    let mut readings: Vec<Placed<'_>> = Vec::with_capacity(telegram.readings.len());
                    for reading in &telegram.readings {
                        let channel = batch.channel(&reading.channel)?;
                        // Meters repeat the months before in each telegram.
                        if !batch.stands(telegram.meter, channel, reading) {
                            readings.push((channel, reading));
                        }
                    }
                    waiting += readings.len();
                    form.telegram(telegram, &readings);
                }
                Ingest::Stranger(sighting) => form.stranger(sighting),
                Ingest::Again(_) | Ingest::Proof(_) | Ingest::Layout(_) => continue,
            }
            count += 1;
        }
        if count == 0 {
            continue;
        }
        id += 1;
        waiting += count as usize;
        let packed = form
            .packed()
            .map_err(|error| StoreError::Refused(format!("a batch can't be packed: {error}")))?;
        batch
            .transaction
            .prepare_cached("INSERT INTO inbox (id, items, batch) VALUES (?1, ?2, ?3)")?
            .execute(params![id, count, packed])?;
    }
    Ok(waiting)
}

/// Whether something waits.
pub(super) fn waits(connection: &Connection) -> rusqlite::Result<bool> {
    connection
        .prepare_cached("SELECT EXISTS (SELECT 1 FROM inbox WHERE refused IS NULL)")?
        .query_row([], |row| row.get(0))
}

/// Gives all that waits its place. A row that can't be read stays, with the reason: those are given.
pub(super) fn settle(batch: &mut Batch<'_>) -> Result<Vec<(i64, String)>, Fault> {
    let mut refused = Vec::new();
    let Some(mut last) = first(batch.transaction)? else {
        return Ok(refused);
    };
    last -= 1;
    let channels = channels(batch.transaction)?;
    let mut gathered = Gathered::default();
    let mut together = Vec::new();
    batch.put_off();
    while let Some((id, packed)) = next(batch.transaction, last)? {
        last = id;
        match form::items(&packed, &channels) {
            Ok(items) => together.extend(items),
            Err(error) => {
                batch
                    .transaction
                    .prepare_cached("UPDATE inbox SET refused = ?2 WHERE id = ?1")?
                    .execute(params![id, error.to_string()])?;
                refused.push((id, error.to_string()));
            }
        }
        if together.len() >= TOGETHER {
            take(batch, &mut gathered, &mut together)?;
        }
    }
    take(batch, &mut gathered, &mut together)?;
    batch.put_now()?;
    gathered.store(batch.transaction)?;
    batch
        .transaction
        .prepare_cached("DELETE FROM inbox WHERE refused IS NULL")?
        .execute([])?;
    set_counter(batch.transaction, COUNTER, last)?;
    Ok(refused)
}

/// Telegrams in rows that can't be read.
pub(super) fn unreadable(connection: &Connection) -> rusqlite::Result<u64> {
    let items: i64 = connection
        .prepare_cached("SELECT ifnull(sum(items), 0) FROM inbox WHERE refused IS NOT NULL")?
        .query_row([], |row| row.get(0))?;
    Ok(items.unsigned_abs())
}

/// Removes what can't be read: nobody can tell whose it is.
pub(super) fn remove_refused(transaction: &Transaction<'_>) -> rusqlite::Result<()> {
    transaction.execute("DELETE FROM inbox WHERE refused IS NOT NULL", [])?;
    Ok(())
}

fn take(batch: &mut Batch<'_>, gathered: &mut Gathered, items: &mut Vec<Ingest>) -> Result<(), Fault> {
    let mut registered = Vec::with_capacity(items.len());
    for item in items.drain(..) {
        match &item {
            Ingest::Telegram(telegram) if !batch.is_known(telegram.meter.0)? => {}
            _ => registered.push(item),
        }
    }
    ingest::take(batch, gathered, &registered)?;
    if gathered.strangers() > STRANGERS {
        std::mem::take(gathered).store(batch.transaction)?;
    }
    Ok(())
}

/// The first row that waits.
fn first(transaction: &Transaction<'_>) -> rusqlite::Result<Option<i64>> {
    transaction
        .prepare_cached("SELECT min(id) FROM inbox WHERE refused IS NULL")?
        .query_row([], |row| row.get(0))
}

/// The row behind another.
fn next(transaction: &Transaction<'_>, last: i64) -> rusqlite::Result<Option<(i64, Vec<u8>)>> {
    let mut statement = transaction.prepare_cached(
        "SELECT id, batch FROM inbox WHERE id > ?1 AND refused IS NULL ORDER BY id LIMIT 1",
    )?;
    let mut rows = statement.query([last])?;
    rows.next()?.map(|row| Ok((row.get(0)?, row.get(1)?))).transpose()
}

fn channels(transaction: &Transaction<'_>) -> rusqlite::Result<Map<i64, Channel>> {
    let mut statement = transaction.prepare_cached(
        "SELECT id, quantity, unit, exponent, direction, tariff, subunit, aspect, kind FROM channel",
    )?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, codes::channel(row, 1)?)))?;
    rows.collect()
}

/// The name of the counter that says what was moved.
const COUNTER: &str = "inbox";
