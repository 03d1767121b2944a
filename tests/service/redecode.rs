//! The archive read again: new keys and pages give what they would have given at once, and only what changes is written.

use std::fs;
use std::path::Path;

use serde_json::Value;
use wmbus::{Address, Plan, dll, tpl};

use crate::harness::{Folder, import, json, run, shared, simulate};

const WRONG: &str = "0123456789ABCDEF0123456789ABCDEF";

fn redecode(db: &Path, more: &[&str]) -> Value {
    json(&[&["redecode", "--json", "--db", db.to_str().unwrap()], more].concat())
}

fn replay(db: &Path, capture: &Path, more: &[&str]) -> Value {
    let arguments = [
        "replay",
        "--json",
        "--db",
        db.to_str().unwrap(),
        capture.to_str().unwrap(),
    ];
    json(&[&arguments, more].concat())
}

fn turns(report: &Value, before: &str, after: &str) -> u64 {
    let changed = report["changed"].as_array().unwrap();
    let turn = changed
        .iter()
        .find(|turn| turn["before"] == before && turn["after"] == after);
    turn.map_or(0, |turn| turn["telegrams"].as_u64().unwrap())
}

/// All that is stored, but for the order in which it came.
fn content(db: &Path) -> Vec<String> {
    let connection = rusqlite::Connection::open(db).unwrap();
    let queries = [
        "SELECT manufacturer, identification, quantity, unit, channel.exponent, aspect, kind, tariff, subunit, direction, at,
         source, value, resolution, flags, stamp
         FROM reading JOIN meter ON meter.id = meter JOIN channel ON channel.id = channel ORDER BY 1, 2, 3, 4, 5, 6, 7, 8, 9,
         10, 11, 12",
        "SELECT received_at, identification, digest, code, evidence FROM telegram JOIN meter ON meter.id = meter
         JOIN outcome ON outcome.id = outcome ORDER BY 1, 2, 3",
        "SELECT identification, last_heard, code, opened_at, device_time, status FROM meter_state
         JOIN meter ON meter.id = meter JOIN outcome ON outcome.id = outcome ORDER BY 1",
        "SELECT identification, name, value, at FROM meter_fact JOIN meter ON meter.id = meter ORDER BY 1, 2",
    ];
    let mut lines = Vec::new();
    for query in queries {
        let mut statement = connection.prepare(query).unwrap();
        let columns = statement.column_count();
        let mut rows = statement.query([]).unwrap();
        while let Some(row) = rows.next().unwrap() {
            let cells: Vec<_> = (0..columns)
                .map(|at| format!("{:?}", row.get_ref(at).unwrap()))
                .collect();
            lines.push(cells.join(" "));
        }
    }
    assert!(lines.len() > 1);
    lines
}

/// The registry with every second key wrong and the others missing.
fn without_keys(registry: &Path) -> String {
    let text = fs::read_to_string(registry).unwrap();
    let mut lines = text.lines();
    let heading = lines.next().unwrap();
    let columns: Vec<_> = heading.split(',').collect();
    // The address holds a comma inside quotes, so count from the end.
    let back = columns.len() - columns.iter().position(|column| *column == "key").unwrap();
    let mut sealed = 0;
    let mut changed = vec![heading.to_owned()];
    for line in lines {
        let mut cells: Vec<_> = line.split(',').map(str::to_owned).collect();
        let at = cells.len() - back;
        if !cells[at].is_empty() {
            sealed += 1;
            cells[at] = if sealed % 2 == 0 {
                String::new()
            } else {
                WRONG.to_owned()
            };
        }
        changed.push(cells.join(","));
    }
    assert!(sealed > 10);
    changed.join("\n")
}

#[test]
fn keys_that_come_late_give_what_they_would_have_given_at_once() {
    let folder = Folder::new();
    let [capture, registry, _] = simulate(&folder, &["--days", "4", "--lost-per-mille", "0"]);
    let bad = folder.write("wrong.csv", &without_keys(&registry));
    let db = import(&folder, &bad);
    let summary = replay(&db, &capture, &[]);
    let count = |code: &str| summary["outcomes"][code].as_u64().unwrap_or(0);
    assert!(count("no_key") > 10 && count("wrong_key") > 10, "{summary}");
    // What a repeater sent again is kept once.
    let unread: i64 = rusqlite::Connection::open(&db)
        .unwrap()
        .query_row("SELECT count(*) FROM telegram WHERE outcome > 2", [], |row| {
            row.get(0)
        })
        .unwrap();

    // Nothing has been learnt yet.
    let before = content(&db);
    let report = redecode(&db, &[]);
    assert_eq!(report["changed"], Value::Array(Vec::new()), "{report}");
    assert_eq!(content(&db), before);

    import(&folder, &registry);
    // One meter first, then one outcome, then all.
    let serial = fs::read_to_string(&registry).unwrap();
    let line = serial.lines().find(|line| line.contains(",KAM,")).unwrap();
    let number = line.split(",KAM,").nth(1).unwrap().split(',').next().unwrap();
    let one = redecode(&db, &["--meter", number]);
    let of_one = turns(&one, "no_key", "read") + turns(&one, "wrong_key", "read");
    assert!(
        of_one > 0 && of_one == one["telegrams"].as_u64().unwrap(),
        "{one}"
    );
    let no_key = redecode(&db, &["--outcome", "no_key"]);
    assert_eq!(turns(&no_key, "wrong_key", "read"), 0, "{no_key}");
    let rest = redecode(&db, &[]);
    let all: i64 = [&one, &no_key, &rest]
        .iter()
        .flat_map(|report| report["changed"].as_array().unwrap())
        .map(|turn| turn["telegrams"].as_i64().unwrap())
        .sum();
    assert_eq!(all, unread, "{one} {no_key} {rest}");
    assert!(rest["readings"].as_u64().unwrap() > 0, "{rest}");

    // As if the keys had been there from the beginning.
    let other = Folder::new();
    let at_once = import(&other, &registry);
    replay(&at_once, &capture, &[]);
    let (late, at_once) = (content(&db), content(&at_once));
    for (late, at_once) in late.iter().zip(&at_once) {
        assert_eq!(late, at_once);
    }
    assert_eq!(late.len(), at_once.len());

    let again = redecode(&db, &[]);
    assert_eq!(again["changed"], Value::Array(Vec::new()), "{again}");
    assert_eq!(
        (&again["readings"], &again["meters_described"]),
        (&0.into(), &0.into())
    );
    assert_eq!(content(&db), late);
    let said = run(&["redecode", "--db", db.to_str().unwrap()]);
    assert!(String::from_utf8_lossy(&said.stdout).contains("nothing has changed"));
}

/// Lists without times: the meter's own clock dates them, the second time as the first.
#[test]
fn telegrams_that_nobody_timed_stay_where_they_are() {
    let folder = Folder::new();
    let [capture, registry, _] = simulate(&folder, &["--days", "3", "--lost-per-mille", "0"]);
    let text = fs::read_to_string(capture).unwrap();
    let bare: Vec<_> = text
        .lines()
        .filter_map(|line| line.split_whitespace().nth(4))
        .collect();
    let bare = folder.write("bare.txt", &bare.join("\n"));
    let db = import(&folder, &folder.write("wrong.csv", &without_keys(&registry)));
    let first = replay(&db, &bare, &["--start", "2025-12-24T00:00:00Z"]);
    assert!(first["outcomes"]["read"].as_u64().unwrap() > 10, "{first}");
    let before = content(&db);
    redecode(&db, &[]);
    assert_eq!(content(&db), before);
    import(&folder, &registry);
    redecode(&db, &[]);
    let other = Folder::new();
    let at_once = import(&other, &registry);
    replay(&at_once, &bare, &["--start", "2025-12-24T00:00:00Z"]);
    assert_eq!(content(&db), content(&at_once));
}

/// A stripped telegram of a meter `XYZ`, with invented content.
pub(crate) fn telegram(number: u8, ci: u8, payload: &[u8]) -> String {
    let [low, high] = "XYZ".parse::<wmbus::Manufacturer>().unwrap().0.to_le_bytes();
    let sender = Address::from_link_octets([low, high, number, 0x34, 0x12, 0x00, 0x01, 0x07]);
    let link = dll::Header {
        control: dll::Control::SND_NR,
        sender,
    };
    let transport = tpl::Header {
        ci,
        address: None,
        fields: None,
    };
    let octets = Plan::new(link, transport, payload.to_vec()).encode().unwrap();
    octets.iter().map(|octet| format!("{octet:02X}")).collect()
}

const REGISTRY: &str = "manufacturer,id,version,type,key
XYZ,00123456,01,07,
XYZ,00123457,01,07,
";

#[test]
fn a_page_in_a_folder_makes_an_unknown_telegram_into_readings() {
    let folder = Folder::new();
    let db = import(&folder, &folder.write("registry.csv", REGISTRY));
    let lines: Vec<_> = (0..5_u8)
        .map(|hour| {
            let payload = [0x01, 0x10 + hour, 0x27, 0x00, 0x00];
            format!("2026-01-15T0{hour}:00:00Z {}", telegram(0x56, 0xA2, &payload))
        })
        .collect();
    let capture = folder.write("capture.txt", &lines.join("\n"));
    let summary = replay(&db, &capture, &[]);
    assert_eq!(summary["outcomes"]["unknown_layout"], 5, "{summary}");
    assert_eq!(summary["stored"]["readings"], 0);

    let page = "name = \"xyz-water\"
about = \"A meter that nobody makes\"
answers_for = [\"XYZ 01 07\"]

[[block]]
place = \"ci A2\"
length = 5
when = [\"0 = 01\"]
fields = [{ at = 1, type = \"u32\", is = \"volume\", scale = -3 }]
";
    fs::create_dir(folder.path("families.d")).unwrap();
    folder.write("families.d/xyz-water.toml", page);
    let families = folder.path("families.d");
    let with_page = ["--families", families.to_str().unwrap()];
    let report = redecode(&db, &with_page);
    assert_eq!(turns(&report, "unknown_layout", "read"), 5, "{report}");
    assert_eq!(report["readings"], 5);
    let values: Vec<i64> = rusqlite::Connection::open(&db)
        .unwrap()
        .prepare("SELECT value FROM reading ORDER BY at")
        .unwrap()
        .query_map([], |row| row.get(0))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    assert_eq!(
        values,
        [10_000_000, 10_001_000, 10_002_000, 10_003_000, 10_004_000]
    );
    let before = content(&db);
    assert_eq!(redecode(&db, &with_page)["changed"], Value::Array(Vec::new()));
    // Without the page less would be understood: what was read stays.
    let report = redecode(&db, &[]);
    assert_eq!(report["changed"], Value::Array(Vec::new()));
    assert_eq!(report["kept"][0]["telegrams"], 5, "{report}");
    assert_eq!(content(&db), before);

    // A page that says more adds what is missing, and says so.
    let more = page.replace(
        "fields = [",
        "fields = [{ at = 0, type = \"u8\", is = \"temperature\" }, ",
    );
    folder.write("families.d/xyz-water.toml", &more);
    let report = redecode(&db, &with_page);
    assert_eq!(
        (turns(&report, "read", "read"), &report["readings"]),
        (5, &5.into()),
        "{report}"
    );
    // Values that were thinned away are not brought back.
    let connection = rusqlite::Connection::open(&db).unwrap();
    let thin =
        "DELETE FROM reading WHERE at NOT IN (SELECT min(at) FROM reading UNION SELECT max(at) FROM reading)";
    assert_eq!(connection.execute(thin, []).unwrap(), 6);
    let report = redecode(&db, &with_page);
    assert_eq!(report["changed"], Value::Array(Vec::new()), "{report}");
}

/// Compact frames that came before the full one wait for it; so do the fragments of one message for each other.
#[test]
fn a_layout_that_comes_later_opens_what_came_before() {
    let folder = Folder::new();
    let db = import(&folder, &folder.write("registry.csv", REGISTRY));
    let full = [0x04, 0x13, 0x10, 0x27, 0x00, 0x00, 0x02, 0x5A, 0x20, 0x00];
    let compact = wmbus::apl::compact::compact(&full).unwrap();
    let lines = [
        format!("2026-01-15T00:00:00Z {}", telegram(0x56, 0x79, &compact)),
        format!("2026-01-15T01:00:00Z {}", telegram(0x57, 0x78, &full)),
    ];
    let capture = folder.write("capture.txt", &lines.join("\n"));
    let summary = replay(&db, &capture, &[]);
    assert_eq!(summary["outcomes"]["compact_layout_unknown"], 1, "{summary}");
    let report = redecode(&db, &["--meter", "00123456"]);
    assert_eq!(turns(&report, "compact_layout_unknown", "read"), 1, "{report}");
    assert_eq!(
        (&report["telegrams"], &report["readings"]),
        (&1.into(), &2.into())
    );
    assert_eq!(redecode(&db, &[])["changed"], Value::Array(Vec::new()));
}

/// A layout that one run has heard opens what a later run hears, and a file replayed twice gives the same both times.
#[test]
fn a_layout_outlives_the_run_that_heard_it() {
    let folder = Folder::new();
    let db = import(&folder, &folder.write("registry.csv", REGISTRY));
    let full = [0x04, 0x13, 0x10, 0x27, 0x00, 0x00, 0x02, 0x5A, 0x20, 0x00];
    let compact = wmbus::apl::compact::compact(&full).unwrap();
    let first = [
        format!("2026-01-15T00:00:00Z {}", telegram(0x56, 0x79, &compact)),
        format!("2026-01-15T01:00:00Z {}", telegram(0x57, 0x78, &full)),
    ];
    let first = folder.write("first.txt", &first.join("\n"));
    let later = format!("2026-01-15T02:00:00Z {}", telegram(0x57, 0x79, &compact));
    let later = folder.write("later.txt", &later);
    replay(&db, &first, &[]);
    let summary = replay(&db, &later, &[]);
    assert_eq!(summary["outcomes"]["read"], 1, "{summary}");
    let before = content(&db);
    let again = replay(&db, &first, &[]);
    assert_eq!(again["outcomes"]["compact_layout_unknown"], 1, "{again}");
    assert_eq!(content(&db), before);
}

#[test]
fn real_telegrams_read_again_change_nothing() {
    let Some(corpus) = shared("corpus") else { return };
    let folder = Folder::new();
    let db = import(&folder, &corpus.join("real-meters.csv"));
    for file in ["real-hex.txt", "real-rtl_wmbus.txt", "real-simulation.txt"] {
        replay(&db, &corpus.join(file), &[]);
    }
    // Compact frames may have come before the full one of their layout.
    let first = redecode(&db, &[]);
    for turn in first["changed"].as_array().unwrap() {
        assert_eq!(turn["before"], "compact_layout_unknown", "{first}");
    }
    let before = content(&db);
    let report = redecode(&db, &[]);
    assert_eq!(report["changed"], Value::Array(Vec::new()), "{report}");
    assert_eq!(
        (&report["kept"], &report["elsewhere"]),
        (&Value::Array(Vec::new()), &0.into())
    );
    assert_eq!(report["meters_described"], 0, "{report}");
    assert_eq!(content(&db), before);
}

#[test]
fn what_is_not_there_is_named() {
    let folder = Folder::new();
    let db = import(&folder, &folder.write("registry.csv", REGISTRY));
    let db = db.to_str().unwrap();
    for (arguments, says) in [
        (&["--meter", "99999999"][..], "99999999"),
        (&["--outcome", "nokey"], "no_key"),
        (&["--families", "/nowhere/families.d"], "/nowhere/families.d"),
    ] {
        let output = run(&[&["redecode", "--db", db], arguments].concat());
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(
            String::from_utf8_lossy(&output.stderr).contains(says),
            "{arguments:?}"
        );
    }
    let absent = folder.path("absent.db");
    assert_eq!(
        run(&["redecode", "--db", absent.to_str().unwrap()]).status.code(),
        Some(2)
    );
    assert!(!absent.exists());
}
