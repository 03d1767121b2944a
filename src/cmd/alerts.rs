//! `releve alerts`: what a caretaker should know, as a table or as JSON.

use std::fmt::Write;
use std::path::PathBuf;

use jiff::Timestamp;
use serde_json::json;

use super::{Done, Outcome};
use crate::alerts::{Kind, State, explain, look};
use crate::store::{AlertQuery, AlertRow, SqliteStore, Store};

/// What to list.
#[derive(clap::Args)]
#[command(after_help = "Example: releve alerts --db building.db --look

The daemon looks every meter over once an hour; --look does it now, for a store that no daemon fills. Exit status 0:
there is none; 1: there are some; 2: the store can't be read.")]
pub(super) struct Args {
    /// The store.
    #[arg(long, value_name = "FILE", default_value = super::DEFAULT_DB)]
    db: PathBuf,
    /// Look all meters over first.
    #[arg(long)]
    look: bool,
    /// Look as if it were then, such as the end of a replayed capture.
    #[arg(long, value_name = "INSTANT", requires = "look")]
    at: Option<Timestamp>,
    /// Also those that are over.
    #[arg(long)]
    all: bool,
    /// Only of this meter: its serial as printed, or maker and number.
    #[arg(long, value_name = "SERIAL")]
    meter: Option<String>,
    /// One JSON object.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args) -> Outcome {
    let store = SqliteStore::open(&args.db)?;
    let meter = args
        .meter
        .as_deref()
        .map(|typed| super::redecode::meter(&store, typed))
        .transpose()?;
    if args.look {
        let now = args.at.unwrap_or_else(Timestamp::now);
        let mut after = None;
        loop {
            let looked = look(&store, after, PAGE, now)?;
            after = looked.next;
            if after.is_none() {
                break;
            }
        }
    }
    let mut alerts: Vec<AlertRow> = Vec::new();
    loop {
        let page = store.alerts(&AlertQuery {
            meter: meter.as_ref().map(|meter| meter.id),
            cleared: args.all,
            after: alerts.last().map(|alert| alert.id),
            limit: PAGE,
        })?;
        let complete = page.len() < PAGE;
        alerts.extend(page);
        if complete {
            break;
        }
    }
    let mut rows = Vec::with_capacity(alerts.len());
    let mut text = String::new();
    for alert in &alerts {
        let serial = store.meter(alert.meter)?.map_or_else(String::new, |meter| {
            meter
                .printed_serial
                .unwrap_or_else(|| meter.address.identification_number.to_string())
        });
        let place = place(&store, alert)?;
        let words = Kind::from_name(&alert.kind).map(|kind| explain(kind, alert.amount));
        let state = State::of(alert).name();
        if args.json {
            rows.push(json!({
                "id": alert.id, "kind": alert.kind, "state": state, "meter": serial, "place": place,
                "amount": alert.amount, "raised_at": alert.raised, "seen_at": alert.seen, "cleared_at": alert.cleared,
                "explanation": words.map(|words| json!({ "fr": words.fr, "en": words.en })),
            }));
        } else {
            writeln!(
                text,
                "{:12} {state:11} {serial}  {place}  since {}",
                alert.kind, alert.raised
            )?;
            if let Some(words) = words {
                writeln!(text, "             {}\n             {}", words.fr, words.en)?;
            }
        }
    }
    let open = alerts.iter().filter(|alert| alert.cleared.is_none()).count();
    if args.json {
        text = format!("{}\n", json!({ "alerts": rows }));
    } else if alerts.is_empty() {
        text.push_str("nothing to tell\n");
    }
    super::print(&text)?;
    Ok(if open == 0 { Done::Whole } else { Done::InPart })
}

/// `RL001 lot 101 Cuisine`, where it hung when it was last so.
fn place(store: &dyn Store, alert: &AlertRow) -> Result<String, Box<dyn std::error::Error + Send + Sync>> {
    let placements = store.placements_of_meter(alert.meter)?;
    let placed = placements
        .iter()
        .find(|placement| placement.installation.covers(alert.seen));
    let Some(placed) = placed else {
        return Ok("installed nowhere".to_owned());
    };
    let dwelling = store.dwelling(placed.point.dwelling)?;
    let site = dwelling
        .as_ref()
        .map(|dwelling| store.site(dwelling.site))
        .transpose()?;
    let code = site
        .flatten()
        .map_or_else(String::new, |site| site.code.to_string());
    let lot = dwelling.map_or_else(String::new, |dwelling| dwelling.lot);
    Ok(format!("{code} lot {lot} {}", placed.point.room))
}

/// Meters of a look, and alerts of a page.
const PAGE: usize = 500;
