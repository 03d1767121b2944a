//! Wireless M-Bus from octets to data records and back: EN 13757-3, -4, -7 and OMS.
//!
//! `no_std` with `alloc`; no I/O, no clock, no makers. Everything that is parsed here can also be encoded.
#![no_std]

extern crate alloc;

pub mod address;
mod cursor;
mod decimal;
mod error;

pub use address::{Address, DeviceType, IdentificationNumber, Manufacturer, Version};
pub use decimal::Decimal;
pub use error::{Error, ErrorKind, ForeignSystem, Layer};
