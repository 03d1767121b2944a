//! Our speed beside that of m-bus-parser, on the same telegrams of our own encoder, in turns: what is printed is a ratio,
//! which says the same on a busy machine.
//!
//! `cargo bench -p releve-decoders --bench beside`
//!
//! - records: the records of a payload in clear, each to its value;
//! - plain: a whole telegram in clear, from its first octet to the last record's value;
//! - mode 5: the same, sealed, with a long header.
//!
//! m-bus-parser does not check what we do on the way (who sends, what the frame is, whether the plaintext begins as it
//! must); its numbers are binary floating point. Sums are printed so that nobody optimises the work away.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use std::hint::black_box;
use std::time::{Duration, Instant};

use decoders::{Families, Sealing, example};
use m_bus_parser::decryption::{DecryptionError, KeyContext, KeyProvider};
use m_bus_parser::user_data::{DataRecords, parse_application_layer};
use wmbus::apl::{Item, Records, Value};
use wmbus::{Content, Frame, FrameFormat, Key, Plan, dll, tpl};

const KEY: [u8; 16] = [0x5A; 16];

struct Only;

impl KeyProvider for Only {
    fn get_key(&self, _: &KeyContext) -> Result<&[u8], DecryptionError> {
        Ok(&KEY)
    }
}

/// The same records in each form.
struct Sample {
    payload: Vec<u8>,
    plain: Vec<u8>,
    mode_5: Vec<u8>,
}

fn samples() -> Vec<Sample> {
    let families = Families::embedded().unwrap();
    let mut samples = Vec::new();
    for family in families.iter() {
        let meter = family.inhabitant().unwrap();
        let Ok(telegram) = family.telegram(meter, &example::story(7, None), &Sealing::Clear) else {
            continue;
        };
        let frame = Frame::parse_as(&telegram, FrameFormat::Stripped).unwrap();
        let message = families.open(&frame, &[]).unwrap();
        let records = Records::new(&message.payload, 0);
        let whole = records.clone().all(|item| matches!(item, Item::Record(_)));
        if message.content != Content::Records || !whole || records.count() < 3 {
            continue;
        }
        let plan = |mode| {
            let link = dll::Header {
                control: dll::Control::SND_NR,
                sender: meter,
            };
            let transport = tpl::Header {
                ci: 0x72,
                address: Some(meter),
                fields: Some(tpl::Fields::sealed(7, 0, mode)),
            };
            Plan {
                key: Some(Key::aes(KEY)),
                ..Plan::new(link, transport, message.payload.to_vec())
            }
        };
        if let (Ok(plain), Ok(mode_5)) = (plan(0).encode(), plan(5).encode()) {
            samples.push(Sample {
                payload: message.payload.to_vec(),
                plain,
                mode_5,
            });
        }
    }
    samples
}

fn our_records(payload: &[u8]) -> u64 {
    let mut sum = 0_u64;
    for item in Records::new(payload, 0) {
        if let Item::Record(record) = item {
            sum += match record.value() {
                Value::Number(value) => value.mantissa.unsigned_abs() & 0xFF,
                other => {
                    black_box(other);
                    1
                }
            };
        }
    }
    sum
}

fn their_records(records: DataRecords<'_>) -> u64 {
    let mut sum = 0_u64;
    for record in records.flatten() {
        black_box(record.value());
        black_box(record.value_information().map(|vib| vib.decimal_scale_exponent));
        sum += 1;
    }
    sum
}

fn our_telegram(octets: &[u8], keys: &[Key]) -> u64 {
    let frame = Frame::parse_as(octets, FrameFormat::Stripped).unwrap();
    our_records(&frame.open(keys).unwrap().payload)
}

fn their_plain(octets: &[u8]) -> u64 {
    let block = parse_application_layer(&octets[10..]).unwrap();
    block.data_records().map_or(0, their_records)
}

fn their_mode_5(octets: &[u8]) -> u64 {
    let block = parse_application_layer(&octets[10..]).unwrap();
    let mut clear = [0; 256];
    let length = block.decrypt_variable_data(&Only, &mut clear).unwrap();
    their_records(DataRecords::new(&clear[2..length], None))
}

fn time(samples: &[Sample], work: &dyn Fn(&Sample) -> u64) -> (Duration, u64) {
    let start = Instant::now();
    let mut sum = 0;
    for _ in 0..ROUNDS {
        for sample in samples {
            sum += work(black_box(sample));
        }
    }
    (start.elapsed(), sum)
}

/// Times each sample is read in a turn.
const ROUNDS: u32 = 400;
/// Turns; the quickest of each counts.
const TURNS: u32 = 25;

/// What is done with a sample.
type Work<'a> = &'a dyn Fn(&Sample) -> u64;

fn main() {
    let samples = samples();
    let keys = [Key::aes(KEY)];
    let works: [(&str, Work<'_>, Work<'_>); 3] = [
        ("records", &|sample| our_records(&sample.payload), &|sample| {
            their_records(DataRecords::new(&sample.payload, None))
        }),
        ("plain", &|sample| our_telegram(&sample.plain, &[]), &|sample| {
            their_plain(&sample.plain)
        }),
        (
            "mode 5",
            &|sample| our_telegram(&sample.mode_5, &keys),
            &|sample| their_mode_5(&sample.mode_5),
        ),
    ];
    println!(
        "{} telegrams of as many families, {TURNS} turns each",
        samples.len()
    );
    println!(
        "{:10} {:>14} {:>14} {:>8}",
        "", "ours, 1/s", "theirs, 1/s", "ratio"
    );
    for (name, ours, theirs) in works {
        let (mut best, mut other, mut sums) = (Duration::MAX, Duration::MAX, (0, 0));
        for _ in 0..TURNS {
            let (took, sum) = time(&samples, ours);
            let (took_there, sum_there) = time(&samples, theirs);
            best = best.min(took);
            other = other.min(took_there);
            sums = (sum, sum_there);
        }
        let count = f64::from(ROUNDS) * f64::from(u32::try_from(samples.len()).unwrap());
        let rate = |took: Duration| count / took.as_secs_f64();
        println!(
            "{name:10} {:>14.0} {:>14.0} {:>8.2}   (sums {} and {})",
            rate(best),
            rate(other),
            rate(best) / rate(other),
            sums.0,
            sums.1
        );
    }
}
