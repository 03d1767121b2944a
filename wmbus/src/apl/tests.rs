//! Records as a whole, with octets made up here: what the specification's own vectors show is tested in `tests/`.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::profile::{Mode, Profile, expand_all};
use super::*;
use crate::decimal::Decimal;

fn plan(dib: Dib, vib: &[u8], data: Data) -> RecordPlan {
    RecordPlan {
        dib,
        vib: vib.to_vec(),
        data,
    }
}

fn payload(plans: &[RecordPlan]) -> Vec<u8> {
    let mut octets = Vec::new();
    for plan in plans {
        plan.encode(&mut octets).unwrap();
    }
    octets
}

fn records(payload: &[u8]) -> Vec<Record<'_>> {
    Records::new(payload, 0)
        .filter_map(|item| match item {
            Item::Record(record) => Some(record),
            _ => None,
        })
        .collect()
}

fn at(storage: u64) -> Dib {
    Dib {
        storage,
        ..Dib::new(0)
    }
}

fn day(year: u16, month: u8, day: u8) -> Date {
    Date::new(year, month, day).unwrap()
}

/// The value of one record given by its octets.
fn value(octets: &[u8]) -> Value<'_> {
    let all = records(octets);
    assert_eq!(all.len(), 1, "{octets:02X?}");
    all[0].value()
}

fn number(mantissa: i64, exponent: i8) -> Value<'static> {
    Value::Number(Decimal::new(mantissa, exponent))
}

#[test]
fn items_in_order_and_with_their_offsets() {
    let octets = [
        0x2F, 0x04, 0x13, 1, 2, 3, 4, 0x2F, 0x2F, 0x42, 0x6C, 0xFF, 0xFF, 0x1F, 0x2F, 0x04,
    ];
    let items: Vec<_> = Records::new(&octets, 100).collect();
    let [Item::Record(volume), Item::Record(date), rest] = items[..] else {
        panic!("{items:?}")
    };
    assert_eq!((volume.at, volume.index, volume.octets.len()), (101, 0, 6));
    assert_eq!((date.at, date.index, date.dib.storage), (109, 1, 1));
    assert_eq!(volume.header(), [0x04, 0x13]);
    // A filler in the maker's block is the maker's.
    assert_eq!(
        rest,
        Item::Manufacturer {
            at: 113,
            octets: &[0x2F, 0x04],
            more_follows: true
        }
    );
}

#[test]
fn the_rest_is_kept_with_a_reason() {
    let reason = |octets: &[u8]| match Records::new(octets, 0).last() {
        Some(Item::Trailing {
            at,
            octets: rest,
            reason,
        }) => {
            assert_eq!(rest, &octets[at..]);
            (at, reason)
        }
        other => panic!("{other:?}"),
    };
    assert_eq!(
        reason(&[0x04, 0x13, 1, 0, 0, 0, 0x04, 0x13, 1]),
        (6, TrailingReason::Truncated)
    );
    assert_eq!(reason(&[0x84]), (0, TrailingReason::Truncated));
    assert_eq!(reason(&[0x04]), (0, TrailingReason::Truncated));
    assert_eq!(reason(&[0x0D, 0x78]), (0, TrailingReason::Truncated));
    assert_eq!(reason(&[0x0D, 0x78, 0xF7]), (0, TrailingReason::ReservedLvar));
    assert_eq!(
        reason(&[0x01, 0x13, 5, 0, 0, 0]),
        (3, TrailingReason::ZeroPadding)
    );
    for dif in [0x3F, 0x4F, 0x5F, 0x6F, 0x7F, 0x8F, 0xFF] {
        assert_eq!(reason(&[dif, 0]), (0, TrailingReason::ReservedDif));
    }
    // One zero is the start of a record, and rows of zeros before something else are records.
    assert_eq!(reason(&[0x01, 0x13, 5, 0]), (3, TrailingReason::Truncated));
    assert_eq!(records(&[0, 0, 0, 0, 0x01, 0x13, 5]).len(), 3);
    let many = [0_u8, 0x13].repeat(5000);
    assert_eq!(reason(&many), (8192, TrailingReason::TooManyRecords));
}

#[test]
fn data_fields_give_numbers() {
    assert_eq!(value(&[0x01, 0x13, 0xFE]), number(-2, -3));
    assert_eq!(value(&[0x03, 0x14, 1, 0, 0x80]), number(-8_388_607, -2));
    assert_eq!(value(&[0x06, 0x06, 0, 0, 1, 0, 0, 0]), number(65_536, 3));
    assert_eq!(
        value(&[0x07, 0x06, 1, 0, 0, 0, 0, 0, 0, 0x80]),
        number(i64::MIN + 1, 3)
    );
    assert_eq!(value(&[0x0E, 0x06, 1, 2, 3, 4, 5, 6]), number(60_504_030_201, 3));
    assert_eq!(value(&[0x00, 0x13]), Value::NoData);
    assert_eq!(value(&[0x08, 0x13]), Value::NoData);
    // Unsigned: all ones are none, but an access number counts through them.
    assert_eq!(value(&[0x02, 0xFD, 0x75, 0xFE, 0xFF]), number(65_534, 0));
    assert_eq!(value(&[0x02, 0xFD, 0x75, 0xFF, 0xFF]), Value::Invalid);
    assert_eq!(value(&[0x01, 0xFD, 0x08, 0xFF]), number(255, 0));
    // A VIFE makes signed data unsigned, and bits of a number.
    assert_eq!(value(&[0x01, 0x93, 0xFC, 0x11, 0xFE]), number(254, -3));
    assert_eq!(value(&[0x01, 0x93, 0xFC, 0x12, 0xFE]), Value::Bits(&[0xFE]));
    // 64 unsigned bits that do not fit are kept as octets.
    assert_eq!(
        value(&[0x07, 0xFD, 0x75, 0, 0, 0, 0, 0, 0, 0, 0x80]),
        Value::Octets(&[0, 0, 0, 0, 0, 0, 0, 0x80])
    );
    // A constant: 7 litres and one more.
    assert_eq!(value(&[0x01, 0x93, 0x7B, 7]), number(8, -3));
}

#[test]
fn data_of_variable_length() {
    let text = |octets: &'static [u8]| value(octets).characters().collect::<String>();
    assert_eq!(text(&[0x0D, 0x78, 3, b'3', b'2', b'1']), "123");
    assert_eq!(text(&[0x0D, 0x78, 0xC2, 0x34, 0x12]), "1234");
    assert_eq!(value(&[0x0D, 0x13, 0xC2, 0x34, 0x12]), number(1234, -3));
    assert_eq!(value(&[0x0D, 0x13, 0xD1, 0x34]), number(-34, -3));
    assert_eq!(value(&[0x0D, 0x13, 0xC1, 0x3A]), Value::Invalid);
    assert_eq!(value(&[0x0D, 0x13, 0xE2, 0xFE, 0xFF]), number(-2, -3));
    assert_eq!(value(&[0x0D, 0x13, 0xE2, 0x00, 0x80]), Value::Invalid);
    assert_eq!(value(&[0x0D, 0x13, 0xE0]), Value::NoData);
    let mut long = [0_u8; 19];
    long[..3].copy_from_slice(&[0x0D, 0x13, 0xF0]);
    long[3] = 9;
    assert_eq!(value(&long), number(9, -3));
    long[18] = 1;
    assert_eq!(value(&long), Value::Octets(&long[3..]));
    assert_eq!(
        value(&[0x0D, 0x13, 0xF8, 0, 0, 0x20, 0x40]),
        Value::Approximate(Decimal::new(25, -4))
    );
    // Makers' and containers' octets are not turned round.
    for vif in [&[0x7F][..], &[0xFF, 0x11], &[0xFD, 0x3B], &[0xFD, 0x76]] {
        let octets = [&[0x0D][..], vif, &[2, 1, 2]].concat();
        assert_eq!(value(&octets), Value::Octets(&[1, 2]));
    }
}

#[test]
fn what_a_vif_does_not_mean_is_kept_raw() {
    for octets in [
        // A date of three, a date of digits, a real date, a time of two octets, a start of tariff of three.
        &[0x03, 0x6C, 1, 2, 3][..],
        &[0x0A, 0x6C, 1, 2],
        &[0x05, 0x6D, 1, 2, 3, 4],
        &[0x02, 0x6D, 1, 2],
        &[0x03, 0xFD, 0x30, 1, 2, 3],
        // The maker's, whatever their data field.
        &[0x02, 0x7F, 1, 2],
        &[0x0A, 0xFF, 0x13, 1, 2],
        &[0x05, 0xFF, 0x13, 1, 2, 3, 4],
    ] {
        let all = records(octets);
        assert_eq!(all[0].value(), Value::Octets(all[0].data), "{octets:02X?}");
    }
    assert_eq!(value(&[0x04, 0x6F, 7, 0, 0, 0]), number(7, 0));
    assert!(!records(&[0x04, 0x6F, 7, 0, 0, 0])[0].is_usable());
    assert!(!records(&[0x02, 0x7F, 1, 2])[0].is_usable());
    // An identifier of digits and one that has others.
    assert_eq!(value(&[0x0C, 0x78, 1, 2, 3, 4]), Value::Digits(&[1, 2, 3, 4]));
    assert_eq!(value(&[0x0C, 0x78, 1, 2, 3, 0xF4]), Value::Invalid);
    assert_eq!(value(&[0x02, 0xFD, 0x0E, 4, 3]), Value::Octets(&[4, 3]));
}

#[test]
fn dates_by_vif_and_vife() {
    let text = |octets: &[u8]| value(octets).moment().map(|moment| moment.to_string());
    assert_eq!(text(&[0x02, 0x6C, 0x44, 0x37]).as_deref(), Some("2026-07-04"));
    assert_eq!(text(&[0x03, 0x6D, 5, 4, 3]).as_deref(), Some("03:04:05"));
    assert_eq!(
        text(&[0x04, 0xFD, 0x70, 0x0F, 0x0A, 0x44, 0x37]).as_deref(),
        Some("2026-07-04T10:15")
    );
    // The begin of the last exceed of a flow, its end by second table, a time of day.
    assert_eq!(
        text(&[0x02, 0xBB, 0x4E, 0x44, 0x37]).as_deref(),
        Some("2026-07-04")
    );
    assert_eq!(
        text(&[0x02, 0xBB, 0xFC, 0x13, 0x44, 0x37]).as_deref(),
        Some("2026-07-04")
    );
    assert_eq!(text(&[0x03, 0xBB, 0x4E, 5, 4, 3]).as_deref(), Some("03:04:05"));
}

#[test]
fn sentinels_are_suspect_where_they_were_seen() {
    let suspect = |octets: &[u8]| records(octets)[0].is_suspect();
    assert!(suspect(&[0x44, 0x13, 0xFF, 0xFF, 0xFF, 0xFF]));
    // Now, in one octet, of a temperature: just −1.
    assert!(!suspect(&[0x04, 0x13, 0xFF, 0xFF, 0xFF, 0xFF]));
    assert!(!suspect(&[0x41, 0x13, 0xFF]));
    assert!(!suspect(&[0x42, 0x59, 0xFF, 0xFF]));
    assert!(suspect(&[0x72, 0x06, 0xFE, 0xFE]));
    assert!(!suspect(&[0x42, 0x06, 0xFE, 0xFE]));
    assert!(suspect(&[0x0B, 0x13, 0x00, 0x00, 0x80]));
    // Eighty, and a serial number.
    assert!(!suspect(&[0x09, 0x13, 0x80]));
    assert!(!suspect(&[0x0B, 0x78, 0x00, 0x00, 0x80]));
    assert!(suspect(&[0x02, 0x59, 0xF0, 0xD8]));
    assert!(!suspect(&[0x02, 0x5A, 0xF0, 0xD8]));
}

#[test]
fn a_date_counts_for_its_storage_number_wherever_it_stands() {
    let tariff = Dib { tariff: 1, ..at(3) };
    let octets = payload(&[
        plan(at(1), &[0x13], Data::Signed(7, 4)),
        plan(at(2), &[0x13], Data::Signed(7, 4)),
        plan(tariff, &[0x13], Data::Signed(7, 4)),
        plan(at(4), &[0x13], Data::Signed(7, 4)),
        plan(at(3), &[0x6C], Data::Date(day(2026, 3, 31))),
        plan(tariff, &[0x6C], Data::Date(day(2026, 4, 30))),
        plan(at(2), &[0x6C], Data::InvalidDate),
        plan(at(1), &[0xEC, 0x7E], Data::Date(day(2027, 12, 31))),
        plan(at(1), &[0x6D], Data::DateTime(day(2025, 12, 31), 23, 59)),
        plan(at(4), &[0x6D], Data::Time(Some(1), Some(2), None)),
    ]);
    let all = records(&octets);
    let text = |storage: usize| match dating(&all, &all[storage].dib) {
        Dating::At(moment) => moment.to_string(),
        other => alloc::format!("{other:?}"),
    };
    // The next due date dates nothing, nor does a time of day.
    assert_eq!(text(0), "2025-12-31T23:59");
    assert_eq!(text(1), "NoDate");
    assert_eq!(text(2), "2026-04-30");
    assert_eq!(text(3), "Undated");
    assert!(Quality::of(&all[1], &all).no_date && !Quality::of(&all[0], &all).no_date);
}

#[test]
fn a_plain_series_is_dated_when_its_values_tell_the_direction() {
    let series = |values: [i64; 4]| {
        let mut plans = alloc::vec![
            plan(at(8), &[0xFD, 0x28], Data::Signed(1, 1)),
            plan(at(8), &[0x6C], Data::Date(day(2026, 1, 31))),
        ];
        for (storage, value) in (8..).zip(values) {
            plans.push(plan(at(storage), &[0x13], Data::Signed(value, 4)));
        }
        let octets = payload(&plans);
        let all = records(&octets);
        series_date(&all, &all[4]).map(|moment| moment.to_string())
    };
    assert_eq!(series([9, 7, 7, 1]).as_deref(), Some("2025-11-30"));
    assert_eq!(series([1, 7, 7, 9]).as_deref(), Some("2026-03-31"));
    assert_eq!(series([5, 5, 5, 5]), None);
    assert_eq!(series([1, 7, 3, 9]), None);
}

#[test]
fn all_that_speaks_against_a_value() {
    let octets = [
        &[0x04, 0x13, 1, 0, 0, 0, 0x04, 0x13, 2, 0, 0, 0][..],
        &[0x04, 0x93, 0x15, 1, 0, 0, 0],
        &[0x34, 0x13, 1, 0, 0, 0],
        &[0x04, 0x93, 0x7F, 1, 0, 0, 0],
        &[0x04, 0x7F, 1, 0, 0, 0],
        &[0x05, 0x15, 0, 0, 0x80, 0x3F],
        &[0x04, 0x6D, 0x80, 0, 0x44, 0x37],
        &[0x04, 0x94, 0x10, 1, 0, 0, 0],
        &[0x04, 0x16, 0, 0, 0, 0x80],
    ]
    .concat();
    let all = records(&octets);
    let reasons: Vec<Vec<_>> = all
        .iter()
        .map(|record| Quality::of(record, &all).reasons().collect())
        .collect();
    assert_eq!(
        reasons,
        [
            &[][..],
            &["duplicate_key"],
            &["error"],
            &["error_state"],
            &["mfct_qualified"],
            &["mfct"],
            &["approximate"],
            &["time_invalid"],
            &["unknown"],
            &["invalid"],
        ]
    );
    assert!(Quality::of(&all[0], &all).is_billable() && !Quality::of(&all[1], &all).is_billable());
}

/// A profile of litres with its base, expanded.
fn profile(vife: u8, plan_of: ProfilePlan, extra: &[RecordPlan]) -> Profile {
    let mut plans = alloc::vec![
        plan(at(5), &[0x93, vife], Data::Profile(plan_of)),
        plan(at(5), &[0x13], Data::Bcd(1000, 4)),
        plan(at(5), &[0x6C], Data::Date(day(2026, 1, 31))),
    ];
    plans.extend_from_slice(extra);
    let octets = payload(&plans);
    let all = records(&octets);
    let [(0, profile)] = &expand_all(&all)[..] else {
        panic!("no profile")
    };
    profile.clone()
}

fn months(mode: Mode, coding: u8, elements: &[Option<i64>]) -> ProfilePlan {
    ProfilePlan {
        mode,
        spacing: Spacing::Months(1),
        coding,
        elements: elements.to_vec(),
    }
}

fn values(profile: &Profile) -> Vec<Option<i64>> {
    profile
        .entries
        .iter()
        .map(|entry| entry.value.map(|value| value.mantissa))
        .collect()
}

#[test]
fn rows_run_from_their_base_in_every_mode_and_direction() {
    let elements = [Some(10), Some(3)];
    for (mode, forward, inverse) in [
        (Mode::Absolute, [10, 3], [10, 3]),
        (Mode::Increments, [1010, 1013], [990, 987]),
        (Mode::Decrements, [990, 987], [1010, 1013]),
        (Mode::Differences, [1010, 1013], [990, 987]),
    ] {
        for coding in [1, 2, 3, 4, 6, 7, 9, 0xA, 0xB, 0xC, 0xE] {
            let row = months(mode, coding, &elements);
            assert_eq!(
                values(&profile(0x1F, row.clone(), &[])),
                forward.map(Some),
                "{mode:?} {coding}"
            );
            assert_eq!(values(&profile(0x1E, row.clone(), &[])), forward.map(Some));
            assert_eq!(values(&profile(0x13, row, &[])), inverse.map(Some));
        }
    }
    let days = |profile: &Profile| {
        let text = |entry: &super::profile::Entry| (entry.storage, entry.at.unwrap().to_string());
        profile.entries.iter().map(text).collect::<Vec<_>>()
    };
    let row = months(Mode::Absolute, 2, &elements);
    assert_eq!(
        days(&profile(0x1F, row.clone(), &[])),
        [(6, "2026-02-28".into()), (7, "2026-03-31".into())]
    );
    assert_eq!(
        days(&profile(0x13, row, &[])),
        [(6, "2025-12-31".into()), (7, "2025-11-30".into())]
    );
}

#[test]
fn an_invalid_element_ends_a_sum_and_no_row_of_states() {
    let elements = [Some(1), None, Some(2)];
    for coding in [2, 0xA] {
        let of = |mode| values(&profile(0x1F, months(mode, coding, &elements), &[]));
        assert_eq!(of(Mode::Absolute), [Some(1), None, Some(2)]);
        for mode in [Mode::Increments, Mode::Decrements, Mode::Differences] {
            assert_eq!(of(mode)[1..], [None, None]);
        }
    }
    // Minus one is an empty slot among states and a difference among differences.
    let of = |mode| profile(0x1F, months(mode, 2, &[Some(-1), Some(5)]), &[]);
    assert_eq!(values(&of(Mode::Absolute)), [None, Some(5)]);
    assert!(of(Mode::Absolute).entries[0].suspect);
    assert_eq!(values(&of(Mode::Differences)), [Some(999), Some(1004)]);
    // All ones are a number of what was gained only where they are not all.
    let row = months(Mode::Increments, 1, &[Some(254), None]);
    assert_eq!(values(&profile(0x1F, row, &[])), [Some(1254), None]);
    // Eighty in two digits is eighty; in four it is the binary pattern.
    let row = months(Mode::Increments, 9, &[Some(80)]);
    assert_eq!(values(&profile(0x1F, row, &[])), [Some(1080)]);
    let row = profile(0x1F, months(Mode::Increments, 0xA, &[Some(8000), Some(1)]), &[]);
    assert_eq!(
        (values(&row), row.entries[0].suspect),
        (alloc::vec![None, None], true)
    );
    assert_eq!(row.entries[0].element, Some(Decimal::new(8000, -3)));
}

#[test]
fn without_a_base_there_are_differences_only() {
    for other in [&[0x14][..], &[0x93, 0x3C]] {
        let octets = payload(&[
            plan(
                at(5),
                &[0x93, 0x1F],
                Data::Profile(months(Mode::Increments, 2, &[Some(4)])),
            ),
            plan(at(5), other, Data::Signed(1000, 4)),
        ]);
        let all = records(&octets);
        let profile = Profile::expand(&all[0], &all).unwrap();
        assert!(profile.base_missing);
        assert_eq!(
            (profile.entries[0].element, profile.entries[0].value),
            (Some(Decimal::new(4, -3)), None)
        );
        assert_eq!(profile.entries[0].at, None);
    }
}

#[test]
fn slots_after_the_clock_are_marked() {
    let clock = plan(at(0), &[0x6D], Data::DateTime(day(2026, 3, 15), 12, 0));
    let row = months(Mode::Absolute, 2, &[Some(1), Some(2)]);
    let future = |profile: Profile| {
        profile
            .entries
            .iter()
            .map(|entry| entry.future)
            .collect::<Vec<_>>()
    };
    assert_eq!(future(profile(0x1F, row.clone(), &[clock])), [false, true]);
    assert_eq!(future(profile(0x1F, row, &[])), [false, false]);
}

#[test]
fn an_explicit_record_wins_over_an_element() {
    let octets = payload(&[
        plan(
            at(5),
            &[0x93, 0x1F],
            Data::Profile(months(Mode::Absolute, 2, &[Some(1), Some(2)])),
        ),
        plan(at(7), &[0x13], Data::Signed(3, 4)),
    ]);
    let all = records(&octets);
    let profile = Profile::expand(&all[0], &all).unwrap();
    let wins = |k: usize| profile.quality(&profile.entries[k], &all[0], &all).duplicate_key;
    assert_eq!((wins(0), wins(1)), (false, true));
}

#[test]
fn codings_that_no_profile_has_are_kept_raw() {
    let octets = |control: u8, elements: &[u8]| {
        let data = [&[control, 0xFE][..], elements].concat();
        payload(&[plan(at(5), &[0x93, 0x1F], Data::Variable(data))])
    };
    let expand = |octets: &[u8]| {
        let all = records(octets);
        assert_eq!(all.len(), 1);
        assert!(matches!(all[0].value(), Value::Octets(_)));
        Profile::expand(&all[0], &all)
    };
    for coding in [0x0, 0x8, 0xD, 0xF] {
        assert_eq!(expand(&octets(0x30 | coding, &[1, 2, 3, 4])), None);
    }
    let real = expand(&octets(0x35, &[0, 0, 0x20, 0x40, 0, 0, 0xC0, 0x7F])).unwrap();
    assert!(real.approximate);
    assert_eq!(real.entries[0].value, Some(Decimal::new(25, -4)));
    assert_eq!(real.entries[1].value, None);
    assert_eq!(expand(&octets(0x75, &[0, 0, 0x20, 0x40])), None);
    let odd = expand(&octets(0x32, &[1, 0, 2])).unwrap();
    assert_eq!((odd.entries.len(), odd.rest), (1, 1));
    // Dates do not add up.
    let dates = payload(&[plan(
        at(5),
        &[0xEC, 0x1F],
        Data::Variable(alloc::vec![0x32, 0xFE, 1, 1]),
    )]);
    assert_eq!(expand(&dates), None);
}

#[test]
fn what_does_not_fit_is_not_encoded() {
    for data in [
        Data::Signed(128, 1),
        Data::Signed(-128, 1),
        Data::Signed(i64::MIN, 8),
        Data::Signed(1, 5),
        Data::Unsigned(255, 1),
        Data::Bcd(100, 1),
        Data::Bcd(-10, 1),
        Data::Bcd(1, 5),
        Data::Date(Date {
            year: 2081,
            month: 1,
            day: 1,
        }),
        Data::EveryYear { month: 2, day: 30 },
        Data::DateTime(day(2026, 1, 1), 24, 0),
        Data::Octets(alloc::vec![0; 5]),
        Data::Text(alloc::vec![b'a'; 192]),
        Data::VariableBcd(1, 10),
        Data::VariableBinary(alloc::vec![0; 17]),
        Data::AsRead(4, alloc::vec![0; 3]),
        Data::AsRead(0xD, alloc::vec![2, 0]),
        Data::Profile(months(Mode::Increments, 2, &[Some(-1)])),
        Data::Profile(months(Mode::Absolute, 5, &[Some(1)])),
        Data::Profile(ProfilePlan {
            spacing: Spacing::Reserved,
            ..months(Mode::Absolute, 2, &[])
        }),
    ] {
        let mut octets = Vec::new();
        assert!(
            plan(at(0), &[0x13], data.clone()).encode(&mut octets).is_err(),
            "{data:?}"
        );
        assert_eq!(octets, []);
    }
    // A VIB that would swallow the data, one that would leave octets, none.
    for vib in [&[0x93][..], &[0x13, 0x13], &[], &[0xFC, 1]] {
        assert!(
            plan(at(0), vib, Data::Signed(1, 1))
                .encode(&mut Vec::new())
                .is_err()
        );
    }
    assert!(
        plan(at(1 << 41), &[0x13], Data::Signed(1, 1))
            .encode(&mut Vec::new())
            .is_err()
    );
}

#[test]
fn fillers_complete_a_cipher_block() {
    for (before, after) in [(0, 0), (1, 16), (16, 16), (17, 32)] {
        let mut octets = alloc::vec![0; before];
        fill(&mut octets);
        assert_eq!(octets.len(), after);
        assert!(octets[before..].iter().all(|octet| *octet == 0x2F));
    }
}
