//! Decoding on one core: mode 5 to readings, allocations, and JSON beside that of m-bus-parser.

use std::fs::{self, File};
use std::hint::black_box;
use std::io::{Read, Write};
use std::path::Path;
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use decoders::{Context, Families, Sealing, example};
use m_bus_parser::serialize_mbus_data;
use wmbus::{Address, Frame, FrameFormat, Key, Plan, dll, tpl};

use crate::figure::{Bar, Figure};
use crate::process::{Folder, releve};
use crate::{Extent, Say};

const KEY: [u8; 16] = [0x5A; 16];

/// A telegram of a family, in clear and sealed with mode 5 under its own address.
struct Sample {
    clear: Vec<u8>,
    sealed: Vec<u8>,
}

/// One telegram of each family whose records the standard's mode 5 can seal.
fn samples(families: &Families) -> Vec<Sample> {
    let mut samples = Vec::new();
    for family in families.iter() {
        let meter = family.inhabitant().unwrap();
        let spoken = example::story(7, None);
        let (Ok(clear), Ok(sealed)) = (
            family.telegram(meter, &spoken, &Sealing::Clear),
            family.telegram(meter, &spoken, &Sealing::Mode5(Key::aes(KEY))),
        ) else {
            continue;
        };
        let frame = Frame::parse_as(&sealed, FrameFormat::Stripped).unwrap();
        let opened = families.open(&frame, &[Key::aes(KEY)]);
        let is_mode_5 = opened.is_ok_and(|message| {
            message.mode() == 5 && message.key.is_some() && message.content == wmbus::Content::Records
        });
        let read = |octets: &[u8]| families.read(octets, &[Key::aes(KEY)], &Context::default());
        if is_mode_5 && read(&clear).is_ok() && read(&sealed).is_ok_and(|read| !read.readings.is_empty()) {
            samples.push(Sample { clear, sealed });
        }
    }
    samples
}

/// An OMS water meter as it is sold most: index, date and index at the due date, flow.
fn water() -> Sample {
    let meter = Address::from_link_octets([0xB4, 0x05, 0x78, 0x56, 0x34, 0x12, 0x01, 0x07]);
    let mut payload = Vec::new();
    for record in [
        &[0x04, 0x13, 0x7B, 0xE2, 0x01, 0x00][..],
        &[0x04, 0x6D, 0x1E, 0x0A, 0x7D, 0x31],
        &[0x42, 0x6C, 0x7F, 0x2C],
        &[0x44, 0x13, 0x10, 0x27, 0x00, 0x00],
        &[0x02, 0x3B, 0x0C, 0x00],
    ] {
        payload.extend_from_slice(record);
    }
    let sealed = |mode: u16| {
        let link = dll::Header {
            control: dll::Control::SND_NR,
            sender: meter,
        };
        let transport = tpl::Header {
            ci: 0x7A,
            address: None,
            fields: Some(tpl::Fields::sealed(7, 0, u8::try_from(mode).unwrap())),
        };
        let plan = Plan {
            key: Some(Key::aes(KEY)),
            ..Plan::new(link, transport, payload.clone())
        };
        plan.encode().unwrap()
    };
    Sample {
        clear: sealed(0),
        sealed: sealed(5),
    }
}

/// How often a second something is done, in the best of some turns.
pub(crate) fn per_second(turns: u32, most: Duration, mut work: impl FnMut() -> u64) -> f64 {
    let mut best = 0.0_f64;
    for _ in 0..turns {
        let begun = Instant::now();
        let mut done = 0;
        while begun.elapsed() < most {
            done += work();
        }
        #[allow(clippy::cast_precision_loss, reason = "for people")]
        let rate = done as f64 / begun.elapsed().as_secs_f64();
        best = best.max(rate);
    }
    best
}

/// To readings, with memory that is used again, as the daemon does.
fn rate(families: &Families, telegrams: &[&[u8]], keys: &[Key]) -> f64 {
    let mut decoded = decoders::Decoded::default();
    per_second(12, Duration::from_millis(100), || {
        let mut done = 0;
        for _ in 0..20 {
            for telegram in telegrams {
                let frame = Frame::parse_as(black_box(telegram), FrameFormat::Stripped).unwrap();
                let message = families.open(&frame, keys).unwrap();
                families
                    .decode_into(&message, &Context::default(), &mut decoded)
                    .unwrap();
                black_box(&decoded);
                done += 1;
            }
        }
        done
    })
}

pub(crate) fn figures(extent: Extent, say: &mut Say<'_>) {
    let families = Families::embedded().unwrap();
    let key = Key::aes(KEY);
    let keys = [key.clone()];
    let water = water();
    let samples = samples(&families);
    let sealed: Vec<&[u8]> = samples.iter().map(|sample| &sample.sealed[..]).collect();
    let clear: Vec<&[u8]> = samples.iter().map(|sample| &sample.clear[..]).collect();
    let octets = sealed.iter().map(|telegram| telegram.len()).sum::<usize>() / sealed.len();

    say(Figure::new(
        "mode 5 to readings, a water meter of five records",
        rate(&families, &[&water.sealed], &keys),
        "1/s",
    )
    .against(Bar::AtLeast(1e6))
    .noting(format!("one core, {} octets", water.sealed.len())));
    say(Figure::new(
        "mode 5 to readings, all families",
        rate(&families, &sealed, &keys),
        "1/s",
    )
    .against(Bar::AtLeast(1e6))
    .noting(format!("{} families, {octets} octets on average", samples.len())));
    say(Figure::new(
        "in clear to readings, all families",
        rate(&families, &clear, &[]),
        "1/s",
    ));

    let mut decoded = decoders::Decoded::default();
    let mut read = |telegram: &[u8]| {
        let frame = Frame::parse_as(telegram, FrameFormat::Stripped).unwrap();
        let message = families.open(&frame, &[]).unwrap();
        families
            .decode_into(&message, &Context::default(), &mut decoded)
            .unwrap();
    };
    read(&water.clear);
    let counted = allocation_counter::measure(|| read(&water.clear));
    #[allow(clippy::cast_precision_loss, reason = "for people")]
    say(Figure::new(
        "allocations from frame to readings, in clear",
        counted.count_total as f64,
        "",
    )
    .against(Bar::AtMost(0.0)));

    json(extent, &samples, say);
}

/// `decode --json`, the whole command as a user would start it, beside the peer's JSON in this process, in turns.
fn json(extent: Extent, samples: &[Sample], say: &mut Say<'_>) {
    let hex = |octets: &[u8]| -> String { octets.iter().map(|octet| format!("{octet:02X}")).collect() };
    // What the peer can't read would cost it nothing.
    let readable: Vec<&Sample> = samples
        .iter()
        .filter(|sample| {
            let said = serialize_mbus_data(&hex(&sample.sealed), "json", Some(&KEY));
            said.starts_with('{') && said.contains("\"value\"")
        })
        .collect();
    let telegrams: Vec<String> = readable.iter().map(|sample| hex(&sample.sealed)).collect();
    if telegrams.is_empty() {
        return;
    }
    let lines: String = telegrams
        .iter()
        .map(|telegram| format!("{telegram} {}\n", hex(&KEY)))
        .collect();
    // So many that the command's start, a few milliseconds, is a small part of a turn on a quick machine as well.
    let copies = extent.pick(4000, 8000);
    let many = lines.repeat(copies);
    let folder = Folder::new("decode");
    let (file, said) = (folder.path("telegrams.txt"), folder.path("said.json"));
    fs::write(&file, &many).unwrap();
    let all = copies as f64 * telegrams.len() as f64;
    let (mut ours, mut piped, mut theirs) = (0.0_f64, 0.0_f64, 0.0_f64);
    // Turn by turn, since machines are shared: what is quick in one turn and slow in the next is so for both.
    let (mut ratios, mut piped_ratios) = (Vec::new(), Vec::new());
    for _ in 0..9 {
        let our_rate = all * per_file(&file, &said);
        ours = ours.max(our_rate);
        let rate = per_second(1, Duration::from_millis(400), || {
            for telegram in &telegrams {
                black_box(serialize_mbus_data(black_box(telegram), "json", Some(&KEY)));
            }
            telegrams.len() as u64
        });
        theirs = theirs.max(rate);
        ratios.push(our_rate / rate);
        let our_rate = all * per_pipe(&many);
        piped = piped.max(our_rate);
        piped_ratios.push(our_rate / rate);
    }
    say(
        Figure::new("decode --json, the whole command, file to file", ours, "1/s").noting(format!(
            "{} telegrams of as many families, mode 5, that both can read",
            telegrams.len()
        )),
    );
    say(Figure::new(
        "... through pipes from and to this process",
        piped,
        "1/s",
    ));
    say(Figure::new(
        "the JSON of m-bus-parser, in this process, in memory",
        theirs,
        "1/s",
    ));
    let middle = |mut ratios: Vec<f64>| {
        ratios.sort_unstable_by(f64::total_cmp);
        ratios.get(ratios.len() / 2).copied().unwrap_or_default()
    };
    say(
        Figure::new("decode --json beside m-bus-parser", middle(ratios), "times")
            .against(Bar::AtLeast(10.0))
            .noting("the middle one of nine turns, file to file".to_owned()),
    );
    say(Figure::new("... through pipes", middle(piped_ratios), "times")
        .noting("who feeds it and who reads it share its cores".to_owned()));
}

/// How often a second the command gets through a file into another, its start included.
fn per_file(file: &Path, said: &Path) -> f64 {
    let out = File::create(said).unwrap();
    let begun = Instant::now();
    let done = releve(&["decode", "--json", file.to_str().unwrap()])
        .stdout(out)
        .status()
        .unwrap();
    assert!(done.success());
    1.0 / begun.elapsed().as_secs_f64()
}

/// The same, fed and read by this process.
fn per_pipe(lines: &str) -> f64 {
    let begun = Instant::now();
    let mut child = releve(&["decode", "--json", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    let mut output = child.stdout.take().unwrap();
    thread::scope(|scope| {
        scope.spawn(move || input.write_all(lines.as_bytes()).unwrap());
        let mut buffer = vec![0; 1 << 16];
        while output.read(&mut buffer).unwrap() > 0 {}
    });
    assert!(child.wait().unwrap().success());
    1.0 / begun.elapsed().as_secs_f64()
}
