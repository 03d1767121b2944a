//! `listen`, `capture`, and a simulated dongle between them.

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader};
use std::process::Stdio;

use collector::capture::{Content, Origin, Reader};
use serde_json::Value;
use wmbus::Frame;

use crate::harness::{Folder, import, json, releve, run, simulate};

#[test]
fn who_is_on_the_air_how_well_and_who_is_missing() {
    let folder = Folder::new();
    let [capture, registry, _] = simulate(&folder, &["--days", "1", "--lost-per-mille", "0"]);
    // One meter is registered that nobody hears, and one key is wrong.
    let text = fs::read_to_string(&registry).unwrap();
    let key = text
        .lines()
        .skip(1)
        .find_map(|line| line.split(',').find(|cell| cell.len() == 32))
        .unwrap();
    let list = text.replace(key, "0123456789ABCDEF0123456789ABCDEF");
    let db = import(&folder, &folder.write("r.csv", &list));
    import(
        &folder,
        &folder.write("more.csv", "manufacturer,id\nXYZ,12345678\n"),
    );
    let before = fs::metadata(&db).unwrap().len();
    let arguments = [
        "listen",
        "--json",
        "--db",
        db.to_str().unwrap(),
        capture.to_str().unwrap(),
    ];
    let said = json(&arguments);
    let meters = said["meters"].as_array().unwrap();
    let registered: Vec<&Value> = meters
        .iter()
        .filter(|meter| meter["registered"] == true)
        .collect();
    assert!(
        registered.len() > 50 && meters.len() > registered.len(),
        "neighbours are heard, too"
    );
    let of = |lock: &str| meters.iter().filter(|meter| meter["key"] == lock).count();
    assert!(
        of("clear") > 5 && of("opened") > 5 && of("key_wrong") == 1,
        "{said}"
    );
    assert_eq!(said["missing"].as_array().unwrap().len(), 1);
    assert!(
        meters
            .iter()
            .all(|meter| meter["rssi_dbm"].as_i64().is_some_and(|dbm| dbm < 0))
    );
    assert!(registered.iter().any(|meter| {
        meter["says"]
            .as_str()
            .is_some_and(|says| says.starts_with("volume current"))
    }));
    assert_eq!(fs::metadata(&db).unwrap().len(), before, "nothing is written");

    let table = |more: &[&str]| {
        let arguments = [
            &["listen", "--db", db.to_str().unwrap(), capture.to_str().unwrap()],
            more,
        ]
        .concat();
        let output = run(&arguments);
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    };
    let (status, missing) = table(&["--missing"]);
    assert_eq!(status, Some(1));
    assert!(missing.starts_with("XYZ 12345678"), "{missing}");
    let (status, by_count) = table(&["--sort", "count", "--registered"]);
    assert_eq!(status, Some(0));
    // The column before the day.
    let counts: Vec<u64> = by_count
        .lines()
        .filter_map(|line| {
            line.split(" 2025-10-01")
                .next()?
                .split_whitespace()
                .last()?
                .parse()
                .ok()
        })
        .collect();
    assert!(
        counts.len() > 50 && counts.is_sorted_by(|a, b| a >= b),
        "{by_count}"
    );
    // What is wanted is not there.
    let output = run(&["listen"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        String::from_utf8(output.stderr)
            .unwrap()
            .contains("releve radios")
    );
}

#[test]
fn what_is_captured_is_what_a_dongle_delivered() {
    let folder = Folder::new();
    let link = folder.path("dongle");
    let building = folder.path("building");
    let mut simulated = releve(&[
        "simulate",
        "--days",
        "1",
        "--dwellings",
        "3",
        "--every-minutes",
        "720",
        "--from",
        "2025-10-01",
        "--tty",
        "iu891a",
        "--per-second",
        "200",
        "--garbage-per-mille",
        "100",
        "--half-per-mille",
        "100",
        "--link",
        link.to_str().unwrap(),
        building.to_str().unwrap(),
    ])
    .stdout(Stdio::piped())
    .spawn()
    .unwrap();
    let mut lines = BufReader::new(simulated.stdout.take().unwrap()).lines();
    let plugged = lines
        .by_ref()
        .map(|line| line.unwrap())
        .find(|line| line.starts_with("iu891a on "));
    assert!(plugged.is_some());
    let heard = folder.path("heard.txt");
    let mut capturing = releve(&[
        "capture",
        "--json",
        "--device",
        link.to_str().unwrap(),
        "--model",
        "iu891a",
        "--output",
        heard.to_str().unwrap(),
    ])
    .stdout(Stdio::piped())
    .spawn()
    .unwrap();
    let last = lines.map(|line| line.unwrap()).last().unwrap();
    assert!(simulated.wait().unwrap().success());
    let delivered: u64 = last.split(' ').next().unwrap().parse().unwrap();
    let stop = std::process::Command::new("kill")
        .arg(capturing.id().to_string())
        .status()
        .unwrap();
    assert!(stop.success());
    let mut said = String::new();
    std::io::Read::read_to_string(&mut capturing.stdout.take().unwrap(), &mut said).unwrap();
    assert!(capturing.wait().unwrap().success());
    let said: Value = serde_json::from_str(&said).unwrap();
    assert!(delivered > 10);
    // A half message in front of a whole one may take it along; nothing else is lost, and nothing invented.
    let captured = said["telegrams"].as_u64().unwrap();
    assert!(
        captured <= delivered && captured * 10 >= delivered * 8,
        "{captured} of {delivered}"
    );
    let telegrams = |path: &std::path::Path| -> BTreeSet<Vec<u8>> {
        let file = fs::File::open(path).unwrap();
        let mut reader = Reader::new(BufReader::new(file), Origin::new("test"));
        let mut telegrams = BTreeSet::new();
        while let Some(line) = reader.read_line().unwrap() {
            if let Content::Telegrams(found) = line.content {
                let frames = found
                    .iter()
                    .filter_map(|telegram| Frame::parse(&telegram.octets).ok());
                telegrams.extend(frames.map(|frame| frame.octets().to_vec()));
            }
        }
        telegrams
    };
    let sent = telegrams(&building.join("capture.txt"));
    let got = telegrams(&heard);
    assert!(
        got.is_subset(&sent),
        "{:?}",
        got.difference(&sent).collect::<Vec<_>>()
    );
}
