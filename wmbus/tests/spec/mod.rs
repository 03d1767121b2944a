//! The shared specifications, read at run time: what the tests of this folder need to find vectors in them.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of tests, not all used by each"
)]

use wmbus::apl::{Item, Record, Records};

/// The text of a specification, or `None` where the folder is not there, which is said.
pub(crate) fn specification(name: &str) -> Option<String> {
    let path = format!("{}/../../shared/specs/{name}", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).ok();
    if text.is_none() {
        eprintln!("skipped: the specification {name} is not beside the workspace");
    }
    text
}

/// The part between two headings.
pub(crate) fn section<'a>(text: &'a str, from: &str, to: &str) -> &'a str {
    let start = text.find(from).unwrap();
    &text[start..start + text[start..].find(to).unwrap()]
}

/// The cells of a row of a table, without code marks.
pub(crate) fn cells(row: &str) -> Vec<String> {
    row.trim_matches('|')
        .split('|')
        .map(|cell| cell.trim().replace('`', ""))
        .collect()
}

/// The rows of a section's tables whose first cell is code.
pub(crate) fn rows(section: &str) -> impl Iterator<Item = Vec<String>> {
    section.lines().filter(|line| line.starts_with("| `")).map(cells)
}

/// Texts in code marks, in order.
pub(crate) fn code(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// The records of a payload.
pub(crate) fn records(payload: &[u8]) -> Vec<Record<'_>> {
    Records::new(payload, 0)
        .filter_map(|item| match item {
            Item::Record(record) => Some(record),
            _ => None,
        })
        .collect()
}
