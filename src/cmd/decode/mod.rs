//! `releve decode`: one telegram, a file of them, or a stream; for people a dissection, for machines JSON.

mod dissect;
mod input;
mod line;
mod outlet;
mod pen;
mod stream;
mod transmission;
mod turns;

use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;

use decoders::{Context, Decoded, Families};
use wmbus::{Error, Frame, Key, phy};

use self::dissect::Dissection;
use self::input::{Input, Lines};
use self::transmission::Transmission;
use super::{Done, Outcome};
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
    let families = match args.families.as_deref() {
        None => Families::embedded_by(stream::processors())?,
        folder => super::families(folder)?,
    };
    let mut reader = Reader {
        memory: Memory::new(&families),
        families: &families,
        keys: &args.key,
        colour: colour(),
    };
    let mut all_read = true;
    for text in &args.input {
        all_read &= match Input::of(text)? {
            Input::Telegram(octets) if args.json => reader.as_json(&octets)?,
            Input::Telegram(octets) => reader.show(&octets, None, &mut io::stdout().lock())?,
            Input::Lines(lines) if args.json => stream::run(&mut reader, lines)?,
            Input::Lines(lines) => reader.lines(lines)?,
        };
    }
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
    fn lines(&mut self, mut lines: Lines) -> Result<bool, io::Error> {
        let mut out = io::BufWriter::new(io::stdout().lock());
        let mut all_read = true;
        let (mut line, mut octets) = (Vec::new(), Vec::new());
        loop {
            line.clear();
            octets.clear();
            match input::next_line(&mut lines, &mut line)? {
                None => break,
                Some(place) if place.is_empty() => continue,
                Some(_) => {}
            }
            match input::telegram_and_key(&line, &mut octets) {
                Ok((_, key)) => all_read &= self.show(&octets, key, &mut out)?,
                Err(failure) => {
                    all_read = false;
                    writeln!(out, "{}", plain(&failure.message))?;
                }
            }
        }
        out.flush()?;
        Ok(all_read)
    }

    fn as_json(&mut self, octets: &[u8]) -> io::Result<bool> {
        let mut transmission = Transmission::open(self.families, octets, None, self.keys);
        transmission.join(self.families, &mut self.memory);
        let mut text = Vec::new();
        let is_read = transmission.write(self.families, &mut Decoded::default(), &mut text);
        text.push(b'\n');
        io::stdout().lock().write_all(&text)?;
        Ok(is_read)
    }

    fn show(&mut self, octets: &[u8], key: Option<Key>, out: &mut impl Write) -> io::Result<bool> {
        let keys = self.keys_and(key);
        let frame = match frame(octets) {
            Ok(frame) => frame,
            Err(error) => {
                writeln!(out, "{error}\n")?;
                return Ok(false);
            }
        };
        let read = self.read(&frame, &keys);
        let dissection = Dissection {
            families: self.families,
            keys: &keys,
            memory: &self.memory,
            colour: self.colour,
        };
        dissection.write(out, &frame, &read)?;
        self.show_behind(frame.following(), &keys, out)?;
        Ok(read.is_ok())
    }

    /// A line's own key goes first.
    fn keys_and(&self, key: Option<Key>) -> Vec<Key> {
        key.into_iter().chain(self.keys.iter().cloned()).collect()
    }

    /// The telegrams behind one, when a transmission held several.
    fn show_behind(
        &mut self,
        mut next: Option<Frame<'_>>,
        keys: &[Key],
        out: &mut impl Write,
    ) -> io::Result<()> {
        while let Some(frame) = next {
            let read = self.read(&frame, keys);
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

    fn read(&mut self, frame: &Frame<'_>, keys: &[Key]) -> Result<Decoded, Error> {
        self.memory
            .read(self.families, frame, keys, &Context::default(), 0)
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
