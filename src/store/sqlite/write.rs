//! The writer: one connection, one transaction a batch, and what it remembers between batches.

use std::path::Path;
use std::sync::{Mutex, PoisonError, TryLockError};

use rusqlite::{
    CachedStatement, Connection, OptionalExtension, Params, Transaction, TransactionBehavior, params,
};

use super::codes;
use super::erase::Erased;
use super::error::explain;
use super::repeat::Window;
use super::tell::{Noted, Teller, data_version};
use super::vault::Vault;
use crate::hash::{Map, Prints, Set};
use crate::store::{
    Changed, Channel, Flags, IngestReport, MeterId, ReadingKey, Result, Source, StoreError, StoredReading,
};

/// Why a transaction did not come to its end.
pub(super) enum Fault {
    /// The engine said so.
    Engine(rusqlite::Error),
    /// We did.
    Store(StoreError),
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        Self::Engine(error)
    }
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// The one connection that writes.
pub(super) struct Writer {
    inside: Mutex<Inside>,
    pub(super) teller: Teller,
}

struct Inside {
    connection: Connection,
    /// What the engine said of other processes' commits, and was told.
    others: Option<i64>,
    memory: Memory,
    vault: Vault,
}

/// What need not be looked up again. All of it is committed: a batch that fails takes its part back.
#[derive(Default)]
pub(super) struct Memory {
    /// Meters that are registered: none ever leaves.
    meters: Set<i64>,
    channels: Map<Channel, i64>,
    radios: Map<String, i64>,
    outcomes: Map<String, i64>,
    /// Stored registers repeat in telegram after telegram, and only an erasure removes any: the prints of place and value of
    /// those that stand among the rows.
    stored: Set<u64>,
    prints: Prints,
    /// Telegrams seen lately that the archive no longer takes.
    pub(super) expired: Window,
    /// What was erased, and is not taken again.
    pub(super) erased: Erased,
}

impl Memory {
    /// Forgets what is remembered of rows that were erased.
    pub(super) fn forget(&mut self) {
        self.stored.clear();
        self.expired = Window::default();
    }
}

/// Meter, channel, instant, source: the key of a reading.
type Place = (i64, i64, i64, i64);

/// At most so many stored registers are remembered: some 600 kB.
const REMEMBERED: usize = 50_000;

impl Writer {
    pub(super) fn new(connection: Connection, vault: Vault) -> Self {
        Self {
            inside: Mutex::new(Inside {
                connection,
                others: None,
                memory: Memory::default(),
                vault,
            }),
            teller: Teller::default(),
        }
    }

    /// Whether all that was committed until now has been told, by whomever.
    pub(super) fn told(&self) -> bool {
        let _alone = self.teller.asking();
        let mut inside = match self.inside.try_lock() {
            Ok(inside) => inside,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return self.teller.is_writing(),
        };
        let Inside {
            connection, others, ..
        } = &mut *inside;
        match data_version(connection) {
            Ok(version) => {
                others_committed(&self.teller, others, version);
                true
            }
            Err(_) => false,
        }
    }

    /// Runs a transaction: all of it is stored and durable when this returns, or nothing of it.
    pub(super) fn write<T>(
        &self,
        path: &Path,
        work: impl FnOnce(&mut Batch<'_>) -> std::result::Result<T, Fault>,
    ) -> Result<T> {
        let mut inside = self.inside.lock().unwrap_or_else(PoisonError::into_inner);
        let Inside {
            connection,
            others,
            memory,
            vault,
        } = &mut *inside;
        // Taken out, so that nothing of it outlives a batch that fails or panics.
        let remembered = std::mem::take(memory);
        match Self::run(connection, (&self.teller, others), vault, remembered, work) {
            Ok((answer, remembered)) => {
                *memory = remembered;
                Ok(answer)
            }
            Err(Fault::Engine(error)) => Err(explain(path, error)),
            Err(Fault::Store(error)) => Err(error),
        }
    }

    /// Runs what no transaction may be open for.
    pub(super) fn outside<T>(
        &self,
        path: &Path,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T> {
        let inside = self.inside.lock().unwrap_or_else(PoisonError::into_inner);
        work(&inside.connection).map_err(|error| explain(path, error))
    }

    fn run<T>(
        connection: &mut Connection,
        (teller, others): (&Teller, &mut Option<i64>),
        vault: &Vault,
        mut memory: Memory,
        work: impl FnOnce(&mut Batch<'_>) -> std::result::Result<T, Fault>,
    ) -> std::result::Result<(T, Memory), Fault> {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        others_committed(teller, others, data_version(&transaction)?);
        let transacting = teller.writing();
        let noted = Noted::new(&transaction, teller.is_watched())?;
        let change = counter(&transaction, "change")?.unwrap_or(0);
        memory.erased.refresh(&transaction)?;
        let mut batch = Batch {
            transaction: &transaction,
            vault,
            memory,
            change,
            put_aside: None,
            noted,
            add_reading: None,
            add_telegram: None,
            later: None,
            report: IngestReport::default(),
        };
        let answer = work(&mut batch)?;
        let (memory, noted) = batch.finish(change)?;
        transacting.ending();
        match transaction.commit() {
            Ok(()) => noted.tell(teller),
            // Who knows how far it came.
            Err(error) => {
                teller.tell(Changed::Anything);
                return Err(error.into());
            }
        }
        Ok((answer, memory))
    }
}

/// Tells of other processes' commits, when there were any since the engine was asked last.
fn others_committed(teller: &Teller, known: &mut Option<i64>, version: i64) {
    if *known != Some(version) {
        teller.tell(Changed::Anything);
        *known = Some(version);
    }
}

/// An open transaction.
pub(super) struct Batch<'a> {
    pub(super) transaction: &'a Transaction<'a>,
    /// What keys are sealed with.
    pub(super) vault: &'a Vault,
    pub(super) memory: Memory,
    pub(super) report: IngestReport,
    /// What is to be told of it.
    pub(super) noted: Noted,
    change: i64,
    /// Whether some readings are put aside; not known until it is asked.
    put_aside: Option<bool>,
    /// What runs for each reading and telegram is looked up once a batch.
    add_reading: Option<CachedStatement<'a>>,
    add_telegram: Option<CachedStatement<'a>>,
    /// Readings that are put off until all are there, if they are.
    later: Option<Vec<Later>>,
}

/// A reading that takes its place later; small, since there are many.
struct Later {
    meter: i64,
    at: i64,
    value: i64,
    /// 0 for none.
    stamp: i64,
    channel: u32,
    flags: u32,
    /// Of two in one place the first counts.
    order: u32,
    source: u8,
    resolution: i8,
}

/// What is written of a reading beside its place.
struct Said {
    value: i64,
    resolution: i8,
    flags: u32,
    stamp: Option<i64>,
}

impl Batch<'_> {
    /// Adds a reading, unless there is one in its place.
    pub(super) fn reading(
        &mut self,
        meter: MeterId,
        reading: &StoredReading,
    ) -> std::result::Result<(), Fault> {
        let at = reading.at.as_second();
        if self.memory.erased.reading(meter.0, at) {
            self.report.erased_readings += 1;
            return Ok(());
        }
        let channel = self.channel(&reading.channel)?;
        let said = Said {
            value: reading.value,
            resolution: reading.resolution,
            flags: reading.flags.0,
            stamp: reading.stamp.map(codes::stamp_number),
        };
        if let Some(later) = &mut self.later
            && let (Ok(channel), Ok(order)) = (u32::try_from(channel), u32::try_from(later.len()))
        {
            later.push(Later {
                meter: meter.0,
                at,
                value: said.value,
                stamp: said.stamp.unwrap_or(0),
                channel,
                flags: said.flags,
                order,
                source: reading.source as u8,
                resolution: said.resolution,
            });
            return Ok(());
        }
        if self.stands(meter, channel, reading) {
            self.report.known += 1;
            return Ok(());
        }
        self.put((meter.0, channel, at, reading.source as i64), &said)
    }

    /// From here on readings are put off.
    pub(super) fn put_off(&mut self) {
        self.later = Some(Vec::new());
    }

    /// Puts the readings that were put off, meter after meter: a page that takes many of them is then written once.
    pub(super) fn put_now(&mut self) -> std::result::Result<(), Fault> {
        let mut later = self.later.take().unwrap_or_default();
        later.sort_unstable_by_key(|reading| {
            let Later {
                meter,
                channel,
                at,
                source,
                order,
                ..
            } = *reading;
            (meter, channel, at, source, order)
        });
        for reading in later {
            let place = (
                reading.meter,
                reading.channel.into(),
                reading.at,
                reading.source.into(),
            );
            let said = Said {
                value: reading.value,
                resolution: reading.resolution,
                flags: reading.flags,
                stamp: (reading.stamp != 0).then_some(reading.stamp),
            };
            self.put(place, &said)?;
        }
        Ok(())
    }

    /// Whether a stored register is known to stand among the rows, or to contradict one that does.
    pub(super) fn stands(&self, meter: MeterId, channel: i64, reading: &StoredReading) -> bool {
        let place = (meter.0, channel, reading.at.as_second(), reading.source as i64);
        reading.source != Source::Live
            && self
                .memory
                .stored
                .contains(&self.memory.prints.of(&(place, reading.value)))
    }

    /// Puts a reading in its place, unless there is one.
    fn put(&mut self, place: Place, said: &Said) -> std::result::Result<(), Fault> {
        let (meter, channel, at, source) = place;
        if source == Source::Live as i64
            && let Some(kept) = self.aside(place)?
        {
            if kept == said.value {
                self.report.known += 1;
                return Ok(());
            }
            self.bring_back(place)?;
            return self.beside(place, said.value);
        }
        let added = prepared(
            self.transaction,
            &mut self.add_reading,
            "INSERT INTO reading (meter, channel, at, source, value, resolution, flags, stamp, change)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
             ON CONFLICT (meter, channel, at, source) DO NOTHING",
        )?
        .execute(params![
            meter,
            channel,
            at,
            source,
            said.value,
            said.resolution,
            said.flags,
            said.stamp,
            self.change + 1,
        ])?;
        if added == 1 {
            self.note(place);
            self.change += 1;
            self.report.readings += 1;
        } else {
            self.beside(place, said.value)?;
        }
        if source != Source::Live as i64 {
            self.remember(place, said.value);
        }
        Ok(())
    }

    /// Adds a telegram to the archive; `params` are its columns.
    pub(super) fn telegram(&mut self, params: impl Params) -> rusqlite::Result<()> {
        prepared(
            self.transaction,
            &mut self.add_telegram,
            "INSERT INTO telegram (received_at, meter, digest, octets, radio, rssi_dbm, outcome, evidence, assumed)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        )?
        .execute(params)
        .map(drop)
    }

    /// There is a reading in this place already: the same, or another that stays and is flagged.
    fn beside(&mut self, place: Place, value: i64) -> std::result::Result<(), Fault> {
        let (meter, channel, at, source) = place;
        let kept: i64 = self
            .transaction
            .prepare_cached(
                "SELECT value FROM reading WHERE meter = ?1 AND channel = ?2 AND at = ?3 AND source = ?4",
            )?
            .query_row([meter, channel, at, source], |row| row.get(0))?;
        if kept == value {
            self.report.known += 1;
            return Ok(());
        }
        let news = self
            .transaction
            .prepare_cached("INSERT INTO conflict VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO NOTHING")?
            .execute([meter, channel, at, source, value])?;
        if news == 0 {
            self.report.known += 1;
            return Ok(());
        }
        self.report.conflicts += 1;
        let flagged = self
            .transaction
            .prepare_cached(
                "UPDATE reading SET flags = flags | ?5, change = ?6
                 WHERE meter = ?1 AND channel = ?2 AND at = ?3 AND source = ?4 AND flags & ?5 = 0",
            )?
            .execute(params![
                meter,
                channel,
                at,
                source,
                Flags::CONFLICT.0,
                self.change + 1
            ])?;
        if flagged == 1 {
            self.note(place);
            self.change += 1;
        }
        Ok(())
    }

    /// The value in a place, when it is one of those that were put aside.
    fn aside(&mut self, (meter, channel, at, _): Place) -> rusqlite::Result<Option<i64>> {
        let some = match self.put_aside {
            Some(some) => some,
            None => self
                .transaction
                .prepare_cached("SELECT EXISTS (SELECT 1 FROM hour)")?
                .query_row([], |row| row.get(0))?,
        };
        self.put_aside = Some(some);
        if !some {
            return Ok(None);
        }
        self.transaction
            .prepare_cached("SELECT value FROM hour WHERE meter = ?1 AND channel = ?2 AND at = ?3")?
            .query_row([meter, channel, at], |row| row.get(0))
            .optional()
    }

    /// Puts what was put aside back among the others, since something is to be said of it.
    fn bring_back(&mut self, place: Place) -> rusqlite::Result<()> {
        self.note(place);
        let (meter, channel, at, source) = place;
        self.transaction
            .prepare_cached(
                "INSERT INTO reading (meter, channel, at, source, value, resolution, flags, stamp, change)
                 SELECT meter, channel, at, ?4, value, resolution, 0, NULL, change FROM hour
                 WHERE meter = ?1 AND channel = ?2 AND at = ?3",
            )?
            .execute([meter, channel, at, source])?;
        self.transaction
            .prepare_cached("DELETE FROM hour WHERE meter = ?1 AND channel = ?2 AND at = ?3")?
            .execute([meter, channel, at])?;
        Ok(())
    }

    /// Replaces a reading's flags; true when they were others.
    pub(super) fn set_flags(
        &mut self,
        meter: MeterId,
        key: ReadingKey,
        flags: Flags,
    ) -> std::result::Result<bool, Fault> {
        let place = (meter.0, key.channel.0, key.at.as_second(), key.source as i64);
        if key.source == Source::Live && flags != Flags::NONE && self.aside(place)?.is_some() {
            self.bring_back(place)?;
        }
        let changed = self
            .transaction
            .prepare_cached(
                "UPDATE reading SET flags = ?5, change = ?6
                 WHERE meter = ?1 AND channel = ?2 AND at = ?3 AND source = ?4 AND flags <> ?5",
            )?
            .execute(params![
                meter.0,
                key.channel.0,
                key.at.as_second(),
                key.source as i64,
                flags.0,
                self.change + 1
            ])?;
        if changed == 1 {
            self.note(place);
            self.change += 1;
        }
        Ok(changed == 1)
    }

    fn note(&mut self, (meter, channel, at, _): Place) {
        self.noted.readings((meter, channel), at, at);
    }

    fn remember(&mut self, place: Place, value: i64) {
        if self.memory.stored.len() >= REMEMBERED {
            self.memory.stored.clear();
        }
        let print = self.memory.prints.of(&(place, value));
        self.memory.stored.insert(print);
    }

    /// Refuses a meter that is not registered.
    pub(super) fn known(&mut self, meter: i64) -> std::result::Result<(), Fault> {
        if self.is_known(meter)? {
            return Ok(());
        }
        Err(StoreError::Refused("a telegram is of a meter that is not registered".to_owned()).into())
    }

    /// Whether a meter is registered.
    pub(super) fn is_known(&mut self, meter: i64) -> rusqlite::Result<bool> {
        if self.memory.meters.contains(&meter) {
            return Ok(true);
        }
        let is_registered: bool = self
            .transaction
            .prepare_cached("SELECT EXISTS (SELECT 1 FROM meter WHERE id = ?1)")?
            .query_row([meter], |row| row.get(0))?;
        if is_registered {
            self.memory.meters.insert(meter);
        }
        Ok(is_registered)
    }

    /// The id of a channel, new or not.
    pub(super) fn channel(&mut self, channel: &Channel) -> std::result::Result<i64, Fault> {
        if let Some(id) = self.memory.channels.get(channel) {
            return Ok(*id);
        }
        let words = codes::channel_words(channel).ok_or_else(|| {
            StoreError::Refused(format!("this release has no word to store {channel:?} under"))
        })?;
        let columns = params![
            words.quantity,
            words.unit,
            channel.exponent,
            words.direction,
            channel.tariff,
            channel.subunit,
            words.aspect,
            words.kind
        ];
        let found = self
            .transaction
            .prepare_cached(
                "SELECT id FROM channel WHERE quantity = ?1 AND unit = ?2 AND exponent = ?3 AND direction = ?4
                 AND tariff = ?5 AND subunit = ?6 AND aspect = ?7 AND kind = ?8",
            )?
            .query_row(columns, |row| row.get(0))
            .optional()?;
        let id = match found {
            Some(id) => id,
            None => self
                .transaction
                .prepare_cached(
                    "INSERT INTO channel (quantity, unit, exponent, direction, tariff, subunit, aspect, kind)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
                )?
                .insert(columns)?,
        };
        self.memory.channels.insert(*channel, id);
        Ok(id)
    }

    /// The id of an outcome code, if a telegram ever had it.
    pub(super) fn known_outcome(&mut self, code: &str) -> rusqlite::Result<Option<i64>> {
        if let Some(id) = self.memory.outcomes.get(code) {
            return Ok(Some(*id));
        }
        let id = self
            .transaction
            .prepare_cached("SELECT id FROM outcome WHERE code = ?1")?
            .query_row([code], |row| row.get(0))
            .optional()?;
        if let Some(id) = id {
            self.memory.outcomes.insert(code.to_owned(), id);
        }
        Ok(id)
    }

    /// The id of an outcome code, new or not.
    pub(super) fn outcome(&mut self, code: &str) -> rusqlite::Result<i64> {
        if let Some(id) = self.known_outcome(code)? {
            return Ok(id);
        }
        let id = self
            .transaction
            .prepare_cached("INSERT INTO outcome (code) VALUES (?1)")?
            .insert([code])?;
        self.memory.outcomes.insert(code.to_owned(), id);
        Ok(id)
    }

    /// The id of a receiver, new (first heard at this instant) or not.
    pub(super) fn radio(&mut self, name: &str, at: i64) -> rusqlite::Result<i64> {
        if let Some(id) = self.memory.radios.get(name) {
            return Ok(*id);
        }
        let id = self
            .transaction
            .prepare_cached("SELECT id FROM radio WHERE name = ?1")?
            .query_row([name], |row| row.get(0))
            .optional()?;
        let id = match id {
            Some(id) => id,
            None => self
                .transaction
                .prepare_cached(
                    "INSERT INTO radio (name, first_heard, last_heard, telegrams) VALUES (?1, ?2, ?2, 0)",
                )?
                .insert(params![name, at])?,
        };
        self.memory.radios.insert(name.to_owned(), id);
        Ok(id)
    }

    fn finish(mut self, change_before: i64) -> rusqlite::Result<(Memory, Noted)> {
        self.noted.stale.remove(self.transaction)?;
        if self.change != change_before {
            set_counter(self.transaction, "change", self.change)?;
        }
        Ok((self.memory, self.noted))
    }
}

/// The statement in a place, which is prepared when there is none yet.
fn prepared<'s, 'a>(
    transaction: &'a Transaction<'a>,
    place: &'s mut Option<CachedStatement<'a>>,
    sql: &str,
) -> rusqlite::Result<&'s mut CachedStatement<'a>> {
    let statement = match place.take() {
        Some(statement) => statement,
        None => transaction.prepare_cached(sql)?,
    };
    Ok(place.insert(statement))
}

/// A number that only grows.
pub(super) fn counter(connection: &Connection, name: &str) -> rusqlite::Result<Option<i64>> {
    connection
        .prepare_cached("SELECT value FROM counter WHERE name = ?1")?
        .query_row([name], |row| row.get(0))
        .optional()
}

/// Sets a number that only grows.
pub(super) fn set_counter(connection: &Connection, name: &str, value: i64) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO counter (name, value) VALUES (?1, ?2)
             ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        )?
        .execute(params![name, value])?;
    Ok(())
}
