//! `releve registry`: the building's meters, from a list into the store and back.

use std::error::Error;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use decoders::scrambled::prios;
use jiff::Timestamp;
use serde_json::json;
use wmbus::{Address, DeviceType, IdentificationNumber, Version};
use zeroize::Zeroizing;

use super::{Done, Outcome};
use crate::registry::difference::{Difference, FieldChange, differences};
use crate::registry::export::export;
use crate::registry::import::{Column, Format, Plan, Report, Tally, plan};
use crate::store::{By, HistoryQuery, SqliteStore, Store, StoreError};

/// What to do with the registry.
#[derive(clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(clap::Subcommand)]
enum What {
    /// Make a list of sites, dwellings, meters and keys part of the registry; the same list again changes nothing.
    Import(Import),
    /// Write the registry as a list that import reads.
    Export(Export),
    /// Tell who changed what, the newest first.
    History(History),
}

#[derive(clap::Args)]
#[command(after_help = "Example: releve registry import --db building.db --dry-run meters.csv

CSV with a heading line (comma, semicolon or tab) or TOML with [[meter]] tables; --help lists the columns. All rows are
taken, or none when one is wrong.", after_long_help = columns())]
struct Import {
    /// The lists; - reads standard input.
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// The store; made when it is not there.
    #[arg(long, value_name = "FILE", default_value = super::DEFAULT_DB)]
    db: PathBuf,
    /// How the lists are written, when their names do not end in .csv or .toml.
    #[arg(long)]
    format: Option<ListFormat>,
    /// Take the good rows of a list in which others are wrong.
    #[arg(long)]
    keep_going: bool,
    /// Say what would be done, and do nothing.
    #[arg(long)]
    dry_run: bool,
    /// The outcome as one JSON object.
    #[arg(long)]
    json: bool,
}

#[derive(clap::Args)]
#[command(after_help = "Example: releve registry export --db building.db --output meters.csv")]
struct Export {
    /// The store.
    #[arg(long, value_name = "FILE", default_value = super::DEFAULT_DB)]
    db: PathBuf,
    /// The file to write, which must not exist; standard output when nothing is said.
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// How to write it; by the name of the output, else CSV.
    #[arg(long)]
    format: Option<ListFormat>,
    /// Write the meters' keys, too: whoever has the list can read the meters.
    #[arg(long)]
    keys: bool,
}

#[derive(clap::Args)]
#[command(after_help = "Example: releve registry history --db building.db --limit 20")]
struct History {
    /// The store.
    #[arg(long, value_name = "FILE", default_value = super::DEFAULT_DB)]
    db: PathBuf,
    /// At most so many changes.
    #[arg(long, default_value = "50", value_parser = clap::value_parser!(u16).range(1..=10_000))]
    limit: u16,
    /// One JSON object a change.
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, clap::ValueEnum)]
pub(super) enum ListFormat {
    Csv,
    Toml,
    Json,
}

/// Runs the command.
///
/// # Errors
/// A file or the store can't be read or written. Rows that are wrong are no error but [`Done::InPart`].
pub(super) fn run(args: &Args) -> Outcome {
    match &args.what {
        What::Import(args) => import(args),
        What::Export(args) => write_list(args),
        What::History(args) => history(args),
    }
}

/// The address that a maker computes from the serial on the housing: with Sappel, whose telegrams then count as version
/// 00, type 07, since those octets are a part of the serial.
pub(super) fn address_of_serial(serial: &str) -> Option<Address> {
    let [a, b, c, d, ..] = prios::address_of_letter_serial(serial)?;
    Some(Address {
        manufacturer: "SAP".parse().ok()?,
        identification_number: IdentificationNumber::from_octets([a, b, c, d]),
        version: Version(0),
        device_type: DeviceType::WATER,
    })
}

fn import(args: &Import) -> Outcome {
    let mut lists = Vec::new();
    for path in &args.files {
        lists.push((path, read(path)?));
    }
    let store = if args.dry_run && !args.db.exists() {
        None
    } else {
        Some(SqliteStore::create(&args.db)?)
    };
    let mut done = Done::Whole;
    let mut answers = Vec::new();
    for (path, octets) in &lists {
        let name = path.display().to_string();
        let format = format(args.format, Some(path));
        let (plan, differences, applied) = take(args, store.as_ref(), &name, octets, format)?;
        if !plan.faults.is_empty() {
            done = Done::InPart;
        }
        if args.json {
            answers.push(answer(&name, &plan, &differences, applied));
        } else {
            tell(args, &name, &plan, &differences, applied)?;
        }
    }
    if args.json {
        super::print(&format!(
            "{}\n",
            json!({ "dry_run": args.dry_run, "files": answers })
        ))?;
    }
    Ok(done)
}

/// Plans one list and, unless it is refused or rehearsed, applies the plan.
fn take(
    args: &Import,
    store: Option<&SqliteStore>,
    name: &str,
    octets: &[u8],
    format: Format,
) -> Result<(Plan, Vec<Difference>, bool), Box<dyn Error + Send + Sync>> {
    let mut attempts = 0;
    let who = super::operator();
    loop {
        let registry = store.map(SqliteStore::registry).transpose()?.unwrap_or_default();
        let plan = plan(&registry, name, octets, format, Some(address_of_serial));
        let differences = differences(&registry, &plan.changes);
        let wanted = !args.dry_run && (plan.faults.is_empty() || args.keep_going);
        let Some(store) = store.filter(|_| wanted) else {
            return Ok((plan, differences, false));
        };
        let by = By {
            who: &who,
            at: Timestamp::now(),
        };
        match store.apply_by(plan.version, &plan.changes, by) {
            Ok(()) => return Ok((plan, differences, true)),
            // Someone else imported in between: plan on what there is now.
            Err(StoreError::Stale) if attempts < 5 => attempts += 1,
            Err(error) => return Err(error.into()),
        }
    }
}

/// The outcome for people: faults on standard error, figures on standard output.
fn tell(args: &Import, name: &str, plan: &Plan, differences: &[Difference], applied: bool) -> io::Result<()> {
    tell_faults(plan)?;
    let faulty = plan.faults.len();
    let outcome = match (applied, args.dry_run, faulty) {
        (true, _, 0) => "imported".to_owned(),
        (true, _, _) => "imported without the rows named above".to_owned(),
        (false, true, 0) => "nothing was written: without --dry-run this would be done".to_owned(),
        (false, true, _) => {
            "nothing was written: correct what is named above, or see --keep-going".to_owned()
        }
        _ => "nothing was imported: correct what is named above, or take the other rows with --keep-going"
            .to_owned(),
    };
    let table = if applied || args.dry_run {
        table(&plan.report)
    } else {
        String::new()
    };
    let said = if args.dry_run {
        said(differences)
    } else {
        String::new()
    };
    super::print(&format!("{name}: {} rows, {outcome}\n{table}{said}", plan.rows))
}

/// The differences for people, one a line.
fn said(differences: &[Difference]) -> String {
    let mut text = String::new();
    for difference in differences.iter().take(MOST_DIFFERENCES) {
        text.push_str(&line(
            difference.noun,
            &difference.name,
            difference.added,
            &difference.fields,
        ));
    }
    if let Some(more) = differences
        .len()
        .checked_sub(MOST_DIFFERENCES)
        .filter(|more| *more > 0)
    {
        text.push_str(&format!("… and {more} more\n"));
    }
    text
}

/// `+ meter KAM 12345678`, `~ dwelling AB123 lot 7; surface_m2: 54 → 54.3`.
fn line(noun: &str, name: &str, added: bool, fields: &[FieldChange]) -> String {
    let sign = if added { '+' } else { '~' };
    let mut text = format!("{sign} {noun} {name}");
    for field in fields.iter().filter(|_| !added) {
        let shown = |text: &Option<String>| text.clone().unwrap_or_else(|| "nothing".to_owned());
        text.push_str(&format!(
            "; {}: {} → {}",
            field.name,
            shown(&field.before),
            shown(&field.after)
        ));
    }
    text.push('\n');
    text
}

fn history(args: &History) -> Outcome {
    let store = SqliteStore::open(&args.db)?;
    let rows = store.history(&HistoryQuery {
        limit: args.limit.into(),
        ..HistoryQuery::default()
    })?;
    let mut text = String::new();
    for row in rows {
        if args.json {
            let line = json!({
                "id": row.id, "version": row.version, "at": row.at, "who": row.who, "kind": row.noun,
                "name": row.name, "added": row.added, "fields": fields(&row.fields),
            });
            text.push_str(&format!("{line}\n"));
        } else {
            text.push_str(&format!("{}  {}  ", row.at, row.who));
            text.push_str(&line(&row.noun, &row.name, row.added, &row.fields));
        }
    }
    if text.is_empty() && !args.json {
        text.push_str("nothing was registered yet\n");
    }
    super::print(&text)?;
    Ok(Done::Whole)
}

fn fields(fields: &[FieldChange]) -> Vec<serde_json::Value> {
    fields
        .iter()
        .map(|field| json!({ "name": field.name, "before": field.before, "after": field.after }))
        .collect()
}

/// What is wrong with a list, on standard error.
pub(super) fn tell_faults(plan: &Plan) -> io::Result<()> {
    let mut err = io::stderr().lock();
    for fault in plan.faults.iter().take(MOST_FAULTS) {
        writeln!(err, "{fault}")?;
    }
    if let Some(more) = plan
        .faults
        .len()
        .checked_sub(MOST_FAULTS)
        .filter(|more| *more > 0)
    {
        writeln!(err, "… and {more} more")?;
    }
    Ok(())
}

fn table(report: &Report) -> String {
    let mut text = format!("{:<15}{:>9}{:>9}{:>11}\n", "", "added", "changed", "unchanged");
    for (name, tally) in parts(report) {
        text.push_str(&format!(
            "  {name:<13}{:>9}{:>9}{:>11}\n",
            tally.added, tally.changed, tally.unchanged
        ));
    }
    text
}

fn answer(name: &str, plan: &Plan, differences: &[Difference], applied: bool) -> serde_json::Value {
    let differences: Vec<_> = differences
        .iter()
        .map(|difference| {
            json!({
                "kind": difference.noun, "name": difference.name, "added": difference.added,
                "fields": fields(&difference.fields),
            })
        })
        .collect();
    let counts: serde_json::Map<_, _> = parts(&plan.report)
        .into_iter()
        .map(|(name, tally)| {
            let counts = json!({
                "added": tally.added, "changed": tally.changed, "unchanged": tally.unchanged,
            });
            (name.replace(' ', "_"), counts)
        })
        .collect();
    json!({ "file": name, "rows": plan.rows, "applied": applied, "counts": counts, "differences": differences, "faults": faults(plan) })
}

/// What is wrong with a list, for machines.
pub(super) fn faults(plan: &Plan) -> Vec<serde_json::Value> {
    plan.faults
        .iter()
        .map(|fault| json!({ "line": fault.line, "column": fault.column, "message": fault.message }))
        .collect()
}

const fn parts(report: &Report) -> [(&'static str, Tally); 8] {
    [
        ("sites", report.sites),
        ("dwellings", report.dwellings),
        ("points", report.points),
        ("meters", report.meters),
        ("installations", report.installations),
        ("factors", report.factors),
        ("occupancies", report.occupancies),
        ("keys", report.keys),
    ]
}

fn write_list(args: &Export) -> Outcome {
    let store = SqliteStore::open(&args.db)?;
    let format = format(args.format, args.output.as_deref());
    let list = export(&store.registry()?, format, args.keys);
    let Some(path) = &args.output else {
        super::print(&list)?;
        return Ok(Done::Whole);
    };
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    // It may hold keys.
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path).map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => format!("{}: is there already: choose another name", path.display()),
        _ => format!("{}: can't be written: {error}", path.display()),
    })?;
    file.write_all(list.as_bytes())
        .and_then(|()| file.sync_all())
        .map_err(|error| format!("{}: can't be written: {error}", path.display()))?;
    Ok(Done::Whole)
}

/// What was said, else what the name ends in, else CSV.
pub(super) fn format(said: Option<ListFormat>, path: Option<&Path>) -> Format {
    let extension = path.and_then(Path::extension);
    match said {
        Some(ListFormat::Toml) => Format::Toml,
        Some(ListFormat::Csv) => Format::Csv,
        Some(ListFormat::Json) => Format::Json,
        None if extension.is_some_and(|extension| extension.eq_ignore_ascii_case("toml")) => Format::Toml,
        None if extension.is_some_and(|extension| extension.eq_ignore_ascii_case("json")) => Format::Json,
        None => Format::Csv,
    }
}

/// The octets of a list, wiped when dropped: it may hold keys.
pub(super) fn read(path: &Path) -> Result<Zeroizing<Vec<u8>>, Box<dyn Error + Send + Sync>> {
    let unreadable = |error: io::Error| format!("{}: can't be read: {error}", path.display());
    // Room for all of it at once, so that growing leaves no copy behind.
    let (input, length): (Box<dyn Read>, u64) = if path == Path::new("-") {
        (Box::new(io::stdin().lock()), 1 << 20)
    } else {
        let file = File::open(path).map_err(unreadable)?;
        let length = file.metadata().map_err(unreadable)?.len();
        (Box::new(file), length)
    };
    let room = usize::try_from(length.min(LARGEST)).unwrap_or(0) + 1;
    let mut octets = Zeroizing::new(Vec::with_capacity(room));
    input
        .take(LARGEST + 1)
        .read_to_end(&mut octets)
        .map_err(unreadable)?;
    if octets.len() as u64 > LARGEST {
        return Err(format!(
            "{}: is larger than {} MB, which no list of meters is",
            path.display(),
            LARGEST >> 20
        )
        .into());
    }
    Ok(octets)
}

/// The columns and their meanings, for `--help`.
fn columns() -> String {
    let mut text = "Example: releve registry import --db building.db --dry-run meters.csv

CSV with a heading line (comma, semicolon or tab) or TOML with [[meter]] tables and these names. All rows are taken, or
none when one is wrong. No column is required; an empty cell leaves what is known as it is.

Columns:
"
    .to_owned();
    for column in Column::ALL {
        text.push_str(&format!("  {:<15} {}\n", column.name(), column.means()));
    }
    text
}

/// More differences are not printed.
const MOST_DIFFERENCES: usize = 50;
/// More faults of one list are not printed.
const MOST_FAULTS: usize = 100;
/// No list of meters is larger.
const LARGEST: u64 = 64 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_serial_on_a_housing_gives_the_address() {
        let address = address_of_serial("B21VC004217").unwrap();
        assert_eq!(address.manufacturer.to_string(), "SAP");
        let [a, b, c, d, ..] = prios::address_of_letter_serial("B21VC004217").unwrap();
        assert_eq!(address.identification_number.octets(), [a, b, c, d]);
        assert_eq!(address_of_serial("12345678"), None);
    }

    #[test]
    fn the_format_follows_from_the_name() {
        assert_eq!(format(None, Some(Path::new("a.TOML"))), Format::Toml);
        assert_eq!(format(None, Some(Path::new("toml"))), Format::Csv);
        assert_eq!(
            format(Some(ListFormat::Toml), Some(Path::new("a.csv"))),
            Format::Toml
        );
        assert_eq!(format(None, None), Format::Csv);
    }
}
