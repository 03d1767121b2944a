//! Wireless M-Bus from octets to data records and back: EN 13757-3, -4, -7 and OMS.
//!
//! `no_std` with `alloc`; no I/O, no clock, no makers. Everything that is parsed here can also be encoded.
//!
//! ```text
//! chips ─► octets ─► stripped telegram ─► Frame ─key─► Message ─► records
//!      phy      phy                  │             │          │
//!                 dll  ell  afl  tpl ┘    security ┘      apl ┘
//! ```
//!
//! | layer | module | what it adds |
//! | --- | --- | --- |
//! | PHY | [`phy`] | line codes, frame formats A and B, link CRCs, what a buffer of unknown origin holds |
//! | DLL | [`dll`] | kind of telegram, sender |
//! | ELL | [`ell`] | reachability, receiver, AES-CTR |
//! | AFL | [`afl`] | message counter, MAC, fragments (put together by [`Reassembler`]) |
//! | TPL | [`tpl`] | the meter's address, access number, status, security mode |
//! | APL | [`apl`] | data records |
//!
//! Each layer above the link begins with a CI-field: [`ci`] knows them all. [`Frame`] is the only place that knows
//! which layer follows which. What it can't read above the link it keeps as a fault, so that the address of a sealed or
//! damaged telegram is still known.
//!
//! # Three calls
//!
//! ```
//! use wmbus::{Frame, Key, apl::Item};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let hex = "2E449649110726202A167A5C002085046F27FCDE77028803F694A0A3D3795E0F62BDBA81EF37918CCB1DFFBB980E9C";
//! # let octets = (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16));
//! # let octets = octets.collect::<Result<Vec<u8>, _>>()?;
//! let frame = Frame::parse(&octets)?;
//! println!("{} in security mode {:?}", frame.meter(), frame.mode());
//!
//! let key: Key = "9F3C6A1E58D4720BB1E64C0597A8D23F".parse()?;
//! let message = frame.open(&[key])?;
//!
//! for item in message.records() {
//!     if let Item::Record(record) = item {
//!         println!("{:?} = {:?}", record.vib.quantity, record.value());
//!     }
//! }
//! # assert_eq!(message.records().count(), 4);
//! # Ok(())
//! # }
//! ```
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
pub use frame::bare;
pub use frame::{Frame, Plan, Seal};
pub use message::Message;
pub use notes::{Note, Notes};
pub use phy::FrameFormat;
pub use reassembly::Reassembler;
pub use security::Key;
