//! The words of the pages: instants, ages, numbers, states. Both languages side by side.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use maud::{Markup, html};

use super::Language;
use super::census::{Hearing, KeyState, Member, Spot};
use crate::alerts::{Kind as AlertKind, Severity};
use crate::pipeline::Outcome;
use crate::registry::Kind;

/// An instant with its age: `12 Mar 2026, 14:05 (3 min ago)`.
pub(super) fn when(l: Language, at: Timestamp, now: Timestamp, zone: &TimeZone) -> Markup {
    html! { time datetime=(at) { (instant(l, at, zone)) } " " span .quiet { "(" (ago(l, at, now)) ")" } }
}

/// An instant as people write it.
pub(super) fn instant(l: Language, at: Timestamp, zone: &TimeZone) -> String {
    let local = at.to_zoned_datetime(zone.clone());
    format!(
        "{} {} {}, {:02}:{:02}",
        local.day(),
        month(l, local.month()),
        local.year(),
        local.hour(),
        local.minute()
    )
}

/// The short name of a month.
pub(super) fn month(l: Language, month: i8) -> &'static str {
    let (french, english) = match month {
        1 => ("janv.", "Jan"),
        2 => ("févr.", "Feb"),
        3 => ("mars", "Mar"),
        4 => ("avr.", "Apr"),
        5 => ("mai", "May"),
        6 => ("juin", "June"),
        7 => ("juil.", "July"),
        8 => ("août", "Aug"),
        9 => ("sept.", "Sept"),
        10 => ("oct.", "Oct"),
        11 => ("nov.", "Nov"),
        _ => ("déc.", "Dec"),
    };
    l.of(french, english)
}

/// How long ago: one unit, rounded down.
pub(super) fn ago(l: Language, at: Timestamp, now: Timestamp) -> String {
    let seconds = now.as_second() - at.as_second();
    if seconds < 0 {
        return l.of("dans le futur", "in the future").to_owned();
    }
    let span = span(l, seconds);
    match l {
        Language::French => format!("il y a {span}"),
        Language::English => format!("{span} ago"),
    }
}

/// Seconds in one unit, rounded down.
pub(super) fn span(l: Language, seconds: i64) -> String {
    let (count, unit) = match seconds {
        ..60 => (seconds, "s"),
        60..3600 => (seconds / 60, "min"),
        3600..172_800 => (seconds / 3600, "h"),
        _ => (seconds / 86_400, l.of("j", "d")),
    };
    format!("{count} {unit}")
}

/// An exact number as people write it: French has a comma.
pub(super) fn number(l: Language, digits: impl ToString) -> String {
    match l {
        Language::French => digits.to_string().replace('.', ","),
        Language::English => digits.to_string(),
    }
}

/// Octets in megabytes, or gigabytes where those are many.
pub(super) fn octets(l: Language, octets: u64) -> String {
    let (tenths, unit) = match octets {
        ..10_000_000_000 => (octets / 100_000, l.of("Mo", "MB")),
        _ => (octets / 100_000_000, l.of("Go", "GB")),
    };
    number(l, format!("{}.{} {unit}", tenths / 10, tenths % 10))
}

/// A unit as people write it.
pub(super) fn unit(symbol: &str) -> &str {
    match symbol {
        "m3" => "m³",
        "degC" => "°C",
        "m3/h" => "m³/h",
        other => other,
    }
}

/// Decibels relative to a milliwatt, with how good that is.
pub(super) fn rssi(l: Language, dbm: Option<i16>) -> Markup {
    let Some(dbm) = dbm else {
        return html! { span .quiet { "–" } };
    };
    let (class, word) = match dbm {
        -75.. => ("s4", l.of("très bon", "very good")),
        -85..=-76 => ("s3", l.of("bon", "good")),
        -95..=-86 => ("s2", l.of("faible", "weak")),
        _ => ("s1", l.of("très faible", "very weak")),
    };
    html! {
        span .rssi {
            svg .bars.(class) viewBox="0 0 16 12" aria-hidden="true" {
                rect x="0" y="8" width="3" height="4" {}
                rect x="4.3" y="5.5" width="3" height="6.5" {}
                rect x="8.6" y="3" width="3" height="9" {}
                rect x="13" y="0" width="3" height="12" {}
            }
            " " (dbm) " dBm" span .sr { " (" (word) ")" }
        }
    }
}

pub(super) fn kind(l: Language, kind: Kind) -> &'static str {
    match kind {
        Kind::HotWater => l.of("Eau chaude", "Hot water"),
        Kind::ColdWater => l.of("Eau froide", "Cold water"),
        Kind::Heating => l.of("Chauffage", "Heating"),
        Kind::HeatEnergy => l.of("Énergie thermique", "Heat energy"),
        Kind::Cooling => l.of("Froid", "Cooling"),
        Kind::Electricity => l.of("Électricité", "Electricity"),
        Kind::Gas => l.of("Gaz", "Gas"),
        Kind::Other => l.of("Autre", "Other"),
    }
}

/// `AB123 · A-007 · Kitchen`.
pub(super) fn spot(l: Language, spot: Option<&Spot>) -> String {
    match spot {
        None => l.of("posé nulle part", "installed nowhere").to_owned(),
        Some(spot) => {
            let mut text = format!("{} · {}", spot.site, spot.lot);
            if !spot.room.is_empty() {
                text.push_str(" · ");
                text.push_str(&spot.room);
            }
            if spot.number > 1 {
                text.push_str(&format!(" {}", spot.number));
            }
            text
        }
    }
}

impl Hearing {
    /// All of them, the best first.
    pub(super) const ALL: [Self; 6] = [
        Self::OnTime,
        Self::Heard,
        Self::Late,
        Self::Lost,
        Self::Never,
        Self::Gone,
    ];

    /// The word of the address.
    pub(super) const fn code(self) -> &'static str {
        match self {
            Self::OnTime => "on_time",
            Self::Heard => "heard",
            Self::Late => "late",
            Self::Lost => "lost",
            Self::Never => "never",
            Self::Gone => "gone",
        }
    }

    pub(super) const fn name(self, l: Language) -> &'static str {
        match self {
            Self::OnTime => l.of("à l’heure", "on time"),
            Self::Heard => l.of("entendu, rythme inconnu", "heard, no rhythm yet"),
            Self::Late => l.of("en retard", "late"),
            Self::Lost => l.of("perdu", "lost"),
            Self::Never => l.of("jamais entendu", "never heard"),
            Self::Gone => l.of("déposé", "taken off"),
        }
    }

    /// How much it matters, as a class of the style sheet.
    pub(super) const fn class(self) -> &'static str {
        match self {
            Self::OnTime => "good",
            Self::Heard | Self::Gone => "calm",
            Self::Late => "warn",
            Self::Lost | Self::Never => "bad",
        }
    }
}

/// How a meter is heard, as a badge.
pub(super) fn hearing(l: Language, member: &Member) -> Markup {
    let hearing = member.hearing();
    html! { span .badge.(hearing.class()) { (hearing.name(l)) } }
}

/// What is to be said of a meter's keys.
pub(super) fn key(l: Language, member: &Member) -> Markup {
    let (class, word) = match member.key() {
        KeyState::Missing => ("bad", l.of("clé manquante", "key missing")),
        KeyState::Wrong => ("bad", l.of("mauvaise clé", "wrong key")),
        KeyState::Proven => ("good", l.of("clé prouvée", "key proven")),
        KeyState::Registered => ("calm", l.of("clé enregistrée", "key registered")),
        KeyState::None => ("calm", l.of("sans clé", "no key")),
    };
    html! { span .badge.(class) { (word) } }
}

/// What became of a telegram.
pub(super) fn outcome(l: Language, code: &str) -> String {
    let Some(outcome) = Outcome::from_code(code) else {
        return code.to_owned();
    };
    if l == Language::English {
        return outcome.meaning().to_owned();
    }
    match outcome {
        Outcome::Read => "relevés enregistrés",
        Outcome::NoValue => "lu, sans valeur",
        Outcome::Duplicate => "déjà entendu",
        Outcome::Unregistered => "compteur non enregistré : seulement compté",
        Outcome::Damaged => "abîmé en chemin",
        Outcome::Foreign => "n’est pas un message de compteur",
        Outcome::NoKey => "chiffré, aucune clé enregistrée : en importer une, puis redécoder",
        Outcome::WrongKey => "chiffré, aucune clé enregistrée ne l’ouvre",
        Outcome::MacFailed => "authentification échouée : faux ou mauvaise clé",
        Outcome::Replayed => "plus ancien que ce qui était accepté : un enregistrement ?",
        Outcome::ModeUnsupported => "mode de sécurité ou couche non pris en charge",
        Outcome::CompactLayoutUnknown => "message compact, en attente d’un complet",
        Outcome::FragmentMissing => "partie d’un message plus long",
        Outcome::UnknownLayout => "ouvert, mais sa structure est inconnue",
    }
    .to_owned()
}

/// What an alert is about.
pub(super) fn alert(l: Language, kind: &str) -> String {
    let Some(known) = AlertKind::from_name(kind) else {
        return kind.to_owned();
    };
    match known {
        AlertKind::Leak => l.of("Fuite", "Leak"),
        AlertKind::Silent => l.of("Compteur muet", "Silent meter"),
        AlertKind::BatteryLow => l.of("Pile faible", "Battery low"),
        AlertKind::Tamper => l.of("Manipulation", "Tampering"),
        AlertKind::ReverseFlow => l.of("Débit inverse", "Reverse flow"),
        AlertKind::Jump => l.of("Saut d’index", "Index jump"),
        AlertKind::Frozen => l.of("Répartiteur figé", "Allocator frozen"),
        AlertKind::WrongKey => l.of("Mauvaise clé", "Wrong key"),
        AlertKind::ClockOff => l.of("Horloge décalée", "Clock off"),
    }
    .to_owned()
}

/// How soon somebody should see to it; what a later release found is looked at soon.
pub(super) fn severity(kind: &str) -> Severity {
    AlertKind::from_name(kind).map_or(Severity::Soon, AlertKind::severity)
}

pub(super) const fn severity_name(l: Language, severity: Severity) -> &'static str {
    match severity {
        Severity::Now => l.of("Aujourd’hui", "Today"),
        Severity::Soon => l.of("Cette semaine", "This week"),
        Severity::Watch => l.of("À l’occasion", "When you pass by"),
    }
}

/// As a class of the style sheet.
pub(super) const fn severity_class(severity: Severity) -> &'static str {
    match severity {
        Severity::Now => "bad",
        Severity::Soon => "warn",
        Severity::Watch => "calm",
    }
}

/// Where a reading came from.
pub(super) fn source(l: Language, source: &str) -> &str {
    match source {
        "live" => l.of("en direct", "live"),
        "set_date" => l.of("date de relevé", "set date"),
        "history" => l.of("historique", "history"),
        "manual" => l.of("relevé à la main", "read by hand"),
        "estimate" => l.of("estimation", "estimate"),
        other => other,
    }
}

/// What is measured.
pub(super) fn quantity(l: Language, quantity: &str) -> &str {
    match quantity {
        "volume" => l.of("Volume", "Volume"),
        "heat_cost" => l.of("Unités de répartition", "Allocation units"),
        "energy" => l.of("Énergie", "Energy"),
        "temperature" => l.of("Température", "Temperature"),
        "flow" => l.of("Débit", "Flow"),
        "power" => l.of("Puissance", "Power"),
        other => other,
    }
}

/// How far a figure is to be trusted.
pub(super) fn quality(l: Language, quality: &str) -> &str {
    match quality {
        "measured" => l.of("mesuré", "measured"),
        "interpolated" => l.of("interpolé", "interpolated"),
        "estimated" => l.of("estimé", "estimated"),
        "missing" => l.of("manquant", "missing"),
        other => other,
    }
}

/// What a receiver does.
pub(super) fn condition(l: Language, condition: &str) -> (&'static str, &str) {
    match condition {
        "listening" => ("good", l.of("à l’écoute", "listening")),
        "opening" => ("warn", l.of("en ouverture", "opening")),
        "lost" => ("bad", l.of("perdu", "lost")),
        other => ("warn", other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_and_sizes_are_said_in_one_unit() {
        for (seconds, wanted) in [
            (0, "0 s"),
            (59, "59 s"),
            (60, "1 min"),
            (3599, "59 min"),
            (3600, "1 h"),
            (172_799, "47 h"),
            (172_800, "2 d"),
        ] {
            assert_eq!(span(Language::English, seconds), wanted);
        }
        assert_eq!(octets(Language::English, 1_234_567), "1.2 MB");
        assert_eq!(octets(Language::French, 12_345_000_000), "12,3 Go");
        let at = |second| Timestamp::from_second(second).unwrap();
        assert_eq!(ago(Language::French, at(0), at(120)), "il y a 2 min");
        assert_eq!(ago(Language::English, at(120), at(0)), "in the future");
    }
}
