//! The daemon: what it hears live, what it answers, how it ends.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::process::Command;

use serde_json::Value;

use crate::harness::{Daemon, Folder, import, json, simulate};

fn changes(daemon: &Daemon) -> usize {
    let mut count = 0;
    let mut path = "/v1/readings?limit=1000".to_owned();
    loop {
        let page = daemon.good(&path);
        let items = page["items"].as_array().unwrap().len();
        count += items;
        let next = page["next"]
            .as_str()
            .map(str::to_owned)
            .or_else(|| page["next"].as_u64().map(|n| n.to_string()));
        match next.filter(|_| items > 0) {
            Some(next) => path = format!("/v1/readings?limit=1000&after={next}"),
            None => return count,
        }
    }
}

#[test]
fn a_file_that_grows_is_heard_and_what_was_heard_survives_the_end() {
    let folder = Folder::new();
    let [capture, registry, _] = simulate(&folder, &["--days", "10", "--seed", "4"]);
    let db = import(&folder, &registry);
    let replayed = folder.path("replayed.db");
    fs::copy(&db, &replayed).unwrap();
    let summary = json(&[
        "replay",
        "--json",
        "--db",
        replayed.to_str().unwrap(),
        capture.to_str().unwrap(),
    ]);
    let wanted = usize::try_from(summary["stored"]["readings"].as_u64().unwrap()).unwrap();

    let text = fs::read_to_string(capture).unwrap();
    // In the middle of a line: the rest comes later.
    let (first, rest) = text.split_at(text.len() / 2);
    let live = folder.write("live.txt", first);
    let receiver = format!(
        "[[receiver]]\nname = \"cellar\"\nfile = {:?}\n",
        live.to_str().unwrap()
    );
    let daemon = Daemon::start(&folder, &db, &receiver);
    let heard = |value: &Value, at_least: usize| {
        value["radios"].as_array().is_some_and(|radios| {
            radios
                .iter()
                .filter_map(|radio| radio["telegrams"].as_u64())
                .sum::<u64>()
                >= at_least as u64
        })
    };
    daemon.until("/v1/radio", |radio| heard(radio, 800));
    OpenOptions::new()
        .append(true)
        .open(&live)
        .unwrap()
        .write_all(rest.as_bytes())
        .unwrap();
    let total = usize::try_from(summary["stored"]["telegrams"].as_u64().unwrap()).unwrap();
    daemon.until("/v1/radio", |radio| heard(radio, total));
    assert_eq!(changes(&daemon), wanted);
    assert_eq!(daemon.get("/healthz").0, 200);
    assert_eq!(daemon.get("/readyz").0, 200);
    let contract = daemon.good("/openapi.json");
    assert!(contract["paths"].as_object().unwrap().len() >= 9);
    daemon.stop();
    // And nothing twice when it starts again on the same file.
    fs::rename(folder.path("releve.toml"), folder.path("first.toml")).unwrap();
    let output = json(&["token", "remove", "test", "--db", db.to_str().unwrap(), "--json"]);
    assert!(output.is_object(), "{output}");
    let daemon = Daemon::start(&folder, &db, &receiver);
    assert_eq!(changes(&daemon), wanted);
    daemon.stop();
}

#[test]
fn a_pipe_is_a_receiver_and_strangers_are_only_counted() {
    let folder = Folder::new();
    let [capture, registry, _] = simulate(&folder, &["--days", "3", "--lost-per-mille", "0"]);
    let db = import(&folder, &registry);
    let pipe = folder.path("telegrams");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    // What is heard live has come now, whatever its lines say.
    let receiver = format!(
        "[[receiver]]\nname = \"attic\"\npipe = {:?}\n",
        pipe.to_str().unwrap()
    );
    let daemon = Daemon::start(&folder, &db, &receiver);
    let text = fs::read(&capture).unwrap();
    OpenOptions::new()
        .write(true)
        .open(&pipe)
        .unwrap()
        .write_all(&text)
        .unwrap();
    let radio = daemon.until("/v1/radio", |radio| {
        radio["unregistered"]
            .as_array()
            .is_some_and(|items| items.len() == 3)
            && radio["meters"]["items"]
                .as_array()
                .is_some_and(|items| items.len() >= 50)
    });
    let strangers = radio["unregistered"].as_array().unwrap();
    assert!(
        strangers
            .iter()
            .all(|stranger| stranger.get("readings").is_none()),
        "{radio}"
    );
    daemon.stop();
}
