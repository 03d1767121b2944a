//! Lists as TOML: one `[[meter]]` table a row, under the same names as the columns of CSV. What stands above the first
//! table holds for all of them.
//!
//! ```toml
//! site = "AB123"
//! address = "12, rue des Tilleuls"
//!
//! [[meter]]
//! lot = "A-007"
//! room = "Cuisine"
//! manufacturer = "KAM"
//! id = "12345678"
//! rating_factor = 1.25
//! ```
//!
//! Numbers are taken as they are written, never as binary fractions.

use ::toml::Spanned;
use ::toml::de::{DeTable, DeValue};
use zeroize::Zeroizing;

use super::fault::{looks_like_a_key, unknown_name};
use super::{Column, Fault, Row};

/// The rows of a text.
///
/// Faults are collected, so that all of them can be corrected at once; a row that has one is left out.
pub(super) fn rows(file: &str, text: &str) -> (Vec<Row>, Vec<Fault>) {
    let mut list = List {
        file,
        text,
        faults: Vec::new(),
    };
    let document = match DeTable::parse(text) {
        Ok(document) => document.into_inner(),
        Err(error) => {
            // Its own Display would show the line, which may hold a key.
            let line = error.span().map_or(0, |span| list.line(span.start));
            let message = match error.message().trim() {
                message if looks_like_a_key(message) => "is no TOML",
                message => message,
            };
            list.fault(line, None, message.to_owned());
            return (Vec::new(), list.faults);
        }
    };
    let mut common = Vec::new();
    let mut tables = None;
    for (name, value) in &document {
        match value.get_ref() {
            DeValue::Array(array) if name.get_ref() == METER => tables = Some(array),
            _ if name.get_ref() == METER => {
                let line = list.line(name.span().start);
                list.fault(
                    line,
                    None,
                    "meter is a list of tables: write [[meter]]".to_owned(),
                );
            }
            _ => common.extend(list.cell(name, value)),
        }
    }
    let mut rows = Vec::new();
    for table in tables.into_iter().flatten() {
        let line = list.line(table.span().start);
        let DeValue::Table(cells) = table.get_ref() else {
            list.fault(
                line,
                None,
                "meter is a list of tables: write [[meter]]".to_owned(),
            );
            continue;
        };
        let before = list.faults.len();
        let mut row = Row {
            line,
            cells: Vec::new(),
        };
        for (name, value) in cells {
            row.cells.extend(list.cell(name, value));
        }
        for (column, text) in &common {
            if row.get(*column).is_none() {
                row.cells.push((*column, text.clone()));
            }
        }
        if list.faults.len() == before {
            rows.push(row);
        }
    }
    if rows.is_empty() && list.faults.is_empty() {
        if common.is_empty() {
            list.fault(0, None, "is empty: write one [[meter]] table a meter".to_owned());
        } else {
            rows.push(Row {
                line: 1,
                cells: common,
            });
        }
    }
    (rows, list.faults)
}

struct List<'a> {
    file: &'a str,
    text: &'a str,
    faults: Vec<Fault>,
}

impl List<'_> {
    /// One name and its value; nothing for an empty one.
    fn cell(
        &mut self,
        name: &Spanned<std::borrow::Cow<'_, str>>,
        value: &Spanned<DeValue<'_>>,
    ) -> Option<(Column, Zeroizing<String>)> {
        let line = self.line(name.span().start);
        let heading = name.get_ref();
        let Some(column) = Column::of_heading(heading) else {
            let message = unknown_name(heading);
            self.fault(line, None, message);
            return None;
        };
        let text = match value.get_ref() {
            DeValue::String(text) => Zeroizing::new(text.trim().to_owned()),
            DeValue::Integer(_) | DeValue::Float(_) | DeValue::Datetime(_) => {
                let written = self.text.get(value.span()).unwrap_or_default();
                Zeroizing::new(written.replace('_', ""))
            }
            DeValue::Array(parts) if column == Column::Key => {
                let mut keys = Zeroizing::new(String::new());
                for part in parts {
                    let Some(key) = part.get_ref().as_str() else {
                        self.fault(line, Some(column), "is a list of texts in quotes".to_owned());
                        return None;
                    };
                    keys.push('|');
                    keys.push_str(key);
                }
                keys
            }
            _ => {
                self.fault(line, Some(column), "is a text in quotes or a number".to_owned());
                return None;
            }
        };
        (!text.is_empty()).then_some((column, text))
    }

    fn line(&self, offset: usize) -> u64 {
        let before = self.text.as_bytes().get(..offset).unwrap_or_default();
        1 + before.iter().filter(|octet| **octet == b'\n').count() as u64
    }

    fn fault(&mut self, line: u64, column: Option<Column>, message: String) {
        self.faults.push(Fault::new(self.file, line, column, message));
    }
}

/// The name of the tables.
const METER: &str = "meter";

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> Vec<String> {
        rows("list.toml", text)
            .1
            .iter()
            .map(ToString::to_string)
            .collect()
    }

    #[test]
    fn what_stands_above_holds_for_all_and_numbers_stay_as_written() {
        let (rows, faults) = rows(
            "list.toml",
            "site = 'AB123'\nroom = 'Cuisine'\n\n[[meter]]\nid = 12345678\nsurface_m2 = 54.30\nfrom = 2024-05-01\n\
             key = ['00', '01']\n\n[[meter]]\nroom = 'Salon'\nlot = ''\n",
        );
        assert_eq!(faults, []);
        let [first, second] = &rows[..] else {
            panic!("{rows:?}")
        };
        assert_eq!(first.line, 4);
        assert_eq!(first.get(Column::Id), Some("12345678"));
        assert_eq!(first.get(Column::Surface), Some("54.30"));
        assert_eq!(first.get(Column::From), Some("2024-05-01"));
        assert_eq!(first.get(Column::Key), Some("|00|01"));
        assert_eq!(first.get(Column::Room), Some("Cuisine"));
        assert_eq!(second.get(Column::Room), Some("Salon"));
        assert_eq!(second.get(Column::Site), Some("AB123"));
        assert_eq!(second.get(Column::Lot), None);
    }

    #[test]
    fn faults_name_the_line_and_never_a_key() {
        assert_eq!(
            refused("[[meter]]\nmanufactuer = 'KAM'\n"),
            ["list.toml:2: \"manufactuer\" is no name here: did you mean \"manufacturer\"?"]
        );
        assert_eq!(
            refused("[[meter]]\nroom = true\n"),
            ["list.toml:2: room: is a text in quotes or a number"]
        );
        assert_eq!(
            refused("meter = 3\n"),
            ["list.toml:1: meter is a list of tables: write [[meter]]"]
        );
        assert_eq!(refused("meter = [3]\n").len(), 1);
        assert!(refused("")[0].contains("is empty"));
        let broken = refused("[[meter]]\nkey = 000102030405060708090A0B0C0D0E0F\n").join(" ");
        assert!(
            broken.starts_with("list.toml:2: ") && !broken.contains("0001"),
            "{broken}"
        );
        let strange = refused("[[meter]]\n000102030405060708090A0B0C0D0E0F = 1\n").join(" ");
        assert!(!strange.contains("0001"), "{strange}");
    }
}
