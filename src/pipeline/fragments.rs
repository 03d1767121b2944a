//! What becomes of the fragments of a message when its last one has come, or never will.

use wmbus::{Address, ErrorKind};

use super::Outcome;
use crate::store::{Facts, Redecoded, TelegramKey};

/// Fragments that wait for the rest of their message, by sender; as many senders as messages can be open.
#[derive(Debug, Default)]
pub(super) struct Fragments {
    waiting: Vec<(Address, Vec<TelegramKey>)>,
}

/// Senders whose fragments wait.
const MOST: usize = 16;
/// Fragments of a message.
const MOST_FRAGMENTS: usize = 255;

impl Fragments {
    /// A fragment waits. The first of a message gives those up that waited before it, which are returned.
    pub(super) fn wait(&mut self, sender: Address, key: TelegramKey, number: u8) -> Vec<Redecoded> {
        let known = self.waiting.iter().position(|(of, _)| *of == sender);
        let is_copy = known
            .and_then(|at| self.waiting.get(at))
            .is_some_and(|(_, keys)| keys.iter().any(|waiting| waiting.digest == key.digest));
        if is_copy {
            return Vec::new();
        }
        let lost = if number == 1 {
            self.lost(sender)
        } else {
            Vec::new()
        };
        match self.waiting.iter_mut().find(|(of, _)| *of == sender) {
            Some((_, keys)) if keys.len() < MOST_FRAGMENTS => keys.push(key),
            Some(_) => {}
            None => {
                if self.waiting.len() >= MOST {
                    self.waiting.remove(0);
                }
                self.waiting.push((sender, vec![key]));
            }
        }
        lost
    }

    /// What waited for a sender's message shares its fate.
    pub(super) fn settle(
        &mut self,
        sender: Address,
        outcome: Outcome,
        evidence: Option<&str>,
    ) -> Vec<Redecoded> {
        let Some(at) = self.waiting.iter().position(|(of, _)| *of == sender) else {
            return Vec::new();
        };
        let (_, keys) = self.waiting.remove(at);
        let settled = keys.into_iter().map(|key| Redecoded {
            key,
            outcome: outcome.code().into(),
            evidence: evidence.map(str::to_owned),
            facts: Facts::default(),
            readings: Vec::new(),
        });
        settled.collect()
    }

    /// A sender's message was never continued.
    pub(super) fn lost(&mut self, sender: Address) -> Vec<Redecoded> {
        let kind = ErrorKind::FragmentTimeout;
        let evidence = format!("{}: {kind}", kind.code());
        self.settle(sender, Outcome::FragmentMissing, Some(&evidence))
    }
}
