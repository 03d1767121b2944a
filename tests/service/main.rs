//! End-to-end tests of the binary: files in, answers out, as its users see it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod care;
mod cli;
mod daemon;
mod demo;
mod docs;
mod erase;
mod families;
mod fixtures;
mod fragments;
mod harness;
mod keys;
mod kill;
mod linked;
mod listen;
mod radio;
mod redecode;
mod replay;
mod rooms;
mod scenario;
mod systemd;
mod terminal;
mod truth;
mod truth_http;
mod truth_seeds;
