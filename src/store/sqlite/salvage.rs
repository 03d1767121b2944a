//! What can still be read of a damaged store, put into a good one, row by row; and what can't, counted.
//!
//! A page that is spoilt ends every walk over it. So each table is walked from both ends; what lies between is halved and
//! walked again, first by the first number of its key, then by the next.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};

use rusqlite::types::{Value, ValueRef};
use rusqlite::{Connection, Row, params_from_iter};

use super::archive;
use super::codes;
use super::dense;
use super::inbox;
use super::packed;
use super::recent;

/// What came of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Salvaged {
    /// Readings in the good store now.
    pub readings: u64,
    /// Readings that were there and can't be read any more; `None` when not even their places can be read.
    pub lost_readings: Option<u64>,
    /// Other rows that were met and could not be kept: they say what is not allowed, or hang on what is lost.
    pub refused: u64,
    /// Tables that could not be read to their end.
    pub torn_tables: u64,
}

/// Whether a telegram is the one that its digest was made of.
pub(super) type IsWhole<'a> = &'a dyn Fn(&[u8], u64) -> bool;

/// Puts all but readings that `damaged` still says into `good`, which holds an earlier state of it, or nothing.
pub(super) fn salvage(
    damaged: &Connection,
    good: &Connection,
    is_whole: IsWhole<'_>,
) -> rusqlite::Result<Salvaged> {
    let mut salvaged = Salvaged::default();
    let newer_registry = counter(damaged, "registry") > counter(good, "registry");
    within(good, || {
        for name in tables(good)? {
            if ![READING, RECENT, DENSE, CONFLICT, PACKED].contains(&name.as_str()) {
                walk(damaged, good, &name, newer_registry, is_whole, &mut salvaged)?;
            }
        }
        salvaged.refused += orphans(good)?;
        packed::forget_all(good)?;
        inbox::read_from_the_beginning(good)?;
        good.execute("UPDATE counter SET value = value + 1 WHERE name = 'registry'", [])?;
        Ok(())
    })?;
    Ok(salvaged)
}

/// Puts readings beside those that are there, which the archive has said; and counts what is lost.
pub(super) fn salvage_readings(
    damaged: &Connection,
    good: &Connection,
    salvaged: &mut Salvaged,
) -> rusqlite::Result<()> {
    within(good, || {
        // What one of them has among the last hours the other may have among the rows.
        salvaged.refused += recent::take_all(good)? + dense::take_all(good)?;
        for name in [READING, RECENT, DENSE, CONFLICT] {
            walk(damaged, good, name, false, &|_, _| true, salvaged)?;
        }
        salvaged.refused += recent::take_all(good)? + dense::take_all(good)?;
        // First what hangs on lost rows: a reading whose meter nobody knows any more is lost, too.
        salvaged.refused += orphans(good)?;
        packed::forget_all(good)?;
        salvaged.lost_readings = lost_readings(damaged, good)?;
        let readings: i64 = good.query_row("SELECT count(*) FROM reading", [], |row| row.get(0))?;
        salvaged.readings = readings.unsigned_abs();
        good.execute(
            "UPDATE counter SET value = max(value, (SELECT ifnull(max(change), 0) FROM reading)) WHERE name = 'change'",
            [],
        )?;
        Ok(())
    })
}

const READING: &str = "reading";
const RECENT: &str = "recent";
const DENSE: &str = "dense";
const CONFLICT: &str = "conflict";
/// Made of readings, and made anew of what is left of them.
const PACKED: &str = "packed";

/// One transaction in which rows may come before those that they hang on.
fn within(good: &Connection, work: impl FnOnce() -> rusqlite::Result<()>) -> rusqlite::Result<()> {
    good.pragma_update(None, "foreign_keys", false)?;
    good.execute_batch("BEGIN IMMEDIATE")?;
    work()?;
    good.execute_batch("COMMIT")
}

fn walk(
    damaged: &Connection,
    good: &Connection,
    name: &str,
    newer_registry: bool,
    is_whole: IsWhole<'_>,
    salvaged: &mut Salvaged,
) -> rusqlite::Result<()> {
    let Some(table) = Table::of(good, damaged, name, newer_registry)? else {
        return Ok(());
    };
    let mut walk = Walk {
        damaged,
        good,
        table: &table,
        is_whole,
        failures: 0,
        torn: false,
        refused: HashSet::new(),
    };
    walk.all()?;
    salvaged.torn_tables += u64::from(walk.torn);
    salvaged.refused += walk.refused.len() as u64;
    Ok(())
}

fn counter(connection: &Connection, name: &str) -> Option<i64> {
    let query = "SELECT value FROM counter WHERE name = ?1";
    connection.query_row(query, [name], |row| row.get(0)).ok()
}

fn tables(good: &Connection) -> rusqlite::Result<Vec<String>> {
    let mut statement = good.prepare(
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY rootpage",
    )?;
    statement.query_map([], |row| row.get(0))?.collect()
}

/// A table as both files know it.
struct Table {
    name: String,
    columns: Vec<String>,
    /// The columns of the key, in their order.
    key: Vec<String>,
    /// How many of them, from the first, are numbers.
    numbers: usize,
    insert: String,
}

impl Table {
    /// Nothing when the damaged file has no such table.
    fn of(
        good: &Connection,
        damaged: &Connection,
        name: &str,
        newer_registry: bool,
    ) -> rusqlite::Result<Option<Self>> {
        // Made by an older release, it may have fewer columns.
        let known: HashSet<String> = match columns(damaged, name) {
            Ok(known) => known.into_iter().map(|column| column.0).collect(),
            Err(_) => return Ok(None),
        };
        let all: Vec<(String, String, i64)> = columns(good, name)?
            .into_iter()
            .filter(|column| known.contains(&column.0))
            .collect();
        if all.is_empty() {
            return Ok(None);
        }
        let mut keyed: Vec<_> = all.iter().filter(|column| column.2 > 0).collect();
        keyed.sort_by_key(|column| column.2);
        let numbers = keyed.iter().take_while(|column| column.1 == "INTEGER").count();
        let key: Vec<String> = keyed.iter().map(|column| column.0.clone()).collect();
        let columns: Vec<String> = all.iter().map(|column| column.0.clone()).collect();
        let places: Vec<String> = (1..=columns.len()).map(|number| format!("?{number}")).collect();
        let (verb, otherwise) = match name {
            // A row never changes without a new place in the feed: with the same place the copy's is the better witness.
            "reading" => ("INSERT", UNLESS_NEWER),
            "counter" => (
                "INSERT",
                " ON CONFLICT (name) DO UPDATE SET value = max(value, excluded.value)",
            ),
            // There is none yet, and a spoilt one takes nobody's place.
            RECENT | DENSE => ("INSERT OR IGNORE", ""),
            _ if REGISTRY.contains(&name) && !newer_registry => ("INSERT OR IGNORE", ""),
            _ => ("INSERT OR REPLACE", ""),
        };
        let insert = format!(
            "{verb} INTO {name} ({}) VALUES ({}){otherwise}",
            columns.join(", "),
            places.join(", ")
        );
        Ok(Some(Self {
            name: name.to_owned(),
            columns,
            key,
            numbers,
            insert,
        }))
    }
}

/// Tables that say something else only when the registry has another version.
const REGISTRY: [&str; 7] = [
    "site",
    "dwelling",
    "point",
    "meter",
    "installation",
    "rating_factor",
    "occupancy",
];

/// Of two readings in one place the one that changed later is right.
pub(super) const UNLESS_NEWER: &str = " ON CONFLICT (meter, channel, at, source) DO UPDATE SET value = excluded.value, \
     resolution = excluded.resolution, flags = excluded.flags, stamp = excluded.stamp, change = excluded.change \
     WHERE excluded.change > reading.change";

/// Name, type, and place in the key of each column.
fn columns(connection: &Connection, table: &str) -> rusqlite::Result<Vec<(String, String, i64)>> {
    let mut statement = connection.prepare("SELECT name, type, pk FROM pragma_table_info(?1)")?;
    statement
        .query_map([table], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?
        .collect()
}

/// A walk over one table.
struct Walk<'a> {
    damaged: &'a Connection,
    good: &'a Connection,
    table: &'a Table,
    is_whole: IsWhole<'a>,
    failures: u32,
    torn: bool,
    /// Rows that could not be kept, by their hash: a row may be met twice.
    refused: HashSet<u64>,
}

/// So many walks of a table may end at a spoilt page.
const FAILURES: u32 = 5000;

/// How far a walk came: the number of the key that it goes by, in the last row it could read.
enum Reached {
    End,
    Row(Option<i64>),
}

impl Walk<'_> {
    fn all(&mut self) -> rusqlite::Result<()> {
        if self.table.numbers > 0 {
            return self.range(&[], i64::MIN, i64::MAX);
        }
        // Few rows, by a name.
        if let Reached::Row(_) = self.one_way(&[], None, "ASC")? {
            self.one_way(&[], None, "DESC")?;
            self.torn = true;
        }
        Ok(())
    }

    /// Rows whose key begins with these numbers and goes on with one from `low` to `high`.
    fn range(&mut self, prefix: &[i64], low: i64, high: i64) -> rusqlite::Result<()> {
        if self.failures > FAILURES {
            self.torn = true;
            return Ok(());
        }
        let up = match self.one_way(prefix, Some((low, high)), "ASC")? {
            Reached::End => return Ok(()),
            Reached::Row(number) => number.unwrap_or(low),
        };
        let down = match self.one_way(prefix, Some((low, high)), "DESC")? {
            Reached::End => return Ok(()),
            Reached::Row(number) => number.unwrap_or(high),
        };
        self.failures += 1;
        // Both walks ended somewhere in between; the rows of the two numbers themselves may be there in part.
        if up < down {
            let middle = up + ((i128::from(down) - i128::from(up)) / 2) as i64;
            self.range(prefix, up, middle)?;
            return self.range(prefix, middle + 1, down);
        }
        let next = prefix.len() + 1;
        if up == down && next < self.table.numbers {
            let prefix: Vec<i64> = prefix.iter().copied().chain([up]).collect();
            return self.range(&prefix, i64::MIN, i64::MAX);
        }
        self.torn = true;
        Ok(())
    }

    fn one_way(
        &mut self,
        prefix: &[i64],
        between: Option<(i64, i64)>,
        way: &str,
    ) -> rusqlite::Result<Reached> {
        let table = self.table;
        let by = prefix.len();
        let mut conditions: Vec<String> = table
            .key
            .iter()
            .zip(prefix)
            .map(|(column, number)| format!("{column} = {number}"))
            .collect();
        if let (Some((low, high)), Some(column)) = (between, table.key.get(by)) {
            conditions.push(format!("{column} BETWEEN {low} AND {high}"));
        }
        if conditions.is_empty() {
            conditions.push("true".to_owned());
        }
        let order: Vec<String> = table.key.iter().map(|column| format!("{column} {way}")).collect();
        let query = format!(
            "SELECT {}, {} FROM {} NOT INDEXED WHERE {} ORDER BY {}",
            table.columns.join(", "),
            table.key.get(by).map_or("0", String::as_str),
            table.name,
            conditions.join(" AND "),
            order.join(", ")
        );
        let mut last = None;
        let Ok(mut statement) = self.damaged.prepare(&query) else {
            return Ok(Reached::Row(None));
        };
        let Ok(mut rows) = statement.query([]) else {
            return Ok(Reached::Row(None));
        };
        loop {
            match rows.next() {
                Ok(None) => return Ok(Reached::End),
                Ok(Some(row)) => {
                    if let Ok(ValueRef::Integer(number)) = row.get_ref(table.columns.len()) {
                        // Rows out of their order stand on a spoilt page.
                        let turns = last.is_some_and(|last| {
                            if way == "ASC" {
                                number < last
                            } else {
                                number > last
                            }
                        });
                        let strays = between.is_some_and(|(low, high)| number < low || number > high);
                        if turns || strays {
                            return Ok(Reached::Row(last));
                        }
                        last = Some(number);
                    }
                    self.keep(row)?;
                }
                Err(_) => return Ok(Reached::Row(last)),
            }
        }
    }

    fn keep(&mut self, row: &Row<'_>) -> rusqlite::Result<()> {
        let mut values = Vec::with_capacity(self.table.columns.len());
        for place in 0..self.table.columns.len() {
            values.push(match row.get_ref(place)? {
                ValueRef::Null => Value::Null,
                ValueRef::Integer(number) => Value::Integer(number),
                ValueRef::Real(number) => Value::Real(number),
                ValueRef::Blob(octets) => Value::Blob(octets.to_vec()),
                ValueRef::Text(octets) => match std::str::from_utf8(octets) {
                    Ok(text) => Value::Text(text.to_owned()),
                    Err(_) => {
                        let mut hash = DefaultHasher::new();
                        octets.hash(&mut hash);
                        self.refused.insert(hash.finish());
                        return Ok(());
                    }
                },
            });
        }
        let mut hash = DefaultHasher::new();
        format!("{values:?}").hash(&mut hash);
        let is_right = match self.table.name.as_str() {
            READING => self.is_in_feed(
                &values,
                ["meter", "channel", "at", "source"],
                "SELECT meter, channel, at, source FROM reading INDEXED BY reading_change WHERE change = ?1",
            ),
            RECENT => self.is_in_feed(
                &values,
                ["quarter", "meter", "channel", "at"],
                "SELECT quarter, meter, channel, at FROM recent INDEXED BY recent_change WHERE change = ?1",
            ),
            "telegram" => self.is_of_its_digest(&values),
            "telegram_pack" => self.is_sound_pack(&values),
            _ => true,
        };
        if !is_right {
            self.refused.insert(hash.finish());
            return Ok(());
        }
        let put = self
            .good
            .prepare_cached(&self.table.insert)?
            .execute(params_from_iter(values));
        match put {
            Ok(_) => {}
            // A row that says what no row may say.
            Err(error) if error.sqlite_error_code() == Some(rusqlite::ErrorCode::ConstraintViolation) => {
                self.refused.insert(hash.finish());
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }

    fn value<'v>(&self, values: &'v [Value], name: &str) -> Option<&'v Value> {
        let place = self.table.columns.iter().position(|column| column == name);
        place.and_then(|place| values.get(place))
    }

    fn is_sound_pack(&self, values: &[Value]) -> bool {
        matches!(self.value(values, "octets"), Some(Value::Blob(octets)) if archive::is_sound(octets))
    }

    fn is_of_its_digest(&self, values: &[Value]) -> bool {
        match (self.value(values, "octets"), self.value(values, "digest")) {
            (Some(Value::Blob(octets)), Some(Value::Integer(digest))) => {
                (self.is_whole)(octets, codes::unsigned(*digest))
            }
            _ => false,
        }
    }

    /// Whether the index of the feed knows a reading under the same place: what a spoilt page says at random it does not.
    /// Where the index can't be read, it is no witness.
    fn is_in_feed(&self, values: &[Value], key: [&str; 4], sql: &str) -> bool {
        let wanted = key.map(|name| self.value(values, name).cloned());
        let Ok(mut statement) = self.damaged.prepare_cached(sql) else {
            return true;
        };
        let found = statement.query_row([self.value(values, "change")], |row| {
            Ok([row.get::<_, Value>(0)?, row.get(1)?, row.get(2)?, row.get(3)?])
        });
        match found {
            Ok(found) => found.map(Some) == wanted,
            Err(rusqlite::Error::QueryReturnedNoRows) => false,
            Err(_) => true,
        }
    }
}

/// Places of readings that an index of the feed still names, and where no reading is any more.
fn lost_readings(damaged: &Connection, good: &Connection) -> rusqlite::Result<Option<u64>> {
    let rows = lost_of(
        damaged,
        good,
        "SELECT meter, channel, at, source FROM reading INDEXED BY reading_change WHERE change > 0 ORDER BY change",
    )?;
    // An older release has none of the last hours.
    if columns(damaged, RECENT).is_ok_and(|columns| columns.is_empty()) {
        return Ok(rows);
    }
    let recent = lost_of(
        damaged,
        good,
        "SELECT meter, channel, at, 0 FROM recent INDEXED BY recent_change WHERE change > 0 ORDER BY change",
    )?;
    // With its first one all of a row are there.
    let dense = lost_of(
        damaged,
        good,
        "SELECT meter, channel, first, 0, readings FROM dense INDEXED BY dense_change WHERE change > 0 ORDER BY change",
    )?;
    let lost = [rows, recent, dense].into_iter().sum();
    Ok(lost)
}

fn lost_of(damaged: &Connection, good: &Connection, places: &str) -> rusqlite::Result<Option<u64>> {
    let Ok(mut statement) = damaged.prepare(places) else {
        return Ok(None);
    };
    let Ok(mut rows) = statement.query([]) else {
        return Ok(None);
    };
    let mut there =
        good.prepare("SELECT 1 FROM reading WHERE meter = ?1 AND channel = ?2 AND at = ?3 AND source = ?4")?;
    let mut lost = 0;
    loop {
        match rows.next() {
            Ok(None) => return Ok(Some(lost)),
            Ok(Some(row)) => {
                let place = || -> rusqlite::Result<[i64; 4]> {
                    Ok([row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?])
                };
                // A spoilt page of the index may say anything: then nobody can count.
                let Ok(place) = place() else { return Ok(None) };
                // Of how many, when it is of more than one.
                let count = row.get::<_, u32>(4).unwrap_or(1);
                if !there.exists(place)? {
                    lost += u64::from(count);
                }
            }
            Err(_) => return Ok(None),
        }
    }
}

/// Takes out what hangs on rows that are lost; how many rows.
fn orphans(good: &Connection) -> rusqlite::Result<u64> {
    let mut removed = 0;
    loop {
        let mut now = 0;
        for table in tables(good)? {
            for (parent, pairs) in references(good, &table)? {
                let there: Vec<String> = pairs
                    .iter()
                    .map(|(from, to)| format!("parent.{to} = {table}.{from}"))
                    .collect();
                let said: Vec<String> = pairs
                    .iter()
                    .map(|(from, _)| format!("{from} IS NOT NULL"))
                    .collect();
                now += good.execute(
                    &format!(
                        "DELETE FROM {table} WHERE {} AND NOT EXISTS (SELECT 1 FROM {parent} AS parent WHERE {})",
                        said.join(" AND "),
                        there.join(" AND ")
                    ),
                    [],
                )? as u64;
            }
        }
        removed += now;
        if now == 0 {
            return Ok(removed);
        }
    }
}

/// The references of a table: to which other, and by which columns.
#[expect(clippy::type_complexity, reason = "named nowhere else")]
fn references(good: &Connection, table: &str) -> rusqlite::Result<Vec<(String, Vec<(String, String)>)>> {
    let mut statement = good.prepare(
        "SELECT id, \"table\", \"from\", \"to\" FROM pragma_foreign_key_list(?1) ORDER BY id, seq",
    )?;
    let rows = statement.query_map([table], |row| {
        Ok((
            row.get::<_, i64>(0)?,
            row.get::<_, String>(1)?,
            row.get::<_, String>(2)?,
            row.get::<_, String>(3)?,
        ))
    })?;
    let mut found: Vec<(i64, String, Vec<(String, String)>)> = Vec::new();
    for row in rows {
        let (id, parent, from, to) = row?;
        match found.last_mut().filter(|last| last.0 == id) {
            Some(last) => last.2.push((from, to)),
            None => found.push((id, parent, vec![(from, to)])),
        }
    }
    Ok(found
        .into_iter()
        .map(|(_, parent, pairs)| (parent, pairs))
        .collect())
}
