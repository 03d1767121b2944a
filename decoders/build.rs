//! Embeds every page of `families/`: saving a file there is all it takes.
//!
//! Each start of the program reads all pages, so what people alone read is left out, and examples stand apart.
#![allow(clippy::unwrap_used)] // A page that can't be embedded must stop the build.

use std::fmt::Write;
use std::path::Path;
use std::{env, fs};

fn main() {
    let folder = Path::new(&env::var("CARGO_MANIFEST_DIR").unwrap()).join("families");
    println!("cargo::rerun-if-changed={}", folder.display());
    let mut pages: Vec<_> = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    pages.retain(|path| path.extension().is_some_and(|extension| extension == "toml"));
    pages.sort();
    let mut list = String::from("&[\n");
    for page in pages {
        let name = page.file_name().unwrap().to_string_lossy();
        println!("cargo::rerun-if-changed={}", page.display());
        let text = fs::read_to_string(&page).unwrap();
        let (rules, examples) = parts(&text);
        writeln!(list, "    ({name:?}, {:?}, {examples:?}),", condensed(rules)).unwrap();
    }
    list.push_str("]\n");
    fs::write(Path::new(&env::var("OUT_DIR").unwrap()).join("pages.rs"), list).unwrap();
}

/// A page without its examples, and those, where nothing else stands behind them.
fn parts(page: &str) -> (&str, &str) {
    const EXAMPLE: &str = "\n[[example]]\n";
    let (rules, examples) = page.split_at(page.find(EXAMPLE).map_or(page.len(), |end| end + 1));
    let is_example = |line: &str| !line.starts_with('[') || line == EXAMPLE.trim();
    if examples.lines().all(is_example) {
        (rules, examples)
    } else {
        (page, "")
    }
}

/// The same lines, without comments and without what records mean in words.
fn condensed(rules: &str) -> String {
    // Their lines would be taken for lines of the page.
    if rules.contains("\"\"\"") || rules.contains("'''") {
        return rules.to_owned();
    }
    let line = |line: &str| {
        let for_people = line.starts_with("means = \"") && line.ends_with('"');
        match line {
            _ if line.starts_with('#') => "\n",
            _ if for_people => "means = \"\"\n",
            _ => return format!("{line}\n"),
        }
        .to_owned()
    };
    rules.lines().map(line).collect()
}
