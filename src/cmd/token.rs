//! `releve token`: who may ask the API. A token is shown once, when it is made; the store keeps its SHA-256.

use std::fmt::Write;
use std::path::PathBuf;

use jiff::Timestamp;
use serde_json::json;

use super::{Done, Outcome, print};
use crate::api::{Scope, Secret};
use crate::store::{SqliteStore, Store};

/// Make, list and remove the tokens of the API.
#[derive(clap::Args)]
#[command(after_help = "Example: releve token add portal-back-end --scope portal")]
pub(super) struct Args {
    #[command(subcommand)]
    what: What,
    /// The store that knows the tokens.
    #[arg(long, global = true, value_name = "FILE", default_value = super::DEFAULT_DB)]
    db: PathBuf,
    /// Write JSON for machines.
    #[arg(long, global = true)]
    json: bool,
}

#[derive(clap::Subcommand)]
enum What {
    /// Make a token and show it, this once.
    Add {
        /// What to call it, to tell it from others: who uses it, and where.
        #[arg(value_parser = name)]
        name: String,
        /// What it may do.
        #[arg(long, value_parser = scope)]
        scope: Scope,
    },
    /// List the tokens: names, scopes, when they were made.
    List,
    /// Remove a token; whoever uses it is refused from now on.
    Remove {
        /// The name it was given.
        name: String,
    },
}

pub(super) fn run(args: &Args) -> Outcome {
    let store = SqliteStore::open(&args.db)?;
    let text = answer(&store, &args.what, args.json, Timestamp::now())?;
    print(&text)?;
    Ok(Done::Whole)
}

fn answer(
    store: &dyn Store,
    what: &What,
    json: bool,
    now: Timestamp,
) -> Result<String, Box<dyn std::error::Error + Send + Sync>> {
    match what {
        What::Add { name, scope } => {
            let secret = Secret::generate()?;
            store.add_token(&secret.token(name, *scope, now))?;
            let token = secret.reveal();
            Ok(if json {
                format!(
                    "{}\n",
                    json!({ "name": name, "scope": scope.name(), "token": token })
                )
            } else {
                format!("{token}\n")
            })
        }
        What::List => {
            let tokens = store.tokens()?;
            if json {
                let rows: Vec<_> = tokens
                    .iter()
                    .map(|token| {
                        json!({
                            "name": token.name,
                            "scope": token.scope,
                            "created": token.created.to_string(),
                        })
                    })
                    .collect();
                return Ok(format!("{}\n", serde_json::Value::Array(rows)));
            }
            let widest = tokens.iter().map(|token| token.name.chars().count()).max();
            let width = widest.unwrap_or_default().max("NAME".len());
            let mut table = format!("{:width$}  {:8}  CREATED\n", "NAME", "SCOPE");
            for token in &tokens {
                writeln!(
                    table,
                    "{:width$}  {:8}  {}",
                    token.name, token.scope, token.created
                )?;
            }
            Ok(table)
        }
        What::Remove { name } => {
            if !store.remove_token(name)? {
                return Err(
                    format!("no token is called {name:?}: `releve token list` shows all there are").into(),
                );
            }
            Ok(if json {
                format!("{}\n", json!({ "name": name, "removed": true }))
            } else {
                format!("{name} is removed\n")
            })
        }
    }
}

fn scope(text: &str) -> Result<Scope, String> {
    Scope::from_name(text).ok_or_else(|| {
        let known = Scope::ALL.map(Scope::name).join(", ");
        format!("write one of {known}")
    })
}

/// Names stand in tables and logs: printable, and not endless.
fn name(text: &str) -> Result<String, String> {
    if text.is_empty() || text.chars().count() > 64 || text.chars().any(char::is_control) {
        return Err("write 1 to 64 characters that can be printed".to_owned());
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: Args,
    }

    fn parsed(line: &str) -> Result<Args, clap::Error> {
        Line::try_parse_from(line.split(' ')).map(|line| line.args)
    }

    #[test]
    fn a_token_is_shown_once_and_known_by_its_hash_only() {
        let folder = std::env::temp_dir().join(format!("releve-token-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let store = SqliteStore::create(&folder.join("releve.db")).unwrap();
        let now = "2026-03-15T12:00:00Z".parse().unwrap();
        let said = |line: &str| {
            let args = parsed(&format!("token {line}")).ok().unwrap();
            answer(&store, &args.what, args.json, now).map_err(|error| error.to_string())
        };
        let token = said("add portal --scope portal").unwrap();
        let token = token.trim();
        assert!(token.starts_with("releve_"));
        let json: serde_json::Value =
            serde_json::from_str(&said("add watch --scope metrics --json").unwrap()).unwrap();
        assert_eq!(json["scope"], "metrics");
        assert_ne!(json["token"], token);
        // The name is taken.
        assert!(said("add portal --scope operator").is_err());
        let list = said("list").unwrap();
        assert_eq!(
            list,
            "NAME    SCOPE     CREATED\n\
             portal  portal    2026-03-15T12:00:00Z\n\
             watch   metrics   2026-03-15T12:00:00Z\n"
        );
        assert!(!said("list --json").unwrap().contains(&token[7..]));
        assert_eq!(said("remove watch").unwrap(), "watch is removed\n");
        assert!(said("remove watch").unwrap_err().contains("releve token list"));
        assert_eq!(store.tokens().unwrap().len(), 1);
        std::fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn scopes_and_names_are_checked() {
        assert!(parsed("token add portal --scope admin").is_err());
        assert!(parsed("token add portal").is_err());
        assert!(parsed("token add  --scope portal").is_err());
        assert!(name("a\nb").is_err());
        assert!(name(&"x".repeat(65)).is_err());
    }
}
