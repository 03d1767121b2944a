//! All registered meters at a glance: who, where, how heard, with which keys. The same for every page, in a handful of
//! questions however many meters there are.
//!
//! Names and places are kept in memory until the registry changes. The hours in which a silent meter used to speak are
//! kept until it is heard again: they are all that takes a walk through readings.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::super::meters::Name;
use super::super::problem::Problem;
use crate::alerts::{Rhythm, Spoken};
use crate::registry::{DwellingId, Installation, Kind, MeterId, PointId, Site};
use crate::store::{AlertQuery, AlertRow, KeyCount, MeterState, Store};

/// Everything that a page needs to know of all meters.
pub(super) struct Census {
    /// The instant that it holds for.
    pub(super) now: Timestamp,
    /// The zone of the building.
    pub(super) zone: TimeZone,
    /// The meters, in the order of their registration.
    pub(super) meters: Vec<Member>,
    /// Alerts that are open, the oldest first.
    pub(super) alerts: Vec<AlertRow>,
    places: BTreeMap<MeterId, usize>,
}

/// A meter among the others.
pub(super) struct Member {
    entry: Arc<Entry>,
    installation: Option<usize>,
    /// How it was last heard; `None` when never.
    pub(super) state: Option<MeterState>,
    /// Whether it keeps its own time; `None` when it was heard too seldom to have one.
    pub(super) rhythm: Option<Rhythm>,
    /// Its keys.
    pub(super) keys: KeyCount,
}

/// Where a meter hangs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Spot {
    /// The dwelling.
    pub(super) dwelling: DwellingId,
    /// The metering point.
    pub(super) point: PointId,
    /// Code of the site.
    pub(super) site: String,
    /// Lot number of the dwelling.
    pub(super) lot: String,
    /// What is counted.
    pub(super) kind: Kind,
    /// The room; may be empty.
    pub(super) room: String,
    /// 1, or more when a room has several of a kind.
    pub(super) number: u16,
}

/// How a meter is heard, in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Hearing {
    /// Registered and never heard.
    Never,
    /// Silent for so long that it counts as gone.
    Lost,
    /// Silent for longer than usual.
    Late,
    /// As usual.
    OnTime,
    /// Heard, but too seldom to tell more.
    Heard,
    /// Taken off, as the registry says: nobody waits for it.
    Gone,
}

/// What can be said of a meter's keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum KeyState {
    /// Its telegrams can't be opened: no key is registered.
    Missing,
    /// Its telegrams can't be opened: the registered key is another.
    Wrong,
    /// A key was seen to be right.
    Proven,
    /// A key is registered, and nothing speaks for it or against it yet.
    Registered,
    /// It has none, and needs none as far as is known.
    None,
}

/// What is kept from one page to the next.
#[derive(Default)]
pub(super) struct Memory {
    book: Mutex<Option<Arc<Book>>>,
    spoken: Mutex<HashMap<MeterId, Silent>>,
}

/// What the registry says, in the order of meters.
struct Book {
    version: u64,
    zone: TimeZone,
    entries: Vec<Arc<Entry>>,
}

/// What the registry says of one meter.
struct Entry {
    id: MeterId,
    name: Name,
    installations: Vec<(Installation, Spot)>,
}

/// A meter that is silent, and the hours in which it used to speak.
struct Silent {
    last_heard: Timestamp,
    telegrams: u64,
    spoken: Spoken,
}

impl Census {
    /// Takes it.
    pub(super) fn take(store: &dyn Store, memory: &Memory, now: Timestamp) -> Result<Self, Problem> {
        let book = memory.book(store)?;
        let mut states = store.meter_states(None, usize::MAX)?.into_iter().peekable();
        let mut keys = store.key_counts()?.into_iter().peekable();
        let alerts = store.alerts(&AlertQuery {
            meter: None,
            cleared: false,
            after: None,
            limit: MOST_ALERTS,
        })?;
        let mut meters = Vec::with_capacity(book.entries.len());
        for entry in &book.entries {
            let id = entry.id;
            // All lists are in the order of ids; a meter registered since the book was read is passed over.
            while states.next_if(|state| state.meter < id).is_some() {}
            while keys.next_if(|keys| keys.meter < id).is_some() {}
            let state = states.next_if(|state| state.meter == id);
            meters.push(Member {
                installation: entry
                    .installations
                    .iter()
                    .position(|(installation, _)| installation.covers(now)),
                state,
                rhythm: None,
                keys: keys.next_if(|keys| keys.meter == id).unwrap_or(KeyCount {
                    meter: id,
                    keys: 0,
                    proven: 0,
                }),
                entry: Arc::clone(entry),
            });
        }
        memory.judge(store, &mut meters, now)?;
        let places = meters.iter().map(|member| member.entry.id).zip(0..).collect();
        Ok(Self {
            now,
            zone: book.zone.clone(),
            meters,
            alerts,
            places,
        })
    }

    /// One meter.
    pub(super) fn meter(&self, id: MeterId) -> Option<&Member> {
        self.meters.get(*self.places.get(&id)?)
    }

    /// How many meters are heard in each way.
    pub(super) fn count(&self, hearing: Hearing) -> usize {
        self.meters
            .iter()
            .filter(|member| member.hearing() == hearing)
            .count()
    }
}

impl Member {
    pub(super) fn id(&self) -> MeterId {
        self.entry.id
    }

    pub(super) fn name(&self) -> &Name {
        &self.entry.name
    }

    /// Where it hangs now.
    pub(super) fn spot(&self) -> Option<&Spot> {
        self.entry
            .installations
            .get(self.installation?)
            .map(|(_, spot)| spot)
    }

    pub(super) fn hearing(&self) -> Hearing {
        match (&self.state, self.rhythm) {
            _ if self.installation.is_none() && !self.entry.installations.is_empty() => Hearing::Gone,
            (None, _) => Hearing::Never,
            (_, Some(Rhythm::OnTime)) => Hearing::OnTime,
            (_, Some(Rhythm::Late)) => Hearing::Late,
            (_, Some(Rhythm::Lost)) => Hearing::Lost,
            (Some(_), None) => Hearing::Heard,
        }
    }

    pub(super) fn key(&self) -> KeyState {
        let outcome = self.state.as_ref().map(|state| state.outcome.as_str());
        match outcome {
            Some("no_key") => KeyState::Missing,
            Some("wrong_key" | "mac_failed") => KeyState::Wrong,
            _ if self.keys.proven > 0 => KeyState::Proven,
            _ if self.keys.keys > 0 => KeyState::Registered,
            _ => KeyState::None,
        }
    }
}

impl Memory {
    /// What the registry says now.
    fn book(&self, store: &dyn Store) -> Result<Arc<Book>, Problem> {
        let version = store.registry_version()?;
        let mut kept = self.book.lock().unwrap_or_else(PoisonError::into_inner);
        match kept.as_ref() {
            Some(book) if book.version == version => Ok(Arc::clone(book)),
            _ => {
                let book = Arc::new(Book::read(store)?);
                *kept = Some(Arc::clone(&book));
                Ok(book)
            }
        }
    }

    /// Judges the rhythm of all. Only those that are silent, and were not when they were asked for the last time, take a
    /// look at their week.
    fn judge(&self, store: &dyn Store, meters: &mut [Member], now: Timestamp) -> Result<(), Problem> {
        // Held meanwhile: who else asks now would look up the same.
        let mut spoken = self.spoken.lock().unwrap_or_else(PoisonError::into_inner);
        let mut unknown = Vec::new();
        let mut silent = HashMap::new();
        for member in meters.iter_mut() {
            let Some(state) = &member.state else { continue };
            if let Some(known) = Rhythm::at_once(state, now) {
                member.rhythm = known;
                continue;
            }
            let known = spoken
                .remove(&state.meter)
                .filter(|known| known.last_heard == state.last_heard && known.telegrams == state.telegrams);
            if known.is_none() {
                unknown.push(state.meter);
            }
            let known = known.unwrap_or_else(|| Silent {
                last_heard: state.last_heard,
                telegrams: state.telegrams,
                spoken: Spoken::default(),
            });
            silent.insert(state.meter, known);
        }
        for (meter, looked) in Spoken::of_all(store, &unknown, now)? {
            if let Some(known) = silent.get_mut(&meter) {
                known.spoken = looked;
            }
        }
        for member in meters.iter_mut() {
            let Some(state) = &member.state else { continue };
            if let Some(known) = silent.get(&state.meter) {
                member.rhythm = Rhythm::by(&known.spoken, state, now);
            }
        }
        *spoken = silent;
        Ok(())
    }
}

impl Book {
    fn read(store: &dyn Store) -> Result<Self, Problem> {
        let registry = store.installed()?;
        let sites: BTreeMap<_, _> = registry.sites.iter().map(|site| (site.id, site)).collect();
        let dwellings: BTreeMap<_, _> = registry
            .dwellings
            .iter()
            .map(|dwelling| (dwelling.id, dwelling))
            .collect();
        let points: BTreeMap<_, _> = registry.points.iter().map(|point| (point.id, point)).collect();
        let mut installations: BTreeMap<MeterId, Vec<(Installation, Spot)>> = BTreeMap::new();
        for installation in registry.installations {
            let Some(point) = points.get(&installation.point) else {
                continue;
            };
            let dwelling = dwellings.get(&point.dwelling);
            let site = dwelling.and_then(|dwelling| sites.get(&dwelling.site));
            let spot = Spot {
                dwelling: point.dwelling,
                point: point.id,
                site: site.map(|site| site.code.to_string()).unwrap_or_default(),
                lot: dwelling.map(|dwelling| dwelling.lot.clone()).unwrap_or_default(),
                kind: point.kind,
                room: point.room.clone(),
                number: point.number,
            };
            installations
                .entry(installation.meter)
                .or_default()
                .push((installation, spot));
        }
        let zone = match registry.sites.first() {
            Some(site) => site.zone(),
            None => TimeZone::get(Site::DEFAULT_TIME_ZONE).unwrap_or(TimeZone::UTC),
        };
        Ok(Self {
            version: registry.version,
            zone,
            entries: registry
                .meters
                .iter()
                .map(|meter| {
                    Arc::new(Entry {
                        id: meter.id,
                        name: Name::of(meter),
                        installations: installations.remove(&meter.id).unwrap_or_default(),
                    })
                })
                .collect(),
        })
    }
}

impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Memory").finish_non_exhaustive()
    }
}

/// Each meter has one open alert of a kind at most; a building has fewer.
const MOST_ALERTS: usize = 20_000;
