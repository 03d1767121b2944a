//! How far a key is trusted. Two octets of a plaintext fit one wrong key in 65 536, and a meter sends that many telegrams
//! in days: so a key that has failed must open two of eight before anything that it opens counts as data.
//!
//! A key that never failed is believed at once, and a proven one for good: who sends noise under a meter's number can't
//! make it mute.
//!
//! What says that it is sealed and comes decrypted looks so by two octets as well, and so does what its maker's key opens:
//! both count as if opened by one more key, and never beside a proven one.

use wmbus::Key;

use crate::hash::Map;
use crate::registry::MeterId;
use crate::store::{DirectoryEntry, Telegram};

/// What is known of the keys of each meter.
#[derive(Debug, Default)]
pub(super) struct Trust {
    meters: Map<MeterId, Vec<Standing>>,
    /// Telegrams in a row that none of a meter's keys opened.
    unopened: Map<MeterId, u32>,
}

#[derive(Debug)]
struct Standing {
    /// `None` for what none of the meter's keys was needed for, although it was sealed.
    key: Option<Key>,
    /// Different telegrams that it opened, the latest of which has this digest.
    opened: u64,
    digest: u64,
    failed: bool,
    proven: bool,
    /// Telegrams since the first of those that it opened.
    tries: u32,
    /// What it opened first, until another telegram says whether that was chance.
    held: Option<Box<Telegram>>,
}

/// What opened a telegram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Opener {
    /// A key of the meter, by its place.
    Key(usize),
    /// Somebody before it came here, or its maker's key.
    Others,
}

/// What to make of a telegram that was sealed and is open.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Belief {
    /// It counts.
    Counts,
    /// It counts, and with it the key is proven, by so many telegrams.
    Proves(u64),
    /// It may be chance.
    MayBeChance,
    /// A proven key of its meter did not open it, so it is chance or forged.
    Contradicts,
}

/// Within so many telegrams the second must be opened.
const WITHIN: u32 = 8;
/// So many telegrams in a row can be spoilt; with more the meter has another key.
const FEW: u32 = 2;

impl Trust {
    /// A sealed telegram of a meter is open.
    pub(super) fn opened(
        &mut self,
        entry: &DirectoryEntry,
        opener: Opener,
        authenticated: bool,
        digest: u64,
    ) -> Belief {
        if opener == Opener::Others && self.is_proven(entry) {
            return Belief::Contradicts;
        }
        self.unopened.remove(&entry.meter.id);
        if matches!(opener, Opener::Key(key) if key < entry.proven) {
            return Belief::Counts;
        }
        if let Opener::Key(key) = opener {
            // They are tried in their order.
            self.fail(entry, (entry.proven..key).map(Opener::Key));
        }
        // A proven key of the same meter that did not open it leaves it as doubtful as a failure.
        let doubtful = self.is_proven(entry);
        let Some(standing) = self.standing(entry, opener) else {
            return Belief::Counts;
        };
        if standing.proven {
            return Belief::Counts;
        }
        standing.failed |= doubtful;
        if standing.opened == 0 || standing.digest != digest {
            standing.opened += 1;
            standing.digest = digest;
        }
        if authenticated || standing.opened >= 2 {
            standing.proven = true;
            return Belief::Proves(standing.opened);
        }
        if standing.failed {
            Belief::MayBeChance
        } else {
            Belief::Counts
        }
    }

    /// None of the keys of a meter has opened a telegram. True when that speaks against the telegram rather than against
    /// them: one of them is proven, and opened all but the latest few.
    pub(super) fn failed(&mut self, entry: &DirectoryEntry) -> bool {
        let unopened = self.unopened.entry(entry.meter.id).or_default();
        *unopened = unopened.saturating_add(1);
        let few = *unopened <= FEW;
        let keys = (entry.proven..entry.keys.len()).map(Opener::Key);
        self.fail(entry, keys.chain([Opener::Others]));
        few && self.is_proven(entry)
    }

    /// None of these has opened a telegram.
    fn fail(&mut self, entry: &DirectoryEntry, openers: impl Iterator<Item = Opener>) {
        for opener in openers {
            let Some(standing) = self.standing(entry, opener) else {
                continue;
            };
            standing.failed = true;
            standing.tries += u32::from(standing.opened > 0);
            if standing.tries >= WITHIN {
                standing.opened = 0;
                standing.tries = 0;
                standing.held = None;
            }
        }
    }

    /// Whether a key that the meter has is proven.
    fn is_proven(&self, entry: &DirectoryEntry) -> bool {
        let known = self.meters.get(&entry.meter.id);
        entry.proven > 0
            || known.into_iter().flatten().any(|standing| {
                let key = standing.key.as_ref();
                standing.proven && key.is_some_and(|key| entry.keys.contains(key))
            })
    }

    /// Keeps what may be chance until another telegram says so or not.
    pub(super) fn hold(&mut self, entry: &DirectoryEntry, opener: Opener, telegram: Telegram) {
        if let Some(standing) = self.standing(entry, opener) {
            standing.held = Some(Box::new(telegram));
        }
    }

    /// What was held for a key that is proven now.
    pub(super) fn release(&mut self, entry: &DirectoryEntry, opener: Opener) -> Option<Telegram> {
        self.standing(entry, opener)?.held.take().map(|held| *held)
    }

    fn standing(&mut self, entry: &DirectoryEntry, opener: Opener) -> Option<&mut Standing> {
        let wanted = match opener {
            Opener::Key(key) => Some(entry.keys.get(key)?),
            Opener::Others => None,
        };
        let known = self.meters.entry(entry.meter.id).or_default();
        let place = known.iter().position(|standing| standing.key.as_ref() == wanted);
        let place = place.unwrap_or_else(|| {
            // Keys that the registry has no more.
            known.retain(|standing| standing.key.as_ref().is_none_or(|key| entry.keys.contains(key)));
            known.push(Standing {
                key: wanted.cloned(),
                opened: 0,
                digest: 0,
                failed: false,
                proven: false,
                tries: 0,
                held: None,
            });
            known.len() - 1
        });
        known.get_mut(place)
    }
}

#[cfg(test)]
mod tests {
    use super::Opener::Others as OTHERS;
    use super::*;
    use crate::registry::{Meter, MeterAddress};

    fn entry(keys: u8, proven: usize) -> DirectoryEntry {
        DirectoryEntry {
            meter: Meter {
                id: MeterId(1),
                address: MeterAddress::from(wmbus::Address::from_link_octets([1; 8])),
                printed_serial: None,
            },
            keys: (0..keys).map(|number| Key::aes([number; 16])).collect(),
            proven,
            time_zone: "UTC".to_owned(),
            kind: None,
            counter: None,
        }
    }

    #[test]
    fn a_key_that_never_failed_is_believed_and_proven_by_the_second() {
        let (entry, mut trust) = (entry(1, 0), Trust::default());
        assert_eq!(trust.opened(&entry, Opener::Key(0), false, 1), Belief::Counts);
        assert_eq!(
            trust.opened(&entry, Opener::Key(0), false, 1),
            Belief::Counts,
            "a copy of it"
        );
        assert_eq!(trust.opened(&entry, Opener::Key(0), false, 2), Belief::Proves(2));
        assert_eq!(trust.opened(&entry, Opener::Key(0), false, 3), Belief::Counts);
        trust.failed(&entry);
        assert_eq!(
            trust.opened(&entry, Opener::Key(0), false, 4),
            Belief::Counts,
            "noise does not mute it"
        );
    }

    #[test]
    fn a_wrong_key_that_fits_by_chance_gives_nothing() {
        let (entry, mut trust) = (entry(1, 0), Trust::default());
        for digest in 0..5 {
            assert!((0..100).all(|_| !trust.failed(&entry)));
            assert_eq!(
                trust.opened(&entry, Opener::Key(0), false, digest),
                Belief::MayBeChance
            );
        }
        trust.failed(&entry);
        assert_eq!(
            trust.opened(&entry, Opener::Key(0), false, 9),
            Belief::Proves(2),
            "two of eight are none"
        );
    }

    #[test]
    fn a_wrong_key_that_fits_by_chance_gives_nothing_beside_one_that_opens_the_others() {
        let (entry, mut trust) = (entry(2, 0), Trust::default());
        assert_eq!(trust.opened(&entry, Opener::Key(1), false, 1), Belief::Counts);
        assert_eq!(
            trust.opened(&entry, Opener::Key(0), false, 2),
            Belief::MayBeChance,
            "it did not open the one before"
        );
        assert_eq!(trust.opened(&entry, Opener::Key(1), false, 3), Belief::Proves(2));
        // The directory does not say so before it is read again.
        let (entry, mut trust) = (super::tests::entry(2, 0), Trust::default());
        for digest in 1..=2 {
            trust.opened(&entry, Opener::Key(0), false, digest);
        }
        assert_eq!(
            trust.opened(&entry, Opener::Key(1), false, 3),
            Belief::MayBeChance
        );
    }

    #[test]
    fn two_that_a_proven_key_does_not_open_may_be_spoilt_and_three_are_another_key() {
        let (entry, mut trust) = (entry(1, 1), Trust::default());
        for _ in 0..2 {
            assert_eq!([(); 3].map(|()| trust.failed(&entry)), [true, true, false]);
            assert_eq!(trust.opened(&entry, Opener::Key(0), false, 1), Belief::Counts);
        }
    }

    #[test]
    fn what_looks_decrypted_by_chance_gives_nothing_and_what_always_comes_so_counts() {
        let (entry, mut trust) = (entry(0, 0), Trust::default());
        assert_eq!(trust.opened(&entry, OTHERS, false, 1), Belief::Counts);
        assert_eq!(trust.opened(&entry, OTHERS, false, 2), Belief::Proves(2));
        let mut trust = Trust::default();
        for digest in 0..5 {
            assert!((0..100).all(|_| !trust.failed(&entry)));
            assert_eq!(trust.opened(&entry, OTHERS, false, digest), Belief::MayBeChance);
        }
    }

    #[test]
    fn beside_a_proven_key_nothing_else_is_believed_to_have_opened_it() {
        for (entry, mut trust) in [(entry(1, 1), Trust::default()), (entry(1, 0), Trust::default())] {
            trust.opened(&entry, Opener::Key(0), true, 1);
            assert_eq!(trust.opened(&entry, OTHERS, false, 2), Belief::Contradicts);
            assert_eq!(trust.opened(&entry, OTHERS, false, 3), Belief::Contradicts);
        }
    }

    #[test]
    fn a_mac_proves_at_once() {
        let (entry, mut trust) = (entry(1, 0), Trust::default());
        trust.failed(&entry);
        assert_eq!(trust.opened(&entry, Opener::Key(0), true, 1), Belief::Proves(1));
    }

    #[test]
    fn beside_a_proven_key_another_must_prove_itself() {
        let (entry, mut trust) = (entry(2, 1), Trust::default());
        assert_eq!(trust.opened(&entry, Opener::Key(0), false, 1), Belief::Counts);
        assert_eq!(
            trust.opened(&entry, Opener::Key(1), false, 2),
            Belief::MayBeChance
        );
        assert_eq!(trust.opened(&entry, Opener::Key(1), false, 3), Belief::Proves(2));
    }
}
