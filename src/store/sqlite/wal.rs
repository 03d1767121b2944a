//! The engine's log, looked at before the engine does: where a frame is spoilt, the engine goes no further and says nothing.
//!
//! A power cut tears the last batch alone, since each is synchronised before the next begins. So two batches that end
//! behind a spoilt frame were synchronised, and are lost.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;

/// Batches that the log holds behind a spoilt place, when there are so many that no power cut explains them.
pub(super) fn lost_batches(log: &Path) -> io::Result<Option<u64>> {
    let mut file = match File::open(log) {
        Ok(file) => BufReader::with_capacity(1 << 16, file),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut header = [0; HEADER];
    if !fill(&mut file, &mut header)? {
        return Ok(None);
    }
    let size = usize::try_from(number(&header, 8)).unwrap_or(0);
    let big_endian = number(&header, 0) & 1 == 1;
    let mut sum = checksum(header.get(..24).unwrap_or_default(), (0, 0), big_endian);
    let mut whole = number(&header, 0) & !1 == MAGIC
        && sum == (number(&header, 24), number(&header, 28))
        && (512..=65_536).contains(&size);
    // Where the header is spoilt, pages are as large as ours always are.
    let size = if whole { size } else { 4096 };
    let mut salt = whole.then(|| (number(&header, 16), number(&header, 20)));
    let mut frame = vec![0; FRAME + size];
    let mut behind = 0;
    while fill(&mut file, &mut frame)? {
        let (head, page) = frame.split_at(FRAME);
        let said = (number(head, 8), number(head, 12));
        let salt = *salt.get_or_insert(said);
        if whole {
            let next = checksum(head.get(..8).unwrap_or_default(), sum, big_endian);
            let next = checksum(page, next, big_endian);
            whole = said == salt && next == (number(head, 16), number(head, 20));
            sum = next;
        }
        // Frames of an earlier round lie behind the end.
        if !whole && said == salt && number(head, 4) != 0 {
            behind += 1;
        }
    }
    Ok((behind > 1).then_some(behind))
}

/// False at the end.
fn fill(file: &mut impl Read, buffer: &mut [u8]) -> io::Result<bool> {
    match file.read_exact(buffer) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}

fn number(octets: &[u8], at: usize) -> u32 {
    octets
        .get(at..)
        .and_then(|rest| rest.first_chunk())
        .map_or(0, |octets| u32::from_be_bytes(*octets))
}

/// The engine's own sum over pairs of words.
fn checksum(octets: &[u8], (mut one, mut two): (u32, u32), big_endian: bool) -> (u32, u32) {
    let word = |octets: &[u8; 4]| {
        if big_endian {
            u32::from_be_bytes(*octets)
        } else {
            u32::from_le_bytes(*octets)
        }
    };
    for pair in octets.as_chunks::<4>().0.chunks_exact(2) {
        if let [first, second] = pair {
            one = one.wrapping_add(word(first)).wrapping_add(two);
            two = two.wrapping_add(word(second)).wrapping_add(one);
        }
    }
    (one, two)
}

const MAGIC: u32 = 0x377F_0682;
const HEADER: usize = 32;
const FRAME: usize = 24;

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::PathBuf;

    use rusqlite::Connection;

    use super::*;

    /// A log with so many batches in it, as it lies while the database is open.
    fn log(name: &str, batches: usize) -> (PathBuf, Vec<u8>) {
        let folder = std::env::temp_dir().join(format!("releve-wal-{}-{name}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let path = folder.join("a.db");
        let connection = Connection::open(&path).unwrap();
        connection
            .execute_batch("PRAGMA journal_mode = WAL; CREATE TABLE t (x TEXT)")
            .unwrap();
        for number in 1..i64::try_from(batches).unwrap() {
            connection.execute("INSERT INTO t VALUES (?1)", [number]).unwrap();
        }
        let octets = fs::read(folder.join("a.db-wal")).unwrap();
        drop(connection);
        (folder, octets)
    }

    #[test]
    fn a_spoilt_frame_is_told_from_a_torn_end() {
        let (folder, octets) = log("torn", 12);
        let path = folder.join("log");
        let judge = |octets: &[u8]| {
            fs::write(&path, octets).unwrap();
            lost_batches(&path).unwrap()
        };
        assert_eq!(judge(&octets), None);
        let frames = (octets.len() - HEADER) / (FRAME + 4096);
        assert!(frames >= 12);
        for frame in 0..frames {
            for at in [0, 9, 20, FRAME + 100] {
                let mut spoilt = octets.clone();
                spoilt[HEADER + frame * (FRAME + 4096) + at] ^= 0x40;
                let commits_behind = frames - frame;
                let found = judge(&spoilt);
                if commits_behind > 3 {
                    assert!(found.is_some(), "frame {frame}, octet {at}");
                } else if commits_behind == 1 {
                    assert_eq!(found, None, "the last batch may be torn");
                }
            }
        }
        let mut headless = octets.clone();
        headless[17] ^= 1;
        assert!(judge(&headless).is_some());
        assert_eq!(judge(&octets[..octets.len() - 1000]), None, "a torn end");
        assert_eq!(judge(&[]), None);
        fs::remove_dir_all(folder).unwrap();
    }
}
