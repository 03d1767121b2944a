//! CUL.

use collector::LinkMode::{self, C, S, T};
use collector::dongle::Model;

use super::{Bench, PIECES, Script, all_named, exchanges, said, same};

fn set_up(script: &mut Script, modes: &[LinkMode], piece: usize) -> Bench {
    let mut bench = Bench::new(Model::Cul, modes, false, piece);
    bench.set_up(|question| script.answer(question, same));
    bench
}

/// A stick set up for C and T.
pub(super) fn ready(piece: usize) -> Option<Bench> {
    let mut script = Script::of(&exchanges("cul")?);
    let bench = set_up(&mut script, &[C, T], piece);
    assert_eq!(
        bench.ready.as_deref(),
        Some("1.67 nanoCUL868"),
        "{:?}",
        bench.failed
    );
    Some(bench)
}

#[test]
fn the_recorded_exchange_and_every_telegram_in_it() {
    for piece in PIECES {
        let (Some(mut bench), Some(blocks)) = (ready(piece), exchanges("cul")) else {
            return;
        };
        // The first V is answered by a complaint about what stood in front of it.
        assert_eq!(bench.sent, [&b"V\r\n"[..], b"V\r\n", b"X21\r\n", b"brc\r\n"]);
        bench.hear(&said(&blocks).concat());
        assert_eq!(bench.octets(), all_named(&["IP", "MC", "LP", "IP"]), "{piece}");
        assert_eq!(bench.signals(), [Some(-90), Some(-59), Some(-104), None]);
    }
}

#[test]
fn each_mode_has_its_word() {
    let Some(blocks) = exchanges("cul") else { return };
    for (modes, asked) in [(&[S][..], "brs\r\n"), (&[T], "brt\r\n"), (&[C], "brc\r\n")] {
        let bench = set_up(&mut Script::of(&blocks), modes, 7);
        assert!(bench.ready.is_some());
        assert_eq!(bench.sent.last().unwrap(), asked.as_bytes());
    }
    // An old firmware.
    let bench = set_up(&mut Script::of(&blocks).but(b"brc\r\n", b"OFF\r\n"), &[C], 7);
    assert!(bench.failed.as_deref().unwrap().contains("can't hear C"));
    let bench = set_up(&mut Script::of(&blocks), &[S, T], 7);
    assert!(bench.failed.as_deref().unwrap().contains("can't hear S with T"));
}

#[test]
fn lost_characters_cost_only_their_line() {
    for piece in PIECES {
        let (Some(mut bench), Some(bad), Some(good)) = (ready(piece), exchanges("cul-bad"), exchanges("cul"))
        else {
            return;
        };
        let good = said(&good)
            .into_iter()
            .find(|line| line.starts_with(b"b1E"))
            .unwrap();
        let noise = bench.framer.noise();
        for line in said(&bad) {
            bench.hear(&line).hear(&good);
        }
        assert_eq!(bench.octets(), all_named(&["IP", "IP"]), "{piece}");
        assert!(bench.framer.noise() > noise);
        let endless = vec![b'7'; 5000];
        bench.hear(&endless).hear(b"\r\nLOVF\r\n").hear(&good);
        assert_eq!(bench.octets().len(), 3);
        assert!(bench.framer.noise() >= 5000);
    }
}
