//! Whether what is packed says what the readings say: some rows, others each time.

use rusqlite::Connection;

use super::super::SqliteStore;
use super::{points_of, start_of, whole};
use crate::store::{MeterId, Result};

impl SqliteStore {
    /// The meters of which something packed said something else than their readings, in the order of their ids: of some thousand
    /// rows, others each time. Those rows are taken away, so that questions read the readings until they are packed anew.
    ///
    /// # Errors
    /// The store can't be read, or a row can't be taken away.
    pub fn compare_packed(&self) -> Result<Vec<MeterId>> {
        let untrue = self.read(|connection| untrue(connection, ROWS))?;
        if untrue.is_empty() {
            return Ok(Vec::new());
        }
        self.pen.write(|open| {
            for (stretch, meter, channel) in &untrue {
                let (first, last) = (start_of(*stretch), start_of(stretch + 1) - 1);
                open.noted.stale.readings((*meter, *channel), first, last);
            }
            Ok(())
        })?;
        let mut meters: Vec<MeterId> = untrue.iter().map(|(_, meter, _)| MeterId(*meter)).collect();
        meters.sort_unstable();
        meters.dedup();
        Ok(meters)
    }
}

/// Stretch, meter and channel of rows that are not true, among some that are picked by chance; of few rows among all.
fn untrue(connection: &Connection, most: i64) -> rusqlite::Result<Vec<(i64, i64, i64)>> {
    let all: i64 = connection.query_row("SELECT count(*) FROM packed", [], |row| row.get(0))?;
    let mut picked = connection
        .prepare("SELECT stretch, meter, channel, points FROM packed WHERE abs(random() % ?1) = 0")?;
    let mut rows = picked.query([all / most + 1])?;
    let mut untrue = Vec::new();
    while let Some(row) = rows.next()? {
        let (stretch, meter, channel) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let mut packed = Vec::new();
        // What can't be read counts as if it were not there.
        if !whole(row.get_ref(3)?.as_blob()?, stretch, &mut packed) {
            continue;
        }
        let said = packed.iter().map(|shown| {
            (
                shown.at.as_second(),
                shown.source as u8,
                shown.value,
                shown.flags.0,
            )
        });
        let readings = points_of(connection, (meter, channel), stretch)?;
        if !said.eq(readings) {
            untrue.push((stretch, meter, channel));
        }
    }
    Ok(untrue)
}

/// So many rows are compared, more or less: a second or two on a small machine.
const ROWS: i64 = 5000;
