//! A named pipe (FIFO) that programs write lines into, one after the other or for ever.
//!
//! Some end of it stays open on our side all the time: what a writer leaves behind while nobody has the pipe open
//! for reading is thrown away by the system.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{Mode, OFlags, open};

use super::stream::{Again, Source};

/// Reads give up after this long, so that the thread can look whether anybody still listens.
const LOOK_UP: Timespec = Timespec {
    tv_sec: 1,
    tv_nsec: 0,
};

/// The pipe as a source: one opening lasts until its last writer closes it.
#[derive(Debug)]
pub(super) struct Pipe {
    path: PathBuf,
    reading: Option<Arc<File>>,
}

/// One opening.
struct Opening(Arc<File>);

impl Pipe {
    pub(super) fn new(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            reading: None,
        }
    }
}

impl Source for Pipe {
    fn open(&mut self) -> io::Result<Box<dyn Read + Send>> {
        let named =
            |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", self.path.display()));
        if !std::fs::metadata(&self.path)
            .map_err(named)?
            .file_type()
            .is_fifo()
        {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                format!("{} is no named pipe: make one with mkfifo", self.path.display()),
            ));
        }
        // Without waiting for a writer. An opening that has seen its writers go says so again and again; a new one
        // does not, which is why there is a new one each time, opened before the old one is closed.
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let opened = open(&self.path, flags, Mode::empty()).map_err(|error| named(error.into()))?;
        let reading = Arc::new(File::from(opened));
        self.reading = Some(reading.clone());
        Ok(Box::new(Opening(reading)))
    }

    fn end(&mut self) -> String {
        format!("nobody writes into {} any more", self.path.display())
    }

    fn again(&self) -> Again {
        Again::AtOnce
    }
}

impl Read for Opening {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        poll(&mut [PollFd::new(&self.0, PollFlags::IN)], Some(&LOOK_UP))?;
        // Also when nothing came: that is the end when there is no writer, and `WouldBlock` when one is silent.
        (&*self.0).read(buffer)
    }
}
