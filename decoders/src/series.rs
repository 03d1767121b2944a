//! Rows of values of which only the first is dated, for meters that nobody described: a record tells how far they are
//! apart, and the values themselves which way time runs.

use std::cmp::Ordering;

use wmbus::Decimal;
use wmbus::apl::{Date, Quantity, Record, Unit};

use crate::reading::Stamp;

/// The date of a stored value without one: that of the row's first, and so many intervals from there. A counter only
/// grows, so values that fall with rising storage numbers run backwards; where all are equal nobody can tell.
pub(crate) fn date(
    record: &Record<'_>,
    records: &[Record<'_>],
    of_storage: impl Fn(u64) -> Option<Option<Stamp>>,
) -> Option<Stamp> {
    let interval = records.iter().find(|other| {
        other.vib.quantity == Quantity::StorageInterval
            && other.vib.is_plain()
            && other.dib.storage < record.dib.storage
    })?;
    let (first, length) = (interval.dib.storage, interval.value().number()?);
    let length = i32::try_from(length.rescale(0)?)
        .ok()
        .filter(|length| *length > 0)?;
    let day = of_storage(first)??.day()?;
    let steps = i32::try_from(record.dib.storage - first).ok()?;
    let steps = steps.checked_mul(length)?;
    let steps = match direction(record, records, first)? {
        Ordering::Less => -steps,
        _ => steps,
    };
    let shifted: Option<Date> = match interval.vib.unit {
        Unit::Month => day.add_months(steps),
        Unit::Year => day.add_months(steps.checked_mul(12)?),
        Unit::Day => day.add_days(i64::from(steps)),
        _ => None,
    };
    shifted.map(Stamp::date)
}

/// Which way the values of a row run with rising storage numbers; `None` when they do not tell.
fn direction(record: &Record<'_>, records: &[Record<'_>], first: u64) -> Option<Ordering> {
    let row = records.iter().filter(|other| {
        other.dib.storage >= first
            && (other.dib.tariff, other.dib.subunit, other.dib.function)
                == (record.dib.tariff, record.dib.subunit, record.dib.function)
            && (other.vib.quantity, other.vib.unit) == (record.vib.quantity, record.vib.unit)
            && other.vib.qualifiers().eq(record.vib.qualifiers())
    });
    let mut row: Vec<(u64, Decimal)> = row
        .filter_map(|other| Some((other.dib.storage, other.value().number()?)))
        .collect();
    row.sort_unstable_by_key(|(storage, _)| *storage);
    let mut found = None;
    for pair in row.windows(2) {
        let [(_, a), (_, b)] = pair else { continue };
        match b.compare(*a) {
            Ordering::Equal => {}
            way if found.is_none() || found == Some(way) => found = Some(way),
            // Up and down: no counter.
            _ => return None,
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use wmbus::apl::{Item, Records};

    /// Storage 8 to 10 in litres, a month apart; storage 8 is dated 31 March 2026.
    fn dates(values: [u8; 3]) -> Vec<Option<String>> {
        let mut octets = vec![0x81, 0x04, 0xFD, 0x28, 0x01];
        for (dif, dife, value) in [
            (0x84, 0x04, values[0]),
            (0xC4, 0x04, values[1]),
            (0x84, 0x05, values[2]),
        ] {
            octets.extend([dif, dife, 0x13, value, 0, 0, 0]);
        }
        let records: Vec<_> = Records::new(&octets, 0)
            .filter_map(|item| match item {
                Item::Record(record) => Some(record),
                _ => None,
            })
            .collect();
        let first = Stamp::date(Date::new(2026, 3, 31).unwrap());
        let of_storage = |storage| (storage == 8).then_some(Some(first));
        records[2..]
            .iter()
            .map(|record| date(record, &records, of_storage).map(|at| at.to_string()))
            .collect()
    }

    #[test]
    fn falling_values_run_backwards_and_equal_ones_stay_undated() {
        assert_eq!(
            dates([9, 7, 7]),
            [Some("2026-02-28".into()), Some("2026-01-31".into())]
        );
        assert_eq!(
            dates([7, 8, 9]),
            [Some("2026-04-30".into()), Some("2026-05-31".into())]
        );
        assert_eq!(dates([7, 7, 7]), [None, None]);
        assert_eq!(dates([7, 9, 8]), [None, None]);
    }
}
