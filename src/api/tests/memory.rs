//! What is answered from memory is what would be worked out: whatever is committed, and by whom.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use axum::extract::FromRequestParts;
use axum::http::{Method, Request};
use jiff::Timestamp;
use jiff::civil::date;
use proptest::prelude::*;

use super::*;
use crate::api::consumption::{Of, Question, StepName, report};
use crate::api::dwellings::named;
use crate::api::format::Wanted;
use crate::api::memory::Memory;
use crate::api::query::Day;
use crate::registry::{NewOccupancy, OccupancyChange, OccupancyId, Role};
use crate::store::{By, Changed, Erase, ReadingKey, Retention, Watcher};

/// A house whose answers are remembered, and the same whose memory is emptied before each question.
struct Both {
    house: House,
    forgetful: Router,
    memory: Arc<Memory>,
    forgotten: Arc<Memory>,
    clock: Arc<AtomicI64>,
    /// Another process's.
    other: SqliteStore,
    households: [OccupancyId; 2],
    hits: usize,
}

impl Both {
    fn new() -> Self {
        let mut house = House::new();
        let by = By {
            who: "test",
            at: at(NOW),
        };
        let moved_in = |dwelling, keeps_hourly| {
            let new = NewOccupancy {
                dwelling: DwellingId(dwelling),
                role: Role::Tenant,
                from: date(2025, 9, 10),
                keeps_hourly,
            };
            house.store.add_occupancy(&new, by).unwrap().id
        };
        let households = [moved_in(1, true), moved_in(2, false)];
        let clock = Arc::new(AtomicI64::new(at(NOW).as_second()));
        let context = || {
            let clock = Arc::clone(&clock);
            Context::new(Arc::clone(&house.store) as Arc<dyn Store>)
                .with_clock(move || Timestamp::from_second(clock.load(Ordering::Relaxed)).unwrap())
        };
        let (remembering, forgetting) = (context(), context());
        let (memory, forgotten) = (Arc::clone(&remembering.memory), Arc::clone(&forgetting.memory));
        house.router = router(remembering);
        Self {
            forgetful: router(forgetting),
            memory,
            forgotten,
            clock,
            other: SqliteStore::open(house.store.path()).unwrap(),
            households,
            house,
            hits: 0,
        }
    }

    /// Asks both, who must say the same.
    async fn ask(&mut self, path: &str, accept: &str) -> Answer {
        let bearer = format!("Bearer {}", self.house.token(Scope::Operator));
        let headers = [("authorization", bearer.as_str()), ("accept", accept)];
        let hits = self.memory.hits();
        let answer = self.house.ask(Method::GET, path, &headers).await;
        self.hits += self.memory.hits() - hits;
        self.forgotten.committed(Changed::Anything);
        let remembering = std::mem::replace(&mut self.house.router, self.forgetful.clone());
        let worked_out = self.house.ask(Method::GET, path, &headers).await;
        self.house.router = remembering;
        assert_eq!(answer.status, worked_out.status, "{path}");
        assert_eq!(answer.text(), worked_out.text(), "{path}");
        assert_eq!(answer.headers, worked_out.headers, "{path}");
        answer
    }
}

/// Something happens.
#[derive(Clone, Debug)]
enum Event {
    /// A telegram with readings, each so many hours before now.
    Telegram(i64, Vec<(usize, i64, usize, i64)>),
    /// Readings that no telegram brought; by another process where it says so.
    Readings(i64, Vec<(usize, i64, usize, i64)>, bool),
    /// A reading is flagged.
    Flags(usize, u32),
    /// What is old is thinned.
    Thin(u32),
    /// A radiator counts otherwise, by another process where it says so.
    Factor(i64, bool),
    /// A household agrees to its hours or does not, or leaves.
    Household(usize, bool, Option<i8>),
    /// A dwelling's data are erased.
    Erase(i64),
    /// The clock goes on, or back.
    Clock(i64),
}

fn event() -> impl Strategy<Value = Event> {
    // Channel, hours before now, source, step of the value.
    let rows = || {
        prop::collection::vec(
            (0_usize..5, -30_i64..7_000, 0_usize..Source::ALL.len(), 0_i64..900),
            1..5,
        )
    };
    prop_oneof![
        6 => (1_i64..=6, rows()).prop_map(|(meter, rows)| Event::Telegram(meter, rows)),
        4 => (1_i64..=6, rows(), any::<bool>()).prop_map(|(meter, rows, other)| Event::Readings(meter, rows, other)),
        2 => (0_usize..2_000, prop::sample::select(vec![0, 1, 4, 8, 16, 32])).prop_map(|(row, flags)| Event::Flags(row, flags)),
        2 => (1_u32..40).prop_map(Event::Thin),
        1 => (900_i64..1_300, any::<bool>()).prop_map(|(factor, other)| Event::Factor(factor, other)),
        1 => (0_usize..2, any::<bool>(), prop::option::of(1_i8..28)).prop_map(|(one, keeps, left)| Event::Household(one, keeps, left)),
        1 => (1_i64..=2).prop_map(Event::Erase),
        1 => prop::sample::select(vec![60, 86_400, 40 * 86_400, -3 * 86_400]).prop_map(Event::Clock),
    ]
}

impl Both {
    fn happen(&self, event: &Event) {
        let store = &self.house.store;
        let now = Timestamp::from_second(self.clock.load(Ordering::Relaxed)).unwrap();
        let by = By { who: "test", at: now };
        let channels = [
            water(),
            heat(),
            // Better ones than these, where a meter has them too: the whole index is another then.
            Channel {
                direction: decoders::reading::Direction::Net,
                ..water()
            },
            Channel {
                kind: decoders::reading::Kind::Increment,
                ..heat()
            },
            // One that no figure is made of.
            Channel { tariff: 1, ..water() },
        ];
        let readings = |rows: &[(usize, i64, usize, i64)]| -> Vec<StoredReading> {
            rows.iter()
                .map(|(channel, hours, source, step)| {
                    let at = now - (*hours).hours();
                    // Mostly growing with time.
                    reading(
                        channels[*channel],
                        at,
                        Source::ALL[*source],
                        (9_000 - hours) * 1_000 + step,
                    )
                })
                .collect()
        };
        let apply = |store: &SqliteStore, change: Change| {
            store.apply(store.registry_version().unwrap(), &[change]).unwrap();
        };
        match event {
            Event::Telegram(meter, rows) => {
                store.ingest(&[telegram(*meter, now, readings(rows))]).unwrap();
            }
            Event::Readings(meter, rows, other) => {
                let store = if *other { &self.other } else { &**store };
                store.add_readings(MeterId(*meter), &readings(rows)).unwrap();
            }
            Event::Flags(row, flags) => {
                let all = store.changes(0, 2_000).unwrap();
                if let Some(row) = all.get(row % all.len().max(1)) {
                    let key = ReadingKey {
                        channel: row.channel_id,
                        at: row.reading.at,
                        source: row.reading.source,
                    };
                    store.set_flags(row.meter, key, Flags(*flags)).unwrap();
                }
            }
            Event::Thin(live_days) => {
                let retention = Retention {
                    live_days: *live_days,
                    ..Retention::default()
                };
                store.retain(now, &retention).unwrap();
            }
            Event::Factor(thousandths, other) => {
                let store = if *other { &self.other } else { &**store };
                apply(store, factor(4, *thousandths));
            }
            Event::Household(one, keeps_hourly, left) => {
                let change = OccupancyChange {
                    until: left.map(|day| date(2026, 2, day)),
                    may_extend: true,
                    keeps_hourly: Some(*keeps_hourly),
                };
                // Refused where it has been erased.
                let _ = store.change_occupancy(self.households[*one], &change, by);
            }
            Event::Erase(dwelling) => {
                store
                    .erase(Erase::Dwelling(DwellingId(*dwelling)), false, by)
                    .unwrap();
            }
            Event::Clock(seconds) => {
                self.clock.fetch_add(*seconds, Ordering::Relaxed);
            }
        }
    }

    /// The questions that are asked again and again.
    fn questions(&self) -> Vec<(String, &'static str)> {
        let mut questions = Vec::new();
        for of in [
            "dwellings/1".to_owned(),
            "dwellings/2".to_owned(),
            format!("occupancies/{}", self.households[0].0),
            format!("occupancies/{}", self.households[1].0),
        ] {
            for asked in [
                "from=2025-11-01&to=2025-12-01",
                "from=2026-01-01&to=2026-02-01&compare=previous",
                "from=2025-06-15&to=2025-10-02&step=week",
                "from=2026-02-27&to=2026-03-02&step=hour",
                "from=2026-01-01&to=2026-03-01&compare=site",
                "to=2026-03-08",
                "from=2026-03-01",
                "",
            ] {
                for accept in ["application/json", "text/csv"] {
                    questions.push((format!("/v1/{of}/consumption?{asked}"), accept));
                }
            }
        }
        questions
    }
}

proptest! {
    // Five, or more with PROPTEST_CASES: each case asks some hundred times.
    #![proptest_config(ProptestConfig::with_cases(ProptestConfig::default().cases / 50))]

    #[test]
    fn what_is_answered_from_memory_is_what_would_be_worked_out(
        events in prop::collection::vec((event(), prop::collection::vec(0_usize..1_000, 4..16)), 8..24),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut both = Both::new();
            both.house.store.add_readings(MeterId(1), &daily((0..70).map(|day| day * 90_000), water())).unwrap();
            both.house.store.add_readings(MeterId(4), &daily((0..70).map(|day| day * 3_000), heat())).unwrap();
            let questions = both.questions();
            for (event, asked) in &events {
                for number in asked {
                    let (path, accept) = &questions[number % questions.len()];
                    both.ask(path, accept).await;
                    // Again, so that the memory has something to say.
                    both.ask(path, accept).await;
                }
                both.happen(event);
                for number in asked {
                    let (path, accept) = &questions[number % questions.len()];
                    both.ask(path, accept).await;
                }
            }
            assert!(both.hits > 0, "nothing was answered from memory");
            both.memory.size();
        });
    }
}

const JANUARY: &str = "/v1/dwellings/1/consumption?from=2026-01-01&to=2026-02-01";

#[tokio::test]
async fn a_reading_of_today_leaves_the_months_that_are_over_in_memory() {
    let mut both = Both::new();
    both.house
        .store
        .add_readings(MeterId(1), &daily((0..73).map(|day| day * 90_000), water()))
        .unwrap();
    // All its meters have spoken this month, and the last.
    for (meter, channel) in [(2, heat()), (3, heat()), (4, heat())] {
        both.house
            .store
            .add_readings(MeterId(meter), &daily((0..73).map(|day| day * 1_000), channel))
            .unwrap();
    }
    let before = at("2025-12-20T00:00:00+01:00");
    for (meter, channel) in [(1, water()), (2, heat()), (3, heat()), (4, heat())] {
        both.house
            .store
            .add_readings(MeterId(meter), &[reading(channel, before, Source::Live, 0)])
            .unwrap();
    }
    both.ask(JANUARY, "*/*").await;
    both.ask(JANUARY, "*/*").await;
    assert_eq!(both.hits, 1);
    for minute in 0..10 {
        let now = at(NOW) + i64::from(minute).minutes();
        both.house
            .store
            .ingest(&[telegram(
                1,
                now,
                vec![reading(water(), now, Source::Live, 9_000_000)],
            )])
            .unwrap();
        both.ask(JANUARY, "*/*").await;
    }
    assert_eq!(both.hits, 11, "thrown away by a reading of another month");
    // One of January is another matter, and one of the days around it.
    for day in ["2026-01-15", "2025-12-27", "2026-02-05"] {
        let hits = both.hits;
        let noon = at(&format!("{day}T12:00:00+01:00"));
        both.house
            .store
            .add_readings(MeterId(1), &[reading(water(), noon, Source::Manual, 77)])
            .unwrap();
        both.ask(JANUARY, "*/*").await;
        assert_eq!(both.hits, hits, "{day}");
        both.ask(JANUARY, "*/*").await;
        assert_eq!(both.hits, hits + 1, "{day}");
    }
}

#[tokio::test]
async fn a_reading_of_the_period_that_is_compared_with_counts_too() {
    let mut both = Both::new();
    both.house
        .store
        .add_readings(MeterId(1), &daily((0..73).map(|day| day * 90_000), water()))
        .unwrap();
    let february = "/v1/dwellings/1/consumption?from=2026-02-01&to=2026-03-01&compare=previous";
    both.ask(february, "*/*").await;
    both.ask(february, "*/*").await;
    assert_eq!(both.hits, 1);
    // February alone rests on nothing before its last days of January.
    let noon = at("2026-01-10T12:00:00+01:00");
    both.house
        .store
        .add_readings(MeterId(1), &[reading(water(), noon, Source::Manual, 77)])
        .unwrap();
    both.ask(february, "*/*").await;
    assert_eq!(
        both.hits, 1,
        "answered from memory although the month before changed"
    );
    both.ask(february, "*/*").await;
    assert_eq!(both.hits, 2);
}

#[tokio::test]
async fn hours_that_are_put_aside_and_brought_back_count_too() {
    let mut both = Both::new();
    let first = at("2026-01-05T00:00:00+01:00");
    let hourly: Vec<StoredReading> = (0..10 * 24_i64)
        .map(|hour| reading(water(), first + hour.hours(), Source::Live, hour * 4_000))
        .collect();
    both.house.store.add_readings(MeterId(1), &hourly).unwrap();
    let hours = format!(
        "/v1/occupancies/{}/consumption?from=2026-01-07&to=2026-01-09&step=hour",
        both.households[0].0
    );
    both.ask(&hours, "*/*").await;
    both.ask(&hours, "*/*").await;
    assert_eq!(both.hits, 1);
    let now = Timestamp::from_second(both.clock.load(Ordering::Relaxed)).unwrap();
    both.house.store.retain(now, &Retention::default()).unwrap();
    both.ask(&hours, "*/*").await;
    assert_eq!(both.hits, 1, "put aside: looked for anew");
    both.ask(&hours, "*/*").await;
    assert_eq!(both.hits, 2);
    // Another value for one that was put aside: it comes back, and is flagged.
    let noon = at("2026-01-08T12:00:00+01:00");
    let other = reading(water(), noon, Source::Live, 5);
    both.house
        .store
        .ingest(&[telegram(1, noon, vec![other])])
        .unwrap();
    both.ask(&hours, "*/*").await;
    assert_eq!(
        both.hits, 2,
        "answered from memory although a reading is flagged now"
    );
    both.ask(&hours, "*/*").await;
    assert_eq!(both.hits, 3);
}

#[tokio::test]
async fn what_is_committed_while_an_answer_is_made_is_in_the_next_one() {
    for by_another in [false, true] {
        let mut house = House::new();
        let rows = daily((0..73).map(|day| day * 90_000), water());
        house.store.add_readings(MeterId(1), &rows).unwrap();
        let other = SqliteStore::open(house.store.path()).unwrap();
        let writer = if by_another {
            Arc::new(other)
        } else {
            Arc::clone(&house.store)
        };
        let context = || Context::new(Arc::clone(&house.store) as Arc<dyn Store>).with_clock(|| at(NOW));
        let (remembering, forgetting) = (context(), context());
        let (mut parts, ()) = Request::get(JANUARY).body(()).unwrap().into_parts();
        let wanted = Wanted::from_request_parts(&mut parts, &()).await.unwrap();
        let days = (date(2026, 1, 1), date(2026, 2, 1));
        let question = Question {
            of: Of::Dwelling(DwellingId(1)),
            days: (Some(Day(days.0)), Some(Day(days.1))),
            step: StepName::default(),
            compare: None,
            format: wanted.format(),
        };
        let work_out = move |store: &dyn Store| {
            let (dwelling, site) = named(store, DwellingId(1))?;
            let report = report(store, (dwelling, &site), days, question.step, at(NOW))?;
            let noon = at("2026-01-15T12:00:00+01:00");
            let late = reading(water(), noon, Source::Manual, 77);
            writer.add_readings(MeterId(1), &[late]).unwrap();
            Ok(report)
        };
        remembering
            .figures(question, at(NOW), wanted, work_out)
            .await
            .unwrap();
        // Of another process's commits it is told when it asks.
        assert_eq!(remembering.memory.size().0, usize::from(by_another));
        house.router = router(remembering);
        let answer = house.get(JANUARY).await;
        house.router = router(forgetting);
        assert_eq!(answer.text(), house.get(JANUARY).await.text());
        assert!(answer.text().contains("break"), "the late reading is part of it");
    }
}

#[tokio::test]
async fn a_month_that_goes_on_is_worked_out_each_time() {
    let mut both = Both::new();
    let march = "/v1/dwellings/1/consumption?from=2026-03-01&to=2026-04-01";
    both.house
        .store
        .add_readings(MeterId(1), &daily((0..73).map(|day| day * 90_000), water()))
        .unwrap();
    let mut said = Vec::new();
    for _ in 0..3 {
        said.push(both.ask(march, "*/*").await.text().to_owned());
        both.clock.fetch_add(3_600, Ordering::Relaxed);
    }
    assert_eq!(both.hits, 0);
    assert_ne!(said[0], said[1]);
}

#[tokio::test]
async fn what_is_remembered_has_its_tag_and_form() {
    let mut both = Both::new();
    let first = both.ask(JANUARY, "*/*").await;
    let again = both.ask(JANUARY, "*/*").await;
    assert_eq!((both.hits, again.headers), (1, first.headers.clone()));
    assert_eq!(
        both.ask(JANUARY, "text/csv").await.header("content-type"),
        "text/csv; charset=utf-8"
    );
    assert_eq!(both.hits, 1);
    let bearer = format!("Bearer {}", both.house.token(Scope::Operator));
    let headers = [
        ("authorization", bearer.as_str()),
        ("if-none-match", first.header("etag")),
    ];
    let known = both.house.ask(Method::GET, JANUARY, &headers).await;
    assert_eq!((known.status, known.text()), (304, ""));
    both.house
        .store
        .add_readings(MeterId(1), &daily((0..40).map(|day| day * 90_000), water()))
        .unwrap();
    let changed = both.house.ask(Method::GET, JANUARY, &headers).await;
    assert_eq!(changed.status, 200);
}

#[tokio::test]
async fn memory_answers_nobody_who_may_not_ask() {
    let mut both = Both::new();
    both.ask(JANUARY, "*/*").await;
    both.ask(JANUARY, "*/*").await;
    assert_eq!(both.hits, 1);
    let nobody = both.house.ask(Method::GET, JANUARY, &[]).await;
    assert_eq!(nobody.status, 401);
    let bearer = format!("Bearer {}", both.house.token(Scope::Portal));
    let portal = both
        .house
        .ask(Method::GET, JANUARY, &[("authorization", &bearer)])
        .await;
    assert_eq!(portal.status, 403);
}

#[tokio::test]
async fn a_token_that_is_revoked_stops_at_once_whoever_revokes_it() {
    let both = Both::new();
    for (name, by_another) in [("operator", false), ("portal", true)] {
        let scope = Scope::from_name(name).unwrap();
        let bearer = format!("Bearer {}", both.house.token(scope));
        let headers = [("authorization", bearer.as_str())];
        for _ in 0..3 {
            assert_eq!(
                both.house.ask(Method::GET, "/v1/sites", &headers).await.status,
                200
            );
        }
        let store = if by_another {
            &both.other
        } else {
            &*both.house.store
        };
        assert!(store.remove_token(name).unwrap());
        let refused = both.house.ask(Method::GET, "/v1/sites", &headers).await;
        assert_eq!(
            (refused.status, refused.problem().as_str()),
            (401, "unauthenticated"),
            "{name}"
        );
    }
}

#[tokio::test]
async fn memory_has_its_bounds() {
    let mut both = Both::new();
    both.house
        .store
        .add_readings(MeterId(1), &daily((0..73).map(|day| day * 90_000), water()))
        .unwrap();
    let bearer = format!("Bearer {}", both.house.token(Scope::Operator));
    let headers = [("authorization", bearer.as_str())];
    let mut most = 0;
    for year in 2000..2020 {
        for month in 1..=11 {
            let asked = format!(
                "/v1/dwellings/1/consumption?step=day&from={year}-{month:02}-01&to={year}-{:02}-01",
                month + 1
            );
            assert_eq!(both.house.ask(Method::GET, &asked, &headers).await.status, 200);
            most = most.max(both.memory.size().1);
        }
    }
    assert!((1 << 20..=2 << 20).contains(&most), "{most}");
    // The first have left, the last have not.
    both.ask(
        "/v1/dwellings/1/consumption?step=day&from=2000-01-01&to=2000-02-01",
        "*/*",
    )
    .await;
    assert_eq!(both.hits, 0);
    both.ask(
        "/v1/dwellings/1/consumption?step=day&from=2019-11-01&to=2019-12-01",
        "*/*",
    )
    .await;
    assert_eq!(both.hits, 1);
    let (answers, _) = both.memory.size();
    // Ten years of days are too much for one answer to be kept.
    both.ask(
        "/v1/dwellings/1/consumption?step=day&from=2010-01-01&to=2020-01-01",
        "*/*",
    )
    .await;
    assert_eq!(both.memory.size().0, answers);
}
