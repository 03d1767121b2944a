//! Looking after a store: checked, copied while a daemon writes, damaged, restored, and what was lost read again.

use std::fs::{self, OpenOptions};
use std::io::{Seek, SeekFrom, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Output;

use releve::store::{SqliteStore, Store};
use serde_json::Value;

use crate::harness::{Daemon, Folder, import, json, run, simulate};

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// What `check` finds, as area and sentence; its exit status must agree.
fn findings(db: &Path, more: &[&str]) -> Vec<(String, String, String)> {
    let output = run(&[&["check", "--json", "--db", text(db)], more].concat());
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let found: Vec<_> = report["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|finding| {
            assert!(finding["advice"].as_str().unwrap().len() > 5, "{finding}");
            let word = |name: &str| finding[name].as_str().unwrap().to_owned();
            (word("area"), word("weight"), word("says"))
        })
        .collect();
    let grave = found.iter().any(|(_, weight, _)| weight != "note");
    assert_eq!(output.status.code(), Some(i32::from(grave)), "{report}");
    found
}

fn says(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn readings(db: &Path) -> u64 {
    SqliteStore::open(db).unwrap().counts().unwrap().readings
}

#[test]
fn check_says_what_is_the_matter_and_what_to_do() {
    let folder = Folder::new();
    let [capture, registry, _] = simulate(&folder, &["--days", "2", "--every-minutes", "240"]);
    let db = import(&folder, &registry);

    // Nothing was heard yet: every meter is named as never heard, and nothing else is wrong.
    let found = findings(&db, &[]);
    assert!(
        found
            .iter()
            .any(|(area, _, says)| area == "air" && says.contains("never heard")),
        "{found:?}"
    );
    assert!(
        found
            .iter()
            .all(|(area, weight, _)| area == "air" || weight == "note"),
        "{found:?}"
    );

    json(&["replay", "--json", "--db", text(&db), text(&capture)]);
    // The capture is old by now: the whole air is silent, which is one finding and not one a meter.
    let found = findings(&db, &[]);
    let air: Vec<_> = found.iter().filter(|(area, ..)| area == "air").collect();
    assert!(
        matches!(air[..], [(_, _, says)] if says.contains("nothing at all")),
        "{found:?}"
    );
    // Within ten years it counts as heard.
    let found = findings(&db, &["--silent-days", "3650"]);
    assert!(
        found
            .iter()
            .all(|(area, weight, _)| area != "air" || weight == "warning"),
        "{found:?}"
    );

    // A row of what is packed that says what no reading says; it is named once, and gone.
    let connection = rusqlite::Connection::open(&db).unwrap();
    connection
        .execute(
            "INSERT INTO packed (stretch, meter, channel, points)
             VALUES (1, (SELECT min(id) FROM meter), (SELECT min(id) FROM channel), x'010102')",
            [],
        )
        .unwrap();
    for found_it in [true, false] {
        let found = findings(&db, &[]);
        let named = found
            .iter()
            .any(|(area, _, says)| area == "store" && says.contains("something else than the readings"));
        assert_eq!(named, found_it, "{found:?}");
    }

    // A key taken away.
    connection
        .execute_batch(
            "INSERT OR IGNORE INTO outcome (code) VALUES ('no_key');
            UPDATE meter_state SET outcome = (SELECT id FROM outcome WHERE code = 'no_key')
                WHERE meter = (SELECT min(meter) FROM meter_state);",
        )
        .unwrap();
    // A row that speaks of a meter which is not there, as a damaged or hand-made file may.
    connection.pragma_update(None, "foreign_keys", false).unwrap();
    connection
        .execute(
            "INSERT INTO meter_fact (meter, name, value, at) VALUES (99999, 'firmware', '1', 0)",
            [],
        )
        .unwrap();
    // What was heard once and can't be read back.
    connection
        .execute("INSERT INTO inbox VALUES (1, 3, x'FF', 'of a later release')", [])
        .unwrap();
    drop(connection);
    fs::set_permissions(&db, fs::Permissions::from_mode(0o644)).unwrap();
    let found = findings(&db, &[]);
    let has = |area: &str, words: &str| found.iter().any(|(a, _, says)| a == area && says.contains(words));
    assert!(has("keys", "1 meter encrypted, without a key"), "{found:?}");
    assert!(has("store", "meter_fact"), "{found:?}");
    assert!(has("store", "can be read by others"), "{found:?}");
    assert!(
        has("store", "3 telegrams that were heard can't be read back"),
        "{found:?}"
    );
    // People get the same as a table.
    let table = run(&["check", "--db", text(&db)]);
    let table = String::from_utf8_lossy(&table.stdout).into_owned();
    assert!(
        table.contains("clock     ok") && table.contains("→ chmod 600"),
        "{table}"
    );
}

#[test]
fn a_copy_made_while_a_daemon_writes_is_whole_and_can_be_put_back() {
    let folder = Folder::new();
    let [capture, registry, _] = simulate(&folder, &["--days", "20", "--every-minutes", "240"]);
    let db = import(&folder, &registry);
    let copy = folder.path("copy.db");
    let daemon = Daemon::start(
        &folder,
        &db,
        &format!(
            "[[receiver]]\nname = \"c\"\nfile = {:?}\nfollow = true\ntimes = \"recorded\"\n",
            text(&capture)
        ),
    );
    daemon.until("/v1/readings?limit=1", |page| {
        page["items"].as_array().is_some_and(|items| !items.is_empty())
    });
    let made = json(&["backup", text(&copy), "--db", text(&db), "--json"]);
    assert!(made["readings"].as_u64().unwrap() > 0, "{made}");
    assert_eq!(made["octets"], fs::metadata(&copy).unwrap().len());
    assert_eq!(fs::metadata(&copy).unwrap().permissions().mode() & 0o777, 0o600);

    // A copy is never written over, and a store that a daemon holds is never replaced.
    let again = run(&["backup", text(&copy), "--db", text(&db)]);
    assert!(says(&again).contains("is there already"), "{}", says(&again));
    let held = run(&["restore", text(&copy), "--db", text(&db), "--replace"]);
    assert_eq!(held.status.code(), Some(2));
    assert!(says(&held).contains("another `releve run`"), "{}", says(&held));
    daemon.stop();

    let refused = run(&["restore", text(&copy), "--db", text(&db)]);
    assert!(says(&refused).contains("--replace"), "{}", says(&refused));
    let elsewhere = folder.path("elsewhere.db");
    json(&["restore", text(&copy), "--db", text(&elsewhere), "--json"]);
    assert_eq!(readings(&elsewhere), made["readings"].as_u64().unwrap());
    // No half-made file is left anywhere.
    let left: Vec<_> = fs::read_dir(folder.path("."))
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert!(
        left.iter()
            .all(|name| !name.to_string_lossy().contains("partial")),
        "{left:?}"
    );
}

#[test]
fn a_damaged_store_is_noticed_set_aside_restored_and_filled_again() {
    let folder = Folder::new();
    let [capture, registry, _] = simulate(&folder, &["--days", "20", "--every-minutes", "240"]);
    let db = import(&folder, &registry);
    let half = folder.path("half.txt");
    let lines = fs::read_to_string(&capture).unwrap();
    let cut = lines.len() / 2;
    let cut = lines[..cut].rfind('\n').unwrap() + 1;
    fs::write(&half, &lines[..cut]).unwrap();
    json(&["replay", "--json", "--db", text(&db), text(&half)]);
    let copy = folder.path("copy.db");
    json(&["backup", text(&copy), "--db", text(&db), "--json"]);
    json(&["replay", "--json", "--db", text(&db), text(&capture)]);
    let whole = readings(&db);

    // An old flash card forgets some pages in the middle.
    let size = fs::metadata(&db).unwrap().len();
    let mut file = OpenOptions::new().write(true).open(&db).unwrap();
    file.seek(SeekFrom::Start(size / 2 / 4096 * 4096)).unwrap();
    file.write_all(&[0xA5; 3 * 4096]).unwrap();
    drop(file);
    let found = findings(&db, &[]);
    assert!(
        found
            .iter()
            .any(|(area, weight, _)| area == "store" && weight == "fault"),
        "{found:?}"
    );
    // A copy of a damaged store is refused: it would take the place of a good one.
    let bad = run(&["backup", text(&folder.path("bad.db")), "--db", text(&db)]);
    assert_eq!(bad.status.code(), Some(2));
    assert!(!folder.path("bad.db").exists());
    // So is one as the source of a restore.
    let bad = run(&["restore", text(&db), "--db", text(&folder.path("new.db"))]);
    assert_eq!(bad.status.code(), Some(2), "{}", says(&bad));

    let restored = json(&["restore", text(&copy), "--db", text(&db), "--replace", "--json"]);
    let aside = restored["set_aside"].as_str().unwrap();
    assert_eq!(fs::metadata(aside).unwrap().len(), size);
    assert!(readings(&db) < whole);
    json(&["replay", "--json", "--db", text(&db), text(&capture)]);
    assert_eq!(readings(&db), whole);
    assert!(findings(&db, &[]).iter().all(|(area, ..)| area != "store"));
}

#[test]
fn a_copy_with_something_of_its_own_in_it_is_refused() {
    let folder = Folder::new();
    let [_, registry, _] = simulate(&folder, &["--days", "2"]);
    let db = import(&folder, &registry);
    for (number, change) in [
        "CREATE TRIGGER t AFTER INSERT ON reading BEGIN DELETE FROM token; END",
        "CREATE VIEW v AS SELECT * FROM meter_key",
        "CREATE TABLE t (a)",
        "CREATE INDEX i ON reading (value)",
        "DROP INDEX alert_cleared",
        "ALTER TABLE site ADD COLUMN more TEXT",
    ]
    .iter()
    .enumerate()
    {
        let copy = folder.path(&format!("copy-{number}.db"));
        json(&["backup", text(&copy), "--db", text(&db), "--json"]);
        let connection = rusqlite::Connection::open(&copy).unwrap();
        connection.execute_batch(change).unwrap();
        drop(connection);
        let target = folder.path(&format!("restored-{number}.db"));
        let refused = run(&["restore", text(&copy), "--db", text(&target)]);
        assert_eq!(refused.status.code(), Some(2), "{change}");
        assert!(
            says(&refused).contains("is not as a release of releve makes it"),
            "{}",
            says(&refused)
        );
        assert!(!target.exists());
    }
}

#[test]
fn a_link_that_waits_for_a_copy_is_not_followed() {
    let folder = Folder::new();
    let [_, registry, _] = simulate(&folder, &["--days", "2"]);
    let db = import(&folder, &registry);
    let victim = folder.write("victim", "mine");
    let copy = folder.path("copy.db");
    let link = |name: &str| std::os::unix::fs::symlink(&victim, folder.path(name)).unwrap();
    link("copy.db.partial");
    json(&["backup", text(&copy), "--db", text(&db), "--json"]);
    link("restored.db.partial");
    json(&[
        "restore",
        text(&copy),
        "--db",
        text(&folder.path("restored.db")),
        "--json",
    ]);
    link("releve.db.erasures.partial");
    json(&["erase", "--db", text(&db), "--dwelling", "1", "--yes", "--json"]);
    assert_eq!(fs::read_to_string(&victim).unwrap(), "mine");
    for made in ["copy.db", "restored.db", "releve.db.erasures"] {
        let data = fs::symlink_metadata(folder.path(made)).unwrap();
        assert!(data.is_file(), "{made}");
        assert_eq!(data.permissions().mode() & 0o777, 0o600, "{made}");
    }
    // A name that is taken by a link is taken.
    link("taken.db");
    let refused = run(&["backup", text(&folder.path("taken.db")), "--db", text(&db)]);
    assert_eq!(refused.status.code(), Some(2));
    assert_eq!(fs::read_to_string(&victim).unwrap(), "mine");
}
