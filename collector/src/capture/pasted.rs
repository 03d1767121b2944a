//! Lines that people paste from logs: an analyser's address, a debug log that quotes what it received.
//!
//! ```text
//! … https://…/analyze/HEX …          … received "HEX" …
//! ```

use super::Origin;
use super::hex;
use super::rejection::Rejection;
use crate::{Check, Telegram};

/// Fewer digits in a row are something else.
const MIN_DIGITS: usize = 22;

/// What stands in front of a telegram in such lines.
const MARKS: [&str; 2] = ["/analyze/", "received \""];

/// The digits of the telegram in such a line.
pub(super) fn digits(text: &str) -> Option<&str> {
    let (_, rest) = MARKS.iter().find_map(|mark| text.split_once(mark))?;
    let digits = rest
        .split(|character: char| !character.is_ascii_hexdigit())
        .next()?;
    (digits.len() >= MIN_DIGITS).then_some(digits)
}

/// The telegram, CRCs optional.
pub(super) fn parse(digits: &str, origin: &Origin) -> Result<Telegram, Rejection> {
    let octets = hex::octets(digits, hex::no_noise)?;
    Ok(Telegram::new(octets, Check::Nobody, origin.radio.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_behind_a_mark() {
        let hex = "0F440102785634120107744778001122";
        for text in [
            format!("[W] see https://example.org/analyze/{hex}?x=1"),
            format!("(radio) received \"{hex}\""),
        ] {
            assert_eq!(digits(&text), Some(hex));
        }
        assert_eq!(digits(&format!("sha1 {hex}")), None);
        assert_eq!(digits("received \"OK\""), None);
        assert_eq!(parse(hex, &Origin::new("")).unwrap().octets.len(), 16);
    }
}
