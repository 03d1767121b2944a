//! What holds for every telegram: what was encoded is parsed again, and no octets make the crate panic.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use proptest::prelude::*;
use wmbus::ell::{CommunicationControl, SessionNumber};
use wmbus::tpl::{Configuration, Extension, Fields};
use wmbus::{Address, Error, Frame, FrameFormat, Key, Plan, afl, dll, ell, phy, tpl};

fn address() -> impl Strategy<Value = Address> {
    // FF 03 in the manufacturer's place is KNX.
    any::<[u8; 8]>()
        .prop_filter("KNX", |a| a[..2] != [0xFF, 0x03])
        .prop_map(Address::from_link_octets)
}

fn extended_link() -> impl Strategy<Value = Option<ell::Header>> {
    let session = (0..=1_u8, any::<u32>(), any::<u8>()).prop_map(|(e, m, s)| SessionNumber::new(e, m, s));
    proptest::option::of((
        any::<u8>(),
        any::<u8>(),
        proptest::option::of(address()),
        proptest::option::of(session),
    ))
    .prop_map(|parts| {
        parts.map(|(control, access_number, receiver, session)| ell::Header {
            control: CommunicationControl(control),
            access_number,
            receiver,
            session,
        })
    })
}

fn plan() -> impl Strategy<Value = Plan> {
    let mode = prop_oneof![Just(0_u16), Just(2), Just(5), Just(7), Just(10)];
    let bytes = |n| proptest::collection::vec(any::<u8>(), 0..n);
    (
        address(),
        extended_link(),
        proptest::option::of(address()),
        mode,
        any::<(u8, u8, u32, [u8; 16])>(),
        bytes(120),
        bytes(10),
    )
        .prop_map(
            |(sender, extended_link, meter, mode, (access_number, status, counter, key), payload, clear)| {
                let (extra, extension, authentication) = match mode {
                    7 => (
                        0,
                        Extension {
                            configuration: Some(0x10),
                            ..Extension::default()
                        },
                        Some(afl::Header {
                            message_control: Some(0x25),
                            message_counter: Some(counter),
                            ..afl::Header::default()
                        }),
                    ),
                    10 => (
                        0x20FF,
                        Extension {
                            configuration: Some(0x0110),
                            counter: Some(counter),
                            key_version: None,
                        },
                        None,
                    ),
                    _ => (0, Extension::default(), None),
                };
                let configuration = Configuration(mode << 8 | extra);
                let key = if mode == 2 {
                    Key::from_octets(&key[..8]).unwrap()
                } else {
                    Key::aes(key)
                };
                Plan {
                    link: dll::Header {
                        control: dll::Control::SND_NR,
                        sender,
                    },
                    extended_link,
                    authentication,
                    transport: Some(tpl::Header {
                        ci: if meter.is_some() { 0x72 } else { 0x7A },
                        address: meter,
                        fields: Some(Fields {
                            access_number,
                            status,
                            configuration,
                            extension,
                        }),
                    }),
                    payload,
                    clear: if mode == 10 { Vec::new() } else { clear },
                    key: Some(key),
                    link_key: None,
                }
            },
        )
}

/// A DES key can't open an AES link: such a telegram needs both.
fn keys(plan: &Plan) -> Vec<Key> {
    plan.key.iter().cloned().collect()
}

proptest! {
    #[test]
    fn what_is_encoded_is_read_again(plan in plan(), format in prop_oneof![
        Just(FrameFormat::A), Just(FrameFormat::B), Just(FrameFormat::Stripped)
    ]) {
        let des = plan.transport.unwrap().mode() == 2;
        let sealed_link = plan.extended_link.and_then(|e| e.session).is_some_and(|s| s.encryption() == 1);
        prop_assume!(!(des && sealed_link));
        let Ok(octets) = plan.encode_as(format) else { return Ok(()) };
        let frame = Frame::parse_as(&octets, format).unwrap();
        prop_assert_eq!(frame.link(), plan.link);
        prop_assert_eq!(frame.extended_link().copied(), plan.extended_link);
        let message = frame.open(&keys(&plan)).unwrap();
        prop_assert_eq!(message.meter, plan.transport.unwrap().address.unwrap_or(plan.link.sender));
        let mode = plan.transport.unwrap().mode();
        prop_assert!(message.payload.starts_with(&plan.payload));
        prop_assert!(message.payload.ends_with(&plan.clear));
        let fillers = &message.payload[plan.payload.len()..message.payload.len() - plan.clear.len()];
        prop_assert!(fillers.iter().all(|octet| *octet == 0x2F));
        prop_assert_eq!(message.authenticated, mode == 7 || mode == 10);
        prop_assert!(message.payload_at + message.payload.len() <= frame.octets().len() || mode == 10);
    }

    #[test]
    fn any_octets_give_a_frame_or_an_error_inside_them(octets in proptest::collection::vec(any::<u8>(), 0..300)) {
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
    fn a_repeated_copy_is_the_same_telegram(plan in plan()) {
        let Ok(octets) = plan.encode() else { return Ok(()) };
        prop_assume!(plan.extended_link.is_some());
        let mut repeated = octets.clone();
        repeated[11] |= 0x12;
        let (a, b) = (Frame::parse_as(&octets, FrameFormat::Stripped).unwrap(), Frame::parse_as(&repeated, FrameFormat::Stripped).unwrap());
        prop_assert_eq!(a.canonical(), b.canonical());
    }
}

fn holds_for(octets: &[u8]) -> Result<(), TestCaseError> {
    let inside = |error: &Error| error.at <= octets.len();
    match Frame::parse(octets) {
        Ok(frame) => {
            prop_assert_eq!(usize::from(frame.octets()[0]) + 1, frame.octets().len());
            prop_assert!(frame.body_at() <= frame.octets().len());
            prop_assert!(frame.fault().is_none_or(inside));
            if let Err(error) = frame.open(&[Key::aes([0; 16]), Key::des([0; 8])]) {
                prop_assert!(inside(&error), "{error}");
            }
            let again = phy::frame(frame.octets(), FrameFormat::A).unwrap();
            let again = Frame::parse_as(&again, FrameFormat::A).unwrap();
            prop_assert_eq!(again.octets(), frame.octets());
        }
        Err(error) => prop_assert!(inside(&error), "{error}"),
    }
    let _ = phy::wired_user_data(octets).map(Frame::from_wired);
    Ok(())
}
