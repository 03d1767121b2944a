//! `releve erase`: a dwelling's data, or those of a household that has left, deleted on request, with a receipt.

use std::error::Error;
use std::fmt::Write as _;
use std::fs;
use std::io::{self, BufRead, IsTerminal, Write};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde_json::json;

use super::{Done, Outcome, held, operator, print};
use crate::registry::{Dwelling, SiteCode};
use crate::store::{
    By, DwellingId, Erase, Erasure, OccupancyId, Sole, SqliteStore, Store, StoreError, held_path,
};

/// Whose data to erase.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  releve erase --site AB123 --lot A-007 --dry-run
  releve erase --occupancy 41 --db /var/lib/releve/releve.db

Of a dwelling: readings, raw telegrams and alerts of its meters so far, and the households that have left it. Of an occupancy
that has ended: the same of its days, and itself. The registry (dwelling, points, meters, keys, factors) stays, and so does
who lives there now. What was erased is never taken again, also not from old captures; `releve restore` erases it in older
copies. The file is written anew, so that no octet is left in it. May run while the daemon does: it is refused meanwhile and
goes on by itself.

The receipt says how many rows of what were deleted, and nothing of what stood in them. It is kept in the store, in the
registry's history, and in the list beside the store.")]
pub(super) struct Args {
    /// The store.
    #[arg(long, value_name = "FILE", default_value = super::DEFAULT_DB)]
    db: PathBuf,
    #[command(flatten)]
    whose: Whose,
    /// The site of --lot or --client-ref.
    #[arg(long, value_name = "CODE")]
    site: Option<SiteCode>,
    /// Only say what would be deleted.
    #[arg(long)]
    dry_run: bool,
    /// Don't ask.
    #[arg(long)]
    yes: bool,
    /// The receipt as one JSON object.
    #[arg(long)]
    json: bool,
}

#[derive(clap::Args)]
#[group(required = true, multiple = false)]
struct Whose {
    /// The dwelling with this lot number.
    #[arg(long, value_name = "LOT", requires = "site")]
    lot: Option<String>,
    /// The dwelling with this client reference.
    #[arg(long, value_name = "REFERENCE", requires = "site")]
    client_ref: Option<String>,
    /// The dwelling with this number, as the API calls it.
    #[arg(long, value_name = "ID")]
    dwelling: Option<i64>,
    /// The household with this number; it must have left.
    #[arg(long, value_name = "ID")]
    occupancy: Option<i64>,
}

pub(super) fn run(args: &Args) -> Outcome {
    let store = SqliteStore::open(&args.db)?;
    let wanted = wanted(&store, args)?;
    let who = operator();
    let by = By {
        who: &who,
        at: Timestamp::now(),
    };
    let rehearsed = store.erase(wanted, true, by)?;
    if args.dry_run {
        print(&shown(&rehearsed, None, args.json)?)?;
        let held = held_path(&args.db);
        if held.exists() {
            eprintln!(
                "what an earlier daemon could not store is in {}: it is stored first, and what is of this dwelling goes with the rest",
                held.display()
            );
        }
        return Ok(Done::Whole);
    }
    if !args.yes && !agreed(&rehearsed)? {
        return Err("nothing was deleted".into());
    }
    // What could not be stored is, so that the receipt counts it. Beside a daemon, whose it is, the store refuses.
    match Sole::take(&args.db) {
        Ok(_sole) => held::read(&args.db, &store, &super::families(None)?).map(drop)?,
        Err(StoreError::Taken(_)) => {}
        Err(error) => return Err(error.into()),
    }
    let receipt = store.erase(wanted, false, by)?;
    // First what is done: what follows may fail and can be done again.
    let purged = store.purge();
    print(&shown(&receipt, Some(&older(&args.db)), args.json)?)?;
    purged.map_err(|error| {
        format!("the rows are deleted, but what stood in them may still be found in the file: {error}; then run the same command again")
    })?;
    Ok(Done::Whole)
}

fn wanted(store: &dyn Store, args: &Args) -> Result<Erase, Box<dyn Error + Send + Sync>> {
    let whose = &args.whose;
    if let Some(id) = whose.occupancy {
        return Ok(Erase::Household(OccupancyId(id)));
    }
    if let Some(id) = whose.dwelling {
        return Ok(Erase::Dwelling(DwellingId(id)));
    }
    let code = args.site.ok_or("name the site with --site")?;
    let site = store.site_by_code(code)?.ok_or_else(|| {
        format!("no site has the code {code}: `releve registry export` lists all there are")
    })?;
    let (mut found, name) = match (&whose.lot, &whose.client_ref) {
        (Some(lot), _) => (store.dwellings_by_lot(site.id, lot)?, format!("lot {lot}")),
        (None, Some(reference)) => (
            store.dwellings_by_client_ref(site.id, reference)?,
            format!("client reference {reference}"),
        ),
        (None, None) => return Err("name the dwelling with --lot or --client-ref".into()),
    };
    match (found.pop(), found.is_empty()) {
        (Some(dwelling), true) => Ok(Erase::Dwelling(dwelling.id)),
        (Some(last), false) => {
            found.push(last);
            let ids: Vec<_> = found
                .iter()
                .map(|Dwelling { id, lot, .. }| format!("{} ({lot})", id.0))
                .collect();
            Err(format!(
                "{code} has several dwellings with {name}: name one with --dwelling, of {}",
                ids.join(", ")
            )
            .into())
        }
        (None, _) => Err(format!("{code} has no dwelling with {name}").into()),
    }
}

/// Asks on a terminal; elsewhere nobody can answer.
fn agreed(rehearsed: &Erasure) -> Result<bool, Box<dyn Error + Send + Sync>> {
    if !io::stdin().is_terminal() {
        return Err(
            "this deletes data for good: say --yes, or run it on a terminal; --dry-run says what it would do"
                .into(),
        );
    }
    let mut asked = shown(rehearsed, None, false)?;
    asked.push_str("\nDelete this for good? Write yes: ");
    let mut terminal = io::stderr().lock();
    terminal.write_all(asked.as_bytes())?;
    terminal.flush()?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    Ok(answer.trim() == "yes")
}

/// Stores that an earlier restore, or damage, set aside: they hold what the store no longer does.
fn older(db: &Path) -> Vec<PathBuf> {
    let folder = match db.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let Some(name) = db.file_name().map(|name| name.to_string_lossy()) else {
        return Vec::new();
    };
    let aside = [format!("{name}.before-"), format!("{name}.damaged-")];
    let mut found: Vec<_> = fs::read_dir(folder)
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| {
            path.file_name().is_some_and(|file| {
                let file = file.to_string_lossy();
                aside.iter().any(|aside| file.starts_with(aside))
            })
        })
        .collect();
    found.sort();
    found
}

const BACKUPS: &str = "copies made before still hold it: delete them when their time has come; `releve restore` erases it in them";

/// A receipt for people or machines; `older` is said only of what has been done.
fn shown(
    receipt: &Erasure,
    older: Option<&[PathBuf]>,
    machine: bool,
) -> Result<String, Box<dyn Error + Send + Sync>> {
    let older: Option<Vec<_>> =
        older.map(|paths| paths.iter().map(|path| path.display().to_string()).collect());
    if machine {
        let answer = json!({
            "done": older.is_some(),
            "receipt": receipt,
            "backups": BACKUPS,
            "set_aside": older.unwrap_or_default(),
        });
        return Ok(format!("{answer}\n"));
    }
    let mut text = format!("{} lot {}", receipt.site, receipt.lot);
    match receipt.first_day {
        Some(first) => write!(text, ", {first} to {}", receipt.last_day)?,
        None => write!(text, ", all until {}", receipt.last_day)?,
    }
    writeln!(text, ", {} meters", receipt.meters.len())?;
    for (name, rows) in receipt.deleted.each() {
        writeln!(text, "{rows:>10}  {name}")?;
    }
    let Some(older) = older else { return Ok(text) };
    writeln!(text, "erased at {} by {}", receipt.at, receipt.who)?;
    writeln!(text, "receipt {}, seal {}", receipt.name, receipt.seal)?;
    writeln!(text, "{BACKUPS}")?;
    for path in older {
        writeln!(text, "set aside earlier, and not erased: {path}")?;
    }
    Ok(text)
}
