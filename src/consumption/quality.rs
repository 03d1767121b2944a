//! How far a figure can be trusted, and what happened inside its period.

/// The words for trust, best first; a figure made of several carries the worst of them.
///
/// The names are a promise to whoever reads our answers: add, never rename.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Quality {
    /// Both ends are values that the meter stored for that very instant, or was heard to say within minutes of it.
    #[default]
    Measured,
    /// An end lies on the straight line between two readings at most 48 hours apart.
    Interpolated,
    /// An end is the nearest reading, at most seven days away, or somebody's estimate.
    Estimated,
    /// Not known. No figure is given.
    Missing,
}

impl Quality {
    /// All of them, best first.
    pub const ALL: [Self; 4] = [Self::Measured, Self::Interpolated, Self::Estimated, Self::Missing];

    /// The word, stable for machines.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Measured => "measured",
            Self::Interpolated => "interpolated",
            Self::Estimated => "estimated",
            Self::Missing => "missing",
        }
    }

    /// The worse of two.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        self.max(other)
    }
}

/// What a reader of a figure should know happened inside its period.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Flag {
    /// A heat cost allocator reached its set date: the value it froze there closed the old count, the new one began at 0.
    Restart,
    /// One meter left and another came: the figure is the sum of what both counted.
    Replacement,
    /// A register reached its last digit and went on from zero.
    Rollover,
    /// The rating factor changed: each part is multiplied by the factor valid then.
    FactorChange,
    /// More flowed backwards than forwards: the figure is negative.
    Reverse,
    /// For a part of the period (or all of it) no meter served the place.
    Unmetered,
    /// The period has not ended: the figure goes as far as today's readings.
    Running,
    /// The counter fell and nobody knows why (a reset, another meter under the same number, an unseen set date).
    Break,
}

impl Flag {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Restart,
        Self::Replacement,
        Self::Rollover,
        Self::FactorChange,
        Self::Reverse,
        Self::Unmetered,
        Self::Running,
        Self::Break,
    ];

    /// The word, stable for machines.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Restart => "restart",
            Self::Replacement => "replacement",
            Self::Rollover => "rollover",
            Self::FactorChange => "factor_change",
            Self::Reverse => "reverse",
            Self::Unmetered => "unmetered",
            Self::Running => "running",
            Self::Break => "break",
        }
    }
}

/// A set of [`Flag`]s.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flags(u16);

impl Flags {
    /// None.
    pub const NONE: Self = Self(0);

    /// Adds one.
    pub fn raise(&mut self, flag: Flag) {
        self.0 |= 1 << flag as u16;
    }

    /// Those of either.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether one is raised.
    pub fn has(self, flag: Flag) -> bool {
        self.0 & 1 << flag as u16 != 0
    }

    /// Those raised, in the order of [`Flag::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Flag> {
        Flag::ALL.into_iter().filter(move |flag| self.has(*flag))
    }
}

impl From<Flag> for Flags {
    fn from(flag: Flag) -> Self {
        let mut flags = Self::NONE;
        flags.raise(flag);
        flags
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worse_word_wins() {
        for (i, a) in Quality::ALL.into_iter().enumerate() {
            for (j, b) in Quality::ALL.into_iter().enumerate() {
                assert_eq!(a.and(b), Quality::ALL[i.max(j)]);
            }
        }
    }

    #[test]
    fn flags_come_back_as_they_went_in() {
        for a in Flag::ALL {
            for b in Flag::ALL {
                let both = Flags::from(a).and(b.into());
                assert!(both.has(a) && both.has(b));
                assert_eq!(both.iter().count(), if a == b { 1 } else { 2 });
                assert_eq!(Flags::from(a).has(b), a == b);
            }
        }
    }
}
