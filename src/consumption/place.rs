//! A metering point through all the meters that served it: replacement, rating factors, sums over points.

use jiff::Timestamp;
use wmbus::Decimal;

use super::Sample;
use super::index::{Edge, Index};
use super::quality::{Flag, Flags, Quality};
use super::rules::Counter;
use crate::store::Source;

/// One meter's service at a point, with the readings of that time.
#[derive(Clone, Debug)]
pub struct Service {
    /// The instant it began; `None`: before anyone kept count.
    pub from: Option<Timestamp>,
    /// The instant it ended; `None` while it serves.
    pub until: Option<Timestamp>,
    /// What the raw count is multiplied by, and since when (`None`: since it began), oldest first. Before the first,
    /// and without any, it is 1: the meter counts what it shows.
    pub factors: Vec<(Option<Timestamp>, Decimal)>,
    /// What the counter showed when it was mounted, in stored integers.
    pub start_index: Option<i64>,
    /// What the counter showed when it was taken away, in stored integers.
    pub end_index: Option<i64>,
    /// The stored integers are this power of ten of the unit: −6 for millilitres.
    pub exponent: i8,
    /// How the quantity counts; `None` when the meter was never heard to count it.
    pub counter: Option<Counter>,
    /// The meter's readings, in any order; those outside the service are not used.
    pub samples: Vec<Sample>,
}

/// A place where something is counted.
#[derive(Clone, Debug)]
pub struct Place {
    runs: Vec<Run>,
}

/// What was used in a period.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Consumption {
    /// How much; `None` when it is not known, or when nobody measured.
    pub amount: Option<Amount>,
    /// The worst quality of all ends that it is made of.
    pub quality: Quality,
    /// Seconds between an end and the farthest reading used for it; `None` without an amount.
    pub age: Option<i64>,
    /// What happened in the period.
    pub flags: Flags,
    /// Whether a meter was there for at least a part of the period.
    pub served: bool,
}

/// The two ends of what one meter counted, or of the part of it under one rating factor and between two restarts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// Which of the services, in the order they were given.
    pub service: usize,
    /// What the count is multiplied by.
    pub factor: Decimal,
    /// The instant at which this part begins.
    pub start: Timestamp,
    /// The instant at which it ends.
    pub end: Timestamp,
    /// The index at the beginning; `None` where nothing is known.
    pub from: Option<Edge>,
    /// The index at the end.
    pub to: Option<Edge>,
    /// Whether the counter began anew at the very instant of the beginning: what was frozen there is of the count before.
    pub anew: bool,
    /// What the register showed at the beginning, in stored integers; 0 where it began anew.
    pub shows_first: Option<i64>,
    /// What the register showed at the end.
    pub shows_last: Option<i64>,
    /// What was counted in between, in stored integers; `None` where an end is not known, or the counter broke off.
    pub counted: Option<i64>,
    /// The power of ten of stored integers.
    pub exponent: i8,
}

/// An amount in the unit of its quantity, exact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Amount {
    /// As the displays count.
    pub raw: Decimal,
    /// Times the rating factors.
    pub rated: Decimal,
}

/// A service, made ready for questions.
#[derive(Clone, Debug)]
struct Run {
    from: i64,
    until: i64,
    index: Index,
    exponent: i8,
    pieces: Vec<Piece>,
    /// Nothing is known beyond: now, or the last reading where that is later.
    horizon: i64,
}

#[derive(Clone, Copy, Debug)]
struct Piece {
    from: i64,
    until: i64,
    factor: Decimal,
}

impl Place {
    /// From the meters' services in any order; `now` is where a period that has not ended is cut.
    pub fn new(services: impl IntoIterator<Item = Service>, now: Timestamp) -> Self {
        Self {
            runs: services
                .into_iter()
                .map(|service| Run::new(service, now))
                .collect(),
        }
    }

    /// What was used from one instant to a later one.
    pub fn over(&self, start: Timestamp, end: Timestamp) -> Consumption {
        let (start, end) = (start.as_second(), end.as_second());
        let mut sum = Consumption::NOTHING;
        let (mut metered, mut meters) = (0, 0);
        for run in &self.runs {
            let (from, until) = (run.from.max(start), run.until.min(end));
            if from < until {
                metered += until - from;
                meters += 1;
                sum = sum.plus(&run.over(from, until));
            }
        }
        if meters > 1 {
            sum.flags.raise(Flag::Replacement);
        }
        if metered < end - start {
            sum.flags.raise(Flag::Unmetered);
        }
        if meters == 0 {
            return Consumption {
                served: false,
                ..sum.missing()
            };
        }
        sum
    }
}

impl Place {
    /// The readings behind a figure: both ends of every part that it is the sum of.
    pub fn evidence(&self, start: Timestamp, end: Timestamp) -> Vec<Evidence> {
        let (start, end) = (start.as_second(), end.as_second());
        let mut parts = Vec::new();
        for (service, run) in self.runs.iter().enumerate() {
            let until = run.until.min(end).min(run.horizon);
            for piece in &run.pieces {
                let (mut from, to) = (piece.from.max(run.from).max(start), piece.until.min(until));
                let turns = run.index.restarts(from, to.saturating_sub(1));
                for to in turns.filter(|at| run.is_measured(*at)).chain([to]) {
                    parts.extend(run.part(service, piece.factor, (from, to)));
                    from = to;
                }
            }
        }
        parts.sort_by_key(|part| part.start);
        parts
    }
}

impl Run {
    fn new(service: Service, now: Timestamp) -> Self {
        let from = service.from.map_or(i64::MIN, Timestamp::as_second);
        let until = service.until.map_or(i64::MAX, Timestamp::as_second);
        let edge = |at: Option<Timestamp>, value: Option<i64>| {
            at.zip(value).map(|(at, value)| Sample {
                at,
                value,
                source: Source::Manual,
                doubtful: false,
            })
        };
        let mut samples = service.samples;
        if service.from.is_some() || service.until.is_some() {
            samples.retain(|sample| (from..=until).contains(&sample.at.as_second()));
        }
        samples.extend(edge(service.from, service.start_index));
        samples.extend(edge(service.until, service.end_index));
        let index = service
            .counter
            .map_or_else(Index::default, |counter| Index::new(&counter, samples));
        let last = index.last().map_or(i64::MIN, Timestamp::as_second);
        Self {
            from,
            until,
            index,
            exponent: service.exponent,
            pieces: pieces(from, until, &service.factors),
            horizon: now.as_second().max(last),
        }
    }

    fn is_measured(&self, at: i64) -> bool {
        let edge = Timestamp::from_second(at).ok().and_then(|at| self.index.at(at));
        edge.is_some_and(|edge| edge.quality == Quality::Measured)
    }

    /// The ends of a part of it; `None` of one that has no length.
    fn part(&self, service: usize, factor: Decimal, (start, end): (i64, i64)) -> Option<Evidence> {
        let instants = Timestamp::from_second(start)
            .ok()
            .zip(Timestamp::from_second(end).ok());
        let (start, end) = instants.filter(|_| start < end)?;
        let (from, to) = (self.index.at(start), self.index.at(end));
        Some(Evidence {
            service,
            factor,
            start,
            end,
            from,
            to,
            anew: self.index.began_anew(start),
            shows_first: from.and_then(|edge| self.index.register(&edge, start, true)),
            shows_last: to.and_then(|edge| self.index.register(&edge, end, false)),
            counted: self.index.gain(start, end).value,
            exponent: self.exponent,
        })
    }

    /// What this service counted within itself.
    fn over(&self, from: i64, until: i64) -> Consumption {
        let cut = until.min(self.horizon);
        let mut sum = Consumption::NOTHING;
        if cut < until {
            sum.flags.raise(Flag::Running);
        }
        if cut <= from {
            return sum.missing();
        }
        let mut factors = 0;
        for piece in &self.pieces {
            let (start, end) = (piece.from.max(from), piece.until.min(cut));
            if start < end {
                factors += 1;
                sum = sum.plus(&self.rated(start, end, piece.factor));
            }
        }
        if factors > 1 {
            sum.flags.raise(Flag::FactorChange);
        }
        sum
    }

    fn rated(&self, start: i64, end: i64, factor: Decimal) -> Consumption {
        let instants = Timestamp::from_second(start)
            .ok()
            .zip(Timestamp::from_second(end).ok());
        let Some((start, end)) = instants else {
            return Consumption::NOTHING.missing();
        };
        let gain = self.index.gain(start, end);
        let amount = gain.value.and_then(|value| {
            let raw = Decimal::new(value, self.exponent);
            Some(Amount {
                raw,
                rated: times(raw, factor)?,
            })
        });
        let known = Consumption {
            amount,
            quality: gain.quality,
            age: gain.age,
            flags: gain.flags,
            served: true,
        };
        if amount.is_some() { known } else { known.missing() }
    }
}

impl Consumption {
    /// The sum of nothing: 0, and nobody to blame.
    pub const NOTHING: Self = Self {
        amount: Some(Amount {
            raw: Decimal::new(0, 0),
            rated: Decimal::new(0, 0),
        }),
        quality: Quality::Measured,
        age: None,
        flags: Flags::NONE,
        served: true,
    };

    /// The sum of several points over the same period. Points that no meter served are left out; if one of the
    /// others is missing, so is the sum, and if none is left too.
    pub fn sum<'a>(parts: impl IntoIterator<Item = &'a Self>) -> Self {
        let mut parts = parts.into_iter().filter(|part| part.served).peekable();
        if parts.peek().is_none() {
            return Self {
                flags: Flag::Unmetered.into(),
                served: false,
                ..Self::NOTHING.missing()
            };
        }
        parts.fold(Self::NOTHING, |sum, part| sum.plus(part))
    }

    fn plus(self, other: &Self) -> Self {
        let amount = self.amount.zip(other.amount).and_then(|(a, b)| {
            Some(Amount {
                raw: a.raw.checked_add(b.raw)?,
                rated: a.rated.checked_add(b.rated)?,
            })
        });
        let sum = Self {
            amount,
            quality: self.quality.and(other.quality),
            age: self.age.max(other.age),
            flags: self.flags.and(other.flags),
            served: self.served || other.served,
        };
        if amount.is_some() { sum } else { sum.missing() }
    }

    fn missing(self) -> Self {
        Self {
            amount: None,
            quality: Quality::Missing,
            age: None,
            ..self
        }
    }
}

/// The service cut where the factor changes.
fn pieces(from: i64, until: i64, factors: &[(Option<Timestamp>, Decimal)]) -> Vec<Piece> {
    let mut pieces = vec![Piece {
        from,
        until,
        factor: Decimal::new(1, 0),
    }];
    for (since, factor) in factors {
        let since = since.map_or(from, |since| since.as_second().max(from));
        if let Some(last) = pieces.last_mut() {
            last.until = since;
        }
        pieces.push(Piece {
            from: since,
            until,
            factor: *factor,
        });
    }
    pieces.retain(|piece| piece.from < piece.until);
    pieces
}

/// An exact product, or `None` when it has too many digits.
fn times(a: Decimal, b: Decimal) -> Option<Decimal> {
    Some(Decimal::new(
        a.mantissa.checked_mul(b.mantissa)?,
        a.exponent.checked_add(b.exponent)?,
    ))
}
