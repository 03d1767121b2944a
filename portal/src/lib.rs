//! The resident's pages: accounts, activation in four steps, hot water and heating.
//!
//! A client of releve's query API and nothing else: it shares no database with it and imports none of its crates. What it
//! keeps is its own small SQLite file: who has an account, and which occupancies of the service are theirs.
//!
//! Pages are made on the server and work without JavaScript. Nothing is fetched from anywhere else.

pub mod language;
pub mod query;

pub use language::Language;
