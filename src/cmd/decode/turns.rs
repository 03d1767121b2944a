//! What several threads use one after the other, in the order of numbers that were given out before.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Something that is used in turns.
pub(super) struct Turns<T> {
    inside: Mutex<Inside<T>>,
    passed: Condvar,
}

struct Inside<T> {
    /// Whose turn it is.
    next: u64,
    is_over: bool,
    used: T,
}

impl<T> Turns<T> {
    /// The turn of number 0 comes first.
    pub(super) fn new(used: T) -> Self {
        Self {
            inside: Mutex::new(Inside {
                next: 0,
                is_over: false,
                used,
            }),
            passed: Condvar::new(),
        }
    }

    /// Waits for the turn of a number, and passes it on behind the work; `None` when there are no more turns.
    pub(super) fn take<R>(&self, number: u64, work: impl FnOnce(&mut T) -> R) -> Option<R> {
        let waiting = self
            .passed
            .wait_while(self.lock(), |inside| inside.next != number && !inside.is_over);
        let mut inside = waiting.unwrap_or_else(PoisonError::into_inner);
        if inside.is_over {
            return None;
        }
        let result = work(&mut inside.used);
        inside.next += 1;
        self.passed.notify_all();
        Some(result)
    }

    /// There are no more turns, for anybody.
    pub(super) fn end(&self) {
        self.lock().is_over = true;
        self.passed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, Inside<T>> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    #[test]
    fn turns_come_in_the_order_of_their_numbers() {
        let turns = Turns::new(Vec::new());
        thread::scope(|scope| {
            for first in [3, 1, 0, 2] {
                let turns = &turns;
                scope.spawn(move || {
                    for number in (first..400).step_by(4) {
                        turns.take(number, |numbers| numbers.push(number)).unwrap();
                    }
                });
            }
        });
        let numbers = turns.take(400, std::mem::take).unwrap();
        assert_eq!(numbers, (0..400).collect::<Vec<u64>>());
    }

    #[test]
    fn whoever_waits_for_a_turn_that_never_comes_is_told() {
        let turns = Turns::new(());
        thread::scope(|scope| {
            let waiting = scope.spawn(|| turns.take(7, |()| ()));
            turns.end();
            assert_eq!(waiting.join().unwrap(), None);
        });
        assert_eq!(turns.take(0, |()| ()), None);
    }
}
