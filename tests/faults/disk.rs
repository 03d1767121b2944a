//! A disk that fills and has room again.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use rusqlite::{Connection, OpenFlags};

use crate::harness::{Daemon, Folder, configuration, import, json, simulate};
use crate::stored::{TELEGRAMS, stored, waiting};

/// A small disk of memory; nothing (said on standard error) where this process may not mount one.
struct Disk(PathBuf);

impl Disk {
    fn new(path: PathBuf) -> Option<Self> {
        fs::create_dir_all(&path).unwrap();
        let done = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=64m", "none"])
            .arg(&path)
            .output();
        if done.is_ok_and(|output| output.status.success()) {
            return Some(Self(path));
        }
        eprintln!("skipped: only root may mount a small disk");
        None
    }

    /// Takes all the room that is left; what is given removes it again.
    fn fill(&self) -> PathBuf {
        let path = self.0.join("ballast");
        let mut file = OpenOptions::new().create(true).append(true).open(&path).unwrap();
        for size in [64 << 10, 4096, 1] {
            while file.write_all(&vec![0_u8; size]).is_ok() {}
        }
        path
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[test]
fn a_full_disk_is_reported_and_what_was_heard_meanwhile_is_stored_afterwards() {
    fill_and_free(&["--days", "10", "--seed", "4"], 1);
}

#[test]
fn a_disk_that_stays_full_does_not_fill_the_memory() {
    fill_and_free(&["--days", "90", "--every-minutes", "240", "--seed", "4"], HELD);
}

/// Telegrams that the daemon holds at most while the store refuses.
const HELD: u64 = 20_000;

/// A building, its telegrams, and its store on a small disk.
struct Ground {
    folder: Folder,
    disk: Disk,
    /// On that disk.
    db: PathBuf,
    /// What all telegrams leave on a disk that has room, and how many they are.
    undisturbed: PathBuf,
    total: u64,
    /// A capture of them.
    text: String,
    /// A store that has heard nothing.
    prepared: PathBuf,
}

impl Ground {
    /// Nothing where there can be no small disk.
    fn new(building: &[&str]) -> Option<Self> {
        let folder = Folder::new();
        let [capture, registry, _] = simulate(&folder, building);
        let prepared = import(&folder, &registry);
        let disk = Disk::new(folder.path("disk"))?;
        let undisturbed = folder.path("undisturbed.db");
        fs::copy(&prepared, &undisturbed).unwrap();
        let total = replay(&undisturbed, &capture);
        let db = disk.0.join("releve.db");
        fs::copy(&prepared, &db).unwrap();
        Some(Self {
            folder,
            disk,
            db,
            undisturbed,
            total,
            text: fs::read_to_string(&capture).unwrap(),
            prepared,
        })
    }
}

/// The disk is full until so many telegrams wait.
fn fill_and_free(building: &[&str], until_waiting: u64) {
    let Some(ground) = Ground::new(building) else {
        return;
    };
    let Ground {
        folder,
        disk,
        db,
        undisturbed,
        total,
        text,
        ..
    } = ground;
    let (first, rest) = text.split_at(text.len() / 10);
    let live = folder.write("live.txt", first);
    let receiver = format!("[[receiver]]\nname = \"cellar\"\nfile = {live:?}\n");
    let daemon = Daemon::start(&folder, &db, &receiver);
    daemon.until("/v1/radio", |radio| {
        radio["radios"]
            .as_array()
            .is_some_and(|radios| !radios.is_empty())
    });
    assert_eq!(daemon.figure("releve_store_up"), 1);
    let ballast = disk.fill();
    OpenOptions::new()
        .append(true)
        .open(&live)
        .unwrap()
        .write_all(rest.as_bytes())
        .unwrap();
    let problem = daemon.until("/readyz", |answer| {
        answer["type"] == "urn:releve:problem:not-storing"
    });
    assert!(
        problem["detail"].as_str().unwrap().contains("disk_full"),
        "{problem}"
    );
    // It goes on answering from what it has, and says how it is.
    assert_eq!(daemon.get("/healthz").0, 200);
    assert_eq!(daemon.figure("releve_store_up"), 0);
    assert!(daemon.figure("releve_store_refused_batches_total") > 0);
    daemon.until_long("/metrics", |_| {
        daemon.figure("releve_store_waiting_telegrams") >= until_waiting
    });
    let refused = daemon.figure("releve_store_refused_batches_total");
    daemon.until_long("/metrics", |_| {
        daemon.figure("releve_store_refused_batches_total") > refused
    });
    // One telegram may bring fragments that were kept back.
    assert!(daemon.figure("releve_store_waiting_telegrams") < HELD + 100);
    assert_eq!(daemon.figure("releve_dropped_telegrams_total"), 0);

    fs::remove_file(ballast).unwrap();
    daemon.until("/readyz", |answer| answer["status"] == "ok");
    assert_eq!(daemon.figure("releve_store_up"), 1);
    assert_eq!(daemon.figure("releve_store_waiting_telegrams"), 0);
    daemon.until("/v1/radio", |radio| {
        let radios = radio["radios"].as_array().unwrap();
        radios
            .iter()
            .filter_map(|radio| radio["telegrams"].as_u64())
            .sum::<u64>()
            >= total
    });
    daemon.stop();
    assert_eq!(stored(&db), stored(&undisturbed));
}

/// What was heard last waits in the inbox when the power goes; when it comes back the disk is full.
#[test]
fn a_daemon_that_begins_on_a_full_disk_listens_and_stores_when_there_is_room() {
    let Some(ground) = Ground::new(&["--days", "4", "--seed", "4"]) else {
        return;
    };
    let Ground {
        folder,
        disk,
        db,
        undisturbed,
        total,
        text,
        prepared,
    } = ground;
    let line_end = |at: usize| at + text[at..].find('\n').unwrap() + 1;
    let (text, third) = text.split_at(line_end(text.len() * 2 / 3));
    let (first, second) = text.split_at(line_end(text.len() / 2));
    let begun = folder.path("begun.db");
    fs::copy(&prepared, &begun).unwrap();
    let in_first = replay(&begun, &folder.write("first.txt", first));
    let live = folder.write("live.txt", first);
    let receiver = format!("[[receiver]]\nname = \"cellar\"\nfile = {live:?}\n");
    // Read only: whoever else closes a store last carries its log over.
    let count = |sql: &str| {
        Connection::open_with_flags(&db, OpenFlags::SQLITE_OPEN_READ_ONLY)
            .and_then(|store| store.query_row(sql, [], |row| row.get::<_, i64>(0)))
            .map(i64::unsigned_abs)
            .unwrap()
    };
    let waits = || waiting(&db);
    let daemon = Daemon::start(&folder, &db, &receiver);
    let hear = |text: &str| {
        let mut file = OpenOptions::new().append(true).open(&live).unwrap();
        file.write_all(text.as_bytes()).unwrap();
    };
    // What proves keys does not wait, nor what comes with it.
    daemon.until("/metrics", |_| waits() + count(TELEGRAMS) >= in_first);
    // A round of the daemon's (a copy, alerts) gives all that waits its place: then more is heard.
    let mut lines = second.split_inclusive('\n');
    while waits() == 0 {
        let before = count(TELEGRAMS);
        let some: String = lines.by_ref().take(20).collect();
        assert!(!some.is_empty(), "nothing ever waited");
        hear(&some);
        daemon.until("/metrics", |_| waits() > 0 || count(TELEGRAMS) > before);
    }
    let token = daemon.token().to_owned();
    daemon.kill();
    let ballast = disk.fill();
    let daemon = Daemon::begin(&folder, token, &configuration(&db, "", &receiver), &[]);
    assert!(daemon.said().contains("inbox.unsettled"), "{}", daemon.said());
    assert!(waits() > 0);
    hear(&lines.collect::<String>());
    hear(third);
    daemon.until("/readyz", |answer| {
        answer["type"] == "urn:releve:problem:not-storing"
    });
    fs::remove_file(ballast).unwrap();
    daemon.until("/readyz", |answer| answer["status"] == "ok");
    daemon.until("/v1/radio", |radio| {
        let radios = radio["radios"].as_array().unwrap();
        let heard = radios.iter().filter_map(|radio| radio["telegrams"].as_u64());
        heard.sum::<u64>() >= total
    });
    daemon.stop();
    assert_eq!(stored(&db), stored(&undisturbed));
}

/// How many telegrams were stored.
fn replay(db: &Path, capture: &Path) -> u64 {
    let summary = json(&[
        "replay",
        "--json",
        "--db",
        db.to_str().unwrap(),
        capture.to_str().unwrap(),
    ]);
    summary["stored"]["telegrams"].as_u64().unwrap()
}
