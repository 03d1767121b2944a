//! Dongles at a bench: the recorded exchanges of the description beside the workspace, in pieces of any size.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod amb8465;
mod cul;
mod faults;
mod im871a;
mod iu891a;
mod rawtty;
mod rc1180;

use std::path::PathBuf;
use std::time::Duration;

use collector::dongle::{Framer, Model, Step, Wanted};
use collector::{LinkMode, Telegram};

/// Sizes of the pieces that octets are pushed in.
const PIECES: [usize; 4] = [1, 2, 7, usize::MAX];

/// The description of radios; `None`, said aloud, where it is absent.
fn description() -> Option<String> {
    let path = PathBuf::from(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../shared/specs/radios.md"
    ));
    let text = std::fs::read_to_string(&path).ok();
    if text.is_none() {
        println!("skipped: {} is not there", path.display());
    }
    text
}

/// One line of an exchange.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Said {
    ByHost(Vec<u8>),
    ByDongle(Vec<u8>),
}

/// The exchanges with this tag, block by block.
fn exchanges(tag: &str) -> Option<Vec<Vec<Said>>> {
    let text = description()?;
    let mut blocks = Vec::new();
    let mut block: Option<Vec<Said>> = None;
    for line in text.lines() {
        if let Some(fence) = line.strip_prefix("```") {
            if let Some(block) = block.take() {
                blocks.push(block);
            } else if fence == tag {
                block = Some(Vec::new());
            } else {
                // Some other block, until its end.
                continue;
            }
            continue;
        }
        let Some(block) = &mut block else { continue };
        let line = line.split("   ;").next().unwrap();
        match (line.strip_prefix("> "), line.strip_prefix("< ")) {
            (Some(rest), _) => block.push(Said::ByHost(octets(rest))),
            (_, Some(rest)) => block.push(Said::ByDongle(octets(rest))),
            // A line that goes on, or a stream without marks.
            (None, None) => match block.last_mut() {
                Some(Said::ByHost(said) | Said::ByDongle(said)) => said.extend(octets(line)),
                None => block.push(Said::ByDongle(octets(line))),
            },
        }
    }
    assert!(!blocks.is_empty(), "no {tag} in the description");
    Some(blocks)
}

/// Hexadecimal octets, or text with its line end written out.
fn octets(text: &str) -> Vec<u8> {
    if text.contains("\\r\\n") {
        return text.replace("\\r\\n", "\r\n").replace("\\x00", "\0").into_bytes();
    }
    hex(text)
}

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    assert!(digits.len().is_multiple_of(2), "{text}");
    digits
        .chunks(2)
        .map(|pair| {
            u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap_or_else(|_| panic!("{text}"))
        })
        .collect()
}

/// Octets of the telegrams that the examples are made of, by the name the description gives them.
fn named(name: &str) -> Vec<u8> {
    let text = description().unwrap();
    let start = format!("| {name} |");
    let row = text.lines().find(|line| line.starts_with(&start)).unwrap();
    hex(row.split('`').nth(1).unwrap())
}

/// All that the dongle says in some blocks, one after the other.
fn said(blocks: &[Vec<Said>]) -> Vec<Vec<u8>> {
    blocks
        .iter()
        .flatten()
        .filter_map(|said| match said {
            Said::ByDongle(octets) => Some(octets.clone()),
            Said::ByHost(_) => None,
        })
        .collect()
}

/// The first question in some blocks that begins so.
fn asked(blocks: &[Vec<Said>], start: &[u8]) -> Vec<u8> {
    let question = blocks.iter().flatten().find_map(|said| match said {
        Said::ByHost(octets) if octets.starts_with(start) => Some(octets.clone()),
        _ => None,
    });
    question.unwrap()
}

/// What a dongle answers to each question, in the order in which it is asked.
#[derive(Clone, Debug, Default)]
struct Script {
    answers: Vec<(Vec<u8>, Vec<u8>, bool)>,
}

impl Script {
    fn of(blocks: &[Vec<Said>]) -> Self {
        let mut script = Self::default();
        for said in blocks.iter().flatten() {
            match said {
                Said::ByHost(question) => script.answers.push((question.clone(), Vec::new(), false)),
                Said::ByDongle(octets) => {
                    if let Some((_, answer, _)) = script.answers.last_mut() {
                        answer.extend(octets);
                    }
                }
            }
        }
        script
    }

    /// The same with another answer to come first for a question.
    fn but(mut self, question: &[u8], answer: &[u8]) -> Self {
        self.answers
            .insert(0, (question.to_vec(), answer.to_vec(), false));
        self
    }

    /// The next answer to this question; once all were given, the last again.
    fn answer(&mut self, question: &[u8], same: fn(&[u8], &[u8]) -> bool) -> Vec<u8> {
        let fits = |(known, _, _): &&mut (Vec<u8>, Vec<u8>, bool)| same(known, question);
        if let Some((_, answer, was_given)) = self
            .answers
            .iter_mut()
            .filter(fits)
            .find(|(_, _, was_given)| !was_given)
        {
            *was_given = true;
            return answer.clone();
        }
        self.answers
            .iter_mut()
            .filter(fits)
            .last()
            .map_or(Vec::new(), |(_, answer, _)| answer.clone())
    }
}

/// A dongle without a port, its clock, and what came of it.
struct Bench {
    framer: Box<dyn Framer>,
    now: Duration,
    piece: usize,
    sent: Vec<Vec<u8>>,
    telegrams: Vec<Telegram>,
    ready: Option<String>,
    failed: Option<String>,
}

impl Bench {
    fn new(model: Model, modes: &[LinkMode], may_write_flash: bool, piece: usize) -> Self {
        let wanted = Wanted {
            modes: modes.to_vec(),
            may_write_flash,
        };
        Self {
            framer: model.framer("bench".into(), wanted),
            now: Duration::ZERO,
            piece,
            sent: Vec::new(),
            telegrams: Vec::new(),
            ready: None,
            failed: None,
        }
    }

    /// Sets it up against something that answers, until it is ready or has failed.
    fn set_up(&mut self, mut answer: impl FnMut(&[u8]) -> Vec<u8>) -> &mut Self {
        for _ in 0..1000 {
            match self.framer.next(self.now) {
                Step::Send(octets) => {
                    let answer = answer(&octets);
                    self.sent.push(octets);
                    self.push(&answer);
                }
                Step::Telegram(telegram) => self.telegrams.push(telegram),
                Step::Ready(identity) => self.ready = Some(identity),
                Step::Failed(reason) => self.failed = Some(reason),
                Step::Wait(None) => break,
                Step::Wait(Some(wait)) => self.now += wait.max(Duration::from_millis(1)),
            }
        }
        assert!(
            self.ready.is_some() != self.failed.is_some(),
            "neither ready nor failed"
        );
        self
    }

    /// Lets octets come, and takes what comes of them at once.
    fn hear(&mut self, octets: &[u8]) -> &mut Self {
        self.push(octets);
        self.take();
        self
    }

    /// Lets nothing come for long enough.
    fn fall_silent(&mut self) -> &mut Self {
        self.now += Duration::from_secs(3);
        self.take();
        self
    }

    fn push(&mut self, octets: &[u8]) {
        for piece in octets.chunks(self.piece.min(octets.len().max(1))) {
            self.now += Duration::from_millis(1);
            self.framer.push(piece, self.now);
        }
    }

    fn take(&mut self) {
        loop {
            match self.framer.next(self.now) {
                Step::Telegram(telegram) => self.telegrams.push(telegram),
                Step::Wait(_) => break,
                step => panic!("{step:?}"),
            }
        }
    }

    fn octets(&self) -> Vec<Vec<u8>> {
        self.telegrams
            .iter()
            .map(|telegram| telegram.octets.clone())
            .collect()
    }

    fn signals(&self) -> Vec<Option<i16>> {
        self.telegrams.iter().map(|telegram| telegram.rssi_dbm).collect()
    }
}

fn all_named(names: &[&str]) -> Vec<Vec<u8>> {
    names.iter().map(|name| named(name)).collect()
}

fn same(known: &[u8], question: &[u8]) -> bool {
    known == question
}
