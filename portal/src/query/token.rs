//! The token that the portal shows the service: wiped when dropped, never printed.

use std::fmt;

use hyper::header::HeaderValue;
use zeroize::Zeroizing;

/// A bearer token of the scope `portal`.
#[derive(Clone)]
pub struct Token(Zeroizing<String>);

impl Token {
    /// Of a text as `releve token add` prints it; blanks around it don't count. `None` when it can't be one: empty, too long, or
    /// with characters that no token has.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        let text = text.trim();
        let fits = (1..=512).contains(&text.len()) && text.bytes().all(|octet| octet.is_ascii_graphic());
        fits.then(|| Self(Zeroizing::new(text.to_owned())))
    }

    /// The header `Authorization`, marked so that it is not printed.
    pub(super) fn header(&self) -> Option<HeaderValue> {
        let text = Zeroizing::new(format!("Bearer {}", *self.0));
        let mut value = HeaderValue::from_str(&text).ok()?;
        value.set_sensitive(true);
        Some(value)
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::Token;

    #[test]
    fn it_never_shows() {
        let token = Token::new(" releve_0123456789abcdef\n").unwrap();
        assert_eq!(format!("{token:?}"), "Token(…)");
        let header = token.header().unwrap();
        assert_eq!(header.as_bytes(), b"Bearer releve_0123456789abcdef");
        assert!(!format!("{header:?}").contains("0123"));
        for wrong in ["", "  ", "a b", "é", &"x".repeat(513)] {
            assert!(Token::new(wrong).is_none(), "{wrong}");
        }
    }
}
