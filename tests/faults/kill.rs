//! `kill -9` at any instant of live listening: nothing that was shown as stored is lost, and in the end all is there.

use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{fs, thread};

use crate::harness::{Daemon, Folder, add_token, import, replay, simulate};
use crate::luck::{Luck, number};
use crate::stored::{readings, stored};

/// A capture that comes piece by piece, and what each piece should leave behind.
struct Pieces {
    texts: Vec<String>,
    wanted: Vec<Vec<String>>,
}

/// Pieces of a capture: so many kills meet one store.
const PIECES: usize = 10;

impl Pieces {
    fn new(folder: &Folder, prepared: &Path, capture: &Path) -> Self {
        let text = fs::read_to_string(capture).unwrap();
        let lines: Vec<&str> = text.split_inclusive('\n').collect();
        let texts: Vec<String> = (1..=PIECES)
            .map(|piece| lines[..lines.len() * piece / PIECES].concat())
            .collect();
        let undisturbed = folder.path("undisturbed.db");
        fs::copy(prepared, &undisturbed).unwrap();
        let wanted = texts
            .iter()
            .map(|text| {
                replay(&undisturbed, &folder.write("piece.txt", text));
                stored(&undisturbed)
            })
            .collect();
        Self { texts, wanted }
    }
}

/// Waits until so many changes are told; how many were.
fn watch(daemon: &Daemon, until: u64) -> u64 {
    // An hour of moments: where the machine stands still, so does this.
    for _ in 0..360_000 {
        let changes = daemon.figure("releve_reading_changes_total");
        if changes >= until {
            return changes;
        }
        thread::sleep(Duration::from_millis(10));
    }
    panic!("{until} changes never came");
}

/// When kills came.
#[derive(Debug, Default)]
struct Kills {
    /// Before anything of the new piece was stored.
    early: u64,
    /// After some of it, and before all.
    midway: u64,
    /// After all of it.
    late: u64,
}

#[test]
fn killed_while_it_listens_again_and_again_it_loses_nothing() {
    let rounds = usize::try_from(number("RELEVE_FAULT_ROUNDS", 8)).unwrap();
    let seed = number("RELEVE_FAULT_SEED", 1);
    let folder = Folder::new();
    let [capture, registry, _] = simulate(&folder, &["--days", "10", "--seed", "5"]);
    let prepared = import(&folder, &registry);
    let token = add_token(&prepared);
    let pieces = Pieces::new(&folder, &prepared, &capture);

    let mut luck = Luck::new(seed);
    let mut kills = Kills::default();
    let mut db = PathBuf::new();
    let mut before = Vec::new();
    for round in 0..rounds {
        // A store of its own for every ten kills, and for each of them something new to lose.
        let piece = round % PIECES;
        if piece == 0 {
            db = folder.path(&format!("killed-{round}.db"));
            fs::copy(&prepared, &db).unwrap();
            before = stored(&db);
        }
        let live = folder.write("live.txt", &pieces.texts[piece]);
        let wanted = &pieces.wanted[piece];
        // Small batches: more of them to fall between.
        let config = format!(
            "[store]\npath = {db:?}\ncommit_seconds = 1\ncommit_telegrams = 30\nlive_days = 3650\nevery_value_days = 3650\nraw_days = 3650\n\
             [api]\nlisten = \"127.0.0.1:0\"\n[[receiver]]\nname = \"cellar\"\nfile = {live:?}\n"
        );
        let daemon = Daemon::begin(&folder, token.clone(), &config, &[]);
        // At any count of readings, and then a moment that falls anywhere between two batches or into one; one in ten while
        // it still goes through what it has heard before.
        let (stands, comes) = (readings(&before), readings(wanted));
        let target = if luck.hits(100) {
            0
        } else {
            stands + luck.below(comes - stands + 1)
        };
        let told = watch(&daemon, target);
        thread::sleep(Duration::from_micros(luck.below(30_000)));
        daemon.kill();
        let place = format!("round {round}, seed {seed}");
        let got = stored(&db);
        assert!(readings(&got) >= told, "{place}: {told} were shown");
        for row in &before {
            assert!(got.binary_search(row).is_ok(), "{place}: {row} was there before");
        }
        for row in &got {
            assert!(wanted.binary_search(row).is_ok(), "{place}: nobody said {row}");
        }
        match got.len() {
            count if count == before.len() => kills.early += 1,
            count if count < wanted.len() => kills.midway += 1,
            _ => kills.late += 1,
        }
        before = got;
        if piece + 1 == PIECES || round + 1 == rounds {
            replay(&db, &live);
            assert_eq!(stored(&db), *wanted, "{place}");
        }
    }
    eprintln!("{rounds} kills: {kills:?}, seed {seed}");
    assert!(kills.midway > 0, "{kills:?}");
}
