//! Tables of a draft: rows by id, each with what became of it.

use std::collections::BTreeMap;

use super::super::Tally;

/// Rows by id, each with what became of it.
pub(super) struct Table<T> {
    rows: BTreeMap<i64, (T, State)>,
    /// The id of the next new row.
    pub(super) next: i64,
}

/// What became of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// The list does not speak of it.
    Silent,
    /// It says what was known.
    Same,
    /// It says something else.
    Changed,
    /// It was not known.
    Added,
}

impl<T: PartialEq> Table<T> {
    pub(super) fn new(rows: impl Iterator<Item = (i64, T)>) -> Self {
        let rows: BTreeMap<_, _> = rows.map(|(id, row)| (id, (row, State::Silent))).collect();
        let next = rows.last_key_value().map_or(1, |(id, _)| id + 1);
        Self { rows, next }
    }

    pub(super) fn get(&self, id: i64) -> Option<&T> {
        self.rows.get(&id).map(|(row, _)| row)
    }

    /// All rows, by id.
    pub(super) fn iter(&self) -> impl Iterator<Item = &T> {
        self.rows.values().map(|(row, _)| row)
    }

    /// Puts a row in the place of the one with its id, or behind all others.
    pub(super) fn put(&mut self, id: i64, row: T) {
        let state = match self.rows.get(&id) {
            None => State::Added,
            Some((_, State::Added)) => State::Added,
            Some((known, State::Silent | State::Same)) if *known == row => State::Same,
            Some(_) => State::Changed,
        };
        self.next = self.next.max(id + 1);
        self.rows.insert(id, (row, state));
    }

    pub(super) fn states(&self) -> impl Iterator<Item = State> {
        self.rows.values().map(|(_, state)| *state)
    }

    /// The rows that have to be written.
    pub(super) fn news(self) -> impl Iterator<Item = T> {
        self.rows
            .into_values()
            .filter(|(_, state)| state.is_news())
            .map(|(row, _)| row)
    }
}

impl State {
    pub(super) const fn is_news(self) -> bool {
        matches!(self, Self::Changed | Self::Added)
    }
}

/// How many rows ended in which state.
pub(super) fn tally(states: impl Iterator<Item = State>) -> Tally {
    let mut tally = Tally::default();
    for state in states {
        match state {
            State::Silent => {}
            State::Same => tally.unchanged += 1,
            State::Changed => tally.changed += 1,
            State::Added => tally.added += 1,
        }
    }
    tally
}
