//! ZIP, as far as one small file inside has to be found: stored or deflated, not sealed, not spread over disks.
//!
//! ```text
//! local header, file   local header, file   …   directory: an entry for each   end: how many, and where
//! ```
//!
//! Sizes are taken from the directory, since local headers may leave them out.

use std::io::Read;

use flate2::Crc;
use flate2::read::DeflateDecoder;
use zeroize::Zeroizing;

/// What an archive begins with.
pub(super) const START: &[u8] = b"PK\x03\x04";

/// Why an archive can't be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ZipError {
    /// Lengths or check sums contradict each other.
    #[error("it is damaged")]
    Damaged,
    /// Sealed by the packer.
    #[error("it has a password of its own")]
    Sealed,
    /// Packed by a method that is not deflate.
    #[error("it is packed in an unusual way")]
    Method,
    /// More than 64 files, or more than 16 MiB.
    #[error("it holds too much")]
    TooLarge,
}

/// Files of an archive.
const MOST: usize = 64;
/// Octets of all files together.
const LARGEST: usize = 16 << 20;

/// The files in an archive, unpacked.
pub(super) fn files(octets: &[u8]) -> Result<Vec<Zeroizing<Vec<u8>>>, ZipError> {
    let end = octets.windows(4).rposition(|window| window == b"PK\x05\x06");
    let end = Fields(octets.get(end.ok_or(ZipError::Damaged)?..).unwrap_or_default());
    let count = end.short(10)?;
    let mut entry = Fields(octets.get(end.long(16)?..).ok_or(ZipError::Damaged)?);
    if count > MOST {
        return Err(ZipError::TooLarge);
    }
    let mut files = Vec::new();
    let mut room = LARGEST;
    for _ in 0..count {
        if !entry.0.starts_with(b"PK\x01\x02") {
            return Err(ZipError::Damaged);
        }
        let file = unpack(octets, entry, room)?;
        room -= file.len().min(room);
        files.push(file);
        let length = 46 + entry.short(28)? + entry.short(30)? + entry.short(32)?;
        entry = Fields(entry.0.get(length..).ok_or(ZipError::Damaged)?);
    }
    Ok(files)
}

/// The file of an entry of the directory.
fn unpack(octets: &[u8], entry: Fields<'_>, room: usize) -> Result<Zeroizing<Vec<u8>>, ZipError> {
    if entry.short(8)? & 1 != 0 {
        return Err(ZipError::Sealed);
    }
    let (packed, size) = (entry.long(20)?, entry.long(24)?);
    if size > room {
        return Err(ZipError::TooLarge);
    }
    let local = Fields(octets.get(entry.long(42)?..).ok_or(ZipError::Damaged)?);
    let at = 30 + local.short(26)? + local.short(28)?;
    let packed = local
        .0
        .get(at..)
        .and_then(|rest| rest.get(..packed))
        .ok_or(ZipError::Damaged)?;
    let mut file = Zeroizing::new(Vec::with_capacity(size));
    match entry.short(10)? {
        0 => file.extend_from_slice(packed),
        8 => {
            // One more than it says it is, so that more is noticed.
            let mut unpacked = DeflateDecoder::new(packed).take(size as u64 + 1);
            unpacked.read_to_end(&mut file).map_err(|_| ZipError::Damaged)?;
        }
        _ => return Err(ZipError::Method),
    }
    let mut sum = Crc::new();
    sum.update(&file);
    if file.len() != size || sum.sum() as usize != entry.long(16)? {
        return Err(ZipError::Damaged);
    }
    Ok(file)
}

/// A header; numbers have the low octet first.
#[derive(Clone, Copy)]
struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn short(self, at: usize) -> Result<usize, ZipError> {
        let octets = self.0.get(at..).and_then(|rest| rest.first_chunk());
        octets
            .map(|octets| usize::from(u16::from_le_bytes(*octets)))
            .ok_or(ZipError::Damaged)
    }

    fn long(self, at: usize) -> Result<usize, ZipError> {
        let octets = self.0.get(at..).and_then(|rest| rest.first_chunk());
        octets
            .and_then(|octets| usize::try_from(u32::from_le_bytes(*octets)).ok())
            .ok_or(ZipError::Damaged)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::DeflateEncoder;

    use super::*;

    /// An archive of these files; the first is stored, the others are deflated.
    pub(in super::super) fn packed(files: &[(&str, &[u8])]) -> Vec<u8> {
        let (mut octets, mut directory) = (Vec::new(), Vec::new());
        for (number, (name, file)) in files.iter().enumerate() {
            let (method, packed) = if number == 0 {
                (0_u16, file.to_vec())
            } else {
                let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
                encoder.write_all(file).unwrap();
                (8, encoder.finish().unwrap())
            };
            let mut sum = Crc::new();
            sum.update(file);
            let length = |octets: &[u8]| u32::try_from(octets.len()).unwrap().to_le_bytes();
            let at = length(&octets);
            let name_length = u16::try_from(name.len()).unwrap().to_le_bytes();
            // Sizes behind the file, as packers do that write to a pipe.
            let head = [&[20, 0, 8, 0][..], &method.to_le_bytes(), &[0; 4]].concat();
            octets.extend(
                [
                    START,
                    &head,
                    &[0; 12],
                    &name_length,
                    &[0; 2],
                    name.as_bytes(),
                    &packed,
                ]
                .concat(),
            );
            directory.extend([b"PK\x01\x02\x14\x00", head.as_slice(), &sum.sum().to_le_bytes()].concat());
            directory.extend([length(&packed), length(file)].concat());
            directory.extend([&name_length[..], &[0; 12], &at, name.as_bytes()].concat());
        }
        let count = u16::try_from(files.len()).unwrap().to_le_bytes();
        let (at, size) = (octets.len(), directory.len());
        octets.extend(directory);
        octets.extend([b"PK\x05\x06\0\0\0\0", &count[..], &count].concat());
        octets.extend(u32::try_from(size).unwrap().to_le_bytes());
        octets.extend(u32::try_from(at).unwrap().to_le_bytes());
        octets.extend([0, 0]);
        octets
    }

    #[test]
    fn files_are_found_and_damage_is_noticed() {
        let archive = packed(&[("a", b"stored"), ("b", &[7; 3000])]);
        let found = files(&archive).unwrap();
        assert_eq!(found.len(), 2);
        assert_eq!(
            (found[0].as_slice(), found[1].as_slice()),
            (&b"stored"[..], &[7; 3000][..])
        );
        let mut broken = archive.clone();
        broken[32] ^= 1;
        assert_eq!(files(&broken).unwrap_err(), ZipError::Damaged);
        let mut sealed = archive.clone();
        let at = archive
            .windows(4)
            .position(|window| window == b"PK\x01\x02")
            .unwrap();
        sealed[at + 8] |= 1;
        assert_eq!(files(&sealed).unwrap_err(), ZipError::Sealed);
        let mut large = archive;
        large[at + 27] = 0xFF;
        assert_eq!(files(&large).unwrap_err(), ZipError::TooLarge);
    }

    #[test]
    fn a_packed_bomb_is_refused_before_it_is_unpacked() {
        let zeros = vec![0; LARGEST + 1];
        let bomb = packed(&[("a", b""), ("bomb", &zeros)]);
        assert!(bomb.len() < LARGEST / 500);
        assert_eq!(files(&bomb).unwrap_err(), ZipError::TooLarge);
        // One that says it is small is unpacked so far and no further.
        let mut lying = bomb;
        let at = lying
            .windows(4)
            .rposition(|window| window == b"PK\x01\x02")
            .unwrap();
        lying[at + 24..at + 28].copy_from_slice(&100_u32.to_le_bytes());
        assert_eq!(files(&lying).unwrap_err(), ZipError::Damaged);
        // Each file fits, all together don't.
        let half = vec![0; LARGEST / 2 + 1];
        let many = packed(&[("a", b""), ("b", &half), ("c", &half)]);
        assert_eq!(files(&many).unwrap_err(), ZipError::TooLarge);
        // More files than anybody packs, and names that lead elsewhere, which nobody reads.
        let names: Vec<_> = (0..=MOST).map(|number| format!("../../{number}")).collect();
        let crowd: Vec<(&str, &[u8])> = names.iter().map(|name| (name.as_str(), &b"x"[..])).collect();
        assert_eq!(files(&packed(&crowd)).unwrap_err(), ZipError::TooLarge);
        assert_eq!(files(&packed(&crowd[..3])).unwrap().len(), 3);
    }

    #[test]
    fn no_octets_make_it_panic() {
        let archive = packed(&[("a", b"stored"), ("b", &[7; 300])]);
        proptest::proptest!(|(at in 0..archive.len(), octet: u8, cut in 0..archive.len())| {
            let mut octets = archive.clone();
            octets[at] = octet;
            let _ = files(&octets);
            let _ = files(&octets[..cut]);
        });
    }
}
