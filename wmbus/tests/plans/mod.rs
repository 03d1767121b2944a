//! Telegrams of any shape, for tests of what holds for all of them.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of tests, not all used by each"
)]

use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;
use wmbus::ell::{CommunicationControl, SessionNumber};
use wmbus::tpl::{Configuration, Extension, Fields, Header};
use wmbus::{Address, FrameFormat, Key, Plan, afl, dll, ell};

pub(crate) fn address() -> impl Strategy<Value = Address> {
    // FF 03 in the manufacturer's place is KNX.
    any::<[u8; 8]>()
        .prop_filter("KNX", |a| a[..2] != [0xFF, 0x03])
        .prop_map(Address::from_link_octets)
}

pub(crate) fn link() -> impl Strategy<Value = dll::Header> {
    let control = prop_oneof![
        Just(0x44),
        Just(0x46),
        Just(0x08),
        Just(0x53),
        Just(0x5B),
        any::<u8>()
    ];
    (control, address()).prop_map(|(control, sender)| dll::Header {
        control: dll::Control(control),
        sender,
    })
}

pub(crate) fn extended_link() -> impl Strategy<Value = ell::Header> {
    let session = (0..=1_u8, any::<u32>(), any::<u8>()).prop_map(|(e, m, s)| SessionNumber::new(e, m, s));
    (any::<u8>(), any::<u8>(), of(address()), of(session)).prop_map(
        |(control, access_number, receiver, session)| ell::Header {
            control: CommunicationControl(control),
            access_number,
            receiver,
            session,
        },
    )
}

/// A header with a MAC of any size, or none; message length and MAC are computed when it is encoded.
pub(crate) fn authentication() -> impl Strategy<Value = afl::Header> {
    let control = prop_oneof![Just(0), 3..=7_u8];
    // Key derivation A or none.
    let key_information = of((any::<u16>(), 0..=1_u16).prop_map(|(key, kdf)| key & 0xFFCF | kdf << 4));
    (control, key_information, any::<u32>(), any::<bool>()).prop_map(
        |(authentication_type, key_information, counter, length)| afl::Header {
            message_control: Some(0x20 | authentication_type),
            key_information,
            message_counter: Some(counter),
            message_length: length.then_some(0),
            ..afl::Header::default()
        },
    )
}

pub(crate) fn fields() -> impl Strategy<Value = Fields> {
    let mode = prop_oneof![Just(0_u16), Just(2), Just(5), Just(7), Just(10)];
    let extension = (0..=1_u16, 0..=3_u16, any::<u16>(), any::<u32>(), of(any::<u8>()));
    (any::<[u8; 2]>(), mode, any::<u16>(), extension).prop_map(
        |([access_number, status], mode, bits, (kdf, tag, key_id, counter, key_version))| {
            let extension = match mode {
                7 => Extension {
                    configuration: Some(kdf << 4 | key_id & 0x0F),
                    counter: (counter % 2 == 0).then_some(counter),
                    key_version,
                },
                10 => Extension {
                    configuration: Some(tag << 8 | kdf << 4 | key_id & 0x0F),
                    counter: Some(counter),
                    key_version,
                },
                _ => Extension::default(),
            };
            Fields {
                access_number,
                status,
                configuration: Configuration(bits & 0xE0FF | mode << 8),
                extension,
            }
        },
    )
}

pub(crate) fn transport() -> impl Strategy<Value = Header> {
    let none =
        prop_oneof![Just(0x78), Just(0x79), Just(0x69), Just(0x70), 0xA0..=0xB7_u8].prop_map(Header::none);
    let short = (
        prop_oneof![Just(0x7A), Just(0x7B), Just(0x6E), Just(0x5A)],
        fields(),
    )
        .prop_map(|(ci, fields)| Header::short(ci, fields));
    let long = (
        prop_oneof![Just(0x72), Just(0x73), Just(0x75), Just(0x5B)],
        address(),
        fields(),
    )
        .prop_map(|(ci, address, fields)| Header::long(ci, address, fields));
    prop_oneof![none, short, long]
}

/// A telegram of any shape whose keys are there.
pub(crate) fn plan() -> impl Strategy<Value = Plan> {
    let layers = (link(), of(extended_link()), of(authentication()), transport());
    (
        layers,
        any::<[u8; 16]>(),
        vec(any::<u8>(), 0..160),
        vec(any::<u8>(), 0..10),
    )
        .prop_map(
            |((link, extended_link, authentication, transport), key, payload, clear)| {
                let des = transport.mode() == 2;
                let counter = transport.fields.and_then(|fields| fields.extension.counter);
                let keyless = matches!(transport.mode(), 7) && counter.is_none();
                Plan {
                    extended_link,
                    // A DES key makes no CMAC; a derived key needs a counter.
                    authentication: if des {
                        None
                    } else {
                        authentication.or(keyless.then(|| afl::Header {
                            message_control: Some(0x25),
                            message_counter: Some(7),
                            ..afl::Header::default()
                        }))
                    },
                    key: Some(if des {
                        Key::des(key[..8].try_into().unwrap())
                    } else {
                        Key::aes(key)
                    }),
                    link_key: Some(Key::aes(key.map(|octet| octet ^ 0x5A))),
                    clear: if transport.mode() == 10 { Vec::new() } else { clear },
                    ..Plan::new(link, transport, payload)
                }
            },
        )
}

pub(crate) fn keys(plan: &Plan) -> Vec<Key> {
    // The one that opens most first: a wrong one passes once in 65 536.
    plan.key.iter().chain(&plan.link_key).cloned().collect()
}

pub(crate) fn any_format() -> impl Strategy<Value = FrameFormat> {
    prop_oneof![
        Just(FrameFormat::A),
        Just(FrameFormat::B),
        Just(FrameFormat::Stripped)
    ]
}

/// Octets behind the address that get further than noise does: known CI-fields, small counts.
pub(crate) fn upper_layers() -> impl Strategy<Value = Vec<u8>> {
    let ell = (0x8C..=0x8F_u8, vec(any::<u8>(), 2..18)).prop_map(|(ci, octets)| [vec![ci], octets].concat());
    let afl = (any::<u8>(), 0..=0x7F_u8, vec(any::<u8>(), 0..25)).prop_map(|(fid, flags, octets)| {
        let length = u8::try_from(octets.len() + 2).unwrap();
        [vec![0x90, length, fid % 3, flags & 0x7E], octets].concat()
    });
    let ci = prop_oneof![Just(0x72), Just(0x78), any::<u8>()];
    let tpl = (ci, vec(any::<u8>(), 0..60)).prop_map(|(ci, octets)| [vec![ci], octets].concat());
    (of(ell), of(afl), of(tpl))
        .prop_map(|(ell, afl, tpl)| [ell, afl, tpl].into_iter().flatten().flatten().collect())
}
