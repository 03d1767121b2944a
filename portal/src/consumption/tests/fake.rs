//! A service that answers from a formula, so that a test knows every figure: it keeps what it was asked.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Response};
use http_body_util::BodyExt;
use jiff::ToSpan;
use jiff::civil::{Date, Weekday, date};
use tokio::net::TcpListener;

/// The day on which all tests ask.
pub(super) const TODAY: Date = date(2026, 3, 15);

/// A day of whose hot water nobody knows.
pub(super) const SILENT: Date = date(2026, 3, 5);

/// How it answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mood {
    Well,
    Slow,
    Broken,
}

#[derive(Clone)]
pub(super) struct Fake {
    pub(super) address: String,
    pub(super) asked: Arc<Mutex<Vec<String>>>,
    mood: Arc<Mutex<Mood>>,
    hourly: Arc<Mutex<bool>>,
}

/// Occupancy, dwelling, first day, last day. The first two are one account's, the others are others'.
const OCCUPANCIES: [(i64, i64, Date, Option<Date>); 4] = [
    (11, 1, date(2024, 6, 10), None),
    (12, 2, date(2025, 1, 10), Some(date(2025, 12, 20))),
    (21, 3, date(2024, 1, 1), None),
    (22, 1, date(2020, 1, 1), Some(date(2024, 6, 9))),
];

impl Fake {
    pub(super) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let fake = Self {
            address: format!("http://{}", listener.local_addr().unwrap()),
            asked: Arc::default(),
            mood: Arc::new(Mutex::new(Mood::Well)),
            hourly: Arc::new(Mutex::new(false)),
        };
        let router = Router::new().fallback(answer).with_state(fake.clone());
        tokio::spawn(async move { super::serve(listener, router).await });
        fake
    }

    pub(super) fn become_(&self, mood: Mood) {
        *self.mood.lock().unwrap() = mood;
    }

    pub(super) fn questions(&self) -> Vec<String> {
        std::mem::take(&mut *self.asked.lock().unwrap())
    }
}

/// Litres of hot water, or thousandths of a unit of a radiator, that a dwelling used on a day; `None` when nobody knows.
pub(super) fn used(dwelling: i64, point: i64, day: Date) -> Option<i64> {
    if dwelling == 1 && point == 1 && day == SILENT {
        return None;
    }
    let spread = i64::from(day.day()) % 7;
    Some(match (dwelling, point) {
        (1, 1) => 100 + spread * 11,
        (1, 2) => 12_345 + spread * 500,
        (1, _) => 150,
        // No number of the others is like one of the first dwelling's.
        (_, 1) => 7_000_000 + spread,
        _ => 8_000_000_000 + spread,
    })
}

/// The sum of some days; `None` when one of them is not known.
pub(super) fn sum(dwelling: i64, point: i64, from: Date, to: Date) -> Option<i64> {
    days(from, to).map(|day| used(dwelling, point, day)).sum()
}

pub(super) fn days(from: Date, to: Date) -> impl Iterator<Item = Date> {
    from.series(1.day()).take_while(move |day| *day < to)
}

async fn answer(State(fake): State<Fake>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let target = parts.uri.path_and_query().unwrap().as_str().to_owned();
    fake.asked
        .lock()
        .unwrap()
        .push(format!("{} {target}", parts.method));
    let mood = *fake.mood.lock().unwrap();
    if mood == Mood::Slow {
        // Longer than any test lives.
        tokio::time::sleep(Duration::from_secs(3600)).await;
    }
    if mood == Mood::Broken {
        return problem(500, "internal");
    }
    let bearer = parts
        .headers
        .get("authorization")
        .map(|value| value.to_str().unwrap());
    if bearer != Some("Bearer releve_test") {
        return problem(401, "unauthenticated");
    }
    let segments: Vec<&str> = parts
        .uri
        .path()
        .trim_start_matches("/v1/occupancies/")
        .split('/')
        .collect();
    let found = segments[0]
        .parse()
        .ok()
        .and_then(|id: i64| OCCUPANCIES.into_iter().find(|occupancy| occupancy.0 == id));
    let Some(occupancy) = found else {
        return problem(404, "not-found");
    };
    if parts.method == Method::PATCH {
        let body = body.collect().await.unwrap().to_bytes();
        *fake.hourly.lock().unwrap() = body.as_ref() == br#"{"keeps_hourly":true}"#;
    }
    let hourly = *fake.hourly.lock().unwrap();
    let asked = |name: &str| {
        form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes())
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.into_owned())
    };
    match segments.get(1).copied() {
        None => json(&occupancy_json(occupancy, hourly)),
        Some("alerts") => json(&alerts(occupancy)),
        Some("consumption") => consumption(occupancy, &asked, hourly),
        Some("evidence") => evidence(occupancy, &asked),
        Some("evaluation") => evaluation(occupancy, &asked),
        Some("yearly-note") => note(occupancy, &asked),
        _ => problem(404, "no-such-route"),
    }
}

type Lives = (i64, i64, Date, Option<Date>);

fn window((_, _, from, until): Lives) -> (Date, Date) {
    let tomorrow = TODAY.tomorrow().unwrap();
    (from, until.map_or(tomorrow, |last| last.tomorrow().unwrap()))
}

fn occupancy_json((id, dwelling, from, until): Lives, hourly: bool) -> String {
    let until = until.map_or("null".to_owned(), |until| format!("\"{until}\""));
    format!(
        r#"{{"id":{id},"dwelling":{dwelling},"role":"tenant","from":"{from}","until":{until},"keeps_hourly":{hourly}}}"#
    )
}

fn dwelling(id: i64) -> String {
    format!(
        r#""dwelling":{{"id":{id},"site":"AB123","lot":"A-00{id}","client_ref":null,"surface_m2":54.32}}"#
    )
}

fn point(id: i64) -> String {
    let (kind, room) = match id {
        1 => ("hot_water", "Cuisine"),
        2 => ("heating", "=Salon"),
        _ => ("heating", "Chambre"),
    };
    format!(r#""point":{{"id":{id},"kind":"{kind}","room":"{room}","number":1}}"#)
}

fn alerts(occupancy: Lives) -> String {
    let (from, to) = window(occupancy);
    let items = if occupancy.0 == 11 {
        format!(
            r#"{{"kind":"leak",{},"meter":"C19UA145842","amount":{{"value":9.1,"unit":"l/h"}},"since":"2026-03-10T00:00:00+01:00",
                "explanation":{{"fr":"L'eau coule sans arrêt.","en":"Water never stops flowing."}}}}"#,
            point(1)
        )
    } else {
        String::new()
    };
    format!(
        r#"{{{},"from":"{from}","to":"{to}","items":[{items}]}}"#,
        dwelling(occupancy.1)
    )
}

/// A figure's fields: an exact number, and the same rounded half up to two decimals.
fn figure(value: Option<i64>, heating: bool, running: bool) -> String {
    let names = if heating {
        ("rated", "rated_shown")
    } else {
        ("value", "shown")
    };
    let quality = if value.is_some() { "measured" } else { "missing" };
    let (exact, shown) = value.map_or(("null".to_owned(), "null".to_owned()), |value| {
        let hundredths = (value + 5) / 10;
        (
            format!("{}.{:03}", value / 1000, value % 1000),
            format!("{}.{:02}", hundredths / 100, hundredths % 100),
        )
    });
    let flags = if running { "\"running\"" } else { "" };
    format!(
        r#""{}":{exact},"{}":{shown},"quality":"{quality}","age_seconds":null,"flags":[{flags}]"#,
        names.0, names.1
    )
}

fn total(occupancy: Lives, points: &[i64], (from, to): (Date, Date)) -> String {
    let values: Option<i64> = points
        .iter()
        .map(|point| sum(occupancy.1, *point, from, to))
        .sum();
    figure(values, points != [1], to > TODAY)
}

fn cut((from, to): (Date, Date), step: &str) -> Vec<(Date, Date)> {
    let mut cuts = Vec::new();
    let mut start = from;
    while start < to {
        let next = match step {
            "week" => start.nth_weekday(1, Weekday::Monday).unwrap(),
            "month" => start.first_of_month().checked_add(1.month()).unwrap(),
            "year" => start.first_of_year().checked_add(1.year()).unwrap(),
            _ => start.tomorrow().unwrap(),
        };
        cuts.push((start, next.min(to)));
        start = next;
    }
    cuts
}

fn periods(occupancy: Lives, points: &[i64], range: (Date, Date), step: &str) -> String {
    let instant = |day: Date| {
        let zoned = day.in_tz("Europe/Paris").unwrap();
        zoned.timestamp().display_with_offset(zoned.offset()).to_string()
    };
    if step == "hour" {
        let (from, to) = range;
        let start = from.in_tz("Europe/Paris").unwrap().timestamp();
        let end = to.in_tz("Europe/Paris").unwrap().timestamp();
        let hours = (end.as_second() - start.as_second()) / 3600;
        let one = |hour: i64| {
            let (start, end) = (start + hour.hours(), start + (hour + 1).hours());
            format!(
                r#"{{"from":"{from}","to":"{from}","start":"{start}","end":"{end}",{}}}"#,
                figure(Some(hour), points != [1], false)
            )
        };
        return (0..hours).map(one).collect::<Vec<_>>().join(",");
    }
    let one = |(from, to): (Date, Date)| {
        let (start, end) = (instant(from), instant(to));
        format!(
            r#"{{"from":"{from}","to":"{to}","start":"{start}","end":"{end}",{}}}"#,
            total(occupancy, points, (from, to))
        )
    };
    cut(range, step)
        .into_iter()
        .map(one)
        .collect::<Vec<_>>()
        .join(",")
}

fn consumption(occupancy: Lives, asked: &dyn Fn(&str) -> Option<String>, hourly: bool) -> Response {
    let (first, end) = window(occupancy);
    let from: Date = asked("from").unwrap().parse().unwrap();
    let to: Date = asked("to").unwrap().parse().unwrap();
    let step = asked("step").unwrap();
    let range = (from.max(first), to.min(end));
    if range.0 >= range.1 {
        return problem(422, "outside-occupancy");
    }
    if step == "hour" && !hourly {
        return problem(403, "no-consent");
    }
    let kind = |name: &str, unit: &str, points: &[i64]| {
        let each: Vec<String> = points
            .iter()
            .map(|id| {
                format!(
                    r#"{{{},"meters":["M{id}-D{}"],"total":{{{}}},"periods":[{}]}}"#,
                    point(*id),
                    occupancy.1,
                    total(occupancy, &[*id], range),
                    periods(occupancy, &[*id], range, &step)
                )
            })
            .collect();
        format!(
            r#"{{"kind":"{name}","unit":"{unit}","total":{{{}}},"periods":[{}],"points":[{}]}}"#,
            total(occupancy, points, range),
            periods(occupancy, points, range, &step),
            each.join(",")
        )
    };
    let average = if asked("compare").as_deref() == Some("site") {
        r#","site_average":[{"kind":"hot_water","unit":"m3","dwellings":6,"per_m2":0.0555,"for_this_surface":3.01,"quality":"measured"}]"#
    } else {
        ""
    };
    json(&format!(
        r#"{{{},"from":"{}","to":"{}","step":"{step}","time_zone":"Europe/Paris","kinds":[{},{}]{average}}}"#,
        dwelling(occupancy.1),
        range.0,
        range.1,
        kind("heating", "U", &[2, 3]),
        kind("hot_water", "m3", &[1]),
    ))
}

/// What the meter of a point showed at the beginning of a day, in thousandths of its own unit, which for radiators is half a unit.
pub(super) fn index(dwelling: i64, point: i64, day: Date) -> i64 {
    let begun = if point == 3 && day > RESTART {
        RESTART
    } else {
        date(2024, 1, 1)
    };
    let counted: i64 = days(begun, day)
        .filter_map(|day| used(dwelling, point, day))
        .sum();
    if point == 1 { counted } else { counted * 2 }
}

/// The set date of the third point's allocator.
pub(super) const RESTART: Date = date(2026, 1, 1);

fn thousandths(value: i64) -> String {
    format!("{}.{:03}", value / 1000, value % 1000)
}

/// An end of a part: read on the midnight, or, of the second point, between two readings of which those from outside are left out.
fn end(occupancy: Lives, point: i64, day: Date, anew: bool) -> String {
    let (first, last) = window(occupancy);
    let shows = if anew { 0 } else { index(occupancy.1, point, day) };
    let behind = |day: Date, hour: i8, shows: i64| {
        let at = day.at(hour, 0, 0, 0).in_tz("Europe/Paris").unwrap();
        let own = day >= first && (day < last || day == last && hour == 0);
        own.then(|| {
            format!(
                r#"{{"at":"{}","source":"live","value":{}}}"#,
                at.timestamp(),
                thousandths(shows)
            )
        })
    };
    let (quality, readings) = match point {
        2 => (
            "interpolated",
            vec![
                behind(day.yesterday().unwrap(), 18, shows - 1),
                behind(day, 6, shows + 1),
            ],
        ),
        _ => ("measured", vec![behind(day, 0, shows)]),
    };
    let readings: Vec<String> = readings.into_iter().flatten().collect();
    format!(
        r#"{{"index":{},"quality":"{quality}","age_seconds":0,"readings":[{}]}}"#,
        thousandths(shows),
        readings.join(",")
    )
}

fn evidence(occupancy: Lives, asked: &dyn Fn(&str) -> Option<String>) -> Response {
    let (first, behind) = window(occupancy);
    let from: Date = asked("from").unwrap().parse().unwrap();
    let to: Date = asked("to").unwrap().parse().unwrap();
    let (from, to) = (from.max(first), to.min(behind));
    if from >= to {
        return problem(422, "outside-occupancy");
    }
    let instant = |day: Date| day.in_tz("Europe/Paris").unwrap().timestamp();
    let part = |id: i64, from: Date, to: Date| {
        let counted = sum(occupancy.1, id, from, to).map(|sum| if id == 1 { sum } else { sum * 2 });
        let anew = id == 3 && from == RESTART;
        format!(
            r#"{{"meter":{{"manufacturer":"KAM","id":"1","serial":"M{id}-D{}"}},"start":"{}","end":"{}","restarted":{anew},
                "factor":{},"counted":{},"first":{},"last":{}}}"#,
            occupancy.1,
            instant(from),
            instant(to),
            if id == 1 { "1" } else { "0.5" },
            counted.map_or("null".to_owned(), thousandths),
            end(occupancy, id, from, anew),
            end(occupancy, id, to, false),
        )
    };
    let points: Vec<String> = [(1, "m3"), (2, "U"), (3, "U")]
        .iter()
        .map(|(id, unit)| {
            let parts = if *id == 3 && from < RESTART && RESTART < to {
                [part(*id, from, RESTART), part(*id, RESTART, to)].join(",")
            } else {
                part(*id, from, to)
            };
            format!(r#"{{{},"unit":"{unit}","parts":[{parts}]}}"#, point(*id))
        })
        .collect();
    json(&format!(
        r#"{{{},"from":"{from}","to":"{to}","points":[{}]}}"#,
        dwelling(occupancy.1),
        points.join(",")
    ))
}

fn evaluation(occupancy: Lives, asked: &dyn Fn(&str) -> Option<String>) -> Response {
    let (first, end) = window(occupancy);
    let month: Date = match asked("month") {
        Some(month) => format!("{month}-01").parse().unwrap(),
        None => end
            .yesterday()
            .unwrap()
            .first_of_month()
            .yesterday()
            .unwrap()
            .first_of_month(),
    };
    let next = month.checked_add(1.month()).unwrap().min(end);
    let (from, january) = (month.max(first), month.first_of_year().max(first));
    if from >= next {
        return problem(422, "outside-occupancy");
    }
    let kind = |name: &str, unit: &str, points: &[i64]| {
        let each: Vec<String> = points
            .iter()
            .map(|id| {
                format!(
                    r#"{{{},"meters":["M{id}-D{}"],"since_last":{{{}}},"since_january":{{{}}}}}"#,
                    point(*id),
                    occupancy.1,
                    total(occupancy, &[*id], (from, next)),
                    total(occupancy, &[*id], (january, next))
                )
            })
            .collect();
        format!(
            r#"{{"kind":"{name}","unit":"{unit}","since_last":{{{}}},"since_january":{{{}}},"month_before":null,"points":[{}]}}"#,
            total(occupancy, points, (from, next)),
            total(occupancy, points, (january, next)),
            each.join(",")
        )
    };
    json(&format!(
        r#"{{{},"month":"{:04}-{:02}","since_last":{{"from":"{from}","to":"{next}"}},"since_january":{{"from":"{january}","to":"{next}"}},
            "kinds":[{},{}]}}"#,
        dwelling(occupancy.1),
        month.year(),
        month.month(),
        kind("hot_water", "m3", &[1]),
        kind("heating", "U", &[2, 3]),
    ))
}

fn note(occupancy: Lives, asked: &dyn Fn(&str) -> Option<String>) -> Response {
    let (first, end) = window(occupancy);
    let year: i16 = asked("year").map_or(TODAY.year() - 1, |year| year.parse().unwrap());
    let range = (date(year, 1, 1).max(first), date(year + 1, 1, 1).min(end));
    if range.0 >= range.1 {
        return problem(422, "outside-occupancy");
    }
    json(&format!(
        r#"{{{},"year":{year},"from":"{}","to":"{}","kinds":[{{"kind":"hot_water","unit":"m3","total":{{{}}},"year_before":null,
            "average":{{"kind":"hot_water","unit":"m3","dwellings":6,"per_m2":0.5,"for_this_surface":40.25,"quality":"measured"}},
            "months":[{}]}}]}}"#,
        dwelling(occupancy.1),
        range.0,
        range.1,
        total(occupancy, &[1], range),
        periods(occupancy, &[1], range, "month"),
    ))
}

fn json(text: &str) -> Response {
    Body::from(text.to_owned()).into_response()
}

fn problem(status: u16, name: &str) -> Response {
    let body =
        format!(r#"{{"type":"urn:releve:problem:{name}","title":"x","status":{status},"detail":"x"}}"#);
    (StatusCode::from_u16(status).unwrap(), body).into_response()
}
