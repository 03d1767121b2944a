//! Erasure: what goes, what stays, what never comes back, and that no octet is left.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicI64, Ordering};

use jiff::Timestamp;
use jiff::civil::date;

use super::{Scratch, address, at, dump, instant, reading, store, telegram};
use crate::registry::{
    Change, Dwelling, Installation, Kind, Meter, MeterAddress, NewOccupancy, OccupancyChange, Point, Role,
};
use crate::store::sqlite::{SqliteStore, erasures_path};
use crate::store::{
    AlertFound, AlertQuery, By, DwellingId, Erase, Erasure, HistoryQuery, Ingest, InstallationId, MeterId,
    OccupancyId, PointId, Retention, SiteId, Source, Store, StoreError, broken_receipts,
};

const DAY: i64 = 86_400;
/// 2026-01-01 in Paris.
const NEW_YEAR: i64 = 1_767_222_000;

fn by(now: &str) -> By<'static> {
    By {
        who: "test",
        at: instant(now),
    }
}

/// A number of eight octets that stands nowhere by chance.
fn value(meter: i64, number: i64) -> i64 {
    0x5AC3_9D00_0000_0000 | meter << 24 | number
}

fn octets(meter: i64, number: i64) -> Vec<u8> {
    (0..24)
        .map(|place| (meter * 31 + number * 7 + place * place * 13 + 5) as u8)
        .collect()
}

/// Three telegrams a day for ten days from New Year on, each with its live value and the value of the month's end.
fn heard(meter: i64) -> Vec<Ingest> {
    (0..30)
        .map(|number| {
            let second = NEW_YEAR + 3600 + number * DAY / 3;
            let mut telegram = telegram(
                meter,
                second,
                (meter * 1000 + number).unsigned_abs(),
                vec![
                    reading(at(second), Source::Live, value(meter, number)),
                    reading(at(NEW_YEAR), Source::History, value(meter, 500)),
                    reading(at(NEW_YEAR - 31 * DAY), Source::History, value(meter, 501)),
                ],
            );
            telegram.octets = octets(meter, number);
            Ingest::Telegram(telegram)
        })
        .collect()
}

/// Two dwellings: meters 1 and 2 in the first, 3 in the second; all of them heard.
fn house() -> (Scratch, SqliteStore) {
    let (scratch, store) = store(2);
    let meter = Meter {
        id: MeterId(3),
        address: MeterAddress::from(address(3)),
        printed_serial: None,
    };
    let changes = [
        Change::Dwelling(Dwelling {
            id: DwellingId(2),
            site: SiteId(1),
            lot: "A-008".to_owned(),
            client_ref: None,
            surface: None,
        }),
        Change::Point(Point {
            id: PointId(3),
            dwelling: DwellingId(2),
            kind: Kind::HotWater,
            room: "Cuisine".to_owned(),
            number: 1,
        }),
        Change::Meter(meter),
        Change::Installation(installation(3, 3, 3)),
    ];
    store.apply(store.registry_version().unwrap(), &changes).unwrap();
    for meter in 1..=3 {
        store.ingest(&heard(meter)).unwrap();
    }
    (scratch, store)
}

fn installation(id: i64, point: i64, meter: i64) -> Installation {
    Installation {
        id: InstallationId(id),
        point: PointId(point),
        meter: MeterId(meter),
        from: None,
        until: None,
        start_index: None,
        end_index: None,
    }
}

fn household(store: &SqliteStore, from: &str, until: Option<&str>) -> OccupancyId {
    let new = NewOccupancy {
        dwelling: DwellingId(1),
        role: Role::Tenant,
        from: from.parse().unwrap(),
        keeps_hourly: false,
    };
    let id = store.add_occupancy(&new, by("2026-01-20T00:00:00Z")).unwrap().id;
    if let Some(until) = until {
        let change = OccupancyChange {
            until: Some(until.parse().unwrap()),
            ..OccupancyChange::default()
        };
        store
            .change_occupancy(id, &change, by("2026-01-20T00:00:00Z"))
            .unwrap();
    }
    id
}

/// How often some octets stand in the file and the files beside it.
fn found(path: &Path, wanted: &[u8]) -> usize {
    let name = path.to_string_lossy();
    let entries = fs::read_dir(path.parent().unwrap()).unwrap();
    entries
        .map(|entry| entry.unwrap().path())
        .filter(|other| other.to_string_lossy().starts_with(&*name))
        .map(|other| {
            let octets = fs::read(other).unwrap_or_default();
            octets
                .windows(wanted.len())
                .filter(|window| *window == wanted)
                .count()
        })
        .sum()
}

/// What belongs to one meter, in every table that speaks of it, without places in the feed.
fn of_meter(path: &Path, meter: i64) -> Vec<String> {
    [
        "SELECT channel, at, source, value, resolution, flags, stamp FROM reading WHERE meter = ",
        "SELECT received_at, digest, octets, radio, rssi_dbm, outcome, evidence FROM telegram WHERE meter = ",
        "SELECT * FROM conflict WHERE meter = ",
        "SELECT kind, amount, raised, seen, cleared FROM alert WHERE meter = ",
        "SELECT * FROM meter_state WHERE meter = ",
        "SELECT * FROM meter_key WHERE meter = ",
    ]
    .iter()
    .flat_map(|query| dump(path, &[&format!("{query}{meter}")]))
    .collect()
}

fn readings(path: &Path, meter: i64) -> Vec<String> {
    dump(
        path,
        &[&format!("SELECT at, source FROM reading WHERE meter = {meter}")],
    )
}

#[test]
fn no_octet_of_an_erased_dwelling_is_left_and_the_others_stay_as_they_are() {
    let (scratch, store) = house();
    let path = scratch.path();
    // Some days are kept by the hour, and put aside.
    let new = NewOccupancy {
        dwelling: DwellingId(1),
        role: Role::Tenant,
        from: date(2026, 1, 3),
        keeps_hourly: true,
    };
    store.add_occupancy(&new, by("2026-01-16T00:00:00Z")).unwrap();
    let aside = || dump(&path, &["SELECT DISTINCT meter FROM hour WHERE meter < 3"]).len();
    // What was thinned or had grown old is not in any table any more, but was in the file.
    let retention = Retention {
        raw_days: 12,
        ..Retention::default()
    };
    store.retain(instant("2026-01-16T00:00:00Z"), &retention).unwrap();
    let other = of_meter(&path, 3);
    assert_eq!(aside(), 2);
    assert!(found(&path, &octets(1, 29)) > 0 && found(&path, &value(1, 29).to_be_bytes()) > 0);
    assert!(found(&path, &octets(1, 0)) > 0 && found(&path, &value(1, 1).to_be_bytes()) > 0);

    let receipt = store
        .erase(Erase::Dwelling(DwellingId(1)), false, by("2026-01-16T00:00:00Z"))
        .unwrap();
    store.purge().unwrap();
    assert!(
        receipt.deleted.readings > 0 && receipt.deleted.telegrams > 0,
        "{receipt:?}"
    );
    for meter in 1..=2 {
        assert_eq!(readings(&path, meter), Vec::<String>::new());
        for number in 0..30 {
            assert_eq!(
                found(&path, &octets(meter, number)),
                0,
                "telegram {number} of {meter}"
            );
            assert_eq!(
                found(&path, &value(meter, number).to_be_bytes()),
                0,
                "value {number} of {meter}"
            );
        }
        for number in [500, 501] {
            assert_eq!(found(&path, &value(meter, number).to_be_bytes()), 0);
        }
    }
    assert_eq!(aside(), 0);
    assert_eq!(of_meter(&path, 3), other);
    assert!(found(&path, &octets(3, 29)) > 0 && found(&path, &value(3, 500).to_be_bytes()) > 0);
    assert!(store.contradictions().unwrap().is_empty());
    // Who hangs where is no secret of the household.
    assert_eq!(store.registry().unwrap().meters.len(), 3);
    assert_eq!(store.placements(DwellingId(1)).unwrap().len(), 2);
}

#[test]
fn a_rehearsal_says_the_same_and_does_nothing() {
    let (scratch, store) = house();
    let before: Vec<_> = (1..=3).map(|meter| of_meter(&scratch.path(), meter)).collect();
    let now = by("2026-01-16T00:00:00Z");
    let rehearsed = store.erase(Erase::Dwelling(DwellingId(1)), true, now).unwrap();
    let after: Vec<_> = (1..=3).map(|meter| of_meter(&scratch.path(), meter)).collect();
    assert_eq!(after, before);
    assert!(store.erasures(None, 10).unwrap().is_empty());
    assert!(!erasures_path(&scratch.path()).exists());
    let done = store.erase(Erase::Dwelling(DwellingId(1)), false, now).unwrap();
    assert_eq!(done.deleted, rehearsed.deleted);
    assert_eq!(done.deleted.readings, 2 * 32);
    assert_eq!(done.deleted.telegrams, 2 * 30);
}

#[test]
fn a_household_that_has_left_takes_its_own_days_with_it_and_no_others() {
    let (scratch, store) = house();
    let path = scratch.path();
    let early = household(&store, "2025-11-15", None);
    let gone = household(&store, "2026-01-03", Some("2026-01-05"));
    let found = AlertFound {
        meter: MeterId(1),
        kind: "leak",
        amount: None,
        is: true,
    };
    store.put_alerts(at(NEW_YEAR + 3 * DAY), &[found]).unwrap();
    let receipt = store
        .erase(Erase::Household(gone), false, by("2026-01-20T00:00:00Z"))
        .unwrap();
    assert_eq!(
        (receipt.first_day, receipt.last_day),
        (Some(date(2026, 1, 3)), date(2026, 1, 5))
    );
    assert_eq!(receipt.households, [date(2026, 1, 3)]);
    // Three days of three readings of two meters; telegrams that came later repeat months that are gone.
    assert_eq!(receipt.deleted.readings, 2 * 9);
    assert_eq!(receipt.deleted.telegrams, 2 * 24);
    assert_eq!((receipt.deleted.alerts, receipt.deleted.households), (1, 1));
    assert_eq!(receipt.deleted.history, 2);
    let (from, to) = (NEW_YEAR + 2 * DAY, NEW_YEAR + 5 * DAY);
    for meter in 1..=2 {
        let query =
            format!("SELECT count(*) FROM reading WHERE meter = {meter} AND at >= {from} AND at < {to}");
        assert!(dump(&path, &[&query])[0].contains("[Integer(0)]"));
        assert_eq!(readings(&path, meter).len(), 32 - 9);
    }
    assert_eq!(readings(&path, 3).len(), 32);
    assert!(store.occupancy(gone).unwrap().is_none());
    assert!(store.occupancy(early).unwrap().is_some());
    assert!(
        store
            .alerts(&AlertQuery {
                cleared: true,
                limit: 10,
                meter: None,
                after: None,
            })
            .unwrap()
            .is_empty()
    );
    // Nobody claims afterwards to have lived there before.
    let new = NewOccupancy {
        dwelling: DwellingId(1),
        role: Role::Tenant,
        from: date(2025, 12, 24),
        keeps_hourly: false,
    };
    let refused = store.add_occupancy(&new, by("2026-01-21T00:00:00Z"));
    assert!(
        matches!(refused, Err(StoreError::MoveInTooEarly { .. })),
        "{refused:?}"
    );
    let line = store
        .history(&HistoryQuery {
            noun: Some("erasure"),
            before: None,
            limit: 10,
        })
        .unwrap();
    assert_eq!(
        (line.len(), line[0].who.as_str(), line[0].name.as_str()),
        (1, "test", "AB123 lot A-007")
    );
    let occupancies = store
        .history(&HistoryQuery {
            noun: Some("occupancy"),
            before: None,
            limit: 10,
        })
        .unwrap();
    assert!(occupancies.iter().all(|line| line.row != gone.0));
}

#[test]
fn who_lives_there_or_shared_the_days_is_not_erased() {
    let (_scratch, store) = house();
    let now = by("2026-01-20T00:00:00Z");
    let refused = |wanted| match store.erase(wanted, false, now) {
        Err(StoreError::Refused(sentence)) => sentence,
        other => panic!("{other:?}"),
    };
    let first = household(&store, "2026-01-03", None);
    assert!(refused(Erase::Household(first)).contains("still lives there"));
    let second = household(&store, "2026-01-03", None);
    let change = OccupancyChange {
        until: Some(date(2026, 1, 6)),
        ..OccupancyChange::default()
    };
    store.change_occupancy(second, &change, now).unwrap();
    assert!(refused(Erase::Household(second)).contains("shares days"));
    assert!(refused(Erase::Household(OccupancyId(99))).contains("no occupancy 99"));
    assert!(refused(Erase::Dwelling(DwellingId(99))).contains("no dwelling 99"));
    // Of the dwelling, who has left goes; who lives there stays.
    let receipt = store.erase(Erase::Dwelling(DwellingId(1)), false, now).unwrap();
    assert_eq!(receipt.deleted.households, 1);
    assert!(store.occupancy(first).unwrap().is_some());
    assert!(store.occupancy(second).unwrap().is_none());
}

#[test]
fn what_was_erased_is_not_taken_again_from_anywhere() {
    let (scratch, store) = house();
    let gone = household(&store, "2026-01-03", Some("2026-01-05"));
    store
        .erase(Erase::Household(gone), false, by("2026-01-20T00:00:00Z"))
        .unwrap();
    let path = scratch.path();
    let kept = readings(&path, 1);
    // The same capture once more, by this process and by one that knows nothing of the first.
    for store in [&store, &SqliteStore::open(&path).unwrap()] {
        let report = store.ingest(&heard(1)).unwrap();
        assert_eq!((report.erased_telegrams, report.readings), (9, 0));
        assert_eq!(readings(&path, 1), kept);
    }
    // A meter's own values for those days, sent much later; those around them are taken.
    let later = NEW_YEAR + 40 * DAY;
    let values = vec![
        reading(at(NEW_YEAR + 3 * DAY), Source::History, 7),
        reading(at(NEW_YEAR + 2 * DAY), Source::History, 8),
        reading(at(NEW_YEAR + 5 * DAY), Source::History, 9),
        reading(at(later), Source::Live, 10),
    ];
    let report = store
        .ingest(&[Ingest::Telegram(telegram(1, later, 77, values.clone()))])
        .unwrap();
    assert_eq!(
        (report.telegrams, report.readings, report.erased_readings),
        (1, 3, 1)
    );
    assert_eq!(
        store
            .add_readings(MeterId(1), &values[..1])
            .unwrap()
            .erased_readings,
        1
    );
    // Another meter's are another matter.
    assert_eq!(store.add_readings(MeterId(3), &values[..1]).unwrap().readings, 1);
}

#[test]
fn a_meter_that_hung_elsewhere_before_keeps_what_it_measured_there() {
    let (scratch, store) = house();
    let moved = NEW_YEAR + 4 * DAY;
    let changes = [
        Change::Installation(Installation {
            until: Some(at(moved)),
            ..installation(3, 3, 3)
        }),
        Change::Installation(Installation {
            from: Some(at(moved)),
            ..installation(4, 1, 3)
        }),
    ];
    store.apply(store.registry_version().unwrap(), &changes).unwrap();
    let receipt = store
        .erase(Erase::Dwelling(DwellingId(1)), false, by("2026-01-20T00:00:00Z"))
        .unwrap();
    assert_eq!(receipt.meters.len(), 3);
    let left = dump(&scratch.path(), &["SELECT max(at) FROM reading WHERE meter = 3"]);
    assert!(
        left[0].contains(&(NEW_YEAR + 3600 + 11 * DAY / 3).to_string()),
        "{left:?}"
    );
    assert_eq!(readings(&scratch.path(), 3).len(), 12 + 2);
}

fn restore(copy: &Path, target: &Path, list: Option<&Path>) -> Vec<u64> {
    // What is set aside has the second in its name.
    static SECOND: AtomicI64 = AtomicI64::new(NEW_YEAR + 31 * DAY);
    let by = By {
        who: "test",
        at: at(SECOND.fetch_add(1, Ordering::Relaxed)),
    };
    SqliteStore::restore(copy, target, true, list, by)
        .unwrap()
        .erased_again
        .iter()
        .map(|(_, deleted)| deleted.readings)
        .collect()
}

#[test]
fn an_older_copy_that_is_put_back_is_erased_again() {
    let (scratch, store) = house();
    let path = scratch.path();
    let gone = household(&store, "2026-01-03", Some("2026-01-05"));
    let copy = path.with_file_name("copy.db");
    store.backup(&copy).unwrap();
    let receipt = store
        .erase(Erase::Household(gone), false, by("2026-01-20T00:00:00Z"))
        .unwrap();
    store.purge().unwrap();
    let kept: Vec<_> = (1..=3).map(|meter| readings(&path, meter)).collect();
    drop(store);

    let check = |path: &Path| {
        let store = SqliteStore::open(path).unwrap();
        let now: Vec<_> = (1..=3).map(|meter| readings(path, meter)).collect();
        assert_eq!(now, kept);
        assert!(store.occupancy(gone).unwrap().is_none());
        assert_eq!(store.ingest(&heard(1)).unwrap().readings, 0);
        let receipts: Vec<Erasure> = store
            .erasures(None, 10)
            .unwrap()
            .into_iter()
            .map(|(_, it)| it)
            .collect();
        assert_eq!(receipts, std::slice::from_ref(&receipt));
        assert!(broken_receipts(&receipts).is_empty());
        assert_eq!(found(path, &value(1, 7).to_be_bytes()), 0);
    };
    // The store that is there knows it, even without its list.
    fs::remove_file(erasures_path(&path)).unwrap();
    assert_eq!(restore(&copy, &path, None), [18]);
    check(&path);
    // The store is lost; the list beside it is not.
    SqliteStore::open(&path)
        .unwrap()
        .erase(Erase::Dwelling(DwellingId(2)), true, by("2026-01-20T00:00:00Z"))
        .unwrap();
    let list = path.with_file_name("list");
    fs::write(&list, format!("{}\n", serde_json::to_string(&receipt).unwrap())).unwrap();
    fs::remove_file(&path).unwrap();
    fs::copy(&list, erasures_path(&path)).unwrap();
    assert_eq!(restore(&copy, &path, None), [18]);
    check(&path);
    // On another machine, the list is named.
    let elsewhere = path.with_file_name("elsewhere.db");
    assert_eq!(restore(&copy, &elsewhere, Some(&list)), [18]);
    check(&elsewhere);
    // A copy that was made afterwards has it already.
    let newer = path.with_file_name("newer.db");
    SqliteStore::open(&path).unwrap().backup(&newer).unwrap();
    assert_eq!(restore(&newer, &path, None), Vec::<u64>::new());
    check(&path);
    // A list that was spoilt is no reason to bring anything back.
    fs::write(erasures_path(&path), "{}\n").unwrap();
    let refused = SqliteStore::restore(&copy, &path, true, None, by("2026-02-01T00:00:00Z"));
    assert!(refused.unwrap_err().to_string().contains("line 1: is no receipt"));
}

#[test]
fn receipts_follow_each_other_and_tell_nothing_of_what_was_deleted() {
    let (_scratch, store) = house();
    let now: Timestamp = instant("2026-01-20T00:00:00Z");
    for dwelling in [1, 2, 1] {
        store
            .erase(
                Erase::Dwelling(DwellingId(dwelling)),
                false,
                By { who: "test", at: now },
            )
            .unwrap();
    }
    let receipts: Vec<Erasure> = store
        .erasures(None, 10)
        .unwrap()
        .into_iter()
        .map(|(_, it)| it)
        .collect();
    assert_eq!(receipts.len(), 3);
    assert!(broken_receipts(&receipts).is_empty());
    assert_eq!(receipts[2].deleted.readings, 0);
    let text = serde_json::to_string(&receipts).unwrap();
    assert!(!text.contains(&value(1, 0).to_string()) && !text.contains("Cuisine"));
    assert!(text.contains("KAM 00000001"));
}
