//! Quarantine: values from a meter's memory that disagree with what was heard live are flagged, and freed when they agree.

use decoders::reading::Quantity;
use jiff::{SignedDuration, Timestamp};

use crate::consumption::{Sample, contradicted, index_of};
use crate::registry::MeterId;
use crate::store::{Flags, ReadingKey, Result, Source, Store};

/// Looks over the remembered values of a meter's last thirteen months; gives how many flags changed.
///
/// Only the flag is written: consumption finds the same values by itself, so that its answers depend on the readings
/// alone.
///
/// # Errors
/// The store's.
pub fn quarantine(store: &dyn Store, meter: MeterId, now: Timestamp) -> Result<u64> {
    let from = now.saturating_sub(MONTHS).unwrap_or(Timestamp::MIN);
    let mut changed = 0;
    for quantity in [Quantity::Volume, Quantity::HeatCost, Quantity::Energy] {
        let Some((channel, counter, rows)) = index_of(store, meter, quantity, from, now)? else {
            continue;
        };
        let wrong = contradicted(&counter, rows.iter().filter_map(Sample::of).collect());
        for row in &rows {
            let reading = &row.reading;
            if !matches!(reading.source, Source::SetDate | Source::History) {
                continue;
            }
            let flags = if wrong.contains(&(reading.at, reading.source)) {
                reading.flags | Flags::QUARANTINED
            } else {
                Flags(reading.flags.0 & !Flags::QUARANTINED.0)
            };
            let key = ReadingKey {
                channel,
                at: reading.at,
                source: reading.source,
            };
            if flags != reading.flags && store.set_flags(meter, key, flags)? {
                changed += 1;
            }
        }
    }
    Ok(changed)
}

/// A restart and the one before it.
const MONTHS: SignedDuration = SignedDuration::from_hours(400 * 24);
