//! The writing side of a store: who hears, who settles, and who waits for it.
//!
//! Whoever is about to ask has what waits settled by a thread of its own and waits for that, but not for ever: a disk that is
//! stuck keeps nobody from an answer.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use rusqlite::Connection;

use super::inbox::{self, Inbox, Segments, Settled};
use super::ingest;
use super::open::{self, refused_by_system};
use super::write::{Batch, Fault, Writer};
use crate::logging::Often;
use crate::store::{Ingest, IngestReport, Result, StoreError};

/// The writer, and what waits for it.
pub(super) struct Pen {
    pub(super) path: PathBuf,
    pub(super) writer: Writer,
    syncs: bool,
    pub(super) inbox: Inbox,
    /// A call met damage since somebody last asked.
    suspected: AtomicBool,
}

impl Pen {
    /// `syncs`: a commit is on the disk when it returns.
    pub(super) fn new(path: &Path, writer: Writer, syncs: bool) -> Self {
        Self {
            path: path.to_owned(),
            writer,
            syncs,
            inbox: Inbox::new(Segments::of(path)),
            suspected: AtomicBool::new(false),
        }
    }

    /// Whether a call met damage since this was last asked.
    pub(super) fn is_suspected(&self) -> bool {
        self.suspected.swap(false, Ordering::Relaxed)
    }

    /// An answer, looked at for damage.
    pub(super) fn watched<T>(&self, answer: Result<T>) -> Result<T> {
        if answer.as_ref().is_err_and(StoreError::is_damage) {
            self.suspected.store(true, Ordering::Relaxed);
        }
        answer
    }

    /// Writes what may change any answer.
    pub(super) fn write<T>(
        &self,
        work: impl FnOnce(&mut Batch<'_>) -> std::result::Result<T, Fault>,
    ) -> Result<T> {
        self.write_noting(|open| {
            open.noted.anything();
            work(open)
        })
    }

    /// Writes what answers depend on only as far as the batch notes it.
    pub(super) fn write_noting<T>(
        &self,
        work: impl FnOnce(&mut Batch<'_>) -> std::result::Result<T, Fault>,
    ) -> Result<T> {
        self.watched(self.writer.write(&self.path, work))
    }

    /// As [`Pen::write`], behind everything that waits; `anew`, none of the files in which it waited is of use any more. With
    /// the answer, which is committed, whether those could be removed.
    pub(super) fn write_settled<T>(
        &self,
        anew: bool,
        work: impl FnOnce(&mut Batch<'_>) -> std::result::Result<T, Fault>,
    ) -> Result<(T, Result<()>)> {
        let mut turn = self.inbox.turn();
        let (settled, answer) =
            self.write(|open| Ok((inbox::settle(open, &turn.segments, anew)?, work(open)?)))?;
        Ok((answer, self.settled(&mut turn.segments, &settled, anew)))
    }

    /// Makes durable what was committed without waiting for the disk.
    pub(super) fn sync(&self) -> Result<()> {
        self.watched(self.writer.outside(&self.path, |connection| {
            open::wait_for_disk(connection, true)?;
            // The log is synced with what is written next, whatever that is.
            connection
                .execute("UPDATE counter SET value = value WHERE name = 'change'", [])
                .map(drop)
        }))
    }

    /// Makes a batch durable; what can't wait takes its place at once, behind everything that waits.
    pub(super) fn hear(&self, batch: &[Ingest]) -> Result<()> {
        let mut turn = self.inbox.turn();
        if self.inbox.is_overfull() {
            // For long it could not be settled.
            self.settle_now(&mut turn.segments)?;
        }
        let hour = inbox::hour_of(batch);
        if self.inbox.is_over(hour) {
            self.try_to_settle(&mut turn.segments);
        }
        if !inbox::can_wait(batch) {
            let settled = self.write_noting(|open| {
                let settled = inbox::settle(open, &turn.segments, false)?;
                ingest::ingest(open, batch)?;
                Ok(settled)
            })?;
            let _ = self.settled(&mut turn.segments, &settled, false);
            return Ok(());
        }
        let waiting = self.write_noting(|open| inbox::put(open, batch, &mut turn))?;
        self.inbox.heard(waiting, hour);
        if self.inbox.is_due() {
            self.try_to_settle(&mut turn.segments);
        }
        Ok(())
    }

    /// Gives everything that waits its place.
    pub(super) fn settle(&self) -> Result<IngestReport> {
        self.settle_now(&mut self.inbox.turn().segments)
    }

    /// Whether something waits that another process heard.
    pub(super) fn has_left(&self, connection: &Connection) -> rusqlite::Result<bool> {
        inbox::waits(connection, &self.inbox.turn().segments)
    }

    /// Gives what waits its place, for whoever is about to ask and need not be told what came so lately.
    pub(super) fn catch_up(self: &Arc<Self>, lag: Duration) {
        if self.inbox.is_fresh(lag) {
            return;
        }
        if self.inbox.begins() {
            let pen = Arc::clone(self);
            let begun = thread::Builder::new().name("settle".to_owned()).spawn(move || {
                // Others wait for it until this is dropped, whatever happens.
                let _done = Ending(&pen.inbox);
                pen.try_to_settle(&mut pen.inbox.turn().segments);
            });
            if begun.is_err() {
                self.inbox.ends();
            }
        }
        self.inbox.wait();
    }

    /// Gives what waits beside another store its place in this one, which is to take that one's place.
    pub(super) fn settle_from(&self, other: &Path) {
        let segments = Segments::of(other);
        match self.write_noting(|open| inbox::settle(open, &segments, false)) {
            Ok(settled) => refused(&settled),
            // It stays where it is, and is read when the store is in its place.
            Err(error) => unsettled(&error),
        }
    }

    /// Gives what an earlier process left waiting its place, where that is possible: what was heard is safe without.
    pub(super) fn settle_left(&self) -> Result<()> {
        match self.settle() {
            Err(error) if error.is_damage() => Err(error),
            Err(error) => {
                unsettled(&error);
                Ok(())
            }
            Ok(_) => Ok(()),
        }
    }

    fn try_to_settle(&self, segments: &mut Segments) {
        if let Err(error) = self.settle_now(segments) {
            self.inbox.failed();
            unsettled(&error);
        }
    }

    fn settle_now(&self, segments: &mut Segments) -> Result<IngestReport> {
        let (settled, report) =
            self.write_noting(|open| Ok((inbox::settle(open, segments, false)?, open.report)))?;
        // Those that stay are removed behind a later one.
        let _ = self.settled(segments, &settled, false);
        if self.syncs {
            // Pages of all meters are not needed again before the next settling.
            let _ = self.writer.outside(&self.path, |connection| {
                connection.execute_batch("PRAGMA shrink_memory")
            });
        }
        Ok(report)
    }

    /// Says what could not be read, and removes the files of which nothing is needed any more; `all`, the one that would be written
    /// over as well.
    fn settled(&self, segments: &mut Segments, settled: &Settled, all: bool) -> Result<()> {
        refused(settled);
        self.inbox.settled(settled.begun.elapsed());
        // What was made of them has to be on the disk before they are removed or written over.
        if !self.syncs {
            return Ok(());
        }
        let done = segments.done(settled.until, all);
        if !settled.moved {
            if done.is_empty() {
                return Ok(());
            }
            self.sync()?;
        }
        segments.note_durable(settled.until);
        for path in done {
            match fs::remove_file(&path) {
                // Another process was quicker.
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(refused_by_system(&path, &error));
                }
                _ => {}
            }
        }
        Ok(())
    }
}

/// Ends a settling that others wait for.
struct Ending<'a>(&'a Inbox);

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        self.0.ends();
    }
}

fn refused(settled: &Settled) {
    for (row, reason) in &settled.refused {
        tracing::error!(event = "inbox.refused", row, %reason, "what was heard can't be read back, and is kept in the store");
    }
}

fn unsettled(error: &StoreError) {
    if let Some(times) = UNSETTLED.again() {
        tracing::warn!(event = "inbox.waits", %error, times, "what was heard lately is safe, but not among the readings yet");
    }
}

/// Times that what waits could not be given its place.
static UNSETTLED: Often = Often::new();
