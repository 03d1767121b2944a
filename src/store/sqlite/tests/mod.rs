//! The store, tested through its trait and through its file.

mod air;
mod erasure;
mod hours;
mod inbox;
mod ingest;
mod mending;
mod news;
mod opening;
mod packed;
mod packs;
mod recent;
mod registry;
mod retention;
mod segments;
mod speed;
mod values;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use decoders::reading::{Quantity, Unit};
use jiff::Timestamp;
use rusqlite::Connection;
use rusqlite::types::Value;
use wmbus::Address;

use super::SqliteStore;
use crate::registry::{
    Change, Dwelling, Factor, Installation, Kind, Meter, MeterAddress, MeterKey, Point, Site,
};
use crate::store::{
    Channel, DwellingId, Facts, Flags, Ingest, InstallationId, MeterId, PointId, READ, ReadingQuery,
    Sighting, SiteId, Source, Store, StoredReading, Telegram,
};

/// A folder of its own, gone when the test is.
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!(
            "releve-store-{}-{}",
            std::process::id(),
            NEXT.fetch_add(1, Ordering::Relaxed)
        );
        let folder = std::env::temp_dir().join(name);
        fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.0.join("releve.db")
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

/// An instant by its text.
fn instant(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn water() -> Channel {
    Channel::index(Quantity::Volume, Unit::CubicMetre)
}

fn address(number: u32) -> Address {
    let [a, b, c, d] = number.to_le_bytes();
    Address::from_link_octets([0x2D, 0x2C, a, b, c, d, 0x1B, 0x06])
}

fn reading(at: Timestamp, source: Source, value: i64) -> StoredReading {
    StoredReading {
        channel: water(),
        at,
        source,
        value,
        resolution: -3,
        flags: Flags::NONE,
        stamp: None,
    }
}

fn telegram(meter: i64, received_at: i64, digest: u64, readings: Vec<StoredReading>) -> Telegram {
    Telegram {
        meter: MeterId(meter),
        received_at: at(received_at),
        assumed: false,
        digest,
        octets: digest.to_be_bytes().to_vec(),
        radio: "cellar".into(),
        rssi_dbm: Some(-70),
        outcome: READ.into(),
        evidence: None,
        facts: Facts {
            opened: true,
            ..Facts::default()
        },
        readings,
    }
}

fn sighting(number: u32, second: i64) -> Ingest {
    Ingest::Stranger(Sighting {
        address: address(number),
        received_at: at(second),
        rssi_dbm: Some(-90),
        radio: "cellar".into(),
    })
}

fn live(meter: i64, second: i64, value: i64) -> Ingest {
    Ingest::Telegram(telegram(
        meter,
        second,
        value.unsigned_abs(),
        vec![reading(at(second), Source::Live, value)],
    ))
}

/// A site with one dwelling, and so many meters at points of their own; the first two have keys.
fn building(store: &SqliteStore, meters: i64) {
    let mut changes = vec![
        Change::Site(Site {
            id: SiteId(1),
            code: "AB123".parse().unwrap(),
            name: "Résidence des Tilleuls".to_owned(),
            address: "12, rue de l'Église, 93100 Montreuil".to_owned(),
            time_zone: "Europe/Paris".to_owned(),
        }),
        Change::Dwelling(Dwelling {
            id: DwellingId(1),
            site: SiteId(1),
            lot: "A-007".to_owned(),
            client_ref: Some("LOC-01.02".to_owned()),
            surface: Some(5432),
        }),
    ];
    for number in 1..=meters {
        changes.push(Change::Point(Point {
            id: PointId(number),
            dwelling: DwellingId(1),
            kind: Kind::HotWater,
            room: "Cuisine".to_owned(),
            number: u16::try_from(number).unwrap(),
        }));
        changes.push(Change::Meter(Meter {
            id: MeterId(number),
            address: MeterAddress::from(address(u32::try_from(number).unwrap())),
            printed_serial: Some(format!("D21 VB-70423{number}")),
        }));
        changes.push(Change::Installation(Installation {
            id: InstallationId(number),
            point: PointId(number),
            meter: MeterId(number),
            from: None,
            until: None,
            start_index: None,
            end_index: None,
        }));
        changes.push(Change::Factor(Factor {
            installation: InstallationId(number),
            from: None,
            value: wmbus::Decimal::new(1250, -3),
        }));
    }
    for meter in 1..=meters.min(2) {
        changes.push(Change::Key(MeterKey {
            meter: MeterId(meter),
            key: "000102030405060708090A0B0C0D0E0F".parse().unwrap(),
        }));
    }
    store.apply(0, &changes).unwrap();
}

fn store(meters: i64) -> (Scratch, SqliteStore) {
    let scratch = Scratch::new();
    let store = SqliteStore::create(&scratch.path()).unwrap();
    building(&store, meters);
    (scratch, store)
}

/// Every row of every table, in the order of their columns: two stores are equal when these are.
fn content(path: &Path) -> Vec<String> {
    dump(
        path,
        &[
            "SELECT * FROM counter",
            "SELECT * FROM channel",
            "SELECT * FROM outcome",
            "SELECT * FROM radio",
            "SELECT * FROM every_reading",
            "SELECT * FROM dense",
            "SELECT * FROM conflict",
            "SELECT * FROM telegram",
            "SELECT * FROM telegram_pack",
            "SELECT * FROM hourly",
            "SELECT * FROM meter_state",
            "SELECT * FROM meter_outcome",
            "SELECT * FROM meter_fact",
            "SELECT * FROM thinned",
            "SELECT * FROM heard",
            "SELECT * FROM meter",
        ],
    )
}

/// All readings of a meter.
fn everything(meter: i64) -> ReadingQuery {
    ReadingQuery {
        meter: MeterId(meter),
        channel: None,
        from: Timestamp::MIN,
        until: Timestamp::MAX,
        source: None,
        after: None,
        limit: 100_000,
    }
}

/// The same without the numbers that follow the order of arrival: ids, and places in the feed.
fn meaning(path: &Path) -> Vec<String> {
    let mut rows = dump(
        path,
        &[
            "SELECT meter, quantity, at, source, value FROM conflict JOIN channel ON channel.id = channel",
            "SELECT received_at, meter, digest, octets, radio.name, rssi_dbm, code, evidence
             FROM telegram JOIN radio ON radio.id = radio JOIN outcome ON outcome.id = outcome",
            "SELECT meter, meter_state.first_heard, meter_state.last_heard, last_digest, rssi_dbm, radio.name, code,
             meter_state.telegrams, opened_at, opened_digest, device_time, status
             FROM meter_state JOIN radio ON radio.id = radio JOIN outcome ON outcome.id = outcome",
            OUTCOMES,
            "SELECT * FROM meter_fact",
            "SELECT name, first_heard, last_heard, telegrams FROM radio",
        ],
    );
    rows.extend(said(path));
    rows
}

const OUTCOMES: &str =
    "SELECT meter, code, telegrams, last_at FROM meter_outcome JOIN outcome ON outcome.id = outcome";

/// All readings that the feed of a store says, wherever they lie, each once and in its own place.
fn said(path: &Path) -> Vec<String> {
    let readings = SqliteStore::open(path).unwrap().changes(0, 1_000_000).unwrap();
    let changes: BTreeSet<u64> = readings.iter().map(|row| row.change).collect();
    assert_eq!(changes.len(), readings.len());
    let mut said: Vec<String> = readings
        .iter()
        .map(|row| format!("{:?}: {:?}", row.meter, row.reading))
        .collect();
    said.sort();
    said
}

fn dump(path: &Path, queries: &[&str]) -> Vec<String> {
    let connection = Connection::open(path).unwrap();
    let mut rows = Vec::new();
    for query in queries {
        let mut statement = connection.prepare(query).unwrap();
        let columns = statement.column_count();
        let mut table: Vec<String> = statement
            .query_map([], |row| {
                let values: Vec<Value> = (0..columns).map(|column| row.get(column).unwrap()).collect();
                Ok(format!("{query}: {values:?}"))
            })
            .unwrap()
            .map(Result::unwrap)
            .collect();
        table.sort();
        rows.extend(table);
    }
    rows
}
