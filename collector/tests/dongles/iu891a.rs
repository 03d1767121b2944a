//! IMST iU891A.

use collector::LinkMode::{C, S, T};
use collector::dongle::Model;

use super::{Bench, PIECES, Said, Script, all_named, asked, exchanges, said, same};

/// A stick set up for C and T.
pub(super) fn ready(piece: usize) -> Option<Bench> {
    let mut script = Script::of(&exchanges("iu891a")?);
    let mut bench = Bench::new(Model::Iu891a, &[T, C], false, piece);
    bench.set_up(|question| script.answer(question, same));
    assert_eq!(
        bench.ready.as_deref(),
        Some("iU891A-XL, 0A0B0C0D, firmware 1.0"),
        "{:?}",
        bench.failed
    );
    Some(bench)
}

#[test]
fn every_request_is_one_recorded() {
    let (Some(bench), Some(blocks)) = (ready(1), exchanges("iu891a")) else {
        return;
    };
    for octets in &bench.sent {
        let said = Said::ByHost(octets.clone());
        assert!(
            blocks.iter().flatten().any(|known| *known == said),
            "{octets:02X?}"
        );
    }
    assert_eq!(bench.sent.len(), 5);
}

#[test]
fn escapes_signals_and_formats() {
    for piece in PIECES {
        let (Some(mut bench), Some(blocks)) = (ready(piece), exchanges("iu891a")) else {
            return;
        };
        bench.hear(&said(&blocks).concat());
        assert_eq!(bench.octets(), all_named(&["IP", "MC", "LP"]), "{piece}");
        assert_eq!(bench.signals(), [Some(-79), Some(-64), Some(-64)]);
        let modes: Vec<_> = bench
            .telegrams
            .iter()
            .map(|telegram| telegram.link_mode)
            .collect();
        assert_eq!(modes, [None, Some(C), None]);
        assert_eq!(bench.framer.noise(), 0);
    }
}

#[test]
fn a_lost_end_costs_only_its_message() {
    for piece in PIECES {
        let (Some(mut bench), Some(bad)) = (ready(piece), exchanges("iu891a-bad")) else {
            return;
        };
        bench.hear(&said(&bad).concat());
        assert_eq!(bench.octets(), all_named(&["LP"]), "{piece}");
        assert_eq!(bench.signals(), [Some(-70)]);
        assert!(bench.framer.noise() > 0);
    }
}

#[test]
fn refusals_and_strangers() {
    let Some(blocks) = exchanges("iu891a") else { return };
    let answer = |start: &[u8]| {
        said(&blocks)
            .into_iter()
            .find(|octets| octets.starts_with(start))
            .unwrap()
    };
    let set = asked(&blocks, &[0xC0, 0x09, 0x03, 0x03]);
    let mut script = Script::of(&blocks).but(&set, &answer(&[0xC0, 0x09, 0x04, 0x07]));
    let mut bench = Bench::new(Model::Iu891a, &[T, C], false, 2);
    bench.set_up(|question| script.answer(question, same));
    assert_eq!(
        bench.failed.as_deref(),
        Some("it refuses request 03 with status 7")
    );
    // Another module type, and a CRC that is no longer right: that is no answer, and the next attempt gets a good one.
    let question = asked(&blocks, &[0xC0, 0x01, 0x03]);
    let mut information = answer(&[0xC0, 0x01, 0x04]);
    information[4] = 0x90;
    let mut script = Script::of(&blocks).but(&question, &information);
    let mut bench = Bench::new(Model::Iu891a, &[T], false, 2);
    bench.set_up(|question| script.answer(question, same));
    assert!(bench.ready.is_some());
    assert_eq!(bench.sent.iter().filter(|octets| **octets == question).count(), 2);
    // With its CRC right: a LoRa stick speaks the same way, and is told by its module type.
    let crc = x25(&information[1..9]);
    information[9..11].copy_from_slice(&crc.to_le_bytes());
    let mut script = Script::of(&blocks).but(&question, &information);
    let mut bench = Bench::new(Model::Iu891a, &[T], false, 2);
    bench.set_up(|question| script.answer(question, same));
    assert!(bench.failed.as_deref().unwrap().contains("module type 90"));
    let mut script = Script::of(&blocks);
    let mut bench = Bench::new(Model::Iu891a, &[T, S], false, 2);
    bench.set_up(|question| script.answer(question, same));
    assert!(bench.failed.as_deref().unwrap().contains("can't hear T with S"));
}

/// CRC-16/X-25, bit by bit, from its definition.
fn x25(octets: &[u8]) -> u16 {
    let bits = octets
        .iter()
        .flat_map(|octet| (0..8).map(move |bit| u16::from(octet >> bit & 1)));
    !bits.fold(0xFFFF, |crc: u16, bit| {
        (crc >> 1) ^ if (crc ^ bit) & 1 == 1 { 0x8408 } else { 0 }
    })
}
