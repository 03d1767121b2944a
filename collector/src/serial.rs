//! Dongles on serial ports: the only file that opens one. Opens, sets up, listens, notices silence, heals, says so.
//!
//! ```text
//! closed ──open, set up──► listening ──silence──► reset by its own command, set up ──silence──► closed for a while
//!    ▲                        │                                                                    │
//!    └────────────── gone, refused, no answer: later and later, up to 30 s ◄───────────────────────┘
//! ```

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use serialport::{ClearBuffer, SerialPort};

use crate::dongle::{Framer, Model, Step, Wanted};
use crate::health::{Condition, Health};
use crate::receiver::{Event, Receiver};

/// A dongle and the port it is plugged into.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The configured name.
    pub radio: Arc<str>,
    /// The port, best by a name that stays (`/dev/serial/by-id/…`).
    pub port: PathBuf,
    /// What is plugged in there.
    pub model: Model,
    /// Its speed in baud; the model's own when `None`.
    pub baud: Option<u32>,
    /// What it should do.
    pub wanted: Wanted,
    /// After so long without a telegram it is taken for hung.
    pub silence: Silence,
    /// The first wait before a port is opened again; later ones are longer.
    pub retry: Duration,
}

/// How long a silence is normal, told while a receiver runs: whoever knows the meters knows their nights.
#[derive(Clone, Debug)]
pub struct Silence(Arc<AtomicU64>);

impl Silence {
    /// So long; zero for ever.
    pub fn new(normal: Duration) -> Self {
        Self(Arc::new(AtomicU64::new(milliseconds(normal))))
    }

    /// From now on so long; zero for ever.
    pub fn set(&self, normal: Duration) {
        self.0.store(milliseconds(normal), Ordering::Relaxed);
    }

    fn normal(&self) -> Option<Duration> {
        match self.0.load(Ordering::Relaxed) {
            0 => None,
            milliseconds => Some(Duration::from_millis(milliseconds)),
        }
    }
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// A dongle on a serial port, as a receiver.
pub struct Dongle {
    settings: Settings,
    line: Line,
    health: Health,
    /// How long the next wait will be.
    wait: Duration,
    /// Noise of the lines before this one.
    noise: u64,
}

enum Line {
    Closed { until: Instant },
    Open(Box<Open>),
}

struct Open {
    port: Box<dyn SerialPort>,
    framer: Box<dyn Framer>,
    since: Instant,
    /// It was reset and told nothing until then.
    resting: Option<Instant>,
    /// It was set up, and the latest telegram, or the setting up.
    heard: Option<Instant>,
    /// Since the latest telegram it was reset.
    was_reset: bool,
}

/// Waits grow by this from failure to failure …
const STEP: Duration = Duration::from_secs(2);
/// … up to this.
const LONGEST: Duration = Duration::from_secs(30);
/// How long the port is given to take what is written to it.
const WRITE: Duration = Duration::from_secs(1);

impl Dongle {
    /// A receiver that opens its port when it is first asked for an event.
    pub fn new(settings: Settings) -> Self {
        Self {
            wait: settings.retry,
            health: Health::new(format!(
                "{} on {}",
                settings.model.name(),
                settings.port.display()
            )),
            settings,
            line: Line::Closed {
                until: Instant::now(),
            },
            noise: 0,
        }
    }

    fn baud(&self) -> u32 {
        self.settings.baud.unwrap_or_else(|| self.settings.model.baud())
    }

    fn open(&mut self) -> Result<(), String> {
        let path = &self.settings.port;
        let name = path.to_string_lossy();
        let port = serialport::new(name.as_ref(), self.baud())
            .timeout(WRITE)
            .open()
            .map_err(|error| refused(path, &error))?;
        // What the line held before we came belongs to nobody.
        port.clear(ClearBuffer::Input)
            .map_err(|error| refused(path, &error))?;
        let now = Instant::now();
        self.health.opened += 1;
        self.line = Line::Open(Box::new(Open {
            port,
            framer: self.framer(),
            since: now,
            resting: None,
            heard: None,
            was_reset: false,
        }));
        Ok(())
    }

    fn framer(&self) -> Box<dyn Framer> {
        self.settings
            .model
            .framer(self.settings.radio.clone(), self.settings.wanted.clone())
    }

    /// Closes the line, so that its number is free for the dongle when it comes back, and says why.
    fn lose(&mut self, reason: String) -> Event {
        if let Line::Open(open) = &self.line {
            self.noise += open.framer.noise();
        }
        let wait = self.wait;
        self.wait = (wait + STEP).min(LONGEST.max(self.settings.retry));
        self.line = Line::Closed {
            until: Instant::now() + wait,
        };
        let is_news =
            self.health.condition != Condition::Lost || self.health.reason.as_deref() != Some(&reason);
        self.health.lost(reason.clone());
        // The same reason again and again is counted, and said once.
        if is_news { Event::Lost(reason) } else { Event::Idle }
    }

    /// What a silence that is too long asks for; `None` while all is well.
    fn heal(&mut self) -> Option<Event> {
        let normal = self.settings.silence.normal()?;
        let model = self.settings.model;
        let Line::Open(open) = &mut self.line else {
            return None;
        };
        if open.heard?.elapsed() < normal {
            return None;
        }
        let minutes = normal.as_secs() / 60;
        let silent = format!(
            "no telegram for longer than {minutes} min {} s",
            normal.as_secs() % 60
        );
        if let (Some((reset, rest)), false) = (model.reset(), open.was_reset) {
            self.health.resets += 1;
            if let Err(error) = write(&mut *open.port, reset) {
                return Some(self.lose(error.to_string()));
            }
            open.was_reset = true;
            open.heard = None;
            open.resting = Some(Instant::now() + rest);
            self.noise += open.framer.noise();
            let framer = self.framer();
            if let Line::Open(open) = &mut self.line {
                open.framer = framer;
            }
            return Some(Event::Healing(format!("{silent}: reset by its own command")));
        }
        self.health.reopened += 1;
        Some(self.lose(format!("{silent}: closed, to be opened again")))
    }

    /// One turn with an open line, for at most `patience`.
    fn turn(&mut self, patience: Duration) -> Event {
        let deadline = Instant::now() + patience;
        loop {
            if let Some(event) = self.heal() {
                return event;
            }
            let Line::Open(open) = &mut self.line else {
                return Event::Idle;
            };
            let left = deadline.saturating_duration_since(Instant::now());
            if let Some(until) = open.resting {
                // What it says while it starts again is no answer to anything.
                let rest = until.saturating_duration_since(Instant::now());
                if !rest.is_zero() {
                    thread::sleep(rest.min(left));
                    if left <= rest {
                        return Event::Idle;
                    }
                }
                open.resting = None;
                open.since = Instant::now();
                if let Err(error) = open.port.clear(ClearBuffer::Input) {
                    return self.lose(error.to_string());
                }
                continue;
            }
            match open.framer.next(open.since.elapsed()) {
                Step::Telegram(mut telegram) => {
                    telegram.received_at = Some(Timestamp::now());
                    open.heard = Some(Instant::now());
                    open.was_reset = false;
                    self.wait = self.settings.retry;
                    self.health.telegram();
                    return Event::Telegram(telegram);
                }
                Step::Ready(identity) => {
                    open.heard = Some(Instant::now());
                    self.health.listening(identity.clone());
                    return Event::Ready(identity);
                }
                Step::Failed(reason) => {
                    let port = self.settings.port.display().to_string();
                    let (model, baud) = (self.settings.model.name(), self.baud());
                    return self.lose(format!("{port} ({model}, {baud} baud): {reason}"));
                }
                Step::Send(octets) => {
                    if let Err(error) = write(&mut *open.port, &octets) {
                        return self.lose(error.to_string());
                    }
                }
                Step::Wait(limit) => {
                    if left.is_zero() {
                        return Event::Idle;
                    }
                    if let Err(error) = listen(open, limit.map_or(left, |limit| limit.min(left))) {
                        return self.lose(format!("{}: {error}", self.settings.port.display()));
                    }
                }
            }
        }
    }
}

impl Receiver for Dongle {
    fn radio(&self) -> &Arc<str> {
        &self.settings.radio
    }

    fn next(&mut self, patience: Duration) -> Event {
        if let Line::Closed { until } = self.line {
            let wait = until.saturating_duration_since(Instant::now());
            if wait > patience {
                thread::sleep(patience);
                return Event::Idle;
            }
            thread::sleep(wait);
            if let Err(reason) = self.open() {
                return self.lose(reason);
            }
        }
        self.turn(patience)
    }

    fn health(&self) -> Option<Health> {
        let noise = match &self.line {
            Line::Open(open) => open.framer.noise(),
            Line::Closed { .. } => 0,
        };
        Some(Health {
            noise: self.noise + noise,
            ..self.health.clone()
        })
    }
}

/// Reads what has come, waiting for at most so long.
fn listen(open: &mut Open, patience: Duration) -> io::Result<()> {
    let mut octets = [0; 1024];
    // A wait of nothing would return before the line was looked at.
    open.port.set_timeout(patience.max(Duration::from_millis(1)))?;
    match open.port.read(&mut octets) {
        Ok(0) => Err(io::Error::new(ErrorKind::UnexpectedEof, "unplugged")),
        Ok(count) => {
            let now = open.since.elapsed();
            open.framer.push(octets.get(..count).unwrap_or_default(), now);
            Ok(())
        }
        Err(error)
            if matches!(
                error.kind(),
                ErrorKind::TimedOut | ErrorKind::WouldBlock | ErrorKind::Interrupted
            ) =>
        {
            Ok(())
        }
        Err(error) if error.kind() == ErrorKind::BrokenPipe => {
            Err(io::Error::new(ErrorKind::BrokenPipe, "unplugged"))
        }
        Err(error) => Err(error),
    }
}

fn write(port: &mut dyn SerialPort, octets: &[u8]) -> io::Result<()> {
    port.set_timeout(WRITE)?;
    port.write_all(octets)
}

/// Why a port can't be opened, and what to do about it.
fn refused(path: &Path, error: &serialport::Error) -> String {
    let path = path.display();
    let kind = match error.kind() {
        serialport::ErrorKind::Io(kind) => Some(kind),
        _ => None,
    };
    match kind {
        Some(ErrorKind::NotFound) => {
            format!(
                "{path}: is not there: plug the dongle in, or take its name from `ls -l /dev/serial/by-id`"
            )
        }
        Some(ErrorKind::PermissionDenied) => format!(
            "{path}: may not be opened: add the user that releve runs as to the group dialout, or install the udev rule"
        ),
        _ if error.kind() == serialport::ErrorKind::NoDevice
            && std::fs::metadata(path.to_string()).is_ok() =>
        {
            format!(
                "{path}: is in use by another program: find it with `fuser {path}` (ModemManager, another daemon) and stop it"
            )
        }
        _ if error.kind() == serialport::ErrorKind::NoDevice => {
            format!(
                "{path}: is not there: plug the dongle in, or take its name from `ls -l /dev/serial/by-id`"
            )
        }
        _ => format!("{path}: {error}"),
    }
}
