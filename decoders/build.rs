//! Embeds every page of `families/`: saving a file there is all it takes.
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
        writeln!(
            list,
            "    ({name:?}, include_str!({:?})),",
            page.display().to_string()
        )
        .unwrap();
    }
    list.push_str("]\n");
    fs::write(Path::new(&env::var("OUT_DIR").unwrap()).join("pages.rs"), list).unwrap();
}
