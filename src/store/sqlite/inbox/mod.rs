//! The inbox: what the daemon hears becomes durable at little cost, and takes its place among the rows later, together.
//!
//! ```text
//! hear ─► the end of a file beside the store (`segments`)             settle ─► the same rows as `ingest` makes
//!         a batch packed as `form` says                                         when somebody asks, or it is full, or an hour is over
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

use std::ops::Range;
use std::time::Instant;

use rusqlite::{Connection, OptionalExtension, Transaction, params};

use super::archive;
use super::codes;
use super::ingest;
use super::state::Gathered;
use super::write::{Batch, Fault, counter, set_counter};
use crate::hash::{Map, Set};
use crate::registry::MeterAddress;
use crate::store::{Channel, Facts, Ingest, MeterId, StoreError, TelegramKey};
use form::{Before, Chapter, Form, Names, Read};
pub(super) use segments::Segments;
use segments::{Entry, Found, Position};
pub(super) use waiting::Inbox;

/// Items that are settled together: the archive around them is looked through once for repeats.
const TOGETHER: usize = 1000;
/// So many items are settled at a time, of some meters after the others; each telegram takes some hundred octets of memory. In
/// tests so few that there is often more than one time.
const PART: i64 = if cfg!(test) { 10 } else { 10_000 };
/// Unregistered meters that are remembered until they are written.
const STRANGERS: usize = 2000;

/// Whether a batch can wait: keys can't, nor what a telegram that came before it is found to say after all.
pub(super) fn can_wait(items: &[Ingest]) -> bool {
    items.iter().all(|item| match item {
        Ingest::Telegram(_) | Ingest::Stranger(_) => true,
        Ingest::Again(again) => again.readings.is_empty() && again.facts == Facts::default(),
        Ingest::Proof(_) | Ingest::Layout(_) => false,
    })
}

/// The hour in which the first of a batch was received.
pub(super) fn hour_of(items: &[Ingest]) -> Option<i64> {
    let mut received_at = items.iter().filter_map(|item| match item {
        Ingest::Telegram(telegram) => Some(telegram.received_at),
        Ingest::Stranger(sighting) => Some(sighting.received_at),
        Ingest::Again(_) | Ingest::Proof(_) | Ingest::Layout(_) => None,
    });
    received_at.next().map(|at| archive::hour_of(at.as_second()))
}

/// Who hears, or settles.
pub(super) struct Turn {
    pub(super) segments: Segments,
    /// What was said last, and where the settling before it had ended.
    chapter: Option<(Position, Chapter)>,
    /// How many were begun: no two of a file have the same number, whatever failed between them.
    chapters: u32,
}

impl Turn {
    pub(super) fn new(segments: Segments) -> Self {
        Self {
            segments,
            chapter: None,
            chapters: 0,
        }
    }

    /// The chapter that goes on: who reads begins where the latest settling ended, and knows nothing of what was before.
    fn chapter(&mut self, settled: Position) -> Chapter {
        if let Some((since, chapter)) = self.chapter.take()
            && since == settled
            && self.segments.goes_on(settled)
            && chapter.goes_on()
        {
            return chapter;
        }
        self.chapters = self.chapters.wrapping_add(1);
        Chapter::new(self.chapters)
    }
}

/// Puts a batch that can wait; how many telegrams, sightings and readings of it do.
pub(super) fn put(batch: &mut Batch<'_>, items: &[Ingest], turn: &mut Turn) -> Result<usize, Fault> {
    let settled = settled_to(batch.transaction)?;
    // When this fails, nobody knows what the file has of it: then another chapter begins.
    let mut chapter = turn.chapter(settled);
    let mut waiting = 0;
    let mut entries = Vec::new();
    for items in items.chunks(form::MOST) {
        let mut read = |at, length| turn.segments.read(at, length);
        let mut form = Form::new(&mut chapter, &mut read);
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
                    let bare = batch.bare(telegram)?;
                    form.telegram(whose, telegram, bare.as_ref(), &readings)
                        .ok_or_else(|| StoreError::Refused("a reading is of no channel".to_owned()))?;
                }
                Ingest::Stranger(sighting) => form.stranger(sighting),
                Ingest::Again(again) => {
                    let TelegramKey {
                        meter, received_at, ..
                    } = again.key;
                    if batch.memory.erased.telegram(meter.0, received_at.as_second()) {
                        continue;
                    }
                    form.again(batch.known(meter.0)?, again);
                }
                Ingest::Proof(_) | Ingest::Layout(_) => continue,
            }
            count += 1;
        }
        if count > 0 {
            waiting += count as usize;
            entries.push(Entry {
                items: count,
                packed: form.packed(),
            });
        }
    }
    if !entries.is_empty() {
        let places = turn.segments.append(settled, &entries)?;
        chapter.kept(&places);
        turn.chapter = Some((settled, chapter));
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
    pub(super) begun: Instant,
}

/// Gives all that waits its place; `anew`, what comes next goes into another file, and all that were read can be removed.
pub(super) fn settle(batch: &mut Batch<'_>, segments: &Segments, anew: bool) -> Result<Settled, Fault> {
    let begun = Instant::now();
    let from = settled_to(batch.transaction)?;
    let mut settling = Settling::new(batch);
    settling.rows()?;
    let mut end = from;
    for part in parts(settling.batch.transaction, segments, from)? {
        let mut waiting = segments.behind(from)?;
        settling.begin(part);
        while let Some(found) = waiting.next()? {
            match found {
                Found::Batch(entry) => settling.entry(waiting.position(), &entry)?,
                Found::Spoilt(octets) => {
                    settling.refuse(waiting.position(), 1, &octets, "its check sum is wrong")?;
                }
            }
        }
        settling.end()?;
        end = waiting.position();
    }
    let Settling { refused, .. } = settling;
    let until = segments.go_on(end, anew)?;
    if until != from {
        set_counter(batch.transaction, COUNTER, until.number())?;
    }
    Ok(Settled {
        refused,
        until,
        moved: until != from,
        begun,
    })
}

/// The meters that are settled one after the other, by their numbers: so much that it needs little memory.
fn parts(connection: &Connection, segments: &Segments, from: Position) -> Result<Vec<Range<i64>>, Fault> {
    let mut waiting = segments.behind(from)?;
    let mut items = 0;
    while let Some(found) = waiting.next()? {
        if let Found::Batch(entry) = found {
            items += i64::from(entry.items);
        }
    }
    let last: i64 = connection
        .prepare_cached("SELECT ifnull(max(id), 0) FROM meter")?
        .query_row([], |row| row.get(0))?;
    let count = (1 + items / PART).min(last.max(1));
    let begin = |part: i64| match part {
        0 => i64::MIN,
        part if part == count => i64::MAX,
        part => 1 + last / count * part,
    };
    Ok((0..count).map(|part| begin(part)..begin(part + 1)).collect())
}

/// A settling under way.
struct Settling<'s, 'b> {
    batch: &'s mut Batch<'b>,
    gathered: Gathered,
    /// Items that are settled together.
    together: Vec<Ingest>,
    known: Known,
    before: Before,
    /// The meters whose turn it is; of all others nothing is taken.
    part: Range<i64>,
    refused: Vec<(i64, String)>,
    /// Where they end.
    refused_at: Set<i64>,
    begun: bool,
}

impl<'s, 'b> Settling<'s, 'b> {
    fn new(batch: &'s mut Batch<'b>) -> Self {
        Self {
            batch,
            gathered: Gathered::default(),
            together: Vec::new(),
            known: Known::default(),
            before: Before::default(),
            part: i64::MIN..i64::MAX,
            refused: Vec::new(),
            refused_at: Set::default(),
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
            match self.items(&packed, 0)? {
                Ok(_) => {}
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

    /// It is the turn of these meters.
    fn begin(&mut self, part: Range<i64>) {
        self.before = Before::default();
        self.part = part;
    }

    /// A batch, which ends at a place; one that can't be read goes into the table, with the reason.
    fn entry(&mut self, end: Position, Entry { items, packed }: &Entry) -> Result<(), Fault> {
        match self.items(packed, end.segment)? {
            Ok(0) => Ok(()),
            Ok(lost) => {
                let reason =
                    format!("{lost} of its items rest on what is lost, or on a key that is not here");
                self.refuse(end, lost, packed, &reason)
            }
            Err(reason) => self.refuse(end, *items, packed, &reason),
        }
    }

    /// Keeps what can't be read, of so many items at least, up to a place; once.
    fn refuse(&mut self, end: Position, items: u32, octets: &[u8], reason: &str) -> Result<(), Fault> {
        if !self.refused_at.insert(end.number()) {
            return Ok(());
        }
        let id = self
            .batch
            .transaction
            .prepare_cached("INSERT INTO inbox (items, batch, refused) VALUES (?1, ?2, ?3)")?
            .insert(params![items, octets, reason])?;
        self.refused.push((id, reason.to_owned()));
        Ok(())
    }

    /// Takes the items of a batch of a file, and says how many are lost; or why none can be read.
    fn items(&mut self, packed: &[u8], file: u32) -> Result<Result<u32, String>, Fault> {
        let mut names = Registered {
            batch: self.batch,
            known: &mut self.known,
            part: &self.part,
            failed: None,
        };
        let read = form::items(packed, file, &mut self.before, &mut names);
        if let Some(error) = names.failed {
            return Err(error.into());
        }
        let Read { items, lost } = match read {
            Ok(read) => read,
            Err(error) => return Ok(Err(error.to_string())),
        };
        // Of no meter: they are taken once.
        let is_first = self.part.start == i64::MIN;
        let wanted = |item: &Ingest| is_first || !matches!(item, Ingest::Stranger(_));
        self.together.extend(items.into_iter().filter(wanted));
        if !self.begun {
            self.batch.put_off();
            self.batch.pack_telegrams();
            self.begun = true;
        }
        if self.together.len() >= TOGETHER {
            self.take()?;
        }
        Ok(Ok(lost))
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

    /// Everything of these meters takes its place.
    fn end(&mut self) -> Result<(), Fault> {
        self.take()?;
        self.batch.put_now()?;
        self.batch.store_packs()?;
        self.begun = false;
        std::mem::take(&mut self.gathered).store(self.batch.transaction)?;
        Ok(())
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
struct Registered<'s, 'b> {
    batch: &'s mut Batch<'b>,
    known: &'s mut Known,
    part: &'s Range<i64>,
    failed: Option<rusqlite::Error>,
}

impl Names for Registered<'_, '_> {
    fn meter(&mut self, address: &MeterAddress) -> Option<MeterId> {
        let is_due = |meter: &MeterId| self.part.contains(&meter.0);
        if let Some(known) = self.known.meters.get(address) {
            return known.filter(is_due);
        }
        let found = self
            .batch
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
                id.filter(is_due)
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

    fn sealed(&mut self, meter: MeterId, way: u8, bare: &[u8], mark: u16) -> Option<(Vec<u8>, u64)> {
        match self
            .batch
            .sealed_again(meter.0, way, bare, |digest| form::mark(digest) == mark)
        {
            Ok(sealed) => sealed,
            Err(error) => {
                self.failed = Some(error);
                None
            }
        }
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
