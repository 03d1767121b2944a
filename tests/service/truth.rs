//! A simulated year, replayed twice and asked for over HTTP: exactly what the meters showed, once.

use std::collections::{BTreeMap, HashMap};
use std::fs;

use serde_json::Value;

use crate::harness::{Daemon, Folder, import, json, simulate};

/// The digits of a JSON number, in steps of `10^-places`.
fn scaled(value: &Value, places: usize) -> i64 {
    let text = value.to_string();
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    assert!(fraction.len() <= places, "{text}");
    format!("{whole}{fraction:0<places$}").parse().unwrap()
}

#[test]
fn a_year_of_telegrams_gives_the_true_indexes_exactly_once() {
    let folder = Folder::new();
    let [capture, registry, truth] = simulate(&folder, &["--days", "365", "--every-minutes", "720"]);
    let db = import(&folder, &registry);
    let arguments = [
        "replay",
        "--json",
        "--db",
        db.to_str().unwrap(),
        capture.to_str().unwrap(),
    ];
    let first = json(&arguments);
    let second = json(&arguments);
    assert!(first["stored"]["readings"].as_u64().unwrap() > 40_000, "{first}");
    assert_eq!(
        (&second["stored"]["telegrams"], &second["stored"]["readings"]),
        (&0.into(), &0.into()),
        "{second}"
    );

    let mut wanted: HashMap<String, BTreeMap<String, i64>> = HashMap::new();
    let mut ends: HashMap<String, (i64, i64)> = HashMap::new();
    for line in fs::read_to_string(truth).unwrap().lines() {
        let fact: Value = serde_json::from_str(line).unwrap();
        let serial = fact["serial"].as_str().unwrap().to_owned();
        let (at, value) = (
            fact["at"].as_str().unwrap().to_owned(),
            fact["value"].as_i64().unwrap(),
        );
        let index = fact["index"].as_i64().unwrap();
        ends.entry(serial.clone())
            .and_modify(|(_, last)| *last = index)
            .or_insert((index, index));
        wanted.entry(serial).or_default().insert(at, value);
    }
    assert!(wanted.len() >= 48);

    let daemon = Daemon::start(&folder, &db, "");
    for (serial, wanted) in &wanted {
        let meter = daemon.good(&format!("/v1/meters/{serial}"));
        let heating = meter.to_string().contains("heat_cost_allocator");
        let (quantity, places) = if heating { ("heat_cost", 3) } else { ("volume", 6) };
        let path = format!("/v1/meters/{serial}/readings?quantity={quantity}&source=live&limit=1000");
        let got: Vec<_> = daemon.all(&path);
        let got_once: BTreeMap<String, i64> = got
            .iter()
            .map(|reading| {
                (
                    reading["at"].as_str().unwrap().to_owned(),
                    scaled(&reading["value"], places),
                )
            })
            .collect();
        assert_eq!(got.len(), got_once.len(), "{serial}: an instant twice");
        assert_eq!(&got_once, wanted, "{serial}");
    }
    daemon.stop();
}
