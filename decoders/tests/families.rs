//! Every page's own examples: what its readings make is the telegram that stands there, and what the telegram says are the
//! readings. `BLESS=1 cargo test -p releve-decoders --test families` rewrites them, and invents one where there is none;
//! the difference is for a person to read.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::{env, fs};

use decoders::{Example, Families, Family};

#[test]
fn every_example_is_what_our_encoder_makes_and_our_decoder_reads() {
    let families = Families::embedded().unwrap();
    let bless = env::var_os("BLESS").is_some();
    let mut faults = Vec::new();
    for family in families.iter() {
        let result = if bless {
            rewrite(&families, family)
        } else {
            check(&families, family)
        };
        if let Err(fault) = result {
            faults.push(format!("{}: {fault}", family.name));
        }
    }
    assert!(
        faults.is_empty(),
        "{}\nread what has changed, then run with BLESS=1",
        faults.join("\n")
    );
}

fn check(families: &Families, family: &Family) -> Result<(), String> {
    let usual = family.examples().iter().any(|example| example.sent_as.is_none());
    if !usual {
        return Err("has no example: BLESS=1 invents one".into());
    }
    for (name, _) in &family.telegrams {
        let there = family
            .examples()
            .iter()
            .any(|example| example.sent_as.as_ref() == Some(name));
        if !there {
            return Err(format!(
                "has no example of its telegram {name:?}: BLESS=1 invents one"
            ));
        }
    }
    family
        .examples()
        .iter()
        .try_for_each(|example| family.check(families, example))
}

/// Writes the page again with the examples that it should have.
fn rewrite(families: &Families, family: &Family) -> Result<(), String> {
    let mut examples = Vec::new();
    for kind in [None]
        .into_iter()
        .chain(family.telegrams.iter().map(|(name, _)| Some(name)))
    {
        let there = |example: &&Example| example.sent_as.as_ref() == kind;
        if !family.examples().iter().any(|example| there(&example)) {
            examples.push(family.invent(families, kind.map(String::as_str))?);
        }
        for example in family.examples().iter().filter(there) {
            examples.push(family.remake(families, example)?);
        }
    }
    let path = page(family);
    let text = fs::read_to_string(&path).unwrap();
    let end = text.find("[[example]]").unwrap_or(text.len());
    let mut text = text[..end].trim_end().to_owned();
    text.push('\n');
    for example in &examples {
        write_example(&mut text, example);
    }
    fs::write(path, text).unwrap();
    Ok(())
}

fn page(family: &Family) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("families/{}.toml", family.name))
}

fn write_example(text: &mut String, example: &Example) {
    let mut line = |key: &str, value: &str| writeln!(text, "{key} = {value:?}").unwrap();
    let optional = [
        ("sent_as", &example.sent_as),
        ("sealed", &example.sealed),
        ("key", &example.key),
        ("clock", &example.clock),
        ("received", &example.received),
    ];
    line("\n[[example]]\nmeter", &example.meter);
    for (key, value) in optional {
        if let Some(value) = value {
            line(key, value);
        }
    }
    if !example.status.is_empty() {
        writeln!(text, "status = {:?}", example.status).unwrap();
    }
    writeln!(text, "says = [").unwrap();
    for says in &example.says {
        writeln!(text, "    {says:?},").unwrap();
    }
    writeln!(text, "]").unwrap();
    writeln!(text, "telegram = {:?}", example.telegram).unwrap();
}
