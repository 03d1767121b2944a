//! From what a resident types to the meters it may mean.

use super::{Result, Store};
use crate::registry::Meter;
use crate::registry::serial::{AddressOfSerial, Probe, Rule, Search};

/// A meter that a typed serial may mean, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The meter.
    pub meter: Meter,
    /// The surest rule that leads to it.
    pub rule: Rule,
}

/// The meters that a typed serial may mean, the surest first; several when the text is ambiguous.
///
/// # Errors
/// The store's.
pub fn find_meters(store: &dyn Store, typed: &str, computed: Option<AddressOfSerial>) -> Result<Vec<Found>> {
    let mut found: Vec<Found> = Vec::new();
    for (rule, probe) in Search::new(typed, computed).probes {
        let meters = match probe {
            Probe::Printed(form) => store.meters_by_serial(&form)?,
            Probe::Digits(digits) => store.meters_by_serial_digits(&digits)?,
            Probe::Number(number) => store.meters_by_identification(number)?,
            Probe::Made(manufacturer, number) => {
                let mut meters = store.meters_by_identification(number)?;
                meters.retain(|meter| meter.address.manufacturer == manufacturer);
                meters
            }
            Probe::Fabrication(number) => store.meters_by_fact(FABRICATION, &number)?,
        };
        for meter in meters {
            if !found.iter().any(|known| known.meter.id == meter.id) {
                found.push(Found { meter, rule });
            }
        }
    }
    Ok(found)
}

/// The fact under which decoders report it.
const FABRICATION: &str = "fabrication_no";
