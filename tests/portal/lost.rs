//! An answer of the service that is lost on the way: the household is registered once all the same.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, header};
use http_body_util::BodyExt;
use releve_portal::App;
use releve_portal::config::{Limits, Mail, Operator, Settings, Way};
use releve_portal::query;
use tower::ServiceExt;

use crate::harness::{Daemon, Folder, import, json, simulate};
use crate::resident::cookie;

/// Stands between the portal and the service. Once `cut` is set, the next answer to a household that moves in is read, and lost
/// with its connection.
fn between(service: String, cut: Arc<AtomicBool>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for client in listener.incoming() {
            let (mut client, mut server) = (client.unwrap(), TcpStream::connect(&service).unwrap());
            let (mut back, mut there) = (client.try_clone().unwrap(), server.try_clone().unwrap());
            let asked = Arc::new(AtomicBool::new(false));
            let (asks, cut) = (Arc::clone(&asked), Arc::clone(&cut));
            std::thread::spawn(move || {
                pass(&mut client, &mut there, |part| {
                    if part.starts_with(b"POST /v1/occupancies ") {
                        asks.store(true, Ordering::SeqCst);
                    }
                    true
                });
            });
            std::thread::spawn(move || {
                pass(&mut server, &mut back, |_| {
                    !(asked.load(Ordering::SeqCst) && cut.swap(false, Ordering::SeqCst))
                });
            });
        }
    });
    format!("http://{address}")
}

/// Passes on what comes, as long as it may.
fn pass(from: &mut TcpStream, to: &mut TcpStream, mut may: impl FnMut(&[u8]) -> bool) {
    let mut buffer = [0; 65_536];
    while let Ok(length) = from.read(&mut buffer) {
        let part = &buffer[..length];
        if part.is_empty() || !may(part) || to.write_all(part).is_err() {
            break;
        }
    }
    let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
}

/// Somebody with a browser.
struct Visitor {
    router: Router,
    cookie: Option<String>,
}

impl Visitor {
    async fn send(&mut self, request: axum::http::request::Builder, body: String) -> (u16, String, String) {
        let request = request
            .header(header::ORIGIN, "http://portal.example.org")
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header(header::COOKIE, self.cookie.clone().unwrap_or_default())
            .body(Body::from(body))
            .unwrap();
        let response = self.router.clone().oneshot(request).await.unwrap();
        if self.cookie.is_none() {
            self.cookie = Some(cookie(&response));
        }
        let location = response.headers().get(header::LOCATION);
        let location = location
            .map_or("", |location| location.to_str().unwrap())
            .to_owned();
        let status = response.status().as_u16();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (status, location, String::from_utf8(body.to_vec()).unwrap())
    }

    /// Opens a page, fills in its form and sends it: status and where it leads.
    async fn fill(&mut self, path: &str, fields: &[(&str, &str)]) -> (u16, String) {
        let (_, _, page) = self.send(Request::get(path), String::new()).await;
        let (_, csrf) = page.split_once("name=\"csrf\" value=\"").unwrap();
        let form = form_urlencoded::Serializer::new(String::new())
            .append_pair("csrf", csrf.split('"').next().unwrap())
            .extend_pairs(fields)
            .finish();
        let (status, location, _) = self.send(Request::post(path), form).await;
        (status, location)
    }
}

/// The path of the link in the only mail.
fn link(outbox: &Path) -> String {
    let mails: Vec<PathBuf> = std::fs::read_dir(outbox)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    let text = std::fs::read_to_string(&mails[0]).unwrap();
    let (_, rest) = text.split_once("http://portal.example.org").unwrap();
    rest.split_whitespace().next().unwrap().to_owned()
}

/// The cells of a line of CSV.
fn cells(line: &str) -> Vec<String> {
    let mut quoted = false;
    let is_border = |letter: char| {
        quoted ^= letter == '"';
        letter == ',' && !quoted
    };
    line.split(is_border)
        .map(|cell| cell.trim_matches('"').to_owned())
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_household_is_registered_once_although_the_answer_was_lost() {
    let folder = Folder::new();
    let [_, registry, _] = simulate(&folder, &["--seed", "3", "--days", "2", "--dwellings", "2"]);
    let db = import(&folder, &registry);
    let text = db.to_str().unwrap();
    let token = json(&[
        "token", "add", "portal", "--scope", "portal", "--db", text, "--json",
    ]);
    let token = token["token"].as_str().unwrap();
    let daemon = Daemon::start(&folder, &db, "");
    let cut = Arc::new(AtomicBool::new(false));
    let service = between(
        daemon.address("").trim_start_matches("http://").to_owned(),
        Arc::clone(&cut),
    );
    let outbox = folder.path("outbox");
    let app = App::open(Settings {
        store: folder.path("portal.db"),
        public: "http://portal.example.org".to_owned(),
        behind_proxy: false,
        service: query::Settings {
            address: service.parse().unwrap(),
            token: query::Token::new(token).unwrap(),
            limit: Duration::from_secs(30),
        },
        mail: Mail {
            from: "Relevé <eau@example.org>".to_owned(),
            way: Way::Outbox(outbox.clone()),
        },
        operator: Operator::default(),
        limits: Limits::default(),
    })
    .unwrap();
    let row = std::fs::read_to_string(&registry).unwrap();
    let mut lines = row.lines().map(cells);
    let (names, values) = (lines.next().unwrap(), lines.next().unwrap());
    let value = |name: &str| values[names.iter().position(|known| known == name).unwrap()].as_str();

    let mut visitor = Visitor {
        router: app.router(),
        cookie: None,
    };
    for (path, fields) in [
        ("/activation", vec![("role", "tenant")]),
        ("/activation/residence", vec![("code", value("site"))]),
        (
            "/activation/dwelling",
            vec![("by", "serial"), ("number", value("printed_serial"))],
        ),
        (
            "/activation/you",
            vec![
                ("name", "Ada Exemple"),
                ("email", "ada@example.org"),
                ("password", "sept cerises sous la neige"),
                ("move_in", "2026-03-01"),
                ("certified", "yes"),
                ("consent", "yes"),
            ],
        ),
    ] {
        assert_eq!(visitor.fill(path, &fields).await.0, 303, "{path}");
    }
    app.settle().await;
    let link = link(&outbox);
    let known = async |id: i64| {
        let service = query::Query::new(query::Settings {
            address: daemon.address("").parse().unwrap(),
            token: query::Token::new(token).unwrap(),
            limit: Duration::from_secs(30),
        });
        service.occupancy(id).await.is_ok()
    };
    cut.store(true, Ordering::SeqCst);
    assert_eq!(visitor.fill(&link, &[("move_in", "2026-03-02")]).await.0, 503);
    assert!(!cut.load(Ordering::SeqCst));
    assert!(
        known(1).await && !known(2).await,
        "the service has it, the portal does not know"
    );
    // The link is opened anew: the day that was chosen is remembered, and the same is asked.
    assert_eq!(
        visitor.fill(&link, &[]).await,
        (303, "/login?told=activated".to_owned())
    );
    assert!(known(1).await && !known(2).await);
    assert_eq!(visitor.send(Request::get(&link), String::new()).await.0, 410);
}
