//! What a household may want to look at: what the service found out about its meters, and radiators that count although they may
//! be closed.

use jiff::civil::Date;

use crate::Language;
use crate::query::{Alert, Consumption, Decimal, KindName, Point};

use super::words;

/// Something to look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Hint {
    /// Where: the room and what hangs there.
    pub(super) place: String,
    /// What it means and what to do.
    pub(super) text: String,
    /// Whether it costs while nobody looks: a leak.
    pub(super) is_urgent: bool,
}

/// What the service found out, the urgent first.
#[must_use]
pub(super) fn found(alerts: &[Alert], language: Language) -> Vec<Hint> {
    let mut hints: Vec<Hint> = alerts
        .iter()
        .map(|alert| Hint {
            place: place(&alert.point.kind, &alert.point.room, alert.point.number, language),
            text: language.of(&alert.explanation.fr, &alert.explanation.en).clone(),
            is_urgent: alert.kind == "leak",
        })
        .filter(|hint| !hint.text.is_empty())
        .collect();
    hints.sort_by_key(|hint| !hint.is_urgent);
    hints
}

/// Radiators that count although nobody would think so, from what was used in the last thirty days: any that counts in summer, and one
/// that counts at most a tenth of what the others do, which is how a closed one looks that is not quite closed, or not closed alone.
#[must_use]
pub(super) fn closed(last_days: &Consumption, today: Date, language: Language) -> Vec<Hint> {
    let heating = last_days
        .kinds
        .iter()
        .filter(|kind| kind.kind == KindName::Heating && kind.unit == "U");
    let points: Vec<&Point> = heating.flat_map(|kind| &kind.points).collect();
    let summer = (6..=9).contains(&today.month());
    let known: Vec<Decimal> = points.iter().filter_map(|point| point.total.value).collect();
    let sum: i128 = known.iter().map(|value| value.scaled(PLACES)).sum();
    let others = i128::try_from(known.len()).unwrap_or(i128::MAX) - 1;
    let mut hints = Vec::new();
    for point in points {
        let (Some(value), Some(shown)) = (point.total.value, point.total.shown) else {
            continue;
        };
        let size = value.scaled(PLACES);
        if shown.is_zero() || shown.is_negative() {
            continue;
        }
        // Ten times its own is no more than what the others count on average.
        let little = others > 0 && size.saturating_mul(10).saturating_mul(others) <= sum - size;
        if !(summer || little) {
            continue;
        }
        let amount = words::amount(Some(shown), "U", language);
        hints.push(Hint {
            place: place(&point.point.kind, &point.point.room, point.point.number, language),
            text: if summer {
                in_summer(&amount, language)
            } else {
                with_little(&amount, language)
            },
            is_urgent: false,
        });
    }
    hints
}

fn in_summer(amount: &str, language: Language) -> String {
    match language {
        Language::French => format!(
            "{amount} en 30 jours, alors que le chauffage est en général arrêté en cette saison. Si ce radiateur est fermé et froid, \
             il devrait compter 0 : regardez si le soleil ou un appareil le réchauffe ; sinon prévenez le gardien."
        ),
        Language::English => format!(
            "{amount} in 30 days, although the heating is mostly off at this time of the year. If this radiator is closed and cold, it \
             should count 0: see whether the sun or an appliance warms it; otherwise tell the caretaker."
        ),
    }
}

fn with_little(amount: &str, language: Language) -> String {
    match language {
        Language::French => format!(
            "{amount} en 30 jours, bien moins que vos autres radiateurs. Si vous l'avez fermé, il devrait compter 0 : vérifiez que le \
             robinet est fermé jusqu'au bout. S'il compte encore alors qu'il reste froid, prévenez le gardien."
        ),
        Language::English => format!(
            "{amount} in 30 days, far less than your other radiators. If you closed it, it should count 0: see whether its valve is \
             closed all the way. If it still counts while it stays cold, tell the caretaker."
        ),
    }
}

/// A metering point in a resident's words: `Chambre 2 · radiateur`.
#[must_use]
pub(super) fn place(kind: &KindName, room: &str, number: u16, language: Language) -> String {
    let thing = match kind {
        KindName::HotWater => language.of("eau chaude", "hot water"),
        KindName::ColdWater => language.of("eau froide", "cold water"),
        KindName::Heating => language.of("radiateur", "radiator"),
        KindName::Other(_) => language.of("compteur", "meter"),
    };
    let thing = if number > 1 {
        format!("{thing} {number}")
    } else {
        thing.to_owned()
    };
    if room.is_empty() {
        words::capitalised(&thing)
    } else {
        format!("{room} · {thing}")
    }
}

/// Places to which figures are compared.
const PLACES: u8 = 6;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Language::{English, French};
    use jiff::civil::date;

    fn used(rooms: &[(&str, Option<&str>)]) -> Consumption {
        let points: Vec<String> = rooms
            .iter()
            .enumerate()
            .map(|(id, (room, value))| {
                let value = value.unwrap_or("null");
                format!(
                    r#"{{"point":{{"id":{id},"kind":"heating","room":"{room}","number":1}},"meters":["{id}"],"periods":[],
                        "total":{{"rated":{value},"rated_shown":{value},"quality":"measured","flags":[]}}}}"#
                )
            })
            .collect();
        let json = format!(
            r#"{{"dwelling":{{"id":1,"site":"AB123","lot":"1"}},"from":"2026-01-01","to":"2026-01-31","time_zone":"Europe/Paris",
                "kinds":[{{"kind":"heating","unit":"U","total":{{"rated":1,"rated_shown":1,"quality":"measured"}},"periods":[],
                "points":[{}]}}]}}"#,
            points.join(",")
        );
        serde_json::from_str(&json).unwrap()
    }

    #[test]
    fn a_radiator_that_counts_far_less_than_the_others_may_be_closed() {
        let winter = date(2026, 1, 31);
        let used = used(&[
            ("Salon", Some("120.5")),
            ("Chambre", Some("3.1")),
            ("Bureau", Some("0")),
            ("Couloir", None),
        ]);
        let hints = closed(&used, winter, French);
        assert_eq!(hints.len(), 1, "{hints:?}");
        assert_eq!(hints[0].place, "Chambre · radiateur");
        assert!(
            hints[0].text.starts_with("3,10\u{A0}U en 30 jours, bien moins"),
            "{hints:?}"
        );
        let summer = closed(&used, date(2026, 7, 1), English);
        assert_eq!(summer.len(), 2);
        assert!(summer[0].text.contains("mostly off"));
    }

    #[test]
    fn one_radiator_alone_and_closed_ones_are_no_matter() {
        let winter = date(2026, 1, 31);
        assert!(closed(&used(&[("Salon", Some("0.5"))]), winter, French).is_empty());
        assert!(
            closed(
                &used(&[("Salon", Some("0")), ("Chambre", Some("0"))]),
                date(2026, 8, 1),
                French
            )
            .is_empty()
        );
        assert!(closed(&used(&[]), winter, French).is_empty());
    }

    #[test]
    fn what_the_service_found_comes_in_the_resident_s_language_and_leaks_first() {
        let alerts: Vec<Alert> = serde_json::from_str(
            r#"[{"kind":"silent","point":{"id":1,"kind":"heating","room":"","number":2},"meter":"1","amount":null,
                 "since":"2026-03-01T00:00:00+01:00","explanation":{"fr":"Muet.","en":"Silent."}},
                {"kind":"leak","point":{"id":1,"kind":"hot_water","room":"Cuisine","number":1},"meter":"1",
                 "amount":{"value":9.1,"unit":"l/h"},"since":"2026-03-01T00:00:00+01:00","explanation":{"fr":"Fuite.","en":"Leak."}}]"#,
        )
        .unwrap();
        let hints = found(&alerts, French);
        assert_eq!(
            (hints[0].place.as_str(), hints[0].text.as_str()),
            ("Cuisine · eau chaude", "Fuite.")
        );
        assert!(hints[0].is_urgent && !hints[1].is_urgent);
        assert_eq!(found(&alerts, English)[1].place, "Radiator 2");
    }
}
