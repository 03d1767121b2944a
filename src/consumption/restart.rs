//! Heat cost allocators begin anew at their set date; here their counts are put end to end.

use super::Sample;
use super::rules::DAY;
use crate::store::Source;

/// Undoes the restarts of an allocator: every value becomes what the counter would show had it never restarted.
/// The closings join what was heard; the rest of the memory stays in `frozen`, raised too.
///
/// A set date's value closes a count. So does a month end's, for families that send no set date, where the counter was
/// heard to fall at that very time.
pub(super) fn raise(mut heard: Vec<Sample>, frozen: &mut Vec<Sample>) -> (Vec<Sample>, Vec<i64>) {
    if frozen.is_empty() {
        // Nothing closes a count.
        heard.sort_by_key(|sample| (sample.at, sample.value));
        return (heard, Vec::new());
    }
    let mut closings: Vec<Closing> = Vec::new();
    let mut base = 0_i64;
    for closing in frozen.iter() {
        let at = closing.at.as_second();
        let fall = fall(&heard, at);
        let previous = closings.last().map_or(i64::MIN, |last| last.turn);
        let turn = match (closing.source, fall) {
            (Source::SetDate, Some(fall)) => fall.to,
            // Under a date that may be wrong by days it closes nothing, unless the fall was heard there.
            (Source::SetDate, None) if closing.doubtful || falls_days_away(&heard, at) => continue,
            (Source::SetDate, None) => unheard_turn(&heard, at, closing.value),
            // A fall out of the count before last is explained already.
            (_, Some(fall)) if fall.from >= previous && !has_set_date_near(frozen, at) => fall.to,
            _ => continue,
        };
        let last_old = heard
            .iter()
            .rev()
            .map(|sample| (sample.at.as_second(), sample.value))
            .find(|(heard_at, _)| *heard_at < turn && *heard_at < at);
        // The frozen value is at least what was last heard of its own count. If it is not, it closes nothing.
        let contradicted =
            last_old.is_some_and(|(heard_at, value)| heard_at >= previous && value > closing.value);
        let Some(after) = base.checked_add(closing.value).filter(|_| !contradicted) else {
            continue;
        };
        closings.push(Closing {
            at,
            source: closing.source,
            turn,
            before: base,
        });
        base = after;
    }
    let total = base;
    let raised = |sample: &Sample, closed: usize| {
        let base = closings.get(closed).map_or(total, |closing| closing.before);
        sample
            .value
            .checked_add(base)
            .map(|value| Sample { value, ..*sample })
    };
    let mut spine = Vec::with_capacity(heard.len() + closings.len());
    let mut closed = 0;
    for sample in &heard {
        let at = sample.at.as_second();
        while closings.get(closed).is_some_and(|closing| at >= closing.turn) {
            closed += 1;
        }
        // A clock that is early or late by less than a day puts some values on the wrong side of the stamp.
        let late = closings.get(closed).is_some_and(|closing| at > closing.at);
        let early = closed
            .checked_sub(1)
            .and_then(|last| closings.get(last))
            .is_some_and(|closing| at < closing.at);
        if !late && !early {
            spine.extend(raised(sample, closed));
        }
    }
    let mut memory = Vec::with_capacity(frozen.len());
    for sample in frozen.iter() {
        let at = sample.at.as_second();
        let closed = closings.partition_point(|closing| closing.at < at);
        let closing = closings.get(closed).filter(|closing| closing.at == at);
        match sample.source {
            source if closing.is_some_and(|closing| closing.source == source) => {
                spine.extend(raised(sample, closed));
            }
            // A month end on the set date itself: the closing says it already.
            _ if closing.is_some() => {}
            // A closing that was not believed is no month end either.
            Source::SetDate => {}
            _ => memory.extend(raised(sample, closed)),
        }
    }
    spine.sort_by_key(|sample| (sample.at, sample.value));
    *frozen = memory;
    (spine, closings.iter().map(|closing| closing.at).collect())
}

struct Closing {
    /// The instant that the meter stamped.
    at: i64,
    source: Source,
    /// The instant from which we heard the new count.
    turn: i64,
    /// What the counts before this one add up to.
    before: i64,
}

/// When the new count was first heard, if it was heard to begin: the first fall within a day of the stamp.
fn fall(heard: &[Sample], stamp: i64) -> Option<Fall> {
    let first = heard.partition_point(|sample| sample.at.as_second() < stamp - DAY);
    heard
        .get(first.saturating_sub(1)..)?
        .windows(2)
        .filter_map(|pair| match pair {
            [before, after] => Some((before, after)),
            _ => None,
        })
        .take_while(|(_, after)| after.at.as_second() <= stamp + DAY)
        .find(|(before, after)| after.value < before.value && after.at.as_second() >= stamp - DAY)
        .map(|(before, after)| Fall {
            from: before.at.as_second(),
            to: after.at.as_second(),
        })
}

/// Whether the counter was heard to fall within days of the stamp, but on one side of it: the meter's clock is off by
/// days, and nobody knows what was counted under which date.
fn falls_days_away(heard: &[Sample], stamp: i64) -> bool {
    let first = heard.partition_point(|sample| sample.at.as_second() < stamp - FAR);
    heard
        .get(first.saturating_sub(1)..)
        .unwrap_or_default()
        .windows(2)
        .filter_map(|pair| match pair {
            [before, after] => Some((before, after)),
            _ => None,
        })
        .take_while(|(before, _)| before.at.as_second() <= stamp + FAR)
        .any(|(before, after)| {
            let straddles = before.at.as_second() < stamp && stamp <= after.at.as_second();
            after.value < before.value && !straddles
        })
}

/// A clock that is off by more than this has other troubles.
const FAR: i64 = 10 * DAY;

/// The instants of two readings in a row, the second lower.
#[derive(Clone, Copy)]
struct Fall {
    from: i64,
    to: i64,
}

/// Without a fall the new count begins at the stamp. What was heard at that very instant is still the old count if it
/// shows what was frozen.
fn unheard_turn(heard: &[Sample], stamp: i64, frozen: i64) -> i64 {
    let shows_frozen = heard
        .iter()
        .any(|sample| sample.at.as_second() == stamp && sample.value >= frozen);
    if shows_frozen { stamp + 1 } else { stamp }
}

/// Whether a set date may claim the same fall: both look a day around them.
fn has_set_date_near(frozen: &[Sample], at: i64) -> bool {
    frozen
        .iter()
        .any(|sample| sample.source == Source::SetDate && (sample.at.as_second() - at).abs() <= 2 * DAY)
}
