//! A releve that is played: a small registry, and a record of everything that it was asked.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use hyper::server::conn::http1::Builder;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use jiff::civil::Date;
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// The service, and what it was asked.
#[derive(Clone)]
pub(crate) struct Fake {
    pub(crate) address: SocketAddr,
    world: Arc<Mutex<World>>,
}

/// One question.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) method: String,
    /// Path and query.
    pub(crate) target: String,
    pub(crate) client: Option<String>,
    pub(crate) body: Value,
}

#[derive(Default)]
struct World {
    asked: Vec<Asked>,
    mood: Mood,
    /// By id: dwelling, first day, last day, hourly.
    occupancies: HashMap<i64, (i64, String, Option<String>, bool)>,
}

/// How the service is today.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Mood {
    /// Answers.
    #[default]
    Well,
    /// Says that it is busy.
    Busy,
    /// Takes longer than anybody waits.
    Slow,
    /// Fails.
    Broken,
}

/// The token of the portal.
pub(crate) const TOKEN: &str = "releve_0123456789abcdef";

/// When the household that lives in dwelling 7 moved in.
pub(crate) const LAST_MOVE_IN: &str = "2026-02-01";

impl Fake {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let fake = Self {
            address: listener.local_addr().unwrap(),
            world: Arc::default(),
        };
        let router = Router::new().fallback(answer).with_state(fake.clone());
        tokio::spawn(async move {
            loop {
                let Ok((stream, _)) = listener.accept().await else {
                    return;
                };
                let service = TowerToHyperService::new(router.clone());
                tokio::spawn(async move {
                    let _ = Builder::new()
                        .serve_connection(TokioIo::new(stream), service)
                        .await;
                });
            }
        });
        fake
    }

    pub(crate) fn set_mood(&self, mood: Mood) {
        self.world.lock().unwrap().mood = mood;
    }

    /// All questions so far.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.world.lock().unwrap().asked.clone()
    }

    /// The bodies of the questions that change something.
    pub(crate) fn changes(&self) -> Vec<(String, Value)> {
        self.asked()
            .into_iter()
            .filter(|asked| asked.method != "GET")
            .map(|asked| (format!("{} {}", asked.method, asked.target), asked.body))
            .collect()
    }

    /// A household that the service knows already.
    pub(crate) fn move_in(&self, id: i64, dwelling: i64, from: &str) {
        let household = (dwelling, from.to_owned(), None, false);
        self.world.lock().unwrap().occupancies.insert(id, household);
    }
}

impl Fake {
    /// Begins afresh, as a new store does: its numbers begin anew.
    pub(crate) fn forget(&self) {
        self.world.lock().unwrap().occupancies.clear();
    }
}

async fn answer(State(fake): State<Fake>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let octets = to_bytes(body, 100_000).await.unwrap();
    let header = |name: &str| {
        parts
            .headers
            .get(name)
            .map(|value| value.to_str().unwrap().to_owned())
    };
    let asked = Asked {
        method: parts.method.to_string(),
        target: parts.uri.path_and_query().unwrap().to_string(),
        client: header("releve-client"),
        body: serde_json::from_slice(&octets).unwrap_or_default(),
    };
    let mood = {
        let mut world = fake.world.lock().unwrap();
        world.asked.push(asked.clone());
        world.mood
    };
    match mood {
        Mood::Well => {}
        Mood::Busy => return problem(503, "busy"),
        Mood::Broken => return problem(500, "internal"),
        Mood::Slow => {
            tokio::time::sleep(Duration::from_secs(3600)).await;
        }
    }
    if header("authorization").as_deref() != Some(&format!("Bearer {TOKEN}")) {
        return problem(401, "unauthenticated");
    }
    let query: HashMap<String, String> =
        form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes())
            .into_owned()
            .collect();
    let path = parts.uri.path().trim_start_matches("/v1/").to_owned();
    let path: Vec<&str> = path.split('/').collect();
    let mut world = fake.world.lock().unwrap();
    match (parts.method.as_str(), path.as_slice()) {
        ("GET", ["sites"]) => sites(&query),
        ("GET", ["sites", "AB123", "dwellings"]) => dwellings(&query),
        ("POST", ["occupancies"]) => register(&mut world, &asked.body),
        ("GET", ["occupancies", id]) => match known(&world, id) {
            Some(id) => show(&world, id),
            None => problem(404, "not-found"),
        },
        ("PATCH", ["occupancies", id]) => match known(&world, id) {
            Some(id) => change(&mut world, id, &asked.body),
            None => problem(404, "not-found"),
        },
        ("GET", ["occupancies", id, "consumption"]) => match known(&world, id) {
            Some(id) => consumption(&world, id, &query),
            None => problem(404, "not-found"),
        },
        _ => problem(404, "no-such-route"),
    }
}

fn sites(query: &HashMap<String, String>) -> Response {
    let lilas = json!({
        "code": "AB123", "name": "Les Lilas", "address": "12 rue des Lilas, 69003 Lyon", "time_zone": "Europe/Paris",
    });
    let matches = match (query.get("code"), query.get("address")) {
        (Some(code), None) => code == "AB123",
        (None, Some(words)) => words.to_lowercase().contains("lilas"),
        _ => return problem(400, "invalid-parameter"),
    };
    let items = if matches { vec![lilas] } else { Vec::new() };
    answer_json(200, &json!({"items": items}))
}

fn dwellings(query: &HashMap<String, String>) -> Response {
    let one = |id: i64, lot: &str| json!({"id": id, "site": "AB123", "lot": lot, "client_ref": null, "surface_m2": 61.5});
    let digits = |text: &str| {
        text.chars()
            .filter(char::is_ascii_alphanumeric)
            .collect::<String>()
    };
    let items = match (query.get("serial"), query.get("lot"), query.get("client_ref")) {
        (Some(serial), None, None) => match digits(serial).as_str() {
            "31415926" => vec![one(7, "12")],
            "27182818" => vec![one(8, "13")],
            "1415926" => return problem(409, "ambiguous-serial"),
            _ => Vec::new(),
        },
        (None, Some(lot), None) if lot == "12" => vec![one(7, "12")],
        (None, None, Some(client)) if client == "C-0012" => vec![one(7, "12")],
        _ => Vec::new(),
    };
    answer_json(200, &json!({"items": items}))
}

fn register(world: &mut World, body: &Value) -> Response {
    let Some(dwelling) = body["dwelling"].as_i64().filter(|id| [7, 8].contains(id)) else {
        return problem(404, "not-found");
    };
    assert_eq!(body["certified"], true);
    assert_eq!(body["lives_there"], true);
    let from = body["move_in"].as_str().unwrap().to_owned();
    if dwelling == 7 && from.as_str() < LAST_MOVE_IN {
        return problem(422, "move-in-outside");
    }
    if body["dry_run"] == true {
        return StatusCode::NO_CONTENT.into_response();
    }
    let id = 100 + i64::try_from(world.occupancies.len()).unwrap();
    let hourly = body["keeps_hourly"] == true;
    world.occupancies.insert(id, (dwelling, from, None, hourly));
    let mut response = show(world, id);
    *response.status_mut() = StatusCode::CREATED;
    response
}

fn change(world: &mut World, id: i64, body: &Value) -> Response {
    let household = world.occupancies.get_mut(&id).unwrap();
    if let Some(until) = body["until"].as_str() {
        if household.2.as_deref().is_some_and(|last| last < until) {
            return problem(422, "invalid-body");
        }
        household.2 = Some(until.to_owned());
    }
    if let Some(hourly) = body["keeps_hourly"].as_bool() {
        household.3 = hourly;
    }
    show(world, id)
}

fn show(world: &World, id: i64) -> Response {
    let (dwelling, from, until, hourly) = &world.occupancies[&id];
    answer_json(
        200,
        &json!({
            "id": id, "dwelling": dwelling, "role": "tenant", "from": from, "until": until, "keeps_hourly": hourly,
        }),
    )
}

/// One point of hot water that counts a litre each day of the first three asked for.
fn consumption(world: &World, id: i64, query: &HashMap<String, String>) -> Response {
    let (dwelling, ..) = &world.occupancies[&id];
    let from: Date = query["from"].parse().unwrap();
    let to: Date = query["to"].parse().unwrap();
    let figure = |value: &str| {
        format!(r#""value":{value},"shown":0.00,"quality":"measured","age_seconds":1,"flags":[]"#)
    };
    let mut day = from;
    let mut periods = Vec::new();
    while day < to && periods.len() < 3 {
        let next = day.tomorrow().unwrap();
        periods.push(format!(
            r#"{{"from":"{day}","to":"{next}","start":"{day}T00:00:00+01:00","end":"{next}T00:00:00+01:00",{}}}"#,
            figure("0.001")
        ));
        day = next;
    }
    let periods = periods.join(",");
    let text = format!(
        r#"{{"dwelling":{{"id":{dwelling},"site":"AB123","lot":"12"}},"from":"{from}","to":"{to}","time_zone":"Europe/Paris",
            "kinds":[{{"kind":"hot_water","unit":"m3","total":{{{total}}},"periods":[{periods}],
              "points":[{{"point":{{"id":1,"kind":"hot_water","room":"cuisine","number":1}},"meters":["31415926"],
                "total":{{{total}}},"periods":[{periods}]}}]}}]}}"#,
        total = figure("0.003"),
    );
    ([("content-type", "application/json")], text).into_response()
}

fn known(world: &World, id: &str) -> Option<i64> {
    let id = id.parse().ok()?;
    world.occupancies.contains_key(&id).then_some(id)
}

fn problem(status: u16, name: &str) -> Response {
    answer_json(
        status,
        &json!({"type": format!("urn:releve:problem:{name}"), "title": name, "status": status, "detail": "played"}),
    )
}

fn answer_json(status: u16, body: &Value) -> Response {
    (
        StatusCode::from_u16(status).unwrap(),
        [("content-type", "application/json")],
        Body::from(body.to_string()),
    )
        .into_response()
}
