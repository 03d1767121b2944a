//! A portal in process and browsers without JavaScript: they keep cookies, follow forms and read mails.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::Extension;
use axum::http::{HeaderMap, Request, StatusCode, header};
use jiff::{SignedDuration, Timestamp};
use releve_portal::config::{Limits, Mail, Operator, Settings, Way};
use releve_portal::{App, Peer, query};
use tower::ServiceExt;

use crate::fake::{Fake, TOKEN};

/// A portal with its own folder and its own releve.
pub(crate) struct Portal {
    pub(crate) app: App,
    pub(crate) fake: Fake,
    router: Router,
    folder: PathBuf,
    /// Seconds that the clock was put forward.
    later: Arc<AtomicI64>,
}

/// An answer, read whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

/// Somebody with a browser.
pub(crate) struct Browser {
    router: Router,
    pub(crate) cookies: Mutex<BTreeMap<String, String>>,
    address: [u8; 4],
}

/// When all tests begin: noon in Lyon.
pub(crate) const NOW: &str = "2026-03-10T11:00:00Z";

/// Folders of this run.
static FOLDERS: AtomicU64 = AtomicU64::new(0);

impl Portal {
    pub(crate) async fn start() -> Self {
        Self::with(|_| {}).await
    }

    /// With settings of its own.
    pub(crate) async fn with(adjust: impl FnOnce(&mut Settings)) -> Self {
        let fake = Fake::start().await;
        let folder = std::env::temp_dir().join(format!(
            "releve-portal-{}-{}",
            std::process::id(),
            FOLDERS.fetch_add(1, Ordering::Relaxed)
        ));
        std::fs::create_dir_all(&folder).unwrap();
        let mut settings = Settings {
            store: folder.join("portal.db"),
            public: "http://portal.example.org".to_owned(),
            behind_proxy: false,
            service: query::Settings {
                address: format!("http://{}", fake.address).parse().unwrap(),
                token: query::Token::new(TOKEN).unwrap(),
                limit: Duration::from_secs(20),
            },
            mail: Mail {
                from: "Espace résident <eau@example.org>".to_owned(),
                way: Way::Outbox(folder.join("outbox")),
            },
            operator: Operator::default(),
            limits: Limits::default(),
        };
        adjust(&mut settings);
        let later = Arc::new(AtomicI64::new(0));
        let clock = Arc::clone(&later);
        let begin: Timestamp = NOW.parse().unwrap();
        let app = App::at(
            settings,
            Arc::new(move || begin + SignedDuration::from_secs(clock.load(Ordering::Relaxed))),
        )
        .unwrap();
        Self {
            router: app.router(),
            app,
            fake,
            folder,
            later,
        }
    }

    /// Puts the clock forward.
    pub(crate) fn pass(&self, time: SignedDuration) {
        self.later.fetch_add(time.as_secs(), Ordering::Relaxed);
    }

    /// Somebody at an address of their own.
    pub(crate) fn browser(&self) -> Browser {
        self.browser_at([192, 0, 2, 1])
    }

    pub(crate) fn browser_at(&self, address: [u8; 4]) -> Browser {
        Browser {
            router: self.router.clone(),
            cookies: Mutex::default(),
            address,
        }
    }

    /// All mails so far, oldest first, decoded as far as they are not plain.
    pub(crate) async fn mails(&self) -> Vec<String> {
        self.app.settle().await;
        let mut files: Vec<PathBuf> = std::fs::read_dir(self.folder.join("outbox"))
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect();
        files.sort();
        files
            .iter()
            .map(|file| std::fs::read_to_string(file).unwrap())
            .collect()
    }

    /// The path of the link in the latest mail to an address.
    pub(crate) async fn link_to(&self, address: &str) -> String {
        let to = format!("To: {address}\r\n");
        let mails = self.mails().await;
        let mail = mails.iter().rev().find(|mail| mail.contains(&to)).unwrap();
        let (_, rest) = mail.split_once("http://portal.example.org").unwrap();
        rest.split_whitespace().next().unwrap().to_owned()
    }

    /// Everything in the portal's files, as octets that may be looked through.
    pub(crate) fn files(&self) -> Vec<u8> {
        std::fs::read_dir(&self.folder)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.is_file())
            .flat_map(|path| std::fs::read(path).unwrap())
            .collect()
    }

    /// Somebody with an account and the occupancy of that number, logged in.
    pub(crate) async fn resident(&self, email: &str, occupancy: i64, dwelling: i64) -> Browser {
        self.fake.move_in(occupancy, dwelling, "2026-01-01");
        self.app
            .seed(&releve_portal::Seed {
                email: email.to_owned(),
                name: "Ada Martin".to_owned(),
                password: releve_portal::Hidden::new(PASSWORD.to_owned()),
                language: releve_portal::Language::French,
                occupancy,
                dwelling,
                label: "Les Lilas, lot 12".to_owned(),
                role: query::Role::Tenant,
                from: "2026-01-01".parse().unwrap(),
                keeps_hourly: false,
            })
            .await
            .unwrap();
        let browser = self.browser();
        let answer = browser.log_in(email, PASSWORD).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.body);
        browser
    }
}

impl Drop for Portal {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// A good one.
pub(crate) const PASSWORD: &str = "quatre chats gris";

impl Browser {
    /// Asks, with the cookies that it has, and keeps those that it is given.
    pub(crate) async fn send(&self, mut request: Request<Body>) -> Answer {
        let cookies: Vec<String> = self
            .cookies
            .lock()
            .unwrap()
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        if !cookies.is_empty() {
            request
                .headers_mut()
                .insert(header::COOKIE, cookies.join("; ").parse().unwrap());
        }
        let router = self.router.clone().layer(Extension(Peer(self.address.into())));
        let response = router.oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = to_bytes(body, 4_000_000).await.unwrap();
        for cookie in parts.headers.get_all(header::SET_COOKIE) {
            let cookie = cookie.to_str().unwrap();
            let (name, rest) = cookie.split_once('=').unwrap();
            let value = rest.split(';').next().unwrap();
            let mut cookies = self.cookies.lock().unwrap();
            if cookie.contains("Max-Age=0") {
                cookies.remove(name);
            } else {
                cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        Answer {
            status: parts.status,
            headers: parts.headers,
            body: String::from_utf8(body.to_vec()).unwrap(),
        }
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(Request::get(path).body(Body::empty()).unwrap()).await
    }

    /// Sends a form with exactly these fields.
    pub(crate) async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let body = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(fields)
            .finish();
        self.send(
            Request::post(path)
                .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
                .header(header::ORIGIN, "http://portal.example.org")
                .body(Body::from(body))
                .unwrap(),
        )
        .await
    }

    /// Opens a page, fills in its form and sends it, as a person does.
    pub(crate) async fn fill(&self, page: &str, action: &str, fields: &[(&str, &str)]) -> Answer {
        let csrf = self.csrf(page).await;
        let mut all = vec![("csrf", csrf.as_str())];
        all.extend_from_slice(fields);
        self.post(action, &all).await
    }

    /// What the forms of a page bring along.
    pub(crate) async fn csrf(&self, page: &str) -> String {
        let answer = self.get(page).await;
        let Some((_, rest)) = answer.body.split_once(r#"name="csrf" value=""#) else {
            panic!("{page} has no form: {} {}", answer.status, answer.body);
        };
        rest.split('"').next().unwrap().to_owned()
    }

    pub(crate) async fn log_in(&self, email: &str, password: &str) -> Answer {
        self.fill(
            "/login",
            "/login",
            &[("email", email), ("password", password), ("next", "/account")],
        )
        .await
    }

    /// The value of the session's cookie.
    pub(crate) fn session(&self) -> Option<String> {
        self.cookies.lock().unwrap().get("session").cloned()
    }

    /// Goes through the guide until the last step.
    pub(crate) async fn walk(&self) {
        for (step, fields, next) in [
            ("/activation", vec![("role", "tenant")], "/activation/residence"),
            (
                "/activation/residence",
                vec![("code", "ab 123")],
                "/activation/dwelling",
            ),
            (
                "/activation/dwelling",
                vec![("by", "serial"), ("number", "3141 5926")],
                "/activation/you",
            ),
        ] {
            let answer = self.fill(step, step, &fields).await;
            assert_eq!(answer.location(), Some(next), "{step}: {}", answer.body);
        }
    }

    /// Sends the last step for an address.
    pub(crate) async fn ask(&self, email: &str) -> Answer {
        self.fill("/activation/you", "/activation/you", &details(email))
            .await
    }
}

/// What the last step asks for.
pub(crate) fn details(email: &str) -> Vec<(&'static str, &str)> {
    vec![
        ("name", "Ada Martin"),
        ("email", email),
        ("password", PASSWORD),
        ("move_in", "2026-03-01"),
        ("certified", "yes"),
        ("consent", "yes"),
    ]
}

impl Answer {
    pub(crate) fn location(&self) -> Option<&str> {
        self.headers
            .get(header::LOCATION)
            .map(|location| location.to_str().unwrap())
    }

    /// The page without what differs from one session to another.
    pub(crate) fn page(&self) -> String {
        let mut page = String::new();
        let mut rest = self.body.as_str();
        while let Some((before, after)) = rest.split_once(r#"name="csrf" value=""#) {
            page.push_str(before);
            rest = after.split_once('"').unwrap().1;
        }
        page + rest
    }
}
