//! The fixtures that the project made itself: the simulator still makes them, and they still say what they said.
//!
//! `BLESS=1` writes them again; the diff is read by a person.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::harness::{Folder, import, json, releve, simulate};

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures")
}

/// A day on the air, the building it belongs to and the truth: made by the simulator, on every machine the same.
#[test]
fn a_day_on_the_air_is_still_the_same_day() {
    let folder = Folder::new();
    let made = simulate(&folder, &["--days", "1", "--seed", "1", "--every-minutes", "360"]);
    let kept = [
        "captures/day.txt",
        "registries/tilleuls.csv",
        "captures/day.truth.jsonl",
    ];
    for (made, kept) in made.iter().zip(kept) {
        let (made, path) = (fs::read_to_string(made).unwrap(), fixtures().join(kept));
        if std::env::var_os("BLESS").is_some() {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, &made).unwrap();
        }
        assert!(
            fs::read_to_string(&path).unwrap() == made,
            "{kept} is another one: BLESS=1 writes it again"
        );
    }
}

/// Each file of `rejected/` is named by its defect: its `.hex` holds a telegram (and a key), its `.json` what `decode`
/// says.
#[test]
fn what_is_rejected_is_rejected_for_the_same_reason() {
    let folder = fixtures().join("rejected");
    let mut count = 0;
    for entry in fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "hex") {
            continue;
        }
        let output = releve(&["decode", "--json", path.to_str().unwrap()])
            .output()
            .unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        let expected = path.with_extension("json");
        if std::env::var_os("BLESS").is_some() {
            fs::write(&expected, &said).unwrap();
        }
        assert_eq!(said, fs::read_to_string(&expected).unwrap(), "{}", path.display());
        for line in said.lines() {
            let line: Value = serde_json::from_str(line).unwrap();
            let code = line["error"]["code"]
                .as_str()
                .unwrap_or_else(|| panic!("{}: {line}", path.display()));
            let name = path.file_stem().unwrap().to_string_lossy().replace('-', "_");
            assert!(name.starts_with(code), "{name} is rejected as {code}");
        }
        assert_eq!(output.status.code(), Some(1));
        count += 1;
    }
    assert!(count >= 8, "{count}");
}

/// The fixtures work as a whole: imported, replayed, all telegrams on their piles.
#[test]
fn the_day_can_be_replayed() {
    let folder = Folder::new();
    let db = import(&folder, &fixtures().join("registries/tilleuls.csv"));
    let capture = fixtures().join("captures/day.txt");
    let summary = json(&[
        "replay",
        "--json",
        "--db",
        db.to_str().unwrap(),
        capture.to_str().unwrap(),
    ]);
    let facts = fs::read_to_string(fixtures().join("captures/day.truth.jsonl"))
        .unwrap()
        .lines()
        .count();
    assert_eq!(
        summary["outcomes"]["read"],
        facts + summary["stored"]["duplicates"].as_u64().unwrap() as usize,
        "{summary}"
    );
}
