//! The language of a page: what was chosen by `?lang=`, else what was chosen before, else what the browser prefers.

use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::middleware::Next;
use axum::response::Response;

use super::session::cookie;

/// French or English. Every text is written in both, where it is used: `language.of("Eau", "Water")`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::api) enum Language {
    /// By choice, or because the browser prefers it.
    French,
    /// What one sees who chose nothing.
    #[default]
    English,
}

impl Language {
    /// From a code such as `fr` or `fr-CH`; `None` for any other language.
    fn from_code(code: &str) -> Option<Self> {
        let main = code.split(['-', '_']).next().unwrap_or_default();
        if main.eq_ignore_ascii_case("fr") {
            Some(Self::French)
        } else if main.eq_ignore_ascii_case("en") {
            Some(Self::English)
        } else {
            None
        }
    }

    /// The code, as HTML has it.
    pub(super) const fn code(self) -> &'static str {
        self.of("fr", "en")
    }

    /// Of two texts that say the same, the one in this language.
    pub(super) const fn of<T: Copy>(self, french: T, english: T) -> T {
        match self {
            Self::French => french,
            Self::English => english,
        }
    }

    /// The other one.
    pub(super) const fn other(self) -> Self {
        self.of(Self::English, Self::French)
    }

    /// The language of ours that a browser prefers.
    fn preferred(headers: &HeaderMap) -> Option<Self> {
        let wishes = headers.get(header::ACCEPT_LANGUAGE)?.to_str().ok()?;
        let mut best: Option<(u32, Self)> = None;
        for wish in wishes.split(',').take(20) {
            let mut parts = wish.trim().split(';');
            let Some(language) = parts.next().and_then(Self::from_code) else {
                continue;
            };
            let weight = parts
                .find_map(|part| part.trim().strip_prefix("q="))
                .map_or(1000, thousandths);
            if weight > 0 && best.is_none_or(|(known, _)| weight > known) {
                best = Some((weight, language));
            }
        }
        best.map(|(_, language)| language)
    }
}

/// A weight such as `0.8`, in thousandths; 0 for what is none.
fn thousandths(weight: &str) -> u32 {
    let (whole, rest) = weight.split_once('.').unwrap_or((weight, ""));
    let digits: String = rest.chars().chain("000".chars()).take(3).collect();
    match (whole.parse::<u32>(), digits.parse::<u32>()) {
        (Ok(0), Ok(rest)) => rest,
        (Ok(_), Ok(_)) => 1000,
        _ => 0,
    }
}

/// Finds out the language for everyone behind, and remembers a choice.
pub(super) async fn choose(mut request: Request, next: Next) -> Response {
    let query = request.uri().query().unwrap_or_default();
    let chosen = form_urlencoded::parse(query.as_bytes())
        .find(|(name, _)| name == "lang")
        .and_then(|(_, code)| Language::from_code(&code));
    let before = cookie(request.headers(), COOKIE).and_then(Language::from_code);
    let language = chosen
        .or(before)
        .or_else(|| Language::preferred(request.headers()))
        .unwrap_or_default();
    request.extensions_mut().insert(language);
    let mut response = next.run(request).await;
    if let Some(chosen) = chosen {
        let text = format!(
            "{COOKIE}={}; Path=/caretaker; Max-Age=31536000; HttpOnly; SameSite=Strict",
            chosen.code()
        );
        if let Ok(value) = HeaderValue::from_str(&text) {
            response.headers_mut().append(header::SET_COOKIE, value);
        }
    }
    response
}

/// Where a choice is remembered.
const COOKIE: &str = "releve_language";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_language_that_weighs_most_and_that_we_speak() {
        let preferred = |wishes: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT_LANGUAGE, wishes.parse().unwrap());
            Language::preferred(&headers)
        };
        assert_eq!(preferred("fr-FR,fr;q=0.9,en;q=0.8"), Some(Language::French));
        assert_eq!(preferred("de, en;q=0.4, fr;q=0.5"), Some(Language::French));
        assert_eq!(preferred("en-GB"), Some(Language::English));
        assert_eq!(preferred("fr;q=0, de"), None);
        assert_eq!(preferred("frr, é"), None);
        assert_eq!(preferred(""), None);
    }
}
