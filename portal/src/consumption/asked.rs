//! What a page was asked for. Whatever stands behind the `?` was written by anybody: each value is checked here, and nowhere is an
//! occupancy taken that the account does not have.

use std::borrow::Cow;

use jiff::civil::Date;

use crate::Language;
use crate::query::Compare;

use super::view::{View, Window};
use super::words;

/// The parameters of the pages with figures; all may be left out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Asked {
    /// Which of the account's occupancies.
    pub(super) home: Option<i64>,
    /// How long a part of the calendar.
    pub(super) view: Option<View>,
    /// A day in it.
    pub(super) day: Option<Date>,
    /// With what it is compared; `Some(None)` when with nothing.
    pub(super) compare: Option<Option<Compare>>,
    /// The first day of a month.
    pub(super) month: Option<Date>,
    /// A year.
    pub(super) year: Option<i16>,
    /// A metering point, by the service's number.
    pub(super) point: Option<i64>,
    /// A first day.
    pub(super) first: Option<Date>,
    /// A last day.
    pub(super) last: Option<Date>,
}

/// Why a page can't be shown as asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wrong {
    /// A parameter stands there twice.
    Twice,
    /// No number of an occupancy.
    Home,
    /// No such part of the calendar.
    View,
    /// No day of the calendar.
    Day,
    /// Nothing to compare with.
    Compare,
    /// No month of the calendar.
    Month,
    /// No year.
    Year,
    /// No number of a metering point, or none of this dwelling.
    Point,
    /// The last day lies before the first.
    Backwards,
    /// Days before the household moved in, after it left, or to come.
    Outside(Window),
}

impl Asked {
    /// From what stands behind the `?`. Names that are none of ours mean nothing.
    ///
    /// # Errors
    /// [`Wrong`], for the first value that can't be understood.
    pub(super) fn read(query: &str) -> Result<Self, Wrong> {
        let mut asked = Self::default();
        let mut seen: Vec<Cow<'_, str>> = Vec::new();
        for (name, value) in form_urlencoded::parse(query.as_bytes()).take(MOST) {
            if !NAMES.contains(&&*name) {
                continue;
            }
            if seen.contains(&name) {
                return Err(Wrong::Twice);
            }
            match &*name {
                "home" => asked.home = Some(number(&value).ok_or(Wrong::Home)?),
                "view" => asked.view = Some(View::from_name(&value).ok_or(Wrong::View)?),
                "day" => asked.day = Some(day(&value).ok_or(Wrong::Day)?),
                "compare" => asked.compare = Some(compare(&value).ok_or(Wrong::Compare)?),
                "month" => asked.month = Some(month(&value).ok_or(Wrong::Month)?),
                "year" => asked.year = Some(year(&value).ok_or(Wrong::Year)?),
                "point" => asked.point = Some(number(&value).ok_or(Wrong::Point)?),
                "first" => asked.first = Some(day(&value).ok_or(Wrong::Day)?),
                "last" => asked.last = Some(day(&value).ok_or(Wrong::Day)?),
                _ => {}
            }
            seen.push(name);
        }
        Ok(asked)
    }
}

impl Wrong {
    /// What is wrong, in a sentence.
    #[must_use]
    pub(super) fn sentence(self, language: Language) -> String {
        match self {
            Self::Twice => language
                .of(
                    "L'adresse de cette page dit deux fois la même chose.",
                    "The address of this page says the same thing twice.",
                )
                .to_owned(),
            Self::Home => language
                .of("Ce logement n'existe pas.", "There is no such dwelling.")
                .to_owned(),
            Self::View => language
                .of(
                    "On peut voir un jour, une semaine, un mois, douze semaines, une année ou toutes les années, rien d'autre.",
                    "You can see a day, a week, a month, twelve weeks, a year or all years, nothing else.",
                )
                .to_owned(),
            Self::Day => language
                .of(
                    "Cette date n'est pas dans le calendrier. Écrivez l'année, le mois et le jour : 2026-03-29.",
                    "This date is not in the calendar. Write year, month and day: 2026-03-29.",
                )
                .to_owned(),
            Self::Compare => language
                .of(
                    "On peut comparer avec la période précédente ou avec l'année d'avant, rien d'autre.",
                    "You can compare with the time before or with a year ago, nothing else.",
                )
                .to_owned(),
            Self::Month => language
                .of(
                    "Ce mois n'est pas dans le calendrier. Écrivez l'année et le mois : 2026-03.",
                    "This month is not in the calendar. Write year and month: 2026-03.",
                )
                .to_owned(),
            Self::Year => language
                .of(
                    "Cette année n'est pas dans le calendrier. Écrivez-la avec quatre chiffres : 2026.",
                    "This year is not in the calendar. Write it with four digits: 2026.",
                )
                .to_owned(),
            Self::Point => language
                .of(
                    "Il n'y a pas ce compteur dans ce logement pendant cette période.",
                    "There is no such meter in this dwelling in this time.",
                )
                .to_owned(),
            Self::Backwards => language
                .of(
                    "Le dernier jour de cette période est avant le premier.",
                    "The last day of this time lies before the first.",
                )
                .to_owned(),
            Self::Outside(window) => {
                let last = window.to.yesterday().unwrap_or(window.from);
                let range = words::range(window.from, last, language);
                match language {
                    Language::French => format!("Vous voyez les jours pendant lesquels vous habitez ce logement, {range}."),
                    Language::English => format!("You see the days in which you live in this dwelling: {range}."),
                }
            }
        }
    }
}

/// As ids are written, and no other way: no sign, no blanks, no leading zeros.
fn number(text: &str) -> Option<i64> {
    let plain = !text.is_empty() && text.len() <= 18 && text.bytes().all(|octet| octet.is_ascii_digit());
    text.parse().ok().filter(|_| plain && !text.starts_with('0'))
}

fn day(text: &str) -> Option<Date> {
    let plain = text.len() == 10 && text.bytes().all(|octet| octet.is_ascii_digit() || octet == b'-');
    let date: Date = text.parse().ok().filter(|_| plain)?;
    YEARS.contains(&date.year()).then_some(date)
}

fn month(text: &str) -> Option<Date> {
    if text.len() == 7 {
        day(&format!("{text}-01"))
    } else {
        None
    }
}

fn year(text: &str) -> Option<i16> {
    let plain = text.len() == 4 && text.bytes().all(|octet| octet.is_ascii_digit());
    text.parse().ok().filter(|year| plain && YEARS.contains(year))
}

fn compare(text: &str) -> Option<Option<Compare>> {
    match text {
        "none" => Some(None),
        "previous" => Some(Some(Compare::Previous)),
        "year_ago" => Some(Some(Compare::YearAgo)),
        _ => None,
    }
}

/// Our parameters.
const NAMES: [&str; 9] = [
    "home", "view", "day", "compare", "month", "year", "point", "first", "last",
];

/// No page of ours has more parameters; what comes behind is not read.
const MOST: usize = 32;

/// Years that the service knows.
const YEARS: std::ops::RangeInclusive<i16> = 1970..=2200;

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;
    use proptest::prelude::*;

    #[test]
    fn what_is_meant_is_understood() {
        let asked = Asked::read("home=7&view=week&day=2026-03-29&compare=year_ago&utm_source=x").unwrap();
        assert_eq!(
            asked,
            Asked {
                home: Some(7),
                view: Some(View::Week),
                day: Some(date(2026, 3, 29)),
                compare: Some(Some(Compare::YearAgo)),
                ..Asked::default()
            }
        );
        assert_eq!(Asked::read("").unwrap(), Asked::default());
        assert_eq!(Asked::read("compare=none").unwrap().compare, Some(None));
        assert_eq!(
            Asked::read("month=2026-02&year=2025").unwrap().month,
            Some(date(2026, 2, 1))
        );
    }

    #[test]
    fn anything_else_is_refused_in_a_sentence() {
        for (query, wrong) in [
            ("home=", Wrong::Home),
            ("home=-1", Wrong::Home),
            ("home=1%200", Wrong::Home),
            ("home=007", Wrong::Home),
            ("home=1;DROP", Wrong::Home),
            ("home=99999999999999999999", Wrong::Home),
            ("view=hour", Wrong::View),
            ("view=MONTH", Wrong::View),
            ("day=2026-02-29", Wrong::Day),
            ("day=2026-2-1", Wrong::Day),
            ("day=+026-02-01", Wrong::Day),
            ("day=9999-12-31", Wrong::Day),
            ("day=20260201", Wrong::Day),
            ("day=2026-02-01T00:00", Wrong::Day),
            ("compare=site", Wrong::Compare),
            ("month=2026-13", Wrong::Month),
            ("month=2026-00", Wrong::Month),
            ("month=2026-1", Wrong::Month),
            ("year=26", Wrong::Year),
            ("year=0026", Wrong::Year),
            ("year=1e3x", Wrong::Year),
            ("point=0x1", Wrong::Point),
            ("point=-3", Wrong::Point),
            ("first=2026-02-30", Wrong::Day),
            ("last=", Wrong::Day),
            ("point=1&point=2", Wrong::Twice),
            ("home=1&home=2", Wrong::Twice),
        ] {
            assert_eq!(Asked::read(query), Err(wrong), "{query}");
            assert!(
                wrong.sentence(Language::French).ends_with('.')
                    && wrong.sentence(Language::English).ends_with('.')
            );
        }
    }

    proptest! {
        #[test]
        fn no_query_makes_it_panic(query in ".{0,80}", value in "[-0-9]{0,12}") {
            let _ = Asked::read(&query);
            for name in NAMES {
                let _ = Asked::read(&format!("{name}={value}"));
            }
        }
    }
}
