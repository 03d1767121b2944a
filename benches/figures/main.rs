//! Every figure beside its bar, in one command.
//!
//! ```text
//! cargo bench --bench figures                     the quick form, some minutes
//! cargo bench --bench figures -- --full           ten years of hours, and growth up to ten thousand meters
//! cargo bench --bench figures -- --json           one JSON object a line
//! cargo bench --bench figures -- decode replay    some parts only: decode, replay, daemon, api, growth
//! cargo bench --bench figures -- growth --full --plot=docs/growth.svg     draws it, too
//! ```
//!
//! Whole commands are started as a user would; where there is a peer, both run in turns in this process. Large stores go
//! where temporary files go, or under `RELEVE_BENCH_DIR`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs
)]

mod api;
mod ask;
mod daemon;
mod decode;
mod figure;
mod flash;
mod growth;
mod history;
mod plot;
mod process;
mod replay;

use crate::figure::Figure;

/// What takes a figure.
type Say<'a> = dyn FnMut(Figure) + 'a;

/// How much is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Extent {
    Quick,
    Full,
}

impl Extent {
    fn pick<T>(self, quick: T, full: T) -> T {
        match self {
            Self::Quick => quick,
            Self::Full => full,
        }
    }
}

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let has = |word: &str| words.iter().any(|said| said == word);
    let extent = if has("--full") {
        Extent::Full
    } else {
        Extent::Quick
    };
    let parts: Vec<&str> = words
        .iter()
        .map(String::as_str)
        .filter(|word| !word.starts_with("--"))
        .collect();
    let wanted = |part: &str| parts.is_empty() || parts.contains(&part);
    let as_json = has("--json");
    if !as_json {
        println!("{}", Figure::head());
    }
    let mut say = |figure: Figure| {
        if as_json {
            println!("{}", figure.json());
        } else {
            println!("{}", figure.line());
        }
    };
    if wanted("decode") {
        decode::figures(extent, &mut say);
    }
    if wanted("replay") {
        replay::figures(extent, &mut say);
    }
    if wanted("daemon") {
        daemon::figures(extent, &mut say);
    }
    if wanted("flash") {
        flash::figures(&mut say);
    }
    if wanted("api") {
        api::figures(extent, &mut say);
    }
    if wanted("growth") {
        let plot = words.iter().find_map(|word| word.strip_prefix("--plot="));
        growth::figures(extent, plot, &mut say);
    }
}
