//! The pages over a real portal and a service that answers from a formula.

mod fake;
mod hostile;
mod shown;
mod traced;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Method, Request, header};
use http_body_util::BodyExt;
use jiff::civil::date;
use tokio::net::TcpListener;
use tower::ServiceExt;

use crate::App;
use crate::accounts::AccountId;
use crate::config::{Limits, Mail, Operator, Settings, Way};
use crate::query::{self, Decimal};
use crate::secret::Token;

use fake::Fake;

/// A portal with one account that has two dwellings, somebody else with two others, and the service behind it.
struct House {
    router: Router,
    fake: Fake,
    folder: PathBuf,
    cookie: String,
}

/// What came back.
#[derive(Debug)]
struct Answer {
    status: u16,
    headers: HeaderMap,
    text: String,
}

/// Noon on the day on which all tests ask.
const NOW: &str = "2026-03-15T12:00:00+01:00";

async fn serve(listener: TcpListener, router: Router) {
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            return;
        };
        let service = hyper_util::service::TowerToHyperService::new(router.clone());
        tokio::spawn(async move {
            let stream = hyper_util::rt::TokioIo::new(stream);
            let builder = hyper::server::conn::http1::Builder::new();
            let _ = builder.serve_connection(stream, service).await;
        });
    }
}

impl House {
    async fn new() -> Self {
        Self::at(None, Duration::from_secs(20)).await
    }

    /// With the service at another address, or with less patience for it.
    async fn at(address: Option<String>, limit: Duration) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let folder =
            std::env::temp_dir().join(format!("releve-portal-pages-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let fake = Fake::start().await;
        let settings = Settings {
            store: folder.join("portal.db"),
            public: "http://portal.example.org".to_owned(),
            behind_proxy: false,
            service: query::Settings {
                address: address.unwrap_or_else(|| fake.address.clone()).parse().unwrap(),
                token: query::Token::new("releve_test").unwrap(),
                limit,
            },
            mail: Mail {
                from: "eau@example.org".to_owned(),
                way: Way::Outbox(folder.join("outbox")),
            },
            operator: Operator::default(),
            limits: Limits::default(),
        };
        let app = App::at(settings, Arc::new(|| NOW.parse().unwrap())).unwrap();
        let token = Token::generate().unwrap();
        let now = app.now();
        // The first of the two is the latest.
        let homes = [
            (11, 1, "Les Lilas, lot 7", date(2026, 1, 1)),
            (12, 2, "Les Lilas, lot 8", date(2025, 1, 1)),
        ];
        app.accounts.put(AccountId(1), &homes, now).unwrap();
        let others = [(21, 3, "x", date(2024, 1, 1)), (22, 1, "y", date(2020, 1, 1))];
        app.accounts.put(AccountId(2), &others, now).unwrap();
        app.accounts.put_session(AccountId(1), token.hash(), now).unwrap();
        Self {
            router: app.router(),
            fake,
            folder,
            cookie: format!("session={}", *token.reveal()),
        }
    }

    async fn ask(&self, method: Method, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, "portal.example.org");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = self
            .router
            .clone()
            .oneshot(request.body(Body::from(body.to_owned())).unwrap())
            .await
            .unwrap();
        let (parts, body) = response.into_parts();
        Answer {
            status: parts.status.as_u16(),
            headers: parts.headers,
            text: String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap(),
        }
    }

    /// As the account's resident, in French.
    async fn get(&self, path: &str) -> Answer {
        self.ask(Method::GET, path, &[("cookie", &self.cookie)], "").await
    }

    async fn get_in_english(&self, path: &str) -> Answer {
        let cookie = format!("{}; language=en", self.cookie);
        self.ask(Method::GET, path, &[("cookie", &cookie)], "").await
    }

    async fn post(&self, path: &str, body: &str) -> Answer {
        let headers = [
            ("cookie", self.cookie.as_str()),
            ("content-type", "application/x-www-form-urlencoded"),
            ("origin", "http://portal.example.org"),
        ];
        self.ask(Method::POST, path, &headers, body).await
    }
}

impl Drop for House {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

impl Answer {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    fn has(&self, text: &str) -> bool {
        self.text.contains(text)
    }

    /// The hidden field that shows that a form is from this session.
    fn csrf(&self) -> &str {
        let (_, rest) = self.text.split_once("name=\"csrf\" value=\"").unwrap();
        rest.split('"').next().unwrap()
    }

    /// All that is written in a page's table rows, cell by cell.
    fn rows(&self) -> Vec<Vec<String>> {
        let strip = |html: &str| {
            let mut text = String::new();
            let mut within = false;
            for letter in html.chars() {
                match letter {
                    '<' => within = true,
                    '>' => within = false,
                    _ if !within => text.push(letter),
                    _ => {}
                }
            }
            text
        };
        self.text
            .split("<tr")
            .skip(1)
            .map(|row| {
                let row = row.split("</tr>").next().unwrap();
                row.split("<t")
                    .skip(1)
                    .map(|cell| strip(&format!("<t{cell}")).trim().to_owned())
                    .collect()
            })
            .collect()
    }
}

/// A number of thousandths as French pages show it: rounded half up to two decimals.
fn french(thousandths: i64) -> String {
    super::words::number(Decimal::new(thousandths, 3), 2, crate::Language::French)
}
