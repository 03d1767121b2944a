//! Message counters: what a meter said once, a recording can't say again (OMS vol. 2, 9.3).
//!
//! Only counters that a MAC or a tag vouches for count. A telegram is compared with the latest one accepted *before* it
//! was received, so that captures of last year still go into a living store.

use crate::hash::Map;
use crate::registry::MeterId;

/// The latest counter accepted of each meter.
#[derive(Debug, Default)]
pub(super) struct Counters {
    latest: Map<MeterId, Accepted>,
}

/// A counter, and the second in which it was first received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Accepted {
    pub(super) counter: u32,
    pub(super) at: i64,
}

/// Repeaters and a meter's own repetitions send the same counter again within this time.
const REPEATED_WITHIN: i64 = 3600;

impl Counters {
    /// Takes over what is known from elsewhere, unless something later is known here.
    pub(super) fn learn(&mut self, meter: MeterId, known: Accepted) {
        let latest = self.latest.entry(meter).or_insert(known);
        if latest.at < known.at {
            *latest = known;
        }
    }

    /// Accepts a counter received at a second, or says which later one was accepted before.
    pub(super) fn accept(&mut self, meter: MeterId, counter: u32, at: i64) -> Result<(), Accepted> {
        let news = Accepted { counter, at };
        let Some(latest) = self.latest.get_mut(&meter) else {
            self.latest.insert(meter, news);
            return Ok(());
        };
        if at <= latest.at {
            return Ok(());
        }
        if counter < latest.counter || counter == latest.counter && at - latest.at > REPEATED_WITHIN {
            return Err(*latest);
        }
        if counter > latest.counter {
            *latest = news;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const METER: MeterId = MeterId(7);

    #[test]
    fn a_recording_is_refused_and_what_comes_late_is_not() {
        let mut counters = Counters::default();
        assert_eq!(counters.accept(METER, 10, 1000), Ok(()));
        assert_eq!(counters.accept(METER, 12, 2000), Ok(()));
        let refused = Err(Accepted {
            counter: 12,
            at: 2000,
        });
        assert_eq!(counters.accept(METER, 10, 3000), refused);
        assert_eq!(counters.accept(METER, 10, 1000), Ok(()), "an older capture");
        assert_eq!(counters.accept(METER, 12, 2600), Ok(()), "a repeater");
        assert_eq!(counters.accept(METER, 12, 6000), refused, "a recording of it");
        assert_eq!(counters.accept(METER, 13, 6001), Ok(()));
        assert_eq!(counters.accept(MeterId(8), 1, 6001), Ok(()), "another meter");
    }

    #[test]
    fn what_the_store_knows_counts_when_it_is_later() {
        let mut counters = Counters::default();
        counters.learn(METER, Accepted { counter: 5, at: 100 });
        assert_eq!(counters.accept(METER, 6, 200), Ok(()));
        counters.learn(METER, Accepted { counter: 5, at: 100 });
        assert!(counters.accept(METER, 5, 300).is_err());
        // The operator accepted what had been refused.
        counters.learn(METER, Accepted { counter: 1, at: 300 });
        assert_eq!(counters.accept(METER, 2, 400), Ok(()));
    }
}
