//! Radiocrafts RC1180.

use std::time::Duration;

use collector::LinkMode::{C, T};
use collector::dongle::{Framer, Model, Step, Wanted};

use super::{Bench, PIECES, Script, all_named, exchanges, said, same};

/// The memory list of the description, with a part number where it has zeros.
fn list(part: &str) -> Option<Vec<u8>> {
    let mut memory = said(&exchanges("hexdump")?).concat();
    memory.resize(256, 0);
    memory[0x80..0x80 + part.len()].copy_from_slice(part.as_bytes());
    memory.push(0x3E);
    Some(memory)
}

pub(super) fn script() -> Option<Script> {
    Some(Script::of(&exchanges("rc1180")?[..1]).but(&[0x30], &list("RC1180-MBUS3,3.00")?))
}

pub(super) fn ready(script: &mut Script, may_write_flash: bool, piece: usize) -> Bench {
    let mut bench = Bench::new(Model::Rc1180, &[C, T], may_write_flash, piece);
    bench.set_up(|question| script.answer(question, same));
    assert_eq!(
        bench.ready.as_deref(),
        Some("Radiocrafts RC1180-MBUS3,3.00"),
        "{:?}",
        bench.failed
    );
    bench
}

#[test]
fn the_recorded_set_up_and_its_telegrams() {
    for piece in PIECES {
        let (Some(mut script), Some(blocks)) = (script(), exchanges("rc1180")) else {
            return;
        };
        let mut bench = ready(&mut script, true, piece);
        assert!(
            script.answers.iter().all(|(_, _, was_given)| *was_given),
            "{:02X?}",
            script.answers
        );
        bench.hear(&said(&blocks[1..]).concat());
        assert_eq!(bench.octets(), all_named(&["IP", "LP", "MC"]), "{piece}");
        assert_eq!(bench.signals(), [Some(-79), Some(-90), Some(-60)]);
        assert_eq!(bench.framer.noise(), 0);
    }
}

#[test]
fn without_rssi_and_with_a_crc() {
    for piece in PIECES {
        let (Some(plain), Some(checked)) = (exchanges("rc1180-norssi"), exchanges("rc1180-crc")) else {
            return;
        };
        let mut bench = ready(&mut script().unwrap(), false, piece);
        assert!(!bench.sent.contains(&vec![0x4D]));
        bench.hear(&said(&plain).concat());
        assert_eq!(bench.octets(), all_named(&["IP"]), "{piece}");
        assert_eq!(bench.signals(), [None]);
        let mut script = script()
            .unwrap()
            .but(&[0x59, 0x05], &[0x01, 0x3E])
            .but(&[0x59, 0x36], &[0x08, 0x3E]);
        let mut bench = ready(&mut script, true, piece);
        let good = said(&checked).concat();
        let mut bad = good.clone();
        bad[20] ^= 1;
        bench.hear(&bad).fall_silent().hear(&good);
        assert_eq!(bench.octets(), all_named(&["IP"]), "{piece}");
        assert_eq!(bench.signals(), [Some(-79)]);
        assert_eq!(bench.framer.noise(), bad.len() as u64);
    }
}

#[test]
fn a_telegram_that_ends_while_it_is_asked_is_no_prompt() {
    for piece in PIECES {
        let (Some(mut script), Some(blocks)) = (script(), exchanges("rc1180")) else {
            return;
        };
        // The end of a telegram with a 3E in it, and one that begins with 3E.
        let tail = &said(&blocks[1..])[0][10..];
        let before = [tail, &[0x3E, 0x44, 0x3E, 0x01], &[0x3E]].concat();
        let mut bench = Bench::new(Model::Rc1180, &[T], false, piece);
        script = script.but(&[0x00], &before).but(&[0x47, 0x01], &[0x3E]);
        bench.set_up(|question| script.answer(question, same));
        assert!(bench.ready.is_some(), "{piece}: {:?}", bench.failed);
        assert_eq!(bench.framer.noise(), before.len() as u64 - 1);
    }
}

#[test]
fn nothing_is_written_before_a_long_silence() {
    let wanted = Wanted {
        modes: vec![T],
        may_write_flash: false,
    };
    let mut framer: Box<dyn Framer> = Model::Rc1180.framer("bench".into(), wanted);
    let mut sent = Vec::new();
    let mut now = Duration::ZERO;
    loop {
        match framer.next(now) {
            Step::Send(octets) => sent.push((now.as_millis(), octets)),
            Step::Wait(Some(wait)) => now += wait,
            Step::Failed(_) => break,
            step => panic!("{step:?}"),
        }
    }
    // Silence, 00; perhaps it was in configuration: 58 and 00; silence once more, 00.
    assert_eq!(
        sent,
        [
            (2500, vec![0x00]),
            (2700, vec![0x58]),
            (2800, vec![0x00]),
            (5500, vec![0x00])
        ]
    );
}

#[test]
fn refusals() {
    let Some(script) = script() else { return };
    let old = list("RC1180-MBUS1,1.00").unwrap();
    let other = [vec![0; 256], vec![0x3E]].concat();
    for (question, answer, reason) in [
        (vec![0x30], old, "can't hear C"),
        (vec![0x30], other, "no part number"),
        (vec![0x59, 0x36], vec![0x01, 0x3E], "without their header"),
    ] {
        let mut script = script.clone().but(&question, &answer);
        let mut bench = Bench::new(Model::Rc1180, &[C], false, 7);
        bench.set_up(|question| script.answer(question, same));
        assert!(
            bench.failed.as_deref().unwrap().contains(reason),
            "{:?}",
            bench.failed
        );
    }
}
