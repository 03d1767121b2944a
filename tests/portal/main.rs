//! A simulated building, heard and served by the service, with the resident's pages in front of it: the figures on the pages are what
//! the meters counted.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod figures;
#[allow(dead_code, reason = "the other tests need the rest of it")]
#[path = "../service/harness.rs"]
mod harness;
mod lost;
mod resident;
mod sums;
