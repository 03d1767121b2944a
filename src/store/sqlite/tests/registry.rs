//! The registry's rows, and finding one's way among them.

use jiff::civil::date;
use wmbus::{DeviceType, Version};

use super::{Scratch, address, at, building, sighting, store};
use crate::registry::serial::Rule;
use crate::registry::{Change, Kind, Meter, MeterAddress, NewOccupancy, OccupancyChange, Point, Role, Site};
use crate::store::sqlite::SqliteStore;
use crate::store::{
    By, DwellingId, Erase, Facts, Ingest, MeterId, OccupancyId, Once, PointId, SiteId, Store, StoreError,
    Token, find_meters,
};

#[test]
fn what_was_put_is_there() {
    let (_scratch, store) = store(3);
    let registry = store.registry().unwrap();
    assert_eq!(registry.version, 1);
    assert_eq!(store.registry_version().unwrap(), 1);
    assert_eq!(registry.sites[0].address, "12, rue de l'Église, 93100 Montreuil");
    assert_eq!(registry.dwellings[0].surface, Some(5432));
    assert_eq!(registry.points.len(), 3);
    assert_eq!(registry.meters[2].address, MeterAddress::from(address(3)));
    assert_eq!(registry.factors[0].value.to_string(), "1.250");
    assert_eq!(registry.keys.len(), 2);
    let shown = format!("{registry:?} {:?}", store.directory().unwrap());
    assert!(
        !shown.contains("0001020304") && !shown.contains("[0, 1, 2"),
        "a key was printed"
    );
}

#[test]
fn a_plan_made_on_an_older_registry_is_refused() {
    let (_scratch, store) = store(1);
    let site = Site {
        name: "another name".to_owned(),
        ..store.registry().unwrap().sites[0].clone()
    };
    assert!(matches!(
        store.apply(0, &[Change::Site(site.clone())]),
        Err(StoreError::Stale)
    ));
    store.apply(1, &[Change::Site(site.clone())]).unwrap();
    assert_eq!(store.site(SiteId(1)).unwrap(), Some(site));
    store.apply(2, &[]).unwrap();
    assert_eq!(store.registry_version().unwrap(), 2, "no change, no new version");
}

/// What hangs in a dwelling is remembered: until anybody commits, here or elsewhere.
#[test]
fn whoever_changes_a_point_is_seen_by_the_next_who_asks_what_hangs_there() {
    let (scratch, store) = store(1);
    let elsewhere = SqliteStore::open(&scratch.path()).unwrap();
    let room_of = |store: &SqliteStore| {
        let placements = store.placements(DwellingId(1)).unwrap();
        placements[0].point.room.clone()
    };
    let point = store.registry().unwrap().points[0].clone();
    for (version, room) in ["kitchen", "bath", "kitchen", "hall"].into_iter().enumerate() {
        let (one, other) = if version % 2 == 0 {
            (&store, &elsewhere)
        } else {
            (&elsewhere, &store)
        };
        let moved = Point {
            room: room.to_owned(),
            ..point.clone()
        };
        one.apply(1 + version as u64, &[Change::Point(moved)]).unwrap();
        for store in [one, other, one, other] {
            assert_eq!(room_of(store), room);
        }
    }
}

#[test]
fn a_plan_that_contradicts_itself_changes_nothing() {
    let (_scratch, store) = store(2);
    let twin = Meter {
        id: MeterId(9),
        ..store.registry().unwrap().meters[0].clone()
    };
    let site = Site {
        name: "another name".to_owned(),
        ..store.registry().unwrap().sites[0].clone()
    };
    assert!(matches!(
        store.apply(1, &[Change::Site(site), Change::Meter(twin)]),
        Err(StoreError::Refused(_))
    ));
    assert_eq!(store.registry_version().unwrap(), 1);
    assert_eq!(
        store.site(SiteId(1)).unwrap().unwrap().name,
        "Résidence des Tilleuls"
    );
}

#[test]
fn sites_and_dwellings_are_found_however_they_are_typed() {
    let (_scratch, store) = store(1);
    assert_eq!(
        store.site_by_code("ab-123".parse().unwrap()).unwrap().unwrap().id,
        SiteId(1)
    );
    assert!(store.site_by_code("AB124".parse().unwrap()).unwrap().is_none());
    for typed in [
        "montreuil",
        "MONTREUIL eglise",
        "12 rue",
        "residence til",
        "l'église (93100)",
    ] {
        assert_eq!(store.sites_by_address(typed, 5).unwrap().len(), 1, "{typed}");
    }
    for typed in ["reuil", "13 rue", "", "%", "' OR 1=1 --"] {
        assert_eq!(store.sites_by_address(typed, 5).unwrap(), [], "{typed}");
    }
    assert!(store.sites_by_address(&"montreuil ".repeat(1000), 5).is_ok());
    let site = SiteId(1);
    for lot in ["A-007", "a7", "A 07"] {
        assert_eq!(store.dwellings_by_lot(site, lot).unwrap().len(), 1, "{lot}");
    }
    assert!(store.dwellings_by_lot(site, "").unwrap().is_empty());
    assert!(store.dwellings_by_lot(SiteId(2), "A-007").unwrap().is_empty());
    assert_eq!(store.dwellings_by_client_ref(site, "loc 0102").unwrap().len(), 1);
    assert!(store.dwellings_by_client_ref(site, "loc 12").unwrap().is_empty());
    assert_eq!(store.dwellings(site, None, 10).unwrap().len(), 1);
    assert!(store.dwellings(site, Some(DwellingId(1)), 10).unwrap().is_empty());
}

#[test]
fn a_meter_is_found_from_what_stands_on_it() {
    let (_scratch, store) = store(3);
    let found = |typed: &str| -> Vec<_> {
        find_meters(&store, typed, None)
            .unwrap()
            .into_iter()
            .map(|found| (found.meter.id.0, found.rule))
            .collect()
    };
    assert_eq!(found("d21vb704232"), [(2, Rule::PrintedSerial)]);
    assert_eq!(found("21-704232"), [(2, Rule::PrintedDigits)]);
    assert_eq!(found("00000003"), [(3, Rule::IdentificationNumber)]);
    assert_eq!(found("2"), [(2, Rule::IdentificationNumber)]);
    assert_eq!(found("2019 0000 0001"), [(1, Rule::LastEight)]);
    assert_eq!(found("6KAM1B00000001"), [(1, Rule::FourteenCharacters)]);
    assert_eq!(found("704232"), []);
    let mut said = super::telegram(1, 1_700_000_000, 1, vec![]);
    said.facts = Facts {
        opened: true,
        more: vec![("fabrication_no".into(), "000009988776".into())],
        ..Facts::default()
    };
    store.ingest(&[Ingest::Telegram(said)]).unwrap();
    assert_eq!(found("9988776"), [(1, Rule::FabricationNumber)]);
}

#[test]
fn a_dwelling_knows_what_serves_it() {
    let (_scratch, store) = store(2);
    let placements = store.placements(DwellingId(1)).unwrap();
    assert_eq!(placements.len(), 2);
    assert_eq!(placements[1].meter.id, MeterId(2));
    assert_eq!(placements[1].point.id, PointId(2));
    assert_eq!(placements[1].factors[0].value.to_string(), "1.250");
    assert_eq!(store.placements_of_meter(MeterId(2)).unwrap(), placements[1..]);
    assert_eq!(store.points(DwellingId(1)).unwrap().len(), 2);
    assert_eq!(store.point(PointId(2)).unwrap().unwrap().kind, Kind::HotWater);
    let directory = store.directory().unwrap();
    assert_eq!(directory.len(), 2);
    assert_eq!(directory[1].keys.len(), 1);
    assert_eq!(directory[1].kind, Some(Kind::HotWater));
    assert_eq!(directory[1].time_zone, "Europe/Paris");
}

#[test]
fn a_stranger_that_is_registered_is_none_any_more() {
    let scratch = Scratch::new();
    let store = SqliteStore::create(&scratch.path()).unwrap();
    let with = |number, version, device_type| {
        let mut heard = sighting(number, 1_700_000_000);
        if let Ingest::Stranger(sighting) = &mut heard {
            sighting.address.version = Version(version);
            sighting.address.device_type = DeviceType(device_type);
        }
        heard
    };
    let batch = [
        with(1, 0x1B, 0x06),
        with(1, 0x1C, 0x06),
        with(2, 0xFF, 0xFF),
        with(9, 0x1B, 0x06),
    ];
    store.ingest(&batch).unwrap();
    building(&store, 1);
    let strangers: Vec<_> = store
        .heard(10)
        .unwrap()
        .iter()
        .map(|heard| heard.address.to_string())
        .collect();
    assert_eq!(
        strangers,
        ["KAM 00000001 1C 06", "KAM 00000002 FF FF", "KAM 00000009 1B 06"]
    );
    let open = Meter {
        id: MeterId(7),
        address: MeterAddress {
            version: None,
            device_type: None,
            ..MeterAddress::from(address(2))
        },
        printed_serial: None,
    };
    store.apply(1, &[Change::Meter(open)]).unwrap();
    assert_eq!(store.heard(10).unwrap().len(), 2);
}

#[test]
fn a_key_is_remembered_for_a_week_and_no_longer_than_its_household() {
    let (_scratch, store) = store(1);
    let new = NewOccupancy {
        dwelling: DwellingId(1),
        role: Role::Tenant,
        from: date(2024, 3, 1),
        keeps_hourly: false,
    };
    let once = Once {
        key: [1; 32],
        request: [2; 32],
    };
    let add = |once: &Once, day: i8| {
        let at = format!("2024-03-{day:02}T12:00:00Z").parse().unwrap();
        store.add_occupancy_once(&new, once, By { who: "portal", at })
    };
    let first = add(&once, 2).unwrap();
    assert_eq!(add(&once, 8).unwrap(), first);
    let other = Once {
        request: [3; 32],
        ..once
    };
    assert!(matches!(add(&other, 8), Err(StoreError::KeyReused)));
    assert_eq!(
        store.occupancies(DwellingId(1)).unwrap(),
        std::slice::from_ref(&first)
    );
    let later = add(&other, 9).unwrap();
    assert_ne!(later.id, first.id);
    // Who has left and is erased leaves no key.
    let at = "2024-03-10T12:00:00Z".parse().unwrap();
    let by = By { who: "portal", at };
    let end = OccupancyChange {
        until: Some(date(2024, 3, 8)),
        ..OccupancyChange::default()
    };
    for id in [first.id, later.id] {
        store.change_occupancy(id, &end, by).unwrap();
    }
    store.erase(Erase::Dwelling(DwellingId(1)), false, by).unwrap();
    assert_eq!(store.occupancies(DwellingId(1)).unwrap(), []);
    let fresh = add(&once, 10).unwrap();
    assert_eq!(store.occupancies(DwellingId(1)).unwrap(), [fresh]);
}

#[test]
fn occupancies_follow_one_another() {
    let (_scratch, store) = store(1);
    let move_in = |from| {
        store.add_occupancy(
            &NewOccupancy {
                dwelling: DwellingId(1),
                role: Role::Tenant,
                from,
                keeps_hourly: false,
            },
            by(),
        )
    };
    let first = move_in(date(2023, 5, 1)).unwrap();
    let second = move_in(date(2024, 3, 1)).unwrap();
    let partner = move_in(date(2024, 3, 1)).unwrap();
    let all = store.occupancies(DwellingId(1)).unwrap();
    assert_eq!(all[0].until, Some(date(2024, 2, 29)));
    assert_eq!((all[1].until, all[2].until), (None, None));
    assert_eq!(store.occupancy(first.id).unwrap().unwrap(), all[0]);
    assert!(matches!(
        move_in(date(2024, 2, 29)),
        Err(StoreError::MoveInTooEarly { last }) if last == date(2024, 3, 1)
    ));
    let end = |id, last_day, may_extend| {
        store.change_occupancy(
            id,
            &OccupancyChange {
                until: Some(last_day),
                may_extend,
                ..OccupancyChange::default()
            },
            by(),
        )
    };
    let ended = |id, last_day, may_extend| end(id, last_day, may_extend).unwrap().unwrap().until;
    let outside = |result| matches!(result, Err(StoreError::EndOutside));
    assert!(outside(end(second.id, date(2024, 1, 1), true)));
    assert_eq!(
        ended(second.id, date(2024, 6, 30), false),
        Some(date(2024, 6, 30))
    );
    assert_eq!(end(OccupancyId(99), date(2024, 6, 30), true).unwrap(), None);
    // An end moves to an earlier day, and to a later one only for those who may, and never into the next occupancy.
    assert!(outside(end(second.id, date(2024, 7, 1), false)));
    assert_eq!(ended(second.id, date(2024, 7, 1), true), Some(date(2024, 7, 1)));
    assert!(outside(end(first.id, date(2024, 3, 1), true)));
    assert_eq!(ended(first.id, date(2024, 2, 1), false), Some(date(2024, 2, 1)));
    assert_eq!(ended(first.id, date(2024, 2, 29), true), Some(date(2024, 2, 29)));
    let consent = OccupancyChange {
        keeps_hourly: Some(true),
        ..OccupancyChange::default()
    };
    let agreed = store.change_occupancy(first.id, &consent, by()).unwrap().unwrap();
    assert!(agreed.keeps_hourly && agreed.until == Some(date(2024, 2, 29)));
    assert_eq!(store.occupancy(first.id).unwrap(), Some(agreed));
    assert_eq!(store.occupancy(partner.id).unwrap().unwrap().until, None);
    let nowhere = NewOccupancy {
        dwelling: DwellingId(9),
        role: Role::Tenant,
        from: date(2024, 1, 1),
        keeps_hourly: false,
    };
    assert!(matches!(
        store.add_occupancy(&nowhere, by()),
        Err(StoreError::Refused(_))
    ));
}

#[test]
fn tokens_are_found_by_hash_and_never_shown() {
    let (_scratch, store) = store(1);
    let token = Token {
        name: "portal".to_owned(),
        scope: "portal".to_owned(),
        hash: [0xAB; 32],
        created: at(1_700_000_000),
    };
    store.add_token(&token).unwrap();
    let taken = store.add_token(&Token {
        hash: [1; 32],
        ..token.clone()
    });
    assert!(matches!(taken, Err(StoreError::Refused(why)) if why.contains("portal")));
    assert_eq!(store.token_by_hash(&[0xAB; 32]).unwrap(), Some(token.clone()));
    assert_eq!(store.token_by_hash(&[0; 32]).unwrap(), None);
    assert_eq!(store.tokens().unwrap(), std::slice::from_ref(&token));
    assert!(!format!("{token:?}").contains("171"));
    assert!(store.remove_token("portal").unwrap());
    assert!(!store.remove_token("portal").unwrap());
}

fn by() -> By<'static> {
    By {
        who: "portal",
        at: jiff::Timestamp::UNIX_EPOCH,
    }
}

/// Who lives where is nobody's secret: it is noted also where the keys can't be opened.
#[test]
fn a_household_moves_in_where_the_master_key_is_not_at_hand() {
    let scratch = Scratch::new();
    let path = scratch.path();
    let master = crate::store::master_path(&path);
    std::fs::write(&master, "5".repeat(64)).unwrap();
    std::fs::set_permissions(&master, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let store = SqliteStore::create(&path).unwrap();
    building(&store, 2);
    drop(store);
    std::fs::remove_file(&master).unwrap();
    let store = SqliteStore::open(&path).unwrap();
    assert!(matches!(store.registry(), Err(StoreError::Sealed { .. })));
    let moved = store.add_occupancy(
        &NewOccupancy {
            dwelling: DwellingId(1),
            role: Role::Tenant,
            from: date(2024, 3, 1),
            keeps_hourly: false,
        },
        by(),
    );
    assert_eq!(moved.unwrap().from, date(2024, 3, 1));
}
