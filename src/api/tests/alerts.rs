//! Alerts: found by a look, confirmed by the next, cleared when they are over.

use jiff::ToSpan;

use super::occupancies::move_in;
use super::{House, NOW, at, reading, telegram, water};
use crate::alerts::look;
use crate::api::Scope;
use crate::store::{AlertFound, Flags, MeterId, ReadingKey, Source, Store};
use axum::http::Method;

/// Hot water that never stops, an hour apart, up to now and some hours on.
fn leaking(house: &House, hours: std::ops::Range<i64>, rate: i64) {
    let batch: Vec<_> = hours
        .map(|hour| {
            let instant = at(NOW) + hour.hours();
            let value = 5_000_000_000 + hour * rate;
            telegram(1, instant, vec![reading(water(), instant, Source::Live, value)])
        })
        .collect();
    house.store.ingest(&batch).unwrap();
}

#[tokio::test]
async fn an_alert_is_raised_still_there_and_cleared() {
    let house = House::new();
    leaking(&house, -100..1, 9_000);
    assert_eq!(
        house.json("/v1/alerts").await["items"].as_array().unwrap().len(),
        0
    );
    let first = look(&*house.store, None, 100, at(NOW)).unwrap();
    assert_eq!((first.meters, first.alerts.raised, first.next), (7, 1, None));
    let alerts = house.json("/v1/alerts").await;
    let leak = &alerts["items"][0];
    assert_eq!(
        (&leak["kind"], &leak["state"]),
        (&"leak".into(), &"raised".into())
    );
    assert_eq!(leak["meter"]["serial"], "C19UA145842");
    assert_eq!(leak["installed"]["lot"], "A-007");
    assert_eq!(leak["installed"]["point"]["room"], "Cuisine");
    assert_eq!(
        (&leak["amount"]["value"], &leak["amount"]["unit"]),
        (&9.into(), &"l/h".into())
    );
    assert!(leak["explanation"]["fr"].as_str().unwrap().contains("9,0 L/h"));
    assert!(leak["cleared_at"].is_null());

    leaking(&house, 1..2, 9_000);
    let second = look(&*house.store, None, 100, at(NOW) + 1.hours()).unwrap();
    assert_eq!((second.alerts.raised, second.alerts.still), (0, 1));
    let alerts = house.json("/v1/alerts?meter=c19ua-145842").await;
    assert_eq!(alerts["items"][0]["state"], "still_there");
    assert_eq!(alerts["items"][0]["id"], leak["id"]);

    // An hour without a litre.
    let quiet = at(NOW) + 2.hours();
    let same = reading(water(), quiet, Source::Live, 5_000_000_000 + 9_000);
    house.store.ingest(&[telegram(1, quiet, vec![same])]).unwrap();
    let third = look(&*house.store, None, 100, quiet).unwrap();
    assert_eq!(third.alerts.cleared, 1);
    assert!(
        house.json("/v1/alerts").await["items"]
            .as_array()
            .unwrap()
            .is_empty()
    );
    let all = house.json("/v1/alerts?state=all").await;
    assert_eq!(all["items"][0]["state"], "cleared");
}

#[tokio::test]
async fn a_meter_that_is_gone_is_missed_and_the_list_has_pages() {
    let house = House::new();
    let early = at(NOW) - (10 * 24).hours();
    for meter in [2, 4, 5, 6] {
        house.store.ingest(&[telegram(meter, early, Vec::new())]).unwrap();
    }
    leaking(&house, -100..1, 9_000);
    // In bounded pieces.
    let (mut after, mut looks) = (None, 0);
    loop {
        let looked = look(&*house.store, after, 2, at(NOW)).unwrap();
        assert!(looked.meters <= 2);
        looks += 1;
        after = looked.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(looks, 4);
    let (mut kinds, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = house.json(&format!("/v1/alerts?limit=2{cursor}")).await;
        for item in page["items"].as_array().unwrap() {
            kinds.push(item["kind"].as_str().unwrap().to_owned());
        }
        match page["next"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    // Meter 2 hangs nowhere any more: nobody misses it.
    assert_eq!(kinds, ["leak", "silent", "silent", "silent"]);
    assert_eq!(
        house.get("/v1/alerts?cursor=00").await.problem(),
        "invalid-parameter"
    );
    assert_eq!(house.get("/v1/alerts?state=old").await.status, 400);
    assert_eq!(house.get("/v1/alerts?meter=00000000").await.status, 404);
}

/// What a household is told, as its portal asks.
async fn told(house: &House, occupancy: i64) -> serde_json::Value {
    let bearer = format!("Bearer {}", house.token(Scope::Portal));
    let path = format!("/v1/occupancies/{occupancy}/alerts");
    let answer = house.ask(Method::GET, &path, &[("authorization", &bearer)]).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()
}

#[tokio::test]
async fn a_household_is_told_of_its_own_meters_while_it_lives_there() {
    let house = House::new();
    for (dwelling, day) in [(1, "2026-02-01"), (1, "2026-03-15"), (2, "2026-02-01")] {
        let moved = house
            .send(
                Method::POST,
                "/v1/occupancies",
                Scope::Portal,
                &move_in(dwelling, day),
            )
            .await;
        assert_eq!(moved.status, 201);
    }
    // Since before they came; and a battery, which is the caretaker's business.
    leaking(&house, -100..1, 9_000);
    look(&*house.store, None, 100, at(NOW) - 20.hours()).unwrap();
    let found =
        [("leak", Some(9_000)), ("battery_low", None), ("tamper", None)].map(|(kind, amount)| AlertFound {
            meter: MeterId(1),
            kind,
            is: true,
            amount,
        });
    house.store.put_alerts(at(NOW) - 20.hours(), &found).unwrap();
    assert_eq!(
        house.json("/v1/alerts").await["items"].as_array().unwrap().len(),
        3
    );

    let theirs = told(&house, 2).await;
    let items = theirs["items"].as_array().unwrap();
    assert_eq!(items.len(), 1, "{theirs}");
    assert_eq!(
        (&items[0]["kind"], &items[0]["meter"], &items[0]["point"]["room"]),
        (&"leak".into(), &"C19UA145842".into(), &"Cuisine".into())
    );
    assert_eq!(items[0]["amount"]["value"].to_string(), "9");
    assert!(
        items[0]["explanation"]["fr"]
            .as_str()
            .unwrap()
            .contains("9,0 L/h")
    );
    // It began before they did: they learn of it, not of when.
    assert_eq!(items[0]["since"], "2026-03-15T00:00:00+01:00");
    // Those before them have left, the neighbours have no leak.
    assert_eq!(told(&house, 1).await["items"].as_array().unwrap().len(), 0);
    assert_eq!(told(&house, 3).await["items"].as_array().unwrap().len(), 0);
    let nobody = house.get("/v1/occupancies/9/alerts").await;
    assert_eq!((nobody.status, nobody.problem().as_str()), (404, "not-found"));
    let more = house.get("/v1/occupancies/2/alerts?meter=55555555").await;
    assert_eq!(more.problem(), "unknown-parameter");
}

#[tokio::test]
async fn alerts_are_the_operator_s() {
    let house = House::new();
    for scope in [Scope::Portal, Scope::Metrics] {
        let bearer = format!("Bearer {}", house.token(scope));
        let answer = house
            .ask(Method::GET, "/v1/alerts", &[("authorization", &bearer)])
            .await;
        assert_eq!(answer.status, 403);
    }
    assert_eq!(house.ask(Method::GET, "/v1/alerts", &[]).await.status, 401);
}

#[test]
fn a_remembered_value_that_disagrees_is_quarantined_and_freed_when_it_agrees() {
    let house = House::new();
    leaking(&house, -1000..1, 9_000);
    let month = at("2026-03-01T00:00:00+01:00");
    let wrong = reading(water(), month, Source::History, 77_000_000);
    let later = at(NOW) + 2.minutes();
    house.store.ingest(&[telegram(1, later, vec![wrong])]).unwrap();
    let right = at("2026-02-10T00:00:00+01:00");
    let hours = (right.as_second() - at(NOW).as_second()) / 3600;
    let agrees = reading(water(), right, Source::History, 5_000_000_000 + hours * 9_000);
    house
        .store
        .ingest(&[telegram(1, at(NOW) + 1.minutes(), vec![agrees])])
        .unwrap();
    let flagged = || {
        let rows = house.store.changes(0, 100_000).unwrap();
        let quarantined = rows
            .iter()
            .filter(|row| row.reading.flags.contains(Flags::QUARANTINED));
        quarantined.map(|row| row.reading.at).collect::<Vec<_>>()
    };
    assert_eq!(look(&*house.store, None, 100, at(NOW)).unwrap().quarantined, 1);
    assert_eq!(flagged(), [month]);
    assert_eq!(look(&*house.store, None, 100, at(NOW)).unwrap().quarantined, 0);
    // One that is held for no reason.
    let rows = house.store.changes(0, 100_000).unwrap();
    let held = rows
        .iter()
        .find(|row| row.reading.at == right && row.reading.source == Source::History);
    let key = ReadingKey {
        channel: held.unwrap().channel_id,
        at: right,
        source: Source::History,
    };
    house
        .store
        .set_flags(MeterId(1), key, Flags::QUARANTINED)
        .unwrap();
    assert_eq!(look(&*house.store, None, 100, at(NOW)).unwrap().quarantined, 1);
    assert_eq!(flagged(), [month]);
}

#[tokio::test]
async fn figures_are_given_for_prometheus() {
    let house = House::new();
    house
        .store
        .ingest(&[super::telegram(1, super::at("2026-03-15T10:00:00Z"), vec![])])
        .unwrap();
    let bearer = format!("Bearer {}", house.token(Scope::Metrics));
    let answer = house
        .ask(Method::GET, "/metrics", &[("authorization", &bearer)])
        .await;
    assert_eq!(answer.status, 200);
    assert!(
        answer
            .header("content-type")
            .starts_with("text/plain; version=0.0.4")
    );
    let text = answer.text();
    assert!(
        text.contains("releve_meter_telegrams_total{outcome=\"read\"} 1\n"),
        "{text}"
    );
    assert!(text.contains("releve_alerts{kind=\"leak\"} 0\n"), "{text}");
    // Each line is a comment, or a name with labels and a whole number; each name is explained before.
    let mut explained = std::collections::BTreeSet::new();
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            explained.insert(rest.split(' ').next().unwrap().to_owned());
        } else if !line.starts_with("# HELP ") {
            let (name, value) = line.rsplit_once(' ').unwrap();
            assert!(value.parse::<u64>().is_ok(), "{line}");
            assert!(explained.contains(name.split('{').next().unwrap()), "{line}");
        }
    }
}
