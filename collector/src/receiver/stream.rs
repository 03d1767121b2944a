//! Lines from something that is opened and read to its end: a pipe, a command, a socket, standard input.
//!
//! A thread of its own opens, reads and reopens, since such reads wait for as long as it takes; events come over a
//! queue of bounded length. When nobody asks for a while, the thread waits, and so does whoever writes.

use std::convert::Infallible;
use std::io::{self, BufReader, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError, TryRecvError};
use std::thread;
use std::time::{Duration, Instant};

use super::command::{Child, Command};
use super::lines::{Clock, Lines};
use super::mqtt::Broker;
use super::patience::Patience;
use super::pipe::Pipe;
use super::sockets::{Datagrams, LOOK_UP, Peer};
use super::{Event, Receiver};
use crate::capture::{Origin, Reader};

/// Events that wait for somebody to ask, at most.
const QUEUE: usize = 256;

/// A stream of lines. Dropping it ends its command; its thread ends within
/// a second, save when it waits for standard input.
#[derive(Debug)]
pub struct Stream {
    radio: Arc<str>,
    events: mpsc::Receiver<Event>,
    /// Never sends: the thread learns from its end that nobody listens any more.
    _listening: mpsc::Sender<Infallible>,
    /// The command behind it, for its end.
    _child: Option<Child>,
}

/// Something that can be opened, again and again.
pub(super) trait Source: Send {
    /// Opens it.
    fn open(&mut self) -> io::Result<Box<dyn Read + Send>>;

    /// What its end means, in a sentence; asked after it was read to its end.
    fn end(&mut self) -> String;

    /// What follows its end.
    fn again(&self) -> Again {
        Again::Patiently
    }

    /// How much the system threw away since this was asked last, since nobody took it.
    fn overrun(&mut self) -> u64 {
        0
    }
}

/// What follows the end of a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Again {
    /// Nothing.
    Never,
    /// Another opening at once, and no loss.
    AtOnce,
    /// Another opening, after a while.
    Patiently,
}

impl Stream {
    /// A named pipe (FIFO) that programs write lines into, one after the other or for ever.
    pub fn pipe(path: &Path, origin: Origin, clock: Clock) -> io::Result<Self> {
        Self::spawn(Box::new(Pipe::new(path)), None, origin, clock)
    }

    /// Standard input, up to its end.
    pub fn stdin(origin: Origin, clock: Clock) -> io::Result<Self> {
        Self::spawn(Box::new(Stdin), None, origin, clock)
    }

    /// The output of a program, which is started again when it ends. Its own errors go where ours go.
    pub fn command(program: &str, arguments: &[String], origin: Origin, clock: Clock) -> io::Result<Self> {
        let (command, child) = Command::new(program, arguments);
        Self::spawn(Box::new(command), Some(child), origin, clock)
    }

    /// A server's lines over TCP, `host:port`; reconnects.
    pub fn tcp(address: &str, origin: Origin, clock: Clock) -> io::Result<Self> {
        Self::spawn(Box::new(Peer::tcp(address)), None, origin, clock)
    }

    /// A server's lines over a Unix socket; reconnects.
    pub fn unix(path: &Path, origin: Origin, clock: Clock) -> io::Result<Self> {
        Self::spawn(Box::new(Peer::unix(path)), None, origin, clock)
    }

    /// Gateways that send datagrams to this address, each holding a telegram or more in lines.
    ///
    /// # Errors
    /// The address can't be listened on.
    pub fn udp(address: &str, origin: Origin, clock: Clock) -> io::Result<Self> {
        Self::spawn(Box::new(Datagrams::bind(address)?), None, origin, clock)
    }

    /// Messages of an MQTT broker, each a line; reconnects.
    pub fn mqtt(broker: Broker, origin: Origin, clock: Clock) -> io::Result<Self> {
        Self::spawn(Box::new(broker), None, origin, clock)
    }

    fn spawn(
        source: Box<dyn Source>,
        child: Option<Child>,
        origin: Origin,
        clock: Clock,
    ) -> io::Result<Self> {
        let (sender, events) = mpsc::sync_channel(QUEUE);
        let (listening, stopped) = mpsc::channel();
        let radio = origin.radio.clone();
        thread::Builder::new()
            .name(format!("receiver {radio}").replace('\0', ""))
            .spawn(move || {
                let _ = run(source, &origin, clock, &sender, &stopped);
            })?;
        Ok(Self {
            radio,
            events,
            _listening: listening,
            _child: child,
        })
    }
}

impl Receiver for Stream {
    fn radio(&self) -> &Arc<str> {
        &self.radio
    }

    fn next(&mut self, patience: Duration) -> Event {
        match self.events.recv_timeout(patience) {
            Ok(event) => event,
            Err(RecvTimeoutError::Timeout) => Event::Idle,
            Err(RecvTimeoutError::Disconnected) => Event::Ended,
        }
    }
}

/// Why the thread ends before its source does: nobody listens any more.
struct Unheard;

impl<T> From<mpsc::SendError<T>> for Unheard {
    fn from(_: mpsc::SendError<T>) -> Self {
        Self
    }
}

/// Opens, reads and reopens until the source ends for good or nobody listens.
fn run(
    mut source: Box<dyn Source>,
    origin: &Origin,
    clock: Clock,
    events: &mpsc::SyncSender<Event>,
    stopped: &mpsc::Receiver<Infallible>,
) -> Result<(), Unheard> {
    let mut patience = Patience::new();
    while stopped.try_recv() != Err(TryRecvError::Disconnected) {
        let reason = match source.open() {
            Ok(opened) => {
                let mut reader = Reader::new(BufReader::new(opened), origin.clone());
                let mut on_event = |event: Event| {
                    if matches!(event, Event::Telegram(_)) {
                        patience.renew();
                    }
                    events.send(event)
                };
                let overrun = || source.overrun();
                let fault = forward(&mut reader, clock, &mut on_event, overrun, stopped)?;
                let end = source.end();
                match (fault, source.again()) {
                    (None, Again::Never) => return Ok(()),
                    (None, Again::AtOnce) => continue,
                    (None, Again::Patiently) => end,
                    (Some(error), Again::Never) => {
                        events.send(Event::Lost(error.to_string()))?;
                        return Ok(());
                    }
                    (Some(error), _) => error.to_string(),
                }
            }
            Err(error) => error.to_string(),
        };
        let wait = patience.wait();
        events.send(Event::Lost(format!("{reason}; next try in {} s", wait.as_secs())))?;
        if stopped.recv_timeout(wait) == Err(RecvTimeoutError::Disconnected) {
            break;
        }
    }
    Err(Unheard)
}

/// Passes on what the lines say, up to the end or to an error, which it gives back.
fn forward(
    reader: &mut Reader<BufReader<Box<dyn Read + Send>>>,
    clock: Clock,
    on_event: &mut dyn FnMut(Event) -> Result<(), mpsc::SendError<Event>>,
    mut overrun: impl FnMut() -> u64,
    stopped: &mpsc::Receiver<Infallible>,
) -> Result<Option<io::Error>, Unheard> {
    let mut lines = Lines::new(clock);
    let mut looked = Instant::now();
    loop {
        if looked.elapsed() >= LOOK_UP {
            looked = Instant::now();
            let lost = overrun();
            if lost > 0 {
                on_event(Event::Overrun(lost))?;
            }
        }
        let fault = match reader.read_line() {
            Ok(Some(line)) => {
                lines.push(line);
                None
            }
            // A source with a time limit gives us a moment to look up.
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {
                if stopped.try_recv() == Err(TryRecvError::Disconnected) {
                    return Err(Unheard);
                }
                continue;
            }
            end => {
                if let Some(line) = reader.finish() {
                    lines.push(line);
                }
                Some(end.err())
            }
        };
        while let Some(event) = lines.pop() {
            on_event(event)?;
        }
        if let Some(fault) = fault {
            return Ok(fault);
        }
    }
}

struct Stdin;

impl Source for Stdin {
    fn open(&mut self) -> io::Result<Box<dyn Read + Send>> {
        Ok(Box::new(io::stdin()))
    }

    fn end(&mut self) -> String {
        "standard input ended".to_owned()
    }

    fn again(&self) -> Again {
        Again::Never
    }
}
