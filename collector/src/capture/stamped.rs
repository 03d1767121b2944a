//! Hexadecimal with the time in front: our own recordings, and what other people's scripts write.
//!
//! ```text
//! 2026-01-15T07:01:51.104Z -67 T checked 1E44AE4C… @attic       ours: six fields in this order, a blank between
//! TIME                     DBM MODE CHECK HEX      @RADIO       `-` for what is not known
//! ```
//!
//! CHECK is `checked` (link CRCs were verified and removed) or `unchecked`. In the radio's name, blanks, separators
//! and `%` are written as `%` and two hexadecimal digits.
//!
//! Others: a time, then in any order at most one of mode, signal in dBm and hexadecimal octets, between blanks,
//! semicolons, commas or bars. What can be read in two ways is refused.

use std::fmt::Write as _;
use std::sync::Arc;

use jiff::tz::TimeZone;

use super::Origin;
use super::hex;
use super::rejection::{Code, Rejection};
use super::rtl_wmbus::rssi_dbm;
use super::time;
use crate::{Check, LinkMode, Telegram};

/// Fewer digits in a row are no telegram.
const MIN_DIGITS: usize = 20;
const CHECKED: &str = "checked";
const UNCHECKED: &str = "unchecked";
/// What stands where nothing is known.
const NONE: &str = "-";

/// True for a line that begins with a time, or with the `-` of our own format.
pub(super) fn is_meant(text: &str) -> bool {
    let first = fields(text).next().unwrap_or_default();
    time::begins_with_date(first)
        || Ours::of(text).is_some()
        || (time::any_instant(first, &TimeZone::UTC).is_some() && unix_is_unambiguous(first, text))
}

/// One line, one telegram.
pub(super) fn parse(text: &str, origin: &Origin) -> Result<Telegram, Rejection> {
    match Ours::of(text) {
        Some(fields) => fields.telegram(origin),
        None => others(text, origin),
    }
}

/// A telegram as a line of our own format, without its end.
pub(super) fn push(telegram: &Telegram, text: &mut String) {
    // Writing to a String can't fail.
    let _ = match telegram.received_at {
        Some(at) => write!(text, "{at} "),
        None => write!(text, "{NONE} "),
    };
    let _ = match telegram.rssi_dbm {
        Some(dbm) => write!(text, "{dbm} "),
        None => write!(text, "{NONE} "),
    };
    let _ = match telegram.link_mode {
        Some(mode) => write!(text, "{mode} "),
        None => write!(text, "{NONE} "),
    };
    text.push_str(match telegram.check {
        Check::Receiver => CHECKED,
        Check::Nobody => UNCHECKED,
    });
    text.push(' ');
    hex::push_upper(&telegram.octets, text);
    text.push_str(" @");
    push_name(&telegram.radio, text);
}

/// The telegram of a line that is certainly our own: it begins as our times do, or with the `-` for none.
pub(super) fn certainly_ours(text: &str, origin: &Origin) -> Option<Result<Telegram, Rejection>> {
    if !text.starts_with(|first: char| first == '-' || first.is_ascii_digit()) {
        return None;
    }
    Ours::of(text).map(|fields| fields.telegram(origin))
}

/// The fields of a line of our own.
struct Ours<'a> {
    at: &'a str,
    dbm: &'a str,
    mode: &'a str,
    check: Check,
    /// Digits, and the radio's name where there is one; `None` when the line was cut short.
    rest: Option<&'a str>,
}

impl<'a> Ours<'a> {
    /// When the fourth field is one of the words that only our own format has there.
    fn of(text: &'a str) -> Option<Self> {
        let (at, rest) = field(text)?;
        let (dbm, rest) = field(rest)?;
        let (mode, rest) = field(rest)?;
        let (check, rest) = match field(rest) {
            Some((check, rest)) => (check, Some(rest)),
            None => (rest, None),
        };
        let check = match check {
            CHECKED => Check::Receiver,
            UNCHECKED => Check::Nobody,
            _ => return None,
        };
        Some(Self {
            at,
            dbm,
            mode,
            check,
            rest,
        })
    }

    fn telegram(self, origin: &Origin) -> Result<Telegram, Rejection> {
        let malformed = |reason: &'static str| Rejection::new(Code::Malformed, reason);
        let Self {
            at,
            dbm,
            mode,
            check,
            rest,
        } = self;
        let Some(rest) = rest else {
            return Err(malformed("a recorded line without its octets: it was cut short"));
        };
        // From its end: names are shorter than telegrams.
        let (digits, name) = match rest.rsplit_once(' ') {
            Some((digits, name)) => (digits, Some(name)),
            None => (rest, None),
        };
        let received_at = known(at)
            .map(|at| time::utc(at).ok_or_else(|| malformed("the first field is no time")))
            .transpose()?;
        let rssi_dbm = known(dbm)
            .map(|dbm| {
                dbm.parse()
                    .map_err(|_| malformed("the second field is no signal strength in dBm"))
            })
            .transpose()?;
        let link_mode = known(mode)
            .map(|mode| LinkMode::from_name(mode).ok_or_else(|| malformed("the third field is no link mode")))
            .transpose()?;
        let radio = match name {
            None => origin.radio.clone(),
            Some(name) => name
                .strip_prefix('@')
                .and_then(|name| radio(name, origin))
                .ok_or_else(|| malformed("the last field is no @radio"))?,
        };
        let octets = match hex::only_digits(digits) {
            Some(octets) => octets,
            None if digits.contains(' ') => {
                return Err(malformed("more than six fields in a recorded line"));
            }
            None => hex::any_octets(digits, hex::no_noise)?,
        };
        if octets.is_empty() {
            return Err(Rejection::new(Code::TooShort, "a recorded line without octets"));
        }
        Ok(Telegram {
            octets,
            check,
            link_mode,
            received_at,
            rssi_dbm,
            radio,
        })
    }
}

/// What stands in front of the first blank, and behind it.
fn field(text: &str) -> Option<(&str, &str)> {
    let blank = text.as_bytes().iter().position(|octet| *octet == b' ')?;
    Some((text.get(..blank)?, text.get(blank + 1..)?))
}

fn others(text: &str, origin: &Origin) -> Result<Telegram, Rejection> {
    let mut rest = fields(text).peekable();
    let mut at = rest.next().unwrap_or_default().to_owned();
    // Date and time of day with a blank between are two fields.
    if at.len() == 10
        && let Some(clock) = rest.next_if(|field| field.contains(':'))
    {
        at.push(' ');
        at.push_str(clock);
    }
    let ambiguous = |reason: &'static str| Err(Rejection::new(Code::NotATelegram, reason));
    let (mut digits, mut mode, mut dbm) = (None, None, None);
    for field in rest {
        let number = field.strip_suffix("dBm").unwrap_or(field);
        let twice = if is_digits(field) {
            digits.replace(field).is_some()
        } else if let Some(found) = LinkMode::from_name(field) {
            mode.replace(found).is_some()
        } else if let Some(found) = rssi_dbm(number) {
            dbm.replace(found).is_some()
        } else if matches!(field, NONE | "dBm" | "") {
            false
        } else {
            return ambiguous(
                "behind its time stands more than a mode, a signal in dBm and one field of hexadecimal digits",
            );
        };
        if twice {
            return ambiguous("behind its time stands the same thing twice");
        }
    }
    let Some(digits) = digits else {
        return ambiguous("a time, and no telegram behind it");
    };
    let received_at = time::any_instant(&at, &origin.zone)
        .ok_or_else(|| Rejection::new(Code::Malformed, "what begins like a time is none"))?;
    Ok(Telegram {
        link_mode: mode,
        received_at: Some(received_at),
        rssi_dbm: dbm,
        ..Telegram::new(
            hex::octets(digits, |character| character == '_')?,
            Check::Nobody,
            origin.radio.clone(),
        )
    })
}

fn fields(text: &str) -> impl Iterator<Item = &str> {
    text.split([' ', '\t', ';', ',', '|'])
}

/// A long run of digits, or what was one before a character in it was damaged.
fn is_digits(field: &str) -> bool {
    let digits = field.strip_prefix("0x").unwrap_or(field);
    digits.len() >= MIN_DIGITS && hex::is_meant(digits)
}

/// Seconds since 1970 are hexadecimal digits too; a point in them, or a separator that no telegram holds, tells.
fn unix_is_unambiguous(first: &str, text: &str) -> bool {
    first.contains('.')
        || text
            .strip_prefix(first)
            .is_some_and(|rest| rest.starts_with([';', ',']))
}

fn known(field: &str) -> Option<&str> {
    (field != NONE).then_some(field)
}

/// The radio of this name: the origin's own when that is its name, so that most lines share one.
fn radio(name: &str, origin: &Origin) -> Option<Arc<str>> {
    if name == &*origin.radio && !name.contains('%') {
        return Some(origin.radio.clone());
    }
    let mut octets = Vec::with_capacity(name.len());
    let mut parts = name.split('%');
    octets.extend_from_slice(parts.next()?.as_bytes());
    for part in parts {
        let (code, rest) = part.split_at_checked(2)?;
        octets.extend(hex::any_octets(code, hex::no_noise).ok()?);
        octets.extend_from_slice(rest.as_bytes());
    }
    String::from_utf8(octets).ok().map(Arc::from)
}

fn push_name(name: &str, text: &mut String) {
    for character in name.chars() {
        let separates = matches!(character, ';' | ',' | '|' | '%');
        if (character.is_ascii_graphic() && !separates)
            || (!character.is_ascii() && character.is_alphanumeric())
        {
            text.push(character);
            continue;
        }
        let mut octets = [0; 4];
        for octet in character.encode_utf8(&mut octets).bytes() {
            text.push('%');
            hex::push_upper(&[octet], text);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEX: &str = "0F440102785634120107744778001122";

    fn read(text: &str) -> Result<Telegram, Rejection> {
        assert!(is_meant(text), "{text}");
        parse(text, &Origin::new("attic"))
    }

    #[test]
    fn our_own_lines() {
        let telegram = read(&format!("2026-01-15T07:01:51.104Z -67 T checked {HEX} @hall%202")).unwrap();
        assert_eq!(
            telegram.received_at.unwrap().to_string(),
            "2026-01-15T07:01:51.104Z"
        );
        assert_eq!(telegram.rssi_dbm, Some(-67));
        assert_eq!(telegram.link_mode, Some(LinkMode::T));
        assert_eq!(telegram.check, Check::Receiver);
        assert_eq!(&*telegram.radio, "hall 2");
        let telegram = read(&format!("- - - unchecked {HEX}")).unwrap();
        assert_eq!(
            telegram,
            Telegram::new(telegram.octets.clone(), Check::Nobody, "attic".into())
        );
        // Every clock is believed: what was recorded is what is played back.
        let telegram = read(&format!("1970-01-01T00:00:42Z - - unchecked {HEX}")).unwrap();
        assert_eq!(telegram.received_at.unwrap().as_second(), 42);
    }

    #[test]
    fn our_own_lines_when_damaged() {
        for (text, code) in [
            ("2026-01-15T07:01:51Z -67 T checked", Code::Malformed),
            ("2026-01-15T07:01:51Z -67 T checked 0E4", Code::OddDigits),
            ("2026-01-15T07:01:51Z -67 T checked 0E4g", Code::NotHex),
            ("2026-01-15T07:01:51Z -67 T checked  @attic", Code::TooShort),
            ("2026-01-15T07:01 -67 T checked 0E44", Code::Malformed),
            ("2026-01-15T07:01:51Z loud T checked 0E44", Code::Malformed),
            ("2026-01-15T07:01:51Z -67 Q checked 0E44", Code::Malformed),
            ("2026-01-15T07:01:51Z -67 T checked 0E44 attic", Code::Malformed),
            ("2026-01-15T07:01:51Z -67 T checked 0E44 @%4", Code::Malformed),
            ("2026-01-15T07:01:51Z -67 T checked 0E44 @%FF", Code::Malformed),
            ("2026-01-15T07:01:51Z -67 T checked 0E44 @a @b", Code::Malformed),
        ] {
            assert_eq!(read(text).unwrap_err().code, code, "{text}");
        }
    }

    #[test]
    fn the_shapes_of_other_peoples_scripts() {
        for (text, dbm, mode) in [
            (format!("2026-01-15T07:01:51Z {HEX}"), None, None),
            (
                format!("2026-01-15 07:01:51;T1;-67;{HEX}"),
                Some(-67),
                Some(LinkMode::T),
            ),
            (
                format!("2026-01-15 07:01:51.000, {}, -67 dBm", HEX.to_lowercase()),
                Some(-67),
                None,
            ),
            (
                format!("2026-01-15T08:01:51+01:00\t0x{HEX}\tC1"),
                None,
                Some(LinkMode::C),
            ),
            (format!("1768460511.0 {HEX}"), None, None),
            (format!("1768460511;-67dBm;{HEX}"), Some(-67), None),
        ] {
            let telegram = read(&text).unwrap();
            assert_eq!(
                telegram.received_at.unwrap().to_string(),
                "2026-01-15T07:01:51Z",
                "{text}"
            );
            assert_eq!((telegram.rssi_dbm, telegram.link_mode), (dbm, mode), "{text}");
            assert_eq!(telegram.octets.len(), 16);
        }
    }

    #[test]
    fn what_can_be_read_in_two_ways_is_refused() {
        for (text, code) in [
            (format!("2026-01-15T07:01:51Z {HEX} {HEX}"), Code::NotATelegram),
            (
                "2026-01-15T07:01:51Z 0E 44 01 02 78".to_owned(),
                Code::NotATelegram,
            ),
            (
                format!("2026-01-15 07:01:51 host program: {HEX}"),
                Code::NotATelegram,
            ),
            ("2026-01-15 07:01:51 T1 -67".to_owned(), Code::NotATelegram),
            (format!("2026-02-30 07:01:51 {HEX}"), Code::Malformed),
            (format!("2026-01-15T07:01:51Z {HEX}1"), Code::OddDigits),
            (format!("2026-01-15T07:01:51Z {HEX}g"), Code::NotHex),
        ] {
            assert_eq!(read(&text).unwrap_err().code, code, "{text}");
        }
        // Ten digits, a blank and a telegram are a longer telegram.
        assert!(!is_meant(&format!("1768460511 {HEX}")));
        assert!(!is_meant("- a list"));
    }
}
