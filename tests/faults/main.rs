//! What must not happen, made to happen: disks that fill, processes that are killed, clients that stall.
//!
//! Each test runs in seconds. `RELEVE_FAULT_ROUNDS` and `RELEVE_FAULT_SEED` make the killing longer and other.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod clients;
mod clock;
mod corrupted;
mod disk;
mod figures;
mod flood;
#[allow(dead_code, reason = "the other tests need the rest of it")]
#[path = "../service/harness.rs"]
mod harness;
mod kill;
mod layer;
mod limits;
mod luck;
mod powercut;
mod replayed;
mod simulation;
mod stored;
mod stuck;
mod twice;
