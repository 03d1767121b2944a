//! The guide, from the first page to the account.

use axum::http::StatusCode;
use jiff::SignedDuration;
use serde_json::json;

use crate::fake::Mood;
use crate::harness::{PASSWORD, Portal, details};

#[tokio::test]
async fn a_tenant_walks_from_the_first_page_to_the_account() {
    let portal = Portal::start().await;
    let browser = portal.browser();
    assert!(browser.get("/").await.body.contains(r#"href="/activation""#));
    browser.walk().await;
    let asked = browser.ask("ada@example.org").await;
    assert_eq!(asked.location(), Some("/activation/sent"), "{}", asked.body);
    assert!(browser.get("/activation/sent").await.body.contains("48 heures"));
    // Nothing is registered, and nobody can log in, before the link is followed.
    assert_eq!(portal.fake.changes(), []);
    assert_eq!(
        browser.log_in("ada@example.org", PASSWORD).await.status,
        StatusCode::UNPROCESSABLE_ENTITY
    );

    let mails = portal.mails().await;
    assert_eq!(mails.len(), 1);
    assert!(mails[0].contains("Bonjour Ada Martin"), "{}", mails[0]);
    assert!(mails[0].contains("Les Lilas, lot 12"), "{}", mails[0]);
    assert!(!mails[0].contains(PASSWORD));
    let link = portal.link_to("ada@example.org").await;
    // Mail programs open links: that alone does nothing.
    assert_eq!(browser.get(&link).await.status, StatusCode::OK);
    assert_eq!(portal.fake.changes(), []);

    let confirmed = browser.fill(&link, &link, &[]).await;
    assert_eq!(
        confirmed.location(),
        Some("/login?told=activated"),
        "{}",
        confirmed.body
    );
    assert_eq!(
        portal.fake.changes(),
        [(
            "POST /v1/occupancies".to_owned(),
            json!({
                "dwelling": 7, "role": "tenant", "lives_there": true, "move_in": "2026-03-01", "certified": true,
                "keeps_hourly": false,
            })
        )]
    );
    let page = browser.get("/login?told=activated").await.body;
    assert!(page.contains("votre espace est prêt"), "{page}");
    let logged_in = browser.log_in("ADA@example.org ", PASSWORD).await;
    assert_eq!(logged_in.location(), Some("/account"), "{}", logged_in.body);
    let account = browser.get("/account").await.body;
    assert!(
        account.contains("Les Lilas, lot 12") && account.contains("Ada Martin"),
        "{account}"
    );
    // Guesses are told apart by something that is not the session itself.
    let session = browser.session().unwrap();
    for question in portal.fake.asked() {
        let client = question.client.unwrap();
        assert!(!client.is_empty() && client != session);
    }
}

#[tokio::test]
async fn the_guide_is_spoken_in_english_too_and_so_are_its_mails() {
    let portal = Portal::start().await;
    let browser = portal.browser();
    let chosen = browser.get("/language/en?next=/activation").await;
    assert_eq!(chosen.location(), Some("/activation"));
    assert!(browser.get("/activation").await.body.contains("Step 1 of 4"));
    browser.walk().await;
    browser.ask("ada@example.org").await;
    assert!(portal.mails().await[0].contains("Hello Ada Martin"));
}

#[tokio::test]
async fn a_landlord_is_told_who_has_access_and_goes_no_further() {
    let portal = Portal::start().await;
    let browser = portal.browser();
    let answer = browser
        .fill("/activation", "/activation", &[("role", "landlord")])
        .await;
    assert_eq!(answer.location(), Some("/activation/landlord"));
    let page = browser.get("/activation/landlord").await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(
        page.body.contains("votre locataire peut activer"),
        "{}",
        page.body
    );
    for step in ["/activation/residence", "/activation/dwelling", "/activation/you"] {
        assert_eq!(browser.get(step).await.location(), Some("/activation"), "{step}");
    }
    // Nor does one who answers nothing, or something else.
    for role in ["", "king"] {
        let answer = browser
            .fill("/activation", "/activation", &[("role", role)])
            .await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    }
}

#[tokio::test]
async fn an_owner_who_lives_there_is_registered_as_one() {
    let portal = Portal::start().await;
    let browser = portal.browser();
    browser
        .fill("/activation", "/activation", &[("role", "owner")])
        .await;
    browser
        .fill(
            "/activation/residence",
            "/activation/residence",
            &[("code", "AB123")],
        )
        .await;
    browser
        .fill(
            "/activation/dwelling",
            "/activation/dwelling",
            &[("by", "lot"), ("number", "12")],
        )
        .await;
    let mut fields = details("ada@example.org");
    fields.push(("hourly", "yes"));
    browser.fill("/activation/you", "/activation/you", &fields).await;
    let link = portal.link_to("ada@example.org").await;
    browser.fill(&link, &link, &[]).await;
    let (_, body) = portal.fake.changes().remove(0);
    assert_eq!(
        (&body["role"], &body["keeps_hourly"]),
        (&json!("owner"), &json!(true))
    );
}

#[tokio::test]
async fn a_residence_is_found_by_words_of_its_address() {
    let portal = Portal::start().await;
    let browser = portal.browser();
    browser
        .fill("/activation", "/activation", &[("role", "tenant")])
        .await;
    let step = "/activation/residence";
    let found = browser.fill(step, step, &[("address", "rue des lilas")]).await;
    assert_eq!(found.status, StatusCode::OK);
    assert!(
        found.body.contains("12 rue des Lilas, 69003 Lyon"),
        "{}",
        found.body
    );
    let chosen = browser.fill(step, step, &[("code", "AB123")]).await;
    assert_eq!(chosen.location(), Some("/activation/dwelling"));
    let none = browser
        .fill(step, step, &[("address", "avenue <b>Foch</b>")])
        .await;
    assert_eq!(none.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(
        none.body.contains("avenue &lt;b&gt;Foch&lt;/b&gt;"),
        "{}",
        none.body
    );
}

#[tokio::test]
async fn wrong_codes_and_strange_ones_get_one_sentence() {
    let portal = Portal::with(|settings| settings.limits.search_session = 100).await;
    let browser = portal.browser();
    browser
        .fill("/activation", "/activation", &[("role", "tenant")])
        .await;
    let step = "/activation/residence";
    for code in [
        "ZZ999",
        "A1",
        "ABCDE",
        "'; DROP TABLE site;--",
        "é",
        "",
        "AB1234567890123456789",
    ] {
        let answer = browser.fill(step, step, &[("code", code)]).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{code}");
        assert!(
            answer.body.contains("Aucune résidence ne porte ce code"),
            "{code}"
        );
    }
    // What can't be a code is not asked for.
    let asked = portal.fake.asked();
    assert_eq!(asked.len(), 1, "{asked:?}");
    assert!(asked[0].target.contains("ZZ999"));
}

#[tokio::test]
async fn wrong_serials_and_strange_ones_get_the_same_page_and_one_that_is_ambiguous_is_explained() {
    let portal = Portal::with(|settings| settings.limits.search_session = 100).await;
    let browser = portal.browser();
    browser.walk().await;
    let step = "/activation/dwelling";
    let mut pages = Vec::new();
    for number in [
        "99999999",
        "!!!",
        "31415926 OR 1=1",
        "\u{1f4a7}",
        &"9".repeat(500),
    ] {
        let answer = browser
            .fill(step, step, &[("by", "serial"), ("number", number)])
            .await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{number}");
        let shown = number.replace('<', "&lt;");
        pages.push(answer.page().replace(&format!("value=\"{shown}\""), "value=\"\""));
    }
    for page in &pages {
        assert_eq!(page, &pages[0]);
        assert!(page.contains("ne mène à aucun logement"), "{page}");
        // Where the number stands is drawn, for those who don't see it too.
        assert!(
            page.contains("<svg") && page.contains("Sous l'écran du boîtier"),
            "{page}"
        );
        // Nothing of any dwelling is shown.
        assert!(!page.contains("lot 12"));
    }
    let both = browser
        .fill(step, step, &[("by", "serial"), ("number", "1415926")])
        .await;
    assert_eq!(both.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(
        both.body.contains("convient à plusieurs logements"),
        "{}",
        both.body
    );
    for (by, number) in [("reference", "C-0012"), ("lot", "12"), ("serial", "31 41-59 26")] {
        let answer = browser.fill(step, step, &[("by", by), ("number", number)]).await;
        assert_eq!(answer.location(), Some("/activation/you"), "{by}");
    }
}

#[tokio::test]
async fn guesses_end_after_a_few_also_with_fresh_cookies() {
    let portal = Portal::with(|settings| {
        settings.limits.search_session = 3;
        settings.limits.search_client = 5;
    })
    .await;
    let step = "/activation/dwelling";
    let guess = [("by", "serial"), ("number", "99999999")];
    let browser = portal.browser();
    browser.walk().await;
    for _ in 0..3 {
        assert_eq!(
            browser.fill(step, step, &guess).await.status,
            StatusCode::UNPROCESSABLE_ENTITY
        );
    }
    let refused = browser.fill(step, step, &guess).await;
    assert_eq!(refused.status, StatusCode::TOO_MANY_REQUESTS);
    assert!(refused.headers.contains_key("retry-after"));
    assert!(refused.body.contains("Réessayez dans 15 min"), "{}", refused.body);
    // Also with the right one: else the limit would say when it was hit.
    let right = browser
        .fill(step, step, &[("by", "serial"), ("number", "31415926")])
        .await;
    assert_eq!(right.status, StatusCode::TOO_MANY_REQUESTS);

    let another = portal.browser();
    another.walk().await;
    for _ in 0..2 {
        another.fill(step, step, &guess).await;
    }
    assert_eq!(
        another.fill(step, step, &guess).await.status,
        StatusCode::TOO_MANY_REQUESTS
    );
    // Somebody elsewhere is not concerned, and later nobody is.
    let elsewhere = portal.browser_at([198, 51, 100, 9]);
    elsewhere.walk().await;
    portal.pass(SignedDuration::from_mins(15));
    let again = browser
        .fill(step, step, &[("by", "serial"), ("number", "31415926")])
        .await;
    assert_eq!(again.location(), Some("/activation/you"));
}

#[tokio::test]
async fn dates_that_can_not_be_are_explained_and_nothing_typed_is_lost() {
    let portal = Portal::start().await;
    let browser = portal.browser();
    browser.walk().await;
    let step = "/activation/you";
    let with = |date: &'static str| {
        details("ada@example.org")
            .into_iter()
            .map(move |(name, value)| {
                if name == "move_in" {
                    (name, date)
                } else {
                    (name, value)
                }
            })
            .collect::<Vec<_>>()
    };
    for (date, sentence) in [
        ("2026-03-11", "Cette date est à venir"),
        ("2099-01-01", "Cette date est à venir"),
        ("1850-01-01", "Cette date est trop ancienne"),
        ("2026-02-30", "Écrivez la date en jour, mois et année"),
        ("", "Écrivez la date en jour, mois et année"),
        ("hier", "Écrivez la date en jour, mois et année"),
    ] {
        let answer = browser.fill(step, step, &with(date)).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{date}");
        assert!(answer.body.contains(sentence), "{date}: {}", answer.body);
        assert!(
            answer.body.contains(r#"value="Ada Martin""#)
                && answer.body.contains(r#"value="ada@example.org""#)
        );
        assert!(!answer.body.contains(PASSWORD), "a password is never shown again");
    }
    assert_eq!(portal.mails().await.len(), 0);
    // Today can be chosen, also as people write it.
    let today = browser.fill(step, step, &with("10/03/2026")).await;
    assert_eq!(today.location(), Some("/activation/sent"), "{}", today.body);
}

#[tokio::test]
async fn what_is_missing_in_the_last_step_is_named() {
    let portal = Portal::start().await;
    let browser = portal.browser();
    browser.walk().await;
    for (field, value, sentence) in [
        ("name", "", "Écrivez votre nom"),
        ("email", "ada", "adresse e-mail complète"),
        (
            "email",
            "ada@example.org\r\nBcc: eve@example.org",
            "adresse e-mail complète",
        ),
        ("password", "court", "au moins 12 caractères"),
        ("password", "motdepasse2026", "que l'on essaie en premier"),
        ("certified", "", "Sans cette certification"),
        ("consent", "no", "Sans votre accord"),
    ] {
        let fields: Vec<_> = details("ada@example.org")
            .into_iter()
            .map(|(name, usual)| {
                if name == field {
                    (name, value)
                } else {
                    (name, usual)
                }
            })
            .collect();
        let answer = browser.fill("/activation/you", "/activation/you", &fields).await;
        assert_eq!(
            answer.status,
            StatusCode::UNPROCESSABLE_ENTITY,
            "{field} {value:?}"
        );
        assert!(
            answer.body.contains(sentence),
            "{field} {value:?}: {}",
            answer.body
        );
        assert!(answer.body.contains(&format!(r##"href="#{field}""##)), "{field}");
    }
    assert_eq!(portal.mails().await.len(), 0);
}

#[tokio::test]
async fn steps_can_not_be_skipped_and_a_form_can_not_name_another_dwelling() {
    let portal = Portal::start().await;
    let browser = portal.browser();
    for step in [
        "/activation/residence",
        "/activation/dwelling",
        "/activation/you",
        "/activation/sent",
    ] {
        assert_eq!(browser.get(step).await.location(), Some("/activation"), "{step}");
    }
    let csrf = browser.csrf("/activation").await;
    let mut forged = details("ada@example.org");
    forged.extend([
        ("csrf", csrf.as_str()),
        ("dwelling", "8"),
        ("home", "8"),
        ("role", "tenant"),
        ("sent", "false"),
    ]);
    assert_eq!(
        browser.post("/activation/you", &forged).await.location(),
        Some("/activation")
    );
    browser.walk().await;
    let csrf = browser.csrf("/activation/you").await;
    forged.retain(|(name, _)| *name != "csrf");
    forged.push(("csrf", csrf.as_str()));
    browser.post("/activation/you", &forged).await;
    let link = portal.link_to("ada@example.org").await;
    browser.fill(&link, &link, &[("dwelling", "8")]).await;
    assert_eq!(portal.fake.changes()[0].1["dwelling"], 7);
}

#[tokio::test]
async fn a_form_that_is_sent_twice_makes_one_mail_and_a_link_that_is_used_twice_one_household() {
    let portal = Portal::start().await;
    let browser = portal.browser();
    browser.walk().await;
    let csrf = browser.csrf("/activation/you").await;
    let mut fields = details("ada@example.org");
    fields.push(("csrf", &csrf));
    let (first, second) = tokio::join!(
        browser.post("/activation/you", &fields),
        browser.post("/activation/you", &fields)
    );
    let third = browser.post("/activation/you", &fields).await;
    for answer in [first, second, third] {
        assert_eq!(answer.location(), Some("/activation/sent"), "{}", answer.body);
    }
    assert_eq!(portal.mails().await.len(), 1);

    let link = portal.link_to("ada@example.org").await;
    let csrf = browser.csrf(&link).await;
    let form = [("csrf", csrf.as_str())];
    let (first, second) = tokio::join!(browser.post(&link, &form), browser.post(&link, &form));
    let mut both = [first.status, second.status];
    both.sort();
    assert_eq!(both, [StatusCode::SEE_OTHER, StatusCode::GONE]);
    assert_eq!(browser.post(&link, &form).await.status, StatusCode::GONE);
    assert_eq!(portal.fake.changes().len(), 1);
    // A second way through the guide leads to the same account, and registers nothing twice.
    let again = portal.browser();
    again.walk().await;
    again.ask("ada@example.org").await;
    let link = portal.link_to("ada@example.org").await;
    assert_eq!(
        again.fill(&link, &link, &[]).await.location(),
        Some("/login?told=activated")
    );
    assert_eq!(portal.fake.changes().len(), 1);
}

#[tokio::test]
async fn an_address_that_has_an_account_is_answered_like_any_other() {
    let portal = Portal::start().await;
    let before = portal.resident("known@example.org", 41, 8).await;
    drop(before);
    let mut answers = Vec::new();
    for email in ["known@example.org", "other@example.org"] {
        let browser = portal.browser();
        browser.walk().await;
        let asked = browser.ask(email).await;
        let sent = browser.get("/activation/sent").await;
        answers.push((
            asked.status,
            asked.headers,
            asked.body,
            sent.status,
            sent.headers.clone(),
            sent.page(),
        ));
    }
    assert_eq!(answers[0], answers[1]);
    let mails = portal.mails().await;
    let to = |address: &str| {
        let to = format!("To: {address}\r\n");
        mails.iter().find(|mail| mail.contains(&to)).unwrap()
    };
    assert!(to("known@example.org").contains("Votre mot de passe reste le même"));
    assert!(to("other@example.org").contains("Bonjour Ada Martin"));
    // Whoever asked chose another password: it does not count for an account that is there.
    let link = portal.link_to("known@example.org").await;
    let browser = portal.browser();
    browser.fill(&link, &link, &[]).await;
    browser.log_in("known@example.org", PASSWORD).await;
    let account = browser.get("/account").await.body;
    assert_eq!(account.matches("<article").count(), 2, "{account}");
}

#[tokio::test]
async fn a_move_in_date_that_the_service_refuses_is_explained_and_can_be_chosen_again() {
    let portal = Portal::start().await;
    let browser = portal.browser();
    browser.walk().await;
    let fields: Vec<_> = details("ada@example.org")
        .into_iter()
        .map(|(name, value)| {
            if name == "move_in" {
                (name, "2026-01-15")
            } else {
                (name, value)
            }
        })
        .collect();
    browser.fill("/activation/you", "/activation/you", &fields).await;
    let link = portal.link_to("ada@example.org").await;
    let refused = browser.fill(&link, &link, &[]).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(
        refused
            .body
            .contains("avant l'emménagement de l'occupant précédent")
            && refused.body.contains(r#"value="2026-01-15""#),
        "{}",
        refused.body
    );
    let nonsense = browser.fill(&link, &link, &[("move_in", "bientôt")]).await;
    assert_eq!(nonsense.status, StatusCode::UNPROCESSABLE_ENTITY);
    let done = browser.fill(&link, &link, &[("move_in", "2026-02-15")]).await;
    assert_eq!(done.location(), Some("/login?told=activated"), "{}", done.body);
    browser.log_in("ada@example.org", PASSWORD).await;
    assert!(browser.get("/account").await.body.contains("15 février 2026"));
}

#[tokio::test]
async fn nobody_finds_out_by_trying_when_the_household_before_moved_in() {
    let portal = Portal::with(|settings| settings.limits.search_session = 3).await;
    let browser = portal.browser();
    browser.walk().await;
    browser.ask("ada@example.org").await;
    let link = portal.link_to("ada@example.org").await;
    for day in ["2025-06-01", "2025-12-01", "2026-01-15"] {
        let refused = browser.fill(&link, &link, &[("move_in", day)]).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{day}");
    }
    let fourth = browser.fill(&link, &link, &[("move_in", "2026-01-31")]).await;
    assert_eq!(fourth.status, StatusCode::TOO_MANY_REQUESTS);
    // The link waits.
    portal.pass(SignedDuration::from_mins(15));
    let done = browser.fill(&link, &link, &[("move_in", "2026-03-01")]).await;
    assert_eq!(done.location(), Some("/login?told=activated"));
}

#[tokio::test]
async fn while_the_service_is_down_nothing_is_lost() {
    let portal = Portal::with(|settings| settings.service.limit = std::time::Duration::from_millis(50)).await;
    let browser = portal.browser();
    browser
        .fill("/activation", "/activation", &[("role", "tenant")])
        .await;
    for mood in [Mood::Busy, Mood::Broken, Mood::Slow] {
        portal.fake.set_mood(mood);
        let answer = browser
            .fill(
                "/activation/residence",
                "/activation/residence",
                &[("code", "AB123")],
            )
            .await;
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE, "{mood:?}");
        assert!(answer.body.contains("Rien n'est perdu") && answer.body.contains(r#"value="AB123""#));
    }
    portal.fake.set_mood(Mood::Well);
}

#[tokio::test]
async fn a_link_waits_for_a_service_that_is_down() {
    let portal = Portal::start().await;
    let browser = portal.browser();
    browser.walk().await;
    portal.fake.set_mood(Mood::Broken);
    let step = "/activation/dwelling";
    let answer = browser
        .fill(step, step, &[("by", "serial"), ("number", "31415926")])
        .await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(answer.body.contains(r#"value="31415926""#));
    portal.fake.set_mood(Mood::Well);
    browser.ask("ada@example.org").await;
    let link = portal.link_to("ada@example.org").await;
    portal.fake.set_mood(Mood::Broken);
    let failed = browser.fill(&link, &link, &[]).await;
    assert_eq!(failed.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(failed.body.contains("Rien n'est perdu"), "{}", failed.body);
    portal.fake.set_mood(Mood::Well);
    let done = browser.fill(&link, &link, &[]).await;
    assert_eq!(done.location(), Some("/login?told=activated"));
}
