//! The registry over HTTP: lists in three forms, rehearsals, refusals, and the history.

use axum::body::Body;
use axum::http::{Method, Request};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tower::ServiceExt;

use super::{Answer, House, Scope};
use crate::store::Store;

async fn send(house: &House, query: &str, kind: &str, body: &str) -> Answer {
    let request = Request::builder()
        .method(Method::POST)
        .uri(format!("/v1/registry{query}"))
        .header(
            "authorization",
            format!("Bearer {}", house.token(Scope::Operator)),
        )
        .header("content-type", kind)
        .body(Body::from(body.to_owned()))
        .unwrap();
    let response = house.router.clone().oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    Answer {
        status: parts.status.as_u16(),
        headers: parts.headers,
        body: body.collect().await.unwrap().to_bytes().to_vec(),
    }
}

const KEY: &str = "000102030405060708090A0B0C0D0E0F";

#[tokio::test]
async fn a_meter_is_replaced_and_the_history_says_by_whom() {
    let house = House::new();
    let body = json!({ "meter": [
        { "site": "AB123", "lot": "A-008", "kind": "hot_water", "room": "Cuisine", "manufacturer": "KAM", "id": "55555555",
          "version": "1B", "type": "06", "to": "2026-03-01", "end_index": 123.456 },
        { "site": "AB123", "lot": "A-008", "kind": "hot_water", "room": "Cuisine", "manufacturer": "KAM", "id": "99999999",
          "version": "1B", "type": "06", "from": "2026-03-01", "start_index": "0.012", "key": KEY },
    ] })
    .to_string();
    let before = house.store.registry_version().unwrap();
    let rehearsed = send(&house, "?dry_run=true", "application/json", &body).await;
    assert_eq!(rehearsed.status, 200, "{}", rehearsed.text());
    assert_eq!(
        (&rehearsed.json()["applied"], &rehearsed.json()["version"]),
        (&false.into(), &before.into())
    );
    assert_eq!(house.store.registry_version().unwrap(), before);
    let done = send(&house, "", "application/json", &body).await;
    assert_eq!(done.status, 200, "{}", done.text());
    let done = done.json();
    assert_eq!(done["applied"], true);
    assert_eq!(
        (
            &done["counts"]["meters"]["added"],
            &done["counts"]["installations"]["changed"]
        ),
        (&1.into(), &1.into())
    );
    assert_eq!(done["differences"], rehearsed.json()["differences"]);
    // The same again is nothing.
    let again = send(&house, "", "application/json", &body).await.json();
    assert_eq!(again["differences"], json!([]));
    assert_eq!(again["version"], done["version"]);

    let history = house.json("/v1/registry/history?kind=installation").await;
    let [newer, older, ..] = &history["items"].as_array().unwrap()[..] else {
        panic!("{history}")
    };
    assert_eq!(newer["who"], "operator");
    assert_eq!(newer["at"], "2026-03-15T11:00:00Z");
    let pair = [newer, older];
    let ended = pair.iter().find(|change| change["added"] == false).unwrap();
    assert_eq!(
        ended["name"],
        "KAM 55555555 1B 06 at AB123 lot A-008, hot_water Cuisine"
    );
    assert_eq!(
        ended["fields"],
        json!([
            { "name": "to", "before": null, "after": "2026-02-28T23:00:00Z" },
            { "name": "end_index", "before": null, "after": "123.456" },
        ])
    );
    let keys = house.get("/v1/registry/history?kind=key").await;
    assert_eq!(keys.json()["items"].as_array().unwrap().len(), 1);
    assert!(!keys.text().contains(&KEY[..12]));
    assert!(!house.get("/v1/registry").await.text().contains(&KEY[..12]));
    let wrong = house.get("/v1/registry/history?kind=cat").await;
    assert_eq!(wrong.problem(), "invalid-parameter");
    // Page by page, nothing twice.
    let all = house.json("/v1/registry/history?limit=1000").await["items"]
        .as_array()
        .unwrap()
        .clone();
    let mut paged = Vec::new();
    let mut path = "/v1/registry/history?limit=7".to_owned();
    loop {
        let page = house.json(&path).await;
        paged.extend(page["items"].as_array().unwrap().iter().cloned());
        let Some(next) = page["next"].as_str() else { break };
        path = format!("/v1/registry/history?limit=7&cursor={next}");
    }
    assert_eq!(paged, all);
}

#[tokio::test]
async fn what_is_exported_is_taken_back_in_every_form() {
    let house = House::new();
    let bearer = format!("Bearer {}", house.token(Scope::Operator));
    for kind in ["application/json", "text/csv"] {
        let list = house
            .ask(
                Method::GET,
                "/v1/registry",
                &[("authorization", &bearer), ("accept", kind)],
            )
            .await;
        assert_eq!(list.status, 200);
        let again = send(&house, "", kind, list.text()).await;
        assert_eq!(again.status, 200, "{kind}: {}", again.text());
        assert_eq!(again.json()["differences"], json!([]), "{kind}");
    }
    let toml = "[[meter]]\nsite = 'GH012'\naddress = '3, quai des Brumes'\nlot = '12'\nsurface_m2 = 33.5\n";
    let taken = send(&house, "", "application/toml", toml).await;
    assert_eq!(taken.json()["counts"]["dwellings"]["added"], 1);
    let found = house.json("/v1/sites?address=brumes").await;
    assert_eq!(found["items"][0]["code"], "GH012");
}

#[tokio::test]
async fn a_list_with_a_wrong_entry_is_refused_whole_and_says_where() {
    let house = House::new();
    let list =
        format!("site,lot,type,manufacturer,id,key\nAB123,A-1,06,KAM,1,{KEY}\nAB123,A-2,06,KAMS,2,{KEY}0\n");
    let refused = send(&house, "", "text/csv", &list).await;
    assert_eq!(
        (refused.status, refused.problem().as_str()),
        (422, "list-refused")
    );
    let body = refused.json();
    let columns: Vec<_> = body["faults"]
        .as_array()
        .unwrap()
        .iter()
        .map(|fault| (fault["line"].as_u64().unwrap(), fault["column"].as_str().unwrap()))
        .collect();
    assert_eq!(columns, [(3, "manufacturer"), (3, "key")]);
    assert!(!refused.text().contains(&KEY[..12]));
    for (query, kind, body, status, problem) in [
        ("", "text/plain", "x", 415, "unsupported-body"),
        ("?dry_run=maybe", "text/csv", "x", 400, "invalid-parameter"),
        ("", "application/json", "{", 422, "list-refused"),
        ("", "text/csv", "", 422, "list-refused"),
    ] {
        let answer = send(&house, query, kind, body).await;
        assert_eq!(
            (answer.status, answer.problem().as_str()),
            (status, problem),
            "{kind} {body}"
        );
    }
    let large = "x".repeat((8 << 20) + 1);
    assert_eq!(
        send(&house, "", "text/csv", &large).await.problem(),
        "body-too-large"
    );
}

#[tokio::test]
async fn households_are_listed_follow_one_another_and_are_remembered() {
    let house = House::new();
    let list = "site,lot,occupant,move_in,move_out,keeps_hourly\n\
                AB123,A-007,tenant,2024-05-01,,no\n\
                AB123,A-007,owner_occupier,2025-09-01,,yes\n\
                AB123,A-008,locataire,01/02/2026,28/02/2026,\n";
    let done = send(&house, "", "text/csv", list).await;
    assert_eq!(done.status, 200, "{}", done.text());
    assert_eq!(done.json()["counts"]["occupancies"]["added"], 3);
    // The first household left on the day before the second came.
    let first = house.json("/v1/occupancies/1").await;
    assert_eq!(
        (&first["from"], &first["until"], &first["role"]),
        (&"2024-05-01".into(), &"2025-08-31".into(), &"tenant".into())
    );
    let second = house.json("/v1/occupancies/2").await;
    assert_eq!(
        (&second["until"], &second["keeps_hourly"]),
        (&Value::Null, &true.into())
    );
    // The same again, and what is exported, change nothing.
    for (kind, list) in [
        ("text/csv", list.to_owned()),
        (
            "application/json",
            house.get("/v1/registry").await.text().to_owned(),
        ),
    ] {
        let again = send(&house, "", kind, &list).await.json();
        assert_eq!(again["differences"], json!([]), "{kind}");
    }
    // One that would overlap, one that ends before it begins, one in no dwelling: refused, and nothing is changed.
    for (line, column) in [
        ("AB123,A-007,tenant,2024-05-01,2025-10-01,", "move_out"),
        ("AB123,A-008,tenant,2026-02-01,2026-01-01,", "move_out"),
        ("AB123,,tenant,2026-02-01,,", "lot"),
        ("AB123,A-008,tenant,,,", "move_in"),
        ("AB123,A-008,cat,2026-03-01,,", "occupant"),
    ] {
        let list = format!("site,lot,occupant,move_in,move_out,keeps_hourly\n{line}\n");
        let refused = send(&house, "", "text/csv", &list).await;
        assert_eq!(refused.problem(), "list-refused", "{line}");
        assert_eq!(refused.json()["faults"][0]["column"], column, "{line}");
    }
    // A household that a portal registers is remembered with who did it.
    let moved = house
        .send(
            Method::POST,
            "/v1/occupancies",
            Scope::Portal,
            &super::occupancies::move_in(1, "2026-03-01"),
        )
        .await;
    assert_eq!(moved.status, 201, "{}", moved.text());
    let history = house.json("/v1/registry/history?kind=occupancy&limit=2").await;
    let items = history["items"].as_array().unwrap();
    assert_eq!(items[0]["who"], "portal");
    let ended = items.iter().find(|change| change["added"] == false).unwrap();
    assert_eq!(ended["name"], "2 in AB123 lot A-007");
    assert_eq!(
        ended["fields"],
        json!([{ "name": "move_out", "before": null, "after": "2026-02-28" }])
    );
}
