//! The house plan, held against the code: who may import whom, and which knowledge lives in which room.

use std::fs;
use std::path::{Path, PathBuf};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn sources(folder: &str) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                found.push((path, text));
            }
        }
    }
    assert!(!found.is_empty(), "{folder} has no sources");
    found
}

/// Lines of code of a folder that speak of something, but for some files.
fn speaks(folder: &str, of: &str, but: &[&str]) -> Vec<String> {
    sources(folder)
        .into_iter()
        .filter(|(path, _)| !but.iter().any(|part| path.to_string_lossy().contains(part)))
        .flat_map(|(path, text)| {
            text.lines()
                .filter(|line| !line.trim_start().starts_with("//") && line.contains(of))
                .map(|line| format!("{}: {}", path.display(), line.trim()))
                .collect::<Vec<_>>()
        })
        .collect()
}

#[test]
fn crates_import_one_way() {
    let manifest = |name: &str| fs::read_to_string(root().join(name).join("Cargo.toml")).unwrap();
    let depends = |name: &str, on: &str| {
        let text = manifest(name);
        let dependencies = text.split("[dependencies]").nth(1).unwrap_or("");
        dependencies
            .lines()
            .take_while(|line| !line.starts_with('['))
            .any(|line| line.starts_with(on))
    };
    for (name, never) in [
        ("wmbus", &["decoders", "collector", "jiff", "std"][..]),
        ("decoders", &["collector", "jiff", "rusqlite"]),
        ("collector", &["decoders", "rusqlite"]),
        // The resident's pages know the service by its query API alone.
        ("portal", &["wmbus", "decoders", "collector", "releve"]),
    ] {
        for other in never {
            assert!(
                !depends(name, other),
                "{name} grew a door to {other}: see ARCHITECTURE.md"
            );
        }
    }
    assert!(depends("decoders", "wmbus"));
}

#[test]
fn each_knowledge_has_one_room() {
    let nowhere = |folder: &str, of: &str, but: &[&str], room: &str| {
        let found = speaks(folder, of, but);
        assert!(
            found.is_empty(),
            "{of:?} belongs into {room}:\n{}",
            found.join("\n")
        );
    };
    nowhere("src", "rusqlite", &["src/store/"], "src/store");
    nowhere("src", "SELECT ", &["src/store/"], "src/store");
    nowhere("src", "axum::", &["src/api/"], "src/api");
    nowhere(
        "src",
        "releve_portal",
        &["src/cmd/demo"],
        "nowhere but the demo: it is a client of the API",
    );
    nowhere(
        "portal/src",
        "rusqlite",
        &["portal/src/accounts"],
        "portal/src/accounts",
    );
    nowhere("src", "StatusCode", &["src/api/"], "src/api/problem.rs");
    nowhere("src/store", "wmbus::Frame", &[], "src/pipeline");
    nowhere("src/consumption", "wmbus::Frame", &[], "src/pipeline");
    nowhere("src/api", "wmbus::Frame", &[], "src/pipeline");
    nowhere("src/pipeline", "std::fs", &[], "collector");
    nowhere(
        "src/pipeline",
        "Timestamp::now",
        &[],
        "collector, which sets the time of reception",
    );
    nowhere(
        "wmbus/src",
        "std::time",
        &[],
        "nowhere: time comes as an argument",
    );
    nowhere(
        "decoders/src",
        "std::time",
        &[],
        "nowhere: time comes as an argument",
    );
    for (module, never) in [
        ("store", "api"),
        ("registry", "api"),
        ("consumption", "api"),
        ("pipeline", "api"),
    ] {
        nowhere(
            &format!("src/{module}"),
            &format!("crate::{never}"),
            &[],
            "nowhere: arrows run one way",
        );
        nowhere(
            &format!("src/{module}"),
            "crate::cmd",
            &[],
            "nowhere: nothing calls the command line",
        );
    }
}
