//! The portal from outside: a browser without JavaScript, a releve that is played, and what must never happen.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests may stop at the first surprise"
)]

mod account;
mod activation;
mod cli;
mod fake;
mod guards;
mod harness;
mod isolation;
mod links;
mod outbox;
