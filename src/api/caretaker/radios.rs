//! Receivers: what they do, how often they had to be helped, and when they could not hear.

use axum::extract::State;
use axum::response::Response;
use maud::{Markup, html};

use super::super::problem::Problem;
use super::super::query::Asked;
use super::super::radio::OUTAGES;
use super::census::Census;
use super::layout::{self, Look, Section};
use super::overview::{self, Plain};
use super::{Language, words};
use crate::api::Context;
use crate::store::{Outage, RadioState, ReceiverState};

/// Show the receivers.
pub(super) async fn show(
    State(context): State<Context>,
    look: Look,
    _: Asked<Plain>,
) -> Result<Response, Problem> {
    let (now, desk) = (context.now(), context.desk().clone());
    let (census, receivers, radios, outages) = context
        .ask(move |store| {
            Ok((
                Census::take(store, &desk.census, now)?,
                store.receivers()?,
                store.radios()?,
                store.outages(OUTAGES)?,
            ))
        })
        .await?;
    let l = look.language;
    let title = Section::Radios.name(l);
    let body = html! {
        h1 { (title) }
        (overview::updated(l, &census))
        @if receivers.is_empty() { p .notice { (none(l)) } }
        div .cards {
            @for receiver in &receivers { (card(l, &census, receiver)) }
        }
        (heard(l, &census, &radios))
        (silences(l, &census, &outages))
    };
    Ok(layout::answer(layout::page(
        &look,
        Some(Section::Radios),
        title,
        body,
    )))
}

/// That the daemon looked after none.
pub(super) fn none(l: Language) -> &'static str {
    l.of(
        "Aucun récepteur n’a encore été ouvert par le service. Ils sont dans la configuration (« receivers »).",
        "The service has opened no receiver yet. They stand in the configuration (“receivers”).",
    )
}

fn card(l: Language, census: &Census, receiver: &ReceiverState) -> Markup {
    let (class, word) = words::condition(l, &receiver.condition);
    let helped = receiver.asked + receiver.resets + receiver.reopened;
    html! {
        section .card aria-label=(receiver.name) {
            h2 { (receiver.name) " " span .badge.(class) { (word) } }
            @if !receiver.identity.is_empty() { p .quiet { (receiver.identity) } }
            @if let Some(reason) = &receiver.reason {
                p .notice.(if receiver.condition == "lost" { "bad" } else { "calm" }) {
                    (l.of("Dernière perte : ", "Latest loss: ")) (reason)
                }
            }
            dl .facts {
                div { dt { (l.of("Depuis", "Since")) } dd { (words::when(l, receiver.since, census.now, &census.zone)) } }
                div { dt { (l.of("Vu par le service", "Seen by the service")) }
                    dd { (words::ago(l, receiver.seen, census.now)) }
                }
                div { dt { (l.of("Messages", "Telegrams")) } dd data-figure="telegrams" { (receiver.telegrams) } }
                div { dt { (l.of("Pertes", "Losses")) } dd data-figure="losses" { (receiver.losses) } }
                div { dt { (l.of("Relances", "Times it was helped")) } dd { (helped) } }
                div { dt { (l.of("Octets perdus", "Stray octets")) } dd { (receiver.noise) } }
            }
        }
    }
}

fn heard(l: Language, census: &Census, radios: &[RadioState]) -> Markup {
    html! {
        @if !radios.is_empty() {
            section aria-labelledby="heard" {
                h2 #heard { (l.of("Ce qu’ils ont apporté", "What they brought")) }
                table .figures {
                    caption .sr { (l.of("Messages de compteurs enregistrés, par récepteur", "Telegrams of registered meters, by receiver")) }
                    thead {
                        tr {
                            th scope="col" { (l.of("Récepteur", "Receiver")) }
                            th scope="col" .number { (l.of("Messages", "Telegrams")) }
                            th scope="col" { (l.of("Dernier", "Latest")) }
                        }
                    }
                    tbody {
                        @for radio in radios {
                            tr {
                                th scope="row" { (radio.name) }
                                td .number data-figure="brought" { (radio.telegrams) }
                                td { (words::when(l, radio.last_heard, census.now, &census.zone)) }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn silences(l: Language, census: &Census, outages: &[Outage]) -> Markup {
    html! {
        section aria-labelledby="outages" {
            h2 #outages { (l.of("Pannes", "Outages")) " " span .quiet data-figure="outages" { (outages.len()) } }
            @if outages.is_empty() {
                p .notice.good { (l.of("Aucune panne connue.", "No outage is known.")) }
            } @else {
                table .stack {
                    caption .sr { (l.of("Quand un récepteur n’entendait rien", "When a receiver could not hear")) }
                    thead {
                        tr {
                            th scope="col" { (l.of("Récepteur", "Receiver")) }
                            th scope="col" { (l.of("Du", "From")) }
                            th scope="col" { (l.of("Au", "Until")) }
                            th scope="col" { (l.of("Durée", "Length")) }
                            th scope="col" { (l.of("Raison", "Reason")) }
                        }
                    }
                    tbody {
                        @for outage in outages {
                            tr {
                                th scope="row" { (outage.receiver) }
                                td data-label=(l.of("Du", "From")) { (words::instant(l, outage.since, &census.zone)) }
                                td data-label=(l.of("Au", "Until")) {
                                    @match outage.until {
                                        Some(until) => { (words::instant(l, until, &census.zone)) }
                                        None => { span .badge.bad { (l.of("en cours", "still on")) } }
                                    }
                                }
                                td data-label=(l.of("Durée", "Length")) { (words::span(l, outage.until.unwrap_or(census.now).as_second() - outage.since.as_second())) }
                                td data-label=(l.of("Raison", "Reason")) { (outage.reason) }
                            }
                        }
                    }
                }
            }
        }
    }
}
