//! `releve decode`: one telegram, a file of them, or a stream; for people a dissection, for machines JSON.

mod dissect;
mod input;

use std::io::{self, BufRead, IsTerminal, Write};
use std::path::PathBuf;

use decoders::{Context, Decoded, Families};
use wmbus::{Address, Error, Frame, Key, phy};

use self::dissect::Dissection;
use self::input::Input;
use super::{Done, Outcome};
use crate::json::{Failure, Line};
use crate::pipeline::Memory;
use crate::plain::plain;

/// What to decode.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  releve decode 1844595F7856341201077A2A0400000413181E0000023B0C00
  releve decode --key 000102030405060708090A0B0C0D0E0F telegram.txt
  printf '%s\\n' \"HEX\" \"HEX KEY\" | releve decode --json -")]
pub(super) struct Args {
    /// Telegrams in hexadecimal, capture files, or `-` for one `HEX` or `HEX KEY` a line on standard input.
    #[arg(required = true, value_name = "TELEGRAM|FILE|-")]
    input: Vec<String>,
    /// A key to try, 32 hexadecimal digits (16 for DES); may be given several times.
    #[arg(long, value_name = "HEX")]
    key: Vec<Key>,
    /// One JSON object a line.
    #[arg(long)]
    json: bool,
    /// A folder with pages of further meter families.
    #[arg(long, value_name = "FOLDER")]
    families: Option<PathBuf>,
}

pub(super) fn run(args: &Args) -> Outcome {
    let families = super::families(args.families.as_deref())?;
    let mut reader = Reader {
        memory: Memory::new(&families),
        families: &families,
        keys: &args.key,
        colour: colour(),
    };
    let mut out = io::BufWriter::new(io::stdout().lock());
    let mut all_read = true;
    for text in &args.input {
        match Input::of(text)? {
            Input::Telegram(octets) => all_read &= reader.show(args, &octets, None, &mut out)?,
            Input::Lines(lines) => all_read &= reader.lines(args, lines, &mut out)?,
        }
    }
    out.flush()?;
    Ok(if all_read { Done::Whole } else { Done::InPart })
}

struct Reader<'a> {
    memory: Memory,
    families: &'a Families,
    keys: &'a [Key],
    colour: bool,
}

impl Reader<'_> {
    /// One telegram a line; a line that holds none is one failed line, so that lines in and out stay in step.
    fn lines(
        &mut self,
        args: &Args,
        mut lines: Box<dyn BufRead>,
        out: &mut impl Write,
    ) -> Result<bool, io::Error> {
        let mut all_read = true;
        let mut line = Vec::new();
        while input::next_line(&mut *lines, &mut line)? {
            match input::telegram_and_key(&line) {
                Ok((octets, key)) => all_read &= self.show(args, &octets, key, out)?,
                Err(failure) => {
                    all_read = false;
                    self.refuse(args, failure, out)?;
                }
            }
        }
        Ok(all_read)
    }

    fn show(
        &mut self,
        args: &Args,
        octets: &[u8],
        key: Option<Key>,
        out: &mut impl Write,
    ) -> io::Result<bool> {
        let keys: Vec<Key> = key.into_iter().chain(self.keys.iter().cloned()).collect();
        let read = self.read(octets, &keys);
        let good = read.is_ok();
        if args.json {
            self.write_line(octets, read, &keys, out)?;
        } else {
            let dissection = Dissection {
                families: self.families,
                keys: &keys,
                memory: &self.memory,
                colour: self.colour,
            };
            match frame(octets) {
                Ok(frame) => {
                    dissection.write(out, &frame, &read)?;
                    self.show_behind(frame.following(), &keys, out)?;
                }
                Err(error) => writeln!(out, "{error}\n")?,
            }
        }
        Ok(good)
    }

    /// One object, also when a transmission held several telegrams: of one meter's the latest that can be read, which has
    /// the newest values, and the others in `also`.
    fn write_line(
        &mut self,
        octets: &[u8],
        read: Result<Decoded, Error>,
        keys: &[Key],
        out: &mut impl Write,
    ) -> io::Result<()> {
        let whole = frame(octets).ok();
        let mut all = vec![(whole.as_ref().map(|frame| self.families.identify(frame)), read)];
        let mut next = whole.as_ref().and_then(Frame::following);
        while let Some(frame) = next {
            let read = self
                .memory
                .read(self.families, &frame, keys, &Context::default(), 0);
            all.push((Some(self.families.identify(&frame)), read));
            next = frame.following();
        }
        let meter_of = |(_, read): &(_, Result<Decoded, Error>)| read.as_ref().ok().map(|read| read.meter);
        let first = all.first().and_then(meter_of);
        let chosen = all
            .iter()
            .rposition(|entry| first.is_some() && meter_of(entry) == first)
            .unwrap_or(0);
        let others = all
            .iter()
            .enumerate()
            .filter(|(position, _)| *position != chosen)
            .map(|(_, entry)| line(entry))
            .collect();
        if let Some(entry) = all.get(chosen) {
            serde_json::to_writer(&mut *out, &line(entry).with(others))?;
        }
        writeln!(out)
    }

    /// The telegrams behind one, when a transmission held several.
    fn show_behind(
        &mut self,
        mut next: Option<Frame<'_>>,
        keys: &[Key],
        out: &mut impl Write,
    ) -> io::Result<()> {
        while let Some(frame) = next {
            let read = self
                .memory
                .read(self.families, &frame, keys, &Context::default(), 0);
            writeln!(out, "and in the same transmission:\n")?;
            let dissection = Dissection {
                families: self.families,
                keys,
                memory: &self.memory,
                colour: self.colour,
            };
            dissection.write(out, &frame, &read)?;
            next = frame.following();
        }
        Ok(())
    }

    fn refuse(&self, args: &Args, error: Failure, out: &mut impl Write) -> io::Result<()> {
        if args.json {
            serde_json::to_writer(&mut *out, &Line::Failed { meter: None, error })?;
            writeln!(out)
        } else {
            writeln!(out, "{}", plain(&error.message))
        }
    }

    fn read(&mut self, octets: &[u8], keys: &[Key]) -> Result<Decoded, Error> {
        let frame = frame(octets)?;
        self.memory
            .read(self.families, &frame, keys, &Context::default(), 0)
    }
}

/// What is said of a telegram that was read, or not.
fn line((meter, read): &(Option<Address>, Result<Decoded, Error>)) -> Line<'_> {
    match read {
        Ok(decoded) => Line::read(decoded),
        Err(error) => Line::failed(*meter, error),
    }
}

/// Colours are for terminals, and for those who did not refuse them (no-color.org).
fn colour() -> bool {
    io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// A radio telegram, or a wired long frame that somebody pasted.
fn frame(octets: &[u8]) -> Result<Frame<'_>, Error> {
    match phy::wired_user_data(octets) {
        Some(user_data) => Frame::from_wired(user_data),
        None => Frame::parse(octets),
    }
}
