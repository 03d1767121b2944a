//! What reading a telegram costs in memory: nothing when it is plain and stripped, one buffer when it is sealed.
#![allow(clippy::unwrap_used)]

mod common;

use allocation_counter::{AllocationInfo, measure};
use common::hex;
use wmbus::apl::Item;
use wmbus::{Frame, FrameFormat, Key, Plan, dll, tpl};

fn plan(mode: u8) -> Plan {
    let link = dll::Header {
        control: dll::Control::SND_NR,
        sender: wmbus::Address::from_link_octets([0x96, 0x49, 0x11, 0x07, 0x26, 0x20, 0x2A, 0x16]),
    };
    let transport = tpl::Header::short(0x7A, tpl::Fields::sealed(5, 0, mode));
    Plan {
        key: Some(Key::aes([7; 16])),
        ..Plan::new(
            link,
            transport,
            hex("0C1387561200 046D11095B37 4C1300400900 426C5F35"),
        )
    }
}

fn read(octets: &[u8], keys: &[Key], records: usize) -> AllocationInfo {
    measure(|| {
        let message = Frame::parse(octets).unwrap().open(keys).unwrap();
        let read = message
            .records()
            .filter(|item| matches!(item, Item::Record(_)))
            .count();
        assert_eq!(read, records);
    })
}

#[test]
fn a_plain_stripped_telegram_costs_nothing() {
    let octets = plan(0).encode().unwrap();
    assert_eq!(read(&octets, &[], 4).count_total, 0);
    // Nor when keys are known that it does not need.
    assert_eq!(
        read(&octets, &[Key::aes([1; 16]), Key::aes([2; 16])], 4).count_total,
        0
    );
}

#[test]
fn a_sealed_one_costs_its_plaintext_however_many_keys_are_tried() {
    let octets = plan(5).encode().unwrap();
    let mut keys: Vec<Key> = (10..40).map(|n| Key::aes([n; 16])).collect();
    keys.push(Key::aes([7; 16]));
    assert_eq!(read(&octets, &keys, 4).count_total, 1);
    assert_eq!(read(&octets, &keys[30..], 4).count_total, 1);
    let refused = measure(|| assert!(Frame::parse(&octets).unwrap().open(&keys[..30]).is_err()));
    assert_eq!(refused.count_total, 0);
}

#[test]
fn link_crcs_cost_the_octets_without_them() {
    let octets = plan(0).encode_as(FrameFormat::A).unwrap();
    // The stripped octets, and the payload that outlives the frame.
    assert_eq!(read(&octets, &[], 4).count_total, 2);
}
