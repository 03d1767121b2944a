//! From a telegram to readings: where frames, families, registry and store meet. `decode`, `replay`, `run` and `redecode`
//! walk the same way.
//!
//! ```text
//! Telegram → Frame → whose? → key → Message → Decoded → dated readings → Ingest
//! ```
//!
//! Every telegram ends on exactly one pile ([`Outcome`]). Nothing from a registered meter is lost: what can't be read goes
//! into the archive with the reason.

mod dating;
mod memory;
mod outcome;

use std::borrow::Cow;
use std::collections::HashMap;

use collector::{Check, Telegram};
use decoders::{Decoded, Families};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use sha2::{Digest, Sha256};
use wmbus::{Address, Error, Frame, FrameFormat};

pub use memory::Memory;
pub use outcome::Outcome;

use self::dating::Reception;
use crate::registry::Directory;
use crate::store::{
    ArchivedTelegram, DirectoryEntry, Facts, Ingest, Redecoded, Sighting, StoredReading, Telegram as Kept,
};

/// The way of every telegram. Knows no device and no clock.
#[derive(Debug)]
pub struct Pipeline {
    families: Families,
    memory: Memory,
    directory: Directory,
    zones: HashMap<String, TimeZone>,
}

/// What became of one telegram.
#[derive(Debug)]
pub struct Seen {
    /// Its pile.
    pub outcome: Outcome,
    /// Whose it was, when that could be seen.
    pub meter: Option<Address>,
    /// What the store should keep of it; nothing of what is damaged or foreign.
    pub ingest: Option<Ingest>,
}

impl Pipeline {
    /// A pipeline that knows these families and meters.
    pub fn new(families: Families, directory: Directory) -> Self {
        let memory = Memory::new(&families);
        Self {
            families,
            memory,
            directory,
            zones: HashMap::new(),
        }
    }

    /// Takes another directory: after an import.
    pub fn register(&mut self, directory: Directory) {
        self.directory = directory;
    }

    /// Takes one telegram to its end. `filed_at` is the instant it is filed under when nobody timed it.
    pub fn take(&mut self, telegram: &Telegram, filed_at: Timestamp) -> Seen {
        let parsed = match telegram.check {
            Check::Receiver => stripped(&telegram.octets),
            Check::Nobody => Frame::parse(&telegram.octets),
        };
        let frame = match parsed {
            Ok(frame) => frame,
            Err(error) => {
                return Seen {
                    outcome: Outcome::of(&error),
                    meter: None,
                    ingest: None,
                };
            }
        };
        let address = self.families.identify(&frame);
        if !frame.is_from_meter() {
            return Seen {
                outcome: Outcome::Foreign,
                meter: Some(address),
                ingest: None,
            };
        }
        let received_at = telegram.received_at.unwrap_or(filed_at);
        let (radio, rssi_dbm) = (telegram.radio.clone(), telegram.rssi_dbm);
        // An adapter may be registered in place of the meter behind it.
        let sender = frame.link().sender;
        let Some(entry) = self
            .directory
            .find(&address)
            .or_else(|| self.directory.find(&sender))
        else {
            let sighting = Sighting {
                address,
                received_at,
                rssi_dbm,
                radio,
            };
            return Seen {
                outcome: Outcome::Unregistered,
                meter: Some(address),
                ingest: Some(Ingest::Stranger(sighting)),
            };
        };
        let assumed = telegram.received_at.is_none();
        let zone = zone(&mut self.zones, &entry.time_zone);
        let reception = Reception {
            at: received_at,
            assumed,
            zone: &zone,
        };
        let read = read(&mut self.memory, &self.families, &frame, entry, &reception);
        let kept = Kept {
            meter: entry.meter.id,
            received_at,
            assumed,
            digest: digest(&frame),
            octets: telegram.octets.clone(),
            radio,
            rssi_dbm,
            outcome: read.outcome.code(),
            evidence: read.evidence,
            facts: read.facts,
            readings: read.readings,
        };
        Seen {
            outcome: read.outcome,
            meter: Some(address),
            ingest: Some(Ingest::Telegram(kept)),
        }
    }

    /// Reads a telegram of the archive once more, with what is known by now. Walk the archive in its order, so that
    /// layouts and fragments come as they came; nothing when the telegram would go to another meter today, or to none.
    pub fn take_again(&mut self, archived: &ArchivedTelegram) -> Option<Redecoded> {
        // Whether the receiver had checked and stripped it is not kept, but only one of the two ways finds its digest.
        let frame = [Frame::parse, stripped]
            .into_iter()
            .filter_map(|parse| parse(&archived.octets).ok())
            .find(|frame| digest(frame) == archived.key.digest)?;
        let address = self.families.identify(&frame);
        let entry = self
            .directory
            .find(&address)
            .or_else(|| self.directory.find(&frame.link().sender))
            .filter(|entry| entry.meter.id == archived.key.meter)?;
        let zone = zone(&mut self.zones, &entry.time_zone);
        let reception = Reception {
            at: archived.key.received_at,
            assumed: archived.assumed,
            zone: &zone,
        };
        let read = read(&mut self.memory, &self.families, &frame, entry, &reception);
        Some(Redecoded {
            key: archived.key,
            outcome: read.outcome.code(),
            evidence: read.evidence,
            facts: read.facts,
            readings: read.readings,
        })
    }
}

/// What a telegram of a registered meter comes to.
struct Read {
    outcome: Outcome,
    evidence: Option<String>,
    facts: Facts,
    readings: Vec<StoredReading>,
}

/// Opens, decodes and dates.
fn read(
    memory: &mut Memory,
    families: &Families,
    frame: &Frame<'_>,
    entry: &DirectoryEntry,
    reception: &Reception<'_>,
) -> Read {
    let now = reception.at.as_second();
    match memory.read(families, frame, &entry.keys, &reception.context(), now) {
        Ok(decoded) => Read {
            outcome: if decoded.readings.is_empty() {
                Outcome::NoValue
            } else {
                Outcome::Read
            },
            evidence: None,
            facts: facts(&decoded),
            readings: reception.date(&decoded),
        },
        Err(error) => Read {
            outcome: Outcome::of(&error),
            evidence: Some(evidence(&error)),
            facts: Facts::default(),
            readings: Vec::new(),
        },
    }
}

/// A telegram whose receiver had checked it.
fn stripped(octets: &[u8]) -> Result<Frame<'_>, Error> {
    Frame::parse_as(octets, FrameFormat::Stripped)
}

/// A zone by its name, looked up once; UTC for a name that nobody knows.
fn zone(known: &mut HashMap<String, TimeZone>, name: &str) -> TimeZone {
    if let Some(zone) = known.get(name) {
        return zone.clone();
    }
    let zone = TimeZone::get(name).unwrap_or(TimeZone::UTC);
    known.insert(name.to_owned(), zone.clone());
    zone
}

/// Equal for all copies of one transmission, whoever repeated it.
fn digest(frame: &Frame<'_>) -> u64 {
    let hash = Sha256::digest(frame.canonical());
    hash.first_chunk().map_or(0, |octets| u64::from_be_bytes(*octets))
}

/// Why a telegram could not be read, in one sentence that holds no key.
fn evidence(error: &Error) -> String {
    format!("{}: {error}", error.kind.code())
}

fn facts(decoded: &Decoded) -> Facts {
    let named = |name: &'static str, value: String| (Cow::Borrowed(name), value);
    let mut more = vec![
        named("decoder", decoded.decoder.to_string()),
        named("mode", decoded.mode.to_string()),
    ];
    more.extend(
        decoded
            .facts
            .iter()
            .map(|fact| (Cow::Owned(fact.name.to_string()), fact.value.clone())),
    );
    Facts {
        opened: true,
        device_time: decoded.device_time,
        status: decoded.status.clone(),
        more,
    }
}
