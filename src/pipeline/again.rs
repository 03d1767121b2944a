//! The archive, read once more with what is known by now.

use wmbus::{Error, Frame, FrameFormat};

use super::dating::Reception;
use super::read::{Read, read};
use super::trust::Belief;
use super::{CONTRADICTS, MAY_BE_CHANCE, Outcome, Pipeline, Room, digest, settle, zone};
use crate::store::{ArchivedTelegram, Redecoded};

impl Pipeline {
    /// Reads a telegram of the archive once more, with what is known by now. Walk the archive in its order, so that
    /// layouts and fragments come as they came; nothing when the telegram would go to another meter today, or to none.
    pub fn take_again(&mut self, archived: &ArchivedTelegram) -> Option<Again> {
        let frame = frame_of(archived)?;
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
        let mut read = read(
            &mut self.memory,
            &self.families,
            &frame,
            entry,
            &reception,
            &mut Room::default(),
        );
        if self.refuse_recordings {
            read = read.unless_recorded(&mut self.counters, archived.key.meter, &reception);
        }
        match (read.opener, read.outcome) {
            (Some(opener), _) => {
                let digest = archived.key.digest;
                let why = match self.trust.opened(entry, opener, read.authenticated, digest) {
                    Belief::Counts | Belief::Proves(_) => None,
                    Belief::MayBeChance => Some(MAY_BE_CHANCE),
                    Belief::Contradicts => Some(CONTRADICTS),
                };
                if let Some(why) = why {
                    read = Read::refused(Outcome::WrongKey, why.to_owned());
                }
            }
            (None, Outcome::WrongKey) if archived.outcome == Outcome::Damaged.code() => {
                // Whether anybody had checked it is not kept: the judgement of then stays.
                read.outcome = Outcome::Damaged;
                read.evidence.clone_from(&archived.evidence);
            }
            (None, Outcome::NoKey | Outcome::WrongKey | Outcome::MacFailed) => {
                self.trust.failed(entry);
            }
            _ => {}
        }
        let settled = settle(
            &mut self.fragments,
            &self.memory,
            &frame,
            archived.key,
            read.fragment,
            (read.outcome, read.evidence.as_deref()),
        );
        Some(Again {
            waits: read.fragment.is_some(),
            telegram: Redecoded {
                key: archived.key,
                outcome: read.outcome.code().into(),
                evidence: read.evidence,
                facts: read.facts,
                readings: read.readings,
            },
            settled,
        })
    }
}

/// What a telegram of the archive comes to.
#[derive(Debug)]
pub struct Again {
    /// The telegram.
    pub telegram: Redecoded,
    /// It is a fragment, and is judged with the rest of its message.
    pub waits: bool,
    /// Fragments that came before it, and are judged now.
    pub settled: Vec<Redecoded>,
}

/// The frame in a telegram of the archive.
pub fn frame_of(archived: &ArchivedTelegram) -> Option<Frame<'_>> {
    frame_with(&archived.octets, archived.key.digest)
}

/// The frame in octets of which a digest was made.
pub fn frame_with(octets: &[u8], wanted: u64) -> Option<Frame<'_>> {
    // Whether the receiver had checked and stripped it is not kept, but only one of the two ways finds its digest.
    [Frame::parse, stripped]
        .into_iter()
        .filter_map(|parse| parse(octets).ok())
        .find(|frame| digest(frame) == wanted)
}

/// A telegram whose receiver had checked it.
pub(super) fn stripped(octets: &[u8]) -> Result<Frame<'_>, Error> {
    Frame::parse_as(octets, FrameFormat::Stripped)
}
