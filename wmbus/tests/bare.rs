//! Telegrams out of their seal and back: always octet for octet, or not at all.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

mod common;
mod plans;

use common::hex;
use plans::{any_format, keys, link, plan, upper_layers};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use wmbus::bare::{Bare, canonical, put_on, take_off};
use wmbus::ell::{CommunicationControl, SessionNumber};
use wmbus::tpl::{Extension, Fields, Header};
use wmbus::{Address, Frame, FrameFormat, Key, Plan, afl, dll, ell, phy};

const FORMATS: [FrameFormat; 3] = [FrameFormat::A, FrameFormat::B, FrameFormat::Stripped];
const RECORDS: &[u8] = b"\x04\x13\x39\x30\x00\x00\x02\x6C\xDF\x21\x44\x13\x10\x27\x00\x00\x42\x6C\xDF\x2C";

/// The canonical octets of a telegram framed in this way, which callers keep a digest of.
fn known(octets: &[u8], format: FrameFormat) -> Vec<u8> {
    Frame::parse_as(octets, format).unwrap().canonical().into_owned()
}

fn take_off_as(octets: &[u8], format: FrameFormat, keys: &[Key]) -> Option<Bare> {
    let known = known(octets, format);
    take_off(octets, keys, |canonical| canonical == known)
}

fn again(bare: &Bare, keys: &[Key]) -> Option<Vec<u8>> {
    put_on(bare.way, &bare.octets, bare.key.map(|index| &keys[index]))
}

fn sender() -> Address {
    Address::from_link_octets([0x2D, 0x2C, 0x78, 0x56, 0x34, 0x12, 0x1B, 0x16])
}

fn meter() -> Address {
    Address::from_link_octets([0x93, 0x15, 0x21, 0x43, 0x65, 0x87, 0x33, 0x07])
}

fn from_sender() -> dll::Header {
    dll::Header {
        control: dll::Control(0x44),
        sender: sender(),
    }
}

fn fields(mode: u8) -> Fields {
    let extension = match mode {
        7 => Extension {
            configuration: Some(0x10),
            counter: Some(0x0AB3),
            key_version: None,
        },
        10 => Extension {
            configuration: Some(0x0110),
            counter: Some(0x0AB3),
            key_version: None,
        },
        _ => Extension::default(),
    };
    Fields {
        extension,
        ..Fields::sealed(42, 0, mode)
    }
}

fn key_of(mode: u8) -> Key {
    if mode == 2 {
        Key::des([7; 8])
    } else {
        Key::aes([7; 16])
    }
}

fn sealed_in(mode: u8, transport: Header) -> Plan {
    Plan {
        key: Some(key_of(mode)),
        ..Plan::new(from_sender(), transport, RECORDS.to_vec())
    }
}

fn encrypted_link() -> ell::Header {
    ell::Header {
        control: CommunicationControl(0x20),
        access_number: 3,
        receiver: None,
        session: Some(SessionNumber::new(1, 0x1D_69C2, 3)),
    }
}

#[test]
fn every_mode_in_every_format_there_and_back() {
    for mode in [0, 2, 5, 7, 10] {
        for transport in [
            Header::short(0x7A, fields(mode)),
            Header::long(0x72, meter(), fields(mode)),
        ] {
            let wrong = [Key::aes([8; 16]), Key::des([9; 8])];
            let keys = [&wrong[..], &[key_of(mode)]].concat();
            for format in FORMATS {
                let octets = sealed_in(mode, transport).encode_as(format).unwrap();
                let bare = take_off_as(&octets, format, &keys).unwrap();
                let stripped = Frame::parse_as(&octets, format).unwrap().octets().to_vec();
                assert_eq!(bare.octets.len(), stripped.len(), "mode {mode}, {format:?}");
                let in_clear = bare.octets.windows(RECORDS.len()).any(|part| part == RECORDS);
                assert!(in_clear, "mode {mode}, {format:?}");
                assert_eq!(bare.key, (mode != 0).then_some(2));
                assert_eq!(again(&bare, &keys).as_deref(), Some(&octets[..]));
                assert_eq!(canonical(bare.way, &octets), Some(known(&octets, format)));
                if mode != 0 {
                    assert_eq!(take_off_as(&octets, format, &wrong), None, "no key opens it");
                    assert_eq!(put_on(bare.way, &bare.octets, None), None, "no key");
                    let other_size = if mode == 2 { &wrong[0] } else { &wrong[1] };
                    assert_eq!(put_on(bare.way, &bare.octets, Some(other_size)), None);
                    let other = if mode == 2 { &wrong[1] } else { &wrong[0] };
                    assert_ne!(put_on(bare.way, &bare.octets, Some(other)), Some(octets));
                }
            }
        }
    }
}

#[test]
fn the_extended_link_layer_alone_and_around_a_sealed_message() {
    for mode in [0, 5, 7, 10] {
        for encryption in [0, 1] {
            for format in FORMATS {
                let header = ell::Header {
                    session: Some(SessionNumber::new(encryption, 0x1D_69C2, 3)),
                    receiver: (encryption == 0).then(meter),
                    ..encrypted_link()
                };
                let plan = Plan {
                    extended_link: Some(header),
                    ..sealed_in(mode, Header::short(0x7A, fields(mode)))
                };
                let octets = plan.encode_as(format).unwrap();
                let keys = [key_of(mode)];
                let bare = take_off_as(&octets, format, &keys).unwrap();
                let clear = Frame::parse_as(&bare.octets, FrameFormat::Stripped).unwrap();
                assert!(
                    clear.fault().is_none() && clear.transport().is_some(),
                    "its payload CRC is right in clear"
                );
                assert!(bare.octets.windows(RECORDS.len()).any(|part| part == RECORDS));
                assert_eq!(bare.key, (mode != 0 || encryption != 0).then_some(0));
                assert_eq!(again(&bare, &keys).as_deref(), Some(&octets[..]));
            }
        }
    }
    // Each layer with a key of its own: neither opens it whole.
    let plan = Plan {
        extended_link: Some(encrypted_link()),
        link_key: Some(Key::aes([8; 16])),
        ..sealed_in(5, Header::short(0x7A, fields(5)))
    };
    let keys = [Key::aes([8; 16]), key_of(5)];
    let octets = plan.encode().unwrap();
    assert_eq!(take_off_as(&octets, FrameFormat::Stripped, &keys), None);
}

#[test]
fn a_mac_stays_and_octets_in_clear_too() {
    let plan = Plan {
        authentication: Some(afl::Header {
            message_control: Some(0x25),
            message_counter: Some(0x0AB3),
            ..afl::Header::default()
        }),
        clear: b"\x0F behind".to_vec(),
        ..sealed_in(
            7,
            Header::short(
                0x7A,
                Fields {
                    extension: Extension {
                        configuration: Some(0x10),
                        ..Extension::default()
                    },
                    ..fields(7)
                },
            ),
        )
    };
    let octets = plan.encode().unwrap();
    let bare = take_off_as(&octets, FrameFormat::Stripped, &[key_of(7)]).unwrap();
    let frame = Frame::parse(&octets).unwrap();
    let mac = frame.authentication().unwrap().mac.unwrap();
    assert!(bare.octets.windows(8).any(|part| part == mac.octets()));
    assert!(bare.octets.ends_with(b"\x0F behind"));
    assert_eq!(again(&bare, &[key_of(7)]).as_deref(), Some(&octets[..]));
}

/// Some adapters seal with their own address although a long header names the meter.
#[test]
fn the_senders_address_where_the_meters_does_not_fit() {
    let mut octets = sealed_in(5, Header::long(0x72, sender(), fields(5)))
        .encode()
        .unwrap();
    let transport = [
        &meter().link_octets()[2..6],
        &meter().link_octets()[..2],
        &meter().link_octets()[6..],
    ];
    octets[11..19].copy_from_slice(&transport.concat());
    assert_eq!(Frame::parse(&octets).unwrap().meter(), meter());
    let bare = take_off_as(&octets, FrameFormat::Stripped, &[key_of(5)]).unwrap();
    assert!(bare.octets.windows(RECORDS.len()).any(|part| part == RECORDS));
    assert_eq!(again(&bare, &[key_of(5)]), Some(octets));
}

/// They stand on disks: a number that changed its meaning would make kept telegrams unreadable.
#[test]
fn the_numbers_of_the_ways_stay_what_they_are() {
    let key: Key = "9F3C6A1E58D4720BB1E64C0597A8D23F".parse().unwrap();
    let sealed =
        hex("2E449649110726202A167A5C002085046F27FCDE77028803F694A0A3D3795E0F62BDBA81EF37918CCB1DFFBB980E9C");
    let clear = take_off_as(&sealed, FrameFormat::Stripped, std::slice::from_ref(&key)).unwrap();
    for (way, format) in [
        (0b0_1000, FrameFormat::A),
        (0b0_1001, FrameFormat::B),
        (0b0_1010, FrameFormat::Stripped),
    ] {
        let framed = phy::frame(&sealed, format).unwrap();
        assert_eq!(put_on(way, &clear.octets, Some(&key)), Some(framed));
    }
    let open = Plan::new(
        from_sender(),
        Header::short(0x7A, Fields::plain(1, 0)),
        RECORDS.to_vec(),
    );
    let in_clear = open.encode().unwrap();
    let encrypted = Plan {
        extended_link: Some(encrypted_link()),
        key: Some(key.clone()),
        ..open
    };
    let mut ways = Vec::new();
    for plan in [
        &encrypted,
        &Plan {
            transport: Some(Header::short(0x7A, fields(5))),
            ..encrypted.clone()
        },
    ] {
        let octets = plan.encode().unwrap();
        let bare = take_off_as(&octets, FrameFormat::Stripped, std::slice::from_ref(&key)).unwrap();
        ways.push(bare.way);
    }
    assert_eq!(ways, [0b0_0110, 0b0_1110]);
    for way in 0..=255 {
        let framed = put_on(way, &in_clear, None);
        assert_eq!(framed.is_some(), way < 3, "{way}");
        assert_eq!(canonical(way, &in_clear).is_some(), way & 3 == 2 && way < 24);
    }
}

#[test]
fn the_caller_says_which_way_of_framing_is_meant() {
    let framed = sealed_in(0, Header::short(0x7A, Fields::plain(1, 0)))
        .encode_as(FrameFormat::B)
        .unwrap();
    // Stripped, its last two octets could be data.
    for format in [FrameFormat::B, FrameFormat::Stripped] {
        let bare = take_off_as(&framed, format, &[]).unwrap();
        let frame = Frame::parse_as(&framed, format).unwrap();
        assert_eq!(bare.octets, frame.octets());
        assert_eq!(again(&bare, &[]).as_deref(), Some(&framed[..]));
    }
    let mut asked = Vec::new();
    let none = take_off(&framed, &[], |canonical| {
        asked.push(canonical.to_vec());
        false
    });
    assert_eq!(none, None);
    let stripped = Frame::parse_as(&framed, FrameFormat::B)
        .unwrap()
        .octets()
        .to_vec();
    let mut times = 0;
    take_off(&stripped, &[], |_| {
        times += 1;
        false
    });
    assert_eq!(times, 1, "there is but one way");
    assert_eq!(
        asked,
        [
            known(&framed, FrameFormat::B),
            known(&framed, FrameFormat::Stripped)
        ]
    );
}

#[test]
fn what_could_not_be_made_again_is_left_as_it_is() {
    let keys = [key_of(5)];
    let taken = |octets: &[u8]| take_off(octets, &keys, |_| true);
    let sealed = sealed_in(5, Header::short(0x7A, fields(5)));
    for format in FORMATS {
        let mut octets = sealed.encode_as(format).unwrap();
        assert!(taken(&octets).is_some());
        octets.push(0x8A);
        assert_eq!(taken(&octets), None, "something behind it");
    }
    let mut corrected = sealed.encode().unwrap();
    corrected[0] += 2;
    assert!(Frame::parse(&corrected).is_ok());
    assert_eq!(taken(&corrected), None, "L was corrected");
    let fragments = Plan {
        authentication: Some(afl::Header {
            message_control: Some(0x25),
            message_counter: Some(0x0AB3),
            ..afl::Header::default()
        }),
        ..sealed
    };
    for fragment in fragments.encode_fragments(&[30]).unwrap() {
        assert_eq!(taken(&fragment), None, "a fragment");
    }
    let mut unknown = sealed_in(0, Header::short(0x7A, fields(0))).encode().unwrap();
    assert!(taken(&unknown).is_some());
    unknown[14] = 0x04;
    assert_eq!(taken(&unknown), None, "a mode that is not read");
    unknown[10] = 0x20;
    assert_eq!(taken(&unknown), None, "a fault in the layers");
}

#[test]
fn octets_that_never_came_out_of_a_seal_are_refused() {
    const CLEAR: u8 = 0b0_0010;
    const LINK: u8 = 0b0_0110;
    const TRANSPORT: u8 = 0b0_1010;
    let refused = |way, octets: &[u8], mode| put_on(way, octets, Some(&key_of(mode))).is_none();
    for mode in [2, 5, 7, 10] {
        let sealed = sealed_in(mode, Header::short(0x7A, fields(mode)));
        let octets = sealed.encode().unwrap();
        assert!(refused(CLEAR, &octets, mode), "still sealed");
        assert!(refused(TRANSPORT, &octets, mode), "still sealed");
        assert!(refused(LINK, &octets, mode), "no extended link layer");
        let mut bare = take_off(&octets, &[key_of(mode)], |_| true).unwrap().octets;
        assert!(!refused(TRANSPORT, &bare, mode));
        // The low octet of CF says that nothing is encrypted, or not all.
        bare[13] = 0x00;
        assert!(refused(TRANSPORT, &bare, mode), "nothing sealed, mode {mode}");
    }
    for encryption in [0, 1, 2] {
        let octets = |encryption| {
            let session = Some(SessionNumber::new(encryption, 0x1D_69C2, 3));
            let header = ell::Header {
                session,
                ..encrypted_link()
            };
            Plan {
                extended_link: Some(header),
                ..sealed_in(0, Header::none(0x78))
            }
            .encode()
        };
        // CC, ACC and SN are no part of what the payload CRC is computed over.
        let mut in_clear = octets(0).unwrap();
        in_clear[16] |= encryption << 5;
        assert!(Frame::parse(&in_clear).unwrap().fault().is_none());
        assert!(!refused(CLEAR, &in_clear, 5));
        assert_eq!(
            refused(LINK, &in_clear, 5),
            encryption != 1,
            "encryption {encryption}"
        );
        assert!(put_on(LINK, &in_clear, None).is_none());
        in_clear.push(0);
        assert!(refused(CLEAR, &in_clear, 5), "something behind it");
    }
    let encrypted = Plan {
        extended_link: Some(encrypted_link()),
        ..sealed_in(5, Header::short(0x7A, fields(5)))
    };
    let octets = encrypted.encode().unwrap();
    for way in [CLEAR, LINK, TRANSPORT, LINK | TRANSPORT] {
        assert!(refused(way, &octets, 5), "still encrypted");
    }
}

proptest! {
    #[test]
    fn every_telegram_with_its_key_there_and_back(plan in plan(), format in any_format()) {
        let Ok(octets) = plan.encode_as(format) else { return Ok(()) };
        let mut keys = keys(&plan);
        let session = plan.extended_link.and_then(|ell| ell.session);
        let two_keys = session.is_some_and(|session| session.encryption() == 1);
        if two_keys {
            // One key for both, where both have keys.
            keys.truncate(1);
        }
        let plan = if two_keys { Plan { link_key: None, ..plan } } else { plan };
        let octets = if two_keys { plan.encode_as(format) } else { Ok(octets) };
        let Ok(octets) = octets else { return Ok(()) };
        let bare = take_off_as(&octets, format, &keys);
        let Some(bare) = bare else {
            // Guessed otherwise than framed, or of another cipher than DES: the key can't be the same.
            prop_assert!(Frame::parse(&octets).unwrap().format() != format);
            return Ok(());
        };
        prop_assert_eq!(again(&bare, &keys), Some(octets.clone()));
        prop_assert_eq!(canonical(bare.way, &octets), Some(known(&octets, format)));
        prop_assert_eq!(bare.octets.len(), Frame::parse_as(&octets, format).unwrap().octets().len());
    }

    #[test]
    fn one_changed_octet_is_another_telegram(plan in plan(), format in any_format(), at in any::<Index>(), change in 1..=255_u8) {
        let Ok(octets) = plan.encode_as(format) else { return Ok(()) };
        let keys = keys(&plan);
        let Some(mut bare) = take_off(&octets, &keys, |_| true) else { return Ok(()) };
        let at = at.index(bare.octets.len());
        bare.octets[at] ^= change;
        prop_assert_ne!(again(&bare, &keys), Some(octets));
    }

    #[test]
    fn any_octets_come_back_or_stay(octets in vec(any::<u8>(), 0..300)) {
        holds_for(&octets)?;
    }

    #[test]
    fn any_upper_layers_too(upper in upper_layers(), link in link(), format in any_format()) {
        let mut octets = [&[0, link.control.0][..], &link.sender.link_octets(), &upper].concat();
        octets[0] = u8::try_from(octets.len() - 1).unwrap();
        holds_for(&phy::frame(&octets, format).unwrap_or(octets))?;
    }

    #[test]
    fn damaged_octets_of_a_disk_make_no_panic(plan in plan(), way in any::<u8>(), at in any::<Index>(), change in any::<u8>(), cut in 0..20_usize) {
        let Ok(octets) = plan.encode() else { return Ok(()) };
        let bare = take_off(&octets, &keys(&plan), |_| true);
        let mut octets = bare.map_or(octets, |bare| bare.octets);
        let at = at.index(octets.len());
        octets[at] ^= change;
        octets.truncate(octets.len() - cut.min(octets.len()));
        makes_no_panic(way, &octets)?;
        makes_no_panic(way & 0x1F, &octets)?;
    }
}

fn some_keys() -> [Key; 2] {
    [Key::aes([0; 16]), Key::des([0; 8])]
}

fn holds_for(octets: &[u8]) -> Result<(), TestCaseError> {
    if let Some(bare) = take_off(octets, &some_keys(), |_| true) {
        let made = again(&bare, &some_keys());
        prop_assert_eq!(made.as_deref(), Some(octets));
        prop_assert!(canonical(bare.way, octets).is_some());
    }
    for way in 0..24 {
        makes_no_panic(way, octets)?;
    }
    Ok(())
}

fn makes_no_panic(way: u8, octets: &[u8]) -> Result<(), TestCaseError> {
    let _ = canonical(way, octets);
    for key in some_keys().iter().map(Some).chain([None]) {
        if let Some(made) = put_on(way, octets, key) {
            // A telegram framed in this way, with the same octets in clear behind it.
            prop_assert!(canonical(way, &made).is_some());
            prop_assert!(made.len() >= octets.len());
        }
    }
    Ok(())
}

#[test]
fn what_looks_like_a_wired_frame_once_it_is_framed_is_not_made() {
    // L, C and the maker's letters begin as a wired frame of 48 octets does.
    let mut octets = vec![0_u8; 0x69];
    octets[..11].copy_from_slice(&[0x68, 0x30, 0x30, 0x68, 1, 2, 3, 4, 5, 7, 0x78]);
    // Format A has link CRCs behind octets 10, 26 and 42, so 46 and 47 come to stand at 52 and 53: its sum and its end.
    octets[46] = 0x2F;
    octets[47] = 0x16;
    let framed = phy::frame(&octets, FrameFormat::A).unwrap();
    let sum = framed[4..52]
        .iter()
        .fold(0_u8, |sum, octet| sum.wrapping_add(*octet));
    assert_eq!(framed[53], 0x16);
    assert!(put_on(0, &octets, None).is_some());
    octets[46] = sum;
    let framed = phy::frame(&octets, FrameFormat::A).unwrap();
    assert!(phy::wired_user_data(&framed).is_some());
    assert_eq!(put_on(0, &octets, None), None);
}
