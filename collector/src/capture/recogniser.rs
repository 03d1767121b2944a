//! Which format a line is in, and what it holds.

use std::borrow::Cow;

use super::rejection::{Code, Rejection};
use super::rtl_433_csv::{self, Header};
use super::{Origin, cul, elvaco, hex, json, pasted, request, rtl_wmbus, simulation, stamped};
use crate::Telegram;

/// What a line holds: exactly one of these.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// One telegram; with formats that allow it, several in the order of the line.
    Telegrams(Vec<Telegram>),
    /// Something that should have been a telegram, or that nobody knows.
    Rejected(Rejection),
    /// Something that is not meant to be a telegram.
    Skipped(Skipped),
}

/// What is not meant to be a telegram.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Skipped {
    /// Nothing but blanks.
    Empty,
    /// A line that begins with `#`.
    Comment,
    /// The line that names the columns of the rows after it.
    Header,
}

impl Skipped {
    /// The code, stable for machines.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::Comment => "comment",
            Self::Header => "header",
        }
    }
}

/// Recognises lines one by one. All that it remembers between them is the last CSV header.
#[derive(Clone, Debug)]
pub struct Recogniser {
    origin: Origin,
    header: Option<Header>,
}

impl Recogniser {
    /// For lines of this origin.
    pub fn new(origin: Origin) -> Self {
        Self { origin, header: None }
    }

    /// What one line (or one datagram, or one message) holds. Any octets will do; never fails.
    pub fn line(&mut self, line: &[u8]) -> Content {
        let text = text_of(line);
        let is_blank =
            |character: char| character.is_ascii_whitespace() || matches!(character, '\0' | '\u{feff}');
        let text = text.trim_matches(is_blank);
        if text.is_empty() {
            return Content::Skipped(Skipped::Empty);
        }
        if text.starts_with('#') {
            return Content::Skipped(Skipped::Comment);
        }
        if let Some(header) = Header::parse(text) {
            self.header = Some(header);
            return Content::Skipped(Skipped::Header);
        }
        // In front of an MQTT payload stands its topic.
        let of_payload = payload(text).map(|payload| self.telegrams(payload));
        let telegrams = match of_payload {
            Some(found)
                if !found
                    .as_ref()
                    .is_err_and(|rejection| rejection.code == Code::NotATelegram) =>
            {
                found
            }
            _ => self.telegrams(text),
        };
        match telegrams {
            Ok(telegrams) => Content::Telegrams(telegrams),
            Err(rejection) => Content::Rejected(rejection),
        }
    }

    /// The table of formats: the first that means to read a line reads it.
    fn telegrams(&self, text: &str) -> Result<Vec<Telegram>, Rejection> {
        let origin = &self.origin;
        let one = |telegram: Telegram| vec![telegram];
        // Long recordings are ours, and no other format has such a line.
        if let Some(telegram) = stamped::certainly_ours(text, origin) {
            return telegram.map(one);
        }
        if text.starts_with('{') {
            return json::parse(text, origin).map(one);
        }
        if let Some(object) = after_syslog(text) {
            return json::parse(object, origin).map(one);
        }
        if let Some(body) = simulation::body(text) {
            return simulation::parse(body, origin).map(one);
        }
        if rtl_wmbus::is_meant(text) {
            return rtl_wmbus::parse(text, origin);
        }
        if rtl_433_csv::is_meant(text, self.header.as_ref()) {
            return rtl_433_csv::parse(text, self.header.as_ref(), origin).map(one);
        }
        if cul::is_meant(text) {
            return cul::parse(text, origin).map(one);
        }
        if elvaco::is_meant(text) {
            return elvaco::parse(text, origin).map(one);
        }
        if stamped::is_meant(text) {
            return stamped::parse(text, origin).map(one);
        }
        if request::is_meant(text) {
            return request::parse(text, origin).map(one);
        }
        if let Some(digits) = pasted::digits(text) {
            return pasted::parse(digits, origin).map(one);
        }
        if hex::is_meant(text) {
            return hex::parse(text, origin).map(one);
        }
        Err(Rejection::new(
            Code::NotATelegram,
            "no format of telegrams begins like this line",
        ))
    }
}

/// Octets as text, with U+FFFD for what is none: what is UTF-8 is told so at once, and most is.
pub fn text_of(octets: &[u8]) -> Cow<'_, str> {
    std::str::from_utf8(octets).map_or_else(|_| String::from_utf8_lossy(octets), Cow::Borrowed)
}

/// The JSON behind a syslog priority, `<165>1 TIME HOST …`.
fn after_syslog(text: &str) -> Option<&str> {
    let (priority, rest) = text.strip_prefix('<')?.split_once('>')?;
    if priority.is_empty() || !priority.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let (before, _) = rest.split_once('{')?;
    rest.get(before.len()..)
}

/// What follows an MQTT topic, as `mosquitto_sub -v` prints it: levels with slashes, one blank, the payload.
fn payload(text: &str) -> Option<&str> {
    let (topic, payload) = text.split_once(' ')?;
    topic.contains('/').then_some(payload)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEX: &str = "0F440102785634120107744778001122";

    fn content(line: &[u8]) -> Content {
        Recogniser::new(Origin::new("attic")).line(line)
    }

    fn is_one(line: &str) -> bool {
        matches!(content(line.as_bytes()), Content::Telegrams(telegrams) if telegrams.len() == 1)
    }

    fn code(line: &[u8]) -> &'static str {
        match content(line) {
            Content::Rejected(rejection) => rejection.code.code(),
            Content::Skipped(skipped) => skipped.code(),
            Content::Telegrams(_) => "",
        }
    }

    #[test]
    fn lines_are_told_apart_by_their_content() {
        for line in [
            HEX.to_owned(),
            format!("  {} \t", HEX.to_lowercase()),
            format!("\u{feff}{HEX}\0\0"),
            format!("telegram=|{HEX}|+1"),
            format!("T1;1;1;;;;;0x{HEX}"),
            format!(r#"{{"_":"decode","telegram":"{HEX}"}}"#),
            format!(
                r#"<165>1 2025-02-02T14:09:37 host rtl_433 - - - {{"model":"Wireless-MBus","data":"0F{}"}}"#,
                &HEX[2..]
            ),
            format!("decode{{ telegram={HEX} }}"),
            format!("7;*XYZ;01;07; T; -83;00;{HEX};"),
            format!("2026-01-15T07:01:51Z -67 T1 {HEX}"),
            format!("https://example.org/analyze/{HEX}00000000"),
            format!("wmbus/attic/telegram {HEX}"),
            format!("wmbus/attic/telegram T1;1;1;;;;;0x{HEX}"),
            format!(r#"rtl_433/host/events {{"model":"Wireless-MBus","mode":"T","data":"{HEX}"}}"#),
        ] {
            assert!(is_one(&line), "{line}: {:?}", content(line.as_bytes()));
        }
    }

    #[test]
    fn everything_else_has_a_code() {
        assert_eq!(code(b""), "empty");
        assert_eq!(code(b" \t\0"), "empty");
        assert_eq!(code(b"# 1E44"), "comment");
        assert_eq!(code(b"time,model,data"), "header");
        assert_eq!(code(b"rtl_wmbus: exiting"), "not_a_telegram");
        assert_eq!(code(b"|Water;123|"), "not_a_telegram");
        assert_eq!(code("caf\u{e9} \u{fc}ber".as_bytes()), "not_a_telegram");
        assert_eq!(code(b"\xFF\xFE\x80"), "not_a_telegram");
        assert_eq!(code(b"0E44010278563412010774\xFF478001122"), "not_hex");
        assert_eq!(code(b"wmbus/attic/state online"), "not_a_telegram");
        assert_eq!(code(b"wmbus/attic/telegram 0E4401027856341201077"), "odd_digits");
    }

    #[test]
    fn a_header_is_remembered() {
        let mut recogniser = Recogniser::new(Origin::new("roof"));
        assert_eq!(
            recogniser.line(b"time,model,data,mode"),
            Content::Skipped(Skipped::Header)
        );
        let row = format!("2025-02-02 14:09:37,Wireless-MBus,{HEX},C");
        let Content::Telegrams(telegrams) = recogniser.line(row.as_bytes()) else {
            panic!("no telegram");
        };
        assert_eq!(telegrams[0].link_mode, Some(crate::LinkMode::C));
        let Content::Rejected(rejection) = recogniser.line(b"2025-02-02 14:09:37,Thermometer,,") else {
            panic!("no rejection");
        };
        assert_eq!(rejection.code, Code::Foreign);
    }
}
