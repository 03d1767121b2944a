//! What the pipeline hands to the store, and what the store says it did with it.

use std::ops::Deref;
use std::sync::Arc;

use decoders::reading::{Stamp, Status};
use jiff::Timestamp;
use sha2::{Digest, Sha256};
use wmbus::Address;

use super::reading::StoredReading;
use super::{KeyProof, MeterId};

/// The outcome code of a telegram that was read and gave readings.
pub const READ: &str = "read";

/// The outcome code of a telegram that was read to its end and carries no value.
pub const NO_VALUE: &str = "no_value";

/// The outcome code of a telegram whose message counter says that it is a recording.
pub const REPLAYED: &str = "replayed";

/// One telegram, after the pipeline has looked at it.
#[derive(Clone, Debug)]
pub enum Ingest {
    /// From a registered meter: archived, with what could be read.
    Telegram(Telegram),
    /// From a meter that is not registered: counted only.
    Stranger(Sighting),
    /// A telegram kept before is judged otherwise, since more of its message has come, or never will.
    Again(Redecoded),
    /// A key was seen to be right.
    Proof(KeyProof),
    /// A layout of compact frames was heard: later runs begin with it.
    Layout(LearntLayout),
}

/// A layout of compact frames, as a full frame or a format frame has shown it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LearntLayout {
    /// DIBs and VIBs, one after the other.
    pub headers: Vec<u8>,
    /// When it was first heard; kept to the second.
    pub at: Timestamp,
}

/// A telegram of a registered meter.
#[derive(Clone, Debug)]
pub struct Telegram {
    /// Whose it is.
    pub meter: MeterId,
    /// When it was received; kept to the second.
    pub received_at: Timestamp,
    /// Nobody timed it: `received_at` is the instant it is filed under.
    pub assumed: bool,
    /// Equal for all copies of one transmission, whoever repeated it (`Frame::duplicate_digest`).
    pub digest: u64,
    /// As received; opaque here.
    pub octets: Vec<u8>,
    /// Name of the receiver.
    pub radio: Arc<str>,
    /// Received signal strength.
    pub rssi_dbm: Option<i16>,
    /// What became of it: a stable code, [`READ`] when it gave readings.
    pub outcome: Word,
    /// Why, for people; never a key.
    pub evidence: Option<String>,
    /// What it said about its meter beside the values.
    pub facts: Facts,
    /// The values.
    pub readings: Vec<StoredReading>,
}

/// What an opened telegram says about its meter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// Whether it was opened at all: only then `status` empty means that all is well.
    pub opened: bool,
    /// The meter's clock.
    pub device_time: Option<Stamp>,
    /// Its message counter, where a MAC or a tag vouches for it.
    pub counter: Option<u32>,
    /// Conditions.
    pub status: Vec<Status>,
    /// Further facts by name: `decoder`, `mode`, `firmware`, `fabrication_no`, `model`, `set_date_next` …
    pub more: Vec<(Word, Word)>,
}

/// A text that is the same in telegram after telegram mostly, and then not made anew for each.
#[derive(Clone, Debug)]
pub enum Word {
    /// One of our own.
    Fixed(&'static str),
    /// One of a page.
    Shared(Arc<str>),
    /// What a meter says.
    Own(String),
}

impl Deref for Word {
    type Target = str;

    fn deref(&self) -> &str {
        match self {
            Self::Fixed(text) => text,
            Self::Shared(text) => text,
            Self::Own(text) => text,
        }
    }
}

impl PartialEq for Word {
    fn eq(&self, other: &Self) -> bool {
        let (own, other): (&str, &str) = (self, other);
        // Mostly they are one text, and need not be read.
        std::ptr::eq(own, other) || own == other
    }
}

impl Eq for Word {}

impl PartialEq<&str> for Word {
    fn eq(&self, other: &&str) -> bool {
        **self == **other
    }
}

impl From<&'static str> for Word {
    fn from(text: &'static str) -> Self {
        Self::Fixed(text)
    }
}

impl From<String> for Word {
    fn from(text: String) -> Self {
        Self::Own(text)
    }
}

/// An unregistered meter that was heard.
#[derive(Clone, Debug)]
pub struct Sighting {
    /// Who.
    pub address: Address,
    /// When; kept to the second.
    pub received_at: Timestamp,
    /// How strong.
    pub rssi_dbm: Option<i16>,
    /// By which receiver.
    pub radio: Arc<str>,
}

/// A telegram of the archive read once more.
#[derive(Clone, Debug)]
pub struct Redecoded {
    /// Which one.
    pub key: TelegramKey,
    /// What became of it now.
    pub outcome: Word,
    /// Why, for people.
    pub evidence: Option<String>,
    /// What it said about its meter.
    pub facts: Facts,
    /// The values.
    pub readings: Vec<StoredReading>,
}

/// What copies of one telegram are told by: the beginning of a hash of its canonical octets.
pub fn digest_of(canonical: &[u8]) -> u64 {
    let hash = Sha256::digest(canonical);
    hash.first_chunk().map_or(0, |octets| u64::from_be_bytes(*octets))
}

/// The place of a telegram in the archive, which is ordered by time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TelegramKey {
    /// When it was received.
    pub received_at: Timestamp,
    /// Whose it is.
    pub meter: MeterId,
    /// Its digest.
    pub digest: u64,
}

/// A telegram of the archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArchivedTelegram {
    /// Where it stands.
    pub key: TelegramKey,
    /// Nobody timed it: the instant in `key` is the one it is filed under.
    pub assumed: bool,
    /// As received.
    pub octets: Vec<u8>,
    /// Name of the receiver that brought it first.
    pub radio: String,
    /// Received signal strength.
    pub rssi_dbm: Option<i16>,
    /// What became of it.
    pub outcome: String,
    /// Why, for people.
    pub evidence: Option<String>,
}

/// What a batch did. Everything it counts is durable.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct IngestReport {
    /// Telegrams kept for the first time.
    pub telegrams: u64,
    /// Telegrams that were there already: they added nothing.
    pub duplicates: u64,
    /// Telegrams that were there already, but had not been read: now they are.
    pub recovered: u64,
    /// Telegrams older than what the archive still keeps: their readings count, their octets were not kept.
    pub expired: u64,
    /// Readings added.
    pub readings: u64,
    /// Readings between the first and the last of their hour: not kept.
    pub thinned: u64,
    /// Readings that were there already with the same value.
    pub known: u64,
    /// Readings that were there already with another value: the first was kept and flagged.
    pub conflicts: u64,
    /// Sightings of unregistered meters counted.
    pub strangers: u64,
    /// Telegrams of instants that were erased: not taken.
    pub erased_telegrams: u64,
    /// Readings of instants that were erased: not taken.
    pub erased_readings: u64,
}

impl IngestReport {
    /// Adds another batch's figures.
    pub fn add(&mut self, other: Self) {
        self.telegrams += other.telegrams;
        self.duplicates += other.duplicates;
        self.recovered += other.recovered;
        self.expired += other.expired;
        self.readings += other.readings;
        self.thinned += other.thinned;
        self.known += other.known;
        self.conflicts += other.conflicts;
        self.strangers += other.strangers;
        self.erased_telegrams += other.erased_telegrams;
        self.erased_readings += other.erased_readings;
    }
}
