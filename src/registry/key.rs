//! Keys of meters: read from a list, wiped from memory, printed by nobody.

use wmbus::Key;
use wmbus::security::InvalidKey;
use zeroize::Zeroizing;

use super::MeterId;

/// A key that a meter's telegrams may be opened with. A meter can have several, tried in their order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MeterKey {
    /// Whose telegrams.
    pub meter: MeterId,
    /// The key; its `Debug` shows nothing.
    pub key: Key,
}

/// The keys of a cell: none, one, or several separated by `|`.
///
/// Each has 32 hexadecimal digits (16 for the old DES modes); blanks, colons and dashes between them don't count.
/// `none`, `nokey` and `-` mean none.
///
/// # Errors
/// The first of them that is no key: how long it is, never what it is.
pub fn parse(text: &str) -> Result<Vec<Key>, InvalidKey> {
    let mut keys: Vec<Key> = Vec::new();
    for part in text.split('|').map(str::trim).filter(|part| !part.is_empty()) {
        if NONE.iter().any(|none| part.eq_ignore_ascii_case(none)) {
            continue;
        }
        let key = part.parse()?;
        if !keys.contains(&key) {
            keys.push(key);
        }
    }
    Ok(keys)
}

/// A key as [`parse`] reads it. Whoever prints it has been asked for it.
pub fn reveal(key: &Key) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::with_capacity(32));
    for octet in key.reveal() {
        for digit in [octet >> 4, octet & 0xF] {
            text.extend(char::from_digit(u32::from(digit), 16).map(|digit| digit.to_ascii_uppercase()));
        }
    }
    text
}

/// What lists write where a meter has no key.
const NONE: [&str; 3] = ["none", "nokey", "-"];

#[cfg(test)]
mod tests {
    use super::*;

    const AES: &str = "000102030405060708090A0B0C0D0E0F";

    #[test]
    fn a_cell_holds_any_number_of_keys() {
        assert_eq!(parse("").unwrap().len(), 0);
        assert_eq!(parse(" NoKey ").unwrap().len(), 0);
        let keys = parse(&format!("{AES} | 0001020304050607|{AES}")).unwrap();
        assert_eq!(keys.len(), 2, "the same twice is one");
        assert_eq!(*reveal(&keys[0]), AES);
        assert_eq!(*reveal(&keys[1]), "0001020304050607");
        assert_eq!(parse(&reveal(&keys[0])).unwrap(), keys[..1]);
    }

    #[test]
    fn what_is_no_key_is_not_repeated() {
        for text in [&AES[1..], "000102030405060708090A0B0C0D0E0G", "key"] {
            let message = parse(text).unwrap_err().to_string();
            assert!(!message.contains("0102"), "{message}");
        }
        let keys = parse(AES).unwrap();
        let entry = MeterKey {
            meter: MeterId(1),
            key: keys[0].clone(),
        };
        assert!(!format!("{entry:?}").contains("01"));
    }
}
