//! Lines of rtl_wmbus, and of gateways that imitate it (ESPHome).
//!
//! ```text
//! [ALGORITHM;]MODE;CRC_OK;CODE_OK;TIME;PACKET;CURRENT;IDENT;0xHEX[;0xHEX]
//!  rla, t2a   T1   1      1       local              8 digits
//! ```
//!
//! PACKET and CURRENT are relative magnitudes, save with a leading minus: then PACKET is dBm. Lines whose CRC was
//! wrong are written too, with CRC_OK 0. The octets are stripped already.

use wmbus::FrameFormat;

use super::Origin;
use super::hex;
use super::rejection::{Code, Rejection};
use super::rtl_433;
use super::time;
use crate::{Check, LinkMode, Telegram};

/// What a public converter of rtl_433's JSON writes as the two magnitudes, always: its lengths are rtl_433's.
const CONVERTED: (&str, &str) = ("54", "46");

/// True for lines that begin as rtl_wmbus begins them.
pub(super) fn is_meant(text: &str) -> bool {
    let mut fields = text.split(';');
    let mode = match fields.next() {
        Some("rla" | "t2a") => fields.next(),
        first => first,
    };
    let is_mode = |name: &str| name.len() == 2 && LinkMode::from_name(name).is_some();
    mode.is_some_and(is_mode) && fields.next().is_some()
}

/// One line, one telegram for each `0x` field.
pub(super) fn parse(text: &str, origin: &Origin) -> Result<Vec<Telegram>, Rejection> {
    let fields: Vec<&str> = text.split(';').map(str::trim).collect();
    let fields = match fields.as_slice() {
        ["rla" | "t2a", rest @ ..] => rest,
        all => all,
    };
    let first_hex = fields
        .iter()
        .position(|field| field.starts_with("0x"))
        .ok_or_else(|| {
            Rejection::new(
                Code::Malformed,
                "an rtl_wmbus line without its 0x field: it was cut short",
            )
        })?;
    let (header, telegrams) = fields.split_at_checked(first_hex).unwrap_or_default();
    let field = |index: usize| header.get(index).copied().unwrap_or_default();
    let check = match (field(1), field(2)) {
        ("0", _) => {
            return Err(Rejection::new(
                Code::CrcReportedBad,
                "the receiver found the link CRC wrong: damaged on the air",
            ));
        }
        (_, "0") => {
            return Err(Rejection::new(
                Code::CrcReportedBad,
                "the receiver found the 3-of-6 code wrong: damaged on the air",
            ));
        }
        ("1", _) => Check::Receiver,
        _ => Check::Nobody,
    };
    let is_converted = (field(4), field(5)) == CONVERTED;
    telegrams
        .iter()
        .filter(|field| !field.is_empty())
        .map(|telegram| {
            let octets = hex::octets(telegram, hex::no_noise)?;
            let (octets, check) = match check {
                Check::Receiver => checked(octets, is_converted)?,
                Check::Nobody => (octets, check),
            };
            Ok(Telegram {
                link_mode: LinkMode::from_name(field(0)),
                received_at: time::instant(field(3), &origin.zone),
                rssi_dbm: rssi_dbm(field(4)),
                ..Telegram::new(octets, check, origin.radio.clone())
            })
        })
        .collect()
}

/// A signal strength, when it is one: in dBm, which a leading minus tells from a magnitude.
pub(super) fn rssi_dbm(text: &str) -> Option<i16> {
    let (whole, _) = text.split_once('.').unwrap_or((text, ""));
    let dbm: i16 = whole.parse().ok()?;
    (whole.starts_with('-') && dbm >= -200).then_some(dbm)
}

/// Octets whose CRC the receiver has checked, with the length they have.
fn checked(octets: Vec<u8>, is_converted: bool) -> Result<(Vec<u8>, Check), Rejection> {
    if is_converted {
        return Ok((rtl_433::repair(octets)?, Check::Receiver));
    }
    if octets.first().map(|length| usize::from(*length) + 1) == Some(octets.len()) {
        return Ok((octets, Check::Receiver));
    }
    // Look-alikes may leave the CRCs of format A in; where they all fit, the L-field is right as it is.
    if wmbus::phy::strip(&octets).is_ok_and(|stripped| stripped.format == FrameFormat::A) {
        return Ok((octets, Check::Nobody));
    }
    Ok((rtl_433::with_length(octets)?, Check::Receiver))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEX: &str = "0f44010278563412010774477800112233";

    fn line(line: &str) -> Result<Vec<Telegram>, Rejection> {
        assert!(is_meant(line), "{line}");
        parse(line, &Origin::new("attic"))
    }

    fn one(text: &str) -> Telegram {
        let mut telegrams = line(text).unwrap();
        assert_eq!(telegrams.len(), 1, "{text}");
        telegrams.remove(0)
    }

    #[test]
    fn magnitudes_are_no_dbm_and_a_leading_minus_is() {
        let telegram =
            one("T1;1;1;2025-02-02 14:09:37.104233;98;112;12345678;0x0f440102785634120107744778001122");
        assert_eq!(telegram.rssi_dbm, None);
        assert_eq!(telegram.link_mode, Some(LinkMode::T));
        assert_eq!(telegram.check, Check::Receiver);
        assert_eq!(
            telegram.received_at.unwrap().to_string(),
            "2025-02-02T14:09:37.104233Z"
        );
        let telegram = one("C1;1;1;2025-02-02 13:09:37.00Z;-67;;;0x0f440102785634120107744778001122");
        assert_eq!(telegram.rssi_dbm, Some(-67));
        assert_eq!(telegram.link_mode, Some(LinkMode::C));
        assert_eq!(rssi_dbm("-67.5"), Some(-67));
        assert_eq!(rssi_dbm("-32768"), None);
        assert_eq!(rssi_dbm("-"), None);
    }

    #[test]
    fn several_telegrams_in_a_line_come_in_order() {
        let telegrams = line(&format!(
            "T1;1;1;;;;;0x0f440102785634120107744778001122;0x10{};",
            &HEX[2..]
        ))
        .unwrap();
        assert_eq!(telegrams.len(), 2);
        assert_eq!(telegrams[0].octets.len(), 16);
        assert_eq!(telegrams[1].octets.len(), 17);
        assert_eq!(telegrams[0].received_at, None);
    }

    #[test]
    fn a_wrong_length_behind_a_good_crc_is_mended() {
        let telegram = one(&format!("T1;1;1;;;;;0x{HEX}"));
        assert_eq!(telegram.octets[0], 0x10);
        assert_eq!(telegram.octets.len(), 17);
        // The converter's lines have rtl_433's faults: here, two octets too many behind an L two too small.
        let telegram = one(&format!("T1;1;1;;54;46;;0x0c{}", &HEX[2..]));
        assert_eq!(telegram.octets.len(), 15);
        assert_eq!(telegram.octets[0], 0x0E);
        let code = line(&format!("T1;1;1;;54;46;;0x14{}", &HEX[2..]))
            .unwrap_err()
            .code;
        assert_eq!(code, Code::UnrepairableLength);
        let code = line(&format!("T1;1;1;;;;;0x{}", "00".repeat(300)))
            .unwrap_err()
            .code;
        assert_eq!(code, Code::UnrepairableLength);
    }

    #[test]
    fn crcs_left_in_are_left_to_whoever_checks_them() {
        let stripped = [
            0x0E, 0x44, 1, 2, 0x78, 0x56, 0x34, 0x12, 1, 7, 0x78, 0, 0x11, 0x22, 0x33,
        ];
        let framed = wmbus::phy::frame(&stripped, FrameFormat::A).unwrap();
        let mut digits = String::new();
        hex::push_lower(&framed, &mut digits);
        let telegram = one(&format!("T1;1;1;;;;;0x{digits}"));
        assert_eq!(telegram.octets, framed);
        assert_eq!(telegram.check, Check::Nobody);
    }

    #[test]
    fn what_the_receiver_calls_damaged_is_not_taken() {
        for text in ["T1;0;1;;;;;0x0e", "T1;1;0;;;;;0x0e", "rla;T1;0;0;;;;;0x0e"] {
            assert_eq!(line(text).unwrap_err().code, Code::CrcReportedBad, "{text}");
        }
        assert_eq!(line("T1;1;1;2025-02-02 14:09").unwrap_err().code, Code::Malformed);
        assert_eq!(line("T1;1;1;;;;;0x0e44").unwrap_err().code, Code::TooShort);
        assert_eq!(
            line(&format!("T1;1;1;;;;;0x{HEX}1")).unwrap_err().code,
            Code::OddDigits
        );
        assert_eq!(
            line(&format!("T1;1;1;;;;;0x{HEX};0xzz")).unwrap_err().code,
            Code::NotHex
        );
        assert!(!is_meant("T1"));
        assert!(!is_meant("Temperature;1;1"));
    }
}
