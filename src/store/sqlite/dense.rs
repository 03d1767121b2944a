//! Every value: what a meter says between the ends of an hour, where the operator keeps that. A row for each meter and hour.
//!
//! ```text
//! heard       ▪▪▪▪▪▪▪▪▪▪▪▪▪▪▪▪▪▪▪▪│▪▪▪▪▪▪▪▪▪▪
//! rows        ▪                  ▪│▪        ▪      the ends, from which sums are made
//! dense        [▪▪▪▪▪▪▪▪▪▪▪▪▪▪▪▪]   [▪▪▪▪▪▪]       three octets each, where a row takes fifty
//! ```
//!
//! Only what is plain lies here, what was settled together, and where nothing else lies. Whoever has something to say of one of
//! them takes its row apart first: then they are readings like all others.

use flate2::Crc;
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::codes;
use super::find::many;
use super::hours::HOUR;
use super::packed::form::{points, written};
use super::place::Later;
use super::recent::{self, quarter_of};
use super::values::LIVE;
use super::write::Batch;
use crate::store::{Side, Source};

/// Fewer are rows like all others.
const FEW: usize = 4;

/// A row.
pub(super) struct Dense {
    meter: i64,
    channel: i64,
    first: i64,
    last: i64,
    readings: i64,
    resolution: i8,
    change: i64,
    octets: Vec<u8>,
}

/// One of the readings of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Point {
    pub(super) at: Timestamp,
    pub(super) value: i64,
    pub(super) change: i64,
}

const COLUMNS: &str = "meter, channel, first, last, readings, resolution, change, octets";

impl Dense {
    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            meter: row.get(0)?,
            channel: row.get(1)?,
            first: row.get(2)?,
            last: row.get(3)?,
            readings: row.get(4)?,
            resolution: row.get(5)?,
            change: row.get(6)?,
            octets: row.get(7)?,
        })
    }

    fn series(&self) -> (i64, i64) {
        (self.meter, self.channel)
    }

    /// The check sum of everything in it.
    fn sum(&self, written: &[u8]) -> [u8; 4] {
        let mut crc = Crc::new();
        for number in [
            self.meter,
            self.channel,
            self.first,
            self.last,
            self.readings,
            self.resolution.into(),
            self.change,
        ] {
            crc.update(&number.to_le_bytes());
        }
        crc.update(written);
        crc.sum().to_le_bytes()
    }

    /// What it holds, by instant; nothing when it is not as it was written.
    fn points(&self) -> Option<Vec<Point>> {
        let (sum, written) = self.octets.split_first_chunk::<4>()?;
        if *sum != self.sum(written) {
            return None;
        }
        let mut shown = Vec::new();
        points(written, self.first, &mut shown)?;
        let is_whole = i64::try_from(shown.len()) == Ok(self.readings);
        let changes = self.change..;
        is_whole.then(|| {
            let places = shown.into_iter().zip(changes);
            places
                .map(|(shown, change)| Point {
                    at: shown.at,
                    value: shown.value,
                    change,
                })
                .collect()
        })
    }

    /// For whoever can do nothing about it but say so.
    fn whole(&self) -> rusqlite::Result<Vec<Point>> {
        self.points().ok_or_else(|| {
            codes::invalid(
                7,
                rusqlite::types::Type::Blob,
                "readings are not as they were written",
            )
        })
    }

    fn remove(&self, connection: &Connection) -> rusqlite::Result<()> {
        connection
            .prepare_cached(
                "DELETE FROM dense WHERE quarter = ?1 AND meter = ?2 AND channel = ?3 AND first = ?4",
            )?
            .execute([quarter_of(self.first), self.meter, self.channel, self.first])?;
        Ok(())
    }

    /// Makes rows of it, each with its place in the feed.
    fn take_apart(&self, connection: &Connection) -> rusqlite::Result<()> {
        let mut add = connection.prepare_cached(
            "INSERT INTO reading (meter, channel, at, source, value, resolution, flags, stamp, change)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, 0, NULL, ?7)",
        )?;
        for Point { at, value, change } in self.whole()? {
            add.execute(params![
                self.meter,
                self.channel,
                at.as_second(),
                LIVE,
                value,
                self.resolution,
                change
            ])?;
        }
        self.remove(connection)
    }
}

/// Whether any reading lies here.
fn some(connection: &Connection) -> rusqlite::Result<bool> {
    connection
        .prepare_cached("SELECT EXISTS (SELECT 1 FROM dense)")?
        .query_row([], |row| row.get(0))
}

/// How many readings lie here.
pub(super) fn count(connection: &Connection) -> rusqlite::Result<u64> {
    connection
        .prepare_cached("SELECT ifnull(sum(readings), 0) FROM dense INDEXED BY dense_change")?
        .query_row([], |row| row.get(0))
        .map(codes::unsigned)
}

/// The latest row of a series that begins at or before an instant, and not much before it.
fn before_or_in(
    connection: &Connection,
    (meter, channel): (i64, i64),
    at: i64,
) -> rusqlite::Result<Option<Dense>> {
    connection
        .prepare_cached(&format!(
            "SELECT {COLUMNS} FROM dense WHERE quarter IN (?1, ?2) AND meter = ?3 AND channel = ?4 AND first <= ?5
             ORDER BY quarter DESC, first DESC LIMIT 1"
        ))?
        .query_row(
            [
                quarter_of(at.saturating_sub(HOUR)),
                quarter_of(at),
                meter,
                channel,
                at,
            ],
            Dense::read,
        )
        .optional()
}

/// The nearest reading to an instant that a series has here, at or before it, or at or after it, and no more than an hour away.
pub(super) fn nearest(
    connection: &Connection,
    series: (i64, i64),
    at: i64,
    side: Side,
) -> rusqlite::Result<Option<(Point, i8)>> {
    let (from, until) = match side {
        Side::AtOrBefore => (at.saturating_sub(HOUR), at.saturating_add(1)),
        Side::AtOrAfter => (at, at.saturating_add(HOUR)),
    };
    let mut found = between(connection, series, (from, until), usize::MAX)?;
    Ok(match side {
        Side::AtOrBefore => found.pop(),
        Side::AtOrAfter => found.into_iter().next(),
    })
}

/// What a series has from an instant on and before another, by instant, so many at most; with each its resolution.
pub(super) fn between(
    connection: &Connection,
    (meter, channel): (i64, i64),
    (from, until): (i64, i64),
    limit: usize,
) -> rusqlite::Result<Vec<(Point, i8)>> {
    let mut next = connection.prepare_cached("SELECT min(quarter) FROM dense WHERE quarter >= ?1")?;
    let mut rows = connection.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM dense WHERE quarter = ?1 AND meter = ?2 AND channel = ?3 AND last >= ?4 AND first < ?5
         ORDER BY first"
    ))?;
    let mut found = Vec::new();
    let mut quarter = quarter_of(from.saturating_sub(HOUR));
    while found.len() < limit {
        let there: Option<i64> = next.query_row([quarter], |row| row.get(0))?;
        let Some(there) = there.filter(|there| *there <= quarter_of(until)) else {
            break;
        };
        let mut rows = rows.query([there, meter, channel, from, until])?;
        while let Some(row) = rows.next()?
            && found.len() < limit
        {
            let dense = Dense::read(row)?;
            let inside = |point: &Point| (from..until).contains(&point.at.as_second());
            let points = dense.whole()?.into_iter().filter(inside);
            found.extend(points.map(|point| (point, dense.resolution)));
        }
        quarter = there.saturating_add(1);
    }
    found.truncate(limit);
    Ok(found)
}

/// A reading, its series, and its resolution.
pub(super) type Said = (Point, (i64, i64), i8);

/// What changed behind a place of the feed, so many at most.
pub(super) fn changes(connection: &Connection, after: i64, limit: usize) -> rusqlite::Result<Vec<Said>> {
    let mut statement = connection.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM dense
         WHERE change >= ifnull((SELECT max(change) FROM dense WHERE change <= ?1), ?1) ORDER BY change"
    ))?;
    let mut rows = statement.query([after])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let dense = Dense::read(row)?;
        let points = dense.whole()?.into_iter().filter(|point| point.change > after);
        found.extend(points.map(|point| (point, dense.series(), dense.resolution)));
        if found.len() >= limit {
            break;
        }
    }
    found.truncate(limit);
    Ok(found)
}

impl Batch<'_> {
    /// Puts what lies between the ends of an hour of a series here, when it is worth it, when it is all that is live there, and
    /// nothing lies there yet; whether it did.
    pub(super) fn put_dense(
        &mut self,
        (meter, channel): (i64, i64),
        hour: &[(&Later, &mut bool)],
        is_all: bool,
    ) -> rusqlite::Result<bool> {
        let [(before, _), between @ .., (after, _)] = hour else {
            return Ok(false);
        };
        let ([(first, _), .., (last, _)], FEW..) = (between, between.len()) else {
            return Ok(false);
        };
        let (first, last, resolution) = (first.at, last.at, first.resolution);
        let in_order = hour.is_sorted_by(|(one, _), (other, _)| one.at < other.at);
        let alike = between
            .iter()
            .all(|(reading, _)| reading.resolution == resolution);
        if !is_all
            || !in_order
            || !alike
            || last.saturating_sub(first) >= HOUR
            || !self.is_free((meter, channel), (before.at, after.at))?
        {
            return Ok(false);
        }
        let points: Vec<_> = between
            .iter()
            .map(|(reading, _)| (reading.at, Source::Live as u8, reading.value, 0))
            .collect();
        let written = written(&points, first);
        let readings = between.len() as u64;
        let mut dense = Dense {
            meter,
            channel,
            first,
            last,
            readings: readings.cast_signed(),
            resolution,
            change: self.change + 1,
            octets: Vec::new(),
        };
        dense.octets.extend(dense.sum(&written));
        dense.octets.extend(written);
        self.transaction
            .prepare_cached(&format!(
                "INSERT INTO dense (quarter, {COLUMNS}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)"
            ))?
            .execute(params![
                quarter_of(first),
                meter,
                channel,
                first,
                last,
                dense.readings,
                resolution,
                dense.change,
                dense.octets
            ])?;
        self.placing.dense = Some(true);
        self.change += dense.readings;
        self.report.readings += readings;
        self.noted.readings((meter, channel), first, last);
        Ok(true)
    }

    /// Whether nothing live of a series lies between two instants.
    fn is_free(&self, (meter, channel): (i64, i64), (before, after): (i64, i64)) -> rusqlite::Result<bool> {
        let place = [
            meter,
            channel,
            before,
            after,
            LIVE,
            quarter_of(before),
            quarter_of(after),
        ];
        let taken = self
            .transaction
            .prepare_cached(
                "SELECT 1 FROM reading WHERE meter = ?1 AND channel = ?2 AND at > ?3 AND at < ?4 AND source = ?5
                 UNION ALL
                 SELECT 1 FROM hour WHERE meter = ?1 AND channel = ?2 AND at > ?3 AND at < ?4
                 UNION ALL
                 SELECT 1 FROM recent WHERE quarter IN (?6, ?7) AND meter = ?1 AND channel = ?2 AND at > ?3 AND at < ?4
                 LIMIT 1",
            )?
            .exists(place)?;
        if taken {
            return Ok(false);
        }
        let there = before_or_in(self.transaction, (meter, channel), after)?;
        Ok(there.is_none_or(|there| there.last < before))
    }

    /// The row that holds a reading, and its value.
    pub(super) fn dense_at(&mut self, series: (i64, i64), at: i64) -> rusqlite::Result<Option<(Dense, i64)>> {
        let some = match self.placing.dense {
            Some(some) => some,
            None => some(self.transaction)?,
        };
        self.placing.dense = Some(some);
        if !some {
            return Ok(None);
        }
        let Some(dense) = before_or_in(self.transaction, series, at)?.filter(|dense| dense.last >= at) else {
            return Ok(None);
        };
        let here = |point: &Point| point.at.as_second() == at;
        let value = dense.whole()?.into_iter().find(here).map(|point| point.value);
        Ok(value.map(|value| (dense, value)))
    }

    /// Makes readings like all others of a row.
    pub(super) fn take_apart(&mut self, dense: &Dense) -> rusqlite::Result<()> {
        self.noted.readings(dense.series(), dense.first, dense.last);
        dense.take_apart(self.transaction)
    }

    /// Erases what a meter has here between two instants; how many readings.
    pub(super) fn erase_dense(&mut self, meter: i64, (from, until): (i64, i64)) -> rusqlite::Result<u64> {
        let of_meter = format!(
            "WITH RECURSIVE of (quarter) AS (
                 SELECT min(quarter) FROM dense WHERE quarter >= ?2
                 UNION ALL
                 SELECT (SELECT min(quarter) FROM dense WHERE dense.quarter > of.quarter) FROM of WHERE quarter < ?3)
             SELECT {COLUMNS} FROM of CROSS JOIN dense ON dense.quarter = of.quarter AND dense.meter = ?1
             WHERE first < ?5 AND last > ?4"
        );
        let quarters = (quarter_of(from.saturating_sub(HOUR)), quarter_of(until));
        let rows = many(
            self.transaction,
            &of_meter,
            [meter, quarters.0, quarters.1, from, until],
            Dense::read,
        )?;
        let mut erased: u64 = 0;
        for dense in rows {
            if from < dense.first && dense.last < until || dense.points().is_none() {
                dense.remove(self.transaction)?;
                erased = erased.saturating_add(dense.readings.unsigned_abs());
            } else {
                // What of it is to go goes with the rows.
                self.take_apart(&dense)?;
            }
        }
        Ok(erased)
    }
}

/// Lets go of what lies before a quarter, so many readings at most: how many went.
pub(super) fn let_go(connection: &Connection, until: i64, left: &mut usize) -> rusqlite::Result<u64> {
    let mut gone = 0;
    while *left > 0 {
        let next = connection
            .prepare_cached(&format!("SELECT {COLUMNS} FROM dense WHERE quarter < ?1 LIMIT 1"))?
            .query_row([quarter_of(until)], Dense::read)
            .optional()?;
        let Some(dense) = next else { break };
        dense.remove(connection)?;
        let readings = dense.readings.unsigned_abs();
        gone = readings.saturating_add(gone);
        *left = left.saturating_sub(usize::try_from(readings).unwrap_or(usize::MAX).max(1));
    }
    Ok(gone)
}

/// Makes rows of everything, in a store that is put together: of two in one place the one that changed later is right. How many
/// could not be kept.
pub(super) fn take_all(connection: &Connection) -> rusqlite::Result<u64> {
    let mut refused = 0;
    while let Some(dense) = connection
        .prepare_cached(&format!("SELECT {COLUMNS} FROM dense LIMIT 1"))?
        .query_row([], Dense::read)
        .optional()?
    {
        let Some(points) = dense.points() else {
            refused += 1;
            dense.remove(connection)?;
            continue;
        };
        for Point { at, value, change } in points {
            let row = [
                dense.meter,
                dense.channel,
                at.as_second(),
                value,
                dense.resolution.into(),
                change,
            ];
            refused += u64::from(!recent::put_newer(connection, row)?);
        }
        dense.remove(connection)?;
    }
    Ok(refused)
}

/// Those that can't be read back: the meter, and the first instant.
pub(super) fn spoilt(connection: &Connection) -> rusqlite::Result<Vec<(i64, i64)>> {
    let mut statement = connection.prepare(&format!("SELECT {COLUMNS} FROM dense"))?;
    let mut rows = statement.query([])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        match Dense::read(row) {
            Ok(dense) if dense.points().is_some() => {}
            Ok(dense) => found.push((dense.meter, dense.first)),
            Err(_) => found.push((0, 0)),
        }
    }
    Ok(found)
}
