//! Which passwords are refused: too short to last, too long to hash, or among those that are tried first.
//!
//! Length counts, no kinds of characters are asked for, and every character is allowed.

use crate::Language;

/// Why a password is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Weak {
    /// Fewer than twelve characters.
    Short,
    /// More than 128 characters.
    Long,
    /// One of the words, rows of keys or repetitions that are tried first.
    Common,
    /// Little more than their own name or address.
    Personal,
}

/// Shortest password, in characters.
pub(crate) const SHORTEST: usize = 12;

/// Longest password, in characters.
pub(crate) const LONGEST: usize = 128;

/// Whether a password may be used by somebody with this address and this name.
pub(crate) fn check(password: &str, email: &str, name: &str) -> Result<(), Weak> {
    let length = password.chars().count();
    if length < SHORTEST {
        return Err(Weak::Short);
    }
    if length > LONGEST {
        return Err(Weak::Long);
    }
    let lower = password.to_lowercase();
    let letters: String = lower.chars().filter(|letter| letter.is_alphanumeric()).collect();
    let mut kinds: Vec<char> = lower.chars().collect();
    kinds.sort_unstable();
    kinds.dedup();
    if kinds.len() < 5 || is_row(&lower) {
        return Err(Weak::Common);
    }
    // What is left without what people put behind a word to please a rule.
    let core = letters.trim_matches(|letter: char| letter.is_ascii_digit());
    if (core.is_empty() && !letters.is_empty()) || COMMON.iter().any(|word| is_made_of(core, word)) {
        return Err(Weak::Common);
    }
    let own = email
        .split(['@', '.', '+', '-', '_'])
        .chain(name.split_whitespace())
        .map(str::to_lowercase)
        .filter(|part| part.chars().count() >= 4);
    for part in own {
        let rest = letters.replace(&part, "");
        let own_words = rest.chars().filter(|letter| !letter.is_ascii_digit()).count();
        if rest.len() < letters.len() && own_words < 5 {
            return Err(Weak::Personal);
        }
    }
    Ok(())
}

impl Weak {
    /// What to do about it.
    pub(crate) const fn sentence(self, language: Language) -> &'static str {
        match self {
            Self::Short => language.of(
                "Le mot de passe doit avoir au moins 12 caractères ; quelques mots à la suite suffisent.",
                "The password needs at least 12 characters; a few words in a row are enough.",
            ),
            Self::Long => language.of(
                "Le mot de passe peut avoir 128 caractères au plus.",
                "The password may have 128 characters at most.",
            ),
            Self::Common => language.of(
                "Ce mot de passe est de ceux que l'on essaie en premier. Choisissez-en un autre.",
                "This password is among those that are tried first. Choose another one.",
            ),
            Self::Personal => language.of(
                "Ce mot de passe ressemble trop à votre nom ou à votre adresse. Choisissez-en un autre.",
                "This password is too close to your name or your address. Choose another one.",
            ),
        }
    }
}

/// Whether a text is a word over and over, the last one perhaps cut off.
fn is_made_of(text: &str, word: &str) -> bool {
    !word.is_empty()
        && text
            .chars()
            .zip(word.chars().cycle())
            .all(|(left, right)| left == right)
        && text.len() + 1 >= word.len()
}

/// Whether characters follow one another as in the alphabet, as digits do, or as keys do.
fn is_row(text: &str) -> bool {
    ROWS.iter().any(|row| {
        let backwards: String = row.chars().rev().collect();
        row.repeat(3).contains(text) || backwards.repeat(3).contains(text)
    })
}

const ROWS: [&str; 6] = [
    "0123456789",
    "abcdefghijklmnopqrstuvwxyz",
    "azertyuiopqsdfghjklmwxcvbn",
    "qwertyuiopasdfghjklzxcvbnm",
    "1234567890",
    "qwertzuiopasdfghjklyxcvbnm",
];

/// What people write first when a box says "password", in the two languages of the pages.
const COMMON: [&str; 64] = [
    "motdepasse",
    "monmotdepasse",
    "lemotdepasse",
    "nouveaumotdepasse",
    "password",
    "mypassword",
    "newpassword",
    "passwordpassword",
    "passw0rd",
    "azerty",
    "azertyuiop",
    "qwerty",
    "qwertyuiop",
    "qwertz",
    "bonjour",
    "bonjourbonjour",
    "bonsoir",
    "soleil",
    "jetaime",
    "jetaimefort",
    "jetaimemoncoeur",
    "moncoeur",
    "monamour",
    "chouchou",
    "doudou",
    "loulou",
    "nounours",
    "princesse",
    "marseille",
    "olympique",
    "olympiquemarseille",
    "parissaintgermain",
    "football",
    "pokemon",
    "starwars",
    "superman",
    "batman",
    "iloveyou",
    "iloveyousomuch",
    "welcome",
    "welcomehome",
    "letmein",
    "letmeinplease",
    "changeme",
    "changemeplease",
    "administrator",
    "administrateur",
    "admin",
    "adminadmin",
    "azertyazerty",
    "sunshine",
    "dragon",
    "monkey",
    "baseball",
    "trustno1",
    "whatever",
    "whateveryouwant",
    "chocolat",
    "vacances",
    "eauchaude",
    "chauffage",
    "releve",
    "residence",
    "correcthorsebatterystaple",
];

#[cfg(test)]
mod tests {
    use super::{Weak, check};

    #[test]
    fn what_is_tried_first_is_refused_and_a_few_words_are_not() {
        let check = |password: &str| check(password, "ada.lovelace@example.org", "Ada Lovelace");
        for good in [
            "quatre chats gris",
            "Zéphyr-Mandoline 7",
            "ключ от квартиры",
            "🦆🦢🦉🦜🐧🐦🐤🐣🐥🦅🦆🦢",
            "lovelace und drei Hunde",
        ] {
            assert_eq!(check(good), Ok(()), "{good}");
        }
        assert_eq!(check("court"), Err(Weak::Short));
        assert_eq!(check(&"abcde ".repeat(22)), Err(Weak::Long));
        for common in [
            "motdepasse123",
            "Motdepasse2026!",
            "password1234",
            "123456789012",
            "azertyuiopqs",
            "aaaaaaaaaaaa",
            "abababababab",
            "azertyazerty1",
            "zyxwvutsrqpo",
            "correct horse battery staple",
            "jetaimejetaime",
            "20261130 2026",
        ] {
            assert_eq!(check(common), Err(Weak::Common), "{common}");
        }
        for personal in ["lovelace12345", "AdaLovelace1!", "Lovelace-Lovelace"] {
            assert_eq!(check(personal), Err(Weak::Personal), "{personal}");
        }
    }
}
