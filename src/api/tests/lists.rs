//! Lists: pages without skips or repeats, finding a site and a dwelling, the feed, the air.

use std::collections::HashSet;

use axum::http::Method;
use jiff::ToSpan;
use serde_json::Value;

use super::{
    House, Ingest, MeterId, Scope, Source, Store, at, daily, heat, reading, stranger, telegram, water,
};

/// All entries of a list, page by page.
async fn pages(house: &House, path: &str, limit: usize) -> Vec<Value> {
    let separator = if path.contains('?') { '&' } else { '?' };
    let first = format!("{path}{separator}limit={limit}");
    let (mut all, mut next) = (Vec::new(), first.clone());
    loop {
        let page = house.json(&next).await;
        let items = page["items"].as_array().unwrap();
        assert!(items.len() <= limit);
        all.extend(items.iter().cloned());
        match page.get("next").and_then(Value::as_str) {
            Some(cursor) => next = format!("{first}&cursor={cursor}"),
            None => return all,
        }
    }
}

#[tokio::test]
async fn pages_skip_nothing_and_repeat_nothing_whatever_their_size() {
    let house = House::new();
    house
        .store
        .add_readings(MeterId(1), &daily((0..57).map(|day| day * 1000), water()))
        .unwrap();
    house
        .store
        .add_readings(MeterId(1), &daily((0..20).map(|day| day * 1000), heat()))
        .unwrap();
    for (path, count) in [
        ("/v1/sites", 2),
        ("/v1/sites/AB123/dwellings", 2),
        ("/v1/meters", 7),
        ("/v1/meters/C19UA145842/readings", 77),
        (
            "/v1/meters/C19UA145842/readings?from=2026-01-10&to=2026-02-01",
            33,
        ),
    ] {
        let whole = pages(&house, path, 1000).await;
        assert_eq!(whole.len(), count, "{path}");
        for limit in [1, 2, 7] {
            assert_eq!(pages(&house, path, limit).await, whole, "{path}");
        }
    }
}

#[tokio::test]
async fn cursors_of_other_lists_are_refused() {
    let house = House::new();
    let meters = house.json("/v1/meters?limit=1").await;
    let cursor = meters["next"].as_str().unwrap();
    for path in ["/v1/sites", "/v1/radio", "/v1/meters/22222222/readings"] {
        let answer = house.get(&format!("{path}?cursor={cursor}")).await;
        assert_eq!(answer.problem(), "invalid-parameter", "{path}");
    }
    house
        .store
        .add_readings(MeterId(2), &daily([1, 2, 3], heat()))
        .unwrap();
    let readings = house.json("/v1/meters/22222222/readings?limit=1").await;
    let cursor = readings["next"].as_str().unwrap();
    let answer = house
        .get(&format!("/v1/meters/33333333/readings?cursor={cursor}"))
        .await;
    assert_eq!(answer.problem(), "invalid-parameter");
}

#[tokio::test]
async fn a_residence_and_a_dwelling_are_found_however_they_are_typed() {
    let house = House::new();
    for (query, codes) in [
        ("code=ab-123", vec!["AB123"]),
        ("code=ZZ999", vec![]),
        ("address=lilas", vec!["CD456"]),
        ("address=EGLISE%20montreuil", vec!["AB123"]),
        ("address=nowhere", vec![]),
    ] {
        let page = house.json(&format!("/v1/sites?{query}")).await;
        let found: Vec<&str> = page["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|site| site["code"].as_str().unwrap())
            .collect();
        assert_eq!(found, codes, "{query}");
    }
    for (query, ids) in [
        ("lot=a%20007", vec![1]),
        ("client_ref=loc02", vec![2]),
        ("serial=c19%20ua%20145842", vec![1]),
        ("serial=0123456", vec![1]),
        ("serial=33333333", vec![1]),
        ("serial=22222222", vec![1]),
        // Two meters have this number; one of them hangs here.
        ("serial=11111111", vec![1]),
        // Hangs at another site.
        ("serial=66666666", vec![]),
        ("serial=77777777", vec![]),
    ] {
        let page = house.json(&format!("/v1/sites/AB123/dwellings?{query}")).await;
        let found: Vec<i64> = page["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|dwelling| dwelling["id"].as_i64().unwrap())
            .collect();
        assert_eq!(found, ids, "{query}");
    }
    let replaced = house.json("/v1/sites/AB123/dwellings?serial=22222222").await;
    assert_eq!(replaced["items"][0]["found"]["installed"], false);
    assert_eq!(replaced["items"][0]["found"]["by"], "identification_number");
    let dwelling = house.json("/v1/dwellings/1").await;
    assert_eq!(dwelling["lot"], "A-007");
    let salon = &dwelling["points"][1];
    assert_eq!(salon["room"], "Salon");
    assert_eq!(salon["meters"].as_array().unwrap().len(), 2);
    assert_eq!(salon["meters"][0]["end_index"].to_string(), "210");
    assert_eq!(salon["meters"][1]["from"], "2026-03-10T09:00:00+01:00");
}

#[tokio::test]
async fn the_feed_gives_every_change_once_while_more_come_in() {
    let house = House::new();
    let mut seen = Vec::new();
    let mut after = String::new();
    for round in 0..5_i64 {
        let start = at("2026-01-01T00:00:00Z") + round.hours();
        for meter in [1, 5, 6] {
            let new: Vec<_> = (0..4_i64)
                .map(|n| reading(water(), start + n.seconds(), Source::Live, round * 10 + n))
                .collect();
            house.store.add_readings(MeterId(meter), &new).unwrap();
        }
        loop {
            let page = house.json(&format!("/v1/readings?limit=5{after}")).await;
            for item in page["items"].as_array().unwrap() {
                seen.push(format!("{} {}", item["meter"]["id"], item["at"]));
            }
            after = format!("&after={}", page["next"].as_str().unwrap());
            if page["more"] == false {
                break;
            }
        }
    }
    assert_eq!(seen.len(), 60);
    assert_eq!(seen.iter().collect::<HashSet<_>>().len(), 60);
    // Nothing new, and the cursor stays good.
    let idle = house.json(&format!("/v1/readings?limit=5{after}")).await;
    assert_eq!(idle["items"], Value::Array(Vec::new()));
    assert_eq!(format!("&after={}", idle["next"].as_str().unwrap()), after);
}

#[tokio::test]
async fn the_air_shows_receivers_registered_meters_and_strangers() {
    let house = House::new();
    let instant = at("2026-03-15T11:00:00+01:00");
    let mut unread = telegram(5, instant, vec![]);
    if let Ingest::Telegram(unread) = &mut unread {
        unread.outcome = "wrong_key".into();
        unread.evidence = Some("wrong_key: none of its keys opens it".to_owned());
    }
    house
        .store
        .ingest(&[
            telegram(2, instant, vec![]),
            unread,
            stranger(0x8888_8888, instant),
            stranger(0x9999_9999, instant + 1.seconds()),
        ])
        .unwrap();
    let air = house.json("/v1/radio?limit=3").await;
    assert!(
        air["radios"]
            .as_array()
            .unwrap()
            .iter()
            .any(|radio| radio["name"] == "cellar")
    );
    let meters = air["meters"]["items"].as_array().unwrap();
    assert_eq!(meters.len(), 3);
    assert_eq!(meters[0]["heard"], Value::Null);
    assert_eq!(meters[1]["heard"]["last_heard"], "2026-03-15T10:00:00Z");
    assert_eq!(air["unregistered"][0]["id"], "99999999");
    assert_eq!(air["unregistered"][1]["radio"], "attic");
    let next = air["meters"]["next"].as_str().unwrap();
    let rest = house.json(&format!("/v1/radio?limit=3&cursor={next}")).await;
    let heard: Vec<bool> = rest["meters"]["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|meter| !meter["heard"].is_null())
        .collect();
    assert_eq!(heard, [false, true, false]);
    // Why nothing came of the latest telegram stands beside what became of it.
    let unread = &rest["meters"]["items"][1]["heard"];
    assert_eq!(unread["outcome"], "wrong_key");
    assert_eq!(unread["evidence"], "wrong_key: none of its keys opens it");
    assert_eq!(meters[1]["heard"]["evidence"], Value::Null);
    assert_eq!(rest["unregistered"], Value::Array(Vec::new()));
}

#[tokio::test]
async fn a_resident_who_guesses_has_to_pause_and_the_others_do_not() {
    let house = House::new();
    let bearer = format!("Bearer {}", house.token(Scope::Portal));
    let ask = async |serial: &str, client: &str| {
        let path = format!("/v1/sites/AB123/dwellings?serial={serial}");
        let headers = [("authorization", bearer.as_str()), ("releve-client", client)];
        house.ask(Method::GET, &path, &headers).await
    };
    for number in 0..10 {
        // What is found is no guess.
        assert_eq!(ask("C19UA145842", "one").await.status, 200);
        let answer = ask(&format!("9000000{number}"), "one").await;
        assert_eq!(answer.status, 200);
        assert!(answer.json()["items"].as_array().unwrap().is_empty());
    }
    for serial in ["90000011", "C19UA145842"] {
        let answer = ask(serial, "one").await;
        assert_eq!(
            (answer.status, answer.problem().as_str()),
            (429, "too-many-attempts")
        );
        assert_eq!(answer.header("retry-after"), "600");
    }
    assert_eq!(ask("C19UA145842", "another").await.status, 200);
    let unreadable = ask("C19UA145842", &"x".repeat(129)).await;
    assert_eq!(unreadable.problem(), "invalid-parameter");
}

#[tokio::test]
async fn each_meter_keeps_a_rhythm_of_its_own() {
    let house = House::new();
    // Meter 1 speaks every hour and did so until now, meter 5 until Friday, meter 6 was heard once.
    for (meter, first, count) in [
        (1, "2026-03-08T12:00:00+01:00", 168_i64),
        (5, "2026-03-06T12:00:00+01:00", 168),
        (6, "2026-03-15T11:30:00+01:00", 1),
    ] {
        let heard: Vec<Ingest> = (0..count)
            .map(|hour| {
                let instant = at(first) + hour.hours();
                let value = reading(water(), instant, Source::Live, hour * 1000);
                telegram(meter, instant, vec![value])
            })
            .collect();
        house.store.ingest(&heard).unwrap();
    }
    let air = house.json("/v1/radio").await;
    let rhythm = |id: &str| {
        let meters = air["meters"]["items"].as_array().unwrap();
        meters.iter().find(|meter| meter["id"] == id).unwrap()["rhythm"].clone()
    };
    assert_eq!(rhythm("11111111"), "on_time");
    assert_eq!(rhythm("55555555"), "lost");
    assert_eq!(rhythm("66666666"), Value::Null);
    assert_eq!(rhythm("22222222"), Value::Null, "never heard");
    // Meter 2 was taken off on the tenth, and spoke till then: nobody waits for it.
    let heard: Vec<Ingest> = (0..168_i64)
        .map(|hour| {
            let instant = at("2026-03-03T09:00:00+01:00") + hour.hours();
            telegram(
                2,
                instant,
                vec![reading(water(), instant, Source::Live, hour * 1000)],
            )
        })
        .collect();
    house.store.ingest(&heard).unwrap();
    let air = house.json("/v1/radio").await;
    let meters = air["meters"]["items"].as_array().unwrap();
    let taken_off = meters.iter().find(|meter| meter["id"] == "22222222").unwrap();
    assert_eq!(taken_off["rhythm"], "taken_off");
}

#[tokio::test]
async fn a_number_without_its_check_digit_finds_the_meter_and_a_foreign_one_does_not() {
    use crate::registry::{Change, Meter, MeterAddress};
    use crate::store::MeterId as Id;

    let house = House::new();
    let version = house.store.registry_version().unwrap();
    let meter = Change::Meter(Meter {
        id: Id(6),
        address: MeterAddress::from(super::address(0x6666_6666, 0x06)),
        printed_serial: Some("7654321-8".to_owned()),
    });
    house.store.apply(version, &[meter]).unwrap();
    for typed in ["7654321", "76543218", "7654321-8"] {
        let found = house
            .json(&format!("/v1/sites/CD456/dwellings?serial={typed}"))
            .await;
        assert_eq!(found["items"].as_array().unwrap().len(), 1, "{typed}");
    }
    // On the air it has no check digit, on the housing it has.
    let found = house.json("/v1/sites/AB123/dwellings?serial=555555553").await;
    assert_eq!(found["items"][0]["found"]["by"], "check_digit");
    let none = house.json("/v1/sites/CD456/dwellings?serial=765432").await;
    assert!(none["items"].as_array().unwrap().is_empty());
}
