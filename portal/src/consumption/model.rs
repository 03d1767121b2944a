//! From the service's answers to what a page shows: one bar for each part of the calendar, beside it what it is compared with.

use jiff::ToSpan;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::Language;
use crate::query::{Average, Consumption, Decimal, Figure, Kind, Period, Quality, Step};

use super::chart::Bar;
use super::view::{Range, View};
use super::words;

/// One kind, ready to be shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Shown<'a> {
    /// What the service answered.
    pub(super) kind: &'a Kind,
    /// Its bars, one for each part of the calendar, also for those that have not begun.
    pub(super) bars: Vec<Bar>,
    /// How each bar's figure is known, where there is one.
    pub(super) qualities: Vec<Option<Quality>>,
    /// What was used in all of the days compared with; `None` when the household was not there for all of them.
    pub(super) was: Option<&'a Figure>,
    /// The average user of the building.
    pub(super) average: Option<&'a Average>,
}

/// What the service answered to a page's questions.
#[derive(Debug, Clone, Copy)]
pub(super) struct Answers<'a> {
    /// Of the days shown; with the average user, when that was asked for.
    pub(super) now: &'a Consumption,
    /// Of the days compared with, and which they were to be.
    pub(super) before: Option<(&'a Consumption, Range)>,
}

/// All kinds: hot water first, then heating, then the rest.
#[must_use]
pub(super) fn kinds<'a>(
    answers: Answers<'a>,
    view: View,
    range: Range,
    language: Language,
) -> Vec<Shown<'a>> {
    let mut kinds: Vec<&Kind> = answers.now.kinds.iter().collect();
    kinds.sort_by(|a, b| rank(a).cmp(&rank(b)));
    kinds
        .into_iter()
        .map(|kind| shown(kind, answers, view, range, language))
        .collect()
}

/// Where a kind stands among the others.
pub(super) fn rank(kind: &Kind) -> (u8, &str) {
    use crate::query::KindName;
    let place = match kind.kind {
        KindName::HotWater => 0,
        KindName::Heating => 1,
        KindName::ColdWater => 2,
        KindName::Other(_) => 3,
    };
    (place, kind.unit.as_str())
}

fn shown<'a>(
    kind: &'a Kind,
    answers: Answers<'a>,
    view: View,
    range: Range,
    language: Language,
) -> Shown<'a> {
    let same = |other: &&Kind| other.kind == kind.kind && other.unit == kind.unit;
    let before = answers.before.and_then(|(consumption, days)| {
        let kind = consumption.kinds.iter().find(same)?;
        let whole = (consumption.from, consumption.to) == (days.from, days.to);
        Some((kind, days, whole))
    });
    let zone = TimeZone::get(&answers.now.time_zone).unwrap_or(TimeZone::UTC);
    let now = places(&kind.periods, view, range);
    let was = before
        .map(|(kind, days, _)| places(&kind.periods, view, days))
        .unwrap_or_default();
    let mut qualities = Vec::with_capacity(now.len());
    let bars = now
        .iter()
        .enumerate()
        .map(|(number, place)| {
            let was = was.get(number).and_then(|place| place.period);
            qualities.push(place.period.map(|period| period.figure.quality));
            bar(place, was, (view, &kind.unit), &zone, language)
        })
        .collect();
    Shown {
        kind,
        bars,
        qualities,
        was: before
            .filter(|(_, _, whole)| *whole)
            .map(|(kind, _, _)| &kind.total),
        average: answers
            .now
            .site_average
            .iter()
            .flatten()
            .find(|average| average.kind == kind.kind && average.unit == kind.unit),
    }
}

/// A part of the calendar, and what the service said of it.
struct Place<'a> {
    from: Date,
    to: Date,
    period: Option<&'a Period>,
}

/// The parts of a range in their order; hours as the service cut them, since some days have 23 and some 25.
fn places<'a>(periods: &'a [Period], view: View, range: Range) -> Vec<Place<'a>> {
    if view.step() == Step::Hour {
        return periods
            .iter()
            .map(|period| Place {
                from: period.from,
                to: period.to,
                period: Some(period),
            })
            .collect();
    }
    let length = match view.step() {
        Step::Hour | Step::Day => 1.day(),
        Step::Week => 7.days(),
        Step::Month => 1.month(),
        Step::Year => 1.year(),
    };
    let mut places = Vec::new();
    let mut from = range.from;
    while from < range.to && places.len() < MOST {
        let Ok(next) = from.checked_add(length) else { break };
        let to = next.min(range.to);
        // The first and the last may be parts: they begin later, or end earlier.
        let period = periods
            .iter()
            .find(|period| from <= period.from && period.from < to);
        places.push(Place { from, to, period });
        from = next;
    }
    places
}

fn bar(
    place: &Place<'_>,
    was: Option<&Period>,
    (view, unit): (View, &str),
    zone: &TimeZone,
    language: Language,
) -> Bar {
    let whole = Period {
        from: place.from,
        to: place.to,
        start: jiff::Timestamp::UNIX_EPOCH,
        end: jiff::Timestamp::UNIX_EPOCH,
        figure: Figure {
            value: None,
            shown: None,
            raw_shown: None,
            quality: Quality::Missing,
            flags: Vec::new(),
        },
    };
    let period = place.period.unwrap_or(&whole);
    let clock = clock(period, zone, language);
    let (label, name) = view.labels(
        if view.step() == Step::Hour { period } else { &whole },
        &clock,
        language,
    );
    let figure = place.period.map(|period| &period.figure);
    let text = figure.map_or_else(String::new, |figure| amount(figure, unit, language));
    Bar {
        label,
        name,
        value: figure.and_then(|figure| figure.value),
        text,
        was: was.and_then(|period| period.figure.value),
        was_text: was.map_or_else(String::new, |period| amount(&period.figure, unit, language)),
        is_soft: figure.is_some_and(|figure| {
            figure.is_running() || matches!(figure.quality, Quality::Estimated | Quality::Unknown)
        }),
        is_ahead: figure.is_none(),
    }
}

/// A figure in words, with how it is known when that is not by reading.
#[must_use]
pub(super) fn amount(figure: &Figure, unit: &str, language: Language) -> String {
    let amount = words::amount(figure.shown, unit, language);
    match figure.quality {
        Quality::Measured | Quality::Missing => amount,
        quality => format!("{amount} ({})", words::quality(quality, language)),
    }
}

/// The hour at which a period begins, on the clocks of the residence.
fn clock(period: &Period, zone: &TimeZone, language: Language) -> String {
    let hour = period.start.to_zoned_datetime(zone.clone()).hour();
    match language {
        Language::French => format!("{hour} h"),
        Language::English => format!("{hour}:00"),
    }
}

/// How much more or less, in whole percent of what it was; `None` of nothing, and beyond ten times.
#[must_use]
pub(super) fn percent(now: Decimal, was: Decimal) -> Option<i128> {
    let (now, was) = (now.scaled(6), was.scaled(6));
    if was <= 0 {
        return None;
    }
    let more = now.checked_sub(was)?.checked_mul(200)?;
    let percent = (more.abs() + was) / was.checked_mul(2)?;
    let percent = if more < 0 { -percent } else { percent };
    (percent.abs() <= 900).then_some(percent)
}

/// No page shows more bars.
const MOST: usize = 400;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Language::French;
    use jiff::civil::date;
    use proptest::prelude::*;

    fn answer(from: &str, to: &str, days: &[(&str, &str, Option<&str>)]) -> Consumption {
        let periods: Vec<String> = days
            .iter()
            .map(|(from, to, value)| {
                let (value, quality) = value.map_or(("null", "missing"), |value| (value, "measured"));
                format!(
                    r#"{{"from":"{from}","to":"{to}","start":"{from}T00:00:00+01:00","end":"{to}T00:00:00+01:00",
                        "value":{value},"shown":{value},"quality":"{quality}","flags":[]}}"#
                )
            })
            .collect();
        let json = format!(
            r#"{{"dwelling":{{"id":1,"site":"AB123","lot":"1"}},"from":"{from}","to":"{to}","time_zone":"Europe/Paris",
                "kinds":[{{"kind":"hot_water","unit":"m3","total":{{"value":1,"shown":1,"quality":"measured"}},
                "periods":[{}],"points":[]}}]}}"#,
            periods.join(",")
        );
        serde_json::from_str(&json).unwrap()
    }

    #[test]
    fn each_day_has_its_place_also_when_the_household_came_late_and_the_week_is_not_over() {
        // Moved in on Wednesday; Thursday is not known; it is Friday.
        let now = answer(
            "2026-03-04",
            "2026-03-07",
            &[
                ("2026-03-04", "2026-03-05", Some("0.10")),
                ("2026-03-05", "2026-03-06", None),
                ("2026-03-06", "2026-03-07", Some("0.00")),
            ],
        );
        let range = Range {
            from: date(2026, 3, 2),
            to: date(2026, 3, 9),
        };
        let kinds = kinds(
            Answers {
                now: &now,
                before: None,
            },
            View::Week,
            range,
            French,
        );
        let bars = &kinds[0].bars;
        assert_eq!(bars.len(), 7);
        let ahead: Vec<bool> = bars.iter().map(|bar| bar.is_ahead).collect();
        assert_eq!(ahead, [true, true, false, false, false, true, true]);
        assert_eq!(bars[3].value, None);
        assert_eq!(bars[3].text, "donnée manquante");
        assert!(bars[4].value.unwrap().is_zero());
        assert_eq!(bars[2].name, "Mercredi 4 mars 2026");
        assert_eq!(kinds[0].qualities[3], Some(Quality::Missing));
    }

    #[test]
    fn what_it_is_compared_with_stands_beside_it_and_a_part_has_no_total() {
        let now = answer(
            "2026-03-02",
            "2026-03-09",
            &[("2026-03-03", "2026-03-04", Some("0.10"))],
        );
        let before = answer(
            "2025-03-04",
            "2025-03-10",
            &[("2025-03-04", "2025-03-05", Some("0.20"))],
        );
        let range = Range {
            from: date(2026, 3, 2),
            to: date(2026, 3, 9),
        };
        let days = Range {
            from: date(2025, 3, 3),
            to: date(2025, 3, 10),
        };
        let answers = Answers {
            now: &now,
            before: Some((&before, days)),
        };
        let part = kinds(answers, View::Week, range, French);
        assert_eq!(part[0].bars[1].was.unwrap().to_string(), "0.20");
        assert!(part[0].was.is_none(), "they were not there on the first day");
        let whole = Range {
            from: date(2025, 3, 4),
            ..days
        };
        let answers = Answers {
            before: Some((&before, whole)),
            ..answers
        };
        assert!(kinds(answers, View::Week, range, French)[0].was.is_some());
    }

    #[test]
    fn percent_is_rounded_and_of_nothing_there_is_none() {
        let decimal = |text: &str| text.parse::<Decimal>().unwrap();
        assert_eq!(percent(decimal("2.85"), decimal("3.24")), Some(-12));
        assert_eq!(percent(decimal("3"), decimal("2")), Some(50));
        assert_eq!(percent(decimal("2"), decimal("2.0")), Some(0));
        assert_eq!(percent(decimal("1"), decimal("0")), None);
        assert_eq!(percent(decimal("1"), decimal("-1")), None);
        assert_eq!(percent(decimal("100"), decimal("1")), None);
    }

    proptest! {
        #[test]
        fn percent_never_panics(a in any::<i64>(), b in any::<i64>(), p in 0_u8..10, q in 0_u8..10) {
            let _ = percent(Decimal::new(a, p), Decimal::new(b, q));
        }
    }
}
