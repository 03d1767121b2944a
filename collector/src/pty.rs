//! A simulated dongle plugged into a pseudo-terminal: whoever opens its path can't tell it from a stick.

use std::fs;
use std::io::{self, ErrorKind};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{OptionalActions, tcgetattr, tcsetattr};

use crate::dongle::{Model, Simulated};

/// A simulated dongle on a pseudo-terminal. Dropping it unplugs it.
#[derive(Debug)]
pub struct Plugged {
    controller: OwnedFd,
    path: PathBuf,
    link: Option<PathBuf>,
    dongle: Simulated,
}

impl Plugged {
    /// Plugs a dongle in; with `link`, under that name too, so that it can come back under it.
    ///
    /// # Errors
    /// The system gives no pseudo-terminal, or `link` is in use by something that is no link.
    pub fn new(model: Model, link: Option<&Path>) -> io::Result<Self> {
        let controller = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)?;
        grantpt(&controller)?;
        unlockpt(&controller)?;
        let name = ptsname(&controller, Vec::new())?;
        let path = PathBuf::from(std::ffi::OsStr::from_bytes(name.as_bytes()));
        // Octets, not lines: what is written must not come back.
        let mut settings = tcgetattr(&controller)?;
        settings.make_raw();
        tcsetattr(&controller, OptionalActions::Now, &settings)?;
        if let Some(link) = link {
            if fs::symlink_metadata(link).is_ok_and(|data| data.is_symlink()) {
                fs::remove_file(link)?;
            }
            symlink(&path, link)?;
        }
        Ok(Self {
            controller,
            path,
            link: link.map(Path::to_owned),
            dongle: Simulated::new(model),
        })
    }

    /// Where it is plugged in.
    pub fn path(&self) -> &Path {
        self.link.as_deref().unwrap_or(&self.path)
    }

    /// The dongle.
    pub fn dongle(&self) -> &Simulated {
        &self.dongle
    }

    /// As [`Simulated::go_deaf`].
    pub fn go_deaf(&mut self) {
        self.dongle.go_deaf();
    }

    /// Answers what was written to it, waiting for at most so long.
    ///
    /// # Errors
    /// Those of the pseudo-terminal. That nobody has it open is none.
    pub fn turn(&mut self, patience: Duration) -> io::Result<()> {
        let mut wait = [PollFd::new(&self.controller, PollFlags::IN)];
        let patience_left = Timespec {
            tv_sec: i64::try_from(patience.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: patience.subsec_nanos().into(),
        };
        match poll(&mut wait, Some(&patience_left)) {
            Ok(0) | Err(Errno::INTR) => return Ok(()),
            Ok(_) => {}
            Err(error) => return Err(error.into()),
        }
        let mut octets = [0; 512];
        match rustix::io::read(&self.controller, &mut octets) {
            Ok(count) => {
                let said = self.dongle.hear(octets.get(..count).unwrap_or_default());
                self.say(&said)
            }
            // Nobody has it open.
            Err(Errno::IO) => {
                thread::sleep(patience.min(Duration::from_millis(20)));
                Ok(())
            }
            Err(Errno::AGAIN | Errno::INTR) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Hands a stripped telegram over; false when the dongle delivers nothing right now.
    ///
    /// # Errors
    /// As [`Self::say`].
    pub fn deliver(&self, telegram: &[u8]) -> io::Result<bool> {
        let octets = self.dongle.deliver(telegram);
        self.say(&octets)?;
        Ok(!octets.is_empty())
    }

    /// Writes any octets: half a message, garbage.
    ///
    /// # Errors
    /// Those of the pseudo-terminal.
    pub fn say(&self, octets: &[u8]) -> io::Result<()> {
        let mut left = octets;
        while !left.is_empty() {
            match rustix::io::write(&self.controller, left) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(count) => left = left.get(count..).unwrap_or_default(),
                Err(Errno::AGAIN | Errno::INTR) => thread::sleep(Duration::from_millis(1)),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }
}

impl Drop for Plugged {
    fn drop(&mut self) {
        if let Some(link) = &self.link {
            // It may be somebody else's by now.
            if fs::read_link(link).is_ok_and(|target| target == self.path) {
                let _ = fs::remove_file(link);
            }
        }
    }
}
