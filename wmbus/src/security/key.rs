//! A meter's key, which nobody gets to see by accident.

use core::fmt;
use core::str::FromStr;

use zeroize::Zeroize;

/// A key: 16 octets for AES, or 8 for the DES of the obsolete security modes 2 and 3.
///
/// It is wiped from memory when dropped, and neither `Debug` nor an error ever prints it. The key of sixteen zeros is a
/// legal key: some makers ship it.
#[derive(Clone, PartialEq, Eq)]
pub struct Key(Octets);

#[derive(Clone, PartialEq, Eq)]
enum Octets {
    Aes([u8; 16]),
    Des([u8; 8]),
}

impl Key {
    /// An AES key.
    pub const fn aes(octets: [u8; 16]) -> Self {
        Self(Octets::Aes(octets))
    }

    /// A DES key.
    pub const fn des(octets: [u8; 8]) -> Self {
        Self(Octets::Des(octets))
    }

    /// From octets, by their number.
    ///
    /// Fails when there are neither 16 nor 8.
    pub fn from_octets(octets: &[u8]) -> Result<Self, InvalidKey> {
        if let Ok(octets) = octets.try_into() {
            Ok(Self(Octets::Aes(octets)))
        } else if let Ok(octets) = octets.try_into() {
            Ok(Self(Octets::Des(octets)))
        } else {
            Err(InvalidKey::Length(octets.len() * 2))
        }
    }

    /// The octets, for whoever has to store them. Whoever prints them has a reason.
    pub fn reveal(&self) -> &[u8] {
        match &self.0 {
            Octets::Aes(octets) => octets,
            Octets::Des(octets) => octets,
        }
    }

    pub(crate) fn as_aes(&self) -> Option<&[u8; 16]> {
        match &self.0 {
            Octets::Aes(octets) => Some(octets),
            Octets::Des(_) => None,
        }
    }

    pub(crate) fn as_des(&self) -> Option<&[u8; 8]> {
        match &self.0 {
            Octets::Aes(_) => None,
            Octets::Des(octets) => Some(octets),
        }
    }
}

impl Drop for Key {
    fn drop(&mut self) {
        match &mut self.0 {
            Octets::Aes(octets) => octets.zeroize(),
            Octets::Des(octets) => octets.zeroize(),
        }
    }
}

impl FromStr for Key {
    type Err = InvalidKey;

    /// From 32 (AES) or 16 (DES) hexadecimal digits; spaces, colons and dashes between them are left out.
    fn from_str(text: &str) -> Result<Self, InvalidKey> {
        let mut octets = [0_u8; 16];
        // As machines write it.
        if digits_alone(text.as_bytes(), &mut octets) {
            let key = Self::aes(octets);
            octets.zeroize();
            return Ok(key);
        }
        let mut digits = 0;
        for character in text
            .chars()
            .filter(|character| !matches!(character, ' ' | ':' | '-'))
        {
            let digit = character.to_digit(16).and_then(|digit| u8::try_from(digit).ok());
            let Some(digit) = digit else {
                octets.zeroize();
                return Err(InvalidKey::Digit);
            };
            if let Some(octet) = octets.get_mut(digits / 2) {
                *octet = *octet << 4 | digit;
            }
            digits += 1;
        }
        let key = match (digits, octets.first_chunk::<8>()) {
            (32, _) => Ok(Self::aes(octets)),
            (16, Some(octets)) => Ok(Self::des(*octets)),
            _ => Err(InvalidKey::Length(digits)),
        };
        octets.zeroize();
        key
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(…)")
    }
}

/// Puts the octets of 32 digits that nothing stands between; false for any other text.
fn digits_alone(text: &[u8], octets: &mut [u8; 16]) -> bool {
    let Ok(digits) = <&[u8; 32]>::try_from(text) else {
        return false;
    };
    let (pairs, _) = digits.as_chunks::<2>();
    let mut seen = 0;
    for (octet, [high, low]) in octets.iter_mut().zip(pairs) {
        let (high, low) = (digit(*high), digit(*low));
        seen |= high | low;
        *octet = high << 4 | low & 0x0F;
    }
    seen & 0xF0 == 0
}

/// The value of a hexadecimal digit; more than 15 for what is none. Without a branch, whatever the digit.
fn digit(character: u8) -> u8 {
    let decimal = character.wrapping_sub(b'0');
    let letter = (character | 0x20).wrapping_sub(b'a');
    let of = |value: u8, holds: bool| if holds { value } else { 0xF0 };
    of(decimal, decimal < 10).min(of(letter.wrapping_add(10), letter < 6))
}

/// Text that is no key; says what is wrong with it and not what it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InvalidKey {
    /// The number of digits.
    Length(usize),
    /// A character that is no hexadecimal digit.
    Digit,
}

impl fmt::Display for InvalidKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Length(digits) => {
                write!(
                    f,
                    "a key has 32 hexadecimal digits (16 for the old DES modes), this one has {digits}"
                )
            }
            Self::Digit => f.write_str("a key consists of hexadecimal digits, this one has other characters"),
        }
    }
}

impl core::error::Error for InvalidKey {}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;

    #[test]
    fn all_digits_and_nothing_else_are_digits() {
        for character in 0..=255_u8 {
            let expected = char::from(character).to_digit(16).filter(|_| character < 0x80);
            let read = Some(u32::from(digit(character))).filter(|value| *value < 16);
            assert_eq!(read, expected, "{character:02X}");
            let mut text = [b'7'; 32];
            text[9] = character;
            let text = core::str::from_utf8(&text);
            let slow = text
                .ok()
                .and_then(|text| alloc::format!(" {text}").parse::<Key>().ok());
            assert_eq!(text.ok().and_then(|text| text.parse().ok()), slow);
        }
    }

    #[test]
    fn keys_are_read_and_never_printed() {
        let key: Key = "00112233445566778899AABBCCDDEEFF".parse().unwrap();
        assert_eq!(key.reveal()[15], 0xFF);
        assert_eq!(format!("{key:?}"), "Key(…)");
        assert_eq!(
            "00 11 22 33-44:55 66 77".parse::<Key>().unwrap().reveal().len(),
            8
        );
        assert_eq!("0011".parse::<Key>(), Err(InvalidKey::Length(4)));
        assert_eq!("zz".parse::<Key>(), Err(InvalidKey::Digit));
        assert_eq!("00".repeat(17).parse::<Key>(), Err(InvalidKey::Length(34)));
        assert!(Key::from_octets(&[0; 5]).is_err());
    }
}
