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
    let mut points: Vec<(Point, Vec<Placement>)> = Vec::new();
    for placement in store.placements(dwelling)? {
        match points.last_mut() {
            Some((point, placements)) if point.id == placement.point.id => placements.push(placement),
            _ => points.push((placement.point.clone(), vec![placement])),
        }
    }
    let mut metered = Vec::with_capacity(points.len());
    for (point, placements) in points {
        if let Some(quantity) = counted(point.kind) {
            metered.push(of_point(store, point, placements, quantity, range, now)?);
        }
    }
    metered.sort_by_key(|metered| (metered.point.kind, metered.point.id));
    Ok(metered)
}

fn of_point(
    store: &dyn Store,
    point: Point,
    placements: Vec<Placement>,
    quantity: Quantity,
    range: Range,
    now: Timestamp,
) -> Result<Metered> {
    let mut channels = Vec::with_capacity(placements.len());
    let mut rests_on = Vec::with_capacity(placements.len());
    for placement in &placements {
        let all = store.channels(placement.meter.id)?;
        rests_on.push(Reach::new(placement.meter.id, &all));
        let index = whole_index(&all, quantity);
        let slots = index.and_then(|(_, channel)| slot_channel(&all, &channel));
        channels.push(index.map(|(id, channel)| (id, channel, slots)));
    }
    // Watt-hours and joules can't be added: the meter that serves now decides, others in another unit are missing.
    let unit = channels
        .iter()
        .rev()
        .flatten()
        .map(|(_, channel, _)| channel.unit)
        .next()
        .unwrap_or_else(|| usual_unit(quantity));
    let mut services = Vec::with_capacity(placements.len());
    for ((placement, channel), reach) in placements.iter().zip(channels).zip(&mut rests_on) {
        services.push(match channel {
            Some((id, channel, slots)) if channel.unit == unit => {
                let mut samples = samples(store, reach, (id, &channel), range)?;
                if let Some(slots) = slots {
                    samples.extend(gained(store, reach, slots, range, &samples)?);
                }
                service(placement, &channel, samples)
            }
            _ => service(placement, &Channel::index(quantity, unit), Vec::new()),
        });
    }
    Ok(Metered {
        point,
        unit,
        placements,
        place: Place::new(services, now),
        rests_on,
    })
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
) -> Result<Vec<Sample>> {
    let meter = reach.meter();
    let around = store.shown(meter, id, range.from, range.until, range.grain)?;
    reach.read(id, (range.from, range.until), &around);
    let mut samples = Vec::with_capacity(around.len());
    let first = around.first().map_or(range.from, |shown| shown.at);
    let silent = around.windows(2).any(|pair| match pair {
        [before, after] => after.at.duration_since(before.at) > SILENCE,
        _ => false,
    });
    if silent && channel.quantity == Quantity::HeatCost {
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
    samples.extend(around.iter().filter_map(sample));
    Ok(samples)
}

/// What the meter gained in closed slots (half months, months), put under the indexes that are known.
fn gained(
    store: &dyn Store,
    reach: &mut Reach,
    slots: ChannelId,
    range: Range,
    known: &[Sample],
) -> Result<Vec<Sample>> {
    let rows = store.shown(reach.meter(), slots, range.from, range.until, range.grain)?;
    reach.read(slots, (range.from, range.until), &rows);
    let slots: Vec<_> = rows.iter().filter_map(sample).collect();
    Ok(indexes(&slots, known))
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

/// Readings farther apart are silent.
const SILENCE: SignedDuration = SignedDuration::from_hours(48);

/// A set date comes back within this time.
const YEAR: SignedDuration = SignedDuration::from_hours(368 * 24);

/// Set dates in a year: one, or twelve, and room for those that were stamped twice.
const MOST_SET_DATES: usize = 100;
