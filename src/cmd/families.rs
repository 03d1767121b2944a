//! `releve families`: the pages of meter families: which there are, what one says, whether one of your own is right.

use std::error::Error;
use std::fmt::Write;
use std::path::{Path, PathBuf};

use decoders::{Families, Family, PageError};
use serde_json::{Value, json};

use super::{Done, Outcome, print};

/// The pages of meter families.
#[derive(clap::Args)]
#[command(after_help = "Example: releve families check /etc/releve/families.d

A page describes the telegrams of one family of meters; decoders/families/README.md explains every key. Pages in the folder
that the configuration calls `families` are read at start-up and on reload; one that is wrong is left out, named in the log.")]
pub(super) struct Args {
    #[command(subcommand)]
    what: What,
    /// A folder with pages beyond the built-in ones.
    #[arg(long, global = true, value_name = "FOLDER")]
    families: Option<PathBuf>,
    /// Write JSON for machines.
    #[arg(long, global = true)]
    json: bool,
}

#[derive(clap::Subcommand)]
enum What {
    /// List the families: names, makers, how many addresses they answer for.
    List,
    /// Show one family: whom it answers for, and what its telegrams say.
    Show {
        /// Its name, as `list` says it.
        name: String,
    },
    /// Check pages: files, or folders of them; each that is wrong with file, line and remedy.
    Check {
        /// Files and folders.
        #[arg(required = true, value_name = "FILE|FOLDER")]
        paths: Vec<PathBuf>,
    },
    /// Print a telegram that a meter of the family may send, with invented numbers, for `releve decode`.
    Example {
        /// Its name, as `list` says it.
        name: String,
    },
}

pub(super) fn run(args: &Args) -> Outcome {
    let families = super::families(args.families.as_deref())?;
    match &args.what {
        What::List => print(&list(&families, args.json)?)?,
        What::Show { name } => print(&show(named(&families, name)?, args.json)?)?,
        What::Example { name } => print(&example(&families, named(&families, name)?, args.json)?)?,
        What::Check { paths } => return check(paths, args.json),
    }
    Ok(Done::Whole)
}

fn named<'a>(families: &'a Families, name: &str) -> Result<&'a Family, Box<dyn Error + Send + Sync>> {
    families.named(name).map(AsRef::as_ref).ok_or_else(|| {
        let near = crate::config::nearest(name, families.iter().map(|family| &*family.name));
        let hint = near.map_or_else(
            || "`releve families list` names all there are".to_owned(),
            |near| format!("did you mean {near:?}?"),
        );
        format!("no family is called {name:?}: {hint}").into()
    })
}

/// The makers of a family, each once, in the order of the page.
fn makers(family: &Family) -> Vec<String> {
    let mut makers: Vec<String> = Vec::new();
    for claim in &family.claims {
        let maker = claim.manufacturer.to_string();
        if !makers.contains(&maker) {
            makers.push(maker);
        }
    }
    makers
}

fn list(families: &Families, json: bool) -> Result<String, std::fmt::Error> {
    let mut all: Vec<&Family> = families.iter().map(AsRef::as_ref).collect();
    all.sort_by(|a, b| a.name.cmp(&b.name));
    if json {
        let rows: Vec<Value> = all
            .iter()
            .map(|family| {
                json!({
                    "name": &*family.name,
                    "about": family.about,
                    "makers": makers(family),
                    "answers_for": claims(family),
                })
            })
            .collect();
        return Ok(format!("{}\n", Value::Array(rows)));
    }
    let widest = all
        .iter()
        .map(|family| family.name.len())
        .max()
        .unwrap_or_default();
    let mut text = format!(
        "{:widest$}  {:>9}  {:15}  WHAT IT IS\n",
        "NAME", "ADDRESSES", "MAKERS"
    );
    for family in &all {
        let makers = makers(family).join(" ");
        writeln!(
            text,
            "{:widest$}  {:>9}  {makers:15}  {}",
            family.name,
            family.claims.len(),
            family.about
        )?;
    }
    writeln!(text, "{} families; no address belongs to two of them", all.len())?;
    Ok(text)
}

fn claims(family: &Family) -> Vec<String> {
    family.claims.iter().map(ToString::to_string).collect()
}

fn show(family: &Family, json: bool) -> Result<String, std::fmt::Error> {
    if json {
        let examples: Vec<Value> = family
            .examples()
            .iter()
            .map(|example| {
                json!({
                    "meter": example.meter,
                    "sent_as": example.sent_as,
                    "telegram": example.telegram,
                    "says": example.says,
                })
            })
            .collect();
        let answer = json!({
            "name": &*family.name,
            "about": family.about,
            "answers_for": claims(family),
            "examples": examples,
        });
        return Ok(format!("{answer}\n"));
    }
    let mut text = format!(
        "{}\n{}\n\nanswers for (maker, version, device type)\n",
        family.name, family.about
    );
    for row in claims(family).chunks(6) {
        writeln!(text, "  {}", row.join(", "))?;
    }
    for example in family.examples() {
        let kind = example.sent_as.as_deref().unwrap_or("usual");
        writeln!(text, "\nthe {kind} telegram, as {} may send it", example.meter)?;
        for line in &example.says {
            writeln!(text, "  {line}")?;
        }
    }
    Ok(text)
}

fn example(families: &Families, family: &Family, json: bool) -> Result<String, Box<dyn Error + Send + Sync>> {
    // The page's own proves it; one that a page of yours does not have yet is made up.
    let example = match family.examples().first() {
        Some(example) => example.clone(),
        None => family.invent(families, None)?,
    };
    if json {
        let answer = json!({
            "family": &*family.name,
            "telegram": example.telegram,
            "key": example.key,
            "says": example.says,
        });
        return Ok(format!("{answer}\n"));
    }
    // A line that `releve decode -` reads.
    Ok(match &example.key {
        Some(key) => format!("{} {key}\n", example.telegram),
        None => format!("{}\n", example.telegram),
    })
}

/// What became of one page.
struct Checked {
    file: String,
    fault: Option<PageError>,
}

fn check(paths: &[PathBuf], json: bool) -> Outcome {
    let mut checked = Vec::new();
    for path in paths {
        let files = if path.is_dir() {
            Families::pages_in(path)?
        } else {
            vec![path.clone()]
        };
        if files.is_empty() {
            return Err(format!("{}: no page (*.toml) is in it", path.display()).into());
        }
        checked.extend(files.iter().map(|file| Checked {
            file: file.display().to_string(),
            fault: judge(file).err(),
        }));
    }
    let wrong = checked.iter().filter(|page| page.fault.is_some()).count();
    if json {
        let rows: Vec<Value> = checked
            .iter()
            .map(|page| {
                let fault = page.fault.as_ref();
                json!({
                    "file": page.file,
                    "good": fault.is_none(),
                    "line": fault.and_then(|fault| fault.line),
                    "message": fault.map(|fault| &fault.message),
                })
            })
            .collect();
        print(&format!("{}\n", Value::Array(rows)))?;
    } else {
        let mut text = String::new();
        for page in &checked {
            match &page.fault {
                None => writeln!(text, "{}: good", page.file)?,
                Some(fault) => writeln!(text, "{fault}")?,
            }
        }
        writeln!(text, "{} pages, {wrong} wrong", checked.len())?;
        print(&text)?;
    }
    Ok(if wrong == 0 { Done::Whole } else { Done::InPart })
}

/// Reads a page beside the built-in ones, and holds its examples against it.
fn judge(file: &Path) -> Result<(), PageError> {
    let families = Families::with_page(file)?;
    let refuse = |message: String| PageError {
        file: file.display().to_string(),
        line: None,
        message,
    };
    let Some(family) = families.iter().last() else {
        return Err(refuse("holds no page".to_owned()));
    };
    for (number, example) in family.examples().iter().enumerate() {
        family
            .check(&families, example)
            .map_err(|fault| refuse(format!("example {}: {fault}", number + 1)))?;
    }
    Ok(())
}
