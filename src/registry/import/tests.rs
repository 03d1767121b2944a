//! Lists, imported into a registry, exported and imported again.

use proptest::prelude::*;

use super::{Format, Plan, Tally, plan};
use crate::registry::export::export;
use crate::registry::serial::AddressOfSerial;
use crate::registry::{Change, Registry};

const KEY: &str = "000102030405060708090A0B0C0D0E0F";

/// What a store would do with the changes.
fn applied(mut registry: Registry, plan: &Plan) -> Registry {
    fn put<T: Clone>(rows: &mut Vec<T>, row: &T, same: impl Fn(&T) -> bool) {
        match rows.iter_mut().find(|known| same(known)) {
            Some(known) => *known = row.clone(),
            None => rows.push(row.clone()),
        }
    }
    for change in &plan.changes {
        match change {
            Change::Site(row) => put(&mut registry.sites, row, |known| known.id == row.id),
            Change::Dwelling(row) => put(&mut registry.dwellings, row, |known| known.id == row.id),
            Change::Point(row) => put(&mut registry.points, row, |known| known.id == row.id),
            Change::Meter(row) => put(&mut registry.meters, row, |known| known.id == row.id),
            Change::Installation(row) => put(&mut registry.installations, row, |known| known.id == row.id),
            Change::Factor(row) => put(&mut registry.factors, row, |known| {
                (known.installation, known.from) == (row.installation, row.from)
            }),
            Change::Occupancy(row) => put(&mut registry.occupancies, row, |known| known.id == row.id),
            Change::Key(row) => registry.keys.push(row.clone()),
        }
    }
    registry.version += 1;
    registry
}

fn import(registry: Registry, list: &str) -> (Registry, Plan) {
    let plan = plan(&registry, "list.csv", list.as_bytes(), Format::Csv, None);
    assert_eq!(plan.faults, [], "{list}");
    (applied(registry, &plan), plan)
}

fn faults(registry: &Registry, list: &str) -> Vec<String> {
    plan(registry, "list.csv", list.as_bytes(), Format::Csv, None)
        .faults
        .iter()
        .map(ToString::to_string)
        .collect()
}

fn added(count: u64) -> Tally {
    Tally {
        added: count,
        ..Tally::default()
    }
}

const BUILDING: &str = "\u{feff}site;site_name;address;lot;client_ref;surface_m2;room;manufacturer;id;version;type;printed_serial;key;rating_factor;from;start_index
AB123;Les Tilleuls;\"12, rue de l'Église\";A-007;LOC-1;54,32;Cuisine;KAM;12345678;1B;06;;000102030405060708090A0B0C0D0E0F;;01/05/2024;12,345
ab-123;;;A-007;;;Salon;QDS;11;18;08;;;1,250;2024-05-01;0
AB123;;;A-007;;;Salon;QDS;12;18;08;;;0,75;2024-05-01;0
AB123;;;B-001;;;;;;;;;;;;
;;;;;;;LSE;99;;;X-99;;;;
";

#[test]
fn a_building_is_imported_from_a_spreadsheet() {
    let (registry, plan) = import(Registry::default(), BUILDING);
    assert_eq!(plan.rows, 5);
    let report = plan.report;
    assert_eq!((report.sites, report.dwellings), (added(1), added(2)));
    assert_eq!(
        (report.points, report.meters, report.installations),
        (added(3), added(4), added(3))
    );
    assert_eq!((report.factors, report.keys), (added(2), added(1)));
    assert_eq!(registry.sites[0].address, "12, rue de l'Église");
    assert_eq!(registry.dwellings[0].surface, Some(5432));
    // Two radiators of one room are two points.
    let rooms: Vec<_> = registry
        .points
        .iter()
        .map(|point| (point.kind.name(), point.room.as_str(), point.number))
        .collect();
    assert_eq!(
        rooms,
        [
            ("hot_water", "Cuisine", 1),
            ("heating", "Salon", 1),
            ("heating", "Salon", 2)
        ]
    );
    let first = &registry.installations[0];
    assert_eq!(first.from.unwrap().to_string(), "2024-04-30T22:00:00Z");
    assert_eq!(first.start_index.unwrap().to_string(), "12.345");
    assert_eq!(registry.factors[0].value.to_string(), "1.250");
    assert_eq!(registry.meters[3].printed_serial.as_deref(), Some("X-99"));
    assert!(!format!("{plan:?}").to_uppercase().contains(&KEY[..12]));
}

#[test]
fn the_same_list_again_changes_nothing() {
    let (registry, _) = import(Registry::default(), BUILDING);
    let (_, again) = import(registry, BUILDING);
    assert!(again.changes.is_empty(), "{:?}", again.changes);
    assert_eq!(
        again.report.meters,
        Tally {
            unchanged: 4,
            ..Tally::default()
        }
    );
    assert_eq!(again.report.factors.unchanged, 2);
    assert_eq!(again.report.keys.unchanged, 1);
}

#[test]
fn the_order_of_lines_does_not_matter() {
    let lines: Vec<&str> = "AB123,1,Cuisine,hot_water,KAM,1,,2024-05-01
AB123,1,Cuisine,hot_water,KAM,2,2024-05-01,
AB123,2,Cuisine,hot_water,KAM,1,2024-06-01,"
        .lines()
        .collect();
    let heading = "site,lot,room,kind,manufacturer,id,from,to";
    for order in [[0, 1, 2], [2, 1, 0], [1, 2, 0]] {
        let list = order.iter().fold(heading.to_owned(), |list, line| {
            format!("{list}\n{}", lines[*line])
        });
        let (registry, _) = import(Registry::default(), &list);
        assert_eq!(registry.points.len(), 2, "a replaced meter served the same point");
        assert_eq!(registry.installations.len(), 3);
    }
}

#[test]
fn what_changed_is_told_from_what_is_new() {
    let heading =
        "site,lot,room,kind,manufacturer,id,version,type,rating_factor,from,to,end_index,printed_serial\n";
    let (registry, _) = import(
        Registry::default(),
        &format!("{heading}AB123,1,Salon,heating,QDS,11,,,1.2,2024-05-01,,,\n"),
    );
    // The version is learnt, the factor was wrong, the meter has been taken off and another hangs there.
    let news = format!(
        "{heading}AB123,1,Salon,heating,QDS,11,18,08,1.25,2024-05-01,2024-09-01,\"1234,5\",Q-11\n\
         AB123,1,Salon,heating,QDS,12,18,08,1.25,2024-09-01,,,\n"
    );
    let (registry, plan) = import(registry, &news);
    let report = plan.report;
    let expected = Tally {
        added: 1,
        changed: 1,
        unchanged: 0,
    };
    assert_eq!(
        (report.meters, report.installations, report.factors),
        (expected, expected, expected)
    );
    assert_eq!((report.points.added, report.points.changed), (0, 0));
    assert_eq!(registry.meters[0].address.to_string(), "QDS 00000011 18 08");
    assert_eq!(registry.installations[0].end_index.unwrap().to_string(), "1234.5");
    // A factor that holds from a later day on stands beside the first one.
    let later = "site,lot,room,kind,manufacturer,id,rating_factor,factor_from,from\n\
                 AB123,1,Salon,heating,QDS,12,1.5,2025-01-01,2024-09-01\n";
    let (registry, plan) = import(registry, later);
    assert_eq!(plan.report.factors, added(1));
    assert_eq!(registry.factors.len(), 3);
    let (_, plan) = import(registry, &later.replace("1.5", "1.500"));
    assert!(plan.changes.is_empty());
}

#[test]
fn a_list_of_meters_alone_is_enough() {
    let list = format!("manufacturer,id,version,type,key\nKAM,00000021,1B,06,{KEY}\nQDS,00000022,18,08,\n");
    let (registry, plan) = import(Registry::default(), &list);
    assert_eq!((plan.report.meters, plan.report.keys), (added(2), added(1)));
    assert!(registry.installations.is_empty());
    let other = list.replace("0A0B", "0A0C");
    let (registry, plan) = import(registry, &other);
    assert_eq!(plan.report.keys, added(1), "a second key stands behind the first");
    assert_eq!(registry.keys.len(), 2);
}

#[test]
fn a_printed_serial_may_name_the_meter() {
    let computed: AddressOfSerial = |serial| {
        (serial == "K20TB000123")
            .then(|| wmbus::Address::from_link_octets([0x30, 0x4C, 0x7B, 0x2D, 0x31, 0x01, 0x54, 0x2C]))
    };
    let list = "printed_serial,manufacturer\nk20 tb 000123,\n9ABC1240123456,\n9ABC1240123457,ABC\n";
    let plan = plan(
        &Registry::default(),
        "list.csv",
        list.as_bytes(),
        Format::Csv,
        Some(computed),
    );
    assert_eq!(plan.faults, []);
    let meters: Vec<_> = applied(Registry::default(), &plan)
        .meters
        .iter()
        .map(|meter| meter.address.to_string())
        .collect();
    assert_eq!(
        meters,
        ["SAP 01312D7B * *", "ABC 40123456 * *", "ABC 40123457 * *"]
    );
}

#[test]
fn every_fault_says_where_what_and_what_instead() {
    let known = "site,lot,room,kind,manufacturer,id,type\nAB123,1,Salon,heating,QDS,11,08\n";
    let (registry, _) = import(Registry::default(), known);
    let table: [(&str, &str); 24] = [
        (
            "site,lot\nAB12,1",
            "list.csv:2: site: \"AB12\": a site code is two letters and three digits, such as AB123",
        ),
        (
            "lot\n1",
            "list.csv:2: site: is missing: write the site's code, such as AB123",
        ),
        (
            "site,room,kind\nAB123,Salon,heating",
            "list.csv:2: lot: is missing: write the dwelling's lot number",
        ),
        (
            "site,time_zone\nAB123,Paris",
            "list.csv:2: time_zone: \"Paris\": is no time zone known here: write an IANA name such as Europe/Paris",
        ),
        (
            "site,lot,surface_m2\nAB123,1,big",
            "list.csv:2: surface_m2: \"big\": write a decimal number, such as 1,25 or 1.25",
        ),
        (
            "manufacturer,id\nKAMS,1",
            "list.csv:2: manufacturer: \"KAMS\": a manufacturer is three letters, such as KAM",
        ),
        (
            "manufacturer,id\nKAM,123456789",
            "list.csv:2: id: \"123456789\": write the number of the radio address: up to eight digits",
        ),
        (
            "manufacturer,id\nKAM,",
            "list.csv:2: id: is missing: write the number of the radio address (up to eight digits)",
        ),
        (
            "manufacturer,id\n,12",
            "list.csv:2: manufacturer: is missing: write the maker's three letters",
        ),
        (
            "manufacturer,id,version\nKAM,1,1BB",
            "list.csv:2: version: \"1BB\": write two hexadecimal digits, such as 1B",
        ),
        (
            "manufacturer,id,type\nKAM,1,tepid",
            "list.csv:2: type: \"tepid\": write two hexadecimal digits or a name, such as 06 or warm_water",
        ),
        (
            "manufacturer,id,key\nKAM,1,00112233",
            "list.csv:2: key: a key has 32 hexadecimal digits (16 for the old DES modes), this one has 8",
        ),
        (
            "site,lot,manufacturer,id\nAB123,1,KAM,1",
            "list.csv:2: kind: is missing: its type leaves open what is counted: write hot_water, cold_water, heating or another kind",
        ),
        (
            "manufacturer,id,from\nKAM,1,2024-05-01",
            "list.csv:2: lot: is missing: these cells speak of a meter in a dwelling, so write which",
        ),
        (
            "site,lot,from\nAB123,1,2024-05-01",
            "list.csv:2: id: is missing: these cells speak of a meter, so write which",
        ),
        (
            "site,lot,type,manufacturer,id,from\nAB123,1,06,KAM,1,32/05/2024",
            "list.csv:2: from: \"32/05/2024\": write a day (2024-05-01 or 01/05/2024) or an instant (2024-05-01T10:00:00Z)",
        ),
        (
            "site,lot,type,manufacturer,id,from,to\nAB123,1,06,KAM,1,2024-05-01,2024-05-01",
            "list.csv:2: to: is not after from",
        ),
        (
            "site,lot,type,manufacturer,id,rating_factor\nAB123,1,08,KAM,1,0",
            "list.csv:2: rating_factor: \"0\": a rating factor is larger than 0",
        ),
        (
            "site,lot,type,manufacturer,id,start_index\nAB123,1,08,KAM,1,-1",
            "list.csv:2: start_index: \"-1\": a display shows no number below 0",
        ),
        (
            "client_ref\nx",
            "list.csv:2: lot: is missing: write the dwelling's lot number",
        ),
        (
            "site,site_name\nAB124,a\nAB124,b",
            "list.csv:3: site_name: line 2 says something else: write the same in both",
        ),
        (
            "site,lot,room,kind,manufacturer,id,type\nAB123,1,Salon,heating,QDS,12,08",
            "list.csv:2: id: this point is served by QDS 00000011 * 08 at the same time: give that one's line a to, or this one a point_number of its own",
        ),
        (
            "site,lot,room,kind,manufacturer,id,type\nAB123,2,Salon,heating,QDS,11,08",
            "list.csv:2: id: the meter hangs in AB123 lot 1, heating \"Salon\" at the same time: give that line a to, or correct this one's from",
        ),
        (
            "site,lot,room,kind,manufacturer,id,factor_from,rating_factor\nAB123,1,Salon,heating,QDS,11,,1.1\nAB123,1,Salon,heating,QDS,11,,1.2",
            "list.csv:3: rating_factor: another line of this list says 1.1 for the same time: remove one",
        ),
    ];
    for (list, fault) in table {
        assert_eq!(faults(&registry, list), [fault], "{list}");
    }
}

#[test]
fn a_key_in_the_wrong_place_is_not_repeated() {
    for column in super::Column::ALL.iter().map(|column| column.name()) {
        for key in [
            KEY,
            "00 01 02 03 04 05 06 07 08 09 0A 0B 0C 0D 0E 0F",
            "0001020304050607",
        ] {
            let list = format!(
                "{column},{}\n{key},x\n",
                if column == "lot" { "id" } else { "lot" }
            );
            let plan = plan(
                &Registry::default(),
                "list.csv",
                list.as_bytes(),
                Format::Csv,
                None,
            );
            let shown = plan.faults.iter().map(ToString::to_string).collect::<String>();
            assert!(
                !shown.contains("0001") && !shown.contains("00 01"),
                "{column}: {shown}"
            );
        }
    }
}

#[test]
fn files_that_are_no_text_say_how_to_save_them() {
    let refused = |octets: &[u8]| {
        let plan = plan(&Registry::default(), "list.csv", octets, Format::Csv, None);
        plan.faults[0].to_string()
    };
    assert_eq!(
        refused(b"site,lot\nAB123,\xE9tage\n"),
        "list.csv:2: is not UTF-8 from here on: save it as \"CSV UTF-8\""
    );
    assert!(refused(b"\xFF\xFEs\0").contains("UTF-16"));
}

#[test]
fn good_rows_stand_beside_bad_ones() {
    let list = "manufacturer,id\nKAM,1\nKA,2\nKAM,3\n";
    let plan = plan(
        &Registry::default(),
        "list.csv",
        list.as_bytes(),
        Format::Csv,
        None,
    );
    assert_eq!(plan.faults.len(), 1);
    assert_eq!(plan.report.meters, added(2));
    assert_eq!(plan.changes.len(), 2);
}

#[test]
fn the_operators_real_list_of_meters_is_read() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/corpus/real-meters.csv");
    let Ok(octets) = std::fs::read(path) else {
        println!("skipped: there is no shared corpus beside this checkout");
        return;
    };
    let plan = plan(
        &Registry::default(),
        "real-meters.csv",
        &octets,
        Format::Csv,
        None,
    );
    assert_eq!(plan.faults, []);
    assert_eq!(plan.report.meters.added, plan.rows);
    assert!(plan.report.keys.added > 10);
    let registry = applied(Registry::default(), &plan);
    let again = super::plan(&registry, "real-meters.csv", &octets, Format::Csv, None);
    assert!(again.changes.is_empty());
}

#[test]
fn keys_leave_only_when_asked_for() {
    let (registry, _) = import(Registry::default(), BUILDING);
    for format in [Format::Csv, Format::Toml, Format::Json] {
        assert!(!export(&registry, format, false).contains(KEY));
        assert!(!export(&registry, format, false).contains("key"));
        assert!(export(&registry, format, true).contains(KEY));
    }
}

/// A registry made of lists: anything that the import takes.
fn list() -> impl Strategy<Value = String> {
    let row = (
        0_u8..3,
        0_u8..3,
        0_usize..4,
        0_u8..6,
        0_usize..4,
        any::<bool>(),
        1_u16..3000,
    );
    prop::collection::vec(row, 1..12).prop_map(|rows| {
        let mut list = "site,site_name,lot,surface_m2,room,kind,manufacturer,id,printed_serial,rating_factor,from,key,occupant,move_in,keeps_hourly\n".to_owned();
        for (site, lot, room, meter, from, keyed, factor) in rows {
            let room = ["Salon", "Chambre \"bleue\"", "Pièce, au fond", ""][room];
            let from = ["", "2024-05-01", "2024-10-27T00:30:00Z", "2023-01-01"][from];
            let key = if keyed { KEY } else { "" };
            let household = if keyed {
                format!("{},202{lot}-0{}-11,yes", ["tenant", "owner_occupier"][usize::from(site) % 2], meter + 1)
            } else {
                ",,".to_owned()
            };
            let room = room.replace('"', "\"\"");
            list.push_str(&format!(
                "AB{site:03},Nom {site},{lot},{lot}7.5,\"{room}\",heating,QDS,{meter},S\\{meter},{factor}.50,{from},{key},{household}\n"
            ));
        }
        list
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_exported_is_imported_as_it_was(list in list(), format in 0_usize..3) {
        let format = [Format::Csv, Format::Toml, Format::Json][format];
        // Rows that contradict one another are left out; the rest is a registry like any other.
        let first = plan(&Registry::default(), "list.csv", list.as_bytes(), Format::Csv, None);
        let registry = applied(Registry::default(), &first);
        let exported = export(&registry, format, true);
        let back = plan(&registry, "list", exported.as_bytes(), format, None);
        prop_assert_eq!(&back.faults, &[]);
        prop_assert!(back.changes.is_empty(), "{:?}", back.changes);
        let elsewhere = plan(&Registry::default(), "list", exported.as_bytes(), format, None);
        prop_assert_eq!(&elsewhere.faults, &[]);
        let copy = applied(Registry::default(), &elsewhere);
        let lines = |registry: &Registry| {
            let text = export(registry, Format::Csv, true);
            text.lines().map(str::to_owned).collect::<std::collections::BTreeSet<_>>()
        };
        prop_assert_eq!(lines(&copy), lines(&registry));
    }

    #[test]
    fn no_list_ends_the_process(octets in prop::collection::vec(any::<u8>(), 0..300), format in 0_usize..3) {
        let format = [Format::Csv, Format::Toml, Format::Json][format];
        let _ = plan(&Registry::default(), "list", &octets, format, None);
    }

    #[test]
    fn no_cell_ends_the_process(cells in prop::collection::vec("[\\PC\n\"]{0,12}", 22)) {
        let names: Vec<_> = super::Column::ALL.iter().map(|column| column.name()).collect();
        let cells: Vec<_> = cells.iter().map(|cell| format!("\"{}\"", cell.replace('"', "\"\""))).collect();
        let list = format!("{}\n{}\n", names.join(","), cells.join(","));
        let _ = plan(&Registry::default(), "list", list.as_bytes(), Format::Csv, None);
    }
}

#[test]
fn a_name_that_looks_like_a_formula_is_text_in_tables_and_comes_back_as_it_was() {
    let evil = "=HYPERLINK(\"https://example.org\",\"Cuisine\")";
    let list = format!(
        "site,site_name,lot,room,manufacturer,id,version,type\nAB123,@Tilleuls,-7,\"{}\",KAM,12345678,1B,06\n",
        evil.replace('"', "\"\"")
    );
    let (registry, _) = import(Registry::default(), &list);
    assert_eq!(registry.points[0].room, evil);
    let table = export(&registry, Format::Csv, false);
    assert!(table.contains("\"'=HYPERLINK(\"\"https"), "{}", *table);
    assert!(table.contains(",'@Tilleuls,"), "{}", *table);
    let (again, plan) = import(registry.clone(), &table);
    assert!(plan.changes.is_empty());
    assert_eq!(again.points, registry.points);
    // Whatever form it goes through, it is the same.
    for format in [Format::Csv, Format::Toml, Format::Json] {
        let text = export(&registry, format, false);
        let plan = super::plan(&Registry::default(), "list", text.as_bytes(), format, None);
        assert_eq!(plan.faults, []);
        assert_eq!(applied(Registry::default(), &plan).points[0].room, evil);
    }
}
