//! The modules of the `releve` binary, as a library for tests in process.

pub mod air;
pub mod alerts;
pub mod api;
pub mod care;
pub mod checkup;
pub mod clock;
pub mod cmd;
pub mod config;
pub mod consumption;
pub mod credentials;
pub mod disk;
mod hash;
pub mod intake;
pub mod json;
pub mod keys;
mod logging;
pub mod pipeline;
pub mod plain;
pub mod redecode;
pub mod registry;
pub mod simulate;
pub mod store;
pub mod systemd;
