//! The worked examples of the protocol specification, read from the shared folder at run time, both ways where possible.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::expect_used
)]

mod common;

use std::collections::BTreeMap;

use common::hex;

use wmbus::bare::{put_on, take_off};
use wmbus::phy::burst::Burst;
use wmbus::phy::hunt::{Hunt, Listening};
use wmbus::phy::{self, crc::crc, manchester, three_out_of_six};
use wmbus::security::{Purpose, derive, initialisation_vector};
use wmbus::{
    ErrorKind, Frame, FrameFormat, IdentificationNumber, Key, Manufacturer, Message, Note, Notes, Reassembler,
};

/// The specification, or nothing when the shared folder is not beside the project.
fn specification() -> Option<String> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/specs/protocol.md");
    let text = std::fs::read_to_string(path).ok();
    if text.is_none() {
        eprintln!("skipped: {path} is not there");
    }
    text
}

/// One numbered example: its labelled values, wrapped hexadecimal joined.
#[derive(Debug, Default, Clone)]
struct Example(BTreeMap<String, String>);

impl Example {
    fn hex(&self, label: &str) -> Vec<u8> {
        hex(self
            .0
            .get(label)
            .unwrap_or_else(|| panic!("no {label:?} in {self:?}")))
    }
    fn key(&self, label: &str) -> Key {
        Key::from_octets(&self.hex(label)).unwrap()
    }
}

/// The examples introduced by `**ID**` or `ID, …` and shown in a fenced block.
fn examples(text: &str) -> BTreeMap<String, Example> {
    let section = &text[text.find("\n## 15 Test vectors").unwrap()..text.find("\n## 16 ").unwrap()];
    let mut found = BTreeMap::new();
    let (mut id, mut inside, mut label) = (String::new(), false, String::new());
    for line in section.lines() {
        if line.starts_with("```") {
            inside = !inside;
            label.clear();
        } else if inside {
            let example: &mut Example = found.entry(id.clone()).or_default();
            // A label takes twelve columns; without one the line continues the value above.
            let (name, value) = line.split_at_checked(12).unwrap_or((line, ""));
            if name.trim().is_empty() {
                example.0.get_mut(&label).unwrap().push_str(value.trim());
            } else {
                label = name.trim().to_owned();
                example.0.insert(label.clone(), value.trim().to_owned());
            }
        } else if let Some(rest) = line.strip_prefix("**") {
            id = rest.split("**").next().unwrap().to_owned();
        } else if line.starts_with(|c: char| c.is_ascii_uppercase()) && line.contains(", ") {
            id = line.split(", ").next().unwrap().to_owned();
        }
    }
    found
}

/// The rows of the tables whose first cell is a number of this kind.
fn rows(text: &str, prefix: &str) -> Vec<Vec<String>> {
    let section = &text[text.find("\n## 15 Test vectors").unwrap()..text.find("\n## 16 ").unwrap()];
    section
        .lines()
        .filter(|line| {
            line.strip_prefix(&format!("| {prefix}-"))
                .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
        })
        .filter(|line| line.matches('|').count() > 3)
        .map(|line| {
            line.trim_matches('|')
                .split('|')
                .map(|cell| cell.trim().to_owned())
                .collect()
        })
        .collect()
}

fn quoted(cell: &str) -> &str {
    cell.split('`').nth(1).unwrap_or(cell)
}

fn bits(chips: &str) -> Vec<u8> {
    let chips: Vec<_> = chips.chars().filter(|c| !c.is_whitespace()).collect();
    chips
        .chunks(8)
        .map(|chunk| {
            let filled = chunk
                .iter()
                .chain(std::iter::repeat(&'0'))
                .take(8)
                .collect::<String>();
            u8::from_str_radix(&filled, 2).unwrap()
        })
        .collect()
}

/// A message sent again as it was read: the octets must be the same.
fn resend(message: &Message<'_>, key: Option<Key>) -> Vec<u8> {
    message.plan(key).encode().unwrap()
}

#[test]
fn crcs() {
    let Some(text) = specification() else { return };
    let rows = rows(&text, "C");
    assert_eq!(rows.len(), 10);
    for row in rows {
        let input = quoted(&row[1]);
        let octets = if input == "(empty)" {
            Vec::new()
        } else {
            hex(input)
        };
        let want = u16::from_str_radix(quoted(&row[2]), 16).unwrap();
        assert_eq!(crc(&octets), want, "{}", row[0]);
        assert_eq!(want.to_be_bytes().to_vec(), hex(quoted(&row[3])));
        assert_eq!(want.to_le_bytes().to_vec(), hex(quoted(&row[4])));
        // C-11: the residue over a block with its CRC.
        let block = [&octets[..], &want.to_be_bytes()].concat();
        assert_eq!(crc(&block), phy::crc::RESIDUE);
    }
}

#[test]
fn line_codes() {
    let Some(text) = specification() else { return };
    let examples = examples(&text);
    assert_eq!(three_out_of_six::encode(&[0x12])[0], bits("00110100")[0], "L-1");
    for id in ["L-2", "L-2b", "L-4"] {
        let (data, chips) = (examples[id].hex("data"), examples[id].hex("3-of-6"));
        assert_eq!(
            three_out_of_six::decode(&chips, data.len()).unwrap(),
            data,
            "{id}"
        );
        let coded = three_out_of_six::encode(&data);
        assert_eq!(coded[..data.len() * 12 / 8], chips[..data.len() * 12 / 8], "{id}");
    }
    let frame = Frame::parse(&examples["L-2b"].hex("data"))
        .unwrap()
        .octets()
        .to_vec();
    assert_eq!(frame, examples["L-2b"].hex("stripped"));
    let a1 = examples["F-A1"].hex("on air");
    let b1 = examples["F-B1"].hex("on air");
    for (id, burst, listening, frame) in [
        ("L-3", Burst::T, Listening::TAndC, &a1),
        ("L-5", Burst::S, Listening::S, &a1),
        ("L-6", Burst::CFormatA, Listening::TAndC, &a1),
        ("L-7", Burst::CFormatB, Listening::TAndC, &b1),
    ] {
        let chips = examples[id].hex("burst");
        assert_eq!(burst.encode(frame), chips, "{id}");
        let heard: Vec<_> = Hunt::new(&chips, listening).map(Result::unwrap).collect();
        assert_eq!(
            (heard.len(), heard[0].burst, &heard[0].frame),
            (1, burst, frame),
            "{id}"
        );
    }
}

#[test]
fn frames_with_crcs() {
    let Some(text) = specification() else { return };
    let examples = examples(&text);
    let frames: Vec<_> = examples.iter().filter(|(id, _)| id.starts_with("F-")).collect();
    assert_eq!(frames.len(), 13);
    for (id, example) in frames {
        let (on_air, stripped) = (example.hex("on air"), example.hex("stripped"));
        let format = if id.starts_with("F-A") {
            FrameFormat::A
        } else {
            FrameFormat::B
        };
        let frame = Frame::parse(&on_air).unwrap();
        assert_eq!((frame.octets(), frame.format()), (&stripped[..], format), "{id}");
        assert_eq!(phy::frame(&stripped, format).unwrap(), on_air, "{id}");
        assert_eq!(
            Frame::parse(&stripped).unwrap().format(),
            FrameFormat::Stripped,
            "{id}"
        );
    }
}

#[test]
fn manufacturers() {
    let Some(text) = specification() else { return };
    let rows = rows(&text, "A");
    assert_eq!(rows.len(), 16);
    for row in rows {
        let octets: [u8; 2] = hex(quoted(&row[3])).try_into().unwrap();
        let manufacturer = Manufacturer::from_octets(octets);
        assert_eq!(manufacturer.0, u16::from_str_radix(quoted(&row[2]), 16).unwrap());
        let letters = &row[1][..3];
        assert_eq!(manufacturer.to_string(), letters);
        assert_eq!(
            letters.parse::<Manufacturer>().unwrap(),
            manufacturer.without_flag()
        );
        assert_eq!(manufacturer.is_local(), row[1].contains("bit 15"));
    }
}

#[test]
fn derived_keys() {
    let Some(text) = specification() else { return };
    let rows = rows(&text, "K");
    assert_eq!(rows.len(), 8);
    let master: Key = "000102030405060708090A0B0C0D0E0F".parse().unwrap();
    let meter: IdentificationNumber = "12345678".parse().unwrap();
    for row in &rows[4..] {
        let purpose = match quoted(&row[2]) {
            "00" => Purpose::MeterEncryption,
            "01" => Purpose::MeterMac,
            "10" => Purpose::PartnerEncryption,
            "11" => Purpose::PartnerMac,
            other => panic!("{other}"),
        };
        assert_eq!(
            derive(&master, purpose, 0x0AB3, meter).unwrap().reveal(),
            hex(quoted(&row[4])),
            "{}",
            row[0]
        );
    }
}

#[test]
fn extended_link_layer() {
    let Some(text) = specification() else { return };
    let examples = examples(&text);
    for id in ["E-1", "E-2", "E-3"] {
        let example = &examples[id];
        let telegram = example.hex("telegram");
        let frame = Frame::parse(&telegram).unwrap();
        let key = example.key("key");
        assert_eq!(
            frame.open(&[]).unwrap_err().kind,
            ErrorKind::KeyMissing { mode: None },
            "{id}"
        );
        let message = frame.open(std::slice::from_ref(&key)).unwrap();
        let inner = example.hex("from CI on");
        assert_eq!(
            (message.ci(), &message.payload[..]),
            (Some(inner[0]), &inner[1..]),
            "{id}"
        );
        assert_eq!(resend(&message, Some(key)), telegram, "{id}");
    }
    let wrong = Frame::parse(&examples["E-1"].hex("telegram"))
        .unwrap()
        .open(&[examples["E-1"].key("wrong key")])
        .unwrap_err()
        .kind;
    assert_eq!(wrong, ErrorKind::WrongKey);
    // Already decrypted although the session number says otherwise.
    let telegram = examples["E-4"].hex("telegram");
    let message = Frame::parse(&telegram).unwrap().open(&[]).unwrap();
    assert_eq!(message.payload[..], examples["E-4"].hex("from CI on")[1..]);
    assert_eq!(message.notes, Notes::from([Note::OpenedUpstream]));
    assert_eq!(message.payload_at, telegram.len() - message.payload.len());
}

#[test]
fn security_modes_5_and_2() {
    let Some(text) = specification() else { return };
    let examples = examples(&text);
    for number in 1..=9 {
        let id = format!("M5-{number}");
        opens_and_reseals(&id, &examples[&id]);
    }
    opens_and_reseals("M2-1", &examples["M2-1"]);
    let telegram = examples["M5-1"].hex("telegram");
    let wrong = Frame::parse(&telegram)
        .unwrap()
        .open(&[examples["M5-10"].key("key")])
        .unwrap_err();
    assert_eq!(wrong.kind, ErrorKind::WrongKey);
    // Three blocks announced, two there: the two are read, and it is said so.
    let overrun = examples["X-18"].hex("telegram");
    let frame = Frame::parse(&overrun).unwrap();
    let message = frame.open(&[examples["M5-1"].key("key")]).unwrap();
    assert_eq!(message.notes, Notes::from([Note::EncryptedLengthOverrun]));
    let wrong = frame.open(&[examples["M5-10"].key("key")]).unwrap_err();
    assert_eq!(
        wrong.kind,
        ErrorKind::EncryptedLengthOverrun { need: 48, have: 32 }
    );
}

fn opens_and_reseals(id: &str, example: &Example) {
    let telegram = example.hex("telegram");
    let frame = Frame::parse(&telegram).unwrap();
    assert!(
        matches!(frame.open(&[]).unwrap_err().kind, ErrorKind::KeyMissing { .. }),
        "{id}"
    );
    let key = example.key("key");
    let message = frame.open(std::slice::from_ref(&key)).unwrap();
    let plain = example.hex("plaintext");
    if message.mode() == 5 {
        let iv = initialisation_vector(message.meter, message.access_number().unwrap());
        assert_eq!(iv.to_vec(), example.hex("IV"), "{id}");
    }
    let clear = if example.0.contains_key("clear tail") {
        example.hex("clear tail")
    } else {
        Vec::new()
    };
    assert_eq!(message.payload[..], [&plain[2..], &clear[..]].concat(), "{id}");
    assert_eq!(message.clear_tail(), clear, "{id}");
    assert_eq!(message.key, Some(0));
    assert_eq!(resend(&message, Some(key)), telegram, "{id}");
}

#[test]
fn security_mode_7() {
    let Some(text) = specification() else { return };
    let examples = examples(&text);
    for id in ["M7-1", "M7-2"] {
        let example = &examples[id];
        let telegram = example.hex("telegram");
        let key = example.key("master key");
        let frame = Frame::parse(&telegram).unwrap();
        let message = frame.open(std::slice::from_ref(&key)).unwrap();
        let plain = example.hex("plaintext");
        assert!(message.authenticated);
        assert_eq!(message.message_counter(), Some(0x0AB3));
        assert_eq!(message.payload[..], plain[2..], "{id}");
        assert_eq!(resend(&message, Some(key)), telegram, "{id}");
    }
    let mut forged = examples["M7-1"].hex("telegram");
    let at = forged
        .windows(8)
        .position(|window| window == examples["M7-3"].hex("expected"))
        .unwrap();
    forged[at + 4] ^= 0x10;
    assert_eq!(forged[at..at + 8], examples["M7-3"].hex("MAC"));
    let frame = Frame::parse(&forged).unwrap();
    assert_eq!(
        frame
            .open(&[examples["M7-1"].key("master key")])
            .unwrap_err()
            .kind,
        ErrorKind::MacMismatch
    );
}

#[test]
fn security_mode_10() {
    let Some(text) = specification() else { return };
    let examples = examples(&text);
    for id in ["M10-1", "M10-2"] {
        let example = &examples[id];
        let telegram = example.hex("telegram");
        let key = example.key("key");
        let frame = Frame::parse(&telegram).unwrap();
        let message = frame.open(std::slice::from_ref(&key)).unwrap();
        assert!(message.authenticated);
        assert_eq!(message.payload[..], example.hex("plaintext"), "{id}");
        assert_eq!(resend(&message, Some(key)), telegram, "{id}");
    }
    // M10-3
    let mut forged = examples["M10-1"].hex("telegram");
    *forged.last_mut().unwrap() ^= 1;
    let frame = Frame::parse(&forged).unwrap();
    assert_eq!(
        frame.open(&[examples["M10-1"].key("key")]).unwrap_err().kind,
        ErrorKind::MacMismatch
    );
}

#[test]
fn out_of_their_seals_and_back() {
    let Some(text) = specification() else { return };
    let mut back = Vec::new();
    for (id, example) in examples(&text) {
        let label = ["key", "master key"]
            .into_iter()
            .find(|label| example.0.contains_key(*label));
        let Some(label) = label.filter(|_| example.0.contains_key("telegram")) else {
            continue;
        };
        let (telegram, keys) = (example.hex("telegram"), [example.key(label)]);
        let frame = Frame::parse(&telegram).unwrap();
        let Ok(message) = frame.open(&keys) else {
            assert_eq!(
                take_off(&telegram, &keys, |_| true),
                None,
                "{id}: scrambled by its maker"
            );
            continue;
        };
        let bare = take_off(&telegram, &keys, |_| true).unwrap();
        let in_clear = bare
            .octets
            .windows(message.payload.len())
            .any(|part| part == &*message.payload);
        assert!(in_clear, "{id}");
        assert_eq!(
            put_on(bare.way, &bare.octets, keys.first()),
            Some(telegram),
            "{id}"
        );
        back.push(id);
    }
    let modes = [
        "E-1", "E-2", "E-3", "M10-1", "M10-2", "M2-1", "M5-1", "M7-1", "M7-2",
    ];
    for id in modes {
        assert!(back.iter().any(|back| back == id), "{id} not in {back:?}");
    }
    eprintln!("came back octet for octet: {back:?}");
}

#[test]
fn fragments() {
    let Some(text) = specification() else { return };
    let example = &examples(&text)["AF-1"];
    let telegrams = [1, 2, 3].map(|n| example.hex(&format!("fragment {n}")));
    let frames: Vec<_> = telegrams
        .iter()
        .map(|octets| Frame::parse(octets).unwrap())
        .collect();
    let mut memory = Reassembler::default();
    assert_eq!(
        memory.push(&frames[0], 0).unwrap_err().kind,
        ErrorKind::FragmentPending { fragment: 1 }
    );
    assert_eq!(
        memory.push(&frames[1], 5).unwrap_err().kind,
        ErrorKind::FragmentPending { fragment: 2 }
    );
    // Repeated by a repeater: no harm.
    assert_eq!(
        memory.push(&frames[1], 6).unwrap_err().kind,
        ErrorKind::FragmentPending { fragment: 2 }
    );
    let whole = memory.push(&frames[2], 7).unwrap();
    let message = whole
        .open(&["000102030405060708090A0B0C0D0E0F".parse().unwrap()])
        .unwrap();
    assert!(message.authenticated);
    assert_eq!(message.payload[..], example.hex("plaintext")[2..]);
    assert_eq!(
        whole.octets()[whole.octets().len() - 126..],
        example.hex("reassembled")
    );
    // Sent again in pieces of the same sizes, it is the same telegrams.
    let key = "000102030405060708090A0B0C0D0E0F".parse().ok();
    assert_eq!(
        message.plan(key).encode_fragments(&[60, 55, 11]).unwrap(),
        telegrams
    );
    // One missing in between, one without a beginning, one too late.
    memory.push(&frames[0], 10).unwrap_err();
    assert_eq!(
        memory.push(&frames[2], 11).unwrap_err().kind,
        ErrorKind::FragmentGap { expected: 2, got: 3 }
    );
    assert_eq!(
        memory.push(&frames[1], 12).unwrap_err().kind,
        ErrorKind::FragmentGap { expected: 1, got: 2 }
    );
    memory.push(&frames[0], 20).unwrap_err();
    assert_eq!(
        memory.push(&frames[1], 60).unwrap_err().kind,
        ErrorKind::FragmentTimeout
    );
}

#[test]
fn synchronous_interval() {
    let Some(text) = specification() else { return };
    let rows = rows(&text, "S");
    assert_eq!(rows.len(), 8);
    for row in rows {
        let access_number = row[1].parse().unwrap();
        // The factor with six decimals, rounded half up.
        let parts = u64::from(wmbus::ell::synchronous_interval(access_number));
        let factor = (parts * 1_000_000 + 1024) / 2048;
        assert_eq!(
            format!("{}.{:06}", factor / 1_000_000, factor % 1_000_000),
            row[2],
            "{}",
            row[0]
        );
    }
}

#[test]
fn header_without_application() {
    let Some(text) = specification() else { return };
    let example = &examples(&text).get("H-1").cloned().unwrap_or_default();
    let example = if example.0.is_empty() {
        &lines_of(&text, "**H-1**")
    } else {
        example
    };
    let stripped = example.hex("stripped");
    let frame = Frame::parse(&stripped).unwrap();
    assert_eq!(frame.link().sender.to_string(), "QDS 11223344 55 37");
    assert_eq!(frame.meter().to_string(), "QDS 55667788 55 08");
    let message = frame.open(&[]).unwrap();
    assert_eq!(
        (message.content, message.status(), &message.payload[..]),
        (wmbus::Content::Nothing, Some(4), &[][..])
    );
    assert_eq!(
        phy::frame(&stripped, FrameFormat::A).unwrap(),
        example.hex("format A")
    );
    assert_eq!(resend(&message, None), stripped);
}

fn lines_of(text: &str, heading: &str) -> Example {
    let rest = &text[text.find(heading).unwrap()..];
    let block = rest.split("```").nth(1).unwrap();
    Example(
        block
            .lines()
            .filter_map(|line| line.split_at_checked(12))
            .map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned()))
            .collect(),
    )
}

#[test]
fn buffers_of_unknown_origin() {
    let Some(text) = specification() else { return };
    let rows = rows(&text, "X");
    assert_eq!(rows.len(), 15);
    for row in rows {
        let (id, octets, auto, result) = (&row[0], hex(quoted(&row[1])), row[2] == "auto", &row[3]);
        let parsed = if auto {
            Frame::parse(&octets)
        } else {
            Frame::parse_as(&octets, FrameFormat::B)
        };
        let kind = parsed.as_ref().err().map(|error| error.kind.clone());
        match id.as_str() {
            "X-1" | "X-2" => {
                let frame = parsed.unwrap();
                assert_eq!(frame.format(), FrameFormat::A);
                assert_eq!(frame.octets(), hex("0F44AE0C785634120107780B13436587"));
                assert_eq!(
                    frame.metadata(),
                    if id == "X-2" { &[0x8A, 0x2D][..] } else { &[] }
                );
            }
            "X-3" => assert!(matches!(kind, Some(ErrorKind::BlockCrc { block: 1, .. }))),
            "X-4" => assert!(matches!(kind, Some(ErrorKind::BlockCrc { block: 0, .. }))),
            "X-5" => assert_eq!(
                kind,
                Some(ErrorKind::LengthMismatch {
                    expected: 20,
                    have: 15
                })
            ),
            "X-6" | "X-7" => {
                let frame = parsed.unwrap();
                assert_eq!(frame.format(), FrameFormat::Stripped);
                assert_eq!(frame.metadata().len(), if id == "X-7" { 1 } else { 0 });
            }
            "X-8" | "X-9" => {
                let frame = parsed.unwrap();
                assert_eq!(frame.format(), FrameFormat::B);
                assert_eq!(frame.octets(), hex("1244AE0C7856341201078C2027780B13436587"));
            }
            "X-10" => assert!(matches!(kind, Some(ErrorKind::BlockCrc { block: 0, .. }))),
            "X-11" => assert_eq!(parsed.unwrap().format(), FrameFormat::Stripped),
            "X-12" => assert_eq!(kind, Some(ErrorKind::InvalidLength { length: 8 })),
            "X-13" => assert_eq!(kind, Some(ErrorKind::TooShort { have: 9, need: 10 })),
            "X-14" => assert!(matches!(kind, Some(ErrorKind::NotWireless { .. }))),
            "X-15" => assert_eq!(
                kind,
                Some(ErrorKind::LengthMismatch {
                    expected: 64,
                    have: 20
                })
            ),
            other => panic!("{other}: {result}"),
        }
    }
}

/// A wired long frame is unwrapped where people paste telegrams.
#[test]
fn wired_long_frames() {
    let records = hex("0C1391827364046D0A0B3C34");
    let data = [&hex("08FD72443322112D2C280705000000")[..], &records].concat();
    let length = u8::try_from(data.len()).unwrap();
    let sum = data.iter().fold(0_u8, |sum, octet| sum.wrapping_add(*octet));
    let wired = [&[0x68, length, length, 0x68][..], &data, &[sum, 0x16]].concat();
    let frame = Frame::from_wired(phy::wired_user_data(&wired).unwrap()).unwrap();
    assert_eq!(frame.meter().to_string(), "KAM 11223344 28 07");
    assert_eq!(frame.open(&[]).unwrap().payload[..], records);
}

#[test]
fn invalid_symbols() {
    if specification().is_none() {
        return;
    }
    let good = bits("001101 001110 001011 011100");
    assert_eq!(three_out_of_six::decode(&good, 2).unwrap(), [0x12, 0x34], "X-16");
    let bad = bits("001101 000111 001011 011100");
    assert_eq!(
        three_out_of_six::decode(&bad, 2).unwrap_err().kind,
        ErrorKind::ThreeOfSix { symbol: 1 }
    );
    assert_eq!(
        manchester::decode(&bits("0110011010011001")).unwrap(),
        [0xA5],
        "X-17"
    );
    let bad = manchester::decode(&bits("0110111010011001")).unwrap_err().kind;
    assert_eq!(bad, ErrorKind::Manchester { bit: 2 });
}
