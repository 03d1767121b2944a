//! A gateway decodes for years: what it decodes every second should leave its memory alone.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use std::borrow::Cow;

use decoders::{Context, Decoded, Families, Sealing, example};
use wmbus::apl::Item;
use wmbus::{Content, Frame, FrameFormat};

/// From the frame to readings, in a place that is used again.
fn read(families: &Families, telegram: &[u8], decoded: &mut Decoded) {
    let frame = Frame::parse_as(telegram, FrameFormat::Stripped).unwrap();
    let message = families.open(&frame, &[]).unwrap();
    families
        .decode_into(&message, &Context::default(), decoded)
        .unwrap();
}

#[test]
fn a_plain_telegram_is_decoded_without_an_allocation() {
    let families = Families::embedded().unwrap();
    let (mut plain, mut free) = (0, Vec::new());
    for family in families.iter() {
        let meter = family.inhabitant().unwrap();
        let Ok(telegram) = family.telegram(meter, &example::story(7, None), &Sealing::Clear) else {
            continue;
        };
        let frame = Frame::parse_as(&telegram, FrameFormat::Stripped).unwrap();
        let message = families.open(&frame, &[]).unwrap();
        let mut decoded = Decoded::default();
        families
            .decode_into(&message, &Context::default(), &mut decoded)
            .unwrap();
        // Plain: records in clear as they were sent, each a reading or a date. Makers' own layouts, rows of history behind one
        // record, and texts that a meter says of itself are kept as what they are.
        let mut items = message.records();
        let records = message.content == Content::Records
            && matches!(message.payload, Cow::Borrowed(_))
            && items.all(|item| matches!(item, Item::Record(record) if record.vib.profile.is_none()))
            && (decoded.readings.len()..=24).contains(&message.records().count());
        if !records || decoded.readings.is_empty() || !decoded.facts.is_empty() || !decoded.remarks.is_empty()
        {
            continue;
        }
        plain += 1;
        let counted = allocation_counter::measure(|| read(&families, &telegram, &mut decoded));
        if counted.count_total == 0 {
            free.push(family.name.to_string());
        } else {
            println!("{}: {} allocations", family.name, counted.count_total);
        }
    }
    assert!(plain > 10, "{plain}");
    assert_eq!(free.len(), plain, "{free:?}");
}

#[test]
fn nothing_of_the_telegram_before_stays() {
    let families = Families::embedded().unwrap();
    let mut place = Decoded::default();
    for family in families.iter() {
        let meter = family.inhabitant().unwrap();
        let Ok(telegram) = family.telegram(meter, &example::story(7, None), &Sealing::Clear) else {
            continue;
        };
        let alone = families.read(&telegram, &[], &Context::default()).unwrap();
        let frame = Frame::parse(&telegram).unwrap();
        let message = families.open(&frame, &[]).unwrap();
        if message.content == Content::Compact {
            // Expanded on the way.
            continue;
        }
        families
            .decode_into(&message, &Context::default(), &mut place)
            .unwrap();
        assert_eq!(place, alone, "{}", family.name);
    }
}
