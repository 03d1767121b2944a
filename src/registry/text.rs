//! Search forms: what is left of a text when case, accents and punctuation don't count.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// Words in lower case without accents, separated by one blank: `12, Rue de l'Été` gives `12 rue de l ete`.
pub fn words(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    for character in text.nfkd().filter(|character| !is_combining_mark(*character)) {
        match character {
            'œ' | 'Œ' => folded.push_str("oe"),
            'æ' | 'Æ' => folded.push_str("ae"),
            'ß' | 'ẞ' => folded.push_str("ss"),
            'ø' | 'Ø' => folded.push('o'),
            'ł' | 'Ł' => folded.push('l'),
            _ if character.is_alphanumeric() => folded.extend(character.to_lowercase()),
            _ if folded.ends_with(' ') || folded.is_empty() => {}
            _ => folded.push(' '),
        }
    }
    folded.truncate(folded.trim_end().len());
    folded
}

/// The same without the blanks: `LOC-01.02` gives `loc0102`.
pub fn compact(text: &str) -> String {
    words(text).replace(' ', "")
}

/// [`compact`], and the zeros that begin a number don't count either: lot `A-007` gives `a7`.
pub fn compact_number(text: &str) -> String {
    let mut form = String::new();
    let mut in_number = false;
    let text = words(text);
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        let more_digits = characters.peek().is_some_and(char::is_ascii_digit);
        let leading_zero = character == '0' && !in_number && more_digits;
        in_number = character.is_ascii_digit() && !leading_zero;
        if character != ' ' && !leading_zero {
            form.push(character);
        }
    }
    form
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_accents_and_punctuation_do_not_count() {
        assert_eq!(words("12, Rue de l'Été"), "12 rue de l ete");
        assert_eq!(words("  ÉGLISE—Sacré-Cœur "), "eglise sacre coeur");
        assert_eq!(words("Straße"), words("STRASSE"));
        assert_eq!(words("e\u{301}te\u{301}"), words("été"));
        assert_eq!(words(" .-' "), "");
        assert_eq!(compact("LOC-01.02"), "loc0102");
    }

    #[test]
    fn leading_zeros_of_lots_do_not_count() {
        for (typed, form) in [
            ("A-007", "a7"),
            ("007", "7"),
            ("0", "0"),
            ("000", "0"),
            ("10", "10"),
            ("B 100/02", "b1002"),
            ("a 0 b", "a0b"),
            ("", ""),
        ] {
            assert_eq!(compact_number(typed), form, "{typed}");
        }
    }
}
