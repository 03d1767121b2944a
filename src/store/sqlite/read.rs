//! Readers: a few connections that only read, lent out one call at a time.

use std::cell::RefCell;
use std::collections::HashMap;
use std::hash::Hash;
use std::path::{Path, PathBuf};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension};

use super::codes;
use super::error::explain;
use super::open::{READ_ONLY, keep_plans};
use super::tell::data_version;
use crate::hash::Map;
use crate::registry::{Dwelling, Site};
use crate::store::{Channel, ChannelId, DwellingId, MeterId, Placement, Result, SiteId};

/// A small pool: connections are opened when they are first needed and then kept.
pub(super) struct Readers {
    path: PathBuf,
    patience: Duration,
    idle: Mutex<Idle>,
    returned: Condvar,
    channels: Channels,
}

struct Idle {
    connections: Vec<(Connection, Known)>,
    /// How many more may be opened.
    unopened: usize,
    /// How many wait for one: to wake nobody is a call to the system, too.
    waiting: usize,
}

impl Readers {
    pub(super) fn new(path: &Path, patience: Duration, size: usize) -> Self {
        Self {
            path: path.to_owned(),
            patience,
            idle: Mutex::new(Idle {
                connections: Vec::new(),
                unopened: size.max(1),
                waiting: 0,
            }),
            returned: Condvar::new(),
            channels: Channels::default(),
        }
    }

    /// Runs a query; it sees one consistent state of the store from its first statement to its last.
    pub(super) fn read<T>(
        &self,
        query: impl FnOnce(&Connection, &Channels, &mut Known) -> rusqlite::Result<T>,
    ) -> Result<T> {
        let explained = |error| explain(&self.path, error);
        let held = HELD.with_borrow_mut(|held| held.take_if(|held| held.of == self.address()));
        if let Some(mut held) = held {
            let answer = query(&held.connection, &self.channels, &mut held.known);
            held.is_sound &= answer.is_ok();
            HELD.with_borrow_mut(|place| *place = Some(held));
            return answer.map_err(explained);
        }
        let ((connection, mut known), place) = self.lend().map_err(explained)?;
        known.begin();
        let answer = in_one_state(&connection, |connection| {
            query(connection, &self.channels, &mut known)
        });
        // One that met an error is closed, and with it what it had begun.
        let answer = answer.map_err(explained)?;
        place.give_back((connection, known));
        Ok(answer)
    }

    /// Runs what asks several times; all that this thread asks meanwhile sees one state of the store, and costs one beginning
    /// and one end.
    pub(super) fn hold(&self, work: &mut dyn FnMut()) -> Result<()> {
        if HELD.with_borrow(Option::is_some) {
            work();
            return Ok(());
        }
        let explained = |error| explain(&self.path, error);
        let ((connection, mut known), place) = self.lend().map_err(explained)?;
        known.begin();
        connection
            .prepare_cached("BEGIN")
            .and_then(|mut begin| begin.execute([]))
            .map_err(explained)?;
        HELD.set(Some(Held {
            of: self.address(),
            connection,
            known,
            is_sound: true,
        }));
        let holding = Holding;
        work();
        drop(holding);
        if let Some(held) = HELD.take()
            && held.is_sound
        {
            held.connection
                .prepare_cached("COMMIT")
                .and_then(|mut commit| commit.execute([]))
                .map_err(explained)?;
            place.give_back((held.connection, held.known));
        }
        Ok(())
    }

    fn address(&self) -> usize {
        std::ptr::from_ref(self).addr()
    }

    fn lend(&self) -> rusqlite::Result<((Connection, Known), Place<'_>)> {
        let mut idle = self.idle();
        loop {
            if let Some(connection) = idle.connections.pop() {
                return Ok((connection, Place(Some(self))));
            }
            if idle.unopened > 0 {
                idle.unopened -= 1;
                drop(idle);
                let place = Place(Some(self));
                return Ok(((self.connect()?, Known::default()), place));
            }
            idle.waiting += 1;
            idle = self.returned.wait(idle).unwrap_or_else(PoisonError::into_inner);
            idle.waiting -= 1;
        }
    }

    fn connect(&self) -> rusqlite::Result<Connection> {
        let connection = Connection::open_with_flags(&self.path, READ_ONLY)?;
        connection.busy_timeout(self.patience)?;
        keep_plans(&connection)?;
        connection.pragma_update(None, "trusted_schema", false)?;
        // KiB: a reader walks a path or two, and there are several of them.
        connection.pragma_update(None, "cache_size", -1024)?;
        connection.set_prepared_statement_cache_capacity(48);
        Ok(connection)
    }

    fn give(&self, back: impl FnOnce(&mut Idle)) {
        let mut idle = self.idle();
        back(&mut idle);
        if idle.waiting > 0 {
            self.returned.notify_one();
        }
    }

    fn idle(&self) -> MutexGuard<'_, Idle> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The connection that a thread holds while it asks several times.
struct Held {
    /// Whose it is.
    of: usize,
    connection: Connection,
    known: Known,
    /// It met no error.
    is_sound: bool,
}

thread_local! {
    static HELD: RefCell<Option<Held>> = const { RefCell::new(None) };
}

/// Closes what is held when whoever asks panics.
struct Holding;

impl Drop for Holding {
    fn drop(&mut self) {
        if std::thread::panicking() {
            HELD.take();
        }
    }
}

/// Runs a query between the beginning and the end of a transaction, which are prepared like all else.
fn in_one_state<T>(
    connection: &Connection,
    query: impl FnOnce(&Connection) -> rusqlite::Result<T>,
) -> rusqlite::Result<T> {
    connection.prepare_cached("BEGIN")?.execute([])?;
    let answer = query(connection)?;
    connection.prepare_cached("COMMIT")?.execute([])?;
    Ok(answer)
}

/// The place of a lent connection in the pool. A connection that met an error is not given back: its place is free
/// again when this is dropped, and the next one who needs it opens a new one.
struct Place<'a>(Option<&'a Readers>);

impl Place<'_> {
    fn give_back(mut self, connection: (Connection, Known)) {
        if let Some(readers) = self.0.take() {
            readers.give(|idle| idle.connections.push(connection));
        }
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        if let Some(readers) = self.0 {
            readers.give(|idle| idle.unopened += 1);
        }
    }
}

/// In which channels meters have readings, and what hangs in which dwellings, as a connection found it: each takes some steps
/// along large tables. True until anybody commits.
#[derive(Default)]
pub(super) struct Known {
    version: Option<i64>,
    /// Nobody can have committed since the version was looked at, as far as this transaction sees.
    is_current: bool,
    channels: Map<MeterId, Vec<(ChannelId, Channel)>>,
    placements: Map<DwellingId, Vec<Placement>>,
    dwellings: Map<DwellingId, Option<Dwelling>>,
    sites: Map<SiteId, Option<Site>>,
}

impl Known {
    /// A transaction begins, and may see more than the one before.
    fn begin(&mut self) {
        self.is_current = false;
    }

    /// The channels of meters; looked for where that is not known any more.
    pub(super) fn channels(
        &mut self,
        connection: &Connection,
        meters: &[MeterId],
        look: impl Fn(MeterId) -> rusqlite::Result<Vec<(ChannelId, Channel)>>,
    ) -> rusqlite::Result<Vec<Vec<(ChannelId, Channel)>>> {
        self.refresh(connection)?;
        meters
            .iter()
            .map(|meter| remembered(&mut self.channels, MOST_METERS, *meter, || look(*meter)))
            .collect()
    }

    /// What hangs or hung in a dwelling; looked for where that is not known any more.
    pub(super) fn placements(
        &mut self,
        connection: &Connection,
        dwelling: DwellingId,
        look: impl FnOnce() -> rusqlite::Result<Vec<Placement>>,
    ) -> rusqlite::Result<Vec<Placement>> {
        self.refresh(connection)?;
        remembered(&mut self.placements, MOST_DWELLINGS, dwelling, look)
    }

    /// A dwelling; looked for where it is not known any more.
    pub(super) fn dwelling(
        &mut self,
        connection: &Connection,
        id: DwellingId,
        look: impl FnOnce() -> rusqlite::Result<Option<Dwelling>>,
    ) -> rusqlite::Result<Option<Dwelling>> {
        self.refresh(connection)?;
        remembered(&mut self.dwellings, MOST_DWELLINGS, id, look)
    }

    /// A site; looked for where it is not known any more.
    pub(super) fn site(
        &mut self,
        connection: &Connection,
        id: SiteId,
        look: impl FnOnce() -> rusqlite::Result<Option<Site>>,
    ) -> rusqlite::Result<Option<Site>> {
        self.refresh(connection)?;
        remembered(&mut self.sites, MOST_SITES, id, look)
    }

    /// Forgets everything when somebody has committed.
    fn refresh(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        if self.is_current {
            return Ok(());
        }
        let version = Some(data_version(connection)?);
        if self.version != version {
            *self = Self {
                version,
                ..Self::default()
            };
        }
        self.is_current = true;
        Ok(())
    }
}

/// What is known under a key, or is found and known from then on. When there is too much of it, all is forgotten.
fn remembered<K: Copy + Eq + Hash, V: Clone>(
    known: &mut Map<K, V>,
    most: usize,
    key: K,
    look: impl FnOnce() -> rusqlite::Result<V>,
) -> rusqlite::Result<V> {
    if let Some(value) = known.get(&key) {
        return Ok(value.clone());
    }
    let found = look()?;
    if known.len() >= most {
        known.clear();
    }
    known.insert(key, found.clone());
    Ok(found)
}

/// Of so many meters channels are remembered.
const MOST_METERS: usize = 2000;
/// Of so many sites it is remembered what they are called.
const MOST_SITES: usize = 20;
/// Of so many dwellings it is remembered what hangs there: some kilobytes each.
const MOST_DWELLINGS: usize = 200;

/// The channels of this store by id. They are added and never changed, so what was read once stays true.
#[derive(Default)]
pub(super) struct Channels(RwLock<HashMap<ChannelId, Channel>>);

impl Channels {
    /// The channel of an id, `None` when there is none.
    pub(super) fn get(&self, connection: &Connection, id: ChannelId) -> rusqlite::Result<Option<Channel>> {
        let known = self
            .0
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&id)
            .copied();
        if known.is_some() {
            return Ok(known);
        }
        let found = connection
            .prepare_cached(
                "SELECT quantity, unit, exponent, direction, tariff, subunit, aspect, kind FROM channel WHERE id = ?1",
            )?
            .query_row([id.0], |row| codes::channel(row, 0))
            .optional()?;
        if let Some(channel) = found {
            self.0
                .write()
                .unwrap_or_else(PoisonError::into_inner)
                .insert(id, channel);
        }
        Ok(found)
    }
}
