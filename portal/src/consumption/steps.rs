//! The sum that makes a figure, step by step: the end less the beginning of each part, times its rating factor, and all parts together.

use maud::{Markup, html};

use crate::Language;
use crate::query::{Decimal, End, Kind, Part};

use super::ends::{self, Words};
use super::words;

/// What all parts add up to, exactly; `None` when one of them is not known, or there is none.
#[must_use]
pub(super) fn sum(parts: &[Part]) -> Option<Decimal> {
    let mut sum = Decimal::ZERO;
    for part in parts {
        sum = sum.plus(part.counted?.times(part.factor)?)?;
    }
    (!parts.is_empty()).then_some(sum)
}

/// Each part with its ends, what happened before it, and the sum of all.
pub(super) fn parts(parts: &[Part], kind: &Kind, words: Words<'_>) -> Markup {
    let language = words.language;
    let earlier = std::iter::once(None).chain(parts.iter().map(Some));
    let exact = |part: &Part| {
        Some(ends::exact(
            part.counted?.times(part.factor)?,
            &kind.unit,
            language,
        ))
    };
    let amounts: Option<Vec<String>> = parts.iter().map(exact).collect();
    html! {
        @for (number, (part, before)) in parts.iter().zip(earlier).enumerate() {
            @if let Some(before) = before {
                @for text in happened(before, part, words) { p class="happened" { (text) } }
            }
            (one(part, kind, (number, parts.len()), words))
        }
        @if let (Some(amounts), Some(sum), true) = (amounts, sum(parts), parts.len() > 1) {
            p class="together" {
                (language.of("Ensemble\u{A0}: ", "Together: "))
                (amounts.join(" + ")) " = " strong { (ends::exact(sum, &kind.unit, language)) }
            }
        }
    }
}

/// What happened between two parts: that is why there are two.
fn happened(before: &Part, part: &Part, words: Words<'_>) -> Vec<String> {
    let when = words.instant(part.start);
    let mut texts = Vec::new();
    if before.meter.serial != part.meter.serial {
        let (old, new) = (&before.meter.serial, &part.meter.serial);
        texts.push(match words.language {
            Language::French => {
                format!(
                    "L'appareil n° {old} a été remplacé par l'appareil n° {new}, qui compte depuis {when}."
                )
            }
            Language::English => {
                format!("Device no. {old} was replaced by device no. {new}, which has counted since {when}.")
            }
        });
    }
    if part.restarted {
        let kept = before.last.as_ref().and_then(|end| end.index);
        let kept = kept.map_or_else(|| "–".to_owned(), |index| words.index(index));
        texts.push(match words.language {
            Language::French => {
                format!("À sa date de relevé, {when}, l'appareil a gardé son index ({kept}) et est reparti de zéro.")
            }
            Language::English => {
                format!("On its set date, {when}, the device kept its index ({kept}) and began anew at zero.")
            }
        });
    }
    if before.factor != part.factor {
        let [old, new] = [before.factor, part.factor]
            .map(|factor| words::number(factor, factor.digits_behind(), words.language));
        texts.push(match words.language {
            Language::French => format!("Le coefficient a changé {when}\u{A0}: {old} avant, {new} depuis."),
            Language::English => format!("The rating factor changed, {when}: {old} before, {new} since."),
        });
    }
    if texts.is_empty() {
        texts.push(match words.language {
            Language::French => format!("L'appareil a été posé une nouvelle fois {when}."),
            Language::English => format!("The device was mounted once more, {when}."),
        });
    }
    texts
}

/// End less beginning, times the factor.
fn one(part: &Part, kind: &Kind, (number, all): (usize, usize), words: Words<'_>) -> Markup {
    let language = words.language;
    // An allocator counts in units of its own, until they are multiplied.
    let is_rated = kind.unit == "U" || part.factor != Decimal::new(1, 0);
    let displayed = |value: Decimal| {
        if is_rated && kind.unit == "U" {
            words::number(value, value.digits_behind(), language)
        } else {
            words.index(value)
        }
    };
    let caption = match language {
        Language::French => format!("Appareil n° {}", part.meter.serial),
        Language::English => format!("Device no. {}", part.meter.serial),
    };
    html! {
        table class="steps-of-sum" {
            caption {
                @if all > 1 { (number + 1) ". " }
                (caption)
            }
            tbody {
                (end(part.last.as_ref(), false, (language.of("À la fin,", "At the end,"), words.instant(part.end)), displayed, words))
                (end(
                    part.first.as_ref(),
                    part.restarted,
                    (language.of("− au début,", "− at the beginning,"), words.instant(part.start)),
                    displayed,
                    words,
                ))
                @if let Some(turned) = turned(part) {
                    tr {
                        th scope="row" { (language.of(
                            "+ entre les deux, l'appareil est reparti de zéro",
                            "+ in between the device began anew at zero",
                        )) }
                        td class="number" { (displayed(turned)) }
                    }
                }
                tr class="result" {
                    th scope="row" {
                        "= "
                        @if is_rated { (language.of("compté par l'appareil", "counted by the device")) }
                        @else { (language.of("consommation", "consumption")) }
                        @if part.counted.is_none() { (unknown(part, language)) }
                    }
                    td class="number" {
                        @match part.counted {
                            Some(counted) => { (displayed(counted)) }
                            None => { (language.of("donnée manquante", "no data")) }
                        }
                    }
                }
                @if let (true, Some(counted)) = (is_rated, part.counted) {
                    tr {
                        th scope="row" {
                            (language.of("× coefficient", "× rating factor"))
                            @if kind.unit == "U" {
                                small { (language.of("celui de ce radiateur, selon sa taille", "that of this radiator, by its size")) }
                            }
                        }
                        td class="number" { (words::number(part.factor, part.factor.digits_behind(), language)) }
                    }
                    @if let Some(rated) = counted.times(part.factor) {
                        tr class="result" {
                            th scope="row" { "= " (language.of("consommation", "consumption")) }
                            td class="number" { (ends::exact(rated, &kind.unit, language)) }
                        }
                    }
                }
            }
        }
    }
}

/// An end: when, how it is known, and what the register showed.
fn end(
    end: Option<&End>,
    restarted: bool,
    (name, when): (&str, String),
    displayed: impl Fn(Decimal) -> String,
    words: Words<'_>,
) -> Markup {
    let language = words.language;
    let index = end.and_then(|end| end.index);
    html! {
        tr {
            th scope="row" {
                (name) " " (when)
                @match end {
                    Some(end) => {
                        @let (sentence, readings) = ends::how_known(end, restarted, words);
                        small { (words::capitalised(&sentence)) }
                        @for reading in readings { small class="reading" { (reading) } }
                    }
                    None => {
                        small { (language.of(
                            "Aucun relevé assez proche : sept jours au plus.",
                            "No reading near enough: within seven days.",
                        )) }
                    }
                }
            }
            td class="number" { @match index { Some(index) => { (displayed(index)) } None => { "–" } } }
        }
    }
}

/// Why nothing is subtracted although both ends are known.
fn unknown(part: &Part, language: Language) -> Markup {
    html! {
        @if part.first.is_some() && part.last.is_some() {
            small { (language.of(
                "Entre les deux, l'appareil a reculé ou recommencé sans qu'on sache pourquoi : rien n'est soustrait.",
                "In between, the device fell or began anew and nobody knows why: nothing is subtracted.",
            )) }
        }
    }
}

/// What a register lost that went over its end, or was closed without our knowing its last count, between the two ends.
fn turned(part: &Part) -> Option<Decimal> {
    let (first, last) = (part.first.as_ref()?.index?, part.last.as_ref()?.index?);
    let turned = part.counted?.minus(last.minus(first)?)?;
    (!turned.is_zero()).then_some(turned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(json: &str) -> Part {
        serde_json::from_str(&format!(
            r#"{{"meter":{{"serial":"1"}},"start":"2026-03-01T00:00:00+01:00","end":"2026-04-01T00:00:00+02:00",{json}}}"#
        ))
        .unwrap()
    }

    fn index(value: &str) -> String {
        format!(r#"{{"index":{value},"quality":"measured","readings":[]}}"#)
    }

    #[test]
    fn parts_add_up_exactly_or_not_at_all() {
        let parts = [
            part(r#""factor":1.063,"counted":23,"first":null,"last":null"#),
            part(r#""factor":1.2,"counted":45.5,"first":null,"last":null"#),
        ];
        assert_eq!(sum(&parts), Some("79.049".parse().unwrap()));
        let [known, _] = parts;
        let missing = part(r#""factor":1.2,"counted":null,"first":null,"last":null"#);
        assert_eq!(sum(&[known, missing]), None);
        assert_eq!(sum(&[]), None);
    }

    #[test]
    fn what_a_register_lost_at_its_end_is_what_is_missing_in_the_difference() {
        let json = |first, last, counted| {
            part(&format!(
                r#""factor":1,"counted":{counted},"first":{},"last":{}"#,
                index(first),
                index(last)
            ))
        };
        assert_eq!(
            turned(&json("99999", "1.35", "2.35")),
            Some("100000".parse().unwrap())
        );
        assert_eq!(turned(&json("5.91", "7.910", "2")), None);
        assert_eq!(turned(&json("5.91", "7.91", "null")), None);
    }
}
