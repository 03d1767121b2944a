//! The last hours: what is settled lies a quarter of a day after the other, and goes among the rows when it is a day old.
//!
//! ```text
//! reading   meter 1 ▪▪▪▪▪▪▪▪▪▪▪▪▪▪ │ meter 2 ▪▪▪▪▪▪▪▪▪▪▪▪▪▪ │ meter 3 ▪▪▪▪▪▪▪▪▪▪▪▪▪▪      a page a meter, or more
//! recent    0–6 h: 1 ▪▪▪ 2 ▪▪▪ 3 ▪▪▪ │ 6–12 h: 1 ▪▪▪ 2 ▪▪▪ 3 ▪▪▪ │ …                      a page of a hundred meters
//! ```
//!
//! A commit writes whole pages: two values of each of two thousand meters would be two thousand pages each hour, and again
//! whenever somebody asks. Here they are some forty. Once a day each meter's page is written for all that the day brought.
//! Only what is plain lies here: whoever has something to say of a reading brings it back among the rows first.

use rusqlite::{Connection, ErrorCode, params};

use super::codes;
use super::find::many;
use super::place::{Place, Said};
use super::salvage::UNLESS_NEWER;
use super::values::LIVE;
use super::write::{Batch, Fault, counter, set_counter};
use crate::store::{ChannelId, Flags, MeterId, Shown, Source};

/// How long a quarter of a day is, in seconds.
const QUARTER: i64 = 21_600;
/// What is so old goes among the rows, and with it all that is over.
const DAY: i64 = 86_400;
/// What is over for less than this may still come.
const LATE: i64 = 3600;
/// What is settled together lies here as far as it is not older than the newest of it by this.
const SPAN: i64 = 2 * DAY;
/// More quarters than a day has are there when clocks jumped; with so many nothing is waited for.
const MOST: usize = 16;

/// So many count as one row of other work.
const FOR_ONE: usize = 10;

/// The counter that says from when on readings lie here.
const FROM: &str = "recent_from";

/// The latest reading here of each series of some meters, as [`Values::row`](super::values::Values) reads it.
pub(super) const LATEST: &str = "WITH RECURSIVE wanted (quarter, meter, channel) AS (
        SELECT quarter.number, given.value,
               (SELECT min(channel) FROM recent WHERE recent.quarter = quarter.number AND recent.meter = given.value)
        FROM json_each(?1) AS given CROSS JOIN quarter
        UNION ALL
        SELECT quarter, meter, (SELECT min(channel) FROM recent WHERE recent.quarter = wanted.quarter
                                AND recent.meter = wanted.meter AND recent.channel > wanted.channel)
        FROM wanted WHERE channel IS NOT NULL),
    newest (quarter, meter, channel) AS (
        SELECT max(quarter), meter, channel FROM wanted WHERE channel IS NOT NULL GROUP BY meter, channel)
    SELECT r.meter, r.channel, r.at, 0, r.value, r.resolution, 0, NULL, r.change
    FROM newest CROSS JOIN recent AS r
    ON r.quarter = newest.quarter AND r.meter = newest.meter AND r.channel = newest.channel
    AND r.at = (SELECT max(at) FROM recent WHERE recent.quarter = newest.quarter
                AND recent.meter = newest.meter AND recent.channel = newest.channel)";

/// The quarter of an instant.
pub(super) fn quarter_of(at: i64) -> i64 {
    at.div_euclid(QUARTER)
}

/// The quarters that there are.
fn quarters(connection: &Connection) -> rusqlite::Result<Vec<i64>> {
    many(
        connection,
        "SELECT number FROM quarter ORDER BY number",
        [],
        |row| row.get(0),
    )
}

/// Before this instant nothing lies here; `None` when nothing does at all.
pub(super) fn begin(connection: &Connection) -> rusqlite::Result<Option<i64>> {
    let first: Option<i64> = connection
        .prepare_cached("SELECT min(number) FROM quarter")?
        .query_row([], |row| row.get(0))?;
    Ok(first.map(|first| first.saturating_mul(QUARTER)))
}

/// Adds what a series has here, by instant.
pub(super) fn shown(
    connection: &Connection,
    (meter, channel): (MeterId, ChannelId),
    into: &mut Vec<Shown>,
) -> rusqlite::Result<()> {
    let mut statement = connection.prepare_cached(
        "SELECT at, value FROM recent WHERE quarter IN (SELECT number FROM quarter) AND meter = ?1 AND channel = ?2
         ORDER BY at",
    )?;
    let mut rows = statement.query([meter.0, channel.0])?;
    while let Some(row) = rows.next()? {
        into.push(Shown {
            at: codes::instant(row, 0)?,
            source: Source::Live,
            value: row.get(1)?,
            flags: Flags::NONE,
        });
    }
    Ok(())
}

impl Batch<'_> {
    /// From which instant on what is settled together lies here, when the newest of it is of `newest`.
    pub(super) fn recent_from(&self, newest: i64) -> rusqlite::Result<i64> {
        let from = counter(self.transaction, FROM)?.unwrap_or(i64::MIN);
        Ok(from.max(newest.saturating_sub(SPAN)))
    }

    /// Puts a plain live reading here, unless there is one in its place, here or elsewhere.
    pub(super) fn put_recent(&mut self, place: Place, said: &Said) -> Result<(), Fault> {
        // What is on its way to the same place comes first.
        self.put_next()?;
        if self.put_beside_aside(place, said.value)? {
            return Ok(());
        }
        let (meter, channel, at, _) = place;
        let taken = self
            .transaction
            .prepare_cached(
                "SELECT 1 FROM reading WHERE meter = ?1 AND channel = ?2 AND at = ?3 AND source = ?4",
            )?
            .exists([meter, channel, at, LIVE])?;
        if taken {
            return self.beside(place, said.value);
        }
        let quarter = quarter_of(at);
        if !self.quarters()?.contains(&quarter) {
            self.transaction
                .prepare_cached("INSERT INTO quarter (number) VALUES (?1)")?
                .execute([quarter])?;
            self.placing.quarters = None;
        }
        self.transaction
            .prepare_cached(
                "INSERT INTO recent (quarter, meter, channel, at, value, resolution, change)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            )?
            .execute(params![
                quarter,
                meter,
                channel,
                at,
                said.value,
                said.resolution,
                self.change + 1
            ])?;
        self.note(place);
        self.change += 1;
        self.report.readings += 1;
        Ok(())
    }

    /// The quarters that there are, looked up once.
    pub(super) fn quarters(&mut self) -> rusqlite::Result<&[i64]> {
        let known = match self.placing.quarters.take() {
            Some(known) => known,
            None => quarters(self.transaction)?,
        };
        Ok(self.placing.quarters.insert(known))
    }
}

/// Puts among the rows what is a day old, and with it all that is over, meter after meter: a bounded piece of the work. A row of
/// it counts little, since each piece writes the pages of the feed anew. Nothing that anybody is told changes by it.
pub(super) fn take_over(connection: &Connection, now: i64, left: &mut usize) -> rusqlite::Result<()> {
    let from = counter(connection, FROM)?;
    if from.is_some_and(|from| from > now.saturating_add(DAY)) {
        // A clock was ahead.
        set_counter(connection, FROM, now)?;
    }
    let all = quarters(connection)?;
    let is_old = |quarter: i64| quarter.saturating_mul(QUARTER) < now.saturating_sub(DAY);
    if all.len() < MOST && !all.first().is_some_and(|first| is_old(*first)) {
        return Ok(());
    }
    let over = quarter_of(now.saturating_sub(LATE));
    let due: Vec<i64> = all.into_iter().filter(|quarter| *quarter < over).collect();
    let Some(last) = due.last() else {
        return Ok(());
    };
    // From here on nothing comes that would have to be taken over once more.
    let until = last.saturating_add(1);
    if from.is_none_or(|from| from < until.saturating_mul(QUARTER)) {
        set_counter(connection, FROM, until.saturating_mul(QUARTER))?;
    }
    let mut first = connection.prepare_cached("SELECT min(meter) FROM recent WHERE quarter = ?1")?;
    let mut rows = left.saturating_mul(FOR_ONE);
    while rows > 0 {
        let mut next: Option<i64> = None;
        for quarter in &due {
            let found: Option<i64> = first.query_row([quarter], |row| row.get(0))?;
            next = next.into_iter().chain(found).min();
        }
        let Some(meter) = next else {
            let place = "DELETE FROM quarter WHERE number < ?1";
            connection.prepare_cached(place)?.execute([until])?;
            break;
        };
        let moved = take(connection, meter, until)?;
        rows = rows.saturating_sub(moved.max(1));
    }
    *left = rows / FOR_ONE;
    Ok(())
}

/// Puts what a meter has in the quarters before one among the rows; how many readings.
fn take(connection: &Connection, meter: i64, until: i64) -> rusqlite::Result<usize> {
    let moved = connection
        .prepare_cached(
            "INSERT INTO reading (meter, channel, at, source, value, resolution, flags, stamp, change)
             SELECT meter, channel, at, ?3, value, resolution, 0, NULL, change FROM recent
             WHERE quarter IN (SELECT number FROM quarter WHERE number < ?2) AND meter = ?1
             ORDER BY channel, at ON CONFLICT (meter, channel, at, source) DO NOTHING",
        )?
        .execute([meter, until, LIVE])?;
    connection
        .prepare_cached(
            "DELETE FROM recent WHERE quarter IN (SELECT number FROM quarter WHERE number < ?2) AND meter = ?1",
        )?
        .execute([meter, until])?;
    Ok(moved)
}

/// Puts everything among the rows, of a store that is put together: of two in one place the one that changed later is right. How
/// many could not be kept.
pub(super) fn take_all(connection: &Connection) -> rusqlite::Result<u64> {
    let mut refused = 0;
    let rows = many(
        connection,
        "SELECT meter, channel, at, value, resolution, change FROM recent ORDER BY meter, channel, at",
        [],
        |row| {
            let mut numbers = [0; 6];
            for (column, number) in numbers.iter_mut().enumerate() {
                *number = row.get(column)?;
            }
            Ok(numbers)
        },
    )?;
    for row in rows {
        refused += u64::from(!put_newer(connection, row)?);
    }
    connection.execute("DELETE FROM recent", [])?;
    connection.execute("DELETE FROM quarter", [])?;
    Ok(refused)
}

/// Puts a plain live reading (meter, channel, instant, value, resolution, change) among the rows, unless what stands there changed
/// later; false when its place in the feed is taken.
pub(super) fn put_newer(connection: &Connection, row: [i64; 6]) -> rusqlite::Result<bool> {
    let put = connection
        .prepare_cached(&format!(
            "INSERT INTO reading (meter, channel, at, value, resolution, change, source, flags, stamp)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, 0, 0, NULL){UNLESS_NEWER}"
        ))?
        .execute(row);
    match put {
        Ok(_) => Ok(true),
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::ConstraintViolation) => Ok(false),
        Err(error) => Err(error),
    }
}
