//! Consumption and readings: exact digits, sums that add up, honest gaps.

use jiff::civil::date;
use serde_json::Value;

use super::{DwellingId, House, MeterId, NOW, Source, Store, at, daily, heat, reading, telegram, water};
use crate::api::compare::Compare;
use crate::api::consumption::report;
use crate::api::dwellings::named;
use crate::consumption::Step;

/// Hot water 0,285 m³ a day for 100 days; radiators 3 and 7 units a day, the second meter's count from 10 March.
fn lived_in() -> House {
    let house = House::new();
    let store = &house.store;
    store
        .add_readings(
            MeterId(1),
            &daily((0..74).map(|day| 51_667_000 + day * 285_001), water()),
        )
        .unwrap();
    store
        .add_readings(MeterId(2), &daily((0..69).map(|day| day * 3_000), heat()))
        .unwrap();
    house.read(
        3,
        heat(),
        &[
            ("2026-03-11T00:00:00+01:00", Source::Live, 1_000),
            ("2026-03-15T00:00:00+01:00", Source::Live, 13_000),
        ],
    );
    store
        .add_readings(
            MeterId(4),
            &daily((0..74).map(|day| 100_000 + day * 7_000), heat()),
        )
        .unwrap();
    house
}

fn kind<'a>(report: &'a Value, name: &str) -> &'a Value {
    report["kinds"]
        .as_array()
        .unwrap()
        .iter()
        .find(|kind| kind["kind"] == name)
        .unwrap()
}

#[tokio::test]
async fn a_month_of_a_dwelling_by_kind_point_and_day() {
    let house = lived_in();
    let path = "/v1/dwellings/1/consumption?from=2026-01-01&to=2026-02-01&step=day";
    let answer = house.get(path).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    // 31 × 0.285001, digit by digit.
    assert!(
        answer.text().contains(r#""value":8.835031,"shown":8.84"#),
        "{}",
        answer.text()
    );
    let report = answer.json();
    assert_eq!(report["time_zone"], "Europe/Paris");
    assert_eq!(report["dwelling"]["surface_m2"].to_string(), "54.32");
    let water = kind(&report, "hot_water");
    assert_eq!(water["unit"], "m3");
    assert_eq!(water["periods"].as_array().unwrap().len(), 31);
    assert_eq!(water["periods"][0]["start"], "2026-01-01T00:00:00+01:00");
    assert_eq!(water["total"]["quality"], "measured");
    let heating = kind(&report, "heating");
    assert_eq!(heating["unit"], "U");
    assert_eq!(heating["points"].as_array().unwrap().len(), 2);
    assert_eq!(heating["points"][0]["point"]["room"], "Salon");
    assert_eq!(heating["points"][0]["meters"][0], "22222222");
    // Raw 31 × 3 + 31 × 7; rated 93 × 1.5 + 217 × 1.063.
    assert_eq!(heating["total"]["raw"].to_string(), "310");
    assert_eq!(heating["total"]["rated"].to_string(), "370.171");
    assert_eq!(heating["total"]["rated_shown"].to_string(), "370.17");
    assert!(heating["total"].get("value").is_none());
}

#[tokio::test]
async fn an_answer_is_what_would_be_derived_of_its_report() {
    let house = lived_in();
    for (name, compare) in [
        (None, None),
        (Some("previous"), Some(Compare::Previous)),
        (Some("site"), Some(Compare::Site)),
    ] {
        let days = (date(2026, 2, 1), date(2026, 3, 17));
        let (dwelling, site) = named(&*house.store, DwellingId(1)).unwrap();
        let of = (dwelling, &site);
        let mut wanted = report(&*house.store, of, days, Step::Week.into(), at(NOW)).unwrap();
        if let Some(compare) = compare {
            let of = (DwellingId(1), &site);
            wanted
                .compare(&*house.store, of, compare, at(NOW), |_| true)
                .unwrap();
        }
        let asked = name.map(|name| format!("&compare={name}")).unwrap_or_default();
        let path = format!("/v1/dwellings/1/consumption?from=2026-02-01&to=2026-03-17&step=week{asked}");
        let answer = house.get(&path).await;
        assert_eq!(answer.text(), serde_json::to_string(&wanted).unwrap(), "{asked}");
    }
}

#[tokio::test]
async fn periods_and_points_add_up_in_the_answer() {
    let house = lived_in();
    for (from, to, step) in [
        ("2026-01-01", "2026-03-15", "week"),
        ("2026-01-05", "2026-03-12", "day"),
        ("2026-01-17", "2026-03-15", "month"),
        ("2026-01-01", "2026-03-15", "year"),
    ] {
        let report = house
            .json(&format!(
                "/v1/dwellings/1/consumption?from={from}&to={to}&step={step}"
            ))
            .await;
        for kind in report["kinds"].as_array().unwrap() {
            let field = if kind["kind"] == "heating" {
                "rated"
            } else {
                "value"
            };
            let total = micro(&kind["total"][field]);
            let periods: i64 = kind["periods"]
                .as_array()
                .unwrap()
                .iter()
                .map(|period| micro(&period[field]))
                .sum();
            let points: i64 = kind["points"]
                .as_array()
                .unwrap()
                .iter()
                .map(|point| micro(&point["total"][field]))
                .sum();
            assert_eq!(
                (total, total),
                (periods, points),
                "{from} {step} {}",
                kind["kind"]
            );
        }
    }
}

/// A printed decimal in millionths, without floats.
fn micro(number: &Value) -> i64 {
    let text = number.to_string();
    let (whole, part) = text.split_once('.').unwrap_or((&text, ""));
    format!("{whole}{part:0<6}").parse().unwrap()
}

#[tokio::test]
async fn a_replaced_meter_a_day_that_runs_and_days_nobody_heard() {
    let house = lived_in();
    let report = house
        .json("/v1/dwellings/1/consumption?from=2026-03-09&to=2026-03-17&step=day")
        .await;
    let salon = &kind(&report, "heating")["points"][0];
    assert_eq!(salon["meters"].as_array().unwrap().len(), 2);
    let day = &salon["periods"][1];
    assert_eq!(day["from"], "2026-03-10");
    assert_eq!(day["flags"][0], "replacement");
    // The old meter ended at 210, six after midnight; the new one began at 0 and stood at 1 the next midnight.
    assert_eq!(day["quality"], "measured");
    assert_eq!(day["raw"].to_string(), "7");
    assert_eq!(day["rated"].to_string(), "10.2");
    let water = kind(&report, "hot_water");
    let today = &water["periods"][6];
    assert_eq!(today["from"], "2026-03-15");
    assert_eq!(today["flags"][0], "running");
    let tomorrow = &water["periods"][7];
    assert_eq!(
        (&tomorrow["value"], &tomorrow["quality"]),
        (&Value::Null, &Value::from("missing"))
    );
    // Nothing was ever heard here: the kind is there, the figures are not.
    let silent = house
        .json("/v1/dwellings/2/consumption?from=2026-01-01&to=2026-02-01")
        .await;
    let total = &kind(&silent, "hot_water")["total"];
    assert_eq!(
        (&total["value"], &total["quality"]),
        (&Value::Null, &Value::from("missing"))
    );
    assert_eq!(total["age_seconds"], Value::Null);
}

#[tokio::test]
async fn without_dates_the_last_twelve_months_are_told() {
    let house = lived_in();
    let report = house.json("/v1/dwellings/1/consumption").await;
    assert_eq!(
        (&report["from"], &report["to"]),
        (&"2025-04-01".into(), &"2026-03-16".into())
    );
    assert_eq!(
        kind(&report, "hot_water")["periods"].as_array().unwrap().len(),
        12
    );
}

#[tokio::test]
async fn readings_keep_the_digits_of_their_register() {
    let house = House::new();
    let mut reverse = water();
    reverse.direction = decoders::reading::Direction::Reverse;
    house
        .store
        .add_readings(
            MeterId(1),
            &[
                reading(water(), at("2026-01-01T10:00:00Z"), Source::Live, 123_530_000),
                reading(reverse, at("2026-01-01T10:00:00Z"), Source::Live, 0),
            ],
        )
        .unwrap();
    let answer = house.get("/v1/meters/C19UA145842/readings?quantity=volume").await;
    assert!(
        answer
            .text()
            .contains(r#""unit":"m3","value":123.530,"at":"2026-01-01T10:00:00Z""#),
        "{}",
        answer.text()
    );
    assert!(answer.text().contains(r#""value":0.000"#));
    let items = answer.json()["items"].clone();
    assert_eq!(items[0]["register"], "current");
    assert_eq!(items[1]["direction"], "reverse");
}

#[tokio::test]
async fn readings_are_filtered_by_what_the_query_says() {
    let house = House::new();
    house.read(
        1,
        water(),
        &[
            ("2026-01-01T00:00:00+01:00", Source::History, 1_000_000),
            ("2026-01-01T08:00:00+01:00", Source::Live, 1_001_000),
            ("2026-01-02T00:00:00+01:00", Source::Live, 1_002_000),
            ("2026-01-03T00:00:00+01:00", Source::Manual, 1_003_000),
        ],
    );
    let count = async |query: &str| {
        let page = house
            .json(&format!("/v1/meters/c19-ua-145842/readings{query}"))
            .await;
        page["items"].as_array().unwrap().len()
    };
    assert_eq!(count("").await, 4);
    assert_eq!(count("?source=live").await, 2);
    assert_eq!(count("?register=history").await, 1);
    assert_eq!(count("?register=history&source=live").await, 0);
    assert_eq!(count("?register=max").await, 0);
    assert_eq!(count("?from=2026-01-02").await, 2);
    assert_eq!(count("?from=2026-01-01&to=2026-01-02").await, 2);
    assert_eq!(count("?to=2026-01-01T07:00:00Z").await, 1);
    let answer = house.get("/v1/meters/C19UA145842/readings?quantity=energy").await;
    assert_eq!(answer.problem(), "invalid-parameter");
    assert!(
        answer.json()["detail"]
            .as_str()
            .unwrap()
            .contains("it has volume")
    );
}

#[tokio::test]
async fn a_meter_is_shown_with_its_place_its_state_and_its_latest_values() {
    let house = House::new();
    let instant = at("2026-03-15T11:59:00+01:00");
    house
        .store
        .ingest(&[telegram(
            4,
            instant,
            vec![reading(heat(), instant, Source::Live, 615_000)],
        )])
        .unwrap();
    // With the leading zeros of the housing and without them; by its number on the air; by what it says of itself.
    for (serial, rule) in [
        ("00123456", "printed_serial"),
        ("123456", "printed_serial"),
        ("44444444", "identification_number"),
        ("KAM-44444444", "address"),
        ("KAM-44444444-1B-08", "address"),
        ("987654", "fabrication_number"),
    ] {
        let meter = house.json(&format!("/v1/meters/{serial}")).await;
        assert_eq!(meter["found_by"], rule, "{serial}");
        assert_eq!(meter["id"], "44444444");
        assert_eq!(meter["medium"], "heat_cost_allocator");
        assert_eq!(meter["installations"][0]["point"]["room"], "Chambre");
        assert_eq!(
            meter["installations"][0]["factors"][0]["factor"].to_string(),
            "1.063"
        );
        assert_eq!(meter["heard"]["rssi_dbm"], -71);
        assert_eq!(meter["latest"][0]["value"].to_string(), "615");
    }
    let ambiguous = house.get("/v1/meters/11111111").await;
    assert_eq!(
        (ambiguous.status, ambiguous.problem().as_str()),
        (409, "ambiguous-serial")
    );
    let candidates = ambiguous.json()["candidates"].clone();
    assert_eq!(candidates[0], "KAM-11111111-1B-06");
    let one = house
        .json(&format!("/v1/meters/{}", candidates[1].as_str().unwrap()))
        .await;
    assert_eq!(one["medium"], "water");
}

#[tokio::test]
async fn a_set_date_that_nobody_saw_in_a_silent_month_is_known_from_the_year_before() {
    let house = House::new();
    house.read(
        2,
        heat(),
        &[
            ("2025-01-01T00:00:00+01:00", Source::SetDate, 700_000),
            ("2025-12-20T00:00:00+01:00", Source::Live, 5_000),
            ("2026-01-20T00:00:00+01:00", Source::Live, 30_000),
        ],
    );
    let path = "/v1/dwellings/1/consumption?from=2025-12-20&to=2026-01-20";
    let report = house.json(path).await;
    let salon = kind(&report, "heating")["points"][0]["total"].clone();
    assert_eq!(
        (&salon["raw"], &salon["flags"][0]),
        (&Value::Null, &"break".into())
    );
    // When it comes after all, it heals.
    house.read(
        2,
        heat(),
        &[("2026-01-01T00:00:00+01:00", Source::SetDate, 12_000)],
    );
    let report = house.json(path).await;
    let salon = &kind(&report, "heating")["points"][0]["total"];
    assert_eq!(salon["raw"].to_string(), "37");
}
