//! Line requests that ask a decoder to decode one telegram, in JSON, XMQ or XML. Only the telegram is taken: a key
//! written beside it is the business of whoever has the registry.
//!
//! ```text
//! {"_":"decode","telegram":"HEX","key":"NOKEY"}
//! decode{ key=NOKEY telegram=HEX }
//! <decode><key>NOKEY</key><telegram>HEX</telegram></decode>
//! ```

use super::Origin;
use super::hex;
use super::rejection::{Code, Rejection};
use crate::{Check, Telegram};

/// True for a request in XMQ or XML; JSON is recognised by its keys.
pub(super) fn is_meant(text: &str) -> bool {
    text.starts_with("<decode>")
        || text
            .strip_prefix("decode")
            .is_some_and(|rest| rest.trim_start().starts_with('{'))
}

/// A request in XMQ or XML.
pub(super) fn parse(text: &str, origin: &Origin) -> Result<Telegram, Rejection> {
    let between = |start: &str, ends: &[char]| {
        let (_, rest) = text.split_once(start)?;
        rest.split(ends).next()
    };
    let digits = if text.starts_with('<') {
        between("<telegram>", &['<'])
    } else {
        between("telegram=", &[' ', '\t', '}'])
    };
    match digits {
        Some(digits) => telegram(digits, origin),
        None => Err(Rejection::new(
            Code::Malformed,
            "a request to decode without its telegram",
        )),
    }
}

/// The telegram of a request, CRCs optional.
pub(super) fn telegram(digits: &str, origin: &Origin) -> Result<Telegram, Rejection> {
    let octets = hex::octets(digits, hex::is_noise)?;
    Ok(Telegram::new(octets, Check::Nobody, origin.radio.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_telegram_is_found_in_each_notation() {
        let origin = Origin::new("");
        for text in [
            "decode{ key=NOKEY telegram=0F440102785634120107744778001122 }",
            "decode {telegram=0F440102785634120107744778001122}",
            "<decode><key>NOKEY</key><telegram>0F440102785634120107744778001122</telegram></decode>",
        ] {
            assert!(is_meant(text), "{text}");
            assert_eq!(parse(text, &origin).unwrap().octets.len(), 16, "{text}");
        }
        assert!(!is_meant("decode this"));
        for text in ["decode{ key=NOKEY }", "<decode><key>NOKEY</key></decode>"] {
            assert_eq!(parse(text, &origin).unwrap_err().code, Code::Malformed, "{text}");
        }
    }
}
