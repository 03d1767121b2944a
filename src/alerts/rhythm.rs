//! Whether a meter speaks when it is used to: judged by its own hours of the week before, never by a fixed time-out.

use jiff::{SignedDuration, Timestamp};

use super::signs::{COUNTED, DISTRUSTED, Point};
use crate::consumption::whole_index;
use crate::registry::MeterId;
use crate::store::{ChannelId, MeterState, Result, Store};

/// How a meter keeps its own time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rhythm {
    /// As usual at this hour, which may be a silent one.
    OnTime,
    /// Silent for longer than on any day of the week before at this hour.
    Late,
    /// Silent for twice its longest pause, and for a day at least.
    Lost,
}

impl Rhythm {
    /// The word, stable for machines.
    pub const fn name(self) -> &'static str {
        match self {
            Self::OnTime => "on_time",
            Self::Late => "late",
            Self::Lost => "lost",
        }
    }

    /// Of a meter that was last heard so; `None` when it was heard too seldom to have a rhythm.
    ///
    /// # Errors
    /// The store's.
    pub fn of(store: &dyn Store, meter: MeterId, state: &MeterState, now: Timestamp) -> Result<Option<Self>> {
        match Self::at_once(state, now) {
            Some(known) => Ok(known),
            None => Ok(Self::by(&Spoken::of(store, meter, now)?, state, now)),
        }
    }

    /// The same without a look at its week, as long as it is heard as often as ever; `None` when it takes that look.
    pub fn at_once(state: &MeterState, now: Timestamp) -> Option<Option<Self>> {
        let Some(mean) = mean_interval(state) else {
            return Some(None);
        };
        let silence = now.as_second() - state.last_heard.as_second();
        // What `judge` says whatever the week was: a pause is at least the mean interval, and a fortnight is always too long.
        if silence <= usual(mean) && silence <= limit(mean) {
            Some(Some(Self::OnTime))
        } else if silence > LONGEST {
            Some(Some(Self::Lost))
        } else {
            None
        }
    }

    /// The same by the week before its latest telegram.
    pub fn by(spoken: &Spoken, state: &MeterState, now: Timestamp) -> Option<Self> {
        let mean = mean_interval(state)?;
        let first = now.as_second() - WEEK.as_secs();
        let hours: Vec<Point> = spoken
            .0
            .iter()
            .map(|at| Point {
                at: i64::from(*at),
                value: 0,
            })
            .filter(|point| point.at >= first)
            .collect();
        let silence = now.as_second() - state.last_heard.as_second();
        Some(judge(&hours, silence, mean, now.as_second()))
    }
}

/// The hours of the week before in which a meter spoke. They stay the same as long as it is silent, so that whoever
/// asks again and again may keep them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Spoken(Vec<u32>);

impl Spoken {
    /// Of a meter.
    ///
    /// # Errors
    /// The store's.
    pub fn of(store: &dyn Store, meter: MeterId, now: Timestamp) -> Result<Self> {
        let spoken = Self::of_all(store, &[meter], now)?.pop();
        Ok(spoken.map_or(Self(Vec::new()), |(_, spoken)| spoken))
    }

    /// Of several meters in the order of their ids, in two questions; those that never counted anything are left out.
    ///
    /// # Errors
    /// The store's.
    pub fn of_all(store: &dyn Store, meters: &[MeterId], now: Timestamp) -> Result<Vec<(MeterId, Self)>> {
        let latest = store.latest(meters)?;
        let series: Vec<(MeterId, ChannelId)> = latest
            .chunk_by(|a, b| a.meter == b.meter)
            .filter_map(|rows| {
                let channels: Vec<_> = rows
                    .iter()
                    .map(|row| (row.channel_id, row.reading.channel))
                    .collect();
                let index = COUNTED
                    .iter()
                    .find_map(|quantity| whole_index(&channels, *quantity));
                Some((rows.first()?.meter, index?.0))
            })
            .collect();
        let first = now.saturating_sub(WEEK).unwrap_or(Timestamp::MIN);
        let heard = store.spoken(&series, first, now, SignedDuration::from_hours(1), DISTRUSTED)?;
        Ok(heard
            .chunk_by(|a, b| a.0 == b.0)
            .filter_map(|heard| {
                // Seconds of Unix time until 2106, which is half the room.
                let seconds = heard
                    .iter()
                    .filter_map(|(_, at)| u32::try_from(at.as_second()).ok());
                Some((heard.first()?.0, Self(seconds.collect())))
            })
            .collect())
    }
}

fn judge(hours: &[Point], silence: i64, mean: i64, now: i64) -> Rhythm {
    if silence > limit(longest_pause(hours, mean)) {
        return Rhythm::Lost;
    }
    // How long it had been silent at this hour on the days before, those of the weekend among them.
    let usual = (1..=6)
        .filter_map(|days| {
            let then = now - days * DAY;
            let last = hours.iter().rev().find(|point| point.at <= then)?;
            Some(then - last.at)
        })
        .fold(mean, i64::max);
    if silence > usual + mean.max(HOUR) {
        Rhythm::Late
    } else {
        Rhythm::OnTime
    }
}

/// So many seconds of silence are as usual, whatever the hour.
fn usual(mean: i64) -> i64 {
    mean + mean.max(HOUR)
}

/// Seconds between two telegrams, over all that is known; `None` below three telegrams.
pub(super) fn mean_interval(state: &MeterState) -> Option<i64> {
    let gaps = i64::try_from(state.telegrams.checked_sub(1)?).ok()?;
    let span = state.last_heard.as_second() - state.first_heard.as_second();
    (gaps >= 2).then(|| (span / gaps).max(0))
}

/// The longest pause between two hours in which it spoke, not less than its mean interval.
pub(super) fn longest_pause(hours: &[Point], mean: i64) -> i64 {
    hours
        .windows(2)
        .filter_map(|pair| match pair {
            [before, after] => Some(after.at - before.at),
            _ => None,
        })
        .fold(mean.max(0), i64::max)
}

/// After so many seconds of silence it is lost: twice its longest pause, a day at least, a fortnight at most.
pub(super) fn limit(pause: i64) -> i64 {
    pause.saturating_mul(2).clamp(DAY, LONGEST)
}

const HOUR: i64 = 3600;
const DAY: i64 = 24 * HOUR;
/// Nobody is silent for longer.
const LONGEST: i64 = 14 * DAY;

/// How far back a week reaches.
pub(super) const WEEK: SignedDuration = SignedDuration::from_hours(7 * 24);

#[cfg(test)]
mod tests {
    use super::*;

    /// Every quarter of an hour from 6 to 20, Monday to Friday: seen hour by hour, over seven days that end at `now`.
    fn office(now: i64) -> Vec<Point> {
        (now - 7 * DAY..=now)
            .filter(|at| at % HOUR == 0)
            .filter(|at| (6 * HOUR..=20 * HOUR).contains(&(at % DAY)) && (at / DAY) % 7 < 5)
            .map(|at| Point { at, value: 0 })
            .collect()
    }

    fn said(now: i64, last: i64) -> Rhythm {
        let mut hours = office(now);
        hours.retain(|point| point.at <= last);
        judge(&hours, now - last, 900, now)
    }

    #[test]
    fn a_silent_night_is_as_usual_and_a_silent_noon_is_not() {
        let day = 21 * DAY;
        // Tuesday, 4 in the morning: last heard at 20.
        assert_eq!(said(day + DAY + 4 * HOUR, day + 20 * HOUR), Rhythm::OnTime);
        // Thursday noon, last heard at 9.
        let thursday = day + 3 * DAY;
        assert_eq!(said(thursday + 12 * HOUR, thursday + 11 * HOUR), Rhythm::OnTime);
        // Since the evening before: on Sunday noon it was silent for longer, and the rhythm of a week can't tell better.
        assert_eq!(said(thursday + 12 * HOUR, thursday - 4 * HOUR), Rhythm::OnTime);
        // Twice the weekend.
        assert_eq!(said(day + 9 * DAY, day + 4 * DAY - 10 * HOUR), Rhythm::Lost);
    }

    #[test]
    fn what_is_said_at_once_is_what_a_look_at_the_week_would_say() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let now = 300 * DAY;
        for mean in [60, 900, 4 * HOUR, DAY, 8 * DAY, 20 * DAY] {
            for silence in [1, 30, HOUR, 5 * HOUR, DAY, 9 * DAY, 15 * DAY, 30 * DAY] {
                let last = now - silence;
                let state = MeterState {
                    meter: MeterId(1),
                    first_heard: at(last - 10 * mean),
                    last_heard: at(last),
                    rssi_dbm: None,
                    radio: String::new(),
                    outcome: String::new(),
                    evidence: None,
                    telegrams: 11,
                    opened_at: None,
                    device_time: None,
                    status: Vec::new(),
                };
                let Some(said) = Rhythm::at_once(&state, at(now)) else {
                    continue;
                };
                let office: Vec<i64> = office(last).iter().map(|point| point.at).collect();
                for hours in [vec![], vec![last], vec![last - 6 * DAY, last - DAY, last], office] {
                    let spoken = Spoken(hours.iter().filter_map(|at| u32::try_from(*at).ok()).collect());
                    assert_eq!(said, Rhythm::by(&spoken, &state, at(now)), "{mean} {silence}");
                }
            }
        }
    }

    #[test]
    fn a_meter_that_speaks_day_and_night_is_late_after_hours_and_lost_after_a_day() {
        let now = 30 * DAY + 12 * HOUR;
        let hours = |last: i64| -> Vec<Point> {
            (now - 7 * DAY..=last)
                .filter(|at| at % HOUR == 0)
                .map(|at| Point { at, value: 0 })
                .collect()
        };
        for (silence, wanted) in [
            (HOUR, Rhythm::OnTime),
            (4 * HOUR, Rhythm::Late),
            (24 * HOUR, Rhythm::Late),
            (25 * HOUR, Rhythm::Lost),
        ] {
            assert_eq!(
                judge(&hours(now - silence), silence, 900, now),
                wanted,
                "{silence}"
            );
        }
    }
}
