//! Telegram lines of CUL sticks (culfw, a-culfw), and of FHEM, which passes them on.
//!
//! ```text
//! b  [Y]  HEX  [LQI RSSI]  [::DBM[:NAME]]
//!     Y: frame format B, else A; HEX: with all link CRCs, upper case; RSSI: signed, s/2 - 74 dBm
//! bAMB  N  HEX  RSSI
//!     a module with Amber's framing behind FHEM: N counts HEX (without L and CRCs) and RSSI
//! ```

use wmbus::{FrameFormat, phy};

use super::Origin;
use super::hex;
use super::rejection::{Code, Rejection};
use super::rtl_wmbus::rssi_dbm;
use crate::{Check, LinkMode, Telegram};

/// True for a `b` that opens such a line, and is not itself the first digit of a plain telegram.
///
/// The stick writes upper-case digits behind a lower-case `b`, which tells them apart; where no letter does, a
/// plain telegram has an even number of digits, and a `b` in front of one makes it odd.
pub(crate) fn is_meant(text: &str) -> bool {
    let Some(rest) = text.strip_prefix('b') else {
        return false;
    };
    if let Some(rest) = rest.strip_prefix("AMB").or_else(|| rest.strip_prefix('Y')) {
        return hex::is_meant(rest);
    }
    if text.contains("::") {
        return hex::is_meant(rest);
    }
    let has = |is: fn(&u8) -> bool| rest.as_bytes().iter().any(is);
    let upper = has(|byte| matches!(byte, b'A'..=b'F'));
    let lower = has(|byte| matches!(byte, b'a'..=b'f'));
    hex::is_meant(rest)
        && if upper == lower {
            text.len() % 2 == 1
        } else {
            upper
        }
}

/// One line, one telegram, its CRCs checked and removed.
pub(crate) fn parse(text: &str, origin: &Origin) -> Result<Telegram, Rejection> {
    let (text, tail) = text.split_once("::").unwrap_or((text, ""));
    let rssi = rssi_dbm(tail.split(':').next().unwrap_or_default());
    let text = text.strip_prefix('b').unwrap_or(text);
    let mut telegram = match (text.strip_prefix("AMB"), text.strip_prefix('Y')) {
        (Some(digits), _) => amber(&hex::octets(digits, hex::no_noise)?, origin)?,
        (_, Some(digits)) => framed(&hex::octets(digits, hex::no_noise)?, FrameFormat::B, origin)?,
        _ => framed(&hex::octets(text, hex::no_noise)?, FrameFormat::A, origin)?,
    };
    telegram.rssi_dbm = rssi.or(telegram.rssi_dbm);
    Ok(telegram)
}

/// The signal strength that CUL and Amber receivers give as one signed octet: s/2 - 74 dBm, towards zero.
pub(crate) fn half_steps_dbm(octet: u8) -> i16 {
    (i16::from(octet.cast_signed()) - 148) / 2
}

fn framed(octets: &[u8], format: FrameFormat, origin: &Origin) -> Result<Telegram, Rejection> {
    let stripped =
        phy::strip_as(octets, format).map_err(|error| Rejection::new(Code::Damaged, error.to_string()))?;
    let rssi_dbm = match stripped.metadata {
        [] => None,
        [rssi] | [_, rssi] => Some(half_steps_dbm(*rssi)),
        more => {
            return Err(Rejection::new(
                Code::Damaged,
                format!(
                    "{} octets behind the end of the frame, and a stick appends two",
                    more.len()
                ),
            ));
        }
    };
    Ok(Telegram {
        link_mode: (format == FrameFormat::B).then_some(LinkMode::C),
        rssi_dbm,
        ..Telegram::new(
            stripped.octets.into_owned(),
            Check::Receiver,
            origin.radio.clone(),
        )
    })
}

fn amber(octets: &[u8], origin: &Origin) -> Result<Telegram, Rejection> {
    let damaged = |reason: &'static str| Rejection::new(Code::Damaged, reason);
    let [count, telegram @ .., rssi] = octets else {
        return Err(damaged("no telegram behind AMB"));
    };
    if usize::from(*count) != telegram.len() + 1 {
        return Err(damaged("the count behind AMB is not that of the octets after it"));
    }
    let length = count - 1;
    let octets = [&[length], telegram].concat();
    Ok(Telegram {
        rssi_dbm: Some(half_steps_dbm(*rssi)),
        ..Telegram::new(octets, Check::Receiver, origin.radio.clone())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stripped() -> Vec<u8> {
        vec![
            0x0E, 0x44, 1, 2, 0x78, 0x56, 0x34, 0x12, 1, 7, 0x78, 0, 0x11, 0x22, 0xAB,
        ]
    }

    fn line(prefix: &str, format: FrameFormat, suffix: &str) -> String {
        let mut text = prefix.to_owned();
        hex::push_upper(&phy::frame(&stripped(), format).unwrap(), &mut text);
        text + suffix
    }

    fn read(text: &str) -> Result<Telegram, Rejection> {
        assert!(is_meant(text), "{text}");
        parse(text, &Origin::new("stick"))
    }

    #[test]
    fn both_formats_with_and_without_signal() {
        for (prefix, format) in [("b", FrameFormat::A), ("bY", FrameFormat::B)] {
            for (suffix, dbm) in [
                ("", None),
                ("E0", Some(-90)),
                ("B11E", Some(-59)),
                ("B1E0::-77:ONE", Some(-77)),
            ] {
                let telegram = read(&line(prefix, format, suffix)).unwrap();
                assert_eq!(telegram.octets, stripped());
                assert_eq!(telegram.rssi_dbm, dbm, "{prefix} {suffix}");
                assert_eq!(telegram.check, Check::Receiver);
            }
        }
    }

    #[test]
    fn lost_characters_are_damage() {
        let good = line("b", FrameFormat::A, "B1E0");
        assert_eq!(read(&good[..good.len() - 3]).unwrap_err().code, Code::OddDigits);
        assert_eq!(read(&good[..good.len() - 6]).unwrap_err().code, Code::Damaged);
        assert_eq!(read(&(good.clone() + "00")).unwrap_err().code, Code::Damaged);
        assert_eq!(read(&good.replace("22", "23")).unwrap_err().code, Code::Damaged);
        assert_eq!(read(&good.replace("22", "2?")).unwrap_err().code, Code::NotHex);
    }

    #[test]
    fn a_plain_telegram_may_begin_with_b() {
        assert!(!is_meant("b144010278563412010774477800112233"));
        assert!(!is_meant("b144010278563412010774"));
        assert!(is_meant("b1440102785634120107745"));
        assert!(!is_meant("battery low"));
        assert!(!is_meant("b"));
    }

    #[test]
    fn the_count_behind_amb_is_the_length_and_the_signal() {
        let telegram = read("bAMB0F4401027856341201077800112233E0").unwrap();
        assert_eq!(
            telegram.octets,
            [
                0x0E, 0x44, 1, 2, 0x78, 0x56, 0x34, 0x12, 1, 7, 0x78, 0, 0x11, 0x22, 0x33
            ]
        );
        assert_eq!(telegram.rssi_dbm, Some(-90));
    }

    #[test]
    fn half_steps_go_towards_zero() {
        assert_eq!(half_steps_dbm(0xE0), -90);
        assert_eq!(half_steps_dbm(0xDF), -90);
        assert_eq!(half_steps_dbm(0x1E), -59);
        assert_eq!(half_steps_dbm(0x1F), -58);
        assert_eq!(half_steps_dbm(0x80), -138);
    }
}
