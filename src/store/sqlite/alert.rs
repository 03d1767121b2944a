//! Alerts: found in a look, kept until they are over and two years longer.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};

use super::codes::{instant, instant_or_none};
use super::find::{many, rows};
use super::write::{Batch, Fault};
use crate::store::{AlertFound, AlertQuery, AlertReport, AlertRow, MeterId};

/// Puts what a look found: raises, confirms, clears.
pub(super) fn put(batch: &mut Batch<'_>, at: Timestamp, found: &[AlertFound]) -> Result<AlertReport, Fault> {
    let connection = batch.transaction;
    let at = at.as_second();
    let mut report = AlertReport::default();
    for found in found {
        let open: Option<i64> = connection
            .prepare_cached("SELECT id FROM alert WHERE meter = ?1 AND kind = ?2 AND cleared IS NULL")?
            .query_row(params![found.meter.0, found.kind], |row| row.get(0))
            .optional()?;
        match (open, found.is) {
            (None, false) => {}
            (None, true) => {
                connection
                    .prepare_cached(
                        "INSERT INTO alert (meter, kind, amount, raised, seen) VALUES (?1, ?2, ?3, ?4, ?4)",
                    )?
                    .execute(params![found.meter.0, found.kind, found.amount, at])?;
                report.raised += 1;
            }
            (Some(id), true) => {
                connection
                    .prepare_cached(
                        "UPDATE alert SET seen = max(seen, ?2), amount = ifnull(?3, amount) WHERE id = ?1",
                    )?
                    .execute(params![id, at, found.amount])?;
                report.still += 1;
            }
            (Some(id), false) => {
                connection
                    .prepare_cached("UPDATE alert SET cleared = max(seen, ?2) WHERE id = ?1")?
                    .execute([id, at])?;
                report.cleared += 1;
            }
        }
    }
    connection
        .prepare_cached("DELETE FROM alert WHERE cleared < ?1")?
        .execute([at.saturating_sub(KEPT)])?;
    Ok(report)
}

pub(super) fn list(connection: &Connection, query: &AlertQuery) -> rusqlite::Result<Vec<AlertRow>> {
    many(
        connection,
        "SELECT id, meter, kind, amount, raised, seen, cleared FROM alert
         WHERE id > ?1 AND (?2 OR cleared IS NULL) AND (?3 IS NULL OR meter = ?3) ORDER BY id LIMIT ?4",
        params![
            query.after.unwrap_or(i64::MIN),
            query.cleared,
            query.meter.map(|meter| meter.0),
            rows(query.limit)
        ],
        |row| {
            Ok(AlertRow {
                id: row.get(0)?,
                meter: MeterId(row.get(1)?),
                kind: row.get(2)?,
                amount: row.get(3)?,
                raised: instant(row, 4)?,
                seen: instant(row, 5)?,
                cleared: instant_or_none(row, 6)?,
            })
        },
    )
}

/// Seconds for which what is over is kept.
const KEPT: i64 = 730 * 86_400;
