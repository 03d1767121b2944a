//! What is old, packed: all readings of a series in 16 days in one row, as far as sums need them.
//!
//! ```text
//! reading   ▪▪▪▪▪▪▪▪▪▪▪▪▪▪▪▪▪▪▪▪▪▪▪▪   the truth: a row each
//! packed    [▪▪▪▪▪▪▪][▪▪▪▪▪▪▪]·········   the same again; a stretch that has no row is read above
//! ```
//!
//! A row says all that `reading` has of its meter and channel in its stretch, or it is not there: whoever changes one of those
//! readings takes the row away in the same transaction ([`Stale`]), and [`pack`] makes it anew one day.

mod check;
pub(super) mod form;

use jiff::Timestamp;
use rusqlite::{CachedStatement, Connection, OptionalExtension, params};

use crate::hash::Set;
use crate::store::{ChannelId, MeterId, Shown};
use form::{Point, points, written};

/// The stretch in which an instant lies.
pub(super) const fn stretch_of(at: i64) -> i64 {
    at.div_euclid(LENGTH)
}

/// The instant at which a stretch begins.
pub(super) const fn start_of(stretch: i64) -> i64 {
    stretch.saturating_mul(LENGTH)
}

/// Packed rows that a batch makes untrue.
pub(super) struct Stale {
    /// No reading from this instant on is packed.
    end: i64,
    /// Meter, channel, first and last stretch.
    series: Set<(i64, i64, i64, i64)>,
}

impl Stale {
    pub(super) fn new(connection: &Connection) -> rusqlite::Result<Self> {
        let last: Option<i64> = connection
            .prepare_cached("SELECT max(stretch) FROM packed")?
            .query_row([], |row| row.get(0))?;
        Ok(Self {
            end: last.map_or(i64::MIN, |last| start_of(last + 1)),
            series: Set::default(),
        })
    }

    /// Readings of a series changed, at these instants or between them.
    pub(super) fn readings(&mut self, (meter, channel): (i64, i64), first: i64, last: i64) {
        if first < self.end {
            self.series
                .insert((meter, channel, stretch_of(first), stretch_of(last)));
        }
    }

    /// Takes away what is true no longer; it is packed anew before long.
    pub(super) fn remove(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        if self.series.is_empty() {
            return Ok(());
        }
        let mut remove = connection
            .prepare_cached("DELETE FROM packed WHERE stretch = ?3 AND meter = ?1 AND channel = ?2")?;
        let mut again =
            connection.prepare_cached("UPDATE thinned SET packed = ?2 WHERE meter = ?1 AND packed > ?2")?;
        let behind = stretch_of(self.end);
        for (meter, channel, first, last) in self.series.drain() {
            for stretch in first..=last.min(behind) {
                remove.execute([meter, channel, stretch])?;
            }
            again.execute([meter, first])?;
        }
        Ok(())
    }
}

/// Takes away all that is packed of a meter.
pub(super) fn forget(connection: &Connection, meter: i64) -> rusqlite::Result<()> {
    connection
        .prepare_cached("DELETE FROM packed WHERE meter = ?1")?
        .execute([meter])?;
    connection
        .prepare_cached("UPDATE thinned SET packed = NULL WHERE meter = ?1")?
        .execute([meter])?;
    Ok(())
}

/// Takes away all that is packed.
pub(super) fn forget_all(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute_batch("DELETE FROM packed; UPDATE thinned SET packed = NULL")
}

/// Packs what lies whole in the time that is thinned already, until all is done or enough rows were looked at.
pub(super) fn pack(connection: &Connection, left: &mut usize) -> rusqlite::Result<()> {
    if *left == 0 {
        return Ok(());
    }
    let due: Vec<(i64, Option<i64>, i64)> = connection
        .prepare_cached(
            "SELECT meter, packed, until FROM thinned WHERE packed IS NULL OR packed < until / ?1 ORDER BY meter",
        )?
        .query_map([LENGTH], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?
        .collect::<rusqlite::Result<_>>()?;
    for (meter, packed, until) in due {
        let channels = index_channels(connection, meter)?;
        let end = stretch_of(until);
        let mut next = packed.unwrap_or(i64::MIN);
        while *left > 0 && next < end {
            let found = first_reading(connection, meter, &channels, start_of(next))?.map(stretch_of);
            let Some(stretch) = found.filter(|stretch| *stretch < end) else {
                next = end;
                break;
            };
            for channel in &channels {
                let rows = pack_one(connection, (meter, *channel), stretch)?;
                *left = left.saturating_sub(rows.max(1));
            }
            next = stretch + 1;
        }
        if packed != Some(next) && next > i64::MIN {
            connection
                .prepare_cached("UPDATE thinned SET packed = ?2 WHERE meter = ?1")?
                .execute([meter, next])?;
        }
        if *left == 0 {
            break;
        }
    }
    Ok(())
}

/// Packs a stretch of a series, unless that is done or nothing is there; how many readings were looked at.
fn pack_one(connection: &Connection, (meter, channel): (i64, i64), stretch: i64) -> rusqlite::Result<usize> {
    let stands = connection
        .prepare_cached("SELECT 1 FROM packed WHERE stretch = ?1 AND meter = ?2 AND channel = ?3")?
        .exists([stretch, meter, channel])?;
    if stands {
        return Ok(0);
    }
    let points = points_of(connection, (meter, channel), stretch)?;
    if !points.is_empty() {
        connection
            .prepare_cached("INSERT INTO packed (stretch, meter, channel, points) VALUES (?1, ?2, ?3, ?4)")?
            .execute(params![
                stretch,
                meter,
                channel,
                written(&points, start_of(stretch))
            ])?;
    }
    Ok(points.len())
}

/// What the readings of a series are in a stretch.
fn points_of(
    connection: &Connection,
    (meter, channel): (i64, i64),
    stretch: i64,
) -> rusqlite::Result<Vec<Point>> {
    connection
        .prepare_cached(
            "SELECT at, source, value, flags FROM reading
             WHERE meter = ?1 AND channel = ?2 AND at >= ?3 AND at < ?4 ORDER BY at, source",
        )?
        .query_map(
            [meter, channel, start_of(stretch), start_of(stretch + 1)],
            |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)),
        )?
        .collect()
}

/// The channels of a meter that hold indexes, or what was gained of them: sums are made of nothing else.
fn index_channels(connection: &Connection, meter: i64) -> rusqlite::Result<Vec<i64>> {
    connection
        .prepare_cached(
            "SELECT id FROM channel WHERE aspect = 'index'
             AND EXISTS (SELECT 1 FROM reading WHERE meter = ?1 AND channel = channel.id) ORDER BY id",
        )?
        .query_map([meter], |row| row.get(0))?
        .collect()
}

/// The first reading in one of the channels at or after an instant.
fn first_reading(
    connection: &Connection,
    meter: i64,
    channels: &[i64],
    from: i64,
) -> rusqlite::Result<Option<i64>> {
    let mut first = connection.prepare_cached(
        "SELECT at FROM reading WHERE meter = ?1 AND channel = ?2 AND at >= ?3 ORDER BY at LIMIT 1",
    )?;
    let mut earliest: Option<i64> = None;
    for channel in channels {
        let found: Option<i64> = first
            .query_row([meter, *channel, from], |row| row.get(0))
            .optional()?;
        earliest = match (earliest, found) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
    }
    Ok(earliest)
}

/// Reads what is packed.
pub(super) struct Packed<'a> {
    one: CachedStatement<'a>,
    /// Of meters whose numbers follow each other.
    many: CachedStatement<'a>,
}

/// How far a series was read out of what is packed.
pub(super) struct Walked {
    /// What it has there, by instant and source.
    pub(super) shown: Vec<Shown>,
    /// The first stretch that was not read.
    pub(super) next: i64,
}

impl<'a> Packed<'a> {
    pub(super) fn new(connection: &'a Connection) -> rusqlite::Result<Self> {
        Ok(Self {
            one: connection.prepare_cached(
                "SELECT points FROM packed WHERE stretch = ?1 AND meter = ?2 AND channel = ?3",
            )?,
            many: connection.prepare_cached(
                "SELECT meter, channel, points FROM packed WHERE stretch = ?1 AND meter BETWEEN ?2 AND ?3",
            )?,
        })
    }

    /// Reads some series from the stretch on in which a time begins, each until something is not packed, or until something
    /// stands behind the time. There will be some `points` of each.
    pub(super) fn walk(
        &mut self,
        series: &[(MeterId, ChannelId)],
        (from, until): (Timestamp, Timestamp),
        points: usize,
    ) -> rusqlite::Result<Vec<Walked>> {
        let mut stretch = stretch_of(from.as_second());
        let mut all: Vec<Walked> = series
            .iter()
            .map(|_| Walked {
                shown: Vec::new(),
                next: stretch,
            })
            .collect();
        let goes_on = |walked: &Walked, stretch: i64| {
            walked.next == stretch && walked.shown.last().is_none_or(|last| last.at < until)
        };
        let meters = || series.iter().map(|(meter, _)| meter.0);
        let (low, high) = (meters().min().unwrap_or(0), meters().max().unwrap_or(0));
        // Of a dwelling, mostly: then they are one step apart.
        let together = high.abs_diff(low) < MOST_BETWEEN * series.len() as u64;
        while all.iter().any(|walked| goes_on(walked, stretch)) {
            if together {
                let mut rows = self.many.query([stretch, low, high])?;
                while let Some(row) = rows.next()? {
                    let of = (MeterId(row.get(0)?), ChannelId(row.get(1)?));
                    let place = series.iter().position(|wanted| *wanted == of);
                    if let Some(walked) = place.and_then(|place| all.get_mut(place))
                        && goes_on(walked, stretch)
                    {
                        walked.shown.reserve(points.saturating_sub(walked.shown.len()));
                        walked.next +=
                            i64::from(whole(row.get_ref(2)?.as_blob()?, stretch, &mut walked.shown));
                    }
                }
            } else {
                for (of, walked) in series.iter().zip(&mut all) {
                    if goes_on(walked, stretch) {
                        walked.next += i64::from(self.read(stretch, *of, &mut walked.shown)?);
                    }
                }
            }
            stretch += 1;
        }
        Ok(all)
    }

    /// Adds what a series has in a stretch, by instant and source; false when that is not packed.
    pub(super) fn read(
        &mut self,
        stretch: i64,
        (meter, channel): (MeterId, ChannelId),
        into: &mut Vec<Shown>,
    ) -> rusqlite::Result<bool> {
        let mut rows = self.one.query([stretch, meter.0, channel.0])?;
        match rows.next()? {
            Some(row) => Ok(whole(row.get_ref(0)?.as_blob()?, stretch, into)),
            None => Ok(false),
        }
    }
}

/// Adds the points in some octets, or nothing when they are not as we write them: as if the row were not there.
fn whole(octets: &[u8], stretch: i64, into: &mut Vec<Shown>) -> bool {
    let before = into.len();
    let whole = points(octets, start_of(stretch), into).is_some();
    if !whole {
        into.truncate(before);
    }
    whole
}

/// How long a stretch is, in seconds: two readings a day are some 200 octets. Of shorter ones a month would take more steps, of
/// longer ones more of the last weeks would not be packed yet.
const LENGTH: i64 = 16 * 86_400;

/// Rows of a stretch are walked past rather than looked for one by one when there are at most so many for each that is wanted.
const MOST_BETWEEN: u64 = 4;
