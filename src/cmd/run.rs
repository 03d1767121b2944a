//! `releve run`: the daemon. Listens, reads, stores, answers; ends on SIGINT or SIGTERM with everything committed.

use std::error::Error;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use decoders::Families;
use jiff::{SignedDuration, Timestamp};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{Notify, watch};
use tracing::{error, info, warn};

use super::{Done, Outcome, held};
use crate::api::{self, Listener};
use crate::care::{self, Care};
use crate::config::Config;
use crate::credentials;
use crate::intake::{Control, Intake, Options, Setup, open};
use crate::pipeline::{Pipeline, frame_with};
use crate::redecode::{Scope, redecode};
use crate::store::{Keeping, Mended, Reader, Retention, Sole, SqliteStore, Store, StoreError};
use crate::systemd::{self, Notifier};

/// How to run.
#[derive(clap::Args)]
#[command(after_help = "Example: releve run --config /etc/releve/config.toml

The configuration names the store, where the API listens, and the receivers; deploy/config.example.toml shows every
option. Tokens for the API are made with `releve token add`. SIGHUP reads configuration, pages, registry and keys again,
without losing a telegram; SIGTERM ends with everything committed.")]
pub(super) struct Args {
    /// The configuration file.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
}

pub(super) fn run(args: &Args) -> Outcome {
    log();
    let config = Config::read(&args.config)?;
    look_at_permissions(&args.config, &config);
    // Held to the end.
    let _sole = Sole::take(&config.store.path)?;
    let store = config.store.path.clone();
    let outcome = serve_all(args, config);
    // Met where nobody could go on without it: looked at wholly, and mended, at the next start.
    if let Err(error) = &outcome
        && let Some(StoreError::Damaged { detail, .. }) = error.downcast_ref()
        && let Err(error) = SqliteStore::suspect(&store, detail)
    {
        error!(event = "store.damaged", %error, "the damage could not be noted beside the store");
    }
    outcome
}

fn serve_all(args: &Args, config: Config) -> Outcome {
    let notifier = Notifier::from_environment().map(Arc::new);
    let care = care(&config);
    let setup = setup(&config)?;
    let reader = Rereading(&setup.families);
    let (file, mended) =
        SqliteStore::open_or_mend(&config.store.path, &care.folder, Timestamp::now(), &reader)?;
    if let Some(mended) = &mended {
        tell(mended);
    }
    file.may_lag(config.store.answers_lag_seconds);
    if let Err(error) = file.keep_hours_only(config.store.every_value_days == 0) {
        warn!(event = "store.hours", %error, "whether every value is kept could not be noted: as it was before");
    }
    let file = Arc::new(file);
    let store: Arc<dyn Store> = file.clone();
    take_credentials(&*store);
    held::take(&config.store.path, &*store, &setup.families);
    let receivers = setup
        .receivers
        .into_iter()
        .map(|config| open(&config).map(|receiver| (config, receiver)))
        .collect::<Result<Vec<_>, _>>()?;
    let stop = Arc::new(AtomicBool::new(false));
    let intake = Intake::new(store.clone(), setup.families, setup.options, stop.clone())?;
    let control = intake.control();
    let sane = intake.sanity();
    let keeping = intake.keeping();
    keeping.mended(file.mended()?);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    let listener = runtime
        .block_on(Listener::bind(&config.api.listen))?
        .with_patience(Duration::from_secs(config.api.patience_seconds.into()));
    // Before it says that it is ready: from then on it may be told to end.
    let ends = runtime.block_on(async { Ends::new() })?;
    info!(event = "ready", api = %listener, store = %config.store.path.display(), "ready");
    let status = format!("answering on {listener}");
    let listening = thread::Builder::new()
        .name("intake".to_owned())
        .spawn(move || intake.run(receivers))?;
    let watching = {
        let (store, stop) = (Arc::clone(&store), Arc::clone(&stop));
        thread::Builder::new().name("watch".to_owned()).spawn({
            let sane = Arc::clone(&sane);
            move || crate::alerts::watch(store, stop, sane)
        })?
    };
    let caring = {
        let (keeping, stop, damage) = (Arc::clone(&keeping), Arc::clone(&stop), ends.damage());
        care::begin(file, care, keeping, stop, sane, move || damage.notify_one())?
    };
    if let (Some(notifier), Some(limit)) = (&notifier, systemd::watchdog()) {
        runtime.spawn(show_life(Arc::clone(notifier), control.clone(), limit));
    }
    let path = config.store.path.clone();
    let reloading = Reloading {
        path: args.config.clone(),
        config,
        store: Arc::clone(&store),
        control,
        notifier: notifier.clone(),
        status: status.clone(),
    };
    runtime.block_on(async {
        tokio::spawn(reloading.follow(signal(SignalKind::hangup())?));
        if let Some(notifier) = &notifier {
            notifier.ready(&status);
        }
        serve(listener, store, keeping, stop, ends).await
    })?;
    if let Some(notifier) = &notifier {
        notifier.stopping();
    }
    if watching.join().is_err() {
        error!(event = "bug", "the watch ended in an error of the program");
    }
    match listening
        .join()
        .map_err(|_| "the intake ended in an error of the program")?
    {
        Ok(outcomes) => info!(
            event = "stopped",
            ?outcomes,
            "stopped, everything heard is stored"
        ),
        Err(unstored) => {
            let telegrams = unstored.telegrams.len();
            match held::keep(&path, &unstored.telegrams) {
                Ok(file) => {
                    warn!(event = "held.kept", telegrams, file = %file.display(), "what could not be stored is kept there")
                }
                Err(error) => {
                    error!(event = "held.lost", telegrams, %error, "what could not be stored is lost")
                }
            }
            return Err(unstored.error.into());
        }
    }
    if caring.join().unwrap_or(false) {
        return Err("the store is damaged: start again, and it is put together anew".into());
    }
    // A reload that came too late may still wait for an intake that is gone.
    runtime.shutdown_background();
    Ok(Done::Whole)
}

/// Says who else may change what the daemon does, or read what it was trusted with.
fn look_at_permissions(path: &Path, config: &Config) {
    let mode = |path: &Path| fs::metadata(path).map_or(0, |data| data.permissions().mode());
    if mode(path) & 0o022 != 0 {
        warn!(
            event = "config.writable", path = %path.display(),
            "others than its owner can write the configuration, which names programs to run: chmod 640 it"
        );
    }
    let passwords = config
        .receivers
        .iter()
        .filter_map(|receiver| receiver.password_file.as_deref());
    for path in passwords.filter(|path| mode(path) & 0o077 != 0) {
        warn!(
            event = "config.readable", path = %path.display(),
            "others than its owner can read the file of a password: chmod 600 it"
        );
    }
}

/// How the store is looked after.
fn care(config: &Config) -> Care {
    let store = &config.store;
    Care {
        check_every: Duration::from_secs(u64::from(store.check_hours) * 3600),
        copy_every: SignedDuration::from_hours(i64::from(store.backup_days) * 24),
        copies: usize::try_from(store.backups).unwrap_or(usize::MAX),
        folder: store
            .backup_folder
            .clone()
            .unwrap_or_else(|| Care::folder_of(&store.path)),
    }
}

/// What was done to a damaged store, for the log.
fn tell(mended: &Mended) {
    let Mended {
        reason,
        aside,
        copy,
        salvaged,
        lost_batches,
    } = mended;
    let aside = aside.display();
    if *lost_batches > 0 {
        error!(event = "store.log_spoilt", %aside, lost_batches, "the store's log was spoilt: what was stored last is lost, as far as nobody kept it");
    }
    if reason.is_empty() && copy.is_none() && salvaged.readings == 0 {
        return;
    }
    let copy = copy
        .as_ref()
        .map_or_else(|| "none".to_owned(), |copy| copy.display().to_string());
    let lost = salvaged
        .lost_readings
        .map_or_else(|| "unknown".to_owned(), |lost| lost.to_string());
    error!(
        event = "store.mended", %reason, %aside, %copy, readings = salvaged.readings, lost_readings = %lost, refused_rows = salvaged.refused,
        torn_tables = salvaged.torn_tables,
        "the store was damaged and is put together anew"
    );
}

/// How archives are read again while a store is mended.
struct Rereading<'a>(&'a Families);

impl Reader for Rereading<'_> {
    fn is_whole(&self, octets: &[u8], digest: u64) -> bool {
        frame_with(octets, digest).is_some()
    }

    fn read_again(&self, store: &SqliteStore) {
        let report = Pipeline::on(store, self.0.clone())
            .and_then(|pipeline| redecode(store, pipeline, &Scope::default(), |_| ()));
        match report {
            Ok(report) => info!(
                event = "store.read_again",
                telegrams = report.telegrams,
                readings = report.stored.readings,
                contradict = report.stored.conflicts,
                "the archive was read again"
            ),
            Err(error) => warn!(event = "store.unread_again", %error, "the archive could not be read again"),
        }
    }
}

/// What the configuration says of intake.
fn setup(config: &Config) -> Result<Setup, Box<dyn Error + Send + Sync>> {
    let families = match &config.families {
        None => Families::embedded()?,
        Some(folder) => {
            let (families, refused) = Families::with_good_pages_of(folder)?;
            for page in refused {
                warn!(event = "families.page", %page, "a page of a family is wrong and left out");
            }
            families
        }
    };
    Ok(Setup {
        receivers: config.receivers.clone(),
        families,
        options: Options {
            commit_every: Duration::from_secs(config.store.commit_seconds.into()),
            commit_telegrams: usize::try_from(config.store.commit_telegrams)?,
            retention: Retention {
                raw_days: config.store.raw_days,
                every_value_days: config.store.every_value_days,
                live_days: config.store.live_days,
                ..Retention::default()
            },
            accept: config.accept,
        },
    })
}

/// Keys and tokens that the service was trusted with. What is wrong with them is said, and stops nothing.
fn take_credentials(store: &dyn Store) {
    match credentials::take(store) {
        Ok(taken) => {
            for fault in &taken.faults {
                warn!(event = "credentials.wrong", %fault, "a credential is wrong and left out");
            }
            if taken.keys + taken.tokens > 0 {
                info!(
                    event = "credentials.taken",
                    keys = taken.keys,
                    tokens = taken.tokens,
                    "credentials taken"
                );
            }
        }
        Err(error) => warn!(event = "credentials.untaken", %error, "the credentials could not be taken"),
    }
}

/// What is needed to begin anew without ending.
struct Reloading {
    path: PathBuf,
    config: Config,
    store: Arc<dyn Store>,
    control: Control,
    notifier: Option<Arc<Notifier>>,
    status: String,
}

impl Reloading {
    /// Reads everything again at each SIGHUP.
    async fn follow(mut self, mut hangup: Signal) {
        while hangup.recv().await.is_some() {
            if let Some(notifier) = &self.notifier {
                notifier.reloading();
            }
            // Files, SQLite and the intake's queue all make a thread wait.
            let done = tokio::task::spawn_blocking(move || {
                self.reload();
                self
            });
            match done.await {
                Ok(again) => self = again,
                Err(error) => {
                    error!(event = "bug", %error, "reading the configuration again failed");
                    return;
                }
            }
            if let Some(notifier) = &self.notifier {
                notifier.ready(&self.status);
            }
        }
    }

    /// Configuration, pages, credentials and registry; what is wrong leaves everything as it was.
    fn reload(&mut self) {
        let wanted = || -> Result<_, Box<dyn Error + Send + Sync>> {
            let config = Config::read(&self.path)?;
            Ok((setup(&config)?, config))
        };
        let (setup, config) = match wanted() {
            Ok(wanted) => wanted,
            Err(error) => {
                error!(event = "reload.refused", %error, "the configuration is wrong, and the one before still holds");
                return;
            }
        };
        if config.store.path != self.config.store.path || config.api != self.config.api {
            warn!(
                event = "reload.later",
                "another store or another address of the API holds after the next start only"
            );
        }
        take_credentials(&*self.store);
        match self.control.change(setup) {
            Some(changed) => {
                for reason in &changed.refused {
                    warn!(event = "receiver.refused", %reason, "a receiver could not be begun");
                }
                info!(
                    event = "reload.done", begun = ?changed.begun, ended = ?changed.ended, meters = changed.meters,
                    "read again: configuration, pages, registry and keys"
                );
                self.config = config;
            }
            None => warn!(
                event = "reload.late",
                "the intake has ended, so nothing was changed"
            ),
        }
    }
}

/// Tells systemd that the service lives, as long as the intake gets on with its work and this runtime with its own.
async fn show_life(notifier: Arc<Notifier>, control: Control, limit: Duration) {
    let mut seen = control.pulse();
    loop {
        tokio::time::sleep(limit / 4).await;
        let now = control.pulse();
        if now != seen {
            notifier.alive();
        }
        seen = now;
    }
}

/// The signals that end a process well, from now on.
pub(super) struct Ends {
    interrupt: Signal,
    terminate: Signal,
    /// Not a signal: the store is damaged.
    damage: Arc<Notify>,
}

impl Ends {
    /// Inside a runtime only.
    pub(super) fn new() -> std::io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            damage: Arc::default(),
        })
    }

    /// Whoever is notified here ends the process as well.
    fn damage(&self) -> Arc<Notify> {
        Arc::clone(&self.damage)
    }
}

/// Answers until a signal comes, then tells everybody.
pub(super) async fn serve(
    listener: Listener,
    store: Arc<dyn Store>,
    keeping: Arc<Keeping>,
    stop: Arc<AtomicBool>,
    mut ends: Ends,
) -> std::io::Result<()> {
    let (told, mut tell) = watch::channel(());
    tokio::spawn(async move {
        tokio::select! {
            _ = ends.interrupt.recv() => {}
            _ = ends.terminate.recv() => {}
            () = ends.damage.notified() => {}
        }
        info!(event = "stopping", "stopping");
        stop.store(true, Ordering::Relaxed);
        let _ = told.send(());
    });
    let context = api::Context::new(store)
        .with_serials(super::registry::address_of_serial)
        .with_keeping(keeping);
    api::serve(listener, context, async move {
        let _ = tell.changed().await;
    })
    .await;
    Ok(())
}

/// Log lines on standard error, where systemd and people look for them; `RELEVE_LOG=debug` says more.
pub(super) fn log() {
    crate::logging::begin(tracing::Level::INFO);
}

/// As [`log`], but silent while all is well: for commands that show something themselves.
pub(super) fn log_warnings() {
    crate::logging::begin(tracing::Level::WARN);
}
