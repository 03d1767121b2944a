//! The daemon hearing two thousand meters: memory, time on a processor, and what it writes to flash.

use std::io::Write;
use std::thread;
use std::time::{Duration, Instant};

use crate::figure::{Bar, Figure};
use crate::history::plain;
use crate::process::{Daemon, Folder, simulate};
use crate::{Extent, Say};

/// Telegrams in a second.
const RATE: u32 = 50;

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
            "8",
            "--lost-per-mille",
            "0",
        ],
    );
    let text = std::fs::read_to_string(&building.capture).unwrap();
    // What it would have heard just now: telegrams without times.
    let mut telegrams = text.lines().filter_map(|line| line.split(' ').nth(4));
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
    let before = daemon.counted();
    let kept = readings(&daemon);
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
    let lasted = begun.elapsed().as_secs_f64();
    let after = daemon.counted();
    let kept = readings(&daemon) - kept;
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
        "daemon, written to flash for each kept reading",
        written / kept as f64,
        "octets",
    )
    .against(Bar::AtMost(100.0))
    .noting(format!("{kept} readings, {:.0} kB/s", written / lasted / 1000.0)));

    // Everything else of the capture as fast as it takes it.
    let mut flood = 0_u64;
    for telegram in telegrams {
        flood += 1;
        writeln!(air, "{telegram}").unwrap();
    }
    thread::sleep(Duration::from_secs(4));
    let late = daemon.counted();
    say(Figure::new(
        "daemon, the most memory after a flood",
        late.peak_kib as f64 / 1024.0,
        "MB",
    )
    .noting(format!("{flood} telegrams as fast as it takes them")));

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

/// How many readings the store has.
fn readings(daemon: &Daemon) -> u64 {
    let (_, metrics) = daemon.get("/metrics");
    let value = |line: &str| line.strip_prefix("releve_reading_changes_total ")?.parse().ok();
    metrics.lines().find_map(value).unwrap_or(0)
}
