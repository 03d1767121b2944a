//! A capture file that some program goes on writing.
//!
//! Read from its start; then looked at four times a second. A file that became shorter, or that another file has
//! taken the place of (log rotation), is read from its start again, after what was left of the old one.

use std::fs::File;
use std::io::{self, BufReader};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use super::lines::{Clock, Lines};
use super::{Event, Receiver};
use crate::capture::{Origin, Reader};

/// How often the file is looked at.
const LOOK: Duration = Duration::from_millis(250);

/// A file that grows.
#[derive(Debug)]
pub struct Growing {
    origin: Origin,
    path: PathBuf,
    open: Option<Open>,
    /// The loss was told, and tells itself no more until the file is back.
    is_lost: bool,
    lines: Lines,
}

#[derive(Debug)]
struct Open {
    reader: Reader<BufReader<File>>,
    identity: (u64, u64),
    /// Another file has its name: what was written into this one until then is still to be read.
    is_replaced: bool,
}

impl Growing {
    /// A file to be read as it grows; it need not be there yet. Times are those of its lines, else now.
    pub fn new(path: &Path, origin: Origin) -> Self {
        Self {
            origin,
            path: path.to_owned(),
            open: None,
            is_lost: false,
            lines: Lines::new(Clock::RecordedOrNow),
        }
    }

    /// The same with another clock.
    #[must_use]
    pub fn clocked_by(mut self, clock: Clock) -> Self {
        self.lines = Lines::new(clock);
        self
    }

    /// Takes one step: opens, reads a line, or closes; `false` when there is nothing to do for now.
    fn look(&mut self) -> io::Result<bool> {
        let Some(open) = &mut self.open else {
            let file = File::open(&self.path)?;
            let metadata = file.metadata()?;
            if metadata.is_dir() {
                return Err(io::ErrorKind::IsADirectory.into());
            }
            self.open = Some(Open {
                reader: Reader::new(BufReader::with_capacity(64 * 1024, file), self.origin.clone()),
                identity: (metadata.dev(), metadata.ino()),
                is_replaced: false,
            });
            self.is_lost = false;
            return Ok(true);
        };
        if let Some(line) = open.reader.read_line()? {
            self.lines.push(line);
            return Ok(true);
        }
        // At its end: is it still the file of that name, and still as long as what was read?
        let shrunk = open.reader.get_ref().get_ref().metadata()?.len() < open.reader.position();
        let replaced = match std::fs::metadata(&self.path) {
            Ok(metadata) => (metadata.dev(), metadata.ino()) != open.identity,
            // Between the two steps of a rotation there is none. The old one may still grow.
            Err(error) if error.kind() == io::ErrorKind::NotFound => false,
            Err(error) => return Err(error),
        };
        if replaced && !open.is_replaced {
            open.is_replaced = true;
            return Ok(true);
        }
        if shrunk || replaced {
            if let Some(line) = open.reader.finish() {
                self.lines.push(line);
            }
            self.open = None;
            return Ok(true);
        }
        Ok(false)
    }
}

impl Receiver for Growing {
    fn radio(&self) -> &Arc<str> {
        &self.origin.radio
    }

    fn next(&mut self, patience: Duration) -> Event {
        let begun = Instant::now();
        loop {
            if let Some(event) = self.lines.pop() {
                return event;
            }
            match self.look() {
                Ok(true) => continue,
                Ok(false) => {}
                Err(error) => {
                    self.open = None;
                    if !self.is_lost {
                        self.is_lost = true;
                        return Event::Lost(format!("{} can't be read: {error}", self.path.display()));
                    }
                }
            }
            let Some(left) = patience
                .checked_sub(begun.elapsed())
                .filter(|left| !left.is_zero())
            else {
                return Event::Idle;
            };
            thread::sleep(left.min(LOOK));
        }
    }
}
