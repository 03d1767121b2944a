//! Who gets in, for how long, and what another site can make a browser do.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use axum::http::Method;
use jiff::Timestamp;

use super::super::{Answer, House, NOW, Scope, at};
use super::{Browser, OPEN, PAGES, hidden};
use crate::api::{Context, router};
use crate::store::Store;

fn is_page(answer: &Answer) {
    assert_eq!(answer.header("content-type"), "text/html; charset=utf-8");
    assert!(answer.text().starts_with("<!DOCTYPE html>"));
    assert!(
        answer.text().contains("href=\"/caretaker\""),
        "a way on: {}",
        answer.text()
    );
}

#[tokio::test]
async fn the_matrix_of_pages_and_scopes_is_complete_and_holds() {
    let routes = include_str!("../../caretaker/mod.rs").matches(".route(").count();
    // Logout, the slash behind the first page, and what is no page.
    assert_eq!(
        routes,
        PAGES.len() + OPEN.len() + 3,
        "a page is missing from the lists"
    );
    let house = House::new();
    let contract = house.json("/openapi.json").await;
    let mut paths = contract["paths"].as_object().unwrap().keys();
    assert!(!paths.any(|path| path.starts_with("/caretaker")));
    let mut inside = Browser::inside(&house).await;
    for page in PAGES {
        let none = house.ask(Method::GET, page, &[]).await;
        assert_eq!(none.status, 303, "{page}");
        let login = none.header("location");
        assert_eq!(
            login,
            format!("/caretaker/login?to={}", page.replace('/', "%2F")),
            "{page}"
        );
        for wrong in ["Bearer nobody", "Basic abc", "nonsense"] {
            let answer = house.ask(Method::GET, page, &[("authorization", wrong)]).await;
            assert_eq!(answer.status, 401, "{page}");
            is_page(&answer);
        }
        for scope in Scope::ALL {
            let bearer = format!("Bearer {}", house.token(scope));
            let answer = house.ask(Method::GET, page, &[("authorization", &bearer)]).await;
            let wanted = if scope == Scope::Operator { 200 } else { 403 };
            assert_eq!(answer.status, wanted, "{page} as {}", scope.name());
            is_page(&answer);
            assert!(!answer.text().contains(house.token(scope)));
        }
        let answer = inside.get(page).await;
        assert_eq!(answer.status, 200, "{page}");
        is_page(&answer);
        for method in [Method::POST, Method::PUT, Method::DELETE] {
            let answer = house.ask(method, page, &[]).await;
            assert_eq!(answer.status, 405, "{page}");
            is_page(&answer);
        }
    }
    for path in OPEN {
        let answer = house.ask(Method::GET, path, &[]).await;
        assert_eq!(answer.status, 200, "{path}");
    }
}

#[tokio::test]
async fn everything_says_what_a_browser_may_do_with_it() {
    let house = House::new();
    let mut browser = Browser::inside(&house).await;
    let others = ["/caretaker/nowhere", "/caretaker/meters?page=x"];
    for path in PAGES.iter().chain(&OPEN).chain(&others) {
        let answer = browser.get(path).await;
        let policy = answer.header("content-security-policy");
        assert!(policy.starts_with("default-src 'none'"), "{path}");
        assert!(!policy.contains("unsafe") && !policy.contains("http"), "{path}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(answer.header("x-frame-options"), "DENY", "{path}");
        assert_eq!(answer.header("referrer-policy"), "no-referrer", "{path}");
        let keeps = path.ends_with(".css") || path.ends_with(".js") || path.ends_with(".svg");
        assert_eq!(answer.header("cache-control") != "no-store", keeps, "{path}");
        let text = answer.text();
        assert!(!text.contains(" style=") && !text.contains("<style"), "{path}");
        assert!(!text.contains("//") || !text.contains("src=\"//"), "{path}");
        assert_eq!(
            text.matches("<script").count(),
            text.matches("<script src=\"/caretaker/script.js\"").count(),
            "{path}"
        );
    }
}

#[tokio::test]
async fn a_token_is_given_once_and_the_session_ends_with_logout() {
    let house = House::new();
    let mut browser = Browser::at(&house.router);
    let page = browser.get("/caretaker/login?to=/caretaker/meters?q%3D123").await;
    let to = hidden(page.text(), "to");
    assert_eq!(to, "/caretaker/meters?q=123");
    let form = hidden(page.text(), "form");
    let token = house.token(Scope::Operator);
    let blanks = format!("  {token}\n");
    let answer = browser
        .post(
            "/caretaker/login",
            &[("token", &blanks), ("form", &form), ("to", &to)],
            &[("sec-fetch-site", "same-origin")],
        )
        .await;
    assert_eq!((answer.status, answer.header("location")), (303, to.as_str()));
    let session = browser.cookie("releve_caretaker").unwrap().to_owned();
    assert!(session.len() == 64 && !session.contains(token));
    let page = browser.get("/caretaker").await;
    assert_eq!(page.status, 200);
    assert!(!page.text().contains(token) && !page.text().contains(&session));

    // Another site can neither log out nor make the browser say that it is ours.
    let form = hidden(page.text(), "form");
    for (fields, headers) in [
        (vec![], vec![]),
        (vec![("form", "0")], vec![]),
        (
            vec![("form", form.as_str())],
            vec![("sec-fetch-site", "cross-site")],
        ),
        (
            vec![("form", form.as_str())],
            vec![("sec-fetch-site", "same-site")],
        ),
    ] {
        let answer = browser.post("/caretaker/logout", &fields, &headers).await;
        assert_eq!(answer.status, 403);
        is_page(&answer);
        assert_eq!(browser.get("/caretaker").await.status, 200);
    }
    assert_eq!(browser.get("/caretaker/logout").await.status, 405);
    let answer = browser
        .post(
            "/caretaker/logout",
            &[("form", &form)],
            &[("sec-fetch-site", "same-origin")],
        )
        .await;
    assert_eq!(
        (answer.status, answer.header("location")),
        (303, "/caretaker/login")
    );
    assert_eq!(browser.cookie("releve_caretaker"), None);
    browser.cookies.push(("releve_caretaker".to_owned(), session));
    assert_eq!(
        browser.get("/caretaker").await.status,
        303,
        "the old cookie is worth nothing"
    );
}

#[tokio::test]
async fn behind_a_proxy_with_a_certificate_cookies_are_secure() {
    let house = House::new();
    let mut browser = Browser::at(&house.router);
    let form = hidden(browser.get("/caretaker/login").await.text(), "form");
    let fields = [("token", house.token(Scope::Operator)), ("form", form.as_str())];
    let plain = browser.post("/caretaker/login", &fields, &[]).await;
    let secure = |answer: &Answer| {
        let mut cookies = answer.headers.get_all("set-cookie").iter();
        cookies.any(|cookie| cookie.to_str().unwrap().contains("; Secure"))
    };
    assert!(!secure(&plain));
    let form = hidden(browser.get("/caretaker/login").await.text(), "form");
    let fields = [("token", house.token(Scope::Operator)), ("form", form.as_str())];
    let proxied = browser
        .post("/caretaker/login", &fields, &[("x-forwarded-proto", "https")])
        .await;
    assert_eq!(proxied.status, 303);
    assert!(secure(&proxied));
}

#[tokio::test]
async fn who_may_not_log_in_is_told_why() {
    let house = House::new();
    for (token, status, word) in [
        ("releve_0000", 401, "not known"),
        ("", 401, "not known"),
        (house.token(Scope::Portal), 403, "portal"),
        (house.token(Scope::Metrics), 403, "metrics"),
    ] {
        let mut browser = Browser::at(&house.router);
        let answer = browser.log_in(token).await;
        assert_eq!(answer.status, status);
        is_page(&answer);
        assert!(answer.text().contains(word), "{}", answer.text());
        assert!(token.is_empty() || !answer.text().contains(token));
        assert_eq!(browser.cookie("releve_caretaker"), None);
    }
    // No form of ours: nothing but the page again, and no attempt is counted.
    let mut browser = Browser::at(&house.router);
    let token = house.token(Scope::Operator);
    for fields in [
        vec![("token", token)],
        vec![("token", token), ("form", "")],
        vec![("token", token), ("form", "00")],
        vec![("form", "00")],
    ] {
        let answer = browser.post("/caretaker/login", &fields, &[]).await;
        assert_eq!(answer.status, 403);
        is_page(&answer);
        assert_eq!(browser.cookie("releve_caretaker"), None);
    }
    let form = hidden(browser.get("/caretaker/login").await.text(), "form");
    let fields = [("token", token), ("form", form.as_str())];
    let answer = browser
        .post("/caretaker/login", &fields, &[("sec-fetch-site", "cross-site")])
        .await;
    assert_eq!(answer.status, 403);
    let answer = browser.post("/caretaker/login", &fields, &[]).await;
    assert_eq!(answer.status, 303);
}

#[tokio::test]
async fn whoever_guesses_is_stopped_for_a_while() {
    let house = House::new();
    let mut browser = Browser::at(&house.router);
    for _ in 0..10 {
        assert_eq!(browser.log_in("releve_guess").await.status, 401);
    }
    let answer = browser.log_in(house.token(Scope::Operator)).await;
    assert_eq!(answer.status, 429);
    assert_eq!(answer.header("retry-after"), "600");
    is_page(&answer);
    // Another browser is another person, until there are three hundred of them.
    let mut other = Browser::at(&house.router);
    assert_eq!(other.log_in(house.token(Scope::Operator)).await.status, 303);
    for _ in 0..290 {
        let mut new = Browser::at(&house.router);
        assert_eq!(new.log_in("releve_guess").await.status, 401);
    }
    let mut new = Browser::at(&house.router);
    assert_eq!(new.log_in("releve_guess").await.status, 429);
    assert_eq!(other.get("/caretaker").await.status, 200, "who is in stays in");
}

#[tokio::test]
async fn a_session_ends_with_its_token_and_with_its_time() {
    let house = House::new();
    let mut browser = Browser::inside(&house).await;
    assert_eq!(browser.get("/caretaker").await.status, 200);
    assert!(house.store.remove_token("operator").unwrap());
    let answer = browser.get("/caretaker").await;
    assert_eq!(answer.status, 303);
    assert!(answer.header("location").starts_with("/caretaker/login"));

    let house = House::new();
    let clock = Arc::new(AtomicI64::new(at(NOW).as_second()));
    let seen = Arc::clone(&clock);
    let context = Context::new(Arc::clone(&house.store) as Arc<dyn Store>)
        .with_clock(move || Timestamp::from_second(seen.load(Ordering::Relaxed)).unwrap());
    let router = router(context);
    let mut idle = Browser::at(&router);
    assert_eq!(idle.log_in(house.token(Scope::Operator)).await.status, 303);
    let mut busy = Browser::at(&router);
    assert_eq!(busy.log_in(house.token(Scope::Operator)).await.status, 303);
    for hour in 1..12 {
        clock.fetch_add(3600, Ordering::Relaxed);
        assert_eq!(busy.get("/caretaker/radios").await.status, 200, "{hour}");
    }
    assert_eq!(idle.get("/caretaker").await.status, 303);
    clock.fetch_add(3600, Ordering::Relaxed);
    assert_eq!(busy.get("/caretaker").await.status, 303);
}

#[tokio::test]
async fn pages_speak_the_language_that_was_chosen() {
    let house = House::new();
    let mut browser = Browser::inside(&house).await;
    assert!(
        browser
            .get("/caretaker")
            .await
            .text()
            .contains("<html lang=\"en\">")
    );
    let french = browser.get("/caretaker/meters?q=1&lang=fr").await;
    assert!(french.text().contains("<html lang=\"fr\">") && french.text().contains("Compteurs"));
    assert!(french.text().contains("/caretaker/meters?q=1&amp;lang=en"));
    assert!(
        browser
            .get("/caretaker")
            .await
            .text()
            .contains("<html lang=\"fr\">")
    );
    let wrong = browser.get("/caretaker/meters?page=0").await;
    assert_eq!(wrong.status, 400);
    assert!(wrong.text().contains("n’est pas comprise"), "{}", wrong.text());
    assert!(
        browser
            .get("/caretaker?lang=en")
            .await
            .text()
            .contains("<html lang=\"en\">")
    );
    let answer = house
        .ask(
            Method::GET,
            "/caretaker/login",
            &[("accept-language", "fr-FR,fr;q=0.9")],
        )
        .await;
    assert!(answer.text().contains("<html lang=\"fr\">"));
}

#[tokio::test]
async fn a_browser_at_the_bare_address_is_shown_the_pages() {
    let house = House::new();
    let answer = house
        .ask(Method::GET, "/", &[("accept", "text/html,*/*;q=0.8")])
        .await;
    assert_eq!((answer.status, answer.header("location")), (303, "/caretaker"));
    assert_eq!(
        house.ask(Method::GET, "/", &[("accept", "*/*")]).await.status,
        404
    );
}
