//! What a family's page may say: the TOML, read and checked. A page that is wrong is refused with its line and a remedy.

mod block;
mod examples;

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use toml::Spanned;

pub(crate) use self::block::{BlockRule, FieldRule};
pub(crate) use self::examples::Examples;

/// A page as it is written. `families/README.md` explains every key with examples.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Page {
    /// The family's name: lower case, digits and dashes.
    pub name: String,
    /// What it is, for people.
    pub about: String,
    /// Addresses it answers for: `QDS 34 08`, with `*` for any version or device type.
    pub answers_for: Vec<String>,
    /// The transport header it sends records with, for speaking as it.
    #[serde(default)]
    pub header: HeaderSize,
    /// Keys that the maker ships to everybody, tried after those that are registered.
    #[serde(default)]
    pub default_keys: Vec<String>,
    /// Layouts of its compact frames: headers one after the other.
    #[serde(default)]
    pub compact: Vec<String>,
    /// A scheme of `scrambled/` that reads what no page can say.
    #[serde(default)]
    pub scrambled: Option<String>,
    /// Dates that say "never": `2000-01-01`.
    #[serde(default)]
    pub unset_dates: Vec<String>,
    /// Years that stand for every year: `[2000]`.
    #[serde(default)]
    pub every_year: Vec<u16>,
    /// The records it sends, in order.
    #[serde(default)]
    pub record: Vec<Spanned<RecordRule>>,
    /// Telegrams that it alternates with the usual one.
    #[serde(default)]
    pub telegram: Vec<TelegramRule>,
    /// The maker's own layouts.
    #[serde(default)]
    pub block: Vec<Spanned<BlockRule>>,
    /// What the bits of the transport layer's status octet mean, instead of the standard's meaning.
    #[serde(default)]
    pub status: Option<StatusRule>,
    /// Words of error flags.
    #[serde(default)]
    pub flags: Vec<Spanned<FlagsRule>>,
    /// Telegrams that prove the page, made by its own encoder.
    #[serde(default)]
    pub example: Vec<Spanned<Example>>,
    /// Its text, for the lines that messages name.
    #[serde(skip)]
    text: String,
}

/// How long a transport header is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HeaderSize {
    /// CI 78.
    None,
    /// CI 7A.
    #[default]
    Short,
    /// CI 72.
    Long,
}

/// A telegram that a family alternates with its usual one, for speaking as it: records name it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TelegramRule {
    /// Its name.
    pub name: String,
    /// The transport header it comes with.
    #[serde(default)]
    pub header: HeaderSize,
}

/// A record that the family sends.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecordRule {
    /// DIF, VIF and their extensions, as sent: `4C13`. Other widths and powers of ten are recognised too.
    pub sends: String,
    /// What the value is, for people: a sentence.
    pub means: String,
    /// `reading` (default), `ignored`, a quantity where the VIF is the maker's, or the name of a fact (`model` …).
    #[serde(default, rename = "is")]
    pub role: Option<String>,
    /// `current`, `set_date`, `history`, `history 1`, `max`, `min`, `average`; without it the DIF decides.
    #[serde(default)]
    pub register: Option<String>,
    /// This many records with storage numbers one after the other; `history N` counts on.
    #[serde(default)]
    pub repeat: Option<u16>,
    /// How far the storage numbers of a repetition are apart.
    #[serde(default)]
    pub step: Option<u16>,
    /// Only the n-th record with this header, from 1.
    #[serde(default)]
    pub nth: Option<u16>,
    /// `record` (default: the date beside it), `month_end` (of the n-th month before the clock), `month_start`,
    /// `half_month_end`, `first - 1 month` (counted from the date of the first of a repetition), `undated`.
    #[serde(default)]
    pub dated: Option<String>,
    /// `increment` for what was gained in a closed slot; `differences` for signed ones, which are summed up as well.
    #[serde(default)]
    pub kind: Option<String>,
    /// `forward` or `reverse`, where the VIF does not say it.
    #[serde(default)]
    pub direction: Option<String>,
    /// The tariff to report, where the DIF has none or means something else by it.
    #[serde(default)]
    pub tariff: Option<u32>,
    /// The same for the subunit.
    #[serde(default)]
    pub subunit: Option<u16>,
    /// `%`, where a maker gives a value another unit than the standard's.
    #[serde(default)]
    pub unit: Option<String>,
    /// Power of ten of the value, where the VIF is the maker's.
    #[serde(default)]
    pub scale: Option<i8>,
    /// Data that say that there is no value, as sent: `["FEFEFEFE"]`.
    #[serde(default)]
    pub absent: Vec<String>,
    /// For a compact profile: control and spacing octets, as sent.
    #[serde(default)]
    pub profile: Option<String>,
    /// For a compact profile: how many elements are sent.
    #[serde(default)]
    pub elements: Option<u16>,
    /// For ignored records and facts: the octets sent when speaking as this family.
    #[serde(default)]
    pub value: Option<String>,
    /// Recognised, but left out when speaking as this family.
    #[serde(default)]
    pub heard_only: bool,
    /// The telegram it is sent in, where a family alternates several; without it the usual one.
    #[serde(default)]
    pub telegram: Option<String>,
}

/// The meaning of status bits, by bit or by value.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StatusRule {
    /// Bits that keep the standard's meaning.
    #[serde(default)]
    pub standard: bool,
    /// Bit (`0x20`) to words (`leak`, `leak past`, `leak, no_flow`, `nothing`).
    #[serde(default)]
    pub bits: BTreeMap<String, String>,
    /// Bits that are compared as a value, for `values`.
    #[serde(default)]
    pub mask: Option<String>,
    /// Value of the masked bits to words.
    #[serde(default)]
    pub values: BTreeMap<String, String>,
}

/// A word of error flags and the meaning of its bits.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FlagsRule {
    /// DIF and VIF of the record that carries it.
    pub record: String,
    /// Bit to word, as in [`StatusRule::bits`].
    #[serde(default)]
    pub bits: BTreeMap<String, String>,
    /// Bits that are compared as a value, for `values`.
    #[serde(default)]
    pub mask: Option<String>,
    /// Value of the masked bits to words.
    #[serde(default)]
    pub values: BTreeMap<String, String>,
}

/// A telegram and what it says. The numbers are invented and the telegram is made by our own encoder.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Example {
    /// The meter: `QDS 12345678 34 08`.
    pub meter: String,
    /// Which of the page's telegrams; without it the usual one.
    #[serde(default)]
    pub sent_as: Option<String>,
    /// `mode 5`, `mode 7` or `link`, where it is sealed.
    #[serde(default)]
    pub sealed: Option<String>,
    /// The key, where it is sealed.
    #[serde(default)]
    pub key: Option<String>,
    /// The meter's clock: `2026-01-14T10:15`.
    #[serde(default)]
    pub clock: Option<String>,
    /// The day it was received, where the meter sends no clock and dates depend on it: `2026-01-14`.
    #[serde(default)]
    pub received: Option<String>,
    /// Conditions: `leak`, `leak past`.
    #[serde(default)]
    pub status: Vec<String>,
    /// Its readings, one a line: `volume current 123.529 m3`.
    pub says: Vec<String>,
    /// The stripped telegram, hexadecimal.
    pub telegram: String,
}

/// Why a page is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageError {
    /// The file.
    pub file: String,
    /// Line, from 1, where it is known.
    pub line: Option<usize>,
    /// What is wrong and what to write instead.
    pub message: String,
}

impl Page {
    /// Reads a page.
    ///
    /// # Errors
    /// It is no TOML, or has a key that no page has; the line is named.
    pub fn parse(file: &str, text: &str) -> Result<Self, PageError> {
        let mut page: Self = toml::from_str(text).map_err(|error| PageError {
            file: file.to_owned(),
            line: error.span().map(|span| line(text, span.start)),
            message: error.message().trim().to_owned(),
        })?;
        text.clone_into(&mut page.text);
        Ok(page)
    }

    /// The line, from 1, on which something begins.
    pub(crate) fn line_of<T>(&self, what: &Spanned<T>) -> usize {
        line(&self.text, what.span().start)
    }
}

/// The line, from 1, of an octet.
fn line(text: &str, at: usize) -> usize {
    1 + text.bytes().take(at).filter(|octet| *octet == b'\n').count()
}

impl fmt::Display for PageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file)?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        write!(f, ": {}", self.message)
    }
}

impl std::error::Error for PageError {}
