//! Hours: of what a meter says live, the first and the last value of each hour stay, and whatever is doubtful.
//!
//! ```text
//! heard     ▪▪▪▪▪▪▪▪▪▪▪▪▪▪▪▪▪│▪▪▪▪▪▪▪▪▪▪▪!▪▪▪▪▪│▪▪▪▪
//! kept      ▪               ▪│▪          !    ▪│▪  ▪          what came last so far gives way to what comes later
//! ```
//!
//! A meter that speaks every half minute tells when somebody washed their hands; a bill and a leak need hours. So what is
//! settled together is thinned before it is written, and [`retain`](super::retain) does the same with what came otherwise.
//! What an hour showed at its ends, and so what flowed in it, stays exact.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use rusqlite::{Connection, OptionalExtension, params};

use super::find::many;
use super::place::Later;
use super::recent::quarter_of;
use super::tell::Noted;
use super::values::LIVE;
use super::write::{Batch, counter};
use crate::registry::Site;

/// The counter that says whether readings are thinned as they are settled.
pub(super) const HOURS_ONLY: &str = "hours_only";

/// The zone of the site where a meter hangs, or hung last.
pub(super) fn zone(connection: &Connection, meter: i64) -> rusqlite::Result<TimeZone> {
    let name: Option<String> = connection
        .prepare_cached(
            "SELECT site.time_zone FROM installation JOIN point ON point.id = installation.point
             JOIN dwelling ON dwelling.id = point.dwelling JOIN site ON site.id = dwelling.site
             WHERE installation.meter = ?1
             ORDER BY ifnull(installation.until, 0x7FFFFFFFFFFFFFFF) DESC, installation.since DESC,
             installation.id DESC LIMIT 1",
        )?
        .query_row([meter], |row| row.get(0))
        .optional()?;
    let name = name.as_deref().unwrap_or(Site::DEFAULT_TIME_ZONE);
    Ok(TimeZone::get(name).unwrap_or(TimeZone::UTC))
}

/// Where the local hour of an instant begins, and where it ends. Some places are half an hour beside the others.
fn hour_of(at: i64, zone: &TimeZone) -> (i64, i64) {
    let offset = Timestamp::from_second(at).map_or(0, |at| i64::from(zone.to_offset(at).seconds()));
    let begin = at.saturating_sub(at.saturating_add(offset).rem_euclid(HOUR));
    (begin, begin.saturating_add(HOUR))
}

/// In seconds.
pub(super) const HOUR: i64 = 3600;

impl Batch<'_> {
    /// Leaves out of readings that are about to be placed, ordered by series and instant, those between the first and the
    /// last of their hour, and takes away what is there already and lies between now. Where every value is kept they go where
    /// they take little room.
    pub(super) fn thin(&mut self, readings: &mut Vec<Later>) -> rusqlite::Result<()> {
        let hours_only = counter(self.transaction, HOURS_ONLY)? == Some(1);
        let mut left_out = vec![false; readings.len()];
        let mut places = left_out.iter_mut();
        let mut zones: Option<(i64, TimeZone)> = None;
        for series in readings.chunk_by(|one, other| one.series() == other.series()) {
            let mut rest: Vec<(&Later, &mut bool)> = series
                .iter()
                .zip(places.by_ref())
                .filter(|(reading, _)| reading.is_plain())
                .collect();
            let Some(of @ (meter, _)) = series.first().map(Later::series) else {
                continue;
            };
            let zone = match zones.take() {
                Some((known, zone)) if known == meter => zone,
                _ => zone(self.transaction, meter)?,
            };
            let mut rest = rest.as_mut_slice();
            while let Some((reading, _)) = rest.first() {
                let hour = hour_of(reading.at, &zone);
                let (here, behind) =
                    rest.split_at_mut(rest.partition_point(|(reading, _)| reading.at < hour.1));
                if hours_only {
                    let there = thin_before(self.transaction, &mut self.noted, of, hour, here)?;
                    for (reading, place) in here {
                        **place = there.0 < reading.at && reading.at < there.1;
                        self.report.thinned += u64::from(**place);
                    }
                } else {
                    // What is doubtful may be of the same instant, and be said first.
                    let live = series.iter().filter(|reading| reading.is_live());
                    let all = live.filter(|reading| hour.0 <= reading.at && reading.at < hour.1);
                    let is_all = all.count() == here.len();
                    if self.put_dense(of, here, is_all)?
                        && let [_, between @ .., _] = here
                    {
                        for (_, place) in between {
                            **place = true;
                        }
                    }
                }
                rest = behind;
            }
            zones = Some((meter, zone));
        }
        let mut left_out = left_out.into_iter();
        readings.retain(|_| left_out.next() != Some(true));
        Ok(())
    }
}

/// Takes away what will lie between the first and the last of an hour once these are there; the instants of those two.
fn thin_before(
    connection: &Connection,
    noted: &mut Noted,
    (meter, channel): (i64, i64),
    (begin, end): (i64, i64),
    coming: &[(&Later, &mut bool)],
) -> rusqlite::Result<(i64, i64)> {
    // An hour lies in one quarter of a day, or in two where places are half an hour beside the others.
    let quarters = (quarter_of(begin), quarter_of(end - 1));
    let place = [meter, channel, begin, end, LIVE, quarters.0, quarters.1];
    let (first, last, count) = connection
        .prepare_cached(
            "SELECT min(at), max(at), count(*) FROM (
                 SELECT at FROM reading WHERE meter = ?1 AND channel = ?2 AND at >= ?3 AND at < ?4 AND source = ?5
                 AND flags = 0 AND stamp IS NULL
                 UNION ALL
                 SELECT at FROM recent WHERE quarter IN (?6, ?7) AND meter = ?1 AND channel = ?2 AND at >= ?3 AND at < ?4)",
        )?
        .query_row(place, |row| {
            Ok((
                row.get::<_, Option<i64>>(0)?,
                row.get::<_, Option<i64>>(1)?,
                row.get::<_, i64>(2)?,
            ))
        })?;
    let ends = |edge: Option<&(&Later, &mut bool)>, stored: Option<i64>| {
        [edge.map(|(reading, _)| reading.at), stored]
            .into_iter()
            .flatten()
    };
    let from = ends(coming.first(), first).min().unwrap_or(begin);
    let to = ends(coming.last(), last).max().unwrap_or(end);
    let stays = i64::from(first == Some(from)) + i64::from(last == Some(to) && first != last);
    if count > stays {
        let removed = connection
            .prepare_cached(
                "DELETE FROM reading WHERE meter = ?1 AND channel = ?2 AND at > ?3 AND at < ?4 AND source = ?5
                 AND flags = 0 AND stamp IS NULL",
            )?
            .execute([meter, channel, from, to, LIVE])?
            + connection
                .prepare_cached(
                    "DELETE FROM recent WHERE quarter IN (?5, ?6) AND meter = ?1 AND channel = ?2 AND at > ?3 AND at < ?4",
                )?
                .execute([meter, channel, from, to, quarters.0, quarters.1])?;
        if removed > 0 {
            noted.readings((meter, channel), begin, end);
        }
    }
    Ok((from, to))
}

/// Thins a day of a series to the first and the last of each hour: how many were looked at, and how many went.
pub(super) fn thin_hours(
    connection: &Connection,
    noted: &mut Noted,
    (meter, channel): (i64, i64),
    (start, end): (i64, i64),
    zone: &TimeZone,
) -> rusqlite::Result<(usize, u64)> {
    let day: Vec<i64> = many(
        connection,
        "SELECT at FROM every_reading WHERE meter = ?1 AND channel = ?2 AND at >= ?3 AND at < ?4 AND source = ?5
         AND flags = 0 AND stamp IS NULL ORDER BY at",
        [meter, channel, start, end, LIVE],
        |row| row.get(0),
    )?;
    let mut removed = 0;
    for hour in day.chunk_by(|one, other| hour_of(*one, zone) == hour_of(*other, zone)) {
        let ([first, .., last], 3..) = (hour, hour.len()) else {
            continue;
        };
        let between = params![meter, channel, first, last, LIVE];
        removed += connection
            .prepare_cached(
                "DELETE FROM reading WHERE meter = ?1 AND channel = ?2 AND at > ?3 AND at < ?4 AND source = ?5
                 AND flags = 0 AND stamp IS NULL",
            )?
            .execute(between)? as u64;
        removed += connection
            .prepare_cached("DELETE FROM hour WHERE meter = ?1 AND channel = ?2 AND at > ?3 AND at < ?4")?
            .execute([meter, channel, *first, *last])? as u64;
    }
    if removed > 0 {
        noted.readings((meter, channel), start, end);
    }
    Ok((day.len(), removed))
}
