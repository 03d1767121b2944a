//! How often somebody may guess: questions for a dwelling or a residence that lead nowhere are counted, per client.
//!
//! A serial number has eight digits, most of them alike in one building, so whoever may try for ever finds the
//! neighbours. A portal tells its residents apart by the header `Releve-Client` (any text, a hash of the session say);
//! without it all of them are one client, with more room.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use jiff::{SignedDuration, Timestamp};

use super::Context;
use super::auth::{Caller, Scope};
use super::problem::Problem;

/// Who asks, as far as guessing goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Guest {
    /// The token's name, and what it said of its resident; `None` for an operator, who may list everything anyway.
    who: Option<Client>,
}

/// A token's name, and what it said of its resident.
type Client = (String, Option<String>);

/// What was guessed lately.
#[derive(Debug, Default)]
pub(super) struct Attempts {
    /// For each client, the instants of its latest failures, oldest first.
    failures: Mutex<HashMap<Client, Vec<Timestamp>>>,
}

impl FromRequestParts<Context> for Guest {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &Context) -> Result<Self, Problem> {
        let caller = parts.extensions.get::<Caller>().ok_or(Problem::Internal)?;
        if caller.scope == Scope::Operator {
            return Ok(Self { who: None });
        }
        let client = match parts.headers.get(CLIENT) {
            None => None,
            Some(client) => match client.to_str() {
                Ok(client) if (1..=LONGEST).contains(&client.len()) => Some(client.to_owned()),
                _ => {
                    return Err(Problem::invalid(
                        CLIENT,
                        "write 1 to 128 characters of ASCII, such as a hash of the resident's session",
                    ));
                }
            },
        };
        Ok(Self {
            who: Some((caller.name.clone(), client)),
        })
    }
}

impl Guest {
    /// Somebody in front of the login, told from others by what their browser sends back.
    pub(super) fn at_login(browser: Option<&str>) -> Self {
        Self {
            // No token has this name: those have at least a letter.
            who: Some((String::new(), browser.map(str::to_owned))),
        }
    }
}

impl Attempts {
    /// Refuses one who has guessed too often.
    pub(super) fn admit(&self, guest: &Guest, now: Timestamp) -> Result<(), Problem> {
        let Some(who) = &guest.who else { return Ok(()) };
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        for client in clients(who) {
            let most = most(&client);
            let Some(instants) = failures.get_mut(&client) else {
                continue;
            };
            instants.retain(|instant| is_recent(*instant, now));
            if instants.len() >= most
                && let Some(oldest) = instants.first()
            {
                let wait = WINDOW - now.duration_since(*oldest);
                return Err(Problem::TooManyAttempts {
                    seconds: wait.as_secs().clamp(1, WINDOW.as_secs()).unsigned_abs(),
                });
            }
        }
        Ok(())
    }

    /// Counts a question that led nowhere.
    pub(super) fn failed(&self, guest: &Guest, now: Timestamp) {
        let Some(who) = &guest.who else { return };
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        if failures.len() >= MOST_CLIENTS {
            failures.retain(|_, instants| instants.last().is_some_and(|last| is_recent(*last, now)));
        }
        for client in clients(who) {
            // Too many at once: those that are known stay counted, and the token as a whole is.
            if failures.len() < MOST_CLIENTS || client.1.is_none() || failures.contains_key(&client) {
                failures.entry(client).or_default().push(now);
            }
        }
    }
}

/// The one who asks, and the token as a whole.
fn clients((token, client): &Client) -> Vec<Client> {
    let mut clients = vec![(token.clone(), None)];
    if client.is_some() {
        clients.push((token.clone(), client.clone()));
    }
    clients
}

/// Of one resident few, of a whole portal more.
fn most((_, client): &Client) -> usize {
    if client.is_some() {
        MOST_OF_ONE
    } else {
        MOST_OF_ALL
    }
}

fn is_recent(instant: Timestamp, now: Timestamp) -> bool {
    // Also when the clock was set back.
    now.duration_since(instant).abs() < WINDOW
}

/// The header that tells a portal's residents apart.
const CLIENT: &str = "releve-client";

/// Longer texts are refused.
const LONGEST: usize = 128;

/// So many failures of one resident within the window.
const MOST_OF_ONE: usize = 10;

/// So many of all residents of a portal.
const MOST_OF_ALL: usize = 300;

/// After this a failure is forgotten.
const WINDOW: SignedDuration = SignedDuration::from_mins(10);

/// So many clients are told apart at once.
const MOST_CLIENTS: usize = 10_000;

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::ToSpan;

    fn guest(client: Option<&str>) -> Guest {
        Guest {
            who: Some(("portal".to_owned(), client.map(str::to_owned))),
        }
    }

    #[test]
    fn ten_guesses_and_then_a_pause() {
        let attempts = Attempts::default();
        let start = Timestamp::UNIX_EPOCH;
        let (one, other) = (guest(Some("a")), guest(Some("b")));
        for second in 0..10 {
            attempts.admit(&one, start + second.seconds()).unwrap();
            attempts.failed(&one, start + second.seconds());
        }
        let refused = attempts.admit(&one, start + 10.seconds());
        assert!(matches!(refused, Err(Problem::TooManyAttempts { seconds: 590 })));
        attempts.admit(&other, start + 10.seconds()).unwrap();
        attempts.admit(&one, start + 601.seconds()).unwrap();
        // An operator is not counted.
        let operator = Guest { who: None };
        for _ in 0..1000 {
            attempts.failed(&operator, start);
        }
        attempts.admit(&operator, start).unwrap();
    }

    #[test]
    fn whoever_takes_a_new_name_each_time_is_stopped_by_the_token_and_costs_little() {
        let attempts = Attempts::default();
        let start = Timestamp::UNIX_EPOCH;
        let mut admitted = 0;
        for number in 0..20_000 {
            let guest = guest(Some(&number.to_string()));
            if attempts.admit(&guest, start).is_ok() {
                admitted += 1;
                attempts.failed(&guest, start);
            }
        }
        assert_eq!(admitted, MOST_OF_ALL);
        assert!(attempts.failures.lock().unwrap().len() <= MOST_OF_ALL + 1);
    }
}
