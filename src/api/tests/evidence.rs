//! What a figure is traced to, as a household may see it.

use axum::http::Method;
use serde_json::Value;

use super::occupancies::move_in;
use super::{House, Scope, heat, water};
use crate::store::Source::{Live, SetDate};

fn number(value: &Value) -> String {
    value.to_string()
}

/// The bedroom's radiator (meter 4, factor 1.063) around its set date, and its household from a day on.
async fn radiator(moved: &str) -> House {
    let house = House::new();
    house.read(
        4,
        heat(),
        &[
            ("2025-12-30T00:00:00+01:00", Live, 980_000),
            ("2025-12-31T12:00:00+01:00", Live, 1_001_000),
            ("2026-01-01T00:00:00+01:00", SetDate, 1_003_000),
            ("2026-01-01T12:00:00+01:00", Live, 8_000),
            ("2026-01-03T00:00:00+01:00", Live, 45_000),
        ],
    );
    let body = move_in(1, moved);
    let moved = house
        .send(Method::POST, "/v1/occupancies", Scope::Portal, &body)
        .await;
    assert_eq!(moved.status, 201);
    house
}

async fn parts(house: &House, query: &str) -> Vec<Value> {
    let proof = house.json(&format!("/v1/occupancies/1/evidence?{query}")).await;
    let points = proof["points"].as_array().unwrap();
    let point = points.iter().find(|point| point["point"]["id"] == 3).unwrap();
    point["parts"].as_array().unwrap().clone()
}

#[tokio::test]
async fn each_part_of_a_figure_has_the_index_of_both_its_ends() {
    let house = radiator("2025-12-30").await;
    let parts = parts(&house, "from=2025-12-30&to=2026-01-03").await;
    let said: Vec<_> = parts
        .iter()
        .map(|part| {
            let index = |end: &str| number(&part[end]["index"]);
            (
                index("first"),
                index("last"),
                number(&part["counted"]),
                part["restarted"] == true,
            )
        })
        .collect();
    let text = |first: &str, last: &str, counted: &str, restarted| {
        (first.to_owned(), last.to_owned(), counted.to_owned(), restarted)
    };
    assert_eq!(
        said,
        [text("980", "1003", "23", false), text("0", "45", "45", true)]
    );
    assert_eq!(parts[0]["end"], parts[1]["start"]);
    // (23 + 45) × 1.063, as the figure itself says.
    let used = house
        .json("/v1/occupancies/1/consumption?from=2025-12-30&to=2026-01-03&step=year")
        .await;
    let kinds = used["kinds"].as_array().unwrap().iter();
    let mut points = kinds.flat_map(|kind| kind["points"].as_array().unwrap());
    let bedroom = points.find(|point| point["point"]["id"] == 3).unwrap();
    assert_eq!(number(&bedroom["total"]["rated"]), "72.284");
}

#[tokio::test]
async fn an_index_between_two_readings_is_shown_on_their_line() {
    let house = House::new();
    house.read(
        1,
        water(),
        &[
            ("2026-02-09T12:00:00+01:00", Live, 5_000_000),
            ("2026-02-10T12:00:00+01:00", Live, 7_000_001),
            ("2026-02-11T00:00:00+01:00", Live, 7_500_000),
        ],
    );
    let proof = house
        .json("/v1/dwellings/1/evidence?from=2026-02-10&to=2026-02-11")
        .await;
    let part = &proof["points"][0]["parts"][0];
    assert_eq!(number(&part["first"]["index"]), "6");
    assert_eq!(number(&part["last"]["index"]), "7.5");
    assert_eq!(number(&part["counted"]), "1.5");
}

#[tokio::test]
async fn what_was_frozen_for_the_household_before_stays_its_own() {
    // Who moves in on the set date: the old count ends with the household before, and tells of its whole year.
    let house = radiator("2026-01-01").await;
    let answer = house
        .get("/v1/occupancies/1/evidence?from=2026-01-01&to=2026-01-03")
        .await;
    assert_eq!(answer.status, 200);
    assert!(!answer.text().contains("1003"), "{}", answer.text());
    let part = &parts(&house, "from=2026-01-01&to=2026-01-03").await[0];
    assert_eq!(number(&part["first"]["index"]), "0");
    assert_eq!(part["first"]["readings"].as_array().unwrap().len(), 0);
    assert_eq!(part["restarted"], true);
    assert_eq!(part["last"]["readings"][0]["at"], "2026-01-03T00:00:00+01:00");
    // Who was there before sees what was frozen.
    let house = radiator("2025-12-30").await;
    let theirs = &parts(&house, "from=2026-01-01&to=2026-01-03").await[0];
    assert_eq!(number(&theirs["first"]["readings"][0]["value"]), "1003");
}
