//! A resident with an account, and what their browser would show.

use std::path::Path;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, header};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http_body_util::BodyExt;
use jiff::Timestamp;
use releve_portal::config::{Limits, Mail, Operator, Service, Settings, Way};
use releve_portal::{App, Hidden};
use rusqlite::params;
use sha2::{Digest, Sha256};
use tower::ServiceExt;

/// A portal in which one account has one occupancy of each of some dwellings, and is logged in.
pub(crate) struct Resident {
    router: Router,
    cookie: String,
}

impl Resident {
    /// `homes`: the service's numbers of occupancy and dwelling.
    pub(crate) fn new(folder: &Path, url: &str, token: &str, homes: &[(i64, i64)]) -> Self {
        let store = folder.join("portal.db");
        let app = App::open(Settings {
            store: store.clone(),
            public: "http://portal.example.org".to_owned(),
            behind_proxy: false,
            service: Service {
                url: url.to_owned(),
                token: Hidden::new(token.to_owned()),
                timeout: Duration::from_secs(30),
            },
            mail: Mail {
                from: "eau@example.org".to_owned(),
                way: Way::Outbox(folder.join("outbox")),
            },
            operator: Operator::default(),
            limits: Limits::default(),
        })
        .unwrap();
        let now = Timestamp::now().as_second();
        let session = [7_u8; 32];
        let database = rusqlite::Connection::open(&store).unwrap();
        database
            .execute(
                "INSERT INTO account (id, email, email_key, name, password, language, created_at, consented_at)
                 VALUES (1, 'ada@example.org', 'ada@example.org', 'Ada Exemple', '-', 'fr', ?1, ?1)",
                [now],
            )
            .unwrap();
        for (occupancy, dwelling) in homes {
            database
                .execute(
                    "INSERT INTO occupancy (id, account, dwelling, label, role, first_day, keeps_hourly, added_at)
                     VALUES (?1, 1, ?2, 'Lot ' || ?2, 'tenant', '2025-10-01', 0, ?3)",
                    params![occupancy, dwelling, now],
                )
                .unwrap();
        }
        database
            .execute(
                "INSERT INTO session (token, account, created_at, seen_at) VALUES (?1, 1, ?2, ?2)",
                params![Sha256::digest(session).as_slice(), now],
            )
            .unwrap();
        Self {
            router: app.router(),
            cookie: format!("session={}", URL_SAFE_NO_PAD.encode(session)),
        }
    }

    /// A page's status and text, in French, or in English.
    pub(crate) async fn look(&self, path: &str, language: &str) -> (u16, String) {
        let request = Request::builder()
            .uri(path)
            .header(header::HOST, "portal.example.org")
            .header(header::COOKIE, format!("{}; language={language}", self.cookie))
            .body(Body::empty())
            .unwrap();
        let response = self.router.clone().oneshot(request).await.unwrap();
        let status = response.status().as_u16();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }

    /// A page that is there.
    pub(crate) async fn page(&self, path: &str) -> String {
        let (status, text) = self.look(path, "fr").await;
        assert_eq!(status, 200, "{path}: {text}");
        text
    }
}

/// What is written in the cells of a page's tables, row by row.
pub(crate) fn rows(page: &str) -> Vec<Vec<String>> {
    let strip = |html: &str| -> String {
        let mut within = false;
        html.chars()
            .filter(|letter| {
                let tag = within || *letter == '<';
                within = (within || *letter == '<') && *letter != '>';
                !tag
            })
            .collect()
    };
    page.split("<tr")
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

/// Hundredths, from a number as a French page writes it, with or without its unit; `None` of what is missing.
pub(crate) fn hundredths(cell: &str) -> Option<i64> {
    let digits: String = cell
        .split('\u{A0}')
        .next()
        .unwrap()
        .chars()
        .filter(|letter| *letter != '\u{202F}')
        .collect();
    let (whole, part) = digits.split_once(',')?;
    assert_eq!(part.len(), 2, "{cell}");
    format!("{}{part}", whole.replace('−', "-")).parse().ok()
}
