//! Wireless M-Bus meter families: from data records to readings and back.
//!
//! ```text
//! Families::identify   whose telegram is it, also where a maker bends the headers
//! Families::open       key → Message
//! Families::decode     Message → Decoded: readings, facts, remarks
//! Family::speak        readings → application data, the same page backwards
//! ```
//!
//! A family is one TOML page in `families/`; code stands in `scrambled/` only for what a page can't say.

mod addresses;
mod almanac;
mod block;
mod dating;
mod decoded;
mod events;
pub mod example;
mod facts;
mod families;
mod family;
mod history;
mod makers;
mod page;
mod quirks;
pub mod reading;
mod rule;
pub mod scrambled;
mod series;
mod speak;
mod standard;
pub mod statement;
mod status;
mod table;
mod telegram;
mod write;

pub use decoded::{Decoded, Fact, Remark};
pub use families::Families;
pub use family::{Claim, Family};
pub use page::{Example, HeaderSize, PageError};
pub use speak::{Speech, Spoken};
pub use telegram::Sealing;

/// What a decoder is told besides the telegram.
#[derive(Clone, Copy, Debug, Default)]
pub struct Context {
    /// The local day of reception at the site, where it is known: gives years to dates that have none.
    pub received: Option<wmbus::apl::Date>,
    /// Remarks are left out: for whoever keeps the values alone.
    pub without_remarks: bool,
}
