//! Files beside the store that what is heard is written to: one write and one sync make it durable, and it is read once.
//!
//! ```text
//! STORE-heard-1, STORE-heard-2, …   entries, each at the beginning of a page of 4096 octets, with zeros up to the next
//!
//! "RHE2" | number of the file (4) | items (4) | length (4) | CRC-32 of these three and the batch (4) | a batch (`form`)
//! "RHE1" |                          items (4) | length (4) | CRC-32 (4) | a batch      of earlier releases, at any place
//! ```
//!
//! Numbers are little-endian. Where the last settling ended stands in the store (counter `heard`), and is committed together
//! with what it made of the entries before it. The engine's lock to write is theirs as well: who writes, and who settles, holds
//! it. So there is one writer at a time in whatever process, and a file that is done behind a commit is one that nobody
//! will read or write any more. Once that commit is on the disk, the next file is that one again, under its new number and written
//! over in place: a file that grows costs the file system's journal more than a batch has. What an earlier number left in it counts
//! for nothing.
//!
//! An end that a power cut has torn was never said to be durable, and is passed over; no page has two batches, so nothing else is
//! torn with it. A spoilt place with sound entries behind it is given as what it is.

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

/// Begins each entry, and that of earlier releases.
const MAGIC: [u8; 4] = *b"RHE2";
const EARLIER: [u8; 4] = *b"RHE1";
/// What both begin with.
const ANY: [u8; 3] = *b"RHE";
const HEADER: usize = 20;
const EARLIER_HEADER: usize = 16;
/// What a disk is written in.
const PAGE: usize = 4096;
/// No entry is longer.
const LONGEST: u32 = 16 << 20;
/// A file that is longer is not continued behind a settling, nor is one that is older: what counts stands in the store.
const ROTATE: u32 = if cfg!(test) { 32 << 10 } else { 1 << 20 };
const OLD: Duration = Duration::from_secs(3600);
/// Nor is one that is longer continued at all.
const FULL: u32 = 64 << 20;
/// One that is longer is not kept to be written over.
const SPARE: u64 = 16 << 20;

/// The files of a store.
pub(in super::super) struct Segments {
    store: PathBuf,
    open: Option<Segment>,
    /// What was settled up to here is known to be on the disk: files before it may be written over.
    durable: Position,
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
            durable: Position::default(),
        }
    }

    /// Notes that what was settled up to here is on the disk.
    pub(in super::super) fn note_durable(&mut self, settled: Position) {
        self.durable = settled;
    }

    /// Whether the file that is written is written further; else another one begins with the next entry. Whoever settled behind our
    /// back may have read, and done with, what we have open.
    pub(super) fn goes_on(&self, settled: Position) -> bool {
        self.open.as_ref().is_some_and(|open| {
            open.length < FULL && (open.number, open.length) >= (settled.segment, settled.offset)
        })
    }

    /// Adds entries, and says where the octets of each batch begin in the file: they are durable when this returns, and nothing of
    /// them counts when it fails.
    ///
    /// # Errors
    /// The disk is full, read-only or broken.
    pub(super) fn append(&mut self, settled: Position, entries: &[Entry]) -> Result<Vec<u32>> {
        let goes_on = self.goes_on(settled);
        let mut segment = match self.open.take().filter(|_| goes_on) {
            Some(segment) => segment,
            None => self.begin(settled)?,
        };
        let mut octets = Vec::new();
        let mut places = Vec::with_capacity(entries.len());
        for Entry { items, packed, .. } in entries {
            let head = Head {
                number: segment.number,
                items: *items,
                length: u32::try_from(packed.len()).unwrap_or(u32::MAX),
            };
            octets.extend(MAGIC);
            octets.extend(head.octets());
            octets.extend(head.sum(packed).to_le_bytes());
            places.push(
                segment
                    .length
                    .saturating_add(u32::try_from(octets.len()).unwrap_or(u32::MAX)),
            );
            octets.extend(packed);
            octets.resize(octets.len().next_multiple_of(PAGE), 0);
        }
        match segment.append(&octets) {
            Ok(()) => {
                self.open = Some(segment);
                Ok(places)
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

    /// Octets of the file that is written.
    pub(super) fn read(&self, at: u32, length: usize) -> Option<Vec<u8>> {
        let mut octets = vec![0; length];
        let Segment { file, .. } = self.open.as_ref()?;
        file.read_exact_at(&mut octets, at.into()).ok()?;
        Some(octets)
    }

    fn begin(&self, settled: Position) -> Result<Segment> {
        let found = self.list()?;
        let behind = found.last().map_or(0, |(number, _)| number.saturating_add(1));
        let number = settled
            .segment
            .saturating_add(u32::from(settled.offset > 0))
            .max(behind)
            .max(1);
        let path = self.path(number);
        let refused = |error: io::Error| refused_by_system(&path, &error);
        let mut options = OpenOptions::new();
        options.read(true).write(true);
        if let Some(spare) = spare(&found, settled.min(self.durable)) {
            let spare = self.path(spare);
            forget_earlier(&spare).map_err(refused)?;
            fs::rename(spare, &path).map_err(refused)?;
        } else {
            options.create_new(true).mode(0o600);
        }
        let file = options.open(&path).map_err(refused)?;
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

    /// Whether something is there that was not settled.
    pub(super) fn wait(&self, settled: Position) -> bool {
        self.behind(settled)
            .and_then(|mut waiting| waiting.next())
            .is_ok_and(|found| found.is_some())
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

    /// The files that nobody will read any more: all of them, or but for one that is written over next.
    pub(in super::super) fn done(&self, settled: Position, all: bool) -> Vec<PathBuf> {
        let found = self.list().unwrap_or_default();
        let spare = spare(&found, settled).filter(|_| !all);
        found
            .into_iter()
            .map(|(number, _)| number)
            .filter(|number| *number < settled.segment && Some(*number) != spare)
            .map(|number| self.path(number))
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

/// The longest of those that are done, unless it is too long to be kept.
fn spare(found: &[(u32, u64)], settled: Position) -> Option<u32> {
    let done = found
        .iter()
        .filter(|(number, length)| *number < settled.segment && *length <= SPARE);
    done.max_by_key(|(_, length)| *length).map(|(number, _)| *number)
}

/// Entries of an earlier release don't say of which file they are: nothing of them may be left in the next one.
fn forget_earlier(spare: &Path) -> io::Result<()> {
    let file = OpenOptions::new().read(true).write(true).open(spare)?;
    let mut begin = [0; MAGIC.len()];
    match file.read_exact_at(&mut begin, 0) {
        Ok(()) if begin == MAGIC => Ok(()),
        _ => {
            file.set_len(0)?;
            file.sync_data()
        }
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
            let number = self.position.segment;
            let path = self.segments.path(number);
            let refused = |error: io::Error| refused_by_system(&path, &error);
            let (file, length) = &segment;
            let offset = u64::from(self.position.offset);
            if let Some((entry, long)) = entry_at(file, number, offset, *length).map_err(refused)? {
                self.advance(long);
                self.current = Some(segment);
                return Ok(Some(Found::Batch(entry)));
            }
            if let Some(sound) = sound_behind(file, number, offset, *length).map_err(refused)? {
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
        let length = match &self.segments.open {
            // What is behind was there before.
            Some(open) if open.number == number => open.length.into(),
            _ => file.metadata().map_err(refused)?.len().min(u32::MAX.into()),
        };
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

/// The entry of a file that begins here, when it is sound, and how far the next one is from here.
fn entry_at(file: &File, number: u32, offset: u64, length: u64) -> io::Result<Option<(Entry, u64)>> {
    let left = length.saturating_sub(offset);
    let mut octets = [0; HEADER];
    let size = if left < HEADER as u64 {
        EARLIER_HEADER
    } else {
        HEADER
    };
    let (true, Some(header)) = (left >= size as u64, octets.get_mut(..size)) else {
        return Ok(None);
    };
    file.read_exact_at(header, offset)?;
    let words = octets.as_chunks::<4>().0;
    let [magic, first, second, third, fourth] = words else {
        return Ok(None);
    };
    let word = |octets: &[u8; 4]| u32::from_le_bytes(*octets);
    let (size, head, sum) = match *magic {
        MAGIC if offset.is_multiple_of(PAGE as u64) => (
            HEADER,
            Head {
                number: word(first),
                items: word(second),
                length: word(third),
            },
            word(fourth),
        ),
        EARLIER => (
            EARLIER_HEADER,
            Head {
                number: 0,
                items: word(first),
                length: word(second),
            },
            word(third),
        ),
        _ => return Ok(None),
    };
    let is_earlier = size == EARLIER_HEADER;
    let long = size as u64 + u64::from(head.length);
    if head.length > LONGEST || long > left || !is_earlier && head.number != number {
        return Ok(None);
    }
    let mut packed = vec![0; head.length as usize];
    file.read_exact_at(&mut packed, offset + size as u64)?;
    let found = if is_earlier {
        head.earlier_sum(&packed)
    } else {
        head.sum(&packed)
    };
    let entry = Entry {
        items: head.items,
        packed,
    };
    let step = if is_earlier {
        long
    } else {
        long.next_multiple_of(PAGE as u64)
    };
    Ok((found == sum).then_some((entry, step)))
}

/// The first place behind this one where a sound entry of a file begins.
fn sound_behind(file: &File, number: u32, offset: u64, length: u64) -> io::Result<Option<u64>> {
    let mut window = vec![0; WINDOW];
    let mut at = offset + 1;
    while at + (EARLIER_HEADER as u64) <= length {
        let long = usize::try_from((length - at).min(WINDOW as u64)).unwrap_or(WINDOW);
        let Some(window) = window.get_mut(..long) else {
            return Ok(None);
        };
        file.read_exact_at(window, at)?;
        for (place, _) in window
            .windows(ANY.len())
            .enumerate()
            .filter(|(_, octets)| *octets == ANY)
        {
            let place = at + place as u64;
            if entry_at(file, number, place, length)?.is_some() {
                return Ok(Some(place));
            }
        }
        // A beginning may lie across the window's end.
        at += (long.saturating_sub(ANY.len() - 1)).max(1) as u64;
    }
    Ok(None)
}

/// So much is looked through at once.
const WINDOW: usize = 64 << 10;

/// What stands before a batch.
struct Head {
    /// That of the file: what lies in it from before has another one.
    number: u32,
    items: u32,
    length: u32,
}

impl Head {
    fn octets(&self) -> [u8; 12] {
        let mut octets = [0; 12];
        for (place, word) in
            octets
                .as_chunks_mut::<4>()
                .0
                .iter_mut()
                .zip([self.number, self.items, self.length])
        {
            *place = word.to_le_bytes();
        }
        octets
    }

    fn sum(&self, packed: &[u8]) -> u32 {
        sum_of(&self.octets(), packed)
    }

    /// Without the file's number.
    fn earlier_sum(&self, packed: &[u8]) -> u32 {
        sum_of(self.octets().get(4..).unwrap_or_default(), packed)
    }
}

fn sum_of(head: &[u8], packed: &[u8]) -> u32 {
    let mut crc = Crc::new();
    crc.update(head);
    crc.update(packed);
    crc.sum()
}
