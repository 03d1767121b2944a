//! What `releve decode` is given: a telegram, a file, or standard input.

use std::error::Error;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::ops::Range;

use collector::capture::{Content, Line, Origin, Reader, push_digits, text_of};
use wmbus::Key;

use super::line::Failure;

/// One argument.
pub(super) enum Input {
    /// A telegram in hexadecimal.
    Telegram(Vec<u8>),
    /// A file or standard input, a telegram a line.
    Lines(Lines),
}

/// Lines, some of which may be at hand already.
pub(super) type Lines = BufReader<Box<dyn Read + Send>>;

impl Input {
    pub(super) fn of(text: &str) -> Result<Self, Box<dyn Error + Send + Sync>> {
        if text == "-" {
            return Ok(Self::lines(io::stdin()));
        }
        match File::open(text) {
            Ok(file) => Ok(Self::lines(file)),
            Err(error) => {
                let mut octets = Vec::new();
                if push_octets(text.as_bytes(), &mut octets) {
                    Ok(Self::Telegram(octets))
                } else {
                    Err(format!("{text:?} is neither a telegram in hexadecimal nor a file ({error})").into())
                }
            }
        }
    }

    fn lines(input: impl Read + Send + 'static) -> Self {
        Self::Lines(BufReader::with_capacity(1 << 16, Box::new(input)))
    }
}

/// Lines longer than this hold no telegram: the rest is skipped.
const MAX_LINE: u64 = 64 * 1024;

/// Appends the next line to `text` and tells where it stands there; nothing is appended of a line that is blank or a
/// comment. `None` at the end of the input.
pub(super) fn next_line(input: &mut Lines, text: &mut Vec<u8>) -> io::Result<Option<Range<usize>>> {
    let begin = text.len();
    let count = input.take(MAX_LINE).read_until(b'\n', text)?;
    if count == 0 {
        return Ok(None);
    }
    if count as u64 == MAX_LINE && !text.ends_with(b"\n") {
        input.skip_until(b'\n')?;
    }
    let line = text.get(begin..).unwrap_or_default().trim_ascii_start();
    if line.is_empty() || line.starts_with(b"#") {
        text.truncate(begin);
    }
    Ok(Some(begin..text.len()))
}

/// `HEX` or `HEX KEY`, or a line of any capture format, of which the first telegram counts: appends the octets to `room`,
/// and tells where they stand there.
pub(super) fn telegram_and_key(
    line: &[u8],
    room: &mut Vec<u8>,
) -> Result<(Range<usize>, Option<Key>), Failure> {
    let begin = room.len();
    let (first, rest) = word(line);
    if !push_octets(first, room) {
        if let Some(captured) = captured(line) {
            room.extend(captured);
            return Ok((begin..room.len(), None));
        }
        let shown: String = text_of(first).chars().take(40).collect();
        return Err(Failure {
            code: "not_hex",
            message: format!("{shown:?} is no telegram: write an even number of hexadecimal digits"),
        });
    }
    let key = match word(rest) {
        (b"", _) => None,
        (word, _) => Some(text_of(word).parse::<Key>().map_err(|error| Failure {
            code: "invalid_key",
            message: error.to_string(),
        })?),
    };
    Ok((begin..room.len(), key))
}

/// The first word, and what follows it.
fn word(text: &[u8]) -> (&[u8], &[u8]) {
    const EACH: u64 = u64::from_ne_bytes([1; 8]);
    let text = text.trim_ascii_start();
    // Eight octets at a time while all lie above the blank: what does not leaves a top bit. Others than ASCII, which have
    // one anyway, are looked at one by one.
    let (steps, _) = text.as_chunks::<8>();
    let is_word = |step: &&[u8; 8]| {
        let octets = u64::from_le_bytes(**step);
        (octets.wrapping_sub(EACH * 0x21) | octets) & (EACH * 0x80) == 0
    };
    let whole = 8 * steps.iter().take_while(is_word).count();
    let rest = text.get(whole..).unwrap_or_default();
    let end = rest
        .iter()
        .position(u8::is_ascii_whitespace)
        .unwrap_or(rest.len());
    text.split_at_checked(whole + end).unwrap_or((text, &[]))
}

/// The telegram in a line as receivers write it.
fn captured(line: &[u8]) -> Option<Vec<u8>> {
    match Reader::new(line, Origin::new("line")).read_line() {
        Ok(Some(Line {
            content: Content::Telegrams(telegrams),
            ..
        })) => telegrams.into_iter().next().map(|telegram| telegram.octets),
        _ => None,
    }
}

/// Appends the octets of hexadecimal digits; `|`, `_`, `:` and `0x` are left out. False when there are none.
fn push_octets(text: &[u8], room: &mut Vec<u8>) -> bool {
    let digits = text.strip_prefix(b"0x").unwrap_or(text);
    if !digits.is_empty() && push_digits(digits, room) {
        return true;
    }
    let digits: Option<Vec<u8>> = text_of(digits)
        .chars()
        .filter(|c| !matches!(c, '|' | '_' | ':' | ' '))
        .map(|c| c.to_digit(16).and_then(|digit| u8::try_from(digit).ok()))
        .collect();
    let Some(digits) = digits.filter(|digits| digits.len() >= 2 && digits.len().is_multiple_of(2)) else {
        return false;
    };
    let octets = digits.chunks_exact(2);
    room.extend(octets.map(|pair| pair.iter().fold(0, |octet, digit| octet << 4 | digit)));
    true
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn words_are_what_stands_between_blanks(
            text in prop::collection::vec(prop_oneof![8 => 0x30_u8..0x40, 1 => Just(b' '), 1 => any::<u8>()], 0..60)
        ) {
            let mut rest = &text[..];
            for expected in text.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty()) {
                let (found, behind) = word(rest);
                prop_assert_eq!(found, expected);
                rest = behind;
            }
            prop_assert_eq!(word(rest).0, b"");
        }
    }
}
