//! Letting go: old telegrams, old strangers, old outages, and all but the first and last live reading of a day, which
//! households may keep: then they are put aside. What is left of it is packed for questions.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use rusqlite::{Connection, OptionalExtension, params};

use super::codes::{instant, word};
use super::find::{many, rows};
use super::packed;
use super::tell::Noted;
use super::values::LIVE;
use super::write::{Batch, Fault, counter, set_counter};
use crate::registry::Site;
use crate::store::{RetainReport, Retention};

/// One bounded piece of the work.
pub(super) fn retain(
    batch: &mut Batch<'_>,
    now: Timestamp,
    retention: &Retention,
) -> Result<RetainReport, Fault> {
    let connection = batch.transaction;
    let mut report = RetainReport::default();
    let mut left = retention.rows.max(1);

    let floor = days_before(now, retention.raw_days);
    if counter(connection, "raw_floor")?.is_none_or(|known| known < floor) {
        set_counter(connection, "raw_floor", floor)?;
    }
    let removed = connection
        .prepare_cached(
            "DELETE FROM telegram WHERE (received_at, meter, digest) IN
             (SELECT received_at, meter, digest FROM telegram WHERE received_at < ?1
              ORDER BY received_at, meter, digest LIMIT ?2)",
        )?
        .execute([floor, rows(left)])?;
    report.telegrams = removed as u64;
    left = left.saturating_sub(removed);

    let removed = connection
        .prepare_cached(
            "DELETE FROM heard WHERE address IN
             (SELECT address FROM heard WHERE last_heard < ?1 ORDER BY last_heard LIMIT ?2)",
        )?
        .execute([days_before(now, retention.heard_days), rows(left)])?;
    report.heard = removed as u64;
    left = left.saturating_sub(removed);

    let removed = connection
        .prepare_cached(
            "DELETE FROM outage WHERE (receiver, since) IN
             (SELECT receiver, since FROM outage WHERE until < ?1 ORDER BY since LIMIT ?2)",
        )?
        .execute([days_before(now, retention.outage_days), rows(left)])?;
    report.outages = removed as u64;
    left = left.saturating_sub(removed);

    let noted = &mut batch.noted;
    thin(
        connection,
        noted,
        now,
        retention.live_days,
        &mut left,
        &mut report,
    )?;
    // What was thinned just now is packed as it is now.
    batch.noted.stale.remove(connection)?;
    packed::pack(connection, &mut left)?;
    report.more = left == 0;
    Ok(report)
}

fn days_before(now: Timestamp, days: u32) -> i64 {
    now.as_second().saturating_sub(i64::from(days) * 86_400)
}

/// Thins meter by meter and day by day, until all is done or enough rows were looked at.
fn thin(
    connection: &Connection,
    noted: &mut Noted,
    now: Timestamp,
    days: u32,
    left: &mut usize,
    report: &mut RetainReport,
) -> rusqlite::Result<()> {
    // No zone's day is older than this one, so that most meters are passed over without a look.
    let latest = days_before(now, days);
    let due = many(
        connection,
        "SELECT meter.id, thinned.until FROM meter LEFT JOIN thinned ON thinned.meter = meter.id
         WHERE thinned.until IS NULL OR thinned.until < ?1 ORDER BY meter.id",
        [latest.saturating_sub(86_400)],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )?;
    for (meter, until) in due {
        if *left == 0 {
            return Ok(());
        }
        let zone = zone(connection, meter)?;
        let Some(cutoff) = start_of_day(latest, &zone) else {
            continue;
        };
        let mut done: Option<i64> = until;
        while *left > 0 {
            let Some(next) = first_live(connection, meter, done.unwrap_or(i64::MIN), cutoff)? else {
                done = Some(cutoff);
                break;
            };
            let Some((day, start, end)) = day_of(next, &zone) else {
                done = Some(cutoff);
                break;
            };
            let inner = if keeps_hourly(connection, meter, day, &zone)? {
                Inner::PutAside
            } else {
                Inner::Remove
            };
            let (looked_at, removed) = thin_day(connection, noted, meter, (start, end), inner)?;
            report.readings += removed;
            *left = left.saturating_sub(looked_at.max(1));
            done = Some(end);
        }
        if done != until {
            connection
                .prepare_cached(
                    "INSERT INTO thinned (meter, until) VALUES (?1, ?2)
                     ON CONFLICT (meter) DO UPDATE SET until = excluded.until",
                )?
                .execute(params![meter, done])?;
        }
    }
    Ok(())
}

/// What becomes of the readings between the first and the last of a day.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Inner {
    Remove,
    /// They are kept where questions for days don't pass by.
    PutAside,
}

/// In each channel the first and the last reading of a day stay, and the first and the last without a flag.
fn thin_day(
    connection: &Connection,
    noted: &mut Noted,
    meter: i64,
    (start, end): (i64, i64),
    inner: Inner,
) -> rusqlite::Result<(usize, u64)> {
    let mut looked_at = 0;
    let mut removed = 0;
    let mut delete = connection.prepare_cached(
        "DELETE FROM reading WHERE meter = ?1 AND channel = ?2 AND at = ?3 AND source = ?4",
    )?;
    let mut forget = connection
        .prepare_cached("DELETE FROM hour WHERE meter = ?1 AND channel = ?2 AND at >= ?3 AND at < ?4")?;
    for channel in channels(connection, meter)? {
        let day = many(
            connection,
            "SELECT at, flags FROM reading
             WHERE meter = ?1 AND channel = ?2 AND at >= ?3 AND at < ?4 AND source = ?5 ORDER BY at",
            [meter, channel, start, end, LIVE],
            |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?)),
        )?;
        looked_at += day.len();
        let sound = || day.iter().filter(|(_, flags)| *flags == 0);
        let stay = [
            day.first().map(|(at, _)| *at),
            day.last().map(|(at, _)| *at),
            sound().next().map(|(at, _)| *at),
            sound().next_back().map(|(at, _)| *at),
        ];
        let mut gone = 0;
        if inner == Inner::Remove {
            gone += forget.execute([meter, channel, start, end])? as u64;
            for (at, _) in &day {
                if !stay.contains(&Some(*at)) {
                    delete.execute([meter, channel, *at, LIVE])?;
                    gone += 1;
                }
            }
            removed += gone;
        } else if let [_, _, Some(first), Some(last)] = stay {
            gone += put_aside(connection, (meter, channel), first, last)?;
        }
        if gone > 0 {
            noted.readings((meter, channel), start, end);
        }
    }
    Ok((looked_at, removed))
}

/// Puts aside what is sound between two instants; what is doubtful stays where it is seen. How many rows changed.
fn put_aside(
    connection: &Connection,
    (meter, channel): (i64, i64),
    first: i64,
    last: i64,
) -> rusqlite::Result<u64> {
    let place = [meter, channel, first, last, LIVE];
    let copied = connection
        .prepare_cached(
            "INSERT INTO hour (meter, channel, at, value, resolution, change)
             SELECT meter, channel, at, value, resolution, change FROM reading
             WHERE meter = ?1 AND channel = ?2 AND at > ?3 AND at < ?4 AND source = ?5 AND flags = 0 AND stamp IS NULL
             ON CONFLICT DO NOTHING",
        )?
        .execute(place)?;
    let moved = connection
        .prepare_cached(
            "DELETE FROM reading
             WHERE meter = ?1 AND channel = ?2 AND at > ?3 AND at < ?4 AND source = ?5 AND flags = 0
             AND change = (SELECT change FROM hour WHERE hour.meter = reading.meter
                           AND hour.channel = reading.channel AND hour.at = reading.at)",
        )?
        .execute(place)?;
    Ok((copied + moved) as u64)
}

fn channels(connection: &Connection, meter: i64) -> rusqlite::Result<Vec<i64>> {
    let mut next = connection.prepare_cached(
        "SELECT channel FROM reading WHERE meter = ?1 AND channel > ?2 ORDER BY channel LIMIT 1",
    )?;
    let mut found: Vec<i64> = Vec::new();
    while let Some(id) = next
        .query_row([meter, found.last().copied().unwrap_or(i64::MIN)], |row| {
            row.get(0)
        })
        .optional()?
    {
        found.push(id);
    }
    Ok(found)
}

/// The first live reading at or after an instant and before the cutoff.
fn first_live(connection: &Connection, meter: i64, from: i64, cutoff: i64) -> rusqlite::Result<Option<i64>> {
    let mut first = connection.prepare_cached(
        "SELECT at FROM reading WHERE meter = ?1 AND channel = ?2 AND at >= ?3 AND at < ?4 AND source = ?5
         ORDER BY at LIMIT 1",
    )?;
    let mut earliest: Option<i64> = None;
    for channel in channels(connection, meter)? {
        let found: Option<i64> = first
            .query_row([meter, channel, from, cutoff, LIVE], |row| row.get(0))
            .optional()?;
        earliest = match (earliest, found) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
    }
    Ok(earliest)
}

/// The zone of the site where a meter hangs, or hung last.
fn zone(connection: &Connection, meter: i64) -> rusqlite::Result<TimeZone> {
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

/// Whether the household that lived with the meter on a day wants its hours kept.
fn keeps_hourly(connection: &Connection, meter: i64, day: Date, zone: &TimeZone) -> rusqlite::Result<bool> {
    let periods = many(
        connection,
        "SELECT occupancy.first_day, occupancy.last_day, installation.since, installation.until
         FROM installation JOIN point ON point.id = installation.point
         JOIN occupancy ON occupancy.dwelling = point.dwelling
         WHERE installation.meter = ?1 AND occupancy.keeps_hourly = 1",
        [meter],
        |row| {
            let first: Date = word(row, 0, |day| day.parse().ok())?;
            let last: Option<String> = row.get(1)?;
            let last = last.map_or(Date::MAX, |day| day.parse().unwrap_or(Date::MAX));
            let since = row
                .get::<_, Option<i64>>(2)?
                .map(|_| instant(row, 2))
                .transpose()?;
            let until = row
                .get::<_, Option<i64>>(3)?
                .map(|_| instant(row, 3))
                .transpose()?;
            Ok((first, last, since, until))
        },
    )?;
    let local = |instant: Timestamp| instant.to_zoned_datetime(zone.clone()).date();
    Ok(periods.into_iter().any(|(first, last, since, until)| {
        (first..=last).contains(&day)
            && since.is_none_or(|since| local(since) <= day)
            && until.is_none_or(|until| day <= local(until))
    }))
}

/// The local day of an instant, where it begins and where the next one begins.
fn day_of(instant: i64, zone: &TimeZone) -> Option<(Date, i64, i64)> {
    let local = Timestamp::from_second(instant)
        .ok()?
        .to_zoned_datetime(zone.clone());
    let start = local.start_of_day().ok()?;
    let end = local
        .date()
        .checked_add(1.day())
        .ok()?
        .to_zoned_datetime(zone.clone())
        .ok()?;
    Some((
        local.date(),
        start.timestamp().as_second(),
        end.timestamp().as_second(),
    ))
}

/// Where the local day of an instant begins.
fn start_of_day(instant: i64, zone: &TimeZone) -> Option<i64> {
    let local = Timestamp::from_second(instant)
        .ok()?
        .to_zoned_datetime(zone.clone());
    Some(local.start_of_day().ok()?.timestamp().as_second())
}
