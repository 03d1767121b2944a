//! The resident's pages: accounts, activation in four steps, hot water and heating.
//!
//! A client of releve's query API and nothing else: it shares no database with it and imports none of its crates. What it
//! keeps is its own small SQLite file: who has an account, and which occupancies of the service are theirs.
//!
//! Pages are made on the server and work without JavaScript. Nothing is fetched from anywhere else.

mod account;
mod accounts;
mod app;
mod assets;
pub mod config;
mod consumption;
mod failure;
mod guard;
mod guide;
mod home;
pub mod language;
mod layout;
mod mail;
mod privacy;
pub mod query;
mod secret;
mod seed;
mod server;

pub use accounts::AccountsError;
pub use app::{App, AppError, Clock};
pub use guard::Peer;
pub use language::Language;
pub use secret::Hidden;
pub use seed::{Seed, SeedError};
pub use server::serve;
