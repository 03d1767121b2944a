//! The inbox: what the daemon hears becomes durable at little cost, and takes its place among the rows later, together.
//!
//! ```text
//! hear ─► the end of a file beside the store (`segments`)             settle ─► the same rows as `ingest` makes
//!         a batch packed as `form` says                                         when somebody asks, or it is full, or an hour old
//! ```
//!
//! A hundred meters are a hundred pages of readings, and each page that a commit touches is written to flash twice, whole. In
//! an hour each of them says so much that a page is worth it. Settling is a transaction like any other: what it makes of what
//! waits, and how far that was read, is stored together or not at all.
//!
//! The table `inbox` has batches that an earlier release left, and what could not be read.

mod form;
mod segments;
mod waiting;

use rusqlite::{Connection, OptionalExtension, Transaction, params};

use super::codes;
use super::ingest;
use super::state::Gathered;
use super::write::{Batch, Fault, counter, set_counter};
use crate::hash::Map;
use crate::registry::MeterAddress;
use crate::store::{Channel, Ingest, MeterId, StoreError};
use form::{Form, Names};
pub(super) use segments::Segments;
use segments::{Entry, Found, Position};
pub(super) use waiting::Inbox;

/// Items of a batch at most, so that one can be looked at without much memory.
const ROW: usize = 500;
/// Items that are settled together: the archive around them is looked through once for repeats.
const TOGETHER: usize = 1000;
/// Unregistered meters that are remembered until they are written.
const STRANGERS: usize = 2000;

/// Whether a batch can wait: what is said of telegrams that came before it, and keys, can't.
pub(super) fn can_wait(items: &[Ingest]) -> bool {
    items
        .iter()
        .all(|item| matches!(item, Ingest::Telegram(_) | Ingest::Stranger(_)))
}

/// Puts a batch that can wait; how many telegrams, sightings and readings of it do.
pub(super) fn put(batch: &mut Batch<'_>, items: &[Ingest], segments: &mut Segments) -> Result<usize, Fault> {
    let mut waiting = 0;
    let mut entries = Vec::new();
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
                    let whose = batch.known(telegram.meter.0)?;
                    let mut readings = Vec::with_capacity(telegram.readings.len());
                    for reading in &telegram.readings {
                        let channel = batch.channel(&reading.channel)?;
                        // Meters repeat the months before in each telegram.
                        if !batch.stands(telegram.meter, channel, reading) {
                            readings.push(reading);
                        }
                    }
                    waiting += readings.len();
                    form.telegram(whose, telegram, &readings)
                        .ok_or_else(|| StoreError::Refused("a reading is of no channel".to_owned()))?;
                }
                Ingest::Stranger(sighting) => form.stranger(sighting),
                Ingest::Again(_) | Ingest::Proof(_) | Ingest::Layout(_) => continue,
            }
            count += 1;
        }
        if count == 0 {
            continue;
        }
        waiting += count as usize;
        let packed = form
            .packed()
            .map_err(|error| StoreError::Refused(format!("a batch can't be packed: {error}")))?;
        entries.push(Entry { items: count, packed });
    }
    if !entries.is_empty() {
        segments.append(settled_to(batch.transaction)?, &entries)?;
    }
    Ok(waiting)
}

/// Whether something waits.
pub(super) fn waits(connection: &Connection, segments: &Segments) -> rusqlite::Result<bool> {
    let in_table: bool = connection
        .prepare_cached("SELECT EXISTS (SELECT 1 FROM inbox WHERE refused IS NULL)")?
        .query_row([], |row| row.get(0))?;
    Ok(in_table || segments.wait(settled_to(connection)?))
}

/// Telegrams and sightings in the files that were not settled.
#[cfg(test)]
pub(super) fn items_waiting(connection: &Connection, store: &std::path::Path) -> i64 {
    let segments = Segments::of(store);
    let mut waiting = segments.behind(settled_to(connection).unwrap()).unwrap();
    let mut items = 0;
    while let Some(found) = waiting.next().unwrap() {
        if let Found::Batch(entry) = found {
            items += i64::from(entry.items);
        }
    }
    items
}

/// What a settling leaves to do when it is committed.
pub(super) struct Settled {
    /// What could not be read, each with its row and the reason.
    pub(super) refused: Vec<(i64, String)>,
    /// Files up to here are of no more use.
    pub(super) until: Position,
    /// That was committed with it, and not before.
    pub(super) moved: bool,
}

/// Gives all that waits its place; `anew`, what comes next goes into another file, and all that were read can be removed.
pub(super) fn settle(batch: &mut Batch<'_>, segments: &Segments, anew: bool) -> Result<Settled, Fault> {
    let from = settled_to(batch.transaction)?;
    let mut waiting = segments.behind(from)?;
    let mut settling = Settling::new(batch);
    settling.rows()?;
    while let Some(found) = waiting.next()? {
        match found {
            Found::Batch(entry) => settling.entry(&entry)?,
            Found::Spoilt(octets) => settling.refuse(1, &octets, "its check sum is wrong")?,
        }
    }
    let refused = settling.end()?;
    let until = segments.go_on(waiting.position(), anew)?;
    if until != from {
        set_counter(batch.transaction, COUNTER, until.number())?;
    }
    Ok(Settled {
        refused,
        until,
        moved: until != from,
    })
}

/// A settling under way.
struct Settling<'s, 'b> {
    batch: &'s mut Batch<'b>,
    gathered: Gathered,
    /// Items that are settled together.
    together: Vec<Ingest>,
    known: Known,
    refused: Vec<(i64, String)>,
    begun: bool,
}

impl<'s, 'b> Settling<'s, 'b> {
    fn new(batch: &'s mut Batch<'b>) -> Self {
        Self {
            batch,
            gathered: Gathered::default(),
            together: Vec::new(),
            known: Known::default(),
            refused: Vec::new(),
            begun: false,
        }
    }

    /// What an earlier release left in the table.
    fn rows(&mut self) -> Result<(), Fault> {
        let mut last = i64::MIN;
        while let Some((id, packed)) = next(self.batch.transaction, last)? {
            if self.known.channels.is_empty() {
                self.known.channels = channels(self.batch.transaction)?;
            }
            last = id;
            match self.items(&packed)? {
                Ok(()) => {}
                Err(reason) => {
                    self.batch
                        .transaction
                        .prepare_cached("UPDATE inbox SET refused = ?2 WHERE id = ?1")?
                        .execute(params![id, reason])?;
                    self.refused.push((id, reason));
                }
            }
        }
        if last > i64::MIN {
            self.batch
                .transaction
                .prepare_cached("DELETE FROM inbox WHERE refused IS NULL")?
                .execute([])?;
        }
        Ok(())
    }

    /// A batch; one that can't be read goes into the table, with the reason.
    fn entry(&mut self, Entry { items, packed }: &Entry) -> Result<(), Fault> {
        match self.items(packed)? {
            Ok(()) => Ok(()),
            Err(reason) => self.refuse(*items, packed, &reason),
        }
    }

    /// Keeps what can't be read, of so many items at least.
    fn refuse(&mut self, items: u32, octets: &[u8], reason: &str) -> Result<(), Fault> {
        let id = self
            .batch
            .transaction
            .prepare_cached("INSERT INTO inbox (items, batch, refused) VALUES (?1, ?2, ?3)")?
            .insert(params![items, octets, reason])?;
        self.refused.push((id, reason.to_owned()));
        Ok(())
    }

    /// The items of a batch, or why they can't be read.
    fn items(&mut self, packed: &[u8]) -> Result<Result<(), String>, Fault> {
        let mut names = Registered {
            transaction: self.batch.transaction,
            known: &mut self.known,
            failed: None,
        };
        let items = form::items(packed, &mut names);
        if let Some(error) = names.failed {
            return Err(error.into());
        }
        match items {
            Ok(items) => self.together.extend(items),
            Err(error) => return Ok(Err(error.to_string())),
        }
        if !self.begun {
            self.batch.put_off();
            self.batch.pack_telegrams();
            self.begun = true;
        }
        if self.together.len() >= TOGETHER {
            self.take()?;
        }
        Ok(Ok(()))
    }

    fn take(&mut self) -> Result<(), Fault> {
        let Self {
            batch,
            gathered,
            together,
            ..
        } = self;
        let mut registered = Vec::with_capacity(together.len());
        for item in together.drain(..) {
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

    fn end(mut self) -> Result<Vec<(i64, String)>, Fault> {
        self.take()?;
        self.batch.put_now()?;
        self.batch.store_packs()?;
        self.gathered.store(self.batch.transaction)?;
        Ok(self.refused)
    }
}

/// What was looked up of the store's names.
#[derive(Default)]
struct Known {
    meters: Map<MeterAddress, Option<MeterId>>,
    /// For batches of earlier releases.
    channels: Map<i64, Channel>,
}

/// The store's names, and why they could not be looked up.
struct Registered<'a> {
    transaction: &'a Transaction<'a>,
    known: &'a mut Known,
    failed: Option<rusqlite::Error>,
}

impl Names for Registered<'_> {
    fn meter(&mut self, address: &MeterAddress) -> Option<MeterId> {
        if let Some(known) = self.known.meters.get(address) {
            return *known;
        }
        let found = self
            .transaction
            .prepare_cached(
                "SELECT id FROM meter WHERE manufacturer = ?1 AND identification = ?2
                 AND ifnull(version, -1) = ?3 AND ifnull(device_type, -1) = ?4",
            )
            .and_then(|mut statement| {
                let columns = params![
                    address.manufacturer.0,
                    address.identification_number.0,
                    address.version.map_or(-1, |version| i64::from(version.0)),
                    address.device_type.map_or(-1, |kind| i64::from(kind.0)),
                ];
                statement.query_row(columns, |row| row.get(0)).optional()
            });
        match found {
            Ok(id) => {
                let id = id.map(MeterId);
                self.known.meters.insert(*address, id);
                id
            }
            Err(error) => {
                self.failed = Some(error);
                None
            }
        }
    }

    fn channel(&self, id: i64) -> Option<Channel> {
        self.known.channels.get(&id).copied()
    }
}

/// Where the latest settling ended.
pub(super) fn settled_to(connection: &Connection) -> rusqlite::Result<Position> {
    Ok(Position::from_number(counter(connection, COUNTER)?.unwrap_or(0)))
}

/// All that lies beside the store is to be read once more: what was made of it before may be lost.
pub(super) fn read_from_the_beginning(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute("UPDATE counter SET value = 0 WHERE name = ?1", [COUNTER])?;
    Ok(())
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

/// The name of the counter that says how far the files were read.
const COUNTER: &str = "heard";
