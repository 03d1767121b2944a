//! The daemon's configuration file: one struct, each option with its unit, its default and why.
//!
//! `deploy/config.example.toml` names every option with its default; a test parses it.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use collector::LinkMode;
use collector::dongle::{Model, Wanted};
use collector::receiver::Broker;
use collector::serial::{Settings, Silence};
use serde::Deserialize;

/// Everything that `releve run --config FILE` can be told.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where readings are kept.
    #[serde(default)]
    pub store: Store,
    /// The query API.
    #[serde(default)]
    pub api: Api,
    /// Whose telegrams are decoded and kept.
    #[serde(default)]
    pub accept: Accept,
    /// Folder with pages of meter families beyond the built-in ones.
    #[serde(default)]
    pub families: Option<PathBuf>,
    /// Where telegrams come from; at least one.
    #[serde(default, rename = "receiver")]
    pub receivers: Vec<Receiver>,
}

/// Where readings are kept, and for how long.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Store {
    /// The SQLite file; made when it is not there.
    pub path: PathBuf,
    /// A batch of telegrams is committed after this many seconds (1 to 60) …
    pub commit_seconds: u32,
    /// … or when it has this many telegrams (1 to 10 000), whichever comes first. A power cut loses at most one batch.
    pub commit_telegrams: u32,
    /// Answers may leave out what was heard within so many seconds before they were asked for (1 to 3600): each settling writes
    /// a page for each meter that spoke since the last one.
    pub answers_lag_seconds: u32,
    /// Days that raw telegrams of registered meters are kept (0 to 3650), so that a new key can still read them.
    pub raw_days: u32,
    /// Days that every live reading is kept (0 to `live_days`); after that, and with 0 from the beginning, the first and last of each
    /// hour.
    pub every_value_days: u32,
    /// Days that the hours are kept (1 to 3650); after that the first and last reading of each local day.
    pub live_days: u32,
    /// Hours after which all pages of the file are looked at (0 for never, to 8760): one reading of the file.
    pub check_hours: u32,
    /// Days after which a copy of the store is made (0 for never, to 365): it takes as much room as the store.
    pub backup_days: u32,
    /// Copies that are kept (0 to 100); older ones are removed.
    pub backups: u32,
    /// Where copies lie: the folder `….backups` beside the store when nothing is said. Another disk is better.
    pub backup_folder: Option<PathBuf>,
}

impl Default for Store {
    fn default() -> Self {
        Self {
            path: PathBuf::from("/var/lib/releve/releve.db"),
            commit_seconds: 2,
            commit_telegrams: 500,
            answers_lag_seconds: 1,
            raw_days: 30,
            every_value_days: 0,
            live_days: 7,
            check_hours: 24,
            backup_days: 7,
            backups: 2,
            backup_folder: None,
        }
    }
}

/// The query API.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Api {
    /// `ADDRESS:PORT`, or `unix:/path/of/socket`. Loopback by default: whoever opens it puts TLS in front.
    pub listen: String,
    /// A client that neither takes its answers nor asks for more is let go after so many seconds (1 to 600).
    pub patience_seconds: u32,
}

impl Default for Api {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:8080".to_owned(),
            patience_seconds: 60,
        }
    }
}

/// Whose telegrams are decoded and kept.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Accept {
    /// Registered meters only; the neighbours' are counted, never decoded into the store.
    #[default]
    Registered,
    /// Every meter heard is registered on the spot. For test benches, not for cellars.
    All,
}

/// One source of telegrams: exactly one of `device`, `file`, `pipe`, `command`, `tcp`, `unix`, `udp`, `mqtt` and
/// `stdin`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Receiver {
    /// The name that readings and `/v1/radio` call it by.
    pub name: String,
    /// A serial port with a dongle on it, best by a name that stays (`/dev/serial/by-id/…`); `auto` to look for one among
    /// the USB devices that may be one of ours.
    #[serde(default)]
    pub device: Option<PathBuf>,
    /// With `device`: what is plugged in there (`im871a`, `iu891a`, `amb8465`, `rc1180`, `cul`, `rawtty`). Without it, it is
    /// asked; `rc1180` and `rawtty` can't be asked without harm, so they have to be named.
    #[serde(default)]
    pub model: Option<String>,
    /// With `device`: its speed in baud; the model's own by default.
    #[serde(default)]
    pub baud: Option<u32>,
    /// With `device`: the link modes to hear at once, of `S`, `T` and `C`.
    #[serde(default = "c_and_t")]
    pub modes: Vec<String>,
    /// With `device`: after so many seconds without a telegram it is taken for hung, reset and opened again; 0 for never.
    #[serde(default = "quarter_of_an_hour")]
    pub silence_seconds: u32,
    /// With `device`: settings that the dongle keeps in flash may be changed, once. Flash wears out.
    #[serde(default)]
    pub may_write_flash: bool,
    /// A server's lines over TCP, `HOST:PORT`; reconnects.
    #[serde(default)]
    pub tcp: Option<String>,
    /// A server's lines over a Unix socket; reconnects.
    #[serde(default)]
    pub unix: Option<PathBuf>,
    /// Datagrams that gateways send to this address, `ADDRESS:PORT`.
    #[serde(default)]
    pub udp: Option<String>,
    /// An MQTT broker to which radio bridges publish raw telegrams, `HOST` or `HOST:PORT`; without TLS.
    #[serde(default)]
    pub mqtt: Option<String>,
    /// With `mqtt`: the topics, with `+` and `#`.
    #[serde(default = "bridges")]
    pub topics: Vec<String>,
    /// With `mqtt`: the name to log in with, when the broker asks for one.
    #[serde(default)]
    pub user: Option<String>,
    /// With `mqtt`: a file whose first line is the password.
    #[serde(default)]
    pub password_file: Option<PathBuf>,
    /// A capture file in any of the text formats that `releve replay` reads.
    #[serde(default)]
    pub file: Option<PathBuf>,
    /// With `file`: go on reading what is appended (default), or stop at the end.
    #[serde(default = "yes")]
    pub follow: bool,
    /// A named pipe that some program writes lines into.
    #[serde(default)]
    pub pipe: Option<PathBuf>,
    /// A program and its arguments, whose output is read line by line; started again when it ends.
    #[serde(default)]
    pub command: Vec<String>,
    /// Read standard input.
    #[serde(default)]
    pub stdin: bool,
    /// With `pipe`, `command`, sockets and `stdin`: telegrams have come `now` (default), or when their lines say (`recorded`).
    #[serde(default)]
    pub times: Times,
    /// Zone of time stamps that carry none (`rtl_wmbus`, `rtl_433`), as an IANA name.
    #[serde(default = "utc")]
    pub time_zone: String,
}

/// Whose clock says when a telegram came.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Times {
    /// This machine's: what is heard live.
    #[default]
    Now,
    /// That of the lines, where they have one: what is played back.
    Recorded,
}

/// Why a configuration can't be used: the file, the place, and what to write instead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    path: PathBuf,
    line: Option<usize>,
    message: String,
}

impl Config {
    /// Reads and checks a file.
    ///
    /// # Errors
    /// The file can't be read, is no TOML, has a key that is not known (the nearest known one is named), or a value
    /// outside its range.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path).map_err(|error| ConfigError {
            path: path.to_owned(),
            line: None,
            message: format!("can't be read: {error}"),
        })?;
        Self::parse(&text, path)
    }

    /// Checks a text; `path` is for errors.
    ///
    /// # Errors
    /// As [`Config::read`].
    pub fn parse(text: &str, path: &Path) -> Result<Self, ConfigError> {
        let config: Self = toml::from_str(text).map_err(|error| ConfigError {
            path: path.to_owned(),
            line: error.span().map(|span| line_of(text, span.start)),
            message: with_nearest(error.message()),
        })?;
        config.fault().map_or(Ok(config), |message| {
            Err(ConfigError {
                path: path.to_owned(),
                line: None,
                message,
            })
        })
    }

    /// What is outside its range, if anything.
    fn fault(&self) -> Option<String> {
        let range = |name: &str, value: u32, low: u32, high: u32| {
            (value < low || value > high)
                .then(|| format!("{name} is {value}: write a number from {low} to {high}"))
        };
        range("store.commit_seconds", self.store.commit_seconds, 1, 60)
            .or_else(|| range("store.commit_telegrams", self.store.commit_telegrams, 1, 10_000))
            .or_else(|| {
                range(
                    "store.answers_lag_seconds",
                    self.store.answers_lag_seconds,
                    1,
                    3600,
                )
            })
            .or_else(|| range("store.raw_days", self.store.raw_days, 0, 3650))
            .or_else(|| range("store.live_days", self.store.live_days, 1, 3650))
            .or_else(|| {
                range(
                    "store.every_value_days",
                    self.store.every_value_days,
                    0,
                    self.store.live_days,
                )
            })
            .or_else(|| range("store.check_hours", self.store.check_hours, 0, 8760))
            .or_else(|| range("store.backup_days", self.store.backup_days, 0, 365))
            .or_else(|| range("store.backups", self.store.backups, 0, 100))
            .or_else(|| range("api.patience_seconds", self.api.patience_seconds, 1, 600))
            .or_else(|| self.receivers.iter().find_map(Receiver::fault))
            .or_else(|| {
                let mut names: Vec<_> = self.receivers.iter().map(|receiver| &receiver.name).collect();
                names.sort_unstable();
                names
                    .windows(2)
                    .find(|pair| pair.first() == pair.last())
                    .map(|pair| {
                        format!(
                            "two receivers are called {:?}: give each its own name",
                            pair.first()
                        )
                    })
            })
    }
}

impl Receiver {
    /// One without a source yet; everything else as by default.
    pub fn named(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            device: None,
            model: None,
            baud: None,
            modes: c_and_t(),
            silence_seconds: quarter_of_an_hour(),
            may_write_flash: false,
            tcp: None,
            unix: None,
            udp: None,
            mqtt: None,
            topics: bridges(),
            user: None,
            password_file: None,
            file: None,
            follow: true,
            pipe: None,
            command: Vec::new(),
            stdin: false,
            times: Times::Now,
            time_zone: utc(),
        }
    }

    fn fault(&self) -> Option<String> {
        let sources = [
            self.device.is_some(),
            self.tcp.is_some(),
            self.unix.is_some(),
            self.udp.is_some(),
            self.mqtt.is_some(),
            self.file.is_some(),
            self.pipe.is_some(),
            !self.command.is_empty(),
            self.stdin,
        ];
        let count = sources.iter().filter(|given| **given).count();
        let name = &self.name;
        if name.is_empty() {
            return Some(
                "a receiver has an empty name: readings are traced by it, so give it one".to_owned(),
            );
        }
        if count != 1 {
            return Some(format!(
                "receiver {name:?} has {count} sources: write exactly one of device, file, pipe, command, \
                 tcp, unix, udp, mqtt and stdin"
            ));
        }
        if let Some(fault) = self.broker().err() {
            return Some(format!("receiver {name:?}: {fault}"));
        }
        if let Some(fault) = self.dongle().err() {
            return Some(format!("receiver {name:?}: {fault}"));
        }
        jiff::tz::TimeZone::get(&self.time_zone).err().map(|_| {
            format!(
                "receiver {name:?}: time zone {:?} is not known: write an IANA name such as Europe/Paris",
                self.time_zone
            )
        })
    }
}

impl Receiver {
    /// The broker and what to subscribe to, without the password; `None` without `mqtt`.
    ///
    /// # Errors
    /// No port, no topic, or a password without a name.
    pub fn broker(&self) -> Result<Option<Broker>, String> {
        let Some(address) = &self.mqtt else {
            return Ok(None);
        };
        let (host, port) = match address.rsplit_once(':') {
            // An IPv6 address has colons of its own.
            Some((host, port)) if !host.contains(':') || host.ends_with(']') => (
                host.trim_matches(['[', ']']),
                port.parse()
                    .map_err(|_| format!("mqtt: {port:?} is no port: write HOST or HOST:PORT"))?,
            ),
            _ => (address.as_str(), 1883),
        };
        if host.is_empty() || self.topics.is_empty() || self.topics.iter().any(String::is_empty) {
            return Err("mqtt: write a HOST, and topics that are not empty".to_owned());
        }
        if self.password_file.is_some() && self.user.is_none() {
            return Err("password_file: write user as well".to_owned());
        }
        Ok(Some(Broker {
            host: host.to_owned(),
            port,
            topics: self.topics.clone(),
            login: self.user.clone().map(|user| (user, String::new())),
            client: format!("releve-{}-{}", self.name, std::process::id()),
        }))
    }

    /// The dongle on its port and what it should do; `None` without a `device`.
    ///
    /// # Errors
    /// A model that is not known, a link mode that is none, or a speed that is none.
    pub fn dongle(&self) -> Result<Option<Settings>, String> {
        let Some(port) = &self.device else {
            return match self.model {
                Some(_) => Err("model says what is plugged into a device: write device as well".to_owned()),
                None => Ok(None),
            };
        };
        let known = || Model::ALL.map(Model::name);
        let model = self.model.as_deref().map(|name| {
            Model::from_name(name).ok_or_else(|| match nearest(name, known().into_iter()) {
                Some(near) => format!("model {name:?} is not known: did you mean {near:?}?"),
                None => format!("model {name:?} is not known: write one of {}", known().join(", ")),
            })
        });
        let model = model.transpose()?;
        let modes = self.modes.iter().map(|mode| {
            LinkMode::from_name(mode).ok_or_else(|| format!("mode {mode:?} is none: write S, T or C"))
        });
        if self.baud.is_some_and(|baud| !(300..=921_600).contains(&baud)) {
            return Err("baud: write a speed from 300 to 921600".to_owned());
        }
        Ok(Some(Settings {
            radio: self.name.as_str().into(),
            port: (port.as_os_str() != "auto").then(|| port.clone()),
            model,
            baud: self.baud,
            wanted: Wanted {
                modes: modes.collect::<Result<_, _>>()?,
                may_write_flash: self.may_write_flash,
            },
            silence: Silence::new(Duration::from_secs(self.silence_seconds.into())),
            retry: Duration::from_secs(1),
        }))
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.path.display())?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        write!(f, ": {}", self.message)
    }
}

impl std::error::Error for ConfigError {}

/// serde names the key that is not known and all that are; people want the nearest.
fn with_nearest(message: &str) -> String {
    let Some(unknown) = message
        .strip_prefix("unknown field `")
        .and_then(|rest| rest.split('`').next())
    else {
        return message.trim().to_owned();
    };
    let known = message.split('`').skip(3).step_by(2);
    match nearest(unknown, known) {
        Some(near) => format!("{unknown:?} is not a key here: did you mean {near:?}?"),
        None => message.trim().to_owned(),
    }
}

/// The candidate most like `word`, unless none is much like it.
pub(crate) fn nearest<'a>(word: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    candidates
        .map(|candidate| (strsim::jaro_winkler(word, candidate), candidate))
        .filter(|(likeness, _)| *likeness > 0.6)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, candidate)| candidate)
}

fn line_of(text: &str, offset: usize) -> usize {
    1 + text.bytes().take(offset).filter(|octet| *octet == b'\n').count()
}

fn yes() -> bool {
    true
}

fn c_and_t() -> Vec<String> {
    vec!["C".to_owned(), "T".to_owned()]
}

fn bridges() -> Vec<String> {
    vec!["wmbus/+/telegram".to_owned()]
}

fn quarter_of_an_hour() -> u32 {
    900
}

fn utc() -> String {
    "UTC".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> String {
        Config::parse(text, Path::new("releve.toml"))
            .unwrap_err()
            .to_string()
    }

    #[test]
    fn the_example_names_every_option_with_its_default() {
        let path = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/config.example.toml"));
        let example = Config::read(path).unwrap();
        let plain = Config::parse("", path).unwrap();
        assert_eq!(format!("{:?}", example.store), format!("{:?}", plain.store));
        assert_eq!(format!("{:?}", example.api), format!("{:?}", plain.api));
        assert_eq!(example.accept, plain.accept);
        assert_eq!(example.receivers.len(), 1);
    }

    #[test]
    fn a_typo_names_the_key_the_line_and_the_nearest_valid_one() {
        assert_eq!(
            refused("[store]\npath = \"x\"\ncomit_seconds = 2\n"),
            "releve.toml:3: \"comit_seconds\" is not a key here: did you mean \"commit_seconds\"?"
        );
        assert_eq!(
            refused("[strore]\npath = \"x\"\n"),
            "releve.toml:1: \"strore\" is not a key here: did you mean \"store\"?"
        );
    }

    #[test]
    fn values_outside_their_range_say_the_range() {
        assert_eq!(
            refused("[store]\ncommit_seconds = 0\n"),
            "releve.toml: store.commit_seconds is 0: write a number from 1 to 60"
        );
        assert!(
            refused("[[receiver]]\nname = \"a\"\n")
                .contains("exactly one of device, file, pipe, command, tcp, unix, udp, mqtt and stdin")
        );
        assert!(
            refused("[[receiver]]\nname = \"a\"\nstdin = true\ntime_zone = \"Paris\"\n").contains("IANA")
        );
        let twins = "[[receiver]]\nname = \"a\"\nstdin = true\n".repeat(2);
        assert!(refused(&twins).contains("give each its own name"));
        assert!(refused("accept = \"every\"").contains("every"));
    }
}
