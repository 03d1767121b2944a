//! The rhythm of a receiver: how long it is usually silent at this hour of the week.
//!
//! Many meters send by day and on workdays only, so a fixed time-out either calls a quiet night a fault or a dead dongle
//! healthy for hours. For each hour of a week the longest silence that reached into it is remembered, fading week by week.
//! A silence that ended since the receiver was helped, or opened anew, was no rhythm but a fault, and teaches nothing.

use std::time::Duration;

use jiff::Timestamp;

/// Hours of a week.
const HOURS: usize = 168;
/// Silences beyond this are no rhythm: a week.
const LONGEST: u32 = 7 * 24 * 3600;

/// What is usual.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Rhythm {
    /// Seconds of the longest silence that reached into each hour, from Thursday 00:00 UTC on (as 1970 began); 0 where
    /// nothing is known.
    silences: Vec<u32>,
    last: Option<Timestamp>,
    changed: bool,
}

impl Rhythm {
    /// As it was saved; nothing known where nothing was, or something else.
    pub(super) fn load(saved: &[u8]) -> Self {
        let silences: Vec<u32> = saved
            .chunks_exact(4)
            .map(|octets| octets.try_into().map_or(0, u32::from_le_bytes).min(LONGEST))
            .collect();
        Self {
            silences: if silences.len() == HOURS {
                silences
            } else {
                vec![0; HOURS]
            },
            last: None,
            changed: false,
        }
    }

    /// To be saved, when there is news since the last time.
    pub(super) fn save(&mut self) -> Option<Vec<u8>> {
        std::mem::take(&mut self.changed).then(|| {
            self.silences
                .iter()
                .flat_map(|silence| silence.to_le_bytes())
                .collect()
        })
    }

    /// A telegram came.
    pub(super) fn heard(&mut self, at: Timestamp) {
        let Some(last) = self.last.replace(at) else {
            return;
        };
        let Ok(silence) = u32::try_from(at.as_second().saturating_sub(last.as_second())) else {
            return;
        };
        let silence = silence.min(LONGEST);
        let (first, latest) = (last.as_second().div_euclid(3600), at.as_second().div_euclid(3600));
        // Within one hour only a longer silence is news; a new hour lets what was there fade.
        for hour in first..=latest.min(first + 167) {
            let Some(known) = self.silences.get_mut(slot(hour)) else {
                continue;
            };
            let faded = if hour > first { *known - *known / 4 } else { *known };
            let next = faded.max(silence).max(1);
            self.changed |= next != *known;
            *known = next;
        }
    }

    /// What was silent until now was so for another reason than its rhythm.
    pub(super) fn interrupted(&mut self) {
        self.last = None;
    }

    /// How long a silence may be at this hour, given the least that is ever taken for one: twice the longest that was
    /// usual. An hour that was never listened to is like the same hour of other days.
    pub(super) fn normal(&self, at: Timestamp, least: Duration) -> Duration {
        let hour = slot(at.as_second().div_euclid(3600));
        let of = |hour: usize| self.silences.get(hour % HOURS).copied().unwrap_or(0);
        let usual = match of(hour) {
            0 => (1..7).map(|day| of(hour + 24 * day)).max().unwrap_or(0),
            known => known,
        };
        least.max(Duration::from_secs(2 * u64::from(usual)))
    }
}

/// The place of an hour since 1970 in its week.
fn slot(hour: i64) -> usize {
    usize::try_from(hour.rem_euclid(168)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::ToSpan;

    const LEAST: Duration = Duration::from_secs(900);

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    /// A minute between telegrams from 7 to 19 h on workdays.
    fn weeks(rhythm: &mut Rhythm, count: i64) {
        let monday = at("2026-03-02T00:00:00Z");
        for minute in 0..count * 7 * 24 * 60 {
            let now = monday + minute.minutes();
            let civil = now.to_zoned_datetime(jiff::tz::TimeZone::UTC);
            let workday = civil.weekday().to_monday_zero_offset() < 5;
            if workday && (7..19).contains(&civil.hour()) {
                rhythm.heard(now);
            }
        }
    }

    #[test]
    fn a_quiet_night_is_usual_and_a_quiet_morning_is_not() {
        let mut rhythm = Rhythm::load(&[]);
        assert_eq!(rhythm.normal(at("2026-03-02T03:00:00Z"), LEAST), LEAST);
        weeks(&mut rhythm, 2);
        // Tuesday at noon, at three in the night, and a Sunday.
        assert_eq!(rhythm.normal(at("2026-03-17T12:00:00Z"), LEAST), LEAST);
        assert!(rhythm.normal(at("2026-03-17T03:00:00Z"), LEAST) >= Duration::from_secs(20 * 3600));
        assert!(rhythm.normal(at("2026-03-15T15:00:00Z"), LEAST) >= Duration::from_secs(60 * 3600));
        // It survives the end of the program.
        let saved = rhythm.save().unwrap();
        assert_eq!(rhythm.save(), None);
        let again = Rhythm::load(&saved);
        assert_eq!(
            again.normal(at("2026-03-15T15:00:00Z"), LEAST),
            rhythm.normal(at("2026-03-15T15:00:00Z"), LEAST)
        );
        assert_eq!(Rhythm::load(&saved[1..]), Rhythm::load(&[]));
    }

    #[test]
    fn a_fault_teaches_nothing_and_an_old_silence_fades() {
        let mut rhythm = Rhythm::load(&[]);
        weeks(&mut rhythm, 1);
        let noon = at("2026-03-09T12:00:00Z");
        rhythm.heard(at("2026-03-09T10:00:00Z"));
        rhythm.interrupted();
        rhythm.heard(at("2026-03-09T12:30:00Z"));
        assert_eq!(rhythm.normal(noon, LEAST), LEAST);
        // Two hours that nobody explains are usual from then on, and less so each week.
        rhythm.heard(at("2026-03-09T14:30:00Z"));
        let once = rhythm.normal(at("2026-03-16T13:30:00Z"), LEAST);
        assert_eq!(once, Duration::from_secs(4 * 3600));
        weeks(&mut rhythm, 4);
        assert!(rhythm.normal(at("2026-03-16T13:30:00Z"), LEAST) < once / 2);
    }
}
