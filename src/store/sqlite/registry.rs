//! The registry's rows: read whole, and changed by plans that were made on a version of it.

use jiff::Timestamp;
use rusqlite::{Connection, Row, params};
use wmbus::{Decimal, DeviceType, IdentificationNumber, Manufacturer, Version};

use super::codes::{self, instant_or_none, word};
use super::vault::Vault;
use super::write::{Batch, Fault, counter, set_counter};
use super::{history, keys, people, state};
use crate::registry::difference::{Difference, differences};
use crate::registry::{
    Change, Dwelling, Factor, Installation, Kind, Meter, MeterAddress, Point, Registry, Site, serial, text,
};
use crate::store::{By, DirectoryEntry, DwellingId, InstallationId, MeterId, PointId, SiteId, StoreError};

/// All that is registered.
pub(super) fn snapshot(connection: &Connection, vault: &Vault) -> rusqlite::Result<Registry> {
    Ok(Registry {
        keys: keys::all(connection, vault)?,
        ..without_keys(connection)?
    })
}

/// The same without keys and households.
pub(super) fn installed(connection: &Connection) -> rusqlite::Result<Registry> {
    Ok(Registry {
        occupancies: Vec::new(),
        ..without_keys(connection)?
    })
}

/// The same without keys: for whoever compares, also where their master key is not at hand.
pub(super) fn without_keys(connection: &Connection) -> rusqlite::Result<Registry> {
    Ok(Registry {
        version: version(connection)?,
        sites: all(connection, &format!("SELECT {SITE} FROM site ORDER BY id"), site)?,
        dwellings: all(
            connection,
            &format!("SELECT {DWELLING} FROM dwelling ORDER BY id"),
            dwelling,
        )?,
        points: all(
            connection,
            &format!("SELECT {POINT} FROM point ORDER BY id"),
            |row| point(row, 0),
        )?,
        meters: all(
            connection,
            &format!("SELECT {METER} FROM meter ORDER BY id"),
            |row| meter(row, 0),
        )?,
        installations: all(
            connection,
            &format!("SELECT {INSTALLATION} FROM installation ORDER BY id"),
            |row| installation(row, 0),
        )?,
        factors: all(
            connection,
            &format!("SELECT {FACTOR} FROM rating_factor ORDER BY installation, since"),
            factor,
        )?,
        occupancies: people::all_occupancies(connection)?,
        keys: Vec::new(),
    })
}

/// The version of the registry.
pub(super) fn version(connection: &Connection) -> rusqlite::Result<u64> {
    Ok(codes::unsigned(counter(connection, "registry")?.unwrap_or(0)))
}

/// Applies a plan made on a version.
pub(super) fn apply(
    batch: &mut Batch<'_>,
    planned_on: u64,
    changes: &[Change],
    by: &By<'_>,
) -> Result<(), Fault> {
    let connection = batch.transaction;
    let now = version(connection)?;
    if now != planned_on {
        return Err(StoreError::Stale.into());
    }
    if changes.is_empty() {
        return Ok(());
    }
    let differences = differences(&without_keys(connection)?, changes);
    for change in changes {
        match change {
            Change::Site(site) => put_site(connection, site)?,
            Change::Dwelling(dwelling) => put_dwelling(connection, dwelling)?,
            Change::Point(point) => put_point(connection, point)?,
            Change::Meter(meter) => {
                put_meter(connection, meter)?;
                state::no_stranger(connection, &meter.address)?;
            }
            Change::Installation(installation) => put_installation(connection, installation)?,
            Change::Factor(factor) => put_factor(connection, factor)?,
            Change::Occupancy(occupancy) => people::put_occupancy(connection, occupancy)?,
            Change::Key(key) => keys::add(connection, batch.vault, key)?,
        }
    }
    let version = codes::signed(now + 1);
    history::write(connection, version, by, &differences)?;
    set_counter(connection, "registry", version)?;
    batch.memory.forget_meters();
    Ok(())
}

/// Notes one change that was not planned on a version, such as a household that moves in.
pub(super) fn note(batch: &Batch<'_>, by: &By<'_>, difference: Difference) -> rusqlite::Result<()> {
    let version = codes::signed(version(batch.transaction)? + 1);
    history::write(batch.transaction, version, by, &[difference])?;
    set_counter(batch.transaction, "registry", version)
}

/// Every meter with its keys, and the zone and use of its latest installation.
pub(super) fn directory(connection: &Connection, vault: &Vault) -> rusqlite::Result<Vec<DirectoryEntry>> {
    let mut entries = all(
        connection,
        &format!(
            "SELECT {METER_OF}, site.time_zone, point.kind, state.counter, state.counter_at FROM meter
             LEFT JOIN meter_state AS state ON state.meter = meter.id
             LEFT JOIN installation ON installation.id =
                 (SELECT id FROM installation AS latest WHERE latest.meter = meter.id
                  ORDER BY ifnull(latest.until, {FOREVER}) DESC, latest.since DESC, latest.id DESC LIMIT 1)
             LEFT JOIN point ON point.id = installation.point
             LEFT JOIN dwelling ON dwelling.id = point.dwelling
             LEFT JOIN site ON site.id = dwelling.site
             ORDER BY meter.id"
        ),
        |row| {
            let zone: Option<String> = row.get(METER_COLUMNS)?;
            let kind: Option<String> = row.get(METER_COLUMNS + 1)?;
            let counter: Option<u32> = row.get(METER_COLUMNS + 2)?;
            let counted_at = instant_or_none(row, METER_COLUMNS + 3)?;
            Ok(DirectoryEntry {
                meter: meter(row, 0)?,
                keys: Vec::new(),
                proven: 0,
                time_zone: zone.unwrap_or_else(|| Site::DEFAULT_TIME_ZONE.to_owned()),
                kind: kind.and_then(|kind| Kind::from_name(&kind)),
                counter: counter.zip(counted_at),
            })
        },
    )?;
    // Both are in the order of meters.
    let mut keys = keys::all_judged(connection, vault)?.into_iter().peekable();
    for entry in &mut entries {
        while let Some((key, proven)) = keys.next_if(|(key, _)| key.meter <= entry.meter.id) {
            if key.meter == entry.meter.id {
                entry.keys.push(key.key);
                entry.proven += usize::from(proven);
            }
        }
    }
    Ok(entries)
}

/// Every row of a query.
pub(super) fn all<T>(
    connection: &Connection,
    sql: &str,
    read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
) -> rusqlite::Result<Vec<T>> {
    connection.prepare_cached(sql)?.query_map([], read)?.collect()
}

/// The columns of [`site`].
pub(super) const SITE: &str = "id, code, name, address, time_zone";

pub(super) fn site(row: &Row<'_>) -> rusqlite::Result<Site> {
    Ok(Site {
        id: SiteId(row.get(0)?),
        code: word(row, 1, |code| code.parse().ok())?,
        name: row.get(2)?,
        address: row.get(3)?,
        time_zone: row.get(4)?,
    })
}

/// The columns of [`dwelling`].
pub(super) const DWELLING: &str = "id, site, lot, client_ref, surface";

pub(super) fn dwelling(row: &Row<'_>) -> rusqlite::Result<Dwelling> {
    Ok(Dwelling {
        id: DwellingId(row.get(0)?),
        site: SiteId(row.get(1)?),
        lot: row.get(2)?,
        client_ref: row.get(3)?,
        surface: row.get(4)?,
    })
}

/// The columns of [`point`].
pub(super) const POINT: &str = "point.id, point.dwelling, point.kind, point.room, point.number";

pub(super) fn point(row: &Row<'_>, first: usize) -> rusqlite::Result<Point> {
    Ok(Point {
        id: PointId(row.get(first)?),
        dwelling: DwellingId(row.get(first + 1)?),
        kind: word(row, first + 2, Kind::from_name)?,
        room: row.get(first + 3)?,
        number: row.get(first + 4)?,
    })
}

/// The columns of [`meter`].
pub(super) const METER: &str = "id, manufacturer, identification, version, device_type, printed_serial";
/// The same where other tables stand beside it.
pub(super) const METER_OF: &str = "meter.id, meter.manufacturer, meter.identification, meter.version,
    meter.device_type, meter.printed_serial";
/// How many they are.
pub(super) const METER_COLUMNS: usize = 6;

pub(super) fn meter(row: &Row<'_>, first: usize) -> rusqlite::Result<Meter> {
    Ok(Meter {
        id: MeterId(row.get(first)?),
        address: MeterAddress {
            manufacturer: Manufacturer(row.get(first + 1)?),
            identification_number: IdentificationNumber(row.get(first + 2)?),
            version: row.get::<_, Option<u8>>(first + 3)?.map(Version),
            device_type: row.get::<_, Option<u8>>(first + 4)?.map(DeviceType),
        },
        printed_serial: row.get(first + 5)?,
    })
}

/// The columns of [`installation`].
pub(super) const INSTALLATION: &str = "installation.id, installation.point, installation.meter,
    installation.since, installation.until, installation.start_mantissa, installation.start_exponent,
    installation.end_mantissa, installation.end_exponent";
/// How many they are.
pub(super) const INSTALLATION_COLUMNS: usize = 9;

pub(super) fn installation(row: &Row<'_>, first: usize) -> rusqlite::Result<Installation> {
    let decimal = |column: usize| -> rusqlite::Result<Option<Decimal>> {
        let (mantissa, exponent): (Option<i64>, Option<i8>) = (row.get(column)?, row.get(column + 1)?);
        Ok(mantissa
            .zip(exponent)
            .map(|(mantissa, exponent)| Decimal::new(mantissa, exponent)))
    };
    Ok(Installation {
        id: InstallationId(row.get(first)?),
        point: PointId(row.get(first + 1)?),
        meter: MeterId(row.get(first + 2)?),
        from: instant_or_none(row, first + 3)?,
        until: instant_or_none(row, first + 4)?,
        start_index: decimal(first + 5)?,
        end_index: decimal(first + 7)?,
    })
}

/// The columns of [`factor`].
pub(super) const FACTOR: &str = "installation, since, mantissa, exponent";

pub(super) fn factor(row: &Row<'_>) -> rusqlite::Result<Factor> {
    Ok(Factor {
        installation: InstallationId(row.get(0)?),
        from: instant_or_none(row, 1)?,
        value: Decimal::new(row.get(2)?, row.get(3)?),
    })
}

fn put_site(connection: &Connection, site: &Site) -> rusqlite::Result<()> {
    // Every word begins behind a blank: that is how they are looked for.
    let search = format!(" {} {}", text::words(&site.name), text::words(&site.address));
    connection
        .prepare_cached(
            "INSERT INTO site (id, code, name, address, search, time_zone) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
             ON CONFLICT (id) DO UPDATE SET code = excluded.code, name = excluded.name,
             address = excluded.address, search = excluded.search, time_zone = excluded.time_zone",
        )?
        .execute(params![
            site.id.0,
            site.code.as_str(),
            site.name,
            site.address,
            search,
            site.time_zone
        ])?;
    Ok(())
}

fn put_dwelling(connection: &Connection, dwelling: &Dwelling) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO dwelling (id, site, lot, lot_search, client_ref, client_search, surface)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
             ON CONFLICT (id) DO UPDATE SET site = excluded.site, lot = excluded.lot,
             lot_search = excluded.lot_search, client_ref = excluded.client_ref,
             client_search = excluded.client_search, surface = excluded.surface",
        )?
        .execute(params![
            dwelling.id.0,
            dwelling.site.0,
            dwelling.lot,
            text::compact_number(&dwelling.lot),
            dwelling.client_ref,
            dwelling.client_ref.as_deref().map(text::compact),
            dwelling.surface
        ])?;
    Ok(())
}

fn put_point(connection: &Connection, point: &Point) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO point (id, dwelling, kind, room, number) VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT (id) DO UPDATE SET dwelling = excluded.dwelling, kind = excluded.kind,
             room = excluded.room, number = excluded.number",
        )?
        .execute(params![
            point.id.0,
            point.dwelling.0,
            point.kind.name(),
            point.room,
            point.number
        ])?;
    Ok(())
}

fn put_meter(connection: &Connection, meter: &Meter) -> rusqlite::Result<()> {
    let MeterAddress {
        manufacturer,
        identification_number,
        version,
        device_type,
    } = meter.address;
    let printed = meter.printed_serial.as_deref();
    connection
        .prepare_cached(
            "INSERT INTO meter (id, manufacturer, identification, version, device_type, printed_serial,
             serial_search, serial_digits) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
             ON CONFLICT (id) DO UPDATE SET manufacturer = excluded.manufacturer,
             identification = excluded.identification, version = excluded.version,
             device_type = excluded.device_type, printed_serial = excluded.printed_serial,
             serial_search = excluded.serial_search, serial_digits = excluded.serial_digits",
        )?
        .execute(params![
            meter.id.0,
            manufacturer.without_flag().0,
            identification_number.0,
            version.map(|version| version.0),
            device_type.map(|device_type| device_type.0),
            printed,
            printed.map(serial::search_form),
            printed.and_then(serial::digits),
        ])?;
    Ok(())
}

fn put_installation(connection: &Connection, installation: &Installation) -> rusqlite::Result<()> {
    let (start, end) = (installation.start_index, installation.end_index);
    connection
        .prepare_cached(
            "INSERT INTO installation (id, point, meter, since, until, start_mantissa, start_exponent,
             end_mantissa, end_exponent) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
             ON CONFLICT (id) DO UPDATE SET point = excluded.point, meter = excluded.meter,
             since = excluded.since, until = excluded.until, start_mantissa = excluded.start_mantissa,
             start_exponent = excluded.start_exponent, end_mantissa = excluded.end_mantissa,
             end_exponent = excluded.end_exponent",
        )?
        .execute(params![
            installation.id.0,
            installation.point.0,
            installation.meter.0,
            installation.from.map(Timestamp::as_second),
            installation.until.map(Timestamp::as_second),
            start.map(|index| index.mantissa),
            start.map(|index| index.exponent),
            end.map(|index| index.mantissa),
            end.map(|index| index.exponent),
        ])?;
    Ok(())
}

fn put_factor(connection: &Connection, factor: &Factor) -> rusqlite::Result<()> {
    let since = factor.from.map(Timestamp::as_second);
    let Decimal { mantissa, exponent } = factor.value;
    let changed = connection
        .prepare_cached(
            "UPDATE rating_factor SET mantissa = ?3, exponent = ?4 WHERE installation = ?1 AND since IS ?2",
        )?
        .execute(params![factor.installation.0, since, mantissa, exponent])?;
    if changed == 0 {
        connection
            .prepare_cached(
                "INSERT INTO rating_factor (installation, since, mantissa, exponent) VALUES (?1, ?2, ?3, ?4)",
            )?
            .execute(params![factor.installation.0, since, mantissa, exponent])?;
    }
    Ok(())
}

/// An end that has not come.
pub(super) const FOREVER: i64 = i64::MAX;
