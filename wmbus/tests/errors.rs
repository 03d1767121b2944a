//! Which error wins when a telegram has several faults, where it is said to be, and what is still known of the telegram.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod common;

use common::hex;
use wmbus::ell::{CommunicationControl, SessionNumber};
use wmbus::tpl::{Extension, Fields, Header};
use wmbus::{Address, ErrorKind, Frame, FrameFormat, Key, Layer, Plan, afl, dll, ell, phy};

const KEY: [u8; 16] = [0x5A; 16];

fn link() -> dll::Header {
    dll::Header {
        control: dll::Control::SND_NR,
        sender: Address::from_link_octets([0x96, 0x49, 0x11, 0x07, 0x26, 0x20, 0x2A, 0x16]),
    }
}

fn plan(mode: u8) -> Plan {
    Plan {
        key: Some(Key::aes(KEY)),
        ..Plan::new(
            link(),
            Header::short(0x7A, Fields::sealed(5, 0, mode)),
            hex("0C1387561200"),
        )
    }
}

/// Mode 7 with a MAC of 8 octets.
fn authenticated() -> Plan {
    let mut plan = plan(7);
    if let Some(fields) = plan
        .transport
        .as_mut()
        .and_then(|transport| transport.fields.as_mut())
    {
        fields.extension.configuration = Some(0x10);
    }
    plan.authentication = Some(afl::Header {
        message_control: Some(0x25),
        message_counter: Some(9),
        ..afl::Header::default()
    });
    plan
}

fn with_length(mut octets: Vec<u8>) -> Vec<u8> {
    octets[0] = u8::try_from(octets.len() - 1).unwrap();
    octets
}

/// Stripped octets after the address given in hexadecimal.
fn telegram(upper: &str) -> Vec<u8> {
    with_length([&hex("00 44 9649 11072620 2A16")[..], &hex(upper)].concat())
}

#[track_caller]
fn refused(octets: &[u8]) -> ErrorKind {
    let error = Frame::parse(octets).unwrap_err();
    assert_eq!(error.layer, Layer::Link);
    error.kind
}

#[track_caller]
fn faulty(octets: &[u8], keys: &[Key]) -> (Layer, usize, ErrorKind) {
    let frame = Frame::parse(octets).unwrap();
    assert_eq!(frame.meter().to_string(), "RLV 20260711 2A 16", "still known");
    let error = frame.open(keys).unwrap_err();
    assert!(error.at <= octets.len());
    (error.layer, error.at, error.kind)
}

#[test]
fn link_faults_in_their_order() {
    // Too short before everything else, also for what begins like a wired frame.
    assert_eq!(
        refused(&hex("68010168")),
        ErrorKind::TooShort { have: 4, need: 10 }
    );
    assert!(
        matches!(
            refused(&hex("0844FF03000000000000")),
            ErrorKind::NotWireless { .. }
        ),
        "KNX before length"
    );
    let wired = hex("6808086808017200000000007B16");
    assert!(matches!(refused(&wired), ErrorKind::NotWireless { .. }));
    let mut not_quite = wired.clone();
    not_quite[12] ^= 1;
    assert!(
        matches!(
            refused(&not_quite),
            ErrorKind::LengthMismatch { expected: 105, .. }
        ),
        "L is 68"
    );
    assert_eq!(
        refused(&hex("08449649110726202A16")),
        ErrorKind::InvalidLength { length: 8 }
    );
    let mut damaged = phy::frame(&plan(0).encode().unwrap(), FrameFormat::A).unwrap();
    damaged[14] ^= 1;
    assert!(matches!(refused(&damaged), ErrorKind::BlockCrc { block: 1, .. }));
    damaged.pop();
    assert!(
        matches!(refused(&damaged), ErrorKind::LengthMismatch { .. }),
        "length before CRC"
    );
}

#[test]
fn a_format_that_is_known_is_not_guessed() {
    let octets = plan(0).encode_as(FrameFormat::B).unwrap();
    let mut damaged = octets.clone();
    *damaged.last_mut().unwrap() ^= 1;
    let error = Frame::parse_as(&damaged, FrameFormat::B).unwrap_err();
    assert!(matches!(error.kind, ErrorKind::BlockCrc { block: 0, .. }));
    assert_eq!(
        Frame::parse(&damaged).unwrap().format(),
        FrameFormat::Stripped,
        "can't be seen"
    );
    for length in [9, 10, 128, 129] {
        let mut octets = vec![0x44; 140];
        octets[0] = length;
        let error = Frame::parse_as(&octets, FrameFormat::B).unwrap_err();
        assert_eq!(error.kind, ErrorKind::InvalidLength { length });
    }
}

#[test]
fn layers_that_are_cut_off_or_out_of_order() {
    for (upper, layer, at, kind) in [
        (
            "8C20",
            Layer::ExtendedLink,
            12,
            ErrorKind::Truncated { need: 1, have: 0 },
        ),
        (
            "8D2001000000",
            Layer::ExtendedLink,
            13,
            ErrorKind::Truncated { need: 4, have: 3 },
        ),
        (
            "8D200100000000FF",
            Layer::ExtendedLink,
            17,
            ErrorKind::Truncated { need: 2, have: 1 },
        ),
        (
            "8E2001 11223344",
            Layer::ExtendedLink,
            13,
            ErrorKind::Truncated { need: 8, have: 4 },
        ),
        (
            "7A0500",
            Layer::Transport,
            13,
            ErrorKind::Truncated { need: 2, have: 0 },
        ),
        (
            "72 11072620 9649 2A16 05",
            Layer::Transport,
            20,
            ErrorKind::Truncated { need: 1, have: 0 },
        ),
        (
            "7A05002007",
            Layer::Transport,
            15,
            ErrorKind::Truncated { need: 1, have: 0 },
        ),
        (
            "8C2001 8C2001 78",
            Layer::ExtendedLink,
            13,
            ErrorKind::LayerOrder { ci: 0x8C },
        ),
        (
            "90020000 8C2001 78",
            Layer::ExtendedLink,
            14,
            ErrorKind::LayerOrder { ci: 0x8C },
        ),
        (
            "90020000 90020000 78",
            Layer::Authentication,
            14,
            ErrorKind::LayerOrder { ci: 0x90 },
        ),
        (
            "8C2001 81 1D",
            Layer::Network,
            13,
            ErrorKind::UnsupportedLayer { ci: 0x81 },
        ),
        (
            "86 0102",
            Layer::ExtendedLink,
            10,
            ErrorKind::UnsupportedLayer { ci: 0x86 },
        ),
        ("77 0102", Layer::Transport, 10, ErrorKind::UnknownCi { ci: 0x77 }),
        (
            "00 0102",
            Layer::Transport,
            10,
            ErrorKind::UnsupportedCi { ci: 0x00 },
        ),
        (
            "7F 05000000 01",
            Layer::Transport,
            10,
            ErrorKind::UnsupportedCi { ci: 0x7F },
        ),
        (
            "9E 05000000 01",
            Layer::Transport,
            10,
            ErrorKind::UnsupportedSecurityMode { mode: 13 },
        ),
        (
            "8D2001 00000040 1234 78",
            Layer::ExtendedLink,
            17,
            ErrorKind::EllReservedSecurity { value: 2 },
        ),
    ] {
        assert_eq!(
            faulty(&telegram(upper), &[Key::aes(KEY)]),
            (layer, at, kind),
            "{upper}"
        );
    }
    let (layer, _, kind) = faulty(&telegram("8D2001 00000000 1234 78"), &[]);
    assert!(layer == Layer::ExtendedLink && matches!(kind, ErrorKind::PayloadCrc { got: 0x3412, .. }));
}

#[test]
fn modes_not_read_here_leave_their_header() {
    for mode in (0..=31).filter(|mode| ![0, 2, 5, 7, 10].contains(mode)) {
        let upper = format!("7A 2A10 50{mode:02X} 0102030405060708");
        let octets = telegram(&upper);
        let kind = ErrorKind::UnsupportedSecurityMode { mode };
        // With or without a key: none would help.
        assert_eq!(faulty(&octets, &[]).2, kind);
        assert_eq!(faulty(&octets, &[Key::aes(KEY)]), (Layer::Transport, 15, kind));
        let frame = Frame::parse(&octets).unwrap();
        let fields = frame.transport().unwrap().fields.unwrap();
        assert_eq!((fields.access_number, fields.status), (0x2A, 0x10));
        assert_eq!((frame.mode(), frame.access_number()), (Some(mode), Some(0x2A)));
    }
}

#[test]
fn structure_then_key_then_mac_then_plaintext() {
    let key = || Key::aes(KEY);
    let good = authenticated();
    let octets = good.encode().unwrap();
    assert!(
        Frame::parse(&octets)
            .unwrap()
            .open(&[key()])
            .unwrap()
            .authenticated
    );

    // No counter anywhere: no key would help, so it is said before a key is asked for.
    let upper = format!("7A 0500 1007 10 {}", "00".repeat(16));
    assert_eq!(faulty(&telegram(&upper), &[]).2, ErrorKind::CounterMissing);
    let upper = format!("7A 0500 1007 20 {}", "00".repeat(16));
    assert_eq!(
        faulty(&telegram(&upper), &[]).2,
        ErrorKind::UnsupportedKdf { selection: 2 }
    );

    // A wrong MAC and no key: the key is missing.
    let mut forged = octets.clone();
    let mac_at = 10 + 2 + 2 + 1 + 4;
    forged[mac_at] ^= 1;
    assert_eq!(
        faulty(&forged, &[]),
        (Layer::Transport, 33, ErrorKind::KeyMissing { mode: Some(7) })
    );
    // A wrong MAC around a plaintext that another key would refuse: the MAC first.
    assert_eq!(
        faulty(&forged, &[key()]),
        (Layer::Authentication, 10, ErrorKind::MacMismatch)
    );
    assert_eq!(faulty(&octets, &[Key::aes([1; 16])]).2, ErrorKind::MacMismatch);
    // A DES key is no key for AES, and the other way round.
    assert_eq!(
        faulty(&octets, &[Key::des([1; 8])]).2,
        ErrorKind::KeyMissing { mode: Some(7) }
    );
    let upper = format!("7A 0500 1002 {}", "00".repeat(16));
    assert_eq!(
        faulty(&telegram(&upper), &[key()]).2,
        ErrorKind::KeyMissing { mode: Some(2) }
    );
}

#[test]
fn more_encrypted_than_there_is() {
    let octets = plan(5).encode().unwrap();
    let mut announced = octets.clone();
    announced[13] = 0x40;
    let overrun = ErrorKind::EncryptedLengthOverrun { need: 64, have: 16 };
    assert_eq!(faulty(&announced, &[Key::aes([1; 16])]).2, overrun);
    assert_eq!(faulty(&announced, &[]).2, ErrorKind::KeyMissing { mode: Some(5) });
    let message = Frame::parse(&announced).unwrap().open(&[Key::aes(KEY)]).unwrap();
    assert!(message.notes.contains(wmbus::Note::EncryptedLengthOverrun));
    assert!(message.payload.starts_with(&hex("0C1387561200")));
    // Less than a block proves nothing, even if it looks like check octets.
    let short = telegram("7A 0500 1005 2F2F0C13");
    let message = Frame::parse(&short).unwrap().open(&[Key::aes(KEY)]).unwrap();
    assert_eq!((message.key, message.authenticated), (None, false));
    // A tag that is not all there.
    let short = telegram("7A 0500 FF2A 1001 01000000 010203");
    assert_eq!(faulty(&short, &[]).2, ErrorKind::Truncated { need: 8, have: 3 });
    // Part of the text in clear: nobody knows how.
    let part = telegram("7A 0500 022A 1001 01000000 010203 0102030405060708");
    assert_eq!(
        faulty(&part, &[]).2,
        ErrorKind::UnsupportedSecurityMode { mode: 10 }
    );
}

#[test]
fn what_contradicts_itself_is_not_encoded() {
    let code = |plan: &Plan| plan.encode().unwrap_err().kind.code();
    let long = Plan {
        payload: vec![0x2F; 300],
        ..plan(0)
    };
    assert_eq!(code(&long), "unencodable");
    assert_eq!(
        code(&Plan {
            payload: vec![0; 239],
            ..plan(5)
        }),
        "unencodable",
        "16 blocks"
    );
    assert_eq!(code(&Plan { key: None, ..plan(5) }), "key_missing");
    assert_eq!(
        code(&Plan {
            key: Some(Key::des([1; 8])),
            ..plan(5)
        }),
        "key_missing"
    );
    assert_eq!(code(&plan(9)), "unsupported_security_mode");
    assert_eq!(
        code(&Plan {
            transport: None,
            ..plan(0)
        }),
        "unencodable"
    );
    let mut no_counter = authenticated();
    no_counter.authentication = None;
    assert_eq!(code(&no_counter), "counter_missing");
    let mut reserved = authenticated();
    reserved.authentication = reserved.authentication.map(|afl| afl::Header {
        message_control: Some(0x22),
        ..afl
    });
    assert_eq!(code(&reserved), "unencodable");
    let session = SessionNumber::new(3, 1, 1);
    let reserved = Plan {
        extended_link: Some(ell::Header {
            control: CommunicationControl(0x20),
            access_number: 1,
            receiver: None,
            session: Some(session),
        }),
        ..plan(0)
    };
    assert_eq!(code(&reserved), "unencodable");
    let wrong_header = Plan {
        transport: Some(Header::none(0x7A)),
        ..plan(0)
    };
    assert_eq!(code(&wrong_header), "unencodable");
    let mut clear = plan(10);
    clear.transport = Some(Header::short(
        0x7A,
        Fields {
            extension: Extension {
                configuration: Some(0x0110),
                counter: Some(1),
                key_version: None,
            },
            ..Fields::sealed(5, 0, 10)
        },
    ));
    clear.encode().unwrap();
    clear.clear = vec![1];
    assert_eq!(code(&clear), "unencodable");
    assert!(
        plan(0).encode_fragments(&[20]).is_err(),
        "no authentication layer"
    );
}
