//! A dwelling's data, deleted on request: by hand, over the API, beside a daemon, and never back again.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use rusqlite::Connection;
use serde_json::Value;

use crate::harness::{Daemon, Folder, import, json, run, simulate};

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// Site and lot of a dwelling, by its id.
fn named(db: &Path, dwelling: i64) -> (String, String) {
    Connection::open(db)
        .unwrap()
        .query_row(
            "SELECT site.code, lot FROM dwelling JOIN site ON site.id = site WHERE dwelling.id = ?1",
            [dwelling],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
        .unwrap()
}

const METERS: &str = "(SELECT installation.meter FROM installation JOIN point ON point.id = point
    WHERE point.dwelling = ?1)";

/// The raw telegrams of a dwelling's meters.
fn raw(db: &Path, dwelling: i64) -> Vec<Vec<u8>> {
    let connection = Connection::open(db).unwrap();
    let mut statement = connection
        .prepare(&format!("SELECT octets FROM telegram WHERE meter IN {METERS}"))
        .unwrap();
    let rows = statement.query_map([dwelling], |row| row.get(0)).unwrap();
    rows.map(Result::unwrap).collect()
}

/// The readings of a dwelling's meters.
fn readings(db: &Path, dwelling: i64) -> Vec<(i64, i64, i64, i64)> {
    let connection = Connection::open(db).unwrap();
    let mut statement = connection
        .prepare(&format!(
            "SELECT meter, at, source, value FROM reading WHERE meter IN {METERS} ORDER BY 1, 2, 3, 4, channel"
        ))
        .unwrap();
    let rows = statement
        .query_map([dwelling], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
        })
        .unwrap();
    rows.map(Result::unwrap).collect()
}

/// How many of some telegrams stand anywhere in the files of a store.
fn found(db: &Path, telegrams: &[Vec<u8>]) -> usize {
    let entries = fs::read_dir(db.parent().unwrap()).unwrap();
    let octets: Vec<u8> = entries
        .map(|entry| entry.unwrap().path())
        .filter(|path| *path == *db || text(path).starts_with(&format!("{}-", text(db))))
        .flat_map(|path| fs::read(path).unwrap_or_default())
        .collect();
    // The first twenty hold the meter's address and its counter.
    let parts: BTreeSet<&[u8]> = telegrams
        .iter()
        .filter_map(|telegram| telegram.get(..20))
        .collect();
    let seen: BTreeSet<&[u8]> = octets
        .windows(20)
        .filter(|window| parts.contains(window))
        .collect();
    seen.len()
}

#[test]
fn a_dwelling_is_erased_with_a_receipt_and_a_second_replay_brings_nothing_back() {
    let folder = Folder::new();
    let [capture, registry, _] = simulate(&folder, &["--days", "12", "--every-minutes", "240"]);
    let db = import(&folder, &registry);
    let replay = || json(&["replay", "--json", "--db", text(&db), text(&capture)]);
    replay();
    let (site, lot) = named(&db, 1);
    let (gone, stays) = (raw(&db, 1), raw(&db, 2));
    let others = readings(&db, 2);
    assert!(found(&db, &gone) > 10 && !readings(&db, 1).is_empty());
    let mut command = vec!["erase", "--db", text(&db), "--site", &site, "--lot", &lot];

    // Nobody is there who could be asked.
    let refused = run(&command);
    assert_eq!(refused.status.code(), Some(2));
    assert!(
        String::from_utf8_lossy(&refused.stderr).contains("--yes"),
        "{refused:?}"
    );
    let rehearsed = json(&[&command[..], &["--dry-run", "--json"]].concat());
    assert_eq!(rehearsed["done"], false);
    assert_eq!(raw(&db, 1), gone);

    command.extend(["--yes", "--json"]);
    let done = json(&command);
    assert_eq!(done["done"], true);
    assert_eq!(done["receipt"]["deleted"], rehearsed["receipt"]["deleted"]);
    assert_eq!(done["receipt"]["deleted"]["telegrams"], gone.len());
    assert!(
        done["receipt"]["who"]
            .as_str()
            .unwrap()
            .starts_with("command line")
    );
    assert!(done["backups"].as_str().unwrap().contains("copies made before"));
    assert_eq!(readings(&db, 1), []);
    assert_eq!(found(&db, &gone), 0);
    assert_eq!((readings(&db, 2), raw(&db, 2)), (others.clone(), stays));

    let again = replay();
    assert!(
        again["stored"]["erased_telegrams"].as_u64().unwrap() >= gone.len() as u64,
        "{again}"
    );
    assert_eq!(again["stored"]["readings"], 0);
    assert_eq!(readings(&db, 1), []);
    assert_eq!(found(&db, &gone), 0);
    assert_eq!(readings(&db, 2), others);

    // A second time there is nothing to delete, and a receipt that says so.
    let second = json(&command);
    assert_eq!(second["receipt"]["deleted"]["readings"], 0);
    assert_eq!(second["receipt"]["before"], done["receipt"]["seal"]);
    let check = run(&["check", "--json", "--db", text(&db)]);
    let report: Value = serde_json::from_slice(&check.stdout).unwrap();
    assert!(
        report["findings"]
            .as_array()
            .unwrap()
            .iter()
            .all(|finding| finding["weight"] != "fault" || finding["area"] == "air"),
        "{report}"
    );
    // The list beside the store names what an older copy that was put there by hand would bring back.
    let list = format!("{}.erasures", text(&db));
    assert_eq!(fs::read_to_string(&list).unwrap().lines().count(), 2);
    Connection::open(&db)
        .unwrap()
        .execute_batch("DELETE FROM erased; DELETE FROM erasure")
        .unwrap();
    let check = run(&["check", "--json", "--db", text(&db)]);
    assert!(String::from_utf8_lossy(&check.stdout).contains("may be in the store again"));
}

#[test]
fn a_dwelling_is_erased_beside_a_daemon_that_goes_on() {
    let folder = Folder::new();
    let [capture, registry, _] = simulate(&folder, &["--days", "12", "--every-minutes", "240"]);
    let db = import(&folder, &registry);
    let lines = fs::read_to_string(&capture).unwrap();
    let cut = lines[..lines.len() / 2].rfind('\n').unwrap() + 1;
    let live = folder.write("live.txt", &lines[..cut]);
    let receiver = format!(
        "[[receiver]]\nname = \"c\"\nfile = {:?}\ntimes = \"recorded\"\n",
        text(&live)
    );
    let daemon = Daemon::start(&folder, &db, &receiver);
    let half = lines[..cut].lines().count() / 2;
    daemon.until("/metrics", |_| {
        raw(&db, 2).len() + raw(&db, 1).len() > 5 && readings(&db, 2).len() > half / 50
    });
    daemon.until("/v1/radio", |radio| {
        radio["radios"].as_array().is_some_and(|all| !all.is_empty())
    });

    // Over the API, and by a command of its own: the daemon waits and goes on.
    let gone = raw(&db, 1);
    let (status, rehearsed) = daemon.delete("/v1/dwellings/1/data?dry_run=true");
    assert_eq!(
        (status, &rehearsed["done"]),
        (200, &Value::Bool(false)),
        "{rehearsed}"
    );
    let (status, done) = daemon.delete("/v1/dwellings/1/data");
    assert_eq!((status, &done["purged"]), (200, &Value::Bool(true)), "{done}");
    assert_eq!(done["receipt"]["who"], "test");
    assert_eq!(readings(&db, 1), []);
    let by_hand = json(&["erase", "--db", text(&db), "--dwelling", "3", "--yes", "--json"]);
    assert_eq!(by_hand["done"], true);
    assert_eq!(found(&db, &gone), 0);
    let listed = daemon.good("/v1/erasures");
    assert_eq!(listed["items"].as_array().unwrap().len(), 2, "{listed}");
    assert_eq!(listed["items"][0]["seal"], done["receipt"]["seal"]);

    let before = readings(&db, 2).len();
    fs::write(&live, &lines).unwrap();
    daemon.until("/metrics", |_| readings(&db, 2).len() > before);
    daemon.stop();
    assert_eq!((readings(&db, 1), readings(&db, 3)), (Vec::new(), Vec::new()));
    assert_eq!(raw(&db, 1), Vec::<Vec<u8>>::new());
    let check = run(&["check", "--json", "--db", text(&db)]);
    assert!(!String::from_utf8_lossy(&check.stdout).contains("receipt"));
}

#[test]
fn what_could_not_be_stored_is_erased_with_the_rest() {
    let folder = Folder::new();
    let [capture, registry, _] = simulate(&folder, &["--days", "12", "--every-minutes", "240"]);
    let db = import(&folder, &registry);
    let full = folder.path("full.db");
    fs::copy(&db, &full).unwrap();
    json(&["replay", "--json", "--db", text(&full), text(&capture)]);
    let lines = fs::read_to_string(&capture).unwrap();
    let cut = lines[..lines.len() / 2].rfind('\n').unwrap() + 1;
    let first = folder.write("first.txt", &lines[..cut]);
    json(&["replay", "--json", "--db", text(&db), text(&first)]);
    let (all, early) = (raw(&full, 1), raw(&db, 1));
    assert!(early.len() > 5 && all.len() > early.len() + 5);

    // A daemon that could not read what an earlier one had left.
    let daemon = Daemon::start(&folder, &db, "");
    let held = folder.write("releve.db-held.txt", &lines[cut..]);
    let (status, refused) = daemon.delete("/v1/dwellings/1/data");
    assert_eq!(status, 409, "{refused}");
    assert!(refused["detail"].as_str().unwrap().contains("releve.db-held.txt"));
    assert_eq!(daemon.delete("/v1/dwellings/1/data?dry_run=true").0, 200);
    let command = ["erase", "--db", text(&db), "--dwelling", "1", "--yes", "--json"];
    let by_hand = run(&command);
    assert_eq!(by_hand.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&by_hand.stderr).contains("releve.db-held.txt"));
    daemon.stop();
    assert_eq!(raw(&db, 1), early);
    assert!(held.exists());
    let rehearsed = run(&["erase", "--db", text(&db), "--dwelling", "1", "--dry-run"]);
    assert!(String::from_utf8_lossy(&rehearsed.stderr).contains("releve.db-held.txt"));
    assert!(held.exists());

    // All of it is counted, nothing of it is left, and what others said meanwhile is stored.
    let done = json(&command);
    assert_eq!(done["receipt"]["deleted"]["telegrams"], all.len());
    assert!(!held.exists());
    assert_eq!((readings(&db, 1), found(&db, &all)), (Vec::new(), 0));
    assert_eq!(readings(&db, 2), readings(&full, 2));
}
