//! `releve demo`: what it prints can be done: three questions of the API, the resident's pages, the caretaker's.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::harness::*;

#[test]
fn the_demo_answers_what_it_prints() {
    let mut child = releve(&[
        "demo",
        "--listen",
        "127.0.0.1:0",
        "--portal",
        "127.0.0.1:0",
        "--days",
        "100",
    ])
    .stdout(Stdio::piped())
    .stderr(Stdio::null())
    .spawn()
    .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut answers = Vec::new();
    let mut said = String::new();
    for line in lines.by_ref() {
        let line = line.unwrap();
        if line.contains("Ctrl-C") {
            break;
        }
        said.push_str(&line);
        said.push('\n');
        let Some(rest) = line.trim().strip_prefix("curl -s -H 'Authorization: Bearer ") else {
            continue;
        };
        let (token, rest) = rest.split_once("' '").unwrap();
        let (status, answer) = get(rest.trim_end_matches('\''), token);
        assert_eq!(status, 200, "{line}: {answer}");
        answers.push(answer);
    }
    questions(answers.try_into().unwrap());
    resident(&said);
    caretaker(&said);
    assert!(
        Command::new("kill")
            .args(["-TERM", &child.id().to_string()])
            .status()
            .unwrap()
            .success()
    );
    assert!(child.wait().unwrap().success());
}

fn questions([dwellings, consumption, readings]: [Value; 3]) {
    assert_eq!(dwellings["items"][0]["lot"], "102", "{dwellings}");
    let kind = |name: &str| {
        let kinds = consumption["kinds"].as_array().unwrap();
        kinds
            .iter()
            .find(|kind| kind["kind"] == name)
            .unwrap_or_else(|| panic!("no {name} in {consumption}"))
            .clone()
    };
    assert_eq!(kind("hot_water")["unit"], "m3");
    let shown = |value: &Value| value["shown"].to_string().parse::<f64>().unwrap();
    assert!(shown(&kind("hot_water")["total"]) > 1.0);
    assert!(kind("heating").to_string().contains("rated"), "{consumption}");
    assert_eq!(readings["items"].as_array().unwrap().len(), 5, "{readings}");
}

/// Logs in as the household that the demo names, and looks.
fn resident(said: &str) {
    let address = after(said, "The resident's pages:").trim();
    let (email, password) = after(said, "log in as ")
        .split_once(" with the password ")
        .unwrap();
    let mut browser = Browser::new(address);
    let form = browser.get("/login");
    assert!(form.contains("<h1>Se connecter</h1>"), "{form}");
    let csrf = value_of(&form, "csrf");
    let home = browser.post(
        "/login",
        &[("csrf", &csrf), ("email", email), ("password", password)],
    );
    assert!(
        home.contains("AB123, lot 102") || home.contains("lot 102"),
        "{home}"
    );
    assert!(home.contains("m³"), "{home}");
}

/// Enters with the operator's token, and looks.
fn caretaker(said: &str) {
    let address = after(said, "The caretaker's pages:").trim();
    let token = after(said, "enter with the token ").trim();
    let address = address.strip_suffix("/caretaker").unwrap();
    let mut browser = Browser::new(address);
    let form = browser.get("/caretaker/login");
    let once = value_of(&form, "form");
    let overview = browser.post("/caretaker/login", &[("form", &once), ("token", token)]);
    assert!(form.contains("<form"), "{form}");
    assert!(overview.contains("/caretaker/meters"), "{overview}");
}

/// The rest of the line behind some words.
fn after<'a>(said: &'a str, words: &str) -> &'a str {
    let (_, rest) = said
        .split_once(words)
        .unwrap_or_else(|| panic!("no {words:?} in {said}"));
    rest.lines().next().unwrap()
}

/// The value of a hidden field.
fn value_of(page: &str, name: &str) -> String {
    let (_, rest) = page
        .split_once(&format!("name=\"{name}\" value=\""))
        .unwrap_or_else(|| panic!("no {name} in {page}"));
    rest.split_once('"').unwrap().0.to_owned()
}

/// Remembers cookies and follows redirections, and does nothing else that a browser does.
struct Browser {
    agent: ureq::Agent,
    address: String,
    cookies: Vec<(String, String)>,
}

impl Browser {
    fn new(address: &str) -> Self {
        let config = ureq::Agent::config_builder()
            .max_redirects(0)
            .http_status_as_error(false);
        Self {
            agent: config.build().into(),
            address: address.to_owned(),
            cookies: Vec::new(),
        }
    }

    fn get(&mut self, path: &str) -> String {
        let mut path = path.to_owned();
        for _ in 0..5 {
            let request = self
                .agent
                .get(format!("{}{path}", self.address))
                .header("Cookie", self.cookie());
            let answer = request.call().unwrap();
            match self.take(answer) {
                Ok(page) => return page,
                Err(next) => path = next,
            }
        }
        panic!("{path} goes round in circles");
    }

    fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> String {
        let request = self
            .agent
            .post(format!("{}{path}", self.address))
            .header("Cookie", self.cookie())
            .header("Origin", &self.address);
        let answer = request.send_form(fields.iter().copied()).unwrap();
        match self.take(answer) {
            Ok(page) => page,
            Err(next) => self.get(&next),
        }
    }

    fn cookie(&self) -> String {
        let pairs: Vec<String> = self
            .cookies
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        pairs.join("; ")
    }

    /// A page, or where it is.
    fn take(&mut self, mut answer: ureq::http::Response<ureq::Body>) -> Result<String, String> {
        for cookie in answer.headers().get_all("set-cookie") {
            let (name, value) = cookie
                .to_str()
                .unwrap()
                .split(';')
                .next()
                .unwrap()
                .split_once('=')
                .unwrap();
            self.cookies.retain(|(known, _)| known != name);
            self.cookies.push((name.to_owned(), value.to_owned()));
        }
        if answer.status().is_redirection() {
            return Err(answer.headers()["location"].to_str().unwrap().to_owned());
        }
        let page = answer.body_mut().read_to_string().unwrap();
        assert!(answer.status().is_success(), "{}: {page}", answer.status());
        Ok(page)
    }
}
