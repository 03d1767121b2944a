//! What rtl_433 knows of a telegram, and the lengths it gets wrong.
//!
//! Its `data` field has had five shapes over the years. With b0 the first octet and n the number of octets:
//!
//! ```text
//! n = b0 + 1    right
//! n = b0 + 5    format A, 20.11 to 23.11: L is two too small, and two octets of CRC stand at the end
//! n = b0 - 1    format B, 25.02 and later: L still counts the two octets of CRC
//! n = b0 - 3    format B, 20.02 and 24.10: the last two octets of the telegram are lost
//! else          the header is missing (18.12, 19.08), or a long format B frame, mangled in every version
//! ```

use super::Origin;
use super::hex;
use super::rejection::{Code, Rejection};
use super::time;
use crate::{Check, LinkMode, Telegram};

/// The model name of its wireless M-Bus decoder.
pub(super) const MODEL: &str = "Wireless-MBus";

/// The fields that matter, as text, from JSON or CSV; empty where absent.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Fields<'a> {
    pub(super) model: &'a str,
    pub(super) time: &'a str,
    pub(super) mode: &'a str,
    pub(super) data: &'a str,
}

impl Fields<'_> {
    /// The telegram they describe.
    pub(super) fn telegram(self, origin: &Origin) -> Result<Telegram, Rejection> {
        if self.model != MODEL {
            return Err(Rejection::new(
                Code::Foreign,
                "rtl_433 heard something else than wireless M-Bus here",
            ));
        }
        if self.data.is_empty() {
            return Err(Rejection::new(
                Code::Malformed,
                "an rtl_433 event without its data field",
            ));
        }
        let octets = repair(hex::octets(self.data, hex::no_noise)?)?;
        Ok(Telegram {
            link_mode: LinkMode::from_name(self.mode),
            received_at: time::instant(self.time, &origin.zone),
            ..Telegram::new(octets, Check::Receiver, origin.radio.clone())
        })
    }
}

/// Octets as rtl_433 writes them, with the length they should have.
///
/// Fails with `UnrepairableLength` where octets are lost.
pub(super) fn repair(mut octets: Vec<u8>) -> Result<Vec<u8>, Rejection> {
    let count = octets.len();
    let announced = octets.first().copied().map_or(0, usize::from);
    if count == announced + 1 {
        return Ok(octets);
    }
    if count == announced + 5 {
        octets.truncate(count - 2);
        return with_length(octets);
    }
    if count + 1 == announced {
        return with_length(octets);
    }
    Err(Rejection::new(
        Code::UnrepairableLength,
        if count + 3 == announced {
            "this version of rtl_433 loses the last two octets of format B: use 25.02 or later".into()
        } else {
            format!(
                "{count} octets behind an L-field of {announced:02X}: octets are lost or the header is missing"
            )
        },
    ))
}

/// The octets with the L-field that their number asks for.
pub(super) fn with_length(mut octets: Vec<u8>) -> Result<Vec<u8>, Rejection> {
    match (u8::try_from(octets.len().saturating_sub(1)), octets.first_mut()) {
        (Ok(count), Some(length)) => {
            *length = count;
            Ok(octets)
        }
        _ => Err(Rejection::new(
            Code::UnrepairableLength,
            format!("{} octets are more than an L-field can count", octets.len()),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(length: u8, count: usize) -> Vec<u8> {
        let mut octets: Vec<u8> = (0..count).map(|at| at as u8).collect();
        octets[0] = length;
        octets
    }

    #[test]
    fn the_four_lengths() {
        assert_eq!(repair(frame(0x1E, 31)).unwrap(), frame(0x1E, 31));
        assert_eq!(repair(frame(0x1C, 33)).unwrap(), frame(0x1E, 31));
        assert_eq!(repair(frame(0x25, 36)).unwrap(), frame(0x23, 36));
        for (length, count) in [
            (0x25, 34),
            (0x7A, 22),
            (0x1E, 30),
            (0x1E, 32),
            (0x1E, 34),
            (0xFB, 300),
        ] {
            assert_eq!(
                repair(frame(length, count)).unwrap_err().code,
                Code::UnrepairableLength,
                "{length:02X} with {count}"
            );
        }
        assert_eq!(
            repair(frame(0xFF, 260)).unwrap_err().code,
            Code::UnrepairableLength
        );
    }

    #[test]
    fn other_models_are_foreign() {
        let fields = Fields {
            model: "KNX-RF",
            data: "0f440102785634120107744778001122",
            ..Fields::default()
        };
        assert_eq!(fields.telegram(&Origin::new("")).unwrap_err().code, Code::Foreign);
        let fields = Fields {
            model: MODEL,
            ..Fields::default()
        };
        assert_eq!(
            fields.telegram(&Origin::new("")).unwrap_err().code,
            Code::Malformed
        );
    }
}
