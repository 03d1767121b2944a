//! Compact frames: values without their headers, which a full frame or a format frame has shown before (EN 13757-3).
//!
//! ```text
//! full      DIB VIB data  DIB VIB data  …
//! format    LEN  SIG SIG  DIB VIB  DIB VIB  …
//! compact        SIG SIG  CRC CRC  data  data  …
//! ```
//!
//! The signature is the CRC of all headers, the CRC that of the whole full frame; both low octet first.

use alloc::vec::Vec;

use super::dif::{Dib, MAX_DIFE, variable_length};
use super::vif::{MAX_VIFE, Vib, chain};
use super::{Item, MAX_RECORDS, Records};
use crate::cursor::Cursor;
use crate::error::{Error, ErrorKind, Layer};
use crate::phy::crc::crc;

/// The headers of a full frame, in order: enough to read a compact one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    headers: Vec<u8>,
    /// Octets of each header, and of its data (`None`: variable, with an LVAR).
    records: Vec<(usize, Option<usize>)>,
}

/// The application data of a compact frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Compact<'a> {
    /// Signature of the layout it was made with.
    pub signature: u16,
    /// CRC of the full frame it was made from.
    pub full_crc: u16,
    /// The data of all records, and fillers.
    pub data: &'a [u8],
    at: usize,
}

impl Layout {
    /// The layout of a full frame, if all of it is records.
    pub fn of_full_frame(payload: &[u8]) -> Option<Self> {
        let mut headers = Vec::new();
        headers_of(payload, &mut headers)
            .then(|| Self::of_headers(&headers))
            .flatten()
    }

    /// The layout of DIBs and VIBs that stand one after the other.
    pub fn of_headers(headers: &[u8]) -> Option<Self> {
        let mut records = Vec::new();
        let mut rest = headers;
        while !rest.is_empty() {
            let (dib, dib_length) = Dib::parse(rest).ok()?;
            if dib.data_field == 0x0F {
                return None;
            }
            let vib = Vib::parse(rest.get(dib_length..)?).ok()?;
            let length = dib_length + vib.octets.len();
            records.push((length, dib.data_length()));
            rest = rest.get(length..)?;
        }
        (!records.is_empty()).then(|| Self {
            headers: headers.to_vec(),
            records,
        })
    }

    /// The layout that a format frame shows.
    ///
    /// Fails with `Truncated`, or with `FormatSignatureMismatch` when the frame contradicts itself.
    pub fn of_format_frame(payload: &[u8], at: usize) -> Result<Self, Error> {
        let mut cursor = Cursor::new(payload, at, Layer::Application);
        let length = usize::from(cursor.u8()?);
        let mut cursor = Cursor::new(cursor.take(length)?, at + 1, Layer::Application);
        let got = cursor.u16_le()?;
        let want = crc(cursor.rest());
        let mismatch = cursor.error(ErrorKind::FormatSignatureMismatch { got, want });
        Self::of_headers(cursor.rest())
            .filter(|_| got == want)
            .ok_or(mismatch)
    }

    /// What compact frames of this layout begin with.
    pub fn signature(&self) -> u16 {
        signature_of(&self.headers)
    }

    /// DIBs and VIBs, one after the other.
    pub fn headers(&self) -> &[u8] {
        &self.headers
    }

    /// The full frame that a compact one was made from.
    ///
    /// Fails with `UnknownCompactFormat` for the frame of another layout, with `Truncated` when data are missing, with
    /// `FullFrameCrc` when there are too many or they are not those of the full frame.
    pub fn expand(&self, compact: &Compact<'_>) -> Result<Vec<u8>, Error> {
        let mut data = Cursor::new(compact.data, compact.at, Layer::Application);
        if compact.signature != self.signature() {
            return Err(data.error(ErrorKind::UnknownCompactFormat {
                signature: compact.signature,
            }));
        }
        let mut full = Vec::with_capacity(self.headers.len() + compact.data.len());
        let mut headers = &self.headers[..];
        for (header, length) in &self.records {
            let (header, rest) = headers.split_at_checked(*header).unwrap_or((headers, &[]));
            headers = rest;
            full.extend_from_slice(header);
            let length = match (length, data.peek()) {
                (Some(length), _) => *length,
                (None, Some(lvar)) => 1 + variable_length(lvar).unwrap_or(usize::MAX - 1),
                (None, None) => 1,
            };
            full.extend_from_slice(data.take(length)?);
        }
        let want = crc(&full);
        if want != compact.full_crc || data.rest().iter().any(|octet| *octet != 0x2F) {
            return Err(data.error(ErrorKind::FullFrameCrc {
                got: compact.full_crc,
                want,
            }));
        }
        Ok(full)
    }
}

/// Puts the headers of a full frame, one after the other, in the place of what is in `headers`; false when not all of the
/// frame is records.
pub fn headers_of(payload: &[u8], headers: &mut Vec<u8>) -> bool {
    headers.clear();
    // Of all full frames, so records are measured and not read: where they end is what `Records` says.
    let mut rest = payload;
    let mut count = 0;
    while let Some((first, behind)) = rest.split_first() {
        if *first == FILLER {
            rest = behind;
            continue;
        }
        // As most records are: one octet says where and how long, another one what.
        if let [dif @ 0x01..0x80, vif @ (0x00..=0x7B | 0x7D..0x80), data @ ..] = rest
            && let Some(length) = Dib::new(dif & 0x0F).data_length()
            && let Some(behind) = data.get(length..)
            && count < MAX_RECORDS
        {
            headers.extend_from_slice(&[*dif, *vif]);
            rest = behind;
            count += 1;
            continue;
        }
        let is_padding = *first == 0 && rest.iter().all(|octet| *octet == 0);
        if is_padding || count == MAX_RECORDS {
            return false;
        }
        count += 1;
        let Some((header, record)) = measure(rest) else {
            return false;
        };
        headers.extend_from_slice(rest.get(..header).unwrap_or_default());
        rest = rest.get(record..).unwrap_or_default();
    }
    true
}

/// What fills a payload between and behind its records.
const FILLER: u8 = 0x2F;

/// How many octets the header of the record at the beginning has, and the whole of it; `None` where there is no record.
fn measure(octets: &[u8]) -> Option<(usize, usize)> {
    let dif = *octets.first()?;
    if dif & 0x0F == 0x0F {
        return None;
    }
    let dib = if dif & 0x80 == 0 {
        1
    } else {
        chain(octets, 0, 1 + MAX_DIFE).ok()?
    };
    let length = Dib::new(dif & 0x0F).data_length();
    let vib = match octets.get(dib)? {
        0x7C | 0xFC => Vib::parse(octets.get(dib..)?).ok()?.octets.len(),
        vif if *vif < 0x80 => 1,
        _ => chain(octets, dib, 1 + MAX_VIFE).ok()? - dib,
    };
    let head = dib + vib;
    let length = match length {
        Some(length) => length,
        None => 1 + variable_length(*octets.get(head)?)?,
    };
    (octets.len() >= head + length).then_some((head, head + length))
}

/// What the compact frames of a layout with these headers begin with.
pub fn signature_of(headers: &[u8]) -> u16 {
    crc(headers)
}

impl<'a> Compact<'a> {
    /// Reads the application data of a compact frame, which begin at offset `at` of the telegram.
    ///
    /// Fails with `Truncated` when they are shorter than four octets.
    pub fn parse(payload: &'a [u8], at: usize) -> Result<Self, Error> {
        let mut cursor = Cursor::new(payload, at, Layer::Application);
        let (signature, full_crc) = (cursor.u16_le()?, cursor.u16_le()?);
        Ok(Self {
            signature,
            full_crc,
            data: cursor.rest(),
            at: cursor.at(),
        })
    }
}

/// The application data of the compact frame of a full one; `None` when not all of it is records.
pub fn compact(full: &[u8]) -> Option<Vec<u8>> {
    let layout = Layout::of_full_frame(full)?;
    let mut data = Vec::with_capacity(full.len());
    let mut records = Vec::with_capacity(full.len());
    for item in Records::new(full, 0) {
        let Item::Record(record) = item else { return None };
        data.extend_from_slice(record.data);
        records.extend_from_slice(record.octets);
    }
    let mut payload = layout.signature().to_le_bytes().to_vec();
    payload.extend(crc(&records).to_le_bytes());
    payload.extend(data);
    Some(payload)
}

/// The application data of the format frame of a full one; `None` when not all of it is records.
pub fn format(full: &[u8]) -> Option<Vec<u8>> {
    let layout = Layout::of_full_frame(full)?;
    let mut payload = Vec::with_capacity(3 + layout.headers.len());
    payload.push(u8::try_from(2 + layout.headers.len()).ok()?);
    payload.extend(layout.signature().to_le_bytes());
    payload.extend(layout.headers);
    Some(payload)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// As the records themselves say.
    fn headers_of_records(payload: &[u8]) -> Option<Vec<u8>> {
        let mut headers = Vec::new();
        for item in Records::new(payload, 0) {
            let Item::Record(record) = item else { return None };
            headers.extend_from_slice(record.header());
        }
        Some(headers)
    }

    fn measured(payload: &[u8]) -> Option<Vec<u8>> {
        let mut headers = alloc::vec![1, 2, 3];
        headers_of(payload, &mut headers).then_some(headers)
    }

    /// Octets that stand at turns of the way more often than chance would have it.
    fn octet() -> impl Strategy<Value = u8> {
        prop_oneof![
            4 => 0_u8..=5,
            4 => prop::sample::select(alloc::vec![0x2F, 0x7C, 0xFC, 0x0D, 0x0F, 0x1F, 0x80, 0x84, 0x93, 0xFD, 0xC4]),
            2 => any::<u8>(),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4_000))]

        #[test]
        fn records_are_measured_as_they_are_read(payload in prop::collection::vec(octet(), 0..40)) {
            prop_assert_eq!(measured(&payload), headers_of_records(&payload));
        }
    }

    #[test]
    fn records_are_measured_as_they_are_read_at_the_edges() {
        let chain = |dif: u8, difes: usize, vif: u8, vifes: usize| {
            let mut octets = alloc::vec![dif];
            octets.extend(core::iter::repeat_n(0x80, difes));
            octets.extend([0, vif]);
            octets.extend(core::iter::repeat_n(0xBC, vifes));
            octets.extend([0x3C, 1, 2, 3, 4]);
            octets
        };
        let many = |count: usize| [0x00, 0x13].repeat(count);
        for payload in [
            chain(0x84, 9, 0x93, 9),
            chain(0x84, 10, 0x93, 1),
            chain(0x84, 1, 0x93, 10),
            chain(0x8D, 1, 0x93, 2),
            alloc::vec![0x2F; 5],
            alloc::vec![0x04, 0x13, 1, 2, 3, 4, 0, 0],
            alloc::vec![0x04, 0x13, 1, 2, 3, 4, 0],
            alloc::vec![0x00, 0x00, 0x04, 0x13, 1, 2, 3, 4],
            many(MAX_RECORDS),
            many(MAX_RECORDS + 1),
        ] {
            assert_eq!(measured(&payload), headers_of_records(&payload), "{payload:02X?}");
        }
    }

    /// An index, a date and a text of varying length.
    const FULL: [u8; 17] = [
        0x04, 0x13, 1, 2, 3, 4, 0x42, 0x6C, 0x81, 0x3B, 0x0D, 0x78, 0x04, b'D', b'C', b'B', b'A',
    ];

    #[test]
    fn a_layout_heard_once_reads_every_compact_frame() {
        let layout = Layout::of_full_frame(&FULL).unwrap();
        let octets = compact(&FULL).unwrap();
        let parsed = Compact::parse(&octets, 0).unwrap();
        assert_eq!(layout.expand(&parsed).as_deref(), Ok(&FULL[..]));
        assert_eq!(
            Layout::of_format_frame(&format(&FULL).unwrap(), 0),
            Ok(layout.clone())
        );
        let filled = [&octets[..], &[0x2F; 5]].concat();
        assert!(layout.expand(&Compact::parse(&filled, 0).unwrap()).is_ok());
    }

    #[test]
    fn what_does_not_fit_is_not_read() {
        let layout = Layout::of_full_frame(&FULL).unwrap();
        let octets = compact(&FULL).unwrap();
        let kind = |octets: &[u8]| {
            layout
                .expand(&Compact::parse(octets, 0).unwrap())
                .unwrap_err()
                .kind
        };
        let mut changed = octets.clone();
        changed[5] ^= 1;
        assert!(matches!(kind(&changed), ErrorKind::FullFrameCrc { .. }));
        assert!(matches!(
            kind(&[&octets[..], &[0]].concat()),
            ErrorKind::FullFrameCrc { .. }
        ));
        assert!(matches!(
            kind(&octets[..octets.len() - 1]),
            ErrorKind::Truncated { .. }
        ));
        changed = octets.clone();
        changed[0] ^= 1;
        assert!(matches!(kind(&changed), ErrorKind::UnknownCompactFormat { .. }));
        let mut format = format(&FULL).unwrap();
        format[1] ^= 1;
        assert!(matches!(
            Layout::of_format_frame(&format, 0).unwrap_err().kind,
            ErrorKind::FormatSignatureMismatch { .. }
        ));
        assert!(Layout::of_full_frame(&[0x04, 0x13, 1]).is_none());
        assert!(Layout::of_full_frame(&[0x0F, 1]).is_none());
    }
}
