//! Wireless M-Bus from octets to data records and back: EN 13757-3, -4, -7 and OMS.
//!
//! `no_std` with `alloc`; no I/O, no clock, no makers. Everything that is parsed here can also be encoded.
#![no_std]

extern crate alloc;

pub mod address;
pub mod afl;
pub mod apl;
pub mod ci;
mod cursor;
mod decimal;
pub mod dll;
pub mod ell;
mod error;
mod frame;
mod message;
mod notes;
pub mod phy;
mod reassembly;
pub mod security;
pub mod tpl;

pub use address::{Address, DeviceType, IdentificationNumber, Manufacturer, Version};
pub use ci::Content;
pub use decimal::Decimal;
pub use error::{Error, ErrorKind, ForeignSystem, Layer};
pub use frame::{Frame, Plan, Seal};
pub use message::Message;
pub use notes::{Note, Notes};
pub use phy::FrameFormat;
pub use reassembly::Reassembler;
pub use security::Key;
