//! The key doctor: which keys open what the archive holds, which don't, and which meters want one.
//!
//! ```text
//! archive ─► each meter's own keys tried one by one ─► what stays sealed ─► candidates: given, its site's, its maker's
//! ```
//!
//! Two octets of a plaintext fit one wrong key in 65 536. So a key is *proven* by a MAC, or by two different telegrams.

use std::collections::BTreeMap;

use decoders::Families;
use jiff::Timestamp;
use sha2::{Digest, Sha256};
use wmbus::{ErrorKind, Frame, Key};

use crate::pipeline::frame_of;
use crate::registry::{Meter, MeterId, Registry, SiteId};
use crate::store::{ArchiveQuery, ArchivedTelegram, KeyProof, Store, StoreError};

/// What is to be said of a meter's keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verdict {
    /// One of its keys opens its telegrams.
    Proven,
    /// One of its keys opened a single telegram, which may be chance.
    Unproven,
    /// It has keys, and none of them opens anything.
    Wrong,
    /// Its telegrams are sealed, and it has no key.
    Missing,
    /// Nothing that it sends is sealed, or its maker's own key opens it.
    NotNeeded,
    /// The archive holds nothing of it that could tell.
    Unheard,
}

impl Verdict {
    /// The code, stable for machines.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Proven => "proven",
            Self::Unproven => "unproven",
            Self::Wrong => "wrong",
            Self::Missing => "missing",
            Self::NotNeeded => "not_needed",
            Self::Unheard => "unheard",
        }
    }

    /// Whether somebody should do something.
    pub const fn is_trouble(self) -> bool {
        matches!(self, Self::Wrong | Self::Missing)
    }
}

/// Where a key came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Whose {
    /// Registered for this meter.
    Meter,
    /// Given for this examination.
    Given,
    /// Registered for another meter of the site.
    Site,
    /// Registered for another meter of the maker.
    Maker,
}

impl Whose {
    /// The code, stable for machines.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Meter => "meter",
            Self::Given => "given",
            Self::Site => "site",
            Self::Maker => "maker",
        }
    }
}

/// A key, and what it opened.
#[derive(Clone, Debug)]
pub struct Tried {
    /// The key; prints as nothing.
    pub key: Key,
    /// Where it came from.
    pub whose: Whose,
    /// Telegrams that it opened.
    pub opened: u64,
    /// Those of them whose MAC it proved.
    pub authenticated: u64,
    /// When the latest of them was received.
    pub last_at: Option<Timestamp>,
}

impl Tried {
    const fn new(key: Key, whose: Whose) -> Self {
        Self {
            key,
            whose,
            opened: 0,
            authenticated: 0,
            last_at: None,
        }
    }

    /// Whether it is certain that the key is right.
    pub const fn is_proven(&self) -> bool {
        self.authenticated > 0 || self.opened >= 2
    }
}

/// What was found out about a meter.
#[derive(Clone, Debug)]
pub struct Finding {
    /// Which.
    pub meter: Meter,
    /// The verdict.
    pub verdict: Verdict,
    /// Telegrams of it in the archive.
    pub telegrams: u64,
    /// Those that a key is needed for.
    pub sealed: u64,
    /// Its registered keys, in the order in which they are tried.
    pub keys: Vec<Tried>,
    /// A key of somebody else that is proven to open what its own do not.
    pub fit: Option<Tried>,
}

/// Examines the archive; `step` hears how many telegrams have been looked at. Nothing is written.
///
/// # Errors
/// The store can't be read.
pub fn examine(
    store: &dyn Store,
    families: &Families,
    given: &[Key],
    mut step: impl FnMut(u64),
) -> Result<Vec<Finding>, StoreError> {
    let registry = store.registry()?;
    let mut patients: BTreeMap<MeterId, Patient> = registry
        .meters
        .iter()
        .map(|meter| (meter.id, Patient::new(meter.clone())))
        .collect();
    for key in &registry.keys {
        if let Some(patient) = patients.get_mut(&key.meter) {
            patient
                .finding
                .keys
                .push(Tried::new(key.key.clone(), Whose::Meter));
        }
    }
    let (mut after, mut done) = (None, 0);
    loop {
        let page = store.archive(&ArchiveQuery {
            after,
            limit: PAGE,
            ..ArchiveQuery::default()
        })?;
        let Some(last) = page.last() else { break };
        after = Some(last.key);
        done += page.len() as u64;
        for archived in page {
            if let Some(patient) = patients.get_mut(&archived.key.meter) {
                patient.see(families, archived);
            }
        }
        step(done);
    }
    let cabinet = Cabinet::new(&registry, given);
    Ok(patients
        .into_values()
        .map(|patient| patient.judge(families, &cabinet))
        .collect())
}

/// What is proven in these findings, for the store to remember.
pub fn proofs(findings: &[Finding]) -> Vec<KeyProof> {
    let keys = findings.iter().flat_map(|finding| {
        let proven = finding.keys.iter().filter(|tried| tried.is_proven());
        proven.map(|tried| (finding.meter.id, tried))
    });
    keys.filter_map(|(meter, tried)| {
        Some(KeyProof {
            key: crate::registry::MeterKey {
                meter,
                key: tried.key.clone(),
            },
            at: tried.last_at?,
            telegrams: tried.opened,
        })
    })
    .collect()
}

/// Six digits by which people tell keys apart, and from which nobody gets one back.
pub fn fingerprint(key: &Key) -> String {
    let mut hash = Sha256::new();
    hash.update(b"releve key fingerprint");
    hash.update(key.reveal());
    let octets = hash.finalize();
    octets
        .iter()
        .take(3)
        .map(|octet| format!("{octet:02x}"))
        .collect()
}

/// A meter under examination.
struct Patient {
    finding: Finding,
    /// Telegrams that none of its keys opened, a few of them.
    unopened: Vec<ArchivedTelegram>,
}

impl Patient {
    fn new(meter: Meter) -> Self {
        Self {
            finding: Finding {
                meter,
                verdict: Verdict::Unheard,
                telegrams: 0,
                sealed: 0,
                keys: Vec::new(),
                fit: None,
            },
            unopened: Vec::new(),
        }
    }

    fn see(&mut self, families: &Families, archived: ArchivedTelegram) {
        let Some(frame) = frame_of(&archived) else { return };
        let finding = &mut self.finding;
        finding.telegrams += 1;
        match effect(families, &frame, &[]) {
            Effect::Sealed => finding.sealed += 1,
            Effect::Open { .. } => {
                // As far as a verdict goes, it has been heard.
                if finding.verdict == Verdict::Unheard {
                    finding.verdict = Verdict::NotNeeded;
                }
                return;
            }
            Effect::Unclear => return,
        }
        let mut opened = false;
        for tried in &mut finding.keys {
            opened |= tried.on(families, &frame, archived.key.received_at);
        }
        if !opened {
            if self.unopened.len() >= SAMPLES {
                self.unopened.remove(0);
            }
            self.unopened.push(archived);
        }
    }

    fn judge(self, families: &Families, cabinet: &Cabinet) -> Finding {
        let Self {
            mut finding,
            unopened,
        } = self;
        if finding.sealed > 0 {
            finding.verdict = if finding.keys.iter().any(Tried::is_proven) {
                Verdict::Proven
            } else if finding.keys.iter().any(|tried| tried.opened > 0) {
                Verdict::Unproven
            } else if finding.keys.is_empty() {
                Verdict::Missing
            } else {
                Verdict::Wrong
            };
        }
        if finding.verdict.is_trouble() {
            let fit = cabinet
                .for_meter(&finding)
                .map(|(key, whose)| {
                    let mut tried = Tried::new(key.clone(), whose);
                    for archived in &unopened {
                        if let Some(frame) = frame_of(archived) {
                            tried.on(families, &frame, archived.key.received_at);
                        }
                    }
                    tried
                })
                .find(Tried::is_proven);
            finding.fit = fit;
        }
        finding
    }
}

impl Tried {
    /// Tries the key on a telegram; true when it opens it.
    fn on(&mut self, families: &Families, frame: &Frame<'_>, received_at: Timestamp) -> bool {
        let Effect::Open { authenticated } = effect(families, frame, std::slice::from_ref(&self.key)) else {
            return false;
        };
        self.opened += 1;
        self.authenticated += u64::from(authenticated);
        self.last_at = self.last_at.max(Some(received_at));
        true
    }
}

/// What keys do to a telegram.
enum Effect {
    Open {
        authenticated: bool,
    },
    Sealed,
    /// It says nothing about keys: damaged, a fragment, a mode that is not read here.
    Unclear,
}

fn effect(families: &Families, frame: &Frame<'_>, keys: &[Key]) -> Effect {
    match families.open(frame, keys) {
        Ok(message) if families.is_still_sealed(&message) => Effect::Sealed,
        Ok(message) => Effect::Open {
            authenticated: message.authenticated,
        },
        Err(error) => match error.kind {
            ErrorKind::KeyMissing { .. } | ErrorKind::WrongKey | ErrorKind::MacMismatch => Effect::Sealed,
            _ => Effect::Unclear,
        },
    }
}

/// Keys that may fit somebody else's meter.
struct Cabinet {
    given: Vec<Key>,
    by_site: BTreeMap<SiteId, Vec<Key>>,
    by_maker: BTreeMap<u16, Vec<Key>>,
    sites: BTreeMap<MeterId, SiteId>,
}

impl Cabinet {
    fn new(registry: &Registry, given: &[Key]) -> Self {
        let dwellings: BTreeMap<_, _> = registry.dwellings.iter().map(|row| (row.id, row.site)).collect();
        let points: BTreeMap<_, _> = registry.points.iter().map(|row| (row.id, row.dwelling)).collect();
        let sites: BTreeMap<MeterId, SiteId> = registry
            .installations
            .iter()
            .filter_map(|row| {
                let dwelling = points.get(&row.point)?;
                Some((row.meter, *dwellings.get(dwelling)?))
            })
            .collect();
        let makers: BTreeMap<_, _> = registry
            .meters
            .iter()
            .map(|row| (row.id, row.address.manufacturer.0))
            .collect();
        let mut cabinet = Self {
            given: given.to_vec(),
            by_site: BTreeMap::new(),
            by_maker: BTreeMap::new(),
            sites,
        };
        for row in &registry.keys {
            if let Some(site) = cabinet.sites.get(&row.meter) {
                put(cabinet.by_site.entry(*site).or_default(), &row.key);
            }
            if let Some(maker) = makers.get(&row.meter) {
                put(cabinet.by_maker.entry(*maker).or_default(), &row.key);
            }
        }
        cabinet
    }

    /// The candidates for a meter, likely ones first; its own are not among them.
    fn for_meter<'a>(&'a self, finding: &'a Finding) -> impl Iterator<Item = (&'a Key, Whose)> {
        let site = self.sites.get(&finding.meter.id);
        let site = site.and_then(|site| self.by_site.get(site)).into_iter().flatten();
        let maker = self.by_maker.get(&finding.meter.address.manufacturer.0);
        let given = self.given.iter().map(|key| (key, Whose::Given));
        given
            .chain(site.map(|key| (key, Whose::Site)))
            .chain(maker.into_iter().flatten().map(|key| (key, Whose::Maker)))
            .filter(|(key, _)| finding.keys.iter().all(|tried| tried.key != **key))
    }
}

/// Adds a key that is not there yet. A building's key is met again and again, so the latest are looked at first.
fn put(keys: &mut Vec<Key>, key: &Key) {
    if keys.len() < CANDIDATES && !keys.iter().rev().any(|known| known == key) {
        keys.push(key.clone());
    }
}

/// Telegrams of one page.
const PAGE: usize = 4000;
/// Telegrams of a meter that candidates are tried on.
const SAMPLES: usize = 4;
/// Candidates of one site or maker.
const CANDIDATES: usize = 10_000;
