//! A store that refuses: before anything was written, or after all of it was and nobody was told.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};
use releve::registry::{
    Change, Dwelling, Meter, NewOccupancy, Occupancy, OccupancyChange, Point, Registry, Site, SiteCode,
};
use releve::store::{
    AlertFound, AlertQuery, AlertReport, AlertRow, ArchiveQuery, ArchivedTelegram, By, Channel, ChannelId,
    Counts, DirectoryEntry, DwellingId, Erase, Erasure, Flags, Grain, Heard, HistoryQuery, HistoryRow,
    Ingest, IngestReport, KeyCount, KeyProof, LearntLayout, MeterFact, MeterId, MeterState, OccupancyId,
    Once, Outage, OutcomeCount, Placement, PointId, RadioState, ReadingKey, ReadingQuery, ReadingRow,
    ReceiverState, Redecoded, Result, RetainReport, Retention, Shown, Side, SiteId, SqliteStore, Store,
    StoreError, StoredReading, Token,
};
use wmbus::IdentificationNumber;

use crate::luck::Luck;

/// How it is at the moment.
pub(super) struct Mood {
    luck: Luck,
    /// Calls that are refused, of a thousand; batches are refused as often.
    pub(super) refuses: u64,
    /// Calls that were refused before and after they did something.
    pub(super) refused: [u64; 2],
}

/// The embedded store, and its mood.
pub(super) struct Refusing {
    pub(super) inner: SqliteStore,
    mood: Mutex<Mood>,
}

impl Refusing {
    pub(super) fn new(inner: SqliteStore, luck: Luck) -> Self {
        let mood = Mutex::new(Mood {
            luck,
            refuses: 0,
            refused: [0; 2],
        });
        Self { inner, mood }
    }

    pub(super) fn mood(&self) -> std::sync::MutexGuard<'_, Mood> {
        self.mood.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One of the ways in which disks and other processes refuse.
    fn gate(&self, when: usize) -> Result<()> {
        let mut mood = self.mood();
        let refuses = mood.refuses;
        if !mood.luck.hits(refuses) {
            return Ok(());
        }
        mood.refused[when] += 1;
        let path = PathBuf::from("simulated");
        Err(match mood.luck.below(4) {
            0 => StoreError::Full(path),
            1 => StoreError::Busy(path),
            2 => StoreError::ReadOnly(path),
            _ => StoreError::Io {
                path,
                detail: "simulated".to_owned(),
            },
        })
    }
}

/// Calls that only ask are refused before; calls that write are refused before or after.
macro_rules! calls {
    (asks { $(fn $ask:ident($($a:ident: $at:ty),*) -> $ao:ty;)* }
     writes { $(fn $write:ident($($w:ident: $wt:ty),*) -> $wo:ty;)* }) => {
        impl Store for Refusing {
            fn ingest_together(
                &self,
                next: &mut dyn FnMut(Option<Vec<Ingest>>) -> Option<Vec<Ingest>>,
            ) -> Result<IngestReport> {
                self.gate(0)?;
                let done = self.inner.ingest_together(next)?;
                self.gate(1)?;
                Ok(done)
            }
            $(fn $ask(&self $(, $a: $at)*) -> Result<$ao> {
                self.gate(0)?;
                self.inner.$ask($($a),*)
            })*
            $(fn $write(&self $(, $w: $wt)*) -> Result<$wo> {
                self.gate(0)?;
                let done = self.inner.$write($($w),*)?;
                self.gate(1)?;
                Ok(done)
            })*
        }
    };
}

calls! {
    asks {
        fn registry() -> Registry;
        fn installed() -> Registry;
        fn key_counts() -> Vec<KeyCount>;
        fn latest(meters: &[MeterId]) -> Vec<ReadingRow>;
        fn spoken(
            series: &[(MeterId, ChannelId)],
            from: Timestamp,
            until: Timestamp,
            step: SignedDuration,
            without: Flags
        ) -> Vec<(MeterId, Timestamp)>;
        fn registry_version() -> u64;
        fn history(query: &HistoryQuery<'_>) -> Vec<HistoryRow>;
        fn directory() -> Vec<DirectoryEntry>;
        fn unreadable() -> u64;
        fn keys_in_clear() -> (u64, u64);
        fn occupancy(id: OccupancyId) -> Option<Occupancy>;
        fn occupancies(dwelling: DwellingId) -> Vec<Occupancy>;
        fn site(id: SiteId) -> Option<Site>;
        fn sites(after: Option<SiteId>, limit: usize) -> Vec<Site>;
        fn site_by_code(code: SiteCode) -> Option<Site>;
        fn sites_by_address(text: &str, limit: usize) -> Vec<Site>;
        fn dwelling(id: DwellingId) -> Option<Dwelling>;
        fn dwellings(site: SiteId, after: Option<DwellingId>, limit: usize) -> Vec<Dwelling>;
        fn dwellings_by_lot(site: SiteId, lot: &str) -> Vec<Dwelling>;
        fn dwellings_by_client_ref(site: SiteId, client_ref: &str) -> Vec<Dwelling>;
        fn point(id: PointId) -> Option<Point>;
        fn points(dwelling: DwellingId) -> Vec<Point>;
        fn placements(dwelling: DwellingId) -> Vec<Placement>;
        fn placements_of_meter(meter: MeterId) -> Vec<Placement>;
        fn meter(id: MeterId) -> Option<Meter>;
        fn meters(after: Option<MeterId>, limit: usize) -> Vec<Meter>;
        fn meters_by_identification(number: IdentificationNumber) -> Vec<Meter>;
        fn meters_by_serial(search_form: &str) -> Vec<Meter>;
        fn meters_by_serial_digits(digits: &str) -> Vec<Meter>;
        fn meters_by_fact(name: &str, value: &str) -> Vec<Meter>;
        fn channel(id: ChannelId) -> Option<Channel>;
        fn channels(meter: MeterId) -> Vec<(ChannelId, Channel)>;
        fn readings(query: &ReadingQuery) -> Vec<ReadingRow>;
        fn nearest(meter: MeterId, channel: ChannelId, at: Timestamp, side: Side, without: Flags) -> Option<ReadingRow>;
        fn series(meter: MeterId, channel: ChannelId, from: Timestamp, until: Timestamp) -> Vec<ReadingRow>;
        fn conflicts(meter: MeterId, key: ReadingKey) -> Vec<i64>;
        fn changes(after: u64, limit: usize) -> Vec<ReadingRow>;
        fn last_change() -> u64;
        fn meter_state(meter: MeterId) -> Option<MeterState>;
        fn meter_states(after: Option<MeterId>, limit: usize) -> Vec<MeterState>;
        fn outcomes(meter: MeterId) -> Vec<OutcomeCount>;
        fn outcome_totals() -> Vec<OutcomeCount>;
        fn facts(meter: MeterId) -> Vec<MeterFact>;
        fn heard(limit: usize) -> Vec<Heard>;
        fn radios() -> Vec<RadioState>;
        fn rhythm(receiver: &str) -> Option<Vec<u8>>;
        fn shown(meter: MeterId, channel: ChannelId, from: Timestamp, until: Timestamp, grain: Grain) -> Vec<Shown>;
        fn erasures(after: Option<i64>, limit: usize) -> Vec<(i64, Erasure)>;
        fn receivers() -> Vec<ReceiverState>;
        fn outages(limit: usize) -> Vec<Outage>;
        fn layouts() -> Vec<LearntLayout>;
        fn archive(query: &ArchiveQuery<'_>) -> Vec<ArchivedTelegram>;
        fn alerts(query: &AlertQuery) -> Vec<AlertRow>;
        fn token_by_hash(hash: &[u8; 32]) -> Option<Token>;
        fn tokens() -> Vec<Token>;
        fn counts() -> Counts;
    }
    writes {
        fn ingest(batch: &[Ingest]) -> IngestReport;
        fn sync() -> ();
        fn hear(batch: &[Ingest]) -> ();
        fn settle() -> IngestReport;
        fn redecoded(batch: &[Redecoded]) -> IngestReport;
        fn add_readings(meter: MeterId, readings: &[StoredReading]) -> IngestReport;
        fn set_flags(meter: MeterId, key: ReadingKey, flags: Flags) -> bool;
        fn erase(wanted: Erase, rehearse: bool, by: By<'_>) -> Erasure;
        fn purge() -> ();
        fn retain(now: Timestamp, retention: &Retention) -> RetainReport;
        fn apply_by(version: u64, changes: &[Change], by: By<'_>) -> ();
        fn note_proofs(proofs: &[KeyProof]) -> ();
        fn add_occupancy(new: &NewOccupancy, by: By<'_>) -> Occupancy;
        fn add_occupancy_once(new: &NewOccupancy, once: &Once, by: By<'_>) -> Occupancy;
        fn change_occupancy(id: OccupancyId, change: &OccupancyChange, by: By<'_>) -> Option<Occupancy>;
        fn begin_listening(receivers: &[&str], now: Timestamp) -> ();
        fn note_receivers(states: &[ReceiverState], now: Timestamp) -> ();
        fn note_rhythm(receiver: &str, rhythm: &[u8]) -> ();
        fn put_alerts(at: Timestamp, found: &[AlertFound]) -> AlertReport;
        fn add_token(token: &Token) -> ();
        fn remove_token(name: &str) -> bool;
    }
}
