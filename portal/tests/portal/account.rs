//! Login, sessions, and what the owner of an account may change, download and delete.

use axum::http::StatusCode;
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::fake::Mood;
use crate::harness::{PASSWORD, Portal};

#[tokio::test]
async fn a_wrong_password_and_an_unknown_address_are_answered_alike() {
    let portal = Portal::start().await;
    portal.resident("known@example.org", 41, 7).await;
    let mut answers = Vec::new();
    for email in ["known@example.org", "other@example.org"] {
        let browser = portal.browser();
        let answer = browser.log_in(email, "trois lapins blancs").await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(answer.body.contains("pas juste"), "{}", answer.body);
        answers.push((answer.headers.clone(), answer.page().replace(email, "")));
        assert_eq!(browser.get("/account").await.status, StatusCode::SEE_OTHER);
    }
    assert_eq!(answers[0], answers[1]);
}

#[tokio::test]
async fn passwords_can_not_be_guessed_for_long() {
    let portal = Portal::with(|settings| settings.limits.login_account = 3).await;
    portal.resident("ada@example.org", 41, 7).await;
    // From several places, for addresses with an account and without.
    for email in ["ada@example.org", "nobody@example.org"] {
        for place in 0..3 {
            let browser = portal.browser_at([192, 0, 2, 10 + place]);
            assert_eq!(
                browser.log_in(email, "trois lapins blancs").await.status,
                StatusCode::UNPROCESSABLE_ENTITY
            );
        }
        let browser = portal.browser_at([192, 0, 2, 99]);
        assert_eq!(
            browser.log_in(email, PASSWORD).await.status,
            StatusCode::TOO_MANY_REQUESTS,
            "{email}"
        );
    }
    portal.pass(SignedDuration::from_mins(15));
    assert_eq!(
        portal.browser().log_in("ada@example.org", PASSWORD).await.status,
        StatusCode::SEE_OTHER
    );
}

#[tokio::test]
async fn one_place_can_not_try_many_addresses() {
    let portal = Portal::with(|settings| settings.limits.login_client = 4).await;
    for number in 0..4 {
        let email = format!("ada{number}@example.org");
        let answer = portal.browser().log_in(&email, "trois lapins blancs").await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    }
    let answer = portal
        .browser()
        .log_in("eve@example.org", "trois lapins blancs")
        .await;
    assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS);
}

#[tokio::test]
async fn a_login_begins_a_session_of_its_own_and_a_logout_ends_it() {
    let portal = Portal::start().await;
    portal.resident("ada@example.org", 41, 7).await;
    let browser = portal.browser();
    browser.walk().await;
    let before = browser.session().unwrap();
    browser.log_in("ada@example.org", PASSWORD).await;
    let after = browser.session().unwrap();
    assert_ne!(before, after);
    // Who planted the token before the login has nothing of it: not the account, not the guide.
    let eve = portal.browser();
    eve.cookies.lock().unwrap().insert("session".to_owned(), before);
    assert_eq!(eve.get("/account").await.status, StatusCode::SEE_OTHER);
    assert_eq!(eve.get("/activation/you").await.location(), Some("/activation"));

    let out = browser.fill("/account", "/logout", &[]).await;
    assert_eq!(out.location(), Some("/"));
    assert_eq!(browser.session(), None);
    eve.cookies.lock().unwrap().insert("session".to_owned(), after);
    assert_eq!(eve.get("/account").await.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn sessions_end_when_idle_and_in_any_case() {
    let portal = Portal::start().await;
    let browser = portal.resident("ada@example.org", 41, 7).await;
    for _ in 0..11 {
        portal.pass(SignedDuration::from_mins(61));
        assert_eq!(browser.get("/account").await.status, StatusCode::OK);
    }
    portal.pass(SignedDuration::from_mins(61));
    assert_eq!(
        browser.get("/account").await.status,
        StatusCode::SEE_OTHER,
        "twelve hours are over"
    );
    browser.log_in("ada@example.org", PASSWORD).await;
    portal.pass(SignedDuration::from_hours(2));
    assert_eq!(
        browser.get("/account").await.status,
        StatusCode::SEE_OTHER,
        "idle for two hours"
    );
}

#[tokio::test]
async fn a_session_outlives_a_restart_and_its_token_is_not_in_the_database() {
    let portal = Portal::start().await;
    let browser = portal.resident("ada@example.org", 41, 7).await;
    portal.app.checkpoint().await;
    let files = portal.files();
    for secret in [browser.session().unwrap().as_str(), PASSWORD] {
        assert!(
            !files
                .windows(secret.len())
                .any(|window| window == secret.as_bytes())
        );
    }
    assert!(
        files.windows(15).any(|window| window == b"ada@example.org"),
        "the search itself finds what is there"
    );
}

#[tokio::test]
async fn another_password_ends_all_sessions() {
    let portal = Portal::start().await;
    let browser = portal.resident("ada@example.org", 41, 7).await;
    let elsewhere = portal.browser();
    elsewhere.log_in("ada@example.org", PASSWORD).await;
    let change = async |current, password| {
        let fields = [("current", current), ("password", password)];
        browser.fill("/account", "/account/password", &fields).await
    };
    let wrong = change("trois lapins blancs", "cinq chiens noirs").await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(wrong.body.contains("pas le vôtre"), "{}", wrong.body);
    assert_eq!(
        change(PASSWORD, "court").await.status,
        StatusCode::UNPROCESSABLE_ENTITY
    );
    let done = change(PASSWORD, "cinq chiens noirs").await;
    assert_eq!(done.location(), Some("/login?told=password"), "{}", done.body);
    for browser in [&browser, &elsewhere] {
        assert_eq!(browser.get("/account").await.status, StatusCode::SEE_OTHER);
    }
    assert_eq!(
        browser
            .log_in("ada@example.org", "cinq chiens noirs")
            .await
            .status,
        StatusCode::SEE_OTHER
    );
}

#[tokio::test]
async fn another_address_counts_once_its_link_is_followed() {
    let portal = Portal::start().await;
    let browser = portal.resident("ada@example.org", 41, 7).await;
    let fields = [("current", PASSWORD), ("email", "new@example.org")];
    let asked = browser.fill("/account", "/account/email", &fields).await;
    assert_eq!(
        asked.location(),
        Some("/account?told=email-sent"),
        "{}",
        asked.body
    );
    assert!(browser.get("/account").await.body.contains("ada@example.org"));
    let link = portal.link_to("new@example.org").await;
    assert_eq!(browser.get(&link).await.status, StatusCode::OK);
    let done = browser.fill(&link, &link, &[]).await;
    assert_eq!(done.location(), Some("/login?told=email"));
    assert!(browser.get("/account").await.body.contains("new@example.org"));
    assert_eq!(browser.get(&link).await.status, StatusCode::GONE);
    let mails = portal.mails().await;
    let last = mails.last().unwrap();
    assert!(
        last.contains("To: ada@example.org\r\n") && last.contains("une autre adresse"),
        "{last}"
    );
    // The form asks for the password, and for an address.
    let wrong = [("current", "trois lapins blancs"), ("email", "x@example.org")];
    assert_eq!(
        browser.fill("/account", "/account/email", &wrong).await.status,
        StatusCode::UNPROCESSABLE_ENTITY
    );
}

#[tokio::test]
async fn an_address_of_somebody_else_is_answered_like_a_free_one_and_stays_theirs() {
    let portal = Portal::start().await;
    portal.resident("eve@example.org", 42, 8).await;
    let browser = portal.resident("ada@example.org", 41, 7).await;
    let mut answers = Vec::new();
    for email in ["eve@example.org", "free@example.org"] {
        let fields = [("current", PASSWORD), ("email", email)];
        let answer = browser.fill("/account", "/account/email", &fields).await;
        answers.push((answer.status, answer.headers, answer.body));
    }
    assert_eq!(answers[0], answers[1]);
    let mails = portal.mails().await;
    let told = mails
        .iter()
        .find(|mail| mail.contains("To: eve@example.org\r\n"))
        .unwrap();
    assert!(
        told.contains("rien n'a changé") && !told.contains("/email/"),
        "{told}"
    );
}

#[tokio::test]
async fn hourly_figures_are_agreed_to_and_withdrawn() {
    let portal = Portal::start().await;
    let browser = portal.resident("ada@example.org", 41, 7).await;
    for (fields, hourly) in [(vec![("hourly", "yes")], true), (vec![], false)] {
        let answer = browser.fill("/account", "/account/hourly/41", &fields).await;
        assert_eq!(answer.location(), Some("/account?told=hourly"), "{}", answer.body);
        let (question, body) = portal.fake.changes().pop().unwrap();
        assert_eq!(
            (question.as_str(), body),
            ("PATCH /v1/occupancies/41", json!({"keeps_hourly": hourly}))
        );
        let ticked = browser
            .get("/account")
            .await
            .body
            .contains(r#"value="yes" checked"#);
        assert_eq!(ticked, hourly);
    }
    portal.fake.set_mood(Mood::Broken);
    let answer = browser
        .fill("/account", "/account/hourly/41", &[("hourly", "yes")])
        .await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(
        !browser
            .get("/account")
            .await
            .body
            .contains(r#"value="yes" checked"#)
    );
}

#[tokio::test]
async fn an_export_has_all_that_is_kept_and_the_consumption_and_no_secret() {
    let portal = Portal::start().await;
    let browser = portal.resident("ada@example.org", 41, 7).await;
    let answer = browser.get("/account/export").await;
    assert_eq!(answer.status, StatusCode::OK);
    assert!(
        answer.headers["content-disposition"]
            .to_str()
            .unwrap()
            .starts_with("attachment")
    );
    let export: Value = serde_json::from_str(&answer.body).unwrap();
    assert_eq!(export["account"]["email"], "ada@example.org");
    assert_eq!(export["account"]["name"], "Ada Martin");
    assert_eq!(export["homes"][0]["occupancy"], 41);
    let point = &export["homes"][0]["consumption_by_day"][0];
    assert_eq!(
        (&point["kind"], &point["room"]),
        (&json!("hot_water"), &json!("cuisine"))
    );
    assert_eq!(
        point["days"][0],
        json!({"day": "2026-01-01", "value": "0.001", "quality": "measured", "flags": []})
    );
    let events: Vec<&str> = export["events"]
        .as_array()
        .unwrap()
        .iter()
        .map(|event| event["event"].as_str().unwrap())
        .collect();
    assert_eq!(events, ["exported", "login"]);
    assert!(!answer.body.contains("argon2") && !answer.body.contains(&browser.session().unwrap()));
    portal.fake.set_mood(Mood::Broken);
    assert_eq!(
        browser.get("/account/export").await.status,
        StatusCode::SERVICE_UNAVAILABLE
    );
}

#[tokio::test]
async fn a_deleted_account_leaves_nothing_here_and_its_occupancy_ends_there() {
    let portal = Portal::start().await;
    let browser = portal.resident("ada@example.org", 41, 7).await;
    let elsewhere = portal.browser();
    elsewhere.log_in("ada@example.org", PASSWORD).await;
    let delete = async |password| {
        let fields = [("current", password)];
        browser.fill("/account/delete", "/account/delete", &fields).await
    };
    assert_eq!(
        delete("trois lapins blancs").await.status,
        StatusCode::UNPROCESSABLE_ENTITY
    );
    // Half done is not done: while the service is down nothing goes.
    portal.fake.set_mood(Mood::Busy);
    let down = delete(PASSWORD).await;
    assert_eq!(down.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(browser.get("/account").await.body.contains("Ada Martin"));
    portal.fake.set_mood(Mood::Well);

    let done = delete(PASSWORD).await;
    assert_eq!(done.location(), Some("/login?told=deleted"), "{}", done.body);
    let changes = portal.fake.changes();
    assert_eq!(
        changes[changes.len() - 2..],
        [
            (
                "PATCH /v1/occupancies/41".to_owned(),
                json!({"keeps_hourly": false})
            ),
            (
                "PATCH /v1/occupancies/41".to_owned(),
                json!({"until": "2026-03-10"})
            ),
        ]
    );
    for browser in [&browser, &elsewhere] {
        assert_eq!(browser.get("/account").await.status, StatusCode::SEE_OTHER);
    }
    assert_eq!(
        browser.log_in("ada@example.org", PASSWORD).await.status,
        StatusCode::UNPROCESSABLE_ENTITY
    );
    assert!(portal.mails().await.last().unwrap().contains("sont supprimés"));
    portal.app.checkpoint().await;
    let files = portal.files();
    for trace in ["ada@example.org", "Ada Martin"] {
        assert!(
            !files
                .windows(trace.len())
                .any(|window| window == trace.as_bytes()),
            "{trace} is still in the files"
        );
    }
}
