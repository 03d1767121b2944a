//! Where commands that listen take their telegrams from: a configuration's receivers, a dongle, a file, standard input.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::config::{self, Config};
use crate::intake::{Ears, open};

/// What to listen to.
#[derive(clap::Args, Debug, Clone)]
pub(super) struct SourceArgs {
    /// A file of telegrams in any format that replay reads; - for standard input.
    #[arg(value_name = "FILE|-", conflicts_with_all = ["config", "device"])]
    input: Option<PathBuf>,
    /// The receivers of a daemon's configuration. Stop the daemon first where they are dongles: a port has one reader.
    #[arg(long, value_name = "FILE", conflicts_with = "device")]
    config: Option<PathBuf>,
    /// A serial port with a dongle on it, or auto to look for one.
    #[arg(long, value_name = "PORT|auto")]
    device: Option<PathBuf>,
    /// What is plugged in there: im871a, iu891a, amb8465, rc1180, cul or rawtty; asked when nothing is said.
    #[arg(long, requires = "device")]
    model: Option<String>,
    /// Link modes to hear at once, as the dongle can.
    #[arg(long, value_delimiter = ',', default_value = "C,T")]
    modes: Vec<String>,
    /// End after so many seconds.
    #[arg(long = "for", value_name = "SECONDS")]
    seconds: Option<u64>,
}

impl SourceArgs {
    /// How long to listen, when somebody said so.
    pub(super) fn duration(&self) -> Option<Duration> {
        self.seconds.map(Duration::from_secs)
    }

    /// The daemon's configuration, when that is what to listen to.
    ///
    /// # Errors
    /// It can't be read, or is wrong.
    pub(super) fn config(&self) -> Result<Option<Config>, config::ConfigError> {
        self.config.as_deref().map(Config::read).transpose()
    }

    /// Begins to listen; `stop` ends it.
    ///
    /// # Errors
    /// Nothing to listen to, or it is not there; which, and what to do.
    pub(super) fn ears(&self, stop: &Arc<AtomicBool>) -> Result<Ears, Box<dyn Error + Send + Sync>> {
        let receivers = match (self.config()?, &self.device, &self.input) {
            (Some(config), ..) => config.receivers,
            (_, Some(device), _) => {
                let mut receiver = config::Receiver::named("dongle");
                receiver.device = Some(device.clone());
                receiver.model.clone_from(&self.model);
                receiver.modes.clone_from(&self.modes);
                vec![receiver]
            }
            (_, _, Some(input)) => {
                let mut receiver = config::Receiver::named("file");
                if input == Path::new("-") {
                    receiver.stdin = true;
                } else {
                    receiver.file = Some(input.clone());
                    receiver.follow = false;
                }
                receiver.times = config::Times::Recorded;
                vec![receiver]
            }
            _ => {
                return Err("nothing to listen to: name a file, - for standard input, --config FILE, or --device PORT \
                            --model MODEL (`releve radios` shows what is plugged in)"
                    .into());
            }
        };
        if receivers.is_empty() {
            return Err("the configuration has no receiver: add a [[receiver]] block".into());
        }
        let receivers = receivers.iter().map(open).collect::<Result<Vec<_>, _>>()?;
        Ok(Ears::new(receivers, stop))
    }
}

/// A flag that Ctrl-C and SIGTERM set.
///
/// # Errors
/// The system lets nobody wait for signals.
pub(super) fn stop_on_signals() -> std::io::Result<Arc<AtomicBool>> {
    let stop = Arc::new(AtomicBool::new(false));
    let told = Arc::clone(&stop);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    // Begun here, so that no signal is missed.
    let mut terminate = {
        let _inside = runtime.enter();
        tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?
    };
    std::thread::spawn(move || {
        runtime.block_on(async {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminate.recv() => {}
            }
        });
        told.store(true, Ordering::Relaxed);
    });
    Ok(stop)
}
