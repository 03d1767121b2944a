//! A resident with an account, and what their browser would show.

use std::path::Path;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{Method, Request, Response, header};
use http_body_util::BodyExt;
use releve_portal::config::{Limits, Mail, Operator, Settings, Way};
use releve_portal::query::{self, Role};
use releve_portal::{App, Hidden, Language, Seed};
use tower::ServiceExt;

/// Somebody who is logged in at a portal.
pub(crate) struct Resident {
    router: Router,
    cookie: String,
}

const EMAIL: &str = "ada@example.org";
const PASSWORD: &str = "sept cerises sous la neige";

impl Resident {
    /// With one account that has all these occupancies of the service, each with the number of its dwelling, and logged in as
    /// anybody is.
    pub(crate) async fn new(folder: &Path, url: &str, token: &str, homes: &[(i64, i64)]) -> Self {
        let app = App::open(Settings {
            store: folder.join("portal.db"),
            public: "http://portal.example.org".to_owned(),
            behind_proxy: false,
            service: query::Settings {
                address: url.parse().unwrap(),
                token: query::Token::new(token).unwrap(),
                limit: Duration::from_secs(30),
            },
            mail: Mail {
                from: "Relevé <eau@example.org>".to_owned(),
                way: Way::Outbox(folder.join("outbox")),
            },
            operator: Operator::default(),
            limits: Limits::default(),
        })
        .unwrap();
        for (occupancy, dwelling) in homes {
            app.seed(&Seed {
                email: EMAIL.to_owned(),
                name: "Ada Exemple".to_owned(),
                password: Hidden::new(PASSWORD.to_owned()),
                language: Language::French,
                occupancy: *occupancy,
                dwelling: *dwelling,
                label: format!("Lot {dwelling}"),
                role: Role::Tenant,
                from: "2025-10-01".parse().unwrap(),
                keeps_hourly: false,
            })
            .await
            .unwrap();
        }
        let mut resident = Self {
            router: app.router(),
            cookie: String::new(),
        };
        let page = resident.ask(Method::GET, "/login", "fr", String::new()).await;
        resident.cookie = cookie(&page);
        let page = String::from_utf8(page.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap();
        let (_, csrf) = page.split_once("name=\"csrf\" value=\"").unwrap();
        let form = form_urlencoded::Serializer::new(String::new())
            .append_pair("csrf", csrf.split('"').next().unwrap())
            .append_pair("email", EMAIL)
            .append_pair("password", PASSWORD)
            .finish();
        let logged_in = resident.ask(Method::POST, "/login", "fr", form).await;
        assert_eq!(logged_in.status(), 303);
        resident.cookie = cookie(&logged_in);
        resident
    }

    async fn ask(&self, method: Method, path: &str, language: &str, form: String) -> Response<Body> {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, "portal.example.org")
            .header(header::ORIGIN, "http://portal.example.org")
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header(header::COOKIE, format!("{}; language={language}", self.cookie))
            .body(Body::from(form))
            .unwrap();
        self.router.clone().oneshot(request).await.unwrap()
    }

    /// A page's status and text, in French, or in English.
    pub(crate) async fn look(&self, path: &str, language: &str) -> (u16, String) {
        let response = self.ask(Method::GET, path, language, String::new()).await;
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

/// The session's cookie of an answer, without its attributes.
pub(crate) fn cookie(response: &Response<Body>) -> String {
    let cookies = response.headers().get_all(header::SET_COOKIE).iter();
    let mut cookies = cookies.filter_map(|cookie| cookie.to_str().unwrap().split(';').next());
    cookies
        .find(|cookie| cookie.starts_with("session="))
        .unwrap()
        .to_owned()
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
    let digits = digits(cell);
    let (whole, part) = digits.split_once(',')?;
    assert_eq!(part.len(), 2, "{cell}");
    format!("{whole}{part}").parse().ok()
}

/// Sign, digits and comma of such a number, without its unit and what stands between thousands.
pub(crate) fn digits(cell: &str) -> String {
    let number = cell.split('\u{A0}').next().unwrap();
    number.replace('\u{202F}', "").replace('−', "-")
}
