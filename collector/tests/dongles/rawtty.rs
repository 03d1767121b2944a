//! Bare telegrams.

use collector::Check;
use collector::dongle::Model;

use super::{Bench, PIECES, all_named, description, exchanges, hex, said};

pub(super) fn ready(piece: usize) -> Bench {
    let mut bench = Bench::new(Model::Rawtty, &[], false, piece);
    bench.set_up(|question| panic!("it takes no commands: {question:02X?}"));
    bench
}

#[test]
fn telegrams_back_to_back() {
    for piece in PIECES {
        let Some(blocks) = exchanges("rawtty") else { return };
        let mut bench = ready(piece);
        bench.hear(&said(&blocks).concat());
        assert_eq!(bench.octets(), all_named(&["IP", "LP"]), "{piece}");
        assert!(
            bench
                .telegrams
                .iter()
                .all(|telegram| telegram.check == Check::Nobody)
        );
        assert_eq!(bench.framer.noise(), 0);
    }
}

#[test]
fn out_of_step_it_finds_the_next() {
    let Some(text) = description() else { return };
    let (_, rest) = text.split_once("Out of step, three junk bytes").unwrap();
    let stream = hex(rest.split('`').nth(1).unwrap());
    for piece in PIECES {
        let mut bench = ready(piece);
        bench.hear(&stream);
        assert_eq!(bench.octets(), all_named(&["LP"]), "{piece}");
        assert_eq!(bench.framer.noise(), 3);
        // What had begun stays without its end.
        bench.fall_silent();
        assert_eq!(bench.octets().len(), 1);
        assert_eq!(bench.framer.noise(), stream.len() as u64 - 27);
    }
}
