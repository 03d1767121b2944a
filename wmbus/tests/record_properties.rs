//! What holds for every payload: nothing is lost, nothing panics, and what was encoded is read again.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

mod common;
mod spec;

use proptest::prelude::*;
use spec::records;
use wmbus::apl::compact::{Compact, Layout, compact, format};
use wmbus::apl::fixed::FixedData;
use wmbus::apl::profile::{Mode, expand_all};
use wmbus::apl::{
    Data, Date, Dib, Function, Item, Moment, ProfilePlan, Qualifier, Quality, RecordPlan, Records, Spacing,
    Table, TextOrder, TrailingReason, Value, dating, series_date, text_vib, vib,
};

fn function() -> impl Strategy<Value = Function> {
    prop_oneof![
        Just(Function::Instantaneous),
        Just(Function::Maximum),
        Just(Function::Minimum),
        Just(Function::ErrorState)
    ]
}

/// Values of every data field, none of them one of the patterns that say "no value".
fn data() -> impl Strategy<Value = Data> {
    let width = || prop_oneof![Just(1_usize), Just(2), Just(3), Just(4), Just(6), Just(8)];
    let signed = (any::<i64>(), width()).prop_map(|(value, width)| {
        let bits = 64 - 8 * u32::try_from(width).unwrap();
        let value = value >> bits;
        Data::Signed(if value == i64::MIN >> bits { 0 } else { value }, width)
    });
    let digits = |widths: &'static [usize]| {
        (proptest::sample::select(widths), any::<i64>()).prop_map(|(width, value)| {
            let limit = 10_i64.pow(u32::try_from(2 * width).unwrap());
            let value = value % limit;
            (if value < 0 { value / 10 } else { value }, width)
        })
    };
    let octets = |lengths: &'static [usize]| {
        proptest::sample::select(lengths)
            .prop_flat_map(|length| proptest::collection::vec(any::<u8>(), length))
    };
    prop_oneof![
        signed,
        digits(&[1, 2, 3, 4, 6]).prop_map(|(value, width)| Data::Bcd(value, width)),
        digits(&[1, 5, 9]).prop_map(|(value, width)| Data::VariableBcd(value, width)),
        any::<f32>()
            .prop_filter("a number", |real| real.is_finite())
            .prop_map(Data::Real),
        Just(Data::Nothing),
        proptest::collection::vec(any::<u8>(), 0..20).prop_map(Data::Text),
        octets(&[0, 1, 8, 15, 16, 20, 24, 28, 32, 48, 64]).prop_map(Data::VariableBinary),
    ]
}

fn plan() -> impl Strategy<Value = RecordPlan> {
    // Volume, energy, allocation units: signed by the standard, so that what is written is read.
    let vib = prop_oneof![
        Just(vec![0x13]),
        Just(vec![0x06]),
        Just(vec![0x6E]),
        Just(vec![0x93, 0x3C])
    ];
    (
        function(),
        0..1_u64 << 41,
        0..1_u32 << 20,
        0..1_u16 << 10,
        vib,
        data(),
    )
        .prop_map(|(function, storage, tariff, subunit, vib, data)| RecordPlan {
            dib: Dib {
                function,
                storage,
                tariff,
                subunit,
                ..Dib::new(0)
            },
            vib,
            data,
        })
}

fn encode(plans: &[RecordPlan]) -> Vec<u8> {
    let mut octets = Vec::new();
    for plan in plans {
        plan.encode(&mut octets).unwrap();
    }
    octets
}

proptest! {
    #[test]
    fn what_is_encoded_is_read_again(plans in proptest::collection::vec(plan(), 1..8)) {
        let octets = encode(&plans);
        let read = records(&octets);
        prop_assert_eq!(read.len(), plans.len());
        for (record, plan) in read.iter().zip(&plans) {
            let data_field = record.dib.data_field;
            prop_assert_eq!(record.dib, Dib { data_field, ..plan.dib });
            prop_assert_eq!(record.vib.octets, &plan.vib[..]);
            match (&plan.data, record.value()) {
                (Data::Signed(value, _) | Data::Bcd(value, _), Value::Number(number)) => {
                    prop_assert_eq!(*value, number.mantissa);
                }
                (Data::VariableBcd(value, _), Value::Number(number)) => prop_assert_eq!(*value, number.mantissa),
                (Data::Real(real), Value::Approximate(number)) => {
                    // The shortest decimal reads back to the same float.
                    let power = i32::from(number.exponent) - i32::from(record.vib.exponent);
                    let back: f32 = format!("{}e{power}", number.mantissa).parse().unwrap();
                    prop_assert_eq!(back, *real);
                }
                (Data::Nothing, Value::NoData) => {}
                (Data::VariableBinary(octets), value) => {
                    prop_assert_eq!(&record.data[1..], &octets[..]);
                    prop_assert!(octets.len() <= 16 || value == Value::Octets(octets));
                }
                (Data::Text(text), value @ Value::Text(_)) => {
                    let characters: String = value.characters().collect();
                    prop_assert_eq!(characters, text.iter().map(|octet| char::from(*octet)).collect::<String>());
                }
                (data, value) => panic!("{data:?} was read as {value:?}"),
            }
            prop_assert_eq!(encode(&[RecordPlan::from(record)]), record.octets);
        }
    }

    #[test]
    fn codes_never_move_a_border(plans in proptest::collection::vec(plan(), 1..6), code in 0_u8..0x7C) {
        // Extension bits and plain text alone say where a VIB ends.
        let octets = encode(&plans);
        let mut changed = octets.clone();
        for record in records(&octets) {
            let block = record.at + record.dib_octets().len()..record.at + record.header().len();
            changed[block].iter_mut().for_each(|octet| *octet = *octet & 0x80 | code);
        }
        let borders = |octets: &[u8]| records(octets).iter().map(|record| (record.at, record.octets.len())).collect::<Vec<_>>();
        prop_assert_eq!(borders(&changed), borders(&octets));
    }

    #[test]
    fn a_block_means_what_it_was_made_from(
        table in proptest::sample::select(vec![Table::Primary, Table::Main, Table::Alternate, Table::SecondLevel]),
        code in 0_u8..0x7B,
        codes in proptest::collection::vec((any::<bool>(), 0_u8..0x7C), 0..4),
        text in proptest::collection::vec(any::<u8>(), 0..30),
    ) {
        prop_assume!(table != Table::Primary || code != 0x6F);
        let qualifiers: Vec<_> = codes.into_iter().map(|(second_table, code)| Qualifier { second_table, code }).collect();
        let block = vib(table, code, &qualifiers).unwrap();
        let octets = [&[0x01][..], &block, &[7]].concat();
        let read = records(&octets)[0].vib;
        prop_assert_eq!((read.table, read.code), (table, code));
        prop_assert_eq!(read.qualifiers().collect::<Vec<_>>(), qualifiers.clone());
        for order in [TextOrder::QualifiersFirst, TextOrder::TextFirst] {
            let Ok(block) = text_vib(&text, &qualifiers, order) else { continue };
            let octets = [&[0x01][..], &block, &[7]].concat();
            let read = records(&octets)[0];
            prop_assert_eq!(read.vib.octets, &block[..]);
            prop_assert_eq!(read.vib.label().collect::<String>(), text.iter().map(|octet| char::from(*octet)).collect::<String>());
        }
    }

    #[test]
    fn what_was_heard_in_full_is_read_from_a_compact_frame(plans in proptest::collection::vec(plan(), 1..8)) {
        let full = encode(&plans);
        prop_assume!(records(&full).len() == plans.len());
        let (short, layout) = (compact(&full).unwrap(), Layout::of_full_frame(&full).unwrap());
        prop_assert_eq!(layout.expand(&Compact::parse(&short, 0).unwrap()), Ok(full.clone()));
        // A format frame has one octet for its length.
        if let Some(format) = format(&full) {
            prop_assert_eq!(Layout::of_format_frame(&format, 0), Ok(layout));
        } else {
            prop_assert!(layout.headers().len() > 253);
        }
    }

    #[test]
    fn profiles_give_back_their_elements(
        mode in proptest::sample::select(vec![Mode::Absolute, Mode::Increments, Mode::Decrements, Mode::Differences]),
        coding in proptest::sample::select(vec![2_u8, 3, 4, 0xA, 0xB, 0xC]),
        vife in proptest::sample::select(vec![0x13_u8, 0x1E, 0x1F]),
        elements in proptest::collection::vec(0_i64..7000, 0..40),
        base in 0_i64..1_000_000, months in 0..900_i32,
    ) {
        let day = Date::new(2000, 1, 31).unwrap().add_months(months).unwrap();
        let dib = Dib { storage: 8, ..Dib::new(0) };
        let row = ProfilePlan { mode, spacing: Spacing::Months(1), coding, elements: elements.iter().map(|n| Some(*n)).collect() };
        let octets = encode(&[
            RecordPlan { dib, vib: vec![0x6E], data: Data::Bcd(base, 6) },
            RecordPlan { dib, vib: vec![0x6C], data: Data::Date(day) },
            RecordPlan { dib, vib: vec![0xEE, vife], data: Data::Profile(row) },
        ]);
        let all = records(&octets);
        let profiles = expand_all(&all);
        prop_assert_eq!(profiles.len(), 1);
        let entries = &profiles[0].1.entries;
        prop_assert_eq!(entries.len(), elements.len());
        let sign = if (mode == Mode::Decrements) == (vife == 0x13) { 1 } else { -1 };
        let (mut sum, step) = (base, if vife == 0x13 { -1 } else { 1 });
        for (k, (entry, element)) in (1..).zip(entries.iter().zip(&elements)) {
            sum += sign * element;
            let wanted = if mode == Mode::Absolute { *element } else { sum };
            prop_assert_eq!(entry.value.map(|value| value.mantissa), Some(wanted));
            let Some(Moment::Date(at)) = entry.at else { panic!("{entry:?}") };
            prop_assert!(at.is_end_of_month() && Some(at) == day.add_months(step * k));
        }
    }

    #[test]
    fn fillers_change_nothing_and_two_payloads_read_as_one(
        first in proptest::collection::vec(plan(), 1..5), second in proptest::collection::vec(plan(), 1..5)
    ) {
        let (a, b) = (encode(&first), encode(&second));
        let filled = [&[0x2F][..], &a, &[0x2F; 3], &b, &[0x2F]].concat();
        let both = [&a[..], &b].concat();
        // Eight records of zeros could look like padding.
        prop_assume!(records(&both).len() == first.len() + second.len());
        let octets = |payload: &[u8]| records(payload).iter().map(|record| record.octets.to_vec()).collect::<Vec<_>>();
        prop_assert_eq!(octets(&filled), octets(&both));
    }

    #[test]
    fn a_prefix_gives_the_same_records_before_the_cut(plans in proptest::collection::vec(plan(), 1..6), cut in any::<prop::sample::Index>()) {
        let octets = encode(&plans);
        let cut = cut.index(octets.len());
        let (whole, part) = (records(&octets), records(&octets[..cut]));
        for (a, b) in whole.iter().zip(&part) {
            prop_assert_eq!(a, b);
        }
        let complete = whole.iter().filter(|record| record.at + record.octets.len() <= cut).count();
        let padded = Records::new(&octets[..cut], 0)
            .any(|item| matches!(item, Item::Trailing { reason: TrailingReason::ZeroPadding, .. }));
        prop_assert!(part.len() == complete || padded);
    }

    #[test]
    fn no_octet_is_lost_and_none_panics(payload in proptest::collection::vec(any::<u8>(), 0..250)) {
        let mut counted = 0;
        for item in Records::new(&payload, 0) {
            counted += match item {
                Item::Record(record) => {
                    prop_assert_eq!(&payload[record.at..record.at + record.octets.len()], record.octets);
                    prop_assert_eq!(record.header().len() + record.data.len(), record.octets.len());
                    let _ = (record.value(), record.is_suspect(), record.vib.label().count());
                    let _: String = record.value().characters().collect();
                    record.octets.len()
                }
                Item::Manufacturer { octets, .. } => 1 + octets.len(),
                Item::Trailing { octets, .. } => octets.len(),
            };
        }
        let fillers = payload.len() - counted;
        prop_assert!(fillers <= payload.iter().filter(|octet| **octet == 0x2F).count());
        let all = records(&payload);
        for record in &all {
            let _ = (Quality::of(record, &all).reasons().count(), dating(&all, &record.dib), series_date(&all, record));
        }
        for (_, profile) in expand_all(&all) {
            prop_assert!(profile.entries.len() <= payload.len());
        }
        let _ = FixedData::parse(&payload, 0);
        let _ = Layout::of_format_frame(&payload, 0);
        if let (Some(layout), Ok(compact)) = (Layout::of_headers(&payload), Compact::parse(&payload, 0)) {
            let _ = layout.expand(&compact);
        }
    }

    #[test]
    fn every_day_is_written_and_read(days in 0..29_585_i64, hour in 0_u8..24, minute in 0_u8..60, second in 0_u8..60) {
        let date = Date::new(2000, 1, 1).unwrap().add_days(days).unwrap();
        let read = |vib: u8, data| {
            let octets = encode(&[RecordPlan { dib: Dib::new(0), vib: vec![vib], data }]);
            records(&octets)[0].value().moment()
        };
        let at = |second| Some(Moment::DateTime { date, hour, minute, second, invalid: false, summer_time: false });
        prop_assert_eq!(read(0x6C, Data::Date(date)), Some(Moment::Date(date)));
        prop_assert_eq!(read(0x6D, Data::DateTime(date, hour, minute)), at(None));
        prop_assert_eq!(read(0x6D, Data::OldDateTime(date, hour, minute)), at(None));
        prop_assert_eq!(read(0x6D, Data::DateTimeSecond(date, hour, minute, second)), at(Some(second)));
    }
}
