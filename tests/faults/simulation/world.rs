//! One world: a building, its air, a store that fails, and a daemon that is led through it.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use collector::{Check, Telegram};
use decoders::Families;
use jiff::{Timestamp, ToSpan};
use releve::config::Accept;
use releve::intake::Gathering;
use releve::pipeline::{Outcome, Pipeline};
use releve::redecode::{Scope, redecode};
use releve::registry::import::{self, Format};
use releve::registry::{Change, MeterId, MeterKey, Registry};
use releve::simulate::{Building, Events, Plan, registry_list};
use releve::store::{Ingest, SqliteStore, Store, Telegram as Kept};
use wmbus::Key;

use super::air::{self, Delivery, Truth};
use super::judge;
use super::refusing::Refusing;
use crate::luck::Luck;
use crate::stored::{files_of, remove};

/// What happened, for the report.
#[derive(Clone, Debug, Default)]
pub(super) struct Figures {
    pub(super) deliveries: u64,
    pub(super) committed: u64,
    pub(super) settled: u64,
    pub(super) refused: u64,
    pub(super) crashes: u64,
    pub(super) closed: u64,
    pub(super) lost_in_memory: u64,
    pub(super) damaged: u64,
    pub(super) recordings: u64,
    pub(super) late_keys: u64,
    pub(super) late_meters: u64,
    pub(super) unread: u64,
    pub(super) readings: u64,
}

impl Figures {
    pub(super) fn add(&mut self, other: &Self) {
        self.deliveries += other.deliveries;
        self.committed += other.committed;
        self.settled += other.settled;
        self.refused += other.refused;
        self.crashes += other.crashes;
        self.closed += other.closed;
        self.lost_in_memory += other.lost_in_memory;
        self.damaged += other.damaged;
        self.recordings += other.recordings;
        self.late_keys += other.late_keys;
        self.late_meters += other.late_meters;
        self.unread += other.unread;
        self.readings += other.readings;
    }
}

pub(super) struct World {
    luck: Luck,
    folder: Folder,
    families: Families,
    /// All changes that make the registry, in their order.
    changes: Vec<Change>,
    /// What the operator has not entered yet, each with what it is about.
    outstanding: Vec<Vec<Change>>,
    deliveries: Vec<Delivery>,
    truth: Truth,
    store: Arc<Refusing>,
    path: PathBuf,
    /// What was reported as stored.
    committed: Vec<Kept>,
    figures: Figures,
}

/// Of memory where there is such a disk: the simulation is about order, not about disks.
struct Folder(PathBuf);

impl Folder {
    fn new(seed: u64) -> Self {
        let memory = Path::new("/dev/shm");
        let base = if memory.is_dir() {
            memory.to_owned()
        } else {
            std::env::temp_dir()
        };
        let path = base.join(format!("releve-simulation-{}-{seed}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

impl World {
    pub(super) fn new(seed: u64) -> Self {
        let mut luck = Luck::new(seed);
        let plan = Plan {
            seed,
            // Over a new year, when due dates come.
            from: "2025-12-30".parse().unwrap(),
            days: 2 + u32::try_from(luck.below(3)).unwrap(),
            dwellings: 2 + u32::try_from(luck.below(4)).unwrap(),
            every_minutes: *luck.pick(&[60, 120, 180]),
            lost_per_mille: u32::try_from(luck.below(100)).unwrap(),
            time_zone: "Europe/Paris".to_owned(),
            events: Events::Calm,
        };
        let building = Building::new(&plan).unwrap();
        let families = Families::embedded().unwrap();
        let (deliveries, truth) = air::deliveries(&plan, &building, &families, &mut luck);
        let mut list = Vec::new();
        registry_list(&building, &mut list).unwrap();
        let planned = import::plan(&Registry::default(), "list", &list, Format::Csv, None);
        assert!(planned.faults.is_empty(), "{:?}", planned.faults);
        let folder = Folder::new(seed);
        let path = folder.0.join("releve.db");
        let store = Arc::new(Refusing::new(SqliteStore::create(&path).unwrap(), luck.clone()));
        let mut world = Self {
            luck,
            folder,
            families,
            changes: planned.changes,
            outstanding: Vec::new(),
            deliveries,
            truth,
            store,
            path,
            committed: Vec::new(),
            figures: Figures::default(),
        };
        world.register_in_part();
        world
    }

    /// Some keys and some meters are not entered yet, some keys are wrong.
    fn register_in_part(&mut self) {
        let meters: Vec<MeterId> = self
            .changes
            .iter()
            .filter_map(|change| match change {
                Change::Meter(meter) => Some(meter.id),
                _ => None,
            })
            .collect();
        let mut now = self.changes.clone();
        for meter in meters {
            let of_meter = |change: &Change| match change {
                Change::Meter(row) => row.id == meter,
                Change::Installation(row) => row.meter == meter,
                Change::Key(row) => row.meter == meter,
                // By installation; they come in the order of the installations.
                _ => false,
            };
            let is_key = |change: &Change| matches!(change, Change::Key(_)) && of_meter(change);
            let fate = self.luck.below(10);
            if fate > 3 {
                continue;
            }
            let late: Vec<Change> = now.iter().filter(|change| is_key(change)).cloned().collect();
            now.retain(|change| !is_key(change));
            if fate == 0 && !late.is_empty() {
                let octets: [u8; 16] = self.luck.octets(16).try_into().unwrap();
                now.push(Change::Key(MeterKey {
                    meter,
                    key: Key::aes(octets),
                }));
            }
            if !late.is_empty() {
                self.figures.late_keys += 1;
                self.outstanding.push(late);
            }
            if fate == 1 {
                // The whole meter comes later, with all that hangs on it, and before its key.
                let installations: Vec<_> = now
                    .iter()
                    .filter_map(|change| match change {
                        Change::Installation(row) if row.meter == meter => Some(row.id),
                        _ => None,
                    })
                    .collect();
                let hangs = |change: &Change| {
                    of_meter(change)
                        || matches!(change, Change::Factor(row) if installations.contains(&row.installation))
                };
                let whole: Vec<Change> = now.iter().filter(|change| hangs(change)).cloned().collect();
                now.retain(|change| !hangs(change));
                let place = self.outstanding.len().saturating_sub(1);
                let with_key = self
                    .outstanding
                    .get_mut(place)
                    .filter(|group| group.iter().any(is_key));
                match with_key {
                    Some(group) => drop(group.splice(0..0, whole)),
                    None => self.outstanding.push(whole),
                }
                self.figures.late_meters += 1;
            }
        }
        self.apply(&now);
    }

    /// As another process would: the daemon is not told.
    fn apply(&self, changes: &[Change]) {
        let version = self.store.inner.registry_version().unwrap();
        self.store.inner.apply(version, changes).unwrap();
    }

    /// Begins, as often as the store refuses.
    fn begin(&mut self) -> Gathering {
        loop {
            let store: Arc<dyn Store> = self.store.clone();
            if let Ok(gathering) = Gathering::new(store, self.families.clone(), Accept::Registered) {
                return gathering;
            }
            self.store.mood().refuses = 0;
        }
    }

    pub(super) fn run(mut self) -> Figures {
        let mut gathering = self.begin();
        let mut commit_at = Timestamp::MIN;
        let mut refused = false;
        let deliveries = std::mem::take(&mut self.deliveries);
        let mut heard = Vec::with_capacity(deliveries.len());
        let mut taken = 0;
        let mut recordings = HashSet::new();
        for delivery in deliveries {
            let now = delivery.arrives;
            taken += self.take(&mut gathering, &delivery.telegram, now);
            heard.push(delivery);
            if now >= commit_at || (!refused && gathering.batch().len() >= 60) {
                refused = !self.commit(&mut gathering);
                commit_at = now + if refused { 5.seconds() } else { 600.seconds() };
                self.store.mood().refuses = if self.luck.hits(150) { 400 } else { 0 };
            }
            if self.luck.hits(12) {
                gathering = self.restart(gathering);
                taken = 0;
            }
            if self.luck.hits(15) {
                self.meddle();
            }
            if self.luck.hits(6)
                && let Some(recording) = self.recording(now)
            {
                taken += self.take(&mut gathering, &recording, now);
                let arrives = now + 30.seconds();
                heard.push(Delivery {
                    arrives,
                    telegram: recording,
                });
                recordings.insert(arrives);
                self.figures.recordings += 1;
            }
            let counted: u64 = gathering.outcomes().values().sum();
            assert_eq!(counted, taken, "every telegram ends on one pile");
        }
        self.figures.deliveries = heard.len() as u64;
        // All is well again, and all that was captured is read from the beginning.
        self.store.mood().refuses = 0;
        assert!(self.commit(&mut gathering));
        self.figures.damaged += gathering
            .outcomes()
            .get(Outcome::Damaged.code())
            .copied()
            .unwrap_or(0);
        drop(gathering);
        // A recording that nobody kept is no part of the captures: read behind later telegrams it would be taken for the
        // meter's own, since only the latest counter of a meter is known. Kept is more than what was said to be: a batch may
        // be written and nobody told.
        self.store.inner.settle().unwrap();
        let kept: HashSet<(Timestamp, Vec<u8>)> = judge::archive(&self.store.inner)
            .into_iter()
            .map(|kept| (kept.key.received_at, kept.octets))
            .collect();
        heard.retain(|delivery: &Delivery| {
            let octets = delivery.telegram.octets.clone();
            !recordings.contains(&delivery.arrives)
                || delivery.telegram.received_at != Some(delivery.arrives)
                || kept.contains(&(delivery.arrives, octets))
        });
        judge::committed_is_kept(&self.store.inner, &self.committed);
        for group in std::mem::take(&mut self.outstanding) {
            self.apply(&group);
        }
        heard.sort_by_key(|delivery| delivery.telegram.received_at);
        self.replay(&heard);
        judge::committed_is_kept(&self.store.inner, &self.committed);
        judge::counts_add_up(&self.store.inner);
        judge::only_what_is_true(&self.store.inner, &self.truth);
        let undisturbed = self.undisturbed(&heard);
        judge::only_what_is_true(&undisturbed, &self.truth);
        judge::same(&self.store.inner, &undisturbed);
        let before = judge::content(&self.store.inner);
        self.replay(&heard);
        judge::equal(&before, &judge::content(&self.store.inner), "replayed once more");
        let mood = self.store.mood();
        self.figures.refused = mood.refused.iter().sum();
        self.figures.committed = self.committed.len() as u64;
        self.figures.readings = self.store.inner.counts().unwrap().readings;
        drop(mood);
        self.figures
    }

    /// Takes a telegram; how many piles it must have grown.
    fn take(&mut self, gathering: &mut Gathering, telegram: &Telegram, now: Timestamp) -> u64 {
        let before: u64 = gathering.outcomes().values().sum();
        gathering.take(telegram, now);
        let after: u64 = gathering.outcomes().values().sum();
        assert!(after > before, "a telegram left no trace");
        after - before
    }

    /// False when the store refuses.
    fn commit(&mut self, gathering: &mut Gathering) -> bool {
        let batch = gathering.batch().to_vec();
        let telegrams: Vec<Kept> = batch
            .into_iter()
            .filter_map(|item| match item {
                Ingest::Telegram(telegram) => Some(telegram),
                _ => None,
            })
            .collect();
        if gathering.commit().is_err() {
            assert!(
                gathering.batch().len() >= telegrams.len(),
                "what was refused waits"
            );
            return false;
        }
        assert!(gathering.batch().is_empty());
        // Somebody asks now and then.
        if self.luck.hits(300) {
            let report = self.store.inner.settle().unwrap();
            assert_eq!(report.conflicts, 0, "{report:?}");
            self.figures.settled += u64::from(report.telegrams > 0);
        }
        self.figures.unread += telegrams
            .iter()
            .filter(|telegram| {
                telegram.outcome == Outcome::NoKey.code() || telegram.outcome == Outcome::WrongKey.code()
            })
            .count() as u64;
        self.committed.extend(telegrams);
        gathering.follow_registry();
        true
    }

    /// The process ends, with its files closed or as they lie, and begins again.
    fn restart(&mut self, gathering: Gathering) -> Gathering {
        self.figures.lost_in_memory += gathering.batch().len() as u64;
        self.figures.damaged += gathering
            .outcomes()
            .get(Outcome::Damaged.code())
            .copied()
            .unwrap_or(0);
        drop(gathering);
        let crash = self.luck.hits(600);
        let next = if crash {
            self.figures.crashes += 1;
            let next = self.folder.0.join(format!("after-{}.db", self.figures.crashes));
            let name = self.path.file_name().unwrap().to_string_lossy().into_owned();
            for from in files_of(&self.path) {
                let part = from.file_name().unwrap().to_string_lossy()[name.len()..].to_owned();
                // Shared memory does not outlive a process that was the only one.
                if part != "-shm" {
                    fs::copy(from, beside(&next, &part)).unwrap();
                }
            }
            next
        } else {
            self.figures.closed += 1;
            self.path.clone()
        };
        let (luck, refused) = (self.luck.clone(), self.store.mood().refused);
        self.luck.next();
        // The old one is closed before the new one is opened.
        let idle = self.folder.0.join("idle.db");
        self.store = Arc::new(Refusing::new(SqliteStore::create(&idle).unwrap(), luck.clone()));
        self.store = Arc::new(Refusing::new(SqliteStore::open(&next).unwrap(), luck));
        self.store.mood().refused = refused;
        if next != self.path {
            remove(&self.path);
            self.path = next;
        }
        judge::committed_is_kept(&self.store.inner, &self.committed);
        self.begin()
    }

    /// The operator enters something, or reads the archive again.
    fn meddle(&mut self) {
        match self.luck.below(4) {
            0 | 1 if !self.outstanding.is_empty() => {
                let group = self.outstanding.remove(self.luck.index(self.outstanding.len()));
                self.apply(&group);
            }
            2 => {
                let sites: Vec<Change> = self
                    .changes
                    .iter()
                    .filter_map(|change| match change {
                        Change::Site(site) => {
                            let mut site = site.clone();
                            site.name = format!("Les Tilleuls {}", self.luck.below(100));
                            Some(Change::Site(site))
                        }
                        _ => None,
                    })
                    .collect();
                self.apply(&sites);
            }
            _ => {
                // Refused half way, it goes on another time.
                if let Ok(pipeline) = Pipeline::on(&*self.store, self.families.clone()) {
                    let _ = redecode(&*self.store, pipeline, &Scope::default(), |_| ());
                }
            }
        }
    }

    /// A telegram that a MAC vouches for, played back hours after its meter said something later.
    fn recording(&mut self, now: Timestamp) -> Option<Telegram> {
        let read: Vec<&Kept> = self
            .committed
            .iter()
            .filter(|kept| kept.outcome == "read" && kept.facts.counter.is_some())
            .collect();
        if read.is_empty() {
            return None;
        }
        let old = *self.luck.pick(&read);
        let latest = read
            .iter()
            .filter(|kept| kept.meter == old.meter)
            .max_by_key(|kept| kept.received_at)?;
        let is_later =
            latest.facts.counter > old.facts.counter && now.duration_since(latest.received_at).as_secs() > 60;
        let checked =
            wmbus::phy::strip(&old.octets).is_ok_and(|frame| frame.format != wmbus::FrameFormat::Stripped);
        is_later.then(|| Telegram {
            // Not in the very second of a telegram of the same meter: of two in one second neither is known to be the older.
            received_at: Some(now + 30.seconds()),
            ..Telegram::new(
                old.octets.clone(),
                if checked { Check::Nobody } else { Check::Receiver },
                "cellar".into(),
            )
        })
    }

    /// All that was captured, read from the beginning with all that is known by now, and then the archive.
    fn replay(&mut self, heard: &[Delivery]) {
        let mut gathering = self.begin();
        for delivery in heard {
            gathering.take(&delivery.telegram, delivery.arrives);
        }
        gathering.commit().unwrap();
        let report = self.store.inner.settle().unwrap();
        assert_eq!(report.conflicts, 0, "{report:?}");
        let pipeline = Pipeline::on(&self.store.inner, self.families.clone()).unwrap();
        redecode(&self.store.inner, pipeline, &Scope::default(), |_| ()).unwrap();
    }

    /// The same days without a fault: everything registered from the first day, everything heard once, in order.
    fn undisturbed(&self, heard: &[Delivery]) -> SqliteStore {
        let store = SqliteStore::create(&self.folder.0.join("undisturbed.db")).unwrap();
        store
            .apply(store.registry_version().unwrap(), &self.changes)
            .unwrap();
        let mut pipeline = Pipeline::on(&store, self.families.clone()).unwrap();
        let mut batch = Vec::new();
        for delivery in heard {
            let seen = pipeline.take(&delivery.telegram, delivery.arrives);
            batch.extend(
                seen.each()
                    .flat_map(|seen| seen.into_ingest().collect::<Vec<_>>()),
            );
        }
        let report = store.ingest(&batch).unwrap();
        assert_eq!(report.conflicts, 0, "{report:?}");
        let pipeline = Pipeline::on(&store, self.families.clone()).unwrap();
        redecode(&store, pipeline, &Scope::default(), |_| ()).unwrap();
        store
    }
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}
