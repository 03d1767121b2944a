//! A capture file, read once from its start to its end.

use std::io::{self, BufReader};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::lines::{Clock, Lines};
use super::{Event, Receiver};
use crate::capture::{Origin, Reader};

/// A capture file that is complete.
#[derive(Debug)]
pub struct File {
    radio: Arc<str>,
    path: PathBuf,
    /// `None` once it was read to its end.
    reader: Option<Reader<BufReader<std::fs::File>>>,
    lines: Lines,
}

impl File {
    /// A file to be read once; times are those of its lines.
    ///
    /// # Errors
    /// It can't be opened.
    pub fn open(path: &Path, origin: Origin) -> io::Result<Self> {
        let file = std::fs::File::open(path)?;
        Ok(Self {
            radio: origin.radio.clone(),
            path: path.to_owned(),
            reader: Some(Reader::new(BufReader::with_capacity(64 * 1024, file), origin)),
            lines: Lines::new(Clock::Recorded),
        })
    }

    /// Octets read so far, for a progress bar.
    pub fn position(&self) -> u64 {
        self.reader.as_ref().map_or(0, Reader::position)
    }
}

impl Receiver for File {
    fn radio(&self) -> &Arc<str> {
        &self.radio
    }

    /// Never idle: a file answers at once. An error on the way is a loss, and the end.
    fn next(&mut self, _: Duration) -> Event {
        loop {
            if let Some(event) = self.lines.pop() {
                return event;
            }
            match self.reader.as_mut().and_then(Iterator::next) {
                Some(Ok(line)) => self.lines.push(line),
                Some(Err(error)) => {
                    return Event::Lost(format!(
                        "{} can't be read any further: {error}",
                        self.path.display()
                    ));
                }
                None => return Event::Ended,
            }
        }
    }
}
