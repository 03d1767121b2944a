//! `releve meters`: what is registered, where it hangs, how it was last heard.

use std::fmt::Write;
use std::path::PathBuf;

use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::consumption::cell;
use super::{Done, Outcome, print};
use crate::registry::SiteCode;
use crate::store::{SqliteStore, Store};

/// Which of them.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  releve meters --db building.db
  releve meters --site AB123 --silent 3

Exit status 1 with --silent when there is one.")]
pub(super) struct Args {
    /// Only those of this site.
    #[arg(long, value_name = "CODE")]
    site: Option<SiteCode>,
    /// Only those that were not heard for so many days, or never.
    #[arg(long, value_name = "DAYS")]
    silent: Option<u16>,
    /// The store.
    #[arg(long, value_name = "FILE", default_value = super::DEFAULT_DB)]
    db: PathBuf,
    /// A JSON list.
    #[arg(long, conflicts_with = "csv")]
    json: bool,
    /// One line a meter.
    #[arg(long)]
    csv: bool,
}

struct Row {
    serial: String,
    address: String,
    site: Option<SiteCode>,
    lot: String,
    room: String,
    last_heard: Option<Timestamp>,
    rssi_dbm: Option<i16>,
    outcome: Option<String>,
    telegrams: u64,
}

pub(super) fn run(args: &Args) -> Outcome {
    let store = SqliteStore::open(&args.db)?;
    let registry = store.registry()?;
    let now = Timestamp::now();
    let since = args
        .silent
        .map(|days| now - SignedDuration::from_hours(24 * i64::from(days)));
    let mut rows = Vec::new();
    for meter in &registry.meters {
        let installation = registry
            .installations
            .iter()
            .filter(|installation| installation.meter == meter.id)
            .max_by_key(|installation| (installation.covers(now), installation.from));
        let point = installation.and_then(|installation| {
            registry
                .points
                .iter()
                .find(|point| point.id == installation.point)
        });
        let dwelling = point.and_then(|point| {
            registry
                .dwellings
                .iter()
                .find(|dwelling| dwelling.id == point.dwelling)
        });
        let site = dwelling.and_then(|dwelling| registry.sites.iter().find(|site| site.id == dwelling.site));
        let state = store.meter_state(meter.id)?;
        let row = Row {
            serial: meter
                .printed_serial
                .clone()
                .unwrap_or_else(|| meter.address.identification_number.to_string()),
            address: meter.address.to_string(),
            site: site.map(|site| site.code),
            lot: dwelling.map_or_else(String::new, |dwelling| dwelling.lot.clone()),
            room: point.map_or_else(String::new, |point| point.room.clone()),
            last_heard: state.as_ref().map(|state| state.last_heard),
            rssi_dbm: state.as_ref().and_then(|state| state.rssi_dbm),
            outcome: state.as_ref().map(|state| state.outcome.clone()),
            telegrams: state.as_ref().map_or(0, |state| state.telegrams),
        };
        let here = args.site.is_none_or(|site| row.site == Some(site));
        let silent = since.is_none_or(|since| row.last_heard.is_none_or(|heard| heard < since));
        if here && silent {
            rows.push(row);
        }
    }
    rows.sort_by(|a, b| (a.site, &a.lot, &a.room, &a.serial).cmp(&(b.site, &b.lot, &b.room, &b.serial)));
    print(&show(args, &rows))?;
    let trouble = args.silent.is_some() && !rows.is_empty();
    Ok(if trouble { Done::InPart } else { Done::Whole })
}

fn show(args: &Args, rows: &[Row]) -> String {
    let mut text = String::new();
    if args.json {
        let list: Vec<_> = rows
            .iter()
            .map(|row| {
                json!({
                    "serial": row.serial, "meter": row.address, "site": row.site.map(|site| site.to_string()),
                    "lot": row.lot, "room": row.room, "last_heard": row.last_heard, "rssi_dbm": row.rssi_dbm,
                    "outcome": row.outcome, "telegrams": row.telegrams,
                })
            })
            .collect();
        return format!("{}\n", serde_json::Value::Array(list));
    }
    if args.csv {
        text.push_str("serial,meter,site,lot,room,last_heard,rssi_dbm,outcome,telegrams\n");
    } else {
        let _ = writeln!(
            text,
            "{:<6} {:<10} {:<12} {:<15} {:<22} {:<20} {:>4} {:>7}  LAST",
            "SITE", "LOT", "ROOM", "SERIAL", "METER", "LAST HEARD", "DBM", "COUNT"
        );
    }
    for row in rows {
        let site = row.site.map_or_else(String::new, |site| site.to_string());
        let heard = row.last_heard.map_or_else(String::new, |heard| heard.to_string());
        let dbm = row.rssi_dbm.map_or_else(String::new, |dbm| dbm.to_string());
        let outcome = row.outcome.as_deref().unwrap_or("never heard");
        let _ = if args.csv {
            writeln!(
                text,
                "{},{},{site},{},{},{heard},{dbm},{},{}",
                cell(&row.serial),
                cell(&row.address),
                cell(&row.lot),
                cell(&row.room),
                row.outcome.as_deref().unwrap_or(""),
                row.telegrams
            )
        } else {
            writeln!(
                text,
                "{site:<6} {:<10} {:<12} {:<15} {:<22} {heard:<20} {dbm:>4} {:>7}  {outcome}",
                row.lot, row.room, row.serial, row.address, row.telegrams
            )
        };
    }
    if !args.csv {
        let _ = writeln!(text, "{} meters", rows.len());
    }
    text
}
