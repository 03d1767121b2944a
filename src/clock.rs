//! The gateway's clock, looked at with suspicion: many have no battery, begin in 1970, and jump when the network comes.
//!
//! What is heard while the clock can't be right is put behind all that is known, in the order in which it came, by the
//! steady clock; each reading then goes by its meter's own clock, or is marked.

use std::path::Path;
use std::time::Instant;

use jiff::{SignedDuration, Timestamp};

/// What is known of the time.
#[derive(Debug)]
pub struct GatewayClock {
    /// The latest instant at which something is known to have happened, when this began to run.
    known: Timestamp,
    began: Instant,
    last: Option<(Timestamp, Instant)>,
    /// The latest look at which it could be believed.
    believed: Option<(Timestamp, Instant)>,
    was_sane: bool,
}

/// One look at the clock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Look {
    /// The time, as well as it can be told.
    pub now: Timestamp,
    /// Whether the clock can be believed.
    pub is_sane: bool,
    /// What has changed, in a sentence for the log.
    pub news: Option<String>,
}

/// No gateway of ours has run before.
const FIRST: Timestamp = Timestamp::constant(1_767_225_600, 0);
/// Clocks differ, and a second leaps.
const TOLERATED: SignedDuration = SignedDuration::from_mins(5);
/// Longer than this nobody leaves a gateway without power and expects it to know the time by itself.
const AWAY: SignedDuration = SignedDuration::from_hours(24 * 400);
/// A step larger than this is worth a word.
const STEP: SignedDuration = SignedDuration::from_secs(60);
/// The mark of systemd-timesyncd that the clock has been set over the network.
const SYNCHRONISED: &str = "/run/systemd/timesync/synchronized";

impl GatewayClock {
    /// A clock of which the store knows that it has been `known`, when anything is known.
    pub fn new(known: Option<Timestamp>, began: Instant) -> Self {
        Self {
            known: known.map_or(FIRST, |known| known.max(FIRST)),
            began,
            last: None,
            believed: None,
            was_sane: true,
        }
    }

    /// Looks at the clocks of this machine.
    pub fn look(&mut self) -> Look {
        self.look_at(Timestamp::now(), Instant::now(), || {
            Path::new(SYNCHRONISED).exists()
        })
    }

    /// Looks at these clocks.
    fn look_at(&mut self, wall: Timestamp, steady: Instant, is_set: impl FnOnce() -> bool) -> Look {
        let passed = duration(self.began, steady);
        let least = self.known.saturating_add(passed).unwrap_or(Timestamp::MAX);
        let fits = wall.duration_since(least) >= -TOLERATED && wall.duration_since(least) <= AWAY;
        // Somebody who knows has set it: then it is the store that has seen wrong times.
        let is_sane = fits || is_set();
        let step = self
            .last
            .map(|(last_wall, last_steady)| wall.duration_since(last_wall) - duration(last_steady, steady));
        self.last = Some((wall, steady));
        let news = if is_sane != self.was_sane {
            Some(if is_sane {
                format!("the clock is right again: {wall}")
            } else {
                format!("the clock can't be right: it says {wall}, and it must be {least} or later")
            })
        } else {
            step.filter(|step| step.abs() > STEP)
                .map(|step| format!("the clock was moved by {} s", step.as_secs()))
        };
        self.was_sane = is_sane;
        if is_sane {
            self.believed = Some((wall, steady));
        }
        // A clock that was right a moment ago and jumps is better continued than what the store knew at the beginning.
        let continued = self
            .believed
            .and_then(|(wall, then)| wall.checked_add(duration(then, steady)).ok());
        Look {
            now: if is_sane {
                wall
            } else {
                continued.map_or(least, |continued| continued.max(least))
            },
            is_sane,
            news,
        }
    }
}

fn duration(from: Instant, to: Instant) -> SignedDuration {
    SignedDuration::try_from(to.saturating_duration_since(from)).unwrap_or(SignedDuration::MAX)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn a_gateway_that_begins_in_1970_keeps_the_order_until_the_network_comes() {
        let start = Instant::now();
        let after = |seconds| start + Duration::from_secs(seconds);
        let mut clock = GatewayClock::new(Some(at("2026-11-20T10:00:00Z")), start);
        let first = clock.look_at(at("1970-01-01T00:00:10Z"), after(1), || false);
        assert_eq!((first.now, first.is_sane), (at("2026-11-20T10:00:01Z"), false));
        assert!(first.news.unwrap().contains("can't be right"));
        let second = clock.look_at(at("1970-01-01T00:00:15Z"), after(6), || false);
        assert_eq!((second.now, second.news), (at("2026-11-20T10:00:06Z"), None));
        let third = clock.look_at(at("2026-11-22T08:00:00Z"), after(7), || false);
        assert_eq!((third.now, third.is_sane), (at("2026-11-22T08:00:00Z"), true));
        assert!(third.news.unwrap().contains("right again"));
    }

    #[test]
    fn a_clock_that_was_right_and_jumps_is_continued() {
        let start = Instant::now();
        let after = |seconds| start + Duration::from_secs(seconds);
        let mut clock = GatewayClock::new(Some(at("2026-03-01T00:00:00Z")), start);
        assert!(
            clock
                .look_at(at("2026-11-25T08:00:00Z"), after(1), || false)
                .is_sane
        );
        for wrong in ["2041-01-01T00:00:00Z", "1970-01-01T00:00:00Z"] {
            let look = clock.look_at(at(wrong), after(11), || false);
            assert_eq!(
                (look.now, look.is_sane),
                (at("2026-11-25T08:00:10Z"), false),
                "{wrong}"
            );
        }
        let look = clock.look_at(at("2026-11-25T08:00:20Z"), after(21), || false);
        assert_eq!((look.now, look.is_sane), (at("2026-11-25T08:00:20Z"), true));
    }

    #[test]
    fn steps_are_told_and_a_far_future_needs_a_witness() {
        let start = Instant::now();
        let after = |seconds| start + Duration::from_secs(seconds);
        let mut clock = GatewayClock::new(None, start);
        assert_eq!(
            clock.look_at(at("2026-11-25T08:00:00Z"), after(0), || false).news,
            None
        );
        assert_eq!(
            clock
                .look_at(at("2026-11-25T08:00:10Z"), after(10), || false)
                .news,
            None
        );
        let stepped = clock.look_at(at("2026-11-25T09:00:20Z"), after(20), || false);
        assert_eq!(stepped.news.as_deref(), Some("the clock was moved by 3600 s"));
        assert!(stepped.is_sane);
        assert!(
            !clock
                .look_at(at("2038-01-19T03:14:08Z"), after(30), || false)
                .is_sane
        );
        assert!(
            clock
                .look_at(at("2038-01-19T03:14:18Z"), after(40), || true)
                .is_sane
        );
    }
}
