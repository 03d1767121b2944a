//! Where wireless M-Bus telegrams come from: radios, captures, pipes. Knows cables and log formats, knows no meters.

pub mod capture;
mod telegram;

pub use telegram::{Check, LinkMode, Telegram};
