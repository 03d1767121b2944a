//! Telegrams per second on one core, from octets to the last record: plain and sealed in each way.
//!
//! `cargo bench -p wmbus --bench frame`
#![allow(clippy::unwrap_used)]

use std::hint::black_box;
use std::time::{Duration, Instant};

use wmbus::ell::{CommunicationControl, SessionNumber};
use wmbus::{Address, Frame, FrameFormat, Key, Plan, afl, dll, ell, tpl};

fn main() {
    let key = Key::aes(*b"0123456789abcdef");
    let others: Vec<Key> = (0..8).map(|n| Key::aes([n; 16])).chain([key.clone()]).collect();
    let plain = plan(0, None);
    let mode_5 = plan(5, None);
    let session = SessionNumber::new(1, 0x1234, 0);
    let ctr = plan(0, Some(session));
    let keys = std::slice::from_ref(&key);
    measure("plain, stripped", &plain.encode().unwrap(), &[]);
    measure("plain, format A", &plain.encode_as(FrameFormat::A).unwrap(), &[]);
    measure("plain, format B", &plain.encode_as(FrameFormat::B).unwrap(), &[]);
    measure("mode 5, stripped", &mode_5.encode().unwrap(), keys);
    measure("mode 5, ninth key", &mode_5.encode().unwrap(), &others);
    measure(
        "mode 5, format A",
        &mode_5.encode_as(FrameFormat::A).unwrap(),
        keys,
    );
    measure("mode 7, MAC", &derived(7).encode().unwrap(), keys);
    measure("mode 10", &derived(10).encode().unwrap(), keys);
    measure("ELL AES-CTR", &ctr.encode().unwrap(), keys);
}

/// A water meter's telegram of an ordinary size.
fn plan(mode: u8, session: Option<SessionNumber>) -> Plan {
    let payload = [
        &[
            0x0C, 0x13, 0x29, 0x35, 0x12, 0x00, 0x04, 0x6D, 0x21, 0x0B, 0x79, 0x3B,
        ][..],
        &[
            0x42, 0x6C, 0x7F, 0x3C, 0x4C, 0x13, 0x11, 0x20, 0x10, 0x00, 0x02, 0xFD, 0x17, 0x00, 0x00,
        ],
        &[
            0x8C, 0x01, 0x13, 0x00, 0x10, 0x09, 0x00, 0xCC, 0x01, 0x13, 0x00, 0x10, 0x08, 0x00,
        ],
    ]
    .concat();
    let link = dll::Header {
        control: dll::Control::SND_NR,
        sender: Address::from_link_octets([0x21, 0x04, 0x78, 0x56, 0x34, 0x12, 0x01, 0x07]),
    };
    let transport = tpl::Header::short(0x7A, tpl::Fields::sealed(7, 0, mode));
    Plan {
        extended_link: session.map(|session| ell::Header {
            control: CommunicationControl(0x20),
            access_number: 7,
            receiver: None,
            session: Some(session),
        }),
        key: Some(Key::aes(*b"0123456789abcdef")),
        ..Plan::new(link, transport, payload)
    }
}

/// A mode with a derived key and a MAC or tag of 8 octets.
fn derived(mode: u8) -> Plan {
    let mut plan = plan(mode, None);
    if let Some(fields) = plan
        .transport
        .as_mut()
        .and_then(|transport| transport.fields.as_mut())
    {
        fields.extension.configuration = Some(0x0110);
        fields.extension.counter = (mode == 10).then_some(77);
    }
    plan.authentication = (mode == 7).then(|| afl::Header {
        message_control: Some(0x25),
        message_counter: Some(77),
        ..afl::Header::default()
    });
    plan
}

/// The fastest of many rounds: whatever else runs on the machine makes the others slower.
fn measure(name: &str, octets: &[u8], keys: &[Key]) {
    let end = Instant::now() + Duration::from_millis(700);
    let mut fastest = Duration::MAX;
    while Instant::now() < end {
        let started = Instant::now();
        for _ in 0..ROUND {
            let frame = Frame::parse(black_box(octets)).unwrap();
            let message = frame.open(keys).unwrap();
            black_box(message.records().count());
        }
        fastest = fastest.min(started.elapsed() / ROUND);
    }
    println!(
        "{name:20} {:>4} octets {:>9} telegrams/s ({fastest:?} each)",
        octets.len(),
        1_000_000_000 / fastest.as_nanos().max(1)
    );
}

/// Telegrams a round.
const ROUND: u32 = 1000;
