//! Repeats: telegrams of a meter with the same digest within half a minute are one transmission.

use std::collections::hash_map::Entry;
use std::iter;

use jiff::Timestamp;
use rusqlite::{Connection, params};

use super::codes;
use crate::hash::{Map, Set};
use crate::store::{Telegram, TelegramKey};

/// So many seconds may lie between two receptions of one transmission (repeaters, two receivers' clocks).
pub(super) const APART: i64 = 30;

/// The telegrams kept around some instants, by meter and digest.
#[derive(Default)]
pub(super) struct Window(Map<(i64, u64), Receptions>);

/// Those of one meter and digest: hardly ever more than one.
struct Receptions {
    first: Kept,
    further: Vec<Kept>,
}

impl Receptions {
    fn iter(&self) -> impl Iterator<Item = &Kept> {
        iter::once(&self.first).chain(&self.further)
    }
}

/// A telegram that is in the archive, or was in this batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Kept {
    /// When it was received, in seconds.
    pub(super) received_at: i64,
    /// The id of its outcome.
    pub(super) outcome: i64,
}

impl Kept {
    /// Where a copy of this telegram is in the archive.
    pub(super) fn key(&self, copy: &Telegram) -> TelegramKey {
        TelegramKey {
            received_at: Timestamp::from_second(self.received_at).unwrap_or(copy.received_at),
            meter: copy.meter,
            digest: copy.digest,
        }
    }
}

impl Window {
    /// Loads what the archive has of these telegrams, each an instant, a meter and a digest: one scan for each stretch of
    /// the instants. What was received beside them stays outside, so that the window is no larger than its batch, however
    /// much came in that minute.
    pub(super) fn load(connection: &Connection, wanted: &[(i64, i64, u64)]) -> rusqlite::Result<Self> {
        let mut window = Self::default();
        let mut statement = connection.prepare_cached(
            "SELECT received_at, meter, digest, outcome FROM telegram WHERE received_at BETWEEN ?1 AND ?2",
        )?;
        let places: Set<(i64, u64)> = wanted
            .iter()
            .map(|(_, meter, digest)| (*meter, *digest))
            .collect();
        let mut instants: Vec<i64> = wanted.iter().map(|(at, _, _)| *at).collect();
        instants.sort_unstable();
        instants.dedup();
        for stretch in instants.chunk_by(|earlier, later| later.saturating_sub(*earlier) <= 2 * APART) {
            let (Some(first), Some(last)) = (stretch.first(), stretch.last()) else {
                continue;
            };
            let range = params![first.saturating_sub(APART), last.saturating_add(APART)];
            let mut rows = statement.query(range)?;
            while let Some(row) = rows.next()? {
                let place = (row.get(1)?, codes::unsigned(row.get(2)?));
                if !places.contains(&place) {
                    continue;
                }
                let kept = Kept {
                    received_at: row.get(0)?,
                    outcome: row.get(3)?,
                };
                window.add(place.0, place.1, kept);
            }
        }
        Ok(window)
    }

    /// The kept telegram that one received at this instant repeats; the nearest when there are two.
    pub(super) fn find(&self, meter: i64, digest: u64, received_at: i64) -> Option<Kept> {
        self.0
            .get(&(meter, digest))?
            .iter()
            .filter(|kept| kept.received_at.abs_diff(received_at) <= APART.unsigned_abs())
            .min_by_key(|kept| (kept.received_at.abs_diff(received_at), kept.received_at))
            .copied()
    }

    /// Adds one that is kept.
    pub(super) fn add(&mut self, meter: i64, digest: u64, kept: Kept) {
        match self.0.entry((meter, digest)) {
            Entry::Occupied(mut there) => there.get_mut().further.push(kept),
            Entry::Vacant(place) => {
                place.insert(Receptions {
                    first: kept,
                    further: Vec::new(),
                });
            }
        }
    }

    /// One that was not read before has been read now.
    pub(super) fn set_outcome(&mut self, meter: i64, digest: u64, received_at: i64, outcome: i64) {
        let Some(there) = self.0.get_mut(&(meter, digest)) else {
            return;
        };
        for kept in iter::once(&mut there.first).chain(&mut there.further) {
            if kept.received_at == received_at {
                kept.outcome = outcome;
            }
        }
    }

    /// Forgets what is more than half a minute from an instant.
    pub(super) fn forget_far_from(&mut self, instant: i64) {
        let is_near = |kept: &Kept| kept.received_at.abs_diff(instant) <= APART.unsigned_abs();
        self.0.retain(|_, there| {
            there.further.retain(is_near);
            if is_near(&there.first) {
                return true;
            }
            match there.further.pop() {
                Some(kept) => {
                    there.first = kept;
                    true
                }
                None => false,
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_a_minute_either_way_is_one_transmission() {
        let mut window = Window::default();
        window.add(
            1,
            7,
            Kept {
                received_at: 100,
                outcome: 1,
            },
        );
        window.add(
            1,
            7,
            Kept {
                received_at: 160,
                outcome: 2,
            },
        );
        let found = |meter, digest, at| window.find(meter, digest, at).map(|kept| kept.received_at);
        assert_eq!(found(1, 7, 70), Some(100));
        assert_eq!(found(1, 7, 69), None);
        assert_eq!(found(1, 7, 129), Some(100));
        assert_eq!(found(1, 7, 131), Some(160));
        assert_eq!(found(1, 7, 130), Some(100), "the earlier of two equally near");
        assert_eq!(found(2, 7, 100), None);
        assert_eq!(found(1, 8, 100), None);
        window.forget_far_from(185);
        assert_eq!(window.find(1, 7, 100), None);
        assert!(window.find(1, 7, 160).is_some());
    }
}
