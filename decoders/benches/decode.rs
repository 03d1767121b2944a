//! How many telegrams a second one core opens and decodes: a page's own examples, in clear and sealed with mode 5 and 7.
//! `cargo bench -p releve-decoders` prints the figures, with the name of a family those of one; no test asserts a time.
#![allow(clippy::unwrap_used)]

use std::hint::black_box;
use std::time::{Duration, Instant};

use decoders::{Context, Families, Sealing, example};
use wmbus::{Frame, Key};

fn main() {
    let families = Families::embedded().unwrap();
    let key = Key::aes([0x5A; 16]);
    println!(
        "{:28} {:>8} {:>7} {:>7} {:>12}",
        "family", "sealed", "octets", "values", "telegrams/s"
    );
    let only = std::env::args().nth(1).filter(|name| !name.starts_with("--"));
    for name in [
        "sensus-iperl",
        "qundis-qwater",
        "kamstrup-multical-21",
        "diehl-hydrus",
        "diehl-izar",
        "techem-fhkv-4",
        "innotas-euris-ii",
        "qundis-caloric",
        "engelmann-hca-e2",
    ] {
        if only.as_deref().is_some_and(|only| only != name) {
            continue;
        }
        let family = families.named(name).unwrap();
        let meter = family.inhabitant().unwrap();
        for (label, sealing) in [
            ("no", Sealing::Clear),
            ("mode 5", Sealing::Mode5(key.clone())),
            ("mode 7", Sealing::Mode7(key.clone())),
        ] {
            // What Diehl scrambles has no other sealing.
            let telegram = family.telegram(meter, &example::story(3, None), &sealing);
            let (Ok(telegram), false) = (telegram, name == "diehl-izar" && sealing != Sealing::Clear) else {
                continue;
            };
            let keys = [key.clone()];
            let keys = if sealing == Sealing::Clear {
                &keys[..0]
            } else {
                &keys[..]
            };
            let context = Context::default();
            let read = || {
                let frame = Frame::parse(black_box(&telegram)).unwrap();
                let message = families.open(&frame, keys).unwrap();
                families.decode(&message, &context).unwrap()
            };
            let values = read().readings.len();
            let (mut count, start) = (0_u32, Instant::now());
            while start.elapsed() < Duration::from_millis(400) {
                for _ in 0..256 {
                    black_box(read());
                }
                count += 256;
            }
            let rate = f64::from(count) / start.elapsed().as_secs_f64();
            println!(
                "{name:28} {label:>8} {:>7} {values:>7} {rate:>12.0}",
                telegram.len()
            );
        }
    }
}
