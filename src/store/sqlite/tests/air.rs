//! What is known of meters and receivers, and the archive.

use decoders::reading::{Stamp, Status, StatusWord};

use super::{at, store, telegram};
use crate::store::{ArchiveQuery, Facts, Ingest, MeterId, Store, Telegram};

const NOON: i64 = 1_700_000_000;

fn leaking(second: i64, digest: u64) -> Telegram {
    Telegram {
        facts: Facts {
            counter: None,
            opened: true,
            device_time: Some(Stamp::Date {
                year: 2023,
                month: 11,
                day: 14,
            }),
            status: vec![Status {
                word: StatusWord::Leak,
                past: true,
            }],
            more: vec![("firmware".into(), "1.2".into())],
        },
        ..telegram(1, second, digest, vec![])
    }
}

#[test]
fn the_latest_telegram_speaks_for_its_meter() {
    let (_scratch, store) = store(2);
    let wrong_key = Telegram {
        outcome: "wrong_key".into(),
        evidence: Some("wrong_key: no key opens it".to_owned()),
        rssi_dbm: Some(-95),
        radio: "attic".into(),
        facts: Facts::default(),
        ..telegram(1, NOON + 100, 2, vec![])
    };
    // The older one arrives later: from another receiver's capture, say.
    store.ingest(&[Ingest::Telegram(wrong_key)]).unwrap();
    store.ingest(&[Ingest::Telegram(leaking(NOON, 1))]).unwrap();
    let state = store.meter_state(MeterId(1)).unwrap().unwrap();
    assert_eq!((state.first_heard, state.last_heard), (at(NOON), at(NOON + 100)));
    assert_eq!(
        (state.outcome.as_str(), state.radio.as_str()),
        ("wrong_key", "attic")
    );
    assert_eq!(state.evidence.as_deref(), Some("wrong_key: no key opens it"));
    assert_eq!((state.rssi_dbm, state.telegrams), (Some(-95), 2));
    assert_eq!(state.opened_at, Some(at(NOON)));
    assert_eq!(
        state.status,
        [Status {
            word: StatusWord::Leak,
            past: true
        }]
    );
    assert_eq!(
        state.device_time,
        Some(Stamp::Date {
            year: 2023,
            month: 11,
            day: 14
        })
    );
    assert_eq!(store.meter_states(None, 10).unwrap(), [state]);
    assert_eq!(store.meter_state(MeterId(2)).unwrap(), None);
    let outcomes = store.outcomes(MeterId(1)).unwrap();
    assert_eq!(outcomes.len(), 2);
    assert_eq!(
        (outcomes[1].outcome.as_str(), outcomes[1].telegrams),
        ("wrong_key", 1)
    );
    let facts = store.facts(MeterId(1)).unwrap();
    assert_eq!(
        (facts[0].name.as_str(), facts[0].value.as_str()),
        ("firmware", "1.2")
    );
    let radios = store.radios().unwrap();
    assert_eq!(radios.len(), 2);
    assert_eq!((radios[0].name.as_str(), radios[0].telegrams), ("attic", 1));
}

#[test]
fn the_archive_is_walked_in_pages_from_the_oldest_on() {
    let (_scratch, store) = store(2);
    let batch: Vec<_> = (0..10_u64)
        .map(|number| {
            let second = NOON - i64::try_from(number).unwrap() * 60;
            let mut telegram = telegram(
                1 + i64::try_from(number % 2).unwrap(),
                second,
                u64::MAX - number,
                vec![],
            );
            if number == 4 {
                telegram.outcome = "unknown_layout".into();
            }
            Ingest::Telegram(telegram)
        })
        .collect();
    store.ingest(&batch).unwrap();
    let mut query = ArchiveQuery {
        limit: 3,
        ..ArchiveQuery::default()
    };
    let mut walked = Vec::new();
    loop {
        let page = store.archive(&query).unwrap();
        let Some(last) = page.last() else { break };
        query.after = Some(last.key);
        walked.extend(page);
    }
    assert_eq!(walked.len(), 10);
    assert!(walked.is_sorted_by_key(|telegram| telegram.key));
    assert_eq!(walked[9].octets, u64::MAX.to_be_bytes());
    assert_eq!(walked[9].key.digest, u64::MAX);
    let of_one = ArchiveQuery {
        meter: Some(MeterId(2)),
        limit: 100,
        ..ArchiveQuery::default()
    };
    assert_eq!(store.archive(&of_one).unwrap().len(), 5);
    let outcomes = ["unknown_layout", "no_key"];
    let unread = ArchiveQuery {
        outcomes: &outcomes,
        limit: 100,
        ..ArchiveQuery::default()
    };
    assert_eq!(store.archive(&unread).unwrap().len(), 1);
    let outcomes = ["read", "no_key"];
    let read = ArchiveQuery {
        outcomes: &outcomes,
        limit: 100,
        ..ArchiveQuery::default()
    };
    assert_eq!(store.archive(&read).unwrap().len(), 9);
}

#[test]
fn the_archive_knows_which_telegrams_nobody_timed() {
    let (_scratch, store) = store(1);
    let untimed = Telegram {
        assumed: true,
        ..telegram(1, NOON, 1, vec![])
    };
    let batch = [untimed, telegram(1, NOON + 60, 2, vec![])].map(Ingest::Telegram);
    store.ingest(&batch).unwrap();
    let query = ArchiveQuery {
        limit: 10,
        ..ArchiveQuery::default()
    };
    let archive = store.archive(&query).unwrap();
    let assumed: Vec<_> = archive.iter().map(|telegram| telegram.assumed).collect();
    assert_eq!(assumed, [true, false]);
}

#[test]
fn the_rhythm_of_a_receiver_is_kept() {
    let (_scratch, store) = store(1);
    assert_eq!(store.rhythm("attic").unwrap(), None);
    store.note_rhythm("attic", &[1, 2, 3]).unwrap();
    store.note_rhythm("attic", &[4]).unwrap();
    assert_eq!(store.rhythm("attic").unwrap().as_deref(), Some(&[4][..]));
    assert_eq!(store.rhythm("cellar").unwrap(), None);
}
