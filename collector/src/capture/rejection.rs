//! Why a line gives no telegram: a stable code for machines, a sentence for people.

use std::borrow::Cow;
use std::fmt;

/// A line that was not taken. The reason never quotes more than one character of the line: lines may hold keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejection {
    /// Which pile it belongs to.
    pub code: Code,
    /// What was wrong, and where it is known, at which place.
    pub reason: Cow<'static, str>,
}

/// The piles of lines that are not taken. The codes are a promise: add, never rename.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Code {
    /// Nothing that any capture format would write.
    NotATelegram,
    /// Another character where a hexadecimal digit was due.
    NotHex,
    /// Half an octet: a digit was lost.
    OddDigits,
    /// Fewer octets than the shortest telegram has.
    TooShort,
    /// A longer line, or more octets, than anything sensible.
    TooLong,
    /// A format we know, with fields that are not its own.
    Malformed,
    /// The program that wrote the line says that the CRC or the line code was wrong.
    CrcReportedBad,
    /// The link CRCs or lengths are wrong, found here.
    Damaged,
    /// The octets don't have the length they announce, and not in a way that has a known remedy.
    UnrepairableLength,
    /// Something else on the air: a weather station, KNX.
    Foreign,
    /// Octets as they came off the radio chip, still in line code.
    RawRadio,
}

impl Rejection {
    pub(super) fn new(code: Code, reason: impl Into<Cow<'static, str>>) -> Self {
        Self {
            code,
            reason: reason.into(),
        }
    }
}

impl Code {
    /// The code, stable for machines.
    pub const fn code(self) -> &'static str {
        match self {
            Self::NotATelegram => "not_a_telegram",
            Self::NotHex => "not_hex",
            Self::OddDigits => "odd_digits",
            Self::TooShort => "too_short",
            Self::TooLong => "too_long",
            Self::Malformed => "malformed",
            Self::CrcReportedBad => "crc_reported_bad",
            Self::Damaged => "damaged",
            Self::UnrepairableLength => "unrepairable_length",
            Self::Foreign => "foreign",
            Self::RawRadio => "raw_radio",
        }
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.reason)
    }
}
