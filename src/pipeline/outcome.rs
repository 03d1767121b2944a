//! The piles: what became of each telegram, each with a code that CLI, API, store and metrics share.

use wmbus::{Error, ErrorKind, Layer};

/// What became of one telegram. The codes are a promise: add, never rename.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Outcome {
    /// Read, and it gave readings.
    Read,
    /// Read to its end, and it carries no value: an installation beacon, a "still here", a layout.
    NoValue,
    /// Heard before: by another radio, through a repeater, in an earlier replay.
    Duplicate,
    /// From a meter that is not registered: counted, not looked into.
    Unregistered,
    /// A CRC or a length is wrong: damaged on the air.
    Damaged,
    /// Not a wireless M-Bus telegram of a meter: another system, or a partner talking to a meter.
    Foreign,
    /// Sealed, and no key is registered.
    NoKey,
    /// Sealed, and none of the registered keys opens it.
    WrongKey,
    /// The authentication code is wrong: forged, or the wrong key.
    MacFailed,
    /// An older message counter than one already accepted: a recording played back.
    Replayed,
    /// A security mode or a layer that is known by name only.
    ModeUnsupported,
    /// A compact frame whose layout no full frame has shown yet.
    CompactLayoutUnknown,
    /// A fragment whose message is not complete, or never became so.
    FragmentMissing,
    /// Opened, but nothing in it is understood.
    UnknownLayout,
}

impl Outcome {
    /// All of them, in the order people want to read them.
    pub const ALL: [Self; 14] = [
        Self::Read,
        Self::NoValue,
        Self::Duplicate,
        Self::Unregistered,
        Self::Damaged,
        Self::Foreign,
        Self::NoKey,
        Self::WrongKey,
        Self::MacFailed,
        Self::Replayed,
        Self::ModeUnsupported,
        Self::CompactLayoutUnknown,
        Self::FragmentMissing,
        Self::UnknownLayout,
    ];

    /// The code, stable for machines.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::NoValue => "no_value",
            Self::Duplicate => "duplicate",
            Self::Unregistered => "unregistered",
            Self::Damaged => "damaged",
            Self::Foreign => "foreign",
            Self::NoKey => "no_key",
            Self::WrongKey => "wrong_key",
            Self::MacFailed => "mac_failed",
            Self::Replayed => "replayed",
            Self::ModeUnsupported => "mode_unsupported",
            Self::CompactLayoutUnknown => "compact_layout_unknown",
            Self::FragmentMissing => "fragment_missing",
            Self::UnknownLayout => "unknown_layout",
        }
    }

    /// The one with this code.
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|outcome| outcome.code() == code)
    }

    /// What a caretaker should know about it.
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Read => "readings stored",
            Self::NoValue => "read, carries no value",
            Self::Duplicate => "heard before",
            Self::Unregistered => "meter not registered: only counted",
            Self::Damaged => "damaged on the air",
            Self::Foreign => "not a meter's telegram",
            Self::NoKey => "encrypted, no key registered: import one, then redecode",
            Self::WrongKey => "encrypted, no registered key opens it",
            Self::MacFailed => "authentication failed: forged or wrong key",
            Self::Replayed => "older than what was accepted: a recording?",
            Self::ModeUnsupported => "security mode or layer not supported",
            Self::CompactLayoutUnknown => "compact frame, waiting for a full one",
            Self::FragmentMissing => "part of a longer message",
            Self::UnknownLayout => "opened, but its layout is unknown",
        }
    }

    /// The pile that an error of the protocol crate belongs to.
    pub fn of(error: &Error) -> Self {
        match error.kind {
            ErrorKind::KeyMissing { .. } => Self::NoKey,
            ErrorKind::WrongKey => Self::WrongKey,
            ErrorKind::MacMismatch => Self::MacFailed,
            ErrorKind::NotWireless { .. } => Self::Foreign,
            ErrorKind::UnsupportedSecurityMode { .. }
            | ErrorKind::UnsupportedLayer { .. }
            | ErrorKind::UnsupportedKdf { .. }
            | ErrorKind::EllReservedSecurity { .. }
            | ErrorKind::CounterMissing => Self::ModeUnsupported,
            ErrorKind::UnknownCompactFormat { .. } => Self::CompactLayoutUnknown,
            ErrorKind::FragmentPending { .. }
            | ErrorKind::FragmentGap { .. }
            | ErrorKind::FragmentTimeout => Self::FragmentMissing,
            ErrorKind::UnknownCi { .. } | ErrorKind::UnsupportedCi { .. } => Self::UnknownLayout,
            // Lengths and check values that contradict each other come from a bad path through the air.
            _ if error.layer <= Layer::Authentication => Self::Damaged,
            ErrorKind::Truncated { .. } | ErrorKind::EncryptedLengthOverrun { .. } => Self::Damaged,
            ErrorKind::FullFrameCrc { .. } | ErrorKind::FormatSignatureMismatch { .. } => Self::Damaged,
            _ => Self::UnknownLayout,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_distinct_and_speakable() {
        let mut codes: Vec<_> = Outcome::ALL.iter().map(|outcome| outcome.code()).collect();
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), Outcome::ALL.len());
        assert!(
            codes
                .iter()
                .all(|code| code.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'))
        );
    }

    #[test]
    fn a_radio_fault_is_never_a_wrong_key() {
        let damaged = Error {
            layer: Layer::Link,
            at: 10,
            kind: ErrorKind::BlockCrc {
                block: 0,
                got: 1,
                want: 2,
            },
        };
        assert_eq!(Outcome::of(&damaged), Outcome::Damaged);
        let sealed = Error {
            layer: Layer::Transport,
            at: 15,
            kind: ErrorKind::WrongKey,
        };
        assert_eq!(Outcome::of(&sealed), Outcome::WrongKey);
    }
}
