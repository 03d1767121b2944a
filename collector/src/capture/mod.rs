//! Capture formats: what programs and people write down when they hear telegrams, read line by line.
//!
//! Each line is recognised by its content, on its own, so files may mix formats and logs may stand in between:
//!
//! ```text
//! TIME -67 T checked HEX @radio           our own, see [`Writer`]; other orders of time, signal, mode, HEX too
//! T1;1;1;TIME;…;0xHEX                     rtl_wmbus, and gateways that imitate it
//! {"model" : "Wireless-MBus", …}          rtl_433 in JSON, and in CSV once its header line was seen
//! telegram=|HEX|HEX|+SECONDS              simulations and logs of wmbusmeters
//! bHEX, bYHEX, bHEX::-67:NAME             CUL sticks, FHEM
//! {"frameType":"A","containsCrc":…}       ioBroker
//! {"_":"decode","telegram":"HEX"}         line requests, also as XMQ and XML
//! 1;*SEN;68;07; T; -83;00;HEX;            Elvaco
//! some/topic PAYLOAD                      an MQTT client's output, with any of these as payload
//! HEX, 0xHEX, ZHEX, 1E 44 …, 1E_44|…      plain hexadecimal
//! # text                                  a comment
//! ```
//!
//! A new format is a file here, a line in `recogniser.rs` and an example in the tests.

pub(crate) mod cul;
mod elvaco;
mod hex;
mod iobroker;
mod json;
mod pasted;
mod reader;
mod recogniser;
mod rejection;
mod request;
mod rtl_433;
mod rtl_433_csv;
mod rtl_wmbus;
mod simulation;
mod stamped;
mod time;
mod writer;

use std::sync::Arc;

use jiff::Timestamp;
use jiff::tz::TimeZone;

pub(crate) use cul::half_steps_dbm;
pub use hex::push_digits;
pub use reader::{Line, MAX_LINE, Reader};
pub use recogniser::text_of;
pub use recogniser::{Content, Recogniser, Skipped};
pub use rejection::{Code, Rejection};
pub use writer::{Format, Writer};

/// What the lines of a source don't say themselves.
#[derive(Clone, Debug)]
pub struct Origin {
    /// The name telegrams carry as their radio, unless a line of our own format names another.
    pub radio: Arc<str>,
    /// Zone of time stamps that carry none (`rtl_wmbus`, `rtl_433`).
    pub zone: TimeZone,
    /// The instant that the offsets of a simulation (`+N` seconds) count from; without it they give no time.
    pub start: Option<Timestamp>,
}

impl Origin {
    /// A source in UTC with no start.
    pub fn new(radio: &str) -> Self {
        Self {
            radio: radio.into(),
            zone: TimeZone::UTC,
            start: None,
        }
    }

    /// The same in another zone.
    #[must_use]
    pub fn in_zone(mut self, zone: TimeZone) -> Self {
        self.zone = zone;
        self
    }

    /// The same with simulations starting at this instant.
    #[must_use]
    pub fn starting_at(mut self, start: Timestamp) -> Self {
        self.start = Some(start);
        self
    }
}
