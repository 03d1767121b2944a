//! How long to wait before something that failed is tried again.

use std::time::Duration;

const FIRST: Duration = Duration::from_secs(1);
const STEP: Duration = Duration::from_secs(2);
const LONGEST: Duration = Duration::from_secs(30);

/// Waits that grow from failure to failure: 1 s, then 2 s more each time, up to 30 s.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    next: Duration,
}

impl Patience {
    pub(super) fn new() -> Self {
        Self { next: FIRST }
    }

    /// How long to wait this time.
    pub(super) fn wait(&mut self) -> Duration {
        let wait = self.next;
        self.next = (wait + STEP).min(LONGEST);
        wait
    }

    /// It worked: the next failure is a first one again.
    pub(super) fn renew(&mut self) {
        self.next = FIRST;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_and_start_again() {
        let mut patience = Patience::new();
        let seconds: Vec<u64> = (0..17).map(|_| patience.wait().as_secs()).collect();
        assert_eq!(
            seconds,
            [1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 30, 30]
        );
        patience.renew();
        assert_eq!(patience.wait(), FIRST);
    }
}
