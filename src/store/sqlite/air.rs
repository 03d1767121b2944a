//! The air: meters, strangers, receivers and the archive, as they were last heard.

use rusqlite::{Connection, OptionalExtension, Row};
use wmbus::Address;

use super::codes::{self, instant, instant_or_none};
use super::find::{many, rows};
use crate::store::{Heard, MeterFact, MeterId, MeterState, OutcomeCount, RadioState};

/// The columns of [`state`].
const STATE: &str =
    "meter, meter_state.first_heard, meter_state.last_heard, rssi_dbm, radio.name, outcome.code,
    meter_state.telegrams, opened_at, device_time, status,
    (SELECT evidence FROM telegram WHERE telegram.received_at = meter_state.last_heard
     AND telegram.meter = meter_state.meter AND telegram.digest = meter_state.last_digest)
    FROM meter_state JOIN radio ON radio.id = radio JOIN outcome ON outcome.id = outcome";

pub(super) fn meter_state(connection: &Connection, meter: MeterId) -> rusqlite::Result<Option<MeterState>> {
    connection
        .prepare_cached(&format!("SELECT {STATE} WHERE meter = ?1"))?
        .query_row([meter.0], state)
        .optional()
}

pub(super) fn meter_states(
    connection: &Connection,
    after: Option<MeterId>,
    limit: usize,
) -> rusqlite::Result<Vec<MeterState>> {
    let sql = format!("SELECT {STATE} WHERE meter > ?1 ORDER BY meter LIMIT ?2");
    let after = after.map_or(i64::MIN, |id| id.0);
    many(connection, &sql, [after, rows(limit)], state)
}

fn state(row: &Row<'_>) -> rusqlite::Result<MeterState> {
    let device_time: Option<i64> = row.get(8)?;
    Ok(MeterState {
        meter: MeterId(row.get(0)?),
        first_heard: instant(row, 1)?,
        last_heard: instant(row, 2)?,
        rssi_dbm: row.get(3)?,
        radio: row.get(4)?,
        outcome: row.get(5)?,
        evidence: row.get(10)?,
        telegrams: codes::unsigned(row.get(6)?),
        opened_at: instant_or_none(row, 7)?,
        device_time: device_time.and_then(codes::stamp),
        status: codes::status(row.get_ref(9)?.as_str()?),
    })
}

pub(super) fn outcomes(connection: &Connection, meter: MeterId) -> rusqlite::Result<Vec<OutcomeCount>> {
    many(
        connection,
        "SELECT code, telegrams, last_at FROM meter_outcome JOIN outcome ON outcome.id = outcome
         WHERE meter = ?1 ORDER BY code",
        [meter.0],
        |row| {
            Ok(OutcomeCount {
                outcome: row.get(0)?,
                telegrams: codes::unsigned(row.get(1)?),
                last_at: instant(row, 2)?,
            })
        },
    )
}

pub(super) fn outcome_totals(connection: &Connection) -> rusqlite::Result<Vec<OutcomeCount>> {
    many(
        connection,
        "SELECT code, sum(telegrams), max(last_at) FROM meter_outcome JOIN outcome ON outcome.id = outcome
         GROUP BY code ORDER BY code",
        [],
        |row| {
            Ok(OutcomeCount {
                outcome: row.get(0)?,
                telegrams: codes::unsigned(row.get(1)?),
                last_at: instant(row, 2)?,
            })
        },
    )
}

pub(super) fn facts(connection: &Connection, meter: MeterId) -> rusqlite::Result<Vec<MeterFact>> {
    many(
        connection,
        "SELECT name, value, at FROM meter_fact WHERE meter = ?1 ORDER BY name",
        [meter.0],
        |row| {
            Ok(MeterFact {
                name: row.get(0)?,
                value: row.get(1)?,
                at: instant(row, 2)?,
            })
        },
    )
}

pub(super) fn heard(connection: &Connection, limit: usize) -> rusqlite::Result<Vec<Heard>> {
    many(
        connection,
        "SELECT address, heard.first_heard, heard.last_heard, heard.telegrams, rssi_dbm, radio.name
         FROM heard JOIN radio ON radio.id = radio ORDER BY heard.last_heard DESC, address LIMIT ?1",
        [rows(limit)],
        |row| {
            Ok(Heard {
                address: Address::from_link_octets(codes::unsigned(row.get(0)?).to_be_bytes()),
                first_heard: instant(row, 1)?,
                last_heard: instant(row, 2)?,
                telegrams: codes::unsigned(row.get(3)?),
                rssi_dbm: row.get(4)?,
                radio: row.get(5)?,
            })
        },
    )
}

pub(super) fn radios(connection: &Connection) -> rusqlite::Result<Vec<RadioState>> {
    many(
        connection,
        "SELECT name, first_heard, last_heard, telegrams FROM radio ORDER BY name",
        [],
        |row| {
            Ok(RadioState {
                name: row.get(0)?,
                first_heard: instant(row, 1)?,
                last_heard: instant(row, 2)?,
                telegrams: codes::unsigned(row.get(3)?),
            })
        },
    )
}
