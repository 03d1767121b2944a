//! What the documentation names is there: tests, events of the log.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The files of some folders with an ending, and what stands in them.
fn files(folders: &[&str], ending: &str) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let mut folders: Vec<_> = folders.iter().map(|folder| root().join(folder)).collect();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if path.is_dir() && name != "target" && name != "node_modules" {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == ending) {
                let text = fs::read_to_string(&path).unwrap();
                found.push((path, text));
            }
        }
    }
    found
}

/// Words in backquotes.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

#[test]
fn every_test_that_a_page_names_exists() {
    let sources = files(
        &["src", "wmbus", "decoders", "collector", "portal", "tests"],
        "rs",
    );
    let mut known = BTreeSet::new();
    for (_, text) in &sources {
        for line in text.lines() {
            let rest = line.trim_start();
            let rest = rest.strip_prefix("async ").unwrap_or(rest);
            if let Some(name) = rest.strip_prefix("fn ").and_then(|rest| rest.split('(').next()) {
                known.insert(name.to_owned());
            }
        }
    }
    let mut pages = files(&["docs"], "md");
    pages.push((
        root().join("SECURITY.md"),
        fs::read_to_string(root().join("SECURITY.md")).unwrap(),
    ));
    let mut named = 0;
    for (path, text) in pages {
        for word in quoted(&text) {
            // Names of tests are sentences; other words with underscores are shorter, or figures.
            let sentence = word.matches('_').count() >= 3
                && !word.starts_with("releve_")
                && word
                    .chars()
                    .all(|letter| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '_');
            if sentence {
                named += 1;
                assert!(
                    known.contains(word),
                    "{} names the test {word}, which is not there",
                    path.display()
                );
            }
        }
    }
    assert!(named > 50, "only {named} tests are named");
}

/// The calls of the log in the sources of some folders, each from its name to its end.
fn calls(folders: &[&str]) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    for (path, text) in files(folders, "rs") {
        // What a test says to itself is no event.
        let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
        for macro_name in ["info!(", "warn!(", "error!(", "debug!("] {
            for (at, _) in text.match_indices(macro_name) {
                let before = text[..at].chars().next_back();
                if before.is_some_and(|letter| letter.is_alphanumeric() || letter == '_') {
                    continue;
                }
                let rest = &text[at..];
                let mut depth = 0;
                let end = rest.char_indices().find(|(_, letter)| {
                    depth += i32::from(*letter == '(') - i32::from(*letter == ')');
                    *letter == ')' && depth == 0
                });
                found.push((path.clone(), rest[..end.unwrap().0].to_owned()));
            }
        }
    }
    found
}

#[test]
fn every_event_of_the_log_has_a_name_that_is_explained() {
    for (page, folders, least) in [
        ("docs/operations.md", &["src", "collector/src"][..], 31),
        ("docs/portal.md", &["portal/src"], 12),
    ] {
        explains(page, folders, least);
    }
}

/// Whether the table of a page has all events of some sources, and no other.
fn explains(page: &str, folders: &[&str], least: usize) {
    let text = fs::read_to_string(root().join(page)).unwrap();
    let table = text
        .split("| event |")
        .nth(1)
        .unwrap()
        .split("\n\n")
        .next()
        .unwrap();
    let explained: BTreeSet<&str> = table
        .lines()
        .skip(2)
        .filter_map(|line| line.split('|').nth(1))
        .flat_map(quoted)
        .collect();
    let mut emitted = BTreeMap::new();
    for (path, call) in calls(folders) {
        let name = call
            .split("event = \"")
            .nth(1)
            .and_then(|rest| rest.split('"').next());
        let name = name.unwrap_or_else(|| panic!("{}: an event without a name: {call}", path.display()));
        emitted.insert(name.to_owned(), path);
    }
    assert!(emitted.len() >= least, "{emitted:?}");
    for (name, path) in &emitted {
        assert!(
            explained.contains(name.as_str()),
            "{}: {name} is not in {page}",
            path.display()
        );
    }
    for name in explained {
        assert!(
            emitted.contains_key(name),
            "{page} explains {name}, which nothing says"
        );
    }
}
