//! IMST iM871A.

use collector::LinkMode::{C, S, T};
use collector::dongle::Model;

use super::{Bench, PIECES, Script, all_named, asked, exchanges, hex, named, said};

/// Requests with a CRC and without are the same request.
fn same(known: &[u8], question: &[u8]) -> bool {
    let plain = |octets: &[u8]| {
        let mut octets = octets.to_vec();
        if octets[1] & 0x80 != 0 {
            octets[1] &= 0x7F;
            octets.truncate(octets.len() - 2);
        }
        octets
    };
    plain(known) == plain(question)
}

/// A stick set up for C and T.
pub(super) fn ready(piece: usize) -> Option<Bench> {
    let mut script = Script::of(&exchanges("im871a")?);
    let mut bench = Bench::new(Model::Im871a, &[C, T], false, piece);
    bench.set_up(|question| script.answer(question, same));
    assert_eq!(bench.ready.as_deref(), Some("iM871A, firmware 1.4, 12345678"));
    assert_eq!(bench.sent.len(), 2);
    Some(bench)
}

#[test]
fn the_recorded_exchange_and_every_telegram_in_it() {
    for piece in PIECES {
        let (Some(mut bench), Some(blocks)) = (ready(piece), exchanges("im871a")) else {
            return;
        };
        for octets in said(&blocks) {
            bench.hear(&octets);
        }
        assert_eq!(
            bench.octets(),
            all_named(&["IP", "IP", "MC", "LP", "AM"]),
            "{piece}"
        );
        assert_eq!(
            bench.signals(),
            [Some(-87), Some(-87), Some(-71), None, Some(-84)]
        );
        assert_eq!(bench.framer.noise(), 0);
    }
}

#[test]
fn all_that_it_says_may_come_in_one() {
    for piece in PIECES {
        let (Some(mut bench), Some(blocks)) = (ready(piece), exchanges("im871a")) else {
            return;
        };
        bench.hear(&said(&blocks).concat());
        assert_eq!(
            bench.octets(),
            all_named(&["IP", "IP", "MC", "LP", "AM"]),
            "{piece}"
        );
    }
}

#[test]
fn damaged_and_cut_frames_cost_only_themselves() {
    for piece in PIECES {
        let (Some(mut bench), Some(bad), Some(good)) =
            (ready(piece), exchanges("im871a-bad"), exchanges("im871a"))
        else {
            return;
        };
        let [flipped, cut] = &said(&bad)[..] else {
            panic!("two bad frames")
        };
        let good = said(&good)
            .into_iter()
            .find(|octets| octets.starts_with(&[0xA5, 0xC2]))
            .unwrap();
        bench.hear(flipped).hear(&good);
        assert_eq!(bench.octets(), all_named(&["IP"]), "{piece}");
        assert_eq!(bench.framer.noise(), flipped.len() as u64);
        bench.hear(cut).fall_silent().hear(&good);
        assert_eq!(bench.octets(), all_named(&["IP", "IP"]), "{piece}");
        assert_eq!(bench.framer.noise(), (flipped.len() + cut.len()) as u64);
        // Without a pause, the cut frame takes what follows for its end, until that does not check.
        bench.hear(cut).hear(&good).fall_silent();
        assert_eq!(bench.octets().len(), 3, "{piece}");
    }
}

#[test]
fn requests_are_those_recorded() {
    let Some(blocks) = exchanges("im871a") else { return };
    let mut script = Script::of(&blocks);
    let mut bench = Bench::new(Model::Im871a, &[T], false, 1);
    bench.set_up(|question| script.answer(question, same));
    let recorded = asked(&blocks, &[0xA5, 0x81, 0x03, 0x06, 0x00, 0x02, 0x03]);
    assert_eq!(bench.sent[1], recorded);
}

#[test]
fn a_telegram_before_the_answer_is_heard_and_no_answer() {
    let Some(blocks) = exchanges("im871a") else { return };
    let telegram = said(&blocks)
        .into_iter()
        .find(|octets| octets.starts_with(&[0xA5, 0x42]))
        .unwrap();
    for piece in PIECES {
        let mut script = Script::of(&blocks);
        let mut bench = Bench::new(Model::Im871a, &[C, T], false, piece);
        // Half a telegram, a whole one, then the answer: and only to the second attempt.
        let mut attempts = 0;
        bench.set_up(|question| {
            attempts += 1;
            let answer = script.answer(question, same);
            match attempts {
                1 => Vec::new(),
                _ => [&telegram[20..], telegram.as_slice(), answer.as_slice()].concat(),
            }
        });
        assert!(bench.ready.is_some());
        assert_eq!(bench.octets(), [named("IP"), named("IP")], "{piece}");
    }
}

#[test]
fn what_it_can_not_hear_is_refused() {
    let Some(blocks) = exchanges("im871a") else { return };
    let information = hex("A5 01 0F 00");
    for (modes, answer, reason) in [
        (
            &[C, T][..],
            "A5 01 10 08 33 00 13 16 78 56 34 12",
            "takes firmware 1.4",
        ),
        (
            &[S, T],
            "A5 01 10 08 33 00 14 16 78 56 34 12",
            "can't hear S with T",
        ),
        (&[T], "A5 01 10 08 36 00 14 16 78 56 34 12", "169 MHz"),
        (&[T], "A5 01 10 08 37 00 14 16 78 56 34 12", "module type 37"),
    ] {
        let mut script = Script::of(&blocks).but(&information, &hex(answer));
        let mut bench = Bench::new(Model::Im871a, modes, false, 7);
        bench.set_up(|question| script.answer(question, same));
        assert!(
            bench.failed.as_deref().unwrap().contains(reason),
            "{:?}",
            bench.failed
        );
        assert_eq!(bench.sent.len(), 1);
    }
    // It is asked three times, and no more.
    let mut bench = Bench::new(Model::Im871a, &[T], false, 7);
    bench.set_up(|_| Vec::new());
    assert_eq!(bench.sent.len(), 3);
    assert!(bench.failed.is_some());
    assert_eq!(bench.now.as_millis(), 1500);
}
