//! Metering point: one place in a dwelling where something is counted.

use super::{DwellingId, PointId};

/// One place where something is counted: the kitchen's hot water, the bedroom's radiator.
///
/// Meters come and go, the point stays: its consumption is what its installations counted one after the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Point {
    /// Its short name in this registry.
    pub id: PointId,
    /// Where it is.
    pub dwelling: DwellingId,
    /// What is counted.
    pub kind: Kind,
    /// The room; may be empty.
    pub room: String,
    /// 1, or more when a room has several of a kind: the second radiator of the living room.
    pub number: u16,
}

/// What is counted at a point.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Hot water for taps.
    HotWater,
    /// Cold water.
    ColdWater,
    /// Heating of one radiator: units of an allocator.
    Heating,
    /// Heat energy of the whole dwelling: a heat meter.
    HeatEnergy,
    /// Cooling energy.
    Cooling,
    /// Electricity.
    Electricity,
    /// Gas.
    Gas,
    /// Anything else: room sensors, smoke detectors.
    Other,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::HotWater,
        Self::ColdWater,
        Self::Heating,
        Self::HeatEnergy,
        Self::Cooling,
        Self::Electricity,
        Self::Gas,
        Self::Other,
    ];

    /// The name, stable for machines.
    pub const fn name(self) -> &'static str {
        match self {
            Self::HotWater => "hot_water",
            Self::ColdWater => "cold_water",
            Self::Heating => "heating",
            Self::HeatEnergy => "heat_energy",
            Self::Cooling => "cooling",
            Self::Electricity => "electricity",
            Self::Gas => "gas",
            Self::Other => "other",
        }
    }

    /// The one with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}
