//! Addresses and names that somebody made up to do harm.

use super::super::{House, at, stranger, telegram};
use super::{Browser, PAGES, hidden};
use crate::registry::{Change, Dwelling, DwellingId, Point, PointId, SiteId};
use crate::store::{AlertFound, Ingest, MeterId, ReceiverState, Store};

/// What would run, or open a hole, where it is not escaped.
const MARKUP: &str = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>&";

#[tokio::test]
async fn a_wrong_address_is_answered_with_a_sentence_and_a_way_on() {
    let house = House::new();
    let mut browser = Browser::inside(&house).await;
    for (path, status) in [
        ("/caretaker/meters?page=0", 400),
        ("/caretaker/meters?page=-1", 400),
        ("/caretaker/meters?page=99999999999999999999", 400),
        ("/caretaker/meters?page=2", 200),
        ("/caretaker/meters?state=broken", 400),
        ("/caretaker/meters?sort=DROP%20TABLE", 400),
        ("/caretaker/meters?q=%00", 200),
        ("/caretaker/meters?q=%FF%FE", 200),
        ("/caretaker/meters?q=1&q=2", 400),
        ("/caretaker/meters?x=1", 400),
        ("/caretaker/meters?q=%27%20OR%201%3D1%20--", 200),
        ("/caretaker/meters/0", 404),
        ("/caretaker/meters/-1", 404),
        ("/caretaker/meters/999999", 404),
        ("/caretaker/meters/1e3", 400),
        ("/caretaker/meters/%2e%2e%2fv1", 400),
        ("/caretaker/meters/%FF", 400),
        ("/caretaker/meters/1?span=century", 400),
        ("/caretaker/alerts?kind=none", 400),
        ("/caretaker/alerts?kind=", 200),
        ("/caretaker/air?sort=x", 400),
        ("/caretaker/radios?x", 400),
        ("/caretaker/login?to=https%3A%2F%2Fexample.org", 200),
        ("/caretaker/../../etc/passwd", 404),
        ("/caretaker/unknown", 404),
        ("/caretaker?lang=xx", 200),
        ("/caretaker?lang=fr&lang=en", 400),
    ] {
        let answer = browser.get(path).await;
        assert_eq!(answer.status, status, "{path}: {}", answer.text());
        assert_eq!(
            answer.header("content-type"),
            "text/html; charset=utf-8",
            "{path}"
        );
        assert!(answer.text().contains("<h1>") && answer.text().contains("href=\"/caretaker\""));
        if path.starts_with("/caretaker/login") {
            assert_eq!(hidden(answer.text(), "to"), "/caretaker", "{path}");
        }
    }
    let long = format!("/caretaker/meters?q={}", "9".repeat(5000));
    assert_eq!(browser.get(&long).await.status, 400);
    let body = "x".repeat(100_000);
    let answer = browser.post("/caretaker/login", &[("token", &body)], &[]).await;
    assert_eq!(answer.status, 413);
}

#[tokio::test]
async fn what_somebody_typed_or_registered_is_text_and_nothing_else() {
    let house = House::new();
    let site = house.store.sites(None, 1).unwrap().remove(0);
    let meter = house.store.meter(MeterId(1)).unwrap().unwrap();
    let changes = [
        Change::Site(crate::registry::Site {
            name: MARKUP.to_owned(),
            address: MARKUP.to_owned(),
            ..site
        }),
        Change::Dwelling(Dwelling {
            id: DwellingId(1),
            site: SiteId(1),
            lot: MARKUP.to_owned(),
            client_ref: Some(MARKUP.to_owned()),
            surface: None,
        }),
        Change::Point(Point {
            id: PointId(1),
            dwelling: DwellingId(1),
            kind: crate::registry::Kind::HotWater,
            room: MARKUP.to_owned(),
            number: 1,
        }),
        Change::Meter(crate::registry::Meter {
            printed_serial: Some(MARKUP.to_owned()),
            ..meter
        }),
    ];
    let version = house.store.registry_version().unwrap();
    house.store.apply(version, &changes).unwrap();
    let mut heard = telegram(1, at("2026-03-15T11:00:00+01:00"), Vec::new());
    if let Ingest::Telegram(telegram) = &mut heard {
        telegram.radio = MARKUP.into();
        telegram.outcome = "wrong_key".into();
        telegram.evidence = Some(MARKUP.to_owned());
        telegram.facts.more = vec![("fabrication_no".into(), MARKUP.into())];
    }
    house
        .store
        .ingest(&[heard, stranger(0x1234_5678, at("2026-03-15T11:00:00+01:00"))])
        .unwrap();
    house
        .store
        .put_alerts(
            at("2026-03-15T11:00:00+01:00"),
            &[
                AlertFound {
                    meter: MeterId(1),
                    kind: "leak",
                    is: true,
                    amount: Some(12_345),
                },
                AlertFound {
                    meter: MeterId(1),
                    kind: "<b>later</b>",
                    is: true,
                    amount: None,
                },
            ],
        )
        .unwrap();
    let now = at("2026-03-15T11:30:00+01:00");
    house.store.begin_listening(&[MARKUP], now).unwrap();
    house
        .store
        .note_receivers(
            &[ReceiverState {
                name: MARKUP.to_owned(),
                condition: "lost".to_owned(),
                since: now,
                seen: now,
                identity: MARKUP.to_owned(),
                reason: Some(MARKUP.to_owned()),
                opened: 1,
                losses: 1,
                asked: 0,
                resets: 0,
                reopened: 0,
                telegrams: 1,
                noise: 0,
            }],
            now,
        )
        .unwrap();
    let mut browser = Browser::inside(&house).await;
    let typed: String = form_urlencoded::byte_serialize(MARKUP.as_bytes()).collect();
    let paths = [
        format!("/caretaker/meters?q={typed}"),
        format!("/caretaker/meters?{typed}=1"),
        format!("/caretaker/meters?state={typed}"),
        format!("/caretaker/alerts?kind={typed}"),
        format!("/caretaker/{typed}"),
        format!("/caretaker/login?to={typed}"),
        format!("/caretaker/login?to=/caretaker?{typed}"),
    ];
    let pages = PAGES.iter().map(|page| (*page).to_owned());
    for path in pages.chain(paths) {
        let answer = browser.get(&path).await;
        let text = answer.text();
        assert_eq!(text.matches("<script").count(), 1, "{path}: {text}");
        assert!(
            !text.contains("<img") && !text.contains("<b>later"),
            "{path}: {text}"
        );
        assert!(!text.contains("\"'>"), "{path}: {text}");
    }
    let page = browser.get("/caretaker/meters/1").await;
    assert!(
        page.text().contains("&lt;script&gt;alert(1)&lt;/script&gt;"),
        "it is shown as text"
    );
    assert!(browser.get("/caretaker").await.text().contains("12.3 L/h"));
}

#[tokio::test]
async fn looking_changes_nothing() {
    let house = House::new();
    let before = (
        house.store.registry_version().unwrap(),
        house.store.last_change().unwrap(),
        house.store.tokens().unwrap(),
        house.store.counts().unwrap(),
    );
    let mut browser = Browser::inside(&house).await;
    for page in PAGES {
        assert_eq!(browser.get(page).await.status, 200);
    }
    let after = (
        house.store.registry_version().unwrap(),
        house.store.last_change().unwrap(),
        house.store.tokens().unwrap(),
        house.store.counts().unwrap(),
    );
    assert_eq!(before, after);
    // The session is for the pages alone: the JSON routes want their token.
    let cookie = format!("releve_caretaker={}", browser.cookie("releve_caretaker").unwrap());
    let answer = house
        .ask(axum::http::Method::GET, "/v1/meters", &[("cookie", &cookie)])
        .await;
    assert_eq!(answer.status, 401);
    assert_eq!(house.get("/v1/meters").await.status, 200);
}
