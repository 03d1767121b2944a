//! The daemon as a service: what it tells systemd, what it is trusted with, and what a SIGHUP changes without losing a
//! telegram.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::net::UnixDatagram;
use std::thread;
use std::time::Duration;

use serde_json::Value;

use crate::harness::{Daemon, Folder, get, import, json, simulate};

const SECRET: &str = "0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c4b5a69788796a5b4c3d2e1f0";

/// Waits for a message that begins so; others may come before.
fn await_message(manager: &UnixDatagram, start: &str) {
    let mut buffer = [0; 512];
    for _ in 0..1000 {
        let length = manager.recv(&mut buffer).expect("a message within a minute");
        if String::from_utf8_lossy(&buffer[..length]).starts_with(start) {
            return;
        }
    }
    panic!("no {start} among a thousand messages");
}

#[test]
fn systemd_is_told_what_becomes_of_the_service_and_passes_it_keys_and_tokens() {
    let folder = Folder::new();
    let socket = folder.path("notify");
    let manager = UnixDatagram::bind(&socket).unwrap();
    manager.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let credentials = folder.path("credentials");
    fs::create_dir(&credentials).unwrap();
    fs::write(
        credentials.join("keys"),
        "manufacturer,id,key\nQDS,1,000102030405060708090A0B0C0D0E0F\nQDS,2,00\n",
    )
    .unwrap();
    fs::write(
        credentials.join("tokens"),
        format!("# of the portal\nportal portal {SECRET}\nbad portal short\n"),
    )
    .unwrap();
    let db = import(&folder, &folder.write("r.csv", "manufacturer,id\nQDS,1\n"));
    let file = folder.write("heard.txt", "");
    let receiver = format!(
        "[[receiver]]\nname = \"cellar\"\nfile = {:?}\n",
        file.to_str().unwrap()
    );
    let daemon = Daemon::start_in(
        &folder,
        &db,
        "",
        &receiver,
        &[
            ("NOTIFY_SOCKET", socket.to_str().unwrap()),
            ("WATCHDOG_USEC", "400000"),
            ("CREDENTIALS_DIRECTORY", credentials.to_str().unwrap()),
        ],
    );
    await_message(&manager, "READY=1\nSTATUS=answering on http://127.0.0.1:");
    await_message(&manager, "WATCHDOG=1");
    let keys = |db: &std::path::Path| -> i64 {
        let connection = rusqlite::Connection::open(db).unwrap();
        connection
            .query_row("SELECT count(*) FROM meter_key", [], |row| row.get(0))
            .unwrap()
    };
    assert_eq!(keys(&db), 1, "the good one of two");
    let (status, _) = get(&daemon.address("/v1/sites?limit=1"), SECRET);
    assert_eq!(status, 200, "the token that systemd passed");

    daemon.hang_up();
    await_message(&manager, "RELOADING=1\nMONOTONIC_USEC=");
    await_message(&manager, "READY=1");
    await_message(&manager, "WATCHDOG=1");
    daemon.stop();
    await_message(&manager, "STOPPING=1");
}

/// A building is heard while everything around it changes: receivers come and go, pages, keys, a wrong file.
#[test]
fn reading_everything_again_loses_no_telegram() {
    let folder = Folder::new();
    let [capture, registry, _] = simulate(&folder, &["--days", "6", "--seed", "9"]);
    let db = import(&folder, &registry);
    let replayed = folder.path("replayed.db");
    fs::copy(&db, &replayed).unwrap();
    let arguments = [
        "replay",
        "--json",
        "--db",
        replayed.to_str().unwrap(),
        capture.to_str().unwrap(),
    ];
    let summary = json(&arguments);
    let wanted = summary["stored"]["telegrams"].as_u64().unwrap();

    let pages = folder.path("families.d");
    fs::create_dir(&pages).unwrap();
    let live = folder.write("live.txt", "");
    let other = folder.write("other.txt", "");
    let block = |name: &str, path: &std::path::Path| {
        format!(
            "[[receiver]]\nname = \"{name}\"\nfile = {:?}\n",
            path.to_str().unwrap()
        )
    };
    let top = format!("families = {:?}\n", pages.to_str().unwrap());
    let daemon = Daemon::start_with(&folder, &db, &top, &block("cellar", &live));
    let config = folder.path("releve.toml");
    let text = fs::read_to_string(&config).unwrap();

    let lines: Vec<String> = fs::read_to_string(&capture)
        .unwrap()
        .lines()
        .map(str::to_owned)
        .collect();
    let writer = thread::spawn(move || {
        let mut file = OpenOptions::new().append(true).open(live).unwrap();
        for part in lines.chunks(40) {
            writeln!(file, "{}", part.join("\n")).unwrap();
            file.flush().unwrap();
            thread::sleep(Duration::from_millis(20));
        }
    });
    let receivers = |value: &Value, name: &str| {
        value["receivers"]
            .as_array()
            .is_some_and(|all| all.iter().any(|receiver| receiver["name"] == name))
    };
    // A second receiver, and a page for a meter that it hears.
    fs::write(
        pages.join("my-meter.toml"),
        "name = \"my-meter\"\nabout = \"Nobody else knows it\"\nanswers_for = [\"XYZ 77 07\"]\n\n[[record]]\nsends = \"0413\"\nmeans = \"Volume.\"\n",
    )
    .unwrap();
    import(
        &folder,
        &folder.write("more.csv", "manufacturer,id\nXYZ,12345678\n"),
    );
    fs::write(&config, format!("{text}{}", block("attic", &other))).unwrap();
    daemon.hang_up();
    daemon.until("/v1/radio", |radio| receivers(radio, "attic"));
    // XYZ 12345678 77 07, CI 78, volume 1.234 m³.
    let telegram = "1044".to_owned() + "3A63" + "78563412" + "7707" + "78" + "0413D2040000";
    writeln!(
        OpenOptions::new().append(true).open(&other).unwrap(),
        "2025-10-02T10:00:00Z -60 T checked {telegram} @attic"
    )
    .unwrap();
    let meter = daemon.until("/v1/meters/12345678", |meter| {
        !meter["heard"]["last_heard"].is_null()
    });
    assert!(meter.to_string().contains("my-meter"), "{meter}");
    // A wrong file changes nothing, and is no reason to end.
    fs::write(&config, text.replace("commit_seconds = 1", "commit_seconds = 0")).unwrap();
    daemon.hang_up();
    // Back to one receiver, twice in a row.
    fs::write(&config, &text).unwrap();
    daemon.hang_up();
    daemon.hang_up();
    writer.join().unwrap();
    let heard = |radio: &Value| {
        let radios = radio["radios"].as_array();
        radios.is_some_and(|radios| {
            let all: u64 = radios
                .iter()
                .filter_map(|radio| radio["telegrams"].as_u64())
                .sum();
            all > wanted
        })
    };
    let radio = daemon.until("/v1/radio", heard);
    daemon.stop();
    let count = |db: &std::path::Path, of: &str| -> i64 {
        let connection = rusqlite::Connection::open(db).unwrap();
        let sql = format!("SELECT {of} JOIN meter ON meter.id = meter WHERE identification <> 305419896");
        connection.query_row(&sql, [], |row| row.get(0)).unwrap()
    };
    let telegrams = "sum(telegrams) FROM meter_state";
    assert_eq!(count(&db, telegrams), count(&replayed, telegrams), "{radio}");
    let readings = "sum(readings) FROM (SELECT meter, 1 AS readings FROM every_reading
                    UNION ALL SELECT meter, readings FROM dense)";
    assert_eq!(count(&db, readings), count(&replayed, readings));
}

/// Lines for the journal begin with their priority; a variable that was merely passed on changes nothing.
#[test]
fn lines_for_the_journal_begin_with_their_priority() {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};

    let folder = Folder::new();
    let config = folder.write("releve.toml", "[store]\npath = \"/nowhere/releve.db\"\n");
    std::fs::set_permissions(&config, std::fs::Permissions::from_mode(0o666)).unwrap();
    let log = folder.write("log", "");
    let said = |stream: &str| {
        let file = std::fs::OpenOptions::new()
            .write(true)
            .truncate(true)
            .open(&log)
            .unwrap();
        let status = crate::harness::releve(&["run", "--config", config.to_str().unwrap()])
            .env("JOURNAL_STREAM", stream)
            .stderr(file)
            .status()
            .unwrap();
        assert_eq!(status.code(), Some(2));
        std::fs::read_to_string(&log).unwrap()
    };
    let data = std::fs::metadata(&log).unwrap();
    let journal = said(&format!("{}:{}", data.dev(), data.ino()));
    assert!(
        journal.starts_with("<4>others than its owner can write"),
        "{journal}"
    );
    assert!(journal.contains(" event=config.writable "), "{journal}");
    let elsewhere = said("1:1");
    assert!(elsewhere.contains(" WARN others than its owner"), "{elsewhere}");
}
