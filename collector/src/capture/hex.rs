//! Plain hexadecimal, one telegram a line, with the noise people and programs leave between the digits.
//!
//! ```text
//! 1E44AE4C…      1e 44 ae 4c …      0x1E44AE4C…      1E44AE4C_7A36…|…      Z1E44… (link CRCs are in there)
//! ```

use super::rejection::{Code, Rejection};
use crate::{Check, Telegram};

/// The shortest thing that has a link header: L, C, manufacturer, address.
const MIN_OCTETS: usize = 10;
/// Two of the longest telegrams, each with its link CRCs and a receiver's extra octets, fit.
pub(super) const MAX_OCTETS: usize = 1024;

/// Digits in a row from which on a text is meant to be hexadecimal, and a bad character is damage.
const MEANT: usize = 8;

/// A line that holds nothing but a telegram.
pub(super) fn parse(text: &str, origin: &super::Origin) -> Result<Telegram, Rejection> {
    let digits = text.strip_prefix(['Z', 'z']).unwrap_or(text);
    let octets = octets(digits, is_noise)?;
    Ok(Telegram::new(octets, Check::Nobody, origin.radio.clone()))
}

/// True for a line that [`parse`] is meant for: hexadecimal all through, or at least to begin with.
pub(super) fn is_meant(text: &str) -> bool {
    let digits = text.strip_prefix(['Z', 'z']).unwrap_or(text);
    let mut count = 0;
    for character in digits.chars() {
        if character.is_ascii_hexdigit() {
            count += 1;
        } else if !is_noise(character) && !matches!(character, 'x' | 'X') {
            return count >= MEANT;
        }
    }
    count >= MEANT
}

/// The octets of a telegram, from digits between which `noise` may stand.
///
/// Fails with `NotHex`, `OddDigits`, `TooLong` or `TooShort`.
pub(super) fn octets(text: &str, noise: fn(char) -> bool) -> Result<Vec<u8>, Rejection> {
    let octets = any_octets(text, noise)?;
    if octets.len() < MIN_OCTETS {
        return Err(Rejection::new(
            Code::TooShort,
            format!(
                "{} octets, and a telegram has at least {MIN_OCTETS}",
                octets.len()
            ),
        ));
    }
    Ok(octets)
}

/// As [`octets`], however few they are.
pub(super) fn any_octets(text: &str, noise: fn(char) -> bool) -> Result<Vec<u8>, Rejection> {
    match only_digits(text) {
        Some(octets) => Ok(octets),
        None => with_noise(text, noise),
    }
}

/// The octets of a text that is pairs of digits and nothing else, as most are; `None` too when there are more than
/// telegrams have.
pub(super) fn only_digits(text: &str) -> Option<Vec<u8>> {
    let mut octets = Vec::with_capacity((text.len() / 2).min(MAX_OCTETS));
    push_digits(text.as_bytes(), &mut octets).then_some(octets)
}

/// Appends the octets of a text that is pairs of digits and nothing else, as most are; false, and nothing is appended, when
/// it is something else or longer than telegrams are.
pub fn push_digits(text: &[u8], octets: &mut Vec<u8>) -> bool {
    if !text.len().is_multiple_of(2) || text.len() / 2 > MAX_OCTETS {
        return false;
    }
    let begin = octets.len();
    octets.resize(begin + text.len() / 2, 0);
    let room = octets.get_mut(begin..).unwrap_or_default();
    let ((steps, rest), (fours, last)) = (text.as_chunks::<8>(), room.as_chunks_mut::<4>());
    // Looked at once behind the loop, which so has no branches.
    let mut wrong = 0;
    for (step, four) in steps.iter().zip(fours) {
        let bad;
        (*four, bad) = four_octets(u64::from_le_bytes(*step));
        wrong |= bad;
    }
    if !rest.is_empty() {
        let mut step = [b'0'; 8];
        step.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
        let (four, bad) = four_octets(u64::from_le_bytes(step));
        last.iter_mut().zip(four).for_each(|(to, from)| *to = from);
        wrong |= bad;
    }
    if wrong != 0 {
        octets.truncate(begin);
    }
    wrong == 0
}

/// Eight digits at once, the first in the lowest octet: what they say, and something else than 0 when not all are digits.
fn four_octets(text: u64) -> ([u8; 4], u64) {
    /// The same in each of the eight.
    const fn each(octet: u8) -> u64 {
        u64::from_ne_bytes([octet; 8])
    }
    // Letters have bit 6, and end in 1 to 6; decimal digits end in themselves.
    let letters = text >> 6 & each(1);
    let values = (text & each(0x0F)) + letters * 9;
    // Written again they must be what was read, but for the size of letters. Above 15 nothing is a digit, and what is not
    // above 24 does not carry into the octet beside.
    let above_9 = (values + each(0x76)) >> 7 & each(1);
    let written = values + each(b'0') + above_9 * u64::from(b'a' - b'0' - 10);
    let wrong = written ^ (text | letters << 5) | values & each(0xF0);
    let pairs = (values << 4 | values >> 8) & 0x00FF_00FF_00FF_00FF;
    let pairs = (pairs | pairs >> 8) & 0x0000_FFFF_0000_FFFF;
    let [a, b, _, _, c, d, _, _] = pairs.to_le_bytes();
    ([a, b, c, d], wrong)
}

fn with_noise(text: &str, noise: fn(char) -> bool) -> Result<Vec<u8>, Rejection> {
    let mut octets = Vec::with_capacity((text.len() / 2).min(MAX_OCTETS));
    let mut high: Option<u8> = None;
    let mut characters = text.chars().enumerate().peekable();
    while let Some((at, character)) = characters.next() {
        // The mark of hexadecimal, `0x`, wherever it stands.
        if character == '0'
            && characters
                .next_if(|(_, next)| matches!(next, 'x' | 'X'))
                .is_some()
        {
            continue;
        }
        let Some(digit) = character.to_digit(16).and_then(|digit| u8::try_from(digit).ok()) else {
            if noise(character) {
                continue;
            }
            return Err(Rejection::new(
                Code::NotHex,
                format!(
                    "character {} of the telegram is {character:?}, no hexadecimal digit",
                    at + 1
                ),
            ));
        };
        match high.take() {
            None => high = Some(digit),
            Some(_) if octets.len() == MAX_OCTETS => {
                return Err(Rejection::new(
                    Code::TooLong,
                    format!("more than {MAX_OCTETS} octets, and the longest telegram has 290"),
                ));
            }
            Some(high) => octets.push(high << 4 | digit),
        }
    }
    if high.is_some() {
        return Err(Rejection::new(
            Code::OddDigits,
            format!(
                "{} hexadecimal digits are half an octet too many: one was lost",
                octets.len() * 2 + 1
            ),
        ));
    }
    Ok(octets)
}

/// What may stand between the digits of a plain line.
pub(super) fn is_noise(character: char) -> bool {
    matches!(character, ' ' | '\t' | '_' | ':' | '|')
}

/// For formats whose writers put nothing between the digits.
pub(super) fn no_noise(_: char) -> bool {
    false
}

/// Upper-case digits of octets.
pub(super) fn push_upper(octets: &[u8], text: &mut String) {
    push(octets, b"0123456789ABCDEF", text);
}

/// Lower-case digits of octets.
pub(super) fn push_lower(octets: &[u8], text: &mut String) {
    push(octets, b"0123456789abcdef", text);
}

fn push(octets: &[u8], digits: &[u8; 16], text: &mut String) {
    for octet in octets {
        for nibble in [octet >> 4, octet & 15] {
            text.extend(digits.get(usize::from(nibble)).map(|digit| char::from(*digit)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn noise_between_digits_is_nothing() {
        let plain = octets("0B44010203040506070A78", is_noise).unwrap();
        assert_eq!(plain, [0x0B, 0x44, 1, 2, 3, 4, 5, 6, 7, 0x0A, 0x78]);
        for text in [
            "0b440102 0304\t05060 70A78",
            "0x0B44_0102|0304:0506 0x070A 0X78",
            "|0B44|01020304050607|0A78|",
        ] {
            assert_eq!(octets(text, is_noise).unwrap(), plain, "{text}");
        }
    }

    #[test]
    fn all_digits_and_nothing_else_are_digits_wherever_they_stand() {
        for character in 0..=255_u8 {
            let value = char::from(character)
                .to_digit(16)
                .filter(|_| character < 0x80)
                .and_then(|value| u8::try_from(value).ok());
            for (length, place) in [(8, 0), (8, 7), (22, 3), (22, 14), (22, 16), (22, 21)] {
                let mut text = vec![b'3'; length];
                text[place] = character;
                let mut expected = vec![9];
                if let Some(value) = value {
                    expected.extend(vec![0x33; length / 2]);
                    expected[1 + place / 2] = if place % 2 == 0 {
                        value << 4 | 3
                    } else {
                        0x30 | value
                    };
                }
                let mut octets = vec![9];
                assert_eq!(
                    push_digits(&text, &mut octets),
                    value.is_some(),
                    "{character:02X}"
                );
                assert_eq!(octets, expected, "{character:02X} at {place}");
            }
        }
        for (text, octets) in [
            ("", &[][..]),
            ("aF", &[0xAF]),
            ("0123456789", &[1, 0x23, 0x45, 0x67, 0x89]),
        ] {
            assert_eq!(only_digits(text).as_deref(), Some(octets));
        }
        for text in ["0", "012", "0 ", &"00".repeat(MAX_OCTETS + 1)] {
            assert_eq!(only_digits(text), None);
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        let code = |text: &str| octets(text, is_noise).unwrap_err().code;
        assert_eq!(code("0B44010203040506070A7g"), Code::NotHex);
        assert_eq!(code("0B44010203040506070A7\u{fffd}"), Code::NotHex);
        assert_eq!(code("0B44010203040506070A7"), Code::OddDigits);
        assert_eq!(code("0B440102030405060"), Code::OddDigits);
        assert_eq!(code("0B44010203040506"), Code::TooShort);
        assert_eq!(code(""), Code::TooShort);
        assert_eq!(code(&"00".repeat(MAX_OCTETS + 1)), Code::TooLong);
        assert_eq!(
            octets(&"00".repeat(MAX_OCTETS), is_noise).unwrap().len(),
            MAX_OCTETS
        );
        let reason = octets("0B44010203040506070A7g", is_noise).unwrap_err().reason;
        assert_eq!(
            reason,
            "character 22 of the telegram is 'g', no hexadecimal digit"
        );
    }

    #[test]
    fn prose_is_not_meant_to_be_hexadecimal() {
        assert!(!is_meant("Added 2 meters"));
        assert!(!is_meant("deadline"));
        assert!(!is_meant("rtl_wmbus: exiting"));
        assert!(!is_meant("1E44"));
        assert!(is_meant("1E44AE4C995"));
        assert!(is_meant("Z1E44AE4C995"));
        assert!(is_meant("1E44AE4C99?"));
    }

    #[test]
    fn written_digits_are_read_again() {
        let octets: Vec<u8> = (0..=255).collect();
        let mut upper = String::new();
        push_upper(&octets, &mut upper);
        let mut lower = String::new();
        push_lower(&octets, &mut lower);
        assert_eq!(any_octets(&upper, no_noise).unwrap(), octets);
        assert_eq!(any_octets(&lower, no_noise).unwrap(), octets);
        assert_eq!(upper.to_lowercase(), lower);
    }
}
