//! Real telegrams in three line formats: none is lost, and each is what the others say.

use std::collections::BTreeSet;

use collector::capture::{Content, Format, Origin, Reader, Writer};
use collector::{Check, Telegram};

use super::{lines, read, shared};

const FILES: [(&str, usize); 3] = [
    ("corpus/real-hex.txt", 74),
    ("corpus/real-rtl_wmbus.txt", 74),
    ("corpus/real-simulation.txt", 74),
];

fn recordings() -> Option<Vec<Telegram>> {
    let mut telegrams = Vec::new();
    for (name, count) in FILES {
        let text = shared(name)?;
        let lines = lines(text.as_bytes());
        assert_eq!(lines.len(), count, "{name}");
        assert_eq!(lines.last().unwrap().end, text.len() as u64, "{name}");
        for line in lines {
            match line.content {
                Content::Telegrams(found) => {
                    assert_eq!(found.len(), 1, "{name}: line {}", line.number);
                    telegrams.extend(found);
                }
                other => panic!("{name}: line {}: {other:?}", line.number),
            }
        }
    }
    Some(telegrams)
}

#[test]
fn every_line_of_the_recordings_is_a_telegram() {
    let Some(telegrams) = recordings() else { return };
    assert_eq!(telegrams.len(), 222);
    // Octets are those of the collection the recordings were made from.
    let Some(corpus) = shared("corpus/public.jsonl") else {
        return;
    };
    let known: BTreeSet<String> = corpus
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap())
        .map(|entry| entry["telegram"].as_str().unwrap().to_uppercase())
        .collect();
    for telegram in &telegrams {
        let hex: String = telegram
            .octets
            .iter()
            .map(|octet| format!("{octet:02X}"))
            .collect();
        assert!(known.contains(&hex), "{hex}");
    }
}

#[test]
fn times_come_from_the_lines_that_have_them() {
    let Some(text) = shared("corpus/real-rtl_wmbus.txt") else {
        return;
    };
    let telegrams = read(&text).telegrams;
    assert_eq!(
        telegrams[0].received_at.unwrap().to_string(),
        "2026-01-15T07:01:51Z"
    );
    assert!(telegrams.iter().all(|telegram| telegram.received_at.is_some()));
    assert!(telegrams.iter().all(|telegram| telegram.check == Check::Receiver));
    assert!(telegrams.iter().all(|telegram| telegram.rssi_dbm.is_none()));
    let Some(text) = shared("corpus/real-simulation.txt") else {
        return;
    };
    let telegrams = read(&text).telegrams;
    assert_eq!(
        telegrams[0].received_at.unwrap().to_string(),
        "2026-01-15T07:00:37Z"
    );
    let Some(text) = shared("corpus/real-hex.txt") else {
        return;
    };
    assert!(
        read(&text)
            .telegrams
            .iter()
            .all(|telegram| telegram.received_at.is_none())
    );
}

#[test]
fn what_we_write_of_them_is_read_again() {
    let Some(telegrams) = recordings() else { return };
    for format in [Format::Recording, Format::Hex, Format::Simulation] {
        let mut writer = Writer::with_format(Vec::new(), format);
        for telegram in &telegrams {
            writer.write(telegram).unwrap();
        }
        let text = String::from_utf8(writer.into_inner()).unwrap();
        let again = read(&text);
        assert_eq!(again.telegrams.len(), telegrams.len());
        for (again, telegram) in again.telegrams.iter().zip(&telegrams) {
            assert_eq!(again.octets, telegram.octets, "{format:?}");
            if format == Format::Recording {
                assert_eq!(again, telegram);
            }
        }
    }
    // The formats that have no place for anything but the telegram: what follows its end is left out.
    for format in [Format::RtlWmbus, Format::Rtl433Json] {
        let mut writer = Writer::with_format(Vec::new(), format);
        for telegram in &telegrams {
            writer.write(telegram).unwrap();
        }
        let text = writer.into_inner();
        let again: usize = Reader::new(text.as_slice(), Origin::new("test"))
            .filter(|line| matches!(&line.as_ref().unwrap().content, Content::Telegrams(_)))
            .count();
        assert_eq!(again, telegrams.len(), "{format:?}");
    }
}
