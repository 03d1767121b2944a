//! The history of the registry: written with each change, never changed itself.

use rusqlite::{Connection, params};

use super::codes::{instant, invalid, unsigned};
use super::find::{many, rows};
use crate::registry::difference::{Difference, FieldChange};
use crate::store::{By, HistoryQuery, HistoryRow};

/// Writes down what was changed.
pub(super) fn write(
    connection: &Connection,
    version: i64,
    by: &By<'_>,
    differences: &[Difference],
) -> rusqlite::Result<()> {
    let mut insert = connection.prepare_cached(
        "INSERT INTO registry_history (version, at, who, noun, row, name, added, fields)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    )?;
    for difference in differences {
        let fields: Vec<_> = difference
            .fields
            .iter()
            .map(|field| (&field.name, &field.before, &field.after))
            .collect();
        let fields = serde_json::to_string(&fields)
            .map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))?;
        insert.execute(params![
            version,
            by.at.as_second(),
            by.who,
            difference.noun,
            difference.id,
            difference.name,
            difference.added,
            fields
        ])?;
    }
    Ok(())
}

/// A page, the newest first.
pub(super) fn list(connection: &Connection, query: &HistoryQuery<'_>) -> rusqlite::Result<Vec<HistoryRow>> {
    many(
        connection,
        "SELECT id, version, at, who, noun, row, name, added, fields FROM registry_history
         WHERE id < ?1 AND (?2 IS NULL OR noun = ?2) ORDER BY id DESC LIMIT ?3",
        params![query.before.unwrap_or(i64::MAX), query.noun, rows(query.limit)],
        |row| {
            let fields = row.get_ref(8)?.as_str()?;
            let fields: Vec<(String, Option<String>, Option<String>)> = serde_json::from_str(fields)
                .map_err(|error| invalid(8, rusqlite::types::Type::Text, error.to_string()))?;
            Ok(HistoryRow {
                id: row.get(0)?,
                version: unsigned(row.get(1)?),
                at: instant(row, 2)?,
                who: row.get(3)?,
                noun: row.get(4)?,
                row: row.get(5)?,
                name: row.get(6)?,
                added: row.get(7)?,
                fields: fields
                    .into_iter()
                    .map(|(name, before, after)| FieldChange { name, before, after })
                    .collect(),
            })
        },
    )
}
