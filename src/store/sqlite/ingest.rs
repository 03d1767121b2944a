//! Ingest: a batch of telegrams becomes rows, each transmission once, whatever order and how often it comes.

use jiff::ToSpan;
use rusqlite::{OptionalExtension, params};

use super::archive::Filing;
use super::codes;
use super::repeat::Kept;
use super::repeat::Window;
use super::state::Gathered;
use super::write::{Batch, Fault, counter};
use super::{keys, layouts};
use crate::store::{Facts, Ingest, NO_VALUE, READ, REPLAYED, Redecoded, Source, StoredReading, Telegram};

/// Stores a batch.
pub(super) fn ingest(batch: &mut Batch<'_>, items: &[Ingest]) -> Result<(), Fault> {
    let mut gathered = Gathered::default();
    take(batch, &mut gathered, items)?;
    batch.put_now()?;
    gathered.store(batch.transaction)?;
    Ok(())
}

/// Stores batch after batch, each given back before the next one.
pub(super) fn ingest_together(
    batch: &mut Batch<'_>,
    next: &mut dyn FnMut(Option<Vec<Ingest>>) -> Option<Vec<Ingest>>,
) -> Result<(), Fault> {
    let mut gathered = Gathered::default();
    let mut taken = None;
    while let Some(items) = next(taken.take()) {
        take(batch, &mut gathered, &items)?;
        taken = Some(items);
    }
    batch.put_now()?;
    gathered.store(batch.transaction)?;
    Ok(())
}

/// Stores a batch, but for what is gathered of it.
pub(super) fn take(batch: &mut Batch<'_>, gathered: &mut Gathered, items: &[Ingest]) -> Result<(), Fault> {
    let wanted: Vec<(i64, i64, u64)> = items
        .iter()
        .filter_map(|item| match item {
            Ingest::Telegram(telegram) => Some((
                telegram.received_at.as_second(),
                telegram.meter.0,
                telegram.digest,
            )),
            Ingest::Stranger(_) | Ingest::Again(_) | Ingest::Proof(_) | Ingest::Layout(_) => None,
        })
        .collect();
    let mut window = Window::load(batch.transaction, &wanted)?;
    batch.packed_near(&wanted, &mut window)?;
    let mut filing = Filing::default();
    let floor = counter(batch.transaction, "raw_floor")?.unwrap_or(i64::MIN);
    for item in items {
        match item {
            Ingest::Telegram(telegram)
                if batch
                    .memory
                    .erased
                    .telegram(telegram.meter.0, telegram.received_at.as_second()) =>
            {
                batch.report.erased_telegrams += 1;
            }
            Ingest::Telegram(telegram) => {
                batch.known(telegram.meter.0)?;
                if telegram.received_at.as_second() < floor {
                    expired(batch, gathered, telegram)?;
                } else {
                    keep(batch, &mut window, &mut filing, gathered, telegram)?;
                }
            }
            Ingest::Stranger(sighting) => {
                let at = sighting.received_at.as_second();
                let radio = batch.radio(&sighting.radio, at)?;
                gathered.radio(radio, at, 0);
                gathered.stranger(batch.transaction, sighting, radio)?;
                batch.report.strangers += 1;
            }
            Ingest::Again(item) => {
                filing.end(batch)?;
                again(batch, gathered, item, true)?;
            }
            Ingest::Proof(proof) => keys::prove(batch.transaction, batch.vault, proof)?,
            Ingest::Layout(learnt) => layouts::put(batch.transaction, learnt)?,
        }
    }
    filing.end(batch)?;
    Ok(())
}

/// Stores what archived telegrams say when they are read once more.
pub(super) fn redecoded(batch: &mut Batch<'_>, items: &[Redecoded]) -> Result<(), Fault> {
    let mut gathered = Gathered::default();
    for item in items {
        again(batch, &mut gathered, item, false)?;
    }
    batch.put_now()?;
    gathered.store(batch.transaction)?;
    Ok(())
}

/// Puts a new judgement of a kept telegram; `softly` never over a better one, nor where it is not kept.
fn again(
    batch: &mut Batch<'_>,
    gathered: &mut Gathered,
    item: &Redecoded,
    softly: bool,
) -> Result<(), Fault> {
    let (received_at, digest) = (item.key.received_at.as_second(), item.key.digest);
    let row = |batch: &Batch<'_>| {
        batch
            .transaction
            .prepare_cached(
                "SELECT outcome, radio, rssi_dbm FROM telegram
                 WHERE received_at = ?1 AND meter = ?2 AND digest = ?3",
            )?
            .query_row(
                params![received_at, item.key.meter.0, codes::signed(digest)],
                |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
            )
            .optional()
    };
    let mut found = row(batch)?;
    if found.is_none() && batch.unpack(item.key)? {
        found = row(batch)?;
    }
    let Some((before, radio, rssi_dbm)) = found else {
        // Left the archive between reading and writing: as if it had never been asked for.
        batch.report.expired += u64::from(!softly);
        return Ok(());
    };
    if softly && matches!(before, READ_ID | NO_VALUE_ID) {
        return Ok(());
    }
    let source = Telegram {
        meter: item.key.meter,
        received_at: item.key.received_at,
        assumed: false,
        digest,
        octets: Vec::new(),
        radio: "".into(),
        rssi_dbm,
        outcome: item.outcome.clone(),
        evidence: item.evidence.clone(),
        facts: item.facts.clone(),
        readings: Vec::new(),
    };
    let kept = Kept {
        received_at,
        outcome: before,
    };
    recover(batch, gathered, &source, kept, radio)?;
    readings(batch, gathered, item.key.meter.0, &item.readings)
}

/// A telegram that the archive takes, unless it is there already.
fn keep<'i>(
    batch: &mut Batch<'_>,
    window: &mut Window,
    filing: &mut Filing<'i>,
    gathered: &mut Gathered,
    telegram: &'i Telegram,
) -> Result<(), Fault> {
    let (meter, received_at) = (telegram.meter.0, telegram.received_at.as_second());
    let radio = batch.radio(&telegram.radio, received_at)?;
    if let Some(kept) = window.find(meter, telegram.digest, received_at) {
        filing.end(batch)?;
        gathered.radio(radio, received_at, 0);
        gathered.louder(batch, kept.key(telegram), telegram.rssi_dbm)?;
        // A recording stays one when it is heard again, or read from a file once more: what its meter said since is not
        // known to whoever begins in the middle. An operator who knows better reads the archive again.
        let refused = batch.known_outcome(REPLAYED)? == Some(kept.outcome);
        if refused || !better(&telegram.outcome, kept.outcome) {
            batch.report.duplicates += 1;
            return Ok(());
        }
        // It could not be read then, and now it can: the key came, or the layout was learnt.
        batch.report.recovered += 1;
        recover(batch, gathered, telegram, kept, radio)?;
        let outcome = batch.outcome(&telegram.outcome)?;
        window.set_outcome(meter, telegram.digest, kept.received_at, outcome);
        // It is filed under the instant of the copy that is kept, and so are its values: read again, they would stand beside.
        let shift = kept.received_at.saturating_sub(received_at).seconds();
        let filed: Vec<StoredReading> = telegram
            .readings
            .iter()
            .map(|reading| match (reading.source, reading.stamp) {
                (Source::Live, None) => StoredReading {
                    at: reading.at.saturating_add(shift).unwrap_or(reading.at),
                    ..*reading
                },
                _ => *reading,
            })
            .collect();
        return readings(batch, gathered, meter, &filed);
    }
    let outcome = batch.outcome(&telegram.outcome)?;
    filing.add(batch, telegram, radio, outcome)?;
    batch.report.telegrams += 1;
    window.add(meter, telegram.digest, Kept { received_at, outcome });
    gathered.radio(radio, received_at, 1);
    gathered.telegram(telegram, received_at, radio, outcome, 1);
    gathered.outcome(meter, outcome, received_at, 1);
    facts(gathered, telegram, received_at);
    readings(batch, gathered, meter, &telegram.readings)
}

/// A telegram older than what the archive keeps: its values count, its octets would be thrown away at once.
fn expired(batch: &mut Batch<'_>, gathered: &mut Gathered, telegram: &Telegram) -> Result<(), Fault> {
    let (meter, received_at) = (telegram.meter.0, telegram.received_at.as_second());
    let radio = batch.radio(&telegram.radio, received_at)?;
    gathered.radio(radio, received_at, 0);
    batch.memory.expired.forget_far_from(received_at);
    match batch.memory.expired.find(meter, telegram.digest, received_at) {
        Some(kept) if !better(&telegram.outcome, kept.outcome) => {
            batch.report.duplicates += 1;
            return Ok(());
        }
        _ => {}
    }
    let outcome = batch.outcome(&telegram.outcome)?;
    let kept = Kept { received_at, outcome };
    batch.memory.expired.add(meter, telegram.digest, kept);
    batch.report.expired += 1;
    gathered.telegram(telegram, received_at, radio, outcome, 0);
    facts(gathered, telegram, received_at);
    readings(batch, gathered, meter, &telegram.readings)
}

/// Puts a better outcome in the place of the one that is kept.
fn recover(
    batch: &mut Batch<'_>,
    gathered: &mut Gathered,
    telegram: &Telegram,
    kept: Kept,
    radio: i64,
) -> Result<(), Fault> {
    let meter = telegram.meter.0;
    let outcome = batch.outcome(&telegram.outcome)?;
    let plain = outcome == READ_ID && telegram.evidence.is_none();
    if !plain || !batch.read_packed(kept.key(telegram))? {
        batch
            .transaction
            .prepare_cached(
                "UPDATE telegram SET outcome = ?4, evidence = ?5
             WHERE received_at = ?1 AND meter = ?2 AND digest = ?3",
            )?
            .execute(params![
                kept.received_at,
                meter,
                codes::signed(telegram.digest),
                outcome,
                telegram.evidence,
            ])?;
    }
    if outcome != kept.outcome {
        gathered.outcome(meter, kept.outcome, kept.received_at, -1);
        gathered.outcome(meter, outcome, kept.received_at, 1);
    }
    gathered.telegram(telegram, kept.received_at, radio, outcome, 0);
    facts(gathered, telegram, kept.received_at);
    Ok(())
}

fn facts(gathered: &mut Gathered, telegram: &Telegram, received_at: i64) {
    let Facts { more, .. } = &telegram.facts;
    gathered.facts(telegram.meter.0, more, received_at);
}

fn readings(
    batch: &mut Batch<'_>,
    gathered: &mut Gathered,
    meter: i64,
    readings: &[StoredReading],
) -> Result<(), Fault> {
    let mut earliest: Option<i64> = None;
    for reading in readings {
        batch.reading(crate::store::MeterId(meter), reading)?;
        if reading.source == Source::Live {
            let at = reading.at.as_second();
            earliest = Some(earliest.map_or(at, |earliest| earliest.min(at)));
        }
    }
    if let Some(at) = earliest {
        gathered.live(meter, at);
    }
    Ok(())
}

/// Whether an outcome says more than the kept one of that id: values more than none, none more than not being opened.
fn better(outcome: &str, kept: i64) -> bool {
    match kept {
        READ_ID => false,
        NO_VALUE_ID => outcome == READ,
        _ => outcome == READ || outcome == NO_VALUE,
    }
}

/// The ids that the first migration gives to [`READ`] and [`NO_VALUE`].
pub(super) const READ_ID: i64 = 1;
pub(super) const NO_VALUE_ID: i64 = 2;
