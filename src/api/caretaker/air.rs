//! Meters on the air that are not registered: neighbours, and those that somebody forgot to register.

use axum::extract::State;
use axum::response::Response;
use maud::{Markup, html};
use serde::Deserialize;

use super::super::problem::Problem;
use super::super::query::Asked;
use super::super::radio::MOST_STRANGERS;
use super::census::Census;
use super::layout::{self, Look, Section};
use super::meters::PageNumber;
use super::{Language, overview, words};
use crate::api::Context;
use crate::store::Heard;

/// Which of them, in which order.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AirQuery {
    #[serde(default)]
    sort: Order,
    #[serde(default)]
    page: PageNumber,
    #[serde(rename = "lang")]
    _lang: Option<String>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Order {
    #[default]
    Heard,
    Rssi,
}

/// List who is heard and not registered.
pub(super) async fn show(
    State(context): State<Context>,
    look: Look,
    Asked(asked): Asked<AirQuery>,
) -> Result<Response, Problem> {
    let (now, desk) = (context.now(), context.desk().clone());
    let (census, mut strangers) = context
        .ask(move |store| {
            let census = Census::take(store, &desk.census, now)?;
            Ok((census, store.heard(MOST_STRANGERS)?))
        })
        .await?;
    if asked.sort == Order::Rssi {
        strangers.sort_by_key(|stranger| std::cmp::Reverse(stranger.rssi_dbm));
    }
    let (page, pages, shown) = asked.page.of(&strangers, ON_A_PAGE);
    let l = look.language;
    let title = l.of("Compteurs inconnus", "Unregistered meters");
    let body = html! {
        h1 { (title) " " span .quiet data-figure="unregistered" { (strangers.len()) } }
        (overview::updated(l, &census))
        p {
            (l.of(
                "Entendus, mais absents du registre : ceux des voisins, ou oubliés. Ils sont seulement comptés, jamais lus. Les plus forts sont les plus proches.",
                "Heard, but not in the registry: the neighbours’, or forgotten ones. They are counted only, never read. The strongest are the nearest.",
            ))
        }
        @if strangers.is_empty() {
            p .notice { (l.of("Aucun depuis une semaine.", "None for a week.")) }
        } @else {
            nav .filters aria-label=(l.of("Tri", "Sort by")) {
                a href=(look.with("sort", None)) aria-current=[(asked.sort == Order::Heard).then_some("true")] {
                    (l.of("Derniers entendus", "Last heard"))
                }
                a href=(look.with("sort", Some("rssi"))) aria-current=[(asked.sort == Order::Rssi).then_some("true")] {
                    (l.of("Les plus forts", "Strongest"))
                }
            }
            (table(l, &census, shown))
        }
        (layout::pager(&look, page, pages))
    };
    Ok(layout::answer(layout::page(
        &look,
        Some(Section::Air),
        title,
        body,
    )))
}

fn table(l: Language, census: &Census, shown: &[Heard]) -> Markup {
    html! {
        table .list.stack {
            caption .sr { (l.of("Compteurs inconnus", "Unregistered meters")) }
            thead {
                tr {
                    th scope="col" { (l.of("Numéro", "Number")) }
                    th scope="col" { (l.of("Fabricant", "Maker")) }
                    th scope="col" { (l.of("Mesure", "Measures")) }
                    th scope="col" { (l.of("Réception", "Reception")) }
                    th scope="col" { (l.of("Entendu", "Heard")) }
                    th scope="col" { (l.of("Messages", "Telegrams")) }
                    th scope="col" { (l.of("Récepteur", "Receiver")) }
                }
            }
            tbody {
                @for stranger in shown {
                    tr {
                        th scope="row" { code { (stranger.address.identification_number) } }
                        td data-label=(l.of("Fabricant", "Maker")) { (stranger.address.manufacturer) }
                        td data-label=(l.of("Mesure", "Measures")) { (stranger.address.device_type.name()) }
                        td data-label=(l.of("Réception", "Reception")) { (words::rssi(l, stranger.rssi_dbm)) }
                        td data-label=(l.of("Entendu", "Heard")) { (words::ago(l, stranger.last_heard, census.now)) }
                        td data-label=(l.of("Messages", "Telegrams")) .number { (stranger.telegrams) }
                        td data-label=(l.of("Récepteur", "Receiver")) { (stranger.radio) }
                    }
                }
            }
        }
    }
}

/// Meters on a page.
const ON_A_PAGE: usize = 100;
