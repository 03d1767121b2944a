//! What clients may write behind the `?`: known names only, each once, each value checked.

use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::de::{self, Deserialize, DeserializeOwned, Deserializer};

use crate::config;
use crate::consumption::midnight;

use super::problem::Problem;

/// The query of a route, as its struct of parameters (which has `deny_unknown_fields`).
#[derive(Debug)]
pub(super) struct Asked<T>(pub(super) T);

impl<T: DeserializeOwned, S: Sync> FromRequestParts<S> for Asked<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        read(parts.uri.query().unwrap_or_default()).map(Self)
    }
}

/// One named part of a path.
#[derive(Debug)]
pub(super) struct Segment(pub(super) String);

impl<S: Send + Sync> FromRequestParts<S> for Segment {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match Path::<String>::from_request_parts(parts, state).await {
            Ok(Path(segment)) => Ok(Self(segment)),
            Err(_) => Err(Problem::invalid(
                "path",
                "not UTF-8 once its % escapes are resolved",
            )),
        }
    }
}

impl Segment {
    /// A number, as ids are.
    pub(super) fn id(&self, name: &str) -> Result<i64, Problem> {
        self.0
            .parse()
            .map_err(|_| Problem::invalid(name, format!("{:?} is no id: ids are whole numbers", self.0)))
    }
}

fn read<T: DeserializeOwned>(query: &str) -> Result<T, Problem> {
    let pairs = serde_urlencoded::Deserializer::new(form_urlencoded(query));
    serde_path_to_error::deserialize(pairs).map_err(|error| {
        let name = error.path().to_string();
        problem(name, &error.into_inner().to_string())
    })
}

fn form_urlencoded(query: &str) -> form_urlencoded::Parse<'_> {
    form_urlencoded::parse(query.as_bytes())
}

/// A problem from what serde says: it names fields between backquotes.
fn problem(name: String, message: &str) -> Problem {
    let mut quoted = message.split('`').skip(1).step_by(2).map(str::to_owned);
    if message.starts_with("unknown field") {
        let name = quoted.next().unwrap_or(name);
        let known: Vec<String> = quoted.collect();
        let nearest = config::nearest(&name, known.iter().map(String::as_str)).map(str::to_owned);
        return Problem::UnknownParameter { name, nearest, known };
    }
    if message.starts_with("duplicate field") {
        let name = quoted.next().unwrap_or(name);
        return Problem::invalid(&name, "given more than once");
    }
    Problem::invalid(&name, message)
}

/// A day, `2026-03-29`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Day(pub(super) Date);

impl Day {
    /// From year, month and day; `None` when that is no day.
    pub(super) fn read(text: &str) -> Option<Self> {
        day(text).ok().map(Self)
    }
}

impl<'de> Deserialize<'de> for Day {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        day(&text).map(Self).map_err(de::Error::custom)
    }
}

/// A day, which stands for its midnight at the site, or an instant with its offset, `2026-03-29T12:00:00Z`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Moment {
    /// The day begins.
    Day(Date),
    /// The instant.
    Instant(Timestamp),
}

impl Moment {
    /// The instant, for days that begin in a zone; `name` is for the problem.
    pub(super) fn instant(self, zone: &TimeZone, name: &str) -> Result<Timestamp, Problem> {
        match self {
            Self::Day(day) => midnight(day, zone).map_err(|error| Problem::invalid(name, error.to_string())),
            Self::Instant(instant) => Ok(instant),
        }
    }
}

impl<'de> Deserialize<'de> for Moment {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        if !text.contains(['T', 't', ' ']) {
            return day(&text).map(Self::Day).map_err(de::Error::custom);
        }
        // A plus sign that was not escaped arrives as a blank.
        let instant = text.trim().replace(' ', "+").parse().map_err(|_| {
            de::Error::custom(format!(
                "{text:?} is no instant: write 2026-03-29T12:00:00Z, or a day such as 2026-03-29"
            ))
        })?;
        Ok(Self::Instant(instant))
    }
}

/// Years beyond which no meter of ours has counted or will.
const YEARS: std::ops::RangeInclusive<i16> = 1970..=2200;

fn day(text: &str) -> Result<Date, String> {
    let wrong = || format!("{text:?} is no day: write year, month and day such as 2026-03-29");
    // Only the plain form; the calendar library would take more than people expect.
    let plain = text.len() == 10 && text.bytes().all(|octet| octet.is_ascii_digit() || octet == b'-');
    if !plain {
        return Err(wrong());
    }
    let date: Date = text.parse().map_err(|_| {
        format!("{text:?} is not in the calendar: write year, month and day such as 2026-03-29")
    })?;
    if YEARS.contains(&date.year()) {
        Ok(date)
    } else {
        Err(format!(
            "{text:?} is out of range: years go from {} to {}",
            YEARS.start(),
            YEARS.end()
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;
    use serde::Deserialize;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Parameters {
        from: Option<Day>,
        at: Option<Moment>,
    }

    fn refused(query: &str) -> String {
        format!("{:?}", read::<Parameters>(query).unwrap_err())
    }

    #[test]
    fn reads_days_and_instants() {
        let read: Parameters = read("from=2026-03-29&at=2026-03-29T12%3A00%3A00%2B02%3A00").unwrap();
        assert_eq!(read.from, Some(Day(date(2026, 3, 29))));
        assert_eq!(
            read.at,
            Some(Moment::Instant("2026-03-29T10:00:00Z".parse().unwrap()))
        );
        let lax: Parameters = super::read("at=2026-03-29T12:00:00+02:00").unwrap();
        assert_eq!(lax.at, read.at);
        let day: Parameters = super::read("at=2026-03-29").unwrap();
        let paris = TimeZone::get("Europe/Paris").unwrap();
        assert_eq!(
            day.at.unwrap().instant(&paris, "at").unwrap(),
            "2026-03-28T23:00:00Z".parse().unwrap()
        );
    }

    #[test]
    fn says_what_is_wrong_and_where() {
        assert!(refused("form=2026-03-29").contains(r#"nearest: Some("from")"#));
        assert!(refused("xyz=1").contains(r#"nearest: None, known: ["from", "at"]"#));
        assert!(refused("from=2026-03-29&from=2026-03-30").contains("given more than once"));
        assert!(refused("from=2026-02-29").contains("is not in the calendar"));
        assert!(refused("from=29.03.2026").contains("is no day"));
        assert!(refused("from=1821-01-01").contains("out of range"));
        assert!(refused("at=2026-03-29T12:00").contains("is no instant"));
        assert!(refused("from=").contains(r#"name: "from""#));
    }
}
