//! `kill -9` at random instants of a large replay: begun again, it leaves what an undisturbed one leaves, row for row.

use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};
use std::{fs, thread};

use rusqlite::types::Value;
use rusqlite::{Connection, OpenFlags};

use crate::harness::{Folder, import, json, releve, simulate};
use crate::luck::{Luck, number};
use crate::stored::remove;

/// Every row of every table, in an order that does not depend on how it got there.
fn content(db: &Path) -> Vec<String> {
    let connection = Connection::open_with_flags(db, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    let mut tables = connection
        .prepare(
            "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name",
        )
        .unwrap();
    let names: Vec<String> = tables
        .query_map([], |row| row.get(0))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    let mut all = Vec::new();
    for name in names {
        let mut statement = connection.prepare(&format!("SELECT * FROM \"{name}\"")).unwrap();
        let columns = statement.column_count();
        let rows = statement
            .query_map([], |row| {
                let values = (0..columns).map(|column| row.get::<_, Value>(column));
                Ok(format!("{name} {:?}", values.collect::<Result<Vec<_>, _>>()?))
            })
            .unwrap();
        all.extend(rows.map(Result::unwrap));
    }
    all.sort();
    all
}

#[test]
fn killed_at_random_instants_of_a_large_replay_it_ends_the_same() {
    let rounds = number("RELEVE_FAULT_ROUNDS", 5);
    let seed = number("RELEVE_FAULT_SEED", 1);
    // More than one transaction of twenty thousand telegrams.
    let days = number("RELEVE_FAULT_DAYS", 32).to_string();
    let folder = Folder::new();
    let [capture, registry, _] = simulate(
        &folder,
        &["--days", &days, "--every-minutes", "120", "--seed", "9"],
    );
    let prepared = import(&folder, &registry);
    let capture = capture.to_str().unwrap();

    let undisturbed = folder.path("undisturbed.db");
    fs::copy(&prepared, &undisturbed).unwrap();
    let begun = Instant::now();
    let summary = json(&["replay", "--json", "--db", undisturbed.to_str().unwrap(), capture]);
    // How long it takes here and now: the instants are drawn from that.
    let whole = begun.elapsed();
    let wanted = content(&undisturbed);
    let telegrams = summary["stored"]["telegrams"].as_u64().unwrap();
    assert!(telegrams > 20_000, "{summary}");

    let mut luck = Luck::new(seed);
    let (mut midway, mut ended, mut lengths) = (0, 0, Vec::new());
    let db = folder.path("killed.db");
    let arguments = ["replay", "--json", "--db", db.to_str().unwrap(), capture];
    let mut round = 0;
    while round < rounds {
        remove(&db);
        fs::copy(&prepared, &db).unwrap();
        // Up to four kills of one replay; then it is left alone, and compared.
        for _ in 0..=luck.below(4).min(rounds - round - 1) {
            let mut child = releve(&arguments)
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .unwrap();
            let micros = u64::try_from(whole.as_micros()).unwrap();
            thread::sleep(Duration::from_micros(luck.below(micros)));
            let alive = child.try_wait().unwrap().is_none();
            let _ = child.kill();
            let _ = child.wait();
            midway += u64::from(alive);
            let log = folder.path("killed.db-wal");
            lengths.push(fs::metadata(&db).unwrap().len() + fs::metadata(log).map_or(0, |data| data.len()));
            round += 1;
        }
        json(&arguments);
        ended += 1;
        let got = content(&db);
        for (got, wanted) in got.iter().zip(&wanted) {
            assert_eq!(got, wanted, "seed {seed}, before round {round}");
        }
        assert_eq!(got.len(), wanted.len(), "seed {seed}, before round {round}");
    }
    lengths.sort_unstable();
    lengths.dedup();
    eprintln!(
        "{rounds} kills of a replay of {telegrams} telegrams, {midway} of them midway, {} different lengths of what they left; \
         {ended} times compared row for row; seed {seed}, {} s",
        lengths.len(),
        begun.elapsed().as_secs()
    );
    assert!(midway > 0, "every replay had ended before it was killed");
}
