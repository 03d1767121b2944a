//! What holds for any octets: no panic, every line counted once, read boundaries mean nothing.

use std::io::BufReader;
use std::sync::Arc;

use collector::capture::{Content, MAX_LINE, Writer};
use collector::{Check, LinkMode, Telegram};
use proptest::prelude::*;

use super::{lines, read};

const HEX: &str = "0F440102785634120107744778001122";

/// Octets as hostile as the formats allow: real lines, cut, joined and sprinkled with anything.
fn text() -> impl Strategy<Value = Vec<u8>> {
    let samples: Vec<Vec<u8>> = [
        HEX.to_owned(),
        format!("b{HEX}"),
        format!("bY{HEX}::-90:X"),
        format!("bAMB0F{HEX}"),
        format!("T1;1;1;2025-02-02 14:09:37.104233;98;112;12345678;0x{HEX}"),
        format!("telegram=|{HEX}|+12"),
        format!(r#"{{"model":"Wireless-MBus","time":"2025-02-02 14:09:37","data":"{HEX}"}}"#),
        format!(r#"{{"frameType":"A","containsCrc":true,"data":"{HEX}"}}"#),
        "time,msg,model,data".to_owned(),
        format!("2025-02-02 14:09:37,\\,,Wireless-MBus,{HEX}"),
        format!("2026-01-15T07:01:51Z -67 T checked {HEX} @a%20b"),
        format!("wmbus/x/telegram {HEX}"),
        format!("<decode><telegram>{HEX}</telegram></decode>"),
        format!("<165>1 x {{\"telegram\":\"{HEX}\"}}"),
        format!("1;*XYZ;68;07; T; -83;00;{HEX};"),
        "\n".to_owned(),
        "\r\n".to_owned(),
        "\u{feff}".to_owned(),
        "\0\0".to_owned(),
    ]
    .into_iter()
    .map(String::into_bytes)
    .collect();
    let piece = prop_oneof![
        4 => proptest::sample::select(samples.clone()),
        2 => (proptest::sample::select(samples), any::<prop::sample::Index>())
            .prop_map(|(sample, at)| sample[..at.index(sample.len())].to_vec()),
        2 => Just(b"\n".to_vec()),
        1 => proptest::collection::vec(any::<u8>(), 0..20),
    ];
    proptest::collection::vec(piece, 0..20).prop_map(|pieces| pieces.concat())
}

fn telegram() -> impl Strategy<Value = Telegram> {
    let mode = proptest::sample::select(vec![
        None,
        Some(LinkMode::S),
        Some(LinkMode::T),
        Some(LinkMode::C),
        Some(LinkMode::R),
        Some(LinkMode::N),
        Some(LinkMode::F),
    ]);
    let at = (-377_705_023_201_i64..253_402_207_200, 0..1_000_000_000_i32)
        .prop_map(|(second, nanosecond)| jiff::Timestamp::new(second, nanosecond).unwrap());
    (
        proptest::collection::vec(any::<u8>(), 1..300),
        any::<bool>(),
        mode,
        proptest::option::of(at),
        proptest::option::of(any::<i16>()),
        any::<String>(),
    )
        .prop_map(
            |(octets, is_checked, link_mode, received_at, rssi_dbm, radio)| Telegram {
                octets,
                check: if is_checked {
                    Check::Receiver
                } else {
                    Check::Nobody
                },
                link_mode,
                received_at,
                rssi_dbm,
                radio: Arc::from(radio),
            },
        )
}

proptest! {
    #[test]
    fn every_line_is_counted_exactly_once(text in text()) {
        let lines = lines(text.as_slice());
        let ends = text.iter().filter(|octet| **octet == b'\n').count();
        let has_rest = text.last().is_some_and(|octet| *octet != b'\n');
        prop_assert_eq!(lines.len(), ends + usize::from(has_rest));
        let mut position = 0;
        for (index, line) in lines.iter().enumerate() {
            prop_assert_eq!(line.number, index as u64 + 1);
            prop_assert_eq!(line.offset, position);
            position = line.end;
            if let Content::Telegrams(telegrams) = &line.content {
                prop_assert!(!telegrams.is_empty());
            }
        }
        prop_assert_eq!(position, text.len() as u64);
    }

    #[test]
    fn pieces_make_no_difference(text in text()) {
        let whole = lines(text.as_slice());
        for size in [1, 2, 7] {
            prop_assert_eq!(&lines(BufReader::with_capacity(size, text.as_slice())), &whole);
        }
    }

    #[test]
    fn what_was_recorded_is_read_back_equal(telegrams in proptest::collection::vec(telegram(), 1..5)) {
        let mut writer = Writer::new(Vec::new());
        for telegram in &telegrams {
            writer.write(telegram).unwrap();
        }
        let text = String::from_utf8(writer.into_inner()).unwrap();
        let again = read(&text);
        prop_assert!(again.rejected.is_empty(), "{text}: {:?}", again.rejected);
        prop_assert_eq!(again.telegrams, telegrams);
    }
}

#[test]
fn pieces_make_no_difference_to_long_lines_either() {
    let text = [
        vec![0; MAX_LINE + 3],
        HEX.as_bytes().to_vec(),
        b"\n".to_vec(),
        vec![b'A'; MAX_LINE + 1],
        b"\n".to_vec(),
        HEX.as_bytes().to_vec(),
    ]
    .concat();
    let whole = lines(text.as_slice());
    assert_eq!(whole.len(), 3);
    for size in [1, 2, 7] {
        assert_eq!(lines(BufReader::with_capacity(size, text.as_slice())), whole);
    }
}
