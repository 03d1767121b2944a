//! Pages follow a key, not a number: an opaque cursor, a bounded size, nothing skipped and nothing twice.

use serde::Serialize;
use serde::de::{self, Deserialize, Deserializer};
use utoipa::ToSchema;

use super::problem::Problem;

/// Some of a list, and where it goes on.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Page<T> {
    /// The entries, in the order of their keys.
    pub(super) items: Vec<T>,
    /// What to pass as `cursor` for the next page; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) next: Option<String>,
}

impl<T> Page<T> {
    /// All there is.
    pub(super) fn whole(items: Vec<T>) -> Self {
        Self { items, next: None }
    }

    /// From one entry more than the limit, which tells whether there is a next page; `cursor` names an entry.
    pub(super) fn cut<Row>(
        mut rows: Vec<Row>,
        limit: usize,
        cursor: impl Fn(&Row) -> Cursor,
        item: impl FnMut(Row) -> Result<T, Problem>,
    ) -> Result<Self, Problem> {
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next = rows.last().filter(|_| more).map(|last| cursor(last).to_text());
        let items = rows.into_iter().map(item).collect::<Result<_, _>>()?;
        Ok(Self { items, next })
    }
}

/// How many entries a page may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Limit(pub(super) usize);

impl Limit {
    /// The largest page.
    pub(super) const MOST: usize = 1000;
}

impl Default for Limit {
    fn default() -> Self {
        Self(100)
    }
}

impl<'de> Deserialize<'de> for Limit {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        match text.parse() {
            Ok(limit @ 1..=Self::MOST) => Ok(Self(limit)),
            _ => Err(de::Error::custom(format!(
                "{text:?} is no page size: write a number from 1 to {}",
                Self::MOST
            ))),
        }
    }
}

/// The key of the last entry of a page: which list, and some numbers. Clients see digits that mean nothing to them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Cursor {
    list: u8,
    key: Vec<i64>,
}

impl Cursor {
    pub(super) fn new(list: List, key: impl Into<Vec<i64>>) -> Self {
        Self {
            list: list as u8,
            key: key.into(),
        }
    }

    /// Lower-case hexadecimal digits.
    pub(super) fn to_text(&self) -> String {
        let mut octets = vec![self.list];
        octets.extend(self.key.iter().flat_map(|number| number.to_be_bytes()));
        octets.push(check(&octets));
        octets.iter().map(|octet| format!("{octet:02x}")).collect()
    }

    /// The numbers of a cursor of that list; `parameter` is for the problem.
    pub(super) fn key<const N: usize>(text: &str, list: List, parameter: &str) -> Result<[i64; N], Problem> {
        let foreign = || {
            Problem::invalid(
                parameter,
                "not a cursor of this list: pass on what the page before gave, or leave it out to begin anew",
            )
        };
        let octets = hex(text).ok_or_else(foreign)?;
        let (sum, octets) = octets.split_last().ok_or_else(foreign)?;
        let (tag, key) = octets.split_first().ok_or_else(foreign)?;
        if *sum != check(octets) || *tag != list as u8 {
            return Err(foreign());
        }
        let numbers: Vec<i64> = key
            .chunks(8)
            .map_while(|chunk| chunk.try_into().ok().map(i64::from_be_bytes))
            .collect();
        if key.len() != N * 8 {
            return Err(foreign());
        }
        numbers.try_into().map_err(|_| foreign())
    }
}

/// The lists that have cursors, so that one's cursor does not do for another.
#[derive(Clone, Copy, Debug)]
#[repr(u8)]
pub(super) enum List {
    Sites = 1,
    Dwellings = 2,
    Meters = 3,
    Readings = 4,
    Changes = 5,
    Radio = 6,
    History = 7,
    Alerts = 12,
    Erasures = 13,
}

/// Not a secret: only tells what was typed or cut from what we gave.
fn check(octets: &[u8]) -> u8 {
    octets
        .iter()
        .fold(0xA5, |sum: u8, octet| sum.rotate_left(3) ^ octet)
}

fn hex(text: &str) -> Option<Vec<u8>> {
    if text.len() > 128 || !text.len().is_multiple_of(2) || !text.is_ascii() {
        return None;
    }
    text.as_bytes()
        .chunks(2)
        .map(|pair| {
            let pair = str::from_utf8(pair).ok()?;
            // `from_str_radix` would take a sign.
            pair.bytes()
                .all(|digit| digit.is_ascii_hexdigit())
                .then_some(())?;
            u8::from_str_radix(pair, 16).ok()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_cursor_serves_its_own_list_only() {
        let text = Cursor::new(List::Readings, [1, -2, i64::MAX]).to_text();
        assert_eq!(
            Cursor::key::<3>(&text, List::Readings, "cursor").unwrap(),
            [1, -2, i64::MAX]
        );
        assert!(Cursor::key::<3>(&text, List::Sites, "cursor").is_err());
        assert!(Cursor::key::<2>(&text, List::Readings, "cursor").is_err());
        assert!(Cursor::key::<3>(&text[2..], List::Readings, "cursor").is_err());
        for wrong in ["", "0", "zz", "+1", "é", &"00".repeat(65)] {
            assert!(Cursor::key::<1>(wrong, List::Sites, "cursor").is_err(), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in ".{0,40}", hex in "[0-9a-f]{0,60}") {
            let _ = Cursor::key::<1>(&text, List::Sites, "cursor");
            let _ = Cursor::key::<3>(&hex, List::Readings, "cursor");
        }
    }
}
