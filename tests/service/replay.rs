//! Replays of captures: every line on one pile, everything readable stored, nothing twice.

use std::collections::BTreeMap;
use std::fs;

use serde_json::Value;

use crate::harness::{Daemon, Folder, import, json, run, shared, simulate};

fn counted(summary: &Value) -> u64 {
    summary["outcomes"]
        .as_object()
        .unwrap()
        .values()
        .map(|count| count.as_u64().unwrap())
        .sum()
}

/// Real telegrams of many makers, in three formats, against a registry of their meters.
#[test]
fn real_telegrams_are_all_counted_and_all_readable_ones_are_stored() {
    let Some(corpus) = shared("corpus") else { return };
    let folder = Folder::new();
    let db = import(&folder, &corpus.join("real-meters.csv"));
    let files = ["real-hex.txt", "real-rtl_wmbus.txt", "real-simulation.txt"].map(|name| corpus.join(name));
    let files = files.each_ref().map(|path| path.to_str().unwrap());
    let arguments = [&["replay", "--json", "--db", db.to_str().unwrap()][..], &files].concat();
    let first = json(&arguments);
    // Two of them hold another telegram behind the first.
    assert_eq!(
        (&first["lines"], &first["telegrams"]),
        (&222.into(), &224.into()),
        "{first}"
    );
    assert_eq!(
        counted(&first),
        first["lines"].as_u64().unwrap() + first["further"].as_u64().unwrap()
    );
    assert_eq!(first["outcomes"].get("unregistered"), None, "{first}");
    let read = first["outcomes"]["read"].as_u64().unwrap();
    assert!(read >= 219, "{first}");

    let again = json(&arguments);
    for nothing in ["telegrams", "readings", "recovered", "conflicts"] {
        assert_eq!(again["stored"][nothing], 0, "{nothing}: {again}");
    }
    assert_eq!(again["outcomes"], first["outcomes"]);

    // Every meter that gave readings answers with them over HTTP.
    let daemon = Daemon::start(&folder, &db, "");
    let mut names: Vec<String> = Vec::new();
    for meter in daemon.all("/v1/meters?limit=100") {
        let serial = meter["serial"].as_str().unwrap();
        // Several makers may have given the same number: then the answer names them all.
        match daemon.get(&format!("/v1/meters/{serial}")) {
            (200, _) => names.push(serial.to_owned()),
            (409, problem) => {
                let candidates = problem["candidates"].as_array().unwrap();
                names.extend(candidates.iter().map(|name| name.as_str().unwrap().to_owned()));
            }
            (status, problem) => panic!("{status}: {problem}"),
        }
    }
    names.sort();
    names.dedup();
    assert_eq!(names.len(), 183);
    let with_readings = names
        .iter()
        .filter(|name| {
            !daemon
                .all(&format!("/v1/meters/{name}/readings?limit=500"))
                .is_empty()
        })
        .count();
    assert!(with_readings >= 165, "{with_readings} meters with readings");
    daemon.stop();
}

/// Lines of every broken kind between good ones: each is one counted outcome, none stops the replay.
#[test]
fn broken_lines_are_counted_and_stop_nothing() {
    let folder = Folder::new();
    let [capture, registry, _] = simulate(&folder, &["--days", "2", "--lost-per-mille", "0", "--seed", "5"]);
    let db = import(&folder, &registry);
    let text = fs::read_to_string(capture).unwrap();
    let good: Vec<_> = text.lines().filter(|line| !line.starts_with('#')).collect();
    let hex = good[0].split_whitespace().nth(4).unwrap();
    let mut damaged = hex.to_owned();
    damaged.replace_range(20..22, if &hex[20..22] == "00" { "01" } else { "00" });
    let broken = [
        String::new(),
        "# a comment".to_owned(),
        "what a program wrote in between".to_owned(),
        hex[..hex.len() - 1].to_owned(),
        hex[..30].to_owned(),
        damaged,
        "00".repeat(400),
        "F".repeat(200_000),
        "zz".repeat(30),
        "T1;0;1;2026-01-15 07:01:51.000;62;0;00000000;0x1844595f7956341201077a2a0400000413181e0000023b0c00"
            .to_owned(),
        "\u{0}\u{1}\u{fffd}".to_owned(),
    ];
    let mut lines = Vec::new();
    for (index, line) in good.iter().enumerate() {
        lines.push((*line).to_owned());
        lines.push(broken[index % broken.len()].clone());
    }
    let mixed = folder.write("mixed.txt", &lines.join("\n"));
    let summary = json(&[
        "replay",
        "--json",
        "--db",
        db.to_str().unwrap(),
        mixed.to_str().unwrap(),
    ]);
    assert_eq!(summary["lines"], lines.len(), "{summary}");
    assert_eq!(counted(&summary), summary["lines"].as_u64().unwrap());
    let outcomes: BTreeMap<String, u64> = serde_json::from_value(summary["outcomes"].clone()).unwrap();
    for code in [
        "read",
        "damaged",
        "empty",
        "comment",
        "not_a_telegram",
        "odd_digits",
        "too_long",
        "crc_reported_bad",
    ] {
        assert!(
            outcomes.get(code).is_some_and(|count| *count > 0),
            "{code} in {outcomes:?}"
        );
    }
    let alone = json(&[
        "replay",
        "--json",
        "--db",
        db.to_str().unwrap(),
        folder.path("building/capture.txt").to_str().unwrap(),
    ]);
    assert_eq!(
        alone["stored"]["readings"], 0,
        "the broken lines took nothing away: {alone}"
    );
}

#[test]
fn a_wrong_key_is_told_from_a_missing_one_and_kept_until_it_is_right() {
    let folder = Folder::new();
    let [capture, registry, _] = simulate(&folder, &["--days", "3", "--lost-per-mille", "0"]);
    let text = fs::read_to_string(&registry).unwrap();
    let heading: Vec<_> = text.lines().next().unwrap().split(',').collect();
    // The address holds a comma inside quotes, so count from the end.
    let key = heading.len() - heading.iter().position(|column| *column == "key").unwrap();
    let mut encrypted = 0;
    let changed: Vec<String> = text
        .lines()
        .enumerate()
        .map(|(number, line)| {
            let mut cells: Vec<_> = line.split(',').map(str::to_owned).collect();
            let at = cells.len() - key;
            if number > 0 && !cells[at].is_empty() {
                encrypted += 1;
                cells[at] = if encrypted % 2 == 0 {
                    String::new()
                } else {
                    "0123456789ABCDEF0123456789ABCDEF".to_owned()
                };
            }
            cells.join(",")
        })
        .collect();
    assert!(encrypted > 10);
    let db = import(&folder, &folder.write("wrong.csv", &changed.join("\n")));
    let summary = json(&[
        "replay",
        "--json",
        "--db",
        db.to_str().unwrap(),
        capture.to_str().unwrap(),
    ]);
    let count = |code: &str| summary["outcomes"][code].as_u64().unwrap_or(0);
    assert!(
        count("no_key") > 10 && count("wrong_key") + count("mac_failed") > 10,
        "{summary}"
    );
    // With the right keys the same capture gives the rest, and what was archived is recovered.
    import(&folder, &registry);
    let again = json(&[
        "replay",
        "--json",
        "--db",
        db.to_str().unwrap(),
        capture.to_str().unwrap(),
    ]);
    assert!(again["stored"]["recovered"].as_u64().unwrap() > 20, "{again}");
    assert_eq!(again["outcomes"].get("no_key"), None, "{again}");
    assert_eq!(again["outcomes"].get("wrong_key"), None, "{again}");
}

#[test]
fn a_file_that_is_not_there_is_named_before_anything_is_written() {
    let folder = Folder::new();
    let db = folder.path("new.db");
    let output = run(&["replay", "--db", db.to_str().unwrap(), "/nowhere/capture.txt"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("/nowhere/capture.txt"));
    assert!(!db.exists());
}

#[test]
fn two_telegrams_in_one_transmission_are_both_read() {
    const FIRST: &str = "1644AE4C7856341268077A2A0000000413393000002F2F";
    const SECOND: &str = "1844595F7956341201077A2A0400000413181E0000023B0C00";
    let folder = Folder::new();
    let both = folder.write(
        "both.txt",
        &format!("2025-10-01T10:00:00Z -60 T unchecked {FIRST}{SECOND} @attic\n"),
    );
    let replayed = |list: &str| {
        let folder = Folder::new();
        let db = import(&folder, &folder.write("r.csv", list));
        let arguments = [
            "replay",
            "--json",
            "--db",
            db.to_str().unwrap(),
            both.to_str().unwrap(),
        ];
        (
            json(&arguments),
            json(&["redecode", "--json", "--db", db.to_str().unwrap()]),
        )
    };
    let (summary, again) = replayed("manufacturer,id\nSEN,12345678\nWZY,12345679\n");
    assert_eq!(
        (&summary["telegrams"], &summary["outcomes"]["read"]),
        (&2.into(), &2.into()),
        "{summary}"
    );
    // Each can be found in the archive again.
    assert_eq!(
        (&again["telegrams"], &again["elsewhere"]),
        (&2.into(), &0.into()),
        "{again}"
    );
    // What stands behind a telegram is believed of registered meters only: it may be anything.
    let (summary, _) = replayed("manufacturer,id\nSEN,12345678\n");
    assert_eq!(summary["telegrams"], 1, "{summary}");
    let output = run(&["decode", &format!("{FIRST}{SECOND}")]);
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.contains("12345678") && said.contains("12345679"), "{said}");
}

#[test]
fn of_what_two_receivers_heard_the_best_strength_is_kept() {
    const TELEGRAM: &str = "1644AE4C7856341268077A2A0000000413393000002F2F";
    for order in [[-81, -57], [-57, -81]] {
        let folder = Folder::new();
        let lines: String = order
            .iter()
            .zip(["cellar", "attic"])
            .map(|(dbm, radio)| {
                format!(
                    "2025-10-01T10:00:0{}Z {dbm} T unchecked {TELEGRAM} @{radio}\n",
                    radio.len() % 2
                )
            })
            .collect();
        let db = import(&folder, &folder.write("r.csv", "manufacturer,id\nSEN,12345678\n"));
        let capture = folder.write("both.txt", &lines);
        json(&[
            "replay",
            "--json",
            "--db",
            db.to_str().unwrap(),
            capture.to_str().unwrap(),
        ]);
        let connection = rusqlite::Connection::open(&db).unwrap();
        for table in ["telegram", "meter_state"] {
            let sql = format!("SELECT count(*), max(rssi_dbm) FROM {table}");
            let found: (i64, i64) = connection
                .query_row(&sql, [], |row| Ok((row.get(0)?, row.get(1)?)))
                .unwrap();
            assert_eq!(found, (1, -57), "{table}, {order:?}");
        }
    }
}
