//! What holds for every payload: nothing is lost, nothing panics, and what was encoded is read again.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use proptest::prelude::*;
use wmbus::apl::compact::{Compact, Layout};
use wmbus::apl::fixed::FixedData;
use wmbus::apl::profile::Profile;
use wmbus::apl::{Data, Date, Dib, Function, Item, Record, RecordPlan, Records, TrailingReason, Value};

fn function() -> impl Strategy<Value = Function> {
    prop_oneof![
        Just(Function::Instantaneous),
        Just(Function::Maximum),
        Just(Function::Minimum),
        Just(Function::ErrorState)
    ]
}

fn data() -> impl Strategy<Value = Data> {
    let width = prop_oneof![Just(1_usize), Just(2), Just(3), Just(4), Just(6), Just(8)];
    let signed = (any::<i64>(), width).prop_map(|(value, width)| {
        let bits = 64 - 8 * u32::try_from(width).unwrap();
        let value = value >> bits;
        // The most negative number means "invalid".
        Data::Signed(if value == i64::MIN >> bits { 0 } else { value }, width)
    });
    let digits = prop_oneof![
        Just((99_i64, 1_usize)),
        Just((9999, 2)),
        Just((999_999, 3)),
        Just((99_999_999, 4))
    ]
    .prop_flat_map(|(limit, width)| (-limit / 10..=limit, Just(width)))
    .prop_map(|(value, width)| Data::Bcd(value, width));
    prop_oneof![
        signed,
        digits,
        proptest::collection::vec(any::<u8>(), 0..20).prop_map(Data::Text)
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

fn records(payload: &[u8]) -> Vec<Record<'_>> {
    Records::new(payload, 0)
        .filter_map(|item| {
            if let Item::Record(record) = item {
                Some(record)
            } else {
                None
            }
        })
        .collect()
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
                (Data::Text(text), value @ Value::Text(_)) => {
                    let characters: String = value.characters().collect();
                    prop_assert_eq!(characters, text.iter().map(|octet| char::from(*octet)).collect::<String>());
                }
                (data, value) => panic!("{data:?} was read as {value:?}"),
            }
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
            if let Some(profile) = Profile::expand(record, &all) {
                prop_assert!(profile.entries.len() <= payload.len());
            }
        }
        let _ = FixedData::parse(&payload, 0);
        let _ = Layout::of_format_frame(&payload, 0);
        if let (Some(layout), Ok(compact)) = (Layout::of_headers(&payload), Compact::parse(&payload, 0)) {
            let _ = layout.expand(&compact);
        }
    }

    #[test]
    fn every_day_is_written_and_read(days in 0..29_585_i64) {
        let date = Date::new(2000, 1, 1).unwrap().add_days(days).unwrap();
        let plan = RecordPlan { dib: Dib::new(0), vib: vec![0x6C], data: Data::Date(date) };
        let octets = encode(&[plan]);
        prop_assert_eq!(records(&octets)[0].value().moment(), Some(wmbus::apl::Moment::Date(date)));
    }
}
