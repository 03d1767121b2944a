//! Finding one's way in the registry: by code, address, lot, reference, number or serial.

use std::fmt::Write;

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Params, ToSql, params_from_iter};

use super::registry::{
    DWELLING, FACTOR, INSTALLATION, INSTALLATION_COLUMNS, METER, METER_COLUMNS, METER_OF, POINT, SITE,
    dwelling, factor, installation, meter, point, site,
};
use crate::registry::{Dwelling, Meter, Point, Site, SiteCode, text};
use crate::store::{DwellingId, InstallationId, MeterId, Placement, PointId, SiteId};

pub(super) fn site_by_id(connection: &Connection, id: SiteId) -> rusqlite::Result<Option<Site>> {
    one(
        connection,
        &format!("SELECT {SITE} FROM site WHERE id = ?1"),
        [id.0],
        site,
    )
}

pub(super) fn site_by_code(connection: &Connection, code: SiteCode) -> rusqlite::Result<Option<Site>> {
    let sql = format!("SELECT {SITE} FROM site WHERE code = ?1");
    one(connection, &sql, [code.as_str()], site)
}

pub(super) fn sites(
    connection: &Connection,
    after: Option<SiteId>,
    limit: usize,
) -> rusqlite::Result<Vec<Site>> {
    let sql = format!("SELECT {SITE} FROM site WHERE id > ?1 ORDER BY id LIMIT ?2");
    let after = after.map_or(i64::MIN, |id| id.0);
    many(connection, &sql, [after, rows(limit)], site)
}

pub(super) fn sites_by_address(
    connection: &Connection,
    typed: &str,
    limit: usize,
) -> rusqlite::Result<Vec<Site>> {
    let words: Vec<String> = text::words(typed)
        .split_whitespace()
        .take(MOST_WORDS)
        .map(|word| format!(" {word}"))
        .collect();
    if words.is_empty() {
        return Ok(Vec::new());
    }
    let mut sql = format!("SELECT {SITE} FROM site WHERE 1");
    for number in 1..=words.len() {
        // A String takes whatever is written to it.
        let _ = write!(sql, " AND instr(search, ?{number}) > 0");
    }
    let _ = write!(sql, " ORDER BY id LIMIT {}", rows(limit));
    connection
        .prepare_cached(&sql)?
        .query_map(params_from_iter(words), site)?
        .collect()
}

pub(super) fn dwelling_by_id(connection: &Connection, id: DwellingId) -> rusqlite::Result<Option<Dwelling>> {
    let sql = format!("SELECT {DWELLING} FROM dwelling WHERE id = ?1");
    one(connection, &sql, [id.0], dwelling)
}

pub(super) fn dwellings(
    connection: &Connection,
    of: SiteId,
    after: Option<DwellingId>,
    limit: usize,
) -> rusqlite::Result<Vec<Dwelling>> {
    let sql = format!("SELECT {DWELLING} FROM dwelling WHERE site = ?1 AND id > ?2 ORDER BY id LIMIT ?3");
    let after = after.map_or(i64::MIN, |id| id.0);
    many(connection, &sql, [of.0, after, rows(limit)], dwelling)
}

pub(super) fn dwellings_by_lot(
    connection: &Connection,
    of: SiteId,
    lot: &str,
) -> rusqlite::Result<Vec<Dwelling>> {
    // Written exactly alike comes first.
    let sql = format!(
        "SELECT {DWELLING} FROM dwelling WHERE site = ?1 AND lot_search = ?2 ORDER BY lot <> ?3, id LIMIT 100"
    );
    let form = text::compact_number(lot);
    let parameters: [&dyn ToSql; 3] = [&of.0, &form, &lot];
    if form.is_empty() {
        return Ok(Vec::new());
    }
    many(connection, &sql, parameters, dwelling)
}

pub(super) fn dwellings_by_client_ref(
    connection: &Connection,
    of: SiteId,
    client_ref: &str,
) -> rusqlite::Result<Vec<Dwelling>> {
    let sql = format!(
        "SELECT {DWELLING} FROM dwelling WHERE site = ?1 AND client_search = ?2
         ORDER BY client_ref <> ?3, id LIMIT 100"
    );
    let form = text::compact(client_ref);
    let parameters: [&dyn ToSql; 3] = [&of.0, &form, &client_ref];
    if form.is_empty() {
        return Ok(Vec::new());
    }
    many(connection, &sql, parameters, dwelling)
}

pub(super) fn point_by_id(connection: &Connection, id: PointId) -> rusqlite::Result<Option<Point>> {
    let sql = format!("SELECT {POINT} FROM point WHERE id = ?1");
    one(connection, &sql, [id.0], |row| point(row, 0))
}

pub(super) fn points(connection: &Connection, of: DwellingId) -> rusqlite::Result<Vec<Point>> {
    let sql = format!("SELECT {POINT} FROM point WHERE dwelling = ?1 ORDER BY id");
    many(connection, &sql, [of.0], |row| point(row, 0))
}

pub(super) fn placements(connection: &Connection, of: DwellingId) -> rusqlite::Result<Vec<Placement>> {
    let mut placements = placed(connection, "point.dwelling = ?1", of.0)?;
    placements.sort_by_key(|placement| (placement.point.id, placement.since()));
    Ok(placements)
}

pub(super) fn placements_of_meter(connection: &Connection, of: MeterId) -> rusqlite::Result<Vec<Placement>> {
    let mut placements = placed(connection, "installation.meter = ?1", of.0)?;
    placements.sort_by_key(Placement::since);
    Ok(placements)
}

pub(super) fn meter_by_id(connection: &Connection, id: MeterId) -> rusqlite::Result<Option<Meter>> {
    let sql = format!("SELECT {METER} FROM meter WHERE id = ?1");
    one(connection, &sql, [id.0], |row| meter(row, 0))
}

pub(super) fn meters(
    connection: &Connection,
    after: Option<MeterId>,
    limit: usize,
) -> rusqlite::Result<Vec<Meter>> {
    let sql = format!("SELECT {METER} FROM meter WHERE id > ?1 ORDER BY id LIMIT ?2");
    let after = after.map_or(i64::MIN, |id| id.0);
    many(connection, &sql, [after, rows(limit)], |row| meter(row, 0))
}

/// Meters with this in one of their columns.
pub(super) fn meters_where(
    connection: &Connection,
    column: &'static str,
    value: impl ToSql,
) -> rusqlite::Result<Vec<Meter>> {
    let sql = format!("SELECT {METER} FROM meter WHERE {column} = ?1 ORDER BY id LIMIT 100");
    many(connection, &sql, [value], |row| meter(row, 0))
}

pub(super) fn meters_by_fact(
    connection: &Connection,
    name: &str,
    value: &str,
) -> rusqlite::Result<Vec<Meter>> {
    let sql = format!(
        "SELECT {METER_OF} FROM meter_fact JOIN meter ON meter.id = meter_fact.meter
         WHERE meter_fact.name = ?1 AND ltrim(meter_fact.value, '0') = ltrim(?2, '0')
         ORDER BY meter.id LIMIT 100"
    );
    many(connection, &sql, [name, value], |row| meter(row, 0))
}

impl Placement {
    /// By this they follow each other at a point, or with a meter.
    fn since(&self) -> (Option<Timestamp>, InstallationId) {
        (self.installation.from, self.installation.id)
    }
}

/// Not in an order: to sort so few wide rows takes the engine longer than to find them.
fn placed(connection: &Connection, condition: &str, id: i64) -> rusqlite::Result<Vec<Placement>> {
    let sql = format!(
        "SELECT {INSTALLATION}, {METER_OF}, {POINT} FROM installation
         JOIN point ON point.id = installation.point JOIN meter ON meter.id = installation.meter
         WHERE {condition}"
    );
    let mut placements = many(connection, &sql, [id], |row| {
        Ok(Placement {
            installation: installation(row, 0)?,
            meter: meter(row, INSTALLATION_COLUMNS)?,
            point: point(row, INSTALLATION_COLUMNS + METER_COLUMNS)?,
            factors: Vec::new(),
        })
    })?;
    let sql = format!("SELECT {FACTOR} FROM rating_factor WHERE installation = ?1 ORDER BY since");
    let mut factors = connection.prepare_cached(&sql)?;
    for placement in &mut placements {
        let found = factors.query_map([placement.installation.id.0], factor)?;
        placement.factors = found.collect::<rusqlite::Result<_>>()?;
    }
    Ok(placements)
}

fn one<T>(
    connection: &Connection,
    sql: &str,
    parameters: impl Params,
    read: impl FnOnce(&rusqlite::Row<'_>) -> rusqlite::Result<T>,
) -> rusqlite::Result<Option<T>> {
    connection
        .prepare_cached(sql)?
        .query_row(parameters, read)
        .optional()
}

/// All rows of a query.
pub(super) fn many<T>(
    connection: &Connection,
    sql: &str,
    parameters: impl Params,
    read: impl FnMut(&rusqlite::Row<'_>) -> rusqlite::Result<T>,
) -> rusqlite::Result<Vec<T>> {
    connection
        .prepare_cached(sql)?
        .query_map(parameters, read)?
        .collect()
}

/// A limit as the engine counts.
pub(super) fn rows(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

/// More words than any address has.
const MOST_WORDS: usize = 16;
