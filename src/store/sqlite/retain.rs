//! Letting go: old telegrams, old strangers, old outages, and all but the first and last live reading of each hour, then of each
//! day. Households may keep their hours: then they are put aside. What is left of it is packed for questions.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use rusqlite::{Connection, OptionalExtension, params};

use super::archive;
use super::codes::{instant, word};
use super::dense;
use super::find::{many, rows};
use super::hours::{thin_hours, zone};
use super::packed;
use super::recent;
use super::tell::Noted;
use super::values::LIVE;
use super::write::{Batch, Fault, counter, set_counter};
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
    report.telegrams += archive::let_go(connection, floor, &mut left)?;

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

    recent::take_over(connection, now.as_second(), &mut left)?;

    // The day that is not over for long is left alone: what of it was settled is thinned already.
    let young = days_before(now, retention.every_value_days.max(1));
    report.readings += dense::let_go(connection, young, &mut left)?;
    let noted = &mut batch.noted;
    let old = days_before(now, retention.live_days);
    let hours = Pass {
        done: "hourly",
        from: old.saturating_sub(2 * 86_400),
        latest: young,
    };
    report.readings += hours.run(connection, &mut left, |meter, (_, start, end), zone| {
        each_channel(connection, meter, |series| {
            thin_hours(connection, noted, series, (start, end), zone)
        })
    })?;
    let days = Pass {
        done: "thinned",
        from: i64::MIN,
        latest: old,
    };
    report.readings += days.run(connection, &mut left, |meter, (day, start, end), zone| {
        let keeps_hourly = keeps_hourly(connection, meter, day, zone)?;
        each_channel(connection, meter, |series| {
            if !keeps_hourly {
                return thin_day(connection, noted, series, (start, end), Inner::Remove);
            }
            let (mut looked_at, mut removed) = (0, 0);
            if end <= young {
                (looked_at, removed) = thin_hours(connection, noted, series, (start, end), zone)?;
            }
            let (more, gone) = thin_day(connection, noted, series, (start, end), Inner::PutAside)?;
            Ok((looked_at + more, removed + gone))
        })
    })?;
    // What was thinned just now is packed as it is now.
    batch.noted.stale.remove(connection)?;
    packed::pack(connection, &mut left)?;
    report.more = left == 0;
    Ok(report)
}

fn days_before(now: Timestamp, days: u32) -> i64 {
    now.as_second().saturating_sub(i64::from(days) * 86_400)
}

/// A way to thin, meter by meter and day by day.
struct Pass {
    /// The table that says up to where it was done.
    done: &'static str,
    /// Only days from about this instant on.
    from: i64,
    /// Only days that ended before this instant.
    latest: i64,
}

/// A local day: its date, where it begins and where the next one begins.
type Day = (Date, i64, i64);

impl Pass {
    /// Thins until all is done or enough rows were looked at: `thin` says of a meter's day how many it looked at and how many
    /// went. How many went in all.
    fn run(
        &self,
        connection: &Connection,
        left: &mut usize,
        mut thin: impl FnMut(i64, Day, &TimeZone) -> rusqlite::Result<(usize, u64)>,
    ) -> rusqlite::Result<u64> {
        let Self { done, latest, .. } = *self;
        let mut removed = 0;
        // No zone's day is older than this one, so that most meters are passed over without a look.
        let due = many(
            connection,
            &format!(
                "SELECT meter.id, {done}.until FROM meter LEFT JOIN {done} ON {done}.meter = meter.id
                 WHERE {done}.until IS NULL OR {done}.until < ?1 ORDER BY meter.id"
            ),
            [latest.saturating_sub(86_400)],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )?;
        for (meter, until) in due {
            if *left == 0 {
                break;
            }
            let zone = zone(connection, meter)?;
            let Some(cutoff) = start_of_day(latest, &zone) else {
                continue;
            };
            let mut reached: Option<i64> = until;
            while *left > 0 {
                let from = reached.unwrap_or(i64::MIN).max(self.from);
                let next = first_live(connection, meter, from, cutoff)?;
                let Some(day) = next.and_then(|next| day_of(next, &zone)) else {
                    reached = Some(cutoff);
                    break;
                };
                let (looked_at, gone) = thin(meter, day, &zone)?;
                removed += gone;
                *left = left.saturating_sub(looked_at.max(1));
                reached = Some(day.2);
            }
            if reached != until {
                connection
                    .prepare_cached(&format!(
                        "INSERT INTO {done} (meter, until) VALUES (?1, ?2)
                         ON CONFLICT (meter) DO UPDATE SET until = excluded.until"
                    ))?
                    .execute(params![meter, reached])?;
            }
        }
        Ok(removed)
    }
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

/// Thins each series of a meter: how many were looked at, and how many went.
fn each_channel(
    connection: &Connection,
    meter: i64,
    mut thin: impl FnMut((i64, i64)) -> rusqlite::Result<(usize, u64)>,
) -> rusqlite::Result<(usize, u64)> {
    let (mut looked_at, mut removed) = (0, 0);
    for channel in channels(connection, meter)? {
        let (more, gone) = thin((meter, channel))?;
        looked_at += more;
        removed += gone;
    }
    Ok((looked_at, removed))
}

/// What becomes of the readings between the first and the last of a day.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Inner {
    Remove,
    /// They are kept where questions for days don't pass by.
    PutAside,
}

/// Of a series the first and the last reading of a day stay, and the first and the last without a flag.
fn thin_day(
    connection: &Connection,
    noted: &mut Noted,
    (meter, channel): (i64, i64),
    (start, end): (i64, i64),
    inner: Inner,
) -> rusqlite::Result<(usize, u64)> {
    let mut removed = 0;
    let mut delete = connection.prepare_cached(
        "DELETE FROM reading WHERE meter = ?1 AND channel = ?2 AND at = ?3 AND source = ?4",
    )?;
    let mut forget = connection
        .prepare_cached("DELETE FROM hour WHERE meter = ?1 AND channel = ?2 AND at >= ?3 AND at < ?4")?;
    let day = many(
        connection,
        "SELECT at, flags FROM reading
         WHERE meter = ?1 AND channel = ?2 AND at >= ?3 AND at < ?4 AND source = ?5 ORDER BY at",
        [meter, channel, start, end, LIVE],
        |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?)),
    )?;
    let sound = || day.iter().filter(|(_, flags)| *flags == 0);
    let stay = [
        day.first().map(|(at, _)| *at),
        day.last().map(|(at, _)| *at),
        sound().next().map(|(at, _)| *at),
        sound().next_back().map(|(at, _)| *at),
    ];
    let mut changed = 0;
    if inner == Inner::Remove {
        removed += forget.execute([meter, channel, start, end])? as u64;
        for (at, _) in &day {
            if !stay.contains(&Some(*at)) {
                delete.execute([meter, channel, *at, LIVE])?;
                removed += 1;
            }
        }
    } else if let [_, _, Some(first), Some(last)] = stay {
        changed = put_aside(connection, (meter, channel), first, last)?;
    }
    if removed + changed > 0 {
        noted.readings((meter, channel), start, end);
    }
    Ok((day.len(), removed))
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
fn day_of(instant: i64, zone: &TimeZone) -> Option<Day> {
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
