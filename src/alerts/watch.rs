//! Looks: some meters at a time, round and round.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use tracing::{info, warn};

use super::kind::Kind;
use super::quarantine::quarantine;
use super::rules::{Verdict, judge};
use super::signs::Signs;
use crate::logging::Often;
use crate::registry::MeterId;
use crate::store::{AlertFound, AlertReport, Result, Store};

/// What one look did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Looked {
    /// How many meters were looked at.
    pub meters: usize,
    /// What changed.
    pub alerts: AlertReport,
    /// Remembered values that went into quarantine or came out of it.
    pub quarantined: u64,
    /// Where the next look goes on; nothing when the round is complete.
    pub next: Option<MeterId>,
}

/// Looks at up to `most` meters behind one, and keeps what it finds.
///
/// # Errors
/// The store's; what was found before is kept.
pub fn look(store: &dyn Store, after: Option<MeterId>, most: usize, now: Timestamp) -> Result<Looked> {
    let heard = store.radios()?.iter().map(|radio| radio.last_heard).max();
    let meters = store.meters(after, most)?;
    let mut looked = Looked {
        next: meters
            .last()
            .map(|meter| meter.id)
            .filter(|_| meters.len() == most),
        ..Looked::default()
    };
    let mut found = Vec::new();
    for meter in &meters {
        // One that hangs nowhere any more worries nobody.
        let placements = store.placements_of_meter(meter.id)?;
        let serves = placements.is_empty()
            || placements
                .iter()
                .any(|placement| placement.installation.covers(now));
        let signs = Signs::gather(store, meter.id, heard, now)?;
        for kind in Kind::ALL {
            let verdict = if serves {
                judge(kind, &signs)
            } else {
                Verdict::IsNot
            };
            let (is, amount) = match verdict {
                Verdict::Is(amount) => (true, amount),
                Verdict::IsNot => (false, None),
                Verdict::Unknown => continue,
            };
            found.push(AlertFound {
                meter: meter.id,
                kind: kind.name(),
                is,
                amount,
            });
        }
        looked.quarantined += quarantine(store, meter.id, now)?;
        looked.meters += 1;
    }
    looked.alerts = store.put_alerts(now, &found)?;
    Ok(looked)
}

/// Looks round and round until told to stop: a round an hour, a few meters at a time. While the clock is not `sane`, nobody
/// is called silent.
pub fn watch(store: Arc<dyn Store>, stop: Arc<AtomicBool>, sane: Arc<AtomicBool>) {
    let mut after = None;
    // What was heard while the daemon was down comes in first.
    let mut next_look = Instant::now() + Duration::from_secs(60);
    while !stop.load(Ordering::Relaxed) {
        if Instant::now() < next_look || !sane.load(Ordering::Relaxed) {
            thread::sleep(Duration::from_millis(200));
            continue;
        }
        if after.is_none() {
            // A round is about what was heard until the end of the hour before: to have more settled for it would be paid in flash.
            store.catch_up_within(LATELY);
        }
        match look(&*store, after, AT_A_TIME, Timestamp::now()) {
            Ok(looked) => {
                let AlertReport { raised, cleared, .. } = looked.alerts;
                if raised + cleared + looked.quarantined > 0 {
                    info!(
                        event = "watch.done",
                        raised,
                        cleared,
                        quarantined = looked.quarantined,
                        "meters looked over"
                    );
                }
                after = looked.next;
                let pause = if after.is_some() { SOON } else { ROUND };
                next_look = Instant::now() + pause.unsigned_abs();
            }
            Err(error) => {
                if let Some(times) = FAILED.again() {
                    warn!(event = "watch.failed", %error, times, "the meters could not be looked over");
                }
                next_look = Instant::now() + SOON.unsigned_abs();
            }
        }
    }
}

/// Looks that failed.
static FAILED: Often = Often::new();

/// Meters in one look: some thousands of look-ups.
const AT_A_TIME: usize = 20;

/// Between two looks of a round.
const SOON: SignedDuration = SignedDuration::from_secs(5);

/// So long a round may be behind: the daemon settles each hour.
const LATELY: Duration = Duration::from_secs(2 * 3600);

/// Between two rounds.
const ROUND: SignedDuration = SignedDuration::from_secs(3600);
