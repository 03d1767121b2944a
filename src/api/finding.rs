//! Which meter a typed number means: an address, or a serial by the registry's rules, the surest first.

use crate::registry::Meter;
use crate::registry::serial::AddressOfSerial;
use crate::store::{Store, find_meters};

use super::problem::Problem;

/// The meters that the surest matching rule leads to, of those that `keep` keeps, with that rule's name; `None` when
/// no rule leads anywhere.
pub(super) fn all(
    store: &dyn Store,
    typed: &str,
    computed: Option<AddressOfSerial>,
    keep: impl Fn(&Meter) -> Result<bool, Problem>,
) -> Result<Option<(&'static str, Vec<Meter>)>, Problem> {
    let mut best: Option<(&'static str, Vec<Meter>)> = None;
    let addressed = by_address(store, typed)?
        .into_iter()
        .map(|meter| ("address", meter));
    let searched = find_meters(store, typed, computed)?
        .into_iter()
        .map(|found| (found.rule.name(), found.meter));
    for (rule, meter) in addressed.chain(searched) {
        if best.as_ref().is_some_and(|(better, _)| *better != rule) {
            break;
        }
        if keep(&meter)? {
            best.get_or_insert((rule, Vec::new())).1.push(meter);
        }
    }
    Ok(best)
}

/// The one meter of a number in a path.
pub(super) fn one(
    store: &dyn Store,
    typed: &str,
    computed: Option<AddressOfSerial>,
) -> Result<(&'static str, Meter), Problem> {
    let (rule, meters) = all(store, typed, computed, |_| Ok(true))?
        .ok_or_else(|| Problem::not_found(format!("no registered meter has the number {typed:?}")))?;
    match <[Meter; 1]>::try_from(meters) {
        Ok([meter]) => Ok((rule, meter)),
        Err(meters) => Err(Problem::Ambiguous {
            detail: format!("{typed:?} may mean several meters: ask for one of them by its address"),
            candidates: meters.iter().map(dashed).collect(),
        }),
    }
}

/// The meters of an address as printed: `KAM-12345678`, `KAM 12345678 1B 16`.
fn by_address(store: &dyn Store, typed: &str) -> Result<Vec<Meter>, Problem> {
    let parts: Vec<&str> = typed
        .split([' ', '-', '.'])
        .filter(|part| !part.is_empty())
        .collect();
    let [maker, number, rest @ ..] = parts.as_slice() else {
        return Ok(Vec::new());
    };
    if maker.len() != 3 || number.len() != 8 || rest.len() > 2 {
        return Ok(Vec::new());
    }
    let Ok(number) = number.parse() else {
        return Ok(Vec::new());
    };
    let mut meters = store.meters_by_identification(number)?;
    meters.retain(|meter| {
        let address = dashed(meter);
        let mut own = address.split('-');
        let maker_agrees = own.next().is_some_and(|own| maker.eq_ignore_ascii_case(own));
        // Behind the number: version and device type, which the registry may leave open.
        let rest_agrees = rest
            .iter()
            .zip(own.skip(1))
            .all(|(asked, own)| own == "*" || *asked == "*" || asked.eq_ignore_ascii_case(own));
        maker_agrees && rest_agrees
    });
    Ok(meters)
}

/// The address with dashes, which need no escapes in a path.
fn dashed(meter: &Meter) -> String {
    meter.address.to_string().replace(' ', "-")
}
