//! Text that came from outside, made plain: no control character of it reaches a terminal or a log.
//!
//! Names in lists, texts in telegrams and lines of captures are other people's. An escape sequence among them could move the
//! cursor, hide a row or type for the reader; a line break could forge a line of a log.

use std::borrow::Cow;
use std::fmt::Write;

/// For a terminal: lines and columns stay, every other control character is written out (`\u{1b}`).
pub fn plain(text: &str) -> Cow<'_, str> {
    written_out(text, |letter| letter != '\n' && letter != '\t')
}

/// For one line: line breaks are written out as well.
pub fn one_line(text: &str) -> Cow<'_, str> {
    written_out(text, |_| true)
}

/// For a cell of a table that a spreadsheet may open: a text that it would take for a formula begins with `'`, which it takes
/// for "text". Numbers with a sign stay.
pub fn cell(text: &str) -> Cow<'_, str> {
    let signed = |rest: &str| {
        rest.bytes()
            .all(|octet| octet.is_ascii_digit() || matches!(octet, b'.' | b','))
    };
    let number = text.strip_prefix(['-', '+']).is_some_and(signed);
    if is_formula(text) && !number {
        Cow::Owned(format!("'{text}"))
    } else {
        Cow::Borrowed(text)
    }
}

/// The text of a cell as it was before [`cell`].
pub fn uncell(text: &str) -> &str {
    text.strip_prefix('\'')
        .filter(|rest| is_formula(rest))
        .unwrap_or(text)
}

fn is_formula(text: &str) -> bool {
    text.starts_with(['=', '+', '-', '@', '\t', '\r'])
}

fn written_out(text: &str, refuses: impl Fn(char) -> bool) -> Cow<'_, str> {
    let commands = |letter: char| (letter.is_control() || turns(letter)) && refuses(letter);
    if !text.contains(commands) {
        return Cow::Borrowed(text);
    }
    let mut plain = String::with_capacity(text.len() + 16);
    for letter in text.chars() {
        if commands(letter) {
            // A String takes whatever is written to it.
            let _ = write!(plain, "{}", letter.escape_default());
        } else {
            plain.push(letter);
        }
    }
    Cow::Owned(plain)
}

/// Characters that turn the direction of writing or end a line without being control characters.
const fn turns(letter: char) -> bool {
    matches!(letter, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_written_out_and_everything_else_stays() {
        assert!(matches!(plain("Été\t2,85 m³\n"), Cow::Borrowed("Été\t2,85 m³\n")));
        assert_eq!(
            plain("a\u{1b}[2Jb\r\u{7f}\u{9b}1m"),
            "a\\u{1b}[2Jb\\r\\u{7f}\\u{9b}1m"
        );
        assert_eq!(plain("a\u{202e}b"), "a\\u{202e}b");
        assert_eq!(cell("=1+1"), "'=1+1");
        for (text, shown) in [
            ("@SUM(A1)", "'@SUM(A1)"),
            ("-2+3+cmd|' /C calc'!A0", "'-2+3+cmd|' /C calc'!A0"),
            ("-12.5", "-12.5"),
            ("+3", "+3"),
            ("A-007", "A-007"),
            ("'quoted", "'quoted"),
        ] {
            assert_eq!(cell(text), shown);
            assert_eq!(uncell(&cell(text)), text);
        }
        assert_eq!(one_line("a\nb\u{2028}\tc"), "a\\nb\\u{2028}\\tc");
    }
}
