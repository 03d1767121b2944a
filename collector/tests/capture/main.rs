//! Captures as a whole: the examples and the recordings beside the workspace, and what holds for any octets.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod examples;
mod properties;
mod recordings;

use std::io::BufRead;
use std::path::PathBuf;

use collector::Telegram;
use collector::capture::{Content, Line, Origin, Reader, Rejection};

/// Reference material beside the workspace; `None`, said aloud, where it is absent.
fn shared(name: &str) -> Option<String> {
    let path = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared")).join(name);
    let text = std::fs::read_to_string(&path).ok();
    if text.is_none() {
        println!("skipped: {} is not there", path.display());
    }
    text
}

fn origin() -> Origin {
    Origin::new("test").starting_at("2026-01-15T07:00:00Z".parse().unwrap())
}

fn lines(source: impl BufRead) -> Vec<Line> {
    Reader::new(source, origin()).map(Result::unwrap).collect()
}

/// What came of a whole text.
#[derive(Debug, Default)]
struct Read {
    telegrams: Vec<Telegram>,
    rejected: Vec<(u64, Rejection)>,
    skipped: usize,
}

fn read(text: &str) -> Read {
    let mut all = Read::default();
    for line in lines(text.as_bytes()) {
        match line.content {
            Content::Telegrams(telegrams) => all.telegrams.extend(telegrams),
            Content::Rejected(rejection) => all.rejected.push((line.number, rejection)),
            Content::Skipped(_) => all.skipped += 1,
        }
    }
    all
}
