//! The language a page speaks: French first, English by choice.

use std::fmt;

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
}
