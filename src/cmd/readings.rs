//! `releve readings`: the exact values behind a figure.

use std::fmt::Write;
use std::path::PathBuf;

use decoders::reading::Quantity;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::{Done, Outcome, print};
use crate::store::{ReadingKey, ReadingQuery, ReadingRow, Source, SqliteStore, Store};

/// Of which meter, and which of them.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  releve readings 41530077 --db building.db
  releve readings C19UA145842 --quantity volume --source set_date --json")]
pub(super) struct Args {
    /// The meter's serial as printed, or maker and number.
    meter: String,
    /// Only this quantity: volume, heat_cost, temperature …
    #[arg(long, value_parser = quantity)]
    quantity: Option<Quantity>,
    /// Only from this source: live, set_date, history, manual or estimate.
    #[arg(long, value_parser = source)]
    source: Option<Source>,
    /// First instant, such as 2026-01-01T00:00:00Z.
    #[arg(long, value_name = "INSTANT")]
    from: Option<Timestamp>,
    /// First instant that is too late.
    #[arg(long, value_name = "INSTANT")]
    to: Option<Timestamp>,
    /// At most so many of each series, the latest.
    #[arg(long, default_value_t = 50)]
    limit: usize,
    /// The store.
    #[arg(long, value_name = "FILE", default_value = super::DEFAULT_DB)]
    db: PathBuf,
    /// A JSON list, each as in the API.
    #[arg(long, conflicts_with = "csv")]
    json: bool,
    /// One line a reading.
    #[arg(long)]
    csv: bool,
}

fn quantity(name: &str) -> Result<Quantity, String> {
    Quantity::from_name(name).ok_or_else(|| {
        let known: Vec<_> = Quantity::ALL.iter().map(|quantity| quantity.name()).collect();
        format!("write one of {}", known.join(", "))
    })
}

fn source(name: &str) -> Result<Source, String> {
    let found = Source::ALL.into_iter().find(|source| source.name() == name);
    found.ok_or_else(|| format!("write one of {}", Source::ALL.map(Source::name).join(", ")))
}

pub(super) fn run(args: &Args) -> Outcome {
    let store = SqliteStore::open(&args.db)?;
    let meter = super::redecode::meter(&store, &args.meter)?;
    let mut rows: Vec<ReadingRow> = Vec::new();
    for (channel, described) in store.channels(meter.id)? {
        if args
            .quantity
            .is_some_and(|quantity| quantity != described.quantity)
        {
            continue;
        }
        let mut series: Vec<ReadingRow> = Vec::new();
        let mut after: Option<ReadingKey> = None;
        loop {
            let page = store.readings(&ReadingQuery {
                meter: meter.id,
                channel: Some(channel),
                from: args.from.unwrap_or(Timestamp::MIN),
                until: args.to.unwrap_or(Timestamp::MAX),
                source: args.source,
                after,
                limit: PAGE,
            })?;
            let Some(last) = page.last() else { break };
            after = Some(ReadingKey {
                channel,
                at: last.reading.at,
                source: last.reading.source,
            });
            let whole = page.len() == PAGE;
            series.extend(page);
            // Only the latest are shown, so only they are kept.
            let surplus = series.len().saturating_sub(args.limit);
            series.drain(..surplus);
            if !whole {
                break;
            }
        }
        rows.extend(series);
    }
    if args.json {
        let list: Vec<_> = rows.iter().map(crate::api::reading).collect();
        print(&format!("{}\n", serde_json::to_string(&list)?))?;
    } else {
        let zone = zone(&store, &meter)?;
        print(&table(args, &rows, &zone))?;
    }
    Ok(if rows.is_empty() {
        Done::InPart
    } else {
        Done::Whole
    })
}

/// The zone of the site that a meter hangs in.
fn zone(
    store: &dyn Store,
    meter: &crate::registry::Meter,
) -> Result<TimeZone, Box<dyn std::error::Error + Send + Sync>> {
    let entry = store
        .directory()?
        .into_iter()
        .find(|entry| entry.meter.id == meter.id);
    Ok(entry
        .and_then(|entry| TimeZone::get(&entry.time_zone).ok())
        .unwrap_or(TimeZone::UTC))
}

fn table(args: &Args, rows: &[ReadingRow], zone: &TimeZone) -> String {
    let mut text = String::new();
    if args.csv {
        text.push_str("at,quantity,value,unit,source,flags\n");
    }
    for row in rows {
        let reading = &row.reading;
        let channel = &reading.channel;
        let (unit, shift) = channel.unit.symbol();
        let stored = channel.decimal(reading.value);
        let value = stored
            .exponent
            .checked_sub(shift)
            .map_or(stored, |exponent| wmbus::Decimal::new(stored.mantissa, exponent))
            .normalised();
        let flags: Vec<_> = reading.flags.names().collect();
        let local = reading.at.to_zoned_datetime(zone.clone());
        let _ = if args.csv {
            writeln!(
                text,
                "{},{},{value},{unit},{},{}",
                reading.at,
                channel.quantity.name(),
                reading.source.name(),
                flags.join(" ")
            )
        } else {
            writeln!(
                text,
                "{}  {:<20} {:>14} {:<5} {:<9} {}",
                local.strftime("%Y-%m-%d %H:%M:%S %:z"),
                channel.quantity.name(),
                value.to_string(),
                unit,
                reading.source.name(),
                flags.join(" ")
            )
        };
    }
    if rows.is_empty() && !args.csv {
        text.push_str("no reading of this meter is kept that fits\n");
    }
    text
}

/// Readings of one page.
const PAGE: usize = 5000;
