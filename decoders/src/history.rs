//! Rows of history: compact profiles put back into time, and signed differences summed up.

use wmbus::Decimal;
use wmbus::apl::profile::{Mode, Profile};
use wmbus::apl::{Date, ProfileKind, Qualifier, Quantity as Vif, Record, Unit as VifUnit};

use crate::dating::slot;
use crate::decoded::Decoded;
use crate::reading::{Kind, Quantity, Reading, Register, Stamp, Unit};
use crate::rule::RecordSpec;
use crate::table::Places;

/// The elements of a compact profile: history slots, the newest of them number 1 unless the page counts from another.
pub(crate) fn profile(
    record: &Record<'_>,
    records: &[Record<'_>],
    rule: Option<(&RecordSpec, u16)>,
    clock: Option<Date>,
    by_date: &mut Places,
    decoded: &mut Decoded,
) {
    let Some(profile) = Profile::expand(record, records) else {
        return;
    };
    let plain = record.vib.qualifiers().all(|q| q.is_neutral() || is_profile(q));
    let quantity = match (record.vib.quantity, plain) {
        (Vif::Volume, true) => Quantity::Volume,
        (Vif::HeatCost, true) => Quantity::HeatCost,
        (Vif::Energy, true) => Quantity::Energy,
        _ => return,
    };
    let unit = match record.vib.unit {
        VifUnit::Joule => Unit::Joule,
        _ => quantity.unit(),
    };
    // An allocator restarts at its due date: what was gained can't be added up across it.
    let increments = profile.mode != Mode::Absolute
        && (quantity == Quantity::HeatCost || rule.is_some_and(|(spec, _)| spec.kind == Kind::Increment));
    if quantity == Quantity::HeatCost && profile.mode == Mode::Absolute && not_provided(&profile, decoded) {
        decoded.remark(
            "absent",
            "the history is all zero beside a due date's value: not provided",
        );
        return;
    }
    let explicit = rule
        .and_then(|(spec, _)| spec.register_at(0))
        .filter(|(_, by_date)| !by_date);
    let count = profile.entries.len();
    for entry in &profile.entries {
        let value = if increments { entry.element } else { entry.value };
        let Some(value) = value else { continue };
        let at = entry.at.and_then(Stamp::of);
        let day = at.and_then(|at| at.day());
        // Slots that are still to come.
        if day.zip(clock).is_some_and(|(day, clock)| day > clock) {
            continue;
        }
        let number = match (profile.kind, explicit) {
            (ProfileKind::Inverse, Some((Register::History(n), _))) => n.saturating_add(slot(entry.k - 1)),
            (ProfileKind::Inverse, _) => slot(entry.k + 1),
            (_, Some((Register::History(n), _))) => n.saturating_add(slot(count - entry.k)),
            _ => slot(count - entry.k + 1),
        };
        let kind = if increments {
            Kind::Increment
        } else {
            Kind::Absolute
        };
        // An explicit record of the same slot wins.
        let stands = at.is_some()
            && decoded.readings.iter().any(|other| {
                (other.quantity, other.at, other.kind) == (quantity, at, kind)
                    && matches!(other.register, Register::History(_))
            });
        if stands {
            continue;
        }
        if at.is_some() && explicit.is_none() {
            by_date.push(decoded.readings.len());
        }
        decoded.readings.push(Reading {
            unit,
            register: Register::History(number),
            kind,
            at,
            ..Reading::new(quantity, value)
        });
    }
}

/// Sums up a row of signed differences whose first element is a counter state, oldest first: the state at each slot's
/// end. What was lost is no gain: it is where the counter restarted.
pub(crate) fn sum_up(row: Vec<(Reading, bool)>, by_date: &mut Places, decoded: &mut Decoded) {
    let mut state: Option<Decimal> = None;
    for (reading, first) in row {
        state = if first {
            Some(reading.value)
        } else {
            state.and_then(|state| state.checked_add(reading.value))
        };
        let mut push = |reading: Reading| {
            by_date.push(decoded.readings.len());
            decoded.readings.push(reading);
        };
        if !first && reading.value.mantissa >= 0 {
            push(Reading {
                kind: Kind::Increment,
                ..reading.clone()
            });
        }
        if let Some(value) = state {
            push(Reading {
                kind: Kind::Absolute,
                value,
                ..reading
            });
        }
    }
}

/// A profile of zeros beside a due date's value that is not zero was never filled.
fn not_provided(profile: &Profile, decoded: &Decoded) -> bool {
    let zero = |value: Option<Decimal>| value.is_none_or(|value| value.mantissa == 0);
    profile.entries.len() > 1
        && profile.entries.iter().all(|entry| zero(entry.value))
        && decoded.readings.iter().any(|reading| {
            reading.register == Register::SetDate
                && reading.quantity == Quantity::HeatCost
                && reading.value.mantissa != 0
        })
}

fn is_profile(qualifier: Qualifier) -> bool {
    !qualifier.second_table && matches!(qualifier.code, 0x13 | 0x1E | 0x1F)
}
