//! A checkup: everything about a gateway that somebody should look after, each with what to do about it.
//!
//! Reads the store through its trait and takes time, disk and file as arguments. One sentence a finding, grouped by
//! [`Area`], the worst first.

mod air;
mod registry;

use std::path::PathBuf;

use jiff::{SignedDuration, Timestamp};

use crate::store::{MeterId, Result, Store};

/// What a finding is about. The names are stable for machines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Area {
    /// The file: pages, references, the change feed, who may read it.
    Store,
    /// Whether there is a copy of it, and what was erased since.
    Backup,
    /// The space that is left.
    Disk,
    /// The time of this machine against the times in the store.
    Clock,
    /// Sites, dwellings, points and installations that don't fit together.
    Registry,
    /// Meters that can't be opened.
    Keys,
    /// Meters and radios that are not heard.
    Air,
}

impl Area {
    /// All of them, in the order of a report.
    pub const ALL: [Self; 7] = [
        Self::Store,
        Self::Backup,
        Self::Disk,
        Self::Clock,
        Self::Registry,
        Self::Keys,
        Self::Air,
    ];

    /// The name, stable for machines.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Store => "store",
            Self::Backup => "backup",
            Self::Disk => "disk",
            Self::Clock => "clock",
            Self::Registry => "registry",
            Self::Keys => "keys",
            Self::Air => "air",
        }
    }
}

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Weight {
    /// Figures are lost or wrong until somebody acts.
    Fault,
    /// Somebody should look at it.
    Warning,
    /// Good to know.
    Note,
}

impl Weight {
    /// The name, stable for machines.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Fault => "fault",
            Self::Warning => "warning",
            Self::Note => "note",
        }
    }
}

/// Something to look after.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What it is about.
    pub area: Area,
    /// How bad it is.
    pub weight: Weight,
    /// What is the matter, in a sentence.
    pub says: String,
    /// What to do about it, in a sentence.
    pub advice: &'static str,
}

/// What the store can't know.
#[derive(Clone, Debug)]
pub struct Circumstances {
    /// The time of this machine.
    pub now: Timestamp,
    /// Free space where the store lies, in octets; `None` when the system does not say.
    pub free: Option<u64>,
    /// Size of the store's file, in octets.
    pub size: u64,
    /// Files of the store that others than their owner can read.
    pub open_files: Vec<PathBuf>,
    /// The folder of the store, when others than its owner can put files there.
    pub loose_folder: Option<PathBuf>,
    /// When a copy of the store was made last; `None` when none ever was.
    pub last_backup: Option<Timestamp>,
    /// Erasures that the list beside the store names and the store does not know, and receipts that are not as they were.
    pub erasures: Vec<String>,
    /// What contradicts itself in the file, in the engine's words.
    pub contradictions: Vec<String>,
    /// Meters of which sums rested on packed readings that were not theirs; those are taken away.
    pub packed: Vec<MeterId>,
    /// When the store was last put together anew after damage, and how many readings were lost then as far as is known.
    pub mended: Option<(Timestamp, Option<u64>)>,
    /// After so long without a telegram a meter counts as silent.
    pub silent_after: SignedDuration,
}

/// Looks everything over.
///
/// # Errors
/// The store can't be read.
pub fn checkup(store: &dyn Store, around: &Circumstances) -> Result<Vec<Finding>> {
    let mut findings = file(around);
    findings.extend(backup(around));
    findings.extend(clock(store, around.now)?);
    findings.extend(registry::gaps(store, around.now)?);
    findings.extend(air::keys(store)?);
    findings.extend(in_clear(store)?);
    findings.extend(unreadable(store)?);
    findings.extend(packed(store, &around.packed)?);
    findings.extend(air::silence(store, around)?);
    findings.sort_by_key(|finding| (finding.weight, finding.area));
    Ok(findings)
}

/// Keys that whoever copies the file can read.
fn in_clear(store: &dyn Store) -> Result<Option<Finding>> {
    let (clear, all) = store.keys_in_clear()?;
    Ok((clear > 0).then(|| Finding {
        area: Area::Keys,
        weight: Weight::Note,
        says: format!("{clear} of {all} keys lie in clear in the store"),
        advice: "seal them: `releve keys seal`, and keep the master key apart from copies of the store",
    }))
}

/// What was heard and never took its place.
fn unreadable(store: &dyn Store) -> Result<Option<Finding>> {
    let telegrams = store.unreadable()?;
    Ok((telegrams > 0).then(|| Finding {
        area: Area::Store,
        weight: Weight::Warning,
        says: format!(
            "{telegrams} telegrams that were heard can't be read back, and are kept in the store's table `inbox`"
        ),
        advice: "`releve replay` what was captured then, and report it as SECURITY.md says",
    }))
}

/// Sums that rested on something else than the readings.
fn packed(store: &dyn Store, meters: &[MeterId]) -> Result<Option<Finding>> {
    let mut named = Vec::with_capacity(meters.len());
    for id in meters {
        let meter = store.meter(*id)?;
        named.extend(meter.map(|meter| meter.printed_serial.unwrap_or_else(|| meter.address.to_string())));
    }
    Ok(about(
        Area::Store,
        Weight::Fault,
        &named,
        "meter",
        "of which figures were made of something else than the readings, which is taken away",
        "`releve check` again until none is named, ask for the figures of these meters anew, and report it as SECURITY.md says",
    ))
}

/// Whether a copy was made lately, and whether what was erased has stayed so.
fn backup(around: &Circumstances) -> Vec<Finding> {
    let mut findings = Vec::new();
    let advice = "`releve backup` it to another disk, every day; it may run while the daemon does";
    match around.last_backup {
        None => findings.push(Finding {
            area: Area::Backup,
            weight: Weight::Note,
            says: "no copy of the store was ever made".to_owned(),
            advice,
        }),
        Some(last) if around.now.duration_since(last) > OLD_BACKUP => findings.push(Finding {
            area: Area::Backup,
            weight: Weight::Warning,
            says: format!(
                "the latest copy of the store is {} days old",
                around.now.duration_since(last).as_hours() / 24
            ),
            advice,
        }),
        Some(_) => {}
    }
    for sentence in &around.erasures {
        findings.push(Finding {
            area: Area::Backup,
            weight: Weight::Fault,
            says: sentence.clone(),
            advice: "put copies back with `releve restore`, which erases again what was erased, and keep STORE.erasures as it is",
        });
    }
    findings
}

/// A copy older than this has lost more than the meters' own month-end values bring back.
const OLD_BACKUP: SignedDuration = SignedDuration::from_hours(30 * 24);

/// Less than this is too little for a store to grow and to be tidied.
const LITTLE_SPACE: u64 = 64 << 20;

/// What can be said without reading the store: of a damaged one, all there is.
pub fn file(around: &Circumstances) -> Vec<Finding> {
    let mut findings = Vec::new();
    for sentence in &around.contradictions {
        findings.push(Finding {
            area: Area::Store,
            weight: Weight::Fault,
            says: sentence.clone(),
            advice: "stop releve, keep the file, `releve restore` the last backup, then `releve replay` what was captured since",
        });
    }
    if let Some((at, lost)) = around.mended
        && lost != Some(0)
    {
        let lost = lost.map_or_else(|| "an unknown number of".to_owned(), |lost| lost.to_string());
        findings.push(Finding {
            area: Area::Store,
            weight: Weight::Note,
            says: format!("it was damaged and put together anew at {at}: {lost} readings were lost then"),
            advice: "`releve replay` what was captured; the meters' own month-end values fill the rest as they come",
        });
    }
    for path in &around.open_files {
        findings.push(Finding {
            area: Area::Store,
            weight: Weight::Warning,
            says: format!(
                "{} can be read by others than its owner, and holds readings and keys",
                path.display()
            ),
            advice: "chmod 600 it",
        });
    }
    if let Some(folder) = &around.loose_folder {
        findings.push(Finding {
            area: Area::Store,
            weight: Weight::Warning,
            says: format!(
                "others than the owner of {} can put files there, also in the place of the store",
                folder.display()
            ),
            advice: "chmod 700 it, or keep the store in a folder of its own",
        });
    }
    if let Some(free) = around.free
        && free < LITTLE_SPACE.max(around.size)
    {
        let weight = if free < LITTLE_SPACE {
            Weight::Fault
        } else {
            Weight::Warning
        };
        findings.push(Finding {
            area: Area::Disk,
            weight,
            says: format!(
                "{} MB are free, beside a store of {} MB",
                free >> 20,
                around.size >> 20
            ),
            advice: "free some space, or lower raw_days and live_days; a backup needs as much again",
        });
    }
    findings
}

/// No gateway ran before this: 2024-01-01.
const FIRST_SANE: i64 = 1_704_067_200;

/// The time of this machine against the times in the store.
///
/// # Errors
/// The store can't be read.
pub fn clock(store: &dyn Store, now: Timestamp) -> Result<Vec<Finding>> {
    const ADVICE: &str = "set the clock (timedatectl), and let the gateway synchronise it over the network";
    let mut findings = Vec::new();
    if now.as_second() < FIRST_SANE {
        findings.push(Finding {
            area: Area::Clock,
            weight: Weight::Fault,
            says: format!("this machine believes that it is {now}"),
            advice: ADVICE,
        });
    }
    let tolerance = SignedDuration::from_mins(10);
    let ahead = store
        .radios()?
        .into_iter()
        .filter(|radio| radio.last_heard.duration_since(now) > tolerance)
        .max_by_key(|radio| radio.last_heard);
    if let Some(radio) = ahead {
        findings.push(Finding {
            area: Area::Clock,
            weight: Weight::Warning,
            says: format!(
                "{} was heard at {}, which is yet to come: it is {now}",
                radio.name, radio.last_heard
            ),
            advice: ADVICE,
        });
    }
    Ok(findings)
}

/// At most so many names stand in one sentence.
const NAMES: usize = 5;

/// "A, B and 3 more".
fn names(all: &[String]) -> String {
    let shown = all.iter().take(NAMES).cloned().collect::<Vec<_>>().join(", ");
    match all.len().saturating_sub(NAMES) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

/// "1 meter", "3 meters".
fn count(all: &[String], noun: &str) -> String {
    let ending = if all.len() == 1 { "" } else { "s" };
    format!("{} {noun}{ending}", all.len())
}

/// A finding about several things at once; none when there are none.
fn about(
    area: Area,
    weight: Weight,
    all: &[String],
    noun: &str,
    what: &str,
    advice: &'static str,
) -> Option<Finding> {
    (!all.is_empty()).then(|| Finding {
        area,
        weight,
        says: format!("{} {what}: {}", count(all, noun), names(all)),
        advice,
    })
}
