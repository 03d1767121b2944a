//! What the pages take in a building of two thousand meters. Prints, and asserts no time.

use std::time::Instant;

use jiff::{Timestamp, ToSpan};

use super::super::{House, NOW, Scope, address, at, reading, telegram, water};
use super::{Browser, PAGES};
use crate::api::{Context, router};
use crate::registry::{
    Change, Dwelling, DwellingId, Installation, InstallationId, Kind, Meter, MeterAddress, MeterId, Point,
    PointId, SiteId,
};
use crate::store::{AlertFound, Source, Store};
use std::sync::Arc;

const METERS: i64 = 2000;

/// Ten meters a dwelling, each heard every hour of the last week, every tenth with an alert.
fn two_thousand(house: &House) {
    let mut changes = Vec::new();
    for number in 100..100 + METERS {
        if number % 10 == 0 {
            changes.push(Change::Dwelling(Dwelling {
                id: DwellingId(number),
                site: SiteId(1),
                lot: format!("B-{number}"),
                client_ref: None,
                surface: Some(5000),
            }));
        }
        changes.push(Change::Point(Point {
            id: PointId(number),
            dwelling: DwellingId(number / 10 * 10),
            kind: Kind::HotWater,
            room: "Cuisine".to_owned(),
            number: number as u16 % 10 + 1,
        }));
        changes.push(Change::Meter(Meter {
            id: MeterId(number),
            address: MeterAddress::from(address(0x1000_0000 + number as u32, 0x06)),
            printed_serial: Some(format!("DME{:08}", number * 7919)),
        }));
        changes.push(Change::Installation(Installation {
            id: InstallationId(number),
            point: PointId(number),
            meter: MeterId(number),
            from: None,
            until: None,
            start_index: None,
            end_index: None,
        }));
    }
    house
        .store
        .apply(house.store.registry_version().unwrap(), &changes)
        .unwrap();
    for hour in (0..168).rev() {
        let batch: Vec<_> = (100..100 + METERS)
            .map(|meter| {
                let when = at(NOW) - i64::from(hour).hours() - (meter % 60).minutes();
                let value = 1_000_000_000 - i64::from(hour) * 3_000;
                telegram(meter, when, vec![reading(water(), when, Source::Live, value)])
            })
            .collect();
        house.store.ingest(&batch).unwrap();
    }
    let found: Vec<_> = (100..100 + METERS)
        .step_by(10)
        .map(|meter| AlertFound {
            meter: MeterId(meter),
            kind: "leak",
            is: true,
            amount: Some(5_000),
        })
        .collect();
    house.store.put_alerts(at(NOW), &found).unwrap();
}

#[tokio::test]
#[ignore = "takes a minute, and is for reading"]
async fn two_thousand_meters_on_a_page() {
    let house = House::new();
    two_thousand(&house);
    for (name, later) in [("all on time", 0), ("the radio died two days ago", 48)] {
        let now: Timestamp = at(NOW) + i64::from(later).hours();
        let context = Context::new(Arc::clone(&house.store) as Arc<dyn Store>).with_clock(move || now);
        let router = router(context);
        let mut browser = Browser::at(&router);
        assert_eq!(browser.log_in(house.token(Scope::Operator)).await.status, 303);
        println!("{name}:");
        let more = [
            "/caretaker/meters/100",
            "/caretaker/meters?page=41&sort=heard",
            "/caretaker/meters?q=7919",
            "/caretaker/meters/100?span=months",
        ];
        for page in PAGES.iter().chain(&more) {
            let begun = Instant::now();
            let first = browser.get(page).await;
            let cold = begun.elapsed();
            let begun = Instant::now();
            for _ in 0..10 {
                assert_eq!(browser.get(page).await.status, 200);
            }
            let warm = begun.elapsed() / 10;
            println!(
                "  {page:40} first {cold:>9.1?}, then {warm:>9.1?}, {} kB",
                first.body.len() / 1000
            );
        }
    }
}
