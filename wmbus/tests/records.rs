//! The dissections and tables of the record specification, read from the shared folder at run time.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

mod common;
mod spec;

use common::hex;
use spec::{cells, code, records, rows, section, specification};
use wmbus::Decimal;
use wmbus::apl::compact::{Compact, Layout};
use wmbus::apl::profile::Profile;
use wmbus::apl::{
    Coding, Data, Function, Item, Moment, ProfilePlan, Record, RecordPlan, Records, TrailingReason, Value,
    vib,
};

/// `51667e-3 m³ …`, `12 units`, `19 GJ` as mantissa, exponent and unit.
fn scaled(cell: &str) -> Option<(Decimal, &str)> {
    let cell = cell.trim_start_matches("**").split(',').next()?;
    let (number, unit) = cell.split_once(' ').unwrap_or((cell, ""));
    let (mantissa, exponent) = number.split_once('e').unwrap_or((number, "0"));
    let places = mantissa.split_once('.').map_or(0, |(_, fraction)| fraction.len());
    let mantissa = mantissa.replace('−', "-").replace('.', "").parse().ok()?;
    let exponent = exponent.replace('−', "-").parse::<i8>().ok()? - i8::try_from(places).ok()?;
    Some((Decimal::new(mantissa, exponent), unit.split(' ').next()?))
}

/// The unit's power of ten beside the unit that the crate uses.
fn power(unit: &str) -> i8 {
    match unit {
        "kvarh" | "kvar" | "kWh" | "kW" => 3,
        "GJ" => 9,
        "MWh" => 6,
        _ => 0,
    }
}

fn holds(record: &Record<'_>, cell: &str) -> bool {
    let value = record.value();
    let text: String = value.characters().collect();
    let quoted = ["digits \"", "text \"", "\""]
        .iter()
        .find_map(|prefix| cell.strip_prefix(prefix));
    if let Some(wanted) = quoted {
        assert_eq!(text, wanted.split('"').next().unwrap());
        return true;
    }
    if cell.trim_start_matches('*').starts_with("invalid") {
        assert_eq!(value, Value::Invalid, "{cell}");
    } else if cell.contains("date not set") {
        assert_eq!(value, Value::Moment(Moment::NotSet));
    } else if let Some(flags) = cell.strip_prefix("0x") {
        let Value::Bits(octets) = value else {
            panic!("{value:?} for {cell}")
        };
        let number = octets
            .iter()
            .rev()
            .fold(0_u64, |number, octet| number << 8 | u64::from(*octet));
        assert_eq!(
            number,
            u64::from_str_radix(flags.split(' ').next().unwrap(), 16).unwrap()
        );
    } else if let Some(raw) = cell.strip_prefix("raw ") {
        assert!(
            matches!(value, Value::Octets(octets) | Value::Bits(octets) if octets == hex(raw)),
            "{value:?} for {cell}"
        );
    } else if let Some(pattern) = cell.strip_prefix("pattern: every year, ") {
        let Value::Moment(Moment::Pattern {
            year: None,
            month: Some(month),
            day: Some(day),
        }) = value
        else {
            panic!("{value:?} for {cell}")
        };
        let months = ["January", "February", "March", "April", "May", "June", "July"];
        let named = format!("{day} {}", months[usize::from(month) - 1]);
        assert!(
            pattern == format!("month {month}, day {day}") || pattern == named,
            "{cell}"
        );
    } else if cell.len() >= 10 && cell.as_bytes()[4] == b'-' && cell.as_bytes()[7] == b'-' {
        let printed = value.moment().unwrap().to_string();
        let wanted = cell
            .split(" (")
            .next()
            .unwrap()
            .replace(" IV", "")
            .replace(' ', "T");
        assert_eq!(printed, wanted.split(',').next().unwrap(), "{cell}");
        let Value::Moment(Moment::DateTime { invalid, .. }) = value else {
            return true;
        };
        assert_eq!(invalid, cell.contains(" IV"), "{cell}");
    } else if let Some((number, unit)) = scaled(cell) {
        let wanted = Decimal::new(number.mantissa, number.exponent + power(unit));
        match value {
            Value::Number(number) => assert_eq!(number, wanted, "{cell}"),
            Value::Approximate(number) => {
                assert_eq!(number, wanted, "{cell}");
                assert!(
                    cell.contains("approximate") || cell.contains("mfct_qualified"),
                    "{cell}"
                );
            }
            // A number that is a name: the octets, whatever they count.
            Value::Octets(octets) => {
                let number = octets
                    .iter()
                    .rev()
                    .fold(0, |number, octet| number << 8 | i64::from(*octet));
                assert_eq!(Decimal::new(number, 0), wanted, "{cell}");
            }
            other => panic!("{other:?} for {cell}"),
        }
        assert_eq!(record.is_suspect(), cell.contains("suspect"), "{cell} {record:?}");
    } else {
        return false;
    }
    true
}

#[test]
fn dissected_payloads() {
    let Some(text) = specification("records.md") else {
        return;
    };
    let examples = section(&text, "\n## 10. Worked examples", "\n## 11. ");
    let (mut rows, mut checked, mut elements, mut encoded) = (0, 0, 0, 0);
    for example in examples.split("\n### 10.").skip(1) {
        let mut payload = Vec::new();
        let mut profile = None;
        for line in example.lines() {
            if line.starts_with('`') && line.ends_with('`') {
                payload = hex(line.trim_matches('`'));
                continue;
            }
            let cells = cells(line);
            let Some(offset) = cells.first().and_then(|cell| cell.parse::<usize>().ok()) else {
                continue;
            };
            if let Some(profile) = profile.as_ref().filter(|_| cells.len() == 6) {
                elements += 1;
                check_element(profile, &cells);
                continue;
            }
            if cells.len() < 7 || cells[2].is_empty() {
                continue;
            }
            let octets = hex(&[&cells[1][..], &cells[2], &cells[3]].concat());
            assert_eq!(payload[offset..offset + octets.len()], octets, "{line}");
            let all = records(&payload);
            let Some(record) = all.iter().find(|record| record.at == offset) else {
                let trailing = Records::new(&payload, 0).last().unwrap();
                let rest = match trailing {
                    Item::Trailing { at, octets, .. } => (at, octets),
                    Item::Manufacturer { at, octets, .. } => (at + 1, octets),
                    Item::Record(_) => panic!("{line}"),
                };
                assert_eq!(rest, (offset, &payload[offset..]), "{line}");
                continue;
            };
            rows += 1;
            assert_eq!(record.octets, octets, "{line}");
            assert_eq!(record.dib_octets(), hex(&cells[1]), "{line}");
            assert_eq!(record.vib.octets, hex(&cells[2]), "{line}");
            let storage = cells[4]
                .split_whitespace()
                .find_map(|word| word.strip_prefix('S')?.parse::<u64>().ok());
            assert_eq!(storage.unwrap_or(0), record.dib.storage, "{line}");
            let number = |letter: char| {
                let words = cells[4].split_whitespace();
                words
                    .filter_map(|word| word.strip_prefix(letter)?.parse::<u32>().ok())
                    .next_back()
                    .unwrap_or(0)
            };
            assert_eq!(
                (number('T'), number('U')),
                (record.dib.tariff, record.dib.subunit.into()),
                "{line}"
            );
            let function = match cells[4].split_whitespace().last() {
                Some("max") => Function::Maximum,
                Some("min") => Function::Minimum,
                Some("err") => Function::ErrorState,
                _ => Function::Instantaneous,
            };
            assert_eq!(record.dib.function, function, "{line}");
            assert_eq!(record.vib.error.is_some(), cells[5].contains("error "), "{line}");
            if let Some(label) = cells[6].strip_prefix("label \"") {
                let read: String = record.vib.label().collect();
                assert_eq!(Some(&read[..]), label.split('"').next(), "{line}");
            }
            encoded += written_again(record, &all);
            if cells[5].starts_with("profile") {
                profile = Profile::expand(record, &all);
                assert!(profile.is_some(), "{line}");
            } else {
                checked += usize::from(holds(record, &cells[5]));
            }
        }
    }
    println!(
        "{rows} records, {checked} values, {elements} profile elements; {encoded} records written again"
    );
    assert!(
        rows > 280 && checked > 275 && elements == 56 && encoded > 250,
        "{rows} {checked} {elements} {encoded}"
    );
}

/// The record made again: from its own octets, from its value, its VIB from what it means. Gives 1 where the value did.
fn written_again(record: &Record<'_>, all: &[Record<'_>]) -> usize {
    let encode = |plan: &RecordPlan| {
        let mut octets = Vec::new();
        plan.encode(&mut octets).unwrap();
        octets
    };
    let plan = RecordPlan::from(record);
    assert_eq!(encode(&plan), record.octets);
    if !record.vib.manufacturer_qualified && record.vib.label().next().is_none() && record.vib.code != 0x7F {
        let qualifiers: Vec<_> = record.vib.qualifiers().collect();
        let block = vib(record.vib.table, record.vib.code, &qualifiers).unwrap();
        assert_eq!(block, record.vib.octets);
    }
    let Some(data) = data(record, all) else { return 0 };
    assert_eq!(
        encode(&RecordPlan { data, ..plan }),
        record.octets,
        "{record:02X?}"
    );
    1
}

/// What has to be encoded for the value of a record; `None` where the value does not tell all: flags of dates, names of
/// the invalid patterns.
fn data(record: &Record<'_>, all: &[Record<'_>]) -> Option<Data> {
    let (width, variable) = (record.data.len(), record.dib.data_field == 0xD);
    if let Some(profile) = Profile::expand(record, all) {
        let mantissa = |element: Decimal| element.mantissa;
        return Some(Data::Profile(ProfilePlan {
            mode: profile.mode,
            spacing: profile.spacing,
            coding: record.data[1] & 0x0F,
            elements: profile
                .entries
                .iter()
                .map(|entry| entry.element.map(mantissa))
                .collect(),
        }));
    }
    Some(match record.value() {
        Value::NoData => Data::Nothing,
        Value::Number(number) if variable && record.data[0] < 0xE0 => {
            Data::VariableBcd(number.mantissa, width - 1)
        }
        Value::Number(_) if variable => Data::VariableBinary(record.data[1..].to_vec()),
        Value::Number(number) if record.dib.is_bcd() => Data::Bcd(number.mantissa, width),
        Value::Number(number) if record.vib.coding == Coding::Unsigned => {
            Data::Unsigned(number.mantissa.unsigned_abs(), width)
        }
        Value::Number(number) => Data::Signed(number.mantissa, width),
        Value::Approximate(_) => Data::Real(f32::from_le_bytes(record.data.try_into().unwrap())),
        Value::Invalid if record.vib.coding == Coding::Moment && width == 2 => Data::InvalidDate,
        Value::Invalid if record.vib.coding == Coding::Signed && record.dib.is_integer() => {
            Data::InvalidInteger(width)
        }
        Value::Digits(_) => Data::Bcd(
            record.value().characters().collect::<String>().parse().unwrap(),
            width,
        ),
        Value::Text(text) => Data::Text(text.iter().rev().copied().collect()),
        Value::Octets(octets) | Value::Bits(octets) if record.dib.is_integer() => {
            Data::Octets(octets.to_vec())
        }
        Value::Octets(octets) if variable => Data::Variable(octets.to_vec()),
        Value::Moment(Moment::Date(date)) => Data::Date(date),
        Value::Moment(Moment::Pattern {
            month: Some(month),
            day: Some(day),
            ..
        }) => Data::EveryYear { month, day },
        Value::Moment(Moment::DateTime {
            date,
            hour,
            minute,
            second: None,
            invalid: false,
            summer_time: false,
        }) => {
            if record.data[1] & 0x60 == 0 {
                Data::OldDateTime(date, hour, minute)
            } else {
                Data::DateTime(date, hour, minute)
            }
        }
        Value::Invalid | Value::Octets(_) | Value::Bits(_) | Value::Moment(_) => return None,
    })
}

fn check_element(profile: &Profile, cells: &[String]) {
    let k: usize = cells[0].parse().unwrap();
    let entry = &profile.entries[k - 1];
    assert_eq!(entry.k, k);
    assert_eq!(entry.storage.to_string(), cells[1]);
    assert_eq!(entry.at.unwrap().to_string(), cells[2].replace(' ', "T"));
    if cells[5] == "**invalid**" {
        assert_eq!((entry.element, entry.value), (None, None), "{cells:?}");
    } else {
        let printed = entry.value.unwrap().to_string();
        assert_eq!(printed, cells[5].split(' ').next().unwrap(), "{cells:?}");
        assert_eq!(entry.element.unwrap().mantissa.to_string(), cells[4]);
    }
    assert!(!entry.suspect && !entry.future, "{cells:?}");
}

#[test]
fn short_vectors() {
    let Some(text) = specification("records.md") else {
        return;
    };
    let table = section(&text, "\n## 12. Short test vectors", "\n## 13. ");
    let mut compared = 0;
    for cells in rows(table) {
        let payload = hex(&cells[0]);
        let all = records(&payload);
        assert_eq!(all.len(), 1, "{cells:?}");
        let record = &all[0];
        let place: Vec<u64> = cells[1]
            .split([' ', ','])
            .next()
            .unwrap()
            .split('/')
            .map(|n| n.parse().unwrap())
            .collect();
        assert_eq!(
            [
                record.dib.storage,
                u64::from(record.dib.tariff),
                u64::from(record.dib.subunit)
            ],
            place[..],
            "{cells:?}"
        );
        assert_eq!(
            record.vib.manufacturer_qualified,
            cells[2].contains("mfct_qualified")
        );
        let value = cells[2].replace("flags ", "0x");
        assert!(holds(record, &value), "{cells:?}");
        written_again(record, &all);
        compared += 1;
    }
    assert_eq!(compared, 35);
}

#[test]
fn negative_tests() {
    let Some(text) = specification("records.md") else {
        return;
    };
    let table = section(&text, "\n### 9.3 Negative tests", "\n## 10. ");
    let mut compared = 0;
    for line in table
        .lines()
        .filter(|line| line.starts_with("| `") || line.starts_with("| (empty)"))
    {
        let row = cells(line);
        let payload = if row[0] == "(empty)" {
            Vec::new()
        } else {
            hex(row[0].split(" (").next().unwrap())
        };
        let items: Vec<_> = Records::new(&payload, 0).collect();
        let records = records(&payload);
        let trailing = items.iter().find_map(|item| match item {
            Item::Trailing { octets, reason, .. } => Some((*octets, *reason)),
            _ => None,
        });
        let expected = &row[1];
        for (word, reason) in [
            ("Truncated", TrailingReason::Truncated),
            ("ReservedDif", TrailingReason::ReservedDif),
            ("ReservedLvar", TrailingReason::ReservedLvar),
            ("TooManyDife", TrailingReason::TooManyDife),
            ("TooManyVife", TrailingReason::TooManyVife),
            ("ZeroPadding", TrailingReason::ZeroPadding),
        ] {
            if expected.contains(word) {
                assert_eq!(trailing.map(|(_, reason)| reason), Some(reason), "{line}");
            }
        }
        if expected.starts_with("no records") {
            assert!(items.is_empty(), "{line}");
        }
        assert_eq!(
            records.len(),
            usize::from(expected.starts_with("1 record") || expected.contains("no elements")),
            "{line}"
        );
        if let Some(maker) = expected.strip_prefix("maker block") {
            let more = maker.contains("more follows");
            assert!(
                matches!(items[0], Item::Manufacturer { more_follows, .. } if more_follows == more),
                "{line}"
            );
        }
        if let Some(record) = records.first() {
            if expected.contains("invalid") {
                assert_eq!(record.value(), Value::Invalid, "{line}");
            }
            if expected.contains("no date") {
                assert!(matches!(record.value(), Value::Octets(_)), "{line}");
            }
            if expected.contains("unknown, integer 1") {
                assert!(record.vib.unknown && record.value().number() == Some(Decimal::new(1, 0)));
            }
            if expected.contains("S = 1<<37") {
                assert_eq!(
                    (record.dib.storage, record.value().number()),
                    (1 << 37, Some(Decimal::new(1, -3)))
                );
            }
            let profile = Profile::expand(record, &records);
            if expected.contains("too short") || expected.contains("no elements") {
                assert_eq!(profile, None, "{line}");
            }
            if expected.contains("0 elements") {
                assert_eq!(profile.unwrap().entries.len(), 0, "{line}");
            }
        }
        compared += 1;
    }
    assert!(compared >= 20, "{compared}");
}

/// `S 9 01:00 12300.3; S 10 …` behind the examples A and B, a table of registers behind C.
#[test]
fn profiles_of_the_standard() {
    let Some(text) = specification("records.md") else {
        return;
    };
    let examples = section(&text, "\n### 4.7 ", "\n### 4.8 ");
    let expand = |payload: &[u8]| {
        let all = records(payload);
        let profiles = all.iter().filter_map(|record| Profile::expand(record, &all));
        profiles
            .flat_map(|profile| profile.entries)
            .map(|entry| {
                (
                    entry.storage,
                    entry.at.unwrap().to_string(),
                    entry.value.unwrap().to_string(),
                )
            })
            .collect::<Vec<_>>()
    };
    let mut compared = 0;
    for example in [
        section(examples, "**A.", "**B."),
        section(examples, "**B.", "**C."),
    ] {
        let payload = hex(code(example).next().unwrap());
        let results = example.split("Result: ").nth(1).unwrap();
        let entries = expand(&payload);
        for ((storage, at, value), result) in entries.iter().zip(results.split("; ")) {
            let words: Vec<_> = result.split_whitespace().collect();
            assert_eq!(words[1], storage.to_string());
            assert!(at.ends_with(&format!("T{}", words[2])), "{at} {result}");
            assert_eq!(value, words[3].trim_end_matches('.'));
            compared += 1;
        }
        assert_eq!(entries.len(), 3);
    }
    let registers = examples.split("**C.").nth(1).unwrap();
    let mut payload = Vec::new();
    let mut expected = Vec::new();
    for line in registers.lines().filter(|line| line.starts_with("| `")) {
        let (octets, meaning) = line.rsplit_once("` | ").unwrap();
        payload.extend(code(&format!("{octets}`")).flat_map(hex));
        // `register 33 2010-02-01 100000 Wh; 34 2010-03-01 130000 Wh`
        if let Some((_, row)) = meaning
            .split_once("= 1 month: ")
            .or(meaning.split_once("register 37: "))
        {
            let row = if row.starts_with("register") {
                row.to_owned()
            } else {
                format!("37 {row}")
            };
            for entry in row.trim_start_matches("register ").split("; ") {
                let words: Vec<_> = entry.split_whitespace().collect();
                expected.push((
                    words[0].parse().unwrap(),
                    format!("{}T00:00:00", words[1]),
                    words[2].to_owned(),
                ));
            }
        }
    }
    assert_eq!(expand(&payload), expected);
    assert!(records(&payload).iter().all(|record| record.dib.register_number));
    assert_eq!((compared, expected.len()), (6, 3));
}

#[test]
fn compact_frames() {
    let Some(text) = specification("protocol.md") else {
        return;
    };
    let block = section(&text, "\n### 15.11 ", "\n### 15.12 ");
    let mut compared = 0;
    for example in block.split("**Q-").skip(1) {
        let fenced = example.split("```").nth(1).unwrap();
        let field = |label: &str| {
            let mut value = String::new();
            let mut inside = false;
            for line in fenced.lines() {
                let (name, rest) = line.split_at_checked(12).unwrap_or((line, ""));
                if !name.trim().is_empty() {
                    inside = name.trim() == label;
                }
                if inside {
                    value.push_str(rest.trim());
                }
            }
            value
        };
        let layout = Layout::of_headers(&hex(&field("format"))).unwrap();
        let signature = u16::from_str_radix(&field("signature")[..4], 16).unwrap();
        assert_eq!(layout.signature(), signature);
        let (octets, expanded) = (hex(&field("compact APL")), hex(&field("expanded")));
        let compact = Compact::parse(&octets, 0).unwrap();
        assert_eq!(layout.expand(&compact).unwrap(), expanded);
        assert_eq!(Layout::of_full_frame(&expanded), Some(layout));
        let again = wmbus::apl::compact::compact(&expanded).unwrap();
        assert!(octets.starts_with(&again) && octets[again.len()..].iter().all(|octet| *octet == 0x2F));
        compared += 1;
    }
    assert_eq!(compared, 6);
    for row in block.lines().filter(|line| line.starts_with("| Q-S")) {
        let cells = cells(row);
        let layout = Layout::of_headers(&hex(&cells[2])).unwrap();
        assert_eq!(format!("{:04X}", layout.signature()), cells[1]);
        compared += 1;
    }
    assert_eq!(compared, 15);
}
