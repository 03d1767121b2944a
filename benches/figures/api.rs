//! A month of a dwelling out of years of hours, and how soon a daemon is ready on a large store.

use std::time::Duration;

use crate::ask::{Load, load};
use crate::figure::{Bar, Figure};
use crate::history::{hours, registry};
use crate::process::{Daemon, Folder};
use crate::{Extent, Say};

/// The month, out of the middle of what there is.
pub(crate) fn month(dwelling: u64, years: i64, step: &str) -> String {
    let year = 2025 - years / 2;
    format!("/v1/dwellings/{dwelling}/consumption?from={year}-03-01&to={year}-04-01&step={step}")
}

#[allow(clippy::cast_precision_loss, reason = "for people")]
pub(crate) fn figures(extent: Extent, say: &mut Say<'_>) {
    let folder = Folder::new("api");
    let db = folder.path("releve.db");
    let (meters, years) = (1000, extent.pick(1, 10));
    let (store, dwellings) = registry(&db, meters);
    let rows = hours(&store, meters, years);
    drop(store);
    let size = std::fs::metadata(&db).unwrap().len() as f64 / 1e9;
    let of = format!("{meters} meters, {years} years of hours, {rows} readings, {size:.2} GB");

    let ready: Vec<Duration> = (0..5)
        .map(|_| {
            let daemon = Daemon::start(&folder, &db, true);
            let ready = daemon.ready_after;
            daemon.stop();
            ready
        })
        .collect();
    let median = {
        let mut ready = ready;
        ready.sort_unstable();
        ready[ready.len() / 2]
    };
    say(Figure::new("start to ready", median.as_secs_f64() * 1000.0, "ms")
        .against(Bar::AtMost(200.0))
        .noting(of.clone()));

    let daemon = Daemon::start(&folder, &db, false);
    let dwellings = u64::try_from(dwellings).unwrap();
    for (step, what) in [("month", "as one figure"), ("day", "day by day")] {
        let question = |number: u64| month(number * 7919 % dwellings + 1, years, step);
        let _ = load(&daemon, 4, Duration::from_secs(1), &question);
        let Load {
            rate,
            median,
            p99,
            octets,
        } = load(&daemon, 8, Duration::from_secs(extent.pick(4, 20)), &question);
        let ms = |time: Duration| time.as_secs_f64() * 1000.0;
        say(
            Figure::new(format!("a month of a dwelling, {what}: answers"), rate, "1/s")
                .against(Bar::AtLeast(5000.0))
                .noting(format!("8 clients on the same machine, {octets} octets each")),
        );
        say(
            Figure::new(format!("a month of a dwelling, {what}: p99"), ms(p99), "ms")
                .against(Bar::AtMost(5.0))
                .noting(format!("median {:.2} ms; {of}", ms(median))),
        );
    }
    let after = daemon.counted();
    say(Figure::new(
        "daemon, the most memory under that load",
        after.peak_kib as f64 / 1024.0,
        "MB",
    ));
    daemon.stop();
}
