//! Every figure is traced to what its meter showed: the end less the beginning is the figure.

use jiff::civil::{Date, date};

use super::fake::{RESTART, index, sum};
use super::{Answer, House, french};
use crate::Language;
use crate::query::Decimal;

/// The page's part about a point.
fn section(page: &Answer, point: i64) -> &str {
    let heading = format!("aria-labelledby=\"point-{point}\"");
    let (_, rest) = page.text.split_once(&heading).unwrap();
    rest.split("</section>").next().unwrap()
}

/// The numbers of the sums in a point's part, row by row, as written, without the rows' words.
fn numbers(section: &str) -> Vec<String> {
    section
        .split("<td class=\"number\">")
        .skip(1)
        .map(|cell| cell.split('<').next().unwrap().to_owned())
        .collect()
}

/// Thousandths with all their digits, as French pages write them.
fn exact(thousandths: i64, least: u8) -> String {
    let value = Decimal::new(thousandths, 3);
    crate::consumption::words::number(value, value.digits_behind().max(least), Language::French)
}

const FEBRUARY: (Date, Date) = (date(2026, 2, 1), date(2026, 3, 1));

#[tokio::test]
async fn each_room_s_figure_leads_to_its_index_at_both_ends() {
    let house = House::new().await;
    let history = house.get("/consumption/history?view=month&day=2026-02-10").await;
    let statement = house.get("/consumption/statement?month=2026-02").await;
    for point in [1, 2, 3] {
        let path = format!("/consumption/readings?home=11&first=2026-02-01&last=2026-02-28&point={point}");
        let link = path.replace('&', "&amp;");
        assert!(
            history.has(&format!("href=\"{link}\"")) && statement.has(&link),
            "{link}"
        );
        assert!(statement.has(&link.replace("2026-02-01", "2026-01-01")), "{link}");
        let page = house.get(&path).await;
        assert_eq!(page.status, 200, "{}", page.text);
        assert!(page.has("Du 1er au 28 février 2026") && page.has(&format!("Appareil n° M{point}-D1")));
        assert_eq!(
            page.text.matches("<section").count(),
            1,
            "the one that was asked for"
        );
        let (first, last) = (index(1, point, FEBRUARY.0), index(1, point, FEBRUARY.1));
        let used = sum(1, point, FEBRUARY.0, FEBRUARY.1).unwrap();
        let shown = numbers(section(&page, point));
        if point == 1 {
            let unit = "\u{A0}m³";
            let wanted = [last, first, used].map(|value| exact(value, 3) + unit);
            assert_eq!(shown, wanted);
        } else {
            let wanted = [
                exact(last, 0),
                exact(first, 0),
                exact(last - first, 0),
                "0,5".to_owned(),
                exact(used, 0) + "\u{A0}U",
            ];
            assert_eq!(shown, wanted);
        }
        // And what stands in large digits is what stands everywhere.
        let digits = format!("<span class=\"digits\">{}</span>", french(used));
        assert!(section(&page, point).contains(&digits), "{digits}: {}", page.text);
    }
}

#[tokio::test]
async fn how_each_end_is_known_is_said_in_words() {
    let house = House::new().await;
    let path = "/consumption/readings?first=2026-02-01&last=2026-02-28";
    let page = house.get(path).await;
    assert_eq!(page.text.matches("<section").count(), 3, "all of them");
    assert!(section(&page, 1).contains("Entendu par radio le 1er février 2026 à 00:00"));
    assert!(section(&page, 1).contains("À la fin, le 1er mars 2026 à 00:00"));
    let between = section(&page, 2);
    assert!(between.contains("Calculé entre deux relevés\u{A0}:"), "{between}");
    assert!(
        between.contains("le 31 janvier 2026 à 18:00") && between.contains("le 1er février 2026 à 06:00")
    );
    assert!(between.contains("celui de ce radiateur"));
    let english = house.get_in_english(path).await;
    assert!(
        english.has("Where these figures come from")
            && section(&english, 1).contains("Heard by radio, 1 February 2026 at 00:00")
            && section(&english, 2).contains("Worked out between two readings:")
            && section(&english, 2).contains("× rating factor"),
        "{}",
        english.text
    );
}

#[tokio::test]
async fn a_restart_in_between_is_told_and_its_two_parts_add_up() {
    let house = House::new().await;
    let page = house
        .get("/consumption/readings?first=2025-12-01&last=2026-01-31&point=3")
        .await;
    let (from, to) = (date(2025, 12, 1), date(2026, 2, 1));
    let section = section(&page, 3);
    let closed = index(1, 3, RESTART);
    let (old, new) = (sum(1, 3, from, RESTART).unwrap(), sum(1, 3, RESTART, to).unwrap());
    assert!(
        section.contains(&format!(
            "À sa date de relevé, le 1er janvier 2026 à 00:00, l'appareil a gardé son index ({}\u{A0}U) et est reparti de zéro.",
            exact(closed, 0)
        )),
        "{section}"
    );
    let unit = |value| exact(value, 0) + "\u{A0}U";
    let wanted = [
        exact(closed, 0),
        exact(index(1, 3, from), 0),
        exact(2 * old, 0),
        "0,5".to_owned(),
        unit(old),
        exact(index(1, 3, to), 0),
        "0".to_owned(),
        exact(2 * new, 0),
        "0,5".to_owned(),
        unit(new),
    ];
    assert_eq!(numbers(section), wanted);
    let together = format!(
        "{} + {} = <strong>{}</strong>",
        unit(old),
        unit(new),
        unit(old + new)
    );
    assert!(section.contains(&together), "{section}");
    // From the restart on it began at 0, and says why.
    let page = house
        .get("/consumption/readings?first=2026-01-01&last=2026-01-31&point=3")
        .await;
    assert!(
        page.has("L'appareil est reparti de zéro à cette date")
            || page.has("L&#39;appareil est reparti de zéro à cette date")
    );
    assert!(
        !page.has(&exact(closed, 0)),
        "what was counted before it is of no matter"
    );
}

#[tokio::test]
async fn what_nobody_knows_has_no_sum_and_what_is_others_is_not_shown() {
    let house = House::new().await;
    let page = house
        .get("/consumption/readings?first=2026-03-01&last=2026-03-10&point=1")
        .await;
    let missing = section(&page, 1);
    assert_eq!(
        numbers(missing).last().map(String::as_str),
        Some("donnée manquante")
    );
    assert!(!missing.contains("class=\"digits\""));
    // On the first day of the household: a reading from before is not theirs.
    let page = house
        .get("/consumption/readings?first=2024-06-10&last=2024-06-30&point=2")
        .await;
    let first = section(&page, 2);
    assert!(
        first.contains("est hors de vos jours dans ce logement") && !first.contains("9 juin 2024"),
        "{first}"
    );
    for (query, why) in [
        ("first=2026-02-01&last=2026-02-28&point=9", "Il n"),
        ("first=2026-02-28&last=2026-02-01", "avant le premier"),
        ("first=2024-01-01&last=2024-06-09", "Vous voyez les jours"),
        ("first=2026-03-16&last=2026-03-16", "Vous voyez les jours"),
    ] {
        let page = house.get(&format!("/consumption/readings?{query}")).await;
        assert_eq!(page.status, 400, "{query}");
        assert!(page.has(why) && page.has("href=\"/consumption\""), "{query}");
    }
}
