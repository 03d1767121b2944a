//! The rules, each from a meter's signs alone: it is so, it is not so, or it can't be told.

use decoders::reading::{Quantity, StatusWord};

use super::kind::Kind;
use super::rhythm::{limit, longest_pause, mean_interval};
use super::signs::{Point, Signs};

/// What a rule says. What can't be told leaves an open alert open and raises none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is so, by so much.
    Is(Option<i64>),
    /// It is not so.
    IsNot,
    /// Nobody can tell now.
    Unknown,
}

/// Holds one rule against a meter's signs.
pub fn judge(kind: Kind, signs: &Signs) -> Verdict {
    match kind {
        Kind::Leak => leak(signs),
        Kind::Silent => silent(signs),
        Kind::BatteryLow => says(
            signs,
            &[
                StatusWord::BatteryLow,
                StatusWord::BatteryEnd,
                StatusWord::EndOfLife,
            ],
        ),
        Kind::Tamper => says(signs, &[StatusWord::Tamper, StatusWord::Removed]),
        Kind::ReverseFlow => reverse_flow(signs),
        Kind::Jump => jump(signs),
        Kind::Frozen => frozen(signs),
        Kind::WrongKey => wrong_key(signs),
        Kind::ClockOff => clock_off(signs),
    }
}

/// Whether the meter says one of the words of now.
fn says(signs: &Signs, words: &[StatusWord]) -> Verdict {
    let opened = signs
        .state
        .as_ref()
        .is_some_and(|state| state.opened_at.is_some());
    let said = |word| {
        signs
            .status()
            .iter()
            .any(|status| !status.past && status.word == word)
    };
    match (opened, words.iter().any(|word| said(*word))) {
        (false, _) => Verdict::Unknown,
        (true, true) => Verdict::Is(None),
        (true, false) => Verdict::IsNot,
    }
}

/// The meter's own word, else: the index grew in every slot of two windows in a row. The windows are 24 hours for a
/// meter heard every two hours, 72 hours for one heard every six; a rarer one can't be judged. One slot without an
/// increase clears.
fn leak(signs: &Signs) -> Verdict {
    let Some((Quantity::Volume, counter)) = signs.counter else {
        return Verdict::Unknown;
    };
    let own_word = says(signs, &[StatusWord::Leak, StatusWord::Burst]);
    let pairs: Vec<_> = pairs(&signs.hours).collect();
    let (Some((_, last)), true) = (pairs.last(), signs.step <= counter.unit / 100) else {
        return own_word.or_unknown();
    };
    if last.at < signs.now.as_second() - FRESH {
        return own_word.or_unknown();
    }
    let grown = |(before, after): &(Point, Point)| after.value - before.value >= signs.step;
    let longest = |hours: i64| {
        let within = pairs
            .iter()
            .filter(|(before, _)| before.at >= last.at - hours * HOUR);
        within
            .map(|(before, after)| after.at - before.at)
            .max()
            .unwrap_or(i64::MAX)
    };
    let window = if longest(48) <= 2 * HOUR + SLACK {
        48
    } else if longest(144) <= 6 * HOUR + SLACK {
        144
    } else {
        return own_word.or_unknown();
    };
    let first = last.at - window * HOUR;
    let slots: Vec<_> = pairs.iter().filter(|(before, _)| before.at >= first).collect();
    let covered = slots
        .first()
        .is_some_and(|(before, _)| before.at <= first + 6 * HOUR + SLACK);
    if !slots.iter().all(|slot| grown(slot)) {
        return own_word;
    }
    if !covered {
        return own_word.or_unknown();
    }
    let least = slots.iter().map(|(before, after)| per_hour(before, after)).min();
    Verdict::Is(least)
}

/// Silent for twice its longest pause of the week before, and for a day at least, while others are heard.
fn silent(signs: &Signs) -> Verdict {
    let Some(state) = &signs.state else {
        return Verdict::Unknown;
    };
    let silence = signs.now.as_second() - state.last_heard.as_second();
    // Its hours reach back a week from now; a meter that is gone for longer has its mean interval left.
    let limit = limit(longest_pause(&signs.hours, mean_interval(state).unwrap_or(0)));
    if silence <= limit {
        return Verdict::IsNot;
    }
    // Nobody was heard: the gateway, not the meter.
    match signs.others_heard {
        Some(heard) if signs.now.as_second() - heard.as_second() <= limit.min(DAY) => {
            Verdict::Is(Some(silence))
        }
        _ => Verdict::Unknown,
    }
}

/// The meter's own word, else: the index fell by more than the noise within a week, not over the register's end.
fn reverse_flow(signs: &Signs) -> Verdict {
    let own_word = says(signs, &[StatusWord::ReverseFlow]);
    let Some((Quantity::Volume, counter)) = signs.counter else {
        return own_word;
    };
    if own_word == Verdict::Is(None) {
        return own_word;
    }
    // A fall of cubic metres is another meter, a rollover or a misreading.
    let fallen: i64 = pairs(&signs.hours)
        .map(|(before, after)| before.value.saturating_sub(after.value))
        .filter(|fall| (1..=counter.unit).contains(fall))
        .fold(0, i64::saturating_add);
    if fallen > counter.noise {
        Verdict::Is(Some(fallen))
    } else {
        own_word
    }
}

/// It gained more within a week than it can count, or fell by more than flows back.
fn jump(signs: &Signs) -> Verdict {
    let Some((quantity, counter)) = signs.counter else {
        return Verdict::Unknown;
    };
    if signs.hours.len() < 2 {
        return Verdict::Unknown;
    }
    let most = pairs(&signs.hours)
        .filter_map(|(before, after)| {
            let gain = after.value.saturating_sub(before.value);
            let up = !counter.can_gain(gain, after.at - before.at);
            let down = quantity == Quantity::Volume
                && gain < -counter.unit
                && !counter.rolls_over(before.value, after.value);
            (up || down).then_some(gain)
        })
        .max_by_key(|gain| gain.unsigned_abs());
    most.map_or(Verdict::IsNot, |gain| Verdict::Is(Some(gain)))
}

/// From 15 October to 15 April: it counted in the four months before, and then not for two weeks.
fn frozen(signs: &Signs) -> Verdict {
    let Some((Quantity::HeatCost, _)) = signs.counter else {
        return Verdict::Unknown;
    };
    let today = signs.now.to_zoned_datetime(signs.zone.clone()).date();
    let heating = match (today.month(), today.day()) {
        (11 | 12 | 1 | 2 | 3, _) => true,
        (10, day) => day >= 29,
        (4, day) => day <= 15,
        _ => false,
    };
    if !heating {
        return Verdict::IsNot;
    }
    let (Some(first), Some(last)) = (signs.days.first(), signs.days.last()) else {
        return Verdict::Unknown;
    };
    if last.at < signs.now.as_second() - 2 * DAY || first.at > last.at - 21 * DAY {
        return Verdict::Unknown;
    }
    // Up to the latest change, be it a restart.
    let changed = pairs(&signs.days).filter(|(before, after)| before.value != after.value);
    let Some((_, since)) = changed.last() else {
        // It has not counted at all: a valve that is closed.
        return Verdict::IsNot;
    };
    let days = (last.at - since.at) / DAY;
    if days >= 14 {
        Verdict::Is(Some(days))
    } else {
        Verdict::IsNot
    }
}

/// Its latest telegram could not be opened.
fn wrong_key(signs: &Signs) -> Verdict {
    match signs.state.as_ref().map(|state| state.outcome.as_str()) {
        Some("wrong_key" | "mac_failed" | "no_key") => Verdict::Is(None),
        Some("read" | "no_value") => Verdict::IsNot,
        _ => Verdict::Unknown,
    }
}

/// More than two hours: less is a clock without summer time, and one that nobody sets.
fn clock_off(signs: &Signs) -> Verdict {
    if says(signs, &[StatusWord::ClockInvalid]) == Verdict::Is(None) {
        return Verdict::Is(None);
    }
    match signs.drift() {
        Some(drift) if drift.abs() > 2 * HOUR => Verdict::Is(Some(drift)),
        Some(_) => Verdict::IsNot,
        None => Verdict::Unknown,
    }
}

impl Verdict {
    /// "It does not say so" is no proof where the meter may have no such word.
    fn or_unknown(self) -> Self {
        match self {
            Self::IsNot => Self::Unknown,
            other => other,
        }
    }
}

/// Neighbours in time.
fn pairs(points: &[Point]) -> impl Iterator<Item = (Point, Point)> {
    points.windows(2).filter_map(|pair| match pair {
        [before, after] => Some((*before, *after)),
        _ => None,
    })
}

/// Gained in an hour, rounded down.
fn per_hour(before: &Point, after: &Point) -> i64 {
    let rate =
        i128::from(after.value - before.value) * i128::from(HOUR) / i128::from((after.at - before.at).max(1));
    i64::try_from(rate).unwrap_or(i64::MAX)
}

const HOUR: i64 = 3600;
const DAY: i64 = 86_400;

/// Telegrams are not punctual.
const SLACK: i64 = 1800;

/// What is older says nothing of now.
const FRESH: i64 = 12 * HOUR;
