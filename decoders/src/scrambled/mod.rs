//! What a page can't say: makers' data that are scrambled, or that want arithmetic. One file per scheme.

mod apator_08;
mod apator_162;
mod apator_na1;
mod bfw;
mod bmeters;
mod op_041a;
pub mod prios;
pub(crate) mod qundis_block;
pub(crate) mod rfm_tx1;
mod techem;
mod techem_heat;

use std::ops::RangeInclusive;

use wmbus::{Address, Content, Message};

use crate::Context;
use crate::decoded::Decoded;
use crate::speak::Spoken;

/// A scheme that a page names with `scrambled = "…"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scheme {
    /// Diehl and Sappel PRIOS.
    Prios,
    /// Diehl's records behind a shift register.
    RealData,
    /// Registers one after the other behind DIF 0F.
    Apator162,
    /// Thirds of a litre.
    Apator08,
    /// One encrypted block behind CI A0 or A1.
    ApatorNa1,
    /// Apator OP-041A: registers and months behind DIF 0F.
    Op041a,
    /// Twelve-bit month ends in place of records.
    Bfw,
    /// Fields that flags announce, behind DIF 0F.
    BMeters,
    /// The same, and the first record covered.
    RfmTx1,
    /// A block in a record that has a key of its own to be opened with.
    QundisBlock,
    /// Techem allocators: half months that have to add up.
    TechemAllocator,
    /// Techem water meters: half months.
    TechemWater,
    /// Techem water meters of the older kind.
    TechemOldWater,
    /// Techem heat meters.
    TechemHeat,
}

/// Where a scheme's octets stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// The application data of a maker's CI-field.
    Manufacturer,
    /// The same, beside the blocks of the page.
    BesideBlocks,
    /// What follows DIF 0F, among records.
    After0F,
    /// The application data of a CI-field for records, which they are not.
    InsteadOfRecords,
    /// Opened before anything is read: afterwards the page says it all.
    Opened,
}

impl Scheme {
    const ALL: [(&'static str, Self); 14] = [
        ("prios", Self::Prios),
        ("real-data", Self::RealData),
        ("apator-162", Self::Apator162),
        ("apator-08", Self::Apator08),
        ("apator-na1", Self::ApatorNa1),
        ("op-041a", Self::Op041a),
        ("bfw", Self::Bfw),
        ("bmeters", Self::BMeters),
        ("rfm-tx1", Self::RfmTx1),
        ("qundis-block", Self::QundisBlock),
        ("techem-allocator", Self::TechemAllocator),
        ("techem-water", Self::TechemWater),
        ("techem-old-water", Self::TechemOldWater),
        ("techem-heat", Self::TechemHeat),
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
            Self::Prios | Self::Apator08 | Self::ApatorNa1 | Self::TechemOldWater | Self::TechemHeat => {
                Place::Manufacturer
            }
            Self::TechemAllocator | Self::TechemWater => Place::BesideBlocks,
            Self::Apator162 | Self::Op041a | Self::BMeters | Self::RfmTx1 => Place::After0F,
            Self::Bfw => Place::InsteadOfRecords,
            Self::RealData | Self::QundisBlock => Place::Opened,
        }
    }

    /// True when the whole message is this scheme's.
    pub(crate) fn takes(self, message: &Message<'_>) -> bool {
        match self.place() {
            Place::Manufacturer => {
                let ci = message.ci().unwrap_or(0);
                message.content == Content::Manufacturer && self.ci().contains(&ci)
            }
            Place::InsteadOfRecords => message.content == Content::Records,
            Place::After0F | Place::BesideBlocks | Place::Opened => false,
        }
    }

    /// The makers' CI-fields whose application data it reads; others of the family are something else.
    fn ci(self) -> RangeInclusive<u8> {
        match self {
            Self::Prios => 0xA0..=0xA7,
            Self::ApatorNa1 => 0xA0..=0xA1,
            Self::TechemHeat => 0xA0..=0xA2,
            Self::TechemOldWater => 0xA2..=0xA2,
            _ => 0xA0..=0xA0,
        }
    }

    /// True when it says all that a telegram of its family says, so that the page describes nothing to send.
    pub(crate) fn speaks_alone(self) -> bool {
        matches!(self.place(), Place::Manufacturer | Place::InsteadOfRecords)
    }

    /// Reads the octets of this scheme: all application data, or what follows DIF 0F. False when they are none of its.
    pub(crate) fn read(
        self,
        message: &Message<'_>,
        octets: &[u8],
        context: &Context,
        decoded: &mut Decoded,
    ) -> bool {
        let version = message.meter.version;
        match self {
            Self::Prios => prios::read(octets, decoded),
            Self::Apator162 => apator_162::read(octets, decoded),
            Self::Apator08 => apator_08::read(octets, context, decoded),
            Self::ApatorNa1 => apator_na1::read(message, octets, decoded),
            Self::Op041a => op_041a::read(octets, decoded),
            Self::Bfw => bfw::read(octets, decoded),
            Self::BMeters | Self::RfmTx1 => bmeters::read(version, octets, context, decoded),
            Self::TechemOldWater => techem::old_water(octets, decoded),
            Self::TechemHeat => techem_heat::read(version, octets, decoded),
            Self::TechemAllocator => {
                techem::allocator(version, octets, decoded);
                true
            }
            Self::TechemWater => {
                techem::water(octets, decoded);
                true
            }
            Self::RealData | Self::QundisBlock => false,
        }
    }

    /// The octets of this scheme, and the CI-field they come with, that say this; `sender` is the address on the air.
    pub(crate) fn write(self, spoken: &Spoken, sender: Address) -> Option<(u8, Vec<u8>)> {
        let octets = sender.link_octets();
        Some(match self {
            Self::Prios => return prios::write(spoken, octets),
            Self::Apator162 => (0x7A, apator_162::write(spoken)?),
            Self::Apator08 => (0xA0, apator_08::write(spoken)?),
            Self::ApatorNa1 => (0xA0, apator_na1::write(spoken, octets)?),
            Self::Op041a => (0x7A, op_041a::write(spoken)?),
            Self::Bfw => (0x7A, bfw::write(spoken)?),
            Self::BMeters | Self::RfmTx1 => (0x7A, bmeters::write(sender.version, spoken)?),
            Self::TechemOldWater => (0xA2, techem::write_old_water(spoken)?),
            Self::TechemHeat => (0xA1, techem_heat::write(spoken)?),
            Self::RealData | Self::QundisBlock | Self::TechemAllocator | Self::TechemWater => return None,
        })
    }
}
