//! The index at an end of a figure, in words: what the meter showed, and from which readings that is known.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::Language;
use crate::query::{Decimal, End, Quality, Reading};

use super::words;

/// How the index at an end is known, in a sentence without its point; what follows it are the readings one by one.
#[must_use]
pub(super) fn how_known(end: &End, restarted: bool, words: Words<'_>) -> (String, Vec<String>) {
    let language = words.language;
    if restarted {
        let sentence = language.of(
            "l'appareil est reparti de zéro à cette date, sa date de relevé",
            "the device began anew at zero on this date, its set date",
        );
        return (sentence.to_owned(), Vec::new());
    }
    match (end.readings.as_slice(), end.quality) {
        ([earlier, later], quality) => {
            let sentence = match quality {
                Quality::Estimated => language.of(
                    "estimé entre deux relevés, dont un au moins est incertain\u{A0}:",
                    "estimated between two readings, at least one of which is uncertain:",
                ),
                _ => language.of(
                    "calculé entre deux relevés\u{A0}:",
                    "worked out between two readings:",
                ),
            };
            let readings = [earlier, later].map(|reading| words.reading(reading));
            (sentence.to_owned(), readings.to_vec())
        }
        ([reading, ..], Quality::Interpolated) => {
            let sentence = language.of(
                "calculé entre deux relevés ; l'autre est hors de vos jours dans ce logement et n'est pas montré\u{A0}:",
                "worked out between two readings; the other is outside your days in this dwelling and is not shown:",
            );
            (sentence.to_owned(), vec![words.reading(reading)])
        }
        ([reading, ..], Quality::Estimated) => {
            let sentence = language.of(
                "pris du relevé le plus proche\u{A0}:",
                "taken from the nearest reading:",
            );
            (sentence.to_owned(), vec![words.reading(reading)])
        }
        ([reading, ..], _) => (words.source(reading), Vec::new()),
        ([], Quality::Interpolated) => {
            let sentence = language.of(
                "calculé entre deux relevés hors de vos jours dans ce logement, qui ne sont pas montrés",
                "worked out between two readings outside your days in this dwelling, which are not shown",
            );
            (sentence.to_owned(), Vec::new())
        }
        ([], Quality::Estimated) => {
            let sentence = language.of(
                "pris du relevé le plus proche, qui est hors de vos jours dans ce logement\u{A0}: sa date n'est pas montrée",
                "taken from the nearest reading, which is outside your days in this dwelling: its date is not shown",
            );
            (sentence.to_owned(), Vec::new())
        }
        ([], _) => {
            let sentence = language.of(
                "relevé à moins d'un quart d'heure, juste hors de vos jours dans ce logement",
                "read less than a quarter of an hour away, just outside your days in this dwelling",
            );
            (sentence.to_owned(), Vec::new())
        }
    }
}

/// In which words: the language, the residence's zone, the unit of the register.
#[derive(Clone, Copy)]
pub(super) struct Words<'a> {
    pub(super) language: Language,
    pub(super) zone: &'a TimeZone,
    pub(super) unit: &'a str,
}

impl Words<'_> {
    /// An index with all its digits and its unit, at least as many as the meter's display has.
    #[must_use]
    pub(super) fn index(self, value: Decimal) -> String {
        exact(value, self.unit, self.language)
    }

    /// `le 1er mars 2026 à 00:03`, `1 March 2026 at 00:03`.
    #[must_use]
    pub(super) fn instant(self, at: Timestamp) -> String {
        let there = at.to_zoned_datetime(self.zone.clone());
        let day = words::day(there.date(), self.language);
        let clock = there.strftime("%H:%M");
        match self.language {
            Language::French => format!("le {day} à {clock}"),
            Language::English => format!("{day} at {clock}"),
        }
    }

    /// What kind of reading it is, and of when.
    fn source(self, reading: &Reading) -> String {
        let language = self.language;
        let kind = match reading.source.as_str() {
            "live" => language.of("entendu par radio", "heard by radio,"),
            "set_date" => language.of(
                "gardé par l'appareil lui-même pour sa date de relevé,",
                "kept by the device itself for its set date,",
            ),
            "history" => language.of(
                "gardé par l'appareil lui-même pour",
                "kept by the device itself for",
            ),
            "manual" => language.of("relevé par une personne", "read by a person,"),
            "estimate" => language.of("estimé par une personne", "estimated by a person,"),
            _ => language.of("connu d'une autre manière,", "known in another way,"),
        };
        format!("{kind} {}", self.instant(reading.at))
    }

    fn reading(self, reading: &Reading) -> String {
        format!("{}, {}", self.index(reading.value), self.source(reading))
    }
}

/// A number with all its digits and its unit: cubic metres with three decimals at least, as on the dials.
#[must_use]
pub(super) fn exact(value: Decimal, unit: &str, language: Language) -> String {
    let least = if unit == "m3" { 3 } else { 0 };
    let number = words::number(value, value.digits_behind().max(least), language);
    format!("{number}\u{A0}{}", words::unit(unit))
}

#[cfg(test)]
mod tests {
    use super::*;
    use Language::{English, French};

    fn end(json: &str) -> End {
        serde_json::from_str(json).unwrap()
    }

    fn said(json: &str, restarted: bool, language: Language) -> String {
        let zone = TimeZone::get("Europe/Paris").unwrap();
        let words = Words {
            language,
            zone: &zone,
            unit: "m3",
        };
        let (sentence, readings) = how_known(&end(json), restarted, words);
        [vec![sentence], readings].concat().join(" | ")
    }

    #[test]
    fn every_kind_of_reading_has_its_words() {
        for (source, french, english) in [
            ("live", "entendu par radio le", "heard by radio, 1"),
            (
                "set_date",
                "gardé par l'appareil lui-même pour sa date de relevé, le",
                "kept by the device itself for its set date, 1",
            ),
            (
                "history",
                "gardé par l'appareil lui-même pour le",
                "kept by the device itself for 1",
            ),
            ("manual", "relevé par une personne le", "read by a person, 1"),
            (
                "estimate",
                "estimé par une personne le",
                "estimated by a person, 1",
            ),
            (
                "of a later release",
                "connu d'une autre manière, le",
                "known in another way, 1",
            ),
        ] {
            let json = format!(
                r#"{{"index":5.91,"quality":"measured","readings":[{{"at":"2026-03-01T00:03:00+01:00","source":"{source}","value":5.91}}]}}"#
            );
            assert_eq!(
                said(&json, false, French),
                format!("{french} 1er mars 2026 à 00:03")
            );
            assert_eq!(
                said(&json, false, English),
                format!("{english} March 2026 at 00:03")
            );
        }
    }

    #[test]
    fn what_lies_between_or_is_not_theirs_is_said_so() {
        let early = r#"{"at":"2026-02-28T12:00:00+01:00","source":"live","value":5}"#;
        let late = r#"{"at":"2026-03-01T12:00:00+01:00","source":"manual","value":7.0001}"#;
        let json = |quality: &str, readings: &[&str]| {
            format!(
                r#"{{"index":6,"quality":"{quality}","readings":[{}]}}"#,
                readings.join(",")
            )
        };
        assert_eq!(
            said(&json("interpolated", &[early, late]), false, French),
            "calculé entre deux relevés\u{A0}: | 5,000\u{A0}m³, entendu par radio le 28 février 2026 à 12:00 | \
             7,0001\u{A0}m³, relevé par une personne le 1er mars 2026 à 12:00"
        );
        for (quality, readings, wanted) in [
            ("interpolated", &[late][..], "l'autre est hors de vos jours"),
            (
                "interpolated",
                &[],
                "deux relevés hors de vos jours dans ce logement, qui ne sont pas montrés",
            ),
            ("estimated", &[], "sa date n'est pas montrée"),
            (
                "estimated",
                &[late],
                "pris du relevé le plus proche\u{A0}: | 7,0001",
            ),
            (
                "estimated",
                &[early, late],
                "estimé entre deux relevés, dont un au moins est incertain",
            ),
            ("measured", &[], "juste hors de vos jours"),
        ] {
            let said = said(&json(quality, readings), false, French);
            assert!(said.contains(wanted), "{said}");
        }
        assert_eq!(
            said(&json("measured", &[]), true, French),
            "l'appareil est reparti de zéro à cette date, sa date de relevé"
        );
    }

    #[test]
    fn an_index_has_the_digits_of_the_dial_and_no_fewer_than_are_known() {
        for (value, unit, wanted) in [
            ("3.11", "m3", "3,110\u{A0}m³"),
            ("1234.567891", "m3", "1\u{202F}234,567891\u{A0}m³"),
            ("127", "U", "127\u{A0}U"),
            ("127.50", "U", "127,5\u{A0}U"),
            ("0", "kWh", "0\u{A0}kWh"),
        ] {
            assert_eq!(exact(value.parse().unwrap(), unit, French), wanted);
        }
    }
}
