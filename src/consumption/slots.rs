//! Families that send what was gained in closed slots (half months, months, differences) instead of indexes.
//!
//! Counted back from the newest index that is known at a slot's end, slot by slot, each gain becomes an index at the
//! slot's beginning. Such an index is good for an estimate: its error grows with every slot.

use super::Sample;
use crate::store::Source;

/// Indexes at the ends of slots, from gains (`at` is a slot's end) and indexes, both by time.
///
/// Stops where a slot is missing, and where the count would fall below 0: there an allocator had restarted.
pub fn indexes(slots: &[Sample], known: &[Sample]) -> Vec<Sample> {
    let mut made = Vec::new();
    let mut next: Option<Sample> = None;
    let mut newest_first = slots.iter().rev().peekable();
    while let Some(slot) = newest_first.next() {
        // An index that is known is better than one that was counted back.
        let end = anchor(known, slot).or(next.take().filter(|next| next.at == slot.at));
        let Some(end) = end else { continue };
        let Some(before) = newest_first.peek() else { break };
        let length = slot.at.as_second() - before.at.as_second();
        let value = end.value.checked_sub(slot.value).filter(|value| *value >= 0);
        let Some(value) = value.filter(|_| length <= LONGEST && slot.value >= 0) else {
            continue;
        };
        let index = Sample {
            at: before.at,
            value,
            source: Source::History,
            doubtful: true,
        };
        if anchor(known, before).is_none() {
            made.push(index);
        }
        next = Some(index);
    }
    made.reverse();
    made
}

/// What is known at a slot's end: stored for it, or heard within minutes.
fn anchor(known: &[Sample], slot: &Sample) -> Option<Sample> {
    known
        .iter()
        .filter(|sample| !sample.doubtful)
        .filter(|sample| match sample.source {
            Source::Live | Source::Manual => (sample.at.as_second() - slot.at.as_second()).abs() <= MINUTES,
            Source::SetDate | Source::History => sample.at == slot.at,
            Source::Estimate => false,
        })
        .min_by_key(|sample| (sample.at.as_second() - slot.at.as_second()).abs())
        .copied()
}

/// A slot is a month at most.
const LONGEST: i64 = 32 * 86_400;

/// Heard this near counts as heard at the instant.
const MINUTES: i64 = 15 * 60;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::consumption::tests::sample;

    #[test]
    fn what_was_gained_in_slots_is_counted_back_from_the_newest_index() {
        let slot = |text, value| sample(text, value, Source::History);
        let slots = [
            slot("2026-01-01T00:00:00Z", 90_000),
            slot("2026-01-16T00:00:00Z", 30_000),
            slot("2026-02-01T00:00:00Z", 25_000),
            slot("2026-02-16T00:00:00Z", 20_000),
        ];
        let known = [sample("2026-02-16T00:05:00Z", 80_000, Source::Live)];
        let made: Vec<_> = indexes(&slots, &known)
            .iter()
            .map(|made| (made.at.to_string(), made.value, made.doubtful))
            .collect();
        assert_eq!(
            made,
            [
                ("2026-01-01T00:00:00Z".to_owned(), 5_000, true),
                ("2026-01-16T00:00:00Z".to_owned(), 35_000, true),
                ("2026-02-01T00:00:00Z".to_owned(), 60_000, true),
            ]
        );
        // Without an index to count from there is none.
        assert!(indexes(&slots, &[]).is_empty());
        // A slot that is missing ends it.
        assert_eq!(indexes(&[slots[0], slots[3]], &known), []);
    }

    #[test]
    fn a_restart_ends_the_counting_back() {
        let slots = [
            sample("2026-01-01T00:00:00Z", 90_000, Source::History),
            sample("2026-02-01T00:00:00Z", 50_000, Source::History),
        ];
        let known = [sample("2026-02-01T00:00:00Z", 20_000, Source::Live)];
        assert!(indexes(&slots, &known).is_empty());
    }
}
