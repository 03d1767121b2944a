//! The building at a glance: meters, alerts, receivers, storage, clock.

use axum::extract::State;
use axum::response::Response;
use jiff::Timestamp;
use maud::{Markup, html};
use serde::Deserialize;

use super::super::problem::Problem;
use super::super::query::Asked;
use super::alerts::row as alert_row;
use super::census::{Census, Hearing, KeyState};
use super::layout::{self, Look, Section};
use super::{Language, radios, words};
use crate::alerts::Severity;
use crate::api::Context;
use crate::checkup::{self, Area, Circumstances, Finding, Weight};
use crate::disk::Disk;
use crate::store::{Kept, Outage, ReceiverState, Store};

/// A page with no parameter but the language.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Plain {
    #[serde(rename = "lang")]
    _lang: Option<String>,
}

/// What the page shows.
struct Sight {
    census: Census,
    receivers: Vec<ReceiverState>,
    outages: Vec<Outage>,
    disk: Option<Disk>,
    findings: Vec<Finding>,
    kept: Kept,
}

/// Show the building at a glance.
pub(super) async fn show(
    State(context): State<Context>,
    look: Look,
    _: Asked<Plain>,
) -> Result<Response, Problem> {
    let (now, desk, kept) = (context.now(), context.desk().clone(), context.keeping.now());
    let sight = context
        .ask(move |store| {
            let disk = store.file().map(Disk::of);
            Ok(Sight {
                census: Census::take(store, &desk.census, now)?,
                receivers: store.receivers()?,
                outages: store.outages(FEW)?,
                findings: findings(store, disk.as_ref(), &kept, now)?,
                disk,
                kept,
            })
        })
        .await?;
    let l = look.language;
    let title = Section::Overview.name(l);
    let body = html! {
        h1 { (title) }
        (updated(l, &sight.census))
        (meters(l, &sight.census))
        (alerts(l, &sight.census))
        (receivers(l, &sight))
        (storage(l, &sight))
    };
    Ok(layout::answer(layout::page(
        &look,
        Some(Section::Overview),
        title,
        body,
    )))
}

/// What the checkup says of file, disk and clock.
fn findings(
    store: &dyn Store,
    disk: Option<&Disk>,
    kept: &Kept,
    now: Timestamp,
) -> Result<Vec<Finding>, Problem> {
    let disk = disk.cloned().unwrap_or_default();
    let mut findings = checkup::file(&Circumstances {
        now,
        free: disk.free,
        size: disk.size,
        open_files: disk.open_files,
        loose_folder: disk.loose_folder,
        last_backup: None,
        mended: kept.mended,
        erasures: Vec::new(),
        contradictions: Vec::new(),
        packed: Vec::new(),
        silent_after: jiff::SignedDuration::from_hours(72),
    });
    findings.extend(checkup::clock(store, now)?);
    Ok(findings)
}

/// When the page was made, and how to have it made again.
pub(super) fn updated(l: Language, census: &Census) -> Markup {
    let local = census.now.to_zoned_datetime(census.zone.clone());
    html! {
        p .quiet.updated {
            (l.of("État du", "As of")) " " (words::instant(l, census.now, &census.zone))
            (format!(":{:02}", local.second())) ". "
            a .reload href="" { (l.of("Recharger", "Reload")) }
        }
    }
}

fn meters(l: Language, census: &Census) -> Markup {
    let wrong = |state| {
        census
            .meters
            .iter()
            .filter(|member| member.key() == state)
            .count()
    };
    let (missing, wrong) = (wrong(KeyState::Missing), wrong(KeyState::Wrong));
    html! {
        section aria-labelledby="meters" {
            h2 #meters { (l.of("Compteurs", "Meters")) " " span .quiet { (census.meters.len()) } }
            ul .tiles {
                @for hearing in Hearing::ALL {
                    @let count = census.count(hearing);
                    // Shown at 0 too where 0 is good news or bad.
                    @if count > 0 || !matches!(hearing, Hearing::Heard | Hearing::Gone) {
                        li {
                            a .tile.(if count > 0 { hearing.class() } else { "calm" })
                                href={ "/caretaker/meters?state=" (hearing.code()) } data-figure=(hearing.code()) {
                                strong { (count) } " " span { (hearing.name(l)) }
                            }
                        }
                    }
                }
            }
            @if missing + wrong > 0 {
                p .notice.bad {
                    @if missing > 0 {
                        a href="/caretaker/meters?state=key_missing" {
                            (missing) " " (l.of("sans clé", "without a key"))
                        }
                        ". "
                    }
                    @if wrong > 0 {
                        a href="/caretaker/meters?state=wrong_key" {
                            (wrong) " " (l.of("avec une mauvaise clé", "with a wrong key"))
                        }
                        ". "
                    }
                    (l.of(
                        "Demander les clés au fabricant et les importer : releve keys import, puis releve redecode.",
                        "Ask the maker for the keys and import them: releve keys import, then releve redecode.",
                    ))
                }
            }
        }
    }
}

fn alerts(l: Language, census: &Census) -> Markup {
    let of = |severity| {
        census
            .alerts
            .iter()
            .filter(move |alert| words::severity(&alert.kind) == severity)
    };
    html! {
        section aria-labelledby="alerts" {
            h2 #alerts { (l.of("Alertes", "Alerts")) " " span .quiet data-figure="alerts" { (census.alerts.len()) } }
            @if census.alerts.is_empty() {
                p .notice.good { (l.of("Aucune alerte ouverte.", "No alert is open.")) }
            }
            @for severity in Severity::ALL {
                @let count = of(severity).count();
                @if count > 0 {
                    h3 {
                        span .badge.(words::severity_class(severity)) { (words::severity_name(l, severity)) }
                        " " span .quiet { (count) }
                    }
                    ul .alerts {
                        // The latest first.
                        @for alert in of(severity).collect::<Vec<_>>().iter().rev().take(FEW) {
                            (alert_row(l, census, alert))
                        }
                    }
                }
            }
            @if census.alerts.len() > FEW {
                p { a href="/caretaker/alerts" { (l.of("Toutes les alertes", "All alerts")) } }
            }
        }
    }
}

fn receivers(l: Language, sight: &Sight) -> Markup {
    let census = &sight.census;
    html! {
        section aria-labelledby="receivers" {
            h2 #receivers { (l.of("Récepteurs", "Receivers")) }
            @if sight.receivers.is_empty() {
                p .notice { (radios::none(l)) }
            } @else {
                ul .plain-list {
                    @for receiver in &sight.receivers {
                        @let (class, word) = words::condition(l, &receiver.condition);
                        li {
                            a href="/caretaker/radios" { (receiver.name) } " "
                            span .badge.(class) { (word) } " "
                            span .quiet {
                                (l.of("depuis", "for")) " "
                                (words::span(l, census.now.as_second() - receiver.since.as_second()))
                            }
                        }
                    }
                }
            }
            @if let Some(outage) = sight.outages.first() {
                p .quiet {
                    (l.of("Dernière panne : ", "Latest outage: "))
                    (outage.receiver) ", " (words::instant(l, outage.since, &census.zone)) " – "
                    @match outage.until {
                        Some(until) => { (words::instant(l, until, &census.zone)) }
                        None => { strong { (l.of("en cours", "still on")) } }
                    }
                    ". " a href="/caretaker/radios" { (l.of("Toutes", "All of them")) }
                }
            }
        }
    }
}

fn storage(l: Language, sight: &Sight) -> Markup {
    let census = &sight.census;
    let of = |area| {
        sight
            .findings
            .iter()
            .filter(move |finding| finding.area == area)
            .map(|finding| finding.weight)
            .min()
    };
    let (disk, clock, file) = (of(Area::Disk), of(Area::Clock), of(Area::Store));
    html! {
        section aria-labelledby="storage" {
            h2 #storage { (l.of("Stockage et horloge", "Storage and clock")) }
            @if let Some((since, reason)) = sight.kept.refusing {
                p .notice.bad role="alert" {
                    (l.of("Rien n’est enregistré depuis ", "Nothing is stored since "))
                    (words::when(l, since, census.now, &census.zone)) ": " (reason) ". "
                    (l.of(
                        "Les messages attendent en mémoire. « releve check » dit quoi faire.",
                        "Telegrams wait in memory. “releve check” says what to do.",
                    ))
                }
            }
            @if let Some(weight) = disk {
                p .notice.(weight_class(weight)) {
                    (l.of(
                        "Le disque est presque plein : libérer de la place, ou réduire raw_days et live_days.",
                        "The disk is nearly full: free some space, or lower raw_days and live_days.",
                    ))
                }
            }
            @if let Some(weight) = clock {
                p .notice.(weight_class(weight)) {
                    (l.of(
                        "L’horloge de la passerelle est fausse : la régler (timedatectl) et la synchroniser par le réseau.",
                        "The gateway’s clock is wrong: set it (timedatectl) and let it synchronise over the network.",
                    ))
                }
            }
            @if let Some(weight) = file {
                p .notice.(weight_class(weight)) {
                    (l.of(
                        "D’autres utilisateurs de la passerelle peuvent lire ou remplacer les fichiers des relevés : « releve check » dit lesquels.",
                        "Other users of the gateway can read or replace the files of readings: “releve check” says which.",
                    ))
                }
            }
            dl .facts {
                div { dt { (l.of("Service", "Service")) }
                    dd data-figure="ready" {
                        @if sight.kept.refusing.is_none() {
                            span .badge.good { (l.of("prêt", "ready")) }
                        } @else {
                            span .badge.bad { (l.of("n’enregistre pas", "not storing")) }
                        }
                    }
                }
                div { dt { (l.of("Dernier enregistrement", "Last commit")) }
                    dd {
                        @match sight.kept.stored {
                            Some(at) => { (words::when(l, at, census.now, &census.zone)) }
                            None => { (l.of("aucun depuis le démarrage", "none since the start")) }
                        }
                    }
                }
                @if let Some(disk) = &sight.disk {
                    div { dt { (l.of("Taille", "Size")) } dd { (words::octets(l, disk.size)) } }
                    div { dt { (l.of("Place libre", "Free space")) }
                        dd { (disk.free.map_or("–".to_owned(), |free| words::octets(l, free))) }
                    }
                }
                @if sight.kept.waiting > 0 {
                    div { dt { (l.of("En attente", "Waiting")) } dd { (sight.kept.waiting) } }
                }
                @if sight.kept.dropped > 0 {
                    div { dt { (l.of("Perdus faute de mémoire", "Lost for want of memory")) } dd { (sight.kept.dropped) } }
                }
                div { dt { (l.of("Horloge", "Clock")) }
                    dd {
                        (words::instant(l, census.now, &census.zone)) " "
                        @if clock.is_none() { span .badge.good { (l.of("à l’heure", "right")) } }
                        @else { span .badge.bad { (l.of("fausse", "wrong")) } }
                    }
                }
            }
        }
    }
}

const fn weight_class(weight: Weight) -> &'static str {
    match weight {
        Weight::Fault => "bad",
        Weight::Warning => "warn",
        Weight::Note => "calm",
    }
}

/// Alerts of one severity, and outages, on the first page.
const FEW: usize = 8;
