//! ioBroker's TCP input: `{"frameType":"A","containsCrc":true,"data":"HEX"}`.

use wmbus::FrameFormat;
use wmbus::phy;

use super::Origin;
use super::hex;
use super::rejection::{Code, Rejection};
use super::rtl_433;
use crate::{Check, Telegram};

/// The telegram: with CRCs they are checked and removed here, without them L is made to fit.
pub(super) fn telegram(
    frame_type: &str,
    contains_crc: bool,
    data: &str,
    origin: &Origin,
) -> Result<Telegram, Rejection> {
    let octets = hex::octets(data, hex::is_noise)?;
    if !contains_crc {
        let octets = rtl_433::with_length(octets)?;
        return Ok(Telegram::new(octets, Check::Receiver, origin.radio.clone()));
    }
    let format = match frame_type {
        "A" | "a" => FrameFormat::A,
        "B" | "b" => FrameFormat::B,
        _ => {
            return Err(Rejection::new(
                Code::Malformed,
                "frameType is neither A nor B, so the CRCs can't be found",
            ));
        }
    };
    let stripped = phy::strip_as(&octets, format)
        .map_err(|error| Rejection::new(Code::Damaged, error.to_string()))?
        .octets
        .into_owned();
    Ok(Telegram::new(stripped, Check::Receiver, origin.radio.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stripped() -> Vec<u8> {
        vec![
            0x0E, 0x44, 1, 2, 0x78, 0x56, 0x34, 0x12, 1, 7, 0x78, 0, 0x11, 0x22, 0x33,
        ]
    }

    fn with_crcs(frame_type: &str, format: FrameFormat, damage: u8) -> Result<Telegram, Rejection> {
        let mut octets = phy::frame(&stripped(), format).unwrap();
        *octets.last_mut().unwrap() ^= damage;
        let mut data = String::new();
        hex::push_upper(&octets, &mut data);
        telegram(frame_type, true, &data, &Origin::new("hall"))
    }

    #[test]
    fn crcs_are_checked_and_removed_as_the_frame_type_says() {
        for (name, format) in [("A", FrameFormat::A), ("B", FrameFormat::B)] {
            assert_eq!(with_crcs(name, format, 0).unwrap().octets, stripped());
            assert_eq!(with_crcs(name, format, 1).unwrap_err().code, Code::Damaged);
        }
        assert_eq!(
            with_crcs("", FrameFormat::A, 0).unwrap_err().code,
            Code::Malformed
        );
    }

    #[test]
    fn without_crcs_the_length_is_made_to_fit() {
        let mut octets = stripped();
        octets[0] = 0x10;
        let mut data = String::new();
        hex::push_upper(&octets, &mut data);
        let telegram = telegram("B", false, &data, &Origin::new("hall")).unwrap();
        assert_eq!(telegram.octets, stripped());
        assert_eq!(telegram.check, Check::Receiver);
    }
}
