//! The contract: a file that is part of the review of every change.

use std::path::Path;

use axum::http::Method;

use super::House;

#[tokio::test]
async fn the_contract_is_the_one_that_was_agreed() {
    let house = House::new();
    let answer = house.ask(Method::GET, "/openapi.json", &[]).await;
    let contract = answer.text().to_owned() + "\n";
    assert_eq!(answer.json()["openapi"], "3.1.0");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/service/snapshots/openapi.json");
    if std::env::var_os("BLESS").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, &contract).unwrap();
        return;
    }
    let agreed = std::fs::read_to_string(&path).unwrap_or_default();
    let first = agreed
        .lines()
        .zip(contract.lines())
        .position(|(agreed, now)| agreed != now);
    assert!(
        agreed == contract,
        "the contract differs from tests/service/snapshots/openapi.json, first in line {}: if that is meant, run \
         the tests once with BLESS=1 and have the diff reviewed",
        first.map_or(agreed.lines().count().min(contract.lines().count()), |line| line) + 1
    );
}

#[tokio::test]
async fn every_route_and_parameter_is_explained() {
    let house = House::new();
    let contract = house.json("/openapi.json").await;
    for (path, item) in contract["paths"].as_object().unwrap() {
        for (method, route) in item.as_object().unwrap() {
            assert!(
                route["summary"].as_str().is_some_and(|text| text.ends_with('.')),
                "{method} {path}"
            );
            assert!(
                route["responses"]["default"]["content"]["application/problem+json"].is_object(),
                "{method} {path}"
            );
            for parameter in route["parameters"].as_array().into_iter().flatten() {
                assert!(
                    parameter["description"]
                        .as_str()
                        .is_some_and(|text| !text.is_empty()),
                    "{method} {path}: {}",
                    parameter["name"]
                );
            }
        }
    }
    // Every reference leads somewhere.
    let text = contract.to_string();
    for reference in text.split("\"#/components/schemas/").skip(1) {
        let name = reference.split('"').next().unwrap();
        assert!(contract["components"]["schemas"][name].is_object(), "{name}");
    }
}
