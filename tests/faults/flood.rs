//! A receiver that floods: more than a hundred times what a radio channel carries, nearly all of it invented; and a dongle
//! whose telegrams nobody takes. `RELEVE_FAULT_FLOOD` makes the flood longer: so many lines around each of the house's own.

use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::io::Write;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use collector::dongle::Model;
use collector::pty::Plugged;
use decoders::Families;
use rusqlite::{Connection, OpenFlags};
use wmbus::{Address, Frame, FrameFormat};

use crate::harness::{Daemon, Folder, import, replay, simulate};
use crate::layer;
use crate::luck::{Luck, number};
use crate::stored::{TELEGRAMS, readings, stored};

/// A line of a capture, cut at its octets.
struct Line<'a> {
    before: &'a str,
    octets: Vec<u8>,
    behind: &'a str,
}

impl<'a> Line<'a> {
    /// Nothing of a line that has none.
    fn new(line: &'a str) -> Option<Self> {
        let word = line
            .split(' ')
            .find(|word| word.len() > 20 && word.bytes().all(|octet| octet.is_ascii_hexdigit()))?;
        let at = line.find(word)?;
        Some(Self {
            before: &line[..at],
            octets: (0..word.len() / 2)
                .map(|place| u8::from_str_radix(&word[2 * place..2 * place + 2], 16).unwrap())
                .collect(),
            behind: &line[at + word.len()..],
        })
    }

    fn with(&self, octets: &[u8]) -> String {
        let hex: String = octets.iter().map(|octet| format!("{octet:02X}")).collect();
        format!("{}{hex}{}\n", self.before, self.behind)
    }
}

/// Which meter a telegram is of, and who sent it; nothing of one that is damaged.
fn who(families: &Families, octets: &[u8]) -> Option<[Address; 2]> {
    let frame = Frame::parse(octets).ok()?;
    Some([families.identify(&frame), frame.link().sender])
}

/// Whoever invents senders, and what became of it.
struct Flood {
    families: Families,
    /// Everybody in the house.
    known: HashSet<Address>,
    luck: Luck,
    said: Said,
}

/// What was said.
#[derive(Clone, Copy, Debug, Default)]
struct Said {
    own: u64,
    invented: u64,
    random: u64,
    noise: u64,
}

impl Flood {
    fn new(lines: &[&str]) -> Self {
        let families = Families::embedded().unwrap();
        let known = lines
            .iter()
            .filter_map(|line| Line::new(line))
            .filter_map(|line| who(&families, &line.octets))
            .flatten()
            .collect();
        Self {
            families,
            known,
            luck: Luck::new(number("RELEVE_FAULT_SEED", 1)),
            said: Said::default(),
        }
    }

    /// The same telegram of another meter that nobody has: a whole street, or somebody who counts through all numbers.
    /// Nothing where what is at the link layer is not the meter, but an adapter that speaks for it.
    fn invent(&mut self, line: &Line<'_>) -> Option<String> {
        let [meter, _] = who(&self.families, &line.octets)?;
        let mut octets = wmbus::phy::strip(&line.octets).unwrap().octets.into_owned();
        octets[4..8].copy_from_slice(&self.luck.octets(4));
        let framed = wmbus::phy::frame(&octets, FrameFormat::A).unwrap();
        let strangers = who(&self.families, &framed)?;
        let is_new = strangers.iter().all(|address| !self.known.contains(address));
        (is_new && strangers[0] != meter).then(|| line.with(&framed))
    }

    /// Says these lines, with so many others around each; false when nobody listens.
    fn say(&mut self, stream: &mut UnixStream, lines: &[&str], around: u64) -> bool {
        for text in lines {
            let Some(line) = Line::new(text) else { continue };
            let mut all = format!("{text}\n");
            self.said.own += 1;
            for number in 0..around {
                let count = 12 + self.luck.index(200);
                if number % 3 == 2 {
                    // Octets that are no telegram; by chance one in some hundred is.
                    all += &line.with(&self.luck.octets(count));
                    self.said.random += 1;
                } else if let Some(invented) = self.invent(&line) {
                    all += &invented;
                    self.said.invented += 1;
                } else {
                    // Not even a line.
                    all += &String::from_utf8_lossy(&self.luck.octets(count)).replace(['\n', '\r'], " ");
                    all += "\n";
                    self.said.noise += 1;
                }
            }
            if stream.write_all(all.as_bytes()).is_err() {
                return false;
            }
        }
        true
    }
}

/// How many telegrams ended on which pile, by a daemon's last words.
fn piles(said: &str) -> BTreeMap<String, u64> {
    let line = said.lines().find(|line| line.contains("outcomes=")).unwrap();
    let list = line
        .split(['{', '}'])
        .nth(1)
        .unwrap()
        .replace(['"', '\\', ' '], "");
    list.split(',')
        .map(|pile| {
            let (code, count) = pile.split_once(':').unwrap();
            (code.to_owned(), count.parse().unwrap())
        })
        .collect()
}

#[test]
fn a_flood_of_invented_meters_takes_no_memory_and_hides_nobody() {
    let around = number("RELEVE_FAULT_FLOOD", 12);
    let folder = Folder::new();
    let [capture, registry, _] = simulate(&folder, &["--days", "12", "--seed", "6"]);
    let prepared = import(&folder, &registry);
    let undisturbed = folder.path("undisturbed.db");
    fs::copy(&prepared, &undisturbed).unwrap();
    let replayed = replay(&undisturbed, &capture);
    let wanted = stored(&undisturbed);
    let readings = readings(&wanted);
    let telegrams = wanted.len() as u64 - readings;

    let text = fs::read_to_string(&capture).unwrap();
    let lines: Vec<&str> = text.lines().filter(|line| Line::new(line).is_some()).collect();
    let mut flood = Flood::new(&lines);
    let (first, rest) = lines.split_at(lines.len() / 10);
    let (middle, last) = rest.split_at(rest.len() * 9 / 10);

    let socket = folder.path("socket");
    let listener = UnixListener::bind(&socket).unwrap();
    let db = folder.path("flooded.db");
    fs::copy(&prepared, &db).unwrap();
    let receiver = format!("[[receiver]]\nname = \"cellar\"\nunix = {socket:?}\ntimes = \"recorded\"\n");
    let daemon = Daemon::start(&folder, &db, &receiver);
    let (mut stream, _) = listener.accept().unwrap();
    let changes = || daemon.figure("releve_reading_changes_total");

    // Some days in peace, then the flood, which waits wherever the daemon has no room.
    assert!(flood.say(&mut stream, first, 0));
    daemon.until_long("/metrics", |_| changes() > 0);
    let (before, begun) = (daemon.peak_kilobytes(), Instant::now());
    let mut early = 0;
    for (number, part) in middle.chunks(middle.len() / 10 + 1).enumerate() {
        assert!(flood.say(&mut stream, part, around), "part {number}");
        // It answers in between, and what is in between is the same at the end as near the beginning.
        assert_eq!(daemon.get("/readyz").0, 200);
        if number == 2 {
            early = daemon.peak_kilobytes();
        }
    }
    let (said, seconds, late) = (flood.said, begun.elapsed().as_secs_f64(), daemon.peak_kilobytes());
    // And it goes on.
    assert!(flood.say(&mut stream, last, 0));
    daemon.until_long("/metrics", |text| {
        changes() >= readings && of_the_house(text.as_str().unwrap()) >= telegrams
    });
    assert_eq!(
        daemon.figure("releve_dropped_telegrams_total"),
        0,
        "who can wait waits"
    );
    let peak = daemon.peak_kilobytes();
    let piles = piles(&daemon.last_words());
    let total = said.own + said.invented + said.random + said.noise;
    eprintln!(
        "{total} lines ({said:?}) in {seconds:.1} s, {:.0} a second; at most {before} kB before, {early} kB after a third, \
         {late} kB after all, {peak} kB in the end; {piles:?}",
        total as f64 / seconds
    );

    // What is kept of the house is what a quiet day leaves, row for row.
    let got = stored(&db);
    let only = |these: &[String], those: &[String]| -> Vec<String> {
        let missing = these.iter().filter(|row| those.binary_search(row).is_err());
        missing.cloned().collect()
    };
    let none: [String; 0] = [];
    assert_eq!(
        (only(&wanted, &got), only(&got, &wanted)),
        (none.to_vec(), none.to_vec())
    );
    // All that was heard ended on a pile, and the flood only on those of nobody's telegrams.
    assert_eq!(piles.values().sum::<u64>(), receiver_telegrams(&db));
    let quiet = |code: &str| replayed["outcomes"][code].as_u64().unwrap_or(0);
    for (code, count) in &piles {
        match code.as_str() {
            "damaged" | "foreign" => assert!(*count >= quiet(code), "{code}"),
            "unregistered" => assert!(*count >= quiet(code) + said.invented, "{count}"),
            _ => assert_eq!(*count, quiet(code), "{code}"),
        }
    }
    assert!(late < before + 32_000, "{before} kB, then {late} kB");
    assert!(late < early + 16_000, "{early} kB, then {late} kB");
}

/// Telegrams of registered meters, by the text of `/metrics`.
fn of_the_house(metrics: &str) -> u64 {
    let lines = metrics
        .lines()
        .filter(|line| line.starts_with("releve_meter_telegrams_total{"));
    lines
        .map(|line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap())
        .sum()
}

/// Telegrams that the receiver of a store has given.
fn receiver_telegrams(db: &Path) -> u64 {
    one(db, "SELECT telegrams FROM receiver")
}

/// The only number that a question gives.
fn one(db: &Path, question: &str) -> u64 {
    let connection = Connection::open_with_flags(db, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    let number: i64 = connection.query_row(question, [], |row| row.get(0)).unwrap();
    number.try_into().unwrap()
}

/// A dongle that hears a meter every moment while it is told to; what else is asked of it, it answers.
#[derive(Clone, Default)]
struct Attic {
    speaks: Arc<AtomicBool>,
    /// It has seen that it shall not, and hands nothing over.
    is_silent: Arc<AtomicBool>,
    ends: Arc<AtomicBool>,
    delivered: Arc<AtomicU64>,
}

impl Attic {
    fn plug_in(&self, link: &Path) -> JoinHandle<()> {
        let mut plugged = Plugged::new(Model::Im871a, Some(link)).unwrap();
        let attic = self.clone();
        thread::spawn(move || {
            while !attic.ends.load(Ordering::Relaxed) {
                let speaks = attic.speaks.load(Ordering::Relaxed);
                plugged
                    .turn(Duration::from_millis(if speaks { 0 } else { 10 }))
                    .unwrap();
                let next = telegram(attic.delivered.load(Ordering::Relaxed));
                // Waits while the line is full.
                if speaks && plugged.deliver(&next).unwrap() {
                    attic.delivered.fetch_add(1, Ordering::Relaxed);
                }
                attic.is_silent.store(!speaks, Ordering::Relaxed);
            }
        })
    }

    fn speak(&self) {
        self.speaks.store(true, Ordering::Relaxed);
    }

    /// Silent from now on; how many telegrams were handed over until then.
    fn fall_silent(&self) -> u64 {
        self.speaks.store(false, Ordering::Relaxed);
        while !self.is_silent.load(Ordering::Relaxed) {
            thread::sleep(Duration::from_millis(10));
        }
        self.delivered.load(Ordering::Relaxed)
    }
}

/// Meters around the dongle.
const METERS: u64 = 500;
/// Octets in which the dongle hands one of these telegrams over.
const MESSAGE: u64 = 27;

/// One of a meter's telegrams, none like another: a volume in litres, in clear.
fn telegram(number: u64) -> Vec<u8> {
    let mut octets = vec![0x13, 0x44, 0xAE, 0x4C];
    octets.extend(
        u32::from_str_radix(&meter(number % METERS), 16)
            .unwrap()
            .to_le_bytes(),
    );
    octets.extend([0x68, 0x07, 0x7A, number.to_le_bytes()[0], 0, 0, 0, 0x04, 0x13]);
    octets.extend(u32::try_from(number / METERS).unwrap().to_le_bytes());
    octets[0] = u8::try_from(octets.len() - 1).unwrap();
    octets
}

fn meter(number: u64) -> String {
    format!("{}", 10_000_000 + number)
}

#[test]
fn a_dongle_whose_telegrams_nobody_takes_loses_whole_ones_and_all_are_counted() {
    let folder = Folder::new();
    let Some(library) = layer::build(&folder) else {
        return;
    };
    let list: String = (0..METERS)
        .map(|number| format!("SEN,{}\n", meter(number)))
        .collect();
    let db = import(
        &folder,
        &folder.write("r.csv", &format!("manufacturer,id\n{list}")),
    );
    let link = folder.path("dongle");
    let attic = Attic::default();
    let plugged = attic.plug_in(&link);
    let disk = folder.write("mood", "");
    let environment = [
        ("LD_PRELOAD", library.to_str().unwrap()),
        ("LAYER_FILES", db.to_str().unwrap()),
        ("LAYER_DISK", disk.to_str().unwrap()),
    ];
    let receiver = format!("[[receiver]]\nname = \"attic\"\ndevice = {link:?}\nmodel = \"im871a\"\n");
    let daemon = Daemon::start_in(&folder, &db, "", &receiver, &environment);
    let read = || daemon.figure("releve_meter_telegrams_total{outcome=\"read\"}");
    let dropped = || daemon.figure("releve_dropped_telegrams_total");
    // A message that stops in its middle, because nobody gives this test a processor, is noise.
    let broken_off = || daemon.figure("releve_receiver_noise_octets_total{receiver=\"attic\"}") / MESSAGE;
    attic.speak();
    daemon.until_long("/metrics", |text| {
        text.as_str().unwrap().contains("outcome=\"read\"")
    });

    fs::write(&disk, "broken").unwrap();
    // More are dropped than could have waited one by one for as long as the first: what the dongle hears is taken from it,
    // so that nothing is lost where nobody counts.
    let waiting = || daemon.figure("releve_store_waiting_telegrams");
    daemon.until_long("/metrics", |_| dropped() >= 5000 && waiting() >= 20_000);
    let held = waiting();
    assert!(held < 20_100, "{held}");
    let resident = daemon.resident_kilobytes();
    assert_eq!(daemon.get("/healthz").0, 200);
    let delivered = attic.fall_silent();
    fs::write(&disk, "").unwrap();
    daemon.until_long("/readyz", |answer| answer["status"] == "ok");
    daemon.until_long("/metrics", |_| read() + dropped() + broken_off() >= delivered);
    let lost = dropped();

    // And it goes on: nothing more is lost.
    attic.speak();
    daemon.until_long("/metrics", |_| read() + lost >= delivered + 1000);
    let delivered = attic.fall_silent();
    daemon.until_long("/metrics", |_| read() + lost + broken_off() >= delivered);
    assert_eq!(dropped(), lost);
    let broken_off = broken_off();
    daemon.stop();
    attic.ends.store(true, Ordering::Relaxed);
    plugged.join().unwrap();
    eprintln!(
        "{delivered} telegrams: {held} waited in memory, {lost} dropped and counted; {resident} kB resident"
    );
    let kept = one(&db, TELEGRAMS);
    assert_eq!(kept + lost + broken_off, delivered);
    assert_eq!(receiver_telegrams(&db) + broken_off, delivered);
    // How long this dongle is usually silent was learnt meanwhile.
    assert_eq!(
        one(&db, "SELECT count(*) FROM rhythm WHERE receiver = 'attic'"),
        1
    );
    assert!(resident < 200_000, "{resident} kB");
}
