//! What the portal is told: one file, each option with its unit and default, or flags for a quick start.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;

use crate::query;
use crate::secret::Hidden;

/// Everything that the portal needs to know to run. Without `Debug`: it has the service's token.
#[derive(Clone)]
pub struct Settings {
    /// The portal's SQLite file.
    pub store: PathBuf,
    /// The address that residents type, without a slash at the end: `https://eau.example.org`. With `https` cookies are
    /// `Secure` and browsers are told to come back over TLS only.
    pub public: String,
    /// Whether the portal stands behind a proxy of its own that sets `X-Forwarded-For`.
    pub behind_proxy: bool,
    /// Where releve answers, with which token, and how long an answer may take.
    pub service: query::Settings,
    /// Where mail goes.
    pub mail: Mail,
    /// Who answers for the portal.
    pub operator: Operator,
    /// How often is too often.
    pub limits: Limits,
}

/// Where mail goes.
#[derive(Clone)]
pub struct Mail {
    /// The sender: `Espace résident <eau@example.org>`.
    pub from: String,
    /// The way it takes.
    pub way: Way,
}

/// The way that mail takes.
#[derive(Clone)]
pub enum Way {
    /// Each mail is a file in this folder.
    Outbox(PathBuf),
    /// Through a server.
    #[cfg(feature = "smtp")]
    Smtp(Smtp),
}

/// A mail server.
#[cfg(feature = "smtp")]
#[derive(Clone)]
pub struct Smtp {
    /// Its name.
    pub host: String,
    /// Its port; by default that of the kind of TLS.
    pub port: Option<u16>,
    /// How it is spoken to.
    pub tls: Tls,
    /// Who sends, where the server wants to know.
    pub login: Option<(String, Hidden)>,
}

/// How a mail server is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tls {
    /// In clear first, then `STARTTLS`, without which nothing is sent. Port 587.
    #[default]
    Starttls,
    /// TLS from the first octet. Port 465.
    Implicit,
    /// In clear: a relay on this machine only. Port 25.
    None,
}

/// Who answers for the portal: stands in the privacy statement and at the foot of each page.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Operator {
    /// Name of the housing operator.
    pub name: String,
    /// How it is reached: an e-mail address or a telephone number.
    pub contact: String,
}

impl Default for Operator {
    fn default() -> Self {
        Self {
            name: "Gestionnaire de la résidence".to_owned(),
            contact: "voir l'affichage dans le hall".to_owned(),
        }
    }
}

/// How often is too often. Each is a number in a window of fifteen minutes, for one client's address unless it says otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Wrong passwords for one account's address.
    pub login_account: usize,
    /// Wrong passwords from one client.
    pub login_client: usize,
    /// Residences and dwellings that were not found, for one session.
    pub search_session: usize,
    /// The same, from one client.
    pub search_client: usize,
    /// Mails to one address.
    pub mail_address: usize,
    /// Forms that send a mail, from one client.
    pub mail_client: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            login_account: 10,
            login_client: 50,
            search_session: 10,
            search_client: 50,
            mail_address: 3,
            mail_client: 20,
        }
    }
}

/// The file of `releve-portal run --config FILE`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// `ADDRESS:PORT` where the portal listens. Loopback by default: a proxy with TLS stands in front.
    #[serde(default = "listen")]
    pub listen: String,
    /// The address that residents type.
    pub public: String,
    /// The portal's SQLite file; made when it is not there.
    #[serde(default = "store")]
    pub store: PathBuf,
    /// Whether the proxy's `X-Forwarded-For` is to be believed.
    #[serde(default)]
    pub behind_proxy: bool,
    /// Where releve answers.
    pub service: ServiceConfig,
    /// Where mail goes.
    pub mail: MailConfig,
    /// Who answers for the portal.
    #[serde(default)]
    pub operator: Operator,
    /// How often is too often.
    #[serde(default)]
    pub limits: Limits,
}

/// Where releve answers.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServiceConfig {
    /// `http://ADDRESS:PORT` of its query API, or `unix:/path/of/socket`.
    #[serde(default = "service")]
    pub url: String,
    /// A file with a token of the scope `portal` (`releve token add`). Without it: the credential `token` of systemd.
    pub token_file: Option<PathBuf>,
    /// Seconds after which an answer is none (1 to 30).
    #[serde(default = "five")]
    pub timeout_seconds: u8,
}

/// Where mail goes: a folder or a server.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MailConfig {
    /// The sender: `Espace résident <eau@example.org>`.
    pub from: String,
    /// Each mail is a file in this folder.
    pub outbox: Option<PathBuf>,
    /// Through a server.
    pub smtp: Option<SmtpConfig>,
}

/// A mail server.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SmtpConfig {
    /// Its name.
    pub host: String,
    /// Its port; by default 587, 465 or 25, as `tls` has it.
    pub port: Option<u16>,
    /// `starttls`, `implicit`, or `none` for a relay on this machine.
    #[serde(default)]
    pub tls: Tls,
    /// Who sends, where the server wants to know.
    pub user: Option<String>,
    /// A file with the password. Without it: the credential `smtp` of systemd.
    pub password_file: Option<PathBuf>,
}

/// What is wrong with the configuration, and what to write instead.
#[derive(Debug)]
pub struct ConfigError(pub String);

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for ConfigError {}

impl Config {
    /// Reads a file.
    ///
    /// # Errors
    /// The file can't be read or is malformed; the sentence names it and the place.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path)
            .map_err(|error| ConfigError(format!("{}: {error}", path.display())))?;
        toml::from_str(&text).map_err(|error| ConfigError(format!("{}: {error}", path.display())))
    }

    /// What it means: files read, ways chosen.
    ///
    /// # Errors
    /// A value that can't be, or a file that can't be read; the sentence names it.
    pub fn settings(&self) -> Result<Settings, ConfigError> {
        Ok(Settings {
            store: self.store.clone(),
            public: public(&self.public)?,
            behind_proxy: self.behind_proxy,
            service: query::Settings {
                address: self
                    .service
                    .url
                    .parse()
                    .map_err(|error| ConfigError(format!("service.url: {:?}: {error}", self.service.url)))?,
                token: token(&secret(
                    "service.token_file",
                    self.service.token_file.as_deref(),
                    "token",
                )?)?,
                limit: match self.service.timeout_seconds {
                    seconds @ 1..=30 => Duration::from_secs(seconds.into()),
                    other => {
                        return Err(ConfigError(format!(
                            "service.timeout_seconds: {other} is not between 1 and 30"
                        )));
                    }
                },
            },
            mail: Mail {
                from: self.mail.from.clone(),
                way: self.mail.way()?,
            },
            operator: self.operator.clone(),
            limits: self.limits,
        })
    }
}

impl MailConfig {
    fn way(&self) -> Result<Way, ConfigError> {
        match (&self.outbox, &self.smtp) {
            (Some(folder), None) => Ok(Way::Outbox(folder.clone())),
            #[cfg(feature = "smtp")]
            (None, Some(smtp)) => Ok(Way::Smtp(Smtp {
                host: smtp.host.clone(),
                port: smtp.port,
                tls: smtp.tls,
                login: match &smtp.user {
                    Some(user) => Some((
                        user.clone(),
                        secret("mail.smtp.password_file", smtp.password_file.as_deref(), "smtp")?,
                    )),
                    None => None,
                },
            })),
            #[cfg(not(feature = "smtp"))]
            (None, Some(_)) => Err(ConfigError(
                "mail.smtp: this portal was built without the feature `smtp`: use mail.outbox, or build with it"
                    .to_owned(),
            )),
            _ => Err(ConfigError(
                "mail: say one of outbox (a folder) and smtp (a server)".to_owned(),
            )),
        }
    }
}

/// The address of the portal, without the slash at its end.
///
/// # Errors
/// It is no `http` or `https` address of a host alone.
pub fn public(text: &str) -> Result<String, ConfigError> {
    let trimmed = text.trim().trim_end_matches('/');
    let rest = trimmed
        .strip_prefix("https://")
        .or_else(|| trimmed.strip_prefix("http://"));
    match rest {
        Some(host) if !host.is_empty() && !host.contains(['/', '?', '#', '@', ' ']) => Ok(trimmed.to_owned()),
        _ => Err(ConfigError(format!(
            "public: {text:?} is not the address of a site of its own: write https://HOST or http://HOST:PORT"
        ))),
    }
}

/// A token of the service.
///
/// # Errors
/// The text can't be one.
pub fn token(text: &Hidden) -> Result<query::Token, ConfigError> {
    query::Token::new(text.reveal()).ok_or_else(|| {
        ConfigError(
            "service.token_file: what is in it is no token: write it as `releve token add` prints it"
                .to_owned(),
        )
    })
}

/// A secret from a file, or from what systemd passes on.
fn secret(option: &str, file: Option<&Path>, credential: &str) -> Result<Hidden, ConfigError> {
    let path = match file {
        Some(path) => path.to_owned(),
        None => std::env::var_os("CREDENTIALS_DIRECTORY")
            .map(|folder| PathBuf::from(folder).join(credential))
            .ok_or_else(|| {
                ConfigError(format!(
                    "{option}: name a file, or pass the credential `{credential}`"
                ))
            })?,
    };
    let text = std::fs::read_to_string(&path)
        .map_err(|error| ConfigError(format!("{option}: {}: {error}", path.display())))?;
    match text.trim() {
        "" => Err(ConfigError(format!("{option}: {} is empty", path.display()))),
        text => Ok(Hidden::new(text.to_owned())),
    }
}

fn listen() -> String {
    "127.0.0.1:8090".to_owned()
}

fn store() -> PathBuf {
    PathBuf::from("/var/lib/releve-portal/portal.db")
}

fn service() -> String {
    "http://127.0.0.1:8080".to_owned()
}

const fn five() -> u8 {
    5
}

#[cfg(test)]
mod tests {
    use super::{Config, Limits, Operator, public};

    #[test]
    fn the_public_address_is_that_of_a_site_of_its_own() {
        assert_eq!(
            public("https://eau.example.org/").unwrap(),
            "https://eau.example.org"
        );
        assert_eq!(public("http://127.0.0.1:8090").unwrap(), "http://127.0.0.1:8090");
        for wrong in [
            "eau.example.org",
            "ftp://a",
            "https://",
            "https://a/b",
            "https://u@a",
        ] {
            assert!(
                public(wrong).unwrap_err().to_string().contains("public"),
                "{wrong}"
            );
        }
    }

    #[test]
    fn the_example_has_the_defaults() {
        let example: Config = toml::from_str(include_str!("../../deploy/portal.example.toml")).unwrap();
        assert_eq!(example.listen, super::listen());
        assert_eq!(example.store, super::store());
        assert_eq!(example.service.url, super::service());
        assert_eq!(example.service.timeout_seconds, super::five());
        assert_eq!(example.limits, Limits::default());
        assert_eq!(example.operator, Operator::default());
        assert!(example.mail.way().is_ok());
    }

    #[test]
    fn what_the_package_begins_with_is_a_configuration() {
        let config: Config = toml::from_str(include_str!("../../deploy/portal.debian.toml")).unwrap();
        assert_eq!(config.service.token_file, None);
        assert_eq!(public(&config.public).unwrap(), config.public);
        assert!(config.mail.way().is_ok());
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (text, named) in [
            ("public = 'https://a.example'", "service"),
            (
                "public = 'https://a.example'\n[service]\n[mail]\nfrom = 'a@example.org'\nboth = 1",
                "both",
            ),
        ] {
            let error = toml::from_str::<Config>(text).unwrap_err().to_string();
            assert!(error.contains(named), "{error}");
        }
        let config: Config = toml::from_str(
            "public = 'https://a.example'\n[service]\ntoken_file = '/nonexistent'\n[mail]\nfrom = 'a@example.org'",
        )
        .unwrap();
        let error = config.settings().err().unwrap().to_string();
        assert!(error.contains("service.token_file: /nonexistent"), "{error}");
        assert!(config.mail.way().err().unwrap().to_string().contains("outbox"));
    }
}
