//! By every parameter of every page: another dwelling, another time, another account, and nonsense.

use axum::http::Method;
use jiff::civil::Date;

use super::House;

/// All pages that take parameters.
const PAGES: [&str; 7] = [
    "/consumption",
    "/consumption/history",
    "/consumption/file",
    "/consumption/readings",
    "/consumption/statement",
    "/consumption/year-note",
    "/consumption/hours",
];

/// Questions that went out, each with its occupancy and the days it asked for.
fn asked(house: &House) -> Vec<(i64, Option<(Date, Date)>)> {
    house
        .fake
        .questions()
        .iter()
        .map(|question| {
            let (_, target) = question.split_once(' ').unwrap();
            let (path, query) = target.split_once('?').unwrap_or((target, ""));
            let id = path
                .trim_start_matches("/v1/occupancies/")
                .split('/')
                .next()
                .unwrap()
                .parse()
                .unwrap();
            let day = |name: &str| {
                form_urlencoded::parse(query.as_bytes())
                    .find(|(key, _)| key == name)
                    .map(|(_, value)| value.parse().unwrap())
            };
            (id, day("from").zip(day("to")))
        })
        .collect()
}

#[tokio::test]
async fn nobody_reaches_an_occupancy_that_is_not_theirs() {
    let house = House::new().await;
    for page in PAGES {
        // Another account's, the former household's of one's own dwelling, one that is not there, and what is no number.
        for home in [
            "21",
            "22",
            "1",
            "2",
            "999",
            "0",
            "-11",
            "11.0",
            "011",
            "1e1",
            "%31%31%00",
            "11%20OR%201=1",
            "",
            "21&home=11",
        ] {
            for rest in [
                "",
                "&view=month&day=2026-02-01",
                "&view=years",
                "&month=2026-01",
                "&year=2025",
                "&point=1&first=2026-01-01&last=2026-01-31",
            ] {
                let path = format!("{page}?home={home}{rest}");
                let answer = house.get(&path).await;
                assert!([400, 404].contains(&answer.status), "{path}: {}", answer.status);
                assert!(
                    answer.has("href=\"/\"") && answer.has("href=\"/account\""),
                    "{path}: a way on"
                );
                assert!(!answer.has("-D3") && !answer.has("-D1"), "{path}");
            }
        }
    }
    assert!(asked(&house).is_empty(), "the service was not even asked");
}

#[tokio::test]
async fn nobody_reaches_a_day_that_is_not_theirs() {
    let house = House::new().await;
    let windows: [(i64, Date, Date); 2] = [
        (11, "2024-06-10".parse().unwrap(), "2026-03-16".parse().unwrap()),
        (12, "2025-01-10".parse().unwrap(), "2025-12-21".parse().unwrap()),
    ];
    let days = [
        "1970-01-01",
        "2024-06-09",
        "2024-06-10",
        "2024-06-30",
        "2024-12-31",
        "2025-01-01",
        "2025-01-09",
        "2025-01-10",
        "2025-06-30",
        "2025-12-20",
        "2025-12-21",
        "2025-12-31",
        "2026-01-01",
        "2026-03-15",
        "2026-03-16",
        "2026-04-01",
        "2200-12-31",
    ];
    let mut pages = 0;
    for (home, from, to) in windows {
        let mut queries = vec![String::new()];
        for day in days {
            for view in ["week", "month", "weeks", "year", "years"] {
                for compare in ["", "&compare=previous"] {
                    queries.push(format!("&view={view}&day={day}{compare}"));
                }
            }
            queries.push(format!("&last={day}"));
            queries.push(format!("&first={day}&point=1"));
            queries.push(format!("&first={day}&last={day}"));
            queries.push(format!("&first=2023-12-31&last={day}&point=3"));
            queries.push(format!("&month={}", &day[..7]));
            queries.push(format!("&year={}", &day[..4]));
        }
        for query in &queries {
            for page in PAGES {
                // Each page with the parameters that it has; the others mean nothing to it.
                let fits = match page {
                    "/consumption/statement" => query.starts_with("&month"),
                    "/consumption/year-note" => query.starts_with("&year"),
                    "/consumption/readings" => query.starts_with("&first") || query.starts_with("&last"),
                    "/consumption/history" => query.starts_with("&view"),
                    "/consumption/file" => {
                        query.starts_with("&view=month") || query.starts_with("&view=year")
                    }
                    _ => query.is_empty(),
                };
                if !fits {
                    continue;
                }
                let path = format!("{page}?home={home}{query}");
                let answer = house.get(&path).await;
                pages += 1;
                assert!(
                    [200, 400].contains(&answer.status),
                    "{path}: {} {}",
                    answer.status,
                    answer.text
                );
                for (id, days) in asked(&house) {
                    assert_eq!(id, home, "{path}");
                    if let Some((first, end)) = days {
                        assert!(first >= from && end <= to, "{path}: {first} to {end}");
                    }
                }
                if answer.status == 400 {
                    let backwards = query.starts_with("&first") && answer.has("avant le premier");
                    assert!(
                        (backwards || answer.has("Vous voyez les jours pendant lesquels"))
                            && answer.has("href=\"/consumption\""),
                        "{path}"
                    );
                }
                // No figure of the dwelling next door, where a day has some thousand cubic metres.
                let (own, other) = if home == 11 {
                    ("-D1", "-D2")
                } else {
                    ("-D2", "-D1")
                };
                assert!(!answer.has(other), "{path}");
                if answer.status == 200 && page == "/consumption/file" {
                    assert!(answer.has(own), "{path}");
                }
            }
        }
    }
    assert!(pages > 500, "{pages}");
}

#[tokio::test]
async fn a_household_that_has_left_is_told_so() {
    let house = House::new().await;
    let page = house.get("/consumption?home=12").await;
    assert_eq!(page.status, 200, "{}", page.text);
    assert!(page.has("Vous avez quitté ce logement") && page.has("20 décembre 2025"));
    assert!(page.has("Décembre 2025") && !page.has("Aujourd'hui") && !page.has("Ce mois-ci</h3>"));
    let hours = house.get("/consumption/hours?home=12").await;
    assert!(!hours.has("name=\"agree\""));
}

#[tokio::test]
async fn nonsense_is_refused_in_a_sentence_with_a_way_on() {
    let house = House::new().await;
    for (name, values) in [
        (
            "view",
            &[
                "hour",
                "MONTH",
                "%3Cscript%3Ealert(1)%3C/script%3E",
                "month%00",
                "",
            ][..],
        ),
        (
            "day",
            &[
                "2026-02-29",
                "2026-3-1",
                "yesterday",
                "2026-03-01T00:00",
                "99999-01-01",
                "0000-00-00",
                "%C3%A9",
                "",
            ],
        ),
        ("compare", &["site", "me", "year_ago,previous", ""]),
        ("month", &["2026-13", "2026", "2026-02-01", "-001-01", ""]),
        ("year", &["26", "20260", "-2026", "year", ""]),
        ("point", &["0", "-1", "1.0", "one", "1%27%20OR%201", ""]),
        ("first", &["2026-02-30", "26-01-01", "now", ""]),
        ("last", &["2026-13-01", "2026-01", ""]),
    ] {
        for value in values {
            for page in PAGES {
                let path = format!("{page}?{name}={value}");
                let answer = house.get(&path).await;
                assert_eq!(answer.status, 400, "{path}: {}", answer.text);
                assert!(
                    answer.has("href=\"/consumption\"") && !answer.has("<script>"),
                    "{path}"
                );
            }
        }
    }
    assert!(asked(&house).is_empty());
    // What is none of ours means nothing.
    assert_eq!(
        house
            .get("/consumption/history?fbclid=x&from=1970-01-01")
            .await
            .status,
        200
    );
}

#[tokio::test]
async fn consent_is_given_by_the_household_alone_and_from_its_own_page() {
    let house = House::new().await;
    let csrf = house.get("/consumption/hours").await.csrf().to_owned();
    house.fake.questions();
    for (body, status) in [
        ("home=11&agree=yes".to_owned(), 403),
        (format!("csrf={csrf}x&home=11&agree=yes"), 403),
        (format!("csrf={csrf}&home=21&agree=yes"), 404),
        (format!("csrf={csrf}&home=22&agree=no"), 404),
        (format!("csrf={csrf}&home=11%26home%3D21&agree=yes"), 404),
        (format!("csrf={csrf}&home=11&agree=maybe"), 400),
        (format!("csrf={csrf}&home=12&agree=yes"), 400),
    ] {
        let answer = house.post("/consumption/hours", &body).await;
        assert_eq!(answer.status, status, "{body}: {}", answer.text);
    }
    let cookie = [
        ("cookie", house.cookie.as_str()),
        ("origin", "https://evil.example"),
    ];
    let elsewhere = house
        .ask(
            Method::POST,
            "/consumption/hours",
            &cookie,
            &format!("csrf={csrf}&home=11&agree=yes"),
        )
        .await;
    assert_eq!(elsewhere.status, 403);
    assert!(
        house
            .fake
            .questions()
            .iter()
            .all(|asked| !asked.starts_with("PATCH"))
    );
}
