//! What is told of commits: of ours what they changed, of others' that something did; and never late.

use std::sync::{Arc, Mutex, Weak};

use super::*;
use crate::store::{Changed, ReadingKey, Retention, Stretch, Watcher};

/// What was told so far, and not yet looked at.
#[derive(Default)]
struct Told(Mutex<Vec<Option<Vec<Stretch>>>>);

impl Watcher for Told {
    fn committed(&self, changed: Changed<'_>) {
        self.0.lock().unwrap().push(match changed {
            Changed::Anything => None,
            Changed::Readings(stretches) => {
                let mut stretches = stretches.to_vec();
                stretches.sort_by_key(|stretch| (stretch.meter, stretch.channel));
                Some(stretches)
            }
        });
    }
}

impl Told {
    fn of(store: &SqliteStore) -> Arc<Self> {
        let told = Arc::new(Self::default());
        let watcher: Weak<Self> = Arc::downgrade(&told);
        store.watch(watcher);
        told
    }

    fn take(&self) -> Vec<Option<Vec<Stretch>>> {
        std::mem::take(&mut self.0.lock().unwrap())
    }

    /// The meters and instants of the one commit that there was.
    fn readings(&self) -> Vec<(i64, i64, i64)> {
        let mut all = self.take();
        assert_eq!(all.len(), 1, "{all:?}");
        let stretches = all.pop().unwrap().expect("readings alone");
        stretches
            .iter()
            .map(|stretch| {
                (
                    stretch.meter.0,
                    stretch.first.as_second(),
                    stretch.last.as_second(),
                )
            })
            .collect()
    }
}

fn watched() -> (Scratch, SqliteStore, Arc<Told>) {
    let (scratch, store) = store(2);
    let told = Told::of(&store);
    // Who writes first finds that it does not know what others did before.
    assert!(store.told());
    told.take();
    (scratch, store, told)
}

#[test]
fn our_commits_tell_which_readings_changed() {
    let (_scratch, store, told) = watched();
    store
        .ingest(&[live(1, 1_000, 5), live(2, 1_100, 7), live(1, 1_900, 6)])
        .unwrap();
    assert_eq!(told.readings(), [(1, 1_000, 1_900), (2, 1_100, 1_100)]);
    // Heard once more: nothing is new.
    store.ingest(&[live(1, 1_000, 5)]).unwrap();
    assert_eq!(told.take(), []);
    // Another value for the same instant flags the one that is kept.
    store
        .add_readings(MeterId(1), &[reading(at(1_900), Source::Live, 99)])
        .unwrap();
    assert_eq!(told.readings(), [(1, 1_900, 1_900)]);
    let key = ReadingKey {
        channel: store.channels(MeterId(1)).unwrap()[0].0,
        at: at(1_000),
        source: Source::Live,
    };
    store.set_flags(MeterId(1), key, Flags::IMPLAUSIBLE).unwrap();
    assert_eq!(told.readings(), [(1, 1_000, 1_000)]);
    store.set_flags(MeterId(1), key, Flags::IMPLAUSIBLE).unwrap();
    store.ingest(&[sighting(0x99, 2_000)]).unwrap();
    assert_eq!(told.take(), []);
    assert!(store.told());
}

#[test]
fn thinning_tells_of_the_days_that_it_thinned() {
    let (_scratch, store, told) = watched();
    let hour = |hour: i64| reading(at(hour * 3_600), Source::Live, hour);
    let days: Vec<_> = (0..48).map(hour).collect();
    store.add_readings(MeterId(1), &days).unwrap();
    told.take();
    let retention = Retention {
        live_days: 7,
        ..Retention::default()
    };
    let now = at(40 * 86_400);
    while store.retain(now, &retention).unwrap().more {}
    for (meter, first, last) in told.readings() {
        assert_eq!(meter, 1);
        assert!(first <= 3_600 && last >= 40 * 3_600, "{first} to {last}");
    }
    while store.retain(now, &retention).unwrap().more {}
    assert_eq!(told.take(), [], "nothing was left to thin");
}

#[test]
fn what_is_more_than_readings_may_change_anything() {
    let (_scratch, store, told) = watched();
    let version = store.registry_version().unwrap();
    let mut site = store.site(SiteId(1)).unwrap().unwrap();
    site.name = "Another".to_owned();
    store.apply(version, &[Change::Site(site.clone())]).unwrap();
    assert_eq!(told.take(), [None]);
    // A batch that is refused changes nothing, and nothing is told.
    store.apply(version, &[Change::Site(site)]).unwrap_err();
    assert_eq!(told.take(), []);
}

#[test]
fn what_others_commit_is_found_out_before_anybody_is_told_that_all_is_told() {
    let (scratch, store, told) = watched();
    let other = SqliteStore::open(&scratch.path()).unwrap();
    assert!(store.told());
    told.take();
    store.ingest(&[live(1, 1_000, 5)]).unwrap();
    assert!(store.told());
    assert_eq!(
        told.readings(),
        [(1, 1_000, 1_000)],
        "our own commit is not others'"
    );

    other.ingest(&[live(1, 2_000, 5)]).unwrap();
    assert!(store.told());
    assert_eq!(told.take(), [None]);
    assert!(store.told());
    assert_eq!(told.take(), []);

    // Found out by who writes next, too.
    other.ingest(&[live(1, 3_000, 5)]).unwrap();
    store.ingest(&[live(2, 3_000, 5)]).unwrap();
    let all = told.take();
    assert_eq!(all.len(), 2, "{all:?}");
    assert_eq!(all[0], None);
}

#[test]
fn while_a_batch_is_open_all_was_told_and_while_it_ends_nobody_can_say() {
    let (scratch, store, _told) = watched();
    store
        .pen
        .write_noting(|_| {
            assert!(store.told(), "nobody else can commit now");
            Ok(())
        })
        .unwrap();
    store
        .pen
        .writer
        .outside(&scratch.path(), |_| {
            assert!(!store.told(), "the connection is in use, and others may commit");
            Ok(())
        })
        .unwrap();
    assert!(store.told());
}

/// Told by the store while it commits: it can't be sure of anything.
struct Asking {
    store: Mutex<Weak<SqliteStore>>,
    said: Mutex<Vec<bool>>,
}

impl Watcher for Asking {
    fn committed(&self, _: Changed<'_>) {
        let store = self.store.lock().unwrap().upgrade();
        self.said.lock().unwrap().extend(store.map(|store| store.told()));
    }
}

#[test]
fn between_a_commit_and_its_telling_nothing_is_sure() {
    let (_scratch, store) = store(2);
    let store = Arc::new(store);
    assert!(store.told());
    let asking = Arc::new(Asking {
        store: Mutex::new(Arc::downgrade(&store)),
        said: Mutex::default(),
    });
    let watcher: Weak<Asking> = Arc::downgrade(&asking);
    store.watch(watcher);
    store.ingest(&[live(1, 1_000, 5)]).unwrap();
    assert_eq!(*asking.said.lock().unwrap(), [false]);
    assert!(store.told());
}
