//! A tap on a receiver: records what it hears, or harms it as a bad place for an antenna would.

use std::fmt;
use std::io::{self, Write};
use std::sync::Arc;
use std::time::Duration;

use crate::capture::Writer;
use crate::receiver::{Event, Receiver};
use crate::serial::Silence;
use crate::{Health, Telegram};

/// A receiver with a tap on it. What is recorded is what was heard, before any harm.
pub struct Tap<R> {
    receiver: R,
    recorder: Option<Writer<Box<dyn Write + Send>>>,
    fault: Option<io::Error>,
    harm: Option<(Harm, u64)>,
}

/// How badly telegrams fare on their way, decided by chance that the seed makes repeatable.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Harm {
    /// The same seed harms the same telegrams in the same way.
    pub seed: u64,
    /// Telegrams lost altogether, in thousandths (0 to 1000).
    pub lost: u16,
    /// Telegrams with one bit turned over, in thousandths of those not lost.
    pub damaged: u16,
    /// Telegrams that end early, in thousandths of those not lost.
    pub shortened: u16,
}

impl<R: Receiver> Tap<R> {
    /// A tap that does nothing yet.
    pub fn new(receiver: R) -> Self {
        Self {
            receiver,
            recorder: None,
            fault: None,
            harm: None,
        }
    }

    /// Records every telegram. What was written is flushed whenever nothing comes.
    #[must_use]
    pub fn recording_to(mut self, writer: Writer<Box<dyn Write + Send>>) -> Self {
        self.recorder = Some(writer);
        self
    }

    /// Harms telegrams by chance.
    #[must_use]
    pub fn harming(mut self, harm: Harm) -> Self {
        self.harm = Some((harm, harm.seed));
        self
    }

    /// Why recording has stopped, if it has; hearing goes on without it.
    pub fn recording_fault(&self) -> Option<&io::Error> {
        self.fault.as_ref()
    }

    fn record(&mut self, event: &Event) {
        let Some(recorder) = &mut self.recorder else {
            return;
        };
        let result = match event {
            Event::Telegram(telegram) => match recorder.write(telegram) {
                // A telegram no recording can hold is none; the next one may be.
                Err(error) if error.kind() == io::ErrorKind::InvalidInput => Ok(()),
                result => result,
            },
            Event::Rejected { .. } => Ok(()),
            Event::Ready(_) => Ok(()),
            Event::Lost(_) | Event::Healing(_) | Event::Overrun(_) | Event::Idle | Event::Ended => {
                recorder.flush()
            }
        };
        if let Err(error) = result {
            self.fault = Some(error);
            self.recorder = None;
        }
    }
}

impl<R: Receiver> Receiver for Tap<R> {
    fn radio(&self) -> &Arc<str> {
        self.receiver.radio()
    }

    /// Patience is counted anew after each telegram that is lost on purpose.
    fn next(&mut self, patience: Duration) -> Event {
        loop {
            let event = self.receiver.next(patience);
            self.record(&event);
            match (event, &mut self.harm) {
                (Event::Telegram(telegram), Some((harm, chance))) => {
                    if let Some(telegram) = harm.strike(telegram, chance) {
                        return Event::Telegram(telegram);
                    }
                }
                (event, _) => return event,
            }
        }
    }

    fn silence(&self) -> Option<Silence> {
        self.receiver.silence()
    }

    fn health(&self) -> Option<Health> {
        self.receiver.health()
    }
}

impl<R> Drop for Tap<R> {
    fn drop(&mut self) {
        if let Some(recorder) = &mut self.recorder {
            // Nobody is left to tell.
            let _ = recorder.flush();
        }
    }
}

impl<R: fmt::Debug> fmt::Debug for Tap<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tap")
            .field("receiver", &self.receiver)
            .field("is_recording", &self.recorder.is_some())
            .field("harm", &self.harm)
            .finish_non_exhaustive()
    }
}

impl Harm {
    fn strike(self, mut telegram: Telegram, chance: &mut u64) -> Option<Telegram> {
        // Each telegram draws the same number of times, so that one rate does not change what another strikes.
        let [lost, damaged, shortened, place] = [(); 4].map(|()| draw(chance));
        let strikes = |draw: u64, rate: u16| draw % 1000 < u64::from(rate);
        if strikes(lost, self.lost) {
            return None;
        }
        if strikes(damaged, self.damaged) {
            let bit = below(place, telegram.octets.len() * 8);
            if let Some(octet) = telegram.octets.get_mut(bit / 8) {
                *octet ^= 1 << (bit % 8);
            }
        }
        if strikes(shortened, self.shortened) {
            telegram
                .octets
                .truncate(below(place.rotate_left(32), telegram.octets.len()));
        }
        Some(telegram)
    }
}

/// A number below `limit`, or 0.
fn below(draw: u64, limit: usize) -> usize {
    let limit = u64::try_from(limit).unwrap_or(u64::MAX).max(1);
    usize::try_from(draw % limit).unwrap_or(0)
}

/// The next number of the sequence (SplitMix64).
fn draw(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::Check;
    use crate::capture::{Content, Origin, Reader};

    /// Gives a number of telegrams, each with its number in it.
    struct Counting(u8, u8, Arc<str>);

    fn counting(count: u8) -> Counting {
        Counting(0, count, "x".into())
    }

    impl Receiver for Counting {
        fn radio(&self) -> &Arc<str> {
            &self.2
        }

        fn next(&mut self, _: Duration) -> Event {
            if self.0 == self.1 {
                return Event::Ended;
            }
            self.0 += 1;
            Event::Telegram(Telegram::new(vec![self.0; 40], Check::Nobody, "x".into()))
        }
    }

    fn all(mut receiver: impl Receiver) -> Vec<Telegram> {
        let mut telegrams = Vec::new();
        while let Event::Telegram(telegram) = receiver.next(Duration::ZERO) {
            telegrams.push(telegram);
        }
        telegrams
    }

    /// A sink that can be looked into.
    #[derive(Clone, Default)]
    struct Shared(Arc<Mutex<Vec<u8>>>);

    impl Write for Shared {
        fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(octets)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn what_is_recorded_is_what_was_heard_before_any_harm() {
        let sink = Shared::default();
        let writer: Writer<Box<dyn Write + Send>> = Writer::new(Box::new(io::BufWriter::new(sink.clone())));
        let harm = Harm {
            lost: 1000,
            ..Harm::default()
        };
        let tap = Tap::new(counting(5)).recording_to(writer).harming(harm);
        assert_eq!(all(tap), []);
        let text = sink.0.lock().unwrap().clone();
        let recorded: Vec<_> = Reader::new(text.as_slice(), Origin::new("x"))
            .map(|line| line.unwrap().content)
            .collect();
        let heard: Vec<_> = all(counting(5))
            .into_iter()
            .map(|telegram| Content::Telegrams(vec![telegram]))
            .collect();
        assert_eq!(recorded, heard);
    }

    #[test]
    fn harm_is_as_often_as_asked_and_repeatable() {
        let harm = Harm {
            seed: 7,
            lost: 200,
            damaged: 300,
            shortened: 100,
        };
        let harmed = all(Tap::new(counting(250)).harming(harm));
        assert_eq!(harmed, all(Tap::new(counting(250)).harming(harm)));
        assert_ne!(
            harmed,
            all(Tap::new(counting(250)).harming(Harm { seed: 8, ..harm }))
        );
        assert!((180..=220).contains(&harmed.len()), "{}", harmed.len());
        let shortened = harmed
            .iter()
            .filter(|telegram| telegram.octets.len() < 40)
            .count();
        assert!((8..=35).contains(&shortened), "{shortened}");
        let damaged = harmed
            .iter()
            .filter(|telegram| telegram.octets.windows(2).any(|pair| pair[0] != pair[1]))
            .count();
        assert!((40..=80).contains(&damaged), "{damaged}");
        assert_eq!(
            all(Tap::new(counting(250)).harming(Harm::default())),
            all(counting(250))
        );
    }

    #[test]
    fn a_full_disk_ends_the_recording_and_not_the_hearing() {
        struct Full;
        impl Write for Full {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::StorageFull.into())
            }

            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let mut tap = Tap::new(counting(3)).recording_to(Writer::new(Box::new(Full)));
        for _ in 0..3 {
            assert!(matches!(tap.next(Duration::ZERO), Event::Telegram(_)));
        }
        assert_eq!(tap.recording_fault().unwrap().kind(), io::ErrorKind::StorageFull);
        assert_eq!(tap.next(Duration::ZERO), Event::Ended);
    }
}
