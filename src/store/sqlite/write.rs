//! The writer: one connection, one transaction a batch, and what it remembers between batches.

use std::path::Path;
use std::sync::{Mutex, PoisonError, TryLockError};

use rusqlite::{CachedStatement, Connection, OptionalExtension, Transaction, TransactionBehavior, params};

use super::archive::Packs;
use super::codes;
use super::erase::Erased;
use super::error::explain;
use super::place::Placing;
use super::registry::{self, METER};
use super::repeat::Window;
use super::tell::{Noted, Teller, data_version};
use super::vault::Vault;
use crate::hash::{Map, Prints, Set};
use crate::registry::{Meter, MeterAddress};
use crate::store::{self, Changed, Channel, IngestReport, StoreError};

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
    rows: usize,
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
    /// Meters that are registered, and their addresses: none ever leaves.
    meters: Map<i64, MeterAddress>,
    channels: Map<Channel, i64>,
    radios: Map<String, i64>,
    outcomes: Map<String, i64>,
    /// Stored registers repeat in telegram after telegram, and only an erasure removes any: the prints of place and value of
    /// those that stand among the rows.
    pub(super) stored: Set<u64>,
    pub(super) prints: Prints,
    /// Telegrams seen lately that the archive no longer takes.
    pub(super) expired: Window,
    /// What was erased, and is not taken again.
    pub(super) erased: Erased,
}

impl Memory {
    /// Forgets the addresses of meters, which have changed.
    pub(super) fn forget_meters(&mut self) {
        self.meters.clear();
    }

    /// Forgets what is remembered of rows that were erased.
    pub(super) fn forget(&mut self) {
        self.stored.clear();
        self.expired = Window::default();
    }
}

impl Writer {
    /// `rows` are added with one statement. More than one pay only where the engine does not look up what rows refer to:
    /// else it keeps a copy of each page that such a statement touches.
    pub(super) fn new(connection: Connection, vault: Vault, rows: usize) -> Self {
        Self {
            rows,
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
            connection,
            others,
            memory,
            ..
        } = &mut *inside;
        match data_version(connection) {
            Ok(version) => {
                others_committed(&self.teller, others, version, memory);
                true
            }
            Err(_) => false,
        }
    }

    /// Runs a transaction: all of it is stored and durable when this returns, or nothing of it.
    pub(super) fn write<T>(
        &self,
        path: &Path,
        work: impl FnOnce(&mut Batch<'_>) -> Result<T, Fault>,
    ) -> store::Result<T> {
        let mut inside = self.inside.lock().unwrap_or_else(PoisonError::into_inner);
        let Inside {
            connection,
            others,
            memory,
            vault,
        } = &mut *inside;
        // Taken out, so that nothing of it outlives a batch that fails or panics.
        let remembered = std::mem::take(memory);
        match self.run(connection, others, vault, remembered, work) {
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
    ) -> store::Result<T> {
        let inside = self.inside.lock().unwrap_or_else(PoisonError::into_inner);
        work(&inside.connection).map_err(|error| explain(path, error))
    }

    fn run<T>(
        &self,
        connection: &mut Connection,
        others: &mut Option<i64>,
        vault: &Vault,
        mut memory: Memory,
        work: impl FnOnce(&mut Batch<'_>) -> Result<T, Fault>,
    ) -> Result<(T, Memory), Fault> {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let Self { teller, rows, .. } = self;
        others_committed(teller, others, data_version(&transaction)?, &mut memory);
        let transacting = teller.writing();
        let noted = Noted::new(&transaction, teller.is_watched())?;
        let change = counter(&transaction, "change")?.unwrap_or(0);
        memory.erased.refresh(&transaction)?;
        let mut batch = Batch {
            transaction: &transaction,
            vault,
            memory,
            change,
            rows: *rows,
            placing: Placing::default(),
            packs: Packs::default(),
            statements: Statements::default(),
            noted,
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
fn others_committed(teller: &Teller, known: &mut Option<i64>, version: i64, memory: &mut Memory) {
    if *known != Some(version) {
        teller.tell(Changed::Anything);
        // They may have given a meter another address.
        memory.meters.clear();
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
    /// The latest place in the feed of changes that is taken.
    pub(super) change: i64,
    /// Rows of one statement: what it takes to begin and end one costs as much as a row.
    pub(super) rows: usize,
    pub(super) placing: Placing,
    pub(super) packs: Packs,
    pub(super) statements: Statements<'a>,
}

/// What runs for each reading and telegram is looked up once a batch.
#[derive(Default)]
pub(super) struct Statements<'a> {
    pub(super) add_reading: Option<CachedStatement<'a>>,
    pub(super) add_readings: Option<CachedStatement<'a>>,
    pub(super) add_telegram: Option<CachedStatement<'a>>,
    pub(super) add_telegrams: Option<CachedStatement<'a>>,
}

impl Batch<'_> {
    /// The address of a meter; one that is not registered is refused.
    pub(super) fn known(&mut self, meter: i64) -> Result<MeterAddress, Fault> {
        if let Some(address) = self.address(meter)? {
            return Ok(address);
        }
        Err(StoreError::Refused("a telegram is of a meter that is not registered".to_owned()).into())
    }

    /// Whether a meter is registered.
    pub(super) fn is_known(&mut self, meter: i64) -> rusqlite::Result<bool> {
        self.address(meter).map(|address| address.is_some())
    }

    fn address(&mut self, meter: i64) -> rusqlite::Result<Option<MeterAddress>> {
        if let Some(address) = self.memory.meters.get(&meter) {
            return Ok(Some(*address));
        }
        let found = self
            .transaction
            .prepare_cached(&format!("SELECT {METER} FROM meter WHERE id = ?1"))?
            .query_row([meter], |row| registry::meter(row, 0))
            .optional()?;
        Ok(found.map(|Meter { address, .. }| {
            self.memory.meters.insert(meter, address);
            address
        }))
    }

    /// The id of a channel, new or not.
    pub(super) fn channel(&mut self, channel: &Channel) -> Result<i64, Fault> {
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

    fn finish(mut self, change_before: i64) -> Result<(Memory, Noted), Fault> {
        if !self.placing.is_done() {
            self.put_now()?;
        }
        self.store_packs()?;
        self.noted.stale.remove(self.transaction)?;
        if self.change != change_before {
            set_counter(self.transaction, "change", self.change)?;
        }
        Ok((self.memory, self.noted))
    }
}

/// The statement in a place, which is prepared when there is none yet.
pub(super) fn prepared<'s, 'a>(
    transaction: &'a Transaction<'a>,
    place: &'s mut Option<CachedStatement<'a>>,
    sql: impl FnOnce() -> String,
) -> rusqlite::Result<&'s mut CachedStatement<'a>> {
    let statement = match place.take() {
        Some(statement) => statement,
        None => transaction.prepare_cached(&sql())?,
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
