//! `releve check`: is all well with the store, the registry, the keys, the meters, the clock and the disk?

use std::path::{Path, PathBuf};

use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::{Done, Outcome, print};
use crate::checkup::{Area, Circumstances, Finding, Weight, checkup};
use crate::disk::Disk;
use crate::store::sqlite::{erasures_path, listed_erasures};
use crate::store::{SqliteStore, Store, StoreError, broken_receipts};

/// What to look over.
#[derive(clap::Args)]
#[command(after_help = "Example: releve check --db /var/lib/releve/releve.db

May run while the daemon does. Exit status 0: all is well, or notes only; 1: something should be looked after; 2: the
store can't be read.")]
pub(super) struct Args {
    /// The store.
    #[arg(long, value_name = "FILE", default_value = super::DEFAULT_DB)]
    db: PathBuf,
    /// Days without a telegram after which a meter counts as silent.
    #[arg(long, value_name = "DAYS", default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..=3650))]
    silent_days: u16,
    /// Don't read every page of the file: quick on a large store, and blind to damage.
    #[arg(long)]
    quick: bool,
    /// Write JSON for machines.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args) -> Outcome {
    let store = SqliteStore::open(&args.db)?;
    let disk = Disk::of(&args.db);
    let contradictions = if args.quick {
        Vec::new()
    } else {
        store.contradictions()?
    };
    // Of a damaged file nothing is taken away.
    let packed = if args.quick || !contradictions.is_empty() {
        Vec::new()
    } else {
        store.compare_packed()?
    };
    let around = Circumstances {
        now: Timestamp::now(),
        free: disk.free,
        size: disk.size,
        open_files: disk.open_files,
        loose_folder: disk.loose_folder,
        last_backup: store.last_backup()?,
        erasures: erasures(&store, &args.db)?,
        contradictions,
        packed,
        mended: store.mended().unwrap_or(None),
        silent_after: SignedDuration::from_hours(i64::from(args.silent_days) * 24),
    };
    let damaged = !around.contradictions.is_empty();
    let findings = match checkup(&store, &around) {
        // In a damaged file the rest may not be readable; what is known of the damage is said all the same.
        Err(error) if damaged => {
            let mut known = crate::checkup::file(&around);
            known.push(Finding {
                area: Area::Store,
                weight: Weight::Fault,
                says: error.to_string(),
                advice: "nothing else could be looked at",
            });
            known
        }
        other => other?,
    };
    print(&if args.json {
        machine(&findings)
    } else {
        table(&findings)
    })?;
    let sound = findings.iter().all(|finding| finding.weight == Weight::Note);
    Ok(if sound { Done::Whole } else { Done::InPart })
}

/// What is wrong with what was erased: a receipt that was changed, or one that only the list beside the store has.
fn erasures(store: &SqliteStore, db: &Path) -> Result<Vec<String>, StoreError> {
    let mut inside = Vec::new();
    let mut after = None;
    loop {
        let page = store.erasures(after, 1000)?;
        let Some((last, _)) = page.last() else { break };
        after = Some(*last);
        inside.extend(page.into_iter().map(|(_, receipt)| receipt));
    }
    let mut faults = broken_receipts(&inside);
    match listed_erasures(&erasures_path(db)) {
        Ok(listed) => faults.extend(
            listed
                .iter()
                .filter(|listed| inside.iter().all(|known| known.name != listed.name))
                .map(|listed| {
                    format!(
                        "what was erased of {} lot {} at {} may be in the store again",
                        listed.site, listed.lot, listed.at
                    )
                }),
        ),
        Err(error) => faults.push(error.to_string()),
    }
    Ok(faults)
}

fn machine(findings: &[Finding]) -> String {
    let rows: Vec<_> = findings
        .iter()
        .map(|finding| {
            json!({
                "area": finding.area.name(),
                "weight": finding.weight.name(),
                "says": finding.says,
                "advice": finding.advice,
            })
        })
        .collect();
    format!("{}\n", json!({ "findings": rows }))
}

fn table(findings: &[Finding]) -> String {
    let mut text = String::new();
    for area in Area::ALL {
        let mut here = findings.iter().filter(|finding| finding.area == area).peekable();
        if here.peek().is_none() {
            text.push_str(&format!("{:9} ok\n", area.name()));
            continue;
        }
        for finding in here {
            text.push_str(&format!(
                "{:9} {:8} {}\n{:19}→ {}\n",
                area.name(),
                finding.weight.name(),
                finding.says,
                "",
                finding.advice
            ));
        }
    }
    text
}
