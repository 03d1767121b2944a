//! Simulations and logs of wmbusmeters: `telegram=|HEX|HEX…|+SECONDS`.
//!
//! Bars, underscores, hashes and blanks inside are nothing. `+SECONDS` counts from the start of the simulation.
//! Link CRCs may be in there.

use jiff::SignedDuration;

use super::Origin;
use super::hex;
use super::rejection::{Code, Rejection};
use crate::{Check, Telegram};

/// The part of a line behind `telegram=`, when it has that (a log writes its own words in front).
pub(super) fn body(text: &str) -> Option<&str> {
    text.strip_prefix("telegram=")
        .or_else(|| text.split_once("telegram=|").map(|(_, body)| body))
}

/// One telegram from what stands behind `telegram=`.
pub(super) fn parse(body: &str, origin: &Origin) -> Result<Telegram, Rejection> {
    let (digits, offset) = match body.rsplit_once('|') {
        Some((digits, end)) if end.trim_start().starts_with('+') => (digits, Some(end.trim())),
        _ => (body, None),
    };
    let octets = hex::octets(digits, |character| hex::is_noise(character) || character == '#')?;
    let offset: Option<u32> = offset
        .map(|offset| offset.trim_start_matches('+').parse())
        .transpose()
        .map_err(|_| {
            Rejection::new(
                Code::Malformed,
                "what stands behind the + is no number of seconds",
            )
        })?;
    let received_at = origin
        .start
        .zip(offset)
        .and_then(|(start, offset)| start.checked_add(SignedDuration::from_secs(offset.into())).ok());
    Ok(Telegram {
        received_at,
        ..Telegram::new(octets, Check::Nobody, origin.radio.clone())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(text: &str) -> Result<Telegram, Rejection> {
        let origin = Origin::new("").starting_at("2026-01-15T00:00:00Z".parse().unwrap());
        parse(body(text).unwrap(), &origin)
    }

    #[test]
    fn bars_and_offsets() {
        let telegram = line("telegram=|0E44010278563412_0107|7447#78 001122|+3661").unwrap();
        assert_eq!(telegram.octets.len(), 16);
        assert_eq!(telegram.received_at.unwrap().to_string(), "2026-01-15T01:01:01Z");
        let telegram = line("telegram=|0F440102785634120107744778001122|").unwrap();
        assert_eq!(telegram.received_at, None);
        let telegram = line("(wmbus) telegram=|0F440102785634120107744778001122|+1").unwrap();
        assert!(telegram.received_at.is_some());
        assert!(line("telegram=0F440102785634120107744778001122").is_ok());
        let body = body("telegram=|0F440102785634120107744778001122|+1").unwrap();
        assert_eq!(parse(body, &Origin::new("")).unwrap().received_at, None);
    }

    #[test]
    fn what_can_be_wrong() {
        let code = |text| line(text).unwrap_err().code;
        assert_eq!(code("telegram=||+1"), Code::TooShort);
        assert_eq!(
            code("telegram=|0E44010278563412010774477800112|+1"),
            Code::OddDigits
        );
        assert_eq!(
            code("telegram=|0F440102785634120107744778001122|+1s"),
            Code::Malformed
        );
        assert_eq!(
            code("telegram=|0F440102785634120107744778001122|+99999999999"),
            Code::Malformed
        );
        assert_eq!(
            code("telegram=|0F440102785634120107744778001122|-1"),
            Code::NotHex
        );
    }
}
