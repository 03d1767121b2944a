//! A stream of telegrams as JSON: as many threads as there are processors each take some lines to their end.
//!
//! ```text
//! lines ─┊─► open ─┊─► join ─┊─► decode, write ─┊─► out        ┊ one thread at a time, in the order of the lines
//! ```
//!
//! Telegrams of one stream depend on each other (layouts, fragments): only where they do, they go one by one.

use std::io::{self, Write};
use std::ops::Range;
use std::sync::{Mutex, PoisonError};
use std::thread;

use decoders::{Decoded, Families};
use wmbus::Key;

use super::Reader;
use super::input::{self, Lines};
use super::line::{Failure, Line};
use super::outlet::Outlet;
use super::transmission::Transmission;
use super::turns::Turns;
use crate::pipeline::Memory;

/// So many lines a thread takes at a time, unless there are no more for now. What becomes of them on the way should stay in
/// the nearer caches.
const BATCH: usize = 64;

/// More threads than this would wait for their turns.
const MOST_THREADS: usize = 16;

/// One object a line; true when all were read. What has been answered is written before more is waited for.
pub(super) fn run(reader: &mut Reader<'_>, lines: Lines) -> io::Result<bool> {
    let stream = Stream {
        families: reader.families,
        keys: reader.keys,
        source: Mutex::new(Source {
            lines,
            taken: 0,
            is_over: false,
            error: None,
        }),
        memory: Turns::new(&mut reader.memory),
        outlet: Outlet::default(),
    };
    let worked = thread::scope(|scope| {
        let others: Vec<_> = (1..processors()).map(|_| scope.spawn(|| stream.work())).collect();
        let own = stream.work();
        let ended = |_| Err(io::Error::other("a thread that decodes has ended"));
        others
            .into_iter()
            .map(|other| other.join().unwrap_or_else(ended))
            .fold(own, |all, one| Ok(all? & one?))
    });
    let source = stream.source.into_inner().unwrap_or_else(PoisonError::into_inner);
    // Whoever reads us may have gone: that comes first.
    worked.and_then(|all_read| source.error.map_or(Ok(all_read), Err))
}

/// So many threads have something to do at once.
pub(super) fn processors() -> usize {
    thread::available_parallelism()
        .map_or(1, usize::from)
        .min(MOST_THREADS)
}

struct Stream<'a> {
    families: &'a Families,
    keys: &'a [Key],
    source: Mutex<Source>,
    memory: Turns<&'a mut Memory>,
    outlet: Outlet,
}

/// Where lines come from.
struct Source {
    lines: Lines,
    /// How many times somebody took some.
    taken: u64,
    is_over: bool,
    error: Option<io::Error>,
}

/// Lines that one thread has taken.
#[derive(Default)]
struct Batch {
    text: Vec<u8>,
    lines: Vec<Range<usize>>,
}

/// What a line holds: the place of a telegram's octets, and its own key.
type Told = Result<(Range<usize>, Option<Key>), Failure>;

impl Stream<'_> {
    /// Takes lines until there are no more; true when all of them were read.
    fn work(&self) -> io::Result<bool> {
        let _leaving = Leaving(self);
        let families = self.families.apart();
        let mut all_read = true;
        let mut batch = Batch::default();
        let (mut octets, mut out) = (Vec::new(), Vec::new());
        let mut decoded = Decoded::default();
        while let Some(number) = self.take(&mut batch) {
            octets.clear();
            let told: Vec<Told> = batch
                .lines
                .iter()
                .map(|line| {
                    let line = batch.text.get(line.clone()).unwrap_or_default();
                    input::telegram_and_key(line, &mut octets)
                })
                .collect();
            let mut transmissions: Vec<_> = told
                .iter()
                .map(|told| match told {
                    Ok((place, key)) => {
                        let octets = octets.get(place.clone()).unwrap_or_default();
                        Ok(Transmission::open(&families, octets, key.as_ref(), self.keys))
                    }
                    Err(failure) => Err(failure),
                })
                .collect();
            let joined = self.memory.take(number, |memory| {
                for transmission in transmissions.iter_mut().flatten() {
                    transmission.join(&families, memory);
                }
            });
            if joined.is_none() {
                break;
            }
            for transmission in &transmissions {
                all_read &= match transmission {
                    Ok(transmission) => transmission.write(&families, &mut decoded, &mut out),
                    Err(failure) => {
                        Line::refused((*failure).clone()).write(&mut out);
                        false
                    }
                };
                out.push(b'\n');
            }
            match self.outlet.bring(number, out, write) {
                Some(Ok(empty)) => out = empty,
                Some(Err(error)) => {
                    self.end();
                    return Err(error);
                }
                None => break,
            }
        }
        Ok(all_read)
    }

    fn end(&self) {
        self.memory.end();
        self.outlet.end();
    }

    /// Takes the next lines and gives the number of its turns, or nothing when there are no more.
    fn take(&self, batch: &mut Batch) -> Option<u64> {
        batch.text.clear();
        batch.lines.clear();
        let mut source = self.source.lock().unwrap_or_else(PoisonError::into_inner);
        // How much of what is at hand is whole lines: no more than that is taken without waiting.
        let mut whole = whole_lines(&source.lines);
        // Whoever has some does not wait for more.
        while !source.is_over && batch.lines.len() < BATCH && (whole > 0 || batch.lines.is_empty()) {
            let before = source.lines.buffer().len();
            match input::next_line(&mut source.lines, &mut batch.text) {
                Ok(Some(line)) if line.is_empty() => {}
                Ok(Some(line)) => batch.lines.push(line),
                Ok(None) => source.is_over = true,
                Err(error) => {
                    source.is_over = true;
                    source.error = Some(error);
                }
            }
            whole = match whole {
                0 => whole_lines(&source.lines),
                _ => whole.saturating_sub(before.saturating_sub(source.lines.buffer().len())),
            };
        }
        if batch.lines.is_empty() {
            return None;
        }
        let number = source.taken;
        source.taken += 1;
        Some(number)
    }
}

/// How many octets of those at hand belong to lines whose end is at hand too.
fn whole_lines(lines: &Lines) -> usize {
    let last = lines.buffer().iter().rposition(|octet| *octet == b'\n');
    last.map_or(0, |last| last + 1)
}

/// Ends all turns when a thread leaves by an error of the program: others would wait for it.
struct Leaving<'a, 'b>(&'a Stream<'b>);

impl Drop for Leaving<'_, '_> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.end();
        }
    }
}

fn write(text: &[u8]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text)?;
    out.flush()
}
