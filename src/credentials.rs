//! Credentials: keys and tokens that systemd passes to the service (`LoadCredential=`), so that they need lie nowhere else.
//!
//! - `keys`: a list of keys as `releve keys import` reads it, CSV;
//! - `tokens`: one token a line, `NAME SCOPE TOKEN`.

use std::fs;
use std::path::Path;

use jiff::Timestamp;
use zeroize::Zeroizing;

use crate::api::{Scope, Secret};
use crate::registry::import::{Format, plan_keys};
use crate::store::{Store, StoreError};
use crate::systemd::credential;

/// What was taken.
#[derive(Debug, Default)]
pub struct Taken {
    /// Keys that were not known.
    pub keys: u64,
    /// Tokens that were not known.
    pub tokens: u64,
    /// What is wrong with the others, by file and line; no key and no token is in it.
    pub faults: Vec<String>,
}

/// Takes what the service was given; nothing where nothing was.
///
/// # Errors
/// The store can't be read or written.
pub fn take(store: &dyn Store) -> Result<Taken, StoreError> {
    let mut taken = Taken::default();
    if let Some(octets) = read(credential("keys").as_deref(), &mut taken) {
        take_keys(store, &octets, &mut taken)?;
    }
    if let Some(octets) = read(credential("tokens").as_deref(), &mut taken) {
        take_tokens(store, &octets, &mut taken)?;
    }
    Ok(taken)
}

fn read(path: Option<&Path>, taken: &mut Taken) -> Option<Zeroizing<Vec<u8>>> {
    let path = path?;
    match fs::read(path) {
        // The unit says so where the operator gave nothing.
        Ok(octets) => {
            Some(Zeroizing::new(octets)).filter(|octets| !matches!(octets.trim_ascii(), b"" | b"none"))
        }
        Err(error) => {
            taken
                .faults
                .push(format!("{}: can't be read: {error}", path.display()));
            None
        }
    }
}

fn take_keys(store: &dyn Store, octets: &[u8], taken: &mut Taken) -> Result<(), StoreError> {
    for _ in 0..ATTEMPTS {
        let plan = plan_keys(&store.registry()?, "keys", octets, Format::Csv, None);
        match store.apply(plan.version, &plan.changes) {
            // Someone else changed the registry in between.
            Err(StoreError::Stale) => continue,
            outcome => outcome?,
        }
        taken.keys = plan.report.keys.added;
        taken.faults.extend(plan.faults.iter().map(ToString::to_string));
        return Ok(());
    }
    Err(StoreError::Stale)
}

fn take_tokens(store: &dyn Store, octets: &[u8], taken: &mut Taken) -> Result<(), StoreError> {
    let known = store.tokens()?;
    let text = String::from_utf8_lossy(octets);
    for (line, number) in text.lines().zip(1_u64..) {
        let line = line.split('#').next().unwrap_or_default();
        let words: Vec<_> = line.split_whitespace().collect();
        let (name, scope, secret) = match words[..] {
            [] => continue,
            [name, scope, secret] => (name, Scope::from_name(scope), Secret::chosen(secret)),
            _ => {
                taken
                    .faults
                    .push(format!("tokens:{number}: write NAME SCOPE TOKEN"));
                continue;
            }
        };
        let Some(scope) = scope else {
            let scopes = Scope::ALL.map(Scope::name).join(", ");
            taken
                .faults
                .push(format!("tokens:{number}: the scope is none of {scopes}"));
            continue;
        };
        let Some(secret) = secret else {
            taken.faults.push(format!(
                "tokens:{number}: write a token of 32 to 256 printable characters, such as `openssl rand -hex 32` gives"
            ));
            continue;
        };
        let token = secret.token(name, scope, Timestamp::now());
        match known.iter().find(|known| known.name == token.name) {
            Some(known) if known.hash == token.hash && known.scope == token.scope => continue,
            // The credential is what holds.
            Some(_) => {
                store.remove_token(name)?;
            }
            None => {}
        }
        store.add_token(&token)?;
        taken.tokens += 1;
    }
    Ok(())
}

/// How often keys are planned anew when somebody else changes the registry.
const ATTEMPTS: usize = 5;
