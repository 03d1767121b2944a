//! What a page can't say: makers' data that are scrambled, or that want arithmetic. One file per scheme.

pub mod prios;

use wmbus::Message;

use crate::Context;
use crate::decoded::Decoded;
use crate::speak::Spoken;

/// A scheme that a page names with `scrambled = "…"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scheme {
    /// Diehl and Sappel PRIOS.
    Prios,
}

impl Scheme {
    const ALL: [(&'static str, Self); 1] = [("prios", Self::Prios)];

    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Self::ALL
            .iter()
            .find(|(other, _)| *other == name)
            .map(|(_, scheme)| *scheme)
    }

    pub(crate) fn names() -> String {
        Self::ALL.map(|(name, _)| name).join(", ")
    }

    /// Reads the application data of a message; false when they are not of this scheme.
    pub(crate) fn read(self, message: &Message<'_>, _context: &Context, decoded: &mut Decoded) -> bool {
        match self {
            Self::Prios => prios::read(message, decoded),
        }
    }

    /// The octets after the CI-field, and that CI-field, that say this; `sender` is the address as it goes on the air.
    pub(crate) fn write(self, spoken: &Spoken, sender: [u8; 8]) -> Option<(u8, Vec<u8>)> {
        match self {
            Self::Prios => prios::write(spoken, sender),
        }
    }
}
