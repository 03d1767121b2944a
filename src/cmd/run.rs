//! `releve run`: the daemon. Listens, reads, stores, answers; ends on SIGINT or SIGTERM with everything committed.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use collector::Receiver;
use collector::capture::Origin;
use collector::receiver::{Clock, File, Growing, Stream};
use collector::serial::Dongle;
use decoders::Families;
use jiff::tz::TimeZone;
use tokio::sync::watch;
use tracing::{info, warn};

use super::{Done, Outcome};
use crate::api::{self, Listener};
use crate::config::{self, Config, Times};
use crate::intake::{Intake, Options};
use crate::store::{Retention, SqliteStore, Store};

/// How to run.
#[derive(clap::Args)]
#[command(after_help = "Example: releve run --config /etc/releve/config.toml

The configuration names the store, where the API listens, and the receivers; deploy/config.example.toml shows every
option. Tokens for the API are made with `releve token add`.")]
pub(super) struct Args {
    /// The configuration file.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
}

pub(super) fn run(args: &Args) -> Outcome {
    log();
    let config = Config::read(&args.config)?;
    let families = match &config.families {
        None => Families::embedded()?,
        Some(folder) => {
            let (families, refused) = Families::with_good_pages_of(folder)?;
            for page in refused {
                warn!(%page, "a page of a family is wrong and left out");
            }
            families
        }
    };
    let store: Arc<dyn Store> = Arc::new(SqliteStore::create(&config.store.path)?);
    let receivers = config
        .receivers
        .iter()
        .map(receiver)
        .collect::<Result<Vec<_>, _>>()?;
    let options = Options {
        commit_every: Duration::from_secs(config.store.commit_seconds.into()),
        commit_telegrams: usize::try_from(config.store.commit_telegrams)?,
        retention: Retention {
            raw_days: config.store.raw_days,
            live_days: config.store.live_days,
            ..Retention::default()
        },
        accept: config.accept,
    };
    let stop = Arc::new(AtomicBool::new(false));
    let intake = Intake::new(store.clone(), families, options, stop.clone())?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    let listener = runtime.block_on(Listener::bind(&config.api.listen))?;
    info!(api = %listener, store = %config.store.path.display(), "ready");
    let listening = thread::Builder::new()
        .name("intake".to_owned())
        .spawn(move || intake.run(receivers))?;
    let watching = {
        let (store, stop) = (Arc::clone(&store), Arc::clone(&stop));
        thread::Builder::new()
            .name("watch".to_owned())
            .spawn(move || crate::alerts::watch(store, stop))?
    };
    runtime.block_on(serve(listener, store, stop))?;
    if watching.join().is_err() {
        tracing::error!("the watch ended in an error of the program");
    }
    let outcomes = listening
        .join()
        .map_err(|_| "the intake ended in an error of the program")??;
    info!(?outcomes, "stopped, everything heard is stored");
    Ok(Done::Whole)
}

/// Answers until a signal comes, then tells everybody.
pub(super) async fn serve(
    listener: Listener,
    store: Arc<dyn Store>,
    stop: Arc<AtomicBool>,
) -> std::io::Result<()> {
    let (told, mut tell) = watch::channel(());
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    tokio::spawn(async move {
        tokio::select! {
            _ = tokio::signal::ctrl_c() => {}
            _ = terminate.recv() => {}
        }
        info!("stopping");
        stop.store(true, Ordering::Relaxed);
        let _ = told.send(());
    });
    let context = api::Context::new(store).with_serials(super::registry::address_of_serial);
    api::serve(listener, context, async move {
        let _ = tell.changed().await;
    })
    .await;
    Ok(())
}

/// The receiver that a block of the configuration describes.
fn receiver(config: &config::Receiver) -> Result<Box<dyn Receiver>, Box<dyn Error + Send + Sync>> {
    let origin = Origin::new(&config.name).in_zone(TimeZone::get(&config.time_zone)?);
    let named = |path: &Path, error: std::io::Error| {
        format!("receiver {:?}: {}: {error}", config.name, path.display())
    };
    let live = match config.times {
        Times::Now => Clock::Now,
        Times::Recorded => Clock::RecordedOrNow,
    };
    if let Some(path) = &config.file {
        return Ok(if config.follow {
            Box::new(Growing::new(path, origin))
        } else {
            Box::new(File::open(path, origin).map_err(|error| named(path, error))?)
        });
    }
    if let Some(path) = &config.pipe {
        return Ok(Box::new(
            Stream::pipe(path, origin, live).map_err(|error| named(path, error))?,
        ));
    }
    if let Some(settings) = config.dongle()? {
        return Ok(Box::new(Dongle::new(settings)));
    }
    if let Some(address) = &config.tcp {
        let stream = Stream::tcp(address, origin, live);
        return Ok(Box::new(
            stream.map_err(|error| named(Path::new(address), error))?,
        ));
    }
    if let Some(path) = &config.unix {
        return Ok(Box::new(
            Stream::unix(path, origin, live).map_err(|error| named(path, error))?,
        ));
    }
    if let Some(address) = &config.udp {
        let stream = Stream::udp(address, origin, live);
        return Ok(Box::new(
            stream.map_err(|error| named(Path::new(address), error))?,
        ));
    }
    if let Some((program, arguments)) = config.command.split_first() {
        let stream = Stream::command(program, arguments, origin, live);
        return Ok(Box::new(
            stream.map_err(|error| named(Path::new(program), error))?,
        ));
    }
    Ok(Box::new(Stream::stdin(origin, live)?))
}

/// Log lines on standard error, where systemd and people look for them; `RELEVE_LOG=debug` says more.
pub(super) fn log() {
    let level = std::env::var("RELEVE_LOG")
        .ok()
        .and_then(|level| level.parse().ok())
        .unwrap_or(tracing::Level::INFO);
    let terminal = std::io::IsTerminal::is_terminal(&std::io::stderr());
    // A second call, in a test process, finds the first one's subscriber and changes nothing.
    let _ = tracing_subscriber::fmt()
        .with_max_level(level)
        .with_writer(std::io::stderr)
        .with_ansi(terminal)
        .try_init();
}
