//! What a dongle's line may carry: any octets, in any pieces. Each machine comes to rest, and what it gives is bounded.
#![no_main]

use std::sync::Arc;
use std::time::Duration;

use collector::LinkMode;
use collector::dongle::{Model, Step, Wanted};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let [model, piece, octets @ ..] = input else { return };
    let model = Model::ALL[usize::from(*model) % Model::ALL.len()];
    let wanted = Wanted {
        modes: vec![LinkMode::C, LinkMode::T],
        may_write_flash: false,
    };
    let mut framer = model.framer(Arc::from("fuzz"), wanted);
    let mut now = Duration::ZERO;
    let mut given = 0;
    for piece in octets.chunks(usize::from(*piece).max(1)) {
        framer.push(piece, now);
        for turn in 0.. {
            assert!(turn < 10_000, "never comes to rest");
            match framer.next(now) {
                Step::Telegram(telegram) => given += telegram.octets.len(),
                Step::Failed(reason) => {
                    assert!(!reason.is_empty());
                    return;
                }
                Step::Wait(_) => break,
                Step::Send(_) | Step::Ready(_) => {}
            }
        }
        now += Duration::from_millis(100);
    }
    assert!(given <= octets.len(), "{given} octets out of {}", octets.len());
    assert!(framer.noise() <= octets.len() as u64);
});
