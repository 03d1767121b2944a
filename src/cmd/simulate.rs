//! `releve simulate`: a seeded building, its year of telegrams, and the truth.

use std::path::PathBuf;

use decoders::Families;
use jiff::civil::Date;

use super::source::stop_on_signals;
use super::tty::{TtyArgs, play};
use super::{Done, Outcome, progress};
use crate::simulate::{Building, Events, Plan, write};

/// What to simulate.
#[derive(clap::Args, Debug, Clone)]
#[command(after_help = "Example: releve simulate --seed 7 --days 30 building
Writes building/capture.txt, building/registry.csv, and beside them what was true (truth.jsonl) and what happened
(events.jsonl); then
  releve registry import building/registry.csv --db building.db
  releve replay building/capture.txt --db building.db

releve simulate --days 1 --tty im871a --link /tmp/dongle building
plugs a dongle in that never was and plays the day to whoever opens /tmp/dongle: `releve listen`, or a daemon.")]
pub(super) struct Args {
    /// The folder to write into; made when it is not there.
    folder: PathBuf,
    #[command(flatten)]
    building: BuildingArgs,
    #[command(flatten)]
    tty: TtyArgs,
    /// A JSON object that names what was written.
    #[arg(long)]
    json: bool,
}

/// The building and its time.
#[derive(clap::Args, Debug, Clone)]
pub(super) struct BuildingArgs {
    /// The same seed gives the same building on every machine.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// First day, local; a year before today by default.
    #[arg(long, value_name = "YYYY-MM-DD")]
    from: Option<Date>,
    /// How many days.
    #[arg(long, default_value_t = 365)]
    days: u32,
    /// How many dwellings.
    #[arg(long, default_value_t = 12, value_parser = clap::value_parser!(u32).range(1..=9000))]
    dwellings: u32,
    /// Minutes between two telegrams of a meter.
    #[arg(long, default_value_t = 360, value_parser = clap::value_parser!(u32).range(1..=1440))]
    every_minutes: u32,
    /// Telegrams lost on the way, per thousand.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(0..=1000))]
    lost_per_mille: u32,
    /// The site's time zone.
    #[arg(long, default_value = "Europe/Paris")]
    time_zone: String,
    /// What happens besides everyday life: leaks, replaced meters, rollover, dead batteries, outages, wrong clocks.
    #[arg(long, value_enum, default_value_t = Events::Calm)]
    events: Events,
}

impl BuildingArgs {
    /// The plan; without a first day the time ends yesterday.
    pub(super) fn plan(&self) -> Result<Plan, jiff::Error> {
        let from = match self.from {
            Some(from) => from,
            None => {
                let today = jiff::Timestamp::now().in_tz(&self.time_zone)?.date();
                today.checked_sub(jiff::Span::new().try_days(i64::from(self.days))?)?
            }
        };
        Ok(Plan {
            seed: self.seed,
            from,
            days: self.days,
            dwellings: self.dwellings,
            every_minutes: self.every_minutes,
            lost_per_mille: self.lost_per_mille,
            time_zone: self.time_zone.clone(),
            events: self.events,
        })
    }
}

pub(super) fn run(args: &Args) -> Outcome {
    let plan = args.building.plan()?;
    let building = Building::new(&plan)?;
    let families = Families::embedded()?;
    std::fs::create_dir_all(&args.folder)
        .map_err(|error| format!("{}: can't be made: {error}", args.folder.display()))?;
    let bar = progress::bar(1000, "simulating");
    let written = write(&building, &plan, &families, &args.folder, |done| {
        bar.set_position(done)
    })?;
    bar.finish_and_clear();
    if args.json {
        let answer = serde_json::json!({
            "capture": written.capture, "registry": written.registry, "truth": written.truth, "events": written.events,
            "telegrams": written.telegrams, "meters": written.meters, "dwellings": building.dwellings.len(),
        });
        super::print(&format!("{answer}\n"))?;
    } else {
        super::print(&format!(
            "{} dwellings, {} meters, {} telegrams over {} days from {}\n  {}\n  {}\n  {}\n  {}\n",
            building.dwellings.len(),
            written.meters,
            written.telegrams,
            plan.days,
            plan.from,
            written.capture.display(),
            written.registry.display(),
            written.truth.display(),
            written.events.display()
        ))?;
    }
    if let Some(model) = args.tty.tty {
        let stop = stop_on_signals()?;
        let played = play(&written.capture, &args.tty, model, &stop)?;
        super::print(&format!(
            "{} telegrams delivered, {} halves, {} bursts of garbage; it was reset {} times\n",
            played.delivered, played.halves, played.garbage, played.resets
        ))?;
    }
    Ok(Done::Whole)
}
