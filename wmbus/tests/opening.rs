//! What happens with telegrams that somebody decrypted on the way, that makers bend, or that come two at a time.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod common;

use common::hex;
use wmbus::tpl::{Fields, Header};
use wmbus::{Address, Content, ErrorKind, Frame, FrameFormat, Key, Message, Note, Notes, Plan, afl, dll};

const KEY: [u8; 16] = [0x5A; 16];
const RECORDS: &str = "0C1387561200 046D11095B37";

fn sender() -> Address {
    Address::from_link_octets([0x96, 0x49, 0x11, 0x07, 0x26, 0x20, 0x2A, 0x16])
}

fn plan(mode: u8) -> Plan {
    let link = dll::Header {
        control: dll::Control::SND_NR,
        sender: sender(),
    };
    Plan {
        key: Some(Key::aes(KEY)),
        ..Plan::new(
            link,
            Header::short(0x7A, Fields::sealed(5, 0, mode)),
            hex(RECORDS),
        )
    }
}

/// Mode 5, with the plaintext where the ciphertext should be.
fn decrypted_upstream() -> Vec<u8> {
    let mut octets = plan(5).encode().unwrap();
    let plain = [&hex("2F2F")[..], &hex(RECORDS), &hex("2F2F")].concat();
    octets.truncate(15);
    octets.extend(plain);
    octets
}

fn open(octets: &[u8], keys: &[Key]) -> Result<Message<'static>, ErrorKind> {
    let frame = Frame::parse(octets).unwrap();
    frame
        .open(keys)
        .map(Message::into_owned)
        .map_err(|error| error.kind)
}

#[test]
fn decrypted_on_the_way() {
    let octets = decrypted_upstream();
    assert_eq!(Frame::parse(&octets).unwrap().seal(), None);
    // Without a key, and with one that does not open it: as it is, and it is said so.
    for keys in [vec![], vec![Key::aes(KEY)]] {
        let message = open(&octets, &keys).unwrap();
        assert!(message.payload.starts_with(&hex(RECORDS)));
        assert_eq!(
            (message.key, message.notes),
            (None, Notes::from([Note::OpenedUpstream]))
        );
    }
    // A ciphertext that begins like a plaintext by chance is opened by its key.
    let key = Key::aes(KEY);
    let lucky = (0..=u16::MAX).find_map(|number| {
        let plan = Plan {
            payload: number.to_le_bytes().to_vec(),
            ..plan(5)
        };
        plan.encode().ok().filter(|octets| octets[15..17] == [0x2F, 0x2F])
    });
    if let Some(octets) = lucky {
        let message = open(&octets, std::slice::from_ref(&key)).unwrap();
        assert_eq!((message.key, message.notes.is_empty()), (Some(0), true));
    }
}

#[test]
fn a_mac_around_what_was_decrypted_on_the_way_can_not_be_checked() {
    let mut plan = plan(7);
    plan.authentication = Some(afl::Header {
        message_control: Some(0x25),
        message_counter: Some(3),
        ..afl::Header::default()
    });
    let mut octets = plan.encode().unwrap();
    let body = octets.len() - 16;
    octets.truncate(body);
    octets.extend(hex("2F2F"));
    octets.extend(hex(RECORDS));
    octets.extend(hex("2F2F"));
    for keys in [vec![], vec![Key::aes(KEY)]] {
        let message = open(&octets, &keys).unwrap();
        assert!(!message.authenticated);
        assert!(message.notes.contains(Note::OpenedUpstream) && message.notes.contains(Note::MacNotChecked));
    }
}

#[test]
fn keys_that_are_not_needed() {
    let octets = plan(0).encode().unwrap();
    assert!(open(&octets, &[]).unwrap().notes.is_empty());
    let message = open(&octets, &[Key::aes(KEY)]).unwrap();
    assert_eq!(
        (message.key, message.notes),
        (None, Notes::from([Note::KeyNotNeeded]))
    );
    // Mode 5 with nothing encrypted is mode 0.
    let mut octets = octets;
    octets[14] = 5;
    let message = open(&octets, &[Key::aes(KEY)]).unwrap();
    assert_eq!(message.payload[..], hex(RECORDS));
    assert_eq!(message.notes, Notes::from([Note::KeyNotNeeded]));
}

#[test]
fn how_it_came_is_noted() {
    let mut octets = plan(0).encode_as(FrameFormat::A).unwrap();
    octets.extend([0x8A, 0x2D]);
    assert_eq!(
        open(&octets, &[]).unwrap().notes,
        Notes::from([Note::MetadataRemoved])
    );
    let mut octets = plan(0).encode().unwrap();
    octets[0] += 2;
    assert_eq!(
        open(&octets, &[]).unwrap().notes,
        Notes::from([Note::LengthCorrected])
    );
    let mut odd = plan(0);
    odd.link.control = dll::Control(0x7F);
    odd.link.sender.manufacturer.0 |= 0x8000;
    let notes = Notes::from([Note::UnknownControl, Note::LocalAddress]);
    assert_eq!(open(&odd.encode().unwrap(), &[]).unwrap().notes, notes);
}

#[test]
fn another_address_than_the_frame_s_own() {
    // A maker puts version and device type first; the key belongs to the address in order.
    let octets = plan(5).encode().unwrap();
    let mut swapped = octets.clone();
    swapped[4..10].copy_from_slice(&hex("2A16 11072620"));
    let frame = Frame::parse(&swapped).unwrap();
    let keys = [Key::aes(KEY)];
    // The check octets depend on key and maker only: with a wrong number they fit, and the first record is nonsense.
    let wrong = frame.open(&keys).unwrap();
    assert_ne!(wrong.payload[..6], hex(RECORDS)[..6]);
    let message = frame.open_as(sender(), &keys).unwrap();
    assert_eq!(message.meter, sender());
    assert!(message.payload.starts_with(&hex(RECORDS)));
}

#[test]
fn octets_that_a_maker_puts_in_front_of_the_ci_field() {
    let octets = plan(5).encode().unwrap();
    let mut prefixed = octets.clone();
    prefixed.splice(10..10, hex("B6 03 010203"));
    prefixed[0] += 5;
    let frame = Frame::parse(&prefixed).unwrap();
    assert_eq!(frame.content(), Some(Content::Manufacturer));
    let message = frame.resumed_at(15).open(&[Key::aes(KEY)]).unwrap().into_owned();
    assert_eq!((message.content, message.payload_at), (Content::Records, 22));
    assert!(message.payload.starts_with(&hex(RECORDS)));
}

#[test]
fn a_message_that_a_decoder_made() {
    let octets = plan(21).transport.map(|transport| Plan {
        key: None,
        transport: Some(transport),
        ..plan(0)
    });
    assert!(octets.unwrap().encode().is_err(), "not our mode to encode");
    let mut octets = plan(0).encode().unwrap();
    octets[14] = 0x75;
    let frame = Frame::parse(&octets).unwrap();
    assert_eq!(
        frame.open(&[]).unwrap_err().kind,
        ErrorKind::UnsupportedSecurityMode { mode: 21 }
    );
    let message = Message::from_parts(&frame, sender(), Content::Records, hex(RECORDS), 15);
    assert_eq!(
        (message.mode(), message.status(), message.access_number()),
        (21, Some(0), Some(5))
    );
    assert_eq!(message.records().count(), 2);
    let message = message.with_payload(Content::Manufacturer, vec![1, 2], 20);
    assert_eq!(
        (message.content, message.payload_at, message.clear_octets),
        (Content::Manufacturer, 20, 0)
    );
}

#[test]
fn two_telegrams_in_one_buffer() {
    let (one, two) = (plan(0).encode().unwrap(), plan(5).encode().unwrap());
    let both = [&one[..], &two].concat();
    let frame = Frame::parse(&both).unwrap();
    assert_eq!(frame.octets(), one);
    let second = frame.following().unwrap();
    assert_eq!((second.octets(), second.following().is_none()), (&two[..], true));
    // What a receiver adds is no telegram.
    let mut octets = one.clone();
    octets.extend([0x20; 40]);
    assert!(Frame::parse(&octets).unwrap().following().is_none());
}

#[test]
fn a_telegram_to_a_meter_says_nothing_about_its_status() {
    let mut plan = plan(0);
    plan.link.control = dll::Control(0x53);
    plan.transport = Some(Header::short(0x5A, Fields::plain(7, 0x44)));
    let message = open(&plan.encode().unwrap(), &[]).unwrap();
    assert_eq!((message.status(), message.access_number()), (None, Some(7)));
}

/// The last two octets of a stripped telegram that happen to be the CRC of the others are data all the same.
#[test]
fn a_ciphertext_that_ends_like_a_checksum_is_read_whole() {
    let lucky = (0..=u32::MAX).find_map(|number| {
        let payload = [&[0x04, 0x13][..], &number.to_le_bytes()].concat();
        let octets = Plan { payload, ..plan(5) }.encode().ok()?;
        let looks = wmbus::phy::strip(&octets).is_ok_and(|stripped| stripped.format == FrameFormat::B);
        looks.then_some((number, octets))
    });
    let (number, octets) = lucky.unwrap();
    let message = open(&octets, &[Key::aes(KEY)]).unwrap();
    assert_eq!(message.notes, Notes::NONE);
    assert_eq!(message.payload[2..6], number.to_le_bytes());
}

/// What is left of a block that did not come whole is no record.
#[test]
fn a_piece_of_a_block_gives_nothing() {
    let long = Plan {
        payload: hex(&"0C1387561200".repeat(5)),
        ..plan(5)
    };
    let octets = long.encode().unwrap();
    let mut cut = octets[..octets.len() - 3].to_vec();
    cut[0] -= 3;
    let message = open(&cut, &[Key::aes(KEY)]).unwrap();
    assert_eq!(message.payload.len(), 14, "one whole block");
    assert!(message.notes.contains(Note::EncryptedLengthOverrun));
}
