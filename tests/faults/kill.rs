//! `kill -9` at any instant of live listening: nothing that was shown as stored is lost, and in the end all is there.

use std::{env, fs, thread, time};

use crate::harness::{Daemon, Folder, import, json, run, simulate};
use crate::stored::stored;

fn number(name: &str, default: u64) -> u64 {
    env::var(name).map_or(default, |text| text.parse().expect("a number"))
}

#[test]
fn killed_while_it_listens_again_and_again_it_loses_nothing() {
    let rounds = number("RELEVE_FAULT_ROUNDS", 8);
    let seed = number("RELEVE_FAULT_SEED", 1);
    let folder = Folder::new();
    let [capture, registry, _] = simulate(&folder, &["--days", "20", "--seed", "5"]);
    let prepared = import(&folder, &registry);
    let undisturbed = folder.path("undisturbed.db");
    fs::copy(&prepared, &undisturbed).unwrap();
    let arguments = [
        "replay",
        "--json",
        "--db",
        undisturbed.to_str().unwrap(),
        capture.to_str().unwrap(),
    ];
    json(&arguments);
    let wanted = stored(&undisturbed);

    let receiver = format!("[[receiver]]\nname = \"cellar\"\nfile = {capture:?}\n");
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut killed_midway = 0;
    let mut db = prepared.clone();
    for round in 0..rounds {
        // A store of its own every tenth round, so that there is always something left to lose.
        if round % 10 == 0 {
            db = folder.path(&format!("killed-{round}.db"));
            fs::copy(&prepared, &db).unwrap();
        }
        let daemon = Daemon::start(&folder, &db, &receiver);
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        thread::sleep(time::Duration::from_micros(state % 1_500_000));
        let shown = daemon.good("/v1/readings?limit=1000")["items"]
            .as_array()
            .unwrap()
            .clone();
        daemon.kill();
        let got = stored(&db);
        killed_midway += u32::from(got.len() < wanted.len());
        assert!(got.len() <= wanted.len());
        assert!(
            got.len() >= shown.len(),
            "round {round}, seed {seed}: {} were shown",
            shown.len()
        );
        assert!(
            got.iter().all(|row| wanted.binary_search(row).is_ok()),
            "round {round}, seed {seed}: something stored that was never heard"
        );
        let removed = run(&["token", "remove", "test", "--db", db.to_str().unwrap()]);
        assert!(removed.status.success());
    }
    eprintln!("{rounds} kills, {killed_midway} of them before all was stored, seed {seed}");
    let arguments = [
        "replay",
        "--json",
        "--db",
        db.to_str().unwrap(),
        capture.to_str().unwrap(),
    ];
    json(&arguments);
    assert_eq!(stored(&db), wanted);
}
