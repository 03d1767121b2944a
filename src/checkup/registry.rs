//! What is missing in the registry, or stands there twice.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::{Area, Finding, Weight, about};
use crate::registry::{Installation, Kind, Registry};
use crate::store::{Result, Store};

pub(super) fn gaps(store: &dyn Store, now: Timestamp) -> Result<Vec<Finding>> {
    Ok(findings(&store.registry()?, now))
}

fn findings(registry: &Registry, now: Timestamp) -> Vec<Finding> {
    let meters: BTreeMap<_, _> = registry.meters.iter().map(|meter| (meter.id, meter)).collect();
    let dwellings: BTreeMap<_, _> = registry
        .dwellings
        .iter()
        .map(|dwelling| (dwelling.id, dwelling))
        .collect();
    let sites: BTreeMap<_, _> = registry.sites.iter().map(|site| (site.id, site)).collect();
    let named = |id| {
        dwellings.get(&id).map_or_else(String::new, |dwelling| {
            let site = sites
                .get(&dwelling.site)
                .map_or_else(String::new, |site| site.code.to_string());
            format!("{site} lot {}", dwelling.lot)
        })
    };

    let with_points: BTreeSet<_> = registry.points.iter().map(|point| point.dwelling).collect();
    let empty: Vec<_> = registry
        .dwellings
        .iter()
        .filter(|dwelling| !with_points.contains(&dwelling.id))
        .map(|dwelling| named(dwelling.id))
        .collect();

    let served: BTreeSet<_> = registry
        .installations
        .iter()
        .filter(|installation| installation.covers(now))
        .map(|installation| installation.point)
        .collect();
    let bare: Vec<_> = registry
        .points
        .iter()
        .filter(|point| !served.contains(&point.id))
        .map(|point| format!("{} {} {}", named(point.dwelling), point.room, point.kind.name()))
        .collect();

    let installed: BTreeSet<_> = registry
        .installations
        .iter()
        .map(|installation| installation.meter)
        .collect();
    let loose: Vec<_> = registry
        .meters
        .iter()
        .filter(|meter| !installed.contains(&meter.id))
        .map(|meter| meter.address.to_string())
        .collect();

    let twice = overlapping(&registry.installations)
        .into_iter()
        .filter_map(|id| meters.get(&id).map(|meter| meter.address.to_string()))
        .collect::<Vec<_>>();

    let rated: BTreeSet<_> = registry
        .factors
        .iter()
        .map(|factor| factor.installation)
        .collect();
    let kinds: BTreeMap<_, _> = registry
        .points
        .iter()
        .map(|point| (point.id, point.kind))
        .collect();
    let unrated: Vec<_> = registry
        .installations
        .iter()
        .filter(|installation| kinds.get(&installation.point) == Some(&Kind::Heating))
        .filter(|installation| installation.covers(now) && !rated.contains(&installation.id))
        .filter_map(|installation| {
            meters
                .get(&installation.meter)
                .map(|meter| meter.address.to_string())
        })
        .collect();

    let unmeasured: Vec<_> = registry
        .dwellings
        .iter()
        .filter(|dwelling| dwelling.surface.is_none())
        .map(|dwelling| named(dwelling.id))
        .collect();

    const IMPORT: &str = "add it to the list and `releve registry import` it again";
    [
        about(
            Area::Registry,
            Weight::Fault,
            &twice,
            "meter",
            "installed in two places at once",
            "give the earlier installation its last day, then import again",
        ),
        about(
            Area::Registry,
            Weight::Warning,
            &bare,
            "metering point",
            "without a meter today",
            IMPORT,
        ),
        about(
            Area::Registry,
            Weight::Warning,
            &empty,
            "dwelling",
            "without a metering point",
            IMPORT,
        ),
        about(
            Area::Registry,
            Weight::Note,
            &loose,
            "meter",
            "not installed anywhere",
            IMPORT,
        ),
        about(
            Area::Registry,
            Weight::Note,
            &unrated,
            "allocator",
            "without a rating factor: rated units equal the raw count",
            "import the factor when the radiators are rated; leave it when they all count alike",
        ),
        about(
            Area::Registry,
            Weight::Note,
            &unmeasured,
            "dwelling",
            "without a habitable surface: not compared with the building",
            "import the surface in m²",
        ),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Meters that hang in two places at the same time.
fn overlapping(installations: &[Installation]) -> BTreeSet<crate::registry::MeterId> {
    let mut by_meter: BTreeMap<_, Vec<&Installation>> = BTreeMap::new();
    for installation in installations {
        by_meter.entry(installation.meter).or_default().push(installation);
    }
    by_meter
        .into_iter()
        .filter(|(_, places)| {
            places
                .iter()
                .enumerate()
                .any(|(n, place)| places.iter().skip(n + 1).any(|other| place.overlaps(other)))
        })
        .map(|(meter, _)| meter)
        .collect()
}
