//! `releve replay`: captured telegrams into the store, as often as you like.
//!
//! ```text
//! file ─► lines ─► pipeline ─► batch ─┊─► store      two threads: while one batch is stored, the next ones are read
//!                     ▲               ┊    │          several batches are one transaction
//!                     └─────────────── batch             what is stored lends its memory to what is read
//! ```

use std::collections::BTreeMap;
use std::error::Error;
use std::fs::File;
use std::io::{BufReader, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread;

use collector::capture::{Content, Origin, Reader};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use serde::Serialize;

use super::{Done, Outcome, progress};
use crate::pipeline::{self, Pipeline};
use crate::store::sqlite::Options;
use crate::store::{Ingest, IngestReport, SqliteStore, Store, StoreError};

/// What to replay.
#[derive(clap::Args)]
#[command(after_help = "Example: releve replay --db building.db monday.txt tuesday.txt

Formats are recognised line by line: plain or timestamped hex, rtl_wmbus, rtl_433 CSV and JSON, telegram=|…| and more.
Every line ends on exactly one pile of the summary. A second replay of the same file adds nothing.")]
pub(super) struct Args {
    /// Capture files.
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// The store; made when it is not there.
    #[arg(long, value_name = "FILE", default_value = super::DEFAULT_DB)]
    db: PathBuf,
    /// Zone of time stamps that carry none, such as Europe/Paris.
    #[arg(long, default_value = "UTC")]
    time_zone: String,
    /// When a capture without times began; the date of the file by default.
    #[arg(long, value_name = "TIME")]
    start: Option<Timestamp>,
    /// A folder with pages of further meter families.
    #[arg(long, value_name = "FOLDER")]
    families: Option<PathBuf>,
    /// The summary as one JSON object.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args) -> Outcome {
    let zone = TimeZone::get(&args.time_zone).map_err(|_| {
        format!(
            "time zone {:?} is not known: write an IANA name such as Europe/Paris",
            args.time_zone
        )
    })?;
    let families = super::families(args.families.as_deref())?;
    // Looked at before anything is written: a typo in the last name should not cost an hour.
    let inputs = args
        .files
        .iter()
        .map(|path| Input::open(path, args.start))
        .collect::<Result<Vec<_>, _>>()?;
    let store = SqliteStore::open_with(&args.db, Options::bulk())?;
    let pipeline = Pipeline::on(&store, families)?;
    let summary = all(&store, pipeline, inputs, &zone)?;
    super::print(&if args.json {
        format!("{}\n", serde_json::to_string(&summary)?)
    } else {
        summary.table()
    })?;
    Ok(Done::Whole)
}

/// Replays files into a store; also what `demo` does.
pub(super) fn into(
    store: &dyn Store,
    pipeline: Pipeline,
    files: &[PathBuf],
) -> Result<Summary, Box<dyn Error + Send + Sync>> {
    let inputs = files
        .iter()
        .map(|path| Input::open(path, None))
        .collect::<Result<Vec<_>, _>>()?;
    all(store, pipeline, inputs, &TimeZone::UTC)
}

/// Reads all files in their order, while another thread stores what was read; both end before this does.
fn all(
    store: &dyn Store,
    pipeline: Pipeline,
    inputs: Vec<Input>,
    zone: &TimeZone,
) -> Result<Summary, Box<dyn Error + Send + Sync>> {
    thread::scope(|scope| {
        // Four wait while one is stored and one is read: while a disk writes down a transaction, reading goes on.
        let (batches, taken) = sync_channel(4);
        let (emptied, stored) = channel();
        let storing = scope.spawn(move || store_all(store, &taken, &emptied));
        let mut replay = Replay {
            batches,
            stored,
            pipeline,
            batch: Vec::with_capacity(BATCH),
            summary: Summary::default(),
        };
        let read = inputs.into_iter().try_for_each(|input| replay.file(input, zone));
        let Replay {
            batches, mut summary, ..
        } = replay;
        drop(batches);
        let stored = storing
            .join()
            .map_err(|_| "the storing ended in an error of the program")?;
        // What the store says comes first: that is why nobody took what was read.
        summary.stored = stored?;
        read?;
        Ok(summary)
    })
}

/// Stores batch after batch, in the order in which they were read, and gives them back.
fn store_all(
    store: &dyn Store,
    batches: &Receiver<Vec<Ingest>>,
    emptied: &Sender<Vec<Ingest>>,
) -> Result<Stored, StoreError> {
    let mut stored = Stored::default();
    while let Ok(batch) = batches.recv() {
        let mut next = Some(batch);
        let mut telegrams = 0;
        let report = store.ingest_together(&mut |taken| {
            if let Some(taken) = taken {
                // Nobody waits for the last ones.
                let _ = emptied.send(taken);
            }
            let batch = match next.take() {
                None if telegrams < TRANSACTION => batches.recv().ok()?,
                first => first?,
            };
            telegrams += batch.len();
            Some(batch)
        })?;
        stored.add(report);
    }
    store.sync()?;
    Ok(stored)
}

/// Telegrams that are handed over together: some of these batches are in memory at once.
const BATCH: usize = 1000;
/// Telegrams of one transaction: many, since each writes every page that it touched.
const TRANSACTION: usize = 20_000;

struct Input {
    path: PathBuf,
    file: File,
    length: u64,
    start: Timestamp,
}

impl Input {
    fn open(path: &Path, start: Option<Timestamp>) -> Result<Self, Box<dyn Error + Send + Sync>> {
        let unreadable = |error: std::io::Error| format!("{}: can't be read: {error}", path.display());
        let file = File::open(path).map_err(unreadable)?;
        let data = file.metadata().map_err(unreadable)?;
        if data.is_dir() {
            return Err(format!("{}: is a folder: name the capture files in it", path.display()).into());
        }
        let start = match start {
            Some(start) => start,
            None => Timestamp::try_from(data.modified().map_err(unreadable)?)?,
        };
        Ok(Self {
            path: path.to_owned(),
            file,
            length: data.len(),
            start,
        })
    }
}

struct Replay {
    batches: SyncSender<Vec<Ingest>>,
    stored: Receiver<Vec<Ingest>>,
    pipeline: Pipeline,
    batch: Vec<Ingest>,
    summary: Summary,
}

impl Replay {
    fn file(&mut self, input: Input, zone: &TimeZone) -> Result<(), Box<dyn Error + Send + Sync>> {
        let name = input
            .path
            .file_name()
            .map_or_else(String::new, |name| name.to_string_lossy().into_owned());
        let origin = Origin::new(&name).in_zone(zone.clone()).starting_at(input.start);
        let bar = progress::octets(input.length, name);
        let mut reader = Reader::new(BufReader::with_capacity(1 << 20, input.file), origin);
        loop {
            let line = match reader.read_line() {
                Ok(line) => line.or_else(|| reader.finish()),
                Err(error) => return Err(format!("{}: can't be read: {error}", input.path.display()).into()),
            };
            let Some(line) = line else { break };
            self.summary.lines += 1;
            match line.content {
                Content::Skipped(skipped) => self.summary.count(skipped.code()),
                Content::Rejected(rejection) => {
                    self.summary.count(rejection.code.code());
                    self.summary.first(rejection.code.code(), || {
                        format!("{}:{}: {}", input.path.display(), line.number, rejection.reason)
                    });
                }
                Content::Telegrams(telegrams) => {
                    // A line with several telegrams is counted under the first one's pile, the others beside.
                    self.summary.further += u64::try_from(telegrams.len().saturating_sub(1)).unwrap_or(0);
                    for telegram in telegrams {
                        // What nobody timed came in the order of the file, a second apart.
                        let after = i64::try_from(line.number).unwrap_or(0);
                        let filed_at = input.start.saturating_add(after.seconds()).unwrap_or(input.start);
                        let seen = self.pipeline.take(&telegram, filed_at);
                        for (place, seen) in seen.each().enumerate() {
                            self.summary.telegrams += 1;
                            self.summary.further += u64::from(place > 0);
                            self.summary.count(seen.outcome.code());
                            self.batch.extend(seen.into_ingest());
                        }
                    }
                }
            }
            if self.batch.len() >= BATCH {
                self.hand_over()?;
                bar.set_position(reader.position());
            }
        }
        self.hand_over()?;
        bar.finish_and_clear();
        Ok(())
    }

    /// Gives what was read to whoever stores it, waiting while that is behind.
    fn hand_over(&mut self) -> Result<(), Box<dyn Error + Send + Sync>> {
        let batch = std::mem::replace(&mut self.batch, Vec::with_capacity(BATCH));
        self.batches
            .send(batch)
            .map_err(|_| "the store takes no more telegrams")?;
        if let Ok(stored) = self.stored.try_recv() {
            self.pipeline.give_back(stored);
        }
        Ok(())
    }
}

/// What a replay did. Lines and the telegrams in them are counted by pile; what is stored is durable.
#[derive(Debug, Default, Serialize)]
pub(super) struct Summary {
    /// Lines read.
    lines: u64,
    /// Telegrams found in them.
    pub(super) telegrams: u64,
    /// Telegrams that shared a line with another.
    further: u64,
    /// Lines and telegrams by pile.
    outcomes: BTreeMap<&'static str, u64>,
    /// The first line of each pile of lines that gave no telegram.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    examples: BTreeMap<&'static str, String>,
    /// What the store did.
    stored: Stored,
}

#[derive(Debug, Default, Serialize)]
struct Stored {
    telegrams: u64,
    duplicates: u64,
    recovered: u64,
    readings: u64,
    known_readings: u64,
    conflicts: u64,
    strangers: u64,
    erased_telegrams: u64,
    erased_readings: u64,
}

impl Stored {
    fn add(&mut self, report: IngestReport) {
        self.telegrams += report.telegrams;
        self.duplicates += report.duplicates;
        self.recovered += report.recovered;
        self.readings += report.readings;
        self.known_readings += report.known;
        self.conflicts += report.conflicts;
        self.strangers += report.strangers;
        self.erased_telegrams += report.erased_telegrams;
        self.erased_readings += report.erased_readings;
    }
}

impl Summary {
    fn count(&mut self, code: &'static str) {
        *self.outcomes.entry(code).or_default() += 1;
    }

    fn first(&mut self, code: &'static str, example: impl FnOnce() -> String) {
        self.examples.entry(code).or_insert_with(example);
    }

    /// The summary for people.
    fn table(&self) -> String {
        let mut text = Vec::new();
        let _ = writeln!(
            text,
            "{:>10}  lines, {} telegrams in them\n",
            self.lines, self.telegrams
        );
        for (code, count) in &self.outcomes {
            let known = pipeline::Outcome::ALL
                .iter()
                .find(|outcome| outcome.code() == *code);
            let meaning = known.map_or("", |outcome| outcome.meaning());
            let example = self.examples.get(code).map_or("", String::as_str);
            let _ = writeln!(text, "{count:>10}  {code:<22} {meaning}{example}");
        }
        let Stored {
            telegrams,
            duplicates,
            recovered,
            readings,
            known_readings,
            conflicts,
            strangers,
            erased_telegrams,
            erased_readings,
        } = self.stored;
        let _ = writeln!(
            text,
            "\nstored: {telegrams} telegrams ({duplicates} were there already, {recovered} of them could be read now),"
        );
        let _ = writeln!(
            text,
            "        {readings} readings ({known_readings} were there already, {conflicts} contradict one that is there),"
        );
        let _ = writeln!(text, "        {strangers} sightings of unregistered meters");
        if erased_telegrams + erased_readings > 0 {
            let _ = writeln!(
                text,
                "not taken: {erased_telegrams} telegrams and {erased_readings} readings of days that were erased"
            );
        }
        String::from_utf8_lossy(&text).into_owned()
    }
}
