//! Telegrams per second on one core: plain, sealed by mode 5, sealed by the extended link layer.
//!
//! `cargo bench -p wmbus --bench frame`
#![allow(clippy::unwrap_used)]

use std::hint::black_box;
use std::time::{Duration, Instant};

use wmbus::ell::{CommunicationControl, SessionNumber};
use wmbus::{Address, Frame, FrameFormat, Key, Plan, dll, ell, tpl};

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

fn measure(name: &str, octets: &[u8], keys: &[Key]) {
    let started = Instant::now();
    let mut count = 0_u32;
    while started.elapsed() < Duration::from_millis(700) {
        for _ in 0..1000 {
            let frame = Frame::parse(black_box(octets)).unwrap();
            black_box(frame.open(keys).unwrap());
        }
        count += 1000;
    }
    let each = started.elapsed() / count;
    println!(
        "{name:20} {:>4} octets {:>9} telegrams/s ({each:?} each)",
        octets.len(),
        1_000_000_000 / each.as_nanos().max(1)
    );
}
