//! What part of the calendar a page shows, how it is cut, what comes before and after it, and what it is compared with.

use jiff::civil::{Date, ISOWeekDate, Weekday};
use jiff::{Span, ToSpan};

use crate::Language;
use crate::query::{Compare, Period, Step};

use super::words;

/// A page's part of the calendar, by its length.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(super) enum View {
    /// One day, by the hour.
    Day,
    /// One week from Monday, by the day.
    Week,
    /// One month, by the day.
    #[default]
    Month,
    /// Twelve weeks, by the week.
    Weeks,
    /// One year, by the month.
    Year,
    /// All years of the household.
    Years,
}

/// The days that a household may see: its first, and the one after its last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Window {
    /// First day.
    pub(super) from: Date,
    /// The day after the last one; tomorrow at the latest.
    pub(super) to: Date,
}

/// Some days of the calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Range {
    /// First day.
    pub(super) from: Date,
    /// The day after the last one.
    pub(super) to: Date,
}

impl View {
    /// In the order of the tabs.
    pub(super) const ALL: [Self; 6] = [
        Self::Day,
        Self::Week,
        Self::Month,
        Self::Weeks,
        Self::Year,
        Self::Years,
    ];

    /// The name in an address.
    #[must_use]
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
            Self::Weeks => "weeks",
            Self::Year => "year",
            Self::Years => "years",
        }
    }

    /// The one with this name.
    #[must_use]
    pub(super) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|view| view.name() == name)
    }

    /// The tab's word.
    #[must_use]
    pub(super) const fn word(self, language: Language) -> &'static str {
        match self {
            Self::Day => language.of("Jour", "Day"),
            Self::Week => language.of("Semaine", "Week"),
            Self::Month => language.of("Mois", "Month"),
            Self::Weeks => language.of("12 semaines", "12 weeks"),
            Self::Year => language.of("Année", "Year"),
            Self::Years => language.of("Années", "Years"),
        }
    }

    /// How it is cut.
    #[must_use]
    pub(super) const fn step(self) -> Step {
        match self {
            Self::Day => Step::Hour,
            Self::Week | Self::Month => Step::Day,
            Self::Weeks => Step::Week,
            Self::Year => Step::Month,
            Self::Years => Step::Year,
        }
    }

    /// The part of the calendar that holds a day; of all years, those of the household. `None` at the calendar's ends.
    #[must_use]
    pub(super) fn around(self, day: Date, window: Window) -> Option<Range> {
        let range = |from: Date, length: Span| {
            Some(Range {
                from,
                to: from.checked_add(length).ok()?,
            })
        };
        match self {
            Self::Day => range(day, 1.day()),
            Self::Week => range(monday(day)?, 7.days()),
            Self::Month => range(day.first_of_month(), 1.month()),
            Self::Weeks => range(monday(day)?.checked_sub(77.days()).ok()?, 84.days()),
            Self::Year => range(day.first_of_year(), 1.year()),
            Self::Years => Some(Range {
                from: window.from.first_of_year(),
                to: window
                    .to
                    .yesterday()
                    .ok()?
                    .first_of_year()
                    .checked_add(1.year())
                    .ok()?,
            }),
        }
    }

    /// A day of the part before, and of the part behind, where the household has days there.
    #[must_use]
    pub(super) fn neighbours(self, range: Range, window: Window) -> (Option<Date>, Option<Date>) {
        if self == Self::Years {
            return (None, None);
        }
        let before = range.from.yesterday().ok().filter(|_| range.from > window.from);
        // The last day of the part behind names it: of twelve weeks the last one does.
        let behind = match self {
            Self::Weeks => range.to.checked_add(77.days()).ok(),
            _ => Some(range.to),
        };
        (before, behind.filter(|_| range.to < window.to))
    }

    /// With what this part may be compared, the best first.
    #[must_use]
    pub(super) const fn comparisons(self) -> &'static [Compare] {
        match self {
            Self::Day | Self::Week | Self::Month | Self::Weeks => &[Compare::YearAgo, Compare::Previous],
            Self::Year => &[Compare::Previous],
            Self::Years => &[],
        }
    }

    /// The days that a part is held against, as many of them as have passed of it: the same weekdays where it is cut into days of
    /// a week, the same dates elsewhere.
    #[must_use]
    pub(super) fn compared(self, compare: Compare, range: Range, window: Window) -> Option<Range> {
        let back = |days: Span| -> Option<Range> {
            Some(Range {
                from: range.from.checked_sub(days).ok()?,
                to: range.to.checked_sub(days).ok()?,
            })
        };
        let whole = match (self, compare) {
            (_, Compare::Site) | (Self::Years, _) => return None,
            (Self::Day, Compare::Previous) => back(1.day()),
            (Self::Day, Compare::YearAgo) => back(364.days()),
            (Self::Week, Compare::Previous) => back(7.days()),
            (Self::Week, Compare::YearAgo) => {
                let from = same_week_a_year_ago(range.from)?;
                Some(Range {
                    from,
                    to: from.checked_add(7.days()).ok()?,
                })
            }
            (Self::Month, Compare::Previous) => back(1.month()),
            (Self::Weeks, Compare::Previous) => back(84.days()),
            (Self::Weeks, Compare::YearAgo) => back(364.days()),
            (Self::Month | Self::Year, _) => back(1.year()),
        }?;
        if range.to <= window.to {
            return Some(whole);
        }
        // It runs: no more of the other than of this one.
        let to = match (self, compare) {
            (Self::Year, _) | (Self::Month, Compare::YearAgo) => window.to.checked_sub(1.year()).ok()?,
            _ => {
                let passed = range.from.until(window.to).ok()?;
                whole.from.checked_add(passed).ok()?
            }
        };
        Some(Range {
            to: to.min(whole.to),
            ..whole
        })
        .filter(|range| range.from < range.to)
    }

    /// What a part is called: `Novembre 2026`, `Semaine 48 · du 23 au 29 novembre 2026`.
    #[must_use]
    pub(super) fn title(self, range: Range, language: Language) -> String {
        let last = range.to.yesterday().unwrap_or(range.to);
        match self {
            Self::Day => words::capitalised(&words::long_day(range.from, language)),
            Self::Week => format!(
                "{} {} · {}",
                language.of("Semaine", "Week"),
                week(range.from),
                words::range(range.from, last, language)
            ),
            Self::Month => words::capitalised(&words::month_of_year(range.from, language)),
            Self::Weeks => format!(
                "{} {} {} {} · {}",
                language.of("Semaines", "Weeks"),
                week(range.from),
                language.of("à", "to"),
                week(last),
                words::range(range.from, last, language)
            ),
            Self::Year => range.from.year().to_string(),
            Self::Years if range.from.year() == last.year() => last.year().to_string(),
            Self::Years => format!("{} – {}", range.from.year(), last.year()),
        }
    }

    /// A period's name under its bar, and in full.
    #[must_use]
    pub(super) fn labels(self, period: &Period, clock: &str, language: Language) -> (String, String) {
        let day = period.from;
        match self {
            Self::Day => (clock.to_owned(), clock.to_owned()),
            Self::Week => (
                words::short_weekday(day, language),
                words::capitalised(&words::long_day(day, language)),
            ),
            Self::Month => (
                day.day().to_string(),
                words::capitalised(&words::long_day(day, language)),
            ),
            Self::Weeks => {
                let last = period.to.yesterday().unwrap_or(day);
                let name = format!(
                    "{} {}, {}",
                    language.of("Semaine", "Week"),
                    week(day),
                    words::range(day, last, language)
                );
                (format!("{}{}", language.of("S", "W"), week(day)), name)
            }
            Self::Year => (
                words::short_month(day, language).to_owned(),
                words::capitalised(&words::month_of_year(day, language)),
            ),
            Self::Years => (day.year().to_string(), day.year().to_string()),
        }
    }
}

impl Window {
    /// The days of a range that lie inside.
    #[must_use]
    pub(super) fn cut(self, range: Range) -> Option<Range> {
        let (from, to) = (range.from.max(self.from), range.to.min(self.to));
        (from < to).then_some(Range { from, to })
    }

    /// The day itself, or the nearest one inside.
    #[must_use]
    pub(super) fn nearest(self, day: Date) -> Date {
        let last = self.to.yesterday().unwrap_or(self.from);
        day.clamp(self.from, last.max(self.from))
    }
}

/// The number of a day's ISO week.
#[must_use]
pub(super) fn week(day: Date) -> i8 {
    day.iso_week_date().week()
}

fn monday(day: Date) -> Option<Date> {
    let past = i64::from(day.weekday().to_monday_zero_offset());
    day.checked_sub(past.days()).ok()
}

/// The Monday of the week with the same number a year before; of week 53 the last one there is.
fn same_week_a_year_ago(monday: Date) -> Option<Date> {
    let iso = monday.iso_week_date();
    let (year, week) = (iso.year() - 1, iso.week());
    ISOWeekDate::new(year, week, Weekday::Monday)
        .or_else(|_| ISOWeekDate::new(year, 52, Weekday::Monday))
        .ok()
        .map(|iso| iso.date())
}

#[cfg(test)]
mod tests {
    use super::*;
    use Language::{English, French};
    use jiff::civil::date;
    use proptest::prelude::*;

    const ALWAYS: Window = Window {
        from: date(1999, 1, 1),
        to: date(2100, 1, 1),
    };

    /// From a first to a last day, both seen.
    fn seen(first: Date, last: Date) -> Window {
        Window {
            from: first,
            to: last.tomorrow().unwrap(),
        }
    }

    fn around(view: View, day: Date) -> Range {
        view.around(day, ALWAYS).unwrap()
    }

    #[test]
    fn weeks_are_iso_weeks_also_where_the_year_turns() {
        let week = around(View::Week, date(2027, 1, 2));
        assert_eq!((week.from, week.to), (date(2026, 12, 28), date(2027, 1, 4)));
        assert_eq!(
            View::Week.title(week, French),
            "Semaine 53 · du 28 décembre 2026 au 3 janvier 2027"
        );
        // Week 53 has no namesake in 2025: the last week there.
        let before = View::Week.compared(Compare::YearAgo, week, ALWAYS).unwrap();
        assert_eq!(before.from, date(2025, 12, 22));
        let march = around(View::Week, date(2026, 3, 29));
        assert_eq!(View::Week.title(march, English), "Week 13 · 23–29 March 2026");
        assert_eq!(
            View::Week.compared(Compare::YearAgo, march, ALWAYS).unwrap().from,
            date(2025, 3, 24)
        );
    }

    #[test]
    fn titles_say_what_is_shown() {
        for (view, french, english) in [
            (View::Day, "Lundi 30 novembre 2026", "Monday 30 November 2026"),
            (View::Month, "Novembre 2026", "November 2026"),
            (
                View::Weeks,
                "Semaines 38 à 49 · du 14 septembre au 6 décembre 2026",
                "Weeks 38 to 49 · 14 September – 6 December 2026",
            ),
            (View::Year, "2026", "2026"),
            (View::Years, "1999 – 2099", "1999 – 2099"),
        ] {
            let range = around(view, date(2026, 11, 30));
            assert_eq!(view.title(range, French), french);
            assert_eq!(view.title(range, English), english);
        }
    }

    #[test]
    fn what_runs_is_held_against_as_much() {
        let window = seen(date(2020, 1, 1), date(2026, 11, 10));
        let month = View::Month.around(date(2026, 11, 10), window).unwrap();
        let ago = View::Month.compared(Compare::YearAgo, month, window).unwrap();
        assert_eq!((ago.from, ago.to), (date(2025, 11, 1), date(2025, 11, 11)));
        let before = View::Month.compared(Compare::Previous, month, window).unwrap();
        assert_eq!((before.from, before.to), (date(2026, 10, 1), date(2026, 10, 11)));
        let year = View::Year.around(date(2026, 11, 10), window).unwrap();
        let ago = View::Year.compared(Compare::Previous, year, window).unwrap();
        assert_eq!((ago.from, ago.to), (date(2025, 1, 1), date(2025, 11, 11)));
        // The 30th of March is further than February goes.
        let window = seen(date(2020, 1, 1), date(2026, 3, 30));
        let march = View::Month.around(date(2026, 3, 30), window).unwrap();
        let before = View::Month.compared(Compare::Previous, march, window).unwrap();
        assert_eq!(before.to, date(2026, 3, 1));
    }

    #[test]
    fn nobody_is_led_out_of_their_days() {
        let window = seen(date(2026, 2, 10), date(2026, 4, 20));
        let first = View::Month.around(date(2026, 2, 10), window).unwrap();
        assert_eq!(
            View::Month.neighbours(first, window),
            (None, Some(date(2026, 3, 1)))
        );
        let last = View::Month.around(date(2026, 4, 1), window).unwrap();
        assert_eq!(
            View::Month.neighbours(last, window),
            (Some(date(2026, 3, 31)), None)
        );
        assert_eq!(window.nearest(date(2030, 1, 1)), date(2026, 4, 20));
        assert_eq!(window.nearest(date(2000, 1, 1)), date(2026, 2, 10));
        assert_eq!(
            window.cut(first),
            Some(Range {
                from: date(2026, 2, 10),
                to: date(2026, 3, 1)
            })
        );
    }

    #[test]
    fn the_ends_of_the_calendar_are_no_panic() {
        for view in View::ALL {
            for day in [Date::MIN, Date::MAX] {
                let Some(range) = view.around(day, ALWAYS) else {
                    continue;
                };
                let _ = view.neighbours(range, ALWAYS);
                for compare in [Compare::Previous, Compare::YearAgo, Compare::Site] {
                    let _ = view.compared(compare, range, ALWAYS);
                }
            }
        }
    }

    prop_compose! {
        fn any_day()(days in 0_i64..30_000) -> Date {
            date(2000, 1, 1).checked_add(days.days()).unwrap()
        }
    }

    proptest! {
        /// From any part one step on and one back is the same part, and between the two nothing is left out.
        #[test]
        fn on_and_back_again(day in any_day(), number in 0_usize..5) {
            let view = View::ALL[number];
            let range = around(view, day);
            prop_assert!(range.from <= day && day < range.to);
            let (before, behind) = view.neighbours(range, ALWAYS);
            let behind = around(view, behind.unwrap());
            prop_assert_eq!(behind.from, range.to);
            prop_assert_eq!(around(view, view.neighbours(behind, ALWAYS).0.unwrap()), range);
            prop_assert_eq!(around(view, before.unwrap()).to, range.from);
        }

        /// What it is compared with lies before it, and never outlasts it.
        #[test]
        fn compared_days_lie_before(day in any_day(), passed in 1_i64..400, number in 0_usize..5) {
            let view = View::ALL[number];
            let range = around(view, day);
            let end = range.from.checked_add(passed.days()).unwrap();
            let window = Window { from: date(1999, 1, 1), to: end };
            for compare in view.comparisons() {
                let compared = view.compared(*compare, range, window).unwrap();
                prop_assert!(compared.from < compared.to && compared.to <= range.from);
                if view == View::Week {
                    prop_assert_eq!(compared.from.weekday(), Weekday::Monday);
                }
            }
        }
    }
}
