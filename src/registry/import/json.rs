//! Lists as JSON: `{"meter": [{"site": "AB123", "lot": "A-007", "id": "12345678", "surface_m2": 54.3}]}`, under the same
//! names as the columns of CSV. Numbers are taken as they are written. Rows are counted instead of lines.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;
use zeroize::Zeroizing;

use super::fault::unknown_name;
use super::{Column, Fault, Row};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct List {
    /// The export says which version of the registry it is; the import does not ask.
    #[serde(rename = "version", default)]
    _version: IgnoredAny,
    meter: Vec<BTreeMap<String, Box<RawValue>>>,
}

/// The rows of a text; see [`super::toml::rows`].
pub(super) fn rows(file: &str, text: &str) -> (Vec<Row>, Vec<Fault>) {
    let list: List = match serde_json::from_str(text) {
        Ok(list) => list,
        Err(error) => {
            // Its own words may show a value, which may be a key.
            let line = error.line() as u64;
            let message = "is no list: write {\"meter\": [{\"site\": \"AB123\", \"lot\": \"A-007\"}]}";
            return (Vec::new(), vec![Fault::new(file, line, None, message)]);
        }
    };
    let mut faults = Vec::new();
    let mut rows = Vec::with_capacity(list.meter.len());
    for (entry, line) in list.meter.iter().zip(1_u64..) {
        let before = faults.len();
        let mut cells = Vec::with_capacity(entry.len());
        for (heading, value) in entry {
            match cell(heading, value) {
                Ok(Some(cell)) => cells.push(cell),
                Ok(None) => {}
                Err((column, message)) => faults.push(Fault::new(file, line, column, message)),
            }
        }
        if faults.len() == before {
            rows.push(Row { line, cells });
        }
    }
    if rows.is_empty() && faults.is_empty() {
        faults.push(Fault::new(file, 0, None, "is empty: write one object a meter"));
    }
    (rows, faults)
}

type Cell = (Column, Zeroizing<String>);

fn cell(heading: &str, value: &RawValue) -> Result<Option<Cell>, (Option<Column>, String)> {
    let Some(column) = Column::of_heading(heading) else {
        let message = unknown_name(heading);
        return Err((None, message));
    };
    let written = value.get();
    let text = match written.as_bytes().first() {
        Some(b'"') => {
            let text: String =
                serde_json::from_str(written).map_err(|_| (Some(column), "is no text".to_owned()))?;
            let text = Zeroizing::new(text);
            Zeroizing::new(text.trim().to_owned())
        }
        Some(b'0'..=b'9' | b'-') => Zeroizing::new(written.to_owned()),
        Some(b'n') => return Ok(None),
        _ => return Err((Some(column), "is a text or a number".to_owned())),
    };
    Ok((!text.is_empty()).then_some((column, text)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stay_as_written_and_null_says_nothing() {
        let (rows, faults) = rows(
            "body",
            r#"{"meter": [{"id": 12345678, "surface_m2": 54.30, "Room": " Salon ", "lot": null}]}"#,
        );
        assert_eq!(faults, []);
        assert_eq!(rows[0].get(Column::Id), Some("12345678"));
        assert_eq!(rows[0].get(Column::Surface), Some("54.30"));
        assert_eq!(rows[0].get(Column::Room), Some("Salon"));
        assert_eq!(rows[0].get(Column::Lot), None);
    }

    #[test]
    fn faults_name_the_row_and_never_a_key() {
        let refused = |text: &str| {
            let (_, faults) = rows("body", text);
            faults
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
                .join(" ")
        };
        assert_eq!(
            refused(r#"{"meter": [{}, {"manufactuer": "KAM"}]}"#),
            "body:2: \"manufactuer\" is no name here: did you mean \"manufacturer\"?"
        );
        assert_eq!(
            refused(r#"{"meter": [{"room": true}]}"#),
            "body:1: room: is a text or a number"
        );
        assert!(refused(r#"{"meter": []}"#).contains("is empty"));
        let broken = refused(r#"{"meter": [{"key": 000102030405060708090A0B0C0D0E0F}]}"#);
        assert!(
            broken.starts_with("body:1: is no list") && !broken.contains("0102"),
            "{broken}"
        );
    }
}
