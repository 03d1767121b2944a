//! I(t): what one meter's counter showed at an instant, from the readings around it.
//!
//! The index at an instant is a function of that instant alone, never of the period that asks. So consumption over
//! [a, b) is I(b) − I(a) and parts add up to the whole exactly, whatever their quality.

use jiff::Timestamp;

use super::Sample;
use super::quality::{Flag, Flags, Quality};
use super::rules::{self, Chain, Counter, Link};
use crate::store::Source;

/// The counter of one meter, through its restarts and rollovers.
#[derive(Clone, Debug, Default)]
pub struct Index {
    chain: Chain,
}

/// What the counter showed at an instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Edge {
    /// The counter, in stored integers, counted on from an arbitrary zero: only differences mean something.
    pub value: i64,
    /// How well it is known; never [`Quality::Missing`].
    pub quality: Quality,
    /// Seconds between the instant and the farthest reading used.
    pub age: i64,
    /// The reading it rests on; the earlier of two where it lies between them.
    pub used: Used,
    /// The later of two.
    pub and: Option<Used>,
    segment: u32,
}

/// A reading that a figure rests on: its channel is the meter's index, so that this names one stored reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Used {
    /// The instant it stands for.
    pub at: Timestamp,
    /// Where it came from.
    pub source: Source,
    /// What the meter's register showed, in stored integers.
    pub raw: i64,
}

/// A difference of two edges.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gain {
    /// What was counted, in stored integers; `None` when it is not known.
    pub value: Option<i64>,
    /// The worse quality of the two ends.
    pub quality: Quality,
    /// Seconds between an end and the farthest reading used for it; `None` when the figure is missing.
    pub age: Option<i64>,
    /// What happened in between.
    pub flags: Flags,
}

impl Index {
    /// From a meter's readings in any order.
    pub fn new(counter: &Counter, mut samples: Vec<Sample>) -> Self {
        // Mostly they are in order and nothing is to be judged, which is seen at once.
        let chain = rules::plain(counter, &samples).unwrap_or_else(|| {
            samples.sort_by_key(|sample| (sample.at, sample.source, sample.value));
            rules::join(counter, &samples)
        });
        Self { chain }
    }

    /// The last instant of which something is known.
    pub fn last(&self) -> Option<Timestamp> {
        let link = self.chain.links.last()?;
        Timestamp::from_second(link.at).ok()
    }

    /// The counter at an instant, or `None` when no reading is near enough.
    ///
    /// First that applies: a value read by a person or frozen by the meter for that very instant; a reading within
    /// 15 minutes; the straight line between two readings at most 48 hours apart, rounded down; the nearest reading
    /// within seven days, as an estimate. Nothing is extrapolated.
    pub fn at(&self, instant: Timestamp) -> Option<Edge> {
        let at = instant.as_second();
        let links = self.chain.links.as_slice();
        let reach = |seconds: i64| {
            let first = links.partition_point(|link| link.at < at - seconds);
            let after = links.partition_point(|link| link.at <= at + seconds);
            links.get(first..after).unwrap_or_default()
        };
        let sound = |link: &&Link| !link.doubtful;
        let exact = reach(0)
            .iter()
            .filter(sound)
            .filter(|link| rank(link.source).is_some());
        if let Some(link) = exact.min_by_key(|link| rank(link.source)) {
            return Some(edge(link, at, Quality::Measured));
        }
        let near = reach(MINUTES).iter().filter(|link| is_observed(link.source));
        if let Some(link) = near.min_by_key(|link| (link.at - at).abs()) {
            return Some(edge(link, at, Quality::Measured));
        }
        let next = links.partition_point(|link| link.at <= at);
        let after = links.get(next);
        let before = next.checked_sub(1).and_then(|index| links.get(index));
        if let (Some(before), Some(after)) = (before, after)
            && before.segment == after.segment
            && after.at - before.at <= LINE
        {
            return Some(line(before, after, at));
        }
        [before, after]
            .into_iter()
            .flatten()
            .filter(|link| (link.at - at).abs() <= NEAREST)
            .min_by_key(|link| (link.at - at).abs())
            .map(|link| edge(link, at, Quality::Estimated))
    }

    /// What the register itself showed at an edge: without the restarts and rollovers that the chain undid. Of an edge
    /// between two readings, on their line; `None` when it does not fit.
    ///
    /// A counter that restarts at that very instant shows 0 to what `begins` there, and to what ends there the count that
    /// it closed. A reading from the other side of a restart is carried to this one.
    pub(super) fn register(&self, edge: &Edge, instant: Timestamp, begins: bool) -> Option<i64> {
        let used = edge.used.at.as_second();
        let border = instant.as_second().checked_add(i64::from(begins))?;
        let past = self.restarts(i64::MIN, border.checked_sub(1)?).last();
        if let Some(at) = past.filter(|at| used <= *at) {
            return edge.value.checked_sub(self.closing(at)?.value);
        }
        let ahead = self.restarts(border.checked_sub(1)?, i64::MAX).next();
        if let Some(at) = ahead.filter(|at| used >= *at) {
            let closing = self.closing(at)?;
            return closing.raw.checked_add(edge.value.checked_sub(closing.value)?);
        }
        let Some(and) = edge.and else {
            return Some(edge.used.raw);
        };
        let before = edge.value.checked_sub(self.undone(&edge.used)?);
        if ahead.is_some_and(|at| and.at.as_second() >= at) {
            return before;
        }
        // Where a register went over its end between the two: behind it, unless that lies ahead.
        let behind = edge.value.checked_sub(self.undone(&and)?)?;
        if behind >= 0 { Some(behind) } else { before }
    }

    /// What the chain added to a reading.
    fn undone(&self, used: &Used) -> Option<i64> {
        let at = used.at.as_second();
        let links = self.chain.links.as_slice();
        let first = links.partition_point(|link| link.at < at);
        let link = links
            .get(first..)?
            .iter()
            .take_while(|link| link.at == at)
            .find(|link| link.source == used.source && link.raw == used.raw)?;
        link.value.checked_sub(link.raw)
    }

    /// The instants from one (left out) to a later one at which the counter closed its count and began anew at 0.
    pub(super) fn restarts(&self, after: i64, until: i64) -> impl Iterator<Item = i64> + '_ {
        let events = self.chain.events.iter();
        events
            .filter(move |(at, flag)| *flag == Flag::Restart && *at > after && *at <= until)
            .map(|(at, _)| *at)
    }

    /// Whether the counter began anew at that very instant.
    pub(super) fn began_anew(&self, instant: Timestamp) -> bool {
        let at = instant.as_second();
        self.restarts(at.saturating_sub(1), at).next().is_some()
    }

    /// What closed a count.
    fn closing(&self, at: i64) -> Option<&Link> {
        let links = self.chain.links.as_slice();
        let first = links.partition_point(|link| link.at < at);
        links
            .get(first..)?
            .iter()
            .take_while(|link| link.at == at)
            .filter(|link| matches!(link.source, Source::SetDate | Source::History))
            .max_by_key(|link| link.value)
    }

    /// What was counted from one instant to a later one.
    pub fn gain(&self, start: Timestamp, end: Timestamp) -> Gain {
        let mut flags = Flags::NONE;
        for (_, flag) in self
            .chain
            .events
            .iter()
            .filter(|(at, _)| *at > start.as_second() && *at <= end.as_second())
        {
            flags.raise(*flag);
        }
        let (from, to) = match (self.at(start), self.at(end)) {
            (Some(from), Some(to)) if from.segment == to.segment => (from, to),
            (Some(_), Some(_)) => {
                flags.raise(Flag::Break);
                return Gain::missing(flags);
            }
            _ => return Gain::missing(flags),
        };
        let Some(value) = to.value.checked_sub(from.value) else {
            return Gain::missing(flags);
        };
        if value < 0 {
            flags.raise(Flag::Reverse);
        }
        Gain {
            value: Some(value),
            quality: from.quality.and(to.quality),
            age: Some(from.age.max(to.age)),
            flags,
        }
    }
}

impl Gain {
    fn missing(flags: Flags) -> Self {
        Self {
            value: None,
            quality: Quality::Missing,
            age: None,
            flags,
        }
    }
}

/// Among values for one very instant: a person's reading, then the set date's, then a month end's.
fn rank(source: Source) -> Option<u8> {
    match source {
        Source::Manual => Some(0),
        Source::SetDate => Some(1),
        Source::History => Some(2),
        Source::Live | Source::Estimate => None,
    }
}

fn is_observed(source: Source) -> bool {
    matches!(source, Source::Live | Source::Manual)
}

/// A link as it stands; an estimate stays one wherever it is used.
fn edge(link: &Link, at: i64, quality: Quality) -> Edge {
    Edge {
        value: link.value,
        quality: quality.and(own_quality(link)),
        age: (link.at - at).abs(),
        used: used(link),
        and: None,
        segment: link.segment,
    }
}

fn used(link: &Link) -> Used {
    Used {
        at: Timestamp::from_second(link.at).unwrap_or(Timestamp::UNIX_EPOCH),
        source: link.source,
        raw: link.raw,
    }
}

fn own_quality(link: &Link) -> Quality {
    match link.source {
        _ if link.doubtful => Quality::Estimated,
        Source::Estimate => Quality::Estimated,
        _ => Quality::Measured,
    }
}

/// The straight line through two links of one segment, rounded down to a stored integer.
fn line(before: &Link, after: &Link, at: i64) -> Edge {
    let rise = i128::from(after.value) - i128::from(before.value);
    let span = i128::from(after.at - before.at).max(1);
    let step = (rise * i128::from(at - before.at)).div_euclid(span);
    Edge {
        // Between two values that fit, so it fits.
        value: i64::try_from(i128::from(before.value) + step).unwrap_or(before.value),
        quality: Quality::Interpolated
            .and(own_quality(before))
            .and(own_quality(after)),
        age: (at - before.at).max(after.at - at),
        used: used(before),
        and: Some(used(after)),
        segment: before.segment,
    }
}

/// A reading this near counts as read at the instant.
const MINUTES: i64 = 15 * 60;

/// Two readings at most this far apart have a line between them.
const LINE: i64 = 48 * 3600;

/// The nearest reading is an estimate up to here.
const NEAREST: i64 = 7 * 86_400;
