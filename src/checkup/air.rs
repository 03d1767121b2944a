//! Meters that can't be opened, and those that are not heard.

use super::{Area, Circumstances, Finding, Weight, about};
use crate::store::{MeterState, Result, Store};

/// How many meters are asked for at a time.
const PAGE: usize = 1000;

/// Meters whose latest telegram could not be opened, by the reason.
pub(super) fn keys(store: &dyn Store) -> Result<Vec<Finding>> {
    const NO_KEY: &str = "`releve keys import` or import the registry with the key, then `releve redecode`";
    const WRONG: &str = "ask the maker for the key of this very meter, import it, then `releve redecode`";
    let (mut missing, mut wrong, mut unknown) = (Vec::new(), Vec::new(), Vec::new());
    states(store, |name, state| {
        match state.map(|state| state.outcome.as_str()) {
            Some("no_key") => missing.push(name),
            Some("wrong_key" | "mac_failed") => wrong.push(name),
            Some("unknown_layout" | "mode_unsupported") => unknown.push(name),
            _ => {}
        }
    })?;
    Ok([
        about(Area::Keys, Weight::Fault, &missing, "meter", "encrypted, without a key", NO_KEY),
        about(Area::Keys, Weight::Fault, &wrong, "meter", "encrypted with another key than the registered one", WRONG),
        about(Area::Keys, Weight::Warning, &unknown, "meter", "heard, but not understood",
            "update releve, or describe the family on a page of your own (`releve decode` shows the telegram)"),
    ]
    .into_iter()
    .flatten()
    .collect())
}

/// Registered meters that were never heard, or not for long.
pub(super) fn silence(store: &dyn Store, around: &Circumstances) -> Result<Vec<Finding>> {
    let (mut never, mut silent) = (Vec::new(), Vec::new());
    let mut latest = None;
    states(store, |name, state| match state {
        None => never.push(name),
        Some(state) => {
            latest = latest.max(Some(state.last_heard));
            if around.now.duration_since(state.last_heard) > around.silent_after {
                silent.push(name);
            }
        }
    })?;
    let mut findings = Vec::new();
    if let Some(latest) = latest
        && around.now.duration_since(latest) > around.silent_after
    {
        findings.push(Finding {
            area: Area::Air,
            weight: Weight::Fault,
            says: format!("nothing at all was heard since {latest}"),
            advice: "look at the radio: is it plugged in, is the daemon running (`systemctl status releve`), who holds its port?",
        });
        return Ok(findings);
    }
    findings.extend(about(
        Area::Air,
        Weight::Warning,
        &silent,
        "meter",
        "silent",
        "walk there with a receiver: a flat battery, a metal cover, a meter that was taken away",
    ));
    findings.extend(about(
        Area::Air,
        Weight::Warning,
        &never,
        "meter",
        "never heard",
        "check the number against the housing, and whether the gateway reaches that far",
    ));
    Ok(findings)
}

/// Each registered meter's name with how it was last heard.
fn states(store: &dyn Store, mut visit: impl FnMut(String, Option<&MeterState>)) -> Result<()> {
    let mut after = None;
    loop {
        let meters = store.meters(after, PAGE)?;
        let Some(last) = meters.last().map(|meter| meter.id) else {
            return Ok(());
        };
        for meter in &meters {
            let state = store.meter_state(meter.id)?;
            visit(meter.address.to_string(), state.as_ref());
        }
        after = Some(last);
    }
}
