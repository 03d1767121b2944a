//! Real telegrams and what another decoder published for them, read from the shared folder at run time. Each that says
//! something else stands in `docs/corpus.md` with the reason, and nothing stands there that agrees.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use std::collections::{BTreeSet, HashMap};
use std::fs;

use decoders::reading::{Reading, Unit};
use decoders::{Context, Decoded, Families};
use serde_json::Value;
use wmbus::apl::compact::{Compact, Layout};
use wmbus::{Content, Frame, Key, Message};

/// What a number's name ends with: its kind, and the factor to that kind's base unit.
const SUFFIXES: [(&str, &str, f64); 30] = [
    ("m3", "volume", 1.0),
    ("l", "volume", 1e-3),
    ("m3h", "flow", 1.0),
    ("lh", "flow", 1e-3),
    ("hca", "heat_cost", 1.0),
    ("c", "temperature", 1.0),
    ("kwh", "energy", 1.0),
    ("mwh", "energy", 1e3),
    ("gj", "energy", 1.0 / 0.0036),
    ("mj", "energy", 1.0 / 3.6),
    ("kw", "power", 1.0),
    ("w", "power", 1e-3),
    ("v", "voltage", 1.0),
    ("a", "current", 1.0),
    ("hz", "frequency", 1.0),
    ("kvarh", "reactive", 1.0),
    ("kvar", "reactive_power", 1.0),
    ("kvah", "apparent", 1.0),
    ("kva", "apparent_power", 1.0),
    ("h", "time", 1.0),
    ("s", "time", 1.0 / 3600.0),
    ("min", "time", 1.0 / 60.0),
    ("d", "time", 24.0),
    ("y", "time", 8760.0),
    ("month", "time", 730.5),
    ("rh", "percent", 1.0),
    ("bar", "pressure", 1.0),
    ("m3c", "volume_temperature", 1.0),
    ("dbm", "signal", 1.0),
    ("pct", "percent", 1.0),
];

/// The same for our units, in the unit that people read.
fn kind(reading: &Reading) -> Option<(&'static str, f64)> {
    let value: f64 = reading.value.to_string().parse().unwrap();
    let (kind, factor) = match reading.unit {
        Unit::CubicMetre => ("volume", 1.0),
        Unit::CubicMetrePerHour => ("flow", 1.0),
        Unit::AllocationUnit => ("heat_cost", 1.0),
        Unit::DegreeCelsius => ("temperature", 1.0),
        Unit::WattHour => ("energy", 1e-3),
        Unit::Joule => ("energy", 1.0 / 3.6e6),
        Unit::Watt => ("power", 1e-3),
        Unit::Volt => ("voltage", 1.0),
        Unit::Ampere => ("current", 1.0),
        Unit::Hertz => ("frequency", 1.0),
        Unit::VarHour => ("reactive", 1e-3),
        Unit::Var => ("reactive_power", 1e-3),
        Unit::VoltAmpereHour => ("apparent", 1e-3),
        Unit::VoltAmpere => ("apparent_power", 1e-3),
        Unit::Second => ("time", 1.0 / 3600.0),
        Unit::Minute => ("time", 1.0 / 60.0),
        Unit::Hour => ("time", 1.0),
        Unit::Day => ("time", 24.0),
        Unit::Month => ("time", 730.5),
        Unit::Year => ("time", 8760.0),
        Unit::Percent => ("percent", 1.0),
        Unit::Bar => ("pressure", 1.0),
        Unit::CubicMetreDegree => ("volume_temperature", 1.0),
        Unit::Dbm => ("signal", 1.0),
        _ => return None,
    };
    Some((kind, value * factor))
}

fn hex(text: &str) -> Vec<u8> {
    (0..text.len() / 2)
        .map(|at| u8::from_str_radix(&text[2 * at..2 * at + 2], 16).unwrap())
        .collect()
}

/// Reads as the daemon does: what full frames have shown is remembered for compact ones.
struct Reader {
    families: Families,
    layouts: HashMap<u16, Layout>,
}

impl Reader {
    fn read(&mut self, telegram: &[u8], keys: &[Key]) -> Result<Decoded, String> {
        let text = |error: wmbus::Error| error.to_string();
        let message: Message<'_> = if telegram.starts_with(&[0x68]) && telegram.get(3) == Some(&0x68) {
            let user_data = wmbus::phy::wired_user_data(telegram).ok_or("no wired frame")?;
            let frame = Frame::from_wired(user_data).map_err(text)?;
            self.families.open(&frame, keys).map_err(text)?.into_owned()
        } else {
            let frame = Frame::parse(telegram).map_err(text)?;
            let first = self.read_frame(&frame, keys)?;
            // Of several telegrams in one transmission the latest of the same meter counts.
            let mut latest = first;
            let mut next = frame.following();
            while let Some(frame) = next {
                match self.read_frame(&frame, keys) {
                    Ok(read) if read.meter == latest.meter => latest = read,
                    _ => {}
                }
                next = frame.following();
            }
            return Ok(latest);
        };
        self.decode(message)
    }

    fn read_frame(&mut self, frame: &Frame<'_>, keys: &[Key]) -> Result<Decoded, String> {
        let message = self
            .families
            .open(frame, keys)
            .map_err(|error| error.to_string())?;
        self.decode(message)
    }

    fn decode(&mut self, message: Message<'_>) -> Result<Decoded, String> {
        let text = |error: wmbus::Error| error.to_string();
        let message = match message.content {
            Content::Compact => {
                let compact = Compact::parse(&message.payload, message.payload_at).map_err(text)?;
                let layout = self.layouts.get(&compact.signature).ok_or("unknown layout")?;
                let (full, at) = (layout.expand(&compact).map_err(text)?, message.payload_at);
                message.with_payload(Content::Records, full, at)
            }
            Content::Records => {
                if let Some(layout) = Layout::of_full_frame(&message.payload) {
                    self.layouts.insert(layout.signature(), layout);
                }
                message
            }
            _ => message,
        };
        self.families.decode(&message, &Context::default()).map_err(text)
    }
}

/// The expectations that a telegram does not meet.
fn misses(expect: &serde_json::Map<String, Value>, decoded: Option<&Decoded>) -> Vec<String> {
    let have: Vec<_> = decoded.map_or_else(Vec::new, |decoded| {
        decoded.readings.iter().filter_map(kind).collect()
    });
    let told = decoded.map(|decoded| (&decoded.facts, &decoded.remarks));
    let text = format!("{told:?} {}", dates(decoded));
    let mut misses = Vec::new();
    for (name, value) in expect {
        let suffix = name.rsplit('_').next().unwrap();
        let good = match value {
            Value::Number(number) => {
                let Some((_, kind, factor)) = SUFFIXES.iter().find(|(known, ..)| *known == suffix) else {
                    continue;
                };
                let want = number.as_f64().unwrap() * factor;
                have.iter().any(|(other, value)| {
                    other == kind && (value - want).abs() <= 6e-4_f64.max(want.abs() * 1e-6)
                })
            }
            Value::String(date)
                if date.len() >= 10
                    && date[..4].bytes().all(|b| b.is_ascii_digit())
                    && &date[4..5] == "-" =>
            {
                let (day, clock) = date.split_at(10);
                let clock = clock.trim_start_matches([' ', 'T']).trim_end_matches('Z');
                let open = ["", "00:00", "00:00:00", "23:59"].contains(&clock);
                text.contains(day) && (open || text.contains(&format!("{day}T{clock}")))
            }
            _ => continue,
        };
        if !good {
            misses.push(name.clone());
        }
    }
    misses
}

fn dates(decoded: Option<&Decoded>) -> String {
    let Some(decoded) = decoded else {
        return String::new();
    };
    let stamps = decoded
        .readings
        .iter()
        .filter_map(|reading| reading.at)
        .chain(decoded.device_time);
    stamps.map(|stamp| stamp.to_string() + " ").collect()
}

/// The telegrams of which `docs/corpus.md` says why they differ.
fn listed() -> BTreeSet<String> {
    let text = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/corpus.md")).unwrap();
    let rows = text.lines().filter_map(|line| line.strip_prefix("| "));
    let names = rows.filter_map(|row| row.split(" | ").next());
    names.skip(2).map(str::to_owned).collect()
}

#[test]
fn real_telegrams() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/corpus/public.jsonl");
    let Ok(text) = fs::read_to_string(path) else {
        println!("skipped: {path} is not there");
        return;
    };
    let mut reader = Reader {
        families: Families::embedded().unwrap(),
        layouts: HashMap::new(),
    };
    for layout in Families::embedded().unwrap().layouts() {
        reader.layouts.insert(layout.signature(), layout.clone());
    }
    let (mut passed, mut unread, mut all) = (0, 0, 0);
    let mut counted: HashMap<String, usize> = HashMap::new();
    let (mut differ, listed) = (BTreeSet::new(), listed());
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        let case: Value = serde_json::from_str(line).unwrap();
        let telegram = case["telegram"].as_str().unwrap();
        let keys: Vec<Key> = case["key"]
            .as_str()
            .into_iter()
            .map(|key| key.parse().unwrap())
            .collect();
        let outcome = reader.read(&hex(telegram), &keys);
        let missed = misses(case["expect"].as_object().unwrap(), outcome.as_ref().ok());
        all += 1;
        let driver = case["driver"].as_str().unwrap();
        let place = counted.entry(driver.to_owned()).or_default();
        *place += 1;
        if !missed.is_empty() {
            differ.insert(format!("{driver} {place}"));
        }
        if missed.is_empty() {
            passed += 1;
        } else {
            let error = outcome
                .as_ref()
                .err()
                .map_or(String::new(), |error| format!(" ({error})"));
            println!(
                "{} {}…: {}{error}",
                case["driver"].as_str().unwrap(),
                &telegram[..24],
                missed.join(", ")
            );
        }
        unread += usize::from(outcome.is_err());
    }
    let unlisted: Vec<_> = differ.difference(&listed).collect();
    assert!(
        unlisted.is_empty(),
        "docs/corpus.md does not say why these differ: {unlisted:?}"
    );
    let settled: Vec<_> = listed.difference(&differ).collect();
    assert!(
        settled.is_empty(),
        "docs/corpus.md lists what no longer differs: {settled:?}"
    );
    println!("{passed} of {all} telegrams say all that is expected, {unread} could not be read");
    assert!(unread <= 1, "{unread} of {all} could not be read");
}
