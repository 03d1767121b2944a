//! What holds for every telegram: what was encoded is parsed again, and no octets make the crate panic.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;
use wmbus::ell::{CommunicationControl, SessionNumber};
use wmbus::phy::burst::Burst;
use wmbus::phy::hunt::{Hunt, Listening};
use wmbus::tpl::{Configuration, Extension, Fields, Header};
use wmbus::{Address, Error, Frame, FrameFormat, Key, Layer, Plan, Reassembler, afl, dll, ell, phy, tpl};

fn address() -> impl Strategy<Value = Address> {
    // FF 03 in the manufacturer's place is KNX.
    any::<[u8; 8]>()
        .prop_filter("KNX", |a| a[..2] != [0xFF, 0x03])
        .prop_map(Address::from_link_octets)
}

fn link() -> impl Strategy<Value = dll::Header> {
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

fn extended_link() -> impl Strategy<Value = ell::Header> {
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
fn authentication() -> impl Strategy<Value = afl::Header> {
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

fn fields() -> impl Strategy<Value = Fields> {
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

fn transport() -> impl Strategy<Value = Header> {
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
fn plan() -> impl Strategy<Value = Plan> {
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

fn keys(plan: &Plan) -> Vec<Key> {
    // The one that opens most first: a wrong one passes once in 65 536.
    plan.key.iter().chain(&plan.link_key).cloned().collect()
}

fn any_format() -> impl Strategy<Value = FrameFormat> {
    prop_oneof![
        Just(FrameFormat::A),
        Just(FrameFormat::B),
        Just(FrameFormat::Stripped)
    ]
}

proptest! {
    #[test]
    fn what_is_encoded_is_read_again(plan in plan(), format in any_format()) {
        let stripped = match plan.encode() {
            Ok(octets) => octets,
            // The only thing that such plans may be refused for.
            Err(error) => {
                prop_assert_eq!(error.kind.code(), "unencodable");
                return Ok(());
            }
        };
        let Ok(octets) = phy::frame(&stripped, format) else { return Ok(()) };
        let frame = Frame::parse_as(&octets, format).unwrap();
        prop_assert_eq!(frame.octets(), &stripped);
        prop_assert_eq!(frame.link(), plan.link);
        prop_assert_eq!(frame.extended_link().copied(), plan.extended_link);
        let message = frame.open(&keys(&plan)).unwrap();
        let transport = plan.transport.unwrap();
        let read = message.transport.unwrap();
        prop_assert_eq!((read.ci, read.address), (transport.ci, transport.address));
        prop_assert_eq!(read.fields.map(|f| (f.access_number, f.status)), transport.fields.map(|f| (f.access_number, f.status)));
        prop_assert_eq!(message.message_counter(), transport.fields.and_then(|f| f.extension.counter).or(plan.authentication.and_then(|a| a.message_counter)));
        prop_assert!(message.payload.starts_with(&plan.payload));
        prop_assert!(message.payload.ends_with(&plan.clear));
        let fillers = &message.payload[plan.payload.len()..message.payload.len() - plan.clear.len()];
        prop_assert!(fillers.iter().all(|octet| *octet == 0x2F));
        let proven = plan.authentication.is_some_and(|afl| afl.authentication_type() != 0);
        prop_assert_eq!(message.authenticated, proven || transport.mode() == 10);
        prop_assert!(message.payload_at + message.payload.len() <= frame.octets().len());
        // And sent once more, it is the same octets.
        let again = Plan { key: plan.key, link_key: plan.link_key, ..message.plan(None) };
        prop_assert_eq!(again.encode().unwrap(), stripped);
    }

    #[test]
    fn fragments_make_the_message_again(plan in plan(), afl in authentication(), sizes in vec(1..200_usize, 1..6)) {
        let authentication = plan.authentication.or(Some(afl)).filter(|_| plan.transport.is_some_and(|t| t.mode() != 2));
        let plan = Plan { authentication, ..plan };
        let Ok(telegrams) = plan.encode_fragments(&sizes) else { return Ok(()) };
        let mut memory = Reassembler::default();
        let mut whole = None;
        for (now, octets) in (0..).zip(&telegrams) {
            prop_assert!(whole.is_none());
            let frame = Frame::parse_as(octets, FrameFormat::Stripped).unwrap();
            let (frame, _) = frame.open_link(&keys(&plan)).unwrap();
            whole = memory.push(&frame, now).ok();
        }
        let whole = whole.unwrap();
        let message = whole.open(&keys(&plan)).unwrap();
        prop_assert!(message.payload.starts_with(&plan.payload));
        prop_assert!(message.payload.ends_with(&plan.clear));
    }

    #[test]
    fn headers_are_sent_again_as_they_came(upper in upper_layers(), control in any::<u8>(), sender in address()) {
        let mut octets = [&[0, control][..], &sender.link_octets(), &upper].concat();
        octets[0] = u8::try_from(octets.len() - 1).unwrap();
        let frame = Frame::parse_as(&octets, FrameFormat::Stripped).unwrap();
        let session = frame.extended_link().and_then(|ell| ell.session);
        let opened_upstream = session.is_some_and(|session| session.encryption() != 0);
        let needs_key = frame.authentication().is_some_and(|afl| afl.authentication_type() != 0);
        if frame.mode().unwrap_or(0) != 0 || opened_upstream || needs_key {
            return Ok(());
        }
        let Ok(message) = frame.open(&[]) else { return Ok(()) };
        prop_assert_eq!(message.plan(None).encode().unwrap(), octets);
    }

    #[test]
    fn any_octets_give_a_frame_or_an_error_inside_them(octets in vec(any::<u8>(), 0..300)) {
        holds_for(&octets)?;
    }

    #[test]
    fn any_upper_layers_too(upper in upper_layers(), link in link()) {
        let mut octets = [&[0, link.control.0][..], &link.sender.link_octets(), &upper].concat();
        octets[0] = u8::try_from(octets.len() - 1).unwrap();
        holds_for(&octets)?;
    }

    #[test]
    fn a_damaged_telegram_too(plan in plan(), at in any::<prop::sample::Index>(), bit in 0..8_u8, cut in 0..20_usize) {
        let Ok(mut octets) = plan.encode() else { return Ok(()) };
        let at = at.index(octets.len());
        octets[at] ^= 1 << bit;
        octets.truncate(octets.len() - cut.min(octets.len()));
        holds_for(&octets)?;
        if let Ok(frame) = Frame::parse(&octets) {
            let _ = frame.open(&keys(&plan));
        }
    }

    #[test]
    fn a_block_with_one_wrong_bit_is_never_accepted(plan in plan(), format in prop_oneof![Just(FrameFormat::A), Just(FrameFormat::B)], at in any::<prop::sample::Index>(), bit in 0..8_u8) {
        let Ok(mut octets) = plan.encode_as(format) else { return Ok(()) };
        let at = at.index(octets.len());
        octets[at] ^= 1 << bit;
        prop_assert!(Frame::parse_as(&octets, format).is_err());
    }

    #[test]
    fn a_repeated_copy_is_the_same_telegram(plan in plan()) {
        let Ok(octets) = plan.encode() else { return Ok(()) };
        let sealed = plan.extended_link.and_then(|ell| ell.session).is_some();
        let mut repeated = octets.clone();
        if plan.extended_link.is_some() {
            repeated[11] |= 0x12;
        }
        let frame = Frame::parse_as(&octets, FrameFormat::Stripped).unwrap();
        let plain_mode = plan.transport.and_then(|t| t.fields).is_some_and(|f| matches!(f.configuration.mode(), 0 | 5));
        if plain_mode && !sealed {
            // CF is the last field of the header in these modes.
            repeated[frame.body_at() - 2] |= 0x03;
        }
        let copy = Frame::parse_as(&repeated, FrameFormat::Stripped).unwrap();
        prop_assert_eq!(frame.canonical(), copy.canonical());
        let masked = Frame::parse_as(&repeated, FrameFormat::Stripped).unwrap().canonical().into_owned();
        let again = Frame::parse_as(&masked, FrameFormat::Stripped).unwrap();
        prop_assert_eq!(again.canonical(), &masked[..], "masking twice changes nothing");
    }

    #[test]
    fn chips_of_any_kind(chips in vec(any::<u8>(), 0..400), burst in any_burst(), frame in vec(any::<u8>(), 0..60)) {
        // Words are rare in noise: put some there.
        let stream = [&chips[..], &burst.encode(&frame), &chips].concat();
        for listening in [Listening::S, Listening::TAndC, Listening::N] {
            for heard in Hunt::new(&stream, listening) {
                match heard {
                    Ok(heard) => prop_assert!(heard.at + heard.frame.len() * 8 <= stream.len() * 8),
                    Err(error) => prop_assert!(matches!(error.layer, Layer::Physical | Layer::Link)),
                }
            }
        }
    }
}

fn any_burst() -> impl Strategy<Value = Burst> {
    prop_oneof![
        Just(Burst::S),
        Just(Burst::T),
        Just(Burst::CFormatA),
        Just(Burst::CFormatB),
        Just(Burst::NFormatA),
        Just(Burst::NFormatB)
    ]
}

/// Octets behind the address that get further than noise does: known CI-fields, small counts.
fn upper_layers() -> impl Strategy<Value = Vec<u8>> {
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

fn holds_for(octets: &[u8]) -> Result<(), TestCaseError> {
    let inside = |error: &Error| error.at <= octets.len();
    match Frame::parse(octets) {
        Ok(frame) => {
            prop_assert_eq!(usize::from(frame.octets()[0]) + 1, frame.octets().len());
            prop_assert!(frame.body_at() <= frame.octets().len());
            prop_assert!(frame.fault().is_none_or(inside));
            match frame.open(&[Key::aes([0; 16]), Key::des([0; 8])]) {
                Ok(message) => {
                    prop_assert!(message.payload_at + message.payload.len() <= frame.octets().len());
                    prop_assert!(message.clear_octets <= message.payload.len());
                }
                Err(error) => prop_assert!(inside(&error), "{error}"),
            }
            let again = phy::frame(frame.octets(), FrameFormat::A).unwrap();
            let again = Frame::parse_as(&again, FrameFormat::A).unwrap();
            prop_assert_eq!(again.octets(), frame.octets());
            let _ = frame.resumed_at(octets.len() / 2).open(&[]);
            let _ = frame.following();
        }
        Err(error) => prop_assert!(inside(&error), "{error}"),
    }
    if octets.len() > 2 {
        let frame =
            Frame::from_wired(octets).map(|frame| frame.open(&[]).map(|message| message.records().count()));
        let _ = frame;
    }
    let _ = tpl::content(octets.first().copied().unwrap_or(0));
    Ok(())
}
