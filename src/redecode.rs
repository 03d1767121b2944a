//! Redecode: the archive, read again with the keys, pages and layouts known by now. Only what changes is written.
//!
//! ```text
//! archive, in order ─► pipeline ─► compared with what is stored ─► store
//! ```
//!
//! What was read once is never given up: when a telegram says less today, because a key or a page is missing, its outcome
//! stays. Live values that were thinned away are not brought back.

use std::collections::{BTreeMap, HashMap, HashSet};

use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

use crate::pipeline::{Outcome, Pipeline};
use crate::registry::MeterId;
use crate::store::{
    ArchiveQuery, ArchivedTelegram, Channel, ChannelId, Facts, IngestReport, NO_VALUE, READ, ReadingKey,
    ReadingQuery, Redecoded, Source, Store, StoreError, StoredReading, TelegramKey, Word,
};

/// Which telegrams may change. All are read, since layouts and fragments come with the others.
#[derive(Clone, Debug, Default)]
pub struct Scope {
    /// Of one meter only.
    pub meter: Option<MeterId>,
    /// With one of these outcomes only; empty for all.
    pub outcomes: Vec<&'static str>,
}

/// Outcome before and after, by code.
pub type Turn = (String, String);

/// What came of it. Everything it counts as changed is durable.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Telegrams of the archive that were asked for.
    pub telegrams: u64,
    /// Those whose record changed: the outcome, or with the same outcome further readings or another reason.
    pub changed: BTreeMap<Turn, u64>,
    /// Those that would say less today, and were kept as they are.
    pub kept: BTreeMap<Turn, u64>,
    /// Those that would go to another meter today, or to none; kept as they are.
    pub elsewhere: u64,
    /// Meters whose conditions, clock or facts are understood differently.
    pub described: u64,
    /// What the store did with the readings.
    pub stored: IngestReport,
}

/// Reads the archive again; `step` hears how many telegrams have been read.
///
/// # Errors
/// The store can't be read or written; what was committed before stays, and another run goes on from there.
pub fn redecode(
    store: &dyn Store,
    pipeline: Pipeline,
    scope: &Scope,
    mut step: impl FnMut(u64),
) -> Result<Report, StoreError> {
    let pipeline = pipeline.from_the_beginning();
    store.settle()?;
    let zones = store.directory()?.into_iter().map(|entry| {
        let zone = TimeZone::get(&entry.time_zone).unwrap_or(TimeZone::UTC);
        (entry.meter.id, zone)
    });
    let mut walk = Walk {
        store,
        pipeline,
        scope,
        known: Known {
            store,
            zones: zones.collect(),
            channels: HashMap::new(),
            seen: HashSet::new(),
        },
        latest: HashMap::new(),
        waiting: HashMap::new(),
        report: Report::default(),
    };
    walk.pass(&[], &mut step)?;
    // A compact frame may have come before the full one that shows its layout.
    walk.pass(&[Outcome::CompactLayoutUnknown.code()], &mut |_| ())?;
    walk.describe()?;
    Ok(walk.report)
}

struct Walk<'a> {
    store: &'a dyn Store,
    pipeline: Pipeline,
    scope: &'a Scope,
    known: Known<'a>,
    /// The latest opened telegram of each meter, without its readings.
    latest: HashMap<MeterId, (TelegramKey, Word, Facts)>,
    /// Fragments whose message is not complete yet.
    waiting: HashMap<TelegramKey, Before>,
    report: Report,
}

/// What the archive says of a telegram.
struct Before {
    outcome: String,
    evidence: Option<String>,
}

impl Walk<'_> {
    /// Walks the archive, or what is left unread in one way for a second look.
    fn pass(&mut self, outcomes: &[&str], step: &mut dyn FnMut(u64)) -> Result<(), StoreError> {
        let second_look = !outcomes.is_empty();
        let (mut after, mut done) = (None, 0);
        loop {
            let page = self.store.archive(&ArchiveQuery {
                meter: None,
                outcomes,
                after,
                limit: PAGE,
            })?;
            let Some(last) = page.last() else { return Ok(()) };
            after = Some(last.key);
            done += page.len() as u64;
            let mut batch = Vec::new();
            for archived in &page {
                batch.extend(self.again(archived, second_look)?);
            }
            if !batch.is_empty() {
                self.report.stored.add(self.store.redecoded(&batch)?);
            }
            step(done);
        }
    }

    /// What is to be written when one telegram has been read: of it, and of the fragments that waited for it.
    fn again(
        &mut self,
        archived: &ArchivedTelegram,
        second_look: bool,
    ) -> Result<Vec<Redecoded>, StoreError> {
        let again = self.pipeline.take_again(archived);
        let named = self.scope.outcomes.iter().any(|code| *code == archived.outcome);
        // A recording stays refused until somebody asks for it by name.
        let open = self.scope.outcomes.is_empty() && archived.outcome != Outcome::Replayed.code();
        let asked = self.scope.meter.is_none_or(|meter| meter == archived.key.meter) && (named || open);
        self.report.telegrams += u64::from(asked && !second_look);
        let Some(again) = again else {
            self.report.elsewhere += u64::from(asked && !second_look);
            return Ok(Vec::new());
        };
        let mut news = Vec::new();
        for fragment in again.settled {
            if let Some(before) = self.waiting.remove(&fragment.key) {
                news.extend(self.judge(&before, fragment, second_look)?);
            }
        }
        let before = Before {
            outcome: archived.outcome.clone(),
            evidence: archived.evidence.clone(),
        };
        if asked && again.waits {
            self.waiting.insert(archived.key, before);
        } else if asked {
            news.extend(self.judge(&before, again.telegram, second_look)?);
        }
        Ok(news)
    }

    /// What is to be written of one telegram, if anything.
    fn judge(
        &mut self,
        archived: &Before,
        mut read: Redecoded,
        second_look: bool,
    ) -> Result<Option<Redecoded>, StoreError> {
        let (before, now) = (worth(&archived.outcome), worth(&read.outcome));
        let turn = (archived.outcome.clone(), read.outcome.to_string());
        if now < before || (second_look && now == before) {
            // The layout of a compact frame may come later, as it did then.
            if !second_look && *read.outcome != *Outcome::CompactLayoutUnknown.code() {
                *self.report.kept.entry(turn).or_default() += 1;
            }
            return Ok(None);
        }
        if read.facts.opened {
            let latest = (read.key, read.outcome.clone(), read.facts.clone());
            self.latest.insert(read.key.meter, latest);
        }
        let changed = if *archived.outcome == *read.outcome {
            let readings = std::mem::take(&mut read.readings);
            for reading in readings {
                if self.known.is_news(read.key.meter, &reading)? {
                    read.readings.push(reading);
                }
            }
            !read.readings.is_empty() || archived.evidence != read.evidence
        } else {
            true
        };
        if !changed {
            return Ok(None);
        }
        *self.report.changed.entry(turn).or_default() += 1;
        Ok(Some(read))
    }

    /// Conditions, clock and facts of each meter, where its latest telegram is understood differently now.
    fn describe(&mut self) -> Result<(), StoreError> {
        let mut batch = Vec::new();
        let mut latest: Vec<_> = self.latest.drain().map(|(_, latest)| latest).collect();
        latest.sort_unstable_by_key(|(key, ..)| *key);
        for (key, outcome, facts) in latest {
            if is_described(self.store, key, &facts)? {
                continue;
            }
            batch.push(Redecoded {
                key,
                outcome,
                evidence: None,
                facts,
                readings: Vec::new(),
            });
        }
        self.report.described = batch.len() as u64;
        for batch in batch.chunks(PAGE) {
            self.store.redecoded(batch)?;
        }
        Ok(())
    }
}

/// Whether the store knows of a meter what its latest telegram says, or something later.
fn is_described(store: &dyn Store, key: TelegramKey, facts: &Facts) -> Result<bool, StoreError> {
    let state = store.meter_state(key.meter)?;
    let same_state = state.is_some_and(|state| match state.opened_at {
        Some(at) if at > key.received_at => true,
        Some(at) if at < key.received_at => false,
        Some(_) => state.status == facts.status && state.device_time == facts.device_time,
        None => false,
    });
    if !same_state {
        return Ok(false);
    }
    let known = store.facts(key.meter)?;
    Ok(facts.more.iter().all(|(name, value)| {
        known
            .iter()
            .any(|fact| *fact.name == **name && (fact.at, &*fact.value) >= (key.received_at, &**value))
    }))
}

/// Values more than none, none more than not being opened.
fn worth(outcome: &str) -> u8 {
    match outcome {
        READ => 2,
        NO_VALUE => 1,
        _ => 0,
    }
}

/// What the store has already.
struct Known<'a> {
    store: &'a dyn Store,
    zones: HashMap<MeterId, TimeZone>,
    channels: HashMap<MeterId, HashMap<Channel, ChannelId>>,
    /// Stored registers, which come again with each telegram: found, or on their way.
    seen: HashSet<(MeterId, Channel, Timestamp, Source, i64)>,
}

impl Known<'_> {
    /// Whether the store would add this reading, or note that it contradicts what is there.
    fn is_news(&mut self, meter: MeterId, reading: &StoredReading) -> Result<bool, StoreError> {
        let place = (meter, reading.channel, reading.at, reading.source, reading.value);
        if self.seen.contains(&place) {
            return Ok(false);
        }
        let news = self.is_missing(meter, reading)?;
        if reading.source != Source::Live || news {
            if self.seen.len() >= REMEMBERED {
                self.seen.clear();
            }
            self.seen.insert(place);
        }
        Ok(news)
    }

    fn is_missing(&mut self, meter: MeterId, reading: &StoredReading) -> Result<bool, StoreError> {
        let Some(channel) = self.channel(meter, &reading.channel)? else {
            return Ok(true);
        };
        let between = |from, until| ReadingQuery {
            meter,
            channel: Some(channel),
            from,
            until,
            source: Some(reading.source),
            after: None,
            limit: 1,
        };
        let next = later(reading.at);
        if let Some(row) = self.store.readings(&between(reading.at, next))?.first() {
            if row.reading.value == reading.value {
                return Ok(false);
            }
            let key = ReadingKey {
                channel,
                at: reading.at,
                source: reading.source,
            };
            return Ok(!self.store.conflicts(meter, key)?.contains(&reading.value));
        }
        if reading.source != Source::Live {
            return Ok(true);
        }
        // Between the first and the last of its day it was thinned away, or would be.
        let zone = self.zones.get(&meter).cloned().unwrap_or(TimeZone::UTC);
        let local = reading.at.to_zoned_datetime(zone);
        let (Ok(start), Ok(end)) = (local.start_of_day(), local.end_of_day()) else {
            return Ok(true);
        };
        let before = self.store.readings(&between(start.timestamp(), reading.at))?;
        let after = self.store.readings(&between(next, later(end.timestamp())))?;
        Ok(before.is_empty() || after.is_empty())
    }

    /// The id of a meter's channel; looked up again when it is not known yet, since this walk adds some.
    fn channel(&mut self, meter: MeterId, channel: &Channel) -> Result<Option<ChannelId>, StoreError> {
        let known = self.channels.entry(meter).or_default();
        if let Some(id) = known.get(channel) {
            return Ok(Some(*id));
        }
        *known = self
            .store
            .channels(meter)?
            .into_iter()
            .map(|(id, channel)| (channel, id))
            .collect();
        Ok(known.get(channel).copied())
    }
}

/// The second after.
fn later(at: Timestamp) -> Timestamp {
    at.saturating_add(1.second()).unwrap_or(Timestamp::MAX)
}

/// Telegrams of one page, and of one transaction.
const PAGE: usize = 4000;
/// At most so many stored registers are remembered.
const REMEMBERED: usize = 100_000;
