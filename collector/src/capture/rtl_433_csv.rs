//! rtl_433 in CSV: one header line names the columns, which depend on the version and the decoders enabled.
//!
//! ```text
//! time,msg,codes,model,mode,id,…,data,mic,…
//! 2025-02-02 14:09:37,,,Wireless-MBus,T,12345699,…,1e44ae4c…,CRC,…
//! ```
//!
//! A comma inside a value is written `\,`. A row that comes without its header (a log that was rotated) is read by
//! finding the column that can only be the telegram.

use wmbus::Frame;

use super::Origin;
use super::hex;
use super::rejection::{Code, Rejection};
use super::rtl_433::{self, Fields, MODEL};
use crate::Telegram;

/// Digits from which on a column may be a telegram.
const MIN_DIGITS: usize = 22;

/// Where a header line said that the columns are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    columns: usize,
    time: Option<usize>,
    model: usize,
    mode: Option<usize>,
    data: usize,
}

impl Header {
    /// The header in this line, if it is one.
    pub(super) fn parse(text: &str) -> Option<Self> {
        if !text.starts_with("time,") {
            return None;
        }
        let names = split(text);
        let position = |name: &str| names.iter().position(|column| *column == name);
        Some(Self {
            columns: names.len(),
            time: position("time"),
            model: position("model")?,
            mode: position("mode"),
            data: position("data")?,
        })
    }

    /// True for rows that have as many columns as this header.
    fn fits(&self, row: &[&str]) -> bool {
        self.columns == row.len()
    }
}

/// True for rows of the wireless M-Bus decoder, and under a header for rows of every other.
pub(super) fn is_meant(text: &str, header: Option<&Header>) -> bool {
    text.contains(',') && (text.contains(MODEL) || header.is_some_and(|header| header.fits(&split(text))))
}

/// One row.
pub(super) fn parse(text: &str, header: Option<&Header>, origin: &Origin) -> Result<Telegram, Rejection> {
    let row = split(text);
    match header.filter(|header| header.fits(&row)) {
        Some(header) => {
            let column = |index: Option<usize>| index.and_then(|at| row.get(at)).copied().unwrap_or_default();
            let fields = Fields {
                model: column(Some(header.model)),
                time: column(header.time),
                mode: column(header.mode),
                data: column(Some(header.data)),
            };
            fields.telegram(origin)
        }
        None => without_header(&row, origin),
    }
}

fn without_header(row: &[&str], origin: &Origin) -> Result<Telegram, Rejection> {
    let time = row.first().copied().unwrap_or_default();
    let telegram = |data: &&str| {
        let fields = Fields {
            model: MODEL,
            time,
            mode: "",
            data,
        };
        fields.telegram(origin)
    };
    let may_be = |column: &&&str| {
        column.len() >= MIN_DIGITS && hex::octets(column, hex::no_noise).is_ok_and(|octets| is_known(&octets))
    };
    row.iter().find(may_be).map_or_else(
        || {
            Err(Rejection::new(
                Code::Malformed,
                "an rtl_433 row without its header line, and no column that can only be the telegram",
            ))
        },
        telegram,
    )
}

/// True when the octets begin like a telegram, with a C-field of the standard.
fn is_known(octets: &[u8]) -> bool {
    let stripped = rtl_433::with_length(octets.to_vec());
    stripped.is_ok_and(|octets| {
        Frame::parse_as(&octets, wmbus::FrameFormat::Stripped)
            .is_ok_and(|frame| frame.link().control.name() != "unknown")
    })
}

/// The columns of a line; commas behind a backslash don't count.
fn split(text: &str) -> Vec<&str> {
    let mut escaped = false;
    text.split(|character| {
        let splits = character == ',' && !escaped;
        escaped = character == '\\' && !escaped;
        splits
    })
    .map(str::trim)
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROW: &str = "2025-02-02 14:09:37,a\\,b,,Wireless-MBus,0f440102785634120107744778001122,T";

    fn origin() -> Origin {
        Origin::new("roof")
    }

    #[test]
    fn the_header_says_where_the_columns_are() {
        let header = Header::parse("time,msg,codes,model,data,mode").unwrap();
        assert!(is_meant(ROW, Some(&header)));
        let telegram = parse(ROW, Some(&header), &origin()).unwrap();
        assert_eq!(telegram.octets.len(), 16);
        assert_eq!(telegram.check, crate::Check::Receiver);
        assert_eq!(telegram.link_mode, Some(crate::LinkMode::T));
        assert_eq!(telegram.received_at.unwrap().to_string(), "2025-02-02T14:09:37Z");
        assert_eq!(Header::parse("time,msg,codes,model,mode"), None);
        assert_eq!(Header::parse("model,data"), None);
    }

    #[test]
    fn without_a_header_the_telegram_is_found_by_its_looks() {
        let telegram = parse(ROW, None, &origin()).unwrap();
        assert_eq!(telegram.octets.len(), 16);
        assert_eq!(telegram.link_mode, None);
        let other = "2025-02-02 14:09:37,,,Wireless-MBus,0eff0102785634120107744778001122";
        assert_eq!(parse(other, None, &origin()).unwrap_err().code, Code::Malformed);
    }

    #[test]
    fn rows_of_other_sensors_are_foreign_once_the_header_is_known() {
        let header = Header::parse("time,msg,codes,model,data,mode").unwrap();
        let row = "2025-02-02 14:09:37,,,Thermometer,,";
        assert!(is_meant(row, Some(&header)));
        assert!(!is_meant(row, None));
        assert_eq!(
            parse(row, Some(&header), &origin()).unwrap_err().code,
            Code::Foreign
        );
    }
}
