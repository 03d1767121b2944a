//! Dongles on serial ports: the only file that opens one. Opens, sets up, listens, notices silence, heals, says so.
//!
//! ```text
//! closed ──open, set up──► listening ──silence──► helped, step by step (`ladder.rs`)
//!    ▲                        │                         │
//!    └── gone, refused, no answer: later and later, up to 30 s
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
use crate::ladder::{Help, Ladder};
use crate::ports::{Claim, reset_usb, usb_ports};
use crate::receiver::{Event, Receiver};

/// A dongle and the port it is plugged into.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The configured name.
    pub radio: Arc<str>,
    /// The port, best by a name that stays (`/dev/serial/by-id/…`); `None` to look for one.
    pub port: Option<PathBuf>,
    /// What is plugged in there; `None` to ask.
    pub model: Option<Model>,
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
    ladder: Ladder,
    /// Where it is looked for next, with what it may be.
    places: Vec<(PathBuf, Model)>,
    /// Where it is, or is tried.
    place: Option<(PathBuf, Model, Claim)>,
    /// Where it was found, by a name that stays: looked there first, when it was away.
    home: Option<PathBuf>,
}

enum Line {
    Closed { until: Instant },
    Open(Box<Open>),
}

struct Open {
    port: Box<dyn SerialPort>,
    framer: Box<dyn Framer>,
    /// The beginning of the framer's time, which stands still while nobody listens: what came meanwhile waits to be read, and
    /// half a message of it is not given up.
    since: Instant,
    /// When the latest turn ended.
    left: Instant,
    /// How full the line is.
    load: Load,
    /// It was reset and told nothing until then.
    resting: Option<Instant>,
    /// It was set up.
    is_ready: bool,
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
            health: Health::new(match (&settings.model, &settings.port) {
                (Some(model), Some(port)) => format!("{} on {}", model.name(), port.display()),
                (None, Some(port)) => format!("on {}", port.display()),
                (Some(model), None) => format!("{}, to be found", model.name()),
                (None, None) => "to be found".to_owned(),
            }),
            settings,
            line: Line::Closed {
                until: Instant::now(),
            },
            noise: 0,
            ladder: Ladder::default(),
            places: Vec::new(),
            place: None,
            home: None,
        }
    }

    fn baud(&self, model: Model) -> u32 {
        self.settings.baud.unwrap_or_else(|| model.baud())
    }

    /// Where it may be: as configured, or wherever something of its kind is plugged in.
    fn look_around(&self) -> Vec<(PathBuf, Model)> {
        let ports = usb_ports();
        let fits = |model: &Model| self.settings.model.is_none_or(|wanted| wanted == *model);
        let behind = |path: &Path| {
            let port = ports.iter().find(|port| same_file(&port.path, path));
            port.map_or(&[][..], |port| port.candidates())
        };
        let mut places: Vec<(PathBuf, Model)> = match (&self.settings.port, self.settings.model) {
            (Some(path), Some(model)) => vec![(path.clone(), model)],
            (Some(path), None) => {
                let known = behind(path);
                // The operator says that there is something of ours: worth every question that hurts nobody.
                let models = if known.is_empty() { &ASKED[..] } else { known };
                models.iter().map(|model| (path.clone(), *model)).collect()
            }
            (None, _) => ports
                .iter()
                .flat_map(|port| {
                    let models = port.candidates().iter().filter(|model| fits(model));
                    models.map(|model| (port.lasting().to_owned(), *model))
                })
                .collect(),
        };
        // Where it was last, first.
        places.sort_by_key(|(path, _)| self.home.as_deref() != Some(path));
        places.reverse();
        places
    }

    fn open(&mut self) -> Result<(), String> {
        // Let go of the one before, so that it can be found again.
        self.place = None;
        if self.places.is_empty() {
            self.places = self.look_around();
        }
        let Some((path, model)) = self.places.pop() else {
            return Err(
                "no dongle is plugged in that may be looked for: name its port and model (`releve radios`)"
                    .to_owned(),
            );
        };
        let path = &path;
        let claim = Claim::new(path)
            .ok_or_else(|| format!("{}: another receiver of this daemon has it", path.display()))?;
        let name = path.to_string_lossy();
        let port = serialport::new(name.as_ref(), self.baud(model))
            .timeout(WRITE)
            .open()
            .map_err(|error| refused(path, &error))?;
        // What the line held before we came belongs to nobody.
        port.clear(ClearBuffer::Input)
            .map_err(|error| refused(path, &error))?;
        self.place = Some((path.clone(), model, claim));
        let now = Instant::now();
        self.health.opened += 1;
        self.line = Line::Open(Box::new(Open {
            port,
            framer: self.framer(model),
            since: now,
            left: now,
            load: Load::new(now),
            resting: None,
            is_ready: false,
        }));
        Ok(())
    }

    fn framer(&self, model: Model) -> Box<dyn Framer> {
        model.framer(self.settings.radio.clone(), self.settings.wanted.clone())
    }

    /// The model that is there, or is tried.
    fn model(&self) -> Option<Model> {
        self.place.as_ref().map(|(_, model, _)| *model)
    }

    fn port(&self) -> String {
        let path = self.place.as_ref().map(|(path, ..)| path.display().to_string());
        path.unwrap_or_default()
    }

    /// It is gone, or does not answer: closed, and what was learnt of its silence forgotten.
    fn lose(&mut self, reason: String) -> Event {
        self.ladder.gone();
        self.close(reason)
    }

    /// Closes the line, so that its number is free for the dongle when it comes back, and says why.
    fn close(&mut self, reason: String) -> Event {
        if let Line::Open(open) = &self.line {
            self.noise += open.framer.noise();
        }
        self.place = None;
        if !self.places.is_empty() && self.health.condition != Condition::Listening {
            // Another place or another model is tried at once; only when all were in vain, that is news.
            self.line = Line::Closed {
                until: Instant::now(),
            };
            return Event::Idle;
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
        let model = self.model()?;
        let Line::Open(open) = &mut self.line else {
            return None;
        };
        if !open.is_ready {
            return None;
        }
        let help = self.ladder.due(normal, Instant::now())?;
        let silent = format!(
            "no telegram for longer than {} min {} s",
            normal.as_secs() / 60,
            normal.as_secs() % 60
        );
        match help {
            Help::SetUp => {
                self.health.asked += 1;
                self.begin_again(None);
                Some(Event::Healing(format!("{silent}: asked and set up again")))
            }
            Help::Reset => {
                let Some((reset, rest)) = model.reset() else {
                    self.ladder.skip();
                    return None;
                };
                self.health.resets += 1;
                if let Err(error) = write(&mut *open.port, reset) {
                    return Some(self.lose(error.to_string()));
                }
                self.begin_again(Some(Instant::now() + rest));
                Some(Event::Healing(format!("{silent}: reset by its own command")))
            }
            Help::Reopen => {
                self.health.reopened += 1;
                Some(self.close(format!("{silent}: closed, to be opened again")))
            }
            Help::ResetUsb => match reset_usb(Path::new(&self.port())) {
                Ok(()) => {
                    self.health.reopened += 1;
                    Some(self.close(format!("{silent}: its USB port was reset")))
                }
                Err(_) => {
                    self.ladder.skip();
                    None
                }
            },
            Help::Report => {
                let reason =
                    format!("{silent}, and nothing helped: unplug it, look at the antenna, plug it in again");
                self.health.lost(reason.clone());
                Some(Event::Lost(reason))
            }
        }
    }

    /// The same line with nothing known of what is behind it.
    fn begin_again(&mut self, resting: Option<Instant>) {
        let Some(framer) = self.model().map(|model| self.framer(model)) else {
            return;
        };
        if let Line::Open(open) = &mut self.line {
            self.noise += open.framer.noise();
            open.framer = framer;
            open.since = Instant::now();
            open.resting = resting;
            open.is_ready = false;
        }
    }

    /// One turn with an open line, for at most `patience`.
    fn turn(&mut self, patience: Duration) -> Event {
        let deadline = Instant::now() + patience;
        loop {
            if let Some(event) = self.heal() {
                return event;
            }
            let (Line::Open(open), Some((_, model, _))) = (&mut self.line, &self.place) else {
                return Event::Idle;
            };
            let model = *model;
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
                    self.ladder.heard(Instant::now());
                    self.wait = self.settings.retry;
                    self.health.heard();
                    return Event::Telegram(telegram);
                }
                Step::Ready(identity) => {
                    open.is_ready = true;
                    self.places.clear();
                    self.home = self.place.as_ref().map(|(path, ..)| path.clone());
                    self.ladder.ready(Instant::now());
                    // It answers, so there is no reason to wait longer the next time.
                    self.wait = self.settings.retry;
                    if self.ladder.is_climbing() {
                        // That it answers was known; whether it hears is the question.
                        self.health.identity = identity;
                        return Event::Idle;
                    }
                    self.health.listening(identity.clone());
                    return Event::Ready(identity);
                }
                Step::Failed(reason) if self.ladder.is_climbing() && model.reset().is_some() => {
                    // Asked in vain: the next step does not wait. A port that is closed is opened again anyway.
                    open.is_ready = true;
                    self.ladder.skip();
                    self.health.reason = Some(reason);
                }
                Step::Failed(reason) => {
                    let (port, baud) = (self.port(), self.baud(model));
                    return self.lose(format!("{port} ({}, {baud} baud): {reason}", model.name()));
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
                    match listen(open, limit.map_or(left, |limit| limit.min(left))) {
                        Ok(count) => {
                            let baud = self.settings.baud.unwrap_or_else(|| model.baud());
                            if let Some(percent) = open.load.add(count, baud, Instant::now()) {
                                let told = format!(
                                    "its line of {baud} baud is {percent} % full, so that telegrams are lost inside it: set it \
                                     to a higher speed with its maker's tool, and baud accordingly"
                                );
                                self.health.reason = Some(told.clone());
                                return Event::Healing(told);
                            }
                        }
                        Err(error) => return self.lose(format!("{}: {error}", self.port())),
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
        if let Line::Open(open) = &mut self.line {
            open.since += open.left.elapsed();
        }
        let event = self.turn(patience);
        if let Line::Open(open) = &mut self.line {
            open.left = Instant::now();
        }
        event
    }

    fn silence(&self) -> Option<Silence> {
        Some(self.settings.silence.clone())
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

/// How full a line is: a stick that hears more than its line can carry drops telegrams without a word.
#[derive(Clone, Copy, Debug)]
struct Load {
    since: Instant,
    octets: u64,
    told: Option<Instant>,
}

impl Load {
    fn new(now: Instant) -> Self {
        Self {
            since: now,
            octets: 0,
            told: None,
        }
    }

    /// Counts octets; how many percent of the line they fill, when that is too much and was not said for an hour.
    fn add(&mut self, octets: usize, baud: u32, now: Instant) -> Option<u64> {
        self.octets += octets as u64;
        let passed = now.saturating_duration_since(self.since);
        if passed < Self::WINDOW {
            return None;
        }
        // Ten bits an octet.
        let can = u64::from(baud / 10).saturating_mul(passed.as_secs().max(1));
        let percent = self.octets.saturating_mul(100) / can.max(1);
        (self.since, self.octets) = (now, 0);
        let silent = self
            .told
            .is_none_or(|told| now.saturating_duration_since(told) >= Self::PAUSE);
        // A pseudo-terminal carries more than any line.
        if !(Self::FULL..=120).contains(&percent) || !silent {
            return None;
        }
        self.told = Some(now);
        Some(percent.min(100))
    }

    const WINDOW: Duration = Duration::from_secs(10);
    const PAUSE: Duration = Duration::from_secs(3600);
    /// Above this, the gaps between telegrams do not suffice for the bursts.
    const FULL: u64 = 75;
}

/// Reads what has come, waiting for at most so long; how many octets.
fn listen(open: &mut Open, patience: Duration) -> io::Result<usize> {
    let mut octets = [0; 1024];
    // A wait of nothing would return before the line was looked at.
    open.port.set_timeout(patience.max(Duration::from_millis(1)))?;
    match open.port.read(&mut octets) {
        Ok(0) => Err(io::Error::new(ErrorKind::UnexpectedEof, "unplugged")),
        Ok(count) => {
            let now = open.since.elapsed();
            open.framer.push(octets.get(..count).unwrap_or_default(), now);
            Ok(count)
        }
        Err(error)
            if matches!(
                error.kind(),
                ErrorKind::TimedOut | ErrorKind::WouldBlock | ErrorKind::Interrupted
            ) =>
        {
            Ok(0)
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

fn same_file(a: &Path, b: &Path) -> bool {
    match (a.canonicalize(), b.canonicalize()) {
        (Ok(a), Ok(b)) => a == b,
        _ => a == b,
    }
}

/// The models that are asked on a port of which nothing is known but that the operator named it, in this order: the short
/// question of the Amber starts nothing on the others. A Radiocrafts takes any first octet for a length, and a bare
/// terminal can't be asked: those two are named.
const ASKED: [Model; 4] = [Model::Amb8465, Model::Im871a, Model::Cul, Model::Iu891a];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_is_full_is_told_of_once_an_hour() {
        let start = Instant::now();
        let mut load = Load::new(start);
        let mut told = Vec::new();
        // 9600 baud carry 960 octets a second.
        for second in 1..=4000 {
            let octets = if second < 100 { 500 } else { 900 };
            let now = start + Duration::from_secs(second);
            told.extend(load.add(octets, 9600, now).map(|percent| (second, percent)));
        }
        assert_eq!(told, [(110, 93), (3710, 93)]);
    }
}
