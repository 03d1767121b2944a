//! `releve listen`: who is on the air, as a table that lives. For installers: what is heard, how well, and who is missing.

use std::fmt::Write as _;
use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use decoders::Families;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::source::{SourceArgs, stop_on_signals};
use super::{Done, Outcome};
use crate::air::{Air, Presence};
use crate::intake::Heard;
use crate::plain::plain;
use crate::registry::{Directory, Meter};
use crate::store::{SqliteStore, Store};

/// What to listen to, and how to show it.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  releve listen --device /dev/ttyUSB0 --model im871a
  releve listen --config /etc/releve/config.toml --missing
  rtl_sdr -f 868.95M -s 1600000 - | rtl_wmbus | releve listen -
  releve listen --json monday.txt

Writes nothing into a store. Keys and registered meters come from the configuration's store, or from --db. Ctrl-C ends it.")]
pub(super) struct Args {
    #[command(flatten)]
    source: SourceArgs,
    /// The store with the registered meters and their keys; nothing of it is changed.
    #[arg(long, value_name = "FILE")]
    db: Option<PathBuf>,
    /// By what to sort.
    #[arg(long, value_enum, default_value_t = Sort::Last)]
    sort: Sort,
    /// Show which registered meters have not been heard yet.
    #[arg(long)]
    missing: bool,
    /// Only registered meters, not the neighbours'.
    #[arg(long)]
    registered: bool,
    /// A folder with pages of further meter families.
    #[arg(long, value_name = "FOLDER")]
    families: Option<PathBuf>,
    /// One JSON object when it ends.
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Sort {
    /// The latest heard first.
    Last,
    /// The most telegrams first.
    Count,
    /// The strongest first.
    Rssi,
    /// By maker and number.
    Serial,
}

/// How often the table is drawn anew.
const REFRESH: Duration = Duration::from_secs(1);

pub(super) fn run(args: &Args) -> Outcome {
    super::run::log_warnings();
    let config = args.source.config()?;
    let folder = args
        .families
        .clone()
        .or_else(|| config.as_ref().and_then(|config| config.families.clone()));
    let families: Families = super::families(folder.as_deref())?;
    let db = args.db.clone().or_else(|| {
        let path = config.as_ref().map(|config| config.store.path.clone());
        path.filter(|path| path.exists())
    });
    let directory = match &db {
        Some(path) => Directory::new(SqliteStore::open(path)?.directory()?),
        None => Directory::default(),
    };
    if args.missing && directory.is_empty() {
        return Err("--missing compares with registered meters: name their store with --db".into());
    }
    let mut air = Air::new(families, directory);
    let stop = stop_on_signals()?;
    let ears = args.source.ears(&stop)?;
    let live = io::stdout().is_terminal() && !args.json;
    let until = args.source.duration().map(|duration| Instant::now() + duration);
    let mut draw_at = Instant::now();
    loop {
        if until.is_some_and(|until| Instant::now() >= until) {
            stop.store(true, Ordering::Relaxed);
        }
        match ears.next(Duration::from_millis(100)) {
            Heard::Telegram(telegram) => {
                air.hear(&telegram, Timestamp::now());
            }
            Heard::Nothing => {}
            Heard::End => break,
        }
        if live && Instant::now() >= draw_at {
            draw_at = Instant::now() + REFRESH;
            redraw(&table(args, &air))?;
        }
    }
    drop(ears);
    if args.json {
        super::print(&format!("{}\n", answer(args, &air)))?;
    } else if live {
        redraw(&table(args, &air))?;
    } else {
        super::print(&table(args, &air))?;
    }
    let nobody_missing = !args.missing || air.missing().next().is_none();
    Ok(if nobody_missing { Done::Whole } else { Done::InPart })
}

/// Draws over what was there; on a terminal only.
fn redraw(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    write!(out, "\x1b[H\x1b[2J{}", plain(text))?;
    out.flush()
}

fn sorted<'a>(args: &Args, air: &'a Air) -> Vec<&'a Presence> {
    let mut meters: Vec<&Presence> = air
        .meters()
        .filter(|presence| !args.registered || presence.registered.is_some())
        .collect();
    meters.sort_by_key(|presence| {
        let name = presence.address.link_octets();
        let (first, second) = match args.sort {
            Sort::Last => (-presence.last_heard.as_second(), 0),
            Sort::Count => (-i64::try_from(presence.telegrams).unwrap_or(i64::MAX), 0),
            Sort::Rssi => (-i64::from(presence.rssi_dbm.unwrap_or(i16::MIN)), 0),
            Sort::Serial => (
                i64::from(presence.address.manufacturer.without_flag().0),
                i64::from(presence.address.identification_number.0),
            ),
        };
        (first, second, name)
    });
    meters
}

fn table(args: &Args, air: &Air) -> String {
    let meters = sorted(args, air);
    let mut text = String::new();
    if args.missing {
        let missing: Vec<&Meter> = air.missing().collect();
        for meter in &missing {
            let _ = writeln!(
                text,
                "{:<20} {}",
                meter.address.to_string(),
                meter.printed_serial.as_deref().unwrap_or("")
            );
        }
        let _ = writeln!(
            text,
            "{} registered meters not heard yet, {} heard",
            missing.len(),
            meters
                .iter()
                .filter(|presence| presence.registered.is_some())
                .count()
        );
        return text;
    }
    let _ = writeln!(
        text,
        "{:<18} {:<20} {:<24} {:<11} {:>5} {:>6}  {:<9} {:<10} SAYS",
        "METER", "MEDIUM", "FAMILY", "KEY", "DBM", "COUNT", "HEARD", "REGISTERED"
    );
    let now = Timestamp::now();
    let rows = if io::stdout().is_terminal() {
        ROWS
    } else {
        usize::MAX
    };
    for presence in meters.iter().take(rows) {
        let address = presence.address;
        let _ = writeln!(
            text,
            "{:<18} {:<20} {:<24} {:<11} {:>5} {:>6}  {:<9} {:<10} {}",
            format!(
                "{} {} {}",
                address.manufacturer, address.identification_number, address.version
            ),
            address.device_type.name(),
            presence.family.as_deref().unwrap_or("(standard)"),
            presence.lock.name(),
            presence.rssi_dbm.map_or_else(String::new, |dbm| dbm.to_string()),
            presence.telegrams,
            ago(now, presence.last_heard),
            match &presence.registered {
                Some((_, serial)) => serial.as_deref().unwrap_or("yes"),
                None => "-",
            },
            presence.says.as_deref().unwrap_or(""),
        );
    }
    if meters.len() > rows {
        let _ = writeln!(text, "… and {} more", meters.len() - rows);
    }
    let telegrams: u64 = meters.iter().map(|presence| presence.telegrams).sum();
    let _ = writeln!(
        text,
        "{} meters, {telegrams} telegrams, {} damaged or foreign",
        meters.len(),
        air.damaged
    );
    text
}

/// `12 s`, `5 min`, or the day.
fn ago(now: Timestamp, then: Timestamp) -> String {
    match now.as_second().saturating_sub(then.as_second()) {
        seconds @ ..60 => format!("{} s", seconds.max(0)),
        seconds @ 60..3600 => format!("{} min", seconds / 60),
        seconds @ 3600..86_400 => format!("{} h", seconds / 3600),
        _ => then.to_string().split('T').next().unwrap_or_default().to_owned(),
    }
}

fn answer(args: &Args, air: &Air) -> Value {
    let meters: Vec<Value> = sorted(args, air)
        .into_iter()
        .map(|presence| {
            let address = presence.address;
            json!({
                "manufacturer": address.manufacturer.to_string(),
                "id": address.identification_number.to_string(),
                "version": address.version.to_string(),
                "medium": address.device_type.name(),
                "family": presence.family,
                "key": presence.lock.name(),
                "rssi_dbm": presence.rssi_dbm,
                "telegrams": presence.telegrams,
                "last_heard": presence.last_heard,
                "radio": presence.radio,
                "registered": presence.registered.is_some(),
                "printed_serial": presence.registered.as_ref().and_then(|(_, serial)| serial.clone()),
                "says": presence.says,
            })
        })
        .collect();
    let missing: Vec<Value> = air
        .missing()
        .map(|meter| json!({ "meter": meter.address.to_string(), "printed_serial": meter.printed_serial }))
        .collect();
    json!({ "meters": meters, "missing": missing, "damaged": air.damaged })
}

/// Lines of a table on a terminal.
const ROWS: usize = 40;
