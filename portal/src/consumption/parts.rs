//! What several pages with figures have in common: a comparison in a sentence, the rooms, hints, what the words for quality mean.

use maud::{Markup, html};

use crate::Language;
use crate::query::{Decimal, Figure, Kind, KindName, Point, Quality};

use super::hints::{self, Hint};
use super::{model, readings, words};

/// A figure in large digits, its unit small beside it.
pub(super) fn big(shown: Option<Decimal>, unit: &str, language: Language) -> Markup {
    html! {
        p class="figure" {
            @match shown {
                Some(value) => {
                    span class="digits" { (words::number(value, 2, language)) }
                    "\u{A0}"
                    span class="unit" { (words::unit(unit)) }
                }
                None => span class="none" { (language.of("donnée manquante", "no data")) },
            }
        }
    }
}

/// How a figure is known, where that is not by reading alone.
pub(super) fn how_known(figure: &Figure, language: Language) -> Markup {
    html! {
        @if figure.quality != Quality::Measured {
            p class="quality" {
                (words::capitalised(words::quality(figure.quality, language))) (language.of("\u{A0}: ", ": ")) (words::quality_explained(figure.quality, language)) "."
            }
        }
    }
}

/// How much more or less than before: `12 % de moins que du 1er au 10 novembre 2025 (3,24 m³)`.
pub(super) fn comparison(now: &Figure, was: &Figure, unit: &str, when: &str, language: Language) -> Markup {
    let (Some(value), Some(earlier)) = (now.value, was.value) else {
        return html! {
            p class="compare" {
                (language.of("Pas de comparaison possible\u{A0}: il manque des données (", "No comparison: data are missing ("))
                @if now.value.is_none() { (language.of("cette période", "this time")) } @else { (when) }
                ")."
            }
        };
    };
    let before = words::amount(was.shown, unit, language);
    let gap = if language == Language::French {
        "\u{202F}%"
    } else {
        "%"
    };
    let (class, text) = match (model::percent(value, earlier), value.cmp(&earlier)) {
        (Some(0), _) | (_, std::cmp::Ordering::Equal) => {
            ("same", language.of("Autant que", "As much as").to_owned())
        }
        (Some(percent), std::cmp::Ordering::Less) => (
            "less",
            format!(
                "{}{gap} {}",
                percent.abs(),
                language.of("de moins que", "less than")
            ),
        ),
        (Some(percent), std::cmp::Ordering::Greater) => (
            "more",
            format!("{}{gap} {}", percent, language.of("de plus que", "more than")),
        ),
        (None, std::cmp::Ordering::Less) => ("less", language.of("Moins que", "Less than").to_owned()),
        (None, std::cmp::Ordering::Greater) => ("more", language.of("Plus que", "More than").to_owned()),
    };
    html! {
        p class={ "compare " (class) } { strong { (than(&text, when, language)) } (when) " (" (before) ")" }
    }
}

/// Before a vowel the French `que` loses its own, and its blank.
fn than(text: &str, when: &str, language: Language) -> String {
    match text.strip_suffix("que") {
        Some(text) if language == Language::French && when.starts_with(['a', 'e', 'o', 'u', 'i']) => {
            format!("{text}qu’")
        }
        _ => format!("{text} "),
    }
}

/// Of a sum that is missing because a part of it is: what is known of the others. No guess stands for the part.
pub(super) fn known<'a>(figures: impl Iterator<Item = &'a Figure>, unit: &str, language: Language) -> Markup {
    let (mut sum, mut known, mut all) = (Some(Decimal::ZERO), 0_usize, 0_usize);
    for figure in figures {
        all += 1;
        if let Some(value) = figure.value {
            known += 1;
            sum = sum.and_then(|sum| sum.plus(value));
        }
    }
    let shown = sum.filter(|_| known > 0 && known < all);
    html! {
        @if let Some(sum) = shown {
            p class="known" {
                @match language {
                    Language::French => { "Ce qui est connu, " (known) " compteur(s) sur " (all) "\u{A0}: " }
                    Language::English => { "What is known, " (known) " of " (all) " meters: " }
                }
                strong { (words::amount(Some(sum), unit, language)) }
            }
        }
    }
}

/// Each meter or radiator of a kind: room, figure with the way to its readings, how it is known, number on the housing.
pub(super) fn rooms(kind: &Kind, traced: impl Fn(i64) -> String, language: Language) -> Markup {
    let largest = kind
        .points
        .iter()
        .filter_map(|point| point.total.value)
        .max()
        .unwrap_or(Decimal::ZERO);
    let is_heating = kind.unit == "U";
    let caption = if is_heating {
        language.of("Chaque radiateur", "Each radiator")
    } else {
        language.of("Chaque compteur", "Each meter")
    };
    html! {
        @if !kind.points.is_empty() {
            div class="scroll" tabindex="0" role="region" aria-label=(format!("{caption} · {}", words::kind(&kind.kind, language))) {
                table class="rooms" {
                    caption { (caption) }
                    thead {
                        tr {
                            th scope="col" { (language.of("Pièce", "Room")) }
                            th scope="col" class="number" { (words::unit(&kind.unit)) }
                            th scope="col" { (language.of("Qualité", "Quality")) }
                            th scope="col" { (language.of("Numéro", "Number")) }
                        }
                    }
                    tbody {
                        @for point in &kind.points {
                            tr {
                                th scope="row" { (room(point, language)) (share(point, largest)) }
                                td class="number" {
                                    @let name = hints::place(&point.point.kind, &point.point.room, point.point.number, language);
                                    (readings::cell(&cell(&point.total, language), &name, &traced(point.point.id), language))
                                }
                                td { (words::quality(point.total.quality, language)) }
                                td { (point.meters.join(", ")) }
                            }
                        }
                    }
                }
            }
            (readings::hint(language))
        }
    }
}

/// The room alone where the heading says what hangs there.
fn room(point: &Point, language: Language) -> String {
    let name = &point.point;
    match (name.room.as_str(), name.number) {
        ("", number) => hints::place(&name.kind, "", number, language),
        (room, 0..=1) => room.to_owned(),
        (room, number) => format!("{room} ({number})"),
    }
}

/// What a table is called for those who do not see it; no two on a page alike.
pub(super) fn table_of(kind: &KindName, language: Language) -> String {
    format!(
        "{} · {}",
        words::kind(kind, language),
        language.of("tableau", "table")
    )
}

/// A figure in a table whose heading has the unit.
pub(super) fn cell(figure: &Figure, language: Language) -> String {
    figure
        .shown
        .map_or_else(|| "–".to_owned(), |value| words::number(value, 2, language))
}

/// How long a bar one room has beside the largest.
fn share(point: &Point, largest: Decimal) -> Markup {
    let (value, largest) = (
        point.total.value.unwrap_or(Decimal::ZERO).scaled(6),
        largest.scaled(6),
    );
    let width = if largest > 0 {
        (value.max(0) * 1000 / largest).clamp(0, 1000)
    } else {
        0
    };
    html! {
        svg class="share" viewBox="0 0 100 4" preserveAspectRatio="none" aria-hidden="true" focusable="false" {
            rect class="room" width="100" height="4" rx="2" {}
            rect class="now" width=(format!("{}.{}", width / 10, width % 10)) height="4" rx="2" {}
        }
    }
}

/// What a household may want to look at.
pub(super) fn hints(hints: &[Hint], language: Language) -> Markup {
    html! {
        @if !hints.is_empty() {
            section class="hints" aria-labelledby="hints" {
                h2 id="hints" { (language.of("À regarder", "Worth a look")) }
                ul {
                    @for hint in hints {
                        li class=(if hint.is_urgent { "hint urgent" } else { "hint" }) {
                            strong { (hint.place) }
                            p { (hint.text) }
                        }
                    }
                }
            }
        }
    }
}

/// What the words for quality on this page mean.
pub(super) fn legend(qualities: impl Iterator<Item = Quality>, language: Language) -> Markup {
    let mut words_used: Vec<Quality> = qualities.collect();
    words_used.sort_unstable();
    words_used.dedup();
    html! {
        @if !words_used.is_empty() {
            dl class="legend" {
                @for quality in words_used {
                    div {
                        dt { (words::quality(quality, language)) }
                        dd { (words::quality_explained(quality, language)) }
                    }
                }
            }
        }
    }
}

/// The pages beside the one that is shown.
pub(super) fn beside(links: &[(String, &str)], language: Language) -> Markup {
    html! {
        nav class="beside" aria-label=(language.of("Pages de la consommation", "Consumption pages")) {
            ul {
                @for (path, text) in links {
                    li { a href=(path) { (text) } }
                }
            }
        }
    }
}
