//! Faults: which file, line and column, what is wrong, and what to write instead. A key never appears in one.

use std::fmt;

use super::Column;

/// One thing that is wrong with a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The file, as it was named.
    pub file: String,
    /// The line, from 1; 0 when the whole file is meant.
    pub line: u64,
    /// The name of the column, when it is one column.
    pub column: Option<&'static str>,
    /// What is wrong, and what to write instead.
    pub message: String,
}

impl Fault {
    /// A fault of a line.
    pub(super) fn new(file: &str, line: u64, column: Option<Column>, message: impl Into<String>) -> Self {
        Self {
            file: file.to_owned(),
            line,
            column: column.map(Column::name),
            message: message.into(),
        }
    }
}

impl fmt::Display for Fault {
    /// `list.csv:12: id: 123456789 has 9 digits: write the eight digits of the radio address`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if self.line > 0 {
            write!(f, ":{}", self.line)?;
        }
        if let Some(column) = self.column {
            write!(f, ": {column}")?;
        }
        write!(f, ": {}", self.message)
    }
}

impl std::error::Error for Fault {}

/// What is said of a name that is no column's.
pub(super) fn unknown_name(heading: &str) -> String {
    match Column::nearest(heading) {
        Some(near) => format!("{} is no name here: did you mean {near:?}?", quoted(heading)),
        None => format!(
            "{} is no name here. Valid names: {}",
            quoted(heading),
            Column::names()
        ),
    }
}

/// A text from a list as a fault may quote it: short, on one line, and nothing that could be a key.
pub(super) fn quoted(text: &str) -> String {
    if looks_like_a_key(text) {
        return "what stands here (not shown, it could be a key)".to_owned();
    }
    let short: String = text.chars().take(LONGEST).collect();
    let dots = if short.len() < text.len() { "…" } else { "" };
    format!("{:?}", format!("{short}{dots}"))
}

/// Whether a text holds a run of hexadecimal digits as long as a key, whatever separates them.
pub(super) fn looks_like_a_key(text: &str) -> bool {
    let digits = text
        .chars()
        .filter(|character| !matches!(character, ' ' | ':' | '-' | '.' | ',' | '|'));
    let mut run = 0_usize;
    let mut longest = 0;
    for character in digits {
        run = if character.is_ascii_hexdigit() { run + 1 } else { 0 };
        longest = longest.max(run);
    }
    longest >= KEY_LIKE
}

/// The shortest keys have 16 digits; a run of this many is not shown.
const KEY_LIKE: usize = 12;
/// No more of a text is quoted.
const LONGEST: usize = 40;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_could_be_a_key_is_quoted() {
        for secret in [
            "000102030405060708090A0B0C0D0E0F",
            "00 01 02 03 04 05 06 07",
            "x 0102030405060708",
            "00:11:22:33:44:55:66:77|zz",
        ] {
            let shown = quoted(secret);
            assert!(shown.starts_with("what stands here"), "{shown}");
        }
        assert_eq!(quoted("12345678901"), "\"12345678901\"");
        assert_eq!(quoted("a\nb"), "\"a\\nb\"");
        assert!(quoted(&"y".repeat(100)).len() < 60);
    }
}
