//! All alerts: open ones by severity, or also those that are over.

use axum::extract::State;
use axum::response::Response;
use maud::{Markup, html};
use serde::Deserialize;

use super::super::problem::Problem;
use super::super::query::Asked;
use super::census::Census;
use super::layout::{self, Look, Section};
use super::meters::PageNumber;
use super::{Language, overview, words};
use crate::alerts::{Kind, State as Life, explain};
use crate::api::Context;
use crate::store::AlertRow;

/// Which alerts.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AlertsQuery {
    /// Only of this kind.
    kind: Option<String>,
    #[serde(default)]
    page: PageNumber,
    #[serde(rename = "lang")]
    _lang: Option<String>,
}

/// List what is open, the most urgent first.
pub(super) async fn show(
    State(context): State<Context>,
    look: Look,
    Asked(asked): Asked<AlertsQuery>,
) -> Result<Response, Problem> {
    let (now, desk) = (context.now(), context.desk().clone());
    let kind = match asked.kind.as_deref().filter(|kind| !kind.is_empty()) {
        None => None,
        Some(kind) => {
            Some(Kind::from_name(kind).ok_or_else(|| Problem::invalid("kind", "not a kind of alert"))?)
        }
    };
    let census = context
        .ask(move |store| Census::take(store, &desk.census, now))
        .await?;
    let mut alerts: Vec<&AlertRow> = census
        .alerts
        .iter()
        .rev()
        .filter(|alert| kind.is_none_or(|kind| alert.kind == kind.name()))
        .collect();
    alerts.sort_by_key(|alert| words::severity(&alert.kind));
    let (page, pages, shown) = asked.page.of(&alerts, ON_A_PAGE);
    let l = look.language;
    let title = Section::Alerts.name(l);
    let kinds: Vec<(Kind, usize)> = Kind::ALL
        .into_iter()
        .map(|kind| {
            let count = census
                .alerts
                .iter()
                .filter(|alert| alert.kind == kind.name())
                .count();
            (kind, count)
        })
        .filter(|(_, count)| *count > 0)
        .collect();
    let body = html! {
        h1 { (title) " " span .quiet data-figure="alerts" { (alerts.len()) } }
        (overview::updated(l, &census))
        @if kinds.len() > 1 || kind.is_some() {
            nav .filters aria-label=(l.of("Filtrer par sorte", "Filter by kind")) {
                a href="/caretaker/alerts" aria-current=[kind.is_none().then_some("true")] { (l.of("Toutes", "All")) }
                @for (other, count) in kinds {
                    a href={ "/caretaker/alerts?kind=" (other.name()) } aria-current=[(kind == Some(other)).then_some("true")]
                        data-figure={ "alerts-" (other.name()) } {
                        (words::alert(l, other.name())) " " span .quiet { (count) }
                    }
                }
            }
        }
        @if alerts.is_empty() {
            p .notice.good { (l.of("Aucune alerte ouverte.", "No alert is open.")) }
        } @else {
            ul .alerts {
                @for alert in shown { (row(l, &census, alert)) }
            }
        }
        (layout::pager(&look, page, pages))
    };
    Ok(layout::answer(layout::page(
        &look,
        Some(Section::Alerts),
        title,
        body,
    )))
}

/// An alert in a list: whose, since when, what to do.
pub(super) fn row(l: Language, census: &Census, alert: &AlertRow) -> Markup {
    let member = census.meter(alert.meter);
    let severity = words::severity(&alert.kind);
    html! {
        li .alert.(words::severity_class(severity)) data-alert=(alert.id) {
            p .head {
                strong { (words::alert(l, &alert.kind)) } " "
                @if let Some(member) = member {
                    a href={ "/caretaker/meters/" (member.id().0) } { (member.name().serial) } " "
                    span .quiet { (words::spot(l, member.spot())) }
                }
            }
            (explained(l, alert))
            p .quiet {
                (l.of("Depuis le ", "Since ")) (words::when(l, alert.raised, census.now, &census.zone))
                @if Life::of(alert) == Life::Raised { " " span .badge.calm { (l.of("nouvelle", "new")) } }
            }
        }
    }
}

/// What it means and what to do.
pub(super) fn explained(l: Language, alert: &AlertRow) -> Markup {
    let words = Kind::from_name(&alert.kind).map(|kind| explain(kind, alert.amount));
    html! {
        @if let Some(words) = words {
            p { (match l { Language::French => words.fr, Language::English => words.en }) }
        }
    }
}

/// Alerts on a page.
const ON_A_PAGE: usize = 50;
