//! Figures for Prometheus: names with units, labels without secrets, cheap however long the history is.

use std::collections::BTreeMap;
use std::fmt::Write;

use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};

use crate::store::{AlertQuery, Kept, Store};

use super::Context;
use super::meters::Nothing;
use super::problem::Problem;
use super::query::Asked;

/// Give the figures that are watched, in the text format of Prometheus.
#[utoipa::path(
    get,
    path = "/metrics",
    tag = "operations",
    responses((status = 200, description = "The figures", body = String, content_type = "text/plain"), Problem),
    security(("token" = ["operator", "metrics"]))
)]
pub(super) async fn show(State(context): State<Context>, _: Asked<Nothing>) -> Result<Response, Problem> {
    let text = {
        let (kept, heard) = (context.keeping.now(), context.keeping.outcomes());
        context
            .ask_as_it_is(move |store| figures(store, kept, &heard))
            .await?
    };
    let mut response = text.into_response();
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8"),
    );
    Ok(response)
}

fn figures(store: &dyn Store, kept: Kept, heard: &BTreeMap<&'static str, u64>) -> Result<String, Problem> {
    let mut text = Text(String::new());
    text.head("releve_build_info", "gauge", "Always 1; which release runs.");
    text.line("releve_build_info", &[("version", env!("CARGO_PKG_VERSION"))], 1);
    text.head(
        "releve_registry_version",
        "gauge",
        "The registry's version, one more with each change.",
    );
    text.line("releve_registry_version", &[], store.registry_version()?);
    text.head(
        "releve_reading_changes_total",
        "counter",
        "Readings added or changed, ever; those of the last hour may be missing until somebody asks for them.",
    );
    text.line("releve_reading_changes_total", &[], store.last_change()?);

    text.head(
        "releve_meter_telegrams_total",
        "counter",
        "Telegrams of registered meters, by what became of them, ever; those of the last hour may be missing.",
    );
    for count in store.outcome_totals()? {
        text.line(
            "releve_meter_telegrams_total",
            &[("outcome", &count.outcome)],
            count.telegrams,
        );
    }

    text.head(
        "releve_heard_telegrams_total",
        "counter",
        "Telegrams that were heard since the daemon began, whoever's, by what became of them.",
    );
    for (outcome, telegrams) in heard {
        text.line(
            "releve_heard_telegrams_total",
            &[("outcome", outcome)],
            *telegrams,
        );
    }

    text.head(
        "releve_store_up",
        "gauge",
        "0 while the store refuses what is heard; it waits in memory and is tried again.",
    );
    text.line("releve_store_up", &[], u64::from(kept.refusing.is_none()));
    let counters = [
        (
            "releve_store_refused_batches_total",
            "counter",
            "Batches that the store refused since the daemon began.",
            kept.refusals,
        ),
        (
            "releve_store_waiting_telegrams",
            "gauge",
            "Telegrams that wait in memory since the store refused them.",
            kept.waiting,
        ),
        (
            "releve_dropped_telegrams_total",
            "counter",
            "Telegrams that were heard when there was no room left for them.",
            kept.dropped,
        ),
    ];
    for (name, kind, help, value) in counters {
        text.head(name, kind, help);
        text.line(name, &[], value);
    }

    text.head(
        "releve_store_mended_timestamp_seconds",
        "gauge",
        "When the store was last put together anew after damage; 0 when never.",
    );
    let mended = kept.mended.map_or(0, |(at, _)| at.as_second());
    text.line(
        "releve_store_mended_timestamp_seconds",
        &[],
        u64::try_from(mended).unwrap_or(0),
    );
    text.head(
        "releve_store_lost_readings",
        "gauge",
        "Readings known to be lost in the latest damage; absent while that is unknown.",
    );
    if let Some(lost) = kept.mended.map_or(Some(0), |(_, lost)| lost) {
        text.line("releve_store_lost_readings", &[], lost);
    }

    let receivers = store.receivers()?;
    text.head("releve_receiver_up", "gauge", "1 while the receiver listens.");
    for receiver in &receivers {
        let up = u64::from(receiver.condition == "listening");
        text.line("releve_receiver_up", &[("receiver", &receiver.name)], up);
    }
    type Counter = fn(&crate::store::ReceiverState) -> u64;
    let counters: [(&str, &str, Counter); 7] = [
        (
            "telegrams",
            "Telegrams it gave since the daemon began, whoever's.",
            |state| state.telegrams,
        ),
        ("noise_octets", "Octets that belonged to nothing.", |state| {
            state.noise
        }),
        ("opened", "Times that it was opened.", |state| state.opened),
        ("losses", "Times that it was lost.", |state| state.losses),
        (
            "asked",
            "Times that it was set up again, since it was silent.",
            |state| state.asked,
        ),
        (
            "resets",
            "Times that it was reset, since it was silent.",
            |state| state.resets,
        ),
        (
            "reopened",
            "Times that it was closed and opened, since it was silent.",
            |state| state.reopened,
        ),
    ];
    for (name, help, value) in counters {
        let name = format!("releve_receiver_{name}_total");
        text.head(&name, "counter", help);
        for receiver in &receivers {
            text.line(&name, &[("receiver", &receiver.name)], value(receiver));
        }
    }
    text.head(
        "releve_receiver_seen_timestamp_seconds",
        "gauge",
        "When the daemon last looked at it.",
    );
    for receiver in &receivers {
        let seen = u64::try_from(receiver.seen.as_second()).unwrap_or(0);
        text.line(
            "releve_receiver_seen_timestamp_seconds",
            &[("receiver", &receiver.name)],
            seen,
        );
    }

    let mut open: BTreeMap<String, u64> = crate::alerts::Kind::ALL
        .into_iter()
        .map(|kind| (kind.name().to_owned(), 0))
        .collect();
    let mut after = None;
    loop {
        let page = store.alerts(&AlertQuery {
            meter: None,
            cleared: false,
            after,
            limit: PAGE,
        })?;
        for alert in &page {
            *open.entry(alert.kind.clone()).or_default() += 1;
        }
        after = page.last().map(|alert| alert.id);
        if page.len() < PAGE {
            break;
        }
    }
    text.head("releve_alerts", "gauge", "Alerts that are open, by kind.");
    for (kind, count) in open {
        text.line("releve_alerts", &[("kind", &kind)], count);
    }
    Ok(text.0)
}

/// Alerts of one page.
const PAGE: usize = 1000;

/// The text as it grows.
struct Text(String);

impl Text {
    fn head(&mut self, name: &str, kind: &str, help: &str) {
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    fn line(&mut self, name: &str, labels: &[(&str, &str)], value: u64) {
        let labels: Vec<String> = labels
            .iter()
            .map(|(label, value)| format!("{label}=\"{}\"", escaped(value)))
            .collect();
        let labels = match labels.len() {
            0 => String::new(),
            _ => format!("{{{}}}", labels.join(",")),
        };
        let _ = writeln!(self.0, "{name}{labels} {value}");
    }
}

/// A label's value, whatever a configuration calls its receivers.
fn escaped(value: &str) -> String {
    value
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
}
