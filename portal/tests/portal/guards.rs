//! Headers, cookies, forms of others, sizes: what stands around all pages.

use axum::body::Body;
use axum::http::{Request, StatusCode};

use crate::harness::{Answer, Browser, PASSWORD, Portal};

/// Every page, and something for each of its parameters.
const PAGES: [&str; 22] = [
    "/",
    "/privacy",
    "/login",
    "/forgotten",
    "/forgotten/sent",
    "/password/x",
    "/email/x",
    "/confirm/x",
    "/activation",
    "/activation/landlord",
    "/activation/residence",
    "/activation/dwelling",
    "/activation/you",
    "/activation/sent",
    "/account",
    "/account/export",
    "/account/delete",
    "/language/en",
    "/language/xx",
    "/consumption",
    "/no/such/page",
    "/assets/x/style.css",
];

/// Every form.
const FORMS: [&str; 14] = [
    "/login",
    "/logout",
    "/forgotten",
    "/password/x",
    "/email/x",
    "/confirm/x",
    "/activation",
    "/activation/residence",
    "/activation/dwelling",
    "/activation/you",
    "/account/password",
    "/account/email",
    "/account/hourly/41",
    "/account/delete",
];

fn is_guarded(answer: &Answer, what: &str) {
    let header = |name: &str| {
        answer
            .headers
            .get(name)
            .unwrap_or_else(|| panic!("{what} has no {name}"))
            .to_str()
            .unwrap()
            .to_owned()
    };
    let policy = header("content-security-policy");
    for part in [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    ] {
        assert!(policy.contains(part), "{what}: {policy}");
    }
    assert!(!policy.contains("unsafe"), "{what}: {policy}");
    assert_eq!(header("x-content-type-options"), "nosniff", "{what}");
    assert_eq!(header("x-frame-options"), "DENY", "{what}");
    assert_eq!(header("referrer-policy"), "same-origin", "{what}");
    assert_eq!(header("cache-control"), "no-store", "{what}");
    // What the policy forbids is not there either.
    for inline in [
        "<style",
        " style=",
        "javascript:",
        " onclick",
        " onload",
        "http://",
        "https://",
    ] {
        assert!(!answer.body.contains(inline), "{what} has {inline}");
    }
    assert_eq!(
        answer.body.matches("<script").count(),
        answer.body.matches("<script src=\"/assets/").count()
    );
}

#[tokio::test]
async fn every_answer_is_guarded_logged_in_or_not() {
    let portal = Portal::start().await;
    let resident = portal.resident("ada@example.org", 41, 7).await;
    for browser in [&portal.browser(), &resident] {
        for page in PAGES {
            is_guarded(&browser.get(page).await, page);
        }
    }
    for form in FORMS {
        is_guarded(&resident.post(form, &[]).await, form);
        let answer = resident
            .send(Request::delete(form).body(Body::empty()).unwrap())
            .await;
        assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED, "{form}");
        is_guarded(&answer, form);
    }
}

#[tokio::test]
async fn files_of_the_program_may_be_kept_and_are_there() {
    let portal = Portal::start().await;
    let browser = portal.browser();
    let page = browser.get("/").await.body;
    let mut found = 0;
    for path in page.split('"').filter(|part| part.starts_with("/assets/")) {
        let answer = browser.get(path).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}");
        assert!(
            answer.headers["cache-control"]
                .to_str()
                .unwrap()
                .contains("immutable")
        );
        assert_eq!(answer.headers["x-content-type-options"], "nosniff");
        found += 1;
    }
    assert_eq!(found, 3);
    for path in ["/assets/../Cargo.toml", "/assets/x/..%2f..%2fCargo.toml"] {
        assert_eq!(browser.get(path).await.status, StatusCode::NOT_FOUND, "{path}");
    }
}

#[tokio::test]
async fn a_form_without_its_token_or_with_that_of_somebody_else_does_nothing() {
    let portal = Portal::start().await;
    let eve = portal.resident("eve@example.org", 42, 8).await;
    let ada = portal.resident("ada@example.org", 41, 7).await;
    let (own, theirs) = (ada.csrf("/account").await, eve.csrf("/account").await);
    assert_ne!(own, theirs);
    let questions = portal.fake.asked().len();
    for form in FORMS {
        for token in ["", &theirs, "x", &own[1..]] {
            let fields = [
                ("csrf", token),
                ("current", PASSWORD),
                ("password", "cinq chiens noirs"),
            ];
            let answer = ada.post(form, &fields).await;
            assert_eq!(answer.status, StatusCode::FORBIDDEN, "{form} {token}");
            assert!(answer.body.contains("rechargez-la"), "{}", answer.body);
        }
    }
    assert_eq!(portal.fake.asked().len(), questions);
    assert_eq!(ada.get("/account").await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_form_from_another_site_does_nothing_even_with_the_token() {
    let portal = Portal::start().await;
    let ada = portal.resident("ada@example.org", 41, 7).await;
    let csrf = ada.csrf("/account").await;
    let body = format!("csrf={csrf}");
    for (name, value) in [
        ("origin", "https://evil.example"),
        ("origin", "null"),
        ("origin", "http://portal.example.org.evil.example"),
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
    ] {
        let request = Request::post("/logout")
            .header("content-type", "application/x-www-form-urlencoded")
            .header(name, value)
            .body(Body::from(body.clone()))
            .unwrap();
        assert_eq!(
            ada.send(request).await.status,
            StatusCode::FORBIDDEN,
            "{name}: {value}"
        );
    }
    // Nor one that is no form.
    let json = Request::post("/logout")
        .header("content-type", "application/json")
        .body(Body::from(body.clone()))
        .unwrap();
    assert_eq!(ada.send(json).await.status, StatusCode::BAD_REQUEST);
    assert_eq!(ada.get("/account").await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_body_that_is_too_long_is_refused_said_or_unsaid() {
    let portal = Portal::start().await;
    let browser = portal.browser();
    let csrf = browser.csrf("/login").await;
    let long = "x".repeat(100_000);
    let unsaid = browser.post("/login", &[("csrf", &csrf), ("email", &long)]).await;
    assert_eq!(unsaid.status, StatusCode::PAYLOAD_TOO_LARGE);
    is_guarded(&unsaid, "a long body");
    let said = Request::post("/login")
        .header("content-type", "application/x-www-form-urlencoded")
        .header("content-length", "4000000000")
        .body(Body::empty())
        .unwrap();
    assert_eq!(browser.send(said).await.status, StatusCode::PAYLOAD_TOO_LARGE);
}

#[tokio::test]
async fn octets_that_are_no_text_are_taken_for_what_they_are_not() {
    let portal = Portal::start().await;
    let browser = portal.browser();
    for body in ["csrf=%ff%fe&role=%00", "&&&&=&=", "%", "csrf"] {
        let request = Request::post("/activation")
            .header("content-type", "application/x-www-form-urlencoded")
            .body(Body::from(body))
            .unwrap();
        assert_eq!(
            browser.send(request).await.status,
            StatusCode::FORBIDDEN,
            "{body}"
        );
    }
    for cookie in [
        "session=",
        "session=x",
        "session=\"\"; session=a=b",
        "\u{7f}",
        "language=xx; language=../..",
    ] {
        let request = Request::get("/login")
            .header("cookie", cookie)
            .body(Body::empty());
        if let Ok(request) = request {
            assert_eq!(
                portal.browser().send(request).await.status,
                StatusCode::OK,
                "{cookie}"
            );
        }
    }
}

#[tokio::test]
async fn cookies_are_out_of_reach_of_scripts_and_over_tls_of_everything_else() {
    let portal = Portal::start().await;
    let set = |answer: &Answer| answer.headers["set-cookie"].to_str().unwrap().to_owned();
    let plain = set(&portal.browser().get("/login").await);
    assert!(plain.starts_with("session=") && plain.contains("HttpOnly") && plain.contains("SameSite=Lax"));
    assert!(!plain.contains("Domain") && !plain.contains("Max-Age") && !plain.contains("Secure"));
    // Who only looks gets none.
    assert!(!portal.browser().get("/").await.headers.contains_key("set-cookie"));

    let portal = Portal::with(|settings| settings.public = "https://portal.example.org".to_owned()).await;
    let answer = portal.browser().get("/login").await;
    let secure = set(&answer);
    assert!(secure.starts_with("__Host-session=") && secure.contains("Secure") && secure.contains("Path=/"));
    assert!(
        answer.headers["strict-transport-security"]
            .to_str()
            .unwrap()
            .contains("max-age=")
    );
    let language = set(&portal.browser().get("/language/en").await);
    assert!(language.starts_with("__Host-language=en") && language.contains("Secure"));
}

#[tokio::test]
async fn behind_a_proxy_clients_are_told_apart_by_what_it_says_and_else_not() {
    for behind_proxy in [false, true] {
        let portal = Portal::with(|settings| {
            settings.behind_proxy = behind_proxy;
            settings.limits.login_client = 1;
        })
        .await;
        let attempt = async |browser: &Browser, forwarded: &str| {
            let csrf = browser.csrf("/login").await;
            let request = Request::post("/login")
                .header("content-type", "application/x-www-form-urlencoded")
                .header("x-forwarded-for", forwarded)
                .body(Body::from(format!(
                    "csrf={csrf}&email=a%40example.org&password=x"
                )))
                .unwrap();
            browser.send(request).await.status
        };
        let browser = portal.browser();
        assert_eq!(
            attempt(&browser, "198.51.100.1").await,
            StatusCode::UNPROCESSABLE_ENTITY
        );
        // What a client writes itself, before the proxy's own, counts for nothing.
        let same = attempt(&browser, "203.0.113.7, 198.51.100.1").await;
        assert_eq!(same, StatusCode::TOO_MANY_REQUESTS);
        let other = attempt(&browser, "198.51.100.2").await;
        assert_eq!(other == StatusCode::UNPROCESSABLE_ENTITY, behind_proxy);
    }
}

#[tokio::test]
async fn pages_that_are_not_there_say_so_in_the_language_of_the_visitor() {
    let portal = Portal::start().await;
    let browser = portal.browser();
    let french = browser.get("/nirgends").await;
    assert_eq!(french.status, StatusCode::NOT_FOUND);
    assert!(
        french.body.contains(r#"<html lang="fr">"#) && french.body.contains("existe pas"),
        "{}",
        french.body
    );
    browser.get("/language/en").await;
    let english = browser.get("/nirgends").await;
    assert!(english.body.contains(r#"<html lang="en">"#) && english.body.contains("There is no such page"));
}
