//! Public telegrams of real meters, read from the shared folder at run time: all are opened, sent again as they were, and
//! taken out of their seals and back.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

mod common;

use common::hex;
use wmbus::bare::{put_on, take_off};
use wmbus::{ErrorKind, Frame, FrameFormat, Key, Note, phy};

/// The lines of the corpus, or nothing when the shared folder is not beside the project.
fn corpus() -> Option<String> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/corpus/public.jsonl");
    let text = std::fs::read_to_string(path).ok();
    if text.is_none() {
        eprintln!("skipped: {path} is not there");
    }
    text
}

/// The text of a field of a line of JSON whose values hold no escaped quotation marks.
fn field<'a>(line: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = line.split_once(&format!("\"{name}\": \""))?;
    rest.split('"').next().filter(|text| !text.is_empty())
}

/// The key that was published with a telegram, if any.
fn keys(line: &str) -> Vec<Key> {
    let key = field(line, "key").and_then(|key| key.parse().ok());
    key.into_iter().collect()
}

#[test]
fn real_telegrams_are_opened_and_sent_again() {
    let Some(text) = corpus() else { return };
    let mut opened = 0;
    for line in text.lines() {
        let octets = hex(field(line, "telegram").unwrap());
        let keys = keys(line);
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

#[test]
fn real_telegrams_come_out_of_their_seals_and_back() {
    let Some(text) = corpus() else { return };
    let (mut in_clear, mut sealed) = (0, 0);
    for line in text.lines() {
        let octets = hex(field(line, "telegram").unwrap());
        if phy::wired_user_data(&octets).is_some() {
            continue;
        }
        let (frame, keys) = (Frame::parse(&octets).unwrap(), keys(line));
        let opened = frame.open(&keys);
        let Some(bare) = take_off(&octets, &keys, |canonical| canonical == &*frame.canonical()) else {
            // Scrambled by its maker, its key was not published, or something stands behind it.
            assert!(opened.is_err() || !frame.metadata().is_empty(), "{line}");
            continue;
        };
        let key = bare.key.map(|index| &keys[index]);
        assert_eq!(key.is_some(), frame.seal().is_some(), "{line}");
        *if key.is_some() { &mut sealed } else { &mut in_clear } += 1;
        let again = put_on(bare.way, &bare.octets, key);
        assert_eq!(again.as_deref(), Some(&octets[..]), "{line}");
        // What is in clear there is what opening it would give.
        let clear = Frame::parse_as(&bare.octets, FrameFormat::Stripped).unwrap();
        if let (Ok(clear), Ok(opened)) = (clear.open(&[]), opened) {
            assert_eq!(clear.payload, opened.payload, "{line}");
        }
        // The same on the air, where its CRCs were still there.
        for format in [FrameFormat::A, FrameFormat::B] {
            let Ok(framed) = phy::frame(frame.octets(), format) else {
                continue;
            };
            let on_air = take_off(&framed, &keys, |canonical| canonical == &*frame.canonical()).unwrap();
            assert_eq!(on_air.octets, bare.octets, "{line}");
            let key = on_air.key.map(|index| &keys[index]);
            assert_eq!(put_on(on_air.way, &on_air.octets, key), Some(framed), "{line}");
        }
    }
    eprintln!("came back octet for octet: {in_clear} in clear, {sealed} sealed");
    assert!(
        in_clear >= 200 && sealed >= 17,
        "only {in_clear} in clear and {sealed} sealed"
    );
}
