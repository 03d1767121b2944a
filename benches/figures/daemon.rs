//! The daemon hearing two thousand meters: memory, and time on a processor.

use std::fs;
use std::io::Write;
use std::thread;
use std::time::{Duration, Instant};

use crate::figure::{Bar, Figure};
use crate::history::plain;
use crate::process::{Daemon, Folder, Simulated, simulate};
use crate::{Extent, Say};

/// Telegrams in a second.
pub(crate) const RATE: u32 = 50;

/// A building of so many meters, and what they say in 26 days.
pub(crate) fn two_thousand(folder: &Folder) -> Simulated {
    simulate(
        folder,
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
    )
}

#[allow(clippy::cast_precision_loss, reason = "for people")]
pub(crate) fn figures(extent: Extent, say: &mut Say<'_>) {
    let folder = Folder::new("daemon");
    let building = two_thousand(&folder);
    let text = fs::read_to_string(&building.capture).unwrap();
    // What it would have heard just now: telegrams without times.
    let mut telegrams = text.lines().filter_map(|line| line.split(' ').nth(4));
    let mut daemon = Daemon::start(&folder, &building.db, true);
    let mut air = daemon.air.take().unwrap();
    // Every meter has been heard, its key is known to be right, and so is its page of the store.
    let warm = usize::try_from(building.meters * 4).unwrap();
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
}

/// How many readings the store has, of all that was heard.
pub(crate) fn readings(daemon: &Daemon) -> u64 {
    // A short answer of little code: what is measured is the daemon that listens.
    daemon.get("/v1/erasures");
    sum(daemon, "releve_reading_changes_total")
}

/// How many telegrams it has taken, settled or not.
pub(crate) fn heard(daemon: &Daemon) -> u64 {
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
