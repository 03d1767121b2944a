//! What counters do besides counting: restart at the set date, roll over, fall for no reason, remember wrongly.
//!
//! The raw values of one meter become one chain that only grows, so that everything above can subtract:
//!
//! ```text
//! raw     ▁▂▃▅▇|▁▂▃▄     a heat cost allocator restarts at its set date; the value frozen there closes the old count
//! chain   ▁▂▃▅▇ ▇██▉
//! ```
//!
//! Where the chain can't be joined (a fall that neither a set date nor the register's width explains) a new *segment*
//! begins, and a difference across segments is not known. Live readings decide; values from a meter's memory are
//! placed between them and left out when they disagree by more than a drifting clock can explain.

use decoders::reading::Quantity;

use super::quality::Flag;
use super::{Sample, restart};
use crate::store::Source;

/// How one quantity counts, in the integers that a channel is stored in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counter {
    /// The register is set to 0 at the set date: heat cost allocators, and nobody else.
    pub restarts: bool,
    /// What one whole unit (m³, U, kWh) is in stored integers.
    pub unit: i64,
    /// A fall up to this much is backward flow or jitter, not a fault; in stored integers.
    pub noise: i64,
    /// The most that it can gain in an hour, in stored integers; what grows faster is another meter or a misreading.
    pub most_an_hour: i64,
}

impl Counter {
    /// The counter of a quantity stored as `integer × 10^exponent` of its unit; `None` for what does not count up
    /// (a temperature, a flow) or can't be told apart from noise at that exponent.
    pub fn of(quantity: Quantity, exponent: i8) -> Option<Self> {
        let unit = 10_i64.checked_pow(u32::try_from(-i32::from(exponent)).ok()?)?;
        // Room for the sums below: no meter's unit is that fine.
        if unit > 1_000_000_000_000 {
            return None;
        }
        match quantity {
            Quantity::HeatCost => Some(Self {
                restarts: true,
                unit,
                noise: 0,
                // Some thirty units a day are much, a few hundred where the factor is in the display.
                most_an_hour: unit * 50,
            }),
            // 20 litres: less is pressure swings, more is reverse flow or another meter. Faster than the Q4 of a
            // flat's meter (Q3 2.5, so 3.125 m³ in an hour) nothing flows.
            Quantity::Volume => Some(Self {
                restarts: false,
                unit,
                noise: unit / 50,
                most_an_hour: unit / 8 * 25,
            }),
            Quantity::Energy => Some(Self {
                restarts: false,
                unit,
                noise: unit / 50,
                most_an_hour: i64::MAX,
            }),
            _ => None,
        }
    }

    /// Whether a counter can have gone from one value to a later one; `seconds` lie between them.
    pub fn can_gain(&self, gain: i64, seconds: i64) -> bool {
        // An hour's worth at least: a latched value comes when it comes. Mostly it is less, and nothing is to be computed.
        if gain <= self.most_an_hour {
            return true;
        }
        let most = i128::from(self.most_an_hour) * i128::from(seconds.max(3600)) / 3600;
        i128::from(gain) <= most + i128::from(self.noise)
    }

    /// Whether a register went over its end from one value to the next.
    pub fn rolls_over(&self, high: i64, low: i64) -> bool {
        self.rollover(high, low).is_some()
    }

    /// The width of a register that went from `high` over its end to `low`, if it can have done so.
    fn rollover(&self, high: i64, low: i64) -> Option<i64> {
        WIDTHS
            .iter()
            .filter_map(|width| width.checked_mul(self.unit))
            .find(|width| high < *width && high > width / 100 * 95 && (0..width / 100 * 5).contains(&low))
    }
}

/// One link of the chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Link {
    /// Unix seconds.
    pub(super) at: i64,
    /// The joined value.
    pub(super) value: i64,
    /// Only values of one segment can be subtracted.
    pub(super) segment: u32,
    pub(super) source: Source,
    /// Good for an estimate only.
    pub(super) doubtful: bool,
    /// What the register showed.
    pub(super) raw: i64,
    /// What was added to the raw value since the segment began because the register rolled over.
    carried: i64,
}

/// The joined values of one meter, by time, and what happened on the way.
#[derive(Clone, Debug, Default)]
pub(super) struct Chain {
    pub(super) links: Vec<Link>,
    pub(super) events: Vec<(i64, Flag)>,
}

/// Joins samples, which are in the order of time.
pub(super) fn join(counter: &Counter, samples: &[Sample]) -> Chain {
    plain(counter, samples).unwrap_or_else(|| join_all(counter, samples))
}

/// What was heard live alone, never falls, never jumps and is never silent for a year is its own chain: what nearly all months
/// are made of.
pub(super) fn plain(counter: &Counter, samples: &[Sample]) -> Option<Chain> {
    let follows = |before: &Sample, after: &Sample| {
        let seconds = after.at.as_second() - before.at.as_second();
        (1..=YEAR).contains(&seconds)
            && before.value <= after.value
            && after.value.saturating_sub(before.value) <= counter.most_an_hour
    };
    let is_plain =
        samples.iter().all(|sample| sample.source == Source::Live) && samples.is_sorted_by(follows);
    // All looked at first, so that what is made need not grow.
    is_plain.then(|| Chain {
        links: samples
            .iter()
            .map(|sample| Link {
                at: sample.at.as_second(),
                value: sample.value,
                segment: 0,
                source: Source::Live,
                doubtful: sample.doubtful,
                raw: sample.value,
                carried: 0,
            })
            .collect(),
        events: Vec::new(),
    })
}

/// By all rules.
pub(super) fn join_all(counter: &Counter, samples: &[Sample]) -> Chain {
    let mut heard = Vec::with_capacity(samples.len());
    let mut frozen = Vec::new();
    for sample in samples {
        match sample.source {
            Source::SetDate | Source::History => frozen.push(*sample),
            Source::Live | Source::Manual | Source::Estimate => heard.push(*sample),
        }
    }
    if !is_steady(counter, &heard) {
        heard = without_jump(counter, without_lone(heard, counter.noise));
    }
    let (raised, closings) = if counter.restarts {
        restart::raise(heard, &mut frozen)
    } else {
        (heard, Vec::new())
    };
    // A meter that was never heard live still has its own memory.
    let spine = if raised.is_empty() {
        std::mem::take(&mut frozen)
    } else {
        raised
    };
    let mut chain = link(counter, &spine);
    chain
        .events
        .extend(closings.iter().map(|at| (*at, Flag::Restart)));
    chain.events.sort_unstable_by_key(|(at, _)| *at);
    place(counter, &mut chain.links, &frozen);
    // What the register itself showed, under the restarts and rollovers that were undone.
    let mut rest = samples;
    for link in &mut chain.links {
        while let Some((first, others)) = rest.split_first()
            && first.at.as_second() < link.at
        {
            rest = others;
        }
        link.raw = rest
            .iter()
            .take_while(|sample| sample.at.as_second() == link.at)
            .find(|sample| sample.source == link.source)
            .map_or(link.value, |sample| sample.value);
    }
    chain
}

/// The places of remembered values that disagree with what was heard live around them: what is kept in quarantine.
///
/// Depends on the set of the samples alone. A remembered value that is there only because nothing else was heard is not
/// judged.
pub fn contradicted(counter: &Counter, mut samples: Vec<Sample>) -> Vec<(jiff::Timestamp, Source)> {
    samples.sort_by_key(|sample| (sample.at, sample.source, sample.value));
    let chain = join(counter, &samples);
    let (first, last) = match (
        samples.iter().find(|sample| is_heard(sample)),
        samples.iter().rfind(|sample| is_heard(sample)),
    ) {
        (Some(first), Some(last)) => (first.at.as_second(), last.at.as_second()),
        _ => return Vec::new(),
    };
    let mut used: Vec<_> = chain.links.iter().map(|link| (link.at, link.source)).collect();
    used.sort_unstable();
    // The set date's value on the same instant says what a month end says.
    let said = |at: i64, source: Source| {
        used.binary_search(&(at, source)).is_ok()
            || source == Source::History && used.binary_search(&(at, Source::SetDate)).is_ok()
    };
    samples
        .iter()
        .filter(|sample| !is_heard(sample) && sample.source != Source::Estimate)
        .map(|sample| (sample.at, sample.source))
        .filter(|(at, source)| {
            let at = at.as_second();
            (first..=last).contains(&at) && !said(at, *source)
        })
        .collect()
}

fn is_heard(sample: &Sample) -> bool {
    matches!(sample.source, Source::Live | Source::Manual)
}

/// Whether values never fall, and never gain more in one step than the meter can in an hour: then nothing of them is left out.
fn is_steady(counter: &Counter, samples: &[Sample]) -> bool {
    samples.windows(2).all(|pair| match pair {
        [before, after] => {
            before.value <= after.value && after.value.saturating_sub(before.value) <= counter.most_an_hour
        }
        _ => true,
    })
}

/// Leaves out a live value that both its neighbours contradict, the neighbours agreeing with each other.
fn without_lone(samples: Vec<Sample>, noise: i64) -> Vec<Sample> {
    let mut kept: Vec<Sample> = Vec::with_capacity(samples.len());
    let mut rest = samples.into_iter().peekable();
    while let Some(sample) = rest.next() {
        let lone = match (kept.last(), rest.peek()) {
            (Some(before), Some(after)) if sample.source == Source::Live => {
                let agree = before.value <= after.value;
                let spike = sample.value.saturating_sub(after.value) > noise;
                let dip = before.value.saturating_sub(sample.value) > noise;
                agree && (spike || dip)
            }
            _ => false,
        };
        if !lone {
            kept.push(sample);
        }
    }
    kept
}

/// Leaves out a live value that was gained faster than the meter can count, until a second one in a row agrees with it.
fn without_jump(counter: &Counter, samples: Vec<Sample>) -> Vec<Sample> {
    let mut kept: Vec<Sample> = Vec::with_capacity(samples.len());
    let mut rest = samples.into_iter().peekable();
    while let Some(sample) = rest.next() {
        let jumps = |before: &Sample, after: &Sample| {
            let seconds = after.at.as_second() - before.at.as_second();
            !counter.can_gain(after.value.saturating_sub(before.value), seconds)
        };
        let jumped = sample.source == Source::Live && kept.last().is_some_and(|last| jumps(last, &sample));
        let agreed = rest
            .peek()
            .is_some_and(|next| next.value >= sample.value && !jumps(&sample, next));
        if !jumped || agreed {
            kept.push(sample);
        }
    }
    kept
}

/// Links values in the order of time; a fall is a rollover or begins a segment.
fn link(counter: &Counter, samples: &[Sample]) -> Chain {
    let mut chain = Chain {
        links: Vec::with_capacity(samples.len()),
        events: Vec::new(),
    };
    let (mut segment, mut carried) = (0, 0_i64);
    let mut before: Option<&Sample> = None;
    let mut closing = None;
    for sample in samples {
        let at = sample.at.as_second();
        if let Some(before) = before {
            let fall = before.value.saturating_sub(sample.value);
            let seconds = at - before.at.as_second();
            if counter.restarts && hides_a_closing(before.at.as_second(), at, closing) {
                (segment, carried) = (segment + 1, 0);
                chain.events.push((at, Flag::Break));
            } else if sample.source == Source::Live && !counter.can_gain(fall.saturating_neg(), seconds) {
                // Confirmed by a second value: another meter under the same number.
                (segment, carried) = (segment + 1, 0);
                chain.events.push((at, Flag::Break));
            } else if fall > counter.noise {
                let width = counter.rollover(before.value, sample.value);
                match width.and_then(|width| carried.checked_add(width)) {
                    Some(sum) => {
                        carried = sum;
                        chain.events.push((at, Flag::Rollover));
                    }
                    None => {
                        (segment, carried) = (segment + 1, 0);
                        chain.events.push((at, Flag::Break));
                    }
                }
            }
        }
        before = Some(sample);
        if sample.source == Source::SetDate {
            closing = Some(at);
        }
        let Some(value) = sample.value.checked_add(carried) else {
            continue;
        };
        chain.links.push(Link {
            at,
            value,
            segment,
            source: sample.source,
            doubtful: sample.doubtful,
            raw: 0,
            carried,
        });
    }
    chain
}

/// Whether a set date that nobody saw must lie in the silence between two values.
fn hides_a_closing(before: i64, after: i64, closing: Option<i64>) -> bool {
    let silence = after - before;
    let due = closing.map(|closing| closing + 365 * DAY);
    silence > YEAR || silence > 2 * DAY && due.is_some_and(|due| before < due && due < after - DAY)
}

/// Puts values from the meter's memory between those that were heard, as far as they agree.
fn place(counter: &Counter, links: &mut Vec<Link>, frozen: &[Sample]) {
    if frozen.is_empty() {
        return links.sort_by_key(|link| (link.at, link.value));
    }
    let mut placed: Vec<Link> = Vec::new();
    // Newest first: the nearer to what was heard last, the better known.
    for sample in frozen.iter().rev() {
        let Some(link) = fit(counter, links, sample) else {
            continue;
        };
        let contradicts = placed.last().is_some_and(|later| {
            later.segment == link.segment && link.value.saturating_sub(later.value) > counter.noise
        });
        if !contradicts {
            placed.push(link);
        }
    }
    links.extend(placed);
    links.sort_by_key(|link| (link.at, link.value));
}

/// Where a remembered value stands in the chain.
fn fit(counter: &Counter, links: &[Link], sample: &Sample) -> Option<Link> {
    let at = sample.at.as_second();
    let next = links.partition_point(|link| link.at <= at);
    let after = links.get(next);
    let before = next.checked_sub(1).and_then(|index| links.get(index));
    let candidate = |neighbour: &Link| {
        Some(Link {
            at,
            value: sample.value.checked_add(neighbour.carried)?,
            source: sample.source,
            doubtful: sample.doubtful,
            ..*neighbour
        })
    };
    match (before, after) {
        // Between two segments a value belongs to either, so to none.
        (Some(before), Some(after)) if before.segment != after.segment => None,
        (before, after) => [before, after]
            .into_iter()
            .flatten()
            .filter_map(candidate)
            .find(|link| {
                let low = before.map_or(i64::MIN, |before| before.value);
                let high = after.map_or(i64::MAX, |after| after.value);
                between(link.value, low, high, counter.noise)
                    // The meter's clock may have closed the month up to a day early or late by ours.
                    || between(link.value, early(links, link), late(links, link), counter.noise)
            }),
    }
}

fn between(value: i64, low: i64, high: i64, noise: i64) -> bool {
    value >= low.saturating_sub(noise) && value <= high.saturating_add(noise)
}

/// What was heard a day before, or first in this segment.
fn early(links: &[Link], of: &Link) -> i64 {
    let mut same = links.iter().filter(|link| link.segment == of.segment);
    let mut value = same.next().map_or(i64::MIN, |link| link.value);
    for link in same.take_while(|link| link.at <= of.at - DAY) {
        value = link.value;
    }
    value
}

/// What was heard a day later, or last in this segment.
fn late(links: &[Link], of: &Link) -> i64 {
    let mut same = links.iter().rev().filter(|link| link.segment == of.segment);
    let mut value = same.next().map_or(i64::MAX, |link| link.value);
    for link in same.take_while(|link| link.at >= of.at + DAY) {
        value = link.value;
    }
    value
}

pub(super) const DAY: i64 = 86_400;

/// A set date comes back within this time: 366 days and two for clocks.
const YEAR: i64 = 368 * DAY;

/// Widths of registers that occur, in whole units: four to seven digits before the point.
const WIDTHS: [i64; 4] = [10_000, 100_000, 1_000_000, 10_000_000];
