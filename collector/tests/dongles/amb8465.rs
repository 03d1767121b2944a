//! Amber AMB8465.

use collector::LinkMode::{C, S, T};
use collector::dongle::Model;

use super::{Bench, PIECES, Script, all_named, exchanges, said, same};

/// A module with something in the three places that count, and a count of what is written to its flash.
#[derive(Clone)]
pub(super) struct Module {
    flash: [u8; 128],
    /// What is in force: flash as it was at the last reset.
    in_force: [u8; 128],
    pub(super) writes: usize,
    mode: Option<u8>,
}

impl Module {
    pub(super) fn new(frames: u8, rssi: u8, sleep: u8) -> Self {
        let mut flash = [0; 128];
        (flash[0x05], flash[0x45], flash[0x3F]) = (frames, rssi, sleep);
        Self {
            flash,
            in_force: flash,
            writes: 0,
            mode: None,
        }
    }

    pub(super) fn answer(&mut self, question: &[u8]) -> Vec<u8> {
        let payload = match question {
            [0xFF, 0x0C, ..] => vec![1, 2, 3],
            [0xFF, 0x0B, ..] => vec![0x1D, 0, 4, 0xD2],
            [0xFF, 0x0A, 2, address, 1, _] => vec![*address, 1, self.flash[usize::from(*address)]],
            [0xFF, 0x09, 3, address, 1, value, _] => {
                self.writes += 1;
                self.flash[usize::from(*address)] = *value;
                vec![0]
            }
            [0xFF, 0x05, ..] => {
                self.in_force = self.flash;
                self.mode = None;
                vec![0]
            }
            [0xFF, 0x04, 1, mode, _] => {
                self.mode = Some(*mode);
                vec![0]
            }
            _ => panic!("{question:02X?}"),
        };
        let mut answer = vec![0xFF, question[1] | 0x80, payload.len() as u8];
        answer.extend(payload);
        answer.push(answer.iter().fold(0, |xor, octet| xor ^ octet));
        answer
    }
}

pub(super) fn ready(module: &mut Module, may_write_flash: bool, piece: usize) -> Bench {
    let mut bench = Bench::new(Model::Amb8465, &[C, T], may_write_flash, piece);
    bench.set_up(|question| module.answer(question));
    assert_eq!(
        bench.ready.as_deref(),
        Some("Amber, firmware 1.2.3, 1D0004D2"),
        "{:?}",
        bench.failed
    );
    assert_eq!(module.mode, Some(0x09));
    bench
}

/// All telegrams with a tag, for a module in that state.
fn telegrams(tag: &str, module: &Module, names: &[&str], signals: &[Option<i16>]) {
    for piece in PIECES {
        let Some(blocks) = exchanges(tag) else { return };
        let mut bench = ready(&mut module.clone(), false, piece);
        bench.hear(&said(&blocks).concat());
        assert_eq!(bench.octets(), all_named(names), "{tag}, {piece}");
        assert_eq!(bench.signals(), signals, "{tag}, {piece}");
    }
}

#[test]
fn the_recorded_set_up_writes_flash_once() {
    for piece in PIECES {
        let Some(blocks) = exchanges("amber") else { return };
        // The first block is telegrams, the second the set-up.
        let mut script = Script::of(&blocks[1..2]);
        let mut bench = Bench::new(Model::Amb8465, &[C, T], true, piece);
        bench.set_up(|question| script.answer(question, same));
        assert_eq!(
            bench.ready.as_deref(),
            Some("Amber, firmware 1.2.3, 1D0004D2"),
            "{:?}",
            bench.failed
        );
        let all_asked = script.answers.iter().all(|(_, _, was_given)| *was_given);
        assert!(all_asked, "{:02X?}", script.answers);
        bench.hear(&said(&blocks[..1]).concat());
        assert_eq!(bench.octets(), all_named(&["IP", "MC", "LP"]), "{piece}");
        assert_eq!(bench.signals(), [Some(-90), Some(-59), Some(-104)]);
        assert_eq!(bench.framer.noise(), 0);
    }
}

#[test]
fn telegrams_in_each_of_the_four_shapes() {
    telegrams(
        "amber-norssi",
        &Module::new(1, 0, 0),
        &["IP", "LP"],
        &[None, None],
    );
    telegrams(
        "amber-transparent",
        &Module::new(0, 1, 0),
        &["IP", "LP"],
        &[Some(-90), Some(-104)],
    );
    telegrams(
        "amber-transparent-norssi",
        &Module::new(0, 0, 0),
        &["IP"],
        &[None],
    );
}

#[test]
fn damage_costs_only_itself() {
    for piece in PIECES {
        let (Some(bad), Some(good)) = (exchanges("amber-bad"), exchanges("amber")) else {
            return;
        };
        let [flipped, tail] = &said(&bad)[..] else {
            panic!("two bad streams")
        };
        let good = &said(&good)[0];
        let mut bench = ready(&mut Module::new(1, 1, 0), false, piece);
        bench.hear(flipped).hear(good).hear(tail).hear(good);
        assert_eq!(bench.octets(), all_named(&["IP", "IP"]), "{piece}");
        assert_eq!(bench.framer.noise(), (flipped.len() + tail.len()) as u64);
    }
}

#[test]
fn a_telegram_may_come_before_the_answer() {
    for piece in PIECES {
        let Some(blocks) = exchanges("amber") else { return };
        let mut script = Script::of(&blocks[blocks.len() - 1..]);
        let mut module = Module::new(1, 1, 0);
        let mut bench = Bench::new(Model::Amb8465, &[C, T], false, piece);
        bench.set_up(|question| match script.answer(question, same) {
            answer if answer.is_empty() => module.answer(question),
            answer => answer,
        });
        assert!(bench.ready.is_some());
        assert_eq!(bench.octets(), all_named(&["LP"]), "{piece}");
    }
}

#[test]
fn flash_is_written_only_where_it_is_wrong_and_may_be() {
    for (module, may, writes) in [
        (Module::new(0, 0, 0), false, 0),
        (Module::new(1, 1, 0), true, 0),
        (Module::new(1, 0, 0), true, 1),
        (Module::new(0, 0, 1), true, 3),
    ] {
        let mut module = module;
        ready(&mut module, may, 7);
        assert_eq!(module.writes, writes);
        assert!(!may || module.in_force[0x45] == 1);
    }
    // One that forgets what is written is not written to again.
    let mut module = Module::new(0, 0, 0);
    let mut bench = Bench::new(Model::Amb8465, &[T], true, 7);
    bench.set_up(|question| {
        let answer = module.answer(question);
        module.flash[0x45] = 0;
        answer
    });
    assert!(bench.ready.is_some());
    assert_eq!(module.writes, 2);
}

#[test]
fn refusals() {
    let mut module = Module::new(1, 1, 1);
    let mut bench = Bench::new(Model::Amb8465, &[T], false, 7);
    bench.set_up(|question| module.answer(question));
    assert!(bench.failed.as_deref().unwrap().contains("3F"));
    let Some(blocks) = exchanges("amber") else { return };
    let refused = said(&blocks)
        .into_iter()
        .find(|octets| octets.starts_with(&[0xFF, 0x84, 0x01, 0x01]))
        .unwrap();
    let mut module = Module::new(1, 1, 0);
    let mut bench = Bench::new(Model::Amb8465, &[S], false, 7);
    bench.set_up(|question| {
        if question[1] == 0x04 {
            refused.clone()
        } else {
            module.answer(question)
        }
    });
    assert_eq!(bench.failed.as_deref(), Some("it refuses its link mode"));
    let mut bench = Bench::new(Model::Amb8465, &[S, C], false, 7);
    bench.set_up(|_| Vec::new());
    assert!(bench.sent.is_empty());
    assert!(bench.failed.as_deref().unwrap().contains("can't hear S with C"));
}
