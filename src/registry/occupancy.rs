//! Occupancy: who may see a dwelling's data, from which day to which day.

use jiff::civil::Date;

use super::{DwellingId, OccupancyId};

/// A household's right to see a dwelling's data. No name, no e-mail address: an occupancy is a number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Occupancy {
    /// Its short name.
    pub id: OccupancyId,
    /// Where.
    pub dwelling: DwellingId,
    /// In which capacity.
    pub role: Role,
    /// First day, in the site's zone.
    pub from: Date,
    /// Last day; `None` for as long as nobody moves in after them.
    pub until: Option<Date>,
    /// The household agreed that hourly values are kept for good.
    pub keeps_hourly: bool,
}

/// An occupancy that is about to begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NewOccupancy {
    /// Where.
    pub dwelling: DwellingId,
    /// In which capacity.
    pub role: Role,
    /// First day, in the site's zone.
    pub from: Date,
    /// The household agreed that hourly values are kept for good.
    pub keeps_hourly: bool,
}

/// What is to change about an occupancy; what is `None` stays.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OccupancyChange {
    /// Its last day. Never before its first, nor on or after the first day of one that began later.
    pub until: Option<Date>,
    /// Whether a last day that is recorded may be moved to a later one.
    pub may_extend: bool,
    /// Whether the household agrees that hourly values are kept for good.
    pub keeps_hourly: Option<bool>,
}

/// In which capacity someone lives in a dwelling.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Rents it.
    Tenant,
    /// Owns it and lives there.
    OwnerOccupier,
}

impl Role {
    /// The name, stable for machines.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Tenant => "tenant",
            Self::OwnerOccupier => "owner_occupier",
        }
    }

    /// The one with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Tenant, Self::OwnerOccupier]
            .into_iter()
            .find(|role| role.name() == name)
    }
}
