//! Consumption, readings and meters on a terminal: the same numbers as over HTTP.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::harness::{Daemon, Folder, import, json, run, simulate};

fn said(arguments: &[&str]) -> (Option<i32>, String) {
    let output = run(arguments);
    let text = String::from_utf8(if output.stdout.is_empty() {
        output.stderr
    } else {
        output.stdout
    })
    .unwrap();
    (output.status.code(), text)
}

fn building(folder: &Folder) -> (PathBuf, String) {
    let [capture, registry, _] = simulate(folder, &["--days", "40", "--dwellings", "2", "--seed", "3"]);
    let db = import(folder, &registry);
    json(&[
        "replay",
        "--json",
        "--db",
        db.to_str().unwrap(),
        capture.to_str().unwrap(),
    ]);
    let list = std::fs::read_to_string(&registry).unwrap();
    let line = list.lines().find(|line| line.contains("hot_water")).unwrap();
    let serial = line
        .split("hot_water,")
        .nth(1)
        .unwrap()
        .split(',')
        .nth(1)
        .unwrap()
        .to_owned();
    (db, serial)
}

#[test]
fn a_dwelling_s_month_is_the_same_in_every_form() {
    let folder = Folder::new();
    let (db, serial) = building(&folder);
    let days = [
        "--from",
        "2025-10-05",
        "--to",
        "2025-11-05",
        "--step",
        "day",
        "--db",
        db.to_str().unwrap(),
    ];
    let ask = |more: &[&str]| said(&[&["consumption", &serial], &days[..], more].concat());
    let (status, answer) = ask(&["--json"]);
    assert_eq!(status, Some(0), "{answer}");
    let report: Value = serde_json::from_str(&answer).unwrap();
    let water = &report["kinds"][0];
    assert_eq!(
        (&water["kind"], &water["unit"]),
        (&"hot_water".into(), &"m3".into())
    );
    let shown = water["total"]["shown"].to_string();

    let (status, table) = ask(&[]);
    assert_eq!(status, Some(0));
    let total = table
        .lines()
        .find(|line| line.trim_start().starts_with("total"))
        .unwrap();
    assert_eq!(total.split_whitespace().nth(1), Some(&*shown), "{table}");
    assert!(table.contains('█') && table.contains("heating (U)"), "{table}");

    // The lines of a point add up to it, in whole millilitres.
    let (_, csv) = ask(&["--csv"]);
    let millilitres: i64 = csv
        .lines()
        .filter(|line| line.starts_with("hot_water,"))
        .map(|line| millionths(line.split(',').nth(6).unwrap()))
        .sum();
    assert_eq!(
        millilitres,
        millionths(&water["total"]["value"].to_string()),
        "{csv}"
    );
    assert_eq!(
        csv.lines().filter(|line| line.starts_with("hot_water,")).count(),
        31
    );

    // Named by its lot, and over HTTP.
    let (_, by_lot) = said(&[&["consumption", "RL001/101", "--json"], &days[..]].concat());
    let by_lot: Value = serde_json::from_str(&by_lot).unwrap();
    let daemon = Daemon::start(&folder, &db, "");
    let id = by_lot["dwelling"]["id"].as_i64().unwrap();
    let http = daemon.good(&format!(
        "/v1/dwellings/{id}/consumption?from=2025-10-05&to=2025-11-05&step=day"
    ));
    assert_eq!(by_lot, http);
    daemon.stop();

    for (arguments, words) in [
        (&["consumption", "99999999"][..], "no registered meter"),
        (&["consumption", "ZZ999/1"], "no site has the code"),
        (&["consumption", "RL001/9999"], "has no lot"),
        (
            &[
                "consumption",
                &serial,
                "--from",
                "2025-11-01",
                "--to",
                "2025-10-01",
            ],
            "",
        ),
    ] {
        let (status, text) = said(&[arguments, &["--db", db.to_str().unwrap()]].concat());
        assert!(status == Some(2) && text.contains(words), "{arguments:?}: {text}");
    }
}

/// `1.23` as 1230000.
fn millionths(number: &str) -> i64 {
    let (whole, part) = number.split_once('.').unwrap_or((number, ""));
    format!("{whole}{part:0<6}").parse().unwrap()
}

#[test]
fn readings_and_meters_are_listed() {
    let folder = Folder::new();
    let (db, serial) = building(&folder);
    let store = ["--db", db.to_str().unwrap()];
    let (status, list) = said(
        &[
            &[
                "readings",
                &serial,
                "--quantity",
                "volume",
                "--json",
                "--limit",
                "5",
            ],
            &store[..],
        ]
        .concat(),
    );
    assert_eq!(status, Some(0), "{list}");
    let list: Value = serde_json::from_str(&list).unwrap();
    let list = list.as_array().unwrap();
    assert!(!list.is_empty() && list.iter().all(|reading| reading["quantity"] == "volume"));
    let (_, table) = said(
        &[
            &["readings", &serial, "--quantity", "volume", "--limit", "5"],
            &store[..],
        ]
        .concat(),
    );
    let last = list.last().unwrap()["value"].to_string();
    let last = last.trim_end_matches('0').trim_end_matches('.');
    assert!(table.lines().any(|line| line.contains(last)), "{last}: {table}");
    let (status, _) = said(&[&["readings", &serial, "--source", "manual"], &store[..]].concat());
    assert_eq!(status, Some(1));
    let (status, text) = said(&[&["readings", &serial, "--quantity", "water"], &store[..]].concat());
    assert!(status == Some(2) && text.contains("heat_cost"), "{text}");

    let meters = |db: &Path, more: &[&str]| {
        let (status, list) = said(&[&["meters", "--json", "--db", db.to_str().unwrap()], more].concat());
        (
            status,
            serde_json::from_str::<Value>(&list)
                .unwrap()
                .as_array()
                .unwrap()
                .clone(),
        )
    };
    let (status, all) = meters(&db, &[]);
    assert_eq!((status, all.len()), (Some(0), 10));
    assert!(
        all.iter()
            .all(|meter| meter["site"] == "RL001" && !meter["last_heard"].is_null())
    );
    assert_eq!(meters(&db, &["--site", "AB123"]).1.len(), 0);
    let (status, silent) = meters(&db, &["--silent", "3"]);
    assert_eq!(
        (status, silent.len()),
        (Some(1), 10),
        "the simulation is long over"
    );
    let (_, table) = said(&[&["meters"], &store[..]].concat());
    assert!(
        table.ends_with("10 meters\n") && table.contains(&serial),
        "{table}"
    );
}
