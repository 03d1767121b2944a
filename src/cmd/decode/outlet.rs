//! Where the texts of several threads leave, in the order of numbers that were given out before.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Texts on their way out. Whoever brings the next one writes it, and what others have brought meanwhile; nobody waits for
/// his turn before much has been brought.
#[derive(Default)]
pub(super) struct Outlet {
    inside: Mutex<Inside>,
    passed: Condvar,
}

#[derive(Default)]
struct Inside {
    /// Whose text is written next.
    next: u64,
    brought: BTreeMap<u64, Vec<u8>>,
    /// Memory of texts that were written.
    spare: Vec<Vec<u8>>,
    is_writing: bool,
    is_over: bool,
}

/// So many texts may wait for those in front of them.
const MOST: usize = 16;

impl Outlet {
    /// Brings the text of a number, whose memory is given back or another one's: all that is next has been written, or is
    /// about to be by another thread. `None` when nothing is written any more, for anybody.
    ///
    /// # Errors
    /// It can't be written; nothing is written any more.
    pub(super) fn bring(
        &self,
        number: u64,
        text: Vec<u8>,
        mut write: impl FnMut(&[u8]) -> io::Result<()>,
    ) -> Option<io::Result<Vec<u8>>> {
        let mut inside = self.lock();
        inside.brought.insert(number, text);
        if !inside.is_writing {
            inside.is_writing = true;
            while !inside.is_over {
                let next = inside.next;
                let Some(mut text) = inside.brought.remove(&next) else {
                    break;
                };
                drop(inside);
                let outcome = write(&text);
                text.clear();
                inside = self.lock();
                inside.spare.push(text);
                inside.next += 1;
                if let Err(error) = outcome {
                    inside.is_over = true;
                    self.passed.notify_all();
                    return Some(Err(error));
                }
                self.passed.notify_all();
            }
            inside.is_writing = false;
        }
        // Whose own text has been written does not wait, so whoever has the next one never does.
        let inside = self.passed.wait_while(inside, |inside| {
            inside.brought.len() > MOST && inside.next <= number && !inside.is_over
        });
        let mut inside = inside.unwrap_or_else(PoisonError::into_inner);
        (!inside.is_over).then(|| Ok(inside.spare.pop().unwrap_or_default()))
    }

    /// Nothing is written any more.
    pub(super) fn end(&self) {
        self.lock().is_over = true;
        self.passed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    #[test]
    fn texts_leave_in_the_order_of_their_numbers() {
        let (outlet, written) = (Outlet::default(), Mutex::new(Vec::new()));
        thread::scope(|scope| {
            for first in [3, 1, 0, 2] {
                let (outlet, written) = (&outlet, &written);
                scope.spawn(move || {
                    let mut text = Vec::new();
                    for number in (first..400_u64).step_by(4) {
                        text.extend(number.to_le_bytes());
                        let write = |text: &[u8]| {
                            written.lock().unwrap().extend_from_slice(text);
                            Ok(())
                        };
                        text = outlet.bring(number, text, write).unwrap().unwrap();
                        assert!(text.is_empty());
                    }
                });
            }
        });
        let expected: Vec<u8> = (0..400_u64).flat_map(u64::to_le_bytes).collect();
        assert_eq!(written.into_inner().unwrap(), expected);
    }

    #[test]
    fn much_that_waits_for_one_text_is_written_with_it() {
        let outlet = Outlet::default();
        let never = |_: &[u8]| -> io::Result<()> { unreachable!("it is nobody's turn") };
        for number in 1..=MOST as u64 {
            let text = outlet.bring(number, vec![b'x'], never).unwrap().unwrap();
            assert!(text.is_empty());
        }
        thread::scope(|scope| {
            // One more waits, until the first one comes.
            let late = scope.spawn(|| outlet.bring(1 + MOST as u64, vec![b'x'], |_| Ok(())));
            let mut count = 0;
            let first = outlet.bring(0, vec![b'x'], |text| {
                count += text.len();
                Ok(())
            });
            assert!(first.unwrap().is_ok() && count > MOST);
            assert!(late.join().unwrap().unwrap().is_ok());
        });
    }

    #[test]
    fn after_a_failure_nothing_is_written() {
        let outlet = Outlet::default();
        let failure = outlet.bring(0, Vec::new(), |_| Err(io::ErrorKind::BrokenPipe.into()));
        assert_eq!(failure.unwrap().unwrap_err().kind(), io::ErrorKind::BrokenPipe);
        assert!(outlet.bring(1, Vec::new(), |_| Ok(())).is_none());
    }

    #[test]
    fn whoever_waits_for_a_text_that_never_comes_is_told() {
        let outlet = &Outlet::default();
        thread::scope(|scope| {
            let waiting: Vec<_> = (1..=1 + MOST as u64)
                .map(|number| scope.spawn(move || outlet.bring(number, Vec::new(), |_| Ok(()))))
                .collect();
            outlet.end();
            for one in waiting {
                // Those that came before the end did not wait.
                assert!(one.join().unwrap().is_none_or(|given| given.is_ok()));
            }
        });
        assert!(outlet.bring(0, Vec::new(), |_| Ok(())).is_none());
    }
}
