//! `releve redecode`: the archive once more, after a new key, a new page or a new release.

use std::error::Error;
use std::fmt::Write;
use std::path::PathBuf;

use serde_json::{Value, json};

use super::{Done, Outcome, progress};
use crate::pipeline::{self, Pipeline};
use crate::redecode::{Report, Scope, Turn, redecode};
use crate::registry::Meter;
use crate::store::{Sole, SqliteStore, Store, find_meters};

/// What to read again.
#[derive(clap::Args)]
#[command(after_help = "Example: releve redecode --db building.db --outcome no_key

Run it after new keys were imported, a page was added, or releve was updated. Only what changes is written: a second run
changes nothing. What was read before is never given up.

Telegrams refused as recordings (replayed) stay so, unless --outcome replayed --meter SERIAL accepts them: where a meter's
message counter truly began anew. Stop the daemon first: what it remembers of counters and layouts would be older than what
is written here.")]
pub(super) struct Args {
    /// The store.
    #[arg(long, value_name = "FILE", default_value = super::DEFAULT_DB)]
    db: PathBuf,
    /// Only telegrams of this meter: its serial as printed, or maker and number.
    #[arg(long, value_name = "SERIAL")]
    meter: Option<String>,
    /// Only telegrams that ended this way, such as no_key or unknown_layout; may be given several times.
    #[arg(long, value_name = "CODE", value_parser = outcome)]
    outcome: Vec<pipeline::Outcome>,
    /// A folder with pages of further meter families.
    #[arg(long, value_name = "FOLDER")]
    families: Option<PathBuf>,
    /// The report as one JSON object.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args) -> Outcome {
    let families = super::families(args.families.as_deref())?;
    let store = SqliteStore::open(&args.db)?;
    // A daemon judges by what it remembers of counters and layouts, which would not be what is written here.
    let _sole = Sole::take(&args.db)?;
    let meter = args.meter.as_deref().map(|typed| meter(&store, typed));
    let scope = Scope {
        meter: meter.transpose()?.map(|meter| meter.id),
        outcomes: args.outcome.iter().map(|outcome| outcome.code()).collect(),
    };
    let mut pipeline = Pipeline::on(&store, families)?;
    if args.outcome.contains(&pipeline::Outcome::Replayed) {
        if scope.meter.is_none() {
            return Err("--outcome replayed accepts what a message counter says is a recording: name the one meter with --meter".into());
        }
        pipeline = pipeline.accepting_recordings();
    }
    let bar = progress::bar(store.counts()?.telegrams, "reading again");
    let report = redecode(&store, pipeline, &scope, |done| bar.set_position(done))?;
    bar.finish_and_clear();
    super::print(&if args.json {
        format!("{}\n", answer(&report))
    } else {
        table(&report)
    })?;
    Ok(Done::Whole)
}

/// The one meter that a typed serial means.
pub(super) fn meter(store: &dyn Store, typed: &str) -> Result<Meter, Box<dyn Error + Send + Sync>> {
    let mut found = find_meters(store, typed, Some(super::registry::address_of_serial))?;
    // Only those that the surest rule leads to.
    let surest = found.first().map(|found| found.rule);
    found.retain(|found| Some(found.rule) == surest);
    match <[_; 1]>::try_from(found) {
        Ok([found]) => Ok(found.meter),
        Err(several) if several.is_empty() => Err(format!(
            "no registered meter has the number {typed:?}: `releve registry export` lists all there are"
        )
        .into()),
        Err(several) => {
            let names: Vec<_> = several
                .iter()
                .map(|found| found.meter.address.to_string())
                .collect();
            Err(format!(
                "{typed:?} may mean several meters: write one of {}",
                names.join(", ")
            )
            .into())
        }
    }
}

fn outcome(code: &str) -> Result<pipeline::Outcome, String> {
    pipeline::Outcome::from_code(code).ok_or_else(|| {
        let known = pipeline::Outcome::ALL.map(pipeline::Outcome::code).join(", ");
        format!("write one of {known}")
    })
}

fn answer(report: &Report) -> Value {
    let turns = |turns: &std::collections::BTreeMap<Turn, u64>| -> Vec<Value> {
        turns
            .iter()
            .map(|((before, after), telegrams)| json!({ "before": before, "after": after, "telegrams": telegrams }))
            .collect()
    };
    json!({
        "telegrams": report.telegrams,
        "changed": turns(&report.changed),
        "kept": turns(&report.kept),
        "elsewhere": report.elsewhere,
        "meters_described": report.described,
        "readings": report.stored.readings,
        "conflicts": report.stored.conflicts,
    })
}

/// The report for people.
fn table(report: &Report) -> String {
    let mut text = format!("{:>10}  telegrams read again\n", report.telegrams);
    let mut line = |count: u64, what: &str| {
        if count > 0 {
            // A String takes whatever is written to it.
            let _ = writeln!(text, "{count:>10}  {what}");
        }
    };
    for ((before, after), count) in &report.changed {
        if before != after {
            line(*count, &format!("{before} → {after}"));
        } else if *after == crate::store::READ {
            line(*count, "read, and now more of it");
        } else {
            line(*count, &format!("{after}, for another reason"));
        }
    }
    for ((before, after), count) in &report.kept {
        line(
            *count,
            &format!("would be {after} today: kept as they were, {before}"),
        );
    }
    line(
        report.elsewhere,
        "belong to another meter by now, or to none: kept as they were",
    );
    line(
        report.described,
        "meters whose conditions or facts are understood differently",
    );
    line(report.stored.readings, "readings added");
    line(
        report.stored.conflicts,
        "readings contradict one that is there: the first is kept, and flagged",
    );
    let nothing = report.changed.is_empty() && report.described == 0;
    if nothing {
        text.push_str("nothing has changed\n");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_report_says_before_and_after() {
        let mut report = Report {
            telegrams: 12,
            ..Report::default()
        };
        assert!(table(&report).ends_with("nothing has changed\n"));
        report.changed.insert(("no_key".to_owned(), "read".to_owned()), 7);
        report.kept.insert(("read".to_owned(), "wrong_key".to_owned()), 2);
        report.stored.readings = 90;
        assert_eq!(
            table(&report),
            "        12  telegrams read again\n         7  no_key → read\n         2  would be wrong_key today: kept as \
             they were, read\n        90  readings added\n"
        );
        assert_eq!(
            answer(&report)["changed"],
            json!([{ "before": "no_key", "after": "read", "telegrams": 7 }])
        );
    }

    #[test]
    fn an_unknown_outcome_names_those_there_are() {
        assert_eq!(outcome("no_key"), Ok(pipeline::Outcome::NoKey));
        assert!(outcome("nokey").unwrap_err().contains("no_key"));
    }
}
