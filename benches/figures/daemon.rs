//! The daemon hearing two thousand meters: memory, time on a processor, and what it writes to flash.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};

use crate::figure::{Bar, Figure};
use crate::history::plain;
use crate::process::{Counted, Daemon, Folder, simulate};
use crate::{Extent, Say};

/// Telegrams in a second.
const RATE: u32 = 50;
/// Telegrams in an hour.
const HOUR: usize = 3600 * RATE as usize;

#[allow(clippy::cast_precision_loss, reason = "for people")]
pub(crate) fn figures(extent: Extent, say: &mut Say<'_>) {
    let folder = Folder::new("daemon");
    let building = simulate(
        &folder,
        "building",
        &[
            "--dwellings",
            "410",
            "--every-minutes",
            "360",
            "--days",
            "26",
            "--lost-per-mille",
            "0",
        ],
    );
    let text = fs::read_to_string(&building.capture).unwrap();
    // What it would have heard just now: telegrams without times.
    let mut telegrams = text.lines().filter_map(|line| line.split(' ').nth(4));
    let untouched = folder.path("untouched.db");
    fs::copy(&building.db, &untouched).unwrap();
    let mut daemon = Daemon::start(&folder, &building.db, true);
    let mut air = daemon.air.take().unwrap();
    // Every meter has been heard, and its page of the store is known.
    let warm = usize::try_from(building.meters).unwrap();
    for telegram in telegrams.by_ref().take(warm) {
        writeln!(air, "{telegram}").unwrap();
    }
    air.flush().unwrap();
    thread::sleep(Duration::from_secs(6));

    let seconds: u64 = extent.pick(40, 180);
    let kept = readings(&daemon);
    let before = daemon.counted();
    let begun = Instant::now();
    for second in 0..seconds {
        for tenth in 0..10 {
            for telegram in telegrams.by_ref().take((RATE / 10) as usize) {
                writeln!(air, "{telegram}").unwrap();
            }
            let due = Duration::from_millis((second * 10 + tenth + 1) * 100);
            thread::sleep(due.saturating_sub(begun.elapsed()));
        }
    }
    thread::sleep(Duration::from_secs(4));
    // Somebody asks, and what waited is settled: that belongs to the time, too.
    let kept = readings(&daemon) - kept;
    let lasted = begun.elapsed().as_secs_f64();
    let after = daemon.counted();
    let of = format!("{} meters, {RATE} telegrams/s for {seconds} s", building.meters);
    say(Figure::new(
        "daemon, resident memory",
        after.resident_kib as f64 / 1024.0,
        "MB",
    )
    .against(Bar::AtMost(20.0))
    .noting(format!(
        "{of}; {} kB of it its own, the rest read from files",
        after.own_kib
    )));
    say(Figure::new(
        "daemon, share of a core",
        (after.busy - before.busy).as_secs_f64() / lasted * 100.0,
        "%",
    )
    .against(Bar::AtMost(1.0)));
    let written = (after.written - before.written) as f64;
    say(Figure::new(
        "daemon, written to flash for each kept reading, when somebody asks after that time",
        written / kept as f64,
        "octets",
    )
    .noting(format!("{kept} readings")));

    // Everything else of the capture as fast as it takes it.
    let mut flood = 0_u64;
    let all = heard(&daemon);
    for telegram in telegrams {
        flood += 1;
        writeln!(air, "{telegram}").unwrap();
    }
    air.flush().unwrap();
    while heard(&daemon) < all + flood {
        thread::sleep(Duration::from_millis(100));
    }
    readings(&daemon);
    let late = daemon.counted();
    say(Figure::new(
        "daemon, the most memory after a flood",
        late.peak_kib as f64 / 1024.0,
        "MB",
    )
    .noting(format!(
        "{flood} telegrams as fast as it takes them; {:.1} MB after it, {} kB of it its own",
        late.resident_kib as f64 / 1024.0,
        late.own_kib
    )));

    // Neighbours that never were, each heard once.
    let invented = extent.pick(100_000, 1_000_000);
    for number in 0..invented {
        let octets = plain(0x2000_0000 + number, 7);
        let digits: String = octets.iter().map(|octet| format!("{octet:02X}")).collect();
        writeln!(air, "{digits}").unwrap();
    }
    drop(air);
    thread::sleep(Duration::from_secs(4));
    let invented_at = daemon.counted().peak_kib as f64 / 1024.0;
    say(Figure::new(
        "daemon, the most memory after invented addresses",
        invented_at,
        "MB",
    )
    .noting(format!("{invented} addresses, each heard once")));
    daemon.stop();
    for every_value_days in [0, 3650] {
        let db = folder.path(&format!("every-{every_value_days}.db"));
        fs::copy(&untouched, &db).unwrap();
        flash(
            &folder,
            &building.capture,
            &db,
            (building.meters, every_value_days),
            say,
        );
    }
}

/// What is written in an hour at fifty telegrams a second, while nobody asks: the same batches as then, as fast as they are taken. The
/// first telegrams of each meter come before, since with them it is found out which keys are right.
#[allow(clippy::cast_precision_loss, reason = "for people")]
fn flash(
    folder: &Folder,
    capture: &Path,
    db: &Path,
    (meters, every_value_days): (u64, u32),
    say: &mut Say<'_>,
) {
    let text = fs::read_to_string(capture).unwrap();
    let said = text.lines().filter(|line| !line.starts_with('#'));
    let known = usize::try_from(meters * 12).unwrap();
    let telegrams: Vec<&str> = said
        .filter_map(|line| line.split(' ').nth(4))
        .take(known + HOUR)
        .collect();
    assert_eq!(telegrams.len(), known + HOUR);
    // The last hour that is over: what the daemon hears in an hour it gives its place at the end of it.
    let pace = SignedDuration::from_millis(1000 / i64::from(RATE));
    let hour = Timestamp::now().as_second().div_euclid(3600) * 3600 - 3600;
    let mut time = Timestamp::from_second(hour).unwrap() - pace * i32::try_from(known).unwrap();
    let mut lines = telegrams.iter().map(|telegram| {
        let line = format!("{time:.0} -70 T unchecked {telegram} @cellar\n");
        time += pace;
        line
    });
    let (first, rest) = (folder.path("first.txt"), folder.path("rest.txt"));
    let known = usize::try_from(meters * 12).unwrap();
    fs::write(&first, lines.by_ref().take(known).collect::<String>()).unwrap();
    fs::write(&rest, lines.collect::<String>()).unwrap();
    let daemon = Daemon::hearing(folder, db, &first, every_value_days);
    while heard(&daemon) < known as u64 {
        thread::sleep(Duration::from_millis(100));
    }
    daemon.stop();

    let daemon = Daemon::hearing(folder, db, &rest, every_value_days);
    let kept = readings(&daemon);
    let rest = (telegrams.len() - known) as u64;
    while heard(&daemon) < rest {
        thread::sleep(Duration::from_millis(100));
    }
    let asked = Instant::now();
    let kept = readings(&daemon) - kept;
    let waited = asked.elapsed();
    let written = (daemon.counted().written + carried_over(db)) as f64;
    let noting = format!(
        "{rest} telegrams in batches of a hundred, {kept} readings kept; an hour, settled at its end; the log carried over"
    );
    if every_value_days == 0 {
        let figure = Figure::new(
            "daemon, written to flash for each telegram heard",
            written / rest as f64,
            "octets",
        );
        say(figure.noting(noting));
        say(Figure::new(
            "daemon, whoever asks then waits, once",
            waited.as_secs_f64() * 1000.0,
            "ms",
        ));
    } else {
        let figure = Figure::new(
            "daemon, written to flash for each kept reading, where every value is kept",
            written / kept as f64,
            "octets",
        );
        say(figure.against(Bar::AtMost(100.0)).noting(noting));
    }
    daemon.stop();
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

/// How many readings the store has, of all that was heard.
fn readings(daemon: &Daemon) -> u64 {
    // A short answer of little code: what is measured is the daemon that listens.
    daemon.get("/v1/erasures");
    sum(daemon, "releve_reading_changes_total")
}

/// How many telegrams it has taken, settled or not.
fn heard(daemon: &Daemon) -> u64 {
    sum(daemon, "releve_heard_telegrams_total")
}

/// What figures of a name say together.
fn sum(daemon: &Daemon, name: &str) -> u64 {
    let (_, metrics) = daemon.get("/metrics");
    let value = |line: &str| {
        let rest = line.strip_prefix(name)?;
        let value = rest
            .strip_prefix(' ')
            .or_else(|| rest.rsplit_once("} ").map(|(_, value)| value))?;
        value.parse::<u64>().ok()
    };
    metrics.lines().filter_map(value).sum()
}
