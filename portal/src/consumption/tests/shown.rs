//! What pages show is what the service said.

use axum::http::Method;
use jiff::civil::date;

use super::fake::{Mood, SILENT, TODAY, days, sum, used};
use super::{House, french};

#[tokio::test]
async fn the_first_page_has_this_month_and_today_in_large_digits() {
    let house = House::new().await;
    let page = house.get("/consumption").await;
    assert_eq!(page.status, 200, "{}", page.text);
    // A day of this month is not known, so the month is not known: it is not the sum of the others.
    let water = page
        .text
        .split("tile hot_water")
        .nth(1)
        .unwrap()
        .split("</section>")
        .next()
        .unwrap();
    assert!(water.contains("donnée manquante"), "{water}");
    let today = french(used(1, 1, TODAY).unwrap());
    assert!(
        water.contains(&format!("<span class=\"digits\">{today}</span>")),
        "{water}"
    );
    let heating = page
        .text
        .split("tile heating")
        .nth(1)
        .unwrap()
        .split("</section>")
        .next()
        .unwrap();
    let (first, tomorrow) = (date(2026, 3, 1), date(2026, 3, 16));
    let month = sum(1, 2, first, tomorrow).unwrap() + sum(1, 3, first, tomorrow).unwrap();
    assert!(
        heating.contains(&format!("<span class=\"digits\">{}</span>", french(month))),
        "{heating}"
    );
    // The same days a year before used the same: the formula knows days of the month only.
    assert!(
        heating.contains("Autant que") && heating.contains("du 1er au 15 mars 2025"),
        "{heating}"
    );
    // Two dwellings to choose from; a leak; a radiator that counts far less than the other.
    assert!(page.has("Les Lilas, lot 8") && page.has("href=\"/consumption?home=12\""));
    assert!(page.has("L&#39;eau coule sans arrêt.") || page.has("L'eau coule sans arrêt."));
    assert!(page.has("bien moins que vos autres radiateurs") && page.has("Chambre · radiateur"));
    let english = house.get_in_english("/consumption").await;
    assert!(
        english.has("My consumption") && english.has("Water never stops flowing."),
        "{}",
        english.text
    );
}

#[tokio::test]
async fn every_day_of_a_month_stands_in_the_table_and_a_missing_one_is_missing() {
    let house = House::new().await;
    let page = house.get("/consumption/history?view=month&day=2026-03-10").await;
    assert_eq!(page.status, 200, "{}", page.text);
    assert!(page.has("<h1>Mars 2026</h1>"));
    let rows = page.rows();
    for day in days(date(2026, 3, 1), date(2026, 3, 16)) {
        let name = crate::consumption::words::capitalised(&crate::consumption::words::long_day(
            day,
            crate::Language::French,
        ));
        let mut found = rows.iter().filter(|row| row.first() == Some(&name));
        let (water, heating) = (found.next().unwrap(), found.next().unwrap());
        if day == SILENT {
            assert_eq!(
                (water[1].as_str(), water[3].as_str()),
                ("donnée manquante", "manquant")
            );
        } else {
            assert_eq!(water[1], format!("{}\u{A0}m³", french(used(1, 1, day).unwrap())));
            assert_eq!(water[3], "mesuré");
        }
        let both = used(1, 2, day).unwrap() + used(1, 3, day).unwrap();
        assert_eq!(heating[1], format!("{}\u{A0}U", french(both)), "{day}");
        // A year before, the same.
        let before = date(2025, 3, day.day());
        assert_eq!(
            water[2],
            format!("{}\u{A0}m³", french(used(1, 1, before).unwrap())),
            "{day}"
        );
    }
    // Days to come are no rows.
    assert!(!page.has("Lundi 16 mars 2026</th>"));
    assert_eq!(
        page.text.matches("class=\"missing\"").count(),
        2,
        "one row, one mark in the chart"
    );
    // Each radiator by its room and number, and the average user.
    let salon = sum(1, 2, date(2026, 3, 1), date(2026, 3, 16)).unwrap();
    let room = rows
        .iter()
        .find(|row| row[0] == "=Salon" && row.len() == 4)
        .unwrap();
    assert_eq!((&room[3], &room[1]), (&"M2-D1".to_owned(), &french(salon)));
    assert!(page.has("Moyenne de l") && page.has("3,01\u{A0}m³") && page.has("6 logements"));
    assert!(page.has("ce n'est pas zéro") || page.has("ce n&#39;est pas zéro"));
}

#[tokio::test]
async fn every_length_of_time_has_its_title_its_bars_and_its_way_on() {
    let house = House::new().await;
    for (query, french, english, bars) in [
        (
            "view=week&day=2026-03-12",
            "Semaine 11 · du 9 au 15 mars 2026",
            "Week 11 · 9–15 March 2026",
            7,
        ),
        ("view=month&day=2026-02-12", "Février 2026", "February 2026", 28),
        (
            "view=weeks&day=2026-03-12",
            "Semaines 52 à 11",
            "Weeks 52 to 11",
            12,
        ),
        ("view=year&day=2026-03-12", "2026", "2026", 12),
        ("view=years", "2024 – 2026", "2024 – 2026", 3),
    ] {
        let path = format!("/consumption/history?{query}");
        let page = house.get(&path).await;
        assert_eq!(page.status, 200, "{path}: {}", page.text);
        assert!(page.has(&format!("<h1>{french}")), "{path}: {}", page.text);
        assert_eq!(page.text.matches("<g class=\"bar\"").count(), 2 * bars, "{path}");
        assert!(
            house.get_in_english(&path).await.has(&format!("<h1>{english}")),
            "{path}"
        );
        // The policy of the portal forbids what stands inline.
        assert!(
            !page.has(" style=") && !page.has(" onclick=") && !page.has("<script>") && !page.has("<style")
        );
    }
    let week = house.get("/consumption/history?view=week&day=2026-03-12").await;
    assert!(
        week.has("view=week&amp;day=2026-03-08&amp;compare=year_ago"),
        "{}",
        week.text
    );
    assert!(!week.has("rel=\"next\""), "nobody is led to days to come");
    // The first week is no whole one: what lies before is others'.
    let first = house.get("/consumption/history?view=week&day=2024-06-12").await;
    assert_eq!(first.status, 200);
    assert!(!first.has("rel=\"prev\"") && first.has("rel=\"next\""));
}

#[tokio::test]
async fn what_it_is_compared_with_is_chosen_and_is_as_long() {
    let house = House::new().await;
    house
        .get("/consumption/history?view=month&day=2026-03-10&compare=previous")
        .await;
    let questions = house.fake.questions();
    assert!(
        questions
            .iter()
            .any(|asked| asked.contains("from=2026-02-01&to=2026-02-16&step=day")),
        "{questions:?}"
    );
    let page = house
        .get("/consumption/history?view=month&day=2026-03-10&compare=none")
        .await;
    assert!(!page.has("class=\"key\""));
    let year = house.get("/consumption/history?view=year&day=2026-03-10").await;
    let water: i64 = sum(1, 1, date(2025, 1, 1), date(2025, 3, 16)).unwrap();
    assert!(year.has(&format!("{}\u{A0}m³", french(water))), "{}", year.text);
}

#[tokio::test]
async fn a_file_says_the_same_and_no_room_is_a_formula() {
    let house = House::new().await;
    let file = house.get("/consumption/file?view=month&day=2026-03-10").await;
    assert_eq!(
        (file.status, file.header("content-type")),
        (200, "text/csv; charset=utf-8")
    );
    assert_eq!(
        file.header("content-disposition"),
        "attachment; filename=\"consommation-2026-03-01-2026-03-15.csv\""
    );
    let lines: Vec<&str> = file.text.trim_start_matches('\u{FEFF}').lines().collect();
    assert_eq!(lines.len(), 1 + 3 * 15);
    let third = used(1, 1, date(2026, 3, 3)).unwrap();
    assert!(
        lines.contains(
            &format!(
                "Eau chaude;Cuisine;M1-D1;2026-03-03;2026-03-03;2026-03-03 00:00;{};0,{third:03};m³;mesuré",
                french(third)
            )
            .as_str()
        )
    );
    assert!(lines.contains(&"Eau chaude;Cuisine;M1-D1;2026-03-05;2026-03-05;2026-03-05 00:00;;;m³;manquant"));
    assert!(file.has(";\"'=Salon\";") && !file.has(";=Salon;"));
    let english = house.get_in_english("/consumption/file?view=year").await;
    assert!(english.has("Kind,Room,Number,"));
    assert!(
        english
            .header("content-disposition")
            .contains("consumption-2026-01-01")
    );
}

#[tokio::test]
async fn statement_and_note_have_the_figures_of_their_routes() {
    let house = House::new().await;
    let statement = house.get("/consumption/statement?month=2026-02").await;
    assert_eq!(statement.status, 200, "{}", statement.text);
    assert!(statement.has("<h1>Relevé de février 2026</h1>") && statement.has("Ada Exemple"));
    let (february, march) = (date(2026, 2, 1), date(2026, 3, 1));
    let rows = statement.rows();
    let kitchen = rows.iter().find(|row| row[0] == "Cuisine · eau chaude").unwrap();
    assert_eq!(kitchen[2], french(sum(1, 1, february, march).unwrap()));
    assert_eq!(kitchen[3], french(sum(1, 1, date(2026, 1, 1), march).unwrap()));
    let heating = sum(1, 2, february, march).unwrap() + sum(1, 3, february, march).unwrap();
    assert!(statement.has(&format!("{}\u{A0}U", french(heating))));
    assert!(statement.has("data-print") && statement.has("month=2026-01") && statement.has("month=2026-03"));
    assert!(
        house
            .get("/consumption/statement?month=2025-10")
            .await
            .has("<h1>Relevé d'octobre 2025</h1>")
    );
    // Without a month: the last one that has ended.
    assert!(
        house
            .get("/consumption/statement")
            .await
            .has("Relevé de février 2026")
    );

    let note = house.get("/consumption/year-note?year=2025").await;
    assert_eq!(note.status, 200, "{}", note.text);
    let total = sum(1, 1, date(2025, 1, 1), date(2026, 1, 1)).unwrap();
    assert!(
        note.has(&format!("<span class=\"digits\">{}</span>", french(total))),
        "{}",
        note.text
    );
    assert!(note.has("utilisateur moyen de l") && note.has("40,25\u{A0}m³"));
    let rows = note.rows();
    let july = rows.iter().find(|row| row[0] == "Juillet").unwrap();
    assert_eq!(
        july[1],
        french(sum(1, 1, date(2025, 7, 1), date(2025, 8, 1)).unwrap())
    );
}

#[tokio::test]
async fn hours_are_shown_when_the_household_agrees_and_not_before() {
    let house = House::new().await;
    let hours = "/consumption/history?home=11&view=day&day=2026-03-14";
    let refused = house.get(hours).await;
    assert_eq!(
        (refused.status, refused.header("location")),
        (303, "/consumption/hours?home=11")
    );
    assert!(
        house
            .fake
            .questions()
            .iter()
            .all(|asked| !asked.contains("step=hour"))
    );
    let page = house.get("/consumption/hours?home=11").await;
    assert!(
        page.has("Les heures ne sont gardées que si vous l"),
        "{}",
        page.text
    );
    let agreed = house
        .post(
            "/consumption/hours",
            &format!("csrf={}&home=11&agree=yes", page.csrf()),
        )
        .await;
    assert_eq!(
        (agreed.status, agreed.header("location")),
        (303, "/consumption/hours?home=11")
    );
    assert!(
        house
            .fake
            .questions()
            .contains(&"PATCH /v1/occupancies/11".to_owned())
    );
    assert!(house.get("/account").await.has(" checked"));
    let shown = house.get(hours).await;
    assert_eq!(shown.status, 200, "{}", shown.text);
    assert!(shown.has("<h1>Samedi 14 mars 2026</h1>"));
    assert_eq!(shown.text.matches("<g class=\"bar\"").count(), 48);
    // And back again.
    let page = house.get("/consumption/hours?home=11").await;
    assert!(page.has("Vous avez accepté"));
    house
        .post(
            "/consumption/hours",
            &format!("csrf={}&home=11&agree=no", page.csrf()),
        )
        .await;
    assert_eq!(house.get(hours).await.status, 303);
}

#[tokio::test]
async fn the_day_on_which_clocks_change_has_its_hours() {
    let house = House::new().await;
    let page = house.get("/consumption/hours?home=11").await;
    house
        .post(
            "/consumption/hours",
            &format!("csrf={}&home=11&agree=yes", page.csrf()),
        )
        .await;
    for (day, hours) in [("2025-03-30", 23), ("2025-10-26", 25), ("2025-10-27", 24)] {
        let page = house
            .get(&format!(
                "/consumption/history?home=11&view=day&day={day}&compare=none"
            ))
            .await;
        assert_eq!(page.text.matches("<g class=\"bar\"").count(), 2 * hours, "{day}");
    }
}

#[tokio::test]
async fn a_service_that_is_down_or_slow_is_said_and_the_way_stays_open() {
    let house = House::at(None, std::time::Duration::from_millis(300)).await;
    for (mood, sentence) in [(Mood::Broken, "ne répond pas"), (Mood::Slow, "met trop de temps")] {
        house.fake.become_(mood);
        for path in [
            "/consumption",
            "/consumption/history?view=week",
            "/consumption/file",
            "/consumption/statement",
        ] {
            let page = house.get(path).await;
            assert_eq!(page.status, 503, "{path}");
            assert!(page.has(sentence), "{path}: {}", page.text);
            assert!(page.has("href=\"/account\"") && page.has("Réessayer"), "{path}");
            assert!(!page.has("donnée manquante"), "{path}");
        }
    }
    let nobody = House::at(
        Some("http://127.0.0.1:9".to_owned()),
        std::time::Duration::from_secs(5),
    )
    .await;
    assert_eq!(nobody.get("/consumption").await.status, 503);
}

#[tokio::test]
async fn whoever_is_not_logged_in_is_asked_to() {
    let house = House::new().await;
    for path in [
        "/consumption",
        "/consumption/history?home=11&view=week",
        "/consumption/file",
        "/consumption/hours",
    ] {
        let answer = house.ask(Method::GET, path, &[], "").await;
        assert_eq!(answer.status, 303, "{path}");
        assert!(
            answer
                .header("location")
                .starts_with("/login?next=%2Fconsumption"),
            "{path}"
        );
    }
    assert!(house.fake.questions().is_empty());
}
