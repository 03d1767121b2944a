//! Properties of all pages at once.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use decoders::reading::{Kind, Quantity, Reading, Register, Stamp};
use decoders::{Context, Families, Family, Sealing, Spoken, example, statement};
use proptest::prelude::*;
use proptest::sample::select;
use wmbus::apl::Date;
use wmbus::{Decimal, Frame, FrameFormat, Key, Note};

fn pages() -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("families");
    let mut pages: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "toml"))
        .map(|path| {
            let name = path.file_stem().unwrap().to_string_lossy().into_owned();
            (name, fs::read_to_string(path).unwrap())
        })
        .collect();
    pages.sort();
    pages
}

#[test]
fn every_page_is_embedded_under_the_name_of_its_file() {
    let families = Families::embedded().unwrap();
    let names: Vec<_> = families.iter().map(|family| family.name.to_string()).collect();
    let files: Vec<_> = pages().into_iter().map(|(name, _)| name).collect();
    assert_eq!(names.len(), files.len());
    for file in files {
        assert!(names.contains(&file), "{file}.toml has another name inside");
    }
}

#[test]
fn no_two_families_answer_for_one_address() {
    let families = Families::embedded().unwrap();
    let mut owners: HashMap<String, String> = HashMap::new();
    for family in families.iter() {
        for claim in &family.claims {
            let other = owners.insert(claim.to_string(), family.name.to_string());
            assert_eq!(other, None, "{claim} has two families");
        }
        for other in families.iter().filter(|other| other.name != family.name) {
            let twin = family
                .claims
                .iter()
                .find(|claim| other.claims.iter().any(|theirs| theirs.overlaps(claim)));
            assert_eq!(twin, None, "{} and {} overlap", family.name, other.name);
        }
    }
}

#[test]
fn every_page_explains_itself() {
    for (name, text) in pages() {
        let head: Vec<_> = text.lines().take_while(|line| line.starts_with('#')).collect();
        assert!(head.len() >= 2, "{name}: begins with a word on the meter");
        assert!(
            head.iter()
                .any(|line| line.starts_with("# Source:") || line.contains(" Source: ")),
            "{name}: says where its knowledge comes from"
        );
        for line in text.lines().filter(|line| line.starts_with("means = ")) {
            assert!(line.ends_with(".\""), "{name}: {line} ends with a full stop");
        }
        let about = text.lines().find(|line| line.starts_with("about = ")).unwrap();
        assert!(!about.ends_with(".\""), "{name}: about is a name and no sentence");
    }
}

#[test]
fn a_twin_and_a_wrong_page_are_refused_with_a_remedy() {
    let page = |answers: &str, more: &str| {
        format!("name = \"acme\"\nabout = \"Acme\"\nanswers_for = [\"{answers}\"]\n{more}")
    };
    let refusal = |text: &str| {
        let mut families = Families::embedded().unwrap();
        families.add("acme.toml", text).unwrap_err().to_string()
    };
    assert!(refusal(&page("SEN 68 07", "")).contains("sensus-iperl"));
    assert!(refusal(&page("SEN 68", "")).contains("write maker, version and device type"));
    let unknown = refusal(&page(
        "ACM 01 07",
        "\n[[record]]\nsends = \"0413\"\nmeens = \"x\"\n",
    ));
    assert!(
        unknown.starts_with("acme.toml:7:") && unknown.contains("meens"),
        "{unknown}"
    );
    let value = refusal(&page(
        "ACM 01 07",
        "\n[[record]]\nsends = \"0413\"\nmeans = \"A.\"\n\n[[record]]\nsends = \"04\"\nmeans = \"B.\"\n",
    ));
    assert!(
        value.starts_with("acme.toml:9:") || value.starts_with("acme.toml:10:"),
        "{value}"
    );
    assert!(refusal(&page("ACM 01 07", "[status]\nbits = { 0x20 = \"leek\" }\n")).contains("leak"));
    assert!(refusal(&page("ACM 01 07", "scrambled = \"rot13\"\n")).contains("prios"));
    let field = "\n[[block]]\nplace = \"ci A0\"\nlength = 2\nfields = [{ at = 1, type = \"u16\", is = \"volume\" }]\n";
    assert!(refusal(&page("ACM 01 07", field)).contains("ends after the block"));
}

#[test]
fn a_page_in_a_folder_adds_a_meter_or_replaces_one_of_ours() {
    let folder = std::env::temp_dir().join(format!("releve-families-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let write = |file: &str, name: &str, answers: &str| {
        let text = format!(
            "name = \"{name}\"\nabout = \"Acme\"\nanswers_for = [\"{answers}\"]\n\n[[record]]\nsends = \"0413\"\nmeans = \"A.\"\n"
        );
        fs::write(folder.join(file), text).unwrap();
    };
    write("acme.toml", "acme-aqua", "ACM 21 06");
    write("ours.toml", "sensus-iperl", "SEN 68 07");
    let families = Families::with_folder(&folder).unwrap();
    assert!(families.named("acme-aqua").is_some());
    let replaced = families.named("sensus-iperl").unwrap();
    assert_eq!((replaced.about.as_str(), replaced.claims.len()), ("Acme", 1));
    write("twin.toml", "twin", "ACM 21 06");
    let refusal = Families::with_folder(&folder).unwrap_err();
    assert!(refusal.to_string().contains("acme-aqua"), "{refusal}");
    fs::remove_dir_all(&folder).unwrap();
    assert!(Families::with_folder(&folder).is_err());
}

#[test]
fn a_year_may_stand_for_every_year_or_for_never() {
    let at_due_date = |more: &str| {
        let page = format!(
            "name = \"acme\"\nabout = \"Acme\"\nanswers_for = [\"ACM 21 06\"]\n{more}\n[[record]]\nsends = \"4413\"\nmeans = \"A.\"\n\n[[record]]\nsends = \"426C\"\nmeans = \"B.\"\n"
        );
        let mut families = Families::embedded().unwrap();
        families.add("acme.toml", &page).unwrap();
        let family = families.named("acme").unwrap();
        let reading = statement::parse("volume set_date 7.5 m3 @2000-01-01").unwrap();
        let spoken = Spoken {
            readings: vec![reading],
            ..Spoken::default()
        };
        let telegram = family
            .telegram(family.inhabitant().unwrap(), &spoken, &Sealing::Clear)
            .unwrap();
        let context = Context {
            received: Date::new(2026, 3, 11),
            ..Context::default()
        };
        let decoded = families.read(&telegram, &[], &context).unwrap();
        let remarks: Vec<_> = decoded
            .remarks
            .iter()
            .map(|remark| remark.text.to_string())
            .collect();
        (decoded.readings.first().map(statement::write), remarks.join(", "))
    };
    let dated = |day: &str| (Some(format!("volume set_date 7.500 m3 @{day}")), String::new());
    assert_eq!(at_due_date(""), dated("2000-01-01"));
    assert_eq!(at_due_date("every_year = [2000]"), dated("2026-01-01"));
    let never = "record 426C is 2000-01-01, which says never, record 4413 has no date yet";
    assert_eq!(
        at_due_date("unset_dates = [\"2000-01-01\"]"),
        (None, never.to_owned())
    );
}

#[test]
fn the_readme_s_examples_are_pages() {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("families/README.md")).unwrap();
    let mut count = 0;
    for snippet in text
        .split("```toml\n")
        .skip(1)
        .map(|part| part.split("```").next().unwrap())
    {
        let head = "name = \"acme\"\nabout = \"Acme\"\nanswers_for = [\"ACM 21 06\"]\n\n";
        let page = if snippet.contains("answers_for") {
            snippet.to_owned()
        } else {
            format!("{head}{snippet}")
        };
        let mut families = Families::embedded().unwrap();
        families
            .add("README.md", &page)
            .unwrap_or_else(|error| panic!("{error}\n{page}"));
        count += 1;
    }
    assert!(count >= 6, "{count}");
}

/// Values, clock and day as a meter may have them: a page takes what it has room for.
fn stories() -> impl Strategy<Value = Spoken> {
    let day = (2019..2060_u16, 1..=12_u8, 1..=28_u8);
    (day, 0..24_u8, 0..60_u8, 0..900_000_i64, 0..30_000_i64, 0..3_i64).prop_map(
        |((year, month, day), hour, minute, index, gain, irregular)| {
            let today = Date { year, month, day };
            let mut spoken = example::story(irregular, None);
            let end = |n: u16| {
                Date { day: 1, ..today }
                    .add_months(-i32::from(n))
                    .map(Date::end_of_month)
            };
            for reading in &mut spoken.readings {
                let n = match reading.register {
                    Register::History(n) => n,
                    Register::SetDate => 3,
                    _ => 0,
                };
                reading.at = (n > 0).then(|| end(n).map(Stamp::date)).flatten();
                if reading.kind == Kind::Absolute
                    && matches!(reading.quantity, Quantity::Volume | Quantity::Energy)
                    && reading.direction == decoders::reading::Direction::Net
                {
                    let months = i64::from(n);
                    reading.value.mantissa = index + gain * (40 - months);
                }
            }
            spoken.device_time = Some(Stamp::DateTime {
                year,
                month,
                day,
                hour,
                minute,
                second: None,
            });
            spoken
        },
    )
}

fn read(families: &Families, telegram: &[u8], spoken: &Spoken) -> decoders::Decoded {
    let received = spoken.device_time.and_then(|stamp| stamp.day());
    {
        let frame = Frame::parse_as(telegram, FrameFormat::Stripped).unwrap();
        families
            .read_frame(
                &frame,
                &[],
                &Context {
                    received,
                    ..Context::default()
                },
            )
            .unwrap()
    }
}

/// The value cut to the resolution of another.
fn cut(value: Decimal, exponent: i8) -> Option<i64> {
    value.rescale(exponent).or_else(|| {
        let digits = u32::try_from(i32::from(exponent) - i32::from(value.exponent)).ok()?;
        Some(value.mantissa.div_euclid(10_i64.checked_pow(digits)?))
    })
}

fn holds(families: &Families, family: &Family, spoken: &Spoken) -> Result<(), TestCaseError> {
    let meter = family.inhabitant().unwrap();
    // A register may be too narrow for an invented number; then it is refused, and nothing wrong is sent.
    let Ok(telegram) = family.telegram(meter, spoken, &Sealing::Clear) else {
        return Ok(());
    };
    let decoded = read(families, &telegram, spoken);
    prop_assert_eq!(&decoded.decoder, &family.name);
    prop_assert_eq!(decoded.meter.identification_number, meter.identification_number);
    for reading in &decoded.readings {
        if reading.kind != Kind::Absolute || reading.quantity == Quantity::HeatCost {
            continue;
        }
        let said = |other: &&Reading| {
            (
                other.quantity,
                other.register,
                other.direction,
                other.unit,
                other.kind,
            ) == (
                reading.quantity,
                reading.register,
                reading.direction,
                reading.unit,
                reading.kind,
            )
        };
        if !matches!(reading.quantity, Quantity::Volume | Quantity::Energy) {
            continue;
        }
        let day = |reading: &Reading| reading.at.and_then(|at| at.day());
        // A profile that begins at the due date has other dates than invented months.
        let same_day = |said: &&Reading| day(reading).is_none() || day(said) == day(reading);
        if let Some(said) = spoken
            .readings
            .iter()
            .find(said)
            .filter(|said| same_day(said) || !matches!(reading.register, Register::History(_)))
        {
            let step = if matches!(reading.register, Register::History(_)) {
                13
            } else {
                1
            };
            let want = cut(said.value, reading.value.exponent).unwrap();
            // Months kept as differences lose a little at each.
            prop_assert!(
                (reading.value.mantissa - want).abs() <= step,
                "{}: {} was {}",
                family.name,
                statement::write(reading),
                statement::write(said)
            );
        }
    }
    // What was understood, said again, makes the same telegram and is understood the same.
    let again = Spoken {
        readings: decoded.readings.clone(),
        device_time: decoded.device_time.or(spoken.device_time),
        status: decoded.status.clone(),
        telegram: None,
    };
    let telegram = family.telegram(meter, &again, &Sealing::Clear).map_err(|error| {
        TestCaseError::fail(format!("{}: can't say again what it said: {error}", family.name))
    })?;
    let once_more = read(families, &telegram, spoken);
    prop_assert_eq!(
        decoded.readings.iter().map(statement::write).collect::<Vec<_>>(),
        once_more
            .readings
            .iter()
            .map(statement::write)
            .collect::<Vec<_>>(),
        "{}",
        &family.name
    );
    prop_assert_eq!(&decoded.status, &once_more.status);
    however_sealed(families, family, &again, &decoded)
}

/// The same words in every security mode and both frame formats are understood the same, and where there is a MAC by no
/// other key.
fn however_sealed(
    families: &Families,
    family: &Family,
    spoken: &Spoken,
    decoded: &decoders::Decoded,
) -> Result<(), TestCaseError> {
    let meter = family.inhabitant().unwrap();
    let key = Key::aes([0x5A; 16]);
    let context = Context {
        received: spoken.device_time.and_then(|stamp| stamp.day()),
        ..Context::default()
    };
    // A maker's own layout has no configuration field, so no mode.
    let clear = family.telegram(meter, spoken, &Sealing::Clear).unwrap();
    let transport = Frame::parse_as(&clear, FrameFormat::Stripped)
        .unwrap()
        .transport()
        .copied();
    let has_modes = transport.is_some_and(|transport| transport.fields.is_some());
    for sealing in [
        Sealing::Clear,
        Sealing::Mode5(key.clone()),
        Sealing::Mode7(key.clone()),
        Sealing::Mode10(key.clone()),
        Sealing::Link(key.clone()),
    ] {
        if sealing != Sealing::Clear && !has_modes {
            continue;
        }
        // Sealed, it may be longer than a telegram.
        let Ok(stripped) = family.telegram(meter, spoken, &sealing) else {
            continue;
        };
        for format in [FrameFormat::Stripped, FrameFormat::A, FrameFormat::B] {
            let Ok(sent) = wmbus::phy::frame(&stripped, format) else {
                continue;
            };
            let frame = Frame::parse_as(&sent, format).map_err(|error| {
                TestCaseError::fail(format!("{}: {sealing:?} {format:?}: {error}", family.name))
            })?;
            let understood = families
                .read_frame(&frame, std::slice::from_ref(&key), &context)
                .map_err(|error| {
                    TestCaseError::fail(format!("{}: {sealing:?} {format:?}: {error}", family.name))
                })?;
            prop_assert_eq!(
                &understood.readings,
                &decoded.readings,
                "{} {:?} {:?}",
                &family.name,
                &sealing,
                format
            );
            prop_assert_eq!(
                &understood.status,
                &decoded.status,
                "{} {:?} {:?}",
                &family.name,
                &sealing,
                format
            );
            // Without a MAC one wrong key in 65 536 seems to fit.
            let mode = frame.transport().map_or(0, |transport| transport.mode());
            if matches!(mode, 7 | 10) {
                // A ciphertext that begins as a plaintext does, by chance, is taken for one, and that is said.
                let other = families.open(&frame, &[Key::aes([0xA5; 16])]);
                prop_assert!(
                    other.is_err() || other.is_ok_and(|it| it.notes.contains(Note::OpenedUpstream)),
                    "{} {:?}: opened by another key",
                    &family.name,
                    &sealing
                );
            }
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_a_page_says_is_what_it_reads(spoken in stories()) {
        let families = Families::embedded().unwrap();
        for family in families.iter() {
            holds(&families, family, &spoken)?;
        }
    }

    #[test]
    fn no_octets_make_a_page_panic(
        name in select(pages().into_iter().map(|(name, _)| name).collect::<Vec<_>>()),
        changes in proptest::collection::vec((0..260_usize, any::<u8>()), 0..12),
        length in 0..260_usize,
    ) {
        let families = Families::embedded().unwrap();
        let family = families.named(&name).unwrap();
        for example in family.examples() {
            let mut octets: Vec<u8> = (0..example.telegram.len() / 2)
                .map(|at| u8::from_str_radix(&example.telegram[2 * at..2 * at + 2], 16).unwrap())
                .collect();
            // The address stays, so that it is this page that reads the rest.
            octets.truncate(length.max(11));
            for (at, octet) in &changes {
                if let Some(place) = octets.get_mut(10.max(*at)) {
                    *place = *octet;
                }
            }
            octets[0] = u8::try_from(octets.len() - 1).unwrap();
            let context = Context { received: Date::new(2026, 3, 1), ..Context::default() };
            let _ = families.read(&octets, &[], &context);
        }
    }
}
