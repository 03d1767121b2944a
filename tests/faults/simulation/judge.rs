//! What must hold, whatever happened.

use std::collections::{BTreeMap, HashMap, HashSet};

use decoders::reading::{Kind, Quantity};
use jiff::Timestamp;
use releve::store::{
    ArchiveQuery, ArchivedTelegram, Aspect, MeterId, ReadingQuery, ReadingRow, Source, SqliteStore, Store,
    Telegram,
};

use super::air::Truth;

/// Copies of one transmission lie within half a minute.
const APART: u64 = 30;

pub(super) fn archive(store: &SqliteStore) -> Vec<ArchivedTelegram> {
    let query = ArchiveQuery {
        limit: usize::MAX >> 1,
        ..ArchiveQuery::default()
    };
    store.archive(&query).unwrap()
}

fn readings(store: &SqliteStore, meter: MeterId) -> Vec<ReadingRow> {
    let query = ReadingQuery {
        meter,
        channel: None,
        from: Timestamp::MIN,
        until: Timestamp::MAX,
        source: None,
        after: None,
        limit: usize::MAX >> 1,
    };
    store.readings(&query).unwrap()
}

/// Nothing that was reported as stored is gone or says less; and its values are there.
pub(super) fn committed_is_kept(store: &SqliteStore, committed: &[Telegram]) {
    let mut kept: HashMap<(MeterId, u64), Vec<ArchivedTelegram>> = HashMap::new();
    for telegram in archive(store) {
        kept.entry((telegram.key.meter, telegram.key.digest))
            .or_default()
            .push(telegram);
    }
    let mut values: HashMap<MeterId, HashMap<(Timestamp, Source), Vec<i64>>> = HashMap::new();
    for telegram in committed {
        let near: Vec<_> = kept
            .get(&(telegram.meter, telegram.digest))
            .into_iter()
            .flatten()
            .filter(|kept| apart(kept.key.received_at, telegram.received_at) <= APART)
            .collect();
        assert!(
            !near.is_empty(),
            "{:?} at {} is gone",
            telegram.meter,
            telegram.received_at
        );
        if telegram.outcome != "read" {
            continue;
        }
        assert!(
            near.iter().any(|kept| kept.outcome == "read"),
            "{:?} at {} was read and is not any more",
            telegram.meter,
            telegram.received_at
        );
        if near
            .iter()
            .all(|kept| kept.key.received_at != telegram.received_at)
        {
            continue;
        }
        let values = values.entry(telegram.meter).or_insert_with(|| {
            let mut values: HashMap<_, Vec<i64>> = HashMap::new();
            for row in readings(store, telegram.meter) {
                values
                    .entry((row.reading.at, row.reading.source))
                    .or_default()
                    .push(row.reading.value);
            }
            values
        });
        for reading in &telegram.readings {
            let at = Timestamp::from_second(reading.at.as_second()).unwrap();
            let there = values
                .get(&(at, reading.source))
                .is_some_and(|values| values.contains(&reading.value));
            assert!(there, "{:?}: {reading:?} is gone", telegram.meter);
        }
    }
}

fn apart(one: Timestamp, other: Timestamp) -> u64 {
    one.duration_since(other).as_secs().unsigned_abs()
}

/// Each live index is what that very meter showed in that very second.
pub(super) fn only_what_is_true(store: &SqliteStore, truth: &Truth) {
    let mut checked = 0_u64;
    for meter in store.meters(None, 10_000).unwrap() {
        let serial = meter.printed_serial.clone().unwrap();
        for row in readings(store, meter.id) {
            let row = row.reading;
            let channel = row.channel;
            let is_index = channel.aspect == Aspect::Index && channel.kind == Kind::Absolute;
            let is_ours = matches!(channel.quantity, Quantity::Volume | Quantity::HeatCost);
            if row.source != Source::Live || !is_index || !is_ours {
                continue;
            }
            let (quantity, value) = truth.get(&(serial.clone(), row.at)).unwrap_or_else(|| {
                let near: Vec<_> = archive(store)
                    .into_iter()
                    .filter(|kept| kept.key.meter == meter.id && apart(kept.key.received_at, row.at) <= 3600)
                    .map(|kept| {
                        let octets: String = kept.octets.iter().map(|octet| format!("{octet:02X}")).collect();
                        format!("{} {} {octets}", kept.key.received_at, kept.outcome)
                    })
                    .collect();
                panic!(
                    "{serial} at {}: nobody sent {}; of that hour the archive has {near:#?}",
                    row.at, row.value
                )
            });
            assert_eq!(
                channel.quantity,
                Quantity::from_name(quantity).unwrap(),
                "{serial}"
            );
            assert_eq!(row.value, *value, "{serial} at {}", row.at);
            checked += 1;
        }
    }
    assert!(checked > 0, "no value was compared");
}

/// What is counted is what is there.
pub(super) fn counts_add_up(store: &SqliteStore) {
    let archive = archive(store);
    let sum = archive.len() as u64;
    let mut by_outcome: BTreeMap<String, u64> = BTreeMap::new();
    let mut by_meter: BTreeMap<MeterId, u64> = BTreeMap::new();
    for telegram in &archive {
        *by_outcome.entry(telegram.outcome.clone()).or_default() += 1;
        *by_meter.entry(telegram.key.meter).or_default() += 1;
    }
    let counted: BTreeMap<String, u64> = store
        .outcome_totals()
        .unwrap()
        .into_iter()
        .filter(|count| count.telegrams > 0)
        .map(|count| (count.outcome, count.telegrams))
        .collect();
    assert_eq!(counted, by_outcome);
    let states: BTreeMap<MeterId, u64> = store
        .meter_states(None, 10_000)
        .unwrap()
        .into_iter()
        .map(|state| (state.meter, state.telegrams))
        .collect();
    assert_eq!(states, by_meter);
    let radios: u64 = store.radios().unwrap().iter().map(|radio| radio.telegrams).sum();
    assert_eq!(radios, sum);
    assert_eq!(store.counts().unwrap().telegrams, sum);
    assert!(store.contradictions().unwrap().is_empty());
}

/// All that a store holds of telegrams and readings, as lines.
pub(super) fn content(store: &SqliteStore) -> Vec<String> {
    let mut lines: Vec<String> = archive(store)
        .iter()
        .map(|telegram| format!("{telegram:?}"))
        .collect();
    for meter in store.meters(None, 10_000).unwrap() {
        lines.extend(readings(store, meter.id).iter().map(|row| format!("{row:?}")));
        lines.push(format!("{:?}", store.meter_state(meter.id).unwrap()));
        lines.push(format!("{:?}", store.outcomes(meter.id).unwrap()));
    }
    lines
}

pub(super) fn equal(before: &[String], after: &[String], when: &str) {
    for (before, after) in before.iter().zip(after) {
        assert_eq!(before, after, "{when}");
    }
    assert_eq!(before.len(), after.len(), "{when}");
}

/// Two stores that heard the same hold the same. Of copies within half a minute the first to come gives the instant.
pub(super) fn same(got: &SqliteStore, wanted: &SqliteStore) {
    let transmissions = |store: &SqliteStore| -> BTreeMap<(MeterId, u64), Vec<(Timestamp, String)>> {
        let mut all: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for telegram in archive(store) {
            let place = all.entry((telegram.key.meter, telegram.key.digest)).or_default();
            place.push((telegram.key.received_at, telegram.outcome));
        }
        all
    };
    let (got_sent, wanted_sent) = (transmissions(got), transmissions(wanted));
    for (key, wanted) in &wanted_sent {
        let got = got_sent
            .get(key)
            .unwrap_or_else(|| panic!("{key:?} {wanted:?} is missing"));
        let alike = got.len() == wanted.len()
            && got
                .iter()
                .zip(wanted)
                .all(|(got, wanted)| apart(got.0, wanted.0) <= APART && got.1 == wanted.1);
        assert!(alike, "{key:?}: {got:?} instead of {wanted:?}");
    }
    assert_eq!(got_sent.len(), wanted_sent.len());
    for meter in wanted.meters(None, 10_000).unwrap() {
        let rows = |store: &SqliteStore| -> Vec<(String, Source, Timestamp, i64, String)> {
            let mut rows: Vec<_> = readings(store, meter.id)
                .into_iter()
                .map(|row| {
                    let row = row.reading;
                    let more = format!("{:?} {:?}", row.flags, row.stamp);
                    (format!("{:?}", row.channel), row.source, row.at, row.value, more)
                })
                .collect();
            rows.sort();
            rows
        };
        let (got, wanted) = (rows(got), rows(wanted));
        assert_eq!(
            got.len(),
            wanted.len(),
            "{:?}: {:?}",
            meter.address,
            difference(&got, &wanted)
        );
        for (got, wanted) in got.iter().zip(&wanted) {
            let near = if got.1 == Source::Live { APART } else { 0 };
            let alike = got.0 == wanted.0
                && got.1 == wanted.1
                && apart(got.2, wanted.2) <= near
                && got.3 == wanted.3
                && got.4 == wanted.4;
            assert!(alike, "{:?}: {got:?} instead of {wanted:?}", meter.address);
        }
    }
}

fn difference<T: Clone + Eq + std::hash::Hash + std::fmt::Debug>(got: &[T], wanted: &[T]) -> Vec<T> {
    let (one, other): (HashSet<_>, HashSet<_>) =
        (got.iter().cloned().collect(), wanted.iter().cloned().collect());
    one.symmetric_difference(&other).take(6).cloned().collect()
}
