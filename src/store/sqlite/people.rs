//! People: occupancies, and the tokens of programs that ask on their behalf.

use jiff::SignedDuration;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::codes::{instant, invalid, word};
use super::erase;
use super::find::many;
use super::registry;
use super::write::{Batch, Fault};
use crate::registry::difference::differences;
use crate::registry::{Change, NewOccupancy, Occupancy, OccupancyChange, Registry, Role};
use crate::store::{By, DwellingId, OccupancyId, Once, StoreError, Token};

/// The columns of [`occupancy_row`].
const OCCUPANCY: &str = "id, dwelling, role, first_day, last_day, keeps_hourly";

pub(super) fn add_occupancy(
    batch: &mut Batch<'_>,
    new: &NewOccupancy,
    by: &By<'_>,
) -> Result<Occupancy, Fault> {
    let connection = batch.transaction;
    let before = registry::without_keys(connection)?;
    let last = occupancies(connection, new.dwelling)?
        .iter()
        .map(|occupancy| occupancy.from)
        .max()
        .max(erase::latest_move_in(connection, new.dwelling)?);
    if let Some(last) = last.filter(|last| new.from < *last) {
        return Err(StoreError::MoveInTooEarly { last }.into());
    }
    let day_before = new
        .from
        .yesterday()
        .map_err(|_| StoreError::Refused("the first day lies outside the calendar".to_owned()))?;
    connection
        .prepare_cached(
            "UPDATE occupancy SET last_day = ?3
             WHERE dwelling = ?1 AND first_day < ?2 AND (last_day IS NULL OR last_day >= ?2)",
        )?
        .execute(params![
            new.dwelling.0,
            new.from.to_string(),
            day_before.to_string()
        ])?;
    let id = connection
        .prepare_cached(
            "INSERT INTO occupancy (dwelling, role, first_day, keeps_hourly) VALUES (?1, ?2, ?3, ?4)",
        )?
        .insert(params![
            new.dwelling.0,
            new.role.name(),
            new.from.to_string(),
            new.keeps_hourly
        ])?;
    note_occupancies(batch, before, new.dwelling, by)?;
    Ok(begun(OccupancyId(id), new))
}

/// Requests under a key are remembered so long.
const REMEMBERED: SignedDuration = SignedDuration::from_hours(7 * 24);

/// No more of them are remembered: more than a gateway's building moves in a week.
const MOST_REMEMBERED: i64 = 10_000;

/// As [`add_occupancy`], unless it was done already under that key.
pub(super) fn add_occupancy_once(
    batch: &mut Batch<'_>,
    new: &NewOccupancy,
    once: &Once,
    by: &By<'_>,
) -> Result<Occupancy, Fault> {
    let connection = batch.transaction;
    connection
        .prepare_cached("DELETE FROM once WHERE at <= ?1")?
        .execute([(by.at - REMEMBERED).as_second()])?;
    let known: Option<([u8; 32], i64)> = connection
        .prepare_cached("SELECT request, occupancy FROM once WHERE key = ?1")?
        .query_row([once.key], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    if let Some((request, id)) = known {
        if request != once.request {
            return Err(StoreError::KeyReused.into());
        }
        // As it was answered then, whatever has become of it.
        return Ok(begun(OccupancyId(id), new));
    }
    let occupancy = add_occupancy(batch, new, by)?;
    connection
        .prepare_cached(
            "DELETE FROM once WHERE key IN (SELECT key FROM once ORDER BY at DESC LIMIT -1 OFFSET ?1)",
        )?
        .execute([MOST_REMEMBERED - 1])?;
    connection
        .prepare_cached("INSERT INTO once (key, request, occupancy, at) VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![once.key, once.request, occupancy.id.0, by.at.as_second()])?;
    Ok(occupancy)
}

/// An occupancy on its first day.
fn begun(id: OccupancyId, new: &NewOccupancy) -> Occupancy {
    Occupancy {
        id,
        dwelling: new.dwelling,
        role: new.role,
        from: new.from,
        until: None,
        keeps_hourly: new.keeps_hourly,
    }
}

/// Writes into the history what has changed in a dwelling's occupancies.
fn note_occupancies(
    batch: &Batch<'_>,
    before: Registry,
    dwelling: DwellingId,
    by: &By<'_>,
) -> rusqlite::Result<()> {
    let now = occupancies(batch.transaction, dwelling)?;
    let changes: Vec<_> = now.into_iter().map(Change::Occupancy).collect();
    for difference in differences(&before, &changes) {
        registry::note(batch, by, difference)?;
    }
    Ok(())
}

/// Puts an occupancy as a plan wants it.
pub(super) fn put_occupancy(connection: &Connection, occupancy: &Occupancy) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO occupancy (id, dwelling, role, first_day, last_day, keeps_hourly) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
             ON CONFLICT (id) DO UPDATE SET dwelling = excluded.dwelling, role = excluded.role,
             first_day = excluded.first_day, last_day = excluded.last_day, keeps_hourly = excluded.keeps_hourly",
        )?
        .execute(params![
            occupancy.id.0,
            occupancy.dwelling.0,
            occupancy.role.name(),
            occupancy.from.to_string(),
            occupancy.until.map(|day| day.to_string()),
            occupancy.keeps_hourly
        ])?;
    Ok(())
}

/// All occupancies, by id.
pub(super) fn all_occupancies(connection: &Connection) -> rusqlite::Result<Vec<Occupancy>> {
    let sql = format!("SELECT {OCCUPANCY} FROM occupancy ORDER BY id");
    many(connection, &sql, [], occupancy_row)
}

pub(super) fn change_occupancy(
    batch: &mut Batch<'_>,
    id: OccupancyId,
    change: &OccupancyChange,
    by: &By<'_>,
) -> Result<Option<Occupancy>, Fault> {
    let connection = batch.transaction;
    let before = registry::without_keys(connection)?;
    let Some(mut changed) = occupancy(connection, id)? else {
        return Ok(None);
    };
    if let Some(last_day) = change.until {
        // Whoever moved in later must not be seen by those who left.
        let taken = occupancies(connection, changed.dwelling)?
            .iter()
            .map(|other| other.from)
            .any(|begins| begins > changed.from && last_day >= begins);
        let later = changed.until.is_some_and(|recorded| last_day > recorded);
        if last_day < changed.from || taken || later && !change.may_extend {
            return Err(StoreError::EndOutside.into());
        }
        changed.until = Some(last_day);
    }
    changed.keeps_hourly = change.keeps_hourly.unwrap_or(changed.keeps_hourly);
    connection
        .prepare_cached("UPDATE occupancy SET last_day = ?2, keeps_hourly = ?3 WHERE id = ?1")?
        .execute(params![
            id.0,
            changed.until.map(|day| day.to_string()),
            changed.keeps_hourly
        ])?;
    note_occupancies(batch, before, changed.dwelling, by)?;
    Ok(Some(changed))
}

pub(super) fn occupancy(connection: &Connection, id: OccupancyId) -> rusqlite::Result<Option<Occupancy>> {
    connection
        .prepare_cached(&format!("SELECT {OCCUPANCY} FROM occupancy WHERE id = ?1"))?
        .query_row([id.0], occupancy_row)
        .optional()
}

pub(super) fn occupancies(connection: &Connection, of: DwellingId) -> rusqlite::Result<Vec<Occupancy>> {
    let sql = format!("SELECT {OCCUPANCY} FROM occupancy WHERE dwelling = ?1 ORDER BY first_day, id");
    many(connection, &sql, [of.0], occupancy_row)
}

fn occupancy_row(row: &Row<'_>) -> rusqlite::Result<Occupancy> {
    let last_day: Option<String> = row.get(4)?;
    Ok(Occupancy {
        id: OccupancyId(row.get(0)?),
        dwelling: DwellingId(row.get(1)?),
        role: word(row, 2, Role::from_name)?,
        from: word(row, 3, |day| day.parse().ok())?,
        until: last_day
            .map(|day| day.parse())
            .transpose()
            .map_err(|error: jiff::Error| invalid(4, rusqlite::types::Type::Text, error))?,
        keeps_hourly: row.get(5)?,
    })
}

/// The columns of [`token_row`].
const TOKEN: &str = "name, scope, hash, created";

pub(super) fn add_token(batch: &mut Batch<'_>, token: &Token) -> Result<(), Fault> {
    let added = batch
        .transaction
        .prepare_cached(
            "INSERT INTO token (name, scope, hash, created) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (name) DO NOTHING",
        )?
        .execute(params![
            token.name,
            token.scope,
            token.hash,
            token.created.as_second()
        ])?;
    if added == 0 {
        let taken = format!(
            "a token is called {:?} already: choose another name, or remove it",
            token.name
        );
        return Err(StoreError::Refused(taken).into());
    }
    Ok(())
}

pub(super) fn token_by_hash(connection: &Connection, hash: &[u8; 32]) -> rusqlite::Result<Option<Token>> {
    connection
        .prepare_cached(&format!("SELECT {TOKEN} FROM token WHERE hash = ?1"))?
        .query_row([hash], token_row)
        .optional()
}

pub(super) fn tokens(connection: &Connection) -> rusqlite::Result<Vec<Token>> {
    many(
        connection,
        &format!("SELECT {TOKEN} FROM token ORDER BY name"),
        [],
        token_row,
    )
}

pub(super) fn remove_token(batch: &mut Batch<'_>, name: &str) -> Result<bool, Fault> {
    let removed = batch
        .transaction
        .prepare_cached("DELETE FROM token WHERE name = ?1")?
        .execute([name])?;
    Ok(removed > 0)
}

fn token_row(row: &Row<'_>) -> rusqlite::Result<Token> {
    Ok(Token {
        name: row.get(0)?,
        scope: row.get(1)?,
        hash: row.get(2)?,
        created: instant(row, 3)?,
    })
}
