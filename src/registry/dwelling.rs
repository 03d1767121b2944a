//! Dwelling: an apartment of a site.

use super::{DwellingId, SiteId};

/// An apartment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dwelling {
    /// Its short name in this registry.
    pub id: DwellingId,
    /// Where it is.
    pub site: SiteId,
    /// Lot number, as in the deeds; one of its kind within the site.
    pub lot: String,
    /// The operator's reference of its client; may be missing.
    pub client_ref: Option<String>,
    /// Habitable surface, in hundredths of a square metre.
    pub surface: Option<u32>,
}
