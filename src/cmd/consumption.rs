//! `releve consumption`: what a dwelling used, as a table with bars.

use std::error::Error;
use std::fmt::Write;
use std::path::PathBuf;

use decoders::reading::Unit;
use jiff::civil::Date;
use jiff::{Timestamp, ToSpan};
use wmbus::Decimal;

use super::{Done, Outcome, print};
use crate::consumption::{Consumption, Metered, Period, Quality, Step, of_dwelling_by};
use crate::registry::{Dwelling, Site};
use crate::store::{SqliteStore, Store};

/// Whose, when, and how it is cut.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  releve consumption 41530077 --db building.db
  releve consumption AB123/A-007 --from 2026-01-01 --to 2026-02-01 --step day

The dwelling is named by a number on one of its meters, or by site and lot. Behind a figure, ~ says that it was interpolated, ?
that it is an estimate; - stands where nothing is known. Days are those of the site; the last one is not counted.")]
pub(super) struct Args {
    /// A meter's number, or SITE/LOT.
    dwelling: String,
    /// First day; eleven months before the last month when left out.
    #[arg(long, value_name = "YYYY-MM-DD")]
    from: Option<Date>,
    /// The day after the last one; tomorrow when left out.
    #[arg(long, value_name = "YYYY-MM-DD")]
    to: Option<Date>,
    /// How the days are cut: day, week, month, season (July to June) or year.
    #[arg(long, default_value = "month", value_parser = step)]
    step: Step,
    /// The store.
    #[arg(long, value_name = "FILE", default_value = super::DEFAULT_DB)]
    db: PathBuf,
    /// The same as the API's answer.
    #[arg(long, conflicts_with = "csv")]
    json: bool,
    /// One line a point and period.
    #[arg(long)]
    csv: bool,
}

fn step(name: &str) -> Result<Step, String> {
    // Hours are for households that agreed to it: the API knows which.
    let known = Step::ALL.into_iter().filter(|step| *step != Step::Hour);
    known.clone().find(|step| step.name() == name).ok_or_else(|| {
        let known: Vec<_> = known.map(Step::name).collect();
        format!("write one of {}", known.join(", "))
    })
}

pub(super) fn run(args: &Args) -> Outcome {
    let store = SqliteStore::open(&args.db)?;
    let (dwelling, site) = dwelling(&store, &args.dwelling)?;
    let now = Timestamp::now();
    let zone = site.zone();
    let today = now.to_zoned_datetime(zone.clone()).date();
    let to = args.to.map_or_else(|| today.tomorrow(), Ok)?;
    let from = match args.from {
        Some(from) => from,
        None => to.yesterday()?.first_of_month().checked_sub(11.months())?,
    };
    if args.json {
        let report = crate::api::consumption(&store, (dwelling, &site), (from, to), args.step, now)?;
        print(&format!("{}\n", serde_json::to_string(&report)?))?;
        return Ok(Done::Whole);
    }
    let whole = Period::new(from, to, &zone)?;
    let periods = whole.cut(args.step, &zone, MOST_PERIODS)?;
    let metered = of_dwelling_by(
        &store,
        dwelling.id,
        (whole.start, whole.end),
        args.step.grain(),
        now,
    )?;
    let table = Table {
        whole: &whole,
        periods: &periods,
        metered: &metered,
    };
    print(&if args.csv {
        table.csv()
    } else {
        format!(
            "{} lot {}, {from} to {to} by {}\n\n{}",
            site.code,
            dwelling.lot,
            args.step.name(),
            table.text()
        )
    })?;
    let known = metered
        .iter()
        .any(|metered| metered.place.over(whole.start, whole.end).amount.is_some());
    Ok(if known { Done::Whole } else { Done::InPart })
}

/// The dwelling that a person means.
pub(super) fn dwelling(
    store: &dyn Store,
    typed: &str,
) -> Result<(Dwelling, Site), Box<dyn Error + Send + Sync>> {
    if let Some((code, lot)) = typed.split_once('/') {
        let site = store.site_by_code(code.parse()?)?.ok_or_else(|| {
            format!("no site has the code {code}: `releve registry export` lists all there are")
        })?;
        let mut dwellings = store.dwellings_by_lot(site.id, lot)?;
        return match (dwellings.pop(), dwellings.is_empty()) {
            (Some(dwelling), true) => Ok((dwelling, site)),
            (Some(_), false) => {
                Err(format!("{code} has several lots {lot}: name a meter's number instead").into())
            }
            (None, _) => Err(format!("{code} has no lot {lot}").into()),
        };
    }
    let meter = super::redecode::meter(store, typed)?;
    let placements = store.placements_of_meter(meter.id)?;
    let placement = placements
        .last()
        .ok_or_else(|| format!("meter {} hangs in no dwelling", meter.address))?;
    let dwelling = store
        .dwelling(placement.point.dwelling)?
        .ok_or("its dwelling is gone")?;
    let site = store.site(dwelling.site)?.ok_or("its site is gone")?;
    Ok((dwelling, site))
}

struct Table<'a> {
    whole: &'a Period,
    periods: &'a [Period],
    metered: &'a [Metered],
}

impl Table<'_> {
    fn text(&self) -> String {
        let mut text = String::new();
        let kinds = self
            .metered
            .chunk_by(|a, b| a.point.kind == b.point.kind && a.unit == b.unit);
        for points in kinds {
            let Some(first) = points.first() else { continue };
            let (unit, _) = first.unit.symbol();
            let _ = writeln!(text, "{} ({unit})", first.point.kind.name());
            let rows: Vec<(String, Consumption)> = self
                .periods
                .iter()
                .map(|period| {
                    let parts: Vec<_> = points
                        .iter()
                        .map(|metered| metered.place.over(period.start, period.end))
                        .collect();
                    (period.from.to_string(), Consumption::sum(&parts))
                })
                .collect();
            let most = rows
                .iter()
                .filter_map(|(_, used)| amount(used, first.unit))
                .max_by(|a, b| a.compare(*b));
            for (day, used) in &rows {
                let bar = bar(amount(used, first.unit), most);
                let _ = writeln!(text, "  {day:<18}{:>12}  {bar}", figure(used, first.unit));
            }
            for metered in points {
                let used = metered.place.over(self.whole.start, self.whole.end);
                if used.served {
                    let point = &metered.point;
                    let _ = writeln!(text, "  {:<18}{:>12}", point.room, figure(&used, metered.unit));
                }
            }
            let all: Vec<_> = points
                .iter()
                .map(|metered| metered.place.over(self.whole.start, self.whole.end))
                .collect();
            let _ = writeln!(
                text,
                "  {:<18}{:>12}\n",
                "total",
                figure(&Consumption::sum(&all), first.unit)
            );
        }
        if text.is_empty() {
            text.push_str("no meter of this dwelling counts anything\n");
        }
        text
    }

    fn csv(&self) -> String {
        let mut text = "kind,room,number,unit,from,to,value,raw,quality,flags\n".to_owned();
        for metered in self.metered {
            let (unit, shift) = metered.unit.symbol();
            for period in self.periods {
                let used = metered.place.over(period.start, period.end);
                if !used.served {
                    continue;
                }
                let number = |value: Option<Decimal>| {
                    let value = value.and_then(|value| shifted(value, shift));
                    value.map_or_else(String::new, |value| value.normalised().to_string())
                };
                let flags: Vec<_> = used.flags.iter().map(|flag| flag.name()).collect();
                let _ = writeln!(
                    text,
                    "{},{},{},{unit},{},{},{},{},{},{}",
                    metered.point.kind.name(),
                    cell(&metered.point.room),
                    metered.point.number,
                    period.from,
                    period.to,
                    number(used.amount.map(|amount| amount.rated)),
                    number(used.amount.map(|amount| amount.raw)),
                    used.quality.name(),
                    flags.join(" ")
                );
            }
        }
        text
    }
}

/// A text as a cell of CSV.
pub(super) fn cell(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

/// In the unit that people read.
fn amount(used: &Consumption, unit: Unit) -> Option<Decimal> {
    shifted(used.amount?.rated, unit.symbol().1)
}

fn shifted(value: Decimal, shift: i8) -> Option<Decimal> {
    Some(Decimal::new(value.mantissa, value.exponent.checked_sub(shift)?))
}

/// `2.85 ~`
fn figure(used: &Consumption, unit: Unit) -> String {
    let mark = match used.quality {
        Quality::Measured => " ",
        Quality::Interpolated => "~",
        Quality::Estimated => "?",
        Quality::Missing => return "-  ".to_owned(),
    };
    match amount(used, unit).and_then(crate::api::shown) {
        Some(value) => format!("{value} {mark}"),
        None => "-  ".to_owned(),
    }
}

/// A bar of at most so many blocks, in eighths.
fn bar(value: Option<Decimal>, most: Option<Decimal>) -> String {
    let eighths = |value: Decimal, most: Decimal| -> Option<i64> {
        let exponent = value.exponent.min(most.exponent);
        let (value, most) = (value.rescale(exponent)?, most.rescale(exponent)?);
        if most <= 0 {
            return None;
        }
        i64::try_from(i128::from(value.max(0)) * i128::from(WIDTH * 8) / i128::from(most)).ok()
    };
    let Some(eighths) = value.zip(most).and_then(|(value, most)| eighths(value, most)) else {
        return String::new();
    };
    let whole = usize::try_from(eighths / 8).unwrap_or(0);
    let rest = usize::try_from(eighths % 8).unwrap_or(0);
    let rest = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"]
        .get(rest)
        .copied()
        .unwrap_or("");
    format!("{}{rest}", "█".repeat(whole))
}

/// Blocks of the longest bar.
const WIDTH: i64 = 30;
/// Ten years of days, and a little.
const MOST_PERIODS: usize = 3700;
