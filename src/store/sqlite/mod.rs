//! The store in one SQLite file: the embedded default.
//!
//! ```text
//! open     look first, touch later        ingest, repeat, state,  a batch becomes rows
//!                                         archive, place
//! migrate  versions                       registry, keys, people  what operators enter
//! write    the one writer                 find, values, air       questions
//! pen      the writing side              inbox    what was heard just now
//! read     the readers                    retain, backup          letting go, keeping a copy
//! tell     what a commit changed          erase, erasures         what is deleted on request, and its proof
//! wal      the engine's log, looked at    mend, salvage           what becomes of a damaged one
//! octets   numbers and differences        packed                  what is old, once more in few rows
//! ```
//!
//! Tables and columns are explained in `migrations/`, where they are made.

mod air;
mod alert;
mod archive;
mod backup;
mod codes;
mod dense;
mod erase;
mod erasures;
mod error;
mod find;
mod history;
mod hours;
mod inbox;
mod ingest;
mod keys;
mod layouts;
mod mend;
mod migrate;
mod octets;
mod open;
mod packed;
mod pen;
mod people;
mod place;
mod read;
mod receivers;
mod recent;
mod registry;
mod repeat;
mod retain;
mod salvage;
mod state;
mod tell;
#[cfg(test)]
mod tests;
mod values;
mod vault;
mod wal;
mod write;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use rusqlite::Connection;
use wmbus::IdentificationNumber;

pub use backup::{Copied, Restored};
pub use erasures::{erasures_path, listed as listed_erasures};
pub use mend::{Mended, Reader};
pub use open::Options;
pub(super) use open::refused_by_system;
use pen::Pen;
use read::Readers;
pub use salvage::Salvaged;
use values::Values;
use vault::Vault;
pub use vault::master_path;
use write::Writer;

use super::KeyProof;
use super::StoreError;
use super::{
    AlertFound, AlertQuery, AlertReport, AlertRow, ArchiveQuery, ArchivedTelegram, By, Channel, ChannelId,
    Counts, DirectoryEntry, DwellingId, Erase, Erasure, Flags, Grain, Heard, HistoryQuery, HistoryRow,
    Ingest, IngestReport, KeyCount, LearntLayout, MeterFact, MeterId, MeterState, OccupancyId, Once, Outage,
    OutcomeCount, Placement, PointId, RadioState, ReadingKey, ReadingQuery, ReadingRow, ReceiverState,
    Redecoded, Result, RetainReport, Retention, Shown, Side, SiteId, Store, StoredReading, Token, Watcher,
};
use crate::registry::{
    Change, Dwelling, Meter, NewOccupancy, Occupancy, OccupancyChange, Point, Registry, Site, SiteCode,
};

/// A store in one SQLite file.
pub struct SqliteStore {
    path: PathBuf,
    vault: Vault,
    // Fields are dropped in this order: the connection that closes last tidies the log away, which a reader can't.
    readers: Readers,
    pen: Arc<Pen>,
}

impl SqliteStore {
    fn new(writer: Writer, syncs: bool, readers: Readers, vault: Vault, path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            vault,
            readers,
            pen: Arc::new(Pen::new(path, writer, syncs)),
        }
    }

    /// Whether a call met damage since this was last asked.
    pub fn is_suspected(&self) -> bool {
        self.pen.is_suspected()
    }

    /// Answers may leave out what was heard within so many seconds before they were asked for; 1 when nothing is said.
    pub fn may_lag(&self, seconds: u32) {
        self.pen.inbox.may_lag(seconds);
    }

    /// Whether of live readings that are settled from now on, by whichever process, only the first and the last of each hour are
    /// kept; all of them until this is said.
    ///
    /// # Errors
    /// The store can't be written.
    pub fn keep_hours_only(&self, only: bool) -> Result<()> {
        let wanted = i64::from(only);
        if self
            .read(|connection| write::counter(connection, hours::HOURS_ONLY))?
            .unwrap_or(0)
            == wanted
        {
            return Ok(());
        }
        self.pen
            .write_noting(|open| Ok(write::set_counter(open.transaction, hours::HOURS_ONLY, wanted)?))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Seals all keys that lie in clear under the master key, and takes what is left of them out of the file; tells how
    /// many there were.
    ///
    /// # Errors
    /// There is no master key, or the store can't be written.
    pub fn seal_keys(&self) -> Result<u64> {
        if !self.vault.is_locked() {
            return Err(StoreError::Sealed {
                path: self.path.clone(),
                master: master_path(&self.path),
            });
        }
        let sealed = self
            .pen
            .write(|open| Ok(keys::seal(open.transaction, open.vault)?))?;
        if sealed > 0 {
            self.pen.writer.outside(&self.path, |connection| {
                connection.execute_batch("VACUUM; PRAGMA wal_checkpoint(TRUNCATE)")
            })?;
        }
        Ok(sealed)
    }

    fn read<T>(&self, query: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T> {
        self.pen
            .watched(self.readers.read(|connection, _, _| query(connection)))
    }

    fn values<T>(&self, query: impl FnOnce(Values<'_>) -> rusqlite::Result<T>) -> Result<T> {
        let answer = self
            .readers
            .read(|connection, channels, _| query(Values { connection, channels }));
        self.pen.watched(answer)
    }
}

impl std::fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SqliteStore")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

impl Store for SqliteStore {
    fn ingest(&self, batch: &[Ingest]) -> Result<IngestReport> {
        self.pen
            .write_noting(|open| ingest::ingest(open, batch).map(|()| open.report))
    }

    fn ingest_together(
        &self,
        next: &mut dyn FnMut(Option<Vec<Ingest>>) -> Option<Vec<Ingest>>,
    ) -> Result<IngestReport> {
        self.pen
            .write_noting(|open| ingest::ingest_together(open, next).map(|()| open.report))
    }

    fn sync(&self) -> Result<()> {
        self.pen.sync()
    }

    fn hear(&self, batch: &[Ingest]) -> Result<()> {
        self.pen.hear(batch)
    }

    fn settle(&self) -> Result<IngestReport> {
        self.pen.settle()
    }

    fn catch_up(&self) {
        self.pen.catch_up(self.pen.inbox.lag());
    }

    fn catch_up_within(&self, lag: Duration) {
        self.pen.catch_up(lag);
    }

    fn is_caught_up(&self) -> bool {
        self.pen.inbox.is_fresh(self.pen.inbox.lag())
    }

    fn redecoded(&self, batch: &[Redecoded]) -> Result<IngestReport> {
        self.pen
            .write_noting(|open| ingest::redecoded(open, batch).map(|()| open.report))
    }

    fn add_readings(&self, meter: MeterId, readings: &[StoredReading]) -> Result<IngestReport> {
        self.pen.write_noting(|open| {
            for reading in readings {
                open.reading(meter, reading)?;
            }
            open.put_now()?;
            Ok(open.report)
        })
    }

    fn set_flags(&self, meter: MeterId, key: ReadingKey, flags: Flags) -> Result<bool> {
        self.pen.write_noting(|open| open.set_flags(meter, key, flags))
    }

    fn retain(&self, now: Timestamp, retention: &Retention) -> Result<RetainReport> {
        self.pen.write_noting(|open| retain::retain(open, now, retention))
    }

    fn registry(&self) -> Result<Registry> {
        self.read(|connection| registry::snapshot(connection, &self.vault))
    }

    fn installed(&self) -> Result<Registry> {
        self.read(registry::installed)
    }

    fn registry_version(&self) -> Result<u64> {
        self.read(registry::version)
    }

    fn apply_by(&self, version: u64, changes: &[Change], by: By<'_>) -> Result<()> {
        // What waits names meters by the addresses that they had.
        self.pen
            .write_settled(false, |open| registry::apply(open, version, changes, &by))
            // Files that stay are removed behind a later settling.
            .map(|((), _)| ())
    }

    fn history(&self, query: &HistoryQuery<'_>) -> Result<Vec<HistoryRow>> {
        self.read(|connection| history::list(connection, query))
    }

    fn directory(&self) -> Result<Vec<DirectoryEntry>> {
        self.read(|connection| registry::directory(connection, &self.vault))
    }

    fn unreadable(&self) -> Result<u64> {
        self.read(inbox::unreadable)
    }

    fn keys_in_clear(&self) -> Result<(u64, u64)> {
        self.read(keys::in_clear)
    }

    fn key_counts(&self) -> Result<Vec<KeyCount>> {
        self.read(keys::counts)
    }

    fn note_proofs(&self, proofs: &[KeyProof]) -> Result<()> {
        self.pen.write_noting(|open| {
            for proof in proofs {
                keys::prove(open.transaction, open.vault, proof)?;
            }
            Ok(())
        })
    }

    fn add_occupancy(&self, new: &NewOccupancy, by: By<'_>) -> Result<Occupancy> {
        self.pen.write(|open| people::add_occupancy(open, new, &by))
    }

    fn add_occupancy_once(&self, new: &NewOccupancy, once: &Once, by: By<'_>) -> Result<Occupancy> {
        self.pen
            .write(|open| people::add_occupancy_once(open, new, once, &by))
    }

    fn change_occupancy(
        &self,
        id: OccupancyId,
        change: &OccupancyChange,
        by: By<'_>,
    ) -> Result<Option<Occupancy>> {
        self.pen
            .write(|open| people::change_occupancy(open, id, change, &by))
    }

    fn occupancy(&self, id: OccupancyId) -> Result<Option<Occupancy>> {
        self.read(|connection| people::occupancy(connection, id))
    }

    fn occupancies(&self, dwelling: DwellingId) -> Result<Vec<Occupancy>> {
        self.read(|connection| people::occupancies(connection, dwelling))
    }

    fn erase(&self, wanted: Erase, rehearse: bool, by: By<'_>) -> Result<Erasure> {
        self.erase_rows(wanted, rehearse, by)
    }

    fn purge(&self) -> Result<()> {
        self.rewrite()
    }

    fn erasures(&self, after: Option<i64>, limit: usize) -> Result<Vec<(i64, Erasure)>> {
        self.read(|connection| erase::list(connection, after, limit))
    }

    fn site(&self, id: SiteId) -> Result<Option<Site>> {
        let answer = self
            .readers
            .read(|connection, _, known| known.site(connection, id, || find::site_by_id(connection, id)));
        self.pen.watched(answer)
    }

    fn sites(&self, after: Option<SiteId>, limit: usize) -> Result<Vec<Site>> {
        self.read(|connection| find::sites(connection, after, limit))
    }

    fn site_by_code(&self, code: SiteCode) -> Result<Option<Site>> {
        self.read(|connection| find::site_by_code(connection, code))
    }

    fn sites_by_address(&self, text: &str, limit: usize) -> Result<Vec<Site>> {
        self.read(|connection| find::sites_by_address(connection, text, limit))
    }

    fn dwelling(&self, id: DwellingId) -> Result<Option<Dwelling>> {
        let answer = self.readers.read(|connection, _, known| {
            known.dwelling(connection, id, || find::dwelling_by_id(connection, id))
        });
        self.pen.watched(answer)
    }

    fn dwellings(&self, site: SiteId, after: Option<DwellingId>, limit: usize) -> Result<Vec<Dwelling>> {
        self.read(|connection| find::dwellings(connection, site, after, limit))
    }

    fn dwellings_by_lot(&self, site: SiteId, lot: &str) -> Result<Vec<Dwelling>> {
        self.read(|connection| find::dwellings_by_lot(connection, site, lot))
    }

    fn dwellings_by_client_ref(&self, site: SiteId, client_ref: &str) -> Result<Vec<Dwelling>> {
        self.read(|connection| find::dwellings_by_client_ref(connection, site, client_ref))
    }

    fn point(&self, id: PointId) -> Result<Option<Point>> {
        self.read(|connection| find::point_by_id(connection, id))
    }

    fn points(&self, dwelling: DwellingId) -> Result<Vec<Point>> {
        self.read(|connection| find::points(connection, dwelling))
    }

    fn placements(&self, dwelling: DwellingId) -> Result<Vec<Placement>> {
        let answer = self.readers.read(|connection, _, known| {
            known.placements(connection, dwelling, || find::placements(connection, dwelling))
        });
        self.pen.watched(answer)
    }

    fn placements_of_meter(&self, meter: MeterId) -> Result<Vec<Placement>> {
        self.read(|connection| find::placements_of_meter(connection, meter))
    }

    fn meter(&self, id: MeterId) -> Result<Option<Meter>> {
        self.read(|connection| find::meter_by_id(connection, id))
    }

    fn meters(&self, after: Option<MeterId>, limit: usize) -> Result<Vec<Meter>> {
        self.read(|connection| find::meters(connection, after, limit))
    }

    fn meters_by_identification(&self, number: IdentificationNumber) -> Result<Vec<Meter>> {
        self.read(|connection| find::meters_where(connection, "identification", number.0))
    }

    fn meters_by_serial(&self, search_form: &str) -> Result<Vec<Meter>> {
        self.read(|connection| find::meters_where(connection, "serial_search", search_form))
    }

    fn meters_by_serial_digits(&self, digits: &str) -> Result<Vec<Meter>> {
        self.read(|connection| find::meters_where(connection, "serial_digits", digits))
    }

    fn meters_by_fact(&self, name: &str, value: &str) -> Result<Vec<Meter>> {
        self.read(|connection| find::meters_by_fact(connection, name, value))
    }

    fn channel(&self, id: ChannelId) -> Result<Option<Channel>> {
        self.readers
            .read(|connection, channels, _| channels.get(connection, id))
    }

    fn channels(&self, meter: MeterId) -> Result<Vec<(ChannelId, Channel)>> {
        let channels = self.channels_of(&[meter])?;
        Ok(channels.into_iter().next().unwrap_or_default())
    }

    fn readings(&self, query: &ReadingQuery) -> Result<Vec<ReadingRow>> {
        self.values(|values| values.page(query))
    }

    fn nearest(
        &self,
        meter: MeterId,
        channel: ChannelId,
        at: Timestamp,
        side: Side,
        without: Flags,
    ) -> Result<Option<ReadingRow>> {
        self.values(|values| values.nearest(meter, channel, at, side, without))
    }

    fn latest(&self, meters: &[MeterId]) -> Result<Vec<ReadingRow>> {
        self.values(|values| values.latest(meters))
    }

    fn spoken(
        &self,
        series: &[(MeterId, ChannelId)],
        from: Timestamp,
        until: Timestamp,
        step: SignedDuration,
        without: Flags,
    ) -> Result<Vec<(MeterId, Timestamp)>> {
        self.values(|values| values.spoken(series, from, until, step, without))
    }

    fn series(
        &self,
        meter: MeterId,
        channel: ChannelId,
        from: Timestamp,
        until: Timestamp,
    ) -> Result<Vec<ReadingRow>> {
        self.values(|values| values.series(meter, channel, from, until))
    }

    fn shown(
        &self,
        meter: MeterId,
        channel: ChannelId,
        from: Timestamp,
        until: Timestamp,
        grain: Grain,
    ) -> Result<Vec<Shown>> {
        let shown = self.shown_of(&[(meter, channel)], from, until, grain)?;
        Ok(shown.into_iter().next().unwrap_or_default())
    }

    fn channels_of(&self, meters: &[MeterId]) -> Result<Vec<Vec<(ChannelId, Channel)>>> {
        let answer = self
            .readers
            .read(|connection, channels, known| Values { connection, channels }.channels_of(meters, known));
        self.pen.watched(answer)
    }

    fn shown_of(
        &self,
        series: &[(MeterId, ChannelId)],
        from: Timestamp,
        until: Timestamp,
        grain: Grain,
    ) -> Result<Vec<Vec<Shown>>> {
        self.values(|values| values.shown(series, from, until, grain))
    }

    fn conflicts(&self, meter: MeterId, key: ReadingKey) -> Result<Vec<i64>> {
        self.values(|values| values.conflicts(meter, key))
    }

    fn changes(&self, after: u64, limit: usize) -> Result<Vec<ReadingRow>> {
        self.values(|values| values.changes(after, limit))
    }

    fn last_change(&self) -> Result<u64> {
        self.read(|connection| {
            Ok(codes::unsigned(
                write::counter(connection, "change")?.unwrap_or(0),
            ))
        })
    }

    fn meter_state(&self, meter: MeterId) -> Result<Option<MeterState>> {
        self.read(|connection| air::meter_state(connection, meter))
    }

    fn meter_states(&self, after: Option<MeterId>, limit: usize) -> Result<Vec<MeterState>> {
        self.read(|connection| air::meter_states(connection, after, limit))
    }

    fn outcomes(&self, meter: MeterId) -> Result<Vec<OutcomeCount>> {
        self.read(|connection| air::outcomes(connection, meter))
    }

    fn outcome_totals(&self) -> Result<Vec<OutcomeCount>> {
        self.read(air::outcome_totals)
    }

    fn facts(&self, meter: MeterId) -> Result<Vec<MeterFact>> {
        self.read(|connection| air::facts(connection, meter))
    }

    fn heard(&self, limit: usize) -> Result<Vec<Heard>> {
        self.read(|connection| air::heard(connection, limit))
    }

    fn radios(&self) -> Result<Vec<RadioState>> {
        self.read(air::radios)
    }

    fn begin_listening(&self, receivers: &[&str], now: Timestamp) -> Result<()> {
        self.pen
            .write_noting(|open| receivers::begin(open, receivers, now))
    }

    fn note_receivers(&self, states: &[ReceiverState], now: Timestamp) -> Result<()> {
        self.pen.write_noting(|open| receivers::note(open, states, now))
    }

    fn rhythm(&self, receiver: &str) -> Result<Option<Vec<u8>>> {
        self.read(|connection| receivers::rhythm(connection, receiver))
    }

    fn note_rhythm(&self, receiver: &str, rhythm: &[u8]) -> Result<()> {
        self.pen
            .write_noting(|open| receivers::note_rhythm(open, receiver, rhythm))
    }

    fn receivers(&self) -> Result<Vec<ReceiverState>> {
        self.read(receivers::receivers)
    }

    fn outages(&self, limit: usize) -> Result<Vec<Outage>> {
        self.read(|connection| receivers::outages(connection, limit))
    }

    fn layouts(&self) -> Result<Vec<LearntLayout>> {
        self.read(layouts::all)
    }

    fn archive(&self, query: &ArchiveQuery<'_>) -> Result<Vec<ArchivedTelegram>> {
        self.read(|connection| archive::archive(connection, &self.vault, query))
    }

    fn put_alerts(&self, at: Timestamp, found: &[AlertFound]) -> Result<AlertReport> {
        self.pen.write_noting(|open| alert::put(open, at, found))
    }

    fn alerts(&self, query: &AlertQuery) -> Result<Vec<AlertRow>> {
        self.read(|connection| alert::list(connection, query))
    }

    fn add_token(&self, token: &Token) -> Result<()> {
        self.pen.write(|open| people::add_token(open, token))
    }

    fn token_by_hash(&self, hash: &[u8; 32]) -> Result<Option<Token>> {
        self.read(|connection| people::token_by_hash(connection, hash))
    }

    fn tokens(&self) -> Result<Vec<Token>> {
        self.read(people::tokens)
    }

    fn remove_token(&self, name: &str) -> Result<bool> {
        self.pen.write(|open| people::remove_token(open, name))
    }

    fn counts(&self) -> Result<Counts> {
        self.read(|connection| {
            let count = |table: &str| {
                connection
                    .prepare_cached(&format!("SELECT count(*) FROM {table}"))?
                    .query_row([], |row| row.get(0))
                    .map(codes::unsigned)
            };
            Ok(Counts {
                sites: count("site")?,
                dwellings: count("dwelling")?,
                points: count("point")?,
                meters: count("meter")?,
                readings: count("every_reading")? + dense::count(connection)?,
                telegrams: count("telegram")? + archive::packed(connection)?,
                heard: count("heard")?,
            })
        })
    }

    fn file(&self) -> Option<&Path> {
        Some(&self.path)
    }

    fn in_one_state(&self, work: &mut dyn FnMut()) -> Result<()> {
        self.pen.watched(self.readers.hold(work))
    }

    fn watch(&self, watcher: Weak<dyn Watcher>) {
        self.pen.writer.teller.watch(watcher);
    }

    fn told(&self) -> bool {
        self.pen.writer.told()
    }
}
