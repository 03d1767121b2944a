//! Where wireless M-Bus telegrams come from: radios, captures, pipes. Knows cables and log formats, knows no meters.

pub mod capture;
pub mod dongle;
mod health;
mod ladder;
pub mod ports;
pub mod pty;
pub mod receiver;
pub mod serial;
mod tap;
mod telegram;

pub use health::{Condition, Health};
pub use receiver::{Event, Receiver};
pub use tap::{Harm, Tap};
pub use telegram::{Check, LinkMode, Telegram};
