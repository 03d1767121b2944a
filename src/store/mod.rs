//! The store: what was heard and read, kept exactly, once, and durably.
//!
//! Everyone talks to the trait [`Store`] and plain structs; SQL stands in `sqlite/` only. Calls block: asynchronous
//! callers use a blocking task. Instants are kept to the second.
//!
//! What holds for every implementation:
//!
//! - what a call reports as stored has survived a power cut;
//! - a batch is stored whole or not at all;
//! - storing something twice changes nothing, and what is stored never depends on how often a replay was interrupted;
//! - the change feed shows every reading, in an order in which nothing is skipped.

mod alert;
mod channel;
mod erase;
mod error;
mod find;
mod history;
mod ingest;
mod keeping;
mod news;
mod reading;
mod retain;
mod sole;
pub mod sqlite;
mod state;

use std::path::Path;
use std::sync::Weak;
use std::time::Duration;

use decoders::reading::Quantity;
use jiff::{SignedDuration, Timestamp};
use wmbus::{IdentificationNumber, Key};

use crate::registry::{
    Change, Dwelling, Factor, Installation, Kind, Meter, MeterKey, NewOccupancy, Occupancy, OccupancyChange,
    Point, Registry, Site, SiteCode,
};
pub use crate::registry::{ChannelId, DwellingId, InstallationId, MeterId, OccupancyId, PointId, SiteId};
pub use alert::{AlertFound, AlertQuery, AlertReport, AlertRow};
pub use channel::{Aspect, Channel, Measured, Standard, standard};
pub use erase::{Deleted, Erase, ErasedMeter, Erasure, broken_receipts};
pub use error::{Result, StoreError};
pub use find::{Found, find_meters};
pub use history::{By, HistoryQuery, HistoryRow, Once};
pub use ingest::{
    ArchivedTelegram, Facts, Ingest, IngestReport, LearntLayout, NO_VALUE, READ, REPLAYED, Redecoded,
    Sighting, Telegram, TelegramKey, Word, digest_of,
};
pub use keeping::{Keeping, Kept, held_path};
pub use news::{Changed, Stretch, Watcher};
pub use reading::{Flags, Grain, ReadingKey, ReadingRow, Shown, Source, StoredReading};
pub use retain::{RetainReport, Retention};
pub use sole::Sole;
pub use sqlite::{Mended, Reader, SqliteStore, master_path};
pub use state::{
    Counts, Heard, KeyCount, MeterFact, MeterState, Outage, OutcomeCount, RadioState, ReceiverState, Token,
};

/// A meter as the pipeline needs it: who, with which keys, dated in which zone.
#[derive(Clone, Debug)]
pub struct DirectoryEntry {
    /// The meter.
    pub meter: Meter,
    /// Its keys, in the order in which they are to be tried.
    pub keys: Vec<Key>,
    /// How many of them, from the first, were seen to be right.
    pub proven: usize,
    /// IANA name of the zone of the site it is installed in; of its latest installation when there were several.
    pub time_zone: String,
    /// What it counts there, when it is installed.
    pub kind: Option<Kind>,
    /// The message counter of its latest authenticated telegram that was accepted, and when that was received.
    pub counter: Option<(u32, Timestamp)>,
}

/// That a key opens its meter's telegrams.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyProof {
    /// Whose, and which.
    pub key: MeterKey,
    /// When the latest of them was received.
    pub at: Timestamp,
    /// How many telegrams of the archive it opened.
    pub telegrams: u64,
}

/// An installation with everything around it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placement {
    /// The installation.
    pub installation: Installation,
    /// The point it serves.
    pub point: Point,
    /// The meter.
    pub meter: Meter,
    /// Its rating factors, oldest first.
    pub factors: Vec<Factor>,
}

/// Which readings of a meter to list.
#[derive(Clone, Copy, Debug)]
pub struct ReadingQuery {
    /// Whose.
    pub meter: MeterId,
    /// One series, or all, one after the other.
    pub channel: Option<ChannelId>,
    /// First instant.
    pub from: Timestamp,
    /// First instant that is too late.
    pub until: Timestamp,
    /// Only from this source.
    pub source: Option<Source>,
    /// Behind this one: the last of the page before.
    pub after: Option<ReadingKey>,
    /// At most so many.
    pub limit: usize,
}

/// Which way to look for the nearest reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// At the instant or before it.
    AtOrBefore,
    /// At the instant or after it.
    AtOrAfter,
}

/// What to read from the archive.
#[derive(Clone, Copy, Debug, Default)]
pub struct ArchiveQuery<'a> {
    /// Of one meter only.
    pub meter: Option<MeterId>,
    /// With one of these outcomes only; empty for all.
    pub outcomes: &'a [&'a str],
    /// Behind this one: the last of the page before.
    pub after: Option<TelegramKey>,
    /// At most so many.
    pub limit: usize,
}

/// Where readings are kept. See the module for what holds of every call.
pub trait Store: Send + Sync {
    // What comes in.

    /// Stores a batch: telegrams with their readings, and sightings of strangers, in one transaction.
    fn ingest(&self, batch: &[Ingest]) -> Result<IngestReport>;
    /// Stores several batches in one transaction, all of them or none. `next` takes back the one that was taken last and gives
    /// another, until it gives none.
    fn ingest_together(
        &self,
        next: &mut dyn FnMut(Option<Vec<Ingest>>) -> Option<Vec<Ingest>>,
    ) -> Result<IngestReport>;
    /// All that was stored is durable when this returns: for a store that was opened to wait for the disk at the end alone.
    fn sync(&self) -> Result<()>;
    /// Stores a batch that was heard just now, at the least cost: it is durable when this returns, and counts in every answer
    /// after [`Store::settle`], which comes by itself before long.
    fn hear(&self, batch: &[Ingest]) -> Result<()> {
        self.ingest(batch).map(drop)
    }
    /// Gives what was heard its place among the rows; what that did.
    fn settle(&self) -> Result<IngestReport> {
        Ok(IngestReport::default())
    }
    /// Settles, unless that was done a moment ago: for whoever is about to ask. What can't be settled now stays safe.
    fn catch_up(&self) {}
    /// As [`Store::catch_up`], for whoever need not be told what came within so long.
    fn catch_up_within(&self, _lag: Duration) {}
    /// Whether [`Store::catch_up`] has nothing to do.
    fn is_caught_up(&self) -> bool {
        true
    }
    /// Puts what was found by reading archived telegrams once more, in one transaction.
    fn redecoded(&self, batch: &[Redecoded]) -> Result<IngestReport>;
    /// Puts readings that no telegram brought (manual, estimate), in one transaction; flags conflicts as `ingest` does.
    fn add_readings(&self, meter: MeterId, readings: &[StoredReading]) -> Result<IngestReport>;
    /// Replaces the flags of a reading; true when that changed something, which the feed then shows.
    fn set_flags(&self, meter: MeterId, key: ReadingKey, flags: Flags) -> Result<bool>;
    /// Lets go of what need not be kept any longer; a bounded piece of work, to be called again while it says so.
    fn retain(&self, now: Timestamp, retention: &Retention) -> Result<RetainReport>;

    // The registry.

    /// All that is registered.
    fn registry(&self) -> Result<Registry>;
    /// All that is registered but keys and households: for whoever shows meters, also where no master key is at hand.
    fn installed(&self) -> Result<Registry>;
    /// A number that grows with every change of the registry.
    fn registry_version(&self) -> Result<u64>;
    /// Applies changes planned on the registry of that version, all or none, and notes who did it in the history.
    ///
    /// Fails with [`StoreError::Stale`] when it has changed since.
    fn apply_by(&self, version: u64, changes: &[Change], by: By<'_>) -> Result<()>;
    /// As [`Store::apply_by`], by the service itself, now.
    fn apply(&self, version: u64, changes: &[Change]) -> Result<()> {
        let by = By {
            who: "releve",
            at: Timestamp::now(),
        };
        self.apply_by(version, changes, by)
    }
    /// A page of the registry's history, the newest change first.
    fn history(&self, query: &HistoryQuery<'_>) -> Result<Vec<HistoryRow>>;
    /// All meters with their keys and zones: what [`crate::registry`]'s directory is built from.
    fn directory(&self) -> Result<Vec<DirectoryEntry>>;
    /// How many of the telegrams that were heard lie in batches that can't be read back.
    fn unreadable(&self) -> Result<u64>;
    /// How many keys lie in clear in the store, and how many keys there are.
    fn keys_in_clear(&self) -> Result<(u64, u64)>;
    /// How many keys each meter has, by meter; those without are left out. No key is opened for it.
    fn key_counts(&self) -> Result<Vec<KeyCount>>;
    /// Notes that keys were seen to be right; those that nobody has any more are passed over.
    fn note_proofs(&self, proofs: &[KeyProof]) -> Result<()>;
    /// Begins an occupancy and ends the one before it on the day before.
    ///
    /// Fails with [`StoreError::MoveInTooEarly`] when its first day lies before that of a recorded one. On the very
    /// same day both stand side by side: two people of one household.
    fn add_occupancy(&self, new: &NewOccupancy, by: By<'_>) -> Result<Occupancy>;
    /// As [`Store::add_occupancy`], once: the same request under the same key gives the occupancy as it began, and changes
    /// nothing. Keys are remembered for a week, the latest ten thousand of them.
    ///
    /// Fails with [`StoreError::KeyReused`] when the key was used for another request.
    fn add_occupancy_once(&self, new: &NewOccupancy, once: &Once, by: By<'_>) -> Result<Occupancy>;
    /// Changes an occupancy, whole or not at all, and gives it back; `None` when there is none of that id.
    ///
    /// Fails with [`StoreError::EndOutside`] when its last day can't be that one.
    fn change_occupancy(
        &self,
        id: OccupancyId,
        change: &OccupancyChange,
        by: By<'_>,
    ) -> Result<Option<Occupancy>>;
    /// An occupancy.
    fn occupancy(&self, id: OccupancyId) -> Result<Option<Occupancy>>;
    /// The occupancies of a dwelling, oldest first.
    fn occupancies(&self, dwelling: DwellingId) -> Result<Vec<Occupancy>>;

    // Erasure.

    /// Deletes a dwelling's data, or those of a household that has left, and gives the receipt; to rehearse is to do
    /// nothing and say what would be done. Readings and telegrams of erased instants are never taken again.
    ///
    /// Fails with [`StoreError::Refused`] when there is no such dwelling or household, when the household still lives
    /// there, or shares days with another.
    fn erase(&self, wanted: Erase, rehearse: bool, by: By<'_>) -> Result<Erasure>;
    /// Takes what was deleted out of the file: afterwards no octet of it is left there. Takes as long as writing the whole
    /// store anew, and as much room; others may go on reading, whoever writes is refused meanwhile and tries again.
    ///
    /// When it fails, what was deleted stays deleted; only its octets may still be found, and another call takes them out.
    fn purge(&self) -> Result<()>;
    /// The receipts of erasures behind one, in the order in which they were made, each with its number.
    fn erasures(&self, after: Option<i64>, limit: usize) -> Result<Vec<(i64, Erasure)>>;

    // Finding one's way.

    /// A site.
    fn site(&self, id: SiteId) -> Result<Option<Site>>;
    /// All sites behind an id, in the order of their ids.
    fn sites(&self, after: Option<SiteId>, limit: usize) -> Result<Vec<Site>>;
    /// The site with a code.
    fn site_by_code(&self, code: SiteCode) -> Result<Option<Site>>;
    /// Sites in whose name or address every word of the text begins a word, whatever case and accents.
    fn sites_by_address(&self, text: &str, limit: usize) -> Result<Vec<Site>>;
    /// A dwelling.
    fn dwelling(&self, id: DwellingId) -> Result<Option<Dwelling>>;
    /// Dwellings of a site behind an id, in the order of their ids.
    fn dwellings(&self, site: SiteId, after: Option<DwellingId>, limit: usize) -> Result<Vec<Dwelling>>;
    /// The dwellings of a site with a lot number, whatever its case, blanks and dashes (mostly one).
    fn dwellings_by_lot(&self, site: SiteId, lot: &str) -> Result<Vec<Dwelling>>;
    /// The dwellings of a site with a client reference, whatever its case, blanks and dashes (mostly one).
    fn dwellings_by_client_ref(&self, site: SiteId, client_ref: &str) -> Result<Vec<Dwelling>>;
    /// A point.
    fn point(&self, id: PointId) -> Result<Option<Point>>;
    /// The points of a dwelling.
    fn points(&self, dwelling: DwellingId) -> Result<Vec<Point>>;
    /// All installations of a dwelling's points, by point and then by time.
    fn placements(&self, dwelling: DwellingId) -> Result<Vec<Placement>>;
    /// All installations of a meter, oldest first.
    fn placements_of_meter(&self, meter: MeterId) -> Result<Vec<Placement>>;
    /// A meter.
    fn meter(&self, id: MeterId) -> Result<Option<Meter>>;
    /// Meters behind an id, in the order of their ids.
    fn meters(&self, after: Option<MeterId>, limit: usize) -> Result<Vec<Meter>>;
    /// Meters with an identification number, whoever made them.
    fn meters_by_identification(&self, number: IdentificationNumber) -> Result<Vec<Meter>>;
    /// Meters whose printed serial has this search form (`registry::serial::search_form`).
    fn meters_by_serial(&self, search_form: &str) -> Result<Vec<Meter>>;
    /// Meters whose printed serial has these digits (`registry::serial::digits`).
    fn meters_by_serial_digits(&self, digits: &str) -> Result<Vec<Meter>>;
    /// Meters that said this of themselves: a fabrication number. Leading zeros don't count.
    fn meters_by_fact(&self, name: &str, value: &str) -> Result<Vec<Meter>>;

    // Values.

    /// The channel of an id.
    fn channel(&self, id: ChannelId) -> Result<Option<Channel>>;
    /// The channels in which a meter has readings.
    fn channels(&self, meter: MeterId) -> Result<Vec<(ChannelId, Channel)>>;
    /// A page of a meter's readings, in the order of channel, instant and source.
    fn readings(&self, query: &ReadingQuery) -> Result<Vec<ReadingRow>>;
    /// The reading nearest to an instant on one side, leaving out those with one of the flags.
    fn nearest(
        &self,
        meter: MeterId,
        channel: ChannelId,
        at: Timestamp,
        side: Side,
        without: Flags,
    ) -> Result<Option<ReadingRow>>;
    /// The latest reading of each series of some meters, by meter and channel.
    fn latest(&self, meters: &[MeterId]) -> Result<Vec<ReadingRow>>;
    /// When some series, in the order of their meters, had live readings without these flags: the latest until `until`,
    /// and so on back to `from`, each at least a step before the next; by meter and instant.
    fn spoken(
        &self,
        series: &[(MeterId, ChannelId)],
        from: Timestamp,
        until: Timestamp,
        step: SignedDuration,
        without: Flags,
    ) -> Result<Vec<(MeterId, Timestamp)>>;
    /// A series over `[from, until)` with its surroundings: all its readings there, those of the latest instant before,
    /// and those of the first instant at or after `until`; by instant and source.
    fn series(
        &self,
        meter: MeterId,
        channel: ChannelId,
        from: Timestamp,
        until: Timestamp,
    ) -> Result<Vec<ReadingRow>>;
    /// The channels of a meter that hold the index (absolute, no extreme) of a quantity.
    fn index_channels(&self, meter: MeterId, quantity: Quantity) -> Result<Vec<(ChannelId, Channel)>> {
        Ok(self
            .channels(meter)?
            .into_iter()
            .filter(|(_, channel)| {
                channel.quantity == quantity
                    && channel.aspect == Aspect::Index
                    && channel.kind == decoders::reading::Kind::Absolute
            })
            .collect())
    }
    /// As [`Store::series`], but of each reading only what sums are made of, and as fine as it is asked for.
    fn shown(
        &self,
        meter: MeterId,
        channel: ChannelId,
        from: Timestamp,
        until: Timestamp,
        grain: Grain,
    ) -> Result<Vec<Shown>>;
    /// As [`Store::channels`], of several meters, in their order.
    fn channels_of(&self, meters: &[MeterId]) -> Result<Vec<Vec<(ChannelId, Channel)>>> {
        meters.iter().map(|meter| self.channels(*meter)).collect()
    }
    /// As [`Store::shown`], of several series, in their order.
    fn shown_of(
        &self,
        series: &[(MeterId, ChannelId)],
        from: Timestamp,
        until: Timestamp,
        grain: Grain,
    ) -> Result<Vec<Vec<Shown>>> {
        let shown =
            |(meter, channel): &(MeterId, ChannelId)| self.shown(*meter, *channel, from, until, grain);
        series.iter().map(shown).collect()
    }
    /// The other values that were reported for a reading flagged [`Flags::CONFLICT`].
    fn conflicts(&self, meter: MeterId, key: ReadingKey) -> Result<Vec<i64>>;
    /// Readings added or changed behind a cursor (0 for all), oldest change first; the cursor of the next page is the
    /// `change` of the last row.
    fn changes(&self, after: u64, limit: usize) -> Result<Vec<ReadingRow>>;
    /// The cursor of the latest change; 0 when there was none.
    fn last_change(&self) -> Result<u64>;

    // The air.

    /// How a meter was last heard; `None` when never.
    fn meter_state(&self, meter: MeterId) -> Result<Option<MeterState>>;
    /// The states of all meters that were heard, behind an id, in the order of their ids.
    fn meter_states(&self, after: Option<MeterId>, limit: usize) -> Result<Vec<MeterState>>;
    /// How a meter's telegrams ended, by code.
    fn outcomes(&self, meter: MeterId) -> Result<Vec<OutcomeCount>>;
    /// How the telegrams of all registered meters ended, by code.
    fn outcome_totals(&self) -> Result<Vec<OutcomeCount>>;
    /// What a meter said about itself, by name.
    fn facts(&self, meter: MeterId) -> Result<Vec<MeterFact>>;
    /// Unregistered meters, the latest heard first.
    fn heard(&self, limit: usize) -> Result<Vec<Heard>>;
    /// The receivers, by name.
    fn radios(&self) -> Result<Vec<RadioState>>;
    /// Notes that the daemon begins at `now` with these receivers: the time since its latest look is an outage of each.
    fn begin_listening(&self, receivers: &[&str], now: Timestamp) -> Result<()>;
    /// Notes how receivers are; being lost begins an outage, listening again ends it.
    fn note_receivers(&self, states: &[ReceiverState], now: Timestamp) -> Result<()>;
    /// The rhythm of a receiver, as it was last noted; opaque here.
    fn rhythm(&self, receiver: &str) -> Result<Option<Vec<u8>>>;
    /// Notes the rhythm of a receiver.
    fn note_rhythm(&self, receiver: &str, rhythm: &[u8]) -> Result<()>;
    /// The receivers as the daemon last saw them, by name.
    fn receivers(&self) -> Result<Vec<ReceiverState>>;
    /// The latest outages of receivers, the newest first.
    fn outages(&self, limit: usize) -> Result<Vec<Outage>>;
    /// The layouts of compact frames that were heard, the first to come first.
    fn layouts(&self) -> Result<Vec<LearntLayout>>;
    /// A page of the archive, oldest first.
    fn archive(&self, query: &ArchiveQuery<'_>) -> Result<Vec<ArchivedTelegram>>;

    // Alerts.

    /// Puts what a look at some meters found, in one transaction: raises what is new, confirms what is there, clears
    /// what is over.
    fn put_alerts(&self, at: Timestamp, found: &[AlertFound]) -> Result<AlertReport>;
    /// A page of alerts, in the order in which they were raised.
    fn alerts(&self, query: &AlertQuery) -> Result<Vec<AlertRow>>;

    // Tokens.

    /// Adds a token; refused when the name is taken.
    fn add_token(&self, token: &Token) -> Result<()>;
    /// The token with a hash.
    fn token_by_hash(&self, hash: &[u8; 32]) -> Result<Option<Token>>;
    /// All tokens, by name.
    fn tokens(&self) -> Result<Vec<Token>>;
    /// Removes a token; false when there is none of that name.
    fn remove_token(&self, name: &str) -> Result<bool>;

    // The store itself.

    /// How much is kept.
    fn counts(&self) -> Result<Counts>;
    /// The file that it lies in; `None` when it lies in none of this machine.
    fn file(&self) -> Option<&Path> {
        None
    }

    /// Runs what asks several times and changes nothing: all that it asks on this thread is answered from one state of the store.
    fn in_one_state(&self, work: &mut dyn FnMut()) -> Result<()> {
        work();
        Ok(())
    }

    // What was made of it.

    /// Tells somebody of every commit from now on, as long as he is there; of one that others made when it is found out.
    fn watch(&self, _watcher: Weak<dyn Watcher>) {}
    /// Whether whoever watches has been told of all that was committed until now, by this process or another. False while a
    /// commit is under way, and always in a store that does not tell.
    fn told(&self) -> bool {
        false
    }
}
