//! `releve capture`: what is heard, written down line by line in files that rotate. A crash leaves whole lines.

use std::fs::{self, File, OpenOptions};
use std::io::{self, IsTerminal, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use collector::capture::Writer;
use jiff::Timestamp;
use serde_json::json;

use super::source::{SourceArgs, stop_on_signals};
use super::{Done, Outcome};
use crate::intake::Heard;

/// What to write down, and where.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  releve capture --device /dev/ttyUSB0 --model im871a --output cellar.txt
  releve capture --config /etc/releve/config.toml --output cellar.txt --megabytes 20 --files 5
  rtl_sdr -f 868.95M -s 1600000 - | rtl_wmbus | releve capture - --output cellar.txt

What was written is read by `releve replay`, `releve listen` and `releve decode`. A full file becomes cellar.txt.1, the one
before cellar.txt.2, and so on. It holds the neighbours' telegrams, too, as far as they can be heard.")]
pub(super) struct Args {
    #[command(flatten)]
    source: SourceArgs,
    /// The file to write; what is in it stays.
    #[arg(long, short, value_name = "FILE")]
    output: PathBuf,
    /// A file of this size is full.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..=100_000))]
    megabytes: u64,
    /// How many files there are at most, the one that is written among them.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=1000))]
    files: u32,
    /// What was done, as one JSON object.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args) -> Outcome {
    super::run::log_warnings();
    let stop = stop_on_signals()?;
    let mut book = Book::open(&args.output, args.megabytes << 20, args.files)?;
    let ears = args.source.ears(&stop)?;
    let until = args.source.duration().map(|duration| Instant::now() + duration);
    let shows = io::stderr().is_terminal();
    let (mut telegrams, mut refused) = (0_u64, 0_u64);
    let mut say_at = Instant::now();
    loop {
        if until.is_some_and(|until| Instant::now() >= until) {
            stop.store(true, Ordering::Relaxed);
        }
        match ears.next(Duration::from_millis(200)) {
            Heard::Telegram(mut telegram) => {
                telegram.received_at.get_or_insert_with(Timestamp::now);
                let mut line = Vec::new();
                // Longer than any telegram: what no capture holds.
                match Writer::new(&mut line).write(&telegram) {
                    Ok(()) => {
                        book.write(&line)?;
                        telegrams += 1;
                    }
                    Err(_) => refused += 1,
                }
            }
            Heard::Nothing => {}
            Heard::End => break,
        }
        if shows && Instant::now() >= say_at {
            say_at = Instant::now() + Duration::from_secs(1);
            eprint!(
                "\r{telegrams} telegrams, {} in {}",
                size(book.size),
                args.output.display()
            );
        }
    }
    drop(ears);
    book.close()?;
    if shows {
        eprintln!();
    }
    super::print(&if args.json {
        format!(
            "{}\n",
            json!({ "file": args.output.display().to_string(), "telegrams": telegrams, "refused": refused, "rotated": book.rotated })
        )
    } else {
        format!("{telegrams} telegrams written to {}\n", args.output.display())
    })?;
    Ok(Done::Whole)
}

/// A file that is written line by line, and those that were full.
struct Book {
    path: PathBuf,
    file: File,
    size: u64,
    full: u64,
    files: u32,
    rotated: u64,
}

impl Book {
    fn open(path: &Path, full: u64, files: u32) -> io::Result<Self> {
        let named = |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
        let mut file = OpenOptions::new()
            .create(true)
            .append(true)
            .read(true)
            .open(path)
            .map_err(named)?;
        let mut size = file.metadata().map_err(named)?.len();
        // Whoever was killed in the middle of a line left half of it.
        if size > 0 {
            let mut last = [0];
            file.seek(SeekFrom::End(-1)).map_err(named)?;
            file.read_exact(&mut last).map_err(named)?;
            if last != *b"\n" {
                file.write_all(b"\n").map_err(named)?;
                size += 1;
            }
        }
        Ok(Self {
            path: path.to_owned(),
            file,
            size,
            full,
            files,
            rotated: 0,
        })
    }

    /// A line, in one piece.
    fn write(&mut self, line: &[u8]) -> io::Result<()> {
        if self.size > 0 && self.size + line.len() as u64 > self.full {
            self.rotate()?;
        }
        self.file.write_all(line)?;
        self.size += line.len() as u64;
        Ok(())
    }

    fn rotate(&mut self) -> io::Result<()> {
        self.file.sync_all()?;
        let name = |number: u32| {
            let mut name = self.path.clone().into_os_string();
            name.push(format!(".{number}"));
            PathBuf::from(name)
        };
        for number in (1..self.files.saturating_sub(1)).rev() {
            match fs::rename(name(number), name(number + 1)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        if self.files > 1 {
            fs::rename(&self.path, name(1))?;
        } else {
            fs::remove_file(&self.path)?;
        }
        self.rotated += 1;
        let fresh = Self::open(&self.path, self.full, self.files)?;
        (self.file, self.size) = (fresh.file, fresh.size);
        Ok(())
    }

    fn close(&mut self) -> io::Result<()> {
        self.file.sync_all()
    }
}

fn size(octets: u64) -> String {
    if octets < 1 << 20 {
        format!("{} kB", octets >> 10)
    } else {
        format!("{} MB", octets >> 20)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn full_files_move_on_and_the_last_one_leaves() {
        let folder = std::env::temp_dir().join(format!("releve-capture-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir(&folder).unwrap();
        let path = folder.join("c.txt");
        fs::write(&path, "half a li").unwrap();
        let mut book = Book::open(&path, 25, 3).unwrap();
        for number in 0..9 {
            book.write(format!("line number {number}\n").as_bytes()).unwrap();
        }
        let text = |name: &str| fs::read_to_string(folder.join(name)).unwrap();
        assert_eq!(text("c.txt"), "line number 8\n");
        assert_eq!(text("c.txt.1"), "line number 7\n");
        assert_eq!(text("c.txt.2"), "line number 6\n");
        assert!(!folder.join("c.txt.3").exists());
        assert_eq!(book.rotated, 8);
        let mut book = Book::open(&path, 1000, 3).unwrap();
        book.write(b"line number 9\n").unwrap();
        assert_eq!(text("c.txt"), "line number 8\nline number 9\n");
        fs::remove_dir_all(&folder).unwrap();
    }
}
