//! Dongles through real pseudo-terminals: from the first question to the stored reading, silence, unplugging, garbage.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use collector::capture::{Content, Origin, Reader};
use collector::dongle::Model;
use collector::pty::Plugged;
use serde_json::Value;

use crate::harness::{Daemon, Folder, import, run, simulate};

/// What to do with the dongle on the bench.
enum Order {
    /// Hand these telegrams over, as soon as it listens.
    Deliver(Vec<Vec<u8>>),
    /// Write these octets.
    Say(Vec<u8>),
    GoDeaf,
    Unplug,
}

/// A dongle on a bench of its own thread.
struct Bench {
    orders: Sender<Order>,
    thread: JoinHandle<(u64, u64)>,
}

impl Bench {
    fn new(model: Model, link: &Path) -> Self {
        let plugged = Plugged::new(model, Some(link)).unwrap();
        let (orders, taken) = channel();
        let thread = thread::spawn(move || work(plugged, &taken));
        Self { orders, thread }
    }

    fn order(&self, order: Order) {
        self.orders.send(order).unwrap();
    }

    /// Unplugs it; how often it was reset, and how often its flash was written.
    fn unplug(self) -> (u64, u64) {
        self.order(Order::Unplug);
        self.thread.join().unwrap()
    }
}

fn work(mut plugged: Plugged, orders: &Receiver<Order>) -> (u64, u64) {
    let mut waiting: Vec<Vec<u8>> = Vec::new();
    loop {
        match orders.try_recv() {
            Ok(Order::Deliver(telegrams)) => waiting.extend(telegrams),
            Ok(Order::Say(octets)) => plugged.say(&octets).unwrap(),
            Ok(Order::GoDeaf) => plugged.go_deaf(),
            Ok(Order::Unplug) | Err(std::sync::mpsc::TryRecvError::Disconnected) => {
                return (plugged.dongle().resets(), plugged.dongle().flash_writes());
            }
            Err(std::sync::mpsc::TryRecvError::Empty) => {}
        }
        while !waiting.is_empty() && plugged.dongle().is_listening() {
            let telegram = waiting.remove(0);
            assert!(plugged.deliver(&telegram).unwrap());
            // At 9600 baud a telegram takes a while; the terminal's buffer is small.
            thread::sleep(Duration::from_millis(2));
        }
        plugged.turn(Duration::from_millis(10)).unwrap();
    }
}

/// A building of a few hours: its store, and the telegrams of its capture.
fn building(folder: &Folder) -> (PathBuf, Vec<Vec<u8>>) {
    let [capture, registry, _] = simulate(folder, &["--days", "1", "--every-minutes", "720", "--seed", "5"]);
    let db = import(folder, &registry);
    let file = std::fs::File::open(capture).unwrap();
    let mut reader = Reader::new(std::io::BufReader::new(file), Origin::new("bench"));
    let mut telegrams = Vec::new();
    while let Some(line) = reader.read_line().unwrap() {
        if let Content::Telegrams(found) = line.content {
            telegrams.extend(
                found
                    .into_iter()
                    .map(|telegram| wmbus::phy::strip(&telegram.octets).unwrap().octets.into_owned()),
            );
        }
    }
    // Each meter once: what a bench says twice is a repetition to the store.
    let mut seen = std::collections::BTreeSet::new();
    telegrams.retain(|telegram| seen.insert(telegram.get(2..10).unwrap().to_vec()));
    assert!(telegrams.len() > 40, "{}", telegrams.len());
    (db, telegrams)
}

fn daemon(folder: &Folder, db: &Path, model: Model, link: &Path, more: &str) -> Daemon {
    let receiver = format!(
        "[[receiver]]\nname = \"attic\"\ndevice = {:?}\nmodel = {:?}\n{more}\n",
        link.to_str().unwrap(),
        model.name()
    );
    Daemon::start(folder, db, &receiver)
}

/// Meters heard, the neighbour's included.
fn heard(air: &Value) -> usize {
    let list = |list: &Value| list.as_array().cloned().unwrap_or_default();
    let registered = list(&air["meters"]["items"]);
    let heard = registered.iter().filter(|meter| !meter["heard"].is_null());
    heard.count() + list(&air["unregistered"]).len()
}

fn receiver(air: &Value) -> &Value {
    &air["receivers"][0]
}

/// From the first question to the readings of every meter, over a real terminal.
fn every_meter_is_read_through(model: Model) {
    let folder = Folder::new();
    let (db, telegrams) = building(&folder);
    let link = folder.path("dongle");
    let bench = Bench::new(model, &link);
    let count = telegrams.len();
    let daemon = daemon(&folder, &db, model, &link, "");
    // What is said to nobody is lost: on a bare terminal nothing else shows that somebody listens.
    daemon.until("/v1/radio?limit=1", |air| {
        receiver(air)["condition"] == "listening"
    });
    bench.order(Order::Deliver(telegrams));
    let air = daemon.until("/v1/radio?limit=1000", |air| heard(air) == count);
    assert_eq!(receiver(&air)["condition"], "listening", "{air}");
    let changes = daemon.good("/v1/readings?limit=1000");
    let readings = changes["items"].as_array().unwrap().len();
    assert!(readings >= count, "{readings} readings of {count} meters");
    daemon.stop();
    let (resets, flash_writes) = bench.unplug();
    assert_eq!((resets, flash_writes), (0, 0));
}

#[test]
fn every_meter_is_read_through_an_im871a() {
    every_meter_is_read_through(Model::Im871a);
}

#[test]
fn every_meter_is_read_through_an_iu891a() {
    every_meter_is_read_through(Model::Iu891a);
}

#[test]
fn every_meter_is_read_through_an_amb8465() {
    every_meter_is_read_through(Model::Amb8465);
}

#[test]
fn every_meter_is_read_through_an_rc1180() {
    every_meter_is_read_through(Model::Rc1180);
}

#[test]
fn every_meter_is_read_through_a_cul() {
    every_meter_is_read_through(Model::Cul);
}

#[test]
fn every_meter_is_read_through_a_bare_terminal() {
    every_meter_is_read_through(Model::Rawtty);
}

#[test]
fn a_dongle_that_fell_silent_is_reset_and_heard_again() {
    let folder = Folder::new();
    let (db, telegrams) = building(&folder);
    let (first, second) = telegrams.split_at(telegrams.len() / 2);
    let link = folder.path("dongle");
    let bench = Bench::new(Model::Im871a, &link);
    bench.order(Order::Deliver(first.to_vec()));
    let daemon = daemon(&folder, &db, Model::Im871a, &link, "silence_seconds = 2");
    daemon.until("/v1/radio?limit=1000", |air| heard(air) == first.len());
    // It answers, but hears nothing any more, as sticks do after days; telegrams are on the air all the same.
    bench.order(Order::GoDeaf);
    bench.order(Order::Deliver(second.to_vec()));
    let air = daemon.until("/v1/radio?limit=1000", |air| heard(air) == telegrams.len());
    let air = if receiver(&air)["resets"] == 0 {
        daemon.until("/v1/radio?limit=1000", |air| {
            receiver(air)["resets"].as_u64() > Some(0)
        })
    } else {
        air
    };
    assert!(receiver(&air)["resets"].as_u64() >= Some(1), "{air}");
    daemon.stop();
    let (resets, flash_writes) = bench.unplug();
    assert!(resets >= 1);
    assert_eq!(flash_writes, 0);
}

#[test]
fn unplugged_and_plugged_in_again_nothing_sent_afterwards_is_lost() {
    let folder = Folder::new();
    let (db, telegrams) = building(&folder);
    let (first, second) = telegrams.split_at(telegrams.len() / 2);
    let link = folder.path("dongle");
    let bench = Bench::new(Model::Amb8465, &link);
    bench.order(Order::Deliver(first.to_vec()));
    let daemon = daemon(&folder, &db, Model::Amb8465, &link, "");
    daemon.until("/v1/radio?limit=1000", |air| heard(air) == first.len());
    bench.unplug();
    let air = daemon.until("/v1/radio?limit=1", |air| receiver(air)["condition"] == "lost");
    assert_eq!(air["outages"][0]["until"], Value::Null, "{air}");
    // The reason names the port, and while nothing is there, says what to do.
    daemon.until("/v1/radio?limit=1", |air| {
        receiver(air)["reason"]
            .as_str()
            .is_some_and(|reason| reason.contains("is not there: plug the dongle in"))
    });
    let bench = Bench::new(Model::Amb8465, &link);
    bench.order(Order::Deliver(second.to_vec()));
    let air = daemon.until("/v1/radio?limit=1000", |air| heard(air) == telegrams.len());
    let outage = &air["outages"][0];
    assert_eq!(outage["receiver"], "attic");
    let air = daemon.until("/v1/radio?limit=1", |air| !air["outages"][0]["until"].is_null());
    assert!(receiver(&air)["losses"].as_u64() >= Some(1), "{air}");
    daemon.stop();
    bench.unplug();
}

#[test]
fn garbage_and_half_messages_cost_what_they_hit_and_no_more() {
    let folder = Folder::new();
    let (db, telegrams) = building(&folder);
    let (first, second) = telegrams.split_at(telegrams.len() / 2);
    let link = folder.path("dongle");
    let bench = Bench::new(Model::Im871a, &link);
    bench.order(Order::Deliver(first.to_vec()));
    let daemon = daemon(&folder, &db, Model::Im871a, &link, "");
    daemon.until("/v1/radio?limit=1000", |air| heard(air) == first.len());
    let garbage: Vec<u8> = (0..200_000_u32)
        .map(|n| n.wrapping_mul(2_654_435_761).to_be_bytes()[0])
        .collect();
    for piece in garbage.chunks(500) {
        bench.order(Order::Say(piece.to_vec()));
    }
    // A message whose rest never comes.
    bench.order(Order::Say(vec![0xA5, 0xC2, 0x03, 0x40, 0x44]));
    bench.order(Order::Deliver(second.to_vec()));
    let air = daemon.until("/v1/radio?limit=1000", |air| heard(air) == telegrams.len());
    assert_eq!(receiver(&air)["losses"], 0, "{air}");
    daemon.until("/v1/radio?limit=1", |air| {
        receiver(air)["noise"].as_u64() > Some(100_000)
    });
    daemon.stop();
    bench.unplug();
}

#[test]
fn a_port_in_use_or_of_another_kind_is_named_with_a_remedy() {
    let folder = Folder::new();
    let (db, _) = building(&folder);
    let link = folder.path("dongle");
    // A CUL where an Amber should be: left alone after its questions, and said so.
    let bench = Bench::new(Model::Cul, &link);
    let daemon = daemon(&folder, &db, Model::Amb8465, &link, "");
    let air = daemon.until("/v1/radio?limit=1", |air| receiver(air)["condition"] == "lost");
    let reason = receiver(&air)["reason"].as_str().unwrap();
    assert!(
        reason.contains("no answer: not plugged in, another model, or another speed"),
        "{reason}"
    );
    assert!(
        reason.contains(link.to_str().unwrap()) && reason.contains("9600 baud"),
        "{reason}"
    );
    daemon.stop();
    bench.unplug();

    let config = folder.write(
        "wrong.toml",
        "[[receiver]]\nname = \"attic\"\ndevice = \"/dev/ttyUSB0\"\nmodel = \"im871\"\n",
    );
    let output = run(&["run", "--config", config.to_str().unwrap()]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("did you mean \"im871a\"?"), "{said}");
}

#[test]
fn a_quiet_night_costs_each_step_once_and_no_more() {
    let folder = Folder::new();
    let (db, _) = building(&folder);
    let link = folder.path("dongle");
    let bench = Bench::new(Model::Iu891a, &link);
    // Nobody sends; a second of silence is long here.
    let daemon = daemon(&folder, &db, Model::Iu891a, &link, "silence_seconds = 1");
    let air = daemon.until("/v1/radio?limit=1", |air| {
        receiver(air)["reason"]
            .as_str()
            .is_some_and(|reason| reason.contains("nothing helped"))
    });
    let steps = ["asked", "resets", "reopened"].map(|step| receiver(&air)[step].as_u64().unwrap());
    assert_eq!(steps, [1, 1, 1], "{air}");
    // The next telegram ends the outage; what was set up keeps listening all the time.
    let (_, telegrams) = building(&Folder::new());
    bench.order(Order::Deliver(telegrams));
    let air = daemon.until("/v1/radio?limit=1", |air| {
        receiver(air)["condition"] == "listening"
    });
    assert!(
        !air["outages"][0]["until"].is_null() || receiver(&air)["losses"] == 1,
        "{air}"
    );
    daemon.stop();
    let (resets, flash_writes) = bench.unplug();
    assert_eq!((resets, flash_writes), (1, 0));
}

#[test]
fn a_dongle_whose_model_nobody_named_is_asked_for_it() {
    for model in [Model::Im871a, Model::Cul, Model::Iu891a, Model::Amb8465] {
        let folder = Folder::new();
        let (db, telegrams) = building(&folder);
        let link = folder.path("dongle");
        let bench = Bench::new(model, &link);
        bench.order(Order::Deliver(telegrams.clone()));
        let receiver = format!(
            "[[receiver]]\nname = \"attic\"\ndevice = {:?}\n",
            link.to_str().unwrap()
        );
        let daemon = Daemon::start(&folder, &db, &receiver);
        daemon.until("/v1/radio?limit=1000", |air| heard(air) == telegrams.len());
        daemon.stop();
        assert_eq!(bench.unplug().1, 0, "{model:?}");
    }
}

/// Plain water meters of one family, each telegram another index: `number` says which of the day it is.
fn plain_telegram(number: u32, meters: u32) -> Vec<u8> {
    let mut octets = vec![0, 0x44, 0xAE, 0x4C];
    octets.extend((0x1000_0000 + bcd(number % meters)).to_le_bytes());
    octets.extend([
        0x68,
        0x07,
        0x7A,
        number.to_le_bytes()[0],
        0x00,
        0x00,
        0x00,
        0x04,
        0x13,
    ]);
    octets.extend((number / meters).to_le_bytes());
    octets[0] = u8::try_from(octets.len() - 1).unwrap();
    octets
}

/// The decimal digits of a number as hexadecimal ones.
fn bcd(number: u32) -> u32 {
    number
        .to_string()
        .chars()
        .fold(0, |sum, digit| sum << 4 | digit.to_digit(10).unwrap())
}

/// So many telegrams as fast as the terminal takes them: each ends on a pile and in the archive, and memory stays flat.
fn everything_is_accounted_for(telegrams: u32, meters: u32) {
    let folder = Folder::new();
    let list: String = (0..meters)
        .map(|meter| format!("SEN,{:08X}\n", 0x1000_0000 + bcd(meter)))
        .collect();
    let db = import(
        &folder,
        &folder.write("r.csv", &format!("manufacturer,id\n{list}")),
    );
    let link = folder.path("dongle");
    let mut plugged = Plugged::new(Model::Im871a, Some(&link)).unwrap();
    let bench = thread::spawn(move || {
        while !plugged.dongle().is_listening() {
            plugged.turn(Duration::from_millis(20)).unwrap();
        }
        for number in 0..telegrams {
            // One in a thousand comes with garbage in front.
            if number % 1000 == 999 {
                plugged.say(&[0xA5, 0x55, 0xC0, 0x00]).unwrap();
            }
            assert!(plugged.deliver(&plain_telegram(number, meters)).unwrap());
        }
        plugged
    });
    let daemon = daemon(&folder, &db, Model::Im871a, &link, "");
    let given = |air: &Value| receiver(air)["telegrams"].as_u64().unwrap_or(0);
    let part = u64::from(telegrams) / 5;
    daemon.until_long("/v1/radio?limit=1", |air| given(air) >= part);
    let early = daemon.resident_kilobytes();
    let plugged = bench.join().unwrap();
    let air = daemon.until_long("/v1/radio?limit=1", |air| given(air) >= u64::from(telegrams));
    assert_eq!(
        (given(&air), &receiver(&air)["losses"]),
        (u64::from(telegrams), &0.into()),
        "{air}"
    );
    let late = daemon.resident_kilobytes();
    daemon.stop();
    drop(plugged);
    let connection = rusqlite::Connection::open(&db).unwrap();
    let piles: Vec<(String, i64)> = connection
        .prepare("SELECT code, sum(telegrams) FROM meter_outcome JOIN outcome ON outcome.id = outcome GROUP BY code")
        .unwrap()
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    assert_eq!(piles, [("read".to_owned(), i64::from(telegrams))]);
    println!(
        "{telegrams} telegrams of {meters} meters: all read; {early} kB resident after a fifth, {late} kB at the end"
    );
    assert!(late < early + 16 * 1024, "{early} kB, then {late} kB");
}

#[test]
fn every_telegram_of_a_flood_is_accounted_for() {
    everything_is_accounted_for(20_000, 500);
}

#[test]
#[ignore = "a day at fifty telegrams a second takes minutes"]
fn a_day_at_fifty_telegrams_a_second() {
    everything_is_accounted_for(24 * 3600 * 50, 1000);
}
