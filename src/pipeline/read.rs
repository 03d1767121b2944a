//! What a telegram of a registered meter says: opened, decoded, dated.

use decoders::{Decoded, Families};
use jiff::Timestamp;
use wmbus::{Error, ErrorKind, Frame};

use super::counters::Counters;
use super::dating::Reception;
use super::memory::{Memory, Opened};
use super::trust::Opener;
use super::{Outcome, Room};
use crate::registry::MeterId;
use crate::store::{DirectoryEntry, Facts, StoredReading, Word};

/// What a telegram of a registered meter comes to.
pub(super) struct Read {
    pub(super) outcome: Outcome,
    pub(super) evidence: Option<String>,
    pub(super) facts: Facts,
    pub(super) readings: Vec<StoredReading>,
    /// What opened it, if it was sealed.
    pub(super) opener: Option<Opener>,
    pub(super) authenticated: bool,
    /// The number of a fragment whose message is not complete yet.
    pub(super) fragment: Option<u8>,
}

impl Read {
    /// A telegram that gives nothing.
    pub(super) fn refused(outcome: Outcome, evidence: String) -> Self {
        Self {
            outcome,
            evidence: Some(evidence),
            facts: Facts::default(),
            readings: Vec::new(),
            opener: None,
            authenticated: false,
            fragment: None,
        }
    }

    /// Refuses what a meter said before, by its message counter; what nobody timed can't be judged.
    pub(super) fn unless_recorded(
        mut self,
        counters: &mut Counters,
        meter: MeterId,
        reception: &Reception<'_>,
    ) -> Self {
        if reception.assumed {
            // Remembered under an instant that somebody guessed, it would judge others.
            self.facts.counter = None;
        }
        let Some(counter) = self.facts.counter else {
            return self;
        };
        match counters.accept(meter, counter, reception.at.as_second()) {
            Ok(()) => self,
            Err(later) => Self::refused(
                Outcome::Replayed,
                format!(
                    "replayed: its message counter is {counter}, and {} was accepted at {}",
                    later.counter,
                    Timestamp::from_second(later.at).unwrap_or_default()
                ),
            ),
        }
    }
}

/// Opens, decodes and dates.
pub(super) fn read(
    memory: &mut Memory,
    families: &Families,
    frame: &Frame<'_>,
    entry: &DirectoryEntry,
    reception: &Reception<'_>,
    room: &mut Room,
) -> Read {
    let now = reception.at.as_second();
    match memory.open(families, frame, &entry.keys, &reception.context(), now) {
        Ok(Opened {
            decoded,
            counter,
            key,
            authenticated,
            by_others,
        }) => {
            let read = Read {
                outcome: if decoded.readings.is_empty() {
                    Outcome::NoValue
                } else {
                    Outcome::Read
                },
                evidence: None,
                facts: facts(&decoded, counter, std::mem::take(&mut room.facts)),
                readings: reception.date(&decoded, std::mem::take(&mut room.readings)),
                opener: key.map(Opener::Key).or(by_others.then_some(Opener::Others)),
                authenticated,
                fragment: None,
            };
            memory.give_back(decoded);
            read
        }
        Err(error) => Read {
            fragment: match error.kind {
                ErrorKind::FragmentPending { fragment } => Some(fragment),
                _ => None,
            },
            ..Read::refused(Outcome::of(&error), evidence(&error))
        },
    }
}

/// Why a telegram could not be read, in one sentence that holds no key.
fn evidence(error: &Error) -> String {
    format!("{}: {error}", error.kind.code())
}

/// What is said about the meter, in the memory of facts that are empty.
fn facts(decoded: &Decoded, counter: Option<u32>, room: Facts) -> Facts {
    let Facts {
        mut status, mut more, ..
    } = room;
    status.extend_from_slice(&decoded.status);
    more.reserve_exact(2 + decoded.facts.len());
    more.push((Word::from("decoder"), Word::Shared(decoded.decoder.clone())));
    more.push((Word::from("mode"), mode(decoded.mode)));
    more.extend(
        decoded
            .facts
            .iter()
            .map(|fact| (Word::Shared(fact.name.clone()), Word::from(fact.value.clone()))),
    );
    Facts {
        opened: true,
        device_time: decoded.device_time,
        counter,
        status,
        more,
    }
}

/// The number of a security mode: most telegrams have one of these.
fn mode(mode: u8) -> Word {
    match mode {
        0 => "0".into(),
        5 => "5".into(),
        7 => "7".into(),
        _ => mode.to_string().into(),
    }
}
