//! What holds for every telegram: what was encoded is parsed again, and no octets make the crate panic.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod plans;

use plans::{address, any_format, authentication, keys, link, plan, upper_layers};
use proptest::collection::vec;
use proptest::prelude::*;
use wmbus::phy::burst::Burst;
use wmbus::phy::hunt::{Hunt, Listening};
use wmbus::{Error, Frame, FrameFormat, Key, Layer, Plan, Reassembler, phy, tpl};

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
