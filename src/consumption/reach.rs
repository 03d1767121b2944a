//! What a figure rests on: as long as nothing of it changes, it need not be worked out again.

use jiff::Timestamp;

use crate::store::{Channel, ChannelId, MeterId, Shown, Stretch};

/// The readings of a meter that figures were made of. Others may come, go or become others: the figures stay the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reach {
    meter: MeterId,
    /// All channels that the meter had, by id: a new one might be a better index.
    channels: Box<[ChannelId]>,
    /// Of which readings were taken: the index, and what was gained in slots.
    read: [Option<ChannelId>; 2],
    from: Timestamp,
    until: Timestamp,
}

impl Reach {
    /// Of a meter with these channels, and nothing of it so far.
    pub(super) fn new(meter: MeterId, channels: &[(ChannelId, Channel)]) -> Self {
        let mut channels: Box<[ChannelId]> = channels.iter().map(|(id, _)| *id).collect();
        channels.sort_unstable();
        Self {
            meter,
            channels,
            read: [None; 2],
            from: Timestamp::MAX,
            until: Timestamp::MIN,
        }
    }

    /// Whose readings.
    pub const fn meter(&self) -> MeterId {
        self.meter
    }

    /// These were shown for `[from, until)`: with the last one before, and the first one after, where there are any. Where
    /// there is none, any that comes there would be it.
    pub(super) fn read(
        &mut self,
        channel: ChannelId,
        (from, until): (Timestamp, Timestamp),
        shown: &[Shown],
    ) {
        match self.read.iter_mut().find(|place| place.is_none()) {
            Some(place) => *place = Some(channel),
            // Never so far; then all of the meter counts.
            None => (self.from, self.until, self.channels) = (Timestamp::MIN, Timestamp::MAX, Box::default()),
        }
        let first = shown.first().map(|shown| shown.at).filter(|at| *at < from);
        let last = shown.last().map(|shown| shown.at).filter(|at| *at >= until);
        self.from = self.from.min(first.unwrap_or(Timestamp::MIN));
        self.until = self.until.max(last.unwrap_or(Timestamp::MAX));
    }

    /// Readings back to there were looked at, too.
    pub(super) fn back_to(&mut self, from: Timestamp) {
        self.from = self.from.min(from);
    }

    /// Whether figures may be others now that readings in a stretch have changed.
    pub fn is_touched(&self, stretch: &Stretch) -> bool {
        stretch.meter == self.meter
            && (self.channels.binary_search(&stretch.channel).is_err()
                || self.read.contains(&Some(stretch.channel))
                    && stretch.first <= self.until
                    && self.from <= stretch.last)
    }

    /// How many octets of memory it takes.
    pub fn octets(&self) -> usize {
        size_of::<Self>() + size_of_val(&*self.channels)
    }
}

#[cfg(test)]
mod tests {
    use decoders::reading::{Quantity, Unit};

    use super::*;
    use crate::store::{Flags, Source};

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn shown(seconds: &[i64]) -> Vec<Shown> {
        let one = |second: &i64| Shown {
            at: at(*second),
            source: Source::Live,
            value: 0,
            flags: Flags::NONE,
        };
        seconds.iter().map(one).collect()
    }

    fn reach(seconds: &[i64]) -> Reach {
        let water = Channel::index(Quantity::Volume, Unit::CubicMetre);
        let mut reach = Reach::new(MeterId(1), &[(ChannelId(4), water), (ChannelId(2), water)]);
        reach.read(ChannelId(4), (at(100), at(200)), &shown(seconds));
        reach
    }

    fn touched(reach: &Reach, channel: i64, first: i64, last: i64) -> bool {
        reach.is_touched(&Stretch {
            meter: MeterId(1),
            channel: ChannelId(channel),
            first: at(first),
            last: at(last),
        })
    }

    #[test]
    fn it_ends_at_the_readings_beside_the_range() {
        let reach = reach(&[90, 120, 210]);
        for (first, last, is) in [
            (0, 89, false),
            (0, 90, true),
            (95, 95, true),
            (150, 150, true),
            (210, 300, true),
            (211, 300, false),
        ] {
            assert_eq!(touched(&reach, 4, first, last), is, "{first} to {last}");
        }
        let other = Stretch {
            meter: MeterId(2),
            channel: ChannelId(4),
            first: at(0),
            last: at(300),
        };
        assert!(!reach.is_touched(&other));
    }

    #[test]
    fn where_nothing_stands_beside_the_range_anything_that_comes_there_counts() {
        assert!(touched(&reach(&[100, 210]), 4, 1, 1));
        assert!(touched(&reach(&[90, 199]), 4, 9000, 9000));
        assert!(touched(&reach(&[]), 4, 1, 1));
        assert!(touched(&reach(&[]), 4, 9000, 9000));
    }

    #[test]
    fn a_channel_that_is_new_might_be_the_index_and_one_that_was_passed_over_is_not() {
        let reach = reach(&[90, 210]);
        assert!(touched(&reach, 3, 9000, 9000));
        assert!(!touched(&reach, 2, 150, 150));
    }

    #[test]
    fn a_look_back_counts_too() {
        let mut reach = reach(&[90, 210]);
        assert!(!touched(&reach, 4, 50, 50));
        reach.back_to(at(40));
        assert!(touched(&reach, 4, 50, 50));
        assert!(!touched(&reach, 4, 39, 39));
    }
}
