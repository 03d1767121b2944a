//! From a telegram to readings: where frames, families, registry and store meet. `decode`, `replay`, `run` and `redecode`
//! walk the same way.
//!
//! ```text
//! Telegram → Frame → whose? → key → Message → Decoded → dated readings → Ingest
//! ```
//!
//! `mod` is the way of a telegram that was received, `again` that of one in the archive; `read` is what both share.
//!
//! Every telegram ends on exactly one pile ([`Outcome`]). Nothing from a registered meter is lost: what can't be read goes
//! into the archive with the reason.

mod again;
mod counters;
mod dating;
mod fragments;
mod layouts;
mod memory;
mod outcome;
mod read;
mod trust;
mod zone;

use std::sync::Arc;

use collector::{Check, Telegram};
use decoders::Families;
use jiff::Timestamp;
use wmbus::apl::compact::Layout;
use wmbus::{Address, Frame, FrameFormat};

pub use again::{Again, frame_of, frame_with};
pub use memory::{Memory, Opened};
pub use outcome::Outcome;

use self::again::stripped;
use self::counters::{Accepted, Counters};
use self::dating::Reception;
use self::fragments::Fragments;
use self::read::read;
use self::trust::{Belief, Opener, Trust};
use self::zone::Zone;
use crate::hash::Map;
use crate::registry::{Directory, MeterKey};
use crate::store::{
    DirectoryEntry, Facts, Ingest, KeyProof, LearntLayout, Redecoded, Sighting, Store, StoreError,
    StoredReading, Telegram as Kept, TelegramKey, digest_of,
};

/// The way of every telegram. Knows no device and no clock.
#[derive(Debug)]
pub struct Pipeline {
    families: Families,
    memory: Memory,
    directory: Directory,
    zones: Map<String, Arc<Zone>>,
    counters: Counters,
    trust: Trust,
    fragments: Fragments,
    refuse_recordings: bool,
    /// What was stored already, to be written over.
    spare: Vec<Ingest>,
}

/// Memory that an earlier telegram took.
#[derive(Debug, Default)]
struct Room {
    octets: Vec<u8>,
    facts: Facts,
    readings: Vec<StoredReading>,
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
    /// What the store should keep beside it: a proof of a key, a layout, an earlier telegram that is believed now.
    pub also: Vec<Ingest>,
    /// The telegram behind it, when one transmission held two.
    pub following: Option<Box<Seen>>,
}

impl Seen {
    /// All that the store should keep of this one.
    pub fn into_ingest(self) -> impl Iterator<Item = Ingest> {
        self.ingest.into_iter().chain(self.also)
    }

    /// This one and those behind it.
    pub fn each(self) -> impl Iterator<Item = Self> {
        let mut next = Some(self);
        std::iter::from_fn(move || {
            let mut seen = next.take()?;
            next = seen.following.take().map(|following| *following);
            Some(seen)
        })
    }
}

impl Pipeline {
    /// A pipeline that knows these families and meters.
    pub fn new(families: Families, directory: Directory) -> Self {
        let memory = Memory::new(&families);
        let mut pipeline = Self {
            families,
            memory,
            directory: Directory::default(),
            zones: Map::default(),
            counters: Counters::default(),
            trust: Trust::default(),
            fragments: Fragments::default(),
            refuse_recordings: true,
            spare: Vec::new(),
        };
        pipeline.register(directory);
        pipeline
    }

    /// A pipeline that knows these families, and what a store knows: its meters, and the layouts heard by earlier runs.
    ///
    /// # Errors
    /// The store can't be read.
    pub fn on(store: &dyn Store, families: Families) -> Result<Self, StoreError> {
        let mut pipeline = Self::new(families, Directory::new(store.directory()?));
        for learnt in store.layouts()? {
            if let Some(layout) = Layout::of_headers(&learnt.headers) {
                pipeline.memory.recall(&layout, learnt.at.as_second());
            }
        }
        Ok(pipeline)
    }

    /// Takes another directory: after an import.
    pub fn register(&mut self, directory: Directory) {
        for entry in directory.iter() {
            if let Some((counter, at)) = entry.counter {
                let at = at.as_second();
                self.counters.learn(entry.meter.id, Accepted { counter, at });
            }
        }
        self.directory = directory;
    }

    /// How many meters it knows.
    pub fn meters(&self) -> usize {
        self.directory.len()
    }

    /// Takes other families: after a page was added. What was learnt from telegrams stays.
    pub fn teach(&mut self, families: Families) {
        self.memory.learn_from(&families);
        self.families = families;
    }

    /// Forgets which message counters were accepted: whoever reads the archive from its beginning meets them again.
    #[must_use]
    pub fn from_the_beginning(mut self) -> Self {
        self.counters = Counters::default();
        self
    }

    /// Recordings count as what they say: for an operator who knows why a meter's counter began anew.
    #[must_use]
    pub fn accepting_recordings(mut self) -> Self {
        self.refuse_recordings = false;
        self
    }

    /// Takes back what was stored, so that the next telegrams need little memory of their own; what was given back before
    /// is forgotten.
    pub fn give_back(&mut self, stored: Vec<Ingest>) {
        self.spare = stored;
    }

    /// Empty, but with the memory of a telegram that was given back, if there is one.
    fn room(&mut self) -> Room {
        while let Some(item) = self.spare.pop() {
            let Ingest::Telegram(Kept {
                mut octets,
                mut facts,
                mut readings,
                ..
            }) = item
            else {
                continue;
            };
            octets.clear();
            facts.status.clear();
            facts.more.clear();
            readings.clear();
            return Room {
                octets,
                facts,
                readings,
            };
        }
        Room::default()
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
                    also: Vec::new(),
                    following: None,
                };
            }
        };
        let received_at = telegram.received_at.unwrap_or(filed_at);
        let mut seen = self.see(telegram, &frame, &telegram.octets, received_at);
        let mut last = &mut seen;
        let mut next = frame.following();
        while let Some(frame) = next {
            // Octets behind a telegram are mostly a receiver's; only a registered meter is believed to speak there.
            if self.entry(&frame).is_none() {
                break;
            }
            let behind = self.see(telegram, &frame, frame.octets(), received_at);
            last = last.following.insert(Box::new(behind));
            next = frame.following();
        }
        seen
    }

    /// Whose it is, when they are registered: an adapter may be so in place of the meter behind it.
    fn entry(&self, frame: &Frame<'_>) -> Option<&DirectoryEntry> {
        let meter = self.directory.find(&self.families.identify(frame));
        meter.or_else(|| self.directory.find(&frame.link().sender))
    }

    fn see(&mut self, telegram: &Telegram, frame: &Frame<'_>, octets: &[u8], received_at: Timestamp) -> Seen {
        let address = self.families.identify(frame);
        let seen = |outcome, ingest| Seen {
            outcome,
            meter: Some(address),
            ingest,
            also: Vec::new(),
            following: None,
        };
        if !frame.is_from_meter() {
            return seen(Outcome::Foreign, None);
        }
        let (radio, rssi_dbm) = (telegram.radio.clone(), telegram.rssi_dbm);
        let sender = frame.link().sender;
        let mut room = self.room();
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
            return seen(Outcome::Unregistered, Some(Ingest::Stranger(sighting)));
        };
        let assumed = telegram.received_at.is_none();
        let zone = zone(&mut self.zones, &entry.time_zone);
        let reception = Reception {
            at: received_at,
            assumed,
            zone: &zone,
        };
        let mut read = read(
            &mut self.memory,
            &self.families,
            frame,
            entry,
            &reception,
            &mut room,
        );
        if self.refuse_recordings {
            read = read.unless_recorded(&mut self.counters, entry.meter.id, &reception);
        }
        let digest = digest(frame);
        room.octets.extend_from_slice(octets);
        let mut kept = Kept {
            meter: entry.meter.id,
            received_at,
            assumed,
            digest,
            octets: room.octets,
            radio,
            rssi_dbm,
            outcome: read.outcome.code().into(),
            evidence: read.evidence,
            facts: read.facts,
            readings: read.readings,
        };
        let mut also = Vec::new();
        if let Some(layout) = self.memory.news() {
            also.push(Ingest::Layout(LearntLayout {
                headers: layout.headers().to_vec(),
                at: received_at,
            }));
        }
        let mut outcome = read.outcome;
        match (read.opener, read.outcome) {
            (Some(opener), _) => match self.trust.opened(entry, opener, read.authenticated, digest) {
                Belief::Counts => {}
                Belief::Proves(telegrams) => {
                    also.extend(proof(entry, opener, received_at, telegrams));
                    also.extend(self.trust.release(entry, opener).map(Ingest::Telegram));
                }
                Belief::MayBeChance => {
                    outcome = Outcome::WrongKey;
                    let doubtful = unbelieved(&kept, MAY_BE_CHANCE);
                    self.trust
                        .hold(entry, opener, std::mem::replace(&mut kept, doubtful));
                }
                Belief::Contradicts => {
                    outcome = Outcome::WrongKey;
                    kept = unbelieved(&kept, CONTRADICTS);
                }
            },
            (None, Outcome::NoKey) => {
                self.trust.failed(entry);
            }
            (None, Outcome::WrongKey | Outcome::MacFailed) => {
                let blames_telegram = self.trust.failed(entry);
                // Where a check sum came along, or the receiver had looked at it, the air did nothing to it.
                let unchecked = telegram.check == Check::Nobody && frame.format() == FrameFormat::Stripped;
                if blames_telegram && unchecked && outcome == Outcome::WrongKey {
                    outcome = Outcome::Damaged;
                    kept.outcome = outcome.code().into();
                    kept.evidence = Some(SPOILT.to_owned());
                }
            }
            _ => {}
        }
        let key = TelegramKey {
            received_at,
            meter: kept.meter,
            digest,
        };
        let settled = settle(
            &mut self.fragments,
            &self.memory,
            frame,
            key,
            read.fragment,
            (outcome, kept.evidence.as_deref()),
        );
        also.extend(settled.into_iter().map(Ingest::Again));
        Seen {
            also,
            ..seen(outcome, Some(Ingest::Telegram(kept)))
        }
    }
}

/// What became of fragments, now that a telegram has come that is one (`fragment`), ends a message, or neither.
fn settle(
    fragments: &mut Fragments,
    memory: &Memory,
    frame: &Frame<'_>,
    key: TelegramKey,
    fragment: Option<u8>,
    (outcome, evidence): (Outcome, Option<&str>),
) -> Vec<Redecoded> {
    let sender = frame.link().sender;
    let mut settled = Vec::new();
    for lost in memory.lost() {
        settled.extend(fragments.lost(*lost));
    }
    if let Some(number) = fragment {
        settled.extend(fragments.wait(sender, key, number));
    } else if memory.is_whole() && matches!(outcome, Outcome::Read | Outcome::NoValue) {
        let at = Timestamp::from_second(key.received_at.as_second()).unwrap_or_default();
        let evidence = format!("fragment: its message was read with the last one at {at}");
        settled.extend(fragments.settle(sender, Outcome::NoValue, Some(&evidence)));
    } else if memory.is_whole() || outcome == Outcome::FragmentMissing {
        settled.extend(fragments.settle(sender, outcome, evidence));
    }
    settled
}

/// What is said of a telegram without check sums that a proven key does not open.
const SPOILT: &str = "wrong_key: a proven key does not open it, and no check sum came with it: spoilt on its way, unless the \
    next ones can't be opened either";

/// What is said of a telegram that a doubtful key opened, or nobody's.
const MAY_BE_CHANCE: &str = "wrong_key: a key that fails otherwise opens it, its maker's key does, or it came decrypted, which may be \
    chance: it counts when another of the next eight is open in the same way";

/// What is said of a telegram that came open although its meter's key is proven.
const CONTRADICTS: &str = "wrong_key: its headers say that it is sealed, and not the meter's proven key opens it but its maker's, or \
    it came decrypted: chance, or forged";

/// A telegram that is kept without what it says.
fn unbelieved(telegram: &Kept, why: &str) -> Kept {
    Kept {
        outcome: Outcome::WrongKey.code().into(),
        evidence: Some(why.to_owned()),
        facts: Facts::default(),
        readings: Vec::new(),
        ..telegram.clone()
    }
}

/// That a key of a meter is proven.
fn proof(entry: &DirectoryEntry, opener: Opener, at: Timestamp, telegrams: u64) -> Option<Ingest> {
    let Opener::Key(key) = opener else {
        return None;
    };
    let key = MeterKey {
        meter: entry.meter.id,
        key: entry.keys.get(key)?.clone(),
    };
    Some(Ingest::Proof(KeyProof { key, at, telegrams }))
}

/// A zone by its name, looked up once.
fn zone(known: &mut Map<String, Arc<Zone>>, name: &str) -> Arc<Zone> {
    if let Some(zone) = known.get(name) {
        return zone.clone();
    }
    let zone = Arc::new(Zone::named(name));
    known.insert(name.to_owned(), zone.clone());
    zone
}

/// Equal for all copies of one transmission, whoever repeated it.
fn digest(frame: &Frame<'_>) -> u64 {
    digest_of(&frame.canonical())
}
