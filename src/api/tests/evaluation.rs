//! The notes that households are owed, the average user, and the readings behind a figure.

use axum::http::Method;
use serde_json::Value;

use super::occupancies::move_in;
use super::{House, Scope, at, daily, water};
use crate::registry::{Change, Dwelling, Installation, Kind, Meter, MeterAddress, Point};
use crate::store::{DwellingId, InstallationId, MeterId, PointId, SiteId, Source, Store};

/// Litres a day in dwelling 1 from January on, one household from 5 January to the end of that month, one since.
async fn households() -> House {
    let house = House::new();
    house
        .store
        .add_readings(
            MeterId(1),
            &daily((0..74).map(|day| 10_000 + day * 100_000), water()),
        )
        .unwrap();
    for day in ["2026-01-05", "2026-02-01"] {
        let moved = house
            .send(Method::POST, "/v1/occupancies", Scope::Portal, &move_in(1, day))
            .await;
        assert_eq!(moved.status, 201);
    }
    house
}

/// Five more dwellings in the first site, each with a hot-water meter that uses as many hundred litres a day as its
/// number says, on 50 m².
fn neighbours(house: &House, how_many: i64) {
    let mut changes = Vec::new();
    for number in 0..how_many {
        let id = 100 + number;
        changes.extend([
            Change::Dwelling(Dwelling {
                id: DwellingId(id),
                site: SiteId(1),
                lot: format!("B-{number}"),
                client_ref: None,
                surface: Some(5000),
            }),
            Change::Point(Point {
                id: PointId(id),
                dwelling: DwellingId(id),
                kind: Kind::HotWater,
                room: String::new(),
                number: 1,
            }),
            Change::Meter(Meter {
                id: MeterId(id),
                address: MeterAddress::from(super::address(0x7000_0000 + number as u32, 0x06)),
                printed_serial: None,
            }),
            Change::Installation(Installation {
                id: InstallationId(id),
                point: PointId(id),
                meter: MeterId(id),
                from: None,
                until: None,
                start_index: None,
                end_index: None,
            }),
        ]);
    }
    let version = house.store.registry_version().unwrap();
    house.store.apply(version, &changes).unwrap();
    for number in 0..how_many {
        let values = daily((0..74).map(|day| day * 100_000 * (number + 1)), water());
        house.store.add_readings(MeterId(100 + number), &values).unwrap();
    }
}

fn number(value: &Value) -> String {
    value.to_string()
}

#[tokio::test]
async fn a_month_is_evaluated_since_the_last_one_and_since_january() {
    let house = households().await;
    // February has ended; the household came on its first day.
    let february = house.json("/v1/occupancies/2/evaluation").await;
    assert_eq!(february["month"], "2026-02");
    assert_eq!(
        (&february["since_last"]["from"], &february["since_last"]["to"]),
        (&"2026-02-01".into(), &"2026-03-01".into())
    );
    assert_eq!(february["since_january"]["from"], "2026-02-01");
    let water = &february["kinds"][0];
    assert_eq!(number(&water["since_last"]["shown"]), "2.8");
    assert_eq!(number(&water["since_january"]["shown"]), "2.8");
    assert!(water["month_before"].is_null(), "January was others'");
    assert_eq!(number(&water["points"][0]["since_last"]["value"]), "2.8");
    assert_eq!(water["points"][0]["meters"][0], "C19UA145842");
    // March runs.
    let march = house.json("/v1/occupancies/2/evaluation?month=2026-03").await;
    let water = &march["kinds"][0];
    assert_eq!(number(&water["month_before"]["shown"]), "2.8");
    assert!(
        water["since_last"]["flags"]
            .as_array()
            .unwrap()
            .contains(&"running".into())
    );
    // The first household: what it has left is its January.
    let january = house.json("/v1/occupancies/1/evaluation").await;
    assert_eq!(january["month"], "2026-01");
    assert_eq!(january["since_last"]["from"], "2026-01-05");
    assert_eq!(number(&january["kinds"][0]["since_last"]["shown"]), "2.7");
    for (path, problem) in [
        ("1/evaluation?month=2026-02", "outside-occupancy"),
        ("2/evaluation?month=2026-01", "outside-occupancy"),
        ("2/evaluation?month=2026-04", "outside-occupancy"),
        ("2/evaluation?month=2026-13", "invalid-parameter"),
        ("2/evaluation?month=26-1", "invalid-parameter"),
        ("9/evaluation", "not-found"),
    ] {
        let answer = house.get(&format!("/v1/occupancies/{path}")).await;
        assert_eq!(answer.problem(), problem, "{path}");
    }
}

#[tokio::test]
async fn a_year_is_held_against_the_average_user_when_five_contribute() {
    let house = households().await;
    neighbours(&house, 4);
    let note = house.json("/v1/occupancies/2/yearly-note").await;
    assert_eq!(
        (&note["year"], &note["from"], &note["to"]),
        (&2026.into(), &"2026-02-01".into(), &"2026-03-16".into())
    );
    let water = &note["kinds"][0];
    assert_eq!(water["months"].as_array().unwrap().len(), 2);
    assert!(water["year_before"].is_null());
    // Four neighbours and this one, which has a surface of its own: five.
    let average = &water["average"];
    assert_eq!(average["dwellings"], 5);
    let report = house
        .json("/v1/occupancies/2/consumption?from=2026-02-01&to=2026-03-01&compare=site")
        .await;
    // 100 + 200 + 300 + 400 + 100 litres a day for 28 days on 4 × 50 and 54.32 m².
    let average = &report["site_average"][0];
    assert_eq!(number(&average["per_m2"]), "0.1211");
    assert_eq!(number(&average["for_this_surface"]), "6.58");
    assert_eq!(average["quality"], "measured");
    assert!(report["compared"].is_null());

    // Of four dwellings nobody is told: that would be telling of a neighbour.
    let house = households().await;
    neighbours(&house, 3);
    let note = house.json("/v1/occupancies/2/yearly-note?year=2026").await;
    assert!(note["kinds"][0]["average"].is_null());
    let report = house.json("/v1/dwellings/1/consumption?compare=site").await;
    assert_eq!(report["site_average"], Value::Array(Vec::new()));
    for (path, problem) in [
        ("2/yearly-note?year=2025", "outside-occupancy"),
        ("2/yearly-note?year=2027", "outside-occupancy"),
        ("2/yearly-note?year=x", "invalid-parameter"),
    ] {
        let answer = house.get(&format!("/v1/occupancies/{path}")).await;
        assert_eq!(answer.problem(), problem, "{path}");
    }
}

#[tokio::test]
async fn a_year_of_the_same_household_is_compared_with_its_year_before() {
    let house = House::new();
    let mut values = Vec::new();
    for (instant, index) in [
        ("2024-12-31T23:00:00Z", 0),
        ("2025-12-31T23:00:00Z", 40_000_000),
        ("2026-03-14T23:00:00Z", 46_000_000),
    ] {
        values.push((instant, Source::Live, index));
    }
    house.read(1, water(), &values);
    let moved = house
        .send(
            Method::POST,
            "/v1/occupancies",
            Scope::Portal,
            &move_in(1, "2024-05-01"),
        )
        .await;
    assert_eq!(moved.status, 201);
    let note = house.json("/v1/occupancies/1/yearly-note").await;
    assert_eq!(note["year"], 2025);
    assert_eq!(number(&note["kinds"][0]["total"]["shown"]), "40.0");
    // They were there in a part of 2024 only.
    assert!(note["kinds"][0]["year_before"].is_null());
    let running = house.json("/v1/occupancies/1/yearly-note?year=2026").await;
    let before = &running["kinds"][0]["year_before"];
    assert_eq!(
        before["quality"], "missing",
        "nobody heard the meter in March 2025"
    );
}

#[tokio::test]
async fn a_figure_is_traced_to_its_readings_and_to_no_one_else_s() {
    let house = households().await;
    let proof = house
        .json("/v1/dwellings/1/evidence?from=2026-02-01&to=2026-03-01")
        .await;
    let part = &proof["points"][0]["parts"][0];
    assert_eq!(proof["points"][0]["unit"], "m3");
    assert_eq!(number(&part["counted"]), "2.8");
    assert_eq!(part["meter"]["serial"], "C19UA145842");
    assert_eq!(number(&part["factor"]), "1");
    assert_eq!(part["first"]["readings"][0]["at"], "2026-02-01T00:00:00+01:00");
    assert_eq!(number(&part["first"]["readings"][0]["value"]), "3.11");
    assert_eq!(number(&part["last"]["readings"][0]["value"]), "5.91");
    assert_eq!(part["last"]["readings"][0]["source"], "live");
    // A household that came between two readings: the one before is not theirs.
    let house = House::new();
    let rows: Vec<_> = [
        ("2026-02-09T12:00:00+01:00", 5_000),
        ("2026-02-10T12:00:00+01:00", 7_000),
    ]
    .into_iter()
    .map(|(instant, value)| super::reading(water(), at(instant), Source::Live, value))
    .collect();
    house.store.add_readings(MeterId(1), &rows).unwrap();
    house
        .send(
            Method::POST,
            "/v1/occupancies",
            Scope::Portal,
            &move_in(1, "2026-02-10"),
        )
        .await;
    let proof = house
        .json("/v1/occupancies/1/evidence?from=2026-02-10&to=2026-02-11")
        .await;
    let first = &proof["points"][0]["parts"][0]["first"];
    assert_eq!(first["quality"], "interpolated");
    let shown = first["readings"].as_array().unwrap();
    assert_eq!(shown.len(), 1);
    assert_eq!(shown[0]["at"], "2026-02-10T12:00:00+01:00");
}

#[tokio::test]
async fn a_number_of_several_dwellings_tells_their_count_and_nothing_else() {
    let house = House::new();
    let version = house.store.registry_version().unwrap();
    // Two more meters of one printed number in two dwellings.
    let meter = |id: i64, number| {
        Change::Meter(Meter {
            id: MeterId(id),
            address: MeterAddress::from(super::address(number, 0x06)),
            printed_serial: Some("777001".to_owned()),
        })
    };
    let installation = |id: i64, point| {
        Change::Installation(Installation {
            id: InstallationId(id),
            point: PointId(point),
            meter: MeterId(id),
            from: Some(at("2026-01-01T00:00:00Z")),
            until: None,
            start_index: None,
            end_index: None,
        })
    };
    let point = |id, dwelling| {
        Change::Point(Point {
            id: PointId(id),
            dwelling: DwellingId(dwelling),
            kind: Kind::ColdWater,
            room: String::new(),
            number: 1,
        })
    };
    house
        .store
        .apply(
            version,
            &[
                meter(50, 0x7777_0001),
                meter(51, 0x7777_0002),
                point(50, 1),
                point(51, 2),
                installation(50, 50),
                installation(51, 51),
            ],
        )
        .unwrap();
    let answer = house.get("/v1/sites/AB123/dwellings?serial=777%20001").await;
    assert_eq!(
        (answer.status, answer.problem().as_str()),
        (409, "ambiguous-serial")
    );
    let body = answer.json();
    assert_eq!(body["count"], 2);
    assert!(body["candidates"].is_null());
    assert!(!answer.text().contains("A-007") && !answer.text().contains("A-008"));
}

#[tokio::test]
async fn hours_are_shown_where_the_household_agreed() {
    let house = households().await;
    let path = "/v1/occupancies/2/consumption?from=2026-03-01&to=2026-03-02&step=hour";
    let refused = house.get(path).await;
    assert_eq!((refused.status, refused.problem().as_str()), (403, "no-consent"));
    let agreed = house
        .send(
            Method::PATCH,
            "/v1/occupancies/2",
            Scope::Portal,
            &serde_json::json!({ "keeps_hourly": true }),
        )
        .await;
    assert_eq!(agreed.status, 200);
    let report = house.json(path).await;
    let hours = report["kinds"][0]["periods"].as_array().unwrap();
    assert_eq!(hours.len(), 24);
    assert_eq!(hours[23]["start"], "2026-03-01T23:00:00+01:00");
    // The days before were others', who were not asked.
    let before = house
        .get("/v1/dwellings/1/consumption?from=2026-01-31&to=2026-02-02&step=hour")
        .await;
    assert_eq!(before.problem(), "no-consent");
    let nobody = house
        .get("/v1/dwellings/2/consumption?from=2026-03-01&to=2026-03-02&step=hour")
        .await;
    assert_eq!(nobody.problem(), "no-consent");
}
