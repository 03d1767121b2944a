//! Values: ranges, neighbours and the feed. Each is one walk along the clustered table or its change index.

use std::cmp::Reverse;

use jiff::{SignedDuration, Timestamp};
use rusqlite::{Connection, OptionalExtension, Row, ToSql, params, params_from_iter};

use super::codes::{self, invalid};
use super::dense;
use super::find::{many, rows};
use super::packed::{Packed, Walked, start_of, stretch_of};
use super::read::{Channels, Known};
use super::recent;
use crate::store::{
    Channel, ChannelId, Flags, Grain, MeterId, ReadingKey, ReadingQuery, ReadingRow, Shown, Side, Source,
    StoredReading,
};

/// Turns rows into readings.
pub(super) struct Values<'a> {
    pub(super) connection: &'a Connection,
    pub(super) channels: &'a Channels,
}

/// The columns of [`Values::row`].
const READING: &str = "meter, channel, at, source, value, resolution, flags, stamp, change";

impl Values<'_> {
    /// The channels in which some meters have readings.
    pub(super) fn channels_of(
        &self,
        meters: &[MeterId],
        known: &mut Known,
    ) -> rusqlite::Result<Vec<Vec<(ChannelId, Channel)>>> {
        let named = |meter| -> rusqlite::Result<Vec<_>> {
            let ids = self.spoken_in(meter)?;
            ids.into_iter().map(|id| Ok((id, self.channel(id.0)?))).collect()
        };
        known.channels(self.connection, meters, named)
    }

    /// The channels in which a meter has readings: one step along the table for each, and along each of the last quarters.
    fn spoken_in(&self, meter: MeterId) -> rusqlite::Result<Vec<ChannelId>> {
        let mut next = self.connection.prepare_cached(
            "SELECT min(channel) FROM (
                 SELECT min(channel) AS channel FROM reading WHERE meter = ?1 AND channel > ?2
                 UNION ALL
                 SELECT (SELECT min(channel) FROM recent
                         WHERE recent.quarter = quarter.number AND meter = ?1 AND channel > ?2) FROM quarter)
             HAVING min(channel) IS NOT NULL",
        )?;
        let mut found = Vec::new();
        let mut last = i64::MIN;
        while let Some(id) = next.query_row([meter.0, last], |row| row.get(0)).optional()? {
            last = id;
            found.push(ChannelId(id));
        }
        Ok(found)
    }

    pub(super) fn page(&self, query: &ReadingQuery) -> rusqlite::Result<Vec<ReadingRow>> {
        let channels = match query.channel {
            Some(channel) => vec![channel],
            None => self.spoken_in(query.meter)?,
        };
        let mut page = Vec::new();
        for channel in channels {
            // Where the page before ended.
            let (from, behind) = match query.after {
                Some(after) if channel < after.channel => continue,
                Some(after) if channel == after.channel => {
                    (after.at.max(query.from), Some((after.at, after.source)))
                }
                _ => (query.from, None),
            };
            let left = query.limit.saturating_sub(page.len());
            if left == 0 {
                break;
            }
            let parameters = params![
                query.meter.0,
                channel.0,
                from.as_second(),
                query.until.as_second(),
                query.source.map(|source| source as i64),
                behind.map_or(i64::MIN, |(at, _)| at.as_second()),
                behind.map_or(-1, |(_, source)| source as i64),
                rows(left),
            ];
            let mut rows = self.many(
                "meter = ?1 AND channel = ?2 AND at >= ?3 AND at < ?4 AND (?5 IS NULL OR source = ?5)
                 AND (at, source) > (?6, ?7) ORDER BY at, source LIMIT ?8",
                parameters,
            )?;
            if query.source.is_none_or(|source| source == Source::Live) {
                // Of an instant, what is live comes first: it was on the page before.
                let from = behind.map_or(from.as_second(), |(at, _)| {
                    from.as_second().max(at.as_second().saturating_add(1))
                });
                let time = (from, query.until.as_second());
                self.add_dense((query.meter, channel), time, left, &mut rows)?;
                rows.truncate(left);
            }
            page.append(&mut rows);
        }
        Ok(page)
    }

    pub(super) fn nearest(
        &self,
        meter: MeterId,
        channel: ChannelId,
        at: Timestamp,
        side: Side,
        without: Flags,
    ) -> rusqlite::Result<Option<ReadingRow>> {
        let condition = match side {
            Side::AtOrBefore => {
                "meter = ?1 AND channel = ?2 AND at <= ?3 AND flags & ?4 = 0 ORDER BY at DESC, source LIMIT 1"
            }
            Side::AtOrAfter => {
                "meter = ?1 AND channel = ?2 AND at >= ?3 AND flags & ?4 = 0 ORDER BY at, source LIMIT 1"
            }
        };
        let parameters = params![meter.0, channel.0, at.as_second(), without.0];
        let row = self.many(condition, parameters)?.pop();
        let dense = dense::nearest(self.connection, (meter.0, channel.0), at.as_second(), side)?;
        Ok(match (row, dense) {
            (Some(row), Some((point, _))) if away(row.reading.at, at) <= away(point.at, at) => Some(row),
            (_, Some((point, resolution))) => {
                Some(self.dense_row((meter.0, channel.0), &point, resolution)?)
            }
            (row, None) => row,
        })
    }

    /// The latest reading of each series of some meters: a few steps along the table for each series, in one statement.
    pub(super) fn latest(&self, meters: &[MeterId]) -> rusqlite::Result<Vec<ReadingRow>> {
        let ids: Vec<String> = meters.iter().map(|meter| meter.0.to_string()).collect();
        let sql = format!(
            "WITH RECURSIVE wanted (meter, channel) AS (
                 SELECT given.value, (SELECT min(channel) FROM reading WHERE meter = given.value)
                 FROM json_each(?1) AS given
                 UNION ALL
                 SELECT meter, (SELECT min(channel) FROM reading
                                WHERE reading.meter = wanted.meter AND channel > wanted.channel)
                 FROM wanted WHERE channel IS NOT NULL)
             SELECT {READING} FROM reading WHERE (meter, channel, at) IN
                 (SELECT meter, channel, (SELECT max(at) FROM reading WHERE reading.meter = wanted.meter
                                          AND reading.channel = wanted.channel)
                  FROM wanted WHERE channel IS NOT NULL)"
        );
        let ids = format!("[{}]", ids.join(","));
        let mut rows = many(self.connection, &sql, [&ids], |row| self.row(row))?;
        rows.extend(many(self.connection, recent::LATEST, [&ids], |row| {
            self.row(row)
        })?);
        // Of one instant the surest source, as `nearest` says it.
        rows.sort_by_key(|row| {
            let ReadingRow {
                meter,
                channel_id,
                reading,
                ..
            } = row;
            (*meter, *channel_id, Reverse(reading.at), reading.source)
        });
        rows.dedup_by_key(|row| (row.meter, row.channel_id));
        Ok(rows)
    }

    /// A loose walk back along each series, a step at least at a time, whatever lies between.
    pub(super) fn spoken(
        &self,
        series: &[(MeterId, ChannelId)],
        from: Timestamp,
        until: Timestamp,
        step: SignedDuration,
        without: Flags,
    ) -> rusqlite::Result<Vec<(MeterId, Timestamp)>> {
        let pairs: Vec<String> = series
            .iter()
            .map(|(meter, channel)| format!("[{},{}]", meter.0, channel.0))
            .collect();
        let before = |meter: &str, channel: &str, at: &str| {
            format!(
                "(SELECT max(at) FROM (
                      SELECT (SELECT r.at FROM reading AS r WHERE r.meter = {meter} AND r.channel = {channel}
                              AND r.at <= {at} AND r.source = {LIVE} AND r.flags & ?5 = 0
                              ORDER BY r.at DESC LIMIT 1) AS at
                      UNION ALL
                      SELECT (SELECT max(r.at) FROM recent AS r WHERE r.quarter = quarter.number
                              AND r.meter = {meter} AND r.channel = {channel} AND r.at <= {at}) FROM quarter))"
            )
        };
        let sql = format!(
            "WITH RECURSIVE wanted (meter, channel) AS
                 (SELECT given.value ->> 0, given.value ->> 1 FROM json_each(?1) AS given),
             walk (meter, channel, at) AS (
                 SELECT meter, channel, {} FROM wanted
                 UNION ALL
                 SELECT meter, channel, {} FROM walk WHERE at >= ?2)
             SELECT meter, at FROM walk WHERE at >= ?2 ORDER BY meter, at",
            before("wanted.meter", "wanted.channel", "?3"),
            before("walk.meter", "walk.channel", "walk.at - ?4"),
        );
        let parameters = params![
            format!("[{}]", pairs.join(",")),
            from.as_second(),
            until.as_second(),
            step.as_secs().max(1),
            without.0,
        ];
        many(self.connection, &sql, parameters, |row| {
            Ok((MeterId(row.get(0)?), codes::instant(row, 1)?))
        })
    }

    pub(super) fn series(
        &self,
        meter: MeterId,
        channel: ChannelId,
        from: Timestamp,
        until: Timestamp,
    ) -> rusqlite::Result<Vec<ReadingRow>> {
        let edge = |condition: &str, instant: Timestamp, else_: i64| -> rusqlite::Result<i64> {
            let sql = format!(
                "SELECT at FROM every_reading WHERE meter = ?1 AND channel = ?2 AND {condition} LIMIT 1"
            );
            let found = self
                .connection
                .prepare_cached(&sql)?
                .query_row([meter.0, channel.0, instant.as_second()], |row| row.get(0))
                .optional()?;
            Ok(found.unwrap_or(else_))
        };
        let first = edge("at < ?3 ORDER BY at DESC", from, from.as_second())?;
        let last = edge("at >= ?3 ORDER BY at", until, until.as_second())?;
        let mut rows = self.many(
            "meter = ?1 AND channel = ?2 AND at BETWEEN ?3 AND ?4 ORDER BY at, source",
            params![meter.0, channel.0, first, last],
        )?;
        self.add_dense((meter, channel), (first, last), usize::MAX, &mut rows)?;
        with_surroundings(&mut rows, |row| row.reading.at, (from, until));
        Ok(rows)
    }

    /// Adds what a series has in dense rows between two instants, so many at most, to rows in their order.
    fn add_dense(
        &self,
        (meter, channel): (MeterId, ChannelId),
        time: (i64, i64),
        limit: usize,
        rows: &mut Vec<ReadingRow>,
    ) -> rusqlite::Result<()> {
        let series = (meter.0, channel.0);
        let found = dense::between(self.connection, series, time, limit)?;
        if found.is_empty() {
            return Ok(());
        }
        for (point, resolution) in found {
            rows.push(self.dense_row(series, &point, resolution)?);
        }
        rows.sort_by_key(|row| (row.reading.at, row.reading.source));
        Ok(())
    }

    fn dense_row(
        &self,
        (meter, channel): (i64, i64),
        point: &dense::Point,
        resolution: i8,
    ) -> rusqlite::Result<ReadingRow> {
        Ok(ReadingRow {
            meter: MeterId(meter),
            channel_id: ChannelId(channel),
            reading: StoredReading {
                channel: self.channel(channel)?,
                at: point.at,
                source: Source::Live,
                value: point.value,
                resolution,
                flags: Flags::NONE,
                stamp: None,
            },
            change: codes::unsigned(point.change),
        })
    }

    /// Light rows of some series, for sums: what is packed, and the rows of the table where it is not. That holds no more than
    /// a day's first and last hours of what is old.
    pub(super) fn shown(
        &self,
        series: &[(MeterId, ChannelId)],
        from: Timestamp,
        until: Timestamp,
        grain: Grain,
    ) -> rusqlite::Result<Vec<Vec<Shown>>> {
        let mut packed = Packed::new(self.connection)?;
        let days = until.duration_since(from).as_hours().div_euclid(24);
        let days = usize::try_from(days).unwrap_or(0).min(MOST_DAYS);
        // Two a day, and those of the stretches' days on either side.
        let mut all = packed.walk(series, (from, until), 2 * (days + BESIDE))?;
        let lately = recent::begin(self.connection)?;
        for (of, walked) in series.iter().zip(&mut all) {
            self.complete(&mut packed, *of, (from, until), walked)?;
            if let Some(lately) = lately {
                self.add_recent(lately, *of, (from, until), &mut walked.shown)?;
            }
            if grain == Grain::Hours {
                let place = [of.0.0, of.1.0, from.as_second(), until.as_second()];
                self.points(HOURS, &place, &mut walked.shown)?;
                walked.shown.sort_by_key(|shown| (shown.at, shown.source));
            }
        }
        Ok(all.into_iter().map(|walked| walked.shown).collect())
    }

    /// Reads what is not packed, and leaves of what is packed what was asked for.
    fn complete(
        &self,
        packed: &mut Packed<'_>,
        of: (MeterId, ChannelId),
        (from, until): (Timestamp, Timestamp),
        Walked { shown, next }: &mut Walked,
    ) -> rusqlite::Result<()> {
        let (meter, channel) = (of.0.0, of.1.0);
        let (begin, end) = (from.as_second(), until.as_second());
        let first = stretch_of(begin);
        if *next == first {
            return self.points(ROWS, &[meter, channel, begin, end], shown);
        }
        // From the last instant before on.
        let inside = shown.partition_point(|shown| shown.at < from);
        if let Some(before) = inside.checked_sub(1).and_then(|last| shown.get(last)).copied() {
            shown.drain(..shown.partition_point(|shown| shown.at < before.at));
        } else {
            let mut before = Vec::new();
            if packed.read(first - 1, of, &mut before)?
                && let Some(last) = before.last().copied()
            {
                before.drain(..before.partition_point(|shown| shown.at < last.at));
            } else {
                self.points(BEFORE, &[meter, channel, begin], &mut before)?;
            }
            shown.splice(..0, before);
        }
        // Up to the first instant behind.
        match shown
            .get(shown.partition_point(|shown| shown.at < until))
            .copied()
        {
            Some(after) => shown.truncate(shown.partition_point(|shown| shown.at <= after.at)),
            None => self.points(FROM, &[meter, channel, start_of(*next), end], shown)?,
        }
        Ok(())
    }

    /// Adds what lies among the last hours, when that reaches so far back.
    fn add_recent(
        &self,
        begin: i64,
        of: (MeterId, ChannelId),
        (from, until): (Timestamp, Timestamp),
        shown: &mut Vec<Shown>,
    ) -> rusqlite::Result<()> {
        let behind = shown.get(shown.partition_point(|shown| shown.at < until));
        if behind.is_some_and(|behind| behind.at.as_second() < begin) {
            return Ok(());
        }
        recent::shown(self.connection, of, shown)?;
        shown.sort_by_key(|shown| (shown.at, shown.source));
        with_surroundings(shown, |shown| shown.at, (from, until));
        Ok(())
    }

    /// Adds what a query says to what is there.
    fn points(&self, sql: &str, parameters: &[i64], into: &mut Vec<Shown>) -> rusqlite::Result<()> {
        let mut statement = self.connection.prepare_cached(sql)?;
        let mut rows = statement.query(params_from_iter(parameters))?;
        while let Some(row) = rows.next()? {
            into.push(Shown {
                at: codes::instant(row, 0)?,
                source: codes::source(row, 1)?,
                value: row.get(2)?,
                flags: Flags(row.get(3)?),
            });
        }
        Ok(())
    }

    pub(super) fn conflicts(&self, meter: MeterId, key: ReadingKey) -> rusqlite::Result<Vec<i64>> {
        many(
            self.connection,
            "SELECT value FROM conflict WHERE meter = ?1 AND channel = ?2 AND at = ?3 AND source = ?4
             ORDER BY value",
            params![meter.0, key.channel.0, key.at.as_second(), key.source as i64],
            |row| row.get(0),
        )
    }

    pub(super) fn changes(&self, after: u64, limit: usize) -> rusqlite::Result<Vec<ReadingRow>> {
        let after = i64::try_from(after).unwrap_or(i64::MAX);
        let mut page = self.many_of(
            "every_change",
            "change > ?1 ORDER BY change LIMIT ?2",
            params![after, rows(limit)],
        )?;
        let dense = dense::changes(self.connection, after, limit)?;
        if !dense.is_empty() {
            for (point, series, resolution) in dense {
                page.push(self.dense_row(series, &point, resolution)?);
            }
            page.sort_by_key(|row| row.change);
            page.truncate(limit);
        }
        Ok(page)
    }

    fn many(&self, condition: &str, parameters: &[&dyn ToSql]) -> rusqlite::Result<Vec<ReadingRow>> {
        self.many_of("every_reading", condition, parameters)
    }

    fn many_of(
        &self,
        view: &str,
        condition: &str,
        parameters: &[&dyn ToSql],
    ) -> rusqlite::Result<Vec<ReadingRow>> {
        let sql = format!("SELECT {READING} FROM {view} WHERE {condition}");
        many(self.connection, &sql, parameters, |row| self.row(row))
    }

    fn row(&self, row: &Row<'_>) -> rusqlite::Result<ReadingRow> {
        let channel: i64 = row.get(1)?;
        let stamp: Option<i64> = row.get(7)?;
        Ok(ReadingRow {
            meter: MeterId(row.get(0)?),
            channel_id: ChannelId(channel),
            reading: StoredReading {
                channel: self.channel(channel)?,
                at: codes::instant(row, 2)?,
                source: codes::source(row, 3)?,
                value: row.get(4)?,
                resolution: row.get(5)?,
                flags: Flags(row.get(6)?),
                stamp: stamp.and_then(codes::stamp),
            },
            change: codes::unsigned(row.get(8)?),
        })
    }

    fn channel(&self, id: i64) -> rusqlite::Result<Channel> {
        self.channels
            .get(self.connection, ChannelId(id))?
            .ok_or_else(|| invalid(1, rusqlite::types::Type::Integer, "no channel has this number"))
    }
}

/// Leaves of what is in the order of its instants the time that was asked for, with the last instant before it and the first one
/// behind it.
fn with_surroundings<T>(
    all: &mut Vec<T>,
    at: impl Fn(&T) -> Timestamp,
    (from, until): (Timestamp, Timestamp),
) {
    let behind = all.get(all.partition_point(|one| at(one) < until)).map(&at);
    if let Some(behind) = behind {
        all.truncate(all.partition_point(|one| at(one) <= behind));
    }
    let before = all.get(..all.partition_point(|one| at(one) < from));
    if let Some(before) = before.and_then(<[T]>::last).map(&at) {
        all.drain(..all.partition_point(|one| at(one) < before));
    }
}

/// How far an instant is from another.
fn away(one: Timestamp, other: Timestamp) -> SignedDuration {
    one.duration_since(other).abs()
}

/// A series over a time, with the last instant before it and the first one behind.
const ROWS: &str = "SELECT at, source, value, flags FROM reading WHERE meter = ?1 AND channel = ?2
    AND at >= ifnull((SELECT at FROM reading WHERE meter = ?1 AND channel = ?2 AND at < ?3
                      ORDER BY at DESC LIMIT 1), ?3)
    AND at <= ifnull((SELECT at FROM reading WHERE meter = ?1 AND channel = ?2 AND at >= ?4
                      ORDER BY at LIMIT 1), ?4)
    ORDER BY at, source";

/// The last instant before.
const BEFORE: &str = "SELECT at, source, value, flags FROM reading WHERE meter = ?1 AND channel = ?2
    AND at = (SELECT at FROM reading WHERE meter = ?1 AND channel = ?2 AND at < ?3 ORDER BY at DESC LIMIT 1)
    ORDER BY source";

/// From an instant up to the first one behind the time.
const FROM: &str =
    "SELECT at, source, value, flags FROM reading WHERE meter = ?1 AND channel = ?2 AND at >= ?3
    AND at <= ifnull((SELECT at FROM reading WHERE meter = ?1 AND channel = ?2 AND at >= ?4
                      ORDER BY at LIMIT 1), ?4)
    ORDER BY at, source";

/// What was put aside.
const HOURS: &str =
    "SELECT at, 0, value, 0 FROM hour WHERE meter = ?1 AND channel = ?2 AND at >= ?3 AND at < ?4";

/// Room is made beforehand for the readings of a year at most.
const MOST_DAYS: usize = 366;
/// Days that are read beside those that were asked for, before and after together.
const BESIDE: usize = 32;

/// The live readings' source, as the table has it.
pub(super) const LIVE: i64 = Source::Live as i64;
