//! A building in which everything goes wrong, as its users see it: simulated, imported, replayed, asked over HTTP.

use std::collections::HashMap;
use std::fs;

use jiff::ToSpan;
use jiff::civil::Date;
use releve::simulate::{Building, Events, Plan, Point};
use serde_json::Value;

use crate::harness::{Daemon, Folder, import, json, run, simulate};

/// The digits of a JSON number, in steps of `10^-places`.
fn scaled(value: &Value, places: usize) -> i64 {
    let text = value.to_string();
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    format!("{whole}{fraction:0<places$}").parse().unwrap()
}

fn plan() -> Plan {
    Plan {
        seed: 12,
        from: "2025-10-01".parse().unwrap(),
        days: 420,
        dwellings: 3,
        every_minutes: 720,
        lost_per_mille: 20,
        time_zone: "Europe/Paris".to_owned(),
        events: Events::Many,
    }
}

/// The least and the most that a point can have used in a period, by its displays a week around either end.
fn bounds(devices: &[&Point], start: jiff::Timestamp, end: jiff::Timestamp) -> (i64, i64) {
    let week = (9 * 24).hours();
    devices.iter().fold((0, 0), |(least, most), device| {
        let (since, until) = device.service();
        let from = since.map_or(start, |since| since.max(start));
        let to = until.map_or(end, |until| until.min(end));
        if from >= to {
            return (least, most);
        }
        let floor = since.unwrap_or(jiff::Timestamp::MIN);
        let ceiling = until.unwrap_or(jiff::Timestamp::MAX);
        let index = |at: jiff::Timestamp| i64::try_from(device.index(at.clamp(floor, ceiling))).unwrap();
        let low = index(to - week) - index(from + week);
        (least + low.max(0), most + index(to + week) - index(from - week))
    })
}

#[test]
fn over_http_months_are_true_missing_is_null_and_parts_add_up() {
    let folder = Folder::new();
    let [capture, registry, truth] = simulate(
        &folder,
        &[
            "--seed",
            "12",
            "--days",
            "420",
            "--dwellings",
            "3",
            "--every-minutes",
            "720",
            "--events",
            "many",
        ],
    );
    let events = fs::read_to_string(truth.with_file_name("events.jsonl")).unwrap();
    assert!(
        events.lines().any(|line| line.contains("gateway_outage")),
        "{events}"
    );
    let db = import(&folder, &registry);
    let text = db.to_str().unwrap();
    json(&["replay", "--json", "--db", text, capture.to_str().unwrap()]);

    let plan = plan();
    let building = Building::new(&plan).unwrap();
    let devices: HashMap<&str, &Point> = building
        .points()
        .map(|point| (point.printed_serial.as_str(), point))
        .collect();
    let daemon = Daemon::start(&folder, &db, "");
    let until: Date = plan.from.checked_add(i64::from(plan.days).days()).unwrap();
    let (mut measured, mut missing, mut sums) = (0, 0, 0);
    for dwelling in 1..=3 {
        let path = format!(
            "/v1/dwellings/{dwelling}/consumption?from={}&to={until}&step=month",
            plan.from
        );
        let report = daemon.good(&path);
        for kind in report["kinds"].as_array().unwrap() {
            let (key, places) = if kind["kind"] == "heating" {
                ("raw", 3)
            } else {
                ("value", 6)
            };
            for (number, whole) in kind["periods"].as_array().unwrap().iter().enumerate() {
                let mut parts = Some(0);
                for point in kind["points"].as_array().unwrap() {
                    let period = &point["periods"][number];
                    let serials = point["meters"].as_array().unwrap().iter();
                    let devices: Vec<_> = serials.map(|serial| devices[serial.as_str().unwrap()]).collect();
                    let instant = |name: &str| period[name].as_str().unwrap().parse().unwrap();
                    let (least, most) = bounds(&devices, instant("start"), instant("end"));
                    if period["quality"] == "missing" {
                        assert!(period[key].is_null(), "{period}");
                        missing += 1;
                        parts = None;
                        continue;
                    }
                    let amount = scaled(&period[key], places);
                    assert!(
                        (least..=most).contains(&amount),
                        "{least}..={most}: {point} {period}"
                    );
                    parts = parts.map(|sum| sum + amount);
                    measured += i32::from(period["quality"] == "measured");
                }
                match parts {
                    Some(sum) => {
                        assert_eq!(scaled(&whole[key], places), sum, "{whole}");
                        sums += 1;
                    }
                    None => assert!(whole[key].is_null(), "{whole}"),
                }
            }
        }
    }
    assert!(
        measured > 50 && missing > 5 && sums > 20,
        "{measured} {missing} {sums}"
    );
    daemon.stop();
}

#[test]
fn alerts_are_listed_for_people_and_machines() {
    let folder = Folder::new();
    let [capture, registry, _] = simulate(
        &folder,
        &[
            "--seed",
            "5",
            "--days",
            "60",
            "--dwellings",
            "6",
            "--every-minutes",
            "120",
            "--events",
            "many",
        ],
    );
    let db = import(&folder, &registry);
    let text = db.to_str().unwrap();
    let none = run(&["alerts", "--db", text]);
    assert_eq!(none.status.code(), Some(0));
    assert!(String::from_utf8_lossy(&none.stdout).contains("nothing to tell"));
    json(&["replay", "--json", "--db", text, capture.to_str().unwrap()]);
    // Just before the gateway goes off to the end.
    let arguments = ["alerts", "--db", text, "--look", "--at", "2025-11-22T14:00:00Z"];
    let found = run(&arguments);
    assert_eq!(found.status.code(), Some(1), "{found:?}");
    let table = String::from_utf8_lossy(&found.stdout).into_owned();
    let again = run(&[&arguments[..], &["--json"]].concat());
    let report: Value = serde_json::from_slice(&again.stdout).unwrap();
    let alerts = report["alerts"].as_array().unwrap();
    assert!(!alerts.is_empty());
    for alert in alerts {
        assert!(table.contains(alert["meter"].as_str().unwrap()), "{alert}");
        assert!(
            alert["place"].as_str().unwrap().starts_with("RL001 lot "),
            "{alert}"
        );
        assert!(alert["explanation"]["fr"].as_str().unwrap().len() > 20, "{alert}");
    }
    // A clock that the simulator set wrong by days, and a meter that died, are among them.
    let events = fs::read_to_string(registry.with_file_name("events.jsonl")).unwrap();
    let has = |kind: &str, serial: &Value| {
        alerts
            .iter()
            .any(|alert| alert["kind"] == kind && (serial.is_null() || alert["meter"] == *serial))
    };
    assert!(has("clock_off", &Value::Null), "{events} {table}");
    let mut dead = 0;
    for event in events.lines() {
        let event: Value = serde_json::from_str(event).unwrap();
        if event["event"] == "dead_battery" && event["from"].as_str().unwrap() < "2025-11-12" {
            dead += 1;
            assert!(has("silent", &event["serial"]), "{event} {table}");
        }
    }
    assert!(dead > 0, "{events}");
    let unknown = run(&["alerts", "--db", text, "--meter", "nobody"]);
    assert_eq!(unknown.status.code(), Some(2));
}
