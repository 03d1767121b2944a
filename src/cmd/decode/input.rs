//! What `releve decode` is given: a telegram, a file, or standard input.

use std::error::Error;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};

use collector::capture::{Content, Line, Origin, Reader, only_digits, text_of};
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
            Err(error) => match octets(text) {
                Some(octets) => Ok(Self::Telegram(octets)),
                None => {
                    Err(format!("{text:?} is neither a telegram in hexadecimal nor a file ({error})").into())
                }
            },
        }
    }

    fn lines(input: impl Read + Send + 'static) -> Self {
        Self::Lines(BufReader::with_capacity(1 << 16, Box::new(input)))
    }
}

/// Lines longer than this hold no telegram: the rest is skipped.
const MAX_LINE: u64 = 64 * 1024;

/// The next line that is not blank and no comment, without its end; false at the end of the input.
pub(super) fn next_line(input: &mut Lines, line: &mut Vec<u8>) -> io::Result<bool> {
    loop {
        line.clear();
        if input.take(MAX_LINE).read_until(b'\n', line)? == 0 {
            return Ok(false);
        }
        if !line.ends_with(b"\n") && line.len() as u64 == MAX_LINE {
            input.skip_until(b'\n')?;
        }
        let text = line.trim_ascii();
        if !text.is_empty() && !text.starts_with(b"#") {
            return Ok(true);
        }
    }
}

/// `HEX` or `HEX KEY`, or a line of any capture format, of which the first telegram counts.
pub(super) fn telegram_and_key(line: &[u8]) -> Result<(Vec<u8>, Option<Key>), Failure> {
    let mut words = line
        .split(u8::is_ascii_whitespace)
        .filter(|word| !word.is_empty())
        .map(text_of);
    let first = words.next().unwrap_or_default();
    let failure = |message: String| Failure {
        code: "not_hex",
        message,
    };
    let Some(telegram) = octets(&first) else {
        if let Some(captured) = captured(line) {
            return Ok((captured, None));
        }
        let shown: String = first.chars().take(40).collect();
        return Err(failure(format!(
            "{shown:?} is no telegram: write an even number of hexadecimal digits"
        )));
    };
    let key = match words.next() {
        None => None,
        Some(word) => Some(word.parse::<Key>().map_err(|error| Failure {
            code: "invalid_key",
            message: error.to_string(),
        })?),
    };
    Ok((telegram, key))
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

/// Octets of hexadecimal digits; `|`, `_`, `:` and `0x` are left out.
fn octets(text: &str) -> Option<Vec<u8>> {
    let text = text.strip_prefix("0x").unwrap_or(text);
    if let Some(octets) = only_digits(text).filter(|octets| !octets.is_empty()) {
        return Some(octets);
    }
    let digits: Option<Vec<u8>> = text
        .chars()
        .filter(|c| !matches!(c, '|' | '_' | ':' | ' '))
        .map(|c| c.to_digit(16).and_then(|digit| u8::try_from(digit).ok()))
        .collect();
    let digits = digits.filter(|digits| digits.len() >= 2 && digits.len().is_multiple_of(2))?;
    Some(
        digits
            .chunks_exact(2)
            .map(|pair| pair.iter().fold(0, |octet, digit| octet << 4 | digit))
            .collect(),
    )
}
