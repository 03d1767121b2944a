//! The tagged examples of the description of radios and capture formats: good ones give telegrams, bad ones don't.

use std::collections::BTreeMap;

use collector::Check;

use super::{Read, read, shared};

/// Blocks of the description by their tag.
fn examples() -> Option<BTreeMap<String, Vec<String>>> {
    let text = shared("specs/radios.md")?;
    let mut blocks: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut open: Option<(String, String)> = None;
    for line in text.lines() {
        match (line.strip_prefix("```"), &mut open) {
            (Some(tag), None) => open = Some((tag.to_owned(), String::new())),
            (Some(_), Some(_)) => {
                if let Some((tag, block)) = open.take() {
                    blocks.entry(tag).or_default().push(block);
                }
            }
            (None, Some((_, block))) => {
                // Exchanges mark what the device says, and write line ends out.
                let line = line.strip_prefix("< ").unwrap_or(line);
                block.push_str(line.strip_suffix("\\r\\n").unwrap_or(line));
                block.push('\n');
            }
            (None, None) => {}
        }
    }
    Some(blocks)
}

fn all(tag: &str) -> Option<Vec<Read>> {
    let blocks = examples()?;
    Some(blocks.get(tag).unwrap().iter().map(|block| read(block)).collect())
}

/// Octets of the telegrams that the examples are made of, by the name the description gives them.
fn named(name: &str) -> Vec<u8> {
    let text = shared("specs/radios.md").unwrap();
    let start = format!("| {name} |");
    let row = text.lines().find(|line| line.starts_with(&start)).unwrap();
    let digits = row.split('`').nth(1).unwrap();
    digits
        .as_bytes()
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

/// The telegrams of all blocks with a tag, in order; nothing in them may be refused.
#[track_caller]
fn expect(tag: &str, names: &[&str]) -> Vec<collector::Telegram> {
    let Some(reads) = all(tag) else { return Vec::new() };
    let telegrams: Vec<_> = reads.iter().flat_map(|read| read.telegrams.clone()).collect();
    let found: Vec<_> = telegrams.iter().map(|telegram| telegram.octets.clone()).collect();
    let wanted: Vec<_> = names.iter().map(|name| named(name)).collect();
    assert_eq!(found, wanted, "{tag}");
    telegrams
}

#[track_caller]
fn expect_codes(tag: &str, codes: &[&str]) {
    let Some(reads) = all(tag) else { return };
    let found: Vec<_> = reads
        .iter()
        .flat_map(|read| read.rejected.iter().map(|(_, rejection)| rejection.code.code()))
        .collect();
    assert_eq!(found, codes, "{tag}");
}

#[test]
fn rtl_wmbus() {
    let telegrams = expect("rtlwmbus", &["IP", "MC", "AC", "IP", "IP", "IP", "MC"]);
    expect_codes("rtlwmbus", &[]);
    expect_codes("rtlwmbus-bad", &["crc_reported_bad", "not_a_telegram"]);
    let Some([first, .., esphome, unset]) = telegrams.get(..).filter(|t| !t.is_empty()) else {
        return;
    };
    assert_eq!(
        first.received_at.unwrap().to_string(),
        "2025-02-02T14:09:37.104233Z"
    );
    assert_eq!(first.rssi_dbm, None);
    assert_eq!(esphome.received_at.unwrap().to_string(), "2025-02-02T13:09:37Z");
    assert_eq!(esphome.rssi_dbm, Some(-67));
    assert_eq!(unset.received_at, None);
    assert_eq!(unset.rssi_dbm, Some(-81));
}

#[test]
fn rtl_433() {
    expect("rtl433-json", &["IP", "MC"]);
    expect_codes("rtl433-json", &[]);
    expect_codes("rtl433-json-bad", &["unrepairable_length"]);
    expect("rtl433-csv", &["IP", "LP"]);
    expect_codes("rtl433-csv", &[]);
    let Some(text) = shared("specs/radios.md") else {
        return;
    };
    // The one length that is only told in prose: two octets of CRC too many, L two too small.
    let digits = text.split('`').find(|part| part.starts_with("1c44ae4c")).unwrap();
    let line = format!(r#"{{"model":"Wireless-MBus","data":"{digits}"}}"#);
    assert_eq!(read(&line).telegrams[0].octets, named("IP"));
}

#[test]
fn simulations() {
    let telegrams = expect("simulation", &["IP", "MC", "LP-A"]);
    expect_codes("simulation", &["not_a_telegram"]);
    let Some(last) = telegrams.last() else { return };
    assert_eq!(last.received_at.unwrap().to_string(), "2026-01-15T07:00:07Z");
    assert_eq!(last.check, Check::Nobody);
}

#[test]
fn hexadecimal() {
    expect("hex", &["IP", "IP", "IP-A", "IP", "MC"]);
    expect_codes("hex", &[]);
    expect("hexstream", &["IP", "MC"]);
}

#[test]
fn requests_and_gateways() {
    expect("xmqtty", &["IP", "LP", "LP"]);
    expect_codes("xmqtty", &[]);
    expect("iobroker-json", &["IP", "MC"]);
    expect_codes("iobroker-json", &[]);
    expect("mqtt", &["IP", "MC"]);
    expect_codes("mqtt", &[]);
    expect("elvaco", &["IP", "MC"]);
    expect_codes("elvaco", &[]);
}

#[test]
fn sticks_and_what_passes_them_on() {
    let telegrams = expect("fhem", &["IP", "MC"]);
    expect_codes("fhem", &[]);
    let signals: Vec<_> = telegrams.iter().map(|telegram| telegram.rssi_dbm).collect();
    if !signals.is_empty() {
        assert_eq!(signals, [Some(-90), Some(-59)]);
    }
    let telegrams = expect("cul", &["IP", "MC", "LP", "IP"]);
    let signals: Vec<_> = telegrams.iter().map(|telegram| telegram.rssi_dbm).collect();
    if !signals.is_empty() {
        assert_eq!(signals, [Some(-90), Some(-59), Some(-104), None]);
    }
    expect_codes("cul-bad", &["odd_digits", "odd_digits"]);
    let telegrams = expect("fhem-amb", &["IP"]);
    assert!(telegrams.iter().all(|telegram| telegram.rssi_dbm == Some(-90)));
}
