//! Links in mails: they end, they work once, and nobody learns from them.

use axum::http::StatusCode;
use jiff::SignedDuration;

use crate::harness::{PASSWORD, Portal, details};

#[tokio::test]
async fn a_link_of_the_guide_works_for_two_days() {
    let portal = Portal::start().await;
    let browser = portal.browser();
    browser.walk().await;
    browser.ask("ada@example.org").await;
    let link = portal.link_to("ada@example.org").await;
    portal.pass(SignedDuration::from_hours(47));
    assert_eq!(browser.get(&link).await.status, StatusCode::OK);
    let csrf = browser.csrf(&link).await;
    portal.pass(SignedDuration::from_hours(1));
    for answer in [
        browser.get(&link).await,
        browser.post(&link, &[("csrf", &csrf)]).await,
    ] {
        assert_eq!(answer.status, StatusCode::GONE);
        assert!(answer.body.contains("Recommencer le guide"), "{}", answer.body);
    }
    assert_eq!(portal.fake.changes(), []);
}

#[tokio::test]
async fn links_that_are_used_too_old_or_invented_look_alike() {
    let portal = Portal::start().await;
    let browser = portal.browser();
    browser.walk().await;
    browser.ask("ada@example.org").await;
    let link = portal.link_to("ada@example.org").await;
    browser.fill(&link, &link, &[]).await;
    let used = browser.get(&link).await;
    let mut pages = vec![used.page().replace(&link[1..], "")];
    for invented in [
        format!("/confirm/{}", "A".repeat(43)),
        "/confirm/x".to_owned(),
        format!("/confirm/{}", "%00".repeat(43)),
    ] {
        let answer = browser.get(&invented).await;
        assert_eq!(answer.status, StatusCode::GONE, "{invented}");
        pages.push(answer.page());
    }
    // All but the address of the page itself, which the choice of language has.
    let bare = |page: &str| {
        page.lines()
            .flat_map(|line| line.split("?next="))
            .map(|part| part.split_once('"').map_or(part, |(_, rest)| rest).to_owned())
            .collect::<String>()
    };
    for page in &pages {
        assert_eq!(bare(page), bare(&pages[0]));
    }
}

#[tokio::test]
async fn a_forgotten_password_is_replaced_once_and_all_sessions_end() {
    let portal = Portal::start().await;
    let here = portal.resident("ada@example.org", 41, 7).await;
    let elsewhere = portal.browser();
    elsewhere.log_in("ada@example.org", PASSWORD).await;

    let forgetful = portal.browser();
    let asked = forgetful
        .fill("/forgotten", "/forgotten", &[("email", "Ada@Example.org")])
        .await;
    assert_eq!(asked.location(), Some("/forgotten/sent"));
    let link = portal.link_to("ada@example.org").await;
    assert!(link.starts_with("/password/"), "{link}");
    let weak = forgetful
        .fill(&link, &link, &[("password", "motdepasse1234")])
        .await;
    assert_eq!(weak.status, StatusCode::UNPROCESSABLE_ENTITY);
    let done = forgetful
        .fill(&link, &link, &[("password", "cinq chiens noirs")])
        .await;
    assert_eq!(done.location(), Some("/login?told=password"), "{}", done.body);
    let csrf = forgetful.csrf("/login").await;
    let again = forgetful
        .post(&link, &[("csrf", &csrf), ("password", "six poules rousses")])
        .await;
    assert_eq!(again.status, StatusCode::GONE);
    for browser in [&here, &elsewhere] {
        assert_eq!(
            browser.get("/account").await.location(),
            Some("/login?next=%2Faccount")
        );
    }
    assert_eq!(
        here.log_in("ada@example.org", PASSWORD).await.status,
        StatusCode::UNPROCESSABLE_ENTITY
    );
    assert_eq!(
        here.log_in("ada@example.org", "cinq chiens noirs").await.status,
        StatusCode::SEE_OTHER
    );
    // They are told, in case it was somebody else.
    assert!(portal.mails().await.last().unwrap().contains("vient de changer"));
}

#[tokio::test]
async fn a_link_for_a_password_works_for_ten_minutes_and_only_the_latest() {
    let portal = Portal::start().await;
    portal.resident("ada@example.org", 41, 7).await;
    let browser = portal.browser();
    let ask = || browser.fill("/forgotten", "/forgotten", &[("email", "ada@example.org")]);
    ask().await;
    let first = portal.link_to("ada@example.org").await;
    ask().await;
    let second = portal.link_to("ada@example.org").await;
    assert_ne!(first, second);
    assert_eq!(browser.get(&first).await.status, StatusCode::GONE);
    portal.pass(SignedDuration::from_secs(599));
    assert_eq!(browser.get(&second).await.status, StatusCode::OK);
    portal.pass(SignedDuration::from_secs(1));
    let dead = browser.get(&second).await;
    assert_eq!(dead.status, StatusCode::GONE);
    // The way on is on the same page.
    assert!(dead.body.contains(r#"action="/forgotten""#), "{}", dead.body);
    // Nor is a link for one thing good for another.
    ask().await;
    let third = portal
        .link_to("ada@example.org")
        .await
        .replace("/password/", "/email/");
    assert_eq!(browser.get(&third).await.status, StatusCode::GONE);
}

#[tokio::test]
async fn nobody_learns_from_a_forgotten_password_whether_there_is_an_account() {
    let portal = Portal::start().await;
    portal.resident("known@example.org", 41, 7).await;
    let mut answers = Vec::new();
    for email in ["known@example.org", "other@example.org"] {
        let browser = portal.browser();
        let asked = browser
            .fill("/forgotten", "/forgotten", &[("email", email)])
            .await;
        let sent = browser.get("/forgotten/sent").await;
        answers.push((
            asked.status,
            asked.headers,
            asked.body,
            sent.headers.clone(),
            sent.page(),
        ));
    }
    assert_eq!(answers[0], answers[1]);
    let mails = portal.mails().await;
    assert_eq!(mails.len(), 1, "only who has an account gets a mail");
    assert!(mails[0].contains("To: known@example.org\r\n"));
}

#[tokio::test]
async fn an_address_gets_a_few_mails_and_no_more() {
    let portal = Portal::start().await;
    for _ in 0..5 {
        let browser = portal.browser();
        browser.walk().await;
        assert_eq!(
            browser.ask("ada@example.org").await.location(),
            Some("/activation/sent")
        );
    }
    assert_eq!(portal.mails().await.len(), 3);
    portal.pass(SignedDuration::from_mins(15));
    let browser = portal.browser();
    browser.walk().await;
    browser.ask("ada@example.org").await;
    assert_eq!(portal.mails().await.len(), 4);
}

#[tokio::test]
async fn a_client_sends_a_few_forms_that_make_mails_and_no_more() {
    let portal = Portal::with(|settings| settings.limits.mail_client = 2).await;
    for email in ["a@example.org", "b@example.org"] {
        let browser = portal.browser();
        browser.walk().await;
        browser.ask(email).await;
    }
    let browser = portal.browser();
    browser.walk().await;
    assert_eq!(
        browser.ask("c@example.org").await.status,
        StatusCode::TOO_MANY_REQUESTS
    );
    let forgotten = browser
        .fill("/forgotten", "/forgotten", &[("email", "a@example.org")])
        .await;
    assert_eq!(forgotten.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(portal.mails().await.len(), 2);
}

#[tokio::test]
async fn what_nobody_confirmed_leaves_nothing_behind() {
    let portal = Portal::start().await;
    let browser = portal.browser();
    browser.walk().await;
    let fields = details("nobody-confirmed@example.org");
    browser.fill("/activation/you", "/activation/you", &fields).await;
    portal.mails().await;
    portal.pass(SignedDuration::from_hours(49));
    portal.app.sweep().await;
    portal.app.checkpoint().await;
    let files = portal.files();
    let name = b"nobody-confirmed";
    assert!(!files.windows(name.len()).any(|window| window == name));
}
