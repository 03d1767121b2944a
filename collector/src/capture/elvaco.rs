//! Elvaco's receiver: one line of semicolons a telegram.
//!
//! ```text
//!        1;*SEN;68;07; T; -83;00;1E44AE…;
//!    index  maker, version, type, mode, dBm, ?, octets
//! ```

use super::Origin;
use super::hex;
use super::rejection::{Code, Rejection};
use super::rtl_wmbus::rssi_dbm;
use crate::{Check, LinkMode, Telegram};

/// True for an index followed by `;*`.
pub(super) fn is_meant(text: &str) -> bool {
    text.split_once(";*")
        .is_some_and(|(index, _)| !index.is_empty() && index.bytes().all(|byte| byte.is_ascii_digit()))
}

/// One line, one telegram.
pub(super) fn parse(text: &str, origin: &Origin) -> Result<Telegram, Rejection> {
    let fields: Vec<&str> = text.split(';').map(str::trim).collect();
    let [_, _, _, _, mode, rssi, _, digits, ..] = fields.as_slice() else {
        return Err(Rejection::new(
            Code::Malformed,
            "an Elvaco line with fewer than eight fields: it was cut short",
        ));
    };
    Ok(Telegram {
        link_mode: LinkMode::from_name(mode),
        rssi_dbm: rssi_dbm(rssi),
        ..Telegram::new(
            hex::octets(digits, hex::no_noise)?,
            Check::Nobody,
            origin.radio.clone(),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_taken_by_position() {
        let text = "12;*XYZ;01;07;Cb; -59;00;0F440102785634120107744778001122;";
        assert!(is_meant(text));
        let telegram = parse(text, &Origin::new("")).unwrap();
        assert_eq!(telegram.link_mode, Some(LinkMode::C));
        assert_eq!(telegram.rssi_dbm, Some(-59));
        assert_eq!(telegram.octets.len(), 16);
        let short = parse("12;*XYZ;01;07;Cb; -59", &Origin::new("")).unwrap_err();
        assert_eq!(short.code, Code::Malformed);
        assert!(!is_meant(";*XYZ") && !is_meant("a;*XYZ"));
    }
}
