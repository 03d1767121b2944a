//! The archive: telegrams as they were received, for as many days as the operator says.
//!
//! ```text
//!            settled together, read, can be made again octet for octet        everything else
//! telegram ─► packs   a row for a meter's hour, by differences, sealed        rows    one each
//!                     `pack` writes it, `packs` keeps it, `apart` ends it, `walk` reads both
//! ```
//!
//! A sealed telegram has a hundred octets that repeat nothing. Out of its seal ([`wmbus::bare`]) it differs from the one before
//! in some ten, and it can be sealed again: so a month of telegrams takes a sixth of the room, and of what is written.

mod apart;
mod pack;
mod packs;
mod rows;
mod walk;

pub(super) use apart::let_go;
pub(super) use pack::is_sound;
pub(super) use packs::{Packs, hour_of, packed};
pub(super) use rows::Filing;
pub(super) use walk::archive;

use super::write::Fault;
use crate::store::StoreError;

fn refused(why: &str) -> Fault {
    StoreError::Refused(why.to_owned()).into()
}
