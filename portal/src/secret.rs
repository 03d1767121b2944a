//! What must not be known: tokens, passwords, the portal's own key. None of these types has `Debug`, and each wipes itself.
//!
//! Tokens are 256 random bits; the database has their SHA-256 only. Passwords are hashed with argon2id, 19 MiB of memory,
//! two passes, one lane, each with its own salt.

use std::sync::Arc;

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use tokio::sync::Semaphore;
use zeroize::Zeroizing;

/// 256 random bits that stand for a session or a link.
pub(crate) struct Token(Zeroizing<[u8; 32]>);

/// The SHA-256 of a token: what is kept of it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Hash(pub(crate) [u8; 32]);

impl Token {
    /// A new one from the operating system.
    pub(crate) fn generate() -> Result<Self, getrandom::Error> {
        let mut octets = Zeroizing::new([0; 32]);
        getrandom::fill(octets.as_mut())?;
        Ok(Self(octets))
    }

    /// The token that a client sent; `None` for anything that is none.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        if text.len() != TOKEN_LETTERS {
            return None;
        }
        let octets = Zeroizing::new(URL_SAFE_NO_PAD.decode(text).ok()?);
        <[u8; 32]>::try_from(octets.as_slice())
            .ok()
            .map(|octets| Self(Zeroizing::new(octets)))
    }

    /// For a cookie or an address: 43 letters, digits, `-` and `_`.
    pub(crate) fn reveal(&self) -> Zeroizing<String> {
        Zeroizing::new(URL_SAFE_NO_PAD.encode(self.0.as_ref()))
    }

    /// What the database may have of it.
    pub(crate) fn hash(&self) -> Hash {
        Hash(Sha256::digest(self.0.as_ref()).into())
    }
}

impl Hash {
    /// The SHA-256 of any octets.
    pub(crate) fn of(octets: &[u8]) -> Self {
        Self(Sha256::digest(octets).into())
    }

    /// For a header or a key in memory, where no two may be told to be of one session but by equality.
    pub(crate) fn text(self) -> String {
        URL_SAFE_NO_PAD.encode(self.0)
    }
}

/// The portal's own key: made once, kept in its database, so that sessions outlive a restart.
pub(crate) struct Key(Zeroizing<[u8; 32]>);

impl Key {
    pub(crate) fn generate() -> Result<Self, getrandom::Error> {
        Token::generate().map(|token| Self(token.0))
    }

    pub(crate) fn from_octets(octets: &[u8]) -> Option<Self> {
        <[u8; 32]>::try_from(octets)
            .ok()
            .map(|octets| Self(Zeroizing::new(octets)))
    }

    pub(crate) fn octets(&self) -> &[u8] {
        self.0.as_ref()
    }

    /// What a form of this session has to bring along. Both inputs have a fixed length, so a plain hash of them is a MAC.
    pub(crate) fn csrf(&self, session: &Token) -> String {
        let mut digest = Sha256::new();
        digest.update(self.0.as_ref());
        digest.update(session.0.as_ref());
        digest.update(b"form");
        URL_SAFE_NO_PAD.encode(digest.finalize())
    }
}

/// Whether two texts are the same, in a time that does not tell where they differ.
pub(crate) fn same(left: &str, right: &str) -> bool {
    left.as_bytes().ct_eq(right.as_bytes()).into()
}

/// A text that must not be seen: a password as typed, a token of the service.
#[derive(Clone)]
pub struct Hidden(Zeroizing<String>);

impl Hidden {
    /// Takes it.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// Shows it, to where it has to go.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

/// Hashes passwords: a few at once, since each takes 19 MiB.
pub(crate) struct Hasher {
    places: Arc<Semaphore>,
    /// The hash of a password that nobody has: compared with where there is no account, so that it takes as long.
    nobody: String,
}

impl Hasher {
    /// # Errors
    /// The system has no randomness.
    pub(crate) fn new() -> Result<Self, HashFailed> {
        let nobody = hash(Token::generate().map_err(|_| HashFailed)?.reveal().as_bytes())?;
        Ok(Self {
            places: Arc::new(Semaphore::new(AT_ONCE)),
            nobody,
        })
    }

    /// The hash of a password, as a PHC string.
    pub(crate) async fn hash(&self, password: &Hidden) -> Result<String, HashFailed> {
        let password = password.clone();
        self.work(move || hash(password.reveal().as_bytes())).await?
    }

    /// Whether a password is the one that was hashed; `None` takes as long and is always wrong.
    pub(crate) async fn verify(&self, password: &Hidden, hashed: Option<&str>) -> Result<bool, HashFailed> {
        let known = hashed.is_some();
        let hashed = hashed.unwrap_or(&self.nobody).to_owned();
        let password = password.clone();
        self.work(move || {
            let hashed = PasswordHash::new(&hashed).map_err(|_| HashFailed)?;
            let same = argon2()?
                .verify_password(password.reveal().as_bytes(), &hashed)
                .is_ok();
            Ok(same && known)
        })
        .await?
    }

    async fn work<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, HashFailed> {
        let place = Arc::clone(&self.places)
            .acquire_owned()
            .await
            .map_err(|_| HashFailed)?;
        tokio::task::spawn_blocking(move || {
            let result = work();
            drop(place);
            result
        })
        .await
        .map_err(|_| HashFailed)
    }
}

/// A password could not be hashed.
#[derive(Debug, thiserror::Error)]
#[error("a password could not be hashed")]
pub(crate) struct HashFailed;

fn hash(password: &[u8]) -> Result<String, HashFailed> {
    argon2()?
        .hash_password(password)
        .map(|hash| hash.to_string())
        .map_err(|_| HashFailed)
}

fn argon2() -> Result<Argon2<'static>, HashFailed> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None).map_err(|_| HashFailed)?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

/// Memory of one hash, KiB.
const MEMORY_KIB: u32 = 19 * 1024;

/// How often the memory is gone through.
const PASSES: u32 = 2;

/// Lanes of one hash.
const LANES: u32 = 1;

/// Hashes at once; more wait.
const AT_ONCE: usize = 4;

/// Letters of a token in base64.
const TOKEN_LETTERS: usize = 43;

#[cfg(test)]
mod tests {
    use super::{Hasher, Hidden, Key, Token};

    #[test]
    fn a_token_is_read_as_it_was_shown_and_nothing_else_is_one() {
        let token = Token::generate().unwrap();
        let text = token.reveal();
        assert!(Token::parse(&text).unwrap().hash() == token.hash());
        for other in [
            "",
            "abc",
            &text[1..],
            &format!("{}=", *text),
            &text.replace(&text[..1], "!"),
        ] {
            assert!(Token::parse(other).is_none(), "{other}");
        }
    }

    #[test]
    fn a_form_belongs_to_one_session_and_one_portal() {
        let (key, other_key) = (Key::generate().unwrap(), Key::generate().unwrap());
        let (session, other) = (Token::generate().unwrap(), Token::generate().unwrap());
        assert_eq!(key.csrf(&session), key.csrf(&session));
        assert_ne!(key.csrf(&session), key.csrf(&other));
        assert_ne!(key.csrf(&session), other_key.csrf(&session));
    }

    #[tokio::test]
    async fn the_right_password_is_known_and_no_other_also_where_there_is_no_account() {
        let hasher = Hasher::new().unwrap();
        let password = Hidden::new("quatre chats gris".to_owned());
        let hashed = hasher.hash(&password).await.unwrap();
        assert!(hashed.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hashed}");
        assert!(hasher.verify(&password, Some(&hashed)).await.unwrap());
        let wrong = Hidden::new("quatre chats noirs".to_owned());
        assert!(!hasher.verify(&wrong, Some(&hashed)).await.unwrap());
        assert!(!hasher.verify(&password, None).await.unwrap());
        // Each hash has its own salt.
        assert_ne!(hashed, hasher.hash(&password).await.unwrap());
    }
}
