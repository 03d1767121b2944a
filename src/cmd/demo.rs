//! `releve demo`: a simulated building on an empty machine, imported, replayed and served: pages for a resident and for the
//! caretaker, and three questions to ask it.

mod resident;

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use decoders::Families;
use jiff::{Timestamp, ToSpan};

use self::resident::{Home, Resident};
use super::simulate::BuildingArgs;
use super::{Done, Outcome, progress, replay, run};
use crate::api::{Listener, Scope, Secret};
use crate::pipeline::Pipeline;
use crate::registry::import::{self, Format};
use crate::simulate::{Building, Dwelling, Plan, write};
use crate::store::{SqliteStore, Store};

/// What to show.
#[derive(clap::Args)]
#[command(after_help = "Example: releve demo

Simulates a building and a year of its telegrams, imports its registry, replays the capture into a new store, and answers
until you press Ctrl-C: residents on http://127.0.0.1:8090, the caretaker and the query API on http://127.0.0.1:8080.
Nothing is left behind unless you name a folder.")]
pub(super) struct Args {
    /// Where the API and the caretaker's pages listen.
    #[arg(long, default_value = "127.0.0.1:8080", value_name = "ADDRESS:PORT")]
    listen: String,
    /// Where the resident's pages listen.
    #[arg(long, default_value = "127.0.0.1:8090", value_name = "ADDRESS:PORT")]
    portal: String,
    /// Keep capture, registry, truth and store in this folder, which must be new or empty.
    #[arg(long)]
    folder: Option<PathBuf>,
    #[command(flatten)]
    building: BuildingArgs,
}

pub(super) fn run(args: &Args) -> Outcome {
    run::log();
    let scratch = Scratch::new(args.folder.as_deref())?;
    let plan = args.building.plan()?;
    let building = Building::new(&plan)?;
    let families = Families::embedded()?;
    let bar = progress::bar(1000, "simulating a year of telegrams");
    let written = write(&building, &plan, &families, &scratch.path, |done| {
        bar.set_position(done)
    })?;
    bar.finish_and_clear();

    let store = SqliteStore::create(&scratch.path.join("releve.db"))?;
    register(&store, &written.registry)?;
    let pipeline = Pipeline::on(&store, families)?;
    let summary = replay::into(&store, pipeline, &[written.capture])?;
    let secret = Secret::generate()?;
    store.add_token(&secret.token("demo", Scope::Operator, Timestamp::now()))?;
    let portal = Secret::generate()?;
    store.add_token(&portal.token("portal", Scope::Portal, Timestamp::now()))?;

    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    let listener = runtime.block_on(Listener::bind(&args.listen)).map_err(|error| {
        format!("{error}: is something else listening there? Try --listen 127.0.0.1:0 for any free port")
    })?;
    let introduction = introduction(&building, &plan, &listener, &secret, summary.telegrams)?;
    let service = listener.to_string();
    let both = async {
        let serving = tokio::spawn(run::serve(
            listener,
            Arc::new(store),
            Arc::default(),
            Arc::new(AtomicBool::new(false)),
            run::Ends::new()?,
        ));
        let home = Home {
            site: &building.code,
            lot: chosen(&building).map_or("", |dwelling| &dwelling.lot),
            since: plan.from,
        };
        let resident = Resident::move_in(&service, &portal, &args.portal, &scratch.path, &home).await?;
        super::print(&format!(
            "{introduction}\n{}\nThe caretaker's pages:   {service}/caretaker\n  enter with the token {}\n\nIt answers until you press Ctrl-C.\n",
            resident.introduction(),
            secret.reveal(),
        ))?;
        let mut served = None;
        resident.serve(async { served = Some(serving.await) }).await;
        match served {
            Some(ended) => Ok(ended??),
            None => Ok(()),
        }
    };
    let answered: Result<(), Box<dyn Error + Send + Sync>> = runtime.block_on(both);
    answered.map(|()| Done::Whole)
}

/// The dwelling that the demo looks into.
fn chosen(building: &Building) -> Option<&Dwelling> {
    building.dwellings.get(1).or(building.dwellings.first())
}

/// What to ask, ready to be copied.
fn introduction(
    building: &Building,
    plan: &Plan,
    listener: &Listener,
    secret: &Secret,
    telegrams: u64,
) -> Result<String, Box<dyn Error + Send + Sync>> {
    let dwelling = chosen(building);
    let point = dwelling.and_then(|dwelling| dwelling.points.first());
    let serial = point.map_or("", |point| &point.printed_serial);
    let until = plan.from.checked_add(i64::from(plan.days).days())?;
    let half_a_year_ago = until.checked_sub(6.months())?.first_of_month();
    let ask = |path: &str| {
        format!(
            "curl -s -H 'Authorization: Bearer {}' '{listener}{path}'",
            secret.reveal()
        )
    };
    let lot = dwelling.map_or("", |dwelling| &dwelling.lot);
    Ok(format!(
        "{} dwellings, {} meters of {} families, {telegrams} telegrams since {}.

Find the dwelling from the number on a meter:
  {}

Its hot water in m³ and its heating in units, by month:
  {}

The readings behind the bill:
  {}
",
        building.dwellings.len(),
        building.points().count(),
        building.families(),
        plan.from,
        ask(&format!("/v1/sites/{}/dwellings?serial={serial}", building.code)),
        ask(&format!(
            "/v1/dwellings/{}/consumption?from={half_a_year_ago}&to={until}&step=month",
            id(lot, building)
        )),
        ask(&format!("/v1/meters/{serial}/readings?quantity=volume&limit=5")),
    ))
}

/// The id that a fresh store gives the dwelling of a lot: in the order of the list.
fn id(lot: &str, building: &Building) -> usize {
    building
        .dwellings
        .iter()
        .position(|dwelling| dwelling.lot == lot)
        .map_or(1, |index| index + 1)
}

fn register(store: &dyn Store, list: &Path) -> Result<(), Box<dyn Error + Send + Sync>> {
    let name = list.display().to_string();
    let plan = import::plan(
        &store.registry()?,
        &name,
        &fs::read(list)?,
        Format::Csv,
        Some(super::registry::address_of_serial),
    );
    if let Some(fault) = plan.faults.first() {
        return Err(fault.to_string().into());
    }
    store.apply(plan.version, &plan.changes)?;
    Ok(())
}

/// A folder that goes when the demo does, unless somebody named it.
struct Scratch {
    path: PathBuf,
    keep: bool,
}

impl Scratch {
    fn new(named: Option<&Path>) -> Result<Self, Box<dyn Error + Send + Sync>> {
        let path = match named {
            Some(path) => path.to_owned(),
            None => std::env::temp_dir().join(format!("releve-demo-{}", std::process::id())),
        };
        let failed = |error: std::io::Error| format!("{}: {error}", path.display());
        fs::create_dir_all(&path).map_err(failed)?;
        if fs::read_dir(&path).map_err(failed)?.next().is_some() {
            return Err(format!("{}: is not empty: name a new folder", path.display()).into());
        }
        Ok(Self {
            path,
            keep: named.is_some(),
        })
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if !self.keep {
            // Ours alone, and made a moment ago.
            let _ = fs::remove_dir_all(&self.path);
        }
    }
}
