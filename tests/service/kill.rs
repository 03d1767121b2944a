//! A replay killed in the middle and begun again leaves what an undisturbed one leaves.

use std::path::Path;
use std::process::Stdio;
use std::{fs, thread, time};

use rusqlite::types::Value;
use rusqlite::{Connection, OpenFlags};

use crate::harness::{Folder, import, json, releve, simulate};

/// Every row of every table, in an order that does not depend on how it got there.
fn content(db: &Path) -> Vec<(String, Vec<String>)> {
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
    names
        .into_iter()
        .map(|name| {
            let mut statement = connection.prepare(&format!("SELECT * FROM \"{name}\"")).unwrap();
            let columns = statement.column_count();
            let mut rows: Vec<String> = statement
                .query_map([], |row| {
                    let values = (0..columns).map(|column| row.get::<_, Value>(column));
                    Ok(format!("{:?}", values.collect::<Result<Vec<_>, _>>()?))
                })
                .unwrap()
                .map(Result::unwrap)
                .collect();
            rows.sort();
            (name, rows)
        })
        .collect()
}

#[test]
fn killed_at_any_moment_and_replayed_again_the_store_is_the_same() {
    let folder = Folder::new();
    let [capture, registry, _] = simulate(
        &folder,
        &["--days", "70", "--every-minutes", "240", "--seed", "9"],
    );
    let prepared = import(&folder, &registry);
    let capture = capture.to_str().unwrap();

    let undisturbed = folder.path("undisturbed.db");
    fs::copy(&prepared, &undisturbed).unwrap();
    let summary = json(&["replay", "--json", "--db", undisturbed.to_str().unwrap(), capture]);
    assert!(
        summary["stored"]["telegrams"].as_u64().unwrap() > 22_000,
        "more than one transaction of 20 000 is wanted: {summary}"
    );
    let wanted = content(&undisturbed);

    let mut killed_midway = 0;
    for attempt in 0..6_u64 {
        let db = folder.path(&format!("killed-{attempt}.db"));
        fs::copy(&prepared, &db).unwrap();
        let arguments = ["replay", "--json", "--db", db.to_str().unwrap(), capture];
        let mut child = releve(&arguments)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        // From "hardly begun" to "nearly done", on a fast machine and on a slow one.
        thread::sleep(time::Duration::from_millis(20 << attempt));
        killed_midway += u32::from(child.try_wait().unwrap().is_none());
        let _ = child.kill();
        let _ = child.wait();
        json(&arguments);
        let got = content(&db);
        for (wanted, got) in wanted.iter().zip(&got) {
            assert_eq!(wanted.0, got.0);
            assert_eq!(wanted.1, got.1, "table {} after kill {attempt}", wanted.0);
        }
        assert_eq!(wanted.len(), got.len());
    }
    assert!(killed_midway > 0, "every replay had ended before it was killed");
}
