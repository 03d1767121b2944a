//! Who may ask: bearer tokens, each with one scope, kept as their SHA-256 only.

use std::fmt;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::store::Token;

use super::Context;
use super::problem::Problem;

/// What a token may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// The portal's back end: sites, dwellings, consumption, the change feed.
    Portal,
    /// The operator: all of it, and meters, their readings and the air.
    Operator,
    /// A monitoring system: figures about the service itself.
    Metrics,
}

impl Scope {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Portal, Self::Operator, Self::Metrics];

    /// The word, as tokens keep it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Portal => "portal",
            Self::Operator => "operator",
            Self::Metrics => "metrics",
        }
    }

    /// The scope with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scope| scope.name() == name)
    }
}

/// A new token, known to nobody but the one who is told now. Neither `Debug` nor any log shows it.
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// 256 bits from the operating system.
    ///
    /// # Errors
    /// The system has no randomness.
    pub fn generate() -> Result<Self, getrandom::Error> {
        let mut octets = Zeroizing::new([0; 32]);
        getrandom::fill(&mut *octets)?;
        // Room for all of it, so that growing leaves no copy behind.
        let mut text = Zeroizing::new(String::with_capacity(PREFIX.len() + 64));
        text.push_str(PREFIX);
        for octet in octets.iter() {
            for digit in [octet >> 4, octet & 0xF] {
                text.extend(char::from_digit(u32::from(digit), 16));
            }
        }
        Ok(Self(text))
    }

    /// One that somebody chose: at least 32 characters of ASCII that can be printed, without blanks.
    pub fn chosen(text: &str) -> Option<Self> {
        let fits =
            text.len() >= 32 && text.len() <= 256 && text.bytes().all(|octet| octet.is_ascii_graphic());
        fits.then(|| Self(Zeroizing::new(text.to_owned())))
    }

    /// To be shown once.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// What the store keeps of it.
    pub fn token(&self, name: &str, scope: Scope, created: Timestamp) -> Token {
        Token {
            name: name.to_owned(),
            scope: scope.name().to_owned(),
            hash: hash(&self.0),
            created,
        }
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// Whose token a request bears.
#[derive(Clone, Debug)]
pub(super) struct Caller {
    /// The token's name.
    pub(super) name: String,
    /// What it may do.
    pub(super) scope: Scope,
}

/// Lets a request pass when its token has one of the scopes; handlers find the [`Caller`] among its extensions.
pub(super) async fn require(
    State((context, needs)): State<(Context, &'static [Scope])>,
    mut request: Request,
    next: Next,
) -> Response {
    match admit(&context, request.headers(), needs).await {
        Ok(caller) => {
            request.extensions_mut().insert(caller);
            next.run(request).await
        }
        Err(problem) => problem.into_response(),
    }
}

pub(super) async fn admit(
    context: &Context,
    headers: &HeaderMap,
    needs: &'static [Scope],
) -> Result<Caller, Problem> {
    let Some(given) = bearer(headers) else {
        return Err(Problem::Unauthenticated {
            given: headers.contains_key(header::AUTHORIZATION),
        });
    };
    known(context, hash(given), needs).await
}

/// Whose the token with a hash is, when it has one of the scopes.
pub(super) async fn known(
    context: &Context,
    given: [u8; 32],
    needs: &'static [Scope],
) -> Result<Caller, Problem> {
    let caller = match context.memory.caller(&*context.store, &given) {
        Some(caller) => caller,
        None => looked_up(context, given).await?,
    };
    if needs.contains(&caller.scope) {
        Ok(caller)
    } else {
        Err(Problem::Forbidden {
            has: caller.scope,
            needs,
        })
    }
}

/// Whose the token with a hash is, by the store.
async fn looked_up(context: &Context, given: [u8; 32]) -> Result<Caller, Problem> {
    let memory = Arc::clone(&context.memory);
    let caller = context
        .ask_as_it_is(move |store| {
            let begun = memory.begin();
            let caller = store
                .token_by_hash(&given)?
                // The look-up went by an index; what counts is compared without telling by its time how far it agreed.
                .filter(|token| bool::from(token.hash.ct_eq(&given)))
                // A scope of a later release allows nothing here.
                .and_then(|token| Some((Scope::from_name(&token.scope)?, token.name)))
                .map(|(scope, name)| Caller { name, scope });
            if let Some(caller) = &caller {
                memory.keep_caller(begun, given, caller);
            }
            Ok(caller)
        })
        .await?;
    caller.ok_or(Problem::Unauthenticated { given: true })
}

/// The token of an `Authorization: Bearer` header; `None` when there is none, or more than one header.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let value = values.next()?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty() && values.next().is_none()).then_some(token)
}

/// What the store keeps of a token.
pub(super) fn hash(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

/// Tells a token from other secrets where one is found lying around.
const PREFIX: &str = "releve_";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_differ_and_never_show() {
        let (a, b) = (Secret::generate().unwrap(), Secret::generate().unwrap());
        assert_ne!(a.reveal(), b.reveal());
        assert_eq!(a.reveal().len(), PREFIX.len() + 64);
        assert_eq!(format!("{a:?}"), "Secret(…)");
        let token = a.token("portal", Scope::Portal, Timestamp::UNIX_EPOCH);
        assert!(!format!("{token:?}").contains(&a.reveal()[PREFIX.len()..]));
        assert_eq!(token.hash, hash(a.reveal()));
    }

    #[test]
    fn only_one_well_formed_bearer_counts() {
        let headers = |values: &[&str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(header::AUTHORIZATION, value.parse().unwrap());
            }
            headers
        };
        assert_eq!(bearer(&headers(&["Bearer abc"])), Some("abc"));
        assert_eq!(bearer(&headers(&["bearer  abc "])), Some("abc"));
        for wrong in [
            &[][..],
            &["Basic abc"],
            &["Bearer"],
            &["Bearer "],
            &["Bearer a", "Bearer b"],
        ] {
            assert_eq!(bearer(&headers(wrong)), None, "{wrong:?}");
        }
    }
}
