//! Answers that were given before and are still true, and tokens that were seen before.
//!
//! Kept is what rests on nothing but readings and the registry: figures of days that are over. The store tells of each
//! commit before anybody learns that it is done; what rests on what it changed is forgotten. An answer is given from here
//! only when the store says that all was told, and kept only when nothing that it rests on is known to have changed while it was
//! made.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;

use crate::consumption::Reach;
use crate::store::{Changed, MeterId, Store, Stretch, Watcher};

use super::auth::Caller;
use super::consumption::Question;
use super::format::Written;

/// What is remembered of a store.
#[derive(Debug, Default)]
pub(super) struct Memory(Mutex<Inside>);

#[derive(Debug, Default)]
struct Inside {
    answers: HashMap<Question, Answer>,
    /// The answers by when they were last of use.
    used: BTreeMap<u64, Question>,
    /// Grows with each use.
    now: u64,
    octets: usize,
    callers: HashMap<[u8; 32], Caller>,
    /// How many commits were told.
    commits: u64,
    #[cfg(test)]
    hits: usize,
    /// The latest of them; `None` for one that may have changed anything.
    latest: VecDeque<Option<Vec<Stretch>>>,
}

#[derive(Debug)]
struct Answer {
    written: Written,
    rests: Rests,
    used: u64,
    octets: usize,
}

/// What an answer rests on, beside the registry.
#[derive(Clone, Debug)]
pub(super) struct Rests {
    /// The answer is the same at this instant and ever after.
    pub(super) settled: Timestamp,
    /// Of which readings it was made.
    pub(super) on: Vec<Reach>,
}

/// How far commits were told when an answer was begun.
#[derive(Clone, Copy, Debug)]
pub(super) struct Begun(u64);

impl Memory {
    /// The answer to a question, when it is still true at that instant.
    pub(super) fn answer(&self, store: &dyn Store, question: &Question, now: Timestamp) -> Option<Written> {
        // Whoever asks what nobody asked before need not wait for the store.
        if !self.inside().answers.contains_key(question) || !store.told() || !store.is_caught_up() {
            return None;
        }
        let mut inside = self.inside();
        let inside = &mut *inside;
        let answer = inside
            .answers
            .get_mut(question)
            .filter(|answer| now >= answer.rests.settled)?;
        inside.used.remove(&answer.used);
        inside.now += 1;
        answer.used = inside.now;
        inside.used.insert(answer.used, *question);
        #[cfg(test)]
        {
            inside.hits += 1;
        }
        Some(answer.written.clone())
    }

    /// Before an answer is made.
    pub(super) fn begin(&self) -> Begun {
        Begun(self.inside().commits)
    }

    /// Keeps an answer that was given at an instant, if nothing that it rests on has changed since it was begun.
    ///
    /// What was committed meanwhile and is not told yet is told later, and takes the answer away then: before the answer is
    /// given to anybody, since the store is asked first.
    pub(super) fn keep(
        &self,
        Begun(begun): Begun,
        (question, now): (Question, Timestamp),
        written: &Written,
        rests: Rests,
    ) {
        let octets = written.octets() + rests.octets() + OVERHEAD;
        if rests.settled > now || octets > LARGEST {
            return;
        }
        let mut inside = self.inside();
        let since = usize::try_from(inside.commits - begun).unwrap_or(usize::MAX);
        if since > inside.latest.len() {
            return;
        }
        let is_touched = inside.latest.iter().rev().take(since).any(|commit| {
            commit
                .as_ref()
                .is_none_or(|stretches| rests.is_touched(stretches))
        });
        if is_touched {
            return;
        }
        inside.forget(&question);
        inside.now += 1;
        let used = inside.now;
        inside.octets += octets;
        inside.used.insert(used, question);
        inside.answers.insert(
            question,
            Answer {
                written: written.clone(),
                rests,
                used,
                octets,
            },
        );
        while inside.octets > MOST_OCTETS
            && let Some((_, oldest)) = inside.used.pop_first()
        {
            inside.forget(&oldest);
        }
    }

    /// Whose a token is, when it was seen before and nothing has changed since that may have taken it back.
    pub(super) fn caller(&self, store: &dyn Store, token: &[u8; 32]) -> Option<Caller> {
        if !store.told() {
            return None;
        }
        self.inside().callers.get(token).cloned()
    }

    /// Remembers whose a token is, if nothing is known to have been committed since it was looked for; see [`Memory::keep`].
    pub(super) fn keep_caller(&self, Begun(begun): Begun, token: [u8; 32], caller: &Caller) {
        let mut inside = self.inside();
        if inside.commits != begun {
            return;
        }
        if inside.callers.len() >= MOST_CALLERS {
            inside.callers.clear();
        }
        inside.callers.insert(token, caller.clone());
    }

    fn inside(&self) -> MutexGuard<'_, Inside> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many answers were given from here.
    #[cfg(test)]
    pub(super) fn hits(&self) -> usize {
        self.inside().hits
    }

    /// How many answers there are, and what they take.
    #[cfg(test)]
    pub(super) fn size(&self) -> (usize, usize) {
        let inside = self.inside();
        assert_eq!(inside.answers.len(), inside.used.len());
        let octets: usize = inside.answers.values().map(|answer| answer.octets).sum();
        assert_eq!(octets, inside.octets);
        (inside.answers.len(), inside.octets)
    }
}

impl Watcher for Memory {
    fn committed(&self, changed: Changed<'_>) {
        let mut inside = self.inside();
        inside.commits += 1;
        if inside.latest.len() >= LATEST {
            inside.latest.pop_front();
        }
        match changed {
            Changed::Anything => {
                inside.answers = HashMap::new();
                inside.used = BTreeMap::new();
                inside.octets = 0;
                inside.callers.clear();
                inside.latest.push_back(None);
            }
            Changed::Readings(stretches) => {
                let mut by_meter: HashMap<MeterId, Vec<Stretch>> = HashMap::new();
                for stretch in stretches {
                    by_meter.entry(stretch.meter).or_default().push(*stretch);
                }
                let untrue: Vec<Question> = inside
                    .answers
                    .iter()
                    .filter(|(_, answer)| {
                        answer.rests.on.iter().any(|reach| {
                            by_meter
                                .get(&reach.meter())
                                .is_some_and(|stretches| stretches.iter().any(|one| reach.is_touched(one)))
                        })
                    })
                    .map(|(question, _)| *question)
                    .collect();
                for question in untrue {
                    inside.forget(&question);
                }
                inside.latest.push_back(Some(stretches.to_vec()));
            }
        }
    }
}

impl Inside {
    fn forget(&mut self, question: &Question) {
        if let Some(answer) = self.answers.remove(question) {
            self.used.remove(&answer.used);
            self.octets -= answer.octets;
        }
    }
}

impl Rests {
    fn is_touched(&self, stretches: &[Stretch]) -> bool {
        self.on
            .iter()
            .any(|reach| stretches.iter().any(|stretch| reach.is_touched(stretch)))
    }

    fn octets(&self) -> usize {
        self.on.iter().map(Reach::octets).sum()
    }
}

/// All answers together take no more; the one that was not of use for the longest time goes first.
const MOST_OCTETS: usize = 2 << 20;

/// An answer that takes more is not kept: it would cost too many others their place.
const LARGEST: usize = 128 << 10;

/// What an answer takes beside its octets, or a little more.
const OVERHEAD: usize = 400;

/// Commits that are told while an answer is made: mostly none.
const LATEST: usize = 8;

/// Tokens in use; nobody has so many.
const MOST_CALLERS: usize = 256;
