//! A month of a dwelling out of years of hours, and how soon a daemon is ready on a large store.

use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use jiff::ToSpan;

use crate::ask::{Load, load};
use crate::figure::{Bar, Figure};
use crate::history::{OF_A_DWELLING, hours, registry, telegram};
use crate::process::{Daemon, Folder};
use crate::{Extent, Say};

/// The month, out of the middle of what there is.
fn month(dwelling: u64, years: i64, step: &str) -> String {
    let year = 2025 - years / 2;
    format!("/v1/dwellings/{dwelling}/consumption?from={year}-03-01&to={year}-04-01&step={step}")
}

/// A month from any day on, of any dwelling: hardly ever the same twice.
pub(crate) fn any_month(number: u64, dwellings: u64, years: i64) -> String {
    // Scattered, and the same in each run.
    let luck = number.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 16;
    let days = u64::try_from(years * 365 - 60).unwrap();
    let back = i64::try_from(luck / dwellings % days).unwrap() + 45;
    let from = jiff::civil::date(2026, 1, 1) - back.days();
    format!(
        "/v1/dwellings/{}/consumption?from={from}&to={}&step=month",
        luck % dwellings + 1,
        from + 1.month()
    )
}

#[allow(clippy::cast_precision_loss, reason = "for people")]
pub(crate) fn figures(extent: Extent, say: &mut Say<'_>) {
    let folder = Folder::new("api");
    let db = folder.path("releve.db");
    let (meters, years) = (1000, extent.pick(1, 10));
    let (store, dwellings) = registry(&db, meters, true);
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

    let mut daemon = Daemon::start(&folder, &db, true);
    let dwellings = u64::try_from(dwellings).unwrap();
    let seconds = Duration::from_secs(extent.pick(4, 20));
    let of_all = |step: &'static str| move |number: u64| month(number * 7919 % dwellings + 1, years, step);
    let scattered = |number: u64| any_month(number, dwellings, years);
    let floor = load(&daemon, 8, seconds, &|_| "/healthz".to_owned());
    tell("no question at all (/healthz)", floor, (None, None), say, "");
    let bars = (Some(Bar::AtLeast(5000.0)), Some(Bar::AtMost(5.0)));
    let figure = of_all("month");
    let _ = load(&daemon, 4, Duration::from_secs(1), &figure);
    let asked = load(&daemon, 8, seconds, &figure);
    tell("a month of a dwelling, the same of all", asked, bars, say, &of);
    let asked = load(&daemon, 8, seconds, &scattered);
    tell("a month of a dwelling, from any day on", asked, bars, say, &of);
    let asked = load(&daemon, 8, seconds, &of_all("day"));
    tell("a month of a dwelling, day by day", asked, (None, None), say, &of);
    let others = |number: u64| scattered(number + 1_000_000);
    let alone = load(&daemon, 1, seconds, &others);
    tell("from any day on, one client", alone, (None, None), say, "");

    // Its water meters speak meanwhile, fifty in a second: each is stored within two.
    let mut air = daemon.air.take().unwrap();
    let done = AtomicBool::new(false);
    let asked = thread::scope(|scope| {
        scope.spawn(|| {
            for number in (0..meters).cycle().filter(|number| number % OF_A_DWELLING < 3) {
                if done.load(Ordering::Relaxed) {
                    break;
                }
                let litres = u32::try_from(number).unwrap();
                let digits: String = telegram(number + 1, litres)
                    .iter()
                    .map(|octet| format!("{octet:02X}"))
                    .collect();
                writeln!(air, "{digits}").unwrap();
                thread::sleep(Duration::from_millis(20));
            }
        });
        thread::sleep(Duration::from_secs(10));
        let asked = load(&daemon, 8, seconds, &figure);
        done.store(true, Ordering::Relaxed);
        asked
    });
    tell(
        "the same of all, while meters are heard",
        asked,
        bars,
        say,
        "fifty telegrams/s",
    );
    let after = daemon.counted();
    say(Figure::new(
        "daemon, the most memory under that load",
        after.peak_kib as f64 / 1024.0,
        "MB",
    ));
    daemon.stop();
}

/// What a load found.
#[allow(clippy::cast_precision_loss, reason = "for people")]
fn tell(what: &str, asked: Load, bars: (Option<Bar>, Option<Bar>), say: &mut Say<'_>, of: &str) {
    let against = |figure: Figure, bar: Option<Bar>| match bar {
        Some(bar) => figure.against(bar),
        None => figure,
    };
    let ms = |time: Duration| time.as_secs_f64() * 1000.0;
    let rate = Figure::new(format!("{what}: answers"), asked.rate, "1/s").noting(format!(
        "{} octets each; {} µs of the service and {} µs of who asks",
        asked.octets,
        asked.service.as_micros(),
        asked.clients.as_micros()
    ));
    say(against(rate, bars.0));
    let slow = Figure::new(format!("{what}: p99"), ms(asked.p99), "ms")
        .noting(format!("median {:.2} ms; {of}", ms(asked.median)));
    say(against(slow, bars.1));
}
