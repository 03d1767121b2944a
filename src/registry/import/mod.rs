//! Import: a list of meters as people keep it, made part of the registry.
//!
//! ```text
//! file ─► csv, toml, json ─► Row ─► entry ─► plan ─► changes, a report, faults
//!         cells        text   values   compared with what is registered
//! ```
//!
//! Nothing is written here: the changes are applied under the version of the registry that they were planned on. The
//! same list a second time changes nothing. Keys are wiped from memory when they have been taken, and no fault shows one.

mod column;
mod csv;
mod entry;
mod fault;
mod json;
mod kem;
mod keys;
mod plan;
mod row;
#[cfg(test)]
mod tests;
mod toml;
mod value;
mod zip;

use super::serial::AddressOfSerial;
use super::{Change, Registry};
pub use column::Column;
use entry::Entry;
pub use fault::Fault;
pub use kem::{KemError, is_kem};
pub use keys::{plan_kem, plan_keys};
use plan::Draft;
use row::Row;

/// How a list is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// A heading line and one line a row.
    Csv,
    /// One `[[meter]]` table a row.
    Toml,
    /// One object a row, in a list called `meter`.
    Json,
}

/// How many were new, said something else than was known, or said the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Not known before.
    pub added: u64,
    /// Known, and now different.
    pub changed: u64,
    /// Known, and the same.
    pub unchanged: u64,
}

/// What a list amounts to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Sites.
    pub sites: Tally,
    /// Dwellings.
    pub dwellings: Tally,
    /// Metering points.
    pub points: Tally,
    /// Meters.
    pub meters: Tally,
    /// Installations.
    pub installations: Tally,
    /// Rating factors.
    pub factors: Tally,
    /// Households.
    pub occupancies: Tally,
    /// Keys.
    pub keys: Tally,
}

/// What is to be done to the registry.
#[derive(Debug)]
pub struct Plan {
    /// The version of the registry that it was made on.
    pub version: u64,
    /// The changes, in an order in which they can be applied.
    pub changes: Vec<Change>,
    /// How many of what.
    pub report: Report,
    /// Rows that the list has, good and bad.
    pub rows: u64,
    /// What is wrong, by line. The changes are those of the good rows alone: whoever wants all or nothing looks here first.
    pub faults: Vec<Fault>,
}

/// Plans what a list means for a registry. `file` is for faults; `computed` turns printed serials into addresses.
pub fn plan(
    registry: &Registry,
    file: &str,
    octets: &[u8],
    format: Format,
    computed: Option<AddressOfSerial>,
) -> Plan {
    let mut draft = Draft::new(file, registry);
    let mut faults = Vec::new();
    let mut count = 0;
    match text(octets) {
        Err((line, message)) => faults.push(Fault::new(file, line, None, message)),
        Ok(text) => {
            let (rows, unreadable) = match format {
                Format::Csv => csv::rows(file, text),
                Format::Toml => toml::rows(file, text),
                Format::Json => json::rows(file, text),
            };
            count = rows.len() as u64 + unreadable.iter().filter(|fault| fault.line > 1).count() as u64;
            faults.extend(unreadable);
            let mut entries = Vec::with_capacity(rows.len());
            for row in &rows {
                match Entry::read(file, row, computed) {
                    Ok(entry) => entries.push(entry),
                    Err(wrong) => faults.extend(wrong),
                }
            }
            faults.extend(draft.take(entries));
        }
    }
    faults.sort_by_key(|fault| fault.line);
    let (report, changes) = draft.finish();
    Plan {
        version: registry.version,
        changes,
        report,
        rows: count,
        faults,
    }
}

/// The text of a file: UTF-8, with or without the mark that spreadsheets put before it.
fn text(octets: &[u8]) -> Result<&str, (u64, String)> {
    if octets.starts_with(&[0xFF, 0xFE]) || octets.starts_with(&[0xFE, 0xFF]) {
        return Err((0, "is UTF-16: save it as \"CSV UTF-8\"".to_owned()));
    }
    let octets = octets.strip_prefix(&[0xEF, 0xBB, 0xBF]).unwrap_or(octets);
    str::from_utf8(octets).map_err(|error| {
        let before = octets.get(..error.valid_up_to()).unwrap_or_default();
        let line = 1 + before.iter().filter(|octet| **octet == b'\n').count() as u64;
        (
            line,
            "is not UTF-8 from here on: save it as \"CSV UTF-8\"".to_owned(),
        )
    })
}
