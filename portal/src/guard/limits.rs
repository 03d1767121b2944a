//! How often is too often: a window of fifteen minutes, counted in memory.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};

use crate::failure::Failure;

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    /// A wrong password for an account's address.
    LoginOfAccount,
    /// A wrong password from a client.
    LoginFromClient,
    /// A residence or a dwelling that was not found, in a session.
    SearchOfSession,
    /// The same, from a client.
    SearchFromClient,
    /// A mail to an address.
    MailToAddress,
    /// A form that sends a mail, from a client.
    MailFromClient,
}

/// What happened lately.
#[derive(Default)]
pub(crate) struct Limiter {
    counted: Mutex<HashMap<(Kind, String), Vec<Timestamp>>>,
}

impl Limiter {
    /// Refuses who did it `most` times within the window.
    pub(crate) fn admit(&self, kind: Kind, who: &str, most: usize, now: Timestamp) -> Result<(), Failure> {
        let mut counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(instants) = counted.get_mut(&(kind, who.to_owned())) else {
            return Ok(());
        };
        instants.retain(|instant| is_recent(*instant, now));
        if instants.len() < most {
            return Ok(());
        }
        let oldest = instants.first().copied().unwrap_or(now);
        let wait = WINDOW - now.duration_since(oldest);
        Err(Failure::TooMany {
            seconds: wait.as_secs().clamp(1, WINDOW.as_secs()).unsigned_abs(),
        })
    }

    /// Counts that somebody did it.
    pub(crate) fn count(&self, kind: Kind, who: &str, now: Timestamp) {
        let mut counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        if counted.len() >= MOST_KEYS {
            counted.retain(|_, instants| instants.last().is_some_and(|last| is_recent(*last, now)));
        }
        let key = (kind, who.to_owned());
        // Too many at once: those that are known stay counted.
        if counted.len() < MOST_KEYS || counted.contains_key(&key) {
            let instants = counted.entry(key).or_default();
            instants.retain(|instant| is_recent(*instant, now));
            if instants.len() < MOST_COUNTED {
                instants.push(now);
            }
        }
    }

    /// Forgets it: they have shown who they are.
    pub(crate) fn forget(&self, kind: Kind, who: &str) {
        let mut counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        counted.remove(&(kind, who.to_owned()));
    }
}

fn is_recent(instant: Timestamp, now: Timestamp) -> bool {
    // Also when the clock was set back.
    now.duration_since(instant).abs() < WINDOW
}

/// How long something counts.
const WINDOW: SignedDuration = SignedDuration::from_mins(15);

/// Clients and addresses counted at once.
const MOST_KEYS: usize = 50_000;

/// Of one of them; no limit is higher.
const MOST_COUNTED: usize = 1000;

#[cfg(test)]
mod tests {
    use jiff::{SignedDuration, Timestamp};

    use super::{Kind, Limiter};
    use crate::failure::Failure;

    #[test]
    fn the_third_is_refused_and_told_when_to_come_back() {
        let (limiter, now) = (Limiter::default(), Timestamp::UNIX_EPOCH);
        let admit = |who, now| limiter.admit(Kind::LoginFromClient, who, 2, now);
        limiter.count(Kind::LoginFromClient, "a", now);
        assert_eq!(admit("a", now), Ok(()));
        let later = now + SignedDuration::from_mins(5);
        limiter.count(Kind::LoginFromClient, "a", later);
        assert_eq!(admit("a", later), Err(Failure::TooMany { seconds: 600 }));
        assert_eq!(admit("b", later), Ok(()));
        assert_eq!(limiter.admit(Kind::LoginOfAccount, "a", 2, later), Ok(()));
        assert_eq!(admit("a", now + SignedDuration::from_mins(15)), Ok(()));
    }
}
