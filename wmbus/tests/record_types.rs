//! The tables of codes and the vectors of data types of the record specification, read from the shared folder at run
//! time.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

mod common;
mod spec;

use common::hex;
use spec::{cells, code, records, rows, section, specification};
use wmbus::apl::date::{type_f, type_g, type_i};
use wmbus::apl::fixed::FixedData;
use wmbus::apl::{Coding, Moment, Quantity, Record, Table, Unit, Value, vib};
use wmbus::{Decimal, DeviceType};

/// What the crate says about a code.
fn meaning(table: Table, code: u8) -> (Quantity, Unit, i8, Coding) {
    let block = vib(table, code, &[]).unwrap();
    let octets = [&[0x04][..], &block, &[1, 2, 3, 4]].concat();
    let all = records(&octets);
    let found = all[0].vib;
    assert_eq!((found.table, found.code), (table, code));
    (found.quantity, found.unit, found.exponent, found.coding)
}

/// `GJ/h` as a unit of the crate and a power of ten.
fn unit_and_power(symbol: &str) -> Option<(&'static str, i8)> {
    let known = [
        "Wh", "J", "m³", "W", "J/h", "m³/h", "m³/min", "m³/s", "kg/h", "kg", "°C", "K", "bar", "V", "A",
        "Hz", "varh", "var", "VAh", "VA", "cal", "°F", "%",
    ];
    let prefixes = [("", 0), ("k", 3), ("M", 6), ("G", 9)];
    if symbol == "t" {
        return Some(("kg", 3));
    }
    prefixes.into_iter().find_map(|(prefix, power)| {
        let rest = symbol.strip_prefix(prefix)?;
        known
            .iter()
            .find(|known| **known == rest)
            .map(|known| (*known, power))
    })
}

/// The offset of `10^(n−3) Wh`: −3.
fn offset(formula: &str) -> Option<i8> {
    let inner = formula.split_once("10^")?.1;
    if let Some(rest) = inner.strip_prefix("n ") {
        return rest.chars().next().map(|_| 0);
    }
    let inner = inner.strip_prefix("(n")?.split_once(')')?.0;
    inner.replace('−', "-").parse().ok()
}

/// `00–07`, `FB 2A`, `68`, `00–01`.
fn range(cell: &str) -> Option<(u8, u8)> {
    let (first, last) = cell.split_once('–').unwrap_or((cell, cell));
    let code = |text: &str| u8::from_str_radix(text.trim(), 16).ok();
    Some((code(first)?, code(last)?))
}

#[test]
fn powers_of_ten_in_all_tables() {
    let Some(text) = specification("records.md") else {
        return;
    };
    let mut compared = 0;
    for (table, from, to, formula_at) in [
        (Table::Primary, "\n### 2.2 ", "\nCode 79 with", 3),
        (Table::Main, "\n### 2.4 ", "\n### 2.5 ", 3),
        (Table::Alternate, "\n### 2.6 ", "\nn is the offset", 2),
    ] {
        for line in section(&text, from, to)
            .lines()
            .filter(|line| line.starts_with("| "))
        {
            let cells = cells(line);
            let (Some((first, last)), Some(formula)) = (range(&cells[0]), cells.get(formula_at)) else {
                continue;
            };
            let Some(offset) = offset(formula) else { continue };
            let symbol = formula.rsplit(' ').next().unwrap().trim_end_matches(',');
            let symbol = if formula.contains(", n = ") {
                formula.split(',').next().unwrap().rsplit(' ').next().unwrap()
            } else {
                symbol
            };
            for code in first..=last {
                let step = i8::try_from(code - first).unwrap();
                let (_, unit, exponent, _) = meaning(table, code);
                // Money has no unit of its own.
                let (symbol, power) = unit_and_power(symbol).unwrap_or(("", 0));
                assert_eq!(
                    (unit.symbol(), exponent),
                    (symbol, offset + step + power),
                    "{line} {code:02X}"
                );
                compared += 1;
            }
        }
    }
    assert!(compared > 160, "{compared}");
}

#[test]
fn types_of_the_main_extension() {
    let Some(text) = specification("records.md") else {
        return;
    };
    let mut compared = 0;
    for line in section(&text, "\n### 2.4 ", "\n**[OBS]** deviations").lines() {
        let cells = cells(line);
        let Some((first, last)) = cells.first().and_then(|cell| range(cell)) else {
            continue;
        };
        for code in first..=last {
            let (quantity, unit, _, coding) = meaning(Table::Main, code);
            let secret = quantity == Quantity::Secret;
            let raw = cells[3].starts_with("raw") || secret || matches!(&cells[2][..], "K" | "L");
            let wanted = match &cells[2][..] {
                _ if raw => Coding::Raw,
                "B" => Coding::Signed,
                "C" => Coding::Unsigned,
                "D" => Coding::Bits,
                "C/S" => Coding::Identifier,
                "dt" => Coding::Moment,
                "–" => Coding::Raw,
                // The second level, and what is reserved.
                _ => continue,
            };
            assert_eq!(coding, wanted, "{line} {code:02X}");
            let step = usize::from(code - first);
            let durations: &[Unit] = match &cells[3][..] {
                "s‥d" => &[Unit::Second, Unit::Minute, Unit::Hour, Unit::Day],
                "h, d" => &[Unit::Hour, Unit::Day],
                "months, years" => &[Unit::Month, Unit::Year],
                "months" => &[Unit::Month],
                "years" => &[Unit::Year],
                "days" => &[Unit::Day],
                "n = 1 min, 2 h, 3 d" => &[Unit::Minute, Unit::Hour, Unit::Day],
                _ => &[],
            };
            if let Some(wanted) = durations.get(step) {
                assert_eq!(unit, *wanted, "{line} {code:02X}");
            }
            compared += 1;
        }
    }
    assert!(compared > 100, "{compared}");
}

#[test]
fn chains_of_difes() {
    let Some(text) = specification("records.md") else {
        return;
    };
    let mut compared = 0;
    for cells in rows(section(
        &text,
        "\n| DIB | Storage |",
        "\n**Register-number mark.**",
    )) {
        let payload = [&hex(&cells[0])[..], &[0x13], &[1; 16]].concat();
        let dib = records(&payload)[0].dib;
        let numbers: Vec<u64> = cells[1..4].iter().map(|cell| cell.parse().unwrap()).collect();
        assert_eq!(
            [dib.storage, u64::from(dib.tariff), u64::from(dib.subunit)],
            numbers[..],
            "{cells:?}"
        );
        assert_eq!(dib.register_number, cells[4].starts_with("final DIFE"));
        compared += 1;
    }
    assert_eq!(compared, 15);
}

/// `` `octets` → result; `octets` → result ``.
fn arrows(text: &str) -> impl Iterator<Item = (Vec<u8>, &str)> {
    text.split(';').filter_map(|part| {
        let (octets, result) = part.split_once(" → ")?;
        Some((hex(code(octets).last()?), result.trim().trim_end_matches('.')))
    })
}

#[test]
fn lengths_of_variable_data() {
    let Some(text) = specification("records.md") else {
        return;
    };
    let vectors = section(&text, "\nVectors (mantissa", "Reserved L after");
    let mut compared = 0;
    for (octets, result) in arrows(vectors) {
        let value = records(&octets)[0].value();
        if result == "\"\"" {
            assert_eq!(value, Value::Text(&[]));
        } else {
            let mantissa = result.replace('−', "-").parse().unwrap();
            assert_eq!(value, Value::Number(Decimal::new(mantissa, 3)), "{octets:02X?}");
        }
        compared += 1;
    }
    assert_eq!(compared, 4);
}

#[test]
fn decimal_digits() {
    let Some(text) = specification("records.md") else {
        return;
    };
    let mut compared = 0;
    for line in section(&text, "\n| Field | Bytes | Result |", "\nAn older proposal").lines() {
        let cells = cells(line);
        if !cells.first().is_some_and(|cell| cell.ends_with("-digit")) {
            continue;
        }
        let octets = hex(&cells[1]);
        let data_field = u8::try_from(8 + octets.len()).unwrap();
        let payload = [&[data_field, 0x13][..], &octets].concat();
        let all = records(&payload);
        let number = all[0].value().number().map(|number| number.mantissa);
        let wanted = cells[2].split([' ', '(']).next().unwrap().replace('−', "-");
        assert_eq!(number, wanted.parse().ok(), "{line}");
        assert_eq!(all[0].is_suspect(), cells[2].contains("leak rule"), "{line}");
        compared += 1;
    }
    assert_eq!(compared, 7);
}

#[test]
fn dates_and_times() {
    let Some(text) = specification("records.md") else {
        return;
    };
    let text_of = |moment: Option<Moment>| moment.map(|moment| moment.to_string());
    let mut compared = 0;
    let vectors = section(&text, "\nVectors: `DF 2C`", "\n### 3.6 ");
    for (octets, result) in arrows(vectors) {
        let read = text_of(type_g(octets[..].try_into().unwrap()));
        assert_eq!(read.as_deref(), result.split_whitespace().next(), "{octets:02X?}");
        compared += 1;
    }
    assert_eq!(compared, 6);
    for cells in rows(section(&text, "\n### 3.6 ", "\n### 3.7 ")) {
        let octets = hex(&cells[0]);
        if octets.len() != 4 {
            continue;
        }
        let moment = type_f(octets[..].try_into().unwrap()).unwrap();
        if cells[1] == "not set" {
            assert_eq!(moment, Moment::NotSet);
        } else {
            let wanted = cells[1]
                .split([',', '('])
                .next()
                .unwrap()
                .trim()
                .replace(' ', "T");
            assert_eq!(moment.to_string(), wanted, "{cells:?}");
            let Moment::DateTime { invalid, .. } = moment else {
                panic!("{moment:?}")
            };
            assert_eq!(invalid, cells[1].ends_with("IV"));
        }
        compared += 1;
    }
    assert_eq!(compared, 13);
    for cells in rows(section(&text, "\n### 3.7 ", "\n### 3.8 ")) {
        let octets: [u8; 6] = hex(&cells[0])[..].try_into().unwrap();
        let wanted = cells[1]
            .split([',', '('])
            .next()
            .unwrap()
            .trim()
            .replace(' ', "T");
        assert_eq!(type_i(octets).unwrap().to_string(), wanted, "{cells:?}");
        let notes = wmbus::apl::date::calendar_notes(octets);
        let week = cells[1].split("week ").nth(1).and_then(|week| week.parse().ok());
        if week.is_some() {
            assert_eq!(notes.week, week, "{cells:?}");
        }
        for (day, name) in [(4, "Thursday"), (5, "Friday")] {
            assert_eq!(
                notes.day_of_week == Some(day),
                cells[1].contains(name),
                "{cells:?}"
            );
        }
        assert_eq!(notes.leap_year, cells[1].contains("leap"));
        assert_eq!(notes.deviation, if cells[1].contains("+2 h") { 2 } else { 0 });
        compared += 1;
    }
    assert_eq!(compared, 18);
}

#[test]
fn worked_numbers() {
    let Some(text) = specification("records.md") else {
        return;
    };
    let mut compared = 0;
    for cells in rows(section(&text, "\n### 8.4 ", "\n## 9. ")) {
        let payload = hex(&cells[0]);
        let record = records(&payload)[0];
        let (mantissa, exponent) = cells[1].split_once(", ").unwrap();
        let number = |text: &str| text.replace('−', "-").parse::<i64>().unwrap();
        let (symbol, power) = match &cells[2][..] {
            "HCA units" => ("", 0),
            "min" => ("min", 0),
            symbol => unit_and_power(symbol.split(' ').next().unwrap()).unwrap(),
        };
        let exponent = i8::try_from(number(exponent)).unwrap() + power;
        let wanted = Decimal::new(number(mantissa), exponent);
        let approximate = cells[3].contains("approximate");
        match record.value() {
            Value::Number(read) => assert_eq!((read, approximate), (wanted, false), "{cells:?}"),
            Value::Approximate(read) => assert_eq!((read, approximate), (wanted, true), "{cells:?}"),
            other => panic!("{other:?} {cells:?}"),
        }
        assert_eq!(record.vib.unit.symbol(), symbol, "{cells:?}");
        assert_eq!(record.is_suspect(), cells[3].contains("suspect"), "{cells:?}");
        compared += 1;
    }
    assert_eq!(compared, 19);
}

#[test]
fn the_fixed_structure() {
    let Some(text) = specification("records.md") else {
        return;
    };
    let examples = section(&text, "\nExamples (bytes after CI):", "\n## 7. ");
    let mut examples = examples.split("\n* ").skip(1);
    let read = |text: &str| {
        let octets = hex(code(text).next().unwrap());
        let data = FixedData::parse(&octets, 0).unwrap();
        assert_eq!(data.to_octets()[..], octets);
        let turned = data.to_octets_most_significant_first();
        assert_eq!(FixedData::parse_most_significant_first(&turned, 0), Ok(data));
        (data, octets)
    };
    let value = |data: &FixedData, counter: usize| {
        let counter = data.counters()[counter].unwrap();
        (counter.value, counter.unit, counter.stored)
    };
    let (heat, _) = read(examples.next().unwrap());
    assert_eq!(heat.device_type(), DeviceType(0x04));
    assert_eq!(format!("{:08X}", heat.identification_number.0), "90919293");
    assert_eq!(value(&heat, 0), (Decimal::new(6531, 3), Unit::WattHour, false));
    assert_eq!(value(&heat, 1), (Decimal::new(69, -3), Unit::CubicMetre, false));
    let (water, mut octets) = read(examples.next().unwrap());
    assert_eq!(water.device_type(), DeviceType::WATER);
    assert_eq!(value(&water, 0), (Decimal::new(1234, 0), Unit::CubicMetre, false));
    assert_eq!(value(&water, 1), (Decimal::new(1100, 0), Unit::CubicMetre, true));
    octets[5] = 1;
    let binary = FixedData::parse(&octets, 0).unwrap();
    assert_eq!(value(&binary, 0).0, Decimal::new(4660, 0));
}

/// The payload of a numbered worked example.
fn example(text: &str, number: &str) -> Vec<u8> {
    let example = text.split(&format!("\n### 10.{number} ")).nth(1).unwrap();
    hex(code(example).next().unwrap())
}

#[test]
fn differences_across_a_reset_add_up() {
    let Some(text) = specification("records.md") else {
        return;
    };
    let payload = example(&text, "13");
    let all = records(&payload);
    let units = |storage: u64| {
        let here =
            |record: &&Record<'_>| record.dib.storage == storage && record.vib.quantity == Quantity::HeatCost;
        all.iter().find(here).unwrap().value().number().unwrap().mantissa
    };
    assert_eq!((2..=23).map(units).sum::<i64>(), units(1));
    assert_eq!(units(1) + units(24) + (25..=31).map(units).sum::<i64>(), units(0));
}

#[test]
fn an_inverse_row_of_seconds_is_dated_by_age() {
    let Some(text) = specification("records.md") else {
        return;
    };
    let payload = example(&text, "19");
    let all = records(&payload);
    let profiles = wmbus::apl::profile::expand_all(&all);
    let [(place, profile)] = &profiles[..] else {
        panic!("{profiles:?}")
    };
    assert_eq!(all[*place].vib.quantity, Quantity::Energy);
    let states: Vec<_> = profile
        .entries
        .iter()
        .map(|entry| entry.value.unwrap().mantissa)
        .collect();
    assert_eq!(profile.entries.len(), 34);
    assert_eq!(states[..7], [95772, 95771, 95771, 95771, 95771, 95771, 95770]);
    let ages: Vec<_> = profile
        .entries
        .iter()
        .map(|entry| (entry.at, entry.age.unwrap()))
        .collect();
    assert_eq!((ages[0], ages[33]), ((None, 10), (None, 2 + 34 * 8)));
}

#[test]
fn a_series_is_dated_by_its_interval() {
    let Some(text) = specification("records.md") else {
        return;
    };
    let payload = example(&text, "3");
    let all = records(&payload);
    let at = |storage: u64| {
        let here =
            |record: &&Record<'_>| record.dib.storage == storage && record.vib.quantity == Quantity::Volume;
        let record = all.iter().find(here).unwrap();
        wmbus::apl::series_date(&all, record).map(|moment| moment.to_string())
    };
    // The first has a date of its own; the next are one month older each.
    assert_eq!((at(8), at(9).as_deref()), (None, Some("2020-11-30")));
    assert_eq!(at(19).as_deref(), Some("2020-01-31"));
    assert_eq!((at(0), at(1)), (None, None));
}
