//! The same figures at more meters and more years: what a question, a telegram and the daemon cost then.
//!
//! Stores hold what is left once the daemon has thinned it (the first and the last reading of a day) and packed it, as with
//! most households. They are written row by row through the store's trait.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use collector::{Check, Telegram};
use decoders::Families;
use jiff::Timestamp;
use releve::pipeline::Pipeline;
use releve::store::SqliteStore;
use releve::store::{Ingest, Store};

use crate::api::any_month;
use crate::ask::load;
use crate::figure::{Figure, number};
use crate::history::{END, Grain, fill, look_after, registry, telegram};
use crate::plot::{Line, Panel, svg};
use crate::process::{Daemon, Folder};
use crate::{Extent, Say};

/// What was measured of one size.
struct Row {
    meters: i64,
    years: i64,
    readings: u64,
    megabytes: f64,
    question: Duration,
    telegram: Duration,
    resident: f64,
    ready: Duration,
}

pub(crate) fn figures(extent: Extent, plot: Option<&str>, say: &mut Say<'_>) {
    let sizes: &[i64] = extent.pick(&[100, 1000], &[100, 1000, 10_000]);
    let ages: &[i64] = extent.pick(&[1, 3], &[1, 3, 10]);
    let mut rows = Vec::new();
    for meters in sizes {
        let folder = Folder::new(&format!("growth-{meters}"));
        let db = folder.path("releve.db");
        let (store, dwellings) = registry(&db, *meters, true);
        // As the daemon does by default.
        store.keep_hours_only(true).unwrap();
        let (mut readings, mut filled) = (0, 0);
        for years in ages {
            readings += fill(&store, *meters, Grain::Thinned, (filled * 365, years * 365));
            filled = *years;
            look_after(&store, END);
            let telegram = cost_of_a_telegram(&store, *meters, *years);
            let daemon = Daemon::start(&folder, &db, true);
            let dwellings = u64::try_from(dwellings).unwrap();
            // Hardly ever the same twice: what is answered from memory tells nothing of the store.
            let question = |number: u64| any_month(number, dwellings, *years);
            let _ = load(&daemon, 1, Duration::from_millis(300), &question);
            let others = |number: u64| question(number + 1_000_000);
            let asked = load(&daemon, 1, Duration::from_secs(2), &others);
            #[allow(clippy::cast_precision_loss, reason = "for people")]
            rows.push(Row {
                meters: *meters,
                years: *years,
                readings,
                megabytes: std::fs::metadata(&db).unwrap().len() as f64 / 1e6,
                question: asked.median,
                telegram,
                resident: daemon.counted().resident_kib as f64 / 1024.0,
                ready: daemon.ready_after,
            });
            daemon.stop();
        }
    }
    for row in &rows {
        let of = format!("{} meters, {} years", row.meters, row.years);
        say(
            Figure::new(format!("{of}: a month of a dwelling"), micro(row.question), "us").noting(format!(
                "{} readings, {:.0} MB; a telegram {:.1} us, daemon {:.1} MB, ready in {:.0} ms",
                row.readings,
                row.megabytes,
                micro(row.telegram),
                row.resident,
                micro(row.ready) / 1000.0
            )),
        );
    }
    if let Some(path) = plot {
        std::fs::write(path, drawn(&rows)).unwrap();
        println!("\n{}", table(&rows));
    }
}

fn micro(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

/// From octets to rows, as the daemon does at a full channel: made durable in batches of a hundred, given their places
/// together.
fn cost_of_a_telegram(store: &SqliteStore, meters: i64, years: i64) -> Duration {
    const TELEGRAMS: i64 = 40_000;
    const BATCH: i64 = 100;
    let families = Families::embedded().unwrap();
    let mut pipeline = Pipeline::on(store, families).unwrap();
    let mut took = Duration::ZERO;
    // Each year another time, so that nothing of it was there before.
    let begin = END + years * 10_000_000;
    for batch in 0..TELEGRAMS / BATCH {
        let telegrams: Vec<Telegram> = (batch * BATCH..(batch + 1) * BATCH)
            .map(|place| {
                let octets = telegram(
                    1 + place * 7919 % meters,
                    u32::try_from(years * 100_000 + place).unwrap(),
                );
                Telegram {
                    received_at: Some(Timestamp::from_second(begin + place / 50).unwrap()),
                    rssi_dbm: Some(-70),
                    ..Telegram::new(octets, Check::Receiver, "cellar".into())
                }
            })
            .collect();
        let begun = Instant::now();
        let batch: Vec<Ingest> = telegrams
            .iter()
            .flat_map(|telegram| pipeline.take(telegram, Timestamp::UNIX_EPOCH).into_ingest())
            .collect();
        store.hear(&batch).unwrap();
        took += begun.elapsed();
    }
    let begun = Instant::now();
    let report = store.settle().unwrap();
    took += begun.elapsed();
    // The first batch of a store shows a layout, which does not wait.
    assert!(report.telegrams >= u64::try_from(TELEGRAMS - BATCH).unwrap());
    took / u32::try_from(TELEGRAMS).unwrap()
}

/// As a table of the documentation.
fn table(rows: &[Row]) -> String {
    let mut text = "| meters | years | readings | store, MB | a month of a dwelling, µs | a telegram, µs | daemon, MB | ready, ms |\n\
                    | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n"
        .to_owned();
    for row in rows {
        #[allow(clippy::cast_precision_loss, reason = "for people")]
        let cells = [
            number(row.meters as f64),
            number(row.years as f64),
            number(row.readings as f64),
            number(row.megabytes.round()),
            number(micro(row.question).round()),
            format!("{:.1}", micro(row.telegram)),
            format!("{:.1}", row.resident),
            number((micro(row.ready) / 1000.0).round()),
        ];
        let _ = writeln!(text, "| {} |", cells.join(" | "));
    }
    text
}

fn drawn(rows: &[Row]) -> String {
    let panel = |title: &str, value: &dyn Fn(&Row) -> f64| {
        let mut lines: Vec<Line> = Vec::new();
        for row in rows {
            #[allow(clippy::cast_precision_loss, reason = "for people")]
            let point = (row.years as f64, value(row));
            let name = format!("{} meters", row.meters);
            match lines.iter_mut().find(|line| line.name == name) {
                Some(line) => line.points.push(point),
                None => lines.push(Line {
                    name,
                    points: vec![point],
                }),
            }
        }
        Panel {
            title: title.to_owned(),
            lines,
        }
    };
    svg(
        "years of readings",
        &[
            panel("a month of a dwelling, µs", &|row| micro(row.question)),
            panel("a telegram into the store, µs", &|row| micro(row.telegram)),
            panel("daemon, MB resident", &|row| row.resident),
            panel("start to ready, ms", &|row| micro(row.ready) / 1000.0),
        ],
    )
}
