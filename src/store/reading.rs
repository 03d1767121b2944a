//! Stored readings: a value in a channel at an instant, where it came from, and what is doubtful about it.

use std::ops::{BitOr, BitOrAssign};

use decoders::reading::Stamp;
use jiff::Timestamp;

use super::channel::Channel;
use super::{ChannelId, MeterId};

/// A reading on its way into the store: dated, in its channel's unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoredReading {
    /// The series.
    pub channel: Channel,
    /// The instant the value stands for; kept to the second.
    pub at: Timestamp,
    /// Where the value came from.
    pub source: Source,
    /// The value, in units of `10^channel.exponent channel.unit`.
    pub value: i64,
    /// Resolution of the meter's register, a power of ten of `channel.unit`.
    pub resolution: i8,
    /// What is doubtful about it.
    pub flags: Flags,
    /// The meter's own stamp, for a stored register that had one.
    pub stamp: Option<Stamp>,
}

/// A reading as the store gives it back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadingRow {
    /// Whose it is.
    pub meter: MeterId,
    /// The short name of its channel in this store.
    pub channel_id: ChannelId,
    /// What was kept.
    pub reading: StoredReading,
    /// Its place in the change feed; internal to this store.
    pub change: u64,
}

/// How fine a series is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grain {
    /// Of days that are some days old the first and the last reading, and all that is not live: what days, weeks and
    /// months are made of, for every household.
    Days,
    /// All that there is.
    Hours,
}

/// What a series showed at an instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shown {
    /// The instant.
    pub at: Timestamp,
    /// Where the value came from.
    pub source: Source,
    /// The value, in units of its channel.
    pub value: i64,
    /// What is doubtful about it.
    pub flags: Flags,
}

/// The place of a reading among its meter's: what makes it one reading and not another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReadingKey {
    /// The series.
    pub channel: ChannelId,
    /// The instant.
    pub at: Timestamp,
    /// Where it came from.
    pub source: Source,
}

/// Where a stored reading came from. The numbers stand in the database: add, never change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Source {
    /// The current register, when it was received.
    Live = 0,
    /// The register frozen at the due date.
    SetDate = 1,
    /// A value for an earlier date, sent by the meter itself.
    History = 2,
    /// Read by a person.
    Manual = 3,
    /// Computed.
    Estimate = 4,
}

impl Source {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 5] = [
        Self::Live,
        Self::SetDate,
        Self::History,
        Self::Manual,
        Self::Estimate,
    ];

    /// The name, stable for machines.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::SetDate => "set_date",
            Self::History => "history",
            Self::Manual => "manual",
            Self::Estimate => "estimate",
        }
    }

    /// The one with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|source| source.name() == name)
    }
}

/// What is doubtful about a reading: any of the constants below. The bits stand in the database: add, never change.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Flags(pub u32);

impl Flags {
    /// Nothing.
    pub const NONE: Self = Self(0);
    /// Another telegram gave another value for the same instant; the first one was kept.
    pub const CONFLICT: Self = Self(1);
    /// The index fell although nothing explains it.
    pub const BACKWARDS: Self = Self(1 << 1);
    /// It grew faster than the meter can count, or lies outside what the quantity can be.
    pub const IMPLAUSIBLE: Self = Self(1 << 2);
    /// The meter's stamp leaves the instant open by one day.
    pub const UNCERTAIN_DAY: Self = Self(1 << 3);
    /// The meter's clock was wrong by more than a day, or said so itself: its dates may be wrong too. Or nobody timed it,
    /// neither a receiver nor the meter.
    pub const CLOCK_DOUBTFUL: Self = Self(1 << 4);
    /// Opened with a key that was not proven yet.
    pub const KEY_UNPROVEN: Self = Self(1 << 5);
    /// A stored value that disagrees with what was heard live at that time.
    pub const QUARANTINED: Self = Self(1 << 6);

    /// Each flag with its name, stable for machines.
    pub const NAMES: [(Self, &'static str); 7] = [
        (Self::CONFLICT, "conflict"),
        (Self::BACKWARDS, "backwards"),
        (Self::IMPLAUSIBLE, "implausible"),
        (Self::UNCERTAIN_DAY, "uncertain_day"),
        (Self::CLOCK_DOUBTFUL, "clock_doubtful"),
        (Self::KEY_UNPROVEN, "key_unproven"),
        (Self::QUARANTINED, "quarantined"),
    ];

    /// Whether all of `other` are set.
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether one of `other` is set.
    pub const fn intersects(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// The names of those that are set.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        Self::NAMES
            .into_iter()
            .filter(move |(flag, _)| self.contains(*flag))
            .map(|(_, name)| name)
    }
}

impl BitOr for Flags {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl BitOrAssign for Flags {
    fn bitor_assign(&mut self, other: Self) {
        self.0 |= other.0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_source_and_flag_has_its_own_name_and_number() {
        for (number, source) in (0_u8..).zip(Source::ALL) {
            assert_eq!(source as u8, number);
            assert_eq!(Source::from_name(source.name()), Some(source));
        }
        assert_eq!(Source::from_name("Live"), None);
        let all = Flags::NAMES
            .iter()
            .fold(Flags::NONE, |all, (flag, _)| all | *flag);
        assert_eq!(all.0.count_ones() as usize, Flags::NAMES.len());
        assert_eq!(
            (Flags::BACKWARDS | Flags::CONFLICT).names().collect::<Vec<_>>(),
            ["conflict", "backwards"]
        );
    }
}
