//! Time stamps as capture programs write them.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

/// A gateway that writes an earlier instant (start of 2020) has not set its clock yet.
const GATEWAY_CLOCK_SET: i64 = 1_577_836_800;
/// Nor has a host that writes one before the start of 2000: no wireless M-Bus was on the air then.
const HOST_CLOCK_SET: i64 = 946_684_800;

/// The instant of a stamp that a program on a host or a gateway wrote.
///
/// Shapes: `YYYY-MM-DD hh:mm:ss[.f]` with a space or a `T`, with an offset, a `Z` or neither (then in `zone`; in
/// the hour that comes twice, the earlier); seconds since 1970, with a fraction or without. `None` for other shapes
/// and when the clock that wrote it was not set.
pub(super) fn instant(text: &str, zone: &TimeZone) -> Option<Timestamp> {
    let (at, earliest) = match text.parse::<Timestamp>() {
        Ok(at) => (at, GATEWAY_CLOCK_SET),
        Err(_) => (local(text, zone).or_else(|| unix_seconds(text))?, HOST_CLOCK_SET),
    };
    (at.as_second() >= earliest).then_some(at)
}

/// The instant of a stamp in UTC, as our own recordings have it.
pub(super) fn utc(text: &str) -> Option<Timestamp> {
    plain_utc(text.as_bytes()).or_else(|| text.parse().ok())
}

/// `YYYY-MM-DDThh:mm:ssZ` and nothing else: long recordings have one in each line.
fn plain_utc(text: &[u8]) -> Option<Timestamp> {
    let [
        y0,
        y1,
        y2,
        y3,
        b'-',
        mo0,
        mo1,
        b'-',
        d0,
        d1,
        b'T',
        h0,
        h1,
        b':',
        mi0,
        mi1,
        b':',
        s0,
        s1,
        b'Z',
    ] = text
    else {
        return None;
    };
    let digit = |character: &u8| Some(i64::from(character.wrapping_sub(b'0'))).filter(|digit| *digit < 10);
    let two = |tens: &u8, ones: &u8| Some(digit(tens)? * 10 + digit(ones)?);
    let (century, of_century) = (two(y0, y1)?, two(y2, y3)?);
    let (year, month, day) = (century * 100 + of_century, two(mo0, mo1)?, two(d0, d1)?);
    let (hour, minute, second) = (two(h0, h1)?, two(mi0, mi1)?, two(s0, s1)?);
    // Days that not every month has, and leap seconds, are for who knows more about them.
    if !(1..=12).contains(&month) || !(1..=28).contains(&day) || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    // Years from March on: the day that comes every four years is the last.
    let (year, month) = if month > 2 {
        (year, month - 3)
    } else {
        (year - 1, month + 9)
    };
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    let days = 365 * year + leap_days + (153 * month + 2) / 5 + day - 1 - DAYS_BEFORE_1970;
    Timestamp::from_second(days * 86_400 + hour * 3600 + minute * 60 + second).ok()
}

/// From the first of March of the year 0 on.
const DAYS_BEFORE_1970: i64 = 719_468;

/// As [`instant`], with every clock believed.
pub(super) fn any_instant(text: &str, zone: &TimeZone) -> Option<Timestamp> {
    text.parse::<Timestamp>()
        .ok()
        .or_else(|| local(text, zone))
        .or_else(|| unix_seconds(text))
}

/// True when the text begins as a date, `YYYY-MM-DD`.
pub(super) fn begins_with_date(text: &str) -> bool {
    text.len() >= 10
        && text.bytes().take(10).enumerate().all(|(at, byte)| match at {
            4 | 7 => byte == b'-',
            _ => byte.is_ascii_digit(),
        })
}

fn local(text: &str, zone: &TimeZone) -> Option<Timestamp> {
    if !begins_with_date(text) {
        return None;
    }
    zone.to_timestamp(text.parse::<DateTime>().ok()?).ok()
}

fn unix_seconds(text: &str) -> Option<Timestamp> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    // Nine to ten digits: 1973 to 2286. Fewer are a counter, more are milliseconds.
    if !(9..=10).contains(&whole.len()) || fraction.len() > 9 || !digits(whole) || !digits(fraction) {
        return None;
    }
    let nanosecond = format!("{fraction:0<9}").parse().ok()?;
    Timestamp::new(whole.parse().ok()?, nanosecond).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn in_paris(text: &str) -> Option<String> {
        let zone = TimeZone::get("Europe/Paris").unwrap();
        instant(text, &zone).map(|at| at.to_string())
    }

    #[test]
    fn stamps_without_a_zone_are_local() {
        assert_eq!(
            in_paris("2025-02-02 14:09:37.104233").as_deref(),
            Some("2025-02-02T13:09:37.104233Z")
        );
        assert_eq!(
            in_paris("2025-07-02T14:09:37").as_deref(),
            Some("2025-07-02T12:09:37Z")
        );
        // The hour that comes twice, and the hour that never comes.
        assert_eq!(
            in_paris("2025-10-26 02:30:00").as_deref(),
            Some("2025-10-26T00:30:00Z")
        );
        assert_eq!(
            in_paris("2025-03-30 02:30:00").as_deref(),
            Some("2025-03-30T01:30:00Z")
        );
    }

    #[test]
    fn stamps_with_a_zone_are_taken_at_their_word() {
        for text in [
            "2025-02-02 13:09:37.00Z",
            "2025-02-02T14:09:37+01:00",
            "2025-02-02T14:09:37+0100",
            "1738501777",
            "1738501777.000",
        ] {
            assert_eq!(in_paris(text).as_deref(), Some("2025-02-02T13:09:37Z"), "{text}");
        }
    }

    #[test]
    fn clocks_that_were_not_set_give_no_time() {
        assert_eq!(in_paris("1970-01-01 00:00:42.00Z"), None);
        assert_eq!(in_paris("2019-12-31 23:59:59Z"), None);
        assert_eq!(in_paris("1970-01-01 01:00:42.000000"), None);
        // A host's recording of 2018 is a recording of 2018.
        assert!(in_paris("2018-06-01 01:00:42.000000").is_some());
        assert_eq!(
            any_instant("1970-01-01T00:00:42Z", &TimeZone::UTC)
                .unwrap()
                .as_second(),
            42
        );
    }

    #[test]
    fn our_own_stamps_are_read_as_any_other() {
        let mut read = 0;
        for year in (0..=9999).step_by(7).chain([1999, 2000, 2024, 2025, 2100]) {
            for month in 0..=13 {
                for (day, clock) in [
                    (0, "00:00:00"),
                    (1, "00:00:00"),
                    (28, "23:59:59"),
                    (29, "12:00:01"),
                    (31, "01:02:03"),
                    (12, "24:00:00"),
                    (12, "23:60:00"),
                    (12, "23:59:60"),
                ] {
                    let text = format!("{year:04}-{month:02}-{day:02}T{clock}Z");
                    let expected = text.parse::<Timestamp>().ok();
                    assert_eq!(utc(&text), expected, "{text}");
                    read += u32::from(plain_utc(text.as_bytes()).is_some());
                }
            }
        }
        assert!(read > 30_000, "{read}");
        for text in [
            "2025-02-02T14:09:37+01:00",
            "2025-02-02T14:09:37.5Z",
            "2025-02-02t14:09:37z",
            "2025-0a-02T14:09:37Z",
            "",
        ] {
            assert_eq!(utc(text), text.parse().ok(), "{text}");
        }
    }

    #[test]
    fn what_is_no_time_is_none() {
        for text in [
            "",
            "-",
            "@0.123s",
            "14:09:37",
            "2025-02-31 00:00:00",
            "12345",
            "17385017770",
            "1E44AE4C99",
        ] {
            assert_eq!(in_paris(text), None, "{text}");
        }
    }
}
