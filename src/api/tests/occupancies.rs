//! Occupancies: who moves in when, and that nobody ever sees a day or a dwelling that is not theirs.

use axum::http::Method;
use serde_json::{Value, json};

use super::{Answer, House, Scope, daily, water};
use crate::registry::MeterId;
use crate::store::Store;

pub(super) fn move_in(dwelling: i64, day: &str) -> Value {
    json!({ "dwelling": dwelling, "role": "tenant", "lives_there": true, "move_in": day, "certified": true })
}

async fn post(house: &House, body: &Value) -> Answer {
    house
        .send(Method::POST, "/v1/occupancies", Scope::Portal, body)
        .await
}

async fn patch(house: &House, id: i64, body: &Value) -> Answer {
    let path = format!("/v1/occupancies/{id}");
    house.send(Method::PATCH, &path, Scope::Portal, body).await
}

#[tokio::test]
async fn households_follow_one_another_and_a_landlord_sees_nothing() {
    let house = House::new();
    let first = post(&house, &move_in(1, "2026-01-10")).await;
    assert_eq!(
        (first.status, first.header("location")),
        (201, "/v1/occupancies/1")
    );
    let body = first.json();
    assert_eq!(
        (&body["from"], &body["until"], &body["role"]),
        (&"2026-01-10".into(), &Value::Null, &"tenant".into())
    );

    // Today is 15 March: not tomorrow, and not before the household that is there.
    for day in ["2026-03-16", "2026-01-09", "2025-01-01"] {
        let refused = post(&house, &move_in(1, day)).await;
        assert_eq!(
            (refused.status, refused.problem().as_str()),
            (422, "move-in-outside"),
            "{day}"
        );
        // What it says is the same whether somebody lives there or not.
        assert!(!refused.text().contains("2026-01"), "{}", refused.text());
    }
    let mut landlord = move_in(1, "2026-03-01");
    landlord["role"] = "owner".into();
    landlord["lives_there"] = false.into();
    let refused = post(&house, &landlord).await;
    assert_eq!(
        (refused.status, refused.problem().as_str()),
        (403, "not-resident")
    );

    let second = post(&house, &move_in(1, "2026-03-01")).await;
    assert_eq!(second.status, 201);
    let first = house.json("/v1/occupancies/1").await;
    assert_eq!(first["until"], "2026-02-28");
    // It ends earlier, but not later again, and never in the time of the next one.
    assert_eq!(
        patch(&house, 1, &json!({ "until": "2026-02-20" })).await.status,
        200
    );
    for day in ["2026-02-21", "2026-03-01", "2026-01-09"] {
        let refused = patch(&house, 1, &json!({ "until": day })).await;
        assert_eq!(
            (refused.status, refused.problem().as_str()),
            (422, "invalid-body"),
            "{day}"
        );
        assert_eq!(refused.json()["parameter"], "until");
    }
    let agreed = patch(&house, 2, &json!({ "keeps_hourly": true })).await.json();
    assert_eq!(
        (&agreed["keeps_hourly"], &agreed["until"]),
        (&true.into(), &Value::Null)
    );
    assert_eq!(patch(&house, 99, &json!({})).await.problem(), "not-found");
}

#[tokio::test]
async fn a_household_that_is_sent_twice_under_one_key_moves_in_once() {
    let house = House::new();
    let send = async |scope, keys: &[&str], body: Value| {
        let headers: Vec<_> = keys.iter().map(|key| ("idempotency-key", *key)).collect();
        house
            .send_with(Method::POST, "/v1/occupancies", scope, &headers, &body)
            .await
    };
    let first = send(Scope::Portal, &["\"8e03978e\""], move_in(1, "2026-01-10")).await;
    assert_eq!(first.status, 201, "{}", first.text());
    // Somebody else moves in later, and the first household agrees to something: neither changes what was answered.
    let next = send(Scope::Portal, &["\"77aa\""], move_in(1, "2026-03-01")).await;
    assert_eq!(next.header("location"), "/v1/occupancies/2");
    assert_eq!(
        patch(&house, 1, &json!({ "keeps_hourly": true })).await.status,
        200
    );
    for key in ["\"8e03978e\"", "8e03978e"] {
        let again = send(Scope::Portal, &[key], move_in(1, "2026-01-10")).await;
        assert_eq!(
            (again.status, again.header("location"), again.text()),
            (201, "/v1/occupancies/1", first.text())
        );
    }
    assert_eq!(house.get("/v1/occupancies/3").await.status, 404);
    assert_eq!(house.json("/v1/occupancies/1").await["until"], "2026-02-28");

    for other in [move_in(1, "2026-03-02"), move_in(2, "2026-01-10")] {
        let refused = send(Scope::Portal, &["\"8e03978e\""], other).await;
        assert_eq!(
            (refused.status, refused.problem().as_str()),
            (422, "idempotency-key-reused")
        );
        assert_eq!(refused.json()["parameter"], "Idempotency-Key");
    }
    // What was refused is no answer to keep: corrected, it may go under the same key.
    let early = send(Scope::Portal, &["\"cc\""], move_in(1, "2026-02-01")).await;
    assert_eq!(early.problem(), "move-in-outside");
    let corrected = send(Scope::Portal, &["\"cc\""], move_in(1, "2026-03-05")).await;
    assert_eq!(corrected.header("location"), "/v1/occupancies/3");
    // Another's key is another key.
    let theirs = send(Scope::Operator, &["\"8e03978e\""], move_in(2, "2026-01-10")).await;
    assert_eq!(theirs.header("location"), "/v1/occupancies/4");

    let long = "k".repeat(256);
    for keys in [
        &[""][..],
        &["\"\""],
        &["a b"],
        &["a\"b"],
        &["é"],
        &[&long],
        &["a", "b"],
    ] {
        let refused = send(Scope::Portal, keys, move_in(2, "2026-03-01")).await;
        assert_eq!(
            (refused.status, refused.problem().as_str()),
            (400, "invalid-parameter"),
            "{keys:?}"
        );
        assert_eq!(refused.json()["parameter"], "Idempotency-Key");
    }
}

#[tokio::test]
async fn bodies_of_the_wrong_shape_are_named_by_the_field() {
    let house = House::new();
    let with = |field: &str, value: Value| {
        let mut body = move_in(1, "2026-03-01");
        body[field] = value;
        body
    };
    for (body, field) in [
        (with("certified", false.into()), "certified"),
        (with("move_in", "01.03.2026".into()), "move_in"),
        (with("role", "cat".into()), "role"),
        (with("dwelling", "one".into()), "dwelling"),
        (with("name", "Dupont".into()), "name"),
        (json!([]), "."),
    ] {
        let refused = post(&house, &body).await;
        assert_eq!(
            (refused.status, refused.problem().as_str()),
            (422, "invalid-body"),
            "{body}"
        );
        assert_eq!(refused.json()["parameter"], field, "{body}");
    }
    assert_eq!(
        post(&house, &with("dwelling", 99.into())).await.problem(),
        "not-found"
    );
    let large = with("role", "x".repeat(20_000).into());
    assert_eq!(post(&house, &large).await.problem(), "body-too-large");
    let bearer = format!("Bearer {}", house.token(Scope::Portal));
    let typeless = house
        .ask(Method::POST, "/v1/occupancies", &[("authorization", &bearer)])
        .await;
    assert_eq!(
        (typeless.status, typeless.problem().as_str()),
        (415, "unsupported-body")
    );
}

/// A litre a day in dwelling 1, a thousand in dwelling 2; three households, one after the other.
async fn three_households() -> House {
    let house = House::new();
    house
        .store
        .add_readings(MeterId(1), &daily((0..75).map(|day| day * 1000), water()))
        .unwrap();
    house
        .store
        .add_readings(MeterId(5), &daily((0..75).map(|day| day * 1_000_000), water()))
        .unwrap();
    for (dwelling, day) in [(1, "2026-01-05"), (1, "2026-02-01"), (2, "2026-01-20")] {
        assert_eq!(post(&house, &move_in(dwelling, day)).await.status, 201);
    }
    house
}

/// Every day and instant that an answer speaks of, and every amount of hot water in it.
fn spoken(report: &Value) -> (Vec<String>, Vec<String>) {
    fn walk(value: &Value, name: &str, days: &mut Vec<String>, amounts: &mut Vec<String>) {
        match value {
            // Of heating, only the days: the two dwellings are told apart by their water.
            Value::Object(fields) if fields.get("unit").is_some_and(|unit| unit == "U") => {
                let mut units = Vec::new();
                fields
                    .iter()
                    .for_each(|(name, value)| walk(value, name, days, &mut units));
            }
            Value::Object(fields) => fields
                .iter()
                .for_each(|(name, value)| walk(value, name, days, amounts)),
            Value::Array(items) => items.iter().for_each(|item| walk(item, name, days, amounts)),
            Value::String(text) if ["from", "to", "start", "end", "at", "until"].contains(&name) => {
                days.push(text[..10].to_owned());
            }
            Value::Number(number) if ["value", "counted", "shown"].contains(&name) => {
                amounts.push(number.to_string());
            }
            _ => {}
        }
    }
    let (mut days, mut amounts) = (Vec::new(), Vec::new());
    walk(report, "", &mut days, &mut amounts);
    (days, amounts)
}

/// What may be asked of an occupancy's route, for each of its parameters all that could reach too far.
fn questions(parameters: &[&str]) -> Vec<String> {
    const ENDS: [&str; 8] = [
        "2025-01-01",
        "2026-01-01",
        "2026-01-05",
        "2026-01-20",
        "2026-02-01",
        "2026-02-10",
        "2026-03-16",
        "2027-01-01",
    ];
    let choices = |name: &str| -> Vec<String> {
        let values: &[&str] = match name {
            "from" | "to" => &ENDS,
            "step" => &["hour", "day", "week", "month", "season", "year"],
            "compare" => &["previous", "year_ago", "site"],
            "month" => &["2025-12", "2026-01", "2026-02", "2026-03", "2026-04"],
            "year" => &["2025", "2026", "2027"],
            _ => panic!("{name} is a parameter that nobody thought of: add what may reach too far"),
        };
        values.iter().map(|value| format!("{name}={value}")).collect()
    };
    let mut questions = vec![String::new()];
    for name in parameters {
        let mut longer = questions.clone();
        for choice in choices(name) {
            longer.extend(questions.iter().map(|question| format!("{question}&{choice}")));
        }
        questions = longer;
    }
    questions
}

/// Every route of an occupancy that the contract has, with all its parameters.
#[tokio::test]
async fn nobody_sees_a_day_outside_their_own_or_anything_of_another_dwelling() {
    let house = three_households().await;
    let windows = [
        (1, "2026-01-05", "2026-02-01"),
        (2, "2026-02-01", "2026-03-16"),
        (3, "2026-01-20", "2026-03-16"),
    ];
    let contract = house.json("/openapi.json").await;
    let mut routes = 0;
    let mut asked = 0;
    for (pattern, route) in contract["paths"].as_object().unwrap() {
        if !pattern.starts_with("/v1/occupancies/{id}") {
            continue;
        }
        routes += 1;
        let parameters: Vec<&str> = route["get"]["parameters"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|parameter| parameter["in"] == "query")
            .map(|parameter| parameter["name"].as_str().unwrap())
            .collect();
        let questions = questions(&parameters);
        for (id, first, after) in windows {
            for (question, scope) in questions
                .iter()
                .zip([Scope::Portal, Scope::Operator].into_iter().cycle())
            {
                let path = format!("{}?{question}", pattern.replace("{id}", &id.to_string()));
                let path = path.replace("?&", "?");
                let path = path.trim_end_matches('?');
                let bearer = format!("Bearer {}", house.token(scope));
                let answer = house.ask(Method::GET, path, &[("authorization", &bearer)]).await;
                asked += 1;
                if answer.status != 200 {
                    assert!(
                        ["outside-occupancy", "invalid-parameter", "no-consent"]
                            .contains(&answer.problem().as_str()),
                        "{path}: {}",
                        answer.text()
                    );
                    continue;
                }
                let report = answer.json();
                let (days, amounts) = spoken(&report);
                assert!(!days.is_empty(), "{path}");
                for day in days {
                    assert!(
                        day.as_str() >= first && day.as_str() <= after,
                        "{path}: {day} of {first} to {after}"
                    );
                }
                // A litre a day is never a cubic metre, nor the other way round.
                for amount in amounts {
                    let amount: f64 = amount.parse().unwrap();
                    assert!(amount == 0.0 || (amount < 0.5) == (id != 3), "{path}: {amount}");
                }
                let dwelling = if id == 3 { 2 } else { 1 };
                assert!(report["dwelling"]["id"] == dwelling || report["dwelling"] == dwelling);
            }
        }
    }
    assert!(routes >= 5, "{routes} routes");
    assert!(asked > 3000, "{asked} questions");
}

/// What only the operator may ask tells a portal nothing, whatever it writes.
#[tokio::test]
async fn a_portal_reaches_figures_through_an_occupancy_only() {
    let house = three_households().await;
    let contract = house.json("/openapi.json").await;
    let open = [
        // Who and where, without a figure.
        "/v1/sites",
        "/v1/sites/{code}/dwellings",
        "/v1/dwellings/{id}",
        "/v1/occupancies",
        // Its own copy: the portal answers for that itself.
        "/v1/readings",
        "/v1/erasures",
        "/healthz",
        "/readyz",
        "/openapi.json",
    ];
    let bearer = format!("Bearer {}", house.token(Scope::Portal));
    for (pattern, methods) in contract["paths"].as_object().unwrap() {
        if open.contains(&pattern.as_str()) || pattern.starts_with("/v1/occupancies/{id}") {
            continue;
        }
        for method in methods.as_object().unwrap().keys() {
            let path = pattern.replace("{id}", "1").replace("{serial}", "C19UA145842");
            let method = method.to_uppercase().parse().unwrap();
            let answer = house.ask(method, &path, &[("authorization", &bearer)]).await;
            assert_eq!(
                (answer.status, answer.problem().as_str()),
                (403, "forbidden"),
                "{pattern}"
            );
        }
    }
    let (_, amounts) = spoken(&house.json("/v1/dwellings/1").await);
    assert!(amounts.is_empty());
}

#[tokio::test]
async fn two_weeks_are_compared_and_a_part_of_a_time_is_not() {
    let house = three_households().await;
    let report = house
        .json("/v1/occupancies/2/consumption?from=2026-02-16&to=2026-02-23&step=day&compare=previous")
        .await;
    assert_eq!(report["kinds"][0]["total"]["shown"].to_string(), "0.01");
    assert_eq!(report["kinds"][0]["total"]["value"].to_string(), "0.007");
    let before = &report["compared"];
    assert_eq!(
        (&before["from"], &before["to"]),
        (&"2026-02-09".into(), &"2026-02-16".into())
    );
    assert_eq!(before["kinds"][0]["total"]["value"].to_string(), "0.007");
    assert_eq!(before["kinds"][0]["points"][0]["point"]["room"], "Cuisine");
    // The household was not there in all of the days before.
    let early = house
        .json("/v1/occupancies/2/consumption?from=2026-02-03&to=2026-02-10&compare=previous")
        .await;
    assert!(early["compared"].is_null());
    // Without dates: all of its days.
    let all = house.json("/v1/occupancies/1/consumption").await;
    assert_eq!(
        (&all["from"], &all["to"]),
        (&"2026-01-05".into(), &"2026-02-01".into())
    );
}
