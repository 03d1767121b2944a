//! A dwelling's metering points with their meters' readings, out of the store and ready for questions.

use decoders::reading::{Direction, Kind as ValueKind, Quantity, Unit};
use jiff::{SignedDuration, Timestamp, ToSpan};

use crate::registry::{DwellingId, Kind, MeterId, Point};
use crate::store::{
    Aspect, Channel, ChannelId, Flags, Grain, Placement, ReadingQuery, ReadingRow, Result, Shown, Source,
    Store,
};

use super::place::{Place, Service};
use super::{Counter, Reach, Sample, indexes};

/// A metering point that counts something.
#[derive(Clone, Debug)]
pub struct Metered {
    /// Where, and what for.
    pub point: Point,
    /// The unit of its amounts.
    pub unit: Unit,
    /// The meters that serve or served it, oldest first.
    pub placements: Vec<Placement>,
    /// What they counted.
    pub place: Place,
    /// What all of it was read from.
    pub rests_on: Vec<Reach>,
}

/// The counting points of a dwelling, by kind and point, with all that is needed to answer for `[start, end)`.
///
/// Answers for other times may be missing. `now` is where a period that has not ended is cut.
///
/// # Errors
/// The store's.
pub fn of_dwelling(
    store: &dyn Store,
    dwelling: DwellingId,
    start: Timestamp,
    end: Timestamp,
    now: Timestamp,
) -> Result<Vec<Metered>> {
    of_dwelling_by(store, dwelling, (start, end), Grain::Days, now)
}

/// As [`of_dwelling`], for questions that are finer than a day.
///
/// # Errors
/// The store's.
pub fn of_dwelling_by(
    store: &dyn Store,
    dwelling: DwellingId,
    (start, end): (Timestamp, Timestamp),
    grain: Grain,
    now: Timestamp,
) -> Result<Vec<Metered>> {
    let range = Range::around(start, end, grain);
    let mut placements = store.placements(dwelling)?;
    placements.retain(|placement| counted(placement.point.kind).is_some());
    let meters: Vec<MeterId> = placements.iter().map(|placement| placement.meter.id).collect();
    let mut drafts: Vec<Draft> = Vec::new();
    for (placement, channels) in placements.into_iter().zip(store.channels_of(&meters)?) {
        let Some(quantity) = counted(placement.point.kind) else {
            continue;
        };
        let origin = Origin::of(placement.meter.id, quantity, &channels);
        match drafts.last_mut() {
            Some(draft) if draft.point.id == placement.point.id => {
                draft.placements.push(placement);
                draft.origins.push(origin);
            }
            _ => drafts.push(Draft {
                point: placement.point.clone(),
                quantity,
                unit: usual_unit(quantity),
                placements: vec![placement],
                origins: vec![origin],
            }),
        }
    }
    for draft in &mut drafts {
        draft.agree();
    }
    // All in one go: a series is soon read, and to begin and end for each takes as long.
    let series: Vec<_> = drafts.iter().flat_map(Draft::series).collect();
    let shown = store.shown_of(&series, range.from, range.until, range.grain)?;
    let mut shown = shown.into_iter();
    let mut metered = Vec::with_capacity(drafts.len());
    for draft in drafts {
        metered.push(draft.complete(store, &mut shown, range, now)?);
    }
    metered.sort_by_key(|metered| (metered.point.kind, metered.point.id));
    Ok(metered)
}

/// A metering point of which the readings are still to come.
struct Draft {
    point: Point,
    quantity: Quantity,
    unit: Unit,
    placements: Vec<Placement>,
    /// Of each placement.
    origins: Vec<Origin>,
}

/// Where the readings of a meter come from.
struct Origin {
    index: Option<(ChannelId, Channel)>,
    slots: Option<ChannelId>,
    reach: Reach,
}

impl Origin {
    fn of(meter: MeterId, quantity: Quantity, channels: &[(ChannelId, Channel)]) -> Self {
        let index = whole_index(channels, quantity);
        Self {
            index,
            slots: index.and_then(|(_, channel)| slot_channel(channels, &channel)),
            reach: Reach::new(meter, channels),
        }
    }
}

impl Draft {
    /// Watt-hours and joules can't be added: the meter that serves now decides, others in another unit are missing.
    fn agree(&mut self) {
        let units = || self.origins.iter().filter_map(|origin| origin.index);
        let Some((_, Channel { unit, .. })) = units().next_back() else {
            return;
        };
        self.unit = unit;
        for origin in &mut self.origins {
            if origin.index.is_some_and(|(_, channel)| channel.unit != unit) {
                (origin.index, origin.slots) = (None, None);
            }
        }
    }

    /// What is to be read, in the order in which it is taken.
    fn series(&self) -> impl Iterator<Item = (MeterId, ChannelId)> {
        self.origins.iter().flat_map(|origin| {
            let index = origin.index.map(|(id, _)| id);
            let meter = origin.reach.meter();
            [index, origin.slots]
                .into_iter()
                .flatten()
                .map(move |id| (meter, id))
        })
    }

    /// With its readings, which are the next ones of those that were read.
    fn complete(
        self,
        store: &dyn Store,
        shown: &mut impl Iterator<Item = Vec<Shown>>,
        range: Range,
        now: Timestamp,
    ) -> Result<Metered> {
        let mut services = Vec::with_capacity(self.placements.len());
        let mut rests_on = Vec::with_capacity(self.placements.len());
        for (placement, origin) in self.placements.iter().zip(self.origins) {
            let mut reach = origin.reach;
            services.push(match origin.index {
                Some((id, channel)) => {
                    let around = shown.next().unwrap_or_default();
                    let mut samples = samples(store, &mut reach, (id, &channel), range, around)?;
                    if let Some(slots) = origin.slots {
                        let rows = shown.next().unwrap_or_default();
                        reach.read(slots, (range.from, range.until), &rows);
                        let slots: Vec<_> = rows.iter().filter_map(sample).collect();
                        // What was gained, put under the indexes that are known.
                        samples.extend(indexes(&slots, &samples));
                    }
                    service(placement, &channel, samples)
                }
                None => service(placement, &Channel::index(self.quantity, self.unit), Vec::new()),
            });
            rests_on.push(reach);
        }
        Ok(Metered {
            point: self.point,
            unit: self.unit,
            placements: self.placements,
            place: Place::new(services, now),
            rests_on,
        })
    }
}

/// The instants whose readings matter for a question.
#[derive(Clone, Copy)]
struct Range {
    from: Timestamp,
    until: Timestamp,
    grain: Grain,
}

impl Range {
    /// A boundary looks for readings up to a week away, and judges them by their neighbours.
    fn around(start: Timestamp, end: Timestamp, grain: Grain) -> Self {
        let slack = (8 * 24).hours();
        Self {
            from: start.checked_sub(slack).unwrap_or(Timestamp::MIN),
            until: end.checked_add(slack).unwrap_or(Timestamp::MAX),
            grain,
        }
    }
}

/// The readings of an index around a range.
///
/// Where they are silent for days, a restart may hide in there: then the set date of the year before is read too, which
/// tells when the next one was due. That takes a walk through a year of readings, so it is not done for all.
fn samples(
    store: &dyn Store,
    reach: &mut Reach,
    (id, channel): (ChannelId, &Channel),
    range: Range,
    around: Vec<Shown>,
) -> Result<Vec<Sample>> {
    let meter = reach.meter();
    reach.read(id, (range.from, range.until), &around);
    let mut samples = Vec::new();
    let first = around.first().map_or(range.from, |shown| shown.at);
    let is_silent = || {
        around.windows(2).any(|pair| match pair {
            [before, after] => after.at.as_second() - before.at.as_second() > SILENCE,
            _ => false,
        })
    };
    if channel.quantity == Quantity::HeatCost && is_silent() {
        let year = ReadingQuery {
            meter,
            channel: Some(id),
            from: first.checked_sub(YEAR).unwrap_or(Timestamp::MIN),
            until: first,
            source: Some(Source::SetDate),
            after: None,
            limit: MOST_SET_DATES,
        };
        reach.back_to(year.from);
        samples.extend(store.readings(&year)?.iter().filter_map(Sample::of));
    }
    // In the same place of memory.
    let around: Vec<Sample> = around.into_iter().filter_map(|shown| sample(&shown)).collect();
    if samples.is_empty() {
        return Ok(around);
    }
    samples.extend(around);
    Ok(samples)
}

/// A meter's whole index of a quantity over some time: its channel, how it counts, and its samples.
///
/// # Errors
/// The store's.
pub fn index_of(
    store: &dyn Store,
    meter: MeterId,
    quantity: Quantity,
    from: Timestamp,
    until: Timestamp,
) -> Result<Option<(ChannelId, Counter, Vec<ReadingRow>)>> {
    let Some((id, channel)) = index_channel(store, meter, quantity)? else {
        return Ok(None);
    };
    let Some(counter) = Counter::of(quantity, channel.exponent) else {
        return Ok(None);
    };
    Ok(Some((id, counter, store.series(meter, id, from, until)?)))
}

impl Sample {
    /// A stored reading as the rules take it; `None` for one that is known to be wrong.
    pub fn of(row: &ReadingRow) -> Option<Self> {
        let reading = &row.reading;
        sample(&Shown {
            at: reading.at,
            source: reading.source,
            value: reading.value,
            flags: reading.flags,
        })
    }
}

/// A reading as the rules take it; `None` for one that is known to be wrong.
fn sample(shown: &Shown) -> Option<Sample> {
    (!shown.flags.intersects(DISTRUSTED)).then_some(Sample {
        at: shown.at,
        value: shown.value,
        source: shown.source,
        doubtful: shown.source != Source::Live && shown.flags.intersects(MISDATED),
    })
}

fn service(placement: &Placement, channel: &Channel, samples: Vec<Sample>) -> Service {
    let installation = &placement.installation;
    let stored = |index: Option<wmbus::Decimal>| index.and_then(|index| index.rescale(channel.exponent));
    Service {
        from: installation.from,
        until: installation.until,
        factors: placement
            .factors
            .iter()
            .map(|factor| (factor.from, factor.value))
            .collect(),
        start_index: stored(installation.start_index),
        end_index: stored(installation.end_index),
        exponent: channel.exponent,
        counter: Counter::of(channel.quantity, channel.exponent),
        samples,
    }
}

/// The channel that holds the whole index of a quantity: not a tariff, not another pulse input, not one direction.
///
/// # Errors
/// The store's.
pub fn index_channel(
    store: &dyn Store,
    meter: MeterId,
    quantity: Quantity,
) -> Result<Option<(ChannelId, Channel)>> {
    Ok(whole_index(&store.channels(meter)?, quantity))
}

/// Among a meter's channels.
pub fn whole_index(channels: &[(ChannelId, Channel)], quantity: Quantity) -> Option<(ChannelId, Channel)> {
    channels
        .iter()
        .filter(|(_, channel)| {
            channel.quantity == quantity
                && channel.aspect == Aspect::Index
                && channel.kind == ValueKind::Absolute
                && channel.tariff == 0
                && channel.subunit == 0
                && channel.direction != Direction::Reverse
        })
        .min_by_key(|(id, channel)| {
            let standard = Channel::index(quantity, channel.unit).exponent;
            (
                channel.direction != Direction::Net,
                channel.exponent != standard,
                *id,
            )
        })
        .copied()
}

/// The channel of what was gained in closed slots, beside the one of an index.
fn slot_channel(channels: &[(ChannelId, Channel)], index: &Channel) -> Option<ChannelId> {
    let slots = Channel {
        kind: ValueKind::Increment,
        ..*index
    };
    let found = channels.iter().find(|(_, channel)| *channel == slots);
    found.map(|(id, _)| *id)
}

/// What the points of a kind count up; `None` for those that don't.
fn counted(kind: Kind) -> Option<Quantity> {
    match kind {
        Kind::HotWater | Kind::ColdWater | Kind::Gas => Some(Quantity::Volume),
        Kind::Heating => Some(Quantity::HeatCost),
        Kind::HeatEnergy | Kind::Cooling | Kind::Electricity => Some(Quantity::Energy),
        Kind::Other => None,
    }
}

/// The unit to speak of when a meter has said nothing yet.
fn usual_unit(quantity: Quantity) -> Unit {
    match quantity {
        Quantity::Volume => Unit::CubicMetre,
        Quantity::HeatCost => Unit::AllocationUnit,
        _ => Unit::WattHour,
    }
}

/// Readings that stay out of the index. A fall alone is no reason: the rules see it too, with what follows. Nor is the
/// quarantine, which the rules have found themselves and find again, so that an answer depends on the readings alone.
const DISTRUSTED: Flags = Flags(Flags::IMPLAUSIBLE.0 | Flags::KEY_UNPROVEN.0);

/// Values whose instant may be wrong.
const MISDATED: Flags = Flags(Flags::UNCERTAIN_DAY.0 | Flags::CLOCK_DOUBTFUL.0);

/// Readings that are more seconds apart are silent.
const SILENCE: i64 = 48 * 3600;

/// A set date comes back within this time.
const YEAR: SignedDuration = SignedDuration::from_hours(368 * 24);

/// Set dates in a year: one, or twelve, and room for those that were stamped twice.
const MOST_SET_DATES: usize = 100;
