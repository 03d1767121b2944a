//! Which passwords are refused: too short to last, too long to hash, or among those that are tried first.
//!
//! Length counts, no kinds of characters are asked for, and every character is allowed. What is tried first is estimated
//! (`zxcvbn`, which brings lists of passwords seen in breaches, names and words), without asking anybody.

use tokio::sync::Semaphore;

use crate::Language;
use crate::secret::Hidden;

/// Why a password is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Weak {
    /// Fewer than twelve characters.
    Short,
    /// More than 128 characters.
    Long,
    /// Among those that are tried first: seen in breaches, words and names with little behind them, rows of keys.
    Common,
    /// Little more than their own name or address.
    Personal,
}

/// Shortest password, in characters.
pub(crate) const SHORTEST: usize = 12;

/// Longest password, in characters.
pub(crate) const LONGEST: usize = 128;

/// How many guesses a password has to stand, as a power of ten: a thousand million. What is short, common, or common with a
/// year behind it, stands fewer.
const FEWEST_GUESSES: u8 = 9;

/// As many characters are judged, at either end: the time it takes grows faster than their number.
const JUDGED: usize = 32;

/// Whether a password may be used by somebody with this address and this name. Takes up to half a second of a small
/// machine's time where somebody wants it to: [`judge`] does it away from the threads that answer.
fn check(password: &str, email: &str, name: &str) -> Result<(), Weak> {
    let length = password.chars().count();
    if length < SHORTEST {
        return Err(Weak::Short);
    }
    if length > LONGEST {
        return Err(Weak::Long);
    }
    let lower = password.to_lowercase();
    let letters: String = lower.chars().filter(|letter| letter.is_alphanumeric()).collect();
    let own: Vec<String> = email
        .split(['@', '.', '+', '-', '_'])
        .chain(name.split_whitespace())
        .map(str::to_lowercase)
        .filter(|part| part.chars().count() >= 3)
        .collect();
    for part in own.iter().filter(|part| part.chars().count() >= 4) {
        let rest = letters.replace(part.as_str(), "");
        let own_words = rest.chars().filter(|letter| !letter.is_ascii_digit()).count();
        if rest.len() < letters.len() && own_words < 5 {
            return Err(Weak::Personal);
        }
    }
    // What is left without what people put behind a word to please a rule.
    let core = letters.trim_matches(|letter: char| letter.is_ascii_digit());
    if COMMON.iter().any(|word| is_made_of(core, word)) {
        return Err(Weak::Common);
    }
    let words: Vec<&str> = COMMON.into_iter().chain(own.iter().map(String::as_str)).collect();
    let is_weak = |part: &str| zxcvbn::zxcvbn(part, &words).guesses_log10() < f64::from(FEWEST_GUESSES);
    let head: String = password.chars().take(JUDGED).collect();
    let tail: String = password.chars().skip(length.saturating_sub(JUDGED)).collect();
    if is_weak(&head) && (length <= JUDGED || is_weak(&tail)) {
        return Err(Weak::Common);
    }
    Ok(())
}

/// The same, away from the threads that answer.
pub(crate) async fn judge(password: &Hidden, email: &str, name: &str) -> Result<(), Weak> {
    let (password, email, name) = (password.clone(), email.to_owned(), name.to_owned());
    let _place = PLACES.acquire().await;
    tokio::task::spawn_blocking(move || check(password.reveal(), &email, &name))
        .await
        // It did not come to its end: nothing is known of this password.
        .unwrap_or(Err(Weak::Common))
}

/// So many are judged at once.
static PLACES: Semaphore = Semaphore::const_new(2);

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
                "Ce mot de passe est de ceux que l'on essaie en premier. Choisissez-en un autre : quelques mots sans rapport entre eux, par exemple.",
                "This password is among those that are tried first. Choose another one: a few words that have nothing to do with each other, say.",
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

/// What is tried first in French, and what a form of this kind makes people think of. The lists that come with the estimate
/// are in English.
const COMMON: [&str; 53] = [
    "motdepasse",
    "password",
    "monmotdepasse",
    "nouveaumotdepasse",
    "azerty",
    "azertyuiop",
    "qsdfghjklm",
    "wxcvbn",
    "qwertz",
    "bonjour",
    "bonsoir",
    "salut",
    "soleil",
    "jetaime",
    "moncoeur",
    "monamour",
    "monange",
    "monbebe",
    "chouchou",
    "doudou",
    "loulou",
    "nounours",
    "princesse",
    "marseille",
    "olympique",
    "parissaintgermain",
    "paris",
    "france",
    "chocolat",
    "vacances",
    "camille",
    "nathalie",
    "nicolas",
    "isabelle",
    "sandrine",
    "stephanie",
    "caroline",
    "julien",
    "sebastien",
    "thierry",
    "celine",
    "aurelie",
    "administrateur",
    "changeme",
    "changezmoi",
    "eauchaude",
    "chauffage",
    "releve",
    "residence",
    "logement",
    "appartement",
    "locataire",
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
            "J'aime le chocolat noir",
            "doudou et loulou sur le toit",
            "11111111111111111111111111111111 quatre chats gris",
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
            "Sunshine2024!",
            "p@ssw0rd1234",
            "1q2w3e4r5t6y",
            "mississippi12",
            "Nathalie1985!",
            "Marseille2024!",
            "trustno1trustno1",
            "password password password password password",
        ] {
            assert_eq!(check(common), Err(Weak::Common), "{common}");
        }
        for personal in ["lovelace12345", "AdaLovelace1!", "Lovelace-Lovelace"] {
            assert_eq!(check(personal), Err(Weak::Personal), "{personal}");
        }
    }
}
