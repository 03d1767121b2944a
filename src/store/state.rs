//! What the store knows of meters and receivers beyond values: who was heard when, how well, and how it went.

use decoders::reading::{Stamp, Status};
use jiff::Timestamp;
use wmbus::Address;

use super::MeterId;

/// A registered meter, as last heard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MeterState {
    /// Which.
    pub meter: MeterId,
    /// First telegram kept.
    pub first_heard: Timestamp,
    /// Latest telegram.
    pub last_heard: Timestamp,
    /// Strength of the latest.
    pub rssi_dbm: Option<i16>,
    /// Receiver of the latest.
    pub radio: String,
    /// Outcome code of the latest.
    pub outcome: String,
    /// Why the latest could not be read, for people, as long as it is in the archive.
    pub evidence: Option<String>,
    /// Telegrams kept, each counted once whoever repeated it.
    pub telegrams: u64,
    /// Instant of the latest telegram that could be opened.
    pub opened_at: Option<Timestamp>,
    /// The meter's clock in that telegram.
    pub device_time: Option<Stamp>,
    /// The conditions in that telegram.
    pub status: Vec<Status>,
}

/// How many of a meter's telegrams ended in one way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutcomeCount {
    /// The outcome code.
    pub outcome: String,
    /// How many telegrams.
    pub telegrams: u64,
    /// The latest of them.
    pub last_at: Timestamp,
}

/// Something a meter said about itself, in its latest telegram that spoke of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MeterFact {
    /// `firmware`, `fabrication_no`, …
    pub name: String,
    /// As said.
    pub value: String,
    /// When it was received.
    pub at: Timestamp,
}

/// How many keys a meter has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyCount {
    /// Whose.
    pub meter: MeterId,
    /// Registered keys.
    pub keys: u32,
    /// Those of them that were seen to be right.
    pub proven: u32,
}

/// An unregistered meter that was heard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heard {
    /// Who.
    pub address: Address,
    /// First time.
    pub first_heard: Timestamp,
    /// Latest time.
    pub last_heard: Timestamp,
    /// How many times, each instant once.
    pub telegrams: u64,
    /// Strength of the latest.
    pub rssi_dbm: Option<i16>,
    /// Receiver of the latest.
    pub radio: String,
}

/// A receiver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RadioState {
    /// Its configured name.
    pub name: String,
    /// First telegram.
    pub first_heard: Timestamp,
    /// Latest telegram.
    pub last_heard: Timestamp,
    /// Telegrams of registered meters that it was the first to bring.
    pub telegrams: u64,
}

/// A receiver as the daemon last saw it. Counters count since the daemon began.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReceiverState {
    /// Its configured name.
    pub name: String,
    /// `opening`, `listening` or `lost`.
    pub condition: String,
    /// Since when.
    pub since: Timestamp,
    /// The daemon's latest look at it.
    pub seen: Timestamp,
    /// Who it is: model, firmware, its own number.
    pub identity: String,
    /// Why it was lost, the latest time that it was.
    pub reason: Option<String>,
    /// How often it was opened.
    pub opened: u64,
    /// How often it was lost.
    pub losses: u64,
    /// How often it was asked and set up again, since it had fallen silent.
    pub asked: u64,
    /// How often it was reset by its own command, since it had fallen silent.
    pub resets: u64,
    /// How often it was closed and opened again, since it had fallen silent.
    pub reopened: u64,
    /// Telegrams it gave, whoever's.
    pub telegrams: u64,
    /// Octets that belonged to nothing.
    pub noise: u64,
}

/// A time in which a receiver could not hear anything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outage {
    /// Which receiver.
    pub receiver: String,
    /// Its beginning.
    pub since: Timestamp,
    /// Its end; `None` while it lasts.
    pub until: Option<Timestamp>,
    /// Why, in a sentence.
    pub reason: String,
}

/// An access token; the token itself is nowhere.
#[derive(Clone, PartialEq, Eq)]
pub struct Token {
    /// What the operator calls it; one of its kind.
    pub name: String,
    /// What it may do: `portal`, `operator`, `metrics`.
    pub scope: String,
    /// SHA-256 of the token.
    pub hash: [u8; 32],
    /// When it was made.
    pub created: Timestamp,
}

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Token")
            .field("name", &self.name)
            .field("scope", &self.scope)
            .field("created", &self.created)
            .finish_non_exhaustive()
    }
}

/// How much is kept: for `check`, metrics and curiosity.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Sites.
    pub sites: u64,
    /// Dwellings.
    pub dwellings: u64,
    /// Points.
    pub points: u64,
    /// Meters.
    pub meters: u64,
    /// Readings.
    pub readings: u64,
    /// Telegrams in the archive.
    pub telegrams: u64,
    /// Unregistered meters heard.
    pub heard: u64,
}
