//! A store with years in it, written row by row through the store's trait: hours, or what is left of them when they
//! are thinned.

use std::path::Path;

use decoders::reading::{Quantity, Unit};
use jiff::Timestamp;
use releve::registry::{
    Change, Dwelling, DwellingId, Factor, Installation, InstallationId, Kind, Meter, MeterAddress, MeterId,
    Occupancy, OccupancyId, Point, PointId, Role, Site, SiteId,
};
use releve::store::sqlite::Options;
use releve::store::{Channel, Flags, Retention, Source, SqliteStore, Store, StoredReading};
use wmbus::{Address, Decimal};

/// Meters of a dwelling: two of hot water, one of cold, five radiators.
pub(crate) const OF_A_DWELLING: i64 = 8;

/// Where all histories end.
pub(crate) const END: i64 = 1_767_222_000; // 2026-01-01 in Paris.

const DAY: i64 = 86_400;

/// How dense the readings of a day are.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Grain {
    /// One an hour, as for households that agreed to it.
    Hourly,
    /// The first and the last of a day, as for all others.
    Thinned,
}

impl Grain {
    /// Seconds of the day at which there is a reading.
    fn seconds(self) -> Vec<i64> {
        match self {
            Self::Hourly => (0..24).map(|hour| hour * 3600 + 420).collect(),
            Self::Thinned => vec![420, 23 * 3600 + 420],
        }
    }
}

/// A store with so many meters and no readings, of households that keep their hours or not; the number of its dwellings.
pub(crate) fn registry(path: &Path, meters: i64, keeps_hourly: bool) -> (SqliteStore, i64) {
    let store = SqliteStore::open_with(path, Options::bulk()).unwrap();
    let dwellings = meters.div_euclid(OF_A_DWELLING).max(1);
    let mut changes = vec![Change::Site(Site {
        id: SiteId(1),
        code: "AB123".parse().unwrap(),
        name: "Résidence des Tilleuls".to_owned(),
        address: "12, rue de l'Église, 93100 Montreuil".to_owned(),
        time_zone: "Europe/Paris".to_owned(),
    })];
    for dwelling in 1..=dwellings {
        changes.push(Change::Dwelling(Dwelling {
            id: DwellingId(dwelling),
            site: SiteId(1),
            lot: format!("{dwelling}"),
            client_ref: None,
            surface: Some(u32::try_from(5000 + dwelling % 3000).unwrap()),
        }));
        changes.push(Change::Occupancy(Occupancy {
            id: OccupancyId(dwelling),
            dwelling: DwellingId(dwelling),
            role: Role::Tenant,
            from: jiff::civil::date(2010, 1, 1),
            until: None,
            keeps_hourly,
        }));
    }
    for meter in 1..=meters {
        changes.extend(metered(meter, dwellings));
    }
    store.apply(0, &changes).unwrap();
    (store, dwellings)
}

/// A meter, where it hangs, and since when.
fn metered(meter: i64, dwellings: i64) -> Vec<Change> {
    let kind = kind(meter);
    let number = u32::try_from(meter).unwrap();
    let [a, b, c, d] = (0x1000_0000 + number).to_le_bytes();
    let mut changes = vec![
        Change::Point(Point {
            id: PointId(meter),
            dwelling: DwellingId(((meter - 1) / OF_A_DWELLING % dwellings) + 1),
            kind,
            room: format!("Pièce {}", meter % OF_A_DWELLING),
            number: u16::try_from((meter - 1) / OF_A_DWELLING / dwellings + 1).unwrap(),
        }),
        Change::Meter(Meter {
            id: MeterId(meter),
            address: MeterAddress::from(Address::from_link_octets([0xAE, 0x4C, a, b, c, d, 0x68, 0x07])),
            printed_serial: None,
        }),
        Change::Installation(Installation {
            id: InstallationId(meter),
            point: PointId(meter),
            meter: MeterId(meter),
            from: None,
            until: None,
            start_index: None,
            end_index: None,
        }),
    ];
    if kind == Kind::Heating {
        changes.push(Change::Factor(Factor {
            installation: InstallationId(meter),
            from: None,
            value: Decimal::new(1234, -3),
        }));
    }
    changes
}

fn kind(meter: i64) -> Kind {
    match (meter - 1) % OF_A_DWELLING {
        0 | 1 => Kind::HotWater,
        2 => Kind::ColdWater,
        _ => Kind::Heating,
    }
}

/// So many years of hours, as the store keeps them once the daemon has looked after them; how many readings.
pub(crate) fn hours(store: &dyn Store, meters: i64, years: i64) -> u64 {
    let mut rows = 0;
    for year in (0..years).rev() {
        rows += fill(store, meters, Grain::Hourly, (year * 365, (year + 1) * 365));
        look_after(store, END - year * 365 * DAY);
    }
    rows
}

/// What the daemon does with what is old, until nothing is left to do: also what is thinned already is packed.
pub(crate) fn look_after(store: &dyn Store, now: i64) {
    let retention = Retention {
        rows: 1_000_000,
        ..Retention::default()
    };
    let now = Timestamp::from_second(now).unwrap();
    while store.retain(now, &retention).unwrap().more {}
}

/// Puts the days `[from, until)` before [`END`], counted back, into a store; how many rows.
pub(crate) fn fill(store: &dyn Store, meters: i64, grain: Grain, days: (i64, i64)) -> u64 {
    let seconds = grain.seconds();
    let mut rows = 0;
    let mut readings = Vec::new();
    for meter in 1..=meters {
        readings.clear();
        for day in (days.0..days.1).rev() {
            for second in &seconds {
                readings.push(reading(meter, END - (day + 1) * DAY + second));
            }
        }
        rows += store.add_readings(MeterId(meter), &readings).unwrap().readings;
    }
    rows
}

/// An index that only grows: water in millilitres, an allocator that begins anew each July and counts in winter.
fn reading(meter: i64, at: i64) -> StoredReading {
    let (channel, value, resolution) = if kind(meter) == Kind::Heating {
        let since_july = (at - 1_751_320_800).rem_euclid(365 * DAY);
        let channel = Channel::index(Quantity::HeatCost, Unit::AllocationUnit);
        (channel, since_july / 3600 / (4 + meter % 5) * 1000, 0)
    } else {
        let channel = Channel::index(Quantity::Volume, Unit::CubicMetre);
        (channel, (at - 1_400_000_000) / 60 * (80 + meter % 40), -3)
    };
    StoredReading {
        channel,
        at: Timestamp::from_second(at).unwrap(),
        source: Source::Live,
        value,
        resolution,
        flags: Flags::NONE,
        stamp: None,
    }
}

/// What a meter of [`registry`] sends: its index, in clear.
pub(crate) fn telegram(meter: i64, litres: u32) -> Vec<u8> {
    let number = 0x1000_0000 + u32::try_from(meter).unwrap();
    plain(number, litres)
}

/// A water meter of that number, in clear.
pub(crate) fn plain(number: u32, litres: u32) -> Vec<u8> {
    let mut octets = vec![0, 0x44, 0xAE, 0x4C];
    octets.extend(number.to_le_bytes());
    octets.extend([0x68, 0x07, 0x7A, litres.to_le_bytes()[0], 0, 0, 0, 0x04, 0x13]);
    octets.extend(litres.to_le_bytes());
    octets[0] = u8::try_from(octets.len() - 1).unwrap();
    octets
}
