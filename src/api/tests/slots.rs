//! Families that send gains in closed slots: stored as increments, answered as consumption.

use decoders::reading::Kind;

use super::{House, at, heat, reading, telegram};
use crate::store::{Channel, Source, Store};

#[tokio::test]
async fn half_months_that_were_sent_as_gains_answer_for_their_days() {
    let house = House::new();
    let gains = Channel {
        kind: Kind::Increment,
        ..heat()
    };
    let midnight = |day: &str| at(&format!("{day}T00:00:00+01:00"));
    let received = at("2026-03-01T00:05:00+01:00");
    let readings = vec![
        reading(heat(), received, Source::Live, 250_000),
        reading(gains, midnight("2026-03-01"), Source::History, 30_000),
        reading(gains, midnight("2026-02-16"), Source::History, 42_000),
        reading(gains, midnight("2026-02-01"), Source::History, 51_000),
        reading(gains, midnight("2026-01-16"), Source::History, 48_000),
    ];
    house.store.ingest(&[telegram(4, received, readings)]).unwrap();
    let asked = "/v1/dwellings/1/consumption?from=2026-01-16&to=2026-03-01&step=month";
    let report = house.json(asked).await;
    let heating = report["kinds"]
        .as_array()
        .unwrap()
        .iter()
        .find(|kind| kind["kind"] == "heating")
        .unwrap()
        .clone();
    let point = heating["points"]
        .as_array()
        .unwrap()
        .iter()
        .find(|point| point["point"]["room"] == "Chambre")
        .unwrap();
    let said: Vec<_> = point["periods"]
        .as_array()
        .unwrap()
        .iter()
        .map(|period| {
            (
                period["raw"].to_string(),
                period["quality"].as_str().unwrap().to_owned(),
            )
        })
        .collect();
    // Counted back from what was heard: an estimate.
    assert_eq!(
        said,
        [
            ("51".to_owned(), "estimated".to_owned()),
            ("72".to_owned(), "estimated".to_owned()),
        ]
    );
    assert_eq!(point["total"]["raw"], 123);
}
