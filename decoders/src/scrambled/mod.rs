//! What a page can't say: makers' data that are scrambled, or that want arithmetic. One file per scheme.

mod apator_08;
mod apator_162;
mod apator_na1;
mod bfw;
pub mod prios;

use wmbus::{Content, Message};

use crate::Context;
use crate::decoded::Decoded;
use crate::speak::Spoken;

/// A scheme that a page names with `scrambled = "…"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scheme {
    /// Diehl and Sappel PRIOS.
    Prios,
    /// Registers one after the other behind DIF 0F.
    Apator162,
    /// Thirds of a litre.
    Apator08,
    /// One encrypted block behind CI A0 or A1.
    ApatorNa1,
    /// Twelve-bit month ends in place of records.
    Bfw,
}

/// Where a scheme's octets stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// The application data of a maker's CI-field.
    Manufacturer,
    /// What follows DIF 0F, among records.
    After0F,
    /// The application data of a CI-field for records, which they are not.
    InsteadOfRecords,
}

impl Scheme {
    const ALL: [(&'static str, Self); 5] = [
        ("prios", Self::Prios),
        ("apator-162", Self::Apator162),
        ("apator-08", Self::Apator08),
        ("apator-na1", Self::ApatorNa1),
        ("bfw", Self::Bfw),
    ];

    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Self::ALL
            .iter()
            .find(|(other, _)| *other == name)
            .map(|(_, scheme)| *scheme)
    }

    pub(crate) fn names() -> String {
        Self::ALL.map(|(name, _)| name).join(", ")
    }

    pub(crate) fn place(self) -> Place {
        match self {
            Self::Prios | Self::Apator08 | Self::ApatorNa1 => Place::Manufacturer,
            Self::Apator162 => Place::After0F,
            Self::Bfw => Place::InsteadOfRecords,
        }
    }

    /// True when the whole message is this scheme's.
    pub(crate) fn takes(self, content: Content) -> bool {
        match self.place() {
            Place::Manufacturer => content == Content::Manufacturer,
            Place::InsteadOfRecords => content == Content::Records,
            Place::After0F => false,
        }
    }

    /// Reads the octets of this scheme: all application data, or what follows DIF 0F. False when they are none of its.
    pub(crate) fn read(
        self,
        message: &Message<'_>,
        octets: &[u8],
        context: &Context,
        decoded: &mut Decoded,
    ) -> bool {
        match self {
            Self::Prios => prios::read(octets, decoded),
            Self::Apator162 => apator_162::read(octets, decoded),
            Self::Apator08 => apator_08::read(octets, context, decoded),
            Self::ApatorNa1 => apator_na1::read(message, octets, decoded),
            Self::Bfw => bfw::read(octets, decoded),
        }
    }

    /// The octets after the CI-field, and that CI-field, that say this; `sender` is the address as it goes on the air.
    pub(crate) fn write(self, spoken: &Spoken, sender: [u8; 8]) -> Option<(u8, Vec<u8>)> {
        match self {
            Self::Prios => prios::write(spoken, sender),
            Self::Apator162 => apator_162::write(spoken).map(|octets| (0x7A, octets)),
            Self::Apator08 => apator_08::write(spoken).map(|octets| (0xA0, octets)),
            Self::ApatorNa1 => apator_na1::write(spoken, sender).map(|octets| (0xA0, octets)),
            Self::Bfw => bfw::write(spoken).map(|octets| (0x7A, octets)),
        }
    }
}
