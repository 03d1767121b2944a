//! Keys: proven, wrong, missing; swapped ones found again; recordings refused; lists and KEM files imported.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde_json::Value;
use wmbus::{Address, Key, Plan, dll, tpl};

use crate::harness::{Folder, import, json, replay, run, simulate};

const WRONG: &str = "0123456789ABCDEF0123456789ABCDEF";

fn check(db: &Path, more: &[&str]) -> (bool, Value) {
    let arguments = [&["keys", "check", "--json", "--db", db.to_str().unwrap()], more].concat();
    let output = run(&arguments);
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(!said.contains(WRONG) && !said.contains(&WRONG.to_lowercase()));
    (
        output.status.success(),
        serde_json::from_str(&said).unwrap_or_else(|error| panic!("{error}: {said}")),
    )
}

/// Verdicts by number of the meter.
fn verdicts(said: &Value) -> BTreeMap<String, Value> {
    let meters = said["meters"].as_array().unwrap();
    let number = |meter: &Value| {
        meter["meter"]
            .as_str()
            .unwrap()
            .split(' ')
            .nth(1)
            .unwrap()
            .to_owned()
    };
    meters
        .iter()
        .map(|meter| (number(meter), meter.clone()))
        .collect()
}

/// A list by rows: the number of the meter, its key, and the whole line.
fn rows(registry: &Path) -> Vec<(String, String, String)> {
    let text = fs::read_to_string(registry).unwrap();
    let columns: Vec<_> = text.lines().next().unwrap().split(',').collect();
    let back = |name: &str| columns.len() - columns.iter().position(|column| *column == name).unwrap();
    let (id, key) = (back("id"), back("key"));
    text.lines()
        .skip(1)
        .map(|line| {
            // The address holds a comma inside quotes, so count from the end.
            let cells: Vec<_> = line.split(',').collect();
            let cell = |back: usize| cells[cells.len() - back].to_owned();
            (cell(id), cell(key), line.to_owned())
        })
        .collect()
}

#[test]
fn each_meter_gets_its_verdict_and_what_fits_is_adopted() {
    let folder = Folder::new();
    let [capture, registry, _] = simulate(&folder, &["--days", "3", "--lost-per-mille", "0"]);
    let list = rows(&registry);
    let sealed: Vec<_> = list.iter().filter(|(_, key, _)| !key.is_empty()).collect();
    let [wrong, missing, first, second, ..] = sealed[..] else {
        panic!("too few keys")
    };
    let text = fs::read_to_string(&registry).unwrap();
    let changed = text
        .replace(&wrong.1, WRONG)
        .replace(&missing.1, "")
        .replace(&first.1, "SWAPPED")
        .replace(&second.1, &first.1)
        .replace("SWAPPED", &second.1);
    let db = import(&folder, &folder.write("changed.csv", &changed));
    replay(&db, &capture);

    let (good, said) = check(&db, &[]);
    assert!(!good, "wrong and missing keys are an exit status of 1");
    let found = verdicts(&said);
    for (number, key, _) in &list {
        let expected = match number {
            number if [&wrong.0, &first.0, &second.0].contains(&number) => "wrong",
            number if *number == missing.0 => "missing",
            _ if key.is_empty() => "not_needed",
            _ => "proven",
        };
        assert_eq!(found[number]["verdict"], expected, "{}", found[number]);
    }
    // Each of the swapped ones fits the other meter; nobody has the other two.
    assert_eq!(found[&first.0]["fit"]["from"], "site");
    assert_eq!(
        found[&first.0]["fit"]["fingerprint"],
        found[&second.0]["keys"][0]["fingerprint"]
    );
    assert!(found[&wrong.0]["fit"].is_null() && found[&missing.0]["fit"].is_null());

    // Given the other two, all are found, and what was kept is read.
    let file = folder.write(
        "candidates.txt",
        &format!("# from the binder\n{} | {}\n", wrong.1, missing.1),
    );
    let (good, said) = check(&db, &["--try", file.to_str().unwrap(), "--adopt", "--trouble"]);
    assert!(good, "{said}");
    assert_eq!(said["adopted"], 4);
    assert_eq!(verdicts(&said).len(), 4);
    // What is adopted is proven at once: for every meter that needs a key, one is.
    let proven = || -> usize {
        let connection = rusqlite::Connection::open(&db).unwrap();
        let count: i64 = connection
            .query_row(
                "SELECT count(*) FROM meter_key WHERE proven_at IS NOT NULL AND proven_by > 0",
                [],
                |row| row.get(0),
            )
            .unwrap();
        usize::try_from(count).unwrap()
    };
    assert_eq!(proven(), sealed.len());
    let read = json(&["redecode", "--json", "--db", db.to_str().unwrap()]);
    assert!(read["readings"].as_u64().unwrap() > 10, "{read}");
    let (good, said) = check(&db, &[]);
    assert!(good, "{said}");
    assert_eq!(verdicts(&said)[&wrong.0]["verdict"], "proven");
    assert_eq!(proven(), sealed.len());
}

#[test]
fn a_candidate_that_is_no_key_is_named_by_its_line_and_not_repeated() {
    let folder = Folder::new();
    let db = import(&folder, &folder.write("r.csv", "manufacturer,id\nQDS,1\n"));
    let file = folder.write("c.txt", "\n00112233445566778899AABBCCDDEE\n");
    let output = run(&[
        "keys",
        "check",
        "--db",
        db.to_str().unwrap(),
        "--try",
        file.to_str().unwrap(),
    ]);
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8(output.stderr).unwrap();
    // Eight of its digits: fewer may lie in the folder's name.
    assert!(
        said.contains("c.txt:2: ") && !said.contains("00112233") && !said.contains("AABBCCDD"),
        "{said}"
    );
}

#[test]
fn a_recording_is_refused_until_the_operator_wants_it() {
    let folder = Folder::new();
    let [capture, registry, _] = simulate(&folder, &["--days", "2", "--lost-per-mille", "0"]);
    let db = import(&folder, &registry);
    let summary = replay(&db, &capture);
    assert!(summary["outcomes"]["replayed"].is_null(), "{summary}");
    let (_, said) = check(&db, &[]);
    let text = fs::read_to_string(&capture).unwrap();
    // One whose MAC counts, and that sends under its own number.
    let (number, first) = verdicts(&said)
        .into_iter()
        .filter(|(_, meter)| meter["keys"][0]["authenticated"].as_u64().unwrap_or(0) > 3)
        .find_map(|(number, _)| {
            let sent: String = (0..4).rev().map(|at| &number[2 * at..2 * at + 2]).collect();
            let line = text.lines().find(|line| {
                let hex = line.split(' ').nth(4);
                hex.is_some_and(|hex| hex.get(8..16) == Some(sent.as_str()))
            })?;
            Some((number, line))
        })
        .expect("a meter with a MAC");

    // Played back a week later, twice.
    let (_, rest) = first.split_once(' ').unwrap();
    let recording = folder.write(
        "recording.txt",
        &format!("2025-10-10T08:00:00Z {rest}\n2025-10-11T08:00:00Z {rest}\n"),
    );
    let readings = |db: &Path| -> i64 {
        let connection = rusqlite::Connection::open(db).unwrap();
        connection
            .query_row("SELECT count(*) FROM reading", [], |row| row.get(0))
            .unwrap()
    };
    let before = readings(&db);
    let summary = replay(&db, &recording);
    assert_eq!(summary["outcomes"]["replayed"], 2, "{summary}");
    assert_eq!(readings(&db), before);
    // An older capture is none: the same telegrams once more change nothing.
    let again = replay(&db, &capture);
    assert!(again["outcomes"]["replayed"].is_null(), "{again}");

    let redecode =
        |more: &[&str]| json(&[&["redecode", "--json", "--db", db.to_str().unwrap()], more].concat());
    assert_eq!(redecode(&[])["readings"], 0);
    assert_eq!(readings(&db), before);
    // Without a meter nobody knows what he accepts.
    let output = run(&["redecode", "--db", db.to_str().unwrap(), "--outcome", "replayed"]);
    assert_eq!(output.status.code(), Some(2));
    let accepted = redecode(&["--outcome", "replayed", "--meter", &number]);
    assert!(accepted["readings"].as_u64().unwrap() > 0, "{accepted}");
    assert!(readings(&db) > before);
}

#[test]
fn keys_are_imported_for_meters_that_are_registered() {
    let folder = Folder::new();
    let registry = folder.write(
        "r.csv",
        "manufacturer,id,printed_serial\nKAM,76543210,\nQDS,00000002,C19UA145842\n",
    );
    let db = import(&folder, &registry);
    let key = "11223344556677889900AABBCCDDEEFF";
    let list = folder.write(
        "keys.csv",
        &format!(
            "printed_serial;manufacturer;id;key\nC19 UA 145842;;;{key}\n;KAM;76543210;{key}\n;KAM;99;{key}\n;KAM;76543210;12\n;KAM;76543210;\n"
        ),
    );
    let import_keys = |more: &[&str]| {
        let output = run(&[
            &[
                "keys",
                "import",
                "--db",
                db.to_str().unwrap(),
                "--json",
                list.to_str().unwrap(),
            ],
            more,
        ]
        .concat());
        let said = String::from_utf8(output.stdout).unwrap();
        for text in [&said, &String::from_utf8(output.stderr).unwrap()] {
            assert!(!text.contains(&key[..8]), "{text}");
        }
        assert_eq!(output.status.code(), Some(1));
        serde_json::from_str::<Value>(&said).unwrap()
    };
    let refused = import_keys(&[]);
    assert_eq!(refused["files"][0]["applied"], false);
    let lines: Vec<_> = refused["files"][0]["faults"]
        .as_array()
        .unwrap()
        .iter()
        .map(|fault| {
            (
                fault["line"].as_u64().unwrap(),
                fault["column"].as_str().unwrap().to_owned(),
            )
        })
        .collect();
    assert_eq!(
        lines,
        [(4, "id".to_owned()), (5, "key".to_owned()), (6, "key".to_owned())]
    );
    // Rehearsed: who would get which key, and nothing is written.
    let rehearsed = import_keys(&["--keep-going", "--dry-run"]);
    assert_eq!(rehearsed["files"][0]["applied"], false);
    let meters: Vec<_> = rehearsed["files"][0]["new"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["meter"].as_str().unwrap())
        .collect();
    assert_eq!(meters.len(), 2);
    assert!(
        meters.iter().any(|meter| meter.starts_with("KAM 76543210")),
        "{meters:?}"
    );
    let output = run(&[
        "keys",
        "import",
        "--dry-run",
        "--keep-going",
        "--db",
        db.to_str().unwrap(),
        list.to_str().unwrap(),
    ]);
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.contains("+ KAM 76543210"), "{said}");
    let taken = import_keys(&["--keep-going"]);
    assert_eq!(taken["files"][0]["new"], rehearsed["files"][0]["new"]);
    assert_eq!(taken["files"][0]["keys"]["added"], 2, "{taken}");
    assert_eq!(import_keys(&["--keep-going"])["files"][0]["keys"]["known"], 2);

    // A maker's file: its password comes from a file, too.
    let kem = folder.write(
        "order.kem",
        "<MetersInOrder>\n<Meter><SerialNo>76543210</SerialNo><DEK>FFEEDDCCBBAA00998877665544332211</DEK></Meter>\n<Meter><SerialNo>5</SerialNo><DEK>FFEEDDCCBBAA00998877665544332211</DEK></Meter>\n</MetersInOrder>",
    );
    let output = run(&[
        "keys",
        "import",
        "--db",
        db.to_str().unwrap(),
        "--keep-going",
        kem.to_str().unwrap(),
    ]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("order.kem:3: id: KAM 00000005"), "{said}");
    assert!(String::from_utf8(output.stdout).unwrap().contains("1 new keys"));
}

/// A stripped telegram of the meter `XYZ` 00123456 in mode 5: its index, sealed with a key.
fn sealed(key: &str, access_number: u8, litres: u32) -> String {
    let [low, high] = "XYZ".parse::<wmbus::Manufacturer>().unwrap().0.to_le_bytes();
    let sender = Address::from_link_octets([low, high, 0x56, 0x34, 0x12, 0x00, 0x01, 0x07]);
    let link = dll::Header {
        control: dll::Control::SND_NR,
        sender,
    };
    let transport = tpl::Header {
        ci: 0x7A,
        address: None,
        fields: Some(tpl::Fields {
            access_number,
            status: 0,
            configuration: tpl::Configuration(0x0500),
            extension: tpl::Extension::default(),
        }),
    };
    let mut payload = vec![0x04, 0x13];
    payload.extend(litres.to_le_bytes());
    let plan = Plan {
        key: Some(key.parse::<Key>().unwrap()),
        ..Plan::new(link, transport, payload)
    };
    let octets = plan.encode().unwrap();
    octets.iter().map(|octet| format!("{octet:02X}")).collect()
}

/// One wrong key in 65 536 fits a telegram: what it opens is no data until a second one says so.
#[test]
fn a_key_that_fits_by_chance_gives_no_reading_and_one_that_is_right_loses_none() {
    const RIGHT: &str = "11223344556677889900AABBCCDDEEFF";
    let folder = Folder::new();
    let registry = folder.write("r.csv", &format!("manufacturer,id,key\nXYZ,00123456,{WRONG}\n"));
    // In `by`, which of the two keys sealed each telegram.
    let heard = |by: &[&str]| {
        let db = import(&folder, &registry);
        let lines: Vec<_> = by
            .iter()
            .zip(0_u8..)
            .map(|(key, minute)| {
                format!(
                    "2026-01-15T10:{minute:02}:00Z -60 T checked {} @attic",
                    sealed(key, minute, u32::from(minute))
                )
            })
            .collect();
        let capture = folder.write("capture.txt", &lines.join("\n"));
        let summary = replay(&db, &capture);
        let again = replay(&db, &capture);
        assert_eq!(
            again["stored"]["recovered"], 0,
            "the second time nothing is new: {again}"
        );
        let connection = rusqlite::Connection::open(&db).unwrap();
        let count = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap();
        let answer = (
            summary["outcomes"]["wrong_key"].as_u64().unwrap_or(0),
            count("SELECT count(*) FROM reading"),
            count("SELECT count(*) FROM meter_key WHERE proven_at IS NOT NULL"),
        );
        let kept = count("SELECT count(*) FROM telegram");
        assert_eq!(kept, i64::try_from(by.len()).unwrap(), "all are kept");
        drop(connection);
        fs::remove_file(&db).unwrap();
        answer
    };
    let chance = [
        [RIGHT; 4].as_slice(),
        &[WRONG],
        &[RIGHT; 8],
        &[WRONG],
        &[RIGHT; 2],
    ]
    .concat();
    assert_eq!(heard(&chance), (chance.len() as u64, 0, 0));
    // Right, but for a telegram that was spoilt on its way: the one that was held counts, too.
    assert_eq!(heard(&[RIGHT, WRONG, WRONG, WRONG]), (2, 3, 1));
    assert_eq!(heard(&[WRONG, RIGHT, WRONG, RIGHT, WRONG]), (2, 3, 1));
}

/// Headers say that it is sealed, and it comes as a plaintext: from a gateway that decrypts, by chance, or from somebody who
/// has no key.
#[test]
fn what_comes_decrypted_counts_unless_the_meter_has_a_proven_key() {
    const RIGHT: &str = "11223344556677889900AABBCCDDEEFF";
    let folder = Folder::new();
    let decrypted = |minute: u8, litres: u32| {
        let headers = &sealed(RIGHT, minute, litres)[..30];
        let litres: String = litres
            .to_le_bytes()
            .iter()
            .map(|octet| format!("{octet:02X}"))
            .collect();
        format!("{headers}2F2F0413{litres}{}", "2F".repeat(8))
    };
    let heard = |registry: &str, telegrams: &[String]| {
        let registry = folder.write("r.csv", registry);
        let db = import(&folder, &registry);
        let lines: Vec<_> = telegrams
            .iter()
            .zip(0_u8..)
            .map(|(telegram, minute)| {
                format!("2026-01-15T10:{minute:02}:00Z -60 T checked {telegram} @attic")
            })
            .collect();
        let summary = replay(&db, &folder.write("capture.txt", &lines.join("\n")));
        let connection = rusqlite::Connection::open(&db).unwrap();
        let readings = connection
            .query_row("SELECT count(*) FROM reading", [], |row| row.get::<_, i64>(0))
            .unwrap();
        drop(connection);
        fs::remove_file(&db).unwrap();
        let pile = |name: &str| summary["outcomes"][name].as_u64().unwrap_or(0);
        (pile("read"), pile("wrong_key"), pile("no_key"), readings)
    };
    let without = "manufacturer,id\nXYZ,00123456\n";
    let with = format!("manufacturer,id,key\nXYZ,00123456,{RIGHT}\n");
    let good = |minute: u8| sealed(RIGHT, minute, 100 + u32::from(minute));
    // From a gateway that decrypts them all.
    let all: Vec<_> = (0..3)
        .map(|minute| decrypted(minute, 100 + u32::from(minute)))
        .collect();
    assert_eq!(heard(without, &all), (3, 0, 0, 3));
    assert_eq!(heard(&with, &all), (3, 0, 0, 3));
    // One among those that nobody can open is chance.
    let one = [good(0), good(1), decrypted(2, 4711), good(3)];
    assert_eq!(heard(without, &one), (0, 1, 3, 0));
    // Beside a proven key it is chance or forged, however often.
    let forged = [
        good(0),
        good(1),
        decrypted(2, 4711),
        decrypted(3, 4712),
        decrypted(4, 4713),
    ];
    assert_eq!(heard(&with, &forged), (2, 3, 0, 2));
}

/// What the air did to a telegram is not blamed on a key that is proven, and a key that was changed is found out.
#[test]
fn a_radio_fault_is_no_wrong_key() {
    const RIGHT: &str = "11223344556677889900AABBCCDDEEFF";
    let folder = Folder::new();
    let registry = folder.write("r.csv", &format!("manufacturer,id,key\nXYZ,00123456,{RIGHT}\n"));
    let spoilt = |telegram: &str| {
        // The first octet of the sealed block, behind the configuration field.
        let (before, behind) = telegram.split_at(30);
        let octet = u8::from_str_radix(&behind[..2], 16).unwrap() ^ 0x10;
        format!("{before}{octet:02X}{}", &behind[2..])
    };
    let good = |minute: u8| sealed(RIGHT, minute, u32::from(minute));
    let lines = [
        good(0),
        good(1),
        spoilt(&good(2)),
        good(3),
        sealed(WRONG, 4, 4),
        sealed(WRONG, 5, 5),
        sealed(WRONG, 6, 6),
        sealed(WRONG, 7, 7),
    ];
    let replayed = |kind: &str| {
        let db = import(&folder, &registry);
        let lines = lines.iter().zip(0..);
        let lines: Vec<_> = lines
            .map(|(hex, minute)| format!("2026-01-15T10:{minute:02}:00Z -60 T {kind} {hex} @attic"))
            .collect();
        let capture = folder.write("capture.txt", &lines.join("\n"));
        let outcomes = replay(&db, &capture)["outcomes"].clone();
        assert_eq!(replay(&db, &capture)["stored"]["recovered"], 0);
        let again = json(&["redecode", "--json", "--db", db.to_str().unwrap()]);
        assert_eq!(again["changed"], Value::Array(Vec::new()), "{again}");
        fs::remove_file(&db).unwrap();
        outcomes
    };
    let unchecked = replayed("unchecked");
    assert_eq!(
        (&unchecked["read"], &unchecked["damaged"]),
        (&3.into(), &3.into()),
        "{unchecked}"
    );
    assert_eq!(unchecked["wrong_key"], 2, "{unchecked}");
    // What a receiver has checked came as it was sent.
    let checked = replayed("checked");
    assert_eq!(
        (&checked["read"], &checked["wrong_key"]),
        (&3.into(), &5.into()),
        "{checked}"
    );
}

/// Whether a file holds these octets anywhere.
fn holds(path: &Path, octets: &[u8]) -> bool {
    fs::read(path).is_ok_and(|file| file.windows(octets.len()).any(|part| part == octets))
}

/// After sealing no key lies in the store, telegrams are opened as before, and without the master key nothing is.
#[test]
fn sealed_keys_open_telegrams_and_lie_nowhere_in_the_store() {
    let folder = Folder::new();
    let [capture, registry, _] = simulate(
        &folder,
        &["--days", "2", "--lost-per-mille", "0", "--dwellings", "3"],
    );
    let db = import(&folder, &registry);
    let keys: Vec<Vec<u8>> = rows(&registry)
        .iter()
        .filter_map(|(_, key, _)| key.parse::<Key>().ok())
        .map(|key| key.reveal().to_vec())
        .collect();
    assert!(keys.len() > 3);
    assert!(holds(&db, &keys[0]) || holds(&folder.path("releve.db-wal"), &keys[0]));
    let master = folder.path("releve.db.master");
    let sealed = json(&["keys", "seal", "--json", "--db", db.to_str().unwrap()]);
    assert_eq!(sealed["sealed"], keys.len());
    assert_eq!(sealed["made"], true);
    let text = fs::read_to_string(&master).unwrap();
    assert!(!sealed.to_string().contains(text.trim()));
    for file in fs::read_dir(db.parent().unwrap()).unwrap() {
        let path = file.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if name.starts_with("releve.db") {
            for key in &keys {
                assert!(!holds(&path, key), "{name}");
            }
        }
    }
    let read = replay(&db, &capture);
    assert!(
        read["outcomes"]["read"]
            .as_u64()
            .or(read["read"].as_u64())
            .is_some_and(|read| read > 0),
        "{read}"
    );
    let (good, said) = check(&db, &[]);
    assert!(good, "{said}");
    // The same list again adds nothing.
    import(&folder, &registry);
    assert_eq!(
        json(&["keys", "seal", "--json", "--db", db.to_str().unwrap()])["sealed"],
        0
    );

    // Another master key, one that others can read, none at all.
    fs::rename(&master, folder.path("aside")).unwrap();
    let refused = run(&["keys", "check", "--db", db.to_str().unwrap()]);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(refused.status.code(), Some(2));
    assert!(
        said.contains("their master key is not at") && said.contains("releve.db.master"),
        "{said}"
    );
    fs::write(&master, "0".repeat(64)).unwrap();
    let refused = run(&["keys", "check", "--db", db.to_str().unwrap()]);
    assert!(String::from_utf8_lossy(&refused.stderr).contains("chmod 600"));
    let named = crate::harness::releve(&["keys", "check", "--db", db.to_str().unwrap()])
        .env("RELEVE_MASTER_KEY_FILE", folder.path("aside"))
        .output()
        .unwrap();
    assert!(
        named.status.success(),
        "{}",
        String::from_utf8_lossy(&named.stderr)
    );
}
