//! Files beside the store that what is heard is appended to: one write and one sync make it durable, and it is read once.
//!
//! ```text
//! STORE-heard-1, STORE-heard-2, …     entries, each   "RHE1" | items (4) | length (4) | CRC-32 (4) | a batch (`form`)
//! ```
//!
//! Numbers are little-endian; the CRC is of items, length and batch. Where the last settling ended stands in the store
//! (counter `heard`), and is committed together with what it made of the entries before it. The engine's lock to write is
//! theirs as well: who appends, and who settles, holds it. So there is one writer at a time in whatever process, and a
//! file that is removed behind a commit is one that nobody will read or write any more.
//!
//! An end that a power cut has torn was never said to be durable, and is passed over. A spoilt place with sound entries
//! behind it is given as what it is.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use flate2::Crc;

use super::super::open::{beside, refused_by_system};
use crate::store::Result;

/// A place in the files, as one number that only grows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(in super::super) struct Position {
    pub(super) segment: u32,
    /// In octets.
    pub(super) offset: u32,
}

impl Position {
    pub(super) fn from_number(number: i64) -> Self {
        let [s0, s1, s2, s3, o0, o1, o2, o3] = number.to_be_bytes();
        Self {
            segment: u32::from_be_bytes([s0, s1, s2, s3]),
            offset: u32::from_be_bytes([o0, o1, o2, o3]),
        }
    }

    pub(super) fn number(self) -> i64 {
        i64::from(self.segment) << 32 | i64::from(self.offset)
    }
}

/// A batch on its way to the disk, or from it.
pub(super) struct Entry {
    /// Telegrams and sightings in it.
    pub(super) items: u32,
    pub(super) packed: Vec<u8>,
}

/// Begins each entry; the last octet is the form of what follows.
const MAGIC: [u8; 4] = *b"RHE1";
const HEADER: usize = 16;
/// No entry is longer.
const LONGEST: u32 = 16 << 20;
/// A file that is longer is not continued behind a settling, nor is one that is older: what counts stands in the store.
const ROTATE: u32 = 1 << 20;
const OLD: Duration = Duration::from_secs(3600);
/// Nor is one that is longer continued at all.
const FULL: u32 = 64 << 20;

/// The files of a store.
pub(in super::super) struct Segments {
    store: PathBuf,
    open: Option<Segment>,
}

/// The file that is written.
struct Segment {
    number: u32,
    path: PathBuf,
    file: File,
    /// So much of it is sound and durable.
    length: u32,
    begun: Instant,
}

impl Segments {
    /// Those beside a store, which is there. Whoever names it by a link means the same ones.
    pub(in super::super) fn of(store: &Path) -> Self {
        Self {
            store: store.canonicalize().unwrap_or_else(|_| store.to_owned()),
            open: None,
        }
    }

    /// Appends entries: they are durable when this returns, and nothing of them counts when it fails.
    ///
    /// # Errors
    /// The disk is full, read-only or broken.
    pub(super) fn append(&mut self, settled: Position, entries: &[Entry]) -> Result<()> {
        let mut octets = Vec::new();
        for Entry { items, packed } in entries {
            let length = u32::try_from(packed.len()).unwrap_or(u32::MAX);
            octets.extend(MAGIC);
            octets.extend(items.to_le_bytes());
            octets.extend(length.to_le_bytes());
            octets.extend(checksum(*items, length, packed).to_le_bytes());
            octets.extend(packed);
        }
        // Whoever settled behind our back may have read, and removed, what we have open.
        let goes_on = |open: &Segment| {
            open.length < FULL && (open.number, open.length) >= (settled.segment, settled.offset)
        };
        let mut segment = match self.open.take().filter(goes_on) {
            Some(segment) => segment,
            None => self.begin(settled)?,
        };
        match segment.append(&octets) {
            Ok(()) => {
                self.open = Some(segment);
                Ok(())
            }
            Err(error) => {
                let refused = refused_by_system(&segment.path, &error);
                if segment.length == 0 {
                    let _ = fs::remove_file(&segment.path);
                } else if segment.file.set_len(segment.length.into()).is_ok() {
                    self.open = Some(segment);
                }
                Err(refused)
            }
        }
    }

    fn begin(&self, settled: Position) -> Result<Segment> {
        let behind = self
            .list()?
            .last()
            .map_or(0, |(number, _)| number.saturating_add(1));
        let number = settled
            .segment
            .saturating_add(u32::from(settled.offset > 0))
            .max(behind)
            .max(1);
        let path = self.path(number);
        let refused = |error: io::Error| refused_by_system(&path, &error);
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)
            .map_err(refused)?;
        let folder = folder(&self.store);
        if let Err(error) = File::open(folder).and_then(|folder| folder.sync_all()) {
            let _ = fs::remove_file(&path);
            return Err(refused(error));
        }
        Ok(Segment {
            number,
            path,
            file,
            length: 0,
            begun: Instant::now(),
        })
    }

    /// Whether something is there that was not settled, or need not be there any more.
    pub(super) fn wait(&self, settled: Position) -> bool {
        let is_news =
            |(number, length): &(u32, u64)| *number != settled.segment || *length > u64::from(settled.offset);
        self.list().is_ok_and(|found| found.iter().any(is_news))
    }

    /// What is behind a place, in its order.
    pub(super) fn behind(&self, settled: Position) -> Result<Waiting<'_>> {
        let mut numbers: Vec<u32> = self.list()?.into_iter().map(|(number, _)| number).collect();
        numbers.retain(|number| *number >= settled.segment);
        numbers.reverse();
        Ok(Waiting {
            segments: self,
            numbers,
            current: None,
            position: settled,
        })
    }

    /// Where those who come later go on reading, when all up to a place has been read; `anew` in a file that is not there yet.
    pub(super) fn go_on(&self, end: Position, anew: bool) -> Result<Position> {
        let continued = self.open.as_ref().is_some_and(|open| {
            open.number == end.segment && open.length < ROTATE && open.begun.elapsed() < OLD
        });
        if !anew && (end.offset == 0 || continued) {
            return Ok(end);
        }
        let last = self.list()?.last().map_or(0, |(number, _)| *number);
        Ok(Position {
            segment: last.saturating_add(1).max(end.segment),
            offset: 0,
        })
    }

    /// The files that nobody will read any more.
    pub(in super::super) fn done(&self, settled: Position) -> Vec<PathBuf> {
        let found = self.list().unwrap_or_default().into_iter();
        found
            .filter(|(number, _)| *number < settled.segment)
            .map(|(number, _)| self.path(number))
            .collect()
    }

    /// The numbers of all files and their lengths, in their order.
    fn list(&self) -> Result<Vec<(u32, u64)>> {
        let folder = folder(&self.store);
        let refused = |error: io::Error| refused_by_system(folder, &error);
        let prefix = beside(&self.store, SUFFIX);
        let prefix = prefix.file_name().unwrap_or_default().as_encoded_bytes();
        let mut found = Vec::new();
        for entry in fs::read_dir(folder).map_err(refused)? {
            let entry = entry.map_err(refused)?;
            let name = entry.file_name();
            let number = name
                .as_encoded_bytes()
                .strip_prefix(prefix)
                .and_then(|digits| std::str::from_utf8(digits).ok())
                .and_then(|digits| digits.parse().ok());
            // What is gone already is of no interest, nor what we never made: a folder, a link.
            if let (Some(number), Ok(data)) = (number, entry.metadata())
                && data.is_file()
            {
                found.push((number, data.len()));
            }
        }
        found.sort_unstable();
        Ok(found)
    }

    fn path(&self, number: u32) -> PathBuf {
        beside(&self.store, &format!("{SUFFIX}{number}"))
    }
}

/// Behind the store's name; a number follows.
const SUFFIX: &str = "-heard-";

fn folder(store: &Path) -> &Path {
    match store.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

impl Segment {
    fn append(&mut self, octets: &[u8]) -> io::Result<()> {
        self.file.write_all_at(octets, self.length.into())?;
        self.file.sync_data()?;
        self.length = self
            .length
            .saturating_add(u32::try_from(octets.len()).unwrap_or(u32::MAX));
        Ok(())
    }
}

/// What is found behind a place.
pub(super) enum Found {
    /// A sound batch.
    Batch(Entry),
    /// Octets that are no entry, with sound ones behind them: as many of them as are kept.
    Spoilt(Vec<u8>),
}

/// Reads what is behind a place.
pub(super) struct Waiting<'a> {
    segments: &'a Segments,
    /// Those that are still to be read, the next one last.
    numbers: Vec<u32>,
    current: Option<(File, u64)>,
    position: Position,
}

impl Waiting<'_> {
    /// Behind everything sound that was read.
    pub(super) fn position(&self) -> Position {
        self.position
    }

    /// What is next.
    ///
    /// # Errors
    /// The disk does not give it.
    pub(super) fn next(&mut self) -> Result<Option<Found>> {
        loop {
            let segment = match self.current.take() {
                Some(segment) => segment,
                None => match self.numbers.pop() {
                    Some(number) => self.enter(number)?,
                    None => return Ok(None),
                },
            };
            let path = self.segments.path(self.position.segment);
            let refused = |error: io::Error| refused_by_system(&path, &error);
            let (file, length) = &segment;
            let offset = u64::from(self.position.offset);
            if let Some(entry) = entry_at(file, offset, *length).map_err(refused)? {
                self.advance(HEADER as u64 + entry.packed.len() as u64);
                self.current = Some(segment);
                return Ok(Some(Found::Batch(entry)));
            }
            if let Some(sound) = sound_behind(file, offset, *length).map_err(refused)? {
                let mut spoilt = vec![0; usize::try_from((sound - offset).min(KEPT)).unwrap_or(0)];
                file.read_exact_at(&mut spoilt, offset).map_err(refused)?;
                self.advance(sound - offset);
                self.current = Some(segment);
                return Ok(Some(Found::Spoilt(spoilt)));
            }
        }
    }

    fn enter(&mut self, number: u32) -> Result<(File, u64)> {
        let path = self.segments.path(number);
        let refused = |error: io::Error| refused_by_system(&path, &error);
        let file = File::open(&path).map_err(refused)?;
        let length = file.metadata().map_err(refused)?.len().min(u32::MAX.into());
        if number != self.position.segment {
            self.position = Position {
                segment: number,
                offset: 0,
            };
        }
        Ok((file, length))
    }

    fn advance(&mut self, octets: u64) {
        let octets = u32::try_from(octets).unwrap_or(u32::MAX);
        self.position.offset = self.position.offset.saturating_add(octets);
    }
}

/// So much of a spoilt place is kept.
const KEPT: u64 = 1 << 20;

/// The entry that begins here, when it is sound.
fn entry_at(file: &File, offset: u64, length: u64) -> io::Result<Option<Entry>> {
    let left = length.saturating_sub(offset);
    if left < HEADER as u64 {
        return Ok(None);
    }
    let mut header = [0; HEADER];
    file.read_exact_at(&mut header, offset)?;
    let [m0, m1, m2, m3, i0, i1, i2, i3, l0, l1, l2, l3, c0, c1, c2, c3] = header;
    let (items, long) = (
        u32::from_le_bytes([i0, i1, i2, i3]),
        u32::from_le_bytes([l0, l1, l2, l3]),
    );
    if [m0, m1, m2, m3] != MAGIC || long > LONGEST || u64::from(long) > left - HEADER as u64 {
        return Ok(None);
    }
    let mut packed = vec![0; long as usize];
    file.read_exact_at(&mut packed, offset + HEADER as u64)?;
    let is_sound = checksum(items, long, &packed) == u32::from_le_bytes([c0, c1, c2, c3]);
    Ok(is_sound.then_some(Entry { items, packed }))
}

/// The first place behind this one where a sound entry begins.
fn sound_behind(file: &File, offset: u64, length: u64) -> io::Result<Option<u64>> {
    let mut window = vec![0; WINDOW];
    let mut at = offset + 1;
    while at + (HEADER as u64) <= length {
        let long = usize::try_from((length - at).min(WINDOW as u64)).unwrap_or(WINDOW);
        let Some(window) = window.get_mut(..long) else {
            return Ok(None);
        };
        file.read_exact_at(window, at)?;
        for (place, _) in window
            .windows(MAGIC.len())
            .enumerate()
            .filter(|(_, octets)| *octets == MAGIC)
        {
            let place = at + place as u64;
            if entry_at(file, place, length)?.is_some() {
                return Ok(Some(place));
            }
        }
        // A beginning may lie across the window's end.
        at += (long.saturating_sub(MAGIC.len() - 1)).max(1) as u64;
    }
    Ok(None)
}

/// So much is looked through at once.
const WINDOW: usize = 64 << 10;

fn checksum(items: u32, length: u32, packed: &[u8]) -> u32 {
    let mut crc = Crc::new();
    crc.update(&items.to_le_bytes());
    crc.update(&length.to_le_bytes());
    crc.update(packed);
    crc.sum()
}
