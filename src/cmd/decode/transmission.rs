//! A transmission on its way to a line of JSON, in three steps, so that several can be on their way at once: only the
//! second one depends on the telegrams before it.

use std::borrow::Cow;

use decoders::{Context, Decoded, Families};
use wmbus::{Error, Frame, Key, Message};

use super::line::{self, Line};
use crate::pipeline::Memory;

/// The telegrams of one transmission, or why there is none.
pub(super) struct Transmission<'a> {
    keys: Cow<'a, [Key]>,
    telegrams: Result<Telegrams<'a>, Error>,
}

/// Mostly there is one.
struct Telegrams<'a> {
    first: Telegram<'a>,
    others: Vec<Telegram<'a>>,
}

struct Telegram<'a> {
    frame: Frame<'a>,
    message: Result<Message<'a>, Error>,
}

impl<'a> Transmission<'a> {
    /// First step: opens its telegrams, with its own key before those for all.
    pub(super) fn open(families: &Families, octets: &'a [u8], own: Option<&'a Key>, keys: &'a [Key]) -> Self {
        let keys = match (own, keys) {
            (None, keys) => Cow::Borrowed(keys),
            (Some(own), []) => Cow::Borrowed(std::slice::from_ref(own)),
            (Some(own), keys) => std::iter::once(own).chain(keys).cloned().collect(),
        };
        let frame = match super::frame(octets) {
            Ok(frame) => frame,
            Err(error) => {
                let telegrams = Err(error);
                return Self { keys, telegrams };
            }
        };
        let others = std::iter::successors(frame.following(), Frame::following)
            .map(|frame| Telegram {
                message: families.open(&frame, &keys),
                frame,
            })
            .collect();
        let message = families.open(&frame, &keys);
        // Put together at once: each step on the way would move it.
        Self {
            keys,
            telegrams: Ok(Telegrams {
                first: Telegram { frame, message },
                others,
            }),
        }
    }

    /// Second step, in the order of the transmissions: what earlier ones have shown, and what this one shows.
    pub(super) fn join(&mut self, families: &Families, memory: &mut Memory) {
        let Ok(telegrams) = &mut self.telegrams else {
            return;
        };
        for telegram in std::iter::once(&mut telegrams.first).chain(&mut telegrams.others) {
            memory.join(families, &telegram.frame, &self.keys, &mut telegram.message, 0);
        }
    }

    /// Last step: appends its line, without the end of it; true when it was read. `decoded` lends its memory.
    pub(super) fn write(&self, families: &Families, decoded: &mut Decoded, out: &mut Vec<u8>) -> bool {
        let telegrams = match &self.telegrams {
            Ok(telegrams) => telegrams,
            Err(error) => {
                Line::of(None, Err(error.clone())).write(out);
                return false;
            }
        };
        let first = &telegrams.first;
        if telegrams.others.is_empty() {
            return match first.decode(families, decoded) {
                Ok(()) => {
                    line::telegram(out, decoded, &[]);
                    true
                }
                Err(error) => {
                    first.line(families, Err(error)).write(out);
                    false
                }
            };
        }
        let line_of = |telegram: &Telegram<'_>| {
            let mut decoded = Decoded::default();
            let read = telegram.decode(families, &mut decoded);
            telegram.line(families, read.map(|()| decoded))
        };
        let line = Line::of_several(line_of(first), telegrams.others.iter().map(line_of).collect());
        line.write(out);
        line.is_read()
    }
}

impl Telegram<'_> {
    fn decode(&self, families: &Families, decoded: &mut Decoded) -> Result<(), Error> {
        match &self.message {
            Ok(message) => families.decode_into(message, &Context::default(), decoded),
            Err(error) => Err(error.clone()),
        }
    }

    fn line(&self, families: &Families, read: Result<Decoded, Error>) -> Line {
        let meter = read.is_err().then(|| families.identify(&self.frame));
        Line::of(meter, read)
    }
}
