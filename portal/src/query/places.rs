//! Residences, dwellings and occupancies, as the service knows them: no name, no e-mail address.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::Decimal;

/// Some of a list.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Page<T> {
    pub(super) items: Vec<T>,
}

/// A residence.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Site {
    /// Two letters and three digits.
    pub code: String,
    /// What people call it; may be empty.
    pub name: String,
    /// Postal address; may be empty.
    pub address: String,
    /// IANA name; its days begin in this zone.
    pub time_zone: String,
}

/// A dwelling.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Dwelling {
    /// Its id at the service.
    pub id: i64,
    /// Code of its site.
    pub site: String,
    /// Lot number.
    pub lot: String,
    /// The operator's reference of its client.
    #[serde(default)]
    pub client_ref: Option<String>,
    /// Habitable surface in m².
    #[serde(default)]
    pub surface_m2: Option<Decimal>,
}

/// By what a resident names the dwelling.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DwellingBy<'a> {
    /// The serial on the housing of any of its meters, however it is typed.
    Serial(&'a str),
    /// Its lot number.
    Lot(&'a str),
    /// The reference on the operator's letters.
    ClientRef(&'a str),
}

impl<'a> DwellingBy<'a> {
    /// The parameter and its value.
    pub(super) fn pair(self) -> (&'static str, &'a str) {
        match self {
            Self::Serial(text) => ("serial", text),
            Self::Lot(text) => ("lot", text),
            Self::ClientRef(text) => ("client_ref", text),
        }
    }
}

/// As what somebody lives somewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Rents it.
    Tenant,
    /// Owns it.
    #[serde(alias = "owner_occupier")]
    Owner,
}

/// A household's days in a dwelling.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Occupancy {
    /// Its id at the service.
    pub id: i64,
    /// The dwelling's id.
    pub dwelling: i64,
    /// Tenant or owner.
    pub role: Role,
    /// First day.
    pub from: Date,
    /// Last day; `None` while it lasts.
    pub until: Option<Date>,
    /// Whether the household agreed that hourly values are kept and shown.
    pub keeps_hourly: bool,
}

/// A household that moves in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MoveIn {
    /// The dwelling's id.
    pub dwelling: i64,
    /// Tenant or owner.
    pub role: Role,
    /// Whether the one who asks lives there; the service refuses those who don't.
    pub lives_there: bool,
    /// First day.
    pub move_in: Date,
    /// That all of this is true.
    pub certified: bool,
    /// Whether the household agrees that hourly values are kept and shown.
    pub keeps_hourly: bool,
}

/// What changes of an occupancy; what is `None` stays.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Change {
    /// Its last day.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<Date>,
    /// Whether hourly values are kept and shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keeps_hourly: Option<bool>,
}
