//! What people see of telegrams made here.

use decoders::{Context, Families};
use wmbus::apl::profile::Mode;
use wmbus::apl::{Data, Date, Dib, ProfilePlan, RecordPlan, Spacing, compact};
use wmbus::{Address, Frame, Key, Plan, dll, tpl};

use super::Dissection;
use crate::pipeline::Memory;

fn record(storage: u64, vib: &[u8], data: Data) -> RecordPlan {
    RecordPlan {
        dib: Dib {
            storage,
            ..Dib::new(0)
        },
        vib: vib.to_vec(),
        data,
    }
}

fn payload(plans: &[RecordPlan]) -> Vec<u8> {
    let mut octets = Vec::new();
    for plan in plans {
        plan.encode(&mut octets).unwrap();
    }
    octets
}

/// A telegram of a maker who does not exist.
fn telegram(ci: u8, mode: u8, payload: Vec<u8>) -> Vec<u8> {
    let link = dll::Header {
        control: dll::Control::SND_NR,
        sender: Address::from_link_octets([0x59, 0x5F, 0x78, 0x56, 0x34, 0x12, 0x01, 0x07]),
    };
    let fields = tpl::Fields::sealed(42, 0x04, mode);
    Plan {
        key: Some(Key::aes([7; 16])),
        ..Plan::new(link, tpl::Header::short(ci, fields), payload)
    }
    .encode()
    .unwrap()
}

/// The page of the last of several telegrams.
fn page(telegrams: &[Vec<u8>], keys: &[Key], colour: bool) -> String {
    let families = Families::embedded().unwrap();
    let mut memory = Memory::new(&families);
    let mut text = String::new();
    for octets in telegrams {
        let frame = Frame::parse(octets).unwrap();
        let read = memory.read(&families, &frame, keys, &Context::default(), 0);
        let dissection = Dissection {
            families: &families,
            keys,
            memory: &memory,
            colour,
        };
        let mut out = Vec::new();
        dissection.write(&mut out, &frame, &read).unwrap();
        text = String::from_utf8(out).unwrap();
    }
    text
}

fn plain_payload() -> Vec<u8> {
    payload(&[
        record(0, &[0x13], Data::Signed(45_678, 4)),
        record(1, &[0x13], Data::Bcd(40_000, 4)),
        record(1, &[0x6C], Data::Date(Date::new(2025, 12, 31).unwrap())),
        record(0, &[0xFD, 0x16], Data::Text(b"hush".to_vec())),
        record(0, &[0x93, 0x3C], Data::InvalidInteger(4)),
    ])
}

#[test]
fn every_layer_and_every_record_on_a_line() {
    let mut octets = plain_payload();
    octets.extend([0x2F, 0x2F, 0x0F, 0xAB, 0xCD]);
    let text = page(&[telegram(0x7A, 0, octets)], &[], false);
    let wanted = "\
telegram    51 octets, without link CRCs
link        32 44 595F 78563412 01 07  SND-NR, WZY 12345678 01 07, water
transport   7A2A040000  access number 42, status 04 (power low), in clear
records
    15  04 13 6EB20000    45.678 m³  volume
    21  4C 13 00000400    40.000 m³  volume, storage 1 of 2025-12-31
    27  42 6C 3F3C       2025-12-31  date, storage 1
    31  0D FD16 ··········       not shown  secret
    39  04 933C 00000080  no value  volume, backward
    46  2F2F  filler
    48  0F ABCD  maker's own
";
    // Columns are as wide as their widest cell: words alone are compared here, `page` tests the columns.
    let words = |text: &str| {
        let lines = text.lines().take(11);
        lines
            .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
            .collect::<Vec<_>>()
    };
    assert_eq!(words(&text), words(wanted));
    assert!(text.contains("readings (standard)\n"), "{text}");
    assert!(
        text.contains("45.678 m3") && text.contains("status: battery_low"),
        "{text}"
    );
    assert!(!text.contains("hush") && !text.contains("68737568"), "{text}");
}

#[test]
fn a_sealed_telegram_shows_its_headers_and_what_to_do() {
    let sealed = telegram(0x7A, 5, plain_payload());
    let text = page(std::slice::from_ref(&sealed), &[], false);
    assert!(
        text.contains("mode 5, 3 blocks") && text.contains("\nsealed "),
        "{text}"
    );
    assert!(text.contains("the key of WZY 12345678 01 07 opens it"), "{text}");
    assert!(!text.contains("records"), "{text}");
    let opened = page(&[sealed], &[Key::aes([1; 16]), Key::aes([7; 16])], false);
    assert!(
        opened.contains("opened      with key 2\n") && opened.contains("45.678 m³"),
        "{opened}"
    );
}

#[test]
fn a_compact_frame_shows_the_records_it_stands_for() {
    let full = payload(&[
        record(0, &[0x13], Data::Signed(45_678, 4)),
        record(0, &[0x5A], Data::Signed(213, 2)),
    ]);
    let short = telegram(0x7B, 0, compact::compact(&full).unwrap());
    let unknown = page(std::slice::from_ref(&short), &[], false);
    assert!(
        unknown.contains("compact ") && unknown.contains("error "),
        "{unknown}"
    );
    let known = page(&[telegram(0x7A, 0, full), short], &[], false);
    assert!(
        known.contains("45.678 m³") && known.contains("21.3 °C"),
        "{known}"
    );
}

#[test]
fn a_profile_shows_its_elements() {
    let row = ProfilePlan {
        mode: Mode::Increments,
        spacing: Spacing::Months(1),
        coding: 2,
        elements: vec![Some(5), None],
    };
    let octets = payload(&[
        record(8, &[0x6E], Data::Signed(100, 2)),
        record(8, &[0x6C], Data::Date(Date::new(2025, 1, 31).unwrap())),
        record(8, &[0xEE, 0x1F], Data::Profile(row)),
    ]);
    let text = page(&[telegram(0x7A, 0, octets)], &[], false);
    assert!(text.contains(" 105  storage 9 of 2025-02-28\n"), "{text}");
    assert!(text.contains("no value  storage 10 of 2025-03-31\n"), "{text}");
}

#[test]
fn colours_are_added_and_nothing_else() {
    let telegrams = [telegram(0x7A, 0, plain_payload())];
    let coloured = page(&telegrams, &[], true);
    let mut parts = coloured.split('\u{1b}');
    let mut stripped = parts.next().unwrap().to_owned();
    for part in parts {
        stripped.push_str(part.split_once('m').unwrap().1);
    }
    assert_eq!(stripped, page(&telegrams, &[], false));
    assert_ne!(coloured, stripped);
}
