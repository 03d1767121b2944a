//! Erasing over HTTP: rehearsed, refused, done, and listed for those who keep a copy.

use axum::http::Method;
use serde_json::{Value, json};

use super::occupancies::move_in;
use super::{House, Scope, at, daily, telegram, water};
use crate::store::{MeterId, Store};

#[tokio::test]
async fn a_household_that_has_left_is_erased_and_the_portal_is_told() {
    let house = House::new();
    let values = daily((0..70).map(|day| day * 1000), water());
    house.store.add_readings(MeterId(1), &values).unwrap();
    house
        .store
        .ingest(&[telegram(1, at("2026-01-15T11:00:00+01:00"), Vec::new())])
        .unwrap();
    let post = async |body: &Value| {
        house
            .send(Method::POST, "/v1/occupancies", Scope::Portal, body)
            .await
    };
    assert_eq!(post(&move_in(1, "2026-01-01")).await.status, 201);
    let delete = async |path: &str| {
        let answer = house
            .send(Method::DELETE, path, Scope::Operator, &json!({}))
            .await;
        let body = answer.json();
        (answer.status, body)
    };

    // It lives there still; another dwelling's; nobody's.
    let (status, refused) = delete("/v1/dwellings/1/data?occupancy=1").await;
    assert_eq!(
        (status, refused["type"].as_str()),
        (409, Some("urn:releve:problem:not-erased"))
    );
    assert!(
        refused["detail"].as_str().unwrap().contains("still lives there"),
        "{refused}"
    );
    for path in [
        "/v1/dwellings/2/data?occupancy=1",
        "/v1/dwellings/1/data?occupancy=7",
        "/v1/dwellings/99/data",
    ] {
        assert_eq!(delete(path).await.0, 404, "{path}");
    }
    assert_eq!(delete("/v1/dwellings/1/data?dry-run=true").await.0, 400);

    // The next household ends it; then it goes, and only its days.
    assert_eq!(post(&move_in(1, "2026-02-01")).await.status, 201);
    let before = house
        .json("/v1/occupancies/2/consumption?from=2026-02-01&to=2026-03-01&step=day")
        .await;
    let (status, rehearsed) = delete("/v1/dwellings/1/data?occupancy=1&dry_run=true").await;
    assert_eq!((status, &rehearsed["done"]), (200, &json!(false)));
    let (status, done) = delete("/v1/dwellings/1/data?occupancy=1").await;
    assert_eq!(
        (status, &done["done"], &done["purged"]),
        (200, &json!(true), &json!(true)),
        "{done}"
    );
    let receipt = &done["receipt"];
    assert_eq!(receipt["deleted"], rehearsed["receipt"]["deleted"]);
    assert_eq!(
        (&receipt["first_day"], &receipt["last_day"]),
        (&json!("2026-01-01"), &json!("2026-01-31"))
    );
    assert_eq!(receipt["deleted"]["telegrams"], 1);
    // From the second midnight to the last but one: those at either end are other households' too.
    assert_eq!(receipt["deleted"]["readings"], 30);
    assert_eq!(house.get("/v1/occupancies/1").await.status, 404);
    let after = house
        .json("/v1/occupancies/2/consumption?from=2026-02-01&to=2026-03-01&step=day")
        .await;
    assert_eq!(after, before);
    let gone = house
        .json("/v1/dwellings/1/consumption?from=2026-01-10&to=2026-01-20")
        .await;
    assert!(!gone.to_string().contains("\"measured\""), "{gone}");

    let bearer = format!("Bearer {}", house.token(Scope::Portal));
    let listed = house
        .ask(Method::GET, "/v1/erasures", &[("authorization", &bearer)])
        .await;
    let listed = listed.json();
    assert_eq!(listed["items"][0]["name"], receipt["name"]);
    assert_eq!(listed["items"][0]["meters"][0]["since"], "2025-12-31T23:00:00Z");
    let history = house.json("/v1/registry/history?kind=erasure").await;
    assert_eq!(history["items"][0]["name"], "AB123 lot A-007");
    assert!(
        !house
            .json("/v1/registry/history?kind=occupancy")
            .await
            .to_string()
            .contains("2026-01-01")
    );
}
