//! The caretaker's pages from outside: who may look, and that what they show is what the JSON routes say.

mod doors;
mod figures;
mod hostile;
mod speed;
mod traced;

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use http_body_util::BodyExt;
use tower::ServiceExt;

use super::{Answer, House, Scope};

/// Every page, with an address that exists. None of them is in the contract: this is the list.
pub(super) const PAGES: [&str; 7] = [
    "/caretaker",
    "/caretaker/alerts",
    "/caretaker/meters",
    "/caretaker/meters/1",
    "/caretaker/meters/1/evidence",
    "/caretaker/air",
    "/caretaker/radios",
];

/// What anybody may have.
const OPEN: [&str; 4] = [
    "/caretaker/login",
    "/caretaker/style.css",
    "/caretaker/script.js",
    "/caretaker/icon.svg",
];

/// Somebody with a browser: keeps cookies and follows nothing by themselves.
pub(super) struct Browser {
    router: Router,
    cookies: Vec<(String, String)>,
}

impl Browser {
    pub(super) fn at(router: &Router) -> Self {
        Self {
            router: router.clone(),
            cookies: Vec::new(),
        }
    }

    /// One who has given the operator's token.
    pub(super) async fn inside(house: &House) -> Self {
        let mut browser = Self::at(&house.router);
        let answer = browser.log_in(house.token(Scope::Operator)).await;
        assert_eq!(
            (answer.status, answer.header("location")),
            (303, "/caretaker"),
            "{}",
            answer.text()
        );
        browser
    }

    /// Opens the login and sends its form.
    pub(super) async fn log_in(&mut self, token: &str) -> Answer {
        let page = self.get("/caretaker/login").await;
        let form = hidden(page.text(), "form");
        self.post("/caretaker/login", &[("token", token), ("form", &form)], &[])
            .await
    }

    pub(super) async fn get(&mut self, path: &str) -> Answer {
        let request = Request::builder().uri(path);
        self.send(request, Body::empty()).await
    }

    pub(super) async fn post(
        &mut self,
        path: &str,
        fields: &[(&str, &str)],
        headers: &[(&str, &str)],
    ) -> Answer {
        let body = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(fields)
            .finish();
        let mut request = Request::builder()
            .method("POST")
            .uri(path)
            .header("content-type", "application/x-www-form-urlencoded");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.send(request, Body::from(body)).await
    }

    async fn send(&mut self, mut request: axum::http::request::Builder, body: Body) -> Answer {
        if !self.cookies.is_empty() {
            let cookies: Vec<String> = self
                .cookies
                .iter()
                .map(|(name, value)| format!("{name}={value}"))
                .collect();
            request = request.header("cookie", cookies.join("; "));
        }
        let response = self
            .router
            .clone()
            .oneshot(request.body(body).unwrap())
            .await
            .unwrap();
        let (parts, body) = response.into_parts();
        for cookie in parts.headers.get_all("set-cookie") {
            let cookie = cookie.to_str().unwrap();
            assert!(cookie.contains("; Path=/caretaker"), "{cookie}");
            assert!(
                cookie.contains("; HttpOnly") && cookie.contains("; SameSite=Strict"),
                "{cookie}"
            );
            let (name, value) = cookie.split(';').next().unwrap().split_once('=').unwrap();
            self.cookies.retain(|(known, _)| known != name);
            if !cookie.contains("Max-Age=0") {
                self.cookies.push((name.to_owned(), value.to_owned()));
            }
        }
        Answer {
            status: parts.status.as_u16(),
            headers: parts.headers,
            body: body.collect().await.unwrap().to_bytes().to_vec(),
        }
    }

    pub(super) fn cookie(&self, name: &str) -> Option<&str> {
        self.cookies
            .iter()
            .find_map(|(known, value)| (known == name).then_some(value.as_str()))
    }
}

/// The value of a hidden field.
pub(super) fn hidden(page: &str, name: &str) -> String {
    let field = format!("name=\"{name}\" value=\"");
    let (_, rest) = page
        .split_once(&field)
        .unwrap_or_else(|| panic!("no field {name} in {page}"));
    rest.split('"').next().unwrap().to_owned()
}

/// The texts that a page shows under a name, in their order.
pub(super) fn shown(page: &str, name: &str) -> Vec<String> {
    let mark = format!("data-figure=\"{name}\"");
    page.split(&mark)
        .skip(1)
        .map(|rest| {
            let (_, mut text) = rest.split_once('>').unwrap();
            // The first text behind it, whatever tags stand between.
            while let Some(tag) = text.strip_prefix('<') {
                text = tag.split_once('>').unwrap().1;
            }
            text.split('<').next().unwrap().trim().to_owned()
        })
        .collect()
}
