//! Meters' keys: the only file that reads and writes them. They leave as [`wmbus::Key`], which prints nothing.

use rusqlite::{Connection, params};
use wmbus::Key;
use zeroize::Zeroizing;

use super::codes::{invalid, unsigned};
use super::find::many;
use super::vault::Vault;
use crate::registry::MeterKey;
use crate::store::{KeyCount, KeyProof, MeterId};

/// All keys, by meter; those that were seen to be right first, then in the order in which they were added.
pub(super) fn all(connection: &Connection, vault: &Vault) -> rusqlite::Result<Vec<MeterKey>> {
    let keys = all_judged(connection, vault)?;
    Ok(keys.into_iter().map(|(key, _)| key).collect())
}

/// As [`all`], and of each whether it was seen to be right.
pub(super) fn all_judged(connection: &Connection, vault: &Vault) -> rusqlite::Result<Vec<(MeterKey, bool)>> {
    connection
        .prepare_cached(
            "SELECT meter, octets, proven_at IS NOT NULL FROM meter_key ORDER BY meter, proven_at IS NULL, ordinal",
        )?
        .query_map([], |row| {
            let meter: i64 = row.get(0)?;
            let octets = vault.take(meter, row.get_ref(1)?.as_blob()?).map_err(|sealed| {
                rusqlite::Error::FromSqlConversionFailure(1, rusqlite::types::Type::Blob, Box::new(sealed))
            })?;
            let key = MeterKey {
                meter: MeterId(meter),
                // The error tells the length and nothing else.
                key: Key::from_octets(&octets)
                    .map_err(|error| invalid(1, rusqlite::types::Type::Blob, error.to_string()))?,
            };
            Ok((key, row.get(2)?))
        })?
        .collect()
}

/// The keys of a meter, as in [`all`]; nothing when one of them is sealed under a master key that is not here.
pub(super) fn of(connection: &Connection, vault: &Vault, meter: i64) -> rusqlite::Result<Option<Vec<Key>>> {
    let kept = many(
        connection,
        "SELECT octets FROM meter_key WHERE meter = ?1 ORDER BY proven_at IS NULL, ordinal",
        [meter],
        |row| {
            Ok(row
                .get_ref(0)?
                .as_blob()
                .ok()
                .map(|octets| vault.take(meter, octets)))
        },
    )?;
    let keys = kept
        .into_iter()
        .flatten()
        .map(|octets| octets.ok().and_then(|octets| Key::from_octets(&octets).ok()));
    Ok(keys.collect())
}

/// How many keys each meter has, and how many of them were seen to be right.
pub(super) fn counts(connection: &Connection) -> rusqlite::Result<Vec<KeyCount>> {
    many(
        connection,
        "SELECT meter, count(*), count(proven_at) FROM meter_key GROUP BY meter ORDER BY meter",
        [],
        |row| {
            Ok(KeyCount {
                meter: MeterId(row.get(0)?),
                keys: row.get(1)?,
                proven: row.get(2)?,
            })
        },
    )
}

/// Notes that a key was seen to be right, whether it lies sealed or in clear.
pub(super) fn prove(connection: &Connection, vault: &Vault, proof: &KeyProof) -> rusqlite::Result<()> {
    let MeterKey { meter, key } = &proof.key;
    connection
        .prepare_cached(
            "UPDATE meter_key SET proven_at = max(ifnull(proven_at, ?3), ?3), proven_by = max(ifnull(proven_by, 0), ?4)
             WHERE meter = ?1 AND octets IN (?2, ?5)",
        )?
        .execute(params![
            meter.0,
            key.reveal(),
            proof.at.as_second(),
            i64::try_from(proof.telegrams).unwrap_or(i64::MAX),
            *vault.put(meter.0, key.reveal()),
        ])?;
    Ok(())
}

/// Adds a key behind those that the meter has; nothing when it has it already.
pub(super) fn add(connection: &Connection, vault: &Vault, key: &MeterKey) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO meter_key (meter, ordinal, octets)
             SELECT ?1, (SELECT count(*) FROM meter_key WHERE meter = ?1), ?2
             WHERE NOT EXISTS (SELECT 1 FROM meter_key WHERE meter = ?1 AND octets IN (?2, ?3))",
        )?
        .execute(params![
            key.meter.0,
            *vault.put(key.meter.0, key.key.reveal()),
            key.key.reveal()
        ])?;
    Ok(())
}

/// Seals the keys that lie in clear; tells how many there were.
pub(super) fn seal(connection: &Connection, vault: &Vault) -> rusqlite::Result<u64> {
    let clear: Vec<(i64, i64, Zeroizing<Vec<u8>>)> = connection
        .prepare_cached("SELECT meter, ordinal, octets FROM meter_key WHERE length(octets) <= ?1")?
        .query_map([LONGEST], |row| {
            Ok((row.get(0)?, row.get(1)?, Zeroizing::new(row.get(2)?)))
        })?
        .collect::<rusqlite::Result<_>>()?;
    for (meter, ordinal, octets) in &clear {
        connection
            .prepare_cached("UPDATE meter_key SET octets = ?3 WHERE meter = ?1 AND ordinal = ?2")?
            .execute(params![meter, ordinal, *vault.put(*meter, octets)])?;
    }
    Ok(clear.len() as u64)
}

/// How many keys lie in clear, and how many there are.
pub(super) fn in_clear(connection: &Connection) -> rusqlite::Result<(u64, u64)> {
    connection
        .prepare_cached("SELECT count(*) FILTER (WHERE length(octets) <= ?1), count(*) FROM meter_key")?
        .query_row([LONGEST], |row| {
            Ok((unsigned(row.get(0)?), unsigned(row.get(1)?)))
        })
}

/// No key in clear has more octets.
const LONGEST: i64 = 16;
