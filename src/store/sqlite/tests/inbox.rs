//! What is heard waits, and takes its place later: the same rows as if it had not waited, whatever comes between.

use std::fs;
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use proptest::prelude::*;

use super::ingest::anything;
use super::packs::NOON;
use super::segments::of_an_earlier_release;
use super::*;
use crate::store::sqlite::open::beside;
use crate::store::{
    ArchiveQuery, By, Changed, Erase, KeyProof, LearntLayout, Redecoded, TelegramKey, Watcher,
};

pub(super) fn rows(path: &Path, query: &str) -> i64 {
    let connection = Connection::open(path).unwrap();
    connection.query_row(query, [], |row| row.get(0)).unwrap()
}

/// Telegrams and sightings in the files behind the place that was settled.
pub(super) fn waiting(path: &Path) -> i64 {
    let connection = Connection::open(path).unwrap();
    super::super::inbox::items_waiting(&connection, path)
}

/// The files in which what is heard waits, in their order.
pub(super) fn files(path: &Path) -> Vec<PathBuf> {
    let prefix = beside(path, "-heard-");
    let mut found: Vec<PathBuf> = fs::read_dir(path.parent().unwrap())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.to_string_lossy().starts_with(&*prefix.to_string_lossy()))
        .collect();
    found.sort();
    found
}

#[test]
fn what_is_heard_counts_when_somebody_is_about_to_ask() {
    let (scratch, store) = store(2);
    assert!(store.is_caught_up());
    store
        .hear(&[live(1, 100, 7), live(2, 101, 8), sighting(9, 102)])
        .unwrap();
    assert_eq!(waiting(&scratch.path()), 3);
    assert!(!store.is_caught_up());
    assert_eq!(store.readings(&everything(1)).unwrap(), []);
    store.catch_up();
    assert_eq!(waiting(&scratch.path()), 0);
    assert!(store.is_caught_up());
    assert_eq!(store.readings(&everything(1)).unwrap().len(), 1);
    assert_eq!(store.heard(10).unwrap().len(), 1);
    // Who asks again at once is not told more: each time would be written each time.
    store.hear(&[live(1, 200, 9)]).unwrap();
    store.catch_up();
    assert_eq!(waiting(&scratch.path()), 1);
    assert_eq!(store.settle().unwrap().readings, 1);
    assert_eq!(store.readings(&everything(1)).unwrap().len(), 2);
}

#[test]
fn answers_may_lag_as_far_as_the_operator_says() {
    let (_scratch, store) = store(1);
    store.may_lag(3600);
    // The first who asks is told everything.
    store.hear(&[live(1, 100, 7)]).unwrap();
    store.catch_up();
    assert_eq!(store.readings(&everything(1)).unwrap().len(), 1);
    store.hear(&[live(1, 200, 8)]).unwrap();
    store.catch_up();
    assert!(store.is_caught_up());
    assert_eq!(store.readings(&everything(1)).unwrap().len(), 1);
    store.may_lag(0);
    store.catch_up();
    assert_eq!(store.readings(&everything(1)).unwrap().len(), 2);
}

#[test]
fn who_opens_the_store_finds_everything_that_was_heard() {
    let (scratch, store) = store(2);
    store.hear(&[live(1, 100, 7)]).unwrap();
    let other = SqliteStore::open(&scratch.path()).unwrap();
    assert_eq!(other.readings(&everything(1)).unwrap().len(), 1);
    // And the one who heard it has nothing left to do.
    assert_eq!(store.settle().unwrap().readings, 0);
    store.hear(&[live(1, 200, 8)]).unwrap();
    store.settle().unwrap();
    assert_eq!(other.readings(&everything(1)).unwrap().len(), 2);
}

#[test]
fn who_opens_the_store_by_a_link_finds_it_too() {
    let (scratch, store) = store(1);
    store.hear(&[live(1, 100, 7)]).unwrap();
    let link = beside(&scratch.path(), ".link");
    std::os::unix::fs::symlink(scratch.path(), &link).unwrap();
    let other = SqliteStore::open(&link).unwrap();
    assert_eq!(other.readings(&everything(1)).unwrap().len(), 1);
}

#[test]
fn whoever_need_not_be_told_what_came_lately_has_nothing_settled_for_it() {
    let (scratch, store) = store(1);
    let hour = Duration::from_secs(3600);
    // Nothing was settled yet.
    store.hear(&[live(1, 100, 7)]).unwrap();
    store.catch_up_within(hour);
    assert_eq!(waiting(&scratch.path()), 0);
    store.hear(&[live(1, 200, 8)]).unwrap();
    store.catch_up_within(hour);
    assert_eq!(waiting(&scratch.path()), 1);
    store.catch_up_within(Duration::ZERO);
    assert_eq!(waiting(&scratch.path()), 0);
}

#[test]
fn a_copy_has_what_was_heard() {
    let (scratch, store) = store(1);
    store.hear(&[live(1, 100, 7)]).unwrap();
    store.settle().unwrap();
    store.hear(&[live(1, 200, 8)]).unwrap();
    let copy = beside(&scratch.path(), "-copy");
    store.backup(&copy).unwrap();
    let copied = SqliteStore::open(&copy).unwrap();
    assert_eq!(copied.readings(&everything(1)).unwrap().len(), 2);
}

#[test]
fn what_can_not_wait_brings_everything_before_it_to_its_place() {
    let (scratch, store) = store(1);
    let mut unread = telegram(1, 100, 5, Vec::new());
    unread.outcome = "fragment_missing".into();
    store.hear(&[Ingest::Telegram(unread)]).unwrap();
    let again = Redecoded {
        key: TelegramKey {
            received_at: at(100),
            meter: MeterId(1),
            digest: 5,
        },
        outcome: READ.into(),
        evidence: None,
        facts: Facts::default(),
        readings: vec![reading(at(100), Source::Live, 7)],
    };
    let key = store.registry().unwrap().keys[0].clone();
    let proof = KeyProof {
        key,
        at: at(100),
        telegrams: 2,
    };
    let layout = LearntLayout {
        headers: vec![0x02, 0xFF],
        at: at(100),
    };
    store
        .hear(&[Ingest::Again(again), Ingest::Proof(proof), Ingest::Layout(layout)])
        .unwrap();
    assert_eq!(waiting(&scratch.path()), 0);
    assert_eq!(store.readings(&everything(1)).unwrap().len(), 1);
    assert_eq!(store.layouts().unwrap().len(), 1);
    // A key never waits in clear.
    assert_eq!(store.directory().unwrap()[0].proven, 1);
}

/// What became of a telegram, as far as another one shows it: no value, but the fate of its message.
fn judged_again(telegram: &Telegram) -> Redecoded {
    Redecoded {
        key: TelegramKey {
            received_at: telegram.received_at,
            meter: telegram.meter,
            digest: telegram.digest,
        },
        outcome: "fragment_missing".into(),
        evidence: Some("fragment_timeout: its message was never continued".to_owned()),
        facts: Facts::default(),
        readings: Vec::new(),
    }
}

#[test]
fn the_fate_of_a_fragment_waits_with_it() {
    let (scratch, store) = store(1);
    let mut fragment = telegram(1, 100, 5, Vec::new());
    fragment.outcome = "fragment".into();
    let judged = judged_again(&fragment);
    store.hear(&[Ingest::Telegram(fragment)]).unwrap();
    store.hear(&[Ingest::Again(judged)]).unwrap();
    assert_eq!(waiting(&scratch.path()), 2);
    assert_eq!(store.settle().unwrap().readings, 0);
    let all = ArchiveQuery {
        limit: 10,
        ..ArchiveQuery::default()
    };
    let kept = store.archive(&all).unwrap();
    assert_eq!(kept.len(), 1);
    assert_eq!(kept[0].outcome, "fragment_missing");
}

#[test]
fn what_an_earlier_release_left_in_the_table_takes_its_place() {
    let (scratch, store) = store(1);
    drop(store);
    let packed = of_an_earlier_release();
    let meddler = Connection::open(scratch.path()).unwrap();
    let mut add = meddler
        .prepare("INSERT INTO inbox (items, batch) VALUES (1, ?1)")
        .unwrap();
    add.execute([packed]).unwrap();
    add.execute([vec![1, 0]]).unwrap();
    let store = SqliteStore::open(&scratch.path()).unwrap();
    assert_eq!(store.heard(10).unwrap().len(), 1);
    assert_eq!(store.unreadable().unwrap(), 1);
    assert_eq!(rows(&scratch.path(), "SELECT count(*) FROM inbox"), 1);
}

#[test]
fn two_that_hear_lose_nothing_of_each_other() {
    let (scratch, store) = store(2);
    let other = SqliteStore::open(&scratch.path()).unwrap();
    for round in 0..6 {
        store.hear(&[live(1, round * 100, round + 1)]).unwrap();
        other.hear(&[live(2, round * 100, round + 1)]).unwrap();
        match round % 3 {
            0 => drop(store.settle().unwrap()),
            1 => drop(other.settle().unwrap()),
            _ => drop(SqliteStore::open(&scratch.path()).unwrap()),
        }
    }
    store.settle().unwrap();
    assert_eq!(store.readings(&everything(1)).unwrap().len(), 6);
    assert_eq!(store.readings(&everything(2)).unwrap().len(), 6);
    assert!(files(&scratch.path()).len() <= 2, "{:?}", files(&scratch.path()));
}

#[test]
fn a_store_that_was_put_back_is_told_what_was_heard_since_and_nobody_elses() {
    let (scratch, store) = store(2);
    store.hear(&[live(1, 100, 7)]).unwrap();
    store.settle().unwrap();
    let copy = beside(&scratch.path(), "-copy");
    store.backup(&copy).unwrap();
    store.hear(&[live(1, 200, 8), live(2, 200, 9)]).unwrap();
    store.settle().unwrap();
    store.hear(&[live(1, 300, 10)]).unwrap();
    drop(store);
    // In the copy the second meter has another address, as in the copy of another building.
    Connection::open(&copy)
        .unwrap()
        .execute("UPDATE meter SET identification = 77 WHERE id = 2", [])
        .unwrap();
    let by = By {
        who: "test",
        at: at(NOON),
    };
    SqliteStore::restore(&copy, &scratch.path(), true, None, by).unwrap();
    let restored = SqliteStore::open(&scratch.path()).unwrap();
    assert_eq!(restored.readings(&everything(1)).unwrap().len(), 3);
    assert_eq!(restored.readings(&everything(2)).unwrap(), []);
}

#[test]
fn a_meter_whose_address_is_corrected_keeps_what_was_heard_before_and_after() {
    let (scratch, store) = store(1);
    let other = SqliteStore::open(&scratch.path()).unwrap();
    let correct = |store: &SqliteStore, number: u32| {
        let mut meter = store.registry().unwrap().meters[0].clone();
        meter.address.identification_number = wmbus::IdentificationNumber(number);
        let version = store.registry_version().unwrap();
        let by = By {
            who: "test",
            at: at(NOON),
        };
        store.apply_by(version, &[Change::Meter(meter)], by).unwrap();
    };
    store.hear(&[live(1, 100, 7)]).unwrap();
    correct(&store, 0x7700_0001);
    store.hear(&[live(1, 200, 8)]).unwrap();
    correct(&other, 0x7700_0002);
    store.hear(&[live(1, 300, 9)]).unwrap();
    store.settle().unwrap();
    assert_eq!(store.readings(&everything(1)).unwrap().len(), 3);
}

#[test]
fn what_waits_is_erased_with_the_rest() {
    let (scratch, store) = store(1);
    store.hear(&[live(1, NOON, 7)]).unwrap();
    let by = By {
        who: "test",
        at: at(NOON + 100),
    };
    let receipt = store.erase(Erase::Dwelling(DwellingId(1)), false, by).unwrap();
    assert_eq!((receipt.deleted.readings, receipt.deleted.telegrams), (1, 1));
    assert_eq!(files(&scratch.path()), [] as [PathBuf; 0]);
    // Nor does it wait when it is heard once more.
    store.hear(&[live(1, NOON, 7)]).unwrap();
    assert_eq!(files(&scratch.path()), [] as [PathBuf; 0]);
    assert_eq!(store.readings(&everything(1)).unwrap(), []);
}

#[test]
fn a_stored_register_of_a_telegram_that_is_not_taken_is_news_the_next_time() {
    let (_scratch, store) = store(1);
    // A recording, and within half a minute the same octets as if they were none.
    let mut recorded = telegram(1, NOON, 5, Vec::new());
    recorded.outcome = "replayed".into();
    let history = vec![reading(at(NOON - 86_400), Source::History, 4)];
    store.hear(&[Ingest::Telegram(recorded)]).unwrap();
    store
        .hear(&[Ingest::Telegram(telegram(1, NOON + 5, 5, history.clone()))])
        .unwrap();
    assert_eq!(store.settle().unwrap().readings, 0);
    store
        .hear(&[Ingest::Telegram(telegram(1, NOON + 900, 6, history))])
        .unwrap();
    assert_eq!(store.settle().unwrap().readings, 1);
}

#[test]
fn a_full_inbox_settles_by_itself() {
    let (scratch, store) = store(1);
    let strangers: Vec<Ingest> = (0..20_000).map(|number| sighting(number, 100)).collect();
    for _ in 0..9 {
        store.hear(&strangers).unwrap();
        assert!(waiting(&scratch.path()) > 0);
    }
    store.hear(&strangers).unwrap();
    assert_eq!(waiting(&scratch.path()), 0);
    assert!(!store.heard(10).unwrap().is_empty());
}

#[test]
fn whoever_watches_is_told_when_it_counts() {
    #[derive(Default)]
    struct Told(Mutex<Vec<i64>>);
    impl Watcher for Told {
        fn committed(&self, changed: Changed<'_>) {
            if let Changed::Readings(stretches) = changed {
                self.0
                    .lock()
                    .unwrap()
                    .extend(stretches.iter().map(|stretch| stretch.meter.0));
            }
        }
    }
    let (_scratch, store) = store(2);
    let told = Arc::new(Told::default());
    let weak: Weak<Told> = Arc::downgrade(&told);
    store.watch(weak);
    store.hear(&[live(2, 100, 7)]).unwrap();
    assert_eq!(*told.0.lock().unwrap(), [] as [i64; 0]);
    store.settle().unwrap();
    assert_eq!(*told.0.lock().unwrap(), [2]);
}

/// What happens to a store between two batches.
#[derive(Clone, Debug)]
enum Between {
    Nothing,
    Settles,
    /// Killed, and opened again.
    Opened,
    /// Another process puts the batch as a replay would, before the daemon hears it.
    Replayed,
}

fn between() -> impl Strategy<Value = Between> {
    prop_oneof![
        3 => Just(Between::Nothing),
        1 => Just(Between::Settles),
        1 => Just(Between::Opened),
        1 => Just(Between::Replayed),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn waiting_changes_nothing(
        batches in prop::collection::vec(
            (prop::collection::vec(anything(), 1..12), between(), prop::collection::vec(anything(), 0..3)),
            1..8,
        ),
    ) {
        let (scratch, mut heard) = store(3);
        let (straight, ingested) = store(3);
        let any_judged = batches.iter().any(|(_, _, judged)| !judged.is_empty());
        for (telegrams, between, judged) in batches {
            let mut batch: Vec<Ingest> = telegrams.into_iter().map(Ingest::Telegram).collect();
            // Of telegrams that came before, or will come, or are of this batch.
            batch.extend(judged.into_iter().map(|telegram| {
                Ingest::Again(judged_again(&telegram))
            }));
            ingested.ingest(&batch).unwrap();
            if matches!(between, Between::Replayed) {
                heard.settle().unwrap();
                heard.ingest(&batch).unwrap();
            }
            heard.hear(&batch).unwrap();
            match between {
                Between::Settles => { heard.settle().unwrap(); }
                Between::Opened => {
                    drop(heard);
                    heard = SqliteStore::open(&scratch.path()).unwrap();
                }
                Between::Nothing | Between::Replayed => {}
            }
        }
        heard.settle().unwrap();
        // When one ended so last may be of a telegram that was judged otherwise since, and then depends on when that was told.
        let said = |path: &std::path::Path| -> Vec<String> {
            let timeless = |row: String| match row.rsplit_once(", ") {
                Some((row, _)) if any_judged && row.starts_with(OUTCOMES) => row.to_owned(),
                _ => row,
            };
            meaning(path).into_iter().map(timeless).collect()
        };
        prop_assert_eq!(said(&scratch.path()), said(&straight.path()));
        prop_assert_eq!(waiting(&scratch.path()), 0);
    }
}
