//! What happens to meters, radios and gateways besides everyday life: drawn by the seed, and written beside the truth.

use jiff::Timestamp;
use serde::Serialize;

use super::chance::Chance;
use super::habits::Span;

/// How much happens.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Events {
    /// Everyday life: habits, holidays, closed radiators, restarts at the due date, some lost telegrams.
    #[default]
    Calm,
    /// Now and then one of everything.
    Some,
    /// A building in which everything goes wrong that can.
    Many,
}

/// Something that happened; one line of `events.jsonl`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Happened {
    /// `leak`, `replacement`, `factor_change`, `rollover`, `dead_battery`, `radio_loss`, `gateway_outage`,
    /// `wrong_clock`, `closed_radiator`, `holiday`.
    pub event: &'static str,
    /// The meter's printed serial; nothing when it is the whole building's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub serial: Option<String>,
    /// When it began.
    pub from: Timestamp,
    /// When it ended; nothing for what has no end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
}

/// What is special about one meter.
#[derive(Debug, Clone, Default)]
pub(crate) struct Life {
    /// Mounted then; at the beginning of the simulated time when nothing is said.
    pub(crate) since: Option<Timestamp>,
    /// Taken off then.
    pub(crate) until: Option<Timestamp>,
    /// Added to the place's counter to give this meter's.
    pub(crate) offset: i64,
    /// The register begins anew there.
    pub(crate) width: Option<u64>,
    /// Seconds by which its clock is early.
    pub(crate) skew: i64,
    /// Not heard in these: from, until.
    pub(crate) silent: Vec<(Timestamp, Timestamp)>,
    /// The rating factor from an instant on, in thousandths.
    pub(crate) new_factor: Option<(Timestamp, u32)>,
}

/// What will happen at one point.
#[derive(Debug, Clone, Default)]
pub(crate) struct Fate {
    /// Flows all the time, in millilitres an hour.
    pub(crate) leak: Option<(Timestamp, Timestamp, u64)>,
    pub(crate) replaced: Option<Timestamp>,
    pub(crate) rolls_over: Option<Timestamp>,
    pub(crate) dies: Option<Timestamp>,
    pub(crate) lost: Option<(Timestamp, Timestamp)>,
    pub(crate) skew: i64,
    pub(crate) new_factor: Option<(Timestamp, u32)>,
}

impl Life {
    /// Whether it is on its place and can be heard.
    pub(crate) fn speaks(&self, at: Timestamp) -> bool {
        self.since.is_none_or(|since| since <= at)
            && self.until.is_none_or(|until| at < until)
            && !within(&self.silent, at)
    }
}

impl Events {
    /// One in so many, for something that happens to one in `rare` of a bad building.
    fn hits(self, chance: Chance, rare: u64) -> bool {
        match self {
            Self::Calm => false,
            Self::Some => chance.hits(1, rare * 4),
            Self::Many => chance.hits(1, rare),
        }
    }

    /// What will happen to the water meter or the allocator of a point.
    pub(crate) fn fate(self, water: bool, span: &Span, chance: Chance) -> Fate {
        let mut fate = Fate::default();
        if self == Self::Calm {
            return fate;
        }
        let rare = |water_rare, heat_rare| if water { water_rare } else { heat_rare };
        if water && self.hits(chance.of("leak"), 3) {
            let from = moment(span, chance.of("leak from"), 100, 850);
            let until = later(from, chance.of("leak days").range(4, 40) * 86_400);
            fate.leak = Some((from, until, chance.of("leak rate").range(2, 40) * 1000));
        }
        if self.hits(chance.of("replaced"), rare(5, 8)) {
            fate.replaced = Some(moment(span, chance.of("replaced at"), 250, 750));
        } else if self.hits(chance.of("dies"), rare(8, 14)) {
            fate.dies = Some(moment(span, chance.of("dies at"), 500, 900));
        }
        if water && self.hits(chance.of("rolls"), 3) {
            // Before its meter may leave the place.
            fate.rolls_over = Some(moment(span, chance.of("rolls at"), 50, 240));
        }
        if self.hits(chance.of("lost"), rare(3, 5)) {
            let from = moment(span, chance.of("lost from"), 50, 900);
            fate.lost = Some((from, later(from, chance.of("lost hours").range(60, 600) * 3600)));
        }
        if self.hits(chance.of("clock"), rare(6, 9)) {
            let hours = if chance.of("far").hits(1, 2) {
                chance.of("days").range(48, 150)
            } else {
                chance.of("hours").range(1, 9)
            };
            let skew = i64::try_from(hours * 3600).unwrap_or(0);
            fate.skew = if chance.of("late").hits(1, 2) { -skew } else { skew };
        }
        if !water && self.hits(chance.of("factor"), 6) {
            let factor = u32::try_from(chance.of("new factor").range(420, 2650)).unwrap_or(1000);
            fate.new_factor = Some((moment(span, chance.of("factor at"), 100, 240), factor));
        }
        fate
    }

    /// When the gateway was off: some days at a time.
    pub(crate) fn outages(self, span: &Span, chance: Chance) -> Vec<(Timestamp, Timestamp)> {
        let count = match self {
            Self::Calm => 0,
            Self::Some => 1,
            Self::Many => 4,
        };
        (0..count)
            .map(|number| {
                let place = chance.of("outage").at(number);
                let from = moment(span, place.of("from"), number * 230 + 40, number * 230 + 230);
                (from, later(from, place.of("hours").range(30, 320) * 3600))
            })
            .collect()
    }
}

/// Whether an instant lies in one of the stretches.
pub(crate) fn within(stretches: &[(Timestamp, Timestamp)], at: Timestamp) -> bool {
    stretches.iter().any(|(from, until)| *from <= at && at < *until)
}

/// A minute between two thousandths of the simulated time.
fn moment(span: &Span, chance: Chance, from: u64, until: u64) -> Timestamp {
    let minutes = u64::from(span.hours) * 60;
    later(
        span.start,
        chance.range(minutes * from / 1000, minutes * until / 1000) * 60,
    )
}

fn later(from: Timestamp, seconds: u64) -> Timestamp {
    let seconds = i64::try_from(seconds).unwrap_or(0);
    from.checked_add(jiff::SignedDuration::from_secs(seconds))
        .unwrap_or(from)
}
