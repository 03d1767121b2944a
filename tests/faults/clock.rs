//! The gateway's clock jumps: years ahead, back, and it begins in 1970. No reading is filed at an instant that can't be.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::process::Command;

use jiff::{SignedDuration, Timestamp};
use releve::store::Source;

use crate::harness::{Daemon, Folder, import, json, run};
use crate::layer;
use crate::stored::{archive, said};

/// Meter, instant, flags.
type Reading = (i64, i64, i64);
/// An instant, and whether nobody timed the telegram.
type Filed = (i64, bool);

/// Live readings of a store: meter, instant, flags; and the instants telegrams are filed under.
fn kept(db: &Path) -> (Vec<Reading>, Vec<Filed>) {
    let readings = said(db)
        .into_iter()
        .filter(|row| row.reading.source == Source::Live)
        .map(|row| {
            (
                row.meter.0,
                row.reading.at.as_second(),
                row.reading.flags.0.into(),
            )
        })
        .collect();
    let telegrams = archive(db)
        .iter()
        .map(|telegram| (telegram.key.received_at.as_second(), telegram.assumed))
        .collect();
    (readings, telegrams)
}

/// The octets of the capture's telegrams, whenever they came.
fn bare(capture: &Path) -> Vec<String> {
    let text = fs::read_to_string(capture).unwrap();
    let long = |word: &&str| word.len() > 20 && word.bytes().all(|octet| octet.is_ascii_hexdigit());
    text.lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split_whitespace().find(long).map(str::to_owned))
        .collect()
}

#[test]
fn a_clock_that_jumps_files_nothing_where_it_can_not_be() {
    let folder = Folder::new();
    let Some(library) = layer::build(&folder) else {
        return;
    };
    // A building of these days: its meters' clocks are right.
    let today = Timestamp::now().to_zoned_datetime(jiff::tz::TimeZone::UTC).date();
    let target = folder.path("now");
    let from = today.checked_sub(jiff::Span::new().days(2)).unwrap().to_string();
    let written = json(&[
        "simulate",
        target.to_str().unwrap(),
        "--json",
        "--from",
        &from,
        "--days",
        "2",
        "--seed",
        "4",
    ]);
    let capture = written["capture"].as_str().unwrap();
    let registry = written["registry"].as_str().unwrap();
    let db = import(&folder, Path::new(registry));
    let lines = bare(Path::new(capture));
    assert!(lines.len() > 200);
    let pipe = folder.path("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let clock = folder.write("clock", "");
    let receiver = format!("[[receiver]]\nname = \"cellar\"\npipe = {pipe:?}\n");
    let environment = [
        ("LD_PRELOAD", library.to_str().unwrap()),
        ("LAYER_CLOCK", clock.to_str().unwrap()),
    ];
    let began = Timestamp::now();
    let year = 365 * 86_400;
    let to_1970 = -began.as_second() + 100;
    // Each leg: seconds by which the clock is moved, and whether it can be believed.
    let legs = [
        (0, true),
        (12 * year, false),
        (0, true),
        (-7 * year, false),
        (to_1970, false),
        (0, true),
    ];
    let daemon = Daemon::start_in(&folder, &db, "", &receiver, &environment);
    let mut open: File = OpenOptions::new().write(true).open(&pipe).unwrap();
    let share = lines.len() / legs.len();
    let mut told = 0;
    for (leg, (moved, sane)) in legs.into_iter().enumerate() {
        fs::write(
            &clock,
            if moved == 0 {
                String::new()
            } else {
                moved.to_string()
            },
        )
        .unwrap();
        let before = heard(&daemon);
        for line in &lines[leg * share..(leg + 1) * share] {
            writeln!(open, "{line}").unwrap();
        }
        daemon.until_long("/metrics", |_| heard(&daemon) >= before + share as u64);
        if !sane {
            told += 1;
            assert!(
                daemon.said().matches("the clock can't be right").count() >= told.min(2),
                "{}",
                daemon.said()
            );
        }
    }
    daemon.until_long("/readyz", |answer| answer["status"] == "ok");
    assert!(
        daemon.said().contains("the clock is right again"),
        "{}",
        daemon.said()
    );
    daemon.stop();
    let ended = Timestamp::now();
    let (readings, telegrams) = kept(&db);
    let slack = SignedDuration::from_hours(1).as_secs();
    // Nothing is filed before the building had meters, or after the end of the day on which this ran.
    let least = began.as_second() - 4 * 86_400;
    let most = ended.as_second() + slack;
    for (at, assumed) in &telegrams {
        assert!(
            (least..=most).contains(at),
            "a telegram is filed under {at}, assumed: {assumed}"
        );
    }
    assert!(
        telegrams.iter().any(|(_, assumed)| *assumed),
        "some were filed in their order"
    );
    assert!(telegrams.iter().any(|(_, assumed)| !*assumed));
    for (meter, at, flags) in &readings {
        assert!(
            (least..=most).contains(at),
            "meter {meter} has a reading at {at}, flags {flags}"
        );
    }
    assert!(readings.len() > 50);
    // A boot in 1970 after days without power: what is known of the time is what the store knows.
    fs::write(&clock, to_1970.to_string()).unwrap();
    assert!(
        run(&["token", "remove", "test", "--db", db.to_str().unwrap()])
            .status
            .success()
    );
    let daemon = Daemon::start_in(&folder, &db, "", &receiver, &environment);
    let mut open: File = OpenOptions::new().write(true).open(&pipe).unwrap();
    for line in &lines[..share] {
        writeln!(open, "{line}").unwrap();
    }
    daemon.until_long("/metrics", |_| heard(&daemon) >= share as u64);
    assert!(
        daemon.said().contains("the clock can't be right"),
        "{}",
        daemon.said()
    );
    daemon.stop();
    let (readings, telegrams) = kept(&db);
    let most = Timestamp::now().as_second() + slack;
    assert!(telegrams.iter().all(|(at, _)| (least..=most).contains(at)));
    assert!(readings.iter().all(|(_, at, _)| (least..=most).contains(at)));
}

/// Telegrams that the receiver has given and the store knows of.
fn heard(daemon: &Daemon) -> u64 {
    let text = daemon.good("/metrics");
    let text = text.as_str().unwrap();
    let line = text
        .lines()
        .find(|line| line.starts_with("releve_receiver_telegrams_total"));
    line.map_or(0, |line| line.rsplit(' ').next().unwrap().parse().unwrap())
}
