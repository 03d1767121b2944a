//! Ids: short names of rows, one type each, so that a dwelling is never taken for a point.

use std::fmt;

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident,)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub i64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    )*};
}

ids! {
    /// A site of this registry.
    SiteId,
    /// A dwelling of this registry.
    DwellingId,
    /// A metering point of this registry.
    PointId,
    /// A meter of this registry.
    MeterId,
    /// An installation of this registry.
    InstallationId,
    /// An occupancy of this registry.
    OccupancyId,
    /// A channel (series) of this store.
    ChannelId,
}
