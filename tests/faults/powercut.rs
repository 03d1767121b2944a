//! The power fails: what was written and not yet synchronised is lost, or torn by sectors, in any order.
//!
//! The layer writes down every change that the daemon makes to its files, and every sync. From that record the disk is
//! built again as it may have been found after a power cut at any of its places. Not shown: a disk that says that it has
//! synchronised and has not, and one that spoils neighbours of what it writes (`corrupted.rs` has those).

use std::cell::RefCell;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::Stdio;

use releve::store::{SqliteStore, Store};

use crate::harness::{Daemon, Folder, add_token, import, releve, replay, simulate};
use crate::layer::{self, Disk};
use crate::luck::{Luck, number};
use crate::stored::{remove, stored};

#[test]
fn after_a_power_cut_at_any_place_what_was_shown_is_there() {
    let cuts = number("RELEVE_FAULT_CUTS", 60);
    cut(&["--days", "20", "--seed", "8"], cuts, live);
}

/// A replay waits for the disk once, at the end, before it says anything.
#[test]
fn after_a_power_cut_in_a_replay_whole_transactions_are_there_and_all_that_it_said() {
    let cuts = number("RELEVE_FAULT_CUTS", 60) / 4;
    let building = ["--days", "75", "--every-minutes", "240", "--seed", "8"];
    cut(&building, cuts, replayed);
}

/// What was shown when the record had which length, and the file as it was before.
type Recorded = (Vec<(u64, u64)>, Vec<u8>);

/// Cuts the power at random places of what a command writes of a building's telegrams.
fn cut(building: &[&str], cuts: u64, work: impl Fn(&Folder, &Path, &Path, u64, &Path, &Path) -> Recorded) {
    let seed = number("RELEVE_FAULT_SEED", 1);
    let folder = Folder::new();
    let Some(library) = layer::build(&folder) else {
        return;
    };
    let [capture, registry, _] = simulate(&folder, building);
    let prepared = import(&folder, &registry);
    let undisturbed = folder.path("undisturbed.db");
    fs::copy(&prepared, &undisturbed).unwrap();
    replay(&undisturbed, &capture);
    let wanted = stored(&undisturbed);

    let changes = SqliteStore::open(&undisturbed).unwrap().last_change().unwrap();
    let db = folder.path("watched.db");
    fs::copy(&prepared, &db).unwrap();
    let log = folder.path("record");
    let (marks, before) = work(&folder, &db, &capture, changes, &library, &log);
    let log = fs::read(log).unwrap();
    let records = layer::records(&log);
    let syncs = records
        .iter()
        .filter(|(_, _, change)| *change == layer::Change::Synchronise)
        .count();
    assert!(
        syncs > 1 && marks.iter().any(|(_, shown)| *shown > 0),
        "{syncs} syncs, {marks:?}"
    );

    let mut places: Vec<usize> = Vec::new();
    let mut luck = Luck::new(seed);
    for _ in 0..cuts {
        places.push(luck.index(records.len()));
    }
    // And when all was said.
    places.push(records.len() - 1);
    places.sort_unstable();
    let mut disk = Disk::with("watched.db", before);
    let mut done = 0;
    let mut begun_again = 0;
    for (number, place) in places.into_iter().enumerate() {
        for (_, name, change) in &records[done..=place] {
            disk.take(name, change);
        }
        done = place + 1;
        let image = disk.after_power_cut(&mut luck);
        let target = folder.path(&format!("cut-{number}.db"));
        layer::lay_down(&image, "watched.db", &target);
        let shown = marks
            .iter()
            .filter(|(at, _)| *at <= records[place].0)
            .map(|(_, changes)| *changes)
            .max()
            .unwrap_or(0);
        let kept = {
            let store = SqliteStore::open(&target)
                .unwrap_or_else(|error| panic!("seed {seed}, cut at {place}: {error}"));
            assert_eq!(
                store.contradictions().unwrap(),
                Vec::<String>::new(),
                "seed {seed}, cut at {place}"
            );
            store.last_change().unwrap()
        };
        assert!(
            kept >= shown,
            "seed {seed}, cut at {place}: {shown} changes were shown, {kept} are there"
        );
        let got = stored(&target);
        assert!(
            got.iter().all(|row| wanted.binary_search(row).is_ok()),
            "seed {seed}, cut at {place}: something that was never heard"
        );
        if number % 15 == 0 {
            begun_again += 1;
            replay(&target, &capture);
            assert_eq!(stored(&target), wanted, "seed {seed}, cut at {place}");
        }
        remove(&target);
    }
    eprintln!(
        "{} power cuts in {} changes with {syncs} syncs, {} answers held against them, {begun_again} begun again, seed {seed}",
        cuts + 1,
        records.len(),
        marks.len()
    );
}

/// Lets a replay read the capture to its end.
fn replayed(
    _folder: &Folder,
    db: &Path,
    capture: &Path,
    changes: u64,
    library: &Path,
    log: &Path,
) -> Recorded {
    let before = fs::read(db).unwrap();
    let mut child = releve(&[
        "replay",
        "--json",
        "--db",
        db.to_str().unwrap(),
        capture.to_str().unwrap(),
    ])
    .envs(watched(db, library, log))
    .stdout(Stdio::piped())
    .spawn()
    .unwrap();
    let mut said = String::new();
    BufReader::new(child.stdout.take().unwrap())
        .read_line(&mut said)
        .unwrap();
    let length = fs::metadata(log).unwrap().len();
    assert!(said.contains("stored"), "{said}");
    assert!(child.wait().unwrap().success());
    (vec![(length, changes)], before)
}

/// What puts the layer between a command and its store.
fn watched<'a>(db: &'a Path, library: &'a Path, log: &'a Path) -> [(&'static str, &'a str); 3] {
    [
        ("LD_PRELOAD", library.to_str().unwrap()),
        ("LAYER_FILES", db.to_str().unwrap()),
        ("LAYER_LOG", log.to_str().unwrap()),
    ]
}

/// Lets the daemon read the capture to its end and stop.
fn live(
    folder: &Folder,
    db: &Path,
    capture: &Path,
    until_changes: u64,
    library: &Path,
    log: &Path,
) -> Recorded {
    let token = add_token(db);
    let before = fs::read(db).unwrap();
    let config = format!(
        "[store]\npath = {db:?}\ncommit_seconds = 1\ncommit_telegrams = 100\nlive_days = 3650\nevery_value_days = 3650\nraw_days = 3650\n\
         [api]\nlisten = \"127.0.0.1:0\"\n[[receiver]]\nname = \"cellar\"\nfile = {capture:?}\n"
    );
    let daemon = Daemon::begin(folder, token, &config, &watched(db, library, log));
    let marks = RefCell::new(Vec::new());
    daemon.until_long("/metrics", |text| {
        let changes = figure(text.as_str().unwrap(), "releve_reading_changes_total");
        // What the answer shows was on the disk when the record had this length.
        let length = fs::metadata(log).unwrap().len();
        marks.borrow_mut().push((length, changes));
        changes >= until_changes
    });
    daemon.stop();
    (marks.into_inner(), before)
}

/// A figure among all of them.
fn figure(text: &str, name: &str) -> u64 {
    let line = text.lines().find(|line| line.starts_with(&format!("{name} ")));
    line.unwrap().rsplit(' ').next().unwrap().parse().unwrap()
}
