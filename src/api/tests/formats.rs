//! Lists and figures as CSV and NDJSON.

use axum::http::Method;
use serde_json::Value;

use super::occupancies::move_in;
use super::{Answer, House, Scope, at, daily, heat, telegram, water};
use crate::store::{By, DwellingId, Erase, MeterId, Store};

async fn house() -> House {
    let house = House::new();
    for (meter, channel) in [(1, water()), (2, heat()), (4, heat())] {
        let values = daily((0..70).map(|day| day * 1000), channel);
        house.store.add_readings(MeterId(meter), &values).unwrap();
    }
    house
        .store
        .ingest(&[telegram(1, at("2026-03-15T11:00:00+01:00"), Vec::new())])
        .unwrap();
    let moved = house
        .send(
            Method::POST,
            "/v1/occupancies",
            Scope::Portal,
            &move_in(1, "2026-01-01"),
        )
        .await;
    assert_eq!(moved.status, 201);
    house
}

async fn accepting(house: &House, path: &str, accept: &str) -> Answer {
    let bearer = format!("Bearer {}", house.token(Scope::Operator));
    house
        .ask(
            Method::GET,
            path,
            &[("authorization", &bearer), ("accept", accept)],
        )
        .await
}

/// The names of an object's fields, those of nested ones by their path.
fn names(path: &str, value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                let path = if path.is_empty() {
                    name.clone()
                } else {
                    format!("{path}.{name}")
                };
                names(&path, value, found);
            }
        }
        // A nested object that is absent here.
        Value::Null => {}
        _ => found.push(path.to_owned()),
    }
}

#[tokio::test]
async fn every_list_has_three_forms_that_say_the_same() {
    let house = house().await;
    let by = By {
        who: "test",
        at: at("2026-03-16T11:00:00+01:00"),
    };
    house
        .store
        .erase(Erase::Dwelling(DwellingId(2)), false, by)
        .unwrap();
    let contract = house.json("/openapi.json").await;
    let mut lists = 0;
    for (pattern, route) in contract["paths"].as_object().unwrap() {
        let forms = &route["get"]["responses"]["200"]["content"];
        if !forms["text/csv"].is_object() {
            continue;
        }
        lists += 1;
        let path = pattern
            .replace("{code}", "AB123")
            .replace("{serial}", "C19UA145842")
            .replace("{id}", "1");
        let json = house.json(&path).await;
        let csv = accepting(&house, &path, "text/csv").await;
        assert_eq!(csv.header("content-type"), "text/csv; charset=utf-8", "{path}");
        assert!(csv.header("vary").contains("accept"), "{path}");
        let lines = accepting(&house, &path, "application/x-ndjson").await;
        assert_eq!(lines.header("content-type"), "application/x-ndjson", "{path}");
        let items: Vec<Value> = lines
            .text()
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        assert_eq!(csv.text().matches("\r\n").count(), items.len() + 1, "{path}");
        if let Some(all) = json["items"].as_array().or(json["meter"].as_array()) {
            assert_eq!(&items, all, "{path}");
        } else {
            assert!(!items.is_empty(), "{path}");
        }
        // No field is forgotten in the table.
        let head: Vec<&str> = csv.text().lines().next().unwrap().split(',').collect();
        for item in &items {
            let mut fields = Vec::new();
            names("", item, &mut fields);
            for field in fields {
                assert!(
                    head.contains(&field.as_str()),
                    "{path}: {field} is no column of {head:?}"
                );
            }
        }
        let refused = accepting(&house, &path, "image/png").await;
        assert_eq!(
            (refused.status, refused.problem().as_str()),
            (406, "not-acceptable")
        );
    }
    assert_eq!(lists, 11);
}

#[tokio::test]
async fn figures_are_a_line_a_point_and_period_with_all_their_digits() {
    let house = house().await;
    let path = "/v1/occupancies/1/consumption?from=2026-02-01&to=2026-03-01";
    let csv = accepting(&house, path, "text/csv").await;
    let lines: Vec<&str> = csv.text().lines().collect();
    assert_eq!(
        lines[0],
        "kind,point,room,number,meters,unit,from,to,start,end,value,shown,raw,quality,age_seconds,flags"
    );
    assert_eq!(
        lines[1],
        "hot_water,1,Cuisine,1,C19UA145842,m3,2026-02-01,2026-03-01,2026-02-01T00:00:00+01:00,\
         2026-03-01T00:00:00+01:00,0.028,0.03,,measured,0,"
    );
    assert!(
        lines.iter().any(|line| line.starts_with("heating,3,Chambre,")
            && line.contains(",29.764,29.76,28,measured,")),
        "{}",
        csv.text()
    );
}

#[tokio::test]
async fn a_client_that_follows_the_links_reads_every_line_once() {
    let house = house().await;
    let mut path = "/v1/meters/C19UA145842/readings?limit=30&quantity=volume".to_owned();
    let mut all = Vec::new();
    for _ in 0..5 {
        let page = accepting(&house, &path, "application/x-ndjson").await;
        assert_eq!(page.status, 200, "{}", page.text());
        all.extend(page.text().lines().map(str::to_owned));
        let link = page.header("link");
        let Some(next) = link
            .strip_prefix('<')
            .and_then(|link| link.strip_suffix(">; rel=\"next\""))
        else {
            break;
        };
        assert!(next.contains("quantity=volume"));
        path = next.to_owned();
    }
    assert_eq!(all.len(), 70);
    all.dedup();
    assert_eq!(all.len(), 70);
}
