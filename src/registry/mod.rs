//! The registry: which meter hangs where, under which number, with which key.
//!
//! ```text
//! Site ◄── Dwelling ◄── Point ◄── Installation ──► Meter ◄── Key
//!                                      ▲
//!                                    Factor
//! ```
//!
//! Nouns and rules only: nothing here knows SQL, HTTP or an octet. The store keeps what these structs say.

pub mod difference;
mod directory;
mod dwelling;
pub mod export;
mod id;
pub mod import;
mod installation;
pub mod key;
mod meter;
mod occupancy;
mod point;
pub mod serial;
mod site;
pub mod text;

pub use directory::Directory;
pub use dwelling::Dwelling;
pub use id::{ChannelId, DwellingId, InstallationId, MeterId, OccupancyId, PointId, SiteId};
pub use installation::{Factor, Installation};
pub use key::MeterKey;
pub use meter::{Meter, MeterAddress};
pub use occupancy::{NewOccupancy, Occupancy, OccupancyChange, Role};
pub use point::{Kind, Point};
pub use site::{InvalidSiteCode, Site, SiteCode};

/// All that is registered, at one moment.
#[derive(Clone, Debug, Default)]
pub struct Registry {
    /// Grows by one with every change of the registry.
    pub version: u64,
    /// All sites, by id.
    pub sites: Vec<Site>,
    /// All dwellings, by id.
    pub dwellings: Vec<Dwelling>,
    /// All metering points, by id.
    pub points: Vec<Point>,
    /// All meters, by id.
    pub meters: Vec<Meter>,
    /// All installations, by id.
    pub installations: Vec<Installation>,
    /// All rating factors, by installation and start.
    pub factors: Vec<Factor>,
    /// All occupancies, by id.
    pub occupancies: Vec<Occupancy>,
    /// All keys, by meter.
    pub keys: Vec<MeterKey>,
}

/// One row to be added, or to take the place of the one with its id.
#[derive(Clone, Debug)]
pub enum Change {
    /// By id.
    Site(Site),
    /// By id.
    Dwelling(Dwelling),
    /// By id.
    Point(Point),
    /// By id.
    Meter(Meter),
    /// By id.
    Installation(Installation),
    /// By installation and start.
    Factor(Factor),
    /// By id.
    Occupancy(Occupancy),
    /// By meter and octets; added behind those that are there.
    Key(MeterKey),
}
