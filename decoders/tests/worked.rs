//! The worked examples of the specifications, read from the shared folder at run time: each telegram has to say what stands
//! below it. Prints what it can't compare.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use std::fs;

use decoders::reading::{Direction, Quantity, Reading, Register};
use decoders::{Context, Decoded, Families, statement};
use wmbus::{Decimal, Frame, Key};

const SPECS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/specs");

fn spec(name: &str) -> Option<String> {
    let path = format!("{SPECS}/{name}");
    let text = fs::read_to_string(&path).ok();
    if text.is_none() {
        println!("skipped: {path} is not there");
    }
    text
}

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<char> = text.chars().filter(|c| !c.is_whitespace()).collect();
    digits
        .chunks(2)
        .map(|pair| u8::from_str_radix(&pair.iter().collect::<String>(), 16).unwrap())
        .collect()
}

/// What a telegram says, radio or wired; without a reception date, as a pasted one.
fn read(families: &Families, telegram: &str, key: Option<&str>) -> Result<Decoded, String> {
    let octets = hex(telegram);
    let keys: Vec<Key> = key.into_iter().map(|key| key.parse().unwrap()).collect();
    let context = Context::default();
    let outcome = if octets.starts_with(&[0x68]) && octets.get(3) == Some(&0x68) {
        let user_data = wmbus::phy::wired_user_data(&octets).ok_or("no wired frame")?;
        let frame = Frame::from_wired(user_data).map_err(|error| error.to_string())?;
        let message = families.open(&frame, &keys).map_err(|error| error.to_string())?;
        families.decode(&message, &context)
    } else {
        families.read(&octets, &keys, &context)
    };
    outcome.map_err(|error| error.to_string())
}

fn number(text: &str) -> Option<Decimal> {
    let line = format!("count current {text}");
    statement::parse(&line).ok().map(|reading| reading.value)
}

/// Equal as far as the second one goes: thirds of a litre are printed with three places.
fn same(a: Decimal, b: Decimal) -> bool {
    let thirds = a.exponent == -6 && b.exponent == -3;
    a.compare(b).is_eq() || thirds && a.mantissa / 1000 == b.mantissa
}

/// Lines that tell how a telegram is made and not what it says, or that no reading stands for.
const ABOUT_OCTETS: [&str; 22] = [
    "tpl_status",
    "lfsr",
    "clear ",
    "ELL payload",
    "compact frame",
    "contents",
    "block length",
    "frame status",
    "plaintext",
    "register ",
    "faults",
    "status byte",
    "half-months from byte",
    "first two octets",
    "MAC ok",
    "enhanced_id",
    "mfct type",
    "format signature",
    "date tariff",
    "increments control",
    "unscrambled",
    "half-month pairs",
];

/// What is missing or wrong of one line; `None` when it is there; `Err` when the line can't be compared.
fn missing(line: &str, decoded: &Decoded) -> Result<Option<String>, ()> {
    let wrong = |what: &str| Ok(Some(format!("{line}: {what}")));
    let fact = |name: &str| {
        decoded
            .facts
            .iter()
            .find(|fact| &*fact.name == name)
            .map(|fact| fact.value.clone())
    };
    if ABOUT_OCTETS.iter().any(|start| line.starts_with(start)) {
        return Err(());
    }
    let first = line.split_whitespace().next().unwrap();
    match first {
        "clock" => {
            let text = line["clock ".len()..]
                .split(" (")
                .next()
                .unwrap()
                .replace(' ', "T");
            if text.contains("-00") {
                return Err(());
            }
            let device_date = fact("device_date");
            let said = decoded.device_time.map(|stamp| stamp.to_string()).or(device_date);
            let good = said.as_deref().is_some_and(|said| said.starts_with(&text));
            return if good {
                Ok(None)
            } else {
                wrong(&format!("said {said:?}"))
            };
        }
        "error_flags" => {
            let want = line.split("0x").nth(1).unwrap();
            let good = fact("error_flags").is_some_and(|flags| flags == want);
            return if good {
                Ok(None)
            } else {
                wrong(&format!("said {:?}", fact("error_flags")))
            };
        }
        "status" if line.starts_with("status info") => return Err(()),
        "status" => {
            let words = line["status ".len()..].split(" (").next().unwrap();
            let want: Vec<_> = words.split_whitespace().filter(|word| *word != "ok").collect();
            let active: Vec<_> = decoded
                .status
                .iter()
                .filter(|status| !status.past)
                .map(|status| status.word.name())
                .collect();
            let good = want.iter().all(|word| active.contains(word)) && want.is_empty() == active.is_empty();
            return if good {
                Ok(None)
            } else {
                wrong(&format!("said {active:?}"))
            };
        }
        "printed_serial" | "fabrication_no" => {
            let want = line.split_whitespace().nth(1).unwrap();
            if want.contains('@') || (first == "printed_serial" && want.len() == 8) {
                return Err(());
            }
            let good = fact(first).is_some_and(|said| said == want);
            return if good {
                Ok(None)
            } else {
                wrong(&format!("said {:?}", fact(first)))
            };
        }
        "battery" | "transmit_period" | "battery_raw" => {
            let want = line.split_whitespace().nth(1).and_then(number).unwrap();
            let good = decoded.readings.iter().any(|reading| {
                matches!(reading.quantity, Quantity::Battery | Quantity::Duration)
                    && same(reading.value, want)
            });
            return if good { Ok(None) } else { wrong("no such reading") };
        }
        "error_date" | "leak_date" | "fraud_date" | "event_date" => {
            let want = line.split_whitespace().nth(1).unwrap();
            let said = fact(first);
            let good = if want == "absent" {
                said.is_none()
            } else {
                said.as_deref() == Some(want)
            };
            return if good {
                Ok(None)
            } else {
                wrong(&format!("said {said:?}"))
            };
        }
        "history" => {
            // `history 1.. (register 79): 2024-08-31=7.730, …`
            for pair in line
                .split(": ")
                .nth(1)
                .unwrap()
                .trim_end_matches(" ...")
                .split(", ")
            {
                let (day, value) = pair.split_once('=').unwrap();
                let value = number(value).unwrap();
                let good = decoded.readings.iter().any(|reading| {
                    same(reading.value, value) && reading.at.is_some_and(|at| at.to_string().starts_with(day))
                });
                if !good && value.mantissa != 0 {
                    return wrong(&format!("no {pair}"));
                }
            }
            return Ok(None);
        }
        "month" if line.starts_with("month ends") || line.starts_with("monthly") => {
            let values = line.split(": ").nth(1).unwrap();
            if values.starts_with('[') {
                return Err(());
            }
            for value in values.split(", ").filter(|value| *value != "absent") {
                let value = number(value).unwrap();
                if !decoded.readings.iter().any(|reading| same(reading.value, value)) {
                    return wrong(&format!("no {value}"));
                }
            }
            return Ok(None);
        }
        "derived" => {
            for pair in line
                .split(": ")
                .nth(1)
                .unwrap()
                .trim_end_matches(" ...")
                .split(", ")
            {
                let (day, value) = pair.split_once('=').unwrap();
                let good = decoded.readings.iter().any(|reading| {
                    same(reading.value, number(value).unwrap())
                        && reading.at.is_some_and(|at| at.to_string() == day)
                });
                if !good {
                    return wrong(&format!("no {pair}"));
                }
            }
            return Ok(None);
        }
        _ => {}
    }
    if line.contains(" id ") && !line.starts_with("second id") {
        let meter = line.rsplit("meter ").next().unwrap();
        let words: Vec<_> = meter.split_whitespace().collect();
        let [maker, version, device_type, "id", id] = words[..] else {
            return Err(());
        };
        let said = decoded.meter.to_string();
        let want = format!("{maker} {} {version} {device_type}", id.to_uppercase());
        // Only the record `07 79` names the meter behind some modules.
        let good = said == want || decoded.sender.to_string() == want;
        return if good {
            Ok(None)
        } else {
            wrong(&format!("said {said}"))
        };
    }
    value(line, decoded)
}

/// A line with a quantity, a register and a value.
fn value(line: &str, decoded: &Decoded) -> Result<Option<String>, ()> {
    let wrong = |what: &str| Ok(Some(format!("{line}: {what}")));
    let (before, at) = line
        .split_once(" @")
        .map_or((line, None), |(before, at)| (before, Some(at)));
    let at = at.map(|at| at.split(" (").next().unwrap().replace(' ', "T"));
    let mut words = before.split_whitespace().peekable();
    let quantity = match words.next().unwrap() {
        "volume" => Quantity::Volume,
        "flow" => Quantity::Flow,
        "temperature" => Quantity::Temperature,
        "temperature(ambient)" => Quantity::AmbientTemperature,
        _ => return Err(()),
    };
    let mut register = None;
    let mut direction = Direction::Net;
    let mut tariff = 0;
    let mut want = None;
    while let Some(word) = words.next() {
        match word {
            "current" => register = Some(Register::Current),
            "set_date" => register = Some(Register::SetDate),
            "min" => register = Some(Register::Min),
            "max" => register = Some(Register::Max),
            "history" => {
                let n = words.peek().and_then(|n| n.parse().ok());
                if n.is_some() {
                    words.next();
                }
                register = n.map(Register::History);
            }
            "reverse" => direction = Direction::Reverse,
            "tariff" => tariff = words.next().unwrap().parse().unwrap(),
            "absent" => {}
            word if word.starts_with('(') => {
                while !words
                    .peek()
                    .is_none_or(|word| word.parse::<f64>().is_ok() || *word == "absent")
                {
                    words.next();
                }
            }
            word => {
                want = want.or(number(word));
            }
        }
    }
    let day = |reading: &Reading| reading.at.map(|at| at.to_string());
    let there = |reading: &&Reading| {
        // Tariff 1 of aquastream is what flowed backward.
        let backward = tariff == 1 && reading.direction == Direction::Reverse;
        (reading.quantity, reading.tariff) == (quantity, tariff)
            && (reading.direction == direction || backward)
            && register.is_none_or(|register| reading.register == register)
    };
    let mut said = decoded.readings.iter().filter(there);
    let Some(want) = want else {
        // Absent: nothing stands there. `storage 0` of another record may have the same register.
        let register = register.ok_or(())?;
        return match said.find(|reading| reading.register == register) {
            None => Ok(None),
            Some(reading) => wrong(&format!("said {}", statement::write(reading))),
        };
    };
    // A dry tube says −100 °C.
    if quantity == Quantity::Temperature && want.mantissa < -9000 {
        return Err(());
    }
    let good = said.clone().any(|reading| {
        let dated = match (&at, day(reading)) {
            (None, _) => true,
            (Some(at), Some(said)) => said == *at || said.starts_with(at.as_str()) || at.starts_with("every"),
            (Some(_), None) => false,
        };
        same(reading.value, want) && dated
    });
    if good {
        return Ok(None);
    }
    let said: Vec<_> = said.map(statement::write).collect();
    wrong(&format!("said {said:?}"))
}

#[test]
fn the_worked_examples_of_water_meters() {
    let Some(text) = spec("meters-water.md") else {
        return;
    };
    let families = Families::embedded().unwrap();
    let annex = text.split("## Annex A").nth(1).unwrap();
    let (mut telegrams, mut lines, mut faults) = (0, 0, Vec::new());
    for example in annex.split("\n**").skip(1) {
        let name = example.split("**").next().unwrap();
        let Some(body) = example
            .split("```text\n")
            .nth(1)
            .and_then(|body| body.split("```").next())
        else {
            continue;
        };
        let telegram: String = body
            .split("\nkey")
            .next()
            .unwrap()
            .trim_start_matches("telegram")
            .to_owned();
        let key = body
            .lines()
            .find_map(|line| line.strip_prefix("key"))
            .unwrap()
            .trim();
        telegrams += 1;
        let decoded = match read(&families, &telegram, Some(key).filter(|key| *key != "none")) {
            Ok(decoded) => decoded,
            // An edited capture that a strict decoder must refuse.
            Err(error) if body.contains("MISMATCH") => {
                assert!(error.contains("CRC"), "{name}: {error}");
                continue;
            }
            Err(error) => {
                faults.push(format!("{name}: {error}"));
                continue;
            }
        };
        let mut clocks = 0;
        for line in body.lines().filter_map(|line| line.strip_prefix("=> ")) {
            // Of two clocks the first, with seconds, counts.
            clocks += usize::from(line.starts_with("clock "));
            if line.starts_with("clock ") && clocks > 1 {
                continue;
            }
            match missing(line, &decoded) {
                Ok(None) => lines += 1,
                Ok(Some(fault)) => faults.push(format!("{name}: {fault}")),
                Err(()) => {}
            }
        }
    }
    println!(
        "{telegrams} telegrams, {lines} lines as they should be, {} not",
        faults.len()
    );
    assert!(
        telegrams > 90 && lines > 600,
        "{telegrams} telegrams, {lines} lines"
    );
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// The number behind a word, and the date behind that.
fn after<'a>(text: &'a str, word: &str) -> Option<(&'a str, Option<&'a str>)> {
    let rest = text.split(word).nth(1)?;
    let mut words = rest.split_whitespace();
    let value = words.next()?.trim_end_matches([';', ',', '.']);
    value.parse::<u32>().ok()?;
    let at = match words.next() {
        Some("U") => words.next(),
        other => other,
    };
    let date = words
        .next()
        .filter(|_| at == Some("@"))
        .map(|date| date.trim_end_matches([';', ',', '.', ')']));
    Some((value, date))
}

#[test]
fn the_worked_examples_of_heat_cost_allocators() {
    let Some(text) = spec("meters-hca.md") else { return };
    let families = Families::embedded().unwrap();
    let (mut telegrams, mut values, mut faults) = (0, 0, Vec::new());
    for part in text.split("\n**").skip(1) {
        let name = part.split("**").next().unwrap();
        let label = name.len() <= 3 && name.starts_with(|c: char| c.is_ascii_uppercase());
        let mut fences = part.split("```");
        let (Some(head), Some(code), Some(behind)) = (fences.next(), fences.next(), fences.next()) else {
            continue;
        };
        if !label || head.len() > 400 {
            continue;
        }
        let key = head
            .split("key ")
            .nth(1)
            .and_then(|rest| rest.split([';', ')']).next());
        let key = key.filter(|key| key.len() == 32);
        let text = behind.split("\n\n").next().unwrap();
        let lines: Vec<&str> = code.lines().filter(|line| line.len() > 20).collect();
        for (index, telegram) in lines.iter().enumerate() {
            // Two telegrams of one device are explained as A and B.
            let text = match (lines.len(), index) {
                (1, _) => text,
                (_, 0) => text.split(" B: ").next().unwrap(),
                _ => text.split("A: ").nth(1).unwrap().split(" B: ").next().unwrap(),
            };
            telegrams += 1;
            let decoded = match read(&families, telegram, key) {
                Ok(decoded) => decoded,
                Err(error) => {
                    faults.push(format!("{name}: {error}"));
                    continue;
                }
            };
            let found = |register: Register| {
                decoded
                    .readings
                    .iter()
                    .find(|reading| reading.quantity == Quantity::HeatCost && reading.register == register)
            };
            for (word, register) in [("current ", Register::Current), ("set_date ", Register::SetDate)] {
                let Some((want, date)) = after(text, word) else {
                    continue;
                };
                let said = found(register);
                let good = said.is_some_and(|said| {
                    same(said.value, number(want).unwrap())
                        && date.is_none_or(|date| said.at.is_some_and(|at| at.to_string() == date))
                });
                if good {
                    values += 1;
                } else {
                    faults.push(format!(
                        "{name}: {word}{want} @ {date:?}: said {:?}",
                        said.map(statement::write)
                    ));
                }
            }
            if text.contains("no set_date") || text.contains("no set date") {
                assert_eq!(found(Register::SetDate), None, "{name}");
            }
            for status in [
                "tamper",
                "clock_invalid",
                "permanent_error",
                "removed",
                "sensor_fault",
                "reset",
            ] {
                if text.contains(&format!("`{status}`")) {
                    let said = decoded.status.iter().any(|said| said.word.name() == status);
                    if !said {
                        faults.push(format!("{name}: {status}: said {:?}", decoded.status));
                    }
                }
            }
            // Every number with two or more decimal places in the text is a temperature.
            for temperature in text.split_whitespace().filter(|word| word.contains('.')) {
                let temperature = temperature.trim_end_matches([';', ',', '.']);
                if temperature
                    .split('.')
                    .nth(1)
                    .is_some_and(|places| places.len() >= 2)
                {
                    let Some(want) = number(temperature) else { continue };
                    let said = decoded.readings.iter().any(|reading| same(reading.value, want));
                    if said {
                        values += 1;
                    } else {
                        faults.push(format!("{name}: no temperature {temperature}"));
                    }
                }
            }
        }
    }
    println!("{telegrams} telegrams, {values} values as they should be");
    assert!(
        telegrams >= 30 && values > 70,
        "{telegrams} telegrams, {values} values"
    );
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}
