//! Receivers as the daemon sees them, and when they could not hear.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};

use super::codes::{self, instant, instant_or_none};
use super::find::{many, rows};
use super::write::{Batch, Fault};
use crate::store::{Outage, ReceiverState};

/// The word for a receiver that hears nothing.
const LOST: &str = "lost";

/// Puts how receivers are at `now`; an outage begins when one is lost and ends when it listens again.
pub(super) fn note(open: &mut Batch<'_>, states: &[ReceiverState], now: Timestamp) -> Result<(), Fault> {
    for state in states {
        let at = state.since.as_second();
        if state.condition == LOST {
            let reason = state.reason.as_deref().unwrap_or_default();
            open.transaction
                .prepare_cached(
                    "INSERT INTO outage (receiver, since, reason) SELECT ?1, ?2, ?3
                     WHERE NOT EXISTS (SELECT 1 FROM outage WHERE receiver = ?1 AND until IS NULL)
                     ON CONFLICT (receiver, since) DO NOTHING",
                )?
                .execute(params![state.name, at, reason])?;
        } else if state.condition == "listening" {
            open.transaction
                .prepare_cached(
                    "UPDATE outage SET until = max(?2, since) WHERE receiver = ?1 AND until IS NULL",
                )?
                .execute(params![state.name, at])?;
        }
        open.transaction
            .prepare_cached(
                "INSERT INTO receiver (name, condition, since, seen, identity, reason, opened, losses, resets, reopened,
                    telegrams, noise, asked)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)
                 ON CONFLICT (name) DO UPDATE SET condition = ?2, since = ?3, seen = ?4, identity = ?5, reason = ?6,
                    opened = ?7, losses = ?8, resets = ?9, reopened = ?10, telegrams = ?11, noise = ?12,
                    asked = ?13",
            )?
            .execute(params![
                state.name,
                state.condition,
                at,
                now.as_second(),
                state.identity,
                state.reason,
                codes::signed(state.opened),
                codes::signed(state.losses),
                codes::signed(state.resets),
                codes::signed(state.reopened),
                codes::signed(state.telegrams),
                codes::signed(state.noise),
                codes::signed(state.asked),
            ])?;
    }
    Ok(())
}

/// The daemon begins at `now`: since its latest look at each of these receivers nobody listened to it. Receivers that
/// are not configured any longer are forgotten; their outages stay.
pub(super) fn begin(open: &mut Batch<'_>, names: &[&str], now: Timestamp) -> Result<(), Fault> {
    let known = receivers(open.transaction)?;
    for state in known {
        if !names.contains(&state.name.as_str()) {
            open.transaction
                .execute("DELETE FROM receiver WHERE name = ?1", [&state.name])?;
        }
        let is_open: Option<i64> = open
            .transaction
            .query_row(
                "SELECT 1 FROM outage WHERE receiver = ?1 AND until IS NULL",
                [&state.name],
                |row| row.get(0),
            )
            .optional()?;
        if is_open.is_some() {
            open.transaction.execute(
                "UPDATE outage SET until = max(since, ?2) WHERE receiver = ?1 AND until IS NULL",
                params![state.name, now.as_second()],
            )?;
        } else if state.seen < now {
            open.transaction.execute(
                "INSERT INTO outage (receiver, since, until, reason) VALUES (?1, ?2, ?3, 'releve was not running')
                 ON CONFLICT (receiver, since) DO NOTHING",
                params![state.name, state.seen.as_second(), now.as_second()],
            )?;
        }
    }
    Ok(())
}

/// All receivers, by name.
pub(super) fn receivers(connection: &Connection) -> rusqlite::Result<Vec<ReceiverState>> {
    many(
        connection,
        "SELECT name, condition, since, seen, identity, reason, opened, losses, resets, reopened, telegrams, noise,
         asked FROM receiver ORDER BY name",
        [],
        |row| {
            Ok(ReceiverState {
                name: row.get(0)?,
                condition: row.get(1)?,
                since: instant(row, 2)?,
                seen: instant(row, 3)?,
                identity: row.get(4)?,
                reason: row.get(5)?,
                opened: codes::unsigned(row.get(6)?),
                losses: codes::unsigned(row.get(7)?),
                resets: codes::unsigned(row.get(8)?),
                reopened: codes::unsigned(row.get(9)?),
                telegrams: codes::unsigned(row.get(10)?),
                noise: codes::unsigned(row.get(11)?),
                asked: codes::unsigned(row.get(12)?),
            })
        },
    )
}

/// The rhythm of a receiver.
pub(super) fn rhythm(connection: &Connection, receiver: &str) -> rusqlite::Result<Option<Vec<u8>>> {
    connection
        .prepare_cached("SELECT silences FROM rhythm WHERE receiver = ?1")?
        .query_row([receiver], |row| row.get(0))
        .optional()
}

/// Puts the rhythm of a receiver.
pub(super) fn note_rhythm(open: &mut Batch<'_>, receiver: &str, rhythm: &[u8]) -> Result<(), Fault> {
    open.transaction
        .prepare_cached("INSERT OR REPLACE INTO rhythm (receiver, silences) VALUES (?1, ?2)")?
        .execute(params![receiver, rhythm])?;
    Ok(())
}

/// The latest outages, the newest first.
pub(super) fn outages(connection: &Connection, limit: usize) -> rusqlite::Result<Vec<Outage>> {
    many(
        connection,
        "SELECT receiver, since, until, reason FROM outage ORDER BY since DESC, receiver LIMIT ?1",
        [rows(limit)],
        |row| {
            Ok(Outage {
                receiver: row.get(0)?,
                since: instant(row, 1)?,
                until: instant_or_none(row, 2)?,
                reason: row.get(3)?,
            })
        },
    )
}
