//! The worked examples of Diehl's scrambling, read from the shared specification at run time, both ways.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::expect_used
)]

use decoders::scrambled::prios::scramble;
use decoders::{Context, Families};
use wmbus::Frame;

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<_> = text.chars().filter(|c| !c.is_whitespace()).collect();
    digits
        .chunks(2)
        .map(|pair| u8::from_str_radix(&pair.iter().collect::<String>(), 16).unwrap())
        .collect()
}

#[test]
fn scrambled_telegrams_are_read_and_can_be_scrambled_again() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/specs/protocol.md");
    let Ok(text) = std::fs::read_to_string(path) else {
        eprintln!("skipped: {path} is not there");
        return;
    };
    let section = &text[text.find("\n### 15.13 ").unwrap()..text.find("\n### 15.14 ").unwrap()];
    let families = Families::embedded().unwrap();
    let mut count = 0;
    for example in section.split("**D-").skip(1) {
        let block = example.split("```").nth(1).unwrap();
        let field = |label: &str| {
            let mut value = String::new();
            let mut inside = false;
            for line in block.lines().filter(|line| line.len() > 12) {
                let (name, rest) = line.split_at(12);
                if !name.trim().is_empty() {
                    inside = name.trim() == label;
                }
                if inside {
                    value.push_str(rest.trim());
                }
            }
            hex(&value)
        };
        let (telegram, clear) = (field("telegram"), field("descrambled"));
        let mut octets = telegram[15..].to_vec();
        let (key, head) = (
            field("key").try_into().unwrap(),
            telegram[2..14].try_into().unwrap(),
        );
        scramble(key, head, &mut octets);
        assert_eq!(octets, clear, "D-{}", &example[..1]);
        scramble(key, head, &mut octets);
        assert_eq!(octets, telegram[15..], "D-{}", &example[..1]);
        // And the whole way: opened without being told a key.
        let frame = Frame::parse(&telegram).unwrap();
        let message = families.open(&frame, &[]).unwrap();
        assert!(message.payload.ends_with(&clear), "D-{}", &example[..1]);
        let decoded = families.decode(&message, &Context::default()).unwrap();
        assert!(!decoded.readings.is_empty(), "D-{}", &example[..1]);
        count += 1;
    }
    assert_eq!(count, 5);
}
