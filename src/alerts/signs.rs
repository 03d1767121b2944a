//! The signs by which a meter is judged, gathered from the store with a bounded number of questions.

use decoders::reading::{Quantity, Stamp, Status};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::rhythm::WEEK;
use crate::consumption::{Counter, index_channel};
use crate::registry::{MeterId, Site};
use crate::store::{ChannelId, Flags, MeterState, ReadingRow, Result, Side, Source, Store};

/// A value of the index at an instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Point {
    /// When, in Unix seconds.
    pub at: i64,
    /// The counter, in stored integers.
    pub value: i64,
}

/// All that the rules look at.
#[derive(Clone, Debug)]
pub struct Signs {
    /// The instant of the look.
    pub now: Timestamp,
    /// The site's zone.
    pub zone: TimeZone,
    /// What it counts, and how.
    pub counter: Option<(Quantity, Counter)>,
    /// The smallest step of its register, in stored integers.
    pub step: i64,
    /// Live values of the last week about an hour apart, oldest first.
    pub hours: Vec<Point>,
    /// Live values of this heating season, about a day apart, oldest first.
    pub days: Vec<Point>,
    /// How it was last heard.
    pub state: Option<MeterState>,
    /// The latest telegram of any meter: the gateway heard something then.
    pub others_heard: Option<Timestamp>,
}

impl Signs {
    /// Gathers them: some three hundred look-ups, however often the meter speaks.
    ///
    /// # Errors
    /// The store's.
    pub fn gather(
        store: &dyn Store,
        meter: MeterId,
        others_heard: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<Self> {
        let mut signs = Self {
            now,
            zone: zone(store, meter, now)?,
            counter: None,
            step: 1,
            hours: Vec::new(),
            days: Vec::new(),
            state: store.meter_state(meter)?,
            others_heard,
        };
        for quantity in COUNTED {
            let Some((id, channel)) = index_channel(store, meter, quantity)? else {
                continue;
            };
            signs.counter = Counter::of(quantity, channel.exponent).map(|counter| (quantity, counter));
            let back = |span, step| walk(store, meter, id, now, span, step);
            let week = back(WEEK, SignedDuration::from_hours(1))?;
            if let Some(last) = week.last() {
                let power = i32::from(last.reading.resolution) - i32::from(channel.exponent);
                let power = u32::try_from(power).unwrap_or(0);
                signs.step = 10_i64.checked_pow(power).unwrap_or(i64::MAX);
            }
            signs.hours = week.iter().map(point).collect();
            if quantity == Quantity::HeatCost {
                let season = back(
                    SignedDuration::from_hours(120 * 24),
                    SignedDuration::from_hours(24),
                )?;
                signs.days = season.iter().map(point).collect();
            }
            break;
        }
        Ok(signs)
    }

    /// The conditions that the meter tells of now.
    pub fn status(&self) -> &[Status] {
        self.state.as_ref().map_or(&[], |state| &state.status)
    }

    /// Its clock when it was last opened, less the time then, in seconds.
    pub fn drift(&self) -> Option<i64> {
        let state = self.state.as_ref()?;
        let Some(Stamp::DateTime {
            year,
            month,
            day,
            hour,
            minute,
            second,
        }) = state.device_time
        else {
            return None;
        };
        let local = jiff::civil::DateTime::new(
            i16::try_from(year).ok()?,
            i8::try_from(month).ok()?,
            i8::try_from(day).ok()?,
            i8::try_from(hour).ok()?,
            i8::try_from(minute).ok()?,
            i8::try_from(second.unwrap_or(0)).ok()?,
            0,
        )
        .ok()?;
        let clock = local.to_zoned_datetime(self.zone.clone()).ok()?.timestamp();
        Some(clock.as_second() - state.opened_at?.as_second())
    }
}

/// What meters count up, the first that one has.
pub(super) const COUNTED: [Quantity; 3] = [Quantity::Volume, Quantity::HeatCost, Quantity::Energy];

/// Live readings from now back over a span, each at least a step before the next.
fn walk(
    store: &dyn Store,
    meter: MeterId,
    channel: ChannelId,
    now: Timestamp,
    span: SignedDuration,
    step: SignedDuration,
) -> Result<Vec<ReadingRow>> {
    let mut found: Vec<ReadingRow> = Vec::new();
    let (first, mut at) = (now.saturating_sub(span).unwrap_or(Timestamp::MIN), now);
    // Twice as many as fit, for those that the meter had remembered and that are passed over.
    let most = 2 * usize::try_from(span.as_secs() / step.as_secs().max(1)).unwrap_or(0);
    for _ in 0..most {
        let Some(row) = store.nearest(meter, channel, at, Side::AtOrBefore, DISTRUSTED)? else {
            break;
        };
        if row.reading.at < first {
            break;
        }
        let back = if row.reading.source == Source::Live {
            found.push(row);
            step
        } else {
            SignedDuration::from_secs(1)
        };
        match row.reading.at.checked_sub(back) {
            Ok(before) => at = before,
            Err(_) => break,
        }
    }
    found.reverse();
    Ok(found)
}

fn point(row: &ReadingRow) -> Point {
    Point {
        at: row.reading.at.as_second(),
        value: row.reading.value,
    }
}

/// The zone of the site where a meter hangs.
fn zone(store: &dyn Store, meter: MeterId, now: Timestamp) -> Result<TimeZone> {
    let placements = store.placements_of_meter(meter)?;
    let placed = placements
        .iter()
        .find(|placement| placement.installation.covers(now))
        .or(placements.last());
    let Some(placed) = placed else {
        return Ok(TimeZone::get(Site::DEFAULT_TIME_ZONE).unwrap_or(TimeZone::UTC));
    };
    let dwelling = store.dwelling(placed.point.dwelling)?;
    let site = dwelling.map(|dwelling| store.site(dwelling.site)).transpose()?;
    Ok(site.flatten().map_or(TimeZone::UTC, |site| site.zone()))
}

pub(super) const DISTRUSTED: Flags = Flags(Flags::IMPLAUSIBLE.0 | Flags::KEY_UNPROVEN.0);
