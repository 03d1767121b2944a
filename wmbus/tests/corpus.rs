//! Public telegrams of real meters, read from the shared folder at run time: all are opened, and sent again as they were.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

mod common;

use common::hex;
use wmbus::{ErrorKind, Frame, Key, Note, phy};

/// The text of a field of a line of JSON whose values hold no escaped quotation marks.
fn field<'a>(line: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = line.split_once(&format!("\"{name}\": \""))?;
    rest.split('"').next().filter(|text| !text.is_empty())
}

#[test]
fn real_telegrams_are_opened_and_sent_again() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/corpus/public.jsonl");
    let Ok(text) = std::fs::read_to_string(path) else {
        eprintln!("skipped: {path} is not there");
        return;
    };
    let mut opened = 0;
    for line in text.lines() {
        let octets = hex(field(line, "telegram").unwrap());
        let keys: Vec<Key> = field(line, "key")
            .and_then(|key| key.parse().ok())
            .into_iter()
            .collect();
        let wired = phy::wired_user_data(&octets);
        let frame = match wired {
            Some(user_data) => Frame::from_wired(user_data).unwrap(),
            None => Frame::parse(&octets).unwrap(),
        };
        let message = match frame.open(&keys) {
            Ok(message) => message,
            // Scrambled by its maker, or its key was not published.
            Err(error) => {
                let scrambled = matches!(error.kind, ErrorKind::UnsupportedSecurityMode { mode: 16.. });
                let sealed = keys.is_empty() && matches!(error.kind, ErrorKind::KeyMissing { .. });
                assert!(scrambled || sealed, "{error}: {line}");
                continue;
            }
        };
        opened += 1;
        // What was decrypted on the way, or announces more than it has, can't be made the same again.
        let mended = [Note::OpenedUpstream, Note::EncryptedLengthOverrun];
        if wired.is_none() && !mended.iter().any(|note| message.notes.contains(*note)) {
            let again = message.plan(keys.first().cloned()).encode().unwrap();
            assert_eq!(again, frame.octets(), "{line}");
        }
    }
    assert!(opened * 100 >= text.lines().count() * 98, "only {opened} opened");
}
