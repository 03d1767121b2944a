//! Reading the archive: rows and packs in one order, a page at a time.

use std::fmt::Write as _;

use jiff::Timestamp;
use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension, ToSql, params, params_from_iter};
use wmbus::Key;

use super::pack::{self, Item, PackError};
use super::packs::{digest_again, hour_of, made_again};
use crate::hash::Map;
use crate::store::sqlite::codes::{self, instant, invalid};
use crate::store::sqlite::find::{many, rows};
use crate::store::sqlite::keys;
use crate::store::sqlite::vault::{Sealed, Vault};
use crate::store::{ArchiveQuery, ArchivedTelegram, MeterId, NO_VALUE, READ, TelegramKey};

/// A page of the archive.
pub(in super::super) fn archive(
    connection: &Connection,
    vault: &Vault,
    query: &ArchiveQuery<'_>,
) -> rusqlite::Result<Vec<ArchivedTelegram>> {
    let mut page = in_rows(connection, query)?;
    let packed = |code: &str| query.outcomes.is_empty() || query.outcomes.contains(&code);
    if packed(READ) || packed(NO_VALUE) {
        let from = page.len();
        in_packs(connection, vault, query, &mut page)?;
        if page.len() > from {
            page.sort_by_key(|telegram| order(&telegram.key));
            // What stands in a row says more than what a copy of the store had in a pack.
            page.dedup_by_key(|telegram| telegram.key);
            page.truncate(query.limit);
        }
    }
    Ok(page)
}

/// What the archive is ordered by: digests as the table has them, with a sign.
fn order(key: &TelegramKey) -> (Timestamp, MeterId, i64) {
    (key.received_at, key.meter, codes::signed(key.digest))
}

/// As many of those that are rows as the page takes.
fn in_rows(connection: &Connection, query: &ArchiveQuery<'_>) -> rusqlite::Result<Vec<ArchivedTelegram>> {
    let mut sql =
        "SELECT received_at, meter, digest, octets, radio.name, rssi_dbm, outcome.code, evidence, assumed
        FROM telegram JOIN radio ON radio.id = radio JOIN outcome ON outcome.id = outcome
        WHERE (received_at, meter, digest) > (?1, ?2, ?3) AND (?4 IS NULL OR meter = ?4)"
            .to_owned();
    if !query.outcomes.is_empty() {
        if !query.outcomes.iter().any(|code| [READ, NO_VALUE].contains(code)) {
            // Lets the engine walk the short index of what could not be opened.
            sql.push_str(" AND outcome > 2");
        }
        sql.push_str(" AND code IN (");
        for number in 0..query.outcomes.len() {
            // A String takes whatever is written to it.
            let _ = write!(sql, "{}?{}", if number == 0 { "" } else { ", " }, number + 6);
        }
        sql.push(')');
    }
    sql.push_str(" ORDER BY received_at, meter, digest LIMIT ?5");
    let (received_at, of, digest) = query.after.map_or((i64::MIN, i64::MIN, i64::MIN), |key| {
        (
            key.received_at.as_second(),
            key.meter.0,
            codes::signed(key.digest),
        )
    });
    let (meter, limit) = (query.meter.map(|meter| meter.0), rows(query.limit));
    let mut parameters: Vec<&dyn ToSql> = params![received_at, of, digest, meter, limit].to_vec();
    parameters.extend(query.outcomes.iter().map(|code| code as &dyn ToSql));
    many(connection, &sql, params_from_iter(parameters), |row| {
        Ok(ArchivedTelegram {
            key: TelegramKey {
                received_at: instant(row, 0)?,
                meter: MeterId(row.get(1)?),
                digest: codes::unsigned(row.get(2)?),
            },
            octets: row.get(3)?,
            radio: row.get(4)?,
            rssi_dbm: row.get(5)?,
            outcome: row.get(6)?,
            evidence: row.get(7)?,
            assumed: row.get(8)?,
        })
    })
}

/// Adds those that are packed: as many as the page takes, and those of the same second and meter as the last of them.
fn in_packs(
    connection: &Connection,
    vault: &Vault,
    query: &ArchiveQuery<'_>,
    page: &mut Vec<ArchivedTelegram>,
) -> rusqlite::Result<()> {
    let after = query.after.map(|key| (key.received_at.as_second(), key.meter.0));
    let mut walk = Walk {
        connection,
        vault,
        query,
        keys: Map::default(),
        radios: Map::default(),
    };
    let mut hour = after.map_or(i64::MIN, |(at, _)| hour_of(at));
    let mut left = query.limit;
    while left > 0
        && let Some(next) = walk.next_hour(hour)?
    {
        let mut found = walk.hour(next, after, left)?;
        found.sort_unstable_by_key(Packed::place);
        let whole = end_of(&found, left);
        found.truncate(whole);
        for packed in &found {
            let telegram = walk.telegram(packed)?;
            if query
                .after
                .is_none_or(|after| order(&telegram.key) > order(&after))
            {
                page.push(telegram);
                left = left.saturating_sub(1);
            }
        }
        let Some(later) = next.checked_add(1) else {
            return Ok(());
        };
        hour = later;
    }
    Ok(())
}

/// A telegram of a pack that was opened.
struct Packed {
    meter: i64,
    item: Item,
    key: Option<usize>,
}

impl Packed {
    /// Its place in the archive, but for its digest.
    fn place(&self) -> (i64, i64) {
        (self.item.at, self.meter)
    }
}

/// Where the first so many of a row of telegrams end, with those whose order only their digests tell.
fn end_of(found: &[Packed], count: usize) -> usize {
    let Some(last) = count.checked_sub(1).and_then(|last| found.get(last)) else {
        return found.len();
    };
    found.partition_point(|packed| packed.place() <= last.place())
}

/// A walk over packs.
struct Walk<'a> {
    connection: &'a Connection,
    vault: &'a Vault,
    query: &'a ArchiveQuery<'a>,
    /// By meter; nothing where they can't be opened.
    keys: Map<i64, Option<Vec<Key>>>,
    radios: Map<i64, String>,
}

impl Walk<'_> {
    /// The first hour from this one on in which something is packed.
    fn next_hour(&self, from: i64) -> rusqlite::Result<Option<i64>> {
        self.connection
            .prepare_cached(
                "SELECT hour FROM telegram_pack WHERE hour >= ?1 AND (?2 IS NULL OR meter = ?2) ORDER BY hour LIMIT 1",
            )?
            .query_row(params![from, self.query.meter.map(|meter| meter.0)], |row| row.get(0))
            .optional()
    }

    /// What is packed of an hour and comes behind a second and meter, or then: the first `count`, and perhaps some more.
    fn hour(&mut self, hour: i64, after: Option<(i64, i64)>, count: usize) -> rusqlite::Result<Vec<Packed>> {
        let connection = self.connection;
        let mut statement = connection.prepare_cached(
            "SELECT meter, octets FROM telegram_pack WHERE hour = ?1 AND (?2 IS NULL OR meter = ?2)",
        )?;
        let mut rows = statement.query(params![hour, self.query.meter.map(|meter| meter.0)])?;
        let asked = |code: &str| self.query.outcomes.is_empty() || self.query.outcomes.contains(&code);
        let (read, no_value) = (asked(READ), asked(NO_VALUE));
        let mut found: Vec<Packed> = Vec::new();
        while let Some(row) = rows.next()? {
            let meter = row.get(0)?;
            let (items, key) = self.open(meter, row.get_ref(1)?.as_blob()?)?;
            let wanted = items.into_iter().filter(|item| {
                after.is_none_or(|after| (item.at, meter) >= after)
                    && if item.no_value { no_value } else { read }
            });
            found.extend(wanted.map(|item| Packed { meter, item, key }));
            // An hour of two thousand meters is more than a page.
            if found.len() > count.saturating_mul(2).max(SOME) {
                found.sort_unstable_by_key(Packed::place);
                found.truncate(end_of(&found, count));
            }
        }
        Ok(found)
    }

    fn open(&mut self, meter: i64, octets: &[u8]) -> rusqlite::Result<(Vec<Item>, Option<usize>)> {
        let keys = self.keys(meter)?;
        match pack::items(octets, keys.as_deref().unwrap_or_default()) {
            Ok(opened) => Ok(opened),
            Err(PackError::Sealed) => Err(rusqlite::Error::FromSqlConversionFailure(
                1,
                Type::Blob,
                Box::new(Sealed),
            )),
            Err(PackError::Damaged) => Err(invalid(1, Type::Blob, "a pack of telegrams is damaged")),
        }
    }

    fn keys(&mut self, meter: i64) -> rusqlite::Result<&Option<Vec<Key>>> {
        if !self.keys.contains_key(&meter) {
            let keys = keys::of(self.connection, self.vault, meter)?;
            self.keys.insert(meter, keys);
        }
        Ok(self.keys.entry(meter).or_default())
    }

    fn radio(&mut self, id: i64) -> rusqlite::Result<String> {
        if let Some(name) = self.radios.get(&id) {
            return Ok(name.clone());
        }
        let name: String = self
            .connection
            .prepare_cached("SELECT name FROM radio WHERE id = ?1")?
            .query_row([id], |row| row.get(0))?;
        self.radios.insert(id, name.clone());
        Ok(name)
    }

    /// As it was received.
    fn telegram(&mut self, packed: &Packed) -> rusqlite::Result<ArchivedTelegram> {
        let Packed { meter, item, key } = packed;
        let keys = self.keys(*meter)?.as_deref().unwrap_or_default();
        let octets = made_again(item, key.and_then(|key| keys.get(key)));
        let made = octets.and_then(|octets| Some((digest_again(item, &octets)?, octets)));
        let (digest, octets) =
            made.ok_or_else(|| invalid(1, Type::Blob, "a packed telegram can't be made again"))?;
        let received_at = Timestamp::from_second(item.at)
            .map_err(|_| invalid(1, Type::Blob, "a packed telegram is of no instant"))?;
        Ok(ArchivedTelegram {
            key: TelegramKey {
                received_at,
                meter: MeterId(*meter),
                digest,
            },
            assumed: item.assumed,
            octets,
            radio: self.radio(item.radio)?,
            rssi_dbm: item.rssi_dbm,
            outcome: if item.no_value { NO_VALUE } else { READ }.to_owned(),
            evidence: None,
        })
    }
}

/// So many are sorted at least before some are left out again.
const SOME: usize = 8000;
