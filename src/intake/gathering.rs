//! What was heard becomes rows: pipeline, batch and store, without threads, receivers or clocks. The daemon leads it through
//! its days; a test leads it through days that never were.

use std::collections::BTreeMap;
use std::sync::Arc;

use collector::{Check, Telegram};
use decoders::Families;
use jiff::Timestamp;
use tracing::{info, warn};
use wmbus::FrameFormat;

use crate::config::Accept;
use crate::logging::Often;
use crate::pipeline::{Outcome, Pipeline, Seen};
use crate::registry::{Change, Directory, Meter, MeterAddress, MeterId};
use crate::store::{Ingest, Store, StoreError};

/// A pipeline, and the batch that waits to be committed.
pub struct Gathering {
    store: Arc<dyn Store>,
    pipeline: Pipeline,
    /// The version of the registry that the pipeline knows; `None` when it is to be read once more.
    registry_version: Option<u64>,
    accept: Accept,
    batch: Vec<Ingest>,
    outcomes: BTreeMap<&'static str, u64>,
    unadopted: Often,
    unread: Often,
}

impl Gathering {
    /// Begins with what the store knows.
    ///
    /// # Errors
    /// The registry can't be read, or the store is damaged.
    pub fn new(store: Arc<dyn Store>, families: Families, accept: Accept) -> Result<Self, StoreError> {
        // Of what an earlier daemon heard last the pipeline must know, too. A full disk is no reason not to listen: that is
        // then made up for as soon as something can be stored.
        let settled = match store.settle() {
            Ok(_) => true,
            Err(error) if error.is_damage() => return Err(error),
            Err(error) => {
                warn!(event = "inbox.unsettled", %error, "what an earlier daemon heard last is not known yet");
                false
            }
        };
        // The version first: what changes in between is then read once more, and not missed.
        let registry_version = Some(store.registry_version()?).filter(|_| settled);
        let pipeline = Pipeline::on(&*store, families)?;
        info!(
            event = "registry.read",
            meters = pipeline.meters(),
            "registry read"
        );
        Ok(Self {
            store,
            pipeline,
            registry_version,
            accept,
            batch: Vec::new(),
            outcomes: BTreeMap::new(),
            unadopted: Often::new(),
            unread: Often::new(),
        })
    }

    /// Takes one telegram into the batch. `now` is the instant it is filed under when nobody timed it.
    pub fn take(&mut self, telegram: &Telegram, now: Timestamp) {
        let mut seen = self.pipeline.take(telegram, now);
        if seen.outcome == Outcome::Unregistered && self.accept == Accept::All {
            match self.adopt(&seen) {
                Ok(()) => seen = self.pipeline.take(telegram, now),
                Err(error) => {
                    if let Some(times) = self.unadopted.again() {
                        warn!(event = "registry.unadopted", %error, times, "a meter could not be registered");
                    }
                }
            }
        }
        for seen in seen.each() {
            *self.outcomes.entry(seen.outcome.code()).or_default() += 1;
            self.batch.extend(seen.into_ingest());
        }
    }

    /// What waits to be committed, in its order.
    pub fn batch(&self) -> &[Ingest] {
        &self.batch
    }

    /// The telegrams in the batch, as a receiver gives them.
    pub fn telegrams(&self) -> Vec<Telegram> {
        let telegrams = self.batch.iter().filter_map(|item| match item {
            Ingest::Telegram(kept) => Some(kept),
            _ => None,
        });
        telegrams
            .map(|kept| {
                // Without check sums they had been looked at by whoever took them off.
                let stripped = wmbus::phy::strip(&kept.octets)
                    .map_or(true, |frame| frame.format == FrameFormat::Stripped);
                let check = if stripped { Check::Receiver } else { Check::Nobody };
                Telegram {
                    received_at: (!kept.assumed).then_some(kept.received_at),
                    rssi_dbm: kept.rssi_dbm,
                    ..Telegram::new(kept.octets.clone(), check, kept.radio.clone())
                }
            })
            .collect()
    }

    /// How many telegrams ended on which pile since it began, by code.
    pub fn outcomes(&self) -> &BTreeMap<&'static str, u64> {
        &self.outcomes
    }

    /// Commits the batch: all of it is durable when this returns.
    ///
    /// # Errors
    /// The store refuses. The batch waits, and is tried whole again.
    pub fn commit(&mut self) -> Result<(), StoreError> {
        if !self.batch.is_empty() {
            self.store.hear(&self.batch)?;
            self.batch.clear();
        }
        Ok(())
    }

    /// An import by another process counts from the next telegram on.
    pub fn follow_registry(&mut self) {
        let changed = self.store.registry_version().and_then(|version| {
            if Some(version) == self.registry_version {
                return Ok(());
            }
            let meters = self.register()?;
            info!(event = "registry.read_again", meters, "registry read again");
            self.registry_version = Some(version);
            Ok(())
        });
        if let Err(error) = changed
            && let Some(times) = self.unread.again()
        {
            warn!(event = "registry.unread", %error, times, "the registry could not be read again");
        }
    }

    /// Reads the directory again; how many meters it has.
    ///
    /// # Errors
    /// It can't be read; what was known still holds.
    pub fn register(&mut self) -> Result<usize, StoreError> {
        // The directory says how far each meter's counter is.
        self.store.settle()?;
        let directory = Directory::new(self.store.directory()?);
        let meters = directory.len();
        self.pipeline.register(directory);
        Ok(meters)
    }

    /// Takes other families, and whose telegrams are kept.
    pub fn teach(&mut self, families: Families, accept: Accept) {
        self.pipeline.teach(families);
        self.accept = accept;
    }

    /// Registers a meter on the spot (`accept = "all"`).
    fn adopt(&mut self, seen: &Seen) -> Result<(), StoreError> {
        let Some(address) = seen.meter else { return Ok(()) };
        let registry = self.store.registry()?;
        let id = MeterId(registry.meters.iter().map(|meter| meter.id.0).max().unwrap_or(0) + 1);
        let meter = Meter {
            id,
            address: MeterAddress::from(address),
            printed_serial: None,
        };
        self.store.apply(registry.version, &[Change::Meter(meter)])?;
        info!(event = "registry.adopted", meter = %address, "registered on the spot");
        self.registry_version = Some(self.store.registry_version()?);
        self.register()?;
        Ok(())
    }
}
