//! Figures on the pages equal the simulator's truth, rounded to two decimals, half up.

use std::collections::HashMap;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use releve::simulate::{Building, Events, Plan, Point};

use crate::harness::{Daemon, Folder, import, json, simulate};
use crate::resident::{Resident, hundredths, rows};
use crate::sums::{Sum, sums};

fn plan() -> Plan {
    Plan {
        seed: 3,
        from: "2025-10-01".parse().unwrap(),
        days: 400,
        dwellings: 5,
        every_minutes: 720,
        lost_per_mille: 20,
        time_zone: "Europe/Paris".to_owned(),
        events: Events::Calm,
    }
}

/// In hundredths, rounded half up, of a count between two displays: what a page shows of it.
fn shown(point: &Point, heating: bool, (from, to): (Timestamp, Timestamp)) -> i64 {
    let index = |at| i128::from(point.index(at));
    let counted = index(to) - index(from);
    // Millilitres to hundredths of a cubic metre; thousandths of a unit times thousandths to hundredths of a unit.
    let (count, step) = if heating {
        (counted * i128::from(point.factor_at(from)), 10_000)
    } else {
        (counted, 10_000)
    };
    i64::try_from((count + step / 2).div_euclid(step)).unwrap()
}

fn midnight(day: Date) -> Timestamp {
    day.to_zoned_datetime(TimeZone::get("Europe/Paris").unwrap())
        .unwrap()
        .timestamp()
}

/// How often what was seen.
#[derive(Debug, Default)]
struct Seen {
    exact: u32,
    figures: u32,
    missing: u32,
    /// Sums that make the figure beside them.
    traced: u32,
    /// Times in which an allocator began anew, told in two parts.
    restarts: u32,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn statements_say_what_the_meters_counted() {
    let folder = Folder::new();
    let [capture, registry, _] = simulate(
        &folder,
        &[
            "--seed",
            "3",
            "--days",
            "400",
            "--dwellings",
            "5",
            "--every-minutes",
            "720",
        ],
    );
    let db = import(&folder, &registry);
    let text = db.to_str().unwrap();
    json(&["replay", "--json", "--db", text, capture.to_str().unwrap()]);
    let token = json(&[
        "token", "add", "portal", "--scope", "portal", "--db", text, "--json",
    ]);
    let building = Building::new(&plan()).unwrap();
    let devices: HashMap<&str, &Point> = building
        .points()
        .map(|point| (point.printed_serial.as_str(), point))
        .collect();
    let daemon = Daemon::start(&folder, &db, "");
    let mut homes = Vec::new();
    for dwelling in 1..=5 {
        let household = serde_json::json!({
            "dwelling": dwelling, "role": "tenant", "lives_there": true, "move_in": "2025-10-01", "certified": true,
        });
        let (status, made) = daemon.post("/v1/occupancies", &household);
        assert_eq!(status, 201, "{made}");
        homes.push((made["id"].as_i64().unwrap(), dwelling));
    }
    let resident = Resident::new(
        &folder.path(""),
        &daemon.address(""),
        token["token"].as_str().unwrap(),
        &homes,
    )
    .await;

    let mut seen = Seen::default();
    for (home, dwelling) in &homes {
        for month in ["2025-11", "2026-01", "2026-02", "2026-03", "2026-07", "2026-10"] {
            let first: Date = format!("{month}-01").parse().unwrap();
            let next = first.checked_add(1.month()).unwrap();
            let statement = resident
                .page(&format!("/consumption/statement?home={home}&month={month}"))
                .await;
            let history = resident
                .page(&format!(
                    "/consumption/history?home={home}&view=month&day={first}&compare=none"
                ))
                .await;
            let readings = resident
                .page(&format!(
                    "/consumption/readings?home={home}&first={first}&last={}",
                    next.yesterday().unwrap()
                ))
                .await;
            // The same figure stands on both pages: by meter in one table, by room in the other.
            let by_room: Vec<Vec<String>> = rows(&history).into_iter().filter(|row| row.len() == 4).collect();
            for row in rows(&statement).iter().filter(|row| row.len() == 5) {
                let Some(device) = devices.get(row[1].as_str()) else {
                    continue;
                };
                let heating = row[0].contains("adiateur");
                let other = by_room.iter().find(|other| other[3] == row[1]).unwrap();
                assert_eq!(
                    (&other[1], &other[2]),
                    (&row[2], &row[4]),
                    "{month} of dwelling {dwelling}"
                );
                judge(device, heating, (first, next), row, &mut seen);
                trace(device, heating, (first, next), (row, &sums(&readings)), &mut seen);
            }
        }
    }
    assert!(
        seen.figures > 150 && seen.exact * 4 >= seen.figures * 3,
        "{seen:?}"
    );
    // Over the set date of the radiators, the end of the year.
    for (home, _) in &homes {
        let page = resident
            .page(&format!(
                "/consumption/readings?home={home}&first=2025-12-15&last=2026-01-15"
            ))
            .await;
        over_a_restart(&devices, &sums(&page), &mut seen);
    }
    assert!(seen.traced == seen.figures && seen.restarts > 3, "{seen:?}");

    // Nobody else's: an occupancy of the same service that is not the account's.
    let (status, made) = daemon.post(
        "/v1/occupancies",
        &serde_json::json!({
            "dwelling": 5, "role": "owner", "lives_there": true, "move_in": "2026-11-02", "certified": true,
        }),
    );
    assert_eq!(status, 201, "{made}");
    for page in ["", "/history", "/file", "/statement", "/year-note", "/hours"] {
        let (status, _) = resident
            .look(&format!("/consumption{page}?home={}", made["id"]), "fr")
            .await;
        assert_eq!(status, 404, "{page}");
    }
    // The household before it in that dwelling has left: its days end, and the page says so.
    let left = resident.page(&format!("/consumption?home={}", homes[4].0)).await;
    assert!(
        left.contains("Vous avez quitté ce logement") && left.contains("1er novembre 2026"),
        "{left}"
    );
    let (status, english) = resident
        .look(
            &format!("/consumption/year-note?home={}&year=2025", homes[0].0),
            "en",
        )
        .await;
    assert_eq!(status, 200, "{english}");
    assert!(english.contains("1 October – 31 December 2025"), "{english}");
    daemon.stop();
}

/// Holds a figure against what the meter counted in that month.
fn judge(device: &Point, heating: bool, (first, next): (Date, Date), row: &[String], seen: &mut Seen) {
    let (start, end) = (midnight(first), midnight(next));
    let Some(figure) = hundredths(&row[2]) else {
        assert_eq!((row[2].as_str(), row[4].as_str()), ("–", "manquant"));
        seen.missing += 1;
        return;
    };
    seen.figures += 1;
    // A measured end lies within a quarter of an hour, one between two readings within two days.
    let slack = match row[4].as_str() {
        "mesuré" => 15.minutes(),
        "interpolé" => (2 * 24 * 60).minutes(),
        _ => (8 * 24 * 60).minutes(),
    };
    let least = shown(device, heating, (start + slack, end - slack));
    let most = shown(device, heating, (start - slack, end + slack));
    assert!(
        (least..=most).contains(&figure),
        "{first}: {row:?} is not within {least}..={most}"
    );
    seen.exact += u32::from(figure == shown(device, heating, (start, end)));
}

/// Holds the sums that a page shows against the figure that they make, and against what the meter showed.
fn trace(
    device: &Point,
    heating: bool,
    (first, next): (Date, Date),
    (row, sums): (&[String], &[Sum]),
    seen: &mut Seen,
) {
    let of: Vec<&Sum> = sums.iter().filter(|sum| sum.serial == row[1]).collect();
    assert!(!of.is_empty(), "{first}: {row:?}");
    let Some(figure) = hundredths(&row[2]) else {
        assert!(
            of.iter().any(|sum| sum.amount.is_none()),
            "{first}: {row:?} {of:?}"
        );
        return;
    };
    let mut amount = 0;
    for sum in &of {
        let (first, last) = (sum.first.unwrap(), sum.last.unwrap());
        assert_eq!(last - first, sum.counted.unwrap(), "{sum:?}");
        amount += sum.amount.unwrap();
    }
    // Millionths of a unit, rounded half up to hundredths.
    assert_eq!(
        (amount + 5_000).div_euclid(10_000),
        figure,
        "{first}: {row:?} {of:?}"
    );
    seen.traced += 1;
    if row[4] == "mesuré" {
        let (start, end) = (midnight(first), midnight(next));
        // A unit of the store is a millionth of a cubic metre, and a thousandth of a unit.
        let step = if heating { 1000 } else { 1 };
        let index = |at: Timestamp| i64::try_from(device.index(at)).unwrap() * step;
        let counted: i64 = of.iter().filter_map(|sum| sum.counted).sum();
        let slack = 15.minutes();
        let (least, most) = (
            index(end - slack) - index(start + slack),
            index(end + slack) - index(start - slack),
        );
        assert!((least..=most).contains(&counted), "{first}: {row:?} {of:?}");
        if !heating {
            // Such a register never begins anew: what stands on the page stood on the dial.
            let dial = index(end - slack)..=index(end + slack);
            assert!(dial.contains(&of[of.len() - 1].last.unwrap()), "{first}: {of:?}");
        }
    }
}

/// Holds what was counted in two parts, up to a restart and from 0 on, against the index that never restarts.
fn over_a_restart(devices: &HashMap<&str, &Point>, sums: &[Sum], seen: &mut Seen) {
    for (serial, device) in devices {
        let of: Vec<&Sum> = sums.iter().filter(|sum| sum.serial == *serial).collect();
        if of.len() < 2 || of.iter().any(|sum| sum.counted.is_none()) {
            continue;
        }
        seen.restarts += 1;
        assert_eq!(of[1].first, Some(0), "{of:?}");
        let counted: i64 = of.iter().filter_map(|sum| sum.counted).sum();
        let [start, end] = ["2025-12-15", "2026-01-16"].map(|day| midnight(day.parse().unwrap()));
        let index = |at: Timestamp| i64::try_from(device.index(at)).unwrap() * 1000;
        let slack = (8 * 24).hours();
        let (least, most) = (
            index(end - slack) - index(start + slack),
            index(end + slack) - index(start - slack),
        );
        assert!((least..=most).contains(&counted), "{serial}: {of:?}");
    }
}
