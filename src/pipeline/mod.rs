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
use crate::store::{Facts, Ingest, Sighting, Telegram as Kept};

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
            Check::Receiver => Frame::parse_as(&telegram.octets, FrameFormat::Stripped),
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
        let zone = zone(&mut self.zones, &entry.time_zone);
        let reception = Reception {
            at: received_at,
            assumed: telegram.received_at.is_none(),
            zone: &zone,
        };
        let (context, now) = (reception.context(), received_at.as_second());
        let read = self
            .memory
            .read(&self.families, &frame, &entry.keys, &context, now);
        let (outcome, evidence, facts, readings) = match &read {
            Ok(decoded) => {
                let readings = reception.date(decoded);
                let outcome = if decoded.readings.is_empty() {
                    Outcome::NoValue
                } else {
                    Outcome::Read
                };
                (outcome, None, facts(decoded), readings)
            }
            Err(error) => (
                Outcome::of(error),
                Some(evidence(error)),
                Facts::default(),
                Vec::new(),
            ),
        };
        let kept = Kept {
            meter: entry.meter.id,
            received_at,
            digest: digest(&frame),
            octets: telegram.octets.clone(),
            radio,
            rssi_dbm,
            outcome: outcome.code(),
            evidence,
            facts,
            readings,
        };
        Seen {
            outcome,
            meter: Some(address),
            ingest: Some(Ingest::Telegram(kept)),
        }
    }
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
