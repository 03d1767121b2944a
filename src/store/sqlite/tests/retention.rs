//! What is let go, and that a replay of old captures does not bring it back.

use jiff::civil::date;

use super::{content, everything, instant, live, meaning, reading, sighting, store, telegram};
use crate::registry::{NewOccupancy, Role};
use crate::store::sqlite::SqliteStore;
use crate::store::{
    AlertFound, ArchiveQuery, DwellingId, Flags, Grain, Ingest, MeterId, ReceiverState, RetainReport,
    Retention, Source, Store,
};

const HOUR: i64 = 3600;

/// Hourly telegrams of so many hours, from a local midnight in Paris on.
fn hourly(meter: i64, from: &str, hours: i64) -> Vec<Ingest> {
    let from = instant(from).as_second();
    (0..hours)
        .map(|hour| live(meter, from + hour * HOUR, from + hour))
        .collect()
}

fn instants(store: &SqliteStore, meter: i64) -> Vec<String> {
    store
        .readings(&everything(meter))
        .unwrap()
        .iter()
        .map(|row| row.reading.at.to_string())
        .collect()
}

fn retain_all(store: &SqliteStore, now: &str, rows: usize) -> RetainReport {
    let retention = Retention {
        rows,
        ..Retention::default()
    };
    let mut sum = RetainReport::default();
    loop {
        let report = store.retain(instant(now), &retention).unwrap();
        sum.telegrams += report.telegrams;
        sum.readings += report.readings;
        sum.heard += report.heard;
        if !report.more {
            return sum;
        }
    }
}

#[test]
fn of_old_days_the_first_and_last_reading_stay() {
    let (_scratch, store) = store(1);
    // Three days around the night when summer time ends: 24, 25 and 24 hours.
    store.ingest(&hourly(1, "2023-10-27T22:00:00Z", 73)).unwrap();
    let report = retain_all(&store, "2023-11-20T12:00:00Z", 10_000);
    assert_eq!(report.readings, 73 - 6);
    assert_eq!(
        instants(&store, 1),
        [
            "2023-10-27T22:00:00Z",
            "2023-10-28T21:00:00Z",
            "2023-10-28T22:00:00Z",
            "2023-10-29T22:00:00Z",
            "2023-10-29T23:00:00Z",
            "2023-10-30T22:00:00Z",
        ]
    );
    assert_eq!(retain_all(&store, "2023-11-20T12:00:00Z", 10_000).readings, 0);
}

#[test]
fn young_days_and_other_sources_stay_whole() {
    let (_scratch, store) = store(1);
    store.ingest(&hourly(1, "2023-11-10T23:00:00Z", 48)).unwrap();
    let stored: Vec<_> = (0..5)
        .map(|n| reading(instant("2023-11-11T03:30:00Z"), Source::ALL[n], 7))
        .filter(|reading| reading.source != Source::Live)
        .collect();
    store.add_readings(MeterId(1), &stored).unwrap();
    // Seven days before this instant it is still the 12th in Paris: only the 11th is due.
    let report = retain_all(&store, "2023-11-19T15:00:00Z", 10_000);
    assert_eq!(report.readings, 22);
    assert_eq!(instants(&store, 1).len(), 2 + 4 + 24);
}

#[test]
fn the_last_reading_that_nothing_speaks_against_stays() {
    let (_scratch, store) = store(1);
    let day = instant("2023-09-30T22:00:00Z").as_second();
    let batch: Vec<_> = (0..6)
        .map(|hour| {
            let mut reading = reading(super::at(day + hour * HOUR), Source::Live, hour);
            if hour == 0 || hour == 5 {
                reading.flags = Flags::IMPLAUSIBLE;
            }
            reading
        })
        .collect();
    store
        .ingest(&[Ingest::Telegram(telegram(1, day, 1, batch))])
        .unwrap();
    retain_all(&store, "2023-11-20T12:00:00Z", 10_000);
    let hours: Vec<_> = instants(&store, 1)
        .iter()
        .map(|at| at[11..13].to_owned())
        .collect();
    assert_eq!(hours, ["22", "23", "02", "03"]);
}

#[test]
fn a_household_may_keep_its_hours() {
    let (_scratch, store) = store(2);
    store.ingest(&hourly(1, "2023-09-30T22:00:00Z", 48)).unwrap();
    store
        .add_occupancy(
            &NewOccupancy {
                dwelling: DwellingId(1),
                role: Role::Tenant,
                from: date(2023, 10, 2),
                keeps_hourly: true,
            },
            crate::store::By {
                who: "portal",
                at: jiff::Timestamp::UNIX_EPOCH,
            },
        )
        .unwrap();
    assert_eq!(retain_all(&store, "2023-11-20T12:00:00Z", 10_000).readings, 22);
    assert_eq!(instants(&store, 1).len(), 2 + 24);
}

#[test]
fn kept_hours_stand_beside_the_days_and_nothing_of_them_is_lost() {
    let (_scratch, store) = store(1);
    let heard = hourly(1, "2023-09-30T22:00:00Z", 48);
    store.ingest(&heard).unwrap();
    let household = NewOccupancy {
        dwelling: DwellingId(1),
        role: Role::Tenant,
        from: date(2023, 9, 1),
        keeps_hourly: true,
    };
    let by = crate::store::By {
        who: "portal",
        at: jiff::Timestamp::UNIX_EPOCH,
    };
    store.add_occupancy(&household, by).unwrap();
    let before = instants(&store, 1);
    assert_eq!(retain_all(&store, "2023-11-20T12:00:00Z", 10_000).readings, 0);
    assert_eq!(instants(&store, 1), before);
    let (channel, _) = store.channels(MeterId(1)).unwrap()[0];
    let shown = |grain| {
        let (from, until) = (instant("2023-09-30T22:00:00Z"), instant("2023-10-02T22:00:00Z"));
        let shown = store.shown(MeterId(1), channel, from, until, grain).unwrap();
        assert!(shown.is_sorted_by_key(|shown| shown.at));
        shown.len()
    };
    assert_eq!((shown(Grain::Days), shown(Grain::Hours)), (4, 48));
    let feed: Vec<_> = store
        .changes(0, 100)
        .unwrap()
        .iter()
        .map(|row| row.change)
        .collect();
    assert_eq!(feed, (1..=48).collect::<Vec<_>>());

    // Heard once more, they are known; another value is a contradiction that shows.
    let again = store.ingest(&heard).unwrap();
    assert_eq!((again.readings, again.known), (0, 48));
    let at = instant("2023-10-01T10:00:00Z");
    let other = reading(at, Source::Live, 7);
    let report = store.add_readings(MeterId(1), &[other]).unwrap();
    assert_eq!((report.readings, report.conflicts), (0, 1));
    assert_eq!((shown(Grain::Days), shown(Grain::Hours)), (5, 48));
    assert_eq!(instants(&store, 1), before);

    // A household that has gone without leave for its hours: they go, too.
    let mut changed = store.occupancies(DwellingId(1)).unwrap();
    let change = crate::registry::OccupancyChange {
        keeps_hourly: Some(false),
        ..crate::registry::OccupancyChange::default()
    };
    let id = changed.remove(0).id;
    store.change_occupancy(id, &change, by).unwrap();
    store.ingest(&[live(1, at.as_second() + 1, 8)]).unwrap();
    retain_all(&store, "2023-11-20T12:00:00Z", 10_000);
    assert!(shown(Grain::Hours) < 48);
}

#[test]
fn small_pieces_of_work_come_to_the_same_end() {
    let (whole, one) = store(3);
    let (pieces, other) = store(3);
    for store in [&one, &other] {
        for meter in 1..=3 {
            store.ingest(&hourly(meter, "2023-09-30T22:00:00Z", 100)).unwrap();
        }
        store
            .ingest(&[sighting(5, 1_690_000_000), sighting(6, 1_700_390_000)])
            .unwrap();
    }
    let sum = retain_all(&one, "2023-11-20T12:00:00Z", 1_000_000);
    assert_eq!(sum, retain_all(&other, "2023-11-20T12:00:00Z", 7));
    assert_eq!((sum.telegrams, sum.heard), (300, 1));
    assert_eq!(content(&whole.path()), content(&pieces.path()));
}

#[test]
fn replaying_an_old_capture_brings_nothing_back() {
    let (scratch, store) = store(1);
    let capture = hourly(1, "2023-09-30T22:00:00Z", 48);
    store.ingest(&capture).unwrap();
    retain_all(&store, "2023-11-20T12:00:00Z", 10_000);
    let before = meaning(&scratch.path());
    // Each telegram was heard by a second receiver, too.
    let again: Vec<_> = capture
        .iter()
        .flat_map(|item| {
            let mut second = item.clone();
            if let Ingest::Telegram(telegram) = &mut second {
                telegram.received_at += jiff::SignedDuration::from_secs(3);
                for reading in &mut telegram.readings {
                    reading.at = telegram.received_at;
                }
            }
            [item.clone(), second]
        })
        .collect();
    let mut report = crate::store::IngestReport::default();
    for batch in again.chunks(5) {
        report.add(store.ingest(batch).unwrap());
    }
    assert_eq!((report.telegrams, report.expired, report.duplicates), (0, 48, 48));
    retain_all(&store, "2023-11-20T12:00:00Z", 10_000);
    let after = meaning(&scratch.path());
    let radios = |rows: &[String]| {
        rows.iter()
            .filter(|row| !row.contains("FROM radio"))
            .cloned()
            .collect::<Vec<_>>()
    };
    assert_eq!(radios(&after), radios(&before));
    assert!(
        store
            .archive(&ArchiveQuery {
                limit: 1,
                ..ArchiveQuery::default()
            })
            .unwrap()
            .is_empty()
    );
}

#[test]
fn a_late_telegram_of_an_old_day_is_thinned_with_the_rest_of_its_day() {
    let (scratch, store) = store(1);
    let capture = hourly(1, "2023-09-30T22:00:00Z", 24);
    store.ingest(&capture).unwrap();
    retain_all(&store, "2023-10-20T12:00:00Z", 10_000);
    let before = instants(&store, 1);
    assert_eq!(before.len(), 2);
    // Not in the archive any more, and in the middle of a day that is done with.
    let noon = instant("2023-10-01T10:30:00Z").as_second();
    assert_eq!(store.ingest(&[live(1, noon, 5)]).unwrap().readings, 1);
    assert_eq!(instants(&store, 1).len(), 3);
    retain_all(&store, "2023-10-20T12:00:00Z", 10_000);
    assert_eq!(instants(&store, 1), before);
    drop(scratch);
}

/// What the page says of how long something is kept.
fn promised(what: &str) -> String {
    let page = include_str!("../../../../docs/privacy.md");
    let row = page.lines().find(|line| line.starts_with(&format!("| {what} |")));
    let row = row.unwrap_or_else(|| panic!("docs/privacy.md has no line for {what}"));
    row.split('|').nth(2).unwrap().trim().to_owned()
}

#[test]
fn each_class_of_data_is_kept_as_long_as_the_page_says_and_no_longer() {
    let (scratch, store) = store(1);
    let heard = instant("2026-01-10T10:00:00Z");
    let day = heard.as_second() / 86_400 * 86_400;
    for hour in 8..=10 {
        store.ingest(&[live(1, day + hour * HOUR, hour)]).unwrap();
    }
    store.ingest(&[sighting(7, heard.as_second())]).unwrap();
    let found = |is| AlertFound {
        meter: MeterId(1),
        kind: "leak",
        amount: None,
        is,
    };
    store.put_alerts(heard, &[found(true)]).unwrap();
    store.put_alerts(heard, &[found(false)]).unwrap();
    let receiver = |condition: &str, second: i64| ReceiverState {
        name: "cellar".to_owned(),
        condition: condition.to_owned(),
        since: super::at(second),
        seen: super::at(second),
        identity: String::new(),
        reason: None,
        opened: 0,
        losses: 0,
        asked: 0,
        resets: 0,
        reopened: 0,
        telegrams: 0,
        noise: 0,
    };
    let second = heard.as_second();
    store
        .note_receivers(&[receiver("lost", second - 60)], super::at(second - 60))
        .unwrap();
    store
        .note_receivers(&[receiver("listening", second)], heard)
        .unwrap();

    let rows = |table: &str| {
        let count = super::dump(&scratch.path(), &[&format!("SELECT count(*) FROM {table}")]);
        count[0]
            .rsplit("Integer(")
            .next()
            .unwrap()
            .split(')')
            .next()
            .unwrap()
            .parse::<i64>()
            .unwrap()
    };
    let hourly = "reading WHERE source = 0";
    // Each with the day on which it is still there, and the next one on which it is gone; hours wait for the end of a day.
    let classes: [(&str, &str, i64, &str, i64, i64); 5] = [
        (
            "first and last live value of each hour",
            hourly,
            7,
            "7 days",
            3,
            2,
        ),
        (
            "meters that are not registered",
            "heard",
            7,
            "7 days after they were last heard",
            1,
            0,
        ),
        ("raw telegrams", "telegram", 30, "30 days (`raw_days`)", 3, 0),
        ("alerts that are over", "alert", 730, "two years", 1, 0),
        (
            "times in which nobody listened",
            "outage",
            1100,
            "1100 days",
            1,
            0,
        ),
    ];
    for (what, _, _, said, ..) in classes {
        assert!(promised(what).starts_with(said), "{what}: {}", promised(what));
    }
    let mut looks: Vec<i64> = classes
        .iter()
        .flat_map(|class| [class.2 - 1, class.2 + 1])
        .collect();
    looks.sort_unstable();
    looks.dedup();
    for look in looks {
        let now = super::at(second + look * 86_400 + 1);
        retain_all(&store, &now.to_string(), 10_000);
        store.put_alerts(now, &[]).unwrap();
        for (what, table, days, _, before, after) in classes {
            let wanted = if look < days { before } else { after };
            assert_eq!(rows(table), wanted, "{what}, {look} days later");
        }
    }
    // The first and the last value of a day stay.
    assert_eq!(rows(hourly), 2);
    assert_eq!(
        promised("first and last live value of each day")
            .split(' ')
            .next(),
        Some("until")
    );
}
