//! Meters' keys: the only file that reads and writes them. They leave as [`wmbus::Key`], which prints nothing.

use rusqlite::{Connection, params};
use wmbus::Key;

use super::codes::invalid;
use crate::registry::MeterKey;
use crate::store::{KeyProof, MeterId};

/// All keys, by meter; those that were seen to be right first, then in the order in which they were added.
pub(super) fn all(connection: &Connection) -> rusqlite::Result<Vec<MeterKey>> {
    let keys = all_judged(connection)?;
    Ok(keys.into_iter().map(|(key, _)| key).collect())
}

/// As [`all`], and of each whether it was seen to be right.
pub(super) fn all_judged(connection: &Connection) -> rusqlite::Result<Vec<(MeterKey, bool)>> {
    connection
        .prepare_cached(
            "SELECT meter, octets, proven_at IS NOT NULL FROM meter_key ORDER BY meter, proven_at IS NULL, ordinal",
        )?
        .query_map([], |row| {
            let octets = row.get_ref(1)?.as_blob()?;
            let key = MeterKey {
                meter: MeterId(row.get(0)?),
                // The error tells the length and nothing else.
                key: Key::from_octets(octets)
                    .map_err(|error| invalid(1, rusqlite::types::Type::Blob, error.to_string()))?,
            };
            Ok((key, row.get(2)?))
        })?
        .collect()
}

/// Notes that a key was seen to be right.
pub(super) fn prove(connection: &Connection, proof: &KeyProof) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "UPDATE meter_key SET proven_at = max(ifnull(proven_at, ?3), ?3), proven_by = max(ifnull(proven_by, 0), ?4)
             WHERE meter = ?1 AND octets = ?2",
        )?
        .execute(params![
            proof.key.meter.0,
            proof.key.key.reveal(),
            proof.at.as_second(),
            i64::try_from(proof.telegrams).unwrap_or(i64::MAX)
        ])?;
    Ok(())
}

/// Adds a key behind those that the meter has; nothing when it has it already.
pub(super) fn add(connection: &Connection, key: &MeterKey) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO meter_key (meter, ordinal, octets)
             SELECT ?1, (SELECT count(*) FROM meter_key WHERE meter = ?1), ?2
             WHERE NOT EXISTS (SELECT 1 FROM meter_key WHERE meter = ?1 AND octets = ?2)",
        )?
        .execute(params![key.meter.0, key.key.reveal()])?;
    Ok(())
}
