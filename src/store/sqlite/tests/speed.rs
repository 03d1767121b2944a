//! How fast: figures for people, run by `cargo test --release -- --ignored --nocapture speed`.

use std::time::Instant;

use super::{Scratch, at, building, reading, telegram};
use crate::store::sqlite::{Options, SqliteStore};
use crate::store::{Ingest, Source, Store};

#[test]
#[ignore = "prints figures and judges nothing"]
fn speed_of_ingest() {
    for (name, history) in [("live only", 0), ("live and 13 months", 13)] {
        for (batch, options) in [
            (500, Options::default()),
            (2000, Options::bulk()),
            (10_000, Options::bulk()),
        ] {
            let scratch = Scratch::new();
            let store = SqliteStore::open_with(&scratch.path(), options).unwrap();
            building(&store, 500);
            let total = 200_000_i64;
            // Ten telegrams a second, as in a large building.
            let telegrams: Vec<Ingest> = (0..total)
                .map(|number| {
                    let second = 1_700_000_000 + number / 10;
                    let meter = 1 + number % 500;
                    let mut readings = vec![reading(at(second), Source::Live, number)];
                    readings.extend((1..=history).map(|n| {
                        reading(
                            at(1_700_000_000 - n * 2_592_000),
                            Source::History,
                            meter * 1000 - n,
                        )
                    }));
                    let mut telegram = telegram(meter, second, number.unsigned_abs(), readings);
                    telegram.octets = vec![0x5A; 60];
                    Ingest::Telegram(telegram)
                })
                .collect();
            let begin = Instant::now();
            for chunk in telegrams.chunks(batch) {
                store.ingest(chunk).unwrap();
            }
            let first = begin.elapsed();
            let begin = Instant::now();
            for chunk in telegrams.chunks(batch) {
                store.ingest(chunk).unwrap();
            }
            let second = begin.elapsed();
            let rate = |time: std::time::Duration| {
                u64::try_from(total).unwrap() * 1000 / u64::try_from(time.as_millis().max(1)).unwrap()
            };
            println!(
                "{name}, batches of {batch}: {} telegrams/s new, {} telegrams/s repeated, {} octets a telegram",
                rate(first),
                rate(second),
                std::fs::metadata(scratch.path()).unwrap().len() / 200_000
            );
        }
    }
}
