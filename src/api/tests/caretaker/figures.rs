//! What the pages show is what the JSON routes say.

use jiff::ToSpan;
use serde_json::Value;

use super::super::{House, NOW, at, daily, heat, reading, stranger, telegram, water};
use super::{Browser, shown};
use crate::store::{AlertFound, Ingest, MeterId, ReceiverState, Source, Store};

/// A house in which something happened: meters on time, silent, sealed and never heard, alerts, strangers, an outage.
fn lived_in() -> House {
    let house = House::new();
    let mut batch = Vec::new();
    // Meter 1 speaks every six hours until now, meters 2 (replaced since) and 6 until a week ago, meter 4 twice only, meter 5 can't be opened.
    for hour in (0..60 * 24).step_by(6) {
        let when = at(NOW) - i64::from(60 * 24 - 6 - hour).hours();
        let used = i64::from(hour) * 25_000;
        batch.push(telegram(
            1,
            when,
            vec![reading(water(), when, Source::Live, 2_345_678 + used)],
        ));
        if when < at(NOW) - 170.hours() {
            let counted = i64::from(hour) * 100;
            batch.push(telegram(
                2,
                when,
                vec![reading(heat(), when, Source::Live, counted)],
            ));
            batch.push(telegram(
                6,
                when,
                vec![reading(water(), when, Source::Live, used)],
            ));
        }
    }
    for hours in [20, 40] {
        batch.push(telegram(4, at(NOW) - hours.hours(), Vec::new()));
    }
    let mut sealed = telegram(5, at(NOW) - 1.hours(), Vec::new());
    if let Ingest::Telegram(telegram) = &mut sealed {
        telegram.outcome = "no_key".into();
        telegram.facts.opened = false;
    }
    batch.push(sealed);
    batch.push(stranger(0x9876_5432, at(NOW) - 2.hours()));
    batch.push(stranger(0x9876_5433, at(NOW) - 3.hours()));
    house.store.ingest(&batch).unwrap();
    house
        .store
        .add_readings(MeterId(4), &daily((0..74).map(|day| day * 1234), heat()))
        .unwrap();
    let kept = [
        reading(water(), at("2026-01-31T23:00:00Z"), Source::History, 30_123_000),
        reading(water(), at("2025-12-31T23:00:00Z"), Source::SetDate, 1_000_000),
    ];
    house.store.add_readings(MeterId(1), &kept).unwrap();
    let found = |meter, kind, amount| AlertFound {
        meter: MeterId(meter),
        kind,
        is: true,
        amount,
    };
    let alerts = [
        found(1, "leak", Some(4_000)),
        found(2, "silent", Some(700_000)),
        found(5, "wrong_key", None),
        found(4, "frozen", Some(12)),
    ];
    house.store.put_alerts(at(NOW) - 5.hours(), &alerts).unwrap();
    let over = AlertFound {
        is: false,
        ..found(4, "frozen", None)
    };
    house.store.put_alerts(at(NOW) - 1.hours(), &[over]).unwrap();
    let begun = at(NOW) - 48.hours();
    house.store.begin_listening(&["cellar"], begun).unwrap();
    let state = |condition: &str, losses| ReceiverState {
        name: "cellar".to_owned(),
        condition: condition.to_owned(),
        since: begun,
        seen: at(NOW),
        identity: "a dongle".to_owned(),
        reason: (losses > 0).then(|| "unplugged".to_owned()),
        opened: 1,
        losses,
        asked: 0,
        resets: 0,
        reopened: 0,
        telegrams: 4321,
        noise: 7,
    };
    for (condition, losses, hours) in [("listening", 0, 40), ("lost", 1, 30), ("listening", 1, 29)] {
        house
            .store
            .note_receivers(&[state(condition, losses)], at(NOW) - i64::from(hours).hours())
            .unwrap();
    }
    house
}

/// A number without the zeros at its end, which the JSON of these tests has lost.
fn plain(value: &str) -> String {
    if value.contains('.') {
        value.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        value.to_owned()
    }
}

/// All meters of `/v1/radio`.
async fn on_air(house: &House) -> Vec<Value> {
    house.json("/v1/radio?limit=1000").await["meters"]["items"]
        .as_array()
        .unwrap()
        .clone()
}

fn only(page: &str, name: &str) -> String {
    let all = shown(page, name);
    assert_eq!(all.len(), 1, "{name} in {page}");
    all[0].clone()
}

#[tokio::test]
async fn the_overview_counts_what_the_radio_and_the_alerts_say() {
    let house = lived_in();
    let mut browser = Browser::inside(&house).await;
    let page = browser.get("/caretaker").await;
    let page = page.text();
    // The one that was replaced is nobody's loss.
    let replaced = house.json("/v1/meters/22222222").await;
    assert!(!replaced["installations"][0]["until"].is_null());
    let mut meters = on_air(&house).await;
    meters.retain(|meter| meter["id"] != replaced["id"]);
    let counted = |hearing: &dyn Fn(&Value) -> bool| meters.iter().filter(|meter| hearing(meter)).count();
    let rhythm = |name: &'static str| counted(&|meter: &Value| meter["rhythm"] == name);
    let never = counted(&|meter: &Value| meter["heard"].is_null());
    let untold = counted(&|meter: &Value| !meter["heard"].is_null() && meter["rhythm"].is_null());
    assert!(
        rhythm("on_time") > 0 && rhythm("lost") > 0 && never > 0 && untold > 0,
        "{meters:?}"
    );
    for (name, wanted) in [
        ("on_time", rhythm("on_time")),
        ("late", rhythm("late")),
        ("lost", rhythm("lost")),
        ("never", never),
        ("heard", untold),
        ("gone", 1),
    ] {
        assert_eq!(only(page, name), wanted.to_string(), "{name}");
        let list = browser.get(&format!("/caretaker/meters?state={name}")).await;
        let listed = list.text().matches("<tr data-meter=").count();
        assert_eq!(
            (only(list.text(), "meters"), listed),
            (wanted.to_string(), wanted),
            "{name}"
        );
    }
    let alerts = house.json("/v1/alerts").await;
    let alerts = alerts["items"].as_array().unwrap();
    assert_eq!(alerts.len(), 3);
    assert_eq!(only(page, "alerts"), "3");
    for alert in alerts {
        let explained = alert["explanation"]["en"].as_str().unwrap();
        let explained = explained.replace('\'', "&#39;");
        let found = page.contains(&explained) || page.contains(&explained.replace("&#39;", "'"));
        assert!(found, "{explained} in {page}");
    }
    assert!(page.contains("without a key"));
    assert_eq!(only(page, "ready"), "ready");
    let all = browser.get("/caretaker/alerts").await;
    for alert in alerts {
        assert!(all.text().contains(&format!("data-alert=\"{}\"", alert["id"])));
    }
    assert_eq!(all.text().matches("data-alert=").count(), 3);
    let leaks = browser.get("/caretaker/alerts?kind=leak").await;
    assert_eq!(leaks.text().matches("data-alert=").count(), 1);
}

#[tokio::test]
async fn receivers_outages_and_strangers_are_those_of_the_radio() {
    let house = lived_in();
    let mut browser = Browser::inside(&house).await;
    let air = house.json("/v1/radio").await;
    let radios = browser.get("/caretaker/radios").await;
    let radios = radios.text();
    let receiver = &air["receivers"][0];
    assert_eq!(only(radios, "telegrams"), receiver["telegrams"].to_string());
    assert_eq!(only(radios, "losses"), receiver["losses"].to_string());
    let brought: Vec<String> = air["radios"]
        .as_array()
        .unwrap()
        .iter()
        .map(|radio| radio["telegrams"].to_string())
        .collect();
    assert_eq!(shown(radios, "brought"), brought);
    let outages = air["outages"].as_array().unwrap();
    assert!(!outages.is_empty());
    assert_eq!(only(radios, "outages"), outages.len().to_string());
    assert!(radios.contains("listening") && radios.contains("unplugged"));
    let strangers = air["unregistered"].as_array().unwrap();
    let page = browser.get("/caretaker/air").await;
    assert_eq!(only(page.text(), "unregistered"), strangers.len().to_string());
    for stranger in strangers {
        assert!(page.text().contains(stranger["id"].as_str().unwrap()));
    }
}

#[tokio::test]
async fn the_list_shows_the_latest_value_of_each_meter() {
    let house = lived_in();
    let mut browser = Browser::inside(&house).await;
    let list = browser.get("/caretaker/meters?sort=serial").await;
    let list = list.text();
    let meters = house.json("/v1/meters?limit=1000").await;
    let meters = meters["items"].as_array().unwrap();
    assert_eq!(list.matches("<tr data-meter=").count(), meters.len());
    for (id, address) in [(1, "C19UA145842"), (2, "22222222"), (4, "00123456")] {
        let details = house.json(&format!("/v1/meters/{address}")).await;
        let latest = details["latest"][0]["value"].to_string();
        let (_, row) = list.split_once(&format!("<tr data-meter=\"{id}\"")).unwrap();
        let row = row.split("</tr>").next().unwrap();
        let (_, value) = row.split_once("class=\"number\"").unwrap();
        let value = value.split('>').nth(2).unwrap().split(' ').next().unwrap();
        assert_eq!(plain(value), latest, "{row}");
        let page = browser.get(&format!("/caretaker/meters/{id}")).await;
        let first = shown(page.text(), "latest").remove(0);
        assert_eq!(plain(first.split(' ').next().unwrap()), latest);
        for outcome in details["outcomes"].as_array().unwrap() {
            let name = format!("outcome-{}", outcome["outcome"].as_str().unwrap());
            assert_eq!(only(page.text(), &name), outcome["telegrams"].to_string());
        }
    }
    // By what is printed, however it is typed, and by its last digits.
    for (typed, wanted) in [
        ("c19 ua 145842", "1"),
        ("145842", "1"),
        ("5842", "1"),
        ("44444444", "4"),
        ("KAM-1", ""),
    ] {
        let typed: String = form_urlencoded::byte_serialize(typed.as_bytes()).collect();
        let found = browser.get(&format!("/caretaker/meters?q={typed}")).await;
        let rows: Vec<&str> = found
            .text()
            .split("<tr data-meter=\"")
            .skip(1)
            .map(|row| row.split('"').next().unwrap())
            .collect();
        let wanted: Vec<&str> = Some(wanted).filter(|id| !id.is_empty()).into_iter().collect();
        assert_eq!(rows, wanted, "{typed}: {}", found.text());
    }
}

#[tokio::test]
async fn a_meters_consumption_is_that_of_its_place() {
    let house = lived_in();
    let mut browser = Browser::inside(&house).await;
    for (id, point, kind) in [(1, 1, "hot_water"), (4, 3, "heating"), (3, 2, "heating")] {
        for (span, step, from) in [("days", "day", "2026-02-14"), ("months", "month", "2025-04-01")] {
            let report = house
                .json(&format!(
                    "/v1/dwellings/1/consumption?from={from}&to=2026-03-16&step={step}"
                ))
                .await;
            let kinds = report["kinds"].as_array().unwrap();
            let points = kinds.iter().find(|entry| entry["kind"] == kind).unwrap()["points"].clone();
            let periods = points
                .as_array()
                .unwrap()
                .iter()
                .find(|entry| entry["point"]["id"] == point)
                .unwrap()["periods"]
                .clone();
            let wanted: Vec<String> = periods
                .as_array()
                .unwrap()
                .iter()
                .rev()
                .map(|period| {
                    let value = if kind == "heating" {
                        &period["rated_shown"]
                    } else {
                        &period["shown"]
                    };
                    if value.is_null() {
                        "–".to_owned()
                    } else {
                        plain(&value.to_string())
                    }
                })
                .collect();
            let page = browser.get(&format!("/caretaker/meters/{id}?span={span}")).await;
            let used: Vec<String> = shown(page.text(), "used")
                .iter()
                .map(|value| plain(value))
                .collect();
            assert_eq!(used, wanted, "meter {id}, {span}");
            let drawn = wanted.iter().any(|value| value != "–");
            assert_eq!(
                page.text().contains("id=\"used-title\""),
                drawn,
                "meter {id}, {span}"
            );
        }
    }
    let page = browser.get("/caretaker/meters/1").await;
    let readings = house
        .json("/v1/meters/C19UA145842/readings?limit=1000&from=2026-03-14T23:00:00Z")
        .await;
    let last = readings["items"].as_array().unwrap().last().unwrap()["value"].to_string();
    assert_eq!(plain(&shown(page.text(), "index")[0]), last);
    for source in ["history", "set_date"] {
        let kept = house
            .json(&format!("/v1/meters/C19UA145842/readings?source={source}"))
            .await;
        let value = plain(&kept["items"][0]["value"].to_string());
        let mut shown = shown(page.text(), "kept").into_iter();
        assert!(
            shown.any(|shown| shown.strip_suffix(" m³").map(plain).as_ref() == Some(&value)),
            "{value}"
        );
    }
    assert_eq!(shown(page.text(), "kept").len(), 2);
    // French has a comma and the same digits.
    let french = browser.get("/caretaker/meters/1?lang=fr").await;
    let english: Vec<String> = shown(page.text(), "used");
    let commas: Vec<String> = shown(french.text(), "used")
        .into_iter()
        .map(|value| value.replace(',', "."))
        .collect();
    assert_eq!(commas, english);
}

#[tokio::test]
async fn a_house_in_which_nothing_happened_yet_is_shown_too() {
    let house = House::new();
    let mut browser = Browser::inside(&house).await;
    let page = browser.get("/caretaker").await;
    assert_eq!(
        (only(page.text(), "never"), only(page.text(), "gone")),
        ("6".to_owned(), "1".to_owned())
    );
    assert!(page.text().contains("No alert is open"));
    for id in 1..=7 {
        let page = browser.get(&format!("/caretaker/meters/{id}")).await;
        assert_eq!(page.status, 200, "{}", page.text());
        assert!(page.text().contains("never heard"));
    }
}
