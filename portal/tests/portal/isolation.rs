//! Nobody sees or touches anything of another account, by any route and any parameter.

use axum::http::StatusCode;

use crate::fake::Mood;
use crate::harness::{PASSWORD, Portal};

#[tokio::test]
async fn another_accounts_home_does_not_exist() {
    let portal = Portal::start().await;
    portal.resident("eve@example.org", 42, 8).await;
    let ada = portal.resident("ada@example.org", 41, 7).await;
    let questions = portal.fake.asked().len();
    let csrf = ada.csrf("/account").await;
    let invented = ada
        .post("/account/hourly/999999", &[("csrf", &csrf), ("hourly", "yes")])
        .await;
    let others = ada
        .post("/account/hourly/42", &[("csrf", &csrf), ("hourly", "yes")])
        .await;
    assert_eq!(others.status, StatusCode::NOT_FOUND);
    assert_eq!(
        invented.page().replace("999999", "42"),
        others.page(),
        "theirs and none look alike"
    );
    for strange in [
        "-1",
        "42%20OR%201=1",
        "41;42",
        "0x29",
        "..%2F42",
        "9223372036854775808",
    ] {
        let answer = ada
            .post(
                &format!("/account/hourly/{strange}"),
                &[("csrf", &csrf), ("hourly", "yes")],
            )
            .await;
        assert!(answer.status.is_client_error(), "{strange}: {}", answer.status);
    }
    assert_eq!(
        portal.fake.asked().len(),
        questions,
        "the service was not even asked"
    );
    // Numbers beside the form's own change nothing.
    let fields = [
        ("csrf", csrf.as_str()),
        ("hourly", "yes"),
        ("occupancy", "42"),
        ("account", "1"),
    ];
    ada.post("/account/hourly/41", &fields).await;
    assert!(
        portal
            .fake
            .changes()
            .iter()
            .all(|(question, _)| !question.contains("42"))
    );
}

#[tokio::test]
async fn an_export_and_a_deletion_are_of_ones_own_only() {
    let portal = Portal::start().await;
    let eve = portal.resident("eve@example.org", 42, 8).await;
    let ada = portal.resident("ada@example.org", 41, 7).await;
    for query in ["", "?account=1", "?occupancy=42", "?email=eve@example.org"] {
        let export = ada.get(&format!("/account/export{query}")).await.body;
        assert!(
            export.contains("ada@example.org") && !export.contains("eve@example.org"),
            "{query}"
        );
        assert!(!export.contains("\"occupancy\": 42"), "{query}");
    }
    let fields = [
        ("current", PASSWORD),
        ("account", "1"),
        ("occupancy", "42"),
        ("email", "eve@example.org"),
    ];
    ada.fill("/account/delete", "/account/delete", &fields).await;
    assert!(
        portal
            .fake
            .changes()
            .iter()
            .all(|(question, _)| !question.contains("42"))
    );
    assert!(eve.get("/account").await.body.contains("eve@example.org"));
}

#[tokio::test]
async fn pages_of_an_account_send_everybody_else_to_the_login() {
    let portal = Portal::start().await;
    let stranger = portal.browser();
    for page in ["/account", "/account/export", "/account/delete"] {
        let answer = stranger.get(page).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{page}");
        assert!(answer.location().unwrap().starts_with("/login?next="), "{page}");
        assert_eq!(answer.body, "", "{page}");
    }
    let csrf = stranger.csrf("/login").await;
    for form in [
        "/account/password",
        "/account/email",
        "/account/hourly/41",
        "/account/delete",
        "/logout",
    ] {
        let answer = stranger
            .post(form, &[("csrf", &csrf), ("current", PASSWORD)])
            .await;
        assert_eq!(answer.location(), Some("/login?next=%2F"), "{form}");
    }
    assert_eq!(portal.fake.asked().len(), 0);
}

#[tokio::test]
async fn a_login_leads_back_to_a_page_of_ours_and_nowhere_else() {
    let portal = Portal::start().await;
    portal.resident("ada@example.org", 41, 7).await;
    for (next, leads) in [
        ("/account/delete", "/account/delete"),
        ("//evil.example", "/"),
        ("https://evil.example", "/"),
        ("/\\evil.example", "/"),
        ("/a\r\nSet-Cookie: x=y", "/"),
    ] {
        let browser = portal.browser();
        let fields = [
            ("email", "ada@example.org"),
            ("password", PASSWORD),
            ("next", next),
        ];
        assert_eq!(
            browser.fill("/login", "/login", &fields).await.location(),
            Some(leads),
            "{next}"
        );
        let encoded: String = form_urlencoded::byte_serialize(next.as_bytes()).collect();
        let language = browser.get(&format!("/language/en?next={encoded}")).await;
        assert_eq!(language.location(), Some(leads), "{next}");
    }
}

#[tokio::test]
async fn a_number_that_the_service_gives_out_anew_is_nobodys_from_before() {
    let portal = Portal::start().await;
    // Occupancy 100 was Eve's at a service that has since begun afresh.
    let eve = portal.resident("eve@example.org", 100, 8).await;
    let browser = portal.browser();
    browser.walk().await;
    browser.ask("ada@example.org").await;
    let link = portal.link_to("ada@example.org").await;
    portal.fake.forget();
    browser.fill(&link, &link, &[]).await;
    assert!(eve.get("/account").await.body.contains("Aucun logement"));
    browser.log_in("ada@example.org", PASSWORD).await;
    assert!(
        browser
            .get("/account")
            .await
            .body
            .contains(r#"action="/account/hourly/100""#)
    );
    portal.fake.set_mood(Mood::Well);
}
