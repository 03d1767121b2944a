//! A figure of a meter's page leads to what it rests on: the same as the JSON route says.

use super::super::{House, heat};
use super::{Browser, shown};
use crate::store::Source::{Live, SetDate};

#[tokio::test]
async fn a_figure_leads_to_its_readings_and_to_the_sum_that_makes_it() {
    let house = House::new();
    house.read(
        4,
        heat(),
        &[
            ("2026-03-09T00:00:00+01:00", Live, 980_000),
            ("2026-03-10T12:00:00+01:00", Live, 1_001_000),
            ("2026-03-11T00:00:00+01:00", SetDate, 1_003_000),
            ("2026-03-11T12:00:00+01:00", Live, 8_000),
            ("2026-03-13T00:00:00+01:00", Live, 45_000),
        ],
    );
    let mut browser = Browser::inside(&house).await;
    let meter = browser.get("/caretaker/meters/4").await;
    assert!(
        meter
            .text()
            .contains("href=\"/caretaker/meters/4/evidence?from=2026-03-12&amp;to=2026-03-13\"")
    );
    let page = browser
        .get("/caretaker/meters/4/evidence?from=2026-03-09&to=2026-03-13")
        .await;
    assert_eq!(page.status, 200);
    // Two parts, each its end less its beginning, times 1.063.
    let figures = |name| shown(page.text(), name);
    assert_eq!(figures("end"), ["1003 U", "980 U", "45 U", "0 U"]);
    assert_eq!(figures("counted"), ["23 U", "45 U"]);
    assert_eq!(figures("rated"), ["24.449 U", "47.835 U"]);
    assert_eq!(figures("sum"), ["72.284 U"]);
    assert!(page.text().contains("Began anew at zero") && page.text().contains("set date"));
    let used = house
        .json("/v1/dwellings/1/consumption?from=2026-03-09&to=2026-03-13&step=year")
        .await;
    let kinds = used["kinds"].as_array().unwrap().iter();
    let mut points = kinds.flat_map(|kind| kind["points"].as_array().unwrap());
    let bedroom = points.find(|point| point["point"]["id"] == 3).unwrap();
    assert_eq!(bedroom["total"]["rated"].to_string(), "72.284");
    let french = browser
        .get("/caretaker/meters/4/evidence?from=2026-03-09&to=2026-03-13&lang=fr")
        .await;
    assert_eq!(shown(french.text(), "sum"), ["72,284 U"]);
    // No reading, no sum; and no place, no figure.
    let silent = browser
        .get("/caretaker/meters/4/evidence?from=2026-01-01&to=2026-01-02&lang=en")
        .await;
    assert_eq!(shown(silent.text(), "sum"), ["missing"]);
    for (path, status) in [
        ("7/evidence", 404),
        ("99/evidence", 404),
        ("4/evidence?from=2026-03-13&to=2026-03-09", 400),
        ("4/evidence?from=yesterday", 400),
    ] {
        let answer = browser.get(&format!("/caretaker/meters/{path}")).await;
        assert_eq!(answer.status, status, "{path}");
    }
}
