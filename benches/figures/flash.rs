//! What the daemon writes to flash in an hour of two thousand meters.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use collector::{Check, Telegram};
use decoders::Families;
use jiff::{SignedDuration, Timestamp};
use releve::pipeline::Pipeline;
use releve::store::sqlite::Options;
use releve::store::{Ingest, Retention, Source, SqliteStore, Store, StoredReading};

use crate::Say;
use crate::daemon::{RATE, heard, readings, two_thousand};
use crate::figure::{Bar, Figure};
use crate::history::{END, Grain, fill, registry, telegram};
use crate::process::{Counted, Daemon, Folder, Simulated};

/// Telegrams in an hour.
const HOUR: usize = 3600 * RATE as usize;

pub(crate) fn figures(say: &mut Say<'_>) {
    let folder = Folder::new("flash");
    let building = two_thousand(&folder);
    let hour = Hour::prepare(&folder, &building);
    let daily = once_a_day(building.meters);
    let one = hour.flash(0, daily.taken_over);
    say(Figure::new(
        "daemon, written to flash for each telegram heard",
        one.written / one.telegrams,
        "octets",
    )
    .noting(one.noting()));
    say(Figure::new(
        "daemon, written to flash for each telegram, when of the day a week before its ends stay",
        daily.let_go / 24.0 / one.telegrams,
        "octets",
    ));
    say(Figure::new(
        "daemon, whoever asks then waits, once",
        one.waited.as_secs_f64() * 1000.0,
        "ms",
    ));
    let every = hour.flash(3650, daily.taken_over);
    say(Figure::new(
        "daemon, written to flash for each kept reading, where every value is kept",
        every.written / every.kept,
        "octets",
    )
    .against(Bar::AtMost(100.0))
    .noting(every.noting()));
}

/// What was written, and for what.
struct Written {
    written: f64,
    /// Of it this hour's share of what is done once a day.
    daily: f64,
    telegrams: f64,
    kept: f64,
    /// How long the one who asked behind the hour waited.
    waited: Duration,
}

impl Written {
    fn noting(&self) -> String {
        let Self {
            telegrams,
            kept,
            daily,
            ..
        } = self;
        let daily = daily / telegrams;
        format!(
            "{telegrams} telegrams in batches of a hundred, {kept} readings kept; an hour, settled at its end; a store with a week in it, the log carried over; {daily:.1} a telegram of it once a day"
        )
    }
}

/// An hour at fifty telegrams a second: the batches that the daemon makes of it, as fast as they are taken.
struct Hour<'a> {
    folder: &'a Folder,
    /// Its lines, in the order of their times.
    lines: Vec<String>,
    /// A store with a week in it, in which each meter has been heard.
    store: PathBuf,
}

impl<'a> Hour<'a> {
    /// The first telegrams of each meter come before: with them it is found out which keys are right.
    fn prepare(folder: &'a Folder, building: &Simulated) -> Self {
        let text = fs::read_to_string(&building.capture).unwrap();
        let said = text.lines().filter(|line| !line.starts_with('#'));
        let known = usize::try_from(building.meters * 12).unwrap();
        // The last hour that is over: what the daemon hears in an hour it gives its place at the end of it.
        let pace = SignedDuration::from_millis(1000 / i64::from(RATE));
        let hour = Timestamp::now().as_second().div_euclid(3600) * 3600 - 3600;
        let mut time = Timestamp::from_second(hour).unwrap() - pace * i32::try_from(known).unwrap();
        let mut lines: Vec<String> = said
            .filter_map(|line| line.split(' ').nth(4))
            .take(known + HOUR)
            .map(|telegram| {
                let line = format!("{time:.0} -70 T unchecked {telegram} @cellar\n");
                time += pace;
                line
            })
            .collect();
        assert_eq!(lines.len(), known + HOUR);
        let first = folder.path("first.txt");
        fs::write(&first, lines.drain(..known).collect::<String>()).unwrap();
        let store = building.db.clone();
        let daemon = Daemon::hearing(folder, &store, &first, 0);
        while heard(&daemon) < known as u64 {
            thread::sleep(Duration::from_millis(100));
        }
        daemon.stop();
        remember_a_week(&store);
        Self { folder, lines, store }
    }

    #[allow(clippy::cast_precision_loss, reason = "for people")]
    fn flash(&self, every_value_days: u32, daily: f64) -> Written {
        let db = self.folder.path(&format!("every-{every_value_days}.db"));
        fs::copy(&self.store, &db).unwrap();
        let capture = self.folder.path("hour.txt");
        fs::write(&capture, self.lines.concat()).unwrap();
        // Who asked the daemon would have it settle what it hears already.
        let before = changes(&db);
        let daemon = Daemon::hearing(self.folder, &db, &capture, every_value_days);
        while heard(&daemon) < self.lines.len() as u64 {
            thread::sleep(Duration::from_millis(100));
        }
        let asked = Instant::now();
        let kept = readings(&daemon);
        let waited = asked.elapsed();
        let kept = (kept - before) as f64;
        let written = (daemon.counted().written + carried_over(&db)) as f64;
        daemon.stop();
        let daily = daily / 24.0;
        Written {
            written: written + daily,
            daily,
            telegrams: self.lines.len() as f64,
            kept,
            waited,
        }
    }
}

/// Gives each series the hours of a week before what was heard: in a young store many meters share a page, in this one none.
fn remember_a_week(db: &Path) {
    let store = SqliteStore::open_with(db, Options::bulk()).unwrap();
    let meters = store.meters(None, 100_000).unwrap();
    let meters: Vec<_> = meters.iter().map(|meter| meter.id).collect();
    for latest in store.latest(&meters).unwrap() {
        if latest.reading.source != Source::Live {
            continue;
        }
        let begin = latest.reading.at - SignedDuration::from_hours(7 * 24);
        let readings: Vec<_> = (0..7 * 48)
            .map(|half| StoredReading {
                at: begin + SignedDuration::from_mins(half * 30),
                ..latest.reading
            })
            .collect();
        store.add_readings(latest.meter, &readings).unwrap();
    }
    store.sync().unwrap();
}

/// What is done once a day.
struct Daily {
    /// Written when the ends of its hours go among the rows.
    taken_over: f64,
    /// Written when of the day a week before the first and the last of each meter alone stay.
    let_go: f64,
}

/// A day of the ends of hours, in a store with a week in it.
#[allow(clippy::cast_precision_loss, reason = "for people")]
fn once_a_day(meters: u64) -> Daily {
    let folder = Folder::new("day");
    let db = folder.path("releve.db");
    let meters = i64::try_from(meters).unwrap();
    let (store, _) = registry(&db, meters, false);
    fill(&store, meters, Grain::Hourly, (1, 8));
    drop(store);
    let store = SqliteStore::open(&db).unwrap();
    store.keep_hours_only(true).unwrap();
    let families = Families::embedded().unwrap();
    let mut pipeline = Pipeline::on(&store, families).unwrap();
    let begin = END - 86_400;
    for half in 0..48 {
        let said: Vec<Ingest> = (1..=meters)
            .flat_map(|meter| {
                let octets = telegram(meter, u32::try_from(half).unwrap());
                let telegram = Telegram {
                    received_at: Some(Timestamp::from_second(begin + half * 1800).unwrap()),
                    ..Telegram::new(octets, Check::Receiver, "cellar".into())
                };
                pipeline.take(&telegram, Timestamp::UNIX_EPOCH).into_ingest()
            })
            .collect();
        store.hear(&said).unwrap();
        store.settle().unwrap();
    }
    carried_over(&db);
    let retained = |live_days| {
        let retention = Retention {
            live_days,
            ..Retention::default()
        };
        let later = Timestamp::from_second(END + 8 * 3600).unwrap();
        let before = Counted::of(std::process::id()).written;
        while store.retain(later, &retention).unwrap().more {}
        let written = Counted::of(std::process::id()).written - before;
        (written + carried_over(&db)) as f64
    };
    Daily {
        taken_over: retained(3650),
        let_go: retained(7),
    }
}

/// How many changes the feed of a store has.
fn changes(db: &Path) -> u64 {
    let store = SqliteStore::open(db).unwrap();
    store.last_change().unwrap()
}

/// What it writes when the log is carried over into the file, which a store of this age is about to do.
fn carried_over(db: &Path) -> u64 {
    let ourselves = || Counted::of(std::process::id()).written;
    let before = ourselves();
    let connection = rusqlite::Connection::open(db).unwrap();
    connection
        .query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()))
        .unwrap();
    ourselves() - before
}
