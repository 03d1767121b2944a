//! Days, months and numbers in the words of both languages.

use jiff::civil::{Date, Weekday};

use crate::Language;
use crate::query::{Decimal, KindName, Quality};

const MONTHS_FR: [&str; 12] = [
    "janvier",
    "février",
    "mars",
    "avril",
    "mai",
    "juin",
    "juillet",
    "août",
    "septembre",
    "octobre",
    "novembre",
    "décembre",
];
const MONTHS_EN: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const SHORT_FR: [&str; 12] = [
    "janv.", "févr.", "mars", "avr.", "mai", "juin", "juil.", "août", "sept.", "oct.", "nov.", "déc.",
];
const SHORT_EN: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

/// The month's name; in French without a capital.
#[must_use]
pub(super) fn month(date: Date, language: Language) -> &'static str {
    nth(language.of(&MONTHS_FR, &MONTHS_EN), date.month())
}

/// The month's name, shortened for a chart.
#[must_use]
pub(super) fn short_month(date: Date, language: Language) -> &'static str {
    nth(language.of(&SHORT_FR, &SHORT_EN), date.month())
}

fn nth(names: &'static [&'static str; 12], month: i8) -> &'static str {
    let number = usize::try_from(month).unwrap_or(1).saturating_sub(1);
    names.get(number).copied().unwrap_or_default()
}

/// The weekday's name; in French without a capital.
#[must_use]
pub(super) fn weekday(date: Date, language: Language) -> &'static str {
    match date.weekday() {
        Weekday::Monday => language.of("lundi", "Monday"),
        Weekday::Tuesday => language.of("mardi", "Tuesday"),
        Weekday::Wednesday => language.of("mercredi", "Wednesday"),
        Weekday::Thursday => language.of("jeudi", "Thursday"),
        Weekday::Friday => language.of("vendredi", "Friday"),
        Weekday::Saturday => language.of("samedi", "Saturday"),
        Weekday::Sunday => language.of("dimanche", "Sunday"),
    }
}

/// The first three letters of a weekday and a point, or the English short form.
#[must_use]
pub(super) fn short_weekday(date: Date, language: Language) -> String {
    let name: String = weekday(date, language).chars().take(3).collect();
    name + language.of(".", "")
}

/// The number of a day: in French the first is `1er`.
#[must_use]
pub(super) fn ordinal(date: Date, language: Language) -> String {
    match (date.day(), language) {
        (1, Language::French) => "1er".to_owned(),
        (day, _) => day.to_string(),
    }
}

/// `30 novembre 2026`, `30 November 2026`.
#[must_use]
pub(super) fn day(date: Date, language: Language) -> String {
    format!(
        "{} {} {}",
        ordinal(date, language),
        month(date, language),
        date.year()
    )
}

/// `lundi 30 novembre 2026`, `Monday 30 November 2026`.
#[must_use]
pub(super) fn long_day(date: Date, language: Language) -> String {
    format!("{} {}", weekday(date, language), day(date, language))
}

/// `novembre 2026`, `November 2026`.
#[must_use]
pub(super) fn month_of_year(date: Date, language: Language) -> String {
    format!("{} {}", month(date, language), date.year())
}

/// From a first to a last day, without saying twice what they share: `du 23 au 29 novembre 2026`, `23–29 November 2026`.
#[must_use]
pub(super) fn range(first: Date, last: Date, language: Language) -> String {
    if first >= last {
        return match language {
            Language::French => format!("le {}", day(first, language)),
            Language::English => day(first, language),
        };
    }
    let start = if (first.year(), first.month()) == (last.year(), last.month()) {
        ordinal(first, language)
    } else if first.year() == last.year() {
        format!("{} {}", ordinal(first, language), month(first, language))
    } else {
        day(first, language)
    };
    match language {
        Language::French => format!("du {start} au {}", day(last, language)),
        Language::English if start.contains(' ') => format!("{start} – {}", day(last, language)),
        Language::English => format!("{start}–{}", day(last, language)),
    }
}

/// A sentence's beginning.
#[must_use]
pub(super) fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters
        .next()
        .map(|first| first.to_uppercase().chain(letters).collect())
        .unwrap_or_default()
}

/// A number with so many decimals: `1 082,63` with a narrow space that does not break, or `1,082.63`. The minus is a real one.
#[must_use]
pub(super) fn number(value: Decimal, places: u8, language: Language) -> String {
    let scaled = value.scaled(places);
    let step = 10_u128.pow(u32::from(places.min(30)));
    let (whole, part) = (scaled.unsigned_abs() / step, scaled.unsigned_abs() % step);
    let digits = whole.to_string();
    let mut text = String::new();
    if scaled < 0 {
        text.push('−');
    }
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(language.of('\u{202F}', ','));
        }
        text.push(digit);
    }
    if places > 0 {
        let width = usize::from(places);
        text.push(language.of(',', '.'));
        text.push_str(&format!("{part:0width$}"));
    }
    text
}

/// A unit of the service as people write it.
#[must_use]
pub(super) fn unit(unit: &str) -> &str {
    match unit {
        "m3" => "m³",
        other => other,
    }
}

/// A figure with two decimals and its unit, which never stands alone on the next line; a missing one in a word.
#[must_use]
pub(super) fn amount(shown: Option<Decimal>, of: &str, language: Language) -> String {
    shown.map_or_else(
        || language.of("donnée manquante", "no data").to_owned(),
        |value| format!("{}\u{A0}{}", number(value, 2, language), unit(of)),
    )
}

/// How much of what, as a heading.
#[must_use]
pub(super) fn kind(name: &KindName, language: Language) -> String {
    match name {
        KindName::HotWater => language.of("Eau chaude", "Hot water").to_owned(),
        KindName::ColdWater => language.of("Eau froide", "Cold water").to_owned(),
        KindName::Heating => language.of("Chauffage", "Heating").to_owned(),
        KindName::Other(name) => match name.as_str() {
            "heat_energy" => language.of("Chaleur", "Heat").to_owned(),
            "cooling" => language.of("Froid", "Cooling").to_owned(),
            "electricity" => language.of("Électricité", "Electricity").to_owned(),
            "gas" => language.of("Gaz", "Gas").to_owned(),
            _ => language.of("Autre", "Other").to_owned(),
        },
    }
}

/// How a figure is known, in a word.
#[must_use]
pub(super) fn quality(quality: Quality, language: Language) -> &'static str {
    match quality {
        Quality::Measured => language.of("mesuré", "measured"),
        Quality::Interpolated => language.of("interpolé", "interpolated"),
        Quality::Estimated => language.of("estimé", "estimated"),
        Quality::Missing => language.of("manquant", "missing"),
        Quality::Unknown => language.of("incertain", "uncertain"),
    }
}

/// What that word means.
#[must_use]
pub(super) fn quality_explained(quality: Quality, language: Language) -> &'static str {
    match quality {
        Quality::Measured => language.of(
            "relevé au début et à la fin de la période",
            "read at the beginning and at the end of the period",
        ),
        Quality::Interpolated => language.of(
            "calculé entre deux relevés qui entourent le début ou la fin de la période",
            "worked out between two readings around the beginning or the end of the period",
        ),
        Quality::Estimated => language.of("pris du relevé le plus proche", "taken from the nearest reading"),
        Quality::Missing => language.of(
            "aucun relevé : ce n'est pas zéro, on ne sait pas",
            "no reading: it is not zero, nobody knows",
        ),
        Quality::Unknown => language.of("d'une autre manière", "in another way"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Language::{English, French};
    use jiff::civil::date;
    use proptest::prelude::*;

    #[test]
    fn numbers_are_written_as_people_write_them() {
        for (text, french, english) in [
            ("2.845", "2,85", "2.85"),
            ("1082.63", "1\u{202F}082,63", "1,082.63"),
            ("-1234567.891", "−1\u{202F}234\u{202F}567,89", "−1,234,567.89"),
            ("0", "0,00", "0.00"),
            ("-0.004", "0,00", "0.00"),
            ("999.999", "1\u{202F}000,00", "1,000.00"),
        ] {
            let value: Decimal = text.parse().unwrap();
            assert_eq!(number(value, 2, French), french);
            assert_eq!(number(value, 2, English), english);
        }
        assert_eq!(amount("2.80".parse().ok(), "m3", French), "2,80\u{A0}m³");
        // What nobody knows is not 0.
        assert_eq!(amount(None, "m3", French), "donnée manquante");
    }

    #[test]
    fn days_are_named() {
        assert_eq!(long_day(date(2026, 3, 1), French), "dimanche 1er mars 2026");
        assert_eq!(long_day(date(2026, 3, 1), English), "Sunday 1 March 2026");
        assert_eq!(
            range(date(2026, 11, 23), date(2026, 11, 29), French),
            "du 23 au 29 novembre 2026"
        );
        assert_eq!(
            range(date(2026, 11, 30), date(2026, 12, 6), French),
            "du 30 novembre au 6 décembre 2026"
        );
        assert_eq!(
            range(date(2026, 12, 28), date(2027, 1, 3), French),
            "du 28 décembre 2026 au 3 janvier 2027"
        );
        assert_eq!(
            range(date(2026, 11, 23), date(2026, 11, 29), English),
            "23–29 November 2026"
        );
        assert_eq!(
            range(date(2026, 12, 28), date(2027, 1, 3), English),
            "28 December 2026 – 3 January 2027"
        );
        assert_eq!(
            range(date(2026, 3, 1), date(2026, 3, 1), French),
            "le 1er mars 2026"
        );
        assert_eq!(short_weekday(date(2026, 11, 30), French), "lun.");
        assert_eq!(capitalised("été"), "Été");
    }

    proptest! {
        /// Whoever takes the marks out again has the digits of the number, rounded.
        #[test]
        fn a_written_number_is_the_number(mantissa in any::<i64>(), places in 0_u8..12) {
            let value = Decimal::new(mantissa, places);
            for language in [French, English] {
                let written: String = number(value, 2, language)
                    .chars()
                    .filter(|letter| letter.is_ascii_digit() || *letter == '−')
                    .map(|letter| if letter == '−' { '-' } else { letter })
                    .collect();
                prop_assert_eq!(written.parse::<i128>().unwrap(), value.scaled(2));
            }
        }
    }
}
