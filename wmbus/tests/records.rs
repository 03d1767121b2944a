//! The dissections and tables of the record specification, read from the shared folder at run time.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::expect_used
)]

use wmbus::Decimal;
use wmbus::apl::compact::{Compact, Layout};
use wmbus::apl::profile::Profile;
use wmbus::apl::{Item, Moment, Record, Records, TrailingReason, Value};

fn specification(name: &str) -> Option<String> {
    let path = format!("{}/../../shared/specs/{name}", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).ok();
    if text.is_none() {
        eprintln!("skipped: {path} is not there");
    }
    text
}

fn section<'a>(text: &'a str, from: &str, to: &str) -> &'a str {
    let start = text.find(from).unwrap();
    &text[start..start + text[start..].find(to).unwrap()]
}

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<_> = text.chars().filter(|c| !c.is_whitespace()).collect();
    digits
        .chunks(2)
        .map(|pair| u8::from_str_radix(&pair.iter().collect::<String>(), 16).unwrap())
        .collect()
}

fn cells(row: &str) -> Vec<String> {
    row.trim_matches('|')
        .split('|')
        .map(|cell| cell.trim().replace('`', ""))
        .collect()
}

fn records(payload: &[u8]) -> Vec<Record<'_>> {
    Records::new(payload, 0)
        .filter_map(|item| match item {
            Item::Record(record) => Some(record),
            _ => None,
        })
        .collect()
}

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
    } else if cell.starts_with("pattern") {
        assert!(
            matches!(value, Value::Moment(Moment::Pattern { year: None, .. })),
            "{value:?}"
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
            Value::Approximate(number) => assert_eq!(number, wanted, "{cell}"),
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
    let (mut rows, mut checked, mut elements) = (0, 0, 0);
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
                assert!(
                    matches!(trailing, Item::Trailing { at, .. } if at == offset),
                    "{line}"
                );
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
            if cells[5].starts_with("profile") {
                profile = Profile::expand(record, &all);
                assert!(profile.is_some(), "{line}");
            } else {
                checked += usize::from(holds(record, &cells[5]));
            }
        }
    }
    println!("{rows} records dissected, {checked} values and {elements} profile elements compared");
    assert!(
        rows > 250 && checked > 200 && elements > 50,
        "{rows} {checked} {elements}"
    );
}

fn check_element(profile: &Profile, cells: &[String]) {
    let k: usize = cells[0].parse().unwrap();
    let entry = &profile.entries[k - 1];
    assert_eq!(entry.k, k);
    assert_eq!(entry.storage.to_string(), cells[1]);
    let at = entry.at.map(|at| at.to_string()).unwrap_or_default();
    assert!(
        at.is_empty() || cells[2].replace(' ', "T").starts_with(&at),
        "{at} {cells:?}"
    );
    let value = &cells[5];
    match value.split(' ').next().unwrap().parse::<f64>() {
        Ok(_) => {
            let printed = entry.value.unwrap().to_string();
            assert_eq!(printed, value.split(' ').next().unwrap(), "{cells:?}");
        }
        Err(_) => assert!(entry.value.is_none() || value == "–", "{cells:?} {entry:?}"),
    }
}

#[test]
fn short_vectors() {
    let Some(text) = specification("records.md") else {
        return;
    };
    let table = section(&text, "\n## 12. Short test vectors", "\n## 13. ");
    let mut compared = 0;
    for line in table.lines().filter(|line| line.starts_with("| `")) {
        let cells = cells(line);
        let payload = hex(&cells[0]);
        let all = records(&payload);
        assert_eq!(all.len(), 1, "{line}");
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
            "{line}"
        );
        let value = cells[2].replace("flags ", "0x");
        assert!(holds(record, &value), "{line}");
        compared += 1;
    }
    assert!(compared >= 30, "{compared}");
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

#[test]
fn profiles_of_the_standard() {
    if specification("records.md").is_none() {
        return;
    }
    let expand = |payload: &str| {
        let payload = hex(payload);
        let all = records(&payload);
        all.iter()
            .filter_map(|record| Profile::expand(record, &all))
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
    let entry = |storage: u64, at: &str, value: &str| (storage, at.to_owned(), value.to_owned());
    assert_eq!(
        expand("84046D00204111 8B0415003012 8D04951F05 6901 030211"),
        [
            entry(9, "2010-01-01T01:00", "12300.3"),
            entry(10, "2010-01-01T02:00", "12300.5"),
            entry(11, "2010-01-01T03:00", "12301.6")
        ]
    );
    assert_eq!(
        expand("84046D00234111 8B0415163012 8D04951305 6901 110203"),
        [
            entry(9, "2010-01-01T02:00", "12300.5"),
            entry(10, "2010-01-01T01:00", "12300.3"),
            entry(11, "2010-01-01T00:00", "12300.0")
        ]
    );
    assert_eq!(
        expand("868081006D0000A0411135 8490810003F0490200 8D908100831E0A34FEA0860100D0FB0100"),
        [
            entry(33, "2010-02-01T00:00:00", "100000"),
            entry(34, "2010-03-01T00:00:00", "130000")
        ]
    );
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
