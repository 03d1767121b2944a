//! What is old, packed: all readings of a series in 16 days in one row, as far as sums need them.
//!
//! ```text
//! reading   ▪▪▪▪▪▪▪▪▪▪▪▪▪▪▪▪▪▪▪▪▪▪▪▪   the truth: a row each
//! packed    [▪▪▪▪▪▪▪][▪▪▪▪▪▪▪]·········   the same again; a stretch that has no row is read above
//! ```
//!
//! A row says all that `reading` has of its meter and channel in its stretch, or it is not there: whoever changes one of those
//! readings takes the row away in the same transaction ([`Stale`]), and [`pack`] makes it anew one day.

use jiff::Timestamp;
use rusqlite::{CachedStatement, Connection, OptionalExtension, params};

use crate::hash::Set;
use crate::store::{ChannelId, Flags, MeterId, Shown, Source};

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
    let start = start_of(stretch);
    let points: Vec<Point> = connection
        .prepare_cached(
            "SELECT at, source, value, flags FROM reading
             WHERE meter = ?1 AND channel = ?2 AND at >= ?3 AND at < ?4 ORDER BY at, source",
        )?
        .query_map([meter, channel, start, start_of(stretch + 1)], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
        })?
        .collect::<rusqlite::Result<_>>()?;
    if !points.is_empty() {
        connection
            .prepare_cached("INSERT INTO packed (stretch, meter, channel, points) VALUES (?1, ?2, ?3, ?4)")?
            .execute(params![stretch, meter, channel, written(&points, start)])?;
    }
    Ok(points.len())
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
pub(super) struct Packed<'a>(CachedStatement<'a>);

impl<'a> Packed<'a> {
    pub(super) fn new(connection: &'a Connection) -> rusqlite::Result<Self> {
        connection
            .prepare_cached("SELECT points FROM packed WHERE stretch = ?1 AND meter = ?2 AND channel = ?3")
            .map(Self)
    }

    /// Adds what a series has in a stretch, by instant and source; false when that is not packed.
    pub(super) fn read(
        &mut self,
        stretch: i64,
        (meter, channel): (MeterId, ChannelId),
        into: &mut Vec<Shown>,
    ) -> rusqlite::Result<bool> {
        let mut rows = self.0.query([stretch, meter.0, channel.0])?;
        let Some(row) = rows.next()? else {
            return Ok(false);
        };
        let before = into.len();
        let whole = points(row.get_ref(0)?.as_blob()?, start_of(stretch), into).is_some();
        if !whole {
            // Not as we write it: as if it were not there.
            into.truncate(before);
        }
        Ok(whole)
    }
}

/// At, source, value, flags: as the table has them.
type Point = (i64, u8, i64, u32);

/// Points as octets: a first one that says whether each has its source and flags, or all are live and sound; then each as the
/// difference from the one before.
fn written(points: &[Point], start: i64) -> Vec<u8> {
    let plain = points
        .iter()
        .all(|(_, source, _, flags)| *source == Source::Live as u8 && *flags == 0);
    let mut octets = vec![if plain { PLAIN } else { MARKED }];
    let (mut at_before, mut value_before) = (start, 0_i64);
    for (at, source, value, flags) in points {
        if !plain {
            put(&mut octets, u64::from(*flags) << SOURCE_BITS | u64::from(*source));
        }
        put(&mut octets, at.wrapping_sub(at_before).cast_unsigned());
        let gained = value.wrapping_sub(value_before);
        put(&mut octets, (gained << 1 ^ gained >> 63).cast_unsigned());
        (at_before, value_before) = (*at, *value);
    }
    octets
}

/// The points in such octets; nothing when they are others.
fn points(octets: &[u8], start: i64, into: &mut Vec<Shown>) -> Option<()> {
    let (form, mut rest) = octets.split_first()?;
    let plain = match *form {
        PLAIN => true,
        MARKED => false,
        _ => return None,
    };
    let (mut at, mut value) = (start, 0_i64);
    let (mut source, mut flags) = (Source::Live, Flags::NONE);
    while !rest.is_empty() {
        if !plain {
            let mark = take(&mut rest)?;
            let number = usize::try_from(mark & ((1 << SOURCE_BITS) - 1)).ok()?;
            source = *Source::ALL.get(number)?;
            flags = Flags(u32::try_from(mark >> SOURCE_BITS).ok()?);
        }
        at = at.checked_add_unsigned(take(&mut rest)?)?;
        let gained = take(&mut rest)?;
        value = value.wrapping_add((gained >> 1).cast_signed() ^ -(gained & 1).cast_signed());
        into.push(Shown {
            at: Timestamp::from_second(at).ok()?,
            source,
            value,
            flags,
        });
    }
    Some(())
}

/// Seven bits an octet, the lowest first; the highest bit says that there are more.
fn put(octets: &mut Vec<u8>, mut number: u64) {
    while number > 0x7F {
        octets.push(number.to_le_bytes()[0] | 0x80);
        number >>= 7;
    }
    octets.push(number.to_le_bytes()[0]);
}

fn take(octets: &mut &[u8]) -> Option<u64> {
    let (mut number, mut shift) = (0, 0_u32);
    loop {
        let (octet, rest) = octets.split_first()?;
        *octets = rest;
        // The tenth octet has room for one bit.
        if shift > 63 || shift == 63 && *octet > 1 {
            return None;
        }
        number |= u64::from(octet & 0x7F) << shift;
        if octet & 0x80 == 0 {
            return Some(number);
        }
        shift += 7;
    }
}

/// How long a stretch is, in seconds: two readings a day are some 200 octets. Of shorter ones a month would take more steps, of
/// longer ones more of the last weeks would not be packed yet.
const LENGTH: i64 = 16 * 86_400;

/// All points are live and sound.
const PLAIN: u8 = 1;

/// Before each point its source, and its flags above.
const MARKED: u8 = 2;

const SOURCE_BITS: u32 = 3;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn points_are_read_as_they_were_written(
            start in -5_000_i64..40_000,
            mut given in prop::collection::vec((0..LENGTH, 0_u8..5, any::<i64>(), prop_oneof![3 => Just(0), 1 => any::<u32>()]), 0..80),
            plain in any::<bool>(),
        ) {
            given.sort_unstable();
            let start = start_of(start);
            let given: Vec<Point> = given
                .into_iter()
                .map(|(at, source, value, flags)| if plain { (start + at, 0, value, 0) } else { (start + at, source, value, flags) })
                .collect();
            let octets = written(&given, start);
            let mut read = Vec::new();
            prop_assert_eq!(points(&octets, start, &mut read), Some(()));
            let read: Vec<Point> = read
                .iter()
                .map(|shown| (shown.at.as_second(), shown.source as u8, shown.value, shown.flags.0))
                .collect();
            prop_assert_eq!(read, given);
        }

        #[test]
        fn octets_of_others_are_refused_or_read_and_end_there(octets in prop::collection::vec(any::<u8>(), 0..60)) {
            let mut read = Vec::new();
            let _ = points(&octets, 0, &mut read);
            prop_assert!(read.len() <= octets.len());
        }
    }
}
