//! The language a page speaks: French first, English by choice.

use std::fmt;

use jiff::civil::Date;

/// French or English. Every text of a page is written in both, side by side, where it is used: `language.of("Eau", "Water")`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Language {
    /// What a resident sees who chose nothing.
    #[default]
    French,
    /// By choice.
    English,
}

impl Language {
    /// From a code such as `fr`, `fr-CH` or `EN`; `None` for any other language.
    #[must_use]
    pub fn from_code(code: &str) -> Option<Self> {
        let first = code.split(['-', '_']).next().unwrap_or(code);
        if first.eq_ignore_ascii_case("fr") {
            Some(Self::French)
        } else if first.eq_ignore_ascii_case("en") {
            Some(Self::English)
        } else {
            None
        }
    }

    /// The code of HTML's `lang` and of the choice in a cookie: `fr` or `en`.
    #[must_use]
    pub const fn code(self) -> &'static str {
        self.of("fr", "en")
    }

    /// A day as people write it: `1er mars 2026`, `1 March 2026`.
    #[must_use]
    pub fn day(self, date: Date) -> String {
        let names = self.of(
            [
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
            ],
            [
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
            ],
        );
        let month = usize::try_from(date.month() - 1)
            .ok()
            .and_then(|index| names.get(index))
            .copied()
            .unwrap_or_default();
        let ordinal = if date.day() == 1 { self.of("er", "") } else { "" };
        format!("{}{ordinal} {month} {}", date.day(), date.year())
    }

    /// Of two texts that say the same, the one in this language.
    #[must_use]
    pub const fn of<T: Copy>(self, french: T, english: T) -> T {
        match self {
            Self::French => french,
            Self::English => english,
        }
    }
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

#[cfg(test)]
mod tests {
    use super::Language;

    #[test]
    fn codes_are_read_with_or_without_a_country() {
        assert_eq!(Language::from_code("fr-CH"), Some(Language::French));
        assert_eq!(Language::from_code("EN"), Some(Language::English));
        assert_eq!(Language::from_code("de"), None);
        assert_eq!(Language::from_code(""), None);
    }

    #[test]
    fn days_are_written_as_people_do() {
        let day = |month, day| jiff::civil::date(2026, month, day);
        assert_eq!(Language::French.day(day(8, 1)), "1er août 2026");
        assert_eq!(Language::French.day(day(12, 31)), "31 décembre 2026");
        assert_eq!(Language::English.day(day(1, 1)), "1 January 2026");
    }
}
