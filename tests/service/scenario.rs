//! What the service exists for, in one go: a household finds its residence and its dwelling, moves in, and looks at what it
//! used, by meter and by radiator, week against week, room against room, year against year.

use serde_json::{Value, json as object};

use crate::harness::{Daemon, Folder, import, json, simulate};

/// A number as a resident is shown it, in hundredths.
fn hundredths(figure: &Value) -> i64 {
    let number = figure.get("shown").or_else(|| figure.get("rated_shown")).unwrap();
    let text = number.to_string();
    let (whole, places) = text.split_once('.').unwrap_or((&text, ""));
    assert!(places.len() <= 2, "{figure}");
    format!("{whole}{places:0<2}").parse().unwrap()
}

fn kind<'a>(report: &'a Value, name: &str) -> &'a Value {
    let kinds = report["kinds"].as_array().unwrap();
    kinds.iter().find(|kind| kind["kind"] == name).unwrap()
}

#[test]
fn a_household_finds_its_dwelling_and_sees_what_it_used() {
    let folder = Folder::new();
    let building = ["--days", "500", "--dwellings", "4", "--seed", "12"];
    let arguments = [&building[..], &["--every-minutes", "720"]].concat();
    let [capture, registry, _] = simulate(&folder, &arguments);
    let db = import(&folder, &registry);
    json(&[
        "replay",
        "--json",
        "--db",
        db.to_str().unwrap(),
        capture.to_str().unwrap(),
    ]);
    let daemon = Daemon::start(&folder, &db, "");

    // The residence, by its code and by its address, however it is typed.
    let by_code = daemon.good("/v1/sites?code=RL001");
    let by_address = daemon.good("/v1/sites?address=TILLEULS%20montreuil");
    assert_eq!(by_code["items"][0]["code"], "RL001");
    assert_eq!(by_code["items"][0], by_address["items"][0]);

    // The dwelling, by a number on any of its meters.
    let everything = daemon.good("/v1/sites/RL001/dwellings?lot=101");
    let dwelling = everything["items"][0]["id"].as_i64().unwrap();
    let details = daemon.good(&format!("/v1/dwellings/{dwelling}"));
    let mut numbers = 0;
    for point in details["points"].as_array().unwrap() {
        let serial = point["meters"][0]["meter"]["serial"].as_str().unwrap();
        let spaced = format!("{}%20{}-{}", &serial[..2], &serial[2..5], &serial[5..]);
        for typed in [serial.to_owned(), spaced, format!("00{serial}")] {
            let found = daemon.good(&format!("/v1/sites/RL001/dwellings?serial={typed}"));
            assert_eq!(found["items"].as_array().unwrap().len(), 1, "{typed}: {found}");
            assert_eq!(found["items"][0]["id"], dwelling, "{typed}");
            numbers += 1;
        }
    }
    assert!(numbers >= 9);

    // They move in; whoever comes with a day before that is refused.
    let move_in = |day: &str| object!({ "dwelling": dwelling, "role": "tenant", "lives_there": true, "move_in": day, "certified": true });
    let (status, occupancy) = daemon.post("/v1/occupancies", &move_in("2025-10-15"));
    assert_eq!(status, 201, "{occupancy}");
    let id = occupancy["id"].as_i64().unwrap();
    let (status, refused) = daemon.post("/v1/occupancies", &move_in("2025-10-01"));
    assert_eq!(
        (status, &refused["type"]),
        (422, &"urn:releve:problem:move-in-outside".into())
    );

    let ask = |query: &str| daemon.good(&format!("/v1/occupancies/{id}/consumption?{query}"));
    // This week against last.
    let week = ask("from=2026-01-12&to=2026-01-19&step=day&compare=previous");
    let water = kind(&week, "hot_water");
    assert_eq!(water["unit"], "m3");
    assert!(hundredths(&water["total"]) > 0);
    assert_eq!(water["periods"].as_array().unwrap().len(), 7);
    let heating = kind(&week, "heating");
    assert_eq!(heating["unit"], "U");
    // Raw and rated, both and labelled.
    assert!(heating["total"]["raw"].is_number() && heating["total"]["rated"].is_number());
    let before = kind(&week["compared"], "heating");
    assert!(hundredths(&before["total"]) > 0);

    // Room against room: each radiator for itself, and together they are the dwelling.
    let winter = ask("from=2025-12-01&to=2026-03-01&step=month");
    let rooms = kind(&winter, "heating")["points"].as_array().unwrap();
    assert!(rooms.len() >= 2);
    let sum: i64 = rooms.iter().map(|room| hundredths(&room["total"])).sum();
    let whole = hundredths(&kind(&winter, "heating")["total"]);
    assert!(
        (sum - whole).abs() <= i64::try_from(rooms.len()).unwrap(),
        "{sum} of rooms, {whole} of the dwelling"
    );

    // Year against year: those that the household was there for; the days before it moved in stay unseen.
    let year = ask("from=2026-11-01&to=2026-12-01&step=month&compare=year_ago");
    assert!(
        year["compared"]["from"] == "2025-11-01"
            && hundredths(&kind(&year["compared"], "hot_water")["total"]) > 0
    );
    let early = ask("from=2025-10-01&to=2025-11-01&step=month&compare=year_ago");
    assert!(
        early["from"] == "2025-10-15" && early["compared"].is_null(),
        "{early}"
    );

    // A closed radiator counts nothing all winter, and that is known: a zero, not a gap.
    let mut closed = 0;
    for dwelling in daemon.all("/v1/sites/RL001/dwellings") {
        let path = format!(
            "/v1/dwellings/{}/consumption?from=2026-01-01&to=2026-02-01",
            dwelling["id"]
        );
        for radiator in kind(&daemon.good(&path), "heating")["points"].as_array().unwrap() {
            assert_ne!(radiator["total"]["quality"], "missing", "{radiator}");
            if hundredths(&radiator["total"]) == 0 {
                assert_eq!(radiator["total"]["raw"], 0, "{radiator}");
                closed += 1;
            }
        }
    }
    assert!(closed > 0);
    daemon.stop();
}
